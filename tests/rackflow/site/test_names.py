"""Whatever a site file names must be in it: what is not found would be left out of figures without a word."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rackflow.errors import ConfigError
from rackflow.process.yaml import load_yaml_file
from rackflow.site import parse_site

SITE: dict[str, Any] = load_yaml_file(Path(__file__).with_name("ai_hall.yaml"))
FAULT = {"device": "box-1", "sensor": "9"}
SITE["generators"][0]["fault"] = SITE["chillers"][0]["fault"] = FAULT
SITE["dry_coolers"][0]["fault"] = SITE["facility_pumps"][0]["fault"] = FAULT
SITE["panels"] = [{"id": "panel-a", "from": ["ups-a"]}, {"id": "panel-b", "from": ["ups-b"]}]
INPUTS = {"a": {"from": "panel-a", "breaker_a": 32}, "b": {"from": "panel-b", "breaker_a": 32}}
SITE["transfer_switches"] = [{"id": "ats", "rack": "a1", **INPUTS}]
SITE["pdus"] = [{"id": "pdu-ats", "rack": "a1", "from": "ats", "breaker_a": 16}]
SITE["meters"].append({"id": "wind", "role": "other"})
SITE["contracts"] = [{"id": "wind", "meter": "wind"}]
# Every key by which one entry names another.
NAMES = {
    "rows": "room",
    "racks": "row",
    "generators": "feeds room fault.device",
    "ups": "from room",
    "panels": "from",
    "busways": "from row",
    "transfer_switches": "a.from b.from rack",
    "pdus": "rack from",
    "power_shelves": "rack from meter",
    "loops": "racks",
    "cdus": "primary secondary from row",
    "air_units": "primary from room group",
    "chillers": "loop from room fault.device",
    "dry_coolers": "loop from fault.device",
    "facility_pumps": "loop from fault.device",
    "meters": "measures behind room",
    "monitors": "row",
    "sensors": "device room loop under",
    "contracts": "meter",
}


def wrong_sites() -> Iterator[Any]:
    """A site for each of these keys, in which the first entry that has it names something that is not there."""
    for section, keys in NAMES.items():
        for key in keys.split():
            *outer, last = key.split(".")
            site = copy.deepcopy(SITE)
            for index, entry in enumerate(site[section]):
                for each in outer:
                    entry = entry.get(each, {})  # noqa: PLW2901 - one level further in
                if last in entry:
                    is_list = isinstance(entry[last], list)
                    entry[last] = ["nowhere", *entry[last][1:]] if is_list else "nowhere"
                    place = f"{section}[{index}].{key}{'[0]' if is_list else ''}"
                    yield pytest.param(site, place, id=f"{section}.{key}")
                    break


def test_all_names_are_found_in_the_site_as_it_is() -> None:
    assert parse_site(yaml.safe_dump(SITE), "site.yaml").id == "ai1"
    assert len([*wrong_sites()]) == sum(len(keys.split()) for keys in NAMES.values())


@pytest.mark.parametrize(("site", "place"), [*wrong_sites()])
def test_a_name_that_is_not_there_is_refused_where_it_stands(site: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_site(yaml.safe_dump(site), "site.yaml")
    assert [line for line in str(raised.value).splitlines() if f" {place}: unknown " in line and "'nowhere'" in line]


@pytest.mark.parametrize(
    ("section", "key", "name"),
    [
        # Energy of the meter of the whole site is not bought under a contract for what is free of carbon.
        ("contracts", "meter", "main-1"),
        # Sensors are plugged into devices. Feeds, racks and loops are not polled, so nothing would ever be read.
        ("sensors", "device", "A"),
        ("sensors", "device", "a1"),
        ("sensors", "device", "tcs"),
    ],
)
def test_a_name_of_another_kind_is_refused_as_if_it_were_not_there(section: str, key: str, name: str) -> None:
    site = copy.deepcopy(SITE)
    site[section][0][key] = name
    with pytest.raises(ConfigError, match=rf" {section}\[0\]\.{key}: unknown .* '{name}'"):
        parse_site(yaml.safe_dump(site), "site.yaml")


@pytest.mark.parametrize("section", ["rooms", "rows", "racks", "contracts", "air_groups"])
def test_a_place_contract_or_group_may_be_named_as_a_device_is(section: str) -> None:
    """Nothing can take one for the other, and a row is often called as its busway is."""
    site = copy.deepcopy(SITE)
    more: dict[str, dict[str, Any]] = {"rows": {"room": "hall"}, "air_groups": {"required": 1}}
    entry = {"id": "box-1", **more.get(section, {})}
    if section == "racks":  # a rack needs its supplies, so a device is named as the rack is
        site["monitors"][0]["id"] = "a1"
        for sensor in site["sensors"]:
            sensor["device"] = "a1"
        for generator in ("generators", "chillers", "dry_coolers", "facility_pumps"):
            site[generator][0]["fault"] = {"device": "a1", "sensor": "9"}
    elif section == "air_groups":
        site[section].append(entry)
        site["air_units"].append({**site["air_units"][0], "id": "crah-3", "group": "box-1"})
    elif section == "contracts":
        site[section] = [{**site[section][0], "id": "box-1"}]
    else:
        site[section].append(entry)
    assert parse_site(yaml.safe_dump(site), "site.yaml").id == "ai1"


POLLED = ("ups-a", "panel-a", "bus-a", "ats", "pdu-ats", "shelf-a1-a1", "cdu-1", "crah-1", "main-1", "box-1")
ENTRIES = (
    ("power_shelves", {"id": "shelf-ats", "rack": "a1", "from": "ats", "breaker_a": 16}),
    *(
        ("cdus", {"id": "more", "primary": "fws-a", "secondary": "tcs", "rated_cooling_w": 1e5, "from": [source]})
        for source in ("A", "ups-a", "panel-a", "bus-a", "pdu-ats", "shelf-a1-a1")
    ),
    *(
        ("air_units", {"id": "more", "rated_cooling_w": 1e5, "from": [source], "room": "hall"})
        for source in ("A", "ups-a", "panel-a", "bus-a", "pdu-ats", "shelf-a1-a1")
    ),
    *(
        ("meters", {"id": "more", "role": "other", "measures": [node]})
        for node in ("A", "ats", "gen-1", "a1", "tcs", "chiller-a1", "dry-a1", "pump-a1", "crah-1", "cdu-1", "pdu-ats")
    ),
    *(("sensors", {"id": "more", "device": device, "sensor": "8", "room": "hall"}) for device in POLLED),
    *(
        ("facility_pumps", {"id": "more", "loop": "fws-a", "from": ["A"], "fault": {"device": device, "sensor": "8"}})
        for device in POLLED
    ),
)


@pytest.mark.parametrize(("section", "entry"), ENTRIES)
def test_whatever_can_feed_be_measured_or_be_read_may_be_named(section: str, entry: dict[str, Any]) -> None:
    site = copy.deepcopy(SITE)
    site[section].append(entry)
    assert parse_site(yaml.safe_dump(site), "site.yaml").id == "ai1"


@pytest.mark.parametrize("section", ["ups", "panels", "busways"])
def test_behind_a_transfer_switch_there_is_nothing_but_racks(section: str) -> None:
    """It would have two feeds."""
    site = copy.deepcopy(SITE)
    site[section][0]["from"] = ["ats"]
    with pytest.raises(ConfigError, match=rf" {section}\[0\]\.from\[0\]: unknown feed, UPS or panel 'ats'"):
        parse_site(yaml.safe_dump(site), "site.yaml")


def test_of_several_shelves_any_two_with_one_meter_are_refused() -> None:
    site = copy.deepcopy(SITE)
    site["power_shelves"][6]["meter"] = "tap-a2-b2"
    with pytest.raises(ConfigError, match="'shelf-a2-b2' and 'shelf-a2-b1' have the same meter 'tap-a2-b2'"):
        parse_site(yaml.safe_dump(site), "site.yaml")
