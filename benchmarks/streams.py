"""Measures what those who look at the page cost a collector: CPU of its process without streams, with one, and with more, in turn.

A stream here is what a browser has open (`show=site,floor,problems,agents`, of one room on a campus), read by this process: no Chromium
takes the processor away, so that two cores are enough for a campus. `browser.py` has the browser's side.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from benchmarks.browser import POLL_S, collector_of, fed, observed
from benchmarks.page import campus_text
from benchmarks.processes import cpu_seconds
from rackflow.site import parse_site
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import wait_until

# Half of a poll of all devices. Rounds alternate, because the load of the machine changes; with 8 more streams the cost of one stands
# out of the noise.
ROUND_S = 10.0
ROUNDS = 4
MORE = 8


def run(folder: Path, devices: int) -> Iterator[str]:
    """What streams cost the collector of a site of so many devices."""
    text = campus_text(devices)
    site = parse_site(text, "bench.yaml")
    known = len(site.pdus) + len(site.ups) + len(site.cdus)
    room = f":{next(iter(site.rooms))}" if len(site.rooms) > 1 else ""
    folder = folder / f"streams-{devices}"
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "mosquitto").serving())
        url, pid = stack.enter_context(collector_of(folder, broker.port, text))
        stack.enter_context(fed(broker.port, text))
        wait_until(lambda: observed(url) >= known, "every device heard of", 240.0)
        without, one, more, sent = [], [], [], []
        for _ in range(ROUNDS):
            without.append(_share(pid))
            with _streams(url, room, 1) as got:
                one.append(_share(pid))
                sent.append(got[0] / ROUND_S)
            with _streams(url, room, 1 + MORE):
                more.append(_share(pid))
        first = median(b - a for a, b in zip(without, one, strict=True))
        each = median((b - a) / MORE for a, b in zip(one, more, strict=True))
        yield (
            f"{known} devices polled every {POLL_S:g} s: {median(without):.2%} of a core without streams, {first:+.2%} with one,"
            f" {each:+.2%} for each further one, {median(sent) / 1000:.1f} kB/s each; medians of {ROUNDS} rounds in turn;"
            f" {observed(url)} devices answering at the end"
        )


def _share(pid: int) -> float:
    time.sleep(1.0)  # the first look at a document is no part of what it costs to go on looking
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(ROUND_S)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


@contextmanager
def _streams(url: str, room: str, count: int) -> Iterator[list[int]]:
    """Streams that are read; how many bytes the first of them brought since its first second."""
    parts = urlsplit(url)
    asked = f"GET /api/v1/events?show=site,floor{room},problems,agents HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
    got = [0]
    opened: list[socket.socket] = []
    readers = []
    for number in range(count):
        one = socket.create_connection((parts.hostname, parts.port))
        one.sendall(asked.encode())
        opened.append(one)
        readers.append(threading.Thread(target=_read, args=(one, got if number == 0 else [0], time.monotonic() + 1)))
        readers[-1].start()
    try:
        yield got
    finally:
        for one in opened:
            one.shutdown(socket.SHUT_RDWR)
        for reader in readers:
            reader.join(10.0)
        for one in opened:
            one.close()


def _read(one: socket.socket, got: list[int], since_s: float) -> None:
    while data := one.recv(65_536):
        if time.monotonic() > since_s:
            got[0] += len(data)
