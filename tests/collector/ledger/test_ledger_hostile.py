"""What one agent can make the ledger hold: numbers that jump, and statements about ever other epochs."""

from collector.ledger.epochs import CHUNK, Entry, EpochKey, Statement
from collector.ledger.ledger import (
    FREE_CHUNKS,
    MAX_RANGES_OF_AGENT,
    MAX_REASONS_OF_AGENT,
    MESSAGES_PER_CHUNK,
    OTHER,
    Ledger,
)
from rackflow.documents import MAX_RANGES, Account, Numbers
from tests.collector.ledger.uncommitted import chunks_of

THIEF, HEALTHY = EpochKey("cas1", "stolen", "E0"), EpochKey("cas1", "gw-3", "E0")


def entry(key: EpochKey, seq: int) -> Entry:
    return Entry(key, seq, seq, seq)


def held_ranges(ledger: Ledger, agent: str) -> int:
    records = [record for record in ledger.epochs.values() if record.key.agent == agent]
    return sum(len(record.undelivered) + len(record.dropped) for record in records)


def test_numbers_that_jump_make_no_chunk_each() -> None:
    ledger = Ledger(0)
    for at in range(3 * FREE_CHUNKS):
        ledger.mark_stored(entry(THIEF, 1 + at * CHUNK))
        ledger.mark_stored(entry(HEALTHY, 1 + at))
    begun = len(chunks_of(ledger, THIEF))
    assert FREE_CHUNKS < begun <= FREE_CHUNKS + 3 * FREE_CHUNKS // MESSAGES_PER_CHUNK + 1
    assert ledger.rejected == {"sparse": 3 * FREE_CHUNKS - begun}
    assert ledger.is_stored(entry(THIEF, 1))
    assert all(ledger.is_stored(entry(HEALTHY, 1 + at)) for at in range(3 * FREE_CHUNKS))


def test_one_of_many_collectors_behind_a_shared_subscription_accounts_for_all_that_it_gets() -> None:
    """It gets every 30th number."""
    ledger = Ledger(0)
    for seq in range(1, 30 * 100_000, 30):
        ledger.mark_stored(entry(HEALTHY, seq))
    assert not ledger.rejected


def test_the_ranges_of_all_epochs_of_an_agent_have_a_limit_and_room_comes_back() -> None:
    ledger = Ledger(0)
    for number in range(60):
        key = THIEF._replace(epoch=f"E{number}")
        ledger.mark_stored(entry(key, 1))
        ranges = [Numbers(epoch=key.epoch, first=at, last=at, reason=f"r{at}") for at in range(2, 2 * MAX_RANGES, 2)]
        ledger.apply_statement(Statement(key, Account(kind="disk", undelivered=ranges, dropped=ranges), 0))
    assert MAX_RANGES_OF_AGENT - 2 * MAX_RANGES < held_ranges(ledger, "stolen") <= MAX_RANGES_OF_AGENT
    reasons = {reason for record in ledger.epochs.values() for _, _, reason in record.dropped}
    assert len(reasons) == MAX_REASONS_OF_AGENT + 1
    assert OTHER in reasons
    found = [Numbers(epoch=HEALTHY.epoch, first=2, last=3, reason="full")]
    ledger.mark_stored(entry(HEALTHY, 1))
    ledger.apply_statement(Statement(HEALTHY, Account(kind="disk", dropped=found), 0))
    assert held_ranges(ledger, "gw-3") == 1
    ledger.forget(2)
    assert not ledger.epochs
    ledger.mark_stored(entry(THIEF, 1))
    ledger.apply_statement(
        Statement(THIEF, Account(kind="disk", undelivered=[Numbers(epoch="E0", first=2, last=9)]), 0)
    )
    assert held_ranges(ledger, "stolen") == 1


def test_what_one_agent_may_make_the_ledger_hold_is_no_more_after_a_restart() -> None:
    before = Ledger(0)
    for number in range(MAX_RANGES_OF_AGENT // MAX_RANGES + 1):
        key = THIEF._replace(epoch=f"E{number}")
        before.mark_stored(entry(key, 1))
        dropped = [
            Numbers(epoch=key.epoch, first=at, last=at, reason=f"r{at % 50}") for at in range(2, 2 * MAX_RANGES, 2)
        ]
        before.apply_statement(Statement(key, Account(kind="disk", dropped=dropped), 0))
    ledger = Ledger(0)
    for record in before.epochs.values():
        ledger.restore(record)
    last = THIEF._replace(epoch="last")
    more = [Numbers(epoch=last.epoch, first=at, last=at, reason="one more") for at in range(2, 2 * MAX_RANGES, 2)]
    ledger.apply_statement(Statement(last, Account(kind="disk", dropped=more), 0))
    assert held_ranges(ledger, "stolen") <= MAX_RANGES_OF_AGENT
    healthy = [Numbers(epoch=HEALTHY.epoch, first=2, last=3, reason="one more")]
    ledger.apply_statement(Statement(HEALTHY, Account(kind="disk", dropped=healthy), 0))
    assert ledger.epochs[HEALTHY].dropped == [(2, 3, "one more")]


def test_the_reasons_that_an_agent_names_are_bounded_over_all_its_epochs() -> None:
    """Each reason is a series on /metrics."""
    ledger = Ledger(0)
    for number in range(3 * MAX_REASONS_OF_AGENT):
        key = THIEF._replace(epoch=f"E{number}")
        dropped = [Numbers(epoch=key.epoch, first=2, last=2, reason=f"reason {number}")]
        ledger.apply_statement(Statement(key, Account(kind="disk", dropped=dropped), 0))
    reasons = {reason for record in ledger.epochs.values() for _, _, reason in record.dropped}
    assert reasons == {OTHER, *(f"reason {number}" for number in range(MAX_REASONS_OF_AGENT))}
    again = Ledger(0)
    for record in ledger.epochs.values():
        again.restore(record)
    key = THIEF._replace(epoch="E")
    dropped = [Numbers(epoch=key.epoch, first=2, last=2, reason="after a restart")]
    again.apply_statement(Statement(key, Account(kind="disk", dropped=dropped), 0))
    assert again.epochs[key].dropped == [(2, 2, OTHER)]


def state(ledger: Ledger, key: EpochKey, start: int, reason: str = "full") -> list[tuple[int, int, str]]:
    """The drops that the ledger keeps of as many as one statement may name."""
    dropped = [
        Numbers(epoch=key.epoch, first=at, last=at, reason=reason) for at in range(start, start + 2 * MAX_RANGES, 2)
    ]
    ledger.apply_statement(Statement(key, Account(kind="disk", dropped=dropped), 0))
    return ledger.epochs[key].dropped


def test_the_room_of_an_epoch_comes_back_when_it_is_stated_again_or_forgotten() -> None:
    ledger = Ledger(0)
    keys = [THIEF._replace(epoch=f"E{number:03}") for number in range(MAX_RANGES_OF_AGENT // MAX_RANGES + 1)]
    for wall_ms, key in enumerate(keys, 1):
        ledger.mark_stored(Entry(key, 1, wall_ms, wall_ms))
        state(ledger, key, 2)
    assert held_ranges(ledger, "stolen") == MAX_RANGES_OF_AGENT
    assert state(ledger, keys[0], 3)[0] == (3, 3, "full")
    assert held_ranges(ledger, "stolen") == MAX_RANGES_OF_AGENT
    assert ledger.forget(2) == [keys[0]]
    ledger.mark_stored(Entry(THIEF, 1, 99, 99))
    assert len(state(ledger, THIEF, 2)) == MAX_RANGES


def test_an_agent_that_was_forgotten_begins_again_with_all_that_an_agent_may_have() -> None:
    ledger = Ledger(0)
    for at in range(2 * FREE_CHUNKS):
        ledger.mark_stored(Entry(THIEF, 1 + at * CHUNK, 1, 1))
    for number in range(MAX_REASONS_OF_AGENT):
        state(ledger, THIEF, 2, f"reason {number}")
    assert ledger.rejected["sparse"] > 0
    assert ledger.forget(2) == [THIEF]
    ledger.rejected.clear()
    ledger.mark_stored(Entry(THIEF, 1, 3, 3))
    assert ledger.is_stored(Entry(THIEF, 1, 3, 3))
    assert not ledger.rejected
    assert {reason for _, _, reason in state(ledger, THIEF, 2, "a new one")} == {"a new one"}
