"""SNMP devices made up from a profile alone: cells that make its rows and points exist, with readings that the profile accepts."""

from collections.abc import Iterator, Sequence
from typing import Final

from agent.profile import SYS_OBJECT_ID, Profile, normalise_answers, plan_device, planning_instances
from agent.profile.planning.planning_cells import planning_columns
from agent.profile.schema import Code, FromColumn, Gate, Joined, Point, Table, When
from agent.snmp.seam import SnmpValue

INDEXES: Final = ("1", "2", "3", "1.1", "1.2", "1.1.1", "1.1.2", "1.1.1.1")
POWER: Final = frozenset({"volts", "amperes", "watts", "voltamperes", "vars", "hertz"})
# In turn until the profile takes one: volts, tenths, millivolts, amperes, hertz, and the same as text.
GOOD: Final[tuple[SnmpValue, ...]] = (
    230,
    2300,
    50,
    500,
    5000,
    230_000,
    23_000,
    3,
    48,
    480,
    b"230.1",
    b"50.0",
    b"230 V",
    b"3 A",
    b"500 W",
)


def conditions_of(table: Table | None, point: Point) -> Iterator[When]:
    yield from point.when
    yield from table.when if table else []


def label_columns(table: Table | None, point: Point) -> Iterator[FromColumn]:
    for label in [*point.labels.values(), *(table.labels.values() if table else ())]:
        yield from (
            part for part in (label.join if isinstance(label, Joined) else [label]) if isinstance(part, FromColumn)
        )


def gates_of(table: Table | None, point: Point) -> Iterator[Gate]:
    yield from filter(None, (point.gate, table.gate if table else None))


def healthy_codes(profile: Profile) -> dict[str, SnmpValue]:
    """By column or instance: a value that fulfils the conditions of rows and points, so that their cells are read."""
    found: dict[str | None, Code] = {}
    gates: dict[str | None, list[Gate]] = {}
    for table, point in profile.all_points():
        for gate in gates_of(table, point):
            gates.setdefault(gate.oid or gate.column, []).append(gate)
    # A row of messages that may be a door's: a value that lets the door through lets the others through, too.
    open_for_all = {
        place: next((code for code in those[0].in_ if all(code in each.in_ for each in those)), those[0].in_[0])
        for place, those in gates.items()
    }
    for table, point in profile.all_points():
        for when in conditions_of(table, point):
            if not when.watched():
                found.setdefault(when.oid or when.column, [*when.in_, *when.contains, "x"][0])
        for part in label_columns(table, point):
            found.setdefault(part.column, next(iter(part.map), "front"))
        for gate in gates_of(table, point):
            found.setdefault(gate.oid or gate.column, open_for_all[gate.oid or gate.column])
        for source in point.sources():
            found.setdefault(source.scale_cell, 1)
            if source.unit_by:
                found.setdefault(source.unit_by.oid or source.unit_by.column, next(iter(source.unit_by.map)))
    return {
        place: code.encode() if isinstance(code, str) else code for place, code in found.items() if place is not None
    }


def columns(table: Table) -> list[str]:
    return [
        *table.row_columns(),
        *planning_columns(table),
        *(source.oid or "" for point in table.points for source in point.sources()),
        *(gate.column or "" for point in table.points for gate in gates_of(table, point)),
    ]


def healthy_device(profile: Profile, indexes: Sequence[str] = INDEXES) -> tuple[dict[str, SnmpValue], set[str]]:
    """Cells with a good reading wherever the profile finds a power, and which of them those are."""
    # A condition without words, such as "no number", is met where there is no such word: its cell may be a reading.
    good = {place: code for place, code in healthy_codes(profile).items() if code != b"x"}
    cells: dict[str, SnmpValue] = {SYS_OBJECT_ID: "1.3.6.1.4.1.99999"}
    places = [source.oid or "" for point in profile.points for source in point.sources()]
    places += [*planning_instances(profile), *(point.gate.oid or "" for _, point in profile.all_points() if point.gate)]
    for place in filter(None, places):
        cells[place] = good.get(place, GOOD[0])
    rows = {table.name: list(indexes) for table in profile.tables}
    for table in profile.tables:
        for column in filter(None, columns(table)):
            cells |= {f"{column}.{index}": good.get(column, GOOD[0]) for index in indexes}
    power: set[str] = set()
    # Twice: a voltage decides about further points.
    for _ in range(2):
        for part in plan_device(profile, rows, cells, None).classes.values():
            for slot in part.slots:
                ref = slot.decoders[0].ref
                is_power = slot.metric.unit in POWER and slot.metric.poll != "inventory"
                if not is_power or ref in power or cells.get(ref) != GOOD[0]:
                    continue
                for value in GOOD:
                    if slot.key in normalise_answers([slot], cells | {ref: value}).values:
                        cells[ref] = value
                        # Where the first source has no reading, the next one must have lost it, too.
                        power |= {
                            each for source in slot.decoders for each in source.refs if cells.get(each) == GOOD[0]
                        }
                        power.add(ref)
                        break
    return cells, power
