"""What the `check` commands say of a file: lines for people, or the same as one document for programs (`--output json`, `yaml`)."""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rackflow.errors import ConfigError, ProfileError
from rackflow.escape import redact_urls
from rackflow.process.commands import EXIT_CONFIG, print_error, print_lines
from rackflow.process.machine_output import OUTPUTS, as_text


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a file is right, and what there is in it."""

    faults: tuple[str, ...] = ()
    """Lines `file:line: key: what is wrong; remedy`."""
    warnings: tuple[str, ...] = ()
    summary: str = ""
    """One line for people; not shown if it is empty."""
    notes: tuple[str, ...] = ()
    """Further lines for people."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What the file has, such as `{"devices": 200}`: the numbers of the summary."""


def add_output(command: argparse.ArgumentParser) -> None:
    """Add the option that `check_file` takes."""
    command.add_argument(
        "--output", choices=OUTPUTS, default="table", help="table: a line for people; the others for programs"
    )


def check_file(path: Path, output: str, examine: Callable[[], Verdict]) -> int:
    """Show what `examine` finds about the file; returns the exit status.

    For people, a ConfigError or ProfileError goes on to the caller, as with any other command. Programs get it as faults on stdout.
    """
    if output == "table":
        return _show(examine())
    try:
        verdict = examine()
    except (ConfigError, ProfileError) as error:
        verdict = Verdict(tuple(str(error).split("\n")))
    data = {
        "file": str(path),
        "ok": not verdict.faults,
        "faults": [redact_urls(each) for each in verdict.faults],
        "warnings": [redact_urls(each) for each in verdict.warnings],
        "notes": list(verdict.notes),
        **verdict.counts,
    }
    print_lines(as_text(data, output))
    return EXIT_CONFIG if verdict.faults else 0


def _show(verdict: Verdict) -> int:
    for line in (*verdict.faults, *(f"{each} (a warning)" for each in verdict.warnings)):
        print_error(line)
    lines = ([verdict.summary] if verdict.summary else []) + list(verdict.notes)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return EXIT_CONFIG if verdict.faults else 0
