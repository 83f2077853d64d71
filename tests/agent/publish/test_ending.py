"""What a stop waits for, when a status is told again, and what a change of broker ends: in memory, without a broker."""

import asyncio
import contextlib
import random
import time
from pathlib import Path

import msgspec
import pytest

from agent.publish.publisher import Publisher
from agent.self_metrics import Counters
from rackflow.documents import Status, Stored, decode, encode
from rackflow.errors import ConfigError
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from rackflow.process.mqtt5.packets import Received
from rackflow.process.stopping import stop_tasks
from rackflow.process.takeover import HANGUPS, SESSION_TAKEN_OVER
from tests.agent.publish.test_bounds import publisher_of, topic
from tests.agent.publish.test_connection import connection
from tests.agent.publish.test_publish import STATUS
from tests.servers.ports import free_port
from tests.servers.scripted_broker import ScriptedBroker
from tests.servers.waiting import PATIENCE_S, eventually
from tests.thread_clock import turn_clock


async def published(publisher: Publisher) -> list[Status]:
    """The statuses that a connection would send now."""
    retained = publisher._retained  # noqa: SLF001 - as a connection
    return [decode((await retained.take())[1], Status) for _ in range(len(retained))]


async def connected(outbox: MemoryOutbox) -> Publisher:
    """A publisher that is connected, and has sent its status."""
    publisher, _ = publisher_of(outbox)
    publisher.fault = None
    await published(publisher)
    return publisher


def put(outbox: MemoryOutbox, count: int = 1) -> None:
    for _ in range(count):
        outbox.put(topic(0), lambda _: b"{}", now_ms=1)


async def stop_waits(publisher: Publisher) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await publisher.flush(60)
            return False
    return True


async def test_a_stop_waits_for_messages_and_documents_that_can_still_be_delivered() -> None:
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher = await connected(outbox)
    assert not await stop_waits(publisher)
    put(outbox)
    assert await stop_waits(publisher), "for a message"
    outbox.confirmed((await outbox.take()).key)
    assert not await stop_waits(publisher)
    publisher.remove_device("d")
    assert await stop_waits(publisher), "for a document: otherwise a device that was removed stays retained"


async def test_a_stop_does_not_wait_for_what_cannot_be_delivered() -> None:
    """The connection is lost, another process publishes under the name, or the topic is refused; and what the broker has is delivered."""
    outbox = MemoryOutbox("E1", 1 << 20)
    put(outbox)
    lost = await connected(outbox)
    lost.fault = "connection lost"
    assert not await stop_waits(lost)
    replaced = await connected(outbox)
    replaced.replaced()
    assert not await stop_waits(replaced)
    refused = await connected(outbox)
    assert await stop_waits(refused)
    outbox.hold((await outbox.take()).key)
    assert not await stop_waits(refused)
    outbox.stored(Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={}))
    put(outbox)
    outbox.confirmed((await outbox.take()).key)
    assert (outbox.stats().awaiting, outbox.stats().held) == (1, 1)
    assert not await stop_waits(refused), "a collector has reported, but long ago"


async def test_a_stop_says_how_many_messages_the_broker_does_not_have(caplog: pytest.LogCaptureFixture) -> None:
    """What the broker has and no collector has stored yet is on its way, and is not among them."""
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher = await connected(outbox)
    outbox.stored(Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={}))
    put(outbox)
    outbox.confirmed((await outbox.take()).key)
    await publisher.flush(60)
    assert caplog.messages == []
    put(outbox, 2)
    publisher.fault = "connection lost"
    await publisher.flush(60)
    assert caplog.messages == ["agent=gw-1 messages=2 not delivered when the agent stopped"]


async def test_a_stop_waits_for_the_report_on_what_the_broker_has_and_not_longer_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # However late this process is, only the limit of the stop ends it.
    monkeypatch.setattr("agent.publish.report_reader.RECENT_REPORT_S", 3600.0)
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher = await connected(outbox)
    report = Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={})

    def reports(document: Stored) -> None:
        message = Received("rackflow/v1/t1/gw-1/stored/c", encode(document), retain=False)
        publisher._report_reader.received(message)  # noqa: SLF001 - as a broker

    reports(report)
    put(outbox)
    outbox.confirmed((await outbox.take()).key)
    assert outbox.stats().awaiting == 1
    assert await stop_waits(publisher)
    async with asyncio.timeout(PATIENCE_S):
        await publisher.flush(0.05)
    reports(msgspec.structs.replace(report, durable={"E1": [(1, 1)]}))
    assert not await stop_waits(publisher)


async def test_where_the_outbox_begins_is_told_once_a_minute_and_only_when_it_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [time.monotonic()]
    turn_clock(monkeypatch, lambda: now_s[0])
    outbox = MemoryOutbox("E1", 1 << 20)
    put(outbox, 3)
    keys = [(await outbox.take()).key for _ in range(3)]
    publisher, _ = publisher_of(outbox)

    async def told(after_s: float) -> list[tuple[int, int]]:
        now_s[0] += after_s
        publisher.set_account(outbox.stats().account)
        accounts = [status.account for status in await published(publisher)]
        return [(each.first, each.last) for account in accounts if account for each in account.undelivered]

    assert await told(0.0) == [(1, 3)], "at the start"
    outbox.confirmed(keys[0])
    assert await told(59.0) == []
    assert await told(1.0) == [(2, 3)]
    assert await told(600.0) == [], "it is the same"
    outbox.confirmed(keys[1])
    assert await told(0.0) == [(3, 3)], "the last one is long ago"


async def test_another_broker_ends_the_connection_and_the_pause_before_the_next_and_the_same_one_ends_nothing() -> None:
    publisher, _ = publisher_of(MemoryOutbox("E1", 1 << 20))
    client = publisher._client = connection()  # noqa: SLF001 - as a session
    publisher.set_broker(Broker())
    assert not client.ended.done(), "a reload that changes something else"
    publisher.set_broker(Broker(host="other"))
    assert client.ended.result() == "the configuration has changed"
    assert publisher._wake.is_set()  # noqa: SLF001 - what `run` waits for between two attempts


async def test_a_status_names_the_time_of_a_second_takeover_and_none_before() -> None:
    """The first may be `doctor`, which tried this account. An agent that ends the connection itself has not been taken over."""
    publisher, counters = publisher_of(MemoryOutbox("E1", 1 << 20))

    async def told() -> tuple[int, bool]:
        client = connection()
        client.ended_by = SESSION_TAKEN_OVER
        publisher._note_takeover(client)  # noqa: SLF001 - as a session
        publisher.set_status(STATUS)
        [status] = await published(publisher)
        return counters.takeovers, abs(status.taken_over - time.time() * 1000) < 60_000

    assert await told() == (1, False)
    assert await told() == (2, True)
    publisher.set_broker(Broker(host="other"))
    assert await told() == (2, True)


@pytest.mark.parametrize("is_dropped", [False, True], ids=["unreadable", "dropped"])
async def test_a_connection_that_ended_here_or_for_a_message_says_nothing_of_a_second_agent(
    *, is_dropped: bool
) -> None:
    publisher, counters = publisher_of(MemoryOutbox("E1", 1 << 20))
    for _ in range(2):
        client = connection()
        client.ended_by = SESSION_TAKEN_OVER
        if is_dropped:
            client.drop()
        else:
            client._wire.is_unreadable = True  # noqa: SLF001 - as after a packet that is none
        assert not publisher._note_takeover(client)  # noqa: SLF001 - as a session
    assert counters.takeovers == 0


async def test_an_open_connection_is_not_taken_over() -> None:
    publisher, counters = publisher_of(MemoryOutbox("E1", 1 << 20))
    async with ScriptedBroker().serving() as server, asyncio.timeout(15):
        client = connection(Broker(port=server.port, timeout_s=5))
        client.ended_by = SESSION_TAKEN_OVER
        async with client:
            assert not publisher._note_takeover(client)  # noqa: SLF001 - as a session
    assert counters.takeovers == 0


async def test_a_broker_that_stays_away_is_logged_once_for_each_cause(caplog: pytest.LogCaptureFixture) -> None:
    publisher, counters = publisher_of(MemoryOutbox("E1", 1 << 20))
    with caplog.at_level("INFO", "agent.publish.publisher"):
        for fault in ("refused", "refused", "silent", "silent", None, "silent"):
            publisher._set_fault(Broker(), fault)  # noqa: SLF001 - as each attempt of `run`
    told = [each.getMessage().partition("1883 ")[2].split(";")[0] for each in caplog.records]
    assert told == ["not connected: refused", "not connected: silent", "connected", "not connected: silent"]
    assert (counters.connected, counters.reconnects) == (False, 0)
    publisher._set_fault(Broker(), None)  # noqa: SLF001 - as the first confirmation on a connection
    assert (counters.connected, counters.reconnects) == (True, 1)


async def test_a_message_to_which_the_broker_answers_nonsense_is_held_at_the_first_break() -> None:
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, counters = publisher_of(outbox)
    put(outbox)
    message = await outbox.take()
    client = connection()
    client.send(message.topic, message.payload, message.key, retain=False)
    client._wire.is_unreadable = True  # noqa: SLF001 - as after a packet that is none
    refused = publisher._answers.refused_by_ending(client)  # noqa: SLF001 - as a session
    assert refused is not None
    publisher._on_refused(*refused)  # noqa: SLF001 - as a session
    assert sum(counters.topics_refused.values()) == 1
    assert outbox.stats().held == 1


@pytest.mark.parametrize(
    ("ended_by", "is_blamed"),
    [(0x10, True), (0x87, True), (0x97, True), (None, False), (0x8B, False), (0x80, False)],
    ids=["no subscribers", "not authorized", "quota", "hung up", "server shutting down", "unspecified error"],
)
async def test_the_end_of_a_connection_is_blamed_on_the_oldest_message_where_the_broker_says_so_or_it_happens_again(
    ended_by: int | None,
    is_blamed: bool,  # noqa: FBT001 - a case
) -> None:
    """Else a network that breaks once would hold the messages of a device that did nothing."""
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, _ = publisher_of(outbox)
    put(outbox)
    message = await outbox.take()
    found = []
    for _ in range(2):
        client = connection()
        client.send(message.topic, message.payload, message.key, retain=False)
        client.ended_by = ended_by
        found.append(publisher._answers.refused_by_ending(client))  # noqa: SLF001 - as a session
    first, second = found
    assert (first is not None) == is_blamed
    assert second is not None
    assert second[0].topic == message.topic


async def test_a_reload_to_a_broker_whose_certificates_cannot_be_read_is_refused_and_changes_nothing(
    tmp_path: Path,
) -> None:
    publisher, _ = publisher_of(MemoryOutbox("E1", 1 << 20))
    client = publisher._client = connection()  # noqa: SLF001 - as a session
    bad = tmp_path / "ca.pem"
    bad.write_text("no certificate", encoding="utf-8")
    with pytest.raises(ConfigError, match="a certificate file cannot be used"):
        publisher.set_broker(Broker(host="other", tls=True, ca_file=bad))
    assert not client.ended.done()
    publisher.set_broker(Broker())
    assert not client.ended.done(), "the broker is the one before"


async def test_a_broker_that_restarts_again_and_again_is_no_second_agent() -> None:
    """Between two of its starts it refuses the connection, as another client of the same name would not."""
    publisher, counters = publisher_of(MemoryOutbox("E1", 1 << 20))
    async with ScriptedBroker().serving() as server:
        nobody = Broker(port=server.port, timeout_s=20)
    for _ in range(2 * HANGUPS):
        assert not publisher._note_takeover(connection())  # noqa: SLF001 - as a session
        assert "refused" in (await publisher._connect_once(nobody)).why  # noqa: SLF001 - one attempt of `run`
    assert counters.takeovers == 0
    assert [publisher._note_takeover(connection()) for _ in range(HANGUPS)][-1], "nothing is refused in between"  # noqa: SLF001 - as a session


@pytest.mark.parametrize("during", ["a pause", "an attempt"])
async def test_another_broker_is_tried_with_short_pauses_however_long_the_former_one_was_away(
    monkeypatch: pytest.MonkeyPatch, during: str
) -> None:
    """The sixth pause after a failure would be of up to 16 s, and the seventh of up to 30 s."""
    ceilings_s: list[float] = []

    def change() -> None:
        publisher.set_broker(Broker(port=free_port(), timeout_s=5, keepalive_s=21))

    def draw(_: float, high_s: float) -> float:
        ceilings_s.append(high_s)
        if len(ceilings_s) == 6 and during == "a pause":
            change()
        return 0.0

    async def attempt() -> None:
        if len(ceilings_s) == 5 and during == "an attempt":
            change()

    monkeypatch.setattr(random, "uniform", draw)
    broker = Broker(port=free_port(), timeout_s=5)
    publisher = Publisher(broker, STATUS, MemoryOutbox("E1", 1 << 20), Counters(), attempt)
    task = asyncio.create_task(publisher.run(), name="publisher")
    await eventually(lambda: len(ceilings_s) > 7, "attempts to connect")
    await stop_tasks(task, within_s=5)
    assert ceilings_s[:8] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 0.5, 1.0]
