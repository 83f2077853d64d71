"""Simulated Modbus devices, asked by mbpoll: registers come back, and what is not there or not allowed is refused."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient

from rackflow.register_tables import RegisterTable
from simulator.modbus.server import ModbusServer
from simulator.models.registers import IllegalAddress, MappedRegisters, RegisterSource, scaled, text, words
from tests.simulator.snmp.netsnmp import run


def _fixed(registers: Mapping[int, int], *, zeros: bool = False) -> MappedRegisters:
    return MappedRegisters(lambda: registers, zeros=zeros)


class _Bits:
    """Every other coil is on."""

    def read(self, table: RegisterTable, address: int, count: int) -> list[int]:
        if table != "coil":
            raise IllegalAddress(table)
        return [at % 2 for at in range(address, address + count)]


@asynccontextmanager
async def serving(server: ModbusServer) -> AsyncIterator[int]:
    port = await server.start()
    try:
        yield port
    finally:
        await server.stop()


async def mbpoll(
    port: int, unit: int, address: int, count: int = 1, *, table: int = 4, write: str = "", wait_s: int = 10
) -> dict[int, int] | str:
    """Registers by wire address, or the error that mbpoll reports. Table 0: coils, 3: input registers, 4: holding registers."""
    extent = [] if write else ["-c", str(count)]
    at = ["-m", "tcp", "-p", str(port), "-a", str(unit), "-t", str(table), "-r", str(address), "-0", "-1"]
    at += ["-o", str(wait_s)]
    status, out, err = await run("mbpoll", *at, *extent, "127.0.0.1", *([write] if write else []))
    return (
        err
        if status
        else {int(where): int(value) for where, value in re.findall(r"^\[(\d+)\]:\s+(-?\d+)", out, re.MULTILINE)}
    )


async def test_registers_of_several_units_come_back() -> None:
    units: dict[int, RegisterSource] = {12: _fixed({36864: 1500, 36865: scaled(-1.5, 0.1)}), 1: _fixed({0: 7})}
    async with serving(ModbusServer(units)) as port:
        assert await mbpoll(port, 12, 36864, 2) == {36864: 1500, 36865: 0x10000 - 15}
        assert await mbpoll(port, 1, 0) == {0: 7}


@pytest.mark.parametrize(
    ("unit", "address", "count", "table", "complaint"),
    [
        (12, 10, 2, 4, "Illegal data address"),
        (12, 65535, 1, 4, "Illegal data address"),
        (12, 9, 1, 3, "Illegal data address"),
        (13, 9, 1, 4, "Target device failed to respond"),
    ],
)
async def test_what_is_not_there_is_refused(unit: int, address: int, count: int, table: int, complaint: str) -> None:
    async with serving(ModbusServer({12: _fixed({9: 1, 10: 2})})) as port:
        assert complaint in str(await mbpoll(port, unit, address, count, table=table))


async def test_undefined_registers_read_as_zero_where_a_device_does_so() -> None:
    async with serving(ModbusServer({12: _fixed({9: 1, 12: 2}, zeros=True)})) as port:
        assert await mbpoll(port, 12, 8, 6) == {8: 0, 9: 1, 10: 0, 11: 0, 12: 2, 13: 0}
        assert "Illegal data address" in str(await mbpoll(port, 12, 100, 3))


async def test_nothing_can_be_written() -> None:
    async with serving(ModbusServer({12: _fixed({9: 1})})) as port:
        assert "Illegal function" in str(await mbpoll(port, 12, 9, write="5"))
        assert await mbpoll(port, 12, 9) == {9: 1}


async def test_coils_are_served_as_bits() -> None:
    async with serving(ModbusServer({3: _Bits()})) as port:
        assert await mbpoll(port, 3, 4, 3, table=0) == {4: 0, 5: 1, 6: 0}


async def test_a_mute_server_says_nothing_and_then_goes_on() -> None:
    server = ModbusServer({12: _fixed({9: 1})})
    async with serving(server) as port:
        server.mute = True
        assert "timed out" in str(await mbpoll(port, 12, 9, wait_s=1))
        server.mute = False
        assert await mbpoll(port, 12, 9) == {9: 1}
        assert server.requests == 2


async def test_serial_framing_goes_over_tcp() -> None:
    async with serving(ModbusServer({12: _fixed({9: 1, 10: 2})}, framer="rtu")) as port:
        client = AsyncModbusTcpClient("127.0.0.1", port=port, framer=FramerType.RTU, timeout=60, retries=0)
        await client.connect()
        try:
            assert (await client.read_holding_registers(9, count=2, device_id=12)).registers == [1, 2]
            assert (await client.read_holding_registers(11, count=1, device_id=12)).exception_code == 2
        finally:
            client.close()


async def test_a_stopped_server_frees_its_port_and_takes_it_again() -> None:
    server = ModbusServer({12: _fixed({9: 1})})
    async with serving(server) as port:
        with pytest.raises(OSError, match="in use"):
            await ModbusServer({}, port=port).start()
    async with serving(server) as again:
        assert again == port
        assert await mbpoll(port, 12, 9) == {9: 1}


def test_registers_hold_what_is_packed_into_them() -> None:
    assert [scaled(32.14, 0.1), scaled(-0.26, 0.1), scaled(9e9), scaled(-9e9), scaled(float("nan"))] == [
        321,
        0xFFFD,
        0xFFFF,
        0x8000,
        0xFFFF,
    ]
    assert words("f", 50.0) == [0x4248, 0]
    assert words("q", 184_000_000) == [0, 0, 0x0AF7, 0x9E00]
    assert text("iEM3255", 5) == [0x6945, 0x4D33, 0x3235, 0x3500, 0]
