"""Deriving in the collector: every few seconds all sites' figures, onto the board and to the store; the books are kept on disk."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from collector.derive.board import Board
from collector.derive.books import Kept
from collector.derive.carbon_source import CarbonSource
from collector.derive.engine import Settings, SiteFigures
from collector.derive.state import load_state, save_state
from collector.latest import Latest
from rackflow.site import Site

log = logging.getLogger(__name__)
SAVE_S = 300.0
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
        self._kept = dict[str, Kept]()

    async def run(self, store: Offer, agent: str, state: Path | None) -> None:
        """Until cancelled. `store` is offered the lines of each cycle; the books are read from `state`, and kept there."""
        if state is not None:
            self._kept = load_state(state)
        saved_at = time.monotonic()
        try:
            while True:
                await asyncio.sleep(self._interval_s)
                for site in self.sites():
                    self.cycle(site, store, agent)
                    await asyncio.sleep(0)  # between two sites others may go on
                if state is not None and time.monotonic() - saved_at >= SAVE_S:
                    self._save(state)
                    saved_at = time.monotonic()
        finally:
            if state is not None:
                self._save(state)

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
        if name in self._kept:
            engine.books.restore(self._kept[name])
        return engine

    def _save(self, state: Path) -> None:
        try:
            save_state(state, {**self._kept, **{name: engine.books.kept() for name, engine in self._engines.items()}})
        except OSError as error:
            log.warning("state file cannot be written path=%s error=%s", state, error)
