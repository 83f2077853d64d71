"""The state of one series, one device and one agent, and which of two messages is the later one.

The clock of an agent may be wrong or be set, so messages are ordered by their numbers where possible, and by time only as a last resort.
`AgentState.clock` tells backlog from live messages of such an agent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from collector.counters import Histogram
from collector.latest.agent_clock import AgentClock
from collector.latest.shelf_life import shelf_life_s
from collector.readings import Rows, Series
from rackflow import Batch, DeviceDocument, Status
from rackflow.catalogue import BASE_LABELS

# A device that does not answer is tried again after growing pauses, which are announced as the interval of its failed polls; and a failed
# attempt takes time, too. The limits are those of the agent (60 s between attempts, 30 s for one attempt, see MAX_ATTEMPT_S): a message
# that says more must not keep a device on /metrics as down although it is not polled any more.
MAX_PAUSE_S = 60.0
# The longest duration of a failed attempt that counts for when the next one is expected. A chosen value, several times an attempt at the
# default timeouts: an absurd duration must not keep a device on /metrics.
MAX_ATTEMPT_S = 30.0
# How many rejected readings of each poll class are kept with their reasons for the device's page, and the longest key that is kept. A
# device that sends garbage has hundreds with the same reason; 5,000 such devices would take 10 MB.
MAX_BAD = 20
MAX_BAD_KEY = 120
# Failures that are kept of each device.
MAX_ERRORS = 8

# Fields of a device's document: those that identify the unit, and those on which its set of series depends.
_OF_UNIT = ("vendor", "model", "serial")
_STATED = (*_OF_UNIT, "profile", "profile_content", "firmware")


def is_other_unit(before: DeviceDocument, after: DeviceDocument) -> bool:
    """Whether two documents of one device describe different units, because the unit was replaced.

    A field that is empty in either document is not compared: many devices have no serial number, and a busy one leaves texts out.
    """
    return _differs(before, after, _OF_UNIT)


def has_other_series(before: DeviceDocument, after: DeviceDocument) -> bool:
    """Whether a device may have other series: it is another unit, is read by another or an edited profile, or has other firmware."""
    return _differs(before, after, _STATED)


def stated_by(before: DeviceDocument | None, after: DeviceDocument) -> DeviceDocument:
    """A unit's latest document, with empty fields filled from earlier documents of the same unit.

    For example, a new unit may report its serial number only some time after it was installed. Without this, its first document would hide
    the serial number of the former unit, and the document with the new number would have nothing to differ from.
    """
    if before is None or is_other_unit(before, after):
        return after
    left_out = {each: text for each in _STATED if not getattr(after, each) and (text := getattr(before, each))}
    return msgspec.structs.replace(after, **left_out) if left_out else after


def _differs(before: DeviceDocument, after: DeviceDocument, texts: Sequence[str]) -> bool:
    pairs = ((getattr(before, each), getattr(after, each)) for each in texts)
    return any(old and new and old != new for old, new in pairs)


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Identifies the message that a value came in. `time_ms` is by the agent's clock, which may have been set since."""

    agent: str
    epoch: str
    seq: int
    time_ms: int

    @classmethod
    def of(cls, batch: Batch) -> "Origin":
        """The origin of a batch's readings."""
        return cls(batch.agent, batch.epoch, batch.seq, batch.time)


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """What the readings of one message share. They may be shown until `expires_at` (monotonic), `life_s` after their receipt."""

    origin: Origin
    expires_at: float
    life_s: float


@dataclass(slots=True)
class LatestValue:
    """One reading. The stamp is shared by all readings of its message, so that a message replaces two references for each."""

    series: Series
    value: float | str
    stamp: Stamp

    @property
    def origin(self) -> Origin:
        """The message that it came in."""
        return self.stamp.origin

    @property
    def expires_at(self) -> float:
        """Until when it may be shown (monotonic)."""
        return self.stamp.expires_at

    @property
    def life_s(self) -> float:
        """How long it may be shown after its receipt."""
        return self.stamp.life_s


class LastPoll(NamedTuple):
    """The last poll of one class of a device; `received_at` is monotonic."""

    interval_s: float
    received_at: float
    origin: Origin

    @property
    def overdue_at(self) -> float:
        """When the class counts as no longer polled (monotonic)."""
        return self.received_at + shelf_life_s(self.interval_s)


@dataclass(slots=True)
class DeviceState:
    """One device. Times in ms are the agent's, `received_at` is monotonic; `up` is None before any poll."""

    site: str
    device: str
    agent: str
    device_class: str = "unknown"
    labels: dict[str, str] = field(default_factory=dict)
    document: DeviceDocument | None = None
    stated: DeviceDocument | None = None
    """The document, completed from earlier ones of this unit (see `stated_by`). The next document is compared with it."""
    received_at: float = 0.0
    origin: Origin | None = None
    is_reported: bool = False
    """Whether `up` was reported by the process of its agent that runs now, as far as is known."""
    up: bool | None = None
    pause_s: float = 0.0
    """Seconds until the next poll, as announced by the last one if it failed; 0 after an answer."""
    error: str | None = None
    since_ms: int = 0
    last_success_ms: int | None = None
    poll_duration_s: float | None = None
    rejected: int = 0
    labels_as_sent: dict[str, str] | None = None
    """The labels of the last batch, if none of them is left out. Kept for comparison, because the next batch nearly always has the same."""
    series: dict[str, LatestValue] = field(default_factory=dict)
    rows: Rows[LatestValue] = field(default_factory=Rows)
    """The values of `series` by place in a batch; cleared when one is dropped."""
    cache: dict[str, object] = field(default_factory=dict)
    """Cache for other modules, by a key of their own, of what they derive from the set of series; cleared when that set changes."""
    first_expiry: float = math.inf
    """No series expires before this time (monotonic). May be earlier than necessary: it is not recalculated when readings are renewed."""
    cached_life_s: float | None = None
    """Cached `life_s`, which every scrape needs for every device."""
    bad: dict[str, dict[str, str]] = field(default_factory=dict)
    """Some of the rejected readings of the last poll of each class, by series key, with the reason."""
    errors: tuple[tuple[int, str], ...] = ()
    """When polls began to fail (ms), and why; the latest last."""
    polls: dict[str, LastPoll] = field(default_factory=dict)
    """The last poll of each class."""
    first_unpolled: float = math.inf
    """Before this time no class of `polls` can be overdue (monotonic). May be earlier than necessary."""

    def life_s(self) -> float:
        """Seconds for which the last batch is valid: the shelf life of its most frequent poll, or of its announced pause."""
        if self.cached_life_s is None:
            intervals = [poll.interval_s for poll in self.polls.values()]
            if not intervals and self.document is not None:
                intervals = [interval for interval in self.document.intervals.values() if interval > 0]
            self.cached_life_s = shelf_life_s(max(min(intervals, default=0.0), self.pause_s))
        return self.cached_life_s

    def fresh_until(self) -> float:
        """When the device counts as silent (monotonic)."""
        return self.received_at + (self.cached_life_s if self.cached_life_s is not None else self.life_s())

    def note_poll(self, batch: Batch, agent: "AgentState", now: float) -> bool:
        """Apply what a batch says about the device itself. Returns False if this same poll was applied before.

        Batches may arrive in another order than the polls were made. The state of the batch's poll class is replaced if the batch is later
        than the last one of that class, and the state of the device if it is later than the last one of any class.
        """
        origin = Origin.of(batch)
        before = self.polls.get(batch.poll)
        if before is not None and before.origin == origin:
            return False
        expired = now >= self.fresh_until()
        if now >= self.first_unpolled:
            self._drop_unpolled(now)
        if before is None or expired or agent.follows(origin, before.origin):
            self._note_class(batch, origin, now)
        if self.origin is None or expired or agent.follows(origin, self.origin):
            self._note_device(batch, origin, now)
        return True

    def _note_device(self, batch: Batch, origin: Origin, now: float) -> None:
        """Apply what the latest batch says: whether the device answers, its labels, and until when that is valid."""
        if batch.error is not None and (batch.up is not self.up or batch.error != self.error):
            self.errors = (*self.errors, (batch.time, batch.error))[-MAX_ERRORS:]
        if batch.up is not self.up:
            self.since_ms = batch.time
        self.is_reported = True
        pause_s = 0.0 if batch.up else min(batch.interval_s, MAX_PAUSE_S) + min(batch.duration_s, MAX_ATTEMPT_S)
        if pause_s != self.pause_s:
            self.pause_s, self.cached_life_s = pause_s, None
        self.device_class, self.origin, self.received_at = batch.device_class, origin, now
        if batch.labels != self.labels_as_sent:
            self.labels_as_sent = batch.labels if len(batch.labels) <= len(BASE_LABELS) else None
            self.labels = {label: batch.labels[label] for label in BASE_LABELS if batch.labels.get(label)}
        self.up, self.error = batch.up, batch.error
        self.poll_duration_s, self.rejected = batch.duration_s, batch.rejected
        if batch.up:
            self.last_success_ms = batch.time

    def _note_class(self, batch: Batch, origin: Origin, now: float) -> None:
        before = self.polls.get(batch.poll)
        if before is None or before.interval_s != batch.interval_s:
            self.cached_life_s = None
        last = self.polls[batch.poll] = LastPoll(batch.interval_s, now, origin)
        self.first_unpolled = min(self.first_unpolled, last.overdue_at)
        if batch.bad or self.bad:
            self._note_bad(batch)

    def _drop_unpolled(self, now: float) -> None:
        """Forget classes that are no longer polled: they must not keep their short intervals for ever."""
        for poll_class in [each for each, last in self.polls.items() if now >= last.overdue_at]:
            del self.polls[poll_class]
            self.cached_life_s = None
        self.first_unpolled = min((last.overdue_at for last in self.polls.values()), default=math.inf)

    def _note_bad(self, batch: Batch) -> None:
        # The first part of a split poll replaces the rejected readings, the other parts add to them.
        kept = {} if batch.counts_as_poll else self.bad.get(batch.poll, {})
        for key, reason in batch.bad.items():
            if len(kept) >= MAX_BAD:
                break
            if len(key) <= MAX_BAD_KEY:
                kept[key] = reason
        self.bad = {poll: found for poll, found in self.bad.items() if poll in self.polls and poll != batch.poll}
        if kept:
            self.bad[batch.poll] = kept


@dataclass(slots=True)
class AgentState:
    """One agent. `last_message_s` is by the collector's wall clock; `status` is None until one was received.

    Monotonic times: `since` is when its present status began, `back_at` when it was last back after it had been offline or restarted,
    `heard_at` when its last live message came. `own_interval_s` is how often it reports about itself, None if it never did.
    """

    site: str
    agent: str
    status: Status | None = None
    last_message_s: float = 0.0
    since: float = -math.inf
    back_at: float = -math.inf
    heard_at: float = -math.inf
    own_interval_s: float | None = None
    series: dict[str, LatestValue] = field(default_factory=dict)
    rows: Rows[LatestValue] = field(default_factory=Rows)
    cache: dict[str, object] = field(default_factory=dict)
    first_expiry: float = math.inf
    """See the fields of the same names in `DeviceState`."""
    poll_duration: dict[str, Histogram] = field(default_factory=dict)
    clock: AgentClock = field(default_factory=AgentClock)

    def follows(self, origin: Origin, other: Origin) -> bool:
        """Whether message `origin` of this agent is later than `other`, whatever the clocks say.

        Numbers order the messages of one epoch. Of two epochs, the one in the agent's latest status is later. Time decides only
        if that status names neither epoch. Messages of two agents never meet: see `Latest._device`.
        """
        if origin.epoch == other.epoch:
            return origin.seq > other.seq
        present = self.status.epoch if self.status is not None else ""
        if present in (origin.epoch, other.epoch):
            return origin.epoch == present
        return origin.time_ms >= other.time_ms
