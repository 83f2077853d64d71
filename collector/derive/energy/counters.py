"""Decides for each reading of a counter whether it continues the counter, and so whether its rise is counted as used.

A counter that reads 0 for a while, a meter replaced by a used one, a card that changes scale or word order: all of them show as a step
that no load explains. A step counts only if the power measured beside it, or else the rating of what is metered, could have caused it in
the time. Any other reading is held apart: either the counter comes back to where it was, or the new values prove to be a counter
themselves, by a rise that fits. What was used in between is unknown, and its time is not covered. A wrong sum is much worse than a missing
one, so in doubt nothing is counted. Pure; times are wall-clock seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isfinite
from typing import NamedTuple

import msgspec

# A counter's rise may be this many times what the highest power of the last quarter to half of an hour makes: power is sampled every 10 s,
# the counter runs all the time, and a load may double between two samples. Chosen; a scale that is wrong is wrong by 10 or more.
_POWER_MARGIN = 2.0
# Over a longer gap the load may have been anything that it was in the last one or two weeks, and somewhat more.
_GAP_MARGIN = 3.0
# W by which a power may be read too low: meters of large supplies show whole kW.
_POWER_ROUNDING_W = 1000.0
# Lengths of the periods over whose present and last one the highest power is remembered: for short gaps, and for longer ones. Chosen: a
# quarter of an hour holds a training job's dips, a week holds the weekend.
_RECENT_S = 900.0
_WEEKS_S = 7 * 86_400.0
# Seconds by which two readings may be further apart at the device than their receipts were here: a message may be late by some seconds,
# and by one interval of the counter's own updates, which is known from its last one.
_SLACK_S = 60.0
_LONGEST_UPDATE_S = 600.0
# A counter that falls by less than this many seconds of load was read late, or by two readers in turn. If it stays lower for longer than a
# quarter of an hour, it was reset.
_LATE_S = 60.0
_LATE_LASTS_S = 900.0
# A new counter must count at least this share of the power beside it. One whose scale became smaller does not, however long it rises.
_LEAST_SHARE = 0.5
# A counter begins again at 0 beyond what its register or its display holds, in a unit of 1 J, 1 Wh to 1 MWh, or 1 L to 1 m3.
_UNITS = (1e-3, 1e-2, 1e-1, 1.0, *(3600.0 * 10.0**power for power in range(7)))
_WIDTHS = (*(2.0**bits for bits in (16, 31, 32, 48)), *(10.0**digits for digits in range(5, 13)))
# A rise can only be distinguished from a reset if it is a small part of the counter's width.
_MAX_WRAP_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Bound:
    """What limits how fast a counter can rise: per second in the counter's own unit, which is W for energy."""

    power_w: float | None = None
    """The power measured beside it now; None if unknown. Negative while energy is exported."""
    rated: float = inf
    """The rating of its breakers, or of the whole site, with a margin; see `bounds.py`."""
    resolution: float = 0.0
    """Its assumed smallest step, until a step has been seen."""


UNBOUND = Bound()


class Peak(msgspec.Struct):
    """The highest value of the present window of time and of the one before."""

    number: int = -2
    present: float = 0.0
    former: float = 0.0

    def add(self, value: float, number: int) -> None:
        """Take a value in the window of this number."""
        if number != self.number:
            self.former = self.present if number == self.number + 1 else 0.0
            self.number, self.present = number, 0.0
        self.present = max(self.present, value)

    def highest(self, number: int) -> float | None:
        """The highest value as seen from the window of this number; None if there was none."""
        if number == self.number:
            return max(self.present, self.former)
        return self.present if number == self.number + 1 else None


class Away(msgspec.Struct):
    """Readings that do not continue the counter, held apart until it is known what they are.

    They may be wrong readings, those of another meter, or those of the same meter after a reset.
    """

    start_s: float
    start: float
    value: float
    changed_s: float
    seen_s: float
    is_late: bool
    """Whether they are only slightly lower, as a reading is that arrives late. No time counts as lost for these."""
    least_w: float
    """Lowest power, W, that the meter showed with them; 0 if it was unknown or negative (exported) at any time."""


class Rise(NamedTuple):
    """A part of a counter's rise: from a time and value to a time and value."""

    start_s: float
    start: float
    end_s: float
    end: float


class Outcome(NamedTuple):
    """What follows from one reading."""

    last: tuple[float, float]
    """Time and value up to which the counter is counted."""
    counted: Rise | None = None
    bridged: Rise | None = None
    """A rise that is certain as a whole, over a time in which the counter read something else meanwhile."""
    lost: tuple[float, float] | None = None
    """Start and end of a time for which it is not known what was counted."""
    regained: tuple[float, float] | None = None
    """Start and end of a time that earlier outcomes called `lost` and that is known now."""
    jumped: bool = False


class Counter(msgspec.Struct):
    """One counter, from reading to reading. Its field names are the format on disk."""

    changed_s: float
    """When its value last changed."""
    step: float = 0.0
    """Its smallest rise so far; 0 before the first."""
    update_s: float = _LONGEST_UPDATE_S
    """Seconds between its last two changes."""
    recent: Peak = msgspec.field(default_factory=Peak)
    weeks: Peak = msgspec.field(default_factory=Peak)
    away: Away | None = None
    former: tuple[float, float, float] | None = None
    """Time, value and last change of the counter that this one replaced: two devices may answer in turn."""
    since_former: float = 0.0
    """What was counted since that replacement."""

    def note(self, power_w: float | None, now_s: float) -> None:
        """Take the power, W, that the meter shows with this reading; None if unknown."""
        if power_w is not None and isfinite(power_w):
            self.recent.add(abs(power_w), int(now_s // _RECENT_S))
            self.weeks.add(abs(power_w), int(now_s // _WEEKS_S))
        if self.away is not None:
            self.away.least_w = min(self.away.least_w, max(power_w or 0.0, 0.0))

    def begin(self, now_s: float) -> None:
        """Start over at a reading, whatever was before it."""
        self.changed_s, self.away, self.former, self.since_former = now_s, None, None, 0.0

    def update(self, last: tuple[float, float], value: float, now_s: float, bound: Bound) -> Outcome:
        """Take a reading at `now_s`, which is after `last`, the time and value up to which the counter is counted."""
        fits = 0 <= value - last[1] <= self._limit(bound, self.changed_s, now_s)
        away = self.away
        if away is None:
            return self._continue(last, value, now_s) if fits else self._depart(last, value, now_s, bound)
        if away.is_late and fits:
            return self._continue(last, value, now_s)
        if 0 <= value - away.value <= self._limit(bound, away.changed_s, now_s):
            return self._follow(away, last, value, now_s, bound)
        if fits:
            return self._return(away, last, value, now_s)
        self.away = self._hold_apart(value, now_s, bound, is_late=False)
        return Outcome(last, lost=(last[0] if away.is_late else away.seen_s, now_s), jumped=away.is_late)

    def _limit(self, bound: Bound, since_s: float, now_s: float) -> float:
        """How much the counter can have risen since it last changed at `since_s`."""
        passed_s = now_s - since_s
        return self._rate(bound, passed_s, now_s) * (passed_s + _SLACK_S + self.update_s) + (
            self.step or bound.resolution
        )

    def _rate(self, bound: Bound, passed_s: float, now_s: float) -> float:
        recent = self.recent.highest(int(now_s // _RECENT_S))
        weeks = self.weeks.highest(int(now_s // _WEEKS_S))
        if weeks is None or (recent is None and passed_s <= _RECENT_S):
            return bound.rated if weeks is None else max(bound.rated, _GAP_MARGIN * weeks)
        if recent is None or passed_s > _RECENT_S:
            return max(_GAP_MARGIN * weeks, _POWER_MARGIN * (recent or 0.0)) + _POWER_ROUNDING_W
        return _POWER_MARGIN * recent + _POWER_ROUNDING_W

    def _continue(self, last: tuple[float, float], value: float, now_s: float) -> Outcome:
        """Count a reading that continues the counter."""
        rise = value - last[1]
        self.away = None
        self.since_former += rise
        if rise > 0:
            self.step = min(self.step or rise, rise)
            self.update_s, self.changed_s = min(now_s - self.changed_s, _LONGEST_UPDATE_S), now_s
        return Outcome((now_s, value), counted=Rise(*last, now_s, value))

    def _depart(self, last: tuple[float, float], value: float, now_s: float, bound: Bound) -> Outcome:
        """Handle a reading that no load explains: the counter wrapped, or the former one is back, or else the reading is held apart."""
        limit = self._limit(bound, self.changed_s, now_s)
        if value < last[1] and value <= limit and (width := _width_of(last[1] - value, limit)) is not None:
            return self._continue((last[0], last[1] - width), value, now_s)
        if self.former is not None:
            at_s, before, changed_s = self.former
            if 0 <= value - before <= self._limit(bound, changed_s, now_s):
                # What was counted meanwhile was part of it, or belongs to something else: it is not counted again.
                unseen = max(value - before - self.since_former, 0.0)
                self.changed_s, self.former, self.since_former = now_s, (*last, self.changed_s), unseen
                bridged = Rise(max(at_s, last[0]), value - unseen, now_s, value)
                return Outcome((now_s, value), bridged=bridged, lost=(last[0], now_s), jumped=True)
        rate = self._rate(bound, 0.0, now_s)
        is_late = isfinite(rate) and 0 < last[1] - value <= rate * _LATE_S
        self.away = self._hold_apart(value, now_s, bound, is_late=is_late)
        return Outcome(last, lost=None if is_late else (last[0], now_s), jumped=not is_late)

    def _hold_apart(self, value: float, now_s: float, bound: Bound, *, is_late: bool) -> Away:
        return Away(
            start_s=now_s,
            start=value,
            value=value,
            changed_s=now_s,
            seen_s=now_s,
            is_late=is_late,
            least_w=max(bound.power_w or 0.0, 0.0),
        )

    def _follow(self, away: Away, last: tuple[float, float], value: float, now_s: float, bound: Bound) -> Outcome:
        """Handle a reading that continues those held apart. Once their rise fits the power, they are the counter, from their first one on.

        The rise must be neither too large nor too small, without any slack for late readings: with slack a wrong scale would fit, too.
        """
        if value > away.value:
            away.value, away.changed_s = value, now_s
        seen_s, away.seen_s = away.seen_s, now_s
        rise, passed_s = value - away.start, now_s - away.start_s
        least = _LEAST_SHARE * away.least_w * passed_s - min(self.step or rise, rise)
        most = self._rate(bound, passed_s, now_s) * passed_s + (self.step or bound.resolution)
        if rise <= 0 or (passed_s < _LATE_LASTS_S if away.is_late else not least <= rise <= most):
            return Outcome(last, lost=None if away.is_late else (seen_s, now_s))
        self.former, self.since_former = (*last, self.changed_s), rise
        self.away, self.changed_s = None, now_s
        # It may be another device with another resolution.
        self.step, self.update_s = min(self.step or rise, rise), min(passed_s, _LONGEST_UPDATE_S)
        lost = (last[0], away.start_s) if away.is_late else None
        counted = Rise(away.start_s, away.start, now_s, value)
        regained = None if away.is_late else (away.start_s, seen_s)
        return Outcome((now_s, value), counted, lost=lost, regained=regained, jumped=away.is_late)

    def _return(self, away: Away, last: tuple[float, float], value: float, now_s: float) -> Outcome:
        """Handle a counter that is back where it was. Its rise is certain, but the time stays lost: it read wrong values meanwhile."""
        self._continue(last, value, now_s)
        return Outcome((now_s, value), bridged=Rise(*last, now_s, value), lost=(away.seen_s, now_s))


def _width_of(fall: float, limit: float) -> float | None:
    """The width of a counter that began again at 0, if its fall is that width less a rise within the limit."""
    return next((width for width in _widths(limit) if 0 <= width - fall <= limit), None)


def _widths(limit: float) -> Iterator[float]:
    return (width for unit in _UNITS for size in _WIDTHS if limit <= _MAX_WRAP_SHARE * (width := unit * size))
