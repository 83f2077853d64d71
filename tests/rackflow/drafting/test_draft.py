"""Drafting a site file: what the sources say is in it, what follows is added, and what nobody said is to fill in."""

import re
from typing import Any

import pytest
import yaml

from rackflow.drafting import (
    SECTION_OF_CLASS,
    Given,
    draft_site,
    draft_text,
    loop_hints,
    name_hints,
    place_hints,
    supply_hints,
)
from rackflow.errors import ConfigError
from rackflow.site import SiteFile, parse_site
from simulator.site.busway_hall import busway_hall
from simulator.site.maker import ai_hall

NAMES = [re.compile(r"pdu-(?P<row>[a-z])(?P<rack>[0-9]+)-(?P<feed>[ab])")]


def drafted(*given: Given, **shaping: Any) -> dict[str, Any]:  # noqa: ANN401 - the options of draft_site
    loaded: dict[str, Any] = yaml.safe_load(draft_text(draft_site("t", given, **shaping), "here"))
    return loaded


def test_names_and_a_few_values_are_enough_for_a_site_that_is_complete() -> None:
    pdus = [Given(f"pdu-a{rack}-{feed}", "pdus", {}) for rack in (1, 2) for feed in "ab"]
    draft = draft_site(
        "casablanca",
        pdus,
        rules="iec",
        names=NAMES,
        defaults={("racks", "design_power_w"): "17000", ("pdus", "breaker_a"): "32"},
    )
    assert list(draft.missing()) == []
    site = parse_site(draft_text(draft, "names"), "site.yaml")
    assert site.feeds_of("1") == ("A", "B")
    assert site.labels("pdu-a1-b") == {"site": "casablanca", "room": "room-1", "row": "a", "rack": "1", "feed": "B"}
    assert site.racks["2"].design_power_w == 17000


def test_what_nobody_said_is_to_fill_in_and_refused_with_its_line() -> None:
    draft = draft_site("t", [Given("pdu-1", "pdus", {"rack": "r1", "feed": "A"}), Given("cdu-1", "cdus", {})])
    assert sorted(draft.missing()) == [
        ("cdus", "cdu-1", "rated_cooling_w"),
        ("cdus", "cdu-1", "secondary"),
        ("electrical", "", "continuous_load_factor"),
        ("pdus", "pdu-1", "breaker_a"),
        ("racks", "r1", "design_power_w"),
    ]
    text = draft_text(draft, "here")
    assert "- {id: pdu-1, rack: r1, from: A, breaker_a: null}  # fill in breaker_a" in text
    line = 1 + next(number for number, each in enumerate(text.splitlines()) if "id: pdu-1" in each)
    with pytest.raises(ConfigError, match=rf"site.yaml:{line}: pdus\[0\].breaker_a"):
        parse_site(text, "site.yaml")


@pytest.mark.parametrize("hall", [ai_hall(), busway_hall()], ids=["rack PDUs", "busways"])
def test_a_whole_hall_is_the_same_after_it_went_through_a_table(hall: dict[str, Any]) -> None:
    cooled = {rack: loop["id"] for loop in hall["loops"] for rack in loop.get("racks", ())}
    given = []
    for section, entries in hall.items():
        for entry in entries if isinstance(entries, list) else ():
            # As the cells of a table are: texts. Racks name their loop; the batteries' curves are no cells.
            cells: dict[str, object] = {
                key: " ".join(map(str, value))
                if isinstance(value, list)
                else value
                if isinstance(value, dict)
                else str(value)
                for key, value in entry.items()
                if (section, key) != ("loops", "racks")
            }
            cells |= {"loop": cooled[entry["id"]]} if section == "racks" and entry["id"] in cooled else {}
            given.append(Given(entry["id"], section, cells))
    found = drafted(*given, rules="nec")
    found["electrical"] = hall["electrical"]
    sections = {name: found[name] for name, value in hall.items() if isinstance(value, list)}
    assert SiteFile.model_validate({**hall, **sections}) == SiteFile.model_validate(hall)


@pytest.mark.parametrize(
    ("text", "number"),
    [("32", 32), ("1.5", 1.5), ("1,5", 1.5), (" 16 ", 16), ("1e3", 1000), (63, 63), ("0,4 kA", 400), ("16 A", 16)],
)
def test_numbers_are_read_as_spreadsheets_write_them(text: object, number: float) -> None:
    assert drafted(Given("p", "panels", {"breaker_a": text, "feed": "A"}))["panels"][0]["breaker_a"] == number


@pytest.mark.parametrize("text", ["40 kVA", "40 A", "1.000,5", "about 3"])
def test_a_number_with_anything_else_is_refused_and_not_guessed(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"cdus: c: rated_cooling_w: .* is not a number; give it in W, without the unit"
    ):
        drafted(Given("c", "cdus", {"rated_cooling_w": text}))


def test_a_comma_that_may_stand_before_thousands_is_not_taken_for_a_point() -> None:
    """A spreadsheet in English writes 12,000 W, which became a rack of 12 W."""
    fault = "racks: a1: design_power_w: '12,000' has a comma before thousands or decimals, and nobody knows which; write 12000 or 12.000"
    with pytest.raises(ConfigError, match=f"^{re.escape(fault)}$"):
        drafted(Given("a1", "racks", {"design_power_w": "12,000"}))


def test_a_value_that_is_asked_for_is_to_fill_in() -> None:
    """NetBox does not say which phase a feed of one phase is on, and the default is all three."""
    found = drafted(Given("p", "pdus", {"rack": "r", "feed": "A", "phases": "?"}))
    assert found["pdus"][0]["phases"] is None


@pytest.mark.timeout(20)
def test_panels_that_supply_each_other_are_drafted_as_they_are() -> None:
    """The site file refuses the circle, with its line."""
    panels = [Given("p1", "panels", {"from": "p2"}), Given("p2", "panels", {"from": "p1"})]
    found = drafted(*panels, Given("pdu", "pdus", {"rack": "r", "from": "p1"}))
    assert [each["from"] for each in found["panels"]] == [["p2"], ["p1"]]


def test_racks_of_two_rooms_stand_in_a_row_of_each() -> None:
    racks = [Given("r1", "racks", {"room": "north"}), Given("r2", "racks", {"room": "south"})]
    found = drafted(*racks)
    rooms = {row["id"]: row["room"] for row in found["rows"]}
    assert [rooms[rack["row"]] for rack in found["racks"]] == ["north", "south"]


def test_the_most_exact_place_counts_and_the_others_follow_from_it() -> None:
    found = drafted(Given("c", "cdus", {"room": "hall", "row": "a", "rack": "a1", "secondary": "tcs"}))
    assert found["cdus"][0]["rack"] == "a1"
    assert "row" not in found["cdus"][0]
    assert found["racks"][0]["row"] == "a"
    assert found["rows"] == [{"id": "a", "room": "hall"}]
    assert found["rooms"] == [{"id": "hall"}]
    assert found["loops"] == [{"id": "tcs", "kind": "secondary", "coolant": None, "volume_m3": None}]


def test_a_default_may_name_the_entrys_own_places_and_loops_follow_from_defaults() -> None:
    pdus = [Given(f"pdu-a{rack}-{feed}", "pdus", {}) for rack in (1, 2) for feed in "ab"]
    panels = [Given(f"bus-{feed}", "panels", {"feed": feed}) for feed in "AB"]
    found = drafted(
        *pdus,
        *panels,
        Given("cdu-1", "cdus", {}),
        names=NAMES,
        defaults={
            ("pdus", "from"): "bus-{feed}",
            ("racks", "loop"): "tcs-{row}",
            ("racks", "liquid_share"): "0.8",
            ("cdus", "secondary"): "tcs-a",
            ("loops", "coolant"): "pg25",
        },
    )
    assert [each["from"] for each in found["pdus"]] == ["bus-A", "bus-B"] * 2
    assert found["loops"] == [
        {"id": "tcs-a", "kind": "secondary", "coolant": "pg25", "volume_m3": None, "racks": ["1", "2"]}
    ]
    assert [each["liquid_share"] for each in found["racks"]] == [0.8, 0.8]
    with pytest.raises(
        ConfigError, match=r"pdus\.breaker_a=\{rating\}: pdu-a1-a has no rating; it has id, row, rack, feed"
    ):
        drafted(*pdus, names=NAMES, defaults={("pdus", "breaker_a"): "{rating}"})
    with pytest.raises(
        ConfigError,
        match=r"secondary=tcs-\{row\}: cdu-1 has no row; it has id; give it by a group named row in --names, or a column row",
    ):
        drafted(Given("cdu-1", "cdus", {}), defaults={("cdus", "secondary"): "tcs-{row}"})


@pytest.mark.parametrize(
    ("ids", "rack"),
    [
        (["pdu-a01-a", "pdu-a01-b", "pdu-a02-a", "pdu-a02-b"], "a01"),
        (["hall1-r7-pduA", "hall1-r7-pduB"], "hall1-r7"),
        (["PDU-X1-A1", "PDU-X1-A2", "PDU-X1-B1"], "X1"),
        (["pdu-r5-1", "pdu-r5-2"], "r5"),
        (["pdu-a_1-a", "pdu-a_1-b"], "a_1"),
    ],
)
def test_ids_that_tell_their_places_are_pointed_out_with_the_pattern_that_reads_them(ids: list[str], rack: str) -> None:
    given = [Given(each, "pdus", {}) for each in ids]
    [hint] = name_hints(draft_site("t", given))
    pattern = re.compile(hint.partition("--names '")[2].partition("'")[0])
    assert hint.startswith(f"the ids of pdus, as {ids[0]}, tell their places")
    assert drafted(*given, names=[pattern])["pdus"][0]["rack"] == rack
    assert list(name_hints(draft_site("t", given, names=[pattern]))) == []


@pytest.mark.parametrize(
    ("racks", "rows"),
    [
        (("hall-1-a1", "hall-1-a2", "hall-1-b1"), {"hall-1-a", "hall-1-b"}),
        (("A-07", "A-08", "B-07"), {"A", "B"}),
        (("a1", "a2"), {"row-1"}),  # one row for all is what is there without it
        (("a1", "b1"), {"row-1"}),  # one for each rack is none
        (("101", "102", "201"), {"row-1"}),
    ],
)
def test_the_row_is_read_as_well_where_racks_are_numbered_within_rows(racks: tuple[str, ...], rows: set[str]) -> None:
    given = [Given(f"pdu-{rack}-{feed}", "pdus", {}) for rack in racks for feed in "ab"]
    [hint] = name_hints(draft_site("t", given))
    pattern = re.compile(hint.partition("--names '")[2].partition("'")[0])
    found = drafted(*given, names=[pattern])
    assert {each["id"] for each in found["racks"]} == set(racks)
    assert {each["row"] for each in found["racks"]} == rows


def test_a_row_or_room_that_stands_for_those_of_no_source_is_told() -> None:
    """Two halls would silently be one."""
    given = [Given(f"pdu-hall-{hall}-{feed}", "pdus", {"rack": f"r{hall}"}) for hall in (1, 2) for feed in "ab"]
    row, room = place_hints(draft_site("t", given))
    assert row.startswith("no source names the row of racks, so row-1 stands for it")
    assert room.startswith("no source names the room of rows, so room-1 stands for it: a group named room in --names")
    named = re.compile("pdu-(?P<row>(?P<room>hall-[12]))-(?P<feed>[ab])")
    draft = draft_site("t", given, names=[named])
    assert list(place_hints(draft)) == []
    assert set(draft.entries["rooms"]) == {"hall-1", "hall-2"}


def test_a_meter_of_it_power_lacks_its_category_and_the_grid_is_given_like_the_supply() -> None:
    draft = draft_site("t", [Given("m-it", "meters", {"role": "it"})], defaults={("grid", "zone"): "MA"})
    assert ("meters", "m-it", "category") in draft.missing()
    assert "grid: {zone: MA}" in draft_text(draft, "a test").splitlines()
    complete = drafted(Given("m-it", "meters", {"role": "it", "category": "3"}))
    assert complete["meters"] == [{"id": "m-it", "role": "it", "category": 3}]


def test_a_cdus_row_is_read_from_its_id_once_the_rows_of_racks_are_known() -> None:
    rows = [Given("hall-1-a1", "racks", {"row": "hall-1-a"}), Given("hall-1-b1", "racks", {"row": "hall-1-b"})]
    cdus = [Given(each, "cdus", {}) for each in ("hall-1-a-cdu-1", "hall-1-b-CDU-2")]
    [hint] = name_hints(draft_site("t", [*rows, *cdus]))
    assert hint.startswith("the ids of cdus, as hall-1-a-cdu-1, tell their row")
    pattern = re.compile(hint.partition("--names '")[2].partition("'")[0])
    assert [each["row"] for each in drafted(*rows, *cdus, names=[pattern])["cdus"]] == ["hall-1-a", "hall-1-b"]
    assert list(name_hints(draft_site("t", [*rows, *cdus], names=[pattern]))) == []
    assert list(name_hints(draft_site("t", cdus))) == []  # nobody says which rows there are
    assert list(name_hints(draft_site("t", [*rows, *cdus, Given("plant-cdu-1", "cdus", {})]))) == []


PANELS = [Given(f"main-{feed}", "panels", {"from": f"ups-{feed}"}) for feed in "AB"]
UPSS = [Given(f"ups-{feed}", "ups", {"feed": feed}) for feed in "AB"]


def test_panels_left_out_of_the_path_of_power_are_told_with_what_puts_them_there() -> None:
    """Such a file is complete and valid, and no rack would be seen to hang on these UPSs."""
    given = [*UPSS, *PANELS, *(Given(f"pdu-a{rack}-{feed}", "pdus", {}) for rack in (1, 2) for feed in "ab")]
    [hint] = supply_hints(draft_site("t", given, names=NAMES))
    assert hint == (
        "nothing hangs on main-A, main-B, because PDUs hang directly on A and B: --set 'pdus.from=main-{feed}' puts them between,"
        " or a column from in a table (--csv)"
    )
    assert list(supply_hints(draft_site("t", given, names=NAMES, defaults={("pdus", "from"): "main-{feed}"}))) == []
    several = [*given, Given("lights-A", "panels", {"feed": "A"})]
    [hint] = supply_hints(draft_site("t", several, names=NAMES))
    assert "nothing hangs on main-A, lights-A, main-B, because" in hint
    assert "--set 'pdus.from=NAME' puts one of them between" in hint


def test_panels_that_may_supply_what_is_not_in_the_file_are_not_told() -> None:
    on_a = Given("pdu-a1-a", "pdus", {"rack": "1", "from": "main-A"})
    assert list(supply_hints(draft_site("t", [*UPSS, *PANELS, on_a]))) == []  # no PDU hangs directly on feed B
    shelf = Given("shelf-1", "power_shelves", {"rack": "1", "from": "main-A"})
    direct = Given("pdu-a1-a", "pdus", {"rack": "1", "feed": "A"})
    assert list(supply_hints(draft_site("t", [*UPSS, *PANELS, shelf, direct]))) == []
    assert list(supply_hints(draft_site("t", [*UPSS, direct]))) != []
    cdu = Given("cdu-1", "cdus", {"from": "ups-A"})
    assert list(supply_hints(draft_site("t", [*UPSS, cdu, direct]))) == []
    switch = Given("ats-1", "transfer_switches", {"a_from": "ups-A", "b_from": "B"})
    assert "nothing hangs on ats-1, because" in next(supply_hints(draft_site("t", [*UPSS, switch, direct])))


def test_a_busway_that_a_power_shelf_goes_around_is_told_as_a_panel_is() -> None:
    bus = Given("bus-A", "busways", {"feed": "A"})
    shelf = Given("shelf-1", "power_shelves", {"rack": "1", "feed": "A"})
    [hint] = supply_hints(draft_site("t", [bus, shelf]))
    assert hint.startswith("nothing hangs on bus-A, because PDUs hang directly on A: ")


def test_a_panel_left_out_on_one_feed_alone_is_not_put_above_the_pdus_of_both() -> None:
    """`main-{feed}` would let the PDUs of feed B hang on a panel main-B that is not there."""
    pdus = [Given(f"pdu-a1-{feed}", "pdus", {}) for feed in "ab"]
    [hint] = supply_hints(draft_site("t", [Given("main-A", "panels", {"feed": "A"}), *pdus], names=NAMES))
    assert "nothing hangs on main-A, because PDUs hang directly on A: --set 'pdus.from=NAME' puts one of them" in hint


def test_loops_that_cool_no_rack_are_told_with_what_names_the_loop_of_each() -> None:
    racks = [Given(f"{row}1", "racks", {"row": row}) for row in ("a", "b")]
    cdus = [Given(f"cdu-{row}", "cdus", {"row": row, "secondary": f"tcs-{row}"}) for row in ("a", "b")]
    [hint] = loop_hints(draft_site("t", [*racks, *cdus]))
    assert hint.startswith("no rack is cooled by tcs-a, tcs-b: --set 'racks.loop=tcs-{row}' says which loop cools each")
    assert list(loop_hints(draft_site("t", [*racks, *cdus], defaults={("racks", "loop"): "tcs-{row}"}))) == []
    [hint] = loop_hints(draft_site("t", [*racks, Given("cdu-1", "cdus", {"secondary": "tcs"})]))
    assert "--set 'racks.loop=NAME'" in hint
    assert list(loop_hints(draft_site("t", cdus))) == []  # no racks at all


def test_a_primary_loop_needs_no_rack_and_loops_named_in_two_ways_have_no_common_name() -> None:
    racks = [Given(f"{row}1", "racks", {"row": row}) for row in ("a", "b")]
    cdus = [Given(f"cdu-{row}", "cdus", {"row": row, "primary": "fws", "secondary": f"tcs-{row}"}) for row in "ab"]
    assert list(loop_hints(draft_site("t", [*racks, *cdus], defaults={("racks", "loop"): "tcs-{row}"}))) == []
    odd = Given("cdu-b", "cdus", {"secondary": "b-loop"})
    [hint] = loop_hints(draft_site("t", [*racks, *cdus, odd]))
    assert hint.startswith("no rack is cooled by tcs-a, b-loop: --set 'racks.loop=NAME' says")


def test_a_rack_that_names_its_loop_and_is_named_by_it_is_cooled_once() -> None:
    loop = Given("tcs", "loops", {"kind": "secondary", "racks": "r1"})
    assert drafted(loop, Given("r1", "racks", {"loop": "tcs"}))["loops"][0]["racks"] == ["r1"]


def test_a_circle_of_panels_is_left_to_the_check() -> None:
    circle = [Given("p1", "panels", {"from": "p2"}), Given("p2", "panels", {"from": "p1"})]
    assert list(supply_hints(draft_site("t", [*circle, Given("pdu-1", "pdus", {"rack": "1", "feed": "A"})]))) == []


@pytest.mark.parametrize(
    "ids",
    [
        ["pdu-1", "pdu-2"],
        ["pdu-a1-a", "pdu-a2-a"],
        ["pdu-a1-a", "pdu-a1-b", "rpp-7"],
        ["pdu-a1-a", "pdu-a1-b", "pdu-a2-a"],  # a rack that one feed reaches
        ["10.0.0.1"],
    ],
)
def test_ids_that_may_mean_anything_are_not_guessed_at(ids: list[str]) -> None:
    assert list(name_hints(draft_site("t", [Given(each, "pdus", {}) for each in ids]))) == []


def test_the_feed_is_read_from_the_ids_of_upss_of_both_feeds_and_not_of_one() -> None:
    def hints(*ids: str) -> list[str]:
        return list(name_hints(draft_site("t", [Given(each, "ups", {}) for each in ids])))

    [hint] = hints("ups-a1", "ups-b1")
    assert hint.startswith("the ids of ups, as ups-a1, tell their places")
    assert hints("ups-a1", "ups-a2") == []


@pytest.mark.parametrize(("rules", "factor", "volts", "hertz"), [("iec", 1.0, 230, 50), ("nec", 0.8, None, 60)])
def test_the_rules_of_the_installation_give_factor_and_frequency(
    rules: str, factor: float, volts: int | None, hertz: int
) -> None:
    """NEC 210.20(A): a breaker carries 80 % of its rating continuously. Its sites have 120, 240 or 277 V, which nobody can guess."""
    found = drafted(rules=rules)["electrical"]
    assert found == {"continuous_load_factor": factor, "volts": volts, "frequency_hertz": hertz}


def test_each_class_of_devices_has_its_section() -> None:
    assert dict(SECTION_OF_CLASS) == {
        "ups": "ups",
        "pdu": "pdus",
        "ats": "transfer_switches",
        "panel": "panels",
        "cdu": "cdus",
        "crah": "air_units",
        "rdhx": "air_units",
        "meter": "meters",
        "env": "monitors",
    }


def test_power_shelves_hang_from_a_feed_or_a_busway_and_are_counted_as_pdus_are() -> None:
    buses = [Given(f"bus-{feed}", "busways", {"feed": feed}) for feed in "AB"]
    shelves = [
        Given(f"s{feed}{at}", "power_shelves", {"rack": "r", "from": f"bus-{feed}"}) for feed in "AB" for at in (1, 2)
    ]
    tap = Given("tap", "meters", {"measures": "sA1"})
    found = drafted(*buses, *shelves, tap, Given("other", "meters", {"measures": "sA1 r"}))
    assert found["racks"][0]["pdus_per_feed"] == 2
    assert [each["from"] for each in found["busways"]] == [["A"], ["B"]]
    assert [each["role"] for each in found["meters"]] == ["other", None]
    assert drafted(Given("s", "power_shelves", {"rack": "r", "feed": "A"}))["power_shelves"][0]["from"] == "A"


@pytest.mark.parametrize(
    ("text", "value"), [("TRUE", True), ("oui", True), ("x", True), ("1", True), ("0", False), ("", None)]
)
def test_a_cell_that_is_true_or_false_is_read_as_spreadsheets_write_it(text: str, value: object) -> None:
    found = drafted(Given("m", "meters", {"role": "facility", "incomer": text}))["meters"][0]
    assert found.get("incomer") == value
    with pytest.raises(ConfigError, match="meters: m: incomer: 'maybe' is neither true nor false"):
        drafted(Given("m", "meters", {"incomer": "maybe"}))


def test_a_fault_contact_is_a_device_and_its_input_in_one_cell() -> None:
    found = drafted(Given("c", "chillers", {"fault": "box-1 5"}))["chillers"][0]
    assert found["fault"] == {"device": "box-1", "sensor": "5"}
    assert drafted(Given("c", "chillers", {"fault": "box-1  5"}))["chillers"][0]["fault"] == found["fault"]


def test_a_fault_contact_without_its_input_is_to_fill_in_beside_what_else_is_missing() -> None:
    draft = draft_site("t", [Given("c", "chillers", {"fault": "box-1"})])
    assert [key for section, _, key in draft.missing() if section == "chillers"] == [
        "loop",
        "rated_cooling_w",
        "fault.sensor",
    ]


def test_two_pdus_of_each_feed_are_counted_through_their_panels() -> None:
    panels = [Given(f"bus-{feed}", "panels", {"feed": feed}) for feed in "AB"]
    pdus = [
        Given(f"p{feed}{number}", "pdus", {"rack": "r", "from": f"bus-{feed}"}) for feed in "AB" for number in (1, 2)
    ]
    assert drafted(*panels, *pdus)["racks"][0]["pdus_per_feed"] == 2
    assert "pdus_per_feed" not in drafted(*panels, *pdus[:3])["racks"][0]


def test_pdus_on_two_upss_of_one_feed_are_two_on_that_feed() -> None:
    upss = [Given(f"ups-{feed}{number}", "ups", {"from": feed}) for feed in "AB" for number in (1, 2)]
    pdus = [
        Given(f"p{feed}{number}", "pdus", {"rack": "r", "from": f"ups-{feed}{number}"})
        for feed in "AB"
        for number in (1, 2)
    ]
    assert drafted(*upss, *pdus)["racks"][0]["pdus_per_feed"] == 2


def test_what_is_said_later_overrides_and_what_is_empty_says_nothing() -> None:
    found = drafted(
        Given("p", "pdus", {"rack": "r1", "feed": "A", "breaker_a": 16}),
        Given("p", "pdus", {"rack": "r2", "feed": "", "breaker_a": None}),
    )
    assert found["pdus"] == [{"id": "p", "rack": "r2", "from": "A", "breaker_a": 16}]
    assert [rack["id"] for rack in found["racks"]] == ["r2"]


def test_a_source_takes_precedence_over_an_id_and_over_a_default() -> None:
    found = drafted(
        Given("pdu-a1-a", "pdus", {"rack": "r9", "breaker_a": 16}),
        Given("pdu-a1-b", "pdus", {}),
        names=NAMES,
        defaults={("pdus", "breaker_a"): "32"},
    )
    assert [(pdu["rack"], pdu["breaker_a"]) for pdu in found["pdus"]] == [("r9", 16), ("1", 32)]


def test_a_transfer_switch_has_its_two_inputs() -> None:
    found = drafted(Given("s", "transfer_switches", {"a_from": "bus-a", "breaker_a": "16", "rack": "r"}))
    assert found["transfer_switches"] == [
        {"id": "s", "rack": "r", "a": {"from": "bus-a", "breaker_a": 16}, "b": {"from": None, "breaker_a": 16}}
    ]
