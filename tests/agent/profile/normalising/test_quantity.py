"""Numbers with units in text: every unit word that devices write, and the ways in which they write numbers."""

from fractions import Fraction

import pytest

from agent.profile.normalising.quantity import leading_number, quantity
from rackflow.units import WIRE_UNITS

WRITTEN: dict[str, dict[str, float | str]] = {
    "volts": {"230 V": 230, "230VAC": 230, "48 Vdc": 48, "480 mV": "0.48", "1 volt": 1, "2 Volts": 2, "230 Vrms": 230},
    "amperes": {
        "16 A": 16,
        "1600 mA": "1.6",
        "1 amp": 1,
        "2 Amps": 2,
        "1 ampere": 1,
        "2 amperes": 2,
        "16 Aac": 16,
        "16 Adc": 16,
        "16 Arms": 16,
    },
    "watts": {"5 W": 5, "5 kW": 5000, "1 watt": 1, "5 Watts": 5},
    "voltamperes": {"5 VA": 5, "5 kVA": 5000},
    "vars": {"5 var": 5, "5 kvar": 5000},
    "joules": {"2 Wh": 7200, "2 kWh": 7_200_000},
    "hertz": {"50.0Hz": 50, "50 Hertz": 50},
    "ratio": {"85 %": "0.85", "45 %RH": "0.45", "45 RH%": "0.45", "85 percent": "0.85"},
    "celsius": {
        "25 C": 25,
        "25 degC": 25,
        "77 F": 25,
        "77 degF": 25,
        "25 °C": 25,
        "25 ºC": 25,
        "77 deg. F": 25,
        "25 degrees C": 25,
        "77 degrees F": 25,
        "25 Celsius": 25,
        "77 Fahrenheit": 25,
    },
    "seconds": {
        "9 s": 9,
        "9 sec": 9,
        "9 seconds": 9,
        "9 min": 540,
        "9 mins": 540,
        "1 minute": 60,
        "9 minutes": 540,
        "2 h": 7200,
        "1 hour": 3600,
        "2 hours": 7200,
    },
    "rpm": {"2400 rpm": 2400},
    "pascals": {"9 Pa": 9, "9 kPa": 9000, "1.5 bar": 150_000, "10 psi": "68947.57293168"},
    "cubic_meters_per_second": {
        "60 l/min": "0.001",
        "60 lpm": "0.001",
        "3 l/s": "0.003",
        "36 m3/h": "0.01",
        "1000 gpm": "0.0630901964",
    },
    "meters_per_second": {"2.5 m/s": "2.5"},
}


@pytest.mark.parametrize(
    ("base", "text", "value"),
    [(base, text, value) for base, texts in WRITTEN.items() for text, value in texts.items()],
)
def test_every_unit_word_gives_the_base_unit(base: str, text: str, value: float | str) -> None:
    found = quantity(text)
    assert found is not None
    number, unit = found
    wire = WIRE_UNITS[unit]
    assert wire.base == base
    assert number * float(wire.factor) + float(wire.offset) == pytest.approx(float(Fraction(value)), rel=1e-9)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("21.5 C", 21.5),
        ("21,5 C", 21.5),
        ("0,125 C", 0.125),
        ("1234,567 C", 1234.567),
        ("-3 C", -3.0),
        ("+3C", 3.0),
        ("  7 C", 7.0),
        ("1.2e3 C", 1200.0),
        ("5E-1 C", 0.5),
        ("5E+1C", 50.0),
    ],
)
def test_a_number_is_read_as_devices_write_it(text: str, number: float) -> None:
    assert quantity(text) == (number, "celsius")
    assert leading_number(text) == number


@pytest.mark.parametrize("text", ["", "C", "12", "12 ", "12 parsecs", "twelve C", "- 3 C", ".5 C", "3 h 20 min"])
def test_what_is_no_quantity_is_none(text: str) -> None:
    assert quantity(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("2 sensors missing", "0 (no sensor)", "1.#QNAN", "1.#J", "10.0.0.1", "1.2.3", "12:30", "00:11:22:33:44:55"),
        *("7FFF", "1E", "0x7fff", "16/20 A", "54.1 kV", "5 MW", "16-20", "2026-11-27", "3 h 20 min", "12 parsecs"),
    ],
)
def test_a_number_before_something_else_than_its_unit_is_none(text: str) -> None:
    assert leading_number(text) is None


@pytest.mark.parametrize("text", ["12", " 12 ", "12.0", "12,0", "12 V", "12V (low)", "12 V / 10 A", "1.2e1 volts"])
def test_a_number_alone_or_before_its_unit_is_one(text: str) -> None:
    assert leading_number(text) == 12.0


@pytest.mark.parametrize("text", ["1,234 W", "-12,345 W", "123,456 kWh"])
def test_a_comma_that_may_part_thousands_gives_no_number(text: str) -> None:
    assert quantity(text) is None
    assert leading_number(text) is None


def test_dots_and_spaces_about_a_unit_do_not_matter() -> None:
    assert [quantity(text) for text in ("12 V.", "12 V;", "12 V,", "45 % RH", "12 deg C")] == [
        (12.0, "volt"),
        (12.0, "volt"),
        (12.0, "volt"),
        (45.0, "percent"),
        (12.0, "celsius"),
    ]
