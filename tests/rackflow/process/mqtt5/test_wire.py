"""The bytes of one connection over a pair of sockets: joined, bounded, handed over in order, and ended once."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from rackflow.process.mqtt5.packets import puback_packet
from rackflow.process.mqtt5.wire import JOIN_BYTES, MAX_UNREAD_BYTES, Wire, WireCallbacks
from tests.servers.waiting import PATIENCE_S, eventually

PINGRESP = b"\xd0\x00"


@dataclass
class Heard:
    """What a connection has told, and the socket of its peer."""

    peer: socket.socket
    packets: list[bytes] = field(default_factory=list)
    writable: list[bool] = field(default_factory=list)
    ended: int = 0

    def callbacks(self) -> WireCallbacks:
        def end() -> None:
            self.ended += 1

        return WireCallbacks(lambda packet, _: self.packets.append(packet), self.writable.append, end)

    async def sent(self, size: int) -> bytes:
        """So many bytes of what has come to the peer."""
        loop, found = asyncio.get_running_loop(), b""
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < size and (more := await loop.sock_recv(self.peer, 1_000_000)):
                found += more
        return found


@asynccontextmanager
async def connected(callbacks: WireCallbacks | None = None) -> AsyncIterator[tuple[Wire, Heard]]:
    own, peer = socket.socketpair()
    peer.settimeout(0)
    heard = Heard(peer)
    used = callbacks or heard.callbacks()
    _, wire = await asyncio.get_running_loop().create_connection(lambda: Wire(used), sock=own)
    try:
        yield wire, heard
    finally:
        wire.abort("the test is over")
        async with asyncio.timeout(PATIENCE_S):
            await wire.ended()
        peer.close()


async def test_packets_leave_in_order_and_together_without_being_asked() -> None:
    async with connected() as (wire, heard):
        before_s = wire.sent_at_s
        assert before_s == wire.received_at_s > 0.0, "a connection begins with a sign of life"
        packets = [puback_packet(mid) for mid in range(1, 50)]
        for packet in packets:
            wire.send(packet)
        assert await heard.sent(4 * len(packets)) == b"".join(packets)
        assert wire.sent_at_s > before_s
        wire.send(PINGRESP)
        assert await heard.sent(2) == PINGRESP, "and the next ones as well"


async def test_so_many_bytes_as_a_transport_takes_leave_at_once() -> None:
    async with connected() as (wire, heard):
        wire.send(bytes(JOIN_BYTES - 1))
        with pytest.raises(BlockingIOError):
            heard.peer.recv(1)
        wire.send(b"x")
        assert heard.peer.recv(1) == b"\0"


async def test_packets_that_come_are_handed_over_in_order_and_their_time_is_noted() -> None:
    async with connected() as (wire, heard):
        before_s = wire.received_at_s
        heard.peer.send(puback_packet(1) + puback_packet(2)[:3])
        await eventually(lambda: len(heard.packets) == 1, "the whole one has come")
        heard.peer.send(puback_packet(2)[3:] + PINGRESP)
        await eventually(lambda: len(heard.packets) == 3, "all have come")
        assert heard.packets == [puback_packet(1), puback_packet(2), PINGRESP]
        assert wire.received_at_s > before_s


async def test_while_somebody_pauses_nothing_is_handed_over_and_then_everything_in_order() -> None:
    async with connected() as (wire, heard):
        wire.resume()  # nobody pauses
        wire.pause()
        heard.peer.send(puback_packet(1) + puback_packet(2))
        wire.send(PINGRESP)
        assert await heard.sent(2) == PINGRESP, "sending goes on"
        assert heard.packets == []
        wire.resume()
        await eventually(lambda: len(heard.packets) == 2, "both are handed over")
        heard.peer.send(puback_packet(3))
        await eventually(lambda: len(heard.packets) == 3, "and it is read again")
        assert heard.packets == [puback_packet(mid) for mid in (1, 2, 3)]


async def test_a_reader_that_pauses_in_the_middle_of_received_data_gets_the_rest_later() -> None:
    found: list[bytes] = []

    def take(packet: bytes, _: int) -> None:
        found.append(packet)
        if len(found) in {2, 3}:
            wire.pause()

    async with connected(WireCallbacks(take, lambda _: None, lambda: None)) as (wire, heard):
        heard.peer.send(b"".join(puback_packet(mid) for mid in range(1, 6)))
        await eventually(lambda: len(found) == 2, "two are handed over")
        wire.resume()
        await eventually(lambda: len(found) == 3, "one more")
        wire.resume()
        await eventually(lambda: len(found) == 5, "the rest")
        assert found == [puback_packet(mid) for mid in range(1, 6)]


async def test_a_reader_that_pauses_and_goes_on_at_once_gets_everything_in_order() -> None:
    """As the collector does when there is room for one more message. Both calls come from within what it is handed."""
    found: list[bytes] = []

    def take(packet: bytes, _: int) -> None:
        found.append(packet)
        wire.pause()
        wire.resume()

    async with connected(WireCallbacks(take, lambda _: None, lambda: None)) as (wire, heard):
        heard.peer.send(b"".join(puback_packet(mid) for mid in range(1, 6)))
        await eventually(lambda: len(found) == 5, "all are handed over")
        heard.peer.send(puback_packet(6))
        await eventually(lambda: len(found) == 6, "and it is read again")
        assert found == [puback_packet(mid) for mid in range(1, 7)]
        assert wire.is_open


async def test_an_unreadable_packet_ends_the_connection_and_nothing_behind_it_is_handed_over() -> None:
    async with connected() as (wire, heard):
        heard.peer.send(puback_packet(1) + b"\x00" + puback_packet(2))
        async with asyncio.timeout(PATIENCE_S):
            assert await wire.ended() == "the broker sent what is not for a client: 0x00"
        assert (wire.is_unreadable, wire.is_open, heard.packets) == (True, False, [puback_packet(1)])
        assert heard.ended == 1


async def test_a_disconnect_by_the_broker_is_reported_once_and_nothing_is_sent_afterwards() -> None:
    async with connected() as (wire, heard):
        heard.peer.shutdown(socket.SHUT_RDWR)
        async with asyncio.timeout(PATIENCE_S):
            assert await wire.ended() == "closed by the broker"
        wire.send(PINGRESP)
        wire.flush()
        wire.close("later")
        assert (wire.why, wire.is_open, wire.is_unreadable, heard.ended) == ("closed by the broker", False, False, 1)


async def test_a_connection_that_is_closed_sends_what_waits_and_the_first_reason_is_the_cause() -> None:
    async with connected() as (wire, heard):
        wire.send(puback_packet(1))
        wire.close("the configuration has changed")
        wire.abort("too late")
        wire.send(puback_packet(2))
        async with asyncio.timeout(PATIENCE_S):
            assert await wire.ended() == "the configuration has changed"
        assert await heard.sent(100) == puback_packet(1)
        assert heard.ended == 1


async def test_a_peer_that_does_not_read_stops_messages_and_in_the_end_what_comes_from_it() -> None:
    async with connected() as (wire, heard):
        while not heard.writable:
            wire.send(bytes(JOIN_BYTES))
            await asyncio.sleep(0)
        assert heard.writable == [False]
        heard.peer.send(PINGRESP)
        await eventually(lambda: heard.packets == [PINGRESP], "it is still read")
        size = MAX_UNREAD_BYTES // JOIN_BYTES + 2
        for _ in range(size):
            wire.send(bytes(JOIN_BYTES))
        heard.peer.send(PINGRESP)
        await eventually(lambda: len(heard.packets) == 2, "the last one that is read")
        heard.peer.send(PINGRESP)
        for _ in range(20):  # turns of the loop, each of which looks at the socket
            await asyncio.sleep(0)
        assert len(heard.packets) == 2
        await heard.sent(MAX_UNREAD_BYTES + JOIN_BYTES)
        await eventually(lambda: len(heard.packets) == 3, "it reads, so it is read again")
        assert heard.writable == [False, True]


class Pipe(asyncio.Transport):
    """A transport that notes what it is told. What `connected` uses has sockets; here a test says what waits in it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.reads, self.is_aborted, self.unread_bytes = True, False, 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def abort(self) -> None:
        self.is_aborted = True

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes


def piped() -> tuple[Wire, Pipe, list[bytes]]:
    found, pipe = list[bytes](), Pipe()
    wire = Wire(WireCallbacks(lambda packet, _: found.append(packet), lambda _: None, lambda: None))
    wire.connection_made(pipe)
    return wire, pipe, found


async def test_a_connection_that_has_sent_megabytes_is_still_read_and_still_joins_packets() -> None:
    wire, pipe, found = piped()
    for _ in range(2 * MAX_UNREAD_BYTES // JOIN_BYTES):
        wire.send(bytes(JOIN_BYTES))
    written = len(pipe.written)
    wire.send(PINGRESP)
    wire.send(PINGRESP)
    assert len(pipe.written) == written
    wire.data_received(PINGRESP)
    assert (found, pipe.reads) == ([PINGRESP], True)
    wire.flush()
    assert pipe.written[written:] == [PINGRESP + PINGRESP]


async def test_during_a_pause_nothing_is_read_and_what_had_come_keeps_its_order() -> None:
    wire, pipe, found = piped()
    wire.pause()
    assert not pipe.reads
    wire.resume_writing()
    assert not pipe.reads
    for mid in (1, 2, 3):  # received before the transport had stopped
        wire.data_received(puback_packet(mid))
    assert found == []
    wire.resume()
    await asyncio.sleep(0)
    assert (found, pipe.reads) == ([puback_packet(mid) for mid in (1, 2, 3)], True)


async def test_who_does_not_read_is_not_read_until_it_does() -> None:
    wire, pipe, found = piped()
    pipe.unread_bytes = MAX_UNREAD_BYTES + 1
    wire.data_received(PINGRESP)
    assert (found, pipe.reads) == ([PINGRESP], False)
    wire.pause()
    wire.resume()
    await asyncio.sleep(0)
    assert not pipe.reads
    pipe.unread_bytes = 0
    wire.resume_writing()
    assert pipe.reads


@pytest.mark.parametrize(("silent_s", "is_overdue"), [(10.0, False), (100.0, True)])
async def test_what_is_sent_later_than_agreed_is_overdue(silent_s: float, *, is_overdue: bool) -> None:
    wire, _, _ = piped()
    wire.longest_silence_s = 50.0
    wire.sent_at_s -= silent_s
    wire.send(PINGRESP)
    wire.flush()
    assert (wire.overdue_at_s == wire.sent_at_s) is is_overdue


async def test_a_connection_that_was_given_up_before_it_was_made_is_ended_at_once() -> None:
    pipe, wire = Pipe(), Wire(WireCallbacks(lambda *_: None, lambda _: None, lambda: None))
    wire.abort("not wanted any more")
    wire.connection_made(pipe)
    assert pipe.is_aborted
    assert not wire.is_open


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ConnectionResetError(104, "Connection reset by peer"), "[Errno 104] Connection reset by peer"),
        (None, "closed by the broker"),
    ],
)
async def test_the_end_of_a_connection_is_told_in_the_words_of_the_network(error: Exception | None, why: str) -> None:
    wire = Wire(WireCallbacks(lambda *_: None, lambda _: None, lambda: None))
    wire.connection_lost(error)
    assert await wire.ended() == why


async def test_of_what_came_together_nothing_is_handed_over_after_the_receiver_has_ended_the_connection() -> None:
    """A DISCONNECT of the broker: what it sends behind that belongs to no connection."""
    found: list[bytes] = []

    def take(packet: bytes, _: int) -> None:
        found.append(packet)
        if packet == PINGRESP:
            wire.abort("that is enough")

    wire = Wire(WireCallbacks(take, lambda _: None, lambda: None))
    wire.data_received(puback_packet(1) + PINGRESP + puback_packet(2))
    wire.data_received(puback_packet(3))
    assert found == [puback_packet(1), PINGRESP]
    assert wire.why == "that is enough"
