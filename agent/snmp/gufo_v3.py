"""SNMPv3 over gufo_snmp, with every answer verified before gufo_snmp sees it.

gufo_snmp 0.13.0 encodes, encrypts and decrypts, and verifies nothing (no public issue). Its socket is therefore replaced by one end of
a socket pair, and `UsmRelay` owns the socket to the device. `fault_of_gufo` says whether that still works with the installed release.
"""

# This module relies on more than gufo_snmp's public API: on the classes SnmpV3ClientSocket and GetIter of the private module `_fast`, and
# on SnmpV3ClientSocket using the descriptor that get_fd() returns. The public SnmpSession cannot be given a socket, and accepts an engine
# id from any sender. pyproject.toml keeps gufo_snmp below 0.14; tests/rackflow/test_libraries.py lists the private names used here, and
# tests/agent/snmp/test_forgeries.py tests the result against forged answers.

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Final, Protocol, TypeVar

from gufo import snmp
from gufo.snmp import SnmpDecodeError, SnmpError, User
from gufo.snmp.user import KeyType

from agent.snmp.credentials import check_credential
from agent.snmp.relay import UsmRelay
from agent.snmp.repair_v3 import V3Repair
from agent.snmp.seam import SnmpTarget, SnmpUser
from agent.snmp.usm import MasterKeys, PolledClocks, Refusal, RefusedDatagrams, UsmCheck, UsmKeys, discovery_request
from rackflow.errors import ConfigError, RackflowError

try:
    from gufo.snmp._fast import GetIter, SnmpV3ClientSocket
except ImportError:  # another release of gufo_snmp; `fault_of_gufo` tells
    GetIter = SnmpV3ClientSocket = None  # type: ignore[assignment,misc]

AUTH = {
    "md5": snmp.Md5Key,
    "sha1": snmp.Sha1Key,
    "sha224": snmp.Sha224Key,
    "sha256": snmp.Sha256Key,
    "sha384": snmp.Sha384Key,
    "sha512": snmp.Sha512Key,
}
PRIV = {"des": snmp.DesKey, "aes128": snmp.Aes128Key, "aes192": snmp.Aes192Key, "aes256": snmp.Aes256Key}

TRIED: Final = "0.13."
"""The minor version whose source was read and that the forgery tests run with; the same as in pyproject.toml."""
# gufo_snmp 0.13.0 sends the engine time of its last refresh for ever (no public issue), and a device refuses requests that are more than
# 150 s behind (RFC 3414, 2.2.3). Two thirds leave room for a device whose clock runs fast and for a lost refresh.
REFRESH_AFTER_S: Final = 100.0
# If a second engine offers itself, how long the first one is waited for, as a share of the target's timeout. Half, because a slow card may
# need most of its timeout. Chosen.
SHARE_PER_ENGINE: Final = 0.5
# How often an offer of another engine ends the wait for the present one: forged offers must not keep the real engine from answering.
MAX_SWITCHES: Final = 4
# gufo_snmp's own socket is connected to this address before it is replaced. It never sends; 9 is the discard port (RFC 863).
NOWHERE: Final = "127.0.0.1:9"

Row = tuple[str, Any]
Answer = TypeVar("Answer")


class Socket(Protocol):
    """The part of gufo_snmp's SnmpV3ClientSocket that `fault_of_gufo` tries."""

    def get_fd(self) -> int: ...
    def send_refresh(self) -> None: ...
    def recv_refresh(self) -> None: ...


def fault_of_gufo(make: Callable[..., Socket] | None = SnmpV3ClientSocket, found: str = "") -> str:
    """Why the installed gufo_snmp cannot be used for SNMPv3, empty if it can. Its socket is replaced and tried in both directions."""
    found = found or version("gufo_snmp")
    unusable = f"gufo_snmp {found} cannot be used for SNMPv3, because its answers could not be verified"
    if not found.startswith(TRIED):
        return f"{unusable}: only {TRIED}x has been tried"
    if make is None:
        return f"{unusable}: gufo.snmp._fast has no SnmpV3ClientSocket or no GetIter"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        with ours, theirs:
            ours.settimeout(0)
            theirs.settimeout(0)
            library = make(NOWHERE, b"", "", 0, b"", 0, b"", 0, 0, 0, 0)
            os.dup2(theirs.fileno(), library.get_fd(), inheritable=False)
            library.send_refresh()
            UsmCheck("", None).sent(ours.recv(2000))
            ours.send(b"not SNMP")
            with suppress(SnmpDecodeError):
                library.recv_refresh()
                return f"{unusable}: it does not read from its descriptor"
    except (OSError, SnmpError, RackflowError, TypeError, AttributeError) as error:
        return f"{unusable}: {type(error).__name__}: {error}"
    return ""


class VerifiedSession:
    """What `GufoClient` needs of gufo_snmp's SnmpSession, over a relay. One request at a time."""

    def __init__(self, relay: UsmRelay, check: UsmCheck, user: User, timeout_s: float) -> None:
        self.engine = b""
        self._relay = relay
        self._check = check
        self._user = user
        self._authenticates = user.require_auth()
        self._patience_s = timeout_s * SHARE_PER_ENGINE
        self._clock = asyncio.get_running_loop().time
        self._refreshed_at = 0.0
        self._sock: SnmpV3ClientSocket

    def close(self) -> None:
        """Free the sockets."""
        self._relay.close()

    async def open(self, known: bytes) -> None:
        """Find the device's engine id and its time. `known` is the engine id of an earlier session, or empty. The caller sets the deadline.

        A discovered engine id is not authenticated. It is used for one request only, for the engine's time, and kept if the answer to that
        is authentic. A replaced device answers a request for the previous engine id with a report that offers its own.
        """
        engine = known or await self._discover()
        self._use(engine)
        tried: list[bytes] = []
        while self._authenticates and not await self._is_authentic(engine, switch=len(tried) < MAX_SWITCHES):
            tried.append(engine)
            others = [each for each in reversed(self._check.offers) if each != engine] or [engine]
            engine = next((each for each in others if each not in tried), others[0])
            self._use(engine)
        self._check.offers.clear()
        self.engine = engine

    async def get(self, oid: str) -> Any:  # noqa: ANN401 - a value of any type
        """See `SnmpSession.get`."""
        return await self._exchange(lambda: self._sock.send_get(oid), self._sock.recv_get)

    async def get_many(self, oids: list[str]) -> dict[str, Any]:
        """See `SnmpSession.get_many`."""
        return await self._exchange(lambda: self._sock.send_get_many(oids), self._sock.recv_get_many)

    def getnext(self, oid: str) -> "VerifiedWalk":
        """A walk below `oid`, by GETNEXT. Sends nothing yet."""
        return VerifiedWalk(GetIter(oid), bulk=False)

    def getbulk(self, oid: str, max_repetitions: int) -> "VerifiedWalk":
        """A walk below `oid`, by GETBULK of `max_repetitions` rows. Sends nothing yet."""
        return VerifiedWalk(GetIter(oid, max_repetitions), bulk=True)

    async def one_getnext(self, asked: GetIter, taken: GetIter) -> Row | None:
        """One GETNEXT from the position of `asked`; None if the answer is not below the root of `taken`."""
        sock = self._sock
        try:
            return await self._exchange(lambda: sock.send_get_next(asked), lambda: sock.recv_get_next(taken))
        except StopAsyncIteration:
            return None

    async def one_getbulk(self, position: GetIter) -> list[Row | None]:
        """One GETBULK. Empty, or None among the rows, at the end of the subtree and where the request was refused."""
        sock = self._sock
        try:
            return await self._exchange(lambda: sock.send_get_bulk(position), lambda: sock.recv_get_bulk(position))
        except StopAsyncIteration:
            return []

    async def _exchange(self, sender: Callable[[], None], receiver: Callable[[], Answer]) -> Answer:
        if self._authenticates and self._clock() - self._refreshed_at > REFRESH_AFTER_S:
            await self._refresh()
        self._relay.send_from(sender)
        await self._relay.answered()
        return await _taken(receiver, repaired=self._relay.repairs)

    async def _discover(self) -> bytes:
        self._relay.send(discovery_request(secrets.randbits(31), secrets.randbits(31)))
        await self._relay.answered()
        return self._check.offers[-1]

    async def _is_authentic(self, engine: bytes, *, switch: bool) -> bool:
        """Whether this engine gives an authentic answer. With `switch`, gives up as soon as another engine is offered.

        If other engines were offered before, it waits for SHARE_PER_ENGINE of the timeout only.
        """
        self._relay.send_from(self._sock.send_refresh)
        alone = all(each == engine for each in self._check.offers)
        try:
            async with asyncio.timeout(None if alone else self._patience_s):
                if not await self._relay.answered(or_offer=switch):
                    return False
        except TimeoutError:
            return False
        await _taken(self._sock.recv_refresh, repaired=self._relay.repairs)
        self._refreshed_at = self._clock()
        return True

    async def _refresh(self) -> None:
        self._refreshed_at = self._clock()
        await self._exchange(self._sock.send_refresh, self._sock.recv_refresh)

    def _use(self, engine: bytes) -> None:
        user = self._user
        self._sock = SnmpV3ClientSocket(
            NOWHERE,
            engine,
            user.name,
            user.get_auth_alg(),
            user.get_auth_key(),
            user.get_priv_alg(),
            user.get_priv_key(),
            0,  # type of service
            0,  # send buffer
            0,  # receive buffer
            0,  # timeout; 0 does not block
        )
        self._relay.attach(self._sock.get_fd())


class VerifiedWalk:
    """A walk, which goes on in a new session when the one that it began in has failed."""

    def __init__(self, position: GetIter, *, bulk: bool) -> None:
        self.position = position
        self._bulk = bulk
        self._rows: list[Row | None] = []

    async def next_row(self, session: VerifiedSession) -> Row | None:
        """The next row; None at the end of the subtree, and where a GETBULK was refused."""
        if not self._bulk:
            return await session.one_getnext(self.position, self.position)
        self._rows = self._rows or await session.one_getbulk(self.position)
        return self._rows.pop(0) if self._rows else None


class VerifiedSessions:
    """Opens one device's sessions. What is known of its engine and clock outlives them, so that a new session accepts no old answers."""

    def __init__(
        self,
        target: SnmpTarget,
        credential: SnmpUser,
        keys: UsmKeys,
        refused: RefusedDatagrams,
        clocks: PolledClocks | None = None,
    ) -> None:
        check_credential(target)
        if credential.context:
            raise ConfigError(f"device {target.device!r}: SNMP contexts need `engine: pysnmp`; set it for this device")
        self._target = target
        self._credential = credential
        self._keys = keys
        self._refused = refused
        self._clocks = (clocks or PolledClocks()).of(target.device)
        self._masters: MasterKeys | None = None
        self._check = UsmCheck("", None)
        self._engine = b""
        self._relay: UsmRelay | None = None
        self.repairs = False
        """Whether the next session repairs answers with a value that gufo_snmp cannot read."""

    @property
    def unreachable(self) -> OSError | None:
        """The last ICMP error of the last session, if there was one."""
        return self._relay.unreachable if self._relay is not None else None

    async def derive_keys(self) -> MasterKeys:
        """Derive the keys, once. Called before a request's deadline begins, because this is not time that the device takes."""
        if self._masters is None:
            self._masters = await self._keys.of(self._credential)
            self._check = UsmCheck(self._credential.auth, self._masters[0], clocks=self._clocks)
        return self._masters

    async def open(self, address: str) -> VerifiedSession:
        """A session with the device's engine, which is verified where the credential has a key. The caller bounds the time."""
        masters = await self.derive_keys()
        self._relay = None
        credential = self._credential
        repair = V3Repair(credential.auth, masters[0], credential.priv, masters[1]).repaired if self.repairs else None
        relay = self._relay = UsmRelay(
            address=address, port=self._target.port, check=self._check, refused=self._count, repaired=repair
        )
        session = VerifiedSession(relay, self._check, _user_of(self._credential, masters), self._target.timeout_s)
        # If this engine does not answer, the next session searches for the engine again.
        known, self._engine = self._engine, b""
        try:
            await session.open(known)
        except BaseException:
            session.close()
            raise
        if self._credential.auth:
            self._engine = session.engine
        return session

    def complaint(self) -> str:
        """Why there was no answer, from the datagrams refused since the last request; empty if they do not show why."""
        return self._check.complaint()

    def refusal(self) -> str:
        """See `UsmCheck.refusal`."""
        return self._check.refusal()

    def silence(self) -> str:
        """See `UsmCheck.silence`."""
        return self._check.silence()

    def _count(self, reason: Refusal) -> None:
        self._refused.count(self._target.device, reason, asyncio.get_running_loop().time())


async def _taken(receiver: Callable[[], Answer], *, repaired: bool) -> Answer:
    """The values that gufo_snmp reads from the datagram just passed to it. `repaired`: unreadable values were replaced before."""
    try:
        return receiver()
    except BlockingIOError as error:
        if not repaired:
            # In a walk, gufo_snmp takes an answer with a value that it cannot read for somebody else's.
            raise SnmpDecodeError("an answer that gufo_snmp does not take") from error
        # The datagram was verified, but gufo_snmp ignores it because the device put another request-id inside. No second answer will
        # come, so this waits until the caller's deadline.
        await asyncio.Event().wait()
        raise


def _user_of(credential: SnmpUser, masters: MasterKeys) -> User:
    auth_key, priv_key = masters
    return User(
        credential.user,
        auth_key=AUTH[credential.auth](auth_key, KeyType.Master) if auth_key else None,
        priv_key=PRIV[credential.priv](priv_key, KeyType.Master) if priv_key else None,
    )
