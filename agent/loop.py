"""The life of one device: in goes its poller, out come batches and events in the outbox, and its document.

Whatever the device does ends here: `DeviceError` becomes a failed batch, anything else is a fault of ours and ends the agent.
"""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from agent.config import Device
from agent.poll import DevicePoller
from agent.readings import Identified, Readings
from agent.schedule import Breaker, DeviceSchedule, Due
from agent.selfmetrics import Tally
from rackflow.catalogue import PollClass
from rackflow.documents import Batch, Coolant, DeviceDocument, DeviceFault, Event, encode
from rackflow.errors import ContractError, DeviceDecodeError, DeviceError, DeviceTimeout
from rackflow.outbox import Outbox
from rackflow.topics import Topic, build_topic

log = logging.getLogger(__name__)
OPEN_DEADLINE_S = 30.0
CLOSE_S = 1.0
UNKNOWN_CLASS = "unknown"
EVENT_TEXT_CHARACTERS = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outlet:
    """Where the devices of one agent put what they say. `wall` is Unix seconds, `draw` gives [0, 1)."""

    site: str
    agent: str
    epoch: str
    outbox: Outbox
    tally: Tally
    announce: Callable[[DeviceDocument], None]
    wall: Callable[[], float] = time.time
    draw: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Poll:
    """What one attempt was: `interval_s` is the time until the next one, `duration_s` how long it took."""

    poll_class: PollClass
    interval_s: float
    duration_s: float


class Reporter:
    """Puts one device's batches and events into the outbox."""

    def __init__(self, outlet: Outlet, device: str, labels: dict[str, str], device_class: str = UNKNOWN_CLASS) -> None:
        self.device_class = device_class
        self._outlet = outlet
        self._device = device
        self._labels = labels
        self._batch_topic = build_topic(Topic(outlet.site, outlet.agent, "batch", device))
        self._event_topic = build_topic(Topic(outlet.site, outlet.agent, "event", device))

    def batch(self, poll: Poll, readings: Readings, error: DeviceFault | None = None) -> None:
        time_ms = int(self._outlet.wall() * 1000)

        def make(seq: int) -> bytes:
            batch = Batch(
                agent=self._outlet.agent,
                epoch=self._outlet.epoch,
                seq=seq,
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
            try:
                return encode(batch)
            except ContractError:
                return encode(_finite(batch))

        self._outlet.outbox.put(self._batch_topic, make, time_ms)

    def event(self, kind: Literal["up", "down", "state"], series: str = "", old: str = "", new: str = "", text: str = "") -> None:
        time_ms = int(self._outlet.wall() * 1000)

        def make(seq: int) -> bytes:
            return encode(
                Event(
                    agent=self._outlet.agent,
                    epoch=self._outlet.epoch,
                    seq=seq,
                    time=time_ms,
                    device=self._device,
                    device_class=self.device_class,
                    kind=kind,
                    labels=self._labels,
                    series=series,
                    old=old,
                    new=new,
                    text=text[:EVENT_TEXT_CHARACTERS],
                )
            )

        self._outlet.outbox.put(self._event_topic, make, time_ms)


def _finite(batch: Batch) -> Batch:
    """JSON has no word for infinity: one such value must not cost the batch, let alone the agent."""
    values = {key: value for key, value in batch.values.items() if math.isfinite(value)}
    rejected = dict.fromkeys(batch.values.keys() - values.keys(), "range")
    return msgspec.structs.replace(batch, values=values, bad=batch.bad | rejected)


class DeviceLoop:
    """Polls one device until cancelled, its classes one after the other."""

    def __init__(
        self, device: Device, labels: dict[str, str], intervals: Mapping[PollClass, float], poller: DevicePoller, outlet: Outlet
    ) -> None:
        self.up = False
        self._device = device
        self._labels = labels
        self._intervals = intervals
        self._poller = poller
        self._outlet = outlet
        self._tally = outlet.tally
        self._reporter = Reporter(outlet, device.id, labels)
        self._shortest = min(intervals, key=lambda poll_class: intervals[poll_class])
        self._breaker = Breaker(intervals[self._shortest], outlet.draw)
        self._identified: Identified | None = None
        self._states: dict[PollClass, dict[str, str]] = {}

    async def run(self, start_delay_s: float = 0.0) -> None:
        """Open and poll; a dead device is opened again, for it may have come back as another one."""
        try:
            await asyncio.sleep(start_delay_s)
            while True:
                identified = await self._open()
                retry_s = self._breaker.shortest_s if identified is None else await self._poll_until_dead(identified)
                await asyncio.sleep(retry_s)
        finally:
            # The poller is not used again: what goes wrong in letting go of it concerns nobody.
            with contextlib.suppress(DeviceError, TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self._poller.close()
