"""Counts polls by hour and device: expected, answered, and those that the device is known not to have answered.

Missing polls are expected minus answered. Polls that the device did not answer are the device's fault; the other missing polls
(lost messages, or an agent that was away) are the telemetry's fault. Expected polls are a rate times a time span, so that hours
add up whatever the intervals are.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from typing import NamedTuple

import msgspec

from rackflow.catalogue import PollClass
from rackflow.process.slices import run_through

HOUR_S = 3600
# A device that was silent for a month is not expected any more: it was removed without its agent saying so. With a shorter limit a
# device with a long outage would no longer be expected, and the report of that month would show the site as complete.
LONGEST_SILENCE_S = 31 * 86_400.0
# Rows of one agent between two saves: a thousand devices in 20 hours. A week's backlog of an agent that is new here makes more;
# its older hours are then not counted. Without a limit, messages dated through 400 days would make 10,000 rows of one device.
MAX_ROWS_OF_AGENT = 20_000
# Most hours, summed over all devices, that one call of `expect` counts after the collector was away. A week of 5,000 devices is 840,000
# hours. Counted at once, they would hold the loop for a second and leave no rows (MAX_ROWS_OF_AGENT) for the present hour. With a save
# every 30 s they are counted within 42 minutes. All devices advance together, so that each save touches few hours.
MAX_CAUGHT_UP = 10_000
# Hours counted in one slice, about 1 ms.
_HOURS_PER_SLICE = 500
_EXPECTED, _ANSWERED, _UNANSWERED = range(3)


class PolledDevice(NamedTuple):
    """A device, and the agent that polls it."""

    site: str
    agent: str
    device: str


class Polled(msgspec.Struct, frozen=True, gc=False):
    """One poll: `interval_s` until the next one, `time_s` since 1970, `up` is whether the device answered."""

    who: PolledDevice
    device_class: str
    poll: str
    interval_s: float
    time_s: float
    up: bool


class ExpectedDevice(msgspec.Struct):
    """A device whose polls are expected from `since_s` on, and counted up to `until_s`. Its last message came at `heard_s`.

    `intervals` are seconds by poll class. `sure` are the classes of which a poll was answered: a dead device is polled less
    often than its class says, so only an answered poll tells the real interval. The field names are a format: records of the
    collector keep them.
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
    """Polls of all sites, counted since `take` was last called. The collector's records keep `enrolled` over a restart."""

    def __init__(self, enrolled: Mapping[PolledDevice, ExpectedDevice] | None = None) -> None:
        self.enrolled = dict(enrolled or {})
        self.counts: Counts = {}
        self._rows = Counter[tuple[str, str]]()

    def count(self, polls: Iterable[Polled]) -> None:
        """Count polls. Each poll must be passed only once, however often its message came."""
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
            # Backlog from before the device was first heard of: the device existed then, so polls were expected then, too.
            if device.until_s - LONGEST_SILENCE_S < poll.time_s < device.since_s:
                self._expect(poll.who, device.rate(), poll.time_s, device.since_s)
                device.since_s = poll.time_s
            row = self._row(int(poll.time_s // HOUR_S), poll.who)
            if poll.up:
                row[_ANSWERED] += 1
            else:
                # A device that stays silent is polled after growing pauses, not by poll class. Such a failed poll counts for all
                # polls that were expected during its pause.
                is_paused = poll.interval_s != device.intervals[poll.poll]
                row[_UNANSWERED] += max(1.0, poll.interval_s * device.rate()) if is_paused else 1.0

    def set_intervals(self, who: PolledDevice, intervals: Mapping[PollClass, float]) -> None:
        """Set a device's intervals by poll class, in seconds, as its agent describes it. Ignored before its first poll."""
        device = self.enrolled.get(who)
        if device is not None and intervals:
            device.intervals, device.sure = (
                {str(each): interval_s for each, interval_s in intervals.items()},
                {*intervals},
            )

    def expect(self, now_s: float, configured: Mapping[tuple[str, str], frozenset[str]]) -> None:
        """See `expect_steps`."""
        run_through(self.expect_steps(now_s, configured))

    def expect_steps(
        self, now_s: float, configured: Mapping[tuple[str, str], frozenset[str]]
    ) -> Generator[None, None, None]:
        """Count the polls expected until now. After a pause longer than MAX_CAUGHT_UP allows, only those of its beginning are counted.

        A device is dropped if its agent is in `configured` and does not name it. Yields after each slice.
        """
        behind = sum(now_s - device.until_s > HOUR_S for device in self.enrolled.values())
        longest_s = max(1, MAX_CAUGHT_UP // max(1, behind)) * HOUR_S
        hours = 0.0
        for who, device in list(self.enrolled.items()):
            hours += 1 + max(0.0, min(now_s - device.until_s, longest_s)) / HOUR_S
            if hours >= _HOURS_PER_SLICE:
                hours = 0.0
                yield
            if self.enrolled.get(who) is not device:
                continue  # forgotten during another's turn
            # Counted up to a full hour, so that the next call does not change the same hour again.
            self._expect_device(who, device, min(now_s, (device.until_s + longest_s) // HOUR_S * HOUR_S))
            named = configured.get(who[:2])
            is_gone = named is not None and who.device not in named and who.device != who.agent
            # Only once all of its time is counted.
            if device.until_s >= now_s and (is_gone or now_s - device.heard_s > LONGEST_SILENCE_S):
                del self.enrolled[who]

    def _expect_device(self, who: PolledDevice, device: ExpectedDevice, until_s: float) -> None:
        if until_s > device.until_s:
            self._expect(who, device.rate(), device.until_s, until_s)
            device.until_s = until_s
        elif device.until_s - until_s > HOUR_S:
            # The clock was an hour or more ahead and was set back. Without this, no polls would be expected until it gets there again.
            device.until_s = until_s

    def forget(self, site: str, agent: str, device: str = "") -> None:
        """Expect no more polls of a device, or of a whole agent, that is gone for good. What was counted stays."""
        for who in [who for who in self.enrolled if who[:2] == (site, agent) and device in ("", who.device)]:
            del self.enrolled[who]

    def take(self) -> Counts:
        """Counts since the last call. Give them to `give_back` if they could not be saved."""
        counts, self.counts = self.counts, {}
        self._rows.clear()
        return counts

    def give_back(self, counts: Counts) -> None:
        """Add counts that `take` returned and that could not be saved."""
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
        rows = self.counts.get(hour, {})
        row = rows.get(who)
        if row is None:
            row = [0.0, 0.0, 0.0]
            agent = who.site, who.agent
            if self._rows[agent] < MAX_ROWS_OF_AGENT:
                self._rows[agent] += 1
                rows[who] = row
                self.counts[hour] = rows
        return row


def add(row: list[float], other: Iterable[float]) -> None:
    """Add counts to a row, in place."""
    for at, count in enumerate(other):
        row[at] += count
