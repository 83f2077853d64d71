"""The last hours of every number, for sparklines: one value every two minutes, in memory, within a fixed number of bytes. Pure.

A restart loses them; the store has the history. If there are too many series for the bytes, every second value is dropped and the step
doubles, for all alike: a page then shows the same hours with fewer points instead of some devices without any.
"""

from array import array
from collections.abc import Generator
from math import isnan, nan

from collector.api.numbers import rounded
from collector.latest import DeviceState, Latest

# Two minutes show the start of a generator and a change of load; four hours a shift and the trend of a filter.
STEP_S = 120.0
POINTS = 120
# With a step of 16 minutes four hours have 15 points, which is as few as make a line.
LONGEST_STEP_S = 16 * 60.0
# What all rings together may take. With more series the steps become longer, then series are left out. A chosen value: more memory keeps
# short steps at larger sites.
LIMIT_BYTES = 48 * 1024 * 1024
# An array object, its place in a dictionary, and what the allocator adds: measured with tracemalloc on Python 3.11, 210 bytes.
RING_BYTES = 210
# A point of `array("f")`.
_POINT_BYTES = 4
# What a ring takes at the longest step. A series gets one only if those of all would still fit at that step: rings that are made within
# one sample cannot be made shorter, because each has a single point.
LEAST_BYTES = RING_BYTES + _POINT_BYTES * int(POINTS * STEP_S / LONGEST_STEP_S)
DeviceKey = tuple[str, str]


class Sparks:
    """A ring of values for each numeric series. `now` is monotonic seconds."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.step_s = STEP_S
        self.size_bytes = 0
        """What all rings take, estimated."""
        self.refused = 0
        """Series without a ring at the last sample, because there are too many."""
        self._limit_bytes = limit_bytes
        self._rings: dict[DeviceKey, dict[str, array[float]]] = {}
        self._count = 0
        """Rings of all devices."""
        self._sampled_at = -LONGEST_STEP_S

    def is_due(self, now: float) -> bool:
        """Whether the next value is to be taken."""
        return now - self._sampled_at >= self.step_s

    def sample_steps(self, latest: Latest, now: float) -> Generator[None, None, None]:
        """Take the present value of every number. Yields after each device."""
        self._sampled_at = now
        self.refused = 0
        observations = latest.observe(now)
        yield
        present: set[DeviceKey] = set()
        size = 0
        for device in list(latest.devices()):
            key = device.site, device.device
            present.add(key)
            rings = self._rings.setdefault(key, {})
            self._sample(device, rings, now, is_seen=key not in observations.causes)
            size += sum(map(_bytes_of, rings.values()))
            yield
        for gone in self._rings.keys() - present:
            self._count -= len(self._rings.pop(gone))
        self.size_bytes = size
        while self.size_bytes > self._limit_bytes and self.step_s < LONGEST_STEP_S:
            yield from self._thin_steps()

    def _sample(self, device: DeviceState, rings: dict[str, "array[float]"], now: float, *, is_seen: bool) -> None:
        points = max(1, int(POINTS * STEP_S / self.step_s))
        for key, reading in device.series.items():
            if reading.value.__class__ is not float or reading.series.metric.type == "counter":
                continue  # a state is no line, and a counter's line always rises
            ring = rings.get(key)
            if ring is None:
                if (self._count + 1) * LEAST_BYTES > self._limit_bytes:
                    self.refused += 1
                    continue
                ring = rings[key] = array("f")
                self._count += 1
            is_current = is_seen and now < reading.expires_at
            ring.append(reading.value if is_current else nan)
        for key, ring in list(rings.items()):
            if key not in device.series:
                ring.append(nan)
            if len(ring) > points:
                del ring[: len(ring) - points]
            if all(map(isnan, ring)):
                del rings[key]
                self._count -= 1

    def _thin_steps(self) -> Generator[None, None, None]:
        """Drop every second value, the latest stays."""
        self.step_s *= 2
        size = 0
        for rings in list(self._rings.values()):
            for key, ring in rings.items():
                kept = rings[key] = ring[(len(ring) - 1) % 2 :: 2]
                size += _bytes_of(kept)
            yield
        self.size_bytes = size

    def of(self, device: DeviceKey, key: str, now: float) -> list[tuple[float, float | None]]:
        """Age in seconds and value of each sample, the oldest first; None where the reading was not current."""
        ring = self._rings.get(device, {}).get(key)
        if ring is None:
            return []
        latest_s = now - self._sampled_at
        return [
            (round(latest_s + (len(ring) - 1 - at) * self.step_s), None if isnan(value) else rounded(value))
            for at, value in enumerate(ring)
        ]


def _bytes_of(ring: "array[float]") -> int:
    return RING_BYTES + _POINT_BYTES * len(ring)
