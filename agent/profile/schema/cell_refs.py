"""How places are named in plans and answers: an SNMP instance by its OID, a register as `table:address:type:order`."""

from agent.modbus import RegisterValue, words_of
from agent.profile.schema.places import Cell, Place, When
from agent.profile.schema.profile import Part

# Names of the register tables in messages.
_TABLES = {"holding": "register", "input": "input register", "coil": "coil", "discrete": "discrete input"}


def register_ref(place: Place) -> str:
    """The reference of a register. Loading a profile has filled in table, type and order.

    Type and order are part of it, because the same register may be read as two values.
    """
    return f"{place.table or 'holding'}:{place.register_}:{place.type or 'uint16'}:{place.order or 'big'}"


def register_value(place: Place) -> RegisterValue:
    """The registers to read for this place, and their type and order."""
    kind = place.type or "uint16"
    return RegisterValue(
        ref=register_ref(place),
        table=place.table or "holding",
        address=place.register_ or 0,
        words=words_of(kind, None),
        kind=kind,
        order=place.order or "big",
    )


def cell_ref(place: Place, index: str) -> str:
    """The reference of a cell, an instance or a register; `index` is that of the row."""
    if place.register_ is not None:
        return register_ref(place)
    if isinstance(place, Cell) and place.oid is not None:
        return place.oid
    column = place.column if isinstance(place, Cell) else place.oid if isinstance(place, Part) else None
    return f"{column}.{index}" if index else f"{column}"


def place_ref(place: Place, index: str, fields: dict[str, RegisterValue]) -> str:
    """As `cell_ref`; for a register, the registers to read are also added to `fields`, by reference."""
    ref = cell_ref(place, index)
    if place.register_ is not None:
        fields[ref] = register_value(place)
    return ref


def watched_refs(condition: When, index: str) -> list[str]:
    """The references of the cells of `alive` or `lines` in a row."""
    places = (register_ref(each) if isinstance(each, Place) else each for each in watched_places(condition))
    return [f"{place}.{index}" if index and not is_instance(place) else place for place in places]


def is_instance(oid: str) -> bool:
    """Whether it is the one instance of a scalar object, which ends in 0 as no column does (RFC 2578, 7.7 and 7.1.12)."""
    return oid.endswith(".0")


def watched_places(condition: When) -> list[Place | str]:
    """The cells of `alive` or `lines`: columns, instances, or registers as places of their own."""
    return [
        condition.model_copy(update={"register_": each, "alive": []}) if isinstance(each, int) else each
        for each in condition.watched()
    ]


def registers_of(place: Place) -> list[RegisterValue]:
    """The registers to read for a condition or unit: its own, or all those that `alive` lists."""
    if isinstance(place, When) and place.alive:
        return [register_value(each) for each in watched_places(place) if isinstance(each, Place)]
    return [register_value(place)]


def readable_ref(ref: str) -> str:
    """The reference in words for people: `register 9000`, `coil 3`, or the OID."""
    table, _, rest = ref.partition(":")
    return f"{_TABLES[table]} {rest.partition(':')[0]}" if rest else ref
