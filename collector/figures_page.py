"""The status page's part of derived figures: in go figures, out come a table of the site's answers and of what is unknown, and why."""

from collections.abc import Iterable, Sequence
from html import escape

from collector.derive.frame import Figure
from collector.humanise import quantity, span

UNKNOWN_SHOWN = 30
_DETAIL = frozenset({"device", "rack"})


def figures_card(figures: Sequence[Figure]) -> str:
    """A section: answers that are of no single device or rack, then the unknown ones with what is missing."""
    answers = [figure for figure in figures if figure.value is not None and not _detailed(figure)]
    unknown = [figure for figure in figures if figure.value is None]
    rows = "".join(_row(figure, _known(figure)) for figure in answers)
    gaps = "".join(_row(figure, "; ".join(figure.missing) or "unknown") for figure in unknown[:UNKNOWN_SHOWN])
    more = f'<p class="note">and {len(unknown) - UNKNOWN_SHOWN} more</p>' if len(unknown) > UNKNOWN_SHOWN else ""
    card = f'<section class="up"><h2>Derived figures <small>{len(figures) - len(unknown)} known</small></h2>'
    card += f"<table>{rows}</table></section>" if rows else "</section>"
    if unknown:
        title = f'<h2><span class="state">unknown</span> figures <small>{len(unknown)}</small></h2>'
        card += f'<section class="down">{title}<table>{gaps}</table>{more}</section>'
    return card


def _detailed(figure: Figure) -> bool:
    return any(label in _DETAIL for label, _ in figure.output.labels)


def _known(figure: Figure) -> str:
    if figure.value is None:
        return "unknown"
    rests = f"oldest input {span(round(figure.oldest_s))}"
    if figure.share < 1:
        rests += f", {figure.share:.0%} of inputs"
    return f"{quantity(figure.value, figure.output.metric.unit)} ({rests})"


def _row(figure: Figure, text: str) -> str:
    metric = figure.output.metric
    name = metric.name.removeprefix("dcim_").removesuffix(f"_{metric.unit}" if metric.unit else "").replace("_", " ")
    return (
        f'<tr title="{escape(metric.formula)}"><th>{escape(name)} <i>{escape(_where(figure.output.labels))}</i></th>'
        f"<td>{escape(text)}</td></tr>"
    )


def _where(labels: Iterable[tuple[str, str]]) -> str:
    return " ".join(f"{label} {value}" if label == "feed" else value for label, value in labels if label != "room")
