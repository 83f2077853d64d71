"""The command `rackflow-collector`. Data goes to stdout, logs to stderr.

A command's arguments are in the module that runs it, and only that module is imported (LazyCommand says why). The systemd unit restarts
the collector after a failure, but not after 78, a wrong configuration.
"""

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence

from rackflow.errors import ConfigError, RackflowError
from rackflow.process.commands import EXIT_CONFIG, EXIT_FAILED, LazyCommand, add_commands, print_error, show_examples
from rackflow.process.hang_up import hang_up_waits
from rackflow.process.logs import configure_logging
from rackflow.process.secret import load_env_file
from rackflow.version import installed_version

RUN, STATE = "collector.commands_run", "collector.commands_state"
COMMANDS: Mapping[str, LazyCommand] = {
    "run": LazyCommand(RUN, "add_run", "collect until SIGTERM"),
    "check": LazyCommand(RUN, "add_check", "check the configuration, without a connection"),
    "doctor": LazyCommand(
        RUN, "add_doctor", "check configuration, files, names, clock, disks, broker and store; says what to do"
    ),
    "ledger": LazyCommand(STATE, "add_ledger", "account for every message; exit status 1 if any is missing"),
    "report": LazyCommand(STATE, "add_month", "report energy, carbon and availability of a month, as CSV and HTML"),
    "rules": LazyCommand(RUN, "add_rules", "print the rules of Prometheus with this site's limits"),
    "forget": LazyCommand(STATE, "add_forget", "forget an agent or a device that was retired or renamed"),
    "backup": LazyCommand(STATE, "add_backup", "copy ledger, records, owners and problems, beside a running collector"),
    "restore": LazyCommand(STATE, "add_restore", "put a backup in the place of a stopped collector's state"),
}


def main(argv: Sequence[str] | None = None, prog: str = "rackflow-collector") -> int:
    """Run one command, and return its exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    wanted = next((word for word in words if word in COMMANDS), "")
    # Before the command's module is imported, which takes as long as reading a configuration.
    with hang_up_waits() if wanted == "run" else contextlib.nullcontext():
        return _main(words, wanted, prog)


def _main(words: Sequence[str], wanted: str, prog: str) -> int:
    arguments = parser(prog, wanted).parse_args(words)
    # Until the configuration says otherwise: without it, Python writes warnings to stderr as they are.
    configure_logging("warning")
    try:
        load_env_file(arguments.env_file)
        status: int = arguments.command(arguments)
    except ConfigError as error:
        print_error(error)
        return EXIT_CONFIG
    except RackflowError as error:
        print_error(error, str(arguments.config))
        return EXIT_FAILED
    return status


def parser(prog: str = "rackflow-collector", only: str | None = None) -> argparse.ArgumentParser:
    """The command line; with `only`, no other command has its arguments. The reference in docs/ is generated from it."""
    root = argparse.ArgumentParser(
        prog=prog,
        description="Collects readings of power and cooling devices from MQTT, stores them, and serves them to Prometheus.",
    )
    root.add_argument("--version", action="version", version=installed_version())
    show_examples(root, "%(prog)s check collector.yaml", "%(prog)s run collector.yaml")
    add_commands(root, COMMANDS, only)
    return root
