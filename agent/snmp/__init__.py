"""SNMP: what the poller needs of an engine (`seam`), and two engines that provide it.

`gufo` does the polling. `pysnmp` records devices (it keeps the ASN.1 types) and polls where gufo_snmp has no wheel or cannot do
what is asked (v3 contexts).
"""

# agent.snmp.pysnmp is deliberately not re-exported: importing it costs CPU at every start and 10 MB of memory for good, which only
# its few users should pay. They import it inside the function that needs it; pyproject.toml lists them for import-linter.

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
