"""Running agents and collectors are upgraded from the previous release, one after the other, in either order: nothing is lost.

Long, so that only `make upgrade-test` runs it: each order starts six processes of two releases.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from collector.ledger import EpochAccount, accounts, read_snapshot
from rackflow.errors import RackflowError
from simulator.modbus import ModbusServer
from simulator.models import METER_UNIT, MeterModel, meter_registers
from tests.collector.store_contents import points
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.waiting import eventually
from tests.upgrade.previous import REPOSITORY, environment_of, export_previous

pytestmark = pytest.mark.skipif(not os.environ.get("RACKFLOW_UPGRADE"), reason="only with `make upgrade-test`")
# Messages of one phase: enough that some are on their way, unconfirmed, whenever a process ends.
PHASE = 15
DEVICES = 8
# An old process may have to end, be found dead and be followed by a new one, on a machine that does more than this.
PATIENCE_S = 120.0


class Site:
    """One agent and one collector beside a broker, each in one of two releases."""

    def __init__(self, folder: Path, previous: Path, broker_port: int, meter_port: int) -> None:
        self.folder = folder
        self.releases = {"previous": previous, "present": REPOSITORY}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        agent = {
            "agent": "gw-1",
            "labels": {"site": "cas1"},
            "broker": {"port": broker_port},
            "outbox": {"mode": "disk", "path": str(folder / "outbox.db")},
            "intervals": dict.fromkeys(("safety", "fast", "normal", "slow", "inventory"), 0.5),
            "devices": [
                {
                    "id": f"meter-{at}",
                    "protocol": "modbus",
                    "profile": "schneider-iem3000",
                    "host": "127.0.0.1",
                    "port": meter_port,
                    "unit": METER_UNIT,
                    "role": "facility",
                }
                for at in range(DEVICES)
            ],
        }
        collector = {
            "broker": {"port": broker_port},
            "client_id": "collector-1",
            "store": {"kind": "file", "path": str(folder / "points")},
            "outbox": {"path": str(folder / "collector-outbox.db")},
            "dead_letter": str(folder / "dead.jsonl"),
            "listen": f"127.0.0.1:{free_port()}",
        }
        for name, data in (("agent", agent), ("collector", collector)):
            (folder / f"{name}.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")

    def start(self, program: str, release: str) -> None:
        with (self.folder / f"{program}.log").open("ab") as log:
            self.processes[program] = subprocess.Popen(
                [sys.executable, "-m", program, "run", str(self.folder / f"{program}.yaml")],
                cwd=self.folder,
                env=environment_of(self.releases[release]),
                stdout=log,
                stderr=log,
            )

    def stop(self, program: str, number: signal.Signals = signal.SIGTERM) -> None:
        process = self.processes.pop(program)
        assert process.poll() is None, self.log(program)
        process.send_signal(number)
        assert process.wait(30) in {0, -number}

    def log(self, program: str) -> str:
        return (self.folder / f"{program}.log").read_text(encoding="utf-8")

    def account(self) -> list[EpochAccount]:
        """The ledger by epoch, as this release reads it."""
        path = self.folder / "ledger-collector-1.db"
        try:
            return accounts([read_snapshot(path)])
        except RackflowError:
            return []  # it is just being made

    def damaged(self) -> list[Path]:
        """Files that were set aside."""
        return list(self.folder.glob("*.damaged*"))

    async def goes_on(self, agents: int) -> None:
        """A phase: the last of so many agents has so many more messages stored. What an earlier one left waiting does not count."""
        before = {each.key.epoch: each.stored for each in self.account()}

        def enough() -> bool:
            account = self.account()
            newest = max(account, key=lambda each: each.key.epoch, default=None)  # epochs sort by their time
            return (
                newest is not None
                and len(account) >= agents
                and newest.stored >= before.get(newest.key.epoch, 0) + PHASE
            )

        await eventually(enough, "messages are stored", PATIENCE_S)


@contextmanager
def site(folder: Path, previous: Path, broker_port: int, meter_port: int) -> Iterator[Site]:
    it = Site(folder, previous, broker_port, meter_port)
    try:
        yield it
    finally:
        for process in it.processes.values():
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_previous(tmp_path_factory.mktemp("upgrade") / "previous")


@pytest.mark.parametrize(
    "order", [("collector", "agent"), ("agent", "collector")], ids=lambda order: f"{order[0]} first"
)
async def test_nothing_is_lost(order: tuple[str, str], previous: Path, tmp_path: Path, mosquitto: Mosquitto) -> None:
    meter = ModbusServer({METER_UNIT: meter_registers(MeterModel())}, "127.0.0.1", 0)
    await meter.start()
    with site(tmp_path, previous, mosquitto.port, meter.port) as it:
        it.start("collector", "previous")
        it.start("agent", "previous")
        agents = 1
        await it.goes_on(agents)
        for program in order:
            # A kill and not a stop: what was on its way is then only in the files of the previous release.
            it.stop(program, signal.SIGKILL)
            it.start(program, "present")
            agents += program == "agent"
            await it.goes_on(agents)
        it.stop("agent")  # it publishes what it has left, and the collector stores it
        await eventually(
            lambda: bool(it.account()) and all(each.in_flight == 0 for each in it.account()), "all is stored", 60
        )
        it.stop("collector")
        account = it.account()
    await meter.stop()
    assert [(each.missing, dict(each.dropped)) for each in account] == [([], {})] * len(account)
    assert len(account) == 2, "one epoch of each release's agent"
    assert "set aside" not in it.log("agent") + it.log("collector")
    assert not it.damaged()
    assert len(points(tmp_path)) >= sum(each.stored for each in account)
