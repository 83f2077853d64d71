"""A whole simulated site as a process: its devices on the network, and faults by scenario or by command.

| module | what |
|---|---|
| `cli` | the commands |
| `simulation` | the running site; it steps `simulator.world` and serves `simulator.wire` |
| `scenario` | files that say which faults begin and end when |
| `control` | the socket by which a running simulation is told of faults |
| `maker` | makes site files of liquid-cooled halls; `busway_hall` of a hall without rack PDUs |
| `data_sheet` | battery runtimes, pumps and thermal limits of the simulated equipment |
"""

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
