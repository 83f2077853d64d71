"""Waits for a condition until a deadline: returns the first true result, or raises `TimeoutError`."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import TypeVar

# How often a condition is checked: short compared with the usual wait, long compared with the cost of a check.
STEP_S = 0.02
PATIENCE_S = float(os.environ.get("RACKFLOW_PATIENCE_S", "60"))
"""Ends a test that fails; one that passes never waits so long, and a loaded machine can be ten times slower than a free one.

`make mutants` waits less: there most tests that wait are going to fail.
"""

Answer = TypeVar("Answer")


def wait_until(check: Callable[[], Answer], what: str, timeout_s: float = PATIENCE_S) -> Answer:
    """Ask until the answer is true. Blocks; in a coroutine use `eventually`."""
    deadline = time.monotonic() + timeout_s
    while not (answer := check()):
        if time.monotonic() > deadline:
            msg = f"not within {timeout_s:g} s: {what}; last answer {answer!r}"
            raise TimeoutError(msg)
        time.sleep(STEP_S)
    return answer


async def eventually(check: Callable[[], Answer], what: str, timeout_s: float = PATIENCE_S) -> Answer:
    """Ask until the answer is true, each time in a thread, so that a peer served by this very loop can answer."""
    deadline = time.monotonic() + timeout_s
    while not (answer := await asyncio.to_thread(check)):
        if time.monotonic() > deadline:
            msg = f"not within {timeout_s:g} s: {what}; last answer {answer!r}"
            raise TimeoutError(msg)
        await asyncio.sleep(STEP_S)
    return answer
