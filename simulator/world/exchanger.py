"""A counter-flow heat exchanger by the effectiveness-NTU method (Incropera and DeWitt, chapter 11)."""

import math

_ALIKE = 0.999


def effectiveness(transfer_w_per_k: float, least: float, most: float) -> float:
    """Of what is possible, from the number of transfer units; `least` and `most` are the streams' capacity rates, W/K."""
    if least <= 0:
        return 0.0
    units, ratio = transfer_w_per_k / least, least / most
    if ratio > _ALIKE:
        return units / (1 + units)
    decay = math.exp(-units * (1 - ratio))
    return (1 - decay) / (1 - ratio * decay)


def transfer(design_w_per_k: float, hot: float, cold: float) -> float:
    """Conductance at other flows than those of the design: each side's film goes with its flow to the power of 0.8.

    `hot` and `cold` are the flows relative to the design.
    """
    if hot <= 0 or cold <= 0:
        return 0.0
    return design_w_per_k / (0.5 / math.pow(hot, 0.8) + 0.5 / math.pow(cold, 0.8))
