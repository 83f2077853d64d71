"""The monthly report: a CSV file and a page for each site, from the hourly records and the ledger.

Rows are computed first, and the page is rendered from rows only, so every figure on it is in the CSV file. The report can run beside a
collector: it only reads the records and the ledger.

* Rows: `read` reads the `period`; `energy` (with `hours`: what is known of one hour) and `telemetry` compute `rows`.
* Page: `sheet`, with `charts` and `maps` (both with `frame` and `svg`); `display` has names and units.
* `command` is the command `report`.
"""

from collector.report.command import add_report, report

__all__ = [
    "add_report",
    "report",
]
