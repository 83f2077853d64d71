"""What a package says at its door, and what comments say of other modules, is true: a reader who is sent to a module finds it."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.counters import FAILURE_REASONS

REPOSITORY = Path(__file__).resolve().parents[1]
SHIPPED = sorted(
    file
    for folder in ("rackflow", "agent", "collector", "simulator", "grafana")
    for file in (REPOSITORY / folder).rglob("*.py")
)
DOORS = [file for file in SHIPPED if file.name == "__init__.py"]


@pytest.mark.parametrize("door", DOORS, ids=lambda door: str(door.parent.relative_to(REPOSITORY)))
def test_a_door_names_every_module_behind_it(door: Path) -> None:
    text = ast.get_docstring(ast.parse(door.read_text(encoding="utf-8"))) or ""
    behind = {file.stem for file in door.parent.glob("*.py")} | {
        file.parent.name for file in door.parent.glob("*/__init__.py")
    }
    assert sorted(behind - {"__init__"} - set(re.findall(r"`(\w+)(?:\.py)?`", text))) == []


def test_the_guide_names_the_place_of_each_reason_for_which_a_message_or_reading_is_left_out() -> None:
    guide = (REPOSITORY / "docs/how-to/change-the-code.md").read_text(encoding="utf-8")
    section = guide.partition("## Find where a reading or a message was left out\n")[2].partition("\n## ")[0]
    assert sorted(set(FAILURE_REASONS) - set(re.findall(r"`(\w+)`", section))) == []


@pytest.mark.parametrize("folder", ["rackflow", "agent", "collector", "simulator", "grafana"])
def test_a_module_that_a_comment_names_is_there(folder: str) -> None:
    names = {file.name for file in SHIPPED}
    missing = [
        f"{file.relative_to(REPOSITORY)}:{line}: {named}"
        for file in SHIPPED
        if file.is_relative_to(REPOSITORY / folder)
        for line, text in prose(file)
        for named in re.findall(r"`([\w/]+\.py)`", text)
        if not is_there(named, file, names)
    ]
    assert missing == []


def is_there(named: str, file: Path, names: set[str]) -> bool:
    """A bare name may be that of any module; a path begins at the repository, or at a package that the file is in."""
    if "/" not in named:
        return named in names
    return any((folder / named).is_file() for folder in file.parents if folder.is_relative_to(REPOSITORY))


def prose(file: Path) -> Iterator[tuple[int, str]]:
    """Comments and docstrings, those of attributes included, each with its line."""
    text = file.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
