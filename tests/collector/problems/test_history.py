"""The file of ended problems: it survives a restart, a kill in the middle of a line, and does not grow without end."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collector.problems.history import (
    KEEP_S,
    MAX_CAUSES,
    MAX_CONSEQUENCES,
    MAX_FILE_BYTES,
    Ended,
    History,
    append_history,
    read_history,
)

NOW_S = 1_795_000_000.0


def ended(at_s: float = NOW_S, name: str = "DcimSmoke", *, is_cause: bool = True) -> Ended:
    """A problem that lasted a minute."""
    return Ended(name, [("device", "x"), ("site", "t1")], at_s - 60, at_s, 1.0, 1.0, is_cause)


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
    assert len(history.since(0.0, NOW_S)) == MAX_CAUSES + MAX_CONSEQUENCES


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
