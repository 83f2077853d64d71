"""Notices that a Modbus unit's registers are not those of its profile, and rejects its readings. Pure.

Registers carry no names. If the firmware counts registers from 1 and the profile from 0, if a gateway answers with the registers of another
unit, or if another model was installed, each register holds the value of another quantity. Some of these are out of range or unknown codes
and are rejected one by one; others look like readings, such as 34 degC for a coolant that has 25 degC. So if several quantities of one unit
are impossible at the same time, all of its readings are rejected as `decode`.

Nor does 0 show that anything was measured: gateways answer 0 before they have read their sensors, or when they no longer can. 0 A, 0 % and
a dead line's 0 V are normal readings, but several temperatures of exactly 0 are not. So these are rejected as `sentinel`:
- everything, if all registers of the unit are 0, and it has temperatures or has never sent anything else;
- all temperatures, if there are several and each is 0;
- everything in the registers of one request, if they include a temperature and are all 0.
"""

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from agent.profile import Plan, RawValue, Slot, normalise_answers
from agent.readings import Readings
from rackflow.catalogue import PollClass
from rackflow.series import metric_of

log = logging.getLogger(__name__)

# How many quantities (metrics, however many series they have) must be impossible, and which share of those that are not 0. None is
# impossible in any published map that is read as it should be. Read one register off, most families have a fifth to all of them impossible.
# One alone is no evidence: firmware with a wrong scale for one quantity is common, and costs its own series only. Chosen.
MIN_IMPOSSIBLE: Final = 2
MIN_SHARE: Final = 1 / 6
# Two probes with a broken wire are two impossible quantities, and of a unit with few quantities a large share. But both give the same
# number, that of the end of the scale (8500, 9990, 32,000), which registers of other quantities hardly ever do. Smaller numbers than this
# may be the same by chance. Chosen.
LEAST_SAME: Final = 256
# Probes that break one after another have different numbers (850.0 for a broken wire, -200.0 for a short). So a quantity that is alone in
# being impossible, with the same number at the end of a scale for ROUNDS polls of each class, counts as broken, and is no evidence beside
# a second one. Registers of another unit are all there at once. Not of class `inventory`, which is polled each hour. Chosen: three minutes.
ROUNDS: Final = 3
NOT_AWAITED: Final[PollClass] = "inventory"
# Two probes on one cable break at once. Then the unit's other quantities run on, where registers of another unit, or counted from another
# number, hold other numbers. A quantity runs on if all of its readings are within this share of what they were; at least RUN_ON quantities
# and this share of them must, as a load may be switched at the same moment. Of three voltages, two look right when read one register off,
# so one odd reading of a quantity counts against it. Volts and hertz that stay count for nothing: every unit on the same mains has them,
# and models of one vendor in the same registers. Chosen.
STEP_SHARE: Final = 0.1
RUN_ON: Final = 2
RUN_ON_SHARE: Final = 2 / 3
_OF_THE_MAINS: Final = ("volts", "hertz")
# Least number of registers, or of temperatures, that must be 0: a single one may really be 0.
MIN_ZEROS: Final = 2
# Settings, which may be 0 because nobody has set them yet.
_SETTINGS: Final = ("_rated_", "_threshold_", "_setpoint_", "_warning_")


@dataclass(slots=True)
class _Polled:
    """What the last poll of a class has shown: which quantities were impossible or possible, and how many zeros there were."""

    answered: bool
    """Whether an answer was anything but 0."""
    cold: int
    """How many temperatures were 0."""
    warm: int
    """How many were not."""
    impossible: Mapping[str, frozenset[RawValue]]
    """By quantity, what is in its registers; None for what no broken probe gives."""
    bad: tuple[str, ...]
    """The keys of what is impossible."""
    values: Mapping[str, float]
    states: tuple[str, ...]


class RegisterFit:
    """Checks the readings of one unit. `begin` is called with each plan, `reject` with the readings of each poll."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._polled: dict[PollClass, _Polled] = {}
        # By poll class: the references of temperatures, and the groups of references that are read in one request with one.
        self._temperatures: dict[PollClass, frozenset[str]] = {}
        self._requests: dict[PollClass, list[frozenset[str]]] = {}
        self._slots: dict[PollClass, tuple[Slot, ...]] = {}
        # Keys of what is measured, and by key: what it is read from.
        self._measured: set[str] = set()
        self._refs: dict[str, tuple[str, ...]] = {}
        # Keys of what every unit on the same mains has.
        self._shared: set[str] = set()
        self._numbers = 0
        # Whether it has ever answered anything but 0. A meter without temperatures has only zeros in an outage.
        self._has_measured = False
        self._is_foreign = False
        # By poll class: values that were read while nothing spoke for other registers: of the present round of all classes, of the last
        # one, and of the one before, which is compared with: another unit may have answered for one class before it shows in another.
        self._round: dict[PollClass, Mapping[str, float]] = {}
        self._last_round: dict[PollClass, Mapping[str, float]] = {}
        self._fitting: dict[PollClass, Mapping[str, float]] = {}
        # Quantities that had a reading when the unit was opened, or since.
        self._seen: set[str] = set()
        # Classes that were polled since several quantities are impossible.
        self._polled_since: set[PollClass] = set()
        # By quantity whose probe is broken: the keys of its readings.
        self._broken: dict[str, frozenset[str]] = {}
        # The only other quantity that is impossible, with its numbers; and the classes that were polled while it was that.
        self._alone: tuple[str, frozenset[RawValue]] | None = None
        self._polled_alone: Counter[PollClass] = Counter()

    def forget(self) -> None:
        """Forget which probes are broken, and what was read: it is another unit. Call it before `begin`."""
        self._broken.clear()
        self._seen.clear()
        self._round, self._last_round, self._fitting = {}, {}, {}

    def begin(self, plan: Plan, known: Mapping[str, RawValue]) -> None:
        """Look at the registers of this plan from now on. `known` are the answers that it was made with."""
        self._polled, self._temperatures, self._requests, self._slots, self._refs = {}, {}, {}, {}, {}
        self._measured, self._shared = set(), set()
        numbers: set[str] = set()
        for poll, part in plan.classes.items():
            self._slots[poll] = part.slots
            self._shared |= {slot.key for slot in part.slots if slot.metric.unit in _OF_THE_MAINS}
            self._refs |= {slot.key: tuple(each.ref for each in slot.decoders) for slot in part.slots}
            read = [(slot, decoder) for slot in part.slots for decoder in slot.decoders if decoder.is_number]
            numbers |= {decoder.ref for _, decoder in read}
            self._measured |= {slot.key for slot, _ in read if not any(word in slot.key for word in _SETTINGS)}
            warm = frozenset(decoder.ref for slot, decoder in read if slot.metric.unit == "celsius")
            if warm:
                self._temperatures[poll] = warm
                requests = (frozenset(each.ref for each in block.fields) for block in part.blocks)
                self._requests[poll] = [refs for refs in requests if len(refs) >= MIN_ZEROS and refs & warm]
            self._note(poll, normalise_answers(part.slots, known), known)
        self._numbers = len(numbers)
        self._alone = None
        self._judge(*self._slots)
        if not self._is_foreign:
            self._seen.update(metric_of(key) for each in self._polled.values() for key in each.values)
            # All of one moment.
            self._round = {}
            self._last_round = {poll: each.values for poll, each in self._polled.items() if each.values}
            self._fitting = dict(self._last_round)

    def reject(self, poll: PollClass, readings: Readings, raw: Mapping[str, RawValue]) -> None:
        """Move readings to `bad` if the unit seems to have other registers than its profile, or none."""
        if poll not in self._slots:
            return
        self._note(poll, readings, raw)
        if self._is_in_doubt:
            self._judge(poll)
            self._note_fitting(poll)
            self._note_broken(poll)
        else:
            self._note_fitting(poll)
        if self._is_foreign:
            _reject({*readings.values, *readings.states}, readings, "decode")
        elif self._numbers >= MIN_ZEROS and not self._has_answered() and self._zeros_are_none():
            _reject({*readings.values, *readings.states}, readings, "sentinel")
        elif zeros := self._zeros(poll, raw):
            keys = {slot.key for slot in self._slots[poll] if not zeros.isdisjoint(self._refs[slot.key])}
            _reject(keys & {*readings.values, *readings.states}, readings, "sentinel")

    @property
    def _is_in_doubt(self) -> bool:
        """Whether anything is impossible, or was in the last poll. Nearly never, and working it out takes as long as `_note`."""
        known = self._is_foreign or self._broken or self._alone or self._polled_since
        return bool(known) or any(each.impossible for each in self._polled.values())

    def _note(self, poll: PollClass, readings: Readings, raw: Mapping[str, RawValue]) -> None:
        # What is NaN, or hidden because of its word order, is no 0.
        answered = any(value != 0 for value in raw.values())
        self._has_measured = self._has_measured or answered
        degrees = list(map(raw.get, self._temperatures[poll])) if poll in self._temperatures else []
        bad = [key for key, why in readings.bad.items() if why in ("range", "state")] if readings.bad else ()
        # A 0 that is impossible as a setting was never set, and as a code stands for what is not fitted.
        bad = [key for key in bad if key in self._measured or any(map(raw.get, self._refs.get(key, ())))] if bad else ()
        impossible: dict[str, frozenset[RawValue]] = {}
        for key in bad:
            number = _end_of_scale(readings.bad[key], raw, self._refs.get(key, ()))
            impossible[metric_of(key)] = impossible.get(metric_of(key), frozenset()) | {number}
        # Copies: what is possible is worked out only beside something impossible, and readings are rejected after this.
        values, states = dict(readings.values), tuple(readings.states)
        self._polled[poll] = _Polled(
            answered=answered,
            cold=degrees.count(0),
            warm=len(list(filter(None, degrees))),
            impossible=impossible,
            bad=tuple(bad),
            values=values,
            states=states,
        )

    def _judge(self, *polled: PollClass) -> None:
        """Decide whether the unit has other registers, from its answers of all classes; `polled` are new."""
        impossible = self._impossible()
        numbers: frozenset[RawValue] = frozenset().union(*impossible.values())
        before, self._is_foreign = self._is_foreign, False
        self._polled_since = {*self._polled_since, *polled} if len(impossible) >= MIN_IMPOSSIBLE else set()
        if len(impossible) >= MIN_IMPOSSIBLE and None not in numbers and self._runs_on(impossible.keys()):
            self._break(impossible)
            impossible = {}
        if len(impossible) >= MIN_IMPOSSIBLE and (len(numbers) > 1 or None in numbers):
            values = {metric_of(key) for each in self._polled.values() for key, value in each.values.items() if value}
            all_of_them = (
                impossible.keys()
                | self._broken.keys()
                | values
                | {metric_of(key) for each in self._polled.values() for key in each.states}
            )
            self._is_foreign = len(impossible) >= MIN_SHARE * len(all_of_them)
            if self._is_foreign and not before:
                log.warning(
                    "device=%s its readings are rejected: %d of %d quantities are impossible (%s), as if its registers were counted from "
                    "another number than the profile's, or were those of another model or unit",
                    self._device,
                    len(impossible),
                    len(all_of_them),
                    ", ".join(sorted(impossible)[:3]),
                )

    def _note_fitting(self, poll: PollClass) -> None:
        if self._is_foreign:
            self._round = {}
            return
        self._round[poll] = self._polled[poll].values
        if all(each in self._round for each in self._slots if each != NOT_AWAITED):
            # The same three mappings in turn: new ones would live for a round each, and the garbage collector would examine those of all
            # devices.
            self._fitting.clear()
            self._fitting, self._last_round, self._round = self._last_round, self._round, self._fitting

    def _runs_on(self, impossible: Collection[str]) -> bool:
        """Whether these quantities had readings, and the others read as before where they were polled since then."""
        runs_on: dict[str, bool] = {}
        for poll in self._polled_since:
            before = self._fitting.get(poll, {})
            for key, value in self._polled[poll].values.items():
                # A 0 that stays shows nothing.
                if metric_of(key) not in impossible and key in before and (value or before[key]):
                    is_near = abs(value - before[key]) <= STEP_SHARE * max(abs(value), abs(before[key]))
                    if not is_near or key not in self._shared:
                        runs_on[metric_of(key)] = runs_on.get(metric_of(key), True) and is_near
        count = sum(runs_on.values())
        return self._seen.issuperset(impossible) and count >= RUN_ON and count >= RUN_ON_SHARE * len(runs_on)

    def _break(self, quantities: Collection[str]) -> None:
        """Note that the probes of these quantities are broken."""
        bad = [key for each in self._polled.values() for key in each.bad]
        for quantity in quantities:
            self._broken[quantity] = frozenset(key for key in bad if metric_of(key) == quantity)

    def _impossible(self) -> dict[str, frozenset[RawValue]]:
        """By quantity that is impossible and not known as broken: the numbers in its registers."""
        found: dict[str, frozenset[RawValue]] = {}
        for each in self._polled.values():
            for quantity, numbers in each.impossible.items():
                found[quantity] = found.get(quantity, frozenset()) | numbers
        # What has a reading again is repaired. What has none may only not have been read: a second attempt to open a unit does not read
        # again what the first one has read, and two broken probes must not look like another unit after that.
        for quantity in self._broken.keys() - found.keys():
            if any(
                key in each.values or key in each.states
                for each in self._polled.values()
                for key in self._broken[quantity]
            ):
                del self._broken[quantity]
                self._seen.add(quantity)
        return {quantity: numbers for quantity, numbers in found.items() if quantity not in self._broken}

    def _note_broken(self, poll: PollClass) -> None:
        found = list(self._impossible().items())
        alone = found[0] if len(found) == 1 and None not in found[0][1] else None
        if alone is None or alone != self._alone:
            self._alone = alone
            self._polled_alone.clear()
        if alone is not None:
            self._polled_alone[poll] += 1
            if all(self._polled_alone[each] >= ROUNDS for each in self._slots if each != NOT_AWAITED):
                self._break([alone[0]])

    def _has_answered(self) -> bool:
        return any(each.answered for each in self._polled.values())

    def _zeros_are_none(self) -> bool:
        return bool(self._temperatures) or not self._has_measured

    def _zeros(self, poll: PollClass, raw: Mapping[str, RawValue]) -> set[str]:
        """References whose 0 does not count as a reading."""
        if not self._polled[poll].cold:
            return set()
        cold = {ref for ref in self._temperatures[poll] if raw.get(ref) == 0}
        found = {ref for refs in self._requests[poll] if refs & cold and not any(map(raw.get, refs)) for ref in refs}
        # Over all classes: a set point is polled less often than what it is set for.
        polled = self._polled.values()
        if sum(each.cold for each in polled) >= MIN_ZEROS and not any(each.warm for each in polled):
            found |= cold
        return found


def _end_of_scale(why: str, raw: Mapping[str, RawValue], refs: tuple[str, ...]) -> RawValue:
    """The number in the register of something impossible; None if it cannot be the end of a broken probe's scale."""
    number = raw.get(refs[0]) if why == "range" and len(refs) == 1 else None
    return number if isinstance(number, int | float) and abs(number) >= LEAST_SAME else None


def _reject(keys: set[str], readings: Readings, reason: str) -> None:
    for key in keys:
        readings.values.pop(key, None)
        readings.states.pop(key, None)
        readings.bad[key] = reason
