"""The air of one room: temperatures before and behind the racks, and the work of the cooling units.

Two well-mixed volumes, cold and hot side. That is enough for set points and failures, and says nothing about single racks.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rackflow.physics import dew_point_celsius
from rackflow.site import AirUnit

SETPOINT_C: Final = 23.0
RISE_K: Final = 12.0
"""Through a rack: its fans see to it."""
IDLE_AIR: Final = 0.15
"""Least air through a rack, of what its design needs."""
AIR_J_PER_W: Final = 60.0
"""Heat capacity of air and what it touches on each side, of the heat at design: J/K for a watt."""
SETTLE_S: Final = 90.0
COMPRESSOR: Final = 3.5
"""Heat per work of a unit that has no water to give its heat to."""
FAN_SHARE: Final = 0.03
OVER_OUTDOORS_K: Final = 2.0
DAY_S: Final = 86_400.0


def outdoors_c(time_s: float) -> float:
    """Outdoor temperature: warmest at 15 h."""
    return 22.0 + 7.0 * math.sin(2 * math.pi * (time_s / DAY_S - 0.375))


def moisture_c(time_s: float) -> float:
    """Dew point of all air of the site."""
    return 10.5 + 1.5 * math.sin(2 * math.pi * time_s / (1.7 * DAY_S))


def relative_humidity(celsius: float, dew_point_c: float) -> float:
    """0-1, of air with that dew point; the inverse of Magnus' formula in `rackflow.physics`."""
    low, high = 1e-3, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        found = dew_point_celsius(celsius, middle)
        low, high = (middle, high) if found is not None and found < dew_point_c else (low, middle)
    return high


@dataclass(slots=True)
class Air:
    """Cold and hot side of a room; a room without cooling units is ventilated from outdoors."""

    id: str
    units: list[AirUnit]
    design_w: float
    """Heat that the room gets when everything is at its design."""
    cold_c: float = SETPOINT_C
    hot_c: float = SETPOINT_C + RISE_K
    stored_j: float = 0.0
    removed_w: dict[str, float] = field(default_factory=dict)
    """By unit; under "" what ventilation takes."""
    failed: set[str] = field(default_factory=set)

    def advance(self, heat_w: float, time_s: float, dt_s: float, live: Mapping[str, bool]) -> None:
        """Let heat come in and units take it out."""
        node = self.design_w * AIR_J_PER_W
        moved = max(heat_w, IDLE_AIR * self.design_w) / RISE_K  # W/K of air through the racks
        carried = moved * (self.hot_c - self.cold_c)
        target = SETPOINT_C if self.units else max(SETPOINT_C - 5, outdoors_c(time_s) + OVER_OUTDOORS_K)
        wanted = max(0.0, carried + node * (self.cold_c - target) / SETTLE_S)
        self.removed_w = {}
        at_work = [unit for unit in self.units if live[unit.id] and unit.id not in self.failed]
        whole = sum(unit.rated_cooling_w for unit in at_work)
        for unit in at_work:
            self.removed_w[unit.id] = min(1.0, wanted / whole) * unit.rated_cooling_w
        if not self.units:
            self.removed_w[""] = wanted
        out = sum(self.removed_w.values())
        self.cold_c += (carried - out) * dt_s / node
        self.hot_c += (heat_w - carried) * dt_s / node
        self.stored_j += (heat_w - out) * dt_s

    def unit_power_w(self, unit: AirUnit) -> float:
        """Fans, and the compressor where there is no water."""
        removed = self.removed_w.get(unit.id)
        if removed is None:
            return 0.0
        part = max(0.3, removed / unit.rated_cooling_w)
        return FAN_SHARE * unit.rated_cooling_w * part**3 + (0.0 if unit.primary else removed / COMPRESSOR)
