"""`make campus`: a whole campus on one machine, from the simulated devices to the collector, through everything that restarts or fails.

512 racks, 3,076 devices with the shipped profiles: one agent, mosquitto, one collector with the site file. It says how long each part takes
to settle (every device polled, no poll late or failed since the last report), and how long one piece of work held an event loop.
Seconds depend on what else the machine does, so the CPU that each process used, and what the machine had left, stand beside them.
"""

import argparse
import asyncio
import contextlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.processes import cpu_seconds, end
from rackflow.documents import Batch, Stored, decode
from simulator.site.control import ask
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_thread import leave
from tests.servers.ports import free_port
from tests.servers.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[1]
SITE, AGENT = "campus", "sim-agent"
# The size that docs/reference/simulator.md and the promise of a minute are about.
RACKS = 512
# How long a campus may take to settle before the run fails. It is promised to settle within a minute of a start of everything; a machine
# that does other things, too, takes longer.
PATIENCE_S = 240.0
# How often Prometheus would scrape it: rendering 200,000 series is part of the collector's load.
SCRAPE_S = 15.0


@dataclass
class Reports:
    """What the agent says about itself every few seconds; and, while somebody listens to them, what becomes of its devices' batches."""

    port: int
    last: dict[str, float] = field(default_factory=dict)
    count: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Failed polls by device, counted while `devices` is open."""
    until_stored_s: list[float] = field(default_factory=list)
    """From the end of each poll until the collector reported it as durable, measured while `devices` is open."""

    def __post_init__(self) -> None:
        self._topics = f"rackflow/v1/{SITE}/{AGENT}"
        self.waiting: dict[str, dict[int, int]] = {}
        """Batches heard and not reported as durable: the time of their poll, ms, by epoch and number."""
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        topics = [(f"{self._topics}/batch/{AGENT}", 1), (f"{self._topics}/stored/+", 1)]
        self._client.on_connect = lambda client, *_: client.subscribe(topics)
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()

    @contextlib.contextmanager
    def devices(self) -> Iterator[None]:
        """Listen to the batches of all devices, too. This costs a seventh of a core, and so is not done while a campus settles."""
        self._client.subscribe(f"{self._topics}/batch/+", qos=0)
        try:
            yield
        finally:
            self._client.unsubscribe(f"{self._topics}/batch/+")

    def _on_message(self, _: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        kind, name = message.topic.split("/")[-2:]
        if kind == "stored":
            self._on_stored(decode(bytes(message.payload), Stored).durable)
            return
        batch = decode(bytes(message.payload), Batch)
        if name == AGENT:
            self.last, self.count = dict(batch.values), self.count + 1
        elif not message.retain:
            self.waiting.setdefault(batch.epoch, {})[batch.seq] = batch.time
            if not batch.up:
                self.failed[name] += 1

    def _on_stored(self, durable: Mapping[str, Sequence[tuple[int, int]]]) -> None:
        now_ms = time.time() * 1000
        for epoch, waiting in self.waiting.items():
            for first, last in durable.get(epoch, ()):
                for number in [each for each in waiting if first <= each <= last]:
                    self.until_stored_s.append((now_ms - waiting.pop(number)) / 1000)

    def total(self, name: str) -> float:
        """The sum of a metric of the last report over its labels."""
        return sum(value for key, value in self.last.items() if key.partition("{")[0] == f"dcim_agent_{name}")

    @property
    def up(self) -> int:
        """Devices that answer."""
        return int(self.last.get("dcim_agent_devices{state=up}", 0))

    def close(self) -> None:
        """Disconnect."""
        leave(self._client)


@dataclass
class Settled:
    """How a part of the run went."""

    after_s: float
    """How long it took to settle; 0 where it was only watched."""
    overruns: int
    """Polls that were late."""
    failed: int
    """Polls that failed."""


class Campus:
    """The processes of a campus. `racks` says how large it is: 512 have 3,076 devices, 68 have 413."""

    def __init__(
        self,
        folder: Path,
        racks: int,
        stack: ExitStack,
        report_s: float | None = None,
        intervals_of: Callable[[int], Mapping[str, float]] = lambda _: {},
    ) -> None:
        """`report_s` is how often the agent reports, and `intervals_of` gives those of the n-th device, if not the defaults."""
        self.folder = folder
        self._intervals = {"normal": report_s} if report_s is not None else {}
        self._intervals_of = intervals_of
        self._stack = stack
        self._racks = racks
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ended_cpu_s: Counter[str] = Counter()
        self.devices: list[str] = []
        self.broker = Mosquitto(folder / "mosquitto", persistence=True)
        self.http_port = free_port()
        self.longest_hold_s = {"agent": 0.0, "collector": 0.0}
        self._over = threading.Event()

    def start(self, *, with_collector: bool = True) -> None:
        """Start everything at once, as after a power cut."""
        socket = self.folder / "sim.sock"
        self._spawn(
            *("simulator", "-m", "simulator", "run", SITE, "--racks", str(self._racks)),
            *("--socket", str(socket), "--agent-config", str(self.folder / "agent.yaml")),
        )
        wait_until(lambda: socket.exists() and (self.folder / "agent.yaml").exists(), "the site is simulated", 120)
        self._stack.enter_context(self.broker.serving())
        agent = yaml.safe_load((self.folder / "agent.yaml").read_text(encoding="utf-8"))
        self.devices = [each["id"] for each in agent["devices"]]
        for number, each in enumerate(agent["devices"]):
            each["intervals"] = dict(self._intervals_of(number))
        agent["broker"] = {"host": "127.0.0.1", "port": self.broker.port}
        agent["intervals"] = self._intervals
        agent["outbox"] = {"mode": "disk", "path": str(self.folder / "outbox.db")}
        (self.folder / "agent.yaml").write_text(yaml.safe_dump(agent, sort_keys=False), encoding="utf-8")
        collector = {
            "broker": {"port": self.broker.port},
            "site_file": str(self.folder / f"{SITE}-site.yaml"),
            "store": {"kind": "file", "path": str(self.folder / "points")},
            "dead_letter": str(self.folder / "dead.jsonl"),
            "listen": f"127.0.0.1:{self.http_port}",
        }
        (self.folder / "collector.yaml").write_text(yaml.safe_dump(collector), encoding="utf-8")
        self.reports = Reports(self.broker.port)
        self._stack.callback(self.reports.close)
        if with_collector:
            self._spawn("collector", "-m", "collector", "run", str(self.folder / "collector.yaml"))
        self.start_agent()
        scraping = threading.Thread(target=self._scrape, name="scrape", daemon=True)
        scraping.start()
        self._stack.callback(scraping.join, 30)
        self._stack.callback(self._over.set)

    def start_agent(self) -> None:
        """Start the agent."""
        self._spawn("agent", "-m", "agent", "run", str(self.folder / "agent.yaml"))

    def stop_agent(self) -> None:
        """Stop the agent, as for an upgrade. What it reported and what failed so far is forgotten."""
        process = self.processes["agent"]
        self._ended_cpu_s["agent"] += int(cpu_seconds(process.pid) * 1000)
        process.terminate()
        process.wait(timeout=20)
        self.reports.last = {}

    def wait_until_up(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until all devices answer. Unlike `settle` it accepts late polls, which a busy machine causes as well."""
        wait_until(lambda: self.reports.up == len(self.devices), "all devices answer", patience_s)

    def settle(self, patience_s: float = PATIENCE_S, exempt: Collection[str] = ()) -> Settled:
        """Wait until all devices but the exempt ones have been polled, and no poll was late or failed from one report to the next."""
        began = time.monotonic()
        before: tuple[float, float] | None = None
        seen = self.reports.count
        while time.monotonic() - began < patience_s:
            time.sleep(0.1)
            if self.reports.count == seen:
                continue
            seen = self.reports.count
            self._note_holds()
            now = self.reports.total("poll_overruns_total"), float(self.failures(exempt))
            if self.reports.up >= len(self.devices) - len(exempt) and before == now:
                return Settled(time.monotonic() - began, int(now[0]), int(now[1]))
            before = now
        raise TimeoutError(
            f"not settled after {patience_s:g} s: {self.reports.up} of {len(self.devices)} devices up, "
            f"{self.reports.total('poll_overruns_total'):.0f} overruns, {self.failures(exempt)} failed polls"
        )

    def watch(self, seconds: float, exempt: Collection[str] = ()) -> Settled:
        """Count what is late or fails within some seconds, and until the report after them. With exempt devices, in `Reports.devices`."""
        overruns, failed = self.reports.total("poll_overruns_total"), self.failures(exempt)
        time.sleep(seconds)
        seen = self.reports.count
        wait_until(lambda: self.reports.count > seen, "the agent reports", 60)
        self._note_holds()
        return Settled(
            0.0, int(self.reports.total("poll_overruns_total") - overruns), self.failures(exempt) - int(failed)
        )

    def failures(self, exempt: Collection[str] = ()) -> int:
        """Failed polls so far: all that the agent counts, or those of devices that are not exempt, as heard in `Reports.devices`."""
        if not exempt:
            return int(self.reports.total("poll_failures_total"))
        # A copy, because the client that listens adds to it in a thread of its own.
        return sum(count for device, count in self.reports.failed.copy().items() if device not in exempt)

    @contextlib.contextmanager
    def silent(self, devices: Collection[str]) -> Iterator[None]:
        """These devices do not answer during the block."""

        async def send(orders: Sequence[Mapping[str, object]]) -> list[int]:
            return [await ask(self.folder / "sim.sock", dict(order)) for order in orders]

        faults = [{"order": "fault", "fault": {"fault": "timeout", "target": device}} for device in devices]
        numbers = asyncio.run(send(faults))
        try:
            yield
        finally:
            asyncio.run(send([{"order": "clear", "number": number} for number in numbers]))

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds of each process so far, over its restarts."""
        found = {name: cpu_seconds(process.pid) for name, process in self.processes.items() if process.poll() is None}
        found["mosquitto"] = cpu_seconds(self.broker.pid)
        return {name: seconds + self._ended_cpu_s[name] / 1000 for name, seconds in found.items()}

    def _note_holds(self) -> None:
        hold_s = self.reports.last.get("dcim_agent_loop_hold_seconds", 0.0)
        self.longest_hold_s["agent"] = max(self.longest_hold_s["agent"], hold_s)

    def _scrape(self) -> None:
        while not self._over.wait(SCRAPE_S):
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics", timeout=60) as page:
                    lines = page.read().decode().splitlines()
                holds = [line for line in lines if line.startswith("dcim_collector_loop_hold_seconds ")]
                for line in holds:
                    hold_s = float(line.rpartition(" ")[2])
                    self.longest_hold_s["collector"] = max(self.longest_hold_s["collector"], hold_s)

    def _spawn(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes[name] = process
        self._stack.callback(end, process)


def _idle_and_all_s() -> tuple[float, float]:
    """Seconds in which the machine's cores had nothing to do, and all seconds, from /proc/stat."""
    numbers = [int(each) for each in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return float(numbers[3] + numbers[4]), float(sum(numbers))


def _until_stored(campus: Campus, seconds: float) -> str:
    """How long it takes from a poll's end until the collector reports it as durable, over some seconds. Reports come every 2 s."""
    reports = campus.reports
    reports.waiting = {}
    reports.until_stored_s.clear()
    with reports.devices():
        time.sleep(seconds)
    wait_until(lambda: not any(reports.waiting.values()), "all batches that were heard are stored", 60)
    waits = sorted(reports.until_stored_s)
    half, most = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    return f"{len(waits)} batches: half stored and confirmed within {half:.1f} s of the poll, 99 % within {most:.1f} s"


def run(folder: Path, racks: int, watch_s: float) -> Iterator[str]:
    """The lines of the report, the last one with the sums."""
    with ExitStack() as stack:
        campus = Campus(folder, racks, stack)
        campus.start()
        idle_s, all_s = _idle_and_all_s()
        first = campus.settle()
        yield f"{len(campus.devices)} devices, cold start of everything: settled after {first.after_s:.0f} s"
        cpu, began = campus.cpu_s(), time.monotonic()
        parts = [campus.watch(watch_s)]
        passed_s = time.monotonic() - began
        used = ", ".join(f"{name} {(now - cpu[name]) / passed_s:.0%}" for name, now in campus.cpu_s().items())
        yield f"  CPU while settled, of a core: {used}"
        yield f"  {_until_stored(campus, watch_s / 4)}"
        flapping = campus.devices[::10]
        for _ in range(2):
            with campus.reports.devices():
                with campus.silent(flapping):
                    # Their overruns do not count: a poll of a device that does not answer lasts as long as its timeouts.
                    failed = campus.watch(watch_s / 4, flapping).failed
                failed += campus.watch(watch_s / 4, flapping).failed
            parts.append(Settled(0.0, 0, failed))
        yield f"  10 % of the devices flapping: {parts[-1].failed} failed polls of others; settled after {campus.settle().after_s:.0f} s"
        campus.broker.stop()
        campus.broker.start()
        yield f"  broker restarted: settled after {campus.settle().after_s:.0f} s"
        parts.append(campus.watch(watch_s / 4))
        yield f"  {_until_stored(campus, watch_s / 4)}"
        campus.stop_agent()
        campus.start_agent()
        again = campus.settle()
        yield f"  agent restarted: settled after {again.after_s:.0f} s"
        parts.append(campus.watch(watch_s / 4))
        yield f"  {_until_stored(campus, watch_s / 4)}"
        now_idle_s, now_all_s = _idle_and_all_s()
        used = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in campus.cpu_s().items())
        yield f"  CPU in all: {used}; the machine had {(now_idle_s - idle_s) / (now_all_s - all_s):.0%} of its cores left"
        holds = campus.longest_hold_s
        yield f"  longest hold: agent {holds['agent'] * 1000:.0f} ms, collector {holds['collector'] * 1000:.0f} ms"
        yield (
            f"settled after {max(first.after_s, again.after_s):.0f} s, {sum(part.overruns for part in parts)} overruns, "
            f"{sum(part.failed for part in parts)} failed, longest hold {max(holds.values()) * 1000:.0f} ms"
        )


def main() -> int:
    """Run a campus and print its report."""
    parser = argparse.ArgumentParser(prog="make campus ARGS=…", description=__doc__)
    parser.add_argument("--racks", type=int, default=RACKS)
    parser.add_argument(
        "--watch", type=float, default=60.0, metavar="SECONDS", help="how long to watch it once it is settled"
    )
    arguments = parser.parse_args()
    # As an exception, so that its processes end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="rackflow-campus-") as name:
        for line in run(Path(name), arguments.racks, arguments.watch):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
