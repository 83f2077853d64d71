"""When a collector publishes what is durable, by connection and answer: without a broker, whose part is in test_stored_reports.py."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.counters import Counters
from collector.ledger import Entry, EpochKey, LedgerFile, Range, Retirement, Statement
from collector.stored_publisher import (
    AGENTS_PER_STEP,
    INTERVAL_BYTES,
    OTHER_BYTES,
    PART,
    PAUSE_S,
    StoredPublisher,
    select,
)
from rackflow import Stored, decode
from rackflow.documents import MAX_STORED_INTERVALS, Account, Numbers
from rackflow.process.bulkhead import Failures
from rackflow.process.stopping import stop_tasks
from tests.servers.waiting import eventually
from tests.thread_clock import turn_clock


@dataclass
class Line:
    """A connection that keeps what is sent, with the function that takes the broker's answer."""

    connection: int = 1
    largest_bytes: int = 1 << 20
    sent: list[tuple[str, bytes, Callable[[int], None]]] = field(default_factory=list)

    def publish_retained(self, topic: str, payload: bytes, confirmed: Callable[[int], None]) -> None:
        self.sent.append((topic, payload, confirmed))

    def answer(self, code: int = 0) -> None:
        for _, _, confirmed in self.sent:
            confirmed(code)

    def take(self) -> list[Stored | None]:
        """What was sent since the last call; None for a document that was taken back."""
        found = [decode(payload, Stored) if payload else None for _, payload, _ in self.sent]
        self.sent = []
        return found


@dataclass
class Rig:
    ledger: LedgerFile
    line: Line
    counters: Counters
    publisher: StoredPublisher

    async def stored(self, *seqs: int, agents: int = 1, epoch: str = "E") -> None:
        entries = [Entry(EpochKey("s", f"gw-{at}", epoch), seq, seq, seq) for at in range(agents) for seq in seqs]
        assert await self.ledger.record(entries)

    async def cycle(self, after_s: float = 0.0) -> list[Stored | None]:
        """What one cycle publishes; the broker has taken it then."""
        await self.publisher.publish_due(time.monotonic() + after_s)
        self.line.answer()
        return self.line.take()


@asynccontextmanager
async def rig(folder: Path, sites: frozenset[str] | None = None) -> AsyncIterator[Rig]:
    ledger, line, counters = LedgerFile(folder / "ledger.db", 400, lambda: 1e9), Line(), Counters()
    try:
        yield Rig(ledger, line, counters, StoredPublisher(ledger, "c-1", line, counters, sites=sites))
    finally:
        ledger.close()


def move_away(folder: Path) -> None:
    """The ledger's files have other names from now on. Who has them open goes on."""
    for file in folder.glob("ledger.db*"):
        file.rename(file.with_name(f"moved-{file.name}"))


def durable(found: list[Stored | None]) -> list[object]:
    return [each and each.durable for each in found]


async def test_a_document_is_published_on_change_and_on_each_connection(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        await one.stored(1, 2)
        assert durable(await one.cycle()) == [{"E": [(1, 2)]}]
        assert await one.cycle() == []
        await one.stored(2)  # it came again, which changes nothing that is durable
        assert await one.cycle() == []
        await one.stored(3)
        assert durable(await one.cycle()) == [{"E": [(1, 3)]}]
        one.line.connection = 0
        await one.stored(4)
        assert await one.cycle() == []
        one.line.connection = 2
        assert durable(await one.cycle()) == [{"E": [(1, 4)]}]
        # Although nothing has changed: the broker may be another one, or have lost what it retained.
        one.line.connection = 3
        assert durable(await one.cycle()) == [{"E": [(1, 4)]}]
        assert one.counters.stored_published == 4


async def test_a_document_says_of_whom_and_by_whom_it_is_and_when_in_milliseconds(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        await one.stored(1, agents=2)
        began_ms = time.time() * 1000
        first, second = await one.cycle()
    assert first is not None
    assert second is not None
    assert [each.agent for each in (first, second)] == ["gw-0", "gw-1"]
    assert {each.collector for each in (first, second)} == {"c-1"}
    assert first.ledger == second.ledger != ""
    assert all(began_ms - 1 <= each.time <= time.time() * 1000 for each in (first, second))


async def test_a_ledger_that_cannot_be_read_is_a_failing_part_and_nothing_is_published(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig(tmp_path) as one:
        await one.stored(1)
        failures = Failures()
        publisher = StoredPublisher(one.ledger, "c-1", one.line, one.counters, failures=failures)
        move_away(tmp_path)
        task = asyncio.create_task(publisher.run(), name="publisher")
        try:
            await eventually(lambda: failures.counts.total() > 0, "counted")
        finally:
            await stop_tasks(task, within_s=5.0)
    assert {part for part, _ in failures.counts} == {PART}
    assert one.line.sent == []
    assert "agents keep their messages" in caplog.text


async def test_all_agents_get_theirs_in_one_cycle_however_many(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        await one.stored(1, agents=AGENTS_PER_STEP + 1)
        assert len(await one.cycle()) == AGENTS_PER_STEP + 1


async def test_a_document_that_is_not_confirmed_is_not_sent_again_on_its_connection(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        await one.stored(1)
        await one.publisher.publish_due(time.monotonic())
        await one.stored(2)
        await one.publisher.publish_due(time.monotonic())
        assert durable(one.line.take()) == [{"E": [(1, 1)]}]


async def test_only_a_connection_that_ends_before_a_document_is_confirmed_makes_a_pause(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as one:
        await one.stored(1)
        await one.publisher.publish_due(time.monotonic())
        (_, _, confirmed), one.line.connection = one.line.sent[0], 2
        one.line.take()
        assert await one.cycle() == []
        confirmed(0x87)  # of the former connection: it says nothing about this one
        assert one.counters.stored_refused == 0
        assert len(await one.cycle(after_s=PAUSE_S[0] + 1)) == 1
        one.line.connection = 3
        assert len(await one.cycle(after_s=PAUSE_S[0] + 1)) == 1


async def test_only_epochs_that_the_agent_may_still_hold_are_reported(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        for epoch in ("01JA", "01JB", "01JC"):
            await one.stored(1, epoch=epoch)
        held = [Numbers(epoch="01JB", first=1, last=3), Numbers(epoch="01JC", first=1, last=1)]
        statement = Statement(EpochKey("s", "gw-0", "01JC"), Account(kind="disk", undelivered=held), 2)
        assert await one.ledger.record([statement])
        assert durable(await one.cycle()) == [{"01JB": [(1, 1)], "01JC": [(1, 1)]}]


async def test_agents_of_sites_that_this_collector_no_longer_reads_get_no_stored_reports(tmp_path: Path) -> None:
    """Another collector reads them by now, and its reports count."""
    async with rig(tmp_path, frozenset({"another"})) as one:
        await one.stored(1)
        assert await one.cycle() == []


async def test_connections_that_break_at_a_document_double_the_pause_until_one_is_taken(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        await one.stored(1)
        began_s = time.monotonic()

        async def sent_at(*moments_s: float) -> list[int]:
            """How many documents went out at each of these moments; before the first one the connection is another."""
            one.line.connection += 1
            sent = []
            for moment_s in moments_s:
                before = len(one.line.sent)
                await one.publisher.publish_due(began_s + moment_s)
                sent.append(len(one.line.sent) - before)
            return sent

        assert await sent_at(0.0) == [1]
        assert await sent_at(10.0, 10.9, 11.1) == [0, 0, 1]
        assert await sent_at(20.0, 21.9, 22.1) == [0, 0, 1]
        _, _, confirmed = one.line.sent[-1]
        confirmed(0)
        await one.stored(2)
        await one.publisher.publish_due(began_s + 30.0)
        assert len(one.line.sent) == 4
        assert await sent_at(40.0, 40.9, 41.1) == [0, 0, 1]


@pytest.mark.parametrize(("code", "is_refused"), [(0x10, False), (0x80, True)])
async def test_a_refused_document_is_counted_and_sent_again_after_growing_pauses(
    tmp_path: Path,
    code: int,
    is_refused: bool,  # noqa: FBT001 - a case
) -> None:
    async with rig(tmp_path) as one:
        await one.stored(1)
        await one.publisher.publish_due(time.monotonic())
        one.line.answer(code)
        one.line.take()
        assert one.counters.stored_refused == is_refused
        assert await one.cycle() == []
        assert len(await one.cycle(after_s=PAUSE_S[0] + 1)) == is_refused


async def test_pauses_double_up_to_five_minutes_and_the_log_says_it_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    turn_clock(monkeypatch, lambda: clock[0])
    async with rig(tmp_path) as one:
        await one.stored(1)
        await one.publisher.publish_due(clock[0])
        for at in range(12):
            one.line.answer(0x87)
            one.line.answer(0x87)  # a second refusal within a pause does not prolong it
            assert len(one.line.take()) == 1
            pause_s = min(PAUSE_S[0] * 2**at, PAUSE_S[1])
            await one.publisher.publish_due(clock[0] + pause_s - 0.01)
            assert one.line.sent == []
            clock[0] += pause_s
            await one.publisher.publish_due(clock[0])
    # At 0, 63, 127, 255, 511, 811 and 1111 s: others came within a minute of the one before.
    assert len([each for each in caplog.records if "refuses topic" in each.getMessage()]) == 7


async def test_a_retired_agents_document_is_taken_back_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        await one.stored(1)
        await one.cycle()
        assert await one.ledger.record([Retirement("s", "gw-0", 10)])
        assert await one.cycle() == [None]
        assert await one.ledger.record([Retirement("s", "gw-0", 10)])
        assert await one.cycle() == []


async def test_a_retired_agents_document_that_the_broker_keeps_is_taken_back_again_after_a_pause(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as one:
        await one.stored(1)
        await one.cycle()
        assert await one.ledger.record([Retirement("s", "gw-0", 10)])
        await one.publisher.publish_due(time.monotonic())
        one.line.answer(0x87)
        assert one.line.take() == [None]
        assert await one.cycle() == []
        assert await one.cycle(after_s=PAUSE_S[0] + 1) == [None]
        assert await one.cycle() == []


@pytest.mark.parametrize("largest_bytes", [OTHER_BYTES + 4 * INTERVAL_BYTES, 0])
async def test_what_does_not_fit_into_a_packet_is_reported_in_parts_until_all_was_reported(
    tmp_path: Path, largest_bytes: int
) -> None:
    """Of eleven intervals at most four fit, half of them the newest."""
    most = max(1, (largest_bytes - OTHER_BYTES) // INTERVAL_BYTES)
    async with rig(tmp_path) as one:
        one.line.largest_bytes = largest_bytes
        await one.stored(*range(1, 23, 2))
        reported = set[tuple[int, int]]()
        for _ in range(12):
            for found in await one.cycle():
                assert found is not None
                assert len(found.durable["E"]) <= most
                if most > 1:
                    assert (21, 21) in found.durable["E"]
                reported |= set(found.durable["E"])
        assert reported == {(seq, seq) for seq in range(1, 23, 2)}
        assert await one.cycle() == []


async def test_a_document_has_no_more_intervals_than_the_contract_allows(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        await one.stored(*range(1, 2 * MAX_STORED_INTERVALS + 3, 2))
        found = (await one.cycle())[0]
        assert found is not None
        assert len(found.durable["E"]) == MAX_STORED_INTERVALS


def test_of_more_intervals_than_fit_half_are_the_newest_and_the_rest_comes_in_turns() -> None:
    every = [("E", (seq, seq)) for seq in range(9, 0, -1)]
    assert select(every, 0, 9) == (every, 0)
    assert select(every, 0, 4) == ([*every[:2], *every[2:4]], 2)
    assert select(every, 2, 4) == ([*every[:2], *every[4:6]], 4)
    assert select(every, 6, 4) == ([*every[:2], every[8]], 7)
    assert select(every, 7, 4) == select(every, 99, 4) == select(every, 0, 4)


@given(st.integers(0, 60), st.integers(1, 20))
def test_turns_go_through_every_interval(count: int, most: int) -> None:
    intervals = [("e", (at, at)) for at in range(count)]
    seen, cursor = set[tuple[str, Range]](), 0
    for _ in range(count + 2):
        chosen, cursor = select(intervals, cursor, most)
        assert len(chosen) <= most
        seen |= set(chosen)
    assert seen == set(intervals)


def test_a_stored_report_is_small() -> None:
    report = Stored(
        agent="gw-3",
        collector="rackflow-collector",
        ledger="9f2c4e1ab07d6a55",
        time=1,
        durable={"0" * 26: [(1, 10**6)]},
    )
    assert len(msgspec.json.encode(report)) < 250
