"""The period of a report: a month in a time zone as hours since 1970, and its days.

Records are kept by hours of UTC, so that they do not depend on a time zone; only the report turns them into local days.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby

from rackflow import ConfigError
from rackflow.zones import zone_of

HOUR_S = 3600
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Period:
    """Hours from `first` to before `end`; those before `until` are over. An hour belongs to the day in which it begins."""

    name: str
    zone: tzinfo
    zone_name: str
    first: int
    end: int
    until: int

    @property
    def is_over(self) -> bool:
        """Whether the whole month has passed."""
        return self.until >= self.end

    def hours(self) -> range:
        """The hours of the period that are over."""
        return range(self.first, self.until)

    def local(self, hour: int) -> datetime:
        """The beginning of an hour, as local time."""
        return datetime.fromtimestamp(hour * HOUR_S, UTC).astimezone(self.zone)

    def iso(self, hour: int) -> str:
        """The beginning of an hour in ISO 8601, with the offset to UTC."""
        return self.local(hour).isoformat(timespec="minutes")

    def days(self) -> list[tuple[str, range]]:
        """Each day that has begun, with the hours of it that are over. Days on which clocks change have 23 or 25 hours."""
        found = []
        for day, hours in groupby(self.hours(), key=lambda hour: self.local(hour).date().isoformat()):
            own = list(hours)
            found.append((day, range(own[0], own[-1] + 1)))
        return found


def month(text: str, zone_name: str, now_s: float) -> Period:
    """The period of a month such as 2026-10 in a time zone. Raises ConfigError. `now_s` is since 1970."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ConfigError(f"--month: {text!r} is not a month; write it like 2026-10")
    try:
        zone = zone_of(zone_name)
    except ValueError as remedy:  # it says what to do
        raise ConfigError(f"--timezone: {remedy}") from remedy
    try:
        start = datetime(int(found[1]), int(found[2]), 1, tzinfo=zone)
        # 32 days after the first is always in the next month.
        after = (start.replace(tzinfo=None) + timedelta(days=32)).replace(day=1, tzinfo=zone)
        # Rounded up: if a zone's offset is not a whole hour, the hour across midnight belongs to the month before.
        first, end = (math.ceil(each.timestamp() / HOUR_S) for each in (start, after))
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"--month: {text!r} is outside the years that can be reported; choose another") from error
    until = max(first, min(end, int(now_s // HOUR_S)))
    return Period(name=text, zone=zone, zone_name=zone_name, first=first, end=end, until=until)
