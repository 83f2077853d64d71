"""What a real AI hall has, in the site file; and what is said to somebody who writes it in other words."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from rackflow.errors import ConfigError
from rackflow.fluids import MAX_PERCENT, MIN_PERCENT, fluid_of, volumetric_heat_capacity
from rackflow.process.config import check_config
from rackflow.process.key_types import models_in
from rackflow.process.yaml import load_yaml_file, load_yaml_text
from rackflow.site import PowerShelf, Site, SiteFile, load_site, parse_site
from rackflow.site.vocabulary import SECTIONS, other_word

AI_HALL = Path(__file__).parent / "ai_hall.yaml"
WRONG = AI_HALL.with_name("wrong_ai_halls.yaml")
TEXT = AI_HALL.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hall() -> Site:
    return load_site(AI_HALL)


def fault(old: str, new: str) -> str:
    """The first fault of the file with a part replaced: without the line, which the key is enough to find."""
    assert old in TEXT
    with pytest.raises(ConfigError) as raised:
        parse_site(TEXT.replace(old, new), "site.yaml")
    file, number, what = str(raised.value).splitlines()[0].split(":", 2)
    assert (file, number.isdecimal()) == ("site.yaml", True)
    return what.strip()


def test_power_shelves_stand_where_rack_pdus_would(hall: Site) -> None:
    assert [shelf.id for shelf in hall.shelves_of("a1", "A")] == ["shelf-a1-a1", "shelf-a1-a2"]
    assert hall.path("a1", "A").panels == ("bus-a",)
    assert hall.path("a1", "A").breaker_a == {"L1": 250, "L2": 250, "L3": 250}
    assert all(isinstance(each, PowerShelf) for each in hall.pdus_of("a2"))


def test_a_shelf_is_read_from_the_meter_that_measures_it_alone_in_its_rack(hall: Site) -> None:
    assert hall.pdus["shelf-a1-a1"].read_from == "tap-a1-a1"
    assert hall.pdus["shelf-a2-b2"].read_from == "tap-a2-b2"
    assert hall.labels("tap-a1-a1") == {"site": "ai1", "room": "hall", "row": "a", "rack": "a1", "feed": "A"}
    # What is read from its meter is polled under the meter's name only.
    assert "tap-a1-a1" in hall.devices
    assert "shelf-a1-a1" not in hall.devices
    alone = parse_site(TEXT.replace("  - {id: tap-a1-a1, role: other, measures: [shelf-a1-a1]}\n", ""), "site.yaml")
    assert alone.pdus["shelf-a1-a1"].read_from == "shelf-a1-a1"
    assert "shelf-a1-a1" in alone.devices


def test_a_meter_of_two_shelves_is_the_reading_of_neither(hall: Site) -> None:
    """It would be counted as the power of each."""
    both = parse_site(TEXT.replace("measures: [shelf-a1-a1]", "measures: [shelf-a1-a1, shelf-a1-a2]"), "site.yaml")
    assert both.pdus["shelf-a1-a1"].read_from == "shelf-a1-a1"
    assert both.pdus["shelf-a1-a2"].read_from == hall.pdus["shelf-a1-a2"].read_from == "tap-a1-a2"


def test_the_meter_that_a_shelf_names_comes_before_the_one_that_measures_it() -> None:
    other = "  - {id: tap-a2-b2, role: other}\n  - {id: also-b2, role: other, measures: [shelf-a2-b2]}\n"
    site = parse_site(TEXT.replace("  - {id: tap-a2-b2, role: other, measures: [shelf-a2-b2]}\n", other), "site.yaml")
    assert site.pdus["shelf-a2-b2"].read_from == "tap-a2-b2"


def test_plant_and_air_units_carry_the_label_of_their_only_feed(hall: Site) -> None:
    """What stops with its feed is reported with the loss of that feed."""
    units = ("crah-2", "chiller-a2", "dry-a3", "pump-a1", "cdu-1")
    assert [hall.labels(each).get("feed") for each in units] == ["B", "B", "B", "A", None]
    # A generator carries several feeds, and its fault is reported with its room.
    assert hall.labels("gen-1") == {"site": "ai1", "room": "plant"}


def test_a_busway_carries_what_the_weaker_of_its_bars_and_its_breaker_does(hall: Site) -> None:
    assert (hall.panels["bus-a"].breaker_a, hall.panels["bus-b"].breaker_a) == (500, 630)


def test_a_feed_starts_with_its_slowest_generator(hall: Site) -> None:
    assert [feed.backup_start_s for feed in hall.feeds.values()] == [15, 15]
    assert {name: len(group) for name, group in hall.generator_groups.items()} == {"A+B": 3}


def test_units_that_can_mean_one_thing_only_are_understood(hall: Site) -> None:
    assert hall.racks["a1"].design_power_w == 132_000
    assert hall.electrical.volts == 240
    assert hall.loops["tcs"].volume_m3 == 0.4
    assert hall.loops["tcs"].max_supply_celsius == 45
    assert hall.sensors["rope-tcs"].length_m == 12
    assert [hall.loops[each].coolant for each in ("fws-a", "fws-b")] == ["pg30", "pg30"]


def test_a_leak_detector_under_a_unit_stands_where_the_unit_does(hall: Site) -> None:
    assert hall.place("tray-cdu-1") == {"room": "hall", "row": "a"}
    assert hall.place("rope-tcs") == {}
    # Unless its own place is given: it may lie in another room, below the raised floor.
    elsewhere = parse_site(TEXT.replace("under: cdu-1}", "under: cdu-1, room: plant}"), "site.yaml")
    assert elsewhere.place("tray-cdu-1") == {"room": "plant"}


@pytest.mark.parametrize("wrong", load_yaml_file(WRONG), ids=lambda wrong: wrong["new"].partition("\n")[0][:40])
def test_what_is_wrong_is_said_with_the_remedy(wrong: Mapping[str, str]) -> None:
    assert fault(wrong["old"], wrong["new"]) == wrong["said"]


def test_words_of_other_vocabularies_lead_to_keys_that_exist() -> None:
    known = {*SiteFile.model_fields}
    assert not known & SECTIONS.keys()
    for word, remedy in SECTIONS.items():
        assert (
            any(name.strip("`,;") in {*known, "breaker_a", "battery"} for name in remedy.split()) or "agent's" in remedy
        ), word
    assert other_word("Chiller", 1) is None
    assert other_word("CRAHs", 1) == "use air_units"
    assert other_word("fed_by", 3) == "use from"


def test_a_generators_tank_is_answered_with_the_reason_why_it_is_not_watched() -> None:
    with pytest.raises(
        ConfigError, match=r"generators\[0\]\.fuel_l: unknown key; remove it: fuel is not watched, since no known"
    ):
        parse_site("generators: [{id: g, feeds: [A], rated_power_w: 2 MW, fuel_l: 9000}]", "site.yaml")


def test_more_glycol_carries_less_heat_at_every_percentage() -> None:
    for kind in ("pg", "eg"):
        by_percent = [volumetric_heat_capacity(f"{kind}{each}", 30.0) for each in range(MIN_PERCENT, MAX_PERCENT + 1)]
        known = [each for each in by_percent if each is not None]
        assert len(known) == len(by_percent)
        water = volumetric_heat_capacity("water", 30.0)
        assert water is not None
        assert [water, *known] == sorted([water, *known], reverse=True)
    assert fluid_of("pg9") is fluid_of("eg61") is fluid_of("pg025") is fluid_of("PG25") is None


@pytest.mark.parametrize(
    ("fluid", "celsius", "megajoules"),
    # CoolProp 8.0, INCOMP::MPG and INCOMP::MEG at 3 bar, density times heat capacity.
    [("pg20", 20, 4.0355), ("pg35", 40, 3.9091), ("pg55", 30, 3.5979), ("eg30", 20, 3.8597), ("eg45", 50, 3.6943)],
)
def test_heat_capacity_by_volume_is_that_of_coolprop(fluid: str, celsius: float, megajoules: float) -> None:
    found = volumetric_heat_capacity(fluid, celsius)
    assert found == pytest.approx(megajoules * 1e6, rel=2e-3)


def test_the_documented_example_is_quoted_from_the_file() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "draft-a-site.md").read_text(encoding="utf-8")
    example = load_yaml_text(page.partition("```yaml\n")[2].partition("```")[0], "example")
    assert isinstance(example, dict)
    for section, entries in example.items():
        (model,) = models_in(SiteFile.model_fields[section].annotation)
        for entry in entries:
            check_config(entry, model, f"{section} of the example")
