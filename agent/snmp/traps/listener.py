"""The UDP socket on which traps arrive."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from typing import Final

log = logging.getLogger(__name__)

# Datagrams handled in one turn of the event loop, so that a flood does not hold up polling.
MAX_PER_TURN: Final = 16
# Datagrams of devices that are handled per second. The others wait in the socket's buffer; those that do not fit in there are lost, as may
# happen with UDP anyway. A flood with a wrong community takes 1 % of a slow core, one with the right community 4 to 15 % (with the largest
# datagrams and the most objects). When a feed fails, a thousand devices may send one trap each: half of them are handled at once, and the
# buffer holds the others. Chosen value.
MAX_PER_SECOND: Final = 500
# Of these, how many may come from one address, so that a device that sends without end leaves the others theirs. More would tell nothing:
# a device has ten events in a row (agent/traps.py), and one poll a second. Chosen: for five units behind one address.
MAX_PER_SENDER: Final = 50
# Datagrams taken from the socket per second: also those that are only counted, because they come from a stranger or exceed their sender's
# share. Taking one costs a tenth of handling it. Chosen value.
MAX_TAKEN_PER_SECOND: Final = 5000
# The kernel gives twice the requested size, at most twice net.core.rmem_max (208 kB by default), and counts 0.8 kB for a datagram of 200
# octets, so 500 to 2,600 of them fit. If more did, they would be read too late to be useful.
BUFFER_BYTES: Final = 1024 * 1024
# Longer datagrams are cut off, and so malformed. A trap has few objects, and a manager need only be able to read 1,472 octets (RFC 3417,
# 3.2). Verifying and decrypting the largest possible datagram, 65,507 octets, would take milliseconds.
MAX_OCTETS: Final = 8192
# ip(7), ipv6(7): to which of the machine's addresses a datagram was sent. Python 3.11 has no name for that of IPv4.
IP_PKTINFO: Final = 8
PKTINFO_V4: Final = struct.Struct("=i4s4s")  # interface, own address, address in the datagram
PKTINFO_V6: Final = struct.Struct("=16si")  # own address, interface
ANCILLARY_BYTES: Final = 128


class TrapListener:
    """Listens on one address.

    `received` gets datagram and sender's address, and returns what to send back: empty for nothing, None if the sender is a stranger, whose
    datagrams count for less. `exceeded` gets the address of a sender for each datagram that is beyond its share.
    """

    def __init__(
        self,
        host: str,
        port: int,
        received: Callable[[bytes, str], bytes | None],
        exceeded: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Raises OSError if the address cannot be listened on. Must be closed."""
        self._received = received
        self._exceeded = exceeded
        self._loop = asyncio.get_running_loop()
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICHOST
        )[0]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.settimeout(0)
            if family == socket.AF_INET6:
                # `[::]` is every address of the machine, those of IPv4 included.
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            if sys.platform == "linux":
                self._socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
                if family == socket.AF_INET6:
                    self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
            self._socket.bind(address)
        except BaseException:
            self._socket.close()
            raise
        self.port: Final = int(self._socket.getsockname()[1])
        """The UDP port; if 0 was requested, the one that the system has chosen."""
        self._left = MAX_PER_SECOND
        self._left_to_take = MAX_TAKEN_PER_SECOND
        # By address: datagrams handled in this second.
        self._handled: dict[str, int] = {}
        self._second_ends = 0.0
        self._resuming: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._socket, self._on_readable)

    def close(self) -> None:
        """Stop listening. May be called twice."""
        if self._resuming is not None:
            self._resuming.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
        self._socket.close()

    def _on_readable(self) -> None:
        now = self._loop.time()
        if now >= self._second_ends:
            self._left, self._left_to_take, self._second_ends = MAX_PER_SECOND, MAX_TAKEN_PER_SECOND, now + 1
            self._handled.clear()
        for _ in range(MAX_PER_TURN):
            if not self._left or not self._left_to_take:
                self._loop.remove_reader(self._socket)
                self._resuming = self._loop.call_at(self._second_ends, self._resume)
                return
            try:
                taken = self._socket.recvmsg(MAX_OCTETS, ANCILLARY_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                # An ICMP error about a confirmation that was sent.
                log.debug("traps: %s", error)
                continue
            self._left_to_take -= 1
            self._handle(*taken)

    def _handle(
        self, datagram: bytes, arrived: Iterable[tuple[int, int, bytes]], _: int, sender: tuple[str, int]
    ) -> None:
        handled = self._handled.get(sender[0], 0)
        if handled >= MAX_PER_SENDER:
            self._exceeded(plain_address(sender[0]))
            return
        answer = self._received(datagram, plain_address(sender[0]))
        if answer is None:
            return
        self._left -= 1
        self._handled[sender[0]] = handled + 1
        if answer:
            # A full buffer counts as a lost datagram: whoever sent an inform sends it again.
            with contextlib.suppress(OSError):
                self._socket.sendmsg([answer], _from_where_it_went(arrived), 0, sender)

    def _resume(self) -> None:
        self._loop.add_reader(self._socket, self._on_readable)


def _from_where_it_went(arrived: Iterable[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """What has an answer sent from the address to which the datagram went: a device does not take it from another one.

    A machine has several addresses if it is in several networks, or shares one with another machine.
    """
    for level, kind, content in arrived:
        if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO) and len(content) == PKTINFO_V4.size:
            _, own, _ = PKTINFO_V4.unpack(content)
            return [(level, kind, PKTINFO_V4.pack(0, own, bytes(4)))]
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO) and len(content) == PKTINFO_V6.size:
            own, _ = PKTINFO_V6.unpack(content)
            return [(level, kind, PKTINFO_V6.pack(own, 0))]
    return []


def plain_address(address: str) -> str:
    """An address in the form that two spellings of it have in common: IPv4 as such, IPv6 without its zone."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
