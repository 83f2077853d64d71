"""Notices that a cell on which a plan rests means something else now: a unit was switched at the device, a part was fitted."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Final

from agent.profile import Plan, Profile, RawValue, marking
from agent.readings import Readings
from rackflow.process.slices import in_slices

# Least time between two openings that a cell causes: one that changes with every poll must not cost an opening each. As for SNMP.
REOPEN_MIN_S: Final = 10.0


class PlannedCells:
    """The cells that a device's plan rests on. `begin` is called with each plan, `look` with the answers of each poll."""

    def __init__(self) -> None:
        self._plan = Plan({})
        # Cells that planning would read differently now, with the series that rest on each.
        self._changed: dict[str, set[str]] = {}
        # Cells that have lived since the device was identified (agent/profile/living.py).
        self._lived: set[str] = set()

    async def mark(
        self, profile: Profile, rows: Mapping[str, Sequence[str]], cells: MutableMapping[str, RawValue]
    ) -> None:
        """Put into the cells for a plan what has lived so far. See `marking`."""
        await in_slices(marking(profile, rows, cells, self._lived))

    def forget(self) -> bool:
        """Another device has its place: what the former one had says nothing of it. Whether anything was known."""
        known = bool(self._lived)
        self._lived.clear()
        return known

    def begin(self, plan: Plan) -> None:
        """Watch the cells of this plan from now on."""
        self._plan = plan
        self._changed.clear()

    def look(self, raw: Mapping[str, RawValue]) -> None:
        """Compare what a poll has read. A cell that is missing or NULL says nothing."""
        basis = self._plan.basis
        for ref in raw.keys() & basis.keys():
            value, rests = raw[ref], basis[ref]
            if value is None:
                continue
            # All that rests on a cell was planned from the same value.
            as_read = rests[0].is_as_read(value)
            other = [] if as_read else [each for each in rests if not each.holds(value)]
            if other:
                self._changed[ref] = {key for each in other for key in each.keys}
                # Kept, so that a line that lives for one poll is there from then on.
                self._lived |= {each.lived_as for each in other} - {""}
            elif ref in self._changed and not any(each.lived_as in self._lived for each in rests):
                del self._changed[ref]

    def reject(self, readings: Readings, *, everything: bool = False) -> None:
        """Reject the readings that rest on changed cells, as `replanning`: they may be in the wrong unit, or another thing.

        With `everything`, all of them: another device's numbers may mean something else.
        """
        whole = [{*readings.values, *readings.states}] if everything else []
        for keys in (*self._changed.values(), *whole):
            for key in keys:
                if key in readings.values or key in readings.states or key in readings.bad:
                    readings.values.pop(key, None)
                    readings.states.pop(key, None)
                    readings.bad[key] = "replanning"

    def changed(self) -> str:
        """The first cell that has changed; empty if none has."""
        return next(iter(self._changed), "")
