"""A collector in the test's own event loop, and an MQTT client beside it."""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
from pydantic import SecretStr

from collector.config import CollectorConfig
from collector.run import Collector
from rackflow import Batch, DeviceDocument, Event, Status, Topic, build_topic, encode
from rackflow.process.config import check_config
from tests.servers.captures import REPOSITORY
from tests.servers.ports import free_port
from tests.servers.waiting import PATIENCE_S, Patience, eventually
from tests.servers.web import Answer, answers, request

STOP_WITHIN_S = 30.0


def config_for(port: int, folder: Path, store: dict[str, object] | None = None, **more: object) -> CollectorConfig:
    """A configuration for the broker on `port`; points go to files unless `store` says where."""
    data = {
        "broker": {"port": port, "timeout_s": 5, "keepalive_s": 5},
        "client_id": "collector-under-test",
        "store": store or {"kind": "file", "path": str(folder / "points"), "flush_s": 0.05},
        "dead_letter": str(folder / "dead.jsonl"),
        "listen": "127.0.0.1:0",
        "http": {"share_s": 0},  # tests read what has just changed
        "derive": {"store": False},  # tests count points
        "budgets": {"devices": 2000, "series": 50_000},  # one agent stands for many
        **more,
    }
    return check_config(data, CollectorConfig, "test")


@dataclass(frozen=True, slots=True)
class Running:
    """A running collector and where it listens."""

    collector: Collector
    url: str

    async def get(self, path: str) -> Answer:
        """One HTTP request to it."""
        return await asyncio.to_thread(request, f"{self.url}{path}")

    async def ready(self) -> None:
        """Wait until it has subscribed and its store works."""
        await eventually(lambda: answers(f"{self.url}/readyz"), "ready")

    async def subscribed(self) -> None:
        """Wait until it has subscribed, whatever its store does: what is published before reaches nobody."""
        await eventually(lambda: "broker" not in request(f"{self.url}/readyz").text, "subscribed")

    async def fault(self, word: str) -> None:
        """Wait until it is not ready for a reason that contains this text."""

        def named() -> bool:
            answer = request(f"{self.url}/readyz")
            return answer.status == 503 and word in answer.text and answer.text.count("\n") == 1

        await eventually(named, f"not ready because of {word}")

    async def sample(self, series: str) -> str:
        """The value of one series on /metrics as text; empty if it is absent."""
        return await asyncio.to_thread(self.sample_now, series)

    def sample_now(self, series: str) -> str:
        """Like `sample`, for use in a thread outside the collector's loop."""
        lines = request(f"{self.url}/metrics").text.splitlines()
        return next((line.rpartition(" ")[2] for line in lines if line.rpartition(" ")[0] == series), "")

    async def reaches(self, series: str, check: Callable[[float], bool], timeout_s: float = 20.0) -> None:
        """Wait until a series on /metrics has a value that satisfies a condition."""

        def reached() -> bool:
            lines = request(f"{self.url}/metrics").text.splitlines()
            values = [float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == series]
            return any(map(check, values))

        await eventually(reached, f"{series} as it should be", timeout_s=timeout_s)


@asynccontextmanager
async def running(config: CollectorConfig) -> AsyncIterator[Running]:
    """A collector that listens inside the block and is cleanly stopped at its end."""
    collector = Collector(config)
    urls: list[str] = []
    task = asyncio.create_task(collector.run(urls.append), name="collector-under-test")
    try:
        await until(lambda: bool(urls) or task.done(), "listening")
        if task.done():
            await task
        yield Running(collector, urls[0])
    finally:
        collector.stop()
        async with asyncio.timeout(STOP_WITHIN_S):
            await task


@asynccontextmanager
async def killable(config: CollectorConfig, folder: Path) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """The collector as a process that has subscribed. Yields a function that kills it with SIGKILL."""
    file = folder / "collector.yaml"
    data = config.model_dump(mode="json", exclude_unset=True) | {"listen": f"127.0.0.1:{free_port()}"}
    if isinstance(config.store.token, SecretStr):
        data["store"]["token"] = config.store.token.get_secret_value()
    file.write_text(json.dumps(data), encoding="utf-8")  # JSON is YAML
    command = (sys.executable, "-m", "collector", "run", str(file))
    process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stderr=asyncio.subprocess.DEVNULL)

    async def kill() -> None:
        if process.returncode is None:
            process.kill()
            await process.wait()

    try:
        await eventually(lambda: answers(f"http://{data['listen']}/readyz"), "ready", timeout_s=60)
        yield kill
    finally:
        await kill()


@contextmanager
def ledger_locked(path: Path) -> Iterator[None]:
    """Another process holds the ledger's write lock for a long time."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
    finally:
        db.close()


async def until(check: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait, without blocking the loop, until a condition on an object of this loop is true."""
    patience = Patience(timeout_s)
    while not check():
        assert not patience.is_over, f"not within {timeout_s:g} s: {what}"
        await asyncio.sleep(0.01)


def topic_of(document: Batch | Event | DeviceDocument | Status, site: str = "cas1") -> str:
    """The topic on which an agent of a site publishes a document."""
    match document:
        case Status():
            return build_topic(Topic(site, document.agent, "status"))
        case Batch():
            return build_topic(Topic(site, document.agent, "batch", document.device))
        case Event():
            return build_topic(Topic(site, document.agent, "event", document.device))
        case DeviceDocument():
            return build_topic(Topic(site, document.agent, "device", document.device))


@asynccontextmanager
async def publisher(
    port: int, *, username: str | None = None, password: str | None = None
) -> AsyncIterator[aiomqtt.Client]:
    """An MQTT 5 client to publish with."""
    version = aiomqtt.ProtocolVersion.V5
    async with aiomqtt.Client(
        "127.0.0.1", port, protocol=version, timeout=60, username=username, password=password
    ) as client:
        yield client


async def publish(client: aiomqtt.Client, *documents: Batch | Event | DeviceDocument | Status) -> None:
    """Publish as an agent of site cas1: QoS 1, identity and status retained."""
    await publish_to("cas1", client, *documents)


async def publish_to(site: str, client: aiomqtt.Client, *documents: Batch | Event | DeviceDocument | Status) -> None:
    """Publish as an agent of a site."""
    for document in documents:
        retain = isinstance(document, DeviceDocument | Status)
        await client.publish(topic_of(document, site), encode(document), qos=1, retain=retain)
