"""Rack PDUs in the layouts of Server Technology's Sentry4-MIB, Enlogic's ENLOGIC-PDU-MIB and Eaton's EATON-EPDU-MIB.

A site that is run with `--mixed` has them beside those of `pdu.py`.
"""

from collections.abc import Sequence
from typing import Final

from rackflow.series import series_key
from rackflow.site import Sensor
from simulator.wire.cells import (
    JOULES_PER_KWH,
    JOULES_PER_WH,
    Cell,
    Layout,
    constant_records,
    serial_number,
    system_group,
)
from simulator.wire.pdu import external_row
from simulator.world.instruments import LINES, key, label_of

_SENTRY: Final = "1.3.6.1.4.1.1718.4.1"
_ENLOGIC: Final = "1.3.6.1.4.1.38446.1"
_EATON: Final = "1.3.6.1.4.1.534.6.6.7"
# Each family's numbers of the load states.
_SENTRY_LOAD: Final = {"low": 15, "normal": 0, "near_overload": 16, "overload": 17}
_ENLOGIC_LOAD: Final = {"low": 3, "normal": 5, "near_overload": 2, "overload": 1}
_EATON_LOAD: Final = {"low": 1, "normal": 0, "near_overload": 3, "overload": 4}
# The unit of temperatures, in the objects by which Sentry4-MIB and EATON-EPDU-MIB state it.
_CELSIUS: Final = 0


def _inlet(oid: str, metric: str, step: float, inlet: str) -> Cell:
    return Cell(oid, key(metric), step, published_as=key(metric, "inlet", inlet))


def _phase(oid: str, metric: str, line: str, step: float, inlet: str) -> Cell:
    published = series_key(f"dcim_{metric}", {"inlet": inlet, "phase": line})
    return Cell(oid, key(metric, "phase", line), step, published_as=published)


def _load(oid: str, codes: dict[str, int], inlet: str, line: str = "") -> Cell:
    """The load state of the whole unit, or of a phase."""
    labels = {"inlet": inlet, "scope": "phase" if line else "device"} | ({"phase": line} if line else {})
    series = key("pdu_phase_load_state", "phase", line) if line else key("pdu_load_state")
    return Cell(oid, series, codes=codes, published_as=series_key("dcim_pdu_load_state", labels))


def servertech_sentry4(name: str, poles: int, rated_a: float, sensors: Sequence[Sensor]) -> Layout:
    """A PRO2 without outlets: cord, lines, phases to neutral and probes. Its sensors have the names of the site file."""
    inlet, cord = "1.1", f"{_SENTRY}.3.3.1"
    constants: dict[str, int | str] = {
        f"{_SENTRY}.1.1.3.0": "Sentry Smart PDU Version 8.0 (simulated)",
        f"{_SENTRY}.2.2.1.4.1": serial_number(name),
        f"{_SENTRY}.2.2.1.5.1": "PRO2-SIM",
        f"{_SENTRY}.3.3.1.2.1.1": 0,  # normal
        f"{_SENTRY}.9.1.10.0": _CELSIUS,
    }
    cells = [
        _inlet(f"{cord}.3.1.1", "pdu_input_power_watts", 1, inlet),
        _load(f"{cord}.4.1.1", _SENTRY_LOAD, inlet),
        _inlet(f"{cord}.5.1.1", "pdu_input_apparent_power_voltamperes", 1, inlet),
        _inlet(f"{cord}.8.1.1", "pdu_input_power_factor_ratio", 0.01, inlet),
        _inlet(f"{cord}.10.1.1", "pdu_input_energy_joules_total", 0.1 * JOULES_PER_KWH, inlet),
        _inlet(f"{cord}.11.1.1", "pdu_input_frequency_hertz", 0.1, inlet),
    ]
    utilisation: list[Cell] = []
    for pole in range(1, poles + 1):
        line, row = LINES[pole - 1], f"1.1.{pole}"
        # The current in tenths of a percent of the rating. The agent publishes no value from it, but finds the rows of load states by it.
        current = key("pdu_phase_current_amperes", "phase", line)
        utilisation.append(Cell(f"{_SENTRY}.4.3.1.5.{row}", current, rated_a / 1000))
        constants |= {
            f"{_SENTRY}.4.2.1.4.{row}": f"AA:{line}",
            f"{_SENTRY}.4.2.1.6.{row}": round(rated_a),
            f"{_SENTRY}.5.2.1.4.{row}": f"AA:{line}-N",
        }
        cells += [
            _phase(f"{_SENTRY}.4.3.1.3.{row}", "pdu_phase_current_amperes", line, 0.01, inlet),
            _load(f"{_SENTRY}.4.3.1.4.{row}", _SENTRY_LOAD, inlet, line),
            _phase(f"{_SENTRY}.5.3.1.3.{row}", "pdu_phase_voltage_volts", line, 0.1, inlet),
            _phase(f"{_SENTRY}.5.3.1.8.{row}", "pdu_phase_power_watts", line, 1, inlet),
            _phase(f"{_SENTRY}.5.3.1.9.{row}", "pdu_phase_apparent_power_voltamperes", line, 1, inlet),
            _phase(f"{_SENTRY}.5.3.1.10.{row}", "pdu_phase_power_factor_ratio", line, 0.01, inlet),
        ]
    for number, sensor in enumerate(sensors, 1):
        # Temperature and humidity are two probes with an ID each; the agent joins those with the same one.
        humidity_label = sensor.humidity_sensor or label_of(sensor)
        constants |= {
            f"{_SENTRY}.9.2.1.2.1.{number}": label_of(sensor),
            f"{_SENTRY}.10.2.1.2.1.{number}": humidity_label,
        }
        constants |= {f"{_SENTRY}.{table}.3.1.2.1.{number}": 0 for table in (9, 10)}
        humidity = key("env_relative_humidity_ratio", "sensor", label_of(sensor))
        cells += [
            Cell(f"{_SENTRY}.9.3.1.1.1.{number}", key("env_temperature_celsius", "sensor", label_of(sensor)), 0.1),
            Cell(
                f"{_SENTRY}.10.3.1.1.1.{number}",
                humidity,
                0.01,
                published_as=key("env_relative_humidity_ratio", "sensor", humidity_label),
            ),
        ]
    descr = "Sentry Smart PDU (simulated)"
    records = (*system_group(descr, "1.3.6.1.4.1.1718.4", name), *constant_records(constants))
    return Layout(tuple(cells), records, unread_cells=tuple(utilisation))


def enlogic_pdu(name: str, poles: int, sensors: Sequence[Sensor]) -> Layout:
    """A PDU of the first generation without outlets: unit, phases and external sensors, which are named `1.N`."""
    inlet, unit = "1", f"{_ENLOGIC}.2.4.1"
    constants: dict[str, int | str] = {
        f"{_ENLOGIC}.1.2.1.10.1": "EN-SIM",
        f"{_ENLOGIC}.1.2.1.11.1": serial_number(name),
        f"{_ENLOGIC}.1.2.1.13.1": "1.2.3",
    }
    cells = [
        _load(f"{unit}.3.1", _ENLOGIC_LOAD, inlet),
        _inlet(f"{unit}.4.1", "pdu_input_power_watts", 1, inlet),
        _inlet(f"{unit}.5.1", "pdu_input_apparent_power_voltamperes", 1, inlet),
        _inlet(f"{unit}.9.1", "pdu_input_energy_joules_total", 0.1 * JOULES_PER_KWH, inlet),
    ]
    for pole in range(1, poles + 1):
        line, table = LINES[pole - 1], f"{_ENLOGIC}.3.4.1"
        cells += [
            _load(f"{table}.3.1.{pole}", _ENLOGIC_LOAD, inlet, line),
            _phase(f"{table}.5.1.{pole}", "pdu_phase_current_amperes", line, 0.01, inlet),
            _phase(f"{table}.6.1.{pole}", "pdu_phase_voltage_volts", line, 1, inlet),
            _phase(f"{table}.7.1.{pole}", "pdu_phase_power_watts", line, 1, inlet),
            _phase(f"{table}.8.1.{pole}", "pdu_phase_apparent_power_voltamperes", line, 1, inlet),
        ]
    for sensor in sensors:
        first = external_row(sensor, label_of(sensor))
        second = external_row(sensor, sensor.humidity_sensor) if sensor.humidity_sensor else first + 1
        # Columns of the two readings differ: temperatures have one in tenths, the others whole numbers.
        for row, metric, kind, column, step in (
            (first, "env_temperature_celsius", 1, 8, 0.1),
            (second, "env_relative_humidity_ratio", 2, 6, 0.01),
        ):
            constants |= {
                f"{_ENLOGIC}.6.2.1.6.1.{row}": kind,
                f"{_ENLOGIC}.6.2.1.7.1.{row}": 1,  # degC
                f"{_ENLOGIC}.6.4.1.4.1.{row}": 2,  # present
            }
            series = key(metric, "sensor", label_of(sensor))
            oid = f"{_ENLOGIC}.6.4.1.{column}.1.{row}"
            cells.append(Cell(oid, series, step, published_as=key(metric, "sensor", f"1.{row}")))
    descr = "Enlogic PDU (simulated)"
    return Layout(tuple(cells), (*system_group(descr, "1.3.6.1.4.1.38446.1", name), *constant_records(constants)))


def eaton_epdu(name: str, poles: int, rated_a: float) -> Layout:
    """An ePDU G3 without outlets and sensors, in milliamperes, millivolts and watt-hours."""
    inlet, whole = "0.1", f"{_EATON}.3.5.1"
    constants: dict[str, int | str] = {
        f"{_EATON}.1.2.1.2.0": "EPDU-SIM",
        f"{_EATON}.1.2.1.3.0": "EMIB-SIM",
        f"{_EATON}.1.2.1.4.0": serial_number(name),
        f"{_EATON}.1.2.1.5.0": "04.01.0001",
        f"{_EATON}.1.2.1.9.0": _CELSIUS,
    }
    cells = [
        _inlet(f"{_EATON}.3.1.1.3.0.1", "pdu_input_frequency_hertz", 0.1, inlet),
        _inlet(f"{whole}.3.0.1", "pdu_input_apparent_power_voltamperes", 1, inlet),
        _inlet(f"{whole}.4.0.1", "pdu_input_power_watts", 1, inlet),
        _inlet(f"{whole}.5.0.1", "pdu_input_energy_joules_total", JOULES_PER_WH, inlet),
        _inlet(f"{whole}.7.0.1", "pdu_input_power_factor_ratio", 0.001, inlet),
    ]
    for pole in range(1, poles + 1):
        line, row = LINES[pole - 1], f"0.1.{pole}"
        # What a row is about: voltages 2 to 4 are to neutral, currents 3 to 5 and powers 1 to 3 are those of the phases.
        constants |= {
            f"{_EATON}.3.2.1.2.{row}": pole + 1,
            f"{_EATON}.3.3.1.2.{row}": pole + 2,
            f"{_EATON}.3.3.1.3.{row}": round(rated_a * 1000),
            f"{_EATON}.3.4.1.2.{row}": pole,
        }
        cells += [
            _phase(f"{_EATON}.3.2.1.3.{row}", "pdu_phase_voltage_volts", line, 0.001, inlet),
            _phase(f"{_EATON}.3.3.1.4.{row}", "pdu_phase_current_amperes", line, 0.001, inlet),
            _load(f"{_EATON}.3.3.1.5.{row}", _EATON_LOAD, inlet, line),
            _phase(f"{_EATON}.3.4.1.3.{row}", "pdu_phase_apparent_power_voltamperes", line, 1, inlet),
            _phase(f"{_EATON}.3.4.1.4.{row}", "pdu_phase_power_watts", line, 1, inlet),
            _phase(f"{_EATON}.3.4.1.7.{row}", "pdu_phase_power_factor_ratio", line, 0.001, inlet),
        ]
    descr = "Eaton ePDU G3 (simulated)"
    return Layout(tuple(cells), (*system_group(descr, "1.3.6.1.4.1.534.6.6.7", name), *constant_records(constants)))
