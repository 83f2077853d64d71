"""What the types of a model's keys say of them. Pure."""

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def is_switch(field: FieldInfo) -> bool:
    """Whether a key, when it is there, switches something on that needs no key of its own: then `{}` behind it is what is meant."""
    inner = list(models_in(field.annotation)) if field.default is None else []
    return bool(inner) and all(not each.is_required() for model in inner for each in model.model_fields.values())


def has_bool(value: object) -> bool:
    """Whether a value is true or false, or a list or mapping that has one of them."""
    if isinstance(value, list | dict):
        return any(isinstance(each, bool) for each in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, bool)


def is_number(annotation: object) -> bool:
    """Whether a field of this type holds numbers, or a list or mapping of numbers, and no truth value in their place."""
    kinds, left = set[object](), [annotation]
    while left:
        kind = left.pop()
        kinds.add(kind)
        left += typing.get_args(kind)
    return bool(kinds & {int, float}) and bool not in kinds


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any type expression
    """The models that a type expression names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from models_in(inner)
