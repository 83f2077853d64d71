"""Certificate files that are replaced while a collector runs: they are read anew for each connection to the broker."""

from pathlib import Path

import pytest

from collector.receive.live import LiveConnection
from rackflow.process.broker import Broker
from tests.collector.running import config_for, running
from tests.collector.web.serving import certificate
from tests.servers.mosquitto import Mosquitto


async def test_a_connection_that_breaks_while_a_certificate_is_renewed_costs_no_more_than_the_time_until_it_is_there(
    tmp_path: Path,
) -> None:
    """Key and certificate are replaced one after the other. It ended the collector with status 78, after which systemd starts no other."""
    certificate(tmp_path, "site")
    files = {"cafile": "site.pem", "certfile": "site.pem", "keyfile": "site.key"}
    server = Mosquitto(tmp_path, extra=[f"{key} {tmp_path / name}" for key, name in files.items()])
    own = tmp_path / "own-ca.pem"
    own.write_bytes((tmp_path / "site.pem").read_bytes())
    with server.serving():
        broker = {"port": server.port, "timeout_s": 5, "keepalive_s": 5, "tls": True, "ca_file": str(own)}
        async with running(config_for(server.port, tmp_path, broker=broker)) as it:
            await it.ready()
            own.rename(tmp_path / "aside.pem")
            server.stop()
            server.start()
            await it.fault("own-ca.pem does not exist")
            (tmp_path / "aside.pem").rename(own)
            await it.ready()


async def test_the_second_connection_names_the_file_as_well(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    live = LiveConnection(Broker(tls=True, ca_file=tmp_path / "gone.pem"), "c", ["#"], lambda _: None)
    await live.run("127.0.0.1", 1000)
    assert "gone.pem does not exist; correct the path" in caplog.text
