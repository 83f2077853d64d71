"""Drafts a site file from devices and their labels, a table, or an inventory. Nothing is invented.

Values of the sources are taken over; rooms, rows, racks, feeds and loops are added because other entries name them. A value that the site
file requires and no source gives is written as `null` with a note: the file is refused, with the line, until somebody fills it in.
No I/O.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rackflow.errors import ConfigError
from rackflow.process.yaml_edit import yaml_comment, yaml_value
from rackflow.site import Placed, Section, SiteFile, comma_fault

# The section of the site file for each device class of profiles.
SECTION_OF_CLASS: Mapping[str, str] = {
    "ups": "ups",
    "pdu": "pdus",
    "ats": "transfer_switches",
    "panel": "panels",
    "cdu": "cdus",
    "crah": "air_units",
    "rdhx": "air_units",
    "meter": "meters",
    "env": "monitors",
}
MODELS: Mapping[str, type[Section]] = {
    name: info.annotation.__args__[0]  # type: ignore[union-attr]  # every list of SiteFile has one kind of entry
    for name, info in SiteFile.model_fields.items()
    if getattr(info.annotation, "__origin__", None) is list
}
# Labels of a place that a name may contain.
PLACES = ("room", "row", "rack", "feed")
# The supply of the site by the rules that its installation follows. Volts under the NEC differ between sites (120, 240, 277).
RULES: Mapping[str, Mapping[str, object]] = {
    "iec": {"continuous_load_factor": 1.0, "volts": 230, "frequency_hertz": 50},
    "nec": {"continuous_load_factor": 0.8, "volts": None, "frequency_hertz": 60},
}
ELECTRICAL, GRID = "electrical", "grid"
"""Sections with one entry for the whole site instead of a list."""
UNKNOWN = "?"
"""Stands for a value that somebody must fill in although the site file has a default for it."""
UNSAFE = re.compile(r"[^A-Za-z0-9_.:-]+")


@dataclass(frozen=True, slots=True)
class Given:
    """What one source says about one entry: its id, its section, and its fields as text or as plain values.

    Beside the section's own fields, `feed` names the feed that supplies it, and a rack may name its `room` and its `loop`.
    """

    id: str
    section: str
    values: Mapping[str, object]


@dataclass(slots=True)
class Draft:
    """A drafted site file, section by section, and what was left out of it."""

    site: str
    electrical: Mapping[str, object] = field(default_factory=dict)
    grid: Mapping[str, object] = field(default_factory=dict)
    entries: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    placeless: set[str] = field(default_factory=set)
    """`row` and `room`, if no source names one for some rack or row and `row-1` or `room-1` was added."""

    def missing(self) -> Iterator[tuple[str, str, str]]:
        """Section, id and field of each value to fill in."""
        yield from (("electrical", "", key) for key in _absent(self.electrical))
        for section, entries in self.entries.items():
            for name, entry in entries.items():
                yield from ((section, name, key) for key in _absent(entry))


def _absent(entry: Mapping[str, Any]) -> list[str]:
    absent = [key for key, value in entry.items() if value is None]
    inner = [(key, value) for key, value in entry.items() if isinstance(value, dict)]
    return absent + [f"{key}.{each}" for key, value in inner for each in value if value[each] is None]


def draft_site(
    site: str,
    given: Sequence[Given],
    *,
    rules: str = "",
    defaults: Mapping[tuple[str, str], str] | None = None,
    names: Sequence[re.Pattern[str]] = (),
) -> Draft:
    """Draft the file. What is given later about the same entry overrides what was given before.

    Each step uses what the ones before it have found: what the sources state, also in ids; the defaults; the entries themselves; the
    places, feeds and loops that entries name; and at last the defaults of these, and `null` for what is still missing.

    `defaults` has values by section and field, for entries that lack them; `names` are patterns with the groups room, row, rack and
    feed, for ids that contain them. Raises ConfigError for a value that cannot be one.
    """
    # Without rules, only the load factor is asked for: everything else in `electrical` has a default.
    to_fill_in = {"continuous_load_factor": None}
    draft = Draft(site, RULES[rules] if rules else to_fill_in, entries={name: {} for name in MODELS})
    # What all sources state of each entry, by section and id; the last source that states a value wins.
    merged: dict[tuple[str, str], dict[str, object]] = {}
    for each in given:
        stated = {key: value for key, value in each.values.items() if value not in (None, "", [])}
        merged.setdefault((each.section, each.id), {}).update(stated)
    for (_, name), values in merged.items():
        _add_places_in_id(name, values, names)
    chosen = defaults or {}
    _set_defaults(merged, chosen)
    for (section, name), values in merged.items():
        draft.entries[section][name] = _entry(section, name, values)
    _add_places(draft, merged)
    # Racks that were added because devices name them get the defaults as well, among these the loop that cools them.
    added_racks = {
        ("racks", name): dict(entry) for name, entry in draft.entries["racks"].items() if ("racks", name) not in merged
    }
    _set_defaults(added_racks, chosen)
    for (section, name), values in added_racks.items():
        draft.entries[section][name] = {**_entry(section, name, values), **draft.entries[section][name]}
    merged |= added_racks
    _add_sources(draft, merged)
    _add_loops(draft, merged)
    _set_pdus_per_feed(draft)
    _set_meter_roles(draft)
    _set_remaining_defaults(draft, chosen)
    for section, entries in draft.entries.items():
        draft.entries[section] = {name: _complete(section, name, entry) for name, entry in entries.items()}
    return draft


def _set_defaults(merged: dict[tuple[str, str], dict[str, object]], defaults: Mapping[tuple[str, str], str]) -> None:
    """Set the defaults in entries that lack the value. Called before places and sources are derived, which use them."""
    for (section, key), text in defaults.items():
        for (own_section, name), values in merged.items():
            if own_section == section and values.get(key) is None:
                values[key] = _replace_places(text, section, key, {"id": name, **values})


def _set_remaining_defaults(draft: Draft, defaults: Mapping[tuple[str, str], str]) -> None:
    """Set the defaults in entries that the steps before have added (loops, rows, rooms), and in the sections of the whole site."""
    for (section, key), text in defaults.items():
        if section == ELECTRICAL:
            draft.electrical = {**draft.electrical, key: _number_or_text(text)}
        elif section == GRID:
            draft.grid = {**draft.grid, key: _number_or_text(text)}
        elif key in _fields(section):
            for name, entry in draft.entries[section].items():
                if entry.get(key) is None:
                    entry[key] = _typed(section, name, key, _replace_places(text, section, key, entry))


def safe_name(text: str) -> str:
    """A name that a site file can have, as near to the text as possible."""
    return UNSAFE.sub("-", text.strip()).strip("-")[:64]


def _add_places_in_id(device: str, values: dict[str, object], patterns: Sequence[re.Pattern[str]]) -> None:
    """Add the places that a device's id contains by one of the patterns, as far as no source has stated them."""
    for pattern in patterns:
        if found := pattern.fullmatch(device):
            for place, text in found.groupdict().items():
                if text:
                    values.setdefault(place, text.upper() if place == "feed" else text)


def _entry(section: str, name: str, values: Mapping[str, object]) -> dict[str, Any]:
    """The entry of these values: the fields that the section has, each in its type. Other values are left out."""
    fields = _fields(section)
    entry: dict[str, Any] = {"id": name}
    entry |= {key: _typed(section, name, key, value) for key, value in values.items() if key in fields and key != "id"}
    if issubclass(MODELS[section], Placed):
        # An entry has one place: the most exact one.
        exact = next((place for place in ("rack", "row", "room") if place in entry), None)
        entry = {key: value for key, value in entry.items() if key == exact or key not in {"rack", "row", "room"}}
    if section == "transfer_switches":
        for side in ("a", "b"):
            entry[side] = {
                "from": values.get(f"{side}_from"),
                "breaker_a": _number(section, name, "breaker_a", values.get("breaker_a")),
            }
    return entry


def _add_places(draft: Draft, merged: Mapping[tuple[str, str], Mapping[str, object]]) -> None:
    """Add the racks, rows and rooms that entries name.

    The file needs a row for each rack and a room for each row. Where no source names one, `row-1` or `room-1` is added. Racks of a room
    that a source names are in a row of this room, so that two halls do not become one.
    """
    rooms: dict[str, str] = {}
    for (section, name), values in merged.items():
        rack = name if section == "racks" else values.get("rack")
        if rack is not None and "room" in values:
            rooms.setdefault(str(rack), str(values["room"]))
        for key, parent in (("rack", "row"), ("row", "room")):
            if key in values:
                entry = draft.entries[f"{key}s"].setdefault(str(values[key]), {"id": str(values[key])})
                if parent in values:
                    entry.setdefault(parent, str(values[parent]))
    for rack, room in rooms.items():
        standing = draft.entries["racks"][rack]
        if "row" not in standing:
            standing["row"] = row = safe_name(f"{room}-row")
            draft.entries["rows"].setdefault(row, {"id": row, "room": room})
    _add_missing_places(draft, "racks", "row")
    for key in ("row", "room"):
        named = {str(entry[key]) for entries in draft.entries.values() for entry in entries.values() if entry.get(key)}
        for name in sorted(named):
            draft.entries[f"{key}s"].setdefault(name, {"id": name})
        _add_missing_places(draft, "rows", "room")


def _add_missing_places(draft: Draft, section: str, key: str) -> None:
    """Let the entries without a row (or room) stand in `row-1` (`room-1`), and note that no source names one."""
    for entry in draft.entries[section].values():
        if key not in entry:
            draft.placeless.add(key)
            entry[key] = f"{key}-1"


def _add_sources(draft: Draft, merged: Mapping[tuple[str, str], Mapping[str, object]]) -> None:
    """Add `from` to entries that only name a feed, and add the feeds themselves."""
    for (section, name), values in merged.items():
        feed = values.get("feed")
        entry = draft.entries[section][name]
        if feed is None or "from" not in _fields(section):
            continue
        draft.entries["feeds"].setdefault(str(feed), {"id": str(feed)})
        entry.setdefault("from", [str(feed)] if "array" in _kinds(section, "from") else str(feed))


def _add_loops(draft: Draft, merged: Mapping[tuple[str, str], Mapping[str, object]]) -> None:
    """Add the loops that CDUs, air units and racks name, with the racks that each loop cools."""
    loops = draft.entries["loops"]
    for section in ("cdus", "air_units"):
        for entry in draft.entries[section].values():
            for kind in ("primary", "secondary"):
                named = entry.get(kind) or []
                for loop in named if isinstance(named, list) else [named]:
                    loops.setdefault(loop, {"id": loop}).setdefault("kind", kind)
    for (section, name), values in merged.items():
        if section == "racks" and (loop := values.get("loop")):
            entry = loops.setdefault(str(loop), {"id": str(loop)})
            entry.setdefault("kind", "secondary")
            if name not in entry.setdefault("racks", []):
                entry["racks"].append(name)


def _set_meter_roles(draft: Draft) -> None:
    """Set the role of meters that only measure power shelves, and ask for the category of meters of IT power."""
    for meter in draft.entries["meters"].values():
        # What measures a power shelf sits in its tap-off box, and is a meter of nothing else.
        if meter.get("measures") and all(each in draft.entries["power_shelves"] for each in meter["measures"]):
            meter.setdefault("role", "other")
        if meter.get("role") == "it":
            # Only these meters need a category: where in the chain the IT power is measured. Nothing in the sources tells it.
            meter.setdefault("category", None)


def _set_pdus_per_feed(draft: Draft) -> None:
    """Set how many PDUs, or power shelves, a rack has on each feed, where it has the same number on all of its feeds."""
    counts: dict[str, Counter[str]] = {}
    for pdu in (*draft.entries["pdus"].values(), *draft.entries["power_shelves"].values()):
        if pdu.get("rack") and pdu.get("from"):
            counts.setdefault(pdu["rack"], Counter())[_feed_above(draft, pdu["from"])] += 1
    for rack, feeds in counts.items():
        numbers = set(feeds.values())
        if len(numbers) == 1 and numbers != {1} and rack in draft.entries["racks"]:
            draft.entries["racks"][rack].setdefault("pdus_per_feed", numbers.pop())


def _feed_above(draft: Draft, source: str) -> str:
    """The feed at the top of the power path above `source`. The first source counts where an entry has several."""
    seen: set[str] = set()
    while source not in seen:
        seen.add(source)
        sections = (draft.entries[section] for section in ("busways", "panels", "ups"))
        entry = next((entries[source] for entries in sections if source in entries), None)
        above = entry.get("from") if entry else None
        if not above:
            return source
        source = above[0]
    return source


def _complete(section: str, name: str, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with its keys in the order of the model, and None for each required value that is missing."""
    complete: dict[str, Any] = {}
    for key, required in _fields(section).items():
        if key in entry:
            complete[key] = entry[key]
        elif required:
            complete[key] = name if key == "id" else None
    return complete


def _fields(section: str) -> dict[str, bool]:
    """The section's keys as the file has them, and whether each is required."""
    return {info.alias or key: info.is_required() for key, info in MODELS[section].model_fields.items()}


def _typed(section: str, name: str, key: str, value: object) -> object:
    """A value of a source as the kind of value that the field `key` has. `name` is the entry's id, for errors."""
    kinds = _kinds(section, key)
    if kinds & {"number", "integer"}:
        return _number(section, name, key, value)
    if value == UNKNOWN:
        return None
    if key == "fault" and isinstance(value, str):
        # A table names a contact as `box-1 5`: the device and its input.
        device, _, sensor = value.strip().partition(" ")
        return {"device": device, "sensor": sensor.strip() or None}
    if "boolean" in kinds:
        return _yes_or_no(section, name, key, value)
    if "array" in kinds:
        several = value if isinstance(value, list) else re.split(r"[;,\s]+", str(value).strip())
        # What may be one name or several (the primary loops of a CDU) is a list only where there are several.
        return several[0] if "string" in kinds and len(several) == 1 else several
    return value if isinstance(value, dict) else str(value)


def _kinds(section: str, key: str) -> set[object]:
    """The kinds of value that a field has, in the words of JSON Schema."""
    schema = _schemas()[MODELS[section].__name__]["properties"].get(key, {})
    return {each.get("type") for each in [schema, *schema.get("anyOf", [])]}


def _replace_places(text: str, section: str, key: str, values: Mapping[str, object]) -> str:
    """The text of a default such as `bus-{row}-{feed}`, with the entry's own row and feed put in.

    Raises ConfigError for a place that the entry does not have.
    """

    def own(found: re.Match[str]) -> str:
        if found[1] not in values or found[1] not in {"id", *PLACES}:
            has = ", ".join(name for name in ("id", *PLACES) if name in values)
            remedy = f"; give it by a group named {found[1]} in --names, or a column {found[1]} in a table (--csv)"
            raise ConfigError(
                f"{section}.{key}={text}: {values.get('id')} has no {found[1]}; it has {has}"
                + (remedy if found[1] in PLACES else "")
            )
        return str(values[found[1]])

    return re.sub(r"\{(\w+)\}", own, text)


def _number_or_text(text: str) -> object:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _yes_or_no(section: str, name: str, key: str, value: object) -> bool:
    # A spreadsheet writes TRUE in the language of its user; 1 and 0, yes and no are understood besides.
    text = str(value).strip().casefold()
    if text in {"true", "yes", "1", "x", "vrai", "oui"}:
        return True
    if text in {"false", "no", "0", "faux", "non"}:
        return False
    raise ConfigError(f"{section}: {name}: {key}: {value!r} is neither true nor false; write one of them")


@cache
def _schemas() -> dict[str, Any]:
    schemas: dict[str, Any] = SiteFile.model_json_schema()["$defs"]
    return schemas


def _number(section: str, name: str, key: str, value: object) -> float | None:
    """A number, a text with a number in it, or one with a unit. `section`, `name` (the id) and `key` say in errors where it stands."""
    if value is None or isinstance(value, int | float):
        return value
    # 1.5, and 1,5 from spreadsheets of much of Europe. What is ambiguous is refused: 1,200, and a text with both a point and a comma.
    text = str(value).strip()
    if fault := comma_fault(text):
        raise ConfigError(f"{section}: {name}: {key}: {text!r} {fault}")
    try:
        number = float(text.replace(",", "."))
    except ValueError as error:
        number = _with_unit(section, name, key, str(value), error)
    return int(number) if number.is_integer() else number


def _with_unit(section: str, name: str, key: str, text: str, error: ValueError) -> float:
    """`40 kW` in a cell of watts, as the site file itself understands it."""
    fields = {info.alias or each: info for each, info in MODELS[section].model_fields.items()}
    try:
        kind: TypeAdapter[float] = TypeAdapter(fields[key].rebuild_annotation())
        return float(kind.validate_python(text))
    except (KeyError, ValidationError):
        unit = f" in {key.rpartition('_')[2].upper()}" if key.endswith(("_w", "_a")) else ""
        raise ConfigError(
            f"{section}: {name}: {key}: {text!r} is not a number; give it{unit}, without the unit"
        ) from error


def draft_text(draft: Draft, source: str) -> str:
    """The YAML of the file, one line for each entry; what is to fill in is marked on its line."""
    lines = [yaml_comment(f"Drafted from {source}. Look through it; `rackflow site check FILE` says what is missing.")]
    lines.append(f"site: {yaml_value(draft.site)}")
    lines.append(_marked(f"electrical: {yaml_value(dict(draft.electrical))}", draft.electrical))
    if draft.grid:
        lines.append(f"grid: {yaml_value(dict(draft.grid))}")
    for section, entries in draft.entries.items():
        if entries:
            lines += [f"{section}:", *(_marked(f"  - {yaml_value(entry)}", entry) for entry in entries.values())]
        elif SiteFile.model_fields[section].is_required():
            lines.append(f"{section}: []")
    lines += [yaml_comment(f"left out: {what}") for what in draft.left_out]
    return "\n".join(lines)


def _marked(line: str, entry: Mapping[str, Any]) -> str:
    absent = _absent(entry)
    return f"{line}  # fill in {', '.join(absent)}" if absent else line
