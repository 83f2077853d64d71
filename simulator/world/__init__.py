"""A whole site as physics: power, heat, flow, and what each sensor shows. No clock, no I/O.

Energy is conserved to rounding, so that a figure derived from readings can be compared with the true state.
"""

from simulator.world.world import World

__all__ = ["World"]
