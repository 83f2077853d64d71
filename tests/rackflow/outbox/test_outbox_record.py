"""Records of an outbox's file: what is written is read, and nothing that was moved, cut or made for another file."""

from collections.abc import Sequence

import pytest

from rackflow.outbox.mark import MAX_KEY
from rackflow.outbox.record import (
    FREED,
    RECORD,
    Encoder,
    Record,
    Stamp,
    decode_freed,
    decode_messages,
    decode_record,
    is_whole,
)
from rackflow.outbox.seam import Message

SALT = 7
STAMP = Stamp(age_ms=5_000, wall_ms=1_795_000_000_000)
TWO = [Message(41, "rackflow/v1/t1/gw-1/batch/d", b"{}" * 200, 1_000), Message(42, "t", b"", 2_000)]


def read(data: bytes, offset: int = 48, salt: int = SALT) -> tuple[Record, bytes]:
    """The record that was written for this offset, and its body."""
    record = decode_record(data, offset, salt, at=0)
    assert record is not None
    return record, data[RECORD.size : RECORD.size + record.length]


@pytest.mark.parametrize("compress", [False, True])
def test_messages_are_read_as_they_were_written(compress: bool) -> None:  # noqa: FBT001 - a case
    data = Encoder(SALT).messages(48, TWO, STAMP, compress=compress)
    record, body = read(data)
    assert is_whole(record, body, SALT)
    assert decode_messages(record, body) == TWO
    assert (record.first_key, record.last_key, record.time_ms, record.stamp) == (41, 42, 1_000, STAMP)
    assert (record.end, len(data) < 300) == (48 + len(data), compress)


def test_what_is_free_is_in_as_many_records_as_it_needs_each_for_its_own_place() -> None:
    ranges = [(first, first + 1) for first in range(1, 30_000, 3)]
    data, offset, found = Encoder(SALT).freed(48, ranges, STAMP), 48, list[tuple[int, int]]()
    while data:
        record, body = read(data, offset)
        assert (record.kind, record.stamp, is_whole(record, body, SALT)) == (FREED, STAMP, True)
        found += decode_freed(body)
        data, offset = data[record.end - offset :], record.end
    assert found == ranges


@pytest.mark.parametrize(("offset", "salt"), [(49, SALT), (48, SALT + 1)], ids=["another place", "another file"])
def test_a_record_of_another_place_or_file_is_none(offset: int, salt: int) -> None:
    data = Encoder(SALT).messages(48, TWO, STAMP, compress=False)
    assert decode_record(data, offset, salt, at=0) is None


@pytest.mark.parametrize(
    ("keys", "stamp"),
    [
        ([0], STAMP),
        ([MAX_KEY + 1], STAMP),
        ([MAX_KEY, MAX_KEY + 1], STAMP),
        ([1], Stamp(5, -1)),
        ([1], Stamp(MAX_KEY + 1)),
    ],
    ids=["number 0", "a number too large", "one of two too large", "before 1970", "an age that nothing has"],
)
def test_numbers_and_times_that_cannot_be_are_no_record_whatever_their_checksum(
    keys: Sequence[int], stamp: Stamp
) -> None:
    data = Encoder(SALT).messages(48, [Message(key, "t", b"", 1) for key in keys], stamp, compress=False)
    assert decode_record(data, 48, SALT, at=0) is None
