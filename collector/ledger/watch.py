"""Keeps the account by agent for /metrics, and recalculates it for epochs that changed.

It reads the file beside the collector, in a thread, and never through the ledger in memory: open chunks may be on disk only,
and storing must not wait for /metrics.
"""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from collector.ledger.account import EpochAccount, sums_of
from collector.ledger.epochs import EpochKey
from collector.ledger.file import LedgerFile
from collector.ledger.tables import read_snapshot
from rackflow import RackflowError
from rackflow.process.bulkhead import Failures, in_own_thread

log = logging.getLogger(__name__)
# Figures of the account may be this old. Prometheus scrapes every 15 s here, so a much shorter interval would be wasted work.
INTERVAL_S = 5.0
# Largest share of time spent on counting; the pause between rounds grows accordingly. A round reads all chunks of the epochs that changed,
# and an agent that runs for weeks behind a shared subscription has a row for every 512 messages.
MAX_SHARE = 0.05
LONGEST_PAUSE_S = 60.0
# After this time an account that could not be updated is unknown: an old one would show a loss that has ended, or hide a new one.
KNOWN_FOR_S = 300.0
PART = "account"
"""Name of the bulkhead of the account."""


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

    def __init__(
        self, ledger: LedgerFile, failures: Failures | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._failures = failures if failures is not None else Failures(PART)
        self._clock = clock
        self._sums = dict[EpochKey, EpochAccount]()
        self._accounts: dict[tuple[str, str], AgentAccount] = {}
        self._counted_at = -math.inf
        self._due: set[EpochKey] | None = None
        """Epochs to read next; None for all."""

    async def run(self) -> None:
        """Update the account until cancelled."""
        while True:
            self._failures.progress(PART, KNOWN_FOR_S)
            began = self._clock()
            await self.update()
            await asyncio.sleep(min(max(INTERVAL_S, (self._clock() - began) / MAX_SHARE), LONGEST_PAUSE_S))

    async def update(self) -> None:
        """Recalculate every epoch the first time, and then those that changed since."""
        ledger = self._ledger
        # Before reading: epochs that change while the file is read are due again next time. `_due` keeps them if reading fails.
        changed = ledger.take_changed_epochs()
        if self._due is not None:
            self._due |= changed
        due, known = None if self._due is None else frozenset(self._due), frozenset(ledger.ledger.shown())
        began = self._clock()
        try:
            self._sums, self._accounts = await in_own_thread(
                partial(_counted, ledger.path, due, known, self._sums), PART
            )
        except RackflowError as error:
            self._failures.count(PART, error)
            log.warning("ledger not read, the account is unknown if this lasts: error=%s", error)
            return
        self._due = set()
        self._counted_at = began

    def accounts(self) -> Mapping[tuple[str, str], AgentAccount]:
        """The account of each agent, by site and agent; empty if it could not be updated for so long that it may be wrong."""
        if self._clock() - self._counted_at >= KNOWN_FOR_S:
            return {}
        # Without epochs that were forgotten or retired, or lost with a damaged file, since the account was calculated.
        return {who: account for who, account in self._accounts.items() if self._ledger.ledger.has_agent(*who)}


def _counted(
    path: Path,
    due: frozenset[EpochKey] | None,
    known: frozenset[EpochKey],
    before: Mapping[EpochKey, EpochAccount],
) -> tuple[dict[EpochKey, EpochAccount], dict[tuple[str, str], AgentAccount]]:
    """The sums of every known epoch, read again where due, and of every agent. Blocks."""
    new = {record.key: sums_of(record, chunks) for record, chunks in read_snapshot(path, due).epochs}
    sums = {key: each for key, each in ({**before, **new}).items() if key in known}
    accounts: dict[tuple[str, str], AgentAccount] = {}
    for key, each in sums.items():
        account = accounts.setdefault((key.site, key.agent), AgentAccount())
        account.produced += each.produced
        account.stored += each.stored
        account.duplicates += each.duplicates
        account.in_flight += each.in_flight
        account.missing += each.missing_messages
        account.dropped += each.dropped
    return sums, accounts
