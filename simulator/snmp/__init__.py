"""Simulated SNMP devices: they answer v1, v2c and (with users) v3 from recorded and live values.

| module | what |
|---|---|
| `agent` | one device on a UDP port; `link` is its interface to the socket |
| `objects` | the device's objects, and its answers to GET, GETNEXT, GETBULK and SET |
| `community` | speaks v1 and v2c, cheaply enough for thousands of devices; `ber` has the bytes |
| `engine` | speaks all versions with pysnmp, for devices with SNMPv3 users; `users` reads these from the command line |
"""

from simulator.snmp.agent import SnmpDevice
from simulator.snmp.users import SnmpUser, parse_user

__all__ = [
    "SnmpDevice",
    "SnmpUser",
    "parse_user",
]
