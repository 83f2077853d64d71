"""A test that turns the monotonic clock turns it for nobody else."""

import re
import threading
import time
from pathlib import Path

import pytest

from tests.thread_clock import turn_clock

TESTS = Path(__file__).parent


def test_the_clock_is_turned_for_one_thread() -> None:
    before = time.monotonic()
    read: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        turn_clock(patch, lambda: before + 86_400.0)
        assert time.monotonic() == before + 86_400.0
        other = threading.Thread(target=lambda: read.append(time.monotonic()))
        other.start()
        other.join()
    assert before <= read[0] <= time.monotonic() < before + 86_400.0


def test_no_test_turns_it_for_all_threads() -> None:
    whole = re.compile(r"""setattr\((time, "monotonic"|"time\.monotonic")|time\.monotonic = """)
    found = [
        str(path.relative_to(TESTS))
        for path in TESTS.rglob("*.py")
        if path not in (TESTS / "thread_clock.py", Path(__file__)) and whole.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
