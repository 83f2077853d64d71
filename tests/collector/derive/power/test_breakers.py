"""What a breaker feels: its heat, its demand of a quarter of an hour, and the level between the dips of a load."""

import math

import pytest

from collector.derive.engine import Unknown
from collector.derive.power.breaker_load import DEMAND_MINUTES, BreakerLoad
from rackflow.site import BreakerCurve
from rackflow.site.power import CURVES
from tests.collector.derive.hall import Readings, hall

C = CURVES["C"]


def felt(
    load: BreakerLoad, seconds: float, start: float = 0.0, *, dip: float = 1.0, level: float = 0.95
) -> list[object]:
    """The three figures after so many seconds at 16 A; in every 40 s, 8 s are a dip to that share of the level."""
    found: list[object] = []
    at = start
    while at <= start + seconds:
        share = level * (dip if at % 40 < 8 else 1.0)
        found = [*load.update([16.0 * share, 16.0], at)]
        at += 5.0
    return found


def test_a_phase_at_95_percent_with_dips_is_reported_although_no_minute_is_without_a_dip() -> None:
    thermal, demand, level = felt(BreakerLoad(C), 1000.0, dip=0.5)
    assert level == pytest.approx(0.95)
    assert 0.8 < demand < 0.95  # type: ignore[operator]
    assert 0.85 < thermal < 0.95  # type: ignore[operator]


def test_the_level_is_that_between_dips_of_more_than_half_of_the_time() -> None:
    load = BreakerLoad(C)
    found: list[object] = []
    for at in range(0, 1000, 5):
        found = [*load.update([4.0 if at % 60 < 35 else 15.0, 16.0], float(at))]
    assert found[2] == 15.0 / 16.0


def test_every_second_of_a_minute_counts() -> None:
    """With one cycle a second: 4 A for twenty seconds of each minute, and 15 A for forty."""
    load = BreakerLoad(C)
    found: list[object] = []
    for at in range(961):
        found = [*load.update([4.0 if at % 60 < 20 else 15.0, 16.0], float(at))]
    assert found[1:] == [pytest.approx((20 * 4.0 + 40 * 15.0) / 60 / 16.0), 15.0 / 16.0]


def test_demand_and_level_are_means_over_a_quarter_of_an_hour() -> None:
    load = BreakerLoad(C)
    by_time = {at: load.update([16.0 if at < 300 else 6.4, 16.0], float(at)) for at in range(0, 905, 5)}
    assert by_time[895][1] == Unknown("less than 15 minutes have been seen")
    found: list[object] = [*by_time[900]]
    assert found[1:] == [pytest.approx((5 * 1.0 + 10 * 0.4) / 15)] * 2


def test_a_dip_of_eight_seconds_cools_the_breaker_by_less_than_five_percent() -> None:
    load = BreakerLoad(C)
    hot, _, _ = load.update([16.0, 16.0], 0.0)
    cooled, _, _ = load.update([8.0, 16.0], 8.0)
    assert hot == 1.0
    assert cooled == pytest.approx(math.sqrt(0.25 + 0.75 * math.exp(-8 / 120)))
    assert cooled > 0.95  # type: ignore[operator]


def test_a_cold_breaker_at_2_55_times_its_rating_may_trip_within_the_time_of_the_standard() -> None:
    """IEC 60898-1, table 7, test c: between 1 and 60 s for up to 32 A."""
    load = BreakerLoad(C)
    load.update([0.0, 16.0], 0.0)
    trips_after_s = next(
        at
        for at in range(1, 400)
        if float(load.update([2.55 * 16.0, 16.0], float(at))[0]) >= C.holds  # type: ignore[arg-type]
    )
    assert 1 < trips_after_s < 60


def test_it_is_hot_at_once_beyond_the_magnetic_release_of_its_class() -> None:
    for name, load_ratio, expected in (("B", 3.1, 3.1), ("C", 3.1, None), ("C", 5.0, 5.0), ("D", 9.9, None)):
        load = BreakerLoad(CURVES[name])
        load.update([0.0, 16.0], 0.0)
        thermal, _, _ = load.update([16.0 * load_ratio, 16.0], 1.0)
        assert (thermal == pytest.approx(load_ratio)) is (expected is not None), (name, load_ratio)


def test_the_first_reading_counts_as_if_it_had_flowed_for_ever_and_minutes_have_to_be_seen() -> None:
    thermal, demand, level = BreakerLoad(C).update([12.0, 16.0], 77.0)
    assert thermal == 0.75
    assert demand == Unknown("less than 15 minutes have been seen")
    assert level == Unknown("less than 5 minutes have been seen")


def test_after_a_gap_the_minutes_before_it_count_no_more() -> None:
    load = BreakerLoad(C)
    felt(load, 1000.0)
    _, demand, level = load.update([16.0, 16.0], 1000.0 + 130.0)
    assert isinstance(demand, Unknown)
    assert isinstance(level, Unknown)
    found = felt(load, 60.0 * (DEMAND_MINUTES + 1), 1200.0, level=0.5)
    assert found[1] == pytest.approx(0.5)


def test_two_minutes_without_a_reading_are_no_gap() -> None:
    load = BreakerLoad(C)
    felt(load, 1000.0)
    assert load.update([15.2, 16.0], 1000.0 + 120.0)[1] == pytest.approx(0.95)


def test_the_minute_after_a_gap_has_nothing_of_the_one_before_it() -> None:
    load = BreakerLoad(C)
    felt(load, 1010.0)
    assert felt(load, 900.0, 1260.0, level=0.5)[1] == pytest.approx(0.5)


def test_the_lower_of_site_file_and_device_is_the_rating_and_a_rating_of_zero_is_none() -> None:
    assert BreakerLoad(C).update([8.0, 32.0, 16.0], 0.0)[0] == 0.5
    assert BreakerLoad(C).update([8.0, 16.0, 32.0], 0.0)[0] == 0.5
    assert BreakerLoad(C).update([8.0, 16.0, None], 0.0)[0] == 0.5
    assert BreakerLoad(C).update([8.0, 16.0, 0.0], 0.0)[0] == 0.5
    assert BreakerLoad(C).update([8.0, 0.0], 0.0)[0] == Unknown("the rating is zero")


def test_a_phase_with_a_breaker_in_the_site_file_has_its_load_without_a_device_rating() -> None:
    readings = Readings()
    readings.currents("pdu-a1-a", 24.0)
    readings.currents("pdu-a1-b", 8.0)
    for pdu in ("pdu-a2-a1", "pdu-a2-a2"):
        readings.currents(pdu, 30.0, 40.0, 20.0)
    found = readings.values("pdu_phase_thermal_load_ratio")
    assert found["rack=a1,feed=A,device=pdu-a1-a,phase=L2"] == pytest.approx(24 / 32)  # its own L1
    assert found["rack=a2,feed=A,device=pdu-a2-a2,phase=L2"] == pytest.approx(40 / 63)
    panels = readings.values("panel_phase_thermal_load_ratio")
    assert panels["feed=A,panel=row-a,phase=L2"] == pytest.approx((24 + 40 + 40) / 400)
    assert panels["feed=A,panel=main-a,phase=L2"] == pytest.approx((24 + 40 + 40) / 630)
    assert panels["feed=B,panel=row-b,phase=L1"] is None  # not every PDU below it is known


def test_a_pdu_outside_the_site_file_is_judged_by_its_own_rating_or_not_at_all() -> None:
    readings = Readings(described=False)
    for device, rating in (("pdu-x", {"pdu_phase_rated_current_amperes{inlet=1,phase=L1}": 16.0}), ("pdu-y", {})):
        readings.take(device, {"pdu_phase_current_amperes{inlet=1,phase=L1}": 12.0, **rating})
    assert readings.values("pdu_phase_thermal_load_ratio") == {"device=pdu-x,inlet=1,phase=L1": 0.75}


def test_a_curve_that_the_site_file_gives_is_used() -> None:
    given = hall(
        ("breaker_a: 32, phases: [L2]}", "breaker_a: 32, phases: [L2], breaker_curve: {time_constant_s: 600}}"),
        ("volts: 230}", "volts: 230, breaker_curve: B}"),
    )
    assert given.curve_of(given.pdus["pdu-a1-a"].breaker_curve) == BreakerCurve(time_constant_s=600)
    assert given.curve_of(given.pdus["pdu-a2-a1"].breaker_curve).magnetic == 3.0


def test_the_dip_of_one_reading_in_the_collector_restarts_nothing() -> None:
    readings = Readings()
    now = 100.0
    for step in range(190):
        now += 5.0
        readings.currents("pdu-a1-a", 15.0 if step % 8 == 0 else 30.0, now=now)
        readings.figures(now)
    name = "rack=a1,feed=A,device=pdu-a1-a,phase=L2"
    assert readings.values("pdu_phase_level_load_ratio", now)[name] == pytest.approx(30 / 32)
    assert readings.values("pdu_phase_demand_load_ratio", now)[name] == pytest.approx((30 * 7 + 15) / 8 / 32, rel=0.01)


def test_a_pdu_that_states_a_lower_rating_than_the_site_file_is_judged_by_its_own() -> None:
    readings = Readings()
    for device, rating in (("pdu-a1-a", 16.0), ("pdu-a1-b", 500.0)):
        rated = {"pdu_phase_rated_current_amperes{inlet=1,phase=L1}": rating}
        readings.take(device, {"pdu_phase_current_amperes{inlet=1,phase=L1}": 12.0, **rated})
    found = readings.values("pdu_phase_thermal_load_ratio")
    assert found["rack=a1,feed=A,device=pdu-a1-a,phase=L2"] == 12 / 16
    assert found["rack=a1,feed=B,device=pdu-a1-b,phase=L2"] == 12 / 32


def test_the_breaker_of_a_rack_pdu_has_the_curve_of_the_site_file() -> None:
    """Of two that carry the same, the slow one stays warm for longer."""
    slow = "breaker_a: 32, phases: [L2], breaker_curve: {time_constant_s: 600}}"
    pdu = "  - {id: pdu-a1-a, rack: a1, from: row-a, "
    readings = Readings(hall((f"{pdu}breaker_a: 32, phases: [L2]}}", pdu + slow)))
    found: dict[str, float | None] = {}
    for now, amperes in ((100.0, 32.0), (130.0, 0.0)):
        for each in ("pdu-a1-a", "pdu-a1-b"):
            readings.currents(each, amperes, now=now)
        found = readings.values("pdu_phase_thermal_load_ratio", now + 1.0)
    assert found["rack=a1,feed=A,device=pdu-a1-a,phase=L2"] == pytest.approx(math.exp(-30 / 600 / 2), rel=0.01)
    assert found["rack=a1,feed=B,device=pdu-a1-b,phase=L2"] == pytest.approx(math.exp(-30 / 120 / 2), rel=0.01)


def test_the_main_breaker_of_a_panel_has_the_curve_of_the_site_file() -> None:
    """One that follows its load within seconds, where usual ones take minutes."""
    main = "  - {id: main-a, from: [ups-a1, ups-a2], breaker_a: 630, room: plant"
    readings = Readings(hall((f"{main}}}", f"{main}, breaker_curve: {{time_constant_s: 5}}}}")))
    found: dict[str, float | None] = {}
    for now, share in ((100.0, 1.0), (130.0, 0.5)):
        readings.currents("pdu-a1-a", 24.0 * share, now=now)
        for pdu in ("pdu-a2-a1", "pdu-a2-a2"):
            readings.currents(pdu, 30.0 * share, 40.0 * share, 20.0 * share, now=now)
        found = readings.values("panel_phase_thermal_load_ratio", now + 1.0)
    assert found["feed=A,panel=main-a,phase=L2"] == pytest.approx(52 / 630, rel=0.01)
    assert found["feed=A,panel=row-a,phase=L2"] == pytest.approx(
        math.sqrt(52**2 + (104**2 - 52**2) * math.exp(-30 / 120)) / 400, rel=0.02
    )


def test_the_level_is_known_after_five_minutes_and_the_demand_after_fifteen() -> None:
    load = BreakerLoad(C)
    known: dict[str, int] = {}
    for second in range(0, 1000, 10):
        _, demand, level = load.update([8.0, 16.0], float(second))
        for name, value in (("level", level), ("demand", demand)):
            if not isinstance(value, Unknown):
                known.setdefault(name, second)
    assert known == {"level": 300, "demand": 900}
