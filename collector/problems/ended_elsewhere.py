"""Finds the problems that another collector has ended at an Alertmanager, while this one cannot know whether they still hold.

Of two collectors with one Alertmanager, one may have lost the broker, or its network to it. What was wrong then is uncertain to it for an
hour, and it would repeat each of these alerts every minute: those that the other collector sees end would begin again, and page somebody.

That Alertmanager does not have an alert has two other reasons, and then it must be told: it was started anew (it keeps no alerts over a
restart, and without a cause its consequences would page), or the alert was not repeated for so long that it ended by itself.
"""

import time
from collections.abc import Callable, Collection, Container
from typing import NamedTuple

import aiohttp
import msgspec

from collector.http import get_bounded
from collector.problems.acknowledged import API_FAULTS, MAX_ANSWER_BYTES
from collector.problems.tracker import Key, TrackedProblem


class _Alert(msgspec.Struct):
    """The field used of an alert (API v2, gettableAlert)."""

    labels: dict[str, str]


class _Status(msgspec.Struct):
    """The field used of what Alertmanager says about itself (API v2, alertmanagerStatus): when it was started, to the millisecond."""

    uptime: str


class _Accepted(NamedTuple):
    """When an alert was last accepted, and by which run of Alertmanager."""

    at: float
    wall_s: float
    run: str


class EndedElsewhere:
    """What one Alertmanager does not have any more of what is uncertain. `lasts_s`: for how long it certainly keeps what it accepts."""

    def __init__(self, alerts_url: str, lasts_s: Callable[[], float], wall: Callable[[], float]) -> None:
        self._url = alerts_url
        self._lasts_s = lasts_s
        self._wall = wall
        self._accepted: dict[Key, _Accepted] = {}
        self._run = ""
        """When Alertmanager was started, in its words; empty while that is unknown."""
        self._left_out: set[Key] = set()
        """Active problems that are not repeated, because another collector has ended them; until they are seen again, or over."""

    def note_accepted(self, key: Key) -> None:
        """Alertmanager has accepted an active problem."""
        self._accepted[key] = _Accepted(time.monotonic(), self._wall(), self._run)

    def is_left_out(self, each: TrackedProblem) -> bool:
        """Whether it is not to be repeated. It is once it has been seen again, also since Alertmanager was asked."""
        return not each.is_seen and each.key in self._left_out

    async def update(
        self, session: aiohttp.ClientSession, active: Collection[TrackedProblem], waiting: Container[Key]
    ) -> None:
        """Ask about those active problems that present readings do not show: their device is silent, or its readings are to come."""
        unseen = {each.key: each for each in active if not each.is_seen}
        self._left_out &= unseen.keys()
        self._accepted = {each.key: known for each in active if (known := self._accepted.get(each.key)) is not None}
        asked = [each for key, each in unseen.items() if key not in waiting and self._is_there_by_itself(key)]
        gone = await self._gone(session, asked) if asked else frozenset()
        # Afterwards: if it is started between both answers, the first one says nothing.
        self._run = await self._started(session) if active else self._run
        self._left_out |= {key for key in gone if self._run and self._accepted[key].run == self._run}

    def _is_there_by_itself(self, key: Key) -> bool:
        """Whether Alertmanager still has it unless somebody has ended it. By both clocks: the monotonic one stands while a host sleeps."""
        if (known := self._accepted.get(key)) is None:
            return False
        return max(time.monotonic() - known.at, self._wall() - known.wall_s) < self._lasts_s()

    async def _gone(self, session: aiohttp.ClientSession, asked: Collection[TrackedProblem]) -> frozenset[Key]:
        """Those that Alertmanager does not have. None of them while it cannot be asked."""
        names = "|".join(sorted({each.problem.name for each in asked}))
        try:
            body = await get_bounded(session, self._url, MAX_ANSWER_BYTES, {"filter": f'alertname=~"{names}"'})
            alerts = msgspec.json.decode(body, type=list[_Alert])
        except API_FAULTS:
            return frozenset()
        lasting = {frozenset(each.labels.items()) for each in alerts}
        return frozenset(each.key for each in asked if each.alert_label_set() not in lasting)

    async def _started(self, session: aiohttp.ClientSession) -> str:
        """When it was started. It names the run, also of several Alertmanagers behind one address; empty if it cannot be asked."""
        try:
            body = await get_bounded(session, f"{self._url.removesuffix('alerts')}status", MAX_ANSWER_BYTES)
            return msgspec.json.decode(body, type=_Status).uptime
        except API_FAULTS:
            return ""
