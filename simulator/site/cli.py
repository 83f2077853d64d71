"""The commands that simulate a site: run one, give orders to a running one, print site files."""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from rackflow.errors import ConfigError
from rackflow.site import Site, load_site, parse_site
from simulator.site.control import ask, listen
from simulator.site.maker import campus, site_yaml
from simulator.site.scenario import load_scenario
from simulator.site.simulation import Simulation
from simulator.snmp import parse_user

log = logging.getLogger(__name__)
SHIPPED: Final = ("edge", "ai-hall")
SOCKET: Final = Path("rackflow-sim.sock")
RACKS: Final = 512
FASTEST: Final = 3600.0


def add_site_commands(commands: Any) -> None:  # noqa: ANN401 - argparse does not name this type
    """`run`, `site`, and the orders to a simulation that runs."""
    _add_run(commands.add_parser("run", help="simulate a site: every device answers over SNMP or Modbus"))
    command = commands.add_parser("site", help="print a site file: edge, ai-hall, or a campus of any size")
    command.add_argument("name", choices=(*SHIPPED, "campus"))
    command.add_argument("--racks", type=int, default=RACKS, help=f"of a campus (default {RACKS})")
    command.set_defaults(command=_site)
    command = _order(commands, "fault", "let something fail", _fault)
    command.add_argument("fault", help="its kind, as in mains_loss; docs/reference/simulator.md lists them")
    command.add_argument("target", help="what fails: a feed, device, rack or loop of the site")
    command.add_argument("--for", dest="for_s", type=float, metavar="SECONDS", help="mend it after so long")
    command.add_argument("--value", type=float, help="how bad it is")
    command.add_argument("--phase", choices=("L1", "L2", "L3"))
    command.add_argument("--pump", type=int, choices=(1, 2, 3))
    command.add_argument("--point", help="series key of a sensor's reading")
    command.add_argument("--other", help="series key of the reading that it is swapped with")
    command = _order(commands, "clear", "mend a fault", _clear)
    command.add_argument("number", type=int, help="as `fault` printed it")
    _order(commands, "faults", "list the faults that are there", _plain)
    command = _order(commands, "truth", "print the figures that derived ones should show", _truth)
    command.add_argument(
        "--what-if", action="store_true", help="also what the loss of a feed or of pumps would lead to"
    )
    command = _order(commands, "readings", "print what the instruments of a device show, unrounded", _readings)
    command.add_argument("device")
    _order(commands, "status", "print time, and address of each device", _plain)


def _add_run(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("site", help="a site file, or one that is shipped: edge, ai-hall, campus")
    add("--racks", type=int, default=RACKS, help=f"of a campus (default {RACKS})")
    add("--scenario", type=Path, help="a file of faults and their times")
    add("--seed", type=int, default=0)
    add("--speed", type=_speed, default=1.0, help="the world's seconds in one of ours (default 1)")
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    add("--port", type=int, default=0, help="port of the first device, the others follow (default: any free ones)")
    add("--user", action="append", default=[], metavar="NAME:AUTH:KEY:PRIV:KEY", help="SNMPv3, beside community public")
    add("--socket", type=Path, default=SOCKET, help=f"where orders are taken (default {SOCKET})")
    add("--agent-config", type=Path, metavar="FILE", help="write an agent's configuration that polls all of it")
    command.set_defaults(command=_run)


def _order(commands: Any, name: str, text: str, obey: Any) -> argparse.ArgumentParser:  # noqa: ANN401 - as above
    command: argparse.ArgumentParser = commands.add_parser(name, help=text + ", in a simulation that runs")
    command.add_argument("--socket", type=Path, default=SOCKET, help=f"of the simulation (default {SOCKET})")
    command.set_defaults(command=obey, order=name)
    return command


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed; it is above 0 and at most {FASTEST:g}")
    return speed


def shipped_or_file(name: str, racks: int = RACKS) -> tuple[Site, str]:
    """A site, and its text; a campus has so many racks. Raises ConfigError."""
    if name == "campus":
        if racks < 1:
            raise ConfigError("--racks: a campus has at least one rack")
        text = site_yaml(campus(racks))
        return parse_site(text, name), text
    if name in SHIPPED:
        text = files("simulator").joinpath("sites", f"{name}.yaml").read_text(encoding="utf-8")
        return parse_site(text, name), text
    site = load_site(Path(name))
    return site, Path(name).read_text(encoding="utf-8")


def _site(arguments: argparse.Namespace) -> None:
    print(shipped_or_file(arguments.name, arguments.racks)[1], end="")


def _run(arguments: argparse.Namespace) -> None:
    asyncio.run(_simulate(arguments))


async def _simulate(arguments: argparse.Namespace) -> None:
    site, text = shipped_or_file(arguments.site, arguments.racks)
    users = tuple(parse_user(each) for each in arguments.user)
    simulation = Simulation(site, arguments.seed, arguments.speed, arguments.host, users)
    if arguments.scenario:
        simulation.plan(load_scenario(arguments.scenario).faults)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        try:
            await simulation.start(stack, arguments.port)
        except OSError as error:
            raise ConfigError(
                f"--port: {arguments.host}: {os.strerror(error.errno or 0)}; name another port"
            ) from error
        await listen(arguments.socket, simulation.execute, stack)
        if arguments.agent_config:
            _write_agent_config(arguments.agent_config, simulation, text)
        _show(simulation, arguments)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(simulation.run(), name="simulation")
            await stop.wait()
            running.cancel()
        log.info("stopping after %.0f simulated seconds, %d ticks late", simulation.world.time_s, simulation.late_ticks)


def _write_agent_config(path: Path, simulation: Simulation, text: str) -> None:
    """The site file goes beside it, so that both can be taken elsewhere."""
    site_file = path.with_name(f"{simulation.world.site.id}-site.yaml")
    site_file.write_text(text, encoding="utf-8")
    path.write_text(yaml.safe_dump(simulation.fleet.agent_config(site_file.name), sort_keys=False), encoding="utf-8")


def _show(simulation: Simulation, arguments: argparse.Namespace) -> None:
    for device in simulation.fleet.devices.values():
        protocol = "modbus" if device.layout is None else "snmp"
        print(f"{protocol} {device.server.host}:{device.server.port} {device.id} ({device.family})")
    print(f"{len(simulation.fleet.devices)} devices; orders are taken at {arguments.socket}", flush=True)


def _fault(arguments: argparse.Namespace) -> None:
    keys = ("fault", "target", "for_s", "value", "phase", "pump", "point", "other")
    fault = {key: value for key in keys if (value := getattr(arguments, key)) is not None}
    print(asyncio.run(ask(arguments.socket, {"order": "fault", "fault": fault})))


def _clear(arguments: argparse.Namespace) -> None:
    asyncio.run(ask(arguments.socket, {"order": "clear", "number": arguments.number}))


def _plain(arguments: argparse.Namespace) -> None:
    _print(asyncio.run(ask(arguments.socket, {"order": arguments.order})))


def _truth(arguments: argparse.Namespace) -> None:
    _print(asyncio.run(ask(arguments.socket, {"order": "truth", "what_if": arguments.what_if})))


def _readings(arguments: argparse.Namespace) -> None:
    _print(asyncio.run(ask(arguments.socket, {"order": "readings", "device": arguments.device})))


def _print(result: Mapping[str, Any] | list[Any]) -> None:
    json.dump(result, sys.stdout, indent=1)
    print()
