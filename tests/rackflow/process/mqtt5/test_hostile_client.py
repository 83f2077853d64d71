"""The agent's MQTT connection with brokers that send anything: it ends, in time and with a reason, and nothing else does."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field

import pytest
import uvloop

from agent.publish.publisher import Publisher
from agent.self_metrics import Counters
from rackflow.documents import Status
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from rackflow.process.mqtt5.client import MIN_PACKET_BYTES, BrokerError, Callbacks, Limits, MqttClient, Session
from rackflow.process.mqtt5.packets import PINGREQ_PACKET, Received, puback_packet
from rackflow.process.mqtt5.wire import MAX_UNREAD_BYTES, Wire, WireCallbacks
from tests.jumping import JumpingLoop, jump
from tests.servers.refusing_broker import ACCEPTED, Answer, RefusingBroker
from tests.servers.scripted_broker import CONNACK, ScriptedBroker
from tests.servers.waiting import PATIENCE_S, eventually

TOPIC = "rackflow/v1/t1/gw-1/batch/d"


@dataclass
class Heard:
    """What a connection has told."""

    opened: list[Limits] = field(default_factory=list)
    confirmed: list[tuple[int, int]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)

    def callbacks(self) -> Callbacks:
        return Callbacks(self.opened.append, lambda mid, code: self.confirmed.append((mid, code)), self.received.append)


def client_of(server: ScriptedBroker, heard: Heard | None = None, session: Session | None = None) -> MqttClient:
    broker = Broker(port=server.port, timeout_s=20)
    return MqttClient(broker, "one", (heard or Heard()).callbacks(), session=session)


@contextlib.asynccontextmanager
async def connected(
    connack: bytes = CONNACK, session: Session | None = None
) -> AsyncIterator[tuple[ScriptedBroker, MqttClient, Heard]]:
    heard = Heard()
    async with ScriptedBroker(connack).serving() as server, client_of(server, heard, session) as client:
        yield server, client, heard


@pytest.mark.parametrize(
    "sent",
    [
        b"\x30\xff\xff\xff\x7f",  # a message of 256 MB, of which nothing else ever comes
        b"\x32\xff\xff\xff\xff\x7f",  # a length without an end
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x00\x00",
        b"\x10\x00",  # CONNECT
        CONNACK,  # a second one
        b"\x50\x02\x00\x01",  # PUBREC: of QoS 2, which nobody uses
        b"\x34\x06\x00\x01a\x00\x05\x00",  # a message of QoS 2
        b"\xf0\x00",  # AUTH
        b"\x40\x01\x00",  # half a confirmation
        b"\x90\x02\x00\x01",  # the answer to no subscription, without properties
    ],
    ids=lambda sent: sent[:6].hex(),
)
async def test_what_cannot_be_read_ends_the_connection_at_once_with_a_reason(sent: bytes) -> None:
    async with connected() as (server, client, heard):
        await server.say(sent)
        async with asyncio.timeout(30):
            assert "the broker " in await client.lost()
        assert (client.is_unreadable, client.is_open, client.ended_by) == (True, False, None)
        assert heard.received == []
        await server.is_left.wait()


async def test_name_and_password_of_the_configuration_are_sent_and_neither_without_them() -> None:
    for account, expected in (({"username": "gw-1", "password": "s3cret"}, b"\x00\x04gw-1\x00\x06s3cret"), ({}, b"")):
        async with ScriptedBroker().serving() as server:
            broker = Broker.model_validate({"port": server.port, "timeout_s": 20, **account})
            async with MqttClient(broker, "one", Callbacks()):
                packet = bytes(server.heard)
        # The payload: the client's identifier, then name and password (MQTT 5, 3.1.3).
        assert packet.rpartition(b"\x00\x03one")[2] == expected


async def test_answers_that_come_byte_by_byte_are_answers() -> None:
    message = b"\x32\x0a\x00\x03a/b\x00\x05\x00hi"
    async with ScriptedBroker(b"").serving() as server:
        heard = Heard()
        client = client_of(server, heard)
        async with asyncio.TaskGroup() as group:
            opening = group.create_task(client.__aenter__(), name="open")
            await eventually(lambda: server.connections, "CONNECT")
            await server.say(*(bytes((byte,)) for byte in CONNACK))
            await opening
        mid, _ = client.publish(TOPIC, b"x", retain=False)
        await server.say(*(bytes((byte,)) for byte in message + puback_packet(mid)))
        await eventually(lambda: heard.confirmed, "confirmed")
        assert heard.confirmed == [(mid, 0)]
        assert heard.received == [Received("a/b", b"hi", retain=False, mid=5)]
        await client.__aexit__(None, None, None)
        await server.is_left.wait()
        assert puback_packet(5) in bytes(server.heard)


async def test_confirmations_of_what_was_never_sent_are_passed_over() -> None:
    async with connected() as (server, client, heard):
        mid, _ = client.publish(TOPIC, b"x", retain=False)
        await server.say(puback_packet(mid + 1), puback_packet(0), puback_packet(mid), puback_packet(mid))
        await server.say(puback_packet(0xFFFF))
        await eventually(lambda: heard.confirmed, "confirmed")
        await server.say(b"\x30\x05\x00\x01a\x00x")
        await eventually(lambda: heard.received, "what was sent behind them")
        assert heard.confirmed == [(mid, 0)]
        assert client.is_open


async def test_a_topic_that_is_not_utf_8_does_not_keep_the_agent_from_its_connection() -> None:
    """It could be a retained message of another account, which would come again with each connection."""
    async with connected() as (server, client, heard):
        await server.say(b"\x33\x07\x00\x01\xff\x00\x05\x00h", b"\x30\x05\x00\x01a\x00x")
        await eventually(lambda: len(heard.received) == 2, "both messages")
        assert [each.topic for each in heard.received] == ["", "a"]
        assert client.is_open


@pytest.mark.parametrize(
    ("connack", "words"),
    [
        (b"\x20\x03\x00\x80\x00", "Unspecified error"),  # the lowest code of a refusal
        (b"\x20\x03\x00\x86\x00", "Bad user name or password"),
        (b"\x20\x03\x00\xf0\x00", "reason code 0xF0"),
        # A reason in words that are not UTF-8, at which the codec would panic.
        (b"\x20\x07\x00\x87\x04\x1f\x00\x01\xff", "Not authorized"),
        (b"\x20\x05\x00\x00\x02\x24\x00", "QoS 0 only"),
        (b"\x20\x05\x00\x00\x02\x25\x00", "no retained messages"),
        (b"\x20\x08\x00\x00\x05\x27\x00\x00\x00\x64", "packets of 100 bytes at most"),
        (b"\x20\x08\x00\x00\x05\x27" + (MIN_PACKET_BYTES - 1).to_bytes(4, "big"), "packets of 1279 bytes at most"),
        (b"\x20\x06\x00\x00\x03\x21\x00\x00", "cannot be read"),  # a window of nothing
        (b"\x20\xff\xff\xff\x7f", "announces a packet of 268435455 bytes"),
        (b"\xd0\x00", "before it answered CONNECT"),
        (b"\x20\x00", "cannot be read"),
        (b"SSH-2.0-example\r\n", "not for a client"),
    ],
    ids=lambda each: each if isinstance(each, str) else each[:9].hex(),
)
async def test_a_connection_that_is_of_no_use_is_not_opened_and_says_why(connack: bytes, words: str) -> None:
    heard = Heard()
    async with ScriptedBroker(connack).serving() as server:
        with pytest.raises(BrokerError, match=words):
            await client_of(server, heard).__aenter__()
        await server.is_left.wait()
    assert heard.opened == []


async def test_a_broker_that_takes_packets_of_a_batch_and_no_larger_ones_is_of_use() -> None:
    async with connected(b"\x20\x08\x00\x00\x05\x27" + MIN_PACKET_BYTES.to_bytes(4, "big")) as (_, _, heard):
        assert [each.packet_bytes for each in heard.opened] == [MIN_PACKET_BYTES]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_panic_of_the_codec_is_an_unreadable_packet(capfd: pytest.CaptureFixture[str]) -> None:
    """A property of the application's (0x26) whose text is not UTF-8. Rust tells it on stderr."""
    async with ScriptedBroker(b"\x20\x0a\x00\x00\x07\x26\x00\x01k\x00\x01\xff").serving() as server:
        with pytest.raises(BrokerError, match="not UTF-8"):
            await client_of(server).__aenter__()
    capfd.readouterr()


@pytest.mark.parametrize("code", [0x00, 0x82, 0x8E, 0xFF])
async def test_the_reason_with_which_the_broker_ends_the_connection_is_reported(code: int) -> None:
    async with connected() as (server, client, heard):
        await server.say(bytes((0xE0, 1, code)) + b"\x30\x05\x00\x01a\x00x")
        assert "the broker ended it: " in await client.lost()
        assert (client.ended_by, client.is_unreadable) == (code, False)
        assert heard.received == [], "nothing comes behind it"


async def test_a_broker_that_does_not_answer_connect_is_left_in_time() -> None:
    async with ScriptedBroker(b"").serving() as server:
        client = client_of(server)
        client.timeout_s = 0.2
        with pytest.raises(BrokerError, match="not answered CONNECT within"):
            await client.__aenter__()
        await server.is_left.wait()


async def test_a_connection_whose_opening_is_cancelled_is_closed() -> None:
    async with ScriptedBroker(b"").serving() as server, asyncio.TaskGroup() as group:
        opening = group.create_task(client_of(server).__aenter__(), name="open")
        await eventually(lambda: server.connections, "CONNECT")
        opening.cancel()
        await server.is_left.wait()


async def test_a_broker_that_does_not_answer_pings_is_left() -> None:
    """Its keepalive of 1 s (0x13) takes precedence. It goes on talking, so only its answers are missing."""
    async with connected(b"\x20\x06\x00\x00\x03\x13\x00\x01") as (server, client, _):
        lost = asyncio.create_task(client.lost(), name="lost")
        while not lost.done():
            await server.say(b"\x30\x05\x00\x01a\x00x")
            await asyncio.wait([lost], timeout=0.1)
        assert await lost == "the broker has not answered a ping for 1 s"
        assert bytes(server.heard).count(PINGREQ_PACKET) == 1


async def test_a_broker_that_has_gone_silent_is_asked_although_it_is_sent_messages() -> None:
    """What is sent into a network that is gone is kept by the kernel for many minutes, without an error."""
    async with connected(b"\x20\x06\x00\x00\x03\x13\x00\x01") as (server, client, _):
        lost = asyncio.create_task(client.lost(), name="lost")
        for _ in range(100):  # messages, ten in each keepalive
            client.publish(TOPIC, b"x", retain=False)
            await asyncio.wait([lost], timeout=0.1)
            if PINGREQ_PACKET in bytes(server.heard):
                break
        assert PINGREQ_PACKET in bytes(server.heard)
        client.drop()
        await lost


async def test_an_answered_ping_is_followed_by_the_next() -> None:
    async with connected(b"\x20\x06\x00\x00\x03\x13\x00\x01") as (server, client, _):
        await eventually(lambda: bytes(server.heard).endswith(PINGREQ_PACKET), "a ping")
        await server.say(b"\xd0\x00")
        await eventually(lambda: bytes(server.heard).endswith(PINGREQ_PACKET * 2), "another one")
        assert client.is_open


def keepalive_of(seconds: int) -> bytes:
    """The answer to CONNECT of a broker that asks for this keepalive."""
    return b"\x20\x06\x00\x00\x03\x13\x00" + bytes((seconds,))


def on_jumping_loop(test: Coroutine[None, None, None]) -> None:
    with contextlib.closing(JumpingLoop()) as loop:
        loop.run_until_complete(test)


@pytest.mark.parametrize(("asked_s", "pings_after_s"), [(5, 5), (60, 6)])
def test_the_shorter_keepalive_of_both_sides_is_when_an_idle_connection_is_asked(
    asked_s: int, pings_after_s: int
) -> None:
    """A broker that asks for a minute would not be missed for two."""

    async def be_idle() -> None:
        async with connected(keepalive_of(asked_s)) as (server, _, _):
            await jump(pings_after_s - 1)
            await jump(0)
            assert PINGREQ_PACKET not in bytes(server.heard)
            await jump(1)
            await jump(0)
            assert bytes(server.heard).endswith(PINGREQ_PACKET)

    on_jumping_loop(be_idle())


def test_a_network_that_is_gone_is_noticed_after_two_keepalives_and_an_instant() -> None:
    async def lose_the_network() -> None:
        async with connected(keepalive_of(30)) as (_, client, _):
            for passed_s in (6.0, 6.0, 0.3):
                assert client.is_open
                await jump(passed_s)
            await jump(0)
            assert not client.is_open

    on_jumping_loop(lose_the_network())


@pytest.mark.parametrize(("later_s", "stood_still"), [(1.0, True), (5.5, False)])
def test_the_end_of_a_connection_soon_after_a_standstill_follows_from_it_and_a_later_one_does_not(
    later_s: float, *, stood_still: bool
) -> None:
    """The collector tells by this whether it or the broker is why devices are not observed."""

    async def stand_still() -> None:
        async with connected() as (server, client, _):
            await jump(10.0)  # the keepalive is 6 s
            await jump(0)
            assert bytes(server.heard).endswith(PINGREQ_PACKET)
            await server.say(b"\xd0\x00")
            await jump(later_s)
            server.hang_up()
            await client.lost()
            assert client.has_stood_still is stood_still

    on_jumping_loop(stand_still())


class LatePings:
    """A broker in a thread: it answers a ping once this process stands still, so that its answer and the timer are due together."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.pings = 0
        self.stands_still = threading.Event()
        self.thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        one, _ = self.socket.accept()
        with one, contextlib.suppress(ConnectionError):
            one.recv(65536)
            one.sendall(b"\x20\x06\x00\x00\x03\x13\x00\x01")  # a keepalive of 1 s
            while one.recv(65536) == PINGREQ_PACKET:
                self.pings += 1
                one.sendall(b"\x30\x05\x00\x01a\x00x")
                self.stands_still.wait(30)
                self.stands_still.clear()
                one.sendall(b"\xd0\x00")


def test_a_ping_that_was_answered_while_this_process_stood_still_costs_no_connection() -> None:
    """The loop of agent and collector looks at its timers before its sockets; the second time is as good as the first."""
    server = LatePings()

    def stand_still(_: Received) -> None:
        if server.pings < 3:  # it goes on after two
            server.stands_still.set()
            time.sleep(1.2)  # for longer than the keepalive

    async def stand_still_twice() -> None:
        client = MqttClient(Broker(port=server.port, timeout_s=20), "one", Callbacks(received=stand_still))
        async with client:
            await eventually(lambda: server.pings == 3 or not client.is_open, "it goes on")
            assert client.is_open
            server.stands_still.set()

    server.thread.start()
    try:
        uvloop.run(stand_still_twice())
    finally:
        server.socket.close()
        server.thread.join(30)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "not answered SUBSCRIBE within 0.2 s"),
        (b"\x90\x05\x00\x01\x00\x00\x00", "connection lost: .* 2 codes"),
        (b"\x90\x03\x00\x01\x00", "connection lost: .* 0 codes"),
    ],
)
async def test_a_subscription_that_is_not_answered_or_wrongly_is_an_error(answer: bytes, words: str) -> None:
    async with connected() as (server, client, _):
        client.timeout_s = 20 if answer else 0.2
        asking = asyncio.create_task(client.subscribe(["a"]), name="subscribe")
        await eventually(lambda: b"\x00\x01a" in server.heard, "SUBSCRIBE")
        await server.say(answer)
        with pytest.raises(BrokerError, match=words):
            await asking


async def test_of_several_filters_those_with_a_code_from_0x80_on_are_refused() -> None:
    async with connected() as (server, client, _):
        asking = asyncio.create_task(client.subscribe(["a", "b", "c", "d"]), name="subscribe")
        await eventually(lambda: b"\x00\x01d" in server.heard, "SUBSCRIBE")
        await server.say(b"\x90\x07\x00\x01\x00\x01\x80\x00\x87")
        assert await asking == [0x80, 0x87]


async def test_what_was_left_unconfirmed_is_sent_again_within_the_window_of_the_broker() -> None:
    """A receive maximum (0x21) of 2, and five messages: two at once, each other one when another was confirmed."""
    session = Session(60)
    async with connected(session=session) as (server, client, _):
        mids = [client.publish(TOPIC, b"%d" % number, retain=False)[0] for number in range(5)]
        client.drop()
    assert list(session.unconfirmed) == mids
    async with connected(b"\x20\x06\x01\x00\x03\x21\x00\x02", session) as (server, client, heard):

        def came() -> list[int]:
            return [number for number in range(5) if b"\x00%d" % number in bytes(server.heard)]

        assert heard.opened == [Limits(session_present=True, receive_maximum=2, packet_bytes=None)]
        await eventually(lambda: came() == [0, 1], "two")
        await server.say(puback_packet(mids[0]))
        await eventually(lambda: came() == [0, 1, 2], "another one")
        await server.say(puback_packet(mids[4]))  # of one that was not sent
        await server.say(puback_packet(mids[1]), puback_packet(mids[2]))
        await eventually(lambda: came() == [0, 1, 2, 3], "the rest")
        await eventually(lambda: list(session.unconfirmed) == [mids[3]], "one is left")
        assert client.publish(TOPIC, b"new", retain=False)[0] != mids[3]


async def test_no_identifier_is_used_twice_at_a_time_by_messages_or_subscriptions() -> None:
    """All but two are those of messages that are not confirmed yet. The broker takes one message at a time."""
    session = Session(60, dict.fromkeys(range(3, 65_536), b"\x32\x05\x00\x01a\x00\x03"))
    async with connected(b"\x20\x06\x01\x00\x03\x21\x00\x01", session) as (server, client, heard):
        asking = asyncio.create_task(client.subscribe(["filter"]), name="subscribe")
        await eventually(lambda: b"filter" in server.heard, "SUBSCRIBE, with the first identifier")
        assert client.publish(TOPIC, b"x", retain=False)[0] == 2
        await server.say(puback_packet(2))
        await eventually(lambda: heard.confirmed == [(2, 0)], "confirmed")
        assert client.publish(TOPIC, b"y", retain=False)[0] == 2, "the only free one"
        await server.say(b"\x90\x04\x00\x01\x00\x01")
        assert await asking == []


async def test_a_broker_that_has_lost_the_session_gets_nothing_of_it() -> None:
    session = Session(60, {1: b"\x32\x05\x00\x01a\x00\x01"})
    async with connected(session=session) as (server, client, _):
        assert session.unconfirmed == {}
        await client.__aexit__(None, None, None)
        await server.is_left.wait()
        assert b"\x3a\x05" not in server.heard


@contextlib.asynccontextmanager
async def wired() -> AsyncIterator[tuple[Wire, socket.socket, list[bytes], list[bool]]]:
    """A wire over a socket pair; it answers each packet with 64 KiB."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    seen, writable = list[bytes](), list[bool]()

    def answer(packet: bytes, start: int) -> None:  # noqa: ARG001 - the signature of the callback
        seen.append(packet)
        wire.send(bytes(65536))

    wire = Wire(WireCallbacks(answer, writable.append, lambda: None))
    with theirs:
        await asyncio.get_running_loop().create_connection(lambda: wire, sock=ours)
        try:
            yield wire, theirs, seen, writable
        finally:
            wire.abort("the end")
            await wire.ended()


async def test_from_a_broker_that_does_not_read_nothing_is_read_when_a_mebibyte_waits_for_it() -> None:
    loop = asyncio.get_running_loop()
    async with wired() as (_, theirs, seen, writable):
        for _ in range(60):
            await loop.sock_sendall(theirs, b"\xd0\x00")
            for _ in range(3):
                await asyncio.sleep(0)
        assert 2 < len(seen) <= MAX_UNREAD_BYTES // 65536 + 2
        assert writable == [False]
        read = 0
        while read < 60 * 65536:
            read += len(await loop.sock_recv(theirs, 65536))
        assert len(seen) == 60, "all are answered once it reads"
        assert writable[-1]


async def test_packets_are_joined_and_leave_without_being_asked() -> None:
    loop = asyncio.get_running_loop()
    async with wired() as (wire, theirs, _, _):
        for number in range(5):
            wire.send(b"%d" % number)
        with pytest.raises(BlockingIOError):
            theirs.recv(100)
        assert await loop.sock_recv(theirs, 100) == b"01234"


async def test_a_broker_that_never_reads_does_not_hold_up_the_end() -> None:
    """More than the kernel takes: DISCONNECT waits behind it for as long as an answer may take."""
    async with ScriptedBroker().serving() as server:
        # Without its own limit the end would wait until the missing answer to a ping is noticed.
        async with asyncio.timeout(PATIENCE_S), client_of(server) as client:
            server.stop_reading()
            for _ in range(60):
                client.publish(TOPIC, bytes(500_000), retain=False)
            client.timeout_s = 0.2
        assert not client.is_open


async def test_gc_pauses_costs_the_publisher_its_connection_and_no_message() -> None:
    """To the 20th message it answers once with 256 MB, then as it should."""
    answers: list[Answer] = [("garbage", 0)]
    broker = RefusingBroker(lambda _, payload: answers.pop() if payload == b"20" and answers else ACCEPTED)
    async with broker.serving():
        outbox, counters = MemoryOutbox("E1", 10_000_000), Counters()
        status = Status(agent="gw-1", site="t1", status="online", epoch="E1", devices=["d"])
        publisher = Publisher(Broker(port=broker.port, timeout_s=1), status, outbox, counters)
        for _ in range(50):
            outbox.put(TOPIC, lambda seq: b"%d" % seq, now_ms=1)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(publisher.run(), name="publisher")
            await eventually(lambda: len({payload for _, payload in broker.accepted if payload.isdigit()}) == 50, "all")
            task.cancel()
        assert broker.connections == 2
        assert sum(outbox.stats().dropped.values()) == 0
        assert counters.takeovers == 0
