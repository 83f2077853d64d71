"""The retained `stored` documents, by which a collector reports to agents which messages are durable: over a real broker."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import aiomqtt

from collector.forget import Target, forget
from collector.ledger import (
    EpochKey,
    Range,
)
from collector.run import Collector
from rackflow import Stored, decode
from rackflow.process.broker import Broker
from tests.collector.documents import batch, status
from tests.collector.running import config_for, publish, publisher, running, until
from tests.servers.mosquitto import Mosquitto

KEY = EpochKey("cas1", "gw-3", "01JD5Z")
TOPIC = "rackflow/v1/cas1/gw-3/stored/collector-under-test"
WITHIN_S = 20.0


class ReceivedReports:
    """What an agent gets of the `stored` topics."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.retained: list[bool] = []
        self.topics: set[str] = set()

    @property
    def last(self) -> Stored | None:
        """The last document; None if there is none, or it was taken back."""
        return decode(self.payloads[-1], Stored) if self.payloads and self.payloads[-1] else None

    async def until_durable(self, durable: dict[str, list[Range]]) -> Stored:
        """Wait until the latest one says that exactly this is durable."""
        await until(lambda: self.last is not None and self.last.durable == durable, f"durable: {durable}", WITHIN_S)
        assert self.last is not None
        return self.last


def has_received(collector: Collector, messages: int) -> bool:
    return collector.stats().messages_received == messages


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[ReceivedReports]:
    reports = ReceivedReports()
    async with publisher(port) as client:
        await client.subscribe("rackflow/v1/cas1/gw-3/stored/+", qos=1)

        async def listen() -> None:
            # The test restarts brokers.
            with contextlib.suppress(aiomqtt.MqttError):
                async for message in client.messages:
                    reports.topics.add(message.topic.value)
                    reports.payloads.append(bytes(message.payload))
                    reports.retained.append(message.retain)

        task = asyncio.create_task(listen(), name="reports")
        yield reports
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_collector_says_which_numbers_are_durable_and_which_gap_there_is(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with (
        running(config_for(mosquitto.port, tmp_path)) as one,
        publisher(mosquitto.port) as client,
        listening(mosquitto.port) as reports,
    ):
        await one.ready()
        await publish(client, *(batch(seq=seq) for seq in (1, 2, 3, 7)))
        report = await reports.until_durable({"01JD5Z": [(1, 3), (7, 7)]})
        assert (report.agent, report.collector) == ("gw-3", "collector-under-test")
        await publish(client, *(batch(seq=seq) for seq in (4, 5, 6)))
        await reports.until_durable({"01JD5Z": [(1, 7)]})
        said = len(reports.payloads)
        # A message that comes again changes nothing, and nothing is published.
        await publish(client, batch(seq=3), batch(seq=3))
        await one.reaches(
            'dcim_collector_ledger_duplicate_messages{agent="gw-3",site="cas1"}', lambda count: count == 2
        )
        await publish(client, batch(seq=8))
        await reports.until_durable({"01JD5Z": [(1, 8)]})
        assert len(reports.payloads) == said + 1
    async with listening(mosquitto.port) as reports:
        await reports.until_durable({"01JD5Z": [(1, 8)]})
        assert reports.retained == [True]


async def test_a_message_that_breaks_the_contract_is_durable_as_a_dead_letter(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Otherwise its agent would send it for ever."""
    async with (
        running(config_for(mosquitto.port, tmp_path)) as one,
        publisher(mosquitto.port) as client,
        listening(mosquitto.port) as reports,
    ):
        await one.ready()
        await publish(client, batch(seq=1))
        bad = json.dumps({"schema": 1, "agent": "gw-3", "epoch": "01JD5Z", "seq": 2, "device": 5}).encode()
        await client.publish("rackflow/v1/cas1/gw-3/batch/cdu-07", bad, qos=1)
        # Too large: what is kept of it has the number.
        large = b'{"schema":1,"agent":"gw-3","epoch":"01JD5Z","seq":3,"text":"' + b"x" * 600_000 + b'"}'
        await client.publish("rackflow/v1/cas1/gw-3/batch/cdu-07", large, qos=1)
        await reports.until_durable({"01JD5Z": [(1, 3)]})


async def test_a_watcher_that_stores_nothing_calls_nothing_durable(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Its agent would delete what the storing collector has not got yet."""
    watching = config_for(mosquitto.port, tmp_path / "watcher", client_id="watcher", role="watch")
    async with (
        running(watching) as watcher,
        running(config_for(mosquitto.port, tmp_path)) as one,
        publisher(mosquitto.port) as client,
        listening(mosquitto.port) as reports,
    ):
        await watcher.ready()
        await one.ready()
        # Each report of the other takes a cycle, in which the watcher would have told as much.
        for seq in (1, 2, 3):
            await publish(client, batch(seq=seq))
            await until(partial(has_received, watcher.collector, seq), "the watcher has it")
            await reports.until_durable({"01JD5Z": [(1, seq)]})
        assert reports.topics == {TOPIC}


async def test_after_the_loss_of_its_disk_a_collector_says_less_under_another_ledgers_name(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with publisher(mosquitto.port) as client, listening(mosquitto.port) as reports:
        async with running(config_for(mosquitto.port, tmp_path / "a")) as one:
            await one.ready()
            await publish(client, *(batch(seq=seq) for seq in (1, 2, 3)))
            before = await reports.until_durable({"01JD5Z": [(1, 3)]})
        async with running(config_for(mosquitto.port, tmp_path / "b")) as one:
            await one.ready()
            await publish(client, batch(seq=4))
            assert (await reports.until_durable({"01JD5Z": [(4, 4)]})).ledger != before.ledger


async def test_stored_reports_are_published_again_to_a_broker_that_lost_everything(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """And the report to an agent that was retired is withdrawn."""
    async with running(config_for(mosquitto.port, tmp_path)) as one:
        async with publisher(mosquitto.port) as client, listening(mosquitto.port) as reports:
            await one.ready()
            await publish(client, status(), batch(seq=1))
            await reports.until_durable({"01JD5Z": [(1, 1)]})
        mosquitto.restart()  # it keeps nothing
        async with listening(mosquitto.port) as reports:
            await reports.until_durable({"01JD5Z": [(1, 1)]})
            target = Target.parse("cas1/gw-3")
            await forget(Broker(port=mosquitto.port), target, is_collectors=False, force=True)
            await until(lambda: reports.payloads[-1] == b"", "taken back", WITHIN_S)
    async with listening(mosquitto.port) as reports, publisher(mosquitto.port) as client:
        await client.publish(TOPIC, b"end", qos=1)
        await until(lambda: reports.payloads == [b"end"], "nothing is retained", WITHIN_S)


async def test_what_a_collector_said_that_is_gone_is_cleared_with_its_agent(
    mosquitto: Mosquitto,
) -> None:
    async with publisher(mosquitto.port) as client, listening(mosquitto.port) as reports:
        await client.publish(TOPIC, b"old", qos=1, retain=True)
        await forget(Broker(port=mosquitto.port), Target.parse("cas1/gw-3"), is_collectors=False)
        await until(lambda: reports.payloads == [b"old", b""], "cleared", WITHIN_S)


async def test_a_broker_that_refuses_the_stored_report_loses_no_messages(tmp_path: Path) -> None:
    """As after an upgrade, with an access list from before."""
    (tmp_path / "acl").write_text("topic read rackflow/v1/#\npattern write rackflow/v1/+/+/batch/+\n", encoding="utf-8")
    broker = Mosquitto(tmp_path / "mosquitto", extra=[f"acl_file {tmp_path / 'acl'}"])
    with broker.serving():
        async with running(config_for(broker.port, tmp_path)) as one, publisher(broker.port) as client:
            await one.ready()
            await publish(client, batch(seq=1))
            await one.reaches("dcim_collector_stored_documents_refused_total", lambda count: count >= 1)
            await publish(client, batch(seq=2))
            await one.reaches(
                'dcim_collector_ledger_stored_messages{agent="gw-3",site="cas1"}', lambda count: count == 2
            )
