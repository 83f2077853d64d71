"""Readings and figures in lists, and a figure with what it rests on. Pure."""

from collections.abc import Generator, Mapping

from collector.api.agents import ledger_of
from collector.api.blame import EXPLAINED, blamed
from collector.api.detail import (
    FigureDocument,
    FigureInput,
    FigureItem,
    FigureList,
    LedgerDocument,
    SeriesItem,
    SeriesList,
)
from collector.api.device import readings, series_parts
from collector.api.listing import Page
from collector.api.overview import Surroundings
from collector.api.requests import Ambiguous, BadRequest, NotThere
from collector.api.scene import Scene
from collector.derive import Explanation, Figure, Input

# Figures looked at between two turns of the loop: a dictionary lookup each, less than a millisecond.
_SLICE = 1000
# Labels of figures that are named when a request fits several of them.
_NAMED = 5
# Most racks, UPSs and panels that are named as the reason of a figure.
_MAX_BLAMED = 100


def series_steps(
    scene: Scene, metric: str, device: str, page: Page, distrusted: Mapping[tuple[str, str], str]
) -> Generator[None, None, SeriesList]:
    """One page of the readings of a site, by device and series. Yields after each device."""
    after = tuple(page.cursor.split(" ", 1)) if page.cursor else ("", "")
    if len(after) != 2:  # noqa: PLR2004 - device and series
        raise BadRequest("cursor: is what `next` of the page before said")
    items: list[SeriesItem] = []
    names = [device] if device else sorted(scene.layout.places)
    if device and device not in scene.layout.places:
        raise NotThere("no such device")
    for name in names:
        yield
        if name < after[0]:
            continue
        # In plain order, because a cursor must be comparable.
        for key, each in sorted(readings(scene, name, distrusted)):
            if (name, key) <= after or (metric and each.metric != metric):
                continue
            if len(items) == page.limit:
                return SeriesList(items=items, next=f"{items[-1].device} {items[-1].series}")
            items.append(
                SeriesItem(
                    device=name,
                    series=key,
                    metric=each.metric,
                    labels=each.labels,
                    unit=each.unit,
                    value=each.value,
                    age_seconds=each.age_seconds,
                    quality=each.quality,
                    reason=each.reason,
                )
            )
    return SeriesList(items=items, next=None)


def figures_steps(
    scene: Scene, metric: str, labels: frozenset[tuple[str, str]], page: Page
) -> Generator[None, None, FigureList]:
    """One page of the figures of a site with these labels, in the order in which they are derived. Yields after each slice."""
    if page.cursor and not (page.cursor.isascii() and page.cursor.isdigit() and len(page.cursor) < 10):  # noqa: PLR2004
        raise BadRequest("cursor: is what `next` of the page before said")
    found: list[Figure] = []
    for count, figure in enumerate(scene.figures.source, 1):
        if count % _SLICE == 0:
            yield
        if (not metric or figure.output.metric.name == metric) and labels.issubset(figure.output.labels):
            found.append(figure)
    begin = int(page.cursor or 0)
    items = [_item(figure) for figure in found[begin : begin + page.limit]]
    end = begin + len(items)
    return FigureList(items=items, next=str(end) if end < len(found) else None, total=len(found))


def _item(figure: Figure) -> FigureItem:
    metric = figure.output.metric
    return FigureItem(
        metric=metric.name,
        labels=dict(figure.output.labels),
        unit=metric.unit,
        value=figure.value,
        age_seconds=round(figure.oldest_s, 1),
        share=figure.share,
        missing=[*figure.missing],
    )


def figure_named(scene: Scene, metric: str, labels: Mapping[str, str]) -> Figure:
    """The one figure of a metric that has these labels. Raises NotThere, or Ambiguous if there are several."""
    found = [
        figure
        for figure in scene.figures.source
        if figure.output.metric.name == metric and labels.items() <= dict(figure.output.labels).items()
    ]
    if not found:
        raise NotThere("no such figure")
    exact = [figure for figure in found if len(figure.output.labels) == len(labels)]
    if len(exact) == 1:
        return exact[0]
    if len(found) > 1:
        some = "; ".join(" ".join(f"{name}={text}" for name, text in each.output.labels) for each in found[:_NAMED])
        raise Ambiguous(f"{len(found)} figures have these labels; name more of them, as in {some}")
    return found[0]


def figure_document(scene: Scene, figure: Figure, explanation: Explanation) -> FigureDocument:
    """A figure and what it rests on."""
    metric = figure.output.metric
    reasons = blamed(scene.figures, scene.layout.file, dict(figure.output.labels)) if metric.name in EXPLAINED else []
    return FigureDocument(
        metric=metric.name,
        labels=dict(figure.output.labels),
        unit=metric.unit,
        value=figure.value,
        help=metric.help,
        formula=metric.formula,
        source=metric.source,
        basis=explanation.basis,
        age_seconds=round(figure.oldest_s, 1),
        share=figure.share,
        missing=[*figure.missing],
        inputs=[_input(each) for each in explanation.inputs.shown],
        inputs_total=explanation.inputs.total,
        blamed=reasons[:_MAX_BLAMED],
        blamed_total=len(reasons),
    )


def _input(each: Input) -> FigureInput:
    metric, labels, unit = series_parts(each.key)
    return FigureInput(
        device=each.device,
        series=each.key,
        metric=metric,
        labels=labels,
        unit=unit,
        value=each.value,
        age_seconds=round(each.age_s, 1) if each.value is not None else None,
        reason=each.reason or None,
    )


def ledger_document(scene: Scene, around: Surroundings) -> LedgerDocument:
    """The account of each agent of a site."""
    accounts = around.accounts if around.accounts is not None else {}
    return LedgerDocument(
        site=scene.site,
        known=around.accounts is not None,
        agents={agent: ledger_of(account) for (site, agent), account in accounts.items() if site == scene.site},
    )
