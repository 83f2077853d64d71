"""Recognises impossible message times, and chooses the time under which such a message is stored instead.

A reading with a wrong time is still a reading: it is stored under its time of receipt, with the original beside it.
"""

from collections.abc import Hashable

# How far a message may be ahead of the collector's clock. This is far more than two clocks kept by NTP differ, and less than the
# error of a wrong time zone (15 minutes at least) or date.
AHEAD_MS = 600_000
DAY_MS = 86_400_000
# NTP may step the wall clock back, and each substitute time may run 1 ms ahead of it. A larger difference means that the clock was
# set, and substitute times follow it.
DRIFT_MS = 60_000
# Devices whose last substitute time is remembered. When the limit is reached, all are forgotten: at worst two messages of one
# device in one ms share a time. Names can be invented, so there must be a bound.
MAX_DEVICES = 10_000
# The beginning of 2020. A clock before that was never set: without a battery it starts in 1970, or at the firmware's build date.
EARLIEST_MS = 1_577_836_800_000


def is_plausible(time_ms: int, wall_ms: int, oldest_days: int) -> bool:
    """Whether `time_ms` is possible for a message received at `wall_ms`: at most 10 minutes ahead, not too old, not before 2020.

    A collector whose own clock is not set yet (before 2020) cannot tell which times are ahead, and accepts them: otherwise every
    reading would be stored under a time in 1970.
    """
    latest_ms = wall_ms + AHEAD_MS if wall_ms >= EARLIEST_MS else time_ms
    return max(EARLIEST_MS, wall_ms - oldest_days * DAY_MS) <= time_ms <= latest_ms


class ReceiptTimes:
    """Substitute times for messages with an impossible time: the time of receipt, or the device's next free ms.

    Two messages of one device under the same time would be one point, and one of them would be lost.
    """

    def __init__(self) -> None:
        self._last: dict[Hashable, int] = {}

    def next(self, device: Hashable, wall_ms: int) -> int:
        """A time that no other message of the device has, unless the collector's own clock was set back by over a minute."""
        last = self._last.get(device, 0)
        placed = last + 1 if wall_ms <= last < wall_ms + DRIFT_MS else wall_ms
        if len(self._last) >= MAX_DEVICES:
            self._last.clear()
        self._last[device] = placed
        return placed
