"""A course of seconds in which problems hold or not, and what the tracker reports of it."""

from collector.problems.conditions import labels_of
from collector.problems.table import load_table
from collector.problems.tracker import Key, TrackedProblem, Tracker

CDU = ("device", "s", "cdu-1")


def key(problem: str, device: str = "cdu-1", **labels: str) -> Key:
    return problem, labels_of({"site": "s", "device": device, **labels})


LEAK = key("DcimLeakDetected", detector="pan")
PUMPS = key("DcimCduAllPumpsStopped")
FLOW = key("DcimCduFlowLow", loop="secondary")


def always(_: Key) -> bool:
    return True


def never(_: Key) -> bool:
    return False


class Course:
    """A tracker, and what it reports at each moment."""

    def __init__(self) -> None:
        self.tracker = Tracker(load_table())

    def at(self, now: float, *holding: Key, silent: bool = False, unit: tuple[str, ...] = CDU) -> set[str]:
        """Names of what is reported after these problems were found to hold at `now`."""
        self.tracker.update(unit, dict.fromkeys(holding, 1.0), now, is_silent=lambda _: silent)
        self.tracker.tick(now, 1000.0 + now)
        return self.reported()

    def reported(self) -> set[str]:
        return {each.problem.name for each in self.tracker.active()}

    def one(self, which: Key) -> TrackedProblem:
        found = self.tracker.get(which)
        assert found is not None
        return found
