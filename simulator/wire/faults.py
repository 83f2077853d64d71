"""Faults between a device and its poller: a server that is silent, slow, or answers with errors."""

import logging
from typing import Final

from rackflow.errors import ConfigError
from simulator.modbus import ModbusServer
from simulator.snmp import SnmpDevice
from simulator.wire.fleet import Fleet, SimulatedDevice
from simulator.world.faults import Fault

log = logging.getLogger(__name__)
# Default delay of a slow device. Between the agent's default timeouts of 1 s (Modbus) and 2 s (SNMP): an SNMP device is late but
# answers, a Modbus device answers too late.
SLOW_S: Final = 1.5


class WireFaults:
    """Makes devices of a fleet reboot, stay silent, answer late, serve endless tables, or move to another port."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    def check(self, fault: Fault) -> None:
        """Raises ConfigError if there is no such device, or if the fault does not exist for its protocol."""
        device = self.fleet.devices.get(fault.target)
        if device is None:
            raise ConfigError(
                f"{fault.fault}: the site has no device {fault.target!r} on the network; correct the name"
            )
        if fault.fault == "lying_table" and isinstance(device.server, ModbusServer):
            raise ConfigError(
                f"lying_table: device {fault.target!r} speaks Modbus, which has no tables; name an SNMP device"
            )

    async def begin(self, fault: Fault) -> None:
        """Begin a fault. Raises ConfigError, and OSError if a new port cannot be used."""
        self.check(fault)
        device = self.fleet.devices[fault.target]
        if fault.fault == "reboot":
            await self._reboot(device)
        elif fault.fault == "address_change":
            await self._move(device)
        self.keep(fault)

    def keep(self, fault: Fault) -> None:
        """Make the device what it is during this fault; again, if another fault of it has ended, which may have undone that."""
        device = self.fleet.devices[fault.target]
        if fault.fault == "timeout" or (fault.fault == "reboot" and fault.for_s is not None):
            device.silenced = True
        elif fault.fault == "slow":
            device.server.delay_s = fault.number(SLOW_S)
        elif fault.fault == "lying_table" and isinstance(device.server, SnmpDevice):
            device.server.objects.circular = True
        self.fleet.follow_power()

    async def end(self, fault: Fault) -> None:
        """End a fault, and others of the same effect, too (`keep`). A device that has moved stays at its new port, as after a new lease."""
        device = self.fleet.devices[fault.target]
        if fault.fault in {"timeout", "reboot"}:
            device.silenced = False
        elif fault.fault == "slow":
            device.server.delay_s = 0.0
        elif fault.fault == "lying_table" and isinstance(device.server, SnmpDevice):
            device.server.objects.circular = False
        self.fleet.follow_power()

    async def _reboot(self, device: SimulatedDevice) -> None:
        """Restart a device: engine boots rise by one, engine time and sysUpTime restart. With `for_s` it then stays silent (`keep`)."""
        if isinstance(device.server, SnmpDevice):
            device.server.reboot()
        else:
            # A Modbus client sees a reboot only as closed connections.
            await device.server.stop()
            await device.server.start()

    async def _move(self, device: SimulatedDevice) -> None:
        """Move a device to a free port, as after a new DHCP lease: the old address no longer answers."""
        # The old port is freed first and not used again: a poller that keeps using it must get no answer.
        before = device.server.port
        await device.server.stop()
        device.server.port = 0
        await device.server.start()
        log.info("device=%s moved from port %d to %d", device.id, before, device.server.port)
