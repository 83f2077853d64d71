"""Readings for people: text in the units that operators use."""

from datetime import UTC, datetime

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
"""Factor from the base unit and the unit shown. 1 L/min/kW is 1/60,000,000 m³/J."""

_SMALL = {"watts": "W", "voltamperes": "VA", "vars": "var", "pascals": "Pa"}

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0


def quantity(value: float, unit: str) -> str:
    """`value` in base unit `unit` with three or four significant digits and the unit that is shown."""
    if unit == "timestamp_seconds":
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M} UTC" if 0 <= value < 4102444800 else "-"  # noqa: PLR2004 - year 2100
    if unit == "seconds":
        return span(value)
    if unit in _SMALL and abs(value) < 1000:  # noqa: PLR2004 - an outlet's power is said in watts
        return f"{_digits(value)} {_SMALL[unit]}"
    factor, shown = _SCALED.get(unit, (1.0, unit.replace("_", " ")))
    return f"{_digits(value * factor)} {shown}".rstrip()


def span(seconds: float) -> str:
    """A length of time in its largest sensible unit."""
    for unit_s, word in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if abs(seconds) >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {word}"
    return f"{seconds:.0f} s" if abs(seconds) >= 10 or seconds == int(seconds) else f"{seconds:.2f} s"  # noqa: PLR2004 - where decimals stop to matter


def _digits(value: float) -> str:
    value = float(f"{value:.9g}")  # 3.6e6 J times its factor is a whole kWh but for the last bits
    if value == int(value) and abs(value) < 1e6:  # noqa: PLR2004 - beyond it digits are grouped
        return f"{value:,.0f}"
    magnitude = abs(value)
    for bound, decimals in ((0.1, 4), (1.0, 3), (10.0, 2), (1000.0, 1)):
        if magnitude < bound:
            return f"{value:.{decimals}f}"
    return f"{value:,.0f}"
