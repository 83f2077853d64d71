"""Keeps a silence at an Alertmanager for each maintenance window, so that alerts from Prometheus are silenced as well.

Alertmanager has an alert for minutes after its problem was mended. If the window ends within that time, as it does when somebody closes it
after the work, on-call would be paged for what is mended. So each alert that was mended within its window gets a silence of its own, until
Alertmanager has no reason to have it any more, or until the problem comes back. Such a silence outlives a restart of the collector, and any
collector that sees the problem come back ends it: the one that made it may be the half of a pair that has died.

What a dead collector has left at Alertmanager must not hide a fault for the month that a window may last: its file may be changed, or it
may never come back under its name. So a silence is made for some hours at a time and renewed, and a collector whose file has lost a
window also ends the silences that others made of the same one.
"""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zlib import crc32

import aiohttp
import msgspec

from collector.http import connector, get_bounded
from collector.problems.maintenance import MAINTENANCE_PART, MAX_WINDOWS, Maintenance, Window
from collector.problems.tracker import TrackedProblem, Tracker
from rackflow.escape import redact_urls
from rackflow.process.bulkhead import Failures

log = logging.getLogger(__name__)
# How often silences are checked: an Alertmanager that lost them has them again within this time.
AGAIN_S = 60.0
# Pause after a failure, and how long Alertmanager may take to answer. Chosen: a window should work within seconds.
RETRY_S = 5.0
TIMEOUT_S = 5.0
# All silences of an Alertmanager, ours and others, some kB each. Chosen; a longer answer is refused instead of filling the memory.
MAX_ANSWER_BYTES = 16_000_000
# How long the silence of a window goes on without its collector, and how much of that is left when it is renewed. It hides faults for as
# long; but a dead collector has no /metrics either, from which Prometheus would find what people are working on. A renewal prolongs the
# silence that is there (`_silence`): one that replaced it would leave an expired one behind, which Alertmanager lists for five days
# (`--data.retention`): 60 for each window, of some 400 bytes. Of 1,000 windows they would exceed MAX_ANSWER_BYTES.
LEASE = timedelta(hours=4)
RENEW_AT = LEASE / 2
# How long an alert that was mended in its window stays silenced after its end: longer than any goes on at Prometheus then (345 s).
MENDED_S = 600.0
# Alerts with a silence of their own at a time, each a request. Chosen: those of a row; the others are as if there were none.
MAX_MENDED = 1_000
# How often it is looked whether a problem in a window was mended, or has come back, s.
WATCH_S = 5.0
_FAULTS = (OSError, TimeoutError, aiohttp.ClientError, msgspec.DecodeError, KeyError, TypeError, ValueError)
_AUTHOR = "rackflow "
_WHY_MENDED = "mended within its window"
_OF_MENDED = re.compile(rf"[^:]*\.([0-9a-f]{{8}}): {_WHY_MENDED}")
Silence = Mapping[str, Any]


class Silencer:
    """Keeps the silences of one Alertmanager: its own, and of other collectors it ends those of alerts that have come back."""

    def __init__(
        self,
        url: str,
        client_id: str,
        maintenance: Maintenance,
        failures: Failures,
        tracker: Tracker | None = None,
    ) -> None:
        self._tracker = tracker
        self._mended: dict[str, Window] = {}
        """Alerts that were mended within their window, as windows of their own, by their `_mark`."""
        self._come_back: set[str] = set()
        """Marks of the problems that hold, and are in no window."""
        self._silenced: set[str] = set()
        """Marks of the alerts that had a silence of their own when the Alertmanager was last asked, from whichever collector."""
        self._known: dict[str, Window] = {}
        """The windows of the file when it was last compared, by id."""
        self._withdrawn: dict[str, Window] = {}
        """Windows as the file had them before they were taken out or changed, until another collector's silence of them is ended once.

        One that is back after that is kept by a collector that runs, and whose file still has the window."""
        self._url = f"{url.rstrip('/')}/api/v2"
        self._author = author_of(client_id)
        self._maintenance = maintenance
        self._failures = failures
        self._wake = asyncio.Event()
        self._is_failing = False
        maintenance.on_change(self._wake.set)

    def note(self, changed: TrackedProblem) -> None:
        """A problem began, ended, or entered or left a window."""
        if not changed.is_active:
            self._note_mended(changed, datetime.now(UTC))
        if changed.window is not None or _mark(changed) in self._silenced | self._mended.keys():
            self._wake.set()

    def _note_mended(self, each: TrackedProblem, now: datetime) -> None:
        """Have its alert silenced until MENDED_S after its end. While it fades, which a leak does for 600 s, the silence is renewed."""
        if each.window is None:
            return
        mark, known = _mark(each), self._mended.get(_mark(each))
        is_due = known is None or not each.is_active or known.until < now + timedelta(seconds=MENDED_S / 2)
        if is_due and (known is not None or len(self._mended) < MAX_MENDED):
            self._mended[mark] = _window_of_alert(each, each.window, now + timedelta(seconds=MENDED_S))

    def _follow_mended(self, now: datetime) -> bool:
        """Look which problems in a window are mended, and which have come back. Returns whether to look again soon."""
        active = self._tracker.active() if self._tracker is not None else []
        for each in active:
            if each.is_mended:
                self._note_mended(each, now)
        for each in active:  # last: another severity of the same alarm is the same alert
            if each.holds:
                self._mended.pop(_mark(each), None)
        self._come_back = {_mark(each) for each in active if each.holds and each.window is None}
        self._mended = {mark: window for mark, window in self._mended.items() if window.until > now}
        return any(each.window is not None for each in active)

    async def run(self) -> None:
        """Keep the silences in step with the windows until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector(1)) as session:
            while True:
                self._wake.clear()
                pause_s = WATCH_S if self._follow_mended(datetime.now(UTC)) else AGAIN_S
                try:
                    await self._keep(session)
                    self._is_failing = False
                except _FAULTS as error:
                    pause_s = RETRY_S
                    self._failures.count(MAINTENANCE_PART, error)
                    if not self._is_failing:
                        why = redact_urls(str(error)) or f"no answer within {TIMEOUT_S:g} s"
                        log.warning(
                            "maintenance windows are not silenced target=%s error=%s", redact_urls(self._url), why
                        )
                    self._is_failing = True
                try:
                    async with asyncio.timeout(pause_s):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def _keep(self, session: aiohttp.ClientSession) -> None:
        now = datetime.now(UTC)
        self._note_withdrawn(now)
        missing, ending = self._compare(await self._all(session), now)
        # Those that are refused are raised at the end, so that none of them keeps others from being silenced.
        refused: list[aiohttp.ClientResponseError] = []
        # What is new comes first: of an alert between the end of a silence and the beginning of the next, people would be notified.
        for window, former in missing:
            async with session.post(f"{self._url}/silences", json=self._silence(window, former, now)) as answer:
                _note_refusal(answer, refused)
        for silence in ending:
            async with session.delete(f"{self._url}/silence/{silence['id']}") as answer:
                _note_refusal(answer, refused)
            if silence["createdBy"] != self._author:
                self._withdrawn.pop(_id_of(silence), None)
        if refused:
            raise refused[0]

    def _compare(
        self, silences: Sequence[Silence], now: datetime
    ) -> tuple[list[tuple[Window, Silence | None]], list[Silence]]:
        """The windows without a silence that agrees, each with the one that it has; and the silences that are to be ended."""
        windows = (*self._maintenance.windows, *self._mended.values())
        wanted = {window.id: window for window in windows if window.until > now}
        own = [each for each in silences if each["createdBy"] == self._author]
        same = {_id_of(each): each for each in own if (one := wanted.get(_id_of(each))) and _is_same(each, one, now)}
        former = {_id_of(each): each for each in own if _id_of(each) in wanted}
        kept = former | same
        ending: list[Silence] = []
        self._silenced = set()
        for each in silences:
            is_wanted = each["createdBy"] == self._author and _id_of(each) in wanted
            if each is not kept[_id_of(each)] if is_wanted else self._is_over(each):
                ending.append(each)
            elif mark := _mark_of(each["createdBy"], each["comment"]):
                self._silenced.add(mark)
        return [(each, former.get(name)) for name, each in wanted.items() if name not in same], ending

    def _note_withdrawn(self, now: datetime) -> None:
        """Find the windows that the file has no longer, or has otherwise."""
        present = {window.id: window for window in self._maintenance.windows}
        gone = {name: window for name, window in self._known.items() if present.get(name) != window}
        self._withdrawn = {name: each for name, each in (self._withdrawn | gone).items() if each.until > now}
        while len(self._withdrawn) > MAX_WINDOWS:
            del self._withdrawn[next(iter(self._withdrawn))]
        self._known = present

    def _is_over(self, silence: Silence) -> bool:
        """Whether a silence that no window asks for is to be ended. That of an alert that was mended runs out by itself."""
        mark = _mark_of(silence["createdBy"], silence["comment"])
        return mark in self._come_back if mark else silence["createdBy"] == self._author or self._is_withdrawn(silence)

    def _is_withdrawn(self, silence: Silence) -> bool:
        """Whether another collector made it of a window that this one's file had, too, and has no longer, or only until earlier."""
        before = self._withdrawn.get(_id_of(silence)) if silence["createdBy"].startswith(_AUTHOR) else None
        if before is None or not _has_matchers(silence, before):
            return False
        left = self._known.get(before.id)
        return (
            left is None
            or not _has_matchers(silence, left)
            or datetime.fromisoformat(silence["endsAt"]) > left.until + timedelta(seconds=1)
        )

    async def _all(self, session: aiohttp.ClientSession) -> Sequence[Silence]:
        body = await get_bounded(session, f"{self._url}/silences", MAX_ANSWER_BYTES)
        silences = cast("list[Silence]", msgspec.json.decode(body))
        return [each for each in silences if each["status"]["state"] != "expired"]

    def _silence(self, window: Window, former: Silence | None, now: datetime) -> dict[str, Any]:
        """A silence of the window, which replaces its `former` one: Alertmanager changes that, or ends it as it takes the new one.

        It changes one in force if matchers and start are the same, and takes a start that is over as now where it makes a new one.
        """
        by = f" ({window.by})" if window.by else ""
        body = {
            "matchers": window.matchers(),
            "startsAt": _start(window, former, now),
            "endsAt": min(window.until, _first(window, now) + LEASE).isoformat(),
            "createdBy": self._author,
            # Begins with the id, by which the silence is found again.
            "comment": f"{window.id}: {window.why}{by}",
        }
        return body if former is None else body | {"id": former["id"]}


def _note_refusal(answer: aiohttp.ClientResponse, refused: list[aiohttp.ClientResponseError]) -> None:
    try:
        answer.raise_for_status()
    except aiohttp.ClientResponseError as error:
        refused.append(error)


def author_of(client_id: str) -> str:
    """The author that a collector gives its silences."""
    return f"{_AUTHOR}{client_id}"


def is_of_window(author: str, comment: str, client_id: str, windows: Sequence[Window]) -> bool:
    """Whether a silence was made of a maintenance window: by this collector, or by another one that reads the same file."""
    if author == author_of(client_id) or _mark_of(author, comment):
        return True
    return author.startswith(_AUTHOR) and comment.partition(": ")[0] in {window.id for window in windows}


def _alert_labels(each: TrackedProblem) -> dict[str, str]:
    """The labels by which Alertmanager tells its alert from others; without the severity, which is the problem's there, not the alarm's."""
    return {name: text for name, text in each.labels if text and name != "severity"}


def _mark(each: TrackedProblem) -> str:
    """Identifies the alert of a problem in the comments of silences, also to another collector."""
    return f"{crc32(repr((each.problem.name, sorted(_alert_labels(each).items()))).encode()):08x}"


def _mark_of(author: str, comment: str) -> str:
    """The mark of the alert that was mended and that a silence is of, from whichever collector; empty for any other silence."""
    found = _OF_MENDED.match(comment) if author.startswith(_AUTHOR) else None
    return found[1] if found else ""


def _window_of_alert(each: TrackedProblem, window: Window, until: datetime) -> Window:
    """A window that covers one alert and nothing else."""
    return Window.model_construct(
        id=f"{window.id}.{_mark(each)}",
        begins=None,
        until=until,
        match=_alert_labels(each),
        problems=[each.problem.name],
        why=_WHY_MENDED,
        by=window.by,
    )


def _id_of(silence: Silence) -> str:
    return str(silence["comment"]).partition(": ")[0]


def _first(window: Window, now: datetime) -> datetime:
    """When the window begins, or now if it has begun."""
    return max(window.begins or now, now)


def _start(window: Window, former: Silence | None, now: datetime) -> str:
    """When the silence of a window begins: if it is in force and stays so, when it did."""
    if former is not None and former["status"]["state"] == "active" and (window.begins is None or window.begins <= now):
        return str(former["startsAt"])
    return (window.begins or now).isoformat()


def _has_matchers(silence: Silence, window: Window) -> bool:
    return sorted(silence["matchers"], key=str) == sorted(window.matchers(), key=str)


def _is_same(silence: Silence, window: Window, now: datetime) -> bool:
    """Whether a silence agrees with the window, and lasts for some time yet if the window does.

    The start of one that is in force is not compared: Alertmanager sets it itself.
    """
    begins, ends = datetime.fromisoformat(silence["startsAt"]), datetime.fromisoformat(silence["endsAt"])
    second, has_begun = timedelta(seconds=1), window.begins is None or window.begins <= now
    return (
        _has_matchers(silence, window)
        and min(window.until - second, _first(window, now) + RENEW_AT) < ends < window.until + second
        and (begins <= now if has_begun else abs(begins - _first(window, now)) < second)
    )
