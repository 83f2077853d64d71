"""Which messages the ledger's file has as durable, by ranges of numbers."""

import time
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collector.ledger import Entry, EpochKey, LedgerFile, durable_ranges, read_durable
from collector.ledger.epochs import CHUNK, Chunk

KEY = EpochKey("cas1", "gw-3", "01JD5Z")


def entry(seq: int) -> Entry:
    return Entry(KEY, seq, 1_795_468_800_000, 1_795_468_800_000)


async def test_messages_that_are_not_on_disk_are_not_reported_as_stored(tmp_path: Path) -> None:
    with closing(LedgerFile(tmp_path / "ledger.db", 400, time.time)) as ledger:
        assert await ledger.record([entry(1)])
        ledger.ledger.mark_stored(entry(2))  # in memory only
        assert read_durable(ledger.path, {KEY: 1})[1] == {KEY: [(1, 1)]}


async def test_of_an_epoch_with_very_many_chunks_both_ends_are_read(tmp_path: Path) -> None:
    with closing(LedgerFile(tmp_path / "ledger.db", 400, time.time)) as ledger:
        assert await ledger.record([entry(at * CHUNK + 1) for at in range(8)])
        found = read_durable(ledger.path, {KEY: 2 * CHUNK + 1}, most_chunks=2)[1][KEY]
        assert [(first - 1) // CHUNK for first, _ in found] == [2, 3, 6, 7]


async def test_a_merged_chunk_that_begins_before_the_wanted_number_is_read(tmp_path: Path) -> None:
    with closing(LedgerFile(tmp_path / "ledger.db", 400, time.time)) as ledger:
        assert await ledger.record([entry(seq) for seq in range(1, 3 * CHUNK + 1)])
        assert await ledger.record([entry(3 * CHUNK + 2)])
        assert read_durable(ledger.path, {KEY: 2 * CHUNK + 7})[1] == {
            KEY: [(1, 3 * CHUNK), (3 * CHUNK + 2, 3 * CHUNK + 2)]
        }


bits = st.integers(0, (1 << CHUNK) - 1)


@given(bits, bits, st.dictionaries(st.sampled_from(["schema", "store"]), bits))
def test_durable_are_stored_waiting_and_dead_numbers_and_no_others(
    stored: int, held: int, dead: dict[str, int]
) -> None:
    chunk = Chunk(number=3, first_ms=0, last_ms=0, stored=stored, waiting=held, dead=dead)
    claimed = {seq for first, last in durable_ranges([chunk]) for seq in range(first, last + 1)}
    known = [stored, held, *dead.values()]
    assert claimed == {3 * CHUNK + at + 1 for at in range(CHUNK) if any(each >> at & 1 for each in known)}
