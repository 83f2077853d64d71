"""The monthly report: a CSV file and a page for each site, from the hourly records and the ledger.

Rows are computed first (energy.py, telemetry.py), and the page is rendered from rows only, so every figure on it is in the CSV
file. The report can run beside a collector: it only reads the records and the ledger.
"""

from collector.report.command import add_report, report

__all__ = [
    "add_report",
    "report",
]
