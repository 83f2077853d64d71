"""The User-based Security Model of SNMPv3, as far as a manager needs it to verify answers (RFC 3414). No I/O.

The SNMP libraries encrypt and decrypt. What they leave out when an answer comes is done here, in front of both of them.
"""

from agent.snmp.usm.check import Refusal, UsmCheck
from agent.snmp.usm.keys import MasterKeys, UsmKeys
from agent.snmp.usm.message import MalformedMessage, discovery_request
from agent.snmp.usm.refused import RefusedDatagrams

__all__ = [
    "MalformedMessage",
    "MasterKeys",
    "Refusal",
    "RefusedDatagrams",
    "UsmCheck",
    "UsmKeys",
    "discovery_request",
]
