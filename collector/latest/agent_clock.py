"""Estimates the error of an agent's clock from the delays of its messages. No I/O; `now` is monotonic seconds.

A delay is the collector's wall clock at receipt minus the time that the agent wrote into the message. It has the error of the agent's
clock in it, so it may have either sign. There are two estimates, because they serve different ends:

* `lateness_s` tells backlog from live messages. It trusts the clock until 15 s of messages have shown that it is wrong, because a reading
  that is taken for live by mistake would be shown as current.
* `offset_s` is for people (`dcim_agent_clock_offset_seconds`): the least delay of the last minutes, from the first message on.

Times that no clock can have are the matter of `collector/receive/clocks.py`.
"""

from dataclasses import dataclass

from collector.latest.shelf_life import SHELF_LIFE_FLOOR_S
from rackflow import Batch

# An agent's clock offset is calculated from the message of the last five to ten minutes that was least delayed: queues delay most messages,
# but hardly the fastest. Short enough to show a clock that was just set.
OFFSET_WINDOW_S = 300.0
# Live messages of an agent with a wrong clock all have the same delay, within a second for polling and network. The delay of a
# backlog shrinks, because it arrives faster than it was made. So after 15 s of steady delay the clock must be wrong. With less
# time a burst of backlog would count as live; with more, such an agent's devices would be missing for longer after a restart.
STEADY_S = 1.0
CERTAIN_S = 15.0
# A busy gateway or a radio link delays single messages by seconds. If messages with the former delay come again within this time, the delay
# says nothing about the clock. (In a growing queue no such message comes.)
RETURNS_S = 5.0


@dataclass(slots=True)
class SteadyDelay:
    """A delay that an agent's newest messages have in common. `since` is when the first of them came, `last_at` the last (monotonic)."""

    delay_s: float
    since: float
    last_at: float

    def lasts(self, delay_s: float, now: float) -> bool:
        """Whether messages have had this delay for `CERTAIN_S`, this one included. If its delay differs, a new series may begin with it."""
        if abs(delay_s - self.delay_s) <= STEADY_S:
            self.last_at = now
            return now - self.since >= CERTAIN_S
        if delay_s < self.delay_s or now - self.last_at >= RETURNS_S:
            self.delay_s, self.since, self.last_at = delay_s, now, now
        return False


@dataclass(slots=True)
class AgentClock:
    """The clock of one agent, as far as its messages have shown it."""

    _front: tuple[str, int] = ("", 0)
    """Epoch and highest number so far."""
    _skew_s: float = 0.0
    """The error of the clock, as far as it is certain; 0 while the clock is trusted."""
    _steady: SteadyDelay | None = None
    _window_from: float = -OFFSET_WINDOW_S
    _least_delay_s: tuple[float | None, float | None] = (None, None)
    """The least delay of the window before the present one, and of the present one."""

    def note(self, batch: Batch, delay_s: float, now: float) -> None:
        """Learn from a message that was received `delay_s` after the time that it states."""
        before, present = self._least_delay_s
        if now - self._window_from >= OFFSET_WINDOW_S:
            self._window_from, before, present = now, present, None
        self._least_delay_s = before, delay_s if present is None else min(present, delay_s)
        epoch, seq = self._front
        if batch.epoch != epoch or batch.seq > seq:
            # Only the highest numbers so far: backlog has lower numbers, and its delay says nothing about the clock.
            self._front = batch.epoch, batch.seq
            self._learn_skew(delay_s, now)

    def lateness_s(self, delay_s: float) -> float:
        """How late a message really is, seconds: its delay without the error of the agent's clock. The message must have been noted.

        A clock that is behind makes live messages look late; a clock that is ahead makes backlog look live. The error is known once
        messages with ever higher numbers had the same delay for `CERTAIN_S`; until then the clock is trusted.
        """
        return delay_s - self._skew_s

    @property
    def offset_s(self) -> float | None:
        """Agent's clock minus the collector's, seconds, from the least delayed message; too low by that message's delay."""
        known = [delay for delay in self._least_delay_s if delay is not None]
        return -min(known) if known else None

    def _learn_skew(self, delay_s: float, now: float) -> None:
        """Learn from the delay of the agent's newest message.

        No message arrives before it was made, so a shorter delay disproves the assumed error of the clock. A longer delay does not: the
        message may only have been held up on its way.
        """
        if abs(delay_s - self._skew_s) <= STEADY_S:
            self._steady = None
            return
        if delay_s < self._skew_s:
            if self._skew_s - delay_s <= SHELF_LIFE_FLOOR_S:
                # All messages were delayed when the error was measured, or the clock was adjusted a little since.
                self._skew_s, self._steady = delay_s, None
                return
            # The clock has been set: it is trusted again.
            self._skew_s = 0.0
        if self._steady is None:
            self._steady = SteadyDelay(delay_s, now, now)
        if self._steady.lasts(delay_s, now):
            self._skew_s, self._steady = delay_s, None
            # The clock has been set back: what was measured before would hide it for up to two windows.
            self._window_from, self._least_delay_s = now, (None, delay_s)
