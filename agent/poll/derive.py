"""Derives figures from one poll of one device: heat, approach, effectiveness, dew point, phase unbalance.

They are calculated here and not in the collector because all their inputs were polled within one cycle: a flow and a temperature from
different times would give a false heat. Figures across devices are derived in `collector/derive`.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from agent.profile import Slot
from agent.readings import Readings
from rackflow.catalogue import PollClass, catalogue
from rackflow.fluids import volumetric_heat_capacity
from rackflow.physics import (
    LEAST_HEAT_W,
    dew_point_celsius,
    effectiveness_ratio,
    heat_imbalance_ratio,
    unbalance_ratio,
)
from rackflow.process.slices import run_through
from rackflow.series import parse_series_key, series_key

_PHASES = {"L1", "L2", "L3"}
_UNBALANCE = {
    "pdu": ("dcim_pdu_phase_current_amperes", "dcim_pdu_current_unbalance_ratio"),
    "ups": ("dcim_ups_output_current_amperes", "dcim_ups_output_current_unbalance_ratio"),
    "meter": ("dcim_meter_current_amperes", "dcim_meter_current_unbalance_ratio"),
}
"""By device class, the currents of its phases and their unbalance."""
# How many series keys are remembered with their parts (2 MB): parsing one takes 10 µs, and all devices of a family have the same keys.
KEYS_KEPT: Final = 8192
# Sensors or phases in one slice: some milliseconds.
_KEYS_PER_SLICE = 200


@dataclass(frozen=True, slots=True)
class Inputs:
    """Keys of the readings that figures are derived from.

    For each sensor the keys of its humidity, temperature and dew point; for each set of three phases, by the key of its unbalance, the keys
    of the currents of L1, L2 and L3.
    """

    sensors: tuple[tuple[str, str, str], ...]
    phases: tuple[tuple[str, tuple[str, str, str]], ...]
    makes_any: bool
    """Whether the device may have any figure at all."""


class PlannedInputs:
    """The inputs in each poll class of one device, found once for each plan: looking through all keys took an eighth of a poll."""

    def __init__(self) -> None:
        self._known: dict[PollClass, tuple[Sequence[Slot], Inputs]] = {}

    def of(self, poll_class: PollClass, slots: Sequence[Slot]) -> Inputs | None:
        """The inputs in a poll class with these slots; None if they must be found first."""
        known = self._known.get(poll_class)
        return known[1] if known is not None and known[0] is slots else None

    def find_steps(
        self, poll_class: PollClass, slots: Sequence[Slot], device_class: str
    ) -> Generator[None, None, Inputs]:
        """Find the inputs in a poll class with these slots, and remember them. Yields after each slice."""
        inputs = yield from inputs_among([slot.key for slot in slots], device_class)
        self._known[poll_class] = slots, inputs
        return inputs


def inputs_among(keys: Sequence[str], device_class: str) -> Generator[None, None, Inputs]:
    """The inputs among these keys, except for the figures of a CDU (`derive_cdu`). Yields after each slice."""
    current, unbalance = _UNBALANCE.get(device_class, ("", ""))
    sensors: list[tuple[str, str, str]] = []
    sets: dict[str, dict[str, str]] = {}
    for number, key in enumerate(keys, 1):
        if key.startswith("dcim_env_relative_humidity_ratio"):
            sensors.append((key, *_sensor_keys(key)))
        elif current and key.startswith(current):
            phase, key_of_set = _phase_and_set(key, unbalance)
            sets.setdefault(key_of_set, {})[phase] = key
        if number % _KEYS_PER_SLICE == 0:
            yield
    # All three or nothing: a single-phase device has no unbalance, and a missing phase is not a phase at 0 A.
    phases = ((key, (of["L1"], of["L2"], of["L3"])) for key, of in sets.items() if of.keys() >= _PHASES)
    return Inputs(tuple(sensors), tuple(phases), makes_any=device_class == "cdu" or bool(sensors or sets))


def derive(readings: Readings, device_class: str, coolant: Mapping[str, str]) -> None:
    """As `derive_steps`, without pauses, and with the inputs found among these readings."""
    inputs = run_through(inputs_among(list(readings.values), device_class))
    run_through(derive_steps(readings, device_class, coolant, inputs))


def derive_steps(
    readings: Readings, device_class: str, coolant: Mapping[str, str], inputs: Inputs
) -> Generator[None, None, None]:
    """Add the figures of this poll; a figure whose input is missing is left out. `coolant` is the fluid per loop.

    Yields between slices.
    """
    if device_class == "cdu":
        derive_cdu(readings, coolant)
    for start in range(0, len(inputs.sensors), _KEYS_PER_SLICE):
        _derive_dew_points(readings, inputs.sensors[start : start + _KEYS_PER_SLICE])
        if start + _KEYS_PER_SLICE < len(inputs.sensors):
            yield
    for start in range(0, len(inputs.phases), _KEYS_PER_SLICE):
        _derive_unbalance(readings, inputs.phases[start : start + _KEYS_PER_SLICE], _UNBALANCE[device_class][1])
        if start + _KEYS_PER_SLICE < len(inputs.phases):
            yield


def derive_cdu(readings: Readings, coolant: Mapping[str, str]) -> None:
    """Add the figures of every loop whose inputs came with this poll, and of both loops together.

    heat = flow * density(T) * heat capacity(T) * (return - supply), where T is the mean of the two temperatures: both
    properties are nearly linear over the few kelvin of a loop.
    """
    for loop, fluid_name in coolant.items():
        label = {"loop": loop}
        values = readings.values
        supply = values.get(series_key("dcim_cdu_supply_temperature_celsius", label))
        back = values.get(series_key("dcim_cdu_return_temperature_celsius", label))
        if supply is None or back is None:
            continue
        # Rounded, because 30.1 - 20.0 is 10.100000000000001 in binary; probes resolve 0.1 K at best.
        _put(readings, "dcim_cdu_delta_temperature_celsius", label, round(back - supply, 6))
        flow = values.get(series_key("dcim_cdu_flow_cubic_meters_per_second", label))
        capacity = volumetric_heat_capacity(fluid_name, (supply + back) / 2)
        if flow is None or capacity is None:
            continue
        heat_w = flow * capacity * (back - supply)
        _put(readings, "dcim_cdu_heat_removed_watts", label, heat_w)
        # Below this heat, flow and temperature difference are near their resolution, and a quotient of them means nothing.
        if heat_w >= LEAST_HEAT_W:
            _put(readings, "dcim_cdu_flow_per_heat_cubic_meters_per_joule", label, flow / heat_w)
    _derive_exchanger(readings, coolant)
    ambient, humidity = (
        readings.values.get(f"dcim_cdu_ambient_{what}") for what in ("temperature_celsius", "relative_humidity_ratio")
    )
    # A dew point reported by the CDU takes precedence: the CDU can act on it.
    if "dcim_cdu_dew_point_celsius" not in readings.values and ambient is not None and humidity is not None:
        _put(readings, "dcim_cdu_dew_point_celsius", {}, dew_point_celsius(ambient, humidity))


def _derive_exchanger(readings: Readings, coolant: Mapping[str, str]) -> None:
    """Add the figures of the heat exchanger between the two loops, or between a loop and the air.

    For a unit that has a primary loop, by its profile or by the site file, the air temperature is not used instead: if the probe of the
    facility water is missing, these figures are missing too.
    """
    values = readings.values
    supply = values.get("dcim_cdu_supply_temperature_celsius{loop=secondary}")
    back = values.get("dcim_cdu_return_temperature_celsius{loop=secondary}")
    cold = values.get("dcim_cdu_supply_temperature_celsius{loop=primary}")
    if cold is None and "primary" not in coolant:  # no facility water: a unit that gives its heat to the air
        cold = values.get("dcim_cdu_air_temperature_celsius{position=inlet}")
    if supply is not None and cold is not None:
        _put(readings, "dcim_cdu_approach_celsius", {}, round(supply - cold, 6))
        if back is not None:
            _put(readings, "dcim_cdu_effectiveness_ratio", {}, effectiveness_ratio(back, supply, cold))
    primary_w, secondary_w = (
        values.get(f"dcim_cdu_heat_removed_watts{{loop={loop}}}") for loop in ("primary", "secondary")
    )
    if primary_w is not None and secondary_w is not None:
        _put(readings, "dcim_cdu_heat_imbalance_ratio", {}, heat_imbalance_ratio(primary_w, secondary_w))


def _derive_dew_points(readings: Readings, sensors: Iterable[tuple[str, str, str]]) -> None:
    """Add the dew point of each sensor that reports temperature and humidity but no dew point."""
    values = readings.values
    for humidity, temperature, dew_point in sensors:
        ratio, celsius = values.get(humidity), values.get(temperature)
        if ratio is not None and celsius is not None and dew_point not in values:
            _put_at(readings, "dcim_env_dew_point_celsius", dew_point, dew_point_celsius(celsius, ratio))


def _derive_unbalance(readings: Readings, phases: Iterable[tuple[str, tuple[str, str, str]]], unbalance: str) -> None:
    """Add the unbalance of each set of three phase currents that differ only in the label `phase`."""
    values = readings.values
    for key_of_set, (first, second, third) in phases:
        one, two, three = values.get(first), values.get(second), values.get(third)
        if one is None or two is None or three is None:
            continue
        # If two phases are at 0 A, it may be a single-phase device whose table has three rows nevertheless.
        _, middle, _ = sorted((one, two, three))
        if middle > 0:
            _put_at(readings, unbalance, key_of_set, unbalance_ratio((one, two, three)))


@lru_cache(KEYS_KEPT)
def _sensor_keys(humidity: str) -> tuple[str, str]:
    """Keys of temperature and dew point of the sensor whose relative humidity has this key."""
    _, labels = parse_series_key(humidity)
    sensor = {label: value for label, value in labels.items() if label == "sensor"}
    return series_key("dcim_env_temperature_celsius", labels), series_key("dcim_env_dew_point_celsius", sensor)


@lru_cache(KEYS_KEPT)
def _phase_and_set(current: str, unbalance: str) -> tuple[str, str]:
    """The phase of a current with this key, and the key of the unbalance of the phases that it belongs to."""
    _, labels = parse_series_key(current)
    phase = labels.pop("phase", "")
    return phase, series_key(unbalance, labels)


def _put(readings: Readings, metric: str, label: Mapping[str, str], value: float | None) -> None:
    _put_at(readings, metric, series_key(metric, label), value)


def _put_at(readings: Readings, metric: str, key: str, value: float | None) -> None:
    if value is None or key in readings.bad:
        return  # the device reports this figure itself, and what it said was rejected: that is not covered up by ours
    if catalogue()[metric].plausible(value):
        readings.values[key] = value
    else:
        readings.bad[key] = "range"
