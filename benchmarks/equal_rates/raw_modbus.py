"""The cheapest possible agent over pymodbus, as a lower bound: its client and a small publisher, without plan, scales, outbox or checks.

`python -m benchmarks.equal_rates.raw_modbus BROKER_PORT MODBUS_PORT DEVICES` is what `raw` is for SNMP, and prints the same.
"""

import uvloop
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException

from benchmarks.equal_rates.modbus_unit import REGISTERS, address
from benchmarks.equal_rates.raw import Poller, main


class ModbusPoller(Poller):
    """All units, each over a connection of its own."""

    async def poll(self, device: int, offset_s: float) -> None:
        """See `Poller.poll`."""
        client = AsyncModbusTcpClient(address(device), port=self._port, timeout=2.0, retries=0)
        await client.connect()

        async def ask() -> object:
            try:
                return (await client.read_holding_registers(0, count=REGISTERS)).registers
            except ModbusException as error:
                raise TimeoutError from error

        await self.ask_for_ever(device, offset_s, ask)


if __name__ == "__main__":
    uvloop.run(main(ModbusPoller))
