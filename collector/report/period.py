"""The period of a report: a month in a time zone as hours since 1970, and their days."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rackflow import ConfigError

HOUR_S = 3600
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Period:
    """Hours `first` up to, not with, `end`; those before `until` are over. An hour belongs to the day that it begins in."""

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
        """Those that are over."""
        return range(self.first, self.until)

    def local(self, hour: int) -> datetime:
        """When an hour begins."""
        return datetime.fromtimestamp(hour * HOUR_S, UTC).astimezone(self.zone)

    def iso(self, hour: int) -> str:
        """When an hour begins, with the offset to UTC."""
        return self.local(hour).isoformat(timespec="minutes")

    def days(self) -> list[tuple[str, range]]:
        """Each day that has begun, and its hours that are over: 23 or 25 where clocks are changed."""
        found = []
        for day, hours in groupby(self.hours(), key=lambda hour: self.local(hour).date().isoformat()):
            own = list(hours)
            found.append((day, range(own[0], own[-1] + 1)))
        return found


def month(text: str, zone_name: str, now_s: float) -> Period:
    """A month like 2026-10, as far as it is over. Raises ConfigError."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ConfigError(f"--month: {text!r} is no month like 2026-10; correct it")
    try:
        zone: tzinfo = UTC if zone_name == "UTC" else ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"--timezone: {zone_name!r} is no time zone like Africa/Casablanca; correct it") from error
    try:
        start = datetime(int(found[1]), int(found[2]), 1, tzinfo=zone)
        after = (start.replace(tzinfo=None) + timedelta(days=32)).replace(day=1, tzinfo=zone)
        first, end = (math.ceil(each.timestamp() / HOUR_S) for each in (start, after))
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"--month: {text!r} cannot be reported; correct it") from error
    until = max(first, min(end, int(now_s // HOUR_S)))
    return Period(text, zone, zone_name, first, end, until)
