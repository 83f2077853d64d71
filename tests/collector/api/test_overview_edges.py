"""The numbers of a site where it is not alone, has PV, works by windows, or where a part of it is silent."""

from datetime import UTC, datetime, timedelta

from collector.api import Surroundings
from collector.api.powers import PUE_STEP_S, PowerMeans
from collector.problems import Window
from tests.collector.api.shown import Shown, powered
from tests.collector.derive.campus import campus, poll_campus
from tests.collector.derive.hall import WALL_S, hall
from tests.collector.polls import NOW_S, hello
from tests.collector.polls import Agent as Polling

PV = (
    ("  - {id: meter-pv, role: pv}", "  - {id: meter-pv, role: pv, behind: meter-main}"),
    ("contracts: [{id: pv-roof, meter: meter-pv}]", "contracts: []"),
)
IT = "measures: [ups-a1, ups-a2, ups-b]}"
IT_LINE = f"  - {{id: meter-it, role: it, category: 1, {IT}\n"


def test_what_pv_gives_is_used_too_whichever_way_its_meter_is_wired() -> None:
    """52 kW from the grid and 10 kW from the roof."""
    for watts in (10_000.0, -10_000.0):
        shown = Shown(hall(*PV))
        powered(shown)
        shown.readings.take("meter-pv", {"meter_power_watts{role=pv}": watts}, 100.0, device_class="meter")
        shown.derive(105.0)
        assert shown.get("site", 105.0)["totals"]["facility_power_watts"] == 62_000.0


def test_of_it_meters_below_each_other_one_counts_and_meters_come_before_racks() -> None:
    """The second meter measures a part of what the first one does."""
    within = f"{IT}\n  - {{id: meter-b, role: it, category: 1, measures: [ups-b]}}"
    shown = Shown(hall((IT, within)))
    powered(shown)
    for meter, watts in (("meter-it", 50_000.0), ("meter-b", 23_000.0)):
        shown.readings.take(meter, {"meter_power_watts{role=it}": watts}, 101.0, device_class="meter")
    shown.derive(102.0)
    assert shown.get("site", 102.0)["totals"]["it_power_watts"] == 50_000.0


def test_a_meter_that_gives_the_power_of_each_phase_alone_is_their_sum() -> None:
    shown = Shown()
    phases = {f"meter_phase_power_watts{{phase=L{number},role=facility}}": 1000.0 * number for number in (1, 2, 3)}
    shown.readings.take("meter-main", phases, 101.0, device_class="meter")
    shown.derive()
    assert shown.get("site", 102.0)["totals"]["facility_power_watts"] == 6000.0


def test_cdus_that_rack_pdus_feed_are_no_it() -> None:
    """As in the PUE by energy; the CDU is among what the number is made of."""
    shown = Shown(hall((IT_LINE, ""), ("from: [row-a], row: a", "from: [pdu-a1-a], row: a")))
    powered(shown)
    assert shown.get("site", 102.0)["totals"]["it_power_watts"] is None
    shown.readings.take("cdu-2", {"cdu_power_watts": 600.0}, 105.0, device_class="cdu")
    shown.derive(105.0)
    assert shown.get("site", 105.0)["totals"]["it_power_watts"] == 46_000.0
    inputs = shown.get("totals/{total}", 105.0, total="it")["inputs"]
    assert [(each["metric"], each["value"]) for each in inputs][-1] == ("dcim_cdu_power_watts", 600.0)


def test_air_units_that_rack_pdus_feed_are_no_it_if_they_measure_what_they_take() -> None:
    """A rear door with a meter of its own is taken off; one without is a part of its rack, and does not make the total unknown."""
    door = "{{id: {}, rated_cooling_w: 9000, from: [pdu-a1-a], row: a}}, "
    doors = f"air_units: [{door.format('door-1')}{door.format('door-2')}{{id: crah-1"
    shown = Shown(hall((IT_LINE, ""), ("air_units: [{id: crah-1", doors)))
    powered(shown)
    before = shown.get("site", 102.0)["totals"]["it_power_watts"]
    assert before is not None
    shown.readings.take("door-1", {"crah_power_watts": 400.0}, 105.0, device_class="crah")
    shown.readings.take("door-2", {"crah_fan_speed_ratio": 0.5}, 105.0, device_class="crah")
    shown.derive(105.0)
    assert shown.get("site", 105.0)["totals"]["it_power_watts"] == before - 400.0
    inputs = shown.get("totals/{total}", 105.0, total="it")["inputs"]
    assert [(each["device"], each["value"]) for each in inputs if "crah" in each["metric"]] == [("door-1", 400.0)]


def test_a_meter_that_is_not_trusted_leaves_the_total_unknown_as_its_figure_and_says_why() -> None:
    """For more than a minute it shows 90 kW at 400 V and 10 A, which cannot be."""
    shown = Shown()
    for at in range(0, 200, 10):
        values: dict[str, float | str] = {"meter_phase_power_watts{phase=L1,role=facility}": 90e3}
        values |= {"meter_voltage_volts{phase=L1,role=facility}": 400.0}
        values |= {"meter_current_amperes{phase=L1,role=facility}": 10.0}
        shown.readings.take("meter-main", values, 200.0 + at, device_class="meter")
        shown.derive(200.0 + at)
    assert shown.get("site", 391.0)["totals"]["facility_power_watts"] is None
    first = shown.get("totals/{total}", 391.0, total="facility")["inputs"][0]
    assert (first["device"], first["metric"]) == ("meter-main", "dcim_meter_phase_power_watts")
    assert (first["value"], first["reason"]) == (None, "suspect, impossible")


def test_agents_of_another_site_are_not_counted_and_one_that_is_offline_is_not_up() -> None:
    shown = Shown()
    powered(shown)
    for agent, site in (("gw", "t1"), ("gw", "other"), ("more", "other")):
        shown.readings.latest.apply_status(hello(agent, site=site), 101.0)
    assert shown.get("site", 102.0)["agents"] == {"known": 1, "up": 1}
    shown.readings.latest.apply_status(hello("gw", online=False), 103.0)
    shown.readings.latest.apply_status(hello("gw", online=False, site="t1"), 103.0)
    assert shown.get("site", 104.0)["agents"] == {"known": 1, "up": 0}


def test_only_causes_of_this_site_are_counted() -> None:
    """Two UPSs on battery because of one lost feed are one problem; another site's are none."""
    shown = Shown()
    powered(shown)
    shown.problem("DcimFeedLost", 0.9, feed="A")
    shown.problem("DcimUpsOnBattery", device="ups-a1", feed="A", room="plant")
    shown.problem("DcimSmoke", site="other", device="x")
    counts = shown.get("site", 102.0)["problems"]
    assert counts["critical"] + counts["warning"] + counts["info"] == 1


def test_readings_of_a_class_that_is_no_longer_polled_are_missed_while_the_device_answers() -> None:
    """Not for ever: what the device has forgotten when it answers again is none of it."""
    shown = Shown()
    readings = shown.readings
    readings.take("ups-b", {"ups_battery_charge_ratio": 1.0, "ups_output_source": "normal"}, 100.0, device_class="ups")
    readings.take("ups-b", {"ups_output_source": "normal"}, 125.0, device_class="ups")
    assert counted(shown, 126.0) == (2, 2)
    assert counted(shown, 135.0) == (1, 2)
    for _ in readings.latest.expire_steps(600.0):
        pass
    readings.take("ups-b", {"ups_output_source": "normal"}, 601.0, device_class="ups")
    assert counted(shown, 602.0) == (1, 1)


def test_of_very_many_reasons_why_devices_are_not_observed_the_twelve_that_hide_most_are_listed() -> None:
    shown = Shown(described=False)
    latest = shown.readings.latest
    for at in range(14):
        agent = Polling(latest, f"gw-{at:02}", site="t1")
        for device in range(at + 1):
            agent.polls(0.0, device=f"d-{at:02}-{device}")
    found = shown.get("site", NOW_S + 1000.0)["unobserved"]
    assert [(each["cause"], each["agent"], each["devices"]) for each in found] == [
        ("agent_silent", f"gw-{at:02}", at + 1) for at in range(13, 1, -1)
    ]


def test_a_site_says_what_its_places_are_from_and_racks_without_a_room_have_one_without_a_name() -> None:
    assert Shown().get("site")["source"] == "site_file"
    plain = Shown(described=False)
    plain.readings.places["pdu-1"] = {"rack": "r1", "feed": "A"}
    plain.readings.places["pdu-2"] = {"room": "h", "rack": "r2", "feed": "A"}
    for pdu in plain.readings.places:
        plain.readings.take(pdu, {"pdu_input_power_watts{inlet=1}": 300.0})
    site = plain.get("site")
    assert site["source"] == "labels"
    assert {room["id"]: room["racks"] for room in site["rooms"]} == {"": 1, "h": 1}


def test_readings_of_a_device_that_was_taken_out_are_not_missed_of_the_one_that_takes_its_name() -> None:
    """A UPS with two readings is retired, and another one with one reading comes that does not answer yet."""
    shown = Shown()
    latest = shown.readings.latest
    both: dict[str, float | str] = {"ups_battery_charge_ratio": 1.0, "ups_output_source": "normal"}
    shown.readings.take("ups-b", both, 100.0, device_class="ups")
    assert counted(shown, 101.0) == (2, 2)
    (retired,) = latest.devices()
    assert latest.remove_device(retired.site, retired.agent, retired.device)
    assert counted(shown, 102.0) == (0, 0)
    shown.readings.take("ups-b", {"ups_output_source": "normal"}, 103.0, device_class="ups", up=False)
    assert counted(shown, 104.0)[1] < 2


def counted(shown: Shown, now: float) -> tuple[float, float]:
    """Readings that are current, and those that there should be."""
    (trust,) = [each for each in shown.get("site", now)["answers"]["trust"] if each["id"] == "readings_current"]
    return trust["value"], trust["of"]


def test_each_reading_stops_counting_when_it_expires_though_no_message_says_so() -> None:
    """What was counted is kept from one document to the next; a reading that expires in between must not be."""
    shown = Shown()
    slow: dict[str, float | str] = {"ups_battery_charge_ratio": 1.0, "ups_battery_runtime_seconds": 600.0}
    shown.readings.take("ups-b", {"ups_output_source": "normal"}, 100.0, device_class="ups", interval_s=10.0)
    shown.readings.take("ups-b", slow, 100.5, device_class="ups", interval_s=60.0)
    assert [counted(shown, at)[0] for at in (101.0, 129.0, 131.0, 279.0, 281.0)] == [3, 3, 2, 2, 0]
    # The same number of readings, but of another moment.
    shown.readings.take("ups-b", {"ups_output_source": "normal"}, 282.0, device_class="ups", interval_s=10.0)
    assert [counted(shown, at)[0] for at in (283.0, 313.0)] == [1, 0]


def test_the_age_is_that_of_the_oldest_device() -> None:
    shown = Shown()
    shown.readings.take("ups-a1", {"ups_output_source": "normal"}, 75.0, device_class="ups")
    shown.readings.take("ups-b", {"ups_output_source": "normal"}, 100.0, device_class="ups")
    assert shown.get("site", 100.0)["devices"]["oldest_age_seconds"] == 30.0


def test_a_device_that_does_not_answer_is_no_age_of_those_that_do() -> None:
    """The agent asks it once a minute only, so that the age would go up to 60 s and back while all others are read every 10 s."""
    shown = Shown()
    shown.readings.take("ups-a1", {}, 50.0, device_class="ups", up=False, interval_s=60.0)
    shown.readings.take("ups-b", {"ups_output_source": "normal"}, 100.0, device_class="ups")
    devices = shown.get("site", 101.0)["devices"]
    assert (devices["answering"], devices["down"], devices["unobserved"]) == (1, 1, 0)
    assert devices["oldest_age_seconds"] == 1.0


def test_maintenance_is_shown_from_its_beginning_to_its_end_and_at_its_own_site() -> None:
    begins = datetime.fromtimestamp(WALL_S + 200.0, UTC)
    until = begins + timedelta(hours=1)
    work = [
        Window.model_validate({"id": "ups", "from": begins, "until": until, "match": {"feed": "A"}, "why": "battery"}),
        Window.model_validate(
            {"id": "far", "from": begins, "until": until, "match": {"site": "other", "feed": "A"}, "why": "elsewhere"}
        ),
    ]
    shown = Shown()
    powered(shown)
    shown.around = Surroundings(["t1"], None, 0, {}, windows=work)
    found = [[each["id"] for each in shown.get("site", at)["maintenance"]] for at in (199.0, 200.0, 3799.0, 3800.0)]
    assert found == [[], ["ups"], ["ups"], []]


def test_of_several_windows_the_one_that_ends_first_comes_first_and_one_may_be_of_several_sites() -> None:
    """The page shows a few; a site file's own windows and those of a whole company may stand in one file."""
    now = datetime.fromtimestamp(WALL_S + 100.0, UTC)
    hour = timedelta(hours=1)
    windows = [
        Window.model_validate({"id": name, "until": now + hours * hour, "match": match, "why": "work"})
        for name, hours, match in (
            ("last", 3, {"feed": "A"}),
            ("first", 1, {"feed": "B"}),
            ("both", 2, {"site": ["other", "t1"], "feed": "A"}),
        )
    ]
    shown = Shown()
    powered(shown)
    shown.around = Surroundings(["t1"], None, 0, {}, windows=windows)
    assert [each["id"] for each in shown.get("site")["maintenance"]] == ["first", "both", "last"]


def test_a_room_without_devices_is_not_observed_and_one_has_the_problems_of_its_racks() -> None:
    shown = Shown(hall(("rooms: [{id: hall}, {id: plant}]", "rooms: [{id: hall}, {id: plant}, {id: store}]")))
    powered(shown)
    shown.problem("DcimPduPhaseLoadHigh", rack="a1", device="gone")
    rooms = {each["id"]: each for each in shown.get("site", 102.0)["rooms"]}
    assert not rooms["store"]["observed"]
    assert rooms["hall"]["problem"] is not None


def test_a_feed_that_is_lost_carries_nobody_while_the_last_one_lasts_on_its_battery() -> None:
    """Of three feeds A is lost and B on battery: without C the racks last as long as the battery of B."""
    shown = Shown(campus())
    poll_campus(shown.readings)
    battery: dict[str, float | str] = {"ups_output_source": "battery", "ups_battery_runtime_seconds": 540.0}
    shown.readings.take("ups-b", battery, 101.0, device_class="ups")
    shown.derive(102.0)
    assert "seconds" not in without_c(shown, 102.0)
    shown.problem("DcimFeedLost", 0.9, now=103.0, feed="A")
    assert without_c(shown, 104.0)["seconds"] <= 540.0


def without_c(shown: Shown, now: float) -> dict[str, float]:
    (found,) = [each for each in shown.get("site", now)["answers"]["survives"] if each["id"] == "feed_loss:C"]
    assert found["state"] == "yes"
    return dict(found["detail"])


def test_figures_that_were_never_made_are_unknown_and_some_that_are_unknown_are_partly_good() -> None:
    fresh = {each["id"]: each for each in Shown().get("site")["answers"]["trust"]}
    unknown = {"id": "figures_known", "value": None, "of": None, "state": "unknown", "figure": None}
    assert fresh["figures_known"] == unknown
    shown = Shown()
    powered(shown)
    trust = {each["id"]: each for each in shown.get("site")["answers"]["trust"]}
    assert trust["figures_known"]["state"] == "partial"


def test_at_first_pue_is_that_of_the_powers_beside_it() -> None:
    means = PowerMeans()
    means.add(50_000.0, 40_000.0, 100.0)
    means.add(44_000.0, 40_000.0, 101.0)
    pue = means.pue(101.0)
    assert pue is not None
    assert (pue.value, pue.window_seconds) == (1.1, 0.0)


def test_a_facility_that_takes_just_what_its_it_takes_has_a_pue_of_one_and_is_on_no_battery() -> None:
    means = PowerMeans()
    means.add(40_000.0, 40_000.0, 100.0)
    pue = means.pue(101.0)
    assert pue is not None
    assert (pue.value, pue.window_seconds) == (1.0, 0.0)


def test_many_readers_do_not_make_one_moment_weigh_more_in_the_estimate_of_pue() -> None:
    """The page of each of them asks for the site, and a sample is taken every five seconds all the same."""
    means = PowerMeans()
    for at in range(200):
        means.add(60_000.0, 40_000.0, at * PUE_STEP_S / 10)
    for at in range(20, 41):
        means.add(50_000.0, 40_000.0, at * PUE_STEP_S)
    pue = means.pue(40 * PUE_STEP_S)
    assert pue is not None
    assert (pue.value, pue.window_seconds) == (1.372, 200.0)


def test_pue_is_that_of_the_latest_readings_until_a_minute_has_been_seen() -> None:
    means = PowerMeans()
    for second in range(0, 56, 5):
        means.add(150.0 if second else 200.0, 100.0, float(second))
    latest = means.pue(55.0)
    means.add(150.0, 100.0, 60.0)
    mean = means.pue(60.0)
    assert latest is not None
    assert mean is not None
    assert (latest.value, latest.window_seconds) == (1.5, 0.0)
    assert (mean.value, mean.window_seconds) == (1.538, 60.0)
