"""The whole path on recordings of real devices: SNMP, agent, mosquitto, collector, and back out of real engines."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import pytest

from agent.cli import main
from rackflow.catalogue import catalogue
from rackflow.recording.snmprec import read_snmprec
from rackflow.series import parse_series_key
from simulator.snmp.agent import SnmpDevice
from tests.collector.running import config_for, running
from tests.conformance.golden import BOOT, GOLDEN
from tests.e2e.agents import agent_file, snmp_device
from tests.servers.influxdb import InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.program import Program
from tests.servers.prometheus import Prometheus
from tests.servers.promql import Sample
from tests.servers.victoriametrics import VictoriaMetrics
from tests.servers.waiting import eventually

Ports = dict[str, int]


def name_of(recording: str) -> str:
    return Path(recording).name


@pytest.fixture
async def recorded(captures: Path) -> AsyncIterator[Ports]:
    """The three recordings, each served on a UDP port; ports by device."""
    async with AsyncExitStack() as stack:
        ports: Ports = {}
        for recording in GOLDEN:
            device = SnmpDevice(read_snmprec(captures / "snmp" / f"{recording}.snmprec"))
            ports[name_of(recording)] = await device.start()
            stack.push_async_callback(device.stop)
        yield ports


def devices(ports: Ports) -> list[dict[str, object]]:
    return [snmp_device(name, port, labels={"rack": "b07", "feed": "A"}) for name, port in ports.items()]


def selector(device: str, key: str) -> str:
    """The PromQL selector of one series."""
    metric, labels = parse_series_key(key)
    pairs = [f'{name}="{value}"' for name, value in ({"device": device} | labels).items()]
    return f"{metric}{{{','.join(pairs)}}}"


def expected_samples() -> dict[str, float]:
    """Selectors with the values that any PromQL store must give, states as 0 and 1."""
    found: dict[str, float] = {}
    for recording, golden in GOLDEN.items():
        device = name_of(recording)
        found |= {selector(device, key): value for key, value in golden.values.items()}
        for key, state in golden.states.items():
            for known in catalogue()[parse_series_key(key)[0]].states:
                found[f'{selector(device, key)[:-1]},state="{known}"}}'] = float(known == state)
    return found


async def all_samples(query: Callable[[str], list[Sample]]) -> dict[str, float]:
    """What a store gives for every selector, once each gives exactly one sample."""
    found: dict[str, float] = {}
    for wanted in expected_samples():
        samples = await eventually(partial(query, wanted), wanted, 30)
        assert len(samples) == 1, wanted
        assert samples[0].labels["site"] == "cas1"
        assert samples[0].labels["rack"] == "b07"
        found[wanted] = samples[0].value
    return found


async def test_recordings_reach_influxdb_victoriametrics_and_prometheus(
    recorded: Ports,
    tmp_path: Path,
    mosquitto: Mosquitto,
    influxdb: InfluxDB,
    victoria_metrics: VictoriaMetrics,
    prometheus_for: Callable[[Sequence[str]], Prometheus],
) -> None:
    to_influx: dict[str, object] = {"kind": "influxdb", "url": influxdb.url, "bucket": "rackflow"}
    to_victoria: dict[str, object] = {
        "kind": "influxdb",
        "url": victoria_metrics.url,
        "bucket": "any",
        "dialect": "victoriametrics",
    }
    configs = [
        config_for(mosquitto.port, tmp_path, to_influx, client_id="to-influxdb", dead_letter=str(tmp_path / "1.jsonl")),
        config_for(
            mosquitto.port, tmp_path, to_victoria, client_id="to-victoria", dead_letter=str(tmp_path / "2.jsonl")
        ),
    ]
    with Program("agent", agent_file(tmp_path, mosquitto.port, devices(recorded))).serving():
        async with running(configs[0]) as collector, running(configs[1]):
            prometheus = await asyncio.to_thread(prometheus_for, [collector.url.removeprefix("http://")])
            assert await all_samples(prometheus.query) == pytest.approx(expected_samples())
            assert await all_samples(victoria_metrics.query) == pytest.approx(expected_samples())
            for recording, golden in GOLDEN.items():
                await check_influxdb(influxdb, name_of(recording), golden.values | golden.states)
            page = (await collector.get("/plain")).text
            assert all(name in page for name in recorded)
    assert not (tmp_path / "1.jsonl").exists() or not (tmp_path / "1.jsonl").read_text(encoding="utf-8")


async def check_influxdb(influxdb: InfluxDB, device: str, wanted: dict[str, float | str]) -> None:
    for key, value in wanted.items():
        name, labels = parse_series_key(key)
        metric = catalogue()[name]
        tags = {"device": device, "site": "cas1", "agent": "gw-e2e", "feed": "A"} | labels
        where = " AND ".join(f"\"{tag}\"='{text}'" for tag, text in tags.items())
        query = f'SELECT last("{metric.field}") FROM "{metric.measurement}" WHERE {where}'  # noqa: S608 - a test's own words
        (row,) = await eventually(partial(influxdb.query, query), query, 30)
        assert row["last"] == (pytest.approx(value) if isinstance(value, float) else value), key


async def test_replay_prints_what_a_live_poll_prints(
    recorded: Ports, captures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for recording in GOLDEN:
        path = captures / "snmp" / f"{recording}.snmprec"
        port = str(recorded[name_of(recording)])
        assert await asyncio.to_thread(main, ["replay", str(path), "--output", "json"]) == 0
        replayed = json.loads(capsys.readouterr().out)
        assert await asyncio.to_thread(main, ["read", "127.0.0.1", "--port", port, "--output", "json"]) == 0
        live = json.loads(capsys.readouterr().out)
        assert replayed["values"].pop(BOOT, 0) == pytest.approx(live["values"].pop(BOOT, 0), abs=30)
        assert live == replayed


async def test_a_broker_restart_needs_no_human_and_a_dead_device_disturbs_nobody(
    recorded: Ports, tmp_path: Path, mosquitto: Mosquitto
) -> None:
    silent = snmp_device("silent", free_port(), timeout_s=0.4, retries=0)
    config = agent_file(tmp_path, mosquitto.port, [*devices(recorded), silent])
    with Program("agent", config).serving():
        async with running(config_for(mosquitto.port, tmp_path)) as collector:

            async def is_up(name: str) -> str:
                lines = (await collector.get("/metrics")).text.splitlines()
                found = [line for line in lines if line.startswith("dcim_device_up{") and f'device="{name}"' in line]
                assert len(found) == 1, name
                return found[0].rpartition(" ")[2]

            async def stored() -> int:
                return collector.collector.stats().points_stored

            async def growing(by: int) -> None:
                target = await stored() + by
                await eventually(lambda: collector.collector.stats().points_stored >= target, "more points", 60)

            await growing(50)
            await asyncio.to_thread(mosquitto.restart)
            await growing(50)
            await asyncio.to_thread(mosquitto.kill)
            await asyncio.to_thread(mosquitto.start)
            await growing(50)
            for name in recorded:
                assert await is_up(name) == "1"
            assert await is_up("silent") == "0"
