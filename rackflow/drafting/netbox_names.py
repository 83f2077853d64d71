"""Names for the objects of an inventory: NetBox needs none for devices, and takes the same one for racks of two locations.

A site file knows everything by its id, so two racks of one name would become one with the power of both. No I/O.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rackflow.drafting.draft import safe_name

Object = Mapping[str, Any]
# By endpoint: the word for one of its objects, and the keys with which other objects refer to it.
_NAMED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "racks": ("rack", ("rack",)),
    "devices": ("device", ("device",)),
    "power-panels": ("panel", ("power_panel",)),
}


def named(
    inventory: Mapping[str, Sequence[Object]], left_out: list[str], is_reported: Callable[[str, Object], bool]
) -> dict[str, list[Object]]:
    """The inventory in which each rack, device and panel has a name of its own, also where others refer to it.

    New names are reported in `left_out`, for the objects that `is_reported` accepts (called with kind and object).
    """
    found = {endpoint: [*objects] for endpoint, objects in inventory.items()}
    for endpoint, (kind, keys) in _NAMED.items():
        objects = found.get(endpoint, [])
        names: dict[Any, str] = {}
        for each, name, said in _own_names(objects, kind):
            names[each["id"]] = name
            left_out += [said] if said and is_reported(kind, each) else []
        found[endpoint] = [{**each, "name": names[each["id"]]} for each in objects]
        found = {other: [{**each, **_renamed(each, keys, names)} for each in those] for other, those in found.items()}
    return found


def _own_names(objects: Sequence[Object], kind: str) -> Iterator[tuple[Object, str, str]]:
    """Each object with its name in the site file, and a message if that differs from its name in NetBox."""
    wanted = {each["id"]: safe_name(str(each.get("name") or each.get("display") or "")) for each in objects}
    counts = Counter(wanted.values())
    taken: set[str] = set()
    for each in objects:
        old = name = wanted[each["id"]]
        said = ""
        if not name:
            name = f"{kind}-{each['id']}"
            said = f"the name of {kind} {each['id']}: NetBox has none, so that it is {name} here"
        elif counts[name] > 1:
            place = safe_name(str((each.get("location") or {}).get("name") or ""))
            by_place = safe_name(f"{place}-{name}") if place and kind == "rack" else ""
            name = by_place if by_place and by_place not in taken | counts.keys() else f"{name}-{each['id']}"
            said = f"the name {old} of {kind} {each['id']}: another one has it; it is {name} here"
        taken.add(name)
        yield each, name, said


def _renamed(each: Object, keys: Sequence[str], names: Mapping[Any, str]) -> dict[str, Any]:
    """The references of an object to others that have a new name: under their keys, or as the ends of its cable or hose."""
    changed: dict[str, Any] = {}
    for key in keys:
        if isinstance(own := each.get(key), Mapping) and own.get("id") in names:
            changed[key] = {**own, "name": names[own["id"]]}
    if "device" in keys:
        ends = each.get("connected_endpoints")
        if isinstance(ends, list):
            changed["connected_endpoints"] = [
                {**end, **_renamed(end, keys, names)} if isinstance(end, Mapping) else end for end in ends
            ]
        if isinstance(outflow := each.get("cooling_outflow"), Mapping):
            changed["cooling_outflow"] = {**outflow, **_renamed(outflow, keys, names)}
    return changed
