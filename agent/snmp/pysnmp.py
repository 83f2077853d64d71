"""SNMP over pysnmp: records devices, and polls if gufo_snmp has no wheel for the platform or lacks a feature.

pysnmp shows error-status, NULL and ASN.1 types, which gufo_snmp hides, but takes a hundred times the CPU per request. It is untyped,
hence the `Any` in this module.
"""

# Importing this module costs about 10 MB, which a running agent with gufo_snmp must not pay: see agent/snmp/__init__.py.
#
# Building a pysnmp 7.1.30 engine takes 70 ms of CPU, so engines are shared (`PysnmpEngines`): one per credential, because an engine
# keeps one key per user name and two devices may use the same name with different keys.

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeAlias

from pyasn1.type import univ  # type: ignore[import-untyped]
from pysnmp.error import PySnmpError  # type: ignore[import-untyped]
from pysnmp.hlapi.v3arch import asyncio as hlapi  # type: ignore[import-untyped]
from pysnmp.hlapi.v3arch.asyncio.lcd import CommandGeneratorLcdConfigurator  # type: ignore[import-untyped]
from pysnmp.proto import errind, rfc1902, rfc1905  # type: ignore[import-untyped]

from agent.deadline import MAX_STRETCH, Deadline, is_opened_and_heard, note_answer
from agent.snmp.credentials import check_credential, master_keys
from agent.snmp.missing import DeniedError
from agent.snmp.pysnmp_checked import (
    CheckedPeer,
    CheckedUdp6Target,
    CheckedUdpTarget,
    RepairingUdp6Target,
    RepairingUdpTarget,
    watch,
)
from agent.snmp.repair_v3 import V3Repair
from agent.snmp.requests import MAX_DOTS, PortionedClient, octets_or_float, silent
from agent.snmp.rows import RowsSoFar, WalkedRows
from agent.snmp.seam import SnmpCommunity, SnmpTarget, SnmpUser, SnmpValue
from agent.snmp.tries import Asked
from agent.snmp.usm import MalformedMessage, PolledClocks, RefusedDatagrams, UsmCheck
from rackflow.errors import (
    DeviceAuthError,
    DeviceDecodeError,
    DeviceError,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
    ResolveError,
)
from rackflow.process.resolve import HeldAddress, Resolver

log = logging.getLogger(__name__)

# Values of error-status (RFC 3416, 3).
TOO_BIG: Final = 1
NO_SUCH_NAME: Final = 2
AUTHORIZATION_ERROR: Final = 16
# Outstanding requests that one check tracks. There is more than one if a device is configured several times: its clients share an engine,
# and so a check. And each may have an early request that it still listens for. Chosen value.
MAX_OUTSTANDING: Final = 16
# How many times the timeout an early try and the one after it take together: see `TryTimeouts`.
WITH_EARLY: Final = 1.5
STALE = (errind.NotInTimeWindow, errind.UnknownEngineID)
"""The device has restarted; pysnmp has learnt its new time from this answer, and the next request gets through."""
REFUSED = (
    *(errind.AuthenticationError, errind.AuthenticationFailure, errind.DecryptionError, errind.NoAuthentication),
    *(errind.UnknownCommunityName, errind.UnknownSecurityName, errind.UnknownUserName),
    *(errind.UnsupportedSecurityLevel, errind.WrongDigest, *STALE),
)

AUTH = {
    "": hlapi.auth.USM_AUTH_NONE,
    "md5": hlapi.auth.USM_AUTH_HMAC96_MD5,
    "sha1": hlapi.auth.USM_AUTH_HMAC96_SHA,
    "sha224": hlapi.auth.USM_AUTH_HMAC128_SHA224,
    "sha256": hlapi.auth.USM_AUTH_HMAC192_SHA256,
    "sha384": hlapi.auth.USM_AUTH_HMAC256_SHA384,
    "sha512": hlapi.auth.USM_AUTH_HMAC384_SHA512,
}
PRIV = {
    "": hlapi.auth.USM_PRIV_NONE,
    "des": hlapi.auth.USM_PRIV_CBC56_DES,
    "aes128": hlapi.auth.USM_PRIV_CFB128_AES,
    "aes192": hlapi.auth.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "aes256": hlapi.auth.USM_PRIV_CFB256_AES_BLUMENTHAL,
}
Peer: TypeAlias = hlapi.UdpTransportTarget | hlapi.Udp6TransportTarget
Credentials: TypeAlias = hlapi.CommunityData | hlapi.UsmUserData
TABLES: Final = CommandGeneratorLcdConfigurator()


class Absent(enum.Enum):
    """Stands for noSuchObject and noSuchInstance, or for endOfMibView."""

    ABSENT = enum.auto()
    END = enum.auto()


Pairs = list[tuple[str, SnmpValue | Absent]]


class PysnmpEngines:
    """The engines of one event loop: one per credential, because an engine keeps one key per user name."""

    def __init__(self) -> None:
        self._current: dict[SnmpCommunity | SnmpUser, hlapi.SnmpEngine] = {}
        self._users: dict[hlapi.SnmpEngine, int] = {}
        self._credentials: dict[SnmpCommunity | SnmpUser, Credentials] = {}
        self._building = asyncio.Lock()

    async def credentials(self, credential: SnmpCommunity | SnmpUser) -> Credentials:
        """The pysnmp form of a credential. Keys are derived once and kept for all later engines."""
        if credential not in self._credentials:
            # One after another: a thousand devices that start with one credential must not start a thread each.
            async with self._building:
                if credential not in self._credentials:
                    # Each key takes milliseconds (tens on a small gateway), so this does not run on the loop that serves all devices.
                    self._credentials[credential] = await asyncio.to_thread(credentials_of, credential)
        return self._credentials[credential]

    async def acquire(self, credential: SnmpCommunity | SnmpUser) -> hlapi.SnmpEngine:
        """The credential's shared engine. Building it takes a tenth of a second of CPU on the event loop."""
        # Engines are built one after another: built all at once, they would use up the timeouts of outstanding requests.
        async with self._building:
            engine = self._current.get(credential) or self._current.setdefault(credential, hlapi.SnmpEngine())
            self._users[engine] = self._users.get(engine, 0) + 1
        return engine

    def release(self, engine: hlapi.SnmpEngine, *, stale: bool = False) -> None:
        """Release an engine once per `acquire`; the last release closes it. A stale engine is not given to new users."""
        self._users[engine] -= 1
        if stale or not self._users[engine]:
            self._current = {credential: other for credential, other in self._current.items() if other is not engine}
        if not self._users[engine]:
            del self._users[engine]
            engine.close_dispatcher()


class _RowsBelow:
    """Takes the rows below one object from the answers of a walk. `last` is where it goes on."""

    def __init__(self, oid: str, limit: int, walk: RowsSoFar) -> None:
        self.last = self._oid = oid
        self.is_stuck = False
        self._root = _numbers(oid)
        self._limit = limit
        self._walk = walk
        # Rows that some agents answer GETNEXT with although they have none there.
        self._absent: set[str] = set()

    def take(self, pairs: Pairs) -> bool:
        """Add the rows of one answer. Returns whether the walk is to continue."""
        for name, value in pairs:
            is_below = _numbers(name)[: len(self._root)] == self._root
            if not is_below or value is Absent.END or len(self._walk.rows) >= self._limit:
                return False
            is_askable = name != self._oid and name.count(".") < MAX_DOTS
            if isinstance(value, Absent):
                # An agent may also say so of what it was asked for, at the end of its tree.
                if not is_askable or name in {*self._absent, self.last} or len(self._absent) >= self._limit:
                    return False
                self._absent.add(name)
            elif not is_askable or not self._walk.add(name, value):
                self.is_stuck = is_askable
                return False
            self.last = name
        return True


class PysnmpClient(PortionedClient):
    """An `SnmpClient` on an engine that it shares with the other clients of `engines`; without `engines` it has its own.

    With SNMPv3, pysnmp gets verified answers only. Clients of one agent share all but `target`.
    """

    def __init__(
        self,
        target: SnmpTarget,
        engines: PysnmpEngines | None = None,
        refused: RefusedDatagrams | None = None,
        resolver: Resolver | None = None,
        clocks: PolledClocks | None = None,
    ) -> None:
        super().__init__(target)
        self._address = HeldAddress(resolver or Resolver(), target.host)
        check_credential(target)
        context = target.credential.context if isinstance(target.credential, SnmpUser) else ""
        self._context = hlapi.ContextData(contextName=context.encode())
        self._engines = engines or PysnmpEngines()
        self._engine: hlapi.SnmpEngine | None = None
        self._peer: Peer | None = None
        self._credentials: Credentials | None = None
        self._refused = refused or RefusedDatagrams()
        self._clocks = clocks or PolledClocks()
        self._checked: CheckedPeer | None = None

    async def close(self) -> None:
        """See `SnmpClient.close`."""
        self._give_back(stale=False)

    async def _get_chunk(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        if not oids:
            return {}
        status, index, pairs = await self._request(hlapi.get_cmd, oids)
        if not status:
            return await self._answered(oids, dict(pairs))
        is_named = 1 <= index <= len(oids) and status != TOO_BIG
        if status == AUTHORIZATION_ERROR:
            self._note_denied(oids[index - 1 : index] if is_named else oids, self._denied_error())
        is_absent = status in {NO_SUCH_NAME, AUTHORIZATION_ERROR}
        if is_named:
            if status != AUTHORIZATION_ERROR:
                self._note_failed(oids[index - 1], is_null=not is_absent)
            failed = {} if is_absent else {oids[index - 1]: None}
            return failed | await self._get_chunk([*oids[: index - 1], *oids[index:]])
        if len(oids) == 1:
            return {} if is_absent else {oids[0]: None}
        found = await self._get_halves(oids)
        if status == TOO_BIG:
            self._varbinds = min(self._varbinds, (len(oids) + 1) // 2)
            log.info(
                "device=%s refuses larger requests, asking for at most %d objects at a time from now on",
                self._target.device,
                self._varbinds,
            )
        return found

    async def _answered(self, oids: Sequence[str], answer: dict[str, SnmpValue | Absent]) -> dict[str, SnmpValue]:
        found = {oid: value for oid in oids if not isinstance(value := answer.get(oid, Absent.ABSENT), Absent)}
        unsaid = [oid for oid in oids if oid not in answer]
        if unsaid and len(oids) > 1:
            found.update(await (self._get_chunk(unsaid) if len(unsaid) < len(oids) else self._get_halves(unsaid)))
        return found

    async def _get_halves(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        middle = len(oids) // 2
        return await self._get_chunk(oids[:middle]) | await self._get_chunk(oids[middle:])

    async def _next_instance(self, oid: str) -> tuple[str, SnmpValue] | None:
        status, _, pairs = await self._request(hlapi.next_cmd, [oid])
        if status == AUTHORIZATION_ERROR:
            raise self._denied_error()
        if status and not self._ends_a_walk(status):
            raise self._error(DeviceProtocolError, f"error-status {status} behind {oid}")
        if status or not pairs or isinstance(pairs[0][1], Absent):
            return None
        return pairs[0][0], pairs[0][1]

    def _ends_a_walk(self, status: int) -> bool:
        """Whether a GETNEXT with this error-status has nothing more to give: in v1 the end of the MIB, or what follows is denied."""
        return status == AUTHORIZATION_ERROR or (self._is_v1 and status == NO_SUCH_NAME)

    async def _walk_rows(self, oid: str, limit: int) -> WalkedRows:
        """See `PortionedClient`."""
        single = self._repetitions == 1 or self._is_v1
        walk = RowsSoFar(self._target.device, oid, 1 if single else self._repetitions)
        rows = _RowsBelow(oid, limit, walk)
        while len(walk.rows) < limit:
            at = [rows.last]
            try:
                status, _, pairs = await self._request(hlapi.next_cmd if single else hlapi.bulk_cmd, at)
            except DeviceTimeout:
                if single:
                    raise
                await self._request(hlapi.next_cmd, at)
                return WalkedRows(walk, is_incomplete=True)
            if status and not single:
                is_denied = status == AUTHORIZATION_ERROR
                return WalkedRows(walk, is_incomplete=not is_denied, is_denied=is_denied)
            if status and not self._ends_a_walk(status):
                raise self._error(DeviceProtocolError, f"error-status {status} below {at[0]}")
            if status or not pairs or not rows.take(pairs):
                break
        return WalkedRows(walk, is_incomplete=False, is_stuck=rows.is_stuck)

    async def _request(self, command: Callable[..., Awaitable[Any]], oids: Sequence[str]) -> tuple[int, int, Pairs]:
        """error-status, error-index and the answer's pairs, with the target's retries."""
        left = self._target.retries + self._timeouts.further(is_patient=is_opened_and_heard())
        asked = _ASKED[command]
        # No early try to a new peer, because the first request to one takes others with SNMPv3.
        early_s = self._timeouts.early_s(asked, asyncio.get_running_loop().time()) if self._peer is not None else 0.0
        stale = 1
        complaint = ""
        while True:
            # Deriving keys, building an engine of pysnmp (a tenth of a second of CPU) and filling its tables is the agent's own
            # work, so the device's timeout starts after it. https://github.com/etingof/pysnmp/issues/402 reports the same of an
            # older version.
            self._credentials = await self._engines.credentials(self._target.credential)
            engine = self._engine = self._engine or await self._engines.acquire(self._target.credential)
            await self._resolve()
            try:
                peer = self._peer or await self._open(engine)
                send = partial(self._send, engine, peer, command, oids)
                problem, status, index, binds = await self._try(send, asked, early_s)
            except (TimeoutError, errind.RequestTimedOut) as error:
                self._peer, early_s = None, 0.0
                if self._checked is not None:
                    complaint = self._checked.check.complaint() or complaint
                    # A replaced device has a new engine id, and a pysnmp 7.1.30 engine never forgets the old one.
                    self._give_back(stale=True)
                if not left:
                    raise self._silence(complaint) from error
                left -= 1
            except (PySnmpError, MalformedMessage) as error:
                self._peer = None
                raise self._error(DeviceProtocolError, str(error)) from error
            else:
                if not problem:
                    return int(status), int(index), self._pairs(binds)
                if not (isinstance(problem, STALE) and stale):
                    raise self._problem(problem)
                stale -= 1

    async def _try(self, send: Callable[[], Coroutine[Any, Any, Any]], asked: Asked, early_s: float) -> Any:  # noqa: ANN401 - pysnmp is untyped
        """The answer to one try, or to an early one that goes before it. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        if not early_s:
            return await self._timed(send, asked, Deadline(self._target.timeout_s))
        # It goes on while the next one is outstanding, so that a late answer to it is noticed. That one is not taken: it is the older one,
        # and a card that is still busy with the next request must not get a third.
        early = loop.create_task(send(), name=f"early try {self._target.device}")
        try:
            with suppress(TimeoutError):
                return await self._timed(partial(asyncio.shield, early), asked, Deadline(early_s))
            deadline = Deadline(self._target.timeout_s)
            early.add_done_callback(partial(self._on_late_answer, deadline))
            return await self._timed(send, asked, deadline)
        finally:
            early.cancel()

    async def _timed(self, send: Callable[[], Awaitable[Any]], asked: Asked, deadline: Deadline) -> Any:  # noqa: ANN401 - as above
        clock = asyncio.get_running_loop().time
        began_s = clock()
        with deadline:
            answer = await send()
            note_answer()
            self._address.has_answered = True
        self._timeouts.answered(asked, clock() - began_s, clock())
        return answer

    def _on_late_answer(self, deadline: Deadline, early: asyncio.Task[Any]) -> None:
        """The early try was answered late: a slow card takes as long for the second one, which stands behind it in its queue."""
        if not early.cancelled() and early.exception() is None:
            note_answer()
            deadline.restart()
            self._timeouts.was_too_early(deadline.loop.time())

    async def _send(
        self, engine: hlapi.SnmpEngine, peer: Peer, command: Callable[..., Awaitable[Any]], oids: Sequence[str]
    ) -> Any:  # noqa: ANN401 - pysnmp is untyped
        numbers = (0, self._repetitions) if command is hlapi.bulk_cmd else ()
        objects = [hlapi.ObjectType(hlapi.ObjectIdentity(oid)) for oid in oids]
        answer = await command(engine, self._credentials, peer, self._context, *numbers, *objects, lookupMib=False)
        if isinstance(answer[0], errind.RequestTimedOut):
            raise answer[0]
        return answer

    async def _open(self, engine: hlapi.SnmpEngine) -> Peer:
        """Enter the peer, its user and its keys into the engine's tables."""
        peer = self._peer = await self._find_peer()
        # pysnmp does this itself at each request, but only the first time is slow: 0.05 s of CPU for a v3 user.
        TABLES.configure(engine, self._credentials, peer, self._context.contextName)
        if isinstance(self._target.credential, SnmpUser):
            self._checked = watch(engine, peer, self._check_of(self._target.credential))
        return peer

    def _check_of(self, user: SnmpUser) -> CheckedPeer:
        # The same for all engines, so that a new one accepts no old answers.
        if self._checked is None:
            found = (getattr(self._credentials, name, None) for name in ("authentication_key", "privacy_key"))
            auth, priv = (bytes(key) if key else None for key in found)
            check = UsmCheck(user.auth, auth, MAX_OUTSTANDING, self._clocks.of(self._target.device))
            repair = V3Repair(user.auth, auth, user.priv, priv)
            self._checked = CheckedPeer(self._target.device, check, self._refused, repair)
        return self._checked

    def _silence(self, complaint: str) -> DeviceError:
        if complaint:
            return self._error(DeviceAuthError, complaint)
        return self._error(
            *silent(self._target.timeout_s, self._checked.check.silence() if self._checked is not None else "")
        )

    def _give_back(self, *, stale: bool) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            self._engines.release(engine, stale=stale)

    async def _resolve(self) -> None:
        # Outside the deadline, so that a name that cannot be resolved is reported as such and not as a silent device.
        if self._peer is not None:
            if not self._address.is_due() or not await self._address.has_moved():
                return
            self._peer = None
        try:
            await self._address.find()
        except ResolveError as error:
            raise self._error(DeviceUnreachable, str(error)) from error

    async def _find_peer(self) -> Peer:
        # Longer than the deadlines of `_try` can become, and in whole seconds, as pysnmp 7.1.30 documents it. `_request` handles
        # deadline and retries, because pysnmp counts its own in ticks of its timer (https://github.com/etingof/pysnmp/issues/250).
        patience = {"timeout": int(self._target.timeout_s * MAX_STRETCH * WITH_EARLY) + 2, "retries": 0}
        v6 = ":" in self._address.text
        if isinstance(self._target.credential, SnmpUser):
            kind = CheckedUdp6Target if v6 else CheckedUdpTarget
        else:
            kind = RepairingUdp6Target if v6 else RepairingUdpTarget
        try:
            return await kind.create((self._address.text, self._target.port), **patience)
        except PySnmpError as error:
            raise self._error(DeviceUnreachable, f"{self._target.host}: {error}") from error

    @property
    def _is_v1(self) -> bool:
        return isinstance(self._target.credential, SnmpCommunity) and self._target.credential.version == "1"

    def _pairs(self, binds: Any) -> Pairs:  # noqa: ANN401 - pysnmp is untyped
        try:
            return [(str(name), self._plain(name, value)) for name, value in binds]
        except (
            ValueError
        ) as error:  # an arc of thousands of digits, in a name or in a value, which Python does not print
            raise self._error(DeviceDecodeError, f"sent a value that cannot be decoded: {error}") from error

    def _plain(self, name: object, value: object) -> SnmpValue | Absent:
        for kinds, convert in CONVERSIONS:
            if isinstance(value, kinds):
                return convert(value)
        raise self._error(DeviceDecodeError, f"{name} is of an unknown type {type(value).__name__}")

    def _denied_error(self) -> DeniedError:
        text = "may not be read with this community" if self._checked is None else self._checked.check.refusal()
        return DeniedError(text, device=self._target.device, operation="snmp")

    def _problem(self, problem: Any) -> DeviceError:  # noqa: ANN401 - pysnmp is untyped
        if isinstance(problem, REFUSED):
            reason = ""
            if self._checked is not None:
                check = self._checked.check
                reason = check.refusal() if isinstance(problem, STALE) else check.complaint()
            return self._error(DeviceAuthError, reason or f"refuses the credentials: {problem}")
        return self._error(DeviceProtocolError, str(problem))

    def _error(self, kind: type[DeviceError], text: str) -> DeviceError:
        return kind(text, device=self._target.device, operation="snmp")


def credentials_of(credential: SnmpCommunity | SnmpUser) -> Credentials:
    """The pysnmp form of a credential, with master keys for pass phrases; pysnmp localises them per engine id, at the cost of one hash."""
    if isinstance(credential, SnmpCommunity):
        return hlapi.CommunityData(credential.community, mpModel=0 if credential.version == "1" else 1)
    return hlapi.UsmUserData(
        credential.user,
        *(univ.OctetString(key) if key else None for key in master_keys(credential)),
        authProtocol=AUTH[credential.auth],
        privProtocol=PRIV[credential.priv],
        authKeyType=hlapi.USM_KEY_TYPE_MASTER,
        privKeyType=hlapi.USM_KEY_TYPE_MASTER,
    )


_ASKED: Final[Mapping[Callable[..., Awaitable[Any]], Asked]] = {
    hlapi.get_cmd: "get",
    hlapi.bulk_cmd: "next row",
    hlapi.next_cmd: "getnext",
}
"""What each request asks for."""
CONVERSIONS: Final[tuple[tuple[Any, Callable[[Any], SnmpValue | Absent]], ...]] = (
    # Order matters: the classes of noSuchObject and the like derive from Null, and IpAddress derives from OctetString.
    ((rfc1905.NoSuchObject, rfc1905.NoSuchInstance), lambda _: Absent.ABSENT),
    (rfc1905.EndOfMibView, lambda _: Absent.END),
    (univ.Null, lambda _: None),
    ((univ.ObjectIdentifier, rfc1902.IpAddress), lambda value: str(value.prettyPrint())),
    (univ.Integer, int),
    (univ.OctetString, lambda value: octets_or_float(bytes(value))),
)


def _numbers(oid: str) -> tuple[int, ...]:
    return tuple(map(int, oid.split(".")))
