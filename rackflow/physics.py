"""Formulas of power and cooling in base units; None where a formula has no answer."""

import math
from collections.abc import Sequence

LEAST_HEAT_W = 500.0
"""Below this, what is divided by heat is the quotient of two numbers near their resolution."""
LEAST_CURRENT_A = 0.5
"""Below this mean current, unbalance is noise."""
_LEAST_SPAN_K = 1.0
_MAGNUS_A, _MAGNUS_B_C = 17.62, 243.12
_MAGNUS_SPAN_C = (-45.0, 60.0)


def dew_point_celsius(celsius: float, humidity_ratio: float) -> float | None:
    """Dew point of air, degC: g = ln(RH) + a T / (b + T); Td = b g / (a - g).

    Magnus formula over water with Sonntag's (1990) a = 17.62 and b = 243.12 degC, for -45..60 degC.
    """
    if not 0.0 < humidity_ratio <= 1.0 or not _MAGNUS_SPAN_C[0] <= celsius <= _MAGNUS_SPAN_C[1]:
        return None
    g = math.log(humidity_ratio) + _MAGNUS_A * celsius / (_MAGNUS_B_C + celsius)
    return _MAGNUS_B_C * g / (_MAGNUS_A - g)


def effectiveness_ratio(secondary_return_c: float, secondary_supply_c: float, primary_supply_c: float) -> float | None:
    """What a heat exchanger does of what is possible: (Tsr - Tss) / (Tsr - Tps); falls with fouling."""
    span_k = secondary_return_c - primary_supply_c
    return (secondary_return_c - secondary_supply_c) / span_k if span_k >= _LEAST_SPAN_K else None


def heat_imbalance_ratio(primary_w: float, secondary_w: float) -> float | None:
    """(Qp - Qs) / Qs: beyond 0.10 to 0.15 a flow meter or a temperature probe is off."""
    return (primary_w - secondary_w) / secondary_w if secondary_w >= LEAST_HEAT_W else None


def unbalance_ratio(currents: Sequence[float]) -> float | None:
    """Largest deviation from the mean over the mean, as NEMA MG-1 defines it; of three phases."""
    mean = sum(currents) / len(currents)
    return max(abs(each - mean) for each in currents) / mean if mean >= LEAST_CURRENT_A else None
