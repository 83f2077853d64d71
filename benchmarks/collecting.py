"""Measures the collector from broker to durable: readings per CPU second by number of devices, and the cost of a scrape.

Batches of 50 readings and 2.9 kB go through mosquitto into a store. A message counts once the collector says in its `stored` document
that it is durable. CPU is that of the collector's process alone, from the first message sent after every device was heard once.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import yaml

from benchmarks.processes import cpu_seconds, resident_bytes
from rackflow import Stored, decode
from tests.servers.influxdb import InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.victoriametrics import VictoriaMetrics
from tests.servers.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[1]
SITE = "bench"
OUTLETS = 25
READINGS = 2 * OUTLETS
DEVICES_PER_AGENT = 400
EPOCH = "01KB0000000000000000000000"
WAIT_S = 300.0
# Messages sent and not yet confirmed by the broker, below mosquitto's `max_inflight_messages` for a client.
WINDOW = 500
STORES = ("files", "influxdb", "victoriametrics")


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
        self._unconfirmed = 0
        self._mid = 0
        self._next = 0
        agents = -(-self.devices // DEVICES_PER_AGENT)
        self.agents = [f"gw-{at}" for at in range(agents)]
        self.sent = dict.fromkeys(self.agents, 0)
        self.stored = dict.fromkeys(self.agents, 0)
        self._tails = [_readings(variant) for variant in range(7)]
        body = b"\x00\x04MQTT\x05\x02\x00\x3c\x00" + _text("feeder")
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        wait_until(lambda: self._read(0.1) and self._connected, "the broker's answer", 10.0)
        body = b"\x00\x01\x00" + _text(f"rackflow/v1/{SITE}/+/stored/+") + b"\x00"
        self._socket.sendall(b"\x82" + _length(len(body)) + body)

    _connected = False

    def describe(self) -> None:
        """Say which devices there are."""
        for at, agent in enumerate(self.agents):
            names = [f"pdu-{each}" for each in range(at, self.devices, len(self.agents))]
            status = {"schema": 1, "agent": agent, "site": SITE, "status": "online", "epoch": EPOCH, "devices": names}
            self._publish(f"rackflow/v1/{SITE}/{agent}/status", msgspec.json.encode(status), retain=True)

    def send(self, messages: int, per_s: float = 0.0) -> None:
        """Publish batches of all devices in turn, as fast as the broker takes them or at a rate."""
        began = time.monotonic()
        for count in range(messages):
            device = self._next % self.devices
            agent = self.agents[device % len(self.agents)]
            self.sent[agent] += 1
            payload = (
                b'{"schema":1,"agent":"%s","epoch":"%s","seq":%d,"time":%d,"device":"pdu-%d","class":"pdu","poll":"fast",'
                b'"interval_s":5.0,"duration_s":0.031,"up":true,"error":null,"labels":{"site":"%s","room":"dh1","row":"b",'
                b'"rack":"b%d"},%s}'
                % (
                    *(agent.encode(), EPOCH.encode(), self.sent[agent], int(time.time() * 1000), device, SITE.encode()),
                    *(device // 2, self._tails[(self._next // self.devices + device) % len(self._tails)]),
                )
            )
            self._publish(f"rackflow/v1/{SITE}/{agent}/batch/pdu-{device}", payload)
            self._next += 1
            if per_s and (ahead := began + (count + 1) / per_s - time.monotonic()) > 0.005:
                self._read(ahead)

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
        self._mid = self._mid % 65_535 + 1
        body = _text(topic) + self._mid.to_bytes(2, "big") + b"\x00" + payload
        self._unconfirmed += 1
        self._socket.sendall((b"\x33" if retain else b"\x32") + _length(len(body)) + body)

    def _read(self, timeout_s: float) -> bool:
        self._socket.settimeout(timeout_s or 0.001)
        try:
            self._in += self._socket.recv(65_536)
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(None)
        while (frame := _frame(self._in)) is not None:
            kind, start, end = frame
            if kind >> 4 == 2:
                self._connected = True
            elif kind >> 4 == 4:
                self._unconfirmed -= 1
            elif kind >> 4 == 3:
                self._note(bytes(self._in[start:end]))
            del self._in[:end]
        return True

    def _note(self, body: bytes) -> None:
        length = int.from_bytes(body[:2], "big")
        word = decode(body[2 + length + 1 :], Stored)  # QoS 0, without properties
        self.stored[word.agent] = sum(last - first + 1 for first, last in word.durable.get(EPOCH, ()))


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def _length(number: int) -> bytes:
    found = bytearray()
    while True:
        number, digit = number >> 7, number & 0x7F
        found.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(found)


def _frame(data: bytearray) -> tuple[int, int, int] | None:
    """Kind, start of the body and end of the first packet, if it is whole."""
    number, at = 0, 1
    while at < len(data):
        number |= (data[at] & 0x7F) << 7 * (at - 1)
        at += 1
        if not data[at - 1] & 0x80:
            return (data[0], at, at + number) if len(data) >= at + number else None
    return None


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
    """The configuration of a store; engines are real."""
    if kind == "files":
        yield {"kind": "file", "path": str(folder / "points")}
        return
    if kind == "influxdb":
        with InfluxDB(folder / "influxdb") as server:
            yield {"kind": "influxdb", "url": server.url, "org": "o", "bucket": "bench/autogen", "token": "t:t"}
        return
    server = VictoriaMetrics(folder / "vm")
    server.start()
    try:
        yield {"kind": "influxdb", "dialect": "victoriametrics", "url": server.url, "org": "o", "bucket": "b"}
    finally:
        server.kill()


class Bed:
    """A broker and a collector process."""

    def __init__(self, folder: Path, store: dict[str, object], tree: Path, prefix: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._tree, self._prefix = tree, prefix
        self.broker = Mosquitto(
            folder / "mosquitto", extra=["log_type none", "max_queued_messages 0", "max_inflight_messages 0"]
        )
        self.port = free_port()
        self._config = folder / "collector.yaml"
        self._store = store
        self._process: subprocess.Popen[bytes] | None = None

    def start_broker(self) -> None:
        self.broker.start()

    def start(self) -> None:
        """Start the collector."""
        config = {
            "broker": {"port": self.broker.port},
            "store": self._store,
            "dead_letter": str(self.folder / "dead.jsonl"),
            "listen": f"127.0.0.1:{self.port}",
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
        wait_until(lambda: self.fetch("/readyz") is not None, "the collector", 30.0)

    @property
    def pid(self) -> int:
        """Process id of the collector."""
        if self._process is None:
            raise RuntimeError("the collector is not running")
        return self._process.pid

    def fetch(self, path: str, *, zipped: bool = False) -> bytes | None:
        """A page, None if there is no answer or an error."""
        headers = {"Accept-Encoding": "gzip"} if zipped else {}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers), timeout=60
            ) as answer:  # noqa: S310 - loopback
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


def measure(
    folder: Path,
    kind: str,
    devices: int,
    messages: int,
    tree: Path = REPOSITORY,
    prefix: Sequence[str] = (sys.executable,),
) -> dict[str, float]:
    """Readings per CPU second, CPU of scrapes in ms, memory in MB."""
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(store_of(kind, folder))
        bed = Bed(folder, store, tree, prefix)
        bed.start_broker()
        stack.callback(bed.broker.kill)
        bed.start()
        stack.callback(bed.stop)
        feeder = Feeder(bed.broker.port, devices)
        stack.callback(feeder.close)
        feeder.describe()
        feeder.send(devices)
        feeder.settle()
        cpu, wall = cpu_seconds(bed.pid), time.monotonic()
        feeder.send(messages)
        feeder.settle()
        cpu, wall = cpu_seconds(bed.pid) - cpu, time.monotonic() - wall
        found = {"readings_per_cpu_s": messages * READINGS / cpu, "cpu_s": cpu, "wall_s": wall}
        found["mb"] = resident_bytes(bed.pid) / 1e6
        idle = _cpu_per_s(bed, 2.0)
        for name, path, zipped in (
            ("plain", "/metrics", False),
            ("gzip", "/metrics", True),
            ("safety", "/metrics?class=safety", True),
        ):
            found[f"scrape_{name}_ms"] = _scrape(bed, feeder, path, idle, zipped=zipped)
        return found


def _cpu_per_s(bed: Bed, seconds: float) -> float:
    cpu = cpu_seconds(bed.pid)
    time.sleep(seconds)
    return (cpu_seconds(bed.pid) - cpu) / seconds


def _scrape(bed: Bed, feeder: Feeder, path: str, idle: float, *, zipped: bool, times: int = 8) -> float:
    """CPU of one scrape, ms; each device has sent new values since the one before."""
    bed.fetch(path, zipped=zipped)
    spent = 0.0
    for _ in range(times):
        feeder.send(feeder.devices)
        feeder.settle()
        cpu, began = cpu_seconds(bed.pid), time.monotonic()
        bed.fetch(path, zipped=zipped)
        spent += cpu_seconds(bed.pid) - cpu - idle * (time.monotonic() - began)
    return 1000 * spent / times


def main() -> None:
    """For comparisons of two checkouts: `python -m benchmarks.collecting FOLDER TREE STORE DEVICES MESSAGES [PREFIX…]`."""
    folder, tree, kind, devices, messages, *prefix = sys.argv[1:]
    found = measure(Path(folder), kind, int(devices), int(messages), Path(tree), prefix or (sys.executable,))
    print(" ".join(f"{name}={value:.4g}" for name, value in found.items()), flush=True)


if __name__ == "__main__":
    main()
