"""A Modbus link: one connection or line for all units behind it, with one request at a time.

The danger on a shared link is that a late answer is taken for the answer to the next request, which would give a valid-looking reading
of the wrong register or unit. Every branch that handles a missing answer is there to prevent that.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from agent.deadline import Deadline, note_answer, waiting_for_turn
from agent.modbus.seam import ModbusTarget
from agent.modbus.tcp import TcpWire
from agent.modbus.wire import BIT_FUNCTIONS, IDENTIFY, Answer, GarbageError, Wire
from rackflow.errors import (
    DeviceError,
    DeviceNotConnected,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
    ResolveError,
)
from rackflow.plural import count_of
from rackflow.process.resolve import HeldAddress, Resolver
from rackflow.process.stopping import obey_cancellation
from rackflow.register_tables import FUNCTIONS, RegisterTable

log = logging.getLogger(__name__)

# After this many unanswered requests in a row, to any unit, a TCP connection counts as broken and is opened again: a peer that lost power
# does not close it. One or two may be to units that are switched off, which must not cost the other units their connection.
# Chosen value.
MAX_UNANSWERED: Final = 3
# How long an RTU link is left closed after a request without an answer, so that a late answer is not received. The longest RTU frame
# (256 bytes of 11 bits) takes 0.15 s at 19,200 baud; at 9,600 it takes 0.29 s, and 0.2 s only covers the usual, shorter ones.
RTU_QUIET_S: Final = 0.2

# Modbus Application Protocol V1.1b3, section 7.
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}


class ModbusLink:
    """Sends the requests of all units on one link, one at a time. Connects at the first request, and again after a lost connection."""

    def __init__(self, target: ModbusTarget, resolver: Resolver | None = None) -> None:
        # That of the first user who is still there: a line can only be opened in one way.
        self._target = target
        self._users: list[ModbusTarget] = []
        self._pause_s = target.pause_s
        self._lock = asyncio.Lock()
        # Requests that are being made or wait for their turn.
        self._requests = 0
        self._wire: Wire | None = None
        self._name = target.serial or f"{target.host}:{target.port}"
        # Units that pollers read here.
        self._polled: set[int] = set()
        # Requests without an answer since the last answer.
        self._unanswered = 0
        self.connections = 0
        """How often it was connected so far. Over another connection, another device may answer."""
        # Loop time before which nothing may be sent.
        self._free_at = 0.0
        # That of the connection, if it is no serial line.
        self._address = HeldAddress(resolver or Resolver(), target.host)

    def enter(self, user: ModbusTarget) -> None:
        """Serve one more user. The pause becomes the longest of all users', because the gateway needs it whichever unit is asked."""
        self._users.append(user)
        self._settle()

    def leave(self, user: ModbusTarget) -> bool:
        """Serve one user less. Returns whether it was the last one.

        A reload has its new users enter before the former ones leave. With the last one of these, the line is opened as the new ones say.
        """
        self._users.remove(user)
        # Those who are left enter themselves again with their next request.
        self._polled.clear()
        if self._users:
            self._settle()
        return not self._users

    def _settle(self) -> None:
        before, self._target = self._target, self._users[0]
        self._pause_s = max(each.pause_s for each in self._users)
        if _line(before) != _line(self._target):
            self._disconnect()

    async def read(
        self, unit: int, table: RegisterTable, address: int, count: int, user: ModbusTarget | None = None
    ) -> list[int]:
        """See `ModbusClient.read`. Timeout and accepted odd answers are those of `user`, or of the link's target if it is None."""
        function = FUNCTIONS[table]
        request = _Request(unit, function, address, count, user or self._target)
        if user is not None:
            self._polled.add(unit)
        answer = await self._ask(request)
        values = answer.values[:count] if function in BIT_FUNCTIONS else answer.values
        if len(values) != count:
            text = f"sent {count_of(len(values), 'value')} instead of {count}"
            error = DeviceProtocolError(text, device=self._name, operation=request.operation)
            error.is_short = len(values) < count
            raise error
        return values

    async def describe(self, unit: int) -> str:
        """Vendor, product and revision as the unit reports them (Read Device Identification, basic). Raises DeviceError."""
        request = _Request(unit, IDENTIFY, 0, 0, replace(self._target, accepts=frozenset()))
        answer = await self._ask(request)
        if answer.texts is None:
            raise self._error(DeviceProtocolError, "sent something else than an identification", request)
        return " ".join(b" ".join(answer.texts).decode("utf-8", "replace").split())

    async def close(self) -> None:
        """See `ModbusClient.close`."""
        self._disconnect()

    async def _ask(self, request: "_Request") -> Answer:
        self._requests += 1
        try:
            # Not `locked()`: when one request ends, the lock is free for a moment, although others are waiting for it.
            with waiting_for_turn() if self._requests > 1 else contextlib.nullcontext():
                await self._lock.acquire()
            try:
                return await self._ask_twice(request)
            finally:
                self._lock.release()
        finally:
            self._requests -= 1

    async def _ask_twice(self, request: "_Request") -> Answer:
        """The answer; asked for once more on a new connection if the one that was there has ended. Raises DeviceError."""
        was_connected = self._is_connected
        try:
            return await self._ask_once(request)
        except DeviceUnreachable:
            # Some devices close the connection behind each answer, and the end of it may come while the next request is on its way.
            # Asking again is safe, because reading changes nothing.
            if not was_connected:
                raise
        return await self._ask_once(request)

    async def _ask_once(self, request: "_Request") -> Answer:
        """The answer, after the pause that the unit needs, over a connection that is opened if there is none. Raises DeviceError."""
        if self._free_at and (wait_s := self._free_at - asyncio.get_running_loop().time()) > 0:
            with waiting_for_turn():
                await asyncio.sleep(wait_s)
        if self._is_connected and self._address.is_due():
            await self._look_again()
        address = "" if self._is_connected else await self._resolve(request)
        wire: Wire | None = None
        try:
            with Deadline(request.user.timeout_s):
                wire = await self._connected(request, address)
                answer = await wire.ask(
                    request.unit, request.function, request.address, request.count, request.user.accepts
                )
                note_answer()
                self._address.has_answered = True
        except TimeoutError as error:
            raise self._no_answer(request, wire) from error
        except asyncio.CancelledError:
            # The caller's own, shorter deadline has passed. As after a timeout, the answer may still come.
            self._no_answer(request, wire)
            raise
        except OSError as error:
            self._disconnect()
            raise self._error(DeviceUnreachable, str(error), request) from error
        except GarbageError as error:
            self._disconnect()
            raise self._error(DeviceProtocolError, str(error), request) from error
        finally:
            if self._pause_s:
                # max(): the pause must not shorten the quiet time that `_no_answer` has just set.
                self._free_at = max(self._free_at, asyncio.get_running_loop().time() + self._pause_s)
        self._check(answer, request)
        return answer

    @property
    def _is_connected(self) -> bool:
        return self._wire is not None and self._wire.connected

    async def _resolve(self, request: "_Request") -> str:
        # Outside the request's deadline, so that a name that cannot be resolved is reported as such and not as a silent device.
        if self._target.is_serial_line:
            return ""
        try:
            return await self._address.find()
        except ResolveError as error:
            raise self._error(DeviceUnreachable, str(error), request) from error

    async def _look_again(self) -> None:
        """End the connection if the name has another address by now."""
        if await self._address.has_moved():
            log.info("%s has another address than %s now", self._name, self._address.text)
            self._disconnect()

    async def _connected(self, request: "_Request", address: str) -> Wire:
        if self._wire is not None and self._wire.connected:
            return self._wire
        self._disconnect()
        while True:
            line, wire = _line(self._target), wire_of(self._target, self._polled)
            try:
                await obey_cancellation(wire.connect(address))
            except OSError as error:
                wire.close()
                raise self._error(DeviceUnreachable, "cannot connect", request) from error
            except BaseException:
                wire.close()
                raise
            if line == _line(self._target):
                self._wire = wire
                self.connections += 1
                return wire
            # The last one who wants it opened like this has left meanwhile; see `_settle`.
            wire.close()

    def _no_answer(self, request: "_Request", wire: Wire | None) -> DeviceError:
        # Over TCP a late answer is recognised by its transaction number, so the connection can stay and one silent unit costs the
        # others nothing. RTU frames have no number, so there the link is closed. It is also closed after a partial answer, whose
        # rest would be read as the beginning of the next one. With `other_transaction` any number is accepted, so a number proves
        # as little as with RTU.
        is_numbered = self._target.has_transaction_numbers and "other_transaction" not in request.user.accepts
        pending, came = (wire.give_up(), wire.came) if wire is not None else (0, "")
        self._unanswered += 1
        if not is_numbered:
            self._free_at = asyncio.get_running_loop().time() + RTU_QUIET_S
        if not is_numbered or pending or self._unanswered >= MAX_UNANSWERED or wire is None:
            self._disconnect()
        if pending:
            return self._error(DeviceProtocolError, f"sent only a part of an answer ({pending} bytes)", request)
        if wire is None and not self._target.is_serial_line:
            return self._error(DeviceNotConnected, f"no connection in {request.user.timeout_s:g} s", request)
        instead = f"; instead came {came}" if came else ""
        return self._error(DeviceTimeout, f"no answer in {request.user.timeout_s:g} s{instead}", request)

    def _disconnect(self) -> None:
        self._unanswered = 0
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _check(self, answer: Answer, request: "_Request") -> None:
        if self._unanswered and not answer.number and self._target.has_transaction_numbers:
            # Some devices always answer with transaction number 0. After a missing answer, this answer may be the late one, so it is
            # discarded even if it might be the right one: one failed poll is better than a wrong reading.
            self._disconnect()
            raise self._error(DeviceProtocolError, "sent an unnumbered answer after a missing one", request)
        self._unanswered = 0
        if answer.function != request.function:
            self._disconnect()
            text = f"answered function {answer.function} instead of {request.function}"
            raise self._error(DeviceProtocolError, text, request)
        if answer.code is not None:
            text = f"exception {answer.code}, {_EXCEPTIONS.get(answer.code, 'unknown')}"
            refusal = DeviceProtocolError(text, device=self._name, operation=request.operation)
            refusal.code = answer.code
            raise refusal

    def _error(self, kind: type[DeviceError], text: str, request: "_Request") -> DeviceError:
        return kind(text, device=self._name, operation=request.operation)


@dataclass(slots=True)
class _Request:
    unit: int
    function: int
    address: int
    count: int
    user: ModbusTarget

    @property
    def operation(self) -> str:
        """The request in words, for error messages. A property, because building the text for every request would cost CPU."""
        if self.function == IDENTIFY:
            return f"identify unit {self.unit}"
        table = next(table for table, function in FUNCTIONS.items() if function == self.function)
        return f"read unit {self.unit} {table} {self.address}+{self.count}"


def _line(target: ModbusTarget) -> tuple[object, ...]:
    """How the line is opened."""
    return target.transport, target.baudrate, target.parity, target.stopbits


def wire_of(target: ModbusTarget, polled: AbstractSet[int]) -> Wire:
    """A connection of the target's transport, not opened yet. `polled` are the units that are read over its link."""
    if target.transport == "tcp":
        return TcpWire(target.port, polled)
    # Imported here, because most agents have no RTU device, and pymodbus takes 0.03 s of CPU and 2 MB.
    from agent.modbus.pymodbus_wire import PymodbusWire  # noqa: PLC0415

    return PymodbusWire(target)


class SharedClient:
    """One user's share of a link. Closing it twice counts once."""

    def __init__(self, link: ModbusLink, release: Callable[[], bool], user: ModbusTarget) -> None:
        self._link = link
        self._user = user
        self._release = release
        self._held = True

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `ModbusClient.read`."""
        return await self._link.read(unit, table, address, count, self._user)

    def connections(self) -> int:
        """How often the link was connected so far."""
        return self._link.connections

    async def close(self) -> None:
        """See `ModbusClient.close`. The link itself closes when its last user closes."""
        if self._held:
            self._held = False
            if self._release():
                await self._link.close()


class ModbusLinks:
    """One connection per host and port, or serial port, for all units behind it. Many gateways accept only a few connections."""

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._resolver = resolver or Resolver()
        self._links: dict[tuple[str, int], ModbusLink] = {}

    def acquire(self, target: ModbusTarget) -> SharedClient:
        """A share of the link to that host or port.

        Each user keeps its own timeout and accepted answers, and the longest pause applies to all. Transport and line settings are those
        of the first user who is still there; `agent/config_checks/same_address.py` reports other ones.
        """
        place = (target.serial, 0) if target.is_serial_line else (target.host, target.port)
        link = self._links.setdefault(place, ModbusLink(target, self._resolver))
        link.enter(target)

        def release() -> bool:
            is_last = link.leave(target)
            if is_last:
                del self._links[place]
            return is_last

        return SharedClient(link, release, target)
