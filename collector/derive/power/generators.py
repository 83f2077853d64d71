"""Figures of backup generators: what a group carries, or would carry if the mains were lost now, and what is left without one of them.

While the mains are there a generator's own meter shows nothing, so the load is that of the feeds that the group carries: from a meter of
them, or from the site's meters if the group carries all feeds.
"""

from collections.abc import Sequence

from collector.derive.engine import Planner, ratio
from rackflow.site import Generator, Site

_POWER, _PHASE_POWER = "dcim_meter_power_watts", "dcim_meter_phase_power_watts"


def plan_generators(planner: Planner, site: Site, used: int | None) -> None:
    """Plan the figures of every group. `used` is the slot of the power that the whole site uses, if that is metered."""
    for name, group in site.generator_groups.items():
        label = ("group", group_label(name, group))
        load = _load(planner, site, group, used)
        rated = [each.rated_power_w for each in group]
        rated_w = sum(rated)
        share = planner.step((load,), lambda watts, of=rated_w: ratio(watts, of))
        planner.publish("dcim_generator_load_ratio", share, label)
        firm_w = firm(rated, next((each.required for each in group if each.required is not None), None))
        margin = planner.step((load,), lambda watts, of=firm_w: of - watts)
        planner.publish("dcim_generator_redundancy_margin_watts", margin, label)


def group_label(name: str, group: Sequence[Generator]) -> str:
    """The label `group`: as named in the site file, or the generators' ids where it is not."""
    ids = "+".join(each.id for each in group)
    if group[0].group is not None:
        return name
    return ids if len(ids) <= 64 else f"{group[0].id[:52]}+{len(group) - 1}-more"  # noqa: PLR2004 - a label's length


def firm(rated: Sequence[float], required: int | None) -> float:
    """What is left when the redundant units fail, the largest of them: of those that remain, `required` or all but one."""
    left = len(rated) - 1 if required is None else required
    return sum(sorted(rated)[:left])


def _load(planner: Planner, site: Site, group: Sequence[Generator], used: int | None) -> int:
    feeds = set(group[0].feeds)
    meters = {frozenset(meter.measures): meter.id for meter in site.meters.values() if meter.role != "generator"}
    together = meters.get(frozenset(feeds))
    each = [meters[frozenset({feed})] for feed in sorted(feeds) if frozenset({feed}) in meters]
    if together is not None:
        return metered_w(planner, together)
    if len(each) == len(feeds):
        return planner.total(metered_w(planner, meter) for meter in each)
    if used is not None and feeds == set(site.feeds):
        return used
    named = " and ".join(sorted(feeds))
    return planner.step((), lambda: 0.0, missing_config=f"site file: no meter measures feed {named}")


def metered_w(planner: Planner, meter: str) -> int:
    """Slot of a meter's power: its own total, or the sum of its phases."""
    ways = [planner.sum_of(meter, each) for each in (_POWER, _PHASE_POWER) if planner.has(meter, each)]
    return planner.first(*ways) if ways else planner.reading(meter, _POWER)
