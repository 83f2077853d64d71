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

DEVICES = 20
LIFE_S = (2.0, 3.5)
# More than what an agent waits before it sends again what nobody has stored, and more than a gateway waits between two attempts.
SILENCE_S = 40.0
WORKS = 3
START_S = 60.0
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "rackflow"


@dataclass(slots=True)
class Bench:
    """One gateway with its devices, its broker and who reads what it sends."""

    side: Side
    devices: CountingDevices
    broker: Mosquitto
    reader: Reader

    def start(self) -> None:
        """Start the gateway."""
        self.side.start()

    def works(self) -> None:
        """Wait until each device was polled again and some of these polls arrived."""
        before = self.devices.polls.copy()
        names = list(self.devices.ports)
        wait_until(lambda: min(self.devices.polls[name] - before[name] for name in names) >= WORKS, "polls", START_S)
        wait_until(lambda: any(number > before[name] for name, number in self.reader.new()), "deliveries", START_S)

    def drain(self) -> None:
        """Stop polling, and wait until nothing has arrived for a while."""
        self.devices.mute()
        since = time.monotonic()
        while time.monotonic() - since < SILENCE_S:
            if self.reader.new():
                since = time.monotonic()
            time.sleep(0.5)


def undisturbed(_: Bench, times: int, chance: random.Random) -> None:
    for _at in range(times):
        time.sleep(chance.uniform(*LIFE_S))


def killed(bench: Bench, times: int, chance: random.Random) -> None:
    for _ in range(times):
        time.sleep(chance.uniform(*LIFE_S))
        bench.side.kill()
        bench.start()
        bench.works()


def broker_restarted(bench: Bench, times: int, chance: random.Random) -> None:
    for _ in range(times):
        time.sleep(chance.uniform(*LIFE_S))
        bench.broker.restart()
        bench.works()


def broker_away(bench: Bench, seconds: int, _: random.Random) -> None:
    bench.broker.stop()
    time.sleep(seconds)
    bench.broker.start()
    bench.works()


def killed_with_backlog(bench: Bench, times: int, chance: random.Random) -> None:
    for _ in range(times):
        bench.broker.stop()
        time.sleep(chance.uniform(*LIFE_S))
        bench.side.kill()
        bench.broker.start()
        bench.start()
        bench.works()


def stopped_with_backlog(bench: Bench, times: int, chance: random.Random) -> None:
    for _ in range(times):
        bench.broker.stop()
        time.sleep(chance.uniform(*LIFE_S))
        bench.side.stop()
        bench.broker.start()
        bench.start()
        bench.works()


def torn(bench: Bench, times: int, chance: random.Random) -> None:
    """Cut its database at a random place after a kill. The contents may be lost, but no later message."""
    for _ in range(times):
        bench.broker.stop()
        time.sleep(chance.uniform(*LIFE_S))
        bench.side.kill()
        with contextlib.suppress(FileNotFoundError):
            os.truncate(bench.side.database, int(bench.side.database.stat().st_size * chance.random()))
        bench.broker.start()
        bench.start()
        bench.works()


def disk_full(bench: Bench, seconds: int, _: random.Random) -> None:
    """The disk is full, and the broker is down for the first half of the time."""
    with filled(bench.side.storage):
        bench.broker.stop()
        time.sleep(seconds / 2)
        bench.broker.start()
        time.sleep(seconds / 2)
    bench.works()


def reader_away(bench: Bench, seconds: int, _: random.Random) -> None:
    """Who reads is away, and the broker keeps 1,000 messages for it, as it does by default."""
    bench.reader.go_away()
    time.sleep(seconds)
    bench.reader.come_back()
    bench.works()


def forgetful_broker(bench: Bench, times: int, chance: random.Random) -> None:
    """The broker is killed while who reads is away; what it last saved is half an hour old, or nothing."""
    for _ in range(times):
        bench.reader.go_away()
        time.sleep(chance.uniform(*LIFE_S))
        bench.broker.kill()
        bench.broker.start()
        bench.reader.come_back()
        bench.works()


def session_deleted(bench: Bench, times: int, chance: random.Random) -> None:
    """While who reads is away, somebody connects under its name and takes its session from it."""
    for _ in range(times):
        bench.reader.go_away()
        time.sleep(chance.uniform(*LIFE_S))
        take_session(bench.broker.port, bench.reader.client_id)
        bench.reader.come_back()
        bench.works()


def broker_replaced(bench: Bench, seconds: int, _: random.Random) -> None:
    """In the middle of a long absence of who reads, the broker is replaced by an empty one."""
    bench.reader.go_away()
    time.sleep(seconds / 2)
    bench.broker.replace()
    time.sleep(seconds / 2)
    bench.reader.come_back()
    bench.works()


SCENARIOS: tuple[tuple[str, Callable[[Bench, int, random.Random], None], int], ...] = (
    ("undisturbed", undisturbed, 4),
    ("killed -9, times", killed, 10),
    ("broker restarted, times", broker_restarted, 5),
    ("broker away, seconds", broker_away, 60),
    ("killed -9 with a backlog, times", killed_with_backlog, 3),
    ("stopped with a backlog, times", stopped_with_backlog, 3),
    ("its database cut after a kill, times", torn, 3),
    ("its disk full, seconds", disk_full, 20),
    ("reader away, queue of 1,000, seconds", reader_away, 60),
    ("broker killed while the reader is away, times", forgetful_broker, 3),
    ("reader's session taken while it is away, times", session_deleted, 3),
    ("broker replaced while the reader is away, seconds", broker_replaced, 60),
)


def run(folder: Path, only: str) -> Iterator[str]:
    """The lines of the table, as they come."""
    venv = install()
    yield f"{DEVICES} devices of one SNMP object, each polled every {INTERVAL_S:g} s; polls that devices answered, by gateway"
    yield "| scenario | gateway | answered | arrived | arrived twice | lost |"
    yield "|---|---|---|---|---|---|"
    for number, (name, harm, times) in enumerate(SCENARIOS):
        if only not in name:
            continue
        for kind in (Rackflow, ThingsBoard):
            own = folder / f"peer-{number}-{kind.__name__}"
            own.mkdir()
            side: Side = Rackflow(own) if kind is Rackflow else ThingsBoard(own, venv)
            yield play(side, f"{name} ({times})", harm, times)


def play(side: Side, name: str, harm: Callable[[Bench, int, random.Random], None], times: int) -> str:
    """One row."""
    devices, broker = (
        CountingDevices(DEVICES),
        Mosquitto(side.folder / "mosquitto", persistence=True, extra=["max_queued_messages 1000"]),
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(small_disk(side.storage))
        devices.start()
        stack.callback(devices.close)
        broker.start()
        stack.callback(broker.kill)
        reader = side.reader(broker.port)
        stack.callback(reader.close)
        side.configure(broker.port, devices.ports)
        bench = Bench(side, devices, broker, reader)
        stack.callback(side.kill)
        bench.start()
        bench.works()
        harm(bench, times, random.Random(1))  # noqa: S311 - repeatable, not secret
        bench.drain()
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
