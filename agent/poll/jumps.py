"""Finds numbers that jump, so that the cells that give their scale are read before anything is published.

Some PDUs have a cell with the number of decimals for each outlet; reading all of them at each poll would double the requests. So these
cells are read once a minute, and at once for a number that halves or doubles: a changed scale makes a number ten times as large or small.
A real jump, such as a load that is switched on, costs one more request in that poll. A change of scale is missed, for a minute at most,
only if the quantity itself changes more than fivefold in the opposite direction between the same two polls.
"""

from collections.abc import Mapping
from typing import Final

from agent.profile import ClassPlan, Plan, RawValue, number_in

# Below half or above twice the last number. A decimal is a factor of 10, and degrees Fahrenheit are at least 2.1 times the degrees Celsius
# up to 100 degC; loads seldom double within ten seconds. Chosen.
JUMP: Final = 2.0
# Numbers that differ by one count differ only by the device's resolution, whatever the scale is.
ONE_COUNT: Final = 1.0


class Jumps:
    """The last number of each reading whose scale is not read with it."""

    def __init__(self) -> None:
        # Never 0, because 0 is the same in every scale: the number before the 0 is kept, so that an outage and its end cost no request.
        self._last: dict[str, RawValue] = {}

    def begin(self, plan: Plan, known: Mapping[str, RawValue]) -> None:
        """Start with a new plan. `known` are the answers that it was made with, in which numbers and scales belong together."""
        self._last = {ref: known[ref] for part in plan.classes.values() for ref in part.scale_cells if known.get(ref)}

    def forget(self) -> None:
        """Forget all numbers after a silence, so that the next poll reads all scale cells."""
        self._last.clear()

    def jumped(self, part: ClassPlan, raw: Mapping[str, RawValue]) -> dict[str, tuple[str, ...]]:
        """The numbers that jumped, by reference, each with the cells that must be read before it is published."""
        found: dict[str, tuple[str, ...]] = {}
        last = self._last
        for ref, cells in part.scale_cells.items():
            now, before = raw.get(ref), last.get(ref)
            # The common cases first, to save time: nearly all are integers, and half of them have not changed.
            if now == before and now is not None:
                continue
            if (
                type(now) is int
                and type(before) is int
                and before > 0
                and before <= now * JUMP
                and now <= before * JUMP
            ):
                last[ref] = now
                continue
            if _jumps(now, before):
                found[ref] = cells
            elif now is None:
                # A row that disappears may belong to another sensor when it comes back.
                last.pop(ref, None)
            elif number_in(now):
                last[ref] = now
        return found

    def confirm(self, ref: str, value: RawValue) -> None:
        """Note that the scale cells of this number were read together with it."""
        self._last[ref] = value


def _jumps(now: RawValue, before: RawValue) -> bool:
    number = None if now is None else number_in(now)
    if not number:
        return False
    known = None if before is None else number_in(before)
    if not known:
        return True
    if abs(number - known) <= ONE_COUNT:
        return False
    ratio = number / known
    return not 1 / JUMP <= ratio <= JUMP
