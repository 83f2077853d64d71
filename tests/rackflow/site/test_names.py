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


def refused(section: str, *entries: dict[str, Any]) -> str:
    """What is said to the site with these entries as well."""
    site = copy.deepcopy(SITE)
    site[section] += entries
    with pytest.raises(ConfigError) as raised:
        parse_site(yaml.safe_dump(site), "site.yaml")
    return str(raised.value)


NAMESAKES: dict[str, dict[str, Any]] = {
    "feeds": {},
    "generators": {"feeds": ["A", "B"], "rated_power_w": 1e5},
    "ups": {"from": ["A"], "rated_power_w": 1e5},
    "panels": {"from": ["A"]},
    "busways": {"from": ["A"]},
    "transfer_switches": INPUTS,
    "pdus": {"rack": "a1", "from": "ats", "breaker_a": 16},
    "power_shelves": {"rack": "a1", "from": "ats", "breaker_a": 16},
    "loops": {"kind": "primary", "coolant": "water", "volume_m3": 1},
    "cdus": {"secondary": "tcs", "rated_cooling_w": 1e5},
    "air_units": {"rated_cooling_w": 1e5},
    "chillers": {"loop": "fws-a", "rated_cooling_w": 1e5},
    "dry_coolers": {"loop": "fws-a", "rated_cooling_w": 1e5},
    "facility_pumps": {"loop": "fws-a"},
    "meters": {"role": "other"},
    "monitors": {},
    "sensors": {"room": "hall"},
}


@pytest.mark.parametrize("section", NAMESAKES)
def test_of_whatever_is_fed_measured_or_polled_no_two_have_one_name(section: str) -> None:
    """Readings of the one would be taken for those of the other."""
    taken = ("box-1", "tcs", "tray-cdu-1")
    said = refused(section, *({"id": name, **NAMESAKES[section]} for name in taken))
    assert [f"].id: id '{name}' is already used" in said for name in taken] == [True] * 3


def test_a_busway_has_one_feed_and_does_not_supply_itself() -> None:
    assert "'bus-c' is supplied by feeds A and B" in refused("busways", {"id": "bus-c", "from": ["ups-a", "ups-b"]})
    assert "'bus-c' supplies itself: bus-c from bus-c" in refused("busways", {"id": "bus-c", "from": ["bus-c"]})


def test_an_air_unit_gives_its_heat_to_a_primary_loop() -> None:
    unit = {"id": "crah-3", "rated_cooling_w": 1e5, "room": "hall", "primary": "tcs"}
    assert " air_units[2].primary: 'tcs' is a secondary loop; name a primary loop" in refused("air_units", unit)


def test_both_loops_that_a_cdu_may_give_its_heat_to_are_primary_ones() -> None:
    cdu = {"id": "cdu-3", "rated_cooling_w": 1e5, "secondary": "tcs", "primary": ["fws-a", "tcs"]}
    assert " cdus[2].primary: 'tcs' is a secondary loop; name a primary loop" in refused("cdus", cdu)


def test_all_sensors_of_a_device_are_named_once() -> None:
    """Without a label an entry means all of them: two such entries are the same sensors."""
    site = copy.deepcopy(SITE)
    site["sensors"].append({"id": "all", "device": "cdu-1", "measures": "leak", "room": "hall"})
    assert parse_site(yaml.safe_dump(site), "site.yaml").id == "ai1"
    site["sensors"].append({"id": "again", "device": "cdu-1", "measures": "leak", "room": "hall"})
    with pytest.raises(ConfigError, match=r"sensors\[4\]\.sensor: is the same sensor of the device as 'all'"):
        parse_site(yaml.safe_dump(site), "site.yaml")


def test_where_the_feeds_of_a_rack_are_named_there_is_no_other_one() -> None:
    """A PDU on a feed that is left out is a slip: its load would count on a feed that nobody planned for the rack."""
    site = copy.deepcopy(SITE)
    site["racks"][0]["pdus_per_feed"] = {"A": 2}
    with pytest.raises(ConfigError, match=r"rack 'a1' has 2 PDUs on feed B .* and its pdus_per_feed says 0"):
        parse_site(yaml.safe_dump(site), "site.yaml")
    site["racks"][0]["pdus_per_feed"] = {"A": 2, "B": 2}
    assert parse_site(yaml.safe_dump(site), "site.yaml").id == "ai1"


@pytest.mark.parametrize("places", [("room", "row"), ("room", "rack"), ("row", "rack")])
def test_a_device_stands_in_one_place(places: tuple[str, str]) -> None:
    """Of two that contradict each other nobody would know which one is wrong."""
    site = copy.deepcopy(SITE)
    known = {"room": "hall", "row": "a", "rack": "a1"}
    site["monitors"].append({"id": "box-2", **{place: known[place] for place in places}})
    with pytest.raises(ConfigError, match=r" monitors\[1\]: has more than one place"):
        parse_site(yaml.safe_dump(site), "site.yaml")
