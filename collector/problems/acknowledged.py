"""Reads from Alertmanagers who has acknowledged a problem: a silence that a person has put there, with its end and comment.

The collector only shows acknowledgements. It never creates, changes or obeys one: a silenced problem is still evaluated, counted, shown
and sent to webhooks. Alertmanager is asked which alerts a silence covers, because its matchers may be regular expressions in a dialect
that Python does not have, and a badly written one could block the event loop.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import msgspec

from collector.http import connector, get_bounded
from collector.problems.tracker import Acknowledgement, Key, TrackedProblem, Tracker
from rackflow.escape import redact_urls
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import in_turns

log = logging.getLogger(__name__)
ACKNOWLEDGED_PART = "problems_acknowledged"
"""Name of the bulkhead of reading acknowledgements."""
# Whoever acknowledges expects to see it on the status page within this time. A read is one small request, two while silences are active.
READ_S = 15.0
# Time from the first problem to the first read: it must have been pushed, and Alertmanager must have processed it.
SETTLE_S = 2.0
# How long Alertmanager may take to answer. A chosen value: it answers within milliseconds, and the next read comes in READ_S.
TIMEOUT_S = 5.0
# An alert has some 800 bytes: 5,000 of them. Decoding takes 20 ms at most, and only while silences are in force.
MAX_ANSWER_BYTES = 4_000_000
# What is kept of an author's name and of a comment, in characters. Chosen: the page shows a line of each.
MAX_BY = 100
MAX_COMMENT = 500
# Alerts or problems compared between two turns of the loop: a set of labels each, a few milliseconds in all.
_SLICE = 500
# Of a request to Alertmanager's API, and of decoding its answer.
API_FAULTS = (OSError, TimeoutError, aiohttp.ClientError, msgspec.DecodeError, UnicodeDecodeError, ValueError)
_ALERTS = "alerts?active=false&unprocessed=false&inhibited=true&silenced=true"
LabelSet = frozenset[tuple[str, str]]


class _State(msgspec.Struct):
    state: str


class _Silence(msgspec.Struct, rename="camel"):
    """The fields used of a silence (API v2, gettableSilence)."""

    id: str
    status: _State
    ends_at: datetime
    created_by: str = ""
    comment: str = ""


class _AlertStatus(msgspec.Struct, rename="camel"):
    silenced_by: list[str]


class _Alert(msgspec.Struct):
    """The fields used of an alert (API v2, gettableAlert)."""

    labels: dict[str, str]
    status: _AlertStatus


@dataclass(frozen=True, slots=True)
class Unread:
    """An Alertmanager that does not answer, so that acknowledgements made there since are unknown."""

    url: str
    """Address of the Alertmanager, without a password."""
    since_s: float
    """Wall time of the first attempt that failed."""
    error: str


@dataclass(slots=True)
class _Source:
    """The acknowledgements read from one Alertmanager."""

    by_problem: Mapping[Key, Acknowledgement] = field(default_factory=dict)
    unread: Unread | None = None


class Acknowledgements:
    """The acknowledgements read from all Alertmanagers. If several silences cover one problem, the one that ends last is shown."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def source(self, url: str) -> _Source:
        """The state of one Alertmanager, which its reader updates."""
        return self._sources.setdefault(url, _Source())

    def of(self, key: Key, wall_s: float) -> Acknowledgement | None:
        """The acknowledgement of a problem that is in force."""
        found = [each.by_problem[key] for each in self._sources.values() if key in each.by_problem]
        return max((each for each in found if each.until_s > wall_s), key=lambda each: each.until_s, default=None)

    def unread(self) -> list[Unread]:
        """Alertmanagers that could not be read at the last attempt."""
        return [each.unread for each in self._sources.values() if each.unread is not None]


class AcknowledgementReader:
    """Reads one Alertmanager every READ_S, and only while there are problems: otherwise there is nothing to acknowledge.

    `is_of_window` takes author and comment of a silence and tells whether it was made for a maintenance window: those are shown apart.
    """

    def __init__(
        self,
        url: str,
        is_of_window: Callable[[str, str], bool],
        tracker: Tracker,
        acknowledgements: Acknowledgements,
        failures: Failures,
    ) -> None:
        self._url = f"{url.rstrip('/')}/api/v2"
        self._where = redact_urls(url)
        self._is_of_window = is_of_window
        self._tracker = tracker
        self._source = acknowledgements.source(url)
        self._failures = failures
        self._wake = asyncio.Event()

    def note(self, _: TrackedProblem) -> None:
        """A problem began, ended, or has another cause."""
        self._wake.set()

    async def run(self) -> None:
        """Read until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector(1)) as session:
            while True:
                await self._until_problems()
                try:
                    self._source.by_problem = await self._read(session)
                except API_FAULTS as error:
                    self._note_fault(error)
                else:
                    if self._source.unread is not None:
                        log.warning("acknowledgements are read again target=%s", self._where)
                    self._source.unread = None
                await asyncio.sleep(READ_S)

    async def _until_problems(self) -> None:
        if self._tracker.active():
            return
        # What was read may have been withdrawn when the next problem begins.
        self._source.by_problem, self._source.unread = {}, None
        while not self._tracker.active():
            self._wake.clear()
            await self._wake.wait()
        await asyncio.sleep(SETTLE_S)

    def _note_fault(self, error: Exception) -> None:
        """Note a failed request. Silences read before stay shown until their own end; the page says that they may be out of date."""
        self._failures.count(ACKNOWLEDGED_PART, error)
        why = redact_urls(str(error)) or f"no answer within {TIMEOUT_S:g} s"
        since_s = self._source.unread.since_s if self._source.unread is not None else time.time()
        if self._source.unread is None:
            log.warning("acknowledgements cannot be read, trying again target=%s error=%s", self._where, why)
        self._source.unread = Unread(self._where, since_s, why)

    async def _read(self, session: aiohttp.ClientSession) -> Mapping[Key, Acknowledgement]:
        silences = {
            each.id: Acknowledgement(each.created_by[:MAX_BY], each.comment[:MAX_COMMENT], _wall_s(each.ends_at))
            for each in msgspec.json.decode(await self._get(session, "silences"), type=list[_Silence])
            if each.status.state == "active" and not self._is_of_window(each.created_by, each.comment)
        }
        if not silences:
            return {}
        alerts = msgspec.json.decode(await self._get(session, _ALERTS), type=list[_Alert])
        return await in_turns(_matching(alerts, silences, self._tracker.active()))

    async def _get(self, session: aiohttp.ClientSession, path: str) -> bytes:
        return await get_bounded(session, f"{self._url}/{path}", MAX_ANSWER_BYTES)


def _matching(
    alerts: Sequence[_Alert], silences: Mapping[str, Acknowledgement], problems: Sequence[TrackedProblem]
) -> Generator[None, None, dict[Key, Acknowledgement]]:
    """The acknowledgement of each problem whose alert is silenced by one of `silences`. Yields after each slice."""
    by_labels: dict[LabelSet, Acknowledgement] = {}
    for count, alert in enumerate(alerts, 1):
        if count % _SLICE == 0:
            yield
        if own := [silences[each] for each in alert.status.silenced_by if each in silences]:
            by_labels[frozenset(alert.labels.items())] = max(own, key=lambda each: each.until_s)
    found: dict[Key, Acknowledgement] = {}
    for count, tracked in enumerate(problems if by_labels else (), 1):
        if count % _SLICE == 0:
            yield
        if (acknowledgement := by_labels.get(tracked.alert_label_set())) is not None:
            found[tracked.key] = acknowledgement
    return found


def _wall_s(at: datetime) -> float:
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
