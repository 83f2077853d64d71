"""The service manager's side of sd_notify(3): receives what a service reports of itself."""

import socket
import threading
from pathlib import Path


class NotifyListener:
    """Listens on a socket in the file system until `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.messages: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def count(self, kind: str) -> int:
        """How many messages begin with `kind`, such as `READY=1`."""
        return sum(each.startswith(kind) for each in self.messages)

    def close(self) -> None:
        """End the listener by a last message of its own."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"over", str(self.path))
        self._thread.join()

    def _listen(self) -> None:
        with self._socket:
            while (message := self._socket.recv(1000)) != b"over":
                self.messages.append(message.decode())
