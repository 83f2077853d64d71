"""Units that devices use, and how their values become base units.

Factors are fractions: they combine exactly with a profile's scale, and a reading is multiplied and divided by whole numbers.
A float such as 1/60000 is not exact, and 150 L/min would come out as 149.99999.
"""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class WireUnit:
    """`base value = wire value * factor + offset`; `base` is a unit word of the catalogue."""

    base: str
    factor: Fraction
    offset: Fraction = Fraction(0)


def _unit(base: str, factor: str = "1", offset: str = "0") -> WireUnit:
    return WireUnit(base, Fraction(factor), Fraction(offset))


# Sources: NIST SP 811 appendix B (psi, US gallon, degree Fahrenheit); SNMP TimeTicks are hundredths of a second (RFC 2578, 7.1.8).
# A gallon is always the US one: imperial gallons have not been seen in any device's documentation.
WIRE_UNITS: dict[str, WireUnit] = {
    "": _unit(""),
    "count": _unit(""),
    "volt": _unit("volts"),
    "millivolt": _unit("volts", "1/1000"),
    "ampere": _unit("amperes"),
    "milliampere": _unit("amperes", "1/1000"),
    "watt": _unit("watts"),
    "kilowatt": _unit("watts", "1000"),
    "voltampere": _unit("voltamperes"),
    "kilovoltampere": _unit("voltamperes", "1000"),
    "var": _unit("vars"),
    "kilovar": _unit("vars", "1000"),
    "joule": _unit("joules"),
    "watt_hour": _unit("joules", "3600"),
    "kilowatt_hour": _unit("joules", "3600000"),
    "hertz": _unit("hertz"),
    "ratio": _unit("ratio"),
    "percent": _unit("ratio", "1/100"),
    "celsius": _unit("celsius"),
    # Offsets are added after the factor: 0 K is -273.15 degC, 0 degF is -160/9 degC.
    "kelvin": _unit("celsius", "1", "-273.15"),
    "fahrenheit": _unit("celsius", "5/9", "-160/9"),
    "second": _unit("seconds"),
    "timetick": _unit("seconds", "1/100"),
    "minute": _unit("seconds", "60"),
    "hour": _unit("seconds", "3600"),
    # A point in time, not a duration: it must not be usable where `second` is expected.
    "unix_second": _unit("timestamp_seconds"),
    "pascal": _unit("pascals"),
    "kilopascal": _unit("pascals", "1000"),
    "bar": _unit("pascals", "100000"),
    "psi": _unit("pascals", "6894.757293168"),
    "cubic_meter_per_second": _unit("cubic_meters_per_second"),
    "cubic_meter_per_hour": _unit("cubic_meters_per_second", "1/3600"),
    "liter_per_second": _unit("cubic_meters_per_second", "1/1000"),
    "liter_per_minute": _unit("cubic_meters_per_second", "1/60000"),
    "gallon_per_minute": WireUnit("cubic_meters_per_second", Fraction("0.003785411784") / 60),
    "cubic_meter": _unit("cubic_meters"),
    "liter": _unit("cubic_meters", "1/1000"),
    "meter": _unit("meters"),
    "foot": _unit("meters", "0.3048"),
    "meter_per_second": _unit("meters_per_second"),
    "degree": _unit("degrees"),
    "rpm": _unit("rpm"),
    "ph": _unit("ph"),
    "ntu": _unit("ntu"),
    "siemens_per_meter": _unit("siemens_per_meter"),
    "microsiemens_per_centimeter": _unit("siemens_per_meter", "1/10000"),
}
"""Units by the word that profiles use for them."""
