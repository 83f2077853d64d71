"""Decides how long the plan of an SNMP device is used before its tables are walked again. Pure; times are monotonic seconds."""

import math
from typing import Final

from agent.profile import Plan

# How long a plan is used. Rows can come and go without a reboot and without a marker (a sensor plugged in, an alarm replaced by
# another between two polls); such a change is noticed within this time. Planning walks all tables, which takes dozens of requests on
# a large PDU, so it must be rare compared with polling. Chosen value.
REPLAN_AFTER_S: Final = 3600.0
# The first pause behind a plan that may lack something; it doubles with each further one of these, up to REPLAN_AFTER_S. A device that has
# just started, or whose agent is busy, answers some of its tables a little later. Without this, a leak sensor that was missing in that
# moment would be missing for an hour. Chosen value.
AGAIN_S: Final = 60.0
# A device that started less than this ago may not answer all of its tables yet. Chosen value.
STARTING_S: Final = 300.0


class PlanAge:
    """The age of one device's plan."""

    def __init__(self) -> None:
        self._fullest = Plan({})
        self._planned_at_s = -math.inf
        self._after_s = REPLAN_AFTER_S
        # While series of the fullest plan are missing: which of its series the plans made since then have had, by their keys.
        self._seen: dict[str, None] = {}
        # Whether the device had been running for a while at the last plan. One whose uptime stays at 0 is not starting for ever.
        self._has_run = True

    def forget(self) -> None:
        """The next plan is that of another device, which has nothing to do with the ones before."""
        self._fullest, self._after_s = Plan({}), REPLAN_AFTER_S

    def begin(self, plan: Plan, uptime_s: float | None, now_s: float) -> None:
        """A plan was made. `uptime_s` is the device's, None if it is unknown."""
        # Nearly always it is the same plan (a kept one), of which nothing can be missing: its thousands of keys need not be compared.
        present, wanted = (set[str](), set[str]()) if plan is self._fullest else (_keys(plan), _keys(self._fullest))
        missing = wanted - present
        has_less = bool(missing)
        is_starting = uptime_s is not None and uptime_s < STARTING_S
        if has_less or (is_starting and (self._has_run or self._after_s < REPLAN_AFTER_S)):
            if self._after_s >= REPLAN_AFTER_S:
                self._after_s = AGAIN_S
            elif self.is_over(now_s):
                # A plan that was made for another reason, such as a marker that changes each ten seconds, is no further attempt.
                self._after_s = min(2 * self._after_s, REPLAN_AFTER_S)
            if self._after_s >= REPLAN_AFTER_S and missing & self._seen.keys():
                # Each plan lacks something else: what this one lacks was there within the hour, so the attempts begin anew.
                self._after_s, self._seen = AGAIN_S, {}
            # No more than that: the rows of alarms have other names in each plan.
            self._seen |= dict.fromkeys(present & wanted)
        else:
            self._after_s, self._seen = REPLAN_AFTER_S, {}
        self._has_run = not is_starting
        # What was missing for an hour is gone.
        if not has_less or self._after_s >= REPLAN_AFTER_S:
            self._fullest, self._seen = plan, {}
        self._planned_at_s = now_s

    def is_over(self, now_s: float) -> bool:
        """Whether the tables must be walked again."""
        return now_s - self._planned_at_s > self._after_s


def _keys(plan: Plan) -> set[str]:
    return {slot.key for part in plan.classes.values() for slot in part.slots}
