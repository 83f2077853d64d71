"""SNMP: what the poller needs of an engine (`seam`), and two engines that provide it.

`gufo` polls; `pysnmp` walks, and polls where gufo_snmp has no wheel. It takes a second to import, so it is imported by name,
where it is needed, and not from here.
"""

from agent.snmp.gufo import GufoClient
from agent.snmp.seam import SnmpClient, SnmpCommunity, SnmpTarget, SnmpUser, SnmpValue

__all__ = [
    "GufoClient",
    "SnmpClient",
    "SnmpCommunity",
    "SnmpTarget",
    "SnmpUser",
    "SnmpValue",
]
