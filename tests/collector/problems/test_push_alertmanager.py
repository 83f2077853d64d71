"""What a real Alertmanager makes of the alerts that it is pushed: by its clock, and by the rules of inhibition that are shipped."""

import asyncio
import time
from pathlib import Path
from typing import Any, cast

import pytest

from collector.problems import push
from collector.problems.conditions import labels_of
from collector.problems.push import Alertmanager as PushTarget
from collector.problems.push import Pusher
from collector.problems.table import load_table
from collector.problems.tracker import Key, TrackedProblem, Tracker
from rackflow.process.bulkhead import Failures
from rackflow.process.stopping import stop_tasks
from tests.collector.problems.test_push_faults import HOUR_S, Pushing, answering, notifying, smoke, works
from tests.collector.running import until
from tests.servers.alertmanager import Alertmanager
from tests.servers.waiting import eventually
from tests.servers.web import request


@pytest.mark.parametrize("ahead_s", [-HOUR_S, HOUR_S])
@pytest.mark.parametrize("has_jumped", [False, True])
async def test_a_collector_whose_clock_is_an_hour_off_has_its_problems_notified_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float, *, has_jumped: bool
) -> None:
    """With `has_jumped` the problem began before that. Alertmanager would take it for over, refuse it, or have it an hour too long."""
    monkeypatch.setattr(push, "PULL_LAG_S", 0.0)
    async with answering(works) as (url, notified):
        manager = Alertmanager(tmp_path / "alertmanager", notifying(url, tmp_path))
        with manager.serving():
            async with Pushing(PushTarget(f"{manager.url}/api/v2/alerts"), ahead_s=ahead_s) as one:
                each = smoke("a", ago_s=1.0 if has_jumped else 1.0 - ahead_s)
                one.tell(each)
                await until(lambda: bool(notified), "notified")
                each.is_active, each.ended_s = False, time.time() + ahead_s
                one.tell(each)
                await eventually(lambda: not manager.alerts(), "ended")
    assert [document["status"] for _, document in notified[:1]] == ["firing"]


async def test_what_another_collector_saw_end_is_not_told_again_by_one_that_sees_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of two collectors with an Alertmanager has lost the broker. It repeats what is wrong, but not what the other one has ended."""
    monkeypatch.setattr(push, "PULL_LAG_S", 0.0)
    monkeypatch.setattr(push, "REPEAT_S", 0.2)
    tracker, ended, lasting = Tracker(load_table()), smoke("ended"), smoke("lasting")

    def see(*keys: Key, silent: bool = False) -> list[TrackedProblem]:
        tracker.update(("u",), dict.fromkeys(keys, 1.0), time.monotonic(), is_silent=lambda _: silent)
        return tracker.tick(time.monotonic(), time.time())

    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        target = f"{manager.url}/api/v2/alerts"

        def updated() -> dict[str, str]:
            found = cast("list[dict[str, Any]]", request(target).json())
            return {each["labels"]["device"]: each["updatedAt"] for each in found}

        async def repeated(device: str, times: int = 2) -> dict[str, str]:
            for _ in range(times):
                before = (await asyncio.to_thread(updated)).get(device)
                await eventually(lambda before=before: updated().get(device) != before, "repeated")  # type: ignore[misc]
            return await asyncio.to_thread(updated)

        blind = Pusher(PushTarget(target), tracker, Failures())
        pushing = asyncio.create_task(blind.run(), name="push")
        async with Pushing(PushTarget(target)) as other:
            try:
                for each in see(ended.key, lasting.key):
                    blind.offer(each)
                await eventually(lambda: len(updated()) == 2, "both are told")
                see(silent=True)
                assert await repeated("ended", 2)
                assert all(each.is_uncertain for each in tracker.active())
                ended.is_active, ended.ended_s = False, time.time()
                other.tell(ended)
                await eventually(lambda: "ended" not in updated(), "the other one has ended it")
                assert set(await repeated("lasting", 3)) == {"lasting"}
                tracker.update(("u",), {lasting.key: 1.0}, time.monotonic(), decides=lambda _: False)
                assert tracker.get(ended.key), "it is back, and what decides it is still to come"
                assert set(await repeated("lasting", 3)) == {"lasting"}
                see(ended.key, lasting.key)
                assert set(await repeated("ended", 1)) == {"ended", "lasting"}, "it sees again"
            finally:
                await stop_tasks(pushing, within_s=2.0)


async def test_what_was_taken_away_is_ended_only_when_prometheus_has_forgotten_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prometheus goes on with it for minutes, and would begin it again."""
    monkeypatch.setattr(push, "PULL_LAG_S", 0.0)
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        target = f"{manager.url}/api/v2/alerts"

        def there() -> set[str]:
            return {each["labels"]["device"] for each in cast("list[dict[str, Any]]", request(target).json())}

        async with Pushing(PushTarget(target)) as one:
            gone, well = smoke("gone"), smoke("well")
            one.tell(gone, well)
            await eventually(lambda: there() == {"gone", "well"}, "both are told")
            for each in (gone, well):
                each.is_active, each.ended_s, each.is_gone = False, time.time(), each is gone
            one.tell(gone, well)
            await eventually(lambda: there() == {"gone"}, "what is well has ended")
            monkeypatch.setattr(push, "GONE_LAG_S", 0.0)
            one.tell(gone)
            await eventually(lambda: not there(), "and then what is gone")


async def test_alertmanager_notifies_of_a_switch_that_is_stuck_on_a_lost_feed_and_of_no_other_one(
    tmp_path: Path,
) -> None:
    """Its rule of inhibition must take a label that is missing for an empty one."""

    def of(name: str, **labels: str) -> TrackedProblem:
        problem, own = load_table().problems[name], labels_of({"site": "s", **labels})
        return TrackedProblem(problem, own, ("u",), 1.0, 1.0, is_active=True, since_s=time.time() - 1.0)

    async with answering(works) as (url, notified):
        manager = Alertmanager(tmp_path / "alertmanager", notifying(url, tmp_path))
        with manager.serving():
            async with Pushing(PushTarget(f"{manager.url}/api/v2/alerts")) as one:
                one.tell(of("DcimFeedLost", feed="A"))
                await until(lambda: bool(notified), "notified of the feed")
                switch = "DcimAtsRedundancyLost"
                one.tell(of(switch, device="switched", source="a"), of(switch, device="stuck", state="a"))
                await until(lambda: len(notified) > 1, "notified of a switch")
                found = await asyncio.to_thread(lambda: request(f"{manager.url}/api/v2/alerts").json())
    assert isinstance(found, list)
    inhibited = {each["labels"].get("device", ""): bool(each["status"]["inhibitedBy"]) for each in found}
    assert inhibited == {"": False, "switched": True, "stuck": False}
