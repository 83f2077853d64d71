"""The reference of profiles: every key of the models with an example from a shipped profile, and the JSON schema for editors.

Both are generated from the models, so that they have the same keys. A key for which no shipped profile has an example is refused, because
nobody needs it.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

import msgspec
import yaml
from pydantic import BaseModel

from agent.modbus import WORDS, WordOrder, decode
from agent.profile.schema.labels import FromColumn, FromDevice, FromIndex, Joined
from agent.profile.schema.places import Case, Cell, Gate, Place, ScaleBy, UnitBy, When
from agent.profile.schema.profile import (
    Identify,
    IdentitySource,
    ModbusLimits,
    Part,
    Point,
    Profile,
    Recognise,
    RegisterProbe,
    Source,
    Table,
)
from rackflow.catalogue import catalogue
from rackflow.errors import ProfileError
from rackflow.process.key_types import models_in
from rackflow.process.yaml import load_yaml_text
from rackflow.units import WIRE_UNITS

ValueWords = Callable[[dict[str, Any], dict[str, Any]], str]
"""A function that describes the values of a key in a few words, given the key's JSON schema and the whole schema."""
Key = tuple[str, str]
"""A model's name, and the name of one of its keys in a file."""

# Longer examples are cut off, because the example of a whole table would fill a page. Characters.
MAX_EXAMPLE: Final = 110
# Four different bytes, so that each order looks different.
SAMPLE: Final = 123.456
_ORDERS: Final[Mapping[WordOrder, str]] = {
    "big": "ABCD",
    "little-swapped": "CDAB",
    "big-swapped": "BADC",
    "little": "DCBA",
}

SECTIONS: Final[tuple[tuple[str, str, tuple[type[BaseModel], ...]], ...]] = (
    ("The whole file", "", (Profile,)),
    ("`recognise`", "", (Recognise,)),
    ("`recognise.registers`", "", (RegisterProbe,)),
    ("`identity`", "", (Identify,)),
    ("`identity.vendor`, `model`, `serial`, `firmware`", "", (IdentitySource,)),
    ("`modbus`", "", (ModbusLimits,)),
    ("`points`: which series", "", (Point,)),
    ("`points`: where the number stands", "", (Place,)),
    ("`points`: what the number means", "", (Part,)),
    ("`points`: sums, differences and cases", "", (Source,)),
    ("`cases`", "Beside where it looks (`cells` below).", (Case,)),
    ("`gate`", "Beside where it looks (`cells` below).", (Gate,)),
    ("`when`", "Beside where it looks (`cells` below).", (When,)),
    ("`unit_by`", "Beside where it looks (`cells` below).", (UnitBy,)),
    (
        "`scale_by`",
        "Beside `register`, and `table`, `type`, `order`, `bit`, `step` and `bit_step` as in `points`.",
        (ScaleBy,),
    ),
    (
        "Cells: where `cases`, `gate`, `when` and `unit_by` look",
        "One of these, or a `register` with `table`, `type`, `order`, `bit`, `step` and `bit_step` as in `points`.",
        (Cell,),
    ),
    ("`labels`: from a column", "", (FromColumn,)),
    ("`labels`: from the index", "", (FromIndex,)),
    ("`labels`: from the configuration", "", (FromDevice,)),
    ("`labels`: joined", "", (Joined,)),
    ("`tables`", "", (Table,)),
)
"""For each section of the reference: the heading, the text below it, and the models whose own keys it lists."""


def own_keys(model: type[BaseModel]) -> dict[str, str]:
    """The keys that a model adds to those of its base, as they are written in files, with the names of its attributes."""
    inherited = {name for base in model.__bases__ if issubclass(base, BaseModel) for name in base.model_fields}
    return {(field.alias or name): name for name, field in model.model_fields.items() if name not in inherited}


def reference_lines(value_words: ValueWords) -> list[str]:
    """The lines of docs/reference/profiles.md after its introduction. Raises ProfileError if a key has no example."""
    whole = Profile.model_json_schema(by_alias=True)
    defs: dict[str, Any] = whole["$defs"] | {"Profile": whole}
    found = examples()
    lines: list[str] = []
    for heading, note, models in SECTIONS:
        lines += ["", f"## {heading}", ""]
        for model in models:
            doc = " ".join((model.__doc__ or "").split())
            lines += [f"{doc} {note}".strip(), "", "| key | value | meaning | example |", "|---|---|---|---|"]
            shown = _schema_of(model, defs)
            for key in own_keys(model):
                if (model.__name__, key) not in found:
                    raise ProfileError(
                        f"{model.__name__}.{key}: no shipped profile has an example; use it or remove it"
                    )
                lines.append(_row(key, shown, whole, value_words, found[model.__name__, key]))
    return [*lines, *_word_orders(), *_types(), *_wire_units()]


def _schema_of(model: type[BaseModel], defs: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of a model. A base class is not in `defs`; for it, the schema of a model that inherits its keys is used."""
    if model.__name__ in defs:
        return dict(defs[model.__name__])
    heirs = (each for _, _, models in SECTIONS for each in models if issubclass(each, model) and each.__name__ in defs)
    return dict(defs[next(heirs).__name__])


def _row(key: str, shown: dict[str, Any], whole: dict[str, Any], value_words: ValueWords, example: str) -> str:
    value = shown["properties"][key]
    need = "" if key in shown.get("required", ()) else ", optional"
    meaning = " ".join(value.get("description", "").split())
    default = value.get("default")
    if default is not None and default not in ("", {}, [], ()) and not isinstance(default, dict):
        meaning += f" Default: `{str(default).lower() if isinstance(default, bool) else default}`."
    return f"| `{key}`{need} | {value_words(value, whole)} | {meaning} | {example} |"


def examples() -> dict[Key, str]:
    """The shortest example of each key in a shipped profile, as YAML, with the profile's name."""
    # By length, because writing every value as YAML would take seconds.
    found: dict[Key, tuple[int, str, Any]] = {}
    for entry in sorted(files("agent").joinpath("profiles").iterdir(), key=lambda each: each.name):
        if entry.name.endswith(".yaml"):
            raw = load_yaml_text(entry.read_text(encoding="utf-8"), entry.name)
            for key, value in _used(Profile, raw):
                first = _first(value)
                candidate = (len(repr(first)), entry.name.removesuffix(".yaml"), first)
                if key not in found or candidate[:2] < found[key][:2]:
                    found[key] = candidate
    return {key: _cell(key[1], value, profile) for key, (_, profile, value) in found.items()}


def _cell(key: str, value: Any, profile: str) -> str:  # noqa: ANN401 - any plain value
    text = _flow({key: value})
    shown = text if len(text) <= MAX_EXAMPLE else f"{text[:MAX_EXAMPLE]}…"
    return f"`{shown.replace('|', '/')}` ({profile})"


def _used(model: type[BaseModel], raw: Mapping[str, Any]) -> Iterator[tuple[Key, Any]]:
    """The keys of a part of a profile and of what is in it, with their values."""
    aliases = {field.alias or name: field for name, field in model.model_fields.items()}
    for key, value in raw.items():
        owner = next(each for each in model.__mro__ if issubclass(each, BaseModel) and key in own_keys(each))
        yield (owner.__name__, key), value
        candidates = list(models_in(aliases[key].annotation))
        for inner in _mappings(value):
            for each in candidates:
                if inner.keys() <= {field.alias or name for name, field in each.model_fields.items()}:
                    yield from _used(each, inner)
                    break


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """The mapping itself, those in a list, and those that are values of a mapping: whichever of them is a part of a profile."""
    if isinstance(value, Mapping):
        yield value
        yield from (each for each in value.values() if isinstance(each, Mapping))
    elif isinstance(value, list):
        yield from (each for each in value if isinstance(each, Mapping))


def _first(value: Any) -> Any:  # noqa: ANN401 - any plain value
    """A list of mappings shows its first one."""
    return value[:1] if isinstance(value, list) and value and isinstance(value[0], Mapping) else value


def _flow(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(value), default_flow_style=True, width=10_000, sort_keys=False).strip()[1:-1]


def _word_orders() -> list[str]:
    lines = [
        "",
        "## Word orders",
        "",
        f"How {SAMPLE} (`float32`, bytes A to D: 42 F6 E9 79) stands in two registers. Modbus defines only that a register has its high",
        "byte first. `rackflow-agent profiles draft FILE.mbrec` shows a recording in all of them.",
        "",
        "| `order` | bytes | first register | second register | manuals call it |",
        "|---|---|---|---|---|",
    ]
    called = {
        "big": "big endian, high word first",
        "little-swapped": "low word first, word swap, Modicon",
        "big-swapped": "byte swap",
        "little": "little endian",
    }
    for order in _ORDERS:
        first, second = _registers(order)
        lines.append(f"| `{order}` | {_ORDERS[order]} | {first:#06x} | {second:#06x} | {called[order]} |")
    return lines


def _registers(order: WordOrder) -> tuple[int, int]:
    packed = struct.pack(">f", SAMPLE)
    registers = struct.unpack(">HH", bytes(packed["ABCD".index(letter)] for letter in _ORDERS[order]))
    read = decode(registers, "float32", order)
    if not isinstance(read, float) or abs(read - SAMPLE) > 1e-4:  # noqa: PLR2004 - a float32 has 7 digits
        raise ProfileError(f"order {order}: decodes as {read}")
    return registers[0], registers[1]


def _types() -> list[str]:
    meanings = {
        "uint": "whole number from 0",
        "int": "whole number with a sign",
        "float": "IEEE 754; NaN, infinity and subnormal numbers are no readings",
        "bcd": "decimal digits, four to a register",
        "bool": "0 or 1",
    }
    lines = ["", "## Number types", "", "| `type` | registers | what |", "|---|---|---|"]
    for name, words in sorted(WORDS.items(), key=lambda each: (each[0].rstrip("0123456789"), each[1])):
        lines.append(f"| `{name}` | {words} | {meanings[name.rstrip('0123456789')]} |")
    return [
        *lines,
        "| `ascii` | as `words` says | text, in `identity` only: from left to right in any word order, one or two letters to a register |",
    ]


def _wire_units() -> list[str]:
    """A table of the units that a profile can name, by the base unit of the metric that they lead to."""
    by_base: dict[str, list[str]] = {}
    for name, unit in WIRE_UNITS.items():
        by_base.setdefault(unit.base, []).append(f"`{name}`")
    rows = [f"| {base} | {', '.join(names)} |" for base, names in sorted(by_base.items()) if base]
    counted = ", ".join(name for name in by_base[""] if name != "``")
    none = f"Where the metric has no unit, `unit` is left out ({counted} says the same)."
    return ["", "## Wire units", "", none, "", "| the metric's unit | `unit` in a profile |", "|---|---|", *rows]


def editor_schema() -> dict[str, Any]:
    """The JSON schema of a profile for editors: the models, with the names of metrics and units to choose from."""
    whole = Profile.model_json_schema(by_alias=True)
    defs = whole["$defs"]
    metrics = [name for name, metric in catalogue().items() if not metric.derived]
    for each in defs.values():
        _enumerate(each, "unit", sorted(WIRE_UNITS), "Unit")
    defs["Point"]["properties"]["metric"]["enum"] = metrics
    defs["UnitBy"]["properties"]["map"]["additionalProperties"] = {"type": "string", "enum": sorted(WIRE_UNITS)}
    return whole


def schema_text() -> str:
    """The schema as a file, without a newline at its end."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **editor_schema()}
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()


def _enumerate(model: dict[str, Any], key: str, names: Iterable[str], title: str) -> None:
    value = model.get("properties", {}).get(key, {})
    if value.get("type") == "string" and value.get("title") == title:
        value["enum"] = list(names)


def all_keys() -> set[Key]:
    """Every key of the models, by the model that adds it."""
    return {(model.__name__, key) for _, _, models in SECTIONS for model in models for key in own_keys(model)}
