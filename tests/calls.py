"""How many functions some work calls: what it costs, counted and not timed.

Seconds of CPU are not the work's alone: a collection of garbage in a process that has run thousands of tests takes longer than what is
measured, and a starved machine does less in each of them.
"""

import sys
from collections.abc import Callable
from types import FrameType


def calls_of(work: Callable[[], object]) -> int:
    """Calls of functions, of Python and of C, in the calling thread while `work` runs."""
    calls = 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls
