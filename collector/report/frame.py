"""What charts share: labels, legends, and the tables behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from collector.report.svg import LEFT, rect, text
from collector.report.tidy import PeriodKind, Row, Rows
from collector.report.words import NAMES, coverage, shown


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture, what it shows, and its table."""

    title: str
    note: str
    picture: str
    table: str


def day_names(days: Sequence[str], wide: float, y: float, left: float = LEFT) -> str:
    """Days of the month below their columns."""
    every = 1 if wide >= 16 else 2  # noqa: PLR2004 - two digits take 14
    return "".join(
        text(left + (at + 0.5) * wide, y, day[8:10].lstrip("0")) for at, day in enumerate(days) if not at % every
    )


def legend(entries: Sequence[tuple[str, str]], y: float) -> str:
    """Boxes with their meaning; what begins with `url` is a pattern."""
    found, x = [], float(LEFT)
    for css, word in entries:
        fill = f'fill="{css}"' if css.startswith("url") else f'class="{css}"'
        found += [rect(x, y - 9, 10, 10, fill), text(x + 14, y, word, "start")]
        x += 28 + 6.6 * len(word)
    return "".join(found)


def day_table(rows: Rows, site: str, figures: Sequence[str], along: Sequence[Row], kind: PeriodKind = "day") -> str:
    """One line a day or hour, with its coverage."""
    heads = "".join(f"<th>{escape(NAMES[name])}</th>" for name in figures)
    body = []
    for each in along:
        cells = [rows.at(name, site, kind, each.start) for name in figures]
        shared = next((cell for cell in cells if cell is not None), None)
        values = "".join(f"<td>{escape(shown(cell))}</td>" for cell in cells)
        day = each.start[:10] if kind == "day" else each.start
        body.append(f"<tr><th>{day}</th>{values}<td>{coverage(shared)}</td></tr>")
    return f"<table><thead><tr><th>{kind.replace('_', ' ')}</th>{heads}<th>coverage</th></tr></thead><tbody>{''.join(body)}</tbody></table>"


def grid(corner: str, columns: Sequence[str], lines: Sequence[tuple[str, Sequence[Sequence[Row]]]]) -> str:
    """A table of percentages."""
    heads = "".join(f"<th>{escape(each[8:10])}</th>" for each in columns)
    body = []
    for name, cells in lines:
        values = "".join(f"<td>{' / '.join(shown(row, unit=False) for row in cell)}</td>" for cell in cells)
        body.append(f"<tr><th>{escape(name)}</th>{values}</tr>")
    return (
        f'<table class="wide"><thead><tr><th>{corner}, %</th>{heads}</tr></thead><tbody>{"".join(body)}</tbody></table>'
    )
