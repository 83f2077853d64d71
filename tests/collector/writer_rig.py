"""A writer with a real store and a real ledger, which records what it did and what was on disk at each step."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from collector.counters import Counters
from collector.flow.prepared import PreparedMessage
from collector.flow.writer import Flush, Writer
from collector.ledger.account import EpochAccount, account_of
from collector.ledger.epochs import Entry, EpochKey
from collector.ledger.file import LedgerFile
from collector.ledger.tables import read_snapshot
from collector.receive.dead_letters import DeadLetters
from collector.receive.delivery import Delivery
from collector.receive.poll_counts import Polled, PolledDevice
from collector.store import Store
from collector.store.file import FileStore
from collector.store.persistence import Persistence
from tests.collector.store_contents import points

KEY = EpochKey("cas1", "gw-3", "01JD5Z")
WALL_MS = 1_795_468_800_000
SHORT_S = 0.01


def line(seq: int) -> str:
    return f"m f={seq}.0 {WALL_MS + seq}"


def delivery(mid: int) -> Delivery:
    return Delivery(
        topic="topic", payload=b"payload", size_bytes=7, qos=1, mid=mid, connection=1, mono_s=0.0, wall_s=WALL_MS / 1000
    )


def prepared(seq: int, lines: int = 1, dead: str = "") -> PreparedMessage:
    """The prepared message number `seq`; its points have distinct times."""
    note = Entry(KEY, seq, WALL_MS + seq, WALL_MS, dead)
    polled = Polled(
        who=PolledDevice("cas1", "gw-3", "cdu-07"),
        device_class="cdu",
        poll="safety",
        interval_s=1.0,
        time_s=float(seq),
        up=True,
    )
    return PreparedMessage([line(seq * 100 + at) for at in range(lines)], note, None, None if dead else polled)


@dataclass
class WriterRig:
    """A writer with a real store and ledger. It records each step, and at each acknowledgement what was on disk by then."""

    folder: Path
    counters: Counters
    ledger: LedgerFile
    writer: Writer
    persistence: Persistence
    acknowledged: list[int] = field(default_factory=list)
    """Packet ids of acknowledged messages, in this order."""
    on_disk: list[tuple[int, int]] = field(default_factory=list)
    """At each acknowledgement: messages that the ledger's file has as stored, and points in the store's file."""
    counted: list[float] = field(default_factory=list)
    """Times of the polls that were counted as durable."""
    spilled: list[int] = field(default_factory=list)
    """Packet ids of messages that were put on disk."""
    spilled_ms: list[int] = field(default_factory=list)
    """Their times of receipt."""

    def acknowledge(self, done: Delivery) -> None:
        self.acknowledged.append(done.mid)
        self.on_disk.append((self.sums().stored, len(points(self.folder))))

    def sums(self) -> EpochAccount:
        epochs = read_snapshot(self.ledger.path).epochs
        return account_of(*epochs[0]) if epochs else EpochAccount(KEY, 0, 0, 0, 0, 0, 0)


@asynccontextmanager
async def writer_rig(
    folder: Path,
    flush: Flush | None = None,
    store: Store | None = None,
    *,
    can_spill: bool | None = None,
    is_draining: bool | None = None,
) -> AsyncIterator[WriterRig]:
    """A writer that runs inside the block. Without `store`, points go to files in `folder`.

    `can_spill` is whether the outbox on disk accepts what the store refuses; None means that there is no outbox.
    """
    async with AsyncExitStack() as stack:
        counters, letters = Counters(), DeadLetters(folder / "dead.jsonl", 1 << 20)
        stack.callback(letters.close)
        ledger = LedgerFile(folder / "ledger.db", 400, time.time)
        stack.callback(ledger.close)
        if store is None:
            store = FileStore(folder / "points", lambda: WALL_MS / 1000, lambda _: None)
        stack.push_async_callback(store.close)
        persistence = Persistence(store, letters, counters)

        async def spill(deliveries: Sequence[Delivery]) -> bool:
            found.spilled += [each.mid for each in deliveries]
            found.spilled_ms += [each.wall_ms for each in deliveries]
            return bool(can_spill)

        writer = Writer(
            persistence,
            flush or Flush(1000, SHORT_S, 100),
            ledger,
            counters,
            acknowledge=lambda done: found.acknowledge(done),  # noqa: PLW0108 - not there yet
            spill=None if can_spill is None else spill,
            is_draining=lambda: is_draining if is_draining is not None else bool(found.spilled),
            count_polls=lambda polls: found.counted.extend(poll.time_s for poll in polls),
        )
        found = WriterRig(folder, counters, ledger, writer, persistence)
        running = asyncio.create_task(writer.run(), name="writing")
        try:
            yield found
        finally:
            writer.stop()
            async with asyncio.timeout(30):
                await running
