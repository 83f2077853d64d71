"""A collector that stops between the beginning of a problem and its notification: webhooks are notified after the restart."""

from pathlib import Path

from collector.config import CollectorConfig
from tests.collector.documents import document, status
from tests.collector.problems.test_maintenance import lines
from tests.collector.problems.test_notified import hook, said, smoke, telling
from tests.collector.running import publish, publisher, running, until
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port


async def saved_smoke(mosquitto: Mosquitto, config: CollectorConfig) -> None:
    """A collector runs until smoke is in the file of the problems."""
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07"), document(), smoke(1, 1.0))
        path = config.problems_path
        await until(lambda: path.exists() and b"DcimSmoke" in path.read_bytes(), "saved")


async def test_a_webhook_that_was_away_until_a_restart_is_notified_of_what_goes_on(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Nobody offered it the problem again, so it was never notified."""
    port = free_port()
    config = telling(mosquitto.port, tmp_path, {"webhooks": [{"url": f"http://127.0.0.1:{port}/problems"}]})
    await saved_smoke(mosquitto, config)
    async with hook(port=port) as (_, got), running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07"), smoke(2, 1.0))
        await until(lambda: bool(said(got)), "notified")
        assert said(got) == [("DcimSmoke", "active")]


async def test_a_window_that_ends_while_the_collector_is_stopped_hides_nothing_that_goes_on(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    file = tmp_path / "maintenance.yaml"
    file.write_text(lines(3600), encoding="utf-8")
    async with hook() as (url, got):
        config = telling(mosquitto.port, tmp_path, {"webhooks": [{"url": url}], "maintenance": str(file)})
        await saved_smoke(mosquitto, config)
        file.write_text("version: 1\n", encoding="utf-8")
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            await publish(client, status("cdu-07"), smoke(2, 1.0))
            await until(lambda: bool(said(got)), "notified")
            assert said(got) == [("DcimSmoke", "active")]


async def test_what_is_mended_while_the_collector_is_stopped_is_not_sent(mosquitto: Mosquitto, tmp_path: Path) -> None:
    port = free_port()
    config = telling(mosquitto.port, tmp_path, {"webhooks": [{"url": f"http://127.0.0.1:{port}/problems"}]})
    await saved_smoke(mosquitto, config)
    async with hook(port=port) as (_, got), running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await publish(client, status("cdu-07", "cdu-08"), document("cdu-08"), smoke(2, 0.0))
        # Another one follows, which is sent after all that was to be sent of the first.
        await publish(client, smoke(3, 1.0, "cdu-08"))

        def devices() -> list[str]:
            return [
                each["labels"]["device"] for sent in got for each in sent["problems"] if each["name"] == "DcimSmoke"
            ]

        await until(lambda: bool(devices()), "notified of the other one")
        assert devices() == ["cdu-08"]
