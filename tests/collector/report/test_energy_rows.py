"""Sums over hours: whatever is missing, months are the sums of their days and hours, and nothing unknown is counted."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.derive.energy.carbon import KWH_J, Factor
from collector.derive.energy.hourly import Hour, Terms
from collector.report.energy import energy_rows
from collector.report.period import Period, month
from collector.report.read import SiteMonth
from collector.report.rows import Rows

NOW_S = 1_800_000_000.0
METERS = ("facility:m", "it:m", "cooling:m")
AMOUNTS = st.lists(
    st.tuples(st.floats(1e6, 1e9), st.floats(0.3, 0.9), st.sets(st.sampled_from(METERS)), st.booleans()),
    min_size=1,
    max_size=60,
)


def hour_of(facility_j: float, it: float, lacking: set[str], known_factor: bool) -> Hour:  # noqa: FBT001 - drawn
    amounts = {"facility:m": facility_j, "it:m": facility_j * it, "cooling:m": facility_j * (1 - it) / 2}
    covered = {each: 1800.0 if each in lacking else 3600.0 for each in METERS}
    factor = Factor(500.0, 0.25, estimated=False, source="file") if known_factor else None
    return Hour(
        amounts, covered, terms=Terms(quantities=METERS, category="1", profile_j=None, factor=factor, residual=None)
    )


def rows_of(hours: dict[int, Hour], period: Period) -> Rows:
    return Rows(energy_rows(SiteMonth("s", period, hours, {}, {}, NOW_S)))


@settings(max_examples=40, deadline=None)
@given(AMOUNTS, st.sampled_from(["UTC", "Europe/Berlin"]))
def test_a_month_is_the_sum_of_its_days_and_of_its_hours(
    drawn: list[tuple[float, float, set[str], bool]], zone: str
) -> None:
    period = month("2026-10", zone, NOW_S)
    # Around the end of summer time, where a day has 25 hours.
    hours = {period.first + 570 + at: hour_of(*each) for at, each in enumerate(drawn)}
    rows = rows_of(hours, period)
    for figure in (
        "energy_facility",
        "energy_it",
        "energy_cooling",
        "energy_other",
        "carbon_location",
        "carbon_market",
    ):
        [whole] = rows.of(figure, "month")
        days, each = rows.of(figure, "day"), rows.of(figure, "hour")
        assert len(each) == len(period.hours())
        known = [row for row in each if row.value is not None]
        assert whole.coverage == pytest.approx(len(known) / len(each))
        if not known:
            assert whole.value is None
            continue
        assert whole.value == pytest.approx(math.fsum(row.value or 0.0 for row in known), rel=1e-9)
        assert whole.value == pytest.approx(math.fsum(row.value or 0.0 for row in days), rel=1e-9)


@settings(deadline=None)
@given(AMOUNTS)
def test_a_ratio_is_of_the_hours_in_which_both_are_metered(
    drawn: list[tuple[float, float, set[str], bool]],
) -> None:
    period = month("2026-10", "UTC", (int(NOW_S // 3600)) * 3600)
    period = Period("2026-10", period.zone, "UTC", period.first, period.end, period.first + len(drawn))
    hours = {period.first + at: hour_of(*each) for at, each in enumerate(drawn)}
    [pue] = rows_of(hours, period).of("pue", "month")
    whole = [each for each in drawn if not each[2] & {"facility:m", "it:m"}]
    assert pue.coverage == pytest.approx(len(whole) / len(drawn))
    if len(whole) < len(drawn) / 2:
        assert pue.value is None
        assert "read for 30 of 60 min" in pue.rests_on
    elif whole:
        expected = sum(each[0] for each in whole) / sum(each[0] * each[1] for each in whole)
        assert pue.value == pytest.approx(expected)


def test_what_is_unknown_says_what_is_missing() -> None:
    period = month("2026-10", "UTC", NOW_S)
    rows = rows_of({period.first: hour_of(KWH_J, 0.5, {"it:m"}, known_factor=False)}, period)
    found = {row.figure: row for row in rows.rows if row.period == "hour" and row.start == period.iso(period.first)}
    assert found["energy_facility"].value == pytest.approx(1.0)
    assert (found["energy_it"].value, found["energy_it"].rests_on) == (None, "m read for 30 of 60 min")
    assert (found["carbon_location"].value, found["carbon_location"].rests_on) == (None, "no carbon factor of the grid")
    after = rows.at("energy_facility", "s", "hour", period.iso(period.first + 1))
    assert after is not None
    assert (after.value, after.rests_on) == (None, "no record of the hour")
    [whole] = rows.of("pue", "month")
    assert whole.rests_on == "0 of 744 h; no record of the hour (743 h); m read for 30 of 60 min (1 h)"


def test_meters_that_disagree_make_no_figure() -> None:
    period = month("2026-10", "UTC", NOW_S)
    entry = hour_of(KWH_J, 0.9, set(), known_factor=True)
    entry.amount["cooling:m"] = KWH_J / 2
    [other] = rows_of({period.first: entry}, period).of("energy_other", "month")
    assert (other.value, other.rests_on) == (None, "IT and cooling are more than the facility: meters disagree")


def test_what_is_not_metered_has_no_rows_and_contracts_count_in_their_own_hour() -> None:
    period = month("2026-10", "UTC", NOW_S)
    names = ("facility:m", "it:m", "contract:pv", "water:w", "reuse:h")
    factor = Factor(500.0, 0.2, estimated=True, source="x")
    hours = {}
    for at, green in enumerate((3.0, 0.0)):  # more than is used in the first hour: the rest is lost
        amounts = dict(zip(names, (2 * KWH_J, KWH_J, green * KWH_J, 0.001, KWH_J / 2), strict=True))
        terms = Terms(quantities=names, category="2", profile_j=None, factor=factor, residual=700.0)
        hours[period.first + at] = Hour(amounts, dict.fromkeys(names, 3600.0), terms=terms)
    period = Period("2026-10", period.zone, "UTC", period.first, period.end, period.first + 2)
    found = {row.figure: row.value for row in rows_of(hours, period).rows if row.period == "month"}
    assert "energy_cooling" not in found
    assert "energy_contracted" in found
    assert found["carbon_location"] == pytest.approx(2.0)
    assert found["carbon_market"] == pytest.approx(0.7 * 2)
    assert found["carbon_free_energy"] == pytest.approx((2 + 0.2 * 2) / 4)
    expected = {"ref": 0.75, "erf": 0.25, "wue": 1.0, "cue": 1.0, "pue_category": 2.0}
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_a_site_without_a_contract_has_no_row_of_contracted_energy() -> None:
    period = month("2026-10", "UTC", NOW_S)
    entry = hour_of(KWH_J, 0.9, set(), known_factor=True)
    assert entry.terms is not None
    entry.terms = Terms(
        quantities=entry.terms.quantities, category="1", profile_j=None, factor=entry.terms.factor, residual=None
    )
    assert rows_of({period.first: entry}, period).of("energy_contracted", "month") == []
