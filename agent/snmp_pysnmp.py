"""The fallback SNMP engine: in go OIDs, out come plain values, over pysnmp; slower, and everywhere Python is."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from pyasn1.error import PyAsn1Error
from pyasn1.type.univ import Integer, Null, ObjectIdentifier, OctetString
from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch.asyncio import (
    USM_AUTH_HMAC96_MD5,
    USM_AUTH_HMAC96_SHA,
    USM_AUTH_HMAC128_SHA224,
    USM_AUTH_HMAC192_SHA256,
    USM_AUTH_HMAC256_SHA384,
    USM_AUTH_HMAC384_SHA512,
    USM_AUTH_NONE,
    USM_PRIV_CBC56_DES,
    USM_PRIV_CFB128_AES,
    USM_PRIV_CFB192_AES,
    USM_PRIV_CFB256_AES,
    USM_PRIV_NONE,
    CommunityData,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    UsmUserData,
    bulk_cmd,
    get_cmd,
    next_cmd,
)
from pysnmp.proto.rfc1902 import IpAddress
from pysnmp.proto.rfc1905 import EndOfMibView, NoSuchInstance, NoSuchObject

from agent.seams import SnmpTarget, SnmpUser, SnmpValue
from rackflow.errors import DeviceAuthError, DeviceError, DeviceProtocolError, DeviceTimeout, DeviceUnreachable

log = logging.getLogger(__name__)

_AUTH = {
    "": USM_AUTH_NONE,
    "md5": USM_AUTH_HMAC96_MD5,
    "sha1": USM_AUTH_HMAC96_SHA,
    "sha224": USM_AUTH_HMAC128_SHA224,
    "sha256": USM_AUTH_HMAC192_SHA256,
    "sha384": USM_AUTH_HMAC256_SHA384,
    "sha512": USM_AUTH_HMAC384_SHA512,
}
_PRIV = {
    "": USM_PRIV_NONE,
    "des": USM_PRIV_CBC56_DES,
    "aes128": USM_PRIV_CFB128_AES,
    "aes192": USM_PRIV_CFB192_AES,
    "aes256": USM_PRIV_CFB256_AES,
}
_TOO_BIG = 1
_NO_SUCH_NAME = 2
_AUTH_WORDS = ("Unknown USM user", "Wrong SNMP PDU digest", "Unsupported SNMP security level", "time window", "ecryption")
_SILENCE_WORDS = ("imeout", "No SNMP response")


class PysnmpClient:
    """An `SnmpClient` over pysnmp, with an engine of its own. Not to be used by two tasks at once."""

    def __init__(self, target: SnmpTarget) -> None:
        self._target = target
        self._engine: Any = None
        self._transport: Any = None
        self._chunk = target.max_varbinds
        credential = target.credential
        if isinstance(credential, SnmpUser):
            self._auth: Any = UsmUserData(
                credential.user,
                credential.auth_key or None,
                credential.priv_key or None,
                authProtocol=_AUTH[credential.auth],
                privProtocol=_PRIV[credential.priv],
            )
            self._context = ContextData(contextName=credential.context.encode())
            self._version1 = False
        else:
            self._version1 = credential.version == "1"
            self._auth = CommunityData(credential.community, mpModel=0 if self._version1 else 1)
            self._context = ContextData()

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """See `SnmpClient.get`."""
        found: dict[str, SnmpValue] = {}
        at = 0
        while at < len(oids):
            size = self._chunk
            found |= await self._get_chunk(list(oids[at : at + size]))
            at += size
        return found

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        """See `SnmpClient.walk`."""
        found: dict[str, SnmpValue] = {}
        last = tuple(map(int, oid.split(".")))
        here = oid
        while len(found) < limit:
            rows = await self._next_rows(here)
            if not rows:
                return found
            for name, value in rows:
                place = tuple(map(int, name.split(".")))
                if place <= last or not name.startswith(f"{oid}.") or len(found) >= limit or _is_absent(value):
                    return found
                last, here = place, name
                found[name] = _plain(value)
        return found

    async def close(self) -> None:
        """See `SnmpClient.close`."""
        if self._engine is not None:
            self._engine.close_dispatcher()
            self._engine = None
            self._transport = None

    async def _get_chunk(self, oids: list[str]) -> dict[str, SnmpValue]:
        status, index, varbinds = await self._ask("get", get_cmd, oids)
        if status == _TOO_BIG and len(oids) > 1:
            half = len(oids) // 2
            self._chunk = max(1, half)
            return await self._get_chunk(oids[:half]) | await self._get_chunk(oids[half:])
        if status == _NO_SUCH_NAME:
            rest = [oid for at, oid in enumerate(oids, start=1) if at != index] if 0 < index <= len(oids) else []
            return await self._get_chunk(rest) if rest else {}
        if status:
            raise self._error(DeviceProtocolError, f"error-status {status} at {index}", "get")
        found = {name: _plain(value) for name, value in varbinds if not _is_absent(value)}
        return {oid: found[oid] for oid in oids if oid in found}

    async def _next_rows(self, oid: str) -> list[tuple[str, Any]]:
        if self._version1:
            status, _, varbinds = await self._ask("walk", next_cmd, [oid])
            return [] if status == _NO_SUCH_NAME else varbinds
        status, index, varbinds = await self._ask("walk", bulk_cmd, [oid], 0, self._target.max_repetitions)
        if status:
            raise self._error(DeviceProtocolError, f"error-status {status} at {index}", "walk")
        return varbinds

    async def _ask(
        self, operation: str, command: Callable[..., Any], oids: list[str], *numbers: int
    ) -> tuple[int, int, list[tuple[str, Any]]]:
        try:
            engine, transport = await self._open()
            objects = [ObjectType(ObjectIdentity(oid)) for oid in oids]
            answer = await command(engine, self._auth, transport, self._context, *numbers, *objects, lookupMib=False)
        except (PySnmpError, PyAsn1Error) as error:
            raise self._error(DeviceProtocolError, str(error) or type(error).__name__, operation) from error
        except OSError as error:
            raise self._error(DeviceUnreachable, str(error), operation) from error
        failure, status, index, varbinds = answer
        if failure:
            # A fresh engine learns the device's clock anew, so that one that has rebooted is heard again.
            await self.close()
            raise self._error(_kind_of(str(failure)), str(failure), operation)
        return int(status), int(index), [(str(name), value) for name, value in varbinds]

    async def _open(self) -> tuple[Any, Any]:
        if self._engine is None:
            self._engine = SnmpEngine()
            target = self._target
            self._transport = await UdpTransportTarget.create(
                (target.host, target.port), timeout=target.timeout_s, retries=target.retries
            )
        return self._engine, self._transport

    def _error(self, kind: type[DeviceError], text: str, operation: str) -> DeviceError:
        return kind(text, device=self._target.device, operation=operation)


def _kind_of(text: str) -> type[DeviceError]:
    """pysnmp tells its failures apart in words only."""
    if any(word in text for word in _AUTH_WORDS):
        return DeviceAuthError
    return DeviceTimeout if any(word in text for word in _SILENCE_WORDS) else DeviceProtocolError


def _is_absent(value: object) -> bool:
    return isinstance(value, NoSuchInstance | NoSuchObject | EndOfMibView)


def _plain(value: Any) -> SnmpValue:  # noqa: ANN401 - whatever pysnmp decoded
    if isinstance(value, Null):
        return None
    if isinstance(value, IpAddress):
        return str(value.prettyPrint())
    if isinstance(value, OctetString):
        return bytes(value)
    if isinstance(value, ObjectIdentifier):
        return str(value)
    return int(value) if isinstance(value, Integer) else None
