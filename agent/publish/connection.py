"""One MQTT 5 connection of the agent: sends within a window of unconfirmed messages and reports what was confirmed.

A PUBACK with an error or with "no matching subscribers" is no confirmation: the message stays in the outbox. Only a message that
the broker will never accept (`NEVER_ACCEPTED`) is removed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from agent.self_metrics import Counters
from rackflow.documents import MAX_PAYLOAD_BYTES
from rackflow.process.broker import Broker
from rackflow.process.mqtt import Callbacks, Limits, MqttConnection, ReasonCode, Will, refusal

log = logging.getLogger(__name__)
# How many messages may wait for their PUBACK. It limits how many are sent twice after a broken connection, and at a round trip of
# 50 ms still allows 640 messages a second. Chosen value; a broker may lower it (Receive Maximum in CONNACK).
WINDOW = 32
# How long to wait until the broker has confirmed the status "offline" at a stop or a change of broker. Part of the 10 s that a stop
# may take, see agent/run.py.
OFFLINE_TIMEOUT_S = 1.0
# Replaces the topic of that last message in `Connection.inflight`.
OFFLINE_STATUS = "offline"
# Room for everything in a PUBLISH packet beside its payload: the fixed header, the topic (at most some 200 characters) and the
# packet identifier. Brokers limit the packet, not the payload.
PACKET_OVERHEAD_BYTES = 256

# Reason codes of MQTT 5 (section 2.4).
# Bad user name or password, and not authorized: no attempt will succeed until somebody changes a setting of the agent or broker.
CREDENTIALS = frozenset({0x86, 0x87})
NO_SUBSCRIBERS = 0x10
# Topic name invalid, packet too large, payload format invalid: the broker will never take this message. It is dropped and counted,
# because retrying it for ever would hold up all later ones. Other refusals (quota, not authorized) may end, so the message is kept.
NEVER_ACCEPTED = {0x90: "refused", 0x95: "size", 0x99: "refused"}


class Connection(MqttConnection):
    """One connection, with the messages in flight on it and the limits that the broker sets."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        will: tuple[str, bytes],
        counters: Counters,
        on_confirmed: Callable[[int | str], None],
    ) -> None:
        super().__init__(
            broker,
            client_id,
            Callbacks(opened=self._on_connack, confirmed=self._on_puback),
            will=Will(*will),
            # One more than `self.window` ever allows, so that the status "offline" need not wait for a confirmation.
            window=WINDOW + 1,
        )
        self._counters = counters
        self._on_confirmed = on_confirmed
        self.largest_bytes = MAX_PAYLOAD_BYTES
        self.window = asyncio.Semaphore(WINDOW)
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.no_subscribers = False
        """Whether the broker has discarded a message because nobody subscribes to it: the session of the collector is gone."""
        self.inflight: dict[int, tuple[float, int | str]] = {}
        """By message id, oldest first: when it was sent (monotonic seconds), and the outbox's number or the retained topic."""

    def _on_connack(self, limits: Limits) -> None:
        # Replacing the semaphore is safe, because nothing has been published on this connection yet. One place stays free for "offline".
        receive_maximum = limits.receive_maximum or WINDOW + 1
        self.window = asyncio.Semaphore(max(1, min(WINDOW, receive_maximum - 1)))
        # An MQTT packet can have at most 2^28 - 1 bytes after its header (2.1.4); our own limit is far below.
        packet_bytes = limits.packet_bytes or 2**28
        self.largest_bytes = min(MAX_PAYLOAD_BYTES, packet_bytes - PACKET_OVERHEAD_BYTES)

    async def watch_connection(self) -> None:
        """Wait until the connection breaks, then complete `ended` with the reason."""
        self.end(f"connection lost: {await self.lost()}")

    def end(self, why: str) -> None:
        """Complete `ended`, but only once: the first reason is the cause, later ones follow from it."""
        if not self.ended.done():
            self.ended.set_result(why)

    def send(self, topic: str, payload: bytes, what: int | str, *, retain: bool) -> None:
        """Hand a message to the socket. The caller must have acquired `window`; the confirmation releases it."""
        mid, fault = self.publish(topic, payload, retain=retain)
        self.inflight[mid] = (time.monotonic(), what)
        if fault:
            self.end(f"cannot send: {fault}")

    def _on_puback(self, mid: int, reason_code: ReasonCode) -> None:
        entry = self.inflight.pop(mid, None)
        if entry is None:
            return
        self.window.release()
        # Retained documents are exempt: the broker keeps those for later subscribers.
        if reason_code.value == NO_SUBSCRIBERS and isinstance(entry[1], int):
            self._counters.publish_failures["unheard"] += 1
            self.no_subscribers = True
            return
        if not reason_code.is_failure:
            self._on_confirmed(entry[1])
            return
        self._counters.publish_failures[NEVER_ACCEPTED.get(reason_code.value, "refused")] += 1
        if reason_code.value in NEVER_ACCEPTED:
            log.error("message=%s dropped, the broker will never accept it reason=%s", entry[1], reason_code)
            self._on_confirmed(entry[1])
        else:
            self.end(f"the broker refuses messages ({reason_code}); allow this client to publish to its topics")

    async def publish_offline(self, topic: str, payload: bytes) -> None:
        """Publish the last retained message. The broker only publishes the will of connections that end without DISCONNECT."""
        # Also bounds the DISCONNECT that follows, which would otherwise wait for `broker.timeout_s`.
        self.timeout_s = OFFLINE_TIMEOUT_S
        if not self.is_open:
            return
        done, others = asyncio.Event(), self._on_confirmed
        self._on_confirmed = lambda what: done.set() if what == OFFLINE_STATUS else others(what)
        self.send(topic, payload, OFFLINE_STATUS, retain=True)
        with contextlib.suppress(TimeoutError):  # not confirmed in time; the connection ends all the same
            async with asyncio.timeout(OFFLINE_TIMEOUT_S):
                await done.wait()


def refused_credentials(error: Exception) -> str:
    """The broker's reason if it refuses the credentials, otherwise empty."""
    code = refusal(error)
    return str(code) if code is not None and code.value in CREDENTIALS else ""
