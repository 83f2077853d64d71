"""CDUs and meters as the states that their register maps show."""

import math
from typing import Final

from simulator.models import LEAK_BITS
from simulator.world.cdu import PUMPS
from simulator.world.instruments import LINES, Instruments, key

METER_POWER_FACTOR: Final = 0.97
_SECONDARY: Final = ("loop", "secondary")


class _FromReadings:
    """Numbers and states of one device, by series key; NaN and "" where there is none."""

    def __init__(self, instruments: Instruments, device: str) -> None:
        self._instruments = instruments
        self._device = device

    def _number(self, metric: str, label: str = "", value: str = "") -> float:
        found = self._instruments.read(self._device).get(key(metric, label, value))
        return found if isinstance(found, float) else math.nan

    def _word(self, metric: str, label: str = "", value: str = "") -> str:
        found = self._instruments.read(self._device).get(key(metric, label, value))
        return found if isinstance(found, str) else ""


class CduFromReadings(_FromReadings):
    """A liquid-to-liquid unit on the register map of the reservoir-and-pump unit, which has no place for the primary side."""

    fan_power_w = 0.0
    fan_duty = 0.0

    def __init__(self, instruments: Instruments, device: str) -> None:
        super().__init__(instruments, device)
        self.leaks_seen: set[str] = set()

    @property
    def time_s(self) -> float:
        """Since the start of the world."""
        return self._instruments.world.time_s

    @property
    def target_flow_lpm(self) -> float:
        """What the unit is told to hold."""
        return 60_000 * self._number("cdu_flow_setpoint_cubic_meters_per_second", *_SECONDARY)

    @property
    def flow_meter_failed(self) -> bool:
        """There is no number."""
        return not math.isfinite(self.flow_lpm)

    @property
    def flow_lpm(self) -> float:
        """Of the secondary side."""
        return 60_000 * self._number("cdu_flow_cubic_meters_per_second", *_SECONDARY)

    @property
    def duty(self) -> float:
        """Of the pumps."""
        return self._number("cdu_pump_speed_ratio")

    @property
    def supply_c(self) -> float:
        """To the racks."""
        return self._number("cdu_supply_temperature_celsius", *_SECONDARY)

    @property
    def return_c(self) -> float:
        """From the racks."""
        return self._number("cdu_return_temperature_celsius", *_SECONDARY)

    @property
    def supply_pressure_pa(self) -> float:
        """To the racks."""
        return self._number("cdu_supply_pressure_pascals", *_SECONDARY)

    @property
    def return_pressure_pa(self) -> float:
        """From the racks."""
        return self._number("cdu_return_pressure_pascals", *_SECONDARY)

    @property
    def filter_pa(self) -> float:
        """Over the filter."""
        return self._number("cdu_filter_differential_pressure_pascals")

    @property
    def heat_w(self) -> float:
        """What the unit's controller makes of its own readings, with one heat capacity for all temperatures."""
        heat = self.flow_lpm / 60_000 * 4.0e6 * (self.return_c - self.supply_c)
        return max(0.0, heat) if math.isfinite(heat) else 0.0  # its register has no sign

    @property
    def pump_power_w(self) -> float:
        """Of the unit."""
        return self._number("cdu_power_watts")

    @property
    def air_inlet_c(self) -> float:
        """Of the room."""
        return self._number("cdu_ambient_temperature_celsius")

    @property
    def air_outlet_c(self) -> float:
        """No fan moves air here."""
        return self.air_inlet_c

    @property
    def reservoir_low(self) -> bool:
        """The float switch."""
        return self._word("cdu_reservoir_level_state") == "low"

    @property
    def running_pumps(self) -> frozenset[int]:
        """Those that turn."""
        return frozenset(pump for pump in PUMPS if self._word("cdu_pump_state", "pump", str(pump)) == "running")

    @property
    def failed_pumps(self) -> set[int]:
        """Those that will not."""
        return {pump for pump in PUMPS if self._word("cdu_pump_state", "pump", str(pump)) == "failed"}

    @property
    def pump_hours_s(self) -> dict[int, float]:
        """Seconds that each has run."""
        return {pump: self._number("cdu_pump_running_seconds_total", "pump", str(pump)) for pump in PUMPS}

    @property
    def leaks(self) -> set[str]:
        """A leak in the loop shows under the racks and in the unit's own pan."""
        wet = set(LEAK_BITS) & {"internal", "rack-floor"} if self._number("cdu_leak_detected") else set[str]()
        self.leaks_seen |= wet
        return wet

    def pump_rpm(self, pump: int) -> int:
        """0 unless it turns."""
        return round(self._number("cdu_pump_speed_rpm", "pump", str(pump)))


class MeterFromReadings(_FromReadings):
    """A three-phase energy meter."""

    power_factor = METER_POWER_FACTOR

    @property
    def energy_wh(self) -> float:
        """Since the start."""
        return self._number("meter_energy_joules_total") / 3600

    @property
    def total_kw(self) -> float:
        """Of all phases."""
        return self._number("meter_power_watts") / 1000

    @property
    def phase_kw(self) -> tuple[float, ...]:
        """L1, L2, L3."""
        return tuple(self._number("meter_phase_power_watts", "phase", line) / 1000 for line in LINES)

    @property
    def phase_v(self) -> tuple[float, ...]:
        """To neutral."""
        return tuple(self._number("meter_voltage_volts", "phase", line) for line in LINES)

    @property
    def phase_a(self) -> tuple[float, ...]:
        """From power, voltage and power factor."""
        pairs = zip(self.phase_kw, self.phase_v, strict=True)
        return tuple(1000 * kw / (volts * self.power_factor) if volts else 0.0 for kw, volts in pairs)

    @property
    def frequency_hz(self) -> float:
        """Of the mains."""
        return self._number("meter_frequency_hertz")
