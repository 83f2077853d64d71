"""Readings that contradict each other: power that volts times amperes do not carry, totals that are no sum, outliers in a room.

Readings are not of one moment, and loads step: nothing is named before it has been impossible, in one direction, for a minute
and for six polls without a break.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from collector.derive.engine import Planner
from collector.derive.trust.suspects import SUSTAINED_S, HoldTimer
from rackflow.physics import dew_point_celsius
from rackflow.site import Site

_MAX_POWER_FACTOR: Final = 1.15
_MIN_POWER_FACTOR: Final = 0.2
"""Power over volts times amperes: physics ends at 1, and nothing in a rack, nor a UPS's filter, stays below 0.2 under load."""
_SUM_TOLERANCE: Final = 0.15
_MIN_DIFFERENCE_W: Final = 150.0
"""What coarse readings may differ by: 0.1 A and 10 W a phase."""
_MAX_INLET_DEVIATION_K: Final = 20.0
"""An inlet this far from the median of its room's is not a hot spot."""
_MAX_DEW_POINT_DEVIATION_K: Final = 10.0
"""Air of a room is mixed: its dew points agree, wherever they are measured."""
_MIN_SENSORS: Final = 3
_AIR_QUANTITIES: Final = ("temperature_celsius", "relative_humidity_ratio", "dew_point_celsius")
_PHASE_SUFFIXES: Final = ("_L1", "_L2", "_L3")

Numbers = Callable[[str, str], float | None]
"""The current value of a device's series, by device and key."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One reading, and whether it is above what it is held against; `keys` are all that were looked at."""

    device: str
    key: str
    name: str
    above: bool
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phase:
    """Series keys of one phase; "" where the device has none."""

    name: str
    power: str
    current: str
    voltage: str
    apparent: str


@dataclass(frozen=True, slots=True)
class MeteredSide:
    """What measures power once: its phases, and their sum."""

    side: str
    phases: tuple[Phase, ...]
    total: str


_SIDES: Final = (
    ("pdu", "input", "dcim_pdu_phase_", "dcim_pdu_phase_power_watts", "dcim_pdu_input_power_watts"),
    ("ups", "input", "dcim_ups_input_", "dcim_ups_input_power_watts", "dcim_ups_input_total_power_watts"),
    ("ups", "output", "dcim_ups_output_", "dcim_ups_output_power_watts", "dcim_ups_output_total_power_watts"),
    ("meter", "meter", "dcim_meter_", "dcim_meter_phase_power_watts", "dcim_meter_power_watts"),
)
"""Device class, side, how its phases' metrics begin, power of a phase, total power."""
_PHASE_QUANTITIES: Final = ("current_amperes", "voltage_volts", "apparent_power_voltamperes")


def plan_meters(planner: Planner, device: str, device_class: str) -> tuple[MeteredSide, ...]:
    """The sides of a device on which it measures power in more than one way."""
    found = []
    for of_class, side, begin, power, total in _SIDES:
        if of_class != device_class:
            continue
        groups: dict[tuple[tuple[str, str], ...], list[Phase]] = {}
        for key, labels in planner.series(device, power):
            phase = labels.get("phase")
            if phase is None:
                continue
            rest = {label: value for label, value in labels.items() if label != "phase"}
            keys = (
                _single(planner.series(device, f"{begin}{what}", phase=phase, **rest)) for what in _PHASE_QUANTITIES
            )
            groups.setdefault(tuple(sorted(rest.items())), []).append(Phase(phase, key, *keys))
        for labels_of, phases in groups.items():
            whole = _single(each for each in planner.series(device, total, **dict(labels_of)) if "phase" not in each[1])
            found.append(MeteredSide(side, tuple(phases), whole))
    return tuple(found)


def _single(series: Iterable[tuple[str, Mapping[str, str]]]) -> str:
    keys = [key for key, _ in series]
    return keys[0] if len(keys) == 1 else ""


def plan_air(planner: Planner, site: Site) -> dict[str, tuple["AirSensor", ...]]:
    """Room -> its air sensors."""
    rooms: dict[str, list[AirSensor]] = {}
    for sensor in site.sensors.values():
        room = site.place(sensor.id).get("room")
        if sensor.measures != "air" or room is None:
            continue
        device, own = sensor.device or sensor.id, {"sensor": sensor.sensor} if sensor.sensor else {}
        keys = (_single(planner.series(device, f"dcim_env_{what}", **own)) for what in _AIR_QUANTITIES)
        found = AirSensor(device, sensor.sensor or "1", sensor.position == "outlet", *keys)
        if found.temperature or found.dew_point:
            rooms.setdefault(room, []).append(found)
    return {room: tuple(sensors) for room, sensors in rooms.items() if len(sensors) >= _MIN_SENSORS}


@dataclass(frozen=True, slots=True)
class AirSensor:
    """One sensor and its series keys; "" where it has none."""

    device: str
    name: str
    behind_rack: bool
    temperature: str
    humidity: str
    dew_point: str


@dataclass(slots=True)
class Contradictions:
    """What has been impossible for a minute: `suspects` by device and series key, `named` by device and reading."""

    suspects: set[tuple[str, str]] = field(default_factory=set)
    named: set[tuple[str, str]] = field(default_factory=set)
    _sustained: HoldTimer = field(default_factory=HoldTimer)

    def update(
        self,
        meters: Mapping[str, Sequence[MeteredSide]],
        rooms: Mapping[str, Sequence[AirSensor]],
        numbers: Numbers,
        life_s: Callable[[str, str], float],
        now: float,
    ) -> None:
        """One cycle. `life_s` is the shelf life of a series, three polls."""
        self.suspects, self.named = set(), set()
        impossible: set[Contradiction] = set()
        for device, sides in meters.items():
            for meter in sides:
                impossible.update(impossible_power(meter, device, numbers))
        for sensors in rooms.values():
            impossible.update(impossible_air(sensors, numbers))
        patience = {
            each: max(SUSTAINED_S, 2 * max(life_s(each.device, key) for key in each.keys)) for each in impossible
        }
        lasting = list(self._sustained.update(patience, now))
        phases = {(each.device, each.name.partition("_")[0]) for each in lasting if each.name.endswith(_PHASE_SUFFIXES)}
        for each in lasting:
            # Where a phase is off, its sum must be: that acquits the total.
            if not each.name.endswith("_total_power") or (each.device, each.name.partition("_")[0]) not in phases:
                self.suspects.add((each.device, each.key))
                self.named.add((each.device, each.name))


def impossible_power(meter: MeteredSide, device: str, numbers: Numbers) -> Iterator[Contradiction]:
    """Power that volts and amperes do not carry, and sums that are none."""
    powers: list[float | None] = []
    for phase in meter.phases:
        power, current, volts, apparent = (
            numbers(device, key) if key else None for key in (phase.power, phase.current, phase.voltage, phase.apparent)
        )
        powers.append(power)
        if power is None or current is None or volts is None or _fits(power, volts * current):
            continue
        # A device that measures apparent power as well says which of both is off.
        above, keys = abs(power) > abs(volts * current), (phase.power, phase.current, phase.voltage)
        if apparent is None or not _fits(power, apparent):
            yield Contradiction(device, phase.power, f"{meter.side}_power_{phase.name}", above, keys)
        if apparent is None or _fits(power, apparent):
            yield Contradiction(device, phase.current, f"{meter.side}_current_{phase.name}", above, keys)
    total = numbers(device, meter.total) if meter.total else None
    known = [power for power in powers if power is not None]
    if total is None or len(known) < len(powers):
        return
    whole = sum(known)
    if abs(total - whole) > _MIN_DIFFERENCE_W + _SUM_TOLERANCE * max(abs(total), abs(whole)):
        parts = (meter.total, *(phase.power for phase in meter.phases))
        yield Contradiction(device, meter.total, f"{meter.side}_total_power", total > whole, parts)


def _fits(power: float, apparent: float) -> bool:
    power, apparent = abs(power), abs(apparent)
    return _MIN_POWER_FACTOR * apparent - _MIN_DIFFERENCE_W <= power <= _MAX_POWER_FACTOR * apparent + _MIN_DIFFERENCE_W


def impossible_air(sensors: Sequence[AirSensor], numbers: Numbers) -> Iterator[Contradiction]:
    """What is far from what the other sensors of the room say."""
    front = [each for each in sensors if not each.behind_rack and each.temperature]
    for each, above in _outliers(
        front, [numbers(each.device, each.temperature) for each in front], _MAX_INLET_DEVIATION_K
    ):
        for key in (each.temperature, each.dew_point):
            if key:
                yield Contradiction(each.device, key, f"temperature_{each.name}", above, (each.temperature,))
    for each, above in _outliers(sensors, [_dew_point(each, numbers) for each in sensors], _MAX_DEW_POINT_DEVIATION_K):
        for key in (each.humidity, each.dew_point):
            if key:
                yield Contradiction(each.device, key, f"humidity_{each.name}", above, (key,))


def _dew_point(sensor: AirSensor, numbers: Numbers) -> float | None:
    if sensor.dew_point:
        return numbers(sensor.device, sensor.dew_point)
    celsius, humidity = (numbers(sensor.device, key) if key else None for key in (sensor.temperature, sensor.humidity))
    return dew_point_celsius(celsius, humidity) if celsius is not None and humidity is not None else None


def _outliers(
    sensors: Sequence[AirSensor], values: Sequence[float | None], limit: float
) -> Iterator[tuple[AirSensor, bool]]:
    known = [value for value in values if value is not None]
    if len(known) < _MIN_SENSORS:
        return
    middle = median(known)
    for sensor, value in zip(sensors, values, strict=True):
        if value is not None and abs(value - middle) > limit:
            yield sensor, value > middle
