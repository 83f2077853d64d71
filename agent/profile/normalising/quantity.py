"""Reads numbers with their unit from text, such as `232.6V` or `85 %`.

Some devices report measurements as human-readable text. A value with an unknown unit is rejected, because a guessed unit could be
wrong by powers of ten.
"""

import re

from agent.profile.normalising.cells import RawValue, folded_text, plain_number

QUANTITY_UNITS: dict[str, str] = {
    "v": "volt",
    "vac": "volt",
    "vdc": "volt",
    "vrms": "volt",
    "volt": "volt",
    "volts": "volt",
    "mv": "millivolt",
    "a": "ampere",
    "aac": "ampere",
    "adc": "ampere",
    "arms": "ampere",
    "amp": "ampere",
    "amps": "ampere",
    "ampere": "ampere",
    "amperes": "ampere",
    "ma": "milliampere",
    "w": "watt",
    "watt": "watt",
    "watts": "watt",
    "kw": "kilowatt",
    "va": "voltampere",
    "kva": "kilovoltampere",
    "var": "var",
    "kvar": "kilovar",
    "wh": "watt_hour",
    "kwh": "kilowatt_hour",
    "hz": "hertz",
    "hertz": "hertz",
    "%": "percent",
    "%rh": "percent",
    "rh%": "percent",
    "percent": "percent",
    "c": "celsius",
    "degc": "celsius",
    "degreesc": "celsius",
    "celsius": "celsius",
    "f": "fahrenheit",
    "degf": "fahrenheit",
    "degreesf": "fahrenheit",
    "fahrenheit": "fahrenheit",
    "k": "kelvin",
    "s": "second",
    "sec": "second",
    "seconds": "second",
    "min": "minute",
    "mins": "minute",
    "minute": "minute",
    "minutes": "minute",
    "h": "hour",
    "hour": "hour",
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
_DIGITS = r" *([-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?)"
_QUANTITY = re.compile(_DIGITS + r"\s*([^\d\s][^\s]*(?:\s?[a-zA-Z]+)?)?")
_NUMBER = re.compile(_DIGITS)
# Three forms of the degree sign: as UTF-8; U+FFFD, which Latin-1's sign becomes in a text read as UTF-8; and the masculine ordinal
# indicator (U+00BA), which looks the same and is often typed instead.
_DEGREE = re.compile("[°º\N{REPLACEMENT CHARACTER}]|â°")
_DURATIONS = ("second", "minute", "hour")

# "1,234 W" means 1234 W in English and 1.234 W in other languages, and nothing shows which is meant. "0,234" can only be a decimal number.
_AMBIGUOUS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")


def leading_number(text: str) -> float | None:
    """The decimal number at the start of the text, or None. A decimal comma is read as a point, unless it may part thousands.

    After the number there may be a known unit and anything after that. With any other text the number may not be a reading at all:
    "2 sensors missing", "0 (no sensor)", "1.#QNAN", "10.0.0.1", "0x7fff", or a unit that is unknown here.
    """
    match = _NUMBER.match(text)
    if match is None or (match.end() != len(text.rstrip(" ")) and quantity(text) is None):
        return None
    return _number(match[1])


def number_in(value: RawValue) -> int | float | None:
    """The number of a cell, or the one that its text begins with."""
    number = plain_number(value)
    return leading_number(folded_text(value)) if number is None and isinstance(value, bytes | str) else number


def quantity(text: str) -> tuple[float, str] | None:
    """The number and its wire unit, or None if either is missing or the unit is unknown.

    Text after the unit is ignored ("24.5 C (alarm)"). After a unit of time it makes the value unusable (None), because it may continue the
    duration: "3 h 20 min" is not 3 h.
    """
    match = _QUANTITY.match(text)
    if not match or not match[2]:
        return None
    word = _DEGREE.sub("", match[2].lower()).replace("deg.", "deg").strip(" .;,")
    unit = QUANTITY_UNITS.get(word) or QUANTITY_UNITS.get(word.replace(" ", ""))
    number = _number(match[1])
    if unit is None or number is None or (unit in _DURATIONS and text[match.end() :].strip()):
        return None
    return number, unit


def _number(digits: str) -> float | None:
    return None if _AMBIGUOUS.fullmatch(digits) else float(digits.replace(",", "."))
