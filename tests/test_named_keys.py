"""A message that names a key of a configuration names one that there is: who follows it at night must not get "unknown key"."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from agent.config import AgentConfig
from collector.config import CollectorConfig
from rackflow.process.key_types import models_in
from tests.servers.captures import REPOSITORY

MODELS: tuple[type[BaseModel], ...] = (AgentConfig, CollectorConfig)
FILES = sorted(file for side in ("rackflow", "agent", "collector") for file in (REPOSITORY / side).rglob("*.py"))
SECTIONS = sorted(
    {key for model in MODELS for key, field in model.model_fields.items() if any(models_in(field.annotation))}
)
NAMED = re.compile(rf"(?<![\w./-])(?:{'|'.join(SECTIONS)})(?:\.[a-z_]+)+(?![\w(])")
# Endings of files and of host names in examples.
NO_KEYS = re.compile(r"\.(?:csv|example|jsonl|py|yaml)\b")


def told(file: Path) -> Iterator[str]:
    """The texts of a module, without those that only its readers see."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    comments = {
        id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
    }
    for each in ast.walk(tree):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in comments:
            yield each.value


def is_key(path: str) -> bool:
    """Whether an agent or a collector has this key."""
    sections = list(MODELS)
    for key in path.split("."):
        fields = [each.model_fields[key] for each in sections if key in each.model_fields]
        if not fields:
            return False
        sections = [each for field in fields for each in models_in(field.annotation)]
    return True


def test_every_key_that_a_message_names_is_one_of_a_configuration() -> None:
    named = {key for file in FILES for text in told(file) for key in NAMED.findall(text) if not NO_KEYS.search(key)}
    # `restore` named the client id where no file has it.
    assert {"broker.host", "broker.ca_file", "outbox.path", "problems.maintenance"} <= named
    assert [key for key in sorted(named) if not is_key(key)] == []


@pytest.mark.parametrize(
    ("key", "expected"), [("broker.client_id", False), ("broker.port", True), ("traps.listen", True)]
)
def test_the_search_itself_tells_them_apart(key: str, expected: bool) -> None:  # noqa: FBT001 - of a table
    assert NAMED.findall(f"set {key}: x, or") == [key]
    assert is_key(key) is expected
