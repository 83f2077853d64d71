"""A cache of plans for all devices of an agent: devices of one family with the same rows share a plan.

Planning a rack PDU takes milliseconds of CPU, and a campus has thousands of them. A plan depends only on the profile, the device's role and
unit, its rows, and the cells with labels, conditions, units and scales. The cache key is made of these, so a cached plan is the one that
planning would make.
"""

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Final

from agent.modbus import Block
from agent.profile.normalising import MAX_WIRE_INT, RawValue
from agent.profile.planning.plan import Plan
from agent.profile.planning.planner import Rows, plan_steps
from agent.profile.planning.planning_cells import (
    AMBIGUOUS,
    all_columns,
    deciding_columns,
    deciding_instances,
    fixed_conditions,
    label_columns,
    planning_instances,
)
from agent.profile.planning.rows import Row
from agent.profile.planning.trim import trim_steps
from agent.profile.schema import FromColumn, Profile, When

# Plans of 200,000 series take some 150 MB if no device has the same as another; 3,000 devices of a campus have 60 plans.
MAX_SERIES_KEPT: Final = 200_000
MAX_PLANS_KEPT: Final = 5000
# Cells that are hashed in one slice: about a millisecond.
CELLS_PER_SLICE: Final = 1000


@dataclass(frozen=True, slots=True)
class Family:
    """A profile as it is polled (with or without single outlets), and the objects and columns that planning a device of it reads."""

    profile: Profile
    outlets: bool
    instances: tuple[str, ...]
    """See `planning_instances`."""
    deciding_instances: tuple[str, ...]
    """See there."""
    fixed_conditions: tuple[When, ...]
    """See there."""
    deciding: Mapping[str, tuple[str, ...]]
    """By table: see `deciding_columns`."""
    elsewhere: Mapping[str, tuple[FromColumn, ...]]
    """By table: labels in cells of tables with shorter indexes."""
    columns: frozenset[str]
    """See `all_columns`."""


class PlanCache:
    """Plans by cache key. Bounded in series; the plan unused for longest is dropped first. Not thread-safe."""

    def __init__(self, max_series: int = MAX_SERIES_KEPT) -> None:
        self._max_series = max_series
        self._families: dict[tuple[str, bool], Family] = {}
        self._plans: dict[bytes, Plan] = {}
        self._series = 0
        self.made = 0
        """How many plans had to be made, because the cache had none."""

    def family(self, profile: Profile, *, outlets: bool) -> Family:
        """The profile as it is polled. After a reload has changed the profile of this name, the new one replaces the former."""
        found = self._families.get((profile.profile, outlets))
        if found is None or found.profile.content_hash != profile.content_hash:
            polled = profile if outlets else profile.without_outlets()
            deciding: dict[str, tuple[str, ...]] = {table.name: () for table in polled.tables}
            elsewhere: dict[str, tuple[FromColumn, ...]] = {}
            for table in polled.tables:
                deciding[table.name] = (*deciding[table.name], *deciding_columns(table))
                found_there = tuple(each for each in label_columns(table) if each.parts)
                elsewhere[table.name] = (*elsewhere.get(table.name, ()), *found_there)
            found = Family(
                profile=polled,
                outlets=outlets,
                instances=tuple(planning_instances(polled)),
                deciding_instances=tuple(deciding_instances(polled)),
                fixed_conditions=tuple(fixed_conditions(polled)),
                deciding=deciding,
                elsewhere=elsewhere,
                columns=frozenset(column for table in polled.tables for column in all_columns(table)),
            )
            self._families[profile.profile, outlets] = found
        return found

    def plan_steps(
        self,
        family: Family,
        rows: Rows,
        cells: Mapping[str, RawValue],
        role: str | None,
        *,
        cut: Collection[str] = (),
        unit: int | None = None,
    ) -> Generator[None, None, tuple[bytes, Plan]]:
        """As `planning.plan_steps`, but returns a kept plan if there is one: its key in the cache (for `trim_steps`), and the plan."""
        several = [each for each in family.instances if cells.get(each) == AMBIGUOUS]
        head = (
            "plan",
            family.profile.profile,
            family.profile.content_hash,
            family.outlets,
            role,
            unit,
            sorted(cut),
            several,
        )
        key = yield from _digest(head, rows, _deciding(family, rows, cells))
        if (plan := self._cached(key)) is None:
            plan = yield from plan_steps(family.profile, rows, cells, role, cut=cut, unit=unit)
            self._keep(key, plan)
        return key, plan

    def trim_steps(
        self, plan_key: bytes, plan: Plan, absent: Collection[str], refused: Collection[Block] = ()
    ) -> Generator[None, None, Plan]:
        """As `trim.trim_steps`, but returns a kept plan if there is one. `plan_key` is the key of the plan before trimming."""
        blocks = sorted((block.table, block.address, block.count) for block in refused)
        key = yield from _digest(("trimmed", plan_key, blocks), {"": sorted(absent)}, ())
        if (trimmed := self._cached(key)) is None:
            trimmed = yield from trim_steps(plan, lambda ref: ref in absent, refused)
            self._keep(key, trimmed)
        return trimmed

    def _cached(self, key: bytes) -> Plan | None:
        plan = self._plans.pop(key, None)
        if plan is not None:
            self._plans[key] = plan  # put back at the end, so that the first entry is always the one unused for longest
        return plan

    def _keep(self, key: bytes, plan: Plan) -> None:
        self.made += 1
        self._series += _series(plan) - (_series(self._plans[key]) if key in self._plans else 0)
        self._plans[key] = plan
        while self._series > self._max_series or len(self._plans) > MAX_PLANS_KEPT:
            self._series -= _series(self._plans.pop(next(iter(self._plans))))


def _series(plan: Plan) -> int:
    return sum(len(part.slots) for part in plan.classes.values())


def _deciding(family: Family, rows: Rows, cells: Mapping[str, RawValue]) -> Iterable[tuple[str, RawValue]]:
    # Only cells that the plan depends on: the column whose instances are the rows often holds a reading, which differs at every walk.
    for oid in family.deciding_instances:
        yield oid, _short(cells.get(oid))
    whole = Row("", cells, None)
    for condition in family.fixed_conditions:
        # Whether the cell exists is part of the key too, because the plan reads only existing cells again.
        yield str(whole.code(condition) is None), whole.holds(condition)
    for table, columns in family.deciding.items():
        for column in columns:
            for index in rows.get(table, ()):
                yield index, _short(cells.get(f"{column}.{index}"))
    for name, labels in family.elsewhere.items():
        for label in labels:
            for index in rows.get(name, ()):
                yield index, _short(cells.get(f"{label.column}.{label.index_of(index)}"))


def _short(value: RawValue) -> RawValue:
    # No integer type is that long, and Python refuses to write very long ones as text (sys.set_int_max_str_digits).
    return value if not isinstance(value, int) or -MAX_WIRE_INT < value < MAX_WIRE_INT else MAX_WIRE_INT


def _digest(
    head: object, rows: Mapping[str, Sequence[str]], cells: Iterable[tuple[str, RawValue]]
) -> Generator[None, None, bytes]:
    """A hash of these values; yields after each slice.

    It hashes their repr(), which differs for 1, 1.0 and b"1" (they give different labels) and is equal for two NaNs.
    """
    hashed = blake2b(repr(head).encode(errors="surrogatepass"), digest_size=16)
    each: Iterable[object]
    for each in ((name, rows[name]) for name in rows), cells:
        parts = iter(each)
        while part := list(islice(parts, CELLS_PER_SLICE)):
            hashed.update(repr(part).encode(errors="surrogatepass"))
            yield
    return hashed.digest()
