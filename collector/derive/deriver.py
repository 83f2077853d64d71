"""Derives the figures of all sites every few seconds and offers them to /metrics, the page and the store."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping, Sequence

from collector.derive.carbon_source import CarbonSource
from collector.derive.energy import EnergyRecords, SiteRecords
from collector.derive.latest_figures import LatestFigures
from collector.derive.site_figures import Settings, SiteFigures
from collector.latest import Latest
from rackflow import Batch
from rackflow.site import Site

MAX_LATE_POLLS = 20_000
"""Late polls of meters that wait to be sorted in; beyond them the oldest go, and their energy stays spread evenly."""
LATE_WAIT_S = 300.0
"""How long a late poll waits for its device's present."""
Offer = Callable[[Callable[[], Sequence[str]]], None]
"""Takes what makes the lines of one cycle, and makes them if the store can take them now."""


class Deriver:
    """Derives the figures of every site that readings come from. `kept` are energy records of an earlier run, by site."""

    def __init__(
        self,
        latest: Latest,
        figures: LatestFigures,
        site: Site | None,
        settings: Settings,
        interval_s: float,
        kept: MutableMapping[str, SiteRecords],
    ) -> None:
        self._latest = latest
        self._figures = figures
        self._site = site
        self._settings = settings
        self._interval_s = interval_s
        self._engines: dict[str, SiteFigures] = {}
        self._kept = kept
        self._late = deque[tuple[str, Batch, float]](maxlen=MAX_LATE_POLLS)

    async def run(self, store: Offer, agent: str) -> None:
        """Until cancelled. `store` is offered the lines of each cycle."""
        while True:
            await asyncio.sleep(self._interval_s)
            for site in self.sites():
                self.cycle(site, store, agent)
                await asyncio.sleep(0)  # between two sites others may go on
            self._sort_in()

    def finish(self) -> None:
        """Count what came since the last cycle, once nothing more comes."""
        for site in self.sites():
            self.cycle(site, _drop, "")
        self._sort_in()

    def records(self) -> Mapping[str, EnergyRecords]:
        """Energy records of each site that was derived so far."""
        return {name: engine.energy_records for name, engine in self._engines.items()}

    def update_late(self, site: str, batch: Batch) -> None:
        """A poll that comes after later ones. What meters counted is sorted in once the site's present is known."""
        if batch.device_class == "meter" and batch.values:
            self._late.append((site, batch, time.monotonic() + LATE_WAIT_S))

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
        self._figures.keep(found)
        return sorted(found)

    def cycle(self, name: str, store: Offer, agent: str) -> None:
        """One site, now."""
        engine = self._engines.get(name)
        if engine is None:
            engine = self._engines[name] = self._engine(name)
        now, wall_s = time.monotonic(), time.time()
        figures = engine.cycle(self._latest, now, wall_s)
        self._figures.put(name, figures, now)
        store(lambda: self._figures.lines(figures, agent, int(wall_s * 1000)))

    def _engine(self, name: str) -> SiteFigures:
        site = self._site if self._site is not None and self._site.id == name else None
        engine = SiteFigures(name, site, self._settings)
        kept = self._kept.pop(name, None)
        if kept is not None:
            engine.energy_records.restore(kept.head, kept.hours)
        return engine


def _drop(_: Callable[[], Sequence[str]]) -> None:
    """There is no store any more."""
