"""Keeps a silence at an Alertmanager for each maintenance window, so that alerts from Prometheus are silenced as well.

Alertmanager has an alert for minutes after its problem was mended. If the window ends within that time, as it does when somebody closes it
after the work, on-call would be paged for what is mended. So each alert that was mended within its window gets a silence of its own, until
Alertmanager has no reason to have it any more, or until the problem comes back.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zlib import crc32

import aiohttp
import msgspec

from collector.http import connector, read_bounded
from collector.problems.maintenance import MAINTENANCE_PART, Maintenance, Window
from collector.problems.tracker import Key, TrackedProblem, Tracker
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
# How long an alert that was mended in its window stays silenced: longer than any goes on at Prometheus after its end (345 s).
MENDED_S = 600.0
# How often it is looked whether a problem in a window was mended, or has come back, s.
WATCH_S = 5.0
_FAULTS = (OSError, TimeoutError, aiohttp.ClientError, msgspec.DecodeError, KeyError, TypeError, ValueError)
_AUTHOR = "rackflow "
Silence = Mapping[str, Any]


class Silencer:
    """Keeps the silences of one Alertmanager. It changes only those whose author is this collector."""

    def __init__(
        self,
        url: str,
        client_id: str,
        maintenance: Maintenance,
        failures: Failures,
        tracker: Tracker | None = None,
    ) -> None:
        self._tracker = tracker
        self._mended: dict[Key, Window] = {}
        """Alerts that were mended within their window, as windows of their own."""
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
            self._note_mended(changed)
        if changed.window is not None or (changed.is_active and changed.key in self._mended):
            self._wake.set()

    def _note_mended(self, each: TrackedProblem) -> None:
        if each.window is not None and each.key not in self._mended:
            self._mended[each.key] = _window_of_alert(
                each, each.window, datetime.now(UTC) + timedelta(seconds=MENDED_S)
            )

    def _follow_mended(self, now: datetime) -> bool:
        """Look which problems in a window are mended. Returns whether to look again soon."""
        is_watching = False
        for each in self._tracker.active() if self._tracker is not None else ():
            if each.window is not None:
                is_watching = True
                if each.is_fading:
                    self._note_mended(each)
                    continue
            self._mended.pop(each.key, None)
        self._mended = {key: window for key, window in self._mended.items() if window.until > now}
        return is_watching

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
        for silence in await self._own(session):
            window = wanted.get(_id_of(silence))
            if window is not None and _is_same(silence, window, now):
                del wanted[window.id]
                continue
            async with session.delete(f"{self._url}/silence/{silence['id']}") as answer:
                _note_refusal(answer, refused)
        for window in wanted.values():
            async with session.post(f"{self._url}/silences", json=self._silence(window)) as answer:
                _note_refusal(answer, refused)
        if refused:
            raise refused[0]

    async def _own(self, session: aiohttp.ClientSession) -> Sequence[Silence]:
        async with session.get(f"{self._url}/silences") as answer:
            answer.raise_for_status()
            body = await read_bounded(answer, MAX_ANSWER_BYTES)
        silences = cast("list[Silence]", msgspec.json.decode(body))
        return [each for each in silences if each["createdBy"] == self._author and each["status"]["state"] != "expired"]

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
    if author == author_of(client_id):
        return True
    return author.startswith(_AUTHOR) and comment.partition(": ")[0] in {window.id for window in windows}


def _window_of_alert(each: TrackedProblem, window: Window, until: datetime) -> Window:
    """A window that covers one alert and nothing else."""
    labels = {name: text for name, text in each.labels if text and name != "severity"}
    return Window.model_construct(
        id=f"{window.id}.{crc32(repr(each.key).encode()):08x}",
        begins=None,
        until=until,
        match=labels,
        problems=[each.problem.name],
        why="mended within its window",
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
