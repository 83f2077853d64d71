"""Why a connection could not be opened, and whether only a person can fix it: then it is tried every 10 to 30 s and no faster."""

import asyncio
import contextlib
import random
from pathlib import Path

import msgspec
import pytest

from agent.publish.connection import Sent
from agent.publish.pauses import SLOW_RETRY_S
from agent.publish.refusals import PACKET_TOO_LARGE
from rackflow.documents import Batch, Numbers, decode, encode
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from rackflow.process.takeover import SESSION_TAKEN_OVER
from tests.agent.publish.test_bounds import publisher_of
from tests.agent.publish.test_connection import connection
from tests.agent.publish.test_publish import STATUS, TOPIC, batch
from tests.servers.scripted_broker import ScriptedBroker
from tests.servers.waiting import eventually

BAD_PASSWORD, NOT_AUTHORIZED, UNAVAILABLE = (bytes([0x20, 3, 0, code, 0]) for code in (0x86, 0x87, 0x88))
NO_RETAINED = b"\x20\x05\x00\x00\x02\x25\x00"


@pytest.mark.parametrize(
    ("connack", "why", "needs_person"),
    [
        (BAD_PASSWORD, "check broker.username and broker.password", True),
        (NOT_AUTHORIZED, "check broker.username and broker.password", True),
        (NO_RETAINED, "the broker takes no retained messages", True),
        (UNAVAILABLE, "Server unavailable", False),
    ],
)
async def test_a_broker_that_refuses_the_connection_is_asked_again_soon_only_if_time_may_change_it(
    connack: bytes, why: str, *, needs_person: bool
) -> None:
    publisher, counters = publisher_of(MemoryOutbox("E1", 1 << 20))
    counters.connected = True
    async with ScriptedBroker(connack).serving() as server:
        end = await publisher._connect_once(Broker(port=server.port, timeout_s=20))  # noqa: SLF001 - one attempt of `run`
    assert why.lower() in end.why.lower()
    assert end.needs_person is needs_person
    assert not counters.connected


async def test_a_wrong_password_is_tried_again_after_the_long_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some brokers lock an account after a few wrong passwords."""
    pauses: list[tuple[float, float]] = []

    def at_once(low_s: float, high_s: float) -> float:
        pauses.append((low_s, high_s))
        return 0.0

    monkeypatch.setattr(random, "uniform", at_once)
    async with ScriptedBroker(BAD_PASSWORD).serving() as server:
        publisher, _ = publisher_of(MemoryOutbox("E1", 1 << 20), Broker(port=server.port, timeout_s=20))
        running = asyncio.create_task(publisher.run(), name="publish")
        await eventually(lambda: len(pauses) > 1, "the second attempt")
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert pauses[:2] == [SLOW_RETRY_S] * 2


async def test_an_agent_whose_name_another_one_uses_does_not_take_the_connection_back_at_once() -> None:
    """Otherwise the two end each other's connections several times a second, and neither delivers anything."""
    publisher, _ = publisher_of(MemoryOutbox("E1", 1 << 20))
    async with ScriptedBroker().serving() as server:
        attempt = asyncio.create_task(
            publisher._connect_once(Broker(port=server.port, timeout_s=20)),  # noqa: SLF001 - one attempt of `run`
            name="publish",
        )
        await eventually(lambda: b'"status":"online"' in server.heard, "the status")
        await server.say(bytes([0xE0, 2, SESSION_TAKEN_OVER, 0]))
        end = await attempt
    assert ("another client uses the client id gw-1@t1" in end.why, end.needs_person) == (True, True)


async def test_what_the_broker_is_to_say_of_an_agent_that_dies_is_offline() -> None:
    publisher, _ = publisher_of(MemoryOutbox("E1", 1 << 20))
    async with ScriptedBroker(UNAVAILABLE).serving() as server:
        await publisher._connect_once(Broker(port=server.port, timeout_s=20))  # noqa: SLF001 - one attempt of `run`
    assert b'"status":"offline"' in server.heard
    assert b'"status":"online"' not in server.heard
    assert b'"account":null' in server.heard
    # A broker that limits packets would refuse a CONNECT with the names of thousands of devices.
    assert b'"devices":[]' in server.heard
    assert len(server.heard) < 1000


async def test_a_certificate_file_that_cannot_be_read_any_more_is_tried_slowly_and_a_closed_port_is_not(
    tmp_path: Path,
) -> None:
    publisher, _ = publisher_of(MemoryOutbox("E1", 1 << 20))
    end = await publisher._connect_once(Broker(tls=True, ca_file=tmp_path / "gone.pem"))  # noqa: SLF001 - one attempt of `run`
    assert ("a certificate file cannot be used" in end.why, end.needs_person) == (True, True)
    async with ScriptedBroker().serving() as server:
        port = server.port
    end = await publisher._connect_once(Broker(port=port, timeout_s=20))  # noqa: SLF001 - one attempt of `run`
    assert ("refused" in end.why, end.needs_person) == (True, False)


async def test_a_broker_that_takes_connections_and_refuses_messages_is_not_said_to_be_away() -> None:
    """The fault is what `/readyz` and the log say: an access rule is corrected by another person than a cable."""
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, counters = publisher_of(outbox)
    publisher._client = connection()  # noqa: SLF001 - as a session
    outbox.put(TOPIC, lambda seq: encode(batch(seq, "")), now_ms=1)
    message = await outbox.take()
    sent = Sent(0.0, message.key, message.topic, message.payload)
    publisher._on_refused(sent, 0x87, "Not authorized")  # noqa: SLF001 - as a broker's answer
    faults = [publisher.fault]
    assert not counters.connected
    publisher._on_confirmed(sent)  # noqa: SLF001 - as a broker's answer
    faults.append(publisher.fault)
    assert faults == ["it refuses messages (Not authorized); allow this client to publish to its topics", None]
    told = (counters.connected, counters.reconnects)
    assert told == (True, 0)


async def test_the_parts_of_a_message_that_was_too_large_are_as_old_as_it_was() -> None:
    """They expire with it, and its place in the history is that of its poll."""
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, _ = publisher_of(outbox)
    keys = {f"dcim_pdu_outlet_power_watts{{outlet={at:03}}}": 1.0 for at in range(100)}
    whole = msgspec.structs.replace(batch(1, ""), time=1_795_000_000_000, values=keys, states={})
    key = outbox.put(TOPIC, lambda _: encode(whole), now_ms=whole.time)
    sent = Sent(0.0, key, TOPIC, (await outbox.take()).payload)
    publisher._on_refused(sent, PACKET_TOO_LARGE, "Packet too large")  # noqa: SLF001 - as a broker's answer
    stats = outbox.stats()
    assert (stats.oldest_ms, stats.dropped["split"], stats.messages > 1) == (whole.time, 1, True)
    assert stats.account.dropped == [Numbers(epoch="E1", first=1, last=1, reason="split")]
    parts = [decode((await outbox.take()).payload, Batch) for _ in range(stats.messages)]
    assert [each.seq for each in parts] == list(range(2, 2 + len(parts)))
    assert {name for each in parts for name in each.values} == keys.keys()


async def test_the_parts_of_a_message_of_an_earlier_run_are_of_this_one() -> None:
    """Their numbers are: under the earlier epoch, a collector would take them for messages that it has, and drop them."""
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, _ = publisher_of(outbox)
    keys = {f"dcim_pdu_outlet_power_watts{{outlet={at:03}}}": 1.0 for at in range(100)}
    earlier = msgspec.structs.replace(batch(7, ""), epoch="E0", values=keys, states={})
    key = outbox.put(TOPIC, lambda _: encode(earlier), now_ms=1)
    sent = Sent(0.0, key, TOPIC, (await outbox.take()).payload)
    publisher._on_refused(sent, PACKET_TOO_LARGE, "Packet too large")  # noqa: SLF001 - as a broker's answer
    parts = [decode((await outbox.take()).payload, Batch) for _ in range(outbox.stats().messages)]
    assert len(parts) > 1
    assert {each.epoch for each in parts} == {STATUS.epoch}


async def test_a_batch_of_one_reading_that_is_too_large_is_given_up_and_not_sent_again() -> None:
    """It has one part, itself: the broker would refuse it for ever."""
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, counters = publisher_of(outbox)
    one = msgspec.structs.replace(batch(1, ""), values={"dcim_pdu_outlet_power_watts": 1.0}, states={})
    key = outbox.put(TOPIC, lambda _: encode(one), now_ms=1)
    sent = Sent(0.0, key, TOPIC, (await outbox.take()).payload)
    publisher._on_refused(sent, PACKET_TOO_LARGE, "Packet too large")  # noqa: SLF001 - as a broker's answer
    stats = outbox.stats()
    assert stats.messages == 0
    assert stats.account.dropped == [Numbers(epoch="E1", first=1, last=1, reason="too_large")]
    assert counters.publish_failures["size"] == 1


async def test_of_the_messages_in_flight_the_largest_is_the_one_that_was_too_large() -> None:
    """Some brokers end the connection at it, and a small one before it would be given up in its place."""
    publisher, _ = publisher_of(MemoryOutbox("E1", 1 << 20))
    client = connection()
    for key, size in enumerate((10, 5000, 20), 1):
        client.send(TOPIC, bytes(size), key, retain=False)
    client.ended_by = PACKET_TOO_LARGE
    refused = publisher._answers.refused_by_ending(client)  # noqa: SLF001 - as a session
    assert refused is not None
    assert (refused[0].key, refused[1]) == (2, PACKET_TOO_LARGE)
