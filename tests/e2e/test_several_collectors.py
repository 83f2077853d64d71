"""Whose word an agent waits for: the union behind a shared subscription, and both of two collectors with stores of their own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from agent.publish import Publisher
from agent.self_metrics import Counters
from collector.config import CollectorConfig
from rackflow import Status, encode
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from tests.agent.publish.test_publish import batch
from tests.collector.running import config_for, running
from tests.collector.store_contents import points
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import Listening
from tests.servers.waiting import eventually

STATUS = Status(agent="gw-1", site="t1", status="online", epoch="E1", devices=["d"])
TOPIC = "rackflow/v1/t1/gw-1/batch/d"
COUNT = 60


def collector_config(server: Mosquitto, folder: Path, name: str, *, shared: bool = False) -> CollectorConfig:
    return config_for(server.port, folder / name, client_id=name, shared=shared)


@contextlib.asynccontextmanager
async def agent(server: Listening, require: Sequence[str] = ()) -> AsyncIterator[MemoryOutbox]:
    outbox = MemoryOutbox("E1", 10_000_000, require=require)
    publisher = Publisher(Broker(port=server.port, timeout_s=2), STATUS, outbox, Counters())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(publisher.run(), name="publisher")
        try:
            yield outbox
        finally:
            task.cancel()


def put(outbox: MemoryOutbox, count: int) -> None:
    for _ in range(count):
        outbox.put(TOPIC, lambda seq: encode(batch(seq, "")), now_ms=1)


async def test_behind_a_shared_subscription_what_either_has_stored_is_deleted(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    configs = [collector_config(mosquitto, tmp_path, name, shared=True) for name in ("a", "b")]
    async with running(configs[0]) as one, running(configs[1]) as other, agent(mosquitto) as outbox:
        await one.ready()
        await other.ready()
        put(outbox, COUNT)
        await eventually(lambda: outbox.stats().reports_required, "a collector has reported")
        await eventually(lambda: outbox.stats().messages == 0, "all are stored")
        shares = [one.collector.stats().messages_received, other.collector.stats().messages_received]
        assert min(shares) > COUNT // 4
        assert outbox.stats().republished == 0


async def test_two_independent_collectors_must_both_have_stored_it(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with agent(mosquitto, require=["a", "b"]) as outbox:
        async with running(collector_config(mosquitto, tmp_path, "a")) as one:
            await one.ready()
            put(outbox, 3)
            await eventually(lambda: len(points(tmp_path / "a")) >= 3, "stored by the first")
            await eventually(lambda: outbox.stats().awaiting == 3, "the broker has them")
        assert outbox.stats().messages == 3
        # The second one was not there. What it lacks comes again once it has a later message.
        async with (
            running(collector_config(mosquitto, tmp_path, "b")) as other,
            running(collector_config(mosquitto, tmp_path, "a")) as one,
        ):
            await other.ready()
            await one.ready()
            put(outbox, 1)
            await eventually(lambda: outbox.stats().messages == 3, "the new one is stored by both")
