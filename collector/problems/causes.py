"""How problems follow from each other: what the table's `causes` mean, and which present problem is the cause of which. Pure.

The table says which problems may cause which (`causes`), and in which labels both must agree. `with_causes` works out what follows from
that for each row, when the table is read. `causes_of` finds the causes of one present problem, for `tracker.py`; `late.py` does the same
for what is over, with `place_of`. A problem with a cause is a consequence: it is listed below its cause, and no webhook is notified of it.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collector.problems.conditions import Labels
    from collector.problems.table import Problem
    from collector.problems.tracker import TrackedProblem

# Metrics that rules read to keep a problem active while its device is silent (`silent_s`).
OBSERVED = frozenset({"dcim_device_up", "dcim_device_observed"})
# How long a consequence may last beyond its cause, in seconds. A problem found in readings ends with the next one or two of them, which
# are at most 10 s apart; a device that did not answer is asked again within a minute. Without these, the end of a cause would page for
# each consequence that has not ended yet. Shorter for the safety class, whose readings are polled every second: it must not hide a pump
# that runs again but moves no coolant.
CLEARS_S = 30.0
SAFETY_CLEARS_S = 15.0
ANSWERS_S = 75.0


def with_causes(problems: "Mapping[str, Problem]") -> "dict[str, Problem]":
    """The rows of a table, each with what follows from the others. Raises ValueError if causes form a circle."""
    return lingering(_with_lacking(problems))


def _with_lacking(problems: "Mapping[str, Problem]") -> "dict[str, Problem]":
    """The problems with their `cause_may_lack`."""
    return {
        name: msgspec.structs.replace(
            each,
            cause_may_lack={cause: may_lack for cause in each.causes if (may_lack := tuple(problems[cause].may_lack))},
        )
        for name, each in problems.items()
    }


def lingering(problems: "Mapping[str, Problem]") -> "dict[str, Problem]":
    """The problems with their `linger_s`: a cause outlasts each of its consequences. Raises ValueError if causes form a circle."""
    explained: dict[str, list[Problem]] = {}
    for problem in problems.values():
        for cause in problem.causes:
            explained.setdefault(cause, []).append(problem)
    found: dict[str, float] = {}

    def linger_s(problem: "Problem", path: tuple[str, ...]) -> float:
        if problem.name in path:
            raise ValueError(f"{problem.name}: causes: it is its own cause, through {', '.join(path)}")
        if problem.name not in found:
            own = explained.get(problem.name, ())
            lasts = [clears_s(each, problem.name) + each.keep_s + linger_s(each, (*path, problem.name)) for each in own]
            found[problem.name] = max(0.0, max(lasts, default=0.0) - problem.keep_s)
        return found[problem.name]

    return {name: msgspec.structs.replace(each, linger_s=linger_s(each, ())) for name, each in problems.items()}


def clears_s(problem: "Problem", cause: str) -> float:
    """How long a problem may outlast the end of its cause, s, before it must count as a problem of its own."""
    asked = {condition.metric for condition in problem.conditions()}
    # A device that stopped answering during the incident keeps its problems until it is asked again: a UPS whose network card lost power
    # with the mains counts as on battery until then. If the cause is a problem of the same device, one answer ends both.
    if "device" not in problem.causes[cause]:
        may_be_silent = problem.when and problem.silent_s
        if asked & OBSERVED or "device_observed" in problem.promql or may_be_silent:
            return ANSWERS_S
    return SAFETY_CLEARS_S if problem.is_safety else CLEARS_S


def causes_by_labels(
    problems: "Mapping[str, Problem]", candidates: "Iterable[TrackedProblem]"
) -> "dict[tuple[str, Labels], TrackedProblem]":
    """Those of the candidates that may explain others, by name and by the labels in which these must agree with them."""
    by_labels: dict[tuple[str, Labels], TrackedProblem] = {}
    names: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for each in problems.values():
        for name, labels in each.causes.items():
            names[name].add(labels)
    for tracked in candidates:
        for labels in names.get(tracked.problem.name, ()):
            if (place := place_of(tracked.labels, labels, tracked.problem.may_lack)) is not None:
                by_labels.setdefault((tracked.problem.name, place), tracked)
    return by_labels


def place_of(problem: "Labels", labels: Iterable[str], may_lack: Container[str]) -> "Labels | None":
    """The labels in which a problem and its cause must agree; None if it lacks one that the cause has in any case (`Share.may_lack`)."""
    own = dict(problem)
    values = tuple((label, own.get(label, "")) for label in labels)
    return values if all(value or label in may_lack for label, value in values) else None


def causes_of(
    tracked: "TrackedProblem", by_labels: "Mapping[tuple[str, Labels], TrackedProblem]", now: float
) -> "Iterator[TrackedProblem]":
    """The present causes of a problem among `by_labels` (see `causes_by_labels`), in the order of the table. `now` is monotonic seconds."""
    own = dict(tracked.labels)
    for name, labels in tracked.problem.causes.items():
        place = place_of(tracked.labels, labels, tracked.problem.cause_may_lack.get(name, ()))
        found = by_labels.get((name, place)) if place is not None else None
        if found is None or found is tracked or not tracked.problem.admits(name, own):
            continue
        # Nobody is notified of a problem in a window, so it must not stand for one outside of the window. What has just begun has none yet.
        if found.window is not None and tracked.window is None and tracked.is_active:
            continue
        # After pumps run again, they are reported as stopped for a while longer. That must not hide that they move no coolant.
        if (
            not found.may_hold
            and tracked.holds
            and tracked.problem.is_safety
            and now > found.last_held + clears_s(tracked.problem, name)
        ):
            continue
        yield found
