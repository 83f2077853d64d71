"""Who reads what the gateways of the comparison send: the collector for Rackflow's agent, a subscriber for the other gateway."""

import gzip
import re
from pathlib import Path
from typing import Protocol

import yaml

from benchmarks.counting import Number
from collector.store.file import sound_length
from tests.servers.ports import free_port
from tests.servers.program import Program
from tests.servers.waiting import wait_until
from tests.servers.web import answers

# How long the collector may take to be ready; only a hang takes longer.
START_S = 60.0


class Reader(Protocol):
    """Where readings are to arrive: a session with the broker that outlives its absence."""

    client_id: str
    """Its name at the broker."""
    arrived: set[Number]
    """What it has, as far as `new` has looked."""
    twice: int

    def new(self) -> list[Number]:
        """What arrived since the last call."""

    def go_away(self) -> None:
        """Lose the connection, as by a kill."""

    def come_back(self) -> None:
        """Connect again, with the session of before if the broker still has it."""

    def close(self) -> None:
        """End."""


class Collected:
    """Rackflow's collector with its file store, as a process. What counts as arrived is what can be read from its files."""

    client_id = "peer-collector"

    def __init__(self, folder: Path, broker_port: int, field: str) -> None:
        self.arrived: set[Number] = set()
        self.twice = 0
        self._points = folder / "points"
        self._line = re.compile(rf"^\S*?,device=([^,]+)\S* (?:\S*,)?{field}=([0-9.e+]+)", re.MULTILINE)
        self._seen_bytes = -1
        listen = f"127.0.0.1:{free_port()}"
        self._url = f"http://{listen}/readyz"
        config = {
            "broker": {"port": broker_port},
            "client_id": self.client_id,
            "store": {"kind": "file", "path": str(self._points)},
            "dead_letter": str(folder / "dead.jsonl"),
            "ledger": str(folder / "ledger.db"),
            "listen": listen,
        }
        file = folder / "collector.yaml"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        self._process = Program("collector", file)
        self.come_back()

    def come_back(self) -> None:
        """Start it, and wait until it is ready."""
        self._process.start()
        wait_until(lambda: answers(self._url), "the collector is ready", START_S)

    def go_away(self) -> None:
        """SIGKILL."""
        self._process.kill()

    def new(self) -> list[Number]:
        """See `Reader`. The files are read only if they have grown."""
        files = sorted(self._points.glob("*.gz"))
        size = sum(file.stat().st_size for file in files)
        if size == self._seen_bytes:
            return []
        self._seen_bytes = size
        found: list[Number] = []
        for file in files:
            # Without an unfinished write at its end.
            text = gzip.decompress(file.read_bytes()[: sound_length(file)]).decode()
            found += [(device, int(float(value))) for device, value in self._line.findall(text)]
        new = [each for each in set(found) if each not in self.arrived]
        self.arrived |= set(new)
        self.twice = len(found) - len(set(found))
        return new

    def close(self) -> None:
        """See `Reader`."""
        self.go_away()
