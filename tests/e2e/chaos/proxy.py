"""A proxy in front of the database that misbehaves on order: it says 503, or takes longer than anybody waits."""

import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Mood = Literal["pass", "refuse", "slow"]
SLOW_S = 3.0
KEPT = ("content-type", "content-encoding", "authorization")


class Proxy:
    """Forwards to `target`; `mood` may be changed at any time."""

    def __init__(self, target: str) -> None:
        self.mood: Mood = "pass"
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status = proxy.forward(f"{target}{self.path}", body, dict(self.headers))
                self.send_response(status)
                if status == 503:
                    self.send_header("Retry-After", "1")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def forward(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The status that the client gets. A slow answer is late, and the write is done all the same."""
        if self.mood == "refuse":
            return 503
        slow = self.mood == "slow"
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

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
