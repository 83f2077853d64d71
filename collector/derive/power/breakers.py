"""Figures of every breaker that has a rating: in front of rack PDUs, of panels, and of the inputs of transfer switches.

The rating of a rack PDU's phase is the lower of the breaker in the site file and what the device states: either may be the one that
trips. A PDU that is not in the site file is judged by its own rating.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from collector.derive.engine import Label, Planner
from collector.derive.power.breaker_load import BreakerLoad
from collector.derive.power.feeds import switched_loads
from collector.derive.power.pdus import phase_current, supply_phases
from collector.derive.power.racks import RackPower
from collector.derive.power.switches import SwitchedLoad
from rackflow.site import BreakerCurve, Pdu, Site

_CURRENT = "dcim_pdu_phase_current_amperes"
_RATED = "dcim_pdu_phase_rated_current_amperes"
# The figures of one breaker, in the order of `BreakerLoad.update`.
_PDU_PHASE = (
    "dcim_pdu_phase_thermal_load_ratio",
    "dcim_pdu_phase_demand_load_ratio",
    "dcim_pdu_phase_level_load_ratio",
)
_PANEL_PHASE = (
    "dcim_panel_phase_thermal_load_ratio",
    "dcim_panel_phase_demand_load_ratio",
    "dcim_panel_phase_level_load_ratio",
)
_ATS_SOURCE = (
    "dcim_ats_source_thermal_load_ratio",
    "dcim_ats_source_demand_load_ratio",
    "dcim_ats_source_level_load_ratio",
)


def plan_breakers(planner: Planner, site: Site | None, pdus: Iterable[str], racks: Mapping[str, RackPower]) -> None:
    """Plan the load of every breaker. `pdus` are the devices of that class, `racks` the slots of what the racks take."""
    described = site.pdus if site is not None else {}
    # A device that reports for a power shelf is judged as that shelf.
    speaking = {pdu.read_from for pdu in described.values()} - described.keys()
    for device in dict.fromkeys([*described, *(each for each in pdus if each not in speaking)]):
        if site is not None and device in described:
            _described(planner, described[device], site.curve_of(described[device].breaker_curve))
        else:
            _undescribed(planner, device)
    if site is not None:
        _panels(planner, site, racks)
        for load in switched_loads(racks):
            _inputs(planner, site, load)


def _described(planner: Planner, pdu: Pdu, curve: BreakerCurve) -> None:
    for phase, own in supply_phases(planner, pdu).items():
        rated = planner.each(pdu.read_from, _RATED, phase=own)
        stated = [rated[0]] if len(rated) == 1 else []
        current = phase_current(planner, pdu, own)
        # Without the label `inlet`: it is known only with the first reading, and labels of a figure must not change then.
        labels = (*planner.place_of(pdu.id), ("phase", phase))
        _remember(planner, _PDU_PHASE, current, labels, breaker_a=pdu.breaker_a, curve=curve, stated=stated)


def _undescribed(planner: Planner, device: str) -> None:
    for _, found in planner.series(device, _CURRENT):
        mine = {label: found[label] for label in ("inlet", "phase") if label in found}
        rated = planner.each(device, _RATED, **mine)
        if len(rated) != 1:
            continue
        current = planner.reading(device, _CURRENT, **mine)
        labels = (*planner.place_of(device), *mine.items())
        outputs = [(metric, labels) for metric in _PDU_PHASE]
        planner.remember("breaker", (current, rated[0]), partial(BreakerLoad, BreakerCurve.usual()), outputs)


def _panels(planner: Planner, site: Site, racks: Mapping[str, RackPower]) -> None:
    """The main breaker of a panel carries what the rack PDUs below it take; what else it feeds is not measured."""
    for (name, phase), currents in sorted(_carried(planner, site, racks).items()):
        panel = site.panels[name]
        if panel.breaker_a is not None:
            feed = site.feed_of(name)
            labels = (*((("feed", feed),) if feed else ()), ("panel", name), ("phase", phase))
            curve = site.curve_of(panel.breaker_curve)
            _remember(planner, _PANEL_PHASE, planner.total(currents), labels, breaker_a=panel.breaker_a, curve=curve)


def _carried(planner: Planner, site: Site, racks: Mapping[str, RackPower]) -> dict[tuple[str, str], list[int]]:
    """Slots of the currents below each panel and phase."""
    carried: dict[tuple[str, str], list[int]] = {}
    for rack, slots in racks.items():
        for feed, phases in slots.current.items():
            for panel in site.path(rack, feed).panels:
                for phase, current in phases.items():
                    carried.setdefault((panel, phase), []).append(current)
    for load in switched_loads(racks):
        for source, each in load.switch.inputs.items():
            for panel in (node for node in site.above(each.fed_by) if node in site.panels):
                for phase, current in load.phases(source):
                    carried.setdefault((panel, phase), []).append(load.taken(planner, current, source))
    return carried


def _inputs(planner: Planner, site: Site, load: SwitchedLoad) -> None:
    for source, each in load.switch.inputs.items():
        for phase, current in load.phases(source):
            labels = (*planner.place_of(load.switch.id), ("source", source), ("phase", phase))
            carried = load.taken(planner, current, source)
            curve = site.curve_of(each.breaker_curve)
            _remember(planner, _ATS_SOURCE, carried, labels, breaker_a=each.breaker_a, curve=curve)


def _remember(
    planner: Planner,
    metrics: Sequence[str],
    current: int,
    labels: tuple[Label, ...],
    *,
    breaker_a: float,
    curve: BreakerCurve,
    stated: Iterable[int] = (),
) -> None:
    """Publish the load figures of one breaker. `current` is a slot; `stated` are slots of the rating that the device states, if any."""
    rating = planner.step((), lambda: breaker_a)
    outputs = [(metric, labels) for metric in metrics]
    planner.remember("breaker", (current, rating), partial(BreakerLoad, curve), outputs, optional=stated)
