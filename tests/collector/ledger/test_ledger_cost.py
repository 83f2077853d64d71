"""What the account costs: it grows with the messages, not with their square, and /metrics does not wait for it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.ledger import EpochKey, LedgerFile, LedgerWatch
from collector.ledger.account import account_of, sums_of
from collector.ledger.epochs import CHUNK, FULL, Chunk, Entry, EpochRecord, Retirement
from collector.ledger.ledger import MAX_EPOCHS, MAX_EPOCHS_PER_AGENT, Ledger
from collector.ledger.watch import KNOWN_FOR_S
from rackflow.process.bulkhead import Failures
from tests.turns import counting_calls, lines_run

KEY = EpochKey("cas1", "gw-3", "01JD5Z")


def alternating(messages: int, runs: int) -> tuple[EpochRecord, list[Chunk]]:
    """Every second number was stored, as behind a shared subscription, and the agent names so many runs that it lost."""
    record = EpochRecord(KEY, 1, born_ms=1, seen_ms=1)
    step = max(2, messages // runs)
    record.dropped = [(at, at + step // 2, "full") for at in range(1, messages - step, step)][:runs]
    odd = sum(1 << bit for bit in range(0, CHUNK, 2))
    return record, [Chunk(number, 1, 2, odd) for number in range(messages // CHUNK)]


@pytest.mark.parametrize("account", [account_of, sums_of])
def test_twice_the_messages_and_losses_cost_twice_the_work(account: Callable[..., object]) -> None:
    """It took 4 times as long, and with 20,000 messages and 1,000 losses 11 s in every round of five seconds."""
    small, large = alternating(10_000, 250), alternating(40_000, 1000)
    assert lines_run(lambda: account(*large)) < 5 * lines_run(lambda: account(*small))  # 4 if linear, 16 if quadratic


def test_sums_cost_as_many_steps_as_there_are_chunks() -> None:
    """A chunk of alternating numbers has 256 ranges; counting bits does not make them."""
    record, chunks = alternating(50_000, 2)
    assert lines_run(lambda: sums_of(record, chunks)) * 100 < lines_run(lambda: account_of(record, chunks))


BITS = st.one_of(st.integers(0, FULL), st.sampled_from([0, 1, FULL, 1 << CHUNK - 1, FULL >> 1]))
SAID = st.tuples(st.integers(1, 5 * CHUNK), st.integers(0, 2 * CHUNK))


@given(
    st.lists(st.tuples(BITS, BITS, BITS, BITS), max_size=4),
    st.lists(st.tuples(SAID, st.sampled_from(["full", "age"])), max_size=5),
    st.lists(SAID, max_size=4),
    st.integers(0, 3 * CHUNK),
    st.integers(0, 6 * CHUNK),
)
def test_sums_and_ranges_tell_the_same(
    bits: list[tuple[int, int, int, int]],
    dropped: list[tuple[tuple[int, int], str]],
    undelivered: list[tuple[int, int]],
    known_from: int,
    ended: int,
) -> None:
    record = EpochRecord(KEY, known_from, born_ms=1, seen_ms=1, ended=ended)
    record.dropped = [(first, first + more, why) for (first, more), why in dropped]
    record.undelivered = [(first, first + more) for first, more in undelivered]
    chunks = []
    at = 0
    for stored, waiting, schema, size in bits:
        span = 3 if stored == FULL else 1
        chunks.append(
            Chunk(
                number=at,
                first_ms=1,
                last_ms=2,
                stored=stored,
                waiting=waiting,
                dead={"schema": schema, "size": size},
                span=span,
            )
        )
        at += span + 1
    sums, account = sums_of(record, chunks), account_of(record, chunks)
    found = sum(run.last - run.first + 1 for run in account.missing)
    assert sums.missing_messages == account.missing_messages == found
    assert sums.produced == sums.stored + sums.in_flight + sums.dropped.total() + found


async def test_an_account_that_cannot_be_read_any_more_is_unknown_and_not_the_old_one(tmp_path: Path) -> None:
    now = [0.0]
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: 1_795_468_800.0)
    failures = Failures("account")
    watch = LedgerWatch(ledger, failures, lambda: now[0])
    assert watch.accounts() == {}
    assert await ledger.record([Entry(KEY, 1, 1, 1)])
    await watch.update()
    assert watch.accounts()["cas1", "gw-3"].stored == 1
    assert failures.counts == {}
    ledger.path.rename(tmp_path / "gone.db")
    now[0] += KNOWN_FOR_S
    await watch.update()
    assert failures.counts == {("account", "RackflowError"): 1}
    assert failures.failing() == {"account": True}
    assert watch.accounts() == {}
    ledger.close()


def test_agents_of_a_ledger_with_years_of_epochs_are_known_without_a_look_at_each_epoch() -> None:
    """It held the loop for 54 ms at each connection, and half as long at each scrape and every 5 s."""
    ledger = Ledger(0)
    for number in range(MAX_EPOCHS):
        agent, epoch = divmod(number, MAX_EPOCHS_PER_AGENT)
        ledger.restore(EpochRecord(EpochKey("s", f"gw-{agent:02}", f"{epoch:05}"), 1, 1, epoch, order=number))
    back, gone = MAX_EPOCHS_PER_AGENT - 1, MAX_EPOCHS_PER_AGENT
    ledger.retire(Retirement("s", "gw-03", back - 1))
    with counting_calls() as calls:
        assert len(ledger.agents()) == MAX_EPOCHS // MAX_EPOCHS_PER_AGENT  # one is back
        shown = ledger.shown()
        assert calls() < 3 * MAX_EPOCHS_PER_AGENT
    assert len(shown) == MAX_EPOCHS - back
    ledger.retire(Retirement("s", "gw-03", gone))
    assert not ledger.has_agent("s", "gw-03")
    assert not ledger.has_agent("s", "nobody")
    assert ledger.shown() == {key for key in ledger.epochs if key.agent != "gw-03"}
