"""SNMP: the interface that the poller needs (`seam`), and two engines that implement it.

`gufo` does the polling. `pysnmp` records devices (it keeps the ASN.1 types) and polls if gufo_snmp has no wheel for the platform or lacks a
feature (v3 contexts). Neither gets an SNMPv3 answer that `usm` has not verified.

`clients` chooses an engine, `requests` is what both share. gufo: `plain` (v1, v2c), `gufo_v3` over `relay` (v3), `lenient` for odd devices;
pysnmp: `pysnmp_checked`. `repair` and `repair_v3` make answers readable, `credentials` says which credentials SNMPv3 allows. `tries` and
`limits` say how often and how much is asked at once, `missing` what a device denies or lacks, `silent` what it does not answer, `rows` what
a walk has found, `gufo_calls` how gufo is asked; `traps` is the package of what devices send by themselves.
"""

# agent.snmp.pysnmp is deliberately not re-exported: importing it costs CPU at every start and 10 MB of memory permanently, which
# only its few users should pay. They import it inside the function that needs it; pyproject.toml lists them for import-linter.
# Neither is agent.snmp.gufo: an agent of which all devices have `engine: pysnmp` starts without gufo_snmp.

from agent.snmp.clients import SnmpClients
from agent.snmp.requests import MAX_DOTS, octets_or_float
from agent.snmp.seam import SnmpClient, SnmpCommunity, SnmpTarget, SnmpUser, SnmpValue
from agent.snmp.silent import UnansweredError
from agent.snmp.usm import PolledClocks, RefusedDatagrams

__all__ = [
    "MAX_DOTS",
    "PolledClocks",
    "RefusedDatagrams",
    "SnmpClient",
    "SnmpClients",
    "SnmpCommunity",
    "SnmpTarget",
    "SnmpUser",
    "SnmpValue",
    "UnansweredError",
    "octets_or_float",
]
