"""Heat capture and heat of the air: averaged over the loop's lag and the job's period, so that they are right while a load steps."""

from typing import Any

import pytest

from collector.derive.engine import Unknown
from collector.derive.liquid.capture import HeatCapture
from rackflow.fluids import volumetric_heat_capacity

SHARE = 0.8
FLOW = 0.004
VOLUME_M3 = 0.4


def play(seconds: int, *, low: float = 0.5, period_s: int = 40, every_s: int = 5) -> list[tuple[Any, Any, float]]:
    """A loop of 0.4 m3 that takes 80 % of a load of 100 kW, which falls to `low` of it for half of each period. Supply at 30 degC.

    What the racks give warms the coolant as one body, so the CDU's heat lags by about 100 s.
    """
    memory = HeatCapture("water", VOLUME_M3)
    capacity = volumetric_heat_capacity("water", 38.0) or 0.0
    back, found = 35.0, list[tuple[Any, Any, float]]()
    for at in range(seconds + 1):
        power = 100e3 * (low if at % period_s < period_s / 2 and at > 60 else 1.0)
        heat = FLOW * capacity * (back - 30.0)
        if at % every_s == 0:
            found.append((*memory.update([heat, power, 30.0, back], float(at)), power))
        back += (SHARE * power - heat) / (capacity * VOLUME_M3)
    return found


@pytest.mark.parametrize(("low", "period_s"), [(0.5, 40), (0.2, 300), (1.0, 60)])
def test_the_share_is_that_of_the_racks_whatever_the_load_does(low: float, period_s: int) -> None:
    for share, air_w, power in play(2000, low=low, period_s=period_s)[100:]:
        assert share == pytest.approx(SHARE, abs=0.02)
        assert air_w == pytest.approx(power * (1 - SHARE), rel=0.12)


def test_at_one_moment_the_same_loop_seems_to_take_between_half_and_one_and_a_half_of_it() -> None:
    """Why it is averaged: the quotient at one moment, of the same loop."""
    capacity = volumetric_heat_capacity("water", 38.0) or 0.0
    back, seen = 35.0, []
    for at in range(2000):
        power = 100e3 * (0.2 if at % 300 < 150 and at > 60 else 1.0)
        heat = FLOW * capacity * (back - 30.0)
        seen.append(heat / power)
        back += (SHARE * power - heat) / (capacity * VOLUME_M3)
    assert min(seen[500:]) < 0.5
    assert max(seen[500:]) > 1.3


def test_it_is_unknown_until_the_lag_is_averaged_out_and_after_a_gap() -> None:
    memory = HeatCapture("water", VOLUME_M3)
    waits = Unknown("the loop's lag is not averaged out yet")
    found = [memory.update([80e3, 100e3, 30.0, 35.0], at * 5.0)[0] for at in range(100)]
    known_from_s = 5.0 * next(at for at, each in enumerate(found) if each != waits)
    # 0.4 m3 * 4.15 MJ * 5 K / 80 kW = 104 s, three times
    assert 300 < known_from_s < 320
    assert memory.update([80e3, 100e3, 30.0, 35.0], 1000.0)[0] == waits


def test_more_heat_than_power_leaves_none_for_the_air_and_not_less_than_none() -> None:
    memory = HeatCapture("water", 0.01)
    share, air_w = [memory.update([103e3, 100e3, None, None], at * 5.0) for at in range(60)][-1]
    assert share == pytest.approx(1.03)
    assert air_w == 0.0


def test_without_power_there_is_no_share() -> None:
    memory = HeatCapture("water", 0.01)
    found = [memory.update([100.0, 400.0, None, None], at * 5.0) for at in range(60)][-1]
    assert found[0] == Unknown("less than 500 W of power")


def test_what_is_older_than_a_quarter_of_an_hour_counts_no_more() -> None:
    memory = HeatCapture("water", 0.01)
    for at in range(0, 1000, 5):
        memory.update([80e3, 100e3, None, None], float(at))
    found = [memory.update([40e3, 100e3, None, None], float(at)) for at in range(1000, 1905, 5)][-1]
    assert found == pytest.approx((0.4, 60e3))


def test_a_loop_that_comes_round_more_slowly_than_the_window_is_known_after_a_whole_window() -> None:
    memory = HeatCapture("water", 10.0)
    found = [memory.update([80e3, 100e3, 30.0, 35.0], at * 5.0)[0] for at in range(300)]
    assert [isinstance(each, Unknown) for each in (found[179], found[180], found[-1])] == [True, False, False]


def test_coolant_on_the_supply_side_stores_heat_by_the_temperature_of_the_supply() -> None:
    """A quarter of it is there; its supply cools down by 0.01 K a second, and what it gives back is no heat of the racks."""
    memory = HeatCapture("water", 1.0, supply_share=0.25)
    share, _ = [memory.update([80e3, 100e3, 30.0 - 0.01 * at, 35.0], float(at)) for at in range(0, 1000, 5)][-1]
    capacity = volumetric_heat_capacity("water", 35.0) or 0.0
    assert share == pytest.approx((80e3 - 0.25 * 0.01 * capacity) / 100e3)


@pytest.mark.parametrize(
    ("heat_w", "power_w", "share"),
    [([0.0, 90e3], [100e3, 100e3], 0.45), ([60e3, 60e3], [50e3, 150e3], 0.6), ([60e3, 60e3], [150e3, 50e3], 0.6)],
)
def test_what_changes_between_two_readings_counts_with_the_mean_of_both(
    heat_w: list[float], power_w: list[float], share: float
) -> None:
    """It changes evenly over five minutes, and is read every 50 s."""
    memory = HeatCapture("water", 0.01)
    changing = [[first + (last - first) * at / 6 for first, last in (heat_w, power_w)] for at in range(7)]
    found = [memory.update([*now, None, None], at * 50.0)[0] for at, now in enumerate(changing)]
    assert found[-1] == pytest.approx(share)


def test_what_the_coolant_stores_does_not_follow_from_a_heat_capacity_that_changes() -> None:
    """Warmer water has less of it, which is no heat that came from its absolute temperature."""
    memory = HeatCapture("water", 2.0)
    found = [memory.update([20e3, 100e3, 30.0, 35.0 + 0.005 * at], float(at)) for at in range(0, 901, 5)]
    capacity = volumetric_heat_capacity("water", 35.0) or 0.0
    assert found[-1][0] == pytest.approx((20e3 + 2.0 * 0.005 * capacity) / 100e3, rel=1e-6)


@pytest.mark.parametrize(("every_s", "is_known"), [(60.0, True), (60.5, False)])
def test_readings_a_minute_apart_are_no_gap(every_s: float, *, is_known: bool) -> None:
    memory = HeatCapture("water", 0.01)
    found = [memory.update([80e3, 100e3, None, None], at * every_s)[0] for at in range(10)][-1]
    assert (found == pytest.approx(0.8)) is is_known


@pytest.mark.parametrize(
    ("temperatures", "volume_m3"),
    [([None, None], 1.0), ([30.0, None], 1.0), ([None, 35.0], 1.0), ([30.0, 30.5], 0.01), ([35.0, 30.0], 1.0)],
)
def test_however_quick_a_loop_is_two_minutes_are_averaged(temperatures: list[float | None], volume_m3: float) -> None:
    memory = HeatCapture("water", volume_m3)
    found = [memory.update([80e3, 100e3, *temperatures], at * 5.0)[0] for at in range(26)]
    assert [isinstance(each, Unknown) for each in found] == [True] * 24 + [False] * 2


def test_a_loop_without_heat_takes_nothing_of_the_power() -> None:
    memory = HeatCapture("water", 0.4)
    found = [memory.update([0.0, 100e3, 30.0, 35.0], at * 5.0) for at in range(30)][-1]
    assert found == (0.0, 100e3)


def test_the_least_power_that_has_a_share() -> None:
    memory = HeatCapture("water", 0.01)
    assert [memory.update([400.0, 500.0, None, None], at * 5.0)[0] for at in range(60)][-1] == pytest.approx(0.8)


@pytest.mark.parametrize("unknown_s", [range(500, 505), range(500, 560), range(200), range(500, 2000)])
def test_a_temperature_that_is_unknown_for_a_while_changes_no_share(unknown_s: range) -> None:
    """The unit states its heat itself, and one of its sensors fails."""
    memory = HeatCapture("water", 0.4, supply_share=0.25)
    for at in range(0, 2000, 5):
        found = memory.update([80e3, 100e3, 30.0, None if at in unknown_s else 35.0], float(at))
        if at > 320:
            assert found == pytest.approx((0.8, 20e3))


@pytest.mark.parametrize(("unknown_s", "counts"), [(55, True), (60, False)])
def test_heat_stored_while_a_temperature_was_unknown_counts_after_a_short_time_only(
    unknown_s: int, *, counts: bool
) -> None:
    memory, share = HeatCapture("water", 0.4), None
    for at in range(0, 901, 5):
        now = None if 600 < at <= 600 + unknown_s else 35.0 if at <= 600 else 36.0
        share = memory.update([80e3, 100e3, 30.0, now], float(at))[0]
    stored_j = (volumetric_heat_capacity("water", 35.0) or 0.0) * 0.4
    assert share == pytest.approx((80e3 * 900 + stored_j * counts) / (100e3 * 900))
