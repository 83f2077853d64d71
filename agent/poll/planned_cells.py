"""Notices when a cell has changed that a plan was made from: a unit was switched at the device, or a part was fitted.

Until the device is planned again, readings made with a changed cell are rejected, because their unit or scale may be wrong.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Final

from agent.poll.shown_scales import ShownScales
from agent.profile import Plan, PlannedCell, Profile, RawValue, Use, is_measuring, is_use_ref, note_use_steps, number_in
from agent.readings import Readings
from rackflow.process.slices import in_slices

# Least time between two openings caused by a changed cell, so that a cell that changes at every poll does not reopen the device at every
# poll. The same as REPLAN_MIN_S of SNMP.
REOPEN_MIN_S: Final = 10.0
# How many answers in a row must show that a line is in use while the device is polled. Use is never forgotten: one odd answer would add a
# line that is not fitted, and report it as one without power for good. These cells are polled once a minute, so more answers would keep a
# line that has just got power from being read for too long. Chosen.
IN_USE_ANSWERS: Final = 2
# Most cells that planning reads a second time for this. A UPS or meter has some nine; with this many a slow card (0.2 s for 20 objects)
# takes a second longer, and where more of them measure something at once, it is no single odd answer. Chosen.
MAX_READ_AGAIN: Final = 100

ReadAgain = Callable[[Sequence[str]], Awaitable[Mapping[str, RawValue]]]
"""Reads cells of the device, by reference. Raises DeviceError."""


class PlannedCells:
    """The cells that a device's plan depends on. `begin` is called with each plan, `update` with the answers of each poll."""

    def __init__(self) -> None:
        self._plan = Plan({})
        # Cells whose value has changed so that planning would give another result, with the series that depend on each.
        self._changed: dict[str, set[str]] = {}
        # Cells that were in use at any time since the device was identified (agent/profile/planning/in_use.py), by their keys.
        self._used: dict[str, Use] = {}
        # By cell that was not in use: in how many polls in a row it has measured something.
        self._measured: dict[str, int] = {}
        self._scales = ShownScales(self._used)

    async def add_use(
        self,
        profile: Profile,
        rows: Mapping[str, Sequence[str]],
        cells: MutableMapping[str, RawValue],
        read_again: ReadAgain,
    ) -> None:
        """Add the use cells of a new plan to `cells`, which show the lines that were ever in use. See `note_use_steps`.

        Cells that were not in use before are read a second time, as polls need two answers, too. Not left to the polls behind the opening:
        mains that fail in the first minute would take the lines away that have to show it.
        """
        before = set(self._used)
        await in_slices(note_use_steps(profile, rows, cells, self._used))
        new = [use for key, use in self._used.items() if key not in before and not use.shows_scale][:MAX_READ_AGAIN]
        answers = await read_again(list(dict.fromkeys(use.ref for use in new))) if new else {}
        if denied := [use for use in new if _denies(use, answers.get(use.ref))]:
            for use in denied:
                del self._used[use.key]
            cells.update({use.ref: answers[use.ref] for use in denied})
            for ref in [ref for ref in cells if is_use_ref(ref)]:
                del cells[ref]
            await in_slices(note_use_steps(profile, rows, cells, self._used))
        self._scales.add_planned(before)

    def forget(self) -> bool:
        """Forget which lines were in use, because another device now has this address. Returns whether any were known."""
        known = bool(self._used)
        self._used.clear()
        self._scales.forget()
        return known

    def forget_scales(self) -> None:
        """Forget what the device counts in, because it has another firmware now. Its lines are those that it had."""
        for key in [key for key, use in self._used.items() if use.shows_scale]:
            del self._used[key]
        self._scales.forget()

    def begin(self, plan: Plan) -> None:
        """Watch the cells of this plan from now on."""
        self._plan = plan
        self._changed.clear()
        self._measured.clear()
        self._scales.begin(plan)

    def update(self, raw: Mapping[str, RawValue]) -> None:
        """Compare the answers of a poll with the plan's cells. A cell that is missing or NULL is not a change."""
        planned = self._plan.planned_cells
        are_scales_open = self._scales.update(raw)
        for ref in raw.keys() & planned.keys():
            value, uses = raw[ref], planned[ref]
            if value is None:
                continue
            # All uses of a cell were planned from the same value, so comparing with the first one suffices.
            is_unchanged = uses[0].is_unchanged(value)
            changed = [] if is_unchanged else [each for each in uses if not each.holds(value)]
            if changed or are_scales_open:
                changed = self._scales.without_unshown(ref, changed)
            if changed or self._measured:
                changed = self._without_momentary(ref, changed)
            if changed:
                self._changed[ref] = {key for each in changed for key in each.keys}
                # Never forgotten: a line that was in use stays in every later plan.
                self._used |= {each.use.key: each.use for each in changed if each.use}
            elif ref in self._changed and not any(each.use and each.use.key in self._used for each in uses):
                del self._changed[ref]

    def _without_momentary(self, ref: str, changed: list[PlannedCell]) -> list[PlannedCell]:
        """Of these uses of one cell, which its value has just changed, those that are believed; see IN_USE_ANSWERS."""
        if not any(each.use for each in changed):
            self._measured.pop(ref, None)
            return changed
        self._measured[ref] = self._measured.get(ref, 0) + 1
        if self._measured[ref] >= IN_USE_ANSWERS:
            return changed
        return [each for each in changed if not each.use or each.use.shows_scale]

    def reject(self, readings: Readings, *, everything: bool = False, any_dependent: bool = False) -> None:
        """Move readings that depend on changed cells to `bad`, as `replanning`: their unit or their meaning may have changed.

        With `everything`, all readings are moved, because the answers may come from another device. With `any_dependent`, all readings that
        depend on a cell are moved, because it is unknown which cells have changed.
        """
        all_keys = [{*readings.values, *readings.states}] if everything else []
        if any_dependent:
            all_keys += [set(each.keys) for uses in self._plan.planned_cells.values() for each in uses]
        if self._scales.unknown:
            all_keys.append(self._scales.doubted(readings))
        for keys in (*self._changed.values(), *all_keys):
            for key in keys:
                if key in readings.values or key in readings.states or key in readings.bad:
                    readings.values.pop(key, None)
                    readings.states.pop(key, None)
                    readings.bad[key] = "replanning"

    def changed(self) -> str:
        """The first cell that has changed; empty if none has."""
        return next(iter((*self._changed, *self._scales.taken_back)), "")


def _denies(use: Use, value: RawValue) -> bool:
    """Whether the second answer is a number that shows no use. A cell that does not answer again is believed, as a card may be busy."""
    return number_in(value) is not None and not is_measuring(use.condition, value)
