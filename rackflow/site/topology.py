"""A site as lookups: paths of power and liquid, places and labels.

Built only from a file that passed `check`: the walks here rely on known ids and on a power path without cycles.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rackflow.site.check import feeds_upstream
from rackflow.site.cooling import AirUnit, Cdu, Loop
from rackflow.site.file import Contract, Meter, MeterRole, Monitor, Position, Rack, Room, Row, Sensor, SiteFile
from rackflow.site.power import CURVES, BreakerCurve, Curve, Feed, Panel, Pdu, TransferSwitch, Ups
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

    def __init__(self, file: SiteFile) -> None:
        """`file` must have no problems (`rackflow.site.check`)."""
        self.id = file.site
        self.electrical = file.electrical
        self.grid = file.grid
        self.rooms: Mapping[str, Room] = MappingProxyType({each.id: each for each in file.rooms})
        self.rows: Mapping[str, Row] = MappingProxyType({each.id: each for each in file.rows})
        self.racks: Mapping[str, Rack] = MappingProxyType({each.id: each for each in file.racks})
        self.feeds: Mapping[str, Feed] = MappingProxyType({each.id: each for each in file.feeds})
        self.ups: Mapping[str, Ups] = MappingProxyType({each.id: each for each in file.ups})
        self.panels: Mapping[str, Panel] = MappingProxyType({each.id: each for each in file.panels})
        self.transfer_switches: Mapping[str, TransferSwitch] = MappingProxyType(
            {each.id: each for each in file.transfer_switches}
        )
        self.pdus: Mapping[str, Pdu] = MappingProxyType({each.id: each for each in file.pdus})
        self.loops: Mapping[str, Loop] = MappingProxyType({each.id: each for each in file.loops})
        self.cdus: Mapping[str, Cdu] = MappingProxyType({each.id: each for each in file.cdus})
        self.air_units: Mapping[str, AirUnit] = MappingProxyType({each.id: each for each in file.air_units})
        self.meters: Mapping[str, Meter] = MappingProxyType({each.id: each for each in file.meters})
        self.monitors: Mapping[str, Monitor] = MappingProxyType({each.id: each for each in file.monitors})
        self.sensors: Mapping[str, Sensor] = MappingProxyType({each.id: each for each in file.sensors})
        self.contracts: Mapping[str, Contract] = MappingProxyType({each.id: each for each in file.contracts})
        # Lookups that are walked for every figure of every batch are prepared once here.
        powered = (self.ups, self.panels, self.transfer_switches, self.cdus, self.air_units)
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
        for placed in (*powered, self.meters, self.monitors, self.sensors):
            self._placed_devices |= placed
        self._loop_of = {rack: loop for loop in self.loops.values() for rack in loop.racks}
        # Sensors by place and device, and what was looked up before: planning asks for each rack and each device several times, and a
        # site of 5,000 devices spent 40 % of planning in searching all UPSs and sensors anew.
        self._sensors_at: dict[tuple[str, str], list[Sensor]] = {}
        self._sensors_of: dict[str, list[Sensor]] = {}
        for sensor in self.sensors.values():
            self._sensors_of.setdefault(sensor.device or sensor.id, []).append(sensor)
            if sensor.rack is not None:
                self._sensors_at.setdefault(("rack", sensor.rack), []).append(sensor)
            if (room := self.place(sensor.id).get("room")) is not None:
                self._sensors_at.setdefault(("room", room), []).append(sensor)
        self._ups_order = {ups: number for number, ups in enumerate(self.ups)}
        self._with_feed = frozenset((*self.ups, *self.panels, *self.pdus))
        self._paths: dict[tuple[str, str], FeedPath] = {}

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
                return None  # not remembered: anybody may ask for any name
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

    def curve_of(self, own: Curve | None) -> BreakerCurve:
        """How a breaker trips: as it says itself, or as the site's breakers do."""
        found = self.electrical.breaker_curve if own is None else own
        return CURVES[found] if isinstance(found, str) else found

    # Cooling

    def loop_of(self, rack: str) -> Loop | None:
        """The secondary loop that cools a rack; None for an air-cooled rack."""
        return self._loop_of.get(rack)

    # Places, meters, sensors

    def place(self, device: str) -> dict[str, str]:
        """The labels room, row and rack of a device, as far as the file gives them."""
        if device in self.pdus:
            return self._place(None, None, self.pdus[device].rack)
        placed = self._placed_devices.get(device)
        return self._place(placed.room, placed.row, placed.rack) if placed else {}

    def labels(self, device: str) -> dict[str, str]:
        """All base labels that the file gives a device; empty for a device that is not in the file."""
        if device not in self._placed_devices and device not in self.pdus:
            return {}
        feed = self.feed_of(device) if device in self._with_feed else None
        return {"site": self.id} | self.place(device) | ({"feed": feed} if feed else {})

    @property
    def agents(self) -> dict[str, str]:
        """The agent of each device for which the file names one."""
        named = {device: placed.agent for device, placed in self._placed_devices.items()}
        named |= {pdu.id: pdu.agent for pdu in self.pdus.values()}
        return {device: agent for device, agent in named.items() if agent is not None}

    @property
    def devices(self) -> tuple[str, ...]:
        """Ids of everything that may be polled. A sensor is a device of its own unless it is read from another one."""
        sensors = [sensor.id for sensor in self.sensors.values() if sensor.device is None]
        power = (self.ups, self.panels, self.transfer_switches, self.pdus)
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
        found: Iterable[Sensor] = self.sensors.values()
        if rack is not None:
            found = self._sensors_at.get(("rack", rack), ())
        elif room is not None:
            found = self._sensors_at.get(("room", room), ())
        return tuple(
            sensor
            for sensor in found
            if (rack is None or room is None or self.place(sensor.id).get("room") == room)
            and (position is None or sensor.position == position)
        )

    def _place(self, room: str | None, row: str | None, rack: str | None) -> dict[str, str]:
        row = self.racks[rack].row if rack else row
        room = self.rows[row].room if row else room
        return {key: value for key, value in (("room", room), ("row", row), ("rack", rack)) if value}
