"""Modbus RTU by pymodbus: over TCP (serial gateways that pass frames through) and on serial lines."""

import logging
from typing import Final

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.framer import FramerRTU
from pymodbus.pdu import ModbusPDU

from agent.deadline import MAX_STRETCH
from agent.modbus.seam import ModbusTarget, OddAnswer
from agent.modbus.wire import HUNG_UP, IDENTIFY, Answer, GarbageError, hint
from rackflow.process.stopping import raise_if_cancelled

NO_RESPONSE: Final = "No response received"
"""Part of pymodbus' message when its own timeout has passed."""

_READS: Final = {
    1: "read_coils",
    2: "read_discrete_inputs",
    3: "read_holding_registers",
    4: "read_input_registers",
}

# Octets of the shortest RTU frame that answers a read: unit, function, exception and checksum. An answer with data has as many more as its
# third octet says.
RTU_SHORTEST: Final = 5
RTU_FUNCTIONS: Final = frozenset({1, 2, 3, 4})


def _quiet_library() -> None:
    """Silence pymodbus, which logs every timeout as an error. Here a timeout is a failed poll, logged once when the device is down."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class PymodbusWire:
    """A `Wire` by pymodbus, for one connection."""

    def __init__(self, target: ModbusTarget) -> None:
        _quiet_library()
        self._target = target
        self._client: ModbusBaseClient | None = None
        self._accepts: frozenset[OddAnswer] = frozenset()
        self._waiting = False
        self.came = ""
        """See `Wire.came`."""

    @property
    def connected(self) -> bool:
        """See `Wire.connected`."""
        return self._client is not None and bool(self._client.connected)

    async def connect(self, host: str) -> None:
        """See `Wire.connect`."""
        self._client = _make_client(self._target, host, self)
        if not await self._client.connect():
            raise ConnectionError("cannot connect")

    async def ask(self, unit: int, function: int, address: int, count: int, accepts: frozenset[OddAnswer]) -> Answer:
        """See `Wire.ask`."""
        client = self._client
        if client is None:
            raise ConnectionResetError(HUNG_UP)
        self.came, self._accepts, self._waiting = "", accepts, True
        try:
            if function == IDENTIFY:
                return _answer_of(await client.read_device_information(read_code=1, device_id=unit))
            return _answer_of(await getattr(client, _READS[function])(address, count=count, device_id=unit))
        except ConnectionException as error:
            raise ConnectionResetError(str(error)) from error
        except ModbusException as error:
            # pymodbus' own timeout is longer than the link's deadline (`_make_client`), so it comes first only if the whole process
            # stood still for longer than both.
            if NO_RESPONSE in str(error):
                raise TimeoutError(str(error)) from error
            raise GarbageError(str(error)) from error
        finally:
            self._waiting = False
            raise_if_cancelled()

    def give_up(self) -> int:
        """See `Wire.give_up`."""
        return len(self._client.ctx.recv_buffer) if self._client is not None else 0

    def close(self) -> None:
        """See `Wire.close`."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def fail(self, error: Exception) -> None:
        """Fail the pending request at once. pymodbus 3.16.1 would wait for its timeout although the link is gone (no public issue)."""
        if self._waiting and self._client is not None and not self._client.ctx.response_future.done():
            self._client.ctx.response_future.set_exception(error)

    def note(self, came: str) -> None:
        """Remember what came instead of an answer. Called by the framer."""
        self.came = came

    def takes(self, odd: OddAnswer) -> bool:
        """Whether an answer to the present request may be odd in this way. Called by the framer."""
        return odd in self._accepts


def _answer_of(pdu: ModbusPDU) -> Answer:
    function = pdu.function_code & 0x7F
    if pdu.isError():
        return Answer(pdu.transaction_id, function, pdu.exception_code)
    # An answer of the same function with another type of encapsulated interface (V1.1b3, 6.19) has no identification.
    found = getattr(pdu, "information", None)
    texts = None if found is None else [text for text in found.values() if isinstance(text, bytes)]
    values = [int(bit) for bit in pdu.bits] or list(pdu.registers)
    return Answer(pdu.transaction_id, function, values=values, texts=texts)


def _make_client(target: ModbusTarget, host: str, link: PymodbusWire) -> ModbusBaseClient:
    """A pymodbus client that neither retries nor reconnects by itself; `agent.schedule` decides when to try again."""

    def trace_connect(connected: bool) -> None:  # noqa: FBT001 - pymodbus calls it so
        if not connected:
            link.fail(ConnectionResetError(HUNG_UP))

    # pymodbus' own timeout ends after the deadline of the link, so that only the link decides what a missing answer means.
    backstop_s = target.timeout_s * MAX_STRETCH + 1.0
    if target.is_serial_line:
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
            host,
            port=target.port,
            framer=FramerType.RTU,
            timeout=backstop_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=trace_connect,
        )
    client.ctx.framer = _reporting_framer(client, link)
    return client


def _reporting_framer(client: ModbusBaseClient, link: PymodbusWire) -> FramerRTU:
    """A framer that fails the pending request when a frame cannot be parsed, and finds the answer among stray octets.

    The framers of pymodbus 3.16.1 raise inside a callback of the event loop instead: the loop logs a traceback and the request
    waits for its timeout (https://github.com/pymodbus-dev/pymodbus/issues/1398). `ctx` and `handleFrame` are public by name
    but not documented, so pyproject.toml keeps pymodbus below its next minor version.
    """

    class ReportingFramer(FramerRTU):
        def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:  # noqa: N802
            stray = stray_octets(data, exp_devid) or _stray_before_another(data, exp_devid, link)
            data = _of_unit(data[stray:], exp_devid, link)
            try:
                used, pdu = super().handleFrame(data, exp_devid, exp_tid)
            except Exception as error:  # noqa: BLE001 - a callback of the event loop: what leaves it reaches nobody who waits
                link.fail(
                    error
                    if isinstance(error, ModbusException)
                    else ModbusIOException(f"{type(error).__name__}: {error}")
                )
                # Discard all received data: after garbage, nothing shows where the next frame begins.
                return len(data), None
            return used + stray if used else used, pdu

    return ReportingFramer(client.ctx.framer.decoder)


def stray_octets(data: bytes, unit: int) -> int:
    """Number of octets before the first whole frame of this unit: line noise, or the rest of an echo. 0 if there is no such frame.

    Unit and checksum must fit, so noise is taken for a frame about once in 2^24 times.
    """
    return next((at for at in range(len(data)) if data[at] == unit and _frame_end(data, at)), 0)


def _frame_end(data: bytes, at: int) -> int:
    """Offset of the end of the whole RTU frame that begins at `at`; 0 if no valid frame begins there."""
    if at + RTU_SHORTEST > len(data) or data[at + 1] & 0x7F not in RTU_FUNCTIONS:
        return 0
    end = at + (RTU_SHORTEST if data[at + 1] & 0x80 else RTU_SHORTEST + data[at + 2])
    fits = end <= len(data) and FramerRTU.check_CRC(data[at : end - 2], int.from_bytes(data[end - 2 : end]))
    return end if fits else 0


def _stray_before_another(data: bytes, unit: int, link: PymodbusWire) -> int:
    """Stray octets before a frame of another unit, if answers of another unit are accepted. If not: 0, and the frame is noted."""
    at = next((at for at in range(len(data)) if _frame_end(data, at)), 0)
    if not _frame_end(data, at) or data[at] == unit:
        return 0
    if link.takes("other_unit"):
        return at
    link.note(f"an answer of unit {data[at]}, not {unit}{hint('other_unit')}")
    return 0


def _of_unit(data: bytes, unit: int, link: PymodbusWire) -> bytes:
    """The data, with a leading frame of another unit rewritten to this unit if such answers are accepted: pymodbus checks the unit."""
    end = _frame_end(data, 0)
    if not end or data[0] == unit or not link.takes("other_unit"):
        return data
    body = bytes([unit]) + data[1 : end - 2]
    return body + FramerRTU.compute_CRC(body).to_bytes(2) + data[end:]
