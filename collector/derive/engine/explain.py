"""Lists what a computed value comes from: the readings below a slot, each with its value and age, or with the reason why it is missing."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass

from collector.derive.engine.graph import Leaf, Plan, Value, Values

# So many inputs are listed: missing ones first, then the oldest. A figure of a whole site may come from 30,000 readings.
MAX_INPUTS = 200
# Slots looked at in one slice, about 1 ms.
_SLICE = 1000


@dataclass(frozen=True, slots=True)
class Input:
    """One reading. `value` is None if it is missing, and `reason` says why."""

    device: str
    key: str
    value: Value | None
    age_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """The readings below some slots: at most `MAX_INPUTS` of `total`."""

    shown: tuple[Input, ...] = ()
    total: int = 0


def explain_steps(plan: Plan, values: Values, slots: Iterable[int]) -> Generator[None, None, Inputs]:
    """The readings that these slots are computed from. Of a choice only the chosen one counts, as in the figure.

    Yields after each slice.
    """
    waiting = list(dict.fromkeys(slot for slot in slots if slot >= 0))
    seen = set(waiting)
    found: list[Input] = []
    for count, at in enumerate(waiting, 1):
        if count % _SLICE == 0:
            yield
        node = plan.nodes[at]
        if isinstance(node, Leaf):
            value = values.current[at]
            reason = "" if value is not None else values.reasons.get(at, "stale")
            found.append(Input(device=node.device, key=node.key, value=value, age_s=values.age_s[at], reason=reason))
            continue
        below = (*node.required, *node.optional)
        if node.is_choice:
            below = tuple(each for each in below if values.current[each] is not None)[:1] or below[:1]
        for each in below:
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    found.sort(key=lambda each: (each.value is not None, -each.age_s, each.device, each.key))
    return Inputs(tuple(found[:MAX_INPUTS]), len(found))
