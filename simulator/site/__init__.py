""""""

from simulator.site.cli import add_site_commands

__all__ = [
    "add_site_commands",
]
