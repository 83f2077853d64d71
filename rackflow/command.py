"""The command `rackflow`: one door to the agent, the collector, the simulator and their commands.

Which side has a command is a table, and a side is imported only when one of its commands is run: `rackflow read` must not load the
collector's libraries, and a side whose extra is not installed must not prevent the others. It is imported by its name, because this
package imports no side.
"""

import argparse
import contextlib
import difflib
import importlib
import platform
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, cast

from rackflow.completion import SHELLS, completion
from rackflow.errors import ConfigError
from rackflow.process.commands import EXIT_USAGE, OWN, print_error, report_missing_extra, show_examples
from rackflow.process.files import mode_of
from rackflow.process.machine_output import OUTPUTS, as_text
from rackflow.process.progress import each_shown
from rackflow.process.yaml import load_yaml_file
from rackflow.version import installed_version

PROGRAM = "rackflow"


class Side(Protocol):
    """The command line of a side: the module that has it."""

    def main(self, argv: Sequence[str] | None = None, prog: str = ...) -> int:
        """Run a command; returns the exit status."""

    def parser(self, prog: str = ...) -> argparse.ArgumentParser:
        """Its command line."""


@dataclass(frozen=True, slots=True)
class Delegate:
    """Where a command is: the module, its extra, and whether the command is one of that side's own or the whole side."""

    module: str
    extra: str
    help: str
    whole: bool = False


Watched = Callable[[Collection[tuple[str, Delegate]]], Iterable[tuple[str, Delegate]]]

AGENT, COLLECTOR, SIMULATOR, DEMO = "agent.cli", "collector.cli", "simulator.cli", "simulator.demo.run"
DELEGATES: Mapping[str, Delegate] = {
    "agent": Delegate(AGENT, "agent", "poll devices and publish their readings (rackflow-agent)", whole=True),
    "collector": Delegate(COLLECTOR, "collector", "store readings and serve figures (rackflow-collector)", whole=True),
    "sim": Delegate(SIMULATOR, "sim", "simulate devices and sites (rackflow-sim)", whole=True),
    "demo": Delegate(DEMO, "sim", "run everything on this machine (rackflow-demo)", whole=True),
    "discover": Delegate(AGENT, "agent", "find devices, and make entries of the agent's configuration of them"),
    "read": Delegate(AGENT, "agent", "poll one device once, and show its readings"),
    "walk": Delegate(AGENT, "agent", "record a device, without what is private"),
    "replay": Delegate(AGENT, "agent", "show the readings of a recording"),
    "profiles": Delegate(AGENT, "agent", "list, check and draft device profiles"),
    "site": Delegate(AGENT, "agent", "draft, import and check site files"),
    "doctor": Delegate(AGENT, "agent", "check an agent's or a collector's configuration and all that it needs"),
    "ledger": Delegate(COLLECTOR, "collector", "account for every message"),
    "report": Delegate(COLLECTOR, "collector", "report a month"),
    "forget": Delegate(COLLECTOR, "collector", "forget a retired agent or device"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words and words[0] in DELEGATES:
        return _delegate(words[0], words[1:])
    if words and not words[0].startswith("-") and words[0] not in {"completion", "version"}:
        print_error(f"no command {words[0]!r}; {_instead_of(words[0])}", PROGRAM)
        return EXIT_USAGE
    if not words:
        # Somebody who types the name alone asks what there is.
        parser().print_help(sys.stderr)
        return EXIT_USAGE
    arguments = parser().parse_args(words)
    if arguments.name == "completion":
        return _completion(arguments.shell)
    sys.stdout.write(f"{_version(arguments.output)}\n")
    return 0


def _version(output: str) -> str:
    if output == "table":
        return installed_version()
    found = {"rackflow": installed_version(), "python": platform.python_version(), "system": platform.platform()}
    return as_text(found, output)


def _instead_of(word: str) -> str:
    """The command that somebody may have meant by this word."""
    # `check` is one of the agent and of the collector, and a page that says `rackflow-agent check` is soon read as `rackflow check`.
    owners = []
    for name in (name for name, each in DELEGATES.items() if each.whole):
        with contextlib.suppress(ModuleNotFoundError):
            side = cast("Side", importlib.import_module(DELEGATES[name].module))
            owners += [name] if word in subcommands(side.parser(f"{PROGRAM} {name}")) else []
    if owners:
        return f"it is one of a side: {' or '.join(f'`{PROGRAM} {name} {word}`' for name in owners)}"
    close = difflib.get_close_matches(word, [*DELEGATES, "completion", "version"], n=1)
    return f"did you mean {close[0]!r}?" if close else f"`{PROGRAM} --help` lists them"


def parser() -> argparse.ArgumentParser:
    """The commands with one line each. It imports no side, and does not know their arguments."""
    root, commands = _root()
    for name, delegate in DELEGATES.items():
        commands.add_parser(name, help=delegate.help, add_help=False)
    _add_own(commands)
    return root


def whole_parser(without: list[str] | None = None, watched: Watched = iter) -> argparse.ArgumentParser:
    """All commands with all their arguments, for completion and for checks.

    Raises ModuleNotFoundError without their libraries. With `without`, a command whose library is not installed has no arguments
    instead, and its name is added to that list. Importing all sides takes two seconds, which `watched` may show.
    """
    root, commands = _root()
    for name, delegate in watched(DELEGATES.items()):
        try:
            side = cast("Side", importlib.import_module(delegate.module))
            found = side.parser(f"{PROGRAM} {name}" if delegate.whole else PROGRAM)
        except ModuleNotFoundError as error:
            if without is None or (error.name or "").partition(".")[0] in OWN:
                raise
            without.append(name)
            commands.add_parser(name, help=delegate.help, add_help=False)
            continue
        if not delegate.whole:
            found = subcommands(found)[name]
        commands.add_parser(
            name,
            parents=[found],
            add_help=False,
            help=delegate.help,
            description=found.description,
            epilog=found.epilog,
            formatter_class=found.formatter_class,
        )
    _add_own(commands)
    return root


def subcommands(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands of a parser by their names; empty if it has none."""
    # argparse has no public way to what a parser consists of (completion.py looks there as well).
    for action in of._actions:  # noqa: SLF001 - as said above
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as said above
            return dict(action.choices)
    return {}


def _root() -> "tuple[argparse.ArgumentParser, argparse._SubParsersAction[argparse.ArgumentParser]]":
    root = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Telemetry of power and cooling: finds devices, polls them, stores and explains what they say.",
    )
    root.add_argument("--version", action="version", version=installed_version())
    show_examples(
        root,
        "%(prog)s demo",
        "%(prog)s discover 192.0.2.0/24 --output yaml > agent.yaml",
        "%(prog)s agent run agent.yaml",
        "%(prog)s read --help",
    )
    return root, root.add_subparsers(dest="name", required=True, metavar="COMMAND")


def _add_own(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("completion", help="print what a shell needs to complete these commands")
    command.add_argument("shell", choices=SHELLS, help="for which shell")
    show_examples(
        command,
        "%(prog)s bash > /etc/bash_completion.d/rackflow",
        "%(prog)s fish > ~/.config/fish/conf.d/rackflow.fish",
    )
    command = commands.add_parser("version", help="print the version")
    command.add_argument(
        "--output", choices=OUTPUTS, default="table", help="table: the number alone; the others: also Python and system"
    )
    show_examples(command, "%(prog)s", "%(prog)s --output json")


def _delegate(name: str, words: Sequence[str]) -> int:
    delegate = DELEGATES[name]
    if name == "doctor" and _is_collectors(words):
        delegate = DELEGATES["ledger"]
    try:
        side = cast("Side", importlib.import_module(delegate.module))
        if delegate.whole:
            return side.main(words, prog=f"{PROGRAM} {name}")
        return side.main([name, *words], prog=PROGRAM)
    except ModuleNotFoundError as error:
        return report_missing_extra(f"{PROGRAM} {name}", delegate.extra, error)


def _is_collectors(words: Sequence[str]) -> bool:
    """Whether a configuration among the arguments of `doctor` is a collector's. Only an agent's has `devices`."""
    for word in words:
        try:
            found = (
                load_yaml_file(Path(word)) if not word.startswith("-") and stat.S_ISREG(mode_of(Path(word))) else None
            )
        except ConfigError:
            continue
        if isinstance(found, dict):
            return "devices" not in found and ("store" in found or "dead_letter" in found)
    return False


def _completion(shell: str) -> int:
    # A gateway has the libraries of the agent alone, and an installation without the extra `sim` not those of the demo.
    without: list[str] = []
    watched = partial(each_shown, "commands")
    sys.stdout.write(completion(whole_parser(without, watched), shell, subcommands))
    if without:
        sys.stderr.write(
            f"{PROGRAM} completion: without the options of {', '.join(without)}, because their extra is not installed;"
            " write it again once it is\n"
        )
    return 0
