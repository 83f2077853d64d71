"""Whether somebody makes the metrics that alerts and boards ask for: a rule over one that nobody makes never fires, and is well tested."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from collector.problems import load_table
from grafana.boards import dashboards
from rackflow.catalogue import catalogue

REPOSITORY: Final = Path(__file__).resolve().parents[1]
NAME: Final = re.compile(r"dcim_[a-z0-9_]+")
OF_DEVICES: Final = {
    # A profile of a site's own may read these; no shipped one does.
    "dcim_cdu_control_mode",
    "dcim_device_maintenance_mode",
}


def asked_for() -> set[str]:
    """The metrics of the catalogue in problems and boards."""
    texts = [text for _, text in dashboards()]
    texts.append((REPOSITORY / "deploy/prometheus/rules/dcim.rules.yml").read_text(encoding="utf-8"))
    texts.append(repr(load_table()))
    return {name for text in texts for name in NAME.findall(text)} & catalogue().keys()


@cache
def texts_of_code() -> frozenset[str]:
    """Every text in the code of agent and collector, without docstrings; of a series key its name alone."""
    found: set[str] = set()
    for folder in ("agent", "collector", "rackflow"):
        for file in (REPOSITORY / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value.partition("{")[0])
    return frozenset(found)


@cache
def texts_of_profiles() -> str:
    files = sorted((REPOSITORY / "agent/profiles").glob("*.yaml"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def is_made(name: str) -> bool:
    """Whether the name is written in full: a name put together from parts is not found by who looks for where a metric is made."""
    return name in texts_of_code() or re.search(rf"\b{name}\b", texts_of_profiles()) is not None


@pytest.mark.parametrize("name", sorted(asked_for() - OF_DEVICES))
def test_a_metric_that_alerts_or_boards_ask_for_is_made_by_somebody(name: str) -> None:
    assert is_made(name), f"{name}: no code and no profile makes it"
