"""Power factors of 0 beside kilowatts: what a device sends that does not measure them."""

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.profile import SYS_UPTIME, parse_profile
from tests.agent.memory_peers import MemorySnmp

ROOT = "1.3.6.1.4.1.99999"
PROFILE = f"""
version: 1
profile: meter
class: meter
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{subtrees: [{ROOT}]}}
points:
  - {{metric: dcim_meter_power_factor_ratio, labels: {{role: it}}, oid: {ROOT}.1.0, unit: ratio, scale: 0.01, poll: slow}}
  - {{metric: dcim_meter_phase_power_factor_ratio, labels: {{role: it, phase: L1}}, oid: {ROOT}.2.0, unit: ratio, scale: 0.01, poll: slow}}
  - {{metric: dcim_meter_power_watts, labels: {{role: it}}, oid: {ROOT}.3.0, unit: watt, poll: normal}}
  - {{metric: dcim_meter_phase_power_watts, labels: {{role: it, phase: L1}}, oid: {ROOT}.4.0, unit: watt, poll: normal}}
"""
WHOLE = "dcim_meter_power_factor_ratio{role=it}"
PHASE = "dcim_meter_phase_power_factor_ratio{phase=L1,role=it}"


@pytest.mark.parametrize(
    ("whole", "phase", "watts", "watts_l1", "bad"),
    [
        (0, 0, 7200, 2300, {WHOLE: "sentinel", PHASE: "sentinel"}),
        (0, 97, -7200, 2300, {WHOLE: "sentinel"}),  # fed back: the power's sign says nothing about the factor
        (95, 0, 7200, 2300, {PHASE: "sentinel"}),
        (1, 97, 7200, 2300, {}),  # hardly to be believed, but measured
        (0, 0, 0, 0, {}),  # nothing is drawn
        (0, 0, 59, 59, {}),  # so little that rounding may explain it
        (0, 0, 60, 59, {WHOLE: "sentinel"}),
    ],
)
async def test_a_power_factor_of_0_beside_a_power_is_no_reading(
    whole: int, phase: int, watts: int, watts_l1: int, bad: dict[str, str]
) -> None:
    """The power was read in another poll class, before."""
    numbers = (whole, phase, watts, watts_l1)
    memory = MemorySnmp({SYS_UPTIME: 100, **{f"{ROOT}.{at}.0": number for at, number in enumerate(numbers, 1)}})
    device = Device(id="d", host="h", credential="c", profile="meter")
    poller = SnmpPoller(device, {"meter": parse_profile(PROFILE, "meter.yaml")}, memory)
    await poller.open()
    await poller.poll("normal", 0.0)
    readings = await poller.poll("slow", 0.0)
    assert readings.bad == bad
    assert readings.values.keys() & {WHOLE, PHASE} == {WHOLE, PHASE} - bad.keys()


async def test_a_device_without_powers_keeps_its_power_factor() -> None:
    """Nothing contradicts it."""
    text = "\n".join(line for line in PROFILE.splitlines() if "power_watts" not in line)
    memory = MemorySnmp({SYS_UPTIME: 100, f"{ROOT}.1.0": 0, f"{ROOT}.2.0": 97})
    device = Device(id="d", host="h", credential="c", profile="meter")
    poller = SnmpPoller(device, {"meter": parse_profile(text, "meter.yaml")}, memory)
    await poller.open()
    readings = await poller.poll("slow", 0.0)
    assert (readings.values[WHOLE], readings.values[PHASE], readings.bad) == (0.0, 0.97, {})


async def test_a_poll_that_lacks_a_power_factor_is_published_without_it() -> None:
    memory = MemorySnmp({SYS_UPTIME: 100, **{f"{ROOT}.{at}.0": 95 for at in range(1, 5)}})
    device = Device(id="d", host="h", credential="c", profile="meter")
    poller = SnmpPoller(device, {"meter": parse_profile(PROFILE, "meter.yaml")}, memory)
    await poller.open()
    memory.values[f"{ROOT}.1.0"] = "no number"
    readings = await poller.poll("slow", 0.0)
    assert readings.values[PHASE] == 0.95
    assert readings.bad.keys() == {WHOLE}
