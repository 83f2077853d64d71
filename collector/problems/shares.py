"""Decides problems of many devices: which share of a group (a feed, an agent, a room) fulfils a condition. Pure.

What each device contributes is kept from its last evaluation, so that a message costs one evaluation and not one of every device.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from collector.problems.conditions import MAX_FAMILIES, Evaluator, Labels, Subject, labels_of
from collector.problems.table import Condition, Share, Table
from collector.problems.tracker import SubjectKey

# Racks that one problem names; a hall has some hundred.
MAX_RACKS = 500
# A group goes dark while a device of it stopped answering within this time, s: it is longer than the time between two of them where an
# agent that lost its network polls twenty devices each 10 s, one after the other.
DARKENING_S = 4.0
# How far back it is looked for how many did not answer, s: a device that comes and goes must not make its group go dark each time.
DARKENING_PAST_S = 30.0
# How long a group goes dark at most, s: an agent that lost its network knows within half a minute, the longest of intervals in use, and the
# repeat of a poll. What falls silent one device after the other for longer is another fault, and must not keep that from being reported.
DARKENING_MOST_S = 60.0
# Device classes that serve racks other than the one they may stand in.
_ELSEWHERE: Final = frozenset({"ups", "cdu"})


@dataclass(frozen=True, slots=True)
class Found:
    """A group in which the problem holds: the share of its devices, and the racks of those that fulfil the condition."""

    value: float
    racks: tuple[str, ...]


Others = tuple[Labels, ...]


class _Contribution(NamedTuple):
    """What one device contributes to one problem."""

    group: Labels
    others: Others
    """Its group of each problem whose devices are left out (`Share.except_in`), in that order; empty if there is none."""
    belongs: bool
    fulfils: bool
    is_silent: bool
    rack: str
    beside: str
    """Its value of the label `Share.beside`."""
    apart: str
    """Its value of the label `Share.apart`."""

    @property
    def overlap(self) -> Others:
        """`others`, if the device does not answer."""
        return self.others if self.is_silent else ()


class _FamilyShare(NamedTuple):
    """One problem, and its conditions that can hold for one family of devices."""

    name: str
    by: tuple[str, ...]
    overlaps_by: tuple[tuple[str, ...], ...]
    beside: str
    apart: str
    among: Condition | None
    of: tuple[Condition, ...]


# A site has a few feeds, agents and rooms.
@lru_cache(maxsize=4_096)
def _group(by: tuple[str, ...], texts: tuple[str, ...]) -> Labels:
    return labels_of(dict(zip(by, texts, strict=True)))


def _nothing(_: str) -> AbstractSet[Labels]:
    return frozenset()


@dataclass(slots=True)
class _Group:
    """The devices of one group, counted: those that belong to it (`Share.among`), and those that fulfil the condition (`Share.of`)."""

    size: int = 0
    """All of which anything is known."""
    belong: int = 0
    fulfil: int = 0
    may_belong: int = 0
    """Those that belong, and those that are silent."""
    may_fulfil: int = 0
    """Those that fulfil it, and those that are silent."""
    shown: int = 0
    """Those that fulfil it and answer."""
    racks: dict[str, int] = field(default_factory=dict)
    """Devices that fulfil it, by rack."""
    parts: Counter[str] = field(default_factory=Counter)
    """Devices that fulfil it, by the label `Share.beside`."""
    apart: "dict[str, _Group]" = field(default_factory=dict)
    """Its parts by the label `Share.apart`."""

    def count(self, part: _Contribution, change: Literal[1, -1]) -> None:
        """Add a device (1), or take it away (-1), here and in its part."""
        self.count_here(part, change)
        if part.apart:
            own = self.apart.setdefault(part.apart, _Group())
            own.count_here(part, change)
            if not own.size:
                del self.apart[part.apart]

    def count_here(self, part: _Contribution, change: Literal[1, -1]) -> None:
        """The same without its part."""
        self.size += change
        if part.belongs:
            self.belong += change
        if part.belongs or part.is_silent:
            self.may_belong += change
        if part.fulfils or part.is_silent:
            self.may_fulfil += change
        if not part.fulfils:
            return
        self.fulfil += change
        if not part.is_silent:
            self.shown += change
        self.parts[part.beside] += change
        if part.rack:
            left = self.racks[part.rack] = self.racks.get(part.rack, 0) + change
            if not left:
                del self.racks[part.rack]

    def without(self, other: "_Group") -> "_Group":
        """The same without the devices of a part of it."""
        racks = {rack: left for rack, count in self.racks.items() if (left := count - other.racks.get(rack, 0))}
        return _Group(
            self.size - other.size,
            self.belong - other.belong,
            self.fulfil - other.fulfil,
            self.may_belong - other.may_belong,
            self.may_fulfil - other.may_fulfil,
            self.shown - other.shown,
            racks,
            self.parts - other.parts,
            {name: each.without(other.apart.get(name, _Group())) for name, each in self.apart.items()},
        )

    def value(self, share: Share) -> float | None:
        """The share in which the problem holds, or that of its part in which it does; None if in none.

        It holds with more than its share of enough devices, and not of one part alone if it asks for several (`beside`).
        """
        is_shared = self.fulfil - max(self.parts.values(), default=0) >= share.beside_least
        if self.belong >= share.least and self.fulfil / self.belong > share.above and is_shared:
            return self.fulfil / self.belong
        return max((own for each in self.apart.values() if (own := each.value(share)) is not None), default=None)

    def is_open(self, share: Share) -> bool:
        """Whether the problem would hold if all silent devices fulfilled its condition."""
        if self.may_belong >= share.least and self.may_fulfil > share.above * self.may_belong:
            return True
        return any(each.is_open(share) for each in self.apart.values())


@dataclass(slots=True)
class _Course:
    """How the number of devices of a group that do not answer went lately. Times are monotonic."""

    past: deque[tuple[float, int]] = field(default_factory=deque)
    risen: deque[float] = field(default_factory=deque)
    """When it rose."""

    def rises(self, now: float, count: int) -> bool:
        """Take the present number. Whether it rose within DARKENING_S, and not for longer than DARKENING_MOST_S."""
        past, risen = self.past, self.risen
        past.append((now, count))
        while past[0][0] < now - DARKENING_S - DARKENING_PAST_S:
            past.popleft()
        while risen and risen[0] < now - DARKENING_MOST_S - DARKENING_PAST_S:
            risen.popleft()
        before = max((each for when, each in past if when <= now - DARKENING_S), default=0)
        if count <= before or (risen and risen[0] <= now - DARKENING_MOST_S):
            return False
        risen.append(now)
        return True

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is needed any more."""
        return not self.risen and not any(count for _, count in self.past)


class Shares:
    """The contribution of each device to the problems that are decided over many devices.

    Groups are counted when a device's contribution changes: looking at each of 5,000 devices for each problem, once a second, took 4 ms.
    """

    def __init__(self, table: Table, evaluator: Evaluator) -> None:
        self._shares = {name: each.share for name, each in table.problems.items() if each.share is not None}
        # The rack in which a UPS or a CDU happens to stand is none that a loss of it is about.
        self._without_racks = {
            name for name, each in self._shares.items() if _ELSEWHERE & set(each.among.where.get("device_class", ()))
        }
        self._evaluator = evaluator
        self._parts: dict[str, dict[SubjectKey, _Contribution]] = {name: {} for name in self._shares}
        # The devices of all of these: looking for those that are gone in each of them took a tenth of an evaluation of settled devices.
        self._noted: set[SubjectKey] = set()
        self._groups: dict[str, dict[Labels, _Group]] = {name: {} for name in self._shares}
        self._overlaps: dict[str, dict[Others, dict[Labels, _Group]]] = {
            name: {} for name, each in self._shares.items() if each.except_in
        }
        """Of problems with `except_in`: by groups of those other problems, the part of each own group that lies in them and is silent."""
        self._places: dict[str, dict[Labels, Counter[Labels]]] = {}
        """By problem that names one that others wait for (`_waited_for`), and group of that one: how many of its devices are in each
        own group, whether they answer or not."""
        self._courses: dict[tuple[str, Labels], _Course] = {}
        """By such a problem and group of the other problem: how many devices did not answer outside of its darkest own group."""
        self._courses_of_one: dict[tuple[str, Labels], _Course] = {}
        """The same of groups whose devices are of one own group at most: how many did not answer beside the first."""
        self._by_metrics: dict[tuple[str, ...], tuple[_FamilyShare, ...]] = {}
        self._waits_for = {name: each.waits_for for name, each in table.problems.items() if each.waits_for}
        waited_for = set(self._waits_for.values())
        self._waited_for = {
            name: (each, index)
            for name in self._overlaps
            for index, each in enumerate(self._shares[name].except_in)
            if each in waited_for and self._waits_for.get(name) != each
        }
        """By problem: which of `except_in` other problems wait for, and where it stands there."""
        self._places |= {name: {} for name in self._waited_for}
        self.going_dark: dict[str, AbstractSet[Labels]] = {}
        """By a problem that `except_in` names: its groups (agents) that were going dark when `found` was last called.

        See `_darkening` and `_darkening_of_one`. What the problem would explain waits for it meanwhile (`waits`).
        """

    def note(self, key: SubjectKey, subject: Subject) -> None:
        """Take the present readings of a device."""
        self._noted.add(key)
        holds = self._evaluator.holds
        for name, by, overlaps_by, beside, apart, among, of in self._family_shares(subject):
            before = self._parts[name].get(key)
            texts = _texts(by, subject)
            if not all(texts) and not self._may_lack(name, texts):
                if before is not None:
                    self._forget(name, key, before)
                continue
            belongs = among is not None and holds(among, subject)
            fulfils = any(holds(each, subject) for each in of)
            part = _Contribution(
                group=_group(by, texts),
                others=tuple(_group(each, _texts(each, subject)) for each in overlaps_by),
                belongs=belongs,
                fulfils=fulfils,
                is_silent=subject.is_silent,
                rack="" if name in self._without_racks else subject.base.get("rack", ""),
                beside=subject.base.get(beside, "") if beside else "",
                apart=_texts((apart,), subject)[0] if apart else "",
            )
            if part == before:
                continue
            if before is not None:
                self._forget(name, key, before)
            self._parts[name][key] = part
            for groups in self._groups_of(name, part):
                groups.setdefault(part.group, _Group()).count(part, 1)
            if name in self._waited_for:
                waited = part.others[self._waited_for[name][1]]
                self._places[name].setdefault(waited, Counter())[part.group] += 1

    def _may_lack(self, name: str, texts: tuple[str, ...]) -> bool:
        share = self._shares[name]
        return all(text or label in share.may_lack for label, text in zip(share.by, texts, strict=True))

    def conditions_of(self, subject: Subject) -> Iterator[Condition]:
        """The conditions that decide what a device with these metrics contributes."""
        for *_, among, of in self._family_shares(subject):
            if among is not None:
                yield among
            yield from of

    def _family_shares(self, subject: Subject) -> "tuple[_FamilyShare, ...]":
        """For each problem, the conditions that can hold with the metrics of a subject."""
        metrics = tuple(subject.series)
        known = self._by_metrics.get(metrics)
        if known is None:
            if len(self._by_metrics) >= MAX_FAMILIES:
                self._by_metrics.clear()
            can_hold = self._evaluator.can_hold
            known = self._by_metrics[metrics] = tuple(
                _FamilyShare(
                    name,
                    tuple(share.by),
                    tuple(tuple(self._shares[each].by) for each in share.except_in),
                    share.beside,
                    share.apart,
                    share.among if can_hold(share.among, subject.series) else None,
                    tuple(each for each in share.of if can_hold(each, subject.series)),
                )
                for name, share in self._shares.items()
            )
        return known

    def forget_absent(self, present: AbstractSet[SubjectKey]) -> None:
        """Forget devices that are gone."""
        for gone in self._noted - present:
            self._noted.remove(gone)
            for name, parts in self._parts.items():
                if (part := parts.get(gone)) is not None:
                    self._forget(name, gone, part)

    def _forget(self, name: str, key: SubjectKey, part: _Contribution) -> None:
        del self._parts[name][key]
        for groups in self._groups_of(name, part):
            group = groups[part.group]
            group.count(part, -1)
            if not group.size:
                del groups[part.group]
        if part.overlap and not self._overlaps[name][part.overlap]:
            del self._overlaps[name][part.overlap]
        if name in self._waited_for:
            waited = part.others[self._waited_for[name][1]]
            places = self._places[name][waited]
            places[part.group] -= 1
            if not places[part.group]:
                del places[part.group]
            if not places:
                del self._places[name][waited]

    def _groups_of(self, name: str, part: _Contribution) -> Iterator[dict[Labels, _Group]]:
        """Where a device counts."""
        yield self._groups[name]
        if part.overlap:
            yield self._overlaps[name].setdefault(part.overlap, {})

    def groups(self, name: str) -> AbstractSet[Labels]:
        """The groups that devices belong to."""
        return self._groups[name].keys()

    def is_open(self, name: str, group: Labels) -> bool:
        """Whether the problem would hold in the group if all silent devices fulfilled its condition."""
        return self._groups[name].get(group, _Group()).is_open(self._shares[name])

    def decides(self, name: str, group: Labels) -> bool:
        """Whether enough is known of the group to say that the problem is over."""
        found, share = self._groups[name].get(group, _Group()), self._shares[name]
        return found.belong >= share.least and not found.is_open(share)

    def found(
        self, standing: Callable[[str], AbstractSet[Labels]] = _nothing, now: float | None = None
    ) -> dict[str, dict[Labels, Found]]:
        """For each problem, the groups in which it holds. Without `now` (monotonic), no group is taken as going dark.

        `standing` gives the groups for which a problem is active, or was until lately: after an agent's network is back, its devices answer
        one after the other, and the last of them would look like a lost feed. So would the first ones when it is gone: see `_darkening`.
        """
        found = {name: _found(share, self._groups[name]) for name, share in self._shares.items()}
        for name, overlaps in self._overlaps.items():
            share = self._shares[name]
            left_out = {each: found[each].keys() | standing(each) for each in share.except_in}
            if name in self._waited_for:
                waited, _ = self._waited_for[name]
                darkening = self._darkening(name, now)
                self.going_dark[waited] = darkening | self._darkening_of_one(name, now)
                left_out[waited] |= darkening
            groups = dict(self._groups[name])
            for others, parts in overlaps.items():
                kinds = {
                    kind
                    for (each, kind), other in zip(share.except_in.items(), others, strict=True)
                    if other in left_out[each]
                }
                for group, part in parts.items() if kinds else ():
                    if "always" in kinds or not self._groups[name][group].shown:
                        groups[group] = groups[group].without(part)
            found[name] = _found(share, groups)
        return found

    def waits(self, problem: tuple[str, Labels]) -> bool:
        """Whether a problem with `waits_for` is of an agent that is going dark: then that other problem may be about to explain it.

        One of several agents (`Share.apart`) waits while one of those goes dark that its silent devices have.
        """
        name, labels = problem
        other = self._waits_for.get(name, "")
        groups = self.going_dark.get(other)
        if not groups:
            return False
        by, share = self._shares[other].by, self._shares.get(name)
        if share is None or not share.apart:
            return tuple((label, text) for label, text in labels if label in by) in groups
        parts = self._groups[name].get(labels, _Group()).apart
        own = {label: text for label, text in labels if label in by}
        return any(each.fulfil and labels_of({**own, share.apart: part}) in groups for part, each in parts.items())

    def _darkening(self, name: str, now: float | None) -> set[Labels]:
        """Groups of the other problem (agents) that go dark in several of the own groups (feeds) at once, which one lost feed does not.

        An agent that polls each 10 s finds within 10 s that its network is gone, and half of a feed seconds before nine tenths of all. That
        lasts no longer than devices stop answering: if two feeds are lost indeed, they count once no further device does.
        """
        if now is None:
            return set()
        _, index = self._waited_for[name]
        dark: dict[Labels, Counter[Labels]] = {}
        for others, parts in self._overlaps[name].items():
            own = dark.setdefault(others[index], Counter())
            for group, part in parts.items():
                own[group] += part.fulfil

        def count(other: Labels) -> int:
            fulfil = dark.get(other, Counter[Labels]())
            return fulfil.total() - max(fulfil.values(), default=0)

        return _rising(self._courses, name, dark, count, now)

    def _darkening_of_one(self, name: str, now: float | None) -> set[Labels]:
        """Groups of the other problem (agents) that go dark, and whose devices are of one own group (feed), or of none, as some CDUs are.

        A lost feed looks the same there, so that nothing is left out of it. But what the other problem explains may wait for either.
        """
        if now is None:
            return set()
        groups, places = self._groups[self._waited_for[name][0]], self._places[name]
        beside_first = {
            other: max(0, group.fulfil - 1) for other, group in groups.items() if len(places.get(other, ())) <= 1
        }
        return _rising(self._courses_of_one, name, beside_first, lambda other: beside_first.get(other, 0), now)


def _rising(
    courses: dict[tuple[str, Labels], _Course],
    name: str,
    groups: Iterable[Labels],
    count: Callable[[Labels], int],
    now: float,
) -> set[Labels]:
    """The groups whose count rises now. Takes the present count of each into its course."""
    found = set()
    for other in {*groups, *(group for problem, group in courses if problem == name)}:
        course = courses.setdefault((name, other), _Course())
        if course.rises(now, count(other)):
            found.add(other)
        if course.is_over:
            del courses[name, other]
    return found


def _texts(by: tuple[str, ...], subject: Subject) -> tuple[str, ...]:
    """The labels of a subject that name its group; a device has its agent beside its labels."""
    return tuple([subject.base.get(label, subject.agent if label == "agent" else "") for label in by])


def _found(share: Share, groups: Mapping[Labels, _Group]) -> dict[Labels, Found]:
    return {
        labels: Found(value, tuple(sorted(group.racks))[:MAX_RACKS])
        for labels, group in groups.items()
        if (value := group.value(share)) is not None
    }
