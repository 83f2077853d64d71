"""The MQTT 5 connection of both sides with a real mosquitto: what it agrees on, over TLS, over a resumed session, and at its end."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rackflow.process.broker import Broker, what_to_check
from rackflow.process.mqtt5.client import BrokerError, Callbacks, Limits, MqttClient, Session
from rackflow.process.mqtt5.packets import Received, Will
from tests.rackflow.process.mqtt5.test_hostile_client import TOPIC, Heard
from tests.servers.deployed_broker import DeployedBroker, make_certificates
from tests.servers.loop_server import loop_server
from tests.servers.mosquitto import Mosquitto, refusing_subscriptions
from tests.servers.mqtt_account import with_certificate
from tests.servers.scripted_broker import ScriptedBroker
from tests.servers.waiting import eventually


def client_of(
    port: int, name: str, heard: Heard, session: Session | None = None, will: Will | None = None
) -> MqttClient:
    return MqttClient(Broker(port=port, timeout_s=5), name, heard.callbacks(), session=session, will=will)


@contextlib.asynccontextmanager
async def watching(server: Mosquitto, topic: str) -> AsyncIterator[Heard]:
    heard = Heard()
    async with client_of(server.port, "watcher", heard) as watcher:
        assert await watcher.subscribe([topic]) == []
        yield heard


async def test_the_limits_that_the_broker_announces_are_reported_first(tmp_path: Path) -> None:
    heard = Heard()
    with Mosquitto(tmp_path / "broker", extra=["max_inflight_messages 5", "max_packet_size 4000"]).serving() as server:
        async with client_of(server.port, "one", heard):
            assert heard.opened == [Limits(session_present=False, receive_maximum=5, packet_bytes=4000)]


async def test_a_confirmation_carries_the_message_and_the_reason(mosquitto: Mosquitto) -> None:
    """0x10: nobody subscribes to it (MQTT 5, 3.4.2.1)."""
    heard = Heard()
    async with client_of(mosquitto.port, "one", heard) as client:
        unheard, fault = client.publish(TOPIC, b"a", retain=False)
        assert fault == ""
        await eventually(lambda: heard.confirmed == [(unheard, 0x10)], "confirmed")
        async with watching(mosquitto, TOPIC) as watcher:
            mid, _ = client.publish(TOPIC, b"b", retain=False)
            await eventually(lambda: heard.confirmed[1:] == [(mid, 0)], "confirmed")
            await eventually(lambda: watcher.received == [Received(TOPIC, b"b", retain=False, mid=1)], "it arrives")


async def test_who_wants_to_be_told_of_nothing_can_publish_and_subscribe(mosquitto: Mosquitto) -> None:
    async with MqttClient(Broker(port=mosquitto.port, timeout_s=5), "one", Callbacks()) as client:
        assert await client.subscribe([TOPIC]) == []
        for _ in range(2):
            client.publish(TOPIC, b"a", retain=False)
            # The broker answers in order: the confirmation and the message came before this answer.
            assert await client.subscribe([TOPIC]) == []
        assert client.is_open


async def test_a_retained_message_is_distinguished_from_a_new_one(mosquitto: Mosquitto) -> None:
    heard = Heard()
    async with client_of(mosquitto.port, "one", heard) as client:
        client.publish(TOPIC, b"old", retain=True)
        await eventually(lambda: heard.confirmed, "retained")
        async with watching(mosquitto, TOPIC) as watcher:
            client.publish(TOPIC, b"new", retain=True)
            await eventually(lambda: len(watcher.received) == 2, "both")
        assert [(each.payload, each.retain) for each in watcher.received] == [(b"old", True), (b"new", False)]


async def test_all_of_many_messages_arrive_and_are_acknowledged(mosquitto: Mosquitto) -> None:
    """More than the 65,535 identifiers would take too long; more than the 20 that mosquitto has in flight are enough."""
    heard = Heard()
    async with watching(mosquitto, TOPIC) as watcher, client_of(mosquitto.port, "one", heard) as client:
        for number in range(200):
            client.publish(TOPIC, b"%d" % number, retain=False)
        await eventually(lambda: len(watcher.received) == 200, "all arrive")
        assert [each.payload for each in watcher.received] == [b"%d" % number for number in range(200)]
        await eventually(lambda: len(heard.confirmed) == 200, "all are confirmed")


async def test_a_resumed_session_gets_what_was_not_confirmed_marked_as_a_duplicate(mosquitto: Mosquitto) -> None:
    """The broker logs each message as `(dup, quality, retain, identifier, …)`."""
    session, first, second = Session(expiry_s=60), Heard(), Heard()
    async with watching(mosquitto, TOPIC) as watcher:
        async with client_of(mosquitto.port, "one", first, session) as client:
            mids = [client.publish(TOPIC, b"%d" % number, retain=False)[0] for number in range(3)]
            client.flush()
            client.drop()
        assert first.confirmed == []
        assert list(session.unconfirmed) == mids
        async with client_of(mosquitto.port, "one", second, session):
            assert second.opened[0].session_present
            await eventually(lambda: second.confirmed == [(mid, 0) for mid in mids], "all are confirmed")
        assert session.unconfirmed == {}
        mosquitto.stop()  # which writes the rest of its log
        for mid in mids:
            assert f"from one (d1, q1, r0, m{mid}," in mosquitto.log
        assert {each.payload for each in watcher.received} == {b"0", b"1", b"2"}


async def test_a_connection_that_is_dropped_leaves_its_will_and_one_that_is_closed_does_not(
    mosquitto: Mosquitto,
) -> None:
    async with watching(mosquitto, "will/+") as watcher:
        async with client_of(mosquitto.port, "closed", Heard(), will=Will("will/closed", b"gone")):
            pass
        async with client_of(mosquitto.port, "dropped", Heard(), will=Will("will/dropped", b"gone")) as client:
            client.drop()
        await eventually(lambda: watcher.received, "the will")
        assert watcher.received == [Received("will/dropped", b"gone", retain=False, mid=1)]


async def test_the_end_of_a_connection_is_reported(mosquitto: Mosquitto) -> None:
    async with client_of(mosquitto.port, "one", Heard()) as client:
        mosquitto.kill()
        assert await client.lost() != ""
        assert (client.is_open, client.ended_by, client.is_unreadable) == (False, None, False)
        assert "not connected" in client.publish(TOPIC, b"a", retain=False)[1]
        with pytest.raises(BrokerError, match="not connected"):
            await client.subscribe([TOPIC])


async def test_a_broker_that_is_not_there_is_reported_as_such(mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    with pytest.raises(BrokerError, match="Connection refused"):
        await client_of(mosquitto.port, "one", Heard()).__aenter__()


async def test_an_idle_connection_says_in_time_that_it_is_there(mosquitto: Mosquitto) -> None:
    """The broker may end a connection that says nothing for 1.5 times the keepalive, here 1 s."""
    broker, is_open = Broker(port=mosquitto.port).model_copy(update={"keepalive_s": 1}), False
    while not is_open:
        began_s = time.monotonic()
        async with MqttClient(broker, "idle", Callbacks()) as client:
            lost = asyncio.create_task(client.lost(), name="lost")
            await asyncio.wait([lost], timeout=1.2)
            # A machine that keeps this process from running for so long keeps it from saying so, too: then it is tried again.
            is_open = client.is_open
            assert is_open or time.monotonic() - began_s > 1.5
        assert not is_open or await lost == "closed from here"
    mosquitto.stop()  # which writes the rest of its log
    assert "Received PINGREQ from idle" in mosquitto.log


async def test_the_broker_is_told_after_which_silence_a_machine_counts_as_gone(mosquitto: Mosquitto) -> None:
    """It publishes the will of a machine that lost power after 1.5 times the keepalive (k), and never where that is 0."""
    async with client_of(mosquitto.port, "one", Heard()):
        pass
    mosquitto.stop()  # which writes the rest of its log
    assert " as one (p5, c1, k6)" in mosquitto.log


async def test_a_subscription_that_the_broker_refuses_is_reported(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker", extra=refusing_subscriptions(tmp_path)).serving() as server:
        async with client_of(server.port, "one", Heard()) as client:
            assert await client.subscribe([TOPIC, "other"]) == [0x87, 0x87]
            with pytest.raises(BrokerError, match="cannot subscribe to a/#/b"):
                await client.subscribe(["a/#/b"])


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a broker whose certificate is for `localhost` and no address, and an agent's certificate."""
    folder = tmp_path_factory.mktemp("certificates") / "pki"
    make_certificates(folder, "ca", "cas1")
    make_certificates(folder, "broker", "localhost")
    make_certificates(folder, "agent", "cas1/gw-1")
    return folder


async def test_over_tls_a_client_certificate_is_the_account_and_its_absence_is_reported(
    pki: Path, tmp_path: Path
) -> None:
    """With TLS 1.3 the refusal comes after the handshake, when CONNECT has been sent."""
    topic = "rackflow/v1/cas1/gw-1/status"
    with DeployedBroker(tmp_path / "broker", {"monitor": "pw"}, pki).serving() as server:
        own = with_certificate(server.tls_port, pki / "ca.crt", pki / "agents" / "cas1" / "gw-1.crt", host="localhost")
        heard = Heard()
        async with MqttClient(own, "one", heard.callbacks(), address="127.0.0.1") as client:
            large = bytes(200_000)
            mids = [client.publish(topic, each, retain=True)[0] for each in (b"online", large)]
            mids += [client.publish("rackflow/v1/cas1/gw-2/status", b"forged", retain=False)[0]]
            await eventually(lambda: [mid for mid, _ in heard.confirmed] == mids, "confirmed")
            assert heard.confirmed[-1][1] == 0x87
        bare = with_certificate(server.tls_port, pki / "ca.crt", None, host="localhost")
        with pytest.raises(BrokerError, match="cert_file and key_file"):
            await MqttClient(bare, "one", Callbacks(), address="127.0.0.1").__aenter__()


@pytest.mark.parametrize("trusts", [True, False])
async def test_over_tls_the_broker_must_have_the_name_of_the_configuration(
    pki: Path, tmp_path: Path, *, trusts: bool
) -> None:
    with DeployedBroker(tmp_path / "broker", {"monitor": "pw"}, pki).serving() as server:
        authority = pki / "ca.crt" if trusts else Path(ssl.get_default_verify_paths().cafile or pki / "broker.crt")
        certificate = pki / "agents" / "cas1" / "gw-1.crt"
        # Its certificate is for `localhost`.
        stranger = with_certificate(
            server.tls_port, authority, certificate, host="127.0.0.1" if trusts else "localhost"
        )
        with pytest.raises(BrokerError, match="CERTIFICATE_VERIFY_FAILED"):
            await MqttClient(stranger, "one", Callbacks(), address="127.0.0.1").__aenter__()


async def test_a_broker_with_tls_1_2_that_wants_a_certificate_says_so_within_the_handshake(pki: Path) -> None:
    """With TLS 1.3 it says so afterwards, see above."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "broker.crt", pki / "broker.key")
    context.load_verify_locations(pki / "ca.crt")
    context.maximum_version, context.verify_mode = ssl.TLSVersion.TLSv1_2, ssl.CERT_REQUIRED

    def refuse(server: socket.socket) -> None:
        # Not by asyncio, which closes the connection without the alert.
        with server.accept()[0] as one, contextlib.suppress(ssl.SSLError):
            context.wrap_socket(one, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as server:
        bare = with_certificate(server.getsockname()[1], pki / "ca.crt", None, host="localhost")
        refusing = asyncio.create_task(asyncio.to_thread(refuse, server), name="refuse")
        with pytest.raises(BrokerError, match="set cert_file and key_file"):
            await MqttClient(bare, "one", Callbacks(), address="127.0.0.1").__aenter__()
        await refusing


async def test_a_server_that_hangs_up_within_the_tls_handshake_is_reported_with_words(pki: Path) -> None:
    """As a proxy in front of the broker does, or a program that does not speak TLS. asyncio has no word for it."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.close()

    async with loop_server(hang_up) as port:
        broker = Broker.model_validate({"port": port, "tls": True, "ca_file": pki / "ca.crt"})
        with pytest.raises(BrokerError, match=r"it answered: Connection reset by peer; .* check cert_file") as told:
            await MqttClient(broker, "one", Callbacks()).__aenter__()
    assert "speaks TLS exactly if broker.tls is true" in what_to_check(str(told.value))


async def test_a_server_that_accepts_and_says_nothing_is_waited_for_as_long_as_configured(pki: Path) -> None:
    """Over TLS it is the one that speaks next: here it never does."""
    async with ScriptedBroker(b"").serving() as server:
        broker = Broker.model_validate({"port": server.port, "tls": True, "ca_file": pki / "ca.crt", "timeout_s": 0.2})
        with pytest.raises(BrokerError, match=r"no connection within 0\.2 s"):
            await MqttClient(broker, "one", Callbacks()).__aenter__()


async def test_a_server_without_tls_is_no_broker(mosquitto: Mosquitto, pki: Path) -> None:
    broker = Broker.model_validate({"port": mosquitto.port, "tls": True, "ca_file": pki / "ca.crt", "timeout_s": 1})
    async with asyncio.timeout(30):
        with pytest.raises(BrokerError):
            await MqttClient(broker, "one", Callbacks()).__aenter__()


def by_hand() -> Session:
    return Session(expiry_s=60, receive_maximum=3, acks_by_hand=True)


async def test_what_is_not_acknowledged_by_hand_comes_again_and_what_is_does_not(mosquitto: Mosquitto) -> None:
    first, second, third = Heard(), Heard(), Heard()
    async with client_of(mosquitto.port, "sender", Heard()) as sender:
        async with client_of(mosquitto.port, "one", first, by_hand()) as client:
            assert await client.subscribe([TOPIC]) == []
            sender.publish(TOPIC, b"a", retain=False)
            await eventually(lambda: len(first.received) == 1, "it arrives")
        async with client_of(mosquitto.port, "one", second, by_hand()) as client:
            await eventually(lambda: len(second.received) == 1, "it arrives again")
            assert second.opened[0].session_present
            [again] = second.received
            assert (again.payload, again.dup) == (b"a", True)
            client.acknowledge(again.mid)
        async with client_of(mosquitto.port, "one", third, by_hand()):
            sender.publish(TOPIC, b"b", retain=False)
            await eventually(lambda: len(third.received) == 1, "the next one")
            assert third.received[0].payload == b"b"


async def test_no_more_wait_for_their_acknowledgement_than_the_session_allows(mosquitto: Mosquitto) -> None:
    heard = Heard()
    async with client_of(mosquitto.port, "one", heard, by_hand()) as client, watching(mosquitto, TOPIC) as watcher:
        await client.subscribe([TOPIC])
        async with client_of(mosquitto.port, "sender", Heard()) as sender:
            for number in range(10):
                sender.publish(TOPIC, b"%d" % number, retain=False)
            await eventually(lambda: len(watcher.received) == 10, "all are at the broker")
        await client.subscribe([TOPIC])  # its answer comes behind everything that the broker would have sent
        assert [each.payload for each in heard.received] == [b"0", b"1", b"2"]
        for each in list(heard.received):
            client.acknowledge(each.mid)
        await eventually(lambda: len(heard.received) > 3, "the next ones")


async def test_a_session_gets_messages_up_to_the_size_that_it_allows_and_none_that_is_larger(
    mosquitto: Mosquitto,
) -> None:
    """More than the usual limit of 516 KiB, as the collector takes it; and less."""
    heard: dict[int, Heard] = {2_000_000: Heard(), 1_500: Heard()}
    async with contextlib.AsyncExitStack() as stack:
        for most, each in heard.items():
            client = client_of(mosquitto.port, f"most-{most}", each, Session(60, packet_bytes=most))
            await stack.enter_async_context(client)
            assert await client.subscribe([TOPIC]) == []
        sender = await stack.enter_async_context(client_of(mosquitto.port, "sender", Heard()))
        for size in (1_000_000, 2_000, 1_000):
            sender.publish(TOPIC, bytes(size), retain=False)
        await eventually(lambda: len(heard[2_000_000].received) == 3 and heard[1_500].received, "they arrive")
        assert [len(each.payload) for each in heard[2_000_000].received] == [1_000_000, 2_000, 1_000]
        assert [len(each.payload) for each in heard[1_500].received] == [1_000]


async def test_a_paused_reader_gets_nothing_and_afterwards_everything_in_order(mosquitto: Mosquitto) -> None:
    received: list[Received] = []

    def take(message: Received) -> None:
        received.append(message)
        if len(received) == 1:
            client.pause()

    async with (
        MqttClient(Broker(port=mosquitto.port, timeout_s=5), "one", Callbacks(received=take)) as client,
        watching(mosquitto, TOPIC) as watcher,
        client_of(mosquitto.port, "sender", Heard()) as sender,
    ):
        await client.subscribe([TOPIC])
        for number in range(15):
            sender.publish(TOPIC, b"%d" % number + b"x" * 10_000, retain=False)
        await eventually(lambda: len(watcher.received) == 15, "all are at the broker")
        assert len(received) == 1
        client.resume()
        await eventually(lambda: len(received) == 15, "the others")
        assert [int(each.payload.strip(b"x")) for each in received] == list(range(15))


async def test_a_filter_that_is_taken_back_brings_nothing_more(mosquitto: Mosquitto) -> None:
    heard = Heard()
    async with client_of(mosquitto.port, "one", heard) as client:
        await client.subscribe([TOPIC, "other"])
        assert await client.unsubscribe([TOPIC]) == []
        client.publish(TOPIC, b"a", retain=False)
        client.publish("other", b"b", retain=False)
        await eventually(lambda: heard.received, "the other one")
        assert [each.payload for each in heard.received] == [b"b"]
