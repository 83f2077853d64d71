"""The wall of the control room: is anything wrong, and where. Numbers are large, and nothing needs a click to be read."""

from typing import Final

from grafana.boards.board import Board
from grafana.boards.catalogued import Limits, Unit
from grafana.boards.expressions import (
    AUTONOMY,
    ESTIMATE,
    INLET,
    LEAKS,
    TO_RACK,
    TO_RUNBOOK,
    TO_UPS,
    facility_power,
    it_power,
    pue_estimate,
)
from grafana.boards.panels import (
    BLUE,
    GREEN,
    RED,
    SEVERITIES,
    SITE,
    Query,
    Row,
    Words,
    alerts,
    alerts_since,
    board_link,
    chart,
    over,
    ranked,
    stat,
    table,
    top,
)

ONE_IS_CRITICAL: Final = Limits(critical=1)
ONE_IS_A_WARNING: Final = Limits(warning=1)
HOLDS: Final[Words] = {0.0: ("falls", RED), 1.0: ("holds", GREEN)}

PROBLEMS: Final = {
    "alertname": "Problem",
    "severity": "Severity",
    "site": "Site",
    "row": "Row",
    "rack": "Rack",
    "device": "Device",
    "feed": "Feed",
    "loop": "Loop",
    "Value": "Since",
}

COUNTED: Final = "Alerts that fire. No data while Prometheus reaches no collector: nothing would be seen then."

NOW: Final = Row(
    "Is anything wrong?",
    [
        (
            4,
            [
                stat(
                    "Critical problems",
                    alerts('severity="critical"'),
                    4,
                    limits=ONE_IS_CRITICAL,
                    why=COUNTED,
                ),
                stat("Warnings", alerts('severity="warning"'), 4, limits=ONE_IS_A_WARNING, why=COUNTED),
                stat(
                    "Survives the loss of a feed",
                    over("min by (site, feed)", SITE("dcim_site_survives_feed_loss")),
                    4,
                    "dcim_site_survives_feed_loss",
                    legend="{{feed}}",
                    words=HOLDS,
                    link=board_link("dcim-power"),
                ),
                stat(
                    "Leaks",
                    f"sum(max by (site, device, detector, sensor, zone) ({LEAKS}))",
                    4,
                    "dcim_leak_detected",
                    limits=ONE_IS_CRITICAL,
                    link=board_link("dcim-liquid"),
                ),
                stat(
                    "Devices that do not answer", f"sum({SITE('dcim_device_up')} == bool 0)", 4, limits=ONE_IS_A_WARNING
                ),
                stat(
                    "Devices that nobody observes",
                    f"sum({SITE('dcim_device_observed')} == bool 0)",
                    4,
                    "dcim_device_observed",
                    limits=ONE_IS_A_WARNING,
                    why="Whether these are well is unknown.",
                    link=board_link("dcim-telemetry"),
                ),
            ],
        ),
        (
            4,
            [
                stat("Facility power", facility_power(), 4, "dcim_site_facility_watts", base=BLUE),
                stat(
                    "IT power",
                    it_power(),
                    4,
                    "dcim_meter_power_watts",
                    base=BLUE,
                    why="By the IT meters, or by the rack PDUs where there are none.",
                ),
                stat(
                    "PUE, last hour (estimate)",
                    pue_estimate(),
                    4,
                    "dcim_site_interim_pue_ratio",
                    limits=Limits(warning=1.5),
                    base=BLUE,
                    decimals=2,
                    why=ESTIMATE,
                    link=board_link("dcim-green"),
                ),
                stat(
                    "PUE over complete hours",
                    over("max by (site, window)", SITE("dcim_site_interim_pue_ratio", 'window=~"day|month"')),
                    4,
                    "dcim_site_interim_pue_ratio",
                    legend="{{window}}",
                    limits=Limits(warning=1.5),
                    base=BLUE,
                    decimals=2,
                    link=board_link("dcim-green"),
                ),
                stat(
                    "Least time on battery",
                    over("min", SITE("dcim_ups_battery_runtime_seconds")),
                    4,
                    "dcim_ups_battery_runtime_seconds",
                    limits=AUTONOMY,
                    why="Of the UPS that would be empty first, at the present load.",
                    link=board_link("dcim-ups"),
                ),
                stat(
                    "UPSs on battery",
                    over("sum", SITE("dcim_ups_output_source", 'state="battery"')),
                    4,
                    limits=ONE_IS_CRITICAL,
                    link=board_link("dcim-ups"),
                ),
            ],
        ),
        (
            4,
            [
                stat(
                    "Racks that certainly fall with a feed",
                    over("max by (site, feed)", SITE("dcim_site_racks_lost_on_feed_loss_at_least")),
                    4,
                    legend="{{feed}}",
                    limits=ONE_IS_A_WARNING,
                    link=board_link("dcim-racks"),
                ),
                stat(
                    "Least UPS power to spare for N+1",
                    over("min", SITE("dcim_ups_redundancy_margin_watts")),
                    4,
                    "dcim_ups_redundancy_margin_watts",
                    link=board_link("dcim-ups"),
                ),
                stat(
                    "Least CDUs to spare in a loop",
                    over("min", SITE("dcim_loop_cdus_spare")),
                    4,
                    "dcim_loop_cdus_spare",
                    link=board_link("dcim-liquid"),
                ),
                stat(
                    "Shortest time without cooling",
                    over("min", SITE("dcim_loop_ride_through_seconds")),
                    4,
                    "dcim_loop_ride_through_seconds",
                    base=BLUE,
                    why="Telemetry is no protection: within such a time only the interlocks of CDU and PLC act.",
                    link=board_link("dcim-liquid"),
                ),
                stat(
                    "Lowest dew-point margin",
                    over("min", SITE("dcim_cdu_dew_point_margin_celsius")),
                    4,
                    "dcim_cdu_dew_point_margin_celsius",
                    link=board_link("dcim-liquid"),
                ),
                stat(
                    "Devices observed",
                    over("avg", SITE("dcim_device_observed")),
                    4,
                    "dcim_device_observed",
                    limits=Limits(0.98, 0.95, falling=True),
                    unit=Unit("percentunit"),
                    link=board_link("dcim-telemetry"),
                ),
            ],
        ),
    ],
)

DETAILS: Final = Row(
    "Where?",
    [
        (
            9,
            [
                table(
                    "Problems",
                    exprs=alerts_since(),
                    width=15,
                    columns=PROBLEMS,
                    unit=Unit("dateTimeFromNow"),
                    tints={"Severity": SEVERITIES},
                    link=TO_RUNBOOK,
                    sort="Severity",
                    why="Empty while nothing is wrong or nothing is known: the counts above tell which. A click opens the runbook.",
                ),
                chart(
                    "Problems over time",
                    [
                        Query(alerts('severity="critical"'), "critical"),
                        Query(alerts('severity="warning"'), "warning"),
                    ],
                    9,
                    why=COUNTED,
                ),
            ],
        ),
        (
            7,
            [
                stat(
                    "Alarms of devices",
                    over("sum", SITE("dcim_device_alarm_active")),
                    4,
                    "dcim_device_alarm_active",
                    limits=ONE_IS_A_WARNING,
                    why="What the devices themselves raise and name.",
                ),
                table(
                    "Which alarms",
                    exprs=f"{over('max by (site, rack, device, alarm, severity)', SITE('dcim_device_alarm_active'))} == 1",
                    width=11,
                    columns={"device": "Device", "alarm": "Alarm", "severity": "Severity", "site": "Site"},
                    of="dcim_device_alarm_active",
                    tints={"Severity": SEVERITIES},
                    sort="Severity",
                    why="Empty while devices raise none, and also while nothing is known: the count beside it tells which.",
                ),
                ranked(
                    "Devices by alarms that they count",
                    expr=top(10, over("max by (site, device)", SITE("dcim_device_alarms"))),
                    legend="{{device}}",
                    width=9,
                    of="dcim_device_alarms",
                    limits=ONE_IS_A_WARNING,
                    why="Of devices that count their alarms, and may not name them.",
                ),
            ],
        ),
        (
            9,
            [
                ranked(
                    "Warmest air into racks",
                    expr=top(10, over("max by (site, rack)", SITE("dcim_rack_air_temperature_celsius", INLET))),
                    legend="{{rack}}",
                    width=8,
                    of="dcim_rack_air_temperature_celsius",
                    link=TO_RACK,
                ),
                ranked(
                    "Racks nearest to their design power",
                    expr=top(10, over("max by (site, rack)", SITE("dcim_rack_power_utilisation_ratio"))),
                    legend="{{rack}}",
                    width=8,
                    of="dcim_rack_power_utilisation_ratio",
                    link=TO_RACK,
                ),
                ranked(
                    "Most loaded UPSs",
                    expr=top(10, over("max by (site, device)", SITE("dcim_ups_output_load_ratio"))),
                    legend="{{device}}",
                    width=8,
                    of="dcim_ups_output_load_ratio",
                    link=TO_UPS,
                ),
            ],
        ),
    ],
)

BOARD: Final = Board(
    uid="dcim-site",
    title="site",
    question="Is anything wrong at the site, where, and how long have we got? For the wall of a control room.",
    variables=("site",),
    rows=[NOW, DETAILS],
    alerts="",
)
