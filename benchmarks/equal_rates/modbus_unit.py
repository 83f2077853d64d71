"""The Modbus unit that all sides poll, under as many addresses as there are devices: `python -m benchmarks.equal_rates.modbus_unit 500`.

It serves 30 holding registers to whoever asks, and prints its port as JSON. It is no simulated device of the project: on two cores, its
work is taken from the sides that are compared, so it does as little as possible.
"""

import asyncio
import json
import struct
import sys
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.equal_rates.device import save_profile, temperatures

PROFILE = "bench-modbus"
REGISTERS = 30
"""Each is a temperature in tenths of a degree."""
_HEAD = struct.Struct(">HHHBBHH")
"""Transaction, protocol, length, unit, function, first register, count (Modbus Messaging on TCP/IP 1.0b, 3.1.3)."""
_VALUES = [200 + at for at in range(REGISTERS)]


def address(device: int) -> str:
    """On loopback; one each, because one host and port is one unit behind one connection."""
    return f"127.0.{1 + device // 250}.{1 + device % 250}"


def write_profile(folder: Path) -> Path:
    """The profile; returns the folder that it is in."""
    return save_profile(
        folder,
        PROFILE,
        "a gateway with 30 temperature sensors",
        {
            "class": "env",
            "protocol": "modbus",
            "modbus": {"table": "holding", "unit": 1},
            "points": temperatures([{"register": at, "type": "int16"} for at in range(REGISTERS)]),
        },
    )


class Unit(asyncio.Protocol):
    """One connection. Every request is taken for a read of holding registers."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass of asyncio's

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._received += data
        while len(self._received) >= _HEAD.size:
            number, _, _, unit, function, first, count = _HEAD.unpack_from(self._received)
            self._received = self._received[_HEAD.size :]
            values = struct.pack(f">{count}H", *_VALUES[first : first + count])
            head = struct.pack(">HHHBBB", number, 0, 3 + len(values), unit, function, len(values))
            assert self._transport is not None
            self._transport.write(head + values)


async def serve(devices: int) -> None:
    """Serve until the standard input closes."""
    hosts = [address(at) for at in range(devices)]
    loop = asyncio.get_running_loop()
    first = await loop.create_server(Unit, hosts[0], 0, backlog=devices)
    port = first.sockets[0].getsockname()[1]
    servers = [first, *[await loop.create_server(Unit, host, port) for host in hosts[1:]]]
    print(json.dumps(port), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for each in servers:
        each.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
