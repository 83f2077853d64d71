"""A whole simulated site as a process: its fleet of devices, faults by scenario or by command, and its data sheet."""

from simulator.site.cli import add_site_commands

__all__ = [
    "add_site_commands",
]
