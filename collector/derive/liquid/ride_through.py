"""How long a liquid loop lasts when its pumps, its facility water or all heat rejection stops.

An estimate from lumped heat capacities. Too long is the dangerous side, so what is not known is taken as zero.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from collector.derive.engine import Compute, Planner, Result, Unknown
from collector.derive.liquid.cooling import SUPPLY
from collector.derive.power import RackPower
from rackflow.fluids import volumetric_heat_capacity
from rackflow.physics import LEAST_HEAT_W
from rackflow.site import Loop, Rack, Site

LONGEST_S = 86_400.0
SUPPLY_LIMIT_C = 45.0
_RETURN = "dcim_cdu_return_temperature_celsius"
_POWER = "dcim_cdu_power_watts"
_AIR_HEAT = "dcim_crah_cooling_output_watts"


@dataclass(frozen=True, slots=True)
class Chips:
    """Chips of one kind. A kilowatt of accelerator with its cold plate stores 393 J/K (0.5 kg copper, 50 mL coolant)."""

    limit_c: float = 90.0
    rise_k: float = 15.0
    """Above supply temperature at design power."""
    capacity_s_per_k: float = 0.393
    """J/K per W of design power."""


@dataclass(frozen=True, slots=True)
class Thermal:
    """Limits and capacities for all loops and racks, instead of what the site file says of each; see `rackflow.site`."""

    supply_limit_celsius: float | None = None
    chip_limit_celsius: float | None = None
    chip_rise_kelvin: float | None = None
    chip_heat_capacity_seconds_per_kelvin: float | None = None
    chip_standing_ratio: float = 0.0
    """Of the heat that flows from chip to coolant, what still does when the coolant stands; 0 unless a test has shown it."""
    supply_volume_ratio: float = 0.0
    """Of a secondary loop's coolant, what is as cold as the supply: CDUs and pipes to the racks. 0 takes all for warm."""

    def supply_limit_of(self, loop: Loop) -> float:
        """The limit of a loop's supply, degC."""
        return _given(self.supply_limit_celsius, loop.max_supply_celsius, SUPPLY_LIMIT_C)

    def chips_of(self, rack: Rack) -> Chips:
        """The chips of a rack."""
        usual = Chips()
        own = rack.chip_heat_capacity_seconds_per_kelvin
        return Chips(
            _given(self.chip_limit_celsius, rack.chip_limit_celsius, usual.limit_c),
            _given(self.chip_rise_kelvin, rack.chip_rise_kelvin, usual.rise_k),
            _given(self.chip_heat_capacity_seconds_per_kelvin, own, usual.capacity_s_per_k),
        )


def _given(override: float | None, own: float | None, usual: float) -> float:
    found = own if override is None else override
    return usual if found is None else found


@dataclass(frozen=True, slots=True)
class _Warming:
    """What warms up: m3 of each coolant, and the chips that hang on the loops, in W of liquid design power and J/K."""

    volumes: Mapping[str, float]
    design_w: float
    chips_j_per_k: float


class RideThrough:
    """Plans the figures of a site's loops; `heats` are the slots of each loop's heat."""

    def __init__(
        self, planner: Planner, site: Site, racks: Mapping[str, RackPower], heats: Mapping[str, int], thermal: Thermal
    ) -> None:
        self._planner = planner
        self._site = site
        self._racks = racks
        self._thermal = thermal
        self._cdus = {loop: [cdu.id for cdu in site.cdus.values() if cdu.secondary == loop] for loop in heats}
        self._heats = heats
        self._shared: dict[str, tuple[int, _Warming]] = {}
        self._coming = {loop: self._with_pumps(site.loops[loop], heat) for loop, heat in heats.items()}

    def plan(self, loop: Loop) -> None:
        """Publish the three figures of a loop."""
        limit_c = self._thermal.supply_limit_of(loop)
        supply, back = self._warmest(SUPPLY, loop), self._warmest(_RETURN, loop)
        heat, coming = self._heats[loop.id], self._coming[loop.id]
        alone = self._warming([loop])
        self._publish(loop, "primary_flow", (supply, back, coming), _until_limit(alone, limit_c, self._thermal))
        if alone.design_w:
            density = self._density(loop, heat, alone.design_w)
            kinds = {self._thermal.chips_of(rack) for rack in self._cooled([loop])}
            self._publish(loop, "pumps", (supply, density, heat), _until_first(alone, kinds, self._thermal))
        primaries = {cdu.primary for cdu in self._site.cdus.values() if cdu.secondary == loop.id}
        if len(primaries) == 1 and (primary := primaries.pop()) is not None:
            total, together = self._sharing(primary)
            self._publish(
                loop, "heat_rejection", (supply, supply, total), _until_limit(together, limit_c, self._thermal)
            )

    def _sharing(self, primary: str) -> tuple[int, _Warming]:
        """All loops that share facility water warm up together: slot of their heat with that of air units on it, and what warms."""
        found = self._shared.get(primary)
        if found is None:
            sharing = sorted({cdu.secondary for cdu in self._site.cdus.values() if cdu.primary == primary})
            air = [each.id for each in self._site.air_units.values() if each.primary == primary]
            # Few air units say how much heat they take; of those that never have, there is nothing to count.
            taken = [self._planner.reading(each, _AIR_HEAT) for each in air if self._planner.has(each, _AIR_HEAT)]
            total = self._planner.total([*(self._coming[each] for each in sharing), *taken])
            loops = [self._site.loops[primary], *(self._site.loops[each] for each in sharing)]
            found = self._shared[primary] = total, self._warming(loops)
        return found

    def _publish(self, loop: Loop, failure: str, needs: Sequence[int], seconds: Compute) -> None:
        slot = self._planner.step(needs, seconds)
        self._planner.publish("dcim_loop_ride_through_seconds", slot, ("loop", loop.id), ("failure", failure))

    def _warmest(self, metric: str, loop: Loop) -> int:
        slots = [self._planner.reading(cdu, metric, loop="secondary") for cdu in self._cdus[loop.id]]
        return slots[0] if len(slots) == 1 else self._planner.step(slots, max)

    def _cooled(self, loops: Sequence[Loop]) -> list[Rack]:
        return [rack for loop in loops for each in loop.racks if (rack := self._site.racks[each]).liquid_share]

    def _warming(self, loops: Sequence[Loop]) -> _Warming:
        watts = {rack.id: rack.design_power_w * rack.liquid_share for rack in self._cooled(loops)}
        stored = sum(self._thermal.chips_of(rack).capacity_s_per_k * watts[rack.id] for rack in self._cooled(loops))
        volumes: dict[str, float] = {}
        for loop in loops:
            volumes[loop.coolant] = volumes.get(loop.coolant, 0.0) + loop.volume_m3
        return _Warming(volumes, sum(watts.values()), stored)

    def _with_pumps(self, loop: Loop, heat: int) -> int:
        """Heat that the coolant is about to get, W: what CDUs measure lags behind a load that has just risen."""
        planner = self._planner
        liquid = [
            planner.step((self._racks[rack].total,), lambda watts, of=self._site.racks[rack].liquid_share: watts * of)
            for rack in loop.racks
            if self._site.racks[rack].liquid_share
        ]
        if liquid:
            known = planner.step((heat,), lambda now, there: max(now, sum(there)), optional=liquid, min_share=0.0)
            heat = planner.first(known, heat)
        pumps = [planner.reading(cdu, _POWER) for cdu in self._cdus[loop.id] if planner.has(cdu, _POWER)]
        return planner.first(planner.total([heat, *pumps]), heat) if pumps else heat

    def _density(self, loop: Loop, heat: int, design_w: float) -> int:
        """Of design power, what the rack with the highest share of it takes; not less than what the coolant brings."""
        planner = self._planner
        used = [
            planner.step((self._racks[rack].total,), lambda watts, of=self._site.racks[rack].design_power_w: watts / of)
            for rack in loop.racks
            if self._site.racks[rack].liquid_share
        ]
        mean = planner.step((heat,), lambda heat_w: heat_w / design_w)
        return planner.first(
            planner.step((mean,), lambda now, there: max(now, *there), optional=used, min_share=0.0), mean
        )


def _capacity(warming: _Warming, celsius: float) -> float | None:
    """Of coolant and chips, J/K; None where the coolant's properties are not known."""
    found = [(volumetric_heat_capacity(coolant, celsius), volume) for coolant, volume in warming.volumes.items()]
    known = [each * volume for each, volume in found if each is not None]
    return sum(known) + warming.chips_j_per_k if len(known) == len(found) else None


def _until_limit(warming: _Warming, limit_c: float, thermal: Thermal) -> Compute:
    """T = (T_limit - T_supply - (T_return - T_supply) * (1 - s)^2) * C / Q.

    Once the exchanger takes nothing, warm coolant comes round to the supply: its part 1 - s of the volume is that much
    nearer to the limit, and goes on being warmer by s times that, as long as everything rises alike.
    """
    warm = (1 - thermal.supply_volume_ratio) ** 2

    def seconds(supply_c: float, return_c: float, heat_w: float) -> Result:
        if heat_w < LEAST_HEAT_W:
            return Unknown(f"less than {LEAST_HEAT_W:g} W of heat")
        capacity = _capacity(warming, (supply_c + limit_c) / 2)
        if capacity is None:
            return Unknown("a temperature is outside of what the coolant's properties are known for")
        left_k = limit_c - supply_c - max(return_c - supply_c, 0.0) * warm
        return min(max(left_k, 0.0) * capacity / heat_w, LONGEST_S)

    return seconds


def _until_first(warming: _Warming, kinds: Collection[Chips], thermal: Thermal) -> Compute:
    """Of several kinds of chips the first at its limit, at the density of the rack that takes most of its design power."""
    each_until = [_until_chip(warming, chips, thermal.chip_standing_ratio) for chips in kinds]

    def seconds(supply_c: float, density: float, heat_w: float) -> Result:
        if heat_w < LEAST_HEAT_W:
            return Unknown(f"less than {LEAST_HEAT_W:g} W of heat")
        found = [until(supply_c, density) for until in each_until]
        known = [each for each in found if each is not None]
        if len(known) < len(found):
            return Unknown("a temperature is outside of what the coolant's properties are known for")
        return min(known)

    return seconds


def _until_chip(warming: _Warming, chips: Chips, standing: float) -> Callable[[float, float], float | None]:
    """T = (T_limit - T_chip) * c / q with T_chip = T_supply + rise * q; q and c are by design power.

    With the part `standing` of its cooling left, a chip that is u warmer than it was loses standing / rise * u.
    """
    loss = standing / chips.rise_k if chips.rise_k else 0.0
    own = chips.capacity_s_per_k

    def seconds(supply_c: float, density: float) -> float | None:
        left_k = max(chips.limit_c - supply_c - chips.rise_k * density, 0.0)
        if not loss:
            return min(left_k * own / density, LONGEST_S)
        # What the chips lose their coolant gains: together they cannot last longer than this.
        capacity = _capacity(warming, supply_c)
        if capacity is None:
            return None
        at_most = left_k * capacity / (density * warming.design_w)
        spent = loss * left_k / density
        alone = -math.log(1 - spent) * own / loss if spent < 1 else LONGEST_S
        return min(alone, at_most, LONGEST_S)

    return seconds
