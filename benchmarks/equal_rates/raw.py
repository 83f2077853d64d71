"""The cheapest possible agent, as a lower bound: gufo_snmp and a small publisher, without plan, scales, outbox or checks.

`python -m benchmarks.equal_rates.raw BROKER_PORT SNMP_PORT DEVICES` asks each device once a second, writes its answers as JSON, and counts
a poll when the broker has confirmed it. It prints its polls and failures each second.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import cast

import uvloop
from gufo.snmp.aio import SnmpSession

from benchmarks import mqtt_frames
from benchmarks.equal_rates.device import OIDS

# How long packets are collected before they are sent together. A chosen value: longer saves system calls and delays messages.
_JOIN_S = 0.002


class Publisher(asyncio.Protocol):
    """MQTT 5 at QoS 1: packets of 2 ms are sent together, confirmations are counted."""

    def __init__(self) -> None:
        self.confirmed = 0
        self._packet_id = 0
        self._packets: list[bytes] = []
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send CONNECT. Its answer is not awaited: mosquitto handles what follows in order."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are no subclass of asyncio's
        self._transport.write(mqtt_frames.connect("raw"))

    def publish(self, topic: str, payload: bytes) -> None:
        """Send with the packets of the next 2 ms."""
        self._packet_id = self._packet_id % mqtt_frames.MAX_PACKET_ID + 1
        self._packets.append(mqtt_frames.publish(topic, self._packet_id, payload))
        if len(self._packets) == 1:
            asyncio.get_running_loop().call_later(_JOIN_S, self._send)

    def _send(self) -> None:
        assert self._transport is not None
        self._transport.write(b"".join(self._packets))
        self._packets.clear()

    def data_received(self, data: bytes) -> None:
        """Count PUBACKs."""
        self._received += data
        at = 0
        while (packet := mqtt_frames.first_packet(self._received, at)) is not None:
            first_octet, _, at = packet
            if first_octet >> 4 == mqtt_frames.PUBACK:
                self.confirmed += 1
        del self._received[:at]


class Poller:
    """All devices, one request at a time for each."""

    def __init__(self, publisher: Publisher, port: int) -> None:
        self.failures = 0
        self._publisher = publisher
        self._port = port

    async def poll(self, device: int, offset_s: float) -> None:
        """One device."""
        async with SnmpSession("127.0.0.1", self._port, community="public", timeout=2.0) as session:
            await self.ask_for_ever(device, offset_s, lambda: session.get_many(OIDS))

    async def ask_for_ever(self, device: int, offset_s: float, ask: Callable[[], Awaitable[object]]) -> None:
        """Ask it once a second, and publish each answer."""
        topic = f"raw/d{device:04}"
        due_s = time.monotonic() + offset_s
        while True:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            due_s += 1.0
            try:
                answer = await ask()
            except (TimeoutError, OSError):
                self.failures += 1
                continue
            self._publisher.publish(topic, json.dumps({"time": time.time(), "values": answer}).encode())


async def main(kind: type[Poller]) -> None:
    """Poll until it is ended."""
    broker, port, devices = map(int, sys.argv[1:])
    _, publisher = await asyncio.get_running_loop().create_connection(Publisher, "127.0.0.1", broker)
    poller = kind(publisher, port)
    tasks = [asyncio.ensure_future(poller.poll(at, at / devices)) for at in range(devices)]
    while not any(task.done() for task in tasks):
        await asyncio.sleep(1.0)
        print(json.dumps({"polls": publisher.confirmed, "failures": poller.failures}), flush=True)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    uvloop.run(main(Poller))
