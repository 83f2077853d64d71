"""What a report reads of the records and the ledger: the hours of its month, its own site, and kills and gaps that concern it."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.epoch import new_epoch
from collector.derive import Hour
from collector.ledger import EpochAccount, EpochKey
from collector.ledger.account import Missing
from collector.records import SCHEMA, unpack
from collector.records.file import pack, pack_polls
from collector.report import read
from collector.report.period import month
from collector.report.read import SiteMonth, read_records, within_month
from rackflow import RackflowError

NOW_S = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
OCTOBER = month("2026-10", "UTC", NOW_S)
FIRST_S, END_S = OCTOBER.first * 3600.0, OCTOBER.end * 3600.0


def records(path: Path, lives: list[tuple[float, float, int]]) -> Path:
    """A file with the hours around both ends of October for `edge`, and only polls for `core`."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(SCHEMA)
        ends = (OCTOBER.first - 1, OCTOBER.first, OCTOBER.end - 1, OCTOBER.end)
        db.executemany("INSERT INTO hour VALUES ('edge', ?, ?)", [(hour, pack(Hour({}, {}))) for hour in ends])
        numbers = {"edge": 1, "core": 2}
        devices = [(number, site, "north", "pdu-1", "pdu") for site, number in numbers.items()]
        db.executemany("INSERT INTO device (id, site, agent, device, class) VALUES (?, ?, ?, ?, ?)", devices)
        polls = [
            (site, hour, pack_polls({number: [60.0, 59.0, 1.0]})) for site, number in numbers.items() for hour in ends
        ]
        db.executemany("INSERT INTO polls VALUES (?, ?, ?)", polls)
        db.executemany("INSERT INTO life VALUES (?, ?, ?)", lives)
    return path


def test_the_first_and_the_last_hour_of_a_month_are_read_and_none_beside_them(tmp_path: Path) -> None:
    core, edge = read_records(records(tmp_path / "books.db", [(FIRST_S, END_S, 1)]), OCTOBER)
    assert [(each.site, sorted(each.hours)) for each in (core, edge)] == [
        ("core", []),
        ("edge", [OCTOBER.first, OCTOBER.end - 1]),
    ]
    assert sorted(core.polls) == sorted(edge.polls) == [OCTOBER.first, OCTOBER.end - 1]


def test_a_site_of_which_there_is_only_energy_is_reported(tmp_path: Path) -> None:
    file = records(tmp_path / "books.db", [(FIRST_S, END_S, 1)])
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("DELETE FROM polls")
    [edge] = read_records(file, OCTOBER)
    assert (edge.site, sorted(edge.hours), edge.polls) == ("edge", [OCTOBER.first, OCTOBER.end - 1], {})


def test_hours_and_polls_are_of_the_same_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector saves while its report is made: half of a save would be polls without their energy, or the reverse."""
    file = records(tmp_path / "books.db", [(FIRST_S, END_S, 1)])
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")  # as the collector's

        def then_save(body: bytes) -> Hour:
            writer.execute("DELETE FROM polls")
            return unpack(body)

        monkeypatch.setattr(read, "unpack", then_save)
        core, edge = read_records(file, OCTOBER)
    assert sorted(core.polls) == sorted(edge.polls) == [OCTOBER.first, OCTOBER.end - 1]


@pytest.mark.parametrize(
    ("saved_s", "next_s", "is_named"),
    [
        (FIRST_S - 7200, FIRST_S - 3600, False),  # started again before the month began
        (FIRST_S - 7200, FIRST_S, True),  # away when it began
        (FIRST_S + 60, FIRST_S + 90, True),
        (END_S - 1, END_S + 7200, True),  # away when it ended
        (END_S, END_S + 60, False),  # killed when it was over
    ],
)
def test_a_report_names_the_kills_in_its_month_and_no_others(
    saved_s: float,
    next_s: float,
    is_named: bool,  # noqa: FBT001 - a case
    tmp_path: Path,
) -> None:
    lives = [(FIRST_S - 86_400, saved_s, 0), (next_s, END_S + 86_400, 1)]
    edge = read_records(records(tmp_path / "books.db", lives), OCTOBER)[1]
    assert edge.killed == ([(saved_s, next_s)] if is_named else [])


def test_a_collector_that_ended_by_itself_was_not_killed(tmp_path: Path) -> None:
    lives = [(FIRST_S, FIRST_S + 60, 1), (FIRST_S + 90, END_S, 0)]  # the last one still runs
    edge = read_records(records(tmp_path / "books.db", lives), OCTOBER)[1]
    assert (edge.killed, edge.saved_s) == ([], END_S)


def test_polls_of_a_device_that_the_records_do_not_have_are_one_line_with_the_remedy(tmp_path: Path) -> None:
    file = records(tmp_path / "books.db", [(FIRST_S, END_S, 1)])
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("DELETE FROM device WHERE site = 'core'")
    core, edge = read_records(file, OCTOBER)
    assert edge.polls[OCTOBER.first] == {1: [60.0, 59.0, 1.0]}
    with pytest.raises(
        RackflowError, match=r"books\.db: the records are damaged: polls of a device that is not there; "
    ):
        core.polls[OCTOBER.first]


def account(site: str, seen_s: float, *gaps: tuple[float, float]) -> EpochAccount:
    missing = [Missing(at, at, int(start_s * 1000), int(end_s * 1000)) for at, (start_s, end_s) in enumerate(gaps, 1)]
    return EpochAccount(EpochKey(site, "north", "e"), 1, int(seen_s * 1000), 9, 6, 0, 0, len(gaps), missing=missing)


def test_a_report_has_the_gaps_of_its_month_and_those_of_which_nobody_knows_when_they_were() -> None:
    found = account(
        "edge",
        END_S + 86_400,
        (FIRST_S - 7200, FIRST_S - 1),  # 1: over before the month began
        (FIRST_S - 7200, FIRST_S),  # 2: into it
        (END_S - 1, END_S + 7200),  # 3: out of it
        (END_S, END_S + 60),  # 4: after it
        (FIRST_S - 7200, 0),  # 5: since before the month, and nobody knows how long
        (0, FIRST_S + 60),  # 6
        (0, 0),  # 7
    )
    [chosen] = within_month([found], SiteMonth("edge", OCTOBER, {}, {}, {}, END_S))
    assert [run.first for run in chosen.missing] == [2, 3, 5, 6, 7]
    # Their number is that of the month as well: those of September and November are no loss of October.
    assert (found.missing_messages, chosen.missing_messages) == (7, 5)


def test_a_gap_counts_with_all_of_its_messages() -> None:
    gap = Missing(11, 400, int(FIRST_S * 1000), int(FIRST_S * 1000) + 60_000)
    found = replace(account("edge", END_S), missing=[gap], missing_messages=390)
    [chosen] = within_month([found], SiteMonth("edge", OCTOBER, {}, {}, {}, END_S))
    assert chosen.missing_messages == 390


def test_a_report_has_the_runs_of_its_own_agents_that_lived_in_the_month() -> None:
    found = [account("core", END_S), account("edge", FIRST_S - 1), account("edge", FIRST_S)]
    assert within_month(found, SiteMonth("edge", OCTOBER, {}, {}, {}, END_S)) == [found[2]]
    # A run that an agent began after the month is none of it, however late the report is made.
    last, first_after = (
        replace(account("edge", END_S + 86_400), key=EpochKey("edge", "north", new_epoch(int(born_s * 1000), 1)))
        for born_s in (END_S - 1, END_S)
    )
    assert within_month([last, first_after], SiteMonth("edge", OCTOBER, {}, {}, {}, END_S)) == [last]
