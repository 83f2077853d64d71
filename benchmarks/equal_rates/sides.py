"""The pollers that are compared, each a process that asks the same devices at the same rate and says what it has done."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
import yaml
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.equal_rates.device import AGENT, OBJECTS, OIDS, PROFILE, ROOT, SITE, device_ids, write_profile
from benchmarks.equal_rates.scrape import Scraper
from benchmarks.processes import end
from tests.servers.ports import accepts, free_port
from tests.servers.process import find_program
from tests.servers.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
TELEGRAF = "RACKFLOW_TELEGRAF"
"""The environment variable that names a binary of Telegraf, which Debian does not package."""
# Devices in one input of Telegraf, which are asked at once. A chosen value: more lose requests, as the comment in `Telegraf.start` says.
GROUP = 10
_TELEGRAF_METRIC = re.compile(rb'"fields":')
_TELEGRAF_VALUE = re.compile(rb'"v\d+":')


@dataclass(frozen=True)
class Place:
    """Where the peers listen."""

    folder: Path
    broker_port: int
    device_port: int
    """Of all devices."""


class Side(ABC):
    """One poller; `polls` and `failures` are totals since its start, which only grow."""

    name: str

    def __init__(self, place: Place, devices: int) -> None:
        self.place, self.devices = place, devices
        self.polls = self.failures = 0.0
        self.pid = 0

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Started, and ended at the end of the block."""
        with ExitStack() as stack:
            self.start(stack)
            yield

    @abstractmethod
    def start(self, stack: ExitStack) -> None:
        """Start it and whatever counts its polls; `stack` ends them."""

    def run(self, stack: ExitStack, command: list[str], *, with_pipe: bool = False) -> subprocess.Popen[bytes]:
        """A process in the checkout, its errors in a log; `pid` is its number."""
        log = stack.enter_context((self.place.folder / f"{type(self).__name__.lower()}.log").open("ab"))
        output = subprocess.PIPE if with_pipe else log
        child = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=output, stderr=log)
        self.pid = child.pid

        stack.callback(end, child)
        return child

    def subscribe(self, stack: ExitStack, topic: str, on_message: Callable[[str, bytes], None]) -> None:
        """Have each message of a topic handled in a thread."""
        client = paho.Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _, __, message: on_message(message.topic, bytes(message.payload))
        client.connect("127.0.0.1", self.place.broker_port)
        client.subscribe(topic, qos=1)
        client.loop_start()
        stack.callback(client.loop_stop)
        stack.callback(client.disconnect)


class Rackflow(Side):
    """The agent at its defaults, outbox on disk, beside a process that frees what it has sent."""

    name = "rackflow-agent"

    def start(self, stack: ExitStack) -> None:
        """See `Side.start`."""
        outbox = self.place.folder / f"outbox-{time.monotonic_ns()}"
        outbox.mkdir()
        config = {
            "agent": AGENT,
            "labels": {"site": SITE, "room": "r", "row": "a"},
            "broker": {"port": self.place.broker_port},
            "outbox": {"mode": "disk", "path": str(outbox / "outbox.db")},
            "credentials": {"lab": {"version": "2c", "community": "public"}},
            # The agent's report is of class normal; what every device is asked besides its profile is of class slow.
            "intervals": {"fast": 1.0, "normal": 1.0, "slow": 3600},
            **self.profiles_and_devices(),
        }
        path = self.place.folder / "agent.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        confirmer = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.equal_rates.confirmer", str(self.place.broker_port)], cwd=REPOSITORY
        )
        stack.callback(confirmer.wait)
        stack.callback(confirmer.terminate)
        self.subscribe(stack, f"rackflow/v1/{SITE}/{AGENT}/batch/{AGENT}", self._on_report)
        self.run(stack, [sys.executable, "-m", "agent", "run", str(path)])

    def profiles_and_devices(self) -> dict[str, object]:
        """The part of the agent's configuration that depends on the protocol."""
        devices = [
            {"id": name, "host": "127.0.0.1", "port": self.place.device_port, "credential": "lab", "profile": PROFILE}
            for name in device_ids(self.devices)
        ]
        return {"profiles": str(write_profile(self.place.folder)), "devices": devices}

    def _on_report(self, _: str, payload: bytes) -> None:
        values: dict[str, float] = json.loads(payload)["values"]
        total = {
            name: sum(value for key, value in values.items() if key.startswith(f"dcim_agent_{name}_total"))
            for name in ("polls", "poll_failures")
        }
        self.polls, self.failures = total["polls"] - total["poll_failures"], total["poll_failures"]


class Raw(Side):
    """The SNMP library that Rackflow uses, with a minimal publisher."""

    name = "gufo_snmp and a minimal publisher"
    module = "benchmarks.equal_rates.raw"

    def start(self, stack: ExitStack) -> None:
        """See `Side.start`."""
        ports = [str(self.place.broker_port), str(self.place.device_port), str(self.devices)]
        command = [sys.executable, "-m", self.module, *ports]
        child = self.run(stack, command, with_pipe=True)

        def read() -> None:
            assert child.stdout is not None
            for line in child.stdout:
                said = json.loads(line)
                self.polls, self.failures = said["polls"], said["failures"]

        threading.Thread(target=read, daemon=True).start()


class Exporter(Side):
    """snmp_exporter of Debian, scraped for each device once a second over kept connections."""

    name = "snmp_exporter, scraped"

    def start(self, stack: ExitStack) -> None:
        """See `Side.start`."""
        metrics = [
            {"name": f"bench_{at}", "oid": oid.removesuffix(".0"), "type": "gauge", "help": each.metric}
            for at, (oid, each) in enumerate(zip(OIDS, OBJECTS, strict=True))
        ]
        module = {"get": OIDS, "metrics": metrics, "version": 2, "auth": {"community": "public"}}
        config = self.place.folder / "snmp.yml"
        config.write_text(yaml.safe_dump({"bench": module}, sort_keys=False), encoding="utf-8")
        port = free_port()
        program = find_program("prometheus-snmp-exporter", "prometheus-snmp-exporter")
        self.run(stack, [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}"])
        wait_until(lambda: accepts(port), "snmp_exporter answers", 20)
        scraper = Scraper(port, f"/snmp?module=bench&target=127.0.0.1:{self.place.device_port}", b"\nbench_", len(OIDS))
        stack.callback(scraper.close)
        scraper.start(self.devices, self)


class Telegraf(Side):
    """Telegraf with a field for each object, published as JSON at QoS 1; its buffer is in memory.

    All metrics of a flush go into one message: it waits for each message's confirmation, which limits it to some 40 a second otherwise.
    """

    name = "Telegraf, fields"
    values = len(OIDS)
    """Of one poll."""
    objects = "\n".join(
        f'  [[inputs.snmp.field]]\n    name = "v{at}"\n    oid = "{oid}"' for at, oid in enumerate(OIDS)
    )

    def start(self, stack: ExitStack) -> None:
        """See `Side.start`."""
        config = self.place.folder / "telegraf.conf"
        config.write_text(
            f'[agent]\ninterval = "1s"\nflush_interval = "1s"\nmetric_batch_size = 1000\nmetric_buffer_limit = 100000\n'
            f'[[outputs.mqtt]]\nservers = ["tcp://127.0.0.1:{self.place.broker_port}"]\nprotocol = "5"\n'
            f'topic = "telegraf/{{{{ .PluginName }}}}"\nqos = 1\nlayout = "batch"\ndata_format = "json"\n'
            f"{self.inputs()}",
            encoding="utf-8",
        )
        self.subscribe(stack, "telegraf/#", self._on_message)
        self.run(stack, [os.environ[TELEGRAF], "--config", str(config)])

    def inputs(self) -> str:
        """The part of its configuration that depends on the protocol."""
        # Inputs begin at different moments (`collection_jitter`). In a single input all devices would begin at once, and the daemon's
        # socket would drop what it cannot hold.
        agent = f'"udp://127.0.0.1:{self.place.device_port}"'
        groups = [min(GROUP, self.devices - at) for at in range(0, self.devices, GROUP)]
        return "".join(
            f'[[inputs.snmp]]\nalias = "g{at}"\ncollection_jitter = "900ms"\nagents = [{", ".join([agent] * size)}]\n'
            f'version = 2\ncommunity = "public"\nname = "ups"\n{self.objects}\n'
            for at, size in enumerate(groups)
        )

    def _on_message(self, _: str, payload: bytes) -> None:
        polls = len(_TELEGRAF_METRIC.findall(payload))
        whole = payload.count(b'"v0":') if polls * self.values == len(_TELEGRAF_VALUE.findall(payload)) else 0
        self.polls += whole
        self.failures += polls - whole


class TelegrafTable(Telegraf):
    """Telegraf with the same objects as one table, which it walks."""

    name = "Telegraf, a table"
    objects = '  [[inputs.snmp.table]]\n    name = "ups"\n' + "\n".join(
        f'    [[inputs.snmp.table.field]]\n      name = "v{at}"\n      oid = "{ROOT}.{at + 1}"'
        for at in range(len(OIDS))
    )


def sides() -> list[type[Side]]:
    """Those that can run here: Telegraf only if it is installed."""
    return [Rackflow, Raw, Exporter, *([Telegraf, TelegrafTable] if os.environ.get(TELEGRAF) else [])]
