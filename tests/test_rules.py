"""The alert rules' own unit tests, by file, so that a rule that breaks names the file that holds it."""

import subprocess
from pathlib import Path

import pytest

from tests.servers.process import find_program

RULES = Path(__file__).resolve().parents[1] / "deploy" / "prometheus" / "rules"


@pytest.mark.timeout(320)  # 5 s of CPU, on a machine that may be busy
@pytest.mark.parametrize("file", sorted(RULES.glob("*.test.yml")), ids=lambda file: file.name)
def test_rules_pass_their_unit_tests(file: Path) -> None:
    promtool = find_program("promtool", "prometheus")
    found = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, timeout=300, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
