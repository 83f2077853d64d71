"""The latest figures of all sites, as /metrics, the page and the store show them.

An unknown figure has no sample and no point: a missing value is never 0 or NaN. Instead, every figure and place has one sample that says
whether all of its series are known, so that an alert can watch for it.
"""

from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence

from collector.derive.engine import Figure, Label, labels_text, tags_of, withdrawn
from rackflow.process.slices import run_through

# Figures expire after three cycles, as readings do: one cycle may be late when the machine is busy, but if three are missing, deriving has
# stopped, and without expiry the last figures would stay on /metrics as if they were current.
_SHELF_LIFE_CYCLES = 3
# Figures that are written in one slice; each takes about 3 microseconds, and 20 when its labels are written for the first time.
_FIGURES_PER_SLICE = 200
# Texts of places that are kept although they may be gone, before all are written again.
_MAX_UNUSED_TEXTS = 1000
FigureAtPlace = tuple[str, tuple[Label, ...]]
"""Name of a figure without `dcim_`, and the labels of its place."""


class InputSummary:
    """The worst of all series of one figure at one place: lowest share of inputs, oldest input, `known` 0 if any is unknown.

    A summary of each series instead would multiply the number of series.
    """

    __slots__ = ("known", "oldest_s", "share")

    def __init__(self) -> None:
        self.share, self.oldest_s, self.known = 1.0, 0.0, 1

    def add(self, figure: Figure) -> None:
        self.share = min(self.share, figure.share)
        self.oldest_s = max(self.oldest_s, figure.oldest_s)
        if figure.value is None:
            self.known = 0


class LatestFigures:
    """Holds the figures of the last cycle of each site until they expire."""

    def __init__(self, interval_s: float) -> None:
        self._life_s = _SHELF_LIFE_CYCLES * interval_s
        self._sites: dict[str, tuple[float, Sequence[Figure]]] = {}
        self._labels: dict[FigureAtPlace, tuple[str, str]] = {}

    def put(self, site: str, figures: Sequence[Figure], now: float) -> None:
        """Replace the figures of a site; `now` is monotonic seconds."""
        self._sites[site] = now + self._life_s, figures

    def withdraw(self, site: str, now: float) -> None:
        """Make all figures of a site unknown, because deriving them failed."""
        if site in self._sites:
            self.put(site, withdrawn(self._sites[site][1]), now)

    def keep(self, sites: Iterable[str]) -> None:
        """Forget the sites that are not among these."""
        for gone in self._sites.keys() - set(sites):
            del self._sites[gone]
        # Texts of places that are gone: there are no more places than figures.
        if len(self._labels) > _MAX_UNUSED_TEXTS + 2 * sum(len(figures) for _, figures in self._sites.values()):
            self._labels.clear()

    def current(self, now: float) -> list[Figure]:
        """Every figure that has not expired at `now`."""
        return [figure for figures in self.by_site(now).values() for figure in figures]

    def by_site(self, now: float) -> dict[str, Sequence[Figure]]:
        """The figures that have not expired at `now`, by the id of their site."""
        return {site: figures for site, (until, figures) in self._sites.items() if now < until}

    def of(self, site: str, now: float) -> Sequence[Figure]:
        """The figures of one site's last cycle, the same object until the next one; empty once they have expired."""
        until, figures = self._sites.get(site, (now, ()))
        return figures if now < until else ()

    def expose_steps(self, families: dict[str, list[str]], now: float) -> Generator[None, None, None]:
        """Add the samples of every known figure, and a summary of the inputs of all, to the lines of each metric.

        Yields after each slice.
        """
        figures = self.current(now)
        for count, figure in enumerate(figures):
            if count % _FIGURES_PER_SLICE == 0:
                yield
            if figure.value is not None:
                name = figure.output.metric.name
                families[name].append(f"{name}{{{figure.output.text}}} {figure.value!r}\n")
        summaries = yield from _input_summaries(figures)
        for count, (place, summary) in enumerate(summaries.items()):
            if count % _FIGURES_PER_SLICE == 0:
                yield
            text = self._texts(place)[0]
            families["dcim_figure_known"].append(f"dcim_figure_known{{{text}}} {summary.known}\n")
            name = "dcim_figure_inputs_ratio"
            families[name].append(f"{name}{{{text}}} {summary.share!r}\n")
            if summary.known:
                name = "dcim_figure_oldest_input_seconds"
                families[name].append(f"{name}{{{text}}} {summary.oldest_s!r}\n")

    def lines(self, figures: Sequence[Figure], agent: str, time_ms: int) -> list[str]:
        """All of `line_steps` at once."""
        return run_through(self.line_steps(figures, agent, time_ms))

    def line_steps(self, figures: Sequence[Figure], agent: str, time_ms: int) -> Generator[None, None, list[str]]:
        """Line protocol of one cycle at `time_ms` since 1970; `agent` becomes a tag.

        Series with the same tags share a point. The summary of inputs is stored only if something is missing: storing
        "complete" in every cycle would tell nothing. Yields after each slice.
        """
        points: dict[str, list[str]] = defaultdict(list)
        incomplete: list[Figure] = []
        tag = tags_of([("agent", agent)])
        for count, figure in enumerate(figures):
            if count % _FIGURES_PER_SLICE == 0:
                yield
            if figure.value is None or figure.share < 1:
                incomplete.append(figure)
            if figure.value is not None:
                metric = figure.output.metric
                points[f"{metric.measurement}{tag}{figure.output.tags}"].append(f"{metric.field}={figure.value!r}")
        summaries = yield from _input_summaries(incomplete)
        for count, (place, summary) in enumerate(summaries.items()):
            if count % _FIGURES_PER_SLICE == 0:
                yield
            head = f"dcim_figure{tag}{self._texts(place)[1]}"
            points[head] = [f"known={float(summary.known)!r},inputs_ratio={summary.share!r}"]
        lines: list[str] = []
        for count, (head, fields) in enumerate(points.items()):
            if count % _FIGURES_PER_SLICE == 0:
                yield
            lines.append(f"{head} {','.join(fields)} {time_ms}")
        return lines

    def unknown(self, now: float) -> list[tuple[Figure, str]]:
        """The unknown figures, each with the reason in words."""
        return [(each, "; ".join(each.missing)) for each in self.current(now) if each.value is None]

    def _texts(self, place: FigureAtPlace) -> tuple[str, str]:
        found = self._labels.get(place)
        if found is None:
            labels = (*place[1], ("figure", place[0]))
            found = self._labels[place] = labels_text(labels), tags_of(labels)
        return found


def _input_summaries(figures: Iterable[Figure]) -> Generator[None, None, dict[FigureAtPlace, InputSummary]]:
    found: dict[FigureAtPlace, InputSummary] = {}
    for count, figure in enumerate(figures):
        if count % _FIGURES_PER_SLICE == 0:
            yield
        place = (figure.output.metric.name.removeprefix("dcim_"), figure.output.place)
        summary = found.get(place)
        if summary is None:
            summary = found[place] = InputSummary()
        summary.add(figure)
    return found
