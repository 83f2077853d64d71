"""The command `rackflow-agent`. Data goes to stdout, logs and measurements to stderr.

A command's arguments are in the module that runs it, and only that module is imported (LazyCommand says why).
"""

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence

from rackflow.errors import ConfigError, DeviceError, ProfileError, RackflowError
from rackflow.process.commands import EXIT_CONFIG, EXIT_FAILED, LazyCommand, add_commands, print_error, show_examples
from rackflow.process.hang_up import hang_up_waits
from rackflow.process.logs import configure_logging
from rackflow.process.secret import load_env_file
from rackflow.version import installed_version

RUN, READ, LAB = "agent.commands_run", "agent.commands_read", "agent.lab"
COMMANDS: Mapping[str, LazyCommand] = {
    "run": LazyCommand(RUN, "add_run", "poll and publish until stopped; SIGHUP reloads the configuration"),
    "check": LazyCommand(RUN, "add_check", "validate a configuration and its profiles, offline"),
    "read": LazyCommand(
        READ, "add_read", "poll one live device once; shows its readings and how long each request took"
    ),
    "replay": LazyCommand(READ, "add_replay", "show the readings of one poll of a recorded device, offline"),
    "profiles": LazyCommand(
        LAB, "add_profiles", "list the known device families, check profile files, or draft a profile"
    ),
    "walk": LazyCommand(
        LAB,
        "add_walk",
        "record a live SNMP or Modbus device on stdout, without serial numbers, names and addresses",
    ),
    "discover": LazyCommand(
        LAB,
        "add_discover",
        "find and recognise SNMP or Modbus TCP devices in ranges of addresses, and make entries of them",
    ),
    "site": LazyCommand(LAB, "add_site", "draft a site file from devices, tables or NetBox; check one"),
    "doctor": LazyCommand(
        "agent.doctor",
        "add_doctor",
        "check configuration, files, names, clock, disk, broker and every device; says what to do",
    ),
}


def main(argv: Sequence[str] | None = None, prog: str = "rackflow-agent") -> int:
    """Run one command; returns the exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    wanted = next((word for word in words if word in COMMANDS), "")
    # Before the command's module is imported, which takes as long as reading a configuration.
    with hang_up_waits() if wanted == "run" else contextlib.nullcontext():
        return _main(words, wanted, prog)


def _main(words: Sequence[str], wanted: str, prog: str) -> int:
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
    add_commands(root, COMMANDS, only)
    return root
