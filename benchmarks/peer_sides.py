"""The two gateways of the comparison: Rackflow's agent, and ThingsBoard's IoT Gateway with its SQLite storage."""

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import yaml

from benchmarks.counting import OID, Number, Recorder
from benchmarks.peer_readers import Collected, Reader

REPOSITORY = Path(__file__).resolve().parents[1]
# As often as the peer's connector looks what is due.
INTERVAL_S = 0.2
PEER = "thingsboard-gateway==3.8.5"
PEER_NEEDS = "puresnmp==2.0.1"
"""Packages that its SNMP connector would otherwise install when it starts."""
DEVICE = {"credential": "lab", "profile": "counting", "outlets": True}
METRIC = "dcim_pdu_outlet_energy_joules_total"
FIELD = METRIC.removeprefix("dcim_pdu_")
# How long a gateway may take to stop in order; as docs say of the agent, which takes up to 10 s.
STOP_S = 20.0
UNLIMITED = "0:0,"
LIMITS = (
    *("rateLimits", "dpRateLimits", "messagesRateLimits"),
    *("deviceMessagesRateLimits", "deviceRateLimits", "deviceDpRateLimits"),
)


class Side(ABC):
    """One gateway as a process. `storage` is the folder that its own storage is in.

    `reads_per_start` is how often each device's object is read at a start for another purpose than to be published.
    """

    name: str
    topic: str = ""
    reads_per_start = 0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.storage = folder / "storage"
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def configure(self, broker_port: int, devices: Mapping[str, int]) -> None:
        """Write its configuration; `devices` are ports by name."""

    @abstractmethod
    def command(self) -> list[str]:
        """The command that starts it."""

    @staticmethod
    def numbers(message: Mapping[str, object]) -> list[Number]:
        """The polls in one of its messages, for a subscriber."""
        raise NotImplementedError

    @property
    @abstractmethod
    def database(self) -> Path:
        """The file of its own storage that it writes to."""

    def reader(self, broker_port: int) -> Reader:
        """Who reads what it sends; a subscriber, where the program that does is not to be had."""
        return Recorder(broker_port, self.topic, self.numbers)

    def environment(self) -> dict[str, str]:
        """Additional environment variables."""
        return {}

    def start(self) -> None:
        """Start it; its log is appended to."""
        self.starts += 1
        with (self.folder / "gateway.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env=os.environ | self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if it does not end within 20 s."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None


class Rackflow(Side):
    """The agent with its outbox on disk, at its defaults. At its start it asks a device what of a profile it has."""

    name = "rackflow-agent"
    reads_per_start = 1

    @property
    def database(self) -> Path:
        """The newest file of the outbox."""
        return max((self.storage / "outbox.db.segments").glob("*.seg"))

    def command(self) -> list[str]:
        """As a module of this checkout."""
        return [sys.executable, "-m", "agent", "run", str(self.folder / "agent.yaml")]

    def environment(self) -> dict[str, str]:
        """The module path, because it is started in another folder."""
        return {"PYTHONPATH": str(REPOSITORY)}

    def configure(self, broker_port: int, devices: Mapping[str, int]) -> None:
        """One profile of one object."""
        self._write_profile()
        config = {
            "agent": "peer-bench",
            "labels": {"site": "bench"},
            "broker": {"port": broker_port},
            "outbox": {"mode": "disk", "path": str(self.storage / "outbox.db")},
            "credentials": {"lab": {"version": "2c", "community": "public"}},
            "profiles": str(self.folder / "profiles"),
            "intervals": {"fast": INTERVAL_S, "slow": 3600},
            "devices": [{"id": name, "host": "127.0.0.1", "port": port, **DEVICE} for name, port in devices.items()],
        }
        (self.folder / "agent.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def _write_profile(self) -> None:
        profiles = self.folder / "profiles"
        profiles.mkdir()
        point = {
            "metric": METRIC,
            "oid": OID,
            "unit": "joule",
            "labels": {"outlet": "1"},
        }
        profile = {
            "version": 1,
            "profile": "counting",
            "class": "pdu",
            "protocol": "snmp",
            "title": "one object that counts its polls",
            "source": "benchmarks/counting.py",
            "evidence": "unverified",
            "recognise": {"probes": ["1.3.6.1.2.1.1.1.0"]},
            "points": [{**point, "poll": "fast"}],
        }
        (profiles / "counting.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")

    def reader(self, broker_port: int) -> Reader:
        """The collector."""
        return Collected(self.folder, broker_port, FIELD)


class ThingsBoard(Side):
    """The gateway with SQLite storage, QoS 1, no rate limits and no statistics: what loses least and hinders least."""

    name = PEER
    topic = "v1/gateway/telemetry"

    def __init__(self, folder: Path, venv: Path) -> None:
        super().__init__(folder)
        self._venv = venv

    @property
    def database(self) -> Path:
        """The only file, until it reaches its size limit."""
        return self.storage / "data.db"

    def command(self) -> list[str]:
        """Its console script."""
        return [str(self._venv / "bin" / "thingsboard-gateway")]

    def environment(self) -> dict[str, str]:
        """Where its configuration is."""
        return {"TB_GW_CONFIG_DIR": str(self.folder / "config")}

    def configure(self, broker_port: int, devices: Mapping[str, int]) -> None:
        """Its own defaults except for what the class docstring says."""
        config = self.folder / "config"
        config.mkdir()
        (self.folder / "logs").mkdir()
        gateway = {
            "thingsboard": {
                "host": "127.0.0.1",
                "port": broker_port,
                "remoteShell": False,
                "remoteConfiguration": False,
                "statistics": {"enable": False},
                "security": {"type": "accessToken", "accessToken": "bench"},
                "qos": 1,
                "reportStrategy": {"type": "ON_RECEIVED"},
                **dict.fromkeys(LIMITS, UNLIMITED),
            },
            "storage": {"type": "sqlite", "data_file_path": f"{self.storage}/", "max_read_records_count": 1000},
            "grpc": {"enabled": False},
            "connectors": [{"type": "snmp", "name": "snmp", "configuration": "snmp.json"}],
        }
        found = self._venv.glob("lib/python3*/site-packages/thingsboard_gateway/config/logs.json")
        (config / "logs.json").write_bytes(next(found).read_bytes())
        (config / "tb_gateway.json").write_text(json.dumps(gateway), encoding="utf-8")
        # Its connector checks every 0.2 s what is due, so a shorter period means every time.
        common = {"ip": "127.0.0.1", "pollPeriod": 100, "community": "public", "version": "v2c", "deviceType": "snmp"}
        point = {"key": "n", "method": "get", "oid": OID, "timeout": 1}
        snmp = [
            {**common, "deviceName": name, "port": port, "attributes": [], "telemetry": [point]}
            for name, port in devices.items()
        ]
        (config / "snmp.json").write_text(json.dumps({"name": "snmp", "devices": snmp}), encoding="utf-8")

    @staticmethod
    def numbers(message: Mapping[str, object]) -> list[Number]:
        """Devices with lists of readings."""
        return [
            (device, int(reading["values"]["n"]))
            for device, readings in message.items()
            for reading in (readings if isinstance(readings, list) else [])
        ]
