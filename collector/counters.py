"""What the collector counts about itself: plain numbers that any part may increase and /metrics reads.

Everything runs on one event loop, so the locks of a client library's counters are not needed.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

# Upper bounds, seconds. A poll takes 5 ms (Modbus TCP beside the rack) to a minute (a slow management card); a message takes
# milliseconds from device to collector, or minutes if it was in a backlog. The names of the buckets are part of /metrics.
POLL_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LATENCY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0)

# Reasons that start at 0: `increase()` in Prometheus misses the first count of a series that begins at 1. `stale` is backfill: it
# is stored, but not shown on /metrics. `interval` is used with a clamped value, `shed` comes again. `unlogged` counts dead letters
# beyond the sender's budget, each of which is counted under its own reason as well.
FAILURE_REASONS = (
    "agents",
    "decode",
    "devices",
    "interval",
    "key",
    "muted",
    "overflow",
    "owner",
    "range",
    "reserved",
    "schema",
    "series",
    "shed",
    "site",
    "sites",
    "size",
    "stale",
    "state",
    "time",
    "topic",
    "type",
    "unknown_metric",
    "unlogged",
)


class Histogram:
    """Observations in seconds, counted in buckets with the given upper bounds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one observation, in seconds."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts by upper bound, `+Inf` last."""
        found: list[tuple[str, float]] = []
        running = 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            running += count
            found.append((bound, float(running)))
        return found


@dataclass(frozen=True, slots=True)
class CollectorStats:
    """A snapshot for programs that embed a collector. `points_stored` counts points that the store has confirmed."""

    messages_received: int
    points_stored: int
    points_waiting: int
    series_exposed: int
    devices_up: tuple[str, ...]
    devices_down: tuple[str, ...]
    devices_unknown: tuple[str, ...]
    """Neither up nor down: nobody observes them."""
    failures: dict[str, int]


@dataclass(slots=True)
class Counters:
    """Counters since the start, and the few gauges that belong to no other part."""

    messages_received: int = 0
    stored_published: int = 0
    stored_refused: int = 0
    failures: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(FAILURE_REASONS, 0)))
    points_stored: int = 0
    points_waiting: int = 0
    write_failures: Counter[str] = field(
        default_factory=lambda: Counter({"retryable": 0, "refused": 0, "torn": 0, "dead_letter": 0, "derived": 0}),
    )
    latency: Histogram = field(default_factory=lambda: Histogram(LATENCY_BUCKETS_S))
    mqtt_connected: bool = False
    mqtt_takeovers: int = 0
    own_reconnects: Counter[str] = field(default_factory=lambda: Counter({"overload": 0, "standstill": 0}))

    def count_event(self, what: str) -> None:
        """Count an event of the subscriber. A queue that was full for a moment does not count as a failure."""
        if what == "takeover":
            self.mqtt_takeovers += 1
        elif what in self.own_reconnects:
            self.own_reconnects[what] += 1
        elif what != "full":
            self.failures[what] += 1
