"""Availability of telemetry: polls of each device, summed up for its agent and its site, by month and day."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.epoch import new_epoch
from collector.ledger import EpochAccount, EpochKey
from collector.ledger.account import Missing
from collector.records.file import pack_polls
from collector.report.period import month
from collector.report.read import Device, PackedPolls, SiteMonth
from collector.report.rows import Rows
from collector.report.telemetry import account_rows, telemetry_rows
from rackflow import RackflowError

NOW_S = datetime(2026, 10, 3, tzinfo=UTC).timestamp()
DEVICES = {1: Device("north", "pdu-1", "pdu"), 2: Device("north", "ups-1", "ups"), 3: Device("south", "pdu-1", "pdu")}


def report(
    polls: dict[int, dict[int, list[float]]], killed: Sequence[tuple[float, float]] = (), *, shared: bool = False
) -> Rows:
    """Two days of October; `polls` by the hour of the month and the device's number: expected, answered, unanswered."""
    period = month("2026-10", "UTC", NOW_S)
    counts = {period.first + hour: rows for hour, rows in polls.items()}
    return Rows(telemetry_rows(SiteMonth("s", period, {}, counts, DEVICES, NOW_S, killed, is_shared=shared)))


def values(rows: Rows, place: str) -> dict[str, float | None]:
    return {row.figure: row.value for row in rows.rows if row.place == place and row.period == "month"}


def test_polls_are_summed_up_for_device_agent_and_site() -> None:
    rows = report({0: {1: [10, 8, 1], 2: [20, 20, 0], 3: [5, 1, 4]}, 47: {1: [10, 10, 0]}, 48: {1: [1000, 0, 0]}})
    assert values(rows, "north/pdu-1") == {
        "telemetry_available": 0.9,
        "polls_expected": 20,
        "polls_answered": 18,
        "polls_unanswered": 1,
        "polls_not_received": 1,
    }
    assert values(rows, "north/*")["telemetry_available"] == pytest.approx(38 / 40)
    assert values(rows, "south/*") == values(rows, "south/pdu-1")
    assert values(rows, "s") == {
        "telemetry_available": pytest.approx(39 / 45),
        "polls_expected": 45,
        "polls_answered": 39,
        "polls_unanswered": 5,
        "polls_not_received": 1,
    }


def test_availability_is_at_most_1_and_unanswered_polls_are_at_most_the_missing_ones() -> None:
    rows = report({0: {1: [10, 12, 3], 2: [10, 9, 30]}})
    expected = {"telemetry_available": 1.0, "polls_unanswered": 0, "polls_not_received": 0}
    assert expected.items() <= values(rows, "north/pdu-1").items()
    assert {"polls_unanswered": 1, "polls_not_received": 0}.items() <= values(rows, "north/ups-1").items()


def test_coverage_counts_hours_with_expected_polls_and_days_are_reported_separately() -> None:
    rows = report({0: {1: [10, 5, 0]}, 23: {1: [10, 5, 0], 2: [0, 3, 0]}, 24: {1: [10, 10, 0], 2: [10, 10, 0]}})
    [whole] = rows.of("telemetry_available", "month", "north/pdu-1")
    assert (whole.coverage, whole.rests_on) == (3 / 48, "pdu")
    days = rows.of("telemetry_available", "day", "north/pdu-1")
    assert [(day.start[:10], day.value, day.coverage) for day in days] == [
        ("2026-10-01", 0.5, 2 / 24),
        ("2026-10-02", 1.0, 1 / 24),
    ]
    [agent] = rows.of("telemetry_available", "month", "north/*")
    assert agent.coverage == 3 / 48  # an hour counts once however many devices it has
    assert len(rows.of("telemetry_available", "day", "north/ups-1")) == 1  # nothing was expected of it on the first
    assert rows.of("polls_expected", "day") == []


def test_hours_without_an_answer_count_and_their_unanswered_polls_add_up() -> None:
    """Of three hours of a day a device answers in one only; of the other polls, five reached nobody."""
    rows = report({0: {1: [10, 10, 0]}, 1: {1: [10, 0, 9]}, 2: {1: [10, 0, 6]}})
    for place in ("north/pdu-1", "north/*", "s"):
        [whole] = rows.of("telemetry_available", "month", place)
        assert whole.value == pytest.approx(1 / 3)
        assert whole.coverage == 3 / 48
        assert {"polls_unanswered": 15, "polls_not_received": 5}.items() <= values(rows, place).items()


def test_polls_that_came_twice_hide_no_missing_ones_of_another_device() -> None:
    """Both processes of a pair polled one device; what a third of another one's polls found is missing."""
    rows = report({0: {1: [10, 20, 0], 2: [15, 10, 0]}})
    for place in ("north/*", "s"):
        shown = {"telemetry_available": 20 / 25, "polls_answered": 20, "polls_not_received": 5}
        assert shown.items() <= values(rows, place).items()
    assert values(rows, "north/pdu-1")["polls_answered"] == 20


def test_where_the_collector_was_killed_counts_are_at_least() -> None:
    rows = report({0: {1: [10, 10, 0]}}, [(at * 3600.0, at * 3600.0 + 60) for at in range(1, 5)])
    [row] = rows.of("telemetry_available", "month", "north/pdu-1")
    assert row.rests_on.startswith(
        "pdu; at least: counts of half a minute are lost where the collector was killed, after 1970-01-01T01"
    )
    assert row.rests_on.endswith("1970-01-01T03:00:00+00:00 and 1 more time")
    [day] = rows.of("telemetry_available", "day", "north/pdu-1")
    assert day.rests_on == "pdu"
    three = report({0: {1: [10, 10, 0]}}, [(at * 3600.0, at * 3600.0 + 60) for at in range(1, 4)])
    assert three.of("telemetry_available", "month", "north/pdu-1")[0].rests_on.endswith("1970-01-01T03:00:00+00:00")


def test_a_part_of_the_polls_tells_nothing_of_availability() -> None:
    [row] = report({0: {1: [10, 10, 0]}}, shared=True).rows
    assert (row.figure, row.place, row.value, row.coverage) == ("telemetry_available", "s", None, 0.0)


def test_each_hour_is_unpacked_once_and_not_kept() -> None:
    """A month of 5,000 devices took 1 GB, and each of its hours was summed up for the month and once more for its day."""
    asked = Counter[int]()

    class Counted(PackedPolls):
        def __getitem__(self, hour: int) -> dict[int, list[float]]:
            asked[hour] += 1
            return super().__getitem__(hour)

    period = month("2026-10", "UTC", NOW_S)
    polls = Counted(Path("records.db"), DEVICES)
    polls.bodies |= {hour: pack_polls({1: [10.0, 9.0, 0.0]}) for hour in period.hours()}
    rows = Rows(telemetry_rows(SiteMonth("s", period, {}, polls, DEVICES, NOW_S)))
    assert values(rows, "s")["polls_expected"] == 480
    assert asked == Counter(period.hours())
    assert polls[period.first] is not polls[period.first]


def test_an_hour_that_is_damaged_is_reported_with_its_file() -> None:
    polls = PackedPolls(Path("records.db"), DEVICES)
    polls.bodies[1] = b"no hour"
    with pytest.raises(RackflowError, match=r"records\.db: the records are damaged: .*restore a backup"):
        polls[1]
    polls.bodies[1] = pack_polls({1: [1.0, 1.0, 0.0], 4: [1.0, 1.0, 0.0]})  # the second one is not known
    with pytest.raises(RackflowError, match="polls of a device that is not there"):
        polls[1]


def test_an_hour_counts_once_for_an_agent_and_for_the_site_however_many_polled_in_it() -> None:
    rows = report({0: {1: [10, 10, 0], 2: [10, 10, 0], 3: [10, 10, 0]}, 47: {1: [10, 10, 0], 3: [0, 0, 0]}})
    found = {
        row.place: round((row.coverage or 0.0) * 48)
        for row in rows.rows
        if (row.figure, row.period) == ("telemetry_available", "month")
    }
    assert found == {"north/pdu-1": 2, "north/ups-1": 1, "north/*": 2, "south/pdu-1": 1, "south/*": 1, "s": 2}


def test_the_account_of_an_epoch_lists_what_there_is_and_each_gap_with_its_times() -> None:
    epoch = new_epoch(1_790_000_000_000, 1)
    gap = Missing(4, 6, 1_790_000_100_000, 1_790_000_160_000)
    dropped = Counter(full=1, expired=2)
    sums = EpochAccount(EpochKey("s", "north", epoch), 1, 1_790_003_600_000, 16, 6, 2, 4, 3, dropped, [gap])
    period = month("2026-10", "UTC", NOW_S)
    rows = list(account_rows("s", [sums], period))
    assert {row.figure: row.value for row in rows} == {
        "messages_produced": 16.0,
        "messages_stored": 6.0,
        "messages_missing": 3.0,
        "messages_came_again": 2.0,
        "messages_in_flight": 4.0,
        "messages_dropped_expired": 2.0,
        "messages_dropped_full": 1.0,
        "messages_missing_run": 3.0,
    }
    assert {(row.start, row.end) for row in rows[:-1]} == {("2026-09-21T14:13:20+00:00", "2026-09-21T15:13:20+00:00")}
    assert (rows[-1].start, rows[-1].end) == ("2026-09-21T14:15:00+00:00", "2026-09-21T14:16:00+00:00")


def test_of_an_epoch_without_a_message_the_report_says_that_none_is_missing() -> None:
    sums = EpochAccount(EpochKey("s", "north", new_epoch(1_790_000_000_000, 1)), 1, 1_790_003_600_000, 0, 0, 0, 0)
    rows = list(account_rows("s", [sums], month("2026-10", "UTC", NOW_S)))
    names = ("messages_produced", "messages_stored", "messages_missing")
    assert {row.figure: row.value for row in rows} == dict.fromkeys(names, 0.0)
