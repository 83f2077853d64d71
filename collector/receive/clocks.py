"""Impossible message times, and the time under which such a message is stored instead."""

from collections.abc import Hashable

AHEAD_MS = 600_000
DAY_MS = 86_400_000
DRIFT_MS = 60_000
MAX_DEVICES = 10_000
EARLIEST_MS = 1_577_836_800_000
"""The beginning of 2020: an agent whose clock was not set yet."""


def is_plausible(time_ms: int, wall_ms: int, oldest_days: int) -> bool:
    """Whether a message received at `wall_ms` may be of that time: at most 10 minutes ahead, not too old, not before 2020.

    A collector whose own clock was not set yet cannot tell what is ahead.
    """
    latest_ms = wall_ms + AHEAD_MS if wall_ms >= EARLIEST_MS else time_ms
    return max(EARLIEST_MS, wall_ms - oldest_days * DAY_MS) <= time_ms <= latest_ms


class ReceiptTimes:
    """Times for messages whose own cannot be: that of receipt, or the next ms where a device has had that already."""

    def __init__(self) -> None:
        self._last: dict[Hashable, int] = {}

    def next(self, device: Hashable, wall_ms: int) -> int:
        """A time that no other message of the device was given, unless the collector's own clock was set back."""
        last = self._last.get(device, 0)
        placed = last + 1 if wall_ms <= last < wall_ms + DRIFT_MS else wall_ms
        if len(self._last) >= MAX_DEVICES:
            self._last.clear()
        self._last[device] = placed
        return placed
