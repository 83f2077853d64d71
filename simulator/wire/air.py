"""Air handlers in the layouts of PowerNet-MIB's airFM subtree and of LIEBERT-GP-ENVIRONMENTAL-MIB."""

from typing import Final

from rackflow.recording import OBJECT_IDENTIFIER, Record
from simulator.wire.cells import Cell, Layout, constant_records, serial_number, system_group
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
    return Layout(cells, (*system_group(descr, "1.3.6.1.4.1.318.1.3.14.1", name), *constant_records({f"{air}.1.1": 1})))


_LIEBERT: Final = "1.3.6.1.4.1.476.1.42"
_ENVIRONMENT: Final = f"{_LIEBERT}.3.4"
# Rows of lgpEnvTemperatureTableDegC: what they are the temperature of. Column 50 has tenths of a degree.
_RETURN_AIR, _SUPPLY_AIR = (1, f"{_ENVIRONMENT}.1.1.2"), (2, f"{_ENVIRONMENT}.1.1.3")


def liebert_crah(name: str) -> Layout:
    """A Liebert CW with a Unity card. A failed unit says that it is off: what failed is in its table of conditions."""
    table = f"{_ENVIRONMENT}.1.3.3.1"
    cells = [
        Cell(
            f"{_ENVIRONMENT}.3.1.0",
            key("crah_unit_state", "unit", "1"),
            codes={"running": 1, "off": 2, "fault": 2},
            published_as="dcim_crah_unit_state",
        ),
        Cell(
            f"{_ENVIRONMENT}.3.9.0",
            key("crah_cooling_demand_ratio", "unit", "1"),
            0.01,
            published_as="dcim_crah_cooling_demand_ratio",
        ),
    ]
    rows: list[Record] = []
    for (row, what), column, metric, step in (
        (_RETURN_AIR, 50, "crah_return_air_temperature_celsius", 0.1),
        (_RETURN_AIR, 6, _SETPOINT, 1.0),
        (_SUPPLY_AIR, 50, "crah_supply_air_temperature_celsius", 0.1),
    ):
        rows.append(Record(f"{table}.2.{row}", OBJECT_IDENTIFIER, what))
        cells.append(Cell(f"{table}.{column}.{row}", key(metric, "unit", "1"), step, published_as=key(metric)))
    constants = {
        f"{_LIEBERT}.2.1.2.0": "Liebert CW (simulated)",
        f"{_LIEBERT}.2.1.3.0": "IS-UNITY 8.0",
        f"{_LIEBERT}.2.1.4.0": serial_number(name),
    }
    return Layout(
        tuple(cells),
        (*system_group("Liebert IS-UNITY (simulated)", _LIEBERT, name), *constant_records(constants), *rows),
    )
