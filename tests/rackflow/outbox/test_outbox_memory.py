"""The outbox in memory at its exact limits: what goes, what stays, and what its account says of both."""

import asyncio

import msgspec

from rackflow.documents import Numbers, Stored
from rackflow.outbox.lanes import MAX_LIVE
from rackflow.outbox.memory import MemoryOutbox
from tests.rackflow.outbox.test_outbox import fill, take
from tests.servers.waiting import PATIENCE_S


def undelivered(outbox: MemoryOutbox) -> list[tuple[int, int]]:
    return [(each.first, each.last) for each in outbox.stats().account.undelivered]


def test_what_just_fits_is_kept_and_one_more_costs_the_oldest() -> None:
    outbox = MemoryOutbox("E1", 50)
    fill(outbox, 5)
    assert (outbox.stats().messages, outbox.stats().size_bytes, outbox.stats().dropped) == (5, 50, {"full": 0})
    fill(outbox, 1)
    stats = outbox.stats()
    assert (stats.messages, stats.size_bytes, stats.dropped) == (5, 50, {"full": 1})
    assert stats.account.dropped == [Numbers(epoch="E1", first=1, last=1, reason="full")]
    assert (stats.limit_bytes, stats.durable, stats.account.kind) == (50, False, "memory")


def test_one_that_is_larger_than_the_limit_is_kept_as_long_as_it_is_alone() -> None:
    outbox = MemoryOutbox("E1", 50)
    fill(outbox, 1, size=60)
    assert (outbox.stats().messages, outbox.stats().dropped) == (1, {"full": 0})
    fill(outbox, 1)
    assert (outbox.stats().messages, outbox.stats().size_bytes, outbox.stats().dropped) == (1, 10, {"full": 1})


async def test_what_is_in_flight_is_not_evicted_and_backlog_goes_before_live() -> None:
    outbox = MemoryOutbox("E1", 60)
    fill(outbox, 4)
    outbox.rewind()
    assert await take(outbox, 1) == [1]
    fill(outbox, 2)
    fill(outbox, 1)  # 70 bytes
    assert outbox.stats().account.dropped == [Numbers(epoch="E1", first=2, last=2, reason="full")]
    fill(outbox, 3)
    assert outbox.stats().account.dropped == [Numbers(epoch="E1", first=2, last=5, reason="full")]
    assert await take(outbox, 5) == [6, 7, 8, 9, 10]
    outbox.done(1)
    assert (outbox.stats().messages, outbox.stats().size_bytes) == (5, 50)


async def test_the_account_tells_what_is_on_its_way_and_not_what_is_live() -> None:
    outbox = MemoryOutbox("E1", 1000)
    fill(outbox, 3)
    assert undelivered(outbox) == []
    await take(outbox, 2)
    assert undelivered(outbox) == [(1, 2)]
    outbox.rewind()
    assert undelivered(outbox) == [(1, 3)]
    fill(outbox, 2)
    assert undelivered(outbox) == [(1, 3)]
    assert await take(outbox, 3) == [4, 5, 1]
    assert undelivered(outbox) == [(1, 5)]
    outbox.done(4)
    assert undelivered(outbox) == [(1, 5)]
    outbox.done(1)
    outbox.done(5)
    assert undelivered(outbox) == [(2, 3)]
    assert await take(outbox, 2) == [2, 3]
    outbox.done(2)
    assert undelivered(outbox) == [(3, 3)]
    outbox.done(3)
    assert undelivered(outbox) == []


async def test_the_oldest_is_the_oldest_of_all_that_wait_or_are_in_flight() -> None:
    outbox = MemoryOutbox("E1", 1000)
    for now_ms in (30, 40, 50):
        outbox.put("t", lambda _: b"x", now_ms)
    assert outbox.stats().oldest_ms == 30
    assert (await outbox.take()).time_ms == 30
    assert outbox.stats().oldest_ms == 30
    outbox.done(1)
    assert outbox.stats().oldest_ms == 40
    outbox.rewind()
    outbox.put("t", lambda _: b"x", 60)
    assert outbox.stats().oldest_ms == 40
    assert outbox.stats().messages == 3


async def test_a_message_that_is_no_longer_live_is_marked_as_backlog_and_sent_after_it() -> None:
    outbox = MemoryOutbox("E1", 10_000_000)
    fill(outbox, MAX_LIVE)
    assert undelivered(outbox) == []
    fill(outbox, 2)
    assert undelivered(outbox) == [(1, 2)]
    assert (await take(outbox, MAX_LIVE + 2))[-2:] == [1, 2]


async def test_what_was_confirmed_stays_up_to_half_of_the_limit() -> None:
    outbox = MemoryOutbox("E1", 100, confirmed_s=3600)
    for key in range(1, 6):
        fill(outbox, 1)
        assert await take(outbox, 1) == [key]
        outbox.confirmed(key)
    assert (outbox.stats().messages, outbox.stats().size_bytes) == (0, 50)
    fill(outbox, 1)
    assert (outbox.stats().messages, outbox.stats().size_bytes) == (1, 10)


async def test_without_time_to_keep_it_what_was_confirmed_is_gone_at_once() -> None:
    outbox = MemoryOutbox("E1", 100)
    fill(outbox, 2)
    await take(outbox, 1)
    outbox.confirmed(1)
    outbox.confirmed(1)
    outbox.confirmed(99)
    assert (outbox.stats().messages, outbox.stats().size_bytes) == (1, 10)
    outbox.rewind()
    assert await take(outbox, 1) == [2]


async def test_a_report_about_numbers_never_given_deletes_nothing_later_and_repeats_nothing() -> None:
    """A collector with the ledger of another life, or a hostile one, says more than there is."""
    now_s = [1000.0]
    outbox = MemoryOutbox("E1", 1000, clock=lambda: now_s[0])

    def report(*stored: tuple[int, int]) -> None:
        outbox.stored(Stored(agent="g", collector="c", ledger="l", time=1, durable={"E1": list(stored)}))

    report()
    fill(outbox, 3)
    for key in await take(outbox, 3):
        outbox.confirmed(key)
    report((2, 99))
    report((50, 99))
    assert (outbox.stats().messages, undelivered(outbox)) == (1, [(1, 1)])
    fill(outbox, 2)
    for key in await take(outbox, 2):
        outbox.confirmed(key)
    now_s[0] += 3600
    report((50, 99))
    now_s[0] += 3600
    report((50, 99))
    assert (undelivered(outbox), outbox.stats().republished) == ([(1, 5)], 0)


async def test_a_report_on_another_run_frees_nothing_of_this_one() -> None:
    """Numbers begin at 1 in each run: those that are stored of the run before are not these."""
    outbox = MemoryOutbox("E2", 1000)
    outbox.stored(Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={}))
    fill(outbox, 3)
    for key in await take(outbox, 3):
        outbox.confirmed(key)
    outbox.stored(Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={"E1": [(1, 3)]}))
    assert (outbox.stats().messages, outbox.stats().awaiting) == (3, 3)
    outbox.stored(Stored(agent="gw-1", collector="c", ledger="l", time=2, durable={"E1": [(1, 3)], "E2": [(1, 2)]}))
    assert (outbox.stats().messages, outbox.stats().awaiting) == (1, 1)


async def test_what_was_in_flight_counts_against_the_limit_once_the_connection_is_lost() -> None:
    outbox = MemoryOutbox("E1", 50)
    fill(outbox, 5)
    await take(outbox, 5)
    fill(outbox, 3)
    assert (outbox.stats().size_bytes, outbox.stats().dropped) == (60, {"full": 2})
    outbox.rewind()
    assert (outbox.stats().size_bytes, outbox.stats().dropped) == (50, {"full": 3})
    assert await take(outbox, 5) == [2, 3, 4, 5, 8]


async def test_whoever_waits_for_a_message_gets_those_of_a_lost_connection() -> None:
    outbox = MemoryOutbox("E1", 1000)
    fill(outbox, 1)
    assert await take(outbox, 1) == [1]
    waiting = asyncio.create_task(outbox.take(), name="take")
    await asyncio.sleep(0)
    outbox.rewind()
    async with asyncio.timeout(PATIENCE_S):
        assert (await waiting).key == 1


async def test_whoever_waits_for_a_message_gets_the_one_that_did_not_reach_the_collector() -> None:
    now_s = [0.0]
    outbox = MemoryOutbox("E1", 1000, clock=lambda: now_s[0])
    report = Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={})
    outbox.stored(report)
    fill(outbox, 2)
    for key in await take(outbox, 2):
        outbox.confirmed(key)
    outbox.stored(report)
    waiting = asyncio.create_task(outbox.take(), name="take")
    fill(outbox, 1)
    outbox.confirmed((await waiting).key)
    waiting = asyncio.create_task(outbox.take(), name="take")
    for _ in range(3):
        await asyncio.sleep(0)
        now_s[0] += 20
        outbox.stored(msgspec.structs.replace(report, durable={"E1": [(2, 3)]}))
    async with asyncio.timeout(PATIENCE_S):
        assert (await waiting).key == 1
    assert outbox.stats().republished == 1


def report_of(*stored: tuple[int, int]) -> Stored:
    return Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={"E1": list(stored)})


async def confirm(outbox: MemoryOutbox, count: int) -> None:
    for key in await take(outbox, count):
        outbox.confirmed(key)


async def test_where_a_collector_is_named_nothing_goes_before_it_has_reported() -> None:
    now_s = [0.0]
    outbox = MemoryOutbox("E1", 100, backlog_per_s=500.0, confirmed_s=10.0, require=("c",), clock=lambda: now_s[0])
    assert outbox.stats().reports_required
    assert outbox.backlog_per_s == 20.0
    fill(outbox, 4)
    await confirm(outbox, 4)
    now_s[0] = 3600.0
    # More than half of the limit, which costs only what no collector is awaited for.
    fill(outbox, 3)
    await confirm(outbox, 3)
    assert (outbox.stats().messages, outbox.stats().awaiting, outbox.stats().size_bytes) == (7, 7, 70)
    outbox.stored(report_of((1, 6)))
    assert (outbox.stats().messages, outbox.stats().awaiting) == (1, 1)


async def test_once_a_collector_has_reported_time_deletes_nothing_until_it_is_withdrawn() -> None:
    now_s = [0.0]
    outbox = MemoryOutbox("E1", 1000, confirmed_s=8.0, clock=lambda: now_s[0])
    fill(outbox, 2)
    await confirm(outbox, 1)
    assert (outbox.stats().messages, outbox.stats().awaiting, outbox.stats().size_bytes) == (1, 0, 20)
    outbox.stored(report_of())
    now_s[0] = 100.0
    await confirm(outbox, 1)
    assert (outbox.stats().messages, outbox.stats().awaiting, outbox.stats().reports_required) == (2, 2, True)
    outbox.withdrawn("c")
    assert (outbox.stats().messages, outbox.stats().awaiting, outbox.stats().reports_required) == (0, 0, False)
    now_s[0] += 10.0
    fill(outbox, 1)
    await confirm(outbox, 1)
    assert outbox.stats().size_bytes == 10, "only the one that was confirmed just now"


async def test_of_two_collectors_the_one_that_is_left_is_waited_for() -> None:
    now_s = [0.0]
    outbox = MemoryOutbox("E1", 1000, backlog_per_s=500.0, confirmed_s=8.0, clock=lambda: now_s[0])
    for collector in ("c", "d"):
        outbox.stored(msgspec.structs.replace(report_of(), collector=collector))
    outbox.rewind()
    fill(outbox, 1)
    await confirm(outbox, 1)
    outbox.withdrawn("c")
    assert outbox.backlog_per_s == 20.0, "there are reports that show how fast messages are stored"
    now_s[0] = 100.0
    fill(outbox, 1)
    await confirm(outbox, 1)
    assert (outbox.stats().messages, outbox.stats().awaiting, outbox.stats().reports_required) == (2, 2, True)
    outbox.withdrawn("d")
    now_s[0] = 200.0
    fill(outbox, 1)
    await confirm(outbox, 1)
    assert outbox.stats().size_bytes == 10


async def test_each_message_that_did_not_reach_the_collector_is_counted_and_sent_again_in_its_order() -> None:
    now_s = [0.0]
    outbox = MemoryOutbox("E1", 1000, clock=lambda: now_s[0])
    outbox.stored(report_of())
    fill(outbox, 5)
    await confirm(outbox, 4)
    outbox.rewind()
    outbox.stored(report_of((3, 3)))
    fill(outbox, 1)
    assert await take(outbox, 1) == [6]
    outbox.confirmed(6)
    now_s[0] = 20.0
    outbox.stored(report_of((3, 3), (6, 6)))
    assert outbox.stats().republished == 3
    assert await take(outbox, 4) == [1, 2, 4, 5]


async def test_a_message_given_up_is_counted_with_its_reason_and_one_that_is_gone_is_not() -> None:
    outbox = MemoryOutbox("E1", 1000)
    fill(outbox, 3)
    for key in await take(outbox, 3):
        outbox.done(key, "" if key == 2 else "too_large")
    outbox.done(2, "too_large")
    outbox.done(99, "refused")
    stats = outbox.stats()
    assert stats.dropped == {"full": 0, "too_large": 2}
    assert [(each.first, each.last, each.reason) for each in stats.account.dropped] == [
        (1, 1, "too_large"),
        (3, 3, "too_large"),
    ]


async def test_the_rate_of_a_backlog_follows_reports_and_begins_low_on_each_connection() -> None:
    now_s = [0.0]
    outbox = MemoryOutbox("E1", 10_000, backlog_per_s=500.0, clock=lambda: now_s[0])
    outbox.rewind()
    assert outbox.backlog_per_s == 500.0, "no collector has ever reported"
    fill(outbox, 3)
    await confirm(outbox, 2)
    outbox.stored(report_of((1, 2)))
    outbox.rewind()
    assert outbox.backlog_per_s == 20.0
    now_s[0] = 10.0
    outbox.stored(report_of((1, 2)))
    assert outbox.backlog_per_s == 28.0
    # What is confirmed now is not stored 5 s later: there is a queue.
    await confirm(outbox, 1)
    now_s[0] = 15.0
    outbox.stored(report_of((1, 2)))
    assert outbox.backlog_per_s == 14.0
    outbox.withdrawn("c")
    assert outbox.backlog_per_s == 500.0


async def test_held_messages_go_first_are_counted_as_refused_and_can_be_sent_again() -> None:
    outbox = MemoryOutbox("E1", 50)
    fill(outbox, 5)
    for key in await take(outbox, 4):
        if key > 2:
            outbox.hold(key)
        else:
            outbox.done(key)
    assert (outbox.stats().held, outbox.stats().messages) == (2, 3)
    assert undelivered(outbox) == [(3, 4)]
    fill(outbox, 3)  # 60 bytes
    stats = outbox.stats()
    assert (stats.held, stats.size_bytes, stats.dropped) == (1, 50, {"full": 0, "refused": 1})
    assert stats.account.dropped == [Numbers(epoch="E1", first=3, last=3, reason="refused")]
    outbox.resume("t", "all")
    assert outbox.stats().held == 0
    assert await take(outbox, 5) == [5, 6, 7, 8, 4]
