"""Caches, for each plan, what a check or a figure works out from it, for all devices that share the plan.

A campus has thousands of devices but some sixty plans, and each check needs up to some milliseconds for the series keys of a plan.
"""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

from agent.profile import Plan
from rackflow.catalogue import PollClass

T = TypeVar("T")


class PerPlan(Generic[T]):
    """A function of a plan that remembers its results for as long as their plans exist.

    All devices of the plan get the same result, which must not refer to the plan. Not thread-safe.
    """

    def __init__(self, work_out: Callable[[Plan], T]) -> None:
        self._work_out = work_out
        # By identity, because plans hold mappings and have no hash.
        self._known: dict[int, tuple[ref[Plan], T]] = {}

    def __call__(self, plan: Plan) -> T:
        """What belongs to this plan."""
        at = id(plan)
        if at not in self._known:
            result = self._work_out(plan)
            self._known[at] = ref(plan, lambda _: self._known.pop(at, None)), result
        return self._known[at][1]


def class_of_each_series(plan: Plan) -> dict[str, PollClass]:
    """By series key: the poll class that reads it."""
    return {slot.key: poll for poll, part in plan.classes.items() for slot in part.slots}
