"""What stands behind the halls: incomers, generators and PV, facility water and air groups, and the power shelves in racks."""

from typing import Any, Final

from grafana.boards.board import Board
from grafana.boards.catalogued import Limits
from grafana.boards.expressions import ROW_TO_RACK, mains_power
from grafana.boards.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    SITE,
    Panel,
    Query,
    Row,
    Words,
    chart,
    over,
    stat,
    table,
    timeline,
    top,
    yes_no,
)

LIVE: Final[Words] = {0.0: ("DEAD", RED), 1.0: ("live", GREEN)}
RUNNING: Final = "dcim_generator_running_load_ratio"
SELF_USE: Final = "dcim_site_pv_self_consumption_ratio"
# All of it or too much: at its ratings a plant has nothing left for the next rack.
FULL: Final = Limits(0.9, 1)


def number(title: str, metric: str, by: str, width: int = 6, of: str = "max", **more: Any) -> Panel:  # noqa: ANN401 - as `stat` has them
    """One number for each group, loop or feed, the highest or lowest (`of`) of two collectors."""
    return stat(title, over(f"{of} by (site, {by})", SITE(metric)), width, metric, legend=f"{{{{{by}}}}}", **more)


MAINS: Final = Row(
    "Where does the power come from?",
    [
        (
            4,
            [
                number(
                    "Incomers",
                    "dcim_incomer_live",
                    "device",
                    of="min",
                    words=LIVE,
                ),
                number(
                    "Generators deliver",
                    "dcim_generator_delivered_watts",
                    "group",
                    base=BLUE,
                ),
                stat("PV gives", over("max by (site)", SITE("dcim_site_pv_watts")), 6, "dcim_site_pv_watts", base=BLUE),
                stat(
                    "Leaves the site",
                    over("max by (site)", SITE("dcim_site_export_watts")),
                    6,
                    "dcim_site_export_watts",
                    base=BLUE,
                ),
            ],
        ),
        (
            8,
            [
                chart(
                    "Power by its source",
                    [
                        Query(mains_power(), "mains, less what leaves"),
                        Query(over("max by (site)", SITE("dcim_site_pv_watts")), "PV"),
                        Query(
                            over("max by (site, group)", SITE("dcim_generator_delivered_watts")),
                            "generators {{group}}",
                        ),
                        Query(over("max by (site)", SITE("dcim_site_export_watts")), "leaves the site"),
                    ],
                    12,
                    "dcim_meter_power_watts",
                ),
                stat(
                    "PV energy that was used on site",
                    over("max by (site, window)", SITE(SELF_USE, 'window=~"day|month|year"')),
                    6,
                    SELF_USE,
                    legend="{{window}}",
                    limits=Limits(warning=0.8, falling=True),
                ),
                stat(
                    "Energy of the site that came from PV",
                    over("max by (site, window)", SITE("dcim_site_pv_share_ratio", 'window=~"day|month|year"')),
                    6,
                    "dcim_site_pv_share_ratio",
                    legend="{{window}}",
                    base=BLUE,
                ),
            ],
        ),
    ],
)

GENERATORS: Final = Row(
    "Would the generators carry it?",
    [
        (
            4,
            [
                number(
                    "Margin with one generator fewer", "dcim_generator_redundancy_margin_watts", "group", 6, of="min"
                ),
                number(
                    "Load if the mains were lost now",
                    "dcim_generator_load_ratio",
                    "group",
                    limits=FULL,
                ),
                number(
                    "Generators without load while others of the group carry load",
                    "dcim_generator_units_missing",
                    "group",
                    why="Where each generator has a meter of its own; unknown while none carries load.",
                ),
                number(
                    "Takeover overdue",
                    "dcim_generator_takeover_overdue_seconds",
                    "feed",
                ),
            ],
        ),
        (
            8,
            [
                chart(
                    "Load of those that run",
                    [Query(over("max by (site, group)", SITE(RUNNING)), "{{group}}")],
                    12,
                    RUNNING,
                    limits=Limits(critical=1),
                    why="0 while the mains are there.",
                ),
                timeline(
                    "Faults that units report by contact",
                    expr=over("max by (site, unit)", SITE("dcim_plant_unit_fault")),
                    legend="{{unit}}",
                    width=12,
                    of="dcim_plant_unit_fault",
                    words=yes_no("well", "FAULT", ORANGE),
                    why="Generators, chillers, dry coolers and facility pumps whose fault contact the site file names.",
                ),
            ],
        ),
    ],
)

WATER: Final = Row(
    "Is facility water safe?",
    [
        (
            4,
            [
                number(
                    "Margin of heat rejection with one unit fewer",
                    "dcim_loop_heat_rejection_margin_watts",
                    "loop",
                    6,
                    of="min",
                ),
                number(
                    "Heat of what the plant can reject",
                    "dcim_loop_heat_rejection_load_ratio",
                    "loop",
                    limits=FULL,
                    why="At the design weather.",
                ),
                number("Facility pumps to spare", "dcim_loop_facility_pumps_spare", "loop", 6, of="min"),
                number(
                    "Leaks by loop",
                    "dcim_loop_leaks_detected",
                    "loop",
                    limits=Limits(critical=1),
                ),
            ],
        ),
        (
            8,
            [
                chart(
                    "Facility pumps that run",
                    [
                        Query(
                            over("min by (site, loop)", SITE("dcim_loop_facility_pumps_running")),
                            "{{loop}}",
                        )
                    ],
                    8,
                    "dcim_loop_facility_pumps_running",
                    why="Where each pump has a meter of its own.",
                ),
                number("Air units to spare", "dcim_air_group_units_spare", "group", 4, of="min"),
                number(
                    "Air: heat to spare without the spare units",
                    "dcim_air_group_redundancy_margin_watts",
                    "group",
                    4,
                    of="min",
                ),
                table(
                    "Where ropes report liquid",
                    exprs=top(20, over("max by (site, room, device, sensor)", SITE("dcim_leak_rope_position_ratio"))),
                    width=8,
                    columns={
                        "device": "Detector",
                        "sensor": "Rope",
                        "room": "Room",
                        "site": "Site",
                        "Value": "Of its length",
                    },
                    of="dcim_leak_rope_position_ratio",
                    sort="-Of its length",
                    why="Ropes whose length the site file states.",
                ),
            ],
        ),
    ],
)

SHELVES: Final = Row(
    "Busways and power shelves",
    [
        (
            9,
            [
                table(
                    "Racks whose power shelves have the least to spare",
                    exprs=SITE.leading(
                        20,
                        "site, row, rack",
                        "dcim_rack_shelf_load_ratio",
                        over("min by (site, row, rack)", SITE("dcim_rack_shelf_redundancy_margin_watts")),
                        over("max by (site, row, rack)", SITE("dcim_rack_shelf_feed_loss_load_ratio")),
                    ),
                    width=12,
                    columns={
                        "rack": "Rack",
                        "row": "Row",
                        "site": "Site",
                        "Value #A": "Load",
                        "Value #B": "Spare without the largest",
                        "Value #C": "Load if a feed is lost",
                    },
                    cells={
                        "Load": "dcim_rack_shelf_load_ratio",
                        "Spare without the largest": "dcim_rack_shelf_redundancy_margin_watts",
                        "Load if a feed is lost": "dcim_rack_shelf_feed_loss_load_ratio",
                    },
                    sort="-Load",
                    link=ROW_TO_RACK,
                ),
                chart(
                    "Busways and panels nearest to their rating, by phase",
                    [
                        Query(
                            SITE.worst("dcim_panel_phase_thermal_load_ratio", "site, panel, phase"),
                            "{{panel}} {{phase}}",
                        )
                    ],
                    6,
                    "dcim_panel_phase_thermal_load_ratio",
                    why="A busway is a panel here: by the lower of its bars' rating and its breaker.",
                ),
                chart(
                    "Tap-offs nearest to their rating, by phase",
                    [
                        Query(
                            SITE.worst("dcim_pdu_phase_thermal_load_ratio", "site, rack, device, phase"),
                            "{{device}} {{phase}}",
                        )
                    ],
                    6,
                    "dcim_pdu_phase_thermal_load_ratio",
                    why="The breaker in the tap-off box of each power shelf, and before each rack PDU.",
                ),
            ],
        ),
    ],
)

BOARD: Final = Board(
    uid="dcim-plant",
    title="site plant",
    question="Where does the power come from, would the generators carry it, is facility water safe, and how full are busways and shelves?",
    variables=("site",),
    rows=[MAINS, GENERATORS, WATER, SHELVES],
    alerts="power|cooling",
)
