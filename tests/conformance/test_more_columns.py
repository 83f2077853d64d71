"""Columns, codes and kinds of sensors that a MIB names and no recording shows, family by family."""

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected
from tests.conformance.published_alerts import flexible

ALARM = "dcim_device_alarm_active"
AVTECH, ATS = "1.3.6.1.4.1.20916.1", "1.3.6.1.4.1.318.1.1.8.5"
CMC3, EPDU, PANDUIT = "1.3.6.1.4.1.2606.7", "1.3.6.1.4.1.534.6.6.7", "1.3.6.1.4.1.19536.10.1"
LIEBERT = "1.3.6.1.4.1.476.1.42"
STULZ, ELTEK, AKCP = "1.3.6.1.4.1.29462.10.2.1.1.1.1.1.1.1", "1.3.6.1.4.1.12148.10", "1.3.6.1.4.1.3854.1"


def variable(row: str, name: bytes, unit: bytes, scale: int, value: int) -> dict[str, SnmpValue]:
    """A row of cmcIIIVarTable."""
    columns: dict[int, SnmpValue] = {3: name, 4: 2, 5: unit, 7: scale, 11: value}
    return {f"4.2.2.1.{column}.{row}": cell for column, cell in columns.items()}


def switch(orientation: int, *volts: int) -> dict[str, SnmpValue]:
    """A rack transfer switch with sources of this orientation."""
    inputs: dict[str, SnmpValue] = {f"3.2.1.{column}.{row}": 50 for column in (4,) for row in (1, 2)}
    lines: dict[str, SnmpValue] = {
        f"{table}.3.1.3.{source}.{line}": cell
        for table, sources in ((3, (1, 2)), (4, (1,)))
        for source in sources
        for line, cell in enumerate(volts, 1)
    }
    return {"1.2.0": 1, "3.2.1.3.1": orientation, "4.2.1.3.1": orientation, "4.3.1.19.1.1": 3, **inputs, **lines}


def both(key: str, labels: str, volts: float) -> dict[str, float]:
    """A voltage of both sources, and of the output."""
    sources = {f"dcim_ats_source{key}{{{labels},source={source}}}": volts for source in ("a", "b")}
    return {**sources, f"dcim_ats_output{key}{{{labels}}}": volts}


HERTZ = {f"dcim_ats_source_frequency_hertz{{source={source}}}": 50.0 for source in ("a", "b")}
NEAR = {"dcim_ats_selected_source": "a", "dcim_pdu_load_state{phase=L1,scope=phase}": "near_overload"}


def socket(*values: int) -> dict[str, SnmpValue]:
    """What the first digital socket of a Room Alert says."""
    return {f"2.1.{place}.0": value for place, value in enumerate(values, 1)}


CASES = {
    "a thermocouple at a Room Alert 32S is no humidity": MibDevice(
        "avtech-roomalert32s",
        f"{AVTECH}.11.1",
        socket(2250, 7250, 4810, 11_858, 0),
        {"dcim_env_temperature_celsius{sensor=external1}": 22.5},
    ),
    "nor is a speed of air": MibDevice(
        "avtech-roomalert32s",
        f"{AVTECH}.11.1",
        socket(2250, 7250, 310, 61_000, 1200, 706),
        {"dcim_env_temperature_celsius{sensor=external1}": 22.5},
    ),
    "a probe of humidity at a Room Alert 32S has a dew point": MibDevice(
        "avtech-roomalert32s",
        f"{AVTECH}.11.1",
        socket(2250, 7250, 4150, 7200, 2222, 876, 4777),
        {
            "dcim_env_temperature_celsius{sensor=external1}": 22.5,
            "dcim_env_relative_humidity_ratio{sensor=external1}": 0.415,
            "dcim_env_dew_point_celsius{sensor=external1}": 8.764035,
        },
    ),
    "a probe of humidity at a Room Alert 4E": MibDevice(
        "avtech-roomalert4e",
        f"{AVTECH}.6.1",
        socket(22, 72, 41, 71, 22),
        {
            "dcim_env_temperature_celsius{sensor=external1}": 22.0,
            "dcim_env_relative_humidity_ratio{sensor=external1}": 0.41,
            "dcim_env_dew_point_celsius{sensor=external1}": 8.135609,
        },
    ),
    "a probe of temperature alone at a Room Alert 24E": MibDevice(
        "avtech-roomalert24e",
        f"{AVTECH}.5.1",
        {"1.1.2.0": 2345, **socket(2250, 7250, 0, 0, 0)},
        {
            "dcim_env_temperature_celsius{sensor=internal}": 23.45,
            "dcim_env_temperature_celsius{sensor=external1}": 22.5,
        },
    ),
    "a TemPageR 3E with a probe of temperature": MibDevice(
        "avtech-roomalert24e",
        f"{AVTECH}.7.1",
        {"1.1.1.0": 2345, "1.1.2.0": 7421, **socket(2250, 7250, 0, 0)},
        {
            "dcim_env_temperature_celsius{sensor=internal}": 23.45,
            "dcim_env_temperature_celsius{sensor=external1}": 22.5,
        },
    ),
    "supplies and sensor buses of a CMC III that draws too much, and a meter on its bus": MibDevice(
        profile="rittal-cmc3",
        root=CMC3,
        answers={
            "2.1.0": 3,
            **variable("1.40", b"System.CAN1 Current.Value", b"mA", 1, 140),
            **variable("1.41", b"System.CAN1 Current.SetPtHighAlarm", b"mA", 1, 2000),
            **variable("1.64", b"System.Supply 24V.Value", b"V", -1000, 23_580),
            **variable("4.1", b"Total.Frequency.Value", b"Hz", -10, 500),
            **variable("4.26", b"Phase L1.Voltage.Value", b"V", -10, 2_292),
            **variable("4.34", b"Phase L1.Voltage.THD.Value", b"%", 0, 0),
            **variable("4.36", b"Phase L1.Current.Value", b"A", -100, 473),
            **variable("4.47", b"Phase L1.Power.Active.Value", b"W", 1, 1_041),
        },
        values={
            "dcim_env_current_amperes{sensor=1.System.CAN1_Current.Value}": 0.14,
            "dcim_env_voltage_volts{sensor=1.System.Supply_24V.Value}": 23.58,
            "dcim_env_frequency_hertz{sensor=4.Total.Frequency.Value}": 50.0,
            "dcim_env_voltage_volts{sensor=4.Phase_L1.Voltage.Value}": 229.2,
            "dcim_env_current_amperes{sensor=4.Phase_L1.Current.Value}": 4.73,
            "dcim_env_power_watts{sensor=4.Phase_L1.Power.Active.Value}": 1_041.0,
        },
        states={"dcim_device_state": "degraded"},
    ),
    "a transfer switch of APC on a split phase, whose third voltage is that of both halves": MibDevice(
        profile="apc-ats",
        root=ATS,
        answers=switch(3, 121, 119, 240),
        values={
            **both("_voltage_volts", "phase=L1", 121.0),
            **both("_voltage_volts", "phase=L2", 119.0),
            **both("_line_voltage_volts", "line=L1-L2", 240.0),
            **HERTZ,
        },
        states=NEAR,
    ),
    "one that measures between phases": MibDevice(
        profile="apc-ats",
        root=ATS,
        answers=switch(5, 401, 402, 403),
        values={
            **both("_line_voltage_volts", "line=L1-L2", 401.0),
            **both("_line_voltage_volts", "line=L2-L3", 402.0),
            **both("_line_voltage_volts", "line=L3-L1", 403.0),
            **HERTZ,
        },
        states=NEAR,
    ),
    "one of a single phase, whose second source has lost its boost voltage": MibDevice(
        profile="apc-ats",
        root=ATS,
        answers={**switch(2, 230), "1.19.0": 2, "1.20.0": 1},
        values={
            **both("_voltage_volts", "phase=L1", 230.0),
            **HERTZ,
            f"{ALARM}{{alarm=supply-boost-a,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=supply-boost-b,severity=warning}}": 1.0,
        },
        states=NEAR,
    ),
    "the second ePDU of a chain is lost; one contact is inside, one outside, one not plugged in": MibDevice(
        "eaton-epdu",
        EPDU,
        {
            "1.2.1.3.0": b"EMA107",
            **{f"1.2.1.{column}.{unit}": int(column == 32 and unit == 1) for column in (30, 31, 32) for unit in (0, 1)},
            **{f"7.3.1.4.0.{contact}": int(contact == 1) for contact in (1, 2, 3)},
            "7.3.1.3.0.2": 1,
            "7.3.1.3.0.3": 0,
            "6.4.1.10.0.1": 61,
            "6.4.1.3.0.1": 6_100,
        },
        {
            **{
                f"{ALARM}{{alarm={name}.{unit},severity={severity}}}": float(unit == 1 and name == "daisy_chain")
                for name, severity in (
                    ("communication", "critical"),
                    ("internal", "critical"),
                    ("daisy_chain", "warning"),
                )
                for unit in (0, 1)
            },
            "dcim_env_contact_active{kind=dry_contact,sensor=0.1}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=0.2}": 0.0,
            "dcim_pdu_outlet_load_ratio{outlet=0.1}": 0.61,
            "dcim_pdu_outlet_current_amperes{outlet=0.1}": 6.1,
        },
    ),
    "a Panduit G6 with too much residual current, a door inside and a breaker that is off": MibDevice(
        profile="panduit-pdu",
        root=PANDUIT,
        answers={
            "1.2.1.9.1": 3,
            "2.1.1.2.1": 50_012,
            "2.1.1.5.1": 1_180,
            "2.2.1.2.1.1": 2,
            "2.2.1.11.1.1": 512,
            "2.2.1.12.1.1": 4,
            **{f"2.3.1.{column}.1": cell for column, cell in ((1, 1), (2, 2), (8, 5), (9, 212))},
            **{f"3.1.1.{column}.1.1": cell for column, cell in ((3, 2), (12, 0), (13, 6), (26, 3))},
            "4.4.1.4.1.1": 1,
            **{f"5.1.1.{column}.1.1": cell for column, cell in ((3, 1), (5, 120), (11, 12), (13, 270))},
        },
        values={
            "dcim_pdu_input_frequency_hertz{inlet=1}": 50.012,
            "dcim_pdu_input_power_watts{inlet=1}": 1_180.0,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 5.12,
            "dcim_pdu_residual_current_amperes{inlet=1,kind=ac}": 0.212,
            f"{ALARM}{{alarm=residual_current.1,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=residual_current_module.1,severity=warning}}": 0.0,
            "dcim_pdu_bank_current_amperes{bank=1.1}": 0.0,
            "dcim_pdu_breaker_tripped{bank=1.1}": 1.0,
            "dcim_env_contact_active{kind=door,sensor=1.1}": 1.0,
            "dcim_pdu_outlet_current_amperes{outlet=1.1}": 1.2,
            "dcim_pdu_outlet_load_ratio{outlet=1.1}": 0.12,
            "dcim_pdu_outlet_power_watts{outlet=1.1}": 270.0,
        },
        states={
            "dcim_device_state": "degraded",
            "dcim_pdu_load_state{inlet=1,phase=L1,scope=phase}": "near_overload",
        },
        bad={"dcim_pdu_load_state{bank=1.1,scope=bank}": "sentinel"},
    ),
    "a Stulz unit with two sensors of its supply, one of them not fitted": MibDevice(
        "stulz-wib8000",
        STULZ,
        {"1192.1.1.1": 241, "1193.1.1.1": 999, "1248.1.1.1": 182, "10268.1.1.1": -35},
        {
            "dcim_crah_return_air_temperature_celsius{unit=1.1}": 24.1,
            "dcim_crah_air_temperature_celsius{sensor=supply-2,unit=1.1}": 18.2,
            "dcim_crah_air_temperature_celsius{sensor=fcb-outside,unit=1.1}": -3.5,
        },
        bad={"dcim_crah_supply_air_temperature_celsius{unit=1.1}": "sentinel"},
    ),
    "a Stulz unit with water under its floor, beside one whose air does not flow": MibDevice(
        "stulz-wib8000",
        "1.3.6.1.4.1.29462.10.2.1",
        {
            **{f"1.1.1.1.1.1.1192.1.{unit}.1": 241 for unit in (1, 2)},
            **{f"4.4.1.1.1.{column}.1.1.1": code for column, code in ((1010, 1), (8500, 0), (8505, 1), (8608, 0))},
            **{f"4.4.1.1.1.{column}.1.2.1": code for column, code in ((1010, 1), (8500, 1), (8505, 0), (8608, 0))},
            "4.2.1.1.8.1.1.1": 0,
        },
        {
            "dcim_leak_detected{sensor=water.1.1}": 1.0,
            "dcim_leak_detected{sensor=water.1.2}": 0.0,
            f"{ALARM}{{alarm=airflow.1.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=airflow.1.2,severity=critical}}": 1.0,
            **{f"dcim_crah_return_air_temperature_celsius{{unit=1.{unit}}}": 24.1 for unit in (1, 2)},
            f"{ALARM}{{alarm=common.1.1,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=common.1.2,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=water-flow.1.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=general-error.1.1,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=water-flow.1.2,severity=critical}}": 0.0,
        },
    ),
    "a transfer switch with a generator, one source tripped and a failed test": MibDevice(
        profile="apc-ats",
        root="1.3.6.1.4.1.318.1.1",
        answers={
            **{f"17.{tail}.0": code for tail, code in (("3.1.1", 2), ("3.1.2", 3), ("4.1.2", 2), ("4.2.2", 3))},
            "17.5.2.2.0": 9,
            "17.4.1.6.0": 3,
            "17.4.1.3.0": 499,
            "17.4.3.1.0": 501,
            **{f"17.4.3.12.1.{column}.1": cell for column, cell in ((3, 2_301), (4, 41), (5, 92), (6, 94))},
            **{f"17.6.3.1.4.{contact}": contact for contact in (1, 2)},
            "18.1.2.2.0": 10,
            "18.1.3.5.0": 3,
            "18.1.3.6.0": 2,
        },
        values={
            f"{ALARM}{{alarm=not-in-automatic,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=source-a-tripped,severity=critical}}": 0.0,
            f"{ALARM}{{alarm=source-b-tripped,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=transfer-test-failed,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=generator-stopped,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=generator-not-in-automatic,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=generator-coolant-low,severity=warning}}": 1.0,
            "dcim_ats_source_frequency_hertz{source=a}": 49.9,
            "dcim_ats_output_frequency_hertz": 50.1,
            "dcim_ats_output_voltage_volts{phase=L1}": 230.1,
            "dcim_ats_output_current_amperes{phase=L1}": 41.0,
            "dcim_ats_output_power_watts{phase=L1}": 9_200.0,
            "dcim_ats_output_apparent_power_voltamperes{phase=L1}": 9_400.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=1}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=2}": 1.0,
        },
        states={"dcim_ats_selected_source": "a"},
    ),
    "an InRow SC whose input is closed": MibDevice(
        "apc-inrow",
        "1.3.6.1.4.1.318.1.1.13.3",
        {"1.1.0": 2, "4.1.2.9.0": 181, "4.1.2.24.0": 655, "4.1.2.25.0": 402, "4.1.2.26.0": 2},
        {
            "dcim_device_alarms": 2.0,
            "dcim_crah_supply_air_temperature_celsius": 18.1,
            "dcim_crah_fan_speed_ratio": 0.655,
            "dcim_crah_fan_speed_ratio{fan=condenser}": 0.402,
            "dcim_env_contact_active{kind=dry_contact,sensor=input}": 1.0,
        },
    ),
    "a sensor at an rPDU2 that is too warm and measures no humidity": MibDevice(
        "apc-rpdu2",
        "1.3.6.1.4.1.318.1.1.26",
        {f"10.2.2.1.{column}.1": cell for column, cell in ((6, 2), (8, 391), (9, 5), (10, -1), (11, 1))},
        {
            "dcim_env_temperature_celsius{sensor=1}": 39.1,
            f"{ALARM}{{alarm=sensor-temperature.1,severity=warning}}": 1.0,
        },
        bad={"dcim_env_relative_humidity_ratio{sensor=1}": "sentinel"},
    ),
    "an InRow RD with a hot gas bypass": MibDevice(
        "apc-inrow",
        "1.3.6.1.4.1.318.1.1.13.4",
        {"3.1.0": 1, "5.2.1.9.0": 176, "5.2.1.29.0": 1_250, "5.2.2.3.0": 100, "5.2.2.8.0": 120, "5.2.2.7.1.2.1": 110},
        {
            "dcim_device_alarms": 1.0,
            "dcim_crah_supply_air_temperature_celsius": 17.6,
            "dcim_crah_valve_position_ratio{valve=hot-gas}": 0.125,
            "dcim_crah_compressor_running_seconds_total{compressor=1}": 360_000.0,
            "dcim_crah_running_seconds_total": 432_000.0,
            "dcim_crah_fan_running_seconds_total{fan=evaporator.1}": 396_000.0,
        },
    ),
    "contacts at an rPDU2: a door that alarms, no smoke, a leak, and a port with nothing": MibDevice(
        "apc-rpdu2",
        "1.3.6.1.4.1.318.1.1.26",
        {
            f"10.4.2.1.{column}.{row}": cell
            for row, kind, comms, alarm in ((1, 2, 2, 2), (2, 3, 2, 1), (3, 7, 2, 2), (4, 1, 1, 1))
            for column, cell in ((5, kind), (6, comms), (8, alarm))
        },
        {
            "dcim_env_contact_active{kind=door,sensor=1}": 1.0,
            "dcim_env_contact_active{kind=smoke,sensor=2}": 0.0,
            "dcim_leak_detected{sensor=3}": 1.0,
        },
    ),
    "an Eltek plant on its battery, which says percent": MibDevice(
        profile="eltek-smartpack",
        root=ELTEK,
        answers={
            "2.1.0": 10,
            "2.3.0": 4,
            "2.17.0": 1,
            "3.1.0": 3,
            "9.3.0": 6,
            "10.1.0": 1,
            "10.4.0": 9,
            "10.5.1.0": 1,
            "10.5.5.0": 4_810,
            "10.9.1.0": 1,
            "10.9.5.0": 64,
        },
        values={
            "dcim_ups_battery_voltage_volts": 48.1,
            "dcim_ups_battery_charge_ratio": 0.64,
            f"{ALARM}{{alarm=mains,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=battery,severity=warning}}": 0.0,
            f"{ALARM}{{alarm=battery-fuse,severity=warning}}": 1.0,
        },
        states={"dcim_device_state": "failed"},
        bad={"dcim_ups_battery_charge_state": "sentinel"},
    ),
    "an Eltek plant that equalizes, and says ampere-hours": MibDevice(
        profile="eltek-smartpack",
        root=ELTEK,
        answers={"2.3.0": 6, "2.17.0": 0, "10.5.1.0": 1, "10.5.5.0": 5_600, "10.9.1.0": 1, "10.9.5.0": 190},
        values={"dcim_ups_battery_voltage_volts": 56.0},
        states={"dcim_ups_battery_charge_state": "charging"},
    ),
    "a fan's code under another label is no fan": MibDevice(
        "liebert-flexible",
        f"{LIEBERT}.3.9.20.1",
        {
            **flexible(1, 5002, b"Supply Air Temperature", b"66.2", b"deg F"),
            **flexible(1, 5077, b"Condenser Normal Mode Max Fan Speed", b"80", b"%"),
            **flexible(1, 4291, b"Inlet Air Temperature", b"28", b"deg C"),
        },
        {"dcim_crah_supply_air_temperature_celsius": 19.0},
    ),
    "a Liebert HPC counts the water as the chiller does": MibDevice(
        "liebert-flexible",
        f"{LIEBERT}.3.9.20.1",
        {
            **flexible(1, 4240, b"System Model Number", b"Liebert HPC", b""),
            **flexible(2, 4643, b"Supply Fluid Temperature", b"10.1", b"deg C"),
            **flexible(2, 5288, b"Return Fluid Temperature", b"15.4", b"deg C"),
        },
        {
            "dcim_crah_water_return_temperature_celsius{circuit=evaporator}": 10.1,
            "dcim_crah_water_supply_temperature_celsius{circuit=evaporator}": 15.4,
        },
    ),
    "a Liebert cooling unit with a common alarm, and how many it has": MibDevice(
        profile="liebert-crah",
        root=f"{LIEBERT}.3",
        answers={"4.3.1.0": 1, "4.3.8.0": 1, "2.2.0": 3},
        values={f"{ALARM}{{alarm=general,severity=warning}}": 1.0, "dcim_device_alarms": 3.0},
        states={"dcim_crah_unit_state": "running"},
    ),
    "what is wrong with a Liebert cooling unit, by the names of both of its MIBs": MibDevice(
        profile="liebert-crah",
        root=f"{LIEBERT}.3",
        answers={
            "4.3.1.0": 1,
            "2.2.0": 7,
            **{
                f"2.3.1.2.{row}": f"{LIEBERT}.3.2.{condition}"
                for row, condition in (
                    (3, "1.14"),
                    (4, "1.7.2"),
                    (9, "7.1.5053"),
                    (12, "7.1.5118"),
                    (13, "1.144.2"),
                    (14, "1.136"),
                    (17, "7.1.4720"),
                )
            },
            # Still listed, as nobody has acknowledged it.
            "2.3.1.12.3": 1,
            "2.3.1.12.9": 1,
            "2.3.1.12.17": 2,
        },
        values={
            f"{ALARM}{{alarm=water_under_floor,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=compressor_2_high_head_pressure,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=loss_of_airflow,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=filter_clogged,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=return_air_high_humidity,severity=warning}}": 1.0,
            "dcim_device_alarms": 7.0,
        },
        states={"dcim_crah_unit_state": "running"},
    ),
    "what is wrong with a Liebert cooling unit that tells itself in text": MibDevice(
        profile="liebert-flexible",
        root=f"{LIEBERT}.3",
        answers={
            **{
                f"9.20.1.{place}": cell
                for place, cell in flexible(1, 5002, b"Supply Air Temperature", b"28.4", b"deg C").items()
            },
            "2.2.0": 1,
            "2.3.1.2.8": f"{LIEBERT}.3.2.7.1.4980",
        },
        values={
            "dcim_crah_supply_air_temperature_celsius": 28.4,
            "dcim_device_alarms": 1.0,
            f"{ALARM}{{alarm=loss_of_water_flow,severity=critical}}": 1.0,
        },
    ),
    "what is wrong with a Liebert UPS, by its own names beside those of UPS-MIB": MibDevice(
        profile="liebert-ups",
        root="1.3.6.1",
        answers={
            "4.1.476.1.42.3.5.3.55.0": 3,
            "2.1.33.1.6.1.0": 1,
            "2.1.33.1.6.2.1.2.4": "1.3.6.1.2.1.33.1.6.3.13",
            "4.1.476.1.42.3.2.2.0": 4,
            **{
                f"4.1.476.1.42.3.2.3.1.2.{row}": f"{LIEBERT}.3.2.{condition}"
                for row, condition in ((1, "1.51.10.2"), (2, "1.193"), (3, "7.1.5158"), (4, "1.64"))
            },
        },
        values={
            "dcim_device_alarms": 1.0,
            f"{ALARM}{{alarm=charger_failed,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=battery_disconnect_2_open,severity=critical}}": 1.0,
            f"{ALARM}{{alarm=bypass_unavailable,severity=warning}}": 1.0,
            f"{ALARM}{{alarm=power_module_failure,severity=critical}}": 1.0,
        },
        states={"dcim_ups_output_source": "normal"},
    ),
    "an AKCP sensorProbe with tenths of humidity at one port, whole percent at the other": MibDevice(
        profile="akcp-sensorprobe",
        root=AKCP,
        answers={
            "1.2.0": 3,
            **{f"2.2.1.17.1.{column}.0": cell for column, cell in ((1, b"Hall"), (3, 41), (4, 2), (5, 1), (13, 414))},
            **{f"2.2.1.17.1.{column}.1": cell for column, cell in ((1, b"Row"), (3, 52), (4, 5), (5, 1), (13, 0))},
        },
        values={
            "dcim_env_relative_humidity_ratio{sensor=0.Hall}": 0.414,
            "dcim_env_relative_humidity_ratio{sensor=1.Row}": 0.52,
            **{
                f"{ALARM}{{alarm=humidity.{sensor},severity={severity}}}": float(
                    sensor == "1.Row" and severity == "warning"
                )
                for sensor in ("0.Hall", "1.Row")
                for severity in ("critical", "warning")
            },
        },
        states={"dcim_device_state": "degraded"},
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_a_mib_names_is_read_as_it_says(name: str) -> None:
    await assert_read_as_expected(CASES[name])
