"""Names of `owners` and `budgets.agent` that the site file does not have are said before somebody relies on them."""

from pathlib import Path

import pytest

from collector.cli import main
from collector.doctor import examine
from tests.collector.derive.hall import HALL


def test_check_and_doctor_name_devices_and_agents_that_the_site_file_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "collector.yaml"
    config.write_text(
        f"broker: {{port: 1}}\nstore: {{kind: file, path: points}}\ndead_letter: {tmp_path}/dead.jsonl\nsite_file: {HALL}\n"
        "owners: {t1: {cdu-1: agent-a, cdu-22: agent-a}, elsewhere: {x-1: agent-x}}\n"
        "budgets: {agent: {t1: {agent-a: {devices: 10}, agent-aa: {devices: 10}}, elsewhere: {agent-x: {devices: 1}}}}\n",
        encoding="utf-8",
    )
    assert main(["check", str(config)]) == 0
    printed = capsys.readouterr()
    named = [
        "owners.t1.cdu-22: is not in the site file; did you mean 'cdu-2'?",
        "budgets.agent.t1.agent-aa: no device of the site file or of `owners` is this agent's; did you mean 'agent-a'?",
    ]
    said = (printed.out + printed.err).splitlines()
    assert [line for line in said if line.startswith(("owners.", "budgets."))] == named
    assert [each.found for each in examine(config) if each.check == "accounts"] == named


def test_where_nobody_names_agents_a_budget_may_name_any(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "collector.yaml"
    config.write_text(
        f"store: {{kind: file, path: {tmp_path}/points}}\ndead_letter: {tmp_path}/dead.jsonl\nsite_file: {HALL}\n"
        "budgets: {agent: {t1: {agent-a: {devices: 10}}}}\n",
        encoding="utf-8",
    )
    assert main(["check", str(config)]) == 0
    assert capsys.readouterr().out == f"{config}: ok\n"
