"""What a real Alertmanager makes of the alerts that it is pushed: by its clock, and by the rules of inhibition that are shipped."""

import asyncio
import time
from pathlib import Path

import pytest

from collector.problems import push
from collector.problems.conditions import labels_of
from collector.problems.push import Alertmanager as PushTarget
from collector.problems.table import load_table
from collector.problems.tracker import TrackedProblem
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
