"""While the store is away, what comes is put on disk and acknowledged; once it works again, everything is in it once."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from collector.config import CollectorConfig
from tests.collector.documents import SUPPLY as SUPPLY_KEY
from tests.collector.documents import batch, now_ms
from tests.collector.running import config_for, publish, publisher, running
from tests.collector.store_contents import influx_store
from tests.servers.captures import REPOSITORY
from tests.servers.influxdb import InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.waiting import eventually
from tests.servers.web import answers, request

SUPPLY = "SELECT supply_temperature_celsius::float, device FROM dcim_cdu"


def times(influxdb: InfluxDB) -> list[object]:
    return [row["time"] for row in influxdb.query(SUPPLY)]


def spilling(mosquitto: Mosquitto, influxdb: InfluxDB, folder: Path, **more: object) -> CollectorConfig:
    outbox = {"path": str(folder / "outbox.db"), **more}
    return config_for(mosquitto.port, folder, influx_store(influxdb), queue_limit=10, outbox=outbox)


async def test_the_flow_goes_on_while_the_store_is_away(
    mosquitto: Mosquitto, influxdb: InfluxDB, tmp_path: Path
) -> None:
    config = spilling(mosquitto, influxdb, tmp_path)
    start_ms = now_ms() - 1000
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await asyncio.to_thread(influxdb.stop)
        for seq in range(1, 101):
            await publish(client, batch(seq=seq, time_ms=start_ms + seq))
        await one.reaches("dcim_collector_spool_messages", lambda held: held == 100)
        await one.fault("store: ")
        assert await one.sample("dcim_collector_messages_received_total") == "100.0"
        assert 'device="cdu-07"' in (await one.get("/metrics")).text
    async with running(config) as one:
        await one.reaches("dcim_collector_spool_messages", lambda held: held == 100)
        await asyncio.to_thread(influxdb.start)
        await eventually(lambda: len(times(influxdb)) == 100, "all points", timeout_s=60)
        assert times(influxdb) == [start_ms + seq for seq in range(1, 101)]
        await one.ready()
        await one.reaches("dcim_collector_spool_messages", lambda held: held == 0)
        assert await one.sample("dcim_collector_messages_received_total") == "0.0"


async def test_a_full_outbox_takes_no_more_and_the_broker_keeps_it(
    mosquitto: Mosquitto, influxdb: InfluxDB, tmp_path: Path
) -> None:
    config = spilling(mosquitto, influxdb, tmp_path, limit_bytes=65536)
    start_ms = now_ms() - 1000
    # The limit is of bytes on disk, where batches that are alike take a fifth of their length; these take 140 kB there.
    draw = Random(1)  # noqa: S311 - no secret
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        await asyncio.to_thread(influxdb.stop)
        for seq in range(1, 251):
            values = {SUPPLY_KEY: 32.0} | {
                f"dcim_pdu_outlet_power_watts{{outlet={at}}}": draw.random() for at in range(40)
            }
            await publish(client, batch(seq=seq, time_ms=start_ms + seq, values=values))
        await one.reaches("dcim_collector_spool_bytes", lambda held: held >= 65536)
        assert float(await one.sample("dcim_collector_messages_received_total")) < 250
        await asyncio.to_thread(influxdb.start)
        await eventually(lambda: len(times(influxdb)) == 250, "all points", timeout_s=60)


@asynccontextmanager
async def process(config: CollectorConfig, folder: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    file = folder / "collector.yaml"
    data = config.model_dump(mode="json", exclude_unset=True) | {"listen": f"127.0.0.1:{port}"}
    data["store"]["token"] = "unused"
    file.write_text(json.dumps(data), encoding="utf-8")  # JSON is YAML
    command = (sys.executable, "-m", "collector", "run", str(file))
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    child = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.DEVNULL)
    try:
        await eventually(lambda: answers(f"http://127.0.0.1:{port}/healthz"), "listening", timeout_s=60)
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


def spooled(port: int) -> int:
    lines = request(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("dcim_collector_spool_messages "))))


async def test_kill_9_with_a_store_that_is_away_loses_nothing(
    mosquitto: Mosquitto, influxdb: InfluxDB, tmp_path: Path
) -> None:
    config, port = spilling(mosquitto, influxdb, tmp_path), free_port()
    start_ms = now_ms() - 1000
    async with publisher(mosquitto.port) as client:
        async with process(config, tmp_path, port) as child:
            await eventually(lambda: answers(f"http://127.0.0.1:{port}/readyz"), "ready", timeout_s=60)
            await asyncio.to_thread(influxdb.stop)
            for seq in range(1, 101):
                await publish(client, batch(seq=seq, time_ms=start_ms + seq))
            await eventually(lambda: spooled(port) > 20, "some are on disk", timeout_s=60)
            child.send_signal(signal.SIGKILL)
            await child.wait()
        for seq in range(101, 121):
            await publish(client, batch(seq=seq, time_ms=start_ms + seq))
        await asyncio.to_thread(influxdb.start)
        async with process(config, tmp_path, port):
            await eventually(lambda: len(times(influxdb)) == 120, "all points", timeout_s=60)
            assert times(influxdb) == [start_ms + seq for seq in range(1, 121)]
            await eventually(lambda: spooled(port) == 0, "nothing is left on disk")


async def test_one_outbox_has_one_collector(mosquitto: Mosquitto, influxdb: InfluxDB, tmp_path: Path) -> None:
    config = spilling(mosquitto, influxdb, tmp_path)
    async with running(config):
        with pytest.raises(Exception, match="is in use by another process"):
            async with running(config.model_copy(update={"client_id": "another"})):
                pass
