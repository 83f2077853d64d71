"""Connects the world's readings of CDUs and meters to the register maps of `simulator.models`."""

import math
from typing import Final

from simulator.models import LEAK_BITS
from simulator.wire.cells import JOULES_PER_WH
from simulator.world.cdu import PUMPS
from simulator.world.instruments import LINES, Instruments, Readings, key

# The world knows active power only; this power factor gives the meter its currents. Chosen, typical of corrected power supplies.
METER_POWER_FACTOR: Final = 0.97
# One volumetric heat capacity for all temperatures, as a simple controller computes heat, J/(m3 K). PG25 has 3.9e6 to 4.0e6, so
# the unit's own heat figure differs slightly from the one that the collector derives; real units behave alike.
CONTROLLER_HEAT_CAPACITY: Final = 4.0e6
_SECONDARY: Final = ("loop", "secondary")


class _FromReadings:
    """Readings of one device: NaN for a missing number, "" for a missing state."""

    def __init__(self, instruments: Instruments, device: str) -> None:
        self._instruments = instruments
        self._device = device

    def readings(self) -> Readings:
        """All readings of the device; the same object until they are computed again."""
        return self._instruments.read(self._device)

    def _number(self, metric: str, label: str = "", value: str = "") -> float:
        found = self.readings().get(key(metric, label, value))
        return found if isinstance(found, float) else math.nan

    def _word(self, metric: str, label: str = "", value: str = "") -> str:
        found = self.readings().get(key(metric, label, value))
        return found if isinstance(found, str) else ""


class CduFromReadings(_FromReadings):
    """A liquid-to-liquid CDU on the register map of the reservoir-and-pump unit, which has no registers for the primary side."""

    fan_power_w = 0.0
    fan_duty = 0.0

    def __init__(self, instruments: Instruments, device: str) -> None:
        super().__init__(instruments, device)
        self.leaks_seen: set[str] = set()

    @property
    def time_s(self) -> float:
        """Time since the start of the world, s."""
        return self._instruments.world.time_s

    @property
    def target_flow_lpm(self) -> float:
        """Set point of the secondary flow, L/min."""
        return 60_000 * self._number("cdu_flow_setpoint_cubic_meters_per_second", *_SECONDARY)

    @property
    def flow_meter_failed(self) -> bool:
        """Whether the flow has no usable value, as with a saturated sensor."""
        return not math.isfinite(self.flow_lpm)

    @property
    def flow_lpm(self) -> float:
        """Secondary flow, L/min."""
        return 60_000 * self._number("cdu_flow_cubic_meters_per_second", *_SECONDARY)

    @property
    def duty(self) -> float:
        """Speed of the pumps, 0-1."""
        return self._number("cdu_pump_speed_ratio")

    @property
    def supply_c(self) -> float:
        """Temperature to the racks, degC."""
        return self._number("cdu_supply_temperature_celsius", *_SECONDARY)

    @property
    def return_c(self) -> float:
        """Temperature from the racks, degC."""
        return self._number("cdu_return_temperature_celsius", *_SECONDARY)

    @property
    def supply_pressure_pa(self) -> float:
        """Pressure to the racks, Pa over ambient."""
        return self._number("cdu_supply_pressure_pascals", *_SECONDARY)

    @property
    def return_pressure_pa(self) -> float:
        """Pressure from the racks, Pa over ambient."""
        return self._number("cdu_return_pressure_pascals", *_SECONDARY)

    @property
    def filter_pa(self) -> float:
        """Pressure drop over the filter, Pa."""
        return self._number("cdu_filter_differential_pressure_pascals")

    @property
    def heat_w(self) -> float:
        """Heat that the unit's controller computes from its own readings, W."""
        heat = self.flow_lpm / 60_000 * CONTROLLER_HEAT_CAPACITY * (self.return_c - self.supply_c)
        # The register is unsigned. Swapped or saturated probes give negative or infinite heat, and the unit must keep answering.
        return max(0.0, heat) if math.isfinite(heat) else 0.0

    @property
    def pump_power_w(self) -> float:
        """Power of the whole unit, W: the world gives the pumps' power and the controller's together."""
        return self._number("cdu_power_watts")

    @property
    def air_inlet_c(self) -> float:
        """Air temperature of the room, degC."""
        return self._number("cdu_ambient_temperature_celsius")

    @property
    def air_outlet_c(self) -> float:
        """The same as the inlet's: a liquid-to-liquid unit moves no air, degC."""
        return self.air_inlet_c

    @property
    def reservoir_low(self) -> bool:
        """Whether the float switch reports a low level."""
        return self._word("cdu_reservoir_level_state") == "low"

    @property
    def running_pumps(self) -> frozenset[int]:
        """Pumps that turn."""
        return frozenset(pump for pump in PUMPS if self._word("cdu_pump_state", "pump", str(pump)) == "running")

    @property
    def failed_pumps(self) -> set[int]:
        """Pumps that have failed."""
        return {pump for pump in PUMPS if self._word("cdu_pump_state", "pump", str(pump)) == "failed"}

    @property
    def pump_running_s(self) -> dict[int, float]:
        """Running time of each pump, s."""
        return {pump: self._number("cdu_pump_running_seconds_total", "pump", str(pump)) for pump in PUMPS}

    @property
    def leaks(self) -> set[str]:
        """Detectors that are wet: a leak in the loop is seen under the racks and in the unit's own pan.

        They are added to `leaks_seen` here: the unit's sticky bits show a leak from the first read on that happens during it.
        """
        wet = set(LEAK_BITS) & {"internal", "rack-floor"} if self._number("cdu_leak_detected") else set[str]()
        self.leaks_seen |= wet
        return wet

    def pump_rpm(self, pump: int) -> int:
        """Speed of a pump, rpm; 0 if it does not turn."""
        return round(self._number("cdu_pump_speed_rpm", "pump", str(pump)))


class MeterFromReadings(_FromReadings):
    """A three-phase energy meter."""

    power_factor = METER_POWER_FACTOR

    @property
    def energy_wh(self) -> float:
        """Energy since the start, Wh."""
        return self._number("meter_energy_joules_total") / JOULES_PER_WH

    @property
    def exported_wh(self) -> float:
        """Energy that went out since the start, Wh."""
        return self._number("meter_energy_joules_total", "direction", "export") / JOULES_PER_WH

    @property
    def total_kw(self) -> float:
        """Power of all phases, kW."""
        return self._number("meter_power_watts") / 1000

    @property
    def phase_kw(self) -> tuple[float, ...]:
        """Power of L1, L2 and L3, kW."""
        return tuple(self._number("meter_phase_power_watts", "phase", line) / 1000 for line in LINES)

    @property
    def phase_v(self) -> tuple[float, ...]:
        """Voltages to neutral, V."""
        return tuple(self._number("meter_voltage_volts", "phase", line) for line in LINES)

    @property
    def phase_a(self) -> tuple[float, ...]:
        """Currents, from power, voltage and power factor, A."""
        pairs = zip(self.phase_kw, self.phase_v, strict=True)
        return tuple(1000 * kw / (volts * self.power_factor) if volts else 0.0 for kw, volts in pairs)

    @property
    def frequency_hz(self) -> float:
        """Frequency of the mains, Hz."""
        return self._number("meter_frequency_hertz")
