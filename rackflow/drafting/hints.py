"""Finds in the ids of rack PDUs and UPSs the places that their names tell, and says which `--names` takes them over. No I/O.

Only said, and not done: a name that looks like a rack and a feed may be neither, and nothing is invented in a site file.
"""

import re
from collections.abc import Iterator

from rackflow.drafting.draft import Draft

# From the more to the less exact. A feed is a letter, or the number of a PDU in a rack with two of them.
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


def name_hints(draft: Draft) -> Iterator[str]:
    """A hint for each kind of device whose places are missing in the draft but can be read from all of their ids."""
    for section, key, patterns in (
        ("pdus", "rack", [*(each.replace(_RACK, _RACK_IN_ROW) for each in _PDUS), *_PDUS]),
        ("ups", "from", _UPS),
    ):
        lacking = [name for name, entry in draft.entries[section].items() if entry.get(key) is None]
        # In either case, as people write their ids; the hint says so itself.
        pattern = next((each for each in patterns if lacking and _fits(f"(?i:{each})", lacking, key)), None)
        if pattern is not None:
            yield f"the ids of {section}, as {lacking[0]}, tell their places: --names '(?i:{pattern})' takes these over"


def place_hints(draft: Draft) -> Iterator[str]:
    """A hint where a row or room stands in for those that no source names: two halls would be one."""
    for key, of in (("row", "racks"), ("room", "rows")):
        if key in draft.placeless:
            yield (
                f"no source names the {key} of {of}, so {key}-1 stands for it:"
                f" a group named {key} in --names, or a column {key} in a table (--csv), tells several apart"
            )


def _fits(pattern: str, names: list[str], key: str) -> bool:
    found = [re.fullmatch(pattern, name) for name in names]
    if not all(found):
        return False
    places = [each.groupdict() for each in found if each is not None]
    feeds = {place["feed"].casefold() for place in places}
    if key == "from":
        return len(feeds) > 1
    # Two feeds reach each rack; anything else would be a pattern that fits by accident.
    reached: dict[str, set[str]] = {}
    for place in places:
        reached.setdefault(place["rack"], set()).add(place["feed"].casefold())
    rows = {place["row"] for place in places if "row" in place}
    # A single row, or one for each rack, is no row.
    is_of_rows = not rows or 1 < len(rows) < len(reached)
    return is_of_rows and len(feeds) > 1 and all(each == feeds for each in reached.values())
