"""One MQTT connection against a real broker: what is told of it, and what a session keeps."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rackflow.process.broker import Broker
from rackflow.process.mqtt import (
    BrokerError,
    Callbacks,
    Limits,
    MqttConnection,
    MQTTMessage,
    ReasonCode,
    Session,
    Will,
    refusal,
    topic_of,
)
from tests.servers.mosquitto import Mosquitto, refusing_subscriptions
from tests.servers.waiting import eventually

TOPIC = "rackflow/v1/t1/gw-1/batch/d"
SESSION = Session(expiry_s=60, receive_maximum=3)


@dataclass
class Heard:
    """What a connection has told, in order."""

    events: list[object] = field(default_factory=list)

    @property
    def messages(self) -> list[bytes]:
        return [bytes(each.payload) for each in self.events if isinstance(each, MQTTMessage)]

    @property
    def confirmed(self) -> list[tuple[int, int]]:
        return [(each[0], each[1].value) for each in self.events if isinstance(each, tuple)]

    def callbacks(self) -> Callbacks:
        def confirmed(mid: int, reason_code: ReasonCode) -> None:
            self.events.append((mid, reason_code))

        return Callbacks(opened=self.events.append, confirmed=confirmed, received=self.events.append)


def connection(server: Mosquitto, name: str, heard: Heard, session: Session | None = None) -> MqttConnection:
    return MqttConnection(Broker(port=server.port, timeout_s=5), name, heard.callbacks(), session=session)


async def publish(server: Mosquitto, *payloads: bytes) -> None:
    heard = Heard()
    async with connection(server, "publisher", heard) as client:
        for payload in payloads:
            client.publish(TOPIC, payload, retain=False)
        await eventually(lambda: len(heard.confirmed) == len(payloads), "all are confirmed")


async def test_the_limits_of_the_broker_are_reported_first(tmp_path: Path) -> None:
    limits = ["max_inflight_messages 5", "max_packet_size 4000"]
    heard = Heard()
    with Mosquitto(tmp_path / "broker", extra=limits).serving() as server:
        async with connection(server, "one", heard):
            assert heard.events == [Limits(session_present=False, receive_maximum=5, packet_bytes=4000)]


async def test_what_is_not_acknowledged_comes_again_and_what_is_does_not(mosquitto: Mosquitto) -> None:
    first, second, third = Heard(), Heard(), Heard()
    async with connection(mosquitto, "one", first, SESSION) as client:
        assert await client.subscribe([TOPIC]) == []
        await publish(mosquitto, b"a")
        await eventually(lambda: first.messages == [b"a"], "it arrives")
    async with connection(mosquitto, "one", second, SESSION) as client:
        await eventually(lambda: second.messages == [b"a"], "it arrives again")
        opened, message = second.events
        assert isinstance(opened, Limits)
        assert opened.session_present
        assert isinstance(message, MQTTMessage)
        assert (topic_of(message), message.dup) == (TOPIC, True)
        client.acknowledge(message.mid)
    async with connection(mosquitto, "one", third, SESSION):
        await publish(mosquitto, b"b")
        await eventually(lambda: bool(third.messages), "the next one")
        assert third.messages == [b"b"]


async def test_no_more_than_the_session_allows_wait_for_their_acknowledgement(mosquitto: Mosquitto) -> None:
    heard = Heard()
    async with connection(mosquitto, "one", heard, SESSION) as client:
        await client.subscribe([TOPIC])
        await publish(mosquitto, *(b"%d" % number for number in range(10)))
        await client.subscribe([TOPIC])  # its answer comes behind everything that the broker would have sent
        assert heard.messages == [b"0", b"1", b"2"]
        for message in [each for each in heard.events if isinstance(each, MQTTMessage)]:
            client.acknowledge(message.mid)
        await eventually(lambda: len(heard.messages) > 3, "the next ones")


async def test_without_a_session_nothing_waits_for_an_acknowledgement(mosquitto: Mosquitto) -> None:
    heard = Heard()
    async with connection(mosquitto, "one", heard) as client:
        await client.subscribe([TOPIC])
        await publish(mosquitto, *(b"%d" % number for number in range(50)))
        await eventually(lambda: len(heard.messages) == 50, "all arrive")


async def test_a_confirmation_carries_the_message_and_the_reason(mosquitto: Mosquitto) -> None:
    """0x10: nobody subscribes to it (MQTT 5, 3.4.2.1)."""
    heard = Heard()
    async with connection(mosquitto, "one", heard) as client:
        unheard, fault = client.publish(TOPIC, b"a", retain=False)
        assert fault == ""
        await eventually(lambda: heard.confirmed == [(unheard, 0x10)], "confirmed")
        await client.subscribe([TOPIC])
        mid, _ = client.publish(TOPIC, b"b", retain=False)
        await eventually(lambda: heard.confirmed[1:] == [(mid, 0)], "confirmed")


async def test_the_end_of_a_connection_is_reported(mosquitto: Mosquitto) -> None:
    async with connection(mosquitto, "one", Heard()) as client:
        lost = asyncio.create_task(client.lost(), name="lost")
        await client.subscribe([TOPIC])
        assert (client.is_open, lost.done()) == (True, False)
        mosquitto.stop()
        assert await lost != ""
        assert not client.is_open
        _, fault = client.publish(TOPIC, b"a", retain=False)
        assert "not currently connected" in fault


async def test_a_disconnect_of_our_own_is_reported_too_and_publishes_no_will(mosquitto: Mosquitto) -> None:
    heard = Heard()
    async with connection(mosquitto, "watcher", heard) as watcher:
        await watcher.subscribe(["will"])
        will = Will("will", b"gone")
        client = MqttConnection(Broker(port=mosquitto.port), "one", Heard().callbacks(), will=will)
        async with client:
            lost = asyncio.create_task(client.lost(), name="lost")
            await client.subscribe([TOPIC])
        assert await lost == "closed from here"
        await watcher.subscribe(["will"])  # its answer comes behind the will, if there were one
        assert heard.messages == []


async def test_the_will_of_a_connection_that_is_cut_is_there_for_who_comes_later(mosquitto: Mosquitto) -> None:
    """The broker cuts a connection when another one takes over its name (MQTT 5, 3.1.4)."""
    heard = Heard()
    broker = Broker(port=mosquitto.port)
    cut = MqttConnection(broker, "one", Heard().callbacks(), will=Will("will", b"gone"))
    async with cut, connection(mosquitto, "one", Heard()):
        assert await cut.lost() != "closed from here"
        async with connection(mosquitto, "watcher", heard) as watcher:
            await watcher.subscribe(["will"])
            await eventually(lambda: heard.messages == [b"gone"], "the will")


def test_a_topic_that_is_no_text_is_empty() -> None:
    assert topic_of(MQTTMessage(topic=TOPIC.encode())) == TOPIC
    assert topic_of(MQTTMessage(topic=b"rackflow/\xff")) == ""


async def test_a_refusal_says_why(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", passwords={"one": "right"}).serving() as server:
        broker = Broker.model_validate({"port": server.port, "username": "one", "password": "wrong"})
        heard = Heard()
        client = MqttConnection(broker, "one", heard.callbacks())
        with pytest.raises(BrokerError) as raised:
            async with client:
                pass
        client.drop()
        code = refusal(raised.value)
        assert code is not None
        assert code.value in {0x86, 0x87}
        assert heard.events == [], "nothing was opened"
    assert refusal(TimeoutError()) is None


async def test_a_subscription_that_the_broker_refuses_is_reported(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", extra=refusing_subscriptions(tmp_path)).serving() as server:
        async with connection(server, "one", Heard()) as client:
            assert [code.value for code in await client.subscribe([TOPIC, "other"])] == [0x87, 0x87]


@pytest.mark.parametrize("bad", ["", "rackflow/#/x"])
async def test_a_subscription_that_the_library_refuses_is_an_error_of_the_broker(
    mosquitto: Mosquitto, bad: str
) -> None:
    async with connection(mosquitto, "one", Heard()) as client:
        with pytest.raises(BrokerError):
            await client.subscribe([bad])


async def test_the_reason_with_which_the_broker_ends_a_connection_is_reported(mosquitto: Mosquitto) -> None:
    """0x81, malformed packet: MQTT allows no such character in a topic (1.5.4), and paho-mqtt sends it."""
    async with connection(mosquitto, "one", Heard()) as client:
        client.publish("a/\ufffe", b"", retain=False)
        await client.lost()
        assert (client.ended_by, client.is_unreadable) == (0x81, False)


async def test_a_connection_that_just_breaks_has_no_reason(mosquitto: Mosquitto) -> None:
    async with connection(mosquitto, "one", Heard()) as client:
        mosquitto.kill()
        await client.lost()
        assert (client.ended_by, client.is_unreadable) == (None, False)


async def test_an_unreadable_answer_is_distinguished_from_a_broken_connection(tmp_path: Path) -> None:
    """PUBACK with 0x95, which mosquitto sends for what is above `message_size_limit`."""
    with Mosquitto(tmp_path / "broker", extra=["message_size_limit 100"]).serving() as server:
        async with connection(server, "one", Heard()) as client:
            client.publish(TOPIC, b"x" * 200, retain=False)
            await client.lost()
            assert (client.ended_by, client.is_unreadable) == (None, True)
