"""Makes the batches and events of one device, and puts them into the outbox. Finds which of its states have changed."""

import math
from collections.abc import Sequence

import msgspec

from agent.context import AgentContext
from agent.poll import printable
from agent.readings import Readings
from agent.split import split_batch
from rackflow.catalogue import PollClass
from rackflow.documents import Batch, DeviceFault, Event, EventKind, encode
from rackflow.errors import ContractError
from rackflow.topics import Topic, build_topic

# Device class in the batches of a device that was never opened: a batch needs one, and failures must be published all the same.
UNKNOWN_CLASS = "unknown"
# An event's text is an error message for a page and a log. Some devices send whole dumps as their error text. Chosen value.
EVENT_TEXT_CHARACTERS = 200
# Most states remembered per poll class, because a device whose labels change with every plan would otherwise add to them for ever. Twice
# what a device can have at once (MAX_SERIES in agent/profile).
MAX_KNOWN_STATES = 40_000


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """The class and the times of one poll. `interval_s` is the time until the next one; receivers derive from it when a value is stale."""

    poll_class: PollClass
    interval_s: float
    duration_s: float


class Reporter:
    """Puts one device's batches and events into the outbox."""

    def __init__(
        self, context: AgentContext, device: str, labels: dict[str, str], device_class: str = UNKNOWN_CLASS
    ) -> None:
        self.device_class = device_class
        self._context = context
        self._device = device
        self._labels = labels
        self._batch_topic = build_topic(Topic(context.site, context.agent, "batch", device))
        self._event_topic = build_topic(Topic(context.site, context.agent, "event", device))

    def batch(self, poll: Attempt, readings: Readings, error: DeviceFault | None = None) -> None:
        """Put the readings of a poll into the outbox, or the `error` for which it failed; split if the broker takes no larger messages."""
        time_ms = int(self._context.wall() * 1000)
        whole = Batch(
            agent=self._context.agent,
            epoch=self._context.epoch,
            seq=0,  # given by the outbox
            time=time_ms,
            device=self._device,
            device_class=self.device_class,
            poll=poll.poll_class,
            interval_s=poll.interval_s,
            duration_s=poll.duration_s,
            up=error is None,
            error=error,
            labels=self._labels,
            values=readings.values,
            states=readings.states,
            bad=readings.bad,
        )
        limit_bytes = self._context.largest_bytes()
        try:
            parts = split_batch(whole, limit_bytes)
        except ContractError:
            parts = split_batch(_finite(whole), limit_bytes)
        for part in parts:
            self._put(part)

    def _put(self, batch: Batch) -> None:
        def make(seq: int) -> bytes:
            numbered = msgspec.structs.replace(batch, seq=seq)
            try:
                return encode(numbered)
            except ContractError:
                # Values are finite by construction. Checking each one of every batch would cost more than this rare repair.
                return encode(_finite(numbered))

        self._context.outbox.put(self._batch_topic, make, batch.time)

    def event(
        self,
        kind: EventKind,
        series: str = "",
        old: str = "",
        new: str = "",
        text: str = "",
    ) -> None:
        """Put an event into the outbox: a `state` has its series and both states, `down` and `trap` have a text."""
        time_ms = int(self._context.wall() * 1000)

        def make(seq: int) -> bytes:
            return encode(
                Event(
                    agent=self._context.agent,
                    epoch=self._context.epoch,
                    seq=seq,
                    time=time_ms,
                    device=self._device,
                    device_class=self.device_class,
                    kind=kind,
                    labels=self._labels,
                    series=series,
                    old=old,
                    new=new,
                    text=printable(text)[:EVENT_TEXT_CHARACTERS],
                )
            )

        self._context.outbox.put(self._event_topic, make, time_ms)


class KnownStates:
    """The latest state of each series of one device, to find out which of them have changed. No I/O."""

    def __init__(self) -> None:
        # By poll class: a batch only has the states of its own class, so the states of other classes do not count as missing.
        self._states: dict[PollClass, dict[str, str]] = {}

    def update(self, poll_class: PollClass, states: dict[str, str]) -> Sequence[tuple[str, str, str]]:
        """Take the states of one poll, by series key. Returns those that have changed: series key, old state, new state.

        A state seen for the first time is no change: a restart of the agent must not report every state.
        """
        before = self._states.get(poll_class)
        if states == before:
            return ()
        known = before or {}
        changes = [(series, known[series], new) for series, new in states.items() if known.get(series, new) != new]
        # A state that is missing from one poll is kept, so that its next value is still compared with the one before the gap.
        known = {**known, **states}
        self._states[poll_class] = known if len(known) <= MAX_KNOWN_STATES else states
        return changes

    def forget(self) -> None:
        """Forget all states, because another device answers now: its states must not be reported as changes."""
        self._states.clear()


def _finite(batch: Batch) -> Batch:
    """The batch without infinite values and NaN, which JSON cannot express: they are listed in `bad`, the rest is published."""
    values = {key: value for key, value in batch.values.items() if math.isfinite(value)}
    rejected = dict.fromkeys(batch.values.keys() - values.keys(), "range")
    return msgspec.structs.replace(batch, values=values, bad=batch.bad | rejected)
