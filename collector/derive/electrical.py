"""Power figures of racks and feeds: in goes the site's power path, out come headroom, stranded power and survival of a lost feed; pure."""

from collections.abc import Callable
from dataclasses import dataclass, field

from collector.derive.frame import Label, Unknown, Value
from collector.derive.planner import Planner
from rackflow.site import Pdu, Rack, Site

_ALIVE = 0.5
"""A supply below this part of its nominal voltage carries nothing."""


@dataclass(slots=True)
class RackPower:
    """Slots of one rack: current per feed and supply phase, voltage where it is measured, power per feed."""

    current: dict[str, dict[str, int]] = field(default_factory=dict)
    voltage: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    power: dict[str, int] = field(default_factory=dict)
    total: int = -1
    survives: dict[str, list[int]] = field(default_factory=dict)
    """Per lost feed, of each phase."""


def plan_racks(planner: Planner, site: Site) -> dict[str, RackPower]:
    """Figures of every rack; the slots are what feeds, loops and the site are computed from."""
    found: dict[str, RackPower] = {}
    for rack in site.racks.values():
        slots = found[rack.id] = _rack(planner, site, rack)
        place = rack_labels(site, rack.id)
        planner.publish("dcim_rack_power_watts", slots.total, *place)
        design_w = rack.design_power_w
        used = planner.step((slots.total,), lambda power, of=design_w: power / of)
        planner.publish("dcim_rack_power_utilisation_ratio", used, *place)
        for lost in slots.current:
            _lose_feed(planner, site, rack, slots, lost)
    return found


def rack_labels(site: Site, rack: str) -> tuple[Label, ...]:
    """Room, row and rack."""
    row = site.rows[site.racks[rack].row]
    return (("room", row.room), ("row", row.id), ("rack", rack))


def device_power(planner: Planner, pdu: str) -> int:
    """Slot of what a PDU delivers, W: its own total, else the sum of its phases."""
    ways = [
        planner.sum_of(pdu, metric)
        for metric in ("dcim_pdu_input_power_watts", "dcim_pdu_phase_power_watts")
        if planner.has(pdu, metric)
    ]
    return planner.first(*ways) if ways else planner.reading(pdu, "dcim_pdu_input_power_watts")


def _rack(planner: Planner, site: Site, rack: Rack) -> RackPower:
    slots = RackPower()
    for feed in site.feeds_of(rack.id):
        parts: dict[str, list[int]] = {}
        alive = slots.voltage[feed] = {}
        pdus = site.pdus_of(rack.id, feed)
        for pdu in pdus:
            for phase, own in supply_phases(planner, pdu).items():
                current = _phase_current(planner, pdu, own)
                parts.setdefault(phase, []).append(current)
                alive.setdefault(phase, []).extend(planner.each(pdu.id, "dcim_pdu_phase_voltage_volts", phase=own))
                _headroom(planner, pdu, phase, current, site.electrical.continuous_load_factor)
        slots.current[feed] = {phase: planner.total(currents) for phase, currents in sorted(parts.items())}
        slots.power[feed] = planner.total(device_power(planner, pdu.id) for pdu in pdus)
    slots.total = planner.total(slots.power.values())
    return slots


def supply_phases(planner: Planner, pdu: Pdu) -> dict[str, str]:
    """The supply's phase -> the PDU's own name of it. A PDU counts its phases in the order in which it is connected."""
    own = planner.values_of(pdu.id, "dcim_pdu_phase_current_amperes", "phase")
    if len(own) < len(pdu.phases):
        own = ["L1", "L2", "L3"]
    return dict(zip(pdu.phases, own, strict=False))


def _phase_current(planner: Planner, pdu: Pdu, own: str) -> int:
    metric = "dcim_pdu_phase_current_amperes"
    if (
        len(pdu.phases) == 1
        and not planner.has(pdu.id, metric)
        and planner.has(pdu.id, "dcim_pdu_input_current_amperes")
    ):
        return planner.sum_of(pdu.id, "dcim_pdu_input_current_amperes")
    return planner.sum_of(pdu.id, metric, phase=own)


def _headroom(planner: Planner, pdu: Pdu, phase: str, current: int, factor: float) -> None:
    limit_a = factor * pdu.breaker_a
    amperes = planner.step((current,), lambda now, of=limit_a: of - now)
    planner.publish_of("dcim_pdu_phase_headroom_amperes", pdu.id, amperes, ("phase", phase))


def _lose_feed(planner: Planner, site: Site, rack: Rack, slots: RackPower, lost: str) -> None:
    """What the other feeds of a rack would carry, against what their breakers may carry for hours."""
    place = (*rack_labels(site, rack.id), ("feed", lost))
    others = [feed for feed in slots.current if feed != lost]
    if not others:
        dark = planner.step((), lambda: 0.0)
        slots.survives[lost] = [dark]
        for phase in slots.current[lost]:
            planner.publish("dcim_rack_survives_feed_loss", dark, *place, ("phase", phase))
        return
    for phase, pairs in _carriers(slots, lost, others).items():
        loads = [_load_on_loss(planner, site, rack, lost, slots, pair) for pair in pairs]
        load = planner.step(loads, max) if len(loads) > 1 else loads[0]
        planner.publish("dcim_rack_feed_loss_load_ratio", load, *place, ("phase", phase))
        supplies = [slot for _, feed, to in pairs for slot in slots.voltage[feed].get(to, ())]
        survives = planner.step((load, *supplies), _survival(site.electrical.volts))
        planner.publish("dcim_rack_survives_feed_loss", survives, *place, ("phase", phase))
        slots.survives.setdefault(lost, []).append(survives)


def _survival(volts: float) -> Callable[..., float]:
    def survives(load: float, *voltages: float) -> float:
        return float(load <= 1.0 and all(each >= _ALIVE * volts for each in voltages))

    return survives


Pair = tuple[str, str, str]
"""A phase of the feed that is lost, the feed that takes over, and its phase."""


def _carriers(slots: RackPower, lost: str, others: list[str]) -> dict[str, list[Pair]]:
    """By phase of the lost feed, who takes its load over. One phase hands over to the only one of the other feed."""
    found: dict[str, list[Pair]] = {}
    for phase in slots.current[lost]:
        for feed in others:
            phases = list(slots.current[feed])
            single = len(phases) == 1 == len(slots.current[lost])
            found.setdefault(phase, []).append((phase, feed, phases[0] if single else phase))
    return found


def _load_on_loss(planner: Planner, site: Site, rack: Rack, lost: str, slots: RackPower, pair: Pair) -> int:
    """(I_lost + I_other) / (k * breaker_other); each of several other feeds is taken to inherit all of it."""
    phase, feed, to = pair
    if to not in slots.current[feed]:
        has = " ".join(slots.current[feed])
        what = f"site file: rack {rack.id} is on phase {phase} of feed {lost}, feed {feed} reaches it on {has} only"
        return planner.step((), _never, lacks=what)
    limit_a = site.electrical.continuous_load_factor * site.path(rack.id, feed).breaker_a[to]  # type: ignore[index]
    currents = (slots.current[lost][phase], slots.current[feed][to])
    return planner.step(currents, lambda gone, stays, of=limit_a: (gone + stays) / of)


def _never(*_: Value) -> Value:
    return Unknown("the configuration lacks something")
