"""Translates what NetBox has of a site into what a site file is drafted from. NetBox 4.x, with the cooling models of 4.7. No I/O.

| NetBox | site file |
|---|---|
| rack; its group, or a location inside a location; its location | rack, row, room |
| power panel | panel; its feed is A if all of its power feeds are primary, B if all are redundant, and to fill in otherwise |
| power feed and its cable to a PDU | the PDU's `from`, `breaker_a` and `phases` |
| cable from an outlet to a PDU | the PDU's `from` is the UPS or transfer switch that has the outlet |
| device with a role of a word pdu, ups, ats, sts, cdu, crah, crac, rdhx or meter | PDU, UPS, transfer switch, CDU, air unit, meter |
| device with a role of a word rpp, busway, power shelf, generator, genset, chiller, dry cooler, facility pump | the section of that name |
| cooling source | a primary loop; of type CRAC or CRAH: an air unit |
| cooling feed of a CDU's rack | the CDU's primary loop |
| cooling intakes and outflows | which racks a CDU supplies; CDUs that supply the same rack have one secondary loop |

NetBox has no design power, no ratings of devices and no volume of a loop; `custom_fields` of the site file's own names are taken over.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rackflow.drafting.draft import MODELS, UNKNOWN, Given, safe_name
from rackflow.drafting.netbox_names import named
from rackflow.errors import ConfigError

Object = Mapping[str, Any]
Inventory = Mapping[str, Sequence[Object]]
"""Objects by endpoint of `/api/dcim/`."""
ENDPOINTS = ("sites", "locations", "racks", "power-panels", "power-feeds", "devices", "power-ports", "power-outlets")
# New in NetBox 4.7; older ones answer 404.
COOLING_ENDPOINTS = ("cooling-sources", "cooling-feeds", "cooling-intakes", "cooling-outflows")
# Words of a device role's slug. Roles are every site's own, and these words are in nearly all of them.
ROLES: Mapping[str, str] = {
    "pdu": "pdus",
    "rpdu": "pdus",
    "ups": "ups",
    "ats": "transfer_switches",
    "sts": "transfer_switches",
    "cdu": "cdus",
    "crah": "air_units",
    "crac": "air_units",
    "rdhx": "air_units",
    "meter": "meters",
    "rpp": "panels",
    "busway": "busways",
    "powershelf": "power_shelves",
    "generator": "generators",
    "genset": "generators",
    "chiller": "chillers",
    "drycooler": "dry_coolers",
}
# Those whose words alone say too little.
ROLES_OF_TWO_WORDS: Mapping[frozenset[str], str] = {
    frozenset({"power", "shelf"}): "power_shelves",
    frozenset({"dry", "cooler"}): "dry_coolers",
    frozenset({"facility", "pump"}): "facility_pumps",
}
DIRECT_CURRENT = "dc"
AIR_SOURCES = frozenset({"crac", "crah"})
# What is not there, or not yet, is no part of the site.
ABSENT_STATUS = frozenset({"planned", "decommissioning", "inventory", "offline"})
SINGLE_PHASE = "single-phase"
FEED_OF_TYPE = {"primary": "A", "redundant": "B"}


@dataclass(slots=True)
class Translated:
    """The name of the site, what is given about its entries, and what was left out, for people."""

    site: str
    given: list[Given] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def translate(inventory: Inventory, slug: str = "") -> Translated:
    """Translate one site. `slug` says which, if there are several. Raises ConfigError."""
    site = _chosen(inventory, slug)
    mine = {name: [each for each in objects if _is_of(each, site)] for name, objects in inventory.items()}
    result = Translated(safe_name(str(site.get("slug") or site.get("name"))))
    # Servers and blanks without a name are none of the site file's business.
    mine = named(mine, result.left_out, lambda kind, each: kind != "device" or _section(each) is not None)
    mine["power-feeds"] = list(_usable_feeds(mine, result.left_out))
    devices = {each["id"]: each for each in mine.get("devices", ()) if _value(each, "status") not in ABSENT_STATUS}
    sections = {key: section for key, each in devices.items() if (section := _section(each))}
    result.given += _racks(mine, result.site)
    result.given += _panels(mine, result.left_out)
    result.given += _devices(mine, devices, sections, result.left_out)
    result.given += _cooling(mine, devices, sections, result.left_out)
    return result


def _chosen(inventory: Inventory, slug: str) -> Object:
    sites = [site for site in inventory.get("sites", ()) if not slug or slug in {site.get("slug"), site.get("name")}]
    if len(sites) == 1:
        return sites[0]
    known = ", ".join(sorted(str(site.get("slug")) for site in inventory.get("sites", ()))) or "none"
    if sites:
        raise ConfigError(f"NetBox has several sites; name one with --netbox-site: {known}")
    raise ConfigError(
        f"NetBox has no site {slug!r}; it has: {known}"
        if slug
        else "NetBox has no site that can be read; check the token's rights"
    )


def _is_of(each: Object, site: Object) -> bool:
    """Whether an object is of the site: by itself, or by the device, panel or source that it belongs to."""
    owner = each.get("site")
    # Components and power feeds do not name their site; the reader asks for those of one site only.
    return owner is None or owner.get("id") == site.get("id")


def _racks(mine: Inventory, site: str) -> Iterator[Given]:
    # A rack names its location without that one's parent.
    locations = {each["id"]: each for each in mine.get("locations", ())}
    for rack in mine.get("racks", ()):
        if _value(rack, "status") in ABSENT_STATUS:
            continue
        location, group = rack.get("location") or {}, rack.get("group") or {}
        parent: Object = (locations.get(location.get("id")) or location).get("parent") or {}
        row = _name(group) or (_name(location) if parent else "")
        room = (_name(parent) if parent and not group else _name(location)) or site
        values = {"row": row or f"{room}-row", "room": room} | _custom("racks", rack)
        yield Given(_name(rack), "racks", values)


def _usable_feeds(mine: Inventory, left_out: list[str]) -> Iterator[Object]:
    """The power feeds that are there and that a site file can have."""
    for feed in mine.get("power-feeds", ()):
        if _value(feed, "status") in ABSENT_STATUS:
            continue
        if not feed.get("power_panel"):
            left_out.append(f"power feed {_name(feed)}: it names no power panel")
        elif _value(feed, "supply") == DIRECT_CURRENT:
            left_out.append(
                f"power feed {_name(feed)}: it is direct current, and a site file has the supply before that"
            )
        else:
            yield feed


def _panels(mine: Inventory, left_out: list[str]) -> Iterator[Given]:
    types: dict[Any, set[str]] = {}
    known = {panel["id"] for panel in mine.get("power-panels", ())}
    for feed in mine.get("power-feeds", ()):
        panel = feed["power_panel"]
        if panel["id"] not in known:
            known.add(panel["id"])
            left_out.append(f"power panel {_name(panel)}: NetBox gave its feeds and not the panel; complete its entry")
            yield Given(_name(panel), "panels", {})
        types.setdefault(feed["power_panel"]["id"], set()).add(_value(feed, "type"))
    for panel in mine.get("power-panels", ()):
        found = types.get(panel["id"], set())
        supplied = FEED_OF_TYPE.get(next(iter(found))) if len(found) == 1 else None
        room = _name(panel.get("location") or {})
        yield Given(_name(panel), "panels", {"feed": supplied, "room": room} | _custom("panels", panel))


def _devices(
    mine: Inventory, devices: Mapping[Any, Object], sections: Mapping[Any, str], left_out: list[str]
) -> Iterator[Given]:
    feeds = {feed["id"]: feed for feed in mine.get("power-feeds", ())}
    supplies: dict[Any, list[dict[str, object]]] = {}
    for port in mine.get("power-ports", ()):
        if port["device"]["id"] in sections and (supply := _supply(port, feeds, sections)):
            supplies.setdefault(port["device"]["id"], []).append(supply)
    for key, section in sections.items():
        device = devices[key]
        rack = device.get("rack") or {}
        place = {"rack": _name(rack)} if rack else {"room": _name(device.get("location") or {})}
        sources = supplies.get(key, [])
        values: dict[str, object] = {**place, **_fed(section, sources), **_custom(section, device)}
        if section in {"pdus", "power_shelves"} and len({source["from"] for source in sources}) > 1:
            left_out.append(
                f"the second supply of {_name(device)}: a PDU of a site file has one; add a PDU for each inlet"
            )
        yield Given(_name(device), section, values)


def _supply(port: Object, feeds: Mapping[Any, Object], sections: Mapping[Any, str]) -> dict[str, object] | None:
    """What a power port hangs from, by its cable."""
    for end in port.get("connected_endpoints") or ():
        kind = port.get("connected_endpoints_type")
        if kind == "dcim.powerfeed" and (feed := feeds.get(end["id"])):
            single = _value(feed, "phase") == SINGLE_PHASE
            # NetBox does not say which phase a single-phase feed is on, and no phase is not all of them.
            phases: dict[str, object] = {"phases": UNKNOWN} if single else {}
            # Per phase, as NetBox has it of three-phase feeds, too.
            return {"from": _name(feed["power_panel"]), "breaker_a": feed.get("amperage"), **phases}
        if kind == "dcim.poweroutlet" and end.get("device", {}).get("id") in sections:
            return {"from": _name(end["device"])}
    return None


def _fed(section: str, sources: Sequence[Mapping[str, object]]) -> dict[str, object]:
    names = list(dict.fromkeys(str(source["from"]) for source in sources))
    if not names:
        return {}
    if section in {"pdus", "power_shelves"}:
        return dict(sources[0])
    if section == "busways":
        return {"from": names, "breaker_a": sources[0].get("breaker_a")}
    if section == "transfer_switches":
        sides = dict(zip(("a_from", "b_from"), names, strict=False))
        return {**sides, "breaker_a": sources[0].get("breaker_a")}
    return {"from": names}


def _cooling(
    mine: Inventory, devices: Mapping[Any, Object], sections: Mapping[Any, str], left_out: list[str]
) -> Iterator[Given]:
    """The cooling plant: loops and air units, CDUs between two loops, and the loop that cools each rack."""
    yield from _cooling_sources(mine, left_out)
    feeds = [feed for feed in mine.get("cooling-feeds", ()) if feed.get("rack")]
    primaries = {feed["rack"]["id"]: _name(feed["cooling_source"]) for feed in feeds if feed.get("cooling_source")}
    racks_of_cdu = _cooled_racks(mine, devices, sections)
    loop_names = _loop_names(racks_of_cdu, devices)
    cdus = {key: (devices[key].get("rack") or {}).get("id") for key, section in sections.items() if section == "cdus"}
    for key, rack in cdus.items():
        yield Given(_name(devices[key]), "cdus", {"secondary": loop_names.get(key), "primary": primaries.get(rack)})
    cooled: set[Any] = set()
    for key, racks in racks_of_cdu.items():
        for rack, name in racks.items():
            if rack not in cooled:
                cooled.add(rack)
                yield Given(name, "racks", {"loop": loop_names[key]})
    uncooled = {rack["id"] for rack in mine.get("racks", ())} - set(cdus.values()) - cooled
    for rack, feed in {feed["rack"]["id"]: feed for feed in feeds}.items():
        if rack in uncooled:
            left_out.append(f"cooling feed {_name(feed)}: no CDU stands between it and rack {_name(feed['rack'])}")


def _cooling_sources(mine: Inventory, left_out: list[str]) -> Iterator[Given]:
    for source in mine.get("cooling-sources", ()):
        watts = _kilowatts(source, left_out)
        if _value(source, "type") in AIR_SOURCES:
            room = _name(source.get("location") or {})
            yield Given(_name(source), "air_units", {"rated_cooling_w": watts, "room": room})
            continue
        fluid = _value(source, "fluid_type")
        # Water with glycol has several concentrations, and the heat capacity of each is another.
        yield Given(_name(source), "loops", {"kind": "primary", "coolant": "water" if fluid == "water" else None})


def _cooled_racks(
    mine: Inventory, devices: Mapping[Any, Object], sections: Mapping[Any, str]
) -> dict[Any, dict[Any, str]]:
    """The racks, by id with their names, that each CDU supplies: those of the devices whose intakes hang from its outflows."""
    above: dict[Any, set[Any]] = {}
    for intake in mine.get("cooling-intakes", ()):
        outflow = intake.get("cooling_outflow")
        if outflow and outflow.get("device") and intake.get("device"):
            above.setdefault(intake["device"]["id"], set()).add(outflow["device"]["id"])
    found: dict[Any, dict[Any, str]] = {key: {} for key, section in sections.items() if section == "cdus"}
    for key in above:
        rack = (devices.get(key) or {}).get("rack")
        if not rack or key in found:
            continue
        # Manifolds stand between a CDU and a server.
        waiting, seen = [key], {key}
        for each in waiting:
            for source in above.get(each, set()) - seen:
                seen.add(source)
                waiting.append(source)
        for cdu in seen & found.keys():
            found[cdu][rack["id"]] = _name(rack)
    return found


def _loop_names(racks: Mapping[Any, Mapping[Any, str]], devices: Mapping[Any, Object]) -> dict[Any, str]:
    """The loop of each CDU that supplies anything, named after the first CDU on it."""
    names: dict[Any, str] = {}
    by_rack: dict[Any, str] = {}
    for key, cooled in racks.items():
        if not cooled:
            continue
        shared = {by_rack[rack] for rack in cooled if rack in by_rack}
        name = min(shared) if shared else safe_name(f"{_name(devices[key])}-loop")
        names[key] = name
        for other in shared - {name}:
            names = {cdu: name if loop == other else loop for cdu, loop in names.items()}
            by_rack = {rack: name if loop == other else loop for rack, loop in by_rack.items()}
        by_rack |= dict.fromkeys(cooled, name)
    return names


def _section(device: Object) -> str | None:
    role = device.get("role") or device.get("device_role") or {}
    words = re.split(r"[^a-z]+", f"{role.get('slug', '')} {role.get('name', '')}".casefold())
    together = next((section for pair, section in ROLES_OF_TWO_WORDS.items() if pair <= set(words)), None)
    return together or next((ROLES[word] for word in words if word in ROLES), None)


def _kilowatts(source: Object, left_out: list[str]) -> float | None:
    """The capacity of a cooling source, W; NetBox has it in kilowatts."""
    text = source.get("cooling_capacity")
    try:
        return float(text) * 1000 if text else None
    except (TypeError, ValueError):
        left_out.append(f"the capacity of cooling source {_name(source)}: {text!r} is not a number of kilowatts")
        return None


def _custom(section: str, each: Object) -> dict[str, object]:
    fields = {info.alias or key for key, info in MODELS[section].model_fields.items()} - {"id"}
    # A selection is an object with its value and its label.
    found = {
        key: value.get("value") if isinstance(value, Mapping) and "value" in value else value
        for key, value in (each.get("custom_fields") or {}).items()
    }
    return {key: value for key, value in found.items() if key in fields and value is not None}


def _name(each: Object) -> str:
    return safe_name(str(each.get("name") or each.get("display") or ""))


def _value(each: Object, key: str) -> str:
    """A choice of NetBox: an object with value and label, or the value alone."""
    value = each.get(key)
    return str(value.get("value") if isinstance(value, Mapping) else value or "")
