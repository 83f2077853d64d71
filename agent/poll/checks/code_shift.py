"""Rejects a column of state codes if the device seems to number them from 0 where the profile (as the MIB) numbers them from 1. Pure.

With such a shift each code is valid but has its neighbour's meaning: "on" is read as off, "normal" as an alarm. The device sends 0 to n-1
where the profile has 1 to n. So a 0 in any row suggests a shift, and an n in any row disproves it.

However, many devices send a 0 that the MIB does not define for "not fitted". A 0 is accepted as that
- where the profile says so: `absent: [0]`, or a gate on this cell that names 0;
- where no row with a 0 measures anything (no other reading with its labels), while rows with other codes do.
Otherwise the whole column is rejected as `state`. In a table of contacts, nothing in the data distinguishes codes for "not available, open"
from codes for "open, closed". Rejecting too much is the smaller harm: the reason is reported, and one line in the profile corrects it. A
door wrongly shown as open sends somebody out.

A rejection lasts until the last code n is seen, the device has rebooted (its firmware may be another) or was replaced: once no row is 0 any
more, the remaining codes would look right again. But a 0 that is gone within SURE_S shows nothing: a card that starts, or one odd answer,
must not cost a column of leak detectors its states for good.

Single values outside tables are not rejected this way: their own 0 is rejected as `state` anyway, and a unit that starts with 0 would lose
its states for good. Nor are columns that describe the row (`when`, labels), where 0 usually means "unused".
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.poll.per_plan import PerPlan
from agent.profile import Decoder, Plan, RawValue, Slot, normalise_answers, plain_number, slot_of
from agent.readings import Readings
from rackflow.catalogue import POLL_SECONDS, PollClass

log = logging.getLogger(__name__)

# Highest first code of an enumeration that may be shifted. One that begins higher, or has gaps (8, 16, 32), was not numbered from 0 or 1.
# Chosen.
LARGEST_FIRST: Final = 3
# How long a code that suggests a shift must be there in each poll, SURE_POLLS at least, before its column stays rejected without it: as
# long as a device that has just started may not know its sensors yet (STARTING_S of `plan_age`). Chosen values.
SURE_S: Final = 300.0
SURE_POLLS: Final = 3
# Readings that a device may report for a part that is not fitted: settings. They do not show that the part is there.
_SETTINGS: Final = ("_rated_", "_threshold_")


@dataclass(frozen=True, slots=True)
class _Column:
    """The slots that read one column of codes.

    For each slot: the reference of its code, and the same slot without that source, for use while the column is rejected.
    """

    cells: tuple[tuple[Slot, str, Slot | None], ...]
    odd: int
    """A code that is sent only by a device with shifted codes."""
    proof: int
    """A code that a device with shifted codes never sends."""

    def codes(self, raw: Mapping[str, RawValue]) -> Iterator[tuple[Slot, int | float]]:
        for slot, ref, _ in self.cells:
            number = plain_number(raw.get(ref))
            if number is not None:
                yield slot, number


@dataclass(frozen=True, slots=True)
class _PlannedColumns:
    """The columns of a plan by poll class, and the series keys in them."""

    columns: Mapping[PollClass, Sequence[_Column]]
    coded: frozenset[str]


class CodeShift:
    """Checks the columns of one device. `begin` is called with each plan, `reject` with the answers and readings of each poll."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._planned = _PlannedColumns({}, frozenset())
        # The last readings of each class: a reading that shows that a part is fitted may belong to another class than the part's state.
        self._values: dict[PollClass, Mapping[str, float]] = {}
        # Keys of the columns that are rejected, and in how many polls in a row the code was there; a new plan may have other rows.
        self._suspected: dict[str, int] = {}
        # Columns of this plan in which the code was seen that disproves a shift.
        self._proved: dict[int, None] = {}
        # Columns of this plan of which the log has told.
        self._told: dict[int, None] = {}

    def forget(self) -> None:
        """Forget what was found: the device is another one, or has rebooted."""
        self._suspected.clear()

    def begin(self, plan: Plan, known: Mapping[str, RawValue]) -> None:
        """Look at the columns of this plan from now on. `known` are the answers that it was made with."""
        self._planned, self._values, self._proved, self._told = _planned_columns(plan), {}, {}, {}
        if any(number == each.odd for each in self._all() for _, number in each.codes(known)):
            self._values = {poll: normalise_answers(part.slots, known).values for poll, part in plan.classes.items()}
        for poll, columns in self._planned.columns.items():
            for column in columns:
                self._judge(poll, column, known)

    @property
    def is_needed(self) -> bool:
        """Whether this plan has anything to look at; if not, `reject` need not be called."""
        return bool(self._planned.columns)

    def reject(self, poll: PollClass, readings: Readings, raw: Mapping[str, RawValue]) -> None:
        """Move the readings of columns whose codes seem to be shifted to `bad`, as `state`."""
        self._values[poll] = readings.values
        # Nearly every poll ends here: a suspicious code is unknown to the profile and so rejected as `state`; without one, nothing is
        # wrong.
        if not self._suspected and "state" not in readings.bad.values():
            return
        for column in self._planned.columns.get(poll, ()):
            self._judge(poll, column, raw)
            if self._is_suspected(column):
                _reject(column, readings, raw)

    def _all(self) -> Iterator[_Column]:
        return (column for columns in self._planned.columns.values() for column in columns)

    def _is_suspected(self, column: _Column) -> bool:
        return any(slot.key in self._suspected for slot, _, _ in column.cells)

    def _judge(self, poll: PollClass, column: _Column, raw: Mapping[str, RawValue]) -> None:
        codes = list(column.codes(raw))
        keys = [slot.key for slot, _, _ in column.cells]
        if any(number == column.proof for _, number in codes):
            self._proved[id(column)] = None
            self._trust(keys)
        odd = {slot.key for slot, number in codes if number == column.odd}
        if codes and not odd and not any(self._suspected.get(key, 0) >= _polls_until_sure(poll) for key in keys):
            self._trust(keys)
        if odd and self._is_suspected(column):
            self._suspected |= {key: self._suspected.get(key, 0) + 1 for key in keys}
        if not odd or id(column) in self._proved or self._is_suspected(column):
            return
        measuring = self._measuring()
        alive = {slot.key for slot, _ in codes if slot.key.partition("{")[2] in measuring}
        if alive and not alive & odd:
            return
        self._suspected |= dict.fromkeys(keys, 1)
        if id(column) in self._told:
            return
        self._told[id(column)] = None
        log.warning(
            "device=%s codes are not read: there is a %d and no %d, as if it counts them from another number than its profile; "
            "if %d means that there is nothing, the profile needs `absent: [%d]` key=%s",
            self._device,
            column.odd,
            column.proof,
            column.odd,
            column.odd,
            min(odd),
        )

    def _trust(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._suspected.pop(key, None)

    def _measuring(self) -> set[str]:
        """The labels of readings that are a number other than 0, as they stand in a key."""
        return {
            key.partition("{")[2]
            for values in self._values.values()
            for key, value in values.items()
            if value and key not in self._planned.coded and not any(word in key for word in _SETTINGS)
        }


def _polls_until_sure(poll: PollClass) -> int:
    return max(SURE_POLLS, round(SURE_S / POLL_SECONDS[poll]))


def _columns(slots: tuple[Slot, ...]) -> list[_Column]:
    # One source of a profile has one map of codes, which all of its rows (SNMP) or repetitions (Modbus) share.
    found: dict[int, tuple[Mapping[int, object], list[tuple[Slot, Decoder]]]] = {}
    for slot in slots:
        for decoder in slot.decoders:
            codes: Mapping[int, object] | None = decoder.states or decoder.numbers
            if codes and not decoder.bits:
                found.setdefault(id(codes), (codes, []))[1].append((slot, decoder))
    columns: list[_Column] = []
    for codes, readers in found.values():
        if len(readers) > 1 and (ends := _ends(codes, readers)) is not None:
            cells = tuple((slot, decoder.ref, _without(slot, decoder)) for slot, decoder in readers)
            columns.append(_Column(cells, *ends))
    return columns


def _ends(codes: Mapping[int, object], readers: list[tuple[Slot, Decoder]]) -> tuple[int, int] | None:
    """The code that suggests a shift and the one that disproves it, or None if neither can be told."""
    first, last = min(codes), max(codes)
    if not any(code + 1 in codes for code in codes) or not 0 <= first <= LARGEST_FIRST:
        return None
    odd, proof = (0, last) if first else (last + 1, 0)
    known = any(
        decoder.is_sentinel(odd)
        or (slot.gate is not None and slot.gate.ref == decoder.ref and odd in slot.gate.allowed | slot.gate.missing)
        for slot, decoder in readers
    )
    return None if known else (odd, proof)


def _without(slot: Slot, decoder: Decoder) -> Slot | None:
    """The slot without this source; None if it has no other."""
    others = tuple(each for each in slot.decoders if each is not decoder)
    return slot_of(slot.key, slot.metric, others) if others else None


def _reject(column: _Column, readings: Readings, raw: Mapping[str, RawValue]) -> None:
    for slot, _, other in column.cells:
        if slot.key not in readings.values and slot.key not in readings.states:
            continue
        readings.values.pop(slot.key, None)
        readings.states.pop(slot.key, None)
        found = normalise_answers([other] if other else [], raw)
        readings.values |= found.values
        readings.states |= found.states
        if not (found.values or found.states):
            readings.bad[slot.key] = "state"


def _plan_columns(plan: Plan) -> _PlannedColumns:
    columns = {poll: found for poll, part in plan.classes.items() if (found := _columns(part.slots))}
    coded = (slot.key for each in columns.values() for column in each for slot, _, _ in column.cells)
    return _PlannedColumns(columns, frozenset(coded))


_planned_columns = PerPlan(_plan_columns)
