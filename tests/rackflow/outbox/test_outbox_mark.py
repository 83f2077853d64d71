"""Marks beside an outbox's file: what a process that died in between has left of them."""

from pathlib import Path

from rackflow.outbox.mark import Mark, MarkFile, Run


def test_a_mark_that_was_written_over_and_not_yet_cut_off_counts(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db.mark"
    long, short = Mark(100, 200, (Run(0, "E1"), Run(50, "E2"))), Mark(7, 9, (Run(0, "E1"),))
    mark = MarkFile(path)
    mark.write(long)
    old = path.read_bytes()
    mark.write(short)
    mark.close()
    new = path.read_bytes()
    path.write_bytes(new + old[len(new) :])
    assert MarkFile(path).read() == short
