"""What an agent does with the words of collectors, over a real broker."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import pytest

from agent.publish import publisher, report_reader
from agent.publish.publisher import Publisher
from agent.self_metrics import Counters
from rackflow.documents import Account, DeviceDocument, Numbers, Status, Stored, encode
from rackflow.outbox import DiskOutbox, Limits
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from rackflow.process.mqtt5.packets import publish_packet
from tests.agent.publish.test_publish import STATUS, TOPIC, batch, broker_at
from tests.agent.running import Listener, listening
from tests.servers.mosquitto import Mosquitto
from tests.servers.refusing_broker import RefusingBroker
from tests.servers.waiting import eventually

STORED = "rackflow/v1/t1/gw-1/stored/c"
AnyOutbox = DiskOutbox | MemoryOutbox


class Sender:
    """A publisher with an outbox."""

    def __init__(self, broker: Broker, outbox: AnyOutbox, status: Status = STATUS) -> None:
        self.outbox = outbox
        self.counters = Counters()
        self.publisher = Publisher(broker, status, outbox, self.counters)

    def put(self, count: int) -> None:
        for _ in range(count):
            self.outbox.put(TOPIC, lambda seq: encode(batch(seq, "")), now_ms=1)


@contextlib.asynccontextmanager
async def sending(broker: Broker, outbox: AnyOutbox) -> AsyncIterator[Sender]:
    sender = Sender(broker, outbox)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sender.publisher.run(), name="publisher")
        try:
            yield sender
        finally:
            task.cancel()


@contextlib.asynccontextmanager
async def on_disk(path: Path, epoch: str) -> AsyncIterator[DiskOutbox]:
    outbox = DiskOutbox(path, epoch, Limits(10_000_000, 3600), 100_000)
    await outbox.open()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(outbox.run(), name="outbox")
        try:
            yield outbox
        finally:
            task.cancel()
    await outbox.close()


@contextlib.asynccontextmanager
async def collector(server: Mosquitto) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client("127.0.0.1", server.port, protocol=aiomqtt.ProtocolVersion.V5, timeout=60) as client:
        yield client


def report(*intervals: tuple[int, int], epoch: str = "E1", agent: str = "gw-1", name: str = "c") -> bytes:
    return encode(Stored(agent=agent, collector=name, ledger="l", time=1, durable={epoch: list(intervals)}))


def seqs(listener: Listener) -> list[int]:
    return [each.seq for each in listener.batches()]


def accounts(listener: Listener) -> list[Account]:
    return [each.account for each in listener.statuses() if each.account is not None]


async def test_a_message_stays_until_a_collector_has_stored_it_also_over_a_restart_of_the_broker(
    mosquitto: Mosquitto,
) -> None:
    async with listening(mosquitto), collector(mosquitto) as client:
        await client.publish(STORED, report(), qos=1, retain=True)
        async with sending(broker_at(mosquitto), MemoryOutbox("E1", 10_000_000)) as sender:
            await eventually(lambda: sender.outbox.stats().reports_required, "the report has arrived")
            sender.put(3)
            await eventually(lambda: sender.outbox.stats().awaiting == 3, "the broker has all of them")
            await client.publish(STORED, report((1, 1), (3, 3)), qos=1, retain=True)
            await eventually(lambda: sender.outbox.stats().messages == 1, "two are deleted")
            assert sender.outbox.stats().account.undelivered == [Numbers(epoch="E1", first=2, last=2)]
            mosquitto.restart()  # it keeps nothing
            async with collector(mosquitto) as again:
                await eventually(lambda: sender.counters.reconnects == 1, "connected again")
                await again.publish(STORED, report((1, 3)), qos=1, retain=True)
                await eventually(lambda: sender.outbox.stats().messages == 0, "all are deleted")


async def test_an_agent_that_starts_sends_only_what_no_collector_has_stored(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with listening(mosquitto) as listener, collector(mosquitto) as client:
        async with on_disk(tmp_path / "outbox.db", "E1") as outbox, sending(broker_at(mosquitto), outbox) as sender:
            await client.publish(STORED, report(), qos=1, retain=True)
            await eventually(lambda: outbox.stats().reports_required, "the report has arrived")
            sender.put(5)
            await eventually(lambda: outbox.stats().awaiting == 5, "the broker has all of them")
        # The collector stores while the agent is away.
        await client.publish(STORED, report((1, 3)), qos=1, retain=True)
        async with on_disk(tmp_path / "outbox.db", "E2") as outbox, sending(broker_at(mosquitto), outbox):
            await eventually(lambda: outbox.stats().awaiting == 2, "the rest is with the broker again")
        await eventually(lambda: len(seqs(listener)) == 7, "all have come")
        assert seqs(listener) == [1, 2, 3, 4, 5, 4, 5]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (STORED, b"{"),
        (STORED, report((2, 1))),
        (STORED, report((1, 9), agent="gw-2")),
        (STORED, report((1, 9), name="d")),
        (STORED, b'{"schema":2}'),
    ],
)
async def test_a_report_that_breaks_the_contract_deletes_nothing_and_is_counted(
    mosquitto: Mosquitto, topic: str, payload: bytes
) -> None:
    async with (
        listening(mosquitto),
        collector(mosquitto) as client,
        sending(broker_at(mosquitto), MemoryOutbox("E1", 10_000_000)) as sender,
    ):
        await client.publish(STORED, report(), qos=1, retain=True)
        await eventually(lambda: sender.outbox.stats().reports_required, "the report has arrived")
        sender.put(2)
        await eventually(lambda: sender.outbox.stats().awaiting == 2, "the broker has both")
        for _ in range(2):
            await client.publish(topic, payload, qos=1)
        await eventually(lambda: sender.counters.stored_documents_invalid == 2, "it is counted")
        assert sender.outbox.stats().awaiting == 2


async def test_a_withdrawn_report_leaves_messages_to_the_broker(mosquitto: Mosquitto) -> None:
    async with (
        listening(mosquitto),
        collector(mosquitto) as client,
        sending(broker_at(mosquitto), MemoryOutbox("E1", 10_000_000)) as sender,
    ):
        await client.publish(STORED, report(), qos=1, retain=True)
        await eventually(lambda: sender.outbox.stats().reports_required, "the report has arrived")
        await client.publish(STORED, b"", qos=1, retain=True)
        await eventually(lambda: not sender.outbox.stats().reports_required, "it is taken back")
        sender.put(2)
        await eventually(lambda: sender.outbox.stats().size_bytes == 0, "deleted when the broker had them")


async def test_an_agent_that_may_not_read_the_reports_works_as_without_a_collector(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As with an access list from before."""
    (tmp_path / "acl").write_text("pattern write rackflow/v1/t1/gw-1/#\n", encoding="utf-8")
    broker = Mosquitto(tmp_path / "mosquitto", extra=[f"acl_file {tmp_path / 'acl'}"])
    with broker.serving():
        async with sending(broker_at(broker), MemoryOutbox("E1", 10_000_000)) as sender:
            await eventually(lambda: sender.counters.connected or sender.publisher.fault is None, "connected")
            sender.put(1)
            # Nobody subscribes, so the message is kept; the connection is not disturbed.
            await eventually(lambda: sender.outbox.stats().held == 1, "held")
            assert sender.counters.reconnects == 0
            assert not sender.outbox.stats().reports_required
    assert "stored document is not used" not in caplog.text


async def test_an_agent_does_not_subscribe_at_a_broker_that_ends_such_connections() -> None:
    """Some answer so to a subscription that the account may not make."""
    async with (
        RefusingBroker(ends_subscribers=True).serving() as server,
        sending(Broker(port=server.port, timeout_s=2), MemoryOutbox("E1", 10_000_000)) as sender,
    ):
        sender.put(3)
        await eventually(lambda: [topic for topic, _ in server.accepted].count(TOPIC) == 3, "all are accepted")
        assert (server.subscriptions, server.connections) == (2, 3)


async def test_an_agent_subscribes_on_a_connection_that_began_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network broke two connections at the wrong moment. The third one lasts, and reports must come over it."""
    monkeypatch.setattr(report_reader, "TRY_AGAIN_S", (3.0, 3.0))
    async with (
        RefusingBroker(ends_subscribers=True, accepts_subscribers=True).serving() as server,
        sending(Broker(port=server.port, timeout_s=2), MemoryOutbox("E1", 10_000_000)) as sender,
    ):
        await eventually(lambda: server.subscriptions >= 2, "both are broken")
        server.ends_subscribers = False
        sender.put(1)
        await eventually(lambda: TOPIC in [topic for topic, _ in server.accepted], "messages are taken")
        await eventually(lambda: server.subscriptions == 4, "subscribed, and asked once more for what is retained")
        assert server.connections == 3


async def test_another_broker_is_asked_at_once_although_the_former_one_ended_such_connections() -> None:
    async with (
        RefusingBroker(ends_subscribers=True).serving() as former,
        RefusingBroker(accepts_subscribers=True).serving() as other,
        sending(Broker(port=former.port, timeout_s=2), MemoryOutbox("E1", 10_000_000)) as sender,
    ):
        sender.put(1)
        await eventually(lambda: TOPIC in [topic for topic, _ in former.accepted], "without a subscription")
        sender.publisher.set_broker(Broker(port=other.port, timeout_s=2))
        await eventually(lambda: other.subscriptions == 2, "subscribed")
        assert other.connections == 1


async def test_a_refused_subscription_is_tried_again_until_the_broker_accepts_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody has corrected its access rules, as the agent's log asked for."""
    monkeypatch.setattr(report_reader, "TRY_AGAIN_S", (0.05, 0.1))
    stored = Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={})
    async with (
        RefusingBroker(accepts_subscribers=True, refuses_subscribers=True).serving() as server,
        sending(Broker(port=server.port, timeout_s=2), MemoryOutbox("E1", 10_000_000)) as sender,
    ):
        await eventually(lambda: server.subscriptions >= 3, "tried again")
        server.retained = publish_packet(1, STORED, encode(stored), retain=True)
        server.subscriptions, server.refuses_subscribers = 0, False
        await eventually(lambda: sender.outbox.stats().reports_required, "a report has come")
        assert server.connections == 1
    assert sum("the broker refuses topic" in each.message for each in caplog.records) == 1


async def test_a_stop_waits_for_the_report_of_a_collector_that_sends_reports(mosquitto: Mosquitto) -> None:
    async with (
        listening(mosquitto),
        collector(mosquitto) as client,
        sending(broker_at(mosquitto), MemoryOutbox("E1", 10_000_000)) as sender,
    ):
        await eventually(lambda: sender.counters.connected, "connected")
        await client.publish(STORED, report(), qos=1)
        await eventually(lambda: sender.outbox.stats().reports_required, "the report has arrived")
        sender.put(2)
        stopping = asyncio.create_task(sender.publisher.flush(60), name="flush")
        await eventually(lambda: sender.outbox.stats().awaiting == 2, "the broker has both")
        assert not stopping.done()
        await client.publish(STORED, report((1, 2)), qos=1)
        await stopping
        assert sender.outbox.stats().messages == 0


async def test_a_stop_does_not_wait_for_a_collector_that_is_silent(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it said before is retained, and no sign of life."""
    async with listening(mosquitto), collector(mosquitto) as client:
        await client.publish(STORED, report(), qos=1, retain=True)
        async with sending(broker_at(mosquitto), MemoryOutbox("E1", 10_000_000)) as sender:
            await eventually(lambda: sender.outbox.stats().reports_required, "the report has arrived")
            sender.put(2)
            await eventually(lambda: sender.outbox.stats().awaiting == 2, "the broker has both")
            monkeypatch.setattr(publisher, "REPORT_WAIT_S", 300.0)  # what it waits for one that speaks
            async with asyncio.timeout(30):
                await sender.publisher.flush(60)
            assert sender.outbox.stats().awaiting == 2


async def test_a_status_is_not_sent_each_time_that_a_message_is_stored(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as listener, collector(mosquitto) as client:
        await client.publish(STORED, report(), qos=1, retain=True)
        async with sending(broker_at(mosquitto), MemoryOutbox("E1", 10_000_000)) as sender:
            await eventually(lambda: sender.outbox.stats().reports_required, "the report has arrived")
            sender.put(4)
            await eventually(lambda: sender.outbox.stats().awaiting == 4, "the broker has them")
            sender.publisher.set_account(sender.outbox.stats().account)
            await client.publish(STORED, report((1, 2)), qos=1, retain=True)
            await eventually(lambda: sender.outbox.stats().messages == 2, "two are stored")
            sender.publisher.set_account(sender.outbox.stats().account)
            # Whatever was to be sent is, before this.
            sender.publisher.set_device_document(DeviceDocument(agent="gw-1", device="d", device_class="ups", time=1))
            await eventually(lambda: listener.documents("d"), "the document is heard")
            sender.outbox.done(3, "refused")
            sender.publisher.set_account(sender.outbox.stats().account)
            await eventually(lambda: any(each.dropped for each in accounts(listener)), "a loss is told at once")
        told = accounts(listener)
        assert [[numbers.first for numbers in each.undelivered] for each in told] == [[], [1], [4]]
