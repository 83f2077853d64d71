"""Air handlers in the layout of PowerNet-MIB's airFM subtree."""

from typing import Final

from simulator.wire.cells import Cell, Layout, fixed, system
from simulator.world.instruments import key

_FM: Final = "1.3.6.1.4.1.318.1.1.13.1"
# airFMGroupSysStatus: online (1), offline (4), failed (5).
_STATES: Final = {"running": 1, "off": 4, "fault": 5}
_SETPOINT: Final = "crah_return_air_temperature_setpoint_celsius"


def apc_airfm(name: str) -> Layout:
    """A NetworkAIR FM with its main module alone: tenths of a degree, whole percent."""
    air = f"{_FM}.5.2.2.1"
    cells = (
        Cell(f"{_FM}.3.1.0", key("crah_unit_state", "unit", "1"), codes=_STATES),
        Cell(f"{_FM}.4.2.1.0", key("crah_cooling_demand_ratio", "unit", "1"), 0.01),
        Cell(f"{_FM}.4.5.10.0", key(_SETPOINT, "unit", "1"), 0.1),
        Cell(f"{air}.2.1", key("crah_supply_air_temperature_celsius", "unit", "1"), 0.1),
        Cell(f"{air}.5.1", key("crah_return_air_temperature_celsius", "unit", "1"), 0.1),
    )
    descr = "APC Web/SNMP Management Card (MB:v3.9.2 PF:v3.7.3 AF1:v3.7.2 simulated)"
    return Layout(cells, (*system(descr, "1.3.6.1.4.1.318.1.3.14.1", name), *fixed({f"{air}.1.1": 1})))
