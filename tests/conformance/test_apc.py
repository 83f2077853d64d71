"""APC devices without a recording: the objects are written down from PowerNet-MIB, and all readings of the device are compared."""

from collections.abc import Mapping

import pytest

from agent.lab.replay import replay_snmp
from agent.readings import Readings
from rackflow.recording.snmprec import INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Record
from tests.agent.shipped import shipped_profiles

APC = "1.3.6.1.4.1.318.1.1"
PRODUCT = "1.3.6.1.4.1.318.1.3"


async def read(product: str, objects: Mapping[str, int | bytes]) -> tuple[str, Readings]:
    """The profile that is chosen, and its readings. `objects` are OIDs below the MIB's hardware branch, with their values."""
    records = [
        Record("1.3.6.1.2.1.1.1.0", OCTET_STRING, b"APC Web/SNMP Management Card (MB:v4.1.0 MN:AP9635)"),
        Record("1.3.6.1.2.1.1.2.0", OBJECT_IDENTIFIER, f"{PRODUCT}.{product}"),
        *(
            Record(f"{APC}.{oid}", INTEGER if isinstance(value, int) else OCTET_STRING, value)
            for oid, value in objects.items()
        ),
    ]
    identified, readings = await replay_snmp(
        sorted(records, key=lambda each: each.key), shipped_profiles(), "auto", 1.8e9
    )
    return identified.profile, readings


THREE_PHASES = {
    "1.2.1.1.0": 2,
    "1.4.1.1.0": 2,
    "1.2.2.3.0": 120000,
    "1.3.3.1.0": 4010,
    "1.4.3.1.0": 4000,
    "1.4.3.3.0": 412,
    "1.4.3.4.0": 1770,
    "1.4.2.8.0": 33000,
    "1.4.2.9.0": 35000,
    "1.9.2.2.1.2.1": 3,
    "1.9.2.2.1.5.1": 2,
    "1.9.2.2.1.5.2": 3,
    "1.9.2.2.1.4.1": 500,
    "1.9.2.2.1.4.2": 499,
    "1.9.3.2.1.2.1": 3,
} | {
    f"1.9.{table}.3.1.{column}.{row}.{phase}": value + phase
    for phase in (1, 2, 3)
    for table, row, column, value in (
        (2, "1.1", 6, 600),
        (2, "1.1", 9, 12000),
        (2, "2.1", 3, 230),
        (3, "1.1", 4, 580),
        (3, "1.1", 13, 11000),
        (3, "1.1", 10, 40),
    )
}


async def test_a_three_phase_ups_has_phases_and_sums_and_takes_no_sum_for_a_phase() -> None:
    lines = {f"1.9.{table}.3.1.3.1.1.{phase}": 400 + phase for table in (2, 3) for phase in (1, 2, 3)}
    orientation = {"1.9.2.2.1.3.1": 5, "1.9.2.2.1.3.2": 4, "1.9.3.2.1.3.1": 5}
    profile, readings = await read("27", {**THREE_PHASES, **lines, **orientation})
    values = readings.values
    assert profile == "apc-ups"
    assert values["dcim_ups_output_total_power_watts"] == 33000
    assert values["dcim_ups_output_total_load_ratio"] == 0.412
    assert [values[f"dcim_ups_output_power_watts{{phase=L{at}}}"] for at in (1, 2, 3)] == [11001, 11002, 11003]
    assert [values[f"dcim_ups_input_current_amperes{{phase=L{at}}}"] for at in (1, 2, 3)] == [60.1, 60.2, 60.3]
    assert [values[f"dcim_ups_output_current_amperes{{phase=L{at}}}"] for at in (1, 2, 3)] == [58.1, 58.2, 58.3]
    assert values["dcim_ups_output_line_voltage_volts{line=L3-L1}"] == 403
    assert values["dcim_ups_input_line_voltage_volts{line=L1-L2}"] == 401
    assert values["dcim_ups_bypass_voltage_volts{phase=L2}"] == 232
    assert values["dcim_ups_bypass_frequency_hertz{phase=L1}"] == 49.9
    assert not [key for key in values if key.startswith(("dcim_ups_output_voltage", "dcim_ups_input_voltage"))]
    assert values["dcim_ups_output_load_ratio{phase=L2}"] == 0.42


async def test_a_three_phase_ups_to_neutral_and_one_that_does_not_say() -> None:
    phases = {f"1.9.3.3.1.3.1.1.{phase}": 230 + phase for phase in (1, 2, 3)}
    expected = {f"dcim_ups_output_voltage_volts{{phase=L{at}}}": 230.0 + at for at in (1, 2, 3)}
    for orientation in ({"1.9.3.2.1.3.1": 4}, {"1.9.3.2.1.3.1": 1}, {}):
        _, readings = await read("27", {**THREE_PHASES, **phases, **orientation})
        voltages = {key: value for key, value in readings.values.items() if key.startswith("dcim_ups_output_volt")}
        assert voltages == expected
        assert not [key for key in readings.values if key.startswith("dcim_ups_output_line")]


@pytest.mark.parametrize("column", ["22", None])
async def test_a_galaxy_that_says_to_neutral_but_sends_400_volts_has_them_between_lines(column: str | None) -> None:
    lines = {f"1.9.3.3.1.3.1.1.{phase}": 400 + phase for phase in (1, 2, 3)}
    # What stands in the phase-to-neutral columns agrees with volt-amperes and current: 13390 VA of 58.1 A are 230 V.
    phases = {f"1.9.3.3.1.{column}.1.1.{phase}": 230 + phase for phase in (1, 2, 3)} if column else {}
    _, readings = await read("27", {**THREE_PHASES, **lines, **phases, "1.9.3.2.1.3.1": 4})
    voltages = {key: value for key, value in readings.values.items() if key.startswith("dcim_ups_output_volt")}
    assert voltages == (
        {f"dcim_ups_output_voltage_volts{{phase=L{at}}}": 230.0 + at for at in (1, 2, 3)} if column else {}
    )
    lines_read = {key: value for key, value in readings.values.items() if key.startswith("dcim_ups_output_line")}
    assert lines_read == {
        f"dcim_ups_output_line_voltage_volts{{line={line}}}": 401.0 + at
        for at, line in enumerate(("L1-L2", "L2-L3", "L3-L1"))
    }


@pytest.mark.parametrize("orientation", [4, 1])
@pytest.mark.parametrize(("sent", "between"), [(208, True), (120, False)])
async def test_a_galaxy_of_a_208_volt_supply_is_not_taken_for_one_of_200_volts_to_neutral(
    orientation: int, sent: int, *, between: bool
) -> None:
    voltages = {f"1.9.{table}.3.1.3.{row}.{at}": sent for table, row in ((2, "1.1"), (3, "1.1")) for at in (1, 2, 3)}
    said = {"1.9.3.2.1.3.1": orientation, "1.9.2.2.1.3.1": orientation, "1.5.2.1.0": 208, "1.3.2.7.0": 208}
    _, readings = await read("27", {**THREE_PHASES, **voltages, **said})
    for end in ("input", "output"):
        phases = [value for key, value in readings.values.items() if key.startswith(f"dcim_ups_{end}_voltage_volts")]
        lines = [value for key, value in readings.values.items() if key.startswith(f"dcim_ups_{end}_line_voltage")]
        assert phases == ([] if between else [120.0] * 3)
        assert lines == ([208.0] * 3 if between else [])


async def test_an_in_row_cooler_that_names_its_rows() -> None:
    analog: tuple[tuple[bytes | int, ...], ...] = (
        (b"Supply Air Temperature", 526, b"F", 10),
        (b"Supply Air Temperature", 114, b"C", 10),
        (b"Return Air Temperature", 321, b"C", 10),
        (b"Entering Fluid Temperature", 72, b"C", 10),
        (b"Cool Output", 125, b"kW", 10),
        (b"Fan Speed", 63, b"%", 1),
        (b"Return Air Temperature Setpoint", 300, b"C", 10),
        (b"Leaving Fluid Temperature", 14, b"C", 1),
        (b"Rack Inlet Temperature 1", 2150, b"C", 100),
        (b"Return Air Humidity", 415, b"%", 10),
        (b"Supply Air Temperature High Threshold", 300, b"C", 10),
        (b"Humidity Setpoint", 450, b"%", 10),
        (b"Fluid Flow", 12, b"L/s", 10),
        (b"Air Flow", 1150, b"L/s", 1),
        (b"Fluid Valve Position", 45, b"%", 1),
        (b"Filter Differential Pressure", 120, b"Pa", 1),
    )
    objects: dict[str, int | bytes] = {"27.1.1.0": 1}
    for row, columns in enumerate(analog, 1):
        objects |= {f"27.1.4.1.2.1.{column}.1.{row}": value for column, value in enumerate(columns, 2)}
    for row, (name, code, key) in enumerate(
        (
            (b"Operating Mode", 2, b"Standby(0),On(1),Idle(2),Maintenance(3)"),
            (b"Leak", 1, b"No Leak(0),Leak Detected(1)"),
            (b"Input", 1, b"Open(0),Closed(1)"),
        ),
        1,
    ):
        objects |= {f"27.1.4.2.2.1.{at}.1.{row}": value for at, value in ((2, name), (3, b"-"), (4, code), (5, key))}
    profile, readings = await read("14", objects)
    assert profile == "uniflair-sp"
    assert readings.bad == {}
    assert readings.values == pytest.approx(
        {
            "dcim_crah_supply_air_temperature_celsius": 11.4,
            "dcim_crah_return_air_temperature_celsius": 32.1,
            "dcim_crah_water_supply_temperature_celsius{circuit=1}": 7.2,
            "dcim_crah_water_return_temperature_celsius{circuit=1}": 14.0,
            "dcim_crah_air_temperature_celsius{sensor=Rack_Inlet_Temperature_1}": 21.5,
            "dcim_crah_air_relative_humidity_ratio{sensor=Return_Air_Humidity}": 0.415,
            "dcim_crah_cooling_output_watts": 12_500,
            "dcim_crah_water_flow_cubic_meters_per_second": 0.0012,
            "dcim_crah_air_flow_cubic_meters_per_second": 1.15,
            "dcim_crah_valve_position_ratio": 0.45,
            "dcim_crah_filter_differential_pressure_pascals": 120,
            "dcim_crah_fan_speed_ratio{fan=all}": 0.63,
            "dcim_leak_detected{sensor=2}": 1.0,
        }
    )
    assert readings.states == {"dcim_crah_unit_state": "standby"}


async def test_an_old_card_has_whole_numbers_only_and_its_probe_is_read_along() -> None:
    old: dict[str, int | bytes] = {
        "1.1.1.1.0": b"Smart-UPS 1400",
        "1.2.1.1.0": 2,
        "1.2.2.1.0": 100,
        "1.2.2.2.0": 27,
        "1.2.2.3.0": 150000,
    }
    old |= {"1.2.2.8.0": 54, "1.3.2.1.0": 229, "1.3.2.4.0": 50, "1.4.1.1.0": 2, "1.4.2.1.0": 228, "1.4.2.3.0": 31}
    old |= {"1.4.2.4.0": 2, "2.1.1.0": 24, "2.1.2.0": 0, "1.8.1.0": 1}
    profile, readings = await read("2.8", old)
    assert profile == "apc-ups"
    assert readings.values == {
        "dcim_ups_battery_charge_ratio": 1.0,
        "dcim_ups_battery_temperature_celsius": 27.0,
        "dcim_ups_battery_runtime_seconds": 1500.0,
        "dcim_ups_battery_voltage_volts": 54.0,
        "dcim_ups_input_voltage_volts{phase=L1}": 229.0,
        "dcim_ups_input_frequency_hertz{phase=L1}": 50.0,
        "dcim_ups_output_voltage_volts{phase=L1}": 228.0,
        "dcim_ups_output_load_ratio{phase=L1}": 0.31,
        "dcim_ups_output_current_amperes{phase=L1}": 2.0,
        "dcim_env_temperature_celsius{sensor=measure-ups.1}": 24.0,
        "dcim_device_alarm_active{alarm=ups-communication-lost,severity=critical}": 0.0,
    }


async def test_an_in_row_cooler_with_a_compressor() -> None:
    unit = {"13.3.3.1.2.2.1.0": 2, "13.3.3.1.2.2.5.0": 181, "13.3.3.1.2.2.7.0": 312, "13.3.3.1.2.2.9.0": 405}
    unit |= {"13.3.3.1.2.2.10.0": 2000, "13.3.3.1.2.2.12.0": 655, "13.3.3.1.2.2.14.0": 283, "13.3.3.1.2.2.50.0": 2}
    profile, readings = await read("14.6", unit)
    values = {key.removeprefix("dcim_crah_"): value for key, value in readings.values.items()}
    assert profile == "apc-inrow"
    assert readings.states == {"dcim_crah_unit_state": "running"}
    assert values.pop("air_flow_cubic_meters_per_second") == pytest.approx(2000 * 0.3048**3 / 60)
    assert values == {
        "supply_air_temperature_celsius": 18.1,
        "return_air_temperature_celsius": 31.2,
        "return_air_relative_humidity_ratio": 0.405,
        "fan_speed_ratio": 0.655,
        "cooling_output_watts": 28300,
        "dcim_leak_detected{sensor=unit}": 1,
    }


ALARM = "dcim_device_alarm_active"


def flags(length: int, *set_: int) -> bytes:
    """A text of flags, numbered from 1 as in the MIB."""
    return "".join("1" if at in set_ else "0" for at in range(1, length + 1)).encode()


async def test_what_is_wrong_with_a_ups_by_name() -> None:
    # On line, communication established, on; overload, charger failure, high internal temperature, an emergency power off.
    objects: dict[str, int | bytes] = {
        "1.4.1.1.0": 2,
        "1.8.1.0": 1,
        "1.11.1.1.0": flags(64, 1, 4, 6, 9, 19, 25, 45, 53),
    }
    # A power module has failed, redundancy is lost.
    profile, readings = await read("2.8", objects | {"1.11.2.1.0": flags(32, 1, 6)})
    assert profile == "apc-ups"
    active = {key.removeprefix(f"{ALARM}{{alarm=") for key, value in readings.values.items() if value == 1.0}
    assert active == {
        "abnormal_condition,severity=warning}",
        "output_overload,severity=critical}",
        "battery_charger,severity=critical}",
        "internal_temperature,severity=warning}",
        "emergency_power_off,severity=critical}",
        "power_module,severity=critical}",
        "redundancy_lost,severity=warning}",
    }
    # 33 of the first text and 25 of the second have a name, and the card's link to its UPS is told by itself.
    assert len([key for key in readings.values if key.startswith(ALARM)]) == 33 + 25 + 1
    assert not readings.bad


async def test_a_card_that_has_lost_its_ups_tells_no_alarm_and_clears_none() -> None:
    _, readings = await read("2.8", {"1.4.1.1.0": 2, "1.8.1.0": 2, "1.11.1.1.0": b"UNKNOWN"})
    assert readings.values == {f"{ALARM}{{alarm=ups-communication-lost,severity=critical}}": 1.0}
    assert set(readings.bad.values()) == {"decode"}
