"""Reads the report's CSV file back, as another program does."""

import csv
import io
from typing import cast

from collector.report.rows import PeriodKind, Row


def from_csv(text: str) -> list[Row]:
    """Read rows back from CSV text."""
    found = []
    for line in csv.DictReader(io.StringIO(text)):
        value, share = (float(line[key]) if line[key] else None for key in ("value", "coverage"))
        names = (line["figure"], line["place"])
        period = cast("PeriodKind", line["period"])
        found.append(Row(*names, period, line["from"], line["to"], value, line["unit"], share, line["rests_on"]))
    return found
