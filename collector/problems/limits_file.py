"""The limits file: what a site sets for itself instead of the table's constants.

Limits that a device states are changed at the device, and those of the site file in the site file. All others are constants, each with its
reason in problems.yaml. The limits file replaces these constants, for the collector and for the rules of Prometheus.
"""

from collections.abc import Iterator, Mapping
from math import copysign
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from pydantic import Field

from collector.problems.causes import lingering
from collector.problems.table import LIMITS_FILE, Condition, Limit, Problem, Severity, Table
from rackflow import ConfigError
from rackflow.process.config import StrictModel, check_config
from rackflow.process.yaml import line_of, load_yaml_text, read_text_file

# A ratio's limit beyond this many times the table's (or 1, if that is less) is taken for a percentage: 85 for 0.85 would never alert.
# Chosen: no useful limit is five times a rating, and no useful percentage is below 5.
MOST_TIMES: Final = 5.0
Seconds = Annotated[float, Field(ge=0, le=7 * 86_400)]
Number = Annotated[float, Field(ge=-1e12, le=1e12)]


class ProblemLimits(StrictModel):
    """What is changed of one problem."""

    limit: Number | None = None
    """The limit, in the unit of the problem's description; its absolute value if it applies on both sides of 0. For several: `limits`."""
    limits: dict[str, Number] = {}
    """Limits by metric, for a problem that compares several metrics with limits of their own."""
    hold_s: Seconds | None = None
    """How long it must hold before it is reported, s. With 0, or with the length of the time within which it counts, without a break."""
    keep_s: Seconds | None = None
    """How long it stays active after it last held, s."""
    severity: Severity | None = None
    """`critical`, `warning` or `info`."""
    off: bool = False
    """Never reported. Problems of the safety class cannot be turned off."""


class LimitsFile(StrictModel):
    """The whole file."""

    version: Literal[1] = 1
    """Version of its form."""
    problems: dict[str, ProblemLimits]
    """By the problem's name."""


def load_limits(path: Path | None, table: Table) -> Table:
    """The table with a site's limits, or as it is without a file of them.

    Raises ConfigError with one line `file:line: key: what is wrong; remedy` for each problem.
    """
    if path is None:
        return table
    text = read_text_file(path)
    return parse_limits(text, str(path), table)


def parse_limits(text: str, where: str, table: Table) -> Table:
    """The table with the limits of a file's text. `where` names the file in errors, which are those of `load_limits`."""
    file = check_config(load_yaml_text(text, where), LimitsFile, where, text)
    problems = dict(table.problems)
    lines = []
    for name, own in file.problems.items():
        for path, what in _wrong(name, own, table):
            key = ".".join(path)
            lines.append(f"{where}:{line_of(text, path)}: {key}: {what}")
        if not lines:
            if own.off:
                del problems[name]
            else:
                problems[name] = _changed(problems[name], own)
    if lines:
        raise ConfigError("\n".join(lines))
    kept = {name: _without_causes(each, problems) for name, each in problems.items()}
    # A cause outlasts its consequences also where a site lets these end later.
    return msgspec.structs.replace(table, problems=lingering(kept))


def _wrong(name: str, own: ProblemLimits, table: Table) -> Iterator[tuple[tuple[str, ...], str]]:
    problem = table.problems.get(name)
    at = ("problems", name)
    if problem is None:
        yield at, "no such problem; docs/reference/problems.md has them all"
        return
    if own.off and problem.is_safety:
        yield (*at, "off"), "a problem of the safety class cannot be turned off; change its limit or whom it is sent to"
    found = _constants(problem)
    if own.limit is not None and len({abs(each) for each in found.values()}) != 1:
        yield (*at, "limit"), _no_single(found)
    for metric in own.limits:
        if metric not in found:
            yield (*at, "limits", metric), _no_single(found)
    for metric, constant in found.items():
        is_own = metric in own.limits
        limit = own.limits[metric] if is_own else own.limit
        if limit is not None and metric.endswith("_ratio") and abs(limit) > MOST_TIMES * max(1.0, abs(constant)):
            is_a_ratio = f"{metric} is a ratio, whose limit is {abs(constant):g}"
            path = ("limits", metric) if is_own else ("limit",)
            yield (*at, *path), f"{limit:g} is {limit * 100:g} %; {is_a_ratio}: for {limit:g} % write {limit / 100:g}"
            return


def _no_single(found: Mapping[str, float]) -> str:
    if not found:
        return (
            "it has no constant limit: what it compares with is stated by the device or the site file; change it there"
        )
    return f"name the metric under `limits`: {', '.join(f'{metric} ({value:g})' for metric, value in found.items())}"


def _constants(problem: Problem) -> dict[str, float]:
    """The constants that a problem compares with, by metric; of those on both sides of 0, their size."""
    found: dict[str, float] = {}
    for each in problem.when:
        for bound in (each.above, each.below):
            if isinstance(bound, Limit):
                bound = bound.plus or None  # noqa: PLW2901 - the margin above the limit of the device
            if bound is not None:
                found[each.metric or each.record] = bound
    return found


def _changed(problem: Problem, own: ProblemLimits) -> Problem:
    when = tuple(_limited(each, own) for each in problem.when)
    hold_s = problem.hold_s if own.hold_s is None else own.hold_s
    keep_s = problem.keep_s if own.keep_s is None else own.keep_s
    return msgspec.structs.replace(
        problem,
        when=when,
        hold_s=hold_s,
        keep_s=keep_s,
        within_s=_window_s(problem, hold_s, keep_s),
        severity=own.severity or problem.severity,
    )


def _window_s(problem: Problem, hold_s: float, keep_s: float) -> float:
    """Within what time `hold_s` counts; 0 if only without a break.

    A table of a later version may count a problem within a window whose times a site has set before. No times may be refused because of
    that, or the collector would not start after its upgrade: what must hold for as long as the window holds without a break, and what
    need not hold at all would never end by it. A window that delays no end in the table does so by no shorter `keep_s` either.
    """
    within_s = min(problem.within_s, keep_s) if problem.within_s <= problem.keep_s else problem.within_s
    return within_s if 0 < hold_s < within_s else 0.0


def _limited(condition: Condition, own: ProblemLimits) -> Condition:
    limit = own.limits.get(condition.metric or condition.record, own.limit)
    if limit is None:
        return condition
    above, below = (_replaced(each, limit) for each in (condition.above, condition.below))
    if (above, below) == (condition.above, condition.below):
        return condition
    return msgspec.structs.replace(condition, above=above, below=below, limit_source=LIMITS_FILE)


def _replaced(bound: float | Limit | None, limit: float) -> float | Limit | None:
    if isinstance(bound, Limit):
        return msgspec.structs.replace(bound, plus=copysign(limit, bound.plus)) if bound.plus else bound
    if bound is None:
        return None
    return copysign(limit, bound) if bound < 0 < limit else limit


def _without_causes(problem: Problem, problems: Mapping[str, Problem]) -> Problem:
    """The problem without its causes that are switched off, because a problem that is off explains nothing."""
    causes = {cause: labels for cause, labels in problem.causes.items() if cause in problems}
    return problem if len(causes) == len(problem.causes) else msgspec.structs.replace(problem, causes=causes)
