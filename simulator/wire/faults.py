"""Faults between a device and its poller: a server that is silent, slow, or answers with errors."""

import logging
from typing import Final

from rackflow.errors import ConfigError
from simulator.modbus import ModbusServer
from simulator.snmp import SnmpDevice
from simulator.wire.fleet import Fleet, SimulatedDevice
from simulator.world.faults import Fault

log = logging.getLogger(__name__)
SLOW_S: Final = 1.5


class WireFaults:
    """Lets devices of a fleet reboot, be silent or slow, lie about their tables, and move to another address."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    def check(self, fault: Fault) -> None:
        """Raises ConfigError where there is no such device, or where it cannot fail like that."""
        device = self.fleet.devices.get(fault.target)
        if device is None:
            raise ConfigError(f"{fault.fault}: {fault.target!r} is no device on the network; correct the name")
        if fault.fault == "lying_table" and isinstance(device.server, ModbusServer):
            raise ConfigError(f"lying_table: {fault.target!r} speaks Modbus, which has no tables; take an SNMP device")

    async def begin(self, fault: Fault) -> None:
        """Let it happen. Raises ConfigError, and OSError where a new address cannot be used."""
        self.check(fault)
        device = self.fleet.devices[fault.target]
        if fault.fault == "timeout":
            device.silenced = True
        elif fault.fault == "slow":
            device.server.delay_s = fault.number(SLOW_S)
        elif fault.fault == "lying_table" and isinstance(device.server, SnmpDevice):
            device.server.objects.circular = True
        elif fault.fault == "reboot":
            await self._reboot(device, fault)
        elif fault.fault == "address_change":
            await self._move(device)
        self.fleet.follow_power()

    async def end(self, fault: Fault) -> None:
        """Mend it; a device that has moved stays where it is."""
        device = self.fleet.devices[fault.target]
        if fault.fault in {"timeout", "reboot"}:
            device.silenced = False
        elif fault.fault == "slow":
            device.server.delay_s = 0.0
        elif fault.fault == "lying_table" and isinstance(device.server, SnmpDevice):
            device.server.objects.circular = False
        self.fleet.follow_power()

    async def _reboot(self, device: SimulatedDevice, fault: Fault) -> None:
        """With `for_s` it is silent for as long; engine boots, engine time and sysUpTime start anew."""
        if isinstance(device.server, SnmpDevice):
            device.server.reboot()
        else:
            await device.server.stop()
            await device.server.start()
        device.silenced = fault.for_s is not None

    async def _move(self, device: SimulatedDevice) -> None:
        """As after a new lease: the old address is dead, a new one answers."""
        before = device.server.port
        await device.server.stop()
        device.server.port = 0
        await device.server.start()
        log.info("device=%s moved from port %d to %d", device.id, before, device.server.port)
