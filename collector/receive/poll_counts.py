"""Counts polls by hour and device: expected, answered, and those the device is known not to have answered."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from rackflow.catalogue import PollClass

HOUR_S = 3600
LONGEST_SILENCE_S = 31 * 86_400.0
"""What was silent for so long is not expected any more."""
_EXPECTED, _ANSWERED, _UNANSWERED = range(3)


class PolledDevice(NamedTuple):
    """A device, and the agent that polls it."""

    site: str
    agent: str
    device: str


class Polled(NamedTuple):
    """One poll: `interval_s` until the next one, `time_s` since 1970, `up` is whether the device answered."""

    who: PolledDevice
    device_class: str
    poll: str
    interval_s: float
    time_s: float
    up: bool


class ExpectedDevice(msgspec.Struct):
    """A device that polls are expected of, from `since_s` on, counted up to `until_s`.

    `intervals` are seconds by poll class, `sure` those classes of which one poll was answered: a device that is dead is
    asked less often than the class says.
    """

    device_class: str
    since_s: float
    until_s: float
    heard_s: float
    intervals: dict[str, float] = {}
    sure: set[str] = set()

    def rate(self) -> float:
        """Polls a second."""
        return sum(1.0 / interval_s for interval_s in self.intervals.values())


Counts = dict[int, dict[PolledDevice, list[float]]]
"""By hour since 1970 and device: polls expected, answered, and those that the device is known not to have answered."""


class PollCounts:
    """Of all sites. Counts are what came since they were taken last; the enrolled ones are carried over a restart."""

    def __init__(self, enrolled: Mapping[PolledDevice, ExpectedDevice] | None = None) -> None:
        self.enrolled = dict(enrolled or {})
        self.counts: Counts = {}

    def count(self, polls: Iterable[Polled]) -> None:
        """Take polls, each once."""
        for poll in polls:
            device = self.enrolled.get(poll.who)
            if device is None:
                device = self.enrolled[poll.who] = ExpectedDevice(
                    poll.device_class, poll.time_s, poll.time_s, poll.time_s
                )
            device.device_class = poll.device_class
            device.heard_s = max(device.heard_s, poll.time_s)
            if poll.up or poll.poll not in device.intervals:
                device.intervals[poll.poll] = poll.interval_s
            elif poll.poll not in device.sure:
                device.intervals[poll.poll] = min(device.intervals[poll.poll], poll.interval_s)
            if poll.up:
                device.sure.add(poll.poll)
            if device.until_s - LONGEST_SILENCE_S < poll.time_s < device.since_s:
                self._expect(poll.who, device.rate(), poll.time_s, device.since_s)
                device.since_s = poll.time_s
            row = self._row(int(poll.time_s // HOUR_S), poll.who)
            if poll.up:
                row[_ANSWERED] += 1
            else:
                # One that stays away is asked in growing pauses, and then in no class at all.
                is_paused = poll.interval_s != device.intervals[poll.poll]
                row[_UNANSWERED] += max(1.0, poll.interval_s * device.rate()) if is_paused else 1.0

    def set_intervals(self, who: PolledDevice, intervals: Mapping[PollClass, float]) -> None:
        """What an agent says that a device is polled for, of one that polls came of."""
        device = self.enrolled.get(who)
        if device is not None and intervals:
            device.intervals, device.sure = (
                {str(each): interval_s for each, interval_s in intervals.items()},
                {*intervals},
            )

    def expect(self, now_s: float, configured: Mapping[tuple[str, str], frozenset[str]]) -> None:
        """Count what was to be expected until now. Of agents in `configured` only the devices named there stay."""
        for who, device in list(self.enrolled.items()):
            if now_s > device.until_s:
                self._expect(who, device.rate(), device.until_s, now_s)
                device.until_s = now_s
            named = configured.get(who[:2])
            is_gone = named is not None and who.device not in named and who.device != who.agent
            if is_gone or now_s - device.heard_s > LONGEST_SILENCE_S:
                del self.enrolled[who]

    def take(self) -> Counts:
        """Counts since the last call; `give_back` where they could not be kept."""
        counts, self.counts = self.counts, {}
        return counts

    def give_back(self, counts: Counts) -> None:
        """They count again."""
        for hour, rows in counts.items():
            for who, row in rows.items():
                add(self._row(hour, who), row)

    def _expect(self, who: PolledDevice, per_s: float, start_s: float, end_s: float) -> None:
        at = start_s
        while at < end_s:
            number = int(at // HOUR_S)
            until = min(end_s, (number + 1.0) * HOUR_S)
            self._row(number, who)[_EXPECTED] += per_s * (until - at)
            at = until

    def _row(self, hour: int, who: PolledDevice) -> list[float]:
        return self.counts.setdefault(hour, {}).setdefault(who, [0.0, 0.0, 0.0])


def add(row: list[float], other: Iterable[float]) -> None:
    """Add counts to a row."""
    for at, count in enumerate(other):
        row[at] += count
