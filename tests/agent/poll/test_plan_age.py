"""A plan is used for an hour, and for a minute or some where the device may have hidden something when it was made."""

import gc
import tracemalloc
from collections.abc import Sequence

import pytest

from agent.poll.plan_age import AGAIN_S, REPLAN_AFTER_S, STARTING_S, PlanAge
from agent.profile import ClassPlan, Plan, Slot
from rackflow.catalogue import catalogue
from tests.agent.poll.test_replanning import ROOT, UPTIME, VALUES, Bench

CURRENT = "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}"
ROWS = f"{ROOT}.1."


def plan_of(*lines: str) -> Plan:
    power = catalogue()["dcim_pdu_phase_power_watts"]
    keys = (f"{power.name}{{phase={line}}}" for line in lines)
    slots = (Slot(key=key, metric=power, decoders=(), gate=None, is_plain=True, low=0.0, high=1.0) for key in keys)
    return Plan({"fast": ClassPlan(tuple(slots))})


def pause_s(age: PlanAge, now_s: float) -> float:
    """After how many seconds the tables must be walked again: one of the pauses that there can be."""
    pauses = [min(AGAIN_S * (1 << step), REPLAN_AFTER_S) for step in range(7)]
    return next(each for each in pauses if age.is_over(now_s + each + 0.1))


def pauses_s(age: PlanAge, plan: Plan, uptimes_s: Sequence[float]) -> list[float]:
    """The pauses behind plans that are each made when the tables must be walked again."""
    found, now_s = [], 0.0
    for uptime_s in uptimes_s:
        age.begin(plan, uptime_s, now_s)
        found.append(pause_s(age, now_s))
        now_s += found[-1] + 0.1
    return found


GROWING = [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, REPLAN_AFTER_S]


def test_a_plan_with_less_than_the_one_before_is_made_again_soon_and_then_seldom_until_it_counts_as_right() -> None:
    age, full, less = PlanAge(), plan_of("L1", "L2"), plan_of("L1")
    age.begin(full, 1e6, 0.0)
    assert pause_s(age, 0.0) == REPLAN_AFTER_S
    assert pauses_s(age, less, [1e6] * 8) == [*GROWING, REPLAN_AFTER_S]
    age.begin(full, 1e6, 0.0)
    assert pause_s(age, 0.0) == REPLAN_AFTER_S, "it has more"
    age.begin(less, 1e6, 0.0)
    assert pause_s(age, 0.0) == AGAIN_S, "each loss is counted from its beginning"
    age.begin(full, 1e6, 0.0)
    assert pause_s(age, 0.0) == REPLAN_AFTER_S, "it is back"
    age.forget()
    age.begin(less, 1e6, 0.0)
    assert pause_s(age, 0.0) == REPLAN_AFTER_S, "another device"


def test_what_was_there_within_the_hour_is_not_given_up_for_an_hour() -> None:
    """A busy card leaves out other rows of each plan, so that each of them is missing for the pause that follows."""
    age, less = PlanAge(), [plan_of("L1", "L3"), plan_of("L2", "L3")]
    age.begin(plan_of("L1", "L2", "L3"), 1e6, 0.0)
    found, now_s = [], 0.0
    for turn in range(14):
        age.begin(less[turn % 2], 1e6, now_s)
        found.append(pause_s(age, now_s))
        now_s += found[-1] + 0.1
    assert found == [*GROWING[:-1], *GROWING[:-1], AGAIN_S, 2 * AGAIN_S]
    gone = pauses_s(age, plan_of("L3"), [1e6] * 16)
    assert gone[-2:] == [REPLAN_AFTER_S] * 2, "what none of an hour's plans had is gone"


def test_what_is_remembered_does_not_grow_with_the_names_of_a_device_that_has_new_ones_in_each_plan() -> None:
    """Its alarms change each 20 s for half a day, and each has a row of its own, while one line is missing for good."""
    age, plans = PlanAge(), 2000
    age.begin(plan_of("L1", "L2"), 1e6, 0.0)
    tracemalloc.start()
    try:
        for number in range(plans):
            age.begin(plan_of("L1", f"alarm {number}"), 1e6, 20.0 * number)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Measured: nothing, and with each name 250 kB.
    assert kept < 50_000


def test_plans_that_a_marker_causes_do_not_use_up_the_attempts_to_find_what_is_missing() -> None:
    """The alarms of a device that is starting come and go for some minutes, and its sensors are there only after them."""
    age, full, less = PlanAge(), plan_of("L1", "L2"), plan_of("L1")
    age.begin(full, 1e6, 0.0)
    for now_s in range(10, 200, 10):
        age.begin(less, float(now_s), float(now_s))
        assert pause_s(age, now_s) == AGAIN_S


def test_a_device_that_has_just_started_is_planned_again_until_it_has_run_for_a_while() -> None:
    age, plan = PlanAge(), plan_of("L1")
    assert pauses_s(age, plan, [1.0, STARTING_S - 1, STARTING_S]) == [AGAIN_S, 2 * AGAIN_S, REPLAN_AFTER_S]
    age.begin(plan, None, 0.0)
    assert pause_s(age, 0.0) == REPLAN_AFTER_S, "of most devices without an uptime nobody knows it"


def test_a_device_whose_uptime_stays_at_0_is_not_starting_for_ever() -> None:
    age, plan = PlanAge(), plan_of("L1")
    assert pauses_s(age, plan, [0.0] * 20) == [*GROWING, *[REPLAN_AFTER_S] * 13]
    assert pauses_s(age, plan, [1e6, 1.0]) == [REPLAN_AFTER_S, AGAIN_S], "it tells it by now, and has restarted"


@pytest.mark.parametrize("has_started", [False, True])
async def test_rows_that_were_hidden_while_the_device_was_planned_are_back_within_two_minutes(
    *, has_started: bool
) -> None:
    bench = Bench()
    rows = {oid: value for oid, value in bench.client.values.items() if oid.startswith(ROWS)}
    assert rows
    if has_started:
        bench.client.values[UPTIME] = 500
    else:
        await bench.opened()
        assert CURRENT in await bench.fast()
        bench.clock_s += REPLAN_AFTER_S + 1
    for oid in rows:
        del bench.client.values[oid]
    await (bench.opened() if has_started else bench.slow())
    assert CURRENT not in await bench.fast()
    bench.client.values |= rows
    for _ in range(2):
        bench.clock_s += AGAIN_S
        bench.client.values[UPTIME] = VALUES[UPTIME] if not has_started else 10_000
        await bench.slow()
    assert CURRENT in await bench.fast()


async def test_a_device_that_was_replaced_by_a_smaller_one_is_not_planned_again_for_what_the_former_one_had() -> None:
    bench = Bench()
    bench.client.values[f"{ROOT}.8.3"] = b"S/N: 1"
    await bench.opened()
    rows = [oid for oid in bench.client.values if oid.startswith(f"{ROWS}9.")]
    assert rows
    for oid in rows:
        del bench.client.values[oid]
    bench.client.values[f"{ROOT}.8.3"] = b"S/N: 2"
    await bench.slow()
    assert bench.client.walks > 0, "it is opened anew"
    bench.client.walks = 0
    for _ in range(3):
        bench.clock_s += AGAIN_S + 1
        await bench.slow()
    assert bench.client.walks == 0
