"""Faults of power, cooling and sensors: what each kind changes and how it is undone.

A fault only ever changes the world's causes (a pump, a breaker, a resistance) and never its readings, so that its effects follow
from the physics. Sensor faults are the opposite: they change readings and nothing else. Faults of the network are only named here
(`WIRE_FAULTS`), so that all faults are ordered and checked alike; `simulator/wire/faults.py` causes them.
"""

import difflib
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from random import Random
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from rackflow.errors import ConfigError
from rackflow.process.config import Name, StrictModel
from simulator.world.breaker import Breaker
from simulator.world.cdu import PUMPS, Cdu
from simulator.world.instruments import Distortion, Instruments
from simulator.world.loop import SecondaryLoop
from simulator.world.world import World

SENSOR_FAULTS: Final = frozenset(
    {"sensor_stuck", "sensor_drift", "sensor_noise", "sensor_swapped", "sensor_saturated", "sensor_unit_changed"}
)
WIRE_FAULTS: Final = frozenset({"reboot", "timeout", "slow", "lying_table", "address_change"})
# In m3/s.
LITRES_PER_MINUTE: Final = 1 / 60_000
# Above this many known names an error message gives only their number, because a longer list does not help.
MAX_LISTED_NAMES: Final = 30
# Effects of faults for which no `value` is given; chosen so that the effect shows within minutes. docs/reference/simulator.md lists
# them, and docs/explanation/faults.md shows how soon each one is seen.
DRIFT_PER_S: Final = 0.01
NOISE_RATIO: Final = 0.05
UNIT_FACTOR: Final = 10.0
FAILING_BATTERY_HEALTH: Final = 0.15
OVERLOAD_FACTOR: Final = 1.5
BLOCKED_FILTER_RATIO: Final = 8.0
FOULED_EXCHANGER_RATIO: Final = 2.0
PRIMARY_WARMER_K: Final = 10.0
LEAK_LITRES_PER_MINUTE: Final = 0.5
# A burst hose empties a row's reservoir within seconds.
BURST_LITRES_PER_MINUTE: Final = 200.0
GAS_FRACTION: Final = 0.08


# A value of each key that only some faults have, as a message shows it.
_EXAMPLES: Final = {"phase": "L1", "pump": "1", "point": "KEY", "other": "KEY"}


def _written(key: str) -> str:
    """How a key is written in a scenario, and on the command line."""
    value = _EXAMPLES[key]
    keys = "; `rackflow-sim readings DEVICE` lists the keys" if value == "KEY" else ""
    return f"`{key}: {value}` in a scenario, `--{key} {value}` with a command{keys}"


def check_known(name: str, what: str, known: Collection[str]) -> str:
    """Return the name if it is known. Raises ValueError that suggests the closest known name, or lists or counts the known ones."""
    if name in known:
        return name
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        hint = f"did you mean {close[0]!r}?"
    elif not known:
        hint = "the site has none"
    elif len(known) <= MAX_LISTED_NAMES:
        hint = f"known are {', '.join(sorted(known))}"
    else:
        hint = f"none of the {len(known)} known names is similar"
    raise ValueError(f"unknown {what} {name!r}; {hint}")


class Fault(StrictModel):
    """One fault. What `value` means depends on the fault: see docs/reference/simulator.md."""

    fault: str
    target: Name
    at_s: Annotated[float, Field(ge=0)] = 0.0
    for_s: Annotated[float, Field(gt=0)] | None = None
    value: float | None = None
    phase: Literal["L1", "L2", "L3"] | None = None
    pump: Literal[1, 2, 3] | None = None
    point: str | None = None
    other: str | None = None

    @field_validator("fault")
    @classmethod
    def _known(cls, fault: str) -> str:
        return check_known(fault, "fault", KINDS)

    @model_validator(mode="after")
    def _complete(self) -> "Fault":
        for key, kinds in (
            ("phase", {"phase_loss"}),
            ("pump", {"pump_failure"}),
            ("point", SENSOR_FAULTS),
            ("other", {"sensor_swapped"}),
        ):
            given = getattr(self, key) is not None
            if given and self.fault not in kinds:
                raise ValueError(f"{key} does not belong to {self.fault}; remove it")
            if not given and self.fault in kinds:
                raise ValueError(f"{self.fault} needs {key}; add it: {_written(key)}")
        return self

    def number(self, default: float) -> float:
        """`value`, or the fault's default."""
        return default if self.value is None else self.value


@dataclass(frozen=True, slots=True)
class _FaultKind:
    """How a kind of fault changes its target, and how that is undone."""

    target: str
    """What can fail, in the words of an error message."""
    targets: Callable[[World], Mapping[str, object]]
    begin: Callable[..., None]
    end: Callable[..., None]


class Faults:
    """Begins and ends the faults of a world. The same fault may begin several times; it then ends as often."""

    def __init__(self, world: World, instruments: Instruments) -> None:
        self.world = world
        self.instruments = instruments
        self._distortions: dict[Fault, list[Distortion]] = {}

    def check(self, fault: Fault) -> None:
        """Raises ConfigError if the site has no such target, or if the target has no such reading."""
        if fault.fault in WIRE_FAULTS:
            return
        if fault.fault in SENSOR_FAULTS:
            readings = (
                self.instruments.read_without_faults(fault.target) if fault.target in self.world.site.devices else None
            )
            if readings is None:
                raise ConfigError(f"{fault.fault}: the site has no device {fault.target!r}; correct the name")
            for point in filter(None, (fault.point, fault.other)):
                if not isinstance(readings.get(point), float):
                    points = ", ".join(series for series, value in readings.items() if isinstance(value, float))
                    raise ConfigError(
                        f"{fault.fault}: device {fault.target!r} has no reading {point!r}; it has {points}"
                    )
            return
        kind = WORLD_FAULTS[fault.fault]
        targets = kind.targets(self.world)
        try:
            check_known(fault.target, kind.target, targets)
        except ValueError as error:
            raise ConfigError(f"{fault.fault}: {error}") from error

    def begin(self, fault: Fault) -> None:
        """Begin a fault. Raises ConfigError if it cannot happen."""
        self.check(fault)
        if fault.fault in SENSOR_FAULTS:
            distortion = distortion_of(fault, self.world.seed)
            self._distortions.setdefault(fault, []).append(distortion)
            # Applied once to readings that nobody sees: the distortion notes the value and the time at which it begins.
            distortion(self.instruments.read_without_faults(fault.target), self.world.time_s)
            self.instruments.distortions.setdefault(fault.target, []).append(distortion)
            self.instruments.clear_cache()
        elif fault.fault in WORLD_FAULTS:
            kind = WORLD_FAULTS[fault.fault]
            kind.begin(kind.targets(self.world)[fault.target], fault)

    def keep(self, fault: Fault) -> None:
        """Another fault of this one's target has ended, and may have undone what this one changed: change it again."""
        if fault.fault in WORLD_FAULTS:
            self.begin(fault)

    def end(self, fault: Fault) -> None:
        """End a fault and undo what it changed, for others of the same target, too (`keep`)."""
        if fault.fault in SENSOR_FAULTS:
            begun = self._distortions[fault]
            self.instruments.distortions[fault.target].remove(begun.pop(0))
            if not begun:
                del self._distortions[fault]
            self.instruments.clear_cache()
        elif fault.fault in WORLD_FAULTS:
            kind = WORLD_FAULTS[fault.fault]
            kind.end(kind.targets(self.world)[fault.target], fault)


@dataclass(frozen=True, slots=True)
class _Measured:
    """One reading of a sensor before its fault is applied."""

    value: float
    first: float
    """The value when the fault began."""
    elapsed_s: float
    """Time since the fault began."""
    seed: str
    """Of chance at this time."""


def _noisy(fault: Fault, now: _Measured) -> float:
    chance = Random(now.seed)  # noqa: S311 - the same noise for the same seed
    return now.value + chance.gauss(0.0, fault.number(abs(now.value) * NOISE_RATIO))


def _in_another_unit(fault: Fault, now: _Measured) -> float:
    if "celsius" in (fault.point or "") and fault.value is None:
        return now.value * 1.8 + 32  # a sensor set to degF, the usual mistake with temperatures
    return now.value * fault.number(UNIT_FACTOR)


# What a sensor with a fault shows. Swapped sensors are not here, because their fault changes two readings.
_SHOWN: Final[Mapping[str, Callable[[Fault, _Measured], float]]] = {
    "sensor_stuck": lambda _, now: now.first,
    "sensor_drift": lambda fault, now: now.value + fault.number(DRIFT_PER_S) * now.elapsed_s,
    "sensor_noise": _noisy,
    # Infinity means "out of range": `simulator.wire` turns it into the value that the device sends for a missing reading.
    "sensor_saturated": lambda fault, _: fault.number(math.inf),
    "sensor_unit_changed": _in_another_unit,
}


def distortion_of(fault: Fault, seed: int) -> Distortion:
    """The function by which a sensor fault changes its device's readings. The fault begins with the first call."""
    point, other = fault.point or "", fault.other or ""
    began: list[float] = []  # value and time at the first call, once there was one

    def distort(readings: dict[str, float | str], time_s: float) -> None:
        value = readings.get(point)
        if not isinstance(value, float):
            return
        began[:] = began or [value, time_s]
        if fault.fault == "sensor_swapped":
            readings[point], readings[other] = readings[other], value
            return
        now = _Measured(value, began[0], time_s - began[1], f"{seed}/{fault.target}/{point}/{time_s}")
        readings[point] = _SHOWN[fault.fault](fault, now)

    return distort


def _set(name: str, value: object) -> Callable[..., None]:
    def change(target: object, _: Fault) -> None:
        setattr(target, name, value)

    return change


def _set_to_value(name: str, default: float, scale: float = 1.0) -> Callable[..., None]:
    def change(target: object, fault: Fault) -> None:
        setattr(target, name, fault.number(default) * scale)

    return change


def _feeds(world: World) -> Mapping[str, object]:
    return world.network.feeds


def _with_phases(world: World) -> Mapping[str, object]:
    return world.network.feeds | world.network.panels | world.network.pdus


def _breakers(world: World) -> Mapping[str, Breaker]:
    panels = {name: panel.breaker for name, panel in world.network.panels.items() if panel.breaker}
    switches = {
        f"{name}.{source}": each
        for name, switch in world.network.switches.items()
        for source, each in switch.breakers.items()
    }
    return panels | switches | {name: pdu.breaker for name, pdu in world.network.pdus.items()}


def _phase(fault: Fault) -> int:
    return int((fault.phase or "L1")[1]) - 1


def _repair_leak(loop: SecondaryLoop, _: Fault) -> None:
    # Repairing includes refilling, as a technician would do; otherwise the loop would stay dry after every leak.
    loop.leak_m3_s = 0.0
    loop.lost_m3 = 0.0


def _make_valve_stick(cdu: Cdu, fault: Fault) -> None:
    cdu.valve_stuck = True
    cdu.valve = fault.number(cdu.valve)


class _RackLoad:
    """The load factor of one rack, as a target. The world keeps it in a mapping, so there is no object to change otherwise."""

    def __init__(self, world: World, rack: str) -> None:
        self._world, self._rack = world, rack

    def set(self, factor: float) -> None:
        self._world.load_factor[self._rack] = factor


def _racks(world: World) -> Mapping[str, object]:
    return {rack: _RackLoad(world, rack) for rack in world.loads}


def _batteries(world: World) -> Mapping[str, object]:
    return {name: ups.battery for name, ups in world.network.ups.items()}


class _AirUnit:
    """One air unit as a target. Its room keeps the set of failed units, so there is no object of its own to change."""

    def __init__(self, failed: set[str], name: str) -> None:
        self.failed, self.name = failed, name


def _air_units(world: World) -> Mapping[str, object]:
    units = ((air, unit.id) for air in world.airs.values() for unit in air.units)
    return {name: _AirUnit(air.failed, name) for air, name in units}


def _plant(world: World) -> Mapping[str, object]:
    return {
        name: unit
        for primary in world.primaries.values()
        for name, unit in (*primary.units.items(), *primary.pumps.items())
    }


def _generators(world: World) -> Mapping[str, object]:
    return world.network.generators


def _cdus(world: World) -> Mapping[str, object]:
    return world.cdus


def _secondary(world: World) -> Mapping[str, object]:
    return world.loops


WORLD_FAULTS: Final[Mapping[str, _FaultKind]] = {
    "mains_loss": _FaultKind("feed", _feeds, _set("mains", value=False), _set("mains", value=True)),
    "feed_loss": _FaultKind("feed", _feeds, _set("lost", value=True), _set("lost", value=False)),
    "generator_failure": _FaultKind("generator", _generators, _set("failed", value=True), _set("failed", value=False)),
    "plant_failure": _FaultKind(
        "chiller, dry cooler or facility pump", _plant, _set("failed", value=True), _set("failed", value=False)
    ),
    "phase_loss": _FaultKind(
        "feed, panel or PDU",
        _with_phases,
        lambda part, fault: part.phases_lost.add(_phase(fault)),
        lambda part, fault: part.phases_lost.discard(_phase(fault)),
    ),
    # The battery's first health is kept apart, so that the end of the fault restores it and not a perfect battery.
    "battery_failing": _FaultKind(
        "UPS",
        _batteries,
        _set_to_value("health", FAILING_BATTERY_HEALTH),
        lambda battery, _: setattr(battery, "health", battery.initial_health),
    ),
    "ups_bypass": _FaultKind(
        "UPS", lambda world: world.network.ups, _set("forced_bypass", value=True), _set("forced_bypass", value=False)
    ),
    "switch_stuck": _FaultKind(
        "transfer switch", lambda world: world.network.switches, _set("stuck", value=True), _set("stuck", value=False)
    ),
    "breaker_trip": _FaultKind(
        "PDU, panel with a breaker, or input of a transfer switch",
        _breakers,
        _set("tripped", value=True),
        lambda b, _: b.reset(),
    ),
    "overload": _FaultKind(
        "rack", _racks, lambda rack, fault: rack.set(fault.number(OVERLOAD_FACTOR)), lambda rack, _: rack.set(1.0)
    ),
    "pump_failure": _FaultKind(
        "CDU",
        _cdus,
        lambda cdu, fault: cdu.failed_pumps.add(fault.pump),
        lambda cdu, fault: cdu.failed_pumps.discard(fault.pump),
    ),
    "all_pumps_failure": _FaultKind(
        "CDU", _cdus, lambda cdu, _: cdu.failed_pumps.update(PUMPS), lambda cdu, _: cdu.failed_pumps.clear()
    ),
    "filter_blocked": _FaultKind(
        "CDU",
        _cdus,
        _set_to_value("filter_resistance_ratio", BLOCKED_FILTER_RATIO),
        _set("filter_resistance_ratio", 1.0),
    ),
    "exchanger_fouled": _FaultKind(
        "CDU", _cdus, _set_to_value("fouling_ratio", FOULED_EXCHANGER_RATIO), _set("fouling_ratio", 1.0)
    ),
    "valve_stuck": _FaultKind("CDU", _cdus, _make_valve_stick, _set("valve_stuck", value=False)),
    "primary_warm": _FaultKind(
        "primary loop", lambda world: world.primaries, _set_to_value("warm_k", PRIMARY_WARMER_K), _set("warm_k", 0.0)
    ),
    "leak": _FaultKind(
        "secondary loop",
        _secondary,
        _set_to_value("leak_m3_s", LEAK_LITRES_PER_MINUTE, LITRES_PER_MINUTE),
        _repair_leak,
    ),
    "burst": _FaultKind(
        "secondary loop",
        _secondary,
        _set_to_value("leak_m3_s", BURST_LITRES_PER_MINUTE, LITRES_PER_MINUTE),
        _repair_leak,
    ),
    "air_in_loop": _FaultKind(
        "secondary loop", _secondary, _set_to_value("gas_fraction", GAS_FRACTION), _set("gas_fraction", 0.0)
    ),
    "air_unit_failure": _FaultKind(
        "air unit",
        _air_units,
        lambda unit, _: unit.failed.add(unit.name),
        lambda unit, _: unit.failed.discard(unit.name),
    ),
}
KINDS: Final = frozenset(WORLD_FAULTS) | SENSOR_FAULTS | WIRE_FAULTS
