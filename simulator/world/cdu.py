"""A coolant distribution unit (CDU): pumps with a standby, a control valve, a filter and a heat exchanger."""

from dataclasses import dataclass, field
from typing import Final

from rackflow.fluids import FLUIDS
from rackflow.site import Cdu as CduSection
from simulator.world.exchanger import effectiveness, transfer
from simulator.world.hydraulics import MOTOR_EFFICIENCY, PUMP_EFFICIENCY, PUMPS_REQUIRED, SHUT_OFF_HEAD_RATIO, Branch

PUMPS: Final = (1, 2, 3)
DESIGN_RISE_K: Final = 10.0
DESIGN_PRESSURE_PA: Final = 200e3
DESIGN_APPROACH_K: Final = 4.0
PRIMARY_RISE_K: Final = 9.0
FILTER_SHARE: Final = 0.12
"""Of the design pressure, over the clean filter at design flow."""
EXCHANGER_SHARE: Final = 0.18
TAKEOVER_S: Final = 8.0
"""How long the standby pump takes to replace a failed one."""
CONTROLLER_W: Final = 90.0
SLEW: Final = 0.04
"""Highest change of the pumps' speed, 1/s."""
VALVE_SLEW: Final = 0.03
VALVE_GAIN: Final = 0.012
"""Of the stroke, per kelvin and second."""
MIN_SPEED: Final = 0.25
CUT_OUT_C: Final = 80.0
CUT_IN_C: Final = 60.0


@dataclass(slots=True)
class Cdu:
    """One unit. Temperatures in degC; `supply_c` is that of the coolant it holds on its cold side."""

    section: CduSection
    fluid: str
    volume_m3: float
    setpoint_c: float = 32.0
    supply_c: float = 32.0
    primary_return_c: float = 38.0
    speed: float = 0.7
    valve: float = 0.6
    flow: float = 0.0
    primary_flow: float = 0.0
    heat_w: float = 0.0
    """Given to the primary side."""
    shaft_w: float = 0.0
    """That the pumps put into the coolant."""
    power_w: float = 0.0
    failed_pumps: set[int] = field(default_factory=set)
    running: set[int] = field(init=False)
    pump_s: dict[int, float] = field(default_factory=lambda: {1: 31_536_000.0, 2: 31_104_000.0, 3: 8_640_000.0})
    filter_resistance_ratio: float = 1.0
    """Resistance of the filter, relative to a clean one."""
    fouling_ratio: float = 1.0
    """Resistance of the exchanger to heat, relative to a clean one."""
    valve_stuck: bool = False
    cut_out: bool = False
    _short_s: float = 0.0

    def __post_init__(self) -> None:
        self.running = set(PUMPS[: self.pumps_required])

    @property
    def pumps_required(self) -> int:
        """How many of its pumps carry it."""
        return min(len(PUMPS), self.section.pumps_required or PUMPS_REQUIRED)

    @property
    def design_flow(self) -> float:
        """m3/s at which its rated heat warms the coolant by DESIGN_RISE_K."""
        return self.section.rated_cooling_w / (FLUIDS[self.fluid].volumetric_heat_capacity(40.0) * DESIGN_RISE_K)

    @property
    def design_primary_flow(self) -> float:
        """m3/s through the open valve; half as much again as the rated heat needs."""
        return 1.5 * self.section.rated_cooling_w / (FLUIDS["water"].volumetric_heat_capacity(35.0) * PRIMARY_RISE_K)

    @property
    def design_transfer(self) -> float:
        """W/K: the rated heat with DESIGN_APPROACH_K between the cold ends, at design flows of which the primary's is 1.5 as large."""
        hot = self.section.rated_cooling_w / DESIGN_RISE_K
        cold = hot * DESIGN_RISE_K / PRIMARY_RISE_K * 1.5
        wanted = DESIGN_RISE_K / (DESIGN_RISE_K + DESIGN_APPROACH_K)
        low, high = 0.0, 100 * cold
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if effectiveness(middle, hot, cold) < wanted else (low, middle)
        return high

    def control_pumps(self, pressure_pa: float, return_c: float, dt_s: float, *, live: bool) -> None:
        """Let the standby take over, and follow the pressure over the racks; all stop where the coolant is too hot for them."""
        self.cut_out = return_c > CUT_OUT_C or (self.cut_out and return_c > CUT_IN_C)
        healthy = [pump for pump in PUMPS if pump not in self.failed_pumps]
        self.running -= self.failed_pumps
        if not live or self.cut_out:
            self.running, self.speed, self._short_s = set(), MIN_SPEED, TAKEOVER_S
            return
        spare = [pump for pump in healthy if pump not in self.running]
        missing = len(self.running) < self.pumps_required and bool(spare)
        self._short_s = self._short_s + dt_s if missing else 0.0
        if self._short_s >= TAKEOVER_S:
            self.running.update(spare[: self.pumps_required - len(self.running)])
        error = (DESIGN_PRESSURE_PA - pressure_pa) / DESIGN_PRESSURE_PA
        change = max(-SLEW, min(SLEW, 0.2 * error)) * dt_s
        self.speed = max(MIN_SPEED, min(1.0, self.speed + change))
        for pump in self.running:
            self.pump_s[pump] += dt_s

    def branch(self, gas_fraction: float) -> Branch:
        """The unit as its loop sees it; `gas_fraction` is the part of the coolant's volume that is air, which pumps do not move."""
        design = self.design_flow
        head = (
            SHUT_OFF_HEAD_RATIO * DESIGN_PRESSURE_PA * 1.3 * self.speed**2 * max(0.0, 1 - 4 * gas_fraction)
            if self.running
            else 0.0
        )
        bend = 0.35 * DESIGN_PRESSURE_PA / design**2 * (self.pumps_required / max(1, len(self.running))) ** 2
        inside = FILTER_SHARE * self.filter_resistance_ratio + EXCHANGER_SHARE
        return Branch(head, bend, inside * DESIGN_PRESSURE_PA / design**2)

    def move(self, flow: float, pressure_pa: float) -> None:
        """Take the flow that the loop has found, and the power that it costs."""
        self.flow = flow
        hydraulic_w = flow * (pressure_pa + (self.filter_pa + self.exchanger_pa))
        self.shaft_w = hydraulic_w / PUMP_EFFICIENCY
        self.power_w = self.shaft_w / MOTOR_EFFICIENCY + (CONTROLLER_W if self.running else 0.0)

    @property
    def filter_pa(self) -> float:
        """Over the filter."""
        return FILTER_SHARE * self.filter_resistance_ratio * DESIGN_PRESSURE_PA * (self.flow / self.design_flow) ** 2

    @property
    def exchanger_pa(self) -> float:
        """Over the secondary side of the exchanger."""
        return EXCHANGER_SHARE * DESIGN_PRESSURE_PA * (self.flow / self.design_flow) ** 2

    def control_valve(self, dt_s: float, *, live: bool) -> None:
        """Follow the supply temperature; without power, and when it is stuck, the valve stays."""
        if self.valve_stuck or not live:
            return
        change = max(-VALVE_SLEW, min(VALVE_SLEW, VALVE_GAIN * (self.supply_c - self.setpoint_c))) * dt_s
        self.valve = max(0.0, min(1.0, self.valve + change))

    def exchange(self, hot_c: float, cold_c: float, primary_capacity: float, transfer_w_per_k: float) -> float:
        """Heat given to the primary side, W: coolant comes at `hot_c`, the primary side at `cold_c`.

        `primary_capacity` is J/(m3 K) of what flows there, `transfer_w_per_k` the design's conductance.
        """
        self.primary_flow = self.design_primary_flow * self.valve
        hot = self.flow * FLUIDS[self.fluid].volumetric_heat_capacity((hot_c + self.supply_c) / 2)
        cold = self.primary_flow * primary_capacity
        conductance = transfer(transfer_w_per_k, self.flow / self.design_flow, self.valve) / self.fouling_ratio
        self.heat_w = effectiveness(conductance, min(hot, cold), max(hot, cold)) * min(hot, cold) * (hot_c - cold_c)
        self.primary_return_c = cold_c + (self.heat_w / cold if cold > 0 else 0.0)
        return self.heat_w
