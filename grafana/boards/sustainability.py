"""Sustainability: energy, PUE, carbon and water, with what each figure rests on."""

from typing import Any, Final

from grafana.boards.board import Board
from grafana.boards.catalogued import Limits
from grafana.boards.expressions import ESTIMATE, facility_power, it_power, metered, pue_estimate
from grafana.boards.panels import BLUE, GREEN, PURPLE, SITE, Panel, Query, Row, chart, over, ranked, shown, stat, table

PUE: Final = "dcim_site_interim_pue_ratio"
ENERGY: Final = "dcim_meter_energy_joules_total"
IMPORTED: Final = SITE.select(ENERGY, 'direction!="export"')
CARBON: Final = "dcim_carbon_emissions_grams_total"


def window(metric: str, width: int, title: str, legend: str = "{{window}}", why: str = "", **more: Any) -> Panel:  # noqa: ANN401 - fields of Panel
    """A figure over its windows of complete hours: the day, the month and the year."""
    expr = over("max by (site, window)", SITE(metric, 'window=~"day|month|year"'))
    return stat(title, expr, width, metric, legend=legend, why=why, base=BLUE, **more)


NOW: Final = Row(
    "Now, from the first minutes on",
    [
        (
            4,
            [
                stat("Facility power", facility_power(), 6, "dcim_site_facility_watts", base=BLUE),
                stat(
                    "IT power",
                    it_power(),
                    6,
                    "dcim_meter_power_watts",
                    base=BLUE,
                    why="By the IT meters, or by the rack PDUs where there are none.",
                ),
                stat(
                    "PUE, last hour (estimate)",
                    pue_estimate(),
                    6,
                    PUE,
                    limits=Limits(warning=1.5),
                    base=BLUE,
                    decimals=2,
                    why=ESTIMATE,
                ),
                stat(
                    "Carbon of the grid now",
                    over("max by (site, quality)", SITE("dcim_grid_carbon_intensity_grams_per_kilowatt_hour")),
                    6,
                    "dcim_grid_carbon_intensity_grams_per_kilowatt_hour",
                    legend="{{quality}}",
                    base=BLUE,
                    why="An estimated one is a yearly average.",
                ),
            ],
        ),
        (
            8,
            [
                chart(
                    "Power",
                    [
                        Query(facility_power(), "facility"),
                        Query(it_power(), "IT"),
                        Query(metered("cooling"), "cooling"),
                    ],
                    12,
                    "dcim_meter_power_watts",
                ),
                chart(
                    "PUE",
                    [
                        Query(pue_estimate(), "last hour, estimate"),
                        Query(
                            over("max by (site, category)", SITE(PUE, 'window="hour"')),
                            "last complete hour, category {{category}}",
                        ),
                        Query(over("max by (site, category)", SITE(PUE, 'window="day"')), "day, category {{category}}"),
                    ],
                    12,
                    PUE,
                    decimals=2,
                ),
            ],
        ),
    ],
)

FIGURES: Final = Row(
    "Over complete hours",
    [
        (
            4,
            [
                stat(
                    "Interim PUE",
                    over("max by (site, window, category)", SITE(PUE, 'window=~"day|month|year"')),
                    8,
                    PUE,
                    legend="{{window}}, category {{category}}",
                    limits=Limits(warning=1.5),
                    base=BLUE,
                    decimals=2,
                ),
                window("dcim_site_cue_kilograms_per_kilowatt_hour", 8, "CUE", decimals=2),
                window(
                    "dcim_site_wue_liters_per_kilowatt_hour",
                    8,
                    "WUE",
                    why="Where make-up water is metered.",
                    decimals=2,
                ),
            ],
        ),
        (
            4,
            [
                window("dcim_site_carbon_free_energy_ratio", 6, "Energy that was free of carbon in its hour"),
                window("dcim_site_ref_ratio", 6, "REF: renewable and owned"),
                window("dcim_site_erf_ratio", 6, "ERF: heat given away", why="Where a heat meter counts it."),
                window(
                    "dcim_site_carbon_estimated_ratio",
                    6,
                    "Hours whose carbon factor is an estimate",
                    limits=Limits(warning=0.5),
                ),
            ],
        ),
        (
            8,
            [
                chart(
                    "Energy by meter, each hour",
                    [
                        Query(
                            shown(
                                f"sum by (site, role) (max without (instance, job) (increase({IMPORTED}[1h])))", ENERGY
                            ),
                            "{{role}}",
                        )
                    ],
                    8,
                    ENERGY,
                ),
                chart(
                    "Emissions, each day",
                    [
                        Query(
                            "sum by (site, scope_method) (max without (instance, job) "
                            f"(increase({SITE.select(CARBON, at='[1d]')})))",
                            "{{scope_method}}-based",
                        )
                    ],
                    8,
                    CARBON,
                ),
                chart(
                    "Partial PUE of the loops",
                    [
                        Query(
                            over("max by (site, loop)", SITE("dcim_loop_interim_ppue_ratio", 'window="day"')),
                            "{{loop}}",
                        )
                    ],
                    8,
                    "dcim_loop_interim_ppue_ratio",
                    decimals=2,
                ),
            ],
        ),
        (
            8,
            [
                table(
                    "What the figures rest on",
                    exprs=[
                        over(
                            "min by (site, figure)",
                            SITE("dcim_figure_known", 'figure=~"site_.*|loop_interim.*|carbon.*|grid.*"'),
                        ),
                        over(
                            "min by (site, figure)",
                            SITE("dcim_figure_inputs_ratio", 'figure=~"site_.*|loop_interim.*|carbon.*|grid.*"'),
                        ),
                    ],
                    width=12,
                    columns={"figure": "Figure", "site": "Site", "Value #A": "Known", "Value #B": "Inputs"},
                    cells={"Inputs": "dcim_figure_inputs_ratio"},
                    tints={"Known": {0.0: ("unknown", PURPLE), 1.0: ("known", GREEN)}},
                    sort="Known",
                    why="A figure is unknown until its hours are complete; the inputs are the share of the hours that were metered.",
                ),
                ranked(
                    "Energy of a day by meter",
                    expr=shown(
                        f"sum by (site, device, role) (max without (instance, job) (increase({IMPORTED}[1d])))", ENERGY
                    ),
                    legend="{{device}} ({{role}})",
                    width=12,
                    of=ENERGY,
                    base=BLUE,
                ),
            ],
        ),
    ],
)

BOARD: Final = Board(
    uid="dcim-green",
    title="sustainability",
    question="What do energy, carbon and water come to, and which of these figures are estimates?",
    variables=("site",),
    rows=[NOW, FIGURES],
    alerts="power|cooling",
    since="now-24h",
    refresh="1m",
)
