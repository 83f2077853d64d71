"""The power through each meter, according to what its section of the site file says it measures.

Kept apart from `World` behind a protocol, so that meters need not know the world and the world can count their energy.
"""

import math
from collections.abc import Mapping
from typing import Final, Protocol

from rackflow.site import Meter, Site
from simulator.world.load import DAY_S
from simulator.world.loop import SecondaryLoop
from simulator.world.network import Network
from simulator.world.plant import PrimaryLoop
from simulator.world.supply import three_zeros

# Peak power of a contracted photovoltaic plant over the racks' design power; a chosen value. The plant is somewhere else in the
# grid, so that its energy is not part of the site's balance.
PV_SHARE: Final = 0.08


class Metered(Protocol):
    """Everything that can be metered: the power network, and the loops that take power of their own."""

    @property
    def site(self) -> Site: ...
    @property
    def time_s(self) -> float: ...
    @property
    def network(self) -> Network: ...
    @property
    def primaries(self) -> Mapping[str, PrimaryLoop]: ...
    @property
    def loops(self) -> Mapping[str, SecondaryLoop]: ...


def meter_w(world: Metered, meter: str) -> list[float]:
    """Power through a meter on each of the three phases, W."""
    section = world.site.meters[meter]
    if section.role == "pv":
        return _even(_pv_w(world))
    if section.role == "generator" and not section.measures:
        return _even(sum(each.power_w for each in world.network.generators.values()))
    # A facility meter that names nothing measures the whole site. The outdoor plants hang directly on the mains, because site
    # files do not say which panel supplies them.
    if section.role == "facility" and not section.measures:
        parts = _whole(world, section)
    else:
        parts = [_through(world, name, into=section.role in {"ups_in", "facility"}) for name in section.measures]
    # 0.0 and not 0 where there are no parts: readings are floats.
    return [sum((part[phase] for part in parts), 0.0) for phase in range(3)]


def _whole(world: Metered, section: Meter) -> list[list[float]]:
    """What a meter of the whole site sees, or one of its incomers: that of its own feed where there is one incomer for each.

    What generators carry does not come through the mains' meter; and what a roof gives behind it, it need not take in.
    """
    own = incomer_feed(world, section)
    on_mains = [feed for feed in world.network.feeds.values() if not (feed.generators and feed.on_generator)]
    roofs = [each for each in world.site.meters_of("pv") if each.behind is not None]
    if own is not None:
        live = [feed for feed in on_mains if feed.mains]
        mine = next((feed for feed in live if feed.id == own), None)
        if mine is None:
            return []
        # The outdoor plant takes what it needs from the incomers that are live.
        plant = [_even(primary.power_w / len(live)) for primary in world.primaries.values()]
        return [mine.power_w, *plant, *(_even(-_pv_w(world)) for each in roofs if each.behind == section.id)]
    if not on_mains:
        return []
    incomers = sum(each.incomer for each in world.site.meters_of("facility")) if section.incomer else 1
    parts = [feed.power_w for feed in on_mains] + [_even(primary.power_w) for primary in world.primaries.values()]
    parts += [_even(-_pv_w(world)) for _ in roofs]
    return [[watts / incomers for watts in part] for part in parts]


def incomer_feed(world: Metered, section: Meter) -> str | None:
    """The feed behind an incomer, in the order of the file, where the site has as many incomers as feeds; None otherwise."""
    incomers = [each.id for each in world.site.meters_of("facility") if each.incomer]
    feeds = list(world.site.feeds)
    return feeds[incomers.index(section.id)] if section.incomer and len(incomers) == len(feeds) else None


def _pv_w(world: Metered) -> float:
    design = sum(rack.design_power_w for rack in world.site.racks.values())
    sun = max(0.0, math.sin(2 * math.pi * (world.time_s / DAY_S - 0.25)))
    return PV_SHARE * design * sun


def _even(watts: float) -> list[float]:
    return [watts / 3] * 3


def _through(world: Metered, name: str, *, into: bool) -> list[float]:
    network = world.network
    if name in network.ups:
        return network.ups[name].input_w if into else network.ups[name].output_w
    if name in network.feeds or name in network.panels or name in network.switches:
        return (network.feeds.get(name) or network.panels.get(name) or network.switches[name]).power_w
    if name in network.pdus:
        power = three_zeros()
        for phase, watts in zip(network.pdus[name].phases, network.pdus[name].power_w, strict=True):
            power[phase] += watts
        return power
    return _even(_unit_w(world, name))


def _unit_w(world: Metered, name: str) -> float:
    """Power of what takes or gives the same on each phase, W."""
    network = world.network
    if name in network.consumers:
        return network.consumers[name].power_w if network.consumers[name].live else 0.0
    if name in world.loops:
        return sum(cdu.power_w for cdu in world.loops[name].cdus)
    if name in network.racks:
        return network.racks[name].supplied_w
    if name in world.primaries:
        return world.primaries[name].power_w
    if name in network.generators:
        return network.generators[name].power_w
    loops = world.primaries.values()
    plant = sum(each.units[name].power_w for each in loops if name in each.units)
    return plant + sum(each.pumps[name].power_w for each in loops if name in each.pumps)
