"""Reads numbers with their unit from text, such as `232.6V` or `85 %`.

Some devices report measurements as human-readable text. A value with an unknown unit is rejected, because a guessed unit could be
wrong by powers of ten.
"""

import re

from agent.profile.cells import RawValue, folded_text, plain_number

QUANTITY_UNITS: dict[str, str] = {
    "v": "volt",
    "vac": "volt",
    "vdc": "volt",
    "mv": "millivolt",
    "a": "ampere",
    "ma": "milliampere",
    "w": "watt",
    "kw": "kilowatt",
    "va": "voltampere",
    "kva": "kilovoltampere",
    "var": "var",
    "kvar": "kilovar",
    "wh": "watt_hour",
    "kwh": "kilowatt_hour",
    "hz": "hertz",
    "%": "percent",
    "%rh": "percent",
    "rh%": "percent",
    "c": "celsius",
    "degc": "celsius",
    "f": "fahrenheit",
    "degf": "fahrenheit",
    "k": "kelvin",
    "s": "second",
    "sec": "second",
    "min": "minute",
    "minutes": "minute",
    "h": "hour",
    "hours": "hour",
    "rpm": "rpm",
    "pa": "pascal",
    "kpa": "kilopascal",
    "bar": "bar",
    "psi": "psi",
    "l/min": "liter_per_minute",
    "lpm": "liter_per_minute",
    "l/s": "liter_per_second",
    "m3/h": "cubic_meter_per_hour",
    "gpm": "gallon_per_minute",
    "m/s": "meter_per_second",
}
"""Maps units as devices write them, in lower case and without degree signs, to wire units.

Lower case loses the difference between m (milli) and M (mega), so this map has no megavolt or megaampere.
"""

# A number, with an optional decimal point or comma and exponent; then the unit: one word, or two ("% RH", "deg C").
_QUANTITY = re.compile(r"\s*([-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?)\s*([^\d\s][^\s]*(?:\s?[a-zA-Z]+)?)?")


# "1,234 W" means 1234 W in English and 1.234 W in other languages, and nothing shows which is meant. "0,234" can only be a decimal number.
_AMBIGUOUS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")


def leading_number(text: str) -> float | None:
    """The decimal number at the start of the text, or None. A decimal comma is read as a point, unless it may part thousands."""
    match = _QUANTITY.match(text)
    # "0x7fffffff" does not begin with a 0 that was measured.
    is_hexadecimal = match is not None and text[match.end(1) : match.end(1) + 1] in ("x", "X")
    return _number(match[1]) if match and not is_hexadecimal else None


def number_in(value: RawValue) -> int | float | None:
    """The number of a cell, or the one that its text begins with."""
    number = plain_number(value)
    return leading_number(folded_text(value)) if number is None and isinstance(value, bytes | str) else number


def quantity(text: str) -> tuple[float, str] | None:
    """The number and its wire unit, or None if either is missing or the unit is unknown."""
    match = _QUANTITY.match(text)
    if not match or not match[2]:
        return None
    word = match[2].lower().replace("°", "").replace("º", "").replace("deg.", "deg").strip(" .;,")
    unit = QUANTITY_UNITS.get(word) or QUANTITY_UNITS.get(word.replace(" ", ""))
    number = _number(match[1])
    return (number, unit) if unit and number is not None else None


def _number(digits: str) -> float | None:
    return None if _AMBIGUOUS.fullmatch(digits) else float(digits.replace(",", "."))
