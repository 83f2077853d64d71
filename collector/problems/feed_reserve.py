"""Load and battery runtime of each feed's UPSs: a message about a lost feed must say how much time is left. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from collector.problems.conditions import Subject
from collector.problems.tracker import SubjectKey

# The greatest counts: a UPS may carry half of its rating in all, and more than its rating on one phase.
LOADS: Final = ("dcim_ups_output_total_load_ratio", "dcim_ups_output_load_ratio")
RUNTIME: Final = "dcim_ups_battery_runtime_seconds"
METRICS: Final = frozenset((*LOADS, RUNTIME))


class _Ups(NamedTuple):
    site: str
    feed: str
    load_ratio: float | None
    runtime_s: float | None


class FeedReserve:
    """The UPSs of all feeds, with the last readings of each."""

    def __init__(self) -> None:
        self._ups: dict[SubjectKey, _Ups] = {}

    def note(self, key: SubjectKey, subject: Subject) -> None:
        """Take the present readings of a device. A device with neither load nor runtime is no UPS, or is silent, and is left out."""
        if METRICS.isdisjoint(subject.series):  # nearly all devices, and this is asked of each
            self._ups.pop(key, None)
            return
        feed = subject.base.get("feed", "")
        loads = [each for name in LOADS for each in _numbers(subject, name)]
        runtimes = _numbers(subject, RUNTIME)
        if feed and (loads or runtimes):
            self._ups[key] = _Ups(subject.base["site"], feed, max(loads, default=None), min(runtimes, default=None))
        else:
            self._ups.pop(key, None)

    def forget_absent(self, present: AbstractSet[SubjectKey]) -> None:
        """Forget devices that are gone."""
        for gone in [key for key in self._ups if key not in present]:
            del self._ups[gone]

    def sentences(self, site: str) -> str:
        """A sentence for each feed, as in ` UPSs of feed B: 61% loaded, 34 min of battery.` The worst UPS counts."""
        feeds: dict[str, list[_Ups]] = defaultdict(list)
        for ups in self._ups.values():
            if ups.site == site:
                feeds[ups.feed].append(ups)
        return "".join(_sentence(feed, feeds[feed]) for feed in sorted(feeds))


def _sentence(feed: str, members: Iterable[_Ups]) -> str:
    members = list(members)
    loads = [each.load_ratio for each in members if each.load_ratio is not None]
    runtimes = [each.runtime_s for each in members if each.runtime_s is not None]
    parts = [f"{max(loads):.0%} loaded"] if loads else []
    # Rounded down, as on the page: nobody may rely on a minute that the battery does not have.
    parts += [f"{min(runtimes) // 60:.0f} min of battery"] if runtimes else []
    return f" UPSs of feed {feed}: {', '.join(parts)}."


def _numbers(subject: Subject, name: str) -> list[float]:
    return [raw for _, raw in subject.series.get(name, ()) if not isinstance(raw, str)]
