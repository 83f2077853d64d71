"""A small hall whose agent the test plays itself: two rows of four racks, two feeds, one CDU, behind a real broker and collector.

What a device says is what the test wants at once, without a simulator's physics, and the collector is a process of its own, because
the browser's commands block.
"""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from collector.problems.table import load_table
from rackflow import Batch, DeviceDocument, Status
from rackflow.topics import Topic, build_topic
from tests.collector.running import publish_to, publisher
from tests.servers.alertmanager import Alertmanager
from tests.servers.captures import REPOSITORY
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.waiting import wait_until
from tests.servers.web import answers, request

SITE, ROOM, AGENT = "cas1", "dh1", "gw-1"
RACKS = [f"{row}{number}" for row in "ab" for number in range(1, 5)]
FEEDS, PHASES = ("A", "B"), ("L1", "L2", "L3")
# How often the played agent reports. Readings live for 30 s, and what the tests change is published at once.
REPORT_S = 2.0
BATTERY = {"runtimes": {10_000: 5280, 50_000: 920, 100_000: 410}}
# A collector that looks for acknowledgements every second: the tests do not wait for 15 s.
QUICK_READS = (
    "import sys; from collector.problems import acknowledged; acknowledged.READ_S = 1.0;"
    " from collector.__main__ import main; sys.exit(main())"
)
EVIL = '<img src=x onerror="document.title=1">'


def site_file(racks: list[str] = RACKS) -> dict[str, Any]:
    """The hall as a site file."""
    rows = sorted({rack.rstrip("0123456789") for rack in racks})
    return {
        "site": SITE,
        "electrical": {"continuous_load_factor": 0.8, "volts": 230, "frequency_hertz": 50},
        "rooms": [{"id": ROOM}],
        "rows": [{"id": row, "room": ROOM} for row in rows],
        "racks": [
            {"id": rack, "row": rack.rstrip("0123456789"), "design_power_w": 10_000, "liquid_share": 0.8}
            for rack in racks
        ],
        "feeds": [{"id": feed, "backup_start_s": 25} for feed in FEEDS],
        "ups": [
            {"id": f"ups-{feed.lower()}", "from": [feed], "rated_power_w": 100_000, "battery": BATTERY, "room": ROOM}
            for feed in FEEDS
        ],
        "pdus": [
            {"id": f"pdu-{rack}-{feed.lower()}", "rack": rack, "from": f"ups-{feed.lower()}", "breaker_a": 32}
            for rack in racks
            for feed in FEEDS
        ],
        "loops": [{"id": "tcs", "kind": "secondary", "coolant": "pg25", "volume_m3": 0.4, "racks": racks}],
        "cdus": [{"id": "cdu-1", "secondary": "tcs", "rated_cooling_w": 100_000, "pumps_required": 1, "row": rows[0]}],
    }


@dataclass
class Device:
    """What one device says: values and states by series key; `error` when it does not answer."""

    device_class: str
    labels: dict[str, str]
    values: dict[str, float]
    states: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    model: str = "Model 1"


def devices() -> dict[str, Device]:
    """The hall when all is well."""
    place = {"site": SITE, "room": ROOM}
    found = {
        f"ups-{feed.lower()}": Device(
            "ups",
            {**place, "feed": feed},
            {
                "dcim_ups_input_voltage_volts{phase=L1}": 230.0,
                "dcim_ups_output_load_ratio": 0.31,
                "dcim_ups_output_power_watts": 31_000.0,
                "dcim_ups_battery_runtime_seconds": 2400.0,
            },
            {
                "dcim_ups_output_source": "normal",
                "dcim_ups_battery_state": "normal",
                "dcim_ups_test_result": "passed",
            },
        )
        for feed in FEEDS
    }
    for index, rack in enumerate(RACKS):
        for feed in FEEDS:
            found[f"pdu-{rack}-{feed.lower()}"] = Device(
                "pdu",
                {**place, "row": rack[0], "rack": rack, "feed": feed},
                {
                    "dcim_pdu_input_power_watts{inlet=1}": 2000.0 + 250 * index,
                    **{f"dcim_pdu_phase_voltage_volts{{inlet=1,phase={phase}}}": 231.0 for phase in PHASES},
                    **{f"dcim_pdu_phase_current_amperes{{inlet=1,phase={phase}}}": 3.0 + index for phase in PHASES},
                    **{f"dcim_pdu_phase_rated_current_amperes{{inlet=1,phase={phase}}}": 32.0 for phase in PHASES},
                    "dcim_pdu_breaker_tripped{bank=1}": 0.0,
                },
            )
    found["cdu-1"] = Device(
        "cdu",
        {**place, "row": "a"},
        {
            "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}": 0.0053,
            "dcim_cdu_supply_temperature_celsius{loop=secondary}": 31.8,
            "dcim_cdu_return_temperature_celsius{loop=secondary}": 40.9,
            "dcim_cdu_leak_detected{detector=tray}": 0.0,
        },
        {"dcim_cdu_pump_state{pump=1}": "running", "dcim_cdu_pump_state{pump=2}": "standby"},
    )
    found["rope-b4"] = Device("env", {**place, "row": "b", "rack": "b4"}, {"dcim_leak_detected{sensor=rope}": 0.0})
    found["smoke-b2"] = Device(
        "env", {**place, "row": "b", "rack": "b2"}, {"dcim_env_contact_active{kind=smoke,sensor=1}": 0.0}
    )
    return found


class PlayedAgent:
    """Publishes what the devices say, every REPORT_S and when asked, from a thread of its own."""

    def __init__(self, port: int, site: str = SITE, found: dict[str, Device] | None = None) -> None:
        self._port = port
        self._site = site
        self._sequence = 0
        self._asked = threading.Event()
        self._over = False
        self._quiet = False
        self.devices = found if found is not None else devices()
        self._wanted = self._published = 0
        self._thread = threading.Thread(target=lambda: asyncio.run(self._publish()), name="played-agent")

    @contextmanager
    def playing(self) -> Iterator["PlayedAgent"]:
        """Publish until the block ends."""
        self._thread.start()
        try:
            yield self
        finally:
            self._over = True
            self._asked.set()
            self._thread.join(10.0)

    def say(self) -> None:
        """Publish now, and wait until it is done."""
        self._wanted += 1
        wanted = self._wanted
        self._asked.set()
        wait_until(lambda: self._published >= wanted, "everything published")

    def change(self, device: str, *, model: str = "", error: str | None = None, **said: float | str) -> None:
        """Let a device say something else under keys that start like these; publish with `say`."""
        it = self.devices[device]
        it.error = error
        it.model = model or it.model
        for start, value in said.items():
            table: dict[str, Any] = it.states if isinstance(value, str) else it.values
            keys = [key for key in table if key.startswith(start)]
            assert keys, start
            table.update(dict.fromkeys(keys, value))

    def all_well(self) -> None:
        """Everything as at the start."""
        self.devices = devices()
        self.say()

    def die(self) -> None:
        """The broker says that the agent is gone, and it says nothing more."""
        self._quiet = True
        self.say()

    def live_again(self) -> None:
        """Undo `die`."""
        self._quiet = False
        self.say()

    async def _publish(self) -> None:
        started = now_ms()
        epoch = f"epoch-{started}"
        async with publisher(self._port) as client:
            while not self._over:
                self._asked.clear()
                wanted = self._wanted
                state: Literal["online", "offline"] = "offline" if self._quiet else "online"
                # Devices that a status does not name are forgotten, until their next words.
                status = Status(
                    agent=AGENT,
                    site=self._site,
                    status=state,
                    version="1",
                    epoch=epoch,
                    started=started,
                    devices=sorted(self.devices),
                )
                await publish_to(self._site, client, status)
                for name, device in list(self.devices.items()) if not self._quiet else ():
                    self._sequence += 1
                    await publish_to(self._site, client, *self._documents(name, device, epoch))
                self._published = wanted
                await asyncio.to_thread(self._asked.wait, REPORT_S)
            # The agent is forgotten; another test's hall would have it as a problem.
            await client.publish(build_topic(Topic(self._site, AGENT, "status")), b"", qos=1, retain=True)

    def _documents(self, name: str, device: Device, epoch: str) -> tuple[DeviceDocument, Batch]:
        document = DeviceDocument(
            agent=AGENT,
            device=name,
            device_class=device.device_class,
            time=now_ms(),
            vendor="Acme",
            model=device.model,
            serial="42",
            protocol="modbus",
            profile="played",
            labels=device.labels,
        )
        batch = Batch(
            agent=AGENT,
            epoch=epoch,
            seq=self._sequence,
            time=now_ms(),
            device=name,
            device_class=device.device_class,
            poll="safety",
            interval_s=REPORT_S,
            duration_s=0.01,
            up=device.error is None,
            error=device.error,  # type: ignore[arg-type]
            labels=device.labels,
            values=dict(device.values) if device.error is None else {},
            states=dict(device.states) if device.error is None else {},
        )
        return document, batch


def now_ms() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


class CollectorProcess:
    """A collector with a configuration file of its own, which can be ended and started again at the same port."""

    def __init__(
        self,
        folder: Path,
        broker_port: int,
        site: Mapping[str, Any] | None,
        alertmanagers: Sequence[str] = (),
        **more: object,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        named: dict[str, object] = {}
        if site is not None:
            (folder / "site.yaml").write_text(yaml.safe_dump(dict(site), sort_keys=False), encoding="utf-8")
            named = {"site_file": str(folder / "site.yaml")}
        # A temperature stays reported for a minute after it was last too high; the tests do not wait for so long.
        # What is over is shown as over within the tests' time.
        keeps = {each.name: {"keep_s": min(each.keep_s, 2.0)} for each in load_table().problems.values()}
        short = {"version": 1, "problems": keeps}
        (folder / "limits.yaml").write_text(yaml.safe_dump(short), encoding="utf-8")
        config = {
            "problems": {"limits": "limits.yaml", "alertmanagers": [*alertmanagers]},
            "broker": {"port": broker_port, "timeout_s": 5, "keepalive_s": 5},
            "store": {"kind": "file", "path": str(folder / "points")},
            "dead_letter": str(folder / "dead.jsonl"),
            "listen": f"127.0.0.1:{self.port}",
            **named,
            "derive": {"store": False},
            **more,
        }
        self._file = folder / "collector.yaml"
        self._file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        self._log = folder / "collector.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, is_ready: Callable[[], bool] | None = None) -> None:
        """Start, and wait until it is ready."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-c", QUICK_READS, "run", str(self._file)]
            self._process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log)
        try:
            wait_until(is_ready or (lambda: answers(f"{self.url}/readyz")), f"ready; {self._log}")
        except TimeoutError:
            self.stop()  # whoever called cannot: what it would enter to end it was never made
            raise

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60.0)
        self._process = None

    def metric(self, series: str) -> float:
        """A value on /metrics; fails if there is none."""
        lines = request(f"{self.url}/metrics").text.splitlines()
        return float(next(line.rpartition(" ")[2] for line in lines if line.rpartition(" ")[0] == series))


@dataclass
class Hall:
    """A collector and the agent that it hears."""

    collector: CollectorProcess
    agent: PlayedAgent
    broker_port: int
    manager: Alertmanager

    @property
    def url(self) -> str:
        """The page."""
        return f"{self.collector.url}/"


@contextmanager
def hall_in(folder: Path) -> Iterator[Hall]:
    """A hall in which all is well."""
    with (
        Mosquitto(folder / "mosquitto").serving() as broker,
        Alertmanager(folder / "alertmanager").serving() as manager,
    ):
        # Not of other sites: a test plays some on this broker, and their agents are down for as long as the hall stands.
        collector = CollectorProcess(folder / "collector", broker.port, site_file(), [manager.url], sites=[SITE])
        collector.start()
        try:
            with PlayedAgent(broker.port).playing() as agent:
                yield Hall(collector, agent, broker.port, manager)
        finally:
            collector.stop()
