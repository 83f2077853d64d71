"""The power chain: from the mains over UPSs and panels to the racks, and what remains if a feed is lost."""

from typing import Final

from grafana.boards.board import Board
from grafana.boards.catalogued import Limits
from grafana.boards.expressions import ROW_TO_PDU, ROW_TO_RACK, TO_UPS, facility_power, metered, ups_load, ups_power
from grafana.boards.panels import (
    BLUE,
    GREEN,
    RED,
    ROOM,
    SITE,
    Panel,
    Query,
    Row,
    Words,
    chart,
    heatmap,
    over,
    ranked,
    stat,
    state_words,
    table,
    timeline,
    top,
)

THERMAL: Final = "dcim_pdu_phase_thermal_load_ratio"
PHASE: Final = "site, row, rack, feed, device, phase"
# What remains must carry all of it: beyond its continuous limit a breaker trips, and a UPS goes to bypass.
FULL: Final = Limits(0.8, 1)
HOLDS: Final[Words] = {0.0: ("falls", RED), 1.0: ("holds", GREEN)}

CHAIN: Final = Row(
    "From the mains to the racks",
    [
        (
            8,
            [
                Panel(
                    "bargauge",
                    "Power at each stage",
                    [
                        Query(facility_power(), "1 facility"),
                        Query(ups_power(ROOM, "input", "site"), "2 into UPSs"),
                        Query(ups_power(ROOM, "output", "site"), "3 out of UPSs"),
                        # Racks of a site file have it whether they hang on rack PDUs or on busways.
                        Query(
                            f"{over('sum by (site)', ROOM('dcim_rack_power_watts'))}"
                            f" or {over('sum by (site)', ROOM('dcim_pdu_input_power_watts'))}",
                            "4 racks",
                        ),
                        Query(metered("cooling"), "cooling"),
                    ],
                    8,
                    "dcim_meter_power_watts",
                    base=BLUE,
                    limits=Limits(),
                ),
                chart(
                    "Power of each feed",
                    [
                        Query(ups_power(ROOM, "output", "site, feed"), "UPSs on {{feed}}"),
                        Query(over("sum by (site, feed)", ROOM("dcim_pdu_input_power_watts")), "rack PDUs on {{feed}}"),
                    ],
                    8,
                    "dcim_ups_output_power_watts",
                ),
                chart(
                    "Losses",
                    [
                        Query(over("sum by (site, feed)", ROOM("dcim_ups_losses_watts")), "UPSs on {{feed}}"),
                        Query(
                            f"{ups_power(ROOM, 'output', 'site')} - sum by (site) ({ROOM('dcim_pdu_input_power_watts')})",
                            "UPS output that reaches no rack PDU",
                        ),
                    ],
                    8,
                    "dcim_ups_losses_watts",
                    why="UPS output that passes no rack PDU: losses in cables and panels, and cooling that the UPSs supply.",
                ),
            ],
        ),
    ],
)

SOURCES: Final = Row(
    "Which source feeds it?",
    [
        (
            8,
            [
                timeline(
                    "Source of each UPS",
                    expr=ROOM.state("dcim_ups_output_source"),
                    legend="{{device}}",
                    width=12,
                    of="dcim_ups_output_source",
                    words=state_words("dcim_ups_output_source"),
                    link=TO_UPS,
                ),
                timeline(
                    "Source of each transfer switch",
                    expr=ROOM.state("dcim_ats_selected_source"),
                    legend="{{device}}",
                    width=6,
                    of="dcim_ats_selected_source",
                    words=state_words("dcim_ats_selected_source"),
                ),
                stat(
                    "Transfer switches without their other source",
                    f"sum({ROOM('dcim_ats_redundant')} == bool 0)",
                    6,
                    limits=Limits(warning=1),
                ),
            ],
        ),
        (
            8,
            [
                chart(
                    "Input voltage of UPSs, lowest and highest phase",
                    [
                        Query(over("min by (site, feed)", ROOM("dcim_ups_input_voltage_volts")), "{{feed}} lowest"),
                        Query(over("max by (site, feed)", ROOM("dcim_ups_input_voltage_volts")), "{{feed}} highest"),
                    ],
                    8,
                    "dcim_ups_input_voltage_volts",
                ),
                chart(
                    "Frequency",
                    [
                        Query(
                            over("min by (site, feed)", ROOM("dcim_ups_input_frequency_hertz")), "UPS input {{feed}}"
                        ),
                        Query(over("min by (site, role)", ROOM("dcim_meter_frequency_hertz")), "meter {{role}}"),
                    ],
                    8,
                    "dcim_meter_frequency_hertz",
                ),
                chart(
                    "Power factor at the meters, 10 min",
                    [
                        # The two are read at different moments: while a load steps, their present values give factors above 1.
                        Query(
                            f"sum by (site, role) (avg_over_time(({ROOM('dcim_meter_power_watts')})[10m:]))"
                            f" / (sum by (site, role)"
                            f" (avg_over_time(({ROOM('dcim_meter_apparent_power_voltamperes')})[10m:])) > 0)",
                            "{{role}}",
                        )
                    ],
                    8,
                    "dcim_meter_power_factor_ratio",
                    limits=Limits(warning=0.9, falling=True),
                ),
            ],
        ),
    ],
)

SURVIVAL: Final = Row(
    "Does it survive the loss of a feed?",
    [
        (
            4,
            [
                stat(
                    "If this feed is lost, the site",
                    over("min by (site, feed)", SITE("dcim_site_survives_feed_loss")),
                    6,
                    "dcim_site_survives_feed_loss",
                    legend="{{feed}}",
                    words=HOLDS,
                ),
                Panel(
                    "stat",
                    "Racks lost with this feed",
                    [
                        Query(
                            over("max by (site, feed)", SITE("dcim_site_racks_lost_on_feed_loss_at_least")),
                            "{{feed}} certainly",
                        ),
                        Query(
                            over("max by (site, feed)", SITE("dcim_site_racks_unknown_on_feed_loss")),
                            "{{feed}} unknown",
                        ),
                    ],
                    6,
                    limits=Limits(warning=1),
                ),
                stat(
                    "UPS power to spare for N+1",
                    over("min by (site, feed, group)", SITE("dcim_ups_redundancy_margin_watts")),
                    6,
                    "dcim_ups_redundancy_margin_watts",
                    legend="{{feed}} {{group}}",
                ),
                stat(
                    "UPS load against ratings",
                    ups_load(ROOM, "site, feed"),
                    6,
                    "dcim_ups_output_load_ratio",
                    legend="{{feed}}",
                    why="All UPSs of a feed that report their rating together; single ones may be loaded more.",
                ),
            ],
        ),
        (
            9,
            [
                table(
                    "Racks nearest to their limit if a feed is lost",
                    exprs=top(
                        20, over("max by (site, row, rack, feed, phase)", ROOM("dcim_rack_feed_loss_load_ratio"))
                    ),
                    width=12,
                    columns={
                        "rack": "Rack",
                        "row": "Row",
                        "feed": "Lost feed",
                        "phase": "Phase",
                        "site": "Site",
                        "Value": "Load of the other",
                    },
                    of="dcim_rack_feed_loss_load_ratio",
                    limits=FULL,
                    sort="-Load of the other",
                    link=ROW_TO_RACK,
                ),
                chart(
                    "UPSs and panels if a feed is lost",
                    [
                        Query(
                            SITE.worst("dcim_ups_feed_loss_load_ratio", "site, group, feed"),
                            "UPSs {{group}} without {{feed}}",
                        ),
                        Query(
                            SITE.worst("dcim_panel_feed_loss_load_ratio", "site, panel, feed"),
                            "panel {{panel}} without {{feed}}",
                        ),
                    ],
                    12,
                    "dcim_ups_feed_loss_load_ratio",
                    limits=FULL,
                ),
            ],
        ),
    ],
)

BREAKERS: Final = Row(
    "Which breaker is nearest to tripping?",
    [
        (
            9,
            [
                table(
                    "Phases of rack PDUs whose breaker is warmest",
                    exprs=ROOM.leading(
                        20,
                        PHASE,
                        THERMAL,
                        over(f"max by ({PHASE})", ROOM("dcim_pdu_phase_level_load_ratio")),
                        over(f"max by ({PHASE})", ROOM("dcim_pdu_phase_demand_load_ratio")),
                    ),
                    width=14,
                    columns={
                        "device": "PDU",
                        "rack": "Rack",
                        "row": "Row",
                        "feed": "Feed",
                        "phase": "Phase",
                        "site": "Site",
                        "Value #A": "Warmth",
                        "Value #B": "Between dips",
                        "Value #C": "Mean of 15 min",
                    },
                    cells={
                        "Warmth": THERMAL,
                        "Between dips": "dcim_pdu_phase_level_load_ratio",
                        "Mean of 15 min": "dcim_pdu_phase_demand_load_ratio",
                    },
                    sort="-Warmth",
                    why="Shares of the breaker's rating. Its warmth follows the breaker's own, so that a dip resets nothing.",
                    link=ROW_TO_PDU,
                ),
                heatmap(
                    "Warmth of all breakers",
                    ROOM(THERMAL),
                    10,
                    THERMAL,
                    why="How many phases are at which load: a band that rises is the hall, a few cells above it are single racks.",
                ),
            ],
        ),
        (
            8,
            [
                chart(
                    "Panels whose breaker is warmest",
                    [
                        Query(
                            ROOM.worst("dcim_panel_phase_thermal_load_ratio", "site, panel, phase"),
                            "{{panel}} {{phase}}",
                        )
                    ],
                    8,
                    "dcim_panel_phase_thermal_load_ratio",
                    why="By what the rack PDUs below them take.",
                ),
                ranked(
                    "Branch circuits nearest to their rating",
                    expr=f"topk(15, max by (site, panel, circuit, phase) ({ROOM('dcim_circuit_current_amperes')})"
                    f" / on (site, panel, circuit) group_left () max by (site, panel, circuit)"
                    f" ({ROOM('dcim_circuit_rated_current_amperes')}))",
                    legend="{{panel}} {{circuit}} {{phase}}",
                    width=8,
                    of="dcim_pdu_phase_load_ratio",
                    limits=Limits(0.8, 0.95),
                    why="Where panels meter their circuits.",
                ),
                ranked(
                    "Distortion of current at the meters",
                    expr=top(15, over("max by (site, device, phase)", ROOM("dcim_meter_current_thd_ratio"))),
                    legend="{{device}} {{phase}}",
                    width=8,
                    of="dcim_meter_current_thd_ratio",
                    # IEEE 519: 8 % of total demand distortion for most connections.
                    limits=Limits(warning=0.08),
                    why="Where meters measure harmonics.",
                ),
            ],
        ),
    ],
)

BOARD: Final = Board(
    uid="dcim-power",
    title="power chain",
    question="Where does the power flow, which source feeds it, and does everything keep running if a feed is lost?",
    variables=("site", "room"),
    rows=[CHAIN, SOURCES, SURVIVAL, BREAKERS],
    alerts="power",
)
