"""Counts a device's series: how many are planned, how many its last polls gave, and how many are left out and why.

Only these counts show that a device gives less than it did, or less than its family has: a series that was missing from the start
leaves no gap in any graph.

Series that alerts of the safety class need are counted once more by themselves. A CDU whose flow meter has failed gives one series less of
sixty, which says little; but no alert on its flow can be raised any more.
"""

from collections.abc import Mapping

from agent.poll.per_plan import PerPlan
from agent.profile import Plan
from agent.readings import Readings
from rackflow.catalogue import POLL_SECONDS, PollClass
from rackflow.series import parse_series_key, series_key

METRIC = "dcim_device_series"
# Series keys that every device needs at each of its polls. Made once, because making a key takes 5 us.
_PLANNED = series_key(METRIC, {"state": "planned"})
_PRESENT = series_key(METRIC, {"state": "present"})
_SAFETY = series_key(METRIC, {"state": "safety"})
# What alerts of the safety class ask about, of what that class polls. Not all that it polls: the speed of a pump that stands, or the
# approach of a unit without load, may be missing for good reason. A leak detector without one is a fault of its own (`leak_detectors`).
NEEDED_FOR_SAFETY = frozenset(
    {
        "dcim_cdu_flow_cubic_meters_per_second",
        "dcim_cdu_pump_state",
        "dcim_cdu_supply_temperature_celsius",
        "dcim_circuit_breaker_state",
        "dcim_env_contact_active",
        "dcim_ups_battery_state",
        "dcim_ups_input_voltage_volts",
        "dcim_ups_output_source",
    }
)
# Counts change when a device is planned, so once a minute is often enough. Of the classes that are polled at least that often the rarest
# has the counts, and only a device that has none of these is counted with a rarer one.
_REPORT_S = 60.0
_REPORTING = tuple(sorted(POLL_SECONDS, key=lambda poll: (POLL_SECONDS[poll] > _REPORT_S, -POLL_SECONDS[poll])))


class SeriesCount:
    """The counts of one device. `begin` is called with each plan, `add` with the readings of each poll, before figures are derived."""

    def __init__(self) -> None:
        self._planned: dict[PollClass, int] = {}
        self._present: dict[PollClass, int] = {}
        self._left_out: dict[str, float] = {}
        self._safety_keys: Mapping[PollClass, list[str]] = {}
        self._safety: dict[PollClass, int] = {}
        self.reported_with: PollClass | None = None
        """The poll class with whose readings the counts are published, about once a minute: `slow` if the device has it."""

    def begin(self, plan: Plan) -> None:
        """Count for this plan from now on."""
        self._planned = {poll: len(part.slots) for poll, part in plan.classes.items()}
        self._present = {poll: count for poll, count in self._present.items() if poll in self._planned}
        self._safety_keys = _safety_keys(plan)
        self._safety = {poll: count for poll, count in self._safety.items() if poll in self._safety_keys}
        self._left_out = {
            series_key(METRIC, {"state": "left_out", "reason": reason}): float(count)
            for reason, count in plan.left_out.items()
        }
        self.reported_with = next((poll for poll in _REPORTING if poll in self._planned), None)

    def add(self, poll: PollClass, readings: Readings) -> None:
        """Count the readings of a poll; about once a minute, put the counts into `about` of its readings."""
        self._present[poll] = len(readings.values) + len(readings.states)
        if poll in self._safety_keys:
            keys = self._safety_keys[poll]
            self._safety[poll] = sum(key in readings.values or key in readings.states for key in keys)
        if poll != self.reported_with:
            return
        readings.about[_PLANNED] = float(sum(self._planned.values()))
        # Only once each class has been polled: until then its readings would seem to be missing.
        if self._present.keys() == self._planned.keys():
            readings.about[_PRESENT] = float(sum(self._present.values()))
            if self._safety_keys:
                readings.about[_SAFETY] = float(sum(self._safety.values()))
        readings.about.update(self._left_out)


def _keys_of_safety(plan: Plan) -> Mapping[PollClass, list[str]]:
    """The series that safety alerts need, by the class that reads them, which a profile may choose otherwise. Of contacts: smoke."""
    found: dict[PollClass, list[str]] = {}
    for poll, part in plan.classes.items():
        for slot in part.slots:
            if slot.metric.name not in NEEDED_FOR_SAFETY:
                continue
            if slot.metric.poll_class(dict(parse_series_key(slot.key)[1])) == "safety":
                found.setdefault(poll, []).append(slot.key)
    return found


_safety_keys = PerPlan(_keys_of_safety)
