"""The UPS fleet: which UPS carries what, how long each lasts, and whose battery is old."""

from typing import Final

from grafana.boards.board import Board
from grafana.boards.catalogued import Limits, Unit
from grafana.boards.expressions import AUTONOMY, ROW_TO_UPS, TO_UPS
from grafana.boards.panels import (
    BLUE,
    DEVICE_IN_ROOM,
    SITE,
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
)

UPS: Final = DEVICE_IN_ROOM
BY: Final = "max by (site, device)"
BATTERY_AGE: Final = "dcim_ups_battery_installed_timestamp_seconds"

NOW: Final = Row(
    "Who carries the load, and for how long?",
    [
        (
            4,
            [
                stat(
                    "UPSs on battery",
                    over("sum", UPS("dcim_ups_output_source", 'state="battery"')),
                    4,
                    limits=Limits(critical=1),
                ),
                stat(
                    "UPSs on bypass",
                    over("sum", UPS("dcim_ups_output_source", 'state="bypass"')),
                    4,
                    limits=Limits(critical=1),
                ),
                stat(
                    "Least time on battery",
                    over("min", UPS("dcim_ups_battery_runtime_seconds")),
                    5,
                    "dcim_ups_battery_runtime_seconds",
                    limits=AUTONOMY,
                ),
                stat(
                    "Least time left when the generator carries the load",
                    over("min", UPS("dcim_ups_runtime_margin_seconds")),
                    5,
                    "dcim_ups_runtime_margin_seconds",
                ),
                stat(
                    "Power to spare for N+1",
                    over("min by (site, feed, group)", SITE("dcim_ups_redundancy_margin_watts")),
                    6,
                    "dcim_ups_redundancy_margin_watts",
                    legend="{{feed}} {{group}}",
                ),
            ],
        ),
        (
            10,
            [
                table(
                    "UPSs",
                    exprs=[
                        over(BY, UPS.state("dcim_ups_output_source")),
                        over(BY, UPS("dcim_ups_output_load_ratio")),
                        over(BY, UPS("dcim_ups_battery_runtime_seconds")),
                        over(BY, UPS("dcim_ups_modelled_runtime_seconds")),
                        over(BY, UPS("dcim_ups_battery_charge_ratio")),
                        over(BY, UPS("dcim_ups_battery_temperature_celsius")),
                        over(BY, UPS.state("dcim_ups_test_result")),
                        shown(over(BY, UPS(BATTERY_AGE)), BATTERY_AGE),
                    ],
                    width=24,
                    columns={
                        "device": "UPS",
                        "site": "Site",
                        "Value #A": "Source",
                        "Value #B": "Load",
                        "Value #C": "Runtime, its own",
                        "Value #D": "Runtime, modelled",
                        "Value #E": "Charge",
                        "Value #F": "Battery",
                        "Value #G": "Last test",
                        "Value #H": "Battery installed",
                    },
                    cells={
                        "Load": "dcim_ups_output_load_ratio",
                        "Runtime, its own": "dcim_ups_battery_runtime_seconds",
                        "Runtime, modelled": "dcim_ups_modelled_runtime_seconds",
                        "Charge": "dcim_ups_battery_charge_ratio",
                        "Battery": "dcim_ups_battery_temperature_celsius",
                        "Battery installed": BATTERY_AGE,
                    },
                    tints={
                        "Source": state_words("dcim_ups_output_source"),
                        "Last test": state_words("dcim_ups_test_result"),
                    },
                    sort="Runtime, its own",
                    link=ROW_TO_UPS,
                ),
            ],
        ),
    ],
)

LOAD: Final = Row(
    "Load",
    [
        (
            9,
            [
                ranked(
                    "Most loaded phases",
                    expr=top(15, over("max by (site, device, phase)", UPS("dcim_ups_output_load_ratio"))),
                    legend="{{device}} {{phase}}",
                    width=8,
                    of="dcim_ups_output_load_ratio",
                    link=TO_UPS,
                ),
                chart(
                    "Load of the most loaded",
                    [Query(UPS.worst("dcim_ups_output_load_ratio", "site, device"), "{{device}}")],
                    8,
                    "dcim_ups_output_load_ratio",
                ),
                chart(
                    "Output power",
                    [Query(UPS.worst("dcim_ups_output_power_watts", "site, device, phase"), "{{device}} {{phase}}")],
                    8,
                    "dcim_ups_output_power_watts",
                    why="The dozen phases that take most.",
                ),
            ],
        ),
        (
            8,
            [
                timeline(
                    "Source",
                    expr=UPS.state("dcim_ups_output_source"),
                    legend="{{device}}",
                    width=12,
                    of="dcim_ups_output_source",
                    words=state_words("dcim_ups_output_source"),
                ),
                timeline(
                    "Battery",
                    expr=UPS.state("dcim_ups_battery_state"),
                    legend="{{device}}",
                    width=12,
                    of="dcim_ups_battery_state",
                    words=state_words("dcim_ups_battery_state"),
                ),
            ],
        ),
    ],
)

BATTERY: Final = Row(
    "Batteries and losses",
    [
        (
            8,
            [
                chart(
                    "Time on battery, shortest: what the UPS claims",
                    [Query(UPS.worst("dcim_ups_battery_runtime_seconds", "site, device", lowest=True), "{{device}}")],
                    8,
                    "dcim_ups_battery_runtime_seconds",
                    limits=AUTONOMY,
                ),
                ranked(
                    "Claims that are longest beyond the model",
                    expr=top(10, over(BY, UPS("dcim_ups_runtime_optimism_ratio"))),
                    legend="{{device}}",
                    width=8,
                    of="dcim_ups_runtime_optimism_ratio",
                    limits=Limits(warning=0.25),
                    why="A UPS that believes to last longer than its data sheet says has a battery that nobody measured for long.",
                    link=TO_UPS,
                ),
                chart(
                    "Battery temperature, highest",
                    [Query(UPS.worst("dcim_ups_battery_temperature_celsius", "site, device"), "{{device}}")],
                    8,
                    "dcim_ups_battery_temperature_celsius",
                ),
            ],
        ),
        (
            8,
            [
                ranked(
                    "Share of its life that a battery has at this temperature",
                    # The life of a lead battery halves with every 8.3 K above 25 °C (Arrhenius rule of the makers).
                    expr=bottom(
                        10, f"2 ^ (-clamp_min({over(BY, UPS('dcim_ups_battery_temperature_celsius'))} - 25, 0) / 8.3)"
                    ),
                    legend="{{device}}",
                    width=8,
                    unit=Unit("percentunit"),
                    limits=Limits(warning=0.65, falling=True),
                    link=TO_UPS,
                ),
                chart(
                    "Losses, highest",
                    [Query(UPS.worst("dcim_ups_losses_watts", "site, device"), "{{device}}")],
                    8,
                    "dcim_ups_losses_watts",
                ),
                ranked(
                    "Input faults of the last day",
                    expr=f"topk(10, max by (site, device) (increase({UPS.select('dcim_ups_input_faults_total')}[1d])))",
                    legend="{{device}}",
                    width=8,
                    of="dcim_ups_input_faults_total",
                    limits=Limits(warning=1),
                    base=BLUE,
                    link=TO_UPS,
                ),
            ],
        ),
    ],
)

BOARD: Final = Board(
    uid="dcim-ups",
    title="UPS fleet",
    question="Which UPS carries what, how long does each last, and whose battery needs a look?",
    variables=("site", "room", "device"),
    rows=[NOW, LOAD, BATTERY],
    device_class="ups",
    alerts="power",
)
