"""Physics of a reservoir-and-pump unit for a liquid-cooled rack: flow, temperatures, pressures and faults over time.

No clock and no I/O: `advance` is told how many seconds have passed.
"""

import math
import random
from dataclasses import dataclass, field
from typing import Final

from rackflow.fluids import known_fluid

# Typical values of one air-assisted unit of about 100 kW, chosen; not from one product. This model stands alone: unlike
# `simulator.world` it needs no site, and it covers the unit's own heat exchanger to air.
PUMPS: Final = (1, 2, 3)
# With 80 kW of heat this flow of PG25 warms by 8 K.
TARGET_FLOW_LPM: Final = 150.0
SUPPLY_SETPOINT_C: Final = 32.0
# Pump speed over the highest one at which two pumps give the target flow.
RATED_DUTY: Final = 0.70
# Flow through the same loop with 0 to 3 pumps in parallel, over the flow with two. Less than in proportion, because the loop's
# resistance rises with the square of the flow.
FLOW_BY_PUMPS: Final = (0.0, 0.65, 1.0, 1.2)
MAX_RPM: Final = 6000
# Time constants: speed control, coolant in the pipes, and cold plates with the parts mounted on them.
DUTY_LAG_S: Final = 5.0
FLOW_LAG_S: Final = 2.0
HEAT_LAG_S: Final = 20.0
# How long the standby pump takes to replace a failed one: detection and start-up.
TAKEOVER_S: Final = 8.0
# Longest step; well below every time constant that shows in polled values.
STEP_S: Final = 1.0
# The IT equipment shuts itself off before the coolant gets hotter. Without this limit the return temperature would go to
# infinity with the flow going to zero.
MAX_RETURN_C: Final = 75.0
# How long one level of computing load lasts.
JOB_S: Final = 900
DAY_S: Final = 86400
# Pressure drop over the racks and over the filter at the target flow, and pressure at the inlet with a full and a low reservoir.
RATED_PRESSURE_DROP_PA: Final = 200e3
RATED_FILTER_PA: Final = 12e3
RETURN_PRESSURE_PA: Final = 60e3
LOW_RESERVOIR_LOSS_PA: Final = 25e3
# Power of the controller and its fans, and hydraulic over electrical power of the pumps (motors and inverters included).
CONTROLLER_W: Final = 90.0
PUMP_EFFICIENCY: Final = 0.4
# Heat at which the heat exchanger's fans run at full speed, and heat above which the supply temperature can no longer be held:
# it then rises by 1 K for each OVERLOAD_W_PER_K.
FULL_FAN_HEAT_W: Final = 120e3
HOLDABLE_HEAT_W: Final = 110e3
OVERLOAD_W_PER_K: Final = 20e3
# Lowest speed of the fans: chosen, and above 0 because the outlet's temperature would be infinite without air. Power of the fans' own
# electronics, and what all fans take on top at full speed.
MIN_FAN_DUTY: Final = 0.2
FAN_CONTROL_W: Final = 60.0
FULL_FANS_W: Final = 1500.0
# The fans' flow of air at full speed, and the density and heat capacity of air at about 30 degC.
FULL_AIR_M3_S: Final = 7.0
AIR_KG_PER_M3: Final = 1.15
AIR_J_PER_KG_K: Final = 1006.0

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
    "rack-pan-relay": 10,
    "rack-floor-relay": 11,
    "rack-pan-error-bit": 12,
    "rack-floor-error-bit": 13,
}


@dataclass(slots=True)
class CduModel:
    """Three pumps of which two run, a loop through the racks, and a heat exchanger to air.

    The unit's outlet supplies the racks and its inlet takes the return. The same seed and steps give the same values.
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
    # A year, 360 days, and 100 days of the standby pump. Only that they differ matters.
    pump_running_s: dict[int, float] = field(default_factory=lambda: {1: 31_536_000.0, 2: 31_104_000.0, 3: 8_640_000.0})
    _running: set[int] = field(default_factory=lambda: {1, 2})
    _missing_pump_s: float = 0.0

    def __post_init__(self) -> None:
        self.heat_w = self._load_w()
        self.return_c = self._steady_return_c()

    def advance(self, dt_s: float) -> None:
        """Let time pass, in steps of at most STEP_S."""
        while dt_s > 0:
            step = min(dt_s, STEP_S)
            self._step(step)
            dt_s -= step

    def leak(self, detector: str, *, wet: bool = True) -> None:
        """Make a leak detector of LEAK_BITS wet or dry. The unit remembers detectors that were wet. Raises KeyError."""
        if detector not in LEAK_BITS:
            raise KeyError(detector)
        if wet:
            self.leaks.add(detector)
            self.leaks_seen.add(detector)
        else:
            self.leaks.discard(detector)

    def fail_pump(self, pump: int) -> None:
        """Let a pump fail. A standby pump, if there is one left, takes over after TAKEOVER_S."""
        self.failed_pumps.add(pump)
        self._running.discard(pump)

    def repair_pump(self, pump: int) -> None:
        """Make a failed pump available again. It starts when fewer than two run."""
        self.failed_pumps.discard(pump)

    @property
    def target_flow_lpm(self) -> float:
        """Set point of the flow, L/min."""
        return TARGET_FLOW_LPM

    @property
    def running_pumps(self) -> frozenset[int]:
        """Pumps that turn."""
        return frozenset(self._running)

    @property
    def pressure_drop_pa(self) -> float:
        """Pressure drop over the racks, which follows the square of the flow, Pa."""
        return RATED_PRESSURE_DROP_PA * (self.flow_lpm / TARGET_FLOW_LPM) ** 2

    @property
    def return_pressure_pa(self) -> float:
        """Pressure at the unit's inlet, Pa over ambient."""
        return RETURN_PRESSURE_PA - (LOW_RESERVOIR_LOSS_PA if self.reservoir_low else 0.0)

    @property
    def supply_pressure_pa(self) -> float:
        """Pressure at the unit's outlet, Pa over ambient."""
        return self.return_pressure_pa + self.pressure_drop_pa

    @property
    def filter_pa(self) -> float:
        """Pressure drop over the filter, Pa."""
        return RATED_FILTER_PA * (self.flow_lpm / TARGET_FLOW_LPM) ** 2

    @property
    def pump_power_w(self) -> float:
        """Electrical power of the pump unit with its controller, W."""
        return CONTROLLER_W + self.pressure_drop_pa * self.flow_lpm / 60_000 / PUMP_EFFICIENCY

    @property
    def fan_duty(self) -> float:
        """Speed of the heat exchanger's fans, MIN_FAN_DUTY to 1."""
        return min(1.0, max(MIN_FAN_DUTY, self.heat_w / FULL_FAN_HEAT_W))

    @property
    def fan_power_w(self) -> float:
        """Electrical power of all fans of the heat exchanger, W; it follows the cube of their speed."""
        return FAN_CONTROL_W + FULL_FANS_W * self.fan_duty**3

    @property
    def air_inlet_c(self) -> float:
        """Temperature of the room's air, a degree warmer in the afternoon, degC."""
        return 24.0 + math.sin(2 * math.pi * (self.time_s / DAY_S - 0.4)) + 0.2 * self._ripple(97.0)

    @property
    def air_outlet_c(self) -> float:
        """Temperature of the air that carries the heat away, degC."""
        return self.air_inlet_c + self.heat_w / (FULL_AIR_M3_S * self.fan_duty * AIR_KG_PER_M3 * AIR_J_PER_KG_K)

    def pump_rpm(self, pump: int) -> int:
        """Speed of a pump, rpm; 0 if it does not turn."""
        return round(MAX_RPM * self.duty * (1 + 0.004 * self._ripple(5.0 + pump))) if pump in self._running else 0

    def _step(self, dt_s: float) -> None:
        self.time_s += dt_s
        self._start_standby(dt_s)
        for pump in self._running:
            self.pump_running_s[pump] += dt_s
        flow_ratio = FLOW_BY_PUMPS[len(self._running)]
        # The speed that holds the target flow. Without a running pump there is none; 0.01 only avoids the division by zero.
        duty = RATED_DUTY / max(flow_ratio, 0.01)
        self.duty = _approach(self.duty, min(1.0, duty), dt_s, DUTY_LAG_S)
        flow_lpm = TARGET_FLOW_LPM * flow_ratio * self.duty / RATED_DUTY
        self.flow_lpm = _approach(self.flow_lpm, flow_lpm * (1 + 0.003 * self._ripple(13.0)), dt_s, FLOW_LAG_S)
        self.heat_w = _approach(self.heat_w, self._load_w(), dt_s, HEAT_LAG_S)
        overload_k = max(0.0, self.heat_w - HOLDABLE_HEAT_W) / OVERLOAD_W_PER_K
        self.supply_c = SUPPLY_SETPOINT_C + 0.2 * self._ripple(61.0) + overload_k
        self.return_c = _approach(self.return_c, self._steady_return_c(), dt_s, FLOW_LAG_S)

    def _start_standby(self, dt_s: float) -> None:
        ready = [pump for pump in PUMPS if pump not in self.failed_pumps and pump not in self._running]
        if len(self._running) >= 2 or not ready:  # noqa: PLR2004 - two pumps carry the rated heat
            self._missing_pump_s = 0.0
            return
        self._missing_pump_s += dt_s
        if self._missing_pump_s >= TAKEOVER_S:
            self._running.add(ready[0])
            self._missing_pump_s = 0.0  # one that fails before the next step has its own detection time

    def _load_w(self) -> float:
        """Heat of the IT equipment, 40 to 120 kW: a curve over the day, a level for each job, and a ripple."""
        day = 15e3 * math.sin(2 * math.pi * (self.time_s / DAY_S - 0.25))
        job = random.Random(f"{self.seed}/{int(self.time_s // JOB_S)}").uniform(-22e3, 22e3)  # noqa: S311 - not a secret
        return min(120e3, max(40e3, 80e3 + day + job + 600 * self._ripple(29.0)))

    def _steady_return_c(self) -> float:
        """Return temperature at which the coolant carries exactly the heat, with its properties at the mean temperature, degC.

        The properties depend on the result, so it is found by iteration; they change so little that 8 rounds converge to rounding.
        """
        flow = self.flow_lpm / 60_000
        found = self.supply_c
        for _ in range(8):
            capacity = known_fluid("pg25").volumetric_heat_capacity((self.supply_c + found) / 2)
            found = self.supply_c + min(MAX_RETURN_C - self.supply_c, self.heat_w / max(flow * capacity, 1.0))
        return found

    def _ripple(self, period_s: float) -> float:
        """A wave from -1 to 1, for the small movements of sensors and valves. A series that stood still would look frozen."""
        return math.sin(2 * math.pi * self.time_s / period_s + self.seed + period_s)


def _approach(now: float, goal: float, dt_s: float, lag_s: float) -> float:
    return goal + (now - goal) * math.exp(-dt_s / lag_s)
