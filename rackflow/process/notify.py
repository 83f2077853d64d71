"""Tells systemd how the service is: the protocol of sd_notify(3), one datagram a message.

Written here because it is ten lines; the libraries that do it bring C bindings or the journal along.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping


class ServiceManager:
    """The service manager that started this process. Every call does nothing if there is none, or if it does not listen."""

    def __init__(self, address: str = "") -> None:
        """`address` is a path, or `@name` for a socket in Linux's abstract namespace; empty means that nobody listens."""
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "ServiceManager":
        """The one named by NOTIFY_SOCKET."""
        return cls(environment.get("NOTIFY_SOCKET", ""))

    def ready(self) -> None:
        """The start, or the reload, is done."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read again, until `ready`. systemd wants the time, to tell two reloads apart."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The process is ending."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Feed the watchdog (WatchdogSec): the process works."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A manager that is gone or busy must neither end nor delay the service: the next message comes within seconds.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(0)
            channel.sendto(message.encode(), self._address)


def started_by() -> ServiceManager:
    """The service manager of this process."""
    return ServiceManager.of(os.environ)
