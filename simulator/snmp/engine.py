"""Answers SNMP v1, v2c and v3 with pysnmp's engine, for devices that have SNMPv3 users.

pysnmp's own command responder and dispatcher are not used: the objects come from `SnmpObjects`, and the socket is this package's,
so that a port in use is an OSError and no background task is left behind.
"""

import logging
import struct
import time
from collections.abc import Sequence
from typing import Any, Final

from pyasn1.error import PyAsn1Error  # type: ignore[import-untyped]
from pyasn1.type import univ  # type: ignore[import-untyped]
from pysnmp.carrier.asyncio.dgram import udp  # type: ignore[import-untyped]
from pysnmp.carrier.base import AbstractTransportDispatcher  # type: ignore[import-untyped]
from pysnmp.entity import config  # type: ignore[import-untyped]
from pysnmp.entity.engine import SnmpEngine  # type: ignore[import-untyped]
from pysnmp.error import PySnmpError  # type: ignore[import-untyped]
from pysnmp.proto import rfc1902, rfc1905  # type: ignore[import-untyped]
from pysnmp.proto.api import v2c  # type: ignore[import-untyped]
from pysnmp.proto.proxy import rfc2576  # type: ignore[import-untyped]

from rackflow.recording import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    IP_ADDRESS,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    OPAQUE,
    OPAQUE_FLOAT,
    TIMETICKS,
)
from simulator.snmp.link import Link, LinkedDevice
from simulator.snmp.objects import Absent, Binding, TooBigError, as_many_as_fit, binding_size, fitting
from simulator.snmp.users import SnmpUser

log = logging.getLogger(__name__)

# Room kept for everything but the variable bindings: the header of SNMPv3 with an engine id of 13 octets (twice), a user name of
# 32, authentication of 48 (SHA-512), privacy parameters of 8, padding of 16, and lengths and integers around them: 218 octets.
HEADER_BYTES: Final = 224

_AUTH: Final[dict[str, Any]] = {
    "": config.USM_AUTH_NONE,
    "md5": config.USM_AUTH_HMAC96_MD5,
    "sha1": config.USM_AUTH_HMAC96_SHA,
    "sha224": config.USM_AUTH_HMAC128_SHA224,
    "sha256": config.USM_AUTH_HMAC192_SHA256,
    "sha384": config.USM_AUTH_HMAC256_SHA384,
    "sha512": config.USM_AUTH_HMAC384_SHA512,
}
_PRIV: Final[dict[str, Any]] = {
    "": config.USM_PRIV_NONE,
    "des": config.USM_PRIV_CBC56_DES,
    "aes128": config.USM_PRIV_CFB128_AES,
    "aes192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "aes256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
}
_TYPES: Final[dict[str, Any]] = {
    INTEGER: univ.Integer,  # wider than Integer32, for devices that break its range
    OCTET_STRING: rfc1902.OctetString,
    NULL: univ.Null,
    OBJECT_IDENTIFIER: rfc1902.ObjectIdentifier,
    IP_ADDRESS: rfc1902.IpAddress,
    COUNTER32: rfc1902.Counter32,
    GAUGE32: rfc1902.Gauge32,
    TIMETICKS: rfc1902.TimeTicks,
    OPAQUE: rfc1902.Opaque,
    COUNTER64: rfc1902.Counter64,
}
_ABSENT: Final = {
    Absent.NO_SUCH_OBJECT: rfc1905.noSuchObject,
    Absent.NO_SUCH_INSTANCE: rfc1905.noSuchInstance,
    Absent.END_OF_MIB_VIEW: rfc1905.endOfMibView,
}
_GET, _NEXT = rfc1905.GetRequestPDU.tagSet, rfc1905.GetNextRequestPDU.tagSet
_BULK, _SET = rfc1905.GetBulkRequestPDU.tagSet, rfc1905.SetRequestPDU.tagSet
# Values of error-status (RFC 3416, 3).
_TOO_BIG, _NOT_WRITABLE = 1, 17
# Errors that pysnmp 7.1.30 raises for octets that are not SNMP; its decoder lets these built-in errors through. They are caught
# only around decoding, never around the answer, where they would hide faults of our own.
_GARBAGE = (PySnmpError, PyAsn1Error, AttributeError, LookupError, TypeError, ValueError)


class EngineLink(Link, AbstractTransportDispatcher):  # type: ignore[misc]  # pysnmp has no types
    """The socket and engine of one device, in place of pysnmp's transport dispatcher."""

    def __init__(
        self,
        device: LinkedDevice,
        engine_id: bytes,
        max_message_bytes: int,
        communities: Sequence[str],
        users: Sequence[SnmpUser],
    ) -> None:
        Link.__init__(self, device)
        AbstractTransportDispatcher.__init__(self)
        self.set_timer_resolution(1.0)
        self._request: tuple[Any, ...] | None = None
        self._max_message_bytes = max_message_bytes
        # Without an argument: the engine's own message size limit stays at its maximum; the device's limit is applied in `_answer`.
        self._engine: Any = SnmpEngine()
        self._open_engine(engine_id, communities, users)

    @property
    def bad_communities(self) -> int:
        """See `Link.bad_communities`."""
        return int(self._internal("__SNMPv2-MIB", "snmpInBadCommunityNames").syntax)

    def _open_engine(self, engine_id: bytes, communities: Sequence[str], users: Sequence[SnmpUser]) -> None:
        engine = self._engine
        engine.transport_dispatcher = self
        # pysnmp 7.1.30 keeps the boots of an engine whose identifier is given to its constructor in a directory under /tmp. If the
        # identifier is set afterwards, nothing is written, and `set_boots` counts instead.
        identifier = self._internal("__SNMP-FRAMEWORK-MIB", "snmpEngineID")
        identifier.syntax = engine.snmpEngineID = identifier.syntax.clone(engine_id)
        for number, community in enumerate(communities):
            config.add_v1_system(engine, f"community-{number}", community)
        for user in users:
            config.add_v3_user(
                engine, user.name, _AUTH[user.auth], user.auth_key or None, _PRIV[user.priv], user.priv_key or None
            )
        engine.message_dispatcher.register_context_engine_id(b"", (_GET, _NEXT, _BULK, _SET), self._receive_pdu)

    def set_boots(self, boots: int) -> None:
        """Set the engine boots; engine time starts again from zero, because pysnmp counts it from this moment."""
        for name, value in (("snmpEngineBoots", boots), ("snmpEngineTime", int(time.time()))):
            found = self._internal("__SNMP-FRAMEWORK-MIB", name)
            found.syntax = found.syntax.clone(value)

    def receive(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """See `Link.receive`."""
        # The engine's caches expire by timer ticks, which pysnmp's own dispatcher would send from a task.
        self.handle_timer_tick(time.time())
        address = udp.UdpTransportAddress(addr)
        try:
            self._engine.message_dispatcher.receive_message(self._engine, udp.DOMAIN_NAME, address, data)
        except _GARBAGE as error:
            log.debug("port=%d cannot read a message: %s", self.device.port, error)
        if self._request:
            request, self._request = self._request, None
            self._process(*request)

    def send_message(self, outgoingMessage: bytes, transportDomain: Any, transportAddress: Any) -> None:  # noqa: ANN401, ARG002, N803 - pysnmp's signature
        """Send a message. Called by the engine, synchronously: without a queue, so that answers leave in the order of requests."""
        if self.transport:
            self.transport.sendto(outgoingMessage, transportAddress)

    def _internal(self, module: str, name: str) -> Any:  # noqa: ANN401 - pysnmp has no types
        """An object of the engine's own MIB."""
        (found,) = self._engine.get_mib_builder().import_symbols(module, name)
        return found

    def _receive_pdu(self, *request: Any) -> None:  # noqa: ANN401 - pysnmp has no types
        """Called by the engine with a request that it has authenticated. `receive` answers it once decoding is over (`_GARBAGE`)."""
        self._request = request

    def _process(self, engine: Any, *request: Any) -> None:  # noqa: ANN401 - pysnmp has no types
        """Answer a request, given with the parameters of processPdu (RFC 3412, 4.2.2.1)."""
        *sender, pdu, max_bytes, state = request
        version = int(sender[0])
        self.device.requests += 1
        try:
            response = self._answer(pdu if version else rfc2576.v1_to_v2(pdu), version, int(max_bytes))
            if version == 0:
                response = rfc2576.v2_to_v1(response, pdu)
            engine.message_dispatcher.return_response_pdu(engine, *sender, response, max_bytes, state, {})
        except (PySnmpError, PyAsn1Error) as error:
            log.warning("port=%d cannot answer: %s", self.device.port, error)

    def _answer(self, request: Any, version: int, max_bytes: int) -> Any:  # noqa: ANN401 - pysnmp has no types
        """The response PDU to a request PDU, both in the form of SNMPv2; the requester takes messages of up to `max_bytes`."""
        objects, room = self.device.objects, min(max_bytes, self._max_message_bytes) - HEADER_BYTES
        keys = [tuple(name) for name, _ in v2c.apiPDU.get_varbinds(request)]
        response = v2c.apiPDU.get_response(request)
        try:
            if request.tagSet == _GET:
                found = fitting(objects.get(keys), room)
            elif request.tagSet == _NEXT:
                found = fitting(objects.get_next(keys, counter64=version > 0), room)
            elif request.tagSet == _BULK:
                once, repeat = v2c.apiBulkPDU.get_non_repeaters(request), v2c.apiBulkPDU.get_max_repetitions(request)
                rows = objects.get_bulk(keys, int(once), int(repeat))
                found = as_many_as_fit(rows, binding_size, room, min(int(once), len(keys)))
            else:
                v2c.apiPDU.set_error_status(response, _NOT_WRITABLE)
                v2c.apiPDU.set_error_index(response, 1)
                v2c.apiPDU.set_varbinds(response, v2c.apiPDU.get_varbinds(request))
                return response
        except TooBigError:
            v2c.apiPDU.set_error_status(response, _TOO_BIG)
            return response
        v2c.apiPDU.set_varbinds(response, [_encode(binding) for binding in found])
        return response


def _encode(binding: Binding) -> tuple[Any, Any]:
    key, answer = binding
    if isinstance(answer, Absent):
        return rfc1902.ObjectName(key), _ABSENT[answer]
    value = "" if answer.value is None else answer.value
    if isinstance(value, float):
        value = OPAQUE_FLOAT + struct.pack(">f", value)
    return rfc1902.ObjectName(key), _TYPES[answer.tag](value)
