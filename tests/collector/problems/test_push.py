"""What a webhook is notified of, and which rules of inhibition Alertmanager gets."""

import time
from datetime import datetime
from typing import Any, cast

import msgspec
import pytest

from collector.problems.conditions import labels_of
from collector.problems.config import ProblemsConfig, WebhookConfig
from collector.problems.maintenance import Window
from collector.problems.push import (
    CLOCKS_AGREE_S,
    LIFE_S,
    MAX_RETRY_AFTER_S,
    PAUSES_S,
    PULL_LAG_S,
    REFUSALS,
    REPEAT_S,
    SETTLE_S,
    TIMEOUT_S,
    Alertmanager,
    Webhook,
    date_s,
    life_s,
    retry_after_s,
    targets,
)
from collector.problems.report import describe
from collector.problems.rule_files import inhibit_rules
from collector.problems.table import load_table
from collector.problems.tracker import Key, TrackedProblem
from rackflow.process.yaml import load_yaml_text

LOST = "DcimFeedLost", labels_of({"site": "s", "feed": "A"})
BATTERY = "DcimUpsOnBattery", labels_of({"site": "s", "feed": "A", "device": "u", "state": "battery"})


def tracked(key: Key, cause: Key | None = None, *, active: bool = True) -> TrackedProblem:
    problem = load_table().problems[key[0]]
    return TrackedProblem(
        problem, key[1], ("u",), 1.0, 1.0, is_active=active, since_s=5.0, ended_s=0.0 if active else 9.0, cause=cause
    )


def notified(webhook: Webhook, *changed: TrackedProblem) -> list[tuple[str, str]]:
    """What a webhook is sent of some changes, and takes."""
    reports = [(each, describe(each, 0, "")) for each in changed]
    body = webhook.body(reports, 10.0)
    if body is None:
        return []
    webhook.note(reports)
    document = cast("dict[str, Any]", msgspec.json.decode(body))
    return [(each["name"], each["status"]) for each in document["problems"]]


def hook(**more: str) -> Webhook:
    return Webhook(WebhookConfig.model_validate({"url": "http://127.0.0.1:1/", **more}), set())


def test_a_consequence_is_not_reported_until_its_cause_is_over_and_it_is_still_there() -> None:
    webhook = hook()
    assert notified(webhook, tracked(LOST), tracked(BATTERY, LOST)) == [("DcimFeedLost", "active")]
    assert notified(webhook, tracked(LOST, active=False), tracked(BATTERY)) == [
        ("DcimFeedLost", "ended"),
        ("DcimUpsOnBattery", "active"),
    ]
    assert notified(webhook, tracked(BATTERY)) == []
    assert notified(webhook, tracked(BATTERY, active=False)) == [("DcimUpsOnBattery", "ended")]


def test_the_end_of_a_consequence_that_was_never_reported_is_not_reported() -> None:
    webhook = hook()
    assert notified(webhook, tracked(BATTERY, LOST)) == []
    assert notified(webhook, tracked(BATTERY, active=False)) == []


def test_a_webhook_for_critical_problems_is_notified_of_no_others() -> None:
    webhook = hook(severity="critical")
    assert notified(webhook, tracked(BATTERY), tracked(LOST)) == [("DcimFeedLost", "active")]
    assert notified(webhook, tracked(BATTERY, active=False)) == []


def test_the_end_of_a_problem_that_ends_while_its_beginning_is_notified_is_notified() -> None:
    webhook, one = hook(), tracked(LOST)
    reports = [(one, describe(one, 0, ""))]
    assert webhook.body(reports, 10.0) is not None
    one.is_active = False  # while the webhook takes its time
    webhook.note(reports)
    assert notified(webhook, one) == [("DcimFeedLost", "ended")]


def test_a_problem_that_begins_again_while_its_end_is_notified_is_notified_again() -> None:
    webhook, one = hook(), tracked(LOST)
    assert notified(webhook, one) == [("DcimFeedLost", "active")]
    one.is_active = False
    reports = [(one, describe(one, 0, ""))]
    assert webhook.body(reports, 10.0) is not None
    one.is_active = True
    webhook.note(reports)
    assert notified(webhook, one) == [("DcimFeedLost", "active")]


def test_a_target_is_left_alone_for_as_long_as_it_asks_for_up_to_a_limit() -> None:
    now_s = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT
    assert retry_after_s("30", now_s) == 30.0
    assert retry_after_s("Mon, 21 Sep 2026 14:14:05 GMT", now_s) == 45.0
    assert retry_after_s("Mon, 21 Sep 2026 14:13:00 GMT", now_s) == 0.0
    for far in ("86400", "9" * 5000, "Tue, 22 Sep 2026 14:13:20 GMT"):
        assert retry_after_s(far, now_s) == MAX_RETRY_AFTER_S


def alerts(one: TrackedProblem, wall_s: float) -> dict[str, Any]:
    """What Alertmanager is sent of one problem."""
    body = Alertmanager("http://127.0.0.1:1/api/v2/alerts").body([(one, describe(one, 0, "https://book"))], wall_s)
    assert body is not None
    (alert,) = cast("list[dict[str, Any]]", msgspec.json.decode(body))
    return alert


def times(manager: Alertmanager, one: TrackedProblem, wall_s: float) -> tuple[float, float]:
    """When one problem begins and ends by what an Alertmanager is sent."""
    ((begins, ends),) = (
        (each["startsAt"], each["endsAt"])
        for each in msgspec.json.decode(manager.body([(one, describe(one, 0, ""))], wall_s) or b"")
    )
    return datetime.fromisoformat(begins).timestamp(), datetime.fromisoformat(ends).timestamp()


def test_an_alert_has_prometheus_labels_times_with_offset_and_a_life_of_four_minutes() -> None:
    """Prometheus' own alert of the same labels is then the same one. A time without an offset would be another zone's."""
    alert = alerts(tracked(LOST), 100.5)
    assert alerts(tracked(BATTERY), 100.5)["endsAt"] == "1970-01-01T00:05:40.500+00:00"
    assert alert["labels"] == {"alertname": "DcimFeedLost", "severity": "critical", "subsystem": "power"} | dict(
        LOST[1]
    )
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert all(alert["annotations"].values())
    assert alert["startsAt"] == "1970-01-01T00:00:05.000+00:00"
    assert (LIFE_S, REPEAT_S) == (240.0, 60.0), "three repetitions may be lost"


def test_alertmanager_has_a_cause_until_it_is_notified_of_its_end() -> None:
    """The last repetition may be a minute older than the end; consequences that are still active would else notify somebody."""
    manager = Alertmanager("http://127.0.0.1:1/api/v2/alerts")
    longest = max(load_table().problems.values(), key=lambda each: each.linger_s)
    assert longest.linger_s + REPEAT_S > LIFE_S, "else this shows nothing"
    for problem in load_table().problems.values():
        one = TrackedProblem(problem, (), ("test",), 1.0, 1.0, is_active=True, since_s=100.0)
        kept_s = datetime.fromisoformat(alerts(one, 100.0)["endsAt"]).timestamp() - 100.0
        assert kept_s >= REPEAT_S + manager.end_after_s(problem), problem.name


def test_an_alert_that_is_over_ended_when_it_did() -> None:
    assert alerts(tracked(LOST, active=False), 100.0)["endsAt"] == "1970-01-01T00:00:09.000+00:00"
    restored = tracked(LOST, active=False)
    restored.ended_s = 0.0
    assert alerts(restored, 100.0)["endsAt"] == "1970-01-01T00:01:40.000+00:00", "now, if it is not known when"


def test_an_alert_begins_before_it_ends_and_not_later_than_now_whatever_the_clock_was_set_to() -> None:
    """Alertmanager refuses one that ends before it begins, and its end would never be notified of."""
    for since_s, ended_s in ((100.0, 0.0), (9000.0, 0.0), (9000.0, 4000.0), (100.0, 9000.0), (9000.0, 9500.0)):
        one = tracked(LOST, active=not ended_s)
        one.since_s, one.ended_s = since_s, ended_s
        times = [datetime.fromisoformat(alerts(one, 5000.0)[each]).timestamp() for each in ("startsAt", "endsAt")]
        assert times[0] == min(since_s, ended_s or 5000.0, 5000.0)
        assert times[1] == (min(ended_s, 5000.0) if ended_s else 5000.0 + life_s(one.problem))


def test_an_alert_has_the_times_of_alertmanagers_clock_once_the_clocks_are_known_to_differ() -> None:
    manager, one = Alertmanager("http://127.0.0.1:1/api/v2/alerts"), tracked(LOST)
    assert not manager.note_clock(CLOCKS_AGREE_S - 1.0, is_own=True)
    assert manager.note_clock(-3600.0, is_own=True), "what was sent is wrong"
    assert not manager.note_clock(-3601.0, is_own=True)
    assert manager.ahead_s == -3600.0
    assert times(manager, one, 100.0) == (3605.0, 3700.0 + life_s(one.problem))
    assert manager.note_clock(0.5, is_own=True)
    assert manager.ahead_s == 0.0, "they agree again"
    assert not hook().note_clock(-3600.0, is_own=True)


@pytest.mark.parametrize("sign", [-1, 1])
def test_clocks_that_differ_by_about_what_is_taken_as_one_do_not_come_and_go_with_each_answer(sign: int) -> None:
    """Answers tell whole seconds. Each change is a warning, and everything is sent once more."""
    manager = Alertmanager("http://127.0.0.1:1/api/v2/alerts")
    changes = [
        manager.note_clock(sign * (CLOCKS_AGREE_S + off_s), is_own=True) for off_s in (-0.3, 0.6, -0.3, 0.6, -0.3, 0.6)
    ]
    assert changes == [False, True, False, False, False, False]


@pytest.mark.parametrize("sign", [-1, 1])
def test_clocks_that_are_taken_as_one_end_no_alert_before_it_was_repeated_twice(sign: int) -> None:
    """One repetition may be lost."""
    manager, one, now = Alertmanager("http://127.0.0.1:1/api/v2/alerts"), tracked(LOST), 5000.0
    ahead_s = sign * (CLOCKS_AGREE_S - 0.1)
    assert not manager.note_clock(ahead_s, is_own=True)
    _, ends = times(manager, one, now)
    assert ends > now - ahead_s + 2 * REPEAT_S


@pytest.mark.parametrize("ahead_s", [-3600.0, 3600.0])
def test_behind_a_proxy_an_alert_has_times_that_are_right_by_its_clock_and_by_the_collectors(ahead_s: float) -> None:
    """Whichever of the two is Alertmanager's, what is active must not be over there, and what is over must not go on."""
    manager, now = Alertmanager("http://127.0.0.1:1/api/v2/alerts"), 100_000.0
    assert manager.note_clock(ahead_s, is_own=False)
    active, over = tracked(LOST), tracked(LOST, active=False)
    active.since_s, over.since_s, over.ended_s = now - 50.0, now - 50.0, now - 20.0
    for theirs in (now, now - ahead_s):
        begins, ends = times(manager, active, now)
        assert begins <= theirs - 50.0
        assert ends >= theirs + life_s(active.problem)
        begins, ends = times(manager, over, now)
        assert begins < ends <= theirs - 20.0
    manager.note_clock(ahead_s, is_own=True)
    assert times(manager, active, now) == (now - ahead_s - 50.0, now - ahead_s + life_s(active.problem))


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_a_date_of_an_answer_does_not_depend_on_the_time_zone_of_this_machine(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Date without a zone is UTC, as the asctime format of HTTP: read as local time, alerts would be hours off."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = {
            date_s(text)
            for text in ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "6 Nov 1994 08:49:37 -0000")
        }
    finally:
        monkeypatch.undo()
        time.tzset()
    assert found == {784111777.0}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "soon",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Sat, 06 Nov 1850 08:49:37 GMT",
            "Mon, 99 Foo 2026 10:00:00 GMT",
        ),
        # Too large for Python's own numbers, which is no ValueError.
        *("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 +99999999999999999999"),
    ],
)
def test_a_date_that_no_clock_shows_is_none(text: str) -> None:
    """What is told by the clock of the year 9999 would end after it, and could not be written at all: nobody would be notified again."""
    assert date_s(text) is None


def test_alertmanager_hears_of_an_end_after_prometheus_and_a_webhook_after_30_s() -> None:
    alertmanager = Alertmanager("http://a")
    problem = load_table().problems["DcimCduAllPumpsStopped"]
    assert problem.linger_s > 0
    assert alertmanager.end_after_s(problem) == problem.linger_s + PULL_LAG_S
    assert hook().end_after_s(problem) == SETTLE_S
    assert (PULL_LAG_S, SETTLE_S, alertmanager.repeats, hook().repeats) == (15.0, 30.0, True, False)


def test_after_an_outage_alertmanager_is_not_notified_of_alerts_that_expired_there() -> None:
    alertmanager, over = Alertmanager("http://a"), tracked(LOST, active=False)
    assert not alertmanager.is_stale(over, 9.0 + life_s(over.problem))
    assert alertmanager.is_stale(over, 9.1 + life_s(over.problem))
    assert not alertmanager.is_stale(tracked(LOST), 1e9)
    webhook = hook()
    assert webhook.is_stale(over, 10.0)
    notified(webhook, tracked(LOST))
    assert not webhook.is_stale(over, 1e9)


def test_all_configured_targets_are_notified_and_each_webhooks_notifications_are_remembered() -> None:
    config = ProblemsConfig.model_validate(
        {"alertmanagers": ["http://a:9093/"], "webhooks": [{"url": "http://h:1/x", "severity": "critical"}]}
    )
    alertmanager, webhook = targets(config, lambda url: {LOST} if url == "http://h:1/x" else set())
    assert alertmanager.url == "http://a:9093/api/v2/alerts"
    assert isinstance(webhook, Webhook)
    assert notified(webhook, tracked(LOST)) == [], "it was notified before a restart"
    assert notified(webhook, tracked(BATTERY)) == []


def test_only_answers_about_the_request_are_refusals_of_a_problem() -> None:
    """401, 404 and 5xx speak of the target, so that nothing is given up while it is set up wrongly."""
    assert REFUSALS == (400, 413, 422)


def test_alertmanager_folds_an_alarm_into_what_it_is_about_and_into_nothing_else() -> None:
    rules = cast("dict[str, list[dict[str, list[str]]]]", load_yaml_text(inhibit_rules(load_table()), "rules"))
    (rule,) = [
        rule
        for rule in rules["inhibit_rules"]
        if 'alertname="DcimCduPumpFailed"' in rule["source_matchers"]
        and 'alertname="DcimCduAlarmCritical"' in rule["target_matchers"]
    ]
    (alarms,) = [each for each in rule["target_matchers"] if each.startswith("alarm=~")]
    assert "pump" in alarms.split('"')[1].split("|")
    assert "reservoir_level" not in alarms


def test_alertmanager_folds_only_what_has_all_labels_that_must_agree() -> None:
    table = load_table()
    rules = cast("dict[str, list[dict[str, list[str]]]]", load_yaml_text(inhibit_rules(table), "rules"))
    # What is dark in no row explains devices that stand in none: to Alertmanager two missing labels are equal.
    of_rows = {f'alertname="{each.name}"' for each in table.problems.values() if "row" in each.may_lack}
    assert of_rows
    for rule in rules["inhibit_rules"]:
        may_lack = {"site", "row"} if of_rows & set(rule["source_matchers"]) else {"site"}
        needed = {f'{label}!=""' for label in rule["equal"] if label not in may_lack}
        for matchers in (rule["source_matchers"], rule["target_matchers"]):
            assert {each for each in matchers if each.endswith('!=""')} == needed


def test_a_webhook_is_notified_of_a_problem_under_maintenance_only_when_that_is_over() -> None:
    webhook = hook()
    planned = tracked(LOST)
    planned.window = Window.model_validate(
        {"id": "w", "until": "2026-11-27T12:00:00Z", "why": "new fans", "match": {"feed": "A"}}
    )
    assert notified(webhook, planned) == []
    planned.window = None
    assert notified(webhook, planned) == [("DcimFeedLost", "active")]


FEED_LOST = "A feed is lost; its racks run on what remains."
WHAT_TO_DO = (
    "Feed A at s: 100% of its devices are dark, on battery or without input voltage. Its racks run on the other feed, or are off. "
    "Check the mains, the generator and the main breaker of this feed, and shed load if the other feed nears its limits."
)


def test_an_alert_says_what_happened_and_what_to_do_each_in_its_place() -> None:
    annotations = alerts(tracked(LOST), 100.5)["annotations"]
    assert annotations["summary"] == FEED_LOST
    assert annotations["description"] == WHAT_TO_DO
    assert annotations["runbook_url"].endswith("RUNBOOK.md#dcimfeedlost")


def test_a_webhooks_document_names_its_format_its_time_and_all_of_a_problem() -> None:
    one = tracked(LOST)
    body = hook().body([(one, describe(one, 0, "https://book/"))], 1_795_000_000.1235)
    assert body is not None
    document = cast("dict[str, Any]", msgspec.json.decode(body))
    (problem,) = document.pop("problems")
    assert document == {"schema": 1, "time": 1_795_000_000_124}
    assert problem.pop("id").startswith("DcimFeedLost-")
    assert problem == {
        "name": "DcimFeedLost",
        "status": "active",
        "severity": "critical",
        "subsystem": "power",
        "summary": FEED_LOST,
        "description": WHAT_TO_DO,
        "labels": {"feed": "A", "site": "s"},
        "since": 5000,
        "value": 1.0,
        "peak": 1.0,
        "runbook": "https://book/deploy/RUNBOOK.md#dcimfeedlost",
    }


def test_a_target_that_does_not_answer_is_tried_again_as_the_manual_says() -> None:
    """docs/how-to/alerts.md: given up after 5 s, again after 0.2 s to 30 s, left alone for 2 minutes at most."""
    assert (TIMEOUT_S, PAUSES_S, MAX_RETRY_AFTER_S) == (5.0, (0.2, 1.0, 5.0, 30.0), 120.0)
