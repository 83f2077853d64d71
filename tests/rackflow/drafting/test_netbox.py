"""Odd inventories of NetBox: what it does not need, does not have or has twice. What is left out is said, and nothing is mixed up."""

import json
from pathlib import Path
from typing import Any

import pytest

from rackflow.drafting import draft_site, draft_text, read_netbox, translate
from rackflow.errors import ConfigError
from rackflow.site import Site, parse_site

Objects = dict[str, list[dict[str, Any]]]
SITE = {"id": 1, "slug": "casablanca", "name": "Casablanca"}


def ref(number: int, name: str) -> dict[str, Any]:
    return {"id": number, "name": name}


def device(number: int, role: str, rack: int = 1, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of NetBox
    name = {"name": f"{role}-{number}"}
    return {**name, "id": number, "site": SITE, "rack": ref(rack, f"R{rack}"), "role": {"slug": role}, **more}


def port(number: int, feed: int) -> dict[str, Any]:
    ends = {"connected_endpoints": [{"id": feed}], "connected_endpoints_type": "dcim.powerfeed"}
    return {"id": number, "device": ref(number, f"pdu-{number}"), **ends}


def hall() -> Objects:
    """One rack, whose PDU hangs on one feed of one panel."""
    feed = {"id": 1, "name": "F1", "power_panel": ref(1, "P-A"), "type": {"value": "primary"}, "amperage": 32}
    return {
        "sites": [SITE],
        "locations": [{"id": 1, "name": "Hall 1", "site": SITE, "parent": None}],
        "racks": [{"id": 1, "name": "R1", "site": SITE, "location": ref(1, "Hall 1")}],
        "power-panels": [{"id": 1, "name": "P-A", "site": SITE, "location": ref(1, "Hall 1")}],
        "power-feeds": [feed],
        "devices": [device(1, "pdu")],
        "power-ports": [port(1, 1)],
    }


def imported(objects: Objects) -> tuple[dict[str, Any], list[str], str]:
    """The entries by section and id, what was left out, and the text of the file."""
    found = translate(objects, "casablanca")
    draft = draft_site(found.site, found.given, rules="iec", defaults={("racks", "design_power_w"): "17000"})
    return draft.entries, found.left_out, draft_text(draft, "NetBox")


def site_of(objects: Objects) -> Site:
    return parse_site(imported(objects)[2], "site.yaml")


def test_racks_of_one_name_in_two_halls_stay_two_racks_with_their_own_pdus() -> None:
    objects = hall()
    objects["racks"].append({"id": 2, "name": "R1", "site": SITE, "location": ref(2, "Hall 2")})
    objects["devices"].append(device(2, "pdu", rack=2))
    objects["power-ports"].append(port(2, 1))
    site = site_of(objects)
    assert {pdu.id: pdu.rack for pdu in site.pdus.values()} == {"pdu-1": "Hall-1-R1", "pdu-2": "Hall-2-R1"}
    assert imported(objects)[1] == [
        "the name R1 of rack 1: another one has it; it is Hall-1-R1 here",
        "the name R1 of rack 2: another one has it; it is Hall-2-R1 here",
    ]


def test_devices_of_one_name_stay_two_devices() -> None:
    objects = hall()
    objects["devices"] = [device(at, "pdu", name="pdu") for at in (1, 2)]
    objects["racks"][0]["custom_fields"] = {"pdus_per_feed": 2}
    objects["power-ports"].append(port(2, 1))
    assert list(site_of(objects).pdus) == ["pdu-1", "pdu-2"]


def test_a_pdu_hangs_on_the_one_of_two_upss_of_one_name_that_its_cable_goes_to() -> None:
    objects = hall()
    objects["devices"] += [device(at, "ups", name="ups") for at in (2, 3)]
    outlet = {"id": 5, "device": ref(3, "ups")}
    objects["power-ports"][0] |= {"connected_endpoints": [outlet], "connected_endpoints_type": "dcim.poweroutlet"}
    assert imported(objects)[0]["pdus"]["pdu-1"]["from"] == "ups-3"


def test_a_pdu_on_the_outlet_of_a_device_that_is_no_supply_has_its_supply_to_fill_in() -> None:
    objects = hall()
    objects["devices"].append(device(2, "power-strip"))
    outlet = {"id": 5, "device": ref(2, "power-strip-2")}
    objects["power-ports"][0] |= {"connected_endpoints": [outlet], "connected_endpoints_type": "dcim.poweroutlet"}
    assert imported(objects)[0]["pdus"]["pdu-1"]["from"] is None


def test_a_rack_renamed_by_its_hall_does_not_become_another_rack_of_that_name() -> None:
    objects = hall()
    objects["racks"] += [
        {"id": 2, "name": "R1", "site": SITE, "location": ref(2, "Hall 2")},
        {"id": 3, "name": "Hall-1-R1", "site": SITE, "location": ref(1, "Hall 1")},
    ]
    assert set(imported(objects)[0]["racks"]) == {"R1-1", "Hall-2-R1", "Hall-1-R1"}


def test_a_rack_without_a_name_gets_one_wherever_it_is_named() -> None:
    objects = hall()
    objects["racks"][0]["name"] = None
    objects["devices"][0]["rack"] = {"id": 1}
    assert site_of(objects).pdus["pdu-1"].rack == "rack-1"


def test_servers_without_a_name_are_not_mentioned() -> None:
    objects = hall()
    objects["devices"] += [device(at, "server", name=None) for at in (7, 8)]
    assert imported(objects)[1] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": {"value": "planned"}}, []),
        ({"power_panel": None}, ["power feed F1: it names no power panel"]),
        (
            {"supply": {"value": "dc"}},
            ["power feed F1: it is direct current, and a site file has the supply before that"],
        ),
    ],
)
def test_a_power_feed_that_cannot_be_used_leaves_its_pdu_to_fill_in(change: dict[str, Any], said: list[str]) -> None:
    objects = hall()
    objects["power-feeds"][0] |= change
    entries, left_out, _ = imported(objects)
    assert entries["pdus"]["pdu-1"]["from"] is None
    assert left_out == said


def test_a_panel_that_only_its_feeds_name_is_an_entry_to_complete() -> None:
    objects = hall()
    objects["power-panels"] = []
    entries, left_out, _ = imported(objects)
    assert entries["panels"]["P-A"]["from"] is None
    assert left_out == ["power panel P-A: NetBox gave its feeds and not the panel; complete its entry"]


def test_the_amperage_of_a_three_phase_feed_is_each_phases() -> None:
    objects = hall()
    objects["power-feeds"][0] |= {"phase": {"value": "three-phase"}, "voltage": 400}
    pdu = site_of(objects).pdus["pdu-1"]
    assert (pdu.breaker_a, pdu.phases) == (32, ["L1", "L2", "L3"])


def test_a_selection_among_custom_fields_is_its_value() -> None:
    objects = hall()
    objects["racks"][0]["custom_fields"] = {"design_power_w": {"value": "132 kW", "label": "high density"}}
    assert site_of(objects).racks["R1"].design_power_w == 132_000


def test_busways_shelves_generators_and_plant_are_known_by_their_roles() -> None:
    objects = hall()
    roles = ("busway", "power-shelf", "genset", "chiller", "dry-cooler", "facility-pump", "rpp", "power-strip")
    objects["devices"] = [device(at, role) for at, role in enumerate(roles, 1)]
    objects["power-ports"].append(
        {
            "id": 9,
            "device": ref(2, "power-shelf-2"),
            "connected_endpoints": [{"id": 5, "device": ref(1, "busway-1")}],
            "connected_endpoints_type": "dcim.poweroutlet",
        }
    )
    entries = imported(objects)[0]
    assert entries["busways"]["busway-1"] == {"id": "busway-1", "rack": "R1", "from": ["P-A"], "breaker_a": 32}
    assert entries["power_shelves"]["power-shelf-2"]["from"] == "busway-1"
    for section, name in (("generators", "genset-3"), ("chillers", "chiller-4"), ("dry_coolers", "dry-cooler-5")):
        assert list(entries[section]) == [name]
    assert list(entries["facility_pumps"]) == ["facility-pump-6"]
    assert list(entries["panels"]) == ["P-A", "rpp-7"]


def test_cooling_of_4_7_with_holes_is_taken_as_far_as_it_goes() -> None:
    objects = hall()
    objects["cooling-sources"] = [
        {"id": 1, "name": "CH1", "site": SITE, "type": {"value": "chiller"}, "cooling_capacity": "a lot"}
    ]
    objects["cooling-feeds"] = [{"id": 1, "name": "cf", "rack": ref(1, "R1"), "cooling_source": None}]
    objects["cooling-intakes"] = [{"id": 1, "device": None, "cooling_outflow": {"id": 1, "device": None}}]
    entries, left_out, _ = imported(objects)
    assert entries["loops"]["CH1"]["kind"] == "primary"
    assert left_out == [
        "the capacity of cooling source CH1: 'a lot' is not a number of kilowatts",
        "cooling feed cf: no CDU stands between it and rack R1",
    ]


def test_a_file_that_powershell_has_saved_is_read(tmp_path: Path) -> None:
    """With a byte order mark at its beginning."""
    file = tmp_path / "netbox.json"
    file.write_text(json.dumps(hall()), encoding="utf-8-sig")
    assert read_netbox(str(file)).keys() == hall().keys()


def test_a_number_that_is_none_is_one_line() -> None:
    objects = hall()
    objects["racks"][0]["custom_fields"] = {"design_power_w": "dense"}
    with pytest.raises(ConfigError, match="racks: R1: design_power_w: 'dense' is not a number; give it in W"):
        imported(objects)


def test_what_is_planned_or_of_another_site_is_no_part_of_the_site() -> None:
    objects = hall()
    rabat = {"id": 2, "slug": "rabat"}
    objects["sites"].append(rabat)
    changes: list[dict[str, Any]] = [{"status": {"value": "planned"}}, {"site": rabat}]
    for at, more in enumerate(changes, 2):
        objects["racks"].append({**objects["racks"][0], "id": at, "name": f"R{at}", **more})
        objects["devices"].append(device(at, "pdu", rack=at, **more))
        objects["power-ports"].append(port(at, 1))
    site = site_of(objects)
    assert (list(site.racks), list(site.pdus)) == (["R1"], ["pdu-1"])


def test_a_panel_with_feeds_of_both_types_has_a_feed_to_fill_in() -> None:
    objects = hall()
    objects["power-feeds"].append({**objects["power-feeds"][0], "id": 2, "name": "F2", "type": {"value": "redundant"}})
    assert imported(objects)[0]["panels"]["P-A"]["from"] is None


def test_a_racks_group_is_its_row_and_its_location_its_room_though_that_is_in_a_building() -> None:
    objects = hall()
    objects["locations"][0]["parent"] = ref(9, "Building 1")
    assert imported(objects)[0]["rows"] == {"Hall-1": {"id": "Hall-1", "room": "Building-1"}}
    objects["racks"][0]["group"] = ref(4, "Row D")
    assert imported(objects)[0]["rows"] == {"Row-D": {"id": "Row-D", "room": "Hall-1"}}


def test_a_rack_without_a_location_stands_in_a_room_of_the_sites_name_and_a_panel_in_its_location() -> None:
    objects = hall()
    assert imported(objects)[0]["panels"]["P-A"]["room"] == "Hall-1"
    objects["racks"][0]["location"] = None
    assert imported(objects)[0]["rows"] == {"casablanca-row": {"id": "casablanca-row", "room": "casablanca"}}


def test_a_transfer_switch_prefers_the_supply_that_its_first_port_hangs_on() -> None:
    objects = hall()
    objects["power-panels"].append({"id": 2, "name": "P-B", "site": SITE, "location": ref(1, "Hall 1")})
    objects["power-feeds"].append({**objects["power-feeds"][0], "id": 2, "name": "F2", "power_panel": ref(2, "P-B")})
    objects["devices"].append(device(2, "sts"))
    objects["power-ports"] += [{**port(2, 1), "id": 20}, {**port(2, 2), "id": 21}]
    switch = imported(objects)[0]["transfer_switches"]["sts-2"]
    assert (switch["a"], switch["b"]) == ({"from": "P-A", "breaker_a": 32}, {"from": "P-B", "breaker_a": 32})


@pytest.mark.parametrize(("fluid", "coolant"), [("water", "water"), ("glycol", None)])
def test_a_rack_behind_manifolds_is_on_the_loop_of_its_cdus(fluid: str, coolant: str | None) -> None:
    """Water with glycol has a concentration, which NetBox does not know."""
    objects = hall()
    objects["racks"].append({**objects["racks"][0], "id": 2, "name": "R2"})
    manifold = {**device(3, "manifold"), "rack": None}
    objects["devices"] += [device(2, "cdu", rack=2), manifold, device(4, "server")]
    objects["cooling-sources"] = [{"id": 1, "name": "CH1", "site": SITE, "fluid_type": {"value": fluid}}]
    objects["cooling-feeds"] = [{"id": 1, "name": "cf", "rack": ref(2, "R2"), "cooling_source": ref(1, "CH1")}]
    objects["cooling-intakes"] = [
        {"id": below, "device": ref(below, ""), "cooling_outflow": {"id": above, "device": ref(above, "")}}
        for below, above in ((3, 2), (4, 3))
    ]
    entries = imported(objects)[0]
    assert entries["loops"]["CH1"]["coolant"] == coolant
    assert entries["loops"]["cdu-2-loop"]["racks"] == ["R1"]
    assert (entries["cdus"]["cdu-2"]["primary"], entries["cdus"]["cdu-2"]["secondary"]) == ("CH1", "cdu-2-loop")


def test_cdus_that_share_a_rack_are_on_one_loop_also_through_a_third_one() -> None:
    """CDU 2 cools R1 and CDU 3 cools R2; only CDU 4, which cools both, shows that it is one loop."""
    objects = hall()
    objects["racks"].append({**objects["racks"][0], "id": 2, "name": "R2"})
    objects["devices"] += [{**device(at, "cdu"), "rack": None} for at in (2, 3, 4)]
    objects["devices"] += [device(10 + rack, "server", rack=rack) for rack in (1, 2)]
    objects["cooling-intakes"] = [
        {"id": at, "device": ref(server, ""), "cooling_outflow": {"id": at, "device": ref(cdu, "")}}
        for at, (server, cdu) in enumerate([(11, 2), (12, 3), (11, 4), (12, 4)])
    ]
    entries = imported(objects)[0]
    assert {cdu["secondary"] for cdu in entries["cdus"].values()} == {"cdu-2-loop"}
    assert entries["loops"]["cdu-2-loop"]["racks"] == ["R1", "R2"]


@pytest.mark.parametrize(
    ("status", "is_there"),
    [
        ("active", True),
        ("staged", True),
        ("failed", True),
        ("planned", False),
        ("decommissioning", False),
        ("inventory", False),
        ("offline", False),
    ],
)
def test_what_is_not_in_service_is_no_part_of_the_site(status: str, *, is_there: bool) -> None:
    objects = hall()
    objects["devices"].append(device(2, "ups", status={"value": status}))
    assert ("ups-2" in imported(objects)[0]["ups"]) is is_there


@pytest.mark.parametrize(("kind", "feed"), [("primary", "A"), ("redundant", "B")])
def test_a_panel_of_primary_feeds_is_on_feed_a_and_one_of_redundant_feeds_on_feed_b(kind: str, feed: str) -> None:
    objects = hall()
    objects["power-feeds"][0]["type"] = {"value": kind}
    assert site_of(objects).feed_of("pdu-1") == feed


def test_a_single_phase_feed_leaves_its_phase_to_fill_in() -> None:
    """NetBox does not say which one it is, and all three would be wrong."""
    objects = hall()
    objects["power-feeds"][0]["phase"] = {"value": "single-phase"}
    with pytest.raises(ConfigError, match=r"pdus\[0\]\.phases"):
        site_of(objects)


@pytest.mark.parametrize("kind", ["crah", "crac"])
def test_the_capacity_of_an_air_handler_is_in_kilowatts_in_netbox(kind: str) -> None:
    objects = hall()
    crah = {"id": 1, "name": "crah-1", "site": SITE, "type": {"value": kind}, "location": ref(1, "Hall 1")}
    objects["cooling-sources"] = [{**crah, "cooling_capacity": "40"}]
    unit = imported(objects)[0]["air_units"]["crah-1"]
    assert (unit["rated_cooling_w"], unit["room"]) == (40_000, "Hall-1")


@pytest.mark.parametrize(
    ("role", "section"),
    [
        ("rpdu", "pdus"),
        ("ups", "ups"),
        ("ats", "transfer_switches"),
        ("sts", "transfer_switches"),
        ("cdu", "cdus"),
        ("crah", "air_units"),
        ("crac", "air_units"),
        ("rdhx", "air_units"),
        ("meter", "meters"),
        ("generator", "generators"),
        ("genset", "generators"),
        ("powershelf", "power_shelves"),
        ("drycooler", "dry_coolers"),
        ("network-switch", None),
    ],
)
def test_a_device_is_known_by_its_role_which_older_versions_call_a_device_role(role: str, section: str | None) -> None:
    objects = hall()
    older = device(3, role)
    older["device_role"] = older.pop("role")
    objects["devices"] = [device(2, role), older]
    entries = imported(objects)[0]
    found = {name for name, each in entries.items() if each.keys() & {f"{role}-2", f"{role}-3"}}
    assert found == ({section} if section is not None else set())
    assert section is None or {f"{role}-2", f"{role}-3"} <= entries[section].keys()


@pytest.mark.parametrize(("role", "section"), [("pdu", "pdus"), ("power-shelf", "power_shelves")])
def test_a_pdu_with_two_supplies_has_the_first_and_the_second_is_said(role: str, section: str) -> None:
    objects = hall()
    objects["devices"] = [device(1, role)]
    objects["power-panels"].append({"id": 2, "name": "P-B", "site": SITE, "location": ref(1, "Hall 1")})
    objects["power-feeds"].append({**objects["power-feeds"][0], "id": 2, "name": "F2", "power_panel": ref(2, "P-B")})
    objects["power-ports"].append({**port(1, 2), "id": 20})
    entries, left_out, _ = imported(objects)
    assert entries[section][f"{role}-1"]["from"] == "P-A"
    assert left_out == [f"the second supply of {role}-1: a PDU of a site file has one; add a PDU for each inlet"]
