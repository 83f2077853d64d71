"""Quantities of the site file, with their limits and with what people write for them.

`40 kW` in a field of watts can mean one thing only, so it is understood. What could mean two things (kVA, a line-to-line voltage, the
comma of `1,200 kW`) is refused with the value to write. Upper limits keep out slips of units (kW for W, mA for A); nothing at a site
comes near them.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

_WITH_UNIT = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*([A-Za-z°³/0-9]+)")
_THOUSANDS_OR_DECIMALS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_POWER = {"w": 1.0, "kw": 1e3, "mw": 1e6}
_CURRENT = {"a": 1.0, "ka": 1e3}
_TEMPERATURE = {"°c": 1.0, "c": 1.0, "degc": 1.0}
_VOLUME = {"m3": 1.0, "m³": 1.0, "l": 1e-3, "liter": 1e-3, "litre": 1e-3}
_LENGTH = {"m": 1.0, "km": 1e3}
# Units that people write for another quantity, each with the remedy.
_OTHERS = {
    "kva": "is apparent power; give the active power in W (kVA times the power factor)",
    "mva": "is apparent power; give the active power in W (MVA times the power factor)",
    "va": "is apparent power; give the active power in W (VA times the power factor)",
    "kwh": "is energy; give the power in W",
    "hp": "is in horsepower; give it in W (746 W each)",
    "tons": "is in tons of refrigeration; give it in W (3517 W each)",
    "tr": "is in tons of refrigeration; give it in W (3517 W each)",
    "btu/h": "is in BTU/h; give it in W (0.293 W each)",
    "°f": "is in degrees Fahrenheit; give it in degC",
    "f": "is in degrees Fahrenheit; give it in degC",
    "gal": "is in gallons; give it in m3 (0.003785 m3 each in the USA)",
    "ft": "is in feet; give it in m (0.3048 m each)",
}
# Usual line-to-line voltages. None of them is a usual line-to-neutral voltage, which is smaller by sqrt(3).
_LINE_TO_LINE = {208: 120, 380: 220, 400: 230, 415: 240, 480: 277, 600: 347}


def comma_fault(text: str) -> str:
    """Why a number with a comma can be two numbers; empty if it can not.

    To some 1,200 is 1.2 and to others 1200, and a thousandth of a rating passes every limit that a rating may have.
    """
    if not _THOUSANDS_OR_DECIMALS.fullmatch(text.strip()):
        return ""
    return f"has a comma before thousands or decimals, and nobody knows which; write {text.replace(',', '')} or {text.replace(',', '.')}"


def _decimal(text: str) -> float:
    if fault := comma_fault(text):
        raise ValueError(fault)
    return float(text.replace(",", "."))


def _in(units: Mapping[str, float], base: str) -> Callable[[object], object]:
    def read(value: object) -> object:
        found = _WITH_UNIT.fullmatch(value.strip()) if isinstance(value, str) else None
        if found is None:
            return value
        unit = found[2].lower()
        if unit in units:
            number = _decimal(found[1]) * units[unit]
            # A factor of 0.001 must not leave 0.30000000000000004.
            return float(f"{number:.12g}")
        why = _OTHERS.get(unit, f"has the unit {found[2]}; give it in {base}")
        raise ValueError(why)

    return read


def _to_neutral(value: object) -> object:
    found = _WITH_UNIT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is not None and found[2].lower() == "v":
        value = _decimal(found[1])
    if value == math.inf:
        return value  # it has no voltage to neutral; the key says that it is no finite number
    if isinstance(value, int | float) and not isinstance(value, bool) and value in _LINE_TO_LINE:
        neutral = _LINE_TO_LINE[int(value)]
        raise ValueError(f"is the voltage between two lines; write the voltage from line to neutral, volts: {neutral}")
    if isinstance(value, int | float) and not isinstance(value, bool) and value > MAX_LINE_TO_NEUTRAL_V:
        neutral = round(value / math.sqrt(3))
        # Of 690 V and more this would be too much as well: 400 V would then be taken for a voltage between two lines, and become 230.
        remedy = (
            f"if it is between two lines, write volts: {neutral}"
            if neutral <= MAX_LINE_TO_NEUTRAL_V
            else "write that of the racks, behind the transformer"
        )
        raise ValueError(f"is more than any rack's voltage from line to neutral; {remedy}")
    return value


# 347 V is the highest that equipment in racks is supplied with (600 V systems in Canada).
MAX_LINE_TO_NEUTRAL_V = 350.0
Ratio = Annotated[float, Field(ge=0, le=1)]
Watts = Annotated[float, Field(gt=0, le=1e9), BeforeValidator(_in(_POWER, "W"))]
Amperes = Annotated[float, Field(gt=0, le=10_000), BeforeValidator(_in(_CURRENT, "A"))]
Celsius = Annotated[float, Field(ge=0, le=150), BeforeValidator(_in(_TEMPERATURE, "degC"))]
CubicMeters = Annotated[float, Field(gt=0, le=1000), BeforeValidator(_in(_VOLUME, "m3"))]
Meters = Annotated[float, Field(gt=0, le=1000), BeforeValidator(_in(_LENGTH, "m"))]
LineToNeutralVolts = Annotated[float, Field(gt=0, le=MAX_LINE_TO_NEUTRAL_V), BeforeValidator(_to_neutral)]
