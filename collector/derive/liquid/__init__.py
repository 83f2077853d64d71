"""Liquid cooling: CDUs, loops, heat balance, and how long a loop lasts without flow or heat rejection.

`cooling` has the figures of each CDU; `loops` those of the loops to the racks, with `capture` and `ride_through`; `plant` those of facility
cooling. `wear` plans what wears or leaks in a CDU, as `exchanger` (fouling, valves) and `coolant_loss` (pressure, reservoir) detect it;
`leaks` has what leak detectors say, `metrics` what several of them read.
"""

from collector.derive.liquid.cooling import plan_cdus
from collector.derive.liquid.leaks import plan_leaks
from collector.derive.liquid.loops import plan_loops
from collector.derive.liquid.metrics import FLOW, HEAT
from collector.derive.liquid.plant import plan_plant
from collector.derive.liquid.ride_through import Thermal

__all__ = [
    "FLOW",
    "HEAT",
    "Thermal",
    "plan_cdus",
    "plan_leaks",
    "plan_loops",
    "plan_plant",
]
