"""Decides whose trap a datagram is, and whether to believe it. No I/O.

A sender's address can be forged, and the community of v1 and v2c can be read on the network: a trap of theirs proves nothing, and only has
its device polled. One of v3 is authentic: its code is checked with the user's key, and its time against replays.

A user with keys is believed with them only: a message at a lower level, in the user's name, is what a forger sends.

The time of a trap of v3 is judged by the clock with which its device is polled, where there is one. Polls are questions, and their answers
cannot be recorded ones; traps alone never show that a device has lost the count of its boots, and is not being replayed.
"""

import enum
import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agent.snmp.repair import OCTETS, SEQUENCE, Unreadable, elements
from agent.snmp.seam import SnmpCommunity, SnmpUser
from agent.snmp.traps.message import INFORM, V3, VERSIONS, Trap, confirmation, open_plain, read_pdu, version_of
from agent.snmp.usm import (
    AUTH_FLAG,
    PRIV_FLAG,
    Authentication,
    EngineClocks,
    MalformedMessage,
    MasterKeys,
    Message,
    PolledClocks,
    Privacy,
    body_of,
    read_message,
    without_tail,
)

# How long a datagram is remembered that must not count twice: as long as a copy of one of v3 is within the time window. Devices repeat
# an inform for at most a minute or so. At most so many, each of 150 octets: of the flood that is read, all of two seconds.
REMEMBER_S: Final = 150.0
MAX_REMEMBERED: Final = 1000


class TrapRefusal(enum.StrEnum):
    """Why a trap is refused. Values of a metric's label, so part of the contract."""

    MALFORMED = "malformed"
    SENDER = "sender"
    CREDENTIAL = "credential"
    LEVEL = "level"
    DIGEST = "digest"
    TIME = "time"
    INFORM = "inform"
    REPEATED = "repeated"
    LIMIT = "limit"
    INTERNAL = "internal"


class _RefusedError(Exception):
    """A datagram is no trap of a device, for this reason."""

    def __init__(self, reason: TrapRefusal) -> None:
        super().__init__(reason)
        self.reason: Final = reason


class Accepted(NamedTuple):
    """A trap of these devices, and what confirms it; empty for a trap, which wants no confirmation.

    `is_repeat`: the same datagram has come before. A device sends an inform again when the confirmation was lost.
    """

    devices: tuple[str, ...]
    trap: Trap
    answer: bytes
    is_repeat: bool = False


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

    def __init__(self, polled: PolledClocks | None = None) -> None:
        """`polled` are the clocks of the devices that are polled with SNMPv3."""
        self._by_address: dict[str, list[Sender]] = {}
        # Of engines that are not polled. Kept while senders are replaced: a recorded trap must not be accepted again because of a reload.
        self._clocks: dict[str, EngineClocks] = {}
        self._polled = polled or PolledClocks()
        self._heard: dict[bytes, float] = {}
        """By the digest of a datagram that must not count twice, when it came; the earliest first."""
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
                found = self._judge_v3(datagram, senders, now)
                # Whoever has no key can alter what he copies.
                counts_once = True
            else:
                found = _judge_plain(datagram, senders)
                # Not traps: some devices number none of theirs, and two of them may be alike.
                counts_once = found.trap.is_inform
            is_repeat = counts_once and self._has_come(datagram, address, now)
            return Accepted(found.devices, found.trap, found.answer, is_repeat)
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
        if message.level and not self._is_timely(devices, message, now):
            raise _RefusedError(TrapRefusal.TIME)
        trap = _read_scoped(datagram, message, self._users[credential].privacy)
        if trap.is_inform:
            raise _RefusedError(TrapRefusal.INFORM)
        return Accepted(devices, trap, b"")

    def _is_timely(self, devices: Iterable[str], message: Message, now: float) -> bool:
        found = self._polled.is_timely(devices, message, now)
        if found is None:
            # Some devices send traps with an engine of their own, whose clock only traps tell. All of the devices learn the time, so no
            # short circuit.
            timely = [self._clocks.setdefault(each, EngineClocks()).accept(message, now) for each in devices]
            found = all(timely)
        return found

    def _has_come(self, datagram: bytes, address: str, now: float) -> bool:
        """Whether this datagram has come lately; if not, it is remembered."""
        key = hashlib.blake2b(datagram, digest_size=16, key=address.encode()[:64]).digest()
        if now - self._heard.get(key, -math.inf) < REMEMBER_S:
            return True
        self._heard.pop(key, None)
        self._heard[key] = now
        if len(self._heard) > MAX_REMEMBERED:
            del self._heard[next(iter(self._heard))]
        return False

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
    message = open_plain(datagram)
    version = VERSIONS.get(message.version, "")
    devices = tuple(each.device for each in senders if _knows(each, version, message.community))
    # Before the trap is read, which takes longer: who does not know the community gets no further.
    if not devices:
        raise _RefusedError(TrapRefusal.CREDENTIAL)
    trap = message.trap()
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
