"""Measures what one account costs: a broker, a whole collector, a healthy agent with 20 devices, and a hostile account beside it.

`make chaos ARGS="hostile --only ATTACK --seconds N"` prints a line per attack.
"""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from tests.e2e.chaos.hostile_accounts import SITE, VICTIM, batch, document, status
from tests.servers.captures import REPOSITORY
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_thread import leave
from tests.servers.ports import free_port
from tests.servers.program import Program
from tests.servers.waiting import wait_until
from tests.servers.web import OPENER, answers

# The healthy agent's devices, how often each is polled, and how long everything settles before and after an attack.
DEVICES = 20
PERIOD_S = 0.5
SETTLE_S = 2.0
MOST_MEMORY_BYTES = 64 * 1024 * 1024
"""All attacks together took 44 to 59 MB: 8,000 series of one account, what the socket brings at once, and a page with them. With the
default budget of 25,000 series and 24 MiB they took 90 MB."""
BUDGETS = {"series": 8_000, "bytes": 16 * 1024 * 1024}
"""A third of the default, which makes the pages that the trial reads a third as large: it shows that what is granted holds."""
SERIES_LIMIT = 200_000
"""The collector's default."""
SCRAPE_S = 30.0
"""A loaded machine is ten times slower than a free one."""
MOST_SCRAPE = 0.05
"""Of the series that a scrape may have."""


HEAD = "| attack | sent | received | memory, MB | series | healthy: not stored | up | behind, s | counted |"


@dataclass(slots=True)
class Healthy:
    """An agent that polls 20 devices twice a second, on a connection of its own."""

    port: int
    sent: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Publish until `stop`."""
        client = paho.Client(CallbackAPIVersion.VERSION2, VICTIM, protocol=paho.MQTTv5)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        names = [f"cdu-{number}" for number in range(1, DEVICES + 1)]
        for message in (status(*names, agent=VICTIM), *(document(name, agent=VICTIM) for name in names)):
            client.publish(message.topic, message.payload, 1, message.retain).wait_for_publish(10)
        confirmations: list[paho.MQTTMessageInfo] = []
        for seq in itertools.count():
            messages = [batch(seq * DEVICES + at, name, agent=VICTIM) for at, name in enumerate(names, 1)]
            confirmations = [client.publish(each.topic, each.payload, 1) for each in messages]
            self.sent += len(messages)
            if self.stop.wait(PERIOD_S):
                break
        # A broker that is busy with an attack confirms late, and a client that leaves forgets what was not confirmed.
        for each in confirmations:
            each.wait_for_publish(60)
        leave(client)


@dataclass(frozen=True, slots=True)
class Cost:
    """What an attack cost, and what became of the healthy agent."""

    attack: str
    sent: int
    received: int
    memory_bytes: int
    """How much the collector's largest resident size grew."""
    series: int
    """Series on /metrics that came with the attack."""
    missing: int
    """Messages of the healthy agent that are not stored."""
    devices_up: int
    """Devices of the healthy agent that are up at the end."""
    behind_s: float
    """How long after its last message all of the healthy agent's messages were stored."""
    reasons: tuple[str, ...]

    @property
    def is_kept(self) -> bool:
        """Whether what is promised was kept."""
        healthy = self.missing == 0 and self.devices_up == DEVICES
        return healthy and self.memory_bytes <= MOST_MEMORY_BYTES and self.series <= SERIES_LIMIT * MOST_SCRAPE


@contextmanager
def collector(port: int, folder: Path) -> Iterator[tuple[Program, str]]:
    """A collector as a process, with files for a store; yields it and its URL."""
    listen = f"127.0.0.1:{free_port()}"
    config = folder / "collector.yaml"
    data = {
        "broker": {"port": port},
        "store": {"kind": "file", "path": str(folder / "points")},
        "dead_letter": str(folder / "dead.jsonl"),
        "listen": listen,
        "budgets": BUDGETS,
    }
    config.write_text(yaml.safe_dump(data), encoding="utf-8")
    process = Program("collector", config)
    process.start()
    try:
        wait_until(lambda: answers(f"http://{listen}/readyz"), "the collector is ready", 60)
        yield process, f"http://{listen}"
    finally:
        process.kill()


def resident_peak_bytes(pid: int) -> int:
    """The largest resident size that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024


def samples(url: str) -> dict[str, float]:
    """All of /metrics."""
    with OPENER.open(f"{url}/metrics", timeout=SCRAPE_S) as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def _of_healthy(quantity: str) -> str:
    return f'dcim_collector_ledger_{quantity}_messages{{agent="{VICTIM}",site="{SITE}"}}'


def stored(found: dict[str, float]) -> float:
    """Messages of the healthy agent that are stored."""
    return found.get(_of_healthy("stored"), 0)


def devices_up(found: dict[str, float]) -> int:
    """Devices of the healthy agent that are up."""
    return sum(
        value == 1 for name, value in found.items() if name.startswith("dcim_device_up") and f'"{VICTIM}"' in name
    )


def complete(url: str, sent: int) -> dict[str, float] | None:
    """All of /metrics once every message of the healthy agent is stored."""
    found = samples(url)
    return found if stored(found) >= sent else None


def trial(attack: str, seconds: float, folder: Path) -> Cost:
    """Play one attack against a healthy site."""
    broker = Mosquitto(folder / "broker", extra=("max_queued_bytes 0",))
    with broker.serving(), collector(broker.port, folder) as (process, url):
        healthy = Healthy(broker.port)
        thread = threading.Thread(target=healthy.run, name="healthy")
        thread.start()
        try:
            wait_until(lambda: stored(samples(url)) > 3 * DEVICES, "the healthy agent is stored", 30)
            before = samples(url)
            memory_bytes = resident_peak_bytes(process.pid)
            command = [sys.executable, "-m", "tests.e2e.chaos.hostile_accounts", str(broker.port), attack, str(seconds)]
            # A scrape while it goes on, as Prometheus would.
            with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as thief:
                while thief.poll() is None:
                    samples(url)
                    time.sleep(SETTLE_S)
                sent = int(thief.communicate()[0])
            time.sleep(SETTLE_S)
            after = samples(url)
        finally:
            healthy.stop.set()
            thread.join()
        stopped = time.monotonic()
        with_all = wait_until(
            lambda: complete(url, healthy.sent),
            "all of the healthy agent's messages are stored",
            60 + 3 * seconds,
        )
        assert with_all is not None
        behind_s = max(0.0, time.monotonic() - stopped)
        failures = "dcim_collector_message_failures_total"
        reasons = tuple(
            f"{name.split(chr(34))[1]} {with_all[name] - before.get(name, 0):.0f}"
            for name in with_all
            if name.startswith(failures) and with_all[name] > before.get(name, 0)
        )
        return Cost(
            attack,
            sent,
            int(with_all["dcim_collector_messages_received_total"] - before["dcim_collector_messages_received_total"]),
            resident_peak_bytes(process.pid) - memory_bytes,
            len(after) - len(before),
            int(healthy.sent - stored(with_all)),
            devices_up(after),
            behind_s,
            reasons,
        )


def line_of(cost: Cost) -> str:
    """The attack's line of the table."""
    return (
        f"| {cost.attack} | {cost.sent} | {cost.received} | {cost.memory_bytes / 1048576:.0f} | {cost.series} | {cost.missing} "
        f"| {cost.devices_up} of {DEVICES} | {cost.behind_s:.1f} | {', '.join(cost.reasons)} |{'' if cost.is_kept else ' BROKEN'}"
    )
