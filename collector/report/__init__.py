"""The monthly report: a CSV file and a page for each site, from the hourly records and the ledger.

Rows come first (energy.py, telemetry.py), and the page is rendered from rows only: every figure on it is in the CSV file. It
reads both files beside a running collector, and never writes to them.
"""

from collector.report.command import add_report, report

__all__ = [
    "add_report",
    "report",
]
