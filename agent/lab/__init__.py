"""Commands for those who add devices: walk, discover, draft, replay and read."""

from agent.lab.commands import add_lab
from agent.lab.output import render
from agent.lab.read import read_device
from agent.lab.replay import replay_modbus, replay_snmp

__all__ = [
    "add_lab",
    "read_device",
    "render",
    "replay_modbus",
    "replay_snmp",
]
