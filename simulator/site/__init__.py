"""A whole simulated site as a process: its devices on the network, and faults by scenario or by command."""

from simulator.site.cli import add_site_commands

__all__ = [
    "add_site_commands",
]
