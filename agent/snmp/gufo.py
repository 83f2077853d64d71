"""SNMP polling over gufo_snmp.

gufo_snmp 0.13.0 hides the error-status of an answer and drops NULL values (no public issue for either). A short answer can
therefore mean tooBig, noSuchName (v1), genErr or that the objects are absent. Objects missing from an answer are asked for again in
smaller requests before they count as absent; an object wrongly counted as absent is not polled until the next plan.
"""

# gufo_snmp is used although it hides so much, because one core makes 25,000 GETs of 20 objects a second with it and 194 with
# pysnmp's high-level API (same net-snmp peer). An agent polls hundreds of devices every second on a small machine.

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context, copy_context
from functools import partial
from typing import Final, NamedTuple, TypeVar

from gufo.snmp import NoSuchInstance, SnmpAuthError, SnmpDecodeError, SnmpEncodeError, SnmpVersion
from gufo.snmp.aio import SnmpSession

from agent.deadline import Deadline, is_opened_and_heard, note_answer
from agent.snmp.gufo_calls import Session, get_many, is_panic, next_row, one_getnext, plain, session_itself
from agent.snmp.gufo_v3 import VerifiedSession, VerifiedSessions
from agent.snmp.lenient import LenientRelay
from agent.snmp.missing import AbsentObjects, DeniedError
from agent.snmp.plain import PlainSession
from agent.snmp.requests import (
    OPAQUE_DOUBLE,
    OPAQUE_FLOAT,
    PortionedClient,
    answered_by,
    silent,
)
from agent.snmp.rows import RowsSoFar, WalkedRows
from agent.snmp.seam import SnmpTarget, SnmpUser, SnmpValue
from agent.snmp.tries import Asked
from agent.snmp.usm import NO_ACCESS, PolledClocks, RefusedDatagrams, UsmKeys
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

# How often one try may send before its deadline. Garbage and a stale v3 engine time fail at once and long before the deadline, and
# the next send usually works. Chosen value: the first send, one after the engine's clock was fetched again, and one for a stray
# datagram. More would let a device that answers nothing but garbage draw a flood of requests within one deadline.
SENDS_PER_TRY: Final = 3
# Up to this many missing objects are asked for one at a time: only a single GET tells NULL from absent. Each costs a round trip,
# so larger numbers are settled by one request that includes a known object, or by halving. Chosen value.
MAX_SINGLE_GETS: Final = 4
# iso.org, above everything a device may have.
WHOLE_TREE: Final = "1.3"
DENIED: Final = "denies all that it was asked for (authorizationError); check the view of this community in the device"


Argument = TypeVar("Argument")
Answer = TypeVar("Answer")


class _Silence(NamedTuple):
    """What a session received in place of an answer."""

    unreachable: OSError | None
    """An ICMP error."""
    complaint: str
    """SNMPv3: what is wrong with the credential, by this try or an earlier one; else empty."""
    other_sender: str
    """v1 and v2c: the address from which somebody else answered; else empty."""


class _SessionReplaced(Exception):
    """A session that repairs answers has taken the place of the one in which a walk began."""


class GufoClient(PortionedClient):
    """An `SnmpClient` on a gufo_snmp session, which is made when first needed and again after every failure.

    With SNMPv3, gufo_snmp gets verified answers only. Clients of one agent share all but `target`.
    """

    def __init__(
        self,
        target: SnmpTarget,
        keys: UsmKeys | None = None,
        refused: RefusedDatagrams | None = None,
        resolver: Resolver | None = None,
        clocks: PolledClocks | None = None,
    ) -> None:
        super().__init__(target)
        self._address = HeldAddress(resolver or Resolver(), target.host)
        credential = target.credential
        self._v3 = (
            VerifiedSessions(target, credential, keys or UsmKeys(), refused or RefusedDatagrams(), clocks)
            if isinstance(credential, SnmpUser)
            else None
        )
        self._session: Session | None = None
        self._refusals = 0
        # v1 and v2c only. `_lenient`: whether the next session repairs answers and notices answers from other addresses. `_relay`: the
        # relay of the present session, if it is such a one.
        self._lenient = False
        self._relay: LenientRelay | None = None
        self._absent = AbsentObjects()

    async def close(self) -> None:
        """See `SnmpClient.close`."""
        self._drop_session()

    def ask_all_again(self, *, of_another: bool = False) -> None:
        """See `SnmpClient.ask_all_again`."""
        super().ask_all_again(of_another=of_another)
        self._absent.forget()

    async def _get_chunk(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        answer = await self._get_many(oids)
        missing = [oid for oid in oids if oid not in answer]
        if not missing and len(answer) == len(oids):
            return answer
        # Only what was asked for counts: a faulty device may answer under other names.
        found = {oid: answer[oid] for oid in oids if oid in answer}
        if not found:
            self._refusals += 1
        elif self._absent.has_all(missing, asyncio.get_running_loop().time()):
            return found
        if len(missing) <= MAX_SINGLE_GETS:
            for oid in missing:
                # A denied one is known already if nothing else was asked for.
                if oid not in self._failing:
                    found.update(await self._get_alone(oid, was_refused=len(answer) == 0))
        # If the last object is in the answer, the answer was not cut short, so the missing ones are absent. Callers use this:
        # they put an object that the device is known to have at the end.
        elif oids[-1] not in found and not (found and await self._missing_confirmed(missing, found)):
            found.update(await self._get_halves(missing, refused=not found))
        return found

    async def _missing_confirmed(self, missing: list[str], found: dict[str, SnmpValue]) -> bool:
        # Ask once more for the missing objects, followed by one that was just answered. If that one comes again, this answer was
        # neither refused nor cut short, so objects missing from it are absent. Halving would take log2(n) rounds instead.
        known = next(iter(found))
        again = await self._get_many([*missing, known])
        found.update((oid, again[oid]) for oid in missing if oid in again)
        if known in again:
            self._absent.note((oid for oid in missing if oid not in again), asyncio.get_running_loop().time())
        return known in again

    async def _get_halves(self, oids: list[str], *, refused: bool) -> dict[str, SnmpValue]:
        middle = len(oids) // 2
        refusals = self._refusals
        found = await self._get_chunk(oids[:middle]) | await self._get_chunk(oids[middle:])
        if refused and self._refusals == refusals and found:
            # The whole request was refused and neither half was, so the reason was the size, not an object.
            self._varbinds = len(oids) - middle
            log.info(
                "device=%s refuses larger requests, asking for at most %d objects at a time from now on",
                self._target.device,
                self._varbinds,
            )
        return found

    async def _get_many(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        try:
            answer = await self._request(get_many, oids)
        except DeniedError as error:
            self._note_denied(oids, error)
            return {}
        except SnmpEncodeError as error:
            # The request does not fit gufo_snmp's send buffer. Treated like a refusal, so that the caller halves it.
            if len(oids) == 1:
                raise self._error(DeviceProtocolError, f"cannot encode a request for {oids[0]}: {error}") from error
            return {}
        for oid, value in answer.items():
            if type(value) is bytes and value[:3] in (OPAQUE_FLOAT, OPAQUE_DOUBLE):
                answer[oid] = plain(value)
        return answer

    async def _get_failing(self, oid: str) -> dict[str, SnmpValue]:
        return await self._get_alone(oid, was_refused=True)

    async def _get_alone(self, oid: str, *, was_refused: bool) -> dict[str, SnmpValue]:
        """One object; `was_refused` says whether the request for several gave nothing at all."""
        try:
            found = await self._request(self._get_one, oid)
        except DeniedError as error:
            self._note_denied([oid], error)
            return {}
        if was_refused and found.get(oid) is None and (found or self._version is SnmpVersion.v1):
            self._note_failed(oid, is_null=bool(found))
        elif not found:
            self._absent.note([oid], asyncio.get_running_loop().time())
        return found

    async def _get_one(self, session: Session, oid: str) -> dict[str, SnmpValue]:
        try:
            value = await session.get(oid)
        except NoSuchInstance:
            return {}
        # A v1 agent says noSuchName by sending the request's own NULL back (RFC 1157, 4.1.2); as gufo_snmp hides the error-status,
        # that looks like an object whose value is NULL. Absent is far more frequent.
        return {} if value is None and self._version is SnmpVersion.v1 else {oid: plain(value)}

    async def _next_instance(self, oid: str) -> tuple[str, SnmpValue] | None:
        try:
            return await self._next_in_session(oid)
        except _SessionReplaced:
            return await self._next_in_session(oid)

    async def _walk_rows(self, oid: str, limit: int) -> WalkedRows:
        """See `PortionedClient`."""
        try:
            return await self._walk_in_session(oid, limit)
        except _SessionReplaced:
            return await self._walk_in_session(oid, limit)

    async def _next_in_session(self, oid: str) -> tuple[str, SnmpValue] | None:
        session = await self._request(session_itself, None)
        # A gufo_snmp walk yields only what lies below its root. Sending with the narrow root and receiving with the widest lets
        # the answer come from anywhere behind `oid`.
        row = await self._request(one_getnext, (session.getnext(oid), session.getnext(WHOLE_TREE)))
        return (row[0], plain(row[1])) if row else None

    async def _walk_in_session(self, oid: str, limit: int) -> WalkedRows:
        """See `PortionedClient`; in one session."""
        session = await self._request(session_itself, None)
        single = self._repetitions == 1 or self._version is SnmpVersion.v1
        rows = session.getnext(oid) if single else session.getbulk(oid, self._repetitions)
        walk = RowsSoFar(self._target.device, oid, 1 if single else self._repetitions)
        found = walk.rows
        while len(found) < limit:
            try:
                row = await self._request(next_row, rows)
            except DeniedError:
                return WalkedRows(walk, is_incomplete=False, is_denied=True)
            except DeviceTimeout:
                if single:
                    raise
                # Some cards drop a GETBULK that is too large for them. If a GETNEXT is not answered either, the device is
                # silent whatever the size, and this raises DeviceTimeout.
                await self._request(one_getnext, (rows, rows))
                return WalkedRows(walk, is_incomplete=True)
            if row is None:
                # The end of the MIB and a refused GETBULK look the same here. One GETNEXT from this position tells them apart. One that was
                # refused behind others of its size may have run into something denied.
                try:
                    has_more = not single and await self._request(one_getnext, (rows, rows)) is not None
                except DeniedError:
                    return WalkedRows(walk, is_incomplete=False, is_denied=True)
                return WalkedRows(walk, is_incomplete=has_more, is_denied=has_more and bool(found))
            if not walk.add(row[0], plain(row[1])):
                return WalkedRows(walk, is_incomplete=False, is_stuck=True)
        return WalkedRows(walk, is_incomplete=False)

    async def _request(self, call: Callable[[Session, Argument], Awaitable[Answer]], argument: Argument) -> Answer:
        """What `call` returns, tried again after each silence; every try may use another session.

        Raises DeviceError, DeviceTimeout after the last try; SnmpEncodeError, and _SessionReplaced within a walk, at once.
        """
        if self._v3 is not None:
            await self._v3.derive_keys()
        # A walk of gufo_snmp goes on in the session in which it began, and cannot without that session's relay.
        is_walk = self._v3 is None and call in _STEPS
        clock = asyncio.get_running_loop().time
        asked, timeouts = _ASKED.get(call, "other"), self._timeouts
        # No early try in a new session of SNMPv3, because opening one takes requests of its own.
        is_opening = self._session is None and self._v3 is not None
        early_s = 0.0 if is_opening else timeouts.early_s(asked, clock())
        tries_s = timeouts.tries_s(early_s, is_patient=is_opened_and_heard())
        complaint = ""
        for left, timeout_s in zip(range(len(tries_s) - 1, -1, -1), tries_s, strict=True):
            if self._session is None or (call is get_many and self._address.is_due()):
                await self._find_address()
            began_s = clock()
            try:
                with Deadline(timeout_s) as deadline:
                    if early_s and timeout_s != early_s:
                        self._hear_late_answers(deadline)
                    answer = await self._try(call, argument)
                    note_answer()
                    timeouts.answered(asked, clock() - began_s, clock())
                    self._address.has_answered = True
                    return answer
            except TimeoutError as error:
                if left and self._v3 is None and (is_walk or timeout_s == early_s):
                    # In the same session, which passes over late answers to an earlier request.
                    continue
                silence = self._end_silent_session(complaint)
                if not left:
                    self._note_silence(early_s)
                    raise self._no_answer(silence) from error
                complaint = silence.complaint
            except (SnmpEncodeError, _SessionReplaced, DeniedError):
                # Nothing of the request can still be in the socket.
                raise
            except BaseException:
                # The request failed, or the caller's shorter deadline cancelled it: a late answer may still be in the socket, so the next
                # request gets a new one.
                self._drop_session()
                raise
        raise AssertionError(self._target.retries)  # pragma: no cover - the loop returns or raises

    def _end_silent_session(self, earlier_complaint: str) -> _Silence:
        """Close the session in which a request was not answered, and return what came there instead of the answer."""
        if self._v3 is not None:
            silence = _Silence(self._v3.unreachable, self._v3.complaint() or earlier_complaint, "")
        elif self._relay is not None:
            silence = _Silence(self._relay.unreachable, "", self._relay.other_sender)
        else:
            silence = _Silence(None, "", "")
        # A v3 device that restarted or was replaced may ignore requests with its previous engine id and time. Only a new
        # session fetches them again. A v1 or v2c device may answer from another address, which only a lenient session notices.
        self._drop_session()
        self._lenient = self._v3 is None
        return silence

    def _note_silence(self, early_s: float) -> None:
        """Note that no try was answered in time; `early_s` is 0 if none of them was an early one."""
        if early_s and self._v3 is not None:
            # A new session of v3 cannot notice that the early try is answered late. So that is assumed.
            self._timeouts.was_too_early(asyncio.get_running_loop().time())

    def _hear_late_answers(self, deadline: Deadline) -> None:
        if isinstance(self._session, PlainSession):
            self._session.on_late = partial(self._on_late_answer, deadline, copy_context())

    def _on_late_answer(self, deadline: Deadline, poll: Context) -> None:
        """The early try was answered late: a slow card takes as long for the second one, which stands behind it in its queue."""
        poll.run(note_answer)
        deadline.restart()
        self._timeouts.was_too_early(deadline.loop.time())

    async def _try(self, call: Callable[[Session, Argument], Awaitable[Answer]], argument: Argument) -> Answer:
        """One try within its caller's deadline. Raises SnmpEncodeError, and DeviceError but not DeviceTimeout."""
        for left in reversed(range(SENDS_PER_TRY)):
            try:
                answer = await call(self._session or await self._open(), argument)
            except (SnmpDecodeError, SnmpAuthError, RuntimeError) as error:
                if left and self._becomes_lenient(call, error):
                    continue
                if isinstance(error, RuntimeError):
                    # gufo_snmp 0.13.0 raises it for a value that it cannot convert, such as an OBJECT IDENTIFIER without octets.
                    raise self._error(DeviceDecodeError, f"sent a value that cannot be decoded: {error}") from error
                failure = self._error_of(error)
                if not left or isinstance(failure, DeniedError):
                    note_answer()
                    raise failure from error
                if isinstance(error, SnmpAuthError):
                    # A Report, which for an authenticated request is an authentic one. The keys need not be wrong: the device may
                    # have restarted since its time was fetched. A new session fetches it again.
                    self._drop_session()
            except BaseException as error:
                if left and is_panic(error) and self._becomes_lenient(call, error):
                    continue
                raise self._translated(error) from error
            else:
                self._become_plain(call)
                return answer
        raise AssertionError(SENDS_PER_TRY)  # pragma: no cover - the loop returns or raises

    def _become_plain(self, call: Callable[..., object]) -> None:
        """After an answer: a lenient session that was opened after a silence and repaired nothing is not needed any more."""
        if call is get_many and self._relay is not None and not self._relay.repairs:
            self._drop_session()

    def _translated(self, error: BaseException) -> DeviceError:
        """The DeviceError for an OSError or a panic. Raises any other error."""
        if isinstance(error, OSError):
            return self._unreachable(error)
        if not is_panic(error):
            raise error
        return self._error(DeviceProtocolError, "sent a malformed list of values")

    def _no_answer(self, silence: _Silence) -> DeviceError:
        """The error of a request whose last try was not answered either."""
        if silence.other_sender:
            return self._error(DeviceProtocolError, answered_by(silence.other_sender, self._target))
        if silence.complaint:
            return self._error(DeviceAuthError, silence.complaint)
        if silence.unreachable is not None:
            return self._unreachable(silence.unreachable)
        return self._error(*silent(self._target.timeout_s, self._v3.silence() if self._v3 is not None else ""))

    def _becomes_lenient(self, call: Callable[..., object], error: BaseException) -> bool:
        """Whether to repeat the request over a session that repairs answers: only after the first answer that the library cannot read.

        Raises _SessionReplaced if the request belongs to a walk, which must begin again: a walk of gufo_snmp keeps its own session.
        """
        if self._relay is not None or isinstance(error, SnmpAuthError) or (self._v3 is not None and self._v3.repairs):
            return False
        self._drop_session()
        if self._v3 is not None:
            self._v3.repairs = True
        else:
            self._lenient = True
        if call in _STEPS:
            raise _SessionReplaced from error
        return True

    def _error_of(self, error: SnmpDecodeError | SnmpAuthError) -> DeviceError:
        if isinstance(error, SnmpDecodeError):
            return self._error(DeviceProtocolError, f"sent something that is not SNMP: {error}")
        if self._v3 is None:
            return self._error(DeniedError, DENIED)  # or a report, for which gufo_snmp 0.13.0 raises the same
        why = self._v3.refusal()
        return self._error(DeniedError if why == NO_ACCESS else DeviceAuthError, why)

    def _unreachable(self, error: OSError) -> DeviceError:
        # gufo_snmp 0.13.0 turns an ICMP error into a TimeoutError; the cause holds the real one ("connection refused").
        return self._error(DeviceUnreachable, f"{self._target.host}:{self._target.port}: {error.__cause__ or error}")

    async def _find_address(self) -> None:
        if self._session is not None:
            if not await self._address.has_moved():
                return
            log.info(
                "device=%s %s has another address than %s now",
                self._target.device,
                self._target.host,
                self._address.text,
            )
            self._drop_session()
        # Outside the deadline of a try, so that a name that cannot be resolved is reported as such and not as a silent device.
        try:
            await self._address.find()
        except ResolveError as error:
            raise self._error(DeviceUnreachable, str(error)) from error

    async def _open(self) -> Session:
        if self._v3 is not None:
            self._session = await self._v3.open(self._address.text)
            return self._session
        credential = self._target.credential
        session = SnmpSession(
            self._address.text,
            self._target.port,
            community="" if isinstance(credential, SnmpUser) else credential.community,
            version=self._version,
            # `_request` enforces the deadline. gufo_snmp 0.13.0's own timeout restarts at every stray datagram, so a noisy peer
            # could hold a request open for ever; it also costs more CPU.
            timeout=None,  # type: ignore[arg-type]
        )
        if self._lenient:
            self._relay = LenientRelay(self._address.text, self._target.port, session._sock.get_fd())  # noqa: SLF001 - see `one_getnext`
            self._session = session
        else:
            self._session = PlainSession(session, session._sock)  # noqa: SLF001 - as above
        return self._session

    def _drop_session(self) -> None:
        """Close the session. One of gufo_snmp's own closes its socket when nothing refers to it any more."""
        session, self._session = self._session, None
        relay, self._relay = self._relay, None
        if relay is not None:
            # A device that was only silent for a moment is asked directly again.
            self._lenient = relay.repairs > 0
            relay.close()
        if isinstance(session, VerifiedSession | PlainSession):
            session.close()

    @property
    def _version(self) -> SnmpVersion:
        if isinstance(self._target.credential, SnmpUser):
            return SnmpVersion.v3
        return SnmpVersion.v1 if self._target.credential.version == "1" else SnmpVersion.v2c

    def _error(self, kind: type[DeviceError], text: str) -> DeviceError:
        return kind(text, device=self._target.device, operation="snmp")


_STEPS: Final = (next_row, one_getnext)
"""What walks consist of."""
_ASKED: Final[Mapping[Callable[..., object], Asked]] = {
    get_many: "get",
    next_row: "next row",
    one_getnext: "getnext",
}
"""What each request asks for; all others are `other`."""
