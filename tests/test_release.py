"""A release is committed and tagged as docs/how-to/release.md says, in a repository of its own; and what cannot be released is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
# What names the version, and the script; `--dry-run` in the check reads the rest.
FILES = (
    "pyproject.toml",
    "CHANGELOG.md",
    "deploy/README.md",
    "deploy/compose/compose.yaml",
    "deploy/container/Dockerfile",
    "deploy/kubernetes/base/kustomization.yaml",
    "deploy/package/previous-release",
    "scripts/release",
)
NEXT = "97.5.0"
WHO = {
    f"GIT_{role}_{what}": text for role in ("AUTHOR", "COMMITTER") for what, text in (("NAME", "R"), ("EMAIL", "r@x"))
}
# Neither the settings of whoever runs the tests nor a repository around the temporary folder.
ALONE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CEILING_DIRECTORIES": "/"}


class Checkout:
    """A repository with the present files, at one commit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in FILES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "as it is")

    def git(self, *words: str) -> str:
        return self._run("git", *words).stdout.strip()

    def release(self, *words: str) -> str:
        """Output of the script for a release that succeeds."""
        return self._run(sys.executable, "scripts/release", *words).stdout

    def refused(self, *words: str) -> str:
        """Output of the script for a release that it refuses."""
        before = self.git("rev-parse", "HEAD"), self.git("tag"), self.git("status", "--porcelain")
        with pytest.raises(subprocess.CalledProcessError) as raised:
            self.release(*words)
        assert (self.git("rev-parse", "HEAD"), self.git("tag"), self.git("status", "--porcelain")) == before
        return str(raised.value.stderr)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def _run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            words,
            cwd=self.folder,
            env={key: value for key, value in os.environ.items() if not key.startswith("GIT_")} | WHO | ALONE,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_release_is_one_commit_and_a_tag_with_the_changelogs_words(checkout: Checkout) -> None:
    before = checkout.git("rev-parse", "HEAD")
    news = checkout.read("CHANGELOG.md").partition("## Unreleased\n")[2].partition("\n## ")[0].strip()
    assert "tagged v97.5.0" in checkout.release(NEXT, "--no-build")
    assert checkout.git("rev-parse", "HEAD~1") == before
    assert checkout.git("log", "-1", "--format=%s") == "release 97.5.0"
    assert checkout.git("cat-file", "-t", "v97.5.0") == "tag"  # annotated
    assert checkout.git("rev-parse", "v97.5.0^{commit}") == checkout.git("rev-parse", "HEAD")
    assert checkout.git("tag", "--list", "--format=%(contents)", "v97.5.0") == f"Rackflow 97.5.0\n\n{news}"
    assert checkout.git("status", "--porcelain") == ""


def test_every_file_that_names_the_version_has_the_new_one(checkout: Checkout) -> None:
    checkout.release(NEXT, "--no-build")
    assert 'version = "97.5.0"\n' in checkout.read("pyproject.toml")
    assert checkout.read("deploy/package/previous-release") == "v97.5.0\n"
    assert "rackflow_97.5.0_amd64.deb" in checkout.read("deploy/README.md")
    assert "image: rackflow:97.5.0\n" in checkout.read("deploy/compose/compose.yaml")
    changed = set(checkout.git("diff", "--name-only", "HEAD~1").splitlines())
    assert changed == set(FILES) - {"scripts/release"}
    # What comes next is written above it.
    heads = [line for line in checkout.read("CHANGELOG.md").splitlines() if line.startswith("## ")]
    assert heads[0] == "## Unreleased"
    assert heads[1].startswith("## 97.5.0 - ")


def test_a_tag_that_is_there_changes_that_are_not_committed_and_an_older_version_are_refused(
    checkout: Checkout,
) -> None:
    assert "0.0.1 is older than" in checkout.refused("0.0.1", "--no-build")
    assert "'next' is no version" in checkout.refused("next", "--no-build")
    (checkout.folder / "new.txt").write_text("mine", encoding="utf-8")
    assert "changes that are not committed" in checkout.refused(NEXT, "--no-build")
    (checkout.folder / "new.txt").unlink()
    checkout.git("tag", "v97.5.0")
    assert "tag v97.5.0 exists" in checkout.refused(NEXT, "--no-build")
    assert "there is no tag v97.6.0" in checkout.refused("97.6.0", "--build")


def test_in_a_fresh_clone_a_release_runs_in_the_environment_that_is_made_for_it(tmp_path: Path) -> None:
    """Make expands all lines before it runs the first: a function that asks whether the folder is there would find none."""
    fresh = tmp_path / "not-made-yet"
    for target in ("release", "check-manifests"):
        command = ["make", "--dry-run", "--no-print-directory", target, f"VENV={fresh}"]
        printed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True).stdout
        assert f'PATH="{fresh}/bin:' in printed


def test_a_release_without_news_is_refused(checkout: Checkout) -> None:
    checkout.release(NEXT, "--no-build")
    assert "nothing under Unreleased" in checkout.refused("97.6.0", "--no-build")
