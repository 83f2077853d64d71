"""Follows the uptime of a device across wraps of its counter, and notices when the device has restarted. Pure.

Times are monotonic seconds, so that a jump of the system time is no restart.
"""

from agent.profile import RawValue, plain_number

# TimeTicks count hundredths of a second modulo 2^32, which is 497 days (RFC 2578, 7.1.8).
TIMETICKS = 2**32
WRAP_S = TIMETICKS / 100
# An uptime that starts again from 0 counts as a wrap of the counter if the wrap was due at that time, give or take a minute and a
# twentieth of the time since the last reading (clocks differ). A reboot that close to the wrap is missed until the tables are walked
# again. Chosen.
WRAP_SLACK_S = 60.0
WRAP_SLACK_SHARE = 0.05
# After a silence, the device counts as not restarted if its uptime differs by at most this from the expected one. Clocks of such cards
# drift by less than 1 %, and an answer may take seconds. Chosen.
UPTIME_SLACK_S = 5.0
UPTIME_SLACK_SHARE = 0.01


class Uptime:
    """The uptime of one device, from its sysUpTime."""

    def __init__(self) -> None:
        self.has_restarted = False
        """Whether the uptime went back. The poller sets it to False once it has dealt with the restart."""
        self._uptime_s: float | None = None
        self._read_at = 0.0
        self._wraps = 0

    @property
    def is_known(self) -> bool:
        """Whether the device has ever told it."""
        return self._uptime_s is not None

    def update(self, ticks_cell: RawValue, now: float) -> float | None:
        """Seconds since the device started, from a value of sysUpTime (TimeTicks) just read; None if the value is not valid TimeTicks."""
        ticks = plain_number(ticks_cell)
        if ticks is None or not 0 <= ticks < TIMETICKS:
            return None
        uptime_s = ticks / 100 + self._wraps * WRAP_S
        if self._uptime_s is not None and uptime_s < self._uptime_s:
            elapsed_s = now - self._read_at
            slack_s = max(WRAP_SLACK_S, elapsed_s * WRAP_SLACK_SHARE)
            if abs(uptime_s + WRAP_S - self._uptime_s - elapsed_s) <= slack_s:
                self._wraps += 1
                uptime_s += WRAP_S
            else:
                self.has_restarted = True
                uptime_s, self._wraps = ticks / 100, 0
        self._uptime_s, self._read_at = uptime_s, now
        return uptime_s

    def update_after_silence(self, ticks_cell: RawValue, now: float) -> bool:
        """Do the same as `update`; return whether the device has run since then without a restart. False if its uptime is unknown."""
        known_s, known_at = self._uptime_s, self._read_at
        uptime_s = self.update(ticks_cell, now)
        if known_s is None or uptime_s is None or self.has_restarted:
            return False
        elapsed_s = self._read_at - known_at
        return abs(uptime_s - known_s - elapsed_s) <= UPTIME_SLACK_S + elapsed_s * UPTIME_SLACK_SHARE
