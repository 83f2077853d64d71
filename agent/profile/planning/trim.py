"""Removes from a plan the objects and registers that the device's first answers have shown it to lack."""

from collections.abc import Callable, Collection, Generator, Iterator, Sequence

from agent.modbus import Block, split_block
from agent.profile.normalising import SLOTS_PER_SLICE, Slot, slot_of
from agent.profile.planning.plan import MAX_LISTED, ClassPlan, Plan, refs_of
from agent.profile.schema import readable_ref
from rackflow.catalogue import PollClass


def trim_steps(
    plan: Plan, is_absent: Callable[[str], bool], refused: Collection[Block] = ()
) -> Generator[None, None, Plan]:
    """The plan without references that the device lacks, and without slots and classes that have no reference left.

    If the device lacks the objects of a series' slot but has those of its base slot (`ClassPlan.base_slots`), the base slot is used.
    A block that was `refused` as a whole, or that loses a field, is no longer read across the gaps between its fields.
    Yields after each slice.
    """
    slots: dict[PollClass, list[Slot]] = {poll: [] for poll in plan.classes}
    lost: list[Slot] = []
    has: set[str] = set()
    # The slots of all classes before any base slot: the base profile may read a series in another class.
    for count, (poll, slot, is_base) in enumerate(_candidates(plan), 1):
        if count % SLOTS_PER_SLICE == 0:
            yield
        if is_base and slot.key in has:
            continue
        if (kept := _trimmed(slot, is_absent)) is not None:
            slots[poll].append(kept)
            has.add(kept.key)
        elif not is_base:
            lost.append(slot)
    classes = {poll: _requests(part, slots[poll], refused) for poll, part in plan.classes.items() if slots[poll]}
    missed: dict[str, None] = dict.fromkeys(plan.nothing_there)
    for slot in lost:
        if slot.key not in has and len(missed) < MAX_LISTED:
            missed |= dict.fromkeys(readable_ref(ref) for ref in refs_of([slot]) if is_absent(ref))
    absent = sum(len(part.slots) for part in plan.classes.values()) - sum(len(part.slots) for part in classes.values())
    left_out = dict(plan.left_out) | ({"absent": absent} if absent else {})
    return Plan(
        classes=classes,
        duplicates=plan.duplicates,
        planned_cells=plan.planned_cells,
        left_out=left_out,
        nothing_there=tuple(missed)[:MAX_LISTED],
    )


def _candidates(plan: Plan) -> Iterator[tuple[PollClass, Slot, bool]]:
    """Every slot with its class and False, then every base slot with its class and True."""
    for poll, part in plan.classes.items():
        yield from ((poll, slot, False) for slot in part.slots)
    for poll, part in plan.classes.items():
        yield from ((poll, slot, True) for slot in part.base_slots)


def _requests(part: ClassPlan, slots: Sequence[Slot], refused: Collection[Block]) -> ClassPlan:
    """The requests of a class for these slots only."""
    used = refs_of(slots) | dict.fromkeys(part.read_after)
    blocks = tuple(kept for block in part.blocks for kept in split_block(block, used, whole=block not in refused))
    oids = tuple(oid for oid in part.oids if oid in used)
    scale_cells = {ref: cells for ref, cells in part.scale_cells.items() if ref in used}
    return ClassPlan(
        slots=tuple(slots), oids=oids, blocks=blocks, cut=part.cut, read_after=part.read_after, scale_cells=scale_cells
    )


def _trimmed(slot: Slot, is_absent: Callable[[str], bool]) -> Slot | None:
    decoders = tuple(decoder for decoder in slot.decoders if not any(map(is_absent, decoder.refs)))
    gate = slot.gate
    if gate and is_absent(gate.ref):
        # If the cell of a required gate is absent, nobody knows whether the value counts, so the slot is dropped.
        if not gate.optional:
            return None
        gate = None
    if not decoders:
        return None
    unchanged = gate is slot.gate and len(decoders) == len(slot.decoders)
    return slot if unchanged else slot_of(slot.key, slot.metric, decoders, gate)
