"""Plays waves of faults on the running chain; finds which problems were reported of each, when at each stage, and which ones falsely."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from collector.problems.conditions import labels_of
from collector.problems.table import load_table
from rackflow.process.stopping import stop_tasks
from simulator.site.simulation import Simulation
from tests.incidents.chain import Chain
from tests.incidents.rows import Expected, Row
from tests.incidents.watch import Alerts, Batches, Seen, Standstill, eventually_true

if TYPE_CHECKING:
    from simulator.site.scenario import ActiveFault

# How often the simulated devices are asked whether they show a fault: the accuracy of the latencies.
LOOK_S = 0.1
# Everything that is folded, and what rests on a device being asked again, has ended by then.
QUIET_S = 240.0
# The same for leaks, which go on for ten minutes after the rope is dry.
ALL_OVER_S = 900.0
AFTER_S = 35.0
"""How long is looked on after the last expected problem: longer than the shipped routes wait before they notify of a warning."""
QUICK_AFTER_S = 3.0
"""The same for a test that waits for no warning."""


@dataclass(slots=True)
class Stages:
    """When one problem reached each stage, in seconds since the device showed it; None if it did not, or if nobody saw when."""

    expected: Expected
    hold_s: float = 0.0
    is_safety: bool = False
    is_silence: bool = False
    """Whether it rests on a device that does not answer."""
    shown_s: float | None = None
    """When the device showed it, wall time; the others count from there."""
    agent_s: float | None = None
    collector_s: float | None = None
    pushed_s: float | None = None
    pulled_s: float | None = None

    @property
    def is_right(self) -> bool:
        """Whether it was found by both ways."""
        return self.pulled_s is not None and (self.pushed_s is not None or self.expected.by == "prometheus")

    def without_hold_s(self, after_s: float | None) -> float | None:
        """The part of a time for which Rackflow is responsible: all but the time for which the problem has to hold."""
        return max(0.0, after_s - self.hold_s) if after_s is not None else None

    @property
    def safety_s(self) -> float | None:
        """The same by push, for the safety class. A device that is silent shows nothing: then it counts from the agent's report."""
        own_s = self.without_hold_s(self.pushed_s) if self.is_safety else None
        if own_s is None or not self.is_silence:
            return own_s
        return max(0.0, own_s - (self.agent_s or 0.0))


@dataclass(slots=True)
class Result:
    """One row, played."""

    row: Row
    stages: list[Stages] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        """Whether everything expected was reported."""
        return all(each.is_right for each in self.stages)


class Player:
    """Plays waves on one chain."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.pushed, self.pulled = Alerts(chain.pushed), Alerts(chain.pulled)
        self.batches = Batches(chain)
        self.false: list[str] = []
        """Problems that were reported and should not have been."""
        self.standstill = Standstill()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        works = (self.pushed.watch(), self.pulled.watch(), self.batches.watch(), self.standstill.watch())
        self._tasks = [asyncio.create_task(work, name="incidents-watch") for work in works]
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop_tasks(*self._tasks, within_s=2.0)

    async def healthy(self, seconds: float) -> None:
        """Watch for a while: nothing may be reported."""
        began = time.time()
        await asyncio.sleep(seconds)
        self._judge([], began)

    async def play(self, rows: Sequence[Row], *, quiet_s: float = QUIET_S, after_s: float = AFTER_S) -> list[Result]:
        """Let all faults happen at once, wait for the expected problems, mend the faults, and wait until no problem is active any more."""
        self.pushed.forget()
        self.pulled.forget()
        began = time.time()
        active: list[ActiveFault] = []
        shown: dict[tuple[int, Expected], float] = {}
        for number, row in enumerate(rows):
            active += [await self.chain.begin(order) for order in row.orders]
            shown |= {(number, each): time.time() for each in row.expects}
        watching = asyncio.create_task(self._watch_devices(rows, shown), name="incidents-devices")
        results = [Result(row) for row in rows]
        patience = max((each.within_s for row in rows for each in row.expects), default=0.0)
        agents: dict[tuple[int, Expected], float] = {}

        def all_seen() -> bool:
            self._note_agents(rows, agents)
            return all(self._seen(each, began) for row in rows for each in row.expects)

        await eventually_true(all_seen, patience)
        await asyncio.sleep(after_s)
        await stop_tasks(watching, within_s=1.0)
        for number, result in enumerate(results):
            result.stages = [
                self._stages(each, shown[number, each], agents.get((number, each)), began)
                for each in result.row.expects
            ]
        for each in active:
            await self.chain.clear(each)
        await self._quiet(quiet_s)
        self._judge(rows, began)
        return results

    async def _quiet(self, within_s: float) -> None:
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            # A leak goes on for ten minutes after it is dry.
            try:
                lasting = {each["name"] for each in await self.chain.problems() if each["status"] == "active"}
            except OSError:
                lasting = {"unknown"}  # a machine that stands still for seconds; the next look finds it
            # Alertmanager gets the end later. An alert that it still has when the next wave begins would not count as a new one.
            lasting |= {each.name for each in (*self.pushed.lasting(), *self.pulled.lasting())}
            if lasting <= {"DcimLeakDetected"}:
                return
            await asyncio.sleep(1.0)

    async def wait_until_all_over(self, within_s: float = ALL_OVER_S) -> bool:
        """Wait until no alert is left: one that lasts cannot begin again when a wave is played again."""
        return await eventually_true(lambda: not (self.pushed.lasting() or self.pulled.lasting()), within_s)

    async def _watch_devices(self, rows: Sequence[Row], shown: dict[tuple[int, Expected], float]) -> None:
        waiting = {
            (number, each): what
            for number, row in enumerate(rows)
            for each in row.expects
            if (what := each.shows or row.shows)
        }
        while waiting:
            for which, what in list(waiting.items()):
                if shows(self.chain.simulation, what):
                    shown[which] = time.time()
                    del waiting[which]
            await asyncio.sleep(LOOK_S)

    def _note_agents(self, rows: Sequence[Row], agents: dict[tuple[int, Expected], float]) -> None:
        for number, row in enumerate(rows):
            for each in row.expects:
                times = [
                    at_s
                    for (name, labels), at_s in self.batches.began_s.items()
                    if name == each.problem and each.labels.items() <= dict(labels).items()
                ]
                if times:
                    agents.setdefault((number, each), min(times))

    def _seen(self, each: Expected, began: float) -> bool:
        ways = (self.pulled,) if each.by == "prometheus" else (self.pushed, self.pulled)
        return all(first_alert(way, each, began) is not None for way in ways)

    def _stages(self, each: Expected, shown_s: float, agent_s: float | None, began: float) -> Stages:
        problem = load_table().problems[each.problem]
        asked = {condition.metric for condition in problem.conditions()}
        is_silence = "dcim_device_up" in asked and (each.shows or "silent").endswith("silent")
        found = Stages(each, problem.hold_s, problem.is_safety, is_silence, shown_s)
        pushed, pulled = first_alert(self.pushed, each, began), first_alert(self.pulled, each, began)
        if agent_s is not None:
            found.agent_s = agent_s - shown_s
        if pushed is not None:
            found.collector_s = pushed.since_s - shown_s
            found.pushed_s = pushed.received_s - shown_s
        if pulled is not None:
            found.pulled_s = pulled.received_s - shown_s
        return found

    def _judge(self, rows: Sequence[Row], began: float) -> None:
        allowed = [each for row in rows for each in (*row.expects, *row.may)]

        def is_allowed(name: str, labels: dict[str, str]) -> bool:
            return any(name == each.problem and each.labels.items() <= labels.items() for each in allowed)

        for way, alerts in (("collector", self.pushed), ("Prometheus", self.pulled)):
            for seen in alerts.notified():
                # What lasts from the wave before was judged then.
                if seen.received_s >= began and not is_allowed(seen.name, dict(seen.labels)):
                    self._note_false(way, seen.name, dict(seen.labels))
        for document in self.chain.webhook_documents(began):
            for problem in document["problems"]:
                if problem["status"] == "active" and not is_allowed(problem["name"], problem["labels"]):
                    self._note_false("webhook", problem["name"], problem["labels"])

    def _note_false(self, way: str, name: str, labels: dict[str, str]) -> None:
        text = f"{self.chain.site}: {way} reported {name} {dict(labels_of(labels))}"
        if text not in self.false:
            self.false.append(text)


def first_alert(alerts: Alerts, each: Expected, since_s: float) -> Seen | None:
    """The first alert that is what was expected; it need not have been notified of yet."""
    found = [
        seen
        for seen in alerts.seen.values()
        if seen.name == each.problem and seen.received_s >= since_s and each.labels.items() <= dict(seen.labels).items()
    ]
    return min(found, key=lambda seen: seen.received_s, default=None)


def shows(simulation: Simulation, what: str) -> bool:
    """Whether a device shows it now: see `Row.shows`."""
    device, _, rest = what.partition(" ")
    if rest == "silent":
        return bool(simulation.fleet.devices[device].server.mute)
    series, sign, wanted = rest.rsplit(" ", 2)
    value = simulation.instruments.read(device)[series]
    if isinstance(value, str):
        return value == wanted
    return {"=": value == float(wanted), "<": value < float(wanted), ">": value > float(wanted)}[sign]
