"""`make mutants` on a small tree, run as a user runs it: its output for named breaks and for mutants."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants import table
from tests.mutants.copies import ROOT
from tests.servers.waiting import wait_until

FILES = {
    "rackflow/__init__.py": "",
    "rackflow/limits.py": """import logging

log = logging.getLogger(__name__)
HOURS = 24


def overloaded(load_w: float, rating_w: float) -> bool:
    log.info("load %s", load_w)
    return load_w > rating_w


def spare(load_w: float, rating_w: float) -> float:
    return rating_w - load_w
""",
    "deploy/rules.yml": "alert: Overload\n",
    # Without the plugin of schemathesis, as here: it takes two seconds of each start of pytest.
    "pyproject.toml": '[tool.pytest.ini_options]\naddopts = ["--import-mode=importlib", "-p", "no:schemathesis"]\n',
    "tests/test_limits.py": """import subprocess
import sys
from pathlib import Path

from rackflow.limits import overloaded


def test_overload():
    assert overloaded(11, 10)
    assert not overloaded(10, 10)


def test_spare_of_another_process():
    script = "from rackflow.limits import spare; print(spare(3, 10))"
    assert subprocess.check_output([sys.executable, "-c", script], cwd="/") == b"7\\n"


def test_rule():
    assert Path("deploy/rules.yml").read_text() == "alert: Overload\\n"
""",
    "tests/mutants/targets.yaml": """floor_percent: 90
sample: {count: 3, seed: 1, cpu_budget_s: 10, floor_percent: 60}
left_out:
  lines: [{pattern: getLogger, reason: a name}]
  calls: [{pattern: '^log\\.', reason: a wording}]
modules:
  rackflow/limits.py: [tests/test_limits.py]
""",
    "tests/mutants/equivalent.yaml": """- module: rackflow/limits.py
  function: ""
  original: HOURS = 24
  mutated: HOURS = None
  reason: for this test
""",
}
MUTANT = {"module": "rackflow/limits.py"}
TESTS = "tests: [tests/test_limits.py]"
KILLED_HERE = (
    f"- {{name: here, file: rackflow/limits.py, replace: load_w > rating_w, with: load_w >= rating_w, {TESTS}}}"
)
# Where the editable installation of this project won, the process would run the unbroken code.
KILLED_ELSEWHERE = f"- {{name: elsewhere, file: rackflow/limits.py, replace: rating_w - load_w, with: '8', {TESTS}}}"
KILLED_IN_RULES = f"- {{name: rules, file: deploy/rules.yml, replace: Over, with: Under, {TESTS}}}"
SURVIVES = f"- {{name: hours, file: rackflow/limits.py, replace: '24', with: '23', {TESTS}}}"
ENDS_TESTS = f"- {{name: ends, file: rackflow/limits.py, replace: return load_w > rating_w, with: __import__('os')._exit(70), {TESTS}}}"
NOT_ONCE = f"- {{name: twice, file: rackflow/limits.py, replace: return, with: pass, {TESTS}}}"
NOT_IMPORTED = f"- {{name: broken, file: rackflow/limits.py, replace: import logging, with: import nothing, {TESTS}}}"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "tree" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path / "tree"


def mutants(tree: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit status, and the lines printed."""
    command = [sys.executable, "-m", "tests.mutants", f"--root={tree}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, [*done.stdout.splitlines(), *done.stderr.splitlines()]


def named(tree: Path, *entries: str) -> tuple[int, list[str]]:
    file = tree / "named.yaml"
    file.write_text("\n".join(entries), encoding="utf-8")
    return mutants(tree, "named", str(file))


def test_a_break_is_noticed_in_this_process_in_another_and_in_a_file_that_is_no_code(tree: Path) -> None:
    status, lines = named(tree, KILLED_HERE, KILLED_ELSEWHERE, KILLED_IN_RULES, ENDS_TESTS)
    found = {line.partition(" | ")[0]: line.split(" | ")[1] for line in lines[:-1]}
    assert found == {
        "killed    here": "tests/test_limits.py::test_overload",
        "killed    elsewhere": "tests/test_limits.py::test_spare_of_another_process",
        "killed    rules": "tests/test_limits.py::test_rule",
        "killed    ends": "the process of the tests ended",
    }
    assert (status, lines[-1]) == (0, "named: 4 of 4 breaks fail a test")
    assert {name: (tree / name).read_text(encoding="utf-8") for name in FILES} == FILES, "only copies are broken"


def test_a_break_that_no_test_notices_or_that_shows_nothing_is_an_error(tree: Path) -> None:
    status, lines = named(tree, SURVIVES, NOT_ONCE, NOT_IMPORTED)
    text = "\n".join(lines)
    assert "SURVIVED  hours" in text
    assert "INVALID   twice: the text to replace is in rackflow/limits.py 2 times, not once" in text
    assert "INVALID   broken: with the break the tests cannot even be imported" in text
    assert (status, lines[-1]) == (1, "named: 0 of 3 breaks fail a test")


def test_mutants_are_counted_without_equivalent_ones(tree: Path) -> None:
    """Of `>` to `>=`, `-` to `+` and 24 to 25 the last survives; the log line and the equivalent one are not counted."""
    status, lines = mutants(tree, "limits.py")
    assert [line.strip() for line in lines if line.startswith(("SURVIVED", "    +"))][-1] == "+ HOURS = 25"
    assert (status, lines[-1]) == (1, "mutants: 2 killed of 3 non-equivalent (66.7 %)")


def test_the_sample_has_a_floor_of_its_own_and_tries_first_what_noticed_a_mutant_before(tree: Path) -> None:
    """What is known of one mutant is right, of the second a test that passes by now, of the third one that is gone."""
    killers = tree / "tests/mutants/killers.yaml"
    kept = [
        {
            **MUTANT,
            "function": "overloaded",
            "original": "return load_w > rating_w",
            "mutated": "return load_w >= rating_w",
        },
        {**MUTANT, "function": "spare", "original": "return rating_w - load_w", "mutated": "return rating_w + load_w"},
        {**MUTANT, "function": "", "original": "HOURS = 24", "mutated": "HOURS = 25"},
    ]
    tests = ("test_overload", "test_rule", "test_gone")
    entries = [{**key, "test": f"tests/test_limits.py::{test}"} for key, test in zip(kept, tests, strict=True)]
    killers.write_text(json.dumps(entries), encoding="utf-8")
    status, lines = mutants(tree, "sample", "--learn")
    assert (status, lines[-1]) == (0, "mutants: 2 killed of 3 non-equivalent (66.7 %)")
    assert "1 were noticed by the test that noticed them before" in lines
    found = [line.partition("::")[2] for line in killers.read_text(encoding="utf-8").splitlines() if "test:" in line]
    assert found == ["test_overload", "test_spare_of_another_process"]


def test_an_entry_that_is_no_mutant_any_more_is_an_error(tree: Path) -> None:
    file = tree / "tests/mutants/equivalent.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("None", "Gone"), encoding="utf-8")
    status, lines = mutants(tree)
    assert any(line.startswith("equivalent.yaml: no mutant any more") and "HOURS = Gone" in line for line in lines)
    assert status == 1


def test_a_case_whose_name_has_the_changed_figure_in_it_notices_the_change(tree: Path) -> None:
    """Of the mutants of the tree above, 24 to 25 was the one that nothing noticed."""
    table = """
import pytest

from rackflow import limits


@pytest.mark.parametrize(("what", "is_now", "figure"), [("hours", limits.HOURS, 24)])
def test_bound(what, is_now, figure):
    assert is_now == figure
"""
    (tree / "tests/test_bounds.py").write_text(table, encoding="utf-8")
    targets = tree / "tests/mutants/targets.yaml"
    text = targets.read_text(encoding="utf-8")
    targets.write_text(text.replace("[tests/test_limits.py]", "[tests/test_limits.py, tests/test_bounds.py]"), "utf-8")
    status, lines = mutants(tree, "limits.py")
    assert (status, lines[-1]) == (0, "mutants: 3 killed of 3 non-equivalent (100.0 %)")


def test_a_mutant_behind_a_timeout_meets_the_tests_although_coverage_sees_none_reach_it(tree: Path) -> None:
    (tree / "rackflow/waits.py").write_text(
        "async def hours_after(pause):\n    await pause()\n    hours = 24\n    return hours\n", encoding="utf-8"
    )
    waiting = """import asyncio

from rackflow.waits import hours_after


async def pause():
    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        return


def test_hours():
    assert asyncio.run(hours_after(pause)) == 24
"""
    (tree / "tests/test_waits.py").write_text(waiting, encoding="utf-8")
    with (tree / "tests/mutants/targets.yaml").open("a", encoding="utf-8") as targets:
        targets.write("  rackflow/waits.py: [tests/test_waits.py]\n")
    status, lines = mutants(tree, "waits.py")
    assert (status, lines[-1]) == (0, "mutants: 2 killed of 2 non-equivalent (100.0 %)")


def test_a_run_that_is_stopped_keeps_the_scores_of_the_modules_it_completed_and_leaves_no_process(tree: Path) -> None:
    """The second module's mutants make its test wait for ever; the first one's are 2 of 3, as above."""
    waits = tree / "waits"
    (tree / "rackflow/zones.py").write_text("ZONES = 3\n", encoding="utf-8")
    endless = f"""import os
import threading
from pathlib import Path

from rackflow.zones import ZONES


def test_zones():
    if ZONES != 3:
        new = Path({str(waits)!r} + ".new")
        new.write_text(str(os.getpid()))
        new.rename({str(waits)!r})
        threading.Event().wait()
"""
    (tree / "tests/test_zones.py").write_text(endless, encoding="utf-8")
    with (tree / "tests/mutants/targets.yaml").open("a", encoding="utf-8") as targets:
        targets.write("  rackflow/zones.py: [tests/test_zones.py]\n")
    command = [sys.executable, "-m", "tests.mutants", f"--root={tree}", "--jobs=1", "--write=after"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as run:
        wait_until(waits.exists, "the second module's mutant is under way")
        run.terminate()
        assert run.wait() == 128 + signal.SIGTERM
    assert table.read(tree / "tests/mutants/scores.yaml") == {"rackflow/limits.py": {"after": [2, 3]}}
    waiting = int(waits.read_text(encoding="utf-8"))
    wait_until(lambda: not Path(f"/proc/{waiting}").exists(), "the process of the mutant is gone")


def test_a_sample_is_not_kept_as_a_score(tree: Path) -> None:
    status, lines = mutants(tree, "sample", "--write=after")
    assert status == 2
    assert lines[-1].endswith("--write: one or two mutants of a module are no score of it")
