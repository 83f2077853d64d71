"""A device that is switched to degrees Fahrenheit between two polls, in every family that does not name its unit in a cell."""

import pytest

from agent.config import Device
from agent.poll import ModbusPoller, SnmpPoller
from agent.poll.unit_switch import UnitSwitch
from agent.profile import Plan, load_profiles, normalise_answers, parse_profile, plan_device
from agent.readings import Readings
from tests.agent.memory_peers import MemoryModbus, MemorySnmp
from tests.agent.varied_devices import healthy

ROOT = "1.3.6.1.4.1.99999"
METRIC = "dcim_env_temperature_celsius"
KEY = "dcim_env_temperature_celsius{sensor=1}"
HEAD = """
version: 1
profile: room
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {probes: [1.3.6.1.4.1.99999.1.0]}
points:
"""


def plan_of(sensors: int) -> Plan:
    points = "".join(
        f"  - {{metric: dcim_env_temperature_celsius, labels: {{sensor: '{at}'}}, oid: {ROOT}.{at}.0, unit: celsius, poll: fast}}\n"
        for at in range(1, sensors + 1)
    )
    return plan_device(parse_profile(HEAD + points, "room.yaml"), {}, {}, None)


def read(switch: UnitSwitch, *temperatures: float) -> list[float | str]:
    """What is published of these temperatures, or why they are not."""
    keys = [f"dcim_env_temperature_celsius{{sensor={at}}}" for at in range(1, len(temperatures) + 1)]
    readings = Readings(values=dict(zip(keys, temperatures, strict=True)))
    switch.reject("fast", readings)
    return [readings.values.get(key, readings.bad.get(key, "")) for key in keys]


@pytest.fixture
def one() -> UnitSwitch:
    switch = UnitSwitch("d")
    switch.begin(plan_of(1))
    return switch


def test_a_temperature_that_becomes_itself_in_fahrenheit_is_rejected_until_it_is_switched_back(one: UnitSwitch) -> None:
    polls = [read(one, value)[0] for value in (23, 23.2, 73.8, 74, 75, 76, 24.5, 24)]
    assert polls == [23, 23.2, "range", "range", "range", "range", 24.5, 24]


def test_a_device_in_fahrenheit_that_is_switched_to_celsius_is_rejected(one: UnitSwitch) -> None:
    """74 degF were 23.3 degC; 23 taken for degrees Fahrenheit are -5."""
    assert [read(one, value)[0] for value in (23.3, -5, -4.8, 23.4)] == [23.3, "range", "range", 23.4]


def test_a_fire_is_published(one: UnitSwitch) -> None:
    """By chance one poll is just where the switch would be; the next is hotter."""
    assert [read(one, value)[0] for value in (23, 31, 47, 60, 75, 89)] == [23, 31, 47, 60, 75, 89]
    assert [read(one, value)[0] for value in (24, 75.2, 88, 90)] == [24, "range", 88, 90]


def test_one_of_several_sensors_that_jumps_is_moved_and_not_switched() -> None:
    switch = UnitSwitch("d")
    switch.begin(plan_of(4))
    assert read(switch, 20, 21, 22, 23) == [20, 21, 22, 23]
    assert read(switch, 20, 21, 71.6, 73.4) == [20, 21, 71.6, 73.4]
    assert read(switch, 68, 69.8, 71.6, 73.4) == [68, 69.8, 71.6, 73.4]
    switch.forget()
    assert read(switch, 20, 21, 22, 23) == [20, 21, 22, 23]
    assert read(switch, 68, 69.8, 71.6, 23) == ["range", "range", "range", 23]


def test_a_new_plan_of_the_device_does_not_make_the_other_unit_right(one: UnitSwitch) -> None:
    assert [read(one, value)[0] for value in (23, 73.4)] == [23, "range"]
    one.begin(plan_of(1))
    assert read(one, 73.4) == ["range"]


def test_devices_of_all_families_that_are_switched_give_no_temperature_in_fahrenheit() -> None:
    families = rejected = 0
    for name, profile in load_profiles().items():
        if profile.protocol != "snmp":
            continue
        device = healthy(profile.loaded())
        plan = device.planned()
        switch = UnitSwitch("d")
        switch.begin(plan)
        for poll, part in plan.classes.items():
            usual = normalise_answers(part.slots, device.cells)
            warm = {
                slot.key: value
                for slot in part.slots
                if slot.metric.unit == "celsius"
                and (value := usual.values.get(slot.key)) is not None
                and value > 0
                and slot.metric.plausible(value * 1.8 + 32)
            }
            switch.reject(poll, Readings(values=dict(warm)))
            found = Readings(values={key: value * 1.8 + 32 for key, value in warm.items()})
            switch.reject(poll, found)
            assert found.values == {}, name
            families += bool(warm)
            rejected += len(found.bad)
    assert families > 50
    assert rejected > 150


async def test_both_pollers_reject_what_is_in_another_unit_than_before() -> None:
    point = f"  - {{metric: {METRIC}, labels: {{sensor: '1'}}, PLACE, unit: celsius, poll: fast}}\n"
    text = HEAD + point.replace("PLACE", f"oid: {ROOT}.1.0")
    profile = parse_profile(text, "room.yaml")
    head = HEAD.replace("snmp", "modbus").replace("recognise: {probes: [1.3.6.1.4.1.99999.1.0]}\n", "")
    unit = parse_profile(head + point.replace("PLACE", "register: 0"), "room.yaml")
    snmp, registers = MemorySnmp({f"{ROOT}.1.0": 23}), MemoryModbus({0: 23})
    pollers = (
        SnmpPoller(Device(id="d", host="h", credential="c", profile="room"), {"room": profile}, snmp),
        ModbusPoller(Device(id="d", host="h", protocol="modbus", profile="room", unit=12), unit, registers),
    )
    for poller in pollers:
        await poller.open()
        assert (await poller.poll("fast", 1e9)).values[KEY] == 23
    snmp.values[f"{ROOT}.1.0"] = registers.registers[0] = 73
    for poller in pollers:
        found = await poller.poll("fast", 1e9)
        assert (KEY in found.values, found.bad.get(KEY)) == (False, "range")
