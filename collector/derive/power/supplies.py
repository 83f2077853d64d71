"""Which supplies are dead, and which sums would count a load twice: decided in each cycle, before anything is computed.

Two wrong sums are prevented. After a feed is lost, its PDUs fall silent: their load is 0 and no longer unknown, because it has moved to
the other feed. Until the silence is certain, the last reading of the dead PDU and the doubled one of its neighbour would be added;
so the sums of such a rack keep the value from before the step until each of its PDUs was read after it.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from collector.derive.engine import STATED, Leaf, Plan, Reading, Value, Values
from rackflow.site import Site

DEAD = "dead"
"""What is stated about each rack PDU: 1 if it is without power, else 0."""
ReadingsOf = Callable[[str], Mapping[str, Reading]]
_SOURCE = "dcim_ups_output_source"
_SUPPLYING = frozenset({"normal", "battery", "bypass", "booster", "reducer", "eco", "other"})
# What a PDU or UPS carries. Only these are delayed or set to 0: a voltage does not move from one device to another.
_CARRIED = (
    "dcim_pdu_phase_current_amperes",
    "dcim_pdu_input_current_amperes",
    "dcim_pdu_input_power_watts",
    "dcim_pdu_phase_power_watts",
    "dcim_ups_output_power_watts",
    "dcim_ups_output_total_power_watts",
    # As a power shelf's meter names it.
    "dcim_meter_current_amperes",
    "dcim_meter_power_watts",
    "dcim_meter_phase_power_watts",
)
_OF_DEAD = (*_CARRIED, "dcim_pdu_phase_voltage_volts", "dcim_meter_voltage_volts")
# A feed counts as lost if more than half of its PDUs, and at least two, do not answer: as the problem DcimFeedLost does. One that does
# not answer may have a broken network card.
_LEAST_SILENT = 2
# A rise by a quarter of the new value is a step. A load that moves to one other feed doubles there, and rises by a third where two others
# share it; general computing moves by a few percent between two polls.
STEP_SHARE = 0.25
# Longest time that a sum keeps its value: three polls of the default class and their timeouts. By then what is silent has expired.
LONGEST_DELAY_S = 40.0
# Devices or clusters looked at in one slice, each about 5 microseconds.
_SLICE = 200


@dataclass(frozen=True, slots=True)
class Cluster:
    """Devices that share one load. After a step of `movers`, `delayed` keep their former values until each of `everyone` was read."""

    name: str
    movers: tuple[str, ...]
    everyone: tuple[str, ...]
    delayed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SupplyPlan:
    """What the site file says about supplies."""

    clusters: tuple[Cluster, ...] = ()
    feeds: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    """Feed -> its UPSs, and the devices that measure its rack PDUs and power shelves."""


def plan_supplies(site: Site) -> SupplyPlan:
    """The feeds with their UPSs and PDUs, and the clusters: each rack's PDUs, and each UPS with the PDUs that may hand over to it."""
    feeds = {
        feed: (
            tuple(each for each in site.ups if site.feed_of(each) == feed),
            tuple(each.read_from for each in site.pdus.values() if site.feed_of(each.id) == feed),
        )
        for feed in site.feeds
    }
    clusters = []
    beside: dict[str, dict[str, None]] = {}
    for rack in site.racks:
        reached = site.feeds_of(rack)
        pdus = tuple(each.read_from for feed in reached for each in site.pdus_of(rack, feed))
        if len(reached) > 1:
            clusters.append(Cluster(f"rack {rack}", pdus, pdus, pdus))
        for feed in reached:
            others = dict.fromkeys(
                each.read_from for other in reached if other != feed for each in site.pdus_of(rack, other)
            )
            for ups in site.path(rack, feed).ups:
                beside.setdefault(ups, {}).update(others)
    clusters += [Cluster(f"ups {ups}", (ups,), (ups, *pdus), (ups,)) for ups, pdus in beside.items() if pdus]
    return SupplyPlan(tuple(clusters), feeds)


@dataclass(slots=True)
class _Carried:
    """What a device carried when it was last read, and when it last stepped."""

    value: float
    at: float
    stepped_at: float = float("-inf")


@dataclass(frozen=True, slots=True)
class _Slots:
    """The slots of one device: the keys of its load, by metric; the slots that a load step delays; those that are 0 while it is dead."""

    carried: tuple[tuple[str, ...], ...]
    delayed: tuple[int, ...]
    zero: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SupplySlots:
    """The supplies of a site, and the slots of a plan that belong to them. Making it takes 0.1 s for a site of 5,000 devices."""

    supplies: SupplyPlan = field(default_factory=SupplyPlan)
    of_device: Mapping[str, _Slots] = field(default_factory=dict)
    stated: tuple[tuple[str, int], ...] = ()
    """Devices, each with the slot that states whether it is dead."""


def slots_of_supplies(supplies: SupplyPlan, plan: Plan) -> SupplySlots:
    """Find the slots in a new plan."""
    wanted = _devices(supplies.clusters) | dict.fromkeys(pdu for _, pdus in supplies.feeds.values() for pdu in pdus)
    slots = {device: _slots_of(leaves) for device in wanted if (leaves := plan.leaves.get(device)) is not None}
    key = f"{STATED}{DEAD}"
    stated = ((leaf.device, leaf.slot) for leaves in plan.leaves.values() for leaf in leaves if leaf.key == key)
    return SupplySlots(supplies, slots, tuple(stated))


class Supplies:
    """Follows the supplies of one site, by the slots of its present plan."""

    def __init__(self) -> None:
        self.slots = SupplySlots()
        self._last: dict[str, _Carried] = {}
        self._waits_since: dict[str, float] = {}
        """Cluster -> monotonic seconds of the load step after which it waits for new readings."""
        self._released: dict[str, float] = {}
        self._down: frozenset[str] = frozenset()
        self.dead: frozenset[str] = frozenset()
        """PDUs without power."""
        self.delayed: frozenset[str] = frozenset()
        """Devices whose values of the previous cycle are used instead of their readings."""

    def update_steps(self, readings_of: ReadingsOf, down: Collection[str], now: float) -> Generator[None, None, None]:
        """Judge this cycle. `down` are the devices that do not answer although their agent is there. Yields after each slice."""
        self.dead = frozenset(
            pdu
            for ups, pdus in self.slots.supplies.feeds.values()
            if _is_dark(ups, pdus, readings_of, down, now)
            for pdu in pdus
            if pdu in down
        )
        current: set[str] = set()
        for count, (device, slots) in enumerate(self.slots.of_device.items()):
            if count % _SLICE == 0:
                yield
            if (found := _carried(slots, readings_of(device), now)) is not None:
                self._note(device, *found)
                if device not in down:
                    current.add(device)
        self._down = frozenset(down)
        delayed: set[str] = set()
        for count, cluster in enumerate(self.slots.supplies.clusters):
            if count % _SLICE == 0:
                yield
            if self._must_wait(cluster, current, now):
                delayed.update(cluster.delayed)
        self.delayed = frozenset(delayed)

    def values(self, before: Values | None) -> dict[int, Value]:
        """Values to use instead of readings, by slot; `before` are the values of the previous cycle."""
        found: dict[int, Value] = {slot: float(device in self.dead) for device, slot in self.slots.stated}
        for device in self.delayed if before is not None else ():
            slots = self.slots.of_device.get(device)
            for slot in slots.delayed if slots is not None else ():
                value = before.current[slot] if before is not None else None
                if value is not None:
                    found[slot] = value
        for device in self.dead:
            if (slots := self.slots.of_device.get(device)) is not None:
                found.update(dict.fromkeys(slots.zero, 0.0))
        return found

    def _note(self, device: str, value: float, at: float) -> None:
        last = self._last.get(device)
        if last is None:
            self._last[device] = _Carried(value, at)
        elif at > last.at:
            # A device that answers again has taken its load back, which is a step, too. A fall is none: it makes no sum too large.
            if value - last.value > STEP_SHARE * max(value, last.value) or device in self._down:
                last.stepped_at = at
            last.value, last.at = value, at

    def _must_wait(self, cluster: Cluster, current: Collection[str], now: float) -> bool:
        begun = self._waits_since.get(cluster.name)
        if begun is None:
            released = self._released.get(cluster.name, float("-inf"))
            steps = [
                last.stepped_at
                for each in cluster.movers
                if (last := self._last.get(each)) is not None and last.stepped_at > released
            ]
            if not steps:
                return False
            # Further steps do not prolong the wait: the sums of a load that steps all the time would otherwise never be updated.
            begun = self._waits_since[cluster.name] = max(steps)
        if now - begun < LONGEST_DELAY_S and any(
            each in current and self._last[each].at < begun for each in cluster.everyone if each in self._last
        ):
            return True
        del self._waits_since[cluster.name]
        self._released[cluster.name] = max(
            (self._last[each].at for each in cluster.everyone if each in self._last), default=now
        )
        return False


def _devices(clusters: Iterable[Cluster]) -> dict[str, None]:
    return dict.fromkeys(each for cluster in clusters for each in (*cluster.movers, *cluster.everyone))


def _slots_of(leaves: Sequence[Leaf]) -> _Slots:
    # Leaves with `as_read` are never delayed. If a sum uses the same series, that has another leaf with a slot of its own.
    changed = [leaf for leaf in leaves if not leaf.as_read]
    keys = dict.fromkeys(leaf.key for leaf in leaves)
    by_metric = (tuple(key for key in keys if key.startswith(metric)) for metric in _CARRIED)
    return _Slots(
        tuple(found for found in by_metric if found),
        tuple(leaf.slot for leaf in changed if leaf.key.startswith(_CARRIED)),
        tuple(leaf.slot for leaf in changed if leaf.key.startswith(_OF_DEAD)),
    )


def _carried(slots: _Slots, readings: Mapping[str, Reading], now: float) -> tuple[float, float] | None:
    """What a device carries by its first metric of `_CARRIED`, and when it was received; None if nothing is current."""
    for keys in slots.carried:
        found = [reading for key in keys if (reading := readings.get(key)) is not None and now < reading.expires_at]
        numbers = [each.value for each in found if not isinstance(each.value, str)]
        if numbers:
            return sum(numbers), max(each.expires_at - each.life_s for each in found)
    return None


def _is_dark(
    ups: Collection[str], pdus: Collection[str], readings_of: ReadingsOf, down: Collection[str], now: float
) -> bool:
    """Whether the silent PDUs of a feed have no power, rather than no network.

    If a UPS of the feed answers and supplies power, it is the network. Without any UPS in the site file, all PDUs must be silent.
    """
    silent = sum(pdu in down for pdu in pdus)
    if silent < _LEAST_SILENT or 2 * silent <= len(pdus):
        return False
    if any(_supplies(each, readings_of, down, now) for each in ups):
        return False
    return bool(ups) or silent == len(pdus)


def _supplies(ups: str, readings_of: ReadingsOf, down: Collection[str], now: float) -> bool:
    if ups in down:
        return False
    source = readings_of(ups).get(_SOURCE)
    return source is not None and now < source.expires_at and source.value in _SUPPLYING
