"""What those checks share that compare a series, at each of its polls, with the latest values of others of its line. Pure."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar, TypeAlias

from agent.poll.per_plan import PerPlan, class_of_each_series
from agent.profile import Plan
from agent.readings import Readings
from rackflow.catalogue import PollClass

Compared: TypeAlias = tuple[str, tuple[str, ...]]
"""The key of a series that is judged, and those of the series that it is compared with."""
Lines: TypeAlias = Mapping[PollClass, Sequence[Compared]]
"""By poll class: what is compared when it is read."""


def lines_of_plan(find: Callable[[Mapping[str, PollClass]], Iterable[Compared]]) -> PerPlan[Lines]:
    """What is compared in each poll class of a plan. `find` is given the series of the plan, each with its class."""

    def work_out(plan: Plan) -> Lines:
        classes = class_of_each_series(plan)
        lines: dict[PollClass, list[Compared]] = {}
        for key, others in find(classes):
            lines.setdefault(classes[key], []).append((key, others))
        return lines

    return PerPlan(work_out)


class LineCheck(ABC):
    """Checks the lines of one device. `begin` is called with each plan, `reject` with the readings of each poll."""

    planned: ClassVar[PerPlan[Lines]]
    """What is compared."""
    reason: ClassVar[str]
    """What is put into `bad`."""

    def __init__(self) -> None:
        self._lines: Lines = {}
        self._last: dict[PollClass, Mapping[str, float]] = {}

    def begin(self, plan: Plan) -> None:
        """Look at the lines of this plan from now on."""
        self._lines, self._last = self.planned(plan), {}

    @property
    def is_needed(self) -> bool:
        """Whether this plan has anything to look at; if not, `reject` need not be called."""
        return bool(self._lines)

    def reject(self, poll: PollClass, readings: Readings) -> None:
        """Move what cannot be to `bad`."""
        self._last[poll] = readings.values
        for key, others in self._lines.get(poll, ()):
            if key in readings.values and self.cannot_be(readings.values[key], others):
                del readings.values[key]
                readings.bad[key] = self.reason

    @abstractmethod
    def cannot_be(self, value: float, others: Sequence[str]) -> bool:
        """Whether the series cannot have this value beside the latest ones of the others (`latest`)."""

    def latest(self, key: str) -> float:
        """The latest value of a series, of whichever poll class; 0 if there is none."""
        return next((last[key] for last in self._last.values() if key in last), 0.0)
