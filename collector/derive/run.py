"""Deriving in the collector: every few seconds all sites' figures, onto the board and to the store."""

import asyncio
import time
from collections.abc import Callable, Sequence

from collector.derive.board import Board
from collector.derive.engine import Settings, SiteFigures
from collector.latest import Latest
from rackflow.site import Site

Offer = Callable[[Callable[[], Sequence[str]]], None]
"""Takes what makes the lines of one cycle, and makes them if the store can take them now."""


class Deriver:
    """Derives the figures of every site that readings come from."""

    def __init__(self, latest: Latest, board: Board, site: Site | None, settings: Settings, interval_s: float) -> None:
        self._latest = latest
        self._board = board
        self._site = site
        self._settings = settings
        self._interval_s = interval_s
        self._engines: dict[str, SiteFigures] = {}

    async def run(self, store: Offer, agent: str) -> None:
        """Until cancelled. `store` is offered the lines of each cycle."""
        while True:
            await asyncio.sleep(self._interval_s)
            for site in self.sites():
                self.cycle(site, store, agent)
                await asyncio.sleep(0)  # between two sites others may go on

    def sites(self) -> list[str]:
        """Sites that have devices, and the one that is described."""
        found = {device.site for device in self._latest.devices()} | ({self._site.id} if self._site else set())
        self._board.keep(found)
        return sorted(found)

    def cycle(self, name: str, store: Offer, agent: str) -> None:
        """One site, now."""
        engine = self._engines.get(name)
        if engine is None:
            site = self._site if self._site is not None and self._site.id == name else None
            engine = self._engines[name] = SiteFigures(name, site, self._settings)
        now, wall_s = time.monotonic(), time.time()
        figures = engine.cycle(self._latest, now, wall_s)
        self._board.put(name, figures, now)
        store(lambda: self._board.lines(figures, agent, int(wall_s * 1000)))
