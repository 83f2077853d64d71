"""Derives the figures of all sites every few seconds and offers them to /metrics, the page and the store.

Figures are optional: nothing here may hold up receiving, storing or acknowledging. What fails is noted, and the figures it makes are
unknown. Plans are made in a thread, because planning a site of 5,000 devices takes seconds. Figures are computed in the event loop,
because a thread would need a copy of every reading: such a site occupies the loop for about 250 ms per cycle, including the lines for the
store.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, MutableMapping, Sequence
from functools import partial
from typing import NamedTuple

from collector.derive.energy import COUNTER_METRICS, EnergyRecords, Factor, SiteRecords
from collector.derive.engine import PART, Inputs
from collector.derive.explain import Explanation
from collector.derive.latest_figures import LatestFigures
from collector.derive.site_figures import SiteFigures
from collector.derive.site_plan import Settings
from collector.latest import Latest
from rackflow import Batch
from rackflow.process.bulkhead import Failures, in_own_thread
from rackflow.process.slices import in_turns, run_through
from rackflow.series import metric_of
from rackflow.site import Site

# Late polls of meters' counters that wait to be added. If there are more, the oldest are dropped, and their energy stays spread evenly over
# the gap. An agent sends 500 messages of its backlog in a second (`backlog_per_s`), of which most have no counter, and a cycle adds what
# came in 5 s. A poll of a meter takes 1 kB, with all counters that are allowed 10 kB.
MAX_LATE_POLLS = 20_000
# MAX_LATE_OF_AGENT keeps one agent from displacing the polls of others. MAX_LATE_COUNTERS bounds one poll: a meter has one or two.
MAX_LATE_OF_AGENT = 2_000
MAX_LATE_COUNTERS = 64
# Late polls applied in one slice, each some tens of microseconds.
_LATE_SLICE = 100
# How long a late poll waits for a current reading of its device, which closes the gap that the poll belongs to. After a backlog this
# takes seconds. The gap of a meter that is silent for five minutes is still open, so there is nothing to divide.
LATE_WAIT_S = 300.0
# A cycle that is not done after its interval and this time hangs, or the machine is far too slow. Planning 5,000 devices takes 3 s.
OVERDUE_S = 120.0
Offer = Callable[[Callable[[], Sequence[str]]], None]
"""Takes a function that makes the lines of one cycle, and calls it only if the store can take them now."""


class _LatePoll(NamedTuple):
    """A poll of a meter that arrived after later ones: its counters by series key."""

    site: str
    agent: str
    device: str
    counters: Mapping[str, float]
    time_s: float
    """When it was taken, seconds since 1970."""
    until: float
    """How long it waits, monotonic seconds."""


class Deriver:
    """Derives the figures of every site that sends readings.

    `saved_records` are the energy records of an earlier run, by site; each is removed from it while the site is derived.
    """

    def __init__(
        self,
        latest: Latest,
        figures: LatestFigures,
        site: Site | None,
        settings: Settings,
        *,
        interval_s: float,
        saved_records: MutableMapping[str, SiteRecords],
        failures: Failures | None = None,
    ) -> None:
        self._failures = failures if failures is not None else Failures(PART)
        self._latest = latest
        self._figures = figures
        self._site = site
        self._settings = settings
        self._interval_s = interval_s
        self._figures_by_site: dict[str, SiteFigures] = {}
        self._saved_records = saved_records
        self._late = deque[_LatePoll](maxlen=MAX_LATE_POLLS)
        self._late_of = Counter[tuple[str, str]]()

    async def run(self, store: Offer, agent: str) -> None:
        """Derive again and again, until cancelled. `store` is offered the lines of each cycle; `agent` is the label they carry."""
        while True:
            self._failures.progress(PART, self._interval_s + OVERDUE_S)
            await asyncio.sleep(self._interval_s)
            for site in self.sites():
                await self._plan(site)
                await self._derive(site, store, agent)
                await asyncio.sleep(0)  # let messages be received between two sites
            await in_turns(self._apply_late_polls_steps())

    def finish(self) -> None:
        """Derive once more from what came since the last cycle. Call it when no more messages come, before the records are saved."""
        for site in self.sites():
            # Only a site that was never derived is planned here: planning takes seconds, and a stop must be quick.
            self.cycle(site, _drop, "", may_plan=site not in self._figures_by_site)
        run_through(self._apply_late_polls_steps())

    async def _plan(self, name: str) -> None:
        """Make a new plan of a site if it is due. Its figures wait for it, and nothing else does."""
        site_figures = self._figures_of(name)
        is_due = site_figures.is_due_steps(self._latest, time.monotonic())
        if await in_turns(self._failures.attempt_steps(PART, is_due, otherwise=False)):
            make_plan = partial(self._failures.attempt, PART, site_figures.make_plan, otherwise=None)
            made = await in_own_thread(make_plan, "plan")
            if made is None:
                site_figures.postpone_plan(time.monotonic())
            else:
                site_figures.adopt(made, time.monotonic())

    def explain_steps(self, site: str, metric: str, labels: Mapping[str, str]) -> Generator[None, None, Explanation]:
        """The inputs of a figure of a site; an empty explanation if the site has no figures. Yields after each slice."""
        site_figures = self._figures_by_site.get(site)
        return (
            (yield from site_figures.explain_steps(metric, labels))
            if site_figures is not None
            else Explanation("readings", Inputs())
        )

    def distrusted(self, site: str) -> Mapping[tuple[str, str], str]:
        """Series of a site that are not trusted, by device and key, with the reason."""
        site_figures = self._figures_by_site.get(site)
        return site_figures.distrusted if site_figures is not None else {}

    def records(self) -> Mapping[str, EnergyRecords]:
        """Energy records of each site derived so far."""
        return {name: site_figures.energy_records for name, site_figures in self._figures_by_site.items()}

    def update_late(self, site: str, batch: Batch) -> None:
        """Take a poll that arrives after later polls of its device. Its meter counters are added to their hours after the next cycle.

        Powers are not: only the cycle that integrated over them knows which were missing.
        """
        if batch.device_class != "meter":
            return
        # Polls of powers are nine in ten, and would fill the agent's share.
        counters = {key: value for key, value in batch.values.items() if metric_of(key) in COUNTER_METRICS}
        if not 0 < len(counters) <= MAX_LATE_COUNTERS:
            return
        if self._late_of[site, batch.agent] < MAX_LATE_OF_AGENT:
            self._late_of[site, batch.agent] += 1
            until = time.monotonic() + LATE_WAIT_S
            self._late.append(_LatePoll(site, batch.agent, batch.device, counters, batch.time / 1000, until))

    def _apply_late_polls_steps(self) -> Generator[None, None, None]:
        """Refine hours by polls that came late. Yields after each slice: a backlog of hours has thousands for one cycle."""
        for count in range(len(self._late)):  # each is tried once: polls that must wait go to the end again
            if count % _LATE_SLICE == 0:
                yield
            poll = self._late.popleft()
            site_figures = self._figures_by_site.get(poll.site)
            refine = partial(site_figures.refine, poll.device, poll.counters, poll.time_s) if site_figures else _not_yet
            is_done = self._failures.attempt(PART, refine, otherwise=True)  # a poll whose handling raises is dropped
            if not is_done and time.monotonic() < poll.until:
                self._late.append(poll)
        self._late_of = Counter((poll.site, poll.agent) for poll in self._late)

    def add_factors(self, found: Mapping[int, Factor]) -> None:
        """Take hourly carbon factors."""
        self._settings.hourly.update(found)

    def sites(self) -> list[str]:
        """Sites that have devices, and the site of the site file. Also forgets the figures of all other sites."""
        found = {device.site for device in self._latest.devices()} | ({self._site.id} if self._site else set())
        self._figures.keep(found)
        for gone in self._figures_by_site.keys() - found:
            records = self._figures_by_site[gone].energy_records
            if records.totals.changed:
                continue  # until they are saved
            if records.totals.hours:
                self._saved_records[gone] = SiteRecords(records.head(), records.totals.hours)
            del self._figures_by_site[gone]
        return sorted(found)

    def cycle(self, name: str, store: Offer, agent: str, *, may_plan: bool = False) -> None:
        """Derive one site now. If that fails as a whole, all of its figures are unknown."""
        steps = self._cycle_steps(name, store, agent, may_plan=may_plan)
        if not self._failures.attempt(PART, lambda: run_through(steps), otherwise=False):
            self._figures.withdraw(name, time.monotonic())

    async def _derive(self, name: str, store: Offer, agent: str) -> None:
        """The same as `cycle`, in slices between which the loop does other work."""
        steps = self._cycle_steps(name, store, agent, may_plan=False)
        if not await in_turns(self._failures.attempt_steps(PART, steps, otherwise=False)):
            self._figures.withdraw(name, time.monotonic())

    def _cycle_steps(self, name: str, store: Offer, agent: str, *, may_plan: bool) -> Generator[None, None, bool]:
        now, wall_s = time.monotonic(), time.time()
        figures = yield from self._figures_of(name).cycle_steps(self._latest, now, wall_s, may_plan=may_plan)
        self._figures.put(name, figures, now)
        if _takes_lines(store):
            lines = yield from self._figures.line_steps(figures, agent, int(wall_s * 1000))
            store(lambda: lines)
        return True

    def _figures_of(self, name: str) -> SiteFigures:
        site_figures = self._figures_by_site.get(name)
        if site_figures is None:
            site_figures = self._figures_by_site[name] = self._make_figures(name)
        return site_figures

    def _make_figures(self, name: str) -> SiteFigures:
        site = self._site if self._site is not None and self._site.id == name else None
        site_figures = SiteFigures(name, site, self._settings, self._failures)
        saved = self._saved_records.pop(name, None)
        if saved is not None:
            site_figures.energy_records.restore(saved.head, saved.hours)
        return site_figures


def _takes_lines(store: Offer) -> bool:
    """Whether the store can take lines now. Making the lines of a large site takes 100 ms, so none are made in vain."""
    takes = False

    def no_lines() -> Sequence[str]:
        nonlocal takes
        takes = True
        return ()

    store(no_lines)
    return takes


def _not_yet() -> bool:
    return False


def _drop(_: Callable[[], Sequence[str]]) -> None:
    """Stands in for the store when it is closed already."""
