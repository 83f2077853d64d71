"""Free loopback ports for servers that need a fixed port number in their configuration."""

import random
import socket
from collections import deque
from typing import Final, Protocol

# Below Linux's ephemeral range: an outgoing connection of somebody else cannot take the port between two starts of a
# server, and a client that keeps trying a closed port cannot connect to itself.
PORTS = range(20_000, 32_000)


class Listening(Protocol):
    """Whatever listens on a loopback port."""

    port: int


_reserved: Final[deque[socket.socket]] = deque()
"""Keeps the reservations of this process; the kernel drops them when it ends, however it ends."""
KEPT: Final = 200
"""More ports than any single test has in use, and few enough file descriptors; older reservations are given up."""


def free_port() -> int:
    """A free loopback port for TCP and UDP that no other test process on this machine gets from this function at the same time.

    Whoever binds it later must be ready for a clash with others than tests.
    """
    for port in random.sample(PORTS, k=200):
        if not _reserve(port):
            continue
        if all(_is_free(port, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            return port
    msg = "no free port on 127.0.0.1"
    raise OSError(msg)


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _reserve(port: int) -> bool:
    # A name in Linux's abstract namespace belongs to one socket at a time and needs no file to be cleaned up. Without it,
    # two workers could be given one port before either server has bound it, or one worker's "nobody listens there"
    # could be another's server.
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0rackflow-tests-port-{port}")
    except OSError:
        claim.close()
        return False
    _reserved.append(claim)
    if len(_reserved) > KEPT:
        _reserved.popleft().close()
    return True


def accepts(port: int) -> bool:
    """Whether somebody accepts TCP connections on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
