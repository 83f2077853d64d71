"""Carbon factors: which one an hour has, and what files and answers say, to the column and the hour."""

import json
import time
from collections.abc import Iterator

import pytest

from collector.derive.energy.carbon import (
    KWH_J,
    YEARLY,
    Factor,
    Factors,
    carbon_free_j,
    location_based_g,
    market_based_g,
    read_answer,
    read_csv,
)
from rackflow import ConfigError
from rackflow.site import Grid

TEN = 1_795_428_000 // 3600
"""2026-11-23, ten o'clock UTC."""


def test_an_hour_has_its_own_factor_else_the_sites_else_the_zones() -> None:
    own = Factor(100.0, 0.9, estimated=False, source="f")
    site = Grid(zone="MA", carbon_grams_per_kwh=500.0, carbon_free_ratio=0.3, source="utility", carbon_basis="direct")
    factors = Factors(site, {TEN: own})
    assert factors.at(TEN) == own
    assert factors.at(TEN + 1) == Factor(500.0, 0.3, estimated=True, source="utility", basis="direct")
    assert factors.yearly() == factors.at(TEN + 1)
    assert Factors(Grid(zone="MA")).at(TEN) == Factor(619.71, 0.216, estimated=True, source="electricity-maps-2024")
    nothing = Grid(zone="MA", carbon_grams_per_kwh=0.0, source="hydro")
    assert Factors(nothing).at(TEN) == Factor(0.0, None, estimated=True, source="hydro")
    assert Factors(Grid(zone="XX")).at(TEN) is None
    assert Factors(None, {TEN: own}).at(TEN) == own
    assert Factors(None, {TEN: own}).at(TEN - 1) is None


def test_the_yearly_averages_are_those_of_their_sources() -> None:
    grams = {zone: factor.grams_per_kwh for zone, factor in YEARLY.items()}
    assert grams == {"MA": 619.71, "ES": 174.0, "FR": 56.0, "EG": 570.0, "KE": 70.0, "NG": 523.0, "ZA": 708.0}
    assert all(factor.estimated and factor.basis == "lifecycle" for factor in YEARLY.values())
    assert {zone for zone, factor in YEARLY.items() if factor.carbon_free_ratio is not None} == {"MA"}


@pytest.mark.parametrize(
    ("begins", "hour"),
    [
        ("2026-11-23T10:00:00Z", TEN),
        ("2026-11-23T10:59:59Z", TEN),
        ("2026-11-23T10:00:00", TEN),  # without an offset it is UTC
        ("2026-11-23T11:00:00+01:00", TEN),
        ("2026-11-23T05:30:00-05:30", TEN + 1),
        ("2026-10-25T02:00:00+02:00", 1_792_886_400 // 3600),  # both hours of the night on which clocks go back
        ("2026-10-25T02:00:00+01:00", 1_792_886_400 // 3600 + 1),
    ],
)
def test_a_row_counts_in_the_hour_that_it_begins_in(begins: str, hour: int) -> None:
    text = f"time,grams_per_kwh\n{begins},500\n"
    assert read_csv(text, "f.csv", "direct").keys() == {hour}
    assert read_answer(json.dumps({"carbonIntensity": 1, "datetime": begins}), "direct").keys() == {hour}


def test_every_column_of_a_file_of_factors_is_read() -> None:
    text = (
        "source,time,estimated,carbon_free_ratio,grams_per_kwh\n"
        "utility,2026-11-23T10:00:00Z,TRUE,0.25,512.5\n"
        ",2026-11-23T11:00:00Z,1,,500\n"
        ",2026-11-23T12:00:00Z,yes,0,500\n"
        ",2026-11-23T13:00:00Z,no,1,0\n"
        ",2026-11-23T10:00:00Z,,0.5,400\n"  # the later row of an hour counts
    )
    assert read_csv(text, "f.csv", "direct") == {
        TEN: Factor(400.0, 0.5, estimated=False, source="file", basis="direct"),
        TEN + 1: Factor(500.0, None, estimated=True, source="file", basis="direct"),
        TEN + 2: Factor(500.0, 0.0, estimated=True, source="file", basis="direct"),
        TEN + 3: Factor(0.0, 1.0, estimated=False, source="file", basis="direct"),
    }
    [first] = read_csv("\n".join(text.splitlines()[:2]), "f.csv", "lifecycle").values()
    assert first == Factor(512.5, 0.25, estimated=True, source="utility")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.csv: needs the columns"),
        ("time,grams\n", "f.csv: needs the columns"),
        ("grams_per_kwh\n1\n", "f.csv: needs the columns"),
        ("time,grams_per_kwh\n2026-11-23T10:00:00Z,1\nyesterday,1\n", r"f\.csv:3: Invalid isoformat"),
        ("time,grams_per_kwh\n2026-11-23T10:00:00Z\n", r"f\.csv:2: "),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_with_its_row(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_csv(text, "f.csv", "direct")


def test_an_answer_gives_one_hour() -> None:
    answer: dict[str, object] = {"carbonIntensity": 41, "datetime": "2026-11-23T10:00:00.000Z"}
    assert read_answer(json.dumps(answer), "direct") == {
        TEN: Factor(41.0, None, estimated=True, source="http", basis="direct")  # an estimate unless it says otherwise
    }
    answer |= {"isEstimated": False, "fossilFreePercentage": 25}
    assert read_answer(json.dumps(answer).encode(), "lifecycle") == {
        TEN: Factor(41.0, 0.25, estimated=False, source="http")
    }
    answer["fossilFreePercentage"] = 0
    assert read_answer(json.dumps(answer), "lifecycle")[TEN].carbon_free_ratio == 0.0
    answer["fossilFreePercentage"] = None
    assert read_answer(json.dumps(answer), "lifecycle")[TEN].carbon_free_ratio is None
    with pytest.raises(TypeError, match="not a JSON object"):
        read_answer("[]", "direct")
    with pytest.raises(KeyError, match="carbonIntensity"):
        read_answer("{}", "direct")


@pytest.fixture
def in_india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is five and a half hours ahead."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_india")
def test_a_time_without_an_offset_is_utc_wherever_the_machine_stands() -> None:
    assert list(read_csv("time,grams_per_kwh\n2026-11-23T10:00:00,1\n", "f", "direct")) == [TEN]
    answer = {"carbonIntensity": 1, "datetime": "2026-11-23T10:00:00"}
    assert list(read_answer(json.dumps(answer), "direct")) == [TEN]


def test_the_latest_factor_is_not_one_of_an_hour_to_come() -> None:
    """A file may have the forecast of tomorrow: a source that went silent must be seen all the same."""
    own = Factor(100.0, 0.9, estimated=False, source="f")
    factors = Factors(None, {TEN - 3: own, TEN + 12: own})
    assert [factors.latest_hour(hour) for hour in (TEN - 4, TEN - 3, TEN, TEN + 12)] == [
        None,
        TEN - 3,
        TEN - 3,
        TEN + 12,
    ]


def test_what_a_contract_covers_has_no_market_emissions_and_what_it_has_beyond_the_load_is_nothing() -> None:
    """GHG Protocol, Scope 2: 10 kWh at 500 g, with a contract over 4 kWh, and over more than is used."""
    factor = Factor(500.0, 0.2, estimated=False, source="f")
    assert location_based_g(10 * KWH_J, factor) == 5000.0
    assert market_based_g(10 * KWH_J, 4 * KWH_J, factor, None) == 3000.0
    assert market_based_g(10 * KWH_J, 4 * KWH_J, factor, 700.0) == 4200.0
    assert market_based_g(10 * KWH_J, 14 * KWH_J, factor, 700.0) == 0.0
    assert carbon_free_j(1.0, 10.0, 4.0, 0.5) == 1.0 + 4.0 + 3.0
    assert carbon_free_j(1.0, 10.0, 14.0, 0.5) == 1.0 + 10.0
