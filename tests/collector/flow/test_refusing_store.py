"""A store that answers 400 to everything: is it the points or the store? nginx and InfluxDB, as a site would set them up wrongly."""

import asyncio
import subprocess
from pathlib import Path

from tests.collector.documents import batch, now_ms
from tests.collector.running import config_for, publish, publisher, running
from tests.collector.store_contents import dead_letters, influx_store
from tests.servers.influxdb import InfluxDB, InfluxFront
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually
from tests.servers.web import answers, request

SUPPLY = "SELECT supply_temperature_celsius::float, device FROM dcim_cdu"


class TlsFront(InfluxFront):
    """nginx whose port speaks TLS: it answers 400 to plain HTTP, with a page of its own."""

    def command(self) -> list[str]:
        """See `Server.command`."""
        make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout k.pem -out c.pem -subj /CN=localhost"
        subprocess.run(make.split(), cwd=self.folder, check=True, timeout=60, capture_output=True)
        found = super().command()
        config = self.folder / "nginx.conf"
        text = config.read_text(encoding="utf-8").replace(
            f"listen 127.0.0.1:{self.port};",
            f"listen 127.0.0.1:{self.port} ssl; ssl_certificate {self.folder}/c.pem; ssl_certificate_key {self.folder}/k.pem;",
        )
        config.write_text(text, encoding="utf-8")
        return found

    def ready(self) -> bool:
        """See `Server.ready`."""
        return answers(f"http://127.0.0.1:{self.port}/health", 400)


async def test_no_point_is_given_up_because_of_a_tls_port_that_gets_plain_http(
    mosquitto: Mosquitto, influxdb: InfluxDB, tmp_path: Path
) -> None:
    """Also the very first messages of a collector, before the store has accepted any point."""
    plain, tls = influxdb.front, TlsFront(tmp_path / "tls", influxdb.engine)
    plain.stop()
    tls.port = plain.port
    tls.start()
    outbox = {"path": str(tmp_path / "outbox.db")}
    config = config_for(mosquitto.port, tmp_path, influx_store(influxdb), queue_limit=10, outbox=outbox)
    start_ms = now_ms() - 1000
    try:
        async with running(config) as one, publisher(mosquitto.port) as client:
            await one.ready()
            for seq in range(1, 31):
                await publish(client, batch(seq=seq, time_ms=start_ms + seq))
            await one.reaches("dcim_collector_spool_messages", lambda held: held == 30)
            await one.fault("plain HTTP request was sent to HTTPS port")
            await one.fault("check store.url (http or https, port, path), org, bucket and token")
            await asyncio.to_thread(tls.stop)
            await asyncio.to_thread(plain.start)
            await eventually(lambda: len(influxdb.query(SUPPLY)) == 30, "all points", timeout_s=60)
            await one.ready()
            await one.reaches("dcim_collector_spool_messages", lambda held: held == 0)
    finally:
        tls.kill()
    assert [row["time"] for row in influxdb.query(SUPPLY)] == [start_ms + seq for seq in range(1, 31)]
    assert dead_letters(tmp_path) == []


async def test_a_measurement_of_another_type_is_buried_and_its_neighbours_are_stored(
    mosquitto: Mosquitto, influxdb: InfluxDB, tmp_path: Path
) -> None:
    """The engine holds text where the batch has a number, and refuses with `field type conflict`."""
    store = influx_store(influxdb)
    config = config_for(mosquitto.port, tmp_path, store)
    start_ms = now_ms() - 1000
    written = {"db": influxdb.database}
    held = b'dcim_cdu supply_temperature_celsius="warm"'
    assert request(f"http://127.0.0.1:{influxdb.engine.port}/write", written, body=held).status == 204
    async with running(config) as one, publisher(mosquitto.port) as client:
        await one.ready()
        for seq in range(1, 4):
            await publish(client, batch(seq=seq, time_ms=start_ms + seq))
        await eventually(lambda: len(dead_letters(tmp_path)) == 3, "each is buried")
        await one.ready()
    assert {each["reason"] for each in dead_letters(tmp_path)} == {"store"}
    assert len(influxdb.query("SELECT up FROM dcim_device")) == 3
