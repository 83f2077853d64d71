"""Faults of places: what the protocol has, which registers and bits there are, and which codes these can form."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from agent.modbus import NumberType, words_of
from agent.profile.schema import (
    BIT_TABLES,
    REGISTER_BITS,
    Case,
    Cell,
    Gate,
    Part,
    Place,
    Point,
    Profile,
    Table,
    UnitBy,
    When,
    bits_of,
)

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "snmp": ("column", "oid", "index", "lines", "decimals", "exponent", "varscale", "divisor", "text", "words"),
    "modbus": ("register", "table", "type", "order", "high", "step", "bit_step", "repeat", "scale_by"),
}
"""Keys of places by the protocol that they belong to."""
_NO_BITS = ("float32", "float64", "bcd16", "bcd32")
# Register addresses have 16 bits.
_LAST_REGISTER = 0xFFFF


def protocol_faults(profile: Profile, place: Place) -> Iterator[str]:
    """The first key of a place that belongs to the other protocol."""
    other = "modbus" if profile.protocol == "snmp" else "snmp"
    given = {name.rstrip("_") for name in place.model_fields_set if getattr(place, name) not in (None, {}, [])}
    if isinstance(place, When) and any(isinstance(each, int) != (profile.protocol == "modbus") for each in place.alive):
        yield f"alive: names {'OIDs' if profile.protocol == 'snmp' else 'registers'} where the protocol is {profile.protocol}"
        return
    for key in _KEYS[other]:
        if key in given:
            belongs, own = ("SNMP", "register") if other == "snmp" else ("Modbus", "oid")
            yield f"{key} belongs to {belongs}; the profile's protocol is {profile.protocol}, which has {own}"
            return


def register_faults(profile: Profile, place: Place) -> Iterator[str]:
    """Faults of a place in registers: its type, its bits, and where it ends."""
    kind: NumberType = place.type or "uint16"
    table = place.table or profile.modbus.table
    address = place.register_ or 0
    if kind == "ascii":
        yield "type: ascii is text, which only identity reads; points read numbers"
        return
    if table in BIT_TABLES:
        if kind not in ("uint16", "bool") or (isinstance(place, Part) and place.high is not None):
            yield f"type: a {table} is one bit; leave type and high out"
        if place.bit not in ((), (0,)):
            yield f"bit: a {table} is one bit; leave bit out"
        return
    yield from extent_faults(profile, table, address, words_of(kind, None))
    if isinstance(place, Part) and place.high is not None and kind != "uint16":
        yield "high: belongs to a register of type uint16, which holds the low 16 bits"
    if place.bit and kind in _NO_BITS:
        yield f"bit: a {kind} has no bits; read its register as uint16"
    width = REGISTER_BITS * 2 if isinstance(place, Part) and place.high is not None else bits_of(kind)
    bits = (*place.bit, *(place.bits if isinstance(place, Point) else ()))
    if bits and max(bits) >= width and kind not in _NO_BITS:
        yield f"bit {max(bits)}: a {kind} has the bits 0 to {width - 1}; take the next register, or a wider type"


def extent_faults(profile: Profile, table: str, register: int, words: int) -> Iterator[str]:
    """Registers beyond the last address, or more at once than the device allows."""
    if register + words - 1 > _LAST_REGISTER:
        yield f"register {register}: its {words} registers end behind {_LAST_REGISTER}"
    most = profile.modbus.max_registers
    if table not in BIT_TABLES and words > most:
        yield f"register {register}: needs {words} registers at once, more than max_registers of the profile, {most}"


def cell_faults(cell: Cell, table: Table | None) -> Iterator[str]:
    """A column outside of a table, and codes that contradict each other or never come."""
    if table is None and (cell.column is not None or (isinstance(cell, When) and cell.index is not None)):
        yield f"{'column' if cell.column is not None else 'index'}: belongs to a table; a single point has oid"
    if isinstance(cell, Gate):
        if both := sorted(set(cell.in_) & set(cell.missing)):
            yield f"{both[0]} is both in `in` and in `missing`"
        yield from code_faults(cell, (*cell.in_, *cell.missing))
    elif isinstance(cell, When):
        if cell.lines and table is None:
            yield "lines: belongs to a table, whose rows are the lines; a single point has alive"
        yield from code_faults(cell, cell.in_)
    elif isinstance(cell, UnitBy):
        yield from code_faults(cell, cell.map)
    elif isinstance(cell, Case):
        yield from code_faults(cell, cell.in_)


def code_faults(place: Place, codes: Iterable[int | str]) -> Iterator[str]:
    """Codes that the bits of a place cannot form."""
    is_bit = place.table in BIT_TABLES and place.register_ is not None
    most = 2 ** (len(place.bit) or 1) - 1 if place.bit or is_bit else None
    if most is None:
        return
    for code in codes:
        if not isinstance(code, int) or not 0 <= code <= most:
            what = "one bit is" if most == 1 else f"{len(place.bit)} bits form"
            yield f"code {code!r} never comes: {what} {'0 or 1' if most == 1 else f'0 to {most}'}"
