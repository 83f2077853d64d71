"""One SNMP device in memory: its uptime over years, its limits, what it gains, and its end."""

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.poll.uptime import TIMETICKS, WRAP_S
from agent.profile import RawValue, parse_profile
from agent.readings import Readings
from rackflow.catalogue import PollClass
from tests.agent.memory_peers import MemorySnmp
from tests.agent.poll.test_replanning import ROOT as REPLANNED_ROOT
from tests.agent.poll.test_replanning import Bench as Replanned

UPTIME = "1.3.6.1.2.1.1.3.0"
CELSIUS = "1.3.6.1.4.1.9.5.0"
BOOT = "dcim_device_boot_timestamp_seconds"
PROFILE = parse_profile(
    """
version: 1
profile: small
class: env
protocol: snmp
title: A device
source: made up
evidence: unverified
max_varbinds: 7
recognise: {subtrees: [1.3.6.1.4.1.9]}
points:
  - {metric: dcim_env_temperature_celsius, labels: {sensor: a}, oid: 1.3.6.1.4.1.9.5.0, unit: celsius}
""",
    "small.yaml",
)
STARTED_S = 1_700_000_000.0


class Bench:
    """A device that started at STARTED_S, and its poller. The clock of the machine agrees with that of the device."""

    def __init__(self, max_varbinds: int | None = None) -> None:
        self.age_s = 0.0
        self.client = NotedSnmp({UPTIME: 0, CELSIUS: 20})
        device = Device(id="d", host="h", credential="c", profile="small", max_varbinds=max_varbinds)
        self.poller = SnmpPoller(device, {"small": PROFILE}, self.client, lambda: self.age_s)

    async def slow_poll(self, age_s: float, ticks: float | None = None) -> Readings:
        """The poll that reads the uptime, when the device is so old."""
        self.age_s = age_s
        self.client.values[UPTIME] = int(age_s * 100 if ticks is None else ticks) % TIMETICKS
        return await self.poller.poll("slow", STARTED_S + age_s)


class NotedSnmp(MemorySnmp):
    """Notes how many objects it may ask for in one request."""

    max_varbinds = 0

    def set_max_varbinds(self, objects: int) -> None:
        self.max_varbinds = objects


async def test_a_device_keeps_its_boot_time_over_the_wraps_of_its_uptime_and_is_not_opened_anew() -> None:
    """The uptime begins again every 497 days; the device is polled for four years."""
    bench = Bench()
    await bench.poller.open()
    day_s = 86_400.0
    for day in range(1, int(3 * WRAP_S / day_s) + 2):
        readings = await bench.slow_poll(day * day_s)
        assert readings.values[BOOT] == pytest.approx(STARTED_S, abs=1.0), day
        assert "rebooted" not in readings.reopen


async def test_a_reboot_after_a_wrap_is_a_reboot_with_its_own_boot_time() -> None:
    bench = Bench()
    await bench.poller.open()
    for age_s in (WRAP_S - 60.0, WRAP_S + 60.0):
        assert not (await bench.slow_poll(age_s)).reopen
    readings = await bench.slow_poll(WRAP_S + 120.0, ticks=3000)
    assert readings.reopen == "has rebooted"
    assert readings.values[BOOT] == pytest.approx(STARTED_S + WRAP_S + 90.0, abs=1.0)
    await bench.poller.open()
    assert not (await bench.slow_poll(WRAP_S + 180.0, ticks=9000)).reopen


@pytest.mark.parametrize(("uptime", "poll_class"), [(None, "normal"), (b"12 days", "slow")])
async def test_tables_of_a_device_without_an_uptime_are_walked_again_as_well(
    uptime: RawValue, poll_class: PollClass
) -> None:
    """A view of the credential may hide `system`, and some agents say the uptime in words: a row that comes is seen all the same."""
    bench = Replanned()
    del bench.client.values[UPTIME]
    bench.client.values |= {UPTIME: uptime} if uptime else {}
    poller = await bench.opened()
    bench.client.values[f"{REPLANNED_ROOT}.1.5.2"] = 5
    bench.clock_s += 3600.0
    await poller.poll(poll_class, 2000.0)
    assert bench.client.walks == 0
    bench.clock_s += 0.1
    await poller.poll("fast", 2000.0)
    assert bench.client.walks == 0
    await poller.poll(poll_class, 2000.0)
    assert bench.client.walks == 2
    assert (await bench.fast())["dcim_pdu_phase_current_amperes{inlet=1,phase=L2}"] == 5.0


@pytest.mark.parametrize(("configured", "used"), [(None, 7), (3, 3)])
async def test_the_configuration_limits_a_request_before_the_profile(configured: int | None, used: int) -> None:
    bench = Bench(configured)
    await bench.poller.open()
    assert bench.client.max_varbinds == used


async def test_closing_a_device_closes_its_client() -> None:
    bench = Bench()
    await bench.poller.open()
    await bench.poller.close()
    assert bench.client.values == {}, "the client was closed"


async def test_outlets_that_a_device_has_gained_are_polled_once_it_is_opened_anew() -> None:
    """It had nothing of class `normal` before, so nobody would ask for them."""
    bench = Replanned()
    del bench.client.values[f"{REPLANNED_ROOT}.1.9.1"]
    poller = await bench.opened()
    assert "normal" not in bench.identified.poll_classes
    bench.client.values |= {f"{REPLANNED_ROOT}.7.0": 1, f"{REPLANNED_ROOT}.1.9.3": 30}
    assert (await poller.poll("fast", 2000.0)).reopen == "has gained or lost poll classes"
    assert "normal" in (await poller.open()).poll_classes
    assert (await poller.poll("normal", 2000.0)).values == {"dcim_pdu_outlet_power_watts{outlet=3}": 30.0}


PUMPED = parse_profile(
    """
version: 1
profile: pumped
class: cdu
protocol: snmp
title: A device
source: made up
evidence: unverified
coolant: {secondary: water}
recognise: {subtrees: [1.3.6.1.4.1.9]}
points:
  - {metric: dcim_cdu_supply_temperature_celsius, labels: {loop: secondary}, oid: 1.3.6.1.4.1.9.1.0, unit: celsius}
  - {metric: dcim_cdu_return_temperature_celsius, labels: {loop: secondary}, oid: 1.3.6.1.4.1.9.2.0, unit: celsius}
  - {metric: dcim_cdu_flow_cubic_meters_per_second, labels: {loop: secondary}, oid: 1.3.6.1.4.1.9.3.0, unit: liter_per_second}
""",
    "pumped.yaml",
)


@pytest.mark.parametrize(
    ("coolant", "heat_w"), [({}, 41_600.0), ({"secondary": {"fluid": "pg25"}}, 40_100.0)], ids=["profile", "configured"]
)
async def test_the_heat_of_a_cdu_is_that_of_its_coolant(coolant: dict[str, object], heat_w: float) -> None:
    device = Device.model_validate({"id": "d", "host": "h", "credential": "c", "profile": "pumped", "coolant": coolant})
    client = MemorySnmp({f"1.3.6.1.4.1.9.{at}.0": value for at, value in ((1, 30), (2, 40), (3, 1))})
    poller = SnmpPoller(device, {"pumped": PUMPED}, client)
    (poll_class,) = (await poller.open()).poll_classes
    values = (await poller.poll(poll_class, 1e9)).values
    assert values["dcim_cdu_heat_removed_watts{loop=secondary}"] == pytest.approx(heat_w, rel=0.01)


METERED = parse_profile(
    """
version: 1
profile: metered
class: meter
protocol: snmp
title: A device
source: made up
evidence: unverified
recognise: {subtrees: [1.3.6.1.4.1.9]}
points:
  - {metric: dcim_meter_power_watts, labels: {role: {device: role, default: other}}, oid: 1.3.6.1.4.1.9.5.0, unit: watt}
""",
    "metered.yaml",
)


async def test_a_meter_measures_what_its_configuration_says() -> None:
    device = Device(id="d", host="h", credential="c", profile="metered", role="it")
    poller = SnmpPoller(device, {"metered": METERED}, MemorySnmp({CELSIUS: 500}))
    (poll_class,) = (await poller.open()).poll_classes
    assert (await poller.poll(poll_class, 1e9)).values == {"dcim_meter_power_watts{role=it}": 500.0}
