"""Reads MIB modules as far as a profile needs them: objects with OID, unit, enumeration, table and description.

This is no compiler. Vendors' files break the rules of SMI in many ways; whatever does not look like an object is skipped.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
_HEAD = re.compile(r"([A-Za-z][\w-]*)\s*(?:\{[^}]*\}\s*)?DEFINITIONS\b")
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
    """Name of its table, behind that of its module and `::` if two have tables of this name; empty for an object that stands alone."""
    index: tuple[str, ...] = ()
    """Names of the objects that form the row's index."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A definition with an OID: its kind, its clauses, its place (`parent number`), and its module."""

    name: str
    kind: str
    body: str
    place: str
    module: "_Module"


@dataclass(slots=True)
class _Module:
    """One module. Its names are its own: modules of two vendors, or of one, have nodes and types of the same name."""

    name: str
    path: Path
    nodes: dict[str, _Node] = field(default_factory=dict)
    types: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By name: what a type is, and its codes."""
    imported: dict[str, str] = field(default_factory=dict)
    """By name: the module that defines it."""


def read_mibs(paths: Sequence[Path]) -> list[MibObject]:
    """The readable objects of these files together, in their order. Raises ConfigError where a parent is defined in none of them."""
    texts: list[str] = []
    modules = [module for path in paths for module in _modules(_stripped(read_text_file(path), texts), path)]
    reader = _Reader(modules, texts)
    found = [each for module in modules for node in module.nodes.values() if (each := reader.object(node))]
    if paths and not found:
        raise ConfigError("--mib: no objects are defined there that could be read; give the MIB module itself")
    # A module that is given twice, as in a collection of files, gives each object once.
    found = list({each.oid: each for each in found}.values())
    return sorted(found, key=lambda each: tuple(map(int, each.oid.split("."))))


def _modules(text: str, path: Path) -> Iterator[_Module]:
    """The modules of a file; a text without the head of one counts as one."""
    heads = list(_HEAD.finditer(text))
    starts = [(head[1], head.end()) for head in heads] or [(path.name, 0)]
    ends = [*(head.start() for head in heads[1:]), len(text)]
    for (name, start), end in zip(starts, ends, strict=True):
        module, part = _Module(name, path), text[start:end]
        for block in _IMPORTS.findall(part):
            for names, source in _FROM.findall(block):
                module.imported |= {each.strip(): source for each in names.split(",")}
        part = _IMPORTS.sub(" ", part)
        for each, kind, body, place in _NODE.findall(part):
            module.nodes[each] = _Node(each, kind, body, place, module)
        module.types = {each: (syntax.strip(), enum) for each, _, syntax, enum in _TYPE.findall(part)}
        yield module


def _stripped(text: str, texts: list[str]) -> str:
    """The text without comments, and with each quoted text replaced by its number in `texts`."""

    def placed(match: "re.Match[str]") -> str:
        if match[0].startswith("--"):
            return " "
        texts.append(" ".join(match[0][1:-1].split()))
        return f"\x00{len(texts) - 1}\x00"

    return _TEXT_OR_COMMENT.sub(placed, text.replace("\x00", " "))


def _parent(place: str) -> str:
    return place.split(maxsplit=1)[0].partition("(")[0] if place.split() else ""


class _Reader:
    """Resolves names: those of the module first, then those that it imports, then any of the same name, since imports are often wrong."""

    def __init__(self, modules: Sequence[_Module], texts: Sequence[str]) -> None:
        self._modules = modules
        self._texts = texts
        self._by_name = {module.name: module for module in modules}
        self._oids: dict[tuple[str, Path, str], str] = {}
        tables = Counter(name for module in modules for name in module.nodes)
        self._ambiguous = {name for name, count in tables.items() if count > 1}

    def object(self, node: _Node) -> MibObject | None:
        """What this node is; None if it is no object that can be read."""
        access, syntax = _ACCESS.search(node.body), _SYNTAX.search(node.body)
        if node.kind != "OBJECT-TYPE" or syntax is None or (access and access[1] in _UNREADABLE):
            return None
        table, index = self._table_and_index(node)
        what, enum = syntax[1], syntax[2] or ""
        if not enum:
            what, enum = self._type(what, node.module) or (what, enum)
        said = {
            clause: (self._texts[int(match[1])] if (match := each.search(node.body)) else "")
            for clause, each in _CLAUSE.items()
        }
        oid = self._oid(node.name, node.module, frozenset())
        return MibObject(
            name=node.name,
            oid=oid if table else f"{oid}.0",
            syntax=what,
            units=said["units"],
            description=said["description"],
            enumeration={int(number): word for word, number in _ENUM.findall(enum)}
            if what.startswith(("INTEGER", "Integer")) or enum
            else {},
            table=table,
            index=index,
        )

    def _table_and_index(self, node: _Node) -> tuple[str, tuple[str, ...]]:
        """The table that an object is a column of, and the objects that form the row's index, as in `MibObject`; empty without one."""
        entry = self._node(_parent(node.place), node.module)
        index = _INDEX.search(entry.body) if entry else None
        if entry is None or index is None:
            return "", ()
        if index[1] == "AUGMENTS" and (base := self._node(index[2].strip(), entry.module)):
            index = _INDEX.search(base.body)
            if index is None:
                return "", ()
        table = _parent(entry.place)
        if table in self._ambiguous:
            table = f"{entry.module.name}::{table}"
        return table, tuple(part.replace("IMPLIED", "").strip() for part in index[2].split(","))

    def _where(self, name: str, module: _Module) -> Iterator[_Module]:
        yield module
        if (source := self._by_name.get(module.imported.get(name, ""))) is not None:
            yield source
        yield from self._modules

    def _node(self, name: str, module: _Module) -> _Node | None:
        return next((each.nodes[name] for each in self._where(name, module) if name in each.nodes), None)

    def _type(self, name: str, module: _Module) -> tuple[str, str] | None:
        return next((each.types[name] for each in self._where(name, module) if name in each.types), None)

    def _oid(self, name: str, module: _Module, below: frozenset[tuple[str, Path, str]]) -> str:
        node = self._node(name, module)
        key = (node.module.name, node.module.path, name) if node else None
        if key in self._oids:
            return self._oids[key]
        if name in ROOTS and (node is None or node.module is not module):
            return ROOTS[name]
        if node is None or key is None or key in below:
            source = f" (it comes from {module.imported[name]})" if name in module.imported else ""
            raise ConfigError(
                f"--mib: {name!r} is defined in none of the files{source}; give that MIB, too, with another --mib"
            )
        parts = node.place.split()
        if not parts:
            raise ConfigError(
                f"--mib: {node.module.path}: {name!r} has no place (`::= {{ }}`); write its parent and number there"
            )
        first = parts[0].partition("(")[0]
        numbers = [match[1] for part in parts[1:] if (match := re.search(r"(\d+)\)?$", part))]
        root = first if first.isdigit() else self._oid(first, node.module, below | {key})
        self._oids[key] = ".".join([root, *numbers])
        return self._oids[key]
