"""The least that could be done: gufo_snmp and a publisher of 60 lines, no plan, no scales, no outbox, nothing refused.

`python -m benchmarks.equal_rates.raw BROKER_PORT SNMP_PORT DEVICES` asks each device once a second, writes its answers as JSON, and counts
a poll when the broker has confirmed it. It prints its polls and failures each second.
"""

import asyncio
import json
import struct
import sys
import time
from typing import cast

import uvloop
from gufo.snmp.aio import SnmpSession

from benchmarks.equal_rates.device import OIDS

# How long frames are collected before they are sent together. A chosen value: longer saves system calls and delays messages.
_JOIN_S = 0.002
_PUBACK = 0x40


def _length(size: int) -> bytes:
    """A variable byte integer (MQTT 5, 1.5.5)."""
    octets = bytearray()
    while True:
        size, octet = divmod(size, 128)
        octets.append(octet | (0x80 if size else 0))
        if not size:
            return bytes(octets)


class Publisher(asyncio.Protocol):
    """MQTT 5 at QoS 1: frames joined for 2 ms, confirmations counted."""

    def __init__(self) -> None:
        self.confirmed = 0
        self._number = 0
        self._frames: list[bytes] = []
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say CONNECT."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is none of asyncio's
        body = b"\x00\x04MQTT\x05\x02\x00\x3c\x00" + struct.pack("!H", 3) + b"raw"
        self._transport.write(b"\x10" + _length(len(body)) + body)

    def publish(self, topic: bytes, payload: bytes) -> None:
        """Send with the next frames."""
        self._number = self._number % 65535 + 1
        body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", self._number) + b"\x00" + payload
        self._frames.append(b"\x32" + _length(len(body)) + body)
        if len(self._frames) == 1:
            asyncio.get_running_loop().call_later(_JOIN_S, self._send)

    def _send(self) -> None:
        assert self._transport is not None
        self._transport.write(b"".join(self._frames))
        self._frames.clear()

    def data_received(self, data: bytes) -> None:
        """Frames of the broker are shorter than 128 octets, so their length is one octet."""
        self._received += data
        at = 0
        while len(self._received) >= at + 2 and len(self._received) >= at + 2 + self._received[at + 1]:
            self.confirmed += self._received[at] == _PUBACK
            at += 2 + self._received[at + 1]
        self._received = self._received[at:]


class Poller:
    """All devices, one request at a time for each."""

    def __init__(self, publisher: Publisher, port: int) -> None:
        self.failures = 0
        self._publisher = publisher
        self._port = port

    async def poll(self, name: str, offset_s: float) -> None:
        """One device, once a second."""
        topic = f"raw/{name}".encode()
        due_s = time.monotonic() + offset_s
        async with SnmpSession("127.0.0.1", self._port, community="public", timeout=2.0) as session:
            while True:
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))
                due_s += 1.0
                try:
                    answer = await session.get_many(OIDS)
                except (TimeoutError, OSError):
                    self.failures += 1
                    continue
                self._publisher.publish(topic, json.dumps({"time": time.time(), "values": answer}).encode())


async def main() -> None:
    """Poll until it is ended."""
    broker, port, devices = map(int, sys.argv[1:])
    _, publisher = await asyncio.get_running_loop().create_connection(Publisher, "127.0.0.1", broker)
    poller = Poller(publisher, port)
    tasks = [asyncio.ensure_future(poller.poll(f"d{at:04}", at / devices)) for at in range(devices)]
    while not any(task.done() for task in tasks):
        await asyncio.sleep(1.0)
        print(json.dumps({"polls": publisher.confirmed, "failures": poller.failures}), flush=True)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    uvloop.run(main())
