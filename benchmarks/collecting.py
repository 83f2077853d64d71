"""Measures the collector from broker to durable: readings per CPU second by number of devices, and the cost of a scrape.

Batches of 50 readings and 2.9 kB go through mosquitto into a store. A message counts once the collector says in its `stored` document
that it is durable. CPU is that of the collector's process alone, from the first message sent after every device was heard once.
"""

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import yaml

from benchmarks import mqtt_frames
from benchmarks.processes import cpu_seconds, resident_bytes
from rackflow import Batch, Stored, decode, encode
from tests.servers.influxdb import InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.victoriametrics import VictoriaMetrics
from tests.servers.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[1]
SITE = "bench"
# A rack PDU of 25 outlets with two readings each.
OUTLETS = 25
READINGS = 2 * OUTLETS
# As many as docs/explanation/scaling.md plans for one agent.
DEVICES_PER_AGENT = 400
EPOCH = "01KB0000000000000000000000"
# How long all messages may take until they are durable; only a hang takes longer, on a busy machine, too.
WAIT_S = 300.0
# Messages sent and not yet confirmed by the broker, below mosquitto's `max_inflight_messages` for a client.
WINDOW = 500

# From a small room to a campus.
DEVICES = (50, 400, 1600, 5000)
# Devices behind the measured scrapes: 100,000 readings, so that one scrape takes well above a tick of the CPU clock (10 ms).
SCRAPED = 2_000
# Scrapes that are averaged, and for how long the CPU is watched that the collector takes without any.
SCRAPES = 8
IDLE_S = 2.0
# Of a batch with two numbers of four digits for each of 25 outlets.
PAYLOAD_BYTES = 2_900


@dataclass
class Feeder:
    """Publishes batches over a plain socket, QoS 1, and follows the `stored` documents. Cheap, so that the collector is the bottleneck."""

    port: int
    devices: int
    sent: dict[str, int] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self.port))
        self._in = bytearray()
        self._connected = False
        self._unconfirmed = 0
        self._packet_id = 0
        self._next = 0
        agents = -(-self.devices // DEVICES_PER_AGENT)
        self.agents = [f"gw-{at}" for at in range(agents)]
        self.sent = dict.fromkeys(self.agents, 0)
        self.stored = dict.fromkeys(self.agents, 0)
        self._encoded = [_readings(variant) for variant in range(7)]
        self._socket.sendall(mqtt_frames.connect("feeder"))
        wait_until(lambda: self._read(0.1) and self._connected, "the broker's answer", 10.0)
        self._socket.sendall(mqtt_frames.subscribe(f"rackflow/v1/{SITE}/+/stored/+"))

    def describe(self) -> None:
        """Publish the status of each agent, which names its devices."""
        for at, agent in enumerate(self.agents):
            names = [f"pdu-{each}" for each in range(at, self.devices, len(self.agents))]
            status = {"schema": 1, "agent": agent, "site": SITE, "status": "online", "epoch": EPOCH, "devices": names}
            self._publish(f"rackflow/v1/{SITE}/{agent}/status", msgspec.json.encode(status), retain=True)

    def send(self, messages: int) -> None:
        """Publish batches of all devices in turn, as fast as the broker takes them."""
        for _ in range(messages):
            device = self._next % self.devices
            agent = self.agents[device % len(self.agents)]
            self.sent[agent] += 1
            payload = self.payload(agent, device)
            self._publish(f"rackflow/v1/{SITE}/{agent}/batch/pdu-{device}", payload)
            self._next += 1

    def payload(self, agent: str, device: int) -> bytes:
        """What is sent next: a batch of `device`, with the number that `sent` has for its agent."""
        return (
            b'{"schema":1,"agent":"%s","epoch":"%s","seq":%d,"time":%d,"device":"pdu-%d","class":"pdu","poll":"fast",'
            b'"interval_s":5.0,"duration_s":0.031,"up":true,"error":null,"labels":{"site":"%s","room":"dh1","row":"b",'
            b'"rack":"b%d"},%s}'
            % (
                *(agent.encode(), EPOCH.encode(), self.sent[agent], int(time.time() * 1000), device, SITE.encode()),
                *(device // 2, self._encoded[self.variant(device)]),
            )
        )

    def variant(self, device: int) -> int:
        """Which of seven sets of values it has this time."""
        return (self._next // self.devices + device) % len(self._encoded)

    def send_leak(self, device: str) -> None:
        """Publish one batch of the safety class, of a device that reports a leak."""
        agent = self.agents[0]
        self.sent[agent] += 1
        batch = Batch(
            agent=agent,
            epoch=EPOCH,
            seq=self.sent[agent],
            time=int(time.time() * 1000),
            device=device,
            device_class="pdu",
            poll="safety",
            interval_s=1.0,
            duration_s=0.01,
            up=True,
            error=None,
            labels={"site": SITE},
            values={"dcim_leak_detected": 1.0},
            states={},
            bad={},
        )
        self._publish(f"rackflow/v1/{SITE}/{agent}/batch/{device}", encode(batch))

    def read_what_is_there(self) -> None:
        """Read until nothing more has come."""
        while self._read(0.0):
            pass

    def settle(self, within_s: float = WAIT_S) -> None:
        """Wait until all of it is durable."""
        until = time.monotonic() + within_s
        while self.stored != self.sent:
            if time.monotonic() > until:
                raise TimeoutError(f"stored {self.stored} of {self.sent}")
            self._read(0.2)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        while self._unconfirmed >= WINDOW:
            self._read(1.0)
        self._packet_id = self._packet_id % mqtt_frames.MAX_PACKET_ID + 1
        self._unconfirmed += 1
        self._socket.sendall(mqtt_frames.publish(topic, self._packet_id, payload, retain=retain))

    def _read(self, timeout_s: float) -> bool:
        self._socket.settimeout(timeout_s or 0.001)
        try:
            self._in += self._socket.recv(65_536)
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(None)
        while (packet := mqtt_frames.first_packet(self._in)) is not None:
            first_octet, start, end = packet
            kind = first_octet >> 4
            if kind == mqtt_frames.CONNACK:
                self._connected = True
            elif kind == mqtt_frames.PUBACK:
                self._unconfirmed -= 1
            elif kind == mqtt_frames.PUBLISH:
                self._note_stored(bytes(self._in[start:end]))
            del self._in[:end]
        return True

    def _note_stored(self, body: bytes) -> None:
        length = int.from_bytes(body[:2], "big")
        report = decode(body[2 + length + 1 :], Stored)  # QoS 0, without properties
        self.stored[report.agent] = sum(last - first + 1 for first, last in report.durable.get(EPOCH, ()))


def _readings(variant: int) -> bytes:
    """The values of one batch: power and current of each outlet."""
    power = {f"dcim_pdu_outlet_power_watts{{outlet={at}}}": 100.0 + at + variant / 10 for at in range(1, OUTLETS + 1)}
    amps = {
        f"dcim_pdu_outlet_current_amperes{{outlet={at}}}": 0.5 + at / 100 + variant / 1000
        for at in range(1, OUTLETS + 1)
    }
    return b'"values":' + msgspec.json.encode(power | amps) + b',"states":{},"bad":{}'


@contextlib.contextmanager
def store_of(kind: str, folder: Path) -> Iterator[dict[str, object]]:
    """The configuration of a store; engines are real ones."""
    if kind == "files":
        yield {"kind": "file", "path": str(folder / "points")}
        return
    server = InfluxDB(folder / "engine") if kind == "influxdb" else VictoriaMetrics(folder / "engine")
    server.start()
    try:
        yield {"kind": "influxdb", "dialect": kind, "url": server.url, "org": "o", "bucket": "rackflow", "token": "t"}
    finally:
        server.kill()


def unlimited_broker(folder: Path, window: int = 0) -> Mosquitto:
    """A broker that keeps all that is sent to it. It sends `window` messages before it waits for an acknowledgement; 0 is no limit."""
    limits = ["log_type none", "max_queued_messages 0", f"max_inflight_messages {window}"]
    return Mosquitto(folder / "mosquitto", extra=limits)


class MeasuredCollector:
    """A broker (`unlimited_broker`) and a collector process of the checkout `tree`. `prefix` is how Python is started, for profilers."""

    def __init__(
        self, folder: Path, store: dict[str, object], tree: Path, prefix: Sequence[str], window: int = 0
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._tree, self._prefix = tree, prefix
        self.broker = unlimited_broker(folder, window)
        self._port = free_port()
        self._config = folder / "collector.yaml"
        self._store = store
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the collector, and the broker if it does not run, and wait until it is ready."""
        self.launch()
        wait_until(lambda: self.fetch("/readyz") is not None, "the collector", 30.0)

    def launch(self) -> None:
        """Start the collector, and the broker if it does not run."""
        if not self.broker.running:
            self.broker.start()
        config = {
            "broker": {"port": self.broker.port},
            "store": self._store,
            "dead_letter": str(self.folder / "dead.jsonl"),
            "listen": f"127.0.0.1:{self._port}",
            "series_limit": 2_000_000,
            "budgets": {"devices": 5_000, "series": 100_000, "bytes": 512 * 1024 * 1024},
            "http": {"share_s": 0},
        }
        self._config.write_text(yaml.safe_dump(config), encoding="utf-8")
        with (self.folder / "collector.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, "-m", "collector", "run", str(self._config)],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(self._tree)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        """Process id of the collector."""
        if self._process is None:
            raise RuntimeError("the collector is not running")
        return self._process.pid

    def fetch(self, path: str, *, is_gzip: bool = False) -> bytes | None:
        """A page; None if there is no answer, or an error."""
        headers = {"Accept-Encoding": "gzip"} if is_gzip else {}
        asked = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - loopback
                body: bytes = answer.read()
                return body
        except OSError:
            return None

    def stop(self) -> None:
        """End the collector."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


@contextlib.contextmanager
def measured_collector(
    folder: Path,
    kind: str,
    *,
    devices: int,
    tree: Path = REPOSITORY,
    prefix: Sequence[str] = (sys.executable,),
    window: int = 0,
) -> Iterator[tuple[MeasuredCollector, Feeder]]:
    """A collector that has heard of each device once."""
    with contextlib.ExitStack() as stack:
        collector = MeasuredCollector(
            folder=folder, store=stack.enter_context(store_of(kind, folder)), tree=tree, prefix=prefix, window=window
        )
        stack.callback(collector.broker.kill)
        collector.start()
        stack.callback(collector.stop)
        feeder = Feeder(collector.broker.port, devices)
        stack.callback(feeder.close)
        feeder.describe()
        feeder.send(devices)
        feeder.settle()
        yield collector, feeder


def storing(collector: MeasuredCollector, feeder: Feeder, messages: int) -> float:
    """Readings per CPU second of the collector, from the broker to durable."""
    cpu = cpu_seconds(collector.pid)
    feeder.send(messages)
    feeder.settle()
    return messages * READINGS / (cpu_seconds(collector.pid) - cpu)


def scraping(collector: MeasuredCollector, feeder: Feeder, path: str, *, is_gzip: bool, has_new_values: bool) -> float:
    """CPU of one scrape in ms, without what the collector takes anyway. With `has_new_values` each device sends new values before each."""
    feeder.settle()
    collector.fetch(path, is_gzip=is_gzip)
    cpu, began = cpu_seconds(collector.pid), time.monotonic()
    time.sleep(IDLE_S)
    idle = (cpu_seconds(collector.pid) - cpu) / (time.monotonic() - began)
    spent = 0.0
    for _ in range(SCRAPES):
        if has_new_values:
            feeder.send(feeder.devices)
            feeder.settle()
        cpu, began = cpu_seconds(collector.pid), time.monotonic()
        collector.fetch(path, is_gzip=is_gzip)
        spent += cpu_seconds(collector.pid) - cpu - idle * (time.monotonic() - began)
    return 1000 * spent / SCRAPES


def catching_up(folder: Path, size_mb: float, tree: Path = REPOSITORY) -> Iterator[str]:
    """A collector that was away finds `size_mb` at the broker: MB of payload per second and CPU second until all of it is durable.

    A leak begins once a second meanwhile, each at a device of its own, which is polled each second as agents do; in the broker's queue its
    messages are behind all that waited. It is shown once it is on `/metrics`, which is asked for every 20 ms.
    """
    messages = int(size_mb * 1e6 / PAYLOAD_BYTES)
    with measured_collector(folder, "files", devices=DEVICES_PER_AGENT, tree=tree) as (collector, feeder):
        collector.stop()
        feeder.send(messages)
        began = time.monotonic()
        collector.launch()
        wait_until(lambda: collector.fetch("/healthz") is not None, "the collector", 30.0)
        begun: dict[str, float] = {}
        shown_s: dict[str, float] = {}
        polled = began
        while sum(feeder.stored.values()) < messages or len(shown_s) < len(begun):
            now = time.monotonic()
            if now - began > WAIT_S + size_mb:
                raise TimeoutError(
                    f"stored {feeder.stored} of {feeder.sent}, shown {len(shown_s)} leaks of {len(begun)}"
                )
            if now - polled > 1.0:
                polled = now
                if sum(feeder.stored.values()) < messages:
                    begun[f"live-{len(begun)}"] = now
                for name in begun.keys() - shown_s.keys():
                    feeder.send_leak(name)
            page = collector.fetch("/metrics?class=safety") or b""
            for name in begun.keys() - shown_s.keys():
                if b'dcim_leak_detected{site="%s",device="%s"' % (SITE.encode(), name.encode()) in page:
                    shown_s[name] = time.monotonic() - begun[name]
            feeder.read_what_is_there()
            time.sleep(0.02)
        feeder.settle()
        wall_s, cpu_s = time.monotonic() - began, cpu_seconds(collector.pid)
        yield (
            f"{size_mb:.0f} MB that waited at the broker, into files: {size_mb / wall_s:.1f} MB/s, {size_mb / cpu_s:.1f} MB per CPU second;"
            f" of the leaks of that time half were shown within {statistics.median(shown_s.values()):.2f} s, all within"
            f" {max(shown_s.values()):.1f} s; {resident_bytes(collector.pid) / 1e6:.0f} MB"
        )


def run(folder: Path, trees: Sequence[Path] = (REPOSITORY,), rounds: int = 1, messages: int = 15_000) -> Iterator[str]:
    """The lines of the result, as they come. Several checkouts take turns, `rounds` times."""
    yield f"collector, batches of {READINGS} readings and {PAYLOAD_BYTES} bytes, from mosquitto to durable"
    for kind, devices in (*(("files", each) for each in DEVICES), ("influxdb", 400), ("victoriametrics", 400)):
        size_mb = 0.0
        found: dict[Path, list[float]] = {tree: [] for tree in trees}
        for at in range(rounds):
            for number, tree in enumerate(trees):
                with measured_collector(
                    folder / f"{kind}-{devices}-{at}-{number}", kind, devices=devices, tree=tree
                ) as (
                    collector,
                    feeder,
                ):
                    found[tree].append(storing(collector, feeder, messages))
                    size_mb = resident_bytes(collector.pid) / 1e6
        figures = ", ".join(f"{sorted(each)[len(each) // 2]:,.0f}" for each in found.values())
        yield f"  {kind:<16} {devices:>5} devices: {figures} readings per CPU second; {size_mb:.0f} MB"
    for number, tree in enumerate(trees):
        with measured_collector(folder / f"scrape-{number}", "files", devices=SCRAPED, tree=tree) as (
            collector,
            feeder,
        ):
            for name, path, is_gzip in (
                ("plain", "/metrics", False),
                ("gzip", "/metrics", True),
                ("safety class", "/metrics?class=safety", True),
            ):
                changed = scraping(collector, feeder, path, is_gzip=is_gzip, has_new_values=True)
                same = scraping(collector, feeder, path, is_gzip=is_gzip, has_new_values=False)
                yield f"  scrape of {SCRAPED * READINGS:,} readings, {name}: {changed:.0f} ms of CPU; {same:.0f} ms without new values"


def main() -> None:
    """Compare checkouts: `python -m benchmarks.collecting ROUNDS MESSAGES TREE…`."""
    rounds, messages, *trees = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="rackflow-bench-") as name:
        for line in run(Path(name), [Path(each).resolve() for each in trees], int(rounds), int(messages)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
