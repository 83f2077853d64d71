"""The fast SNMP engine: in go OIDs, out come plain values, over gufo_snmp; its quirks end here.

gufo_snmp ignores error-status, so tooBig, genErr and noSuchName look like a shorter answer; it drops NULLs from an answer;
it fails at once on a datagram that is not SNMP, and panics on an empty varbind.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    DesKey,
    Md5Key,
    NoSuchInstance,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    SnmpAuthError,
    SnmpDecodeError,
    SnmpError,
    SnmpVersion,
    User,
)
from gufo.snmp.aio import SnmpSession

from agent.seams import SnmpTarget, SnmpUser, SnmpValue
from rackflow.errors import (
    DeviceAuthError,
    DeviceDecodeError,
    DeviceError,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
)

T = TypeVar("T")

_AUTH = {"md5": Md5Key, "sha1": Sha1Key, "sha224": Sha224Key, "sha256": Sha256Key, "sha384": Sha384Key, "sha512": Sha512Key}
_PRIV = {"des": DesKey, "aes128": Aes128Key, "aes192": Aes192Key, "aes256": Aes256Key}
_GARBAGE_TRIES = 3
_V3_IDLE_S = 120.0
"""An engine's clock must be known within 150 s (RFC 3414 2.2.3); after a longer pause it is asked again."""


class GufoClient:
    """An `SnmpClient` over gufo_snmp. Not to be used by two tasks at once."""

    def __init__(self, target: SnmpTarget) -> None:
        self._target = target
        self._session: SnmpSession | None = None
        self._chunk = target.max_varbinds
        self._repetitions = target.max_repetitions
        self._nulls: set[str] = set()
        self._last_used = 0.0

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """See `SnmpClient.get`."""
        if len(oids) <= self._chunk:
            return await self._get_chunk(oids) if oids else {}
        found: dict[str, SnmpValue] = {}
        at = 0
        while at < len(oids):
            size = self._chunk
            found |= await self._get_chunk(oids[at : at + size])
            at += size
        return found

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        """See `SnmpClient.walk`. An answer that times out is asked for in smaller portions, which is remembered."""
        while True:
            bulk = self._repetitions if self._bulk else 1
            try:
                found = await self._walk_once(oid, limit, bulk)
            except DeviceTimeout:
                if bulk <= 1:
                    raise
                self._repetitions = bulk // 2
                continue
            if not found and bulk > 1:
                # An error-status is invisible here: an empty answer is believed only when GETNEXT confirms it.
                return await self._walk_once(oid, limit, 1)
            return found

    async def close(self) -> None:
        """See `SnmpClient.close`. The socket closes with the session object."""
        self._session = None

    @property
    def _bulk(self) -> bool:
        credential = self._target.credential
        return isinstance(credential, SnmpUser) or credential.version != "1"

    async def _get_chunk(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        if len(oids) == 1:
            return await self._get_one(oids[0])
        found: dict[str, SnmpValue] = await self._request("get", lambda session: session.get_many(oids))
        if len(found) == len(oids):
            return found
        missing = [oid for oid in oids if oid not in found]
        known_nulls = [oid for oid in missing if oid in self._nulls]
        found |= dict.fromkeys(known_nulls)
        missing = [oid for oid in missing if oid not in self._nulls]
        return found | await self._get_missing(missing, all_missing=len(missing) == len(oids))

    async def _get_missing(self, oids: Sequence[str], *, all_missing: bool) -> dict[str, SnmpValue]:
        """What an answer lacked is asked for in ever smaller portions, until a lone object is there or is not."""
        if not oids:
            return {}
        if not all_missing:
            return await self._get_chunk(oids)
        half = (len(oids) + 1) // 2
        first = await self._get_chunk(oids[:half])
        second = await self._get_chunk(oids[half:])
        if len(first) == half and len(second) == len(oids) - half and len(oids) <= self._chunk:
            self._chunk = max(1, half)
        return first | second

    async def _get_one(self, oid: str) -> dict[str, SnmpValue]:
        try:
            value = await self._request("get", lambda session: session.get(oid))
        except _Absent:
            self._nulls.discard(oid)
            return {}
        if value is None:
            if not self._bulk:
                return {}  # version 1 says noSuchName with the NULL of the question
            self._nulls.add(oid)
        return {oid: value}

    async def _walk_once(self, oid: str, limit: int, bulk: int) -> dict[str, SnmpValue]:
        found: dict[str, SnmpValue] = {}

        async def collect(session: SnmpSession) -> None:
            found.clear()
            last: tuple[int, ...] = ()
            async for name, value in session.getbulk(oid, bulk) if bulk > 1 else session.getnext(oid):
                here = tuple(map(int, name.split(".")))
                if here <= last or len(found) >= limit or not name.startswith(f"{oid}."):
                    break  # a table that goes backwards would be walked for ever
                last = here
                found[name] = value

        try:
            await self._request(f"walk {oid}", collect)
        except _Absent:
            return found
        return found

    async def _request(self, operation: str, ask: Callable[[SnmpSession], Awaitable[T]]) -> T:
        """One request with its retries; third-party errors become `DeviceError`s."""
        failure: DeviceError | None = None
        garbage = 0
        tries = 0
        while tries <= self._target.retries and garbage < _GARBAGE_TRIES:
            try:
                session = await self._open(operation)
                return await ask(session)
            except NoSuchInstance:
                raise _Absent from None
            except SnmpAuthError as error:
                failure = self._error(DeviceAuthError, "the device refuses user, key or time window", operation, error)
                self._renew()
                tries += 1
            except SnmpDecodeError as error:
                failure = self._error(DeviceDecodeError, f"an answer is not SNMP: {error}", operation, error)
                garbage += 1
            except SnmpError as error:
                failure = self._error(DeviceProtocolError, str(error) or type(error).__name__, operation, error)
                tries += 1
            except TimeoutError as error:
                failure = self._error(DeviceTimeout, f"no answer in {self._target.timeout_s:g} s", operation, error)
                self._renew()
                tries += 1
            except OSError as error:
                raise self._error(DeviceUnreachable, f"{self._target.host}: {error}", operation, error) from error
            except BaseException as error:
                if type(error).__name__ != "PanicException":
                    raise
                self._session = None
                raise self._error(DeviceProtocolError, "the answer holds an empty varbind", operation, error) from error
        if failure is None:  # not reachable: a loop without failure returns
            raise AssertionError(operation)
        raise failure

    def _renew(self) -> None:
        """Version 3 learns engine and clock anew, so that a device that has rebooted is heard again."""
        if isinstance(self._target.credential, SnmpUser):
            self._session = None

    def _error(self, kind: type[DeviceError], text: str, operation: str, cause: BaseException) -> DeviceError:
        error = kind(text, device=self._target.device, operation=operation)
        error.__cause__ = cause
        return error

    async def _open(self, operation: str) -> SnmpSession:
        now = time.monotonic()
        idle = now - self._last_used
        self._last_used = now
        if self._session is not None:
            if idle > _V3_IDLE_S and isinstance(self._target.credential, SnmpUser):
                await self._session.refresh()
            return self._session
        address = await self._resolve(operation)
        target = self._target
        credential = target.credential
        if isinstance(credential, SnmpUser):
            session = SnmpSession(address, target.port, user=_user(credential), version=SnmpVersion.v3, timeout=target.timeout_s)
            await session.refresh()
        else:
            version = SnmpVersion.v1 if credential.version == "1" else SnmpVersion.v2c
            session = SnmpSession(address, target.port, credential.community, version=version, timeout=target.timeout_s)
        self._session = session
        return session

    async def _resolve(self, operation: str) -> str:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(self._target.host, self._target.port, type=socket.SOCK_DGRAM)
        except OSError as error:
            raise self._error(DeviceUnreachable, f"{self._target.host}: {error}", operation, error) from error
        return str(found[0][4][0])


class _Absent(Exception):  # noqa: N818 - an answer inside this module, not an error
    """The device has no such object."""


def _user(user: SnmpUser) -> User:
    auth = _AUTH[user.auth](user.auth_key.encode()) if user.auth else None
    priv = _PRIV[user.priv](user.priv_key.encode()) if user.priv else None
    return User(user.user, auth_key=auth, priv_key=priv)


