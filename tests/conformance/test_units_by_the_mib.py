"""UPSs, PDUs and accessories as their MIBs tell them: alarms, contacts and models that no recording shows."""

from collections.abc import Mapping

import pytest

from agent.snmp.seam import SnmpValue
from tests.conformance.mib_device import MibDevice, assert_read_as_expected

ALARM = "dcim_device_alarm_active"


def alarms(*names: str, severity: str = "warning", raised: str = "") -> dict[str, float]:
    """These alarms, of which one is raised."""
    return {f"{ALARM}{{alarm={name},severity={severity}}}": float(name == raised) for name in names}


def rows(entry: str, columns: tuple[int, ...], cells: Mapping[str, tuple[SnmpValue, ...]]) -> dict[str, SnmpValue]:
    """Instances of these columns, for each index."""
    return {
        f"{entry}.{column}.{index}": value
        for index, row in cells.items()
        for column, value in zip(columns, row, strict=True)
    }


CASES = {
    "a Masterys whose third module has an alarm, with an environment sensor": MibDevice(
        profile="socomec-netvision",
        root="1.3.6.1.4.1.4555.1.1.7.1",
        answers={
            "2.4.0": 97,
            **{
                f"6.3.{at}.0": int(at in {6, 44, 61})
                for at in (4, 5, 6, 10, 17, 23, 34, 35, 37, *range(38, 54), 57, 59, 60, 61, 62)
            },
            "10.1.0": 231,
            "10.2.0": 415,
            "10.3.0": 3,
            "10.4.0": 1,
        },
        values={
            "dcim_ups_battery_charge_ratio": 0.97,
            **alarms(
                "transfer_locked", "transfer_impossible", "insufficient_resources", raised="insufficient_resources"
            ),
            **alarms("remote_service", "battery_room", "generator", "wrong_configuration", "optional_boards"),
            **alarms(*(f"external_{number}" for number in range(1, 5))),
            **alarms(*(f"module_{module}" for module in range(1, 13)), raised="module_3"),
            **alarms("shutdown_pending", "shutdown_requested"),
            **alarms("emergency_power_off", "system_off", "awaiting_power", severity="critical"),
            **alarms("shutdown_imminent", severity="critical", raised="shutdown_imminent"),
            "dcim_env_temperature_celsius{sensor=emd}": 23.1,
            "dcim_env_relative_humidity_ratio{sensor=emd}": 0.415,
            "dcim_env_dew_point_celsius{sensor=emd}": 9.303521,  # Magnus, of the two above
            "dcim_env_contact_active{kind=dry_contact,sensor=emd.1}": 1.0,
        },
        states={},
        bad={"dcim_env_contact_active{kind=dry_contact,sensor=emd.2}": "sentinel"},
    ),
    "a Delphys whose emergency stop is pressed and whose battery circuit is open": MibDevice(
        "socomec-netvision5",
        "1.3.6.1.4.1.4555.1.1.1.1",
        {
            "2.4.0": 0,
            "6.3.64.0": 0,
            **{f"6.3.{at}.0": 1 for at in (49, 77, 78)},
            **{f"6.3.{at}.0": 0 for at in (30, 75, 81)},
        },
        {
            "dcim_ups_battery_charge_ratio": 0.0,
            **alarms("transfer_locked", "generator"),
            **alarms("stopped_by_overload", severity="critical", raised="stopped_by_overload"),
            **alarms("emergency_power_off", severity="critical", raised="emergency_power_off"),
            **alarms("battery_circuit_open", severity="critical", raised="battery_circuit_open"),
            **alarms("inverter_overcurrent", "bypass_fault", severity="critical"),
        },
    ),
    "a Delta UPS whose output is off, with a contact of its environment probe": MibDevice(
        "delta-ups",
        "1.3.6.1.4.1.2254.2.4",
        {
            "7.8.0": 97,
            **{f"9.{at}.0": int(at == 25) for at in range(24, 29)},
            **{f"10.{at}.0": int(at == 12) for at in range(9, 15)},
        },
        {
            "dcim_ups_battery_charge_ratio": 0.97,
            **alarms("output_off", severity="critical", raised="output_off"),
            **alarms("smart_shutdown", "environment_temperature", "environment_humidity"),
            **alarms("emergency_power_off", "ups_shutdown", severity="critical"),
            **alarms(*(f"environment_contact_{contact}" for contact in range(1, 5)), raised="environment_contact_2"),
        },
    ),
    "a Dell UPS whose card has not yet measured for an hour, with a probe's contacts": MibDevice(
        profile="dell-ups",
        root="1.3.6.1.4.1.674.10902.2",
        answers={"110.1.0": 3, "120.2.6.0": 0, "120.7.1.0": 1, "120.7.4.1.3.1": 1, "120.7.4.1.3.2": 2},
        values={
            "dcim_env_contact_active{kind=dry_contact,sensor=probe.1}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=probe.2}": 1.0,
        },
        states={"dcim_device_state": "ok"},
        bad={"dcim_ups_output_total_power_watts": "sentinel"},
    ),
    "a Dell PDU with its limits, its state and a contact": MibDevice(
        profile="dell-rpdu",
        root="1.3.6.1.4.1.674.10903.200.2",
        answers={
            "110.1.0": 4,
            "200.110.2.1.3.1": 412,
            "200.110.4.1.8.1": 32,
            "200.120.2.1.4.1": 61,
            "200.120.3.1.5.1": 24,
            "200.120.3.1.6.1": 30,
            **{f"200.150.4.2.1.3.{contact}": state for contact, state in ((1, 1), (2, 2), (3, 3))},
        },
        values={
            "dcim_pdu_input_power_watts{inlet=1}": 4_120.0,
            "dcim_pdu_input_rated_current_amperes{inlet=1}": 32.0,
            "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}": 6.1,
            "dcim_pdu_phase_warning_current_amperes{inlet=1,phase=L1}": 24.0,
            "dcim_pdu_phase_rated_current_amperes{inlet=1,phase=L1}": 30.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=1}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=2}": 1.0,
        },
        states={"dcim_device_state": "degraded"},
        bad={"dcim_env_contact_active{kind=dry_contact,sensor=3}": "sentinel"},
    ),
    "a Riello UPS with temperatures of its own": MibDevice(
        profile="riello-netman",
        root="1.3.6.1.4.1.5491.10.1",
        answers={"2.4.0": 97, "10.1.0": 34, "10.6.0": 24, "10.7.0": 0, "10.8.0": 22},
        values={
            "dcim_ups_battery_charge_ratio": 0.97,
            "dcim_ups_temperature_celsius": 34.0,
            "dcim_ups_battery_temperature_celsius{string=positive}": 24.0,
            "dcim_ups_battery_temperature_celsius{string=external}": 22.0,
        },
        states={},
        bad={"dcim_ups_battery_temperature_celsius{string=negative}": "sentinel"},
    ),
    "an MGE UPS that lowers the voltage, without a bypass to go to": MibDevice(
        profile="eaton-mge",
        root="1.3.6.1.4.1.705.1",
        answers={
            **{f"7.{at}.0": 2 for at in (3, 4, 7, 8)},
            "7.5.0": 1,
            "7.12.0": 1,
            "5.2.0": 97,
            "5.10.0": 2,
            "5.12.0": 2,
            "5.14.0": 2,
        },
        values={
            "dcim_ups_battery_charge_ratio": 0.97,
            **alarms("bypass_unavailable", raised="bypass_unavailable"),
            **alarms("battery_unavailable", severity="critical"),
        },
        states={"dcim_ups_output_source": "reducer", "dcim_ups_battery_state": "normal"},
    ),
    "an MGE UPS on mains whose bypass is unavailable, without a battery": MibDevice(
        profile="eaton-mge",
        root="1.3.6.1.4.1.705.1",
        answers={
            **{f"7.{at}.0": 2 for at in (3, 4, 7, 8, 12)},
            "7.5.0": 1,
            "5.10.0": 1,
            "3.2.1.5.1": 3,
            "3.2.1.5.2": 6,
            "8.3.1.2.1": 1,
            "8.3.1.2.2": 2,
            **{
                f"8.7.1.{column}.1": value
                for column, value in ((2, 2), (3, 331), (4, 2), (5, 1), (6, 415), (7, 2), (8, 2))
            },
            **{f"4.34.1.{column}.1": value for column, value in ((3, 50), (4, 320), (6, 20), (7, 80))},
        },
        values={
            **alarms("bypass_unavailable", raised="bypass_unavailable"),
            "dcim_ups_outlet_on{outlet=1}": 1.0,
            "dcim_ups_outlet_on{outlet=2}": 0.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=external.1}": 1.0,
            "dcim_env_contact_active{kind=dry_contact,sensor=external.2}": 0.0,
            "dcim_env_temperature_celsius{sensor=1}": 33.1,
            "dcim_env_relative_humidity_ratio{sensor=1}": 0.415,
            "dcim_env_dew_point_celsius{sensor=1}": 18.276438,  # Magnus, of the two above
            "dcim_env_temperature_low_threshold_celsius{sensor=1}": 5.0,
            "dcim_env_temperature_high_threshold_celsius{sensor=1}": 32.0,
            "dcim_env_relative_humidity_low_threshold_ratio{sensor=1}": 0.2,
            "dcim_env_relative_humidity_high_threshold_ratio{sensor=1}": 0.8,
            **alarms(
                *(f"{name}.1" for name in ("temperature_low", "temperature_high", "humidity_low", "humidity_high")),
                raised="temperature_high.1",
            ),
        },
        states={"dcim_ups_output_source": "normal", "dcim_ups_battery_state": "absent"},
    ),
    **{
        f"a Huawei UPS whose room is told in {name}": MibDevice(
            profile="huawei-ups",
            root="1.3.6.1.4.1.2011.6.174.1",
            answers={"2.101.1.1.1": 3, "6.100.1.3.1": 97, "1.1.6.0": degrees, "1.1.7.0": percent},
            values={
                "dcim_ups_battery_charge_ratio": 0.97,
                "dcim_env_temperature_celsius{sensor=ambient}": 24.0,
                "dcim_env_relative_humidity_ratio{sensor=ambient}": 0.41,
                "dcim_env_dew_point_celsius{sensor=ambient}": 9.931191,  # Magnus, of the two above
            },
            states={"dcim_ups_output_source": "normal"},
        )
        for name, degrees, percent in (("tenths", 240, 410), ("whole units", 24, 41))
    },
    "a Poseidon with universal sensors and two alarms": MibDevice(
        "hwgroup-poseidon",
        "1.3.6.1.4.1.21796.3.3",
        {"50.1.0": 2}
        | rows(
            "3.1",
            (2, 4, 6, 9, 10),
            {
                "1": (b"Feed", 1, 2_305, 12, b"V"),
                "2": (b"Load", 3, 123, 12, b"A"),
                "3": (b"Rack", 1, 15, 12, b"kW"),
                "4": (b"Tank", 1, 700, 12, b"l"),
                "5": (b"Gone", 0, 0, 12, b"V"),
            },
        ),
        {
            "dcim_device_alarms": 2.0,
            "dcim_env_voltage_volts{sensor=1.Feed}": 230.5,
            "dcim_env_current_amperes{sensor=2.Load}": 12.3,
            "dcim_env_power_watts{sensor=3.Rack}": 1_500.0,
            **{
                f"dcim_device_alarm_active{{alarm=sensor.{sensor},severity={severity}}}": float(alarms)
                for sensor, alarm in (("1.Feed", None), ("2.Load", "critical"), ("3.Rack", None), ("4.Tank", None))
                for severity, alarms in (("critical", alarm == "critical"), ("warning", False))
            },
        },
    ),
    "a Perseus that supervises a feed, whose room is too hot": MibDevice(
        "hwgroup-perseus",
        "1.3.6.1.4.1.21796.5.1",
        rows(
            "3.1",
            (2, 3, 4, 5, 7),
            {
                "1.1": (b"Room", 5, b"41.5", "°C".encode(), 2),
                "1.2": (b"Feed", 1, b"230.5", b"V", 2),
                "1.3": (b"Load", 1, b"12.3", b"A", 2),
                "1.4": (b"Door", 5, b"1", b"", 0),
                "1.5": (b"Gone", 2, b"0", b"V", 2),
            },
        ),
        {
            "dcim_env_temperature_celsius{sensor=1.Room}": 41.5,
            "dcim_env_voltage_volts{sensor=2.Feed}": 230.5,
            "dcim_env_current_amperes{sensor=3.Load}": 12.3,
            "dcim_env_contact_active{kind=dry_contact,sensor=4.Door}": 1.0,
            **{
                f"dcim_device_alarm_active{{alarm=sensor.1.{sensor},severity=warning}}": alarms
                for sensor, alarms in (("1.Room", 1.0), ("2.Feed", 0.0), ("3.Load", 0.0), ("4.Door", 1.0))
            },
        },
    ),
    "an STE Plus with a contact": MibDevice(
        "hwgroup-ste",
        "1.3.6.1.4.1.21796.4.1",
        {
            **{f"3.1.{column}.1": value for column, value in ((2, b"Room"), (3, 1), (5, 231), (7, 1))},
            **{f"1.1.{column}.1": value for column, value in ((2, 1), (3, b"Door"))},
        },
        {
            "dcim_env_temperature_celsius{sensor=1.Room}": 23.1,
            "dcim_env_contact_active{kind=dry_contact,sensor=1.Door}": 1.0,
            "dcim_device_alarm_active{alarm=sensor.1.Room,severity=critical}": 0.0,
            "dcim_device_alarm_active{alarm=sensor.1.Room,severity=warning}": 0.0,
        },
    ),
    **{
        f"a NetBotz 250 with wireless sensors in {unit}": MibDevice(
            profile="apc-sensors",
            root="1.3.6.1.4.1.318.1.1.10",
            answers={
                "3.12.11.0": code,
                **rows(
                    "5.1.1.1",
                    (5, 8, 11, 23),
                    {"2": (degrees, 41, 1, 0x100), "3": (0, 0, 0, 0x1000), "4": (degrees, -1, 1, 0)},
                ),
                **{f"4.7.{table}.1.5.0.{sensor}": 1 for table, sensor in ((2, 3), (4, 4), (6, 5), (8, 6))},
                **{f"4.7.{table}.1.5.0.{sensor}": 2 for table, sensor in ((2, 7), (4, 8), (8, 10))},
                "4.7.6.1.5.0.9": 3,
                "4.7.6.1.8.0.5": 1,
                "4.7.6.1.8.0.9": 2,
            },
            values={
                "dcim_env_temperature_celsius{sensor=wireless.2}": 24.0,
                "dcim_env_temperature_celsius{sensor=wireless.4}": 24.0,
                "dcim_env_relative_humidity_ratio{sensor=wireless.2}": 0.41,
                "dcim_env_dew_point_celsius{sensor=wireless.2}": 9.931191,  # Magnus, of the two above
                **alarms("wireless_battery.2", "wireless_battery.4", raised="wireless_battery.2"),
                **{f"dcim_env_contact_active{{kind=smoke,sensor=mem.0.{at}}}": float(at == 3) for at in (3, 7)},
                **{f"dcim_env_contact_active{{kind=tamper,sensor=mem.0.{at}}}": float(at == 4) for at in (4, 8)},
                **{f"dcim_env_contact_active{{kind=door,sensor=mem.0.{at}}}": float(at == 6) for at in (6, 10)},
                "dcim_leak_detected{sensor=mem.0.5}": 1.0,
                "dcim_leak_sensor_fault{sensor=mem.0.5}": 0.0,
                "dcim_leak_sensor_fault{sensor=mem.0.9}": 1.0,
            },
            states={},
            bad={
                "dcim_leak_detected{sensor=mem.0.9}": "sentinel",
                "dcim_env_relative_humidity_ratio{sensor=wireless.4}": "sentinel",
            },
        )
        for unit, code, degrees in (("Celsius", 1, 240), ("Fahrenheit", 2, 752))
    },
    "a Symmetra with a failed power module and a worn battery": MibDevice(
        profile="apc-ups",
        root="1.3.6.1.4.1.318.1.1.1",
        answers={
            "2.1.1.0": 2,
            **{f"13.2.2.1.2.{module}": state for module, state in ((1, 4), (2, 6), (3, 2))},
            **rows("13.3.2.1", (3, 9), {"1": (3, 251), "2": (6, 264), "3": (2, -1)}),
        },
        values={
            **alarms("power_module.1", "power_module.2", severity="critical", raised="power_module.2"),
            **alarms("battery.1", "battery.2", raised="battery.2"),
            "dcim_ups_battery_temperature_celsius{string=1}": 25.1,
            "dcim_ups_battery_temperature_celsius{string=2}": 26.4,
        },
        states={"dcim_ups_battery_state": "normal"},
        bad={
            f"{ALARM}{{alarm=power_module.3,severity=critical}}": "sentinel",
            f"{ALARM}{{alarm=battery.3,severity=warning}}": "sentinel",
            "dcim_ups_battery_temperature_celsius{string=3}": "sentinel",
        },
    ),
    **{
        f"a Sensatronics temperature monitor whose unit is {unit!r}": MibDevice(
            profile="sensatronics-it",
            root="1.3.6.1.4.1.16174.1.1.1",
            answers={
                **({} if unit is None else {"2.3.1.0": unit}),
                "3.1.2.0": text,
                "3.2.2.0": b"-99.9",
                "3.1.4.0": 1,
            },
            values={
                **({} if degrees is None else {"dcim_env_temperature_celsius{sensor=1}": degrees}),
                "dcim_env_contact_active{kind=dry_contact,sensor=1}": 1.0,
            },
            states={},
            bad={
                **({"dcim_env_temperature_celsius{sensor=1}": "range"} if degrees is None else {}),
                "dcim_env_temperature_celsius{sensor=2}": "range",
            },
        )
        for unit, text, degrees in (
            *((1, b"75.2", 24.0), (0, b"24.0", 24.0), (b"F", b"75.2", 24.0), (b"C", b"71.0", 71.0)),
            *((None, b"24.0", 24.0), (None, b"75.2", None)),
        )
    },
    "two Schleifenbauer PDUs on a data bus, one with a blown fuse and current to earth": MibDevice(
        "schleifenbauer-databus",
        "1.3.6.1.4.1.31034.12.1.1.2",
        {
            "6.1.1.5.210.1": 310,
            **{f"3.1.1.{column}.210": {6: 17, 13: 2}.get(column, 0) for column in range(1, 15)},
            **{f"3.1.1.{column}.211": {3: 3}.get(column, 0) for column in range(1, 8)},
        },
        {
            "dcim_pdu_phase_current_amperes{inlet=210,phase=L1}": 3.1,
            **alarms("temperature_high.210", "input_voltage_low.210", "input_current_drop.210"),
            **alarms("outlet_current_drop.210", raised="outlet_current_drop.210"),
            **alarms("outlet_voltage_drop.210", "branch_voltage_low.210"),
            **alarms("input_current_high.210", "outlet_current_high.210", severity="critical"),
            **alarms("branch_current_high.210", "neutral_current_high.210", "hardware.210", severity="critical"),
            **alarms("residual_current.210", severity="critical", raised="residual_current.210"),
            **alarms("temperature_high.211", "input_voltage_low.211", "input_current_drop.211"),
            **alarms("outlet_current_drop.211"),
            **alarms("input_current_high.211", severity="critical", raised="input_current_high.211"),
            **alarms("outlet_current_high.211", severity="critical"),
        },
    ),
    "a Huawei SMU whose battery hibernates and one of whose rectifiers is lost": MibDevice(
        profile="huawei-smu",
        root="1.3.6.1.4.1.2011.6.164.1",
        answers={
            "1.1.10.0": 2,
            "2.2.1.1.99.1": 1,
            "3.1.11.0": 1_152,
            "4.2.3.0": 4,
            "6.1.9.0": 17_652,
            "3.2.2.1.99.28672": 1,
            "3.2.2.1.99.28673": 9,
            "4.4.2.1.99.5": 7,
            "5.2.1.1.99.1": 6,
            "6.2.1.1.99.1": 1,
            "7.2.1.1.99.1": 1,
            "7.2.1.1.99.3": 8,
        },
        values={
            "dcim_ups_input_total_power_watts": 1_152.0,
            "dcim_ups_output_energy_joules_total": 17_652 * 3.6e6,
            **alarms("controller.1"),
            **alarms("input_tolerance", raised="input_tolerance"),
            **alarms("rectifier.28672", "rectifier.28673", severity="critical", raised="rectifier.28673"),
            **alarms("battery_string.5", "input_lost", "dc_output.1", severity="critical"),
            **alarms("disconnected.1", "disconnected.3", severity="critical", raised="disconnected.3"),
        },
        states={
            "dcim_device_state": "degraded",
            "dcim_ups_battery_charge_state": "resting",
            "dcim_ups_output_source": "normal",
        },
    ),
    "a Riello transfer switch of one phase, switched off": MibDevice(
        profile="riello-mts",
        root="1.3.6.1.4.1.5491.12",
        answers={"1.4.0": 1, "2.2.0": 230, "2.3.0": 0, "2.6.0": 231, "2.7.0": 0, "2.27.0": 0, "2.28.0": 0, "2.30.0": 1},
        values={
            "dcim_ats_source_voltage_volts{phase=L1,source=a}": 230.0,
            "dcim_ats_source_voltage_volts{phase=L1,source=b}": 231.0,
            **alarms("output_switch_off", severity="critical", raised="output_switch_off"),
        },
        states={"dcim_ats_selected_source": "none"},
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_unit_is_read_as_its_mib_says(name: str) -> None:
    await assert_read_as_expected(CASES[name])
