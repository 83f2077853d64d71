"""Writes the data of a command as JSON or YAML for other programs (`--output json`, `--output yaml`)."""

from typing import Final

import msgspec
import yaml

from rackflow.escape import escape_unprintable_json

OUTPUTS: Final = ("table", "json", "yaml")
"""What most commands offer: a table for people, and two formats for programs."""
# So wide that no text is folded over several lines.
_WIDTH: Final = 100_000


def as_json(data: object) -> str:
    """Any data that JSON can express, indented, without a newline at its end. What a device sent cannot control a terminal."""
    return escape_unprintable_json(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())


def as_yaml(data: object) -> str:
    """The same data as YAML, one value to a line, without a newline at its end."""
    return yaml.safe_dump(data, sort_keys=False, width=_WIDTH).removesuffix("\n")


def as_text(data: object, output: str) -> str:
    """As JSON or as YAML: `output` is `json` or `yaml`."""
    return as_json(data) if output == "json" else as_yaml(data)
