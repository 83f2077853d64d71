"""Targets that refuse a problem because of what it says, or a request because of its length: all others are told, in few requests."""

import msgspec
import pytest

from collector.problems import push
from collector.problems.config import WebhookConfig
from collector.problems.push import Webhook
from tests.collector.problems.test_push_faults import OK, Pushing, answering, devices, hook, smoke, warning
from tests.collector.running import until


async def without_bad(body: bytes) -> bytes:
    """A server that refuses each request with the device `bad` in it."""
    is_bad = b'"bad"' in body
    return b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" if is_bad else OK


async def test_a_problem_that_a_webhook_cannot_take_keeps_it_from_no_other() -> None:
    notified: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    async with answering(without_bad) as (url, got), Pushing(Webhook(WebhookConfig(url=url), notified)) as one:
        one.tell(smoke("a"), smoke("bad"), smoke("b"), smoke("c"))
        await until(lambda: len(notified) == 3, "notified of three")
        one.tell(smoke("d"))
        await until(lambda: devices(got)[-1] == "d", "and of what follows")
        assert [dict(labels)["device"] for _, labels in sorted(notified)] == ["a", "b", "c", "d"]
        one.tell(smoke("e"), smoke("f"))
        await until(lambda: len(notified) == 6, "notified of two more")
        assert [each["labels"]["device"] for each in got[-1][1]["problems"]] == ["e", "f"], "in one request again"


async def test_a_problem_that_a_webhook_cannot_take_has_the_others_told_in_few_requests() -> None:
    """It is found by halving. After that a hundred others are not told one by one: a chat service takes a second for each request."""
    notified: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    async with answering(without_bad) as (url, got), Pushing(Webhook(WebhookConfig(url=url), notified)) as one:
        one.tell(smoke("bad"), *(smoke(f"{number}") for number in range(100)))
        await until(lambda: len(notified) == 100, "told of all others")
        assert len(got) < 20


async def test_a_server_that_takes_no_long_request_is_told_in_requests_as_long_as_it_takes() -> None:
    most = 10

    async def short(body: bytes) -> bytes:
        is_long = len(msgspec.json.decode(body)["problems"]) > most
        return b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" if is_long else OK

    notified: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    async with answering(short) as (url, got), Pushing(Webhook(WebhookConfig(url=url), notified)) as one:
        one.tell(*(smoke(f"{number}") for number in range(64)))
        await until(lambda: len(notified) == 64, "told of all")
        assert len(got) < 15
        most = 100  # it has been configured anew
        one.tell(*(smoke(f"later-{number}") for number in range(20)))
        await until(lambda: len(notified) == 84, "told of all again")
        assert len(got[-1][1]["problems"]) == 20, "in one request again"


async def test_a_problem_that_a_webhook_cannot_take_is_dropped_though_nothing_of_what_is_behind_it_concerns_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push, "MAX_SENT", 1)
    async with (
        answering(without_bad) as (url, got),
        Pushing(Webhook(WebhookConfig(url=url, severity="critical"), set())) as one,
    ):
        one.tell(smoke("a"), smoke("bad"), warning("u"))
        await until(lambda: devices(got) == ["a", "bad"], "told of both")
        one.tell(smoke("b"))
        await until(lambda: devices(got)[-1] == "b", "told of another")
        assert devices(got) == ["a", "bad", "b"]


async def test_a_webhook_that_refused_everything_is_notified_once_its_address_is_corrected() -> None:
    wrong = True

    async def lost(_: bytes) -> bytes:
        return b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" if wrong else OK

    async with answering(lost) as (url, got), Pushing(hook(url)) as one:
        one.tell(smoke("a"), smoke("b"))
        await until(lambda: len(got) >= 4, "refused, halved and tried again")
        wrong = False
        await until(
            lambda: len(devices(got)) >= 2 and got[-1][1]["problems"][-1]["labels"]["device"] == "b", "notified"
        )
