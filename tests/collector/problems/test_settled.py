"""A device whose readings stay within what its evaluation found is not evaluated again, and no problem is missed for it."""

import cProfile
import math
import pstats
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.latest import Latest
from collector.problems.conditions import Evaluator
from collector.problems.monitor import Monitor
from collector.problems.settled import range_of
from collector.problems.shares import Shares
from collector.problems.subjects import device_subject
from collector.problems.table import Condition, Table, load_table, parse_table
from collector.problems.tracker import Key
from collector.readings import SeriesKeys, resolve
from rackflow.catalogue import catalogue
from rackflow.documents import Batch, DeviceFault
from rackflow.process.bulkhead import Failures
from rackflow.series import parse_series_key
from tests.at_once import at_once
from tests.collector.problems.examples import DIPS, INCIDENTS, NEAR_MISSES
from tests.collector.problems.things import Cycle, Then, Thing, Value

TABLE = load_table()
WALL_S = 1_795_000_000.0
TEMPERATURE = "dcim_ups_battery_temperature_celsius"
CURRENT, WARNING = (
    "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}",
    "dcim_pdu_phase_warning_current_amperes{inlet=1,phase=L1}",
)
OUTLET = "dcim_pdu_outlet_current_amperes{outlet=1}"
VOLTAGE = "dcim_ups_input_voltage_volts{phase=L1}"
SOURCE = "dcim_ups_output_source"
FLOW_METRIC = "dcim_cdu_flow_cubic_meters_per_second"
FLOW, MODE = f"{FLOW_METRIC}{{loop=secondary}}", "dcim_cdu_control_mode"
Said = Mapping[str, float | str]
"""What a poll says, by series key."""


class Hall:
    """Devices of one feed, as the collector follows them, and as they are if each reading is evaluated."""

    def __init__(self, table: Table = TABLE) -> None:
        self.now, self.seq = 100.0, 0
        self.latest, self.keys = Latest(10_000), SeriesKeys(10_000)
        self.latest.note_connected(self.now)
        self.failures = Failures()
        self.monitor = Monitor(
            table,
            self.latest,
            lambda _: {},
            lambda: (),
            self.failures,
            clock=lambda: self.now,
            wall=lambda: WALL_S + self.now,
        )
        self.evaluator = Evaluator(table)
        self.shares = Shares(table, self.evaluator)
        self.ever: set[Key] = set()

    def poll(self, device: str, said: Said, device_class: str = "ups", error: DeviceFault | None = None) -> None:
        self.seq += 1
        one = Batch(
            agent="gw",
            epoch="E",
            seq=self.seq,
            time=int((WALL_S + self.now) * 1000),
            device=device,
            device_class=device_class,
            poll="fast",
            interval_s=5.0,
            duration_s=0.031,
            up=error is None,
            error=error,
            labels={"site": "s", "feed": "A", "room": "r", "rack": device},
            values={key: value for key, value in said.items() if not isinstance(value, str)},
            states={key: value for key, value in said.items() if isinstance(value, str)},
        )
        self.latest.apply_batch("s", one, resolve(one, self.keys), self.now, WALL_S + self.now)

    def disagreements(self) -> list[Key]:
        """Evaluate; problems that hold by the collector and not by an evaluation of everything, or the other way round."""
        self.monitor.evaluate()
        holding: set[Key] = set()
        for device in self.latest.devices():
            subject = device_subject(device, self.latest, self.monitor.metrics, self.now)
            self.shares.note(("device", "s", device.device), subject)
            for problem, conditions in self.evaluator.decidable_by(subject):
                found = self.evaluator.findings(problem, subject, WALL_S + self.now, conditions)
                holding |= {(problem.name, labels) for labels in found}
        holding |= {(name, group) for name, groups in self.shares.found().items() for group in groups}
        self.ever |= holding
        return [key for key in self.ever if self._holds(key) != (key in holding)]

    def _holds(self, key: Key) -> bool:
        tracked = self.monitor.tracker.get(key)
        return tracked is not None and tracked.holds

    def calls(self, function: Callable[..., object]) -> int:
        """How often a function was called when everything was looked at once."""
        profile = cProfile.Profile()
        profile.runcall(self.monitor.evaluate)
        stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # not in its type hints
        code = function.__code__
        return sum(
            count
            for (file, line, _), (_, count, *_) in stats.items()
            if (file, line) == (code.co_filename, code.co_firstlineno)
        )


def things() -> Iterator[Thing]:
    """Every device of the examples."""
    for example in (*INCIDENTS.values(), *DIPS.values(), *NEAR_MISSES.values()):
        yield from (each for each in example.things if each.kind == "device" and each.series)


def said_of(thing: Thing) -> dict[str, list[float | str]]:
    """What each of a device's series says in its example, by key."""
    return {f"dcim_{key}": list(_each(value)) for key, value in thing.series.items()}


def _each(value: Value) -> tuple[float | str, ...]:
    if isinstance(value, Cycle):
        return value.values
    return tuple(value) if isinstance(value, Then) else (value,)


def conditions(found: Iterable[Condition]) -> Iterator[Condition]:
    """These and all inside of them."""
    for each in found:
        yield each
        yield from conditions((*each.unless, *each.also))


def edges() -> dict[str, set[float]]:
    """The constants that each metric is compared with, in its own unit."""
    found: dict[str, set[float]] = {}
    rows = [each for row in TABLE.problems.values() for each in row.when]
    shared = [each for row in TABLE.problems.values() if row.share for each in (row.share.among, *row.share.of)]
    for each in conditions([*rows, *shared]):
        after = each.after.at_least if each.after else None
        bounds = [bound for bound in (each.above, each.below, each.equals, after) if isinstance(bound, float | int)]
        metric = each.metric or TABLE.records[each.record].metric
        found.setdefault(metric, set()).update(bound / each.times for bound in bounds)
    return found


EDGES = edges()
DEVICES = list(things())
SAID: dict[str, set[float | str]] = {}
for _thing in DEVICES:
    for _key, _values in said_of(_thing).items():
        SAID.setdefault(parse_series_key(_key)[0], set()).update(_values)


@st.composite
def values(draw: st.DrawFn, key: str) -> float | str:
    """A value of a series: of an example, at a limit, or hardly beside one."""
    metric = parse_series_key(key)[0]
    if states := catalogue()[metric].states:
        state: str = draw(st.sampled_from([*states]))
        return state
    near = sorted({*(each for each in SAID[metric] if not isinstance(each, str)), *EDGES.get(metric, ())})
    value = draw(st.sampled_from(near))
    beside = (value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf), value * 1.001, value * 0.999)
    found: float = draw(st.sampled_from([each for each in beside if catalogue()[metric].plausible(each)] or [0.0]))
    return found


@st.composite
def courses(draw: st.DrawFn) -> list[list[Said]]:
    """Some polls of a few devices, each with the series of an example. Most readings are what they were, or nearly so."""
    found: list[list[Said]] = []
    for thing in draw(st.lists(st.sampled_from(DEVICES), min_size=1, max_size=3)):
        keys = list(said_of(thing))
        said = {key: draw(values(key)) for key in keys}
        polls: list[Said] = [said]
        for _ in range(4):
            said = dict(said)
            for key in draw(st.lists(st.sampled_from(keys), max_size=2)):
                said[key] = draw(values(key))
            polls.append(said)
        found.append(polls)
    return found


@settings(max_examples=60, deadline=None)
@given(courses(), st.sampled_from([1.0, 20.0]))
def test_no_problem_is_missed_because_a_device_was_not_evaluated(found: list[list[Said]], every_s: float) -> None:
    hall = Hall()
    for polls in zip(*found, strict=True):
        for number, said in enumerate(polls):
            hall.poll(f"d{number}", said)
        assert hall.disagreements() == []
        hall.now += every_s
    assert not hall.failures.counts


def variants(key: str, value: float | str) -> Iterator[float | str]:
    """What a series may say next: each other state; a number on either side of each limit, and far from the one before."""
    metric = parse_series_key(key)[0]
    states = catalogue()[metric].states
    if states or isinstance(value, str):
        yield from (each for each in states or () if each != value)
        return
    near = (edge * factor for edge in EDGES.get(metric, ()) for factor in (0.999, 1.001))
    far = (value * factor for factor in (0.0, 0.5, 2.0, 10.0))
    yield from sorted({each for each in (*near, *far) if each != value and catalogue()[metric].plausible(each)})


def test_no_problem_is_missed_whichever_reading_of_a_device_without_one_is_another() -> None:
    """Each device of the examples with each of its series changed alone: one by one, and not by chance as above."""
    settled: set[tuple[tuple[str, float | str], ...]] = set()
    found = set[Key]()
    for thing in DEVICES:
        said = {key: each[0] for key, each in said_of(thing).items()}
        if (course := tuple(said.items())) in settled:
            continue
        settled.add(course)
        hall, next_said = Hall(), list[Said]()
        for key, value in said.items():
            next_said += [said | {key: each} for each in variants(key, value)]
        for number in range(len(next_said)):
            hall.poll(f"d{number}", said, thing.device_class)
        assert hall.disagreements() == []
        hall.now += 1.0
        for number, each in enumerate(next_said):
            hall.poll(f"d{number}", each, thing.device_class)
        assert hall.disagreements() == [], said
        found |= hall.ever
    assert len(settled) > 60
    assert len({name for name, _ in found}) > 35, "not only a few problems began so"


def test_a_range_ends_before_the_nearest_limit_on_either_side_by_more_than_a_rounding_error() -> None:
    low, high = range_of(15.0, [20.0, 12.0, 30.0, 10.0])
    assert (12.0 < low < 12.0001, 19.9999 < high < 20.0) == (True, True)
    low, high = range_of(-4e9, [-5e9, -3e9])
    assert (low > -5e9 + 1, high < -3e9 - 1) == (True, True), "the distance grows with the limit, whatever its sign"
    assert range_of(5.0, []) == (-math.inf, math.inf)
    for too_near in (12.0, 12.0 + 1e-10, 12.0 - 1e-10):
        assert range_of(too_near, [12.0, 20.0]) == (too_near, too_near)


def test_devices_that_change_far_from_each_limit_are_not_evaluated() -> None:
    hall = Hall()
    hall.poll("ups", {TEMPERATURE: 25.0, VOLTAGE: 231.0, SOURCE: "normal"})
    hall.poll("pdu", {CURRENT: 10.0, WARNING: 32.0, OUTLET: 1.0}, "pdu")
    assert hall.calls(device_subject)
    hall.poll("ups", {TEMPERATURE: 25.5, VOLTAGE: 229.0, SOURCE: "normal"})
    hall.poll("pdu", {CURRENT: 10.5, WARNING: 32.0, OUTLET: 9.0}, "pdu")
    idle = hall.calls(device_subject)
    hall.poll("ups", {TEMPERATURE: 25.5, VOLTAGE: 229.0, SOURCE: "battery"})
    assert hall.calls(device_subject) > idle, "a state is another"
    hall.poll("pdu", {CURRENT: 10.5, WARNING: 10.4, OUTLET: 9.0}, "pdu")
    assert hall.disagreements() == [], "the limit is another"
    assert hall.monitor.tracker.has(("device", "s", "pdu"))


def test_an_unobserved_or_silent_device_is_evaluated_even_with_unchanged_readings() -> None:
    hall = Hall()
    hall.poll("ups", {TEMPERATURE: 25.0})
    hall.monitor.evaluate()
    assert hall.calls(device_subject) == 0
    hall.latest.note_disconnected(hall.now)
    assert hall.calls(device_subject) == 1
    hall.now += 1.0
    hall.latest.note_connected(hall.now)
    hall.poll("ups", {TEMPERATURE: 25.0})
    hall.monitor.evaluate()
    assert hall.calls(device_subject) == 0
    hall.poll("ups", {}, error="timeout")
    assert hall.disagreements() == []
    assert hall.monitor.tracker.has(("device", "s", "ups"))


def test_a_limit_that_comes_later_is_compared_with() -> None:
    hall = Hall()
    hall.poll("pdu", {CURRENT: 33.0}, "pdu")
    assert hall.disagreements() == []
    hall.poll("pdu", {CURRENT: 33.0, WARNING: 32.0}, "pdu")
    assert hall.disagreements() == []
    assert hall.monitor.tracker.has(("device", "s", "pdu")), "its limit has come"


def test_what_a_device_no_longer_says_is_noticed_although_all_else_is_as_before() -> None:
    """While its phases are read, these count; when they are not any more, the load of the whole UPS does."""
    hall, whole = Hall(), {"dcim_ups_output_total_load_ratio": 1.2}
    hall.poll("ups", whole | {"dcim_ups_output_load_ratio{phase=L1}": 0.5})
    assert hall.disagreements() == []
    assert not hall.monitor.tracker.has(("device", "s", "ups"))
    for _ in range(6):
        hall.now += 5.0
        hall.poll("ups", whole)
        assert hall.disagreements() == []
    assert {name for name, _ in hall.ever} == {"DcimUpsOverload", "DcimUpsLoadHigh"}


def test_voltage_that_was_there_is_remembered_with_a_time_of_at_most_five_minutes_ago() -> None:
    """What has not been there for a week is not lost; what was there five minutes before is."""
    hall = Hall()
    for _ in range(40):
        hall.poll("ups", {VOLTAGE: 230.0})
        at_once(hall.latest.expire_steps)(hall.now)
        hall.monitor.evaluate()
        assert max(hall.monitor.remembered().values()) >= WALL_S + hall.now - 300.0
        hall.now += 20.0


def test_voltage_that_rises_from_half_to_whole_is_remembered_although_no_limit_was_crossed() -> None:
    """Half of it is above what counts as lost, and below what counts as present."""
    hall = Hall()
    for volts in (60.0, 230.0, 0.0):
        hall.poll("ups", {VOLTAGE: volts})
        assert hall.disagreements() == []
        hall.now += 1.0
    assert {name for name, _ in hall.ever} == {"DcimPhaseDead"}


RECORDS = """
version: 1
records:
  device_inlet_phase:dcim_pdu_phase_load:ratio:
    metric: dcim_pdu_phase_current_amperes
    per: dcim_pdu_phase_rated_current_amperes
  device:dcim_cdu_pumps_running:count: {metric: dcim_cdu_pump_state, states: [running], count: [pump]}
  device_loop:dcim_cdu_flow_setpoint:cubic_meters_per_second:
    metric: dcim_cdu_flow_setpoint_cubic_meters_per_second
    positive: true
    unless: [{metric: dcim_cdu_control_mode, states: [manual]}]
normal_states: {}
problems:
"""
PROBLEM = """
  Dcim%s:
    {group: g, summary: It is., description: It is., severity: warning, subsystem: power, when: [%s]}
"""
RATED = "dcim_pdu_phase_rated_current_amperes{inlet=1,phase=L1}"
SET_FLOW, RUN = "dcim_cdu_flow_setpoint_cubic_meters_per_second{loop=secondary}", "dcim_cdu_pump_state{pump=1}"
LOAD = "{record: device_inlet_phase:dcim_pdu_phase_load:ratio, above: 0.8}"
SETPOINT_HOLDS = "{record: device_loop:dcim_cdu_flow_setpoint:cubic_meters_per_second}"


@pytest.mark.parametrize(
    ("condition", "before", "after"),
    [
        (LOAD, {CURRENT: 10.0, RATED: 32.0}, {CURRENT: 30.0}),
        (LOAD, {CURRENT: 10.0, RATED: 32.0}, {RATED: 10.0}),
        ("{record: device:dcim_cdu_pumps_running:count, equals: 0}", {RUN: "running"}, {RUN: "stopped"}),
        ("{record: device:dcim_cdu_pumps_running:count, above: 0}", {RUN: "stopped"}, {RUN: "running"}),
        (SETPOINT_HOLDS, {SET_FLOW: 0.0, MODE: "flow"}, {SET_FLOW: 0.01}),
        (SETPOINT_HOLDS, {SET_FLOW: 0.01, MODE: "manual"}, {MODE: "flow"}),
        (
            f"{{metric: {FLOW_METRIC}, below: {SETPOINT_HOLDS.replace('}', ', times: 0.8}')}}}",
            {FLOW: 0.009, SET_FLOW: 0.01, MODE: "manual"},
            {MODE: "flow", SET_FLOW: 0.02},
        ),
    ],
)
def test_a_recorded_value_is_noticed_whichever_of_its_readings_is_another(
    condition: str, before: Said, after: Said
) -> None:
    """In a table in which no other condition looks at the same metric."""
    hall = Hall(parse_table(RECORDS + PROBLEM % ("One", condition)))
    for said in (before, {**before, **after}, before):
        hall.poll("one", said, "pdu")
        assert hall.disagreements() == []
        hall.now += 1.0
    assert {name for name, _ in hall.ever} == {"DcimOne"}


def test_what_was_there_all_the_time_is_missed_however_long_it_stayed_the_same() -> None:
    """A fall within twenty minutes, after an hour in which nothing changed: what was seen last counts, and not when it began."""
    fell = f"{{metric: {CURRENT.partition('{')[0]}, fell: {{below_share: 0.5, within_s: 1200}}}}"
    hall = Hall(parse_table(RECORDS + PROBLEM % ("One", fell)))
    for amperes in (*[10.0] * 180, 4.0):
        hall.poll("pdu", {CURRENT: amperes}, "pdu")
        assert hall.disagreements() == []
        hall.now += 20.0
    assert {name for name, _ in hall.ever} == {"DcimOne"}


def test_a_device_whose_readings_come_again_in_time_is_not_evaluated_when_the_first_ones_would_have_expired() -> None:
    """Nobody scrapes, so no sweep has told in the meantime when the present readings expire."""
    hall = Hall()
    for _ in range(10):
        hall.poll("ups", {TEMPERATURE: 25.0})
        if hall.now == 100.0:
            hall.monitor.evaluate()
        assert hall.calls(device_subject) == 0
        hall.now += 5.0


def test_a_reading_that_does_not_come_again_is_gone_when_its_device_is_evaluated() -> None:
    hall = Hall()
    hall.poll("ups", {TEMPERATURE: 25.0, VOLTAGE: 230.0})
    hall.monitor.evaluate()
    for _ in range(10):
        hall.now += 5.0
        hall.poll("ups", {TEMPERATURE: 25.0})
        assert hall.disagreements() == []
    ups = hall.latest.device("s", "ups")
    assert ups is not None
    assert list(ups.series) == [TEMPERATURE]


def test_a_device_that_leaves_its_ranges_each_time_is_looked_at_ever_less_often() -> None:
    """Finding the ranges costs as much as an evaluation."""
    hall = Hall()
    found = 0
    for number in range(40):
        hall.poll("pdu", {CURRENT: 1.0, WARNING: 32.0 + number}, "pdu")
        found += hall.calls(range_of)
    assert found < 8
