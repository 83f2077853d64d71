"""Finds the recordings of real devices that are not shipped with the source, because they are too large or not ours."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def captures_dir() -> Path | None:
    """The folder that `RACKFLOW_CAPTURES` names, else `../shared/captures` beside the repository; None if missing."""
    folder = Path(os.environ.get("RACKFLOW_CAPTURES") or REPOSITORY.parent / "shared" / "captures")
    return folder.resolve() if folder.is_dir() else None


def require_captures() -> Path:
    """The folder. Without it the test is skipped, but fails where captures are required."""
    folder = captures_dir()
    if folder is not None:
        return folder
    reason = "no captures of real devices: set RACKFLOW_CAPTURES to their folder"
    if os.environ.get("CI") == "true" or os.environ.get("RACKFLOW_CAPTURES_REQUIRED"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
