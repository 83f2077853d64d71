"""An agent, two members of a shared subscription and a watcher behind three nodes of one broker, of which each is killed in turn.

The broker is comqtt (MIT), which needs Redis: `RACKFLOW_COMQTT` names the program of its `cmd/cluster`. RabbitMQ does not
fit: no shared subscriptions, and retained messages on one node only.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rackflow.outbox.memory import MemoryOutbox
from tests.collector.documents import now_ms
from tests.collector.running import Running, running
from tests.e2e.test_roles import config_of, message, numbers
from tests.e2e.test_several_collectors import TOPIC, agent
from tests.servers.ports import accepts, free_port
from tests.servers.process import Server
from tests.servers.waiting import eventually

COMQTT = "RACKFLOW_COMQTT"
# The fewest with which a cluster still has a majority when one is killed.
NODES = 3
# A site of some hundred devices; and how often messages are put and pauses are looked for.
MESSAGES_PER_S = 100
STEP_S = 0.1
HEAD = "| killed | produced | longest pause of a collector, s | waited for at most |\n|---|---|---|---|"


CONFIG = """\
storage-way: 3  # Redis
auth: {{way: 0, datasource: 0}}  # anonymous
cluster:
  node-name: "{number:02}"
  discovery-way: 0
  bind-addr: 127.0.0.1
  bind-port: {bind_port}
  members: [{members}]
  queue-depth: 10240
  raft-impl: 0
  raft-port: {raft_port}
  raft-dir: {folder}/raft
  raft-bootstrap: {is_first}
  grpc-enable: true
  grpc-port: {grpc_port}
  inbound-pool-size: 4096
  outbound-pool-size: 4096
  inout-pool-nonblocking: false
mqtt:
  tcp: 127.0.0.1:{port}
  ws: 127.0.0.1:{web_port}
  http: 127.0.0.1:{http_port}
  options:
    client-write-buffer-size: 1024
    client-read-buffer-size: 1024
    capabilities:
      maximum-message-expiry-interval: 86400
      maximum-session-expiry-interval: 4294967295
      maximum-client-writes-pending: 65535
      receive-maximum: 1024
      maximum-qos: 2
      retain-available: 1
      wildcard-sub-available: 1
      sub-id-available: 1
      shared-sub-available: 1
      minimum-protocol-version: 3
redis:
  options: {{addr: "127.0.0.1:{redis_port}", db: 0}}
  prefix: comqtt
log: {{enable: true, format: 0, output: 0, level: 4}}
"""


class Redis(Server):
    """What the nodes keep together."""

    program, package = "redis-server", "redis-server"

    def command(self) -> list[str]:
        return ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]

    def ready(self) -> bool:
        return accepts(self.port)


class Node(Server):
    """One node, on a port of its own."""

    package = "comqtt"

    def __init__(self, folder: Path, number: int, gossip: list[int], redis: Redis) -> None:
        super().__init__(folder)
        self.program = os.environ[COMQTT]
        self.number, self._gossip, self._redis = number, gossip, redis
        self._ports = [free_port() for _ in range(4)]

    def command(self) -> list[str]:
        file = self.folder / "node.yml"
        text = CONFIG.format(
            number=self.number,
            bind_port=self._gossip[self.number - 1],
            members=", ".join(f"127.0.0.1:{port}" for port in self._gossip),
            raft_port=self._ports[0],
            grpc_port=self._ports[1],
            folder=self.folder,
            is_first="true" if self.number == 1 else "false",
            port=self.port,
            web_port=self._ports[2],
            http_port=self._ports[3],
            redis_port=self._redis.port,
        )
        file.write_text(text, encoding="utf-8")
        return ["-conf", str(file)]

    def ready(self) -> bool:
        return accepts(self.port)


@dataclass
class LoadBalancer:
    """Each connection goes to the next node that accepts it."""

    nodes: list[Node]
    port: int = 0
    _turn: int = 0
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["LoadBalancer"]:
        """Listening on `port`."""
        async with await asyncio.start_server(self._accept, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self.nodes:
            self._turn += 1
            node = self.nodes[self._turn % len(self.nodes)]
            with contextlib.suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", node.port)
                await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
                return
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


@dataclass
class Load:
    """Messages at a steady rate, and what happens to them."""

    outbox: MemoryOutbox
    collectors: list[Running]
    produced: int = 0
    pause_s: float = 0
    """The longest time in which a collector received nothing."""
    waiting: int = 0
    """The most messages that waited in the outbox."""

    async def run(self, seconds: float) -> None:
        """Produce messages for some seconds, and note pauses and what waits."""
        started_s = time.monotonic()
        seen = {id(each): (-1, started_s) for each in self.collectors}
        while (now_s := time.monotonic()) < started_s + seconds:
            for _ in range(round(MESSAGES_PER_S * STEP_S)):
                self.produced = self.outbox.put(TOPIC, message, now_ms=now_ms())
            for each in self.collectors:
                count, since_s = seen[id(each)]
                if (now := each.collector.stats().messages_received) != count:
                    seen[id(each)] = now, now_s
                else:
                    self.pause_s = max(self.pause_s, now_s - since_s)
            self.waiting = max(self.waiting, self.outbox.stats().messages)
            await asyncio.sleep(STEP_S)


def run(folder: Path, seconds: float) -> Iterator[str]:
    """Kills each node in turn. Raises RuntimeError if there is no such broker here."""
    if COMQTT not in os.environ:
        raise RuntimeError(f"{COMQTT} names no program; see benchmarks/cluster.py")
    yield HEAD
    yield from asyncio.run(_run(folder, seconds))


async def _run(folder: Path, seconds: float) -> list[str]:
    rows = []
    async with contextlib.AsyncExitStack() as stack:
        redis = stack.enter_context(Redis(folder / "redis").serving())
        gossip = [free_port() for _ in range(NODES)]
        nodes = [Node(folder / f"node-{number}", number, gossip, redis) for number in range(1, NODES + 1)]
        for node in nodes:
            stack.enter_context(node.serving())
        front = await stack.enter_async_context(LoadBalancer(nodes).serving())
        collectors = [
            await stack.enter_async_context(running(config_of(front, folder, name))) for name in ("a", "b", "watcher")
        ]
        outbox = await stack.enter_async_context(agent(front))
        for each in collectors:
            await each.ready()
        # A member of a shared subscription gets a part of the messages only. The watcher gets all, so a pause is measured there.
        load = Load(outbox, collectors[2:])
        await load.run(seconds)
        for node in nodes:
            before, load.pause_s, load.waiting = load.produced, 0.0, 0
            node.kill()
            await load.run(2 * seconds)
            node.start()
            await load.run(seconds)
            rows.append(f"| node {node.number} | {load.produced - before} | {load.pause_s:.1f} | {load.waiting} |")
        # A message that was on its way to a node that died is sent again only once a later message is stored, so some more are sent.
        while outbox.stats().messages:
            await load.run(STEP_S)
            await eventually(lambda: outbox.stats().messages <= MESSAGES_PER_S, "nearly all is stored", timeout_s=60)
            with contextlib.suppress(TimeoutError):
                await eventually(lambda: outbox.stats().messages == 0, "all is stored")
        stored = numbers(folder, "a", "b")
        missing = set(range(1, load.produced + 1)) - stored
        twice = sum(each.collector.stats().messages_received for each in collectors[:2]) - load.produced
        rows.append("")
        rows.append(f"{load.produced} produced, {len(missing)} missing; members received {twice} more than that.")
    return rows
