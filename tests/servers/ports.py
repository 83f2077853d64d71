"""Free loopback ports for servers that cannot be told to choose their own."""

import random
import socket

# Below Linux's ephemeral range: an outgoing connection of somebody else cannot take the port between two starts of a
# server, and a client that keeps trying a closed port cannot connect to itself.
PORTS = range(20_000, 32_000)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A loopback port that nobody holds at this moment; whoever binds it later must be ready for a clash."""
    for port in random.sample(PORTS, k=200):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    msg = "no free port on 127.0.0.1"
    raise OSError(msg)


def accepts(port: int) -> bool:
    """Whether somebody accepts TCP connections on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
