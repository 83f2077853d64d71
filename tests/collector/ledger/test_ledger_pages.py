"""The ledger's file and its pages: nothing that was noted is forgotten, over restarts, collectors and the network."""

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from agent.epoch import new_epoch
from collector.ledger.account import account_of
from collector.ledger.command import accounts, as_data, as_table, since_ms
from collector.ledger.durable import read_durable
from collector.ledger.epochs import CHUNK, Chunk, Entry, EpochKey, EpochRecord, Retirement, Statement
from collector.ledger.file import LedgerFile
from collector.ledger.tables import LedgerSnapshot, decode_snapshot, encode_snapshot, read_snapshot
from collector.ledger.watch import LedgerWatch
from rackflow import ConfigError, RackflowError
from rackflow.documents import Account, Numbers
from rackflow.process.machine_output import as_json
from rackflow.process.steady import STEADY_S
from tests.collector.running import ledger_locked, until

WALL_S = 1_795_468_800.0
WALL_MS = int(WALL_S * 1000)
KEY = EpochKey("cas1", "gw-3", "01JD5Z")


def opened(folder: Path, wall_s: float = WALL_S, name: str = "ledger.db") -> LedgerFile:
    return LedgerFile(folder / name, 400, lambda: wall_s)


def entry(seq: int, key: EpochKey = KEY, dead: str = "") -> Entry:
    return Entry(key, seq, WALL_MS + seq, WALL_MS + seq, dead)


async def test_all_that_is_known_of_an_epoch_is_there_after_a_restart(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    account = Account(
        kind="disk",
        undelivered=[Numbers(epoch=KEY.epoch, first=9000, last=9001)],
        dropped=[Numbers(epoch=KEY.epoch, first=7, last=8, reason="full")],
        ended=[Numbers(epoch=KEY.epoch, first=1, last=9999)],
    )
    assert await ledger.record([entry(seq) for seq in (5, 5, 6, *range(CHUNK + 1, 2 * CHUNK + 1))])
    assert await ledger.record([entry(10, dead="schema"), Statement(KEY, account, WALL_MS + 1)])
    assert await ledger.record_waiting([entry(11)])
    [before] = ledger.ledger.epochs.values()
    ledger.close()
    ledger = opened(tmp_path)
    [after] = ledger.ledger.epochs.values()
    assert (after.key, after.known_from, after.duplicates, after.ended) == (KEY, 5, 1, 9999)
    assert (after.born_ms, after.seen_ms, after.order) == (before.born_ms, before.seen_ms, before.order)
    assert (after.undelivered, after.dropped) == ([(9000, 0)], [(7, 8, "full")])
    assert [(chunk.number, chunk.span) for chunk in after.full] == [(1, 1)]
    assert await ledger.are_new([entry(seq) for seq in (5, 7, 10, 11, CHUNK + 1, CHUNK + 1)]) == [
        *(False, True, True, True, False, False)
    ]
    assert ledger.ledger.is_waiting(entry(11))
    ledger.close()


async def test_a_message_twice_in_one_question_is_fresh_once(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    other = KEY._replace(agent="gw-4")
    asked = [entry(1), entry(1), entry(1, other), entry(2)]
    assert await ledger.are_new(asked) == [True, False, True, True]
    ledger.close()


async def test_the_ledgers_own_age_is_that_of_its_first_start(tmp_path: Path) -> None:
    """A life that began after it is vouched for from its first number on, and one before it is not, however often it restarts."""
    opened(tmp_path).close()
    ledger = opened(tmp_path, WALL_S + 5000)
    first, older, younger = (KEY._replace(epoch=new_epoch(WALL_MS + more, 1)) for more in (-2000, -1000, 1000))
    assert await ledger.record([entry(1, first), entry(4, older), entry(4, younger)])
    ledger.close()
    page = read_snapshot(tmp_path / "ledger.db")
    assert page.created_ms == WALL_MS
    assert [account_of(*pair).missing_messages for pair in page.epochs] == [0, 0, 3]


async def test_while_the_commit_is_held_up_entering_waits_and_then_it_is_on_disk(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    assert await ledger.record([entry(1)])
    with ledger_locked(ledger.path):
        entering = asyncio.create_task(ledger.record([entry(2)]), name="entering")
        holding = asyncio.create_task(ledger.record_waiting([entry(CHUNK + 1)]), name="holding")
        await until(lambda: ledger.failures["write"] > 0, "it was tried")
        assert not entering.done()
        assert not holding.done()
        [pair] = read_snapshot(ledger.path).epochs
        assert account_of(*pair).stored == 1
    assert await entering
    assert await holding
    assert ledger.fault is None
    [pair] = read_snapshot(ledger.path).epochs
    sums = account_of(*pair)
    assert (sums.stored, sums.in_flight, sums.duplicates, sums.missing_messages) == (2, 1, 0, CHUNK - 2)
    ledger.close()


async def test_a_call_that_is_stopped_returns_that_nothing_is_on_disk(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    with ledger_locked(ledger.path):
        ledger.stop()
        assert not await ledger.record([entry(1)])
        assert not await ledger.record_waiting([entry(2)])
    assert read_snapshot(ledger.path).epochs == []
    ledger.close()


async def test_pages_of_two_collectors_that_share_the_messages_are_complete_together(tmp_path: Path) -> None:
    """Each has every other message; one of them went to both. The same ledger twice counts once."""
    pages = []
    for at, name in enumerate(("a.db", "b.db")):
        ledger = opened(tmp_path, name=name)
        assert await ledger.record([entry(seq) for seq in range(1 + at, 2 * CHUNK + 1, 2)])
        assert await ledger.record([entry(9)])
        ledger.close()
        pages.append(decode_snapshot(encode_snapshot(read_snapshot(tmp_path / name))))
    alone = accounts(pages[:1])
    assert [(sums.stored, sums.missing_messages) for sums in alone] == [(CHUNK, CHUNK - 1)]
    for some in (pages, pages[::-1], [*pages, pages[0]]):
        [sums] = accounts(some)
        assert (sums.stored, sums.produced, sums.missing, sums.duplicates) == (2 * CHUNK, 2 * CHUNK, [], 2)
    # The second began to listen at number 2: for what was before that it cannot vouch.
    assert accounts(pages)[0].known_from == 2


def page(name: str, *books: tuple[EpochRecord, list[Chunk]]) -> LedgerSnapshot:
    return LedgerSnapshot(name, 1, list(books))


def book_of(agent: str, seen_ms: int, ended: int = 10) -> tuple[EpochRecord, list[Chunk]]:
    times = WALL_MS, WALL_MS + 5000
    return EpochRecord(KEY._replace(agent=agent), 1, 1, seen_ms, ended=ended), [Chunk(0, *times, stored=0b100111)]


def test_epochs_seen_since_a_time_are_reported_with_what_is_missing_since_then() -> None:
    found = accounts([page("x", book_of("b", 1000), book_of("a", 2000))], since=1000)
    assert [sums.key.agent for sums in found] == ["a", "b"]
    assert [sums.key.agent for sums in accounts([page("x", book_of("b", 1000), book_of("a", 2000))], 1001)] == ["a"]
    book, chunks = book_of("a", 2 * WALL_MS)
    for since, first, messages in ((WALL_MS + 5000, [4, 7], 6), (WALL_MS + 5001, [7], 4)):
        [sums] = accounts([page("x", (book, chunks))], since)
        assert ([run.first for run in sums.missing], sums.missing_messages) == (first, messages)


def test_a_moment_is_a_time_ago_or_a_date() -> None:
    assert since_ms("90s", WALL_MS) == WALL_MS - 90_000
    assert since_ms("2h", WALL_MS) == WALL_MS - 7_200_000
    assert [since_ms(f"1{unit}", WALL_MS) for unit in "mdw"] == [WALL_MS - each * 60_000 for each in (1, 1440, 10_080)]
    assert since_ms("2026-01-31T12:00", 0) == since_ms("2026-01-31T13:00+01:00", 0) == 1_769_860_800_000
    with pytest.raises(ConfigError, match=r"--since: 'soon' is neither a time span like 2h nor"):
        since_ms("soon", 0)


def test_a_moment_without_a_zone_is_utc_wherever_the_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times in the table are UTC, and are copied from it."""
    try:
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("TZ", "Asia/Kolkata")
            time.tzset()
            found = since_ms("2026-01-31T12:00", 0)
    finally:
        time.tzset()
    assert found == 1_769_860_800_000


def test_the_table_has_each_epoch_and_the_total() -> None:
    found = accounts([page("x", book_of("a", 5), (EpochRecord(KEY, 1, 1, 1), [Chunk(0, 1, 1, 0b11)]))])
    text = as_table(found).splitlines()
    assert text[1].split() == ["cas1/a", "01JD5Z", "10", "4", "0", "0", "0", "6"]
    assert text[2] == "    missing 4-5, from 2026-11-23T21:20:00+00:00 to 2026-11-23T21:20:05+00:00"
    assert text[3] == "    missing 7-10, from 2026-11-23T21:20:00+00:00 to ?"
    assert text[-1] == "12 messages of 2 agents: 6 missing without a reason"
    assert '"missing": 6' in as_json(as_data(found))


def test_nothing_received_is_not_said_to_be_complete() -> None:
    """A collector that receives nothing must not look like one that stored everything."""
    assert as_table([]).splitlines()[-1] == "0 messages of 0 agents: nothing to account for"
    whole = accounts([page("x", (EpochRecord(KEY, 1, 1, 1), [Chunk(0, 1, 1, 0b11)]))])
    assert as_table(whole).splitlines()[-1] == "2 messages of 1 agent: complete"


async def test_the_watch_adds_up_the_epochs_of_each_agent_and_forgets_retired_agents(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    watch = LedgerWatch(ledger)
    later, other = KEY._replace(epoch="01JD6A"), KEY._replace(agent="gw-4")
    dropped = Account(kind="disk", dropped=[Numbers(epoch=KEY.epoch, first=2, last=3, reason="full")])
    assert await ledger.record([entry(1), entry(1), entry(5), Statement(KEY, dropped, WALL_MS)])
    assert await ledger.record([entry(7, other), entry(9, other)])
    await watch.update()
    assert await ledger.record([entry(1, later), entry(4, later, dead="schema")])
    assert await ledger.record_waiting([entry(3, later)])
    await watch.update()
    mine = watch.accounts()["cas1", "gw-3"]
    assert (mine.produced, mine.stored, mine.duplicates, mine.in_flight, mine.missing) == (9, 3, 1, 1, 2)
    assert mine.dropped == Counter(full=2, dead_letter_schema=1)
    theirs = watch.accounts()["cas1", "gw-4"]
    assert (theirs.produced, theirs.stored, theirs.missing, theirs.dropped) == (3, 2, 1, Counter())
    assert await ledger.record_waiting([entry(6), entry(5, later)])
    await watch.update()
    assert watch.accounts()["cas1", "gw-3"].in_flight == 3
    assert await ledger.record([Retirement("cas1", "gw-4", 2 * WALL_MS)])
    assert watch.accounts().keys() == {("cas1", "gw-3")}, "at once"
    ledger.ledger.forget(2 * WALL_MS)
    await watch.update()
    assert watch.accounts() == {}
    ledger.close()


async def test_what_changed_while_the_account_could_not_be_read_and_what_was_forgotten_is_in_the_next_one(
    tmp_path: Path,
) -> None:
    now_s = 0.0
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: WALL_S + now_s)
    other, old = KEY._replace(agent="gw-4"), KEY._replace(epoch="OLD")
    watch = LedgerWatch(ledger)
    assert await ledger.record([Entry(old, 1, 1, 1), entry(1), entry(1, other)])
    await watch.update()
    assert {agent: each.stored for (_, agent), each in watch.accounts().items()} == {"gw-3": 2, "gw-4": 1}
    assert await ledger.record([entry(2)])
    aside = ledger.path.rename(tmp_path / "aside.db")
    await watch.update()
    aside.rename(ledger.path)
    assert await ledger.record([entry(2, other)])
    await ledger.sweep(now_s)
    now_s = STEADY_S
    await ledger.sweep(now_s)
    await watch.update()
    assert {agent: each.stored for (_, agent), each in watch.accounts().items()} == {"gw-3": 2, "gw-4": 2}
    ledger.close()


def test_what_is_no_ledger_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RackflowError, match="this is no ledger"):
        decode_snapshot(b'{"ledger": 7}')
    (tmp_path / "ledger.db").write_bytes(b"no database" * 500)
    with pytest.raises(RackflowError, match=r"ledger\.db: the ledger is damaged"):
        read_snapshot(tmp_path / "ledger.db")
    with pytest.raises(RackflowError, match="there is no ledger; a collector creates it"):
        read_snapshot(tmp_path / "none.db")


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (1, [(1, 3), (7, 9), (20, 20)]),
        (3, [(1, 3), (7, 9), (20, 20)]),
        (4, [(7, 9), (20, 20)]),
        (9, [(7, 9), (20, 20)]),
        (10, [(20, 20)]),
        (21, []),
    ],
)
async def test_durable_ranges_are_those_that_reach_to_the_number_that_an_agent_may_still_have(
    tmp_path: Path, first: int, expected: list[tuple[int, int]]
) -> None:
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: 1e9)
    assert await ledger.record([Entry(KEY, seq, 1, 1) for seq in (1, 2, 3, 7, 8, 9, 20)])
    ledger.close()
    assert read_durable(ledger.path, {KEY: first})[1] == {KEY: expected}


async def test_durable_ranges_go_on_over_the_edges_of_chunks(tmp_path: Path) -> None:
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: 1e9)
    assert await ledger.record([Entry(KEY, seq, 1, 1) for seq in (CHUNK, CHUNK + 1, CHUNK + 3)])
    ledger.close()
    for first in (1, CHUNK):
        assert read_durable(ledger.path, {KEY: first})[1] == {KEY: [(CHUNK, CHUNK + 1), (CHUNK + 3, CHUNK + 3)]}
