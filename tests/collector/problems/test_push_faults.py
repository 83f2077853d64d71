"""Targets that hang, refuse, answer half a line or are away for an hour: everybody else is told in time, and each is told once."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
import yaml

from collector.problems import push
from collector.problems.conditions import labels_of
from collector.problems.config import WebhookConfig
from collector.problems.push import PUSH_PART, Pusher, Target, Webhook
from collector.problems.push import Alertmanager as PushTarget
from collector.problems.table import load_table
from collector.problems.tracker import TrackedProblem, Tracker
from rackflow.process.bulkhead import Failures
from rackflow.process.stopping import stop_tasks
from tests.collector.running import until
from tests.servers.alertmanager import SHIPPED, Alertmanager
from tests.servers.loop_server import loop_server

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
Answer = Callable[[bytes], Awaitable[bytes | None]]
HOUR_S = 3600.0


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[tuple[str, list[tuple[float, Any]]]]:
    """A server that reads a request and writes what `answer` says of its body, byte for byte; None: it never answers."""
    got: list[tuple[float, Any]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
            got.append((time.monotonic(), msgspec.json.decode(body)))
            said = await answer(body)
            if said is None:
                await reader.read()  # until the client has had enough
            else:
                writer.write(said)
                await writer.drain()
        finally:
            writer.close()

    async with loop_server(serve) as port:
        yield f"http://127.0.0.1:{port}/", got


class Pushing:
    """Pushers at work, one for each target, and what is told to all of them."""

    def __init__(self, *targets: Target, runbook_base: str = "", ahead_s: float = 0.0) -> None:
        self.failures = Failures()
        self.pushers = [
            Pusher(each, Tracker(load_table()), self.failures, runbook_base, wall=lambda: time.time() + ahead_s)
            for each in targets
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(each.run(), name="push") for each in self.pushers]
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop_tasks(*self._tasks, within_s=2.0)

    def tell(self, *changed: TrackedProblem) -> None:
        for pusher in self.pushers:
            for each in changed:
                pusher.offer(each)


def notifying(url: str, folder: Path) -> Path:
    """The configuration of Alertmanager that is shipped, with a webhook in each receiver."""
    routes = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    for receiver in routes["receivers"]:
        receiver["webhook_configs"] = [{"url": url, "send_resolved": True}]
    config = folder / "routes.yml"
    config.write_text(yaml.safe_dump(routes), encoding="utf-8")
    return config


def hook(url: str) -> Webhook:
    return Webhook(WebhookConfig(url=url), set())


def smoke(device: str, *, ago_s: float = 1.0, ended_ago_s: float | None = None) -> TrackedProblem:
    """Smoke at a device, which began so long ago, and may be over."""
    now = time.time()
    labels = labels_of({"site": "s", "room": "r", "device": device, "kind": "smoke", "sensor": "1"})
    active, ended_s = ended_ago_s is None, now - (ended_ago_s or 0.0)
    problem = load_table().problems["DcimSmoke"]
    return TrackedProblem(
        problem, labels, ("u",), 1.0, 1.0, is_active=active, since_s=now - ago_s, ended_s=0.0 if active else ended_s
    )


def warning(device: str) -> TrackedProblem:
    """A UPS whose test failed a second ago."""
    problem, labels = load_table().problems["DcimUpsTestFailed"], labels_of({"site": "s", "device": device})
    return TrackedProblem(problem, labels, ("u",), 1.0, 1.0, is_active=True, since_s=time.time() - 1.0)


def devices(got: Sequence[tuple[float, Any]]) -> list[str]:
    return [each["labels"]["device"] for _, document in got for each in document["problems"]]


async def hangs(_: bytes) -> None:
    return None


async def works(_: bytes) -> bytes:
    return OK


async def test_a_webhook_that_hangs_keeps_no_other_one_waiting_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(hangs) as (bad, asked), answering(works) as (good, got), Pushing(hook(bad), hook(good)) as one:
        one.tell(smoke("a"))
        await until(lambda: bool(asked and got), "asked both")
        one.tell(smoke("b"))
        await until(lambda: devices(got) == ["a", "b"], "the other one is told of both")
        assert devices(asked) == ["a"]  # one request at a time
    monkeypatch.setattr(push, "TIMEOUT_S", 0.2)
    async with answering(hangs) as (bad, asked), Pushing(hook(bad)) as one:
        one.tell(smoke("a"))
        await until(lambda: one.failures.counts[PUSH_PART, "TimeoutError"] >= 2, "given up and tried again")
        one.tell(smoke("b"))
        await until(lambda: devices(asked)[-2:] == ["a", "b"], "both in one request")


async def test_a_notification_leads_to_the_runbook_of_the_configuration() -> None:
    """Whoever is woken follows the link: to the site's own pages, if it has some."""
    async with (
        answering(works) as (url, got),
        Pushing(hook(url), PushTarget(url), runbook_base="https://book.example/") as pushing,
    ):
        pushing.tell(smoke("cdu-07"))
        # The Alertmanager is asked for its clock before, without an alert.
        await until(lambda: len([each for each in got if each[1]]) == 2, "told")
    links = {
        str(each.get("runbook") or each["annotations"]["runbook_url"])
        for _, document in got
        for each in (document if isinstance(document, list) else document["problems"])
    }
    assert links == {"https://book.example/deploy/RUNBOOK.md#dcimsmoke"}


async def test_critical_problems_are_notified_before_warnings_that_waited_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push, "MAX_SENT", 2)
    warnings = [warning(each) for each in "abcd"]
    async with answering(works) as (url, got), Pushing(hook(url)) as one:
        one.tell(*warnings, smoke("z"))
        await until(lambda: len(devices(got)) == 5, "all are told")
    assert devices(got) == ["z", "a", "b", "c", "d"]


async def test_a_change_back_while_a_notification_is_sent_is_notified_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer to the request says nothing about what happened meanwhile."""
    monkeypatch.setattr(push, "SETTLE_S", 0.0)
    each, meanwhile = smoke("a"), [False, True]

    async def answer(_: bytes) -> bytes:
        if meanwhile:
            each.is_active = meanwhile.pop(0)
            each.ended_s = 0.0 if each.is_active else time.time()
            one.tell(each)
        return OK

    async with answering(answer) as (url, got), Pushing(hook(url)) as one:
        one.tell(each)
        await until(lambda: len(got) == 3, "told three times")
        statuses = [problem["status"] for _, document in got for problem in document["problems"]]
        assert [status == "ended" for status in statuses] == [False, True, False]


async def test_a_problem_that_begins_anew_while_its_end_is_notified_is_notified_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tracker has forgotten the first one by then: the second is another object with the same name and labels."""
    monkeypatch.setattr(push, "SETTLE_S", 0.0)
    former, anew = smoke("a", ended_ago_s=0.0), [smoke("a")]

    async def answer(_: bytes) -> bytes:
        if anew:
            one.tell(anew.pop())
        return OK

    async with answering(answer) as (url, got), Pushing(Webhook(WebhookConfig(url=url), {former.key})) as one:
        one.tell(former)
        await until(lambda: len(got) == 2, "told of both")
        statuses = [problem["status"] for _, document in got for problem in document["problems"]]
        assert [status == "ended" for status in statuses] == [True, False]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 20",
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 1000\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"\x00\xff\x00\xff\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_after_an_invalid_answer_the_notification_is_repeated_and_then_sent_once(answer: bytes) -> None:
    answers = iter([answer])

    async def answering_once(_: bytes) -> bytes:
        return next(answers, OK)

    async with answering(answering_once) as (url, got), Pushing(hook(url)) as one:
        one.tell(smoke("a"))
        await until(lambda: devices(got) == ["a", "a"], "told again")
        one.tell(smoke("a"), smoke("b"))
        await until(lambda: len(got) == 3, "told of another one")
        assert devices(got) == ["a", "a", "b"]
        assert sum(one.failures.counts.values()) == 1


async def test_a_body_cut_short_after_a_good_answer_is_no_reason_to_tell_again() -> None:
    async def half(_: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"

    async with answering(half) as (url, got), Pushing(hook(url)) as one:
        one.tell(smoke("a"))
        await until(lambda: bool(got), "notified")
        one.tell(smoke("b"))
        await until(lambda: len(got) == 2, "told of another one")
        assert devices(got) == ["a", "b"]


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_a_target_that_asks_for_a_pause_gets_it(status: str) -> None:
    answers = iter([f"HTTP/1.1 {status}\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".encode()])

    async def busy(_: bytes) -> bytes:
        return next(answers, OK)

    async with answering(busy) as (url, got), Pushing(hook(url)) as one:
        one.tell(smoke("a"))
        await until(lambda: len(got) == 2, "told again")
        assert got[1][0] - got[0][0] >= 1.0
        assert devices(got) == ["a", "a"]


async def test_a_pause_that_a_target_asked_for_is_not_repeated_when_it_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Were it, the 60 attempts that fail after it would take a minute, and a problem would wait for as long."""
    monkeypatch.setattr(push, "PAUSES_S", (0.001,))
    monkeypatch.setattr(push, "GATHER_S", 0.0)
    monkeypatch.setattr(push, "MAX_RETRY_AFTER_S", 1.0)
    answers = iter([b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n", *[b""] * 60])

    async def restarting(_: bytes) -> bytes:
        return next(answers, OK)

    async with answering(restarting) as (url, got), Pushing(hook(url)) as one:
        one.tell(smoke("a"))
        await until(lambda: len(got) == 62, "told at last", timeout_s=30.0)


@pytest.mark.parametrize("wanted", ["-5", "soon", "", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 Foo 2026", "\u0661"])
async def test_a_pause_that_cannot_be_meant_is_none(wanted: str) -> None:
    answers = iter([f"HTTP/1.1 503 Busy\r\nRetry-After: {wanted}\r\nContent-Length: 0\r\n\r\n".encode()])

    async def busy(_: bytes) -> bytes:
        return next(answers, OK)

    async with answering(busy) as (url, got), Pushing(hook(url)) as one:
        one.tell(smoke("a"))
        await until(lambda: len(got) == 2, "told again")


async def test_thousands_of_ends_while_a_webhook_is_away_leave_room_for_what_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push, "MAX_TRACKED", 10)
    monkeypatch.setattr(push, "SETTLE_S", 0.0)
    async with answering(works) as (url, got):
        target = hook(url)
        one = Pushing(target)
        for number in range(30):
            one.tell(smoke(f"old-{number}", ago_s=HOUR_S, ended_ago_s=HOUR_S / 2))
        one.tell(smoke("new"))
        async with one:
            await until(lambda: bool(got), "notified")
            assert devices(got) == ["new"]


async def test_if_more_ends_wait_to_settle_than_are_kept_they_are_notified_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push, "MAX_TRACKED", 2)
    ended = [smoke(each, ended_ago_s=0.0) for each in "abc"]
    async with (
        answering(works) as (url, got),
        Pushing(Webhook(WebhookConfig(url=url), {each.key for each in ended})) as one,
    ):
        one.tell(*ended)
        await until(lambda: bool(got), "notified")
        assert devices(got) == ["c"]


async def test_an_alertmanager_back_after_an_hour_gets_present_problems_and_no_ended_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "PULL_LAG_S", 0.0)
    async with answering(works) as (url, notified):
        manager = Alertmanager(tmp_path / "alertmanager", notifying(url, tmp_path))
        with manager.serving():
            address = f"{manager.url}/api/v2/alerts"
        async with Pushing(PushTarget(address)) as one:
            # An hour ago one began, which lasts; others began and ended.
            one.tell(smoke("lasts", ago_s=HOUR_S))
            one.tell(*(smoke(f"over-{number}", ago_s=HOUR_S, ended_ago_s=HOUR_S / 2) for number in range(40)))
            await until(lambda: bool(one.failures.counts), "away")
            with manager.serving():
                await until(lambda: bool(notified), "notified")
                alerts = await asyncio.to_thread(manager.alerts)
    (message,) = (document for _, document in notified)
    assert [each["labels"]["device"] for each in message["alerts"]] == ["lasts"]
    assert set(alerts) == {"DcimSmoke"}


async def test_no_end_is_notified_of_a_problem_that_begins_again_before_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tracker has forgotten the first one by then: the second is another object with the same name and labels."""
    monkeypatch.setattr(push, "SETTLE_S", 0.3)
    async with answering(works) as (url, got), Pushing(hook(url)) as one:
        one.tell(smoke("a"), smoke("b"))
        await until(lambda: devices(got) == ["a", "b"], "told of both")
        one.tell(smoke("a", ended_ago_s=0.0), smoke("b", ended_ago_s=0.0), smoke("a"))
        # Both ends were due at the same moment.
        await until(lambda: len(devices(got)) > 2, "told of an end")
        assert devices(got) == ["a", "b", "b"]


async def test_the_end_of_a_problem_that_waits_for_its_target_is_notified_no_sooner_than_any_other() -> None:
    """It was told before, and waits because its cause has changed. What waits is of now, and would say that it is over."""
    each, other = smoke("a"), smoke("b")
    async with answering(works) as (url, got):
        one = Pushing(Webhook(WebhookConfig(url=url), {each.key}))
        one.tell(each)
        each.is_active, each.ended_s = False, time.time()
        one.tell(each, other)
        async with one:
            await until(lambda: bool(got), "notified")
        assert devices(got) == ["b"]


async def test_a_target_that_goes_on_failing_is_asked_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "PAUSES_S", (0.0, 0.2, 0.4))

    async def fails(_: bytes) -> bytes:
        return b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    async with answering(fails) as (url, got), Pushing(hook(url)) as one:
        one.tell(smoke("a"))
        await until(lambda: len(got) >= 5, "tried again and again")
    times = [at_s for at_s, _ in got]
    pauses_s = [after - before for before, after in pairwise(times[:5])]
    assert [pause >= least for pause, least in zip(pauses_s, (0.0, 0.2, 0.4, 0.4), strict=True)] == [True] * 4, pauses_s


async def test_a_target_that_failed_twice_with_a_good_answer_between_is_tried_again_soon_both_times(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And it is logged both times that it fails, and when it is over."""
    monkeypatch.setattr(push, "PAUSES_S", (0.01, HOUR_S))
    answers = [b"", OK, b"", OK]

    async def now_and_then(_: bytes) -> bytes:
        return answers.pop(0)

    def logged() -> list[str]:
        return [each.getMessage().partition(" target=")[0] for each in caplog.records if each.name == push.__name__]

    fails, works_again = "problems cannot be delivered, trying again", "problems are delivered again"
    async with answering(now_and_then) as (url, got), Pushing(hook(url)) as one:
        one.tell(smoke("a"))
        await until(lambda: devices(got) == ["a", "a"], "told at the second attempt")
        await until(lambda: logged() == [fails, works_again], "logged")
        one.tell(smoke("b"))
        await until(lambda: devices(got)[2:] == ["b", "b"], "told at the second attempt")
        await until(lambda: logged() == [fails, works_again] * 2, "logged once more")


async def test_a_failure_behind_a_good_answer_of_the_same_delivery_is_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push, "PAUSES_S", (0.01, HOUR_S))
    monkeypatch.setattr(push, "MAX_SENT", 1)
    answers = [b"", OK, b"", OK]

    async def now_and_then(_: bytes) -> bytes:
        return answers.pop(0)

    async with answering(now_and_then) as (url, got), Pushing(hook(url)) as one:
        one.tell(smoke("a"), smoke("b"))
        await until(lambda: devices(got) == ["a", "a", "b", "b"], "both are told at the second attempt")


@asynccontextmanager
async def repeating(url: str, active: TrackedProblem) -> AsyncIterator[Pusher]:
    """What tells an Alertmanager while a problem is active."""
    tracker = Tracker(load_table())
    tracker.restore(active, time.monotonic())
    pusher = Pusher(PushTarget(url), tracker, Failures())
    task = asyncio.create_task(pusher.run(), name="push")
    try:
        yield pusher
    finally:
        await stop_tasks(task, within_s=2.0)


async def test_lasting_alerts_are_sent_to_alertmanager_again_and_not_with_every_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with answering(works) as (url, got):
        async with repeating(url, smoke("a")) as pusher:
            await until(lambda: len(got) == 2, "what is active at the start, behind a list of nothing")
            pusher.offer(smoke("b"))
            await until(lambda: len(got) == 3, "told of another one")
            pusher.offer(smoke("c"))
            await until(lambda: len(got) == 4, "told of another one")
        assert [[each["labels"]["device"] for each in alerts] for _, alerts in got] == [[], ["a"], ["b"], ["c"]]
        got.clear()
        monkeypatch.setattr(push, "REPEAT_S", 0.1)
        async with repeating(url, smoke("a")):
            await until(lambda: sum(bool(alerts) for _, alerts in got) >= 3, "repeated")


async def test_a_redirect_is_not_followed_because_it_would_ask_and_tell_nothing() -> None:
    """A client makes a GET of a POST that is redirected: the other address would say that all is well, and nobody was told."""
    asked: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        writer.close()

    async with loop_server(elsewhere) as port:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\n\r\n"
        answers = iter([moved.encode()])

        async def redirecting(_: bytes) -> bytes:
            return next(answers, OK)

        async with answering(redirecting) as (url, got), Pushing(hook(url)) as one:
            one.tell(smoke("a"))
            await until(lambda: bool(asked) or len(got) == 2, "told again")
            assert (asked, devices(got)) == ([], ["a", "a"])
