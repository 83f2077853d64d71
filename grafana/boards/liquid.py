"""The liquid loops: is heat taken away, with what reserve, and how long without it."""

from typing import Final

from grafana.boards.board import Board
from grafana.boards.catalogued import Limits
from grafana.boards.expressions import LEAKS, ROW_TO_CDU, TO_CDU
from grafana.boards.panels import (
    BLUE,
    DEVICE_IN_ROW,
    ORANGE,
    SITE,
    Panel,
    Query,
    Row,
    bottom,
    chart,
    over,
    ranked,
    shown,
    stat,
    state_words,
    table,
    timeline,
    top,
    yes_no,
)

CDU: Final = DEVICE_IN_ROW
SECONDARY: Final = 'loop="secondary"'
PRIMARY: Final = 'loop="primary"'


def both_ends(metric: str, where: str, what: str) -> list[Query]:
    """The lowest and the highest of the chosen CDUs: two lines, however many there are."""
    return [
        Query(shown(over("min by (site)", CDU(metric, where)), metric), f"{what} lowest"),
        Query(shown(over("max by (site)", CDU(metric, where)), metric), f"{what} highest"),
    ]


def worst(
    title: str, metric: str, width: int, *where: str, lowest: bool = False, by: str = "", **more: object
) -> Panel:
    """A chart of the worst CDUs."""
    labels = ", ".join(("site", "device", *([by] if by else [])))
    query = Query(
        shown(CDU.worst(metric, labels, *where, lowest=lowest), metric), "{{device}}" + (f" {{{{{by}}}}}" if by else "")
    )
    return chart(title, [query], width, metric, **more)


LOOPS: Final = Row(
    "Is the heat taken away?",
    [
        (
            4,
            [
                stat(
                    "Heat in the liquid",
                    over("sum", SITE("dcim_loop_heat_watts")),
                    4,
                    "dcim_loop_heat_watts",
                    base=BLUE,
                ),
                stat(
                    "Leaks",
                    f"sum(max by (site, device, detector, sensor, zone) ({LEAKS}))",
                    4,
                    "dcim_leak_detected",
                    limits=Limits(critical=1),
                ),
                stat(
                    "CDUs to spare",
                    over("min by (site, loop)", SITE("dcim_loop_cdus_spare")),
                    5,
                    "dcim_loop_cdus_spare",
                    legend="{{loop}}",
                ),
                stat(
                    "Heat to spare without the largest CDU",
                    over("min by (site, loop)", SITE("dcim_loop_redundancy_margin_watts")),
                    5,
                    "dcim_loop_redundancy_margin_watts",
                    legend="{{loop}}",
                    limits=Limits(warning=0, falling=True),
                ),
                stat(
                    "Time without cooling, beyond what is needed",
                    over("min by (site, loop)", SITE("dcim_loop_ride_through_margin_seconds")),
                    6,
                    "dcim_loop_ride_through_margin_seconds",
                    legend="{{loop}}",
                    why="Of the failure that leaves least. Telemetry is no protection: only interlocks act within such a time.",
                ),
            ],
        ),
        (
            9,
            [
                chart(
                    "Heat of each loop",
                    [
                        Query(over("max by (site, loop)", SITE("dcim_loop_heat_watts")), "{{loop}} liquid"),
                        Query(
                            over("max by (site, loop)", SITE("dcim_loop_air_heat_watts")), "{{loop}} left for the air"
                        ),
                    ],
                    12,
                    "dcim_loop_heat_watts",
                ),
                chart(
                    "Share of the racks' power that the liquid takes",
                    [Query(over("max by (site, loop)", SITE("dcim_loop_heat_capture_ratio")), "{{loop}}")],
                    6,
                    "dcim_loop_heat_capture_ratio",
                ),
                table(
                    "Time left, by what fails",
                    exprs=over("min by (site, loop, failure)", SITE("dcim_loop_ride_through_seconds")),
                    width=6,
                    columns={"loop": "Loop", "failure": "What fails", "Value": "Time left"},
                    of="dcim_loop_ride_through_seconds",
                    sort="Time left",
                ),
            ],
        ),
    ],
)

UNITS: Final = Row(
    "Which CDU needs a look?",
    [
        (
            10,
            [
                table(
                    "CDUs",
                    exprs=[
                        over("max by (site, row, device)", CDU("dcim_cdu_cooling_load_ratio")),
                        over("max by (site, row, device)", CDU("dcim_cdu_supply_temperature_celsius", SECONDARY)),
                        over("max by (site, row, device)", CDU("dcim_cdu_return_temperature_celsius", SECONDARY)),
                        shown(
                            over("max by (site, row, device)", CDU("dcim_cdu_flow_cubic_meters_per_second", SECONDARY)),
                            "dcim_cdu_flow_cubic_meters_per_second",
                        ),
                        over("max by (site, row, device)", CDU("dcim_cdu_approach_celsius")),
                        over("min by (site, row, device)", CDU("dcim_cdu_dew_point_margin_celsius")),
                        over("min by (site, row, device)", CDU("dcim_cdu_pumps_spare")),
                        over("max by (site, row, device)", CDU("dcim_cdu_power_watts")),
                        over("max by (site, row, device)", CDU("dcim_cdu_flow_share_ratio")),
                        over("max by (site, row, device)", CDU("dcim_cdu_exchanger_fouling_ratio")),
                    ],
                    width=24,
                    columns={
                        "device": "CDU",
                        "row": "Row",
                        "site": "Site",
                        "Value #A": "Load",
                        "Value #B": "Supply",
                        "Value #C": "Return",
                        "Value #D": "Flow",
                        "Value #E": "Approach",
                        "Value #F": "Above dew point",
                        "Value #G": "Pumps to spare",
                        "Value #H": "Own power",
                        "Value #I": "Share of the flow",
                        "Value #J": "Fouling",
                    },
                    cells={
                        "Load": "dcim_cdu_cooling_load_ratio",
                        "Supply": "dcim_cdu_supply_temperature_celsius",
                        "Return": "dcim_cdu_return_temperature_celsius",
                        "Flow": "dcim_cdu_flow_cubic_meters_per_second",
                        "Approach": "dcim_cdu_approach_celsius",
                        "Above dew point": "dcim_cdu_dew_point_margin_celsius",
                        "Pumps to spare": "dcim_cdu_pumps_spare",
                        "Own power": "dcim_cdu_power_watts",
                        "Share of the flow": "dcim_cdu_flow_share_ratio",
                        "Fouling": "dcim_cdu_exchanger_fouling_ratio",
                    },
                    sort="-Load",
                    link=ROW_TO_CDU,
                ),
            ],
        ),
        (
            9,
            [
                timeline(
                    "Worst pump of each CDU",
                    expr=over("max by (site, device)", CDU.state("dcim_cdu_pump_state")),
                    legend="{{device}}",
                    width=8,
                    of="dcim_cdu_pump_state",
                    words=state_words("dcim_cdu_pump_state"),
                    why="The order is running, standby, stopped, failed, unknown; one pump that stands by is usual.",
                    link=TO_CDU,
                ),
                timeline(
                    "Leak detectors",
                    expr=f"max by (site, device) ({LEAKS})",
                    legend="{{device}}",
                    width=8,
                    of="dcim_leak_detected",
                    words=yes_no("dry", "LEAK"),
                ),
                timeline(
                    "Reservoirs",
                    expr=over("max by (site, device, reservoir)", CDU.state("dcim_cdu_reservoir_level_state")),
                    legend="{{device}} {{reservoir}}",
                    width=8,
                    of="dcim_cdu_reservoir_level_state",
                    words=state_words("dcim_cdu_reservoir_level_state"),
                    link=TO_CDU,
                ),
            ],
        ),
    ],
)

LOOP: Final = Row(
    "The loop over time",
    [
        (
            8,
            [
                chart(
                    "Secondary loop",
                    [
                        *both_ends("dcim_cdu_supply_temperature_celsius", SECONDARY, "supply"),
                        *both_ends("dcim_cdu_return_temperature_celsius", SECONDARY, "return"),
                        Query(
                            over("min by (site)", CDU("dcim_cdu_supply_temperature_limit_celsius", SECONDARY)), "limit"
                        ),
                        Query(
                            over("max by (site)", CDU("dcim_cdu_supply_temperature_setpoint_celsius", SECONDARY)),
                            "set point",
                        ),
                    ],
                    8,
                    "dcim_cdu_supply_temperature_celsius",
                ),
                chart(
                    "Facility water",
                    [
                        *both_ends("dcim_cdu_supply_temperature_celsius", PRIMARY, "supply"),
                        *both_ends("dcim_cdu_return_temperature_celsius", PRIMARY, "return"),
                    ],
                    8,
                    "dcim_cdu_supply_temperature_celsius",
                    limits=Limits(),
                    why="Where the CDU measures its primary side.",
                ),
                worst("Approach, highest", "dcim_cdu_approach_celsius", 8),
            ],
        ),
        (
            8,
            [
                worst("Flow, lowest", "dcim_cdu_flow_cubic_meters_per_second", 8, SECONDARY, lowest=True),
                worst(
                    "Flow per heat, lowest", "dcim_cdu_flow_per_heat_cubic_meters_per_joule", 8, SECONDARY, lowest=True
                ),
                worst("Rise from supply to return, highest", "dcim_cdu_delta_temperature_celsius", 8, SECONDARY),
            ],
        ),
        (
            8,
            [
                worst("Supply above the dew point, lowest", "dcim_cdu_dew_point_margin_celsius", 8, lowest=True),
                worst("Supply pressure, lowest", "dcim_cdu_supply_pressure_pascals", 8, SECONDARY, lowest=True),
                worst("Filters, most clogged", "dcim_cdu_filter_differential_pressure_pascals", 8, by="filter"),
            ],
        ),
        (
            8,
            [
                worst(
                    "Share of the possible heat that is exchanged, lowest",
                    "dcim_cdu_effectiveness_ratio",
                    8,
                    lowest=True,
                ),
                chart(
                    "Primary against secondary heat",
                    [Query(CDU.worst("dcim_cdu_heat_imbalance_ratio", "site, device"), "{{device}}")],
                    8,
                    "dcim_cdu_heat_imbalance_ratio",
                    why="Where the CDU measures both sides.",
                ),
                ranked(
                    "Pump speed",
                    expr=top(15, over("max by (site, device)", CDU("dcim_cdu_pump_speed_ratio"))),
                    legend="{{device}}",
                    width=8,
                    of="dcim_cdu_pump_speed_ratio",
                    limits=Limits(0.9, 0.98),
                    why="A pump at its end has nothing left to give when another one stops.",
                    link=TO_CDU,
                ),
            ],
        ),
        (
            8,
            [
                ranked(
                    "Reservoirs that are empty first",
                    expr=bottom(15, over("min by (site, device, reservoir)", CDU("dcim_cdu_reservoir_empty_seconds"))),
                    legend="{{device}} {{reservoir}}",
                    width=8,
                    of="dcim_cdu_reservoir_empty_seconds",
                    why="At the present fall of the level: a slow leak shows here, long before a rope is wet.",
                    link=TO_CDU,
                ),
                worst(
                    "Fall of the pressure at the pumps, in ten minutes",
                    "dcim_cdu_return_pressure_change_pascals",
                    8,
                    lowest=True,
                ),
                timeline(
                    "Control valves",
                    expr=over("max by (site, device)", CDU("dcim_cdu_valve_stuck")),
                    legend="{{device}}",
                    width=8,
                    of="dcim_cdu_valve_stuck",
                    words=yes_no("moves", "STUCK", ORANGE),
                    why="Where the CDU reports its valve.",
                    link=TO_CDU,
                ),
            ],
        ),
        (
            8,
            [
                table(
                    "Water quality",
                    exprs=[
                        shown(
                            over("max by (site, device, loop)", CDU("dcim_cdu_coolant_conductivity_siemens_per_meter")),
                            "dcim_cdu_coolant_conductivity_siemens_per_meter",
                        ),
                        over("max by (site, device, loop)", CDU("dcim_cdu_coolant_ph")),
                        over("max by (site, device, loop)", CDU("dcim_cdu_coolant_turbidity_ntu")),
                    ],
                    width=12,
                    columns={
                        "device": "CDU",
                        "loop": "Side",
                        "site": "Site",
                        "Value #A": "Conductivity",
                        "Value #B": "pH",
                        "Value #C": "Turbidity",
                    },
                    cells={
                        "Conductivity": "dcim_cdu_coolant_conductivity_siemens_per_meter",
                        "pH": "dcim_cdu_coolant_ph",
                        "Turbidity": "dcim_cdu_coolant_turbidity_ntu",
                    },
                    why="Where the CDU measures it. Limits are those of the maker of the cold plates.",
                    link=ROW_TO_CDU,
                ),
                ranked(
                    "Reservoirs, lowest",
                    expr=bottom(15, over("min by (site, device, reservoir)", CDU("dcim_cdu_reservoir_level_ratio"))),
                    legend="{{device}} {{reservoir}}",
                    width=12,
                    of="dcim_cdu_reservoir_level_ratio",
                    limits=Limits(0.5, 0.3, falling=True),
                    why="Where the CDU measures a level, and not only low and high.",
                    link=TO_CDU,
                ),
            ],
        ),
    ],
)

BOARD: Final = Board(
    uid="dcim-liquid",
    title="liquid loops",
    question="Is the heat taken away, what is in reserve, which CDU needs a look, and how long without cooling?",
    variables=("site", "room", "row", "device"),
    rows=[LOOPS, UNITS, LOOP],
    device_class="cdu",
    alerts="cooling",
    since="now-15m",
    refresh="5s",
)
