"""The air of one room: temperatures before and behind the racks, and the work of the cooling units.

Two well-mixed volumes, cold and hot side. This is enough for set points and failures but does not model single racks.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rackflow.physics import dew_point_celsius
from rackflow.site import AirUnit
from simulator.world.load import DAY_S

# All numbers here are typical values, chosen; none is from one product.
# Within the 18 to 27 degC that ASHRAE recommends for inlet air (Thermal Guidelines, classes A1 to A4).
SETPOINT_C: Final = 23.0
# Air warms by this much through a rack at any load, because server fans follow the temperature of the parts they cool.
RISE_K: Final = 12.0
# Server fans never stop: the least air flow through a rack, as a fraction of the flow at design power.
MIN_AIR_FLOW_RATIO: Final = 0.15
# Heat capacity of air, racks and walls on each side, per watt of design heat. Without cooling a room at design heat warms by
# 1 W / (2 * 60 J/K), 0.5 K a minute: slow enough to see a failure develop, quick enough for a test.
AIR_J_PER_W: Final = 60.0
# Time in which the cooling units correct a deviation of the cold side; a chosen value, in the range of a CRAH's control loop.
SETTLE_S: Final = 90.0
# Coefficient of performance of a unit with its own compressor. Data sheets of direct-expansion units have 3 to 4.
COMPRESSOR_COP: Final = 3.5
# Fan power of a cooling unit at full speed, over its rated cooling.
FAN_SHARE: Final = 0.03
# Fans keep a minimum speed, so that air does not stand still. Their power follows the cube of the speed (affinity laws).
MIN_FAN_SPEED: Final = 0.3
# A ventilated room stays this much above outdoors, but winter air is mixed with return air and never lets it fall further than
# MAX_BELOW_SETPOINT_K below the set point.
ABOVE_OUTDOORS_K: Final = 2.0
MAX_BELOW_SETPOINT_K: Final = 5.0


def outdoors_c(time_s: float) -> float:
    """Outdoor temperature: a summer day of 15 to 29 degC, warmest at 15:00."""
    return 22.0 + 7.0 * math.sin(2 * math.pi * (time_s / DAY_S - 0.375))


def moisture_c(time_s: float) -> float:
    """Dew point of the air of the whole site, degC.

    Its period of 1.7 days is no multiple of a day, so that humidity and load do not always meet in the same way.
    """
    return 10.5 + 1.5 * math.sin(2 * math.pi * time_s / (1.7 * DAY_S))


def relative_humidity(celsius: float, dew_point_c: float) -> float:
    """Relative humidity (0-1) of air with that dew point.

    Found by bisection of the formula in `rackflow.physics` instead of a separate formula, so that the collector computes exactly
    the same dew point from the sensor's readings.
    """
    low, high = 1e-3, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        found = dew_point_celsius(celsius, middle)
        low, high = (middle, high) if found is not None and found < dew_point_c else (low, middle)
    return high


@dataclass(slots=True)
class Air:
    """The cold and the hot side of a room. A room without cooling units is ventilated from outdoors."""

    id: str
    units: list[AirUnit]
    design_w: float
    """Heat that goes into the room's air when everything runs at its design power."""
    cold_c: float = SETPOINT_C
    hot_c: float = SETPOINT_C + RISE_K
    stored_j: float = 0.0
    removed_w: dict[str, float] = field(default_factory=dict)
    """Heat removed by each unit, W; under "" the heat removed by ventilation."""
    failed: set[str] = field(default_factory=set)

    def advance(self, heat_w: float, time_s: float, dt_s: float, live: Mapping[str, bool]) -> None:
        """Advance a step: add the racks' heat, and remove as much as the units and the ventilation can."""
        side_j_per_k = self.design_w * AIR_J_PER_W
        # The air through the racks as a capacity rate, W/K, and the heat that it carries from the cold to the hot side, W.
        through_racks = max(heat_w, MIN_AIR_FLOW_RATIO * self.design_w) / RISE_K
        carried = through_racks * (self.hot_c - self.cold_c)
        target_c = (
            SETPOINT_C if self.units else max(SETPOINT_C - MAX_BELOW_SETPOINT_K, outdoors_c(time_s) + ABOVE_OUTDOORS_K)
        )
        # Ideal control with a limit: remove what the air carries, plus the deviation spread over SETTLE_S. Cooling units never
        # heat, so the result is not negative.
        wanted = max(0.0, carried + side_j_per_k * (self.cold_c - target_c) / SETTLE_S)
        self.removed_w = {}
        running = [unit for unit in self.units if live[unit.id] and unit.id not in self.failed]
        rated_w = sum(unit.rated_cooling_w for unit in running)
        for unit in running:
            self.removed_w[unit.id] = min(1.0, wanted / rated_w) * unit.rated_cooling_w
        if not self.units:
            self.removed_w[""] = wanted
        removed = sum(self.removed_w.values())
        self.cold_c += (carried - removed) * dt_s / side_j_per_k
        self.hot_c += (heat_w - carried) * dt_s / side_j_per_k
        self.stored_j += (heat_w - removed) * dt_s

    def unit_power_w(self, unit: AirUnit) -> float:
        """Power of the fans, and of the compressor where no primary loop takes the heat, W."""
        removed = self.removed_w.get(unit.id)
        if removed is None:
            return 0.0
        speed = max(MIN_FAN_SPEED, removed / unit.rated_cooling_w)
        return FAN_SHARE * unit.rated_cooling_w * speed**3 + (0.0 if unit.primary else removed / COMPRESSOR_COP)
