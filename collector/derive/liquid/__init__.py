"""Liquid cooling: CDUs, loops, heat balance, and how long a loop lasts without flow or heat rejection."""

from collector.derive.liquid.cooling import HEAT, plan_cdus
from collector.derive.liquid.leaks import plan_leaks
from collector.derive.liquid.loops import plan_loops
from collector.derive.liquid.plant import plan_plant
from collector.derive.liquid.ride_through import Thermal

__all__ = [
    "HEAT",
    "Thermal",
    "plan_cdus",
    "plan_leaks",
    "plan_loops",
    "plan_plant",
]
