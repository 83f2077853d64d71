"""A primary loop with its outdoor plant: facility water, heat rejection and the power they take."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rackflow.fluids import FLUIDS
from rackflow.site import Loop as LoopSection
from simulator.world.loop import STABLE

WARM_C: Final = 26.0
"""Supply to CDUs, from dry coolers."""
CHILLED_C: Final = 14.0
"""Supply to air units, from chillers."""
SETTLE_S: Final = 60.0
PUMP_PA: Final = 150e3
PUMP_EFFICIENCY: Final = 0.55


@dataclass(slots=True)
class PrimaryLoop:
    """Supply and return, each half of the volume."""

    section: LoopSection
    capacity_w: float
    chilled: bool
    supply_c: float = WARM_C
    return_c: float = WARM_C + 6
    warm_k: float = 0.0
    """By how much the plant misses its target."""
    heat_w: float = 0.0
    """Rejected outdoors."""
    power_w: float = 0.0
    energy_j: float = 0.0
    stored_j: float = 0.0
    flow: float = 0.0

    def __post_init__(self) -> None:
        if self.chilled:
            self.supply_c, self.return_c = CHILLED_C, CHILLED_C + 6

    @property
    def capacity(self) -> float:
        """Of what flows in it, J/(m3 K)."""
        mean = max(1.0, min(89.0, (self.supply_c + self.return_c) / 2))
        return FLUIDS[self.section.coolant].volumetric_heat_capacity(mean)

    def advance(self, units: Iterable[tuple[float, float]], dt_s: float, *, live: bool) -> None:
        """Flow (m3/s) and heat (W) of each unit on it. Without power the plant rejects nothing."""
        flows_and_heats = list(units)
        self.flow = sum(flow for flow, _ in flows_and_heats)
        heat = sum(heat for _, heat in flows_and_heats)
        capacity = self.capacity
        node = self.section.volume_m3 / 2 * capacity
        rate = self.flow * capacity
        target = (CHILLED_C if self.chilled else WARM_C) + self.warm_k
        steps = math.ceil(dt_s * self.flow / (self.section.volume_m3 / 2) / STABLE) or 1
        rejected = 0.0
        for _ in range(steps):
            step = dt_s / steps
            wanted = rate * (self.return_c - self.supply_c) + node * (self.supply_c - target) / SETTLE_S
            out = max(0.0, min(self.capacity_w, wanted)) if live else 0.0
            carried = rate * (self.return_c - self.supply_c)
            self.supply_c += (carried - out) * step / node
            self.return_c += (heat - carried) * step / node
            self.stored_j += (heat - out) * step
            rejected += out / steps
        self.heat_w = rejected
        pump = self.flow * PUMP_PA / PUMP_EFFICIENCY
        self.power_w = (pump + rejected * (0.2 if self.chilled else 0.02)) if live else 0.0
        self.energy_j += self.power_w * dt_s
