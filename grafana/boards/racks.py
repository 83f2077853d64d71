"""The rack map: what each rack takes and what it may take, row by row."""

from typing import Final

from grafana.boards.board import Board
from grafana.boards.catalogued import Limits
from grafana.boards.expressions import INLET, ROW_TO_RACK, TILE_TO_RACK, TO_RACK
from grafana.boards.panels import (
    BLUE,
    RACK,
    ROW,
    Query,
    Row,
    chart,
    heatmap,
    over,
    ranked,
    stat,
    table,
    tiles,
    top,
)

BY_RACK: Final = "max by (site, row, rack)"
# Beyond what an air-cooled rack can be (10 kW usual, 40 kW the most); they tell kinds of racks apart, and are no alarm.
DENSE: Final = Limits(40_000, 100_000)
FULL: Final = Limits(0.8, 1)

MAP: Final = Row(
    "Row $row",
    [
        (
            5,
            [
                tiles(
                    "Power against design",
                    expr=over(BY_RACK, RACK("dcim_rack_power_utilisation_ratio")),
                    name="rack",
                    width=8,
                    of="dcim_rack_power_utilisation_ratio",
                    limits=FULL,
                    link=TILE_TO_RACK,
                ),
                tiles(
                    "Load of the other feed if one is lost",
                    expr=over(BY_RACK, RACK("dcim_rack_feed_loss_load_ratio")),
                    name="rack",
                    width=8,
                    of="dcim_rack_feed_loss_load_ratio",
                    limits=FULL,
                    why="Of the phase and feed that are worst, against the continuous limit of the breaker.",
                    link=TILE_TO_RACK,
                ),
                tiles(
                    "Warmest air into the rack",
                    expr=over(BY_RACK, RACK("dcim_rack_air_temperature_celsius", INLET)),
                    name="rack",
                    width=8,
                    of="dcim_rack_air_temperature_celsius",
                    link=TILE_TO_RACK,
                ),
            ],
        ),
    ],
    repeat="row",
)

ALL: Final = Row(
    "Where is power used, and where is it left?",
    [
        (
            4,
            [
                stat(
                    "Power of the racks",
                    over("sum", RACK("dcim_rack_power_watts")),
                    6,
                    "dcim_rack_power_watts",
                    base=BLUE,
                ),
                stat(
                    "Racks that are measured",
                    over("count", RACK("dcim_rack_power_watts")),
                    6,
                    base=BLUE,
                    why="A rack is only counted while all of its PDUs are read.",
                ),
                stat(
                    "Racks beyond their design power",
                    f"sum({RACK('dcim_rack_power_utilisation_ratio')} > bool 1)",
                    6,
                    limits=Limits(warning=1),
                ),
                stat(
                    "Racks that do not survive the loss of a feed",
                    f"sum(min by (site, row, rack) ({RACK('dcim_rack_survives_feed_loss')}) == bool 0)",
                    6,
                    limits=Limits(warning=1),
                ),
            ],
        ),
        (
            9,
            [
                chart(
                    "Power of each row",
                    [Query(over("sum by (site, row)", ROW("dcim_rack_power_watts")), "{{row}}")],
                    8,
                    "dcim_rack_power_watts",
                    stacked=True,
                ),
                heatmap(
                    "Distribution of rack power",
                    over(BY_RACK, RACK("dcim_rack_power_watts")),
                    8,
                    "dcim_rack_power_watts",
                    why="Each column shows how many racks take how much.",
                ),
                ranked(
                    "Racks with the highest power",
                    expr=top(15, over("max by (site, rack)", RACK("dcim_rack_power_watts"))),
                    legend="{{rack}}",
                    width=8,
                    of="dcim_rack_power_watts",
                    limits=DENSE,
                    link=TO_RACK,
                ),
            ],
        ),
        (
            9,
            [
                chart(
                    "Power of the twelve racks with the highest load",
                    [Query(RACK.worst("dcim_rack_power_watts", "site, rack"), "{{rack}}")],
                    12,
                    "dcim_rack_power_watts",
                ),
                table(
                    "Stranded power: allocated and not used",
                    exprs=top(30, over(BY_RACK, RACK("dcim_rack_stranded_power_watts"))),
                    width=12,
                    columns={"rack": "Rack", "row": "Row", "site": "Site", "Value": "Stranded"},
                    of="dcim_rack_stranded_power_watts",
                    sort="-Stranded",
                    base=BLUE,
                    link=ROW_TO_RACK,
                ),
            ],
        ),
    ],
)

BOARD: Final = Board(
    uid="dcim-racks",
    title="rack map",
    question="What does each rack take, what may it take, and is its air cool enough?",
    variables=("site", "room", "row", "rack"),
    rows=[MAP, ALL],
    alerts="power|cooling|environment",
)
