"""Takes out of a plan what the first answers have shown the device to lack."""

from collections.abc import Callable, Collection, Generator

from agent.modbus import Block, split_block
from agent.profile.normalise import SLOTS_PER_SLICE, Slot, slot_of
from agent.profile.plan import MAX_LISTED, ClassPlan, Plan, refs_of
from agent.profile.registers import said_as
from rackflow.process.slices import run_through


def without(plan: Plan, is_absent: Callable[[str], bool], refused: Collection[Block] = ()) -> Plan:
    """See `trimming`, all at once."""
    return run_through(trimming(plan, is_absent, refused))


def trimming(
    plan: Plan, is_absent: Callable[[str], bool], refused: Collection[Block] = ()
) -> Generator[None, None, Plan]:
    """The plan without references that the device lacks, and without slots and classes that have no reference left.

    A block that was `refused` as a whole, or that loses a field, is no longer read across the gaps between its fields.
    Yields after each slice.
    """
    classes = dict(plan.classes)
    missed: dict[str, None] = dict.fromkeys(plan.nothing_there)
    looked = 0
    for poll, part in plan.classes.items():
        slots: list[Slot] = []
        used: dict[str, None] = {}
        for slot in part.slots:
            looked += 1
            if looked % SLOTS_PER_SLICE == 0:
                yield
            if (kept := _trimmed(slot, is_absent)) is not None:
                slots.append(kept)
                used.update(refs_of([kept]))
            elif len(missed) < MAX_LISTED:
                missed |= dict.fromkeys(said_as(ref) for ref in refs_of([slot]) if is_absent(ref))
        if slots:
            used |= dict.fromkeys(part.checks)
            blocks = tuple(
                kept for block in part.blocks for kept in split_block(block, used, whole=block not in refused)
            )
            oids = tuple(oid for oid in part.oids if oid in used)
            rests = {ref: cells for ref, cells in part.rests.items() if ref in used}
            classes[poll] = ClassPlan(tuple(slots), oids, blocks, part.cut, part.checks, rests)
        else:
            del classes[poll]
    absent = sum(len(part.slots) for part in plan.classes.values()) - sum(len(part.slots) for part in classes.values())
    left_out = dict(plan.left_out) | ({"absent": absent} if absent else {})
    return Plan(classes, plan.duplicates, plan.basis, left_out, tuple(missed)[:MAX_LISTED])


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
