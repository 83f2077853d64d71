"""Environment monitors: HW group's STE2 for air and WLD2 for sensing cables."""

from collections.abc import Sequence
from typing import Final

from rackflow.errors import ConfigError
from rackflow.site import Sensor
from simulator.wire.cells import Cell, Layout, constant_records, system_group
from simulator.world.instruments import key, label_of

_STE2: Final = "1.3.6.1.4.1.21796.4.9"
_WLD: Final = "1.3.6.1.4.1.21796.4.5"
_CELSIUS, _PERCENT = 1, 4  # sensUnit of STE-MIB


def ste2(name: str, sensors: Sequence[Sensor]) -> Layout:
    """A thermometer and hygrometer, in tenths of a unit.

    The temperature of sensor `N.title` is row N of the table. Its humidity is the row named by `humidity_sensor`, else row N + 1.
    """
    cells: list[Cell] = []
    constants: dict[str, int | str] = {}
    for sensor in sensors:
        first, title = _row_and_title(sensor.id, label_of(sensor))
        second, humid = _row_and_title(sensor.id, sensor.humidity_sensor or f"{first + 1}.{title}-rh")
        for row, metric, what, unit, step in (
            (first, "env_temperature_celsius", title, _CELSIUS, 0.1),
            (second, "env_relative_humidity_ratio", humid, _PERCENT, 0.001),
        ):
            constants |= {
                f"{_STE2}.3.1.1.{row}": row,
                f"{_STE2}.3.1.2.{row}": what,
                f"{_STE2}.3.1.3.{row}": 1,
                f"{_STE2}.3.1.7.{row}": unit,
            }
            series = key(metric, "sensor", label_of(sensor))
            cells.append(
                Cell(f"{_STE2}.3.1.5.{row}", series, step, published_as=key(metric, "sensor", f"{row}.{what}"))
            )
    return Layout(tuple(cells), (*system_group("STE2 (simulated)", _STE2, name), *constant_records(constants)))


def wld(name: str, sensors: Sequence[Sensor]) -> Layout:
    """A leak detector. The sensing cable of sensor `N.title` is row N of the table."""
    cells: list[Cell] = []
    constants: dict[str, int | str] = {}
    for sensor in sensors:
        row, title = _row_and_title(sensor.id, label_of(sensor))
        constants |= {f"{_WLD}.4.1.1.{row}": row, f"{_WLD}.4.1.2.{row}": title, f"{_WLD}.4.1.3.{row}": 1}
        cells.append(Cell(f"{_WLD}.4.1.6.{row}", key("leak_detected", "sensor", label_of(sensor))))
    return Layout(tuple(cells), (*system_group("WLD2 (simulated)", _WLD, name), *constant_records(constants)))


def _row_and_title(sensor: str, label: str) -> tuple[int, str]:
    row, dot, title = label.partition(".")
    if not row.isdecimal() or not dot or not title:
        raise ConfigError(f"sensor {sensor!r}: name this monitor's sensors row.title, as in 1.{sensor}")
    return int(row), title
