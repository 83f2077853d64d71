"""The monthly report: a CSV file and a page for each site, from the hourly records and the ledger."""

from collector.report.command import add_report, report

__all__ = [
    "add_report",
    "report",
]
