"""Starts and ends processes, and reads their CPU seconds, memory and disk writes from /proc; also a subscriber that receives everything."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers.mqtt_thread import leave

REPOSITORY = Path(__file__).resolve().parents[1]
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def resident_bytes(pid: int) -> int:
    """Resident memory now, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def written_bytes(pid: int) -> int:
    """Bytes that a process has had written to disks since its start: whole pages, as the kernel counts them for each process."""
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines())
    return int(fields["write_bytes"])


def end(child: subprocess.Popen[bytes]) -> None:
    """End a process in order, or kill it if it does not end within 20 s: longer than an agent takes, which is up to 10 s."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended at the end of the block."""
    with log.open("ab") as output:
        child = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            yield child
        finally:
            end(child)


@contextmanager
def serving(module: str, count: int) -> Iterator[Any]:
    """What a module of simulated devices prints when it serves that many of them: JSON. It ends when its standard input closes."""
    command = [sys.executable, "-m", module, str(count)]
    child = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if child.stdin is None or child.stdout is None:
        raise RuntimeError(f"{module} has no pipes")
    try:
        yield json.loads(child.stdout.readline())
    finally:
        child.stdin.close()
        child.wait(timeout=15)
        child.stdout.close()


@contextmanager
def subscriber(
    port: int, topic: str = "rackflow/#", on_message: Callable[[bytes], None] | None = None
) -> Iterator[None]:
    """A subscriber, by default to everything: without one, an agent keeps its messages. `on_message` gets each payload, in a thread."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    if on_message is not None:
        client.on_message = lambda _, __, message: on_message(bytes(message.payload))
    client.connect("127.0.0.1", port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    try:
        yield
    finally:
        leave(client)
