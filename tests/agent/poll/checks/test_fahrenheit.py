"""Devices that are switched to degrees Fahrenheit and have no cell that says so."""

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.poll.plan_age import REPLAN_AFTER_S
from agent.profile import SYS_UPTIME, parse_profile
from agent.readings import Readings
from tests.agent.memory_peers import MemorySnmp

ROOT = "1.3.6.1.4.1.99999"
PROFILE = parse_profile(
    f"""
version: 1
profile: sensors
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{subtrees: [{ROOT}]}}
tables:
  - name: sensors
    rows: {ROOT}.1.1
    labels: {{sensor: {{index: 1}}}}
    points:
      - {{metric: dcim_env_temperature_celsius, oid: {ROOT}.1.1, unit: celsius, scale: 0.1, poll: normal}}
      - {{metric: dcim_env_relative_humidity_ratio, oid: {ROOT}.1.2, unit: percent, poll: normal}}
""",
    "sensors.yaml",
)


class Bench:
    """A device with sensors of these tenths of a degree."""

    def __init__(self) -> None:
        self.client = MemorySnmp({})
        self.now_s = 0.0
        device = Device(id="d", host="h", credential="c", profile="sensors")
        self.poller = SnmpPoller(device, {"sensors": PROFILE}, self.client, lambda: self.now_s)

    async def opened(self, *tenths: int) -> Readings:
        self.put(*tenths)
        await self.poller.open()
        return await self.poller.poll("normal", 0.0)

    async def polled(self, *tenths: int) -> Readings:
        self.put(*tenths)
        return await self.poller.poll("normal", 0.0)

    def put(self, *tenths: int) -> None:
        cells = {
            f"{ROOT}.1.{column}.{row}": value
            for row, each in enumerate(tenths, 1)
            for column, value in ((1, each), (2, 45))
        }
        self.client.values = {SYS_UPTIME: 100, **cells}


def degrees(readings: Readings) -> list[float]:
    return [value for key, value in readings.values.items() if "env_temperature" in key]


async def test_a_switch_to_fahrenheit_gives_no_readings_until_it_is_switched_back() -> None:
    bench = Bench()
    assert degrees(await bench.opened(240)) == [24.0]
    for tenths in (752, 757, 900):
        readings = await bench.polled(tenths)
        assert degrees(readings) == []
        assert set(readings.bad.values()) == {"range"}
        assert readings.values["dcim_env_relative_humidity_ratio{sensor=1}"] == 0.45
    assert degrees(await bench.polled(243)) == [24.3]


async def test_a_device_that_was_in_fahrenheit_before_it_was_opened_gives_no_readings() -> None:
    bench = Bench()
    assert degrees(await bench.opened(752, 680, 890)) == []
    assert degrees(await bench.polled(240, 200, 315)) == [24.0, 20.0, 31.5]


async def test_real_heat_stays_when_the_device_is_planned_again() -> None:
    """As it is when its alarms change."""
    bench = Bench()
    await bench.opened(240, 350)
    for tenths in ((400, 500), (600, 650), (752, 700)):
        await bench.polled(*tenths)
    bench.now_s += REPLAN_AFTER_S + 1
    assert degrees(await bench.opened(752, 700)) == [75.2, 70.0]


@pytest.mark.parametrize(
    "steps",
    [[(752, 220), (752, 716)], [(790, 700)], [(752, 220), (240, 716), (752, 716)]],
    ids=["one sensor after another", "in a silence of a night", "with one switched back for a while"],
)
async def test_temperatures_that_leapt_are_found_when_the_device_is_planned_again(steps: list[tuple[int, int]]) -> None:
    bench = Bench()
    assert degrees(await bench.opened(240, 220)) == [24.0, 22.0]
    for tenths in steps:
        await bench.polled(*tenths)
    bench.now_s += REPLAN_AFTER_S + 1
    assert degrees(await bench.opened(*steps[-1])) == []
    assert degrees(await bench.polled(240, 220)) == [24.0, 22.0]


async def test_a_leap_that_went_back_is_none_when_the_same_sensor_gets_hot() -> None:
    bench = Bench()
    await bench.opened(240, 220)
    for tenths in ((752, 716), (240, 220), (400, 380), (550, 560), (700, 720)):
        await bench.polled(*tenths)
    bench.now_s += REPLAN_AFTER_S + 1
    assert degrees(await bench.opened(700, 720)) == [70.0, 72.0]


async def test_real_heat_is_not_taken_for_degrees_fahrenheit() -> None:
    bench = Bench()
    assert degrees(await bench.opened(240, 350)) == [24.0, 35.0]
    for tenths in ((400, 500), (600, 700), (752, 700), (850, 850)):  # all sensors in a fire
        assert degrees(await bench.polled(*tenths)) == [each / 10 for each in tenths]


async def test_one_sensor_that_becomes_hot_beside_others_is_read() -> None:
    bench = Bench()
    await bench.opened(240, 250)
    assert degrees(await bench.polled(752, 251)) == [75.2, 25.1]


async def test_a_single_hot_sensor_is_read_when_its_device_is_opened() -> None:
    assert degrees(await Bench().opened(752)) == [75.2]


@pytest.mark.parametrize(
    ("tenths", "is_read"),
    [
        ((640, 880), False),
        ((752, 680), False),
        ((635, 752), True),  # 63.5 degF is too cold for a room
        ((752, 500), True),
    ],
)
async def test_two_sensors_show_fahrenheit_at_the_opening_if_all_are_usual_for_rooms(
    tenths: tuple[int, ...], *, is_read: bool
) -> None:
    assert degrees(await Bench().opened(*tenths)) == ([each / 10 for each in tenths] if is_read else [])


@pytest.mark.parametrize(
    ("before", "after", "is_read"),
    [
        ((240,), (776,), False),
        ((240,), (780,), True),
        ((240,), (728,), False),
        ((240,), (724,), True),
        ((200,), (680,), False),
        ((240, 250), (752, 770), False),
        ((240, 250), (752, 500), True),  # one of them is hot
    ],
)
async def test_a_switch_shows_in_all_sensors_give_or_take_two_degrees_and_a_half(
    before: tuple[int, ...], after: tuple[int, ...], *, is_read: bool
) -> None:
    bench = Bench()
    await bench.opened(*before)
    assert degrees(await bench.polled(*after)) == ([each / 10 for each in after] if is_read else [])


async def test_one_number_below_45_ends_it() -> None:
    bench = Bench()
    await bench.opened(240, 250)
    for tenths in ((752, 770), (455, 770), (752, 451)):
        assert degrees(await bench.polled(*tenths)) == []
    assert degrees(await bench.polled(445, 770)) == [44.5, 77.0]


async def test_a_reboot_ends_it_because_the_unit_may_be_another() -> None:
    bench = Bench()
    await bench.opened(240)
    assert degrees(await bench.polled(752)) == []
    bench.client.values[SYS_UPTIME] = 50
    assert (await bench.poller.poll("slow", 0.0)).reopen == "has rebooted"
    bench.client.values |= {f"{ROOT}.1.1.1": 500, SYS_UPTIME: 60}
    await bench.poller.open()
    assert degrees(await bench.poller.poll("normal", 0.0)) == [50.0]


async def test_a_unit_that_has_rebooted_is_not_compared_with_what_it_was_before() -> None:
    """It may be another one. A single sensor that shows 75.2 degrees from then on may be in a fire."""
    bench = Bench()
    await bench.opened(240)
    bench.client.values[SYS_UPTIME] = 50
    assert (await bench.poller.poll("slow", 0.0)).reopen == "has rebooted"
    bench.client.values |= {f"{ROOT}.1.1.1": 752, SYS_UPTIME: 60}
    await bench.poller.open()
    assert degrees(await bench.poller.poll("normal", 0.0)) == [75.2]
