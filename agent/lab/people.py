"""Converts base units to those that people use, for tables: 0.202 to 20.2 %, 17,300 W to 17.3 kW, 0.00197 m3/s to 118 L/min.

Only for people: JSON, YAML and Prometheus lines stay in base units, which is what programs compare.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

# Digits that a table shows: one more than the best meters have (class 0.2). Machine formats have all.
DIGITS = 5
# The last second that datetime can represent; a device's clock may send any number.
LAST_TIMESTAMP = 253_402_300_799


@dataclass(frozen=True, slots=True)
class Step:
    """From this many base units on (either sign), a value is shown times `factor` in `unit`."""

    at: float
    factor: float
    unit: str


def _decimal(unit: str) -> Sequence[Step]:
    return Step(0, 1, unit), Step(1e3, 1e-3, f"k{unit}"), Step(1e6, 1e-6, f"M{unit}")


STEPS: Mapping[str, Sequence[Step]] = {
    "ratio": (Step(0, 100, "%"),),
    "watts": _decimal("W"),
    "voltamperes": _decimal("VA"),
    "vars": _decimal("var"),
    # Meters count in kWh, and a page of some of them in Wh and some in MWh would be read wrong.
    "joules": (Step(0, 1 / 3.6e6, "kWh"),),
    "volts": _decimal("V"),
    "amperes": (Step(0, 1, "A"),),
    "rpm": (Step(0, 1, "rpm"),),
    "hertz": (Step(0, 1, "Hz"),),
    "celsius": (Step(0, 1, "degC"),),
    "pascals": (Step(0, 1, "Pa"), Step(1e3, 1e-3, "kPa")),
    "cubic_meters_per_second": (Step(0, 60_000, "L/min"),),
    "cubic_meters_per_joule": (Step(0, 6e7, "L/min/kW"),),
    "cubic_meters": (Step(0, 1, "m3"),),
    "seconds": (Step(0, 1, "s"), Step(120, 1 / 60, "min"), Step(7200, 1 / 3600, "h"), Step(172_800, 1 / 86_400, "d")),
    "meters": (Step(0, 1, "m"),),
    "meters_per_second": (Step(0, 1, "m/s"),),
    "degrees": (Step(0, 1, "deg"),),
    "grams": (Step(0, 1, "g"), Step(1e3, 1e-3, "kg"), Step(1e6, 1e-6, "t")),
    "bytes": (Step(0, 1, "B"), Step(1024, 1 / 1024, "KiB"), Step(1024**2, 1 / 1024**2, "MiB")),
    # How instruments for coolant and water show it.
    "siemens_per_meter": (Step(0, 1e4, "uS/cm"),),
    "ph": (Step(0, 1, "pH"),),
    "ntu": (Step(0, 1, "NTU"),),
}


def for_people(value: float, unit: str) -> tuple[str, str]:
    """The number and the unit to show for a value in a base unit of the catalogue."""
    if unit == "timestamp_seconds":
        return _moment(value), "UTC"
    step = next((step for step in reversed(STEPS.get(unit, ())) if abs(value) >= step.at), Step(0, 1, unit))
    return f"{value * step.factor:,.{DIGITS}g}" if abs(
        value * step.factor
    ) < 10**DIGITS else f"{value * step.factor:,.0f}", step.unit


def _moment(value: float) -> str:
    if not 0 <= value <= LAST_TIMESTAMP:
        return f"{value:.12g}"
    return datetime.fromtimestamp(int(value), UTC).strftime("%Y-%m-%d %H:%M:%S")
