"""Reads YAML strictly: duplicate keys and broken syntax are errors with file and line.

By itself, PyYAML silently keeps the last of two equal keys, and reads by YAML 1.1: `no` as a boolean, 012 as ten, 1:30 as ninety.

A file is bounded in bytes, depth and number of values, so that no file can end the program or take its memory. And no error repeats
anything from the file but names of keys: a password that begins with `!`, `*` or `&` is a tag, an alias or an anchor to YAML.
"""

import re
from collections.abc import Hashable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from rackflow.errors import ConfigError
from rackflow.process.files import read_regular, unreadable

# A site of 10,000 devices has 3 MB and 200,000 values, nested 8 deep. Chosen values.
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_VALUES = 1_000_000
MAX_DEPTH = 100
# A text that has fewer opening brackets than this, and no longer line, cannot be deeper than PyYAML and Python can handle without harm
# (10,000 levels end in RecursionError, 100,000 in a crash of the C code), and is not searched for its depth.
SHALLOW = 2_000
# Shorter than this, a text cannot have MAX_VALUES values without aliases: each takes two characters at least.
FEW_VALUES_CHARACTERS = 2 * MAX_VALUES

# libyaml if PyYAML was built with it: 137 profiles took 0.26 s of CPU with its safe loader, 1.8 s with the one in Python.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _StrictLoader(_Base):  # type: ignore[misc]  # the C loader is chosen at run time
    """Safe loader that refuses a key given twice. `on`, `off` and `no`, dates, 1:30 and numbers that begin with 0 stay texts.

    YAML 1.2 knows the first three as texts, too. It reads 012 as twelve, which is right for `unit: 012`, and would make device 0123 the
    number 123: as a text it is right for both, because a key that is a number takes the digits of a text.
    """

    def construct_document(self, node: yaml.Node) -> Any:  # noqa: ANN401 - PyYAML's own signature
        """Build plain values. PyYAML's own method supports objects that refer to each other and takes twice as long."""
        self._values = 0
        self._sizes: dict[yaml.Node, int] = {}
        return self._plain(node, {})

    def _plain(self, node: yaml.Node, built: dict[yaml.Node, Any]) -> Any:  # noqa: ANN401 - any plain value
        self._values += 1
        if node.tag == _TEXT:
            return node.value
        if isinstance(node, yaml.ScalarNode) or node.tag not in _CONTAINERS:
            return self._scalar(node)
        if node not in built:
            before = self._values
            # An alias inside its own anchor (`&a [*a]`) would recurse for ever.
            built[node] = _UNFINISHED
            plain = self._mapping if isinstance(node, yaml.MappingNode) else self._sequence
            built[node] = plain(node, built)
            self._sizes[node] = self._values - before
        elif built[node] is _UNFINISHED:
            raise yaml.constructor.ConstructorError(None, None, "contains itself", node.start_mark)
        else:
            # An alias. It costs nothing here, but whoever reads the result meets all its values again ("billion laughs").
            self._values += self._sizes[node]
            if self._values > MAX_VALUES:
                raise yaml.constructor.ConstructorError(None, None, f"aliases make more than {MAX_VALUES} values of it")
        return built[node]

    def _scalar(self, node: yaml.Node) -> Any:  # noqa: ANN401 - any plain value
        fault = _UNSUPPORTED.get(node.tag)
        if fault is None and node.tag not in self.yaml_constructors:
            fault = "tags are not supported; a text that begins with ! needs quotes"
        if fault is None:
            try:
                found = self.construct_object(node, deep=True)
                if isinstance(found, int):
                    # A hexadecimal number may have more digits than Python writes, and messages quote values; and a number of more than
                    # 308 digits is no float, which checks make of it.
                    str(found), float(found)
            # PyYAML's constructors trust that a value was recognised: `!!bool x` is a KeyError of theirs, `!!int ''` an IndexError,
            # `!!timestamp x` an AttributeError.
            except (ValueError, OverflowError, LookupError, AttributeError, yaml.YAMLError):
                fault = f"is not a valid {node.tag.rpartition(':')[2]}; a text needs quotes"
            else:
                return found
        # Without the cause, which quotes the value.
        raise yaml.constructor.ConstructorError(None, None, fault, node.start_mark) from None

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
_QUOTED = re.compile(r"'([^']*)'")
_UNSUPPORTED = {"tag:yaml.org,2002:merge": "merge keys (<<) are not supported; write the keys out"}
_UNFINISHED = object()
AS_IN_A_SHELL = "is written as in a shell, and nothing replaces it here"
SHELL_VARIABLE_FAULT = f"{AS_IN_A_SHELL}; write env:NAME"
_SHELL_BRACKET = re.compile(r"\$\{\w")
_INSTEAD = {
    "another document": "has more than one document; keep one",
    # libyaml's own limit, 1,000 levels of brackets since PyYAML 6.0.4.
    "nesting depth": f"is nested more than {MAX_DEPTH} levels deep",
}
# Blanks of web pages and text processors. YAML knows none of them as indentation, and what is behind them belongs to the line above.
_ODD_INDENT = re.compile(r"^ *[\u00a0\u2000-\u200b\u202f\u3000]", re.MULTILINE)
# What YAML 1.2 allows nowhere (5.1).
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_INTEGER = "tag:yaml.org,2002:int"
_NUMBER = "tag:yaml.org,2002:float"
# Decimal, or hex as registers are written; floats as YAML 1.1, without its base 60.
_INTEGERS = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)\Z")
_NUMBERS = re.compile(
    r"(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9_]+(?:[eE][-+][0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN))\Z"
)


def _resolvers(first: str, found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Which plain texts that begin with this character are no texts."""
    own = {_INTEGER: _INTEGERS, _NUMBER: _NUMBERS}
    left_out = {"tag:yaml.org,2002:timestamp"} | (set() if first in "tTfF" else {"tag:yaml.org,2002:bool"})
    return [(tag, own.get(tag, regexp)) for tag, regexp in found if tag not in left_out]


_StrictLoader.yaml_implicit_resolvers = {
    first: _resolvers(first, found) for first, found in _Base.yaml_implicit_resolvers.items()
}


def load_yaml_text(text: str, where: str) -> Any:  # noqa: ANN401 - the shape is checked by the caller's model
    """The plain values of one YAML document. Raises ConfigError as `where:line: what`."""
    # No error has its cause attached (`from None`): PyYAML's errors quote the file, and a traceback would show them.
    if len(text) > MAX_FILE_BYTES:
        raise ConfigError(f"{where}: has more than {MAX_FILE_BYTES} bytes; split it")
    if blank := _ODD_INDENT.search(text):
        number = text.count("\n", 0, blank.end()) + 1
        raise ConfigError(
            f"{where}:{number}: is indented with a special blank (U+{ord(blank[0][-1]):04X}); use plain spaces"
        )
    try:
        _check_shape(text)
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f":{mark.line + 1}" if mark else ""
        written = next(islice(text.splitlines(), mark.line, None), "") if mark else ""
        raise ConfigError(f"{where}{line}: {_problem(error, written)}") from None
    except yaml.reader.ReaderError as error:
        if found := _CONTROL.search(text):
            number = text.count("\n", 0, found.start()) + 1
            raise ConfigError(f"{where}:{number}: has a control character (U+{ord(found[0]):04X}); remove it") from None
        raise ConfigError(f"{where}: not valid YAML: {error.reason} (at character {error.position})") from None
    except (yaml.YAMLError, ValueError):
        raise ConfigError(f"{where}: not valid YAML") from None
    except RecursionError:
        raise ConfigError(f"{where}: is nested more than {MAX_DEPTH} levels deep") from None


def _check_shape(text: str) -> None:
    """Refuse what is too deep or has too many values, before anything recurses into it. Raises ConstructorError."""
    is_flat = text.count("[") + text.count("{") < SHALLOW and max(map(len, text.split("\n"))) < SHALLOW
    if is_flat and len(text) < FEW_VALUES_CHARACTERS:
        return
    depth = 0
    for values, event in enumerate(yaml.parse(text, Loader=_StrictLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or values > MAX_VALUES:
            what = (
                f"is nested more than {MAX_DEPTH} levels deep"
                if depth > MAX_DEPTH
                else f"has more than {MAX_VALUES} values"
            )
            raise _error(what, event)


def _error(what: str, event: Any) -> yaml.MarkedYAMLError:  # noqa: ANN401 - events of libyaml have marks of their own type
    return yaml.constructor.ConstructorError(None, None, what, event.start_mark)


def _problem(error: yaml.MarkedYAMLError, line: str) -> str:
    """What is wrong and the remedy. `line` is the line of the file that the error is in."""
    if isinstance(error, yaml.constructor.ConstructorError):
        return str(error.problem)
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "is indented with a tab; use spaces"
    # The parser's words, without what it quotes. A single character (`','`) is what it expected.
    problem = _QUOTED.sub(lambda quote: quote[0] if len(quote[1]) <= 1 else "…", error.problem or "not valid YAML")
    instead = next((instead for words, instead in _INSTEAD.items() if words in problem), None)
    # In braces, as `{community: ${NAME}}`, the brackets of the variable are YAML's own, and the parser complains about them.
    if instead is None and _SHELL_BRACKET.search(line):
        instead = f"a text {SHELL_VARIABLE_FAULT}"
    if instead is not None:
        return instead
    if "expected key" in problem or "block end" in problem or "mapping values" in problem:
        return f"{problem}; check the indentation here and above: keys of one level begin in the same column"
    if isinstance(error, yaml.scanner.ScannerError) or "alias" in problem:
        return f"{problem}; a text that begins with a special character, such as * & ! % @, needs quotes"
    return f"{problem}; a text with a bracket, a comma or a colon in it, such as ::1, needs quotes"


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line (from 1) of the value at a path of keys and positions. If there is none, the line of its nearest parent."""
    return lines_of(text, [path])[0]


def lines_of(text: str, paths: Sequence[Sequence[str | int]]) -> list[int | None]:
    """The line of each of these paths, as `line_of` has it. The text is read once: 3,000 devices take a tenth of a second of CPU."""
    try:
        root = yaml.compose(text, Loader=_StrictLoader)
    except yaml.YAMLError:
        return [None] * len(paths)
    return [_line(root, path) for path in paths]


def _line(node: yaml.Node | None, path: Sequence[str | int]) -> int | None:
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
        return read_regular(path, MAX_FILE_BYTES + 1)[0].decode("utf-8")
    except OSError as error:
        raise ConfigError(unreadable(path, error)) from error
    except UnicodeDecodeError as error:
        # Without the cause, which has the file's content.
        raise ConfigError(unreadable(path, error)) from None
