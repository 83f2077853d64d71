"""The release before this one: what an upgrade starts from.

`deploy/package/previous-release` names its tag or commit, and scripts/release rewrites it. A wheel is the packages of the tree and
nothing else, so that an export of them, in front of the present libraries, is what `pip install --target` of that wheel would give; it
needs no network.
"""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

REPOSITORY: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("rackflow", "agent", "collector", "simulator")
REVISION: Final = (REPOSITORY / "deploy/package/previous-release").read_text(encoding="utf-8").strip()


def git(*words: str) -> bytes:
    """What git says about this repository."""
    return subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, check=True).stdout


def export_previous(folder: Path) -> Path:
    """The packages of the previous release in a folder. Skips a test in a checkout without history; fails where history lacks it."""
    try:
        shallow = git("rev-parse", "--is-shallow-repository").strip() == b"true"
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("this is no git repository: the previous release is built from its history")
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{REVISION}^{{commit}}"], cwd=REPOSITORY, capture_output=True, check=False
    )
    if known.returncode != 0 and shallow:
        pytest.skip(f"{REVISION[:12]}, the previous release, is not in this shallow clone; git fetch --unshallow")
    assert known.returncode == 0, f"deploy/package/previous-release names {REVISION}, which is not in the history"
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", folder], input=git("archive", REVISION, *PACKAGES), check=True)
    return folder


def file_of_previous(name: str) -> str:
    """A file of the previous release, with its path in the repository."""
    return git("show", f"{REVISION}:{name}").decode()


def environment_of(release: Path) -> dict[str, str]:
    """An environment in which Python finds that release before the present one."""
    return os.environ | {"PYTHONPATH": str(release), "PYTHONSAFEPATH": "1"}
