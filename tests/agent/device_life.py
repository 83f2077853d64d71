"""One device and its polling loop without a broker: the device answers by a script, and its messages are read from the outbox."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from agent.config import Device
from agent.context import AgentContext
from agent.loop import DeviceLoop
from agent.poll import OpeningPace
from agent.readings import Identified, Identity, Readings
from agent.self_metrics import Counters
from rackflow import Batch, DeviceDocument, Event, decode
from rackflow.catalogue import PollClass
from rackflow.outbox.memory import MemoryOutbox

CHARGE, LOAD = "dcim_ups_battery_charge_ratio", "dcim_ups_output_load_ratio"
SOURCE, BATTERY = "dcim_ups_output_source", "dcim_ups_battery_state"
LABELS = {"site": "t1", "rack": "r7"}
WALL_S = 1_800_000_000.1234
NORMAL = Readings(values={CHARGE: 0.5}, states={SOURCE: "normal"})
IDENTIFIED = Identified(
    "memory",
    "ups",
    Identity("Test", "Memory 1", "S1", "F1"),
    frozenset({"safety"}),
    evidence="published map",
    content="c1",
)


@dataclass
class ScriptedDevice:
    """A device that answers each opening and each poll with the next line of its script; the last line repeats."""

    polls: list[Readings | BaseException]
    opens: list[Identified | BaseException] = field(default_factory=lambda: [IDENTIFIED])
    closing: BaseException | None = None
    closed: int = 0
    asked: list[str] = field(default_factory=list)

    async def open(self) -> Identified:
        self.asked.append("open")
        found = self.opens.pop(0) if len(self.opens) > 1 else self.opens[0]
        if isinstance(found, BaseException):
            raise found
        return found

    async def poll(self, poll_class: PollClass, now: float) -> Readings:
        assert now == WALL_S
        self.asked.append(poll_class)
        found = self.polls.pop(0) if len(self.polls) > 1 else self.polls[0]
        if isinstance(found, BaseException):
            raise found
        return found

    async def close(self) -> None:
        self.closed += 1
        if self.closing:
            raise self.closing


@dataclass
class Life:
    """Messages of one device so far."""

    loop: DeviceLoop
    outbox: MemoryOutbox
    counters: Counters
    said: list[Batch | Event] = field(default_factory=list)
    documents: list[DeviceDocument] = field(default_factory=list)

    async def hear(self, batches: int) -> None:
        """Wait until this many batches have come in total."""
        async with asyncio.timeout(30):
            while len(self.batches()) < batches:
                message = await self.outbox.take()
                kind = message.topic.split("/")[4]
                assert message.topic in {f"rackflow/v1/t1/gw-1/{each}/ups-1" for each in ("batch", "event")}
                payload = message.payload
                self.said.append(decode(payload, Batch) if kind == "batch" else decode(payload, Event))

    def batches(self) -> list[Batch]:
        return [each for each in self.said if isinstance(each, Batch)]

    def events(self) -> list[tuple[str, str, str, str]]:
        return [(each.kind, each.series, each.old, each.new) for each in self.said if isinstance(each, Event)]

    def course(self) -> list[str]:
        """Batches by outcome and events by kind, in their order."""
        return [each.kind if isinstance(each, Event) else each.error or "up" for each in self.said]


@contextlib.asynccontextmanager
async def living(
    script: ScriptedDevice,
    intervals: dict[PollClass, float] | None = None,
    draw: float = 0.5,
    announce: Callable[[DeviceDocument], None] | None = None,
    pace: OpeningPace | None = None,
    late: Callable[[float], None] = lambda _: None,
    clock: Callable[[], float] = lambda: 0.0,
    **changes: object,
) -> AsyncIterator[Life]:
    """A device that is polled until the block ends.

    Its polls take no time by `clock`: on a busy machine a poll of 20 ms may take 60 ms, and batches would then state another interval.
    """
    counters, outbox = Counters(), MemoryOutbox("E", 1 << 20)
    documents: list[DeviceDocument] = []
    context = AgentContext(
        site="t1",
        agent="gw-1",
        epoch="E",
        outbox=outbox,
        counters=counters,
        announce=announce or documents.append,
        wall=lambda: WALL_S,
        clock=clock,
        draw=lambda: draw,
        pace=pace or OpeningPace(),
        note_late=late,
    )
    device = Device.model_validate({"id": "ups-1", "host": "h", "credential": "c", **changes})
    loop = DeviceLoop(
        device=device, labels=LABELS, intervals=intervals or {"safety": 0.02}, poller=script, context=context
    )
    life = Life(loop, outbox, counters, documents=documents)
    task = asyncio.ensure_future(loop.run())
    try:
        yield life
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
