"""Units that stand in for each other: what a group of them is called, and what is left when some of them fail.

UPSs, power shelves and generators here; CDUs, chillers, dry coolers, facility pumps and air units in `liquid`.
"""

from collections.abc import Sequence

from collector.derive.engine import Result, ratio


def group_name(units: Sequence[str]) -> str:
    """The label `group`: `ups-1+ups-2`, or the first and how many more if that is too long for a label."""
    name = "+".join(units)
    return name if len(name) <= 64 else f"{units[0][:52]}+{len(units) - 1}-more"  # noqa: PLR2004 - a label's length


def redundant(count: int, required: int | None) -> int:
    """How many of `count` units are redundant: those beyond the required ones, or one if none is stated."""
    return min(count, 1) if required is None else count - required


def firm(able: Sequence[float], spare: int) -> float:
    """The rating left, W, if `spare` of the units that are able to work fail, the largest first.

    Units that have failed already are not among `able`: redundancy means that the next failure still leaves enough.
    """
    return sum(sorted(able)[: max(len(able) - spare, 0)])


def able_of(rated: Sequence[float], faults: Sequence[float]) -> list[float]:
    """The ratings of the units that report no fault."""
    return [each for each, fault in zip(rated, faults, strict=True) if not fault]


def able_share(load_w: float, *faults: float, rated: Sequence[float]) -> Result:
    """The load over the ratings of the units that report no fault."""
    return ratio(load_w, sum(able_of(rated, faults)))
