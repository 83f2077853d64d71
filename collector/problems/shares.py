"""Decides problems of many devices: which share of a group (a feed, an agent, a room) fulfils a condition. Pure.

What each device contributes is kept from its last evaluation, so that a message costs one evaluation and not one of every device.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from collector.problems.conditions import MAX_FAMILIES, Evaluator, Labels, Subject, labels_of
from collector.problems.table import Condition, Share, Table
from collector.problems.tracker import SubjectKey

# Racks that one problem names; a hall has some hundred.
MAX_RACKS = 500


@dataclass(frozen=True, slots=True)
class Found:
    """A group in which the problem holds: the share of its devices, and the racks of those that fulfil the condition."""

    value: float
    racks: tuple[str, ...]


class _Contribution(NamedTuple):
    """What one device contributes to one problem."""

    group: Labels
    belongs: bool
    fulfils: bool
    is_silent: bool
    rack: str


class _Asked(NamedTuple):
    """One problem, and those of its conditions that can hold for some family of devices."""

    name: str
    by: tuple[str, ...]
    among: Condition | None
    of: tuple[Condition, ...]


# A site has a few feeds, agents and rooms.
@lru_cache(maxsize=4_096)
def _group(by: tuple[str, ...], texts: tuple[str, ...]) -> Labels:
    return labels_of(dict(zip(by, texts, strict=True)))


class Shares:
    """What each device contributes to the problems that are decided over many."""

    def __init__(self, table: Table, evaluator: Evaluator) -> None:
        self._shares = {name: each.share for name, each in table.problems.items() if each.share is not None}
        self._evaluator = evaluator
        self._parts: dict[str, dict[SubjectKey, _Contribution]] = {name: {} for name in self._shares}
        self._by_metrics: dict[tuple[str, ...], tuple[_Asked, ...]] = {}

    def note(self, key: SubjectKey, subject: Subject) -> None:
        """Take the present readings of a device."""
        holds = self._evaluator.holds
        for name, by, among, of in self._asked(subject):
            texts = tuple([subject.base.get(label, subject.agent if label == "agent" else "") for label in by])
            if not all(texts):
                continue
            belongs = among is not None and holds(among, subject)
            ill = any(holds(each, subject) for each in of)
            group = _group(by, texts)
            self._parts[name][key] = _Contribution(group, belongs, ill, subject.is_silent, subject.base.get("rack", ""))

    def _asked(self, subject: Subject) -> "tuple[_Asked, ...]":
        """For each problem those of its conditions that can hold with the metrics of a subject."""
        metrics = tuple(subject.series)
        known = self._by_metrics.get(metrics)
        if known is None:
            if len(self._by_metrics) >= MAX_FAMILIES:
                self._by_metrics.clear()
            can_hold = self._evaluator.can_hold
            known = self._by_metrics[metrics] = tuple(
                _Asked(
                    name,
                    tuple(share.by),
                    share.among if can_hold(share.among, subject.series) else None,
                    tuple(each for each in share.of if can_hold(each, subject.series)),
                )
                for name, share in self._shares.items()
            )
        return known

    def keep(self, present: Collection[SubjectKey]) -> None:
        """Forget devices that are gone."""
        for parts in self._parts.values():
            for gone in parts.keys() - set(present):
                del parts[gone]

    def is_open(self, name: str, group: Labels) -> bool:
        """Whether the problem would hold in the group if all silent devices fulfilled its condition."""
        share = self._shares[name]
        parts = [each for each in self._parts[name].values() if each.group == group]
        whole = sum(each.belongs or each.is_silent for each in parts)
        ill = sum(each.fulfils or each.is_silent for each in parts)
        return whole >= share.least and ill > share.above * whole

    def decides(self, name: str, group: Labels) -> bool:
        """Whether enough is known of the group to say that the problem is over."""
        known = sum(each.belongs and each.group == group for each in self._parts[name].values())
        return known >= self._shares[name].least and not self.is_open(name, group)

    def found(self) -> dict[str, dict[Labels, Found]]:
        """For each problem, the groups in which it holds."""
        return {name: _found(share, self._parts[name].values()) for name, share in self._shares.items()}


def _found(share: Share, parts: Collection[_Contribution]) -> dict[Labels, Found]:
    whole: dict[Labels, int] = {}
    ill: dict[Labels, list[str]] = {}
    for part in parts:
        if part.belongs:
            whole[part.group] = whole.get(part.group, 0) + 1
        if part.fulfils:
            ill.setdefault(part.group, []).append(part.rack)
    return {
        group: Found(len(racks) / whole[group], tuple(sorted({rack for rack in racks if rack}))[:MAX_RACKS])
        for group, racks in ill.items()
        if whole.get(group, 0) >= share.least and len(racks) / whole[group] > share.above
    }
