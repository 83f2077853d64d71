"""Checks the relations between the sections of a site file, and reports every mistake with its place in the file.

Later code relies on these checks: `Site` and the simulator assume ids that exist, no cycles, and one feed per UPS.
"""

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from rackflow.plural import count_of
from rackflow.site.check_plant import Mistake, plant_mistakes
from rackflow.site.file import SiteFile
from rackflow.site.power import Panel, Pdu, Ups
from rackflow.site.section import PHASES, Placed

# Sections of what supplies power to others.
_POWER: Final = ("feeds", "ups", "panels", "busways")


class Named(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str: ...


class _Ids:
    """The ids that each section defines."""

    def __init__(self, file: SiteFile) -> None:
        self.of = {name: {entry.id for entry in entries} for name, entries in sections(file).items()}

    def among(self, *names: str) -> set[str]:
        """The ids of these sections, in one set."""
        return set[str]().union(*(self.of[name] for name in names))


def sections(file: SiteFile) -> Mapping[str, Sequence[Named]]:
    """The sections that are lists, by their key in the file."""
    return {name: value for name in type(file).model_fields if isinstance(value := getattr(file, name), list)}


def mistakes(file: SiteFile) -> Iterator[Mistake]:
    """Everything that is wrong with the relations between sections, in the order of the file's sections.

    Checks that walk the power path run only on paths that exist and have no cycle: one wrong name would otherwise be reported
    again by every check that follows it, and a cycle would never end.
    """
    ids = _Ids(file)
    yield from _duplicate_ids(file)
    broken = [*_unknown_ids(file, ids), *_contacts(file, ids)]
    yield from broken
    if not broken:
        # Feeds upstream can only be followed where there is no cycle.
        cycles = list(_cycles(file))
        yield from cycles or _mixed_feeds(file)
        if not cycles:
            yield from _switches(file)
            yield from _racks(file)
    yield from _shelf_meters(file)
    # Cooling and sensors do not depend on the power path, so their mistakes are reported even if it is broken.
    yield from _loops(file)
    yield from _cooled_racks(file)
    yield from plant_mistakes(file)
    yield from _sensors(file)


def _duplicate_ids(file: SiteFile) -> Iterator[Mistake]:
    """Ids given twice. Places and contracts are unique within their section.

    Everything that can be fed, measured or polled shares one name space, because `from` and `measures` refer to ids of any section.
    """
    devices: dict[str, str] = {}
    for name, entries in sections(file).items():
        seen = {} if name in {"rooms", "rows", "racks", "contracts", "air_groups"} else devices
        for index, entry in enumerate(entries):
            if entry.id in seen:
                first = seen[entry.id]
                where = f" in {first}" if first != name else ""
                yield (name, index, "id"), f"id {entry.id!r} is already used{where}; ids must be unique"
            seen[entry.id] = name


def _unknown_ids(file: SiteFile, ids: _Ids) -> Iterator[Mistake]:
    """Keys that name something which the file does not have, or something of another kind."""
    for name, key, what, known in _references(file, ids):
        # The field is named `fed_by`, because `from` is a Python keyword; errors name the file's key.
        for index, entry in enumerate(sections(file)[name]):
            yield from _unknown((name, index, "from" if key == "fed_by" else key), getattr(entry, key), what, known)
    for index, switch in enumerate(file.transfer_switches):
        for source, each in switch.inputs.items():
            known = ids.among(*_POWER)
            yield from _unknown(("transfer_switches", index, source, "from"), each.fed_by, "feed, UPS or panel", known)
    for name, entries in sections(file).items():
        for index, entry in enumerate(entries):
            if isinstance(entry, Placed):
                for key in ("room", "row", "rack"):
                    yield from _unknown((name, index, key), getattr(entry, key), key, ids.of[f"{key}s"])


def _references(file: SiteFile, ids: _Ids) -> Iterable[tuple[str, str, str, set[str]]]:
    """The keys that name something: their section, the key, what it names (in words), and the ids that it may have."""
    power = ids.among(*_POWER)
    switches = ids.of["transfer_switches"]
    plant = ids.among("chillers", "dry_coolers", "facility_pumps")
    units = plant | ids.among("cdus", "air_units")
    racked = ids.among("pdus", "power_shelves")
    # What a meter may measure, and what a sensor may be read from.
    measured = power | switches | racked | units | ids.among("generators", "racks", "loops")
    readable = measured.difference(ids.among("feeds", "racks", "loops")) | ids.among("meters", "monitors")
    return (
        ("rows", "room", "room", ids.of["rooms"]),
        ("racks", "row", "row", ids.of["rows"]),
        ("generators", "feeds", "feed", ids.of["feeds"]),
        ("ups", "fed_by", "feed, UPS or panel", power),
        ("panels", "fed_by", "feed, UPS or panel", power),
        ("busways", "fed_by", "feed, UPS or panel", power),
        ("pdus", "rack", "rack", ids.of["racks"]),
        ("pdus", "fed_by", "feed, UPS, panel or transfer switch", power | switches),
        ("power_shelves", "rack", "rack", ids.of["racks"]),
        ("power_shelves", "fed_by", "feed, UPS, panel, busway or transfer switch", power | switches),
        ("power_shelves", "meter", "meter", ids.of["meters"]),
        ("loops", "racks", "rack", ids.of["racks"]),
        ("cdus", "primary", "loop", ids.of["loops"]),
        ("cdus", "secondary", "loop", ids.of["loops"]),
        ("cdus", "fed_by", "feed, UPS, panel or PDU", power | racked),
        ("air_units", "primary", "loop", ids.of["loops"]),
        ("air_units", "fed_by", "feed, UPS, panel or PDU", power | racked),
        ("air_units", "group", "group of air_groups", ids.of["air_groups"]),
        *(
            (name, *each)
            for name in ("chillers", "dry_coolers", "facility_pumps")
            for each in (("loop", "loop", ids.of["loops"]), ("fed_by", "feed, UPS or panel", power))
        ),
        ("meters", "measures", "feed, device, rack or loop", measured),
        ("meters", "behind", "meter of role facility", {m.id for m in file.meters if m.role == "facility"}),
        ("sensors", "loop", "loop", ids.of["loops"]),
        ("sensors", "under", "CDU, air unit, chiller, dry cooler or facility pump", units),
        ("sensors", "device", "device", readable),
        ("contracts", "meter", "meter of role pv or other", {m.id for m in file.meters if m.role in {"pv", "other"}}),
    )


def _contacts(file: SiteFile, ids: _Ids) -> Iterator[Mistake]:
    """Fault contacts on devices that are not in the file. Any polled device may have contact inputs."""
    contacts = [
        *(("generators", index, each.fault) for index, each in enumerate(file.generators)),
        *(("chillers", index, each.fault) for index, each in enumerate(file.chillers)),
        *(("dry_coolers", index, each.fault) for index, each in enumerate(file.dry_coolers)),
        *(("facility_pumps", index, each.fault) for index, each in enumerate(file.facility_pumps)),
    ]
    polled = ids.among("ups", "panels", "busways", "transfer_switches", "pdus", "power_shelves")
    polled |= ids.among("cdus", "air_units", "meters", "monitors")
    for name, index, fault in contacts:
        if fault is not None:
            yield from _unknown((name, index, "fault", "device"), fault.device, "device", polled)


def _unknown(path: tuple[str | int, ...], named: object, what: str, known: Collection[str]) -> Iterator[Mistake]:
    """Ids in one field (a name, or a list of names) that are not among the known ones. `what` says what the field must name."""
    names: Sequence[object] = named if isinstance(named, list) else [named]
    for position, name in enumerate(names):
        if isinstance(name, str) and name not in known:
            # Most unknown ids are typing errors, so the closest known id is suggested.
            close = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else "add it, or correct the name"
            yield (*path, position) if isinstance(named, list) else path, f"unknown {what} {name!r}; {remedy}"


def _sources(file: SiteFile) -> dict[str, Sequence[str]]:
    """What supplies each UPS, panel, transfer switch and PDU directly."""
    found: dict[str, Sequence[str]] = {pdu.id: [pdu.fed_by] for _, _, pdu in rack_supplies(file)}
    found |= {switch.id: switch.fed_by for switch in file.transfer_switches}
    return found | {each.id: each.fed_by for _, _, each in _distribution(file)}


def _shelf_meters(file: SiteFile) -> Iterator[Mistake]:
    """Power shelves that share one meter: its reading would be counted for each of them."""
    seen: dict[str, str] = {}
    for index, shelf in enumerate(file.power_shelves):
        if shelf.meter is not None and shelf.meter in seen:
            what = f"{shelf.id!r} and {seen[shelf.meter]!r} have the same meter {shelf.meter!r}"
            yield ("power_shelves", index, "meter"), f"{what}; give each its own, or describe both as one shelf"
        if shelf.meter is not None:
            seen[shelf.meter] = shelf.id


def rack_supplies(file: SiteFile) -> Iterator[tuple[str, int, Pdu]]:
    """Rack PDUs and power shelves, each with its section and position."""
    yield from (("pdus", index, pdu) for index, pdu in enumerate(file.pdus))
    yield from (("power_shelves", index, shelf) for index, shelf in enumerate(file.power_shelves))


def _distribution(file: SiteFile) -> Iterator[tuple[str, int, Ups | Panel]]:
    yield from (("ups", index, ups) for index, ups in enumerate(file.ups))
    yield from (("panels", index, panel) for index, panel in enumerate(file.panels))
    yield from (("busways", index, busway) for index, busway in enumerate(file.busways))


def _cycles(file: SiteFile) -> Iterator[Mistake]:
    """Cycles in the power path. Each is reported once, at the member that comes first in the file."""
    sources = _sources(file)
    reported: set[str] = set()
    for name, index, entry in _distribution(file):
        cycle = _path_to_itself(entry.id, sources)
        if cycle and not reported.intersection(cycle):
            reported.update(cycle)
            path = " from ".join([*cycle, entry.id])
            yield (name, index, "from"), f"{entry.id!r} supplies itself: {path}; break the cycle"


def _path_to_itself(start: str, sources: Mapping[str, Sequence[str]]) -> list[str]:
    """The shortest path from a node upstream to itself; empty if there is none."""
    # Breadth first, so that the reported cycle is as short as possible. `ways`, each a list of nodes from the start on, grows meanwhile.
    ways, seen = [[start]], {start}
    for way in ways:
        for source in sources.get(way[-1], ()):
            if source == start:
                return way
            if source not in seen:
                seen.add(source)
                ways.append([*way, source])
    return []


def feeds_upstream(node: str, sources: Mapping[str, Sequence[str]]) -> set[str]:
    """The feeds that supply a node, directly or through others. `sources` must have no cycle."""
    above = sources.get(node)
    if above is None:
        return {node}
    return set[str]().union(*(feeds_upstream(source, sources) for source in above))


def _mixed_feeds(file: SiteFile) -> Iterator[Mistake]:
    """UPSs and panels supplied by several feeds.

    The loss of a feed is assessed by what the feed supplies; a device on two feeds would belong to neither. A member of a mixed
    chain is reported where the feeds meet, not again downstream.
    """
    sources = _sources(file)
    for name, index, entry in _distribution(file):
        feeds_by_source = [feeds_upstream(source, sources) for source in entry.fed_by]
        all_feeds = set[str]().union(*feeds_by_source)
        if len(all_feeds) > 1 and all(len(feeds) == 1 for feeds in feeds_by_source):
            named = " and ".join(sorted(all_feeds))
            yield (
                (name, index, "from"),
                f"{entry.id!r} is supplied by feeds {named}; a UPS or panel must have one feed",
            )


def _switches(file: SiteFile) -> Iterator[Mistake]:
    """Transfer switches with both inputs on one feed, and PDUs on phases that their switch does not have."""
    sources = _sources(file)
    phases = {switch.id: PHASES[: len(switch.a.phases)] for switch in file.transfer_switches}
    for index, switch in enumerate(file.transfer_switches):
        both = feeds_upstream(switch.a.fed_by, sources) & feeds_upstream(switch.b.fed_by, sources)
        if both:
            named = ", ".join(sorted(both))
            what = f"both inputs of {switch.id!r} are supplied by feed {named}; connect one to another feed"
            yield ("transfer_switches", index, "b", "from"), what
    for name, index, pdu in rack_supplies(file):
        if pdu.fed_by in phases and not set(pdu.phases) <= set(phases[pdu.fed_by]):
            has = " ".join(phases[pdu.fed_by])
            yield (name, index, "phases"), f"{pdu.fed_by!r} has {has} at its output; name the phases of these"


def _racks(file: SiteFile) -> Iterator[Mistake]:
    """Racks with too many or too few PDUs or power shelves on a feed, or with none. Those behind transfer switches do not count."""
    sources = _sources(file)
    # By rack and feed: section, position and id of each PDU or power shelf.
    fed: dict[str, dict[str, list[tuple[str, int, str]]]] = {}
    switches = {switch.id for switch in file.transfer_switches}
    switched = {pdu.rack for _, _, pdu in rack_supplies(file) if pdu.fed_by in switches}
    for section, index, pdu in rack_supplies(file):
        # A PDU behind a transfer switch has two feeds and belongs to neither: it adds no redundancy that could be counted.
        for feed in feeds_upstream(pdu.id, sources) if pdu.fed_by not in switches else ():
            fed.setdefault(pdu.rack, {}).setdefault(feed, []).append((section, index, pdu.id))
    for at, rack in enumerate(file.racks):
        pdus_by_feed = fed.get(rack.id, {})
        if not pdus_by_feed and rack.id not in switched:
            what = f"rack {rack.id!r} has no PDU and no power shelf"
            yield ("racks", at), f"{what}; add one under pdus or power_shelves, or remove the rack"
        numbers = {feed: len(found) for feed, found in sorted(pdus_by_feed.items())}
        named = rack.pdus_per_feed if isinstance(rack.pdus_per_feed, dict) else {}
        for feed in [*pdus_by_feed, *(feed for feed in named if feed not in pdus_by_feed)]:
            found, expected = pdus_by_feed.get(feed, []), rack.pdus_on(feed)
            if len(found) == expected:
                continue
            # If there is one PDU too many, the error points at the last one. If one is missing, only the rack can be pointed at.
            where = (*found[-1][:2], "from") if len(found) > expected else ("racks", at, "pdus_per_feed")
            names = f" ({', '.join(pdu for _, _, pdu in found)})" if found else ""
            what = f"rack {rack.id!r} has {count_of(len(found), 'PDU')} on feed {feed}{names}, and its pdus_per_feed says {expected}"
            yield where, f"{what}; correct its PDUs, or write `pdus_per_feed: {_as_yaml(numbers)}` if these are all"


def _as_yaml(numbers: Mapping[str, int]) -> str:
    """The numbers as they are written in the file: `{A: 2, B: 1}`, or one that holds for each feed."""
    if len(set(numbers.values())) == 1:
        return str(next(iter(numbers.values())))
    return "{" + ", ".join(f"{feed}: {number}" for feed, number in numbers.items()) + "}"


def _loops(file: SiteFile) -> Iterator[Mistake]:
    """Units on a loop of the wrong kind, limits on the wrong kind of loop, and secondary loops with too few CDUs."""
    kinds = {loop.id: loop.kind for loop in file.loops}
    supplied: Counter[str] = Counter()
    units = (("cdus", "primary", file.cdus), ("cdus", "secondary", file.cdus), ("air_units", "primary", file.air_units))
    for name, key, entries in units:
        for index, unit in enumerate(entries):
            named = getattr(unit, key)
            for loop in named if isinstance(named, list) else [named]:
                supplied[loop] += 1
                # An unknown loop is reported elsewhere, so it counts as the right kind here.
                if kinds.get(loop, key) != key:
                    yield (name, index, key), f"{loop!r} is a {kinds[loop]} loop; name a {key} loop"
    for index, each in enumerate(file.loops):
        if each.kind == "primary" and each.max_supply_celsius is not None:
            what = "only a secondary loop has this limit; remove it, or correct the kind"
            yield ("loops", index, "max_supply_celsius"), what
        for key in ("reservoir_m3", "min_ride_through_s"):
            if each.kind == "primary" and getattr(each, key):
                yield ("loops", index, key), "only a secondary loop has this; remove it, or correct the kind"
        has = supplied[each.id]
        if each.kind == "secondary" and has < each.cdus_required:
            what = f"loop {each.id!r} has {has} of {each.cdus_required} required CDUs"
            yield ("loops", index, "cdus_required"), f"{what}; add a CDU, or correct the number"


def _cooled_racks(file: SiteFile) -> Iterator[Mistake]:
    """Racks on a primary loop, on two loops, or with liquid-cooled heat but no loop."""
    cooled: dict[str, str] = {}
    for index, loop in enumerate(file.loops):
        if loop.kind == "primary" and loop.racks:
            yield ("loops", index, "racks"), "only a secondary loop cools racks; remove them, or correct the kind"
            continue
        for position, name in enumerate(loop.racks):
            if name in cooled:
                what = f"rack {name!r} is already cooled by loop {cooled[name]!r}"
                yield ("loops", index, "racks", position), f"{what}; a rack can have one loop"
            cooled[name] = loop.id
    for index, rack in enumerate(file.racks):
        if rack.liquid_share > 0 and rack.id not in cooled:
            what = f"rack {rack.id!r} has a liquid share but no loop cools it"
            yield ("racks", index, "liquid_share"), f"{what}; add it to a loop's racks, or remove liquid_share"


def _sensors(file: SiteFile) -> Iterator[Mistake]:
    """Sensors of one device with the same label: their readings could not be told apart."""
    seen: dict[tuple[str, str | None], str] = {}
    for index, sensor in enumerate(file.sensors):
        for key in ("sensor", "humidity_sensor"):
            # Without `device` the sensor is a device of its own. None as its label means all of the device's sensors.
            named = (sensor.device or sensor.id, getattr(sensor, key))
            if key == "humidity_sensor" and sensor.humidity_sensor is None:
                continue
            if named in seen:
                what = f"is the same sensor of the device as {seen[named]!r}"
                yield ("sensors", index, key), f"{what}; name each sensor of a device once"
            seen[named] = sensor.id
