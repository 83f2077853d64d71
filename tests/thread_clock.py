"""A clock that a test turns, for the test's own thread.

`time.monotonic` belongs to the whole process. Threads of fixtures that live longer than one test (an agent that is played, a browser's
connection) have event loops on it: if a test turned it for them too, all their timeouts would pass in the middle of somebody else's test.
"""

import threading
import time
from collections.abc import Callable

import pytest


def turn_clock(patch: pytest.MonkeyPatch, reading: Callable[[], float]) -> None:
    """Until `patch` is undone, `time.monotonic()` is `reading()` for the calling thread, and what it was for all others."""
    mine, real = threading.get_ident(), time.monotonic
    patch.setattr(time, "monotonic", lambda: reading() if threading.get_ident() == mine else real())
