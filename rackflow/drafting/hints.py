"""Finds what a draft probably lacks, and names the option that adds it: places contained in ids, panels that supply nothing. No I/O.

A hint changes nothing in the draft: an id that looks like a rack and a feed may be neither, and nothing is invented in a site file.
"""

import re
from collections.abc import Iterator
from typing import Any

from rackflow.drafting.draft import Draft
from rackflow.plural import first_of
from rackflow.site import idle_supplies

# How ids of rack PDUs are written, the most exact pattern first. A feed is a letter or the number of a PDU in a rack with two of them.
_PDUS = (
    r"r?pdu[-_.](?P<rack>.+)[-_.](?P<feed>[ab])[0-9]*",
    r"(?P<rack>.+)[-_.]r?pdu[-_.]?(?P<feed>[ab])[0-9]*",
    r"(?P<rack>.+)[-_.](?P<feed>[ab])[0-9]*",
    r"r?pdu[-_.](?P<rack>.+)[-_.](?P<feed>[12])",
    r"(?P<rack>.+)[-_.]r?pdu[-_.]?(?P<feed>[12])",
)
# If the rack's name ends with its number in the row, as in `hall-1-a07`, the row is known as well.
_RACK = "(?P<rack>.+)"
_RACK_IN_ROW = "(?P<rack>(?P<row>.*[^0-9._-])[-_.]?[0-9]+)"
_UPS = (r".*ups[-_.]?(?P<feed>[ab])[-_.]?[0-9]*", r"(?P<feed>[ab])[-_.]?ups[-_.]?[0-9]*")
# Devices that stand in a row but in no rack, and whose ids often begin with the row's name: `hall-1-a-cdu-2`.
_BESIDE_RACKS = {"cdus": r"(?P<row>.+)[-_.]cdu[-_.]?[0-9]*"}
# A hint lists so many names at most, and only counts the others.
_NAMED = 3


def name_hints(draft: Draft) -> Iterator[str]:
    """A hint for each kind of device whose places are missing in the draft but can be read from all of their ids."""
    for section, key, patterns in (
        ("pdus", "rack", [*(each.replace(_RACK, _RACK_IN_ROW) for each in _PDUS), *_PDUS]),
        ("ups", "from", _UPS),
    ):
        lacking = [name for name, entry in draft.entries[section].items() if entry.get(key) is None]
        # Ids are written in capitals or not, so the case of letters is ignored, in the suggested pattern as well (`?i`).
        pattern = next((each for each in patterns if lacking and _fits(f"(?i:{each})", lacking, key)), None)
        if pattern is not None:
            yield f"the ids of {section}, as {lacking[0]}, tell their places: --names '(?i:{pattern})' takes these over"
    if "row" in draft.placeless:
        return  # the rows are not known yet
    for section, pattern in _BESIDE_RACKS.items():
        lacking = [name for name, entry in draft.entries[section].items() if not entry.keys() & {"rack", "row", "room"}]
        found = [re.fullmatch(f"(?i:{pattern})", name) for name in lacking]
        if found and all(each and each["row"] in draft.entries["rows"] for each in found):
            yield f"the ids of {section}, as {lacking[0]}, tell their row: --names '(?i:{pattern})' takes it over"


def place_hints(draft: Draft) -> Iterator[str]:
    """A hint where a row or room stands in for those that no source names: two halls would be one."""
    for key, of in (("row", "racks"), ("room", "rows")):
        if key in draft.placeless:
            yield (
                f"no source names the {key} of {of}, so {key}-1 stands for it:"
                f" a group named {key} in --names, or a column {key} in a table (--csv), tells several apart"
            )


def supply_hints(draft: Draft) -> Iterator[str]:
    """A hint where panels and UPSs supply nothing because rack PDUs hang directly on their feed."""
    supplies = [
        name for section in ("ups", "panels", "busways", "transfer_switches") for name in draft.entries[section]
    ]
    loads = [name for section in ("pdus", "power_shelves") for name in draft.entries[section]]
    sources = {
        name: _sources(entry)
        for section, entries in draft.entries.items()
        if section not in {"rooms", "rows", "racks", "feeds"}
        for name, entry in entries.items()
    }
    idle = idle_supplies(sources, supplies, loads)
    if not idle:
        return
    names = list(dict.fromkeys(name for found in idle.values() for name in found))
    # If there is one idle supply on each feed, and the names differ by the feed alone, one value with `{feed}` fits all PDUs.
    patterns = {name.replace(feed, "{feed}") for feed, found in idle.items() for name in found}
    one_each = len(patterns) == 1 and all(len(found) == 1 for found in idle.values()) and len(idle) > 1
    value = patterns.pop() if one_each else "NAME"
    yield (
        f"nothing hangs on {first_of(names, _NAMED)}, because PDUs hang directly on {' and '.join(idle)}:"
        f" --set 'pdus.from={value}' puts {'them' if one_each else 'one of them'} between, or a column from in a table (--csv)"
    )


def loop_hints(draft: Draft) -> Iterator[str]:
    """A hint where secondary loops cool no rack: what the racks take from the liquid would be unknown."""
    idle = [
        name
        for name, loop in draft.entries["loops"].items()
        if loop.get("kind") == "secondary" and not loop.get("racks")
    ]
    if not idle or not draft.entries["racks"]:
        return
    # Loops that are named after the rows of their CDUs are probably those of the racks in these rows.
    cdus = [each for each in draft.entries["cdus"].values() if each.get("secondary") in idle and each.get("row")]
    patterns = {each["secondary"].replace(each["row"], "{row}") for each in cdus}
    pattern = patterns.pop() if len(patterns) == 1 else "NAME"
    value = pattern if "{row}" in pattern else "NAME"
    yield (
        f"no rack is cooled by {first_of(idle, _NAMED)}: --set 'racks.loop={value}' says which loop cools each rack,"
        " or a column loop in a table (--csv)"
    )


def _sources(entry: dict[str, Any]) -> list[str]:
    """What an entry of a draft hangs from, as far as it is known; a transfer switch has two inputs."""
    inputs = [side.get("from") for side in (entry.get("a"), entry.get("b")) if isinstance(side, dict)]
    found = [entry.get("from"), *inputs]
    flat = [name for each in found for name in (each if isinstance(each, list) else [each])]
    return [name for name in flat if isinstance(name, str)]


def _fits(pattern: str, names: list[str], key: str) -> bool:
    """Whether the pattern matches all of these ids, and the places it finds make sense: `key` is `rack` for PDUs, `from` for UPSs."""
    found = [re.fullmatch(pattern, name) for name in names]
    if not all(found):
        return False
    places = [each.groupdict() for each in found if each is not None]
    feeds = {place["feed"].casefold() for place in places}
    if key == "from":
        return len(feeds) > 1
    # Every rack must be reached by the same feeds, at least two; otherwise the pattern fits by accident.
    feeds_by_rack: dict[str, set[str]] = {}
    for place in places:
        feeds_by_rack.setdefault(place["rack"], set()).add(place["feed"].casefold())
    rows = {place["row"] for place in places if "row" in place}
    # A single row for all racks, or as many rows as racks, is probably another part of the name.
    rows_make_sense = not rows or 1 < len(rows) < len(feeds_by_rack)
    return rows_make_sense and len(feeds) > 1 and all(each == feeds for each in feeds_by_rack.values())
