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
from typing import Final, NamedTuple

from agent.snmp.limits import Limit
from agent.snmp.missing import DeniedError, FailingObjects
from agent.snmp.seam import SnmpTarget, SnmpValue
from rackflow.errors import DeviceError, DeviceIgnoresUser, DeviceProtocolError, DeviceTimeout

log = logging.getLogger(__name__)

# Most octets of text that one walk may return. Recordings of whole devices have some 100 kB. Without a limit, a device that fills every row
# with 64 kB would take as much memory as it can send before the deadline. Chosen value.
MAX_WALK_BYTES: Final = 16_000_000
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


class RowsSoFar:
    """The rows that a walk has found so far. `repetitions` is the number of rows that one request asks for."""

    def __init__(self, device: str, oid: str, repetitions: int) -> None:
        self.rows: dict[str, SnmpValue] = {}
        self._device = device
        self._oid = oid
        self._repetitions = repetitions
        self._size = self._repeated = 0

    def add(self, row: str, value: SnmpValue) -> bool:
        """Add a row. Returns whether the walk is to continue. Raises DeviceProtocolError if the walk becomes too large.

        Rows need not ascend: some agents sort their rows as text (1, 10, 2) and continue from whichever row they are asked for. A row
        may also come twice in one answer. The walk is going in circles only when as many rows in succession are already known as one
        request asks for.
        """
        if row in self.rows:
            self._repeated += 1
            if self._repeated < self._repetitions:
                return True
            log.warning("device=%s walk of %s goes in circles: it returned to row %s", self._device, self._oid, row)
            return False
        self._repeated = 0
        self.rows[row] = value
        self._size += len(value) if isinstance(value, bytes | str) else 0
        if self._size > MAX_WALK_BYTES:
            text = f"sends more than {MAX_WALK_BYTES // 1_000_000} MB below {self._oid}"
            raise DeviceProtocolError(text, device=self._device, operation="snmp")
        return True


class WalkedRows(NamedTuple):
    """What a walk has found. It `is_incomplete` if the device could not answer for as many rows at once as it was asked for.

    It `is_stuck` if the device came back to a row that was found before. It `is_denied` if a request was, or may have been: perhaps only
    what stands behind the table is.
    """

    walk: RowsSoFar
    is_incomplete: bool
    is_stuck: bool = False
    is_denied: bool = False


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
            self._rows.raise_if_due()
            before = copy(self._rows)
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

    async def get_next(self, oid: str) -> tuple[str, SnmpValue] | None:
        """See `SnmpClient.get_next`. None also if the device denies the next instance.

        Over gufo_snmp and v1, None if the next instance is NULL, even if more instances follow.
        """
        async with self._lock:
            return await self._next_permitted(oid)

    def set_max_varbinds(self, objects: int) -> None:
        """See `SnmpClient.set_max_varbinds`."""
        self._objects = Limit(objects)

    def ask_all_again(self) -> None:
        """See `SnmpClient.ask_all_again`."""
        self._failing.forget()

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
        if 0 < len(oids) <= self._varbinds:
            return await self._get_chunk(oids)
        found: dict[str, SnmpValue] = {}
        # Not range(): `_get_chunk` may lower `_varbinds`, and later portions must then be smaller.
        done = 0
        while done < len(oids):
            chunk = oids[done : done + self._varbinds]
            found.update(await self._get_chunk(chunk))
            done += len(chunk)
        return found

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
