"""Modbus: in go unit, table, address and count, out come registers or bits, over pymodbus; one request at a time per link."""

import asyncio
import logging
from collections.abc import Callable

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ConnectionException
from pymodbus.pdu import ModbusPDU

from agent.seams import ModbusTarget, RegisterTable
from rackflow.errors import DeviceError, DeviceProtocolError, DeviceTimeout, DeviceUnreachable

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
    "coil": "read_coils",
    "discrete": "read_discrete_inputs",
    "input": "read_input_registers",
    "holding": "read_holding_registers",
}


def _quiet_library() -> None:
    """Pymodbus logs every timeout as an error; here a timeout is a value, told once by whoever watches the device."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class PymodbusClient:
    """A `ModbusClient` on one link; its users take turns."""

    def __init__(self, target: ModbusTarget) -> None:
        _quiet_library()
        self._target = target
        self._lock = asyncio.Lock()
        self._client: ModbusBaseClient | None = None
        self._name = target.serial or f"{target.host}:{target.port}"

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `ModbusClient.read`."""
        operation = f"read unit {unit} {table} {address}+{count}"
        async with self._lock:
            try:
                async with asyncio.timeout(self._target.timeout_s):
                    client = await self._connected(operation)
                    answer: ModbusPDU = await getattr(client, _READS[table])(address, count=count, device_id=unit)
            except TimeoutError as error:
                self._after_silence()
                raise self._error(DeviceTimeout, f"no answer in {self._target.timeout_s:g} s", operation) from error
            except asyncio.CancelledError:
                self._drop()  # whatever answer is still under way belongs to nobody
                raise
            except ConnectionException as error:
                self._drop()
                raise self._error(DeviceUnreachable, str(error), operation) from error
            except ModbusException as error:
                self._drop()
                raise self._error(DeviceProtocolError, str(error), operation) from error
            except OSError as error:
                self._drop()
                raise self._error(DeviceUnreachable, str(error), operation) from error
            if self._target.pause_s:
                await asyncio.sleep(self._target.pause_s)
        return self._values(answer, table, count, operation)

    async def close(self) -> None:
        """See `ModbusClient.close`."""
        self._drop()

    async def _connected(self, operation: str) -> ModbusBaseClient:
        if self._client is not None and self._client.connected:
            return self._client
        self._drop()
        client = _make_client(self._target)
        self._client = client
        if not await client.connect():
            raise self._error(DeviceUnreachable, "cannot connect", operation)
        return client

    def _after_silence(self) -> None:
        # Over TCP a late answer carries its transaction's number and is told from the next one. An RTU frame carries
        # none, so there the link starts afresh.
        if self._target.transport != "tcp":
            self._drop()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _values(self, answer: ModbusPDU, table: RegisterTable, count: int, operation: str) -> list[int]:
        if answer.isError():
            code = answer.exception_code
            raise self._error(DeviceProtocolError, f"exception {code}, {_EXCEPTIONS.get(code, 'unknown')}", operation)
        values = [int(bit) for bit in answer.bits[:count]] if table in {"coil", "discrete"} else list(answer.registers)
        if len(values) != count:
            raise self._error(DeviceProtocolError, f"{len(values)} values came instead of {count}", operation)
        return values

    def _error(self, kind: type[DeviceError], text: str, operation: str) -> DeviceError:
        return kind(text, device=self._name, operation=operation)


def _make_client(target: ModbusTarget) -> ModbusBaseClient:
    """A client that neither retries nor reconnects by itself: deadlines and back-off are the scheduler's."""
    # The library's own timeout is only a backstop behind the caller's.
    backstop_s = target.timeout_s + 1.0
    if target.transport == "serial":
        return AsyncModbusSerialClient(
            target.serial,
            framer=FramerType.RTU,
            baudrate=target.baudrate,
            parity=target.parity,
            stopbits=target.stopbits,
            timeout=backstop_s,
            retries=0,
            reconnect_delay=0,
        )
    framer = FramerType.SOCKET if target.transport == "tcp" else FramerType.RTU
    return AsyncModbusTcpClient(
        target.host, port=target.port, framer=framer, timeout=backstop_s, retries=0, reconnect_delay=0
    )


class SharedClient:
    """One user's hold on a shared link; closing it gives the hold back, once."""

    def __init__(self, client: PymodbusClient, release: Callable[[], bool]) -> None:
        self._client = client
        self._release = release
        self._held = True

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        """See `ModbusClient.read`."""
        return await self._client.read(unit, table, address, count)

    async def close(self) -> None:
        """The link closes with its last user."""
        if self._held:
            self._held = False
            if self._release():
                await self._client.close()


class ModbusLinks:
    """One connection per host and port, or serial port, shared by the units behind it: gateways take few connections."""

    def __init__(self) -> None:
        self._links: dict[tuple[str, int], tuple[PymodbusClient, int]] = {}

    def acquire(self, target: ModbusTarget) -> SharedClient:
        """A hold on the link to that place; the first user's settings count."""
        place = (target.serial, 0) if target.transport == "serial" else (target.host, target.port)
        client, users = self._links.get(place) or (PymodbusClient(target), 0)
        self._links[place] = (client, users + 1)

        def release() -> bool:
            held, left = self._links[place]
            if left > 1:
                self._links[place] = (held, left - 1)
                return False
            del self._links[place]
            return True

        return SharedClient(client, release)
