"""Energy by the hour: in go counters and powers with the time, out come complete hours and sums over windows; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

HOUR_S = 3600
WINDOWS_H: Mapping[str, int] = {"hour": 1, "day": 24, "month": 30 * 24, "year": 365 * 24}
LONGEST_POWER_GAP_S = 60.0
_LONGEST_COUNTER_GAP_S = 7 * 86_400.0
_WHOLE = 0.98
"""Part of an hour that must be covered for the hour to count."""


@dataclass(slots=True)
class Hour:
    """What was counted in one hour, by quantity, and for how many seconds of it."""

    amount: dict[str, float] = field(default_factory=dict)
    covered_s: dict[str, float] = field(default_factory=dict)

    def has(self, quantity: str) -> bool:
        """Whether the whole hour was counted."""
        return self.covered_s.get(quantity, 0.0) >= _WHOLE * HOUR_S


class Ledger:
    """Hours of one site, by number since 1970; those older than a year are forgotten."""

    def __init__(self) -> None:
        self.hours: dict[int, Hour] = {}
        self._forgotten = 0
        self._last: dict[str, tuple[float, float]] = {}

    def count(self, quantity: str, value: float | None, wall_s: float) -> None:
        """A counter's reading. A gap is spread evenly; after a reset, or a gap of a week, counting begins anew."""
        if value is None:
            return
        before = self._last.get(quantity)
        self._last[quantity] = wall_s, value
        if before is not None and wall_s > before[0]:
            gap_s = wall_s - before[0]
            if value >= before[1] and gap_s <= _LONGEST_COUNTER_GAP_S:
                self._spread(quantity, value - before[1], before[0], wall_s)

    def integrate(self, quantity: str, watts: float | None, wall_s: float) -> None:
        """A power, from which energy follows by the trapezoid between two readings that are close enough."""
        before = self._last.pop(quantity, None)
        if watts is None:
            return
        self._last[quantity] = wall_s, watts
        if before is not None and 0 < wall_s - before[0] <= LONGEST_POWER_GAP_S:
            self._spread(quantity, (watts + before[1]) / 2 * (wall_s - before[0]), before[0], wall_s)

    def forget(self, hour: int, passing: Iterable[str]) -> None:
        """Let go of the hours that no window before `hour` reaches, and after a day of the quantities that are passing."""
        if hour == self._forgotten:
            return
        self._forgotten = hour
        for old in [each for each in self.hours if each < hour - WINDOWS_H["year"]]:
            del self.hours[old]
        short = tuple(passing)
        for number, entry in self.hours.items():
            if number < hour - WINDOWS_H["day"]:
                for quantity in short:
                    entry.amount.pop(quantity, None)
                    entry.covered_s.pop(quantity, None)

    def window(self, hours: int, now_hour: int, quantities: Iterable[str]) -> list[Hour]:
        """The hours of a window that ends with the last complete hour, in which all these quantities were counted."""
        wanted = tuple(quantities)
        found = (self.hours.get(hour) for hour in range(now_hour - hours, now_hour))
        return [hour for hour in found if hour is not None and all(hour.has(each) for each in wanted)]

    def _spread(self, quantity: str, amount: float, start_s: float, end_s: float) -> None:
        at = start_s
        while at < end_s:
            number = int(at // HOUR_S)
            until = min(end_s, (number + 1) * HOUR_S)
            hour = self.hours.setdefault(number, Hour())
            part = (until - at) / (end_s - start_s)
            hour.amount[quantity] = hour.amount.get(quantity, 0.0) + amount * part
            hour.covered_s[quantity] = hour.covered_s.get(quantity, 0.0) + until - at
            at = until


def total(hours: Iterable[Hour], quantity: str) -> float:
    """Sum of one quantity."""
    return sum(hour.amount.get(quantity, 0.0) for hour in hours)
