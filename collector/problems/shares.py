"""Problems of many devices: which share of a feed's devices fulfils a condition. Pure.

What each device contributes is kept from its last evaluation, so that a message costs one device and not all of them.
"""

from collections.abc import Collection
from dataclasses import dataclass

from collector.problems.conditions import Evaluator, Labels, Unit, labels_of
from collector.problems.table import Share, Table
from collector.problems.tracker import UnitKey

# Racks that one problem names; a hall has some hundred.
MAX_RACKS = 500


@dataclass(frozen=True, slots=True)
class Found:
    """A group in which the problem holds: the share of its devices, and the racks of those that fulfil the condition."""

    value: float
    racks: tuple[str, ...]


class Shares:
    """What each device contributes to the problems that are decided over many."""

    def __init__(self, table: Table, evaluator: Evaluator) -> None:
        self._shares = {name: each.share for name, each in table.problems.items() if each.share is not None}
        self._evaluator = evaluator
        self._parts: dict[str, dict[UnitKey, tuple[Labels, bool, bool, str]]] = {name: {} for name in self._shares}

    def note(self, key: UnitKey, unit: Unit) -> None:
        """Take what a device says now."""
        for name, share in self._shares.items():
            texts = [unit.base.get(label, unit.agent if label == "agent" else "") for label in share.by]
            if not all(texts):
                continue
            group = labels_of(dict(zip(share.by, texts, strict=True)))
            belongs = self._evaluator.holds(share.among, unit)
            ill = any(self._evaluator.holds(each, unit) for each in share.of)
            self._parts[name][key] = group, belongs, ill, unit.base.get("rack", "")

    def keep(self, present: Collection[UnitKey]) -> None:
        """Forget devices that are gone."""
        for parts in self._parts.values():
            for gone in parts.keys() - set(present):
                del parts[gone]

    def found(self) -> dict[str, dict[Labels, Found]]:
        """For each problem, the groups in which it holds."""
        return {name: _found(share, self._parts[name].values()) for name, share in self._shares.items()}


def _found(share: Share, parts: Collection[tuple[Labels, bool, bool, str]]) -> dict[Labels, Found]:
    whole: dict[Labels, int] = {}
    ill: dict[Labels, list[str]] = {}
    for group, belongs, is_ill, rack in parts:
        if belongs:
            whole[group] = whole.get(group, 0) + 1
        if is_ill:
            ill.setdefault(group, []).append(rack)
    return {
        group: Found(len(racks) / whole[group], tuple(sorted({rack for rack in racks if rack}))[:MAX_RACKS])
        for group, racks in ill.items()
        if whole.get(group, 0) >= share.least and len(racks) / whole[group] > share.above
    }
