"""Rejects a line's current and power if they contradict each other tenfold: one of them has a wrong scale, and it is unknown which. Pure.

Some firmware counts in tenths where its documents say whole units. The range check of a single metric cannot notice that: 160 A and 1.6 A
are both possible currents. But volts times amperes limit the power of a line, so with a given power and voltage only one of the two
currents is possible.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.poll.per_plan import PerPlan, class_of_each_series
from agent.profile import Plan, RawValue, Slot, normalise_answers
from agent.readings import Readings
from rackflow.catalogue import POLL_SECONDS, PollClass
from rackflow.series import metric_of, parse_series_key, series_key

# Largest accepted ratio between power and volts x amperes. Harmless causes of a difference are three phases treated as one (factor 1.7),
# a low power factor, and a current sampled a second before the power while a load rises. An error of a factor of ten exceeds it at any
# power factor above 0.3.
MAX_RATIO: Final = 3.0
# How many judgements in a row must find a contradiction if current and power are read in different polls: a load that rises between
# the two polls must not get its current rejected.
CONTRADICTIONS: Final = 2
# A scale or transformer ratio changes only when somebody sets it. So all lines are checked every CHECK_EVERY_S, and in between one line
# every POLLS_PER_LINE polls, which is within a minute for a usual class. Checking all lines at each poll took 7 % of the time of polls of
# a strip with many phases, one line at each poll still 5 %.
CHECK_EVERY_S: Final = 600.0
POLLS_PER_LINE: Final = 6
# Below these values, rounding to whole amperes or watts alone may explain the difference. Chosen.
MIN_AMPERES: Final = 2.0
MIN_POWER: Final = 60.0
# Without a reading of apparent power, a low power may be a nearly idle load with a low power factor. But no rack draws this current at a
# power factor below this.
MIN_AMPERES_WITHOUT_VA: Final = 10.0
MIN_POWER_FACTOR: Final = 0.03
# Least voltage of a live line. Below it, volts x amperes are no limit.
MIN_VOLTS: Final = 80.0
# By metric of a current: the voltage, the power and the apparent power of the same line.
_LINES: Final = {
    "dcim_pdu_phase_current_amperes": "dcim_pdu_phase_",
    "dcim_pdu_bank_current_amperes": "dcim_pdu_bank_",
    "dcim_pdu_outlet_current_amperes": "dcim_pdu_outlet_",
    "dcim_ups_output_current_amperes": "dcim_ups_output_",
    "dcim_ups_input_current_amperes": "dcim_ups_input_",
    "dcim_meter_current_amperes": "dcim_meter_",
}
_POWERS: Final = {"dcim_meter_": "dcim_meter_phase_"}


@dataclass(frozen=True, slots=True)
class _Line:
    """Keys of one line. `together`: current and power are read in one poll."""

    volts: str
    amperes: str
    watts: str
    voltamperes: str
    together: bool

    def contradicts(self, values: Mapping[str, float]) -> bool:
        """Whether these values cannot come from one line."""
        amperes, volts = abs(values.get(self.amperes, 0.0)), values.get(self.volts, 0.0)
        if not amperes or volts < MIN_VOLTS:
            return False
        return _contradict(amperes * volts, amperes, values.get(self.watts), values.get(self.voltamperes))


@dataclass(frozen=True, slots=True)
class _PlannedLines:
    """The lines of a plan by the poll class that they are judged with, and the slots of their readings."""

    judged: Mapping[PollClass, Sequence[_Line]]
    slots: Sequence[Slot]


class PowerCheck:
    """Checks the lines of one device. `begin` is called with each plan, `reject` with the readings of each poll."""

    def __init__(self) -> None:
        # By poll class: the lines that are judged with it, the polls left until then, and the readings of its last poll.
        self._judged: Mapping[PollClass, Sequence[_Line]] = {}
        self._polls_left: dict[PollClass, int] = {}
        self._last: dict[PollClass, dict[str, float]] = {}
        self._rejected: dict[str, float] = {}
        self._contradicted: dict[_Line, int] = {}

    def begin(self, plan: Plan, known: Mapping[str, RawValue]) -> None:
        """Look at the lines of this plan from now on. `known` are the answers that it was made with: all of one moment."""
        self._judged, self._last, self._rejected, self._contradicted = {}, {}, {}, {}
        planned = _planned_lines(plan)
        self._judged = planned.judged
        self._polls_left = dict.fromkeys(self._judged, 0)
        values = normalise_answers(planned.slots, known).values
        for line in (line for lines in self._judged.values() for line in lines):
            if line.contradicts(values):
                self._contradicted[line] = CONTRADICTIONS

    @property
    def is_needed(self) -> bool:
        """Whether this plan has anything to look at; if not, `reject` need not be called."""
        return bool(self._judged)

    def reject(self, poll: PollClass, readings: Readings) -> None:
        """Move contradicting readings to `bad` (`range`). All lines are checked every ten minutes, at each poll once one contradicts."""
        self._last[poll] = readings.values
        if (left := self._polls_left.get(poll)) is not None:
            is_turn = left % POLLS_PER_LINE == 0
            if (
                left
                and not self._contradicted
                and not (is_turn and self._one_contradicts(poll, left // POLLS_PER_LINE))
            ):
                self._polls_left[poll] = left - 1
            else:
                self._judge(poll)
                self._polls_left[poll] = int(CHECK_EVERY_S / POLL_SECONDS[poll])
        for line, count in self._contradicted.items():
            if count >= CONTRADICTIONS:
                self._reject_line(line, readings)

    def _one_contradicts(self, poll: PollClass, turn: int) -> bool:
        """Whether the values of the line whose turn it is contradict each other. One line is enough: a unit setting applies to all."""
        lines = self._judged[poll]
        line = lines[turn % len(lines)]
        values = {
            key: value
            for key in (line.volts, line.amperes, line.watts, line.voltamperes)
            for last in self._last.values()
            if (value := last.get(key)) is not None
        }
        return line.contradicts(values)

    def _judge(self, poll: PollClass) -> None:
        values = dict(self._rejected)
        for each in self._last.values():
            values |= each
        for line in self._judged[poll]:
            if line.contradicts(values):
                self._contradicted[line] = CONTRADICTIONS if line.together else self._contradicted.get(line, 0) + 1
            elif values.get(line.amperes) and values.get(line.volts):
                # Without voltage and current there is nothing to check: a contradiction from before an outage stays.
                self._contradicted.pop(line, None)

    def _reject_line(self, line: _Line, readings: Readings) -> None:
        for key in (line.amperes, line.watts, line.voltamperes):
            if (value := readings.values.pop(key, None)) is not None:
                readings.bad[key] = "range"
                self._rejected[key] = value


def _contradict(product: float, amperes: float, watts: float | None, apparent: float | None) -> bool:
    watts, apparent = abs(watts or 0.0), abs(apparent or 0.0)
    high = max(watts, apparent)
    # Too much power for the current, of which half an ampere may have been cut off.
    if high >= MIN_POWER and high > MAX_RATIO * (product + 0.5 * product / amperes):
        return True
    # Too little of it. 0 is what devices send that do not measure it.
    if apparent:
        return amperes >= MIN_AMPERES and MAX_RATIO * apparent < product
    return amperes >= MIN_AMPERES_WITHOUT_VA and 0.0 < watts < product * MIN_POWER_FACTOR


def _lines(classes: Mapping[str, PollClass]) -> Iterator[tuple[PollClass, _Line]]:
    """All lines of these keys, with the class in which they are judged: that of their power."""
    for key in sorted(classes):
        if (level := _LINES.get(metric_of(key))) is None:
            continue
        _, labels = parse_series_key(key)
        volts = series_key(f"{level}voltage_volts", labels)
        power = _POWERS.get(level, level)
        powers = [series_key(f"{power}{name}", labels) for name in ("power_watts", "apparent_power_voltamperes")]
        poll = next((classes[each] for each in powers if each in classes), None)
        if volts in classes and poll is not None:
            yield poll, _Line(volts, key, powers[0], powers[1], together=classes[key] == poll)


def _plan_lines(plan: Plan) -> _PlannedLines:
    classes = class_of_each_series(plan)
    judged: dict[PollClass, list[_Line]] = {}
    wanted: set[str] = set()
    for poll, line in _lines(classes):
        judged.setdefault(poll, []).append(line)
        wanted |= {line.volts, line.amperes, line.watts, line.voltamperes}
    return _PlannedLines(judged, [slot for part in plan.classes.values() for slot in part.slots if slot.key in wanted])


_planned_lines = PerPlan(_plan_lines)
