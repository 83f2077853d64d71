""""""

from simulator.snmp.agent import SnmpDevice
from simulator.snmp.users import SnmpUser, parse_user

__all__ = [
    "SnmpDevice",
    "SnmpUser",
    "parse_user",
]
