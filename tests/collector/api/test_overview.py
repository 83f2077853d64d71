"""The site in numbers, and its answers."""

import pytest

from collector.api import overview
from collector.api.overview import Surroundings
from collector.api.powers import PUE_STEP_S, PowerMeans
from collector.ledger.watch import AgentAccount
from tests.collector.api.shown import Shown, powered
from tests.collector.derive.hall import hall


def test_totals_come_from_the_meters() -> None:
    """52 kW facility, 46.6 kW IT, and the grid's yearly average, in four digits."""
    shown = Shown()
    powered(shown)
    totals = shown.get("site")["totals"]
    assert (totals["facility_power_watts"], totals["it_power_watts"]) == (52_000.0, 46_600.0)
    assert totals["carbon_grams_per_hour"] == {"location": 32_220.0}  # 619.71 g/kWh
    # One moment is no mean, and says so.
    assert totals["pue"] == {"value": 1.116, "window_seconds": 0.0, "estimate": True}


def test_without_an_it_meter_racks_are_summed_and_a_missing_one_makes_that_unknown() -> None:
    """A sum without some of its racks would be too low."""
    shown = Shown(hall(("  - {id: meter-it, role: it, category: 1, measures: [ups-a1, ups-a2, ups-b]}\n", "")))
    powered(shown)
    assert shown.get("site")["totals"]["it_power_watts"] == 46_600.0
    shown.readings.take("pdu-a1-a", {}, 102.0, up=False)
    shown.readings.take("pdu-a1-a", {}, 112.0, up=False)
    shown.derive(113.0)
    assert shown.get("site", 113.0)["totals"]["it_power_watts"] is None


def test_pue_is_a_mean_of_a_quarter_of_an_hour_and_says_so() -> None:
    """A load step between two polls would be a spike in a ratio of two moments."""
    means = PowerMeans()
    for at in range(400):
        means.add(50_000.0 if at != 390 else 90_000.0, 40_000.0, at * PUE_STEP_S)
    pue = means.pue(400 * PUE_STEP_S)
    assert pue is not None
    assert (pue.value, pue.window_seconds, pue.estimate) == (1.256, 900.0, True)
    soon = PowerMeans([(0.0, 5.0, 4.0), (5.0, 6.0, 4.0)]).pue(10.0)
    assert soon is not None
    assert (soon.value, soon.window_seconds) == (1.5, 0.0)
    assert PowerMeans([(0.0, 5.0, 0.0), (100.0, 5.0, 0.0)]).pue(100.0) is None


def test_what_batteries_give_is_in_no_estimate_of_pue() -> None:
    """On battery a site takes less from outside than its equipment uses."""
    means = PowerMeans()
    means.add(20_000.0, 40_000.0, 0.0)
    assert means.pue(0.0) is None
    means.add(50_000.0, 40_000.0, 5.0)
    means.add(20_000.0, 40_000.0, 10.0)
    # It was shown as that of this moment beside less facility than IT power.
    assert means.pue(10.0) is None
    means.add(None, 40_000.0, 15.0)
    pue = means.pue(15.0)
    assert pue is not None
    assert pue.value == 1.25
    # An old estimate is none of this moment.
    assert means.pue(66.0) is None


def test_devices_that_were_never_heard_of_are_named_and_panels_are_not() -> None:
    shown = Shown()
    powered(shown)
    devices = shown.get("site")["devices"]
    assert devices["never_heard"] == len(devices["never_heard_ids"]) > 0
    assert not set(devices["never_heard_ids"]) & {*hall().panels, "pdu-a1-a", "ups-a1"}
    # The way from the count leads to as many.
    assert shown.get("devices", limit="1000")["total"] == devices["known"] + devices["never_heard"]


def test_of_many_devices_that_were_never_heard_of_twelve_are_named_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a site whose agents were never started it would be thousands of names in each document."""
    assert overview.MAX_NEVER_HEARD == 12
    monkeypatch.setattr(overview, "MAX_NEVER_HEARD", 3)
    shown = Shown()
    powered(shown)
    devices = shown.get("site")["devices"]
    assert devices["never_heard"] > 3
    assert len(devices["never_heard_ids"]) == 3


def test_readings_of_a_device_that_fell_silent_are_missed_for_as_long_as_it_is() -> None:
    """They expire and are forgotten, which must not make the account complete."""
    shown = Shown()
    powered(shown)
    before = current(shown, 101.0)
    assert before[0] == before[1]
    shown.readings.take("pdu-a1-a", {}, 102.0, up=False)
    assert current(shown, 103.0)[1] == before[1]
    for _ in shown.readings.latest.expire_steps(500.0):
        pass
    assert current(shown, 500.0) == (0.0, before[1])


def current(shown: Shown, now: float) -> tuple[float, float]:
    (trust,) = [each for each in shown.get("site", now)["answers"]["trust"] if each["id"] == "readings_current"]
    return trust["value"], trust["of"]


def test_a_feed_lost_while_the_other_is_on_battery_is_survived_as_long_as_that_lasts() -> None:
    shown = Shown()
    powered(shown)
    on_battery: dict[str, float | str] = {"ups_output_source": "battery"}
    for ups in ("ups-a1", "ups-a2"):
        shown.readings.take(ups, on_battery, 101.0, device_class="ups")
    survives = {each["id"]: each for each in shown.get("site", 102.0)["answers"]["survives"]}
    assert survives["feed_loss:A"]["state"] == "battery"
    assert survives["feed_loss:B"]["state"] == "yes"
    assert survives["feed_loss:B"]["detail"]["seconds"] == 1230.0


def test_devices_are_counted_by_what_is_known_of_them() -> None:
    """Up, down, and not observed are three things."""
    shown = Shown()
    powered(shown)
    shown.readings.take("pdu-a1-a", {}, 101.0, up=False)
    devices = shown.get("site", 102.0)["devices"]
    assert (devices["known"], devices["answering"], devices["down"], devices["unobserved"]) == (13, 12, 1, 0)
    assert devices["planned"] == len(hall().devices)
    later = shown.get("site", 500.0)
    assert (later["devices"]["answering"], later["devices"]["unobserved"]) == (0, 13)
    assert later["unobserved"] == [
        {"cause": "agent_silent", "agent": "gw", "devices": 13},
        {"cause": "never_heard", "agent": "", "devices": 4},
    ]
    assert later["devices"]["oldest_age_seconds"] is None


def test_what_survives_is_answered_by_the_figures_and_names_them() -> None:
    """So that a click can ask what an answer rests on."""
    shown = Shown()
    powered(shown)
    survives = {each["id"]: each for each in shown.get("site")["answers"]["survives"]}
    assert survives["feed_loss:A"]["state"] == "yes"
    assert survives["feed_loss:A"]["detail"] == {"racks_lost": 0.0}
    assert survives["feed_loss:A"]["figure"] == {
        "metric": "dcim_site_survives_feed_loss",
        "labels": {"site": "t1", "feed": "A"},
    }
    assert survives["cdu_loss:tcs"]["state"] == "yes"
    assert survives["ups_loss:ups-a1+ups-a2"]["state"] == "yes"
    assert "ups_loss:ups-b" not in survives  # alone on its feed: that is the loss of the feed
    shown.problem("DcimFeedLost", now=102.0, feed="A")
    lost = {each["id"]: each["state"] for each in shown.get("site", 103.0)["answers"]["survives"]}
    assert lost["feed_loss:A"] == "lost"


def test_of_a_loops_cdus_the_one_whose_pumps_are_unknown_comes_before_one_with_a_spare() -> None:
    shown = Shown()
    powered(shown)
    needed: dict[str, float | str] = {"cdu_pumps_required": 1.0, "cdu_pump_state{pump=1}": "running"}
    for cdu, second in (("cdu-1", "standby"), ("cdu-2", "unknown")):
        shown.readings.take(cdu, needed | {"cdu_pump_state{pump=2}": second}, 102.0, device_class="cdu")
    shown.derive(103.0)
    survives = {each["id"]: each for each in shown.get("site", 103.0)["answers"]["survives"]}
    assert survives["pump_loss:tcs"]["what"]["device"] == "cdu-2"
    assert survives["pump_loss:tcs"]["state"] == "unknown"


def test_a_cdu_without_any_working_pump_does_not_say_whether_it_survives_the_loss_of_one() -> None:
    shown = Shown()
    powered(shown)
    # How many pumps a CDU needs is not said, so that nobody knows whether the last one is enough.
    for states, said in ((("failed", "standby"), "unknown"), (("failed", "failed"), "lost")):
        pumps = {f"cdu_pump_state{{pump={number}}}": state for number, state in enumerate(states, 1)}
        for cdu in ("cdu-1", "cdu-2"):
            shown.readings.take(cdu, pumps, 102.0, device_class="cdu")
        shown.derive(103.0)
        survives = {each["id"]: each["state"] for each in shown.get("site", 103.0)["answers"]["survives"]}
        assert survives["pump_loss:tcs"] == said


def test_an_answer_is_unknown_while_its_inputs_are() -> None:
    """Never a yes by default."""
    shown = Shown()
    powered(shown)
    shown.derive(500.0)
    states = {each["state"] for each in shown.get("site", 501.0)["answers"]["survives"]}
    assert states == {"unknown"}
    assert {each["seconds"] for each in shown.get("site", 501.0)["answers"]["time_left"]} <= {None, 30.0}


def test_an_answer_that_is_unknown_names_a_device_that_is_missing() -> None:
    """One silent PDU made both feeds unknown, and nothing said which one."""
    shown = Shown()
    powered(shown)
    assert {each["missing"] for each in shown.get("site")["answers"]["survives"] if each["state"] != "unknown"} == {
        None
    }
    for now in (110.0, 121.0):
        shown.readings.take("pdu-a1-a", {}, now, up=False)
    shown.derive(122.0)
    answers = {each["id"]: each for each in shown.get("site", 123.0)["answers"]["survives"]}
    assert (answers["feed_loss:B"]["state"], answers["feed_loss:B"]["missing"]) == ("unknown", "pdu-a1-a")


def test_each_answer_says_what_is_lost_and_one_that_is_unknown_which_device_is_missing() -> None:
    shown = Shown()
    powered(shown)
    for now in (110.0, 121.0):
        for device in ("ups-a1", "cdu-1"):
            shown.readings.take(device, {}, now, up=False)
    shown.derive(122.0)
    answers = {each["id"]: each for each in shown.get("site", 123.0)["answers"]["survives"]}
    assert {name: (each["what"], each["state"], each["missing"]) for name, each in answers.items()} == {
        "feed_loss:A": ({"key": "feed_loss", "feed": "A"}, "yes", None),
        "feed_loss:B": ({"key": "feed_loss", "feed": "B"}, "unknown", "ups-a1"),
        "cdu_loss:tcs": ({"key": "cdu_loss", "loop": "tcs"}, "unknown", "cdu-1"),
        "pump_loss:tcs": ({"key": "pump_loss", "loop": "tcs", "device": "cdu-1"}, "unknown", "cdu-1"),
        "ups_loss:ups-a1+ups-a2": ({"key": "ups_loss", "group": "ups-a1+ups-a2", "feed": "A"}, "unknown", "ups-a1"),
    }


def test_time_left_is_the_weakest_battery_and_the_start_of_the_generator() -> None:
    """1,234.5 s that the UPSs claim, in three digits; feed A has a generator, B has none."""
    shown = Shown()
    powered(shown)
    left = {each["id"]: each["seconds"] for each in shown.get("site")["answers"]["time_left"]}
    assert (left["battery:A"], left["battery:B"], left["generator_start:A"]) == (1230.0, 1230.0, 30.0)
    assert "generator_start:B" not in left
    assert {"pumps:hall", "primary_flow:hall", "heat_rejection:hall"} <= left.keys()


SECOND_LOOP = (
    ("design_power_w: 8000}", "design_power_w: 8000, liquid_share: 0.5}"),
    (
        "racks: [a2], cdus_required: 1}",
        "racks: [a2], cdus_required: 1}\n  - {id: spare, kind: secondary, coolant: pg25, volume_m3: 0.1, racks: [a1]}",
    ),
    (
        "cdus:\n",
        "cdus:\n  - {id: cdu-3, primary: fws, secondary: spare, rated_cooling_w: 200000, from: [row-a], row: a}\n",
    ),
)


def test_a_loop_of_which_the_time_is_not_known_is_shown_beside_the_one_that_lasts_shortest() -> None:
    """It may last shorter than any other. A loop without heat, which has no such time either, lasts longest."""
    shown = Shown(hall(*SECOND_LOOP))
    powered(shown)
    times = {each["id"]: each for each in shown.get("site")["answers"]["time_left"]}
    place = {"key": "primary_flow_stops", "loop": "tcs", "room": "hall"}
    assert times["primary_flow:hall"]["what"] == place
    assert times["primary_flow:hall"]["seconds"] > 0
    unknown = times["primary_flow:hall:unknown"]
    assert (unknown["what"], unknown["seconds"]) == (place | {"loop": "spare"}, None)
    heat = {"cdu_heat_removed_watts{loop=secondary}": 499.0}
    temperatures = {f"cdu_{each}_temperature_celsius{{loop=secondary}}": 25.0 for each in ("supply", "return")}
    shown.readings.take("cdu-3", heat | temperatures, 102.0, device_class="cdu")
    shown.derive(103.0)
    times = {each["id"]: each for each in shown.get("site", 103.0)["answers"]["time_left"]}
    assert times["primary_flow:hall"]["what"] == place
    assert "primary_flow:hall:unknown" not in times


def test_a_battery_leads_to_the_ups_that_claims_its_time_and_not_to_a_figure_that_is_not_known() -> None:
    shown = Shown()
    powered(shown)
    (battery,) = (each for each in shown.get("site")["answers"]["time_left"] if each["id"] == "battery:B")
    assert (battery["seconds"], battery["device"], battery["figure"]) == (1230.0, "ups-b", None)


def test_while_a_feed_is_on_battery_its_generator_is_due_and_then_overdue() -> None:
    """It starts within 30 s. "Carries after 30 s" would be read as something yet to come, a minute after the mains were lost."""
    shown = Shown()
    powered(shown)
    shown.begins("DcimUpsOnBattery", now=102.0, device="ups-a1", feed="A")
    shown.begins("DcimUpsOnBattery", now=110.0, device="ups-a2", feed="A")
    assert generator(shown, 112.0) == ("generator_due", 20.0)
    assert generator(shown, 132.0) == ("generator_due", 0.0)
    assert generator(shown, 141.0) == ("generator_overdue", 9.0)
    shown.tracker.update(("test", "DcimUpsOnBattery", "A", "t1", "ups-a1"), {}, 142.0)
    assert generator(shown, 143.0) == ("generator_overdue", 3.0)
    shown.tracker.update(("test", "DcimUpsOnBattery", "A", "t1", "ups-a2"), {}, 144.0)
    assert generator(shown, 145.0) == ("generator_start", 30.0)


def test_a_generator_is_not_due_once_its_ups_is_back_on_mains_and_still_reported_for_a_minute() -> None:
    shown = Shown()
    powered(shown)
    shown.problem("DcimUpsOnBattery", now=102.0, device="ups-a1", feed="A")
    assert generator(shown, 103.0)[0] == "generator_due"
    shown.tracker.update(("test", "DcimUpsOnBattery", "A", "t1", "ups-a1"), {}, 110.0)
    shown.tick(110.0)
    assert [each.problem.name for each in shown.tracker.active()] == ["DcimUpsOnBattery"]
    assert generator(shown, 111.0) == ("generator_start", 30.0)


def generator(shown: Shown, now: float) -> tuple[str, float]:
    """What is said of the generator of feed A, and the seconds with it."""
    (found,) = [each for each in shown.get("site", now)["answers"]["time_left"] if each["id"] == "generator_start:A"]
    return found["what"]["key"], found["seconds"]


def test_trust_counts_what_is_missing() -> None:
    """Readings, figures, messages and suspects, each with what it is of."""
    shown = Shown()
    powered(shown)
    shown.around = Surroundings(
        ["t1"], None, 0, {("t1", "gw"): AgentAccount(missing=3), ("other", "x"): AgentAccount(missing=5)}
    )
    site = shown.get("site")
    trust = {each["id"]: each for each in site["answers"]["trust"]}
    # All of those that were heard of answer; four of the site file were not, so that nobody can say that all is well.
    assert trust["devices_answering"] == {
        "id": "devices_answering",
        "value": 13,
        "of": 17,
        "state": "partial",
        "figure": None,
    }
    assert trust["readings_current"]["state"] == "good"
    assert trust["messages_missing"] == {
        "id": "messages_missing",
        "value": 3,
        "of": None,
        "state": "bad",
        "figure": None,
    }
    assert site["ledger"] == {"missing": 3, "complete": False}
    assert trust["figures_known"]["value"] < trust["figures_known"]["of"]


def test_what_nobody_counts_is_unknown_and_not_complete() -> None:
    """Several collectors that share the messages do not know of each other's."""
    shown = Shown()
    shown.around = Surroundings(["t1"], None, 0, None)
    site = shown.get("site")
    assert site["ledger"] == {"missing": None, "complete": None}
    assert site["agents"] == {"known": 0, "up": None}
    states = {each["id"]: each["state"] for each in site["answers"]["trust"]}
    assert set(states.values()) == {"unknown"}


def test_rooms_say_their_worst_problem_and_whether_all_of_them_is_seen() -> None:
    """The plant has no racks, and is a room all the same."""
    shown = Shown()
    powered(shown)
    shown.problem("DcimUpsOnBypass", room="plant", device="ups-b", feed="B")
    rooms = {each["id"]: each for each in shown.get("site", 102.0)["rooms"]}
    # An air handler, a monitor and a rope of the site file were never heard of: nobody can tell how the room is.
    assert rooms["hall"] == {"id": "hall", "racks": 2, "problem": None, "observed": False}
    for name in ("crah-1", "box-1", "rope-1"):
        shown.readings.take(name, {}, 101.0, device_class="env")
    rooms = {each["id"]: each for each in shown.get("site", 102.6)["rooms"]}
    assert rooms["hall"]["observed"]
    assert rooms["plant"] == {"id": "plant", "racks": 0, "problem": "critical", "observed": True}
    assert shown.get("site", 103.0)["problems"] == {"critical": 1, "warning": 0, "info": 0, "complete": True}


def test_a_loop_says_how_many_of_its_cdus_leak() -> None:
    shown = Shown()
    powered(shown)
    assert cdu_loss(shown, 102.0) == {"cdus_spare": cdu_loss(shown, 102.0)["cdus_spare"]}
    shown.problem("DcimLeakDetected", now=103.0, device="cdu-1", detector="tray")
    shown.problem("DcimLeakDetected", now=103.0, device="cdu-1", detector="internal")
    shown.problem("DcimLeakDetected", now=103.0, device="rope-of-the-room")
    assert cdu_loss(shown, 104.0)["leaking"] == 1
    shown.problem("DcimLeakDetected", now=105.0, device="cdu-2", detector="tray")
    assert cdu_loss(shown, 106.0)["leaking"] == 2


def cdu_loss(shown: Shown, now: float) -> dict[str, float | None]:
    """What is said beside the loss of one CDU of the loop."""
    (found,) = [each for each in shown.get("site", now)["answers"]["survives"] if each["id"] == "cdu_loss:tcs"]
    detail: dict[str, float | None] = found["detail"]
    return detail
