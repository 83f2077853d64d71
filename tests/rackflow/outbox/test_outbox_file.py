"""The outbox's log at its exact limits, in bytes and in time, and what it remembers of its losses over restarts."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rackflow.errors import ConfigError
from rackflow.outbox import Message
from rackflow.outbox.epochs import EPOCHS_KEPT, EpochBase
from rackflow.outbox.log import LONGEST_AWAY_MS, OutboxLog
from rackflow.outbox.state import Limits
from tests.thread_clock import turn_clock

AGE_S = 60.0
ROOMY = 100_000_000
YEAR_S = 365 * 86_400.0
NOBODY: frozenset[int] = frozenset()


class Clocks:
    """The wall clock and the monotonic one, which a test turns one by one."""

    def __init__(self) -> None:
        self.wall_s = 1_795_468_800.0
        self.mono_s = 1000.0

    def passes(self, seconds: float) -> None:
        self.wall_s += seconds
        self.mono_s += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clocks]:
    found = Clocks()
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: found.wall_s)
        turn_clock(patched, lambda: found.mono_s)
        yield found


def messages(first: int, last: int, size: int = 100) -> list[Message]:
    return [Message(key, "t", f"{key}".encode().ljust(size), 7 * key) for key in range(first, last + 1)]


def opened(folder: Path, epoch: str = "E1", size: int = ROOMY, age_s: float = AGE_S) -> OutboxLog:
    return OutboxLog(folder / "outbox.db", epoch, Limits(size, age_s))


def keys(file: OutboxLog) -> list[int]:
    return [message.key for message in file.read(-(10**6), 10**6, 10**6)]


def lost(file: OutboxLog) -> list[tuple[str, int, int, str]]:
    return [(each.epoch, each.first, each.last, each.reason) for each in file.totals.losses]


def test_a_message_as_old_as_is_allowed_stays_and_a_moment_later_it_goes(tmp_path: Path, clocks: Clocks) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    clocks.passes(AGE_S / 2)
    file.commit(messages(4, 5), [], NOBODY)
    clocks.passes(AGE_S / 2)
    file.commit([], [], NOBODY)
    assert keys(file) == [1, 2, 3, 4, 5]
    clocks.passes(0.0625)
    file.commit([], [], NOBODY)
    assert keys(file) == [4, 5]
    assert file.totals.dropped == {"full": 0, "expired": 3, "torn": 0}
    assert lost(file) == [("E1", 1, 3, "expired")]
    assert file.totals.messages == 2
    file.close()


def test_what_is_in_flight_does_not_expire_and_what_is_behind_it_does(tmp_path: Path, clocks: Clocks) -> None:
    """Across more than one step of the search for what is too old."""
    file = opened(tmp_path)
    file.commit(messages(1, 200), [], NOBODY)
    clocks.passes(AGE_S + 1)
    file.commit(messages(201, 201), [], frozenset({2, 70, 200}))
    assert keys(file) == [2, 70, 200, 201]
    assert file.totals.dropped["expired"] == 197
    assert lost(file) == [("E1", 1, 1, "expired"), ("E1", 3, 69, "expired"), ("E1", 71, 199, "expired")]
    file.close()


def test_messages_of_an_earlier_epoch_that_are_in_flight_do_not_expire(tmp_path: Path, clocks: Clocks) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    file.close()
    file = opened(tmp_path, "E2")
    clocks.passes(AGE_S + 1)
    file.commit([], [], frozenset({-1}))
    assert keys(file) == [-1]
    file.close()


@pytest.mark.parametrize("jump_s", [40 * YEAR_S, -40 * YEAR_S, LONGEST_AWAY_MS / 1000, 31 * 86_400.0])
def test_a_restart_with_a_clock_far_off_expires_nothing_and_time_goes_on_from_there(
    tmp_path: Path, clocks: Clocks, jump_s: float
) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    clocks.passes(AGE_S - 10)
    file.commit(messages(4, 4), [], NOBODY)
    file.close()
    clocks.wall_s += jump_s
    file = opened(tmp_path, "E2")
    file.commit([], [], NOBODY)
    assert file.totals.messages == 4
    clocks.passes(10)
    file.commit([], [], NOBODY)
    assert file.totals.messages == 4
    clocks.passes(1)
    file.commit([], [], NOBODY)
    assert file.totals.messages == 1
    assert lost(file) == [("E1", 1, 3, "expired")]
    file.close()


@pytest.mark.parametrize(
    ("rest_s", "left"), [(AGE_S, 3), (AGE_S + 1, 0), (29 * 86_400.0, 0), (LONGEST_AWAY_MS / 1000 - 1, 0)]
)
def test_a_rest_of_the_process_counts_as_age(tmp_path: Path, clocks: Clocks, rest_s: float, left: int) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    file.close()
    clocks.wall_s += rest_s
    clocks.mono_s = 5.0  # the machine has started anew
    file = opened(tmp_path, "E2")
    file.commit([], [], NOBODY)
    assert file.totals.messages == left
    file.close()


def test_a_clock_that_jumps_while_the_file_is_open_ages_nothing(tmp_path: Path, clocks: Clocks) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    for jump_s in (40 * YEAR_S, -80 * YEAR_S):
        clocks.wall_s += jump_s
        file.commit([], [], NOBODY)
        assert file.totals.messages == 3
    clocks.passes(AGE_S + 1)
    file.commit([], [], NOBODY)
    assert file.totals.messages == 0
    file.close()


def used(folder: Path, count: int) -> int:
    """Bytes that so many messages take."""
    file = OutboxLog(
        folder / f"measured-{count}.db", "E1", Limits(250_000, AGE_S)
    )  # segments as small as with the limit itself
    file.commit(messages(1, count, 700), [], NOBODY)
    file.close()
    return file.totals.used_bytes


@pytest.mark.usefixtures("clocks")  # rows take as many bytes as their times need
def test_a_file_of_just_its_limit_keeps_everything_and_a_byte_less_costs_the_oldest(tmp_path: Path) -> None:
    limit = used(tmp_path, 300)
    file = opened(tmp_path, size=limit)
    file.commit(messages(1, 300, 700), [], NOBODY)
    assert (file.totals.messages, file.totals.used_bytes) == (300, limit)
    assert file.totals.dropped == {"full": 0, "expired": 0, "torn": 0}
    file.close()
    file = opened(tmp_path, "E2", size=limit - 1)
    file.commit([], [], NOBODY)
    dropped = file.totals.dropped["full"]
    assert 0 < dropped < 300
    assert lost(file) == [("E1", 1, dropped, "full")]
    assert keys(file) == list(range(dropped + 1 - 300, 1))
    assert file.totals.used_bytes <= limit - 1
    file.close()


def test_what_the_broker_refuses_stays_while_there_is_room_and_goes_before_anything_else(tmp_path: Path) -> None:
    held = list(range(101, 301))
    file = opened(tmp_path, size=1_000_000)
    file.commit(messages(1, 400, 2000), [], NOBODY, held)
    assert (file.totals.messages, lost(file)) == (400, []), "there is room"
    file.commit(messages(401, 560, 2000), [], NOBODY, held)
    refused = file.totals.dropped["refused"]
    assert lost(file) == [("E1", 101, 100 + refused, "refused")], "the oldest of them, and no others"
    assert 0 < refused < 200
    assert file.totals.used_bytes <= 1_000_000
    assert keys(file) == [*range(1, 101), *range(101 + refused, 561)]
    # Of those that are still held a few are enough each time.
    file.commit(messages(561, 561, 2000), [], NOBODY, held[refused:])
    assert file.totals.dropped["refused"] <= refused + 64
    file.close()
    assert lost(opened_and_closed(tmp_path, "E2"))[0][:2] == ("E1", 101)


def test_what_is_dropped_is_known_by_reason_after_a_restart(tmp_path: Path, clocks: Clocks) -> None:
    """The account tells it, until the collector knows."""
    file = opened(tmp_path, size=1_000_000)
    file.commit(messages(1, 4), [], NOBODY)
    clocks.passes(AGE_S + 1)
    file.commit(messages(5, 1004, 2000), [], NOBODY)
    before = lost(file)
    assert {why for *_, why in before} == {"expired", "full"}
    file.commit([], [(1004, 1004)], NOBODY)
    file.close()
    file = opened(tmp_path, "E2")
    assert lost(file) == before
    assert file.totals.dropped == {"full": 0, "expired": 0, "torn": 0}
    file.commit(messages(1, 1), [], NOBODY)
    file.close()
    assert lost(opened_and_closed(tmp_path, "E3")) == before


def opened_and_closed(folder: Path, epoch: str) -> OutboxLog:
    file = opened(folder, epoch)
    file.close()
    return file


def test_keys_of_earlier_epochs_are_zero_and_below(tmp_path: Path) -> None:
    opened_file = opened(tmp_path, "E1")
    opened_file.commit(messages(1, 3), [], NOBODY)
    opened_file.close()
    file = opened(tmp_path, "E2")
    assert keys(file) == [-2, -1, 0]
    assert (file.totals.oldest_ms, file.totals.last_key) == (7, 3)
    file.commit(messages(1, 2), [(-1, -1)], NOBODY)
    assert keys(file) == [-2, 0, 1, 2]
    assert [each.key for each in file.read(-2, 2, 10)] == [0, 1]
    assert [each.key for each in file.read(-3, 3, 2)] == [-2, 0]
    assert file.totals.messages == 4
    assert file.totals.epochs == [EpochBase(0, "E1"), EpochBase(3, "E2")]
    file.close()
    again = opened(tmp_path, "E3")
    assert again.totals.epochs == [EpochBase(0, "E1"), EpochBase(3, "E2"), EpochBase(5, "E3")]
    assert again.totals.last_key == 5
    again.close()


def test_an_epoch_without_messages_leaves_no_trace(tmp_path: Path) -> None:
    for epoch in ("E1", "E2", "E3"):
        opened_and_closed(tmp_path, epoch)
    assert opened_and_closed(tmp_path, "E4").totals.epochs == [EpochBase(0, "E4")]


def test_lives_without_a_message_are_let_go_and_those_with_one_never(tmp_path: Path) -> None:
    """A collector names lives: what is left of one that is not known could never be deleted."""
    for life in range(EPOCHS_KEPT + 5):
        file = opened(tmp_path, f"E{life:02}")
        # Of the first two lives everything is stored.
        file.commit(messages(1, 2), [(-1, 0)] if life in {1, 2} else [], NOBODY)
        file.close()
    file = opened(tmp_path, "last")
    expected = [f"E{life:02}" for life in range(2, EPOCHS_KEPT + 5)]
    assert [each.epoch for each in file.totals.epochs] == [*expected, "last"]
    file.commit([], [(-2 * EPOCHS_KEPT - 20, 0)], NOBODY)
    file.close()
    file = opened(tmp_path, "very last")
    assert [each.epoch for each in file.totals.epochs] == [*expected[-EPOCHS_KEPT + 1 :], "very last"]
    file.close()


def test_a_file_where_the_folder_should_be_is_named_and_nobody_else_can_read_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "outbox.db.segments"
    folder.touch()
    with pytest.raises(ConfigError, match="is not a folder; choose another path"):
        opened(tmp_path)
    folder.unlink()
    opened_and_closed(tmp_path, "E1")
    assert folder.stat().st_mode & 0o007 == 0


def test_a_number_that_comes_twice_is_kept_once(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    file.commit(messages(3, 4), [], NOBODY)
    assert (file.totals.messages, keys(file)) == (4, [1, 2, 3, 4])
    file.commit([], [(3, 3), (3, 3), (9, 9)], NOBODY)
    assert (file.totals.messages, keys(file)) == (3, [1, 2, 4])
    file.close()


def test_messages_in_the_file_and_collectors_that_reported_are_known_at_the_next_start(tmp_path: Path) -> None:
    file = opened(tmp_path)
    assert (file.present, file.collectors) == ([], [])
    file.commit(messages(1, 6), [], NOBODY)
    file.commit([], [(1, 1), (4, 4)], NOBODY)
    assert file.totals.oldest_ms == 7  # the time of those written together
    file.save_collectors([("c", "ledger-1"), ("d", "ledger-2")])
    file.save_collectors([("c", "ledger-3")])
    file.close()
    file = opened(tmp_path, "E2")
    assert file.present == [(-4, -3), (-1, 0)]
    assert file.collectors == [("c", "ledger-3")]
    file.close()


def test_a_log_with_a_damaged_file_still_knows_which_collectors_have_reported(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [], NOBODY)
    file.save_collectors([("c", "ledger-1")])
    file.close()
    opened_and_closed(tmp_path, "E2")
    damage(segments(tmp_path)[0], 60)
    file = opened(tmp_path, "E3")
    assert (file.totals.damaged, file.collectors) == (1, [("c", "ledger-1")])
    file.close()
    assert opened_and_closed(tmp_path, "E4").collectors == [("c", "ledger-1")]


def segments(folder: Path) -> list[Path]:
    """The files of the log, the oldest first."""
    return sorted((folder / "outbox.db.segments").glob("*.seg"))


def damage(file: Path, at: int, count: int = 1) -> None:
    """Flip bits."""
    data = bytearray(file.read_bytes())
    data[at : at + count] = bytes(byte ^ 0xFF for byte in data[at : at + count])
    file.write_bytes(data)


def test_deleting_a_backlog_writes_next_to_nothing(tmp_path: Path) -> None:
    """4 MB of messages: whole files are deleted, and 20 bytes for each range of the others are written."""
    file = opened(tmp_path)
    file.commit(messages(1, 4000, size=2000), [], NOBODY)
    before = written_bytes()
    file.commit([], [(1, 1000), (1002, 4000)], NOBODY)
    assert written_bytes() - before < 2_000
    assert (file.totals.messages, keys(file)) == (1, [1001])
    # Nor is anything written again and again but the mark, 51 bytes: a gateway's flash lasts for so many writes.
    file.commit(messages(4001, 4002), [(4001, 4001)], NOBODY)
    file.save_collectors([("c", "l")])
    file.commit([], [], NOBODY)
    before = written_bytes()
    for _ in range(10):
        file.commit([], [], NOBODY)
    assert written_bytes() - before < 700
    file.close()


def test_small_groups_cost_little_more_than_their_bytes(tmp_path: Path) -> None:
    """As at a small site: a hundred groups of three messages of 1.5 kB, of readings that repeat. SQLite wrote ten times as much."""
    file = opened(tmp_path)
    payload = b",".join(b'"outlet_power_watts{outlet=%d}":%d' % (at, at * 7919 % 400) for at in range(40))
    rows = [Message(key, "t", payload, 7) for key in range(1, 301)]
    before = written_bytes()
    for at in range(0, 300, 3):
        file.commit(rows[at : at + 3], [(1, at - 9)] if at > 9 else [], NOBODY)
    # What is written as zeros first is among it.
    assert written_bytes() - before < 1.2 * 300 * len(payload)
    file.close()
    assert segments(tmp_path)[0].stat().st_size < 0.4 * 300 * len(payload)


def test_only_the_newest_of_many_files_is_kept_open(tmp_path: Path) -> None:
    """A process may have a thousand open files, and makes one of these every 4 MB."""
    file = opened(tmp_path, size=600_000)
    file.commit(messages(1, 200, size=1000), [], NOBODY)
    assert len(segments(tmp_path)) > 4
    files = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert [each for each in files if each.suffix == ".seg"] == [segments(tmp_path)[-1]]
    file.close()


def test_messages_that_are_delivered_while_they_are_written_do_not_cost_the_file(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 3), [(1, 3)], NOBODY)
    file.commit(messages(4, 4), [], NOBODY)
    assert keys(file) == [4]
    file.close()


def test_few_messages_that_stay_among_many_that_go_do_not_keep_their_files(tmp_path: Path) -> None:
    """One of 50 stays, as those of a topic that the broker refuses."""
    file = opened(tmp_path, size=4_000_000)
    for first in range(1, 20_001, 500):
        file.commit(messages(first, first + 499, 1000), [], NOBODY)
        file.commit([], [(key + 1, key + 49) for key in range(first, first + 500, 50)], NOBODY)
    assert keys(file) == list(range(1, 20_001, 50))
    assert file.totals.dropped == {"full": 0, "expired": 0, "torn": 0}
    assert sum(each.stat().st_size for each in segments(tmp_path)) < 1_300_000
    file.close()
    file = opened(tmp_path, "E2", size=4_000_000)
    assert keys(file) == list(range(1 - 20_000, 1, 50))
    assert (file.totals.dropped["torn"], file.totals.damaged) == (0, 0)
    file.close()


def test_a_nearly_full_outbox_takes_little_more_of_the_disk_than_its_limit_although_some_messages_go(
    tmp_path: Path,
) -> None:
    """Three of five stay, in each file: 3.6 MB of 4 MB, spread over 6 MB."""
    file, draw, largest = opened(tmp_path, size=4_000_000), random.Random(1), 0  # noqa: S311 - not secret
    for first in range(1, 6_001, 100):
        group = [Message(key, "t", draw.randbytes(1000), 7) for key in range(first, first + 100)]
        file.commit(group, [], NOBODY)
        file.commit([], [(key, key + 1) for key in range(first, first + 100, 5)], NOBODY)
        largest = max(largest, sum(each.stat().st_size for each in segments(tmp_path)))
    assert (len(keys(file)), file.totals.dropped["full"]) == (3_600, 0)
    assert largest < 5_000_000
    file.close()


def test_a_process_that_starts_again_and_again_does_not_fill_the_folder_with_files(tmp_path: Path) -> None:
    for life in range(90):
        file = opened(tmp_path, f"E{life}")
        file.commit(messages(1, 1), [], NOBODY)
        file.close()
    assert len(segments(tmp_path)) < 80
    file = opened(tmp_path, "last")
    assert keys(file) == list(range(-89, 1))
    file.close()


def written_bytes() -> int:
    """Bytes that this process has given to the kernel to write, from /proc/self/io."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("wchar:")).split()[1])


def test_what_is_freed_in_an_older_file_bit_by_bit_does_not_come_back_after_a_restart(tmp_path: Path) -> None:
    file = opened(tmp_path, size=2_000_000)
    for first in range(1, 101, 10):
        file.commit(messages(first, first + 9, 5000), [], NOBODY)
    for key in (1, 3, 5):
        file.commit([], [(key, key)], NOBODY)
    file.close()
    again = opened(tmp_path, size=2_000_000)
    # The keys of an earlier run are below those of this one.
    assert [key + 100 for key in keys(again)[:5]] == [2, 4, 6, 7, 8]
    again.close()


def test_a_backlog_in_several_files_that_is_delivered_at_once_does_not_come_back(tmp_path: Path) -> None:
    file = opened(tmp_path, size=600_000)
    file.commit(messages(1, 200, size=1000), [], NOBODY)
    assert len(segments(tmp_path)) > 4
    # The first file keeps one message, so that it stays, and another one is deleted by hand.
    segments(tmp_path)[1].unlink()
    file.commit([], [(2, 190)], NOBODY)
    assert len(segments(tmp_path)) < 4
    file.close()
    file = opened(tmp_path, "E2", size=600_000)
    assert keys(file) == [key - 200 for key in (1, *range(191, 201))]
    file.close()


def test_messages_of_an_earlier_run_that_are_dropped_are_named_by_their_keys_of_today(tmp_path: Path) -> None:
    """The outbox takes them out of what waits: others would be sent no more, and these asked for again and again."""
    file = opened(tmp_path)
    file.commit(messages(1, 200, size=1000), [], NOBODY)
    file.close()
    file = opened(tmp_path, "E2", size=100_000)
    file.commit(messages(1, 5, size=1000), [], NOBODY)
    gone = {key for first, last in file.evicted for key in range(first, last + 1)}
    assert gone
    assert gone | {*keys(file)} == {*range(-199, 6)}
    assert gone.isdisjoint(keys(file))
    file.close()


def test_of_an_outbox_whose_files_are_deleted_only_what_waited_is_lost(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.commit(messages(1, 9), [(1, 6)], NOBODY)
    file.close()
    for each in segments(tmp_path):
        each.unlink()
    file = opened(tmp_path, "E2")
    assert lost(file) == [("E1", 7, 9, "torn")]
    file.close()
