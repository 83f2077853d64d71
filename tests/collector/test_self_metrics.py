"""What a collector says of itself: each number under its own name."""

import time
from collections import Counter

import pytest

from collector.counters import Counters
from collector.latest import Latest
from collector.ledger import AgentAccount
from collector.self_metrics import DeliveryFigures, SelfMetrics
from rackflow.documents import Account
from rackflow.outbox import OutboxStats
from rackflow.process.loop_lag import LoopLag
from tests.collector.polls import WALL_S, Agent

WHO = ("cas1", "gw-3")
SPOOL = OutboxStats(31, 4096, 65536, 1_795_000_000_000, {}, Account(kind="disk"), durable=False)
ACCOUNT = AgentAccount(100, 70, 2, 13, 5, Counter({"full": 12}))
DELIVERY = DeliveryFigures(
    spool=SPOOL,
    accounts={WHO: ACCOUNT},
    clones={WHO: True},
    failures={"write": 3},
    refused={WHO: 8},
    beyond={WHO: True},
    other_site_files={WHO: True},
    contested={("cas1", "cdu-07"): "gw-4"},
    failing_parts={"figures": True},
    part_failures={("records", "OSError"): 2},
    unheard={WHO: 6},
    is_store_available=False,
    is_ledger_durable=True,
    http_refused={"pace": 9},
    loop=LoopLag(lag_s=0.5, hold_s=0.2),
)


def shown(delivery: DeliveryFigures = DELIVERY) -> dict[str, float]:
    """Values on the page, by what follows `dcim_`."""
    counters = Counters()
    counters.mqtt_connected, counters.mqtt_takeovers, counters.messages_received = True, 4, 1000
    counters.points_waiting, counters.points_stored = 17, 900
    counters.failures["schema"] += 6
    counters.write_failures["refused"] += 7
    counters.stored_published, counters.stored_refused = 41, 42
    counters.count_event("standstill")
    counters.latency.observe(0.02)
    counters.latency.observe(400.0)
    latest = Latest(5000)
    latest.refused = 43
    Agent(latest, "gw-9", site="rab1").polls(0.0)
    text = SelfMetrics(counters, latest, "broker:1883", "file").render(321, delivery)
    lines = [line for line in text.splitlines() if line.startswith("dcim_")]
    return {line.removeprefix("dcim_").rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_a_collector_reports_each_of_its_numbers_under_its_own_name() -> None:
    found, who = shown(), 'agent="gw-3",site="cas1"'
    expected = {
        'collector_mqtt_connected{broker="broker:1883"}': 1.0,
        "collector_mqtt_takeovers_total": 4,
        "collector_messages_received_total": 1000,
        'collector_own_reconnects_total{reason="standstill"}': 1,
        'collector_own_reconnects_total{reason="overload"}': 0,
        "collector_stored_documents_published_total": 41,
        "collector_stored_documents_refused_total": 42,
        "collector_series_refused_total": 43,
        'collector_message_latency_seconds_bucket{le="0.01"}': 0,
        'collector_message_latency_seconds_bucket{le="0.025"}': 1,
        'collector_message_latency_seconds_bucket{le="600.0"}': 2,
        "collector_message_latency_seconds_sum": 400.02,
        'collector_last_message_timestamp_seconds{agent="gw-9",site="rab1"}': WALL_S,
        'collector_devices_never_heard{agent="gw-3",site="cas1"}': 6,
        'collector_part_failures_total{error="OSError",part="records"}': 2,
        'collector_store_available{store="file"}': 0,
        "collector_ledger_durable": 1,
        'collector_message_failures_total{reason="schema"}': 6,
        "collector_influx_queue_points": 17,
        'collector_points_written_total{store="file"}': 900,
        'collector_influx_write_failures_total{reason="refused"}': 7,
        "collector_spool_messages": 31,
        "collector_spool_bytes": 4096,
        "collector_spool_limit_bytes": 65536,
        "collector_spool_durable": 0.0,
        "collector_spool_oldest_timestamp_seconds": 1_795_000_000.0,
        "collector_series": 321,
        "collector_series_limit": 5000,
        "collector_loop_lag_seconds": 0.5,
        "collector_loop_hold_seconds": 0.2,
        'collector_ledger_failures_total{reason="write"}': 3,
        f"collector_ledger_produced_messages{{{who}}}": 100,
        f"collector_ledger_stored_messages{{{who}}}": 70,
        f"collector_ledger_duplicate_messages{{{who}}}": 2,
        f"collector_ledger_in_flight_messages{{{who}}}": 13,
        f"collector_ledger_missing_messages{{{who}}}": 5,
        'collector_ledger_dropped_messages{agent="gw-3",reason="full",site="cas1"}': 12,
        f"collector_agent_clones{{{who}}}": 1.0,
        f"collector_agent_series_refused_total{{{who}}}": 8,
        f"collector_agent_over_budget{{{who}}}": 1.0,
        f"collector_agent_site_file_differs{{{who}}}": 1.0,
        'collector_http_refused_total{reason="pace"}': 9,
        'collector_part_failing{part="figures"}': 1.0,
        'device_contested{agent="gw-4",device="cdu-07",site="cas1"}': 1.0,
    }
    assert {name: found.get(name) for name in expected} == expected


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_collector_that_gets_a_part_of_the_messages_calls_none_missing(*, is_whole: bool) -> None:
    """The others have the rest."""
    found = shown(DeliveryFigures(accounts={WHO: ACCOUNT}, is_whole=is_whole))
    assert any("missing_messages" in name for name in found) is is_whole
    assert not any("spool" in name for name in found), "without an outbox there is nothing to say of one"


def test_what_was_dropped_is_shown_of_each_agent() -> None:
    other = AgentAccount(10, 7, 0, 0, 0, Counter({"full": 2, "expired": 1}))
    found = shown(DeliveryFigures(accounts={WHO: ACCOUNT, ("cas1", "gw-4"): other}))
    assert {name: value for name, value in found.items() if "dropped" in name} == {
        'collector_ledger_dropped_messages{agent="gw-3",reason="full",site="cas1"}': 12,
        'collector_ledger_dropped_messages{agent="gw-4",reason="full",site="cas1"}': 2,
        'collector_ledger_dropped_messages{agent="gw-4",reason="expired",site="cas1"}': 1,
    }


@pytest.mark.parametrize("is_so", [True, False])
def test_the_page_of_the_safety_class_says_whether_the_collector_is_connected_and_keeps_up(*, is_so: bool) -> None:
    counters, latest = Counters(), Latest(5000)
    counters.mqtt_connected = is_so
    if is_so:
        latest.note_behind(time.monotonic())
    lines = SelfMetrics(counters, latest, 'bro"ker:1883', "file").render_connection().splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        f'dcim_collector_mqtt_connected{{broker="bro\\"ker:1883"}} {float(is_so)}',
        f"dcim_collector_behind {float(is_so)}",
    ]
