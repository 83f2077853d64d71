"""Decides when a polled SNMP device is planned again, and when it must be opened again. No I/O; `now_s` is monotonic seconds.

Planning again keeps the device's identity and is done within a poll. Opening again identifies the device, too, and has more time.
"""

import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from agent.poll.fingerprint import comparable
from agent.poll.plan_age import PlanAge
from agent.profile import SYS_UPTIME, Plan, RawValue, plain_number

# Least time between two plans caused by the device, so that a marker that changes at every poll, or an uptime that always goes back,
# does not cause a table walk at every poll. Large plans wait longer, to keep planning below a few percent of a CPU: a plan of 20,000
# series takes 0.6 s and 1,000 requests. Chosen values.
REPLAN_MIN_S = 10.0
REPLAN_SERIES_PER_S = 200.0


class Replanning:
    """What speaks against the present plan of one device."""

    def __init__(self) -> None:
        self.must_plan = True
        """Whether the next opening must make a new plan: the last one was not completed, or a poll found none of the plan's objects."""
        self.other_device = ""
        """What shows that the latest answers come from another device than the one that was opened; empty if nothing does."""
        self.news = ""
        """What the device tells of itself now that it did not when it was opened, such as another firmware; empty if nothing."""
        self.is_outdated = False
        """Whether planning within a poll was cut off by its deadline, so that the device must be opened again."""
        self.marker_replanned_at = 0.0
        """Unix seconds of the last plan that a changed marker caused."""
        self._markers: dict[str, RawValue] = {}
        """The values of the profile's markers when the plan was made."""
        self._classes: AbstractSet[str] = frozenset()
        self._opened_classes: AbstractSet[str] = frozenset()
        """The poll classes of the present plan, and of the plan with which the device was opened."""
        self._pause_s = REPLAN_MIN_S
        """The least seconds between two plans that the device itself causes, by its marker or by an uptime that went back."""
        self._age = PlanAge()
        self._reopened_at_s = -math.inf

    def device_changed(self) -> None:
        """Note that the next plan is that of another device."""
        self._age.forget()

    def planned(self, plan: Plan, markers: Iterable[str], answers: Mapping[str, RawValue], now_s: float) -> None:
        """Note that a plan was made. `markers` are those of the profile, `answers` hold their values and the uptime."""
        self._markers = {each: comparable(answers.get(each)) for each in markers}
        self._classes = plan.classes.keys()
        self._pause_s = max(REPLAN_MIN_S, sum(len(part.slots) for part in plan.classes.values()) / REPLAN_SERIES_PER_S)
        ticks = plain_number(answers.get(SYS_UPTIME))
        self._age.begin(plan, None if ticks is None else ticks // 100, now_s)

    def opened(self) -> None:
        """Note that the device was opened, with the present plan."""
        self.other_device, self.news, self.is_outdated = "", "", False
        self._opened_classes = self._classes

    def is_due(self, now_s: float) -> bool:
        """Whether the plan is so old that the tables must be walked again."""
        return self._age.is_over(now_s)

    def keeps_plan(self, now_s: float) -> bool:
        """Whether a device that was silent may keep its plan, as far as is known before it is asked."""
        return not (self.must_plan or self.is_outdated or self.other_device or self.is_due(now_s))

    @property
    def known_markers(self) -> list[str]:
        """The markers that had a value when the plan was made."""
        return [marker for marker, value in self._markers.items() if value is not None]

    def have_markers_changed(self, answers: Mapping[str, RawValue]) -> bool:
        """Whether any of `known_markers` has another value by now."""
        return any(comparable(answers.get(each)) != self._markers[each] for each in self.known_markers)

    def does_marker_ask(self, marker: str, value: RawValue, now: float) -> bool:
        """Whether to plan again because a marker has changed: rows of its tables have come or gone. `now` is Unix seconds."""
        changed = comparable(value) != self._markers.get(marker)
        # A negative age means that the clock was set back, so the age of the last plan is unknown.
        return changed and not 0 <= now - self.marker_replanned_at < self._pause_s

    def reason_to_reopen(self, changed_cell: str, now_s: float, *, has_restarted: bool) -> str:
        """Why the device should be opened again; empty if it should not. `changed_cell` is one that the plan depends on, or empty.

        A reason counts only after a pause since the last one: a faulty device may restart its uptime, or change a name, at every poll.
        """
        reason = self.other_device or self.news
        if has_restarted:
            reason = "has rebooted"
        elif changed_cell:
            reason = f"{changed_cell} has changed, which the plan depends on"
        elif self.is_outdated:
            reason = "its tables could not be walked within a poll"
        elif not reason and self._classes != self._opened_classes:
            reason = "has gained or lost poll classes"
        if not reason or now_s - self._reopened_at_s < self._pause_s:
            return ""
        self._reopened_at_s = now_s
        return reason
