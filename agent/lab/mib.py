"""Reads MIB modules as far as a profile needs them: objects with OID, unit, enumeration, table and description.

This is no compiler. Vendors' files break the rules of SMI in many ways; whatever does not look like an object is skipped.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rackflow.errors import ConfigError
from rackflow.process.yaml import read_text_file

ROOTS = {
    "iso": "1",
    "org": "1.3",
    "dod": "1.3.6",
    "internet": "1.3.6.1",
    "mgmt": "1.3.6.1.2",
    "mib-2": "1.3.6.1.2.1",
    "transmission": "1.3.6.1.2.1.10",
    "experimental": "1.3.6.1.3",
    "private": "1.3.6.1.4",
    "enterprises": "1.3.6.1.4.1",
    "snmpV2": "1.3.6.1.6",
    "snmpModules": "1.3.6.1.6.3",
}
# A comment ends at the next pair of hyphens or at the end of the line. Hyphens inside a quoted text do not begin a comment.
_TEXT_OR_COMMENT = re.compile(r'"[^"]*"|--(?:(?!--|\n).)*(?:--)?')
_IMPORTS = re.compile(r"\bIMPORTS\b(.*?);", re.DOTALL)
_FROM = re.compile(r"([\w\s,-]+?)\s+FROM\s+([\w-]+)")
_NODE = re.compile(
    r"\b([a-z][\w-]*)\s+(OBJECT\s+IDENTIFIER|OBJECT-TYPE|MODULE-IDENTITY|OBJECT-IDENTITY)\b((?:(?!::=).)*?)::=\s*\{([^}]*)\}",
    re.DOTALL,
)
_TYPE = re.compile(
    r"\b([A-Z][\w-]*)\s*::=\s*(?:TEXTUAL-CONVENTION\b((?:(?!::=).)*?)\bSYNTAX\s+)?(\w[\w ]*)\s*(\{[^}]*\})?", re.DOTALL
)
_ENUM = re.compile(r"([A-Za-z][\w-]*)\s*\(\s*(-?\d+)\s*\)")
_SYNTAX = re.compile(
    r"\bSYNTAX\s+(SEQUENCE\s+OF\s+[\w-]+|[A-Za-z][\w-]*(?:\s+(?:STRING|IDENTIFIER))?)\s*(\{[^}]*\})?", re.DOTALL
)
_CLAUSE = {
    "units": re.compile(r"\bUNITS\s+\x00(\d+)\x00"),
    "description": re.compile(r"\bDESCRIPTION\s+\x00(\d+)\x00"),
}
_ACCESS = re.compile(r"\b(?:MAX-)?ACCESS\s+([\w-]+)")
_INDEX = re.compile(r"\b(INDEX|AUGMENTS)\s*\{([^}]*)\}", re.DOTALL)
_UNREADABLE = {"not-accessible", "accessible-for-notify", "write-only"}


@dataclass(frozen=True, slots=True)
class MibObject:
    """One readable object. `oid` is the OID of the column, or for a scalar that of its instance, with the final `.0`."""

    name: str
    oid: str
    syntax: str
    units: str = ""
    description: str = ""
    enumeration: Mapping[int, str] = field(default_factory=dict)
    table: str = ""
    """Name of its table; empty for an object that stands alone."""
    index: tuple[str, ...] = ()
    """Names of the objects that form the row's index."""


def read_mibs(paths: Sequence[Path]) -> list[MibObject]:
    """The readable objects of these files together, in their order. Raises ConfigError where a parent is defined in none of them."""
    nodes: dict[str, tuple[str, str, str, Path]] = {}
    types: dict[str, tuple[str, str]] = {}
    imported: dict[str, str] = {}
    texts: list[str] = []
    for path in paths:
        text = _stripped(read_text_file(path), texts)
        for block in _IMPORTS.findall(text):
            for names, module in _FROM.findall(block):
                imported |= {name.strip(): module for name in names.split(",")}
        text = _IMPORTS.sub(" ", text)
        nodes |= {name: (kind, body, place, path) for name, kind, body, place in _NODE.findall(text)}
        types |= {name: (syntax.strip(), enum) for name, _, syntax, enum in _TYPE.findall(text)}
    known = dict(ROOTS)
    found = [
        each for name in nodes if (each := _object(name, nodes, types, known=known, imported=imported, texts=texts))
    ]
    if paths and not found:
        raise ConfigError("--mib: no objects are defined there that could be read; give the MIB module itself")
    return sorted(found, key=lambda each: tuple(map(int, each.oid.split("."))))


def _stripped(text: str, texts: list[str]) -> str:
    """The text without comments, and with each quoted text replaced by its number in `texts`."""

    def placed(match: "re.Match[str]") -> str:
        if match[0].startswith("--"):
            return " "
        texts.append(" ".join(match[0][1:-1].split()))
        return f"\x00{len(texts) - 1}\x00"

    return _TEXT_OR_COMMENT.sub(placed, text.replace("\x00", " "))


def _object(
    name: str,
    nodes: Mapping[str, tuple[str, str, str, Path]],
    types: Mapping[str, tuple[str, str]],
    *,
    known: dict[str, str],
    imported: Mapping[str, str],
    texts: list[str],
) -> MibObject | None:
    kind, body, place, _ = nodes[name]
    access, syntax = _ACCESS.search(body), _SYNTAX.search(body)
    if kind != "OBJECT-TYPE" or syntax is None or (access and access[1] in _UNREADABLE):
        return None
    entry = nodes.get(_parent(place))
    index = _INDEX.search(entry[1]) if entry else None
    if index and index[1] == "AUGMENTS" and (base := nodes.get(index[2].strip())):
        index = _INDEX.search(base[1])
    table = _parent(entry[2]) if entry and index else ""
    what, enum = syntax[1], syntax[2] or ""
    if what in types and not enum:
        what, enum = types[what]
    said = {clause: (texts[int(match[1])] if (match := each.search(body)) else "") for clause, each in _CLAUSE.items()}
    oid = _oid(name, nodes, known, imported, set())
    return MibObject(
        name=name,
        oid=oid if table else f"{oid}.0",
        syntax=what,
        units=said["units"],
        description=said["description"],
        enumeration={int(number): word for word, number in _ENUM.findall(enum)}
        if what.startswith(("INTEGER", "Integer")) or enum
        else {},
        table=table,
        index=tuple(part.replace("IMPLIED", "").strip() for part in index[2].split(",")) if index else (),
    )


def _parent(place: str) -> str:
    return place.split(maxsplit=1)[0].partition("(")[0] if place.split() else ""


def _oid(
    name: str,
    nodes: Mapping[str, tuple[str, str, str, Path]],
    known: dict[str, str],
    imported: Mapping[str, str],
    below: set[str],
) -> str:
    if name in known:
        return known[name]
    if name not in nodes or name in below:
        module = f" (it comes from {imported[name]})" if name in imported else ""
        raise ConfigError(
            f"--mib: {name!r} is defined in none of the files{module}; give that MIB, too, with another --mib"
        )
    parts = nodes[name][2].split()
    if not parts:
        raise ConfigError(
            f"--mib: {nodes[name][3]}: {name!r} has no place (`::= {{ }}`); write its parent and number there"
        )
    first = parts[0].partition("(")[0]
    numbers = [match[1] for part in parts[1:] if (match := re.search(r"(\d+)\)?$", part))]
    root = first if first.isdigit() else _oid(first, nodes, known, imported, below | {name})
    known[name] = ".".join([root, *numbers])
    return known[name]
