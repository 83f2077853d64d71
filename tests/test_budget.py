"""The budget of each test, and who may exceed it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.budget import BUDGET_S, EXCEPTIONS, TOLERANCE, Clocks, Grant, allowed_s, over_budget, read_grants, stalled_s

ROOT = Path(__file__).parents[1]
GRANTS = [
    Grant("tests/e2e/", 20, "whole processes"),
    Grant("tests/e2e/test_path.py::test_long", 60, "waits for Prometheus"),
]


def test_the_longest_entry_that_fits_decides_and_others_have_five_seconds() -> None:
    assert allowed_s("tests/e2e/test_path.py::test_long[a]", GRANTS) == 60
    assert allowed_s("tests/e2e/test_path.py::test_other", GRANTS) == 20
    assert allowed_s("tests/agent/profile/planning/test_shipped_plans.py::test_other", GRANTS) == BUDGET_S


def test_the_message_for_a_test_that_exceeds_its_budget_says_what_to_do() -> None:
    assert over_budget("tests/a.py::test", 5.0 * TOLERANCE, []) is None
    assert "took 7.6 s of CPU or idle waiting, 5 s are allowed" in (over_budget("tests/a.py::test", 7.6, []) or "")


@pytest.mark.parametrize(
    ("end", "spent_s"),
    [
        (Clocks(cpu_s=3, wall_s=20, stalled_s=20), 3),  # a busy machine: CPU time decides
        (Clocks(cpu_s=1, wall_s=20, stalled_s=4), 16),  # an idle one: somebody waited for a clock
    ],
)
def test_load_by_others_is_nobodys_expense(end: Clocks, spent_s: float) -> None:
    assert end.spent_since(Clocks(0, 0, 0)) == spent_s


def test_waiting_for_a_cpu_is_read_from_the_kernels_pressure_file() -> None:
    text = "some avg10=1.54 avg60=0.72 avg300=0.38 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    assert stalled_s(text) == 2.5


def test_every_exception_is_a_test_that_exists_and_has_a_reason() -> None:
    for grant in read_grants(EXCEPTIONS.read_text(encoding="utf-8")):
        file, _, name = grant.test.partition("::")
        assert (ROOT / file).is_file(), grant.test
        assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text(encoding="utf-8"), grant.test
        assert grant.seconds > BUDGET_S
        assert grant.why


STRICTER = """
import pytest
from tests.budget import Grant
from tests.conftest import GRANTS

@pytest.fixture(autouse=True)
def stricter(request):
    request.config.stash[GRANTS] = [Grant("", 0.01, "so that the test below is too slow")]
"""
SLOW = """
from time import process_time

def test_is_slow():
    until_s = process_time() + 0.1
    while process_time() < until_s:
        pass
"""


@pytest.mark.parametrize(("option", "code", "verdict"), [((), 0, "1 passed"), (("--strict-budget",), 1, "1 failed")])
def test_a_slow_test_is_reported_at_the_end_and_fails_only_when_asked_to(
    tmp_path: Path, option: tuple[str, ...], code: int, verdict: str
) -> None:
    (tmp_path / "conftest.py").write_text(STRICTER)
    (tmp_path / "test_it.py").write_text(SLOW)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:schemathesis",
        "-c",
        "/dev/null",
        *option,
    ]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, verdict in done.stdout) == (code, True), done.stdout + done.stderr
    assert "the test took 0.1 s of CPU or idle waiting, 0.01 s are allowed" in done.stdout
    assert ("1 tests exceeded their budget of time, which fails none of them" in done.stdout) is (not option)
