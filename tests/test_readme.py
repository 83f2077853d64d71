"""The README: its configurations load with the real models, its commands exist, and its links lead somewhere."""

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


def test_every_target_that_the_readme_names_is_in_the_makefile() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake (\w+)", README))
    assert {"demo", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "deploy/README.md"])
def test_links_between_pages_lead_somewhere(page: str) -> None:
    path = REPOSITORY / page
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    for link in links:
        assert (path.parent / link).exists(), f"{page}: {link}"


def test_pages_keep_to_their_length() -> None:
    assert len((REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= 200
    assert len((REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 60
