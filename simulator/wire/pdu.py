"""Rack PDUs in the layouts of APC's rPDU2 subtree (PowerNet-MIB) and of Raritan's PDU2-MIB."""

from collections.abc import Sequence
from typing import Final

from rackflow.errors import ConfigError
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
from simulator.world.instruments import LINES, key, label_of

_APC: Final = "1.3.6.1.4.1.318.1.1.26"
_RARITAN: Final = "1.3.6.1.4.1.13742.6"
_PHASE: Final = {"inlet": "1", "scope": "phase"}
_LOAD_STATE_CODES: Final = {"low": 1, "normal": 2, "near_overload": 3, "overload": 4}


def _with(series: str, **labels: str) -> str:
    """The series key with further labels, sorted as series keys are."""
    metric, _, rest = series.partition("{")
    given = [f"{label}={value}" for label, value in labels.items()]
    return f"{metric}{{{','.join(sorted([*rest.rstrip('}').split(','), *given] if rest else given))}}}"


def apc_rpdu2(name: str, poles: int, rated_a: float, sensors: Sequence[Sensor]) -> Layout:
    """An APC rack PDU of the second generation without outlets: device, phase and sensor tables of rPDU2."""
    cells = [
        _inlet("4.3.1.5.1", "pdu_input_power_watts", 10),
        _inlet("4.3.1.9.1", "pdu_input_energy_joules_total", 0.1 * JOULES_PER_KWH),
        _inlet("4.3.1.16.1", "pdu_input_apparent_power_voltamperes", 10),
        _inlet("4.3.1.17.1", "pdu_input_power_factor_ratio", 0.01),
        Cell(
            f"{_APC}.4.3.1.4.1",
            key("pdu_load_state"),
            codes=_LOAD_STATE_CODES,
            published_as="dcim_pdu_load_state{inlet=1,scope=device}",
        ),
    ]
    constants: dict[str, int | str] = {
        f"{_APC}.2.1.1.1": 1,
        f"{_APC}.2.1.6.1": "7.0.8",
        f"{_APC}.2.1.8.1": "APDU-SIM",
        f"{_APC}.2.1.9.1": serial_number(name),
    }
    for pole in range(1, poles + 1):
        line = LINES[pole - 1]
        constants |= {
            f"{_APC}.6.3.1.2.{pole}": 1,
            f"{_APC}.6.3.1.3.{pole}": pole,
            f"{_APC}.6.1.1.7.{pole}": round(rated_a),
        }
        load, state = key("pdu_phase_load_state", "phase", line), _with(key("pdu_load_state", "phase", line), **_PHASE)
        cells.append(Cell(f"{_APC}.6.3.1.4.{pole}", load, codes=_LOAD_STATE_CODES, published_as=state))
        for column, metric, step in (
            (5, "pdu_phase_current_amperes", 0.1),
            (6, "pdu_phase_voltage_volts", 1.0),
            (7, "pdu_phase_power_watts", 10.0),
            (8, "pdu_phase_apparent_power_voltamperes", 10.0),
            (9, "pdu_phase_power_factor_ratio", 0.01),
        ):
            series = key(metric, "phase", line)
            cells.append(Cell(f"{_APC}.6.3.1.{column}.{pole}", series, step, published_as=_with(series, inlet="1")))
    for sensor in sensors:
        row = _number(sensor, label_of(sensor), "1")
        constants |= {f"{_APC}.10.2.2.1.1.{row}": row, f"{_APC}.10.2.2.1.6.{row}": 2}  # commsOK
        cells += _apc_sensor(row, sensor)
    descr = "APC Web/SNMP Management Card (simulated)"
    return Layout(tuple(cells), (*system_group(descr, "1.3.6.1.4.1.318.1.3.4.6", name), *constant_records(constants)))


def _apc_sensor(row: int, sensor: Sensor) -> list[Cell]:
    if sensor.humidity_sensor is not None:
        what = "on this family of PDUs humidity has the same label as its temperature; remove humidity_sensor"
        raise ConfigError(f"sensor {sensor.id!r}: {what}")
    return [
        Cell(f"{_APC}.10.2.2.1.{column}.{row}", key(metric, "sensor", label_of(sensor)), step)
        for column, metric, step in ((8, "env_temperature_celsius", 0.1), (10, "env_relative_humidity_ratio", 0.01))
    ]


def _inlet(oid: str, metric: str, step: float) -> Cell:
    return Cell(f"{_APC}.{oid}", key(metric), step, published_as=key(metric, "inlet", "1"))


_INLET: Final = (
    (1, "pdu_input_current_amperes", 2),
    (4, "pdu_input_voltage_volts", 0),
    (5, "pdu_input_power_watts", 0),
    (6, "pdu_input_apparent_power_voltamperes", 0),
    (7, "pdu_input_power_factor_ratio", 2),
    (8, "pdu_input_energy_joules_total", 0),
    (23, "pdu_input_frequency_hertz", 1),
)
"""Inlet sensors: SensorTypeEnumeration of PDU2-MIB, metric, and decimal digits that the device states."""
_POLE: Final = (
    (1, "pdu_phase_current_amperes", 2),
    (25, "pdu_phase_voltage_volts", 0),
    (5, "pdu_phase_power_watts", 0),
    (6, "pdu_phase_apparent_power_voltamperes", 0),
    (7, "pdu_phase_power_factor_ratio", 2),
)
# Sensor types of SensorTypeEnumeration in PDU2-MIB.
_POWER_FACTOR, _ENERGY = 7, 8
# Columns of the measurement tables: the value, and the signed value of sensors that can be negative. The power factor is in both;
# the profile reads the signed column first and falls back to the other.
_VALUE, _SIGNED_VALUE = 4, 6


def raritan_pdu2(name: str, poles: int, sensors: Sequence[Sensor]) -> Layout:
    """A Raritan PX3 without outlets: inlet, poles and external sensors of PDU2-MIB. Energy is in Wh."""
    cells: list[Cell] = []
    constants: dict[str, int | str] = {
        f"{_RARITAN}.3.2.1.1.2.1": "Raritan",
        f"{_RARITAN}.3.2.1.1.3.1": "PX3-SIM",
        f"{_RARITAN}.3.2.1.1.4.1": serial_number(name),
        f"{_RARITAN}.3.3.3.1.5.1.1": 4 if poles > 1 else 2,  # inletPoleCount
    }
    inlet = "1.1"
    for kind, metric, digits in _INLET:
        constants |= {f"{_RARITAN}.3.3.4.1.7.1.1.{kind}": digits, f"{_RARITAN}.5.2.3.1.2.1.1.{kind}": 1}
        step = (JOULES_PER_WH if kind == _ENERGY else 1.0) * 10.0**-digits
        for column in (_VALUE, _SIGNED_VALUE) if kind == _POWER_FACTOR else (_VALUE,):
            oid = f"{_RARITAN}.5.2.3.1.{column}.1.1.{kind}"
            cells.append(Cell(oid, key(metric), step, published_as=key(metric, "inlet", inlet)))
    for pole in range(1, poles + 1 if poles > 1 else 1):
        for kind, metric, digits in _POLE:
            constants |= {
                f"{_RARITAN}.3.3.6.1.7.1.1.{pole}.{kind}": digits,
                f"{_RARITAN}.5.2.4.1.2.1.1.{pole}.{kind}": 1,
            }
            series = key(metric, "phase", LINES[pole - 1])
            for column in (_VALUE, _SIGNED_VALUE) if kind == _POWER_FACTOR else (_VALUE,):
                oid = f"{_RARITAN}.5.2.4.1.{column}.1.1.{pole}.{kind}"
                cells.append(Cell(oid, series, 10.0**-digits, published_as=_with(series, inlet=inlet)))
    for sensor in sensors:
        _add_raritan_sensor(sensor, cells, constants)
    descr = "Raritan PX3, simulated"
    return Layout(tuple(cells), (*system_group(descr, "1.3.6.1.4.1.13742.6", name), *constant_records(constants)))


def _add_raritan_sensor(sensor: Sensor, cells: list[Cell], constants: dict[str, int | str]) -> None:
    """Add the objects of an air sensor: its temperature is external sensor N of label `1.N`, its humidity `humidity_sensor` or N + 1.

    Temperature and humidity are separate external sensors on this family, each with a type and decimal digits of its own.
    """
    first = external_row(sensor, label_of(sensor))
    second = external_row(sensor, sensor.humidity_sensor) if sensor.humidity_sensor else first + 1
    for row, metric, kind, unit, digits in (
        (first, "env_temperature_celsius", 10, 7, 1),
        (second, "env_relative_humidity_ratio", 11, 9, 0),
    ):
        constants |= {
            f"{_RARITAN}.3.6.3.1.2.1.{row}": kind,
            f"{_RARITAN}.3.6.3.1.16.1.{row}": unit,
            f"{_RARITAN}.3.6.3.1.17.1.{row}": digits,
            f"{_RARITAN}.5.5.3.1.3.1.{row}": 4,  # normal
        }
        oid = f"{_RARITAN}.5.5.3.1.4.1.{row}"
        step = 0.1 if digits else 0.01
        cells.append(
            Cell(oid, key(metric, "sensor", label_of(sensor)), step, published_as=key(metric, "sensor", f"1.{row}"))
        )


def external_row(sensor: Sensor, label: str) -> int:
    """The row of a sensor that is named `1.N`, as on families whose sensors are counted by unit. Raises ConfigError."""
    pdu, _, number = label.partition(".")
    return _number(sensor, number if pdu == "1" else "", "1.1")


def _number(sensor: Sensor, text: str, example: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"sensor {sensor.id!r}: name the sensors of this family of PDUs as in {example}")
    return int(text)
