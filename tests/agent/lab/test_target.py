"""With which credentials the commands ask a device."""

import json
from pathlib import Path

import pytest

from agent.cli import main


@pytest.mark.parametrize(
    ("credentials", "options", "says"),
    [
        ({}, [], "credentials: there is none; add one"),
        ({"a": {"community": "x"}}, ["--credential=b"], "credentials: none is called 'b'; known are a"),
    ],
)
def test_a_configuration_without_the_credential_says_which_it_has(
    credentials: dict[str, object],
    options: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "agent.yaml"
    whole = {"agent": "gw-1", "labels": {"site": "t1"}, "credentials": credentials, "devices": []}
    path.write_text(json.dumps(whole), encoding="utf-8")
    assert main(["walk", "127.0.0.1", f"--config={path}", *options]) == 78
    assert f"{path}: {says}" in capsys.readouterr().err
