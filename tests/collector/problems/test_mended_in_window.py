"""What is mended within a maintenance window goes on for minutes at Alertmanager, and the window may end before that."""

from pathlib import Path
from typing import cast

from collector.problems.silences import WATCH_S
from tests.collector.documents import document, status
from tests.collector.problems.test_maintenance import lines
from tests.collector.problems.test_notified import smoke
from tests.collector.running import config_for, publish, publisher, running
from tests.servers.alertmanager import Alertmanager
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually
from tests.servers.web import request


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
            silences = cast("list[dict[str, dict[str, str]]]", request(f"{manager.url}/api/v2/silences").json())
            return sorted(
                str(each["comment"]).partition(": ")[2] for each in silences if each["status"]["state"] == "active"
            )

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
