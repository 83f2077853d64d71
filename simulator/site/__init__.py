"""A whole simulated site as a process: its devices on the network, and faults by scenario or by command."""

from simulator.site.cli import add_site_commands, shipped_or_file
from simulator.site.control import ask, listen
from simulator.site.simulation import Simulation

__all__ = [
    "Simulation",
    "add_site_commands",
    "ask",
    "listen",
    "shipped_or_file",
]
