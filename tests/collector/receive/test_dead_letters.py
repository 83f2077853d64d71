"""The dead-letter file: what it cannot take is told, and never ends the flow."""

from pathlib import Path

from collector.receive.dead_letters import DeadLetters


def test_a_file_that_cannot_be_moved_is_no_end(tmp_path: Path) -> None:
    """Nothing raises, and it goes on as soon as it can."""
    letters = DeadLetters(tmp_path / "dead.jsonl", 2000)
    in_the_way = tmp_path / "dead.jsonl.1"
    in_the_way.mkdir()
    taken = [letters.write(1, "topic", "schema", "error", b"x" * 100, 100) for _ in range(10)]
    assert taken[0]
    assert not any(taken[-3:])
    assert (tmp_path / "dead.jsonl").stat().st_size <= 1000
    in_the_way.rmdir()
    assert letters.write(1, "topic", "schema", "error", b"y", 1)
    (tmp_path / "dead.jsonl").unlink()
    assert all(letters.write(1, "topic", "schema", "error", b"x" * 100, 100) for _ in range(10))
    assert (tmp_path / "dead.jsonl").exists()
    letters.close()
