"""The cheapest possible agent over pymodbus, as a lower bound: its client and a small publisher, without plan, scales, outbox or checks.

`python -m benchmarks.equal_rates.raw_modbus BROKER_PORT MODBUS_PORT DEVICES` is what `raw` is for SNMP, and prints the same.
"""

import asyncio
import json
import sys
import time

import uvloop
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from benchmarks.equal_rates.modbus_unit import REGISTERS, address
from benchmarks.equal_rates.raw import Publisher


class Poller:
    """All devices, each over a connection of its own."""

    def __init__(self, publisher: Publisher, port: int) -> None:
        self.failures = 0
        self._publisher = publisher
        self._port = port

    async def poll(self, device: int, offset_s: float) -> None:
        """One device, once a second."""
        topic = f"raw/d{device:04}"
        client = AsyncModbusTcpClient(address(device), port=self._port, timeout=2.0, retries=0)
        await client.connect()
        due_s = time.monotonic() + offset_s
        while True:
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            due_s += 1.0
            try:
                answer = await client.read_holding_registers(0, count=REGISTERS)
            except ModbusException:
                self.failures += 1
                continue
            self._publisher.publish(topic, json.dumps({"time": time.time(), "values": answer.registers}).encode())


async def main() -> None:
    """Poll until it is ended."""
    broker, port, devices = map(int, sys.argv[1:])
    _, publisher = await asyncio.get_running_loop().create_connection(Publisher, "127.0.0.1", broker)
    poller = Poller(publisher, port)
    tasks = [asyncio.ensure_future(poller.poll(at, at / devices)) for at in range(devices)]
    while not any(task.done() for task in tasks):
        await asyncio.sleep(1.0)
        print(json.dumps({"polls": publisher.confirmed, "failures": poller.failures}), flush=True)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    uvloop.run(main())
