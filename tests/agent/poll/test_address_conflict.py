"""Two devices that answer at one address in turn: nothing of one is published as the other's, and the log names both."""

import logging

import pytest

from agent.config import AgentConfig, Device
from agent.poll import SnmpPoller
from agent.poll.address_conflict import CONFLICT_S, MAX_DEVICES, METRIC, AddressConflict
from agent.poll.factory import PollerFactory
from agent.poll.fingerprint import Fingerprint, fingerprint_from
from agent.poll.leak_detectors import FAULT_AFTER_S
from agent.profile import SYS_OBJECT_ID, SYS_UPTIME, IdentitySource, Profile, parse_profile
from agent.readings import Identity, Readings
from agent.snmp.seam import SnmpValue
from rackflow.catalogue import PollClass
from rackflow.process.config import check_config
from tests.agent.faulty_peers import FaultyModbus
from tests.agent.memory_peers import MemorySnmp
from tests.agent.poll.faulty_units import BUSY, FAILURE, Unit, unit_bench

ROOT = "1.3.6.1.4.1.99999"
PROFILE_TEXT = f"""
version: 1
profile: twin
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{probes: [{ROOT}.2.0]}}
identity: {{serial: [{{oid: {ROOT}.9.0}}]}}
points:
  - {{metric: dcim_env_temperature_celsius, labels: {{sensor: a}}, oid: {ROOT}.2.0, unit: celsius, poll: fast}}
"""
PROFILE = parse_profile(PROFILE_TEXT, "twin.yaml")
TEMPERATURE = "dcim_env_temperature_celsius{sensor=a}"


def device(serial: str, temperature: int) -> dict[str, SnmpValue]:
    return {SYS_OBJECT_ID: f"{ROOT}.1", f"{ROOT}.9.0": serial.encode(), f"{ROOT}.2.0": temperature}


ONE, OTHER = device("S-1", 20), device("S-2", 30)


class Bench:
    """A device in memory that is polled, and opened anew when it asks for that."""

    def __init__(self, profile: Profile = PROFILE, first: dict[str, SnmpValue] = ONE) -> None:
        self.now_s = 1000.0
        self.client = MemorySnmp(dict(first))
        configured = Device(id="d", host="h", credential="c", profile="twin")
        self.poller = SnmpPoller(configured, {"twin": profile}, self.client, lambda: self.now_s)

    async def poll(self, poll: PollClass, answers: dict[str, SnmpValue], after_s: float = 15.0) -> Readings:
        self.now_s += after_s
        self.client.values = answers | {SYS_UPTIME: int(self.now_s * 100)}
        readings = await self.poller.poll(poll, 1e9)
        if readings.reopen:
            await self.poller.open()
        return readings


async def in_conflict() -> Bench:
    """A device whose place another one took, and that is back."""
    bench = Bench()
    await bench.poller.open()
    for answers in (ONE, OTHER, ONE):
        await bench.poll("slow", answers)
    return bench


async def test_polls_of_two_devices_at_one_address_give_no_reading_of_the_other_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = await in_conflict()
    assert "two devices answer at its address in turn: 'S-2' and 'S-1'" in caplog.text
    caplog.clear()
    for _ in range(5):
        assert (await bench.poll("fast", ONE)).values[TEMPERATURE] == 20.0
        found = await bench.poll("fast", OTHER)
        assert (found.values, found.bad) == ({}, {TEMPERATURE: "replanning"})
        # Whoever it is by now, it was identified before it is read.
        assert (await bench.poll("fast", OTHER)).values[TEMPERATURE] == 30.0
        assert (await bench.poll("fast", ONE)).values == {}
    # It is told once, and not with each of their turns.
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


async def test_devices_whose_turns_are_short_are_each_read_in_their_turns() -> None:
    """Between two openings, which are ten seconds apart, the one that was opened is read in each of its turns."""
    bench = await in_conflict()
    given = [TEMPERATURE in (await bench.poll("fast", (ONE, OTHER)[at % 2], 1.0)).values for at in range(120)]
    assert sum(given) >= 50


async def test_what_another_device_counts_in_changes_nothing_of_the_one_that_is_read() -> None:
    unit = f"unit_by: {{oid: {ROOT}.3.0, map: {{1: celsius, 2: fahrenheit}}}}"
    profile = parse_profile(PROFILE_TEXT.replace("unit: celsius", unit), "twin.yaml")
    one, other = ONE | {f"{ROOT}.3.0": 1}, OTHER | {f"{ROOT}.3.0": 2}
    bench = Bench(profile, one)
    await bench.poller.open()
    for answers in (one, other, one):
        await bench.poll("slow", answers)
    polls = [(await bench.poll("fast", (one, other)[at % 2], 1.0)).values for at in range(120)]
    assert all(found.get(TEMPERATURE, 20.0) == pytest.approx(20.0) for found in polls[::2])
    assert all(found.get(TEMPERATURE, -1.1) == pytest.approx(-1.1, abs=0.1) for found in polls[1::2])
    assert sum(TEMPERATURE in found for found in polls) >= 50


async def test_a_device_that_was_replaced_once_is_asked_for_its_identity_once_a_minute_as_before() -> None:
    bench = Bench()
    await bench.poller.open()
    await bench.poll("slow", OTHER)
    await bench.poll("fast", OTHER)
    assert bench.client.asked[-1] == [f"{ROOT}.2.0"]


async def test_a_conflict_is_shown_by_a_reading_until_it_is_over() -> None:
    bench = Bench()
    await bench.poller.open()
    assert METRIC not in (await bench.poll("slow", ONE)).about
    bench = await in_conflict()
    assert (await bench.poll("slow", ONE)).about[METRIC] == 1.0
    # Also while nothing else is published.
    assert (await bench.poll("slow", OTHER)).about[METRIC] == 1.0
    assert METRIC not in (await bench.poll("fast", OTHER)).about
    for _ in range(3):
        await bench.poll("slow", OTHER, CONFLICT_S / 2)
    assert (await bench.poll("slow", OTHER)).about[METRIC] == 0.0


async def test_a_conflict_is_over_an_hour_after_the_last_change() -> None:
    bench = await in_conflict()
    await bench.poll("fast", ONE)
    assert f"{ROOT}.9.0" in bench.client.asked[-1]
    await bench.poll("slow", ONE, CONFLICT_S + 1)  # planned anew, as each hour
    await bench.poll("fast", ONE)
    assert bench.client.asked[-1] == [f"{ROOT}.2.0"]


def fingerprint(serial: str) -> Fingerprint:
    return fingerprint_from(PROFILE, device(serial, 20))


@pytest.mark.parametrize(("after_s", "is_conflict"), [(CONFLICT_S - 1, True), (CONFLICT_S, False)])
def test_a_device_that_comes_back_much_later_is_no_conflict(after_s: float, *, is_conflict: bool) -> None:
    conflict = AddressConflict("d")
    conflict.note_replaced(fingerprint("S-1"), fingerprint("S-2"), 0.0)
    conflict.note_replaced(fingerprint("S-2"), fingerprint("S-1"), after_s)
    assert conflict.is_on(after_s) is is_conflict


def test_a_device_that_tells_another_number_each_time_is_no_conflict_and_takes_a_bounded_memory() -> None:
    conflict = AddressConflict("d")
    for at in range(10 * MAX_DEVICES):
        conflict.note_replaced(fingerprint(f"S-{at}"), fingerprint(f"S-{at + 1}"), float(at))
        assert not conflict.is_on(float(at))
    conflict.note_replaced(fingerprint("S-99"), fingerprint("S-0"), 100.0)
    assert not conflict.is_on(100.0)
    conflict.note_replaced(fingerprint("S-0"), fingerprint("S-99"), 101.0)
    assert conflict.is_on(101.0)


def test_a_conflict_lasts_for_an_hour_after_each_change() -> None:
    conflict = AddressConflict("d")
    conflict.note_replaced(fingerprint("S-1"), fingerprint("S-2"), 10_000.0)
    assert not conflict.is_on(10_000.0)
    for changed_s in (10_100.0, 13_000.0):
        conflict.note_replaced(fingerprint("S-2"), fingerprint("S-1"), changed_s)
        assert (conflict.is_on(changed_s + 3599.9), conflict.is_on(changed_s + 3600.0)) == (True, False)


@pytest.mark.parametrize(("others", "is_known"), [(4, True), (5, False)])
def test_the_last_four_devices_are_remembered(others: int, *, is_known: bool) -> None:
    conflict = AddressConflict("d")
    for at in range(others):
        conflict.note_replaced(fingerprint(f"S-{at}"), fingerprint(f"S-{at + 1}"), float(at))
    conflict.note_replaced(fingerprint(f"S-{others}"), fingerprint("S-0"), 100.0)
    assert conflict.is_on(100.0) is is_known


@pytest.mark.parametrize(
    ("identity", "identifiers", "name"),
    [
        (Identity(serial="S-1", model="M-1"), ("9.9",), "'S-1'"),
        (Identity(model="M-1"), ("9.9",), "'M-1'"),
        (Identity(), ("9.9",), "'9.9'"),
        (Identity(), (), "'one without a name'"),
    ],
)
def test_the_log_names_both_devices_of_a_conflict_as_well_as_it_can(
    caplog: pytest.LogCaptureFixture, identity: Identity, identifiers: tuple[str, ...], name: str
) -> None:
    one = Fingerprint(identity, tuple((IdentitySource(oid=SYS_OBJECT_ID), each) for each in identifiers), {}, {})
    conflict = AddressConflict("ups-1")
    conflict.note_replaced(one, fingerprint("S-2"), 0.0)
    conflict.note_replaced(fingerprint("S-2"), one, 1.0)
    assert f"device=ups-1 two devices answer at its address in turn: 'S-2' and {name};" in caplog.text


UNIT_TEXT = """
version: 1
profile: twin-unit
class: cdu
protocol: modbus
title: A unit
source: a manual
evidence: unverified
modbus: {table: holding, max_gap: 0}
identity: {serial: [{register: 9, type: uint16}]}
points:
  - metric: dcim_cdu_supply_temperature_celsius
    labels: {loop: secondary}
    register: 20
    type: int16
    unit: celsius
    scale: 0.1
    poll: safety
"""
UNIT = parse_profile(UNIT_TEXT, "twin-unit.yaml")
SUPPLY = "dcim_cdu_supply_temperature_celsius{loop=secondary}"
IDENTITY = (9, 1)


async def test_another_unit_behind_a_new_connection_gives_no_reading_before_it_is_opened() -> None:
    async with unit_bench(UNIT, Unit({9: 1, 20: 200})) as bench:
        await bench.poller.open()
        assert (await bench.polled("safety", 1.0)).values[SUPPLY] == 20.0
        bench.unit.hangs_up = True
        await bench.polled("safety", 1.0)
        bench.unit.hangs_up, bench.unit.registers = False, {9: 2, 20: 300}
        found = await bench.polled("safety", 1.0)
        assert (found.values, found.bad, found.reopen) == (
            {},
            {SUPPLY: "replanning"},
            "serial was '1' and is '2'",
        )
        await bench.poller.open()
        assert (await bench.polled("safety", 1.0)).values[SUPPLY] == 30.0
        assert IDENTITY not in bench.unit.asked


async def test_an_agents_poller_notices_new_connections() -> None:
    unit = Unit({9: 1, 20: 200}, hangs_up=True)
    async with FaultyModbus(unit.reply).serving() as server:
        device = {"id": "d", "host": "127.0.0.1", "port": server.port, "protocol": "modbus", "profile": "twin-unit"}
        whole = {"agent": "a", "labels": {"site": "t1"}, "devices": [device | {"timeout_s": 5.0}]}
        config = check_config(whole, AgentConfig, "test")
        poller = PollerFactory({"twin-unit": UNIT})(config, config.devices[0])
        try:
            await poller.open()
            unit.registers = {9: 2, 20: 300}
            assert (await poller.poll("safety", 1e9)).bad == {SUPPLY: "replanning"}
        finally:
            await poller.close()


async def test_a_unit_that_closes_each_connection_is_asked_who_it_is_every_ten_seconds() -> None:
    async with unit_bench(UNIT, Unit({9: 1, 20: 200}, hangs_up=True)) as bench:
        await bench.poller.open()
        asked = 0
        for _ in range(30):
            assert (await bench.polled("safety", 1.0)).values[SUPPLY] == 20.0
            asked += bench.unit.asked.count(IDENTITY)
        assert asked == 3


async def test_a_unit_that_does_not_say_who_it_is_over_a_new_connection_is_read() -> None:
    async with unit_bench(UNIT, Unit({9: 1, 20: 200})) as bench:
        await bench.poller.open()
        bench.unit.hangs_up = True
        await bench.polled("safety", 1.0)
        bench.unit.hangs_up, bench.unit.refused = False, {9: 4}
        assert (await bench.polled("safety", 1.0)).values[SUPPLY] == 20.0


NAMED_TEXT = UNIT_TEXT.replace(
    "identity: {serial:", "identity: {model: [{register: 8, type: uint16}, {text: Any}], serial:"
)
NAMED = parse_profile(NAMED_TEXT, "twin-unit.yaml")


@pytest.mark.parametrize("code", [BUSY, FAILURE])
async def test_a_unit_whose_model_cannot_be_read_for_a_moment_is_no_other_one(code: int) -> None:
    """Profiles give a name for models that do not say what they are. It says nothing about which unit answers."""
    async with unit_bench(NAMED, Unit({8: 7, 9: 1, 20: 200}), retries=0) as bench:
        assert (await bench.poller.open()).identity.model == "7"
        bench.unit.hangs_up = True
        await bench.polled("safety", 1.0)
        bench.unit.hangs_up, bench.unit.refused = False, {8: code}
        for after_s in (1.0, 100.0):  # over a new connection, and after a minute
            found = await bench.polled("safety", after_s)
            assert (found.values, found.reopen) == ({SUPPLY: 20.0}, "")
        bench.unit.refused.clear()
        bench.unit.registers[8] = 6
        assert (await bench.polled("safety", 100.0)).reopen == "model was '7' and is '6'"


async def test_an_opening_that_cannot_read_the_model_forgets_nothing_of_the_unit() -> None:
    leak = "  - {metric: dcim_cdu_leak_detected, labels: {detector: tray}, register: 21, numbers: {0: 0, 1: 1}, poll: safety}\n"
    profile = parse_profile(NAMED_TEXT + leak, "twin-unit.yaml")
    fault = "dcim_cdu_leak_sensor_fault{detector=tray}"
    async with unit_bench(profile, Unit({8: 7, 9: 1, 20: 200, 21: 0}), retries=0) as bench:
        await bench.poller.open()
        assert fault not in (await bench.polled("safety", 1.0)).values
        bench.unit.refused = {8: FAILURE, 21: FAILURE}
        await bench.poller.open()
        found = [(await bench.polled("safety", FAULT_AFTER_S / 2)).values.get(fault) for _ in range(4)]
        assert found[-1] == 1.0
