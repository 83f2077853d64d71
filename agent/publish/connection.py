"""The MQTT 5 connection: publishes within a window of unconfirmed messages, and tells what was confirmed."""

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
WINDOW = 32
CONNECT_S = 5.0
OFFLINE_TIMEOUT_S = 1.0
OFFLINE_STATUS = "farewell"
PACKET_OVERHEAD_BYTES = 256

# Reason codes of MQTT 5 (2.4): what another try with other credentials may cure, and what no other try will.
CREDENTIALS = frozenset({0x86, 0x87})
NO_SUBSCRIBERS = 0x10
NEVER_ACCEPTED = {0x90: "refused", 0x95: "size", 0x99: "refused"}


class Connection(MqttConnection):
    """One connection: what is under way on it, and how much the broker lets be under way."""

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
            # One more than is ever under way: the farewell is not held back.
            window=WINDOW + 1,
        )
        self._counters = counters
        self._on_confirmed = on_confirmed
        self.largest_bytes = MAX_PAYLOAD_BYTES
        self.window = asyncio.Semaphore(WINDOW)
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.no_subscribers = False
        """The broker has thrown a message away because nobody subscribes to it: a collector's session is gone."""
        self.inflight: dict[int, tuple[float, int | str]] = {}
        """By message id, in order: when it was sent (monotonic), and the outbox's number or the retained topic."""

    def _on_connack(self, limits: Limits) -> None:
        receive_maximum = limits.receive_maximum or WINDOW + 1
        self.window = asyncio.Semaphore(max(1, min(WINDOW, receive_maximum - 1)))
        packet_bytes = limits.packet_bytes or 2**28
        self.largest_bytes = min(MAX_PAYLOAD_BYTES, packet_bytes - PACKET_OVERHEAD_BYTES)

    async def watch_connection(self) -> None:
        """Wait for the connection to break, and have `ended` say so."""
        self.end(f"connection lost: {await self.lost()}")

    def end(self, why: str) -> None:
        if not self.ended.done():
            self.ended.set_result(why)

    def send(self, topic: str, payload: bytes, what: int | str, *, retain: bool) -> None:
        """Hand a message to the socket. Whoever calls has taken a place in `window`."""
        mid, fault = self.publish(topic, payload, retain=retain)
        self.inflight[mid] = (time.monotonic(), what)
        if fault:
            self.end(f"cannot send: {fault}")

    def _on_puback(self, mid: int, reason_code: ReasonCode) -> None:
        entry = self.inflight.pop(mid, None)
        if entry is None:
            return
        self.window.release()
        if reason_code.value == NO_SUBSCRIBERS and isinstance(entry[1], int):
            self._counters.publish_failures["unheard"] += 1
            self.no_subscribers = True
            return
        if not reason_code.is_failure:
            self._on_confirmed(entry[1])
            return
        self._counters.publish_failures[NEVER_ACCEPTED.get(reason_code.value, "refused")] += 1
        if reason_code.value in NEVER_ACCEPTED:
            log.error("broker drops message=%s reason=%s", entry[1], reason_code)
            self._on_confirmed(entry[1])
        else:
            self.end(f"the broker refuses to take messages ({reason_code}); allow this client to publish its topics")

    async def publish_offline(self, topic: str, payload: bytes) -> None:
        """A connection that is ended from here leaves no will behind: a last retained message says the same."""
        self.timeout_s = OFFLINE_TIMEOUT_S
        if not self.is_open:
            return
        done, others = asyncio.Event(), self._on_confirmed
        self._on_confirmed = lambda what: done.set() if what == OFFLINE_STATUS else others(what)
        self.send(topic, payload, OFFLINE_STATUS, retain=True)
        with contextlib.suppress(TimeoutError):  # it was sent, and the connection is ended all the same
            async with asyncio.timeout(OFFLINE_TIMEOUT_S):
                await done.wait()


def refused_credentials(error: Exception) -> str:
    """The broker's word for it where it refuses who we are, else empty."""
    code = refusal(error)
    return str(code) if code is not None and code.value in CREDENTIALS else ""
