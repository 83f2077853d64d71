"""A collector that stops between the end of a problem and its notification: webhooks are told afterwards, and of the next one as ever."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from collector.latest import Latest
from collector.problems import push, start_problems
from collector.problems.config import ProblemsConfig, WebhookConfig
from collector.problems.history import Ended, append_history, history_files
from collector.problems.maintenance import Maintenance
from collector.problems.monitor import Monitor
from collector.problems.push import Webhook
from collector.problems.saved import read_present
from collector.problems.table import load_table
from collector.problems.tracker import Key
from rackflow.process.bulkhead import Failures, Supervisor
from rackflow.process.stopping import stop_tasks
from tests.collector.problems.test_push_faults import OK, Pushing, answering, devices, smoke, works
from tests.collector.running import until


def monitor_of(path: Path) -> Monitor:
    return Monitor(load_table(), Latest(100), lambda _: {}, lambda: (), Failures(), path=path)


@asynccontextmanager
async def started(path: Path, url: str) -> AsyncIterator[Monitor]:
    """The problems of a collector that has just started, with a webhook."""
    failures, monitor = Failures(), monitor_of(path)
    await monitor.files.load()
    optional = Supervisor(failures)
    start_problems(
        optional,
        ProblemsConfig.model_validate({"webhooks": [{"url": url}]}),
        client_id="c",
        monitor=monitor,
        maintenance=Maintenance(None, failures),
        failures=failures,
    )
    try:
        yield monitor
    finally:
        await optional.stop(5.0)


async def saved_as_notified(path: Path, url: str, *keys: Key) -> None:
    """The file of a collector that was killed when these problems had ended, and its webhook was not notified of that yet."""
    async with started(path, url) as monitor:
        monitor.files.notified(url).update(keys)
        await until(lambda: path.exists() and keys[0][0].encode() in path.read_bytes(), "it is saved")


@pytest.mark.parametrize("is_in_history", [True, False])
async def test_a_webhook_is_notified_after_a_restart_of_what_had_ended_and_of_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_in_history: bool
) -> None:
    """It had the smoke for ever, and was told of none that followed at that detector."""
    monkeypatch.setattr(push, "SETTLE_S", 0.3)
    path, over = tmp_path / "problems.json", smoke("a", ago_s=60.0, ended_ago_s=10.0)
    async with answering(works) as (url, got):
        await saved_as_notified(path, url, over.key)
        if is_in_history:
            ended = Ended(over.key[0], [*over.labels], over.since_s, over.ended_s, 1.0, 1.0, is_cause=True)
            append_history(history_files(path)[0], [ended])
        async with started(path, url) as monitor:
            await until(lambda: bool(got), "notified of the end")
            ((problem,),) = [document["problems"] for _, document in got]
            assert (problem["name"], problem["status"]) == ("DcimSmoke", "ended")
            if is_in_history:
                assert (problem["since"], problem["ended"]) == (round(over.since_s * 1000), round(over.ended_s * 1000))
            for listener in monitor.listeners:
                listener(smoke("a"))
            await until(lambda: len(got) == 2, "notified of the next one")
            assert got[1][1]["problems"][0]["status"] == "active"


async def test_what_goes_on_after_a_restart_has_not_ended(tmp_path: Path) -> None:
    path, url, goes_on = tmp_path / "problems.json", "http://127.0.0.1:9/", smoke("a")
    before, after = monitor_of(path), monitor_of(path)
    before.tracker.restore(goes_on, time.monotonic())
    before.files.notified(url).add(goes_on.key)
    saving = asyncio.create_task(before.files.run(), name="saving")
    await until(path.exists, "it is saved")
    await stop_tasks(saving, within_s=2.0)
    await after.files.load()
    assert after.files.untold_ends(url) == []
    assert after.files.notified(url) == {goes_on.key}


async def test_of_several_ends_of_a_problem_the_webhook_is_notified_of_the_last(tmp_path: Path) -> None:
    path, url = tmp_path / "problems.json", "http://127.0.0.1:9/"
    ends = [smoke("a", ago_s=ago_s + 60.0, ended_ago_s=ago_s) for ago_s in (7200.0, 600.0)]
    ended = [Ended(each.key[0], [*each.labels], each.since_s, each.ended_s, 1.0, 1.0, is_cause=True) for each in ends]
    await asyncio.to_thread(append_history, history_files(path)[0], ended)
    monitor = monitor_of(path)
    await monitor.files.load()
    monitor.files.notified(url).add(ends[0].key)
    (told,) = monitor.files.untold_ends(url)
    assert (told.since_s, told.ended_s) == (ends[1].since_s, ends[1].ended_s)


async def test_a_problem_that_this_version_does_not_have_is_forgotten(tmp_path: Path) -> None:
    path, key = tmp_path / "problems.json", ("DcimOfAnotherVersion", (("site", "s"),))
    url = "http://127.0.0.1:9/"
    await saved_as_notified(path, url, key)
    assert [*read_present(path).notified.values()] == [[(key[0], [*key[1]])]]
    async with started(path, url) as monitor:
        assert monitor.files.notified(url) == set()


async def test_a_webhook_that_refuses_the_end_of_a_problem_is_notified_of_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(push, "SETTLE_S", 0.1)

    async def knows_no_end(body: bytes) -> bytes:
        return OK if b'"ended"' not in body else b"HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    notified: set[Key] = set()
    async with (
        answering(knows_no_end) as (url, got),
        Pushing(Webhook(WebhookConfig(url=url), notified)) as one,
    ):
        one.tell(smoke("a"))
        await until(lambda: devices(got) == ["a"], "told")
        one.tell(smoke("a", ended_ago_s=0.0))
        await until(lambda: len(got) > 1, "asked to take the end")
        # One that it takes, so that it is the end that it refuses, and not everything.
        one.tell(smoke("b"))
        await until(lambda: notified == {smoke("b").key}, "the end is not sent any more")
        count = len(got)
        one.tell(smoke("a"))
        await until(lambda: len(got) > count, "told again")
        assert devices(got)[-1] == "a"
        assert got[-1][1]["problems"][0]["status"] == "active"
