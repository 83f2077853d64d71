"""What tells of a leak before a rope is wet, of an exchanger that fouls, and of a valve that sticks."""

import pytest

from collector.derive.engine import Unknown
from collector.derive.liquid.coolant_loss import LONGEST_S, PressureChange, ReservoirFall
from collector.derive.liquid.exchanger import Fouling, LoadedApproach, ValveStuck
from rackflow.fluids import density


def last(memory: ReservoirFall, hours: float, level_at: object, celsius_at: object = None) -> tuple[object, object]:
    """The figures after so many hours of one reading a minute."""
    found: tuple[object, object] = (None, None)
    for minute in range(int(hours * 60) + 1):
        at = minute * 60.0
        celsius = celsius_at(at) if callable(celsius_at) else None
        found = memory.update([level_at(at), celsius], at)  # type: ignore[operator]
    return found


def test_a_litre_an_hour_is_seen_in_the_reservoir_with_the_time_that_is_left() -> None:
    memory = ReservoirFall("pg25", loop_m3=1.0, reservoir_m3=0.1)
    empty_s, loss = last(memory, 6.0, lambda at: 0.8 - 0.01 * at / 3600)
    assert loss == pytest.approx(0.001 / 3600, rel=0.02)
    assert empty_s == pytest.approx(74 * 3600, rel=0.02)


def test_a_level_that_falls_because_the_coolant_cools_is_no_leak() -> None:
    """Eight kelvin over six hours: what 1000 L contract is 2.5 % of a reservoir of 100 L."""
    first = density("pg25", 38.0)
    assert first is not None

    def celsius(at: float) -> float:
        return 38.0 - 8.0 * at / 21_600

    def level(at: float) -> float:
        return 0.8 + 1.0 * (first / (density("pg25", celsius(at)) or 1.0) - 1) / 0.1

    assert level(21_600.0) < 0.775
    memory = ReservoirFall("pg25", loop_m3=1.0, reservoir_m3=0.1)
    assert last(memory, 6.0, level, celsius) == (LONGEST_S, 0.0)
    # without the volumes of the site file nobody can tell the two apart
    empty_s, loss = last(ReservoirFall("pg25"), 6.0, level, celsius)
    assert empty_s < LONGEST_S  # type: ignore[operator]
    assert loss == Unknown("site file: its loop has no reservoir_m3")


def test_a_temperature_that_is_unknown_for_a_while_makes_no_leak() -> None:
    """The loop has become warmer by 20 K; then one of its sensors fails for an hour."""
    first = density("pg25", 20.0) or 0.0
    level = 0.5 + 1.0 * (first / (density("pg25", 40.0) or 1.0) - 1) / 0.1
    memory = ReservoirFall("pg25", loop_m3=1.0, reservoir_m3=0.1)
    memory.update([0.5, 20.0], 0.0)
    found = [memory.update([level, None if 3600 <= at < 7200 else 40.0], float(at)) for at in range(60, 10_800, 60)]
    assert set(found[35:]) == {(LONGEST_S, 0.0)}


def test_waves_and_steps_of_a_gauge_are_no_fall_and_a_refill_starts_over() -> None:
    waves = last(ReservoirFall("water"), 6.0, lambda at: 0.8 - 0.001 * at / 3600 + 0.005 * ((at // 60) % 2))
    assert waves[0] == LONGEST_S
    refilled = last(ReservoirFall("water"), 6.0, lambda at: (0.8 if at < 18_000 else 0.95) - 0.06 * at / 3600)
    assert refilled[0] == pytest.approx(0.59 / (0.06 / 3600), rel=0.05)
    for minutes in (24, 29):
        few = last(ReservoirFall("water"), minutes / 60, lambda _: 0.8)
        assert few[0] == Unknown("less than half an hour has been seen")
    assert last(ReservoirFall("water"), 0.5, lambda _: 0.8)[0] == LONGEST_S


def test_after_a_small_refill_a_reservoir_is_followed_again() -> None:
    """Five percent were filled in an hour ago: it falls by six percent an hour as before."""
    refilled = last(ReservoirFall("water"), 6.0, lambda at: (0.8 if at < 18_000 else 0.85) - 0.06 * at / 3600)
    assert refilled[0] == pytest.approx(0.49 / (0.06 / 3600), rel=0.02)


def test_a_fall_within_the_scatter_of_a_gauge_is_none() -> None:
    """Two percent in six hours, of a gauge that shows up to two percent more or less for minutes."""
    scattered = last(ReservoirFall("water"), 6.0, lambda at: 0.8 - 0.00375 * at / 3600 + 0.016 * ((at // 300) % 2))
    assert scattered[0] == LONGEST_S


@pytest.mark.parametrize(("percent", "is_reported"), [(2.5, True), (1.8, False)])
def test_a_fall_of_two_percent_in_six_hours_is_one(percent: float, *, is_reported: bool) -> None:
    """A gauge resolves one percent."""
    found = last(ReservoirFall("water"), 6.0, lambda at: 0.8 - percent / 100 * at / 21_600)
    assert found[0] == (pytest.approx(21_600 * (80 / percent - 1)) if is_reported else LONGEST_S)


@pytest.mark.parametrize("lost", [0.013, 0.05, 0.3])
@pytest.mark.parametrize("drained_s", [0.0, 300.0])
@pytest.mark.parametrize("at_s", [3 * 3600.0, 3 * 3600.0 + 130.0])
def test_coolant_that_was_lost_once_is_no_leak(lost: float, drained_s: float, at_s: float) -> None:
    """As when a filter is changed: at every moment of the six hours in which the step is among the means."""
    memory = ReservoirFall("pg25", loop_m3=1.0, reservoir_m3=0.1)

    def level(now: float) -> float:
        gone = 0.0 if now < at_s else min(1.0, (now - at_s) / drained_s) if drained_s else 1.0
        return 0.8 - lost * gone

    found = {memory.update([level(at), None], at) for at in map(float, range(0, 10 * 3600, 60))}
    assert {each for each in found if not isinstance(each[0], Unknown)} == {(LONGEST_S, 0.0)}


@pytest.mark.parametrize("loss_per_h", [0.06, 0.24])
def test_a_leak_that_begins_suddenly_is_reported_within_two_hours(loss_per_h: float) -> None:
    """However steep it is: it goes on, which a loss that happened once does not."""
    memory, begun_s = ReservoirFall("water"), 6 * 3600.0 + 130.0

    def level(now: float) -> float:
        return 0.8 - loss_per_h * max(0.0, now - begun_s) / 3600

    found = [memory.update([level(at), None], at)[0] for at in map(float, range(0, int(begun_s) + 7200, 60))]
    assert isinstance(found[-1], float)
    assert found[-1] < 3 * 86_400.0


def test_a_reservoir_that_leaks_before_and_after_a_filter_is_changed_empties_at_the_rate_of_the_leak() -> None:
    found = last(ReservoirFall("water"), 6.0, lambda at: 0.8 - 0.06 * at / 3600 - (0.05 if at > 10_930 else 0.0))
    assert found[0] == pytest.approx((0.8 - 0.36 - 0.05) / (0.06 / 3600), rel=0.02)


def test_after_a_gap_a_reservoir_is_followed_again_from_its_level_and_temperature() -> None:
    """It was emptied for work, and the loop runs warmer: nothing of before is compared with what is now."""
    memory = ReservoirFall("pg25", loop_m3=1.0, reservoir_m3=0.1)
    last(memory, 3.0, lambda _: 0.9, lambda _: 20.0)
    begun_s = 3 * 3600.0 + 600
    found = [memory.update([0.5, 40.0], begun_s + at)[0] for at in range(0, 3600, 60)]
    assert isinstance(found[20], Unknown)
    assert found[-1] == LONGEST_S
    assert memory._first_c == 40.0  # noqa: SLF001 - later levels are compared at this temperature


def test_pressure_is_compared_with_that_of_ten_minutes_before() -> None:
    memory = PressureChange()
    found = [memory.update([120e3 - 50.0 * at], float(at))[0] for at in range(0, 800, 5)]
    assert found[0] == Unknown("there is no reading of ten minutes before")
    assert found[-1] == pytest.approx(-50.0 * 600)
    assert isinstance(memory.update([90e3], 1200.0)[0], Unknown)  # after a gap
    # Means of eleven minutes are there once the eleventh is over, and not one minute before.
    assert [isinstance(each, Unknown) for each in found[131:133]] == [True, False]


def test_pressure_of_a_unit_that_is_heard_of_now_and_then_is_not_compared_with_that_of_an_hour_before() -> None:
    """It falls by 100 Pa a minute, and answers in one minute of two, or of four."""
    for every, change in ((2, -1000.0), (4, None)):
        memory = PressureChange()
        heard = [60.0 * minute + second for minute in range(0, 90, every) for second in range(0, 60, 5)]
        found = [memory.update([300e3 - 100.0 * int(at // 60)], at)[0] for at in heard]
        assert {each for each in found if not isinstance(each, Unknown)} == ({change} if change else set())


def fouled(memory: Fouling, hours: int, factor: float, flow: float = 1.0, start: int = 0) -> object:
    """The figure after hours at 100 kW: 8 K on the secondary side, and an approach that grows with the resistance."""
    found: object = None
    for minute in range(start * 60, (start + hours) * 60 + 2):
        spread = 4.0 * factor
        values = [100e3, 30.0, 38.0, 30.0 - spread, 38.0 - spread, 0.003 * flow, 0.003 * flow]
        found = memory.update(values, minute * 60.0)[0]
    return found


def test_fouling_is_the_resistance_over_the_clean_one_whatever_the_flow() -> None:
    memory = Fouling(150e3)
    assert fouled(memory, 1, 1.0) == pytest.approx(1.0)
    # half the flow on both sides has 1.74 times the resistance of the films, with nothing fouled
    assert fouled(memory, 2, 0.5**-0.8, flow=0.5, start=2) == pytest.approx(1.0)
    assert fouled(memory, 2, 1.6, start=5) == pytest.approx(1.6)


@pytest.mark.parametrize("halved", ["secondary", "primary"])
def test_a_pump_that_slows_down_on_one_side_fouls_nothing(halved: str) -> None:
    """Of the two films one has 1.74 times the resistance."""
    memory = Fouling(150e3)
    assert fouled(memory, 1, 1.0) == pytest.approx(1.0)
    spread = 4.0 * (1 + 0.5**-0.8) / 2
    flows = [0.0015, 0.003] if halved == "secondary" else [0.003, 0.0015]
    found: object = None
    for minute in range(120, 242):
        values = [100e3, 30.0, 38.0, 30.0 - spread, 38.0 - spread, *flows]
        found = memory.update(values, minute * 60.0)[0]
    assert found == pytest.approx(1.0)


def test_after_a_cleaning_the_exchanger_is_compared_with_the_cleaned_one() -> None:
    """It was fouled when the collector started, and so taken for clean."""
    memory = Fouling(150e3)
    assert fouled(memory, 2, 1.6) == pytest.approx(1.0)
    assert fouled(memory, 2, 1.0, start=3) == pytest.approx(1.0)
    assert fouled(memory, 2, 1.6, start=6) == pytest.approx(1.6)


def test_a_low_load_or_probes_that_agree_say_nothing_of_fouling() -> None:
    memory = Fouling(1e6)  # 100 kW are a tenth of it
    assert fouled(memory, 3, 1.0) == Unknown("less than an hour at a load of 20 % or more has been seen")
    assert isinstance(fouled(Fouling(150e3), 3, 0.1), Unknown)


def test_probes_that_differ_by_less_than_a_kelvin_say_nothing_of_fouling() -> None:
    assert isinstance(fouled(Fouling(150e3), 3, 0.24), Unknown)
    assert fouled(Fouling(150e3), 3, 0.26) == pytest.approx(1.0)


def test_an_approach_of_more_than_half_an_hour_ago_counts_no_more() -> None:
    memory = LoadedApproach()
    for at in range(0, 1801, 60):
        memory.update([9.0, 0.8], float(at))
    for at in range(1860, 3241, 60):
        memory.update([9.0, 0.1], float(at))
    assert memory.update([9.0, 0.1], 3300.0)[0] == 9.0
    assert isinstance(memory.update([9.0, 0.1], 3360.0)[0], Unknown)  # less than five minutes are left of it


@pytest.mark.parametrize(("load", "counts"), [(0.3, True), (0.29, False)])
def test_the_approach_counts_from_thirty_percent_of_the_rated_heat(load: float, *, counts: bool) -> None:
    memory = LoadedApproach()
    found = [memory.update([9.0, load], float(at))[0] for at in range(0, 601, 10)][-1]
    assert (found == 9.0) is counts


def test_the_approach_of_a_loaded_exchanger_does_not_follow_the_dips_of_its_load() -> None:
    memory = LoadedApproach()
    found = [
        memory.update([2.0 if at % 40 < 10 else 9.0, 0.2 if at % 40 < 10 else 0.8], float(at))[0]
        for at in range(0, 900, 5)
    ]
    assert isinstance(found[20], Unknown)
    assert found[-1] == pytest.approx(9.0)
    assert isinstance(memory.update([9.0, 0.1], 5000.0)[0], Unknown)  # what it was an hour ago counts no more


def test_an_approach_stands_for_the_time_since_the_one_before_and_for_a_minute_at_most() -> None:
    memory = LoadedApproach()
    found = [memory.update([4.0, 0.8], float(at))[0] for at in range(0, 301, 10)]
    assert [isinstance(each, Unknown) for each in found] == [True] * 30 + [False]  # five minutes since the first
    # After a quarter of an hour of silence: 300 s of 4 K, and a minute of 10 K.
    assert memory.update([10.0, 0.8], 1200.0)[0] == pytest.approx((300 * 4 + 60 * 10) / 360)


@pytest.mark.parametrize(
    ("position", "moves", "supply_c", "stuck"),
    [
        (0.4, 0.0, 33.0, 1.0),  # too warm, half closed, and it stands
        (0.4, 0.0, 27.5, 1.0),  # too cold
        (0.4, 0.0, 31.5, 0.0),  # within 2 K
        (0.98, 0.0, 33.0, 0.0),  # it cannot open further: too little water
        (0.94, 0.0, 33.0, 1.0),  # six percent are left
        (0.96, 0.0, 33.0, 0.0),
        (0.06, 0.0, 27.5, 1.0),
        (0.04, 0.0, 27.5, 0.0),
        (0.4, 0.0, 32.1, 1.0),
        (0.02, 0.0, 27.5, 0.0),
        (0.3, 0.005, 33.0, 0.0),  # it follows, if slowly
        (0.3, 0.0003, 33.0, 0.0),  # by 2 % in ten minutes
        (0.3, 0.0002, 33.0, 0.0),  # by 1.2 %
        (0.3, 0.0001, 33.0, 1.0),  # by 0.6 %: what an actuator may show without moving
    ],
)
def test_a_valve_is_stuck_if_it_stands_although_it_should_move(
    position: float, moves: float, supply_c: float, stuck: float
) -> None:
    memory = ValveStuck()
    found = [memory.update([position + moves * step, supply_c, 30.0], step * 10.0)[0] for step in range(100)]
    assert found[0] == 0.0
    assert found[-1] == stuck


@pytest.mark.parametrize(
    ("unlike", "silent_s"),
    [(27.0, 10.0), (33.0, 310.0)],
    ids=["too cold, then too warm", "nothing known for five minutes"],
)
def test_a_valve_has_ten_minutes_again_after(unlike: float, silent_s: float) -> None:
    memory = ValveStuck()
    for step in range(50):
        memory.update([0.4, unlike, 30.0], step * 10.0)
    again_s = 490.0 + silent_s
    found = [memory.update([0.4, 33.0, 30.0], again_s + at)[0] for at in range(0, 601, 10)]
    assert found == [0.0] * 60 + [1.0]


def test_a_valve_whose_supply_comes_back_is_free_again() -> None:
    memory = ValveStuck()
    for step in range(100):
        memory.update([0.4, 33.0, 30.0], step * 10.0)
    assert memory.update([0.4, 30.5, 30.0], 1000.0) == (0.0,)
    assert memory.update([0.4, 33.0, 30.0], 1010.0) == (0.0,)
