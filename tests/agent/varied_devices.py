"""SNMP devices of every family as columns and scalars, so that tests can vary them: leave out rows, columns and names, or move them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from agent.profile import SYS_OBJECT_ID, Plan, Profile, normalise_answers, plan_device, planning_columns, trim_steps
from agent.profile.planning.planning_cells import planning_instances
from agent.profile.schema import FromColumn, FromIndex, Joined, Table
from agent.snmp.seam import SnmpValue
from tests.agent.made_up_devices import GOOD, columns, healthy_codes
from tests.agent.shipped import shipped_profiles
from tests.at_once import at_once

Columns = Mapping[str, Mapping[str, SnmpValue]]


@dataclass(frozen=True)
class Varied:
    """A device: instances outside tables, and by column the cells of its rows."""

    profile: Profile
    scalars: Mapping[str, SnmpValue]
    columns: Columns

    def moved_scalars(self, *instances: str) -> "Varied":
        """The device with its scalars under other instances than `.0`, each with another number: `1`, or empty for the object's own OID."""
        scalars: dict[str, SnmpValue] = {}
        for place, value in self.scalars.items():
            # A cell of a table whose rows count from 0 is no scalar.
            if not place.endswith(".0") or place == SYS_OBJECT_ID or place[:-2] in self.columns:
                scalars[place] = value
                continue
            for number, instance in enumerate(instances):
                # An instance that the profile names is what it names.
                other = f"{place[:-1]}{instance}".rstrip(".")
                scalars[other] = self.scalars.get(other, value + number if isinstance(value, int) else value)
        return Varied(self.profile, scalars, self.columns)

    def with_columns(self, columns: Columns) -> "Varied":
        return Varied(self.profile, self.scalars, columns)

    def renumbered(self, index: Callable[[str], str]) -> "Varied":
        """The same rows under other indexes."""
        found = {
            column: {index(each): value for each, value in cells.items()} for column, cells in self.columns.items()
        }
        return self.with_columns(found)

    @cached_property
    def row_columns(self) -> set[str]:
        return {column for table in self.profile.tables for column in table.row_columns()}

    @cached_property
    def cells(self) -> dict[str, SnmpValue]:
        tables = {f"{column}.{at}": value for column, cells in self.columns.items() for at, value in cells.items()}
        return {**self.scalars, **tables}

    def planned(self) -> Plan:
        """The plan without what the device lacks, from the columns that a poller walks."""
        rows: dict[str, list[str]] = {}
        wanted = set(planning_instances(self.profile))
        cells = {place: value for place, value in self.scalars.items() if place in wanted}
        for table in self.profile.tables:
            found = dict.fromkeys(index for column in table.row_columns() for index in self.columns.get(column, ()))
            rows.setdefault(table.name, []).extend(found)
            for column in [*table.row_columns(), *planning_columns(table)]:
                cells |= {f"{column}.{at}": value for at, value in self.columns.get(column, {}).items()}
        return at_once(trim_steps)(plan_device(self.profile, rows, cells, None), lambda ref: ref not in self.cells)


@dataclass(frozen=True)
class Outcome:
    """The result of polling a device: its readings, and how many series are planned or reported as left out."""

    readings: Mapping[str, float | str]
    heard_of: int
    left_out: Counter[str]
    silent: frozenset[str]


def outcome_of(device: Varied) -> Outcome:
    plan = device.planned()
    slots = [slot for part in plan.classes.values() for slot in part.slots]
    readings = normalise_answers(slots, device.cells)
    given: dict[str, float | str] = {**readings.values, **readings.states}
    silent = {slot.key for slot in slots} - given.keys() - readings.bad.keys()
    return Outcome(given, len(slots) + sum(plan.left_out.values()), Counter(plan.left_out), frozenset(silent))


@cache
def usual_device(family: str) -> Varied:
    """The healthy device of a shipped SNMP family; made once, because several modules of tests need all of them."""
    return healthy(shipped_profiles()[family])


@cache
def usual_plan(family: str) -> Plan:
    """The plan of the usual device of this family."""
    return usual_device(family).planned()


def healthy(profile: Profile, tails: Sequence[str] = ("1", "2", "3")) -> Varied:
    """A device with three rows in each table, each row with readings of its own that the profile takes."""
    codes = {**_value_codes(profile), **{place: code for place, code in healthy_codes(profile).items() if code != b"x"}}
    places = [part.oid or "" for point in profile.points for source in point.sources() for part in source.parts()]
    places += [
        case.oid or "" for _, point in profile.all_points() for source in point.sources() for case in source.cases
    ]
    places += [*planning_instances(profile), *(point.gate.oid or "" for _, point in profile.all_points() if point.gate)]
    scalars: dict[str, SnmpValue] = {place: codes.get(place, GOOD[0]) for place in places if place}
    depths: dict[str, int] = {}
    for table in profile.tables:
        for column in table.row_columns():
            depths[column] = max(depths.get(column, 1), _depth(table))
    cells: dict[str, dict[str, SnmpValue]] = {}
    for table in profile.tables:
        depth = max(depths[column] for column in table.row_columns())
        indexes = [".".join(["1"] * (depth - 1) + [tail]) for tail in tails]
        sources = [source for point in table.points for source in point.sources()]
        more = [part.oid or "" for source in sources for part in source.parts()]
        more += [case.column or "" for source in sources for case in source.cases]
        for column in filter(None, [*columns(table), *more]):
            cells.setdefault(column, {}).update(dict.fromkeys(indexes, codes.get(column, GOOD[0])))
    _fit(profile, scalars, cells)
    for column, each in cells.items():
        for number, (index, value) in enumerate(each.items()):
            # Codes are smaller; rows with equal readings would hide one that is taken from another row.
            if isinstance(value, int) and value >= 40 and column not in codes:
                each[index] = value + number
    return Varied(profile, {SYS_OBJECT_ID: "1.3.6.1.4.1.99999", **scalars}, cells)


def _depth(table: Table) -> int:
    """How many parts the table's index has, as far as the profile shows."""
    depth = 1
    for point in table.points:
        for label in (table.labels | point.labels).values():
            for part in label.join if isinstance(label, Joined) else [label]:
                if isinstance(part, FromIndex):
                    depth = max(depth, abs(part.index))
                elif isinstance(part, FromColumn) and part.parts:
                    depth = max(depth, part.parts + 1)
        depth = max([depth, *(abs(each.index) for each in [*table.when, *point.when] if each.index)])
    return depth


def _value_codes(profile: Profile) -> dict[str, SnmpValue]:
    """A code with a meaning for each place that holds codes."""
    found: dict[str, SnmpValue] = {}
    for _, point in profile.all_points():
        for part in (part for source in point.sources() for part in source.parts() if part.oid is not None):
            word = next(iter(part.words), None)
            if part.bit or point.bits:
                found.setdefault(part.oid or "", 1)
            elif part.states or part.numbers:
                found.setdefault(part.oid or "", next(iter(part.states or part.numbers)))
            elif word:
                found.setdefault(part.oid or "", word.encode())
    return found


def _fit(profile: Profile, scalars: dict[str, SnmpValue], cells: dict[str, dict[str, SnmpValue]]) -> None:
    """Replace readings that the profile rejects with others, until it accepts one."""
    device = Varied(profile, scalars, cells)
    slots = [slot for part in device.planned().classes.values() for slot in part.slots]
    bad = normalise_answers(slots, device.cells).bad
    for slot in (slot for slot in slots if slot.key in bad):
        ref = slot.decoders[0].ref
        column = next((column for column in cells if ref.startswith(f"{column}.")), None)
        now = scalars.get(ref) if column is None else next(iter(cells[column].values()))
        good = (each for each in GOOD if slot.key not in normalise_answers([slot], device.cells | {ref: each}).bad)
        if now != GOOD[0] or (value := next(good, None)) is None:
            continue
        if column is None:
            scalars[ref] = value
        else:
            cells[column] = dict.fromkeys(cells[column], value)
