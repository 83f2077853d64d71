"""Normalises the answers of a poll and adds its figures. Large devices are done in slices, so that none blocks the event loop."""

from collections.abc import Mapping, Sequence

from agent.poll.derive import PlannedInputs, derive_steps
from agent.profile import SLOTS_PER_SLICE, RawValue, Slot, normalise_answers, normalise_steps
from agent.readings import Readings
from rackflow.catalogue import PollClass
from rackflow.process.slices import EACH_STEP, in_slices


async def readings_of(slots: Sequence[Slot], raw: Mapping[str, RawValue]) -> Readings:
    """The readings in these answers."""
    # Nearly always so, and cheaper: slicing costs a hundredth of a poll.
    if len(slots) <= SLOTS_PER_SLICE:
        return normalise_answers(slots, raw)
    return await in_slices(normalise_steps(slots, raw), EACH_STEP)


async def add_figures(
    readings: Readings,
    poll_class: PollClass,
    slots: Sequence[Slot],
    *,
    planned: PlannedInputs,
    device_class: str,
    coolant: Mapping[str, str],
) -> None:
    """Add the figures derived from the readings of one poll (`derive.py`). `planned` remembers which readings each needs."""
    inputs = planned.of(poll_class, slots)
    if inputs is None:
        inputs = await in_slices(planned.find_steps(poll_class, slots, device_class), EACH_STEP)
    if inputs.makes_any:
        await in_slices(derive_steps(readings, device_class, coolant, inputs), EACH_STEP)
