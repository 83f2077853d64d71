"""One file of an outbox, record by record: each message is there once, and a hole is what damage has cost."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rackflow.outbox.loading import load_folder
from rackflow.outbox.record import HEADER, RECORD, Encoder, Head, Stamp
from rackflow.outbox.seam import Message
from rackflow.outbox.segment import Loaded, begin_segment, load_segment, new_head, segment_name
from rackflow.outbox.segments import Segments

Part = tuple[str, int, int]
WALL_MS = 1_795_000_000_000


def messages(first: int, last: int) -> list[Message]:
    return [Message(key, "t", b"%d" % key, 1000 + key) for key in range(first, last + 1)]


def load(
    folder: Path, *parts: Part, after_key: int = 0, head: Head | None = None, stamps: Sequence[Stamp] = ()
) -> Loaded:
    """A file with these records, read: kind, first and last key each. What is `broken` are messages that cannot be read."""
    head = head or new_head(1, 0)
    encoder, data = Encoder(head.salt), head.encode()
    for at, (kind, first, last) in enumerate(parts):
        stamp = stamps[at] if stamps else Stamp(1000 * at, WALL_MS + at)
        if kind == "freed":
            part = encoder.freed(len(data), [(first, last)], stamp)
        else:
            part = encoder.messages(len(data), messages(first, last), stamp, compress=False)
        data += part[: RECORD.size] + bytes(len(part) - RECORD.size) if kind == "broken" else part
    (folder / segment_name(head.number)).write_bytes(data)
    found = load_segment(folder / segment_name(head.number), after_key)
    assert found is not None
    return found


def keys(loaded: Loaded) -> list[int]:
    found: list[int] = []
    for position in range(len(loaded.segment.index)):
        read = loaded.segment.read(position)
        assert read is not None
        assert (read[0].key, read[-1].key) == loaded.segment.index.keys(position)
        found += [message.key for message in read]
    return found


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([("put", 1, 4), ("put", 3, 6)], [1, 2, 3, 4, 5, 6]),
        ([("put", 1, 4), ("put", 1, 4)], [1, 2, 3, 4]),
        ([("put", 1, 4), ("put", 4, 4), ("put", 5, 5)], [1, 2, 3, 4, 5]),
        ([("put", 1, 4), ("put", 2, 3), ("put", 7, 8)], [1, 2, 3, 4, 7, 8]),
    ],
)
def test_a_message_that_was_written_twice_is_there_once(
    tmp_path: Path, parts: Sequence[Part], expected: list[int]
) -> None:
    loaded = load(tmp_path, *parts)
    assert (keys(loaded), loaded.holes, loaded.damaged) == (expected, [], False)


@pytest.mark.parametrize(("after_key", "of_head"), [(4, 0), (0, 4), (4, 2)])
def test_messages_that_an_earlier_file_has_are_not_read_again(tmp_path: Path, after_key: int, of_head: int) -> None:
    loaded = load(tmp_path, ("put", 1, 4), ("put", 3, 6), after_key=after_key, head=new_head(1, of_head))
    assert keys(loaded) == [5, 6]


@pytest.mark.parametrize(
    ("parts", "holes"),
    [
        ([("put", 1, 2), ("broken", 3, 4), ("put", 5, 6)], [(3, 4)]),
        ([("broken", 1, 2), ("put", 3, 4)], [(1, 2)]),
        ([("put", 1, 2), ("broken", 3, 4), ("freed", 1, 1), ("put", 5, 6)], [(3, 4)]),
        ([("put", 1, 2), ("broken", 1, 2), ("put", 3, 4)], []),
        ([("put", 1, 2), ("put", 5, 6)], []),  # others are in another file, or were free
        ([("broken", 1, 2), ("put", 3, 4), ("put", 7, 8)], [(1, 2)]),
        ([("put", 1, 2), ("broken", 3, 4), ("put", 5, 6), ("broken", 7, 7), ("put", 8, 9)], [(3, 4), (7, 7)]),
    ],
)
def test_a_hole_lies_between_what_is_readable_around_damage(
    tmp_path: Path, parts: Sequence[Part], holes: list[tuple[int, int]]
) -> None:
    loaded = load(tmp_path, *parts)
    assert loaded.holes == holes
    assert loaded.damaged is any(kind == "broken" for kind, _, _ in parts)


def test_the_stamp_is_the_latest_on_the_outboxs_clock_that_has_a_time_of_day(tmp_path: Path) -> None:
    stamps = [Stamp(10, WALL_MS), Stamp(30, WALL_MS + 5), Stamp(20, WALL_MS + 9), Stamp(40)]
    loaded = load(tmp_path, *(("put", key, key) for key in range(1, 5)), stamps=stamps)
    assert loaded.stamp == Stamp(30, WALL_MS + 5)
    assert list(loaded.segment.index.kept_ms) == [10, 30, 20, 40]
    assert list(load(tmp_path, ("put", 1, 2), ("freed", 1, 1)).freed) == [(1, 1)]


def test_a_file_under_another_name_or_without_a_header_is_none(tmp_path: Path) -> None:
    load(tmp_path, ("put", 1, 2))
    path = tmp_path / segment_name(1)
    other = path.rename(tmp_path / segment_name(2))
    assert load_segment(other, 0) is None
    path.write_bytes(other.read_bytes()[: HEADER.size - 1])
    assert load_segment(path, 0) is None


def test_a_file_that_takes_no_more_messages_has_no_zeros_behind_them(tmp_path: Path) -> None:
    segment = begin_segment(tmp_path, new_head(1, 0), b"{}", Stamp(0))
    data = segment.encoder.messages(segment.end, messages(1, 2), Stamp(0), compress=False)
    segment.write(data, durable=True)
    assert segment.path.stat().st_size > segment.end
    segment.seal()
    segment.seal()
    assert segment.path.stat().st_size == segment.end
    assert segment.path.stat().st_mode & 0o007 == 0


def test_messages_of_files_that_are_joined_keep_their_ages_and_do_not_expire_with_it(tmp_path: Path) -> None:
    """In memory and in the new file, which the next start reads."""
    load(tmp_path, ("put", 1, 4), stamps=[Stamp(5000, WALL_MS)])
    load(tmp_path, ("put", 5, 8), head=new_head(2, 4), stamps=[Stamp(9000, WALL_MS)])
    segments = Segments(tmp_path / "outbox.db", tmp_path, 1_000_000, 10_000_000, load_folder(tmp_path, None))
    segments.rewrite(segments.files[:])
    again = load_segment(segments.files[0].path, 0)
    assert again is not None
    assert [list(each.index.kept_ms) for each in (segments.files[0], again.segment)] == [[5000, 9000]] * 2
