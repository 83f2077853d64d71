"""The table of scores in docs/explanation/mutants.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rackflow.process.yaml import load_yaml_file
from tests.mutants.score import Score

BEGIN, END = "<!-- table: make mutants ARGS=table -->", "<!-- end of table -->"
COLUMNS = ("before", "after")


def keep(file: Path, column: str, scores: Mapping[str, Score]) -> None:
    """Write the scores of some modules into one column of `scores.yaml`, so that a stop in between leaves the old file whole."""
    found = read(file)
    for module, score in scores.items():
        found.setdefault(module, {})[column] = [score.killed, score.total]
    text = yaml.safe_dump(found, default_flow_style=None, width=120)
    new = file.with_suffix(".new")
    new.write_text(
        f"# Killed and all mutants of each module. Written by make mutants ARGS=--write=COLUMN.\n{text}", "utf-8"
    )
    new.replace(file)


def read(file: Path) -> dict[str, dict[str, list[int]]]:
    found: Any = load_yaml_file(file) if file.is_file() else None
    return dict(found or {})


def rows(found: Mapping[str, Mapping[str, list[int]]]) -> list[str]:
    """A Markdown table: a row for each module, and the sums."""
    sums = {
        column: [sum(counts[column][at] for counts in found.values() if column in counts) for at in (0, 1)]
        for column in COLUMNS
    }
    lines = [(f"`{module}`", found[module]) for module in sorted(found)] + [("all", sums)]
    return [
        "| module | before | after |",
        "|---|---:|---:|",
        *(f"| {name} | {' | '.join(cell(counts.get(column)) for column in COLUMNS)} |" for name, counts in lines),
    ]


def cell(counts: list[int] | None) -> str:
    return f"{counts[0]} of {counts[1]} ({100 * counts[0] / counts[1]:.0f} %)" if counts and counts[1] else ""


def put(document: Path, table: list[str]) -> None:
    """Replace the table in a document."""
    text = document.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    document.write_text("\n".join([head + BEGIN, *table, END + tail]), encoding="utf-8")
