"""Steps of a plan: what one of them does wrong, or has no number for, makes its own figures and those over it unknown, and says why."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pytest

from collector.derive.engine import (
    INTERNAL,
    NO_SLOT,
    PART,
    Planner,
    Result,
    StatefulFigures,
    Value,
    compute_steps,
    figures,
    output_of,
    plausible_figure,
    ratio,
)
from collector.latest import LatestValue
from collector.latest.state import Origin, Stamp
from collector.readings import Series, SeriesKeys
from rackflow.process.bulkhead import Failures
from tests.at_once import at_once

POWER = "dcim_pdu_input_power_watts{inlet=1}"
compute_values = at_once(compute_steps)


def reading(value: float | str, expires_at: float = 200.0) -> LatestValue:
    series = SeriesKeys().get(POWER)
    assert isinstance(series, Series)
    return LatestValue(series, value, Stamp(Origin("gw", "e", 1, 0), expires_at, 30.0))


def test_a_step_that_raises_makes_only_its_own_figures_unknown() -> None:
    """Three steps: one divides by zero, one needs it, one does not."""
    series = SeriesKeys().get(POWER)
    assert isinstance(series, Series)
    planner = Planner("t1", {"pdu-1": {POWER: series}}, {})
    power = planner.reading("pdu-1", "dcim_pdu_input_power_watts")
    broken = planner.step((power,), lambda watts: watts / 0)
    needs_it = planner.step((power, broken), lambda watts, other: watts + other)
    may_have_it = planner.step((power,), lambda watts, there: watts / len(there[1:]), optional=(power,))
    sound = planner.step((power,), lambda watts: watts * 2)
    for rack, slot in (("a", broken), ("b", needs_it), ("c", sound), ("d", may_have_it)):
        planner.publish("dcim_rack_power_watts", slot, ("rack", rack))
    failures, plan = Failures(), planner.plan()
    values = compute_values(plan, lambda _: {POWER: reading(500.0)}, {}, 100.0, failures=failures)
    found = {dict(each.output.labels)["rack"]: each for each in figures(plan, values, failures)}
    assert {rack: each.value for rack, each in found.items()} == {"a": None, "b": None, "c": 1000.0, "d": None}
    assert all(INTERNAL in each.missing for rack, each in found.items() if rack != "c")
    assert failures.counts == {(PART, "ZeroDivisionError"): 2}


@pytest.mark.parametrize("result", [float("nan"), float("inf"), float("-inf")])
def test_a_result_that_is_no_number_goes_into_no_other_step(result: float) -> None:
    """`min(1, nan)` is 1, `min(nan, 1)` is nan: such a value would turn the shorter of two times into either."""
    planner = Planner("t1", {}, {})
    odd = planner.step((), lambda: result)
    shorter = planner.step((odd,), lambda seconds: min(60.0, seconds))
    of_some = planner.step((), lambda there: there[0], optional=(planner.step((), lambda: 1.0),))
    odd_of_some = planner.step((), lambda _: result, optional=(of_some,))
    for rack, slot in (("a", odd), ("b", shorter), ("c", odd_of_some)):
        planner.publish("dcim_rack_power_watts", slot, ("rack", rack))
    plan = planner.plan()
    found = figures(plan, compute_values(plan, lambda _: {}, {}, 0.0))
    assert [each.value for each in found] == [None, None, None]
    assert "the result is not a finite number" in found[0].missing


@dataclass(slots=True)
class Remembers:
    """A memory with one result."""

    result: float

    def update(self, _values: Sequence[Value | None], _now: float) -> Sequence[Result]:
        return [self.result]


@pytest.mark.parametrize(
    ("ratio_found", "reason"),
    [
        (-0.5, ""),
        (1.5, ""),
        (-0.51, "result -0.51 is not plausible"),
        (1.51, "result 1.51 is not plausible"),
    ],
)
def test_a_figure_beyond_the_range_of_its_metric_is_unknown_and_says_so(ratio_found: float, reason: str) -> None:
    """Of the racks' power at most one and a half times may seem to go into the liquid, whichever part computes it."""
    metric, labels = "dcim_loop_heat_capture_ratio", (("loop", "tcs"),)
    planner = Planner("t1", {}, {})
    planner.publish(metric, planner.step((), lambda: ratio_found), *labels)
    planner.remember("capture", (), partial(Remembers, ratio_found), [(metric, labels)])
    plan = planner.plan()
    values = compute_values(plan, lambda _: {}, {}, 0.0)
    made = [
        *figures(plan, values),
        *StatefulFigures(Failures()).figures(planner.stateful, values, 0.0),
        plausible_figure(output_of(metric, labels, NO_SLOT), ratio_found, 0.0, 1.0),
    ]
    expected = (None, (reason,)) if reason else (ratio_found, ())
    assert [(each.value, each.missing) for each in made] == [expected] * 3


def test_nothing_measured_and_no_limit_give_no_number() -> None:
    """The power of no PDUs at all is not 0 W, and a load over a rating of 0 is not infinite."""
    planner = Planner("t1", {}, {})
    for rack, slot in (("a", planner.total([])), ("b", planner.step((), lambda: ratio(1.0, 0.0)))):
        planner.publish("dcim_rack_power_watts", slot, ("rack", rack))
    plan, failures = planner.plan(), Failures()
    found = figures(plan, compute_values(plan, lambda _: {}, {}, 0.0, failures=failures))
    assert [(each.value, each.missing) for each in found] == [
        (None, ("site file: nothing there is measured",)),
        (None, ("the rating is zero",)),
    ]
    assert failures.counts == {}


def test_a_figure_over_a_step_without_a_result_says_why_that_step_has_none() -> None:
    """No reading is missing, and the figure itself has no reason of its own."""
    planner = Planner("t1", {}, {})
    overloaded = planner.step((), lambda: ratio(1.0, 0.0))
    either = planner.step((), lambda known: known, optional=(overloaded,))
    planner.publish("dcim_rack_power_watts", either, ("rack", "a"))
    plan, failures = planner.plan(), Failures()
    [found] = figures(plan, compute_values(plan, lambda _: {}, {}, 0.0, failures=failures))
    assert (found.value, found.missing) == (None, ("the rating is zero",))
    assert failures.counts == {}
