"""What the page without script says of problems and figures: causes with what is known of each, figures with what they rest on."""

import re
import time

import pytest
from msgspec.structs import replace

from collector.derive import Figure
from collector.derive.engine import NO_SLOT, output_of
from collector.latest import Latest
from collector.problems.report import Acknowledged, Cause, InWindow, ProblemReport
from collector.web.figures_page import ALL_SHOWN, figures_card
from collector.web.page import Findings, Moment, Shell, page_steps
from collector.web.problems_page import SHOWN, problems_card
from rackflow.process.bulkhead import Failures
from tests.at_once import at_once
from tests.collector.documents import document
from tests.collector.polls import NOW_S, Agent, hello
from tests.collector.polls import WALL_S as POLLED_S

render_page = at_once(page_steps)
WALL_S = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
UNTIL = int((WALL_S + 600) * 1000)


def problem(since_s: float = WALL_S - 300.0, **more: object) -> ProblemReport:
    given: dict[str, object] = {
        "id": "DcimSmoke-1",
        "name": "DcimSmoke",
        "status": "active",
        "severity": "critical",
        "subsystem": "environment",
        "summary": "Smoke.",
        "description": "Smoke at s/r.",
        "labels": {"site": "s", "room": "r"},
        "since": round(since_s * 1000),
        "value": 1.0,
        "peak": 1.0,
        "runbook": "",
        **more,
    }
    return ProblemReport(**given)  # type: ignore[arg-type]  # plain values of its fields


def words(card: str) -> str:
    """The card as it is read."""
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", card)).strip()


def test_a_problem_has_its_severity_its_words_and_for_how_long_it_holds() -> None:
    assert words(problems_card([problem()], WALL_S)) == "Problems 1 critical Smoke at s/r. for 5 min"
    assert problems_card([], WALL_S) == ""


def test_consequences_are_counted_at_their_cause_and_not_listed() -> None:
    fed = problem(name="DcimUpsOnBattery", description="UPS u.", cause=Cause("DcimSmoke", {}, "DcimSmoke-1"))
    assert words(problems_card([problem(consequences=1), fed], WALL_S)) == (
        "Problems 1 critical Smoke at s/r. for 5 min, explains 1 more"
    )
    assert problems_card([fed], WALL_S) == ""


def test_what_nobody_can_see_any_more_says_so() -> None:
    card = words(problems_card([problem(status="uncertain")], WALL_S))
    assert card.endswith("for 5 min, nobody can tell whether it goes on")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_maintenance_and_an_acknowledgement_say_who_and_until_when_whatever_the_time_zone_of_this_machine_is(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        check_care()
    finally:
        monkeypatch.undo()
        time.tzset()


def check_care() -> None:
    cared = problem(
        maintenance=InWindow("W-1", UNTIL, "new detectors", "ann"), acknowledged=Acknowledged("ben", UNTIL, "seen <it>")
    )
    assert words(problems_card([cared], WALL_S)).endswith(
        "in maintenance until 2026-09-21 14:23 UTC, nobody is notified: new detectors, "
        "acknowledged by ben until 2026-09-21 14:23 UTC: seen &lt;it&gt;"
    )


def test_more_causes_than_fit_on_a_screen_are_counted() -> None:
    card = words(problems_card([problem() for _ in range(SHOWN + 2)], WALL_S))
    assert card.startswith(f"Problems {SHOWN + 2} critical")
    assert (card.count("Smoke at s/r."), card[-30:]) == (SHOWN, "and 2 more, on api/v1/problems")


def figure(name: str, value: float | None, share: float = 1.0, *missing: str, **labels: str) -> Figure:
    return Figure(output_of(f"dcim_{name}", [*labels.items()], NO_SLOT), value, 12.0, share, missing)


def test_a_figure_has_its_oldest_input_and_says_which_part_of_its_inputs_there_is() -> None:
    card = words(
        figures_card(
            [figure("rack_power_watts", 4600.0, rack="a1"), figure("rack_power_watts", 2300.0, 0.5, rack="a2")]
        )
    )
    assert card == (
        "Derived figures 2 known rack power a1 4.60 kW (oldest input 12 s) "
        "rack power a2 2.30 kW (oldest input 12 s, 50% of inputs)"
    )


def test_a_pue_is_a_number_and_a_share_is_in_percent() -> None:
    card = words(
        figures_card(
            [
                figure("site_interim_pue_ratio", 1.25, window="day"),
                figure("rack_power_utilisation_ratio", 0.83, rack="a1"),
                figure("cdu_coefficient_of_performance_ratio", 12.5, device="c"),
            ]
        )
    )
    assert "cdu coefficient of performance c 12.50 (" in card
    assert "site interim pue day 1.25 (" in card
    assert "rack power utilisation a1 83 % (" in card


def test_as_many_figures_as_fit_are_all_shown_and_a_feed_is_called_one() -> None:
    racks = [figure("rack_power_watts", 4600.0, rack=f"a{at}") for at in range(ALL_SHOWN - 1)]
    card = words(figures_card([*racks, figure("site_survives_feed_loss", 1.0, feed="A")]))
    assert (card.count("rack power"), "site survives feed loss feed A 1 (" in card) == (ALL_SHOWN - 1, True)


def test_an_unknown_figure_says_what_is_missing() -> None:
    card = words(figures_card([figure("rack_power_watts", None, 0.5, "pdu-a1 is silent", "pdu-a2 is down", rack="a1")]))
    assert card == "unknown figures 1 rack power a1 pdu-a1 is silent; pdu-a2 is down"


def test_of_many_figures_those_of_the_whole_site_are_shown_and_the_others_counted() -> None:
    racks = [figure("rack_power_watts", 4600.0, rack=f"a{at}") for at in range(ALL_SHOWN)]
    card = words(figures_card([*racks, figure("site_interim_pue_ratio", 1.25, window="day")]))
    assert (card.count("rack power"), "site interim pue day 1.25" in card) == (0, True)
    assert card.endswith(f"and {ALL_SHOWN} of single devices and racks, on metrics")


def page(latest: Latest, findings: Findings | None = None, **faults: str) -> str:
    return render_page(latest, Moment(1.0, WALL_S), faults, findings=findings)


def tiles(text: str) -> dict[str, tuple[str, str]]:
    """By name: what a tile shows, and its colour."""
    found = re.findall(r'<div class="tile([^"]*)"><b>([^<]*)</b><span>([^<]*)</span>', text)
    return {name: (value, css.strip()) for css, value, name in found}


def test_before_the_first_message_no_tile_says_that_all_is_well() -> None:
    assert tiles(page(Latest(100))) == {
        "devices up": ("0 of 0", "unknown"),
        "agents online": ("0 of 0", ""),
        "active alarms, 0 of 0 devices observed": ("?", "unknown"),
        "series": ("0", ""),
    }


def test_a_device_that_is_down_and_readings_beyond_the_limit_make_their_tiles_red() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello(agent.name, "a", "b"), NOW_S)
    agent.polls(0.0, device="a")
    down = replace(agent.made(0.0, device="b", values={}), up=False, error="timeout")
    agent.arrives(down, 0.0)
    latest.refused = 3
    found = tiles(render_page(latest, Moment(NOW_S + 1.0, WALL_S), {}))
    assert found["devices up"] == ("1 of 2", "bad")
    assert found["series"][1] == "bad"


def test_a_device_that_is_down_is_red_beside_one_that_nobody_observes_and_one_that_was_never_heard_of() -> None:
    latest = Latest(1000)
    agent, gone = Agent(latest), Agent(latest, "gw-4")
    for each, device in ((agent, "a"), (gone, "b")):
        latest.apply_status(hello(each.name, device), NOW_S)
        each.arrives(replace(each.made(0.0, device=device, values={}), up=each is gone), 0.0)
    latest.apply_status(hello(gone.name, online=False), NOW_S + 1.0)
    text = render_page(latest, Moment(NOW_S + 1.0, WALL_S), {}, findings=Findings(never_heard=["c"]))
    assert tiles(text)["devices up"] == ("0 of 3", "bad")
    assert "active alarms, 1 of 3 devices observed" in tiles(text)


def test_a_device_whose_alarms_cannot_be_judged_says_so_and_nothing_is_green() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello(agent.name, "a", "b"), NOW_S)
    for device in ("a", "b"):
        agent.polls(0.0, device=device)
    for reading in latest.readings_of("cas1", "b").values():
        reading.value = None  # type: ignore[assignment]  # a fault of the program
    text = render_page(latest, Moment(NOW_S + 1.0, WALL_S), {}, failures=Failures())
    assert "<b>cas1/b</b> its alarms cannot be judged" in text
    assert "<title>! " in text


def test_a_problem_that_has_ended_and_a_consequence_are_no_problems_of_the_headline() -> None:
    fed = problem(name="DcimUpsOnBattery", cause=Cause("DcimSmoke", {}, "DcimSmoke-1"))
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello(agent.name, "a"), NOW_S)
    agent.polls(0.0, device="a")
    moment = Moment(NOW_S + 1.0, WALL_S)
    for problems, headline in (
        ([problem(), fed], "1 problem"),
        ([problem(status="ended"), fed], "all 1 device observed and up, no active alarm"),
    ):
        assert headline in words(render_page(latest, moment, {}, findings=Findings(problems=problems)))


def test_every_device_that_two_agents_publish_about_is_named_with_the_other_one() -> None:
    contested = {("s", "ups-2"): "gw-9", ("s", "ups-1"): "gw-8"}
    text = words(page(Latest(100), Findings(contested=contested)))
    for device, agent in (("s/ups-1", "gw-8"), ("s/ups-2", "gw-9")):
        assert f"{device} contested: agent {agent} publishes about it as well, and is refused" in text


def test_a_device_that_was_only_described_says_why_nothing_is_known_of_it() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello(agent.name, "a"), NOW_S)
    latest.apply_document("cas1", document("a"))
    text = words(render_page(latest, Moment(NOW_S + 1.0, WALL_S), {}))
    assert "not polled since this collector started · waiting for the first poll by agent gw-3" in text


def test_the_only_flag_of_its_kind_has_a_row_of_its_own_also_at_zero() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello(agent.name, "a"), NOW_S)
    agent.arrives(agent.made(0.0, device="a", values={"dcim_cdu_leak_detected{detector=tray}": 0.0}), 0.0)
    text = words(render_page(latest, Moment(NOW_S + 1.0, WALL_S), {}))
    assert "leak detected tray 0" in text
    assert "none" not in text


def test_a_clock_that_was_set_back_makes_no_device_up_for_less_than_no_time() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello(agent.name, "a"), NOW_S)
    agent.polls(0.0, device="a")
    assert "up for 0 s" in words(render_page(latest, Moment(NOW_S + 1.0, POLLED_S - 3600.0), {}))


def test_an_agent_that_hangs_is_not_online_though_its_status_says_so() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello(agent.name, "a"), NOW_S)
    agent.polls(0.0, device="a")
    for after_s, shown in ((1.0, "1 of 1"), (100.0, "0 of 1")):
        found = tiles(render_page(latest, Moment(NOW_S + after_s, WALL_S), {}))
        assert found["agents online"][0] == shown


def test_outlets_are_shown_of_the_device_that_was_asked_for_and_not_of_its_namesake_at_another_site() -> None:
    latest = Latest(1000)
    values = {"dcim_pdu_outlet_power_watts{outlet=1}": 120.0}
    for site in ("one", "two"):
        agent = Agent(latest, site=site)
        latest.apply_status(hello(agent.name, "pdu", site=site), NOW_S)
        agent.arrives(agent.made(0.0, device="pdu", values=values, device_class="pdu"), 0.0)
    shell = Shell(outlets_of="two/pdu")
    text = render_page(latest, Moment(NOW_S + 1.0, WALL_S), {}, shell=shell)
    assert (text.count("120 W"), text.count("show 1 outlets")) == (1, 1)
    assert "outlets=one%2Fpdu" in text


def test_a_broker_that_is_away_is_named_once_as_the_cause_and_a_store_as_a_fault() -> None:
    text = page(Latest(100), broker="connection refused", store="no route", ledger="no space")
    assert (text.count("connection refused"), text.count("store: no route"), text.count("ledger: no space")) == (
        1,
        1,
        1,
    )


def test_a_page_without_devices_says_why_it_is_empty_and_its_title_that_nothing_is_known() -> None:
    text = page(Latest(100))
    assert "No message about any device has arrived yet." in text
    assert "<title>? " in text


def test_a_device_of_an_agent_that_is_offline_is_neither_up_nor_down_and_its_rejected_readings_are_counted() -> None:
    latest = Latest(1000)
    agent = Agent(latest)
    latest.apply_status(hello(agent.name, "a"), NOW_S)
    agent.arrives(replace(agent.made(0.0, device="a"), bad=dict.fromkeys("xyz", "range")), 0.0)
    text = render_page(latest, Moment(NOW_S + 1.0, WALL_S), {})
    assert re.findall(r'<section class="(\w+)">', text) == ["up"]
    assert "3 readings of the last poll rejected" in text
    assert tiles(text)["devices up"][0] == "1 of 1"
    latest.apply_status(hello(agent.name, online=False), NOW_S + 2.0)
    text = render_page(latest, Moment(NOW_S + 3.0, WALL_S), {})
    assert tiles(text)["devices up"][0] == "0 of 1"
    assert re.findall(r'<section class="(\w+)"><h2><span class="state">(\w+)<', text) == [("unknown", "unknown")]
