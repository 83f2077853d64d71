"""Parts that all charts share: day labels, legends, and the table behind each chart.

Each chart has a table because not everyone can read colours and bars, and nobody can copy them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.report.display import NAMES, coverage, display_value
from collector.report.rows import PeriodKind, Row, Rows
from collector.report.svg import LEFT, rect, text
from rackflow.escape import escape_html as escape


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: title, a note on what it shows, the SVG, and the table with the same values, as HTML."""

    title: str
    note: str
    picture: str
    table: str


def day_names(days: Sequence[str], wide: float, y: float, left: float = LEFT) -> str:
    """Labels of the days below their columns; every other day if columns are narrow."""
    every = 1 if wide >= 16 else 2  # noqa: PLR2004 - two digits are 14 wide
    return "".join(
        text(left + (at + 0.5) * wide, y, day[8:10].lstrip("0")) for at, day in enumerate(days) if not at % every
    )


def legend(entries: Sequence[tuple[str, str]], y: float) -> str:
    """A legend of pairs (style, meaning). A style is a CSS class, or a pattern that begins with `url`."""
    found, entry_x = [], float(LEFT)
    for css, word in entries:
        style = f'fill="{css}"' if css.startswith("url") else f'class="{css}"'
        found += [
            rect(x=entry_x, y=y - 9, width=10, height=10, style=style),
            text(entry_x + 14, y, word, "start"),
        ]
        # The width of text is not known without drawing it: 6.6 per character is a generous average for the 11 px font.
        entry_x += 28 + 6.6 * len(word)
    return "".join(found)


def day_table(rows: Rows, site: str, figures: Sequence[str], along: Sequence[Row], kind: PeriodKind = "day") -> str:
    """A table with one line per day or hour, and its coverage."""
    heads = "".join(f"<th>{escape(NAMES[name])}</th>" for name in figures)
    body = []
    for each in along:
        cells = [rows.at(name, site, kind, each.start) for name in figures]
        shared = next((cell for cell in cells if cell is not None), None)
        values = "".join(f"<td>{escape(display_value(cell))}</td>" for cell in cells)
        day = each.start[:10] if kind == "day" else each.start
        body.append(f"<tr><th>{day}</th>{values}<td>{coverage(shared)}</td></tr>")
    return f"<table><thead><tr><th>{kind.replace('_', ' ')}</th>{heads}<th>coverage</th></tr></thead><tbody>{''.join(body)}</tbody></table>"


def grid(corner: str, columns: Sequence[str], lines: Sequence[tuple[str, Sequence[Sequence[Row]]]]) -> str:
    """A table of percentages: days as columns, places or hours as lines. Two rows in one cell are separated by `/`."""
    heads = "".join(f"<th>{escape(each[8:10])}</th>" for each in columns)
    body = []
    for name, cells in lines:
        values = "".join(f"<td>{' / '.join(display_value(row, unit=False) for row in cell)}</td>" for cell in cells)
        body.append(f"<tr><th>{escape(name)}</th>{values}</tr>")
    return (
        f'<table class="wide"><thead><tr><th>{corner}, %</th>{heads}</tr></thead><tbody>{"".join(body)}</tbody></table>'
    )
