"""Problems as other programs get them: at /api/v1/problems and in webhooks."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal

import msgspec

from collector.problems.maintenance import Window
from collector.problems.table import SEVERITY_RANK
from collector.problems.tracker import Acknowledgement, Key, TrackedProblem, Tracker


class Cause(msgspec.Struct, frozen=True):
    """Names another problem, by its name and labels."""

    name: str
    labels: dict[str, str]
    id: str


class InWindow(msgspec.Struct, frozen=True, omit_defaults=True):
    """The maintenance window that a problem is in: nobody is notified of it. `until` is ms UTC."""

    id: str
    until: int
    why: str
    by: str = ""


class Acknowledged(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who has acknowledged a problem: the author of a silence at an Alertmanager, its comment, and its end in ms UTC."""

    by: str
    until: int
    comment: str = ""


class ProblemReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """One problem. Times are ms UTC; `value` and `peak` are in the unit that `description` uses.

    `status` is `uncertain` while nobody can tell whether it goes on: its device, agent or broker is silent, or its reading is missing.
    `cause` is there if another problem explains this one; then only that one is worth a message. `maintenance` is there while somebody
    works on it, `acknowledged` while a silence of a person at an Alertmanager covers it, which changes nothing else. `racks` names those
    concerned by a problem of many devices. `id` stands for name and labels: the same problem at the same place always has the same.
    """

    id: str
    name: str
    status: Literal["active", "uncertain", "ended"]
    severity: Literal["critical", "warning", "info"]
    subsystem: str
    summary: str
    description: str
    labels: dict[str, str]
    since: int
    value: float
    peak: float
    runbook: str
    ended: int | None = None
    cause: Cause | None = None
    maintenance: InWindow | None = None
    acknowledged: Acknowledged | None = None
    consequences: int = 0
    racks: list[str] = []
    limit: float | None = None
    """The limit that `value` is beyond, if it was compared with one."""
    limit_source: str = ""
    """Source of the limit: `device`, `site file`, `limits file`, `configuration` or `constant`."""


# Of 2**40 ids two of a full table (20,000 problems) are the same once in 5,000 tables; a shorter one would meet that within a week.
_ID_BYTES = 5


def problem_id(name: str, labels: Iterable[tuple[str, str]]) -> str:
    """A short name of one problem at one place, as in `DcimFeedLost-0a1b2c3d4e`."""
    text = "\0".join(f"{label}\0{value}" for label, value in labels)
    return f"{name}-{blake2b(text.encode(errors='replace'), digest_size=_ID_BYTES).hexdigest()}"


def describe(tracked: TrackedProblem, consequences: int, runbook_base: str) -> ProblemReport:
    """One problem in words."""
    problem, labels = tracked.problem, dict(tracked.labels)
    cause = (
        Cause(tracked.cause[0], dict(tracked.cause[1]), problem_id(*tracked.cause))
        if tracked.cause is not None
        else None
    )
    status: Literal["active", "uncertain", "ended"] = "active" if tracked.is_active else "ended"
    racks = f" Racks: {', '.join(tracked.affected)}." if tracked.affected else ""
    return ProblemReport(
        id=problem_id(*tracked.key),
        name=problem.name,
        status="uncertain" if tracked.is_active and tracked.is_uncertain else status,
        severity=problem.severity,
        subsystem=problem.subsystem,
        summary=problem.summary,
        description=_with_remains(problem.words.render(labels, tracked.value), tracked.remains)
        + tracked.whereabouts
        + _limit(tracked)
        + racks,
        labels=labels,
        since=round(tracked.since_s * 1000),
        value=tracked.value,
        peak=tracked.peak,
        runbook=f"{runbook_base}{problem.runbook}",
        ended=round(tracked.ended_s * 1000) if tracked.ended_s else None,
        cause=cause,
        maintenance=_in_window(tracked.window),
        acknowledged=acknowledged(tracked.acknowledged),
        consequences=consequences,
        racks=list(tracked.affected),
        limit=tracked.limit,
        limit_source=tracked.limit_source,
    )


def _with_remains(text: str, remains: str) -> str:
    """Insert `remains` (load and runtime of the UPSs) before the last sentence, which says what to do; the page shows that apart."""
    facts, end, step = text.rpartition(". ")
    return f"{facts}.{remains} {step}" if remains and end else text + remains


def _limit(tracked: TrackedProblem) -> str:
    """The limit and its source, for descriptions that contain the value. That any at all is too much (`above: 0`) needs no words."""
    if tracked.limit == 0 and tracked.limit_source == "constant":
        return ""
    text = tracked.problem.words.value_text(tracked.limit) if tracked.limit is not None else ""
    return f" Limit: {text} ({tracked.limit_source})." if text else ""


def in_order(tracked: Iterable[TrackedProblem]) -> list[TrackedProblem]:
    """Problems with the most severe and latest first, each cause before all consequences."""
    return sorted(
        tracked,
        key=lambda one: (one.cause is not None, SEVERITY_RANK[one.problem.severity], -one.since_s, one.problem.name),
    )


def _in_window(window: Window | None) -> InWindow | None:
    if window is None:
        return None
    return InWindow(window.id, round(window.until.timestamp() * 1000), window.why, window.by)


def acknowledged(by: Acknowledgement | None) -> Acknowledged | None:
    """An acknowledgement as other programs get it."""
    return Acknowledged(by.by, round(by.until_s * 1000), by.comment) if by is not None else None


def present(tracker: Tracker, runbook_base: str) -> list[ProblemReport]:
    """All problems that are reported now, in order."""
    active = tracker.active()
    counts: dict[Key, int] = {}
    for each in active:
        if each.cause is not None:
            counts[each.cause] = counts.get(each.cause, 0) + 1
    return [describe(each, counts.get(each.key, 0), runbook_base) for each in in_order(active)]
