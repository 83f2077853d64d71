"""Measures polls of 20 objects per CPU second: Rackflow from schedule to PUBACK, and snmp_exporter scraping the same objects."""

import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.bench_site import AGENT, SITE, write_agent, write_exporter
from benchmarks.processes import cpu_seconds
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import accepts, free_port
from tests.servers.process import find_program
from tests.servers.snmpd import Snmpd
from tests.servers.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Rate:
    """Polls done and what they cost the polling process."""

    polls: float
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        """Polls per CPU second."""
        return self.polls / self.cpu_s


@dataclass(frozen=True)
class Report:
    """What the agent has said about itself: polls done, polls failed, messages not yet confirmed."""

    polls: float
    failures: float
    waiting: float


class Reports:
    """The agent's reports, as they come over MQTT."""

    def __init__(self, port: int) -> None:
        self.last = Report(0, 0, 0)
        self.count = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(f"rackflow/v1/{SITE}/{AGENT}/batch/+", qos=1)  # what nobody hears is sent again
        self._client.loop_start()

    def _on_message(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:  # noqa: ARG002
        if not message.topic.endswith(f"/{AGENT}"):
            return
        values: dict[str, float] = json.loads(message.payload)["values"]
        polls = sum(value for key, value in values.items() if key.startswith("dcim_agent_polls_total"))
        failures = sum(value for key, value in values.items() if key.startswith("dcim_agent_poll_failures_total"))
        self.last = Report(polls, failures, values["dcim_agent_spool_messages"])
        self.count += 1

    def next(self) -> Report:
        """The first report after this moment."""
        before = self.count
        wait_until(lambda: self.count > before, "the agent's report", 20)
        return self.last

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended at the end of the block."""
    with log.open("ab") as output:
        child = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield child
        finally:
            child.terminate()
            child.wait(timeout=15)


def measure_agent(child: subprocess.Popen[bytes], reports: Reports, seconds: float) -> Rate:
    """One window of the running agent."""
    first = reports.next()
    cpu = cpu_seconds(child.pid)
    end = time.monotonic() + seconds
    last = first
    while time.monotonic() < end:
        last = reports.next()
    cost = cpu_seconds(child.pid) - cpu
    if last.failures > first.failures:
        raise RuntimeError(f"{last.failures - first.failures:.0f} polls failed")
    return Rate(last.polls - first.polls, cost)


def measure_exporter(child: subprocess.Popen[bytes], port: int, snmp_port: int, seconds: float) -> Rate:
    """One window of scrapes, one after the other over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    cpu = cpu_seconds(child.pid)
    end = time.monotonic() + seconds
    polls = 0
    while time.monotonic() < end:
        connection.request("GET", f"/snmp?module=bench&target=127.0.0.1:{snmp_port}")
        text = connection.getresponse().read()
        if text.count(b"\nbench_counter_") < 20:  # noqa: PLR2004 - the objects of the benchmark
            raise RuntimeError(f"snmp_exporter did not read all objects: {text[:300]!r}")
        polls += 1
    connection.close()
    return Rate(polls, cpu_seconds(child.pid) - cpu)


def run(folder: Path, rounds: int, seconds: float, devices: int, interval_s: float) -> list[str]:
    """Alternate all three in one run; the lines of the result."""
    memory: list[float] = []
    disk: list[float] = []
    theirs: list[float] = []
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "mosquitto").serving())
        snmpd = stack.enter_context(Snmpd(folder / "snmpd").serving())
        exporter_port = free_port()
        exporter_command = [
            find_program("prometheus-snmp-exporter", "prometheus-snmp-exporter"),
            f"--config.file={write_exporter(folder)}",
            f"--web.listen-address=127.0.0.1:{exporter_port}",
        ]
        exporter = stack.enter_context(process(exporter_command, folder / "exporter.log"))
        wait_until(lambda: accepts(exporter_port), "snmp_exporter answers", 20)
        reports = Reports(broker.port)
        stack.callback(reports.close)
        for _ in range(rounds):
            # Each is started anew and stopped while the others are measured, so that none takes CPU time from another.
            for rates, on_disk in ((memory, False), (disk, True)):
                config = write_agent(folder, broker.port, snmpd.port, devices, interval_s, on_disk=on_disk)
                with process([sys.executable, "-m", "agent", "run", str(config)], folder / "agent.log") as agent:
                    for _ in range(3):
                        reports.next()
                    rates.append(measure_agent(agent, reports, seconds).per_cpu_s)
            theirs.append(measure_exporter(exporter, exporter_port, snmpd.port, seconds).per_cpu_s)
    return [
        f"polls of 20 objects per CPU second, {rounds} rounds of {seconds:g} s, {devices / interval_s:g} polls/s asked for:",
        f"  rackflow-agent, outbox on disk, schedule to PUBACK  median {statistics.median(disk):7.0f}  (of {_shown(disk)})",
        f"  rackflow-agent, outbox in memory                    median {statistics.median(memory):7.0f}  (of {_shown(memory)})",
        f"  snmp_exporter, scrape                               median {statistics.median(theirs):7.0f}  (of {_shown(theirs)})",
        f"  ratio, on disk to snmp_exporter                     median {_ratio(disk, theirs):7.2f}",
        f"  ratio, on disk to in memory                         median {_ratio(disk, memory):7.2f}",
    ]


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _shown(rates: list[float]) -> str:
    return ", ".join(f"{rate:.0f}" for rate in rates)
