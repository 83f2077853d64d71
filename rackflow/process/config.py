"""Reads configuration files into strict pydantic models. Every fault is one line with file, key and remedy.

All faults of a file are reported at once, so that nobody has to start a program five times to find five of them.
"""

import difflib
import os
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, StringConstraints, ValidationError

from rackflow.errors import ConfigError
from rackflow.process.yaml import line_of, load_yaml_file

M = TypeVar("M", bound=BaseModel)
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]
"""A name that can be a label's value and a level of a topic."""
# A key with one of these in its name is never printed with its value.
_SECRET_WORDS = ("key", "password", "community", "token")


class StrictModel(BaseModel):
    """Base of every configuration section. Frozen; unknown keys are errors, because a mistyped key would silently be a default.

    The text under an attribute is the description of that key in the generated reference.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, use_attribute_docstrings=True)


def _from_environment(value: object) -> object:
    if isinstance(value, str) and value.startswith("env:"):
        name = value.removeprefix("env:")
        if name not in os.environ:
            raise ValueError(f"environment variable {name} is not set")
        return os.environ[name]
    return value


Secret = Annotated[SecretStr, BeforeValidator(_from_environment)]
"""A secret: never shown by repr or dumps. `env:NAME` takes it from the environment."""


def load_config(path: Path, model: type[M]) -> M:
    """Read and check a configuration. Raises ConfigError with a line `file: key: what is wrong; remedy` for each fault."""
    data = load_yaml_file(path)
    if data is None:
        raise ConfigError(f"{path}: the file is empty")
    return check_config(data, model, str(path))


def check_config(data: object, model: type[M], where: str, text: str | None = None) -> M:
    """Check `data` against `model`. Errors are as in `load_config`; if `text` (the file's content) is given, they name the line, too."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        names = sorted(set(_field_names(model, set())))
        lines = []
        for fault in error.errors(include_url=False):
            line = line_of(text, fault["loc"]) if text is not None else None
            lines.append(f"{where}{f':{line}' if line else ''}: {_fault(fault, names)}")
        raise ConfigError("\n".join(lines)) from error


def _fault(fault: Any, names: list[str]) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    key = ""
    for part in fault["loc"]:
        if isinstance(part, int):
            key += f"[{part}]"
        # pydantic puts its own steps (validators, branches of unions) into the path; no file has keys of these names.
        elif not str(part).startswith(("function-", "tagged-union", "union")):
            key += f".{part}" if key else str(part)
    key = key or "(top level)"
    if fault["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(fault["loc"][-1]), names, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "remove it"
        return f"{key}: unknown key; {remedy}"
    if fault["type"] == "missing":
        return f"{key}: is required; add it"
    text = str(fault["msg"]).removeprefix("Value error, ")
    shown = fault.get("input")
    if isinstance(shown, str | int | float | bool) and not any(word in key for word in _SECRET_WORDS):
        return f"{key}: {text} (it is {shown!r})"
    return f"{key}: {text}"


def _field_names(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[str]:
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        yield field.alias or name
        for inner in _models_in(field.annotation):
            yield from _field_names(inner, seen)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any type expression
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)
