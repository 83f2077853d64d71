"""The servers that tests rely on do what the tests rely on."""

import asyncio
import gzip
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiomqtt
import pytest
from aiohttp import web
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.servers.captures import REPOSITORY, require_captures
from tests.servers.influxdb import InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import accepts, free_port
from tests.servers.process import find_program
from tests.servers.prometheus import FIRST_SCRAPE_S, Prometheus
from tests.servers.victoriametrics import VictoriaMetrics
from tests.servers.waiting import eventually, wait_until
from tests.servers.web import answers, request

LINE = b"dcim_cdu,device=cdu-07,loop=secondary supply_temperature_celsius=32.125 1795468800123\n"


def write(url: str, body: bytes, precision: str = "ms", **headers: str) -> int:
    """POST line protocol the way a v2 client does; the status."""
    params = {"org": "any", "bucket": "rackflow", "precision": precision}
    sent = {"Authorization": "Token any", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return request(f"{url}/api/v2/write", params, body=body, headers=sent).status


def session(port: int, identifier: str) -> aiomqtt.Client:
    """An MQTT 5 client whose session outlives its connection."""
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 600
    return aiomqtt.Client(
        "127.0.0.1",
        port,
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False,
        properties=properties,
        timeout=60,
    )


@pytest.mark.parametrize("packed", [False, True])
def test_influxdb_takes_v2_writes_and_gives_them_back(influxdb: InfluxDB, *, packed: bool) -> None:
    """Line protocol through the v2 path, plain and gzipped, is read back in InfluxQL with its own time."""
    if packed:
        assert write(influxdb.url, gzip.compress(LINE), Content_Encoding="gzip") == 204
    else:
        assert write(influxdb.url, LINE) == 204
    assert influxdb.query("SELECT supply_temperature_celsius FROM dcim_cdu GROUP BY *") == [
        {
            "name": "dcim_cdu",
            "device": "cdu-07",
            "loop": "secondary",
            "time": 1795468800123,
            "supply_temperature_celsius": 32.125,
        },
    ]
    assert answers(f"{influxdb.url}/health")


@pytest.mark.parametrize(("precision", "factor"), [("s", 10**-3), ("us", 10**3), ("ns", 10**6)])
def test_influxdb_takes_every_precision_of_v2(influxdb: InfluxDB, precision: str, factor: float) -> None:
    """v2's names of precisions reach the engine as v1's."""
    assert write(influxdb.url, f"m f=1 {int(1795468800000 * factor)}".encode(), precision) == 204
    assert [row["time"] for row in influxdb.query("SELECT f FROM m")] == [1795468800000]


def test_influxdb_refuses_and_keeps(influxdb: InfluxDB) -> None:
    """A bad line is 400, an engine that is away 502, nobody at all no connection; data survives the restart."""
    assert write(influxdb.url, LINE) == 204
    assert write(influxdb.url, b"no line protocol") == 400
    assert write(influxdb.url, LINE.replace(b"=32.125", b'="hot"')) == 400
    influxdb.engine.stop()
    assert write(influxdb.url, LINE) == 502
    influxdb.stop()
    with pytest.raises(OSError, match="refused"):
        write(influxdb.url, LINE)
    influxdb.start()
    assert len(influxdb.query("SELECT * FROM dcim_cdu")) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_victoria_metrics_takes_v2_writes_and_gives_them_back(
    victoria_metrics: VictoriaMetrics, *, packed: bool
) -> None:
    """The same line becomes a series named measurement_field."""
    body, headers = (gzip.compress(LINE), {"Content_Encoding": "gzip"}) if packed else (LINE, {})
    assert write(victoria_metrics.url, body, **headers) == 204
    (series,) = wait_until(lambda: victoria_metrics.export('{device="cdu-07"}'), "written")
    assert series.name == "dcim_cdu_supply_temperature_celsius"
    assert series.labels["loop"] == "secondary"
    assert series.points == {1795468800123: 32.125}


def test_victoria_metrics_answers_queries_soon(victoria_metrics: VictoriaMetrics) -> None:
    """What was written just now is in the answer to an instant query within seconds, not after the default 30."""
    assert write(victoria_metrics.url, f"dcim_ups load_ratio=0.5 {time.time_ns() // 10**6}".encode()) == 204
    samples = wait_until(lambda: victoria_metrics.query("dcim_ups_load_ratio"), "written")
    assert [(sample.name, sample.value) for sample in samples] == [("dcim_ups_load_ratio", 0.5)]


async def test_prometheus_scrapes_a_page_of_this_loop(
    prometheus_for: Callable[[Sequence[str]], Prometheus],
) -> None:
    """A page that the test serves itself is scraped and queried."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text='dcim_device_up{device="ups-1"} 1\n', content_type="text/plain")

    application = web.Application()
    application.router.add_get("/metrics", page)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        prometheus = await asyncio.to_thread(prometheus_for, [f"127.0.0.1:{port}"])
        (sample,) = await eventually(lambda: prometheus.query("dcim_device_up"), "scraped", FIRST_SCRAPE_S)
        assert (sample.labels["device"], sample.value) == ("ups-1", 1.0)
        assert await asyncio.to_thread(prometheus.scrape_errors) == []
    finally:
        await runner.cleanup()


def test_a_port_belongs_to_one_process_of_tests() -> None:
    """Another worker is not given it, although nothing listens there yet."""
    port = free_port()
    code = f"from tests.servers.ports import _reserve; print(_reserve({port}))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert answer.stdout == "False\n"


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_mosquitto_keeps_a_session_over_a_restart(tmp_path: Path, how: str) -> None:
    """A message queued for an absent client is there after the broker came back on the same port."""
    with Mosquitto(tmp_path, persistence=True, autosave_changes=1).serving() as broker:
        port = broker.port
        async with session(port, "reader") as reader:
            await reader.subscribe("rackflow/#", qos=1)
        async with session(port, "writer") as writer:
            await writer.publish("rackflow/v1/x", b"kept", qos=1)
        if how == "stop":
            broker.stop()
        else:
            await eventually(lambda: b"kept" in (tmp_path / "mosquitto.db").read_bytes(), "saved")
            broker.kill()
        assert not accepts(port)
        broker.start()
        assert broker.port == port
        async with session(port, "reader") as reader, asyncio.timeout(30):
            message = await anext(aiter(reader.messages))
        assert message.payload == b"kept"


async def test_mosquitto_asks_for_a_password(tmp_path: Path) -> None:
    """Only the right password gets in."""
    with Mosquitto(tmp_path, passwords={"agent": "right horse"}).serving() as broker:
        async with aiomqtt.Client("127.0.0.1", broker.port, username="agent", password="right horse"):
            pass
        with pytest.raises(aiomqtt.MqttError):
            async with aiomqtt.Client("127.0.0.1", broker.port, username="agent", password="wrong"):
                pass


def test_a_missing_server_fails_and_names_its_package() -> None:
    """Never a skip: a test that cannot run has not passed."""
    with pytest.raises(pytest.fail.Exception, match="apt-get install no-such-package"):
        find_program("no-such-program", "no-such-package")


def test_a_server_that_cannot_start_fails_with_its_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The log is printed, so that nobody has to reproduce the failure to understand it."""
    broker = Mosquitto(tmp_path, extra=["no_such_option true"])
    with pytest.raises(pytest.fail.Exception, match="mosquitto did not start"):
        broker.start()
    assert "no_such_option" in capfd.readouterr().err
    assert not broker.running


def test_missing_captures_skip_but_fail_where_required(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the recordings a person's run goes on, the build server's does not."""
    monkeypatch.setenv("RACKFLOW_CAPTURES", str(tmp_path / "missing"))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="RACKFLOW_CAPTURES"):
        require_captures()
    monkeypatch.delenv("CI")
    monkeypatch.delenv("RACKFLOW_CAPTURES_REQUIRED", raising=False)
    with pytest.raises(pytest.skip.Exception, match="RACKFLOW_CAPTURES"):
        require_captures()
    monkeypatch.setenv("RACKFLOW_CAPTURES", str(tmp_path))
    assert require_captures() == tmp_path


def test_waiting_ends_at_its_deadline() -> None:
    """The question and its last answer are in the error."""
    with pytest.raises(TimeoutError, match=r"never happens.*0"):
        wait_until(lambda: 0, "never happens", timeout_s=0.05)
