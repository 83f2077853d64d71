"""What of an outbox's file was torn off or damaged: counted once, told after every restart, and no number given twice."""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rackflow.documents import Numbers
from rackflow.outbox.disk import DiskOutbox
from rackflow.outbox.epochs import EpochBase
from rackflow.outbox.mark import Mark, MarkFile
from rackflow.outbox.record import MESSAGES, RECORD_MAGIC, Record, decode_head, scan
from rackflow.outbox.state import Limits
from tests.rackflow.outbox.test_outbox_file import (
    NOBODY,
    damage,
    keys,
    lost,
    messages,
    opened,
    opened_and_closed,
    segments,
)


@pytest.mark.parametrize(("first", "torn"), [(1, [("E1", 4, 6)]), (5, [("E1", 5, 6)])])
def test_what_the_mark_saw_and_the_file_has_not_is_torn(
    tmp_path: Path, first: int, torn: Sequence[tuple[str, int, int]]
) -> None:
    """A file cut short: numbers up to 3 are in the file, those up to 6 were. None is given to another message."""
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    file.close()
    mark = MarkFile(tmp_path / "outbox.db.segments" / "mark")
    mark.write(Mark(first, 6, (EpochBase(0, "E1"),)))
    mark.close()
    file = opened(tmp_path, "E2")
    expected = [(*each, "torn") for each in torn]
    assert lost(file) == expected
    assert file.totals.dropped["torn"] == sum(last - low + 1 for _, low, last in torn)
    file.commit(messages(1, 1), [], NOBODY)
    assert file.totals.last_key == 7
    file.close()
    assert lost(opened_and_closed(tmp_path, "E3")) == expected


def test_a_mark_of_just_what_the_file_has_loses_nothing(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    file.close()
    file = opened_and_closed(tmp_path, "E2")
    assert (lost(file), file.totals.dropped["torn"]) == ([], 0)


def test_a_record_that_is_not_what_was_written_is_torn_and_no_one_else(tmp_path: Path) -> None:
    file = opened(tmp_path)
    for first in (1, 3, 5):
        file.commit(messages(first, first + 1), [], NOBODY)
    file.commit([], [(2, 2)], NOBODY)
    file.close()
    [segment] = segments(tmp_path)
    second = segment.read_bytes().find(RECORD_MAGIC, record_of(segment, 3) + 1) - 5
    damage(segment, second)
    file = opened(tmp_path, "E2")
    assert keys(file) == [-5, -1, 0]
    assert lost(file) == [("E1", 3, 4, "torn")]
    assert (file.totals.dropped["torn"], file.totals.damaged, file.totals.messages) == (2, 1, 3)
    assert (tmp_path / "outbox.db.damaged").exists()
    file.commit(messages(1, 1), [], NOBODY)
    file.close()
    file = opened(tmp_path, "E3")
    assert (lost(file), file.totals.damaged, file.totals.dropped["torn"]) == ([("E1", 3, 4, "torn")], 0, 0)
    assert keys(file) == [-6, -2, -1, 0]
    file.close()


def record_of(segment: Path, key: int) -> int:
    """Where the record of messages begins that has this key first."""
    return next(each.offset for each in records_of(segment) if each.first_key == key)


def records_of(segment: Path) -> list[Record]:
    """The records of messages in a file."""
    data = segment.read_bytes()
    head = decode_head(data)
    assert head is not None
    return [each for each in scan(data, head.salt).records if each.kind == MESSAGES]


def test_damage_found_while_reading_is_reported_and_so_are_messages_done_meanwhile(tmp_path: Path) -> None:
    before = opened(tmp_path, "E1")
    before.commit(messages(1, 4000, 2_000), [], NOBODY)
    before.close()
    file = opened(tmp_path, "E2")
    damage(segments(tmp_path)[0], 2_000_000, 400_000)
    dropped = [Numbers(epoch="E2", first=3, last=4, reason="disk")]
    file.commit(messages(5, 6), [(-3999, -3990)], NOBODY, losses=dropped)
    found = keys(file)
    torn = file.totals.dropped["torn"]
    assert (file.totals.damaged, len(found)) == (1, 3992 - torn)
    assert 200 <= torn <= 200 + 128
    assert ("E2", 3, 4, "disk") in lost(file)
    assert sum(last - first + 1 for _, first, last, why in lost(file) if why == "torn") == torn
    file.close()
    # The next epoch's keys follow: its first message is not taken for one that is there.
    again = opened(tmp_path, "E3")
    again.commit(messages(1, 1), [], NOBODY)
    assert keys(again) == [*(key - 6 for key in found), 1]
    assert again.totals.dropped["torn"] == 0
    again.close()


def test_damage_found_while_reading_is_known_after_a_kill_though_nothing_was_written_since(tmp_path: Path) -> None:
    before = opened(tmp_path, "E1")
    before.commit(messages(1, 3), [], NOBODY)
    before.commit(messages(4, 6), [], NOBODY)
    before.close()
    file = opened(tmp_path, "E2")
    file.commit(messages(1, 2), [], NOBODY)
    segment = segments(tmp_path)[0]
    damage(segment, records_of(segment)[0].end - 1)
    assert keys(file) == [-2, -1, 0, 1, 2]
    assert lost(file) == [("E1", 1, 3, "torn")]
    file.close()  # which writes nothing
    again = opened_and_closed(tmp_path, "E3")
    assert lost(again) == [("E1", 1, 3, "torn")]


@pytest.mark.parametrize("others", [0, 3])
def test_damage_in_the_newest_file_costs_what_is_damaged_and_no_later_message(tmp_path: Path, others: int) -> None:
    """What comes next goes into a new file, whether anything of the damaged one is left or not."""
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    if others:
        file.commit(messages(4, 3 + others), [], NOBODY)
    [segment] = segments(tmp_path)
    damage(segment, records_of(segment)[0].end - 1)
    assert keys(file) == list(range(4, 4 + others))
    assert lost(file) == [("E1", 1, 3, "torn")]
    file.commit(messages(4 + others, 9), [], NOBODY)
    assert keys(file) == list(range(4, 10))
    file.close()
    assert lost(opened_and_closed(tmp_path, "E2")) == [("E1", 1, 3, "torn")]


async def test_a_backlog_that_cannot_be_read_is_lost_and_not_counted_as_waiting(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    file.close()
    outbox = DiskOutbox(tmp_path / "outbox.db", "E2", Limits(10_000_000, 3600), 1000)
    await outbox.open()
    assert outbox.stats().messages == 3
    segment = segments(tmp_path)[0]
    damage(segment, records_of(segment)[0].end - 1)
    await outbox.step()
    assert (outbox.stats().messages, outbox.stats().dropped["torn"], outbox.stats().damaged) == (0, 3, 1)
    await outbox.close()


def test_without_the_mark_damage_costs_what_is_damaged_and_nothing_of_what_was_delivered(tmp_path: Path) -> None:
    """The files before it are gone, because all of their messages were stored: nobody may be told that these are lost."""
    file = opened(tmp_path, size=600_000)
    file.commit(messages(1, 100, 1000), [], NOBODY)
    second = records_of(segments(tmp_path)[1])[0]
    file.commit([], [(1, second.first_key - 1)], NOBODY)
    file.close()
    damage(segments(tmp_path)[0], second.end - 1)
    (tmp_path / "outbox.db.segments" / "mark").unlink()
    file = opened_and_closed(tmp_path, "E2")
    assert second.first_key > 1
    assert lost(file) == [("E1", second.first_key, second.last_key, "torn")]


def test_a_file_that_somebody_deletes_costs_its_messages_and_nothing_else(tmp_path: Path) -> None:
    file = opened(tmp_path, size=1_000_000)
    file.commit(messages(1, 300, 1000), [], NOBODY)
    segments(tmp_path)[1].unlink()
    found = keys(file)
    assert 200 < len(found) < 300
    assert file.totals.dropped["torn"] == 300 - len(found)
    file.close()


def test_messages_of_the_newest_file_that_somebody_deletes_are_lost_in_their_own_epoch(tmp_path: Path) -> None:
    """Only the mark still knows that epoch."""
    file = opened(tmp_path, "E1")
    file.commit(messages(1, 3), [], NOBODY)
    file.close()
    file = opened(tmp_path, "E2")
    file.commit(messages(1, 2), [], NOBODY)
    file.close()
    segments(tmp_path)[-1].unlink()
    file = opened(tmp_path, "E3")
    assert (lost(file), file.present) == ([("E2", 1, 2, "torn")], [(-4, -2)])
    file.close()


def test_a_file_whose_replacement_a_kill_left_behind_half_written_is_removed(tmp_path: Path) -> None:
    opened_and_closed(tmp_path, "E1")
    left = segments(tmp_path)[0].with_suffix(".seg.new")
    left.write_bytes(b"half")
    opened_and_closed(tmp_path, "E2")
    assert not left.exists()


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_whatever_part_of_the_files_is_damaged_each_message_is_kept_or_reported_as_lost(data: st.DataObject) -> None:
    """Several files; bits flipped or ends cut off in any of them. What was free stays free, or comes again whole."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for life, epoch in enumerate(("E1", "E2")):
            file = opened(folder, epoch, size=600_000)
            for first in range(1, 201, 10):
                file.commit(messages(first, first + 9, 400), [(first - 20, first - 12)] if first > 20 else [], NOBODY)
            file.close()
            assert life or file.totals.messages > 10
        waiting = {key + 400 for key in keys_after(folder)}
        files = [*segments(folder), folder / "outbox.db.segments" / "mark"]
        for file_ in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=2, unique=True)):
            size = file_.stat().st_size
            if data.draw(st.booleans()):
                os.truncate(file_, data.draw(st.integers(0, size)))
            else:
                damage(file_, data.draw(st.integers(0, size - 1)), data.draw(st.sampled_from([1, 30, 5000])))
        file = opened(folder, "E4", size=600_000)
        base = file.totals.last_key
        found = {each.key + base: each.payload for each in file.read(-(10**6), 10**6, 10**6)}
        assert all(payload.split() == [b"%d" % (key if key <= 200 else key - 200)] for key, payload in found.items())
        told = {
            number + (200 if each.epoch == "E2" else 0)
            for each in file.totals.losses
            for number in range(each.first, each.last + 1)
        }
        # With the mark gone as well as the end of the newest file, nobody knows that there was more.
        if is_sound(files[-1]):
            assert waiting <= found.keys() | told
        file.commit(messages(1, 3), [], NOBODY)
        assert [each.key for each in file.read(0, 10, 10)] == [1, 2, 3]
        file.close()
        again = opened(folder, "E5", size=600_000)
        assert (again.totals.damaged, again.totals.dropped["torn"]) == (0, 0)
        assert {each.key + again.totals.last_key for each in again.read(-(10**6), -2, 10**6)} == found.keys()
        again.close()


def keys_after(folder: Path) -> list[int]:
    file = opened(folder, "E3", size=600_000)
    file.close()
    return [key for first, last in file.present for key in range(first, last + 1)]


def is_sound(mark: Path) -> bool:
    return MarkFile(mark).read() is not None


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_after_a_power_cut_all_that_was_synced_is_there(data: st.DataObject) -> None:
    """Of what was written after the last sync, any blocks may be on the disk and the others not."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = opened(folder)
        file.commit(messages(1, 20, 300), [], NOBODY)
        file.commit(messages(21, 30, 2000), [(1, 5)], NOBODY)
        synced = segments(folder)[0].read_bytes()
        file.commit(messages(31, 40, data.draw(st.sampled_from([100, 3000]))), [(6, 7)], NOBODY)
        file.commit([], [(8, 9)], NOBODY)
        written = segments(folder)[0].read_bytes()
        file.close()
        mixed = bytearray(written)
        for at in range(0, len(written), 512):
            if data.draw(st.booleans()):
                mixed[at : at + 512] = synced[at : at + 512].ljust(len(written[at : at + 512]), b"\0")
        segments(folder)[0].write_bytes(mixed)
        (folder / "outbox.db.segments" / "mark").write_text('{"first": 6, "last": 30, "runs": [[0, "E1"]]}')
        file = opened(folder, "E2")
        there = {int(each.payload) for each in file.read(-(10**6), 10**6, 10**6)}
        assert set(range(10, 31)) <= there
        assert there <= set(range(6, 41))
        file.close()
