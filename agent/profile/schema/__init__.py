"""What a profile may contain: the models of its keys, and how the cells that they name are called in plans and answers.

| module | what |
|---|---|
| `profile` | a profile from its head down to the sources of a point |
| `places` | a *place*: OID, column or register; and the cells that decide about a unit, a condition, a gate or a case |
| `labels` | where the labels of a series come from |
| `values` | types of single values, such as an OID or a code |
| `cell_refs` | the *ref* of a place in one row, by which plans and answers name it |
| `reference` | the page of keys in docs/ and the JSON schema for editors, both made from the models |
"""

from agent.profile.schema.cell_refs import (
    cell_ref,
    is_instance,
    place_ref,
    readable_ref,
    register_ref,
    registers_of,
    watched_places,
    watched_refs,
)
from agent.profile.schema.labels import FromColumn, FromDevice, FromIndex, Joined, LabelSource, label_parts
from agent.profile.schema.places import (
    BIT_TABLES,
    REGISTER_BITS,
    Case,
    Cell,
    Gate,
    Place,
    ScaleBy,
    UnitBy,
    When,
    bits_of,
)
from agent.profile.schema.profile import (
    DEVICE_CLASSES,
    IdentitySource,
    ModbusLimits,
    Part,
    Point,
    Profile,
    RegisterProbe,
    Source,
    Table,
)
from agent.profile.schema.values import Code


def schema_text() -> str:
    """The JSON schema for editors."""
    # Imported here, because no agent that polls needs it; it takes 2 ms of its start.
    from agent.profile.schema.reference import schema_text as text  # noqa: PLC0415

    return text()


__all__ = [
    "BIT_TABLES",
    "DEVICE_CLASSES",
    "REGISTER_BITS",
    "Case",
    "Cell",
    "Code",
    "FromColumn",
    "FromDevice",
    "FromIndex",
    "Gate",
    "IdentitySource",
    "Joined",
    "LabelSource",
    "ModbusLimits",
    "Part",
    "Place",
    "Point",
    "Profile",
    "RegisterProbe",
    "ScaleBy",
    "Source",
    "Table",
    "UnitBy",
    "When",
    "bits_of",
    "cell_ref",
    "is_instance",
    "label_parts",
    "place_ref",
    "readable_ref",
    "register_ref",
    "registers_of",
    "schema_text",
    "watched_places",
    "watched_refs",
]
