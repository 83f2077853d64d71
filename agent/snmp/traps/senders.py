"""Decides which device has sent a trap, and whether the trap is accepted. No I/O.

A sender's address can be forged, and the community of v1 and v2c can be read on the network. So a trap of these versions proves nothing:
its device is polled, and no more. A trap of v3 is verified: its authentication code with the user's key, and its time against replays.

If a user has keys, a message with this user's name at a lower security level is refused, because a forger would send such a message.

The time of a v3 trap is compared with the clock known from polling its device, if that is polled with v3. The answer to a poll cannot be a
recorded one, because it must match the request. Traps alone cannot show whether a device has lost the count of its boots or a recorded
trap is replayed.

An inform of v3 is verified with the agent's own engine and its clock (`engine.py`), which a device asks for first.
"""

import enum
import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from agent.snmp.repair import OCTETS, SEQUENCE, Unreadable, elements
from agent.snmp.seam import SnmpCommunity, SnmpUser
from agent.snmp.traps.message import V3, VERSIONS, Trap, confirmation, open_plain, read_pdu, version_of
from agent.snmp.usm import (
    AUTH_FLAG,
    PRIV_FLAG,
    REPORTABLE_FLAG,
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

if TYPE_CHECKING:
    from agent.snmp.traps.engine import OwnEngine

# How long a datagram that must not count twice is remembered: for as long as a copy of a v3 trap is within the time window. Devices repeat
# an inform for at most a minute or so. MAX_REMEMBERED, at 150 octets each, are all that are read of a flood in two seconds.
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
    """A datagram is not accepted as a trap, for this reason."""

    def __init__(self, reason: TrapRefusal) -> None:
        super().__init__(reason)
        self.reason: Final = reason


class Accepted(NamedTuple):
    """A trap, the devices that it may come from, and the datagram that confirms it (for an inform; otherwise empty).

    `is_repeat`: the same datagram has come before. A device sends an inform again if the confirmation was lost.
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


class Answered(NamedTuple):
    """A datagram that is no trap, and has an answer: a device asks for the agent's engine, or for its time."""

    answer: bytes


class TrapSenders:
    """The devices that may send traps."""

    def __init__(self, polled: PolledClocks | None = None) -> None:
        """`polled` are the clocks of the devices that are polled with SNMPv3."""
        self.engine: OwnEngine | None = None
        """That of the agent, to which informs of v3 are sent; without it these are refused."""
        self._by_address: dict[str, list[Sender]] = {}
        # By device, for engines that are not polled. Kept by `replace`, because a recorded trap must not be accepted again after a reload.
        self._clocks: dict[str, EngineClocks] = {}
        self._polled = polled or PolledClocks()
        self._heard: dict[bytes, float] = {}
        """When each datagram that must not count twice has come, by its digest; the earliest first."""
        self._users: dict[SnmpUser, _User] = {}

    def replace(self, senders: Iterable[Sender]) -> None:
        """Accept traps from these senders only, from now on."""
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

    def judge(self, datagram: bytes, address: str, now: float) -> Accepted | Answered | TrapRefusal:
        """The trap and its devices, or what is answered otherwise, or why it is refused; `now` is monotonic seconds."""
        # First, because it is cheapest: a datagram from an unknown address is not read.
        senders = self._by_address.get(address)
        if senders is None:
            return TrapRefusal.SENDER
        try:
            datagram = without_tail(datagram)
            if version_of(datagram) == V3:
                found = self._judge_v3(datagram, senders, now)
                if isinstance(found, Answered):
                    return found
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

    def _judge_v3(self, datagram: bytes, senders: list[Sender], now: float) -> Accepted | Answered:
        """A trap of the sender's engine, or an inform for this agent's. Raises _RefusedError, MalformedMessage, Unreadable, ValueError."""
        message = read_message(datagram)
        if not message.engine:
            # An inform is verified with the receiver's engine, not the sender's, and begins with the search for it (RFC 3414, 4).
            return self._told_engine(datagram, message, now)
        credential = self._authentic_user(datagram, message, senders)
        devices = tuple(each.device for each in senders if credential in each.credentials)
        user = self._users[credential]
        if self.engine is not None and message.engine == self.engine.id:
            return _judge_inform(datagram, message, devices, user, self.engine, now)
        if message.level and not self._is_timely(devices, message, now):
            raise _RefusedError(TrapRefusal.TIME)
        trap = _read_scoped(_scoped(datagram, message, user.privacy))
        if trap.is_inform:
            # It is for the engine of an agent that was here before.
            return self._told_engine(datagram, message, now)
        return Accepted(devices, trap, b"")

    def _told_engine(self, datagram: bytes, message: Message, now: float) -> Answered:
        if self.engine is None or not message.flags & REPORTABLE_FLAG:
            raise _RefusedError(TrapRefusal.INFORM)
        return Answered(self.engine.tell_id(datagram, message, now))

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


def _judge_inform(
    datagram: bytes, message: Message, devices: tuple[str, ...], user: _User, own: "OwnEngine", now: float
) -> Accepted | Answered:
    """An inform of this user for the agent's own engine: accepted, with its confirmation; or the engine's time, if it has that wrong."""
    if message.level and not own.is_timely(message, now):
        return Answered(own.tell_time(datagram, message, user.authentication, now))
    scoped = _scoped(datagram, message, user.privacy)
    trap = _read_scoped(scoped)
    if not trap.is_inform:
        raise Unreadable
    return Accepted(devices, trap, own.confirmation(message, scoped, user.authentication, user.privacy, now))


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


def _scoped(datagram: bytes, message: Message, privacy: Privacy | None) -> bytes:
    """The content of the scopedPDU in a message of v3, decrypted if need be. Raises Unreadable or MalformedMessage."""
    _, body_at, salt = body_of(datagram)
    tag, body = next(elements(datagram[body_at:]), (0, b""))
    if privacy is not None:
        if tag != OCTETS:
            raise Unreadable
        # Padding may follow with DES.
        tag, body = next(elements(privacy.decrypt(body, message, salt)), (0, b""))
    if tag != SEQUENCE:
        raise Unreadable
    return body


def _read_scoped(scoped: bytes) -> Trap:
    """The trap or inform in the content of a scopedPDU. Raises Unreadable."""
    found = list(elements(scoped))
    if len(found) < 3:  # noqa: PLR2004 - contextEngineID, contextName, PDU
        raise Unreadable
    return read_pdu(*found[2])
