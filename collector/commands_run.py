"""The commands `run`, `check`, `doctor` and `rules`: those that need nothing but a configuration."""

import argparse
import asyncio
import sys
from pathlib import Path

from collector.config import CollectorConfig, load_collector_config
from collector.doctor import examine
from collector.known_names import strange_accounts
from collector.problems import load_limits, load_table, maintenance_notes, rules_yaml
from collector.process import run
from collector.web import load_access
from rackflow.outbox import folder_of
from rackflow.process.commands import print_lines, show_examples
from rackflow.process.config import named_file
from rackflow.process.doctor import exit_status, render_findings
from rackflow.process.doctor_disks import unwritable
from rackflow.process.event_loop import loop_factory
from rackflow.process.files import file_in_the_way, mode_of
from rackflow.process.limits import raise_open_files
from rackflow.process.logs import configure_logging
from rackflow.process.machine_output import OUTPUTS
from rackflow.process.secret import add_env_file
from rackflow.process.stopping import StopDeadline
from rackflow.process.unset_clock import warn_of_unset_clock
from rackflow.process.verdict import Verdict, add_output, check_file
from rackflow.site import Site, load_site


def add_run(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `run`."""
    add_config(command)
    show_examples(command, "%(prog)s collector.yaml")
    command.set_defaults(command=_run)


def add_check(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `check`."""
    add_config(command)
    add_output(command)
    show_examples(command, "%(prog)s collector.yaml", "%(prog)s collector.yaml --output json")
    command.set_defaults(command=_check)


def add_doctor(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `doctor`."""
    add_config(command)
    command.add_argument("--output", choices=OUTPUTS, default="table", help="table for people, the others for programs")
    show_examples(
        command,
        "%(prog)s collector.yaml",
        "%(prog)s collector.yaml --output json",
        exits={1: "something that it looked at is wrong"},
    )
    command.set_defaults(command=_doctor)


def add_rules(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `rules`."""
    add_config(command, "YAML file; its problems.limits are used")
    show_examples(command, "%(prog)s collector.yaml > /etc/prometheus/rules/dcim.rules.yml")
    command.set_defaults(command=_rules)


def add_config(command: argparse.ArgumentParser, text: str = "YAML file of the collector") -> None:
    """Add what every command of the collector has: the configuration, and the file of its secrets."""
    command.add_argument("config", type=Path, metavar="CONFIG", help=text)
    add_env_file(command)


def load_config(path: Path) -> CollectorConfig:
    """The configuration, checked with the files that it names. Raises ConfigError."""
    return _config_and_site(path)[0]


def _config_and_site(path: Path) -> tuple[CollectorConfig, Site | None]:
    config = load_collector_config(path)
    # Loaded here and not only in `run`, so that every command finds mistakes in them as well.
    site = load_site(config.site_file) if config.site_file is not None else None
    load_access(config.http.web_config)
    return config, site


def _run(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    configure_logging(config.log_level)
    raise_open_files()
    warn_of_unset_clock()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(run(config, deadline=StopDeadline()))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    path: Path = arguments.config
    return check_file(path, arguments.output, lambda: _verdict(path))


def _verdict(path: Path) -> Verdict:
    config, site = _config_and_site(path)
    if config.carbon is not None and config.carbon.path is not None:
        # A collector starts without it, and takes yearly factors; who writes the configuration wants to know of a slip.
        named_file(path, "carbon.path", config.carbon.path.absolute())
    # A collector creates folders that are not there; it cannot where a file is in the way.
    written = config.written_paths().items()
    there = {key: file for key, file in written if mode_of(file.absolute().parent) or file_in_the_way(file) is not None}
    if faults := unwritable(path, there, folders={"store.path"}, kept_in=folder_of):
        return Verdict(faults)
    notes = maintenance_notes(config.problems.maintenance, site, with_past=True)
    named = (*strange_accounts(config, site), *(f"problems.maintenance: {note}" for note in notes))
    return Verdict(summary=f"{path}: ok", notes=named)


def _doctor(arguments: argparse.Namespace) -> int:
    findings = examine(arguments.config)
    print_lines(render_findings(findings, arguments.output))
    return exit_status(findings)


def _rules(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    sys.stdout.write(rules_yaml(load_limits(config.problems.limits, load_table())))
    return 0
