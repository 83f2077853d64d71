"""When a leak detector that gives no reading is reported as a fault, and when it is not."""

import pytest

from agent.config import Device
from agent.poll import SnmpPoller
from agent.poll.leak_detectors import (
    FAULT_AFTER_S,
    FAULT_POLLS,
    GONE_AFTER_S,
    LATE_POLLS,
    MAX_DETECTORS,
    REMEMBERED_S,
    LeakDetectors,
)
from agent.profile import SYS_OBJECT_ID, SYS_UPTIME, Plan, RawValue, parse_profile, plan_device
from agent.readings import Readings
from rackflow.catalogue import PollClass
from tests.agent.memory_peers import MemorySnmp
from tests.agent.poll.faulty_units import FAILURE, Unit, unit_bench

ROOT = "1.3.6.1.4.1.99999"
HEAD = f"""
version: 1
profile: leaking
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{probes: [{ROOT}.2.0]}}
points:
  - {{metric: dcim_env_temperature_celsius, labels: {{sensor: room}}, oid: {ROOT}.2.0, unit: celsius}}
tables:
  - name: ropes
    rows: {ROOT}.1.1
    labels: {{sensor: {{column: {ROOT}.1.2}}}}
    points:
      - {{metric: dcim_leak_detected, oid: {ROOT}.1.1, numbers: {{1: 0, 2: 1}}, absent: [0]}}
"""
PROFILE = parse_profile(HEAD, "leaking.yaml")
OWN = parse_profile(
    HEAD + f"      - {{metric: dcim_leak_sensor_fault, oid: {ROOT}.1.3, numbers: {{1: 0, 2: 1}}, absent: [0]}}\n",
    "leaking.yaml",
)
DRY, OFF = {"dcim_leak_detected{sensor=a}": 0.0}, "dcim_leak_detected{sensor=a}"
FAULT = "dcim_leak_sensor_fault{sensor=a}"


def plan_of(*names: str, own: bool = False) -> Plan:
    cells: dict[str, RawValue] = {f"{ROOT}.1.2.{at}": name.encode() for at, name in enumerate(names, 1)}
    return plan_device(OWN if own else PROFILE, {"ropes": [str(at) for at in range(1, len(names) + 1)]}, cells, None)


class Polls:
    """Polls of the detectors of a plan, a second apart."""

    def __init__(self, *names: str, own: bool = False) -> None:
        self.now_s = 1000.0
        self.detectors = LeakDetectors()
        self.detectors.begin(plan_of(*names, own=own))

    def poll(self, readings: Readings, poll: PollClass = "safety", after_s: float = 1.0) -> Readings:
        self.now_s += after_s
        self.detectors.report(poll, readings, self.now_s)
        return readings

    def silent(self, seconds: float, reason: str = "state", every_s: float = 1.0) -> Readings:
        """The last of the polls without a reading of `a` for this long."""
        last = Readings()
        for _ in range(int(seconds / every_s) + 1):
            last = self.poll(Readings(bad={OFF: reason} if reason else {}), after_s=every_s)
        return last


def test_a_detector_that_stops_giving_readings_is_a_fault_after_a_minute_and_then_none_any_more() -> None:
    for reason in ("null", "sentinel", "state", "decode", "refused", "busy", "gated", ""):
        polls = Polls("a", "b")
        polls.poll(Readings(values=dict(DRY)))
        assert FAULT not in polls.silent(FAULT_AFTER_S - 2, reason).values
        assert polls.silent(2, reason).values == {FAULT: 1.0}
        # The end is said, too, and not left to the shelf life of a reading.
        assert polls.poll(Readings(values=dict(DRY))).values == DRY | {FAULT: 0.0}


def test_a_port_without_a_detector_is_no_fault() -> None:
    polls = Polls("a")
    assert polls.silent(10 * FAULT_AFTER_S, "sentinel").values == {}


def test_a_detector_is_a_fault_only_while_nothing_of_it_comes() -> None:
    polls = Polls("a")
    polls.poll(Readings(values=dict(DRY)))
    for _ in range(5):
        assert polls.silent(FAULT_AFTER_S - 2).values == {}
        assert polls.poll(Readings(values={OFF: 1.0})).values == {OFF: 1.0}


SLOW = parse_profile(HEAD.replace("absent: [0]}", "absent: [0], poll: slow}"), "leaking.yaml")


def test_polls_that_are_far_apart_are_waited_for() -> None:
    polls = Polls()
    polls.detectors.begin(plan_device(SLOW, {"ropes": ["1"]}, {f"{ROOT}.1.2.1": b"a"}, None))
    polls.poll(Readings(values=dict(DRY)), "slow")
    found = [polls.poll(Readings(), "slow", FAULT_AFTER_S).values for _ in range(FAULT_POLLS)]
    assert found == [{}] * (FAULT_POLLS - 1) + [{FAULT: 1.0}]


@pytest.mark.parametrize("away_s", [LATE_POLLS * FAULT_AFTER_S, 10 * FAULT_AFTER_S])
def test_the_time_in_which_a_device_does_not_answer_is_no_silence_of_its_detectors(away_s: float) -> None:
    """It gives nothing of them while it shuts down, and until it has read them again."""
    polls = Polls("a")
    polls.poll(Readings(values=dict(DRY)))
    polls.silent(1)
    assert polls.poll(Readings(), after_s=away_s).values == {}
    assert polls.silent(FAULT_AFTER_S - 5).values == {}
    # Nor does an outage end a fault, which is said again at once.
    assert polls.silent(5).values == {FAULT: 1.0}
    assert polls.poll(Readings(), after_s=away_s).values == {FAULT: 1.0}


def test_the_time_in_which_readings_wait_for_a_new_plan_is_no_silence() -> None:
    polls = Polls("a")
    polls.poll(Readings(values=dict(DRY)))
    polls.silent(1)
    polls.silent(10 * FAULT_AFTER_S, "replanning")
    assert polls.poll(Readings()).values == {}


def test_a_device_whose_polls_are_always_late_has_its_fault_too() -> None:
    polls = Polls("a")
    polls.poll(Readings(values=dict(DRY)))
    found = [polls.poll(Readings(), after_s=10 * FAULT_AFTER_S).values for _ in range(int(FAULT_AFTER_S) + 1)]
    assert found[-1] == {FAULT: 1.0}


def test_a_fault_whose_row_is_gone_goes_on() -> None:
    polls = Polls("a", "b")
    polls.poll(Readings(values=dict(DRY)))
    assert polls.silent(FAULT_AFTER_S).values == {FAULT: 1.0}
    polls.detectors.begin(plan_of("b"))
    assert polls.poll(Readings()).values == {FAULT: 1.0}


def test_a_new_detector_ends_the_fault_of_one_that_is_gone_and_not_of_all() -> None:
    polls = Polls("a", "b", "c")
    polls.poll(Readings(values={f"dcim_leak_detected{{sensor={name}}}": 0.0 for name in "abc"}))
    polls.detectors.begin(plan_of("new"))
    assert len(polls.silent(GONE_AFTER_S, "").values) == 2
    # The others may have been renamed, too, and be listed one after another.
    polls.detectors.begin(plan_of("new", "newer"))
    assert len(polls.poll(Readings()).values) == 1
    polls.detectors.begin(plan_of("new", "newer", "newest"))
    assert polls.poll(Readings()).values == {}


def test_readings_that_wait_for_a_new_plan_show_no_fault() -> None:
    polls = Polls("a")
    polls.poll(Readings(values=dict(DRY)))
    assert polls.silent(10 * FAULT_AFTER_S, "replanning").values == {}


def test_what_the_device_says_itself_takes_precedence() -> None:
    polls = Polls("a", own=True)
    polls.poll(Readings(values=dict(DRY)))
    polls.silent(2 * FAULT_AFTER_S)
    for own in (0.0, 1.0):
        assert polls.poll(Readings(values={FAULT: own}), "normal").values == {FAULT: own}
    # It says nothing of a detector whose plug was pulled, and its reading is one of class `normal` as before.
    assert polls.poll(Readings(bad={OFF: "sentinel"})).values == {}
    assert polls.poll(Readings(bad={FAULT: "sentinel"}), "normal") == Readings(values={FAULT: 1.0})
    polls.poll(Readings(values=dict(DRY)))
    assert polls.poll(Readings(bad={FAULT: "sentinel"}), "normal").values == {}
    assert polls.poll(Readings(), "normal").values == {FAULT: 0.0}


def test_a_detector_that_the_next_plan_does_not_have_is_a_fault_for_a_day() -> None:
    polls = Polls("a", "b")
    both = {OFF: 0.0, "dcim_leak_detected{sensor=b}": 0.0}
    rest = {"dcim_leak_detected{sensor=b}": 0.0}
    polls.poll(Readings(values=dict(both)))
    # Planned again each hour, and the other one is still there.
    for _ in range(3):
        polls.detectors.begin(plan_of("b"))
        for _ in range(int(GONE_AFTER_S / 2)):
            polls.poll(Readings(values=dict(rest)))
    assert polls.poll(Readings(values=dict(rest))).values == rest | {FAULT: 1.0}
    polls.now_s = 1000.0 + REMEMBERED_S
    assert polls.poll(Readings(values=dict(rest)), after_s=0.0).values == rest | {FAULT: 1.0}
    assert polls.poll(Readings(values=dict(rest)), after_s=2.0).values == rest


def test_a_device_that_starts_may_list_its_detectors_late() -> None:
    polls = Polls("a", "b")
    polls.poll(Readings(values=dict(DRY)))
    polls.detectors.begin(plan_of("b"))
    assert polls.silent(GONE_AFTER_S - 2, "").values == {}
    polls.detectors.begin(plan_of("a", "b"))
    assert polls.poll(Readings(values=dict(DRY))).values == DRY


def test_detectors_with_other_names_are_no_faults() -> None:
    polls = Polls("a", "b")
    polls.poll(Readings(values=dict(DRY)))
    polls.detectors.begin(plan_of("aisle 1", "b"))
    assert polls.silent(10 * GONE_AFTER_S, "").values == {}


def test_detectors_of_another_device_are_no_faults() -> None:
    polls = Polls("a", "b")
    polls.poll(Readings(values=dict(DRY)))
    polls.detectors.forget()
    polls.detectors.begin(plan_of("b"))
    assert polls.silent(10 * GONE_AFTER_S, "").values == {}


def test_the_last_detector_is_missed_by_a_class_that_is_left() -> None:
    polls = Polls("a")
    polls.poll(Readings(values=dict(DRY)))
    polls.detectors.begin(plan_of())
    found = [polls.poll(Readings(), "normal", 10.0) for _ in range(int(GONE_AFTER_S / 10) + 2)]
    assert (found[0].values, found[-1].values) == ({}, {FAULT: 1.0})


def test_what_is_remembered_of_a_device_that_invents_detectors_is_bounded() -> None:
    names = [f"n{at}" for at in range(MAX_DETECTORS + 10)]
    polls = Polls(*names)
    polls.poll(Readings(values={f"dcim_leak_detected{{sensor={name}}}": 0.0 for name in names}))
    assert [len(polls.poll(Readings(), after_s=FAULT_AFTER_S / 2).values) for _ in range(3)][-1] == MAX_DETECTORS


async def test_an_snmp_device_whose_detector_is_cut_off() -> None:
    """Its row answers with a code that no MIB knows, and then with nothing at all; the table is walked again meanwhile."""
    now_s = 1000.0
    client = MemorySnmp({SYS_UPTIME: 500_000, f"{ROOT}.2.0": 20})
    client.values |= {f"{ROOT}.1.1.1": 1, f"{ROOT}.1.1.2": 1, f"{ROOT}.1.2.1": b"a", f"{ROOT}.1.2.2": b"b"}
    device = Device(id="d", host="h", credential="c", profile="leaking")
    poller = SnmpPoller(device, {"leaking": PROFILE}, client, lambda: now_s)
    await poller.open()

    async def polled() -> Readings:
        nonlocal now_s
        now_s += 30.0
        client.values[SYS_UPTIME] = int(now_s * 500)
        if (await poller.poll("normal", 1e9)).reopen or (await poller.poll("slow", 1e9)).reopen:
            await poller.open()
        return await poller.poll("safety", 1e9)

    assert FAULT not in (await polled()).values
    client.values[f"{ROOT}.1.1.1"] = 77
    assert [FAULT in (await polled()).values for _ in range(4)] == [False, False, True, True]
    del client.values[f"{ROOT}.1.1.1"]
    assert all([(await polled()).values.get(FAULT) == 1.0 for _ in range(300)][-100:])
    client.values[f"{ROOT}.1.1.1"] = 1
    assert [(await polled()).values.get(FAULT) for _ in range(300)][-1] == 0.0
    # The cell next to it has not been a fault at any time.
    assert "dcim_leak_sensor_fault{sensor=b}" not in (await polled()).values


async def test_an_snmp_device_that_was_replaced_has_no_faults_of_the_former_one() -> None:
    now_s = 1000.0
    client = MemorySnmp({SYS_UPTIME: 500_000, SYS_OBJECT_ID: f"{ROOT}.1", f"{ROOT}.2.0": 20})
    client.values |= {f"{ROOT}.1.1.1": 1, f"{ROOT}.1.2.1": b"a"}
    device = Device(id="d", host="h", credential="c", profile="leaking")
    poller = SnmpPoller(device, {"leaking": PROFILE}, client, lambda: now_s)
    await poller.open()
    assert (await poller.poll("safety", 1e9)).values == DRY
    client.values = {SYS_UPTIME: 500, SYS_OBJECT_ID: f"{ROOT}.2", f"{ROOT}.2.0": 20}
    await poller.open()
    faults: set[str] = set()
    while now_s < 1000.0 + 2 * GONE_AFTER_S:
        now_s += 10.0
        client.values[SYS_UPTIME] = int(now_s * 100)
        for poll_class in ("safety", "normal", "slow"):
            faults |= (await poller.poll(poll_class, 1e9)).values.keys() & {FAULT}
    assert faults == set()


MODBUS = parse_profile(
    """
version: 1
profile: cooling
class: cdu
protocol: modbus
title: A unit
source: a manual
evidence: unverified
modbus: {table: holding, max_gap: 0}
points:
  - {metric: dcim_cdu_flow_cubic_meters_per_second, labels: {loop: secondary}, register: 20, unit: liter_per_minute}
  - {metric: dcim_cdu_leak_detected, labels: {detector: tray}, register: 10, numbers: {0: 0, 1: 1}}
""",
    "cooling.yaml",
)


async def test_a_modbus_unit_that_refuses_the_register_of_its_detector() -> None:
    fault = "dcim_cdu_leak_sensor_fault{detector=tray}"
    async with unit_bench(MODBUS, Unit({10: 0, 20: 300})) as bench:
        await bench.poller.open()
        assert fault not in (await bench.polled("safety")).values
        bench.unit.refused[10] = FAILURE
        found = [(await bench.polled("safety", 20.0)).values.get(fault) for _ in range(5)]
        assert found == [None, None, None, 1.0, 1.0]
        bench.unit.refused.clear()
        assert [(await bench.polled("safety", 20.0)).values.get(fault) for _ in range(5)][-1] == 0.0
