"""Decides when to poll: fixed rates with spread phases, deadlines, traps, and back-off for a device that does not answer.

Polls never drift: a cycle's due time is computed from its number, never from the previous poll. A late poll is never followed by
a burst: missed cycles are skipped and counted. `now` is monotonic seconds.
"""

import math
from collections.abc import Callable, Mapping
from hashlib import blake2b

import msgspec

from rackflow.catalogue import PollClass

# A poll fails when its device has been silent for this share of its interval. A device that always times out is then still polled at its
# rate, instead of being late for every second cycle. The rest is for publishing and for the timer. Chosen value.
DEADLINE_SHARE = 0.9
# The most that one poll may take, whether its device is silent or answers slowly. Polls of one device run one after the other: without this
# limit a device that goes silent during its hourly inventory poll would hold up its 1 s safety class for 54 minutes. 30 s is a chosen
# value.
MAX_DEADLINE_S = 30.0
# How many polls in a row must fail before a device counts as down. One lost datagram is already covered by the request's retries;
# three failures in a row mean at least six unanswered SNMP requests by default. More would delay the alarm; fewer would
# report a briefly busy card as down. Chosen value.
DOWN_AFTER_FAILURES = 3
# Longest pause between two attempts to reach a silent device: its return is noticed within a minute. An attempt only makes the
# device's own task wait for a timeout, so a longer pause would save little.
MAX_RETRY_S = 60.0
# GRID_POLLS: how many polls are due at the same moment, on average. Ten take 2 ms of the loop, so none is late because of the others.
# MIN_GRID_PER_S: the least number of such moments per second, so that a poll of a small agent is moved by 200 ms at most: once, when the
# device is opened, so that its interval stays as it is. With 20 moments a second, 50 devices took a quarter more CPU (1.6 % of a core
# became 2.0 %) and woke the process 75 times a second instead of 49. Chosen values.
GRID_POLLS = 10.0
MIN_GRID_PER_S = 5
# Tolerance, in cycles: rounding may make a due time divided by the interval slightly less than its cycle's number, and a cycle that is due
# at this moment must still count as due.
ROUNDING = 1e-6
# A regular poll that is due within this time after a hurried one is skipped, because it would only repeat it; for intervals below 2 s,
# within half of the interval. If it were more, a trap could leave the device unread for up to one and a half intervals.
NEAR_S = 1.0
# A poll that fails is repeated after REPEAT_S if the device would otherwise not be asked for more than UNASKED_S: one lost answer at an
# interval of half a minute would look like half a minute of silence, and a CDU counts as not observed after 15 s. Chosen: the intervals of
# the classes `fast` and `normal`.
REPEAT_S = 5.0
UNASKED_S = 10.0
# Least time between two polls that traps ask for. A UPS sends several at once when mains fail, and each of them needs no poll of its own.
# Chosen: the interval of the shortest poll class.
TRAP_POLLS_S = 1.0
# The same in times of what the device's polls take, so that a slow card that sends traps without end has a third of its time for them.
# Chosen value.
TRAP_POLLS_TIMES = 3.0


def phase(device: str, what: str) -> float:
    """Where in each cycle a device is polled: [0, 1), evenly spread over devices and the same in every run.

    Without a phase, all devices with the same interval would be polled in the same millisecond. It is a hash, not a random number,
    so that a restart or a reload does not shift the times at which a device is polled.
    """
    return int.from_bytes(blake2b(f"{device}/{what}".encode(), digest_size=6).digest()) / 2**48


def grid(polls_per_s: float) -> float:
    """Seconds between the moments at which polls are due, such that about GRID_POLLS of `polls_per_s` share a moment.

    Waking up takes a third of the CPU of a small agent, and polls that are due together wake it once. The result divides a second, so
    that polls of different intervals coincide.
    """
    return 1 / max(MIN_GRID_PER_S, math.ceil(polls_per_s / GRID_POLLS))


def on_grid(share: float, interval_s: float, grid_s: float) -> float:
    """The phase `share`, moved earlier by less than `grid_s`, so that cycles are due at multiples of `grid_s` (if the interval is one)."""
    return math.floor(share * interval_s / grid_s) * grid_s / interval_s if 0 < grid_s < interval_s else share


class DuePoll(msgspec.Struct, frozen=True, gc=False):
    """A poll to make now. It fails when the device has been silent for `deadline_s`.

    `skipped` counts the cycles of its class that passed without a poll since the last one.
    """

    # No dataclass, as `Message` in rackflow/outbox/seam.py; the garbage collector does not examine it.

    poll_class: PollClass
    interval_s: float
    deadline_s: float
    skipped: int


class _Cycle:
    """One poll class of one device. Cycle n is due at (n + phase) x interval, so errors do not add up and nothing drifts."""

    __slots__ = (
        "_first",
        "_hurried",
        "_number",
        "_on_time",
        "_phase",
        "deadline_s",
        "due_at",
        "interval_s",
        "poll_class",
    )

    def __init__(self, poll_class: PollClass, interval_s: float, share: float, now: float) -> None:
        self.poll_class = poll_class
        self.interval_s = interval_s
        self.deadline_s = min(interval_s * DEADLINE_SHARE, MAX_DEADLINE_S)
        self.due_at = now
        self._phase = share
        self._number = 0
        self._first = True
        self._hurried = False
        # Made once: nearly all polls are on time, and such polls do not differ.
        self._on_time = DuePoll(poll_class, interval_s, self.deadline_s, 0)

    def hurry(self, now: float) -> None:
        """Make this class due now, unless it is due already."""
        if self.due_at > now:
            self.due_at, self._hurried = now, True

    def take(self, now: float) -> DuePoll:
        """The poll of the present cycle; moves `due_at` to the next one."""
        cycles = now / self.interval_s - self._phase
        if self._first:
            # The first poll is made at once. A cycle due within the next half interval is left out, as it would only repeat it.
            self._number = math.floor(cycles + 0.5)
            self._first = False
            skipped = 0
        elif self._hurried and cycles + ROUNDING < self._number:
            # An additional poll, which moves no regular one: the next cycle is still to come, unless it is so near that it would only
            # repeat this poll.
            near = min(0.5, NEAR_S / self.interval_s)
            if cycles + near < self._number:
                self._number -= 1
            skipped = 0
        else:
            passed = max(math.floor(cycles + ROUNDING), self._number)
            skipped = passed - self._number
            self._number = passed
        self._hurried = False
        self._number += 1
        self.due_at = (self._number + self._phase) * self.interval_s
        return self._on_time if not skipped else DuePoll(self.poll_class, self.interval_s, self.deadline_s, skipped)


class DeviceSchedule:
    """The polls of one device, one after the other. Every class is due at once, and from then on at its fixed rate.

    Classes that are due together form a round, in which each is polled once, the shortest interval first.
    Always taking the most urgent class instead would starve the others on a device too slow for its shortest interval.
    """

    def __init__(self, device: str, intervals: Mapping[PollClass, float], now: float, grid_s: float = 0.0) -> None:
        """Polls are due at multiples of `grid_s`, so that those of several devices share a turn of the loop (see `grid`)."""
        by_length = sorted(intervals.items(), key=lambda item: item[1])
        self._cycles = [
            _Cycle(poll_class, seconds, on_grid(phase(device, poll_class), seconds, grid_s), now)
            for poll_class, seconds in by_length
        ]
        # The classes of the current round that are still to be polled; the next one is last.
        self._round: list[_Cycle] = []

    def hurry(self, now: float) -> None:
        """Make every class due now, except `inventory`, which reads what a device is. Later polls keep their times."""
        for cycle in self._cycles:
            if cycle.poll_class != "inventory":
                cycle.hurry(now)

    def repeat(self, poll_class: PollClass, now: float) -> None:
        """Poll a class, whose poll has just failed, again soon, unless the device is asked soon anyway. Later polls keep their times."""
        if self.next_at() > now + UNASKED_S:
            for cycle in self._cycles:
                if cycle.poll_class == poll_class:
                    cycle.hurry(now + REPEAT_S)

    def next_at(self) -> float:
        """When the next poll is due; may lie in the past."""
        return min(cycle.due_at for cycle in self._cycles)

    def take(self, now: float) -> DuePoll | None:
        """The poll to make now, or None. Cycles missed in the meantime are skipped and counted, never caught up."""
        if not self._round:
            # Into the same list: one that lived from poll to poll would be examined by the garbage collector, for each device.
            self._round += [cycle for cycle in reversed(self._cycles) if cycle.due_at <= now]
        return self._round.pop().take(now) if self._round else None


class Patience:
    """How long the polls of one device may be silent. Usually for a share of their interval, so that its death is noticed soon.

    A card may answer each request within its timeout, and yet later than this share of a short interval: 1.9 s, where a UPS says each
    second whether it runs on battery. Such a class would never be read, while those with longer intervals show the device as up.
    """

    def __init__(self) -> None:
        # Classes with polls that were ended at that share, since the device last answered in time; and whether it has answered something
        # else since, so that their requests are left to their own timeouts.
        self._cut_short: dict[PollClass, bool] = {}

    def deadline_s(self, due: DuePoll) -> float:
        """How long this poll may be silent."""
        return MAX_DEADLINE_S if self._cut_short.get(due.poll_class) else due.deadline_s

    def cut_short(self, poll_class: PollClass) -> None:
        """A poll was ended by its deadline."""
        self._cut_short.setdefault(poll_class, False)

    def opened(self) -> None:
        """The device has answered an opening, which may take longer than any poll: what was cut short before may only be slow."""
        for poll_class in self._cut_short:
            self._cut_short[poll_class] = True

    def polled(self, due: DuePoll, duration_s: float) -> None:
        """A poll has ended with answers. One in time shows that this class needs no patience, or no longer."""
        if duration_s < due.deadline_s:
            self._cut_short.pop(due.poll_class, None)
        self.opened()


class PollTimes:
    """How many seconds the polls of one device take. Its poll classes take turns, so polls of one class may be far apart."""

    def __init__(self) -> None:
        self._total_s = 0.0
        # By poll class: the total when its last poll began, and how long that poll took.
        self._total_at_last_s: dict[PollClass, float] = {}
        self._last_s: dict[PollClass, float] = {}

    def add(self, poll_class: PollClass, duration_s: float) -> float:
        """Add a poll that has just ended. Returns the seconds spent on polls of all classes since the last one of this class began."""
        began_s = self._total_s
        self._total_s += duration_s
        since_last_s = began_s - self._total_at_last_s.get(poll_class, began_s)
        self._total_at_last_s[poll_class] = began_s
        self._last_s[poll_class] = duration_s
        return since_last_s

    def of_all_but_inventory_s(self) -> float:
        """How long one poll of each class took, without `inventory`: what a trap asks for, see `DeviceSchedule.hurry`."""
        return sum(seconds for poll_class, seconds in self._last_s.items() if poll_class != "inventory")


class TrapPolls:
    """When the traps of one device have it polled: at once, but with a pause between two such polls."""

    def __init__(self) -> None:
        self._due_at = -math.inf
        """When the last such poll was due, or will be."""

    def add(self, now: float, polls_take_s: float) -> float | None:
        """When to poll because of a trap that has just come. `polls_take_s` is how long that takes.

        None if a poll is about to begin that will see what this trap is about, too.
        """
        if self._due_at > now:
            return None
        self._due_at = max(now, self._due_at + max(TRAP_POLLS_S, TRAP_POLLS_TIMES * polls_take_s))
        return self._due_at


class CircuitBreaker:
    """Whether a device counts as down, and how long to wait before the next attempt: its back-off, with full jitter.

    Three failures in a row open it. From then on each attempt comes after a pause drawn uniformly between the shortest interval
    and a ceiling that doubles up to 60 s (`draw` gives [0, 1)). One success closes it. The pause is random so that the devices
    behind one failed switch are not all probed in the same second, and never shorter than the interval, because a device that is
    down must not be polled more often than a healthy one.
    """

    def __init__(self, shortest_s: float, draw: Callable[[], float]) -> None:
        self.shortest_s = shortest_s
        self._draw = draw
        self._failures = 0

    @property
    def is_down(self) -> bool:
        """Whether the device counts as down."""
        return self._failures >= DOWN_AFTER_FAILURES

    @property
    def has_failed_once(self) -> bool:
        """Whether the last poll has failed, and the one before has not: an answer may have been lost."""
        return self._failures == 1

    def succeeded(self) -> bool:
        """Record a success. Returns whether the device was down."""
        was_down, self._failures = self.is_down, 0
        return was_down

    def failed(self) -> float:
        """Record a failure. Returns how many seconds to wait before the next attempt if nothing else is due."""
        self._failures += 1
        if not self.is_down:
            return self.shortest_s
        # After 16 doublings every interval is beyond the ceiling; without the limit 2.0**n overflows after 1,024 failures.
        doublings = min(self._failures - DOWN_AFTER_FAILURES + 1, 16)
        ceiling_s = max(self.shortest_s, min(self.shortest_s * 2.0**doublings, MAX_RETRY_S))
        extra_s: float = (ceiling_s - self.shortest_s) * self._draw()
        return self.shortest_s + extra_s
