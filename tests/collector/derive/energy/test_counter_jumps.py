"""Steps of a counter that nothing explains: never energy, always marked; and what looks like one but is energy."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import floor, inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.derive.energy.bounds import rated_w, rated_water_m3_per_s
from collector.derive.energy.carbon import Factors
from collector.derive.energy.counters import Bound
from collector.derive.energy.hourly import HOUR_S, HourlyTotals
from collector.derive.energy.records import EnergyRecords, Head
from tests.collector.derive.campus import campus
from tests.collector.derive.hall import WALL_S, Readings, hall

WH = 3600.0
KWH = 1000 * WH
BEGAN = 1_795_000_000.0 - 1_795_000_000.0 % HOUR_S
"""The first second of an hour."""
LOAD_W = 7200.0
"""2 Wh a second."""


@dataclass
class Metered:
    """A meter of a steady load, read every 10 s with the power beside it."""

    watts: float = LOAD_W
    start_wh: float = 1_234_567_000.0
    shows: Callable[[float, float], float | None] = lambda _, wh: wh
    """What its counter shows, Wh, by the second since it was first read and by what it has counted in truth."""
    power_w: Callable[[float], float | None] = lambda _: LOAD_W
    rated: float = inf
    totals: HourlyTotals = field(default_factory=HourlyTotals)

    def read(self, start_s: int = 0, end_s: int = 1800, step_s: int = 10) -> None:
        for at in range(start_s, end_s + 1, step_s):
            shown = self.shows(at, self.start_wh + self.watts * at / WH)
            bound = Bound(self.power_w(at), self.rated, resolution=KWH)
            self.totals.count("x", None if shown is None else shown * WH, BEGAN + at, bound)

    @property
    def counted_wh(self) -> float:
        return sum(hour.amount.get("x", 0.0) for hour in self.totals.hours.values()) / WH

    @property
    def covered_s(self) -> float:
        return sum(hour.covered_s.get("x", 0.0) for hour in self.totals.hours.values())

    @property
    def lost_s(self) -> float:
        return sum(hour.lost_s.get("x", 0.0) for hour in self.totals.hours.values())

    @property
    def jumps(self) -> int:
        return self.totals.jumps.get("x", 0)


def words_swapped(wh: float) -> float:
    """The two registers of a 32-bit counter in the other order."""
    return float((int(wh) & 0xFFFF) << 16 | int(wh) >> 16)


def near(value: float, within: float | None = None) -> object:
    """What a figure is compared with."""
    return pytest.approx(value, abs=within)


USED_WH = 2 * 1800.0


@pytest.mark.parametrize(
    ("shows", "lost_s"),
    [
        (lambda at, wh: 0.0 if 600 <= at < 640 else wh, 50),
        (lambda at, wh: 0.0 if 600 <= at < 1200 else wh, 610),
        (lambda at, wh: 4_294_967_000.0 if at == 600 else wh, 20),
        (lambda at, wh: wh / 1000 if 600 <= at < 660 else wh, 70),
        (lambda at, wh: words_swapped(wh) if 600 <= at < 660 else wh, 70),
        (lambda at, wh: 0.0 if at in {600, 900, 1200} else wh, 60),
    ],
    ids=[
        "0 for 40 s",
        "0 for ten minutes",
        "one high reading",
        "in kWh for a minute",
        "words swapped",
        "0 again and again",
    ],
)
def test_a_counter_that_comes_back_has_counted_on_and_its_time_away_is_lost(
    shows: Callable[[float, float], float], lost_s: float
) -> None:
    meter = Metered(shows=shows)
    meter.read()
    assert meter.counted_wh == near(USED_WH)
    assert (meter.covered_s, meter.lost_s) == (near(1800 - lost_s), near(lost_s))
    assert meter.jumps == (3 if lost_s == 60 else 1)


@pytest.mark.parametrize(
    "other_wh",
    [0.0, 4_000_000.0, 910_000_000.0, 1_234_617_000.0, 9e12],
    ids=["a new one", "a used one", "a much used one", "one that stands 50 kWh higher", "one with more digits"],
)
def test_a_replaced_meter_begins_where_it_stands(other_wh: float) -> None:
    meter = Metered(shows=lambda at, wh: wh if at < 600 else other_wh + 2 * (at - 600))
    meter.read()
    assert meter.counted_wh == near(USED_WH - 20)  # ten seconds are lost
    assert (meter.covered_s, meter.lost_s, meter.jumps) == (near(1790), near(10), 1)


@pytest.mark.parametrize(
    "shows",
    [lambda wh: 10 * wh, lambda wh: 1000 * wh, lambda wh: wh / 1000, words_swapped],
    ids=["ten times", "a thousand times", "a thousandth", "words swapped"],
)
def test_a_counter_in_another_scale_or_word_order_is_not_counted_until_it_is_right_again(
    shows: Callable[[float], float],
) -> None:
    meter = Metered(shows=lambda at, wh: wh if at < 600 else shows(wh))
    meter.read()
    assert meter.counted_wh == near(2 * 590)
    assert (meter.covered_s, meter.lost_s, meter.jumps) == (near(590), near(1210), 1)
    assert meter.totals.is_away("x")
    meter.shows = lambda _, wh: wh
    meter.read(1810, 3600)
    assert meter.counted_wh == near(7200)
    assert not meter.totals.is_away("x")


@pytest.mark.parametrize(
    ("width_wh", "unit_wh"),
    [
        (2**32 * 100.0, 100.0),
        (2**32 * 1.0, 1.0),
        (2**31 * 10.0, 10.0),
        (1e6 * 1000, 100.0),
        (2**32 / WH, 1.0),
        (2**16 * 1e6, 100.0),
    ],
    ids=[
        "32 bits of 0.1 kWh",
        "32 bits of Wh",
        "31 bits of 10 Wh",
        "999,999.9 kWh",
        "32 bits of J",
        "16 bits of MWh, with decimals",
    ],
)
def test_a_counter_that_begins_again_at_its_width_loses_nothing(width_wh: float, unit_wh: float) -> None:
    meter = Metered(start_wh=width_wh - 1000, shows=lambda _, wh: floor(wh / unit_wh) * unit_wh % width_wh)
    meter.read()
    assert meter.counted_wh == near(USED_WH, within=unit_wh + 1)
    assert (meter.covered_s, meter.lost_s, meter.jumps) == (1800, 0, 0)


def test_a_reading_that_comes_late_is_no_counter_that_reads_what_it_cannot_have_counted() -> None:
    meter = Metered(shows=lambda at, wh: wh - 40.0 if at == 600 else wh)
    meter.read(end_s=600)
    assert not meter.totals.is_away("x")
    assert (meter.lost_s, meter.jumps) == (0, 0)


def test_a_new_meter_in_whole_kwh_is_covered_from_its_first_reading_once_believed() -> None:
    meter = Metered(shows=lambda at, wh: wh if at < 600 else 5e6 + 1000.0 * floor(2 * (at - 600) / 1000))
    meter.read(end_s=1090)
    assert meter.lost_s == near(500)
    meter.read(1100, 1600)
    assert (meter.covered_s, meter.lost_s, meter.jumps) == (near(1590), near(10), 1)


def test_after_a_week_of_silence_a_counter_that_was_wrong_before_is_right_at_once() -> None:
    back_s = 8 * 86_400
    meter = Metered(shows=lambda at, wh: 0.0 if 600 <= at < back_s else wh)
    meter.read(end_s=700)
    lost_s = meter.lost_s
    meter.read(back_s, back_s + 1800)
    assert (meter.counted_wh, meter.lost_s) == (near(2 * 590.0 + USED_WH), near(lost_s))
    assert not meter.totals.is_away("x")


def test_a_counter_replaced_before_a_week_of_silence_is_not_taken_for_the_former_one() -> None:
    back_s = 8 * 86_400
    meter = Metered(shows=lambda at, wh: 5e6 + 2 * (at - 600) if 600 <= at <= back_s else wh)
    meter.read(end_s=1800)
    counted_wh = meter.counted_wh
    meter.read(back_s, back_s + 10)
    assert meter.counted_wh == near(counted_wh)
    assert meter.totals.is_away("x")


def test_after_a_week_of_silence_a_counter_is_judged_by_the_time_since_it_was_read_again() -> None:
    """A step at its second reading is not what it may have counted in the week."""
    back_s = 8 * 86_400
    meter = Metered(shows=lambda at, _: 1e9 + 2 * at if at < back_s else 1e9 + (0.0 if at == back_s else 100_000.0))
    meter.read()
    meter.read(back_s, back_s + 10)
    assert meter.counted_wh == near(USED_WH)
    assert (meter.jumps, meter.totals.is_away("x")) == (1, True)


def test_when_two_agents_read_one_meter_the_later_one_changes_no_energy() -> None:
    """The second one's readings are 20 s old."""
    meter = Metered(shows=lambda at, wh: wh if at % 20 else wh - 40)
    meter.read()
    assert meter.counted_wh == near(USED_WH, within=41)
    assert (meter.lost_s, meter.jumps) == (0, 0)
    assert meter.covered_s >= 1780


@pytest.mark.parametrize("turn_s", [10, 30, 300])
def test_of_two_meters_that_answer_in_turn_no_difference_is_energy(turn_s: int) -> None:
    meter = Metered(shows=lambda at, wh: wh if at // turn_s % 2 == 0 else 500_000_000.0 + 2 * at)
    meter.read()
    assert meter.counted_wh <= USED_WH + 1
    assert meter.jumps >= 1
    assert meter.lost_s > 0


@pytest.mark.parametrize("away_s", [60, 4 * HOUR_S])
def test_a_restart_of_the_collector_does_not_forget_that_a_counter_was_wrong(away_s: int) -> None:
    before = EnergyRecords(Factors(None), totals=HourlyTotals())
    meter = Metered(shows=lambda at, wh: 0.0 if 600 <= at < 1200 + away_s else wh, totals=before.totals)
    meter.read(0, 900)
    head = msgspec.json.decode(msgspec.json.encode(before.head()), type=Head)
    later = EnergyRecords(Factors(None))
    later.restore(head, dict(before.totals.hours))
    meter.totals = later.totals
    meter.read(900 + away_s, 1800 + away_s)
    assert meter.counted_wh == near((1800 + away_s) * 2)
    assert meter.lost_s == near(610 + away_s)
    assert meter.jumps == 1


def test_the_records_of_an_earlier_version_are_continued() -> None:
    later = EnergyRecords(Factors(None))
    later.restore(msgspec.json.decode(f'{{"last": {{"x": [{BEGAN}, 1000.0]}}}}', type=Head), {})
    later.totals.count("x", 1000.0 + KWH, BEGAN + HOUR_S, Bound(1000.0))
    later.totals.count("x", 1000.0 + 1000 * KWH, BEGAN + HOUR_S + 10, Bound(1000.0))
    assert sum(hour.amount.get("x", 0.0) for hour in later.totals.hours.values()) == near(KWH)


@pytest.mark.parametrize(
    ("watts", "power_w", "shows"),
    [
        (LOAD_W, lambda _: LOAD_W, lambda at, wh: wh - 2 * (at % 900)),
        (500.0, lambda _: 0.0, lambda _, wh: floor(wh / 1000) * 1000.0),
        (14_000.0, lambda at: 1000.0 if at % 20 else 27_000.0, lambda _, wh: wh),
        (LOAD_W, lambda _: -LOAD_W, lambda _, wh: wh),
        (LOAD_W, lambda at: LOAD_W if at < 300 else None, lambda _, wh: wh),
        (LOAD_W, lambda _: LOAD_W, lambda at, wh: None if 300 < at < 1700 else wh),
    ],
    ids=[
        "it updates every quarter of an hour",
        "it counts whole kWh, and its power is shown in whole kW",
        "its load swings",
        "current transformers the wrong way round",
        "its power falls silent",
        "both fall silent",
    ],
)
def test_a_healthy_counter_loses_nothing(
    watts: float, power_w: Callable[[float], float | None], shows: Callable[[float, float], float | None]
) -> None:
    meter = Metered(watts, shows=shows, power_w=power_w, rated=100_000.0)
    meter.read(0, 2 * HOUR_S)
    assert meter.counted_wh == near(watts * 2, within=1801)
    assert (meter.covered_s, meter.lost_s, meter.jumps) == (near(2 * HOUR_S), 0, 0)


def test_energy_counts_as_used_if_the_load_fell_before_its_counter_showed_it() -> None:
    """Off after ten minutes; the counter comes every quarter of an hour."""
    meter = Metered(
        power_w=lambda at: LOAD_W if at < 600 else 0.0,
        shows=lambda at, _: 5e8 if at < 900 else 5e8 + 1200,
    )
    meter.read()
    assert (meter.counted_wh, meter.jumps) == (near(1200), 0)


def test_over_a_silent_day_the_load_may_have_been_what_it_was_last_week() -> None:
    meter = Metered(power_w=lambda at: 50_000.0 if at < 600 else 5000.0, watts=5000.0)
    meter.read(0, 7200)
    meter.start_wh += 400_000  # a day at about 20 kW
    meter.read(25 * HOUR_S, 26 * HOUR_S)
    assert meter.counted_wh == near(26 * 5000 + 400_000)
    assert meter.jumps == 0


@pytest.mark.parametrize(("jump_wh", "is_energy"), [(500.0, True), (5_000_000.0, False), (-5_000_000.0, False)])
def test_without_a_power_beside_it_ratings_bound_a_counter(jump_wh: float, is_energy: bool) -> None:  # noqa: FBT001 - a case
    meter = Metered(power_w=lambda _: None, rated=50_000.0, shows=lambda at, wh: wh + (jump_wh if at >= 600 else 0.0))
    meter.read()
    assert meter.counted_wh == near(USED_WH + jump_wh if is_energy else USED_WH - 20)
    assert meter.jumps == (0 if is_energy else 1)


def test_ratings_are_those_of_what_is_metered_or_of_the_site() -> None:
    site = hall()
    whole_w = 5 * 128_000
    assert rated_w(site, ["ups-a1", "ups-b"]) == 5 * 300_000
    assert rated_w(site, ["a1"]) == 5 * 8000
    assert rated_w(site, ["row-a"]) == 5 * 3 * 230 * 400
    assert rated_w(site, ["pdu-a1-a"]) == 5 * 230 * 32
    assert rated_w(campus(), ["pdu-n1-a"]) == 5 * 3 * 230 * campus().pdus["pdu-n1-a"].breaker_a
    assert rated_w(site, ["cdu-1", "a1"]) == rated_w(site) == whole_w
    assert rated_water_m3_per_s(site) == 0.005
    # A transfer switch by its larger input: 32 A of one phase or 20 A of one; 32 A of three or 25 A of three.
    assert [rated_w(campus(), [each]) for each in ("sts-ab", "sts-bc")] == [5 * 230 * 32, 5 * 230 * 3 * 32]


def test_water_is_bounded_by_what_evaporates_for_the_heat_of_a_large_site() -> None:
    """6.4 MW of racks, five times over, evaporate 27 L/s; a tap gives 5 L/s."""
    site = hall(("design_power_w: 120000", "design_power_w: 6392000"))
    assert rated_w(site) == 5 * 6_400_000
    assert rated_water_m3_per_s(site) == pytest.approx(0.02667, abs=1e-5)


def test_late_readings_from_a_jump_do_not_make_it_energy() -> None:
    meter = Metered(shows=lambda at, wh: None if 600 < at < 5400 else wh if at <= 600 else 2e9 + 2 * at)
    meter.read(0, 2 * HOUR_S)
    before = meter.counted_wh
    for at in range(610, 5400, 10):
        meter.totals.refine("x", WH * (meter.start_wh + 2 * at if at < 3000 else 2e9 + 2 * at), BEGAN + at)
    assert meter.counted_wh == before == near(2 * (600 + 1800))
    assert meter.lost_s == near(4800)


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(["zero", "other", "swapped", "kilo", "down", "up", "none"])),
        max_size=12,
    )
)
def test_whatever_a_counter_reads_no_more_is_counted_than_its_power_allows(odd: list[tuple[int, str]]) -> None:
    wrong: dict[str, Callable[[float], float | None]] = {
        "zero": lambda _: 0.0,
        "other": lambda wh: wh - 734_000_000,
        "swapped": words_swapped,
        "kilo": lambda wh: wh * 1000,
        "down": lambda wh: wh - 100_000,
        "up": lambda wh: wh + 100_000,
        "none": lambda _: None,
    }
    at_of = {10 * at: kind for at, kind in odd}
    meter = Metered(shows=lambda at, wh: wrong[at_of[int(at)]](wh) if at in at_of else wh)
    meter.read(0, 600)
    assert -1 <= meter.counted_wh <= 2 * 600 + 1
    assert meter.covered_s + meter.lost_s <= 600 + 1e-6


def test_a_jump_is_a_suspect_reading_a_count_and_a_share_of_the_hour_and_no_energy_in_the_pue() -> None:
    """For five minutes the meter of the IT reads 0; then it is replaced by one that stands 50 kWh higher."""
    readings = Readings(hall())
    start = float(-WALL_S % HOUR_S)
    suspects = {}
    for at in range(0, 2 * HOUR_S + 60, 60):
        now = start + at
        used = at / HOUR_S * 100 * KWH
        it_j = 0.0 if 1200 <= at < 1500 else 5e9 + used + (0.0 if at < HOUR_S + 1800 else 50 * KWH)
        for meter, role, counter, watts in (
            ("meter-main", "facility", 7e9 + 1.2 * used, 120_000.0),
            ("meter-it", "it", it_j, 100_000.0),
        ):
            values = {
                f"meter_energy_joules_total{{direction=import,role={role}}}": counter,
                f"meter_power_watts{{role={role}}}": watts,
            }
            readings.take(meter, values, now, device_class="meter", interval_s=60.0)
        readings.engine.cycle(readings.latest, now, WALL_S + now)
        suspects[at] = [name for name in readings.figures(now) if name.startswith("device_reading_suspect")]
    seen = [at for at, names in suspects.items() if names]
    assert seen == [*range(1200, 1500, 60), HOUR_S + 1800]
    assert suspects[1200] == ["device_reading_suspect{device=meter-it,reading=it_counter,reason=jump}"]
    figures = readings.figures(start + 2 * HOUR_S + 60)
    jumps = {name: each.value for name, each in figures.items() if name.startswith("meter_counter_jumps_total")}
    assert jumps == {
        "meter_counter_jumps_total{device=meter-main,quantity=facility}": 0.0,
        "meter_counter_jumps_total{device=meter-it,quantity=it}": 2.0,
    }
    counted = {name: each.value for name, each in figures.items() if name.startswith("meter_counted_ratio")}
    assert counted["meter_counted_ratio{device=meter-it,quantity=it,window=hour}"] == near(59 / 60)
    assert counted["meter_counted_ratio{device=meter-main,quantity=facility,window=hour}"] == near(1.0)
    # Of the day, two hours were counted at all.
    assert counted["meter_counted_ratio{device=meter-main,quantity=facility,window=day}"] == near(2 / 24)
    hours = readings.engine.energy_records.totals.hours
    first, second = (hours[int((WALL_S + start) // HOUR_S) + at] for at in (0, 1))
    assert first.amount["it:meter-it"] == near(100 * KWH)
    assert first.lost_s == {"it:meter-it": near(360)}
    assert not first.has("it:meter-it")
    assert second.amount["it:meter-it"] == near(100 * KWH * 59 / 60)
    assert second.lost_s == {"it:meter-it": near(60)}
    assert figures["site_interim_pue_ratio{category=1,window=hour}"].value == near(1.2 * 60 / 59)
