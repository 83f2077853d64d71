"""Shared by the tests of the Modbus seam: targets, a correct server, answers made byte by byte, and errors that must come in time."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from pymodbus import FramerType
from pymodbus.framer import FramerRTU
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from agent.modbus.client import ModbusLink
from agent.modbus.seam import ModbusTarget, OddAnswer
from rackflow.errors import DeviceError, DeviceProtocolError, DeviceTimeout, DeviceUnreachable
from tests.agent.faulty_peers import Reply
from tests.servers.ports import free_port

TIMEOUT_S = 0.5
SLACK_S = 20.0
"""Seconds that a loaded machine may add to a deadline, which then ends all the same: that is what the bound is for."""


def target_of(
    port: int, transport: Literal["tcp", "rtu-over-tcp"] = "tcp", pause_s: float = 0.0, accepts: OddAnswer | None = None
) -> ModbusTarget:
    taken = frozenset({accepts} if accepts else ())
    return ModbusTarget(transport, "127.0.0.1", port, timeout_s=TIMEOUT_S, pause_s=pause_s, accepts=taken)


@asynccontextmanager
async def connected(target: ModbusTarget) -> AsyncIterator[ModbusLink]:
    client = ModbusLink(target)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def fails(kind: type[DeviceError], text: str = "", allowed_s: float = TIMEOUT_S) -> AsyncIterator[None]:
    """The block raises this error within this time."""
    started = time.monotonic()
    with pytest.raises(kind, match=text or None) as caught:
        yield
    assert type(caught.value) is kind
    assert time.monotonic() - started < allowed_s + SLACK_S


def answer(
    frame: bytes, *values: int, unit: int | None = None, function: int | None = None, tid: int | None = None
) -> bytes:
    """A Modbus TCP answer with registers."""
    pdu = bytes([frame[7] if function is None else function, 2 * len(values)])
    pdu += b"".join(value.to_bytes(2, "big") for value in values)
    head = frame[:2] if tid is None else tid.to_bytes(2, "big")
    return (
        head + b"\x00\x00" + (len(pdu) + 1).to_bytes(2, "big") + (frame[6:7] if unit is None else bytes([unit])) + pdu
    )


def rtu_answer(frame: bytes, *values: int) -> bytes:
    """A Modbus RTU answer with registers."""
    body = frame[:2] + bytes([2 * len(values)]) + b"".join(value.to_bytes(2, "big") for value in values)
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


@asynccontextmanager
async def good_server(framer: FramerType) -> AsyncIterator[int]:
    """Units 1 and 2; coils and discrete inputs 0-19, holding 0-9, input 0-9."""
    port = free_port()

    def unit(number: int) -> SimDevice:
        bits = [at % 3 == 0 for at in range(32)]
        return SimDevice(
            number,
            simdata=(
                [SimData(0, values=bits, datatype=DataType.BITS)],
                [SimData(0, values=[not bit for bit in bits], datatype=DataType.BITS)],
                [SimData(0, values=[number * 100 + at for at in range(10)], datatype=DataType.REGISTERS)],
                [SimData(0, values=[number * 1000 + at for at in range(10)], datatype=DataType.REGISTERS)],
            ),
        )

    server = ModbusTcpServer([unit(1), unit(2)], framer=framer, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield port
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


MODBUS_FAULTS: dict[str, tuple[Reply, type[DeviceError], str]] = {
    "exception": (
        lambda frame: [frame[:4] + b"\x00\x03" + frame[6:7] + b"\x83\x0b"],
        DeviceProtocolError,
        "exception 11",
    ),
    "unknown exception": (
        lambda frame: [frame[:4] + b"\x00\x03" + frame[6:7] + b"\x83\x63"],
        DeviceProtocolError,
        "99",
    ),
    "fewer registers": (lambda frame: [answer(frame, 1)], DeviceProtocolError, "sent 1 value instead of 2"),
    "more registers": (lambda frame: [answer(frame, 1, 2, 3)], DeviceProtocolError, "sent 3 values instead of 2"),
    "silence": (lambda _: [], DeviceTimeout, "no answer"),
    "wrong transaction": (
        lambda frame: [answer(frame, 1, 2, tid=999)],
        DeviceTimeout,
        "no answer in 0.5 s; instead came an answer with transaction number 999, not",
    ),
    "wrong unit": (lambda frame: [answer(frame, 1, 2, unit=9, tid=0)], DeviceTimeout, "no answer"),
    "other function": (lambda frame: [answer(frame, 1, 2, function=4)], DeviceProtocolError, "function 4"),
    "unknown function": (lambda frame: [answer(frame, 1, 2, function=0x60)], DeviceProtocolError, ""),
    "half an answer": (lambda frame: [answer(frame, 1, 2)[:9]], DeviceProtocolError, "9 bytes"),
    "garbage": (lambda _: [b"HTTP/1.1 400 Bad Request\r\n\r\n"], DeviceProtocolError, "bytes"),
    "hangs up": (lambda _: [None], DeviceUnreachable, "closed the connection before it answered"),
    "hangs up in mid-answer": (
        lambda frame: [answer(frame, 1, 2)[:9], None],
        DeviceUnreachable,
        "closed the connection before it answered",
    ),
    "lies about its length": (lambda frame: [frame[:4] + b"\xff\xff" + frame[6:]], DeviceProtocolError, "bytes"),
}
"""What a device does instead of answering, the error that this must raise, and words of its message."""
