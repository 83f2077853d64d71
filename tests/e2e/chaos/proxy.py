"""An HTTP proxy in front of the database that fails on command: it answers 503, refuses some points, or takes too long."""

import contextlib
import gzip
import threading
import time
import urllib.error
import urllib.request
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Mode = Literal["pass", "refuse", "slow", "refuse some"]
# With "refuse some", one line in this many is refused, always the same ones.
ONE_IN = 1000
# Longer than the collector waits for the database (`timeout_s: 2.0` in site.py).
SLOW_S = 3.0
# Headers that are passed on.
KEPT = ("content-type", "content-encoding", "authorization")


class Proxy:
    """Forwards to `target`. `mode` may be changed at any time; `refused_lines` are the lines that were refused for good."""

    def __init__(self, target: str) -> None:
        self.mode: Mode = "pass"
        self.refused_lines: set[str] = set()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = proxy.forward(f"{target}{self.path}", body, dict(self.headers))
                self.send_response(status)
                if status == 503:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", "0")
                with contextlib.suppress(ConnectionError):  # who asked has been killed, or has waited long enough
                    self.end_headers()

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # as above
                    super().handle()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forward(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The status for the client. A slow answer comes too late, although the write was done."""
        if self.mode == "refuse":
            return 503
        if self.mode == "refuse some" and (bad := self._bad(body, headers)):
            self.refused_lines |= bad
            return 400
        slow = self.mode == "slow"
        kept = {name: value for name, value in headers.items() if name.lower() in KEPT}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, kept, method="POST"), timeout=10) as answer:  # noqa: S310 - loopback
                status = int(answer.status)
        except urllib.error.HTTPError as error:
            status = error.code
        except OSError:
            status = 502
        if slow:
            time.sleep(SLOW_S)
        return status

    def excuses(self, device: str, time_ms: int) -> bool:
        """Whether this row of `dcim_device` is missing from the database because its line was refused."""
        end, tag = f" {time_ms}", f",device={device},"
        return any(
            line.startswith("dcim_device,") and line.endswith(end) and tag in line.partition(" ")[0] + ","
            for line in self.refused_lines
        )

    def _bad(self, body: bytes, headers: dict[str, str]) -> set[str]:
        names = {name.lower(): value for name, value in headers.items()}
        text = (gzip.decompress(body) if names.get("content-encoding") == "gzip" else body).decode()
        return {line for line in text.splitlines() if zlib.crc32(line.encode()) % ONE_IN == 0}

    def close(self) -> None:
        """Stop the proxy."""
        self._server.shutdown()
        self._server.server_close()
