"""How times and numbers are written in the API. Pure."""

from datetime import UTC, datetime
from math import ceil, floor, isfinite, log10

# Ages are rounded up to one of these, so that a floor at rest does not change every second.
_AGES_S = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0)
# Significant digits that are sent. A chosen value: finer than the class of any meter, coarse enough that a reading at rest stays the same.
_DIGITS = 4
# The last moment that datetime can represent: the time that an agent claims may be any number.
_LAST_S = 253_402_300_799.0


def iso(seconds: float) -> str:
    """A time in seconds since 1970 as ISO 8601 with milliseconds, in UTC."""
    moment = datetime.fromtimestamp(min(max(seconds, 0.0), _LAST_S), UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def iso_ms(milliseconds: float) -> str:
    """A time in milliseconds since 1970."""
    return iso(milliseconds / 1000)


def coarse_age(seconds: float | None) -> float | None:
    """An age rounded up to a few steps; beyond a day, to whole days."""
    if seconds is None or not isfinite(seconds):
        return None
    for step in _AGES_S:
        if seconds <= step:
            return step
    return ceil(seconds / _AGES_S[-1]) * _AGES_S[-1]


def rounded(value: float | None, digits: int = _DIGITS) -> float | None:
    """A number with so many significant digits; the last digits of a measurement are noise, and would be sent every second."""
    if value is None or not isfinite(value):
        return None
    if value == 0:
        return 0.0
    return round(value, digits - 1 - floor(log10(abs(value))))
