"""Figures of backup generators: what a group carries, or would carry if the mains were lost now, and what is left without one of them.

While the mains are there a generator's own meter shows nothing, so what a group would carry is the load of its feeds: from a meter of
them, or from the site's meters if the group carries all feeds. What it delivers is what the generators' own meters show.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from collector.derive.engine import Planner, Result, Unknown, Value, ratio
from collector.derive.power.contacts import plan_fault
from collector.derive.power.redundancy import able_of, able_share, firm, group_name, redundant
from rackflow.site import Generator, Site

_POWER, _PHASE_POWER = "dcim_meter_power_watts", "dcim_meter_phase_power_watts"
_SOURCE = "dcim_ups_output_source"
# Load over its rating from which a generator counts as carrying any: twice what a class 1 meter with current transformers of class 1
# may show without any load, and far below 30 %, which is the least that diesels are run at for long.
CARRIES = 0.02
# Start of generators for which the site file says none. They take the load within 10 to 60 s.
USUAL_START_S = 60.0
# With more than half of a feed's UPSs on battery its mains are lost; one alone may have lost its own input. As DcimMainsLost.
MAINS_LOST_SHARE = 0.5
# An outage is over once the UPSs have been off their batteries for this long: as long as DcimMainsLost goes on. A generator whose speed or
# changeover does not hold is taken and left again by its UPSs every few seconds, while their batteries run down.
TAKEN_OVER_S = 60.0


def plan_generators(planner: Planner, site: Site, used: int | None) -> None:
    """Plan the figures of every group. `used` is the slot of the power that the whole site uses, if that is metered."""
    for name, group in site.generator_groups.items():
        label = ("group", group_label(name, group))
        load = _load(planner, site, group, used)
        faults = [plan_fault(planner, each.id, each.fault) for each in group]
        rated = [each.rated_power_w for each in group]
        share = planner.step((load, *faults), partial(able_share, rated=rated))
        planner.publish("dcim_generator_load_ratio", share, label)
        spare = redundant(len(group), next((each.required for each in group if each.required is not None), None))
        margin = planner.step((load, *faults), partial(_margin, rated=rated, spare=spare))
        planner.publish("dcim_generator_redundancy_margin_watts", margin, label)
        _plan_delivered(planner, site, group, label)
        for feed in group[0].feeds:
            _plan_takeover(planner, site, feed, label)


def group_label(name: str, group: Sequence[Generator]) -> str:
    """The label `group`: as named in the site file, or the generators' ids where it is not."""
    return name if group[0].group is not None else group_name([each.id for each in group])


def _margin(load_w: float, *faults: float, rated: Sequence[float], spare: int) -> float:
    return firm(able_of(rated, faults), spare) - load_w


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


def _plan_delivered(planner: Planner, site: Site, group: Sequence[Generator], label: tuple[str, str]) -> None:
    """Publish what the group delivers, by its own meters: one for each generator, one for all of them, or the site's only one."""
    meters = {frozenset(meter.measures): meter.id for meter in site.meters_of("generator")}
    single = [meters[frozenset({each.id})] for each in group if frozenset({each.id}) in meters]
    rated = [each.rated_power_w for each in group]
    together = meters.get(frozenset(each.id for each in group))
    if together is None and len(site.generator_groups) == 1:
        together = meters.get(frozenset())
    if len(single) == len(group):
        powers = [_magnitude(planner, meter) for meter in single]
        delivered = planner.total(powers)
        running = planner.step(powers, partial(_running_share, rated=rated))
        if len(group) > 1:
            missing = planner.step(powers, partial(_missing, rated=rated))
            planner.publish("dcim_generator_units_missing", missing, label)
    elif together is not None:
        delivered = _magnitude(planner, together)
        running = planner.step((delivered,), lambda watts: ratio(watts, sum(rated)))
    else:
        # Many sites do not meter their generators. They get no such figure, rather than one that is always unknown.
        return
    planner.publish("dcim_generator_delivered_watts", delivered, label)
    planner.publish("dcim_generator_running_load_ratio", running, label)


def _magnitude(planner: Planner, meter: str) -> int:
    # Whether a generator's power is import or export depends on how its meter was wired.
    return planner.step((metered_w(planner, meter),), abs)


def _carrying(powers: Sequence[float], rated: Sequence[float]) -> list[bool]:
    return [watts >= CARRIES * of for watts, of in zip(powers, rated, strict=True)]


def _running_share(*powers: float, rated: Sequence[float]) -> float:
    of = sum(each for each, carries in zip(rated, _carrying(powers, rated), strict=True) if carries)
    return sum(powers) / of if of else 0.0


def _missing(*powers: float, rated: Sequence[float]) -> Result:
    carrying = sum(_carrying(powers, rated))
    return float(len(powers) - carrying) if carrying else Unknown("none of them carries load")


def _plan_takeover(planner: Planner, site: Site, feed: str, label: tuple[str, str]) -> None:
    """Publish for how long the feed's UPSs have been on battery beyond the start of its generators."""
    sources = [planner.each_or_missing(ups, _SOURCE)[0] for ups in site.ups if site.feed_of(ups) == feed]
    if sources:
        start_s = site.feeds[feed].backup_start_s or USUAL_START_S
        outputs = [("dcim_generator_takeover_overdue_seconds", (("feed", feed), label))]
        planner.remember("takeover", (), partial(Takeover, start_s), outputs, optional=sources)


@dataclass(slots=True)
class Takeover:
    """Since when the mains of a feed have been lost, by its UPSs. Pure."""

    start_s: float
    _since: float | None = None
    """Since when they have been on battery; None while they are not."""
    _earlier_s: float = 0.0
    """How long they were on battery before, in the same outage."""
    _until: float = -math.inf
    """When they were on battery last."""
    _last: dict[int, Value] = field(default_factory=dict)
    """The last known source of each UPS."""

    def update(self, values: Sequence[Value | None], now: float) -> tuple[Result]:
        """Seconds on battery beyond the start, 0 while the mains are there. `values` are the sources of the UPSs."""
        known = [each for each in values if each is not None]
        if not known:
            # Silent UPSs tell nothing about the mains. The start is kept: if they are still on battery when they answer again, it holds.
            return (Unknown("no UPS of the feed says what its output comes from"),)
        self._last |= {number: each for number, each in enumerate(values) if each is not None}
        if not _is_lost(known):
            # One half that is on mains again says nothing of the other half, which fell silent on battery because its agent died.
            fallen = [each for number, each in self._last.items() if values[number] is None and each == "battery"]
            if self._since is not None and _is_lost([*known, *fallen]):
                return (Unknown("UPSs that were on battery have fallen silent"),)
            self._end_spell(now)
            return (0.0,)
        if self._since is None:
            self._since = now
            if now >= self._until + TAKEN_OVER_S:
                self._earlier_s = 0.0
        return (max(self._earlier_s + now - self._since - self.start_s, 0.0),)

    def _end_spell(self, now: float) -> None:
        if self._since is not None:
            self._earlier_s += now - self._since
            self._since, self._until = None, now


def _is_lost(sources: Sequence[Value]) -> bool:
    return sources.count("battery") > MAINS_LOST_SHARE * len(sources)


def metered_w(planner: Planner, meter: str) -> int:
    """Slot of a meter's power: its own total, or the sum of its phases."""
    ways = [planner.sum_of(meter, each) for each in (_POWER, _PHASE_POWER) if planner.has(meter, each)]
    return planner.first(*ways) if ways else planner.reading(meter, _POWER)
