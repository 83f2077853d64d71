"""Drafts a profile from the recording of a device that no profile matches.

Every point is only a comment. A person who knows the device or has its MIB must decide which metric an object is: from numbers alone, a
load in percent and a temperature look the same.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent.lab.draft_mib import DraftedPoint, drafted
from agent.lab.mib import MibObject
from agent.profile import DEVICE_CLASSES, SYS_DESCR, SYS_OBJECT_ID
from rackflow.process.yaml_edit import yaml_value
from rackflow.recording import COUNTER32, COUNTER64, GAUGE32, INTEGER, TIMETICKS, Record

ENTERPRISES = "1.3.6.1.4.1"
# Values shown per column, enough to see whether rows differ.
SHOWN = 4
# Longest row index, in parts, that is considered when the column of an instance is sought.
MAX_INDEX_PARTS = 6
# Longest row index, in parts, in which a further entry is looked for: of a text of 31 characters, with its length. Chosen value.
LONGEST_INDEX = 32
ABSENT = frozenset({-1, 32767, -32768, 65535, 2147483647, -2147483648, 4294967295})
"""Values that devices send for "no reading" (all bits set, or the ends of 16 and 32 bit integers); they say nothing about the unit."""

# Tags of numbers in a recording: of one column all cells are numbers, or none.
_NUMBERS = frozenset({INTEGER, COUNTER32, GAUGE32, TIMETICKS, COUNTER64})


@dataclass(frozen=True, slots=True)
class Guess:
    """A wire unit with the scales that devices use, and the range of real values in that unit."""

    unit: str
    what: str
    scales: tuple[str, ...]
    low: float
    high: float


# Roughly narrowest range first, because only three guesses are shown. Mains frequency 50 or 60 Hz; phase voltages of 100 to 240 V and line
# voltages of 400 to 480 V, with tolerance; temperatures of rooms, cards and coolant; 63 A at most for a rack PDU. Chosen values.
GUESSES = (
    Guess("hertz", "a frequency", ("1", "0.1", "0.01"), 47.0, 63.0),
    Guess("volt", "a voltage", ("1", "0.1", "0.01", "0.001"), 95.0, 265.0),
    Guess("volt", "a voltage between lines", ("1", "0.1"), 340.0, 500.0),
    Guess("celsius", "a temperature", ("1", "0.1"), 12.0, 55.0),
    Guess("percent", "a share, such as load, charge or humidity", ("1", "0.1"), 1.0, 100.0),
    Guess("ampere", "a current", ("0.1", "0.01", "0.001"), 0.1, 63.0),
    Guess("watt", "a power", ("1",), 20.0, 400_000.0),
)


@dataclass
class Column:
    """Instances below one OID: a scalar, or a column of a table."""

    oid: str
    values: list[Record] = field(default_factory=list)

    @property
    def is_scalar(self) -> bool:
        """Whether this is a single object and not a column of a table."""
        return len(self.values) == 1 and self.values[0].oid == f"{self.oid}.0"

    def numbers(self) -> list[float]:
        """The values that may be measurements."""
        found = [record.value for record in self.values if isinstance(record.value, int | float)]
        return [number for number in found if number not in ABSENT]


def columns_of(records: Sequence[Record]) -> list[Column]:
    """The objects below `enterprises`, by column."""
    own = [record for record in records if record.oid.startswith(f"{ENTERPRISES}.")]
    # A scalar's instance is the only one below its object.
    siblings = Counter(record.oid.rpartition(".")[0] for record in own)
    scalars = {each.oid for each in own if each.oid.endswith(".0") and siblings[each.oid[:-2]] == 1}
    cells = {each.oid: each for each in own if each.oid not in scalars}
    entries: defaultdict[str, _Entry] = defaultdict(_Entry)
    for each in cells.values():
        for entry, column, index in _readings_of(each.oid):
            entries[entry].add(column, index, each.tag)
    tables = {oid: entry.is_nested for oid, entry in entries.items() if entry.is_entry()}
    found: dict[str, Column] = {}
    for record in own:
        column = _column_of(record.oid, tables) if record.oid in cells else record.oid.rpartition(".")[0]
        found.setdefault(column, Column(column)).values.append(record)
    return list(found.values())


class _Entry:
    """What stands below an OID that may be the entry of a table: its columns with the rows' indexes."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, set[str]] = defaultdict(set)
        self._kinds: defaultdict[str, set[bool]] = defaultdict(set)
        self.is_nested = True
        """Whether each index has a further entry in it, so that these may be tables beside each other and not columns."""

    def add(self, column: str, index: str, tag: str) -> None:
        self._rows[column].add(index)
        self._kinds[column].add(tag in _NUMBERS)
        self.is_nested = self.is_nested and "1" in index.split(".")[:-2]

    def is_entry(self) -> bool:
        """Whether two columns have a row in common, and each holds either numbers or none."""
        rows = Counter(index for indexes in self._rows.values() for index in indexes)
        return max(rows.values()) > 1 and all(len(kinds) == 1 for kinds in self._kinds.values())


def _readings_of(oid: str) -> Iterator[tuple[str, str, str]]:
    """How an OID can be parted into entry (which is 1, RFC 2578, 7.1.12), column and index, the longest index first."""
    parts = oid.split(".")
    for at in range(max(ENTERPRISES.count(".") + 2, len(parts) - 2 - LONGEST_INDEX), len(parts) - 2):
        if parts[at] == "1":
            yield ".".join(parts[: at + 1]), parts[at + 1], ".".join(parts[at + 2 :])


def _column_of(oid: str, tables: Mapping[str, bool]) -> str:
    """The column of an instance: an index may have several parts. Where no table shows, all but its last part.

    `tables` are the entries, and whether other tables may be in them: of these the innermost counts, of others the outermost.
    """
    found = [(entry, f"{entry}.{column}") for entry, column, _ in _readings_of(oid) if entry in tables]
    columns = [column for entry, column in found if not tables[entry]] or [column for _, column in found[-1:]]
    return columns[0] if columns else oid.rpartition(".")[0]


def guesses(column: Column) -> list[str]:
    """What the numbers might be, in the order of GUESSES, three at most; empty if nothing fits all of them."""
    numbers = [number for number in column.numbers() if number]
    return guesses_of(numbers) if numbers else []


def guesses_of(numbers: Sequence[float]) -> list[str]:
    """What these numbers might be, in the order of GUESSES, three at most."""
    found = [
        f"{guess.what} in {'' if scale == '1' else scale + ' '}{guess.unit}"
        for guess in GUESSES
        for scale in guess.scales
        if all(guess.low <= number * float(scale) <= guess.high for number in numbers)
    ]
    return found[:3]


def draft(records: Sequence[Record], name: str, device_class: str) -> str:
    """The text of the drafted profile."""
    columns = columns_of(records)
    return "\n".join([*head_lines(records, name, device_class), "points: []", "tables: []", *_suggestions(columns), ""])


def draft_with_mib(records: Sequence[Record], objects: Sequence[MibObject], name: str, device_class: str) -> str:
    """The text of a profile with the points of the MIB; with a recording, only those that the recording has."""
    values = _values_by_column(records)
    recorded = [each for each in objects if not records or each.oid in values]
    advice = (
        f"# Draft from a MIB with {len(objects)} objects and a recording of {len(records)}. Every point below is a guess: keep what the",
        "# device's display confirms, give each `?` the name of a metric (METRICS.md), and delete the rest.",
    )
    lines = head_lines(records, name, device_class, recorded[0].oid if recorded else "", advice)
    head = "\n".join([*lines, ""])
    parts = dict(drafted(recorded, device_class, head, values))
    lines += ["points:" if any(point.live for point in parts.get("", [])) else "points: []"]
    lines += _point_lines(parts.pop("", []), "  ")
    lines.append("tables:" if any(point.live for points in parts.values() for point in points) else "tables: []")
    for table, points in parts.items():
        # If no point of a table could be drafted, the whole table is a comment.
        live = next((point for point in points if point.live), None)
        rows = next(each.oid for each in recorded if each.table == table and (live is None or each.oid in live.text))
        mark = "" if live else "# "
        lines += [f"  {mark}- name: {_word(table)} # {table}", f"  {mark}  rows: {rows}", f"  {mark}  points:"]
        lines += _point_lines(points, "      ")
    return "\n".join([*lines, ""])


def _point_lines(points: Sequence[DraftedPoint], indent: str) -> list[str]:
    return [f"{indent}{'- ' if point.live else '# - '}{point.text} # {point.note}" for point in points]


def _word(name: str) -> str:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name.removesuffix("Table"))
    return re.sub(r"[^a-z0-9]+", "-", parted.lower()).strip("-")[:64]


def _values_by_column(records: Sequence[Record]) -> dict[str, str]:
    """The recorded values by OID: of each instance its own value, and of each column its first values."""
    found: dict[str, list[str]] = {}
    for record in records:
        parts = record.oid.split(".")
        # An index may have several parts, so that each prefix may be the column.
        for length in range(len(parts), max(len(parts) - MAX_INDEX_PARTS, 7), -1):
            shown = found.setdefault(".".join(parts[:length]), [])
            if len(shown) < SHOWN:
                shown.append(_shown(record))
    return {oid: ", ".join(values) for oid, values in found.items()}


def head_lines(
    records: Sequence[Record], name: str, device_class: str, first: str = "", advice: Sequence[str] = ()
) -> list[str]:
    """The lines of a drafted profile down to its points. `first` is an OID of the device, `advice` says what to do with the draft."""
    by_oid = {record.oid: record.value for record in records}
    object_id = by_oid.get(SYS_OBJECT_ID)
    descr = by_oid.get(SYS_DESCR)
    columns = columns_of(records)
    probe = next((column.values[0].oid for column in columns if column.is_scalar), None)
    first = columns[0].oid if columns else first or ENTERPRISES
    text = descr.decode("utf-8", "replace") if isinstance(descr, bytes) else ""
    advice = advice or (
        f"# Draft from a recording of {len(records)} objects. Every point below is a guess: keep what the vendor's MIB or the device's",
        "# display confirms, name its metric (METRICS.md), and delete the rest.",
    )
    lines = [
        "# yaml-language-server: $schema=profile.schema.json",
        *advice,
        f"# sysDescr: {' '.join(text.split())[:100] or '(none)'}",
        "version: 1",
        f"profile: {yaml_value(name)}",
        f"class: {device_class} # or {', '.join(DEVICE_CLASSES)}",
        "protocol: snmp",
        "title: what it is, for people",
        "source: the MIB and its branch, or the manual with its edition",
        "evidence: unverified",
        "recognise:",
    ]
    if isinstance(object_id, str):
        lines.append(f"  sysobjectid: [{object_id}]")
    lines.append(f"  probes: [{probe}]" if probe else f"  subtrees: [{first.removesuffix('.0')}]")
    return lines


def _suggestions(columns: Sequence[Column]) -> Iterator[str]:
    scalars = [column for column in columns if column.is_scalar]
    tables = [column for column in columns if not column.is_scalar]
    for title, group in (("Objects that stand alone", scalars), ("Columns of tables", tables)):
        if group:
            yield f"# {title}:"
        for column in group:
            shown = ", ".join(_shown(record) for record in column.values[:SHOWN])
            more = f" and {len(column.values) - SHOWN} more" if len(column.values) > SHOWN else ""
            oid = column.values[0].oid if column.is_scalar else column.oid
            found = guesses(column)
            yield f"#   {oid}: {shown}{more}{'; might be ' + ', or '.join(found) if found else ''}"


def _shown(record: Record) -> str:
    if isinstance(record.value, bytes):
        text = record.value.decode("utf-8", "replace")
        return repr(text[:30]) if text.isprintable() else record.value.hex()[:24]
    return "NULL" if record.value is None else str(record.value)
