"""Adds entries to a list in a YAML file without touching anything else in it: comments, order and layout stay as they are.

Loading and dumping would lose every comment, so the new lines are inserted into the text. The result is loaded again and compared
with the expected data before it is returned: a layout that this module cannot edit is an error, never a damaged file.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rackflow.errors import ConfigError
from rackflow.escape import escape_unprintable
from rackflow.process.files import sync
from rackflow.process.yaml import load_yaml_text, read_text_file

BOM = "\ufeff"
# No line of an entry may be folded, and no file has lines as long as this.
WIDTH = 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list: its keys in order, and a comment that stands above it (empty for none)."""

    values: Mapping[str, str | int | bool]
    comment: str = ""


def yaml_value(value: object) -> str:
    """One plain value or nested structure on one line, quoted where YAML needs it."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=WIDTH)
    return text.removesuffix("\n").removesuffix("\n...")


def yaml_comment(text: str) -> str:
    """Text that may come from a device as one line of a comment."""
    return f"# {escape_unprintable(' '.join(text.split()))}"


def block_lines(entries: Sequence[Entry], indent: int) -> list[str]:
    """Entries as lines of a block list whose dashes stand in column `indent`."""
    margin = " " * indent
    lines: list[str] = []
    for entry in entries:
        if entry.comment:
            lines.append(margin + yaml_comment(entry.comment))
        for number, (key, value) in enumerate(entry.values.items()):
            lines.append(f"{margin}{'  ' if number else '- '}{key}: {yaml_value(value)}")
    return lines


def append_to_list(text: str, key: str, entries: Sequence[Entry], where: str) -> str:
    """The text with `entries` at the end of the top-level list `key`, which is made if there is none.

    Raises ConfigError if that cannot be done without touching anything else. `where` names the file.
    """
    if not entries:
        return text
    before = load_yaml_text(text, where)
    before = {} if before is None else before
    present = before.get(key) if isinstance(before, dict) else None
    if not isinstance(before, dict) or not isinstance(present, list | None):
        raise ConfigError(f"{where}: {key}: is not a list; correct the file first")
    wanted = {**before, key: [*(present or []), *(dict(entry.values) for entry in entries)]}
    bom = BOM if text.startswith(BOM) else ""
    changed = bom + _inserted(text.removeprefix(BOM), key, entries)
    try:
        fits = load_yaml_text(changed, where) == wanted
    except ConfigError:
        fits = False
    if not fits:
        raise ConfigError(
            f"{where}: {key}: its layout is too unusual to add to; use --output yaml and add the entries by hand"
        )
    return changed


def _inserted(text: str, key: str, entries: Sequence[Entry]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    root: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    value = next((value for name, value in root.value if name.value == key), None) if root is not None else None
    if value is None:
        head = text if not text or text.endswith("\n") else text + newline
        return head + newline.join([f"{key}:", *block_lines(entries, 2), ""])
    if isinstance(value, yaml.SequenceNode) and value.value:
        if value.flow_style:
            at = value.end_mark.index - 1
            comma = "" if text[:at].rstrip().endswith(",") else ", "
            return text[:at].rstrip() + comma + ", ".join(yaml_value(dict(each.values)) for each in entries) + text[at:]
        at = _line_end(text, _content_end(value))
        lines = block_lines(entries, value.start_mark.column)
        return text[:at] + newline + newline.join(lines) + text[at:]
    # `devices:`, `devices: []` or `devices: null`: the value goes, and a comment behind it stays on its line.
    start, end = value.start_mark.index, value.end_mark.index
    at = _line_end(text, end)
    head = text[:start].rstrip(" ") + text[end:at]
    return head + newline + newline.join(block_lines(entries, 2)) + text[at:]


def _content_end(node: Any) -> int:  # noqa: ANN401 - a node of PyYAML
    """Where the last value below a node ends. The end of a block node itself lies behind the comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    end: int = node.end_mark.index
    # A literal block (`|`) ends at the start of the line behind it.
    return end - 1 if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"} else end


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    end = len(text) if end < 0 else end
    return end - 1 if text[end - 1 : end] == "\r" else end


def replace_file(path: Path, old: str, new: str) -> None:
    """Put `new` in the place of the file's content in one step, with its owner and permissions. Raises ConfigError.

    `old` is what was read: a file that somebody else changed meanwhile is left alone.
    """
    # The file itself, not a link to it, which configuration management often puts there.
    path = path.resolve()
    if read_text_file(path) != old:
        raise ConfigError(f"{path}: was changed by somebody else meanwhile and is left alone; run the command again")
    temporary: Path | None = None
    try:
        status = path.stat()
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            os.fchmod(file.fileno(), status.st_mode & 0o7777)
            if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            file.write(new.encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}; it is unchanged") from error
