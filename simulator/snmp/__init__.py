"""Simulated SNMP devices: they answer v1, v2c and (with users) v3 from recorded and live values."""

from simulator.snmp.agent import SnmpDevice
from simulator.snmp.users import SnmpUser, parse_user

__all__ = [
    "SnmpDevice",
    "SnmpUser",
    "parse_user",
]
