"""SNMP polling over gufo_snmp.

gufo_snmp 0.13.0 hides error-status and drops NULL (no public issue), so whatever an answer lacks is asked again in smaller
parts before it counts as absent.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from gufo import snmp
from gufo.snmp import NoSuchInstance, SnmpAuthError, SnmpDecodeError, SnmpEncodeError, SnmpVersion, User
from gufo.snmp.aio import SnmpSession

from agent.snmp.requests import OPAQUE_FLOAT, PortionedClient, octets_or_float
from agent.snmp.seam import SnmpTarget, SnmpUser, SnmpValue
from rackflow.errors import (
    ConfigError,
    DeviceAuthError,
    DeviceError,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
)

log = logging.getLogger(__name__)

SENDS_PER_TRY: Final = 3
"""How often one try may send: garbage and stale engine times are answered at once, and the next round may do better."""
MAX_SINGLE_GETS: Final = 4
"""So few missing objects are asked one at a time, the only way that tells NULL from absent."""
WHOLE_TREE: Final = "1.3"


AUTH = {
    "md5": snmp.Md5Key,
    "sha1": snmp.Sha1Key,
    "sha224": snmp.Sha224Key,
    "sha256": snmp.Sha256Key,
    "sha384": snmp.Sha384Key,
    "sha512": snmp.Sha512Key,
}
PRIV = {"des": snmp.DesKey, "aes128": snmp.Aes128Key, "aes192": snmp.Aes192Key, "aes256": snmp.Aes256Key}

Row = tuple[str, SnmpValue]
Argument = TypeVar("Argument")
Answer = TypeVar("Answer")


class GufoClient(PortionedClient):
    """An `SnmpClient` on a gufo_snmp session, which is made when first needed and again after every failure."""

    def __init__(self, target: SnmpTarget) -> None:
        super().__init__(target)
        credential = target.credential
        self._user = user_of(target.device, credential) if isinstance(credential, SnmpUser) else None
        self._session: SnmpSession | None = None
        self._refusals = 0

    async def close(self) -> None:
        """See `SnmpClient.close`. The socket goes with the session."""
        self._session = None

    async def _get_chunk(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        answer = await self._get_many(oids)
        missing = [oid for oid in oids if oid not in answer]
        if not missing and len(answer) == len(oids):
            return answer
        found = {oid: answer[oid] for oid in oids if oid in answer}
        if not found:
            self._refusals += 1
        if len(missing) <= MAX_SINGLE_GETS:
            for oid in missing:
                found.update(await self._request(self._get_one, oid))
        elif oids[-1] not in found and not (found and await self._missing_confirmed(missing, found)):
            found.update(await self._get_halves(missing, refused=not found))
        return found

    async def _missing_confirmed(self, missing: list[str], found: dict[str, SnmpValue]) -> bool:
        # An object that was just there, asked behind the missing ones: if it comes again, the answer was
        # neither refused nor cut short, and what it lacks is not there.
        known = next(iter(found))
        again = await self._get_many([*missing, known])
        found.update((oid, again[oid]) for oid in missing if oid in again)
        return known in again

    async def _get_halves(self, oids: list[str], *, refused: bool) -> dict[str, SnmpValue]:
        middle = len(oids) // 2
        refusals = self._refusals
        found = await self._get_chunk(oids[:middle]) | await self._get_chunk(oids[middle:])
        if refused and self._refusals == refusals and found:
            # Refused together, answered apart: it was the size.
            self._varbinds = len(oids) - middle
            log.info("device=%s takes fewer objects at a time: %d", self._target.device, self._varbinds)
        return found

    async def _get_many(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        try:
            answer = await self._request(SnmpSession.get_many, oids)
        except SnmpEncodeError as error:  # longer than gufo_snmp's buffer
            if len(oids) == 1:
                raise self._error(DeviceProtocolError, f"cannot be asked for {oids[0]}: {error}") from error
            return {}
        for oid, value in answer.items():
            if type(value) is bytes and value[:3] == OPAQUE_FLOAT:
                answer[oid] = plain(value)
        return answer

    async def _get_one(self, session: SnmpSession, oid: str) -> dict[str, SnmpValue]:
        try:
            value = await session.get(oid)
        except NoSuchInstance:
            return {}
        # v1 says noSuchName by sending the request's own NULL back (RFC 1157, 4.1.2), and gufo_snmp hides the error-status.
        return {} if value is None and self._version is SnmpVersion.v1 else {oid: plain(value)}

    async def _next_instance(self, oid: str) -> tuple[str, SnmpValue] | None:
        session = await self._request(_session_itself, None)
        # A walk yields what is below its root only: asked from one root and taken by a wider one, an answer may come from
        # anywhere in the tree.
        row = await self._request(_one_getnext, (session.getnext(oid), session.getnext(WHOLE_TREE)))
        return (row[0], plain(row[1])) if row else None

    async def _walk_rows(self, oid: str, limit: int) -> tuple[dict[str, SnmpValue], bool]:
        """Rows, and whether the device could not answer for so many at once; then they are not all."""
        session = await self._request(_session_itself, None)
        single = self._repetitions == 1 or self._version is SnmpVersion.v1
        rows = session.getnext(oid) if single else session.getbulk(oid, self._repetitions)
        found: dict[str, SnmpValue] = {}
        last: tuple[int, ...] = ()
        while len(found) < limit:
            try:
                row = await self._request(_next_row, rows)
            except DeviceTimeout:
                if single:
                    raise
                await self._request(_one_getnext, (rows, rows))  # silent to this, too, and it is no matter of size
                return found, True
            if row is None:
                # The end of the MIB and a refused GETBULK look the same; one GETNEXT from here tells them apart.
                return found, not single and await self._request(_one_getnext, (rows, rows)) is not None
            position = tuple(map(int, row[0].split(".")))
            if position <= last:
                log.warning("device=%s goes in circles: walk of %s ends at %s", self._target.device, oid, row[0])
                break
            last = position
            found[row[0]] = plain(row[1])
        return found, False

    async def _request(self, call: Callable[[SnmpSession, Argument], Awaitable[Answer]], argument: Argument) -> Answer:
        for left in range(self._target.retries, -1, -1):
            try:
                async with asyncio.timeout(self._target.timeout_s):
                    return await self._try(call, argument)
            except TimeoutError as error:
                # A device that has restarted is silent to an engine time from before; only a new session gets through.
                self._session = None
                if not left:
                    raise self._error(DeviceTimeout, f"no answer within {self._target.timeout_s:g} s") from error
            except SnmpEncodeError:
                raise
            except BaseException:
                # Cancelled by a shorter deadline, or failed: either way the next request starts afresh.
                self._session = None
                raise
        raise AssertionError(self._target.retries)  # pragma: no cover - the loop returns or raises

    async def _try(self, call: Callable[[SnmpSession, Argument], Awaitable[Answer]], argument: Argument) -> Answer:
        """One try within its caller's deadline. Raises SnmpEncodeError, and DeviceError but not DeviceTimeout."""
        for left in reversed(range(SENDS_PER_TRY)):
            try:
                return await call(self._session or await self._open(), argument)
            except (SnmpDecodeError, SnmpAuthError) as error:
                if not left:
                    raise self._wrong(error) from error
                if isinstance(error, SnmpAuthError):
                    # Perhaps only the engine's clock, which gufo_snmp 0.13.0 lets stand still between requests, is too far off.
                    self._session = None
            except OSError as error:
                # gufo_snmp 0.13.0 makes a TimeoutError of what ICMP says; its cause tells "connection refused".
                text = f"{self._target.host}:{self._target.port}: {error.__cause__ or error}"
                raise self._error(DeviceUnreachable, text) from error
            except BaseException as error:
                if not _is_panic(error):
                    raise
                raise self._error(DeviceProtocolError, "answers with a malformed list of values") from error
        raise AssertionError(SENDS_PER_TRY)  # pragma: no cover - the loop returns or raises

    def _wrong(self, error: SnmpDecodeError | SnmpAuthError) -> DeviceError:
        if isinstance(error, SnmpDecodeError):
            return self._error(DeviceProtocolError, f"answers what is no SNMP: {error}")
        if self._user is None:
            return self._error(DeviceProtocolError, "answers with a report, which only v3 knows")
        return self._error(DeviceAuthError, "refuses the user, the keys or the security level")

    async def _open(self) -> SnmpSession:
        credential = self._target.credential
        session = SnmpSession(
            await resolve(self._target.host, self._target.port),
            self._target.port,
            community="" if isinstance(credential, SnmpUser) else credential.community,
            user=self._user,
            version=self._version,
            # The deadline is `_request`'s: that of gufo_snmp 0.13.0 starts anew with every stray datagram, and costs more.
            timeout=None,  # type: ignore[arg-type]
        )
        await session.refresh()
        self._session = session
        return session

    @property
    def _version(self) -> SnmpVersion:
        if isinstance(self._target.credential, SnmpUser):
            return SnmpVersion.v3
        return SnmpVersion.v1 if self._target.credential.version == "1" else SnmpVersion.v2c

    def _error(self, kind: type[DeviceError], text: str) -> DeviceError:
        return kind(text, device=self._target.device, operation="snmp")


def user_of(device: str, credential: SnmpUser) -> User:
    """Raises ConfigError for what gufo_snmp cannot do."""
    if credential.context:
        raise ConfigError(f"device {device!r}: SNMP contexts need `engine: pysnmp`")
    if credential.priv and not credential.auth:
        raise ConfigError(f"device {device!r}: SNMPv3 privacy needs authentication too; set `auth` and its key")
    return User(
        credential.user,
        auth_key=AUTH[credential.auth](credential.auth_key.encode()) if credential.auth else None,
        priv_key=PRIV[credential.priv](credential.priv_key.encode()) if credential.priv else None,
    )


async def resolve(host: str, port: int) -> str:
    """Address of a host, IPv4 if it has one, looked up off the loop. Raises OSError."""
    with suppress(ValueError):  # not a literal address: a name to look up
        return str(ipaddress.ip_address(host))
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    return str(min(found, key=lambda entry: entry[0] != socket.AF_INET)[4][0])


def plain(value: SnmpValue) -> SnmpValue:
    """net-snmp's Opaque float (0x9f78 inside Opaque), which gufo_snmp 0.13.0 leaves as bytes, as a float; the rest as it is."""
    return octets_or_float(value) if isinstance(value, bytes) else value


async def _next_row(_: SnmpSession, rows: AsyncIterator[Row]) -> Row | None:
    return await anext(rows, None)


async def _one_getnext(session: SnmpSession, walks: tuple[AsyncIterator[Row], AsyncIterator[Row]]) -> Row | None:
    """One GETNEXT from where the first walk has got to; None where the answer is not below the second walk's root.

    The one place that uses private attributes of gufo_snmp, since it has no public way to start a GETNEXT inside a subtree
    (0.13.0; no public issue). Both ways around it are dearer: walking by GETNEXT alone costs a request for each row, and a
    GETNEXT over pysnmp two orders of magnitude more CPU. pyproject.toml keeps gufo_snmp below 0.14, and
    `tests/rackflow/test_libraries.py` fails first where one of them has moved.
    """
    asked, taken = (walk._ctx for walk in walks)  # type: ignore[attr-defined]  # noqa: SLF001
    sock = session._sock  # noqa: SLF001
    await session._send(lambda: sock.send_get_next(asked))  # noqa: SLF001
    try:
        return await session._recv(lambda: sock.recv_get_next(taken))  # noqa: SLF001
    except StopAsyncIteration:
        return None


async def _session_itself(session: SnmpSession, _: None) -> SnmpSession:
    return session


def _is_panic(error: BaseException) -> bool:
    """gufo_snmp 0.13.0 panics over a malformed list of values (no public issue); PyO3 makes a BaseException of it."""
    return (type(error).__module__, type(error).__name__) == ("pyo3_runtime", "PanicException")
