"""Conditions: limits that a device states, and when a problem can be decided at all."""

import msgspec
import pytest

from collector.problems.conditions import MAX_SEEN, ConditionMemory, Evaluator, Finding, Subject, labels_of
from collector.problems.table import Condition, load_table

PHASE = {"inlet": "1", "phase": "L1"}
BEYOND = load_table().problems["DcimReadingBeyondLimit"]
LEAK = load_table().problems["DcimLeakDetected"]


def pdu(**more: float) -> Subject:
    subject = Subject({"site": "s", "device": "pdu-1"})
    for name, value in more.items():
        subject.add(f"dcim_pdu_phase_{name}_amperes", PHASE, value)
    return subject


def test_a_current_without_its_limit_decides_nothing() -> None:
    evaluator = Evaluator(load_table())
    assert not evaluator.decides(BEYOND, pdu(current=31.0))
    assert evaluator.decides(BEYOND, pdu(current=31.0, warning_current=30.0))
    assert not evaluator.decides(LEAK, pdu(current=31.0))


def test_a_finding_names_its_reading_its_value_and_its_limit_and_who_states_that() -> None:
    subject = pdu(current=31.0, warning_current=30.0)
    labels = labels_of({"site": "s", "device": "pdu-1", **PHASE, "reading": "pdu_phase_current_amperes"})
    assert Evaluator(load_table()).findings(BEYOND, subject, 0.0) == {labels: Finding(31.0, 30.0, "device")}
    subject.sources["dcim_pdu_phase_warning_current_amperes"] = "site file"
    assert Evaluator(load_table()).findings(BEYOND, subject, 0.0) == {labels: Finding(31.0, 30.0, "site file")}


def test_at_its_limit_and_without_one_a_reading_is_no_problem() -> None:
    for subject in (pdu(current=30.0, warning_current=30.0), pdu(current=30.0)):
        assert Evaluator(load_table()).findings(BEYOND, subject, 0.0) == {}


@pytest.mark.parametrize("bound", ["above", "below"])
def test_a_reading_at_a_limit_that_is_a_number_is_no_problem(bound: str) -> None:
    condition = msgspec.convert({"metric": "dcim_pdu_phase_current_amperes", bound: 30.0}, Condition)
    held = [each for each in (29.9, 30.0, 30.1) if Evaluator(load_table()).holds(condition, pdu(current=each))]
    assert held == [30.1 if bound == "above" else 29.9]


def test_a_share_of_a_rating_below_zero_is_none() -> None:
    """A device that states nonsense as its rating: a negative share would be below any limit."""
    low = Condition(metric="dcim_pdu_phase_current_amperes", per="dcim_pdu_phase_rated_current_amperes", below=0.5)
    evaluator = Evaluator(load_table())
    assert evaluator.holds(low, pdu(current=10.0, rated_current=32.0))
    assert not evaluator.holds(low, pdu(current=10.0, rated_current=-32.0))


@pytest.mark.parametrize(
    "share",
    [
        Condition(metric="dcim_pdu_phase_current_amperes", per="dcim_pdu_phase_rated_current_amperes", above=0.9),
        Condition(record="device_inlet_phase:dcim_pdu_phase_load:ratio", above=0.9),
    ],
)
def test_a_current_is_a_share_of_the_rating_of_its_own_phase_or_of_none(share: Condition) -> None:
    evaluator = Evaluator(load_table())
    assert evaluator.holds(share, pdu(current=31.0, rated_current=32.0))
    assert not evaluator.holds(share, pdu(current=31.0, rated_current=40.0))
    assert not evaluator.holds(share, pdu(current=31.0, rated_current=0.0))
    assert not evaluator.holds(share, pdu(current=31.0))
    other = pdu(current=31.0)
    other.add("dcim_pdu_phase_rated_current_amperes", {**PHASE, "phase": "L2"}, 32.0)
    assert not evaluator.holds(share, other)


def test_a_supply_is_too_warm_from_more_than_three_kelvin_above_its_set_point_on() -> None:
    high, secondary = load_table().problems["DcimCduSupplyTemperatureHigh"], {"loop": "secondary"}
    found = list[Finding]()
    for celsius in (33.0, 35.0, 35.1):
        subject = Subject({"site": "s", "device": "cdu-1"})
        subject.add("dcim_cdu_supply_temperature_celsius", secondary, celsius)
        subject.add("dcim_cdu_supply_temperature_setpoint_celsius", secondary, 32.0)
        found += Evaluator(load_table()).findings(high, subject, 0.0).values()
    assert found == [Finding(35.1, 35.0, "device")]


def test_a_flow_set_point_of_zero_is_not_in_force() -> None:
    """Half a litre a minute although a pump runs is too little, and not as much as is wanted."""
    low, secondary = load_table().problems["DcimCduFlowLow"], {"loop": "secondary"}
    for setpoint_lpm, is_low in ((0.0, True), (0.6, False), (0.7, True)):
        subject = Subject({"site": "s", "device": "cdu-1"})
        subject.add("dcim_cdu_flow_cubic_meters_per_second", secondary, 0.5 / 60_000)
        subject.add("dcim_cdu_flow_setpoint_cubic_meters_per_second", secondary, setpoint_lpm / 60_000)
        subject.add("dcim_cdu_pump_state", {"pump": "1"}, "running")
        assert bool(Evaluator(load_table()).evaluate(low, subject, 0.0)) is is_low, setpoint_lpm


@pytest.mark.parametrize(
    ("cause", "is_blind"), [("device_silent", True), ("agent_offline", False), ("collector", False), ("", False)]
)
def test_a_cdu_that_is_unobserved_because_of_others_is_no_problem_of_its_own(cause: str, *, is_blind: bool) -> None:
    """An agent that is gone is one problem, and not one for each of its CDUs."""
    subject = Subject({"site": "s", "device": "cdu-1"}, cause=cause)
    subject.add("dcim_device_observed", {}, 0.0)
    subject.add("dcim_device_info", {"device_class": "cdu"}, 1.0)
    blind = load_table().problems["DcimCoolingBlind"]
    assert bool(Evaluator(load_table()).evaluate(blind, subject, 0.0)) is is_blind


def test_a_limit_limits_its_own_phase_only() -> None:
    subject = pdu(current=31.0, warning_current=30.0)
    subject.add("dcim_pdu_phase_current_amperes", {"inlet": "1", "phase": "L2"}, 31.0)
    subject.add("dcim_pdu_phase_warning_current_amperes", {"inlet": "1", "phase": "L2"}, 63.0)
    found = Evaluator(load_table()).evaluate(BEYOND, subject, 0.0)
    assert [dict(labels)["phase"] for labels in found] == ["L1"]
    assert list(found.values()) == [31.0]


def test_a_state_that_follows_another_one_is_reported_and_one_that_was_always_there_is_not() -> None:
    evaluator = Evaluator(load_table())
    opened = load_table().problems["DcimBreakerOpen"]

    def at(wall_s: float, state: str) -> bool:
        subject = Subject({"site": "s", "device": "panel"})
        subject.add("dcim_circuit_breaker_state", {"circuit": "7", "panel": "p"}, state)
        return bool(evaluator.evaluate(opened, subject, wall_s))

    week_s = 7 * 86_400.0
    assert [at(0.0, "open"), at(10.0, "closed"), at(20.0, "open"), at(11.0 + week_s, "open")] == [
        False,
        False,
        True,
        False,
    ]


def test_what_was_there_within_a_week_is_missed_and_no_longer() -> None:
    evaluator = Evaluator(load_table())
    dead = load_table().problems["DcimPhaseDead"]

    def at(wall_s: float, volts: float) -> bool:
        subject = Subject({"site": "s", "device": "pdu-1"})
        subject.add("dcim_pdu_phase_voltage_volts", PHASE, volts)
        return bool(evaluator.evaluate(dead, subject, wall_s))

    week_s = 7 * 86_400.0
    assert [at(0.0, 0.0), at(10.0, 230.0), at(20.0, 0.0)] == [False, False, True]
    assert [at(10.0 + week_s, 0.0), at(11.0 + week_s, 0.0)] == [True, False]


def test_invented_devices_take_a_bounded_memory_and_it_is_given_back() -> None:
    evaluator = Evaluator(load_table())
    dead = load_table().problems["DcimPhaseDead"]
    for number in range(MAX_SEEN + 10):
        subject = Subject({"site": "s", "device": f"x{number}"})
        subject.add("dcim_pdu_phase_voltage_volts", PHASE, 230.0)
        evaluator.evaluate(dead, subject, 100.0)
    assert len(evaluator.memory.seen) == MAX_SEEN
    evaluator.memory.forget(100.0)
    assert len(evaluator.memory.seen) == MAX_SEEN
    evaluator.memory.forget(100.1)
    assert evaluator.memory.seen == {}


def test_the_highest_values_of_invented_devices_are_bounded_too_and_the_latest_one_decides_when_they_are_forgotten() -> (
    None
):
    memory = ConditionMemory()
    less = next(each for each in load_table().problems["DcimDeviceGivesLess"].when if each.fell is not None)
    for number in range(MAX_SEEN + 10):
        assert not memory.has_fallen("p", (("device", f"x{number}"),), 40.0, less, 100.0)
    assert len(memory.highest) == MAX_SEEN
    known = (("device", "x0"),)
    memory.has_fallen("p", known, 39.0, less, 200.0)
    memory.forget(200.0)
    assert memory.highest == {("p", known): [(40.0, 100.0), (39.0, 200.0)]}


def test_a_device_that_gave_more_within_a_day_gives_less_and_then_it_is_what_it_gives() -> None:
    evaluator = Evaluator(load_table())
    less = load_table().problems["DcimDeviceGivesLess"]

    def at(wall_s: float, present: float) -> bool:
        subject = Subject({"site": "s", "device": "pdu-1"})
        subject.add("dcim_device_series", {"state": "present"}, present)
        subject.add("dcim_device_series", {"state": "planned"}, 100.0)
        return bool(evaluator.evaluate(less, subject, wall_s))

    day_s = 86_400.0
    assert [at(0.0, 40.0), at(60.0, 38.0), at(120.0, 37.0), at(180.0, 40.0)] == [False, False, True, False]
    assert [at(240.0, 38.0), at(300.0, 36.0), at(180.0 + day_s, 36.0), at(181.0 + day_s, 36.0)] == [
        False,
        True,
        True,
        True,  # less than 95 % of 38
    ]
    assert not at(241.0 + day_s, 36.0)
    # A series that falls step by step is remembered in a bounded number of them, the highest among these.
    for step in range(100):
        at(2 * day_s + step, 100.0 - step)
    [peaks] = evaluator.memory.highest.values()
    assert len(peaks) <= 17
    assert peaks[0] == (100.0, 2 * day_s)
    evaluator.memory.forget(2 * day_s + 100.0)
    assert evaluator.memory.highest == {}


@pytest.mark.parametrize(
    ("states", "is_found"),
    [(("stopped", "fault"), True), (("stopped", "running"), False), (("stopped", "unknown"), False), ((), False)],
)
def test_all_pumps_are_stopped_if_none_runs_and_the_state_of_each_is_known(
    states: tuple[str, ...],
    is_found: bool,  # noqa: FBT001 - a case
) -> None:
    subject = Subject({"site": "s", "device": "cdu-1"})
    for pump, state in enumerate(states, 1):
        subject.add("dcim_cdu_pump_state", {"pump": str(pump)}, state)
    stopped = load_table().problems["DcimCduAllPumpsStopped"]
    assert bool(Evaluator(load_table()).findings(stopped, subject, 0.0)) is is_found


@pytest.mark.parametrize(
    ("usable", "selected", "source", "words"),
    [
        ({"a": 1.0, "b": 0.0}, "a", {"source": "b"}, "the other one is missing, or out of tolerance (source b)"),
        ({}, "a", {}, "the other one is missing, or out of tolerance. Check"),
        ({"a": 1.0, "b": 1.0}, "a", {}, "the other one is missing, or out of tolerance. Check"),
        ({"a": 0.0, "b": 0.0}, "none", {"state": "none"}, "has selected source none, and gets nothing usable"),
        ({"a": 0.0, "b": 1.0}, "a", {"state": "a"}, "has selected source a, and gets nothing usable"),
        ({"a": 0.0, "b": 0.0}, "b", {"state": "b"}, "has selected source b, and gets nothing usable"),
    ],
)
def test_a_switch_of_which_three_readings_say_that_it_cannot_switch_over_is_one_problem(
    usable: dict[str, float], selected: str, source: dict[str, str], words: str
) -> None:
    """It says which source it lacks, if it says that of one."""
    subject = Subject({"site": "s", "device": "ats-1"})
    subject.add("dcim_ats_redundant", {}, 0.0)
    for each, is_usable in usable.items():
        subject.add("dcim_ats_source_usable", {"source": each}, is_usable)
    subject.add("dcim_ats_selected_source", {}, selected)
    problem = load_table().problems["DcimAtsRedundancyLost"]
    found = Evaluator(load_table()).evaluate(problem, subject, 0.0)
    labels = {"site": "s", "device": "ats-1", **source}
    assert list(found) == [labels_of(labels)]
    assert words in problem.words.render(labels, 0.0)


@pytest.mark.parametrize(("row", "is_of_no_row"), [("", True), ("a", False)])
def test_a_device_stands_where_its_agent_says_although_its_series_do_not_repeat_it(
    row: str, *, is_of_no_row: bool
) -> None:
    """Otherwise a condition about devices of no row would hold for those of each row."""
    subject = Subject({"site": "s", "room": "r", "row": row, "device": "pdu-1"})
    subject.add("dcim_device_observed", {"agent": "g"}, 1.0)
    subject.add("dcim_device_up", {"agent": "g"}, 0.0)
    evaluator = Evaluator(load_table())
    assert evaluator.holds(Condition(metric="dcim_device_up", equals=0, where={"row": [""]}), subject) is is_of_no_row
    elsewhere = Condition(metric="dcim_device_up", equals=0, where_not={"row": ["a"]})
    assert evaluator.holds(elsewhere, subject) is is_of_no_row


@pytest.mark.parametrize(("mode", "is_low"), [("flow", True), ("differential_pressure", False)])
def test_a_unit_that_controls_something_else_may_miss_its_flow_set_point(mode: str, *, is_low: bool) -> None:
    secondary = {"loop": "secondary"}
    subject = Subject({"site": "s", "device": "cdu-1"})
    subject.add("dcim_cdu_flow_cubic_meters_per_second", secondary, 100 / 60_000)
    subject.add("dcim_cdu_flow_setpoint_cubic_meters_per_second", secondary, 400 / 60_000)
    subject.add("dcim_cdu_pump_state", {"pump": "1"}, "running")
    subject.add("dcim_cdu_control_mode", {}, mode)
    low = load_table().problems["DcimCduFlowLow"]
    assert bool(Evaluator(load_table()).evaluate(low, subject, 0.0)) is is_low


def test_a_figure_of_another_device_says_nothing_of_this_one() -> None:
    """After a restart, the figures of one CDU may be there before those of another: its problem is not over by that."""
    stuck, subject = load_table().problems["DcimCduValveStuck"], Subject({"site": "s"})
    subject.add("dcim_cdu_valve_stuck", {"device": "cdu-1", "valve": "1"}, 0.0)
    decides = Evaluator(load_table()).decides
    assert [decides(stuck, subject, device) for device in ("cdu-1", "cdu-2")] == [True, False]


def test_a_problem_of_a_state_names_the_state() -> None:
    subject = Subject({"site": "s", "device": "ups-1"})
    subject.add("dcim_ups_output_source", {}, "bypass")
    found = Evaluator(load_table()).evaluate(load_table().problems["DcimUpsOnBypass"], subject, 0.0)
    assert found == {labels_of({"site": "s", "device": "ups-1", "state": "bypass"}): 1.0}
