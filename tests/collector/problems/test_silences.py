"""Silences of maintenance windows at an Alertmanager: they follow the windows, and those of anybody else are left alone."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from collector.problems.maintenance import Maintenance, Window
from collector.problems.silences import LEASE, RENEW_AT, Silencer
from rackflow.process.bulkhead import Failures
from rackflow.process.files import replace_durably
from rackflow.process.stopping import stop_tasks
from tests.collector.running import until
from tests.servers.alertmanager import Alertmanager
from tests.servers.waiting import eventually
from tests.servers.web import request

HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=0)


def window(name: str = "W-7", more: Mapping[str, object] | None = None) -> Window:
    """A window of one device for the next hour."""
    data: dict[str, object] = {"id": name, "until": NOW + HOUR, "match": {"device": "cdu-07"}, "why": "pump exchange"}
    return Window.model_validate(data | dict(more or {}))


def silences(manager: Alertmanager) -> dict[str, Mapping[str, Any]]:
    """The silences that are in force or to come, by comment. Blocking."""
    found = cast("list[Mapping[str, Any]]", request(f"{manager.url}/api/v2/silences").json())
    kept = [each for each in found if each["status"]["state"] != "expired"]
    assert len({(each["createdBy"], each["comment"]) for each in kept}) == len(kept), "one silence for each window"
    return {each["comment"]: each for each in kept}


@asynccontextmanager
async def silenced(manager: Alertmanager, *windows: Window, client_id: str = "cas1") -> AsyncIterator[None]:
    """Run a collector's silencer until it has been through all windows once."""
    maintenance, failures = Maintenance(None, Failures()), Failures()
    # One window more, which is new each time and the last: when it is there, the others were looked at.
    last = window(f"last-{datetime.now(UTC).timestamp()}")
    maintenance.windows = (*windows, last)
    silencer = Silencer(manager.url, client_id, maintenance, failures)
    task = asyncio.create_task(silencer.run(), name="silencer")
    try:
        await eventually(partial(_has, manager, last.id), "looked at", timeout_s=20.0)
        yield
    finally:
        await stop_tasks(task, within_s=5.0)
    assert not failures.counts, "Alertmanager took everything"


def _has(manager: Alertmanager, window_id: str) -> bool:
    return any(comment.startswith(f"{window_id}: ") for comment in silences(manager))


async def test_silences_of_people_and_of_other_collectors_are_left_alone(tmp_path: Path) -> None:
    with Alertmanager(tmp_path).serving() as manager:
        await asyncio.to_thread(manager.silence, "device=cdu-07", by="ann", comment="W-7: I look into it")
        async with silenced(manager, window("W-8"), client_id="cas2"):
            pass
        async with silenced(manager):
            found = await asyncio.to_thread(silences, manager)
    assert found["W-7: I look into it"]["createdBy"] == "ann"
    assert found["W-8: pump exchange"]["createdBy"] == "rackflow cas2"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"match": {"device": "cdu-08"}}),
        ({}, {"until": NOW + 3 * HOUR}),
        # Written in another zone.
        ({}, {"until": (NOW + 2 * HOUR).astimezone(timezone(5 * HOUR))}),
        ({}, {"problems": ["DcimSmoke"]}),
        ({"from": NOW + HOUR, "until": NOW + 3 * HOUR}, {"from": NOW + 2 * HOUR, "until": NOW + 3 * HOUR}),
        # Put forward: the work has begun.
        ({"from": NOW + HOUR, "until": NOW + 3 * HOUR}, {"until": NOW + 3 * HOUR}),
    ],
)
async def test_a_window_that_is_changed_has_one_silence_which_is_changed_too(
    before: Mapping[str, object], after: Mapping[str, object], tmp_path: Path
) -> None:
    with Alertmanager(tmp_path).serving() as manager:
        async with silenced(manager, window(more=before)):
            pass
        changed = window(more=after)
        async with silenced(manager, changed):
            found = (await asyncio.to_thread(silences, manager))["W-7: pump exchange"]
    assert found["status"]["state"] == ("pending" if changed.begins is not None else "active")
    assert {each["name"]: each["value"] for each in found["matchers"]} == {
        each["name"]: each["value"] for each in changed.matchers()
    }
    assert datetime.fromisoformat(found["endsAt"]) == min(changed.until, max(NOW, changed.begins or NOW) + LEASE)
    if changed.begins is not None:
        assert datetime.fromisoformat(found["startsAt"]) == changed.begins


async def test_a_window_that_is_changed_is_silenced_at_every_moment() -> None:
    """The new silence is asked for before the old one is ended, or with it: an alert in between would be notified of."""
    async with refusing({}) as (url, got, _):
        maintenance, failures = Maintenance(None, Failures()), Failures()
        maintenance.windows = (window(),)
        task = asyncio.create_task(Silencer(url, "cas1", maintenance, failures).run(), name="silencer")
        try:
            await until(lambda: len(got) == 1, "silenced", timeout_s=20.0)
        finally:
            await stop_tasks(task, within_s=5.0)
        maintenance.windows = (window(more={"match": {"device": "cdu-08"}}),)
        task = asyncio.create_task(Silencer(url, "cas1", maintenance, failures).run(), name="silencer")
        try:
            await until(lambda: len(got) == 2, "silenced otherwise", timeout_s=20.0)
        finally:
            await stop_tasks(task, within_s=5.0)
    assert got[1]["id"] == "0", "in one request, which names the one that it replaces"
    assert not failures.counts, "the other end has no way to delete a silence"


@pytest.mark.parametrize(("left", "is_renewed"), [(RENEW_AT - HOUR / 60, True), (RENEW_AT + HOUR / 60, False)])
async def test_the_silence_of_a_window_of_days_ends_soon_without_its_collector_which_renews_it(
    left: timedelta, tmp_path: Path, *, is_renewed: bool
) -> None:
    now = datetime.now(UTC)  # not that of the module, which may be minutes old
    long = window(more={"until": now + 30 * 24 * HOUR})
    with Alertmanager(tmp_path).serving() as manager:
        of_before = {
            "matchers": long.matchers(),
            "startsAt": (now - HOUR).isoformat(),
            "endsAt": (now + left).isoformat(),
            "createdBy": "rackflow cas1",
            "comment": "W-7: pump exchange",
        }
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.post(f"{manager.url}/api/v2/silences", json=of_before),
        ):
            pass
        # Alertmanager compares starts by the second; this one must be of an earlier one.
        posted = datetime.now(UTC)
        await eventually(lambda: datetime.now(UTC) > posted + timedelta(seconds=1), "a second later")
        async with silenced(manager, long):
            found = (await asyncio.to_thread(silences, manager))["W-7: pump exchange"]
            listed = await asyncio.to_thread(lambda: request(f"{manager.url}/api/v2/silences").json())
    ends = datetime.fromisoformat(found["endsAt"])
    assert (ends > now + RENEW_AT + HOUR / 30) is is_renewed
    assert ends < now + LEASE + HOUR / 60 < now + 5 * HOUR, "it hides faults for a shift at most"
    of_window = [
        each["status"]["state"] for each in cast("list[Any]", listed) if each["comment"] == "W-7: pump exchange"
    ]
    assert of_window == ["active"], "it is prolonged: one that is replaced would be listed for five days"


@asynccontextmanager
async def following(manager: Alertmanager, file: Path) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """Run a collector's silencer over a file. Gives what writes windows to it, and waits until the silencer has been through them."""
    failures, numbers = Failures(), count()
    maintenance = Maintenance(file, failures)

    async def write(*windows: Window) -> None:
        # Twice, because silences are ended after those that are new have been made.
        for _ in range(2):
            last = window(f"looked-{next(numbers)}")
            each = [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in (*windows, last)]
            await asyncio.to_thread(replace_durably, file, json.dumps({"version": 1, "windows": each}).encode())
            await eventually(partial(_has, manager, last.id), "looked at", timeout_s=20.0)

    silencer = Silencer(manager.url, "cas1", maintenance, failures)
    tasks = [asyncio.create_task(each(), name="windows") for each in (silencer.run, maintenance.run)]
    try:
        yield write
    finally:
        await stop_tasks(*tasks, within_s=5.0)
    assert not failures.counts


def authors(manager: Alertmanager) -> set[str]:
    """Who has a silence of the window W-7. Blocking."""
    found = cast("list[Mapping[str, Any]]", request(f"{manager.url}/api/v2/silences").json())
    kept = [each for each in found if each["status"]["state"] != "expired"]
    return {each["createdBy"] for each in kept if each["comment"].startswith("W-7: ")}


@pytest.mark.parametrize(
    ("more", "is_ended"),
    [
        (None, True),
        ({"until": NOW + HOUR / 2}, True),
        ({"until": NOW + 2 * HOUR}, False),
        ({"why": "pump ready"}, False),
    ],
)
async def test_what_the_dead_half_of_a_pair_has_silenced_ends_with_the_window(
    more: Mapping[str, object] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_ended: bool
) -> None:
    """Somebody closes the window in the file, or shortens it: the half that is left must not leave the other one's silence there."""
    monkeypatch.setattr("collector.problems.maintenance.LOOK_S", 0.2)
    with Alertmanager(tmp_path).serving() as manager:
        async with silenced(manager, window(), client_id="dead-half"):
            pass
        async with following(manager, tmp_path / "maintenance.yaml") as write:
            await write(window())
            assert authors(manager) == {"rackflow cas1", "rackflow dead-half"}
            await write(*([window(more=more)] if more else []))
            assert ("rackflow dead-half" not in authors(manager)) is is_ended
            assert ("rackflow cas1" in authors(manager)) is (more is not None)


async def test_a_silence_that_another_collector_keeps_is_ended_once_and_then_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file still has the window: each would undo what the other does for ever, and alerts would be notified of in between."""
    monkeypatch.setattr("collector.problems.maintenance.LOOK_S", 0.2)
    with Alertmanager(tmp_path).serving() as manager:
        async with following(manager, tmp_path / "maintenance.yaml") as write:
            await write(window())
            async with silenced(manager, window(), client_id="cas2"):
                await write()
            assert authors(manager) == set()
            async with silenced(manager, window(), client_id="cas2"):
                await write()
            assert authors(manager) == {"rackflow cas2"}


async def test_a_collector_that_starts_again_keeps_the_silence_that_is_there(tmp_path: Path) -> None:
    ids = set()
    with Alertmanager(tmp_path).serving() as manager:
        for _ in range(2):
            async with silenced(manager, window()):
                ids.add((await asyncio.to_thread(silences, manager))["W-7: pump exchange"]["id"])
    assert len(ids) == 1


async def test_a_window_that_is_withdrawn_and_written_again_is_silenced_again(tmp_path: Path) -> None:
    """Alertmanager goes on listing the first silence, as expired."""
    with Alertmanager(tmp_path).serving() as manager:
        for windows in ([window()], [], [window()]):
            async with silenced(manager, *windows):
                found = await asyncio.to_thread(silences, manager)
                assert ("W-7: pump exchange" in found) is bool(windows)


async def test_a_change_of_the_file_is_at_alertmanager_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not only when all silences are compared again, once a minute."""
    monkeypatch.setattr("collector.problems.maintenance.LOOK_S", 0.2)
    file, failures = tmp_path / "maintenance.yaml", Failures()
    until = (NOW + HOUR).isoformat()
    file.write_text(
        f"version: 1\nwindows: [{{id: W-7, until: {until}, match: {{device: cdu-07}}, why: w}}]\n", encoding="utf-8"
    )
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        maintenance = Maintenance(file, failures)
        silencer = Silencer(manager.url, "cas1", maintenance, failures)
        tasks = [asyncio.create_task(each(), name="windows") for each in (silencer.run, maintenance.run)]
        try:
            await eventually(partial(_has, manager, "W-7"), "silenced", timeout_s=20.0)
            await asyncio.to_thread(replace_durably, file, b"version: 1\n")
            await eventually(lambda: not _has(manager, "W-7"), "not silenced any more", timeout_s=20.0)
        finally:
            await stop_tasks(*tasks, within_s=5.0)
    assert not failures.counts


async def test_a_window_that_is_over_keeps_no_other_from_being_silenced(tmp_path: Path) -> None:
    """Alertmanager refuses a silence that ends in the past."""
    with Alertmanager(tmp_path).serving() as manager:
        over = window("W-6", {"from": NOW - 2 * HOUR, "until": NOW - HOUR})
        async with silenced(manager, over):
            assert not await asyncio.to_thread(_has, manager, "W-6")


@asynccontextmanager
async def refusing(
    refused: Mapping[str, int], refused_id: str = "none", asked: Counter[str] | None = None
) -> AsyncIterator[tuple[str, list[dict[str, Any]], dict[str, int]]]:
    """An Alertmanager that refuses as many requests of a method as `refused` says, before it accepts them, and one window for ever.

    Gives its address with a name and a password, the silences that it was sent, and how many it still refuses. Counts requests in `asked`.
    """
    got: list[dict[str, Any]] = []
    left = dict(refused)

    async def answer(request: web.Request) -> web.Response:
        if asked is not None:
            asked[request.method] += 1
        if left.get(request.method, 0):
            left[request.method] -= 1
            return web.json_response([], status=503)
        if request.method == "POST":
            silence = await request.json()
            if silence["comment"].startswith(f"{refused_id}: "):
                return web.Response(status=400)
            got.append(silence)
        # What it was sent is in force from then on.
        kept = [{**each, "id": str(at), "status": {"state": "active"}} for at, each in enumerate(got)]
        return web.json_response(kept)

    app = web.Application()
    app.router.add_route("*", "/api/v2/silences", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://ops:geheim@127.0.0.1:{runner.addresses[0][1]}/", got, left
    finally:
        await runner.cleanup()


async def test_each_change_of_the_file_has_alertmanager_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not over and over again from the first change on."""
    monkeypatch.setattr("collector.problems.maintenance.LOOK_S", 0.1)
    file, failures, asked = tmp_path / "maintenance.yaml", Failures(), Counter[str]()
    end, changes = (NOW + HOUR).isoformat(), 4
    async with refusing({}, asked=asked) as (url, got, _):
        maintenance = Maintenance(file, failures)
        silencer = Silencer(url, "cas1", maintenance, failures)
        tasks = [asyncio.create_task(each(), name="windows") for each in (silencer.run, maintenance.run)]
        try:
            for change in range(1, changes + 1):
                one = [f"{{id: W-{at}, until: {end}, match: {{device: cdu-07}}, why: w}}" for at in range(change)]
                replace_durably(file, f"version: 1\nwindows: [{', '.join(one)}]\n".encode())
                await until(lambda so_far=change: len(got) == so_far, "silenced", timeout_s=20.0)  # type: ignore[misc]
        finally:
            await stop_tasks(*tasks, within_s=5.0)
    # Once at the start, before the file was read or when it was not there yet, and once more for that.
    assert changes <= asked["GET"] <= changes + 2
    assert asked["POST"] == changes


@asynccontextmanager
async def with_silences(*windows: Window, by: str) -> AsyncIterator[tuple[str, list[str], dict[str, int]]]:
    """An Alertmanager with silences that another collector made of these windows.

    Gives its address, the windows whose silences were ended, and how many requests it refuses from now on, by method.
    """
    kept = {
        each.id: {
            "id": each.id,
            "status": {"state": "active"},
            "matchers": each.matchers(),
            "startsAt": NOW.isoformat(),
            "endsAt": each.until.isoformat(),
            "createdBy": by,
            "comment": f"{each.id}: {each.why}",
        }
        for each in windows
    }
    ended: list[str] = []
    left: dict[str, int] = {}

    async def answer(request: web.Request) -> web.Response:
        if left.get(request.method, 0):
            left[request.method] -= 1
            return web.json_response([], status=503)
        if request.method == "DELETE":
            ended.append(request.match_info["id"])
            del kept[ended[-1]]
        return web.json_response([*kept.values()])

    app = web.Application()
    app.router.add_route("*", "/api/v2/silences", answer)
    app.router.add_delete("/api/v2/silence/{id}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", ended, left
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("refused", [0, 2])
async def test_what_a_dead_collector_silenced_ends_with_its_window_also_if_alertmanager_is_away_just_then(
    refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.problems.silences.RETRY_S", 0.05)
    monkeypatch.setattr("collector.problems.silences.AGAIN_S", 0.05)
    windows, failures = [window("W-1"), window("W-2")], Failures()
    async with with_silences(*windows, by="rackflow dead-half") as (url, ended, left):
        maintenance = Maintenance(None, failures)
        maintenance.windows = windows
        task = asyncio.create_task(Silencer(url, "cas1", maintenance, failures).run(), name="silencer")
        try:
            left["GET"] = 1  # it has looked at the windows when it has asked once
            await until(lambda: left["GET"] == 0, "asked", timeout_s=20.0)
            maintenance.windows = windows[1:]
            left["GET"] = refused
            await until(lambda: bool(ended), "ended", timeout_s=20.0)
        finally:
            await stop_tasks(task, within_s=5.0)
    assert ended == ["W-1"]
    assert failures.counts.total() == refused + 1


async def test_of_very_many_windows_that_were_withdrawn_the_latest_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("collector.problems.silences.MAX_WINDOWS", 2)
    monkeypatch.setattr("collector.problems.silences.AGAIN_S", 0.05)
    windows, failures = [window(f"W-{number}") for number in range(4)], Failures()
    async with with_silences(*windows, by="rackflow dead-half") as (url, ended, _):
        maintenance = Maintenance(None, failures)
        maintenance.windows = windows
        silencer = Silencer(url, "cas1", maintenance, failures)
        task = asyncio.create_task(silencer.run(), name="silencer")
        try:
            await asyncio.sleep(0)  # it takes the windows before it asks
            maintenance.windows = []
            await until(lambda: len(ended) >= 2, "ended", timeout_s=20.0)
        finally:
            await stop_tasks(task, within_s=5.0)
    assert ended == ["W-2", "W-3"]


async def test_a_window_that_alertmanager_refuses_for_good_keeps_no_other_from_being_silenced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = Failures()
    async with refusing({}, refused_id="W-6") as (url, got, _):
        maintenance = Maintenance(None, failures)
        maintenance.windows = (window("W-6"), window("W-7"))
        task = asyncio.create_task(Silencer(url, "cas1", maintenance, failures).run(), name="silencer")
        try:
            await until(lambda: bool(got), "silenced", timeout_s=20.0)
            await until(lambda: failures.counts.total() > 0, "counted", timeout_s=20.0)
        finally:
            await stop_tasks(task, within_s=5.0)
    assert [each["comment"].partition(":")[0] for each in got] == ["W-7"]
    assert "400" in caplog.text


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_window_that_alertmanager_refuses_at_first_is_counted_and_tried_again_within_seconds(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not a minute later: somebody is working already. It is logged once, without the password; so is the next time."""
    monkeypatch.setattr("collector.problems.silences.RETRY_S", 0.05)
    monkeypatch.setattr("collector.problems.maintenance.LOOK_S", 0.1)
    file, failures = tmp_path / "maintenance.yaml", Failures()
    one = f"{{id: W-7, until: {(NOW + HOUR).isoformat()}, match: {{device: cdu-07}}, why: pump exchange, by: ann}}"
    file.write_text(f"version: 1\nwindows: [{one}]\n", encoding="utf-8")

    def warnings() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]

    async with refusing({method: 3}) as (url, got, left):
        maintenance = Maintenance(file, failures)
        silencer = Silencer(url, "cas1", maintenance, failures)
        tasks = [asyncio.create_task(each(), name="windows") for each in (silencer.run, maintenance.run)]
        try:
            await until(lambda: bool(got), "silenced", timeout_s=20.0)
            assert [each["comment"] for each in got] == ["W-7: pump exchange (ann)"]
            assert failures.counts.total() == 3
            assert ["503" in each for each in warnings()] == [True]
            left["GET"] = 1
            replace_durably(file, f"version: 1\nwindows: [{one}]\n# unchanged\n".encode())
            await until(lambda: failures.counts.total() == 4, "refused again", timeout_s=20.0)
        finally:
            await stop_tasks(*tasks, within_s=5.0)
    assert len(warnings()) == 2
    assert not any("geheim" in each for each in warnings())
