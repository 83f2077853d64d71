"""Power figures of racks: power, utilisation, headroom, and what happens when a feed is lost. "PDU" stands for power shelves, too.

Currents of two feeds are added as magnitudes. Power factors differ, so the true sum is never larger: the error is on the safe side
(4.6 % in the worst simulated case). Everything is judged by phase, because a breaker trips by phase.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.derive.engine import Label, Planner, Result, Unknown, Value, ratio
from collector.derive.power.pdus import device_power, phase_current, phase_voltages, supply_phases
from collector.derive.power.redundancy import firm
from collector.derive.power.supplies import DEAD
from collector.derive.power.switches import SwitchedLoad, plan_switch
from rackflow.site import Pdu, PowerShelf, Rack, Site

# A supply below this share of its nominal voltage counts as dead. Chosen: far below any sag that equipment must ride through (IEC
# 61000-4-11 tests dips to 70 %), and far above the few volts that a meter shows on a dead phase.
MIN_VOLTAGE_SHARE = 0.5


@dataclass(slots=True)
class RackPower:
    """Slots of one rack. Loads behind transfer switches have no feed of their own: they are in `total` and `switched` only."""

    total: int
    """W, of all PDUs."""
    current: dict[str, dict[str, int]] = field(default_factory=dict)
    """A, by feed and phase of the supply."""
    voltage: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    """V, by feed and phase, of every PDU that measures it."""
    power: dict[str, int] = field(default_factory=dict)
    """W, by feed."""
    switched: list[SwitchedLoad] = field(default_factory=list)
    """Loads behind transfer switches."""
    survives: dict[str, list[int]] = field(default_factory=dict)
    """1 or 0 for each phase, by lost feed. Filled in by `_plan_feed_loss`."""

    @property
    def feeds(self) -> list[str]:
        """The feeds that reach the rack, directly or through a transfer switch."""
        return list(dict.fromkeys([*self.current, *(feed for load in self.switched for feed in load.feeds)]))


def plan_racks(planner: Planner, site: Site) -> dict[str, RackPower]:
    """Plan the figures of every rack; figures of feeds, loops and the site are computed from the returned slots."""
    found: dict[str, RackPower] = {}
    switches = {switch.id: plan_switch(planner, site, switch) for switch in site.transfer_switches.values()}
    for rack in site.racks.values():
        switched = [switches[switch.id] for switch in site.switches_of(rack.id)]
        slots = found[rack.id] = _rack(planner, site, rack, switched)
        place = rack_labels(site, rack.id)
        planner.publish("dcim_rack_power_watts", slots.total, *place)
        design_w = rack.design_power_w
        used = planner.step((slots.total,), lambda power, of=design_w: ratio(power, of))
        planner.publish("dcim_rack_power_utilisation_ratio", used, *place)
        _plan_shelves(planner, site, rack, slots)
        for lost in slots.feeds:
            _plan_feed_loss(planner, site, rack, slots, lost)
    return found


def rack_labels(site: Site, rack: str) -> tuple[Label, ...]:
    """Labels of a rack: room, row and rack."""
    row = site.rows[site.racks[rack].row]
    return (("room", row.room), ("row", row.id), ("rack", rack))


def _rack(planner: Planner, site: Site, rack: Rack, switched: list[SwitchedLoad]) -> RackPower:
    current: dict[str, dict[str, int]] = {}
    voltage: dict[str, dict[str, list[int]]] = {}
    power: dict[str, int] = {}
    for feed in site.feeds_of(rack.id):
        currents: dict[str, list[int]] = {}
        voltages = voltage[feed] = {}
        for pdu in site.pdus_of(rack.id, feed):
            for phase, own in supply_phases(planner, pdu).items():
                currents.setdefault(phase, []).append(phase_current(planner, pdu, own))
                voltages.setdefault(phase, []).extend(phase_voltages(planner, pdu, own))
        current[feed] = {phase: planner.total(parts) for phase, parts in sorted(currents.items())}
        power[feed] = planner.total(device_power(planner, pdu) for pdu in site.pdus_of(rack.id, feed))
    pdus = site.pdus_of(rack.id)
    for pdu in pdus:
        _headroom(planner, pdu, site.electrical.continuous_load_factor)
    total = planner.total(device_power(planner, pdu) for pdu in pdus)
    return RackPower(total, current=current, voltage=voltage, power=power, switched=switched)


def _headroom(planner: Planner, pdu: Pdu, factor: float) -> None:
    limit_a = factor * pdu.breaker_a
    for phase, own in supply_phases(planner, pdu).items():
        amperes = planner.step((phase_current(planner, pdu, own),), lambda now, of=limit_a: of - now)
        planner.publish_of("dcim_pdu_phase_headroom_amperes", pdu.id, amperes, ("phase", phase))


@dataclass(slots=True)
class _FeedLoss:
    """What the loss of one feed does to a rack, as slots by phase of that feed."""

    feed: str
    """The feed that is lost."""
    loads: dict[str, list[int]] = field(default_factory=dict)
    """Load of each supply that takes over, as a share of its continuous limit."""
    verdicts: dict[str, list[int]] = field(default_factory=dict)
    """1 if that supply would stay up, else 0."""

    def add(
        self, planner: Planner, phase: str, load: int, *, survives: Callable[..., float], needs: Iterable[int]
    ) -> None:
        """Add a supply that takes over. `survives` decides from its load and from the values of `needs` whether it stays up."""
        self.loads.setdefault(phase, []).append(load)
        self.verdicts.setdefault(phase, []).append(planner.step((load, *needs), survives))


def _plan_feed_loss(planner: Planner, site: Site, rack: Rack, slots: RackPower, lost: str) -> None:
    """Publish what the other feeds of a rack would carry after the loss of one, and whether the rack would stay up.

    Loads are shares of what the breakers may carry for hours.
    """
    place = (*rack_labels(site, rack.id), ("feed", lost))
    loss = _FeedLoss(lost)
    shelves = _plan_shelves_left(planner, site, rack, slots, lost)
    if lost in slots.current:
        _plan_pdu_takeover(planner, site, rack, slots, loss)
    for load in slots.switched:
        _plan_switch_over(planner, site, load, loss)
    for phase, verdicts in loss.verdicts.items():
        if shelves is not None:
            verdicts.append(planner.step((shelves,), lambda share: float(share <= 1.0)))
        if phase in loss.loads:
            planner.publish(
                "dcim_rack_feed_loss_load_ratio", _most(planner, loss.loads[phase]), *place, ("phase", phase)
            )
        survives = verdicts[0] if len(verdicts) == 1 else planner.step(verdicts, min)
        planner.publish("dcim_rack_survives_feed_loss", survives, *place, ("phase", phase))
        slots.survives.setdefault(lost, []).append(survives)


def _plan_shelves(planner: Planner, site: Site, rack: Rack, slots: RackPower) -> None:
    """Publish the load of a rack's shelves, and the power that they have left without the largest of them (N+1)."""
    rated = _ratings(site.shelves_of(rack.id))
    if rated is not None:
        rated_w = sum(rated)
        used = planner.step((slots.total,), lambda watts: ratio(watts, rated_w))
        planner.publish("dcim_rack_shelf_load_ratio", used, *rack_labels(site, rack.id))
    if rated is not None and len(rated) > 1:
        firm_w = firm(rated, 1)
        margin = planner.step((slots.total,), lambda watts, firm=firm_w: firm - watts)
        planner.publish("dcim_rack_shelf_redundancy_margin_watts", margin, *rack_labels(site, rack.id))


def _plan_shelves_left(planner: Planner, site: Site, rack: Rack, slots: RackPower, lost: str) -> int | None:
    """Publish the rack's power as a share of what the shelves on other feeds can deliver, and return its slot.

    A shelf takes over by its bus bar of direct current, whatever phases it is on. Without all ratings there is nothing to judge.
    """
    left = tuple(shelf for feed in slots.current if feed != lost for shelf in site.shelves_of(rack.id, feed))
    rated = _ratings(left)
    if lost not in slots.current or rated is None:
        return None
    rated_w = sum(rated)
    share = planner.step((slots.total,), lambda watts, of=rated_w: ratio(watts, of))
    labels = (*rack_labels(site, rack.id), ("feed", lost))
    planner.publish("dcim_rack_shelf_feed_loss_load_ratio", share, *labels)
    return share


def _ratings(shelves: Iterable[PowerShelf]) -> list[float] | None:
    """The ratings of all shelves, W; None if there is no shelf, or if one has no rating."""
    rated = [shelf.rated_power_w for shelf in shelves]
    known = [each for each in rated if each is not None]
    return known if known and len(known) == len(rated) else None


def _most(planner: Planner, slots: list[int]) -> int:
    return slots[0] if len(slots) == 1 else planner.step(slots, max)


def _plan_pdu_takeover(planner: Planner, site: Site, rack: Rack, slots: RackPower, loss: _FeedLoss) -> None:
    """Handle equipment with a cord on each of several feeds. A rack on a single feed goes down with it."""
    others = [feed for feed in slots.current if feed != loss.feed]
    if not others:
        goes_down = planner.step((), lambda: 0.0)
        loss.verdicts |= {phase: [goes_down] for phase in slots.current[loss.feed]}
        return
    for phase, takeovers in takeovers_by_phase(slots, loss.feed, others).items():
        load = _most(planner, [_takeover_load(planner, site, rack, slots, each) for each in takeovers])
        supplies = [slot for each in takeovers for slot in slots.voltage[each.feed].get(each.phase, ())]
        dead = [
            planner.stated(pdu.read_from, DEAD)
            for feed in dict.fromkeys(each.feed for each in takeovers)
            for pdu in site.pdus_of(rack.id, feed)
        ]
        survives = _survival(site.electrical.volts, len(supplies))
        loss.add(planner, phase, load, survives=survives, needs=[*supplies, *dead])


def _plan_switch_over(planner: Planner, site: Site, load: SwitchedLoad, loss: _FeedLoss) -> None:
    """Handle equipment behind a transfer switch: all of it moves to the remaining source, whichever is selected now."""
    left = load.other(loss.feed)
    if left is None:
        return
    limit_a = site.electrical.continuous_load_factor * load.switch.inputs[left].breaker_a
    for phase, current in load.phases(load.feeds[loss.feed]):
        share = planner.step((current,), lambda amperes, of=limit_a: ratio(amperes, of))
        loss.add(planner, phase, share, survives=_switched_survival, needs=(load.ready[left],))


def _switched_survival(load: float, ready: float) -> float:
    return float(load <= 1.0 and ready >= 1.0)


def _survival(volts: float, measured: int) -> Callable[..., float]:
    """A function that takes the load, then `measured` voltages, then 1 or 0 for each PDU that is dead or not."""

    def survives(load: float, *supplies: float) -> float:
        alive = all(each >= MIN_VOLTAGE_SHARE * volts for each in supplies[:measured])
        return float(load <= 1.0 and alive and not any(supplies[measured:]))

    return survives


class PhaseTakeover(NamedTuple):
    """One phase of a feed takes over the load of a phase of the lost feed."""

    lost_feed: str
    lost_phase: str
    feed: str
    phase: str


def takeovers_by_phase(slots: RackPower, lost: str, others: list[str]) -> dict[str, list[PhaseTakeover]]:
    """Which feeds and phases take the load over, by phase of the lost feed.

    It is the same phase of the other feed, because a three-phase PDU pair is wired alike. Two single-phase feeds take over from each other,
    whatever their phases are. Any other case cannot be known, see `_takeover_load`.
    """
    found: dict[str, list[PhaseTakeover]] = {}
    for phase in slots.current[lost]:
        for feed in others:
            phases = list(slots.current[feed])
            single = len(phases) == 1 == len(slots.current[lost])
            taking_over = phases[0] if single else phase
            found.setdefault(phase, []).append(PhaseTakeover(lost, phase, feed, taking_over))
    return found


def _takeover_load(planner: Planner, site: Site, rack: Rack, slots: RackPower, takeover: PhaseTakeover) -> int:
    """Slot of (I_lost + I_other) / (k * breaker_other).

    If several other feeds remain, each is assumed to take all of the load: how power supplies share it among three cords is not known. If
    the other feed does not have the phase, the figure is unknown and names the contradiction in the site file.
    """
    lost, lost_phase, feed, phase = takeover
    if phase not in slots.current[feed]:
        has = " ".join(slots.current[feed])
        what = (
            f"site file: rack {rack.id} is on phase {lost_phase} of feed {lost}, feed {feed} reaches it on {has} only"
        )
        return planner.step((), _never, missing_config=what)
    limit_a = site.electrical.continuous_load_factor * site.path(rack.id, feed).breaker_a[phase]  # type: ignore[index]
    currents = (slots.current[lost][lost_phase], slots.current[feed][phase])
    return planner.step(currents, lambda gone, stays, of=limit_a: ratio(gone + stays, of))


def _never(*_: Value) -> Result:
    """The function of a step that lacks configuration and is therefore never computed."""
    return Unknown("the configuration is incomplete")
