"""Somebody between an agent and a real device: sees every datagram, and adds, alters or keeps back the device's answers."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.agent.snmp.v3_messages import V3

Forge = Callable[[bytes, bytes], list[bytes]]
"""From a request and its true answer to the datagrams that the agent gets in this order."""


def honest(_: bytes, answer: bytes) -> list[bytes]:
    return [answer]


@dataclass
class Forger:
    """A proxy in front of `port`. `on_data` treats answers to requests of a known engine, `on_discovery` those to the search for one."""

    port: int
    host: str = "127.0.0.1"
    on_data: Forge = honest
    on_discovery: Forge = honest
    requests: list[bytes] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    agents: list[tuple[str, int]] = field(default_factory=list)
    own_port: int = 0
    front: socket.socket | None = None

    def send(self, datagram: bytes, agent: tuple[str, int]) -> None:
        """Send from the port of this forger."""
        assert self.front is not None
        self.front.sendto(datagram, agent)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Forger"]:
        """On a port of its own, for the time of the block."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        front = socket.socket(family, socket.SOCK_DGRAM)
        front.bind((self.host, 0))
        front.settimeout(0)
        self.front = front
        self.own_port = front.getsockname()[1]
        with front:
            async with asyncio.TaskGroup() as group:
                serving = group.create_task(self._serve(group, front), name="forger")
                try:
                    yield self
                finally:
                    serving.cancel()

    async def _serve(self, group: asyncio.TaskGroup, front: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            request, agent = await loop.sock_recvfrom(front, 65535)
            self.requests.append(request)
            self.agents.append(agent)
            group.create_task(self._answer(front, request, agent), name="forged answer")

    async def _answer(self, front: socket.socket, request: bytes, agent: tuple[str, int]) -> None:
        with socket.socket(front.family, socket.SOCK_DGRAM) as back:
            back.settimeout(0)
            back.connect((self.host, self.port))
            back.send(request)
            try:
                async with asyncio.timeout(3.0):
                    answer = await asyncio.get_running_loop().sock_recv(back, 65535)
            except (TimeoutError, ConnectionRefusedError):
                return  # the device does not answer everything
        self.answers.append(answer)
        forge = self.on_data if V3.parse(request).engine else self.on_discovery
        for datagram in forge(request, answer):
            front.sendto(datagram, agent)
            # The agent, which runs in the same loop, takes one in each turn. More would not fit into its receive buffer.
            await asyncio.sleep(0)
