"""One MQTT 5 connection for those who send or receive many messages, over our own transport and the codec of `packets.py`.

Sending one of 2.9 kB costs the agent 12 to 16 us beyond an idle sender, and 55 to 68 us through paho-mqtt (`rackflow/process/mqtt.py`,
which everything else uses; 2,000 messages a second, uvloop, mosquitto beside it). Receiving one costs the collector 9 us, and 46 us
through paho-mqtt. Nothing here waits in a queue of its own: what the broker has not confirmed is the caller's to keep and to limit.
"""

import asyncio
import errno
import os
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from rackflow.errors import RackflowError
from rackflow.process.broker import Broker, explain, explain_alert
from rackflow.process.certificates import Certificate, shown_by
from rackflow.process.mqtt5 import packets
from rackflow.process.mqtt5.packets import MAX_MID, ConnAck, MalformedPacketError, Received, Will
from rackflow.process.mqtt5.reasons import FAILURE, reason_text
from rackflow.process.mqtt5.wire import Wire, WireCallbacks

# Longest wait for TCP and TLS. Five seconds allow two retransmissions of a lost SYN (after 1 s and 3 s).
CONNECT_S: Final = 5.0
# How long an answer to a ping that is due may still be read: if the loop was late, the timer fires before the socket is looked at.
PING_GRACE_S: Final = 0.25
# How long nothing may be sent, in keep-alives, before this side counts as silent. A broker waits one and a half times the keep-alive
# (MQTT 5, 3.1.2.10); a ping is sent after one. Less than one and a half, because not all brokers are so patient.
PATIENCE: Final = 1.25
# A broker that hung up while this process stood still is noticed at once when it goes on. But what waited may be sent before that.
OVERDUE_RECENT_S: Final = 5.0
# A broker that takes no larger packet takes no batch at all: one of a single reading needs some 500 bytes, and an identifier of 64
# letters for site, agent and device as many again.
MIN_PACKET_BYTES: Final = 1280


class BrokerError(RackflowError):
    """There is no connection, or no answer. `code` is the broker's reason, if it gave one; `is_lasting`, if only a person can help."""

    def __init__(self, text: str, code: int | None = None, *, is_lasting: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.is_lasting = is_lasting


@dataclass(frozen=True, slots=True)
class Limits:
    """What the broker says in CONNACK; `packet_bytes` is None if it sets no limit."""

    session_present: bool
    receive_maximum: int
    packet_bytes: int | None


def _ignore(*_: object) -> None:
    """The default of callbacks that are not wanted."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Called on the event loop. `opened` comes before all others."""

    opened: Callable[[Limits], None] = _ignore
    confirmed: Callable[[int, int], None] = _ignore
    """Message identifier and reason code of each PUBACK."""
    received: Callable[[Received], None] = _ignore
    """It is acknowledged when the call returns, or by hand (`Session.acks_by_hand`)."""
    writable: Callable[[bool], None] = _ignore
    """Whether the broker reads what it is sent; at first it does."""


@dataclass(slots=True)
class Session:
    """What outlives a connection, here and at the broker, by `expiry_s`: the next connection is given the same object."""

    expiry_s: int
    unconfirmed: dict[int, bytes] = field(default_factory=dict)
    """PUBLISH packets by message identifier, oldest first. A broker that still has the session gets them again, marked as duplicates."""
    receive_maximum: int = MAX_MID
    """How many messages the broker may send that are not acknowledged."""
    packet_bytes: int = packets.LARGEST_PACKET_BYTES
    """It sends no larger packet."""
    acks_by_hand: bool = False
    """Whether only `acknowledge` acknowledges a message. Otherwise it counts as handled when the callback returns."""


class MqttClient:
    """A connection, open inside `async with`, which raises BrokerError if it cannot be opened."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        callbacks: Callbacks,
        *,
        will: Will | None = None,
        session: Session | None = None,
        address: str | None = None,
    ) -> None:
        """`address` is one of the host's (`BrokerAddresses`). Raises ConfigError, see `Broker.tls_context`."""
        self._broker = broker
        self._address = address or broker.host
        self._tls = broker.tls_context()
        self._callbacks = callbacks
        self._session = session
        self._connect = packets.connect_packet(
            client_id,
            username=broker.username,
            password=broker.password.get_secret_value() if broker.password else None,
            keepalive_s=broker.keepalive_s,
            will=will,
            session_expiry_s=session.expiry_s if session else None,
            receive_maximum=session.receive_maximum if session else MAX_MID,
            packet_bytes=session.packet_bytes if session else packets.LARGEST_PACKET_BYTES,
        )
        self._acks_by_hand = session is not None and session.acks_by_hand
        self._loop = asyncio.get_running_loop()
        self._wire = Wire(
            WireCallbacks(self._on_packet, callbacks.writable, self._on_end),
            session.packet_bytes if session else packets.LARGEST_PACKET_BYTES,
        )
        self._answer: asyncio.Future[None] = self._loop.create_future()
        # Without a session the packets are empty: whoever publishes has the messages.
        self._unconfirmed: dict[int, bytes] = session.unconfirmed if session else {}
        # Of a resumed session: what has not been sent again yet, and how many packets the broker takes at a time.
        self._to_resend: deque[int] = deque()
        self._receive_maximum = MAX_MID
        self._subscribing: dict[int, tuple[int, asyncio.Future[list[int]]]] = {}
        self._mid = 0
        self._keepalive_s = float(broker.keepalive_s)
        self._alive_timer: asyncio.TimerHandle | None = None
        self._pinged_at_s: float | None = None
        self._is_ping_late = False
        self.timeout_s = broker.timeout_s
        """Longest wait for an answer of the broker, and for everything to be sent at the end."""
        self.ended_by: int | None = None
        """The reason code with which the broker ended the connection; None if it gave none."""
        self.has_stood_still = False
        """Whether the connection ended because nothing was sent for longer than agreed: this process stood still, not the broker."""
        self.is_dropped = False
        """Whether the connection was closed from here, with `drop`."""
        self.certificates: tuple[Certificate, ...] = ()
        """What the broker has shown of itself; nothing without TLS."""

    async def __aenter__(self) -> Self:
        try:
            await self._open()
            await self._handshake()
        except BaseException:
            self._wire.abort("closed from here")
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._wire.is_open:
                self._wire.send(packets.DISCONNECT_PACKET)
                self._wire.close("closed from here")
                async with asyncio.timeout(self.timeout_s):
                    await self._wire.ended()
        except TimeoutError:
            pass  # the broker does not read: unsent packets are lost with the connection
        finally:
            self._wire.abort("closed from here")

    @property
    def is_open(self) -> bool:
        """Whether something can be sent. Nothing can after the broker or the network ended the connection."""
        return self._wire.is_open

    @property
    def is_unreadable(self) -> bool:
        """Whether the connection was ended from here, because what the broker sent cannot be read."""
        return self._wire.is_unreadable

    async def lost(self) -> str:
        """Wait for the end of the connection; returns the reason."""
        return await self._wire.ended()

    def drop(self) -> None:
        """End the connection without telling the broker."""
        self.is_dropped = True
        self._wire.abort("closed from here")

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> tuple[int, str]:
        """Send a message at QoS 1. Returns its identifier, and why it cannot be sent (empty if it can)."""
        mid = self._next_mid()
        packet = packets.publish_packet(mid, topic, payload, retain=retain)
        self._unconfirmed[mid] = packet if self._session is not None else b""
        self._wire.send(packet)
        return mid, "" if self._wire.is_open else f"not connected: {self._wire.why}"

    def flush(self) -> None:
        """Send at once what waits to be joined with others."""
        self._wire.flush()

    def acknowledge(self, mid: int) -> None:
        """Send PUBACK for a message received on this connection, together with others of the next 2 ms."""
        self._wire.send(packets.puback_packet(mid))

    def pause(self) -> None:
        """Receive nothing until `resume`, so that the broker has to wait. The end of the connection may go unnoticed meanwhile."""
        self._wire.pause()

    def resume(self) -> None:
        """Receive again after `pause`."""
        self._wire.resume()

    async def subscribe(self, filters: Sequence[str]) -> list[int]:
        """Subscribe at QoS 1; returns the reason codes of refused filters. Raises BrokerError."""
        return await self._ask("subscribe to", packets.subscribe_packet, filters)

    async def unsubscribe(self, filters: Sequence[str]) -> list[int]:
        """Unsubscribe; returns the reason codes of refused filters. Raises BrokerError, also if the broker does not answer in time."""
        return await self._ask("unsubscribe from", packets.unsubscribe_packet, filters)

    async def _ask(self, what: str, write: Callable[[int, Sequence[str]], bytes], filters: Sequence[str]) -> list[int]:
        mid = self._next_mid()
        try:
            packet = write(mid, filters)
        except ValueError as error:
            raise BrokerError(f"cannot {what} {', '.join(filters)}: {error}") from error
        if not self._wire.is_open:
            raise BrokerError(f"not connected: {self._wire.why}")
        answer: asyncio.Future[list[int]] = self._loop.create_future()
        self._subscribing[mid] = len(filters), answer
        self._wire.send(packet)
        self._wire.flush()
        try:
            async with asyncio.timeout(self.timeout_s):
                codes = await answer
        except TimeoutError as error:
            raise BrokerError(
                f"the broker has not answered {what.split(maxsplit=1)[0].upper()} within {self.timeout_s:g} s"
            ) from error
        finally:
            del self._subscribing[mid]
        return [code for code in codes if code >= FAILURE]

    async def _open(self) -> None:
        within_s = min(self._broker.timeout_s, CONNECT_S)
        try:
            async with asyncio.timeout(within_s):
                transport, _ = await self._loop.create_connection(
                    lambda: self._wire,
                    self._address,
                    self._broker.port,
                    ssl=self._tls,
                    # The certificate must be for the name in the configuration, and not for the address that was found for it.
                    server_hostname=self._broker.host if self._tls else None,
                )
        except TimeoutError as error:
            raise BrokerError(f"no connection within {within_s:g} s") from error
        except ssl.SSLError as error:
            raise BrokerError(explain_alert(str(error)) or str(error)) from error
        except OSError as error:
            text = os.strerror(error.errno) if error.errno else str(error)
            # asyncio has no words at all where the broker hangs up within the TLS handshake.
            raise BrokerError(text or explain(os.strerror(errno.ECONNRESET), tls=True)) from error
        except ValueError as error:  # a name that cannot be in a certificate
            raise BrokerError(str(error)) from error
        self.certificates = shown_by(transport.get_extra_info("ssl_object"))

    async def _handshake(self) -> None:
        self._wire.send(self._connect)
        self._wire.flush()
        try:
            async with asyncio.timeout(self.timeout_s):
                await self._answer
        except TimeoutError as error:
            raise BrokerError(f"the broker has not answered CONNECT within {self.timeout_s:g} s") from error

    def _on_packet(self, packet: bytes, start: int) -> None:
        kind = packet[0]
        if not self._answer.done():
            if kind != packets.CONNACK:
                raise MalformedPacketError(f"the broker sent a packet before it answered CONNECT: 0x{kind:02X}")
            self._on_connack(packets.read_connack(packet, start))
        elif kind == packets.PUBACK:
            self._on_puback(*packets.read_puback(packet, start))
        elif kind & 0xF0 == packets.PUBLISH:
            message = packets.read_publish(packet, start)
            self._callbacks.received(message)
            if message.mid and not self._acks_by_hand:
                self._wire.send(packets.puback_packet(message.mid))
        elif kind == packets.PINGRESP:
            self._pinged_at_s, self._is_ping_late = None, False
        elif kind in (packets.SUBACK, packets.UNSUBACK):
            self._on_suback(*packets.read_suback(packet, start))
        elif kind == packets.DISCONNECT:
            self.ended_by = packets.read_disconnect(packet, start)
            self._wire.abort(f"the broker ended it: {reason_text(self.ended_by)}")
        else:
            raise MalformedPacketError(
                f"the broker sent a packet that is not for clients, or not for now: 0x{kind:02X}"
            )

    def _on_connack(self, connack: ConnAck) -> None:
        if (error := fault_of(connack)) is not None:
            self._fail_opening(error)
            return
        self._receive_maximum = connack.receive_maximum
        # A broker may ask for a shorter time; signs of life more often than asked for do no harm (3.2.2.3.14).
        self._keepalive_s = min(self._keepalive_s, connack.keepalive_s or self._keepalive_s)
        self._wire.longest_silence_s = self._keepalive_s * PATIENCE
        self._alive_timer = self._loop.call_later(self._keepalive_s, self._check_alive)
        # What may be sent is known, and the session resumed, before anybody else can send or receive.
        self._callbacks.opened(Limits(connack.session_present, connack.receive_maximum, connack.packet_bytes))
        self._resume(is_present=connack.session_present)
        self._answer.set_result(None)

    def _fail_opening(self, error: BrokerError) -> None:
        """The connection is not to be opened."""
        self._answer.set_exception(error)
        self._answer.exception()  # seen: whoever opens the connection may have been cancelled
        self._wire.abort(str(error))

    def _resume(self, *, is_present: bool) -> None:
        """Send again what a former connection left unconfirmed, under the same identifiers and in order (4.4)."""
        if not is_present:
            self._unconfirmed.clear()
        self._to_resend.extend(self._unconfirmed)
        self._resend(min(len(self._to_resend), self._receive_maximum))

    def _resend(self, count: int) -> None:
        for _ in range(count):
            self._wire.send(packets.as_duplicate(self._unconfirmed[self._to_resend.popleft()]))

    def _on_puback(self, mid: int, code: int) -> None:
        if self._unconfirmed.pop(mid, None) is None:
            return  # of a message that was never sent, or is confirmed already
        if mid in self._to_resend:
            self._to_resend.remove(mid)  # it cannot be of this connection, but nobody needs the message any more
        else:
            self._resend(min(1, len(self._to_resend)))
        self._callbacks.confirmed(mid, code)

    def _on_suback(self, mid: int, codes: list[int]) -> None:
        count, answer = self._subscribing.get(mid, (len(codes), None))
        if count != len(codes):
            raise MalformedPacketError(f"the broker answered a subscription to {count} filters with {len(codes)} codes")
        if answer is not None and not answer.done():
            answer.set_result(codes)

    def _on_end(self) -> None:
        if self._alive_timer is not None:
            self._alive_timer.cancel()
        wire, now_s = self._wire, self._loop.time()
        is_overdue = now_s - wire.sent_at_s > wire.longest_silence_s or now_s - wire.overdue_at_s < OVERDUE_RECENT_S
        self.has_stood_still = is_overdue and not wire.is_unreadable and not self.is_dropped
        if not self._answer.done():
            why = self._wire.why
            self._fail_opening(
                BrokerError(why if self._wire.is_unreadable else explain(why, tls=self._tls is not None))
            )
        for _, answer in self._subscribing.values():
            if not answer.done():
                answer.set_exception(BrokerError(f"connection lost: {self._wire.why}"))

    def _check_alive(self) -> None:
        """Send a ping when nothing was sent, or came, for as long as agreed; end the connection when its answer does not come."""
        now_s, keepalive_s, wire = self._loop.time(), self._keepalive_s, self._wire
        due_s = min(wire.sent_at_s, wire.received_at_s) + keepalive_s
        if self._pinged_at_s is not None:
            due_s = self._pinged_at_s + keepalive_s
            if now_s >= due_s:
                if self._is_ping_late:
                    wire.abort(f"the broker has not answered a ping for {keepalive_s:g} s")
                    return
                self._is_ping_late = True
                due_s = now_s + PING_GRACE_S
        elif now_s >= due_s:
            wire.send(packets.PINGREQ_PACKET)
            wire.flush()
            self._pinged_at_s = now_s
            due_s = now_s + keepalive_s
        self._alive_timer = self._loop.call_at(due_s, self._check_alive)

    def _next_mid(self) -> int:
        """An identifier that is not in use; no more than the receive maximum are."""
        while True:
            self._mid = self._mid % MAX_MID + 1
            if self._mid not in self._unconfirmed and self._mid not in self._subscribing:
                return self._mid


def fault_of(connack: ConnAck) -> BrokerError | None:
    """Why the broker refuses a connection, or why it is of no use."""
    if connack.code >= FAILURE:
        return BrokerError(reason_text(connack.code), connack.code)
    fault = ""
    if not connack.supports_qos_1:
        fault = "the broker takes messages of QoS 0 only; allow QoS 1"
    elif not connack.supports_retained:
        fault = "the broker takes no retained messages; allow them"
    elif connack.packet_bytes is not None and connack.packet_bytes < MIN_PACKET_BYTES:
        fault = (
            f"the broker takes packets of {connack.packet_bytes} bytes at most; allow {packets.LARGEST_PACKET_BYTES}"
        )
    return BrokerError(fault, is_lasting=True) if fault else None
