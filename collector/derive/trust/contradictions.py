"""Finds contradicting readings: power that does not fit volts times amperes, totals that differ from the sum, outliers in a room.

Values are not read in one moment, and loads step. So a reading is named only after it has been impossible for a minute and six polls
without a break, always in one direction: a load that steps up and down causes contradictions in both directions. The limits are wide on
purpose. They find wrong scales (a factor of 10), wrong units (degF for degC) and dead channels, not inaccurate meters. No recording of a
real device may be reported as suspect; `tests/conformance/test_physics.py` replays them all.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Final

from collector.derive.engine import PART, Planner
from collector.derive.trust.suspects import SUSTAINED_S, HoldTimer
from rackflow.physics import dew_point_celsius
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import run_through
from rackflow.site import Site

# Power over volts times amperes is the power factor, which physics limits to 1. The 39 phases above 300 VA in recordings of real devices
# show 0.40 to 1.08, both of UPSs. 1.15 leaves room for meters of 5 %. Nothing under load stays below 0.2, neither power supplies at
# idle nor the input filter of a UPS; a scale that is wrong by 10 gives 0.1.
_MAX_POWER_FACTOR: Final = 1.15
_MIN_POWER_FACTOR: Final = 0.2
# A total and the sum of its phases may be read one poll apart. In recordings of real devices they differ by up to 7 %, in a simulated
# edge site whose load steps by 4 % and 180 W; a phase that is missing from the sum, or wrong by 10, makes 30 % and more.
_SUM_TOLERANCE: Final = 0.15
# W by which coarse readings may differ at any load: amperes come in steps of 0.1 (23 W at 230 V) and power in steps of 10 W or 100 W,
# for up to three phases. At low load this, and not the tolerance above, decides.
_MIN_DIFFERENCE_W: Final = 150.0
# An inlet this far from the median of its room is no hot spot any more: ASHRAE TC 9.9 recommends 18 to 27 degC and allows 15 to 32
# (class A1), so 20 K is more than the whole allowed range. Inlets of a simulated AI hall stay within 1 K. A probe in degF instead of
# degC is off by 51 K at 24 degC.
_MAX_INLET_DEVIATION_K: Final = 20.0
# Air of a room is mixed, and heating it does not change its dew point: dew points agree wherever they are measured. At 24 degC and 50 %
# an error of 5 % RH makes 1.5 K; a sensor that is stuck at 100 % is 11 K off.
_MAX_DEW_POINT_DEVIATION_K: Final = 10.0
# If two sensors disagree, neither can be called right; with three, the median decides.
_MIN_SENSORS: Final = 3
_AIR_METRICS: Final = (
    "dcim_env_temperature_celsius",
    "dcim_env_relative_humidity_ratio",
    "dcim_env_dew_point_celsius",
)
_PHASE_SUFFIXES: Final = ("_L1", "_L2", "_L3")

Numbers = Callable[[str, str], float | None]
"""The current value of a device's series, by device and key."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """One reading that cannot be right now."""

    device: str
    key: str
    """Series key of the reading."""
    name: str
    """What an operator reads: the label `reading`."""
    above: bool
    """Whether the value (for a current: the power) is above what it is compared with. If this changes, the minute starts over."""
    keys: tuple[str, ...]
    """Every series that was compared; the slowest of them sets how long the contradiction must last."""


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
    """One place at which a device measures power: its phases, and the total, if it states one."""

    side: str
    phases: tuple[Phase, ...]
    total: str
    """Series key; "" where the device has none."""


_SIDES: Final = (
    ("pdu", "input", "dcim_pdu_phase_", "dcim_pdu_phase_power_watts", "dcim_pdu_input_power_watts"),
    ("ups", "input", "dcim_ups_input_", "dcim_ups_input_power_watts", "dcim_ups_input_total_power_watts"),
    ("ups", "output", "dcim_ups_output_", "dcim_ups_output_power_watts", "dcim_ups_output_total_power_watts"),
    ("meter", "meter", "dcim_meter_", "dcim_meter_phase_power_watts", "dcim_meter_power_watts"),
)
"""Device class, side, prefix of the metrics of a phase, power of a phase, total power."""
_PHASE_QUANTITIES: Final = ("current_amperes", "voltage_volts", "apparent_power_voltamperes")


def plan_meters(planner: Planner, device: str, device_class: str) -> tuple[MeteredSide, ...]:
    """The sides of a device on which it measures power by phase.

    Series with the same labels but for `phase` belong together: a PDU with two inlets has two sides.
    """
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
    """The key of the only series; "" if there are none or several, because the right one of several is not known."""
    keys = [key for key, _ in series]
    return keys[0] if len(keys) == 1 else ""


def plan_air(planner: Planner, site: Site) -> dict[str, tuple["AirSensor", ...]]:
    """Air sensors by room, for the rooms that have enough of them to compare."""
    rooms: dict[str, list[AirSensor]] = {}
    for sensor in site.sensors.values():
        room = site.place(sensor.id).get("room")
        if sensor.measures != "air" or room is None:
            continue
        device, own = sensor.device or sensor.id, {"sensor": sensor.sensor} if sensor.sensor else {}
        keys = (_single(planner.series(device, metric, **own)) for metric in _AIR_METRICS)
        found = AirSensor(device, sensor.sensor or "1", sensor.position == "outlet", *keys)
        if found.temperature or found.dew_point:
            rooms.setdefault(room, []).append(found)
    return {room: tuple(sensors) for room, sensors in rooms.items() if len(sensors) >= _MIN_SENSORS}


@dataclass(frozen=True, slots=True)
class AirSensor:
    """One sensor and its series keys; "" where it has none. `behind_rack`: outlets differ by load, so only inlets are compared."""

    device: str
    name: str
    behind_rack: bool
    temperature: str
    humidity: str
    dew_point: str


@dataclass(slots=True)
class Contradictions:
    """Keeps how long each contradiction of a site has lasted."""

    suspects: set[tuple[str, str]] = field(default_factory=set)
    """Device and series key of all readings that no figure may use now."""
    named: set[tuple[str, str]] = field(default_factory=set)
    """Device and reading that an operator is shown as suspect."""
    unjudged: set[tuple[str, str]] = field(default_factory=set)
    """Device and series key of readings that could not be judged, because judging them failed."""
    _sustained: HoldTimer = field(default_factory=HoldTimer)

    def update(
        self,
        meters: Mapping[str, Sequence[MeteredSide]],
        rooms: Mapping[str, Sequence[AirSensor]],
        numbers: Numbers,
        life_s: Callable[[str, str], float],
        now: float,
        *,
        failures: Failures | None = None,
    ) -> None:
        """All of `judge_steps` at once."""
        run_through(self.judge_steps(meters, rooms, numbers, life_s, now, failures=failures))

    def judge_steps(
        self,
        meters: Mapping[str, Sequence[MeteredSide]],
        rooms: Mapping[str, Sequence[AirSensor]],
        numbers: Numbers,
        life_s: Callable[[str, str], float],
        now: float,
        *,
        failures: Failures | None = None,
    ) -> Generator[None, None, None]:
        """Judge the latest readings of the devices in `meters` and of the sensors in `rooms`, and yield after each.

        `life_s` gives the shelf life of a series in seconds, which is three polls.
        """
        noted = failures if failures is not None else Failures()
        self.suspects, self.named, self.unjudged = set(), set(), set()
        impossible: set[Contradiction] = set()
        for device, sides in meters.items():
            yield
            for meter in sides:
                found = noted.attempt(PART, partial(_all, impossible_power(meter, device, numbers)), otherwise=None)
                impossible.update(found or ())
                self.unjudged |= _keys_of(meter, device) if found is None else set()
        for sensors in rooms.values():
            yield
            found = noted.attempt(PART, partial(_all, impossible_air(sensors, numbers)), otherwise=None)
            impossible.update(found or ())
            self.unjudged |= _keys_of_air(sensors) if found is None else set()
        # Twice the shelf life of the slowest series is six polls. Of two series polled once a minute, the older reading may contradict the
        # newer one for a minute after each load step.
        required_s = {
            each: max(SUSTAINED_S, 2 * max(life_s(each.device, key) for key in each.keys)) for each in impossible
        }
        lasting = list(self._sustained.update(required_s, now))
        # A name begins with the side of the meter: `output_power_L1`.
        sides_with_wrong_phase = {
            (each.device, each.name.partition("_")[0]) for each in lasting if each.name.endswith(_PHASE_SUFFIXES)
        }
        for each in lasting:
            side = each.device, each.name.partition("_")[0]
            # A wrong phase also makes the total differ from the sum: then only the phase is named, and the total stays trusted.
            if not each.name.endswith("_total_power") or side not in sides_with_wrong_phase:
                self.suspects.add((each.device, each.key))
                self.named.add((each.device, each.name))


def _all(found: Iterable[Contradiction]) -> set[Contradiction] | None:
    """All contradictions, found inside of the barrier: a generator would fail outside of it. The type is what `attempt` returns."""
    return set(found)


def _keys_of(meter: MeteredSide, device: str) -> set[tuple[str, str]]:
    keys = {key for each in meter.phases for key in (each.power, each.current, each.voltage, each.apparent)}
    return {(device, key) for key in (*keys, meter.total) if key}


def _keys_of_air(sensors: Sequence[AirSensor]) -> set[tuple[str, str]]:
    return {(each.device, key) for each in sensors for key in (each.temperature, each.humidity, each.dew_point) if key}


def impossible_power(meter: MeteredSide, device: str, numbers: Numbers) -> Iterator[Contradiction]:
    """Phases whose power does not fit volts times amperes, and a total that is not the sum of its phases."""
    powers: list[float | None] = []
    for phase in meter.phases:
        power, current, volts, apparent = (
            numbers(device, key) if key else None for key in (phase.power, phase.current, phase.voltage, phase.apparent)
        )
        powers.append(power)
        if power is None or current is None or volts is None or _fits(power, volts * current):
            continue
        # Power or current is wrong; volts differ little and are not accused. Apparent power, if the device measures it, decides which
        # of the two; without it both are suspect. If power does not fit it, power is suspect, because no second quantity confirms it.
        above, keys = abs(power) > abs(volts * current), (phase.power, phase.current, phase.voltage)
        if apparent is None or not _fits(power, apparent):
            yield Contradiction(
                device=device, key=phase.power, name=f"{meter.side}_power_{phase.name}", above=above, keys=keys
            )
        if apparent is None or _fits(power, apparent):
            yield Contradiction(
                device=device, key=phase.current, name=f"{meter.side}_current_{phase.name}", above=above, keys=keys
            )
    total = numbers(device, meter.total) if meter.total else None
    known = [power for power in powers if power is not None]
    if total is None or len(known) < len(powers):
        return
    whole = sum(known)
    if abs(total - whole) > _MIN_DIFFERENCE_W + _SUM_TOLERANCE * max(abs(total), abs(whole)):
        parts = (meter.total, *(phase.power for phase in meter.phases))
        yield Contradiction(
            device=device, key=meter.total, name=f"{meter.side}_total_power", above=total > whole, keys=parts
        )


def _fits(power: float, apparent: float) -> bool:
    """Whether W and VA can belong together. Signs are ignored: a UPS feeding back, or a reversed transformer, is no wrong sensor."""
    power, apparent = abs(power), abs(apparent)
    return _MIN_POWER_FACTOR * apparent - _MIN_DIFFERENCE_W <= power <= _MAX_POWER_FACTOR * apparent + _MIN_DIFFERENCE_W


def impossible_air(sensors: Sequence[AirSensor], numbers: Numbers) -> Iterator[Contradiction]:
    """Inlet temperatures and dew points far from the median of the room."""
    front = [each for each in sensors if not each.behind_rack and each.temperature]
    for each, above in _outliers(
        front, [numbers(each.device, each.temperature) for each in front], _MAX_INLET_DEVIATION_K
    ):
        for key in (each.temperature, each.dew_point):
            if key:
                yield Contradiction(
                    device=each.device, key=key, name=f"temperature_{each.name}", above=above, keys=(each.temperature,)
                )
    for each, above in _outliers(sensors, [_dew_point(each, numbers) for each in sensors], _MAX_DEW_POINT_DEVIATION_K):
        for key in (each.humidity, each.dew_point):
            if key:
                yield Contradiction(device=each.device, key=key, name=f"humidity_{each.name}", above=above, keys=(key,))


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
