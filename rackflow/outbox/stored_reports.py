"""Combines the stored reports of collectors (topic `stored/{collector}`) into the set of durable messages. No I/O but the log.

By default the report of one collector is enough, because collectors behind a shared subscription each have a part of the messages. With
`require`, a message is durable when every collector named there has it: two independent collectors, each with a store of its own.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import Final

from rackflow.outbox.rangeset import Range, RangeSet

log = logging.getLogger(__name__)
# Collectors remembered by one outbox. A site has a handful; the bound is for clients that invent names. Chosen value.
MAX_COLLECTORS: Final = 64


class StoredReports:
    """The reports so far. `collectors` are those that reported before a restart, with the names of their ledgers."""

    def __init__(self, require: Sequence[str] = (), collectors: Iterable[tuple[str, str]] = ()) -> None:
        self._require = tuple(require)
        self._ledgers: dict[str, str] = dict(collectors)
        self._claims: dict[str, RangeSet] = {}
        """Of each required collector, the keys that its present ledger has."""
        self._not_required: set[str] = set()
        """Collectors that have reported and are not among the required ones."""
        self.highest: int | None = None
        """The highest durable key."""

    @property
    def are_required(self) -> bool:
        """Whether only a report deletes messages: a collector has reported before, or some are required by the configuration."""
        return bool(self._require or self._ledgers)

    @property
    def collectors(self) -> list[tuple[str, str]]:
        """The collectors that have reported, each with the name of its ledger."""
        return sorted(self._ledgers.items())

    def restore(self, collectors: Iterable[tuple[str, str]]) -> None:
        """Add collectors that reported before a restart."""
        self._ledgers = dict(collectors) | self._ledgers

    def update(self, collector: str, ledger: str, ranges: Sequence[Range]) -> list[Range]:
        """Take a report: `collector` has these keys. Returns the keys that are durable now, with `require` those that all have."""
        if self._require and collector not in self._require:
            self._note_not_required(collector)
            return []
        known_ledger = self._ledgers.get(collector)
        if known_ledger is not None or len(self._ledgers) < MAX_COLLECTORS:
            self._ledgers[collector] = ledger
        durable = list(ranges)
        if self._require:
            if known_ledger != ledger:
                # A new ledger means that the collector lost its disk, and perhaps messages with it.
                self._claims.pop(collector, None)
            claims = self._claims.setdefault(collector, RangeSet())
            for first, last in ranges:
                claims.add(first, last)
            common = claims
            for other in self._require:
                common = common.intersection(self._claims.get(other, RangeSet()))
            durable = list(common)
        if durable:
            last = durable[-1][1]
            self.highest = last if self.highest is None else max(self.highest, last)
        return durable

    def _note_not_required(self, collector: str) -> None:
        """Log once that a collector's reports delete nothing: a required one may be misspelt, and the outbox then fills for ever."""
        if collector not in self._not_required and len(self._not_required) < MAX_COLLECTORS:
            self._not_required.add(collector)
            log.warning(
                "collector=%s says what it has stored, and `outbox.require` does not name it: messages are kept until %s have stored them",
                *(collector, " and ".join(self._require)),
            )

    def trim(self, below: int) -> None:
        """Forget claims of keys below this one: their messages are gone."""
        for claims in self._claims.values():
            if (first := claims.first) is not None and first < below:
                claims.take(first, below - 1)

    def withdraw(self, collector: str) -> None:
        """Forget a collector that does not read this agent's messages any more."""
        self._ledgers.pop(collector, None)
        self._claims.pop(collector, None)
