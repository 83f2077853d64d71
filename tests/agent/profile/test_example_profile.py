"""The example of the how-to: it is sound, and reads the device that the manual describes."""

import struct
from pathlib import Path

import pytest

from agent.lab.replay import read_all
from agent.profile import parse_file
from tests.agent.profile.register_devices import poller, recorded

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "coolant-unit.yaml"


def unit() -> dict[int, int]:
    """Sensors from 5000 on with the low word first, run times with the high word first, and words of alarms."""
    numbers = [
        25.5,
        25.25,
        33.5,
        33.25,
        0,
        250,
        251,
        120,
        121,
        245,
        230.5,
        150,
        25,
        40,
        11.5,
        8.25,
        400,
        1.5,
        4.75,
        8.5,
    ]
    numbers += [50, 51, 0, 120, 60, 61, 62, 63, 64, 65, 66, 67]
    registers: dict[int, int] = {}
    for at, number in enumerate(numbers):
        high, low = struct.unpack(">HH", struct.pack(">f", number))
        registers |= {5000 + 2 * at: low, 5001 + 2 * at: high}
    for pump in range(3):
        registers |= {270 + 4 * pump: 0, 271 + 4 * pump: 30, 272 + 4 * pump: 0, 273 + 4 * pump: 1000 + pump}
    return registers | dict.fromkeys(range(1700, 1712), 0) | {1700: 4, 1710: 1 << 8, 1711: 1 << 10}


async def test_the_example_reads_the_coolant_unit() -> None:
    profile = parse_file(EXAMPLE.read_text(encoding="utf-8"), EXAMPLE.name, {})
    identified, readings = await read_all(poller(profile, recorded(holding=unit())), 1e9)
    assert (identified.nothing_there, readings.bad) == ((), {})
    values = readings.values
    assert values["dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"] == pytest.approx(0.0025)
    assert values["dcim_cdu_filter_differential_pressure_pascals{filter=main}"] == 14_500
    assert values["dcim_cdu_supply_temperature_celsius{loop=secondary,sensor=spare}"] == 25.25
    assert [values[f"dcim_cdu_fan_speed_ratio{{fan={fan}}}"] for fan in (1, 8)] == pytest.approx([0.6, 0.67])
    assert values["dcim_cdu_pump_running_seconds_total{pump=3}"] == 1002 * 3600 + 30 * 60
    assert values["dcim_cdu_leak_detected{detector=main}"] == 1
    assert values["dcim_cdu_leak_sensor_fault{detector=main}"] == 0
    assert {key for key, value in values.items() if "alarm" in key and value} == {
        f"dcim_device_alarm_active{{alarm={number},severity=critical}}" for number in (41, 59)
    }
    assert readings.states == {"dcim_cdu_reservoir_level_state{reservoir=main}": "low", "dcim_device_state": "degraded"}


async def test_what_the_unit_does_not_have_is_said() -> None:
    profile = parse_file(EXAMPLE.read_text(encoding="utf-8"), EXAMPLE.name, {})
    registers = {at: value for at, value in unit().items() if at not in (5030, 5031)}
    identified, _ = await read_all(poller(profile, recorded(holding=registers)), 1e9)
    assert identified.nothing_there == ("register 5030",)
