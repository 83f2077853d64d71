"""Compares everything derived from simulated sites with the truth, at single moments and over hours."""

from collections.abc import Mapping
from typing import Any, Final

from rackflow.catalogue import PollClass
from rackflow.series import series_key
from rackflow.site import Site
from simulator.site.data_sheet import data_sheet
from simulator.site.maker import halls
from simulator.site.simulation import Simulation
from simulator.world.truth import add_figure
from simulator.world.world import World
from tests.truth.compare import TOLERANCES, Comparison
from tests.truth.harness import TruthSite, truth_site

HOUR_S: Final = 3600.0
KWH_J: Final = 3.6e6
SLOW: Final[Mapping[PollClass, float]] = {"safety": 60.0, "fast": 60.0, "normal": 60.0, "slow": 60.0}
"""For hours: counters lose nothing between two readings."""
BLOCK_S: Final = 300.0
_AGENTS: Final = tuple(
    f"dcim_{metric}" for metric in TOLERANCES if metric.startswith(("pdu_current", "ups_output", "meter", "env", "cdu"))
)


def row_of_racks() -> dict[str, Any]:
    """Four liquid-cooled racks of 132 kW with the infrastructure of a hall."""
    return halls("row", {"hall-1": [132_000] * 4})


def derived(site: TruthSite) -> dict[str, float | None]:
    """Figures derived by agent and collector that are current."""
    found = {key: each.value for key, each in site.known().items()}
    for device in site.simulation.fleet.devices:
        for key, value in site.readings(device).items():
            if key.startswith(_AGENTS) and isinstance(value, float):
                metric, _, labels = key.partition("{")
                found[f"{metric}{{device={device}{',' if labels else ''}{labels or '}'}"] = value
    return found


async def moments(name: str | Mapping[str, Any], number: int, apart_s: float, *, both_sides: bool) -> Comparison:
    """Compares normal polling, and moments at which everything is read at once, including the consequences of failures."""
    async with truth_site(name, both_sides=both_sides) as site:
        found = Comparison(site.simulation.world.site)
        await site.run(60.0)
        watching = [lambda now: found.add(now.truth(), derived(now), at_once=False)]
        for _ in range(number):
            site.each = watching
            await site.run(apart_s)
            site.each = []
            await site.hold()
            site.cycle()
            found.add(site.truth(what_if=True), derived(site), at_once=True)
        return found


async def hour(name: str | Mapping[str, Any], starts_h: int) -> Comparison:
    """A whole hour of energy, and the losses of UPSs in blocks of five minutes."""

    def at_its_time(simulation: Simulation) -> None:
        simulation.world.time_s = starts_h * HOUR_S - 700.0

    def sheet(site: Site) -> Mapping[str, object]:
        return data_sheet(site) | {"interval_s": 15.0}

    async with truth_site(name, derive=sheet, intervals=SLOW, warm_s=600.0, prepare=at_its_time) as site:
        world = site.simulation.world
        found, losses = Comparison(world.site), Losses(site)
        await site.run(starts_h * HOUR_S - site.now_s)
        before = _energy(world)
        site.each = [lambda _: losses.compare(found)]
        await site.run(HOUR_S)
        site.each = []
        used = {what: joules - before[what] for what, joules in _energy(world).items()}
        await site.run(2 * 60.0)
        site.cycle()
        found.add(_statement(world.site, used, starts_h), derived(site), at_once=True)
        return found


class Losses:
    """What UPSs have turned into heat in the last block, W, once each block has ended."""

    def __init__(self, site: TruthSite) -> None:
        self._site = site
        self._before: dict[str, float] = {}
        self._block = -1

    def compare(self, found: Comparison) -> None:
        """Called after each cycle."""
        if true := self._ended():
            found.add(true, derived(self._site), at_once=True)

    def _ended(self) -> dict[str, float]:
        """Losses by series key; empty except at the end of a block."""
        block = int(self._site.wall_s // BLOCK_S)
        if block == self._block:
            return {}
        joules = {name: ups.input_j - ups.output_j for name, ups in self._site.simulation.world.network.ups.items()}
        before, self._before = (
            self._before,
            joules if self._block >= 0 else {},
        )  # the first block began before we looked
        self._block = block
        found = {name: (joules[name] - before[name]) / BLOCK_S for name in before}
        return {series_key("dcim_ups_losses_watts", {"device": name}): watts for name, watts in found.items()}


def _energy(world: World) -> dict[str, float]:
    """Energy of the site, of IT by category 1, of contracts, and of each loop's racks and pumps, in J."""
    network = world.network
    found = {
        "facility": sum(feed.energy_j for feed in network.feeds.values())
        + sum(primary.energy_j for primary in world.primaries.values()),
        "it": sum(ups.output_j for ups in network.ups.values()),
    }
    for contract in world.site.contracts.values():
        if contract.meter:
            found[f"contract:{contract.id}"] = world.meters_j[contract.meter]
    for name, loop in world.loops.items():
        found[f"racks:{name}"] = sum(pdu.energy_j for rack in loop.plates for pdu, _ in network.racks[rack].pdus)
        found[f"pumps:{name}"] = sum(network.consumers[cdu.section.id].energy_j for cdu in loop.cdus)
    return found


def _statement(site: Site, used: Mapping[str, float], hour_of_day: int) -> dict[str, float]:
    """Figures that follow from the energy of one hour."""
    facility, found = used["facility"], dict[str, float]()
    green = sum(joules for what, joules in used.items() if what.startswith("contract:"))
    green += sum(each.hourly_w[hour_of_day] * HOUR_S for each in site.contracts.values() if each.hourly_w)
    add_figure(found, "site_interim_pue_ratio", facility / used["it"], window="hour")
    for name in site.loops:
        if racks := used.get(f"racks:{name}"):
            add_figure(
                found, "loop_interim_ppue_ratio", (racks + used[f"pumps:{name}"]) / racks, loop=name, window="hour"
            )
    grid = site.grid
    if grid is not None and grid.carbon_grams_per_kwh is not None:
        grams = facility / KWH_J * grid.carbon_grams_per_kwh
        contracted = min(green, facility)
        free = contracted + (facility - contracted) * (grid.carbon_free_ratio or 0.0)
        add_figure(found, "site_ref_ratio", min(1.0, green / facility), window="hour")
        add_figure(found, "site_cue_kilograms_per_kilowatt_hour", grams / 1000 / (used["it"] / KWH_J), window="hour")
        add_figure(found, "site_carbon_free_energy_ratio", free / facility, window="hour")
        add_figure(found, "carbon_emissions_grams_total", grams, scope_method="location")
    return found
