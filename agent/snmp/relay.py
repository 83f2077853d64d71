"""The UDP socket of one SNMPv3 session, and a local socket pair to the library: only verified answers get across, repaired if asked for.

The library's descriptor is one end of the pair, so it has no way to the network but through here. Requests go out as the library
made them. At most one datagram per request comes back, and only after the check has accepted it.
"""

# Rejected: leaving the socket to the library and looking at its datagrams with MSG_PEEK. gufo_snmp reads on past a datagram that does
# not match, so it can read one that came after the look.

import asyncio
import os
import socket
from collections.abc import Callable

from agent.snmp.usm import Refusal, UsmCheck, without_tail

# Datagrams handled in one turn of the event loop, so that a flood at one socket does not hold up the other devices. Chosen.
MAX_PER_TURN = 16
# gufo_snmp 0.13.0 asks devices to send at most 2,048 octets, and its own message buffer has 4,080. A longer datagram is cut here and then
# refused, as gufo_snmp itself would refuse it. A buffer of 64 kB would take 2 us more for each datagram.
MAX_OCTETS = 4096
# The default of macOS for a local datagram is 2 kB. Enough for some datagrams in either direction.
PAIR_BUFFER_BYTES = 16 * MAX_OCTETS


class UsmRelay:
    """One session's socket. `refused` is called with the reason of every datagram that is not passed on. Must be closed."""

    def __init__(
        self,
        address: str,
        port: int,
        check: UsmCheck,
        refused: Callable[[Refusal], None],
        repaired: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._repaired = repaired
        self.repairs = repaired is not None
        self.unreachable: OSError | None = None
        """The last ICMP error. It does not end the wait for an answer, because anybody can send one."""
        self._check = check
        self._refused = refused
        self._loop = asyncio.get_running_loop()
        self._answered: asyncio.Future[bool] = self._loop.create_future()
        self._to_library = False
        self._ends_at_offer = False
        family, kind, protocol, _, peer = socket.getaddrinfo(
            address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
        self._udp = socket.socket(family, kind, protocol)
        # Set by `attach`. Until then the library cannot send.
        self._ours = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._udp.settimeout(0)
            # The kernel drops what comes from any other address or port.
            self._udp.connect(peer)
        except BaseException:
            self._udp.close()
            self._ours.close()
            raise
        self._loop.add_reader(self._udp, self._on_readable)

    def close(self) -> None:
        """Free both sockets. May be called twice."""
        if self._udp.fileno() >= 0:
            self._loop.remove_reader(self._udp)
        self._udp.close()
        self._ours.close()
        self._answered.cancel()

    def attach(self, descriptor: int) -> None:
        """Turn a library's socket into one end of a new pair, in place: what it sends from now on comes here."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with theirs:
            for end in (ours, theirs):
                end.settimeout(0)
                for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                    end.setsockopt(socket.SOL_SOCKET, option, PAIR_BUFFER_BYTES)
            os.dup2(theirs.fileno(), descriptor, inheritable=False)
        self._ours.close()
        self._ours = ours

    def send_from(self, sender: Callable[[], None]) -> None:
        """Let the library send one request, and pass it on. Raises OSError, MalformedMessage and what the library raises."""
        sender()
        self.send(self._ours.recv(MAX_OCTETS))
        self._to_library = True

    def send(self, request: bytes) -> None:
        """Send a request of our own; from now on its answer is expected, and no other."""
        self._check.sent(request)
        self._answered = self._loop.create_future()
        self._to_library = False
        # A full send buffer counts as a lost datagram, which UDP allows for. ConnectionRefusedError reports an earlier request, and this
        # one was not sent.
        try:
            self._udp.send(request)
        except BlockingIOError:
            pass
        except ConnectionRefusedError:
            self._udp.send(request)

    async def answered(self, *, or_offer: bool = False) -> bool:
        """Wait until the answer has been passed on (True). With `or_offer`, also until another engine is offered (False)."""
        self._ends_at_offer = or_offer
        return await self._answered

    def _on_readable(self) -> None:
        check = self._check
        for _ in range(MAX_PER_TURN):
            try:
                datagram = without_tail(self._udp.recv(MAX_OCTETS))
            except BlockingIOError:
                return
            except OSError as error:
                self.unreachable = error
                continue
            offers = check.offers_made
            refusal = check.received(datagram, self._loop.time())
            if refusal is None:
                if self._to_library:
                    self._ours.send(datagram if self._repaired is None else self._repaired(datagram))
                self._end_wait(passed=True)
                # Not read again: an unsuccessful read would take a tenth of the time of the whole check. If more has arrived, the loop
                # calls this again.
                return
            self._refused(refusal)
            if self._ends_at_offer and check.offers_made > offers:
                self._end_wait(passed=False)

    def _end_wait(self, *, passed: bool) -> None:
        if not self._answered.done():
            self._answered.set_result(passed)
