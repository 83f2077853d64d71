"""The page of a device, lists of devices and of readings."""

import msgspec
import pytest

from collector.api import device
from collector.api.numbers import iso_ms
from collector.api.requests import BadRequest, NotThere
from collector.readings import Readings as Usable
from collector.readings import SeriesKeys, resolve
from rackflow import Batch
from rackflow.documents import Coolant
from tests.collector.api.shown import Shown, powered
from tests.collector.derive.hall import WALL_S
from tests.collector.documents import document

SUPPLY = "dcim_cdu_supply_temperature_celsius{loop=secondary}"
FLOW = "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}"


def taken(shown: Shown, now: float, seq: int, **fields: object) -> None:
    """One poll of cdu-1, with whatever a message can say."""
    batch = Batch(
        **{  # type: ignore[arg-type]
            "agent": "gw",
            "epoch": "e",
            "seq": seq,
            "time": int((WALL_S + now) * 1000),
            "device": "cdu-1",
            "device_class": "cdu",
            "poll": "fast",
            "interval_s": 10.0,
            "duration_s": 0.25,
            "up": True,
            "labels": {"site": "t1"},
            **fields,
        }
    )
    readings: Usable = resolve(batch, SeriesKeys())
    shown.readings.latest.apply_batch("t1", batch, readings, now, WALL_S + now)


def test_a_reading_has_its_unit_its_age_and_its_quality() -> None:
    """Seven seconds after it was received it is still current."""
    shown = Shown()
    powered(shown)
    device = shown.get("devices/{id}", 107.0, id="cdu-1")
    assert device["series"][SUPPLY] == {
        "metric": "dcim_cdu_supply_temperature_celsius",
        "labels": {"loop": "secondary"},
        "unit": "celsius",
        "value": 31.8,
        "last": 31.8,
        "age_seconds": 7,
        "quality": "good",
    }
    assert (device["state"], device["class"], device["place"]["row"]) == ("up", "cdu", "a")


def test_identity_and_profile_are_what_the_agent_found() -> None:
    """Vendor, model and serial number are free text of the device; it stays text."""
    shown = Shown()
    powered(shown)
    described = msgspec.structs.replace(document("cdu-1", vendor="<b>Acme</b>"), agent="gw", labels={"site": "t1"})
    shown.readings.latest.apply_document("t1", described)
    device = shown.get("devices/{id}", id="cdu-1")
    assert device["identity"] == {"vendor": "<b>Acme</b>", "model": "L2L 100", "serial": "42", "firmware": ""}
    assert (device["profile"]["name"], device["profile"]["evidence"]) == ("aalc-rpu", "recorded device")
    assert Shown().get("devices/{id}", id="cdu-1")["identity"] is None


def test_how_a_device_is_polled_and_with_what_it_is_filled_is_what_the_agent_says() -> None:
    shown = Shown()
    taken(shown, 100.0, 1, values={SUPPLY: 31.0}, duration_s=0.256)
    taken(shown, 110.0, 2, up=False, error="timeout")
    described = msgspec.structs.replace(
        document("cdu-1"),
        agent="gw",
        labels={"site": "t1"},
        coolant={"secondary": Coolant(fluid="pg25", additive="inhibitor")},
        intervals={"fast": 10.0, "inventory": 3600.0},
    )
    shown.readings.latest.apply_document("t1", described)
    device = shown.get("devices/{id}", 111.0, id="cdu-1")
    assert device["coolant"] == {"secondary": "pg25"}
    assert device["profile"]["intervals"] == {"fast": 10.0, "inventory": 3600.0}
    assert device["last_success"] == iso_ms((WALL_S + 100) * 1000)
    assert device["since"] == iso_ms((WALL_S + 110) * 1000)
    [listed] = shown.get("devices", 111.0, q="cdu-1")["items"]
    assert (listed["vendor"], listed["model"], listed["error"]) == ("Acme", "L2L 100", "timeout")


def test_the_duration_of_the_last_poll_has_two_digits() -> None:
    shown = Shown()
    taken(shown, 100.0, 1, values={SUPPLY: 31.0}, duration_s=0.256)
    assert shown.get("devices/{id}", 101.0, id="cdu-1")["poll_seconds"] == 0.26


def test_outlet_2_comes_before_outlet_10() -> None:
    shown = Shown()
    outlets = [f"dcim_pdu_outlet_current_amperes{{outlet={number}}}" for number in (10, 9, 1, 2)]
    taken(shown, 100.0, 1, values=dict.fromkeys(outlets, 1.0))
    series = shown.get("devices/{id}", 101.0, id="cdu-1")["series"]
    assert [each["labels"]["outlet"] for each in series.values()] == ["1", "2", "9", "10"]


def test_a_reading_that_was_rejected_once_is_good_while_its_last_value_is_current() -> None:
    shown = Shown()
    taken(shown, 100.0, 1, values={SUPPLY: 31.0})
    taken(shown, 110.0, 2, values={}, bad={SUPPLY: "range"})
    series = shown.get("devices/{id}", 111.0, id="cdu-1")["series"]
    assert (series[SUPPLY]["quality"], series[SUPPLY]["value"]) == ("good", 31.0)


def test_a_rejected_reading_of_a_device_that_nobody_sees_is_unobserved() -> None:
    shown = Shown()
    taken(shown, 100.0, 1, values={SUPPLY: 31.0})
    taken(shown, 140.0, 2, values={}, bad={SUPPLY: "range"})
    assert shown.get("devices/{id}", 500.0, id="cdu-1")["series"][SUPPLY]["quality"] == "unobserved"


def test_a_reading_that_was_rejected_says_why() -> None:
    """With the last value that was good beside it, which is no value of now."""
    shown = Shown()
    taken(shown, 100.0, 1, values={SUPPLY: 31.0})
    taken(shown, 140.0, 2, values={}, bad={SUPPLY: "range", "dcim_cdu_approach_celsius": "sentinel"})
    series = shown.get("devices/{id}", 141.0, id="cdu-1")["series"]
    assert (series[SUPPLY]["quality"], series[SUPPLY]["reason"]) == ("bad", "range")
    assert (series[SUPPLY]["value"], series[SUPPLY]["last"]) == (None, 31.0)
    assert (series["dcim_cdu_approach_celsius"]["value"], series["dcim_cdu_approach_celsius"]["reason"]) == (
        None,
        "sentinel",
    )
    taken(shown, 150.0, 3, values={SUPPLY: 31.5})
    series = shown.get("devices/{id}", 151.0, id="cdu-1")["series"]
    assert series[SUPPLY]["quality"] == "good"
    assert "dcim_cdu_approach_celsius" not in series


def test_of_thousands_of_rejected_readings_some_are_kept() -> None:
    """A device that sends garbage must not fill memory; they are counted."""
    shown = Shown()
    bad = {f"dcim_cdu_pump_speed_ratio{{pump={at}}}": "range" for at in range(5000)}
    taken(shown, 100.0, 1, values={SUPPLY: 31.0}, bad=bad)
    device = shown.get("devices/{id}", 101.0, id="cdu-1")
    assert device["rejected"] == 5000
    assert sum(each["quality"] == "bad" for each in device["series"].values()) == 20


def test_a_reading_that_comes_no_more_is_stale_and_one_of_an_unseen_device_unobserved() -> None:
    """The agent goes on with the device, but not with the reading; then the agent falls silent."""
    shown = Shown()
    taken(shown, 100.0, 1, values={SUPPLY: 31.0, FLOW: 0.005})
    taken(shown, 140.0, 2, values={FLOW: 0.005})
    series = shown.get("devices/{id}", 141.0, id="cdu-1")["series"]
    assert (series[SUPPLY]["quality"], series[SUPPLY]["value"], series[SUPPLY]["age_seconds"]) == ("stale", None, 41)
    device = shown.get("devices/{id}", 500.0, id="cdu-1")
    assert (device["state"], device["unobserved"]["cause"]) == ("unknown", "agent_silent")
    assert device["series"][FLOW]["quality"] == "unobserved"
    assert device["series"][FLOW]["value"] is None


def test_a_suspect_reading_keeps_its_value_and_says_so() -> None:
    """No figure uses it, and a person must see what it claims."""
    shown = Shown()
    powered(shown)
    shown.readings.engine.distrusted = {("cdu-1", FLOW): "drifting"}
    reading = shown.get("devices/{id}", id="cdu-1")["series"][FLOW]
    assert (reading["quality"], reading["reason"], reading["value"]) == ("suspect", "drifting", 0.0053)


def test_a_suspect_reading_of_another_device_casts_no_doubt_on_the_same_one_of_this() -> None:
    shown = Shown()
    powered(shown)
    shown.readings.engine.distrusted = {("cdu-2", FLOW): "drifting"}
    for cdu, quality in (("cdu-1", "good"), ("cdu-2", "suspect")):
        assert shown.get("devices/{id}", id=cdu)["series"][FLOW]["quality"] == quality


def test_a_page_has_a_bounded_number_of_readings_and_problems_and_counts_the_other_readings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "MAX_SERIES", 2)
    monkeypatch.setattr(device, "MAX_PROBLEMS", 3)
    shown = Shown()
    outlets = {f"pdu_outlet_power_watts{{outlet={outlet}}}": 1.0 for outlet in range(1, 6)}
    shown.readings.take("pdu-a1-a", dict(outlets), 100.0)
    for phase in range(5):
        shown.problem("DcimPhaseDead", device="pdu-a1-a", phase=f"L{phase}")
    page = shown.get("devices/{id}", id="pdu-a1-a")
    assert [each.partition("{")[2] for each in page["series"]] == ["outlet=1}", "outlet=2}"]
    assert (page["more"], len(page["problems"])) == (3, 3)


def test_a_device_that_was_only_described_is_since_no_time_up_or_down() -> None:
    shown = Shown()
    shown.readings.latest.apply_document("t1", msgspec.structs.replace(document("cdu-1"), agent="gw"))
    page = shown.get("devices/{id}", id="cdu-1")
    assert [page[name] for name in ("since", "last_success", "age_seconds", "error")] == [None] * 4


def test_a_rejected_reading_whose_name_cannot_be_read_is_shown_under_it() -> None:
    shown = Shown()
    taken(shown, 100.0, 1, bad={"no series key}": "key"})
    reading = shown.get("devices/{id}", id="cdu-1")["series"]["no series key}"]
    assert (reading["metric"], reading["quality"], reading["reason"]) == ("no series key}", "bad", "key")


def test_what_is_left_out_is_said_before_anything_was_planned() -> None:
    shown = Shown()
    taken(shown, 100.0, 1, values={"dcim_device_series{reason=absent,state=left_out}": 7.0})
    assert shown.get("devices/{id}", id="cdu-1")["planned"] == {
        "planned": None,
        "present": None,
        "left_out": {"absent": 7.0},
    }


def test_a_page_has_a_bounded_number_of_neighbours_and_of_devices_that_it_supplies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "MAX_NEIGHBOURS", 1)
    shown = Shown()
    topology = {name: shown.get("devices/{id}", id=name)["topology"] for name in ("row-a", "pdu-a2-a1")}
    assert (len(topology["row-a"]["feeds"]), len(topology["pdu-a2-a1"]["neighbours"])) == (1, 1)


def test_its_last_failures_are_reported() -> None:
    """Each once, not at every poll that fails for the same reason."""
    shown = Shown()
    powered(shown)
    for seq, (error, up) in enumerate([("timeout", False), ("timeout", False), ("auth", False), (None, True)], 200):
        taken(shown, 100.0 + seq, seq, up=up, error=error)
    errors = shown.get("devices/{id}", 305.0, id="cdu-1")["errors"]
    assert [each["what"] for each in errors] == ["auth", "timeout"]
    for seq in range(300, 340):
        taken(shown, 100.0 + seq, seq, up=seq % 2 == 0, error=None if seq % 2 == 0 else "timeout")
    assert len(shown.get("devices/{id}", 440.0, id="cdu-1")["errors"]) == 8


def test_a_device_shows_how_many_of_its_planned_series_are_present() -> None:
    """As the agent counts them."""
    shown = Shown()
    counts = {"planned": 65.0, "present": 60.0}
    values = {f"dcim_device_series{{state={state}}}": count for state, count in counts.items()}
    taken(shown, 100.0, 1, values=values | {"dcim_device_series{reason=absent,state=left_out}": 4.0})
    assert shown.get("devices/{id}", id="cdu-1")["planned"] == {
        "planned": 65.0,
        "present": 60.0,
        "left_out": {"absent": 4.0},
    }
    taken(shown, 500.0, 2, values={SUPPLY: 31.0})
    assert shown.get("devices/{id}", 501.0, id="cdu-1")["planned"] is None, "the counts were of some minutes ago"


def test_topology_leads_to_its_neighbours() -> None:
    """What supplies it, what it supplies, its loop and the rest of its rack."""
    shown = Shown()
    powered(shown)
    cdu = shown.get("devices/{id}", id="cdu-1")["topology"]
    assert cdu == {"sources": ["row-a", "row-b"], "feeds": [], "loop": "tcs", "neighbours": ["cdu-2"]}
    assert shown.get("devices/{id}", id="ups-b")["topology"]["feeds"] == ["row-b"]
    assert shown.get("devices/{id}", id="pdu-a1-a")["topology"]["neighbours"] == ["pdu-a1-b"]


def test_without_a_site_file_cdus_of_no_loop_are_near_those_of_their_rack_alone() -> None:
    shown = Shown(described=False)
    for name, rack, device_class in (("cdu-x", "r1", "cdu"), ("pdu-x", "r1", "pdu"), ("cdu-y", "r2", "cdu")):
        shown.readings.places[name] = {"room": "h", "rack": rack}
        shown.readings.take(name, {}, device_class=device_class)
    near = {each: shown.get("devices/{id}", id=each)["topology"]["neighbours"] for each in ("cdu-x", "pdu-x", "cdu-y")}
    assert near == {"cdu-x": ["pdu-x"], "pdu-x": ["cdu-x"], "cdu-y": []}


def test_a_device_never_heard_of_has_a_page_only_if_the_site_file_names_it() -> None:
    """What is planned and does not come must be seen to be missing."""
    shown = Shown()
    assert shown.get("devices/{id}", id="crah-1")["unobserved"] == {"cause": "never_heard", "agent": ""}
    with pytest.raises(NotThere):
        shown.get("devices/{id}", id="nobody")
    assert shown.part("device:nobody") == {"error": "no such device"}


def test_a_list_comes_in_pages_that_together_have_each_device_once() -> None:
    """Whatever came or went between two pages, a device is not shown twice."""
    shown = Shown()
    powered(shown)
    whole = [each["id"] for each in shown.get("devices", limit="1000")["items"]]
    assert whole == sorted(whole)
    found: list[str] = []
    cursor = ""
    while True:
        page = shown.get("devices", limit="4", cursor=cursor)
        assert page["total"] == len(whole)
        found += [each["id"] for each in page["items"]]
        assert len(page["items"]) == 4 or page["next"] is None
        if page["next"] is None:
            break
        cursor = page["next"]
    assert found == whole
    assert shown.get("devices", limit=str(len(whole)))["next"] is None, (
        "nothing is left behind a page that is just full"
    )
    assert shown.get("devices", limit=str(len(whole) - 1))["next"] == whole[-2]


def test_a_list_is_filtered() -> None:
    """By part of a name or class, by rack, by room, by agent."""
    shown = Shown()
    powered(shown)
    assert [each["id"] for each in shown.get("devices", q="CDU-")["items"]] == ["cdu-1", "cdu-2"]
    assert [each["id"] for each in shown.get("devices", rack="a1")["items"]] == ["pdu-a1-a", "pdu-a1-b"]
    assert shown.get("devices", agent="nobody")["total"] == 0
    assert "cdu-1" not in {each["id"] for each in shown.get("devices", room="plant")["items"]}
    assert {each["id"] for each in shown.get("devices", room="plant", q="ups")["items"]} == {
        "ups-a1",
        "ups-a2",
        "ups-b",
    }


def test_a_list_is_filtered_by_state() -> None:
    """A PDU does not answer, and meter-pv was never heard of."""
    shown = Shown()
    powered(shown)
    shown.readings.take("pdu-a1-a", {}, 102.0, up=False)
    states = {state: shown.get("devices", 103.0, state=state)["items"] for state in ("up", "down", "unknown")}
    assert [(each["id"], each["error"]) for each in states["down"]] == [("pdu-a1-a", "timeout")]
    assert {"pdu-a1-b", "ups-b", "cdu-1"} <= {each["id"] for each in states["up"]}
    assert "meter-pv" in {each["id"] for each in states["unknown"]}
    assert all(each["state"] == state for state, items in states.items() for each in items)


def test_a_panel_without_a_meter_is_not_listed_as_missing_and_is_once_it_is_polled() -> None:
    """Most panels have none."""
    shown = Shown()
    assert "row-b" not in {each["id"] for each in shown.get("devices")["items"]}
    shown.readings.take("row-b", {"circuit_breaker_state{circuit=1}": "closed"}, 100.0, device_class="panel")
    (panel,) = shown.get("devices", q="row-b")["items"]
    assert (panel["state"], panel["row"]) == ("up", "a")


def test_readings_come_in_pages_too() -> None:
    """By device and series."""
    shown = Shown()
    powered(shown)
    whole = [(each["device"], each["series"]) for each in shown.get("series", limit="1000")["items"]]
    first = shown.get("series", limit="10")
    second = shown.get("series", limit="1000", cursor=first["next"])
    assert [(each["device"], each["series"]) for each in (*first["items"], *second["items"])] == whole
    assert (len(first["items"]), second["next"]) == (10, None)
    # A page that is just full is the last one if nothing is left.
    assert shown.get("series", limit=str(len(whole)))["next"] is None
    last_but_one = shown.get("series", limit=str(len(whole) - 1))
    assert last_but_one["next"] == " ".join(whole[-2])
    assert len(shown.get("series", cursor=last_but_one["next"])["items"]) == 1
    flows = shown.get("series", metric="dcim_cdu_flow_cubic_meters_per_second")["items"]
    assert [(each["device"], each["value"]) for each in flows] == [("cdu-1", 0.0053), ("cdu-2", 0.0053)]
    assert {each["device"] for each in shown.get("series", device="ups-b")["items"]} == {"ups-b"}
    with pytest.raises(BadRequest):
        shown.get("series", cursor="nonsense")
