"""What people were sent in a storm is counted from Alertmanager's messages."""

from typing import Any

from tests.incidents.storms import firing, repeated


def message(*alerts: tuple[str, str], group: str = "mains") -> dict[str, Any]:
    """A message to a receiver: fingerprints and states of its alerts."""
    return {
        "receiver": "critical",
        "groupKey": group,
        "groupLabels": {"alertname": group},
        "alerts": [{"fingerprint": name, "status": status} for name, status in alerts],
    }


def test_a_storm_is_over_when_the_end_of_each_of_its_alerts_was_notified() -> None:
    both = message(("a", "firing"), ("b", "firing"))
    assert firing([both, message(("a", "resolved"), ("b", "firing"))]) == {"b"}
    assert not firing([both, message(("a", "resolved")), message(("b", "resolved"))])
    assert firing([message(("a", "firing")), message(("a", "resolved")), message(("a", "firing"))]) == {"a"}


def test_a_message_that_says_nothing_new_is_a_repeat_and_a_further_alert_or_an_end_is_none() -> None:
    first = message(("a", "firing"))
    assert repeated([first, first])
    assert not repeated([first, message(("a", "firing"), ("b", "firing"))])
    assert not repeated([first, message(("a", "resolved"))])
    assert not repeated([first, message(("a", "firing"), group="leaks")])
