"""A whole site as physics: in go a site file, a seed and elapsed time, out come power, heat, flow and what each sensor shows; pure."""

from simulator.world.world import World

__all__ = ["World"]
