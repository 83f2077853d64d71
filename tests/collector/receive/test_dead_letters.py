"""The dead-letter file: what it cannot take is counted, and never ends the flow."""

import base64
import json
from pathlib import Path

import pytest

from collector.receive.dead_letters import (
    BURST_BYTES,
    BYTES_PER_S,
    ENTRY_BYTES,
    PAYLOAD_LIMIT_BYTES,
    DeadLetters,
    LetterBudget,
)


def test_a_file_that_cannot_be_moved_is_no_end(tmp_path: Path) -> None:
    """Nothing raises, and it goes on as soon as it can."""
    letters = DeadLetters(tmp_path / "dead.jsonl", 2000)
    in_the_way = tmp_path / "dead.jsonl.1"
    in_the_way.mkdir()
    taken = [
        letters.write(1, "topic", reason="schema", error="error", payload=b"x" * 100, size_bytes=100) for _ in range(10)
    ]
    assert taken[0]
    assert not any(taken[-3:])
    assert (tmp_path / "dead.jsonl").stat().st_size <= 1000
    in_the_way.rmdir()
    assert letters.write(1, "topic", reason="schema", error="error", payload=b"y", size_bytes=1)
    (tmp_path / "dead.jsonl").unlink()
    assert all(
        letters.write(1, "topic", reason="schema", error="error", payload=b"x" * 100, size_bytes=100) for _ in range(10)
    )
    assert (tmp_path / "dead.jsonl").exists()
    letters.close()


def test_each_outage_of_the_disk_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An agent with a fault has a dead letter each second."""
    letters = DeadLetters(tmp_path / "dead.jsonl", 2000)
    in_the_way = tmp_path / "dead.jsonl.1"

    def write() -> bool:
        return letters.write(1, "topic", reason="schema", error="error", payload=b"x" * 500, size_bytes=500)

    assert write()
    for outages in (1, 2):
        in_the_way.mkdir()
        assert [write() for _ in range(3)] == [False] * 3
        assert caplog.text.count("dead letters not written") == outages
        in_the_way.rmdir()
        assert write()
        in_the_way.unlink()
    letters.close()


def test_an_entry_tells_what_it_was_and_is_cut_where_it_is_long(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead.jsonl", 1 << 20)
    assert letters.write(
        7, "t" * 1001, reason="schema", error="e" * 2001, payload=b"x" * (PAYLOAD_LIMIT_BYTES + 1), size_bytes=99
    )
    letters.close()
    [entry] = [json.loads(line) for line in (tmp_path / "dead.jsonl").read_text(encoding="utf-8").splitlines()]
    assert base64.b64decode(entry.pop("payload")) == b"x" * PAYLOAD_LIMIT_BYTES
    expected = {"time": 7, "topic": "t" * 1000, "reason": "schema", "error": "e" * 2000, "payload_bytes": 99}
    assert entry == expected


def test_a_file_of_just_half_of_its_limit_goes_on_and_one_byte_more_begins_a_new_one(tmp_path: Path) -> None:
    first = DeadLetters(tmp_path / "measured.jsonl", 1 << 20)
    assert first.write(1, "topic", reason="schema", error="error", payload=b"x", size_bytes=1)
    first.close()
    size = (tmp_path / "measured.jsonl").stat().st_size
    for name, limit, old in (("fits", 4 * size, 2), ("short", 4 * size - 1, 1)):
        letters = DeadLetters(tmp_path / name, limit)
        for _ in range(3):
            assert letters.write(1, "topic", reason="schema", error="error", payload=b"x", size_bytes=1)
        letters.close()
        assert (tmp_path / f"{name}.1").stat().st_size == old * size
        assert (tmp_path / name).stat().st_size == size


def test_one_that_is_larger_than_half_of_the_limit_is_kept_alone(tmp_path: Path) -> None:
    letters = DeadLetters(tmp_path / "dead.jsonl", 20)
    assert letters.write(1, "topic", reason="schema", error="error", payload=b"x", size_bytes=1)
    assert not (tmp_path / "dead.jsonl.1").exists()
    letters.close()


def test_an_agent_with_a_fault_uses_up_its_own_budget_and_nobody_else_s() -> None:
    """64 kB each second, of which 22 MB a day are kept."""
    budget, written = LetterBudget(), 0
    for second in range(3600):
        written += budget.take("cas1/gw-1", 10 * PAYLOAD_LIMIT_BYTES, float(second))
    entry = ENTRY_BYTES + PAYLOAD_LIMIT_BYTES * 4 / 3
    assert written == int((BURST_BYTES + 3600 * BYTES_PER_S) / entry) == 22
    assert not budget.take("cas1/gw-1", PAYLOAD_LIMIT_BYTES, 3600.0)
    assert budget.take("cas1/gw-2", PAYLOAD_LIMIT_BYTES, 3600.0)
    assert budget.take("cas2/gw-1", PAYLOAD_LIMIT_BYTES, 3600.0)
