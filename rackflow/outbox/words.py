"""Which collectors have spoken, and what is durable by all that they say. Pure.

By default one word is enough: collectors behind a shared subscription each have a part of the messages. With `require`, a message is
durable when every collector named there has it: two independent collectors, each with a store of its own.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from rackflow.outbox.rangeset import Range, RangeSet

# Collectors remembered of one agent. Whoever may write `stored` topics could invent names; a site has a handful. Chosen value.
MAX_COLLECTORS: Final = 64


class Words:
    """What collectors said. `known` are the collectors that spoke in earlier lives of the outbox, with their ledgers."""

    def __init__(self, require: Sequence[str] = (), known: Iterable[tuple[str, str]] = ()) -> None:
        self._require = tuple(require)
        self._ledgers: dict[str, str] = dict(known)
        self._claims: dict[str, RangeSet] = {}
        """Of each required collector, the keys that its present ledger has."""
        self.highest: int | None = None
        """The highest durable key."""

    @property
    def heard(self) -> bool:
        """Whether only the word of a collector frees messages: one has spoken before, or some are required."""
        return bool(self._require or self._ledgers)

    @property
    def known(self) -> list[tuple[str, str]]:
        """The collectors that have spoken, each with the name of its ledger."""
        return sorted(self._ledgers.items())

    def remember(self, known: Iterable[tuple[str, str]]) -> None:
        """Add collectors that an earlier life has heard of."""
        self._ledgers = dict(known) | self._ledgers

    def hear(self, collector: str, ledger: str, ranges: Sequence[Range]) -> list[Range]:
        """A collector says that these keys are durable. Returns those that are now, by all that are required."""
        if self._require and collector not in self._require:
            return []
        before = self._ledgers.get(collector)
        if before is not None or len(self._ledgers) < MAX_COLLECTORS:
            self._ledgers[collector] = ledger
        durable = list(ranges)
        if self._require:
            if before != ledger:
                # Its ledger is another one, so its disk was lost, and perhaps messages with it.
                self._claims.pop(collector, None)
            claims = self._claims.setdefault(collector, RangeSet())
            for first, last in ranges:
                claims.add(first, last)
            common = claims
            for other in self._require:
                common = common.intersection(self._claims.get(other, RangeSet()))
            durable = list(common)
        if durable:
            self.highest = max(durable[-1][1], self.highest if self.highest is not None else durable[-1][1])
        return durable

    def trim(self, below: int) -> None:
        """Forget claims of keys below this one: their messages are gone."""
        for claims in self._claims.values():
            if (first := claims.first) is not None and first < below:
                claims.take(first, below - 1)

    def withdraw(self, collector: str) -> None:
        """A collector reads this agent's messages no more."""
        self._ledgers.pop(collector, None)
        self._claims.pop(collector, None)
