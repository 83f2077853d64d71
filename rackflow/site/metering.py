"""Which meters are added up, so that no energy is counted twice, and which generation would then not be counted at all."""

from collections.abc import Iterator, Sequence

from rackflow.site.check_plant import Mistake
from rackflow.site.file import Meter, SiteFile
from rackflow.site.topology import Site


def facility_meters(site: Site) -> tuple[Meter, ...]:
    """The meters whose sum is what the site takes in.

    A meter without a `measures` list measures the whole site or is one of several incomers; the site file's check refuses anything else.
    If there are such meters, all others are left out, because what they measure has passed through these.
    """
    meters = site.meters_of("facility")
    return tuple(meter for meter in meters if not meter.measures) or without_overlap(site, meters)


def without_overlap(site: Site, meters: Sequence[Meter]) -> tuple[Meter, ...]:
    """The meters that are not below another of these meters, so that the sum counts no energy twice."""
    covered = {meter.id: _covered(site, meter) for meter in meters}

    def within(meter: Meter, other: Meter) -> bool:
        """Whether everything `meter` measures passes through `other`. Of two meters of the same energy, the first by name stays."""
        own, others = covered[meter.id], covered[other.id]
        return bool(own) and own <= others and (own != others or meter.id > other.id)

    return tuple(meter for meter in meters if not any(within(meter, other) for other in meters if other.id != meter.id))


def uncounted_generation(file: SiteFile, site: Site) -> Iterator[Mistake]:
    """Generation behind a facility meter that is below another one, where no meter counts the whole site.

    The sum has the upper meter alone, and only what is behind that is added, so this energy would be used and counted nowhere. Not among
    `mistakes`, because it takes the paths of a site that has none of those.
    """
    counted = facility_meters(site)
    ids = {each.id for each in counted}
    for index, each in enumerate(file.meters):
        if each.behind is None or each.behind in ids:
            continue
        below = _covered(site, site.meters[each.behind])
        above = next(upper.id for upper in counted if below <= _covered(site, upper))
        what = f"what {each.behind!r} measures is a part of what {above!r} measures"
        yield ("meters", index, "behind"), f"{what}; name that one, which {each.id!r} is behind as well"


def _covered(site: Site, meter: Meter) -> set[str]:
    """Everything whose energy passes through a meter that measures a part of the site.

    Racks are replaced by their PDUs, because one meter may name the rack and another its PDUs.
    """
    inside = {pdu.id for name in meter.measures if name in site.racks for pdu in site.pdus_of(name)}
    nodes = inside | {name for name in meter.measures if name not in site.racks}
    return nodes.union(*(site.downstream(node) for node in nodes))
