"""Traps and informs of devices: what they say (`message`), who may send them (`senders`), and the socket (`listener`).

A trap is a hint that something has changed, no reading: its values have names that only the vendor's MIB explains. So it is accepted from
configured devices alone, by the credential with which they are polled, and has its device polled. `engine` is the agent's own SNMPv3
engine, to which informs are sent.
"""

from agent.snmp.traps.engine import OwnEngine
from agent.snmp.traps.listener import TrapListener, plain_address
from agent.snmp.traps.message import Trap
from agent.snmp.traps.senders import Accepted, Answered, Sender, TrapRefusal, TrapSenders

__all__ = [
    "Accepted",
    "Answered",
    "OwnEngine",
    "Sender",
    "Trap",
    "TrapListener",
    "TrapRefusal",
    "TrapSenders",
    "plain_address",
]
