"""Devices that are switched to degrees Fahrenheit and have no cell that says so."""

from agent.config import Device
from agent.poll import SnmpPoller
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
        device = Device(id="d", host="h", credential="c", profile="sensors")
        self.poller = SnmpPoller(device, {"sensors": PROFILE}, self.client)

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


async def test_heat_is_read() -> None:
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
