"""Decides which datagrams may count as a device's answers to SNMPv3 requests (RFC 3412, 7.2; RFC 3414, 3.2). No I/O.

At most one datagram is accepted for each request: one with the request's msgID, engine and user, at its security level, whose
authentication code is right and whose time lies within the window. A Report without authentication is never accepted, because anybody
can send one. Its content is remembered for the error message, so that a wrong key is not reported as a silent device.

The one exception is the search for a device's engine id, which cannot be authenticated (RFC 3414, 4). Its result is an offer: an
engine counts as the device's only after an authentic message.
"""

import enum
from typing import Final

from agent.snmp.usm.authentic import MAX_ENGINES, Authentication, EngineClocks
from agent.snmp.usm.message import (
    AUTH_FLAG,
    ENGINE_ID_OCTETS,
    PRIV_FLAG,
    REPORT,
    RESPONSE,
    MalformedMessage,
    Message,
    Request,
    read_message,
    read_request,
    report_number,
)


class Refusal(enum.StrEnum):
    """Why a datagram is refused. Values of a metric's label, so part of the contract."""

    MALFORMED = "malformed"
    UNSOLICITED = "unsolicited"
    UNAUTHENTICATED = "unauthenticated"
    UNENCRYPTED = "unencrypted"
    LEVEL = "level"
    ENGINE = "engine"
    USER = "user"
    DIGEST = "digest"
    TIME = "time"
    REPORT = "report"


TEXTS: Final = {
    Refusal.UNAUTHENTICATED: "an answer without authentication",
    Refusal.UNENCRYPTED: "an answer without encryption",
    Refusal.LEVEL: "an answer at another security level",
    Refusal.ENGINE: "an answer of another engine",
    Refusal.USER: "an answer for another user",
    Refusal.DIGEST: "an answer whose authentication code is wrong",
    Refusal.TIME: (
        "an answer from outside the time window (a replay, or a device that does not count its boots, or has counted to the end);"
        " restart its SNMP service, and give it a new engine id if that does not help"
    ),
}
"""Words for the error message if a refused answer carries the message number of the outstanding request."""


class UsmStats(enum.IntEnum):
    """The objects of usmStats that a Report may name (RFC 3414, 5)."""

    UNSUPPORTED_LEVEL = 1
    NOT_IN_TIME_WINDOW = 2
    UNKNOWN_USER = 3
    UNKNOWN_ENGINE = 4
    WRONG_DIGEST = 5
    DECRYPTION_ERROR = 6


# Only these reports mean that the credential is wrong. A device sends the others after it restarted or was replaced.
REPORTED: Final = {
    UsmStats.UNSUPPORTED_LEVEL: "it does not support the security level for this user; check `auth` and `priv`",
    UsmStats.UNKNOWN_USER: "it does not know the user; check `user`",
    UsmStats.WRONG_DIGEST: "the authentication key or protocol is wrong; check `auth` and `auth_key`",
    UsmStats.DECRYPTION_ERROR: "it cannot decrypt the request; check `priv` and `priv_key`",
}


NO_ACCESS: Final = (
    "knows the SNMPv3 user and gives it no access at this security level; check `auth` and `priv`, and the user's rights on"
    " the device"
)
"""For an answer of authorizationError (RFC 3416, 3), which is all that net-snmp says of a level that is too low."""
OUT_OF_TIME: Final = (
    "refuses the SNMPv3 request as outside its time window, although its time was fetched just before; its engine's clock or its count of"
    " boots is wrong: restart its SNMP service, or give it a new engine id"
)
"""One such report is normal, as after a restart. This is for one that comes again."""


class Heard(enum.IntEnum):
    """How far a device has got with answers since the last search for its engine."""

    NOTHING = 0
    ENGINE = 1
    TIME = 2
    """An authentic report of its time: it knows the user and has the same key for authentication."""
    ANSWER = 3


class UsmCheck:
    """Checks one device's datagrams for one user. A new request ends the wait for the earliest beyond `most_outstanding`."""

    def __init__(
        self, digest: str, master_key: bytes | None, most_outstanding: int = 1, clocks: EngineClocks | None = None
    ) -> None:
        self._authentication = Authentication(digest, master_key)
        self._clocks = clocks or EngineClocks()
        self._outstanding: dict[int, Request] = {}
        self._most_outstanding = most_outstanding
        # Kept after an answer was accepted or refused: a forged answer may arrive before the device's own, which must still be accepted.
        self._discovery_id = -1
        self._reported = 0
        self._refused: Refusal | None = None
        self._level = 0
        self._heard = Heard.NOTHING
        self._is_report = False
        self.offers: list[bytes] = []
        """Engine ids that datagrams offered since the last search for the engine began, without proof; the latest is the last."""
        self.offers_made = 0
        """How many such offers there were, repetitions included."""

    def sent(self, datagram: bytes) -> None:
        """Note a request. Its answer is expected from now on, and no other. Raises MalformedMessage for what is no request."""
        request = read_request(datagram)
        if len(self._outstanding) >= self._most_outstanding:
            del self._outstanding[next(iter(self._outstanding))]
        self._outstanding[request.msg_id] = request
        self._reported, self._refused, self._level = 0, None, request.level
        if not request.engine:
            self._discovery_id, self._heard = request.msg_id, Heard.NOTHING
            self.offers.clear()

    def received(self, datagram: bytes, now: float) -> Refusal | None:
        """None if this is the answer to an outstanding request, which is then no longer outstanding; else why it is refused."""
        try:
            message = read_message(datagram)
            report = report_number(datagram, message) if message.pdu == REPORT else 0
        except MalformedMessage:
            return Refusal.MALFORMED
        request = self._outstanding.get(message.msg_id)
        if request is None:
            if message.msg_id == self._discovery_id and report == UsmStats.UNKNOWN_ENGINE:
                self._offer(message.engine)
            return Refusal.UNSOLICITED
        if not request.engine:
            refusal = self._judge_discovery(message, report)
        elif message.pdu == REPORT and request.level and not message.flags & AUTH_FLAG:
            refusal = Refusal.REPORT
            self._reported = report
            if report == UsmStats.UNKNOWN_ENGINE:
                self._offer(message.engine)
        else:
            refusal = self._judge(datagram, message, request, now)
            self._reported, self._refused = report or self._reported, refusal or self._refused
        if refusal is None:
            del self._outstanding[message.msg_id]
            self._note(message, request)
        return refusal

    def complaint(self) -> str:
        """Why the credential seems wrong, or the answers false: from what was refused since the last request; empty if nothing was."""
        if self._reported in REPORTED:
            return f"refuses the SNMPv3 request: {REPORTED[UsmStats(self._reported)]}"
        if self._refused in TEXTS:
            return f"SNMPv3 answers cannot be verified: there was {TEXTS[self._refused]}"
        return ""

    def refusal(self) -> str:
        """Why a request was refused for which an answer was accepted: one that has no values."""
        if complaint := self.complaint():
            return complaint
        if self._reported == UsmStats.NOT_IN_TIME_WINDOW:
            return OUT_OF_TIME
        return (
            "refuses the SNMPv3 request with a report that names no user, key or level"
            if self._is_report
            else NO_ACCESS
        )

    def silence(self) -> str:
        """What a device that is silent now has answered before; empty if nothing, or if it has answered this user.

        A device that cannot decrypt a request mostly drops it (net-snmp does), which otherwise looks like one that is switched off.
        """
        if self._heard in {Heard.NOTHING, Heard.ANSWER}:
            return ""
        if self._heard == Heard.TIME and self._level & PRIV_FLAG:
            return "it accepts `user` and `auth_key`, and nothing that is encrypted; check `priv` and `priv_key`"
        return "it answers the search for its SNMPv3 engine, and no request of this user; check the credential"

    def _note(self, message: Message, request: Request) -> None:
        self._is_report = message.pdu == REPORT
        if not request.engine:
            heard = Heard.ENGINE
        elif not self._is_report:
            heard = Heard.ANSWER
        else:
            heard = Heard.TIME if request.level else Heard.NOTHING
        # A report of its time, which is fetched again and again, takes nothing back.
        self._heard = max(self._heard, heard)

    def _judge_discovery(self, message: Message, report: int) -> Refusal | None:
        if message.pdu != REPORT or message.level or report != UsmStats.UNKNOWN_ENGINE:
            return Refusal.REPORT if message.pdu == REPORT else Refusal.UNSOLICITED
        return None if self._offer(message.engine) else Refusal.ENGINE

    def _judge(self, datagram: bytes, message: Message, request: Request, now: float) -> Refusal | None:
        refusal = _wrong_level(message, request.level)
        # Without authentication, a Report of a device that was replaced comes from its new engine. It is as good as any other
        # unauthenticated answer.
        if refusal is not None or (message.pdu == REPORT and not request.level):
            return refusal
        if message.engine != request.engine:
            return Refusal.ENGINE
        if message.user != request.user:
            return Refusal.USER
        if request.level and not self._authentication.accepts(datagram, message):
            return Refusal.DIGEST
        if request.level and not self._clocks.accept(message, now):
            return Refusal.TIME
        return None

    def _offer(self, engine: bytes) -> bool:
        # All zeros and all ones are no engine ids (RFC 3411, 5).
        if len(engine) not in ENGINE_ID_OCTETS or not any(engine) or engine.count(0xFF) == len(engine):
            return False
        self.offers_made += 1
        if engine in self.offers:
            self.offers.remove(engine)
        elif len(self.offers) >= MAX_ENGINES:
            del self.offers[0]
        self.offers.append(engine)
        return True


def _wrong_level(message: Message, level: int) -> Refusal | None:
    """Whether the message may answer a request of this level. A Report may lack encryption: notInTimeWindow does (RFC 3414, 3.2)."""
    if level & AUTH_FLAG and not message.flags & AUTH_FLAG:
        return Refusal.UNAUTHENTICATED
    if level & PRIV_FLAG and not message.flags & PRIV_FLAG and message.pdu != REPORT:
        return Refusal.UNENCRYPTED
    if message.flags & ~level & (AUTH_FLAG | PRIV_FLAG):
        return Refusal.LEVEL
    if message.pdu not in {0, RESPONSE, REPORT}:
        return Refusal.MALFORMED
    return None
