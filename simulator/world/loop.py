"""A secondary loop: coolant, cold plates, reservoir and leaks.

Coolant is kept in control volumes: each CDU's cold side, and everything that returns from the racks. What one loses the next
one gains, so energy is conserved whatever the step.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rackflow.fluids import FLUIDS
from rackflow.site import Loop as LoopSection
from simulator.world.cdu import DESIGN_PRESSURE_PA, DESIGN_RISE_K, Cdu
from simulator.world.hydraulics import solve

STATIC_PA: Final = 120e3
"""At the pumps' inlet, with a full reservoir."""
RESERVOIR_SHARE: Final = 0.12
"""Of the loop's volume, that the reservoir holds."""
LOW_LEVEL: Final = 0.3
DRY_LEVEL: Final = 0.05
"""Below this level pumps draw air."""
PLATE_J_PER_K_W: Final = 0.5
"""Heat capacity of cold plates and what sits on them, of design liquid heat: 500 J/K for a kilowatt."""
PLATE_RISE_K: Final = 17.0
"""How much hotter than the coolant supplied the plates are at design heat and flow; half of the coolant's own rise is part of it."""
MIN_PLATE_RISE_K: Final = 1.0
THROTTLE_C: Final = 75.0
"""What the site file says of its racks' chips goes before these."""
STOP_K: Final = 13.0
"""So much above, the equipment is off; between, it slows down."""
LOW_FLOW: Final = 0.2
"""Of the design flow, below which coolant is as warm as the return all along the plates."""
FILM: Final = (0.02, 1.5, 0.6)
"""Least and highest flow that counts for the heat from plates to coolant, of the design flow, and the exponent."""
LOW_FLOW_FILM: Final = FILM[0] ** FILM[2]
DEAERATION_S: Final = 600.0
STABLE: Final = 0.3
"""Part of a volume that may flow through it in one step of the explicit scheme."""
LEAK_DETECTED_M3: Final = 2e-4
"""What must have leaked before a rope is wet."""


@dataclass(slots=True)
class Plates:
    """The liquid-cooled side of one rack."""

    design_w: float
    limit_c: float = THROTTLE_C
    rise_k: float = PLATE_RISE_K
    j_per_k_w: float = PLATE_J_PER_K_W
    celsius: float = 45.0
    heat_w: float = 0.0
    """Into the coolant."""

    @property
    def throttle(self) -> float:
        """1 as long as they are cool enough, 0 where the equipment has shut off."""
        return max(0.0, min(1.0, 1 + (self.limit_c - self.celsius) / STOP_K))

    @property
    def conductance(self) -> float:
        """To the coolant at design flow, W/K."""
        return self.design_w / max(MIN_PLATE_RISE_K, self.rise_k - DESIGN_RISE_K / 2)


@dataclass(slots=True)
class SecondaryLoop:
    """One loop with its CDUs and racks."""

    section: LoopSection
    cdus: list[Cdu]
    plates: dict[str, Plates]
    return_c: float = 40.0
    pressure_pa: float = DESIGN_PRESSURE_PA
    """Over the racks."""
    gas_fraction: float = 0.0
    lost_m3: float = 0.0
    leak_m3_s: float = 0.0
    stored_j: float = 0.0
    """Heat taken up by coolant and plates since the start."""

    @property
    def flow(self) -> float:
        """Through all racks, m3/s."""
        return sum(cdu.flow for cdu in self.cdus)

    @property
    def supply_c(self) -> float:
        """What the racks get: the CDUs' coolant, mixed."""
        if self.flow <= 0:
            return sum(cdu.supply_c for cdu in self.cdus) / len(self.cdus)
        return sum(cdu.flow * cdu.supply_c for cdu in self.cdus) / self.flow

    @property
    def level(self) -> float:
        """Of the reservoir, 0-1."""
        return max(0.0, 1 - self.lost_m3 / (RESERVOIR_SHARE * self.section.volume_m3))

    @property
    def static_pa(self) -> float:
        """At the pumps' inlet, over ambient."""
        return STATIC_PA * (0.15 + 0.85 * self.level)

    @property
    def leak_detected(self) -> bool:
        """Whether liquid lies where none should be."""
        return self.lost_m3 > LEAK_DETECTED_M3

    def capacity(self, celsius: float) -> float:
        """Of the coolant, J/(m3 K)."""
        return FLUIDS[self.section.coolant].volumetric_heat_capacity(max(1.0, min(89.0, celsius)))

    def move(self, live: Mapping[str, bool], dt_s: float) -> None:
        """Pumps, pressures and flows of this step."""
        self.lost_m3 += min(self.leak_m3_s * dt_s, max(0.0, self.section.volume_m3 - self.lost_m3))
        if self.level <= DRY_LEVEL:
            self.gas_fraction = min(0.25, self.gas_fraction + 0.02 * dt_s)
        else:
            self.gas_fraction *= math.exp(-dt_s / DEAERATION_S)
        for cdu in self.cdus:
            cdu.control_pumps(self.pressure_pa, self.return_c, dt_s, live=live[cdu.section.id])
        self.pressure_pa, flows = solve([cdu.branch(self.gas_fraction) for cdu in self.cdus], self.resistance)
        for cdu, flow in zip(self.cdus, flows, strict=True):
            cdu.move(flow, self.pressure_pa)
            cdu.control_valve(dt_s, live=live[cdu.section.id])

    @property
    def design_flow(self) -> float:
        """That of the CDUs that the loop needs, m3/s."""
        return sum(sorted(cdu.design_flow for cdu in self.cdus)[: self.section.cdus_required])

    @property
    def resistance(self) -> float:
        """Of all racks in parallel: design pressure at the flow that their design heat needs."""
        return DESIGN_PRESSURE_PA / self.design_flow**2

    def warm(self, heat_w: Mapping[str, float], dt_s: float) -> None:
        """Heat of the racks' liquid side into plates and coolant, and on to the primary side as the CDUs found it."""
        mean = (self.supply_c + self.return_c) / 2
        # Without flow plates face what they have warmed; else nothing would keep it from getting hotter than they are.
        faced = self.return_c - (self.return_c - mean) * min(1.0, self.flow / (LOW_FLOW * self.design_flow))
        taken = sum(self._plate(plates, heat_w[rack], faced, dt_s) for rack, plates in self.plates.items())
        capacity = self.capacity(mean)
        returned = self._return_volume * capacity
        quickest = max(self.flow / self._return_volume, *(cdu.flow / cdu.volume_m3 for cdu in self.cdus))
        steps = math.ceil(dt_s * quickest / STABLE) or 1
        before = self._content(capacity)
        for _ in range(steps):
            carried = 0.0
            for cdu in self.cdus:
                heat = cdu.flow * capacity * (self.return_c - cdu.supply_c)
                cdu.supply_c += (heat - cdu.heat_w + cdu.shaft_w) * dt_s / steps / (cdu.volume_m3 * capacity)
                carried += heat
            self.return_c += (taken - carried) * dt_s / steps / returned
        self.stored_j += self._content(capacity) - before

    def _plate(self, plates: Plates, heat_w: float, coolant_c: float, dt_s: float) -> float:
        """Heat of one rack into the coolant over a step, W; the plates keep the rest."""
        film = max(FILM[0], min(FILM[1], self.flow / self.design_flow)) ** FILM[2]
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
    def _return_volume(self) -> float:
        return max(0.05 * self.section.volume_m3, self.section.volume_m3 - sum(cdu.volume_m3 for cdu in self.cdus))

    def _content(self, capacity: float) -> float:
        cold = sum(cdu.supply_c * cdu.volume_m3 for cdu in self.cdus)
        return capacity * (cold + self.return_c * self._return_volume)
