"""The commands about what a collector has kept: `ledger`, `report`, `forget`, `backup` and `restore`."""

import argparse
import asyncio
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec

from collector.already_running import where_connected
from collector.backup import make_backup, restore_backup
from collector.commands_run import add_config, load_config
from collector.forget import Target, account_of, account_options, forget, nothing_retained, render_forgotten
from collector.ledger import accounts, as_data, as_table, read_any, read_snapshot, since_ms
from collector.report import add_report, report
from rackflow.errors import ConfigError, RackflowError
from rackflow.process.commands import EXIT_FAILED, print_error, print_lines, show_examples
from rackflow.process.machine_output import OUTPUTS, as_text
from rackflow.process.progress import each_shown
from rackflow.process.secret import names_source
from rackflow.site import load_site


def add_ledger(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `ledger`."""
    add_config(command)
    command.add_argument(
        "--since", metavar="TIME", help="only from this time on: 2h, or a date and time (ISO 8601, UTC)"
    )
    command.add_argument(
        "--with",
        dest="others",
        metavar="FILE_OR_URL",
        action="append",
        default=[],
        help="ledger of another collector behind the same shared subscription: its file, or http://HOST:9420/ledger, with"
        " NAME:PASSWORD@ before HOST if it asks for them",
    )
    command.add_argument("--output", choices=OUTPUTS, default="table", help="table for people, the others for programs")
    show_examples(
        command,
        "%(prog)s collector.yaml --since 1d",
        "%(prog)s collector.yaml --with http://192.0.2.21:9420/ledger --output json",
        exits={
            EXIT_FAILED: "a message is missing without a reason, or there is none to account for; for a cron job or health check"
        },
    )
    command.set_defaults(command=_ledger)


def add_month(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `report`."""
    add_config(command)
    add_report(command)
    show_examples(command, "%(prog)s collector.yaml --month 2026-10 --timezone Africa/Casablanca --output reports")
    command.set_defaults(command=_report)


def add_forget(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `forget`."""
    command.description = (
        "Clears the documents that the broker retains of a device, or of an agent and all of its devices. Running collectors forget"
        " their values and series by it. History in the store stays."
    )
    add_config(command, "YAML file of a collector; its section `broker` is used")
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
    command.add_argument("--output", choices=OUTPUTS, default="table", help="table for people, the others for programs")
    show_examples(
        command,
        "%(prog)s collector.yaml cas1/gw-1/pdu-b07-a --dry-run",
        "%(prog)s collector.yaml cas1/gw-1 --username gw-1 --password env:GW_1_PASSWORD",
    )
    command.set_defaults(command=_forget)


def add_backup(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `backup`."""
    _add_folder(command)
    command.set_defaults(command=_backup)


def add_restore(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `restore`."""
    _add_folder(command)
    command.set_defaults(command=_restore)


def _add_folder(command: argparse.ArgumentParser) -> None:
    add_config(command)
    command.add_argument("folder", type=Path, metavar="FOLDER", help="folder of the backup")
    command.add_argument(
        "--output", choices=OUTPUTS, default="table", help="table: a line for people; the others for programs"
    )
    show_examples(
        command, "%(prog)s /etc/rackflow/collector.yaml /backup/2026-11-26 --env-file /etc/rackflow/collector.env"
    )


def _target(text: str) -> Target:
    try:
        return Target.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _ledger(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    since = since_ms(arguments.since, int(time.time() * 1000)) if arguments.since else 0
    reads = [partial(read_snapshot, config.ledger_path), *(partial(read_any, other) for other in arguments.others)]
    found = accounts([read() for read in each_shown("ledgers", reads)], since)
    print_lines(as_table(found) if arguments.output == "table" else as_text(as_data(found), arguments.output))
    if not found:
        when = f"since {datetime.fromtimestamp(since / 1000, UTC):%Y-%m-%d %H:%M} UTC" if since > 0 else "yet"
        print_error(
            f"{arguments.config}: no message of any agent was received {when}; see whether agents and collector run:"
            f" rackflow doctor {arguments.config}"
        )
    return EXIT_FAILED if not found or any(sums.missing for sums in found) else 0


def _report(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    zone = load_site(config.site_file).timezone if config.site_file is not None else None
    sys.stdout.write("".join(f"{path}\n" for path in report(config, arguments, time.time(), zone)))
    if arguments.timezone is None and zone is None:
        # A month of a site in another zone has other hours, and its days have other sums.
        sys.stderr.write("days are those of UTC; --timezone, or `timezone` of the site file, names another zone\n")
    return 0


def _forget(arguments: argparse.Namespace) -> int:
    config = load_config(arguments.config)
    given = {"password": arguments.password, "cert_file": arguments.cert_file, "key_file": arguments.key_file}
    if arguments.password is not None and not names_source(arguments.password):
        raise ConfigError(
            "--password: a password on a command line can be read by everybody; write env:NAME or file:PATH"
        )
    broker = account_of(config.broker, arguments.username, {name: each for name, each in given.items() if each})
    if arguments.username is None and (url := asyncio.run(where_connected(config))):
        raise RackflowError(
            f"the collector that runs ({url}) uses account {broker.account()}, and a broker that gives each account one client would end"
            f" its connection; give an operator's account with {account_options(broker)}, or name this one with them"
        )
    # Without accounts a broker cannot tell clients apart by their account either.
    is_collectors = broker.username is not None and broker.username == config.broker.username
    work = forget(
        broker, arguments.target, is_collectors=is_collectors, dry_run=arguments.dry_run, force=arguments.force
    )
    found = asyncio.run(work)
    if found or arguments.output != "table":
        print_lines(render_forgotten(found, dry_run=arguments.dry_run, output=arguments.output))
    if not found:
        # Beside the output, which programs read.
        print_error(nothing_retained(arguments.target, broker))
    return 0


def _backup(arguments: argparse.Namespace) -> int:
    made = make_backup(load_config(arguments.config), arguments.folder)
    if arguments.output == "table":
        sys.stdout.write(f"{arguments.folder}: {', '.join(made.files)}\n")
    else:
        print_lines(as_text({"folder": str(arguments.folder), **msgspec.to_builtins(made)}, arguments.output))
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    put_back, kept = restore_backup(load_config(arguments.config), arguments.folder)
    if arguments.output == "table":
        files = ", ".join(put_back.files)
        sys.stdout.write(f"restored {files} of {put_back.time}; what was there is beside it as *{kept}\n")
        if "ledger" in put_back.files:
            sys.stdout.write("what was stored since then is in the store, and missing in the ledger\n")
    else:
        said = {"folder": str(arguments.folder), "kept": f"*{kept}", **msgspec.to_builtins(put_back)}
        print_lines(as_text(said, arguments.output))
    return 0
