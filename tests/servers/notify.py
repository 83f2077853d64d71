"""The service manager's side of sd_notify(3): hears what a service says of itself."""

import socket
import threading
from pathlib import Path


class Manager:
    """Listens on a socket in the file system until `close`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def heard(self, word: str) -> int:
        """How many messages of this kind have come."""
        return sum(each.startswith(word) for each in self.said)

    def close(self) -> None:
        """Wakes the listener by a last word of its own, which ends it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"over", str(self.path))
        self._thread.join()

    def _listen(self) -> None:
        with self._socket:
            while (message := self._socket.recv(1000)) != b"over":
                self.said.append(message.decode())
