"""Keeps the account by agent for /metrics, and recalculates it for epochs that changed.

It reads the file beside the collector, in a thread, and never through the ledger in memory: open chunks may be on disk only,
and storing must not wait for /metrics.
"""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field

from collector.ledger.account import EpochAccount, account_of
from collector.ledger.epochs import EpochKey
from collector.ledger.file import LedgerFile
from collector.ledger.tables import read_page
from rackflow import RackflowError

log = logging.getLogger(__name__)
# Figures of the account may be this old. Prometheus scrapes every 15 s here, so a much shorter interval would be wasted work.
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
    """Keeps the account of every epoch. `run` it in a task."""

    def __init__(self, ledger: LedgerFile) -> None:
        self._ledger = ledger
        self._sums = dict[EpochKey, EpochAccount]()
        self._due: set[EpochKey] | None = None
        """Epochs to read next; None for all."""

    async def run(self) -> None:
        """Update the account until cancelled."""
        while True:
            await self.update()
            await asyncio.sleep(INTERVAL_S)

    async def update(self) -> None:
        """Recalculate every epoch the first time, and then those that changed since."""
        ledger = self._ledger
        if self._due is not None:
            self._due |= ledger.touched
        # Before reading: epochs that change while the file is read are due again next time. `_due` keeps them if reading fails.
        ledger.touched.clear()
        try:
            page = await asyncio.to_thread(read_page, ledger.path, None if self._due is None else frozenset(self._due))
        except RackflowError as error:
            log.warning("ledger not read, /metrics shows the account of before: error=%s", error)
            return
        self._due = set()
        known = ledger.ledger.shown()
        found = self._sums | {record.key: account_of(record, chunks) for record, chunks in page.epochs}
        self._sums = {key: sums for key, sums in found.items() if key in known}

    def accounts(self) -> dict[tuple[str, str], AgentAccount]:
        """The account of each agent, by site and agent."""
        found: dict[tuple[str, str], AgentAccount] = {}
        shown = self._ledger.ledger.shown()
        for key, sums in self._sums.items():
            if key not in shown:  # forgotten, retired, or lost with a damaged file
                continue
            account = found.setdefault((key.site, key.agent), AgentAccount())
            account.produced += sums.produced
            account.stored += sums.stored
            account.duplicates += sums.duplicates
            account.in_flight += sums.in_flight
            account.missing += sums.missing_messages
            account.dropped += sums.dropped
        return found
