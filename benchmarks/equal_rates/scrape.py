"""Scrapes an exporter for many targets at a fixed rate, over a few connections that stay open."""

import http.client
import threading
import time
from typing import Protocol

# A chosen value: with fewer, 2,000 scrapes a second wait for each other; with more, this process takes the CPU from the exporter.
CONNECTIONS = 8


class Counted(Protocol):
    """Where polls and failures are counted."""

    polls: float
    failures: float


class Scraper:
    """`path` is asked for; an answer with fewer than `samples` occurrences of `sample` is a failure."""

    def __init__(self, port: int, path: str, sample: bytes, samples: int) -> None:
        self._port, self._path, self._sample, self._samples = port, path, sample, samples
        self._over = threading.Event()
        self._lock = threading.Lock()

    def start(self, per_second: float, counted: Counted) -> None:
        """Begin; a connection that is late goes on at once, as fast as it can."""
        for at in range(CONNECTIONS):
            every_s = CONNECTIONS / per_second
            threading.Thread(
                target=self._scrape, args=(every_s, at * every_s / CONNECTIONS, counted), daemon=True
            ).start()

    def close(self) -> None:
        """End."""
        self._over.set()

    def _scrape(self, every_s: float, offset_s: float, counted: Counted) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        due_s = time.monotonic() + offset_s
        while not self._over.wait(max(0.0, due_s - time.monotonic())):
            due_s = max(due_s + every_s, time.monotonic() - every_s)
            try:
                connection.request("GET", self._path)
                is_whole = connection.getresponse().read().count(self._sample) >= self._samples
            except (OSError, http.client.HTTPException):
                is_whole = False
                connection.close()
            with self._lock:
                if is_whole:
                    counted.polls += 1
                else:
                    counted.failures += 1
        connection.close()
