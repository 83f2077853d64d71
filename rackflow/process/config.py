"""Reads configuration files into strict pydantic models. Every fault is one line with file, key and remedy.

All faults of a file are reported at once, so that nobody has to start a program five times to find five of them.
"""

import difflib
import os
import re
import stat
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from rackflow.errors import ConfigError
from rackflow.escape import escape_unprintable
from rackflow.process.fault_words import kind_of, plain_words
from rackflow.process.field_texts import field_texts
from rackflow.process.files import unreadable
from rackflow.process.hosts import TYPOGRAPHIC_QUOTES, checked_host
from rackflow.process.key_types import has_bool, is_number, is_switch, models_in
from rackflow.process.paths import SHELL_VARIABLE
from rackflow.process.secret import read_secret
from rackflow.process.yaml import SHELL_VARIABLE_FAULT, line_of, lines_of, load_yaml_text, read_text_file

M = TypeVar("M", bound=BaseModel)
NAME_PATTERN = r"^[A-Za-z0-9_.:-]{1,64}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A name that can be a label's value and a level of a topic."""
# The first faults are enough to begin with; a file of a million wrong values would give a million lines.
MAX_FAULTS = 100
# How much of a wrong value is repeated, in characters.
SHOWN = 80
# How like a key of the same section an unknown one must be to be a slip for it (difflib's ratio). `credentials` and `credential` have
# 0.95; at the 0.6 of difflib, `host` at the top level would be a slip for `sites`.
SAME_SECTION = 0.8
# Tells the models that what they check is the content of a file, where nothing behind a key is no value that somebody wrote.
_OF_A_FILE: Final[Mapping[str, bool]] = {"of_a_file": True}
_EMPTY = "is empty; fill it in, or remove it if it may be left out"
# A key with one of these in its name is never printed with its value.
_SECRET_WORDS = ("key", "password", "community", "token")


class StrictModel(BaseModel):
    """Base of every configuration section. Frozen; unknown keys are errors, because a mistyped key would silently be a default.

    The text under an attribute is the description of that key in the generated reference.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        str_strip_whitespace=True,
        # A model's validator is built when it is first used, and those of the models inside it as parts of it: the agent's models
        # then take 0.05 s less of CPU at its start, and 4 MB less of memory.
        defer_build=True,
        # pydantic's own errors would repeat the value, and a traceback would show it.
        hide_input_in_errors=True,
        # YAML has .inf and .nan; as a limit or a rating they are slips, and later make figures that are no numbers.
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_words_for_numbers(cls, data: object) -> object:
        # pydantic takes true for 1 and false for 0: a switch that is written to the wrong key would be a port, or a time.
        if isinstance(data, dict):
            for key, value in data.items():
                if has_bool(value) and key in cls.model_fields and is_number(cls.model_fields[key].annotation):
                    raise FaultAt("is true or false; write a number", key)
        return data

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_nothing(cls, value: object, info: ValidationInfo) -> object:
        # YAML takes nothing behind a key for none, which an optional key has when it is left out: `profiles:` in a draft, which was to be
        # filled in, would leave the own profiles unread, and `pair:` would let both machines poll under one name.
        if value is None and info.context and info.context.get("of_a_file"):
            name = str(info.field_name)
            field = cls.model_fields[name]
            raise ValueError(f"is empty; write `{name}: {{}}`, or remove it" if is_switch(field) else _EMPTY)
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls,
        core_schema: Any,  # noqa: ANN401 - its type is of pydantic_core, which is not ours to import
        handler: GetJsonSchemaHandler,
    ) -> JsonSchemaValue:
        """The schema with the texts under the attributes as descriptions of their keys."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for base in reversed(cls.__mro__):
            for name, text in field_texts(base).items() if issubclass(base, StrictModel) else ():
                field = cls.model_fields.get(name)
                if field is not None and (key := field.alias or name) in properties:
                    properties[key]["description"] = text
        return schema


def _from_source(value: object) -> object:
    if not isinstance(value, str):
        return value
    fault = None
    if SHELL_VARIABLE.fullmatch(value):
        raise ValueError(SHELL_VARIABLE_FAULT)
    if len(value) > 1 and value[0] in TYPOGRAPHIC_QUOTES and value[-1] in TYPOGRAPHIC_QUOTES:
        raise ValueError("is in typographic quotation marks, which would be part of it; use plain ones, or none")
    try:
        return read_secret(value)
    except ConfigError as error:
        fault = str(error)
    # pydantic collects only ValueError. Raised outside the block above, so that it has no error attached.
    raise ValueError(fault)


class FaultAt(ValueError):
    """A fault that a check across keys found, at a path below its own section: the error then names that key and its line."""

    def __init__(self, text: str, *path: str | int) -> None:
        super().__init__(text)
        self.path = path


class _NeverShown:
    """Marks a type whose values may hold a secret although they are no SecretStr."""


def _checked_url(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts = None
    try:
        parts = urlsplit(value)
        found = parts.hostname is not None and parts.port != 0 and parts.scheme in {"http", "https"}
    except ValueError:
        found = False
    if parts is None or not found or not value.isprintable() or " " in value:
        raise ValueError("is not an address; write for example http://127.0.0.1:8086")
    if "@" in parts.netloc:
        raise ValueError(
            "has a user name or password in it; remove them and use `token`, which can come from the environment"
        )
    return value


_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|min|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


def _seconds(value: object) -> object:
    # As other programs of the field write it (`5s`, `500ms`): there is only one thing that it can mean.
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(found[1]) * _SECONDS[found[2]] if found else value


Seconds = Annotated[float, BeforeValidator(_seconds)]
"""A number of seconds, or a text such as `500ms`, `5s`, `2m` or `1h`."""


def named_file(config: Path, key: str, file: Path) -> Path:
    """The path of another file that a configuration names, relative to its folder. Raises ConfigError if it is no file that can be read."""
    path = config.parent / file
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return path
    except OSError as error:
        raise ConfigError(f"{line_with(config, key)}: {key}: {unreadable(path, error)}") from error
    raise ConfigError(f"{line_with(config, key)}: {key}: {path} is no regular file; name a file")


def line_with(config: Path, key: str) -> str:
    """File and line of a key, as a fault begins that is found after the file was read: `agent.yaml:3`."""
    line = line_of(read_text_file(config), key.split("."))
    return f"{config}:{line}" if line else str(config)


def refuse_overwriting(config: Path, written: Mapping[str, Path | None], read: Mapping[str, Path | None]) -> None:
    """Refuse a configuration by which a process would write over a file that it reads. Raises ConfigError.

    Args:
        config: The configuration's own file.
        written: Files and folders that the process writes, by key.
        read: Other files that it reads, by key.
    """
    owners = {os.path.realpath(file): f"of `{key}`" for key, file in read.items() if file is not None}
    owners[os.path.realpath(config)] = "this configuration itself"
    for key, file in written.items():
        if file is not None and (owner := owners.get(os.path.realpath(file))) is not None:
            where = line_with(config, key)
            raise ConfigError(f"{where}: {key}: is the file {owner}, which would be written over; name another")


Host = Annotated[str, BeforeValidator(checked_host)]
"""An address or a host name, without a port."""
Url = Annotated[str, BeforeValidator(_checked_url), _NeverShown()]
"""An HTTP address without credentials. It is never shown, because somebody may have put a password or token into it."""
Secret = Annotated[SecretStr, BeforeValidator(_from_source)]
"""A secret: never shown by repr or dumps. `env:NAME`, `file:PATH` and `credential:NAME` say where it is."""


# Keys at the top level of a file of each kind and of no other, and how its reader names it.
_KINDS: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "AgentConfig": (frozenset({"agent", "devices", "credentials", "intervals"}), "an agent's configuration"),
    "CollectorConfig": (frozenset({"client_id", "store", "dead_letter", "listen"}), "a collector's configuration"),
    "SiteFile": (frozenset({"electrical", "rooms", "rows", "feeds", "racks", "pdus"}), "a site file"),
}


OtherWord = Callable[[str, int], str | None]
"""Given an unknown key and its depth in the file (in keys), the remedy if another vocabulary has the key, else None."""


def load_config(path: Path, model: type[M], other_word: OtherWord = lambda *_: None) -> M:
    """Read and check a configuration. Raises ConfigError with a line `file:line: key: what is wrong; remedy` for each fault."""
    text = read_text_file(path)
    return check_config(load_yaml_text(text, str(path)), model, str(path), text, other_word)


def check_config(
    data: object, model: type[M], where: str, text: str | None = None, other_word: OtherWord = lambda *_: None
) -> M:
    """Check `data` against `model`. Errors are as in `load_config`; if `text` (the file's content) is given, they name the line, too."""
    if data is None and text is not None:
        raise ConfigError(f"{where}: the file is empty; correct the path, or write it")
    try:
        return model.model_validate(data, context=None if text is None else _OF_A_FILE)
    except ValidationError as error:
        names = sorted(set(_field_names(model, set())))
        # If the file is of another kind, lists of its missing and unknown keys would help nobody.
        lines = [f"{where}: {each}" for each in _other_kind(data, model)]
        faults = [_placed(each) for each in error.errors(include_url=False)] if not lines else []
        faults = [each for each in faults if not _is_other_branch(each, faults)]
        said = [(each, _fault(each, names, model, other_word)) for each in faults[:MAX_FAULTS]]
        told = [(fault["loc"], what) for fault, what in said if not _is_told_by_slip(fault, said)]
        # All at once: each search reads the whole text, and an agent that reloads would poll nothing meanwhile.
        numbers = lines_of(text, [loc for loc, _ in told]) if text is not None else [None] * len(told)
        for line, (_, what) in zip(numbers, told, strict=True):
            lines.append(f"{where}{f':{line}' if line else ''}: {escape_unprintable(what)}")
        if len(faults) > MAX_FAULTS:
            lines.append(f"{where}: {len(faults) - MAX_FAULTS} more faults")
    # Outside the block above, so that the error does not have pydantic's attached, which knows every value.
    raise ConfigError("\n".join(lines))


def _other_kind(data: object, model: type[BaseModel]) -> Iterator[str]:
    """Says that a file is of another kind, where it is: a list of missing and unknown keys would hide that."""
    own = _KINDS.get(model.__name__)
    if own is None or not isinstance(data, dict):
        return
    for keys, kind in _KINDS.values():
        # At least two keys of the other kind: a single one may be a typing error in a file of the right kind.
        if not own[0] & data.keys() and len(keys & data.keys()) > 1:
            yield f"is {kind}, and {own[1]} is needed here; correct the path, or use the other command"


def _placed(fault: Any) -> Any:  # noqa: ANN401 - pydantic's ErrorDetails
    """The same fault at the path that its check named."""
    cause = fault.get("ctx", {}).get("error")
    if not isinstance(cause, FaultAt):
        return fault
    # Its input is the whole section.
    return fault | {"loc": (*fault["loc"], *cause.path), "input": ...}


# pydantic puts its own steps (validators, branches of unions, `[key]`) into the path of a fault; no file has keys of these names.
_STEPS_OF_PYDANTIC = ("function-", "tagged-union", "union", "list[", "dict[", "tuple[", "literal[", "constrained-")


def _shown_key(loc: Sequence[str | int]) -> str:
    """The path of a fault as a reader of the file would write it: `devices[3].host`."""
    key = ""
    for part in loc:
        if isinstance(part, int):
            key += f"[{part}]"
        elif not str(part).startswith(_STEPS_OF_PYDANTIC) and part != "[key]":
            key += f".{part}" if key else str(part)
    return key or "(top level)"


def _is_other_branch(fault: Any, faults: Sequence[Any]) -> bool:  # noqa: ANN401 - pydantic's ErrorDetails
    """Whether this says that a list is no single value, where a key may have either and an entry of the list is what is wrong."""
    last = str(fault["loc"][-1]) if fault["loc"] else ""
    if (
        not last.startswith(("literal[", "constrained-", "str"))
        or fault["type"] not in _SINGLE
        or not isinstance(fault.get("input"), list)
    ):
        return False
    above = fault["loc"][:-1]
    return any(each["loc"][: len(above)] == above and each["type"] not in _SINGLE for each in faults)


_SINGLE = {"literal_error", "string_type"}


def _is_told_by_slip(fault: Any, said: Sequence[tuple[Any, str]]) -> bool:  # noqa: ANN401 - as above
    """Whether a required key only seems to be missing, because it is there with a slip: that line says what to write."""
    name = str(fault["loc"][-1]) if fault["type"] == "missing" else ""
    return bool(name) and any(
        each["type"] == "extra_forbidden"
        and each["loc"][:-1] == fault["loc"][:-1]
        and re.search(rf"(?<![\w'.]){re.escape(name)}\b|'{re.escape(name)}'", what.partition(";")[2])
        for each, what in said
    )


def _fault(  # the type of `fault` is pydantic's ErrorDetails
    fault: Any,  # noqa: ANN401
    names: list[str],
    model: type[BaseModel],
    other_word: OtherWord,
) -> str:
    """One line about one fault: the key, what is wrong with it, and what to do. `names` are all keys that the file may have."""
    key = _shown_key(fault["loc"])
    if fault["type"] == "invalid_key":
        key = f"key {fault.get('input')}"
    if fault["type"] == "extra_forbidden":
        return _unknown_key(fault, key, names, model, other_word)
    if fault["type"] == "missing":
        return f"{key}: is required; add it"
    if fault.get("input") is None and fault["type"].endswith("_type"):
        # `key:` with nothing behind it, as in a draft that is to be filled in.
        return f"{key}: {_EMPTY}"
    if other_shape := _other_shape(fault, key):
        return f"{key}: {other_shape}"
    text = _words(fault, key)
    shown = fault.get("input")
    may_hide_secret = any(word in key for word in _SECRET_WORDS) or _hides_secret(model, fault["loc"])
    # `user:password@host` is what somebody writes as an address.
    may_hide_secret = may_hide_secret or (isinstance(shown, str) and "@" in shown)
    if isinstance(shown, str | int | float | bool) and not may_hide_secret:
        value = repr(shown)
        return f"{key}: {text} (it is {value if len(value) <= SHOWN else value[:SHOWN] + ' …'})"
    return f"{key}: {text}"


def _unknown_key(
    fault: Any,  # noqa: ANN401 - as above
    key: str,
    names: list[str],
    model: type[BaseModel],
    other_word: OtherWord,
) -> str:
    unknown = str(fault["loc"][-1])
    name, colon, _ = unknown.partition(":")
    if colon and name in _keys_at(model, fault["loc"][:-1]):
        # Without what stands behind the colon, which may be a password.
        return f"{key.removesuffix(unknown)}{name}: has no blank behind its colon, which YAML needs; put one there"
    # A key of this very section first: `credentials` of a device is a slip for `credential`, although the file has such a section.
    close = difflib.get_close_matches(unknown, _keys_at(model, fault["loc"][:-1]), n=1, cutoff=SAME_SECTION)
    close = close or difflib.get_close_matches(unknown, names, n=1)
    # The key exists, but in another section: say where it belongs instead of suggesting the key itself.
    near = f"it belongs {_where(unknown, model)}: check the indentation" if close == [unknown] else ""
    near = near or (f"did you mean {close[0]!r}?" if close else "remove it")
    remedy = other_word(unknown, len(fault["loc"])) or near
    return f"{key}: unknown key; {remedy}"


def _words(fault: Any, key: str) -> str:  # noqa: ANN401 - as above
    """What is wrong: our words, or those of pydantic or of a check of ours where there are none."""
    ours = plain_words(fault["type"], key.rpartition(".")[2], fault.get("input"), fault.get("ctx", {}))
    return ours or str(fault["msg"]).removeprefix("Value error, ")


def _other_shape(
    fault: Any,  # noqa: ANN401 - as above
    key: str,
) -> str | None:
    """What to write instead where a key, a section, a list or a value is expected and another of these was found; None otherwise."""
    found = fault.get("input")
    if fault["type"] == "literal_error" and fault["loc"][-1] == "[key]":
        return f"unknown key; use {fault['ctx']['expected']}"
    if fault["type"] in {"list_type", "tuple_type"} and isinstance(found, str | int | float | bool):
        return f"is a single value, and a list is expected; put it in brackets: {key.rpartition('.')[2]}: [...]"
    if fault["type"] in {"list_type", "tuple_type"} and isinstance(found, dict):
        return "is a section, and a list is expected; begin each entry with `- `, and give a name that stands before it as a key inside"
    if fault["type"] == "bool_type" and isinstance(found, list | dict):
        keys = f", with its keys beside {key.rpartition('.')[2]!r}" if isinstance(found, dict) else ""
        return f"is {kind_of(found)}; write true or false{keys}"
    return None


def _hides_secret(model: type[BaseModel], path: Sequence[str | int]) -> bool:
    """Whether a value at this path may be a secret, either by the model or because somebody put it there by mistake.

    `ro: public` below `credentials` is such a mistake: a section is expected there, and one of its keys is a community.
    """
    return any(_has_secret(place, set()) for place in _places(model, path))


def _places(model: type[BaseModel], path: Sequence[str | int]) -> list[Any]:
    """The types that a model has at a path of a fault."""
    places: list[Any] = [model]
    for part in path:
        below: list[Any] = []
        for place in places:
            below += _below(place, part)
        # A step of pydantic's own (a validator, a branch of a union) is none in the model.
        places = below or places
    return places


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys of the section at a path."""
    inner = [each for place in _places(model, path) for each in models_in(place)]
    return sorted({field.alias or name for each in inner for name, field in each.model_fields.items()})


def _below(annotation: Any, part: str | int) -> list[Any]:  # noqa: ANN401 - any type expression
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        found = [field for name, field in fields.items() if part in {name, field.alias}]
        return [Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation for field in found]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return _below(arguments[0], part)
    if origin in {typing.Union, types.UnionType}:
        return [inner for each in arguments for inner in _below(each, part)]
    # A list's items, a mapping's values.
    return list(arguments[-1:]) if origin is not None and origin is not Literal else []


def _has_secret(annotation: Any, seen: set[Any]) -> bool:  # noqa: ANN401 - any type expression
    if annotation is SecretStr or isinstance(annotation, _NeverShown):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in seen:
            return False
        seen.add(annotation)
        fields = annotation.model_fields.values()
        return any(_has_secret(inner, seen) for field in fields for inner in (field.annotation, *field.metadata))
    if typing.get_origin(annotation) is Literal:
        return False
    return any(_has_secret(inner, seen) for inner in typing.get_args(annotation))


def _where(key: str, model: type[BaseModel]) -> str:
    """Where a file of this form has a key: at its top level, or in which sections."""
    if key in _keys_at(model, ()):
        return "to the top level"
    # Nearest to the top first; more than three would be no help.
    sections = sorted(dict.fromkeys(_sections_with(key, model, "", frozenset())), key=lambda each: each.count("."))
    return f"to {' or '.join(f'`{each}`' for each in sections[:3])}" if sections else "to another section"


def _sections_with(key: str, model: type[BaseModel], section: str, above: frozenset[type[BaseModel]]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        shown = field.alias or name
        if shown == key and section:
            yield section
        for inner in models_in(field.annotation):
            if inner not in above:
                yield from _sections_with(key, inner, f"{section}.{shown}" if section else shown, above | {inner})


def _field_names(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in models_in(field.annotation):
            yield from _field_names(inner, seen)
