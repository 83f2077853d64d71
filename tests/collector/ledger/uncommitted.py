"""What a ledger in memory has of one epoch, before anything of it was made durable."""

from collector.ledger import EpochAccount, EpochKey, Ledger
from collector.ledger.account import account_of
from collector.ledger.epochs import Chunk


def chunks_of(ledger: Ledger, key: EpochKey) -> list[Chunk]:
    """The chunks of an epoch, by number. Open ones only as long as they wait for a commit."""
    changes = ledger.changes()
    ledger.put_back(changes)
    waiting = {chunk.number: chunk for own, chunk in changes.chunks if own == key}
    found = waiting | {chunk.number: chunk for chunk in ledger.epochs[key].full}
    return [found[number] for number in sorted(found)]


def sums(ledger: Ledger, key: EpochKey) -> EpochAccount:
    """The account of an epoch."""
    return account_of(ledger.epochs[key], chunks_of(ledger, key))
