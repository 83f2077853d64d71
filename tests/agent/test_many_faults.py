"""Mistakes in a large configuration cost a reload no more than one does: the agent polls meanwhile, in the same interpreter."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.config_file import load_agent_config, load_checked
from rackflow.errors import ConfigError
from tests.turns import counting_calls

DEVICES = 1000
# How much more a file of a thousand mistakes may cost than one with a single one. Each cost as much as the whole file before.
MOST = 4.0


def write(file: Path, wrong: int, **fault: str) -> None:
    """A configuration of `DEVICES` devices, `wrong` of them with this mistake."""
    devices = [{"id": f"d{at}", "host": f"192.0.2.{at % 250}", "credential": "c"} for at in range(DEVICES)]
    devices = [
        each | {k: v.format(at) for k, v in fault.items()} if at < wrong else each for at, each in enumerate(devices)
    ]
    whole = {"agent": "gw-1", "labels": {"site": "s1"}, "credentials": {"c": {"community": "c"}}, "devices": devices}
    file.write_text(json.dumps(whole), encoding="utf-8")


def calls_to_refuse(load: Callable[[Path], object], file: Path) -> int:
    """Calls of functions that refusing the file takes."""
    with counting_calls() as calls, pytest.raises(ConfigError):
        load(file)
    return calls()


@pytest.mark.parametrize(
    ("load", "fault"),
    [
        (load_agent_config, {"timeout_s": "none"}),
        (load_checked, {"profile": "apc-rpdu-{}"}),
    ],
    ids=["keys", "profiles"],
)
def test_a_thousand_mistakes_cost_little_more_than_one(
    tmp_path: Path, load: Callable[[Path], object], fault: dict[str, str]
) -> None:
    one, many = tmp_path / "one.yaml", tmp_path / "many.yaml"
    write(one, 1, **fault)
    write(many, DEVICES, **fault)
    assert calls_to_refuse(load, many) < MOST * calls_to_refuse(load, one)
