""""""

from agent.lab.commands import add_lab
from agent.lab.output import render
from agent.lab.read import read_device
from agent.lab.replay import replay, replay_modbus

__all__ = [
    "add_lab",
    "read_device",
    "render",
    "replay",
    "replay_modbus",
]
