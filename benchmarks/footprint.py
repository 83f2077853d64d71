"""Measures memory, CPU, start and disk of an agent with 50 devices at default rates; memory and CPU of a collector of 10,000 series."""

import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import paho.mqtt.client as paho
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.processes import cpu_seconds, process, resident_bytes, serving, subscriber, written_bytes
from rackflow.documents import Batch, encode
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[1]
# A gateway for a room, and the series of some twenty rack PDUs with outlets.
DEVICES = 50
SERIES = 10_000
SERIES_PER_BATCH = 100


def agent_at_rest(folder: Path, seconds: float) -> list[str]:
    """Memory and CPU of an agent at the default poll classes."""
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "rest-mosquitto").serving())
        sizes: list[int] = []
        arrived = threading.Event()

        def note(payload: bytes) -> None:
            sizes.append(len(payload))
            arrived.set()

        stack.enter_context(subscriber(broker.port, "rackflow/+/+/+/batch/#", note))
        ports = stack.enter_context(serving("benchmarks.devices", DEVICES))
        config = folder / "rest-agent.yaml"
        data = {
            "agent": "rest",
            "labels": {"site": "bench"},
            "broker": {"port": broker.port},
            "outbox": {"mode": "disk", "path": str(folder / "rest-outbox.db")},
            "credentials": {"lab": {"version": "2c", "community": "public"}},
            "devices": [
                {"id": f"d{at}", "host": "127.0.0.1", "port": port, "credential": "lab"}
                for at, port in enumerate(ports)
            ],
        }
        config.write_text(yaml.safe_dump(data), encoding="utf-8")
        began = time.monotonic()
        with process([sys.executable, "-m", "agent", "run", str(config)], folder / "rest.log") as agent:
            if not arrived.wait(30):
                raise RuntimeError("the agent polled nothing within 30 s")
            first_s, first_cpu_s = time.monotonic() - began, cpu_seconds(agent.pid)
            time.sleep(15)  # start-up is not what is measured
            cpu, started, before = cpu_seconds(agent.pid), time.monotonic(), len(sizes)
            disk = written_bytes(agent.pid)
            time.sleep(seconds)
            share = (cpu_seconds(agent.pid) - cpu) / (time.monotonic() - started)
            memory, disk, payload = resident_bytes(agent.pid), written_bytes(agent.pid) - disk, sum(sizes[before:])
    return [
        f"agent, {DEVICES} simulated UPS and PDU at default poll classes, {seconds:g} s:",
        f"  memory {memory / 1e6:6.1f} MB   CPU {share * 100:5.2f} % of a core",
        f"  first poll at the broker {first_s:.2f} s after the start, {first_cpu_s:.2f} s of CPU",
        f"  disk {disk / seconds / 1e3:.1f} kB/s for {payload / seconds / 1e3:.1f} kB/s of batches: {disk / payload:.1f} bytes for each",
    ]


def batches(sent: int) -> Iterator[Batch]:
    """Batches that together hold `SERIES` series."""
    for number in range(SERIES // SERIES_PER_BATCH):
        yield Batch(
            agent="bench",
            epoch="e",
            seq=sent + number + 1,
            time=time.time_ns() // 1_000_000,
            device=f"pdu-{number}",
            device_class="pdu",
            poll="normal",
            interval_s=10.0,
            duration_s=0.01,
            up=True,
            labels={"site": "bench", "room": "r", "row": "a", "rack": f"k{number}"},
            values={f"dcim_pdu_outlet_power_watts{{outlet={at}}}": 100.0 + at + sent for at in range(SERIES_PER_BATCH)},
        )


def collector_at_work(folder: Path, seconds: float) -> list[str]:
    """Memory and CPU of a collector that is scraped and fed once a second."""
    port = free_port()
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "work-mosquitto").serving())
        config = folder / "collector.yaml"
        data = {
            "broker": {"port": broker.port},
            "store": {"kind": "file", "path": str(folder / "points")},
            "dead_letter": str(folder / "dead.jsonl"),
            "listen": f"127.0.0.1:{port}",
        }
        config.write_text(yaml.safe_dump(data), encoding="utf-8")
        command = [sys.executable, "-m", "collector", "run", str(config)]
        collector = stack.enter_context(process(command, folder / "work.log"))
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        stack.callback(client.loop_stop)
        stack.callback(client.disconnect)
        wait_until(lambda: _get(port, "/readyz"), "the collector is ready", 30)
        cpu, started, sent, series = 0.0, 0.0, 0, 0
        for second in range(int(seconds) + 5):
            if second == 5:  # noqa: PLR2004 - start-up is not what is measured
                cpu, started = cpu_seconds(collector.pid), time.monotonic()
            for batch in batches(sent):
                client.publish(f"rackflow/v1/bench/bench/batch/{batch.device}", encode(batch), qos=1)
            sent += SERIES // SERIES_PER_BATCH
            time.sleep(1)
            series = _get(port, "/metrics").count("\ndcim_pdu_outlet_power_watts{")
        share = (cpu_seconds(collector.pid) - cpu) / (time.monotonic() - started)
        memory = resident_bytes(collector.pid)
    return [
        f"collector, {series} device series, all of them new and scraped once a second, {seconds:g} s:",
        f"  memory {memory / 1e6:6.1f} MB   CPU {share * 100:5.2f} % of a core",
    ]


def _get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            text: str = answer.read().decode("utf-8")
            return text
    except OSError:
        return ""


def run(folder: Path, seconds: float) -> list[str]:
    """The lines of the result."""
    return [*agent_at_rest(folder, seconds), *collector_at_work(folder, seconds)]
