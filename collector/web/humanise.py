"""Formats readings in the units that operators use. For display only: /metrics and the store keep base units."""

from datetime import UTC, datetime
from math import isinf

# Factor from the base unit to the unit shown. 1 L/min/kW is 1/60,000,000 m³/J.
_SCALED = {
    "volts": (1.0, "V"),
    "amperes": (1.0, "A"),
    "watts": (1e-3, "kW"),
    "voltamperes": (1e-3, "kVA"),
    "vars": (1e-3, "kvar"),
    "joules": (1 / 3.6e6, "kWh"),
    "hertz": (1.0, "Hz"),
    "ratio": (100.0, "%"),
    "celsius": (1.0, "°C"),
    "pascals": (1e-3, "kPa"),
    "cubic_meters_per_second": (60_000.0, "L/min"),
    "cubic_meters_per_joule": (6e7, "L/min/kW"),
    "cubic_meters": (1.0, "m³"),
    "meters": (1.0, "m"),
    "meters_per_second": (1.0, "m/s"),
    "degrees": (1.0, "°"),
    "rpm": (1.0, "rpm"),
    "ph": (1.0, "pH"),
    "ntu": (1.0, "NTU"),
    "siemens_per_meter": (1e4, "µS/cm"),
    "bytes": (1e-6, "MB"),
}

# Units for values below 1,000: for an outlet, 350 W reads better than 0.35 kW.
_SMALL = {"watts": "W", "voltamperes": "VA", "vars": "var", "pascals": "Pa"}

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0
# Number of seconds up to which a number is taken for a moment.
_YEAR_2100_S = 4_102_444_800
# Beyond it numbers are shown as 1.2e+15: no device has such a reading, and a page must not grow wide by one.
_LARGEST_PLAIN = 1e15


def quantity(value: float, unit: str) -> str:
    """Format `value`, given in base unit `unit`, with three or four significant digits and the unit shown."""
    if unit == "timestamp_seconds":
        # Devices report dates such as 0xFFFFFFFF for "never"; fromtimestamp() raises for those beyond the year 9999.
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M} UTC" if 0 <= value < _YEAR_2100_S else "-"
    if unit == "seconds":
        return duration(value)
    if unit in _SMALL and abs(value) < 1000:  # noqa: PLR2004 - see _SMALL
        return f"{_digits(value)} {_SMALL[unit]}"
    factor, shown = _SCALED.get(unit, (1.0, unit.replace("_", " ")))
    if isinf(value * factor):
        factor, shown = 1.0, unit.replace("_", " ")
    return f"{_digits(value * factor)} {shown}".rstrip()


def duration(seconds: float) -> str:
    """Format a length of time in the largest unit that gives at least 2: 90 s stay seconds, 120 s are 2 min."""
    if abs(seconds) >= _LARGEST_PLAIN:
        return f"{_digits(seconds / _DAY_S)} d"
    for unit_s, word in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if abs(seconds) >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {word}"
    return f"{seconds:.0f} s" if abs(seconds) >= 10 or seconds == int(seconds) else f"{seconds:.2f} s"  # noqa: PLR2004 - beyond 10 s decimals do not matter


def number(value: float) -> str:
    """Format a plain number with two decimals, such as a power usage effectiveness."""
    return f"{value:.2f}" if abs(value) < _LARGEST_PLAIN else f"{value:.3g}"


def _digits(value: float) -> str:
    # Removes rounding errors of the factor: 3.6e6 J must read as 1 kWh, not 1.000.
    if not abs(value) < _LARGEST_PLAIN:  # with all its digits, a number may have 309
        return f"{value:.3g}"
    value = float(f"{value:.9g}")
    if value == int(value) and abs(value) < 1e6:  # noqa: PLR2004 - larger numbers are rounded below
        return f"{value:,.0f}"
    magnitude = abs(value)
    for bound, decimals in ((0.1, 4), (1.0, 3), (10.0, 2), (1000.0, 1)):
        if magnitude < bound:
            return f"{value:.{decimals}f}"
    return f"{value:,.0f}"
