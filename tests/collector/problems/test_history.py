"""The file of ended problems: it survives a restart, a kill in the middle of a line, and does not grow without end."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from collector.problems.conditions import labels_of
from collector.problems.history import (
    FORMAT,
    KEEP_S,
    MAX_CAUSES,
    MAX_CONSEQUENCES,
    MAX_FILE_BYTES,
    MAX_WAITING,
    Ended,
    History,
    append_history,
    history_files,
    is_known_format,
    read_history,
)
from collector.problems.maintenance import Window
from collector.problems.table import load_table
from collector.problems.tracker import TrackedProblem

NOW_S = 1_795_000_000.0


def ended(at_s: float = NOW_S, name: str = "DcimSmoke", *, is_cause: bool = True) -> Ended:
    """A problem that lasted a minute."""
    return Ended(name, [("device", "x"), ("site", "t1")], at_s - 60, at_s, 1.0, 1.0, is_cause)


def tracked(name: str = "DcimSmoke") -> TrackedProblem:
    """A problem that has been active for a minute."""
    problem = load_table().problems[name]
    return TrackedProblem(
        problem, labels_of({"device": "x"}), ("device", "x"), 1.0, 3.0, is_active=True, since_s=NOW_S - 60
    )


def test_a_problem_that_ends_is_noted_with_its_times_and_its_worst_value() -> None:
    history, one = History(), tracked()
    history.note(one)
    assert history.since(0.0, NOW_S) == [], "it has not ended"
    one.is_active, one.ended_s = False, NOW_S
    history.note(one)
    expected = Ended("DcimSmoke", [("device", "x")], NOW_S - 60, NOW_S, 1.0, 3.0, is_cause=True)
    assert history.since(0.0, NOW_S) == [expected]
    assert history.take_waiting() == [expected]


def test_a_problem_that_had_a_cause_at_any_time_is_a_consequence_once() -> None:
    """It may end after its cause, and it may come again without one."""
    history, one = History(), tracked()
    one.cause = "DcimFeedLost", ()
    history.note(one)
    one.cause = None
    history.note(one)
    one.is_active, one.ended_s = False, NOW_S
    history.note(one)
    one.is_active = True
    history.note(one)
    one.is_active, one.ended_s = False, NOW_S + 1
    history.note(one)
    assert [each.is_cause for each in history.take_waiting()] == [False, True]


def test_entries_in_both_history_files_count_once_and_entries_of_the_future_not_at_all() -> None:
    """A clock that was set back, and a file that gave way between two copies of a backup."""
    history = History()
    history.restore([ended(NOW_S - 1), ended(NOW_S - 1), ended(NOW_S), ended(NOW_S + 1), ended(NOW_S - KEEP_S)], NOW_S)
    assert [each.ended_s for each in history.since(0.0, NOW_S)] == [NOW_S, NOW_S - 1]


def test_after_a_restart_what_ended_at_once_elsewhere_is_kept_and_nothing_is_written_again() -> None:
    """A feed that returns ends the problems of all its devices in the same moment."""
    history, one = History(), ended()
    other = msgspec.structs.replace(one, labels=[("device", "y"), ("site", "t1")])
    history.restore([one, other], NOW_S)
    assert history.since(0.0, NOW_S) == [one, other]
    assert history.take_waiting() == []


def test_the_file_before_is_read_first(tmp_path: Path) -> None:
    now, before = history_files(tmp_path / "problems.json")
    for file, at_s in ((before, NOW_S - 5), (now, NOW_S)):
        append_history(file, [ended(at_s)])
    assert [each.ended_s for each in read_history(now)] == [NOW_S - 5, NOW_S]


def test_what_ended_in_a_maintenance_window_has_its_name() -> None:
    history, one = History(), tracked()
    until = datetime.fromtimestamp(NOW_S, UTC)
    one.window = Window(id="W-1", until=until, match={"device": "x"}, why="test")
    one.is_active, one.ended_s = False, NOW_S
    history.note(one)
    assert [each.maintenance for each in history.since(0.0, NOW_S)] == ["W-1"]


def test_what_ended_is_shown_for_a_day_and_since_a_time() -> None:
    history = History()
    history.restore([ended(NOW_S - 10), ended(NOW_S - 5)], NOW_S)
    assert [each.ended_s for each in history.since(NOW_S - 10, NOW_S)] == [NOW_S - 5]
    assert [each.ended_s for each in history.since(0.0, NOW_S - 10 + KEEP_S)] == [NOW_S - 5]


def test_the_history_stands_beside_the_problems(tmp_path: Path) -> None:
    """Backups and operators know it by its name."""
    names = [each.name for each in history_files(tmp_path / "problems.json")]
    assert names == ["problems.history.jsonl", "problems.history.jsonl.1"]


def test_a_file_of_a_newer_version_is_not_read_and_gives_way_unharmed(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    append_history(path, [ended(NOW_S - 9)])
    assert path.read_bytes().splitlines()[0] == b'{"history_format":1}'
    assert FORMAT == 1
    newer = path.read_bytes().replace(b":1}", b":2}", 1)
    path.write_bytes(newer)
    assert not is_known_format(path)
    assert read_history(path) == []
    append_history(path, [ended(NOW_S - 5)])
    assert [each.ended_s for each in read_history(path)] == [NOW_S - 5]
    assert (tmp_path / "h.jsonl.1").read_bytes() == newer


def test_a_file_far_larger_than_any_written_here_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    append_history(path, [ended()])
    with path.open("ab") as file:
        file.truncate(2 * MAX_FILE_BYTES + 1)
    assert read_history(path) == []


def test_what_was_written_is_read_again_and_what_is_older_than_a_day_is_left_out(tmp_path: Path) -> None:
    """As after a restart."""
    path = tmp_path / "problems.history.jsonl"
    append_history(path, [ended(NOW_S - KEEP_S - 1), ended(NOW_S - 100)])
    append_history(path, [ended(NOW_S - 5)])
    history = History()
    history.restore(read_history(path), NOW_S)
    assert [each.ended_s for each in history.since(0.0, NOW_S)] == [NOW_S - 5, NOW_S - 100]


def test_a_line_cut_short_by_a_kill_costs_only_itself(tmp_path: Path) -> None:
    """And so does one that somebody edited."""
    path = tmp_path / "h.jsonl"
    append_history(path, [ended(NOW_S - 9)])
    with path.open("ab") as file:
        file.write(b'{"name":"DcimSm\n[1,2]\n\xff\xfe\n')
    append_history(path, [ended(NOW_S - 5)])
    assert [each.ended_s for each in read_history(path)] == [NOW_S - 9, NOW_S - 5]
    assert read_history(tmp_path / "none.jsonl") == []


def test_the_files_are_bounded_and_the_latest_are_kept(tmp_path: Path) -> None:
    """A grown file gives way to a new one, and the two of them are read."""
    path = tmp_path / "h.jsonl"
    some = [ended(NOW_S - 10_000 + at) for at in range(2000)]
    for _ in range(12):
        append_history(path, some)
    append_history(path, [ended()])
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2 * MAX_FILE_BYTES
    assert len(list(tmp_path.iterdir())) == 2
    assert read_history(path)[-1].ended_s == NOW_S


def test_consequences_do_not_displace_causes() -> None:
    """One lost feed has hundreds of them."""
    history = History()
    history.restore([ended(NOW_S - 50)], NOW_S)
    history.restore([ended(NOW_S - 40 - at, is_cause=False) for at in range(5 * MAX_CONSEQUENCES)], NOW_S)
    found = history.since(0.0, NOW_S)
    assert len(found) == 1 + MAX_CONSEQUENCES
    history.restore([ended(NOW_S - 30 - at) for at in range(5 * MAX_CAUSES)], NOW_S)
    assert len(history.since(0.0, NOW_S)) == MAX_CAUSES + MAX_CONSEQUENCES == 3000


def test_what_waits_for_a_disk_that_refuses_is_bounded_and_the_latest_is_kept() -> None:
    history = History()
    for at in range(MAX_WAITING + 10):
        history.add(ended(NOW_S + at))
    waiting = history.take_waiting()
    assert [len(waiting), waiting[-1].ended_s] == [MAX_WAITING, NOW_S + MAX_WAITING + 9]


def test_what_could_not_be_written_is_written_later_in_its_order() -> None:
    """While a disk refuses, what waits is bounded."""
    history = History()
    first, second = ended(NOW_S - 2), ended(NOW_S - 1)
    history.give_back([first, second])
    assert history.take_waiting() == [first, second]
    history.give_back([second])
    history.give_back([first])
    assert history.take_waiting() == [first, second]
    assert history.take_waiting() == []


@given(data=st.binary(max_size=300))
def test_any_file_can_be_read(data: bytes, tmp_path_factory: object) -> None:
    """Whatever is in it."""
    path = tmp_path_factory.getbasetemp() / "any.jsonl"  # type: ignore[attr-defined]
    path.write_bytes(data)
    assert isinstance(read_history(path), list)
