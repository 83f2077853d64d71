"""What is acknowledged is stored, and what cannot be stored yet stays with the broker."""

import asyncio
import base64
import json
import operator
import os
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.collector.documents import batch, now_ms
from tests.collector.running import config_for, publish, publisher, running, until
from tests.collector.store_contents import dead_letters, influx_store, points
from tests.servers.captures import REPOSITORY
from tests.servers.influxdb import InfluxDB, Row
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually
from tests.servers.web import request


async def test_nothing_is_acknowledged_while_the_store_is_away(
    mosquitto: Mosquitto,
    influxdb: InfluxDB,
    tmp_path: Path,
) -> None:
    """Messages stay with the broker; after recovery each point is there once, even over a restart of the collector."""
    config = config_for(mosquitto.port, tmp_path, influx_store(influxdb), queue_limit=10)
    start_ms = now_ms() - 1000
    async with running(config) as running_one, publisher(mosquitto.port) as client:
        await running_one.ready()
        influxdb.stop()
        for seq in range(1, 31):
            await publish(client, batch(seq=seq, time_ms=start_ms + seq))
        await until(lambda: running_one.collector.stats().messages_received == 10, "as many as may be unacknowledged")
        await running_one.fault("store: ")
        assert running_one.collector.stats().points_stored == 0
    async with running(config) as running_one:
        await until(lambda: running_one.collector.stats().messages_received == 10, "the same ones again")
        await asyncio.to_thread(influxdb.start)
        rows = await eventually(lambda: _full(influxdb, 30), "all points", timeout_s=60)
        assert [row["time"] for row in rows] == [start_ms + seq for seq in range(1, 31)]
        await running_one.ready()


def _full(influxdb: InfluxDB, count: int) -> list[Row]:
    rows = influxdb.query("SELECT supply_temperature_celsius::float, device FROM dcim_cdu")
    return rows if len(rows) == count else []


async def test_broker_restart_needs_no_human(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """The collector comes back by itself, says so, and takes what was published meanwhile."""
    async with running(config_for(mosquitto.port, tmp_path)) as running_one:
        await running_one.ready()
        mosquitto.stop()
        await running_one.fault("broker: ")
        mosquitto.start()
        async with publisher(mosquitto.port) as client:
            await publish(client, batch())
        await eventually(lambda: len(points(tmp_path)) == 2, "the batch", timeout_s=60)
        await running_one.ready()


async def test_an_old_acknowledgement_is_not_sent_on_a_new_connection(
    mosquitto: Mosquitto,
    influxdb: InfluxDB,
    tmp_path: Path,
) -> None:
    """The broker goes while messages wait for the store: everything is stored in the end, and nothing is left over."""
    config = config_for(mosquitto.port, tmp_path, influx_store(influxdb))
    start_ms = now_ms() - 1000
    async with running(config) as running_one:
        await running_one.ready()
        influxdb.stop()
        async with publisher(mosquitto.port) as client:
            for seq in range(1, 21):
                await publish(client, batch(seq=seq, time_ms=start_ms + seq))
        await until(lambda: running_one.collector.stats().messages_received == 20, "all of them")
        mosquitto.restart()
        await until(lambda: running_one.collector.stats().messages_received == 40, "all again", timeout_s=60)
        await asyncio.to_thread(influxdb.start)
        await eventually(lambda: _full(influxdb, 20), "all points", timeout_s=60)
        await running_one.ready()
    async with running(config) as running_one, publisher(mosquitto.port) as client:
        await running_one.subscribed()
        await publish(client, batch("cdu-99"))
        await until(lambda: running_one.collector.stats().messages_received > 0, "a message")
        assert running_one.collector.stats().messages_received == 1


async def test_one_bad_point_in_a_thousand_is_found(mosquitto: Mosquitto, influxdb: InfluxDB, tmp_path: Path) -> None:
    """A point whose field has another type in the engine is dead-lettered; the 999 others are stored."""
    config = config_for(mosquitto.port, tmp_path, {**influx_store(influxdb), "batch_lines": 4000, "flush_s": 1.0})
    async with running(config) as running_one, publisher(mosquitto.port) as client:
        await running_one.ready()
        # InfluxDB 1.x fixes types per shard: the bad point is the one of long ago.
        time_ms = now_ms()
        old_ms = time_ms - 300 * 86_400_000
        tags = "agent=gw-3,device=cdu-500,rack=b07,room=dh1,row=b,site=cas1,loop=secondary"
        body = f'dcim_cdu,{tags} supply_temperature_celsius="text" {old_ms - 1}'.encode()
        address = f"{influxdb.url}/api/v2/write"
        params = {"org": "x", "bucket": influxdb.database, "precision": "ms"}
        assert (await asyncio.to_thread(lambda: request(address, params, body=body))).status == 204
        documents = [batch(f"cdu-{n}", seq=n, time_ms=old_ms if n == 500 else time_ms) for n in range(1, 1001)]
        await publish(client, *documents)
        rows = await eventually(lambda: _full(influxdb, 999), "all good points", timeout_s=60)
        assert "cdu-500" not in {row["device"] for row in rows}
        await eventually(lambda: dead_letters(tmp_path), "the dead letter")
        [entry] = dead_letters(tmp_path)
        assert entry["reason"] == "store"
        assert "conflict" in entry["error"]
        assert (
            base64.b64decode(entry["payload"])
            .decode()
            .endswith(f",loop=secondary supply_temperature_celsius=32.125 {old_ms}")
        )
        assert await running_one.sample('dcim_collector_influx_write_failures_total{reason="refused"}') == "1.0"
        # The dead letter may come before the other half of the points.
        written = 'dcim_collector_points_written_total{store="influxdb"}'
        await eventually(lambda: running_one.sample_now(written) == "1999.0", "all other points")


@pytest.mark.parametrize("with_outbox", [False, True])
async def test_a_message_of_which_nothing_can_be_stored_is_not_called_stored(
    mosquitto: Mosquitto,
    influxdb: InfluxDB,
    tmp_path: Path,
    with_outbox: bool,  # noqa: FBT001 - the parameter
) -> None:
    """The engine has other types for both of its points; the next one is stored, and the account is complete."""
    old_ms = now_ms() - 300 * 86_400_000
    tags = "agent=gw-3,device=cdu-07,rack=b07,room=dh1,row=b,site=cas1"
    texts = [f'dcim_cdu,{tags},loop=secondary supply_temperature_celsius="x"', f'dcim_device,{tags} up="x"']
    body = "\n".join(f"{text} {old_ms - 1}" for text in texts).encode()
    params = {"org": "x", "bucket": influxdb.database, "precision": "ms"}
    assert (await asyncio.to_thread(request, f"{influxdb.url}/api/v2/write", params, body=body)).status == 204
    more = {"outbox": {"path": str(tmp_path / "outbox.db")}} if with_outbox else {}
    async with running(config_for(mosquitto.port, tmp_path, influx_store(influxdb), **more)) as one:
        await one.ready()
        async with publisher(mosquitto.port) as client:
            await publish(client, batch(seq=1, time_ms=old_ms), batch(seq=2))
        who = 'agent="gw-3"'
        for series, count in (
            (f'dropped_messages{{{who},reason="dead_letter_store",site="cas1"}}', 1),
            (f'produced_messages{{{who},site="cas1"}}', 2),
            (f'stored_messages{{{who},site="cas1"}}', 1),
            (f'missing_messages{{{who},site="cas1"}}', 0),
        ):
            await one.reaches(f"dcim_collector_ledger_{series}", partial(operator.eq, count))
    assert {entry["reason"] for entry in dead_letters(tmp_path)} == {"store"}


async def test_kill_9_loses_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """The collector is killed while batches stream in; its successor has every point, from file or from the broker."""
    config = config_for(mosquitto.port, tmp_path)
    file = tmp_path / "collector.yaml"
    file.write_text(json.dumps(config.model_dump(mode="json", exclude_unset=True)), encoding="utf-8")  # JSON is YAML
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = (sys.executable, "-m", "collector", "run", str(file))
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.DEVNULL)
    start_ms = now_ms() - 1000
    try:
        # The first message gets there as soon as the session exists.
        async with publisher(mosquitto.port) as client:
            while not (tmp_path / "points").exists() or not points(tmp_path):
                await publish(client, batch("first", seq=1000))
            for seq in range(1, 501):
                await publish(client, batch(seq=seq, time_ms=start_ms + seq))
                if seq == 250:
                    process.kill()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    wanted = {f"{start_ms + seq}000000" for seq in range(1, 501)}
    async with running(config):

        def all_there() -> bool:
            return wanted <= {line.rpartition(" ")[2] for line in points(tmp_path) if line.startswith("dcim_cdu,")}

        await eventually(all_there, "every point")
