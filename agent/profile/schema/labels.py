"""Where the labels of a series come from: a text, a column of the row, a part of its index, the configuration, or several joined."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from agent.profile.schema.values import Code, Oid, Text, as_text
from rackflow.process.config import StrictModel


class FromColumn(StrictModel):
    """A label whose value is in a cell of the same row; `map` turns codes or texts into label values.

    Without `map`, a row that lacks the cell has its index as the label. Of rows with equal names, all but the first have it appended.
    """

    column: Oid
    """SNMP: the column."""
    map: dict[Code, Text] = Field(default_factory=dict)
    """From codes or texts to label values; a row whose code is not listed is left out."""
    parts: Annotated[int | None, Field(ge=1, le=8)] = None
    """SNMP: for a cell in a table with a shorter index: how many parts of the row's index, from its start, are the index there."""

    def index_of(self, index: str) -> str:
        """The index under which the label of the row with this index stands."""
        return index if self.parts is None else ".".join(index.split(".")[: self.parts])


class FromIndex(StrictModel):
    """A label whose value is one part of the row's index, counted from 1, or from the end when negative."""

    index: Annotated[int, Field(ge=-8, le=8)]
    """SNMP: which part."""
    map: dict[int, Text] = Field(default_factory=dict)
    """From numbers to label values; a row whose number is not listed is left out."""


class FromDevice(StrictModel):
    """A label whose value is set for the device in the agent's configuration."""

    device: Literal["role"]
    """Which key of the device's configuration."""
    default: Text
    """Value for a device whose configuration does not set it."""


_KINDS = {"column": "union-column", "index": "union-index", "device": "union-device", "join": "union-join"}


def _kind(value: Any) -> str:  # noqa: ANN401 - whatever stands in the file, or a model
    names = value if isinstance(value, dict) else getattr(type(value), "model_fields", {})
    return next((kind for key, kind in _KINDS.items() if key in names), "union-text")


def _as_label(value: object) -> object:
    if isinstance(value, dict) and not _KINDS.keys() & value.keys():
        raise ValueError("has none of column, index, device and join")
    if value is None or isinstance(value, list):
        raise ValueError("is neither a text nor one of {column: …}, {index: …}, {device: …} and {join: […]}")
    return as_text(value)


# The names of the branches begin with "union", which messages leave out of the path.
LabelPart = Annotated[
    Annotated[str, Tag("union-text")]
    | Annotated[FromColumn, Tag("union-column")]
    | Annotated[FromIndex, Tag("union-index")]
    | Annotated[FromDevice, Tag("union-device")],
    Discriminator(_kind),
    BeforeValidator(_as_label),
]


class Joined(StrictModel):
    """A label made of several parts, joined with dots."""

    join: Annotated[list[LabelPart], Field(min_length=2)]
    """The parts."""


LabelSource = str | FromColumn | FromIndex | FromDevice | Joined


def label_parts(source: LabelSource) -> Sequence[str | FromColumn | FromIndex | FromDevice]:
    """What a label is joined from; a label that is not joined is its only part."""
    return source.join if isinstance(source, Joined) else [source]


Label = Annotated[
    Annotated[str, Tag("union-text")]
    | Annotated[FromColumn, Tag("union-column")]
    | Annotated[FromIndex, Tag("union-index")]
    | Annotated[FromDevice, Tag("union-device")]
    | Annotated[Joined, Tag("union-join")],
    Discriminator(_kind),
    BeforeValidator(_as_label),
]
