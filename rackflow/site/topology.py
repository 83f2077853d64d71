"""A site as lookups: paths of power and liquid, places and labels.

Built only from a file that passed `check`: the walks here rely on known ids and on a power path without cycles.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

from rackflow.site.check import Named, feeds_upstream
from rackflow.site.check_plant import group_of
from rackflow.site.cooling import AirGroup, AirUnit, Cdu, Chiller, DryCooler, FacilityPump, Loop
from rackflow.site.file import Contract, Meter, MeterRole, Monitor, Position, Rack, Room, Row, Sensor, SiteFile
from rackflow.site.power import (
    CURVES,
    BreakerCurve,
    Busway,
    Curve,
    Feed,
    Generator,
    Panel,
    Pdu,
    PowerShelf,
    TransferSwitch,
    Ups,
)
from rackflow.site.section import Phase, Placed

# Stands for the feed of PDUs behind a transfer switch, which have two. Parentheses cannot occur in a feed's id.
_SWITCHED = "(switched)"


@dataclass(frozen=True, slots=True)
class FeedPath:
    """How one feed supplies one rack. Panels are listed from the feed to the rack; UPSs in parallel are all listed."""

    rack: str
    feed: str
    ups: tuple[str, ...]
    panels: tuple[str, ...]
    pdus: tuple[str, ...]
    breaker_a: Mapping[Phase, float]
    """Sum of the ratings of the breakers in front of the PDUs, per phase of the supply, A."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of the supply that the rack is connected to."""
        return tuple(self.breaker_a)


class Site:
    """One site. Every section is a read-only mapping by id, in the file's order. A site never changes; a new file is a new site."""

    def __init__(self, file: SiteFile, digest: str = "") -> None:
        """`file` must have passed `rackflow.site.check` without a mistake."""
        self.id = file.site
        self.digest = digest
        """The same of two files with the same content; see `load.py`."""
        self.timezone = file.timezone
        self.electrical = file.electrical
        self.grid = file.grid
        self.rooms: Mapping[str, Room] = _by_id(file.rooms)
        self.rows: Mapping[str, Row] = _by_id(file.rows)
        self.racks: Mapping[str, Rack] = _by_id(file.racks)
        self.generators: Mapping[str, Generator] = _by_id(file.generators)
        self.feeds: Mapping[str, Feed] = MappingProxyType({each.id: self._with_start(each) for each in file.feeds})
        self.ups: Mapping[str, Ups] = _by_id(file.ups)
        self.busways = frozenset(each.id for each in file.busways)
        # A busway is a panel of its row; its bars may carry less than the breaker in front of them.
        self.panels: Mapping[str, Panel] = _by_id([*file.panels, *map(_as_panel, file.busways)])
        self.transfer_switches: Mapping[str, TransferSwitch] = _by_id(file.transfer_switches)
        # A power shelf stands between a supply and a rack as a rack PDU does, so that both are judged alike.
        shelves = [_with_meter(each, file.meters) for each in file.power_shelves]
        self.pdus: Mapping[str, Pdu] = _by_id([*file.pdus, *shelves])
        self.loops: Mapping[str, Loop] = _by_id(file.loops)
        self.cdus: Mapping[str, Cdu] = _by_id(file.cdus)
        self.air_units: Mapping[str, AirUnit] = _by_id(file.air_units)
        self.air_groups: Mapping[str, AirGroup] = _by_id(file.air_groups)
        self.chillers: Mapping[str, Chiller] = _by_id(file.chillers)
        self.dry_coolers: Mapping[str, DryCooler] = _by_id(file.dry_coolers)
        self.facility_pumps: Mapping[str, FacilityPump] = _by_id(file.facility_pumps)
        self.meters: Mapping[str, Meter] = _by_id(file.meters)
        self.monitors: Mapping[str, Monitor] = _by_id(file.monitors)
        self.sensors: Mapping[str, Sensor] = _by_id(file.sensors)
        self.contracts: Mapping[str, Contract] = _by_id(file.contracts)
        self._index()

    def _index(self) -> None:
        # Lookups that figures need for every batch are prepared once here.
        plant = (self.chillers, self.dry_coolers, self.facility_pumps)
        powered = (self.ups, self.panels, self.transfer_switches, self.cdus, self.air_units, *plant)
        self._sources: dict[str, tuple[str, ...]] = {
            each.id: tuple(each.fed_by) for section in powered for each in section.values()
        } | {pdu.id: (pdu.fed_by,) for pdu in self.pdus.values()}
        self._fed: dict[str, list[str]] = {}
        for node, sources in self._sources.items():
            for source in sources:
                self._fed.setdefault(source, []).append(node)
        self._feeds_of: dict[str, str | None] = {}
        self._pdus: dict[tuple[str, str], list[Pdu]] = {}
        for pdu in self.pdus.values():
            feed = _SWITCHED if pdu.fed_by in self.transfer_switches else self.feed_of(pdu.id) or ""
            self._pdus.setdefault((pdu.rack, feed), []).append(pdu)
        self._placed_devices: dict[str, Placed] = {}
        for placed in (*powered, self.generators, self.meters, self.monitors, self.sensors):
            self._placed_devices |= placed
        self._metered = {pdu.read_from: pdu for pdu in self.pdus.values() if pdu.read_from != pdu.id}
        self._loop_of = {rack: loop for loop in self.loops.values() for rack in loop.racks}
        self._index_sensors()
        self._ups_order = {ups: number for number, ups in enumerate(self.ups)}
        # Cooling equipment has the label `feed` as well, so that a unit that stops with its only feed is reported with that feed's loss.
        cooling = (self.cdus, self.air_units, *plant)
        self._with_feed = frozenset((*self.ups, *self.panels, *self.pdus, *(each for part in cooling for each in part)))
        self._paths: dict[tuple[str, str], FeedPath] = {}

    def _index_sensors(self) -> None:
        # Sensors by place and device, and what was looked up before: planning asks for each rack and each device several times, and a
        # site of 5,000 devices spent 40 % of planning in searching all UPSs and sensors for each of them.
        self._sensors_at: dict[tuple[str, str], list[Sensor]] = {}
        self._sensors_of: dict[str, list[Sensor]] = {}
        for sensor in self.sensors.values():
            self._sensors_of.setdefault(sensor.device or sensor.id, []).append(sensor)
            if sensor.rack is not None:
                self._sensors_at.setdefault(("rack", sensor.rack), []).append(sensor)
            if (room := self.place(sensor.id).get("room")) is not None:
                self._sensors_at.setdefault(("room", room), []).append(sensor)

    # Power

    def sources(self, device: str) -> tuple[str, ...]:
        """What supplies a UPS, panel, switch, PDU, CDU or air unit directly; empty for a feed and for unknown devices."""
        return self._sources.get(device, ())

    def fed_from(self, node: str) -> tuple[str, ...]:
        """The UPSs, panels, switches, PDUs, CDUs and air units that a feed or device supplies directly."""
        return tuple(self._fed.get(node, ()))

    def downstream(self, node: str) -> frozenset[str]:
        """Every device that a feed, UPS or panel supplies, directly or through others."""
        found: set[str] = set()
        waiting = [node]
        while waiting:
            for each in self._fed.get(waiting.pop(), ()):
                if each not in found:
                    found.add(each)
                    waiting.append(each)
        return frozenset(found)

    def feed_of(self, device: str) -> str | None:
        """The only feed that supplies a device (a feed is its own); None if there are several or none."""
        if device not in self._feeds_of:
            if device not in self.feeds and not self._sources.get(device):
                return None  # not cached, because callers may ask for any name
            feeds = feeds_upstream(device, self._sources)
            self._feeds_of[device] = feeds.pop() if len(feeds) == 1 else None
        return self._feeds_of[device]

    def feeds_of(self, rack: str) -> tuple[str, ...]:
        """The feeds with PDUs of their own in a rack, in the file's order. Raises KeyError if there is no such rack."""
        self.racks[rack]  # an unknown rack must be an error, not a rack without feeds
        return tuple(feed for feed in self.feeds if (rack, feed) in self._pdus)

    def pdus_of(self, rack: str, feed: str | None = None) -> tuple[Pdu, ...]:
        """The PDUs of a rack on one feed; without `feed` all of them, those behind transfer switches last."""
        feeds = (*self.feeds_of(rack), _SWITCHED) if feed is None else (feed,)
        return tuple(pdu for each in feeds for pdu in self._pdus.get((rack, each), ()))

    def supply_read_from(self, device: str) -> Pdu | None:
        """The rack PDU or power shelf whose load a device measures: itself, or the shelf whose tap-off box it is in."""
        return self.pdus.get(device) or self._metered.get(device)

    def switches_of(self, rack: str) -> tuple[TransferSwitch, ...]:
        """The transfer switches that supply PDUs of a rack."""
        behind = dict.fromkeys(pdu.fed_by for pdu in self._pdus.get((rack, _SWITCHED), ()))
        return tuple(self.transfer_switches[each] for each in behind)

    def above(self, *nodes: str) -> tuple[str, ...]:
        """These UPSs, panels and switches and everything that supplies them except the feeds, from the load to the feed."""
        above: list[str] = []
        waiting = [*nodes]
        for node in waiting:  # grows while it is walked: breadth first, so that the order is from the load upwards
            if node not in above and node not in self.feeds:
                above.append(node)
                waiting.extend(self._sources[node])
        return tuple(above)

    def path(self, rack: str, feed: str) -> FeedPath:
        """How a feed supplies a rack through PDUs of its own. Raises KeyError if it does not."""
        found = self._paths.get((rack, feed))
        if found is None:
            found = self._paths[rack, feed] = self._path(rack, feed)
        return found

    def _path(self, rack: str, feed: str) -> FeedPath:
        pdus = self._pdus[rack, feed]
        above = self.above(*(pdu.fed_by for pdu in pdus))
        breakers: dict[Phase, float] = {}
        for pdu in pdus:
            for phase in pdu.phases:
                breakers[phase] = breakers.get(phase, 0.0) + pdu.breaker_a
        return FeedPath(
            rack=rack,
            feed=feed,
            ups=tuple(sorted((node for node in above if node in self.ups), key=self._ups_order.__getitem__)),
            panels=tuple(node for node in reversed(above) if node in self.panels),
            pdus=tuple(pdu.id for pdu in pdus),
            breaker_a=MappingProxyType(dict(sorted(breakers.items()))),
        )

    def shelves_of(self, rack: str, feed: str | None = None) -> tuple[PowerShelf, ...]:
        """The power shelves of a rack, on one feed or all."""
        return tuple(each for each in self.pdus_of(rack, feed) if isinstance(each, PowerShelf))

    @property
    def generator_groups(self) -> Mapping[str, tuple[Generator, ...]]:
        """Generators that run in parallel, by the name of their group."""
        found: dict[str, tuple[Generator, ...]] = {}
        for each in self.generators.values():
            found[group_of(each)] = (*found.get(group_of(each), ()), each)
        return found

    def _with_start(self, feed: Feed) -> Feed:
        """The feed with the start time of its slowest generator as `backup_start_s`: until then not all of them carry load."""
        starts = [
            each.start_s for each in self.generators.values() if feed.id in each.feeds and each.start_s is not None
        ]
        return feed.model_copy(update={"backup_start_s": max(starts)}) if starts else feed

    def curve_of(self, own: Curve | None) -> BreakerCurve:
        """How a breaker trips: its own curve, or that of the section `electrical`."""
        found = self.electrical.breaker_curve if own is None else own
        return CURVES[found] if isinstance(found, str) else found

    # Cooling

    def loop_of(self, rack: str) -> Loop | None:
        """The secondary loop that cools a rack; None for an air-cooled rack."""
        return self._loop_of.get(rack)

    # Places, meters, sensors

    def place(self, device: str) -> dict[str, str]:
        """The labels room, row and rack of a device, as far as the file gives them."""
        pdu = self.supply_read_from(device)
        if pdu is not None:
            return self._place(None, None, pdu.rack)
        placed = self._placed_devices.get(device)
        if (
            isinstance(placed, Sensor)
            and placed.under is not None
            and (placed.room or placed.row or placed.rack) is None
        ):
            placed = self._placed_devices.get(placed.under)
        return self._place(placed.room, placed.row, placed.rack) if placed else {}

    def labels(self, device: str) -> dict[str, str]:
        """All base labels that the file gives a device; empty for a device that is not in the file."""
        if device not in self._placed_devices and device not in self.pdus:
            return {}
        pdu = self._metered.get(device)
        feed = self.feed_of(pdu.id if pdu else device) if pdu or device in self._with_feed else None
        return {"site": self.id} | self.place(device) | ({"feed": feed} if feed else {})

    @property
    def agents(self) -> dict[str, str]:
        """The agent of each device for which the file names one."""
        named = {device: placed.agent for device, placed in self._placed_devices.items()}
        named |= {pdu.id: pdu.agent for pdu in self.pdus.values()}
        return {device: agent for device, agent in named.items() if agent is not None}

    @cached_property
    def devices(self) -> tuple[str, ...]:
        """Ids of everything that may be polled. A sensor is a device of its own unless it is read from another one.

        Generators and cooling plant are left out: they are not polled themselves, but known through their meters and contacts.
        """
        sensors = [sensor.id for sensor in self.sensors.values() if sensor.device is None]
        racked = [pdu.id for pdu in self.pdus.values() if pdu.read_from == pdu.id]
        power = (self.ups, self.panels, self.transfer_switches, racked)
        sections = (*power, self.cdus, self.air_units, self.meters, self.monitors, sensors)
        return tuple(device for section in sections for device in section)

    def meters_of(self, role: MeterRole) -> tuple[Meter, ...]:
        """The meters of a role."""
        return tuple(meter for meter in self.meters.values() if meter.role == role)

    def sensors_of_device(self, device: str) -> tuple[Sensor, ...]:
        """The sensors that are read from a device."""
        return tuple(self._sensors_of.get(device, ()))

    def sensors_at(
        self, *, rack: str | None = None, room: str | None = None, position: Position | None = None
    ) -> tuple[Sensor, ...]:
        """The sensors at a rack, or anywhere in a room, by position if one is given."""
        place = ("rack", rack) if rack is not None else ("room", room or "")
        return tuple(
            sensor for sensor in self._sensors_at.get(place, ()) if position is None or sensor.position == position
        )

    def _place(self, room: str | None, row: str | None, rack: str | None) -> dict[str, str]:
        row = self.racks[rack].row if rack else row
        room = self.rows[row].room if row else room
        return {key: value for key, value in (("room", room), ("row", row), ("rack", rack)) if value}


T = TypeVar("T", bound=Named)


def _by_id(entries: Iterable[T]) -> Mapping[str, T]:
    return MappingProxyType({each.id: each for each in entries})


def _as_panel(busway: Busway) -> Panel:
    limits = [limit for limit in (busway.breaker_a, busway.rated_a) if limit is not None]
    return busway.model_copy(update={"breaker_a": min(limits, default=None)})


def _with_meter(shelf: PowerShelf, meters: Iterable[Meter]) -> PowerShelf:
    """The shelf with the meter that measures it alone, if it names none itself."""
    own = next((meter.id for meter in meters if meter.measures == [shelf.id]), None)
    return shelf if own is None or shelf.meter is not None else shelf.model_copy(update={"meter": own})
