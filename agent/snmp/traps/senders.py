"""Decides whose trap a datagram is, and whether to believe it. No I/O.

A sender's address can be forged, and the community of v1 and v2c can be read on the network: a trap of theirs proves nothing, and only has
its device polled. One of v3 is authentic: its code is checked with the user's key, and its time against replays.

A user with keys is believed with them only: a message at a lower level, in the user's name, is what a forger sends.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agent.snmp.repair import OCTETS, SEQUENCE, Unreadable, elements
from agent.snmp.seam import SnmpCommunity, SnmpUser
from agent.snmp.traps.message import INFORM, V3, VERSIONS, Trap, confirmation, read_pdu, read_plain, version_of
from agent.snmp.usm import (
    AUTH_FLAG,
    PRIV_FLAG,
    Authentication,
    EngineClocks,
    MalformedMessage,
    MasterKeys,
    Message,
    Privacy,
    body_of,
    read_message,
    without_tail,
)


class TrapRefusal(enum.StrEnum):
    """Why a trap is refused. Values of a metric's label, so part of the contract."""

    MALFORMED = "malformed"
    SENDER = "sender"
    CREDENTIAL = "credential"
    LEVEL = "level"
    DIGEST = "digest"
    TIME = "time"
    INFORM = "inform"
    LIMIT = "limit"
    INTERNAL = "internal"


class _RefusedError(Exception):
    """A datagram is no trap of a device, for this reason."""

    def __init__(self, reason: TrapRefusal) -> None:
        super().__init__(reason)
        self.reason: Final = reason


class Accepted(NamedTuple):
    """A trap of these devices, and what confirms it; empty for a trap, which wants no confirmation."""

    devices: tuple[str, ...]
    trap: Trap
    answer: bytes


@dataclass(slots=True)
class _User:
    """A user whose traps are verified."""

    level: int
    authentication: Authentication
    privacy: Privacy | None


@dataclass(slots=True)
class Sender:
    """A device that may send traps: from these addresses, with one of these credentials. `keys` are those of the users."""

    device: str
    addresses: tuple[str, ...]
    credentials: tuple[SnmpCommunity | SnmpUser, ...]
    keys: dict[SnmpUser, MasterKeys] = field(default_factory=dict)


class TrapSenders:
    """The devices that may send traps."""

    def __init__(self) -> None:
        self._by_address: dict[str, list[Sender]] = {}
        # Kept while senders are replaced: a recorded trap must not be accepted again because of a reload.
        self._clocks: dict[str, EngineClocks] = {}
        self._users: dict[SnmpUser, _User] = {}

    def replace(self, senders: Iterable[Sender]) -> None:
        """These are the senders from now on."""
        self._by_address = {}
        known: set[str] = set()
        users: dict[SnmpUser, _User] = {}
        for sender in senders:
            known.add(sender.device)
            for address in sender.addresses:
                self._by_address.setdefault(address, []).append(sender)
            for user, keys in sender.keys.items():
                users[user] = users.get(user) or _user(user, keys)
        self._clocks = {device: clocks for device, clocks in self._clocks.items() if device in known}
        self._users = users

    def judge(self, datagram: bytes, address: str, now: float) -> Accepted | TrapRefusal:
        """Whose trap this is, or why it is refused; `now` is monotonic seconds."""
        # First, since it costs least: what comes from elsewhere is not read.
        senders = self._by_address.get(address)
        if senders is None:
            return TrapRefusal.SENDER
        try:
            datagram = without_tail(datagram)
            if version_of(datagram) == V3:
                return self._judge_v3(datagram, senders, now)
            return _judge_plain(datagram, senders)
        except _RefusedError as error:
            return error.reason
        except (MalformedMessage, Unreadable, ValueError):
            return TrapRefusal.MALFORMED

    def _judge_v3(self, datagram: bytes, senders: list[Sender], now: float) -> Accepted:
        message = read_message(datagram)
        if not message.engine:
            # An inform is verified with the receiver's engine, not the sender's, and begins with the search for it (RFC 3414, 1.6).
            raise _RefusedError(TrapRefusal.INFORM)
        credential = self._authentic_user(datagram, message, senders)
        devices = tuple(each.device for each in senders if credential in each.credentials)
        # All of them learn the time, so no short circuit.
        if message.level:
            timely = [self._clocks.setdefault(each, EngineClocks()).accept(message, now) for each in devices]
            if not all(timely):
                raise _RefusedError(TrapRefusal.TIME)
        trap = _read_scoped(datagram, message, self._users[credential].privacy)
        if trap.is_inform:
            raise _RefusedError(TrapRefusal.INFORM)
        return Accepted(devices, trap, b"")

    def _authentic_user(self, datagram: bytes, message: Message, senders: list[Sender]) -> SnmpUser:
        """The user of this name that has sent the message. Devices behind one address may have different keys for one name."""
        named = {
            each
            for sender in senders
            for each in sender.credentials
            if isinstance(each, SnmpUser) and each.user.encode() == message.user
        }
        if not named:
            raise _RefusedError(TrapRefusal.CREDENTIAL)
        of_level = [each for each in named if each in self._users and self._users[each].level == message.level]
        if not of_level:
            raise _RefusedError(TrapRefusal.LEVEL)
        for user in of_level:
            if not message.level or self._users[user].authentication.accepts(datagram, message):
                return user
        raise _RefusedError(TrapRefusal.DIGEST)


def _judge_plain(datagram: bytes, senders: list[Sender]) -> Accepted:
    community, trap = read_plain(datagram)
    version = VERSIONS.get(version_of(datagram), "")
    devices = tuple(each.device for each in senders if _knows(each, version, community))
    if not devices:
        raise _RefusedError(TrapRefusal.CREDENTIAL)
    return Accepted(devices, trap, confirmation(datagram) if trap.is_inform else b"")


def _knows(sender: Sender, version: str, community: bytes) -> bool:
    """Whether the sender has this community. Devices that are polled with v1 send traps of v2c and the other way round."""
    return version in {"1", "2c"} and any(
        isinstance(each, SnmpCommunity) and each.community.encode() == community for each in sender.credentials
    )


def _level(user: SnmpUser) -> int:
    return (AUTH_FLAG if user.auth else 0) | (PRIV_FLAG if user.priv else 0)


def _user(user: SnmpUser, keys: MasterKeys) -> _User:
    privacy = Privacy(user.auth, user.priv, keys[1]) if user.priv else None
    return _User(_level(user), Authentication(user.auth, keys[0]), privacy)


def _read_scoped(datagram: bytes, message: Message, privacy: Privacy | None) -> Trap:
    """The trap in a message of v3, decrypted if need be. Raises Unreadable or MalformedMessage."""
    _, body_at, salt = body_of(datagram)
    tag, body = next(elements(datagram[body_at:]), (0, b""))
    if privacy is not None:
        if tag != OCTETS:
            raise Unreadable
        # Padding may follow with DES.
        tag, body = next(elements(privacy.decrypt(body, message, salt)), (0, b""))
    if tag != SEQUENCE:
        raise Unreadable
    found = list(elements(body))
    if len(found) < 3:  # noqa: PLR2004 - contextEngineID, contextName, PDU
        raise Unreadable
    kind, pdu = found[2]
    if kind == INFORM:
        raise _RefusedError(TrapRefusal.INFORM)
    return read_pdu(kind, pdu)
