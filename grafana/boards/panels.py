"""What boards are written with: scopes, queries and panels. `render.py` makes Grafana's JSON of them.

Rules that hold for every board:
* A number is an instant query. The last value of a range would go on looking current after its device fell silent.
* A count of what is wrong is 0 only where something proves that it would be seen (`counted`), never because data is missing.
* A chart has at most a dozen lines, however large the site: they are aggregates, or the worst (`worst`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from collector.problems import load_table
from grafana.boards.catalogued import Limits, Unit, metric_of, problems_of, unit_of

GREY: Final = "#7b8087"
GREEN: Final = "#56a64b"
BLUE: Final = "#5794f2"
ORANGE: Final = "#ff9830"
RED: Final = "#e02f44"
PURPLE: Final = "#b877d9"
"""Of what is unknown: neither good nor bad, and apart from grey, which is absent."""
LINES: Final = 12
"""The most lines of a chart: as many as a legend can tell apart."""
COLLECTOR_JOB: Final = 'job="dcim-collector"'
"""The job of deploy/prometheus/prometheus.yml."""
Words = Mapping[float | str, tuple[str, str]]
"""Word and colour of single values."""
SEVERITIES: Final[Words] = {"critical": ("critical", RED), "warning": ("warning", ORANGE), "info": ("info", BLUE)}


@dataclass(frozen=True, slots=True)
class Query:
    """One expression. `legend` names its series by their labels, as `{{device}}`."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Influx:
    """One InfluxQL statement, and how its series are named: `$tag_device`, `$col`."""

    statement: str
    alias: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. Its unit and limits follow from `of`, the metric that it shows, unless they are given."""

    kind: str
    title: str
    queries: Sequence[Query | Influx]
    width: int
    """Columns of 24."""
    of: str = ""
    why: str = ""
    """What it answers, in a sentence; the help of its metrics is added."""
    unit: Unit | None = None
    limits: Limits | None = None
    words: Words = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    """Of tables and tiles: labels and values (`Value #A` with several queries) with their headings, in this order."""
    cells: Mapping[str, str] = field(default_factory=dict)
    """Of tables: the metric that a heading shows."""
    tints: Mapping[str, Words] = field(default_factory=dict)
    """Of tables: words and colours of a heading's values."""
    link: str = ""
    """Where a click leads (`board_link`)."""
    sort: str = ""
    """Heading that a table is sorted by; descending with a leading `-`."""
    base: str = GREEN
    """Colour of a value within limits."""
    decimals: int | None = None
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading, in lines of equal height. With `repeat`, once for each value of that variable."""

    title: str
    lines: Sequence[tuple[int, Sequence[Panel]]]
    repeat: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a board shows: selectors follow the variables of these labels."""

    labels: tuple[str, ...]

    def select(self, metric: str, *where: str, at: str = "") -> str:
        """A selector of the metric, as `dcim_device_up{site=~"$site"}`; `at` is what follows it, as `[1h]`."""
        matchers = [*(f'{label}=~"${label}"' for label in self.labels), *where]
        return f"{metric}{{{', '.join(matchers)}}}{at}"

    def __call__(self, metric: str, *where: str) -> str:
        """The metric's series, each once: two collectors that watch one site expose the same ones."""
        return f"max without (instance, job) ({self.select(metric, *where)})"

    def worst(self, metric: str, by: str, *where: str, lowest: bool = False) -> str:
        """The series that are worst now, a dozen at most. A bare topk() would add a line at each change of rank."""
        pick, least = ("bottomk", "min") if lowest else ("topk", "max")
        every = f"{least} by ({by}) ({self.select(metric, *where)})"
        last = f"{least} by ({by}) ({self.select(metric, *where, at=' @ end()')})"
        return f"{every} and {pick}({LINES}, {last})"

    def leading(self, count: int, by: str, metric: str, *others: str) -> list[str]:
        """For a table: the highest values of a metric now, and of the same series whatever else is asked."""
        first = f"topk({count}, max by ({by}) ({self(metric)}))"
        return [first, *(f"({other}) and {first}" for other in others)]

    def state(self, metric: str, *where: str) -> str:
        """A state as the number that `state_words` explains: its place among the catalogue's states, from 1."""
        cases = []
        for number, state in enumerate(metric_of(metric).states, start=1):
            here = self(metric, *where, f'state="{state}"')
            cases.append(f"({here} == 1) * {number}")
        return f"max without (state) ({' or '.join(cases)})"


SITE: Final = Scope(("site",))
ROOM: Final = Scope(("site", "room"))
ROW: Final = Scope(("site", "room", "row"))
RACK: Final = Scope(("site", "room", "row", "rack"))
DEVICE: Final = Scope(("site", "room", "row", "rack", "device"))
DEVICE_IN_ROW: Final = Scope(("site", "room", "row", "device"))
DEVICE_IN_ROOM: Final = Scope(("site", "room", "device"))


def over(aggregation: str, expression: str) -> str:
    """The aggregation of an expression, as `sum by (site) (...)`."""
    return f"{aggregation} ({expression})"


def top(count: int, expression: str) -> str:
    """The highest values now. For instant queries; a chart takes `Scope.worst`."""
    return f"topk({count}, {expression})"


def bottom(count: int, expression: str) -> str:
    """The lowest values now, as `top`."""
    return f"bottomk({count}, {expression})"


def counted(expression: str, proof: str) -> str:
    """The count, or 0 where `proof` shows that whatever is counted would be seen; else nothing at all."""
    return f"{expression} or 0 * {proof}"


def shown(expression: str, metric: str) -> str:
    """The expression in the unit in which its metric is shown."""
    factor = unit_of(metric).factor
    if factor == 1:
        return expression
    return f"({expression}) / {1 / factor:g}" if factor < 1 else f"({expression}) * {factor:g}"


def firing(*where: str) -> str:
    """Alerts that fire at the site; those of the telemetry itself have no site."""
    return "ALERTS{" + ", ".join(('alertstate="firing"', 'site=~"$site|"', *where)) + "}"


def alerts(*where: str) -> str:
    """How many alerts fire: 0 only while Prometheus reaches a collector, since its rules see nothing otherwise."""
    return counted(f"count({firing(*where)})", f"count(up{{{COLLECTOR_JOB}}} == 1)")


def alerts_since(*where: str) -> str:
    """Each firing alert with the time when its condition began, ms since 1970."""
    since = 'ALERTS_FOR_STATE{site=~"$site|"}'
    return f"({since} and ignoring (alertstate) {firing(*where)}) * 1000"


def state_words(metric: str) -> Words:
    """Word and colour of each number that `Scope.state` gives. A state is as bad as the problem that names it."""
    table = load_table()
    severities: dict[str, str] = {}
    for problem in problems_of(metric):
        for condition in problem.when:
            if condition.metric == metric:
                severities |= {
                    state: problem.severity for state in condition.states if severities.get(state) != "critical"
                }
    normal = table.normal_states.get(metric, frozenset())
    words: dict[float | str, tuple[str, str]] = {}
    for number, state in enumerate(metric_of(metric).states, start=1):
        # The first state of each metric in the catalogue is the usual one; others that are in no problem are told apart from it.
        fine = GREEN if number == 1 else BLUE
        colour = {"critical": RED, "warning": ORANGE}.get(
            severities.get(state, ""), fine if state in normal else ORANGE
        )
        words[float(number)] = (state.replace("_", " "), PURPLE if state == "unknown" else colour)
    return words


def yes_no(no: str, yes: str, bad: str = RED) -> Words:
    """Words of a metric that is 0 or 1, where 1 is the bad one."""
    return {0.0: (no, GREEN), 1.0: (yes, bad)}


def board_link(uid: str, **labels: str) -> str:
    """Leads to another board at the same time range, with variables set from the series' labels or a table's fields."""
    words = [f"var-{name}={value}" for name, value in labels.items()]
    words += ["${site:queryparam}"] if "site" not in labels else []
    return f"/d/{uid}?" + "&".join(("${datasource:queryparam}", *words, "${__url_time_range}"))


def label(name: str) -> str:
    """A label of the series that was clicked."""
    return f"${{__field.labels.{name}}}"


def cell(name: str) -> str:
    """A field of the row of a table, or of the tile, that was clicked."""
    return f"${{__data.fields.{name}}}"


def stat(title: str, expr: str, width: int, of: str = "", legend: str = "", **more: Any) -> Panel:  # noqa: ANN401 - fields of Panel
    """One number now, or one for each series."""
    return Panel("stat", title, [Query(expr, legend)], width, of, **more)


def chart(title: str, queries: Sequence[Query], width: int, of: str = "", **more: Any) -> Panel:  # noqa: ANN401 - as above
    """Lines over time."""
    return Panel("timeseries", title, queries, width, of, **more)


def ranked(title: str, expr: str, legend: str, width: int, of: str = "", **more: Any) -> Panel:  # noqa: ANN401 - as above
    """Bars in the order of the expression."""
    return Panel("bargauge", title, [Query(expr, legend)], width, of, **more)


def table(
    title: str,
    exprs: str | Sequence[str],
    width: int,
    columns: Mapping[str, str],
    of: str = "",
    **more: Any,  # noqa: ANN401 - as above
) -> Panel:
    """Rows of labels and values; several expressions are joined by the labels that they share."""
    queries = [Query(expr) for expr in ([exprs] if isinstance(exprs, str) else exprs)]
    return Panel("table", title, queries, width, of, columns=columns, **more)


def timeline(title: str, expr: str, legend: str, width: int, of: str = "", **more: Any) -> Panel:  # noqa: ANN401 - as above
    """A bar for each series, coloured and named by its state."""
    return Panel("state-timeline", title, [Query(expr, legend)], width, of, **more)


def heatmap(title: str, expr: str, width: int, of: str = "", **more: Any) -> Panel:  # noqa: ANN401 - as above
    """How many series have which value, over time: legible however many there are."""
    return Panel("heatmap", title, [Query(expr)], width, of, **more)


def tiles(title: str, expr: str, name: str, width: int, of: str = "", **more: Any) -> Panel:  # noqa: ANN401 - as above
    """A tile with name, number and colour for each place, in the order of the label `name`."""
    return Panel("tiles", title, [Query(expr)], width, of, columns={name: name, "Value": "Value"}, **more)
