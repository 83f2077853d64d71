"""The bytes of one connection: packets out, joined and bounded; packets in, cut and bounded.

Knows nothing of MQTT but where a packet ends.
"""

import asyncio
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, cast

from rackflow.process.mqtt5.packets import LARGEST_PACKET_BYTES, FrameSplitter, MalformedPacketError

# How long a packet waits for others, so that one call of the system sends all of them: at 2,000 messages a second four. A message
# reaches the broker 2 ms later, after up to 200 ms in the outbox.
JOIN_S: Final = 0.002
# Joined packets are sent without further waiting when they reach this size: as much as asyncio buffers before it asks for a pause.
JOIN_BYTES: Final = 64 * 1024
# The most bytes that may wait for a broker that does not read. No message is added beyond 64 KiB (`writable`), and the largest message has
# 512 KiB. Anything above that is confirmations for messages of the broker, so nothing more is read from it until it reads again.
MAX_UNREAD_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WireCallbacks:
    """Called on the event loop. None of them is called after `ended`."""

    packet: Callable[[bytes, int], None]
    """A packet, and where its content begins. May raise MalformedPacketError, which ends the connection."""
    writable: Callable[[bool], None]
    """Whether messages may be sent, each time that it changes."""
    ended: Callable[[], None]


def _ignore(*_: object) -> None:
    """Replaces the callbacks of a connection that has ended."""


NO_CALLBACKS: Final = WireCallbacks(_ignore, _ignore, _ignore)


class Wire(asyncio.Protocol):
    """One connection, from `create_connection` to its end."""

    def __init__(self, callbacks: WireCallbacks, largest_bytes: int = LARGEST_PACKET_BYTES) -> None:
        """A packet larger than `largest_bytes` ends the connection."""
        self._loop = asyncio.get_running_loop()
        self._callbacks = callbacks
        self._transport: asyncio.Transport | None = None
        self._frames = FrameSplitter(largest_bytes)
        self._packets: list[bytes] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._is_reading = True
        # Whether whoever takes the packets wants no more for now; and what had come by then.
        self._is_paused = False
        self._left: list[Iterator[tuple[bytes, int]]] = []
        self._has_ended = asyncio.Event()
        self.sent_at_s = self.received_at_s = 0.0
        """When anything was last sent and received, in the loop's time."""
        self.longest_silence_s = math.inf
        """For how long nothing may be sent before the broker may end the connection."""
        self.overdue_at_s = -math.inf
        """When something was last sent later than that, in the loop's time."""
        self.why = ""
        """Why the connection ended, or is about to; the first reason is the cause, later ones follow from it."""
        self.is_unreadable = False
        """Whether it was ended from here, because the broker sent what cannot be read."""

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self._transport is not None and not self._is_closing

    async def ended(self) -> str:
        """Wait for the end; returns why."""
        await self._has_ended.wait()
        return self.why

    def send(self, packet: bytes) -> None:
        """Send within `JOIN_S`. Nothing happens on a connection that is not open."""
        if not self.is_open:
            return
        self._packets.append(packet)
        self._bytes += len(packet)
        if self._bytes >= JOIN_BYTES:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(JOIN_S, self.flush)

    def flush(self) -> None:
        """Send at once what waits for others."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._packets and self._transport is not None and not self._is_closing:
            now_s = self._loop.time()
            if now_s - self.sent_at_s > self.longest_silence_s:
                self.overdue_at_s = now_s
            self.sent_at_s = now_s
            self._transport.write(b"".join(self._packets))
        self._packets.clear()
        self._bytes = 0

    def close(self, why: str) -> None:
        """End the connection when everything is sent; `abort` bounds how long that takes."""
        self.flush()
        self._note(why)
        if self._transport is not None:
            self._transport.close()

    def abort(self, why: str) -> None:
        """End the connection now. May be called at any time, and again."""
        self._note(why)
        self.flush()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # a stream has one; uvloop's is of another class
        self.sent_at_s = self.received_at_s = self._loop.time()
        if self._is_closing:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.received_at_s = self._loop.time()
        self._left.append(self._frames.feed(data))
        self._hand_over()
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size() + self._bytes > MAX_UNREAD_BYTES:
            self._stop_reading()

    def pause(self) -> None:
        """Hand over no more packets, and read none, until `resume`. The end of the connection may go unnoticed meanwhile."""
        self._is_paused = True
        self._stop_reading()

    def resume(self) -> None:
        """Go on after `pause`."""
        if self._is_paused:
            self._is_paused = False
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._hand_over()
        if self._transport is not None and self._transport.get_write_buffer_size() <= MAX_UNREAD_BYTES:
            self._read_again()

    def _hand_over(self) -> None:
        """Hand over the received packets, until the receiver pauses reading."""
        try:
            while self._left and not self._is_paused:
                for packet, start in self._left[0]:
                    if self._is_closing:
                        self._left.clear()
                        return
                    self._callbacks.packet(packet, start)
                    if self._is_paused:
                        return
                self._left.pop(0)
        except MalformedPacketError as error:
            self.is_unreadable = True
            self._left.clear()
            self.abort(str(error))

    def _stop_reading(self) -> None:
        if self._is_reading and self._transport is not None and not self._is_closing:
            self._is_reading = False
            self._transport.pause_reading()

    def _read_again(self) -> None:
        if not self._is_reading and not self._is_paused and self._transport is not None and not self._is_closing:
            self._is_reading = True
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._callbacks.writable(False)  # noqa: FBT003 - the only argument of a callback

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._read_again()
        self._callbacks.writable(True)  # noqa: FBT003 - as above

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._note(str(exc) if exc is not None else "closed by the broker")
        self.flush()
        self._transport = None
        self._has_ended.set()
        self._callbacks.ended()
        # Else connection and callbacks would refer to each other for ever if garbage collection has set them aside (`gc_pauses.py`).
        self._callbacks = NO_CALLBACKS

    def _note(self, why: str) -> None:
        self.why = self.why or why
        self._is_closing = True
