"""The code that both engines share: the number of objects and rows per request, and walking a subtree.

Each engine has its own handling of answers that are too big or too short (`_get_chunk`), because the engines see different errors.

A device's limits (objects per GET, rows per GETBULK) are found by refusals and remembered for an hour or longer (`limits.py`), so
finding them does not cost requests at every poll.
"""

import asyncio
import logging
import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Final

from agent.deadline import Deadline, allowed_silence_s
from agent.snmp.limits import Limit
from agent.snmp.missing import DeniedError, FailingObjects
from agent.snmp.rows import RowsSoFar, WalkedRows
from agent.snmp.seam import SnmpTarget, SnmpValue
from agent.snmp.silent import MOST_FRUITLESS, MOST_ROWS, MOST_SILENCES, SilentObjects, UnansweredError
from agent.snmp.tries import TryTimeouts
from rackflow.errors import DeviceError, DeviceIgnoresUser, DeviceTimeout

log = logging.getLogger(__name__)

# How net-snmp writes a float and a double inside an Opaque: tags 0x9f78 and 0x9f79, and their length. No RFC defines it; NET-SNMP-TC
# describes it.
OPAQUE_FLOAT: Final = b"\x9fx\x04"
OPAQUE_DOUBLE: Final = b"\x9fy\x08"


# Consecutive rows that a walk may skip because the device answers GETNEXT for a row with that same row. Chosen; each costs two requests.
MAX_PASSED_BY: Final = 16
# Appended to a row's OID, it sorts after everything below that row and before the next row. 2**31 - 1 and not the largest sub-identifier
# (2**32 - 1), because some agents use signed integers.
_LAST_ARC: Final = 2**31 - 1
# An OID has at most 128 sub-identifiers (RFC 2578, 3.5), and so 127 dots: nothing can be appended to a row that has them.
MAX_DOTS: Final = 127
# sysUpTime (RFC 3418), asked for to see whether a device answers at all. That it has no such object is an answer, too.
SYS_UPTIME: Final = "1.3.6.1.2.1.1.3.0"
# The share of the time for which a device may be silent in a poll, that a request which may not be answered gets: another request, which
# is, must follow it. Chosen value.
BRIEF_SHARE: Final = 0.45
# The same of an object that was silent before and is asked for again behind all others: nothing need follow it. With BRIEF_SHARE, one that
# takes 0.5 s came back to a class of 1 s with the next plan only. Chosen value.
LAST_SHARE: Final = 0.95


class PortionedClient(ABC):
    """The part of an `SnmpClient` that does not depend on the engine. Subclasses make the single requests."""

    def __init__(self, target: SnmpTarget) -> None:
        self._target = target
        # One request at a time. Management cards are slow, and if a card drops a second request in flight, it looks like a timeout.
        self._lock = asyncio.Lock()
        self._objects = Limit(target.max_varbinds)
        self._rows = Limit(target.max_repetitions)
        self._failing = FailingObjects()
        # Why something of the present `get` was denied.
        self._denial: DeniedError | None = None
        self._timeouts = TryTimeouts(target)
        self._silent = SilentObjects()
        # An object that was answered last, and whether the device has answered anything of the present `get`.
        self._known = ""
        self._is_heard = False
        # Requests of the present `get` that were not answered, all and since the last answer, while silent objects were looked for.
        self._silences = self._fruitless = 0

    @property
    def _varbinds(self) -> int:
        """How many objects one GET may ask for. Engines lower it when the device cannot answer for as many."""
        return self._objects.now

    @_varbinds.setter
    def _varbinds(self, objects: int) -> None:
        self._objects.lower(objects)

    @property
    def _repetitions(self) -> int:
        """How many rows one GETBULK asks for."""
        return self._rows.now

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """See `SnmpClient.get`. Objects that the device denies count as absent, unless it denies all of them.

        Over gufo_snmp, NULL and absent look the same in v1, so both are left out.
        """
        async with self._lock:
            self._objects.raise_if_due()
            self._denial = None
            found = await (self._get_sparingly(oids) if self._failing else self._get_portions(oids))
            if not found and self._denial is not None:
                raise self._denial
            return found

    async def walk(self, oid: str, limit: int = 5000) -> dict[str, SnmpValue]:
        """See `SnmpClient.walk`. Ends where the device denies what follows. Over gufo_snmp, rows whose value is NULL are left out."""
        async with self._lock:
            if self._silent.is_walked_by_row(oid, asyncio.get_running_loop().time()):
                return await self._walk_by_row(oid, limit)
            self._rows.raise_if_due()
            before = copy(self._rows)
            try:
                found = await self._walk_fast(oid, limit, before)
            except DeviceTimeout:
                self._silent.note_walk(oid, was_silent=True)
                if not self._silent.is_walked_by_row(oid, asyncio.get_running_loop().time()):
                    raise
                return await self._walk_by_row(oid, limit)
            self._silent.note_walk(oid, was_silent=False)
            return found

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        """See `SnmpClient.get_next`. None also if the device denies the next instance.

        Over gufo_snmp and v1, None if the next instance is NULL, even if more instances follow. Raises UnansweredError if the device is
        silent about it, and answers other requests.
        """
        async with self._lock:
            try:
                following = await self._next_permitted(oid)
            except DeviceTimeout:
                self._silent.note_walk(oid, was_silent=True)
                if not self._silent.is_walked_by_row(oid, asyncio.get_running_loop().time()):
                    raise
                await self._see_whether_it_answers()
                following = await self._next_or_silence(oid)
            self._silent.note_walk(oid, was_silent=False)
            return following

    def set_max_varbinds(self, objects: int) -> None:
        """See `SnmpClient.set_max_varbinds`."""
        self._objects = Limit(objects)

    def ask_all_again(self, *, of_another: bool = False) -> None:
        """See `SnmpClient.ask_all_again`."""
        self._failing.forget()
        if of_another:
            self._silent, self._known = SilentObjects(), ""
            self._rows, self._timeouts = Limit(self._target.max_repetitions), TryTimeouts(self._target)
        else:
            self._silent.ask_all_again()

    async def _walk_fast(self, oid: str, limit: int, before: Limit) -> dict[str, SnmpValue]:
        while True:
            walked = await self._walk_rows(oid, limit)
            if walked.is_denied:
                if await self._walk_on(oid, limit, walked.walk):
                    # It was no matter of how many rows were asked for.
                    self._rows = before
                    return walked.walk.rows
                # Nothing of what was asked for is denied: only larger requests are, or the answer was that of one odd moment.
            elif not walked.is_incomplete:
                if walked.is_stuck:
                    await self._pass_by(oid, limit, walked.walk)
                return walked.walk.rows
            self._rows.lower(max(1, self._repetitions // 2))
            log.info(
                "device=%s cannot answer large GETBULK requests, asking for %d rows at a time from now on",
                self._target.device,
                self._repetitions,
            )

    async def _walk_by_row(self, oid: str, limit: int) -> dict[str, SnmpValue]:
        """The rows below `oid` without those that are not answered, of a device that answers other requests."""
        await self._see_whether_it_answers()
        walk = RowsSoFar(self._target.device, oid, 1)
        at, passed, is_whole = oid, 0, True
        while len(walk.rows) < limit and at.count(".") < MAX_DOTS and passed <= MOST_ROWS:
            try:
                following = await self._next_or_silence(at)
            except UnansweredError:
                # Mostly, rows are numbered without gaps from 1.
                at, passed, is_whole = _row_behind(oid, at), passed + 1, False
                continue
            if following is None or not following[0].startswith(f"{oid}.") or not walk.add(*following):
                break
            at, passed = following[0], 0
        if not is_whole:
            log.warning("device=%s does not answer for all rows of %s, some may be missing", self._target.device, oid)
            # What walks found of it was no matter of how many rows were asked for.
            self._rows = Limit(self._target.max_repetitions)
        self._silent.note_walk(oid, was_silent=False)
        return walk.rows

    async def _next_or_silence(self, oid: str) -> tuple[str, SnmpValue] | None:
        """One GETNEXT to a device that has just answered. Raises UnansweredError if it is silent about this one only.

        It is made twice: rows that are taken for silent are missing for an hour.
        """
        for _ in range(2):
            try:
                with Deadline(self._timeouts.usual_s):
                    return await self._next_permitted(oid)
            except TimeoutError:
                await self._see_whether_it_answers()
        self._silent.note_silent_row(asyncio.get_running_loop().time())
        text = f"does not answer for what follows {oid}"
        raise UnansweredError(text, device=self._target.device, operation="snmp")

    async def _get_sparingly(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """The same without objects that fail whole requests, of which some are asked for again, each alone."""
        together, again = self._failing.parted(oids, asyncio.get_running_loop().time())
        found = await self._get_portions(together)
        is_over = False
        for oid in again:
            self._failing.take(oid)
            answer = await self._get_failing(oid)
            is_over |= answer.get(oid) is not None
            found |= answer
        if is_over:
            # Mostly all of them are read again, as after a view was widened or a card has started. At once: alarms may be among them.
            known = {oid for oid in again if oid in self._failing}
            rest = [oid for oid in oids if oid in self._failing and oid not in known]
            self._failing.forget(but=known)
            found |= await self._get_portions(rest)
        return found | self._failing.nulls(oids)

    async def _get_portions(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        if self._silent and oids:
            return await self._get_warily(oids)
        if 0 < len(oids) <= self._varbinds:
            return await self._get_portion(oids)
        found: dict[str, SnmpValue] = {}
        # Not range(): `_get_chunk` may lower `_varbinds`, and later portions must then be smaller.
        done = 0
        while done < len(oids):
            chunk = oids[done : done + self._varbinds]
            found.update(await self._get_portion(chunk))
            done += len(chunk)
        return found

    async def _get_portion(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        try:
            found = await self._get_chunk(oids)
        except (DeviceTimeout, asyncio.CancelledError):
            # Or the poll's deadline was shorter than those of the request.
            self._silent.note_unanswered(oids)
            raise
        self._known = next(iter(found), self._known)
        return found

    async def _get_warily(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """The objects of a device that was silent to an earlier request, which may be for the sake of some of these objects.

        Those that were not answered are asked for only once something else is: otherwise the device as a whole is silent.
        """
        self._silences, self._fruitless, self._is_heard = 0, 0, False
        now_s = asyncio.get_running_loop().time()
        heard, again = self._silent.parted(oids, now_s)
        found: dict[str, SnmpValue] = {}
        done = 0
        while done < len(heard):
            portion = heard[done : done + self._varbinds]
            done += len(portion)
            doubtful = self._silent.doubtful(portion, now_s)
            if rest := [oid for oid in portion if oid not in doubtful] if doubtful else portion:
                try:
                    found |= await self._get_portion(rest)
                except DeviceTimeout:
                    if not self._is_heard:
                        raise
                    doubtful = portion
                else:
                    self._is_heard = True
                    self._note_answered(rest)
            if doubtful:
                await self._see_whether_it_answers()
                found |= await self._search(doubtful)
        if not self._is_heard:
            await self._see_whether_it_answers()
        if again:
            found |= await self._get_silent(again, oids)
        return found

    async def _get_silent(self, oid: str, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """An object that was silent. If it is answered, the others of these, too."""
        found = await self._get_briefly([oid], min(self._target.timeout_s, allowed_silence_s() * LAST_SHARE))
        if found is None:
            self._silent.note_silent(oid, asyncio.get_running_loop().time())
            return {}
        rest = self._silent.take(oids)
        for begin in range(0, len(rest), self._varbinds):
            found |= await self._search(rest[begin : begin + self._varbinds])
        return found

    async def _search(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """Objects that were not answered, of a device that answers something else: in parts, without those that are silent."""
        found = await self._get_briefly(oids)
        if found is not None:
            return found
        await self._see_whether_it_answers()
        now_s = asyncio.get_running_loop().time()
        if not self._silent.may_search(now_s):
            raise self._silent_about(oids)
        return await self._search_parts(oids)

    async def _search_parts(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """The same of objects that were not answered in one request."""
        if len(oids) == 1:
            # Again: a lost datagram must not cost an object its place in a plan.
            for _ in range(self._silent.further_tries):
                if (found := await self._get_part(oids)) is not None:
                    return found
            self._leave_out(oids[0])
            return {}
        if self._silences >= MOST_SILENCES:
            raise self._silent_about(oids)
        if self._fruitless >= MOST_FRUITLESS:
            await self._try_ends(oids)
        middle = len(oids) // 2
        halves = [oids[:middle], oids[middle:]]
        answers = [await self._get_part(half) for half in halves]
        if None not in answers and self._silent.are_too_large(len(oids)):
            self._varbinds = min(self._varbinds, len(oids) - middle)
            log.info(
                "device=%s does not answer larger requests, asking for at most %d objects at a time from now on",
                self._target.device,
                self._varbinds,
            )
        found = {}
        for half, answer in zip(halves, answers, strict=True):
            found |= await self._search_parts(half) if answer is None else answer
        return found

    async def _get_part(self, oids: Sequence[str]) -> dict[str, SnmpValue] | None:
        found = await self._get_briefly(oids)
        if found is None:
            await self._see_whether_it_answers()
        return found

    async def _try_ends(self, oids: Sequence[str]) -> None:
        """Ask for two objects alone. Raises DeviceTimeout if neither is answered: the device seems to be silent about everything."""
        for oid in (oids[0], oids[-1]):
            if await self._get_part([oid]) is not None:
                return
        self._silent.give_up(asyncio.get_running_loop().time())
        raise self._silent_about(oids)

    async def _get_briefly(self, oids: Sequence[str], within_s: float = 0.0) -> dict[str, SnmpValue] | None:
        """Objects that may not be answered: None if they are not. The poll must be able to go on then, so this takes a part of its time."""
        try:
            with Deadline(within_s or self._brief_s()):
                found = await self._get_chunk(oids)
        except TimeoutError:  # DeviceTimeout is one, too
            self._silent.note_unanswered(oids)
            self._silences += 1
            self._fruitless += 1
            return None
        self._note_answered(oids)
        self._fruitless = 0
        return found

    def _note_answered(self, oids: Sequence[str]) -> None:
        if self._silent:
            self._silent.note_answered(oids, asyncio.get_running_loop().time())

    def _brief_s(self) -> float:
        brief_s = self._timeouts.brief_s
        return max(min(brief_s, allowed_silence_s() * BRIEF_SHARE), brief_s / 2)

    async def _see_whether_it_answers(self) -> None:
        """Ask for something that the device was able to answer. Raises DeviceTimeout if it is silent about that, too."""
        known = self._known if self._known and self._known not in self._silent else SYS_UPTIME
        await self._get_chunk([known])
        self._is_heard, self._denial = True, None

    def _leave_out(self, oid: str) -> None:
        if self._silent.note_silent(oid, asyncio.get_running_loop().time()):
            log.warning("device=%s does not answer for %s, which is left out for a while", self._target.device, oid)

    def _silent_about(self, oids: Sequence[str]) -> DeviceTimeout:
        text = f"answers, but not for {oids[0]} and the objects behind it"
        return DeviceTimeout(text, device=self._target.device, operation="snmp")

    def _note_denied(self, oids: Sequence[str], why: DeniedError) -> None:
        """A GET was denied because of one of these objects, or of several."""
        self._denial = why
        if len(oids) == 1:
            self._failing.note_denied(oids[0], asyncio.get_running_loop().time())

    def _note_failed(self, oid: str, *, is_null: bool) -> None:
        """This object failed a request for several: it cannot be read, or with v1 it is not there."""
        self._failing.note_failed(oid, asyncio.get_running_loop().time(), is_null=is_null)

    async def _next_permitted(self, oid: str) -> tuple[str, SnmpValue] | None:
        try:
            return await self._next_instance(oid)
        except DeniedError:
            return None

    async def _walk_on(self, oid: str, limit: int, walk: RowsSoFar) -> bool:
        """Continue a walk row by row, for as many as one request asks for. Returns whether it has ended.

        If one request asks for one row, there is no smaller request, and the walk is continued to its end.
        """
        last = next(reversed(walk.rows), oid)
        for _ in range(self._repetitions if self._repetitions > 1 else limit):
            if len(walk.rows) >= limit or last.count(".") >= MAX_DOTS:
                return True
            following = await self._next_permitted(last)
            if following is None or not following[0].startswith(f"{oid}.") or not walk.add(*following):
                return True
            last = following[0]
        return self._repetitions == 1

    async def _pass_by(self, oid: str, limit: int, walk: RowsSoFar) -> None:
        """Continue after the last row of a walk that goes in circles: GETNEXT may return the same row again although others follow it."""
        rows, passed, is_stuck = walk.rows, 0, True
        while rows and len(rows) < limit and passed < MAX_PASSED_BY:
            last = next(reversed(rows))
            if last.count(".") >= MAX_DOTS:
                return
            following = await self._next_permitted(f"{last}.{_LAST_ARC}" if is_stuck else last)
            if following is None or not following[0].startswith(f"{oid}."):
                return
            if following[0] not in rows:
                walk.add(*following)
                is_stuck = False
            elif is_stuck:
                return
            else:
                is_stuck = True
                passed += 1

    @abstractmethod
    async def _next_instance(self, oid: str) -> tuple[str, SnmpValue] | None:
        """One GETNEXT. Raises DeniedError if the device denies what follows."""

    async def _get_failing(self, oid: str) -> dict[str, SnmpValue]:
        """One object that has failed its requests."""
        return await self._get_chunk([oid])

    @abstractmethod
    async def _get_chunk(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        """One portion, split further if the device answers with fewer objects than requested. May lower `_varbinds`.

        Denied objects are left out, and passed to `_note_denied`.
        """

    @abstractmethod
    async def _walk_rows(self, oid: str, limit: int) -> WalkedRows:
        """Rows below `oid`, `limit` at most, asked for `_repetitions` at a time."""


def _row_behind(oid: str, at: str) -> str:
    """The row of a column that is expected behind `at`, which is a row or the column itself."""
    if at == oid:
        return f"{oid}.1"
    rest, _, last = at.rpartition(".")
    return f"{rest}.{int(last) + 1}"


def answered_by(other_sender: str, target: SnmpTarget) -> str:
    """The error message for a device that answers from another address or port than the request was sent to."""
    return (
        f"was asked at {target.host}:{target.port} and answered from {other_sender}, which is not taken for its answer; give that "
        "address and port, or set `engine: pysnmp` for this device, which takes answers from anywhere (v1 and v2c)"
    )


def silent(timeout_s: float, before: str) -> tuple[type[DeviceError], str]:
    """The error for a device that did not answer in time; `before` is what it answered earlier (`UsmCheck.silence`), if it says more."""
    words = f"no answer within {timeout_s:g} s"
    return (DeviceIgnoresUser, f"{words}: {before}") if before else (DeviceTimeout, words)


def octets_or_float(octets: bytes) -> bytes | float:
    """Decode net-snmp's Opaque float or double; any other octets are returned as they are."""
    if len(octets) == len(OPAQUE_FLOAT) + 4 and octets.startswith(OPAQUE_FLOAT):
        return float(struct.unpack(">f", octets[3:])[0])
    if len(octets) == len(OPAQUE_DOUBLE) + 8 and octets.startswith(OPAQUE_DOUBLE):
        return float(struct.unpack(">d", octets[3:])[0])
    return octets
