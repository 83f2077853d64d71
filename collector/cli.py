"""The command `rackflow-collector`: arguments in, exit status out (0 ok, 1 failed, 2 usage, 78 bad configuration)."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from collector.config import CollectorConfig, load_collector_config
from collector.ledger import accounts, as_json, as_table, read_any, read_page, since_ms
from collector.report import add_report, report
from collector.run import run
from rackflow import ConfigError, RackflowError
from rackflow.process.logs import configure_logging
from rackflow.site import load_site
from rackflow.version import installed_version

EXIT_FAILED = 1
EXIT_BAD_CONFIG = 78


def parser() -> argparse.ArgumentParser:
    """The command line; the reference in docs/ is generated from it."""
    root = argparse.ArgumentParser(prog="rackflow-collector", description="From MQTT to a store and to Prometheus.")
    root.add_argument("--version", action="version", version=installed_version())
    commands = root.add_subparsers(dest="command", required=True)
    for name, text in (("run", "collect until SIGTERM"), ("check", "validate the configuration, offline")):
        command = commands.add_parser(name, help=text)
        command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file")
    ledger = commands.add_parser("ledger", help="the account of every message; exit status 1 if any is missing")
    ledger.add_argument("config", type=Path, metavar="CONFIG", help="YAML file")
    ledger.add_argument("--since", metavar="TIME", help="like 2h, or a date and time (ISO 8601, UTC)")
    ledger.add_argument(
        "--with",
        dest="others",
        metavar="FILE_OR_URL",
        action="append",
        default=[],
        help="ledger of another collector behind the same shared subscription: its file, or http://HOST:9420/ledger",
    )
    ledger.add_argument("--output", choices=("table", "json"), default="table")
    command = commands.add_parser("report", help="energy, carbon and availability of a month, as CSV and as a page")
    command.add_argument("config", type=Path, metavar="CONFIG", help="YAML file")
    add_report(command)
    return root


def _told(config: CollectorConfig, arguments: argparse.Namespace) -> int:
    """The commands that only read and print."""
    match arguments.command:
        case "ledger":
            return _ledger(config, arguments)
        case "report":
            sys.stdout.write("".join(f"{path}\n" for path in report(config, arguments, time.time())))
        case _:
            sys.stdout.write(f"{arguments.config}: ok\n")
    return 0


def _ledger(config: CollectorConfig, arguments: argparse.Namespace) -> int:
    since = since_ms(arguments.since, int(time.time() * 1000)) if arguments.since else 0
    found = accounts([read_page(config.ledger_path), *map(read_any, arguments.others)], since)
    sys.stdout.write((as_json(found) if arguments.output == "json" else as_table(found)) + "\n")
    return EXIT_FAILED if any(sums.missing for sums in found) else 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional, and absent on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status of one command."""
    arguments = parser().parse_args(argv)
    try:
        config = load_collector_config(arguments.config)
        if config.site_file is not None:
            load_site(config.site_file)
        if arguments.command != "run":
            return _told(config, arguments)
        configure_logging(config.log_level)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run(config))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BAD_CONFIG
    except RackflowError as error:
        sys.stderr.write(f"{arguments.config}: {error}\n")
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_FAILED
    return 0
