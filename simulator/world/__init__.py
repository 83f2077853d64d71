"""A whole site as physics: power, heat, flow, and what each sensor shows. No clock, no I/O.

Energy is conserved to rounding, so that a figure derived from readings can be compared with the true state.

* The whole: `world` steps all parts; `load` is the computing load; `faults` changes parts, `what_if` tries failures on a copy.
* Power: `network` goes through the power path, whose parts are in `supply` (feeds, panels, PDUs), `ups`, `battery`, `switch`, `generator`
  and `breaker`; `metering` has the power through each meter.
* Cooling: `loop` is a secondary loop with its `hydraulics`, `cdu` and `exchanger`, `plant` the primary loop, `air` the air of one room.
* What comes out: `instruments` has the readings, `truth` the figures that the collector should derive from them.
"""

from simulator.world.world import World

__all__ = ["World"]
