"""Keeps received messages until they are acknowledged, within bounds: their number, their bytes, and the broker's window.

It does not own the connection; it only tells it when to stop reading from its socket, and when to end.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal, Protocol

from collector.receive.delivery import Delivery
from rackflow.documents import MAX_PAYLOAD_BYTES

# MQTT message identifiers are 16 bits and not 0 (MQTT 5, 2.2.1).
IDENTIFIERS = 65_535
# Payloads in memory at once, from their receipt until they are acknowledged. MQTT bounds only the number of messages: 10,000
# of the largest would take 5 GB. 10,000 small batches fit; the points made of them take twice as much again.
MAX_WAITING_BYTES = 8 * 1024 * 1024
# How long reading from the socket may pause because there is no room: shorter than any keep-alive, or the connection would break.
LONGEST_PAUSE_S = 3.0

RoomEvent = Literal["overflow", "shed", "full"]
"""`overflow`, `shed`: a message was dropped unacknowledged. `full`: memory, or the broker's window, was full for `LONGEST_PAUSE_S`."""


class Source(Protocol):
    """The connection that messages come over."""

    def pause(self) -> None:
        """Stop reading from the socket."""

    def resume(self) -> None:
        """Read again."""

    def drop(self) -> None:
        """End the connection."""


class Inbox:
    """Received messages. `window` is the most QoS 1 messages that the broker may send without acknowledgement.

    mosquitto 2.0.11 sends more than that once it gets acknowledgements, as over a bridge in
    https://github.com/eclipse-mosquitto/mosquitto/issues/2301. So the queue has a place for every possible message identifier: a
    dropped QoS 1 message would stay unacknowledged until the connection breaks. If the queue is full, the newest message is
    dropped and reported to `on_event`; only messages of QoS 0, which the contract does not use, can fill it that far.

    Payloads take at most `room_bytes`. At that limit the socket is not read until half of it is free. If that takes long,
    because the store is away, the socket is read again, but new messages are dropped without an acknowledgement (`shed`): the broker still
    has them, and sends them again on a new connection. So the present one is ended once there is room.

    Small messages reach the broker's window before the limit of bytes. The broker then sends nothing until something is acknowledged, and
    agents that seem silent may have sent messages. So `full` is reported in this case too, every `LONGEST_PAUSE_S` until half of the window
    is free.
    """

    def __init__(self, window: int, room_bytes: int, on_event: Callable[[RoomEvent], None]) -> None:
        self._window = window
        self._room_bytes = room_bytes
        self._on_event = on_event
        self._source: Source | None = None
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue(maxsize=window + IDENTIFIERS)
        self._first = deque[Delivery]()
        """Copies that the second connection received while messages of the session waited; they are taken before those."""
        self.waiting_bytes = 0
        """Of messages that were received and are neither acknowledged nor given up."""
        self._pause: asyncio.TimerHandle | None = None
        """Runs while the socket is not read because there is no room. When it runs out, the socket is read again in any case."""
        self._takes_nothing = False
        """Whether the socket is read although there is no room: every message that arrives is dropped and stays at the broker."""
        self._has_shed = False
        """Whether a message was dropped because there was no room: once there is room, the connection is ended, to receive it again."""
        self._unacknowledged = 0
        """Messages of this connection that hold a place in the broker's window."""
        self._window_timer: asyncio.TimerHandle | None = None
        """Runs while the window was full and half of it has not been free since."""

    @property
    def waiting(self) -> int:
        """How many messages wait to be taken."""
        return self._queue.qsize() + len(self._first)

    def begin(self, *, session_continues: bool) -> None:
        """A connection was opened. `session_continues` tells whether the broker still has what it sent before."""
        # Messages that were dropped come again on this connection, so it need not be ended for them.
        self._takes_nothing = self._has_shed = False
        self._unacknowledged = 0
        if not session_continues:
            return  # the broker has forgotten the messages it sent: those queued here are the only copies
        # The session goes on, so the broker sends unacknowledged messages again. Messages of QoS 1 that are still queued here
        # cannot be acknowledged any more (new connection), and would only be handled twice.
        waiting = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        for delivery in waiting:
            if delivery.qos == 0:
                self._queue.put_nowait(delivery)
            else:
                self.waiting_bytes -= delivery.cost_bytes

    def steer(self, source: Source | None) -> None:
        """Pause, resume and end this connection from now on; with None, none."""
        self._source = source

    def end(self) -> None:
        """The connection has ended. What was received stays."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._end_window_timer()
        self._source = None

    def add(self, delivery: Delivery) -> None:
        """Keep a message of the session; if there is no room, drop it unacknowledged, so that the broker sends it again."""
        self._unacknowledged += delivery.qos
        if self._unacknowledged >= self._window and self._window_timer is None:
            self._start_window_timer()
        if self._queue.full():
            self._on_event("overflow")
        elif not self.has_room(len(delivery.payload)):
            # Nothing is lost: see the class.
            self._has_shed = True
            self._on_event("shed")
        else:
            self.waiting_bytes += delivery.cost_bytes
            self._queue.put_nowait(delivery)
            if self.waiting_bytes > self._room_bytes and self._pause is None and not self._has_shed and self._source:
                self._source.pause()
                self._pause = asyncio.get_running_loop().call_later(LONGEST_PAUSE_S, self._read_without_room)

    def add_copy(self, delivery: Delivery) -> None:
        """Keep a copy from the second connection; there must be room for it (`has_room`). It is taken before messages that wait."""
        self.waiting_bytes += delivery.cost_bytes
        if self._queue.empty():
            self._queue.put_nowait(delivery)
        else:
            self._first.append(delivery)

    def has_room(self, size_bytes: int) -> bool:
        """Whether a payload of this size is taken."""
        # If nothing waits, a message of any size has room. Otherwise one that is larger than the limit would never be taken.
        is_full = self.waiting_bytes and self.waiting_bytes + size_bytes > self._room_bytes + MAX_PAYLOAD_BYTES
        return not (self._takes_nothing or is_full)

    async def take(self) -> Delivery:
        """The next message; waits until there is one."""
        delivery = self._first.popleft() if self._first else await self._queue.get()
        if delivery.qos == 0:
            self.free(delivery)  # it will never be acknowledged
        return delivery

    def free(self, delivery: Delivery) -> None:
        """A message was handled, whichever connection it came on: its bytes are free again."""
        self.waiting_bytes -= delivery.cost_bytes
        if self.waiting_bytes > self._room_bytes // 2:
            return
        self._takes_nothing = False
        self._read_again()
        if self._has_shed and self._source is not None:
            self._has_shed = False
            self._source.drop()

    def free_window(self) -> None:
        """A message of the present connection was acknowledged: the broker may send another one."""
        self._unacknowledged -= 1
        if self._unacknowledged <= self._window // 2:
            self._end_window_timer()

    def _read_without_room(self) -> None:
        self._takes_nothing = True
        self._on_event("full")
        self._read_again()

    def _read_again(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
            if self._source is not None:
                self._source.resume()

    def _start_window_timer(self) -> None:
        self._window_timer = asyncio.get_running_loop().call_later(LONGEST_PAUSE_S, self._tell_full_window)

    def _end_window_timer(self) -> None:
        if self._window_timer is not None:
            self._window_timer.cancel()
            self._window_timer = None

    def _tell_full_window(self) -> None:
        self._on_event("full")
        self._start_window_timer()
