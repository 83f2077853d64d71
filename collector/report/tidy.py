"""The report's figures as rows of a table, one per figure, place and period; also as CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Literal, cast

PeriodKind = Literal["month", "day", "hour", "hour_of_day", "epoch", "gap"]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of one place over one period. `value` None is unknown, and `rests_on` says what is missing.

    `coverage` is the part of the period's hours that the value rests on.
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


COLUMNS = tuple({"start": "from", "end": "to"}.get(each.name, each.name) for each in fields(Row))


class Rows:
    """All rows in order, and found by figure, place, period and start."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.rows = list(rows)
        self._by = {(row.figure, row.place, row.period, row.start): row for row in self.rows}
        self._of: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            self._of.setdefault((row.figure, row.period), []).append(row)

    def of(self, figure: str, period: PeriodKind, place: str = "") -> Sequence[Row]:
        """Rows of a figure; of one place where it is named."""
        return [row for row in self._of.get((figure, period), ()) if not place or row.place == place]

    def at(self, figure: str, place: str, period: PeriodKind, start: str) -> Row | None:
        """One row."""
        return self._by.get((figure, place, period, start))


def from_csv(text: str) -> list[Row]:
    """The rows of a CSV file, as it has them."""
    found = []
    for line in csv.DictReader(io.StringIO(text)):
        value, share = (float(line[key]) if line[key] else None for key in ("value", "coverage"))
        names = (line["figure"], line["place"])
        period = cast("PeriodKind", line["period"])
        found.append(Row(*names, period, line["from"], line["to"], value, line["unit"], share, line["rests_on"]))
    return found


def as_csv(rows: Iterable[Row]) -> str:
    """A heading and one line a row; an unknown value is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(each) for each in astuple(row)] for row in rows)
    return text.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, float | int):
        return f"{value:.10g}"
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")):
        # A spreadsheet would take it for a formula.
        return f"'{value}"
    return "" if value is None else str(value)
