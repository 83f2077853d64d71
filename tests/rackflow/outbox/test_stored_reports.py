"""Whose word makes a message durable: anybody's, or that of all collectors that are required."""

import pytest

from rackflow.outbox.stored_reports import MAX_COLLECTORS, StoredReports


def test_without_requirements_every_word_counts_and_one_that_ever_spoke_is_enough() -> None:
    reports = StoredReports()
    assert (reports.are_required, reports.highest) == (False, None)
    assert reports.update("a", "l1", [(1, 3), (7, 9)]) == [(1, 3), (7, 9)]
    assert reports.update("b", "l2", [(4, 4)]) == [(4, 4)]
    assert (reports.are_required, reports.highest) == (True, 9)
    reports.update("a", "l1", [(1, 3), (7, 12)])
    assert reports.highest == 12
    assert reports.collectors == [("a", "l1"), ("b", "l2")]
    assert StoredReports(collectors=reports.collectors).are_required


def test_an_empty_report_is_a_report() -> None:
    reports = StoredReports()
    assert reports.update("a", "l1", []) == []
    assert (reports.are_required, reports.highest) == (True, None)


def test_two_required_collectors_must_both_have_a_message() -> None:
    reports = StoredReports(require=["a", "b"])
    assert reports.are_required  # before the first report: the broker's confirmation frees nothing
    assert reports.update("a", "l1", [(1, 10)]) == []
    assert reports.update("stranger", "l9", [(1, 10)]) == []
    assert reports.highest is None
    assert reports.update("b", "l2", [(3, 5), (9, 12)]) == [(3, 5), (9, 10)]
    assert reports.highest == 10
    # A document need not repeat what an earlier one said.
    assert reports.update("a", "l1", [(11, 11)]) == [(3, 5), (9, 11)]
    assert reports.collectors == [("a", "l1"), ("b", "l2")]


def test_what_a_required_collector_had_before_its_disk_was_lost_does_not_count_any_more() -> None:
    reports = StoredReports(require=["a", "b"])
    reports.update("a", "l1", [(1, 10)])
    reports.update("a", "another ledger", [(9, 10)])
    assert reports.update("b", "l2", [(1, 10)]) == [(9, 10)]


def test_claims_of_messages_that_are_gone_are_forgotten() -> None:
    reports = StoredReports(require=["a", "b"])
    reports.update("a", "l1", [(1, 10)])
    reports.trim(8)
    assert reports.update("b", "l2", [(1, 20)]) == [(8, 10)]
    reports.trim(30)
    reports.trim(40)
    assert reports.update("b", "l2", [(1, 20)]) == []


def test_a_withdrawn_report_leaves_an_agent_without_collectors() -> None:
    reports = StoredReports()
    reports.update("a", "l1", [(1, 1)])
    reports.withdraw("stranger")
    assert reports.are_required
    reports.withdraw("a")
    assert not reports.are_required


def test_invented_collectors_fill_nothing() -> None:
    reports = StoredReports()
    for at in range(MAX_COLLECTORS + 50):
        reports.update(f"c{at}", "l", [])
    reports.update("c0", "l2", [])
    assert len(reports.collectors) == MAX_COLLECTORS
    assert ("c0", "l2") in reports.collectors
    reports.restore([("old", "l")])
    assert ("old", "l") in reports.collectors


def test_a_required_collector_that_took_its_report_back_must_give_it_again() -> None:
    """It reads these messages no more, so what it had said it had frees nothing."""
    reports = StoredReports(require=["a", "b"])
    reports.update("a", "l1", [(1, 10)])
    reports.withdraw("a")
    assert reports.update("b", "l2", [(1, 10)]) == []
    assert reports.update("a", "l1", [(1, 4)]) == [(1, 4)]


def test_a_collectors_present_report_takes_precedence_over_one_from_before_a_restart() -> None:
    reports = StoredReports()
    reports.update("a", "new", [])
    reports.restore([("a", "old"), ("b", "l2")])
    assert reports.collectors == [("a", "new"), ("b", "l2")]


def test_a_collector_that_is_not_among_the_required_ones_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """A required name may be misspelt: then every report counts for nothing, and the outbox fills although all is stored."""
    reports = StoredReports(require=["collector-a", "colector-b"])
    for _ in range(3):
        assert reports.update("collector-a", "L1", [(1, 9)]) == []
        assert reports.update("collector-b", "L2", [(1, 9)]) == []
    (line,) = caplog.messages
    assert "collector=collector-b says what it has stored, and `outbox.require` does not name it" in line
    assert "until collector-a and colector-b have stored them" in line
