"""Reads YAML strictly: duplicate keys and broken syntax are errors with file and line.

By itself, PyYAML silently keeps the last of two equal keys, and reads `on`, `off` and `no` as booleans (YAML 1.1).
"""

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml

from rackflow.errors import ConfigError

# libyaml if PyYAML was built with it: 137 profiles took 0.26 s of CPU with its safe loader, 1.8 s with the one in Python.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Base):  # type: ignore[misc]  # the C loader is chosen at run time
    """Safe loader that refuses a key given twice. Booleans as in YAML 1.2: `on`, `off` and `no` stay words."""

    def construct_document(self, node: yaml.Node) -> Any:  # noqa: ANN401 - PyYAML's own signature
        """Build plain values. PyYAML's own method supports objects that refer to each other and takes twice as long."""
        return self._plain(node, {})

    def _plain(self, node: yaml.Node, built: dict[yaml.Node, Any]) -> Any:  # noqa: ANN401 - any plain value
        if node.tag == _TEXT:
            return node.value
        if isinstance(node, yaml.ScalarNode) or node.tag not in _CONTAINERS:
            return self.construct_object(node, deep=True)
        if node not in built:
            # An alias inside its own anchor (`&a [*a]`) would recurse for ever.
            built[node] = _UNFINISHED
            plain = self._mapping if isinstance(node, yaml.MappingNode) else self._sequence
            built[node] = plain(node, built)
        elif built[node] is _UNFINISHED:
            raise yaml.constructor.ConstructorError(None, None, "contains itself", node.start_mark)
        return built[node]

    def _sequence(self, node: yaml.Node, built: dict[yaml.Node, Any]) -> list[Any]:
        return [self._plain(item, built) for item in node.value]

    def _mapping(self, node: yaml.Node, built: dict[yaml.Node, Any]) -> dict[Hashable, Any]:
        found: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self._plain(key_node, built)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain value, not a list or a mapping", key_node.start_mark
                )
            if key in found:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            found[key] = self._plain(value_node, built)
        return found


_TEXT = "tag:yaml.org,2002:str"
_CONTAINERS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_UNFINISHED = object()

_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, resolvers in _Base.yaml_implicit_resolvers.items()
}


def load_yaml_text(text: str, where: str) -> Any:  # noqa: ANN401 - the shape is checked by the caller's model
    """The plain values of one YAML document. Raises ConfigError as `where:line: what`."""
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{where}{line}: {error.problem or 'not valid YAML'}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{where}: not valid YAML: {error}") from error


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line (from 1) of the value at a path of keys and positions. If there is none, the line of its nearest parent."""
    try:
        node = yaml.compose(text, Loader=_StrictLoader)
    except yaml.YAMLError:
        return None
    line: int | None = None
    for part in path:
        line = node.start_mark.line + 1 if node is not None and line is None else line
        following = _child(node, part)
        if following is None:
            break
        line, node = following
    return line


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def load_yaml_file(path: Path) -> Any:  # noqa: ANN401 - the shape is checked by the caller's model
    """The plain values of a YAML file. Raises ConfigError naming the file."""
    return load_yaml_text(read_text_file(path), str(path))


def read_text_file(path: Path) -> str:
    """The text of a file. Raises ConfigError naming the file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; correct the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
