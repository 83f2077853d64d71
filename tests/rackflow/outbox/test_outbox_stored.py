"""The broker's confirmation keeps a message, a collector's word deletes it, and what was lost in between comes again."""

from pathlib import Path

import pytest

from rackflow.documents import Numbers, Stored
from rackflow.outbox.awaiting import GRACE_S, JITTER
from rackflow.outbox.disk import DELETE_KEYS, DiskOutbox
from rackflow.outbox.state import Limits
from tests.rackflow.outbox.test_outbox import AnyOutbox, Make, fill, in_memory, on_disk, take

LONG_S = GRACE_S * (1 + JITTER) + 1


class Clock:
    """Monotonic seconds, as the test wants them."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(params=["memory", "disk"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A new outbox of either kind."""
    return in_memory if request.param == "memory" else lambda **more: on_disk(tmp_path / "outbox.db", **more)


def report(*intervals: tuple[int, int], epoch: str = "E1", collector: str = "c", ledger: str = "l") -> Stored:
    return Stored(agent="g", collector=collector, ledger=ledger, time=1, durable={epoch: list(intervals)})


async def send(outbox: AnyOutbox, count: int) -> list[int]:
    """Take messages, and have the broker confirm them."""
    keys = await take(outbox, count)
    for key in keys:
        outbox.confirmed(key)
    return keys


async def on_file(outbox: AnyOutbox, last: int) -> None:
    """Wait until everything up to this message is on disk, if there is one."""
    if isinstance(outbox, DiskOutbox):
        assert await outbox.saved(last)


async def test_the_brokers_confirmation_frees_nothing_once_a_collector_has_reported(make: Make) -> None:
    async with make() as outbox:
        outbox.stored(report())
        fill(outbox, 3)
        assert await send(outbox, 3) == [1, 2, 3]
        stats = outbox.stats()
        assert (stats.messages, stats.awaiting, stats.reports_required) == (3, 3, True)
        assert stats.account.undelivered == [Numbers(epoch="E1", first=1, last=3)]
        outbox.stored(report((1, 1), (3, 3)))
        assert (outbox.stats().messages, outbox.stats().awaiting) == (1, 1)
        assert outbox.stats().account.undelivered == [Numbers(epoch="E1", first=2, last=2)]
        outbox.stored(report((1, 3)))
        assert (outbox.stats().messages, outbox.stats().oldest_ms) == (0, 0)
        assert outbox.stats().account.undelivered == []


async def test_messages_missing_before_later_stored_ones_are_sent_again_after_live_messages(make: Make) -> None:
    clock = Clock()
    async with make(clock=clock) as outbox:
        outbox.stored(report())
        fill(outbox, 5)
        await send(outbox, 5)
        outbox.stored(report((1, 1), (4, 5)))
        fill(outbox, 1)
        await send(outbox, 1)
        clock.now_s += LONG_S
        outbox.stored(report((1, 1), (4, 6)))
        assert (outbox.stats().republished, outbox.stats().awaiting) == (2, 0)
        fill(outbox, 2)
        await on_file(outbox, 8)
        assert await take(outbox, 4) == [7, 8, 2, 3]
        for key in (2, 3, 7, 8):
            outbox.confirmed(key)
        outbox.stored(report((1, 8)))
        assert outbox.stats().messages == 0


async def test_a_lost_message_is_sent_again_although_nothing_else_is_written_or_deleted(make: Make) -> None:
    """The report that shows the loss is the same as the one before: only time has passed."""
    clock = Clock()
    async with make(clock=clock) as outbox:
        outbox.stored(report())
        fill(outbox, 3)
        await send(outbox, 3)
        outbox.stored(report((2, 3)))
        fill(outbox, 1)
        await send(outbox, 1)
        outbox.stored(report((2, 4)))
        fill(outbox, 1)
        await on_file(outbox, 5)
        assert await take(outbox, 1) == [5]
        clock.now_s += LONG_S
        outbox.stored(report((2, 4)))
        assert await take(outbox, 1) == [1]


async def test_a_break_says_nothing_about_what_the_broker_has(make: Make) -> None:
    async with make() as outbox:
        outbox.stored(report())
        fill(outbox, 4)
        keys = await take(outbox, 3)
        outbox.confirmed(keys[0])
        outbox.rewind()
        await on_file(outbox, 4)
        assert await take(outbox, 3) == [2, 3, 4]
        assert outbox.stats().awaiting == 1


async def test_a_report_reaches_messages_wherever_they_are(make: Make) -> None:
    """Live, in flight, held back, in the backlog, and confirmed: a late PUBACK then changes nothing."""
    async with make() as outbox:
        fill(outbox, 6)
        keys = await take(outbox, 4)
        outbox.confirmed(keys[0])
        outbox.hold(keys[1])
        outbox.stored(report((1, 5)))
        assert (outbox.stats().messages, outbox.stats().held) == (1, 0)
        for key in keys:
            outbox.confirmed(key)
            outbox.hold(key)
        outbox.resume("t", "all")
        assert await take(outbox, 1) == [6]
        outbox.rewind()
        assert await take(outbox, 1) == [6]
        assert (outbox.stats().messages, outbox.stats().awaiting) == (1, 0)


async def test_a_report_about_numbers_that_were_never_given_deletes_nothing(make: Make) -> None:
    async with make() as outbox:
        outbox.stored(report((1, 2**53), epoch="E0"))
        outbox.stored(report((5, 2**53)))
        fill(outbox, 2)
        assert await take(outbox, 2) == [1, 2]
        outbox.stored(report((3, 2**53)))
        assert outbox.stats().messages == 2


async def test_a_report_about_a_message_that_was_never_sent_deletes_nothing(tmp_path: Path) -> None:
    """Message 2 is not on disk yet, and so nobody can have it."""
    async with on_disk(tmp_path / "outbox.db") as outbox:
        fill(outbox, 1)
        assert await take(outbox, 1) == [1]
        fill(outbox, 1)
        outbox.stored(report((1, 2**53)))
        assert await take(outbox, 1) == [2]
        assert outbox.stats().messages == 1


async def test_two_independent_collectors_must_both_have_it(make: Make) -> None:
    async with make(require=["a", "b"]) as outbox:
        fill(outbox, 3)
        await send(outbox, 3)
        outbox.stored(report((1, 3), collector="a"))
        outbox.stored(report((1, 3), collector="stranger"))
        assert outbox.stats().messages == 3
        outbox.stored(report((2, 3), collector="b"))
        assert outbox.stats().account.undelivered == [Numbers(epoch="E1", first=1, last=1)]


async def test_where_no_collector_ever_spoke_the_broker_frees_after_a_while(make: Make) -> None:
    clock = Clock()
    async with make(confirmed_s=80.0, clock=clock) as outbox:
        fill(outbox, 2)
        await send(outbox, 2)
        stats = outbox.stats()
        assert (stats.messages, stats.awaiting, stats.reports_required) == (0, 0, False)
        # They could still be told as missing, so they are told as undelivered.
        assert stats.account.undelivered == [Numbers(epoch="E1", first=1, last=2)]
        clock.now_s += 91
        fill(outbox, 1)
        await send(outbox, 1)
        assert outbox.stats().account.undelivered == [Numbers(epoch="E1", first=3, last=3)]


async def test_a_withdrawn_report_leaves_the_rest_to_the_broker(make: Make) -> None:
    clock = Clock()
    async with make(confirmed_s=80.0, clock=clock) as outbox:
        outbox.stored(report())
        fill(outbox, 2)
        await send(outbox, 2)
        outbox.withdrawn("c")
        clock.now_s += 91
        fill(outbox, 1)
        await send(outbox, 1)
        assert (outbox.stats().reports_required, outbox.stats().account.undelivered) == (
            False,
            [Numbers(epoch="E1", first=3, last=3)],
        )


async def test_once_no_collector_reports_any_more_the_backlog_goes_at_the_configured_rate(make: Make) -> None:
    """Nothing would ever raise the rate with which a connection begins: it grows with reports."""
    async with make() as outbox:
        outbox.stored(report())
        outbox.rewind()
        assert outbox.backlog_per_s == 4_000
        outbox.withdrawn("c")
        assert outbox.backlog_per_s == 100_000


async def test_rather_than_drop_anything_it_lets_go_of_what_was_confirmed_for_nobody(make: Make) -> None:
    async with make(limit=400_000, confirmed_s=3600) as outbox:
        for at in range(1, 9):
            fill(outbox, 10, 10_000)
            await send(outbox, 10)
            await on_file(outbox, 10 * at)
            assert outbox.stats().size_bytes < 250_000, "up to half of the limit"
        assert sum(outbox.stats().dropped.values()) == 0
        assert 0 < outbox.stats().size_bytes < 400_000


async def test_messages_that_wait_for_a_collector_are_bounded_too_and_their_loss_is_reported(make: Make) -> None:
    async with make(limit=400_000) as outbox:
        outbox.stored(report())
        for at in range(1, 9):
            fill(outbox, 100, 1_000)
            await send(outbox, 100)
            await on_file(outbox, 100 * at)
        stats = outbox.stats()
        assert stats.size_bytes < 500_000
        assert stats.dropped["full"] >= 300
        [lost] = stats.account.dropped
        assert (lost.first, lost.reason) == (1, "full")
        assert stats.account.undelivered[0].first == lost.last + 1
        assert stats.awaiting == stats.messages == 800 - stats.dropped["full"], "nobody waits for what was dropped"


async def test_messages_of_an_earlier_epoch_are_freed_by_their_numbers_and_others_sent_again(
    tmp_path: Path,
) -> None:
    path, clock = tmp_path / "outbox.db", Clock()
    async with on_disk(path, "E1", clock=clock) as outbox:
        outbox.stored(report())
        fill(outbox, 4)
        await send(outbox, 4)
        assert await outbox.saved(4)
    async with on_disk(path, "E2", clock=clock) as outbox:
        assert outbox.stats().reports_required
        # The retained word of the collector comes before anything is sent.
        outbox.stored(report((1, 2)))
        assert outbox.stats().account.undelivered == [Numbers(epoch="E1", first=3, last=4)]
        assert outbox.stats().account.ended == [Numbers(epoch="E1", first=1, last=4)]
        assert await send(outbox, 2) == [-1, 0]
        fill(outbox, 1)
        await send(outbox, 1)
        outbox.stored(report((1, 3)))
        assert [each.epoch for each in outbox.stats().account.undelivered] == ["E1", "E2"]
        fill(outbox, 1)
        await send(outbox, 1)
        clock.now_s += LONG_S
        outbox.stored(report((1, 2), epoch="E2"))
        assert await take(outbox, 1) == [0]


async def test_an_hours_backlog_is_deleted_in_steps_that_do_not_hold_up_new_messages(tmp_path: Path) -> None:
    count = DELETE_KEYS + 500
    async with on_disk(tmp_path / "outbox.db", limit=100_000_000) as outbox:
        outbox.stored(report())
        fill(outbox, count)
        assert await outbox.saved(count)
        outbox.stored(report((1, count)))
        assert outbox.stats().messages == 0
        fill(outbox, 1)
        assert await outbox.saved(count + 1)
        # What is left of them is deleted at the end: nothing that a collector has comes again after a restart.
        fill(outbox, count)
        assert await outbox.saved(2 * count + 1)
        outbox.stored(report((1, count), (count + 2, 2 * count + 1)))
    async with on_disk(tmp_path / "outbox.db", "E2", limit=100_000_000) as outbox:
        assert outbox.stats().messages == 1
        assert await take(outbox, 1) == [-count]


async def test_a_message_that_a_full_disk_keeps_in_memory_waits_for_the_collector_there(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be", encoding="utf-8")
    outbox = DiskOutbox(blocked / "outbox.db", "E1", Limits(10_000_000, 3600), 1000)
    await outbox.open()
    outbox.stored(report())
    fill(outbox, 3)
    await send(outbox, 3)
    assert (outbox.stats().durable, outbox.stats().messages) == (False, 3)
    outbox.stored(report((1, 2)))
    assert (outbox.stats().messages, outbox.stats().size_bytes) == (1, 10)
    blocked.unlink()
    await outbox.step()
    assert outbox.stats().durable
    await outbox.close()
    async with on_disk(blocked / "outbox.db", "E2") as again:
        assert await take(again, 1) == [0]
        assert again.stats().messages == 1


async def test_a_message_that_is_stored_is_no_loss_when_it_is_given_up_afterwards() -> None:
    """The collector's word and the broker's refusal of a repetition may cross."""
    async with in_memory() as outbox:
        fill(outbox, 1)
        (key,) = await send(outbox, 1)
        outbox.stored(report((1, 1)))
        outbox.done(key, "too_large")
        assert sum(outbox.stats().dropped.values()) == 0
        assert outbox.stats().account.dropped == []


async def test_what_comes_again_goes_before_what_came_after_it() -> None:
    clock = Clock()
    async with in_memory(clock=clock) as outbox:
        outbox.stored(report())
        fill(outbox, 6)
        await send(outbox, 3)
        outbox.rewind()
        outbox.stored(report((2, 3)))
        fill(outbox, 1)
        assert await send(outbox, 1) == [7], "live messages first"
        clock.now_s += LONG_S
        outbox.stored(report((2, 3), (7, 7)))
        assert await take(outbox, 4) == [1, 4, 5, 6]
