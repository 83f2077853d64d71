"""Problems of the last 24 hours: what happened, when, and for how long. Pure."""

from collections.abc import Generator, Sequence

from collector.api.detail import PastProblem, PastProblems
from collector.api.listing import Page
from collector.api.numbers import iso
from collector.api.requests import BadRequest
from collector.api.scene import Scene
from collector.problems import Ended, Problem, Table, TrackedProblem, care_of, problem_id

# Problems written between two turns of the loop. A chosen value: each makes a sentence, so a slice takes some milliseconds.
_SLICE = 100


def past_steps(
    scene: Scene, table: Table, ended: Sequence[Ended], since_s: float, page: Page, *, everywhere: bool
) -> Generator[None, None, PastProblems]:
    """One page of the problems active at any time after `since_s`, of one site or of all; current ones first. Yields after each slice."""
    if page.cursor and not (page.cursor.isascii() and page.cursor.isdigit() and len(page.cursor) < 10):  # noqa: PLR2004
        raise BadRequest("cursor: is what `next` of the page before said")
    begin = int(page.cursor or 0)
    present = sorted(
        (each for each in scene.problems if everywhere or scene.is_here(each.labels)), key=lambda each: -each.since_s
    )
    past = [each for each in ended if everywhere or scene.is_here(each.labels)]
    both: list[TrackedProblem | Ended] = [*present, *past]
    items: list[PastProblem] = []
    for count, each in enumerate(both[begin : begin + page.limit], 1):
        if count % _SLICE == 0:
            yield
        if isinstance(each, TrackedProblem):
            items.append(_present(scene, each))
        elif (problem := table.problems.get(each.name)) is not None:  # otherwise of another version
            items.append(_past(problem, each))
    end = begin + page.limit
    return PastProblems(since=iso(since_s), items=items, next=str(end) if end < len(both) else None)


def _present(scene: Scene, tracked: TrackedProblem) -> PastProblem:
    seconds = max(0.0, scene.wall_s - tracked.since_s)
    peak = Ended(
        tracked.problem.name,
        [*tracked.labels],
        tracked.since_s,
        0.0,
        tracked.value,
        tracked.peak,
        tracked.cause is None,
        *care_of(tracked),
    )
    return _item(tracked.problem, peak, None, seconds)


def _past(problem: Problem, ended: Ended) -> PastProblem:
    return _item(problem, ended, iso(ended.ended_s), max(0.0, ended.ended_s - ended.since_s))


def _item(problem: Problem, each: Ended, ended: str | None, seconds: float) -> PastProblem:
    labels = dict(each.labels)
    return PastProblem(
        id=problem_id(each.name, each.labels),
        name=problem.name,
        severity=problem.severity,
        subsystem=problem.subsystem,
        summary=problem.summary,
        description=problem.words.render(labels, each.value if ended is None else each.peak),
        labels=labels,
        since=iso(each.since_s),
        ended=ended,
        seconds=round(seconds),
        peak=each.peak,
        is_cause=each.is_cause,
        is_late=each.is_late,
        acknowledged_by=each.acknowledged_by,
        maintenance=each.maintenance,
    )
