"""Works out once for each plan what a check or figure looks at, for all devices that share the plan.

A campus has thousands of devices and some sixty plans. Going through the series keys of a plan takes up to milliseconds for each check.
"""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

from agent.profile import Plan

T = TypeVar("T")


class PerPlan(Generic[T]):
    """A function of a plan that remembers its results for as long as their plans exist.

    A result must not be changed, nor refer to its plan. Not thread-safe.
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
