"""Deriving in the collector: every few seconds all sites' figures, onto the board and to the store; the books are kept on disk."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from collector.receive.poll_counts import Attendance, Who
from collector.derive.latest_figures import Board
from collector.derive.energy.carbon_source import CarbonSource
from collector.derive.site_figures import Settings, SiteFigures
from collector.records.file import BooksFile, SiteBooks, Snapshot
from collector.latest.latest import Latest
from rackflow import Batch
from rackflow.site import Site

log = logging.getLogger(__name__)
SAVE_S = 30.0
LATE_KEPT = 20_000
"""Late polls of meters that wait to be sorted in; beyond them the oldest go, and their energy stays spread evenly."""
PATIENCE_S = 300.0
"""How long a late poll waits for its device's present."""
Offer = Callable[[Callable[[], Sequence[str]]], None]
"""Takes what makes the lines of one cycle, and makes them if the store can take them now."""


class Deriver:
    """Derives the figures of every site that readings come from, and keeps books; `attendance` is what others count in."""

    def __init__(
        self, latest: Latest, board: Board, site: Site | None, settings: Settings, interval_s: float, books: BooksFile
    ) -> None:
        self._latest = latest
        self._board = board
        self._site = site
        self._settings = settings
        self._interval_s = interval_s
        self._engines: dict[str, SiteFigures] = {}
        self._books = books
        self._fault = False
        self._late = deque[tuple[str, Batch, float]](maxlen=LATE_KEPT)
        self.attendance = Attendance(books.enrolled)

    async def run(self, store: Offer, agent: str) -> None:
        """Until cancelled. `store` is offered the lines of each cycle."""
        saved_at = time.monotonic()
        while True:
            await asyncio.sleep(self._interval_s)
            for site in self.sites():
                self.cycle(site, store, agent)
                await asyncio.sleep(0)  # between two sites others may go on
            self._sort_in()
            if time.monotonic() - saved_at >= SAVE_S:
                await self.save()
                saved_at = time.monotonic()

    async def close(self) -> None:
        """Save what is left, once nothing more comes."""
        for site in self.sites():
            self.cycle(site, _drop, "")
        self._sort_in()
        saved = await self.save()
        try:
            await asyncio.to_thread(self._books.close, ended=saved)
        except OSError as error:
            log.warning("books not closed path=%s error=%s", self._books.path, error)

    def hear_late(self, site: str, batch: Batch) -> None:
        """A poll that comes after later ones. What meters counted is sorted in once the site's present is known."""
        if batch.device_class == "meter" and batch.values:
            self._late.append((site, batch, time.monotonic() + PATIENCE_S))

    def _sort_in(self) -> None:
        for _ in range(len(self._late)):
            site, batch, until = self._late.popleft()
            engine = self._engines.get(site)
            is_sorted = engine is not None and engine.late(batch.device, batch.values, batch.time / 1000)
            if not is_sorted and time.monotonic() < until:
                self._late.append((site, batch, until))

    async def watch_carbon(self, source: CarbonSource, interval_s: float) -> None:
        """Take over what a source of carbon factors gives, until cancelled."""
        while True:
            self._settings.hourly.update(await source.latest())
            await asyncio.sleep(interval_s)

    def sites(self) -> list[str]:
        """Sites that have devices, and the one that is described."""
        found = {device.site for device in self._latest.devices()} | ({self._site.id} if self._site else set())
        self._board.keep(found)
        return sorted(found)

    def cycle(self, name: str, store: Offer, agent: str) -> None:
        """One site, now."""
        engine = self._engines.get(name)
        if engine is None:
            engine = self._engines[name] = self._engine(name)
        now, wall_s = time.monotonic(), time.time()
        figures = engine.cycle(self._latest, now, wall_s)
        self._board.put(name, figures, now)
        store(lambda: self._board.lines(figures, agent, int(wall_s * 1000)))

    def _engine(self, name: str) -> SiteFigures:
        site = self._site if self._site is not None and self._site.id == name else None
        engine = SiteFigures(name, site, self._settings)
        kept = self._books.sites.pop(name, None)
        if kept is not None:
            engine.books.restore(kept.head, kept.hours)
        return engine

    async def save(self) -> bool:
        """Whether the books are on disk; what is not stays to be saved."""
        configured = {
            (agent.site, agent.agent): frozenset(agent.status.devices)
            for agent in self._latest.agents()
            if agent.status is not None and agent.status.status == "online"
        }
        attendance = self.attendance
        for device in self._latest.devices():
            if device.document is not None:
                attendance.learn(Who(device.site, device.agent, device.device), device.document.intervals)
        attendance.expect(time.time(), configured)
        books = {name: engine.books for name, engine in self._engines.items()}
        sites = {name: SiteBooks(each.head(), each.changed()) for name, each in books.items()}
        snapshot = Snapshot(sites, attendance.take(), dict(attendance.enrolled))
        try:
            await asyncio.shield(asyncio.to_thread(self._books.save, snapshot))
        except OSError as error:
            for name, kept in sites.items():
                books[name].ledger.changed |= kept.hours.keys()
            attendance.give_back(snapshot.counts)
            if not self._fault:
                log.warning("books not written path=%s error=%s", self._books.path, error)
            self._fault = True
            return False
        if self._fault:
            log.warning("books are written again path=%s", self._books.path)
        self._fault = False
        return True


def _drop(_: Callable[[], Sequence[str]]) -> None:
    """There is no store any more."""
