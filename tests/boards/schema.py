"""Checks a dashboard against Grafana's published schema: the models of its Foundation SDK (Apache-2.0), generated from its CUE.

The models ignore what they do not know and take any value, so both are looked for here: a key that is lost on the way through
the model, and a value that is not of the type or enumeration that the model states.
"""

import enum
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

UNITS = frozenset(value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_"))
"""Every unit that Grafana knows by an id."""
# What Prometheus's plugin adds to an annotation; the schema knows only what all plugins share.
OWN = re.compile(r"^\.annotations\.list\[\d+\]\.(step|titleFormat|textFormat|tagKeys|useValueForTime): unknown")


def schema_faults(dashboard: Mapping[str, Any]) -> list[str]:
    """What the schema does not know or allow, with its path."""
    register_default_plugins()
    return [fault for fault in _faults(dashboard, Dashboard.from_json(dict(dashboard)), "") if not OWN.search(fault)]


def _faults(ours: object, model: object, path: str) -> Iterator[str]:
    back = json.loads(json.dumps(model, cls=JSONEncoder))
    yield from _lost(ours, back, path)
    yield from _mistyped(model, path)


def _lost(ours: object, theirs: object, path: str) -> Iterator[str]:
    """Keys and values of ours that the models did not keep."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key, value in ours.items():
            if key in theirs:
                yield from _lost(value, theirs[key], f"{path}.{key}")
            elif value is not None:
                yield f"{path}.{key}: unknown to the schema"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _lost(mine, other, f"{path}[{number}]")
    elif ours != theirs:
        yield f"{path}: {ours!r} became {theirs!r}"


def _mistyped(value: object, path: str) -> Iterator[str]:
    """Attributes of a model, and of those within it, that are not what it states."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        for number, each in enumerate(value):
            yield from _mistyped(each, f"{path}[{number}]")
    elif hasattr(value, "to_json"):
        hints = typing.get_type_hints(type(value))
        for name, each in vars(value).items():
            if name in hints and not _fits(each, hints[name]):
                yield f"{path}.{name}: {each!r} is not {hints[name]}"
            yield from _mistyped(each, f"{path}.{name}")


def _fits(value: object, hint: Any) -> bool:  # noqa: ANN401, PLR0911 - any annotation, one answer for each kind
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or hint is object:
        return True
    if isinstance(value, dict) and hasattr(hint, "from_json"):
        # The models keep what is in some lists as it came.
        return not list(_faults(value, hint.from_json(value), ""))
    if origin in {typing.Union, types.UnionType}:
        return any(_fits(value, each) for each in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(_fits(each, arguments[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(each, arguments[1]) for each in value.values())
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in {each.value for each in hint}
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, hint) if isinstance(hint, type) else True
