"""Types of single values in a profile, such as an OID, a code or a unit. Their messages say what to write instead."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from agent.profile.normalising import QUANTITY_UNITS, code_of
from rackflow.nearest import did_you_mean
from rackflow.units import WIRE_UNITS

OID_PATTERN = r"^\d+(\.\d+)+$"
_OID = re.compile(OID_PATTERN, re.ASCII)
# The highest number of an alarm word, or of a sensor group, that a published map has is below 300. Chosen value.
MAX_REPEATS = 512


def _checked_oid(value: str) -> str:
    if not _OID.fullmatch(value):
        raise ValueError("is not an OID; write numbers with dots between them, such as 1.3.6.1.4.1.318.1.1.1.0")
    return value


Oid = Annotated[str, AfterValidator(_checked_oid), WithJsonSchema({"type": "string", "pattern": OID_PATTERN})]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]


def _wire_address(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= 0xFFFF:  # noqa: PLR2004
        # Manuals with six digits: 400001 is the first holding register, 300001 the first input register.
        counted = next((value - first for first in (400_001, 300_001) if 0 <= value - first <= 0xFFFF), None)  # noqa: PLR2004
        hint = "" if counted is None else f"; a manual's {value} is register {counted}"
        raise ValueError(f"is not a wire address, 0 to 65535{hint}")
    return value


Register = Annotated[int, BeforeValidator(_wire_address), Field(ge=0, le=65535)]
Step = Annotated[int, Field(ge=0, le=1000)]
Bit = Annotated[int, Field(ge=0, le=63)]


def as_text(value: object) -> object:
    """The value, if it is a text. Raises ValueError."""
    # A label without quotes is the usual slip: `pump: 1` is a number to YAML.
    if isinstance(value, bool | int | float):
        word = str(value).lower() if isinstance(value, bool) else str(value)
        raise ValueError(f'is a text; quote it: "{word}"')  # noqa: TRY004 - pydantic takes ValueError
    return value


Text = Annotated[str, BeforeValidator(as_text)]


def _as_code(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("is neither a whole number nor a text")  # noqa: TRY004
    return code_of(value)


Code = Annotated[int | str, BeforeValidator(_as_code)]
"""The content of a cell: a number, or text that is compared as a whole and without regard to case. Kept as `code_of` gives it."""


def _as_interval(value: object) -> object:
    pair = value if isinstance(value, list | tuple) else ()
    if len(pair) != 2 or not all(isinstance(each, int | float) and not isinstance(each, bool) for each in pair):  # noqa: PLR2004
        raise ValueError("is not a pair of numbers; write [lowest, highest]")
    if pair[0] > pair[1]:
        raise ValueError(f"has its lowest number, {pair[0]:g}, above its highest, {pair[1]:g}")
    return value


Interval = Annotated[tuple[Finite, Finite], BeforeValidator(_as_interval)]


def _as_sentinel(value: object) -> object:
    if isinstance(value, list | tuple):
        return _as_interval(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("is neither a whole number nor a range [lowest, highest]")  # noqa: TRY004
    return value


Sentinel = Annotated[int | tuple[Finite, Finite], BeforeValidator(_as_sentinel)]
"""A raw number that stands for "no reading", or a range of them."""


def _as_result(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError('is neither a text nor a number; words such as true need quotes: "true"')  # noqa: TRY004
    return value


Result = Annotated[str | Finite, BeforeValidator(_as_result)]
"""A state, or a value in the base unit."""


def _known_unit(value: str) -> str:
    if value not in WIRE_UNITS:
        short = QUANTITY_UNITS.get(value.casefold())
        hint = f"; did you mean {short!r}?" if short else did_you_mean(value, filter(None, WIRE_UNITS))
        raise ValueError(f"is not a known unit{hint or '; docs/reference/profiles.md lists all'}")
    return value


Unit = Annotated[str, AfterValidator(_known_unit)]


def _bits(value: object) -> object:
    bits = value if isinstance(value, list) else [value]
    if not bits or any(isinstance(each, bool) or not isinstance(each, int) or not 0 <= each <= 63 for each in bits):  # noqa: PLR2004
        raise ValueError("is not the number of a bit, 0 to 63, nor a list of them")
    if len(set(bits)) != len(bits):
        raise ValueError("names a bit twice")
    return tuple(bits)


Bits = Annotated[tuple[int, ...], BeforeValidator(_bits, json_schema_input_type=Bit | list[Bit])]
"""One bit, or several that form a number, the lowest first."""


_SERIES = re.compile(r"(\d{1,4})-(\d{1,4})", re.ASCII)


def _names(value: object) -> object:
    if isinstance(value, str):
        found = _SERIES.fullmatch(value)
        if not found or int(found[1]) > int(found[2]):
            raise ValueError("is no series; write 1-8, or a list of names")
        value = [str(number) for number in range(int(found[1]), int(found[2]) + 1)]
    if not isinstance(value, list) or len(value) < 2 or len(value) > MAX_REPEATS:  # noqa: PLR2004
        raise ValueError(f"needs 2 to {MAX_REPEATS} names; write 1-8, or a list of names")
    for each in value:
        as_text(each)
    return value


Names = Annotated[list[Text], BeforeValidator(_names, json_schema_input_type=str | list[str])]
"""Names of repetitions: `1-8`, or a list; an empty name is left out."""
