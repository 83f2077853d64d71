"""Publishing through a real broker: what arrives, in which order, and what survives the broker's whims."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from agent.publish.connection import Connection
from agent.publish.publisher import Publisher
from agent.self_metrics import Counters
from rackflow.documents import Batch, DeviceDocument, Status, encode
from rackflow.errors import ConfigError
from rackflow.outbox.memory import MemoryOutbox
from rackflow.process.broker import Broker
from rackflow.process.mqtt import _named
from tests.agent.running import Devices, Listener, config_for, listening, running
from tests.servers.mosquitto import Mosquitto
from tests.servers.waiting import eventually

STATUS = Status(agent="gw-1", site="t1", status="online", epoch="E1", devices=["d"])
TOPIC = "rackflow/v1/t1/gw-1/batch/d"


class Sender:
    """A publisher with its outbox and its counters."""

    def __init__(self, broker: Broker) -> None:
        self.outbox = MemoryOutbox("E", 10_000_000)
        self.counters = Counters()
        self.publisher = Publisher(broker, STATUS, self.outbox, self.counters)

    def put(self, count: int, padding: str = "") -> None:
        for _ in range(count):
            self.outbox.put(TOPIC, lambda seq: encode(batch(seq, padding)), now_ms=1)

    def empty(self) -> bool:
        return not self.outbox.stats().messages


def batch(seq: int, padding: str) -> Batch:
    return Batch(
        agent="gw-1",
        epoch="E1",
        seq=seq,
        time=seq,
        device="d",
        device_class="ups",
        poll="fast",
        interval_s=5,
        duration_s=0.1,
        up=True,
        labels={"site": "t1"},
        states={"padding": padding},
    )


def broker_at(server: Mosquitto, **more: object) -> Broker:
    return Broker.model_validate({"port": server.port, "timeout_s": 1, "keepalive_s": 5} | more)


@contextlib.asynccontextmanager
async def sending(broker: Broker) -> AsyncIterator[Sender]:
    sender = Sender(broker)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sender.publisher.run(), name="publisher")
        try:
            yield sender
        finally:
            task.cancel()


@contextlib.contextmanager
def mosquitto_with(folder: Path, extra: Sequence[str]) -> Iterator[Mosquitto]:
    with Mosquitto(folder / "broker", extra=extra).serving() as server:
        yield server


def seqs(listener: Listener) -> list[int]:
    """In the order of arrival, repetitions left out."""
    return list(dict.fromkeys(each.seq for each in listener.batches()))


async def test_status_documents_and_messages_arrive_in_order_and_the_end_is_reported(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as listener:
        async with sending(broker_at(mosquitto)) as sender:
            sender.publisher.set_device_document(
                DeviceDocument(agent="gw-1", device="d", device_class="ups", time=1, model="M")
            )
            sender.put(500)
            await eventually(sender.empty, "all confirmed")
            assert sender.counters.connected
        await eventually(lambda: len(listener.statuses()) == 2, "offline status")
        assert [each.status for each in listener.statuses()] == ["online", "offline"]
        # As the will, which a broker that limits packets takes only while it is short.
        last = listener.statuses()[-1]
        assert (last.account, last.devices, last.refused) == (None, [], {})
        assert listener.messages[0].topic.value == "rackflow/v1/t1/gw-1/status"
        assert seqs(listener) == list(range(1, 501))
        assert [each.model for each in listener.documents("d") if each] == ["M"]
    async with listening(mosquitto) as late:
        await eventually(lambda: late.statuses() and late.documents("d"), "retained documents")
        assert late.statuses()[0].status == "offline"


async def test_the_status_at_a_connection_has_the_account_of_that_moment(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as listener, sending(broker_at(mosquitto)) as sender:
        # Before the first attempt to connect, which is in another task.
        sender.outbox.done(sender.outbox.put(TOPIC, lambda _: b"{}", now_ms=1), "too_large")
        await eventually(listener.statuses, "the status")
        account = listener.statuses()[0].account
        assert account is not None
        assert [(each.first, each.last, each.reason) for each in account.dropped] == [(1, 1, "too_large")]


async def test_a_removed_device_leaves_nothing_retained(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as listener, sending(broker_at(mosquitto)) as sender:
        sender.publisher.set_device_document(DeviceDocument(agent="gw-1", device="d", device_class="ups", time=1))
        await eventually(lambda: listener.documents("d"), "document")
        sender.publisher.remove_device("d")
        await eventually(lambda: listener.documents("d")[-1] is None, "cleared")
    async with listening(mosquitto) as late:
        await eventually(late.statuses, "status")
        assert late.documents("d") == []


async def test_a_broker_restart_loses_nothing_and_needs_nobody(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as listener, sending(broker_at(mosquitto)) as sender:
        sender.put(300)
        await eventually(lambda: len(seqs(listener)) > 50, "some have arrived")
        sender.put(300)
        await asyncio.to_thread(mosquitto.stop)
        sender.put(300)
        await eventually(lambda: not sender.counters.connected, "the break is noticed")
        assert not sender.empty()
        await asyncio.to_thread(mosquitto.start)
        await eventually(lambda: sender.empty() and len(seqs(listener)) == 900, "everything has arrived", timeout_s=60)
        assert sorted(seqs(listener)) == list(range(1, 901))
        assert sender.counters.reconnects >= 1


async def test_what_a_restarted_broker_has_forgotten_is_retained_again(tmp_path: Path) -> None:
    """It keeps nothing on disk: without its document a device would have no name until its agent restarts."""
    with mosquitto_with(tmp_path, []) as server:
        async with listening(server) as listener, sending(broker_at(server)) as sender:
            sender.publisher.set_device_document(DeviceDocument(agent="gw-1", device="d", device_class="ups", time=1))
            await eventually(lambda: len(listener.documents("d")) == 1, "document")
            await asyncio.to_thread(server.restart)
            await eventually(lambda: len(listener.documents("d")) > 1, "and again", timeout_s=60)


async def test_a_broker_that_hangs_is_left_and_tried_again(mosquitto: Mosquitto) -> None:
    async with listening(mosquitto) as listener, sending(broker_at(mosquitto)) as sender:
        await eventually(lambda: sender.counters.connected, "connected")
        os.kill(mosquitto.pid, signal.SIGSTOP)
        try:
            sender.put(10)
            await eventually(lambda: not sender.counters.connected, "the silence is noticed")
            assert sender.counters.publish_failures["timeout"] == 1
        finally:
            os.kill(mosquitto.pid, signal.SIGCONT)
        await eventually(lambda: sender.empty() and seqs(listener) == list(range(1, 11)), "everything has arrived", 60)


async def test_a_broken_connection_is_noticed_while_nothing_is_under_way(mosquitto: Mosquitto) -> None:
    """Not only by a message that is not confirmed in time, nor by a ping."""
    async with sending(broker_at(mosquitto, timeout_s=60, keepalive_s=30)) as sender:
        await eventually(lambda: sender.counters.connected, "connected")
        mosquitto.stop()
        await eventually(lambda: not sender.counters.connected, "noticed")


async def test_wrong_credentials_are_reported_once_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "agent")
    with Mosquitto(tmp_path / "broker", passwords={"gw": "right"}).serving() as server:
        wrong = broker_at(server, username="gw", password="wrong")
        right = broker_at(server, username="gw", password="right")
        async with listening(server, "gw", "right") as listener, sending(wrong) as sender:
            sender.put(3)
            await eventually(lambda: "credentials" in (sender.publisher.fault or ""), "refused")
            assert not sender.counters.connected
            assert sum("broker.username and broker.password" in record.message for record in caplog.records) == 1
            sender.publisher.set_broker(right)
            await eventually(lambda: seqs(listener) == [1, 2, 3], "delivered after the correction")
    assert "wrong" not in caplog.text
    assert "right" not in caplog.text


async def test_a_broker_that_takes_few_at_a_time_gets_them_in_order(tmp_path: Path) -> None:
    with mosquitto_with(tmp_path, ["max_inflight_messages 2"]) as server:
        async with listening(server) as listener, sending(broker_at(server)) as sender:
            sender.put(200)
            await eventually(lambda: len(seqs(listener)) == 200, "all arrive")
            assert seqs(listener) == list(range(1, 201))
            assert sender.counters.reconnects == 0


async def test_one_place_of_those_that_the_broker_allows_is_kept_for_the_farewell(tmp_path: Path) -> None:
    with mosquitto_with(tmp_path, ["max_inflight_messages 5"]) as server:
        connection = Connection(
            broker_at(server),
            "one",
            ("will", b""),
            on_confirmed=lambda _: None,
            on_refused=lambda *_: None,
            on_received=lambda _: None,
        )
        async with connection:
            assert connection.window.size == 4


@pytest.fixture
def tls_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout k.pem -out c.pem -subj /CN=localhost"
    command = [*make.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60, capture_output=True)
    with mosquitto_with(tmp_path, [f"certfile {tmp_path}/c.pem", f"keyfile {tmp_path}/k.pem"]) as server:
        yield server


async def test_tls_with_a_private_authority(tls_broker: Mosquitto, tmp_path: Path) -> None:
    async with sending(broker_at(tls_broker, tls=True, ca_file=tmp_path / "c.pem")) as sender:
        await eventually(lambda: sender.counters.connected, "connected")


@pytest.mark.parametrize(("host", "trusted"), [("localhost", True), ("127.0.0.1", False)])
def test_the_certificate_must_be_for_the_name_of_the_broker_and_not_for_its_address(
    tmp_path: Path, host: str, *, trusted: bool
) -> None:
    """The connection is made to an address that was looked up before; the name is what is verified."""
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout k.pem -out c.pem -subj /CN=localhost"
    command = [*make.split(), "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=60, capture_output=True)
    with mosquitto_with(tmp_path, [f"certfile {tmp_path}/c.pem", f"keyfile {tmp_path}/k.pem"]) as server:
        context = Broker(host=host, tls=True, ca_file=tmp_path / "c.pem").tls_context()
        assert context is not None
        named = _named(context, host)
        assert named is context
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as plain:
            if trusted:
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as sock:
                    assert sock.server_hostname == "localhost"
            else:
                with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
                    context.wrap_socket(plain, server_hostname="localhost")


async def test_a_broker_whose_name_is_unknown_is_reported_as_such() -> None:
    async with sending(Broker(host="no-such-host.invalid", timeout_s=2)) as sender:
        await eventually(lambda: "cannot resolve no-such-host.invalid" in (sender.publisher.fault or ""), "its fault")


async def test_a_broker_with_a_strange_certificate_is_not_trusted(tls_broker: Mosquitto) -> None:
    async with sending(broker_at(tls_broker, tls=True)) as sender:
        await eventually(lambda: "CERTIFICATE_VERIFY_FAILED" in (sender.publisher.fault or ""), "not trusted")


async def test_a_certificate_that_cannot_be_used_is_found_at_the_start(tmp_path: Path) -> None:
    broker = Broker(tls=True, ca_file=tmp_path / "absent.pem")
    with pytest.raises(ConfigError, match="a certificate file cannot be used"):
        Sender(broker)


async def test_what_nobody_hears_is_kept_until_somebody_does(mosquitto: Mosquitto) -> None:
    """A broker that lost its sessions confirms messages that it throws away (MQTT 5, reason code 16)."""
    async with sending(broker_at(mosquitto)) as sender:
        sender.put(50)
        await eventually(lambda: sender.counters.publish_failures["unheard"] > 0, "nobody heard it")
        assert sender.outbox.stats().messages == 50
        async with listening(mosquitto) as listener:
            sender.put(1)
            await eventually(sender.empty, "all confirmed", timeout_s=60)
            # The broker may confirm a message before it hands it on.
            await eventually(lambda: sorted(set(seqs(listener))) == list(range(1, 52)), "all are heard")


async def test_agents_whose_names_read_alike_when_joined_do_not_end_each_others_connections(
    mosquitto: Mosquitto,
) -> None:
    """Agent `c` of site `a-b`, and agent `b-c` of site `a`: a broker has one connection for each client id."""
    first = config_for(mosquitto, "ups-1", agent="c", labels={"site": "a-b"})
    second = config_for(mosquitto, "ups-1", agent="b-c", labels={"site": "a"})
    async with listening(mosquitto) as listener, running(first, Devices()), running(second, Devices()):
        sites = set[str]()
        async with asyncio.timeout(30):
            while sites != {"a", "a-b"}:
                await asyncio.sleep(0.02)
                sites = {status.site for status in listener.statuses() if status.status == "online"}
    assert "already connected" not in mosquitto.log
