"""The readings of each device's instruments, by series key and in base units, before the device rounds them.

Sensor faults (stuck, drifting, swapped) are applied here. The world does not know of them: a wrong reading must not change the true
state, with which it is compared.
"""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

from rackflow.physics import dew_point_celsius
from rackflow.series import series_key
from rackflow.site import Sensor
from simulator.world.air import MIN_AIR_FLOW_RATIO, RISE_K, SETPOINT_C, moisture_c, relative_humidity
from simulator.world.cdu import PUMPS, Cdu
from simulator.world.hydraulics import MAX_RPM
from simulator.world.loop import LOW_LEVEL, SecondaryLoop
from simulator.world.metering import incomer_feed, meter_w
from simulator.world.supply import Pdu
from simulator.world.switch import Switch
from simulator.world.ups import Ups
from simulator.world.world import DEFAULT_ROOM_C, World

Readings = Mapping[str, float | str]
Distortion = Callable[[dict[str, float | str], float], None]
"""A sensor fault: changes a device's readings in place. The second argument is the world's time in seconds."""
LINES: Final = ("L1", "L2", "L3")
# Typical values, chosen; not from one product unless a source is named.
# A UPS gives no efficiency below this load, because the ratio of two small powers says little, and none on battery.
MIN_EFFICIENCY_LOAD: Final = 0.05
# Remaining runtime below which a UPS on battery reports a low battery; two minutes are the factory setting of APC's management cards.
LOW_BATTERY_S: Final = 120.0
# Power factor of the load on a UPS, of its own input (whose rectifier corrects it), and of its rating (W over VA).
UPS_POWER_FACTOR: Final = 0.97
UPS_INPUT_POWER_FACTOR: Final = 0.99
RATED_POWER_FACTOR: Final = 0.9
# Battery temperature at rest, and by how much an empty battery is warmer.
BATTERY_C: Final = 25.0
BATTERY_RISE_K: Final = 6.0
# Load over the breaker's rating at which a PDU reports that it is near overload: the usual default of rack PDUs.
NEAR_OVERLOAD: Final = 0.8
# How much a rack's inlet is warmed by its own recirculated warm air, in the worst of the ten kinds of places that `air_celsius` tells
# apart, at design power.
MIXING_K: Final = 1.2
# Ambient probes hang higher than inlets, where a little warm air collects.
AMBIENT_OFFSET_K: Final = 0.3
# Amplitude and period of the mains frequency's movement. The standard range of the continental European grid is 50 mHz; the period is
# chosen, and no multiple of a polling interval, so that polls do not meet the same value each time.
FREQUENCY_SWING_HZ: Final = 0.02
FREQUENCY_PERIOD_S: Final = 113.0


@lru_cache(maxsize=4096)
def key(metric: str, label: str = "", value: str = "") -> str:
    """A series key with at most one label. Kept, because each step asks for the same few thousand keys again."""
    return series_key(f"dcim_{metric}", {label: value} if label else {})


class Instruments:
    """Readings by device. They are computed once for each step of the world, however many objects of a device are polled in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.distortions: dict[str, list[Distortion]] = {}
        self._cache: dict[str, tuple[int, Readings]] = {}
        self._sensors = {device: world.site.sensors_of_device(device) for device in world.site.devices}

    def read(self, device: str) -> Readings:
        """Readings of a device, sensor faults included. Raises KeyError if the site has no such device."""
        steps = self.world.steps
        kept = self._cache.get(device)
        if kept is None or kept[0] != steps:
            readings = self.read_without_faults(device)
            for distort in self.distortions.get(device, ()):
                distort(readings, self.world.time_s)
            kept = self._cache[device] = (steps, readings)
        return kept[1]

    def clear_cache(self) -> None:
        """Recompute everything at the next read. Must be called when sensor faults have changed within a step."""
        self._cache.clear()

    def read_without_faults(self, device: str) -> dict[str, float | str]:
        """Readings of a device as they would be with healthy sensors."""
        world, readings = self.world, dict[str, float | str]()
        sensors = self._sensors[device]
        if device in world.network.ups:
            readings |= _ups(world, world.network.ups[device])
        elif device in world.network.pdus:
            readings |= _pdu(world, world.network.pdus[device])
        elif device in world.network.switches:
            readings |= _switch(world, world.network.switches[device])
        elif device in world.cdus:
            readings |= _cdu(world, world.cdus[device])
        elif device in world.site.air_units:
            readings |= _air_unit(world, device)
        elif device in world.site.meters:
            readings |= _meter(world, device)
        for sensor in sensors:
            readings |= _sensor(world, sensor)
        return readings


def frequency_hertz(world: World, *, free: bool = False) -> float:
    """Frequency of the mains, or (`free`) of an inverter that has no mains to follow and keeps the nominal one, Hz."""
    nominal = float(world.site.electrical.frequency_hertz)
    return nominal if free else nominal + FREQUENCY_SWING_HZ * math.sin(2 * math.pi * world.time_s / FREQUENCY_PERIOD_S)


def _air_unit(world: World, name: str) -> dict[str, float | str]:
    """A unit with one module. It returns what the hot side has and supplies what the cold side has, or what it sucks in while it fails."""
    air = world.airs.get(world.room_of[name])
    if air is None:
        return {}
    runs = name in air.removed_w
    demand = air.removed_w.get(name, 0.0) / world.site.air_units[name].rated_cooling_w
    return {
        key("crah_unit_state", "unit", "1"): "running" if runs else "fault" if name in air.failed else "off",
        key("crah_cooling_demand_ratio", "unit", "1"): demand,
        key("crah_return_air_temperature_setpoint_celsius", "unit", "1"): SETPOINT_C + RISE_K,
        key("crah_supply_air_temperature_celsius", "unit", "1"): air.cold_c if runs else air.hot_c,
        key("crah_return_air_temperature_celsius", "unit", "1"): air.hot_c,
    }


def _ups(world: World, ups: Ups) -> dict[str, float | str]:
    battery, total = ups.battery, sum(ups.output_w)
    left = battery.claimed_runtime_s(ups.battery_draw_w)
    is_low, is_on = ups.mode == "battery" and left < LOW_BATTERY_S, ups.mode != "none"
    current = [w / (v * UPS_POWER_FACTOR) if v else 0.0 for w, v in zip(ups.output_w, ups.output_volts, strict=True)]
    readings: dict[str, float | str] = {
        key("ups_output_source"): ups.mode,
        key("ups_battery_state"): "depleted" if battery.empty else "low" if is_low else "normal",
        key("ups_on_battery_seconds"): ups.on_battery_s,
        key("ups_battery_runtime_seconds"): left,
        key("ups_battery_charge_ratio"): battery.charge,
        key("ups_battery_voltage_volts"): battery.terminal_volts,
        key("ups_battery_current_amperes"): battery.current_a,
        key("ups_battery_temperature_celsius"): BATTERY_C + BATTERY_RISE_K * (1 - battery.charge),
        key("ups_input_faults_total"): float(ups.input_faults),
        key("ups_output_frequency_hertz"): frequency_hertz(world, free=ups.mode == "battery") if is_on else 0.0,
        key("ups_output_power_watts"): total,
        key("ups_output_apparent_power_voltamperes"): total / UPS_POWER_FACTOR,
        key("ups_output_load_ratio"): ups.load,
        key("ups_output_current_amperes"): sum(current),
        key("ups_output_voltage_volts"): max(ups.output_volts),
        key("ups_input_voltage_volts"): max(ups.input_volts),
        key("ups_input_frequency_hertz"): frequency_hertz(world) if max(ups.input_volts) else 0.0,
        key("ups_output_energy_joules_total"): ups.output_j,
        key("ups_rated_power_watts"): ups.rated_w,
        key("ups_rated_apparent_power_voltamperes"): ups.rated_w / RATED_POWER_FACTOR,
        key("ups_low_battery_threshold_seconds"): LOW_BATTERY_S,
        key("device_alarms"): float([ups.mode != "normal", is_low].count(True)),
    }
    if ups.mode in {"normal", "bypass"} and ups.load > MIN_EFFICIENCY_LOAD:
        readings[key("ups_efficiency_ratio")] = total / sum(ups.input_w)
    return readings | _ups_phases(world, ups, current)


def _ups_phases(world: World, ups: Ups, current: list[float]) -> dict[str, float | str]:
    readings: dict[str, float | str] = {}
    for phase, line in enumerate(LINES):
        volts, watts = ups.input_volts[phase], ups.input_w[phase]
        readings[key("ups_input_frequency_hertz", "phase", line)] = frequency_hertz(world) if volts else 0.0
        readings[key("ups_input_voltage_volts", "phase", line)] = volts
        readings[key("ups_input_current_amperes", "phase", line)] = (
            watts / (volts * UPS_INPUT_POWER_FACTOR) if volts else 0.0
        )
        readings[key("ups_input_power_watts", "phase", line)] = watts
        readings[key("ups_output_voltage_volts", "phase", line)] = ups.output_volts[phase]
        readings[key("ups_output_current_amperes", "phase", line)] = current[phase]
        readings[key("ups_output_power_watts", "phase", line)] = ups.output_w[phase]
        readings[key("ups_output_load_ratio", "phase", line)] = ups.output_w[phase] / (ups.rated_w / 3)
    return readings


def _pdu(world: World, pdu: Pdu) -> dict[str, float | str]:
    watts, apparent = sum(pdu.power_w), sum(pdu.apparent_va)
    worst = max(pdu.amperes) / pdu.section.breaker_a
    readings: dict[str, float | str] = {
        key("pdu_input_power_watts"): watts,
        key("pdu_input_apparent_power_voltamperes"): apparent,
        key("pdu_input_current_amperes"): max(pdu.amperes),
        key("pdu_input_voltage_volts"): _between_lines(pdu.volts),
        key("pdu_input_power_factor_ratio"): watts / apparent if apparent else 1.0,
        key("pdu_input_energy_joules_total"): pdu.energy_j,
        key("pdu_input_frequency_hertz"): frequency_hertz(world) if max(pdu.volts) else 0.0,
        key("pdu_load_state"): _load_state(worst),
        key("pdu_breaker_tripped"): float(pdu.breaker.tripped),
        key("pdu_rated_current_amperes"): pdu.section.breaker_a,
    }
    for pole in range(len(pdu.phases)):
        line = LINES[pole]
        readings[key("pdu_phase_current_amperes", "phase", line)] = pdu.amperes[pole]
        readings[key("pdu_phase_voltage_volts", "phase", line)] = pdu.volts[pole]
        readings[key("pdu_phase_power_watts", "phase", line)] = pdu.power_w[pole]
        readings[key("pdu_phase_apparent_power_voltamperes", "phase", line)] = pdu.apparent_va[pole]
        readings[key("pdu_phase_power_factor_ratio", "phase", line)] = pdu.power_factor[pole]
        readings[key("pdu_phase_load_state", "phase", line)] = _load_state(pdu.amperes[pole] / pdu.section.breaker_a)
    return readings


def _switch(world: World, switch: Switch) -> dict[str, float | str]:
    rated_a = min(breaker.rating_a for breaker in switch.breakers.values())
    readings: dict[str, float | str] = {
        key("ats_selected_source"): switch.selected,
        key("ats_preferred_source"): switch.section.preferred,
        key("ats_redundant"): float(switch.usable("a") and switch.usable("b")),
        key("ats_overload"): float(max(switch.amperes) > rated_a),
        key("ats_output_frequency_hertz"): frequency_hertz(world) if max(switch.volts) else 0.0,
    }
    for source, volts in switch.source_volts.items():
        readings[key("ats_source_usable", "source", source)] = float(switch.usable(source))
        readings[key("ats_source_frequency_hertz", "source", source)] = frequency_hertz(world) if max(volts) else 0.0
    for phase, line in enumerate(LINES[: switch.phases]):
        for source, volts in switch.source_volts.items():
            labels = {"source": source, "phase": line}
            readings[series_key("dcim_ats_source_voltage_volts", labels)] = volts[phase]
        apparent = switch.volts[phase] * switch.amperes[phase]
        readings[key("ats_output_voltage_volts", "phase", line)] = switch.volts[phase]
        readings[key("ats_output_current_amperes", "phase", line)] = switch.amperes[phase]
        readings[key("ats_output_apparent_power_voltamperes", "phase", line)] = apparent
        readings[key("ats_output_load_ratio", "phase", line)] = switch.amperes[phase] / rated_a
    return readings


def _between_lines(volts: list[float]) -> float:
    """Voltage that a PDU shows for its inlet: between lines if it has several phases, else to neutral, V."""
    return math.sqrt(3) * sum(volts) / len(volts) if len(volts) > 1 else volts[0]


def _load_state(load: float) -> str:
    return "overload" if load >= 1 else "near_overload" if load >= NEAR_OVERLOAD else "normal"


def _cdu(world: World, cdu: Cdu) -> dict[str, float | str]:
    loop = world.loops[cdu.section.secondary]
    room = world.airs.get(world.room_of[cdu.section.id])
    air_c = room.cold_c if room else DEFAULT_ROOM_C
    secondary = ("loop", "secondary")
    readings: dict[str, float | str] = {
        key("cdu_flow_cubic_meters_per_second", *secondary): cdu.flow,
        key("cdu_flow_setpoint_cubic_meters_per_second", *secondary): loop.design_flow / len(loop.cdus),
        key("cdu_supply_temperature_celsius", *secondary): cdu.supply_c,
        key("cdu_supply_temperature_setpoint_celsius", *secondary): cdu.setpoint_c,
        key("cdu_return_temperature_celsius", *secondary): loop.return_c,
        key("cdu_supply_pressure_pascals", *secondary): loop.static_pa + loop.pressure_pa,
        key("cdu_return_pressure_pascals", *secondary): loop.static_pa,
        key("cdu_filter_differential_pressure_pascals"): cdu.filter_pa,
        key("cdu_power_watts"): cdu.power_w,
        key("cdu_ambient_temperature_celsius"): air_c,
        key("cdu_reservoir_level_state"): "ok" if loop.level >= LOW_LEVEL else "low",
        key("cdu_reservoir_level_ratio"): loop.level,
        key("cdu_pump_speed_ratio"): cdu.speed if cdu.running else 0.0,
        key("cdu_leak_detected"): float(loop.leak_detected),
        **_primary(world, cdu),
    }
    for pump in PUMPS:
        running = pump in cdu.running
        state = "failed" if pump in cdu.failed_pumps else "running" if running else "standby"
        readings[key("cdu_pump_state", "pump", str(pump))] = state
        readings[key("cdu_pump_speed_rpm", "pump", str(pump))] = MAX_RPM * cdu.speed if running else 0.0
        readings[key("cdu_pump_running_seconds_total", "pump", str(pump))] = cdu.pump_running_s[pump]
    return readings


def _primary(world: World, cdu: Cdu) -> dict[str, float]:
    if not cdu.section.primaries:
        return {}
    primary = world.primaries[cdu.primary]
    return {
        key("cdu_flow_cubic_meters_per_second", "loop", "primary"): cdu.primary_flow,
        key("cdu_supply_temperature_celsius", "loop", "primary"): primary.supply_c,
        key("cdu_return_temperature_celsius", "loop", "primary"): cdu.primary_return_c,
        key("cdu_valve_position_ratio"): cdu.valve,
    }


def _meter(world: World, meter: str) -> dict[str, float | str]:
    watts = meter_w(world, meter)
    network = world.network
    section = world.site.meters[meter]
    measured = [each for each in section.measures if each in network.sources or each in network.pdus]
    volts = [max(phase) for phase in zip(*map(network.volts_of, measured or network.feeds), strict=True)]
    feed = network.feeds.get(incomer_feed(world, section) or "")
    if feed is not None and not feed.mains:
        # An incomer stands before the changeover, so that generators do not show on it.
        volts = [0.0, 0.0, 0.0]
    readings: dict[str, float | str] = {
        key("meter_power_watts"): sum(watts),
        key("meter_energy_joules_total"): world.meters_j[meter],
        key("meter_energy_joules_total", "direction", "export"): world.meters_exported_j[meter],
        key("meter_frequency_hertz"): frequency_hertz(world) if max(volts) else 0.0,
    }
    for phase, line in enumerate(LINES):
        readings[key("meter_phase_power_watts", "phase", line)] = watts[phase]
        readings[key("meter_voltage_volts", "phase", line)] = volts[phase]
    return readings


def label_of(sensor: Sensor) -> str:
    """Value of the sensor's label `sensor`; a device's only sensor is named 1."""
    return sensor.sensor or "1"


def _sensor(world: World, sensor: Sensor) -> dict[str, float | str]:
    label = ("sensor", label_of(sensor))
    if sensor.measures == "leak":
        return {key("leak_detected", *label): float(any(loop.leak_detected for loop in _loops_near(world, sensor)))}
    celsius = air_celsius(world, sensor)
    dew = moisture_c(world.time_s)
    humidity = relative_humidity(celsius, dew)
    return {
        key("env_temperature_celsius", *label): celsius,
        key("env_relative_humidity_ratio", *label): humidity,
        key("env_dew_point_celsius", *label): dew_point_celsius(celsius, humidity) or dew,
    }


def _loops_near(world: World, sensor: Sensor) -> list[SecondaryLoop]:
    """The loop that the rope lies along, or that of the CDU it lies under; else loops with a rack in the same rack, row or room."""
    site, found = world.site, []
    above = site.cdus.get(sensor.under or "")
    own = sensor.loop or (above.secondary if above is not None else None)
    if own is not None:
        return [world.loops[own]] if own in world.loops else []
    for loop in world.loops.values():
        racks = [site.racks[rack] for rack in loop.plates]
        at_rack, in_row = sensor.rack in loop.plates, sensor.row in {rack.row for rack in racks}
        if at_rack or in_row or sensor.room in {site.rows[rack.row].room for rack in racks}:
            found.append(loop)
    return found


def air_celsius(world: World, sensor: Sensor) -> float:
    """Air temperature at the sensor, degC. Some of a rack's warm air reaches its inlet, more for some racks than others."""
    air = world.airs[world.site.place(sensor.id)["room"]]
    if sensor.rack is None or sensor.position == "ambient":
        return air.cold_c + AMBIENT_OFFSET_K
    supply = world.network.racks[sensor.rack]
    load = supply.supplied_w / world.site.racks[sensor.rack].design_power_w
    # A number from the rack's name instead of a random one, so that a rack's position in the room does not depend on the seed.
    spot = (sum(map(ord, sensor.rack)) % 10) / 10
    inlet = air.cold_c + MIXING_K * spot * load
    return inlet + (RISE_K * min(1.0, load / MIN_AIR_FLOW_RATIO) if sensor.position == "outlet" else 0.0)
