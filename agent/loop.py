"""The task of one device: polls it when due, reports what comes of it, and publishes its document.

An error affects no other device: a `DeviceError` becomes a failed batch, and so does any other exception, as a fault of the agent
(`agent/poll/barrier.py`).
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar, cast

from agent.config import Device
from agent.context import AgentContext
from agent.deadline import Deadline, PollDeadline
from agent.poll import DeviceBarrier, DevicePoller
from agent.readings import Identified, Readings
from agent.reporter import Attempt, KnownStates, Reporter
from agent.schedule import (
    DOWN_AFTER_FAILURES,
    MAX_DEADLINE_S,
    MAX_RETRY_S,
    TRAP_POLLS_S,
    CircuitBreaker,
    DeviceSchedule,
    DuePoll,
    Patience,
    PollTimes,
    TrapPolls,
)
from agent.wake_ups import LATEST_S
from rackflow.catalogue import PollClass
from rackflow.documents import Coolant, DeviceDocument, DeviceFault
from rackflow.errors import DeviceDecodeError, DeviceError, DeviceTimeout
from rackflow.process.stopping import obey_cancellation, stop_tasks

log = logging.getLogger(__name__)
# Opening recognises the device and walks all its tables, which takes far longer than a poll. It fails when the device has been silent for
# OPEN_DEADLINE_S, so one that hangs while it is opened is reported only after this time. One that goes on answering has OPEN_AT_MOST_S: a
# PDU takes some 75 requests, which a card that answers each within its timeout of 2 s cannot do in 30 s. A device that needs more time is
# never polled. Chosen values.
OPEN_DEADLINE_S = 30.0
OPEN_AT_MOST_S = 180.0
# Closing sends nothing; only a serial port or a broken library could make it wait. Must stay below STOP_TASKS_S in device_tasks.py.
CLOSE_S = 1.0
# Most changed states that one poll may report as events. A rack PDU of 48 outlets that is switched off changes 100. Without a limit, a
# device whose states are noise could fill the outbox. The batch has all states in any case. Chosen value.
MAX_STATE_EVENTS = 200
# How often it is logged that the task of a device that was removed or changed by a reload has still not ended.
REPORT_HUNG_S = 60.0

T = TypeVar("T")


class DeviceLoop:
    """Polls one device until cancelled. Its poll classes take turns: two requests to one device never overlap."""

    def __init__(
        self,
        device: Device,
        labels: dict[str, str],
        intervals: Mapping[PollClass, float],
        poller: DevicePoller,
        context: AgentContext,
    ) -> None:
        self.up = False
        self._device = device
        self._labels = labels
        self._intervals = dict(intervals)
        self._poller = poller
        self._context = context
        self._counters = context.counters
        self._reporter = Reporter(context, device.id, labels)
        self._barrier = DeviceBarrier(device.id, device.protocol, context.counters)
        self._shortest = min(intervals, key=lambda poll_class: intervals[poll_class])
        self._circuit_breaker = CircuitBreaker(intervals[self._shortest], context.draw)
        self._identified: Identified | None = None
        self._closed = False
        # Whether the last poll asks for the device to be opened again: it was replaced, restarted or reconfigured.
        self._reopen = False
        # None while the device is not open.
        self._schedule: DeviceSchedule | None = None
        # What the task waits on for its next poll, or for its next attempt to open. A trap ends this wait.
        self._waiting: asyncio.Future[None] | None = None
        self._trap_polls = TrapPolls()
        # Whether a trap asked for a poll since the present attempt or poll began.
        self._trap_came = False
        self._known_states = KnownStates()
        self._poll_times = PollTimes()
        self._patience = Patience()

    async def run(self, start_delay_s: float = 0.0) -> None:
        """Open and poll until cancelled. A device that is down is opened again, because another device may have its address by then."""
        try:
            await asyncio.sleep(start_delay_s)
            while True:
                retry_s = await self._open_and_poll()
                if self._trap_came:
                    # A device that is starting sends a trap, and may answer now although this attempt was too early.
                    retry_s = min(retry_s, TRAP_POLLS_S)
                self._waiting = self._context.wake_ups.at(asyncio.get_running_loop().time() + retry_s)
                await self._waiting
        finally:
            await self.close()

    async def close(self) -> None:
        """Close the poller, once. `run` does so at its end, but a task cancelled before its first step never enters `run`."""
        if self._closed:
            return
        self._closed = True
        # The poller is not used again, so a failure to close it has no consequence and must not hide why the task ended.
        with contextlib.suppress(DeviceError), self._barrier.contain("close"), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._poller.close()

    def receive_trap(self, text: str, *, becomes_event: bool) -> None:
        """The device has sent a trap: poll it at once, also if it is down and waits for its next attempt."""
        if becomes_event:
            self._reporter.event("trap", text=text)
        loop = asyncio.get_running_loop()
        poll_at = self._trap_polls.add(loop.time(), self._poll_times.of_all_but_inventory_s())
        if poll_at is not None:
            loop.call_at(poll_at, self._poll_for_trap)

    def _poll_for_trap(self) -> None:
        """Make polls due now, or end the wait for the next attempt to open the device."""
        if self._schedule is not None:
            # Also during a poll: it may have read the values before they changed, so another one follows it.
            self._schedule.hurry(asyncio.get_running_loop().time())
        self._trap_came = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    @property
    def longest_gap_s(self) -> float:
        """The most seconds between the ends of two attempts or polls, whether the device answers or not."""
        return max(MAX_RETRY_S, self._circuit_breaker.shortest_s) + OPEN_AT_MOST_S

    async def _open_and_poll(self) -> float:
        """Open the device and poll it until it is down or must be opened again. Returns the seconds to wait before that."""
        started = self._context.clock()
        self._reopen = self._trap_came = False
        self._schedule = None
        try:
            # Outside the deadline: waiting for a place is not the device's fault.
            with self._barrier.contain("open"):
                async with self._context.pace.place():
                    deadline = PollDeadline(OPEN_DEADLINE_S, OPEN_AT_MOST_S, is_opening=True)
                    started = self._context.clock()
                    identified = await self._within(deadline, self._poller.open(), "open")
                if not identified.poll_classes:
                    raise DeviceDecodeError("has nothing to poll", device=self._device.id, operation="open")
                self._update_identity(identified)
        except DeviceError as error:
            return self._failed(
                error, Attempt(self._shortest, self._intervals[self._shortest], self._context.clock() - started)
            )
        self._patience.opened()
        return await self._poll_while_up(identified.poll_classes)

    async def _poll_while_up(self, poll_classes: AbstractSet[PollClass]) -> float:
        """Poll the open device by its schedule, until it is down or must be opened again. Returns the seconds to wait before that."""
        intervals = {each: self._intervals[each] for each in poll_classes}
        clock = asyncio.get_running_loop().time
        schedule = self._schedule = DeviceSchedule(self._device.id, intervals, clock(), self._context.grid_s)
        while True:
            next_at_s = schedule.next_at()
            if next_at_s > clock():
                self._waiting = self._context.wake_ups.at(next_at_s)
                await self._waiting
                self._context.note_late(clock() - next_at_s - LATEST_S)
            due = schedule.take(clock())
            # None if the timer fired slightly early; the loop then waits again.
            retry_s = await self._poll(due) if due is not None else 0.0
            if due is not None and self._circuit_breaker.has_failed_once:
                schedule.repeat(due.poll_class, clock())
            if self._circuit_breaker.is_down or self._reopen:
                return retry_s

    async def _poll(self, due: DuePoll) -> float:
        """Make one poll and publish its batch. Returns the seconds until the next attempt, which only count if the device is down now."""
        self._counters.overruns += due.skipped
        self._trap_came = False
        started = self._context.clock()
        operation = f"poll {due.poll_class}"
        try:
            with self._barrier.contain(operation):
                work = self._poller.poll(due.poll_class, self._context.wall())
                deadline = PollDeadline(self._patience.deadline_s(due), MAX_DEADLINE_S)
                readings = await self._within(deadline, work, operation)
                attempt = self._end_attempt(due, started)
                self._patience.polled(due, attempt.duration_s)
                self._succeeded(attempt, readings)
        except DeviceError as error:
            if isinstance(error, _CutShort):
                self._patience.cut_short(due.poll_class)
            return self._failed(error, self._end_attempt(due, started))
        return 0.0

    def _end_attempt(self, due: DuePoll, started: float) -> Attempt:
        """Describe the poll that has just ended.

        If the device's polls take longer than the interval, its `interval_s` is the real time between two of them. With 40 units on one
        slow line, polls of a 1 s class can be 30 s apart, and for receivers their readings would otherwise expire in between.
        """
        duration_s = self._context.clock() - started
        since_last_s = self._poll_times.add(due.poll_class, duration_s)
        return Attempt(due.poll_class, max(due.interval_s, since_last_s), duration_s)

    async def _within(self, deadline: Deadline, work: Awaitable[T], operation: str) -> T:
        """The result of `work`. Raises _CutShort if the deadline ends it."""
        try:
            with deadline:
                # Inside the deadline, so that its end counts even if a library swallows the cancellation by which it ends the work.
                return await obey_cancellation(work, deadline.task)
        except DeviceError:
            # Caught first: DeviceTimeout is a TimeoutError too, and its message says more than the one made below.
            raise
        except TimeoutError as error:
            text = f"not done in {deadline.seconds:g} s"
            raise _CutShort(text, device=self._device.id, operation=operation) from error

    def _succeeded(self, poll: Attempt, readings: Readings) -> None:
        """Count a poll and publish its readings; report states that have changed, and that the device answers again."""
        readings.values.update(readings.about)
        self._reporter.batch(poll, readings)
        counters = self._counters
        counters.polls[self._device.protocol] += 1
        counters.samples += len(readings.values) + len(readings.states) + len(readings.bad)
        if readings.bad:
            counters.rejected.update(readings.bad.values())
        if readings.reopen:
            log.info("device=%s is opened again reason=%s", self._device.id, readings.reopen)
            self._reopen = True
        self.up = True
        if self._circuit_breaker.succeeded():
            log.info("device=%s answers again", self._device.id)
            self._reporter.event("up")
        if changes := self._known_states.update(poll.poll_class, readings.states):
            for series, old, new in changes[:MAX_STATE_EVENTS]:
                self._reporter.event("state", series, old, new)
            counters.events_dropped += max(0, len(changes) - MAX_STATE_EVENTS)

    def _failed(self, error: DeviceError, poll: Attempt) -> float:
        """Count and publish a failure. Returns the seconds until the next attempt if the device is down or not open."""
        kind = cast("DeviceFault", error.kind)
        self._counters.polls[self._device.protocol] += 1
        self._counters.failures[self._device.protocol, kind] += 1
        was_down = self._circuit_breaker.is_down
        retry_s = self._circuit_breaker.failed()
        self.up = False
        # Receivers expect the next batch within this time. A device that is down must not expire for them between two attempts.
        interval_s = retry_s if self._circuit_breaker.is_down else poll.interval_s
        self._reporter.batch(Attempt(poll.poll_class, interval_s, poll.duration_s), Readings(), kind)
        if self._circuit_breaker.is_down and not was_down:
            log.warning(
                "device=%s down after %d failed polls in a row; trying again at most %g s apart kind=%s error=%s",
                self._device.id,
                DOWN_AFTER_FAILURES,
                max(MAX_RETRY_S, self._circuit_breaker.shortest_s),
                kind,
                error,
            )
            self._reporter.event("down", text=str(error))
        return retry_s

    def _update_identity(self, identified: Identified) -> None:
        """Take over what opening has found, and publish the device's document if anything in it has changed."""
        if identified == self._identified:
            return
        if self._identified is not None and identified.identity != self._identified.identity:
            self._known_states.forget()
        self._reporter.device_class = identified.device_class
        intervals = {
            each: self._intervals[each] for each in sorted(identified.poll_classes, key=self._intervals.__getitem__)
        }
        self._shortest = next(iter(intervals))
        self._circuit_breaker.shortest_s = intervals[self._shortest]
        who, device = identified.identity, self._device
        log.info("device=%s profile=%s model=%s serial=%s", device.id, identified.profile, who.model, who.serial)
        self._context.announce(
            DeviceDocument(
                agent=self._context.agent,
                device=device.id,
                device_class=identified.device_class,
                time=int(self._context.wall() * 1000),
                vendor=who.vendor,
                model=who.model,
                serial=who.serial,
                firmware=who.firmware,
                profile=identified.profile,
                evidence=identified.evidence,
                profile_content=identified.content,
                protocol=device.protocol,
                intervals=intervals,
                labels=self._labels,
                coolant=self._coolant(identified),
            )
        )
        # Last, so that a document whose publication raised is published at the next opening.
        self._identified = identified

    def _coolant(self, identified: Identified) -> dict[str, Coolant]:
        """The fluid of each loop, used to calculate heat, with the details that the configuration gives for display."""
        more = {str(loop): coolant.model_dump() for loop, coolant in self._device.coolant.items()}
        return {loop: Coolant(**{"fluid": fluid, **more.get(loop, {})}) for loop, fluid in identified.coolant.items()}


class _CutShort(DeviceTimeout):
    """The deadline of a poll or an opening ended it, and no timeout of a request."""


async def run_after(before: asyncio.Task[None] | None, loop: DeviceLoop, start_delay_s: float) -> None:
    """Poll a device, but only once the task that polled it under the previous configuration has ended, however long that takes."""
    try:
        while before is not None and await stop_tasks(before, within_s=REPORT_HUNG_S):
            pass
        await loop.run(start_delay_s)
    finally:
        await loop.close()
