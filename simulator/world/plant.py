"""A primary loop with its outdoor plant: facility water, heat rejection and the power they take."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from rackflow.fluids import known_fluid
from rackflow.site import Loop as LoopSection
from simulator.world.loop import FLUID_RANGE_C, STABLE

# Typical values, chosen; not from one product.
# Facility water to CDUs, from dry coolers: below the 32 degC of ASHRAE class W32, and above the dew point of any room.
WARM_C: Final = 26.0
# Chilled water to air units, from chillers.
CHILLED_C: Final = 14.0
# Initial temperature rise of the water, used until the loop has settled.
INITIAL_RISE_K: Final = 6.0
# Time in which the plant corrects a deviation of the supply temperature.
SETTLE_S: Final = 60.0
# Pressure that the loop's pumps work against. A larger one only raises their power: flows are given by the units that take water.
PUMP_PA: Final = 150e3
# Hydraulic over electrical power of the loop's pumps, motor included.
PUMP_EFFICIENCY: Final = 0.55
# Electrical power over heat rejected: a coefficient of performance of 5 for water chillers; fans alone for dry coolers.
CHILLER_POWER_RATIO: Final = 0.2
DRY_COOLER_POWER_RATIO: Final = 0.02


@dataclass(slots=True)
class PlantUnit:
    """A chiller or dry cooler of the site file."""

    rated_w: float
    power_ratio: float
    """Electrical power over heat rejected."""
    failed: bool = False
    live: bool = True
    power_w: float = 0.0

    @property
    def able_w(self) -> float:
        """Heat that it can reject now."""
        return self.rated_w if self.live and not self.failed else 0.0


@dataclass(slots=True)
class PumpUnit:
    """A facility pump of the site file. Those in standby start in the next step after one has failed."""

    failed: bool = False
    live: bool = True
    power_w: float = 0.0

    @property
    def able(self) -> bool:
        """Whether it runs when it is needed."""
        return self.live and not self.failed


@dataclass(slots=True)
class PrimaryLoop:
    """One primary loop: a supply and a return volume, each half of the coolant."""

    section: LoopSection
    capacity_w: float
    chilled: bool
    supply_c: float = WARM_C
    return_c: float = WARM_C + INITIAL_RISE_K
    warm_k: float = 0.0
    """By how much the plant misses its target, K. Set by the fault `primary_warm`, and to a huge value where no heat is to be rejected."""
    heat_w: float = 0.0
    """Heat rejected outdoors."""
    power_w: float = 0.0
    energy_j: float = 0.0
    stored_j: float = 0.0
    flow: float = 0.0
    units: dict[str, PlantUnit] = field(default_factory=dict)
    """By id; without any, the plant is of `capacity_w` and one kind."""
    pumps: dict[str, PumpUnit] = field(default_factory=dict)
    """By id; without any, something moves the water as long as there is power."""
    pumps_required: int = 0

    def __post_init__(self) -> None:
        if self.chilled:
            self.supply_c, self.return_c = CHILLED_C, CHILLED_C + INITIAL_RISE_K

    @property
    def capacity(self) -> float:
        """Volumetric heat capacity of the water, J/(m3 K)."""
        low, high = FLUID_RANGE_C
        mean = max(low, min(high, (self.supply_c + self.return_c) / 2))
        return known_fluid(self.section.coolant).volumetric_heat_capacity(mean)

    def advance(self, units: Iterable[tuple[float, float]], dt_s: float, *, live: bool) -> None:
        """Let `units` give their heat to the water for a step; each is a flow (m3/s) and a heat (W).

        Without power (`live`) the plant rejects nothing. The units' flows are given, so pumps that are missing do not lower them: instead,
        the plant rejects only that share of what it could which the remaining pumps bring to it.
        """
        running = [each for each in self.pumps.values() if each.able][: self.pumps_required] if live else []
        flow_ratio = len(running) / self.pumps_required if self.pumps_required else 1.0
        flows_and_heats = list(units)
        self.flow = sum(flow for flow, _ in flows_and_heats)
        heat = sum(heat for _, heat in flows_and_heats)
        capacity = self.capacity
        side_j_per_k = self.section.volume_m3 / 2 * capacity
        rate = self.flow * capacity
        target = (CHILLED_C if self.chilled else WARM_C) + self.warm_k
        steps = math.ceil(dt_s * self.flow / (self.section.volume_m3 / 2) / STABLE) or 1
        rejected, able_w = 0.0, self._able_w() * flow_ratio
        for _ in range(steps):
            step = dt_s / steps
            wanted = rate * (self.return_c - self.supply_c) + side_j_per_k * (self.supply_c - target) / SETTLE_S
            out = max(0.0, min(able_w, wanted)) if live else 0.0
            carried = rate * (self.return_c - self.supply_c)
            self.supply_c += (carried - out) * step / side_j_per_k
            self.return_c += (heat - carried) * step / side_j_per_k
            self.stored_j += (heat - out) * step
            rejected += out / steps
        self.heat_w = rejected
        for unit in self.units.values():
            # Units share the heat by what they can do.
            unit.power_w = rejected * unit.able_w * flow_ratio / able_w * unit.power_ratio if live and able_w else 0.0
        self._set_power(running, live=live)
        self.energy_j += self.power_w * dt_s

    def _set_power(self, running: Sequence[PumpUnit], *, live: bool) -> None:
        """Power of the pumps, and of the whole plant, from this step's flow and rejected heat."""
        pumping_w = self.flow * PUMP_PA / PUMP_EFFICIENCY
        for pump in self.pumps.values():
            pump.power_w = pumping_w / len(running) if any(pump is each for each in running) else 0.0
        if self.pumps and not running:
            pumping_w = 0.0
        ratio = CHILLER_POWER_RATIO if self.chilled else DRY_COOLER_POWER_RATIO
        rejecting_w = sum(unit.power_w for unit in self.units.values()) if self.units else self.heat_w * ratio
        self.power_w = (pumping_w + rejecting_w) if live else 0.0

    def _able_w(self) -> float:
        return sum(unit.able_w for unit in self.units.values()) if self.units else self.capacity_w
