"""Where everything stands: rooms, rows, racks and the devices in them, from the site file or else from the labels of devices.

A layout is made again only when a device or a series is new, or a device stands elsewhere, because it does not depend on any value. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from collector.derive import ups_groups
from collector.latest import DeviceState, Latest
from rackflow.site import Site

# Metrics of which the floor reads every series of a device; the keys are looked up once for each layout.
READ = frozenset(
    {
        "dcim_pdu_phase_voltage_volts",
        "dcim_pdu_input_power_watts",
        "dcim_pdu_phase_power_watts",
        "dcim_env_temperature_celsius",
        "dcim_cdu_pump_state",
        "dcim_cdu_flow_cubic_meters_per_second",
        "dcim_cdu_supply_temperature_celsius",
        "dcim_cdu_return_temperature_celsius",
        "dcim_cdu_heat_removed_watts",
        "dcim_cdu_power_watts",
        "dcim_crah_power_watts",
        "dcim_ups_output_source",
        "dcim_ups_output_load_ratio",
        "dcim_ups_output_total_power_watts",
        "dcim_ups_output_power_watts",
        "dcim_ups_battery_runtime_seconds",
        "dcim_meter_power_watts",
        "dcim_meter_voltage_volts",
        "dcim_meter_phase_power_watts",
    }
)
READ_SERIES: Final = "layout_series"
"""Key of what is cached for a device between two layouts (`DeviceState.cache`)."""
SeriesOf = Mapping[str, Sequence[tuple[str, Mapping[str, str]]]]
"""By metric: key and labels of each series of a device."""


@dataclass(frozen=True, slots=True)
class RackPlace:
    """A rack and what is in it. `pdus` are by feed; those behind a transfer switch are under no feed."""

    id: str
    room: str
    row: str
    design_power_w: float | None
    devices: tuple[str, ...]
    pdus: Mapping[str, tuple[str, ...]]
    cdus: tuple[str, ...]
    """The CDUs of its loop."""
    inlets: tuple[tuple[str, str | None], ...]
    """Sensors before it: the device, and which of the device's sensors."""
    pdus_without_feed: tuple[str, ...] = ()
    """PDUs whose agent names no feed for them; with a site file, every PDU has one."""

    @property
    def every_pdu(self) -> tuple[str, ...]:
        """All of its PDUs, whatever feeds them."""
        return (*(pdu for each in self.pdus.values() for pdu in each), *self.pdus_without_feed)

    @property
    def sources(self) -> tuple[str, ...]:
        """Every device whose readings its state depends on."""
        return tuple(dict.fromkeys([*self.devices, *self.cdus, *(device for device, _ in self.inlets)]))


@dataclass(frozen=True, slots=True)
class CduPlace:
    """A CDU and where it stands."""

    id: str
    room: str
    row: str
    loop: str


@dataclass(frozen=True, slots=True)
class RowPlace:
    """A row with its racks and CDUs in the order in which they stand."""

    id: str
    room: str
    racks: tuple[str, ...]
    cdus: tuple[str, ...]


@dataclass(slots=True)
class Layout:
    """One site. `rooms` are all of them in the file's order; a device without a room is in the room ''."""

    site: str
    file: Site | None
    version: int
    rooms: tuple[str, ...] = ()
    rows: tuple[RowPlace, ...] = ()
    racks: dict[str, RackPlace] = field(default_factory=dict)
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By rack: every device whose readings the rack's state depends on."""
    cdus: dict[str, CduPlace] = field(default_factory=dict)
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    """Base labels of each device: room, row, rack, feed."""
    of_class: dict[str, list[str]] = field(default_factory=dict)
    """Devices that have sent a message, by class."""
    upss: tuple[str, ...] = ()
    """The UPSs in the site file; without one, those that have sent a message."""
    ups_groups: tuple[tuple[str, ...], ...] = ()
    """UPSs in parallel; a single one is a group of one."""
    series: dict[str, SeriesOf] = field(default_factory=dict)
    """By device, of the metrics in `READ`."""
    racks_of_loop: dict[str, tuple[str, ...]] = field(default_factory=dict)
    racks_of_room: dict[str, list[str]] = field(default_factory=dict)
    devices_of_room: dict[str, list[str]] = field(default_factory=dict)


def make_layout(site: str, file: Site | None, latest: Latest) -> Iterator[Layout | None]:
    """Make a layout in steps: yields None after each device, and the layout at last."""
    layout = Layout(site, file, latest.changes)
    heard: dict[str, DeviceState] = {}
    for device in [each for each in latest.devices() if each.site == site]:
        heard[device.device] = device
        layout.places[device.device] = dict(device.labels) | (file.labels(device.device) if file is not None else {})
        layout.of_class.setdefault(device.device_class, []).append(device.device)
        layout.series[device.device] = _series(device)
        yield None
    if file is not None:
        for name in file.devices:
            if name not in layout.places:
                layout.places[name] = file.labels(name)
    by_rack: dict[str, list[str]] = {}
    for name, place in layout.places.items():
        if place.get("rack"):
            by_rack.setdefault(place["rack"], []).append(name)
        yield None
    if file is not None:
        yield from _from_file(layout, file, by_rack)
    _from_labels(layout, heard, by_rack)
    layout.upss = tuple(file.ups) if file is not None else tuple(layout.of_class.get("ups", ()))
    layout.ups_groups = tuple(ups_groups(file)) if file is not None else tuple((ups,) for ups in layout.upss)
    layout.sources = {rack.id: rack.sources for rack in layout.racks.values()}
    for rack in layout.racks.values():
        layout.racks_of_room.setdefault(rack.room, []).append(rack.id)
    for name, place in layout.places.items():
        layout.devices_of_room.setdefault(place.get("room", ""), []).append(name)
    rooms = [*(file.rooms if file is not None else ()), *layout.racks_of_room, *layout.devices_of_room]
    layout.rooms = tuple(dict.fromkeys(rooms))
    yield layout


def _series(device: DeviceState) -> SeriesOf:
    """The series of a device that the floor reads. Cached until one of its own series comes or goes, whatever other devices do."""
    known = device.cache.get(READ_SERIES)
    if isinstance(known, dict):
        return known
    found: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
    for key, reading in device.series.items():
        name = reading.series.metric.name
        if name in READ:
            found.setdefault(name, []).append((key, reading.series.by_name))
    device.cache[READ_SERIES] = found
    return found


def _from_file(layout: Layout, file: Site, by_rack: Mapping[str, Sequence[str]]) -> Iterator[None]:
    cdus_of_loop: dict[str, list[str]] = {}
    cdus_of_row: dict[str, list[str]] = {}
    for cdu in file.cdus.values():
        place = file.place(cdu.id)
        layout.cdus[cdu.id] = CduPlace(cdu.id, place.get("room", ""), place.get("row", ""), cdu.secondary)
        cdus_of_loop.setdefault(cdu.secondary, []).append(cdu.id)
        cdus_of_row.setdefault(place.get("row", ""), []).append(cdu.id)
    layout.racks_of_loop = {loop.id: tuple(loop.racks) for loop in file.loops.values()}
    racks_of_row: dict[str, list[str]] = {}
    for rack in file.racks.values():
        racks_of_row.setdefault(rack.row, []).append(rack.id)
        loop = file.loop_of(rack.id)
        layout.racks[rack.id] = RackPlace(
            id=rack.id,
            room=file.rows[rack.row].room,
            row=rack.row,
            design_power_w=rack.design_power_w,
            devices=tuple(by_rack.get(rack.id, ())),
            pdus={feed: tuple(pdu.read_from for pdu in file.pdus_of(rack.id, feed)) for feed in _feeds(file, rack.id)},
            cdus=tuple(cdus_of_loop.get(loop.id, ())) if loop is not None else (),
            inlets=tuple(
                (sensor.device or sensor.id, sensor.sensor)
                for sensor in file.sensors_at(rack=rack.id, position="inlet")
                if sensor.measures == "air"
            ),
        )
        yield
    rows = [
        RowPlace(row.id, row.room, tuple(racks_of_row.get(row.id, ())), tuple(cdus_of_row.get(row.id, ())))
        for row in file.rows.values()
    ]
    # CDUs without a row are put into a row without a name, because otherwise the page would not show them.
    by_room: dict[str, list[str]] = {}
    for name in cdus_of_row.get("", ()):
        by_room.setdefault(layout.cdus[name].room, []).append(name)
    layout.rows = (*rows, *(RowPlace("", room, (), tuple(names)) for room, names in by_room.items()))


def _feeds(file: Site, rack: str) -> Iterable[str]:
    behind = {file.feed_of(source) for switch in file.switches_of(rack) for source in switch.fed_by}
    return dict.fromkeys([*file.feeds_of(rack), *sorted(feed for feed in behind if feed)])


def _from_labels(layout: Layout, heard: Mapping[str, DeviceState], by_rack: Mapping[str, Sequence[str]]) -> None:
    """Add the racks, rows and CDUs that devices name and the site file does not have."""
    rows: dict[tuple[str, str], list[str]] = {}
    for rack, devices in sorted(by_rack.items()):
        if rack in layout.racks:
            continue
        place = layout.places[devices[0]]
        pdus: dict[str, list[str]] = {}
        for name in devices:
            if name in heard and heard[name].device_class == "pdu":
                pdus.setdefault(layout.places[name].get("feed", ""), []).append(name)
        layout.racks[rack] = RackPlace(
            id=rack,
            room=place.get("room", ""),
            row=place.get("row", ""),
            design_power_w=None,
            devices=tuple(sorted(devices)),
            pdus={feed: tuple(found) for feed, found in sorted(pdus.items()) if feed},
            pdus_without_feed=tuple(pdus.get("", ())),
            cdus=tuple(sorted(name for name in devices if name in heard and heard[name].device_class == "cdu")),
            inlets=(),
        )
        rows.setdefault((place.get("room", ""), place.get("row", "")), []).append(rack)
    cdus: dict[tuple[str, str], list[str]] = {}
    for name in layout.of_class.get("cdu", ()):
        if name not in layout.cdus:
            place = layout.places[name]
            layout.cdus[name] = CduPlace(name, place.get("room", ""), place.get("row", ""), "")
            cdus.setdefault((place.get("room", ""), place.get("row", "")), []).append(name)
    known = {(row.room, row.id): row for row in layout.rows}
    for where in dict.fromkeys([*rows, *cdus]):
        before = known.get(where) or RowPlace(where[1], where[0], (), ())
        known[where] = RowPlace(
            before.id, before.room, (*before.racks, *rows.get(where, ())), (*before.cdus, *cdus.get(where, ()))
        )
    layout.rows = tuple(known.values())
