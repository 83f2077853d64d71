"""Health of the telemetry itself: whether what the other boards show can be trusted.

Rate, errors and duration along the data path: devices, agents, broker, collector, store.
"""

from typing import Final

from grafana.boards.board import Board
from grafana.boards.catalogued import Limits, Unit
from grafana.boards.panels import (
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SITE,
    Query,
    Row,
    Words,
    chart,
    heatmap,
    over,
    ranked,
    stat,
    table,
    timeline,
    top,
    yes_no,
)

RATE: Final = "[$__rate_interval]"
OBSERVED: Final[Words] = {-1.0: ("unknown", PURPLE), 0.0: ("no answer", RED), 1.0: ("up", GREEN)}
# Collectors have no site: one may serve several.
LATENCY: Final = f"sum by (le) (rate(dcim_collector_message_latency_seconds_bucket{RATE}))"
CLASSES: Final = over("max by (site, device, device_class)", SITE("dcim_device_info"))
LAST_ANSWER: Final = "dcim_device_last_success_timestamp_seconds"


def rate_of(metric: str, by: str, *where: str) -> str:
    """Per second, of a counter of agents."""
    return f"sum by ({by}) (rate({SITE.select(metric, *where)}{RATE}))"


def collector_rate(metric: str, by: str) -> str:
    """Per second, of a counter of collectors."""
    return f"sum by ({by}) (rate({metric}{RATE}))" if by else f"sum(rate({metric}{RATE}))"


NOW: Final = Row(
    "Can the other boards be trusted?",
    [
        (
            4,
            [
                stat(
                    "Collectors that answer",
                    'count(up{job="dcim-collector"} == 1)',
                    4,
                    limits=Limits(critical=1, falling=True),
                    why="To the scrapes of Prometheus; two watch one site where one may fail.",
                ),
                stat(
                    "Connection to the broker",
                    over("min", "dcim_collector_mqtt_connected"),
                    4,
                    "dcim_collector_mqtt_connected",
                    words={0.0: ("lost", RED), 1.0: ("connected", GREEN)},
                ),
                stat(
                    "Agents that are silent",
                    f"sum({SITE('dcim_agent_up')} == bool 0)",
                    4,
                    "dcim_agent_up",
                    limits=Limits(critical=1),
                ),
                stat(
                    "Devices that do not answer",
                    f"sum({SITE('dcim_device_up')} == bool 0)",
                    4,
                    "dcim_device_up",
                    limits=Limits(warning=1),
                ),
                stat(
                    "Devices that nobody observes",
                    f"sum({SITE('dcim_device_observed')} == bool 0)",
                    4,
                    "dcim_device_observed",
                    limits=Limits(warning=1),
                ),
                stat(
                    "Readings that are not trusted",
                    f"count({SITE('dcim_device_reading_suspect')} == 1) or 0 * count({SITE('dcim_device_observed')} == 1)",
                    4,
                    "dcim_device_reading_suspect",
                    limits=Limits(warning=1),
                ),
            ],
        ),
        (
            4,
            [
                stat(
                    "Missing messages",
                    over("sum", SITE("dcim_collector_ledger_missing_messages")),
                    4,
                    "dcim_collector_ledger_missing_messages",
                    limits=Limits(warning=1),
                ),
                stat(
                    "Messages waiting in agents",
                    over("sum", SITE("dcim_agent_spool_messages")),
                    4,
                    "dcim_agent_spool_messages",
                    limits=Limits(warning=1000),
                ),
                stat(
                    "Points not stored yet",
                    over("sum", "dcim_collector_influx_queue_points"),
                    4,
                    "dcim_collector_influx_queue_points",
                    limits=Limits(warning=100_000),
                ),
                stat(
                    "Series exposed, of the limit",
                    over("max", "dcim_collector_series / dcim_collector_series_limit"),
                    4,
                    unit=Unit("percentunit"),
                    limits=Limits(0.8, 1),
                ),
                stat(
                    "Largest clock offset",
                    f"max(abs({SITE.select('dcim_agent_clock_offset_seconds')}))",
                    4,
                    "dcim_agent_clock_offset_seconds",
                ),
                stat(
                    "Rejected readings",
                    over("sum", SITE("dcim_device_rejected_readings")),
                    4,
                    "dcim_device_rejected_readings",
                    limits=Limits(warning=1),
                ),
            ],
        ),
    ],
)

DEVICES: Final = Row(
    "Devices",
    [
        (
            9,
            [
                chart(
                    "Devices that are up, by class",
                    [
                        Query(
                            f"count by (device_class) ({CLASSES} and on (site, device) {SITE('dcim_device_up')} == 1)",
                            "{{device_class}}",
                        )
                    ],
                    8,
                ),
                table(
                    "Devices that are not up",
                    exprs=f"({SITE('dcim_device_up')} == 0) or ({SITE('dcim_device_observed')} - 1 < 0)",
                    width=10,
                    columns={
                        "device": "Device",
                        "room": "Room",
                        "agent": "Agent",
                        "site": "Site",
                        "Value": "State",
                    },
                    tints={"State": OBSERVED},
                    sort="Device",
                    why="Empty while all are up, and also while nothing is known: the counts above tell which.",
                ),
                table(
                    "Why devices are not observed",
                    exprs=over("max by (site, agent, reason)", SITE("dcim_agent_unobserved_devices")),
                    width=6,
                    columns={"agent": "Agent", "reason": "Reason", "Value": "Devices"},
                    of="dcim_agent_unobserved_devices",
                    sort="-Devices",
                ),
            ],
        ),
        (
            9,
            [
                heatmap(
                    "How long polls take",
                    SITE("dcim_device_poll_duration_seconds"),
                    8,
                    "dcim_device_poll_duration_seconds",
                ),
                ranked(
                    "Longest without an answer",
                    expr=f"topk(15, time() - max by (site, device) ({SITE(LAST_ANSWER)}))",
                    legend="{{device}}",
                    width=8,
                    unit=Unit("s"),
                    limits=Limits(60, 300),
                ),
                table(
                    "Readings that are not trusted",
                    exprs=over("max by (site, device, reading, reason)", SITE("dcim_device_reading_suspect")) + " == 1",
                    width=8,
                    columns={"device": "Device", "reading": "Reading", "reason": "Why", "site": "Site"},
                    of="dcim_device_reading_suspect",
                    why="Empty while all readings are trusted, and also while nothing is known.",
                ),
            ],
        ),
    ],
)

AGENTS: Final = Row(
    "Agents",
    [
        (
            8,
            [
                table(
                    "Agents",
                    exprs=[
                        over("max by (site, agent)", SITE("dcim_agent_up")),
                        over("max by (site, agent)", SITE("dcim_agent_devices", 'state="up"')),
                        over("max by (site, agent)", SITE("dcim_agent_devices", 'state="down"')),
                        over("max by (site, agent)", SITE("dcim_agent_spool_messages")),
                        over("max by (site, agent)", SITE("dcim_agent_clock_offset_seconds")),
                        over("max by (site, agent)", SITE("dcim_agent_config_last_reload_successful")),
                        over("max by (site, agent)", SITE("dcim_agent_spool_durable")),
                    ],
                    width=16,
                    columns={
                        "agent": "Agent",
                        "site": "Site",
                        "Value #A": "State",
                        "Value #B": "Devices up",
                        "Value #C": "Devices down",
                        "Value #D": "Waiting",
                        "Value #E": "Clock offset",
                        "Value #F": "Configuration",
                        "Value #G": "Outbox",
                    },
                    cells={
                        "Devices up": "dcim_agent_devices",
                        "Devices down": "dcim_agent_devices",
                        "Waiting": "dcim_agent_spool_messages",
                        "Clock offset": "dcim_agent_clock_offset_seconds",
                    },
                    tints={
                        "State": {0.0: ("silent", RED), 1.0: ("online", GREEN)},
                        "Configuration": {0.0: ("refused, the old one runs", ORANGE), 1.0: ("as configured", GREEN)},
                        "Outbox": {0.0: ("in memory", ORANGE), 1.0: ("on disk", GREEN)},
                    },
                    sort="Agent",
                ),
                table(
                    "Versions",
                    exprs=over("max by (site, agent, version, python, hostname)", SITE("dcim_agent_info")),
                    width=8,
                    columns={"agent": "Agent", "version": "Version", "python": "Python", "hostname": "Host"},
                    of="dcim_agent_info",
                ),
            ],
        ),
        (
            8,
            [
                chart(
                    "Polls",
                    [
                        Query(rate_of("dcim_agent_polls_total", "site, agent"), "{{agent}}"),
                        Query(rate_of("dcim_agent_poll_overruns_total", "site, agent"), "{{agent}} skipped as late"),
                    ],
                    8,
                    unit=Unit("ops"),
                ),
                chart(
                    "Polls that fail",
                    [Query(rate_of("dcim_agent_poll_failures_total", "site, reason"), "{{reason}}")],
                    8,
                    unit=Unit("ops"),
                ),
                chart(
                    "Outboxes, of their room",
                    [
                        Query(
                            over(
                                "max by (site, agent)",
                                f"{SITE.select('dcim_agent_spool_bytes')} / {SITE.select('dcim_agent_spool_limit_bytes')}",
                            ),
                            "{{agent}}",
                        )
                    ],
                    8,
                    unit=Unit("percentunit"),
                    limits=Limits(0.5, 0.8),
                ),
            ],
        ),
    ],
)

COLLECTOR: Final = Row(
    "Collector and store",
    [
        (
            8,
            [
                chart(
                    "From the poll to the collector",
                    [
                        Query(f"histogram_quantile(0.5, {LATENCY})", "median"),
                        Query(f"histogram_quantile(0.99, {LATENCY})", "99th percentile"),
                    ],
                    7,
                    unit=Unit("s"),
                    limits=Limits(warning=2),
                ),
                chart(
                    "Messages and points",
                    [
                        Query(collector_rate("dcim_collector_messages_received_total", ""), "messages received"),
                        Query(collector_rate("dcim_collector_points_written_total", "store"), "points to {{store}}"),
                    ],
                    7,
                    unit=Unit("ops"),
                ),
                chart(
                    "Refused messages, failed writes",
                    [
                        Query(collector_rate("dcim_collector_message_failures_total", ""), "messages"),
                        Query(collector_rate("dcim_collector_influx_write_failures_total", ""), "writes"),
                    ],
                    5,
                    unit=Unit("ops"),
                ),
                ranked(
                    "Why, in the last hour",
                    expr=top(
                        10,
                        "sum by (reason) (increase(dcim_collector_message_failures_total[1h]))"
                        " or sum by (reason) (increase(dcim_collector_influx_write_failures_total[1h]))",
                    ),
                    legend="{{reason}}",
                    width=5,
                    of="dcim_collector_message_failures_total",
                    limits=Limits(warning=1),
                ),
            ],
        ),
        (
            8,
            [
                timeline(
                    "Optional parts of the collector",
                    expr=over("max by (part)", "dcim_collector_part_failing"),
                    legend="{{part}}",
                    width=8,
                    of="dcim_collector_part_failing",
                    words=yes_no("works", "FAILS", ORANGE),
                ),
                table(
                    "The account of each agent's messages",
                    exprs=[
                        over("max by (site, agent)", SITE("dcim_collector_ledger_produced_messages")),
                        over("max by (site, agent)", SITE("dcim_collector_ledger_stored_messages")),
                        over("max by (site, agent)", SITE("dcim_collector_ledger_in_flight_messages")),
                        over("max by (site, agent)", SITE("dcim_collector_ledger_missing_messages")),
                    ],
                    width=10,
                    columns={
                        "agent": "Agent",
                        "site": "Site",
                        "Value #A": "Produced",
                        "Value #B": "Stored",
                        "Value #C": "In flight",
                        "Value #D": "Missing",
                    },
                    cells={"Missing": "dcim_collector_ledger_missing_messages"},
                ),
                table(
                    "Certificates",
                    exprs="(min by (component, subject) (dcim_certificate_expiry_timestamp_seconds)) * 1000",
                    width=6,
                    columns={"component": "Component", "subject": "Subject", "Value": "Expires"},
                    unit=Unit("dateTimeFromNow"),
                    limits=Limits(),
                    sort="Expires",
                    why="Where connections use TLS.",
                ),
            ],
        ),
        (
            8,
            [
                chart(
                    "Delay of the event loop",
                    [Query(over("max", "dcim_collector_loop_lag_seconds"), "longest of a minute")],
                    8,
                    "dcim_collector_loop_lag_seconds",
                ),
                table(
                    "Figures and what they rest on",
                    exprs=[
                        over("min by (site, figure)", SITE("dcim_figure_known")),
                        over("min by (site, figure)", SITE("dcim_figure_inputs_ratio")),
                        over("max by (site, figure)", SITE("dcim_figure_oldest_input_seconds")),
                    ],
                    width=16,
                    columns={
                        "figure": "Figure",
                        "site": "Site",
                        "Value #A": "Known",
                        "Value #B": "Inputs",
                        "Value #C": "Oldest input",
                    },
                    cells={"Inputs": "dcim_figure_inputs_ratio", "Oldest input": "dcim_figure_oldest_input_seconds"},
                    tints={"Known": {0.0: ("unknown", PURPLE), 1.0: ("known", GREEN)}},
                    sort="Known",
                    why="Of several places the worst.",
                ),
            ],
        ),
    ],
)

BOARD: Final = Board(
    uid="dcim-telemetry",
    title="telemetry health",
    question="Can what the other boards show be trusted: who is observed, what is late, refused or lost?",
    variables=("site",),
    rows=[NOW, DEVICES, AGENTS, COLLECTOR],
    alerts="telemetry",
)
