"""The User-based Security Model of SNMPv3, as far as a manager needs it to verify answers (RFC 3414). No I/O.

The SNMP libraries encrypt and decrypt; `privacy` does where a value in an answer cannot be read, and for traps. This package makes the
checks that the libraries leave out. An answer passes it before it reaches a library.

`check` decides which datagrams count as answers. For that `message` reads their headers, `authentic` proves who sent them, by the `keys`
and the `clock` of the engine; `refused` counts the others.
"""

from agent.snmp.usm.authentic import Authentication, EngineClocks, PolledClocks
from agent.snmp.usm.check import NO_ACCESS, Refusal, UsmCheck
from agent.snmp.usm.clock import WINDOW_S
from agent.snmp.usm.keys import MasterKeys, UsmKeys
from agent.snmp.usm.message import (
    AUTH_FLAG,
    PRIV_FLAG,
    REPORTABLE_FLAG,
    MalformedMessage,
    Message,
    body_of,
    discovery_request,
    read_message,
    without_tail,
)
from agent.snmp.usm.privacy import Privacy
from agent.snmp.usm.refused import RefusedDatagrams

__all__ = [
    "AUTH_FLAG",
    "NO_ACCESS",
    "PRIV_FLAG",
    "REPORTABLE_FLAG",
    "WINDOW_S",
    "Authentication",
    "EngineClocks",
    "MalformedMessage",
    "MasterKeys",
    "Message",
    "PolledClocks",
    "Privacy",
    "Refusal",
    "RefusedDatagrams",
    "UsmCheck",
    "UsmKeys",
    "body_of",
    "discovery_request",
    "read_message",
    "without_tail",
]
