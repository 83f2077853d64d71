"""Reactive powers that no load has: a sign that was lost on the way, or another scale."""

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.profile import SYS_UPTIME, parse_profile
from agent.readings import Readings
from tests.agent.memory_peers import MemorySnmp

ROOT = "1.3.6.1.4.1.99999"
PROFILE = """
version: 1
profile: strip
class: pdu
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{subtrees: [{root}]}}
points:
"""
PHASE = "labels: {phase: L1}"


async def polled(cells: dict[str, int]) -> Readings:
    """A poll of a device with these metrics of a phase."""
    units = {"vars": "var", "voltamperes": "voltampere", "volts": "volt", "amperes": "ampere"}
    text = PROFILE.format(root=ROOT) + "".join(
        f"  - {{metric: dcim_pdu_phase_{name}, {PHASE}, oid: {ROOT}.{at}.0, unit: {units[name.split('_')[-1]]}, poll: normal}}\n"
        for at, name in enumerate(cells, 1)
    )
    memory = MemorySnmp({SYS_UPTIME: 100, **{f"{ROOT}.{at}.0": value for at, value in enumerate(cells.values(), 1)}})
    device = Device(id="d", host="h", credential="c", profile="strip")
    poller = SnmpPoller(device, {"strip": parse_profile(text, "strip.yaml")}, memory)
    await poller.open()
    return await poller.poll("normal", 0.0)


@pytest.mark.parametrize(
    ("vars_", "beside", "reason"),
    [
        (65_236, {"apparent_power_voltamperes": 2300}, "range"),
        (65_236, {"voltage_volts": 230, "current_amperes": 10}, "range"),
        (2300, {"apparent_power_voltamperes": 2300}, ""),  # an idle transformer
        (-3000, {"apparent_power_voltamperes": 2300}, ""),  # read while the load rose
        (300, {"apparent_power_voltamperes": 0}, ""),  # not measured
        (100, {"voltage_volts": 230, "current_amperes": 1}, ""),
        (65_236, {"apparent_power_voltamperes": 70_000}, ""),
        (-20_000, {"apparent_power_voltamperes": 2300}, "range"),
        (65_236, {}, ""),
        (200, {"apparent_power_voltamperes": 100}, ""),  # so little that rounding may explain it
    ],
)
async def test_a_reactive_power_beyond_the_apparent_power_is_rejected(
    vars_: int, beside: dict[str, int], reason: str
) -> None:
    key = "dcim_pdu_phase_reactive_power_vars{phase=L1}"
    readings = await polled({"reactive_power_vars": vars_, **beside})
    assert readings.bad.get(key, "") == reason
    assert (key in readings.values) is not bool(reason)


async def test_the_reactive_power_of_three_phases_is_not_judged_by_the_current_of_one() -> None:
    """A strip's total beside one voltage and one current: 12 kvar are those of three phases of 230 V and 20 A."""
    points = "".join(
        f"  - {{metric: dcim_pdu_input_{name}, oid: {ROOT}.{at}.0, unit: {unit}, poll: normal}}\n"
        for at, (name, unit) in enumerate(
            [("reactive_power_vars", "var"), ("voltage_volts", "volt"), ("current_amperes", "ampere")], 1
        )
    )
    text = PROFILE.format(root=ROOT) + points
    memory = MemorySnmp({SYS_UPTIME: 100, f"{ROOT}.1.0": 12_000, f"{ROOT}.2.0": 230, f"{ROOT}.3.0": 20})
    device = Device(id="d", host="h", credential="c", profile="strip")
    poller = SnmpPoller(device, {"strip": parse_profile(text, "strip.yaml")}, memory)
    await poller.open()
    readings = await poller.poll("normal", 0.0)
    assert readings.values["dcim_pdu_input_reactive_power_vars"] == 12_000
    assert readings.bad == {}


async def test_each_phase_of_a_meter_is_judged_by_its_own_volts_and_amperes() -> None:
    """Of an idle phase nothing can be said, and the one behind it is judged all the same."""
    points, cells = "", {SYS_UPTIME: 100}
    for phase, values in (("L1", (10, 230, 0)), ("L2", (65_236, 230, 10))):
        for at, (name, unit) in enumerate(
            [("phase_reactive_power_vars", "var"), ("voltage_volts", "volt"), ("current_amperes", "ampere")]
        ):
            oid = f"{ROOT}.{phase[1]}.{at}.0"
            cells[oid] = values[at]
            labels = f"labels: {{role: it, phase: {phase}}}"
            points += f"  - {{metric: dcim_meter_{name}, {labels}, oid: {oid}, unit: {unit}, poll: normal}}\n"
    text = PROFILE.format(root=ROOT).replace("class: pdu", "class: meter") + points
    device = Device(id="d", host="h", credential="c", profile="strip")
    poller = SnmpPoller(device, {"strip": parse_profile(text, "strip.yaml")}, MemorySnmp({**cells}))
    await poller.open()
    assert (await poller.poll("normal", 0.0)).bad == {"dcim_meter_phase_reactive_power_vars{phase=L2,role=it}": "range"}


async def test_a_device_that_was_planned_again_is_not_judged_by_what_was_read_before() -> None:
    """It may be another one, of which the apparent power is polled after the reactive power."""
    text = PROFILE.format(root=ROOT) + "".join(
        f"  - {{metric: dcim_pdu_phase_{name}, {PHASE}, oid: {ROOT}.{at}.0, unit: {unit}, poll: {poll}}}\n"
        for at, (name, unit, poll) in enumerate(
            [("reactive_power_vars", "var", "slow"), ("apparent_power_voltamperes", "voltampere", "normal")], 1
        )
    )
    memory = MemorySnmp({SYS_UPTIME: 100, f"{ROOT}.1.0": 200, f"{ROOT}.2.0": 400})
    device = Device(id="d", host="h", credential="c", profile="strip")
    poller = SnmpPoller(device, {"strip": parse_profile(text, "strip.yaml")}, memory)
    await poller.open()
    await poller.poll("normal", 0.0)
    memory.values |= {SYS_UPTIME: 50, f"{ROOT}.1.0": 4000, f"{ROOT}.2.0": 9000}
    assert (await poller.poll("slow", 0.0)).reopen == "has rebooted"
    await poller.open()
    assert (await poller.poll("slow", 0.0)).bad == {}
