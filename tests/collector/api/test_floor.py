"""The floor: each rack, CDU, UPS group and feed with what is known of it, and null for what is not."""

from collections.abc import Mapping
from typing import Any

from collector.api.floor import floor_steps
from collector.problems.tracker import Acknowledgement
from rackflow.process.slices import run_through
from tests.collector.api.shown import Shown, plain_of, powered
from tests.collector.derive.ai_hall import TAPS, ai_hall, metered
from tests.collector.derive.hall import hall
from tests.collector.polls import hello


def test_a_rack_shows_its_power_its_feeds_and_what_happens_without_one() -> None:
    """Rack a1 is on one phase of each feed with 10 A of the 25.6 A that a 32 A breaker may carry for hours."""
    shown = Shown()
    powered(shown)
    floor = shown.get("floor")
    a1 = floor["racks"]["a1"]
    assert a1["feeds"] == {"A": {"state": "on", "load_ratio": 0.3906}, "B": {"state": "on", "load_ratio": 0.3906}}
    assert a1["values"] == {
        "power_watts": 4600.0,
        "power_ratio": 0.575,
        "loss_ratio": {"A": 0.7812, "B": 0.7812},
        "inlet_celsius": 23.25,
        "supply_celsius": None,
        "dew_point_margin_kelvin": None,
        "age_seconds": 1.0,
    }
    assert a1["observed"] is True
    assert a1["devices"] == ["pdu-a1-a", "pdu-a1-b"]
    a2 = floor["racks"]["a2"]["values"]
    assert (a2["power_watts"], a2["supply_celsius"], a2["dew_point_margin_kelvin"]) == (42_000.0, 31.8, 19.8)


def test_layout_is_in_the_order_of_the_site_file() -> None:
    """Racks and CDUs of a row are lists of ids; what changes is in mappings by id."""
    shown = Shown()
    powered(shown)
    floor = shown.get("floor")
    assert floor["rows"] == [{"id": "a", "room": "hall", "racks": ["a1", "a2"], "cdus": ["cdu-1", "cdu-2"]}]
    assert list(floor["racks"]) == ["a1", "a2"]
    assert floor["loops"]["tcs"]["kind"] == "secondary"


def test_a_cdu_shows_its_secondary_side_and_its_pumps() -> None:
    """Litres and minutes are the page's; here are base units."""
    shown = Shown()
    powered(shown)
    cdu = shown.get("floor")["cdus"]["cdu-1"]
    assert cdu["flow_cubic_meters_per_second"] == 0.0053
    assert (cdu["supply_celsius"], cdu["return_celsius"], cdu["heat_watts"]) == (31.8, 40.9, 18_000.0)
    assert cdu["pumps"] == {"1": "on", "2": "standby"}
    assert (cdu["loop"], cdu["row"], cdu["room"]) == ("tcs", "a", "hall")


def test_a_pump_that_stands_is_off_and_only_a_failed_one_is_a_fault() -> None:
    shown = Shown()
    powered(shown)
    states: dict[str, float | str] = {
        f"cdu_pump_state{{pump={at}}}": state for at, state in enumerate(("stopped", "failed", "unknown"), 1)
    }
    shown.readings.take("cdu-1", states, 102.0, device_class="cdu")
    assert shown.get("floor", 102.0)["cdus"]["cdu-1"]["pumps"] == {"1": "off", "2": "fault", "3": "unknown"}


def test_a_feed_of_a_rack_is_unknown_if_one_pdu_is_dark_and_nobody_sees_the_other() -> None:
    shown = Shown()
    shown.readings.take("pdu-a2-a1", {"pdu_phase_voltage_volts{inlet=1,phase=L1}": 0.0})
    assert shown.get("floor")["racks"]["a2"]["feeds"]["A"]["state"] == "unknown"
    shown.readings.take("pdu-a2-a2", {"pdu_phase_voltage_volts{inlet=1,phase=L1}": 0.0}, 110.0)
    assert shown.get("floor", 111.0)["racks"]["a2"]["feeds"]["A"]["state"] == "off"


def test_without_a_site_file_labels_name_the_feeds_and_100_volts_are_power() -> None:
    """100 V is the mains voltage of Japan, the lowest of any."""
    shown = Shown(described=False)
    for feed, volts in (("A", 100.0), ("B", 30.0)):
        shown.readings.take(f"pdu-{feed}", {"pdu_phase_voltage_volts{inlet=1,phase=L1}": volts})
        shown.readings.latest.device("t1", f"pdu-{feed}").labels.update(rack="r1", feed=feed)  # type: ignore[union-attr]
    floor = shown.get("floor")
    assert {feed: each["state"] for feed, each in floor["racks"]["r1"]["feeds"].items()} == {"A": "on", "B": "off"}
    assert {feed: each["state"] for feed, each in floor["feeds"].items()} == {"A": "on", "B": "unknown"}


def test_without_a_site_file_a_device_moves_when_its_agent_says_so() -> None:
    """As /metrics shows it at once. Nothing else may come that would rebuild the floor."""
    shown, power = Shown(described=False), {"pdu_input_power_watts{inlet=1}": 300.0}
    shown.readings.places["pdu-1"] = {"room": "h", "rack": "r1", "feed": "A"}
    shown.readings.take("pdu-1", power, 100.0)
    assert [*shown.get("floor", 101.0)["racks"]] == ["r1"]
    shown.readings.places["pdu-1"] = {"room": "h", "rack": "r2", "feed": "B"}
    shown.readings.take("pdu-1", power, 110.0)
    assert {rack: [*each["feeds"]] for rack, each in shown.get("floor", 111.0)["racks"].items()} == {"r2": ["B"]}
    assert shown.get("devices", 111.0, rack="r2")["total"] == 1
    assert shown.get("devices/{id}", 111.0, id="pdu-1")["place"]["rack"] == "r2"


def test_parallel_upss_are_one_group_with_its_weakest_battery() -> None:
    """UPSs a1 and a2 feed one panel: 24 kW of 2 x 100 kW; the time left is the shortest that one of them claims."""
    shown = Shown()
    powered(shown)
    group = shown.get("floor")["ups_groups"]["ups-a1+ups-a2"]
    assert (group["feed"], group["members"], group["load_ratio"]) == ("A", ["ups-a1", "ups-a2"], 0.12)
    assert (group["seconds_left"], group["on_battery"]) == (1230.0, False)
    assert shown.get("floor")["feeds"]["A"] == {
        "id": "A",
        "state": "on",
        "seconds_left": 1230.0,
        "backup_start_seconds": 30.0,
    }


def test_a_group_is_on_battery_as_soon_as_one_of_it_is_and_on_mains_only_if_all_are_known() -> None:
    """One that nobody sees may be on battery."""
    shown = Shown()
    powered(shown)
    shown.readings.take("ups-a1", {"ups_output_source": "battery"}, 101.0, device_class="ups")
    assert shown.get("floor", 102.0)["ups_groups"]["ups-a1+ups-a2"]["on_battery"] is True
    other = Shown()
    powered(other)
    other.readings.take("ups-a2", {}, 101.0, device_class="ups", up=False)
    # Its last reading is current for three polls; then nothing says where its power comes from.
    other.readings.take("ups-a1", {"ups_output_source": "normal"}, 140.0, device_class="ups")
    assert other.get("floor", 141.0)["ups_groups"]["ups-a1+ups-a2"]["on_battery"] is None


def test_what_nobody_observes_is_null_with_its_cause_and_never_zero() -> None:
    """Before anything was heard, and after everything has fallen silent."""
    fresh = Shown().get("floor")["racks"]["a1"]
    assert (fresh["observed"], fresh["unobserved"]) == (False, {"cause": "never_heard", "agent": ""})
    assert fresh["feeds"]["A"] == {"state": "unknown", "load_ratio": None}
    shown = Shown()
    powered(shown)
    silent = shown.get("floor", 500.0)["racks"]["a1"]
    assert silent["observed"] is False
    assert silent["unobserved"] == {"cause": "agent_silent", "agent": "gw"}
    values = silent["values"]
    assert {values[name] for name in values if name != "loss_ratio"} == {None}
    assert values["loss_ratio"] == {"A": None, "B": None}


def test_a_reading_that_expires_is_gone_without_a_message_or_figure_of_its_rack() -> None:
    """A PDU that does not answer is observed for as long as its agent says so; what it said last is current for three polls."""
    shown = Shown()
    powered(shown)
    shown.readings.take("pdu-a1-a", {}, 103.0, up=False)
    # Its other PDU falls silent 30 s later, which would rebuild the rack as well.
    shown.readings.take("pdu-a1-b", {}, 103.0)
    # By now the figures have expired: they would rebuild the rack every five seconds.
    assert shown.part("floor", 121.0)["racks"]["a1"]["values"]["inlet_celsius"] == 23.25
    later = shown.part("floor", 131.0)["racks"]["a1"]
    assert (later["observed"], later["values"]["inlet_celsius"]) == (True, None)


def test_a_dark_supply_is_off_and_a_silent_pdu_alone_is_not() -> None:
    """A PDU without voltage says so; one that does not answer may have lost its network only, until its feed is known to be lost."""
    shown = Shown()
    powered(shown)
    dead = {"pdu_phase_voltage_volts{inlet=1,phase=L1}": 3.0, "pdu_input_power_watts{inlet=1}": 0.0}
    shown.readings.take("pdu-a1-a", dead, 101.0)
    shown.readings.take("pdu-a1-b", {}, 101.0, up=False)
    feeds = shown.get("floor", 102.0)["racks"]["a1"]["feeds"]
    assert (feeds["A"]["state"], feeds["B"]["state"]) == ("off", "unknown")
    shown.problem("DcimFeedLost", now=102.0, feed="B")
    floor = shown.get("floor", 103.0)
    assert floor["racks"]["a1"]["feeds"]["B"]["state"] == "off"
    assert floor["feeds"]["B"]["state"] == "off"


def test_a_feed_whose_devices_have_fallen_silent_since_it_was_lost_is_unknown_and_not_off() -> None:
    shown = Shown()
    powered(shown)
    shown.readings.take("pdu-a1-b", {}, 101.0, up=False)
    shown.problem("DcimFeedLost", now=102.0, feed="B")
    assert shown.get("floor", 103.0)["racks"]["a1"]["feeds"]["B"]["state"] == "off"
    shown.tracker.update(("test", "DcimFeedLost", "B", "t1"), {}, 104.0, is_silent=lambda _: True)
    shown.tick(104.0)
    assert shown.get("floor", 105.0)["racks"]["a1"]["feeds"]["B"]["state"] == "unknown"


def test_of_two_problems_of_a_rack_the_one_that_nobody_cares_for_is_marked() -> None:
    """The other one has a name that comes first."""
    shown = Shown()
    powered(shown)
    shown.tracker.acknowledgement_of = lambda key, _: (
        Acknowledgement("ann", "on my way", 2e9) if key[0] == "DcimBreakerTripped" else None
    )
    for name in ("DcimBreakerTripped", "DcimSmoke"):
        shown.problem(name, now=102.0, rack="a1", device="pdu-a1-a")
    mark = shown.get("floor", 103.0)["racks"]["a1"]["problem"]
    assert (mark["id"].partition("-")[0], mark["care"]) == ("DcimSmoke", None)


def test_a_rack_carries_its_worst_problem() -> None:
    """The id is that of the problem, for the page to link to."""
    shown = Shown()
    powered(shown)
    shown.problem("DcimPduPhaseLoadHigh", rack="a1", device="pdu-a1-a", phase="L1")
    assert shown.get("floor", 102.0)["racks"]["a1"]["problem"]["severity"] == "warning"
    shown.problem("DcimBreakerTripped", rack="a1", device="pdu-a1-a")
    mark = shown.get("floor", 103.0)["racks"]["a1"]["problem"]
    assert mark["severity"] == "critical"
    assert mark["id"].startswith("DcimBreakerTripped-")
    assert mark["id"] in shown.part("problems", 104.0)["causes"]


def test_one_room_is_shown_alone_but_for_the_upss() -> None:
    """They stand in a room of their own, and what they feed is elsewhere."""
    shown = Shown(hall(("rows: [{id: a, room: hall}]", "rows: [{id: a, room: hall}, {id: b, room: plant}]")))
    powered(shown)
    assert list(shown.get("floor", room="hall")["racks"]) == ["a1", "a2"]
    plant = shown.get("floor", room="plant")
    assert (plant["racks"], [row["id"] for row in plant["rows"]]) == ({}, ["b"])
    assert "ups-b" in plant["ups_groups"]


def test_noise_in_the_last_digits_is_not_sent() -> None:
    """Four significant digits are more than a page shows."""
    shown = Shown()
    powered(shown)
    shown.readings.take("cdu-1", {"cdu_heat_removed_watts{loop=secondary}": 18_123.456}, 101.0, device_class="cdu")
    assert shown.get("floor", 102.0)["cdus"]["cdu-1"]["heat_watts"] == 18_120.0


def test_what_is_kept_from_second_to_second_is_what_would_be_made_again() -> None:
    """Over polls, failures, figures, problems, silence, and a time in which nothing is heard."""
    shown = Shown()
    powered(shown)
    now = 102.0
    for at in range(30):
        now += 1.0 if at < 20 else 7.0
        happens(shown, at, now)
        kept = shown.part("floor", now)
        fresh = plain_of(run_through(floor_steps(shown.scene(now), None)))
        # An age, and a reading that expired (none does in the first 20 s), may be shown for five seconds.
        if now % 5.0 < 1.0:
            assert kept == fresh, at
        elif at < 20:
            assert ageless(kept) == ageless(fresh), at
    assert shown.part("floor", now + 5.0)["racks"]["a1"]["values"]["inlet_celsius"] is None


def happens(shown: Shown, at: int, now: float) -> None:
    """What the hall sees in this step."""
    if at % 3 == 0:
        shown.readings.take("pdu-a1-a", {"pdu_phase_voltage_volts{inlet=1,phase=L1}": 231.0 if at % 2 else 2.0}, now)
    if at % 5 == 0 and at < 20:
        warm: dict[str, float | str] = {"cdu_supply_temperature_celsius{loop=secondary}": 30.0 + at}
        shown.readings.take("cdu-1", warm, now, device_class="cdu")
        shown.derive(now)
    match at:
        case 7:
            shown.readings.take("pdu-a1-b", {}, now, up=False)
        case 10:
            more: dict[str, float | str] = {"pdu_phase_current_amperes{inlet=1,phase=L2}": 30.0}
            shown.readings.take("pdu-a2-a1", more, now)
        case 11:
            shown.derive(now)
        case 13:
            shown.begins("DcimPduPhaseLoadHigh", now=now, rack="a1", device="pdu-a1-a", phase="L1")
        case 12:
            shown.problem("DcimBreakerTripped", now=now, rack="a2", device="pdu-a2-a1")
        case 15:
            shown.problem("DcimFeedLost", now=now, feed="B")
        case 18:
            shown.readings.latest.apply_status(hello("gw", online=False, site=shown.site.id), now)


def ageless(floor: Mapping[str, Any]) -> dict[str, Any]:
    racks = {name: rack | {"values": rack["values"] | {"age_seconds": None}} for name, rack in floor["racks"].items()}
    return {**floor, "racks": racks}


def test_a_rack_on_busways_shows_what_the_meters_in_its_tap_off_boxes_say() -> None:
    """Four shelves with 40 A a phase behind breakers of 125 A (k = 1); the busway of one feed is dead."""
    shown = Shown(ai_hall())
    for tap in TAPS:
        metered(shown.readings, tap, 40.0, 40.0, 40.0)
    shown.derive()
    a1 = shown.get("floor")["racks"]["a1"]
    assert a1["feeds"] == {"A": {"state": "on", "load_ratio": 0.32}, "B": {"state": "on", "load_ratio": 0.32}}
    assert a1["devices"] == ["tap-a1-a1", "tap-a1-a2", "tap-a1-b1", "tap-a1-b2"]
    for tap in ("tap-a1-a1", "tap-a1-a2"):
        metered(shown.readings, tap, 0.0, 0.0, 0.0, now=100.5, volts=0.0)
    assert shown.get("floor")["racks"]["a1"]["feeds"]["A"]["state"] == "off"
