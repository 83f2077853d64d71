"""Brokers that refuse in ways that mosquitto does not: other reason codes, DISCONNECT for a forbidden topic, or hanging up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import cast

import pytest

from agent.publish.publisher import Publisher
from agent.self_metrics import Counters
from rackflow.documents import Numbers, Status
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from rackflow.process.takeover import SESSION_TAKEN_OVER
from tests.servers.refusing_broker import ACCEPTED, Answer, RefusingBroker
from tests.servers.waiting import eventually

STATUS = Status(agent="gw-1", site="t1", status="online", epoch="E1", devices=["a", "b"])
A, B = (f"rackflow/v1/t1/gw-1/batch/{device}" for device in "ab")


class Sender:
    """A publisher to such a broker."""

    def __init__(self, broker: RefusingBroker) -> None:
        self.broker = broker
        self.outbox, self.counters = MemoryOutbox("E1", 10_000_000), Counters()
        self.publisher = Publisher(Broker(port=broker.port, timeout_s=1), STATUS, self.outbox, self.counters)

    def put(self, topic: str, payload: str = "") -> None:
        self.outbox.put(topic, lambda seq: f"{seq} {payload}".encode(), now_ms=1)

    def arrived(self, topic: str) -> list[int]:
        """Numbers in order of arrival, without repetitions."""
        found = [int(payload.split()[0]) for name, payload in self.broker.accepted if name == topic]
        return list(dict.fromkeys(found))


@contextlib.asynccontextmanager
async def sending(broker: RefusingBroker) -> AsyncIterator[Sender]:
    async with broker.serving():
        sender = Sender(broker)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(sender.publisher.run(), name="publisher")
            try:
                yield sender
            finally:
                task.cancel()


@pytest.mark.parametrize("code", [0x10, 0x80, 0x83, 0x87, 0x90, 0x97, 0x99])
async def test_whatever_the_reason_code_only_the_topic_waits_and_all_of_it_arrives_later(code: int) -> None:
    broker = RefusingBroker(lambda topic, _: ("puback", code) if topic == B else ACCEPTED)
    async with sending(broker) as sender:
        for _ in range(50):
            sender.put(B)
            sender.put(A)
        await eventually(lambda: len(sender.arrived(A)) == 50, "all of a")
        await eventually(lambda: sender.outbox.stats().held == 50, "all of b are held")
        assert sum(sender.counters.topics_refused.values()) == 1
        broker.answer = lambda *_: ACCEPTED
        await eventually(lambda: len(sender.arrived(B)) == 50, "all of b")
        # In order, but for a code that may mean one message: then the newest is asked first.
        found = sender.arrived(B)
        assert (sorted(found) if code == 0x99 else found) == list(range(1, 100, 2))
        assert broker.connections == 1
        assert sum(sender.outbox.stats().dropped.values()) == 0


@pytest.mark.parametrize(
    "answer", [("disconnect", 0x87), ("disconnect", 0x97), ("hang up", 0), ("silence", 0)], ids=str
)
async def test_a_topic_for_which_the_broker_ends_the_connection_does_not_stop_the_others(answer: Answer) -> None:
    """It would be the first again at every connection, for ever. After one or two of them it is held, and tried rarely."""
    broker = RefusingBroker(lambda topic, _: answer if topic == B else ACCEPTED)
    async with sending(broker) as sender:
        for _ in range(50):
            sender.put(B)
            sender.put(A)
        await eventually(lambda: len(sender.arrived(A)) == 50, "all of a")
        assert broker.connections <= 5
        broker.answer = lambda *_: ACCEPTED
        await eventually(lambda: len(sender.arrived(B)) == 50, "all of b")
        assert sum(sender.outbox.stats().dropped.values()) == 0


async def test_a_message_refused_for_its_content_is_dropped_with_a_reason_and_others_go_on() -> None:
    """0x99, payload format invalid: a broker that checks payloads."""
    broker = RefusingBroker(lambda _, payload: ("puback", 0x99) if b"odd" in payload else ACCEPTED)
    async with sending(broker) as sender:
        sender.put(A)
        sender.put(A, "odd")
        for _ in range(100):
            sender.put(A)
        await eventually(lambda: sender.outbox.stats().dropped.get("refused"), "given up")
        await eventually(lambda: sender.outbox.stats().messages == 0, "nothing is left")
        assert sorted(sender.arrived(A)) == [1, *range(3, 103)]
        assert sender.outbox.stats().account.dropped == [Numbers(epoch="E1", first=2, last=2, reason="refused")]
        assert broker.connections == 1


async def test_a_message_that_is_too_large_by_disconnect_is_a_loss_with_a_reason() -> None:
    """0x95 in DISCONNECT: a broker that has a limit and does not announce it."""
    broker = RefusingBroker(lambda _, payload: ("disconnect", 0x95) if len(payload) > 5000 else ACCEPTED)
    async with sending(broker) as sender:
        sender.put(A)
        sender.put(A, "x" * 9000)
        sender.put(A)
        await eventually(lambda: sender.arrived(A) == [1, 3], "the others arrive")
        assert sender.outbox.stats().account.dropped == [Numbers(epoch="E1", first=2, last=2, reason="too_large")]
        assert broker.connections == 2


async def test_a_broker_that_says_so_names_another_client_at_the_first_time() -> None:
    broker = RefusingBroker(lambda topic, _: ("disconnect", SESSION_TAKEN_OVER) if topic == A else ACCEPTED)
    async with sending(broker) as sender:
        sender.put(A)
        await eventually(lambda: sender.counters.takeovers, "named")
        assert "another client uses the client id gw-1@t1" in (sender.publisher.fault or "")
        assert broker.connections == 1


async def test_a_probe_that_is_lost_with_its_connection_is_sent_again() -> None:
    """Otherwise its answer would be waited for, and its topic held, for as long as the agent runs."""
    answers = iter([("puback", 0x87), ("hang up", 0)])
    broker = RefusingBroker(lambda topic, _: cast("Answer", next(answers, ACCEPTED)) if topic == B else ACCEPTED)
    async with sending(broker) as sender:
        sender.put(B)
        await eventually(lambda: sender.arrived(B) == [1], "the refused message", timeout_s=30)
        assert broker.connections == 2


async def test_a_change_of_the_configuration_is_no_fault_of_the_message_in_flight() -> None:
    broker = RefusingBroker(lambda topic, _: ("silence", 0) if topic == B else ACCEPTED)
    async with sending(broker) as sender:
        sender.put(B)
        clients = set[object]()

        def is_in_flight() -> bool:
            client = sender.publisher._client  # noqa: SLF001 - what is on its way on the present connection
            if client is None or client in clients or all(each.topic != B for each in list(client.inflight.values())):
                return False
            clients.add(client)
            return True

        for keepalive_s in (20, 21, 22, 23):
            sender.publisher.set_broker(Broker(port=broker.port, timeout_s=60, keepalive_s=keepalive_s))
            await eventually(is_in_flight, "the message is on its way", timeout_s=30)
        assert sum(sender.counters.topics_refused.values()) == 0


async def test_a_broker_that_is_changed_while_the_agent_connects_is_not_kept() -> None:
    first, second = RefusingBroker(), RefusingBroker()
    async with first.serving(), second.serving(), asyncio.TaskGroup() as group:

        async def changed_at_the_first_time() -> None:
            publisher.set_broker(Broker(port=second.port, timeout_s=1))

        publisher = Publisher(
            Broker(port=first.port, timeout_s=1),
            STATUS,
            MemoryOutbox("E", 1 << 20),
            Counters(),
            changed_at_the_first_time,
        )
        task = group.create_task(publisher.run(), name="publisher")
        await eventually(lambda: second.connections == 1, "the broker that is configured now", timeout_s=30)
        assert first.connections == 1
        task.cancel()
