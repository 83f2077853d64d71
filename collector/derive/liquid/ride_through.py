"""Estimates how long a liquid loop lasts when its pumps, its facility water or all heat rejection stops.

Heat capacities are lumped: the coolant of a loop is one body, the chips of a kind are another. A time that is too long is the dangerous
error, so parts whose heat capacity is not known are assumed to store nothing. Against 84 simulated failures the median error is 3 to 9 %
and none is more than 13 % too long (docs/explanation/truth.md). It is an estimate for people, not a protection: interlocks belong in the
CDU.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from collector.derive.engine import Compute, Planner, Result, Unknown, ratio
from collector.derive.liquid.metrics import RETURN, SUPPLY, heats_of_air_units
from collector.derive.power import RackPower
from rackflow.fluids import volumetric_heat_capacity
from rackflow.physics import LEAST_HEAT_W
from rackflow.site import Loop, Rack, Site
from rackflow.site.cooling import Failure

# "A day or more": after a day the load and the weather will have changed, and a low load would give years.
LONGEST_S = 86_400.0
# Used if neither the configuration nor the site file gives a limit: the warmest water of ASHRAE's class W45, for liquid cooling
# without chillers.
SUPPLY_LIMIT_C = 45.0
_POWER = "dcim_cdu_power_watts"


@dataclass(frozen=True, slots=True)
class Chips:
    """Chips of one kind. The defaults apply if neither the configuration nor the site file gives a limit."""

    # About where accelerators throttle; a chosen value. At full load with still coolant of 30 degC, the three values here give 18 s.
    # Published tests saw direct-to-chip systems shut down in less than a minute (ASME InterPACK 2017, V001T02A008).
    limit_c: float = 90.0
    # Above the supply temperature at design power: a cold plate of 0.015 K/W under a chip of 1 kW. A chosen value.
    rise_k: float = 15.0
    # J/K for each W of design power, which is the same as seconds per kelvin. A kilowatt of accelerator with 0.5 kg of copper (385 J/kg K)
    # and 50 mL of coolant in its cold plate (4 J/mL K) stores 393 J/K.
    capacity_s_per_k: float = 0.393


@dataclass(frozen=True, slots=True)
class Thermal:
    """Limits and capacities that apply to all loops and racks; they take precedence over what the site file says of each."""

    supply_limit_celsius: float | None = None
    chip_limit_celsius: float | None = None
    chip_rise_kelvin: float | None = None
    chip_heat_capacity_seconds_per_kelvin: float | None = None
    chip_standing_ratio: float = 0.0
    """Share of the chips' heat that standing coolant still takes up. 0 errs on the safe side: a higher value needs a test on site."""
    supply_volume_ratio: float = 0.0
    """Share of a secondary loop's coolant that is as cold as the supply: in CDUs and pipes to the racks. 0, all warm, is the safe side."""

    def supply_limit_of(self, loop: Loop) -> float:
        """Highest supply temperature of a loop, degC."""
        return _given(self.supply_limit_celsius, loop.max_supply_celsius, SUPPLY_LIMIT_C)

    def chips_of(self, rack: Rack) -> Chips:
        """Limits of a rack's chips."""
        usual = Chips()
        own = rack.chip_heat_capacity_seconds_per_kelvin
        return Chips(
            _given(self.chip_limit_celsius, rack.chip_limit_celsius, usual.limit_c),
            _given(self.chip_rise_kelvin, rack.chip_rise_kelvin, usual.rise_k),
            _given(self.chip_heat_capacity_seconds_per_kelvin, own, usual.capacity_s_per_k),
        )


def _given(override: float | None, own: float | None, usual: float) -> float:
    """The configured value, else the site file's, else the usual one."""
    found = own if override is None else override
    return usual if found is None else found


@dataclass(frozen=True, slots=True)
class _ThermalMass:
    """What warms up together when loops lose their cooling."""

    volumes: Mapping[str, float]
    """m3 of each coolant: facility water and the racks' coolant differ in heat capacity."""
    design_w: float
    """Design power of the racks that goes into the liquid, W."""
    chips_j_per_k: float


class RideThrough:
    """Plans the figures of a site's loops. `heats` are the slots of each loop's heat, W.

    Loops that share facility water share one slot for its total: with hundreds of loops on one primary, a sum for each would make the
    plan quadratic.
    """

    def __init__(
        self, planner: Planner, site: Site, racks: Mapping[str, RackPower], heats: Mapping[str, int], thermal: Thermal
    ) -> None:
        self._planner = planner
        self._site = site
        self._racks = racks
        self._thermal = thermal
        self._cdus = {loop: [cdu.id for cdu in site.cdus.values() if cdu.secondary == loop] for loop in heats}
        self._heats = heats
        self._shared: dict[frozenset[str], tuple[int, _ThermalMass]] = {}
        self._expected_heat = {loop: self._expected_heat_of(site.loops[loop], heat) for loop, heat in heats.items()}

    def plan(self, loop: Loop) -> None:
        """Publish how long a loop lasts in each of the three failures that apply to it."""
        limit_c = self._thermal.supply_limit_of(loop)
        supply, back = self._warmest(SUPPLY, loop), self._warmest(RETURN, loop)
        heat, expected = self._heats[loop.id], self._expected_heat[loop.id]
        alone = self._mass_of([loop])
        self._publish(loop, "primary_flow", (supply, back, expected), _until_limit(alone, limit_c, self._thermal))
        if alone.design_w:
            load_share = self._load_share(loop, heat, alone.design_w)
            kinds = {self._thermal.chips_of(rack) for rack in self._cooled([loop])}
            self._publish(loop, "pumps", (supply, load_share, heat), _until_first(alone, kinds, self._thermal))
        behind = {frozenset(cdu.primaries) for cdu in self._site.cdus.values() if cdu.secondary == loop.id}
        if len(behind) == 1 and (primaries := behind.pop()):
            # The supply temperature is used as the return, too: the exchangers still work, so no warm coolant reaches the supply, and
            # everything warms up together.
            total, together = self._sharing(primaries)
            self._publish(
                loop, "heat_rejection", (supply, supply, total), _until_limit(together, limit_c, self._thermal)
            )

    def _sharing(self, primaries: frozenset[str]) -> tuple[int, _ThermalMass]:
        """Slot of all heat that goes into a primary loop, and everything that warms up with it.

        CDUs on two primary loops take water from one, or from both in parts that are not known: all heat of both, into the coolant of
        the smaller one, errs on the safe side.
        """
        found = self._shared.get(primaries)
        if found is None:
            site = self._site
            sharing = sorted({cdu.secondary for cdu in site.cdus.values() if not primaries.isdisjoint(cdu.primaries)})
            taken = heats_of_air_units(self._planner, site, primaries)
            total = self._planner.total([*(self._expected_heat[each] for each in sharing), *taken])
            smallest = min((site.loops[each] for each in primaries), key=lambda each: each.volume_m3)
            loops = [smallest, *(site.loops[each] for each in sharing)]
            found = self._shared[primaries] = total, self._mass_of(loops)
        return found

    def _publish(self, loop: Loop, failure: Failure, required: Sequence[int], seconds: Compute) -> None:
        slot = self._planner.step(required, seconds)
        labels = (("loop", loop.id), ("failure", failure))
        self._planner.publish("dcim_loop_ride_through_seconds", slot, *labels)
        needed_s = self._needed_s(loop, failure)
        if needed_s is not None:
            margin = self._planner.step((slot,), lambda left_s, of=needed_s: left_s - of)
            self._planner.publish("dcim_loop_ride_through_margin_seconds", margin, *labels)

    def _needed_s(self, loop: Loop, failure: Failure) -> float | None:
        """How long the loop must last: as the site file says. Without that, until a generator carries the heat rejection again.

        Pumps of loops and of facility water are usually on UPSs, and a pump that fails by itself does not come back with the generator: for
        failures of pumps there is no usual value.
        """
        stated = loop.min_ride_through_s.get(failure)
        if stated is not None or failure != "heat_rejection":
            return stated
        return max((feed.backup_start_s for feed in self._site.feeds.values() if feed.backup_start_s), default=None)

    def _warmest(self, metric: str, loop: Loop) -> int:
        slots = [self._planner.reading(cdu, metric, loop="secondary") for cdu in self._cdus[loop.id]]
        return slots[0] if len(slots) == 1 else self._planner.step(slots, max)

    def _cooled(self, loops: Sequence[Loop]) -> list[Rack]:
        return [rack for loop in loops for each in loop.racks if (rack := self._site.racks[each]).liquid_share]

    def _mass_of(self, loops: Sequence[Loop]) -> _ThermalMass:
        watts = {rack.id: rack.design_power_w * rack.liquid_share for rack in self._cooled(loops)}
        stored = sum(self._thermal.chips_of(rack).capacity_s_per_k * watts[rack.id] for rack in self._cooled(loops))
        volumes: dict[str, float] = {}
        for loop in loops:
            volumes[loop.coolant] = volumes.get(loop.coolant, 0.0) + loop.volume_m3
        return _ThermalMass(volumes, sum(watts.values()), stored)

    def _expected_heat_of(self, loop: Loop, heat: int) -> int:
        """Slot of the heat that the coolant is about to get, W, with that of the pumps.

        It is the larger of the heat that CDUs measure and the racks' liquid share of power. After a load rises, the measured heat lags by
        the time that coolant takes to come round, and the time left would be too long by as much. After a load falls, the result is too
        short, which is the safe side. Racks whose power is not known are left out instead of making the figure unknown.
        """
        planner = self._planner
        liquid = [
            planner.step((self._racks[rack].total,), lambda watts, of=self._site.racks[rack].liquid_share: watts * of)
            for rack in loop.racks
            if self._site.racks[rack].liquid_share
        ]
        if liquid:
            known = planner.step((heat,), lambda now, racks_w: max(now, sum(racks_w)), optional=liquid, min_share=0.0)
            heat = planner.first(known, heat)
        pumps = [planner.reading(cdu, _POWER) for cdu in self._cdus[loop.id] if planner.has(cdu, _POWER)]
        return planner.first(planner.total([heat, *pumps]), heat) if pumps else heat

    def _load_share(self, loop: Loop, heat: int, design_w: float) -> int:
        """Slot of the highest share of design power of any rack, at least the loop's mean: that rack's chips reach their limit first."""
        planner = self._planner
        used = [
            planner.step(
                (self._racks[rack].total,), lambda watts, of=self._site.racks[rack].design_power_w: ratio(watts, of)
            )
            for rack in loop.racks
            if self._site.racks[rack].liquid_share
        ]
        mean = planner.step((heat,), lambda heat_w: ratio(heat_w, design_w))
        return planner.first(
            planner.step((mean,), lambda mean_share, shares: max(mean_share, *shares), optional=used, min_share=0.0),
            mean,
        )


def _capacity(mass: _ThermalMass, celsius: float) -> float | None:
    """Heat capacity of coolant and chips at a temperature, J/K; None outside of the range in which the coolant's properties are known."""
    found = [(volumetric_heat_capacity(coolant, celsius), volume) for coolant, volume in mass.volumes.items()]
    known = [each * volume for each, volume in found if each is not None]
    return sum(known) + mass.chips_j_per_k if len(known) == len(found) else None


def _until_limit(mass: _ThermalMass, limit_c: float, thermal: Thermal) -> Compute:
    """Seconds until the supply is at its limit while the pumps run: (T_limit - T_supply - (T_return - T_supply) (1 - s)^2) C / Q.

    Once the exchanger takes no heat, warm coolant comes round to the supply: the share 1 - s of the volume is nearer to the limit by
    the rise over the racks, and stays warmer than the rest by s times that while everything rises alike. A plain (T_limit - T_mean) C / Q
    was too long, because the supply reaches the limit before the mean does. Properties are taken half way to the limit.
    """
    warm = (1 - thermal.supply_volume_ratio) ** 2

    def seconds(supply_c: float, return_c: float, heat_w: float) -> Result:
        if heat_w < LEAST_HEAT_W:
            return Unknown(f"less than {LEAST_HEAT_W:g} W of heat")
        capacity = _capacity(mass, (supply_c + limit_c) / 2)
        if capacity is None:
            return Unknown("a temperature is outside of what the coolant's properties are known for")
        left_k = limit_c - supply_c - max(return_c - supply_c, 0.0) * warm
        return min(max(left_k, 0.0) * capacity / heat_w, LONGEST_S)

    return seconds


def _until_first(mass: _ThermalMass, kinds: Collection[Chips], thermal: Thermal) -> Compute:
    """Seconds until the first of several kinds of chips is at its limit, in the rack that takes the highest share of its design power."""
    each_until = [_until_chip(mass, chips, thermal.chip_standing_ratio) for chips in kinds]

    def seconds(supply_c: float, load_share: float, heat_w: float) -> Result:
        if heat_w < LEAST_HEAT_W:
            return Unknown(f"less than {LEAST_HEAT_W:g} W of heat")
        found = [until(supply_c, load_share) for until in each_until]
        known = [each for each in found if each is not None]
        if len(known) < len(found):
            return Unknown("a temperature is outside of what the coolant's properties are known for")
        return min(known)

    return seconds


def _until_chip(mass: _ThermalMass, chips: Chips, standing: float) -> Callable[[float, float], float | None]:
    """Seconds until chips are at their limit in coolant that stands: (T_limit - T_chip) c / q with T_chip = T_supply + rise q.

    q (`load_share`) and c are by W of design power. With the share `standing` of its cooling left, a chip that is u kelvin warmer than
    before loses standing / rise * u, which makes the rise exponential; it settles below the limit if the loss reaches q before.
    """
    loss = standing / chips.rise_k if chips.rise_k else 0.0
    own = chips.capacity_s_per_k

    def seconds(supply_c: float, load_share: float) -> float | None:
        left_k = max(chips.limit_c - supply_c - chips.rise_k * load_share, 0.0)
        if load_share <= 0:  # no load, no limit
            return LONGEST_S
        if not loss:
            return min(left_k * own / load_share, LONGEST_S)
        # The coolant gains the heat that the chips lose, so the time is bounded by the heat capacity of both together.
        capacity = _capacity(mass, supply_c)
        if capacity is None:
            return None
        at_most = left_k * capacity / (load_share * mass.design_w)
        spent = loss * left_k / load_share
        alone = -math.log(1 - spent) * own / loss if spent < 1 else LONGEST_S
        return min(alone, at_most, LONGEST_S)

    return seconds
