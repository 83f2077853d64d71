"""Time zones by their IANA names. No name is taken that only this machine knows, such as `localtime`."""

import difflib
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

# Files beside those of zones: `localtime` is this machine's zone, `right/Europe/Paris` counts leap seconds.
_NO_ZONES = ("localtime", "posixrules", "right/", "posix/", "Factory")


def zone_of(name: str) -> tzinfo:
    """The time zone of an IANA name such as Africa/Casablanca. Raises ValueError, which says what to write."""
    if name == "UTC":
        # Also on systems without a time zone database.
        return UTC
    try:
        if not name.startswith(_NO_ZONES):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass  # said below, with the nearest name
    # Only now: it opens some hundred files.
    known = available_timezones()
    if not known:
        raise ValueError("this system has no time zones; install tzdata, or leave it out (UTC)")
    near = _nearest(name, known)
    raise ValueError(
        f"{name!r} is not a time zone; {f'did you mean {near}?' if near else 'write it like Africa/Casablanca'}"
    )


def _nearest(name: str, known: set[str]) -> str | None:
    by_lower = {each.lower(): each for each in sorted(known)}
    wanted = name.strip().lower().replace(" ", "_")
    # A city without its continent comes before what is only spelt alike.
    city = [each for lower, each in by_lower.items() if wanted and lower.rpartition("/")[2] == wanted]
    close = difflib.get_close_matches(wanted, by_lower, n=1, cutoff=0.8)
    return by_lower.get(wanted) or (city[0] if city else None) or (by_lower[close[0]] if close else None)
