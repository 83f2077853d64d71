"""Transfer switches: what each source would carry without the other.

Equipment behind a switch is on one source or the other, never on both. So its load is not split between feeds, and a silent switch makes
the figures on both sides unknown.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from collector.derive.engine import Planner, Value
from collector.derive.power.pdus import device_power, phase_current, supply_phases
from rackflow.site import Site, TransferSwitch
from rackflow.site.section import PHASES


@dataclass(slots=True)
class SwitchedLoad:
    """Slots of the load behind one switch. Its sources are `a` and `b`."""

    switch: TransferSwitch
    feeds: dict[str, str]
    """Feed -> the source by which it reaches the switch."""
    power: int
    current: dict[str, int]
    """A, by phase of the switch's output."""
    selected: int
    """The source that carries the load now."""
    ready: dict[str, int] = field(default_factory=dict)
    """By source: 1 if it could carry the load now, else 0."""

    def other(self, feed: str) -> str | None:
        """The source that is left when a feed is lost; None if the feed does not reach the switch."""
        lost = self.feeds.get(feed)
        return None if lost is None else "ab".replace(lost, "")

    def phases(self, source: str) -> Iterator[tuple[str, int]]:
        """Phases of a source's supply, each with the slot of the current that it carries once the source is selected.

        The first phase of the input supplies the first of the output, and so on: a switch does not cross phases, although cables may.
        """
        for at, phase in enumerate(self.switch.inputs[source].phases):
            if PHASES[at] in self.current:
                yield phase, self.current[PHASES[at]]

    def moved(self, planner: Planner, feed: str) -> int:
        """Slot of the power that moves to the other source when a feed is lost: 0 if the load is there already."""
        return self.taken(planner, self.power, self.feeds[feed])

    def taken(self, planner: Planner, load: int, source: str) -> int:
        """Slot of the part of `load`, which is behind the switch, that `source` carries now: all of it, or 0."""
        return planner.step((load, self.selected), partial(_where_selected, source=source))


def plan_switch(planner: Planner, site: Site, switch: TransferSwitch) -> SwitchedLoad:
    """Plan the slots of one switch. What it carries is measured by the PDUs behind it; few switches measure it themselves."""
    behind = [site.pdus[each] for each in site.fed_from(switch.id)]
    currents: dict[str, list[int]] = {}
    for pdu in behind:
        for phase, own in supply_phases(planner, pdu).items():
            currents.setdefault(phase, []).append(phase_current(planner, pdu, own))
    selected = planner.reading(switch.id, "dcim_ats_selected_source")
    return SwitchedLoad(
        switch=switch,
        feeds={site.feed_of(each.fed_by) or "": source for source, each in switch.inputs.items()},
        power=planner.total(device_power(planner, pdu) for pdu in behind),
        current={phase: planner.total(slots) for phase, slots in sorted(currents.items())},
        selected=selected,
        ready={
            source: planner.step((selected, _usable(planner, switch.id, source)), partial(_ready, source=source))
            for source in switch.inputs
        },
    )


def _usable(planner: Planner, switch: str, source: str) -> int:
    """Slot of whether a source is usable, or whether both are if the switch states only that (APC, CyberPower)."""
    if planner.has(switch, "dcim_ats_source_usable", source=source) or not planner.has(switch, "dcim_ats_redundant"):
        return planner.reading(switch, "dcim_ats_source_usable", source=source)
    return planner.reading(switch, "dcim_ats_redundant")


def _ready(selected: Value, usable: float, *, source: str) -> float:
    """1 if a source is usable. The selected source always is, even if the switch states that not both are usable."""
    return float(selected == source or usable >= 1)


def _where_selected(load: float, selected: Value, *, source: str) -> float:
    return load if selected == source else 0.0
