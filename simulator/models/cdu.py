"""Physics of a reservoir-and-pump unit for a liquid-cooled rack: flow, temperatures, pressures and faults over time.

No clock and no I/O: `advance` is told how many seconds have passed.
"""

import math
import random
from dataclasses import dataclass, field
from typing import Final

from rackflow.fluids import FLUIDS

PUMPS: Final = (1, 2, 3)
TARGET_FLOW_LPM: Final = 150.0
SUPPLY_SETPOINT_C: Final = 32.0
RATED_DUTY: Final = 0.70
"""Pump speed, as part of the highest, at which two pumps give the target flow."""
SHARE: Final = (0.0, 0.65, 1.0, 1.2)
"""Flow through one and the same loop with 0-3 pumps in parallel, relative to two."""
MAX_RPM: Final = 6000
FLOW_LAG_S: Final = 2.0
HEAT_LAG_S: Final = 20.0
TAKEOVER_S: Final = 8.0
"""How long the standby pump takes to replace a failed one."""
STEP_S: Final = 1.0
HOTTEST_C: Final = 75.0
"""The IT shuts itself off before the coolant gets hotter."""
JOB_S: Final = 900
"""How long one level of computing load lasts."""
DAY_S: Final = 86400

LEAK_BITS: Final = {
    "it-chassis-0": 0,
    "it-chassis-1": 1,
    "it-chassis-2": 2,
    "it-chassis-3": 3,
    "internal": 4,
    "external": 5,
    "external-option-1": 6,
    "external-option-2": 7,
    "rack-pan": 8,
    "rack-floor": 9,
}


@dataclass(slots=True)
class CduModel:
    """Three pumps of which two run, a loop through the racks, and a heat exchanger to air.

    The unit's outlet supplies the racks and its inlet takes the return. Same seed and same steps, same values.
    """

    seed: int = 0
    time_s: float = 0.0
    flow_lpm: float = TARGET_FLOW_LPM
    duty: float = RATED_DUTY
    supply_c: float = SUPPLY_SETPOINT_C
    return_c: float = field(init=False)
    heat_w: float = field(init=False)
    leaks: set[str] = field(default_factory=set)
    leaks_seen: set[str] = field(default_factory=set)
    failed_pumps: set[int] = field(default_factory=set)
    flow_meter_failed: bool = False
    reservoir_low: bool = False
    pump_hours_s: dict[int, float] = field(default_factory=lambda: {1: 31_536_000.0, 2: 31_104_000.0, 3: 8_640_000.0})
    _running: set[int] = field(default_factory=lambda: {1, 2})
    _short_of_pumps_s: float = 0.0

    def __post_init__(self) -> None:
        self.heat_w = self._load_w()
        self.return_c = self._steady_return_c()

    def advance(self, dt_s: float) -> None:
        """Let time pass, in steps of at most a second."""
        while dt_s > 0:
            step = min(dt_s, STEP_S)
            self._step(step)
            dt_s -= step

    def leak(self, detector: str, *, wet: bool = True) -> None:
        """Wet or dry a leak detector of LEAK_BITS; the unit remembers the wet ones. Raises KeyError."""
        LEAK_BITS[detector]
        if wet:
            self.leaks.add(detector)
            self.leaks_seen.add(detector)
        else:
            self.leaks.discard(detector)

    def fail_pump(self, pump: int) -> None:
        """Stop a pump for good; the standby takes over after a while if there is one left."""
        self.failed_pumps.add(pump)
        self._running.discard(pump)

    def repair_pump(self, pump: int) -> None:
        """Make a failed pump ready again; it runs if two are needed."""
        self.failed_pumps.discard(pump)

    @property
    def running_pumps(self) -> frozenset[int]:
        """Pumps that turn."""
        return frozenset(self._running)

    @property
    def pressure_drop_pa(self) -> float:
        """Over the loop through the racks; it goes with the square of the flow."""
        return 200e3 * (self.flow_lpm / TARGET_FLOW_LPM) ** 2

    @property
    def return_pressure_pa(self) -> float:
        """At the unit's inlet, over ambient."""
        return 60e3 - (25e3 if self.reservoir_low else 0.0)

    @property
    def target_flow_lpm(self) -> float:
        """What the unit is told to hold."""
        return TARGET_FLOW_LPM

    @property
    def supply_pressure_pa(self) -> float:
        """At the unit's outlet, over ambient."""
        return self.return_pressure_pa + self.pressure_drop_pa

    @property
    def filter_pa(self) -> float:
        """Over the filter."""
        return 12e3 * (self.flow_lpm / TARGET_FLOW_LPM) ** 2

    @property
    def pump_power_w(self) -> float:
        """Of the whole pump unit: hydraulic power over an efficiency of 0.4, and 90 W for its controller and fans."""
        return 90.0 + self.pressure_drop_pa * self.flow_lpm / 60_000 / 0.4

    @property
    def fan_duty(self) -> float:
        """Speed of the heat exchanger's fans, 0.2-1."""
        return min(1.0, max(0.2, self.heat_w / 120e3))

    @property
    def fan_power_w(self) -> float:
        """Of the heat exchanger's fans together."""
        return 60.0 + 1500.0 * self.fan_duty**3

    @property
    def air_inlet_c(self) -> float:
        """Room air; a degree warmer in the afternoon."""
        return 24.0 + math.sin(2 * math.pi * (self.time_s / DAY_S - 0.4)) + 0.2 * self._ripple(97.0)

    @property
    def air_outlet_c(self) -> float:
        """7 m3/s of air at full speed carry the heat away."""
        return self.air_inlet_c + self.heat_w / (7.0 * self.fan_duty * 1.15 * 1006.0)

    def pump_rpm(self, pump: int) -> int:
        """0 unless it turns."""
        return round(MAX_RPM * self.duty * (1 + 0.004 * self._ripple(5.0 + pump))) if pump in self._running else 0

    def _step(self, dt_s: float) -> None:
        self.time_s += dt_s
        self._start_standby(dt_s)
        for pump in self._running:
            self.pump_hours_s[pump] += dt_s
        wanted = RATED_DUTY / max(SHARE[len(self._running)], 0.01)
        self.duty = _approach(self.duty, min(1.0, wanted), dt_s, 5.0)
        attainable = TARGET_FLOW_LPM * SHARE[len(self._running)] * self.duty / RATED_DUTY
        self.flow_lpm = _approach(self.flow_lpm, attainable * (1 + 0.003 * self._ripple(13.0)), dt_s, FLOW_LAG_S)
        self.heat_w = _approach(self.heat_w, self._load_w(), dt_s, HEAT_LAG_S)
        overload = max(0.0, self.heat_w - 110e3) / 20e3
        self.supply_c = SUPPLY_SETPOINT_C + 0.2 * self._ripple(61.0) + overload
        self.return_c = _approach(self.return_c, self._steady_return_c(), dt_s, FLOW_LAG_S)

    def _start_standby(self, dt_s: float) -> None:
        ready = [pump for pump in PUMPS if pump not in self.failed_pumps and pump not in self._running]
        if len(self._running) >= 2 or not ready:  # noqa: PLR2004 - two pumps carry the load
            self._short_of_pumps_s = 0.0
            return
        self._short_of_pumps_s += dt_s
        if self._short_of_pumps_s >= TAKEOVER_S:
            self._running.add(ready[0])

    def _load_w(self) -> float:
        """Heat of the IT, 40-120 kW: a curve over the day and a level for each job."""
        day = 15e3 * math.sin(2 * math.pi * (self.time_s / DAY_S - 0.25))
        job = random.Random(f"{self.seed}/{int(self.time_s // JOB_S)}").uniform(-22e3, 22e3)  # noqa: S311 - not a secret
        return min(120e3, max(40e3, 80e3 + day + job + 600 * self._ripple(29.0)))

    def _steady_return_c(self) -> float:
        """Where flow * density * heat capacity * (return - supply) is the heat, the properties taken at the mean temperature."""
        flow = self.flow_lpm / 60_000
        found = self.supply_c
        for _ in range(8):
            capacity = FLUIDS["pg25"].volumetric_heat_capacity((self.supply_c + found) / 2)
            found = self.supply_c + min(HOTTEST_C - self.supply_c, self.heat_w / max(flow * capacity, 1.0))
        return found

    def _ripple(self, period_s: float) -> float:
        """-1 to 1; stands for what sensors and valves never stop doing."""
        return math.sin(2 * math.pi * self.time_s / period_s + self.seed + period_s)


def _approach(now: float, goal: float, dt_s: float, lag_s: float) -> float:
    return goal + (now - goal) * math.exp(-dt_s / lag_s)
