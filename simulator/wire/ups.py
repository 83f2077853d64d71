"""UPSs in the layouts of APC's PowerNet-MIB, of the standard UPS-MIB (RFC 1628) and of Eaton's XUPS-MIB."""

from typing import Final

from simulator.wire.cells import (
    COUNTER32,
    GAUGE32,
    JOULES_PER_KWH,
    TIMETICKS,
    Cell,
    Layout,
    constant_records,
    serial_number,
    system_group,
)
from simulator.world.instruments import LINES, key

_APC: Final = "1.3.6.1.4.1.318.1.1.1"
_RFC: Final = "1.3.6.1.2.1.33.1"
_XUPS: Final = "1.3.6.1.4.1.534.1"


def _total(oid: str, metric: str, step: float = 1.0, tag: str = GAUGE32) -> Cell:
    """An object that a single-phase UPS has once and that the profile publishes with the label phase=L1."""
    return Cell(f"{_APC}.{oid}", key(metric), step, tag, published_as=key(metric, "phase", "L1"))


# Most readings exist twice: in the old objects (whole units) and in the "high precision" ones (tenths) of newer cards. Real cards
# have both, and tests check which one the agent takes.
_APC_CELLS: Final = (
    Cell(f"{_APC}.4.1.1.0", key("ups_output_source"), codes={"normal": 2, "battery": 3, "bypass": 9, "none": 7}),
    Cell(f"{_APC}.2.1.1.0", key("ups_battery_state"), codes={"normal": 2, "low": 3, "depleted": 3}),
    Cell(f"{_APC}.2.1.2.0", key("ups_on_battery_seconds"), 0.01, TIMETICKS),
    Cell(f"{_APC}.2.2.1.0", key("ups_battery_charge_ratio"), 0.01, GAUGE32),
    Cell(f"{_APC}.2.2.2.0", key("ups_battery_temperature_celsius"), 1, GAUGE32),
    Cell(f"{_APC}.2.2.3.0", key("ups_battery_runtime_seconds"), 0.01, TIMETICKS),
    Cell(f"{_APC}.2.2.8.0", key("ups_battery_voltage_volts")),
    Cell(f"{_APC}.2.3.1.0", key("ups_battery_charge_ratio"), 0.001, GAUGE32),
    Cell(f"{_APC}.2.3.2.0", key("ups_battery_temperature_celsius"), 0.1),
    Cell(f"{_APC}.2.3.4.0", key("ups_battery_voltage_volts"), 0.1),
    _total("3.2.1.0", "ups_input_voltage_volts"),
    _total("3.2.4.0", "ups_input_frequency_hertz"),
    _total("3.3.1.0", "ups_input_voltage_volts", 0.1),
    _total("3.3.4.0", "ups_input_frequency_hertz", 0.1),
    _total("4.2.1.0", "ups_output_voltage_volts"),
    Cell(f"{_APC}.4.2.2.0", key("ups_output_frequency_hertz"), 1, GAUGE32),
    _total("4.2.3.0", "ups_output_load_ratio", 0.01),
    _total("4.2.4.0", "ups_output_current_amperes"),
    _total("4.2.8.0", "ups_output_power_watts"),
    _total("4.2.9.0", "ups_output_apparent_power_voltamperes"),
    _total("4.3.1.0", "ups_output_voltage_volts", 0.1),
    Cell(f"{_APC}.4.3.2.0", key("ups_output_frequency_hertz"), 0.1, GAUGE32),
    _total("4.3.3.0", "ups_output_load_ratio", 0.001),
    _total("4.3.4.0", "ups_output_current_amperes", 0.1),
    Cell(f"{_APC}.4.3.5.0", key("ups_efficiency_ratio"), 0.001),
    Cell(f"{_APC}.4.3.6.0", key("ups_output_energy_joules_total"), 0.01 * JOULES_PER_KWH, GAUGE32),
)


_RFC_CELLS: Final = (
    Cell(f"{_RFC}.2.1.0", key("ups_battery_state"), codes={"normal": 2, "low": 3, "depleted": 4}),
    Cell(f"{_RFC}.2.2.0", key("ups_on_battery_seconds")),
    Cell(f"{_RFC}.2.3.0", key("ups_battery_runtime_seconds"), 60),
    Cell(f"{_RFC}.2.4.0", key("ups_battery_charge_ratio"), 0.01),
    Cell(f"{_RFC}.2.5.0", key("ups_battery_voltage_volts"), 0.1),
    Cell(f"{_RFC}.2.6.0", key("ups_battery_current_amperes"), 0.1),
    Cell(f"{_RFC}.2.7.0", key("ups_battery_temperature_celsius")),
    Cell(f"{_RFC}.3.1.0", key("ups_input_faults_total"), 1, COUNTER32),
    Cell(f"{_RFC}.4.1.0", key("ups_output_source"), codes={"none": 2, "normal": 3, "bypass": 4, "battery": 5}),
    Cell(f"{_RFC}.4.2.0", key("ups_output_frequency_hertz"), 0.1),
    Cell(f"{_RFC}.6.1.0", key("device_alarms"), 1, GAUGE32),
    Cell(f"{_RFC}.9.5.0", key("ups_rated_apparent_power_voltamperes")),
    Cell(f"{_RFC}.9.6.0", key("ups_rated_power_watts")),
    Cell(f"{_RFC}.9.7.0", key("ups_low_battery_threshold_seconds"), 60),
)
_RFC_PHASES: Final = (
    ("3.3.1.2", "ups_input_frequency_hertz", 0.1),
    ("3.3.1.3", "ups_input_voltage_volts", 1.0),
    ("3.3.1.4", "ups_input_current_amperes", 0.1),
    ("3.3.1.5", "ups_input_power_watts", 1.0),
    ("4.4.1.2", "ups_output_voltage_volts", 1.0),
    ("4.4.1.3", "ups_output_current_amperes", 0.1),
    ("4.4.1.4", "ups_output_power_watts", 1.0),
    ("4.4.1.5", "ups_output_load_ratio", 0.01),
)
"""Columns of the input and the output table, one row a phase."""
_THREE_PHASE: Final = ("ups_input_current_amperes", "ups_input_power_watts")
"""Columns left out for a single-phase UPS, for which the instruments have no total."""


def apc_ups(name: str, rated_w: float) -> Layout:
    """A single-phase Smart-UPS with a network management card. Like the real card it answers both PowerNet-MIB and UPS-MIB."""
    constants: dict[str, int | str] = {
        f"{_APC}.1.1.1.0": f"Smart-UPS SRT {rated_w:.0f}",
        f"{_APC}.1.1.2.0": name,
        f"{_APC}.1.2.1.0": "UPS 18.3 (ID1014)",
        f"{_APC}.1.2.3.0": serial_number(name),
        f"{_APC}.2.2.4.0": 1,  # noBatteryNeedsReplacing
        f"{_APC}.7.2.3.0": 1,  # the last test was passed
        f"{_RFC}.1.1.0": "APC",
        f"{_RFC}.1.2.0": f"Smart-UPS SRT {rated_w:.0f}",
        f"{_RFC}.3.2.0": 1,
        f"{_RFC}.4.3.0": 1,
    }
    phase_cells = [
        Cell(f"{_RFC}.{oid}.1", key(metric), step) for oid, metric, step in _RFC_PHASES if metric not in _THREE_PHASE
    ]
    descr = "APC Web/SNMP Management Card (simulated)"
    records = (*system_group(descr, "1.3.6.1.4.1.318.1.3.27", name), *constant_records(constants))
    return Layout(_APC_CELLS, records, unread_cells=(*_RFC_CELLS, *phase_cells))


def _rfc_rows() -> list[Cell]:
    """The input and the output table of a three-phase UPS."""
    return [
        Cell(f"{_RFC}.{oid}.{row}", key(metric, "phase", line), step)
        for row, line in enumerate(LINES, 1)
        for oid, metric, step in _RFC_PHASES
    ]


def ups_mib(name: str) -> Layout:
    """A three-phase UPS that speaks UPS-MIB."""
    constants: dict[str, int | str] = {
        f"{_RFC}.1.1.0": "Simulated Power",
        f"{_RFC}.1.2.0": "SP-33",
        f"{_RFC}.1.3.0": "UPS 5.14",
        f"{_RFC}.1.4.0": "CARD 3.2.0",
        f"{_RFC}.1.5.0": name,
        f"{_RFC}.3.2.0": 3,
        f"{_RFC}.4.3.0": 3,
        f"{_RFC}.7.3.0": 6,
    }
    descr = "Three-phase UPS, network card 3.2.0 (simulated)"
    return Layout(
        (*_RFC_CELLS, *_rfc_rows()),
        (*system_group(descr, "1.3.6.1.4.1.8072.3.2.10", name), *constant_records(constants)),
    )


# Readings that the agent takes from XUPS-MIB, although these cards have UPS-MIB as well: what is finer there, or only there.
_XUPS_CELLS: Final = (
    Cell(f"{_XUPS}.2.1.0", key("ups_battery_runtime_seconds")),
    Cell(f"{_XUPS}.2.4.0", key("ups_battery_charge_ratio"), 0.01),
    Cell(f"{_XUPS}.3.1.0", key("ups_input_frequency_hertz", "phase", "L1"), 0.1),
    Cell(f"{_XUPS}.3.2.0", key("ups_input_faults_total"), 1, COUNTER32),
    Cell(f"{_XUPS}.4.1.0", key("ups_output_load_ratio"), 0.01, published_as="dcim_ups_output_total_load_ratio"),
    Cell(f"{_XUPS}.4.2.0", key("ups_output_frequency_hertz"), 0.1),
    Cell(f"{_XUPS}.4.5.0", key("ups_output_source"), codes={"none": 2, "normal": 3, "bypass": 4, "battery": 5}),
    Cell(f"{_XUPS}.4.9.3.0", key("ups_output_power_watts"), published_as="dcim_ups_output_total_power_watts"),
    Cell(f"{_XUPS}.10.3.0", key("ups_rated_power_watts")),
)
# What the agent does not read from UPS-MIB on these cards: the runtime in whole minutes, and the input's frequency (a column).
_RUNTIME_MINUTES, _INPUT_FREQUENCY = f"{_RFC}.2.3.0", "3.3.1.2"


def eaton_xups(name: str) -> Layout:
    """A three-phase UPS with a Network-M2 card, which speaks XUPS-MIB and UPS-MIB."""
    both = (*_RFC_CELLS, *_rfc_rows())
    unread = {_RUNTIME_MINUTES, *(f"{_RFC}.{_INPUT_FREQUENCY}.{row}" for row in range(1, len(LINES) + 1))}
    constants: dict[str, int | str] = {
        f"{_XUPS}.1.1.0": "EATON",
        f"{_XUPS}.1.2.0": "Eaton 93PM (simulated)",
        f"{_XUPS}.1.3.0": "INV 2.20",
        f"{_XUPS}.1.6.0": serial_number(name),
        f"{_RFC}.1.1.0": "EATON",
        f"{_RFC}.1.2.0": "Eaton 93PM (simulated)",
        f"{_RFC}.3.2.0": 3,
        f"{_RFC}.4.3.0": 3,
        f"{_RFC}.7.3.0": 6,
    }
    return Layout(
        (*(cell for cell in both if cell.oid not in unread), *_XUPS_CELLS),
        (*system_group("Eaton Gigabit Network Card v2.1.5 (simulated)", _XUPS, name), *constant_records(constants)),
        unread_cells=tuple(cell for cell in both if cell.oid in unread),
    )
