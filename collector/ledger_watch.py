"""The account for /metrics: in goes the ledger's file, out come sums by agent, worked out anew where something was noted."""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field

from collector.ledger import Key
from collector.ledger_account import Sums, settle
from collector.ledger_file import LedgerFile
from collector.ledger_rows import read_page
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

    async def run(self) -> None:
        """Until cancelled."""
        only: frozenset[Key] | None = None
        while True:
            try:
                page = await asyncio.to_thread(read_page, self._ledger.path, only)
            except RackflowError as error:
                log.warning("ledger not read error=%s", error)
            else:
                self._sums |= {book.key: settle(book, chunks) for book, chunks in page.books}
                only = frozenset()
            await asyncio.sleep(INTERVAL_S)
            if only is not None:
                only = frozenset(self._ledger.touched)
                self._ledger.touched.clear()

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
