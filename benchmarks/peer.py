"""Exposes Rackflow's agent and another gateway to the same failures, and counts which polled readings reached who reads them."""

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.counting import CountingDevices
from benchmarks.peer_readers import Reader
from benchmarks.peer_sides import INTERVAL_S, PEER, PEER_NEEDS, Rackflow, Side, ThingsBoard
from tests.e2e.chaos.disks import filled, small_disk
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt_thread import take_session
from tests.servers.waiting import wait_until

# 100 polls a second: enough that a kill meets messages at every stage, few enough for either gateway.
DEVICES = 20
# How long a gateway works between two disturbances: a random time, so that it is met in different states, and long enough for ten polls.
PAUSE_S = (2.0, 3.5)
# A trial is over when nothing has arrived for so long: longer than an agent waits before it sends again what nobody has stored, and than
# a gateway waits between two attempts.
SILENCE_S = 40.0
# A gateway works again when it has polled each device this often.
POLLS_WHEN_WORKING = 3
# How long it may take until then; only a hang takes longer.
START_S = 60.0
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "rackflow"


@dataclass(slots=True)
class Trial:
    """One gateway with its devices, its broker and who reads what it sends."""

    side: Side
    devices: CountingDevices
    broker: Mosquitto
    reader: Reader

    def start(self) -> None:
        """Start the gateway."""
        self.side.start()

    def wait_until_working(self) -> None:
        """Wait until each device was polled again and some of these polls arrived."""
        before = self.devices.polls.copy()
        names = list(self.devices.ports)
        wait_until(
            lambda: min(self.devices.polls[name] - before[name] for name in names) >= POLLS_WHEN_WORKING,
            "polls",
            START_S,
        )
        wait_until(lambda: any(number > before[name] for name, number in self.reader.new()), "deliveries", START_S)

    def drain(self) -> None:
        """Stop polling, and wait until nothing has arrived for a while."""
        self.devices.mute()
        since = time.monotonic()
        while time.monotonic() - since < SILENCE_S:
            if self.reader.new():
                since = time.monotonic()
            time.sleep(0.5)


def undisturbed(_: Trial, times: int, chance: random.Random) -> None:
    for _time in range(times):
        time.sleep(chance.uniform(*PAUSE_S))


def killed(trial: Trial, times: int, chance: random.Random) -> None:
    for _ in range(times):
        time.sleep(chance.uniform(*PAUSE_S))
        trial.side.kill()
        trial.start()
        trial.wait_until_working()


def broker_restarted(trial: Trial, times: int, chance: random.Random) -> None:
    for _ in range(times):
        time.sleep(chance.uniform(*PAUSE_S))
        trial.broker.restart()
        trial.wait_until_working()


def broker_away(trial: Trial, seconds: int, _: random.Random) -> None:
    trial.broker.stop()
    time.sleep(seconds)
    trial.broker.start()
    trial.wait_until_working()


def killed_with_backlog(trial: Trial, times: int, chance: random.Random) -> None:
    for _ in range(times):
        trial.broker.stop()
        time.sleep(chance.uniform(*PAUSE_S))
        trial.side.kill()
        trial.broker.start()
        trial.start()
        trial.wait_until_working()


def stopped_with_backlog(trial: Trial, times: int, chance: random.Random) -> None:
    for _ in range(times):
        trial.broker.stop()
        time.sleep(chance.uniform(*PAUSE_S))
        trial.side.stop()
        trial.broker.start()
        trial.start()
        trial.wait_until_working()


def database_cut(trial: Trial, times: int, chance: random.Random) -> None:
    """Cut its database at a random place after a kill. The contents may be lost, but no later message."""
    for _ in range(times):
        trial.broker.stop()
        time.sleep(chance.uniform(*PAUSE_S))
        trial.side.kill()
        with contextlib.suppress(FileNotFoundError):
            os.truncate(trial.side.database, int(trial.side.database.stat().st_size * chance.random()))
        trial.broker.start()
        trial.start()
        trial.wait_until_working()


def disk_full(trial: Trial, seconds: int, _: random.Random) -> None:
    """The gateway's disk is full, and the broker is down for the first half of the time."""
    with filled(trial.side.storage):
        trial.broker.stop()
        time.sleep(seconds / 2)
        trial.broker.start()
        time.sleep(seconds / 2)
    trial.wait_until_working()


def reader_away(trial: Trial, seconds: int, _: random.Random) -> None:
    """Who reads is away, and the broker keeps 1,000 messages for it, as it does by default."""
    trial.reader.go_away()
    time.sleep(seconds)
    trial.reader.come_back()
    trial.wait_until_working()


def broker_killed(trial: Trial, times: int, chance: random.Random) -> None:
    """The broker is killed while who reads is away; what it last saved is half an hour old, or nothing."""
    for _ in range(times):
        trial.reader.go_away()
        time.sleep(chance.uniform(*PAUSE_S))
        trial.broker.kill()
        trial.broker.start()
        trial.reader.come_back()
        trial.wait_until_working()


def session_deleted(trial: Trial, times: int, chance: random.Random) -> None:
    """While who reads is away, somebody connects under its name and takes its session from it."""
    for _ in range(times):
        trial.reader.go_away()
        time.sleep(chance.uniform(*PAUSE_S))
        take_session(trial.broker.port, trial.reader.client_id)
        trial.reader.come_back()
        trial.wait_until_working()


def broker_replaced(trial: Trial, seconds: int, _: random.Random) -> None:
    """In the middle of a long absence of who reads, the broker is replaced by an empty one."""
    trial.reader.go_away()
    time.sleep(seconds / 2)
    trial.broker.replace()
    time.sleep(seconds / 2)
    trial.reader.come_back()
    trial.wait_until_working()


# Name, what is done, and how often or for how many seconds, as the name says.
SCENARIOS: tuple[tuple[str, Callable[[Trial, int, random.Random], None], int], ...] = (
    ("undisturbed", undisturbed, 4),
    ("killed -9, times", killed, 10),
    ("broker restarted, times", broker_restarted, 5),
    ("broker away, seconds", broker_away, 60),
    ("killed -9 with a backlog, times", killed_with_backlog, 3),
    ("stopped with a backlog, times", stopped_with_backlog, 3),
    ("its database cut after a kill, times", database_cut, 3),
    ("its disk full, seconds", disk_full, 20),
    ("reader away, queue of 1,000, seconds", reader_away, 60),
    ("broker killed while the reader is away, times", broker_killed, 3),
    ("reader's session taken while it is away, times", session_deleted, 3),
    ("broker replaced while the reader is away, seconds", broker_replaced, 60),
)


def run(folder: Path, only: str) -> Iterator[str]:
    """The lines of the table, as they come."""
    venv = install()
    yield f"{DEVICES} devices of one SNMP object, each polled every {INTERVAL_S:g} s; polls that devices answered, by gateway"
    yield "| scenario | gateway | answered | arrived | arrived twice | lost |"
    yield "|---|---|---|---|---|---|"
    for number, (name, disturb, times) in enumerate(SCENARIOS):
        if only not in name:
            continue
        for kind in (Rackflow, ThingsBoard):
            own = folder / f"peer-{number}-{kind.__name__}"
            own.mkdir()
            side: Side = Rackflow(own) if kind is Rackflow else ThingsBoard(own, venv)
            yield play(side, f"{name} ({times})", disturb, times)


def play(side: Side, name: str, disturb: Callable[[Trial, int, random.Random], None], times: int) -> str:
    """Play one scenario with one gateway; returns its row of the table."""
    devices = CountingDevices(DEVICES)
    broker = Mosquitto(side.folder / "mosquitto", persistence=True, extra=["max_queued_messages 1000"])
    with contextlib.ExitStack() as stack:
        stack.enter_context(small_disk(side.storage))
        devices.start()
        stack.callback(devices.close)
        broker.start()
        stack.callback(broker.kill)
        reader = side.reader(broker.port)
        stack.callback(reader.close)
        side.configure(broker.port, devices.ports)
        trial = Trial(side, devices, broker, reader)
        stack.callback(side.kill)
        trial.start()
        trial.wait_until_working()
        disturb(trial, times, random.Random(1))  # noqa: S311 - repeatable, not secret
        trial.drain()
        answered = devices.polls.total() - side.starts * side.reads_per_start * DEVICES
        arrived = len(reader.arrived)
    return f"| {name} | {side.name} | {answered} | {arrived} | {reader.twice} | {answered - arrived} |"


def install() -> Path:
    """Install the peer in its own environment, which is kept. Raises RuntimeError if that fails."""
    venv = CACHE / PEER.replace("==", "-")
    if not (venv / "bin" / "thingsboard-gateway").exists():
        for command in (
            [sys.executable, "-m", "venv", str(venv)],
            [str(venv / "bin" / "pip"), "install", "--quiet", PEER, PEER_NEEDS],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
            if done.returncode:
                raise RuntimeError(f"{PEER} cannot be installed: {done.stderr.strip().splitlines()[-1]}")
    return venv
