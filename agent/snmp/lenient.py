"""The UDP socket of a v1 or v2c session whose device answers oddly: repairs its answers, and notices answers from other addresses.

gufo_snmp rejects a whole answer because of one unreadable value, and its own socket receives nothing from other addresses. When either
may have happened, its socket is replaced by one end of a socket pair, as for SNMPv3 (`relay.py`). Devices that answer correctly never get
such a session, so it costs them nothing.
"""

import asyncio
import contextlib
import os
import socket
from typing import Final

from agent.snmp.repair import GET, kind_and_id, repaired, request_id

# Datagrams handled in one turn of the event loop, and their largest size: as for SNMPv3.
MAX_PER_TURN: Final = 16
MAX_OCTETS: Final = 4096
# Linux' IP_RECVERR and IPV6_RECVERR, which Python does not name: with them an unconnected socket hears of ICMP errors, too.
RECEIVE_ERRORS: Final = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}


class LenientRelay:
    """Passes datagrams between a library's socket and the device. Must be closed."""

    def __init__(self, address: str, port: int, descriptor: int) -> None:
        self.unreachable: OSError | None = None
        """The last ICMP error."""
        self.other_sender = ""
        """Address and port that answered a request, if they are not those it was sent to; else empty."""
        self.repairs = 0
        """How many answers were changed before they were passed on."""
        self._request = b""
        self._is_get = True
        self._loop = asyncio.get_running_loop()
        found = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
        family, kind, protocol, _, peer = found[0]
        self._peer = peer
        self._udp = socket.socket(family, kind, protocol)
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with theirs:
            for each in (self._ours, theirs, self._udp):
                each.settimeout(0)
            os.dup2(theirs.fileno(), descriptor, inheritable=False)
        with contextlib.suppress(OSError):  # not Linux: an unreachable device is then a silent one
            self._udp.setsockopt(*RECEIVE_ERRORS[family], 1)
        self._loop.add_reader(self._udp, self._from_device)
        self._loop.add_reader(self._ours, self._from_library)

    def close(self) -> None:
        """Free the sockets. May be called twice."""
        for each in (self._udp, self._ours):
            if each.fileno() >= 0:
                self._loop.remove_reader(each)
            each.close()

    def __del__(self) -> None:
        # A client that is forgotten rather than closed: its sockets end with it, as those of gufo_snmp's own sessions do.
        with contextlib.suppress(AttributeError):  # it was never made
            self._udp.close()
            self._ours.close()

    def _from_library(self) -> None:
        with contextlib.suppress(BlockingIOError):
            datagram = self._ours.recv(MAX_OCTETS)
            kind, self._request = kind_and_id(datagram)
            self._is_get = kind == GET
            try:
                self._udp.sendto(datagram, self._peer)
            except OSError as error:
                self.unreachable = error

    def _from_device(self) -> None:
        for _ in range(MAX_PER_TURN):
            try:
                datagram, sender = self._udp.recvfrom(MAX_OCTETS)
            except BlockingIOError:
                return
            except OSError as error:
                self.unreachable = error
                continue
            if sender[:2] != self._peer[:2]:
                # Only an answer to this very request says anything: anybody can send a datagram.
                if self._request and request_id(datagram) == self._request:
                    self.other_sender = f"{sender[0]}:{sender[1]}"
                continue
            answer = repaired(datagram, of_get=self._is_get)
            if answer != datagram:
                self.repairs += 1
            with contextlib.suppress(OSError):  # a full buffer is a lost datagram, which UDP allows for
                self._ours.send(answer)
