"""The README's configurations load with the real models. What all pages must hold is in test_pages.py."""

import re
from pathlib import Path

import pytest

from agent.cli import main as agent_main
from collector.cli import main as collector_main

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


def test_the_configurations_are_checked_as_a_reader_would_check_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(BLOCKS) == 2
    for name in re.findall(r"env:(\w+)", README):
        monkeypatch.setenv(name, "a-long-enough-secret")
    (tmp_path / "agent.yaml").write_text(BLOCKS[0], encoding="utf-8")
    (tmp_path / "collector.yaml").write_text(BLOCKS[1], encoding="utf-8")
    assert agent_main(["check", str(tmp_path / "agent.yaml")]) == 0
    assert "4 devices" in capsys.readouterr().out
    assert collector_main(["check", str(tmp_path / "collector.yaml")]) == 0


def test_the_secrets_that_the_configuration_takes_are_set_in_the_commands() -> None:
    exported = re.findall(r"(RACKFLOW_\w+)=", "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)))
    assert sorted(exported) == sorted(re.findall(r"env:(\w+)", README))


def test_the_number_of_device_families_is_the_number_there_is() -> None:
    found = re.search(r"the (\d+)\s+families", README)
    assert found
    assert int(found[1]) == len(list((REPOSITORY / "agent/profiles").glob("*.yaml")))


def test_the_picture_is_small_enough_for_a_page() -> None:
    picture = REPOSITORY / "docs/images/page.webp"
    assert "docs/images/page.webp" in README
    assert picture.stat().st_size < 150_000
