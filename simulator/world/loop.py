"""A secondary loop: coolant, cold plates, reservoir and leaks.

Coolant is modelled as control volumes: each CDU's cold side, and everything that returns from the racks. Each volume gains what the
previous one loses, so energy is conserved for any step.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rackflow.fluids import known_fluid
from rackflow.site import Loop as LoopSection
from simulator.world.cdu import DESIGN_PRESSURE_PA, DESIGN_RISE_K, Cdu
from simulator.world.hydraulics import operating_point

# Typical values, chosen; not from one product.
# Pressure over ambient at the pumps' inlet, with a full and with an empty reservoir. Loops are pre-charged so that pumps do not
# cavitate and a leak goes outwards; the charge is lost with the coolant.
STATIC_PA: Final = 120e3
EMPTY_STATIC_RATIO: Final = 0.15
# Volume of the reservoir over the volume of the loop.
RESERVOIR_SHARE: Final = 0.12
# Level of the float switch that warns, and level below which the pumps draw air. The warning comes long before the damage.
LOW_LEVEL: Final = 0.3
DRY_LEVEL: Final = 0.05
# Once they draw air, the gas in the loop grows by this much of its volume a second, up to the fraction at which pumps move
# nothing (`cdu.HEAD_LOSS_PER_GAS_FRACTION`): the flow collapses within about ten seconds.
GAS_INTAKE_PER_S: Final = 0.02
MAX_GAS_FRACTION: Final = 0.25
# A deaerator removes trapped air with this time constant.
DEAERATION_S: Final = 600.0
# The site file's `chip_` keys take precedence over the next three.
# Heat capacity of cold plates, chips and lids, per watt of design heat into liquid: 500 J/K for a kilowatt, about 1.3 kg of
# copper. Without coolant the chips warm by 2 K a second at full load, which is why ride-through without pumps is short.
PLATE_J_PER_K_W: Final = 0.5
# How much hotter the plates are than the coolant supplied, at design heat and flow; half of the coolant's own rise is included.
PLATE_RISE_K: Final = 17.0
# Temperature above which the equipment slows down to protect itself.
THROTTLE_C: Final = 75.0
# The slow-down is linear over this range; at its end the equipment is off.
STOP_K: Final = 13.0
# A site file may give chips no rise above the coolant's own; the conductance must stay finite.
MIN_PLATE_RISE_K: Final = 1.0
# Below this fraction of the design flow the coolant along the plates takes on the temperature of the return.
LOW_FLOW: Final = 0.2
# Conductance from plates to coolant follows the flow to this power, between laminar (1/3) and turbulent (0.8) flow as in
# microchannels. The lower limit stands for conduction and natural convection in standing coolant, the upper one keeps the
# formula within the range in which it means anything.
FILM_EXPONENT: Final = 0.6
MIN_FILM_FLOW_RATIO: Final = 0.02
MAX_FILM_FLOW_RATIO: Final = 1.5
LOW_FLOW_FILM: Final = MIN_FILM_FLOW_RATIO**FILM_EXPONENT
# Largest fraction of a control volume that may flow through it in one sub-step. The explicit scheme oscillates above 1 and
# is unstable above 2; 0.3 keeps temperatures monotonic with some room at the cost of a few more steps in small volumes.
STABLE: Final = 0.3
# Leaked volume at which a sensing rope reports a leak: a glass of coolant on the floor.
LEAK_DETECTED_M3: Final = 2e-4
# Fluid properties (`rackflow.fluids`) are valid from 0 to 90 degC, and faults can leave this range, so temperatures are clamped one
# degree inside it.
FLUID_RANGE_C: Final = (1.0, 89.0)


@dataclass(slots=True)
class Plates:
    """The liquid-cooled side of one rack."""

    design_w: float
    limit_c: float = THROTTLE_C
    rise_k: float = PLATE_RISE_K
    j_per_k_w: float = PLATE_J_PER_K_W
    celsius: float = 45.0
    heat_w: float = 0.0
    """Heat into the coolant."""

    @property
    def throttle(self) -> float:
        """Fraction of its demand that the equipment takes: 1 while the plates are cool enough, 0 once it has shut off."""
        return max(0.0, min(1.0, 1 + (self.limit_c - self.celsius) / STOP_K))

    @property
    def conductance(self) -> float:
        """Conductance to the coolant at design flow, W/K."""
        return self.design_w / max(MIN_PLATE_RISE_K, self.rise_k - DESIGN_RISE_K / 2)


@dataclass(slots=True)
class SecondaryLoop:
    """One loop with its CDUs and racks."""

    section: LoopSection
    cdus: list[Cdu]
    plates: dict[str, Plates]
    return_c: float = 40.0
    pressure_pa: float = DESIGN_PRESSURE_PA
    """Pressure over the racks."""
    gas_fraction: float = 0.0
    """Part of the coolant's volume that is air."""
    lost_m3: float = 0.0
    leak_m3_s: float = 0.0
    stored_j: float = 0.0
    """Heat stored in coolant and plates since the start."""

    @property
    def flow(self) -> float:
        """Flow through all racks, m3/s."""
        return sum(cdu.flow for cdu in self.cdus)

    @property
    def supply_c(self) -> float:
        """Temperature of the coolant that reaches the racks: the mixture of the CDUs' supplies, degC."""
        # Without flow there is no mixture; the plain mean is what a probe would show on average.
        if self.flow <= 0:
            return sum(cdu.supply_c for cdu in self.cdus) / len(self.cdus)
        return sum(cdu.flow * cdu.supply_c for cdu in self.cdus) / self.flow

    @property
    def level(self) -> float:
        """Level of the reservoir, 0-1."""
        return max(0.0, 1 - self.lost_m3 / (RESERVOIR_SHARE * self.section.volume_m3))

    @property
    def static_pa(self) -> float:
        """Pressure at the pumps' inlet over ambient, Pa."""
        return STATIC_PA * (EMPTY_STATIC_RATIO + (1 - EMPTY_STATIC_RATIO) * self.level)

    @property
    def leak_detected(self) -> bool:
        """Whether enough coolant has leaked for a sensing rope to report it."""
        return self.lost_m3 > LEAK_DETECTED_M3

    def capacity(self, celsius: float) -> float:
        """Volumetric heat capacity of the coolant, J/(m3 K)."""
        low, high = FLUID_RANGE_C
        return known_fluid(self.section.coolant).volumetric_heat_capacity(max(low, min(high, celsius)))

    def circulate(self, live: Mapping[str, bool], dt_s: float) -> None:
        """Work out leaks, pumps, pressures and flows for this step, and set the valves; `live` says which CDUs have power."""
        self.lost_m3 += min(self.leak_m3_s * dt_s, max(0.0, self.section.volume_m3 - self.lost_m3))
        if self.level <= DRY_LEVEL:
            self.gas_fraction = min(MAX_GAS_FRACTION, self.gas_fraction + GAS_INTAKE_PER_S * dt_s)
        else:
            self.gas_fraction *= math.exp(-dt_s / DEAERATION_S)
        for cdu in self.cdus:
            cdu.control_pumps(self.pressure_pa, self.return_c, dt_s, live=live[cdu.section.id])
        branches = [cdu.branch(self.gas_fraction) for cdu in self.cdus]
        self.pressure_pa, flows = operating_point(branches, self.resistance)
        for cdu, flow in zip(self.cdus, flows, strict=True):
            cdu.set_flow(flow, self.pressure_pa)
            cdu.control_valve(dt_s, live=live[cdu.section.id])

    @property
    def design_flow(self) -> float:
        """Design flow of the CDUs that the loop needs, m3/s. The smallest count, so that any of them may be the spare."""
        return sum(sorted(cdu.design_flow for cdu in self.cdus)[: self.section.cdus_required])

    @property
    def resistance(self) -> float:
        """Hydraulic resistance of all racks in parallel, Pa/(m3/s)^2: design pressure at design flow."""
        return DESIGN_PRESSURE_PA / self.design_flow**2

    def warm(self, heat_w: Mapping[str, float], dt_s: float) -> None:
        """Move the racks' heat into plates and coolant, and remove the heat that the CDUs pass to the primary side.

        `heat_w` is the liquid-cooled heat of each rack, W. The CDUs must have exchanged heat for this step before.
        """
        mean_c, flow_ratio = (self.supply_c + self.return_c) / 2, self.flow / self.design_flow
        # Without flow the plates are in contact with the coolant that they have warmed. If the mean were used, the return volume
        # could become hotter than the plates that heat it.
        at_plates_c = self.return_c - (self.return_c - mean_c) * min(1.0, flow_ratio / LOW_FLOW)
        film = max(MIN_FILM_FLOW_RATIO, min(MAX_FILM_FLOW_RATIO, flow_ratio)) ** FILM_EXPONENT
        taken = sum(self._plate(plates, heat_w[rack], at_plates_c, film, dt_s) for rack, plates in self.plates.items())
        capacity = self.capacity(mean_c)
        return_j_per_k = self._return_volume_m3 * capacity
        # The volume that is flushed fastest limits the step.
        fastest_per_s = max(self.flow / self._return_volume_m3, *(cdu.flow / cdu.volume_m3 for cdu in self.cdus))
        steps = math.ceil(dt_s * fastest_per_s / STABLE) or 1
        before_j = self._content_j(capacity)
        for _ in range(steps):
            carried = 0.0
            for cdu in self.cdus:
                heat = cdu.flow * capacity * (self.return_c - cdu.supply_c)
                cdu.supply_c += (heat - cdu.heat_w + cdu.shaft_w) * dt_s / steps / (cdu.volume_m3 * capacity)
                carried += heat
            self.return_c += (taken - carried) * dt_s / steps / return_j_per_k
        self.stored_j += self._content_j(capacity) - before_j

    def _plate(self, plates: Plates, heat_w: float, coolant_c: float, film: float, dt_s: float) -> float:
        """Heat of one rack into the coolant over a step, W; the plates store the rest. `film` is the conductance over that at design flow.

        Uses the exact solution for constant coolant temperature instead of an explicit step, because the plates' time constant
        (6 s at design flow) is close to the step.
        """
        conductance = plates.conductance * film
        mass = plates.design_w * plates.j_per_k_w
        target = coolant_c + heat_w / conductance
        after = target + (plates.celsius - target) * math.exp(-conductance * dt_s / mass)
        stored = (after - plates.celsius) * mass
        plates.celsius = after
        plates.heat_w = heat_w - stored / dt_s
        self.stored_j += stored
        return plates.heat_w

    @property
    def _return_volume_m3(self) -> float:
        # In a site file the CDUs may hold more coolant than the loop; a small minimum keeps the return side's volume above zero.
        return max(0.05 * self.section.volume_m3, self.section.volume_m3 - sum(cdu.volume_m3 for cdu in self.cdus))

    def _content_j(self, capacity: float) -> float:
        """Heat in the coolant above 0 degC, J."""
        cold = sum(cdu.supply_c * cdu.volume_m3 for cdu in self.cdus)
        return capacity * (cold + self.return_c * self._return_volume_m3)
