"""The lists that `make mutants` reads match the tree, so a name changed in the code is changed in them, too."""

import ast
from pathlib import Path

import pytest

from tests.mutants.copies import ROOT
from tests.mutants.named import Break, read_breaks
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
        text = each.text(ROOT)
        if each.file.endswith(".py"):
            ast.parse(text)
    except (ValueError, SyntaxError) as error:
        return str(error)
    return ", ".join(test for test in each.tests if not (ROOT / test.partition("::")[0]).is_file()) or None


def test_no_break_has_the_name_of_another() -> None:
    names = [each.name for each in read_breaks(NAMED)]
    assert sorted(names) == sorted(set(names))


def test_every_module_that_is_broken_and_every_test_that_is_to_notice_is_there() -> None:
    modules = read_targets(LISTS, ROOT).modules
    files = {*modules, *(test.partition("::")[0] for tests in modules.values() for test in tests)}
    assert [file for file in sorted(files) if not (ROOT / file).is_file()] == []
