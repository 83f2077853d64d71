"""The command `rackflow-sim`: serves recordings, single simulated devices or whole simulated sites until it is stopped."""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from rackflow.errors import ConfigError, RackflowError
from rackflow.plural import count_of
from rackflow.process.commands import (
    EXIT_CONFIG,
    EXIT_FAILED,
    EXIT_OK,
    LAST_PORT,
    explain_listen_error,
    print_error,
    print_skipped_lines,
    show_examples,
)
from rackflow.process.logs import configure_logging
from rackflow.process.stopping import STOP_WITHIN_S, stop_tasks
from rackflow.recording import SUFFIX, read_mbrec, read_snmprec
from simulator.live import Model, run_models, vary_load
from simulator.modbus import ModbusServer
from simulator.models import (
    CDU_UNIT,
    METER_UNIT,
    CduModel,
    MeterModel,
    RecordedRegisters,
    cdu_registers,
    meter_registers,
)
from simulator.site import add_site_commands
from simulator.snmp import SnmpDevice, parse_user

log = logging.getLogger(__name__)

RECORDING_PORT = "FILE=PORT or --port"
LEVELS = ("debug", "info", "warning", "error")


class ServeError(RackflowError):
    """An address cannot be served. The text says what was to be served, where, and why it failed."""


def main(argv: Sequence[str] | None = None, prog: str = "rackflow-sim") -> int:
    """Run the command; returns the exit status."""
    arguments = parser(prog).parse_args(argv)
    configure_logging(arguments.log_level)
    logging.getLogger("pymodbus").setLevel(logging.WARNING)  # at INFO it logs only its own internals
    try:
        arguments.command(arguments)
    except ConfigError as error:
        print_error(error, prog)
        return EXIT_CONFIG
    except RackflowError as error:
        print_error(error, prog)
        return EXIT_FAILED
    return EXIT_OK


def parser(prog: str = "rackflow-sim") -> argparse.ArgumentParser:
    """The command line; the reference in docs/ is generated from it."""
    root = argparse.ArgumentParser(
        prog=prog, description="Simulate SNMP and Modbus devices, recordings of devices, and whole sites."
    )
    root.add_argument(
        "--log-level", choices=LEVELS, default="info", help="least level of what is logged (default info)"
    )
    show_examples(root, "%(prog)s run edge --agent-config edge.yaml", "%(prog)s fault mains_loss A --for 60")
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    add_site_commands(commands)
    _add_serve(
        commands.add_parser(
            "serve",
            help="serve recordings over SNMP and Modbus TCP, and models of a CDU and of a meter over Modbus TCP",
        )
    )
    return root


def _add_serve(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add(
        "recordings",
        nargs="*",
        metavar="FILE[=PORT]",
        help=f"recordings, .snmprec or {SUFFIX}; without PORT they get ports from --port upwards",
    )
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    add(
        "--port",
        type=_port,
        default=1161,
        help="first port for recordings without one (default 1161); 0 takes free ports",
    )
    add(
        "--community",
        action="append",
        default=[],
        help="community of SNMP v1 and v2c (default public); may be repeated",
    )
    add(
        "--user",
        action="append",
        default=[],
        metavar="NAME:AUTH:KEY:PRIV:KEY",
        help="SNMPv3 user, as in ops:sha256:KEY:aes128:KEY",
    )
    add("--cdu", type=_port, metavar="PORT", help=f"serve a coolant distribution unit over Modbus TCP, unit {CDU_UNIT}")
    add("--meter", type=_port, metavar="PORT", help=f"serve an energy meter over Modbus TCP, unit {METER_UNIT}")
    add("--vary", action="store_true", help="let load, power and energy of recorded UPSs and rack PDUs vary")
    add("--frozen", action="store_true", help="serve sysUpTime as recorded; otherwise it counts on")
    show_examples(command, "%(prog)s device.snmprec=1161 cdu.mbrec=1502", "%(prog)s --cdu 1502 --meter 1503")
    command.set_defaults(command=_run_server)
    # Also accepted after the subcommand. SUPPRESS keeps the value given before the subcommand unless it is repeated.
    add("--log-level", choices=LEVELS, default=argparse.SUPPRESS, help="as before the command")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; ports are 0 to {LAST_PORT}")
    return int(text)


def _run_server(arguments: argparse.Namespace) -> None:
    asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM. Raises ConfigError for wrong arguments, ServeError if a port cannot be used."""
    if not arguments.recordings and arguments.cdu is None and arguments.meter is None:
        raise ConfigError("nothing to serve; name a recording, or give --cdu or --meter")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        await _start_recordings(arguments, stack)
        models = await _start_models(arguments, stack)
        sys.stdout.flush()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(run_models(models), name="models")
            await stop.wait()
            await stop_tasks(running, within_s=STOP_WITHIN_S)
        log.info("stopping")


async def _start_recordings(arguments: argparse.Namespace, stack: AsyncExitStack) -> None:
    users = [parse_user(text) for text in arguments.user]
    chosen = _files_and_ports(arguments.recordings, arguments.port)
    # Every recording is read before any is served: a damaged file must not end a simulation that has begun to answer.
    faults: list[str] = []
    modbus = [(path, port, read_mbrec(path, faults)) for path, port in chosen if path.suffix == SUFFIX]
    snmp = [(path, port, read_snmprec(path, faults)) for path, port in chosen if path.suffix != SUFFIX]
    print_skipped_lines(faults)
    for path, port, recording in modbus:
        units = {unit: RecordedRegisters(recording, unit) for unit in recording.units}
        numbers = ", ".join(map(str, units))
        await _start(ModbusServer(units, arguments.host, port), stack, f"{path} (unit {numbers})", RECORDING_PORT)
    for seed, (path, port, records) in enumerate(snmp):
        device = SnmpDevice(
            records,
            communities=arguments.community or ["public"],
            users=users,
            host=arguments.host,
            port=port,
            uptime=not arguments.frozen,
        )
        varied = f", {vary_load(device, records, seed)} of them vary" if arguments.vary else ""
        await _start(device, stack, f"{path} ({count_of(len(records), 'object')}{varied})", RECORDING_PORT)


def _files_and_ports(recordings: Sequence[str], first_port: int) -> list[tuple[Path, int]]:
    """Each FILE[=PORT] with its port: the given one, else the next from `first_port` on; 0 stays 0, any free port."""
    next_port = first_port
    found: list[tuple[Path, int]] = []
    for text in recordings:
        # Split at the last "=", and only if digits follow: a path may contain "=" itself.
        name, _, port = text.rpartition("=")
        if name and port.isdecimal():
            found.append((Path(name), _checked_port(text, int(port))))
        else:
            found.append((Path(text), _checked_port(text, next_port)))
            next_port += 1 if next_port else 0
    return found


async def _start_models(arguments: argparse.Namespace, stack: AsyncExitStack) -> list[Model]:
    models: list[Model] = []
    if arguments.cdu is not None:
        cdu = CduModel()
        server = ModbusServer({CDU_UNIT: cdu_registers(cdu)}, arguments.host, arguments.cdu)
        await _start(server, stack, f"unit {CDU_UNIT} (coolant distribution unit)", "--cdu PORT")
        models.append(cdu)
    if arguments.meter is not None:
        meter = MeterModel()
        server = ModbusServer({METER_UNIT: meter_registers(meter)}, arguments.host, arguments.meter)
        await _start(server, stack, f"unit {METER_UNIT} (energy meter)", "--meter PORT")
        models.append(meter)
    return models


async def _start(server: SnmpDevice | ModbusServer, stack: AsyncExitStack, what: str, how: str) -> None:
    """Start a server, let `stack` stop it, and print its line; `how` is the argument with its port. Raises ServeError."""
    protocol = "snmp" if isinstance(server, SnmpDevice) else "modbus"
    try:
        await server.start()
    except OSError as error:
        reason = explain_listen_error(error, server.port, f"choose another port ({how})")
        raise ServeError(f"cannot serve {what} on {server.host}:{server.port} ({protocol}): {reason}") from error
    stack.push_async_callback(server.stop)
    print(f"{protocol} {server.host}:{server.port} {what}")


def _checked_port(text: str, port: int) -> int:
    if port > LAST_PORT:
        raise ConfigError(f"{text}: port {port} is above {LAST_PORT}")
    return port
