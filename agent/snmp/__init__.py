""""""

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
