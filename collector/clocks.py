"""Times that cannot be: in go a message's time and that of its receipt, out comes the time to store it under; pure."""

AHEAD_MS = 600_000
OLDEST_MS = 400 * 86_400_000
EARLIEST_MS = 1_577_836_800_000
"""The beginning of 2020: an agent whose clock was not set yet."""


def stored_ms(time_ms: int, wall_ms: int) -> int:
    """The message's own time, or that of receipt where it is more than 10 minutes ahead, 400 days old or before 2020."""
    return time_ms if max(EARLIEST_MS, wall_ms - OLDEST_MS) <= time_ms <= wall_ms + AHEAD_MS else wall_ms
