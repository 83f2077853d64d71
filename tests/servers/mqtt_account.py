"""An MQTT 5 client of one account, which sees what the broker answers to each message."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt

from rackflow.process.broker import Broker
from rackflow.process.mqtt import (
    Callbacks,
    Limits,
    MqttConnection,
    MQTTMessage,
    ReasonCode,
    Session,
    Will,
    paho_client,
    topic_of,
)

DENIED = 0x87
"""The reason code "not authorized" of a PUBACK (MQTT 5, 3.4.2.1)."""
# How often a condition is looked at.
STEP_S = 0.005


@dataclass
class Account:
    """One open connection. `received` are topic and payload of all messages, in order."""

    received: list[tuple[str, bytes]] = field(default_factory=list)
    resumed: bool = False
    """Whether the broker had a session for this client."""
    packet_bytes: int = 0
    """The largest packet that the broker takes."""
    answers: dict[int, int] = field(default_factory=dict)
    _connection: MqttConnection | None = None

    async def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        """Publish at QoS 1; returns the reason code of the broker's answer."""
        mid = self.send(topic, payload, retain=retain)
        await _until(lambda: mid in self.answers)
        return self.answers[mid]

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Publish without waiting; returns the message's identifier."""
        mid, fault = self._open.publish(topic, payload, retain=retain)
        assert not fault
        return mid

    async def subscribe(self, *filters: str) -> list[ReasonCode]:
        """Subscribe; returns the codes of refused filters."""
        return await self._open.subscribe(filters)

    async def wait_for(self, topic: str, payload: bytes) -> None:
        """Wait for a message."""
        await _until(lambda: (topic, payload) in self.received)

    async def wait_for_topic(self, topic: str) -> None:
        """Wait for any message of a topic."""
        await _until(lambda: any(each == topic for each, _ in self.received))

    async def lost(self) -> str:
        """Wait until the broker ends the connection."""
        async with asyncio.timeout(30):
            return await self._open.lost()

    @property
    def _open(self) -> MqttConnection:
        assert self._connection is not None
        return self._connection

    def opened(self, limits: Limits) -> None:
        """See `Callbacks`."""
        self.resumed = limits.session_present
        self.packet_bytes = limits.packet_bytes or 0

    def confirmed(self, mid: int, code: ReasonCode) -> None:
        """See `Callbacks`."""
        self.answers[mid] = code.value

    def took(self, message: MQTTMessage) -> None:
        """See `Callbacks`; acknowledges."""
        self.received.append((topic_of(message), bytes(message.payload)))
        if message.qos:
            self._open.acknowledge(message.mid)

    def use(self, connection: MqttConnection) -> None:
        """What to publish on."""
        self._connection = connection


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():  # noqa: ASYNC110 - paho calls back on this loop
            await asyncio.sleep(STEP_S)


def with_password(port: int, username: str, password: str = "pw") -> Broker:  # noqa: S107 - of a broker for tests
    """How to connect on loopback."""
    return Broker.model_validate(
        {"port": port, "username": username, "password": password, "timeout_s": 5, "keepalive_s": 5}
    )


def with_certificate(port: int, authority: Path, certificate: Path | None, **more: object) -> Broker:
    """How to connect with TLS; the key lies beside the certificate."""
    files: dict[str, object] = {"ca_file": authority}
    if certificate is not None:
        files |= {"cert_file": certificate, "key_file": certificate.with_suffix(".key")}
    return Broker.model_validate({"port": port, "tls": True, "timeout_s": 5, "keepalive_s": 5, **files, **more})


@contextlib.asynccontextmanager
async def connected(
    broker: Broker, client_id: str = "any", *, session: bool = False, will: Will | None = None
) -> AsyncIterator[Account]:
    """A connection for the block; with `session` one that the broker keeps for a minute. Raises BrokerError."""
    found = Account()
    connection = MqttConnection(
        broker,
        client_id,
        Callbacks(found.opened, found.confirmed, found.took),
        will=will,
        session=Session(60, 100) if session else None,
    )
    found.use(connection)
    async with connection:
        yield found


async def die(broker: Broker, will: Will) -> None:
    """Connect and let the network end the connection, so that the broker publishes the will."""
    assert broker.username is not None
    assert broker.password is not None
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        username=broker.username,
        password=broker.password.get_secret_value(),
        identifier="any",
        protocol=aiomqtt.ProtocolVersion.V5,
        will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=True),
    )
    await client.__aenter__()
    open_socket = paho_client(client).socket()
    assert isinstance(open_socket, socket.socket)
    open_socket.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(aiomqtt.MqttError):
        await client.__aexit__(None, None, None)
