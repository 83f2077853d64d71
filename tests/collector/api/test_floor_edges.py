"""Where states of the floor begin and end: a supply of half its voltage, a feed that is lost beside another, racks in no file."""

import pytest

from collector.derive import group_name
from tests.collector.api.shown import Shown, powered
from tests.collector.derive.hall import hall


@pytest.mark.parametrize(("supply_v", "state"), [(115.0, "on"), (114.9, "off")])
def test_a_supply_is_off_below_half_of_the_sites_voltage(supply_v: float, state: str) -> None:
    """Of 230 V, as for the figures of a lost feed."""
    shown = Shown()
    powered(shown)
    readings: dict[str, float | str] = {f"pdu_phase_voltage_volts{{inlet=1,phase=L{at}}}": supply_v for at in (1, 2, 3)}
    shown.readings.take("pdu-a1-a", readings, 102.0)
    assert shown.get("floor", 103.0)["racks"]["a1"]["feeds"]["A"]["state"] == state


def test_a_pdu_that_does_not_answer_is_dark_if_its_own_feed_is_lost_and_unknown_if_another_one_is() -> None:
    shown = Shown()
    powered(shown)
    for pdu in ("pdu-a1-a", "pdu-a1-b"):
        shown.readings.take(pdu, {}, 102.0, up=False)
    shown.problem("DcimFeedLost", 0.9, now=102.0, feed="A")
    feeds = shown.get("floor", 103.0)["racks"]["a1"]["feeds"]
    assert {feed: each["state"] for feed, each in feeds.items()} == {"A": "off", "B": "unknown"}


def test_a_rack_that_the_site_file_does_not_have_has_the_power_of_its_pdus() -> None:
    """No figure is derived for it."""
    shown = Shown()
    powered(shown)
    shown.readings.places["pdu-new"] = {"room": "hall", "rack": "z9", "feed": "A"}
    shown.readings.take("pdu-new", {"pdu_input_power_watts{inlet=1}": 300.0}, 102.0)
    racks = shown.get("floor", 103.0)["racks"]
    assert (racks["z9"]["values"]["power_watts"], racks["a1"]["values"]["power_watts"]) == (300.0, 4600.0)


def test_what_begins_at_a_group_of_upss_is_shown_with_it() -> None:
    shown = Shown()
    powered(shown)
    group = group_name(("ups-a1", "ups-a2"))
    shown.begins("DcimGeneratorOverload", 1.2, now=102.0, group=group)
    groups = shown.get("floor", 103.0)["ups_groups"]
    assert groups[group]["beginning"]["id"].startswith("DcimGeneratorOverload-")
    assert groups["ups-b"]["beginning"] is None


def test_a_group_of_upss_says_how_many_of_it_nobody_sees() -> None:
    shown = Shown()
    powered(shown)
    group = group_name(("ups-a1", "ups-a2"))
    assert shown.get("floor", 103.0)["ups_groups"][group]["unseen"] == 0
    for now in range(110, 160, 10):
        shown.readings.take("ups-a1", {"ups_output_source": "normal"}, float(now), device_class="ups")
    found = shown.get("floor", 155.0)["ups_groups"]
    assert (found[group]["unseen"], found["ups-b"]["unseen"]) == (1, 1)


def test_where_the_site_file_and_an_agent_differ_the_site_file_is_believed() -> None:
    shown = Shown()
    shown.readings.places["pdu-a1-a"] = {"room": "store", "row": "z", "rack": "z9", "feed": "B"}
    powered(shown)
    place = shown.get("devices/{id}", id="pdu-a1-a")["place"]
    assert place == {"room": "hall", "row": "a", "rack": "a1", "feed": "A"}
    assert "z9" not in shown.get("floor")["racks"]


def test_cdus_in_no_row_stand_in_one_of_their_own_room() -> None:
    """Otherwise the page would not show them."""
    replaced = [
        (
            f"{{id: {cdu}, primary: fws, secondary: tcs, rated_cooling_w: 200000, from: {feeds}, row: a}}",
            f"{{id: {cdu}, primary: fws, secondary: tcs, rated_cooling_w: 200000, from: {feeds}, room: {room}}}",
        )
        for cdu, feeds, room in (("cdu-1", "[row-a, row-b]", "hall"), ("cdu-2", "[row-a]", "plant"))
    ]
    shown = Shown(hall(*replaced))
    for room, cdu in (("hall", "cdu-1"), ("plant", "cdu-2")):
        floor = shown.get("floor", room=room)
        assert [row["cdus"] for row in floor["rows"] if row["id"] == ""] == [[cdu]]
        assert [*floor["cdus"]] == [cdu]
