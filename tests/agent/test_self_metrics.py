"""What an agent says of itself: each number under its own name, and each reason from the start."""

from dataclasses import replace

from agent.self_metrics import DROP_REASONS, PUBLISH_FAILURES, TOPIC_REFUSALS, Counters, loop_values, own_values
from rackflow.documents import Account
from rackflow.outbox import OutboxStats
from rackflow.process.loop_lag import LoopLag

STATS = OutboxStats(
    messages=90,
    size_bytes=4096,
    limit_bytes=65536,
    oldest_ms=1_795_000_000_000,
    dropped={"full": 4},
    account=Account(kind="disk"),
    durable=False,
    damaged=2,
    held=7,
    awaiting=30,
    republished=11,
    limit_s=3600.0,
)


def test_an_agent_reports_each_of_its_numbers_under_its_own_name() -> None:
    counters = Counters(
        events_dropped=1, overruns=2, samples=300, connected=True, reconnects=5, takeovers=6, stored_documents_invalid=8
    )
    counters.start_at_zero(["snmp"])
    counters.polls["snmp"] += 40
    counters.failures["snmp", "timeout"] += 3
    counters.rejected["range"] += 9
    counters.publish_failures["timeout"] += 12
    found = own_values(counters, STATS, {"up": 20, "down": 1, "disabled": 3})
    expected = {
        "poll_overruns_total": 2,
        "samples_total": 300,
        "events_dropped_total": 1,
        "mqtt_connected": 1.0,
        "mqtt_reconnects_total": 5,
        "mqtt_takeovers_total": 6,
        # Those that the broker has confirmed wait for a collector, and not for the broker.
        "spool_messages": 60,
        "spool_awaiting_messages": 30,
        "spool_held_messages": 7,
        "spool_republished_messages_total": 11,
        "stored_documents_invalid_total": 8,
        "spool_bytes": 4096,
        "spool_limit_bytes": 65536,
        "spool_limit_seconds": 3600.0,
        "spool_oldest_timestamp_seconds": 1_795_000_000.0,
        "spool_durable": 0.0,
        "spool_damaged_total": 2,
        "spool_dropped_messages_total{reason=full}": 4,
        "config_last_reload_successful": 1.0,
        "devices{state=up}": 20,
        "devices{state=down}": 1,
        "devices{state=disabled}": 3,
        "polls_total{protocol=snmp}": 40,
        "poll_failures_total{protocol=snmp,reason=timeout}": 3,
        "samples_rejected_total{reason=range}": 9,
        "publish_failures_total{reason=timeout}": 12,
    }
    own = {name.removeprefix("dcim_agent_"): value for name, value in found.items()}
    assert {name: own.get(name) for name in expected} == expected


def test_every_reason_is_there_at_zero_before_it_is_met() -> None:
    """Prometheus does not see the first increase of a counter that appears with the value 1."""
    counters = Counters()
    counters.start_at_zero(["modbus"])
    found = own_values(counters, STATS, {})
    names = {
        *(f"spool_dropped_messages_total{{reason={why}}}" for why in DROP_REASONS if why != "full"),
        *(f"publish_failures_total{{reason={why}}}" for why in PUBLISH_FAILURES),
        *(f"topics_refused{{reason={why}}}" for why in TOPIC_REFUSALS),
        "polls_total{protocol=modbus}",
        "poll_failures_total{protocol=modbus,reason=unreachable}",
    }
    assert {name: found.get(f"dcim_agent_{name}") for name in names} == dict.fromkeys(names, 0)


def test_how_late_an_agent_is_has_its_own_names() -> None:
    assert loop_values(LoopLag(lag_s=0.5, hold_s=0.2), waiting=3, plans=40) == {
        "dcim_agent_loop_lag_seconds": 0.5,
        "dcim_agent_loop_hold_seconds": 0.2,
        "dcim_agent_devices_waiting": 3,
        "dcim_agent_plans_total": 40,
    }


def test_an_outbox_without_a_limit_of_age_tells_none() -> None:
    """0 s would be one in which everything expires."""
    found = own_values(Counters(), replace(STATS, limit_s=0.0), {})
    assert "dcim_agent_spool_limit_seconds" not in found
