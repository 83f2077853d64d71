"""Keeps a silence at an Alertmanager for each maintenance window, so that alerts from Prometheus are silenced as well.

Alertmanager has an alert for minutes after its problem was mended. If the window ends within that time, as it does when somebody closes it
after the work, on-call would be paged for what is mended. So each alert that was mended within its window gets a silence of its own, until
Alertmanager has no reason to have it any more, or until the problem comes back. Such a silence outlives a restart of the collector, and any
collector that sees the problem come back ends it: the one that made it may be the half of a pair that has died.
"""

import asyncio
import logging
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zlib import crc32

import aiohttp
import msgspec

from collector.http import connector, read_bounded
from collector.problems.maintenance import MAINTENANCE_PART, Maintenance, Window
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
        windows = (*self._maintenance.windows, *self._mended.values())
        wanted = {window.id: window for window in windows if window.until > now}
        # Those that are refused are raised at the end, so that none of them keeps others from being silenced.
        refused: list[aiohttp.ClientResponseError] = []
        self._silenced = set()
        for silence in await self._all(session):
            window = wanted.get(_id_of(silence)) if silence["createdBy"] == self._author else None
            if window is not None and _is_same(silence, window, now):
                del wanted[window.id]
            elif window is not None or self._is_over(silence):
                async with session.delete(f"{self._url}/silence/{silence['id']}") as answer:
                    _note_refusal(answer, refused)
                continue
            if mark := _mark_of(silence["createdBy"], silence["comment"]):
                self._silenced.add(mark)
        for window in wanted.values():
            async with session.post(f"{self._url}/silences", json=self._silence(window)) as answer:
                _note_refusal(answer, refused)
        if refused:
            raise refused[0]

    def _is_over(self, silence: Silence) -> bool:
        """Whether a silence that no window asks for is to be ended. That of an alert that was mended runs out by itself."""
        mark = _mark_of(silence["createdBy"], silence["comment"])
        return mark in self._come_back if mark else silence["createdBy"] == self._author

    async def _all(self, session: aiohttp.ClientSession) -> Sequence[Silence]:
        async with session.get(f"{self._url}/silences") as answer:
            answer.raise_for_status()
            body = await read_bounded(answer, MAX_ANSWER_BYTES)
        silences = cast("list[Silence]", msgspec.json.decode(body))
        return [each for each in silences if each["status"]["state"] != "expired"]

    def _silence(self, window: Window) -> Silence:
        by = f" ({window.by})" if window.by else ""
        return {
            "matchers": window.matchers(),
            "startsAt": (window.begins or datetime.fromtimestamp(time.time(), UTC)).isoformat(),
            "endsAt": window.until.isoformat(),
            "createdBy": self._author,
            # Begins with the id, by which the silence is found again.
            "comment": f"{window.id}: {window.why}{by}",
        }


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


def _is_same(silence: Silence, window: Window, now: datetime) -> bool:
    """Whether a silence agrees with the window. The start of one that is in force is not compared: Alertmanager sets it itself."""
    begins = datetime.fromisoformat(silence["startsAt"])
    has_begun = window.begins is None or window.begins <= now
    return (
        sorted(silence["matchers"], key=str) == sorted(window.matchers(), key=str)
        and abs((datetime.fromisoformat(silence["endsAt"]) - window.until).total_seconds()) < 1.0
        and (begins <= now if has_begun else abs((begins - (window.begins or now)).total_seconds()) < 1.0)
    )
