"""Formulas of power and cooling that agent and collector share, in base units.

A formula returns None if its result would be noise or undefined: a missing figure is better than a false alert at low load.
"""

import math
from collections.abc import Sequence

# Chosen: 1 L/min of PG25 carries 500 W at a rise of about 7.5 K. Below that, flow and temperature difference are each near
# the resolution of their sensors (0.1 L/min, 0.1 K), and a ratio to heat is mostly noise. CDUs carry tens of kilowatts.
LEAST_HEAT_W = 500.0
"""Ratios to heat are not computed for less heat than this."""
# Chosen: rack PDUs report tenths of an ampere, so at 0.5 A a single step is a fifth of the current.
LEAST_CURRENT_A = 0.5
"""Unbalance is not computed for a lower mean current than this."""
# Two class B probes (IEC 60751) near 30 degC may differ by 0.9 K: a difference below 1 K between the streams may be measurement error.
_LEAST_SPAN_K = 1.0
# Sonntag (1990), for dew point over water. Other published pairs (Alduchov and Eskridge: 17.625, 243.04) differ by less than
# 0.02 K, and an error of 3 % relative humidity moves the dew point by almost 1 K.
_MAGNUS_A, _MAGNUS_B_C = 17.62, 243.12
# Range in which the coefficients are valid.
_MAGNUS_SPAN_C = (-45.0, 60.0)


def dew_point_celsius(celsius: float, humidity_ratio: float) -> float | None:
    """Dew point of air in degC, by the Magnus formula: g = ln(RH) + a T / (b + T); Td = b g / (a - g).

    `humidity_ratio` is relative humidity from 0 (exclusive) to 1. None outside -45..60 degC, or for impossible humidity.
    """
    if not 0.0 < humidity_ratio <= 1.0 or not _MAGNUS_SPAN_C[0] <= celsius <= _MAGNUS_SPAN_C[1]:
        return None
    g = math.log(humidity_ratio) + _MAGNUS_A * celsius / (_MAGNUS_B_C + celsius)
    return _MAGNUS_B_C * g / (_MAGNUS_A - g)


def effectiveness_ratio(secondary_return_c: float, secondary_supply_c: float, primary_supply_c: float) -> float | None:
    """Effectiveness of a heat exchanger, achieved over possible cooling: (Tsr - Tss) / (Tsr - Tps). Falls with fouling.

    None if secondary return and primary supply are less than 1 K apart.
    """
    span_k = secondary_return_c - primary_supply_c
    return (secondary_return_c - secondary_supply_c) / span_k if span_k >= _LEAST_SPAN_K else None


def heat_imbalance_ratio(primary_w: float, secondary_w: float) -> float | None:
    """Imbalance of heat between both sides of a heat exchanger: (Qp - Qs) / Qs. None below LEAST_HEAT_W.

    More than 0.10 to 0.15 exceeds the tolerances of both sides together: a flow meter or a temperature probe is wrong.
    """
    return (primary_w - secondary_w) / secondary_w if secondary_w >= LEAST_HEAT_W else None


def unbalance_ratio(currents: Sequence[float]) -> float | None:
    """Phase unbalance as NEMA MG-1 defines it: largest deviation from the mean, over the mean. None at low current.

    NEMA's simple form, applied to currents, because rack PDUs report no phase angles; the IEC form needs them.
    """
    mean = sum(currents) / len(currents)
    return max(max(currents) - mean, mean - min(currents)) / mean if mean >= LEAST_CURRENT_A else None
