"""Rack PDUs: each phase, bank and outlet against what it may carry. Other boards lead here, with a rack or a PDU chosen."""

from typing import Final

from grafana.boards.board import Board
from grafana.boards.catalogued import Limits
from grafana.boards.expressions import ROW_TO_PDU, TO_PDU
from grafana.boards.panels import (
    BLUE,
    DEVICE,
    GREEN,
    Query,
    Row,
    chart,
    heatmap,
    over,
    ranked,
    shown,
    stat,
    table,
    top,
    yes_no,
)

THERMAL: Final = "dcim_pdu_phase_thermal_load_ratio"
DEMAND: Final = "dcim_pdu_phase_demand_load_ratio"
# Those of DcimPduPhaseOverload and DcimPduPhaseLoadHigh.
OVERLOAD: Final = Limits(critical=0.95)
LOAD_HIGH: Final = Limits(warning=0.8)
PHASE: Final = "site, rack, device, inlet, phase"
BANK: Final = "site, rack, device, bank"
OUTLET: Final = "site, rack, device, outlet"
ENERGY: Final = "dcim_pdu_input_energy_joules_total"


def of_a_day(metric: str, by: str) -> str:
    """Energy of the last 24 h, kWh."""
    return shown(f"sum by ({by}) (max without (instance, job) (increase({DEVICE.select(metric, at='[1d]')})))", metric)


NOW: Final = Row(
    "What does it carry?",
    [
        (
            4,
            [
                stat(
                    "Power",
                    over("sum", DEVICE("dcim_pdu_input_power_watts")),
                    6,
                    "dcim_pdu_input_power_watts",
                    base=BLUE,
                ),
                stat("Energy of the last day", over("sum", of_a_day(ENERGY, "site")), 6, ENERGY, base=BLUE),
                stat(
                    "Least headroom of a breaker",
                    over("min", DEVICE("dcim_pdu_phase_headroom_amperes")),
                    6,
                    "dcim_pdu_phase_headroom_amperes",
                    limits=Limits(critical=0, falling=True),
                ),
                stat(
                    "Breakers that tripped",
                    over("sum", DEVICE("dcim_pdu_breaker_tripped")),
                    6,
                    "dcim_pdu_breaker_tripped",
                    limits=Limits(critical=1),
                    why="Where the PDU has breakers and reports them.",
                ),
            ],
        ),
        (
            10,
            [
                table(
                    "Phases, the most loaded",
                    exprs=DEVICE.leading(
                        40,
                        PHASE,
                        "dcim_pdu_phase_current_amperes",
                        over(f"max by ({PHASE})", DEVICE(THERMAL)),
                        over(f"max by ({PHASE})", DEVICE(DEMAND)),
                        over(f"max by ({PHASE})", DEVICE("dcim_pdu_phase_voltage_volts")),
                        over(f"max by ({PHASE})", DEVICE("dcim_pdu_phase_power_watts")),
                        over(f"max by ({PHASE})", DEVICE("dcim_pdu_phase_power_factor_ratio")),
                    ),
                    width=16,
                    columns={
                        "device": "PDU",
                        "rack": "Rack",
                        "inlet": "Inlet",
                        "phase": "Phase",
                        "site": "Site",
                        "Value #A": "Current",
                        "Value #B": "Warmth of its breaker",
                        "Value #C": "Mean of 15 min",
                        "Value #D": "Voltage",
                        "Value #E": "Power",
                        "Value #F": "Power factor",
                    },
                    cells={
                        "Current": "dcim_pdu_phase_current_amperes",
                        "Warmth of its breaker": THERMAL,
                        "Mean of 15 min": DEMAND,
                        "Voltage": "dcim_pdu_phase_voltage_volts",
                        "Power": "dcim_pdu_phase_power_watts",
                        "Power factor": "dcim_pdu_phase_power_factor_ratio",
                    },
                    sort="-Current",
                    why="A breaker's warmth and mean are shares of its rating; there are none where neither PDU nor site file states one.",
                    link=ROW_TO_PDU,
                ),
                ranked(
                    "PDUs with the largest phase unbalance",
                    expr=top(15, over("max by (site, device)", DEVICE("dcim_pdu_current_unbalance_ratio"))),
                    legend="{{device}}",
                    width=8,
                    of="dcim_pdu_current_unbalance_ratio",
                    limits=Limits(warning=0.5),
                    why="Loads on one phase use up its breaker while the others have room.",
                    link=TO_PDU,
                ),
            ],
        ),
    ],
)

TIME: Final = Row(
    "Over time",
    [
        (
            8,
            [
                chart(
                    "Warmth of the warmest breakers",
                    [Query(DEVICE.worst(THERMAL, "site, device, phase"), "{{device}} {{phase}}")],
                    6,
                    THERMAL,
                    limits=OVERLOAD,
                    why="The steady current that would make the breaker as warm, as a share of its rating: a dip hardly moves it.",
                ),
                chart(
                    "Mean of 15 minutes, highest",
                    [Query(DEVICE.worst(DEMAND, "site, device, phase"), "{{device}} {{phase}}")],
                    6,
                    DEMAND,
                    limits=LOAD_HIGH,
                    why="The current as a share of the breaker's rating.",
                ),
                chart(
                    "Least headroom",
                    [
                        Query(
                            DEVICE.worst("dcim_pdu_phase_headroom_amperes", "site, device, phase", lowest=True),
                            "{{device}} {{phase}}",
                        )
                    ],
                    6,
                    "dcim_pdu_phase_headroom_amperes",
                    limits=Limits(critical=0, falling=True),
                ),
                heatmap(
                    "Voltage of all phases",
                    over("max by (site, device, phase)", DEVICE("dcim_pdu_phase_voltage_volts")),
                    6,
                    "dcim_pdu_phase_voltage_volts",
                ),
            ],
        ),
        (
            8,
            [
                chart(
                    "Power of the PDUs with the highest load",
                    [Query(DEVICE.worst("dcim_pdu_input_power_watts", "site, device"), "{{device}}")],
                    8,
                    "dcim_pdu_input_power_watts",
                ),
                chart(
                    "Lowest power factors",
                    [
                        Query(
                            DEVICE.worst("dcim_pdu_input_power_factor_ratio", "site, device", lowest=True), "{{device}}"
                        )
                    ],
                    8,
                    "dcim_pdu_input_power_factor_ratio",
                ),
                chart(
                    "Air at its sensors",
                    [
                        Query(
                            DEVICE.worst("dcim_env_temperature_celsius", "site, device, sensor"),
                            "{{device}} {{sensor}}",
                        )
                    ],
                    8,
                    "dcim_env_temperature_celsius",
                ),
            ],
        ),
    ],
)

PARTS: Final = Row(
    "Banks and outlets, where they are metered",
    [
        (
            10,
            [
                table(
                    "Banks, the most loaded",
                    exprs=DEVICE.leading(
                        40,
                        BANK,
                        "dcim_pdu_bank_current_amperes",
                        over(f"max by ({BANK})", DEVICE("dcim_pdu_bank_rated_current_amperes")),
                        over(f"max by ({BANK})", DEVICE("dcim_pdu_breaker_tripped")),
                    ),
                    width=10,
                    columns={
                        "device": "PDU",
                        "rack": "Rack",
                        "bank": "Bank",
                        "site": "Site",
                        "Value #A": "Current",
                        "Value #B": "Rating",
                        "Value #C": "Breaker",
                    },
                    cells={"Current": "dcim_pdu_bank_current_amperes", "Rating": "dcim_pdu_bank_rated_current_amperes"},
                    tints={"Breaker": yes_no("closed", "TRIPPED")},
                    sort="-Current",
                    link=ROW_TO_PDU,
                ),
                table(
                    "Outlets with the highest power",
                    exprs=DEVICE.leading(
                        40,
                        OUTLET,
                        "dcim_pdu_outlet_power_watts",
                        of_a_day("dcim_pdu_outlet_energy_joules_total", OUTLET),
                        over(f"max by ({OUTLET})", DEVICE("dcim_pdu_outlet_on")),
                    ),
                    width=14,
                    columns={
                        "device": "PDU",
                        "rack": "Rack",
                        "outlet": "Outlet",
                        "site": "Site",
                        "Value #A": "Power",
                        "Value #B": "Energy of a day",
                        "Value #C": "Switched",
                    },
                    cells={
                        "Power": "dcim_pdu_outlet_power_watts",
                        "Energy of a day": "dcim_pdu_outlet_energy_joules_total",
                    },
                    tints={"Switched": {0.0: ("off", BLUE), 1.0: ("on", GREEN)}},
                    sort="-Power",
                    link=ROW_TO_PDU,
                ),
            ],
        ),
        (
            7,
            [
                ranked(
                    "Residual current",
                    expr=top(15, over("max by (site, device, kind)", DEVICE("dcim_pdu_residual_current_amperes"))),
                    legend="{{device}} {{kind}}",
                    width=12,
                    of="dcim_pdu_residual_current_amperes",
                    # IEC 60364-4-41: 30 mA is where protection of people begins.
                    limits=Limits(0.015, 0.03),
                ),
                ranked(
                    "Distortion of current",
                    expr=top(15, over("max by (site, device, phase)", DEVICE("dcim_pdu_current_thd_ratio"))),
                    legend="{{device}} {{phase}}",
                    width=12,
                    of="dcim_pdu_current_thd_ratio",
                    limits=Limits(warning=0.2),
                ),
            ],
        ),
    ],
)

BOARD: Final = Board(
    uid="dcim-pdu",
    title="PDU detail",
    question="What does each phase, bank and outlet of a rack carry, and what may it carry?",
    variables=("site", "room", "row", "rack", "device"),
    rows=[NOW, TIME, PARTS],
    device_class="pdu",
    alerts="power",
)
