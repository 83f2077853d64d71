"""The derived figures on the status page: known ones with their values, unknown ones with the missing inputs."""

from collections.abc import Iterable, Sequence

from collector.derive import Figure
from collector.web.humanise import duration, number, quantity
from rackflow.escape import escape_html as escape

# Chosen so that the section fits on one screen; the rest is counted and linked. One missing meter makes many figures unknown,
# mostly for the same reason, so listing more would add no information.
UNKNOWN_SHOWN = 30
# With more known figures than this, the page shows only those of the whole site, not those per rack and device.
ALL_SHOWN = 12
# Ratios that are shown as plain numbers (a PUE of 1.25), not in percent.
MULTIPLES = ("_performance_ratio", "pue_ratio")
_DETAIL = frozenset({"device", "rack"})


def figures_card(figures: Sequence[Figure]) -> str:
    """HTML of the known figures, then of the unknown ones. Figures of single devices and racks are shown while they are few."""
    known = [figure for figure in figures if figure.value is not None]
    unknown = [figure for figure in figures if figure.value is None]
    answers = known if len(known) <= ALL_SHOWN else [figure for figure in known if not _detailed(figure)]
    card = ""
    if known:
        rows = "".join(_row(figure, _known(figure)) for figure in answers)
        rest = _more(len(known) - len(answers), "of single devices and racks")
        title = f"<h2>Derived figures <small>{len(known)} known</small></h2>"
        card = f'<section class="up">{title}<table>{rows}</table>{rest}</section>'
    if unknown:
        gaps = "".join(_row(figure, "; ".join(figure.missing) or "unknown") for figure in unknown[:UNKNOWN_SHOWN])
        title = f'<h2><span class="state">unknown</span> figures <small>{len(unknown)}</small></h2>'
        card += f'<section class="gaps">{title}<table>{gaps}</table>{_more(len(unknown) - UNKNOWN_SHOWN)}</section>'
    return card


def _more(count: int, which: str = "") -> str:
    return f'<p class="note">and {count} {which or "more"}, on <a href="metrics">metrics</a></p>' if count > 0 else ""


def _detailed(figure: Figure) -> bool:
    return any(label in _DETAIL for label, _ in figure.output.labels)


def _known(figure: Figure) -> str:
    if figure.value is None:
        return "unknown"
    inputs = f"oldest input {duration(round(figure.oldest_s))}"
    if figure.share < 1:
        inputs += f", {figure.share:.0%} of inputs"
    metric = figure.output.metric
    is_multiple = metric.name.endswith(MULTIPLES)
    return f"{number(figure.value) if is_multiple else quantity(figure.value, metric.unit)} ({inputs})"


def _row(figure: Figure, text: str) -> str:
    metric = figure.output.metric
    name = metric.name.removeprefix("dcim_").removesuffix(f"_{metric.unit}" if metric.unit else "").replace("_", " ")
    return (
        f'<tr title="{escape(metric.formula)}"><th>{escape(name)} <i>{escape(_where(figure.output.labels))}</i></th>'
        f"<td>{escape(text)}</td></tr>"
    )


def _where(labels: Iterable[tuple[str, str]]) -> str:
    return " ".join(f"{label} {value}" if label == "feed" else value for label, value in labels if label != "room")
