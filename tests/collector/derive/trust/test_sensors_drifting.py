"""Sensors that drift: the sum that finds them, and who is named by which of the quantities that agree."""

import math

import pytest

from collector.derive.trust.cusum import Cusum
from tests.collector.derive.trust.watched_cdu import (
    FLOW,
    HEAT,
    MINUTE_S,
    PRIMARY_FLOW,
    PRIMARY_HEAT,
    SPEED,
    Unit,
    follow,
    seconds,
)


def learned(level: float = 2.0) -> Cusum:
    """One that knows its level; its next minute is the 61st."""
    cusum = Cusum()
    for minute in range(61):  # a minute is complete when the next one begins
        cusum.sample(level, minute * MINUTE_S)
    return cusum


def minutes(cusum: Cusum, values: list[float], start: int = 61) -> list[bool]:
    """One sample a minute from then on: after each complete minute whether it has drifted."""
    found = []
    for at, value in enumerate(values, start):
        cusum.sample(value, at * MINUTE_S)
        cusum.sample(value, at * MINUTE_S + 59.0)
        found.append(cusum.alarmed)
    return found


def test_the_level_is_the_mean_of_the_first_hour_by_minutes() -> None:
    cusum = Cusum()
    for minute in range(60):
        value = 1.0 if minute < 30 else 4.0
        for second in range(0, 60, 10 if minute < 30 else 30):  # a minute with more samples weighs no more
            cusum.sample(value + (0.5 if second % 20 else -0.5) * (minute < 30), minute * MINUTE_S + second)
    assert not cusum.trained
    cusum.sample(4.0, 3600.0)
    assert cusum.trained
    assert cusum.level == pytest.approx(2.5)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_deviation_is_summed_up_beyond_three_per_cent_until_it_is_one(sign: int) -> None:
    """8 % off: 5 % beyond the slack each minute, and after 20 minutes it is named; the other side stays at rest."""
    cusum = learned()
    found = minutes(cusum, [2.0 + sign * 0.08] * 23)
    assert [found.index(True), found[19], found[22]] == [pytest.approx(21, abs=1), False, True]
    assert (cusum.below, cusum.above)[sign < 0] == 0.0
    assert (cusum.above, cusum.below)[sign < 0] == pytest.approx(22 * 0.05)


@pytest.mark.parametrize(("off", "is_found"), [(0.0299, False), (0.0312, True), (-0.0299, False), (-0.0312, True)])
def test_three_per_cent_is_no_drift_however_long(off: float, is_found: bool) -> None:  # noqa: FBT001 - a case
    assert any(minutes(learned(), [2.0 + off] * 1000)) == is_found


def test_what_was_repaired_is_trusted_again_after_half_an_hour() -> None:
    """However long it was off, the sum ends at twice the limit, and goes down by the slack each minute."""
    cusum = learned()
    assert minutes(cusum, [3.0] * 500)[-1]
    assert cusum.above == 2.0
    found = minutes(cusum, [2.0] * 60, start=561)
    assert found.index(False) == 34
    assert not any(found[34:])
    assert cusum.above == pytest.approx(2.0 - 59 * 0.03, abs=1e-9)
    below = learned()
    minutes(below, [1.0] * 500)
    assert below.below == 2.0


def test_it_leans_where_it_has_come_a_quarter_of_the_way() -> None:
    cusum = learned()
    minutes(cusum, [2.08] * 5)  # four complete minutes: 0.20
    assert not cusum.has_shifted(up=True)
    minutes(cusum, [2.08] * 2, start=66)
    assert cusum.has_shifted(up=True)
    assert not cusum.has_shifted(up=False)
    assert not cusum.alarmed


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_no_number_is_no_sample(value: float) -> None:
    """It would stay in the level for ever, and no drift would be found until the next restart."""
    cusum = learned()
    cusum.sample(value, 61 * MINUTE_S)
    assert minutes(cusum, [2.08] * 23, start=62)[-1]
    assert cusum.above == pytest.approx(22 * 0.05)


def test_recent_follows_within_a_quarter_of_an_hour() -> None:
    cusum = learned()
    minutes(cusum, [2.3] * 16)
    assert cusum.recent == pytest.approx(0.3 * (1 - (14 / 15) ** 15))


# What a CDU shows at rest, and the power of its racks.
REST = {HEAT: 50_000.0, PRIMARY_HEAT: 50_000.0, FLOW: 0.002, SPEED: 0.5}
POWER_W = 60_000.0
SECOND = dict.fromkeys([FLOW, *follow()], "drifting")
FIRST = dict.fromkeys([PRIMARY_FLOW, *follow("primary")], "drifting")


def scaled(values: dict[str, float], factor: float, *keys: str) -> dict[str, float]:
    return {key: value * factor if key in keys else value for key, value in values.items()}


def without(values: dict[str, float], *keys: str) -> dict[str, float]:
    return {key: value for key, value in values.items() if key not in keys}


def run(
    unit: Unit, values: dict[str, float], minutes: float, start_m: float = 0.0, power_w: float | None = POWER_W
) -> dict[float, dict[str, str]]:
    """Polled twice a minute: who was named, by minutes."""
    return {
        now / MINUTE_S: unit.take(now, values, power_w)
        for now in seconds(start_m * MINUTE_S, (start_m + minutes) * MINUTE_S - 30.0, 30.0)
    }


def after(
    rest: dict[str, float], fault: dict[str, float], power_w: float | None = POWER_W, minutes: float = 60
) -> tuple[dict[str, str], Unit]:
    """Who is named when a fault has lasted for an hour, after an hour and a bit at rest."""
    unit = Unit()
    assert not any(run(unit, rest, 65, power_w=power_w).values())
    found = run(unit, fault, minutes, 65, power_w)
    assert all(named in ({}, found[max(found)]) for named in found.values())  # nobody else on the way
    return found[max(found)], unit


@pytest.mark.parametrize("factor", [1.2, 1 / 1.2], ids=["up", "down"])
@pytest.mark.parametrize(
    ("lacks", "moved", "has_power", "expected"),
    [
        ((), (FLOW, HEAT), True, {"secondary_flow": SECOND}),
        ((), (FLOW, HEAT), False, {"secondary_flow": SECOND}),
        ((), (HEAT,), True, {"secondary_temperature": SECOND}),
        ((SPEED,), (HEAT,), True, {"secondary_heat": SECOND}),
        ((SPEED,), (FLOW, HEAT), True, {"secondary_heat": SECOND}),
        ((), (PRIMARY_HEAT,), True, {"primary_heat": FIRST}),
        ((SPEED,), (PRIMARY_HEAT,), True, {"primary_heat": FIRST}),
        ((), (PRIMARY_HEAT,), False, {"primary_heat": FIRST}),
        ((SPEED,), (PRIMARY_HEAT,), False, {"secondary_heat": SECOND, "primary_heat": FIRST}),
        ((PRIMARY_HEAT,), (FLOW, HEAT), True, {"secondary_flow": SECOND}),
        ((PRIMARY_HEAT,), (FLOW, HEAT), False, {}),
        ((PRIMARY_HEAT,), (HEAT,), True, {}),
        ((PRIMARY_HEAT,), (SPEED,), True, {}),
        ((PRIMARY_HEAT, SPEED), (FLOW, HEAT), True, {}),
        ((), (SPEED,), True, {}),
        ((), (HEAT, PRIMARY_HEAT), True, {}),
        ((), (), True, {}),
    ],
)
def test_a_third_quantity_says_who_drifts(
    lacks: tuple[str, ...],
    moved: tuple[str, ...],
    has_power: bool,  # noqa: FBT001 - a case
    expected: dict[str, dict[str, str]],
    factor: float,
) -> None:
    rest = without(REST, *lacks)
    named, unit = after(rest, scaled(rest, factor, *moved), POWER_W if has_power else None)
    assert named == dict.fromkeys(expected, "drifting")
    suspects: dict[str, str] = {}
    for each in expected.values():
        suspects |= each
    assert unit.distrusted == suspects


def test_pumps_that_go_the_other_way_do_not_bear_the_balance_out() -> None:
    """The secondary side shows a fifth more heat, while its pumps must turn faster for the same flow: a filter clogs."""
    fault = scaled(scaled(REST, 1.2, HEAT), 1.2, SPEED)
    assert after(REST, fault)[0] == {"secondary_temperature": "drifting"}


@pytest.mark.parametrize(
    ("flow", "heat", "is_named"),
    [(1.2, 1.3, True), (1.1, 1.25, False), (1.2, 1 / 1.2, False), (1.3, 1.2, True)],
    ids=["about alike", "more than twice as far", "the other way", "about alike, too"],
)
def test_without_a_primary_side_both_must_have_moved_alike(flow: float, heat: float, is_named: bool) -> None:  # noqa: FBT001 - a case
    rest = without(REST, PRIMARY_HEAT)
    fault = rest | {FLOW: rest[FLOW] * flow, HEAT: rest[HEAT] * heat}
    assert after(rest, fault)[0] == ({"secondary_flow": "drifting"} if is_named else {})


def test_without_a_primary_side_a_meter_that_was_repaired_is_trusted_after_twenty_minutes() -> None:
    """Its ratios were 18 % off; by the mean of a quarter of an hour they are within 5 % again after 19 minutes."""
    rest = without(REST, PRIMARY_HEAT)
    named, unit = after(rest, scaled(rest, 1.2, FLOW, HEAT), minutes=200)
    assert named
    found = run(unit, rest, 30, 265)
    last = max(minute for minute, who in found.items() if who)
    assert math.log(1.2) * (14 / 15) ** 18 > 0.05 > math.log(1.2) * (14 / 15) ** 19
    assert last - 265 == 18.5


def test_a_primary_side_that_fell_silent_is_no_unit_without_one() -> None:
    rest = without(REST, PRIMARY_HEAT)
    unit = Unit()
    run(unit, REST, 5)
    run(unit, rest, 65, 5)
    assert not any(run(unit, scaled(rest, 1.2, FLOW, HEAT), 60, 70).values())


def test_pumps_that_stand_by_do_not_count() -> None:
    """One of two pumps stops while the secondary temperature drifts: flow beside the speed of those that turn is the same."""
    rest = REST | {"pump_speed_ratio{pump=2}": 0.5}
    fault = scaled(rest, 1.2, HEAT) | {"pump_speed_ratio{pump=2}": 0.0}
    assert after(rest, fault)[0] == {"secondary_temperature": "drifting"}


def test_a_pump_that_slows_down_with_the_flow_bears_the_flow_meter_out() -> None:
    """The flow of two pumps follows the mean of their speeds, and not the one that still turns fast."""
    rest = REST | {"pump_speed_ratio{pump=2}": 0.5}
    fault = scaled(rest, 1 / 1.2, HEAT) | {FLOW: 0.8 * float(rest[FLOW]), "pump_speed_ratio{pump=2}": 0.3}
    assert after(rest, fault)[0] == {"secondary_temperature": "drifting"}


@pytest.mark.parametrize(("part", "is_named"), [(0.19, False), (0.21, True)])
def test_below_a_fifth_of_the_highest_heat_the_balance_says_nothing(part: float, is_named: bool) -> None:  # noqa: FBT001 - a case
    low = scaled(REST, part, HEAT, PRIMARY_HEAT)
    named, _ = after(REST, scaled(low, 1 / 1.2, PRIMARY_HEAT))
    assert bool(named) == is_named


def test_one_wrong_reading_does_not_end_the_search_for_drifts() -> None:
    """Ten times the heat for one poll: a fifth of that is more than the unit ever carries."""
    unit = Unit()
    run(unit, scaled(REST, 10.0, HEAT), 0.5, 5)
    run(unit, REST, 65, 5.5)
    assert any(run(unit, scaled(REST, 1 / 1.2, PRIMARY_HEAT), 60, 70.5).values())


@pytest.mark.parametrize(("heat_w", "is_named"), [(490.0, False), (510.0, True)])
@pytest.mark.parametrize("side", [HEAT, PRIMARY_HEAT])
def test_below_five_hundred_watts_a_side_says_nothing(side: str, heat_w: float, is_named: bool) -> None:  # noqa: FBT001 - a case
    other = PRIMARY_HEAT if side == HEAT else HEAT
    rest = without(REST, SPEED) | {side: heat_w, other: heat_w * 1.5}
    named, _ = after(rest, scaled(rest, 1.3, other), None)
    assert bool(named) == is_named


@pytest.mark.parametrize(("power_w", "is_named"), [(499.0, False), (500.0, True)])
def test_below_five_hundred_watts_of_the_racks_heat_beside_them_says_nothing(power_w: float, is_named: bool) -> None:  # noqa: FBT001 - a case
    rest = without(REST, PRIMARY_HEAT) | {HEAT: 600.0}
    named, _ = after(rest, scaled(rest, 1.2, FLOW, HEAT), power_w)
    assert bool(named) == is_named


def test_heat_without_flow_is_no_ratio_of_pumps() -> None:
    """The flow meter shows nothing while pumps turn: the ratio of both is not learned from it, and nothing fails."""
    rest = REST | {FLOW: 0.0}
    assert after(rest, scaled(rest, 1.2, HEAT))[0] == {"secondary_heat": "drifting"}


def test_a_sensor_that_is_frozen_and_drifts_is_frozen() -> None:
    """The reason that was found first is shown; a frozen flow meter leaves the balance, too."""
    unit = Unit()
    for minute in range(65):
        unit.take(minute * MINUTE_S, REST | {FLOW: 0.002 + minute * 1e-7}, POWER_W)
    found = run(unit, scaled(REST | {FLOW: 0.00201}, 1.2, HEAT), 70, 65)
    assert found[max(found)] == {"secondary_flow": "frozen", "secondary_temperature": "drifting"}
    assert unit.distrusted == dict.fromkeys([FLOW, *follow()], "frozen")


def test_heat_that_rises_with_the_power_of_the_racks_is_right() -> None:
    """A tenth more load, and pumps that give a fifth more flow at the same speed, as a new filter lets them."""
    rest = without(REST, PRIMARY_HEAT)
    unit = Unit()
    run(unit, rest, 65)
    found = run(unit, scaled(scaled(rest, 1.1, HEAT), 1.2, FLOW), 60, 65, POWER_W * 1.1)
    assert not any(found.values())
