"""Notices that somebody has switched a device from degrees Celsius to Fahrenheit, or back, where no cell names the unit.

23 degC become 73.4 in one poll, which a room can have as well: no range tells that from a reading. But no room, rack or coolant changes
within seconds from a temperature to just what that is in the other unit, and least of all of several sensors at once. What jumps so is
rejected as `range` as long as it keeps that relation. A fire does not keep it: then the reading is published. Pure.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from agent.profile import Plan
from agent.readings import Readings
from rackflow.catalogue import PollClass

log = logging.getLogger(__name__)

# How far a converted temperature may be from the last one, in kelvin: what a whole number cuts off (0.3 to 0.6), and what changes within a
# poll. Chosen.
TOLERANCE: Final = 1.5
# While a temperature is rejected it may drift this far within one poll, in kelvin, and is still the same one. Chosen.
DRIFT: Final = 3.0
# Between -46 and -34 both scales are too near for a jump to show a switch, and no sensor of a room is there. In kelvin; chosen.
MIN_JUMP: Final = 10.0


def _to_fahrenheit(value: float) -> float:
    return value * 1.8 + 32.0


def _to_celsius(value: float) -> float:
    return (value - 32.0) / 1.8


class UnitSwitch:
    """The temperatures of one device. `begin` is called with each plan, `reject` with the readings of each poll."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._keys: dict[PollClass, tuple[str, ...]] = {}
        self._last: dict[str, float] = {}
        # Switched ones: whether they are given in Fahrenheit now, or in Celsius where the profile says Fahrenheit.
        self._switched: dict[str, bool] = {}

    def begin(self, plan: Plan) -> None:
        """Look at the temperatures of this plan from now on. What was known of them stays: a new plan is no new unit."""
        self._keys = {
            poll: keys
            for poll, part in plan.classes.items()
            if (keys := tuple(slot.key for slot in part.slots if slot.metric.unit == "celsius"))
        }

    def forget(self) -> None:
        """Forget everything: the device is another one. One that was silent may have been switched meanwhile."""
        self._last.clear()
        self._switched.clear()

    def reject(self, poll: PollClass, readings: Readings) -> None:
        """Move temperatures that are in another unit than before to `bad`, as `range`."""
        keys = self._keys.get(poll)
        if keys is None or (not self._switched and self._are_steady(keys, readings.values)):
            return
        values = {key: readings.values[key] for key in keys if key in readings.values}
        self._notice(values)
        for key in self._switched.keys() & values:
            if (meant := self._as_before(key, values[key])) is None:
                del self._switched[key]
                self._last[key] = values[key]
                continue
            self._last[key] = meant
            del readings.values[key]
            readings.bad[key] = "range"

    def _are_steady(self, keys: Sequence[str], values: Mapping[str, float]) -> bool:
        """Whether all are about what they were, as nearly always. Without a call for each: it is asked at every poll."""
        last = self._last
        for key in keys:
            if key in values:
                now = values[key]
                if key in last and not -MIN_JUMP < now - last[key] < MIN_JUMP:
                    return False
                last[key] = now
        return True

    def _notice(self, values: Mapping[str, float]) -> None:
        jumped: dict[str, bool] = {}
        for key, now in values.items():
            before = self._last.get(key)
            if key in self._switched:
                continue
            if before is None or abs(now - before) < MIN_JUMP:
                self._last[key] = now
            elif abs(_to_celsius(now) - before) <= TOLERANCE:
                jumped[key] = True
            elif abs(_to_fahrenheit(now) - before) <= TOLERANCE * 1.8:
                jumped[key] = False
            else:
                self._last[key] = now
        # One of many sensors may have been put elsewhere.
        if jumped and 2 * len(jumped) > len(values) - len(self._switched.keys() & values):
            self._switched |= jumped
            log.warning(
                "device=%s temperatures are in another unit than before and are not read: %s",
                self._device,
                sorted(jumped)[:3],
            )
        else:
            self._last |= {key: values[key] for key in jumped}

    def _as_before(self, key: str, now: float) -> float | None:
        """The temperature in the profile's unit, or None if it is no longer in another one."""
        last = self._last[key]
        meant = _to_celsius(now) if self._switched[key] else _to_fahrenheit(now)
        return meant if abs(meant - last) <= DRIFT and abs(now - last) > DRIFT else None
