"""Answers SNMP v1 and v2c for a device without SNMPv3 users. Thousands of such devices fit into one process."""

import logging
from collections.abc import Sequence
from typing import Any, Final

from rackflow.recording import COUNTER64
from simulator.snmp.ber import (
    BULK,
    GET,
    NEXT,
    Request,
    decode_request,
    encode_binding,
    encode_bindings,
    encode_response,
)
from simulator.snmp.link import Link, LinkedDevice
from simulator.snmp.objects import Absent, Binding, TooBigError, as_many_as_fit

log = logging.getLogger(__name__)
# Room kept for everything but the variable bindings and the community: version, PDU header and the lengths around them take
# 32 octets at most with the four-octet request ids in use; twice that is on the safe side.
HEADER_BYTES: Final = 64
# Values of error-status (RFC 3416, 3).
_TOO_BIG, _NO_SUCH_NAME, _NOT_WRITABLE = 1, 2, 17


class CommunityLink(Link):
    """The socket of one device, and its answers."""

    def __init__(self, device: LinkedDevice, communities: Sequence[str], max_message_bytes: int) -> None:
        super().__init__(device)
        self._communities = {community.encode() for community in communities}
        self._room = max_message_bytes - HEADER_BYTES - max(map(len, communities), default=0)
        self._bad_communities = 0

    @property
    def bad_communities(self) -> int:
        """See `Link.bad_communities`."""
        return self._bad_communities

    def receive(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """See `Link.receive`."""
        try:
            request = decode_request(data)
        except ValueError as error:
            log.debug("port=%d cannot read a message: %s", self.device.port, error)
            return
        if request.community not in self._communities:
            self._bad_communities += 1
        # SNMP v1 knows no GETBULK; such a request is malformed and gets no answer.
        elif self.transport and (request.version or request.kind != BULK):
            self.device.requests += 1
            self.transport.sendto(self._answer(request), addr)

    def _answer(self, request: Request) -> bytes:
        objects = self.device.objects
        try:
            if request.kind == GET:
                found = objects.get(request.keys)
            elif request.kind == NEXT:
                found = objects.get_next(request.keys, counter64=request.version > 0)
            elif request.kind == BULK:
                rows = objects.get_bulk(request.keys, request.first, request.second)
                once = min(request.first, len(request.keys))
                parts = as_many_as_fit(map(encode_binding, rows), len, self._room, once)
                return encode_response(request, b"".join(parts))
            else:
                # No object can be written. SNMP v1 has no error of its own for that (RFC 3584, 4.4 maps it to noSuchName).
                error = _NOT_WRITABLE if request.version else _NO_SUCH_NAME
                return encode_response(request, request.bindings, error, 1)
        except TooBigError:
            return _too_big(request)
        missing = _missing_in_v1(found) if request.version == 0 else 0
        if missing:
            return encode_response(request, request.bindings, _NO_SUCH_NAME, missing)
        bindings = encode_bindings(found)
        return encode_response(request, bindings) if len(bindings) <= self._room else _too_big(request)


def _too_big(request: Request) -> bytes:
    return encode_response(request, b"" if request.version else request.bindings, _TOO_BIG)


def _missing_in_v1(found: Sequence[Binding]) -> int:
    """The position, from 1, of the first value that SNMP v1 cannot carry; 0 if there is none."""
    for position, (_, answer) in enumerate(found, 1):
        if isinstance(answer, Absent) or answer.tag == COUNTER64:
            return position
    return 0
