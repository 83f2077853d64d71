"""Wire units: every factor against its definition, written independently of the table."""

from fractions import Fraction

import pytest

from rackflow.catalogue import catalogue
from rackflow.units import WIRE_UNITS

US_GALLON_M3 = Fraction("231") * Fraction("0.0254") ** 3
POUND_FORCE_N = Fraction("0.45359237") * Fraction("9.80665")

ONE_IS: dict[str, tuple[str, float | Fraction]] = {
    "": ("", 1),
    "count": ("", 1),
    "volt": ("volts", 1),
    "millivolt": ("volts", Fraction(1, 10**3)),
    "ampere": ("amperes", 1),
    "milliampere": ("amperes", Fraction(1, 10**3)),
    "watt": ("watts", 1),
    "kilowatt": ("watts", 10**3),
    "voltampere": ("voltamperes", 1),
    "kilovoltampere": ("voltamperes", 10**3),
    "var": ("vars", 1),
    "kilovar": ("vars", 10**3),
    "joule": ("joules", 1),
    "watt_hour": ("joules", 60 * 60),
    "kilowatt_hour": ("joules", 1000 * 60 * 60),
    "hertz": ("hertz", 1),
    "ratio": ("ratio", 1),
    "percent": ("ratio", Fraction(1, 100)),
    "celsius": ("celsius", 1),
    "kelvin": ("celsius", 1 - Fraction("273.15")),
    "fahrenheit": ("celsius", Fraction(5, 9) * (1 - 32)),
    "second": ("seconds", 1),
    "timetick": ("seconds", Fraction(1, 100)),
    "minute": ("seconds", 60),
    "hour": ("seconds", 60 * 60),
    "unix_second": ("timestamp_seconds", 1),
    "pascal": ("pascals", 1),
    "kilopascal": ("pascals", 10**3),
    "bar": ("pascals", 10**5),
    "psi": ("pascals", POUND_FORCE_N / Fraction("0.0254") ** 2),
    "cubic_meter_per_second": ("cubic_meters_per_second", 1),
    "cubic_meter_per_hour": ("cubic_meters_per_second", Fraction(1, 60 * 60)),
    "liter_per_second": ("cubic_meters_per_second", Fraction(1, 1000)),
    "liter_per_minute": ("cubic_meters_per_second", Fraction(1, 1000 * 60)),
    "gallon_per_minute": ("cubic_meters_per_second", US_GALLON_M3 / 60),
    "cubic_meter": ("cubic_meters", 1),
    "liter": ("cubic_meters", Fraction(1, 1000)),
    "meter": ("meters", 1),
    "foot": ("meters", Fraction(3048, 10_000)),
    "meter_per_second": ("meters_per_second", 1),
    "degree": ("degrees", 1),
    "rpm": ("rpm", 1),
    "ph": ("ph", 1),
    "ntu": ("ntu", 1),
    "siemens_per_meter": ("siemens_per_meter", 1),
    "microsiemens_per_centimeter": ("siemens_per_meter", Fraction(1, 10**6) * 100),
}


@pytest.mark.parametrize("word", ONE_IS)
def test_one_of_a_wire_unit_in_its_base_unit(word: str) -> None:
    base, one = ONE_IS[word]
    unit = WIRE_UNITS[word]
    assert unit.base == base
    assert float(unit.factor + unit.offset) == pytest.approx(float(one), rel=1e-12)


@pytest.mark.parametrize(
    ("word", "wire", "base"), [("fahrenheit", 212, 100), ("kelvin", 373.15, 100), ("celsius", 100, 100)]
)
def test_water_boils_at_a_hundred_whatever_the_scale(word: str, wire: float, base: float) -> None:
    unit = WIRE_UNITS[word]
    assert wire * float(unit.factor) + float(unit.offset) == pytest.approx(base)


def test_every_wire_unit_is_checked_and_only_temperatures_have_an_offset() -> None:
    assert ONE_IS.keys() == WIRE_UNITS.keys()
    assert {word for word, unit in WIRE_UNITS.items() if unit.offset} == {"kelvin", "fahrenheit"}
    assert {unit.base for unit in WIRE_UNITS.values()} >= {
        metric.unit for metric in catalogue().values() if not metric.derived and metric.section != "collector"
    } - {"bytes"}
