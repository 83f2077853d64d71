"""Devices written down from a MIB, and from how other projects scale its objects, by somebody who had not seen the profile."""

import pytest

from agent.lab.replay import replay_snmp
from agent.snmp.seam import SnmpValue
from rackflow.recording.snmprec import Record
from tests.agent.shipped import shipped_profiles

ENTITY, MGE, XUPS = "1.3.6.1.2.1", "1.3.6.1.4.1.705.1", "1.3.6.1.4.1.534.1"
ITA2 = "1.3.6.1.4.1.13400.2.54.2"
ALERT = "1.3.6.1.4.1.20916.1"
EPDU, NETBOTZ = "1.3.6.1.4.1.534.6.6.7", "1.3.6.1.4.1.5528.100.4.2.10.1"
STE2 = "1.3.6.1.4.1.21796.4.9.3.1"
CPS, IBM = "1.3.6.1.4.1.3808.1.1.3", "1.3.6.1.4.1.2.6.223.8.2.2.1"
# ePDULoadStatusTable: a phase and the bank behind it, which is near its limit; limits, outlets and supplies of the unit
EPDU_OF_CPS: dict[str, SnmpValue] = {
    **{
        f"{CPS}.2.3.1.1.{column}.{row}": cell
        for row, bank, state in ((1, 0, 1), (2, 1, 3))
        for column, cell in ((2, 85), (3, state), (4, 1), (5, bank), (6, 2_304), (7, 1_800), (8, 1_950), (9, 92))
    },
    f"{CPS}.2.2.1.1.3.1": 13,
    f"{CPS}.2.2.1.1.4.1": 16,
    f"{CPS}.2.4.1.1.3.1": 8,
    f"{CPS}.2.1.6.1.2.1": 1,
    f"{CPS}.2.1.6.1.3.1": 10,
    f"{CPS}.4.3.0": 2,
    **{f"{CPS}.3.5.1.1.{column}.1": cell for column, cell in ((4, 1), (7, 12), (8, 260), (13, 431))},
}


def sensor(row: int, kind: int, precision: int, value: int) -> dict[str, SnmpValue]:
    """A row of entPhySensorTable in whole units."""
    columns = {1: kind, 2: 9, 3: precision, 4: value, 5: 1}
    return {f"{ENTITY}.99.1.1.1.{column}.{row}": cell for column, cell in columns.items()} | {
        f"{ENTITY}.47.1.1.1.1.7.{row}": b"Inlet"
    }


def galaxy(tenths: int) -> dict[str, SnmpValue]:
    """A Galaxy with three phases in and out, all of one voltage."""
    lines = {f"{MGE}.{end}.2.1.2.{line}": tenths for end in (6, 7) for line in (1, 2, 3)}
    return {f"{MGE}.1.1.0": b"Galaxy", f"{MGE}.6.1.0": 3, f"{MGE}.7.1.0": 3, **lines}


def delta(kinds: tuple[int, int, int]) -> dict[str, SnmpValue]:
    """The voltages of a UPS of Powerware, each row with what xupsInputId, xupsOutputId and xupsBypassId say of it."""
    columns = ("3.4.1.2", "3.4.1.5"), ("4.4.1.2", "4.4.1.5"), ("5.3.1.2", "5.3.1.3")
    return {
        f"{XUPS}.{column}.{row}": cell
        for volts, kind in columns
        for row in (1, 2, 3)
        for column, cell in ((volts, 207 + row), (kind, kinds[row - 1]))
    }


def leak(row: int, text: bytes) -> dict[str, SnmpValue]:
    """A row of otherStateSensorTable."""
    return {f"{NETBOTZ}.1.{row}": b"nbLeak_%d" % row, f"{NETBOTZ}.7.{row}": text}


def probe(row: int, name: bytes, state: int, unit: int) -> dict[str, SnmpValue]:
    """A row of the STE2's sensTable."""
    return {f"{STE2}.2.{row}": name, f"{STE2}.3.{row}": state, f"{STE2}.7.{row}": unit}


AKCP: dict[str, dict[str, SnmpValue]] = {
    profile: {
        f"{root}.{column}.{index}{port}": cell
        for port, (state, value) in enumerate(((2, 24), (7, 85), (3, 31)))
        for column, cell in ((names, b"Row"), (states, state), (online, 1), (unit, celsius), (tenths, value))
    }
    for profile, root, index, (names, states, online, unit, tenths), celsius in (
        ("akcp-sensorprobe", "1.3.6.1.4.1.3854.1.2.2.1.16.1", "", (1, 4, 5, 12, 14), 1),
        ("akcp-sensorprobe-plus", "1.3.6.1.4.1.3854.3.5.2.1", "0.0.", (2, 6, 8, 5, 20), b"C"),
        ("akcp-securityprobe", "1.3.6.1.4.1.3854.2.3.2.1", "0.", (2, 6, 8, 5, 4), b"C"),
    )
}
# What tells nothing of its limits measures all the same; at a port without a sensor an old number may stand. 0 is no state of the MIB.
AKCP_PORTS = ((1, 1, 24), (1, 2, 85), (0, 1, 31), (0, 2, 32), (5, 1, 18))  # state, online (1) or not (2), value
AKCP_NO_STATUS: dict[str, dict[str, SnmpValue]] = {
    profile: {
        f"{root}.{column}.{index}{port}": cell
        for port, (state, online, value) in enumerate(AKCP_PORTS)
        for column, cell in ((names, b"Row"), (states, state), (onlines, online), (unit, celsius), (number, value))
    }
    for profile, root, index, (names, states, onlines, unit, number), celsius in (
        ("akcp-sensorprobe", "1.3.6.1.4.1.3854.1.2.2.1.16.1", "", (1, 4, 5, 12, 3), 1),
        ("akcp-sensorprobe-plus", "1.3.6.1.4.1.3854.3.5.2.1", "0.0.", (2, 6, 8, 5, 4), b"C"),
        ("akcp-securityprobe", "1.3.6.1.4.1.3854.2.3.2.1", "0.", (2, 6, 8, 5, 4), b"C"),
    )
}


def variable(row: int, name: str, kind: int, unit: str, scale: int, text: str, number: int) -> dict[str, SnmpValue]:
    """A row of Rittal's cmcIIIVarTable."""
    cells: dict[int, SnmpValue] = {3: name.encode(), 4: kind, 5: unit.encode(), 7: scale, 10: text.encode(), 11: number}
    return {f"1.3.6.1.4.1.2606.7.4.2.2.1.{column}.2.{row}": cell for column, cell in cells.items()}


LIEBERT_DC = "1.3.6.1.4.1.476.1.42.3.5.2.4.1"
PWT = "1.3.6.1.4.1.42610.1.4.4.1.6.2"
VOLTS = "dcim_ups_input_voltage_volts", "dcim_ups_output_voltage_volts"
ASCO = "1.3.6.1.4.1.7777.1.1"
LINES = "dcim_ups_input_line_voltage_volts", "dcim_ups_output_line_voltage_volts"
PHASES, PAIRS = ("L1", "L2", "L3"), ("L1-L2", "L2-L3", "L3-L1")
TLP = "1.3.6.1.4.1.850.1.1.3.1.3.1"
BLADESHELTER_OUTLETS: dict[str, SnmpValue] = {
    f"{PWT}.1.1.0": 24,
    **{
        f"{PWT}.1.2.1.{column}.{row}": cell
        for row, cells in {1: (2, 526, 982, 11_114, 11_318, 2_291), 2: (1, 0, 0, 0, 0, 0)}.items()
        for column, cell in zip((2, 3, 4, 5, 9, 10), cells, strict=True)
    },
}
CASES: dict[str, tuple[str, dict[str, SnmpValue], str, dict[str, float]]] = {
    "the packs of a Tripp Lite UPS, of which the second has to be replaced": (
        "tripplite-ups",
        {f"{TLP}.2.1.5.1": 0, f"{TLP}.5.1.1.1.1": 1, f"{TLP}.5.1.1.1.2": 3},
        "dcim_device_alarm_active",
        {
            "dcim_device_alarm_active{alarm=battery.1,severity=warning}": 0.0,
            "dcim_device_alarm_active{alarm=battery.2,severity=warning}": 1.0,
            "dcim_device_alarm_active{alarm=charger_fault,severity=critical}": 0.0,
        },
    ),
    "a Tripp Lite UPS with one bad pack": (
        "tripplite-ups",
        {f"{TLP}.5.1.1.1.1": 3},
        "dcim_ups_battery_replace",
        {"dcim_ups_battery_replace_required": 1.0},
    ),
    "the temperature beside the pack of a Tripp Lite UPS": (
        "tripplite-ups",
        {f"{TLP}.5.1.2.1.1": 254, f"{ENTITY}.33.1.2.7.0": 25},
        "dcim_ups_battery_temperature",
        {"dcim_ups_battery_temperature_celsius": 25.4},
    ),
    "a Tripp Lite UPS without a sensor beside its pack": (
        "tripplite-ups",
        {f"{TLP}.5.1.2.1.1": 0, f"{ENTITY}.33.1.2.7.0": 25},
        "dcim_ups_battery_temperature",
        {"dcim_ups_battery_temperature_celsius": 25.0},
    ),
    # RFC 3433: -8 to -1 are the number of accurate digits.
    "24 degrees of which one digit is accurate": (
        "entity-sensor",
        sensor(10, 8, -1, 24),
        "dcim_env_temperature",
        {"dcim_env_temperature_celsius{sensor=Inlet}": 24.0},
    ),
    "a Galaxy that measures to neutral has no voltage between lines": (
        "eaton-mge",
        galaxy(2291),
        "dcim_ups",
        {f"{metric}{{phase={phase}}}": 229.1 for metric in VOLTS for phase in PHASES},
    ),
    "a Galaxy that measures between lines has no voltage to neutral": (
        "eaton-mge",
        galaxy(3991),
        "dcim_ups",
        {f"{metric}{{line={pair}}}": 399.1 for metric in LINES for pair in PAIRS},
    ),
    "rows of XUPS-MIB that are between two phases": (
        "eaton-xups",
        delta((4, 5, 6)),
        "dcim_ups",
        {
            f"dcim_ups_{end}_line_voltage_volts{{line={pair}}}": 208.0 + row
            for end in ("input", "output", "bypass")
            for row, pair in enumerate(PAIRS)
        },
    ),
    "rows of XUPS-MIB that are to neutral": (
        "eaton-xups",
        delta((1, 2, 3)),
        "dcim_ups",
        {
            f"dcim_ups_{end}_voltage_volts{{phase={phase}}}": 208.0 + row
            for end in ("input", "output", "bypass")
            for row, phase in enumerate(PHASES)
        },
    ),
    # "A negative value indicates that this object is not available"; other negative ones have been seen as readings.
    "-1 var of a rack PDU is no reading": (
        "eaton-epdu",
        {f"{EPDU}.3.5.1.4.0.1": 4120, f"{EPDU}.3.5.1.8.0.1": -1},
        "dcim_pdu",
        {"dcim_pdu_input_power_watts{inlet=0.1}": 4120.0},
    ),
    "a Room Alert 32S sends 0 for a probe that is not plugged in": (
        "avtech-roomalert32s",
        {f"{ALERT}.11.1.2.{probe}.{column}.0": cell for probe, cell in ((1, 2150), (2, 0)) for column in (1, 3)},
        "dcim_env_temperature",
        {"dcim_env_temperature_celsius{sensor=external1}": 21.5},
    ),
    "nor is its humidity one": (
        "avtech-roomalert32s",
        {f"{ALERT}.11.1.2.{probe}.{column}.0": cell for probe, cell in ((1, 2150), (2, 0)) for column in (1, 3)},
        "dcim_env_relative",
        {"dcim_env_relative_humidity_ratio{sensor=external1}": 0.215},
    ),
    "a Room Alert 4E sends 0 for a probe that is not plugged in": (
        "avtech-roomalert4e",
        {f"{ALERT}.6.1.2.1.1.0": 21, f"{ALERT}.6.1.2.2.1.0": 0},
        "dcim_env_temperature",
        {"dcim_env_temperature_celsius{sensor=external1}": 21.0},
    ),
    "the battery of an ITA2 is in tenths of a minute and hundredths of an ampere": (
        "vertiv-ita2",
        {
            f"{ITA2}.{tail}.0": cell
            for tail, cell in (
                ("1.2", 4),
                ("2.1", 2301),
                ("5.1", 2412),
                ("5.3", 0),
                ("5.4", 1234),
                ("5.7", 347),
                ("5.10", 86),
            )
        },
        "dcim_ups_battery",
        {
            "dcim_ups_battery_voltage_volts{string=positive}": 241.2,
            "dcim_ups_battery_current_amperes{string=positive}": -12.34,
            "dcim_ups_battery_runtime_seconds": 2082.0,
            "dcim_ups_battery_charge_ratio": 0.86,
        },
    ),
    # The frequency tells the scale, so that 8 V of a failing phase are no 8 tenths of a volt.
    "an ASCO module that sends whole volts": (
        "asco-qem",
        {f"{ASCO}.{tail}.0": cell for tail, cell in ((2, 60), (3, 0), (4, 0), (5, 0), (12, 208), (13, 0), (14, 8))},
        "dcim_ats_source",
        {
            "dcim_ats_source_frequency_hertz{source=a}": 60.0,
            "dcim_ats_source_line_voltage_volts{line=L1-L2,source=a}": 208.0,
            "dcim_ats_source_line_voltage_volts{line=L2-L3,source=a}": 0.0,
            "dcim_ats_source_line_voltage_volts{line=L3-L1,source=a}": 8.0,
        },
    ),
    "no air is without water": (
        "entity-sensor",
        sensor(10, 9, 0, 0) | sensor(11, 9, 1, 55),
        "dcim_env_relative",
        {"dcim_env_relative_humidity_ratio{sensor=Inlet.11}": 0.055},
    ),
    "a CyberPower PDU that monitors its outlets": (
        "cyberpower-pdu",
        EPDU_OF_CPS | {f"{CPS}.3.1.5.0": 1},
        "dcim_pdu_outlet",
        {
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_current_amperes{outlet=1}": 1.2,
            "dcim_pdu_outlet_power_watts{outlet=1}": 260.0,
            "dcim_pdu_outlet_energy_joules_total{outlet=1}": 155_160_000.0,
        },
    ),
    "a CyberPower PDU that has the columns of outlets, and monitors none": (
        "cyberpower-pdu",
        EPDU_OF_CPS | {f"{CPS}.3.1.5.0": 0},
        "dcim_pdu_outlet",
        {"dcim_pdu_outlet_on{outlet=1}": 1.0},
    ),
    "the bank of a CyberPower PDU": (
        "cyberpower-pdu",
        EPDU_OF_CPS,
        "dcim_pdu_bank",
        {
            "dcim_pdu_bank_current_amperes{bank=1}": 8.5,
            "dcim_pdu_bank_voltage_volts{bank=1}": 230.4,
            "dcim_pdu_bank_power_watts{bank=1}": 1_800.0,
            "dcim_pdu_bank_apparent_power_voltamperes{bank=1}": 1_950.0,
            "dcim_pdu_bank_power_factor_ratio{bank=1}": 0.92,
            "dcim_pdu_bank_warning_current_amperes{bank=1}": 8.0,
            "dcim_pdu_bank_rated_current_amperes{bank=1}": 10.0,
        },
    ),
    "one of its two supplies has failed": (
        "cyberpower-pdu",
        EPDU_OF_CPS,
        "dcim_device_alarm",
        {"dcim_device_alarm_active{alarm=power_supply,severity=warning}": 1.0},
    ),
    "a CyberPower PDU that has its voltage beside the table": (
        "cyberpower-pdu",
        {f"{CPS}.2.3.1.1.2.1": 85, f"{CPS}.5.7.0": 1_204},
        "dcim_pdu_input_voltage",
        {"dcim_pdu_input_voltage_volts{inlet=1}": 120.4},
    ),
    "an outlet of an IBM PDU with firmware from before 2012: current, capacity, thresholds, state, group and power": (
        "ibm-pdu",
        {
            f"{IBM}.{column}.1": cell
            for column, cell in ((7, 680), (8, 10_000), (9, 8_000), (10, 10_000), (11, 1), (13, 149))
        },
        "dcim_pdu_outlet",
        {
            "dcim_pdu_outlet_current_amperes{outlet=1}": 0.68,
            "dcim_pdu_outlet_rated_current_amperes{outlet=1}": 10.0,
            "dcim_pdu_outlet_on{outlet=1}": 1.0,
            "dcim_pdu_outlet_power_watts{outlet=1}": 149.0,
        },
    ),
    "leak sensors of a NetBotz are among its other sensors": (
        "apc-netbotz",
        leak(1, b"Leak Detected") | leak(2, b"No Leak") | leak(3, b"Link up") | leak(4, b""),
        "dcim_leak",
        {"dcim_leak_detected{sensor=nbLeak_1}": 1.0, "dcim_leak_detected{sensor=nbLeak_2}": 0.0},
    ),
    # What has the unit 5 under another name is no leak sensor.
    "leak sensors of an STE2 Plus": (
        "hwgroup-ste",
        probe(1, b"Water 1", 1, 5) | probe(2, b"FLOOD", 5, 5) | probe(3, b"Supply", 5, 5) | probe(4, b"Leak air", 5, 1),
        "dcim_leak",
        {"dcim_leak_detected{sensor=1.Water_1}": 0.0, "dcim_leak_detected{sensor=2.FLOOD}": 1.0},
    ),
    # Every unit has 41 rows: behind those without a reading there is no outlet.
    "outlets of a BladeShelter PDU": (
        "bladeshelter-pdu",
        BLADESHELTER_OUTLETS,
        "dcim_pdu_outlet",
        {
            "dcim_pdu_outlet_on{outlet=a.1}": 1.0,
            "dcim_pdu_outlet_current_amperes{outlet=a.1}": 5.26,
            "dcim_pdu_outlet_power_factor_ratio{outlet=a.1}": 0.982,
            "dcim_pdu_outlet_power_watts{outlet=a.1}": 1_111.4,
            "dcim_pdu_outlet_apparent_power_voltamperes{outlet=a.1}": 1_131.8,
            "dcim_pdu_outlet_voltage_volts{outlet=a.1}": 229.1,
        },
    ),
    "a shelf of ICT with firmware 2, which has dropped the texts": (
        "auto",
        {f"1.3.6.1.4.1.39145.13.{tail}.0": cell for tail, cell in ((12, 23), (13, 0), (15, 0), (17, 120), (18, 5_412))},
        "dcim_",
        {"dcim_ups_input_voltage_volts{phase=L1}": 120.0, "dcim_env_temperature_celsius{sensor=probe}": 23.0},
    ),
    **{
        f"an HPE UPS that tells its surroundings as {raw}": (
            "hpe-ups",
            {"1.3.6.1.4.1.232.165.3.6.1.0": raw},
            "dcim_env",
            {"dcim_env_temperature_celsius{sensor=ambient}": degrees},
        )
        for raw, degrees in ((29, 29.0), (293, 29.3))
    },
    # A probe that has been pulled out stays online, with sensorError (7) and a number that is no reading.
    **{
        f"a broken probe of {profile}": (
            profile,
            answers,
            "dcim_env_temperature",
            {
                f"dcim_env_temperature_celsius{{sensor={index}{port}.Row}}": value * step
                for port, value in ((0, 24), (2, 31))
            },
        )
        for (profile, answers), index, step in zip(AKCP.items(), ("", "0.0.", "0."), (0.1, 0.1, 1), strict=True)
    },
    **{
        f"probes of {profile} that are online without a status": (
            profile,
            answers,
            "dcim_env_temperature",
            {
                f"dcim_env_temperature_celsius{{sensor={index}0.Row}}": 24,
                f"dcim_env_temperature_celsius{{sensor={index}4.Row}}": 18,
            },
        )
        for (profile, answers), index in zip(AKCP_NO_STATUS.items(), ("", "0.0.", "0."), strict=True)
    },
    # Names before software V10 of the LCP, with a fan unit and a water unit of their own.
    "an LCP of Rittal's first generation on a CMC III": (
        "rittal-lcp",
        {
            "1.3.6.1.4.1.2606.7.2.1.0": 1,
            **variable(7, "Air.Temperature.In-Top", 2, "\u00b0C", -10, "21.4 \u00b0C", 214),
            **variable(12, "Air.Temperature.Out-Bot", 2, "degree C", -10, "31.7 degree C", 317),
            **variable(16, "Air.Server-In.Setpoint", 17, "\u00b0C", -10, "22.0 \u00b0C", 220),
            **variable(17, "Air.Server-In.Average", 2, "\u00b0C", -10, "21.6 \u00b0C", 216),
            **variable(18, "Air.Server-In.SetPtHighAlarm", 3, "\u00b0C", -10, "35.0 \u00b0C", 350),
            **variable(26, "Air.Server-Out.Average", 2, "\u00b0C", -10, "32.3 \u00b0C", 323),
            **variable(36, "Air.Fans.Fan1.Rpm", 2, "%", 1, "64 %", 64),
            **variable(61, "Water.In-Temperature.Value", 2, "\u00b0C", -10, "14.2 \u00b0C", 142),
            **variable(68, "Water.Out-Temperature.Value", 2, "\u00b0C", -10, "19.9 \u00b0C", 199),
            **variable(75, "Water.Flowrate.Value", 2, "l/min", -10, "36.0 l/min", 360),
            **variable(81, "Water.Control-Valve.ActualValue", 2, "%", 1, "41 %", 41),
            **variable(85, "Water.Cooling Capacity.Value", 2, "W", 1, "14310 W", 14_310),
            **variable(91, "Water.Leakage Sensor.Status", 7, "", 0, "OK", 4),
        },
        "dcim_",
        {
            "dcim_crah_air_temperature_celsius{sensor=server_in_top}": 21.4,
            "dcim_crah_air_temperature_celsius{sensor=server_out_bottom}": 31.7,
            "dcim_crah_supply_air_temperature_setpoint_celsius": 22.0,
            "dcim_crah_supply_air_temperature_celsius": 21.6,
            "dcim_crah_return_air_temperature_celsius": 32.3,
            "dcim_crah_fan_speed_ratio{fan=1}": 0.64,
            "dcim_crah_water_supply_temperature_celsius": 14.2,
            "dcim_crah_water_return_temperature_celsius": 19.9,
            "dcim_crah_water_flow_cubic_meters_per_second": 0.0006,
            "dcim_crah_valve_position_ratio": 0.41,
            "dcim_crah_cooling_output_watts": 14_310.0,
            "dcim_leak_detected{sensor=leakage}": 0.0,
            "dcim_leak_sensor_fault{sensor=leakage}": 0.0,
        },
    ),
    # The battery's own volts, nominal volts and upsBatteryVoltage; whole volts of UPS-MIB are only known by the nominal ones.
    **{
        f"a Liebert UPS of {nominal} V that tells its battery as {raw}": (
            "liebert-ups",
            {
                f"{LIEBERT_DC}.2.1": "1.3.6.1.4.1.476.1.42.3.5.2.1.6",
                f"{LIEBERT_DC}.4.1": measured,
                **({f"{LIEBERT_DC}.6.1": nominal} if nominal else {}),
                f"{ENTITY}.33.1.2.5.0": raw,
            },
            "dcim_ups_battery_voltage",
            {"dcim_ups_battery_voltage_volts": volts},
        )
        for nominal, measured, raw, volts in (
            (192, 218, 218, 218.0),
            (192, 218, 2_184, 218.4),
            (240, 271, 271, 271.0),
            (48, 55, 546, 54.6),
            (48, 55, 55, 55.0),
            (0, 218, 218, 218.0),
        )
    },
    **{
        f"a NetSure controller whose battery's capacity is {raw}": (
            "vertiv-netsure-ncu",
            {"1.3.6.1.4.1.6302.2.1.2.5.3.0": raw},
            "dcim_ups_battery",
            {"dcim_ups_battery_charge_ratio": share},
        )
        for raw, share in ((98, 0.98), (98_500, 0.985), (0, 0.0))
    },
}


@pytest.mark.parametrize("name", CASES)
async def test_two_readers_of_a_mib_agree(name: str) -> None:
    profile, answers, beginning, expected = CASES[name]
    records = [Record(oid, "", value) for oid, value in answers.items()]
    _, readings = await replay_snmp(
        sorted(records, key=lambda each: each.key), shipped_profiles(), profile, 1_790_000_000.0
    )
    assert not [key for key, reason in readings.bad.items() if reason == "state"]
    values = {key: value for key, value in readings.values.items() if key.startswith(beginning)}
    assert values == pytest.approx(expected)


SOCOMEC = "1.3.6.1.4.1.4555.1.1.1.1"
STATES: dict[str, tuple[str, dict[str, SnmpValue], dict[str, str]]] = {
    # upsAlarmOnBattery, ~OnBypass, ~UpsOutputOff and ~ManualBypassClose beside upsOutputSource, whose codes changed with MIB 6.
    **{
        f"a Socomec UPS with output source {code} and the alarms {alarms}": (
            "socomec-netvision5",
            dict[str, SnmpValue]({f"{SOCOMEC}.4.1.0": code})
            | {f"{SOCOMEC}.6.3.{alarm}.0": int(alarm in alarms) for alarm in (2, 9, 14, 27)},
            {"dcim_ups_output_source": state},
        )
        for code, alarms, state in (
            (2, (), "normal"),
            (2, (2,), "battery"),
            (2, (14,), "none"),
            (4, (), "eco"),
            (4, (27,), "bypass"),
            (5, (2,), "battery"),
            (5, (9,), "bypass"),
            (8, (), "none"),
        )
    },
    "a Socomec UPS of which nobody knows whether 2 is none or the inverter": (
        "socomec-netvision5",
        {f"{SOCOMEC}.2.1.0": 2, f"{SOCOMEC}.4.1.0": 2, f"{SOCOMEC}.6.3.2.0": 0},
        {"dcim_ups_battery_state": "normal"},
    ),
    # Normal comes first here, and low second: APC's second generation has them the other way round.
    "loads of a CyberPower PDU": (
        "cyberpower-pdu",
        EPDU_OF_CPS,
        {
            "dcim_pdu_load_state{inlet=1,phase=L1,scope=phase}": "normal",
            "dcim_pdu_load_state{bank=1,scope=bank}": "near_overload",
        },
    ),
}


@pytest.mark.parametrize("name", STATES)
async def test_two_readers_of_a_mib_agree_on_states(name: str) -> None:
    profile, answers, expected = STATES[name]
    records = sorted((Record(oid, "", value) for oid, value in answers.items()), key=lambda each: each.key)
    _, readings = await replay_snmp(records, shipped_profiles(), profile, 1_790_000_000.0)
    assert readings.states == expected
