"""The table of incidents: fault, problem, and the seconds to each stage."""

from collections.abc import Iterable, Sequence

from tests.incidents.play import Result, Stages

HEADER = (
    "| site | fault | problem | must hold s | agent s | collector s | Alertmanager, pushed s | Alertmanager, pulled s | reported |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


Latencies = dict[str, tuple[float | None, float | None]]
"""By problem, seconds to Alertmanager by push and by Prometheus."""


def table(site: str, results: Iterable[Result]) -> str:
    """A line for each expected problem, and one for each fault that must not be reported."""
    return "\n".join([HEADER, *lines(site, results)])


def lines(site: str, results: Iterable[Result]) -> list[str]:
    """The table without its header."""
    found = []
    for result in results:
        title = result.row.title + (f"<br>*{result.row.note}*" if result.row.note else "")
        if not result.stages:
            found.append(f"| {site} | {title} | none | | | | | | |")
        found += [_line(site, title, each) for each in result.stages]
    return found


def _line(site: str, title: str, each: Stages) -> str:
    labels = ", ".join(each.expected.labels.values())
    mark = " (safety)" if each.is_safety else ""
    times = (each.hold_s, each.agent_s, each.collector_s, each.pushed_s, each.pulled_s)
    cells = " | ".join("" if one is None else f"{one:.1f}" for one in times)
    return f"| {site} | {title} | `{each.expected.problem}`{mark} {labels} | {cells} | {'yes' if each.is_right else '**no**'} |"


def measured(results: Iterable[Result]) -> Latencies:
    """By problem, the worst seconds by push and by Prometheus, beyond the time for which it has to hold."""
    found: Latencies = {}
    for each in (each for result in results for each in result.stages):
        now = each.without_hold_s(each.pushed_s), each.without_hold_s(each.pulled_s)
        if now == (None, None):
            continue
        before = found.get(each.expected.problem, (None, None))
        found[each.expected.problem] = worse(before[0], now[0]), worse(before[1], now[1])
    return found


def worse(one: float | None, other: float | None) -> float | None:
    """The larger of two latencies, in tenths of a second; None if neither is known."""
    known = [round(each, 1) for each in (one, other) if each is not None]
    return max(known, default=None)


def safety_latencies_s(results: Iterable[Result]) -> list[float]:
    """How long Rackflow took for each problem of the safety class, without the time for which it has to hold."""
    return [own for result in results for each in result.stages if (own := each.safety_s) is not None]


def last_line(results: Sequence[Result], false: int) -> str:
    """The sum of one wave."""
    worst_s = max(safety_latencies_s(results), default=0.0)
    return sum_of(len(results), sum(result.is_right for result in results), worst_s, false)


def sum_of(faults: int, right: int, worst_safety_s: float, false: int) -> str:
    """The last line of `make incidents`."""
    return f"{faults} faults, {right} right, worst safety latency {worst_safety_s:.1f} s, {false} false"
