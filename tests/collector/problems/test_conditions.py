"""Conditions: limits that a device states, and when a problem can be decided at all."""

from collector.problems.conditions import MAX_SEEN, Evaluator, Finding, Unit, labels_of
from collector.problems.table import load_table

PHASE = {"inlet": "1", "phase": "L1"}
BEYOND = load_table().problems["DcimReadingBeyondLimit"]
LEAK = load_table().problems["DcimLeakDetected"]


def pdu(**more: float) -> Unit:
    unit = Unit({"site": "s", "device": "pdu-1"})
    for name, value in more.items():
        unit.add(f"dcim_pdu_phase_{name}_amperes", PHASE, value)
    return unit


def test_a_current_without_its_limit_decides_nothing() -> None:
    evaluator = Evaluator(load_table())
    assert not evaluator.decides(BEYOND, pdu(current=31.0))
    assert evaluator.decides(BEYOND, pdu(current=31.0, warning_current=30.0))
    assert not evaluator.decides(LEAK, pdu(current=31.0))


def test_a_finding_names_its_reading_its_value_and_its_limit_and_who_states_that() -> None:
    unit = pdu(current=31.0, warning_current=30.0)
    labels = labels_of({"site": "s", "device": "pdu-1", **PHASE, "reading": "pdu_phase_current_amperes"})
    assert Evaluator(load_table()).findings(BEYOND, unit, 0.0) == {labels: Finding(31.0, 30.0, "device")}
    unit.sources["dcim_pdu_phase_warning_current_amperes"] = "site file"
    assert Evaluator(load_table()).findings(BEYOND, unit, 0.0) == {labels: Finding(31.0, 30.0, "site file")}


def test_at_its_limit_and_without_one_a_reading_is_no_problem() -> None:
    for unit in (pdu(current=30.0, warning_current=30.0), pdu(current=30.0)):
        assert Evaluator(load_table()).findings(BEYOND, unit, 0.0) == {}


def test_a_limit_limits_its_own_phase_only() -> None:
    unit = pdu(current=31.0, warning_current=30.0)
    unit.add("dcim_pdu_phase_current_amperes", {"inlet": "1", "phase": "L2"}, 31.0)
    unit.add("dcim_pdu_phase_warning_current_amperes", {"inlet": "1", "phase": "L2"}, 63.0)
    found = Evaluator(load_table()).evaluate(BEYOND, unit, 0.0)
    assert [dict(labels)["phase"] for labels in found] == ["L1"]
    assert list(found.values()) == [31.0]


def test_a_state_that_follows_another_one_is_told_and_one_that_was_always_there_is_not() -> None:
    evaluator = Evaluator(load_table())
    opened = load_table().problems["DcimBreakerOpen"]

    def at(wall_s: float, state: str) -> bool:
        unit = Unit({"site": "s", "device": "panel"})
        unit.add("dcim_circuit_breaker_state", {"circuit": "7", "panel": "p"}, state)
        return bool(evaluator.evaluate(opened, unit, wall_s))

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
        unit = Unit({"site": "s", "device": "pdu-1"})
        unit.add("dcim_pdu_phase_voltage_volts", PHASE, volts)
        return bool(evaluator.evaluate(dead, unit, wall_s))

    week_s = 7 * 86_400.0
    assert [at(0.0, 0.0), at(10.0, 230.0), at(20.0, 0.0)] == [False, False, True]
    assert [at(10.0 + week_s, 0.0), at(11.0 + week_s, 0.0)] == [True, False]


def test_invented_devices_take_a_bounded_memory_and_it_is_given_back() -> None:
    evaluator = Evaluator(load_table())
    dead = load_table().problems["DcimPhaseDead"]
    for number in range(MAX_SEEN + 10):
        unit = Unit({"site": "s", "device": f"x{number}"})
        unit.add("dcim_pdu_phase_voltage_volts", PHASE, 230.0)
        evaluator.evaluate(dead, unit, 100.0)
    assert len(evaluator.history.seen) == MAX_SEEN
    evaluator.history.forget(100.0)
    assert len(evaluator.history.seen) == MAX_SEEN
    evaluator.history.forget(100.1)
    assert evaluator.history.seen == {}


def test_a_device_that_gave_more_within_a_day_gives_less_and_then_it_is_what_it_gives() -> None:
    evaluator = Evaluator(load_table())
    less = load_table().problems["DcimDeviceGivesLess"]

    def at(wall_s: float, present: float) -> bool:
        unit = Unit({"site": "s", "device": "pdu-1"})
        unit.add("dcim_device_series", {"state": "present"}, present)
        unit.add("dcim_device_series", {"state": "planned"}, 100.0)
        return bool(evaluator.evaluate(less, unit, wall_s))

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
    [peaks] = evaluator.history.highest.values()
    assert len(peaks) <= 17
    assert peaks[0] == (100.0, 2 * day_s)
    evaluator.history.forget(2 * day_s + 100.0)
    assert evaluator.history.highest == {}
