"""Polls one device: opens it (connect, recognise, identify, plan), polls a class, and adds the figures derived from one poll.

`probe_snmp` and `probe_modbus` recognise a device over the wire, `device` (SNMP) and `modbus` open and poll it, `derive` adds the
figures. `barrier` makes whatever goes wrong in any of them that one device's failure.
"""

from agent.poll.barrier import DeviceBarrier
from agent.poll.device import BOOT_METRIC, DevicePoller, SnmpPoller
from agent.poll.factory import PollerFactory, check_profile, snmp_target, unknown_profile
from agent.poll.identity import identify_modbus, identify_snmp, printable
from agent.poll.modbus import ModbusPoller
from agent.poll.pace import OpeningPace
from agent.poll.plans import SharedPlans
from agent.poll.probe_modbus import GATEWAY_EXCEPTIONS, recognise_unit
from agent.poll.probe_snmp import recognise_device

__all__ = [
    "BOOT_METRIC",
    "GATEWAY_EXCEPTIONS",
    "DeviceBarrier",
    "DevicePoller",
    "ModbusPoller",
    "OpeningPace",
    "PollerFactory",
    "SharedPlans",
    "SnmpPoller",
    "check_profile",
    "identify_modbus",
    "identify_snmp",
    "printable",
    "recognise_device",
    "recognise_unit",
    "snmp_target",
    "unknown_profile",
]
