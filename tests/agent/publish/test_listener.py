"""What an agent does with the words of collectors, told in memory: the outbox as it is, and no broker."""

import asyncio
import contextlib
import logging
import time

import pytest

from agent.publish.report_reader import FIRST_REPORTS_S, LOG_EVERY_S, TRY_AGAIN_S, StoredReportReader
from agent.self_metrics import Counters
from rackflow.documents import Stored, encode
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from rackflow.process.mqtt5.client import Callbacks, MqttClient
from rackflow.process.mqtt5.packets import Received, publish_packet
from rackflow.topics import DOCTOR_DEVICE
from tests.servers.refusing_broker import RefusingBroker
from tests.thread_clock import turn_clock

TOPIC = "rackflow/v1/t1/gw-1/stored/c"


def with_messages(count: int) -> MemoryOutbox:
    """An outbox of which the broker has confirmed so many messages."""
    outbox = MemoryOutbox("E1", 10_000_000)
    outbox.stored(Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={}))
    for _ in range(count):
        outbox.put("rackflow/v1/t1/gw-1/batch/d", lambda _: b"{}", now_ms=1)
    return outbox


async def confirmed(outbox: MemoryOutbox) -> None:
    for _ in range(outbox.stats().messages):
        outbox.confirmed((await outbox.take()).key)


def report(last: int, topic: str = TOPIC, *, retain: bool = False, agent: str = "gw-1") -> Received:
    """A collector says that it has stored the messages from 1 on."""
    durable = {"E1": [(1, last)]} if last else {}
    return Received(topic, encode(Stored(agent=agent, collector="c", ledger="l", time=1, durable=durable)), retain)


async def test_a_report_deletes_what_it_names_and_nothing_else() -> None:
    outbox, counters = with_messages(3), Counters()
    await confirmed(outbox)
    StoredReportReader("t1", "gw-1", outbox, counters).received(report(2))
    assert (outbox.stats().messages, outbox.stats().awaiting) == (1, 1)
    assert counters.stored_documents_invalid == 0


@pytest.mark.parametrize(
    "message",
    [
        report(3, agent="gw-2"),
        report(3, "rackflow/v1/t1/gw-1/stored/other"),
        report(3, ""),
        Received(TOPIC, b"{}", retain=False),
        Received(TOPIC, b"\xff", retain=True),
    ],
    ids=["of another agent", "of another collector", "no topic", "empty document", "no JSON"],
)
async def test_a_report_that_breaks_the_contract_deletes_nothing_and_is_counted(message: Received) -> None:
    outbox, counters = with_messages(3), Counters()
    await confirmed(outbox)
    listener = StoredReportReader("t1", "gw-1", outbox, counters)
    for _ in range(2):
        listener.received(message)
    assert outbox.stats().messages == 3
    assert counters.stored_documents_invalid == 2


async def test_words_that_break_the_contract_each_second_are_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert LOG_EVERY_S == 60.0
    listener = StoredReportReader("t1", "gw-1", with_messages(0), Counters())
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            listener.received(Received(TOPIC, b"{}", retain=False))
    assert len([each for each in caplog.records if "is not used" in each.message]) == 1


async def test_an_empty_report_withdraws_what_the_collector_reported() -> None:
    """It reads this agent's messages no more, so nothing waits for it."""
    outbox = with_messages(1)
    assert outbox.stats().reports_required
    StoredReportReader("t1", "gw-1", outbox, Counters()).received(Received(TOPIC, b"", retain=False))
    assert not outbox.stats().reports_required


async def test_a_stop_waits_for_a_collector_that_has_just_reported_and_for_no_other() -> None:
    outbox = with_messages(2)
    await confirmed(outbox)
    silent = StoredReportReader("t1", "gw-1", outbox, Counters())
    # What it said before is no sign of life.
    silent.received(report(0, retain=True))
    async with asyncio.timeout(10):
        await silent.wait_until_stored(60)
    assert outbox.stats().awaiting == 2

    speaking = StoredReportReader("t1", "gw-1", outbox, Counters())
    speaking.received(report(0))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await speaking.wait_until_stored(60)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        waiting = group.create_task(speaking.wait_until_stored(60), name="wait")
        await asyncio.sleep(0)
        speaking.received(report(2))
    assert waiting.done()
    assert outbox.stats().awaiting == 0


async def test_a_stop_waits_no_longer_than_its_limit_although_the_collector_reports() -> None:
    outbox = with_messages(1)
    await confirmed(outbox)
    listener = StoredReportReader("t1", "gw-1", outbox, Counters())
    listener.received(report(0))
    async with asyncio.timeout(10):
        await listener.wait_until_stored(0.05)
    assert outbox.stats().awaiting == 1


async def waits(listener: StoredReportReader) -> bool:
    """Whether the first message would wait for the words of collectors."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            await listener.wait_for_first_reports()
            return False
    return True


async def test_the_first_messages_wait_for_reports_only_if_they_may_be_stored_already() -> None:
    """A collector spoke to an earlier life, and there is something of it in the outbox."""
    assert FIRST_REPORTS_S == 3.0
    spoken_to = StoredReportReader("t1", "gw-1", with_messages(1), Counters())
    assert await waits(spoken_to)
    assert not await waits(StoredReportReader("t1", "gw-1", with_messages(0), Counters()))
    unheard = MemoryOutbox("E1", 10_000_000)
    unheard.put("rackflow/v1/t1/gw-1/batch/d", lambda _: b"{}", now_ms=1)
    assert not await waits(StoredReportReader("t1", "gw-1", unheard, Counters()))


async def test_only_the_first_connection_waits_for_reports() -> None:
    """A broker that restarts without its retained documents must not hold up live readings at each connection."""
    reader = StoredReportReader("t1", "gw-1", with_messages(1), Counters())
    async with RefusingBroker(accepts_subscribers=True).serving() as server:
        async with MqttClient(Broker(port=server.port), "gw-1@t1", Callbacks()) as client:
            await reader.listen(client)
            assert not await waits(reader)
        server.accepts_subscribers = False  # it leaves the subscription unanswered
        async with (
            MqttClient(Broker(port=server.port), "gw-1@t1", Callbacks()) as client,
            asyncio.TaskGroup() as group,
        ):
            listening = group.create_task(reader.listen(client), name="listen")
            await asyncio.sleep(0)
            assert not await waits(reader)
            listening.cancel()


async def test_doctor_that_tries_whether_reports_can_be_read_withdraws_nothing_and_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outbox = with_messages(1)
    reader = StoredReportReader("t1", "gw-1", outbox, Counters())
    with caplog.at_level(logging.INFO):
        reader.received(Received(f"rackflow/v1/t1/gw-1/stored/{DOCTOR_DEVICE}", b"", retain=False))
    assert caplog.messages == []
    assert outbox.stats().reports_required


async def test_a_stop_does_not_wait_for_a_collector_whose_last_report_is_only_a_retained_one() -> None:
    outbox = with_messages(3)
    await confirmed(outbox)
    listener = StoredReportReader("t1", "gw-1", outbox, Counters())
    listener.received(report(1, retain=True))
    async with asyncio.timeout(3):  # five seconds after the report of a collector that still reports
        await listener.wait_until_stored(30.0)
    assert outbox.stats().awaiting == 2


async def test_the_reader_waits_for_retained_reports_that_the_broker_sends_late() -> None:
    """Otherwise an agent that starts would send again what is stored."""
    outbox = with_messages(3)
    await confirmed(outbox)
    reader = StoredReportReader("t1", "gw-1", outbox, Counters())
    retained = publish_packet(7, TOPIC, report(2).payload, retain=True)
    async with (
        RefusingBroker(accepts_subscribers=True, retained=retained).serving() as server,
        MqttClient(Broker(port=server.port), "gw-1@t1", Callbacks(received=reader.received)) as client,
    ):
        await reader.listen(client)
        assert outbox.stats().messages == 1
        assert server.subscriptions == 2


async def begins_with_a_subscription(reader: StoredReportReader, server: RefusingBroker) -> bool:
    """Whether the next connection does. The broker takes packets in order."""
    before, confirmed = server.subscriptions, asyncio.Event()
    callbacks = Callbacks(confirmed=lambda *_: confirmed.set())
    async with (
        MqttClient(Broker(port=server.port), "gw-1@t1", callbacks) as client,
        asyncio.TaskGroup() as group,
    ):
        listening = group.create_task(reader.listen(client), name="listen")
        await asyncio.sleep(0)
        client.publish("t", b"", retain=False)
        waiting = [group.create_task(confirmed.wait()), group.create_task(client.lost())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in (listening, *waiting):
            task.cancel()
    reader.disconnected()
    return server.subscriptions > before


async def test_only_connections_that_ended_in_succession_count_against_a_subscription() -> None:
    """The third one ends again, and the fourth still subscribes; the fifth begins without."""
    reader = StoredReportReader("t1", "gw-1", with_messages(0), Counters())
    subscriptions = []
    async with RefusingBroker(accepts_subscribers=True).serving() as server:
        for server.ends_subscribers in (True, False, True, True):
            before = server.subscriptions
            async with MqttClient(Broker(port=server.port), "gw-1@t1", Callbacks()) as client:
                # Well within the minute after which a subscription that was left out is tried.
                async with asyncio.timeout(TRY_AGAIN_S[0] / 2):
                    await reader.listen(client)
            reader.disconnected()
            subscriptions.append(server.subscriptions - before)
        assert subscriptions == [1, 2, 1, 1]
        assert not await begins_with_a_subscription(reader, server)


async def test_a_subscription_that_was_left_out_is_tried_after_a_time_that_doubles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The account may have been allowed to read meanwhile. But at a broker that ends connections, each try costs one."""
    assert TRY_AGAIN_S == (60.0, 3600.0)
    reader = StoredReportReader("t1", "gw-1", with_messages(0), Counters())
    passed_s, real, began = 0.0, time.monotonic, list[bool]()
    turn_clock(monkeypatch, lambda: real() + passed_s)
    async with RefusingBroker(ends_subscribers=True).serving() as server:
        for pause_s in (0, 0, 50, 10, 0, 110, 10, 0, 230):
            passed_s += pause_s
            began.append(await begins_with_a_subscription(reader, server))
    assert began == [True, True, False, True, False, False, True, False, False]


async def test_reports_that_may_not_be_read_any_more_are_logged_once_until_they_may_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader = StoredReportReader("t1", "gw-1", with_messages(0), Counters())
    logged = []
    async with RefusingBroker(accepts_subscribers=True).serving() as server:
        for server.refuses_subscribers in (False, True, True, False, True):
            caplog.clear()
            assert await begins_with_a_subscription(reader, server)
            logged.append(sum("allow this account to read it" in each for each in caplog.messages))
    assert logged == [0, 1, 0, 0, 1]
