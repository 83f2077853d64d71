"""By whose clock alerts are told: that of Alertmanager, which is asked for it before, and not that of whoever answers in its place."""

import logging
import time
from datetime import datetime
from email.utils import formatdate
from itertools import pairwise

import msgspec
import pytest

from collector.problems import push
from collector.problems.push import Alertmanager as PushTarget
from tests.collector.problems.test_push_faults import HOUR_S, Pushing, answering, smoke
from tests.collector.running import until

REFUSED = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def answer(status: str = "200 OK", *more: str, ahead_s: float = 0.0) -> bytes:
    """What a server says whose clock is so far ahead."""
    date = f"Date: {formatdate(time.time() + ahead_s, usegmt=True)}"
    return "\r\n".join([f"HTTP/1.1 {status}", date, *more, "Connection: close", "Content-Length: 0", "", ""]).encode()


def end_s(body: bytes) -> float:
    """When the only alert of a request ends."""
    (alert,) = msgspec.json.decode(body)
    return datetime.fromisoformat(alert["endsAt"]).timestamp()


@pytest.mark.parametrize(
    "absent",
    [
        b"",
        answer("503 Service Unavailable"),
        answer("502 Bad Gateway", ahead_s=-HOUR_S),
        answer("404 Not Found", ahead_s=-HOUR_S),
    ],
)
async def test_an_alertmanager_that_was_away_gets_no_alert_that_is_over_by_its_clock(
    absent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut it starts after the collector, whose clock is an hour behind. A gateway's clock is not taken for its own."""
    monkeypatch.setattr(push, "PAUSES_S", (0.01,))
    # A 404 keeps nobody from telling it an alert, which gets one, too.
    absences, taken = [absent] * 2, []

    async def back(body: bytes) -> bytes:
        if absences:
            return absences.pop()
        taken.append(body)
        return answer()

    async with answering(back) as (url, _), Pushing(PushTarget(url), ahead_s=-HOUR_S) as one:
        one.tell(smoke("a", ago_s=1.0 + HOUR_S))
        await until(lambda: any(body != b"[]" for body in taken), "told")
    assert end_s(next(body for body in taken if body != b"[]")) > time.time() + 60.0


@pytest.mark.parametrize("proxy", ["Server: nginx", "Via: 1.1 proxy"])
@pytest.mark.parametrize("ahead_s", [-HOUR_S, HOUR_S])
async def test_a_proxy_whose_clock_is_an_hour_off_makes_no_alert_end_before_it_comes(
    proxy: str, ahead_s: float
) -> None:
    """Collector and Alertmanager agree; what stands between them replaces the date of the answer."""
    taken = []

    async def through(body: bytes) -> bytes:
        taken.append(body)
        return answer("200 OK", proxy, ahead_s=ahead_s)

    async with answering(through) as (url, _), Pushing(PushTarget(url)) as one:
        one.tell(smoke("a"))
        await until(lambda: any(body != b"[]" for body in taken), "told")
        assert end_s(taken[-1]) > time.time() + max(0.0, ahead_s) + 60.0


async def test_an_alertmanager_that_refuses_an_empty_list_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """The list is sent each minute: a page that shows a failing part for ever would be believed no more."""
    caplog.set_level(logging.INFO, logger=push.__name__)
    taken = []

    async def picky(body: bytes) -> bytes:
        taken.append(body)
        return REFUSED if body == b"[]" else answer()

    async with answering(picky) as (url, _), Pushing(PushTarget(url)) as one:
        one.tell(smoke("a"))
        await until(lambda: any(body != b"[]" for body in taken), "told")
        one.tell(smoke("b"))
        await until(lambda: sum(body != b"[]" for body in taken) == 2, "told of another one")
        assert not one.failures.counts
    assert not [each for each in caplog.records if each.name == push.__name__]


async def test_an_alertmanager_that_is_away_while_nothing_is_wrong_is_told_at_once_when_something_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing waits for it, so there is no pause that a problem would have to wait for."""
    monkeypatch.setattr(push, "PAUSES_S", (HOUR_S,))
    absences, taken = [b"", b""], []

    async def back(body: bytes) -> bytes:
        if body == b"[]" and absences:
            return absences.pop()
        taken.append(body)
        return answer()

    async with answering(back) as (url, got), Pushing(PushTarget(url)) as one:
        await until(lambda: bool(one.failures.counts), "asked in vain")
        absences.clear()
        one.tell(smoke("a"))
        await until(lambda: len(taken) == 2, "told")
        assert len(got) == 3


async def test_an_alertmanager_that_refuses_an_empty_list_tells_its_clock_by_that() -> None:
    """Its answer is its own, whatever it thinks of the list. The first alert is right by its clock, an hour ahead of the collector's."""
    taken = []

    async def picky(body: bytes) -> bytes:
        taken.append(body)
        return answer("400 Bad Request" if body == b"[]" else "200 OK")

    async with answering(picky) as (url, _), Pushing(PushTarget(url), ahead_s=-HOUR_S) as one:
        one.tell(smoke("a", ago_s=1.0 + HOUR_S))
        await until(lambda: any(body != b"[]" for body in taken), "told")
    assert end_s(next(body for body in taken if body != b"[]")) > time.time() + 60.0


async def test_an_alertmanager_that_takes_an_empty_list_and_fails_at_each_alert_is_asked_less_and_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push, "PAUSES_S", (0.0, 0.2, 0.4))

    async def fails(body: bytes) -> bytes:
        return answer() if body == b"[]" else answer("500 Internal Server Error")

    async with answering(fails) as (url, got), Pushing(PushTarget(url)) as one:
        one.tell(smoke("a"))
        await until(lambda: sum(bool(alerts) for _, alerts in got) >= 4, "tried again and again")
    times = [at_s for at_s, alerts in got if alerts]
    pauses_s = [after - before for before, after in pairwise(times[:4])]
    assert [pause >= least for pause, least in zip(pauses_s, (0.0, 0.2, 0.4), strict=True)] == [True] * 3, pauses_s


async def test_an_alertmanager_that_is_back_when_nothing_is_wrong_any_more_is_tried_again_soon_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What ended meanwhile is not told. The answer to an empty list is all that shows that it is back."""
    monkeypatch.setattr(push, "PAUSES_S", (0.01, HOUR_S))
    monkeypatch.setattr(push, "PULL_LAG_S", 0.0)
    absences, faults = [b""], [b""]

    async def back(body: bytes) -> bytes:
        failing = absences if body == b"[]" else faults
        return failing.pop() if failing else answer()

    async with answering(back) as (url, got), Pushing(PushTarget(url)) as one:
        one.tell(smoke("over", ago_s=3 * HOUR_S, ended_ago_s=2 * HOUR_S))
        await until(lambda: len(got) == 2, "asked again")
        one.tell(smoke("a"))
        await until(lambda: sum(bool(alerts) for _, alerts in got) == 2, "told at the second attempt")
