"""Notifies Alertmanagers and webhooks of problems over HTTP, and retries until they have accepted each one.

Each target has a task and a queue of its own, so that one that is away, or hangs, delays no other. The queue holds the present state of
each problem and not its history: after an outage a target gets what is true then, in one request. A request that a target refuses because
of its content is halved, so that one problem that it cannot accept does not hold up the others.
"""

import asyncio
import heapq
import logging
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import aiohttp
import msgspec

from collector.http import connector
from collector.problems.config import ProblemsConfig, WebhookConfig
from collector.problems.ended_elsewhere import EndedElsewhere
from collector.problems.report import ProblemReport, describe
from collector.problems.table import SEVERITY_RANK, Problem
from collector.problems.tracker import MAX_TRACKED, Key, TrackedProblem, Tracker
from rackflow.escape import redact_urls
from rackflow.process.bulkhead import Failures

log = logging.getLogger(__name__)
PUSH_PART = "problems_push"
"""Name of the bulkhead of all targets."""
# Alertmanager ends an alert that is not repeated. Prometheus repeats alerts once a minute and lets them live for four. The same values are
# used here, so that the alerts of a collector that dies pass to Prometheus.
REPEAT_S = 60.0
LIFE_S = 240.0
# By how much Prometheus may see the end of a problem later than the collector: 5 s of scraping, 5 s of evaluation, and a margin. Until
# then it reports the problem as active. If the collector ended it earlier, that report would begin it again and page somebody.
PULL_LAG_S = 15.0
# The same for what is wrong with a device or agent that was taken away. Prometheus cannot tell that from a collector that has just
# started, and goes on for five minutes in steps of 15 s, and 15 s more (`silent_devices`, of problems with `silent_s`). Without a
# Prometheus the alert ends sooner, because nobody repeats it.
GONE_LAG_S = 330.0
# How long a problem must be over before a webhook is notified of its end. If it begins again within that time, nothing is sent.
SETTLE_S = 30.0
# How long a target may take to answer; one that takes longer is tried again. A chosen value: it bounds how long a silent target holds up
# its own next report.
TIMEOUT_S = 5.0
# Between two attempts: short at first, because the safety class has 2 s in all.
PAUSES_S = (0.2, 1.0, 5.0, 30.0)
# A target that answers with Retry-After (429, 503) is left alone for as long as it asks for, up to this: chat services ask for a minute at
# most, and a critical problem should not wait for a clock that is wrong by hours.
MAX_RETRY_AFTER_S = 120.0
# Answers that concern the content of the request, not the target: Bad Request, Content Too Large, Unprocessable Content.
REFUSALS = (400, 413, 422)
# Answers of a gateway whose server is away: Bad Gateway, Service Unavailable, Gateway Timeout.
AWAY = (502, 503, 504)
OK = 200
# Problems with one cause mostly begin within one evaluation; waiting this long sends them in one request instead of many.
GATHER_S = 0.05
# Problems in one request. A chosen value: some 400 kB of alerts, within the limits of usual servers.
MAX_SENT = 500
# Clocks that differ by less are taken as one. An answer tells its time in whole seconds and takes up to TIMEOUT_S; alerts live for minutes.
CLOCKS_AGREE_S = 10.0
# An answer with one of these headers went through a proxy: Alertmanager writes neither. The time in it may be that of the proxy (nginx
# replaces `Date` by its own), and nothing says which of the two clocks it is.
OF_PROXIES = ("Server", "Via")
# A date that no clock shows; what is told by it would not fit into a date. The year 3000, s since 1970.
NO_CLOCK_S = 32_503_680_000.0
# ValueError: an answer whose headers cannot be read.
_FAULTS = (OSError, TimeoutError, aiohttp.ClientError, ValueError)


Reports = Sequence[tuple[TrackedProblem, ProblemReport]]
"""Problems, each with its words at the time of sending."""


class Target(Protocol):
    """Somebody who is notified of problems. `body` makes a request of some problems; None if none of them concerns this target."""

    @property
    def url(self) -> str:
        """Where to post."""
        ...

    @property
    def repeats(self) -> bool:
        """Whether active problems must be sent again every `REPEAT_S`: it is an Alertmanager, which can be asked what it still has."""
        ...

    def end_after_s(self, problem: Problem, /) -> float:
        """How long after the end of a problem the target is notified of it."""
        ...

    def is_stale(self, each: TrackedProblem, wall_s: float, /) -> bool:
        """Whether the target need not be notified any more of a problem that ended while it was away."""
        ...

    def note_clock(self, ahead_s: float, /, *, is_own: bool) -> bool:
        """By how much this collector's clock is ahead of the target's, by its last answer. Returns whether what it was sent is wrong.

        Without `is_own` it may be the clock of a proxy.
        """
        ...

    def body(self, reports: Reports, wall_s: float) -> bytes | None:
        """The request's JSON."""
        ...

    def note(self, sent: Reports, /) -> None:
        """It has accepted these, in the state in which they were sent: meanwhile a problem may have ended or begun again."""
        ...

    def forget(self, key: Key, /) -> None:
        """It refuses to be notified of a problem, and is not sent it again."""
        ...


@dataclass(slots=True)
class Alertmanager:
    """Alertmanager, API v2. It gets consequences as well: its inhibition rules suppress them together with those from Prometheus.

    It decides by its own clock whether an alert is over. So all times are told in that clock: an alert of a collector that is an hour
    behind would have ended when it comes, and nobody would be notified of it; one of an hour ahead would last an hour too long.

    Behind a proxy it is not known whose clock the answers tell. Times are then right by either: an alert that is active ends in the later
    of the two, and one that is over ended in the earlier one. Only if the collector dies does it last too long.
    """

    url: str
    repeats: bool = True
    ahead_s: float = 0.0
    """By how much the collector's clock is ahead of Alertmanager's; 0 if they agree."""
    is_own_clock: bool = True
    """Whether that is certainly its clock, and not a proxy's."""

    def end_after_s(self, problem: Problem, /) -> float:
        """Late enough that its consequences, which it inhibits, have ended, and that Prometheus has ended it, too."""
        return problem.linger_s + PULL_LAG_S

    def is_stale(self, each: TrackedProblem, wall_s: float, /) -> bool:
        """Alertmanager ends by itself what nobody repeats."""
        return not each.is_active and wall_s > each.ended_s + life_s(each.problem)

    def note_clock(self, ahead_s: float, /, *, is_own: bool) -> bool:
        """Take the difference of the clocks, unless it is about the one that is known.

        Compared with that one first: whole seconds would have a difference of about CLOCKS_AGREE_S come and go with each answer.
        """
        self.is_own_clock = is_own
        if abs(ahead_s - self.ahead_s) < CLOCKS_AGREE_S:
            return False
        ahead_s = ahead_s if abs(ahead_s) >= CLOCKS_AGREE_S else 0.0
        log.warning(
            "clocks differ, problems are told by the target's clock target=%s ahead_s=%.0f",
            redact_urls(self.url),
            ahead_s,
        )
        self.ahead_s = ahead_s
        return True

    def body(self, reports: Reports, wall_s: float) -> bytes | None:
        """Alerts. One that is active ends by itself unless it is repeated."""
        alerts = [
            {
                "labels": each.alert_labels(),
                "annotations": {
                    "summary": report.summary,
                    "description": report.description,
                    "runbook_url": report.runbook,
                },
                **self._times(each, wall_s),
            }
            for each, report in reports
        ]
        return msgspec.json.encode(alerts)

    def note(self, _: Reports, /) -> None:
        """Nothing to note: it is sent what is active again and again."""

    def forget(self, _: Key, /) -> None:
        """Nothing was noted."""

    def _times(self, each: TrackedProblem, wall_s: float) -> dict[str, str]:
        """Begin and end. Neither is later than now, and it begins before it ends: the collector's clock may have been set since then.

        Alertmanager refuses an alert that ends before it begins.
        """
        last_s = wall_s if each.is_active else min(each.ended_s or wall_s, wall_s)
        starts_s = min(each.since_s, last_s)
        clocks = (self.ahead_s,) if self.is_own_clock else (self.ahead_s, 0.0)
        ends_s = last_s + life_s(each.problem) - min(clocks) if each.is_active else last_s - max(clocks)
        return {"startsAt": _rfc3339(starts_s - max(clocks)), "endsAt": _rfc3339(ends_s)}


class Webhook:
    """Any program that takes JSON. It gets each problem once when it begins and once when it ends, but no consequences."""

    repeats = False

    def __init__(self, config: WebhookConfig, notified: set[Key]) -> None:
        self.url = config.url
        self._severity = config.severity
        self._notified = notified

    def end_after_s(self, _: Problem, /) -> float:
        """`SETTLE_S`, so that a value oscillating around its limit causes one message."""
        return SETTLE_S

    def is_stale(self, each: TrackedProblem, _: float, /) -> bool:
        """The end of a problem concerns it only if it was notified of its beginning."""
        return not each.is_active and each.key not in self._notified

    def note_clock(self, _: float, /, *, is_own: bool) -> bool:  # noqa: ARG002 - as the protocol has it
        """It is told what is the case, by the collector's clock."""
        return False

    def body(self, reports: Reports, wall_s: float) -> bytes | None:
        """The problems that it has not been notified of, and those it was notified of that have ended."""
        chosen = [report for each, report in reports if self._concerns(each.key, report)]
        return msgspec.json.encode({"schema": 1, "time": round(wall_s * 1000), "problems": chosen}) if chosen else None

    def note(self, sent: Reports, /) -> None:
        """Note of which problems it knows the beginning."""
        for each, report in sent:
            if self._concerns(each.key, report):
                (self._notified.discard if report.status == "ended" else self._notified.add)(each.key)

    def forget(self, key: Key, /) -> None:
        """If it was the end of the problem that it refused, it must be notified of the next beginning all the same."""
        self._notified.discard(key)

    def _concerns(self, key: Key, report: ProblemReport) -> bool:
        """Whether the webhook is to be notified: of a new root problem that is severe enough, or of the end of one it knows."""
        if report.status == "ended":
            return key in self._notified
        is_new = key not in self._notified and report.cause is None and report.maintenance is None
        return is_new and SEVERITY_RANK[report.severity] <= SEVERITY_RANK[self._severity]


class Pusher:
    """Delivers to one target. `offer` may be called at any time and never waits."""

    def __init__(
        self,
        target: Target,
        tracker: Tracker,
        failures: Failures,
        runbook_base: str = "",
        *,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._target = target
        self._wall = wall
        self._tracker = tracker
        self._failures = failures
        self._runbook_base = runbook_base
        self._waiting: dict[Key, TrackedProblem] = {}
        self._ending: dict[Key, tuple[TrackedProblem, float]] = {}
        """Problems that have ended, and when this target is to be notified."""
        self._ended_elsewhere = EndedElsewhere(target.url, certain_s, wall)
        self._wake = asyncio.Event()
        self._is_failing = False
        self._failed = 0
        """Deliveries in a row that failed without any answer that was good."""
        self._retry_after_s = 0.0
        """Seconds that the target asked to wait for with its last refusal (Retry-After)."""
        self._most = MAX_SENT
        """Problems in one request. Halved after a refusal, to find the problem that is refused; whole again once all have been sent."""
        self._has_other_clock = False
        """Whether the last answer showed that what was sent is wrong by the target's clock (`Target.note_clock`)."""
        self._is_there = False
        """Whether the last request had any answer, other than that the target is away."""
        self._is_reached = False
        """Whether that answer was the target's own, of whatever content: then its clock is known."""

    def offer(self, changed: TrackedProblem) -> None:
        """A problem began, ended, or has another cause."""
        after_s = self._target.end_after_s(changed.problem)
        if changed.is_gone and changed.problem.silent_s and self._target.repeats:
            after_s += GONE_LAG_S
        self._ending.pop(changed.key, None)
        if not changed.is_active and after_s and len(self._ending) < MAX_TRACKED:
            self._waiting.pop(changed.key, None)
            self._ending[changed.key] = changed, time.monotonic() + after_s
        else:
            if len(self._waiting) >= MAX_TRACKED and changed.key not in self._waiting:
                self._make_room()
            if len(self._waiting) < MAX_TRACKED or changed.key in self._waiting:
                self._waiting[changed.key] = changed
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector(2)) as session:
            repeat_at = 0.0
            while True:
                await self._pause(repeat_at)
                self._wake.clear()
                now = time.monotonic()
                for key in [key for key, (_, at) in self._ending.items() if now >= at]:
                    self._waiting[key] = self._ending.pop(key)[0]
                is_due = self._target.repeats and now >= repeat_at
                if is_due:
                    await self._repeat(session)
                    repeat_at = now + REPEAT_S
                is_there = True
                if is_due or (self._target.repeats and not self._is_reached):
                    is_there = await self._learn_clock(session)
                if not (await self._deliver(session) if is_there else not self._waiting):
                    self._make_room()
                    await asyncio.sleep(max(PAUSES_S[min(self._failed, len(PAUSES_S) - 1)], self._retry_after_s))
                    self._failed += 1
                    self._wake.set()

    async def _repeat(self, session: aiohttp.ClientSession) -> None:
        """Have each active problem sent again, except those that another collector has ended at the target.

        Whoever sees a problem repeats it in any case. Only those that no present reading shows may have been ended by a collector that sees
        more.
        """
        active = self._tracker.active()
        await self._ended_elsewhere.update(session, active, self._waiting)
        for each in active:
            if each.is_active and not self._ended_elsewhere.is_left_out(each):
                self._waiting.setdefault(each.key, each)

    async def _learn_clock(self, session: aiohttp.ClientSession) -> bool:
        """Send a list of no problems, so that the target's clock is known before it gets one. Returns whether it may be there.

        Alertmanager puts an alert that seems to be over into a group, and looks at a group once in minutes: that it is corrected at once is
        notified of late. So it is asked again whenever it was away: after a power cut the clocks of both may have been set meanwhile.
        """
        if (body := self._target.body((), self._wall())) is not None:
            await self._post(session, body, is_question=True)
        if self._is_reached and not self._waiting:
            # While something waits only its delivery counts: the target may take an empty list, and fail at each alert.
            self._failed = 0
        return self._is_there

    async def _pause(self, repeat_at: float) -> None:
        """Wait until something is offered, an end is due, or `repeat_at`."""
        now = time.monotonic()
        due = min((at for _, at in self._ending.values()), default=now + REPEAT_S)
        due = min(due, repeat_at) if self._target.repeats else due
        try:
            async with asyncio.timeout(max(0.0, due - now)):
                await self._wake.wait()
            await asyncio.sleep(GATHER_S)
        except TimeoutError:
            return

    def _make_room(self) -> None:
        """Drop ends that the target need not be notified of any more: while it is away for an hour, thousands may queue up."""
        wall_s = self._wall()
        for key in [key for key, each in self._waiting.items() if self._target.is_stale(each, wall_s)]:
            del self._waiting[key]

    def _most_urgent(self, refused: Container[Key]) -> list[TrackedProblem]:
        """The problems of the next request: after an outage, critical ones must not wait behind thousands of warnings."""
        open_ones = (each for key, each in self._waiting.items() if key not in refused)
        return heapq.nsmallest(self._most, open_ones, key=lambda each: SEVERITY_RANK[each.problem.severity])

    async def _deliver(self, session: aiohttp.ClientSession) -> bool:
        """Send all that waits, in one request or several. Returns False if it must be tried again after a pause."""
        refused: dict[Key, int] = {}
        has_accepted = False
        while chosen := self._most_urgent(refused):
            reports = [(each, describe(each, 0, self._runbook_base)) for each in chosen]
            is_sent, status = await self._send(session, reports)
            if status in REFUSALS:
                if len(chosen) == 1:
                    refused[chosen[0].key] = status
                self._most = max(1, len(chosen) // 2)
                continue
            if status != OK:
                return False
            # What follows may fail in this very delivery, and is then the first failure.
            self._failed = 0
            if refused:
                # The problem that it cannot take is found. One by one, some hundred others would take as many requests.
                self._most = min(2 * self._most, MAX_SENT)
            if is_sent:
                self._target.note(reports)
            has_accepted = has_accepted or is_sent
            self._done(reports, is_sent=is_sent)
        self._most = MAX_SENT
        # A target that accepts nothing at all may have a wrong address: its refusals say nothing about single problems.
        for key, status in refused.items() if has_accepted else ():
            where = redact_urls(self._target.url)
            log.warning(
                "problem is not sent any more, the target refuses it target=%s problem=%s status=%d", where, key, status
            )
            self._waiting.pop(key, None)
            self._target.forget(key)
        return has_accepted or not refused

    def _done(self, reports: Reports, *, is_sent: bool) -> None:
        """These need not wait any longer: the target has taken them, or need not be notified of them."""
        for each, report in reports:
            if is_sent and self._target.repeats and each.is_active:
                self._ended_elsewhere.note_accepted(each.key)
            # A problem that changed while it was being sent is sent again.
            is_same = each.is_active == (report.status != "ended")
            if is_same and self._waiting.get(each.key) is each:
                del self._waiting[each.key]

    async def _send(self, session: aiohttp.ClientSession, reports: Reports) -> tuple[bool, int]:
        """Whether there is anything to send of these problems, and what came of it: as `_post`, OK if there is nothing."""
        if (body := self._target.body(reports, self._wall())) is None:
            return False, OK
        status = await self._post(session, body)
        if self._has_other_clock and (body := self._target.body(reports, self._wall())) is not None:
            # By its clock. Not a third time: behind one address there may be several whose clocks differ.
            status = await self._post(session, body)
        return True, status

    async def _post(self, session: aiohttp.ClientSession, body: bytes, *, is_question: bool = False) -> int:
        """OK, one of REFUSALS, or 0 if it must be sent again. That the target refuses a mere question is no fault: its clock is known."""
        headers = {"Content-Type": "application/json"}
        self._retry_after_s, status, self._has_other_clock = 0.0, 0, False
        self._is_there = self._is_reached = False
        try:
            async with session.post(self._target.url, data=body, headers=headers, allow_redirects=False) as answer:
                wall_s, self._is_there = self._wall(), answer.status not in AWAY
                status = answer.status if answer.status in REFUSALS else 0
                self._is_reached = bool(status) or answer.status < 300  # noqa: PLR2004 - 2xx; others may be of a gateway
                if self._is_reached and (their_s := date_s(answer.headers.get("Date", ""))) is not None:
                    is_own = not any(each in answer.headers for each in OF_PROXIES)
                    self._has_other_clock = self._target.note_clock(wall_s - their_s, is_own=is_own)
                self._retry_after_s = retry_after_s(answer.headers.get("Retry-After", ""), wall_s)
                if is_question and status:
                    return status
                answer.raise_for_status()
                if answer.status >= 300:  # noqa: PLR2004 - a redirect; it would be followed with another method
                    raise aiohttp.ClientError(f"answers {answer.status} and not 2xx; write the address it redirects to")
        except _FAULTS as error:
            self._failures.count(PUSH_PART, error)
            if not self._is_failing:
                why = str(error) or f"no answer within {TIMEOUT_S:g} s"
                where = redact_urls(self._target.url)
                log.warning("problems cannot be delivered, trying again target=%s error=%s", where, redact_urls(why))
            self._is_failing = True
            return status
        if self._is_failing:
            log.warning("problems are delivered again target=%s", redact_urls(self._target.url))
        self._is_failing = False
        return OK


def targets(config: ProblemsConfig, notified: Callable[[str], set[Key]]) -> list[Target]:
    """The targets in the configuration. `notified` gives the problems that a webhook was notified of before."""
    found: list[Target] = [Alertmanager(f"{url.rstrip('/')}/api/v2/alerts") for url in config.alertmanagers]
    return [*found, *(Webhook(each, notified(each.url)) for each in config.webhooks)]


def life_s(problem: Problem) -> float:
    """How long Alertmanager keeps an alert that is not repeated.

    Repetitions stop when the problem ends, and Alertmanager is notified of that `end_after_s` later. Until then it must have the alert: a
    cause that is gone earlier inhibits nothing, and each of its consequences would notify somebody.
    """
    return max(LIFE_S, REPEAT_S + problem.linger_s + PULL_LAG_S + PAUSES_S[-1])


def certain_s() -> float:
    """How long Alertmanager certainly has what it has accepted, s: its clock may be ahead, and it is told and asked slowly."""
    return LIFE_S - CLOCKS_AGREE_S - 2 * TIMEOUT_S


def retry_after_s(text: str, wall_s: float) -> float:
    """Seconds of a Retry-After header: a number, or a date of HTTP. 0 for what is neither (RFC 9110, 10.2.3)."""
    wanted = float(text[:9]) if text.isascii() and text.isdecimal() else (date_s(text) or 0.0) - wall_s
    return min(max(wanted, 0.0), MAX_RETRY_AFTER_S)


def date_s(text: str) -> float | None:
    """A date of HTTP as wall time; None for what is none.

    One without a zone is UTC as well, as the oldest of its three formats has it (RFC 9110, 5.6.7), not the time zone of this machine.
    """
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at_s = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return at_s if 0.0 <= at_s < NO_CLOCK_S else None


def _rfc3339(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
