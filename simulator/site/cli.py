"""The commands that simulate a site, control a running simulation, and print site files."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib.resources import files
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

import yaml

from rackflow.errors import ConfigError
from rackflow.plural import count_of
from rackflow.process.commands import LAST_PORT, explain_listen_error, port_number, show_examples
from rackflow.process.event_loop import loop_factory
from rackflow.process.files import remedy_of_writing
from rackflow.process.gc_pauses import bound_gc_pauses
from rackflow.process.progress import progress
from rackflow.process.stopping import STOP_WITHIN_S, stop_tasks
from rackflow.site import Site, load_site, parse_site
from simulator.site.control import ask, listen
from simulator.site.maker import campus, site_yaml
from simulator.site.scenario import load_scenario
from simulator.site.simulation import Simulation
from simulator.snmp import parse_user

log = logging.getLogger(__name__)
SHIPPED: Final = ("edge", "ai-hall", "busway-hall", "demo")
# In the current folder, so that simulations in different folders do not share a socket.
SOCKET: Final = Path("rackflow-sim.sock")
# Racks of a campus: the size for which docs/reference/simulator.md gives times and memory.
CAMPUS_RACKS: Final = 512
LAST_ADDRESS: Final = "255.255.255.255"
# One simulated hour per second. No machine computes a site that fast, so a larger number is a mistake.
MAX_SPEED: Final = 3600.0


def add_site_commands(commands: Any) -> None:  # noqa: ANN401 - argparse does not name this type
    """Add `run`, `site`, and the commands that control a running simulation."""
    _add_run(commands.add_parser("run", help="simulate a site: every device answers over SNMP or Modbus"))
    command = commands.add_parser("site", help="print a site file: edge, ai-hall, busway-hall, or a campus of any size")
    command.add_argument("name", choices=(*SHIPPED, "campus"), help="which site")
    command.add_argument(
        "--racks", type=int, default=CAMPUS_RACKS, help=f"number of racks of a campus (default {CAMPUS_RACKS})"
    )
    show_examples(command, "%(prog)s ai-hall", "%(prog)s campus --racks 64 > campus.yaml")
    command.set_defaults(command=_site)
    command = _control(commands, "fault", "begin a fault", _fault, " mains_loss A --for 60")
    command.add_argument("fault", help="kind of fault, as in mains_loss; docs/reference/simulator.md lists them")
    command.add_argument("target", help="what fails: a feed, device, rack or loop of the site")
    command.add_argument("--for", dest="for_s", type=float, metavar="SECONDS", help="end the fault after this time")
    command.add_argument("--value", type=float, help="severity; its meaning and default depend on the kind of fault")
    command.add_argument("--phase", choices=("L1", "L2", "L3"), help="phase that is lost")
    command.add_argument("--pump", type=int, choices=(1, 2, 3), help="pump that fails")
    command.add_argument("--point", help="series key of the sensor's reading")
    command.add_argument("--other", help="series key of the reading to swap it with")
    command = _control(commands, "clear", "end a fault", _clear, " 1")
    command.add_argument("number", type=int, help="number that `fault` printed")
    _control(commands, "faults", "list the active faults", _ask_without_arguments)
    command = _control(commands, "truth", "print the true values of the derived figures", _truth, "", " --what-if")
    command.add_argument(
        "--what-if", action="store_true", help="also the consequences of losing each feed, and pumps and cooling"
    )
    command = _control(commands, "readings", "print a device's readings before it rounds them", _readings, " pdu-a01-a")
    command.add_argument("device", help="id of the device in the site file")
    _control(commands, "status", "print the simulated time, and each device's port", _ask_without_arguments)


def _add_run(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("site", help="path of a site file, or the name of a shipped one: edge, ai-hall, busway-hall, demo, campus")
    add("--racks", type=int, default=CAMPUS_RACKS, help=f"number of racks of a campus (default {CAMPUS_RACKS})")
    add("--scenario", type=Path, help="file of faults and the times at which they begin")
    add("--seed", type=int, default=0, help="seed of loads and noise; the same one gives the same values (default 0)")
    add("--speed", type=_speed, default=1.0, help="simulated seconds per second (default 1)")
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    add("--port", type=_port, default=0, help="port of the first device, the others follow (default: free ports)")
    add(
        "--first-address",
        type=IPv4Address,
        metavar="ADDRESS",
        help="give each device an address of its own from this one on, and port 161 or 502 (or --port), so that discover finds it",
    )
    add(
        "--mixed",
        action="store_true",
        help="devices of more makers: a campus then has twelve families instead of seven",
    )
    add(
        "--user",
        action="append",
        default=[],
        metavar="NAME:AUTH:KEY:PRIV:KEY",
        help="SNMPv3 user, beside community public",
    )
    add("--socket", type=Path, default=SOCKET, help=f"control socket to create (default {SOCKET})")
    show_examples(
        command,
        "%(prog)s edge --agent-config edge.yaml",
        "%(prog)s campus --racks 64 --port 20000 --speed 60",
        "%(prog)s ai-hall --first-address 127.20.0.1",
        "%(prog)s campus --racks 32 --mixed --first-address 127.20.0.1",
    )
    add("--agent-config", type=Path, metavar="FILE", help="write an agent's configuration that polls every device")
    command.set_defaults(command=_run)


def _control(commands: Any, name: str, text: str, run: Any, *examples: str) -> argparse.ArgumentParser:  # noqa: ANN401 - as above
    """Add a command that is sent to a running simulation; `examples` are what follows the program's name."""
    command: argparse.ArgumentParser = commands.add_parser(name, help=text + " (running simulation)")
    command.add_argument(
        "--socket", type=Path, default=SOCKET, help=f"control socket of the simulation (default {SOCKET})"
    )
    show_examples(command, *(f"%(prog)s{example}" for example in examples or ("",)))
    command.set_defaults(command=run, order=name)
    return command


def _port(text: str) -> int:
    return 0 if text == "0" else port_number(text)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= MAX_SPEED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed; give a number above 0 and up to {MAX_SPEED:g}")
    return speed


def shipped_or_file(name: str, racks: int = CAMPUS_RACKS) -> tuple[Site, str]:
    """The site of a shipped name or of a file, and the text of its site file. `racks` is the size of a campus. Raises ConfigError."""
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
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_simulate(arguments))


async def _simulate(arguments: argparse.Namespace) -> None:
    # A campus of 512 racks takes 2 s to read and 2 s to build.
    with progress("site read and built", 2) as done:
        site, text = shipped_or_file(arguments.site, arguments.racks)
        done()
        users = tuple(parse_user(each) for each in arguments.user)
        simulation = Simulation(
            site, seed=arguments.seed, speed=arguments.speed, host=arguments.host, users=users, mixed=arguments.mixed
        )
        done()
    _check_room(arguments, len(simulation.fleet.devices))
    if arguments.scenario:
        simulation.plan(load_scenario(arguments.scenario).faults)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        try:
            with progress("devices", len(simulation.fleet.devices)) as started:
                await simulation.start(stack, arguments.port, arguments.first_address, started)
        except OSError as error:
            where = arguments.first_address or arguments.host
            reason = explain_listen_error(error, arguments.port, "choose another port with --port")
            raise ConfigError(f"--port: {where}: {reason}") from error
        # A look at all objects of a campus takes Python a second, in which no device would answer.
        stack.callback(bound_gc_pauses())
        # Opened after the devices: whoever can connect to the socket finds all devices answering.
        await listen(arguments.socket, simulation.execute, stack)
        if arguments.agent_config:
            _write_agent_config(arguments.agent_config, simulation, text)
        _print_devices(simulation, arguments)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(simulation.run(), name="simulation")
            await stop.wait()
            await stop_tasks(running, within_s=STOP_WITHIN_S)
        log.info(
            "stopping simulated_s=%.0f late_ticks=%d (a late tick means that the machine could not keep the speed)",
            simulation.world.time_s,
            simulation.late_ticks,
        )


def _check_room(arguments: argparse.Namespace, devices: int) -> None:
    """Refuse a first port or address behind which there are too few for all devices: uvloop takes port 65537 for port 1."""
    first: IPv4Address | None = arguments.first_address
    if first is None and arguments.port and arguments.port + devices - 1 > LAST_PORT:
        raise ConfigError(
            f"--port: {arguments.port} is too high for {count_of(devices, 'device')}; begin at {LAST_PORT - devices + 1} or lower"
        )
    if first is not None and int(first) + devices - 1 > int(IPv4Address(LAST_ADDRESS)):
        raise ConfigError(
            f"--first-address: behind {first} there are too few addresses for {count_of(devices, 'device')}; begin lower"
        )


def _write_agent_config(path: Path, simulation: Simulation, text: str) -> None:
    """Write the configuration and, beside it, the site file that it names, so that both can be moved together."""
    if not path.parent.is_dir():
        raise ConfigError(f"--agent-config: there is no folder {path.parent}; make it, or name another one")
    site_file = path.with_name(f"{simulation.world.site.id}-site.yaml")
    config = yaml.safe_dump(simulation.fleet.agent_config(site_file.name), sort_keys=False)
    for file, content in ((site_file, text), (path, config)):
        try:
            file.write_text(content, encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"--agent-config: {file}: cannot be written: {error.strerror}; {remedy_of_writing(error)}"
            ) from error


def _print_devices(simulation: Simulation, arguments: argparse.Namespace) -> None:
    for device in simulation.fleet.devices.values():
        protocol = "modbus" if device.layout is None else "snmp"
        print(f"{protocol} {device.server.host}:{device.server.port} {device.id} ({device.family})")
    print(f"{count_of(len(simulation.fleet.devices), 'device')}; control socket {arguments.socket}", flush=True)
    # To people only: a program waits for the line above.
    if sys.stdout.isatty():
        print("all answer until Ctrl-C; in another terminal, `rackflow-sim fault` breaks something", flush=True)


def _fault(arguments: argparse.Namespace) -> None:
    keys = ("fault", "target", "for_s", "value", "phase", "pump", "point", "other")
    fault = {key: value for key in keys if (value := getattr(arguments, key)) is not None}
    print(asyncio.run(ask(arguments.socket, {"order": "fault", "fault": fault})))


def _clear(arguments: argparse.Namespace) -> None:
    asyncio.run(ask(arguments.socket, {"order": "clear", "number": arguments.number}))


def _ask_without_arguments(arguments: argparse.Namespace) -> None:
    _print(asyncio.run(ask(arguments.socket, {"order": arguments.order})))


def _truth(arguments: argparse.Namespace) -> None:
    _print(asyncio.run(ask(arguments.socket, {"order": "truth", "what_if": arguments.what_if})))


def _readings(arguments: argparse.Namespace) -> None:
    _print(asyncio.run(ask(arguments.socket, {"order": "readings", "device": arguments.device})))


def _print(result: Mapping[str, Any] | list[Any]) -> None:
    json.dump(result, sys.stdout, indent=1)
    print()
