"""Every error of a command about a collector's state says what to do, not only what is wrong."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import collector

ROOT = Path(collector.__file__).parent
# The commands backup, restore, ledger, report and forget.
MODULES = ["backup.py", "forget.py", *(f"{each}/*.py" for each in ("report", "ledger", "records"))]
# What a remedy stands behind, or what has one inside: a text of another module, by its name here.
REMEDIES = ("; ", ": stop ", " choose ", " give ")
WITH_REMEDY = {
    "alive",
    "in_use",
    "fault_and_remedy",
    "unreadable",
    "remedy",
    "remedy_of_writing",
    "NO_LEDGER",
    "DAMAGED",
    "has",
}


def raised() -> Iterator[tuple[str, ast.expr]]:
    """Each text that such a module raises, with its place."""
    for pattern in MODULES:
        for path in sorted(ROOT.glob(pattern)):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Raise(exc=ast.Call(func=ast.Name(id="RackflowError" | "ConfigError"), args=[text, *_])):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", text


TEXTS = dict(raised())


def test_texts_are_found() -> None:
    assert len(TEXTS) > 25


@pytest.mark.parametrize("place", TEXTS)
def test_an_error_of_a_command_has_a_remedy(place: str) -> None:
    """A counter-example: `the records have no whole hour of 2026-10` did not say what to do."""
    parts = list(ast.walk(TEXTS[place]))
    said = "".join(each.value for each in parts if isinstance(each, ast.Constant) and isinstance(each.value, str))
    names = {each.id for each in parts if isinstance(each, ast.Name)}
    assert any(each in said for each in REMEDIES) or names & WITH_REMEDY, f"no remedy: {said!r}"
