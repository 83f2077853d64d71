"""The writer between messages and the store: nothing is acknowledged before points and number are on disk, and each once."""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from collector.flow.prepared import PreparedMessage
from collector.flow.writer import LEAST_WINDOW, BrokerWindow, Flush
from collector.ledger.account import account_of
from collector.ledger.epochs import Entry, Statement
from collector.ledger.tables import read_snapshot
from collector.store.influx import InfluxStore
from rackflow import StoreError
from rackflow.documents import Account, Numbers
from tests.collector.running import ledger_locked, until
from tests.collector.store_contents import points
from tests.collector.writer_rig import KEY, SHORT_S, WALL_MS, delivery, line, prepared, writer_rig
from tests.servers.influxdb import InfluxDB
from tests.servers.ports import free_port
from tests.servers.web import request


async def test_stored_points_are_not_acknowledged_while_the_ledgers_commit_is_held_up(
    tmp_path: Path,
) -> None:
    async with writer_rig(tmp_path) as one:
        with ledger_locked(one.ledger.path):
            for seq in (1, 2, 3):
                await one.writer.put(delivery(seq), prepared(seq))
            await until(lambda: one.ledger.fault is not None, "the ledger could not be written")
            assert len(points(tmp_path)) == 3
            assert (one.acknowledged, one.counted) == ([], [])
            assert one.ledger.failures["write"] > 0
        await until(lambda: len(one.acknowledged) == 3, "acknowledged")
    assert one.acknowledged == [1, 2, 3]
    assert one.on_disk == [(3, 3)] * 3
    assert one.counted == [1.0, 2.0, 3.0]


async def test_a_message_that_comes_again_is_acknowledged_and_stored_and_counted_once(tmp_path: Path) -> None:
    """In the same write, in a later one, and after a restart."""
    async with writer_rig(tmp_path) as one:
        for mid, seq in enumerate((1, 1, 2), 1):
            await one.writer.put(delivery(mid), prepared(seq))
        await until(lambda: len(one.acknowledged) == 3, "the first three")
        await one.writer.put(delivery(4), prepared(2))
        await until(lambda: len(one.acknowledged) == 4, "the fourth")
        assert one.counted == [1.0, 2.0]
    async with writer_rig(tmp_path) as again:
        await again.writer.put(delivery(1), prepared(1))
        await until(lambda: len(again.acknowledged) == 1, "acknowledged")
        assert again.counted == []
        assert (again.sums().stored, again.sums().duplicates) == (2, 3)
    assert points(tmp_path) == [f"{line(seq * 100)}000000" for seq in (1, 2)]


async def test_what_is_dead_is_acknowledged_and_not_called_stored(tmp_path: Path) -> None:
    async with writer_rig(tmp_path) as one:
        await one.writer.put(delivery(1), PreparedMessage(ledger_item=Entry(KEY, 1, WALL_MS, WALL_MS, "schema")))
        await one.writer.put(delivery(2), prepared(2))
        await one.writer.put(delivery(3), PreparedMessage())
        await until(lambda: len(one.acknowledged) == 3, "acknowledged")
        assert (one.sums().stored, dict(one.sums().dropped)) == (1, {"dead_letter_schema": 1})
        assert one.counted == [2.0]


async def test_a_message_whose_number_a_dead_letter_of_the_same_write_had_is_stored(tmp_path: Path) -> None:
    async with writer_rig(tmp_path) as one:
        one.writer._add(delivery(1), PreparedMessage(ledger_item=Entry(KEY, 1, WALL_MS, WALL_MS, "schema")))  # noqa: SLF001 - at once
        one.writer._add(delivery(2), prepared(1))  # noqa: SLF001 - at once
        await until(lambda: len(one.acknowledged) == 2, "acknowledged")
        assert (one.sums().stored, dict(one.sums().dropped)) == (1, {})
    assert len(points(tmp_path)) == 1


async def test_what_an_agent_says_is_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    account = Account(kind="disk", dropped=[Numbers(epoch=KEY.epoch, first=2, last=9, reason="full")])
    async with writer_rig(tmp_path) as one:
        await one.writer.put(delivery(1), prepared(1))
        await one.writer.put(delivery(2), PreparedMessage(ledger_item=Statement(KEY, account, WALL_MS)))
        await until(lambda: len(one.acknowledged) == 2, "acknowledged")
        assert dict(one.sums().dropped) == {"full": 8}


@pytest.mark.parametrize(("lines", "writes"), [(2, [2, 4, 6]), (3, [3, 6]), (6, [6]), (1, [1, 2, 3, 4, 5, 6])])
async def test_a_write_has_as_many_points_as_it_may(tmp_path: Path, lines: int, writes: list[int]) -> None:
    """Six messages of a point each; what is acknowledged together was written together."""
    async with writer_rig(tmp_path, Flush(lines, 3600, 100)) as one:
        for seq in range(1, 7):
            one.writer._add(delivery(seq), prepared(seq))  # noqa: SLF001 - all at once
        await until(lambda: len(one.acknowledged) == 6, "acknowledged")
    assert sorted({stored for stored, _ in one.on_disk}) == writes


async def test_after_a_full_write_the_next_ones_wait_for_each_other_again(tmp_path: Path) -> None:
    async with writer_rig(tmp_path, Flush(2, 3600, 100)) as one:
        for seq in (1, 2):
            one.writer._add(delivery(seq), prepared(seq))  # noqa: SLF001 - at once
        await until(lambda: len(one.acknowledged) == 2, "the first write")
        await one.writer.put(delivery(3), prepared(3))
        for _ in range(10):
            await asyncio.sleep(0)
        await one.writer.put(delivery(4), prepared(4))
        await until(lambda: len(one.acknowledged) == 4, "the second write")
        assert one.writer.durable == 4
    assert one.on_disk == [(2, 2)] * 2 + [(4, 4)] * 2


async def test_a_message_larger_than_a_write_is_written_by_itself(tmp_path: Path) -> None:
    async with writer_rig(tmp_path, Flush(3, 3600, 100)) as one:
        await one.writer.put(delivery(1), prepared(1, lines=5))
        await until(lambda: one.acknowledged == [1], "acknowledged")
    assert len(points(tmp_path)) == 5


async def test_less_than_a_write_waits_for_its_time_and_not_for_more(tmp_path: Path) -> None:
    async with writer_rig(tmp_path, Flush(1000, 0.3, 100)) as one:
        began = time.monotonic()
        await one.writer.put(delivery(1), prepared(1))
        await until(lambda: one.acknowledged == [1], "acknowledged")
        assert time.monotonic() - began >= 0.3 * 0.9


async def test_what_waits_is_counted_and_putting_waits_where_it_is_too_much(tmp_path: Path) -> None:
    async with writer_rig(tmp_path, Flush(1000, SHORT_S, 2)) as one:
        with ledger_locked(one.ledger.path):
            for seq in (1, 2):
                await one.writer.put(delivery(seq), prepared(seq, lines=3))
            assert one.counters.points_waiting == 6
            third = asyncio.create_task(one.writer.put(delivery(3), prepared(3)), name="putting")
            await until(lambda: len(points(tmp_path)) == 6, "the first two are in the store")
            assert not third.done()
        await until(lambda: len(one.acknowledged) == 3, "all three")
        assert third.done()
        assert one.counters.points_waiting == 0
        assert one.counters.points_stored == 7


async def test_derived_points_are_stored_in_pieces_and_acknowledge_nothing(tmp_path: Path) -> None:
    async with writer_rig(tmp_path, Flush(2, SHORT_S, 100)) as one:
        one.writer.offer(lambda: [line(seq) for seq in range(5)])
        await until(lambda: one.counters.points_stored == 5, "stored")
        await until(lambda: one.counters.points_waiting == 0, "nothing waits")
        assert (one.acknowledged, one.counters.write_failures["derived"], one.writer.durable) == ([], 0, 3)
    assert points(tmp_path) == [f"{line(seq)}000000" for seq in range(5)]


async def test_of_many_that_wait_to_put_a_message_no_more_go_on_than_there_is_room(tmp_path: Path) -> None:
    async with writer_rig(tmp_path, Flush(1000, SHORT_S, 2)) as one:
        putting = [asyncio.create_task(one.writer.put(delivery(seq), prepared(seq))) for seq in range(1, 8)]
        pending = [one.writer.pending]
        while len(one.acknowledged) < 7:
            await asyncio.sleep(0)
            pending.append(one.writer.pending)
        assert max(pending) == 2
        assert all(each.done() for each in putting)


async def test_derived_points_are_not_taken_while_half_of_what_may_wait_waits_or_the_store_fails(
    tmp_path: Path,
) -> None:
    async with writer_rig(tmp_path, Flush(1000, SHORT_S, 4)) as one:
        with ledger_locked(one.ledger.path):
            await one.writer.put(delivery(1), prepared(1))
            one.writer.offer(lambda: [line(1)])
            assert one.counters.write_failures["derived"] == 0
            one.writer.offer(lambda: [line(2)])  # two wait
            assert one.counters.write_failures["derived"] == 1
        await until(lambda: one.counters.points_waiting == 0, "nothing waits")
        one.persistence.fault = "away"
        one.writer.offer(lambda: [line(3)])
        assert one.counters.write_failures["derived"] == 2
    assert points(tmp_path) == [f"{each}000000" for each in (line(100), line(1))]


async def test_what_is_stopped_writes_what_is_there_and_acknowledges_it(tmp_path: Path) -> None:
    async with writer_rig(tmp_path, Flush(1000, 3600, 100)) as one:
        for seq in (1, 2):
            await one.writer.put(delivery(seq), prepared(seq))
    assert one.acknowledged == [1, 2]
    assert one.on_disk == [(2, 2)] * 2


async def test_what_is_stopped_waits_for_no_more_messages_though_the_last_write_is_not_full(tmp_path: Path) -> None:
    async with writer_rig(tmp_path, Flush(2, 3600, 100)) as one:
        for seq in (1, 2, 3):
            one.writer._add(delivery(seq), prepared(seq))  # noqa: SLF001 - at once
        one.writer.stop()
        await until(lambda: one.acknowledged == [1, 2, 3], "all are written", 20)


async def test_what_is_stopped_while_the_ledger_is_held_up_acknowledges_nothing(tmp_path: Path) -> None:
    async with writer_rig(tmp_path) as one:
        lock = sqlite3.connect(one.ledger.path, isolation_level=None)
        with closing(lock):
            lock.execute("BEGIN IMMEDIATE")
            await one.writer.put(delivery(1), prepared(1))
            await until(lambda: len(points(tmp_path)) == 1, "in the store")
            one.writer.stop()
            await until(lambda: one.ledger.failures["write"] > 0, "not written")
    assert one.acknowledged == []
    assert one.counted == []


async def test_while_the_store_is_away_messages_on_disk_are_acknowledged_and_reported_as_waiting(
    tmp_path: Path,
) -> None:
    """Messages without points need no disk of their own."""
    away = InfluxStore(f"http://127.0.0.1:{free_port()}", "", "dcim", "", 1.0)
    async with writer_rig(tmp_path, store=away, can_spill=True) as one:
        await one.writer.put(delivery(1), prepared(1))
        await one.writer.put(delivery(2), PreparedMessage(ledger_item=Entry(KEY, 2, WALL_MS, WALL_MS, "schema")))
        one.writer.offer(lambda: [line(9)])
        await until(lambda: len(one.acknowledged) == 2, "acknowledged")
        assert one.spilled == [1]
        assert (one.sums().stored, one.sums().in_flight) == (0, 1)
        assert dict(one.sums().dropped) == {"dead_letter_schema": 1}
        # It comes again: kept once more, and counted once. A store that is known to fail is not waited for again.
        tried = one.counters.write_failures["retryable"]
        await one.writer.put(delivery(3), prepared(1))
        await until(lambda: len(one.acknowledged) == 3, "acknowledged")
        assert one.counters.write_failures["retryable"] == tried
        assert one.spilled == [1, 3]
        assert one.counted == [1.0]
        assert one.counters.points_stored == 0


class Outage:
    """A store that is away until a test says otherwise."""

    def __init__(self) -> None:
        self.is_away = True
        self.tried = 0
        self.lines: list[str] = []

    async def write(self, lines: Sequence[str]) -> None:
        self.tried += 1
        if self.is_away:
            raise StoreError("away", retryable=True, retry_after_s=60.0)
        self.lines += lines

    async def close(self) -> None:
        """Nothing to close."""


async def test_a_watcher_finds_out_by_itself_that_its_store_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps nothing on disk, so nothing is drained from there. What it gave up meanwhile is counted."""
    monkeypatch.setattr("collector.flow.writer.PROBE_S", 3600.0)
    store = Outage()
    async with writer_rig(tmp_path, store=store, can_spill=True, is_draining=False) as one:
        one.writer.offer(lambda: [line(1)])
        await until(lambda: one.counters.points_waiting == 0, "given up")
        assert one.persistence.fault is not None
        assert one.counters.write_failures["derived"] == 1
        one.writer.offer(lambda: [line(2)])
        assert (one.counters.write_failures["derived"], store.tried) == (2, 1)
        monkeypatch.setattr(one.writer, "_probe_at_s", 0.0)
        store.is_away = False
        one.writer.offer(lambda: [line(3)])
        await until(lambda: store.lines == [line(3)], "stored again")
        assert one.counters.write_failures["derived"] == 2


async def test_a_store_that_works_again_is_found_by_figures_alone_while_no_message_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All agents are silent, so nothing is on disk that could be drained. Once there is something, the drain tries the store."""
    monkeypatch.setattr("collector.flow.writer.PROBE_S", 0.0)
    store = Outage()
    async with writer_rig(tmp_path, store=store, can_spill=True) as one:
        one.writer.offer(lambda: [line(1)])
        await until(lambda: one.counters.points_waiting == 0, "given up")
        assert one.persistence.fault is not None
        store.is_away = False
        one.writer.offer(lambda: [line(2)])
        await until(lambda: store.lines == [line(2)], "stored again")
        assert one.persistence.fault is None
        store.is_away, tried = True, store.tried
        await one.writer.put(delivery(1), prepared(1))
        await until(lambda: one.acknowledged == [1], "on disk")
        one.writer.offer(lambda: [line(3)])
        assert (store.tried, one.counters.write_failures["derived"]) == (tried + 1, 2)


@pytest.mark.parametrize("can_spill", [None, False])
async def test_a_message_whose_time_cannot_be_is_stored_at_once_where_no_disk_takes_it(
    tmp_path: Path,
    can_spill: bool | None,  # noqa: FBT001 - the disk
) -> None:
    async with writer_rig(tmp_path, can_spill=can_spill) as one:
        await one.writer.put(delivery(1), replace(prepared(1), substitute_ms=WALL_MS + 7))
        await one.writer.put(delivery(2), prepared(2))
        await until(lambda: len(one.acknowledged) == 2, "acknowledged")
        assert one.spilled == ([] if can_spill is None else [1])
        assert (one.sums().stored, one.sums().in_flight, len(points(tmp_path))) == (2, 0, 2)


async def test_a_message_with_a_substitute_time_is_put_on_disk_before_it_is_stored(
    tmp_path: Path,
) -> None:
    async with writer_rig(tmp_path, can_spill=True) as one:
        await one.writer.put(delivery(1), replace(prepared(1), substitute_ms=WALL_MS + 7))
        await one.writer.put(delivery(2), prepared(2))
        await until(lambda: len(one.acknowledged) == 2, "acknowledged")
        assert (one.spilled, one.spilled_ms) == ([1], [WALL_MS + 7])
        assert (one.sums().stored, one.sums().in_flight) == (1, 1)
        assert points(tmp_path) == [f"{line(200)}000000"]
        assert one.counted == [1.0, 2.0]


async def test_a_message_kept_on_disk_hides_none_of_another_agent_that_has_the_same_number(tmp_path: Path) -> None:
    other = KEY._replace(agent="gw-4")
    async with writer_rig(tmp_path, can_spill=True) as one:
        one.writer._add(delivery(1), replace(prepared(1), substitute_ms=WALL_MS + 7))  # noqa: SLF001 - at once
        one.writer._add(delivery(2), replace(prepared(2), ledger_item=Entry(other, 1, WALL_MS, WALL_MS)))  # noqa: SLF001 - at once
        await until(lambda: len(one.acknowledged) == 2, "acknowledged")
        accounts = {record.key: account_of(record, chunks) for record, chunks in read_snapshot(one.ledger.path).epochs}
    assert (accounts[KEY].stored, accounts[KEY].in_flight) == (0, 1)
    assert (accounts[other].stored, accounts[other].in_flight) == (1, 0)


async def test_where_neither_store_nor_disk_takes_it_nothing_is_acknowledged(tmp_path: Path) -> None:
    away = InfluxStore(f"http://127.0.0.1:{free_port()}", "", "dcim", "", 1.0)
    async with writer_rig(tmp_path, store=away, can_spill=False) as one:
        await one.writer.put(delivery(1), prepared(1))
        await until(lambda: len(one.spilled) >= 1, "the disk was asked")
        assert one.acknowledged == []
        one.writer.stop()
        await until(lambda: one.persistence.fault is not None, "the store is away")
    assert (one.acknowledged, one.sums().produced) == ([], 0)


async def test_a_store_that_works_again_is_found_although_the_disk_still_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is on disk then, so nothing is drained, which would find out."""
    monkeypatch.setattr("collector.flow.writer.SPILL_AFTER_S", 0.05)
    store = Outage()
    async with writer_rig(tmp_path, store=store, can_spill=False) as one:
        await one.writer.put(delivery(1), prepared(1))
        await until(lambda: bool(one.spilled), "the disk was asked")
        assert (one.acknowledged, one.persistence.fault) == ([], "away")
        store.is_away = False
        await until(lambda: one.acknowledged == [1], "stored", 20.0)
        assert store.lines == [line(100)]
        assert one.sums().stored == 1


async def test_a_broker_that_sends_ten_messages_at_a_time_need_not_wait_for_each_flush(
    tmp_path: Path,
) -> None:
    """The first of 10 writes waits until time is up, and learns it. A process that stood still may have to learn it again."""
    window, messages = 10, 100
    async with writer_rig(tmp_path, Flush(5000, 0.5, 10_000)) as one:
        for seq in range(1, messages + 1):
            await one.writer.put(delivery(seq), prepared(seq))
            await until(lambda: one.writer.pending < window, "acknowledged")
        await until(lambda: len(one.acknowledged) == messages, "acknowledged")
        assert one.writer.timed_out <= 5


async def test_once_a_brokers_limit_is_known_fewer_messages_are_still_waited_for(tmp_path: Path) -> None:
    """Those that were acknowledged no longer count: otherwise each message after them would be a write of its own."""
    async with writer_rig(tmp_path, Flush(5000, 0.3, 10_000)) as one:
        for seq in range(1, 11):
            await one.writer.put(delivery(seq), prepared(seq))
        await until(lambda: len(one.acknowledged) == 10, "the first ten, when time is up")
        await one.writer.put(delivery(11), prepared(11))
        await until(lambda: len(one.acknowledged) == 11, "the next one")
        assert one.writer.timed_out == 2


async def test_a_poll_of_which_the_store_refuses_every_point_is_not_counted(influxdb: InfluxDB, tmp_path: Path) -> None:
    """The engine holds text where the first message has a number; the second one has a measurement of its own."""
    # At the time of the messages: the engine compares the kinds of values within a week only.
    written = {"db": influxdb.database, "precision": "ms"}
    text = f'm f="text" {WALL_MS}'.encode()
    assert request(f"http://127.0.0.1:{influxdb.engine.port}/write", written, body=text).status == 204
    store = InfluxStore(influxdb.url, "any", influxdb.database, "secret", 5.0)
    async with writer_rig(tmp_path, store=store) as one:
        await one.writer.put(delivery(1), prepared(1))
        await one.writer.put(delivery(2), replace(prepared(2), lines=[f"n f=1.0 {WALL_MS}"]))
        await until(lambda: len(one.acknowledged) == 2, "acknowledged")
        assert one.counted == [2.0]
        assert (one.sums().stored, dict(one.sums().dropped)) == (1, {"dead_letter_store": 1})


def test_a_brokers_limit_is_believed_after_half_a_wait_without_messages_until_more_come() -> None:
    window = BrokerWindow()
    window.waited(20, began_s=10.0, newest_s=10.01, now_s=10.2)
    assert window.messages == 20
    window.written(20)
    assert window.messages == 20
    window.written(21)
    assert window.messages == 0
    window.waited(20, began_s=10.0, newest_s=10.15, now_s=10.2)  # they still came
    assert window.messages == 0
    window.waited(LEAST_WINDOW - 1, began_s=10.0, newest_s=10.01, now_s=10.2)
    assert window.messages == 0


async def test_what_waits_for_more_messages_is_written_at_once_when_the_collector_stops(tmp_path: Path) -> None:
    """It may wait for minutes, and a service manager kills who takes that long."""
    async with writer_rig(tmp_path, Flush(1000, 600.0, 100)) as one:
        await one.writer.put(delivery(1), prepared(1))
        await asyncio.sleep(0)  # the writer begins to wait
    assert one.acknowledged == [1]
    assert one.writer.timed_out == 0


async def test_a_substitute_time_stays_the_same_until_a_disk_takes_the_message(tmp_path: Path) -> None:
    """Both disk and store refuse it. With its time of receipt on disk, it could be stored under two times."""
    away = InfluxStore(f"http://127.0.0.1:{free_port()}", "", "dcim", "", 1.0)
    async with writer_rig(tmp_path, store=away, can_spill=False) as one:
        await one.writer.put(delivery(1), replace(prepared(1), substitute_ms=WALL_MS + 7))
        await until(lambda: len(one.spilled) >= 2, "the disk was asked twice")
        assert set(one.spilled_ms) == {WALL_MS + 7}


async def test_a_stored_message_that_comes_again_is_not_put_on_disk_and_counts_as_a_duplicate(tmp_path: Path) -> None:
    """With a substitute time, and while the store is away."""
    async with writer_rig(tmp_path, can_spill=True) as one:
        assert await one.ledger.record([item for seq in (1, 2) if isinstance(item := prepared(seq).ledger_item, Entry)])
        await one.writer.put(delivery(1), replace(prepared(1), substitute_ms=WALL_MS + 7))
        await until(lambda: one.acknowledged == [1], "acknowledged")
    away = InfluxStore(f"http://127.0.0.1:{free_port()}", "", "dcim", "", 1.0)
    async with writer_rig(tmp_path, store=away, can_spill=True) as two:
        two.writer._add(delivery(2), prepared(2))  # noqa: SLF001 - at once
        two.writer._add(delivery(3), prepared(3))  # noqa: SLF001 - at once
        await until(lambda: len(two.acknowledged) == 2, "acknowledged")
        assert (one.spilled, two.spilled) == ([], [3])
        sums = two.sums()
    assert (sums.stored, sums.in_flight, sums.duplicates) == (2, 1, 2)
