"""The report's table: one row per figure, place and period ("tidy data"), and its CSV form.

Columns and names of figures are contract: people feed the CSV file to other programs.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Literal

from rackflow.escape import escape_unprintable

PeriodKind = Literal["month", "day", "hour", "hour_of_day", "epoch", "gap"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one place over one period. If `value` is None, it is unknown and `rests_on` says what is missing.

    `coverage` is the share of the period's hours that the value is based on.
    """

    figure: str
    place: str
    period: PeriodKind
    start: str
    end: str
    value: float | None
    unit: str
    coverage: float | None
    rests_on: str = ""


# `from` is a keyword in Python, so two fields have other names than their columns.
COLUMNS = tuple({"start": "from", "end": "to"}.get(each.name, each.name) for each in fields(Row))


class Rows:
    """All rows in order, with look-up by figure, place, period and start."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)
        self._by = {(row.figure, row.place, row.period, row.start): row for row in self.rows}
        self._of: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            self._of.setdefault((row.figure, row.period), []).append(row)

    def of(self, figure: str, period: PeriodKind, place: str = "") -> Sequence[Row]:
        """Rows of a figure over one kind of period; of one place only, if `place` is given."""
        return [row for row in self._of.get((figure, period), ()) if not place or row.place == place]

    def at(self, figure: str, place: str, period: PeriodKind, start: str) -> Row | None:
        """One row, or None."""
        return self._by.get((figure, place, period, start))


def as_csv(rows: Iterable[Row]) -> str:
    """Rows as CSV with a heading; an unknown value is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(each) for each in astuple(row)] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, float | int):
        # Ten digits: more than any meter has, and few enough that rounding errors do not show.
        return f"{value:.10g}"
    if isinstance(value, str):
        value = escape_unprintable(value)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@")):
        # A spreadsheet would run it as a formula; names come from devices and must not do that (CSV injection, OWASP).
        return f"'{value}"
    return "" if value is None else str(value)
