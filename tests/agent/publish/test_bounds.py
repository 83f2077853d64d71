"""What a publisher says of many refused topics, and when it counts as stuck: in memory, without a broker."""

import logging
import time

import msgspec
import pytest

from agent.publish.answers import NAMED_PER_MINUTE
from agent.publish.connection import Sent
from agent.publish.publisher import Publisher
from agent.publish.refusals import NO_SUBSCRIBERS, PACKET_TOO_LARGE
from agent.publish.status import NAMED_IN_STATUS
from agent.self_metrics import Counters
from rackflow.documents import Account, Status, Stored, decode
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from tests.agent.publish.test_publish import STATUS
from tests.thread_clock import turn_clock

NOT_AUTHORIZED = 0x87
MANY = 2 * NAMED_IN_STATUS


def topic(at: int, kind: str = "batch") -> str:
    return f"rackflow/v1/t1/gw-1/{kind}/d{at:03}"


async def sent(outbox: MemoryOutbox, at: int = 0, kind: str = "batch") -> Sent:
    """One message of a device, taken from the outbox and in flight."""
    outbox.put(topic(at, kind), lambda _: b"{}", now_ms=1)
    message = await outbox.take()
    return Sent(0.0, message.key, message.topic, message.payload)


def publisher_of(outbox: MemoryOutbox, broker: Broker | None = None) -> tuple[Publisher, Counters]:
    counters = Counters()
    return Publisher(broker or Broker(), STATUS, outbox, counters), counters


async def test_of_many_refused_topics_all_are_counted_and_some_are_named(caplog: pytest.LogCaptureFixture) -> None:
    """The status is retained and must stay small, and a log that names thousands helps nobody."""
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, counters = publisher_of(outbox)
    with caplog.at_level(logging.WARNING, "agent.publish.answers"):
        for at in range(MANY):
            publisher._on_refused(await sent(outbox, at), NOT_AUTHORIZED, "Not authorized")  # noqa: SLF001 - as a broker's answer
    assert counters.topics_refused == {"unheard": 0, "not_authorized": MANY, "quota": 0, "refused": 0}
    assert counters.publish_failures["refused"] == MANY
    assert len(caplog.records) == NAMED_PER_MINUTE
    assert outbox.stats().held == MANY
    publisher.set_account(Account(kind="memory"))
    _, payload = await publisher._retained.take()  # noqa: SLF001 - as a connection
    assert decode(payload, Status).refused == {topic(at): "not_authorized" for at in range(NAMED_IN_STATUS)}
    # The will is part of CONNECT, which a broker that limits packets takes only while it is short.
    publisher._status.refresh()  # noqa: SLF001 - as a new connection
    will = decode(publisher._status.offline, Status)  # noqa: SLF001 - as above
    assert (will.status, will.refused) == ("offline", {})
    # Another broker may allow what this one refuses.
    publisher.set_broker(Broker(host="another"))
    assert counters.topics_refused == {"unheard": 0, "not_authorized": 0, "quota": 0, "refused": 0}
    assert outbox.stats().held == 0


async def test_a_size_that_the_broker_has_taken_is_not_split_after_a_larger_one_was_refused() -> None:
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, counters = publisher_of(outbox)
    taken, refused = await sent(outbox, 0), await sent(outbox, 1)
    publisher._on_confirmed(msgspec.structs.replace(taken, payload=bytes(40_000)))  # noqa: SLF001 - as a broker's answer
    publisher._on_refused(msgspec.structs.replace(refused, payload=bytes(50_000)), PACKET_TOO_LARGE, "Packet too large")  # noqa: SLF001 - as above
    assert publisher.largest_bytes() == 40_000
    assert (outbox.stats().dropped["too_large"], counters.publish_failures["size"]) == (1, 1)


async def test_ten_topics_are_named_again_a_minute_later(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An access rule that breaks a week after another one is told as well."""
    now_s = [time.monotonic()]
    turn_clock(monkeypatch, lambda: now_s[0])
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, _ = publisher_of(outbox)

    async def named(first: int) -> int:
        caplog.clear()
        for at in range(first, first + 12):
            publisher._on_refused(await sent(outbox, at), NOT_AUTHORIZED, "Not authorized")  # noqa: SLF001 - as a broker's answer
        return len(caplog.records)

    assert await named(0) == 10
    now_s[0] += 59
    assert await named(12) == 0
    now_s[0] += 1
    assert await named(24) == 10


async def test_a_publisher_is_stuck_while_messages_wait_that_the_broker_could_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, _ = publisher_of(outbox)
    now_s = [time.monotonic()]
    turn_clock(monkeypatch, lambda: now_s[0])

    def progress(after_s: float) -> tuple[int, float]:
        now_s[0] += after_s
        return publisher.progress()

    assert progress(100) == (0, 0), "nothing waits"
    one, other = await sent(outbox), await sent(outbox, kind="event")
    assert progress(50) == (0, 50)
    publisher._on_confirmed(other)  # noqa: SLF001 - as a broker's answer
    assert progress(10) == (0, 60), "batches are what is watched"
    publisher._on_confirmed(one)  # noqa: SLF001 - as a broker's answer
    waiting = await sent(outbox)
    assert progress(30) == (1, 30)
    publisher._on_refused(waiting, NO_SUBSCRIBERS, "No matching subscribers")  # noqa: SLF001 - as a broker's answer
    assert progress(100) == (1, 0), "any other account would get the same answer"


async def test_a_publisher_whose_account_may_not_publish_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one of a pair may have an account that may."""
    outbox = MemoryOutbox("E1", 1 << 20)
    publisher, _ = publisher_of(outbox)
    now_s = [time.monotonic()]
    turn_clock(monkeypatch, lambda: now_s[0])
    assert publisher.progress() == (0, 0)
    publisher._on_refused(await sent(outbox), NOT_AUTHORIZED, "Not authorized")  # noqa: SLF001 - as a broker's answer
    now_s[0] += 100
    assert publisher.progress() == (0, 100)


async def test_a_publisher_is_not_stuck_while_what_the_broker_took_waits_for_a_collector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A collector that is away for a minute must not have the two sides of a pair change places."""
    outbox = MemoryOutbox("E1", 1 << 20)
    outbox.stored(Stored(agent="gw-1", collector="c", ledger="l", time=1, durable={}))
    publisher, _ = publisher_of(outbox)
    now_s = [time.monotonic()]
    turn_clock(monkeypatch, lambda: now_s[0])
    publisher._on_confirmed(await sent(outbox))  # noqa: SLF001 - as a broker's answer
    assert outbox.stats().awaiting == 1
    now_s[0] += 100
    assert publisher.progress() == (1, 0)
