"""The problems that the collector reports of a simulated site, evaluated after every cycle over the agent's real polls."""

import asyncio
from collections.abc import Iterator

from collector.problems.monitor import Monitor
from collector.problems.table import load_table
from collector.problems.tracker import TrackedProblem
from rackflow.process.bulkhead import Failures
from tests.truth.harness import TruthSite


class ProblemWatch:
    """Follows the problems of a site, and keeps each that was ever active."""

    def __init__(self, site: TruthSite) -> None:
        loop = asyncio.get_running_loop()
        self.failures = Failures()
        self.monitor = Monitor(
            load_table(),
            site.latest,
            lambda _: {site.engine.name: site.figures},
            lambda: iter(()),
            self.failures,
            clock=loop.time,
            wall=lambda: site.wall_s,
        )
        self.ever_active: list[TrackedProblem] = []
        self.monitor.listeners.append(self._note)
        site.latest.note_connected(loop.time())
        site.each.append(lambda _: self.monitor.evaluate())

    def _note(self, changed: TrackedProblem) -> None:
        if changed.is_active and changed not in self.ever_active:
            self.ever_active.append(changed)

    def cause_names(self) -> list[str]:
        """Names of the active problems that no other one explains, sorted."""
        return sorted(each.problem.name for each in self.causes())

    def causes(self) -> Iterator[TrackedProblem]:
        """The active problems that no other one explains."""
        return (each for each in self.monitor.tracker.active() if each.cause is None)

    def descriptions(self) -> list[str]:
        """Every problem that was ever active, with place and value, for people who read a failed test."""
        return [f"{each.problem.name} {dict(each.labels)} {each.value:g}" for each in self.ever_active]
