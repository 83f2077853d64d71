"""Row C: 5,000 SNMP devices of 30 readings every 10 s, of which a tenth is dead and a twentieth slow. Then half of the rest falls silent.

The healthy devices are two net-snmp daemons, so half of them is silenced by stopping one. A dead device is a port that swallows what it is
sent, and a slow one answers after `SLOW_S`. What counts is whether anybody but those concerned is polled late: how much the time between
two polls of a device differs from 10 s, by the times in its batches.
"""

import asyncio
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import yaml

from benchmarks.equal_rates.device import AGENT, ROOT, SITE, save_profile, temperatures
from benchmarks.processes import cpu_seconds, process, resident_bytes, subscriber
from rackflow.documents import Batch, decode
from tests.servers.mosquitto import Mosquitto
from tests.servers.snmpd import Snmpd
from tests.servers.waiting import wait_until

DEVICES = 5000
INTERVAL_S = 10.0
READINGS = 30
PROFILE = "bench-sensors"
# Of 20 devices. A twentieth is slow, a tenth dead.
SLOW, DEAD = {19}, {17, 18}
# Below the agent's usual timeout of 2 s: a slow device is not a dead one.
SLOW_S = 1.5
# How long the agent may take to have polled all; the goal is 15 s, and a busy machine takes several times that.
PATIENCE_S = 240.0
OIDS = [f"{ROOT}.{at + 1}.0" for at in range(READINGS)]
SNMPD = [f"override {oid} integer {200 + at}" for at, oid in enumerate(OIDS)]
"""Lines of snmpd.conf: temperatures in tenths of a degree."""


def write_profile(folder: Path) -> Path:
    """The profile; returns the folder that it is in."""
    return save_profile(
        folder,
        PROFILE,
        "30 temperature sensors that net-snmp plays",
        {
            "class": "env",
            "protocol": "snmp",
            "recognise": {"probes": [OIDS[0]]},
            "points": temperatures([{"oid": oid} for oid in OIDS]),
        },
    )


class _SlowDevices(asyncio.DatagramProtocol):
    """Passes requests on to a daemon, and its answers back after `SLOW_S`."""

    def __init__(self, daemon_port: int) -> None:
        self._daemon_port = daemon_port
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks = set[asyncio.Task[None]]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.DatagramProtocol`."""
        self._transport = cast(
            "asyncio.DatagramTransport", transport
        )  # asyncio's own are no subclass of it in Python 3.11

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """See `asyncio.DatagramProtocol`."""
        task = asyncio.ensure_future(self._answer(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: bytes, sender: tuple[str, int]) -> None:
        await asyncio.sleep(SLOW_S)
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
            daemon.settimeout(0)
            await loop.sock_connect(daemon, ("127.0.0.1", self._daemon_port))
            await loop.sock_sendall(daemon, request)
            answer = await loop.sock_recv(daemon, 65_535)
        assert self._transport is not None
        self._transport.sendto(answer, sender)


@contextmanager
def slow_devices(daemon_port: int) -> Iterator[int]:
    """Their port; served by a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="slow devices", daemon=True)
    thread.start()

    async def start() -> int:
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _SlowDevices(daemon_port), local_addr=("127.0.0.1", 0)
        )
        return int(transport.get_extra_info("sockname")[1])

    async def end() -> None:
        answering = asyncio.all_tasks() - {asyncio.current_task()}
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)

    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@dataclass
class Polls:
    """The batches of all devices, as they come."""

    up: set[str] = field(default_factory=set)
    """Devices that have answered at least once."""
    failed: set[str] = field(default_factory=set)
    """Devices of which a poll failed since `begin`."""
    late_s: dict[str, list[float]] = field(default_factory=dict)
    """By device: how much each time between two of its polls differed from `INTERVAL_S` since `begin`."""
    _last_ms: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget what was late or failed so far."""
        self.failed, self.late_s = set(), {}

    def add(self, batch: Batch) -> None:
        """A batch has come."""
        if batch.device == AGENT or batch.poll != "fast":
            return
        before, self._last_ms[batch.device] = self._last_ms.get(batch.device), batch.time
        if not batch.up:
            self.failed.add(batch.device)
            return
        self.up.add(batch.device)
        if before is not None:
            self.late_s.setdefault(batch.device, []).append(abs((batch.time - before) / 1000 - INTERVAL_S))

    def lateness(self, devices: set[str]) -> str:
        """Of these devices: the 99th percentile, the worst, and how many had a failed poll."""
        found = [each for device in devices & self.late_s.keys() for each in self.late_s[device]]
        worst_percent = statistics.quantiles(found, n=100)[-1]
        return (
            f"99th percentile of lateness {worst_percent * 1000:.0f} ms, worst {max(found) * 1000:.0f} ms, "
            f"{len(devices & self.failed)} with a failed poll"
        )


def run(folder: Path, seconds: float, devices: int = DEVICES) -> Iterator[str]:
    """The lines of the result."""
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "many-mosquitto").serving())
        first, second = (stack.enter_context(Snmpd(folder / f"many-{at}", SNMPD).serving()) for at in ("a", "b"))
        swallowing = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        swallowing.bind(("127.0.0.1", 0))
        ports = {
            "dead": int(swallowing.getsockname()[1]),
            "slow": stack.enter_context(slow_devices(first.port)),
            "first": first.port,
            "second": second.port,
        }
        kinds = {f"d{at:04}": _kind(at) for at in range(devices)}
        config = _write_config(folder, broker.port, {name: ports[kind] for name, kind in kinds.items()})
        polls = Polls()
        stack.enter_context(
            subscriber(
                broker.port, f"rackflow/v1/{SITE}/{AGENT}/batch/+", lambda payload: polls.add(decode(payload, Batch))
            )
        )
        confirmer = [sys.executable, "-m", "benchmarks.equal_rates.confirmer", str(broker.port)]
        stack.enter_context(process(confirmer, folder / "confirmer.log"))
        agent = stack.enter_context(
            process([sys.executable, "-m", "agent", "run", str(config)], folder / "many-agent.log")
        )
        yield from _measure(agent, second.pid, kinds, polls, seconds)


def _measure(
    agent: subprocess.Popen[bytes], silenced_pid: int, kinds: dict[str, str], polls: Polls, seconds: float
) -> Iterator[str]:
    alive = {name for name, kind in kinds.items() if kind != "dead"}
    healthy = {name for name, kind in kinds.items() if kind in ("first", "second")}
    started = time.monotonic()
    wait_until(lambda: polls.up >= healthy, "every healthy device has answered", PATIENCE_S)
    healthy_s = time.monotonic() - started
    wait_until(lambda: polls.up >= alive, "every slow device has answered", PATIENCE_S)
    all_s = time.monotonic() - started
    yield (
        f"{len(kinds)} devices of {READINGS} readings every {INTERVAL_S:g} s, "
        f"{len(kinds) - len(alive)} dead, {len(alive) - len(healthy)} slow ({SLOW_S:g} s):"
    )
    yield f"  healthy ones polled after {healthy_s:.1f} s, slow ones after {all_s:.1f} s, {cpu_seconds(agent.pid):.1f} CPU s"
    # The first poll of a device is part of opening it; from the second one on it has a place of its own within the interval.
    time.sleep(2 * INTERVAL_S)
    yield f"  at work      {_window(agent.pid, polls, seconds)}; healthy ones: {polls.lateness(healthy)}"
    others = {name for name in healthy if kinds[name] == "first"}
    os.kill(silenced_pid, signal.SIGSTOP)
    try:
        yield f"  half silent  {_window(agent.pid, polls, seconds)}; the others: {polls.lateness(others)}"
    finally:
        os.kill(silenced_pid, signal.SIGCONT)


def _window(pid: int, polls: Polls, seconds: float) -> str:
    polls.begin()
    cpu_s, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    share = (cpu_seconds(pid) - cpu_s) / (time.monotonic() - began)
    return f"{share * 100:.1f} % of a core, {resident_bytes(pid) / 1e6:.0f} MB"


def _kind(number: int) -> str:
    place = number % 20
    if place in SLOW | DEAD:
        return "slow" if place in SLOW else "dead"
    return "first" if place % 2 else "second"


def _write_config(folder: Path, broker_port: int, ports: dict[str, int]) -> Path:
    config = folder / "many-agent.yaml"
    data = {
        "agent": AGENT,
        "labels": {"site": SITE},
        "broker": {"port": broker_port},
        "outbox": {"mode": "disk", "path": str(folder / "many-outbox.db")},
        "credentials": {"lab": {"version": "2c", "community": "public"}},
        "profiles": str(write_profile(folder)),
        "intervals": {"fast": INTERVAL_S, "normal": INTERVAL_S, "slow": 3600},
        "devices": [
            {"id": name, "host": "127.0.0.1", "port": port, "credential": "lab", "profile": PROFILE}
            for name, port in ports.items()
        ],
    }
    config.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return config
