"""Whether a clock may be trusted to delete by.

Deleting is the only effect of a wrong clock that cannot be undone: a clock that jumps a year ahead would make everything old.
"""

from typing import Final

# The wall clock must have kept pace with the monotonic one for an hour. NTP steps (more than 128 ms, usually seconds at most) are far below
# a minute.
JUMP_S: Final = 60.0
STEADY_S: Final = 3600.0


class SteadyClock:
    """The wall clock of one process, compared with its monotonic one."""

    def __init__(self) -> None:
        # The wall clock minus the monotonic one, and since when (monotonic) this difference has not jumped.
        self._ahead_s = self._since_s = 0.0

    def is_steady(self, wall_s: float, now_s: float) -> bool:
        """Whether the wall clock has not jumped for an hour. `now_s` is monotonic; ask at least once an hour."""
        if abs(wall_s - now_s - self._ahead_s) > JUMP_S:
            self._ahead_s, self._since_s = wall_s - now_s, now_s
        return now_s - self._since_s >= STEADY_S
