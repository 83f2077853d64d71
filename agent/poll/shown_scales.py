"""Believes what a device counts in once several answers have shown it, where only the numbers of a live line show that.

Some UPSs send volts in tenths, and no cell of theirs says so: a live line's 2301 shows it (`alive` with `between` of a condition). It is
remembered for as long as the device is the same one, because what is left on a dead line (95 for 9.5 V) would be possible in whole volts
as well. So one odd number of a UPS that sends whole volts must not decide it: every later reading would be a tenth of the truth.

* While a device is polled, ANSWERS in a row must show it. Until then the readings of those cells are rejected.
* When a device is planned there is one answer only, and it is used. It is believed after ANSWERS more; if one of these shows another scale,
  it is taken back. So a device whose line dies within half a minute after its first answer may be read in whole units until it is back.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import Final

from agent.profile import Plan, PlannedCell, RawValue, Use, is_measuring, refs_of, shows_another_scale
from agent.readings import Readings

# Of a UPS's voltages these are half a minute of polls. Chosen: a card that garbles an answer seldom garbles three in a row.
ANSWERS: Final = 3


class ShownScales:
    """The scales of one device that are shown by its numbers. `used` are the cells that were in use, by key; it is changed here too."""

    def __init__(self, used: MutableMapping[str, Use]) -> None:
        self._used = used
        self._plan = Plan({})
        # How many answers in a row have shown another scale than the plan's, by cell.
        self._shown: dict[str, int] = {}
        # How many answers are left until what planning has read is believed, by key.
        self._unproven: dict[str, int] = {}
        # Cells whose scale is unknown after the latest poll, those in `taken_back` included.
        self.unknown: dict[str, None] = {}
        # Cells because of which the device must be planned again: what planning had read of them was contradicted.
        self.taken_back: dict[str, None] = {}

    def add_planned(self, before: Iterable[str]) -> None:
        """Planning has just read the cells; `before` are the keys that were in use until then."""
        for key in self._used.keys() - before:
            if self._used[key].shows_scale:
                self._unproven[key] = ANSWERS

    def forget(self) -> None:
        """Another device has this address now, or the device has another firmware. The keys are no longer in use."""
        self._unproven.clear()

    def begin(self, plan: Plan) -> None:
        """Watch the cells of this plan from now on."""
        self._plan = plan
        self._shown.clear()
        self.unknown.clear()
        self.taken_back.clear()

    def update(self, raw: Mapping[str, RawValue]) -> bool:
        """Look at the answers of a poll, for what planning has read and polls have not shown yet.

        Returns whether the poll's changed cells must pass `without_unshown` even if there are none, which is nearly never.
        """
        self.unknown.clear()
        if not (self._unproven or self._shown or self.taken_back):
            return False
        self.unknown |= self.taken_back
        for key in [key for key in self._unproven if self._used[key].ref in raw]:
            use = self._used[key]
            value = raw[use.ref]
            if is_measuring(use.condition, value):
                self._unproven[key] -= 1
                if not self._unproven[key]:
                    del self._unproven[key]
            elif shows_another_scale(use.condition, value) or self._shows_scale_of_others(use, value):
                del self._unproven[key], self._used[key]
                self.taken_back[use.ref] = None
                self.unknown |= dict.fromkeys(use.refs)
        return True

    def _shows_scale_of_others(self, use: Use, value: RawValue) -> bool:
        """Whether the cell has what another condition on it takes for its own scale: one that holds already, or one that is watched."""
        watched = (each.use for each in self._plan.planned_cells.get(use.ref, ()))
        others = [*(each for each in self._used.values() if use.ref in each.refs), *filter(None, watched)]
        return any(
            each.shows_scale and each.condition.between != use.condition.between and is_measuring(each.condition, value)
            for each in others
        )

    def without_unshown(self, ref: str, changed: Sequence[PlannedCell]) -> list[PlannedCell]:
        """Of these uses of one cell, which its value has just changed, those that are believed. Without any, its count ends."""
        scales = [each.use for each in changed if each.use and each.use.shows_scale]
        if not scales:
            self._shown.pop(ref, None)
            return list(changed)
        self._shown[ref] = self._shown.get(ref, 0) + 1
        self.unknown |= dict.fromkeys(other for use in scales for other in use.refs)
        if self._shown[ref] >= ANSWERS:
            return list(changed)
        return [each for each in changed if not (each.use and each.use.shows_scale)]

    def doubted(self, readings: Readings) -> set[str]:
        """The keys of readings that were made from cells whose scale is unknown."""
        return {
            slot.key
            for part in self._plan.classes.values()
            for slot in part.slots
            if slot.key in readings.values and not self.unknown.keys().isdisjoint(refs_of([slot]))
        }
