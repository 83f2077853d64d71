"""A counter-flow heat exchanger by the effectiveness-NTU method (Incropera and DeWitt, chapter 11)."""

import math

# Above this ratio of the streams' capacity rates the general formula divides by almost nothing; the limit for equal streams,
# NTU / (1 + NTU), is then closer than the general formula's rounding error.
_EQUAL_STREAMS = 0.999
# A film's conductance follows the flow to the power of 0.8 (Dittus-Boelter, turbulent flow in channels).
_FILM_EXPONENT = 0.8


def effectiveness(conductance_w_per_k: float, least: float, most: float) -> float:
    """Heat moved over the maximum possible, 0-1; `least` and `most` are the lower and higher capacity rate of the two streams, W/K."""
    if least <= 0:
        return 0.0
    # `units` is the number of transfer units, NTU.
    units, ratio = conductance_w_per_k / least, least / most
    if ratio > _EQUAL_STREAMS:
        return units / (1 + units)
    decay = math.exp(-units * (1 - ratio))
    return (1 - decay) / (1 - ratio * decay)


def conductance_at(design_w_per_k: float, hot: float, cold: float) -> float:
    """Conductance (W/K) at flows other than those of the design; `hot` and `cold` are the flows relative to the design.

    Two simplifications: at design flows both films have the same resistance, and the wall between them has none.
    """
    if hot <= 0 or cold <= 0:
        return 0.0
    return design_w_per_k / (0.5 / math.pow(hot, _FILM_EXPONENT) + 0.5 / math.pow(cold, _FILM_EXPONENT))
