"""Network faults: packets of one connection are dropped, rejected or randomly lost for a while.

Each process reaches the broker at its own loopback port. Firewall rules name that port and are removed one by one, so that no other
rule of the host is touched.
"""

import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.chaos.site import ChaosSite
from tests.servers.process import find_program
from tests.servers.program import Program
from tests.servers.waiting import wait_until

SHORT_TIMEOUTS: dict[str, object] = {"keepalive_s": 5, "timeout_s": 5.0}
# How long both sides may take to notice a dead connection, with the timeouts above.
GIVE_UP_S = 60.0
# As `site.UNDISTURBED_S`, and how long packets are dropped beyond that; shorter, because no process has to start.
UNDISTURBED_S = (1.0, 3.0)
# One packet in ten.
LOSS = ("-m", "statistic", "--mode", "random", "--probability", "0.1")
# The state of an established connection in /proc/net/tcp.
ESTABLISHED = "01"
TO_BROKER, FROM_BROKER = "--dport", "--sport"


@dataclass(frozen=True, slots=True)
class Connection:
    """One client's connection to the broker."""

    process: Program
    port: int


def agent_connection(site: ChaosSite) -> Connection:
    return Connection(site.agent, site.agent_port)


def collector_connection(site: ChaosSite) -> Connection:
    return Connection(site.collector, site.collector_port)


@contextmanager
def rules(port: int, directions: tuple[str, ...], *rest: str) -> Iterator[None]:
    """One iptables rule per direction, for this loopback port only; removed afterwards. Needs root."""
    root = [] if os.geteuid() == 0 else [find_program("sudo", "sudo"), "-n"]
    iptables = [*root, find_program("iptables", "iptables"), "-w", "10"]
    present: list[list[str]] = []
    try:
        for direction in directions:
            rule = ["INPUT", "-i", "lo", "-p", "tcp", direction, str(port), *rest]
            subprocess.run([*iptables, "-I", *rule], check=True, timeout=15)
            present.append(rule)
        yield
    finally:
        for rule in present:
            subprocess.run([*iptables, "-D", *rule], check=True, timeout=15)


def use_short_timeouts(site: ChaosSite, connection: Connection) -> None:
    """Give a client short timeouts, so that it notices a dead connection within seconds instead of half a minute."""
    connection.process.stop()
    connection.process.set("broker", SHORT_TIMEOUTS)
    connection.process.start()
    site.wait_for_polls()


def open_ends(port: int) -> set[str]:
    """Clients that are connected to this port from the broker's view: addresses of established connections, from /proc."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return {fields[2] for fields in lines if fields[1].endswith(f":{port:04X}") and fields[3] == ESTABLISHED}


def losses_noticed(connection: Connection) -> int:
    """How often the client has logged that its connection was lost."""
    return connection.process.logged("not connected")


def wait_for_loss(connection: Connection, before: int, what: str) -> None:
    """Wait until the client has noticed one more lost connection."""
    wait_until(lambda: losses_noticed(connection) > before, what, GIVE_UP_S)


def half_open(site: ChaosSite, connection: Connection, times: int, chance: random.Random) -> None:
    """Packets are dropped silently, in both directions or one, until both sides have given up the connection."""
    use_short_timeouts(site, connection)
    for at in range(times):
        time.sleep(chance.uniform(*UNDISTURBED_S))
        directions = ((TO_BROKER, FROM_BROKER), (TO_BROKER,), (FROM_BROKER,))[at % 3]
        ends, before = open_ends(connection.port), losses_noticed(connection)
        assert ends
        with rules(connection.port, directions, "-j", "DROP"):
            wait_for_loss(connection, before, "the client has given up")
            wait_until(lambda: not ends & open_ends(connection.port), "the broker has given up", GIVE_UP_S)  # noqa: B023 - asked at once
            time.sleep(chance.uniform(*UNDISTURBED_S))
        site.wait_for_polls()


def agent_half_open(site: ChaosSite, times: int, chance: random.Random) -> None:
    half_open(site, agent_connection(site), times, chance)


def collector_half_open(site: ChaosSite, times: int, chance: random.Random) -> None:
    half_open(site, collector_connection(site), times, chance)


def reset(site: ChaosSite, times: int, chance: random.Random) -> None:
    """A reset reaches only one side of a connection: in turn client and broker, of agent and collector."""
    connections = [agent_connection(site), collector_connection(site)]
    for connection in connections:
        use_short_timeouts(site, connection)
    for at in range(times):
        time.sleep(chance.uniform(*UNDISTURBED_S))
        connection, direction = connections[at // 2 % 2], (TO_BROKER, FROM_BROKER)[at % 2]
        before = losses_noticed(connection)
        with rules(connection.port, (direction,), "-j", "REJECT", "--reject-with", "tcp-reset"):
            wait_for_loss(connection, before, "the client has noticed")
        site.wait_for_polls()


def lossy(site: ChaosSite, seconds: int, _: random.Random) -> None:
    """One packet in ten is lost between the broker and agent or collector, in both directions."""
    both = TO_BROKER, FROM_BROKER
    with rules(site.agent_port, both, *LOSS, "-j", "DROP"), rules(site.collector_port, both, *LOSS, "-j", "DROP"):
        time.sleep(seconds)
    site.wait_for_polls()
