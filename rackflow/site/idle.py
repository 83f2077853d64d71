"""Finds UPSs and panels that supply nothing while rack PDUs hang directly on their feed: a path that a site file leaves out.

Such a file is valid, because a UPS may supply what is not in it. But if it is a mistake, the loads and the redundancy of these UPSs
are computed without the racks, and a loss of one of them seems to concern nobody.
"""

from collections.abc import Iterable, Mapping, Sequence

from rackflow.site.topology import Site


def idle_supplies(
    sources: Mapping[str, Sequence[str]], supplies: Iterable[str], loads: Iterable[str]
) -> dict[str, list[str]]:
    """The last UPSs, panels and switches of each feed that supply nothing, by feed; only of feeds on which loads hang directly.

    `sources` says what each entry hangs from; a feed hangs from nothing and is not in it. `supplies` are the UPSs, panels and switches
    among the entries, `loads` the rack PDUs and power shelves. There may be cycles, and sources that do not exist.
    """
    direct = {source for load in loads for source in sources.get(load, ()) if source not in sources}
    supplying_something = {source for found in sources.values() for source in found}
    idle: dict[str, list[str]] = {}
    for name in supplies:
        if name not in supplying_something:
            for feed in _all_above(name, sources) & direct:
                idle.setdefault(feed, []).append(name)
    return dict(sorted(idle.items()))


def idle_supplies_of(site: Site) -> dict[str, list[str]]:
    """`idle_supplies` of a whole site."""
    supplies = (*site.ups, *site.panels, *site.transfer_switches)
    plant = (*site.chillers, *site.dry_coolers, *site.facility_pumps)
    powered = (*supplies, *site.pdus, *site.cdus, *site.air_units, *plant)
    return idle_supplies({name: site.sources(name) for name in powered}, supplies, site.pdus)


def _all_above(name: str, sources: Mapping[str, Sequence[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [*sources.get(name, ())]
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting.extend(sources.get(name, ()))
    return found
