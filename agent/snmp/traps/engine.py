"""The agent's own SNMPv3 engine, which devices must know to send informs (RFC 3414, 1.5.1, 3.2 and 4; RFC 3412, 7.1). No I/O.

A trap is verified with the engine of who sends it, an inform with that of who receives it. So the device first asks for the agent's engine
id, which is answered by a Report, and for its time, which is answered by a signed one. Reports go only to addresses of configured devices,
and one is hardly longer than what was asked.
"""

import hashlib
import secrets
from typing import Final

from agent.snmp.repair import (
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTETS,
    RESPONSE,
    SEQUENCE,
    Unreadable,
    element,
    elements,
    number_element,
)
from agent.snmp.usm import AUTH_FLAG, PRIV_FLAG, WINDOW_S, Authentication, Message, Privacy

REPORT: Final = 0xA8
COUNTER: Final = 0x41
SECURITY_MODEL: Final = 3
VERSION: Final = 3
# RFC 3411, 5: the highest bit, an enterprise's number, and 5 for octets that an administrator has given. Rackflow has no number of its own;
# 32473 is the one that nobody has (RFC 5612).
ID_HEAD: Final = (0x80000000 | 32473).to_bytes(4) + b"\x05"
ID_OCTETS: Final = 8
# usmStatsNotInTimeWindows and usmStatsUnknownEngineIDs (RFC 3414, 5).
NOT_IN_TIME_WINDOWS: Final = bytes.fromhex("2b060106030f01010200")
UNKNOWN_ENGINE_IDS: Final = bytes.fromhex("2b060106030f01010400")
# Unix seconds at which boots begin. Boots must grow from start to start and be below 2^31; with the time in their place nothing has to be
# kept on disk, and of two machines that take turns, the later one is always ahead. 2020-01-01.
BOOTS_BEGIN: Final = 1_577_836_800
# An engine that is further behind the time of day than this was begun before the clock of a gateway was set, or the machine slept. Chosen:
# small steps of a clock must not have all devices search for the time again.
BEHIND_S: Final = 60.0


class OwnEngine:
    """The engine of this agent since it listens. `name` is the agent's; times are monotonic seconds, but `unix_s`."""

    def __init__(self, name: str, unix_s: float, began_s: float) -> None:
        self.id: Final = ID_HEAD + hashlib.blake2b(name.encode(), digest_size=ID_OCTETS).digest()
        self.boots: Final = max(1, int(unix_s) - BOOTS_BEGIN)
        self._began_s = began_s
        # How many Reports there were of each kind, which is what they tell.
        self._reported: dict[bytes, int] = {}

    def is_timely(self, message: Message, now: float) -> bool:
        """Whether an authentic message to this engine lies within its time window (RFC 3414, 3.2, 7a)."""
        return message.boots == self.boots and abs(message.time - self._time(now)) <= WINDOW_S

    def is_behind(self, unix_s: float, now: float) -> bool:
        """Whether it was begun with a clock that was not set yet, so that devices that know an earlier one refuse its boots for good."""
        return self.boots + self._time(now) + BEHIND_S < unix_s - BOOTS_BEGIN

    def tell_id(self, datagram: bytes, message: Message, now: float) -> bytes:
        """The Report to a message that names no engine, or another one."""
        return self._report(UNKNOWN_ENGINE_IDS, datagram, message, now)

    def tell_time(self, datagram: bytes, message: Message, authentication: Authentication, now: float) -> bytes:
        """The Report to an authentic message that is not timely: signed, so that its time can be believed."""
        return authentication.signed(self._report(NOT_IN_TIME_WINDOWS, datagram, message, now, flags=AUTH_FLAG))

    def confirmation(
        self, message: Message, scoped: bytes, authentication: Authentication, privacy: Privacy | None, now: float
    ) -> bytes:
        """The answer to an inform whose scopedPDU has this content: the same with a Response in its place (RFC 3416, 4.2.7).

        Raises Unreadable.
        """
        parts = list(elements(scoped))
        if len(parts) < 3:  # noqa: PLR2004 - contextEngineID, contextName, PDU
            raise Unreadable
        engine, context, (_, pdu) = parts[:3]
        body = element(SEQUENCE, element(*engine) + element(*context) + element(RESPONSE, pdu))
        return authentication.signed(self._message(message, body, now, message.level, privacy))

    def _time(self, now: float) -> int:
        return int(now - self._began_s)

    def _report(self, name: bytes, datagram: bytes, message: Message, now: float, flags: int = 0) -> bytes:
        count = self._reported[name] = self._reported.get(name, 0) % 2**31 + 1
        bind = element(SEQUENCE, element(OBJECT_IDENTIFIER, name) + number_element(COUNTER, count))
        pdu = (
            _request_id(datagram, message)
            + number_element(INTEGER, 0)
            + number_element(INTEGER, 0)
            + element(SEQUENCE, bind)
        )
        scoped = element(OCTETS, self.id) + element(OCTETS, b"") + element(REPORT, pdu)
        return self._message(message, element(SEQUENCE, scoped), now, flags, None)

    def _message(self, asked: Message, scoped: bytes, now: float, flags: int, privacy: Privacy | None) -> bytes:
        """A message to who has asked, with room for its authentication code."""
        time, salt = self._time(now), b""
        if privacy is not None and flags & PRIV_FLAG:
            salt = secrets.token_bytes(8)
            header = Message(asked.msg_id, flags, self.id, self.boots, time, asked.user, 0, 0, 0, 0, 0)
            scoped = element(OCTETS, privacy.encrypt(scoped, header, salt))
        room = bytes(asked.mac_end - asked.mac_at) if flags & AUTH_FLAG else b""
        head = (
            number_element(INTEGER, asked.msg_id)
            + number_element(INTEGER, 65_507)
            + element(OCTETS, bytes([flags]))
            + number_element(INTEGER, SECURITY_MODEL)
        )
        names = (
            element(OCTETS, self.id)
            + number_element(INTEGER, self.boots)
            + number_element(INTEGER, time)
            + element(OCTETS, asked.user)
        )
        parameters = element(SEQUENCE, names + element(OCTETS, room) + element(OCTETS, salt))
        return element(
            SEQUENCE, number_element(INTEGER, VERSION) + element(SEQUENCE, head) + element(OCTETS, parameters) + scoped
        )


def _request_id(datagram: bytes, message: Message) -> bytes:
    """That of a plaintext PDU, as an element; 0 where it cannot be read (RFC 3412, 7.1, 3)."""
    if message.pdu:
        try:
            tag, content = next(elements(datagram[message.pdu_at : message.pdu_end]), (0, b""))
        except Unreadable:
            return number_element(INTEGER, 0)
        if tag == INTEGER and 0 < len(content) <= 5:  # noqa: PLR2004 - 32 bits and a sign
            return element(INTEGER, content)
    return number_element(INTEGER, 0)
