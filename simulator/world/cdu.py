"""A coolant distribution unit (CDU): pumps with a standby, a control valve, a filter and a heat exchanger.

It is one branch of a loop that several units share, so its flow follows from the loop's pressure (`hydraulics.py`). There is a second,
simpler model in `simulator/models/cdu.py`, for a device that is simulated without a site: one unit, its flow given by the number of its
pumps. A change to the physics of pumps here is not due there: only what the unit sends over Modbus is shared (`cdu_registers.py`).
"""

from dataclasses import dataclass, field
from typing import Final

from rackflow.fluids import known_fluid
from rackflow.site import Cdu as CduSection
from simulator.world.exchanger import conductance_at, effectiveness
from simulator.world.hydraulics import MOTOR_EFFICIENCY, PUMP_EFFICIENCY, PUMPS_REQUIRED, SHUT_OFF_HEAD_RATIO, Branch

# Typical values of units for direct-to-chip cooling, chosen; none is from one product unless a source is named.
PUMPS: Final = (1, 2, 3)
# 10 K of rise at the rated heat means 1.5 L/min of PG25 per kilowatt, the usual rule for sizing cold-plate loops.
DESIGN_RISE_K: Final = 10.0
# Pressure over racks, manifolds and quick couplings at design flow. The pumps' speed is controlled to hold it.
DESIGN_PRESSURE_PA: Final = 200e3
# Temperature difference between the supplied coolant and the incoming facility water, at the rated heat. Data sheets of
# liquid-to-liquid units rate their capacity at 3 to 6 K.
DESIGN_APPROACH_K: Final = 4.0
# Rise of the facility water at the rated heat, with the flow that the heat needs.
PRIMARY_RISE_K: Final = 9.0
# The valve, fully open, lets through more than the rated heat needs. Without this reserve it would be fully open at full load and
# could not correct a disturbance, and a fouled exchanger would show in the supply temperature at once.
PRIMARY_FLOW_RESERVE: Final = 1.5
# Pressure drops at design flow, over the design pressure: clean filter, and secondary side of the exchanger.
FILTER_SHARE: Final = 0.12
EXCHANGER_SHARE: Final = 0.18
# Pump curve: the pressure falls from SHUT_OFF_HEAD_RATIO * HEAD_RESERVE (without flow) by CURVE_DROP (at design flow), all over
# the design pressure. With the drops inside the unit this leaves the design pressure over the racks at 89 % of full speed
# (computed), so that the control has room in both directions.
HEAD_RESERVE: Final = 1.3
CURVE_DROP: Final = 0.35
# Centrifugal pumps lose their head quickly when they take in gas; at a quarter of the volume they move nothing.
HEAD_LOSS_PER_GAS_FRACTION: Final = 4.0
# Time from the failure of a pump until the standby one runs: detection plus start-up. The flow dips during this time, as in real loops.
TAKEOVER_S: Final = 8.0
# Power of the unit's controller.
CONTROLLER_W: Final = 90.0
# Speed control: change per second and relative pressure error, and its limit. Slow enough that pumps which share a loop do not
# hunt against each other, quick enough to follow the takeover of a pump within seconds. Chosen values.
SPEED_GAIN: Final = 0.2
MAX_SPEED_CHANGE_PER_S: Final = 0.04
# Variable-speed drives keep pumps above a minimum speed, below which motors and bearings are not cooled.
MIN_SPEED: Final = 0.25
# Integral control of the primary valve: stroke per second and kelvin, limited to a motor that needs 33 s for its whole stroke.
# Integral action alone has no lasting error; the small gain keeps it from oscillating with the exchanger's delay.
VALVE_GAIN: Final = 0.012
MAX_VALVE_CHANGE_PER_S: Final = 0.03
# Pumps stop if the returning coolant is hot enough to damage seals and hoses, and restart once it is clearly cooler; without the
# gap between the two limits they would keep starting and stopping. Chosen: data sheets give limits from 60 to 90 degC.
CUT_OUT_C: Final = 80.0
CUT_IN_C: Final = 60.0
# Running time of the pumps at the start: a year, 360 days, and 100 days of the standby one. Only that they differ matters.
INITIAL_RUNNING_S: Final = {1: 31_536_000.0, 2: 31_104_000.0, 3: 8_640_000.0}


@dataclass(slots=True)
class Cdu:
    """One unit. Flows are m3/s; `supply_c` is the temperature of the coolant in its cold side, degC."""

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
    """Heat given to the primary side."""
    shaft_w: float = 0.0
    """Mechanical power of the pumps, all of which ends as heat in the coolant."""
    power_w: float = 0.0
    failed_pumps: set[int] = field(default_factory=set)
    design_flow: float = field(init=False)
    """Flow at which the rated heat warms the coolant by DESIGN_RISE_K, m3/s."""
    design_primary_flow: float = field(init=False)
    """Flow through the fully open valve, m3/s."""
    running: set[int] = field(init=False)
    primary: str = ""
    """The primary loop that takes its heat now."""
    pump_running_s: dict[int, float] = field(default_factory=lambda: dict(INITIAL_RUNNING_S))
    filter_resistance_ratio: float = 1.0
    """Resistance of the filter, relative to a clean one."""
    fouling_ratio: float = 1.0
    """Resistance of the exchanger to heat, relative to a clean one."""
    valve_stuck: bool = False
    cut_out: bool = False
    _missing_pump_s: float = 0.0

    def __post_init__(self) -> None:
        coolant, water = (
            known_fluid(self.fluid).volumetric_heat_capacity(40.0),
            known_fluid("water").volumetric_heat_capacity(35.0),
        )
        self.design_flow = self.section.rated_cooling_w / (coolant * DESIGN_RISE_K)
        self.design_primary_flow = PRIMARY_FLOW_RESERVE * self.section.rated_cooling_w / (water * PRIMARY_RISE_K)
        self.running = set(PUMPS[: self.pumps_required])
        self.primary = next(iter(self.section.primaries), "")

    @property
    def pumps_required(self) -> int:
        """Pumps that must run at the rated heat; the others are on standby."""
        return min(len(PUMPS), self.section.pumps_required or PUMPS_REQUIRED)

    @property
    def design_conductance(self) -> float:
        """Conductance of the exchanger, W/K, that moves the rated heat at DESIGN_APPROACH_K with the valve fully open.

        There is no closed form for the conductance, so it is found by bisection; callers keep the result.
        """
        hot = self.section.rated_cooling_w / DESIGN_RISE_K
        cold = hot * DESIGN_RISE_K / PRIMARY_RISE_K * PRIMARY_FLOW_RESERVE
        wanted = DESIGN_RISE_K / (DESIGN_RISE_K + DESIGN_APPROACH_K)
        low, high = 0.0, 100 * cold
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if effectiveness(middle, hot, cold) < wanted else (low, middle)
        return high

    def control_pumps(self, pressure_pa: float, return_c: float, dt_s: float, *, live: bool) -> None:
        """Start the standby pump if a pump is missing, and control the speed to hold the pressure over the racks.

        All pumps stop without power, or if the returning coolant is too hot for them.
        """
        self.cut_out = return_c > CUT_OUT_C or (self.cut_out and return_c > CUT_IN_C)
        healthy = [pump for pump in PUMPS if pump not in self.failed_pumps]
        self.running -= self.failed_pumps
        if not live or self.cut_out:
            # The next start needs no detection time, so the pumps run again in the first step with power.
            self.running, self.speed, self._missing_pump_s = set(), MIN_SPEED, TAKEOVER_S
            return
        spare = [pump for pump in healthy if pump not in self.running]
        missing = len(self.running) < self.pumps_required and bool(spare)
        self._missing_pump_s = self._missing_pump_s + dt_s if missing else 0.0
        if self._missing_pump_s >= TAKEOVER_S:
            self.running.update(spare[: self.pumps_required - len(self.running)])
            self._missing_pump_s = 0.0  # one that fails before the next step has its own detection time
        error = (DESIGN_PRESSURE_PA - pressure_pa) / DESIGN_PRESSURE_PA
        change = max(-MAX_SPEED_CHANGE_PER_S, min(MAX_SPEED_CHANGE_PER_S, SPEED_GAIN * error)) * dt_s
        self.speed = max(MIN_SPEED, min(1.0, self.speed + change))
        for pump in self.running:
            self.pump_running_s[pump] += dt_s

    def branch(self, gas_fraction: float) -> Branch:
        """The unit as a branch of its loop; `gas_fraction` is the part of the coolant's volume that is air."""
        design = self.design_flow
        pumping = max(0.0, 1 - HEAD_LOSS_PER_GAS_FRACTION * gas_fraction) if self.running else 0.0
        # Affinity laws: the head follows the square of the speed.
        head = SHUT_OFF_HEAD_RATIO * HEAD_RESERVE * DESIGN_PRESSURE_PA * self.speed**2 * pumping
        # Pumps in parallel share the flow. With fewer pumps each carries more and moves further down its curve.
        pumps = CURVE_DROP * DESIGN_PRESSURE_PA / design**2 * (self.pumps_required / max(1, len(self.running))) ** 2
        inside = FILTER_SHARE * self.filter_resistance_ratio + EXCHANGER_SHARE
        return Branch(head, pumps + inside * DESIGN_PRESSURE_PA / design**2)

    def set_flow(self, flow: float, pressure_pa: float) -> None:
        """Set this unit's flow from the loop's solution, and the power that its pumps need for it."""
        self.flow = flow
        hydraulic_w = flow * (pressure_pa + (self.filter_pa + self.exchanger_pa))
        self.shaft_w = hydraulic_w / PUMP_EFFICIENCY
        self.power_w = self.shaft_w / MOTOR_EFFICIENCY + (CONTROLLER_W if self.running else 0.0)

    @property
    def filter_pa(self) -> float:
        """Pressure drop over the filter, Pa."""
        return FILTER_SHARE * self.filter_resistance_ratio * DESIGN_PRESSURE_PA * (self.flow / self.design_flow) ** 2

    @property
    def exchanger_pa(self) -> float:
        """Pressure drop over the secondary side of the exchanger, Pa."""
        return EXCHANGER_SHARE * DESIGN_PRESSURE_PA * (self.flow / self.design_flow) ** 2

    def control_valve(self, dt_s: float, *, live: bool) -> None:
        """Control the supply temperature. Without power, or stuck, the valve keeps its position."""
        if self.valve_stuck or not live:
            return
        change = (
            max(-MAX_VALVE_CHANGE_PER_S, min(MAX_VALVE_CHANGE_PER_S, VALVE_GAIN * (self.supply_c - self.setpoint_c)))
            * dt_s
        )
        self.valve = max(0.0, min(1.0, self.valve + change))

    def exchange(self, hot_c: float, cold_c: float, primary_capacity: float, conductance_w_per_k: float) -> float:
        """Move heat to the primary side for this step; returns it, W.

        Args:
            hot_c: Coolant coming in on the secondary side, degC.
            cold_c: Water (or air) coming in on the primary side, degC.
            primary_capacity: Volumetric heat capacity of the primary side's water or air, J/(m3 K).
            conductance_w_per_k: Conductance of the clean exchanger at design flows, W/K (`design_conductance`).
        """
        self.primary_flow = self.design_primary_flow * self.valve
        hot = self.flow * known_fluid(self.fluid).volumetric_heat_capacity((hot_c + self.supply_c) / 2)
        cold = self.primary_flow * primary_capacity
        conductance = conductance_at(conductance_w_per_k, self.flow / self.design_flow, self.valve) / self.fouling_ratio
        self.heat_w = effectiveness(conductance, min(hot, cold), max(hot, cold)) * min(hot, cold) * (hot_c - cold_c)
        self.primary_return_c = cold_c + (self.heat_w / cold if cold > 0 else 0.0)
        return self.heat_w
