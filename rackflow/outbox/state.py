"""State of an outbox on disk besides its messages: limits, figures, epochs, losses, and which collectors have reported. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from msgspec import Meta

from rackflow.documents import Numbers
from rackflow.outbox.account import add_range
from rackflow.outbox.epochs import EpochBase, numbers_of_keys
from rackflow.outbox.mark import MAX_KEY
from rackflow.outbox.rangeset import Range
from rackflow.outbox.stored_reports import MAX_COLLECTORS


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the files: bytes of what waits, and age in seconds.

    Files are up to a third larger than what waits in them, and three segments more (`log.py`). While no collector has ever reported,
    confirmed messages stay for `confirmed_s`, and only while the outbox is less than half full.
    """

    size_bytes: int
    age_s: float
    confirmed_s: float = 0.0


@dataclass(slots=True)
class Totals:
    """Figures of an outbox's contents, and how many messages were dropped since it was opened, by reason.

    `losses` are the numbers of dropped messages, also of earlier epochs. `oldest_ms` is the time of the first one that was written
    together with the oldest message (0 if there is none); `last_key` is the highest key that there ever was.
    """

    messages: int = 0
    used_bytes: int = 0
    oldest_ms: int = 0
    last_key: int = 0
    damaged: int = 0
    dropped: dict[str, int] = field(default_factory=lambda: {"full": 0, "expired": 0, "torn": 0})
    losses: list[Numbers] = field(default_factory=list)
    epochs: list[EpochBase] = field(default_factory=list)


_Key = Annotated[int, Meta(ge=0, le=MAX_KEY)]
_Name = Annotated[str, Meta(max_length=256)]


class StateRecord(msgspec.Struct, frozen=True, omit_defaults=True, rename={"collectors": "heard", "epochs": "runs"}):
    """The JSON of a state record. The first one of a file has everything; a later one only what has changed."""

    last_key: _Key = 0
    epochs: Annotated[list[tuple[_Key, _Name]], Meta(max_length=10_000)] | None = None
    """The key before the first message, and the name. In the file the key is `runs`."""
    losses: Annotated[list[tuple[_Name, _Key, _Key, _Name]], Meta(max_length=10_000)] | None = None
    """Dropped messages: epoch, first and last number, reason."""
    collectors: Annotated[list[tuple[_Name, _Name]], Meta(max_length=MAX_COLLECTORS)] | None = None
    """Collectors that have reported, each with the name of its ledger. In the file the key is `heard`."""
    segments: Annotated[list[tuple[_Key, _Key]], Meta(max_length=1_000_000)] | None = None
    """The files that there were: number, and last key. A file that ends before that was cut short."""


@dataclass(slots=True)
class State:
    """Figures and known collectors; `changed` names the fields of `StateRecord` that are not on disk yet."""

    totals: Totals = field(default_factory=Totals)
    collectors: list[tuple[str, str]] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)

    def encode(self, segments: list[tuple[int, int]] | None = None) -> bytes:
        """A state record of what has changed; of everything, if the files are given."""
        totals, changed = self.totals, self.changed if segments is None else {"epochs", "losses", "collectors"}
        return msgspec.json.encode(
            StateRecord(
                last_key=totals.last_key,
                epochs=[(each.base, each.epoch) for each in totals.epochs] if "epochs" in changed else None,
                losses=[(each.epoch, each.first, each.last, each.reason) for each in totals.losses]
                if "losses" in changed
                else None,
                collectors=self.collectors if "collectors" in changed else None,
                segments=segments,
            )
        )

    def apply(self, found: StateRecord) -> None:
        """Take over the values of a state record."""
        totals = self.totals
        totals.last_key = max(totals.last_key, found.last_key)
        if found.epochs is not None:
            totals.epochs = [EpochBase(base, epoch) for base, epoch in sorted(found.epochs)]
        if found.losses is not None:
            totals.losses = [
                Numbers(epoch=epoch, first=first, last=last, reason=reason)
                for epoch, first, last, reason in found.losses
            ]
        if found.collectors is not None:
            self.collectors = found.collectors

    def count_losses(self, losses: Iterable[Numbers]) -> None:
        """Messages were dropped."""
        for lost in losses:
            self.totals.losses = add_range(self.totals.losses, lost)
            self.changed.add("losses")

    def count_torn(self, missing: Iterable[Range]) -> None:
        """Messages were there and cannot be read."""
        for first, last in missing:
            self.totals.dropped["torn"] += last - first + 1
            self.count_losses(numbers_of_keys(self.totals.epochs, first, last, "torn"))


def decode_state(body: bytes) -> StateRecord | None:
    """Decode a state record; None if this module cannot have written it."""
    try:
        found = msgspec.json.decode(body, type=StateRecord)
    except (msgspec.MsgspecError, RecursionError):
        return None
    is_possible = all(1 <= first <= last and epoch and reason for epoch, first, last, reason in found.losses or ())
    return found if is_possible and all(epoch for _, epoch in found.epochs or ()) else None
