"""What the collector tells of a simulated site: its problems after every cycle, over the agent's real polls."""

import asyncio
from collections.abc import Iterator

from collector.problems.monitor import Monitor
from collector.problems.table import load_table
from collector.problems.tracker import TrackedProblem
from rackflow.process.bulkhead import Failures
from tests.truth.harness import TruthSite


class Told:
    """Follows the problems of a site, and keeps the name of each that was ever told."""

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
        self.ever: list[TrackedProblem] = []
        self.monitor.listeners.append(self._note)
        site.latest.note_connected(loop.time())
        site.each.append(lambda _: self.monitor.evaluate())

    def _note(self, changed: TrackedProblem) -> None:
        if changed.is_active and changed not in self.ever:
            self.ever.append(changed)

    def now(self) -> list[str]:
        """Names of what is told now, without consequences."""
        return sorted(each.problem.name for each in self.causes())

    def causes(self) -> Iterator[TrackedProblem]:
        """What is told now and has no cause."""
        return (each for each in self.monitor.tracker.active() if each.cause is None)

    def words(self) -> list[str]:
        """Every problem that was ever told, for people who read a failed test."""
        return [f"{each.problem.name} {dict(each.labels)} {each.value:g}" for each in self.ever]
