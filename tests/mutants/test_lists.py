"""The lists that `make mutants` reads match the tree, so a name changed in the code is changed in them, too."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.copies import ROOT
from tests.mutants.making import Key
from tests.mutants.named import Break, read_breaks
from tests.mutants.table import read
from tests.mutants.targets import read_targets

LISTS = ROOT / "tests" / "mutants"
NAMED = sorted((LISTS / "named").glob("*.yaml"))


@pytest.mark.parametrize("file", NAMED, ids=lambda file: file.stem)
def test_every_named_break_can_be_made_and_names_tests_that_are_there(file: Path) -> None:
    breaks = read_breaks([file])
    assert breaks
    assert {each.name: fault for each in breaks if (fault := fault_of(each))} == {}


def fault_of(each: Break) -> str | None:
    try:
        each.text(ROOT)
    except ValueError as error:
        return str(error)
    return ", ".join(test for test in each.tests if not (ROOT / test.partition("::")[0]).is_file()) or None


@pytest.mark.parametrize("file", NAMED, ids=lambda file: file.stem)
def test_a_named_break_is_python_and_uses_no_name_that_its_module_does_not_have(file: Path, tmp_path: Path) -> None:
    """Else it would raise an error wherever it is reached, and so be noticed by any test, whether that holds the promise or not."""
    breaks = [each for each in read_breaks([file]) if each.file.endswith(".py")]
    for at, each in enumerate(breaks):
        (tmp_path / f"{at}.py").write_text(each.text(ROOT), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "--output-format", "json"]
    found = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    faults = json.loads(found.stdout)
    assert {breaks[int(Path(each["filename"]).stem)].name: each["message"] for each in faults} == {}


def test_no_break_has_the_name_of_another() -> None:
    names = [each.name for each in read_breaks(NAMED)]
    assert sorted(names) == sorted(set(names))


def test_every_module_that_is_broken_and_every_test_that_is_to_notice_is_there() -> None:
    modules = read_targets(LISTS, ROOT).modules
    files = {*modules, *(test.partition("::")[0] for tests in modules.values() for test in tests)}
    assert [file for file in sorted(files) if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize(
    "file", sorted((ROOT / "tests").rglob("test_promised_times.py")), ids=lambda file: file.parent.name
)
def test_a_module_whose_times_and_bounds_are_held_in_figures_has_the_test_of_them(file: Path) -> None:
    """Else a mutant of one of them would count as noticed by none."""
    modules = read_targets(LISTS, ROOT).modules
    imports = [each for each in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(each, ast.ImportFrom)]
    held = {f"{each.module}.{name.name}".replace(".", "/") + ".py" for each in imports for name in each.names}
    test = file.relative_to(ROOT).as_posix()
    assert [module for module in sorted(held & modules.keys()) if test not in modules[module]] == []


def test_every_module_has_a_score_and_every_score_a_module() -> None:
    """A module that is added without one may be noticed by none of its tests; see docs/explanation/mutants.md."""
    measured = {module for module, counts in read(LISTS / "scores.yaml").items() if "after" in counts}
    assert measured ^ {*read_targets(LISTS, ROOT).modules} == set()


def test_every_mutant_that_is_called_equivalent_changes_code_that_is_there() -> None:
    """A run over some mutants of a module, as the scores are made of, does not come to all and so cannot tell."""
    assert [key for key in read_targets(LISTS, ROOT).equivalent if key.original not in code_of(key)] == []


def code_of(key: Key) -> str:
    """The code of the function or class that the mutant is in, as the list has it: lines stripped, and joined by a space."""
    source = (ROOT / key.module).read_text(encoding="utf-8")
    lines = source.splitlines()
    node: ast.AST | None = ast.parse(source)
    for name in key.function.split(".") if key.function else ():
        scope = ast.walk(node) if node is not None else ()
        node = next((each for each in scope if getattr(each, "name", None) == name), None)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        lines = lines[node.lineno - 1 : node.end_lineno]
    return " ".join(line.strip() for line in lines) if node is not None else ""
