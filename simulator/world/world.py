"""The whole site, step by step: loads, power, liquid, air, heat rejection, and the account of energy.

The order within a step matters: power decides which pumps run, pumps decide the flow, flow decides where heat goes.
"""

import copy
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final

from rackflow.process.slices import run_through
from rackflow.site import Rack, Site
from simulator.world.air import RISE_K, Air
from simulator.world.cdu import Cdu
from simulator.world.load import DAY_S, Load, SteadyLoad, TrainingLoad
from simulator.world.loop import Plates, SecondaryLoop
from simulator.world.metering import meter_w
from simulator.world.network import Network, build_network
from simulator.world.plant import CHILLER_POWER_RATIO, DRY_COOLER_POWER_RATIO, PlantUnit, PrimaryLoop, PumpUnit

# Longest step. Instruments are polled every few seconds and load steps take two, so a second resolves both. A campus of 512 racks
# takes a sixth of a core at this step (docs/reference/simulator.md); half the step would take twice as much.
STEP_S: Final = 1.0
# Chosen values, typical of the field.
# Capacity of the outdoor plant over the rated cooling of the units that it serves.
SPARE_PLANT: Final = 1.25
# Part of a loop's coolant that is in the CDUs and the supply pipes; the rest is in racks and return pipes.
COLD_SHARE: Final = 0.3
# Rise of chilled water through an air unit, and the minimum fraction of its flow that the unit's valve lets through.
UNIT_WATER_RISE_K: Final = 6.0
MIN_WATER_FLOW_RATIO: Final = 0.2
# A CDU without primary loop rejects its heat to the room by air. Its fans move half as much again as the rated heat needs at
# RISE_K.
HEAT_EXCHANGER_AIR_RESERVE: Final = 1.5
# Air around a CDU for which the site file gives no room.
DEFAULT_ROOM_C: Final = 25.0
# By how much the other primary loop must be colder before a CDU changes over to it. A chosen value: well above what two plants of one
# kind differ by, and reached within a minute or two of one failing.
CHANGEOVER_K: Final = 6.0
# Losses of UPSs at full load that their room's air must be sized for, over rated power; the sum of `ups.py`'s three.
UPS_HEAT_SHARE: Final = 0.04
# A room's air needs some design heat: its heat capacity follows from it, and a room without racks and UPSs would have none.
MIN_ROOM_DESIGN_W: Final = 1000.0
# Place of devices for which the site file gives no room. Their heat goes outdoors at once.
ELSEWHERE: Final = "(elsewhere)"


@dataclass(slots=True)
class EnergyBalance:
    """Energy since the start, J. The energy taken equals the energy rejected plus the energy stored, except for rounding."""

    taken_j: float = 0.0
    """Energy from the feeds, and of the outdoor plants."""
    equipment_j: float = 0.0
    rejected_j: float = 0.0
    """Heat that has left the site."""


class World:
    """One site. The same site file, seed, steps and faults give the same values."""

    def __init__(self, site: Site, seed: int = 0, day_s: float = DAY_S) -> None:
        """`day_s` is how long a day of the racks' load takes, s; nothing else runs faster in a shorter one."""
        self.site = site
        self.seed = seed
        self.time_s = 0.0
        self.steps = 0
        self.network: Network = build_network(site, seed)
        self.loads: dict[str, Load] = {rack: _load(site, rack, seed, day_s) for rack in site.racks}
        self.load_factor: dict[str, float] = dict.fromkeys(site.racks, 1.0)
        self.loops = _secondary_loops(site)
        self.loop_of = {rack: loop for loop in self.loops.values() for rack in loop.plates}
        self.cdus: dict[str, Cdu] = {cdu.section.id: cdu for loop in self.loops.values() for cdu in loop.cdus}
        self.primaries = _primary_loops(site)
        self.airs = {room: _air(site, room) for room in site.rooms}
        self.rack_room = {rack: site.rows[each.row].room for rack, each in site.racks.items()}
        self.room_of = {name: site.place(name).get("room", ELSEWHERE) for name in site.devices}
        self._conductance = {name: cdu.design_conductance for name, cdu in self.cdus.items()}
        self.meters_j = dict.fromkeys(site.meters, 0.0)
        """Energy that came in through each meter."""
        self.meters_exported_j = dict.fromkeys(site.meters, 0.0)
        self.energy = EnergyBalance()
        # One step, so that voltages, flows and readings exist before the first read.
        self.advance(STEP_S)

    def copy(self) -> "World":
        """An independent copy. Only the site is shared, because it never changes."""
        return copy.deepcopy(self, {id(self.site): self.site})

    def advance(self, dt_s: float) -> None:
        """Let time pass, in steps of at most STEP_S."""
        run_through(self.advance_steps(dt_s))

    def advance_steps(self, dt_s: float) -> Generator[None, None, None]:
        """See `advance`. Yields within steps, too, where voltages and currents belong together; heat follows them a moment later."""
        while dt_s > 1e-9:  # noqa: PLR2004 - a remainder from rounding
            step = min(dt_s, STEP_S)
            yield from self._step(step)
            dt_s -= step

    def _step(self, dt_s: float) -> Generator[None, None, None]:
        self.time_s += dt_s
        self.steps += 1
        network = self.network
        demand_w = {rack: self._demand_w(rack) for rack in self.loads}
        yield
        # 1. Voltages decide which consumers run.
        network.energise(self.time_s, dt_s)
        live = {name: consumer.live for name, consumer in network.consumers.items()}
        for loop in self.loops.values():
            loop.circulate(live, dt_s)
        # 2. Loads, which need the pumps' power of this step and the air units' of the last one. The lag of one step is the
        # price for not solving power and air together; the energy account uses the same values and so still closes.
        for name, consumer in network.consumers.items():
            consumer.power_w = self._unit_power_w(name)
        network.carry(demand_w, dt_s)
        yield
        # 3. Heat, from the power that each part really took: into liquid, into the rooms, and outdoors.
        heat = self._cool_liquid(dt_s)
        yield
        self._add_losses(heat)
        for room, air in self.airs.items():
            air.advance(heat.get(room, 0.0), self.time_s, dt_s, live)
        yield
        self._cool_primary(dt_s)
        self._account(heat.get(ELSEWHERE, 0.0), dt_s)
        yield

    def _demand_w(self, rack: str) -> float:
        loop = self.loop_of.get(rack)
        throttle = loop.plates[rack].throttle if loop else 1.0
        return self.loads[rack].watts(self.time_s) * self.load_factor[rack] * throttle

    def _unit_power_w(self, name: str) -> float:
        if name in self.cdus:
            return self.cdus[name].power_w
        air = self.airs.get(self.room_of[name])
        return air.unit_power_w(self.site.air_units[name]) if air else 0.0

    def _cool_liquid(self, dt_s: float) -> defaultdict[str, float]:
        """Move the racks' liquid share into their loops; returns the heat that goes into the air of each room, W."""
        heat: defaultdict[str, float] = defaultdict(float)
        liquid: dict[str, float] = {}
        for rack, supply in self.network.racks.items():
            share = self.site.racks[rack].liquid_share if rack in self.loop_of else 0.0
            liquid[rack] = supply.supplied_w * share
            room = self.rack_room[rack]
            heat[room] += supply.supplied_w * (1 - share)
        for loop in self.loops.values():
            for cdu in loop.cdus:
                name = cdu.section.id
                room = self.room_of[name]
                if cdu.section.primaries:
                    source = self._choose_primary(cdu)
                    cdu.exchange(loop.return_c, source.supply_c, source.capacity, self._conductance[name])
                else:
                    cold_c = self.airs[room].cold_c if room in self.airs else DEFAULT_ROOM_C
                    # `exchange` multiplies a heat capacity by the volume flow through the water valve. With this capacity the product
                    # is that of the air stream of a rated unit.
                    air = HEAT_EXCHANGER_AIR_RESERVE * cdu.section.rated_cooling_w / RISE_K / cdu.design_primary_flow
                    heat[room] += cdu.exchange(loop.return_c, cold_c, air, self._conductance[name])
                if self.network.consumers[name].live:
                    heat[room] = heat[room] + cdu.power_w - cdu.shaft_w
            loop.warm(liquid, dt_s)
        return heat

    def _choose_primary(self, cdu: Cdu) -> PrimaryLoop:
        """The primary loop that a CDU takes water from in this step. Changes it over to its other one if that is much colder."""
        supply_c = {name: self.primaries[name].supply_c for name in cdu.section.primaries}
        coldest = min(supply_c, key=supply_c.__getitem__)
        if supply_c[cdu.primary] - supply_c[coldest] > CHANGEOVER_K:
            cdu.primary = coldest
        return self.primaries[cdu.primary]

    def _add_losses(self, heat: defaultdict[str, float]) -> None:
        """Add what UPSs, panels, PDUs and cables lose to the air of their rooms."""
        losses = {
            name: sum(ups.input_w) - sum(ups.output_w) - ups.battery.power_w for name, ups in self.network.ups.items()
        }
        losses |= {name: panel.loss_w for name, panel in self.network.panels.items()}
        for name, watts in losses.items():
            room = self.room_of[name]
            heat[room] += watts
        for room, watts in self._pdu_losses_w().items():
            heat[room] += watts

    def _pdu_losses_w(self) -> dict[str, float]:
        """Heat of the rack PDUs and their cables by room: what goes in, less what racks and cooling units take out.

        A PDU knows only the sum of its outlets, and a rack or unit on two PDUs only the sum of both. So the difference is formed for a
        room as a whole; racks and cooling units give off their own heat where they stand (`_cool_liquid`, `_account`).
        """
        found: dict[str, float] = dict.fromkeys(self.rack_room.values(), 0.0)
        for pdu in self.network.pdus.values():
            found[self.rack_room[pdu.section.rack]] += pdu.cable_loss_w + sum(pdu.power_w)
        for rack, supply in self.network.racks.items():
            found[self.rack_room[rack]] -= supply.supplied_w
        for name, consumer in self.network.consumers.items():
            sources = [each for each in self.site.sources(name) if self.network.is_live(each)]
            for source in sources:
                if source in self.network.pdus:
                    room = self.rack_room[self.network.pdus[source].section.rack]
                    found[room] -= consumer.power_w / len(sources)
        return found

    def _cool_primary(self, dt_s: float) -> None:
        live = any(max(feed.volts) > 0 for feed in self.network.feeds.values())
        for name, primary in self.primaries.items():
            for unit_name, plant in primary.units.items():
                plant.live = self._has_power(unit_name)
            for pump_name, pump in primary.pumps.items():
                pump.live = self._has_power(pump_name)
            units = [(cdu.primary_flow, cdu.heat_w) for cdu in self.cdus.values() if cdu.primary == name]
            for air in self.airs.values():
                for unit in air.units:
                    removed = air.removed_w.get(unit.id, 0.0)
                    if unit.primary == name and removed > 0:
                        part = max(MIN_WATER_FLOW_RATIO, removed / unit.rated_cooling_w)
                        flow = unit.rated_cooling_w / (primary.capacity * UNIT_WATER_RISE_K) * part
                        units.append((flow, removed))
            primary.advance(units, dt_s, live=live)

    def _has_power(self, plant: str) -> bool:
        sources = self.site.sources(plant)
        return not sources or any(max(self.network.volts_of(each)) > 0 for each in sources)

    def _account(self, elsewhere_w: float, dt_s: float) -> None:
        energy, network = self.energy, self.network
        plant = sum(primary.power_w for primary in self.primaries.values())
        energy.taken_j += (sum(sum(feed.power_w) for feed in network.feeds.values()) + plant) * dt_s
        energy.equipment_j += sum(rack.supplied_w for rack in network.racks.values()) * dt_s
        rejected = plant + elsewhere_w + sum(primary.heat_w for primary in self.primaries.values())
        for name, unit in self.site.air_units.items():
            rejected += network.consumers[name].power_w if network.consumers[name].live else 0.0
            air = self.airs.get(self.room_of[name])
            rejected += air.removed_w.get(name, 0.0) if air and not unit.primary else 0.0
        rejected += sum(air.removed_w.get("", 0.0) for air in self.airs.values())
        energy.rejected_j += rejected * dt_s
        for name in self.meters_j:
            energy_j = sum(meter_w(self, name)) * dt_s
            self.meters_j[name] += max(energy_j, 0.0)
            self.meters_exported_j[name] += max(-energy_j, 0.0)

    @property
    def stored_j(self) -> float:
        """Energy in batteries, coolant, cold plates and air relative to the start, J."""
        liquid = sum(loop.stored_j for loop in self.loops.values())
        water = sum(primary.stored_j for primary in self.primaries.values())
        air = sum(each.stored_j for each in self.airs.values())
        return liquid + water + air + sum(ups.battery.stored_j for ups in self.network.ups.values())


def _load(site: Site, rack: str, seed: int, day_s: float) -> Load:
    section = site.racks[rack]
    if section.liquid_share > 0:
        return TrainingLoad(section.design_power_w, f"{seed}/{section.row}", f"{seed}/{rack}")
    return SteadyLoad(section.design_power_w, f"{seed}/{rack}", day_s)


def _secondary_loops(site: Site) -> dict[str, SecondaryLoop]:
    found = {}
    for loop in site.loops.values():
        if loop.kind == "secondary":
            sections = [cdu for cdu in site.cdus.values() if cdu.secondary == loop.id]
            volume = COLD_SHARE * loop.volume_m3 / len(sections)
            cdus = [Cdu(section, loop.coolant, volume) for section in sections]
            racks = [site.racks[rack] for rack in loop.racks]
            plates = {rack.id: _plates(rack) for rack in racks}
            found[loop.id] = SecondaryLoop(loop, cdus, plates)
    return found


def _plates(rack: Rack) -> Plates:
    plates = Plates(max(1.0, rack.design_power_w * rack.liquid_share))
    for name, given in (
        ("limit_c", rack.chip_limit_celsius),
        ("rise_k", rack.chip_rise_kelvin),
        ("j_per_k_w", rack.chip_heat_capacity_seconds_per_kelvin),
    ):
        if given is not None:
            setattr(plates, name, given)
    return plates


def _primary_loops(site: Site) -> dict[str, PrimaryLoop]:
    found = {}
    for loop in site.loops.values():
        if loop.kind == "primary":
            warm = [cdu.rated_cooling_w for cdu in site.cdus.values() if loop.id in cdu.primaries]
            cold = [unit.rated_cooling_w for unit in site.air_units.values() if unit.primary == loop.id]
            units = _plant_units(site, loop.id)
            # A loop of CDUs is warm although chillers may help its dry coolers on hot days.
            pumps = {each.id: PumpUnit() for each in site.facility_pumps.values() if each.loop == loop.id}
            # Without a number in the site file all but one are required, as its reference says.
            required = (loop.facility_pumps_required or max(len(pumps) - 1, 1)) if pumps else 0
            found[loop.id] = PrimaryLoop(
                loop,
                SPARE_PLANT * sum(warm + cold),
                chilled=not warm,
                units=units,
                pumps=pumps,
                pumps_required=required,
            )
    return found


def _plant_units(site: Site, loop: str) -> dict[str, PlantUnit]:
    chillers = [each for each in site.chillers.values() if each.loop == loop]
    coolers = [each for each in site.dry_coolers.values() if each.loop == loop]
    return {each.id: PlantUnit(each.rated_cooling_w, CHILLER_POWER_RATIO) for each in chillers} | {
        each.id: PlantUnit(each.rated_cooling_w, DRY_COOLER_POWER_RATIO) for each in coolers
    }


def _air(site: Site, room: str) -> Air:
    units = [unit for unit in site.air_units.values() if site.place(unit.id).get("room") == room]
    racks = [rack for rack in site.racks.values() if site.rows[rack.row].room == room]
    design = sum(rack.design_power_w * (1 - rack.liquid_share) for rack in racks)
    rated = sum(ups.rated_power_w for ups in site.ups.values() if site.place(ups.id).get("room") == room)
    return Air(room, units, max(MIN_ROOM_DESIGN_W, design + UPS_HEAT_SHARE * rated))
