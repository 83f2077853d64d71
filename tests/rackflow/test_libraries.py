"""What Rackflow relies on in the libraries it uses: bounds, and the few private names that have no public counterpart."""

import ast
import inspect
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import packages_distributions, version
from pathlib import Path
from types import ModuleType

import aiomqtt
import pytest
from gufo.snmp._fast import GetIter, SnmpV3ClientSocket
from gufo.snmp.aio import SnmpSession
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.snmp.gufo_v3 import fault_of_gufo
from rackflow.errors import RackflowError
from rackflow.process.mqtt import paho_client

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = ("rackflow", "agent", "collector", "simulator")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = [
    Requirement(each)
    for group in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for each in group
]

PRIVATE_OF_LIBRARIES = {
    "one_getnext": {"_ctx", "_sock", "_send", "_recv"},
    "_open": {"_sock"},
    "paho_client": {"_client"},
}
"""By function; each has its reason where it stands. This table may only shrink."""
PRIVATE_MODULES = {"agent/snmp/gufo_v3.py": {"gufo.snmp._fast"}}
"""By file; `fault_of_gufo` says at run time whether it still has what is needed."""
PRIVATE_OF_OUR_OWN = {
    "_plain": {"_plain"},
    "_renew": {"_db"},
    "intersection": {"_firsts"},
    "_check": {"_check"},  # of `Deadline`, in agent/deadline.py
    "_last_turn": {"_last_turn"},
    "_watch": {"_exit"},  # os._exit, which Python documents
    "end_now": {"_exit"},
}
PRIVATE_OF_ARGPARSE = {
    "subcommands": {"_SubParsersAction", "_actions"},
    "_words": {"_SubParsersAction", "_actions"},
    "_choices": {"_actions"},
    "_helps": {"_SubParsersAction", "_actions", "_choices_actions"},
    "_rows": {"_AppendAction", "_HelpAction", "_SubParsersAction", "_VersionAction", "_actions"},
}
"""argparse has no public way to what a parser consists of; completion, the reference and the one door need it.

These names are as old as argparse.
"""
MADE_BY_PYTHON = {"_abc_impl", "_is_protocol", "_is_runtime_protocol"}
BY_NAME = {"getattr", "setattr", "delattr", "hasattr"}
LIBRARIES = {
    "aiohttp",
    "aiomqtt",
    "gufo",
    "influxdb_client",
    "iotcore",
    "mqtt5",
    "paho",
    "prometheus_client",
    "pymodbus",
    "pysnmp",
}
"""Pydantic and msgspec are meant to be extended: pydantic refuses a clash itself, and a struct has no private names."""

UNBOUNDED = {"cryptography", "furo", "grafana-foundation-sdk", "packaging", "types-PyYAML", "types-jsonschema"}
"""Packages without a ceiling; pyproject.toml tells why."""


async def test_aiomqtt_has_the_client_that_acknowledging_by_hand_needs() -> None:
    client = paho_client(aiomqtt.Client("127.0.0.1"))
    assert callable(client.ack), version("paho-mqtt")
    assert callable(client.manual_ack_set), version("paho-mqtt")
    assert client.on_connect is not None, "aiomqtt no longer hears of CONNACK through paho-mqtt's public callback"


async def test_an_aiomqtt_without_that_client_is_named_in_the_error() -> None:
    changed = aiomqtt.Client("127.0.0.1")
    del changed._client  # noqa: SLF001 - what a release that has moved it looks like
    with pytest.raises(RackflowError, match=rf"aiomqtt {re.escape(version('aiomqtt'))} keeps its paho-mqtt client"):
        paho_client(changed)


async def test_gufo_snmp_has_what_a_getnext_inside_a_subtree_needs() -> None:
    session = SnmpSession("127.0.0.1", port=9)
    have = {*dir(session), *dir(session.getnext("1.3")), *dir(session.getbulk("1.3"))}
    needed = PRIVATE_OF_LIBRARIES["one_getnext"]
    assert needed <= have, f"gufo_snmp {version('gufo_snmp')} has no {needed - have}: see agent/snmp/gufo_calls.py"
    plain = {"get_fd", "send_get_many", "recv_get_many"}
    assert {"send_get_next", "recv_get_next"} | plain <= {*dir(session._sock)}  # noqa: SLF001 - as above; agent/snmp/plain.py


def test_no_other_place_uses_a_private_name_of_a_library() -> None:
    """`other._name`, `super()._name` and `getattr(other, "_name")`, in all of the code that is shipped."""
    found: dict[str, set[str]] = {}
    for path in sources():
        for function, name in private_names(ast.parse(path.read_text(encoding="utf-8"))):
            found.setdefault(function, set()).add(name)
    assert found == PRIVATE_OF_LIBRARIES | PRIVATE_OF_OUR_OWN | PRIVATE_OF_ARGPARSE


async def test_gufo_snmp_has_the_socket_that_verifying_answers_needs() -> None:
    assert fault_of_gufo() == "", f"gufo_snmp {version('gufo_snmp')}: see agent/snmp/gufo_v3.py"
    needed = {
        f"{way}_{what}" for way in ("send", "recv") for what in ("get", "get_many", "get_next", "get_bulk", "refresh")
    }
    assert needed <= {*dir(SnmpV3ClientSocket)}
    assert callable(GetIter)


def test_no_other_place_imports_a_private_module_of_a_library() -> None:
    found: dict[str, set[str]] = {}
    for path in sources():
        private = {name for name in modules_imported_by(path) if name.split(".")[0] in LIBRARIES and "._" in name}
        if private:
            found[str(path.relative_to(REPOSITORY))] = private
    assert found == PRIVATE_MODULES


def test_no_class_of_ours_shares_a_private_name_with_the_library_class_it_extends() -> None:
    """Overriding one by design is as fragile as calling it; by accident, it is a fault that nobody sees."""
    extended = []
    for module in modules():
        for ours in vars(module).values():
            if not isinstance(ours, type) or ours.__module__ != module.__name__:
                continue
            theirs = [base for base in ours.__mro__ if base.__module__.split(".")[0] in LIBRARIES]
            if not theirs:
                continue
            extended.append(ours.__name__)
            shared = names_on_self(ours) & {name for base in theirs for name in names_on_self(base)}
            assert not shared, f"{ours.__module__}.{ours.__name__}: {shared}"
    assert {"EngineLink", "_Server"} <= set(extended)


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each.name)
def test_every_dependency_has_a_ceiling_and_the_constraints_lie_within_it(requirement: Requirement) -> None:
    if requirement.name == "rackflow":
        return
    bounded = any(each.operator == "<" for each in requirement.specifier)
    assert bounded or requirement.name in UNBOUNDED, f"{requirement.name}: add a ceiling and its reason"
    pinned = re.search(
        rf"^{requirement.name}==(.+)$".replace("-", "[-_]"),
        (REPOSITORY / "constraints.txt").read_text(encoding="utf-8"),
        re.MULTILINE | re.IGNORECASE,
    )
    assert pinned, requirement.name
    assert requirement.specifier.contains(pinned[1])


@pytest.mark.parametrize("package", SHIPPED)
def test_every_library_that_is_imported_is_a_dependency(package: str) -> None:
    """Not only brought along by another one, which may drop it."""
    extras = {"rackflow": ("agent", "collector")}.get(package, ("sim",) if package == "simulator" else (package,))
    needed = {canonicalize_name(name) for extra in extras for name in dependencies_of(extra)}
    distributions = packages_distributions()
    for path in (REPOSITORY / package).rglob("*.py"):
        imports = {name.split(".")[0] for name in modules_imported_by(path)}
        for imported in imports - set(sys.stdlib_module_names) - set(SHIPPED):
            assert needed & {canonicalize_name(each) for each in distributions[imported]}, f"{path}: {imported}"


def test_a_plain_installation_has_what_both_sides_need_and_their_lists_agree() -> None:
    plain = {Requirement(each).name: Requirement(each) for each in PROJECT["dependencies"]}
    of_sides = {each for side in ("agent", "collector") for each in PROJECT["optional-dependencies"][side]}
    assert {str(Requirement(each)) for each in of_sides} <= {str(each) for each in plain.values()}
    assert plain.keys() - {Requirement(each).name for each in of_sides} == {"msgspec", "pydantic", "pyyaml"}


def dependencies_of(extra: str) -> set[str]:
    """Names of what one side needs: what both need, and the list of the extra."""
    both = ("msgspec", "pydantic", "pyyaml")
    return {*both, *(Requirement(each).name for each in PROJECT["optional-dependencies"][extra])}


@cache
def modules_imported_by(path: Path) -> frozenset[str]:
    """Anywhere in the file, also inside a function; without relative imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return frozenset(
        whole | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    )


def sources() -> list[Path]:
    return [path for package in SHIPPED for path in sorted((REPOSITORY / package).rglob("*.py"))]


def modules() -> Iterator[ModuleType]:
    for path in sources():
        if path.stem != "__main__":
            yield import_module(".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"))


def private_names(tree: ast.AST, function: str = "") -> Iterator[tuple[str, str]]:
    """Private names that are used of anything but `self` and `cls`, with the function around."""
    for node in ast.iter_child_nodes(tree):
        name = ""
        if isinstance(node, ast.Attribute) and not (
            isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}
        ):
            name = node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_NAME:
            name = str(node.args[1].value) if isinstance(node.args[1], ast.Constant) else ""
        if name.startswith("_") and not name.startswith("__"):
            yield function, name
        yield from private_names(
            node, node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        )


def names_on_self(kind: type) -> set[str]:
    """Private names of a class: of its methods, and what these set or read on `self`."""
    try:
        text = inspect.getsource(kind)
    except (OSError, TypeError):  # compiled
        text = ""
    names = {*vars(kind), *re.findall(r"self\.(_\w+)", text)} - MADE_BY_PYTHON
    return {name for name in names if re.match("_[a-z]", name)}
