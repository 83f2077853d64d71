"""What is mended within a maintenance window goes on for minutes at Alertmanager, and the window may end before that."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from collector.problems import silences
from collector.problems.silences import WATCH_S
from tests.collector.documents import document, status
from tests.collector.problems.test_maintenance import lines
from tests.collector.problems.test_notified import smoke
from tests.collector.running import config_for, publish, publisher, running
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
