"""One MQTT 5 connection, as agent and collector need it. The only module that imports aiomqtt and paho-mqtt.

aiomqtt runs the connection: the socket on the event loop, the handshake, keep-alive, subscribing and leaving. Underneath
it is a client of paho-mqtt, which can do four things that aiomqtt 2.5 does not pass on: acknowledging by hand, publishing
without a task per message, the reason code of each PUBACK, and the broker's limits in CONNACK. Only `paho_client`
uses a private attribute; everything else in this module, the agent and the collector is public API of the two libraries.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.enums import LogLevel
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from rackflow.errors import RackflowError
from rackflow.process.broker import Broker, explain
from rackflow.process.stopping import obey_cancellation

__all__ = [
    "PACKET_TOO_LARGE",
    "BrokerError",
    "Callbacks",
    "Limits",
    "MQTTMessage",
    "MqttConnection",
    "ReasonCode",
    "Session",
    "Will",
    "paho_client",
    "refusal",
    "topic_of",
]

log = logging.getLogger(__name__)
# Longest wait for TCP and TLS. aiomqtt 2.5.1 connects in a thread, which cannot be cancelled, so a stop may take as long. Five
# seconds allow two retransmissions of a lost SYN (after 1 s and 3 s).
CONNECT_S = 5.0

# How long a stop waits for a connection that is being opened, so that it can be closed. A broker that answers does so sooner.
LATE_S = 0.5
# Messages that are read in one turn of the loop, each 0.05 to 0.1 ms; others wait no longer than that for theirs.
READ_AT_ONCE = 50
# And their bytes: whoever bounds what waits can only do so between two turns.
BYTES_AT_ONCE = 256 * 1024
# How long to wait for the reason of a connection that has ended. It is known already; a bound in case it never is.
REASON_S = 1.0

# Reason codes of MQTT 5 (2.4).
PROTOCOL_ERROR = 0x82
PACKET_TOO_LARGE = 0x95

BrokerError = (aiomqtt.MqttError, ValueError)
"""Errors that may end a connection. paho-mqtt raises ValueError for a text that cannot be a host name (`a..b`)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The session state and the broker's limits in CONNACK; None if the broker sets no limit."""

    session_present: bool
    receive_maximum: int | None
    packet_bytes: int | None


UNAVAILABLE = ReasonCode(PacketTypes.CONNACK, identifier=0x88)
"""The reason given to aiomqtt when a connection ends before CONNACK."""


def _ignore(*_: object) -> None:
    """The default of callbacks that are not wanted."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Called on the event loop. `opened` comes before any message of the connection is received."""

    opened: Callable[[Limits], None]
    confirmed: Callable[[int, ReasonCode], None] = _ignore
    """Message identifier and reason code of each PUBACK."""
    received: Callable[[MQTTMessage], None] = _ignore


@dataclass(frozen=True, slots=True)
class Will:
    """The message that the broker publishes, retained, when the connection ends without DISCONNECT."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """A session that outlives the connection by `expiry_s`, with at most `receive_maximum` unacknowledged messages.

    The broker sends no packet larger than `packet_bytes`.
    """

    expiry_s: int
    receive_maximum: int
    packet_bytes: int = 268_435_455
    """By default the largest that MQTT knows (MQTT 5, 1.5.5)."""

    def properties(self) -> Properties:
        """The properties of CONNECT that ask for this session (MQTT 5, 3.1.2.11)."""
        found = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
        found.SessionExpiryInterval = self.expiry_s
        found.ReceiveMaximum = self.receive_maximum
        found.MaximumPacketSize = self.packet_bytes
        return found


class MqttConnection:
    """A connection, open inside `async with`. With a `session`, only `acknowledge` acknowledges received messages."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        callbacks: Callbacks,
        *,
        will: Will | None = None,
        session: Session | None = None,
        window: int | None = None,
        address: str | None = None,
    ) -> None:
        """`window` is how many published messages may wait for their PUBACK, `address` one of the host's (`BrokerAddresses`).

        Raises ConfigError, see `Broker.tls_context`.
        """
        self._mqtt = aiomqtt.Client(
            hostname=address or broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password.get_secret_value() if broker.password else None,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=True) if will else None,
            timeout=broker.timeout_s,
            keepalive=broker.keepalive_s,
            clean_start=session is None,
            properties=session.properties() if session else None,
            max_inflight_messages=window,
            tls_context=_named(broker.tls_context(), broker.host),
        )
        self._is_tls = broker.tls
        self._paho = paho_client(self._mqtt)
        self._paho.connect_timeout = min(broker.timeout_s, CONNECT_S)
        # Without manual acknowledgement paho acknowledges before the callback returns, and so before anything is durable.
        self._paho.manual_ack_set(session is not None)
        self._is_paused, self._has_session, self._arrived, self._read_bytes = False, session is not None, 0, 0
        self._callbacks = callbacks
        self._opening: asyncio.Task[aiomqtt.Client] | None = None
        self.ended_by: int | None = None
        """The reason code with which the broker ended the connection; None if it gave none."""
        self.is_dropped = False
        """Whether the connection was closed from here, with `drop`."""
        self.is_unreadable = False
        """Whether paho-mqtt ended the connection, because it cannot read an answer of the broker.

        mosquitto 2.0.11 confirms a message above its `message_size_limit` with PUBACK and 0x95, which MQTT 5 does not allow there
        (3.4.2.1); paho-mqtt 2 takes that for a protocol error (no public issue).
        """
        self._aiomqtt_opened: Any = self._paho.on_connect
        self._paho.on_connect = self._opened
        self._answered = False
        self._aiomqtt_closed: Any = self._paho.on_disconnect
        self._paho.on_disconnect = self._closed
        self._socket_fault = ""
        # Only until the broker has answered: paho formats a line for this callback for every message.
        self._paho.on_log = self._note
        self._paho.on_publish = self._confirmed
        # Messages bypass aiomqtt's queue: its messages do not carry the DUP flag (message sent before), and reading the queue
        # costs a task per message.
        self._paho.on_message = self._received

    async def __aenter__(self) -> Self:
        # In a task of its own, because it cannot be cancelled: aiomqtt connects in a thread, and then awaits CONNACK within
        # `asyncio.wait_for`. A connection that opens after it is no longer wanted would stay open until the process ends.
        opening = asyncio.create_task(self._mqtt.__aenter__(), name="mqtt-open")
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._opening = opening
            opening.add_done_callback(self._drop_late)
            await asyncio.wait([opening], timeout=LATE_S)
            raise
        except aiomqtt.MqttError as error:
            # Nobody waits for the answer any more: a reason given to aiomqtt now would be logged by asyncio as never retrieved.
            was_answered, self._answered = self._answered, True
            if was_answered or not self._socket_fault:
                raise
            raise aiomqtt.MqttError(explain(self._socket_fault, tls=self._is_tls)) from error
        finally:
            # Its error refers to this frame, and would keep the socket of a failed TLS handshake, which paho-mqtt does not close.
            del opening
        # Not before: whoever opens this connection can pause it only once it has it, and until then each message takes a turn of the loop.
        if self._has_session and (sock := self._paho.socket()) is not None:
            asyncio.get_running_loop().add_reader(sock.fileno(), self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._mqtt.__aexit__(kind, error, trace)
        finally:
            # aiomqtt keeps why a connection broke in a future. If nobody asks for it, as after a failed SUBSCRIBE, asyncio logs it
            # with a traceback when the future is deleted.
            if not self.is_open:
                with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                    async with asyncio.timeout(REASON_S):
                        await self.lost()

    @property
    def timeout_s(self) -> float:
        """Longest wait for an answer of the broker, DISCONNECT included."""
        return self._mqtt.timeout

    @timeout_s.setter
    def timeout_s(self, value: float) -> None:
        self._mqtt.timeout = value

    @property
    def is_open(self) -> bool:
        """Whether there is a socket. There is none after the broker or the network ended the connection."""
        return self._paho.socket() is not None

    async def lost(self) -> str:
        """Wait for the end of the connection; returns the reason."""
        try:
            # Nothing is ever put into this queue (see `__init__`), so this ends with the connection and only then.
            await anext(self._mqtt.messages)
        except aiomqtt.MqttError as error:
            return str(error.__cause__ or "closed from here")
        raise AssertionError("a message in aiomqtt's queue")  # pragma: no cover - on_message is ours

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> tuple[int, str]:
        """Hand a message to the socket, QoS 1. Returns its identifier, and why it cannot be sent (empty if it can).

        It uses paho and not `aiomqtt.Client.publish`, which waits for each PUBACK and so would need one task per message in the
        window; here one task is enough.
        """
        info = self._paho.publish(topic, payload, 1, retain)
        return info.mid, "" if info.rc == MQTT_ERR_SUCCESS else str(aiomqtt.MqttCodeError(info.rc))

    def acknowledge(self, mid: int) -> None:
        """Send PUBACK for a message received on this connection."""
        self._paho.ack(mid, 1)

    async def subscribe(self, filters: Sequence[str]) -> list[ReasonCode]:
        """Subscribe at QoS 1; returns the reason codes of refused filters. Raises BrokerError."""
        codes = await obey_cancellation(self._mqtt.subscribe([(each, 1) for each in filters]))
        return [code for code in codes if isinstance(code, ReasonCode) and code.is_failure]

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        """Unsubscribe. Raises BrokerError, also if the broker does not answer in time."""
        await obey_cancellation(self._mqtt.unsubscribe(list(filters)))

    def _drop_late(self, opening: asyncio.Task[aiomqtt.Client]) -> None:
        if not opening.cancelled():
            opening.exception()  # seen: nobody is interested any more
        self.drop()

    def pause(self) -> None:
        """Stop reading from the socket, so that the broker has to wait. Nothing is noticed meanwhile, not even the connection's end."""
        self._is_paused = True
        if (sock := self._paho.socket()) is not None:
            asyncio.get_running_loop().remove_reader(sock.fileno())

    def resume(self) -> None:
        """Read again after `pause`."""
        if self._is_paused and (sock := self._paho.socket()) is not None:
            loop = asyncio.get_running_loop()
            loop.add_reader(sock.fileno(), self._read)
            loop.call_soon(self._read)  # what TLS has decrypted already makes no socket readable
        self._is_paused = False

    def _read(self) -> None:
        """What aiomqtt does when its socket is readable, for several messages: a turn of the loop for each took a tenth of receiving."""
        try:
            self._read_bytes = 0
            for _ in range(READ_AT_ONCE):
                if self._is_paused:
                    return
                if self._read_bytes > BYTES_AT_ONCE:
                    break
                before = self._arrived
                self._paho.loop_read()
                if self._arrived == before and not self._is_decrypted():
                    return
        except Exception as error:  # noqa: BLE001 - as aiomqtt: what cannot be read ends the connection, not the process
            if not isinstance(error, OSError):
                log.warning("the connection to the broker is given up, what came cannot be read error=%r", error)
            self._paho.disconnect()
            return
        if self._is_decrypted():
            # It makes no socket readable.
            asyncio.get_running_loop().call_soon(self._read)

    def _is_decrypted(self) -> bool:
        pending = getattr(self._paho.socket(), "pending", None)
        return pending is not None and bool(pending())

    def drop(self) -> None:
        """Close the socket of an attempt that failed half-way, which aiomqtt 2.5.1 leaves open (no public issue)."""
        self.is_dropped = True
        self._paho.disconnect()

    def _opened(
        self,
        client: PahoClient,
        userdata: Any,  # noqa: ANN401 - paho's own signature
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self._answered = True
        self._paho.on_log = None
        if not reason_code.is_failure:
            self._callbacks.opened(
                Limits(
                    flags.session_present,
                    getattr(properties, "ReceiveMaximum", None),
                    getattr(properties, "MaximumPacketSize", None),
                )
            )
        # `async with` continues only after this call, so `opened` has been called before anything can be published or received.
        self._aiomqtt_opened(client, userdata, flags, reason_code, properties)

    def _closed(
        self,
        client: PahoClient,
        userdata: Any,  # noqa: ANN401 - paho's own signature
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self.ended_by = reason_code.value
        else:
            self.is_unreadable = reason_code.value == PROTOCOL_ERROR
        self._aiomqtt_closed(client, userdata, flags, reason_code, properties)
        if not self._answered:
            # aiomqtt 2.5.1 waits for CONNACK until its timeout although the connection has ended (no public issue). With TLS 1.3 the broker
            # refuses a certificate at this moment, and the person who looks for the reason would read "timed out".
            self._socket_fault = self._socket_fault or "closed without an answer"
            self._aiomqtt_opened(client, userdata, ConnectFlags(session_present=False), UNAVAILABLE, None)

    def _note(self, client: PahoClient, userdata: Any, level: int, text: str) -> None:  # noqa: ANN401, ARG002
        if level == LogLevel.MQTT_LOG_ERR:
            self._socket_fault = text.partition("socket: ")[2] or text

    def _confirmed(
        self,
        client: PahoClient,  # noqa: ARG002 - paho's own signature
        userdata: Any,  # noqa: ANN401, ARG002 - paho's own signature
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,  # noqa: ARG002 - paho's own signature
    ) -> None:
        self._callbacks.confirmed(mid, reason_code)

    def _received(self, client: PahoClient, userdata: Any, message: MQTTMessage) -> None:  # noqa: ANN401, ARG002
        self._arrived += 1
        self._read_bytes += len(message.payload)
        self._callbacks.received(message)


def _named(context: ssl.SSLContext | None, host: str) -> ssl.SSLContext | None:
    """A context that asks for, and verifies, the certificate of `host`. paho-mqtt would take the address for the name."""
    if context is not None:
        # Without a strong reference to itself: sockets of failed attempts, which paho-mqtt leaves to be collected, go with it at once.
        itself = weakref.ref(context)

        def wrap_named(sock: socket.socket, **settings: Any) -> ssl.SSLSocket:  # noqa: ANN401 - passed on as they are
            this = itself()
            if this is None:
                raise ReferenceError("the context is gone")  # pragma: no cover - paho-mqtt holds it while it calls this
            return ssl.SSLContext.wrap_socket(this, sock, **(settings | {"server_hostname": host}))

        context.wrap_socket = wrap_named  # type: ignore[method-assign, assignment]  # of this context alone
    return context


def paho_client(client: aiomqtt.Client) -> PahoClient:
    """The client of paho-mqtt inside an aiomqtt client: the one private attribute of a library that Rackflow's MQTT needs.

    aiomqtt 2.5.1 has no public way to acknowledge by hand: https://github.com/empicano/aiomqtt/issues/345, offered in
    https://github.com/empicano/aiomqtt/pull/346 and open since 2024; this attribute is the workaround named there.
    pyproject.toml keeps aiomqtt below 3, and `tests/rackflow/test_libraries.py` fails if the attribute has moved.

    Raises RackflowError if there is no such client.
    """
    found = getattr(client, "_client", None)
    if not isinstance(found, PahoClient):
        raise RackflowError(
            f"aiomqtt {version('aiomqtt')} keeps its paho-mqtt client elsewhere than 2.5 did; install aiomqtt 2.5"
        )
    return found


def refusal(error: BaseException) -> ReasonCode | None:
    """The broker's reason for refusing the connection, or None if it gave none."""
    code = getattr(error, "rc", None)
    return code if isinstance(code, ReasonCode) else None


def topic_of(message: MQTTMessage) -> str:
    """The topic; empty if it is not valid UTF-8, which MQTT requires.

    paho-mqtt 2.2.0 notices this only when the topic is read: https://github.com/eclipse-paho/paho.mqtt.python/issues/173.
    """
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""
