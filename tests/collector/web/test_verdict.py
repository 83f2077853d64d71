"""The head of the page has three states: ok, alarms, and not observed with its causes and counts."""

import msgspec

from collector.latest import Latest
from collector.web.page import Moment, page_steps
from collector.web.verdict import CAUSES_SHOWN, Verdict, judge
from tests.at_once import at_once
from tests.collector.polls import NOW_S, WALL_S, Agent, hello


def verdict(latest: Latest, after_s: float, alarms: int = 0, **faults: str) -> Verdict:
    return judge(list(latest.devices()), latest.observe(NOW_S + after_s), alarms=alarms, faults=faults)


def two_agents() -> tuple[Latest, Agent, Agent]:
    latest = Latest(1000)
    one, other = Agent(latest), Agent(latest, "gw-4")
    for agent, devices in ((one, "abc"), (other, "x")):
        latest.apply_status(hello(agent.name, *devices), NOW_S)
        for device in devices:
            agent.polls(0.0, device=device)
    return latest, one, other


def page(latest: Latest, after_s: float, **faults: str) -> str:
    return at_once(page_steps)(latest, Moment(NOW_S + after_s, WALL_S + after_s), faults)


def test_green_is_for_devices_that_are_all_observed_and_up() -> None:
    latest, *_ = two_agents()
    assert verdict(latest, 1.0) == Verdict("ok", "all 4 devices observed and up, no active alarm", [])
    assert "<b>0</b><span>active alarms</span>" in page(latest, 1.0)


def test_nothing_is_green_without_the_broker_although_every_device_was_just_observed() -> None:
    latest, *_ = two_agents()
    assert verdict(latest, 1.0, broker="connection refused") == Verdict(
        "unknown", "no connection", ["broker: connection refused"]
    )


def test_what_is_not_observed_is_grey_with_one_line_for_each_cause() -> None:
    latest, *_ = two_agents()
    latest.apply_status(hello("gw-3", online=False), NOW_S + 1.0)
    assert verdict(latest, 1.0) == Verdict(
        "unknown", "3 of 4 devices not observed", ["cas1: agent gw-3 is offline: 3 devices not observed"]
    )
    text = page(latest, 1.0)
    assert 'class="down"' not in text
    assert 'class="notices"' not in text
    assert text.count('<section class="unknown">') == 3
    assert "agent gw-3 is offline · up when last heard of · latest batch 1 s ago" in text
    assert verdict(latest, 30.0).causes == [
        "cas1: agent gw-3 is offline: 3 devices not observed",
        "cas1: agent gw-4 is silent: 1 device not observed",
    ]
    assert "<b>?</b><span>active alarms, 0 of 4 devices observed</span>" in page(latest, 30.0)


def test_a_device_is_not_unknown_because_its_namesake_at_another_site_is() -> None:
    latest = Latest(1000)
    for site in ("cas1", "cas2"):
        latest.apply_status(hello("gw-3", "a", site=site), NOW_S)
        Agent(latest, site=site).polls(0.0, device="a")
    latest.apply_status(hello("gw-3", online=False, site="cas2"), NOW_S + 1.0)
    assert verdict(latest, 1.0) == Verdict(
        "unknown", "1 of 2 devices not observed", ["cas2: agent gw-3 is offline: 1 device not observed"]
    )


def test_a_device_of_the_site_file_that_was_never_heard_of_is_not_observed() -> None:
    latest, *_ = two_agents()
    observations, devices = latest.observe(NOW_S + 1.0), list(latest.devices())
    assert judge(devices, observations, alarms=0, faults={}, never_heard=["ups-9"]) == Verdict(
        "unknown",
        "1 of 5 devices not observed",
        ["1 device of the site file never heard of: ups-9"],
    )
    assert judge([], observations, alarms=0, faults={}, never_heard=["ups-9"]).headline == "1 of 1 device not observed"
    twelve = [f"ups-{number}" for number in range(CAUSES_SHOWN)]
    (cause,) = judge(devices, observations, alarms=0, faults={}, never_heard=twelve).causes
    assert cause == f"12 devices of the site file never heard of: {', '.join(twelve)}"
    many = [f"ups-{number}" for number in range(CAUSES_SHOWN + 1)]
    (cause,) = judge(devices, observations, alarms=0, faults={}, never_heard=many).causes
    assert cause == f"13 devices of the site file never heard of: {', '.join(many[:12])}, …"


def test_problems_and_devices_that_are_down_are_reported_with_their_numbers() -> None:
    latest, one, _ = two_agents()
    failed = msgspec.structs.replace(one.made(1.0, device="a"), up=False, error="timeout", values={}, states={})
    one.arrives(failed, 1.0)
    found = judge(list(latest.devices()), latest.observe(NOW_S + 1.0), alarms=0, faults={}, problems=2)
    assert (found.state, found.headline) == ("alarms", "2 problems, 1 device down")
    # Its agent is gone: nobody knows any more whether it is down.
    latest.apply_status(hello("gw-3", online=False), NOW_S + 2.0)
    assert verdict(latest, 2.0).headline == "3 of 4 devices not observed"


def test_alarms_come_first_and_what_is_not_observed_is_still_reported() -> None:
    latest, one, _ = two_agents()
    latest.apply_status(hello("gw-4", online=False), NOW_S + 1.0)
    assert verdict(latest, 1.0, 2).headline == "2 active alarms, 1 of 4 devices not observed"
    wet = one.made(2.0, device="a", values={"dcim_cdu_leak_detected{detector=tray}": 1.0})
    one.arrives(wet, 2.0)
    text = page(latest, 2.0, store="no route")
    assert 'class="verdict alarms">1 active alarm, store does not work, 1 of 4 devices not observed</span>' in text
    assert "<b>1</b><span>active alarms, 3 of 4 devices observed</span>" in text
    assert "<li>cas1: agent gw-4 is offline: 1 device not observed</li>" in text


def test_without_the_broker_there_is_one_cause_and_it_says_what_is_wrong() -> None:
    latest, *_ = two_agents()
    latest.note_disconnected(NOW_S + 1.0)
    found = verdict(latest, 1.0, broker="connection refused")
    assert found == Verdict(
        "unknown",
        "4 of 4 devices not observed",
        ["broker: connection refused", "no connection to the broker: 4 devices not observed"],
    )


def test_a_page_without_devices_is_not_green() -> None:
    """It may be a wrong account that reads nothing."""
    assert verdict(Latest(10), 0.0) == Verdict("unknown", "no device has been heard of yet", [])
    found = verdict(Latest(10), 0.0, broker="not connected yet")
    assert (found.state, found.causes) == ("unknown", ["broker: not connected yet"])


def test_the_cause_that_hides_most_devices_comes_first() -> None:
    latest = Latest(1000)
    for name, devices in (("gw-1", "a"), ("gw-2", "bcd"), ("gw-3", "ef")):
        for device in devices:
            Agent(latest, name).polls(0.0, device=device)
    assert [each.split()[2] for each in verdict(latest, 100.0).causes] == ["gw-2", "gw-3", "gw-1"]


def test_causes_beyond_those_that_are_shown_are_counted() -> None:
    latest = Latest(10_000)
    for number in range(CAUSES_SHOWN + 2):
        Agent(latest, f"gw-{number}").polls(0.0, device=f"d-{number}")
    causes = verdict(latest, 100.0).causes
    assert len(causes) == CAUSES_SHOWN + 1
    assert causes[-1] == "and 2 more causes"
