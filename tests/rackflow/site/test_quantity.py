"""What people write for a quantity: taken if it can mean one thing only, within limits that slips of units exceed."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from rackflow.errors import ConfigError
from rackflow.process.config import check_config
from rackflow.site import SiteFile
from rackflow.site.quantity import Amperes, Celsius, CubicMeters, LineToNeutralVolts, Meters, Ratio, Watts


def read(kind: Any, written: object) -> float:  # noqa: ANN401 - an annotated type
    found: float = TypeAdapter(kind).validate_python(written)
    return found


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        (Watts, "40 W", 40.0),
        (Watts, "40 kW", 40_000.0),
        (Watts, "40KW", 40_000.0),
        (Watts, " 1.5 MW ", 1_500_000.0),
        # No number of thousands begins with a 0, has four digits before its comma or another number than three behind it.
        (Watts, "0,120 MW", 120_000.0),
        (Watts, "1200,500 W", 1_200.5),
        (Watts, "1,20 MW", 1_200_000.0),
        (Watts, 1e9, 1e9),
        (Amperes, "16 A", 16.0),
        (Amperes, "1.25 kA", 1_250.0),
        (Amperes, 10_000, 10_000.0),
        (Celsius, "45 °C", 45.0),
        (Celsius, "45 C", 45.0),
        (Celsius, "45 degC", 45.0),
        (Celsius, 0, 0.0),
        (Celsius, 150, 150.0),
        (CubicMeters, "0.4 m3", 0.4),
        (CubicMeters, "0.4 m³", 0.4),
        (CubicMeters, "300 L", 0.3),
        (CubicMeters, "300 litre", 0.3),
        (CubicMeters, "12.3456 liter", 0.0123456),
        (Meters, "12 m", 12.0),
        (Meters, "0,3 km", 300.0),
        (Ratio, 0, 0.0),
        (Ratio, 1, 1.0),
        (LineToNeutralVolts, "230 V", 230.0),
        (LineToNeutralVolts, 100, 100.0),
        (LineToNeutralVolts, 347, 347.0),
    ],
)
def test_what_can_mean_one_thing_only_is_taken(kind: Any, written: object, value: float) -> None:  # noqa: ANN401 - as above
    assert read(kind, written) == value


@pytest.mark.parametrize(
    ("kind", "written", "words"),
    [
        (Watts, "1,200 kW", "has a comma before thousands or decimals, and nobody knows which; write 1200 or 1.200"),
        (Watts, "8,000 W", "write 8000 or 8.000"),
        (LineToNeutralVolts, "1,234 V", "write 1234 or 1.234"),
        (Watts, "150 kVA", "is apparent power"),
        (Watts, "150 MVA", "is apparent power"),
        (Watts, "150 VA", "is apparent power"),
        (Watts, "150 kWh", "is energy"),
        (Watts, "150 hp", "746 W each"),
        (Watts, "10 tons", "3517 W each"),
        (Watts, "10 TR", "3517 W each"),
        (Watts, "10 BTU/h", "0.293 W each"),
        (Watts, "500 mW2", "has the unit mW2; give it in W"),
        (Watts, 0, "greater than 0"),
        (Watts, 1.1e9, "less than or equal to 1000000000"),
        (Amperes, "500 mA", "has the unit mA; give it in A"),
        (Amperes, 0, "greater than 0"),
        (Amperes, 10_001, "less than or equal to 10000"),
        (Celsius, "113 °F", "is in degrees Fahrenheit"),
        (Celsius, "113 F", "is in degrees Fahrenheit"),
        (Celsius, -1, "greater than or equal to 0"),
        (Celsius, 151, "less than or equal to 150"),
        (CubicMeters, "100 gal", "is in gallons"),
        (CubicMeters, 1_001, "less than or equal to 1000"),
        (Meters, "30 ft", "0.3048 m each"),
        (Ratio, 1.01, "less than or equal to 1"),
        (Ratio, -0.01, "greater than or equal to 0"),
    ],
)
def test_what_could_mean_two_things_or_is_a_slip_of_units_is_refused(kind: Any, written: object, words: str) -> None:  # noqa: ANN401 - as above
    with pytest.raises(ValidationError, match=re.escape(words)):
        read(kind, written)


@pytest.mark.parametrize(
    ("lines", "neutral"),
    [(208, 120), (380, 220), (400, 230), (415, 240), (480, 277), (600, 347), (440, 254), (606, 350)],
)
def test_the_remedy_for_a_voltage_between_two_lines_is_one_that_is_taken(lines: int, neutral: int) -> None:
    for written in (lines, f"{lines} V"):
        with pytest.raises(ValidationError, match=rf"write[^;]* volts: {neutral}\b"):
            read(LineToNeutralVolts, written)
    assert read(LineToNeutralVolts, neutral) == neutral


@pytest.mark.parametrize("volts", [690, "690 V", 10_000])
def test_a_voltage_in_front_of_the_transformer_has_no_remedy_that_would_be_wrong(volts: object) -> None:
    with pytest.raises(ValidationError, match=r"write that of the racks, behind the transformer"):
        read(LineToNeutralVolts, volts)


def _numbers(found: object, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of each number."""
    if isinstance(found, dict | list):
        for key, value in found.items() if isinstance(found, dict) else enumerate(found):
            yield from _numbers(value, (*above, key))
    elif isinstance(found, int | float):
        yield above


def test_no_number_of_a_site_is_too_large_for_a_message() -> None:
    """Of an infinite voltage between two lines no voltage to neutral could be made, and `check` ended with a traceback."""
    site = "site_hall.yaml"
    whole = yaml.safe_load((Path(__file__).parent / site).read_text(encoding="utf-8"))
    for path in _numbers(whole):
        section = whole
        for key in path[:-1]:
            section = section[key]
        before = section[path[-1]]
        for value in (math.inf, f"{'9' * 400} V", f"{'9' * 400} kW"):
            section[path[-1]] = value
            with pytest.raises(ConfigError):
                check_config(whole, SiteFile, site)
        section[path[-1]] = before
