"""What is mended within a maintenance window goes on for minutes at Alertmanager, and the window may end before that."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from collector.problems import silences
from collector.problems.conditions import labels_of
from collector.problems.maintenance import Maintenance
from collector.problems.silences import WATCH_S, Silencer
from collector.problems.table import load_table
from collector.problems.tracker import TrackedProblem
from rackflow.process.bulkhead import Failures
from rackflow.process.stopping import stop_tasks
from tests.collector.documents import document, status
from tests.collector.problems.test_maintenance import lines
from tests.collector.problems.test_notified import smoke
from tests.collector.problems.test_silences import refusing, window
from tests.collector.running import config_for, publish, publisher, running, until
from tests.servers.alertmanager import Alertmanager
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually
from tests.servers.web import request


def in_force(manager: Alertmanager) -> list[str]:
    """What the silences say that are in force. Blocking."""
    return sorted(str(each["comment"]).partition(": ")[2] for each in active_silences(manager))


def active_silences(manager: Alertmanager) -> list[dict[str, str]]:
    found = cast("list[dict[str, dict[str, str]]]", request(f"{manager.url}/api/v2/silences").json())
    return [cast("dict[str, str]", each) for each in found if each["status"]["state"] == "active"]


async def test_nobody_is_paged_when_a_window_is_closed_after_the_work_and_somebody_is_if_the_problem_comes_back(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Alertmanager has the alert for minutes after the detector was mended."""
    file = tmp_path / "maintenance.yaml"
    file.write_text(lines(3600), encoding="utf-8")
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        config = config_for(
            mosquitto.port, tmp_path, problems={"alertmanagers": [manager.url], "maintenance": str(file)}
        )

        def states() -> list[str]:
            return in_force(manager)

        def is_smoke(state: str) -> bool:
            return manager.alerts()["DcimSmoke"]["status"]["state"] == state

        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
            await eventually(lambda: "DcimSmoke" in manager.alerts() and is_smoke("suppressed"), "silenced")
            await publish(client, smoke(2, 0.0))
            await eventually(lambda: len(states()) == 2, "the mended alert has a silence of its own", 4 * WATCH_S)
            file.write_text("version: 1\n", encoding="utf-8")
            await eventually(lambda: states() == ["mended within its window (ann)"], "that of the window is gone")
            assert is_smoke("suppressed")
            await publish(client, smoke(3, 1.0))
            await eventually(lambda: states() == [] and is_smoke("active"), "not silenced any more", 4 * WATCH_S)


@pytest.mark.parametrize("next_one", ["collector-under-test", "other-half"])
async def test_a_silence_of_what_was_mended_outlives_its_collector_and_whoever_sees_it_come_back_ends_it(
    mosquitto: Mosquitto, tmp_path: Path, next_one: str
) -> None:
    """The collector is updated after the work, or it dies and the other half of its pair goes on."""
    file = tmp_path / "maintenance.yaml"
    file.write_text(lines(3600), encoding="utf-8")
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        problems = {"alertmanagers": [manager.url], "maintenance": str(file)}

        def is_smoke(state: str) -> bool:
            return manager.alerts()["DcimSmoke"]["status"]["state"] == state

        async with (
            running(config_for(mosquitto.port, tmp_path, problems=problems)) as one,
            publisher(mosquitto.port) as client,
        ):
            await one.ready()
            await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
            await eventually(lambda: "DcimSmoke" in manager.alerts() and is_smoke("suppressed"), "silenced")
            await publish(client, smoke(2, 0.0))
            await eventually(lambda: len(in_force(manager)) == 2, "it has a silence of its own", 4 * WATCH_S)
            # Another window instead: when it is silenced, the silencer has been through all silences.
            file.write_text(lines(3600, "{device: cdu-09}").replace("pump", "next"), encoding="utf-8")
            expected = ["mended within its window (ann)", "next exchange (ann)"]
            await eventually(lambda: in_force(manager) == expected, "the window is closed")
        file.write_text(lines(3600, "{device: cdu-10}").replace("pump", "last"), encoding="utf-8")
        (tmp_path / next_one).mkdir()
        folder = tmp_path if next_one == "collector-under-test" else tmp_path / next_one
        config = config_for(mosquitto.port, folder, problems=problems, client_id=next_one)
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await eventually(lambda: "last exchange (ann)" in in_force(manager), "looked at")
            assert "mended within its window (ann)" in in_force(manager)
            assert is_smoke("suppressed")
            await publish(client, status("cdu-07"), document(), smoke(3, 1.0))
            await eventually(lambda: is_smoke("active"), "somebody is called")
            assert "mended within its window (ann)" not in in_force(manager)


async def test_what_fades_for_long_is_silenced_for_as_long(
    mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leak does for ten minutes, and Prometheus has its alert for some more. Here the smoke's minute is long."""
    monkeypatch.setattr(silences, "MENDED_S", 20.0)
    monkeypatch.setattr(silences, "WATCH_S", 0.2)
    file = tmp_path / "maintenance.yaml"
    file.write_text(lines(3600), encoding="utf-8")
    with Alertmanager(tmp_path / "alertmanager").serving() as manager:
        problems = {"alertmanagers": [manager.url], "maintenance": str(file)}

        def ends() -> list[str]:
            return [each["endsAt"] for each in active_silences(manager) if "mended" in each["comment"]]

        async with (
            running(config_for(mosquitto.port, tmp_path, problems=problems)) as one,
            publisher(mosquitto.port) as client,
        ):
            await one.ready()
            await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
            await eventually(lambda: "DcimSmoke" in manager.alerts(), "alerted")
            await publish(client, smoke(2, 0.0))
            await eventually(lambda: bool(ends()), "silenced")
            (first,) = ends()
            file.write_text("version: 1\n", encoding="utf-8")
            await eventually(lambda: bool(ends()) and min(ends()) > first, "renewed")
            assert datetime.now(UTC) < datetime.fromisoformat(first), "before it has run out"
            assert manager.alerts()["DcimSmoke"]["status"]["state"] == "suppressed"


def mended(device: str) -> TrackedProblem:
    """Smoke that ended in its window."""
    labels = labels_of({"site": "s", "device": device, "kind": "smoke", "sensor": "1"})
    found = TrackedProblem(load_table().problems["DcimSmoke"], labels, ("device", "s", device), 1.0, 1.0)
    found.window = window()
    return found


async def test_alerts_that_were_mended_have_silences_up_to_a_number_and_those_that_are_over_make_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thousands of requests for the devices of a hall that was off would keep the windows themselves from being silenced."""
    monkeypatch.setattr("collector.problems.silences.MAX_MENDED", 2)
    monkeypatch.setattr("collector.problems.silences.MENDED_S", 3.0)
    monkeypatch.setattr("collector.problems.silences.AGAIN_S", 0.1)
    asked, failures = Counter[str](), Failures()
    async with refusing({}, asked=asked) as (url, got, _):
        silencer = Silencer(url, "cas1", Maintenance(None, failures), failures)
        for number in range(4):
            silencer.note(mended(f"cdu-{number}"))
        task = asyncio.create_task(silencer.run(), name="silencer")

        def silenced_devices() -> set[str]:
            return {one["value"] for each in got for one in each["matchers"] if one["name"] == "device"}

        try:
            await until(lambda: len(silenced_devices()) == 2, "silenced", timeout_s=20.0)
            over = datetime.now(UTC) + timedelta(seconds=3.0)
            await until(lambda: datetime.now(UTC) > over, "over", timeout_s=20.0)
            asked.clear()
            await until(lambda: asked["GET"] >= 2, "looked at again", timeout_s=20.0)
            silencer.note(mended("cdu-9"))
            await until(lambda: len(silenced_devices()) == 3, "silenced", timeout_s=20.0)
        finally:
            await stop_tasks(task, within_s=5.0)
    assert silenced_devices() == {"cdu\\-0", "cdu\\-1", "cdu\\-9"}


async def test_the_silence_of_what_was_mended_is_of_its_alert_and_no_other() -> None:
    """Of the same device and sensor, and without the severity: an alert has that of its problem, not that of the device's alarm."""
    failures = Failures()
    alarm = mended("cdu-07")
    alarm.labels = labels_of({**dict(alarm.labels), "severity": "major", "zone": ""})
    async with refusing({}) as (url, got, _):
        silencer = Silencer(url, "cas1", Maintenance(None, failures), failures)
        silencer.note(alarm)
        task = asyncio.create_task(silencer.run(), name="silencer")
        try:
            await until(lambda: len(got) == 1, "silenced", timeout_s=20.0)
        finally:
            await stop_tasks(task, within_s=5.0)
    assert {each["name"]: each["value"] for each in got[0]["matchers"]} == {
        "alertname": "DcimSmoke",
        "site": "s",
        "device": "cdu\\-07",
        "kind": "smoke",
        "sensor": "1",
    }
    assert all(each["isRegex"] and each["isEqual"] for each in got[0]["matchers"])
