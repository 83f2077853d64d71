"""What a plan is: the series that a device gives, the requests of each poll class, and the cells that the plan depends on.

`planner` makes a plan, `trim` removes from it what the device's first answers have shown it to lack. Cells and registers are named by
reference, as in `schema/cell_refs.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from agent.modbus import Block
from agent.profile.normalising import RawValue, Slot
from agent.profile.planning.in_use import Use, is_use_condition
from agent.profile.planning.rows import CellReader, Row
from rackflow.catalogue import PollClass

# Most duplicate series that are listed. The list is only for people, and a table may have the same labels in every row.
MAX_DUPLICATES: Final = 1000
# Most missing tables, objects and registers that are listed. The list is for people, for whom the first ones are enough.
MAX_LISTED: Final = 50


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell that planning has read, and the series whose name, unit, scale or existence depends on it."""

    ref: str
    reader: CellReader
    row: Row
    value: RawValue = field(compare=False)
    """The cell's value when the plan was made. Devices that share a plan may have other values with the same meaning."""
    planned: object
    """What planning made of that value, as `Row.meaning` gives it."""
    keys: tuple[str, ...]
    """Series keys of the series that depend on the cell."""

    @property
    def use(self) -> Use | None:
        """What its use is recorded as, if it belongs to `alive` or `lines`."""
        return Use(self.ref, self.reader, self.row.index) if is_use_condition(self.reader) else None

    def is_unchanged(self, value: RawValue) -> bool:
        """Whether the cell still has the value that was planned with. Nearly always true, and ten times as fast as `holds`."""
        return type(value) is type(self.value) and value == self.value

    def holds(self, value: RawValue) -> bool:
        """Whether planning with this value would give the same plan."""
        return self.row.meaning(self.ref, self.reader, value) == self.planned


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """The requests of one poll class, and the series that the answers give."""

    slots: tuple[Slot, ...]
    oids: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    cut: tuple[str, ...] = ()
    """Metrics whose further rows are left out, because the device has too many."""
    read_after: tuple[str, ...] = ()
    """Planned cells that are read after the readings, in the same poll: those with their units, and those with their scales where that is
    cheap. A unit can be switched at the device, and a reading in the wrong unit looks right."""
    scale_cells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The cells with the scale and the conditions of each number whose scale is not read in this class, by the number's reference."""
    base_slots: tuple[Slot, ...] = ()
    """SNMP, where the profile extends another: series that both profiles have, read as the base profile does. They are for devices that
    lack the extending profile's objects; `trim_steps` moves them into `slots` or drops them."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Plan:
    """The plan of one device."""

    classes: Mapping[PollClass, ClassPlan]
    duplicates: tuple[str, ...] = ()
    """Series that two points or rows give (at most MAX_DUPLICATES); the first point or row is used."""
    planned_cells: Mapping[str, tuple[PlannedCell, ...]] = field(default_factory=dict)
    """The cells that the plan depends on, by reference. A cell is there once for each way in which planning used it."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many series are not polled, by reason: `label` and `unit` (the device's label or unit is not in the profile), `condition` (the
    row lacks the cell that decides whether it is there), `duplicate`, `limit`, `absent` (the device lacks the object), and `instances`
    (the device has several instances of an object that the profile knows as a scalar)."""
    nothing_there: tuple[str, ...] = ()
    """Tables without rows, and objects or registers that the device lacks and no fallback replaces; at most MAX_LISTED, for people."""


def refs_of(slots: Iterable[Slot]) -> dict[str, None]:
    """The references that these slots are read from, without repeats and in request order."""
    refs: dict[str, None] = {}
    for slot in slots:
        for decoder in slot.decoders:
            refs.update(dict.fromkeys(decoder.refs))
        if slot.gate:
            refs[slot.gate.ref] = None
    return refs
