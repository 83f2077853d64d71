"""A complete site as processes (snmpd, agent, mosquitto, collector, InfluxDB), and the account of its messages."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import yaml

from rackflow.outbox.mark import Mark, MarkFile
from tests.e2e.chaos.counters import AGENT, write_agent
from tests.e2e.chaos.proxy import Proxy
from tests.e2e.chaos.witness import Witness
from tests.servers.captures import REPOSITORY
from tests.servers.influxdb import InfluxDB
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.program import Program
from tests.servers.snmpd import Snmpd
from tests.servers.waiting import wait_until
from tests.servers.web import answers, request

# 100 polls a second: enough that a kill meets messages at every stage.
DEVICES = 20
INTERVAL_S = 0.2
UNDISTURBED_S = (2.0, 3.5)
"""Seconds between two disturbances: long enough for a process to start and to work, and random, so that it is met in different states."""
DRAIN_S = 600.0
"""How long a backlog may take to be stored; only a hang takes longer, on a busy machine, too."""
SETTLE_S = 5.0
"""How long missing messages must stay missing before they count: collectors report every 2 s what is stored."""
RECOVERY_S = 90.0
"""After a few failed connections an agent waits for up to 30 s; a loaded machine needs more."""
JUST_POLLED = 600
"""Messages that an agent that polls may still have: those of the 2 s until the collector reports them as stored, and as many again."""
BACK_MS, AHEAD_MS = 2 * 3600 * 1000, 600_000
"""How far before the beginning and after the end of a scenario its rows may lie: an agent's clock may be an hour wrong."""


@dataclass(frozen=True, slots=True)
class Account:
    """The collector's ledger over all epochs, in messages. `status` is the exit status of the command."""

    status: int
    produced: int
    stored: int
    in_flight: int
    duplicates: int
    dropped: int
    missing: int


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What database, device and second subscriber show: rows, repeated ones, rows with impossible times, batches received.

    Each poll is one packet, and its reading is snmpd's own count of packets (snmpInPkts). So every packet before a kill of the agent
    must have its count stored; `lost` is how many have not, per kill.
    """

    rows: int
    repeated: int
    impossible_times: int
    heard: int
    heard_not_stored: int
    lost: tuple[int, ...]


class ChaosSite:
    """A complete site in one folder. Use: `start`, disturb it, `drain`, read `account` and `witnessed`, `close`."""

    def __init__(
        self,
        folder: Path,
        *,
        persistence: bool = True,
        listens: bool | None = None,
        interval_s: float = INTERVAL_S,
        broker: Sequence[str] = (),
        devices: int = DEVICES,
        more_devices: Sequence[Mapping[str, object]] = (),
    ) -> None:
        self.folder = folder
        self._devices = devices
        self._more_devices = more_devices
        self._listens = persistence if listens is None else listens
        self._interval_s = interval_s
        self.snmpd = Snmpd(folder / "snmpd")
        # One broker with a port for each client, so that one client can be cut off without the others.
        self.agent_port, self.collector_port = free_port(), free_port()
        extra = [f"listener {port} 127.0.0.1" for port in (self.agent_port, self.collector_port)]
        self.broker = Mosquitto(folder / "mosquitto", persistence=persistence, extra=[*extra, *broker])
        self.database = InfluxDB(folder / "influxdb")
        self.collector_id = f"collector-{AGENT}"
        self.dead_letters = folder / "dead.jsonl"
        self.outbox = folder / "outbox.db"
        self.disks = ExitStack()
        self.before_kills: list[tuple[int, int]] = []
        """Per kill of the agent, the range of snmpd's packet counts before it in which every packet was a poll."""
        self._web = f"127.0.0.1:{free_port()}"

    def start(self) -> None:
        """Start everything. The collector has subscribed before the agent publishes its first message."""
        self._began_ms = int(time.time() * 1000)
        self.snmpd.start()
        self.broker.start()
        self.database.start()
        self.witness = Witness(self.broker.port, listens=self._listens)
        self.proxy = Proxy(self.database.url)
        agent = write_agent(
            self.folder, self.agent_port, self.snmpd.port, self._devices, self._interval_s, on_disk=True
        )
        self.agent = Program("agent", agent)
        self.agent.add_devices(self._more_devices)
        self.collector_file = self._write_collector()
        self.collector = Program("collector", self.collector_file)
        self.collector.start()
        wait_until(lambda: answers(f"http://{self._web}/readyz"), "the collector is ready", 30)
        self.agent.start()
        wait_until(lambda: len(self._counts()) >= DEVICES, "polls are stored", 30)
        # Until a collector has reported for the first time, an agent deletes what the broker has had for 90 s: there may be no collector.
        wait_until(lambda: self.witness.reports > 0, "the collector has reported what is stored", 30)

    def wait_for_polls(self) -> None:
        """Wait until new polls are stored."""
        before = len(self._counts())
        wait_until(lambda: len(self._counts()) > before, "new polls are stored", RECOVERY_S)

    def close(self) -> None:
        """Kill whatever still runs."""
        self.agent.kill()
        self.collector.kill()
        self.witness.close()
        self.proxy.close()
        for server in (self.database, self.broker, self.snmpd):
            server.kill()
        self.disks.close()

    def drain(self) -> None:
        """Stop polling, and wait until nothing is in flight. The account is final afterwards."""
        self.agent.stop()
        # Messages left in the outbox when the agent stopped are delivered by its next start.
        while self.waiting():
            self.agent.start()
            wait_until(self._delivered, "the backlog is delivered", DRAIN_S)
            self.agent.stop()
        wait_until(self._complete, "the last polls are stored", DRAIN_S)
        self.collector.stop()

    def account(self) -> Account:
        """`rackflow-collector ledger`, summed over epochs."""
        command = [sys.executable, "-m", "collector", "ledger", str(self.collector_file), "--output", "json"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode in {0, 1}, done.stderr
        epochs = json.loads(done.stdout)["epochs"]
        sums = {
            what: sum(each[what] for each in epochs)
            for what in ("produced", "stored", "in_flight", "duplicates", "missing")
        }
        return Account(done.returncode, dropped=sum(sum(each["dropped"].values()) for each in epochs), **sums)

    def witnessed(self) -> Witnessed:
        """Compare the database with the second subscriber and the device."""
        rows = self.database.query("SELECT up FROM dcim_device GROUP BY device")
        distinct = {(row["device"], row["time"]) for row in rows}
        # Batches with impossible times are stored with their time of receipt, and the original time beside it.
        beside = self.database.query("SELECT original_timestamp_seconds FROM dcim_device GROUP BY device")
        own = {(row["device"], round(float(str(row["original_timestamp_seconds"])) * 1000)) for row in beside}
        possible = range(self._began_ms - BACK_MS, int(time.time() * 1000) + AHEAD_MS)
        heard, counts = self.witness.batches, self._counts()
        missed = heard - distinct - own
        return Witnessed(
            rows=len(rows),
            repeated=len(rows) - len(distinct) + len(counts) - len(set(counts)),
            impossible_times=sum(row["time"] not in possible for row in rows),
            heard=len(heard),
            heard_not_stored=sum(not self.proxy.excuses(*batch) for batch in missed),
            lost=tuple(len(set(range(first, last)).difference(counts)) for first, last in self.before_kills),
        )

    def numbered(self) -> int:
        """Messages numbered over all epochs, from the agents' mark files. Valid once the agents have stopped."""
        files = [file for file in self.folder.rglob("outbox*.db.segments/mark") if file.is_file()]
        return sum(_mark(file).last for file in files)

    def metric(self, name: str) -> float:
        """The sum of one metric's series on the collector's /metrics; of one series, if its labels are given."""
        return sum(self._series(name))

    def newest_shown(self) -> float:
        """The highest packet count of snmpd that /metrics shows."""
        return max(self._series("dcim_pdu_outlet_energy_joules_total"), default=0.0)

    def _series(self, name: str) -> list[float]:
        lines = request(f"http://{self._web}/metrics").text.splitlines()
        return [float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{"))]

    def _counts(self) -> list[int]:
        rows = self.database.query("SELECT outlet_energy_joules_total FROM dcim_pdu WHERE outlet='0'")
        return sorted(int(float(str(row["outlet_energy_joules_total"]))) for row in rows)

    def _delivered(self) -> bool:
        """Whether the collector is ready and nothing waits except what was polled just now."""
        return answers(f"http://{self._web}/readyz") and self.waiting() < JUST_POLLED and not self.account().in_flight

    def waiting(self, outbox: Path | None = None) -> int:
        """Number of messages in an agent's outbox, and of stored ones between them, from its mark file."""
        path = outbox or self.outbox
        mark = _mark(path.with_name(f"{path.name}.segments") / "mark")
        return max(0, mark.last - mark.first + 1)

    def _complete(self) -> bool:
        """Whether the collector is ready, nothing is in flight, and missing messages stay missing for SETTLE_S."""
        if not answers(f"http://{self._web}/readyz"):
            return False
        account = self.account()
        lacking = account.missing + max(0, self.numbered() - account.produced)
        if account.in_flight or not lacking:
            return not account.in_flight
        time.sleep(SETTLE_S)
        again = self.account()
        return not again.in_flight and again.missing + max(0, self.numbered() - again.produced) == lacking

    def _write_collector(self) -> Path:
        data = {
            "broker": {"port": self.collector_port},
            "client_id": self.collector_id,
            "store": {
                "kind": "influxdb",
                "url": self.proxy.url,
                "bucket": self.database.database,
                "token": "unused",
                "timeout_s": 2.0,
            },
            "outbox": {"path": str(self.folder / "collector-outbox.db")},
            "dead_letter": str(self.dead_letters),
            "listen": self._web,
        }
        path = self.folder / "collector.yaml"
        path.write_text(yaml.safe_dump(data), encoding="utf-8")
        return path


def _mark(path: Path) -> Mark:
    mark = MarkFile(path).read()
    assert mark is not None, path.read_text(encoding="utf-8")
    return mark
