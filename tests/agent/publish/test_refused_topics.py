"""A broker that refuses one topic, or one message: the others go on. A real mosquitto with access lists and limits."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from agent.publish.connection import WINDOW, Window
from agent.publish.publisher import Publisher
from agent.self_metrics import Counters
from rackflow.documents import MAX_PAYLOAD_BYTES, Batch, DeviceDocument, Numbers, Status, encode
from rackflow.outbox import DiskOutbox, Limits, Outbox
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from tests.agent.publish.test_publish import TOPIC, batch
from tests.agent.running import Listener, listening
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

STATUS = Status(agent="gw-1", site="t1", status="online", epoch="E1", devices=["a", "b"])
ALLOWED = "topic readwrite rackflow/v1/t1/gw-1/status\ntopic write rackflow/v1/t1/gw-1/{}/a\ntopic read rackflow/#\n"


class Sender:
    """A publisher with an outbox, for devices `a` and `b`."""

    def __init__(self, server: Mosquitto, outbox: Outbox) -> None:
        self.outbox = outbox
        self.counters = Counters()
        broker = Broker.model_validate({"port": server.port, "timeout_s": 2, "keepalive_s": 5})
        self.publisher = Publisher(broker, STATUS, outbox, self.counters)

    def put(self, device: str, kind: str = "batch", padding: str = "") -> int:
        def make(seq: int) -> bytes:
            return encode(
                Batch(
                    agent="gw-1",
                    epoch="E1",
                    seq=seq,
                    time=seq,
                    device=device,
                    device_class="ups",
                    poll="fast",
                    interval_s=5,
                    duration_s=0.1,
                    up=True,
                    labels={"site": "t1"},
                    states={"padding": padding},
                )
            )

        return self.outbox.put(f"rackflow/v1/t1/gw-1/{kind}/{device}", make, now_ms=1)

    def document(self, device: str) -> None:
        self.publisher.set_device_document(DeviceDocument(agent="gw-1", device=device, device_class="ups", time=1))


@contextlib.asynccontextmanager
async def sending(server: Mosquitto, outbox: Outbox | None = None) -> AsyncIterator[Sender]:
    sender = Sender(server, outbox or MemoryOutbox("E1", 10_000_000))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sender.publisher.run(), name="publisher")
        try:
            yield sender
        finally:
            task.cancel()


@contextlib.asynccontextmanager
async def outbox_of(kind: str, folder: Path) -> AsyncIterator[Outbox]:
    if kind == "memory":
        yield MemoryOutbox("E1", 10_000_000)
        return
    outbox = DiskOutbox(folder / "o.db", "E1", Limits(10_000_000, 1e6), 500.0)
    await outbox.open()
    async with asyncio.TaskGroup() as group:
        keeping = group.create_task(outbox.run(), name="outbox")
        yield outbox
        keeping.cancel()
    await outbox.close()


def numbers(listener: Listener, device: str) -> list[int]:
    # Not decoded: a reading of thousands of characters, which cannot be split, is longer than the contract allows.
    return [int(json.loads(each)["seq"]) for each in listener.payloads("batch", device)]


def server_with(folder: Path, *lines: str, rules: str = "") -> Mosquitto:
    (folder / "acl").write_text(rules, encoding="utf-8")
    extra = [*lines, f"acl_file {folder / 'acl'}"] if rules else lines
    return Mosquitto(folder / "broker", extra=extra)


@pytest.mark.parametrize("kind", ["memory", "disk"])
async def test_a_denied_topic_holds_its_own_messages_and_other_devices_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """Device b is denied: each of its messages is kept, in order, until the rule is corrected. The connection never ends."""
    caplog.set_level(logging.INFO, "agent")
    rules = ALLOWED.format("batch")
    async with outbox_of(kind, tmp_path) as outbox:
        with server_with(tmp_path, rules=rules).serving() as server:
            async with listening(server) as listener, sending(server, outbox) as sender:
                for _ in range(100):
                    sender.put("b")
                    sender.put("a")
                await eventually(lambda: len(numbers(listener, "a")) == 100, "all of a")
                await eventually(lambda: sender.outbox.stats().held == 100, "all of b are held")
                await eventually(lambda: sender.outbox.stats().messages == 100, "no others are left")
                undelivered = sender.outbox.stats().account.undelivered
                assert undelivered[0].first <= 1
                assert sender.counters.topics_refused == {"unheard": 0, "not_authorized": 1, "quota": 0, "refused": 0}
                sender.publisher.set_account(sender.outbox.stats().account)
                await eventually(lambda: listener.statuses()[-1].refused, "told in the status")
                assert listener.statuses()[-1].refused == {"rackflow/v1/t1/gw-1/batch/b": "not_authorized"}
                named = [each.getMessage() for each in caplog.records if "refused by the broker" in each.getMessage()]
                assert len(named) == 1
                assert "rackflow/v1/t1/gw-1/batch/b" in named[0]
                (tmp_path / "acl").write_text(ALLOWED.format("batch").replace("/a\n", "/+\n"), encoding="utf-8")
                server.reload()
                await eventually(lambda: len(numbers(listener, "b")) == 100, "all of b", timeout_s=40)
                arrived = numbers(listener, "b")
                oldest = arrived.index(min(arrived))
                # What was not on disk yet when the topic was released goes before what is read from there.
                assert arrived[oldest:] == sorted(arrived[oldest:]), "in order"
                assert arrived[:oldest] == sorted(arrived[:oldest])
                assert not oldest or (kind == "disk" and min(arrived[:oldest]) > max(arrived[oldest:]))
                await eventually(lambda: not sender.outbox.stats().messages, "nothing is left")
                assert sender.counters.reconnects == 0
                assert sum(sender.counters.topics_refused.values()) == 0
                failures = sender.counters.publish_failures
                assert (failures["refused"] >= 1, failures["unheard"]) == (True, 0)


async def test_messages_held_at_one_broker_are_delivered_to_another(tmp_path: Path) -> None:
    """The account was corrected, or the broker replaced: its first message is sent at once, not after the pause."""
    with (
        server_with(tmp_path, rules=ALLOWED.format("batch")).serving() as server,
        Mosquitto(tmp_path / "other").serving() as other,
    ):
        async with listening(other) as listener, sending(server) as sender:
            for _ in range(20):
                sender.put("b")
            await eventually(lambda: sender.outbox.stats().held == 20, "all are held")
            sender.publisher.set_broker(Broker(port=other.port, timeout_s=2))
            await eventually(lambda: numbers(listener, "b") == list(range(1, 21)), "all have arrived")
            assert sum(sender.counters.topics_refused.values()) == 0


async def test_a_refused_document_is_tried_again_and_the_others_are_published(tmp_path: Path) -> None:
    with server_with(tmp_path, rules=ALLOWED.format("device")).serving() as server:
        async with listening(server) as listener, sending(server) as sender:
            sender.document("b")
            sender.document("a")
            await eventually(lambda: listener.documents("a"), "the document of a")
            # More than are tried at a time.
            others = "bcdefghijklm"
            for each in others[1:]:
                sender.document(each)
            await eventually(
                lambda: sender.counters.topics_refused["not_authorized"] == len(others), "the others are refused"
            )
            (tmp_path / "acl").write_text(ALLOWED.format("device").replace("/a\n", "/+\n"), encoding="utf-8")
            server.reload()
            # One of them is the probe, and its neighbours are not asked for again.
            await eventually(lambda: all(listener.documents(each) for each in others), "all documents", timeout_s=30)
            await eventually(lambda: sum(sender.counters.topics_refused.values()) == 0, "nothing is refused any more")
            assert sender.counters.reconnects == 0


async def test_events_that_nobody_subscribes_to_do_not_slow_batches_down(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """A consumer of batches only: reason code 16 for each event."""
    caplog.set_level(logging.WARNING, "agent")
    async with listening(mosquitto, topics=("rackflow/v1/+/+/batch/+",)) as listener, sending(mosquitto) as sender:
        for number in range(300):
            sender.put(f"d{number % 100}", "event")
            sender.put(f"d{number % 100}")
        await eventually(lambda: len(listener.batches()) == 300, "all batches")
        await eventually(lambda: sender.outbox.stats().held == 300, "all events are held")
        refused = sender.counters.publish_failures["unheard"]
        assert sender.counters.publish_failures["refused"] == 0
        assert 100 <= refused <= 100 + WINDOW + 40, "one for each topic, those in flight, and probes"
        assert sum("no collector subscribes to event messages" in each.getMessage() for each in caplog.records) == 1
        async with listening(mosquitto, topics=("rackflow/v1/+/+/event/+",)) as late:
            await eventually(lambda: len(list(late.payloads("event"))) == 300, "all events", timeout_s=40)


@pytest.mark.parametrize("limit", ["max_packet_size 4000", "message_size_limit 4000"])
async def test_what_cannot_be_split_to_the_brokers_limit_is_lost_with_a_reason_others_arrive(
    tmp_path: Path, limit: str
) -> None:
    """One reading of 5,000 characters. The second limit is told by PUBACK 0x95 only, a code that MQTT does not know there."""
    with server_with(tmp_path, limit).serving() as server:
        async with listening(server) as listener, sending(server) as sender:
            sender.put("a")
            await eventually(lambda: numbers(listener, "a") == [1], "a first one")
            sender.put("a", padding="x" * 5000)
            sender.put("a", padding="x" * 2000)
            await eventually(lambda: numbers(listener, "a") == [1, 3], "the others arrive")
            await eventually(lambda: not sender.outbox.stats().messages, "nothing is left")
            stats = sender.outbox.stats()
            assert stats.dropped["too_large"] == 1
            assert stats.account.dropped == [Numbers(epoch="E1", first=2, last=2, reason="too_large")]
            assert sender.counters.publish_failures["size"] == 1
            assert 2000 < sender.publisher.largest_bytes() < 4000
            assert sender.counters.reconnects == 0
            # What was learnt of one broker says nothing about the next one.
            sender.publisher.set_broker(Broker(host="127.0.0.2", port=server.port))
            assert sender.publisher.largest_bytes() == MAX_PAYLOAD_BYTES


async def test_a_document_that_is_too_large_stops_nothing(tmp_path: Path) -> None:
    with server_with(tmp_path, "max_packet_size 2000").serving() as server:
        async with listening(server) as listener, sending(server) as sender:
            sender.publisher.set_device_document(
                DeviceDocument(agent="gw-1", device="b", device_class="ups", time=1, model="x" * 3000)
            )
            sender.document("a")
            sender.put("a")
            await eventually(lambda: listener.documents("a") and numbers(listener, "a") == [1], "the others arrive")
            assert sender.counters.publish_failures["size"] == 1
            assert sender.counters.reconnects == 0


async def test_a_second_agent_of_one_name_is_named_and_neither_fights_for_the_connection(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """This mosquitto hangs up on the older connection without a reason."""
    caplog.set_level(logging.WARNING, "agent")
    async with sending(mosquitto) as first, sending(mosquitto) as second:

        def named() -> bool:
            return any("another client uses the client id gw-1@t1" in each.message for each in caplog.records)

        await eventually(named, "one of them says so", timeout_s=40)
        assert first.counters.takeovers + second.counters.takeovers == 1
        await eventually(lambda: first.counters.connected or second.counters.connected, "the other one works")


async def test_thousands_of_unsent_documents_do_not_slow_messages_down(mosquitto: Mosquitto) -> None:
    """As after a reconnect: messages get most places of the window, and do not take turns with documents."""
    async with listening(mosquitto) as listener:
        sender = Sender(mosquitto, MemoryOutbox("E1", 10_000_000))
        for number in range(2000):
            sender.document(f"d{number}")
            if number < 500:
                sender.put("a")
        async with asyncio.TaskGroup() as group:
            task = group.create_task(sender.publisher.run(), name="publisher")
            await eventually(lambda: len(numbers(listener, "a")) == 500, "all messages")
            task.cancel()
        kinds = [each.topic.value.split("/")[4] for each in listener.messages]
        before_the_last = kinds[: len(kinds) - kinds[::-1].index("batch")]
        assert before_the_last.count("device") < 250
        assert sender.publisher.fault is None


async def test_a_sender_takes_all_free_places_before_the_other_has_its_turn() -> None:
    """With a semaphore each would send one message per round of the loop, so that one of them waits for the other's every message."""
    window, sent = Window(8), list[str]()

    async def send(name: str, spare: int) -> None:
        while True:
            await window.place(spare)
            window.used += 1
            sent.append(name)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(send(name, spare), name=name) for name, spare in (("documents", 4), ("messages", 0))]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sent == ["documents"] * 4 + ["messages"] * 4
        for _ in range(8):
            window.free()
        await asyncio.sleep(0)
        assert len(sent) == 16, "one round of the loop is enough for all freed places"
        for task in tasks:
            task.cancel()


async def test_nothing_is_sent_while_the_broker_does_not_read() -> None:
    window, sent = Window(8), list[int]()

    async def send() -> None:
        while True:
            await window.place()
            window.used += 1
            sent.append(window.used)

    task = asyncio.create_task(send(), name="send")
    window.set_writable(False)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sent == []
    window.set_writable(True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sent == [1, 2, 3, 4, 5, 6, 7, 8]
    task.cancel()


async def test_a_message_of_an_earlier_run_is_split_into_this_one_and_reported_in_its_own(
    tmp_path: Path,
) -> None:
    """An agent that was restarted while its broker was replaced by one that takes less: new numbers under the old epoch would be losses."""
    values = {f"dcim_ups_output_load_ratio{{phase=L{at}}}": 0.5 for at in range(100)}

    def of_before(seq: int) -> bytes:
        return encode(msgspec.structs.replace(batch(seq, ""), epoch="E0", values=values))

    with server_with(tmp_path, "max_packet_size 2000").serving() as server:
        async with listening(server) as listener, sending(server) as sender:
            sender.outbox.put(TOPIC, of_before, now_ms=1)
            await eventually(lambda: not sender.outbox.stats().messages, "nothing is left")
            await eventually(lambda: sum(len(each.values) for each in listener.batches()) == len(values), "all arrive")
            parts = listener.batches()
            assert len(parts) > 1
            assert {each.epoch for each in parts} == {"E1"}
            assert [each.seq for each in parts] == list(range(2, len(parts) + 2))
            assert [each.reason for each in sender.outbox.stats().account.dropped] == ["split"]
