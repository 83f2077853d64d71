"""The figures that hold now, for /metrics, the page and the store."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from collector.derive.engine import Figure, Label, labels_text, tags_of

_SHELF_LIFE_CYCLES = 3
FigureAtPlace = tuple[str, tuple[Label, ...]]
"""A figure and its place."""


class InputSummary:
    """What the series of one figure at one place rest on: the least share, the oldest input, whether all are known."""

    __slots__ = ("known", "oldest_s", "share")

    def __init__(self) -> None:
        self.share, self.oldest_s, self.known = 1.0, 0.0, 1

    def add(self, figure: Figure) -> None:
        self.share = min(self.share, figure.share)
        self.oldest_s = max(self.oldest_s, figure.oldest_s)
        if figure.value is None:
            self.known = 0


class LatestFigures:
    """The latest figures of each site. A cycle that is not repeated in time is taken down, like any series."""

    def __init__(self, interval_s: float) -> None:
        self._life_s = _SHELF_LIFE_CYCLES * interval_s
        self._sites: dict[str, tuple[float, Sequence[Figure]]] = {}
        self._labels: dict[FigureAtPlace, tuple[str, str]] = {}

    def put(self, site: str, figures: Sequence[Figure], now: float) -> None:
        """Replace a site's figures."""
        self._sites[site] = now + self._life_s, figures

    def keep(self, sites: Iterable[str]) -> None:
        """Forget the sites that are not among these."""
        for gone in self._sites.keys() - set(sites):
            del self._sites[gone]

    def current(self, now: float) -> list[Figure]:
        """Every figure that still holds at `now`."""
        return [figure for until, figures in self._sites.values() if now < until for figure in figures]

    def expose(self, families: dict[str, list[str]], now: float) -> None:
        """Add the samples of every figure that is known, and what all of them rest on."""
        figures = self.current(now)
        for figure in figures:
            if figure.value is not None:
                name = figure.output.metric.name
                families[name].append(f"{name}{{{figure.output.text}}} {figure.value!r}\n")
        for about, rests in _input_summaries(figures).items():
            text = self._texts(about)[0]
            families["dcim_figure_known"].append(f"dcim_figure_known{{{text}}} {rests.known}\n")
            name = "dcim_figure_inputs_ratio"
            families[name].append(f"{name}{{{text}}} {rests.share!r}\n")
            if rests.known:
                name = "dcim_figure_oldest_input_seconds"
                families[name].append(f"{name}{{{text}}} {rests.oldest_s!r}\n")

    def lines(self, figures: Sequence[Figure], agent: str, time_ms: int) -> list[str]:
        """Points of one cycle; `agent` is who derived them. What a figure rests on is stored where something is missing."""
        points: dict[str, list[str]] = defaultdict(list)
        tag = tags_of([("agent", agent)])
        for figure in figures:
            if figure.value is not None:
                metric = figure.output.metric
                points[f"{metric.measurement}{tag}{figure.output.tags}"].append(f"{metric.field}={figure.value!r}")
        lacking = (figure for figure in figures if figure.value is None or figure.share < 1)
        for about, rests in _input_summaries(lacking).items():
            head = f"dcim_figure{tag}{self._texts(about)[1]}"
            points[head] = [f"known={float(rests.known)!r},inputs_ratio={rests.share!r}"]
        return [f"{head} {','.join(fields)} {time_ms}" for head, fields in points.items()]

    def unknown(self, now: float) -> list[tuple[Figure, str]]:
        """The figures that are unknown, each with the words for why."""
        return [(each, "; ".join(each.missing)) for each in self.current(now) if each.value is None]

    def _texts(self, about: FigureAtPlace) -> tuple[str, str]:
        found = self._labels.get(about)
        if found is None:
            labels = (*about[1], ("figure", about[0]))
            found = self._labels[about] = labels_text(labels), tags_of(labels)
        return found


def _input_summaries(figures: Iterable[Figure]) -> dict[FigureAtPlace, InputSummary]:
    found: dict[FigureAtPlace, InputSummary] = {}
    for figure in figures:
        about = (figure.output.metric.name.removeprefix("dcim_"), figure.output.place)
        rests = found.get(about)
        if rests is None:
            rests = found[about] = InputSummary()
        rests.add(figure)
    return found
