"""Modbus over pymodbus: TCP, RTU over TCP, and serial lines. Each link carries one request at a time for all units behind it.

The danger on a shared link is that a late answer is taken for the answer to the next request: this gives a valid-looking reading
of the wrong register or unit. Every branch that handles a missing answer exists to prevent that.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.framer import FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import ModbusPDU

from agent.deadline import MAX_STRETCH, Deadline
from agent.modbus.seam import ModbusTarget
from rackflow.errors import DeviceError, DeviceProtocolError, DeviceTimeout, DeviceUnreachable, ResolveError
from rackflow.process.resolve import Resolver
from rackflow.process.stopping import obey_cancellation
from rackflow.recording import RegisterTable

# After this many unanswered requests in a row, of any unit, a TCP connection counts as broken and is made anew: a peer that lost power
# does not close it. One or two may come from units that are switched off, which must not cost the other units their connection.
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
_READS = {
    "coil": (1, "read_coils"),
    "discrete": (2, "read_discrete_inputs"),
    "holding": (3, "read_holding_registers"),
    "input": (4, "read_input_registers"),
}

# Octets of the shortest RTU frame that answers a read: unit, function, exception and checksum. An answer with data has as many more as its
# third octet says.
RTU_SHORTEST: Final = 5
RTU_FUNCTIONS: Final = frozenset({1, 2, 3, 4})
# Octets of the header over TCP (Modbus Messaging on TCP/IP V1.0b, 3.1.3), the last of which is the unit.
MBAP_OCTETS: Final = 7

# Read Device Identification (V1.1b3, 6.21).
_IDENTIFY = 0x2B


def _quiet_library() -> None:
    """Silence pymodbus, which logs every timeout as an error. Here a timeout is a failed poll, logged once when the device is down."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class PymodbusClient:
    """A `ModbusClient` on one link; its users take turns. It connects at the first request, and again after a lost connection."""

    def __init__(self, target: ModbusTarget, resolver: Resolver | None = None) -> None:
        _quiet_library()
        self._target = target
        self._resolver = resolver or Resolver()
        self._lock = asyncio.Lock()
        self._client: ModbusBaseClient | None = None
        self._name = target.serial or f"{target.host}:{target.port}"
        # Whether a request is outstanding. False while connecting, when no answer can come late.
        self._waiting = False
        # What came instead of an answer to the present request, for people.
        self._came = ""
        # Requests without an answer since the last answer.
        self._unanswered = 0
        # Loop time before which nothing may be sent.
        self._free_at = 0.0

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `ModbusClient.read`."""
        operation = f"read unit {unit} {table} {address}+{count}"
        function, name = _READS[table]
        answer = await self._ask(
            function, operation, lambda client: getattr(client, name)(address, count=count, device_id=unit)
        )
        values = [int(bit) for bit in answer.bits[:count]] if table in {"coil", "discrete"} else list(answer.registers)
        if len(values) != count:
            raise self._error(DeviceProtocolError, f"sent {len(values)} values instead of {count}", operation)
        return values

    async def describe(self, unit: int) -> str:
        """Vendor, product and revision as the unit reports them (Read Device Identification, basic). Raises DeviceError."""
        operation = f"identify unit {unit}"
        answer = await self._ask(
            _IDENTIFY, operation, lambda client: client.read_device_information(read_code=1, device_id=unit)
        )
        # An answer of the same function with another type of encapsulated interface (V1.1b3, 6.19) has no identification.
        found = getattr(answer, "information", None)
        if found is None:
            raise self._error(DeviceProtocolError, "sent something else than an identification", operation)
        words = [text.decode("utf-8", "replace") for text in found.values() if isinstance(text, bytes)]
        return " ".join(" ".join(words).split())

    async def _ask(
        self, function: int, operation: str, call: Callable[[ModbusBaseClient], Awaitable[ModbusPDU]]
    ) -> Any:  # noqa: ANN401 - what an answer holds depends on its function
        async with self._lock:
            was_connected = self._is_connected
            try:
                return await self._ask_once(function, operation, call)
            except DeviceUnreachable:
                # Some devices close the connection behind each answer, and the end of it may come while the next request is on its way.
                # Asking again is safe, because reading changes nothing.
                if not was_connected:
                    raise
            return await self._ask_once(function, operation, call)

    async def _ask_once(
        self, function: int, operation: str, call: Callable[[ModbusBaseClient], Awaitable[ModbusPDU]]
    ) -> Any:  # noqa: ANN401 - what an answer holds depends on its function
        await self._wait_until_free()
        address = await self._resolve(operation)
        self._came = ""
        try:
            with Deadline(self._target.timeout_s):
                client = await self._connected(operation, address)
                self._waiting = True
                answer = await obey_cancellation(call(client))
        except TimeoutError as error:
            raise self._no_answer(operation) from error
        except asyncio.CancelledError:
            # The caller had a shorter deadline. The answer may still come, as after a timeout.
            self._no_answer(operation)
            raise
        except (ConnectionException, OSError) as error:
            self._disconnect()
            raise self._error(DeviceUnreachable, str(error), operation) from error
        except ModbusException as error:
            self._disconnect()
            raise self._error(DeviceProtocolError, str(error), operation) from error
        finally:
            self._waiting = False
            # max(): the pause must not shorten the quiet time that `_no_answer` has just set.
            self._free_at = max(self._free_at, asyncio.get_running_loop().time() + self._target.pause_s)
        self._check(answer, function, operation)
        return answer

    async def close(self) -> None:
        """See `ModbusClient.close`."""
        self._disconnect()

    async def _wait_until_free(self) -> None:
        wait_s = self._free_at - asyncio.get_running_loop().time()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    @property
    def _is_connected(self) -> bool:
        return self._client is not None and self._client.connected

    async def _resolve(self, operation: str) -> str:
        # Outside the deadline of the request, so that a name which nobody answers for is told as such and not as a silent device.
        if self._is_connected or self._target.transport == "serial":
            return ""
        try:
            return await self._resolver.address(self._target.host)
        except ResolveError as error:
            raise self._error(DeviceUnreachable, str(error), operation) from error

    async def _connected(self, operation: str, address: str) -> ModbusBaseClient:
        if self._client is not None and self._is_connected:
            return self._client
        self._disconnect()
        self._client = client = _make_client(replace(self._target, host=address), self._fail, self._note)
        if not await obey_cancellation(client.connect()):
            raise self._error(DeviceUnreachable, "cannot connect", operation)
        return client

    def _fail(self, error: Exception) -> None:
        """Fail the pending request at once. pymodbus 3.16.1 would wait for its timeout although the link is gone (no public issue)."""
        if self._waiting and self._client is not None and not self._client.ctx.response_future.done():
            self._client.ctx.response_future.set_exception(error)

    def _no_answer(self, operation: str) -> DeviceError:
        # Over TCP a late answer is recognised by its transaction number, so the connection can stay and one silent unit costs the
        # others nothing. RTU frames have no number, so there the link is closed. It is also closed after a partial answer, whose
        # rest would be read as the beginning of the next one.
        pending = len(self._client.ctx.recv_buffer) if self._client is not None and self._waiting else 0
        self._unanswered += 1
        if self._target.transport != "tcp":
            self._free_at = asyncio.get_running_loop().time() + RTU_QUIET_S
        if self._target.transport != "tcp" or pending or self._unanswered >= MAX_UNANSWERED or not self._waiting:
            self._disconnect()
        if pending:
            return self._error(DeviceProtocolError, f"sent only a part of an answer ({pending} bytes)", operation)
        came = f"; instead came {self._came}" if self._came else ""
        return self._error(DeviceTimeout, f"no answer in {self._target.timeout_s:g} s{came}", operation)

    def _note(self, came: str) -> None:
        self._came = came

    def _disconnect(self) -> None:
        self._unanswered = 0
        if self._client is not None:
            self._client.close()
            self._client = None

    def _check(self, answer: ModbusPDU, function: int, operation: str) -> None:
        if self._unanswered and not answer.transaction_id and self._target.transport == "tcp":
            # Some devices always answer with transaction number 0. After a missing answer, this answer may be the late one, so it is
            # discarded even if it might be the right one: one failed poll is better than a wrong reading.
            self._disconnect()
            raise self._error(DeviceProtocolError, "sent an unnumbered answer after a missing one", operation)
        self._unanswered = 0
        if answer.function_code & 0x7F != function:
            self._disconnect()
            raise self._error(
                DeviceProtocolError, f"answered function {answer.function_code} instead of {function}", operation
            )
        if answer.isError():
            code = answer.exception_code
            text = f"exception {code}, {_EXCEPTIONS.get(code, 'unknown')}"
            refusal = DeviceProtocolError(text, device=self._name, operation=operation)
            refusal.code = code
            raise refusal

    def _error(self, kind: type[DeviceError], text: str, operation: str) -> DeviceError:
        return kind(text, device=self._name, operation=operation)


def _make_client(
    target: ModbusTarget, fail: Callable[[Exception], None], note: Callable[[str], None]
) -> ModbusBaseClient:
    """A pymodbus client that neither retries nor reconnects by itself; `agent.schedule` decides when to try again."""

    def trace_connect(connected: bool) -> None:  # noqa: FBT001 - pymodbus calls it so
        if not connected:
            fail(ConnectionResetError("closed the connection before it answered"))

    # pymodbus' own timeout ends after the deadline of `_ask`, so that only `_ask` decides what a missing answer means.
    backstop_s = target.timeout_s * MAX_STRETCH + 1.0
    if target.transport == "serial":
        client: ModbusBaseClient = AsyncModbusSerialClient(
            target.serial,
            framer=FramerType.RTU,
            baudrate=target.baudrate,
            parity=target.parity,
            stopbits=target.stopbits,
            timeout=backstop_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=trace_connect,
        )
    else:
        client = AsyncModbusTcpClient(
            target.host,
            port=target.port,
            framer=FramerType.SOCKET if target.transport == "tcp" else FramerType.RTU,
            timeout=backstop_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=trace_connect,
        )
    client.ctx.framer = _reporting_framer(FramerSocket if target.transport == "tcp" else FramerRTU, client, fail, note)
    return client


def _reporting_framer(
    kind: type[FramerBase], client: ModbusBaseClient, fail: Callable[[Exception], None], note: Callable[[str], None]
) -> FramerBase:
    """A framer that fails the pending request when a frame cannot be parsed, and finds the answer among stray octets.

    The framers of pymodbus 3.16.1 raise inside a callback of the event loop instead: the loop logs a traceback and the request
    waits for its timeout (https://github.com/pymodbus-dev/pymodbus/issues/1398). `ctx` and `handleFrame` are public by name
    but not documented, so pyproject.toml keeps pymodbus below its next minor version.
    """

    class ReportingFramer(kind):  # type: ignore[misc, valid-type]
        def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802
            stray = 0
            if kind is FramerRTU:
                stray = stray_octets(data, exp_devid)
                data = data[stray:]
            else:
                data = _own_answer(data, exp_devid, exp_tid, note)
            try:
                used, pdu = super().handleFrame(data, exp_devid, exp_tid)
            except Exception as error:  # noqa: BLE001 - a callback of the event loop: what leaves it reaches nobody who waits
                fail(
                    error
                    if isinstance(error, ModbusException)
                    else ModbusIOException(f"{type(error).__name__}: {error}")
                )
                # Discard all received data: after garbage, nothing shows where the next frame begins.
                return len(data), None
            return used + stray if used else used, pdu

    return ReportingFramer(client.ctx.framer.decoder)


def stray_octets(data: bytes, unit: int) -> int:
    """How many octets stand before the first whole frame of this unit, 0 if there is none: noise on the line, or an echo's rest.

    Unit and checksum must fit, so noise is taken for a frame about once in 2^24 times.
    """
    for at in range(len(data) - RTU_SHORTEST + 1):
        if data[at] != unit or data[at + 1] & 0x7F not in RTU_FUNCTIONS:
            continue
        end = at + (RTU_SHORTEST if data[at + 1] & 0x80 else RTU_SHORTEST + data[at + 2])
        if end <= len(data) and FramerRTU.check_CRC(data[at : end - 2], int.from_bytes(data[end - 2 : end])):
            return at
    return 0


def _own_answer(data: bytes, unit: int, transaction: int, note: Callable[[str], None]) -> bytes:
    """The answer over TCP under the unit that was asked. What has another transaction number stays as it is, and is noted.

    Some devices answer as unit 0, 1 or 255 whatever they were asked as. As long as the transaction number fits, it is the answer to this
    request: one is outstanding on the connection, and numbers do not come again for 65,535 requests.
    """
    if len(data) < MBAP_OCTETS:
        return data
    number, other = int.from_bytes(data[:2]), data[MBAP_OCTETS - 1]
    if number != transaction:
        note(f"an answer with transaction number {number}, not {transaction}")
    elif number and other != unit:
        return data[: MBAP_OCTETS - 1] + bytes([unit]) + data[MBAP_OCTETS:]
    return data


class SharedClient:
    """One user's share of a link. Closing it twice counts once."""

    def __init__(self, client: PymodbusClient, release: Callable[[], bool]) -> None:
        self._client = client
        self._release = release
        self._held = True

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `ModbusClient.read`."""
        return await self._client.read(unit, table, address, count)

    async def close(self) -> None:
        """See `ModbusClient.close`. The link itself closes when its last user closes."""
        if self._held:
            self._held = False
            if self._release():
                await self._client.close()


class ModbusLinks:
    """One connection per host and port, or serial port, for all units behind it. Many gateways accept only a few connections."""

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._resolver = resolver or Resolver()
        self._links: dict[tuple[str, int], tuple[PymodbusClient, int]] = {}

    def acquire(self, target: ModbusTarget) -> SharedClient:
        """A share of the link to that host or port. The first user's settings apply; they cannot differ on one line."""
        place = (target.serial, 0) if target.transport == "serial" else (target.host, target.port)
        client, users = self._links.get(place) or (PymodbusClient(target, self._resolver), 0)
        self._links[place] = (client, users + 1)

        def release() -> bool:
            held, left = self._links[place]
            if left > 1:
                self._links[place] = (held, left - 1)
                return False
            del self._links[place]
            return True

        return SharedClient(client, release)
