"""Rejects air temperatures of a device that has been switched to degrees Fahrenheit and has no cell that says so. Pure.

75 degF is 24 degC, and read as 75 degC it is still within the range of a sensor. Two things show the switch:
- from one poll to the next, all air temperatures of the device change to the same temperatures in Fahrenheit. No heating does that;
- when the device is planned, it has several air temperatures, and all are numbers that are usual for rooms in Fahrenheit. One sensor alone
  is not enough, because it may be in a fire, and the page must show that. Nor are temperatures that were seen to rise: in a fire, all of
  them get there, and devices are planned again when their alarms change. Each must be new, or have leapt there from one poll to the next:
  some devices switch one sensor after another, or while the agent cannot ask them.
They are rejected as `range` until one of them is a number too low for a room in Fahrenheit.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from agent.poll.per_plan import PerPlan
from agent.profile import Plan, RawValue, Slot, normalise_answers
from agent.readings import Readings
from rackflow.catalogue import PollClass

# Metrics of air temperatures.
_AIR: Final = (
    "dcim_env_temperature_celsius",
    "dcim_crah_supply_air_temperature_celsius",
    "dcim_crah_return_air_temperature_celsius",
    "dcim_crah_air_temperature_celsius",
    "dcim_rdhx_air_temperature_celsius",
    "dcim_cdu_air_temperature_celsius",
    "dcim_cdu_ambient_temperature_celsius",
)
# 18 to 40 degC in Fahrenheit. 60 degC is below this range on purpose: that hot is the air behind racks of 100 kW, and it must not be hidden
# after a restart of the agent. Chosen.
ROOM_F: Final = (64.0, 104.0)
# 7 degC. No room is colder, so a lower number shows that the device sends degrees Celsius. Chosen.
LEAST_F: Final = 45.0
# How far a number may be from the previous one converted to Fahrenheit: a change of a degree between two polls, and rounding.
SLACK_F: Final = 2.5
# The same of a number that has leapt: as much as 5 degC, because the device may have been silent for a night. Chosen.
LEAP_SLACK_F: Final = 9.0
MIN_SENSORS: Final = 2


class FahrenheitCheck:
    """Checks the air temperatures of one device. `begin` is called with each plan, `reject` with the readings of each poll."""

    def __init__(self) -> None:
        self._slots: Mapping[PollClass, Sequence[Slot]] = {}
        self._last: dict[str, float] = {}
        # Keys of temperatures that have leapt to about the same ones in Fahrenheit, and were no lower than a room's in it since then.
        self._leapt: dict[str, None] = {}
        # Poll classes whose temperatures are in Fahrenheit.
        self._switched: dict[PollClass, None] = {}

    def forget(self) -> None:
        """Forget what was found: the device is another one, or has rebooted."""
        self._last.clear()
        self._leapt.clear()
        self._switched.clear()

    def begin(self, plan: Plan, known: Mapping[str, RawValue]) -> None:
        """Look at the temperatures of this plan from now on. `known` are the answers that it was made with."""
        self._slots = _air_slots(plan)
        keys = {slot.key for slots in self._slots.values() for slot in slots}
        self._last = {key: value for key, value in self._last.items() if key in keys}
        self._leapt = dict.fromkeys(self._leapt.keys() & keys)
        for poll, slots in self._slots.items():
            found = normalise_answers(slots, known).values
            seen_before = found.keys() & self._last.keys()
            self._judge(poll, found)
            is_room = all(ROOM_F[0] <= each <= ROOM_F[1] for each in found.values())
            if is_room and len(found) >= MIN_SENSORS and seen_before <= self._leapt.keys():
                self._switched[poll] = None

    @property
    def is_needed(self) -> bool:
        """Whether this plan has anything to look at; if not, `reject` need not be called."""
        return bool(self._slots)

    def reject(self, poll: PollClass, readings: Readings) -> None:
        """Move temperatures in Fahrenheit to `bad` (`range`)."""
        slots = self._slots.get(poll)
        if not slots:
            return
        values = readings.values
        self._judge(poll, {slot.key: values[slot.key] for slot in slots if slot.key in values})
        if poll not in self._switched:
            return
        for slot in slots:
            if values.pop(slot.key, None) is not None:
                readings.bad[slot.key] = "range"

    def _judge(self, poll: PollClass, found: Mapping[str, float]) -> None:
        if found and min(found.values()) < LEAST_F:  # nearly always, as some sensor is in the cold aisle
            self._switched.pop(poll, None)
        else:
            known = [(value, self._last[key]) for key, value in found.items() if key in self._last]
            if known and all(_is_switched(value, before) for value, before in known):
                self._switched[poll] = None
        # Mostly nothing has leapt, and all are too low for it.
        if self._leapt or max(found.values(), default=0.0) >= LEAST_F:
            for key, value in found.items():
                if value < LEAST_F:
                    self._leapt.pop(key, None)
                elif key in self._last and _is_switched(value, self._last[key], LEAP_SLACK_F):
                    self._leapt[key] = None
        self._last |= found


def _is_switched(value: float, before: float, slack: float = SLACK_F) -> bool:
    # Near -40 both scales have the same numbers, but none as low as that is looked at (LEAST_F).
    return abs(value - (1.8 * before + 32.0)) <= slack


def _find_air_slots(plan: Plan) -> dict[PollClass, list[Slot]]:
    slots = {poll: [slot for slot in part.slots if slot.metric.name in _AIR] for poll, part in plan.classes.items()}
    return {poll: each for poll, each in slots.items() if each}


_air_slots = PerPlan(_find_air_slots)
