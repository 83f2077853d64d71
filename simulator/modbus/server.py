"""A Modbus TCP server that answers for simulated units. It is read-only: every write is refused.

pymodbus does framing and decoding; this module takes the place of its data store.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.exceptions import NoSuchIdException
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from rackflow.recording import RegisterTable
from simulator.models import IllegalAddress, RegisterSource

Framing = Literal["tcp", "rtu"]

_FRAMERS: Final = {"tcp": FramerType.SOCKET, "rtu": FramerType.RTU}
_TABLES: Final[dict[int, RegisterTable]] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_BITS: Final = ("coil", "discrete")


class ModbusServer:
    """Units on one TCP port; port 0 takes a free one. `framer="rtu"` is serial framing carried over TCP.

    Requests for an unknown unit get exception 11 (gateway target device failed to respond), as from a gateway. While `mute` is
    true nothing is answered at all; `delay_s` is how long each read waits before it is answered.
    """

    def __init__(
        self, units: Mapping[int, RegisterSource], host: str = "127.0.0.1", port: int = 0, framer: Framing = "tcp"
    ) -> None:
        self.host = host
        self.port = port
        self.mute = False
        self.delay_s = 0.0
        self.requests = 0
        self._units = dict(units)
        self._framer = _FRAMERS[framer]
        self._server: _Server | None = None

    async def start(self) -> int:
        """Start to serve; returns the port. Raises OSError if the address cannot be used."""
        # pymodbus 3.16.1 insists on a device of its own simulator, which holds fixed values. It is replaced below, before the
        # server listens, by this object: its registers are computed for each request.
        placeholder = SimDevice(id=1, simdata=[SimData(0, datatype=DataType.REGISTERS)])
        server = _Server(
            placeholder,
            framer=self._framer,
            address=(self.host, self.port),
            ignore_missing_devices=True,  # makes pymodbus answer nothing to a NoSuchIdException, instead of an exception response
            custom_pdu=[_Identify],
        )
        server.context = self  # type: ignore[assignment]  # it calls device_ids, async_getValues and async_setValues only
        await server.serve_forever(background=True)
        self._server = server
        self.port = server.bound_port
        return self.port

    async def stop(self) -> None:
        """Close every connection and free the port; `start` takes the same one again."""
        if self._server:
            server, self._server = self._server, None
            await server.shutdown()  # type: ignore[no-untyped-call]

    def device_ids(self) -> list[int]:
        """Unit numbers. Called by pymodbus."""
        return list(self._units)

    async def async_getValues(  # noqa: N802 - pymodbus's name
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        """Registers or bits, or the exception code of a refusal. Called by pymodbus for every read."""
        self.requests += 1
        if self.delay_s > 0:
            await asyncio.sleep(self.delay_s)
        # Checked after the delay: a device that loses power while a request waits does not answer it. Raising is the only way to
        # make pymodbus answer nothing (`ignore_missing_devices`).
        if self.mute:
            raise NoSuchIdException("mute")
        unit, table = self._units.get(device_id), _TABLES.get(func_code)
        if unit is None:
            return ExcCodes.GATEWAY_NO_RESPONSE
        if table is None:
            return ExcCodes.ILLEGAL_FUNCTION
        try:
            values = unit.read(table, address, count)
        except IllegalAddress:
            return ExcCodes.ILLEGAL_ADDRESS
        return [bool(value) for value in values] if table in _BITS else values

    async def async_setValues(  # noqa: N802 - pymodbus's name
        self,
        device_id: int,
        func_code: int,  # noqa: ARG002 - pymodbus's signature
        address: int,  # noqa: ARG002
        values: Sequence[int] | Sequence[bool],  # noqa: ARG002
    ) -> ExcCodes:
        """The exception code of the refusal. Called by pymodbus for every write."""
        self.requests += 1
        if self.mute:
            raise NoSuchIdException("mute")
        return ExcCodes.ILLEGAL_FUNCTION if device_id in self._units else ExcCodes.GATEWAY_NO_RESPONSE


class _Identify(ModbusPDU):
    """Refuses Read Device Identification (function 43).

    None of the simulated devices supports it. Without this PDU pymodbus 3.16.1 answers for every unit with one
    identity for the whole process (https://github.com/pymodbus-dev/pymodbus/issues/1058), and discovery would find the same
    product everywhere.
    """

    function_code = 0x2B

    def decode(self, data: bytes) -> None:
        """Ignore the content: the function itself is refused. Called by pymodbus."""

    async def datastore_update(self, context: ModbusServer, device_id: int) -> ModbusPDU:  # type: ignore[override]
        """The refusal. Called by pymodbus."""
        refusal = await context.async_setValues(device_id, self.function_code, 0, [])
        return ExceptionResponse(self.function_code, refusal)


class _Server(ModbusTcpServer):
    """A server that raises the OSError of a port that cannot be used.

    pymodbus 3.16.1 only logs it and goes on, so that a taken port would go unnoticed:
    https://github.com/pymodbus-dev/pymodbus/issues/2693.
    """

    bound_port = 0

    async def listen(self) -> bool:
        """Listen, like `ModbusProtocol.listen`, but let the OSError through and keep the port that was bound."""
        self.is_closing = False
        self.is_listener = True
        listening = await self.call_create()
        self.transport = listening
        self.bound_port = listening.sockets[0].getsockname()[1]
        return True
