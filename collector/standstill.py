"""Decides whether a collector handles no messages although some wait, so that a restart helps. The process's watchdog asks it."""

from collector.parts import Parts
from rackflow.process.watchdog import StillTimer

# Every step of handling a message is bounded by a timeout well below; beyond it something hangs. Chosen value.
STANDSTILL_S = 60.0


class Standstill:
    """Watches the count of durable messages. `store_timeout_s` is the longest that one write to the store may take."""

    def __init__(self, parts: Parts, store_timeout_s: float) -> None:
        self._parts = parts
        # A write to the store that is on its way may take its whole timeout before it counts as a fault.
        self._limit_s = STANDSTILL_S + store_timeout_s
        self._timer = StillTimer()

    def reason(self, now_s: float) -> str:
        """Why messages are not handled although they come; empty if all is well, or if none come. `now_s` is monotonic.

        While the store or the ledger refuses, messages wait on purpose, and a restart would not help.
        """
        parts, limit_s = self._parts, self._limit_s
        if parts.subscriber is None or parts.writer is None:
            return ""
        waiting = parts.subscriber.waiting + parts.writer.pending
        refusing = any(part is not None and part.fault is not None for part in (parts.persistence, parts.ledger))
        still_s = self._timer.update(parts.writer.durable, now_s, expected=bool(waiting) and not refusing)
        return f"messages waiting: {waiting}; none was made durable for {limit_s:g} s" if still_s > limit_s else ""
