"""How fast an outbox sends its backlog: as fast as collectors store it, so that live messages do not wait behind it. Pure.

After an outage all agents of a site send their backlogs at once. What collectors cannot store at once waits in the broker, and live
messages wait behind it. An agent does not know about the others, but it gets reports of which of its messages are stored. The broker keeps
the order of messages, so the age of the oldest confirmed live message that is not stored is the length of the queue. The rate is halved
while the queue is too long and grows slowly otherwise, like the rate of a TCP sender.

Times are seconds of one steady clock.
"""

from collections import deque
from typing import Final

# The first rate after a connection was opened, as a share of the highest one. After an outage all agents of a site begin in the same
# second, and none of them knows the length of the queue before a collector's first report.
START_SHARE: Final = 0.04
# How long it usually takes until a message is stored, without a queue, is taken to be the shortest time of the last one or two minutes, at
# most LARGEST_USUAL_S (a queue that never ends must not become usual). A time more than QUEUE_S above that means that there is a queue.
# `benchmarks/scaling` tried shares of 0.02 to 0.1, growths of 1.25 to 1.6 and queues of 1 to 1.5 s: live messages were late by
# 3 to 12 s, and everything was stored within 5 % of the same time.
QUEUE_S: Final = 1.0
USUAL_WINDOW_S: Final = 60.0
LARGEST_USUAL_S: Final = 2.0
# Reports come every 2 s while anything is stored. After this long without a report, nothing is being stored, or the reports are queued too.
SILENT_S: Final = 6.0
# Time until a change of rate shows in the reports: the queue itself and the time between two reports.
STEP_S: Final = 3.0
GROWTH: Final = 1.4
"""The rate is multiplied by this with each report that shows no queue."""
# The rate never falls below this share of its limit (one message a second at the default of 500): otherwise nothing would show that the
# queue is gone.
LEAST_SHARE: Final = 0.002
# Confirmations remembered, so far apart that they cover an hour.
CONFIRMATIONS_APART_S: Final = 0.25
MAX_CONFIRMATIONS: Final = 14_400


class BacklogPace:
    """The rate of one outbox. While no collector has reported it is `most_per_s`."""

    def __init__(self, most_per_s: float) -> None:
        self._most_per_s = most_per_s
        self._per_s = most_per_s
        self._confirmations: deque[tuple[int, float]] = deque(maxlen=MAX_CONFIRMATIONS)
        """Keys, ascending, with the time of their confirmation: live messages, as they are the newest."""
        self._reported_s: float | None = None
        self._slowed_s = float("-inf")
        self._shortest_s = (LARGEST_USUAL_S, LARGEST_USUAL_S)
        """The shortest times until a message was durable, of the window before and of the present one."""
        self._window_until_s = float("-inf")

    def begin(self, now_s: float, *, has_reports: bool) -> None:
        """A connection was opened. `has_reports`: whether a collector has ever reported."""
        self._confirmations.clear()
        self._reported_s = now_s if has_reports else None
        self._per_s = self._most_per_s * (START_SHARE if has_reports else 1.0)

    def confirmed(self, key: int, now_s: float) -> None:
        """The broker has confirmed a message."""
        if self._confirmations:
            last_key, last_s = self._confirmations[-1]
            if key <= last_key or now_s - last_s < CONFIRMATIONS_APART_S:
                return
        self._confirmations.append((key, now_s))

    def stored(self, highest: int, now_s: float) -> None:
        """A collector has reported; `highest` is the highest key that it has stored. The most advanced of several collectors counts."""
        self._reported_s = now_s
        while self._confirmations and self._confirmations[0][0] <= highest:
            self._confirmations.popleft()
        late_s = self._queue_s(now_s)
        previous_s, current_s = self._shortest_s
        if now_s >= self._window_until_s:
            previous_s, current_s = current_s, LARGEST_USUAL_S
            self._window_until_s = now_s + USUAL_WINDOW_S
        self._shortest_s = previous_s, min(current_s, late_s)
        if late_s - min(self._shortest_s) > QUEUE_S:
            self._slow_down(now_s)
        elif now_s - self._slowed_s >= STEP_S:
            self._per_s = min(self._most_per_s, self._per_s * GROWTH)

    def collectors_gone(self) -> None:
        """Note that no collector reads these messages any more: without reports, the backlog goes at the highest rate."""
        self._reported_s = None
        self._per_s = self._most_per_s

    def per_s(self, now_s: float) -> float:
        """Messages of the backlog that may be sent a second, now."""
        if self._reported_s is not None and now_s - self._reported_s > SILENT_S and self._queue_s(now_s) > SILENT_S:
            self._slow_down(now_s)
        return self._per_s

    def _queue_s(self, now_s: float) -> float:
        return now_s - self._confirmations[0][1] if self._confirmations else 0.0

    def _slow_down(self, now_s: float) -> None:
        if now_s - self._slowed_s >= STEP_S:
            self._slowed_s = now_s
            self._per_s = max(self._most_per_s * LEAST_SHARE, self._per_s / 2)
