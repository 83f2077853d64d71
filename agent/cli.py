"""The command `rackflow-agent`. Data goes to stdout, logs and measurements to stderr.

A command's arguments are in the module that runs it, and only that module is imported: all of them together take half a second,
which a running agent and `--help` need not pay. Exit statuses: 0 ok, 1 failed, 2 wrong usage, 78 bad configuration.
"""

import argparse
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from rackflow.errors import ConfigError, DeviceError, ProfileError, RackflowError
from rackflow.process.commands import EXIT_CONFIG, EXIT_FAILED, print_error, show_examples
from rackflow.process.logs import configure_logging
from rackflow.process.secret import load_env_file
from rackflow.version import installed_version


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command is: the module, and its function that adds the arguments to a parser."""

    module: str
    add: str
    help: str

    def add_arguments(self, command: argparse.ArgumentParser) -> None:
        """Import the module and add the arguments. Raises ModuleNotFoundError without a library of the extra."""
        cast("Callable[[argparse.ArgumentParser], None]", getattr(importlib.import_module(self.module), self.add))(
            command
        )


RUN, READ, LAB = "agent.commands_run", "agent.commands_read", "agent.lab"
COMMANDS: Mapping[str, Command] = {
    "run": Command(RUN, "add_run", "poll and publish until stopped; SIGHUP reloads the configuration"),
    "check": Command(RUN, "add_check", "validate a configuration and its profiles, offline"),
    "read": Command(READ, "add_read", "poll one live device once; shows its readings and how long each request took"),
    "replay": Command(READ, "add_replay", "show the readings of one poll of a recorded device, offline"),
    "profiles": Command(LAB, "add_profiles", "list the known device families, check profile files, or draft a profile"),
    "walk": Command(
        LAB,
        "add_walk",
        "record a live SNMP or Modbus device on stdout, without serial numbers, names and addresses",
    ),
    "discover": Command(
        LAB,
        "add_discover",
        "find and recognise SNMP or Modbus TCP devices in ranges of addresses, and make entries of them",
    ),
    "site": Command(LAB, "add_site", "draft a site file from devices, tables or NetBox; check one"),
    "doctor": Command(
        "agent.doctor",
        "add_doctor",
        "check configuration, files, names, clock, disk, broker and every device; says what to do",
    ),
}


def main(argv: Sequence[str] | None = None, prog: str = "rackflow-agent") -> int:
    """Run one command; returns the exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    wanted = next((word for word in words if word in COMMANDS), "")
    arguments = parser(prog, wanted).parse_args(words)
    configure_logging(arguments.log_level or "warning")
    try:
        load_env_file(getattr(arguments, "env_file", None))
        status: int = arguments.command(arguments)
    except (ConfigError, ProfileError) as error:
        print_error(error)
        return EXIT_CONFIG
    except DeviceError as error:
        # A failed batch has the same word as its `error`, and the troubleshooting page is ordered by it.
        print_error(f"{error.kind}: {error}", prog)
        from agent.lab import explanation  # noqa: PLC0415 - for the commands of the lab, which have imported it

        if why := explanation(error, getattr(arguments, "protocol", "snmp"), getattr(arguments, "port", None)):
            print_error(why)
        return EXIT_FAILED
    except RackflowError as error:
        print_error(error, prog)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED
    return status


def parser(prog: str = "rackflow-agent", only: str | None = None) -> argparse.ArgumentParser:
    """The command line; with `only`, no other command has its arguments. The reference in docs/ is generated from it."""
    root = argparse.ArgumentParser(
        prog=prog, description="Polls power and cooling devices and publishes their readings over MQTT."
    )
    root.add_argument("--version", action="version", version=installed_version())
    root.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), help="default: log_level of the configuration"
    )
    show_examples(root, "%(prog)s discover 192.0.2.0/24 --output yaml > agent.yaml", "%(prog)s run agent.yaml")
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    for name, each in COMMANDS.items():
        command = commands.add_parser(name, help=each.help)
        if only in {None, name}:
            each.add_arguments(command)
    return root
