"""The account by agent for /metrics, worked out again where something changed."""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field

from collector.ledger.account import Sums, settle
from collector.ledger.book import Key
from collector.ledger.file import LedgerFile
from collector.ledger.tables import read_page
from rackflow import RackflowError

log = logging.getLogger(__name__)
INTERVAL_S = 5.0


@dataclass(slots=True)
class AgentAccount:
    """All epochs of one agent together, in messages."""

    produced: int = 0
    stored: int = 0
    duplicates: int = 0
    in_flight: int = 0
    missing: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class LedgerWatch:
    """Keeps the sums of all epochs. `run` it in a task."""

    def __init__(self, ledger: LedgerFile) -> None:
        self._ledger = ledger
        self._sums = dict[Key, Sums]()
        self._due: set[Key] | None = None
        """Epochs that are to be read; None for all."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.update()
            await asyncio.sleep(INTERVAL_S)

    async def update(self) -> None:
        """Work out all epochs the first time, and then those of which something was noted since."""
        ledger = self._ledger
        if self._due is not None:
            self._due |= ledger.touched
        ledger.touched.clear()
        try:
            page = await asyncio.to_thread(read_page, ledger.path, None if self._due is None else frozenset(self._due))
        except RackflowError as error:
            log.warning("ledger not read error=%s", error)
            return
        self._due = set()
        known = ledger.ledger.books
        found = self._sums | {book.key: settle(book, chunks) for book, chunks in page.books}
        self._sums = {key: sums for key, sums in found.items() if key in known}

    def accounts(self) -> dict[tuple[str, str], AgentAccount]:
        """By site and agent."""
        found: dict[tuple[str, str], AgentAccount] = {}
        for key, sums in self._sums.items():
            if key not in self._ledger.ledger.books:  # forgotten, or lost with a damaged file
                continue
            account = found.setdefault((key.site, key.agent), AgentAccount())
            account.produced += sums.produced
            account.stored += sums.stored
            account.duplicates += sums.duplicates
            account.in_flight += sums.in_flight
            account.missing += sums.missing_messages
            account.dropped += sums.dropped
        return found
