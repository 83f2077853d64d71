"""The reasons that counters have from the start. They are label values on /metrics, which alerts and dashboards name."""

from collector.counters import Counters


def test_every_reason_of_a_message_that_was_not_used_begins_at_0() -> None:
    """Prometheus' increase() does not see the first count of a series that begins at 1, and the alert would not fire."""
    assert Counters().failures == dict.fromkeys(
        [
            *(
                "agents",
                "decode",
                "devices",
                "interval",
                "key",
                "muted",
                "overflow",
                "owner",
                "range",
                "reserved",
                "schema",
            ),
            *("series", "shed", "site", "sites", "size", "stale", "state", "time", "topic", "type", "unknown_metric"),
            "unlogged",
        ],
        0,
    )


def test_every_reason_of_a_write_that_failed_begins_at_0() -> None:
    assert Counters().write_failures == dict.fromkeys(["retryable", "refused", "torn", "dead_letter", "derived"], 0)
