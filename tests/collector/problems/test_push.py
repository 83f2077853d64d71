"""What a webhook is told of, and which rules of inhibition Alertmanager gets."""

from typing import Any, cast

import msgspec

from collector.problems.conditions import labels_of
from collector.problems.promql import inhibit_rules
from collector.problems.push import Webhook
from collector.problems.report import describe
from collector.problems.settings import WebhookConfig
from collector.problems.table import load_table
from collector.problems.tracker import Key, Tracked
from rackflow.process.yaml import load_yaml_text

LOST = "DcimFeedLost", labels_of({"site": "s", "feed": "A"})
BATTERY = "DcimUpsOnBattery", labels_of({"site": "s", "feed": "A", "device": "u", "state": "battery"})


def tracked(key: Key, cause: Key | None = None, *, active: bool = True) -> Tracked:
    problem = load_table().problems[key[0]]
    return Tracked(
        problem, key[1], ("u",), 1.0, 1.0, is_active=active, since_s=5.0, ended_s=0.0 if active else 9.0, cause=cause
    )


def told(webhook: Webhook, *changed: Tracked) -> list[tuple[str, str]]:
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


def test_a_consequence_is_not_told_until_its_cause_is_over_and_it_is_still_there() -> None:
    webhook = hook()
    assert told(webhook, tracked(LOST), tracked(BATTERY, LOST)) == [("DcimFeedLost", "active")]
    assert told(webhook, tracked(LOST, active=False), tracked(BATTERY)) == [
        ("DcimFeedLost", "ended"),
        ("DcimUpsOnBattery", "active"),
    ]
    assert told(webhook, tracked(BATTERY)) == []
    assert told(webhook, tracked(BATTERY, active=False)) == [("DcimUpsOnBattery", "ended")]


def test_the_end_of_a_consequence_that_nobody_was_told_of_is_not_told() -> None:
    webhook = hook()
    assert told(webhook, tracked(BATTERY, LOST)) == []
    assert told(webhook, tracked(BATTERY, active=False)) == []


def test_a_webhook_for_critical_problems_is_told_of_no_other() -> None:
    webhook = hook(severity="critical")
    assert told(webhook, tracked(BATTERY), tracked(LOST)) == [("DcimFeedLost", "active")]
    assert told(webhook, tracked(BATTERY, active=False)) == []


def test_what_ends_while_its_beginning_is_told_is_told_to_have_ended() -> None:
    webhook, one = hook(), tracked(LOST)
    reports = [(one, describe(one, 0, ""))]
    assert webhook.body(reports, 10.0) is not None
    one.is_active = False  # while the webhook takes its time
    webhook.note(reports)
    assert told(webhook, one) == [("DcimFeedLost", "ended")]


def test_what_begins_anew_while_its_end_is_told_is_told_again() -> None:
    webhook, one = hook(), tracked(LOST)
    assert told(webhook, one) == [("DcimFeedLost", "active")]
    one.is_active = False
    reports = [(one, describe(one, 0, ""))]
    assert webhook.body(reports, 10.0) is not None
    one.is_active = True
    webhook.note(reports)
    assert told(webhook, one) == [("DcimFeedLost", "active")]


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
    rules = cast("dict[str, list[dict[str, list[str]]]]", load_yaml_text(inhibit_rules(load_table()), "rules"))
    for rule in rules["inhibit_rules"]:
        needed = {f'{label}!=""' for label in rule["equal"] if label != "site"}
        assert needed <= set(rule["source_matchers"])
        assert needed <= set(rule["target_matchers"])
