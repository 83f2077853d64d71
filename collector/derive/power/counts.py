"""How often something happened within the last hour, from counters that a device never resets. No I/O."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from collector.derive.engine import Planner, Result, Value

HOUR_S = 3600.0
# One sample a minute is enough for an hour.
_SAMPLE_S = 60.0
_COUNTED = {"dcim_ups_input_faults_total": "dcim_ups_input_faults_in_hour"}


@dataclass(slots=True)
class Increase:
    """How much a counter rose within the last hour. A counter that went back was reset: its value was counted since then."""

    _last: float | None = None
    _at: float = -math.inf
    _total: float = 0.0
    _samples: deque[tuple[float, float]] = field(default_factory=deque)

    def update(self, values: Sequence[Value | None], now: float) -> tuple[Result]:
        """`values`: the counter."""
        count = float(values[0] or 0.0)
        if now - self._at > HOUR_S:
            # When it rose while nobody read it is not known. Counting all of that as the last hour's would be an alarm after each outage.
            self._samples.clear()
        self._at = now
        if self._last is not None:
            self._total += count - self._last if count >= self._last else count
        self._last = count
        if not self._samples or now - self._samples[-1][0] >= _SAMPLE_S:
            self._samples.append((now, self._total))
        while len(self._samples) > 1 and now - self._samples[1][0] >= HOUR_S:
            self._samples.popleft()
        return (self._total - self._samples[0][1],)


def plan_counts(planner: Planner, devices: Iterable[str]) -> None:
    """Publish the increase of every counter that a problem asks about."""
    for device in devices:
        for metric, figure in _COUNTED.items():
            for slot in planner.each(device, metric)[:1]:
                planner.remember("increase", (slot,), Increase, [(figure, planner.place_of(device))])
