"""The User-based Security Model of SNMPv3, as far as a manager needs it to verify answers (RFC 3414). No I/O.

The SNMP libraries encrypt and decrypt, as does `agent/snmp/repair_v3.py` where a value in an answer cannot be read. This package makes the
checks that the libraries leave out. An answer passes it before it reaches a library.
"""

from agent.snmp.usm.check import MAC_OCTETS, Refusal, UsmCheck
from agent.snmp.usm.keys import MasterKeys, UsmKeys, localised_key
from agent.snmp.usm.message import MalformedMessage, Message, body_of, discovery_request, read_message, without_tail
from agent.snmp.usm.refused import RefusedDatagrams

__all__ = [
    "MAC_OCTETS",
    "MalformedMessage",
    "MasterKeys",
    "Message",
    "Refusal",
    "RefusedDatagrams",
    "UsmCheck",
    "UsmKeys",
    "body_of",
    "discovery_request",
    "localised_key",
    "read_message",
    "without_tail",
]
