"""An agent that is gone for good is not shown any more; the ledger itself keeps its account."""

from pathlib import Path

from collector.ledger.epochs import Entry, EpochKey, Retirement
from collector.ledger.file import LedgerFile
from collector.ledger.ledger import Ledger
from collector.ledger.tables import read_snapshot
from collector.ledger.watch import LedgerWatch

OLD, OTHER, NEW = EpochKey("s", "gw-1", "a"), EpochKey("s", "gw-2", "a"), EpochKey("s", "gw-1", "b")
WALL_MS = 1_795_468_800_000


def entry(key: EpochKey, after_ms: int, seq: int = 1) -> Entry:
    return Entry(key, seq, WALL_MS + after_ms, WALL_MS + after_ms)


def opened(folder: Path) -> LedgerFile:
    return LedgerFile(folder / "ledger.db", 400, lambda: WALL_MS / 1000)


async def test_a_retired_agent_is_hidden_over_a_restart_and_shown_when_it_is_back(tmp_path: Path) -> None:
    """Only what it sends from then on, in the old epoch or in a new one."""
    ledger = opened(tmp_path)
    assert await ledger.record([entry(OLD, 0), entry(OTHER, 0)])
    assert await ledger.record([Retirement("s", "gw-1", WALL_MS + 10)])
    assert ledger.ledger.shown() == {OTHER}
    ledger.close()
    ledger = opened(tmp_path)
    try:
        assert ledger.ledger.shown() == {OTHER}
        watch = LedgerWatch(ledger)
        await watch.update()
        assert watch.accounts().keys() == {("s", "gw-2")}
        # A message that was on its way when the agent was retired does not bring it back.
        assert await ledger.record([entry(OLD, 9, 2)])
        assert ledger.ledger.shown() == {OTHER}
        assert await ledger.record([entry(NEW, 11)])
        assert ledger.ledger.shown() == {OTHER, NEW}
        await watch.update()
        assert watch.accounts()["s", "gw-1"].stored == 1
        assert {record.key for record, _ in read_snapshot(ledger.path).epochs} == {OLD, OTHER, NEW}
        assert await ledger.record([entry(OLD, 12, 3)])
        assert ledger.ledger.shown() == {OLD, OTHER, NEW}
    finally:
        ledger.close()


def test_a_namesake_at_another_site_is_not_retired_with_an_agent() -> None:
    ledger = Ledger(0)
    there = EpochKey("t", "gw-1", "a")
    for key in (OLD, there):
        ledger.mark_stored(entry(key, 0))
    ledger.retire(Retirement("s", "gw-1", WALL_MS + 10))
    assert ledger.shown() == {there}
    assert ledger.agents() == [("t", "gw-1")]


def test_names_that_the_ledger_does_not_know_are_not_kept_and_failed_commits_are_repeated() -> None:
    ledger = Ledger(0)
    ledger.retire(Retirement("s", "nobody", WALL_MS))
    assert ledger.changes().retired == []
    ledger.mark_stored(entry(OLD, 0))
    gone = Retirement("s", "gw-1", WALL_MS)
    ledger.retire(gone)
    changes = ledger.changes()
    assert (changes.retired, ledger.changes().retired) == ([gone], [])
    ledger.put_back(changes)
    assert ledger.changes().retired == [gone]
    # An agent that is forgotten altogether, because it was silent for so long, takes its retirement along.
    assert ledger.forget(WALL_MS + 1) == [OLD]
    ledger.mark_stored(entry(OLD, 0))
    assert ledger.shown() == {OLD}


def test_a_message_of_just_the_moment_of_the_retirement_does_not_bring_an_agent_back() -> None:
    ledger = Ledger(0)
    ledger.mark_stored(entry(OLD, 0))
    ledger.retire(Retirement("s", "gw-1", WALL_MS))
    assert ledger.shown() == set()
    assert not ledger.has_agent("s", "gw-1")
    assert ledger.wanted_of("s", "gw-1") == {}
    ledger.mark_stored(entry(OLD, 1, 2))
    assert ledger.shown() == {OLD}
    assert ledger.has_agent("s", "gw-1")
    assert ledger.wanted_of("s", "gw-1") == {OLD: 1}


def test_a_retirement_of_an_agent_of_which_the_file_has_nothing_is_not_kept() -> None:
    """Whoever asks which epochs are shown looks for its epochs."""
    ledger = Ledger(0)
    ledger.restore_retirement(Retirement("s", "nobody", WALL_MS))
    assert ledger.shown() == set()
    assert not ledger.has_agent("s", "nobody")
