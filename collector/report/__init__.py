"""The monthly report: in go the books and the ledger, out come one CSV file and one page of HTML for each site."""

from collector.report.command import add_report, report

__all__ = [
    "add_report",
    "report",
]
