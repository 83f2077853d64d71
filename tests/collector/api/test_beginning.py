"""What has begun and is not reported yet: seen at once, marked where it is, counted as no problem, and never beside a green page."""

from datetime import UTC, datetime
from typing import Any

import pytest

from collector.api import BadRequest, Surroundings
from collector.problems import Window, load_table
from rackflow.site import parse_site
from tests.collector.api.shown import Shown, powered
from tests.collector.derive.hall import WALL_S

PHASE = {"device": "pdu-a1-a", "rack": "a1", "row": "a", "room": "hall", "feed": "A", "phase": "L2", "inlet": "1"}


def begun(shown: Shown, now: float) -> dict[str, Any]:
    """What begins, by problem."""
    found = shown.part("problems", now)["beginning"].values()
    return {each["name"]: each for each in found}


def test_a_dead_phase_is_shown_at_once_in_its_rack_and_reported_after_its_hold() -> None:
    """15 s, in which a meter may only have missed a reading."""
    shown = Shown()
    powered(shown)
    shown.begins("DcimPhaseDead", 0.0, now=102.0, **PHASE)
    problem = begun(shown, 103.0)["DcimPhaseDead"]
    assert problem["since"] == round((WALL_S + 102.0) * 1000)
    assert problem["due"] - problem["since"] == 15_000
    assert "pdu-a1-a" in problem["description"]
    assert shown.part("problems", 103.0)["causes"] == []
    rack = shown.part("floor", 103.0)["racks"]["a1"]
    assert rack["problem"] is None
    assert rack["beginning"] == {"severity": "critical", "id": problem["id"], "care": None}
    assert shown.part("site", 103.0)["problems"]["critical"] == 0
    shown.tick(117.0)
    assert begun(shown, 118.0) == {}
    rack = shown.part("floor", 118.0)["racks"]["a1"]
    assert (rack["problem"]["id"], rack["beginning"]) == (problem["id"], None)


def test_what_does_not_go_on_is_gone_from_the_page_and_starts_over_with_its_own_time() -> None:
    shown = Shown()
    powered(shown)
    shown.begins("DcimPhaseDead", 0.0, now=102.0, **PHASE)
    shown.tracker.update(("test", "DcimPhaseDead", *sorted({"site": "t1", **PHASE}.values())), {}, 104.0)
    shown.tick(104.0)
    assert begun(shown, 105.0) == {}
    assert shown.part("floor", 105.0)["racks"]["a1"]["beginning"] is None
    shown.begins("DcimPhaseDead", 0.0, now=110.0, **PHASE)
    assert begun(shown, 111.0)["DcimPhaseDead"]["since"] == round((WALL_S + 110.0) * 1000)


def test_what_another_problem_explains_is_not_shown_beside_it() -> None:
    """UPSs on battery while their feed has lost its mains: one event, reported or not."""
    shown = Shown()
    powered(shown)
    shown.begins("DcimUpsOnBattery", now=102.0, device="ups-a1", feed="A", state="battery")
    assert begun(shown, 102.6).keys() == {"DcimUpsOnBattery"}
    shown.begins("DcimMainsLost", now=103.0, feed="A")
    assert begun(shown, 104.0).keys() == {"DcimMainsLost"}
    shown.tick(106.0)
    assert begun(shown, 107.0) == {}


def test_what_work_on_a_feed_explains_is_not_shown_as_beginning_though_the_feed_alone_is_in_its_window() -> None:
    """Once it is reported, it is a problem of its own: the window does not name it."""
    shown = Shown()
    powered(shown)
    until = datetime.fromtimestamp(WALL_S + 9000.0, UTC)
    work = Window.model_validate({"id": "W-1", "until": until, "problems": ["DcimMainsLost"], "why": "drill"})
    shown.tracker.window_of = lambda name, *_: work if name == "DcimMainsLost" else None
    shown.problem("DcimMainsLost", now=102.0, feed="A")
    shown.begins("DcimUpsOnBattery", now=103.0, device="ups-a1", feed="A", state="battery")
    assert begun(shown, 104.0) == {}
    shown.tick(103.0 + load_table().problems["DcimUpsOnBattery"].hold_s)
    active = {each.problem.name: each.cause for each in shown.tracker.active()}
    assert active == {"DcimMainsLost": None, "DcimUpsOnBattery": None}


def test_a_device_that_does_not_answer_is_shown_before_its_two_minutes_are_over() -> None:
    shown = Shown()
    powered(shown)
    shown.begins("DcimDeviceUnreachable", 0.0, now=102.0, device="pdu-a1-a", agent="gw")
    problem = begun(shown, 103.0)["DcimDeviceUnreachable"]
    assert problem["due"] - problem["since"] == 120_000


def test_what_has_lasted_long_enough_and_is_not_reported_yet_is_due_now_and_not_before() -> None:
    """It waits for what may explain it, or for the next turn."""
    shown = Shown()
    powered(shown)
    shown.begins("DcimPhaseDead", 0.0, now=102.0, **PHASE)
    assert begun(shown, 140.0)["DcimPhaseDead"]["due"] == round((WALL_S + 140.0) * 1000)


def test_the_time_in_which_the_collector_was_stopped_makes_it_a_problem_later() -> None:
    shown = Shown()
    powered(shown)
    shown.begins("DcimPhaseDead", 0.0, now=102.0, **PHASE)
    shown.tracker.exclude_pause(30.0, 140.0)
    problem = begun(shown, 140.0)["DcimPhaseDead"]
    assert [problem["since"], problem["due"]] == [round((WALL_S + each) * 1000) for each in (102.0, 147.0)]


def test_slow_changes_are_not_shown_from_their_first_moment() -> None:
    """A load that is above 80 % for a moment is none of them: its row holds for 10 minutes."""
    shown = Shown()
    powered(shown)
    shown.begins("DcimUpsLoadHigh", 0.81, now=102.0, device="ups-a1")
    assert begun(shown, 103.0) == {}


def test_a_rack_says_how_many_of_its_devices_nobody_observes() -> None:
    """One of two PDUs was never heard of: the rack is observed, and not wholly."""
    shown = Shown()
    shown.readings.take("pdu-a1-a", {"pdu_input_power_watts{inlet=1}": 900.0})
    rack = shown.part("floor", 101.0)["racks"]["a1"]
    assert (rack["observed"], rack["unseen"], len(rack["devices"])) == (True, len(rack["devices"]) - 1, 2)
    group = shown.part("floor", 101.0)["ups_groups"]["ups-b"]
    assert (group["observed"], group["unseen"]) == (False, 1)


def test_windows_in_force_are_in_the_documents_of_the_api() -> None:
    """Of this site, and now: one that is over or has not begun silences nothing."""
    now = datetime.fromtimestamp(WALL_S + 101.0, UTC)
    hour = {
        "now": (now.replace(hour=0), now.replace(hour=23)),
        "over": (now.replace(hour=0), now),
        "later": (now.replace(hour=22), now.replace(hour=23)),
    }
    windows = [
        Window.model_validate(
            {"id": name, "from": begins, "until": until, "match": {"feed": "A"}, "why": "test", "by": "Nadia"}
        )
        for name, (begins, until) in hour.items()
    ]
    elsewhere = windows[0].model_copy(update={"id": "elsewhere", "match": {"site": "t2", "feed": "A"}})
    shown = Shown()
    shown.around = Surroundings(["t1"], None, 0, None, windows=[*windows, elsewhere])
    (found,) = shown.get("site")["maintenance"]
    assert (found["id"], found["match"], found["why"], found["by"]) == ("now", {"feed": ["A"]}, "test", "Nadia")


def test_devices_that_nobody_observes_can_be_listed() -> None:
    """The way from a count to its devices; a mistyped filter is refused."""
    shown = Shown()
    powered(shown)
    shown.readings.take("pdu-a1-a", {}, 101.0, up=False)
    unknown = shown.get("devices", 102.0, state="unknown")["items"]
    assert {each["id"] for each in unknown} >= {"crah-1", "meter-pv", "box-1", "rope-1"}
    assert {each["unobserved"]["cause"] for each in unknown} == {"never_heard"}
    assert [each["id"] for each in shown.get("devices", 102.0, state="down")["items"]] == ["pdu-a1-a"]
    with pytest.raises(BadRequest, match="state: 'unkown' is not possible; give one of up, down, unknown"):
        shown.get("devices", 102.0, state="unkown")


ONE_RACK = """rooms: [{id: r}]
rows: [{id: a, room: r}]
racks: [{id: a1, row: a, design_power_w: 8000}]
feeds: [{id: A}]
pdus: [{id: pdu-1, rack: a1, from: A, breaker_a: 16}]
"""


@pytest.mark.parametrize(("places", "racks"), [("rooms: []\nrows: []\nracks: []\nfeeds: []\n", 0), (ONE_RACK, 1)])
def test_a_site_file_of_no_rack_or_of_one_is_unknown_in_all_of_its_answers(places: str, racks: int) -> None:
    """Nothing was heard yet: no document fails, and no word is a good one."""
    text = "site: x\nelectrical: {continuous_load_factor: 1.0, volts: 230, frequency_hertz: 50}\n"
    shown = Shown(parse_site(text + places, "x.yaml"))
    site, floor = shown.get("site"), shown.get("floor")
    assert (site["devices"]["known"], site["devices"]["never_heard"]) == (0, racks)
    trust = {each["id"]: each["state"] for each in site["answers"]["trust"]}
    assert {trust["devices_answering"], trust["readings_current"], trust["figures_known"]} == {"unknown"}
    assert [each["observed"] for each in site["rooms"]] == [False] * racks
    assert [each["observed"] for each in floor["racks"].values()] == [False] * racks
    assert shown.part("problems")["causes"] == []


def test_a_cdu_that_stands_in_no_row_is_on_the_floor_all_the_same() -> None:
    """In a row without a name: cooling that nobody sees is worse than one more line."""
    shown = Shown()
    floor = shown.get("floor")
    listed = [cdu for row in floor["rows"] for cdu in row["cdus"]]
    assert sorted(listed) == sorted(floor["cdus"])
    nameless = [row for row in floor["rows"] if not row["id"]]
    assert {each for row in nameless for each in row["cdus"]} == {
        cdu.id for cdu in shown.site.cdus.values() if not shown.site.place(cdu.id).get("row")
    }
