"""How problems follow from each other: which labels a consequence may lack, and how long a cause outlasts its consequences. Pure."""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from collector.problems.table import Problem

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
