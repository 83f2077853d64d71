"""The command `rackflow-collector`.

Exit statuses are contract: 0 success, 1 failure, 2 wrong usage, 78 wrong configuration (EX_CONFIG of sysexits.h). The systemd unit
restarts the collector after a failure, but not after 78.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from collector.backup import REPLACED, make_backup, restore_backup
from collector.config import CollectorConfig, load_collector_config
from collector.doctor import examine
from collector.forget import Target, account_of, forget
from collector.ledger import accounts, as_json, as_table, read_any, read_page, since_ms
from collector.problems import load_limits, load_table, rules_yaml
from collector.report import add_report, report
from collector.run import run
from collector.web import load_access
from rackflow import ConfigError, RackflowError
from rackflow.process.commands import print_error, print_lines, show_examples
from rackflow.process.doctor import OUTPUTS, exit_status, render_findings
from rackflow.process.limits import raise_open_files
from rackflow.process.logs import configure_logging
from rackflow.process.secret import add_env_file, load_env_file, names_source
from rackflow.process.stopping import StopDeadline
from rackflow.site import load_site
from rackflow.version import installed_version

EXIT_FAILED = 1
EXIT_BAD_CONFIG = 78


def parser(prog: str = "rackflow-collector") -> argparse.ArgumentParser:
    """The command line. The reference in docs/ is generated from it."""
    root = argparse.ArgumentParser(
        prog=prog,
        description="Collects readings of power and cooling devices from MQTT, stores them, and serves them to Prometheus.",
    )
    root.add_argument("--version", action="version", version=installed_version())
    show_examples(root, "%(prog)s check collector.yaml", "%(prog)s run collector.yaml")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in (("run", "collect until SIGTERM"), ("check", "check the configuration, without a connection")):
        command = commands.add_parser(name, help=text)
        command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file")
        add_env_file(command)
        show_examples(command, "%(prog)s collector.yaml")
    help_text = "check configuration, files, names, clock, disks, broker and store; says what to do"
    _add_doctor(commands.add_parser("doctor", help=help_text))
    ledger = commands.add_parser("ledger", help="account for every message; exit status 1 if any is missing")
    ledger.add_argument("config", type=Path, metavar="CONFIG", help="YAML file")
    add_env_file(ledger)
    ledger.add_argument(
        "--since", metavar="TIME", help="only from this time on: 2h, or a date and time (ISO 8601, UTC)"
    )
    ledger.add_argument(
        "--with",
        dest="others",
        metavar="FILE_OR_URL",
        action="append",
        default=[],
        help="ledger of another collector behind the same shared subscription: its file, or http://HOST:9420/ledger, with"
        " NAME:PASSWORD@ before HOST if it asks for them",
    )
    ledger.add_argument("--output", choices=("table", "json"), default="table")
    show_examples(
        ledger,
        "%(prog)s collector.yaml --since 1d",
        "%(prog)s collector.yaml --with http://192.0.2.21:9420/ledger --output json",
    )
    command = commands.add_parser("report", help="report energy, carbon and availability of a month, as CSV and HTML")
    command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file")
    add_env_file(command)
    add_report(command)
    show_examples(command, "%(prog)s collector.yaml --month 2026-10 --timezone Africa/Casablanca --output reports")
    _add_rules(commands.add_parser("rules", help="print the rules of Prometheus with this site's limits"))
    _add_forget(commands.add_parser("forget", help="forget an agent or a device that was retired or renamed"))
    for name, text in (
        ("backup", "copy ledger, records, owners and problems, beside a running collector"),
        ("restore", "put a backup in the place of a stopped collector's state"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file")
        command.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the backup")
        add_env_file(command)
        show_examples(
            command, "%(prog)s /etc/rackflow/collector.yaml /backup/2026-11-26 --env-file /etc/rackflow/collector.env"
        )
    return root


def _add_doctor(command: argparse.ArgumentParser) -> None:
    command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file")
    add_env_file(command)
    command.add_argument("--output", choices=OUTPUTS, default="table")
    show_examples(command, "%(prog)s collector.yaml", "%(prog)s collector.yaml --output json")


def _add_rules(command: argparse.ArgumentParser) -> None:
    command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file; its problems.limits are used")
    add_env_file(command)
    show_examples(command, "%(prog)s collector.yaml > /etc/prometheus/rules/dcim.rules.yml")


def _add_forget(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Clears the documents that the broker retains of a device, or of an agent and all of its devices. Running collectors forget"
        " their values and series by it. History in the store stays."
    )
    command.add_argument(
        "config", type=Path, metavar="CONFIG", help="YAML file of a collector; its section `broker` is used"
    )
    add_env_file(command)
    command.add_argument("target", type=_target, metavar="SITE/AGENT[/DEVICE]", help="what to forget")
    command.add_argument("--dry-run", action="store_true", help="list what would be forgotten, and change nothing")
    command.add_argument(
        "--force",
        action="store_true",
        help="also if the agent's status is online, because the broker lost its last will",
    )
    command.add_argument("--username", metavar="ACCOUNT", help="account at the broker; that of CONFIG when left out")
    command.add_argument("--password", metavar="env:NAME", help="environment variable that has the account's password")
    command.add_argument("--cert-file", metavar="FILE", help="client certificate of the account")
    command.add_argument("--key-file", metavar="FILE", help="private key of the client certificate")
    show_examples(
        command,
        "%(prog)s collector.yaml casablanca/gw-1/pdu-a1-a --dry-run",
        "%(prog)s collector.yaml casablanca/gw-1 --username gw-1 --password env:GW_1_PASSWORD",
    )


def _target(text: str) -> Target:
    try:
        return Target.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _run_beside(config: CollectorConfig, arguments: argparse.Namespace) -> int:
    """Run a command that may run beside a collector: it reads and prints, or talks to the broker."""
    match arguments.command:
        case "ledger":
            return _ledger(config, arguments)
        case "report":
            sys.stdout.write("".join(f"{path}\n" for path in report(config, arguments, time.time())))
        case "rules":
            sys.stdout.write(rules_yaml(load_limits(config.problems.limits, load_table())))
        case "forget":
            return _forget(config, arguments)
        case "backup":
            made = make_backup(config, arguments.folder)
            sys.stdout.write(f"{arguments.folder}: {', '.join(made.files)}\n")
        case "restore":
            put_back = restore_backup(config, arguments.folder)
            sys.stdout.write(
                f"restored {', '.join(put_back.files)} of {put_back.time}; what was there is beside it as *{REPLACED}\n"
            )
        case _:
            sys.stdout.write(f"{arguments.config}: ok\n")
    return 0


def _forget(config: CollectorConfig, arguments: argparse.Namespace) -> int:
    given = {"password": arguments.password, "cert_file": arguments.cert_file, "key_file": arguments.key_file}
    if arguments.password is not None and not names_source(arguments.password):
        raise ConfigError(
            "--password: a password on a command line can be read by everybody; write env:NAME or file:PATH"
        )
    broker = account_of(config.broker, arguments.username, {name: each for name, each in given.items() if each})
    # Without accounts a broker cannot tell clients apart by their account either.
    is_collectors = broker.username is not None and broker.username == config.broker.username
    work = forget(
        broker, arguments.target, is_collectors=is_collectors, dry_run=arguments.dry_run, force=arguments.force
    )
    sys.stdout.write("".join(f"{line}\n" for line in asyncio.run(work)))
    return 0


def _ledger(config: CollectorConfig, arguments: argparse.Namespace) -> int:
    since = since_ms(arguments.since, int(time.time() * 1000)) if arguments.since else 0
    found = accounts([read_page(config.ledger_path), *map(read_any, arguments.others)], since)
    print_lines(as_json(found) if arguments.output == "json" else as_table(found))
    # The exit status makes the command usable in a cron job or health check.
    return EXIT_FAILED if any(sums.missing for sums in found) else 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        # Imported here because only `run` needs it.
        import uvloop  # noqa: PLC0415 - optional, and absent on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


def main(argv: Sequence[str] | None = None, prog: str = "rackflow-collector") -> int:
    """Run one command, and return its exit status."""
    arguments = parser(prog).parse_args(argv)
    # Until the configuration says otherwise: without it, Python writes warnings to stderr as they are.
    configure_logging("warning")
    try:
        load_env_file(arguments.env_file)
        if arguments.command == "doctor":
            findings = examine(arguments.config)
            print_lines(render_findings(findings, arguments.output))
            return exit_status(findings)
        config = load_collector_config(arguments.config)
        # Loaded here and not only in `run`, so that `check` finds mistakes in the site file as well.
        if config.site_file is not None:
            load_site(config.site_file)
        load_access(config.http.web_config)
        if arguments.command != "run":
            return _run_beside(config, arguments)
        configure_logging(config.log_level)
        raise_open_files()
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run(config, deadline=StopDeadline()))
    except ConfigError as error:
        print_error(error)
        return EXIT_BAD_CONFIG
    except RackflowError as error:
        print_error(error, str(arguments.config))
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED
    return 0
