"""Expands the short forms of a Modbus profile: `repeat`, and the default table, order and type of registers that name none.

Afterwards each place is complete by itself, so that a profile's points can be combined with those of another profile (`extends`), whose
defaults may be different.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from agent.profile.schema import BIT_TABLES, REGISTER_BITS, ModbusLimits, Part, Place, Point, Source, When, bits_of

P = TypeVar("P", bound=Place)
Change = Callable[[Place], dict[str, Any]]
# More than any published map has; bounds what a short file can ask for. Chosen value.
MAX_POINTS: Final = 5000


def changed(place: P, change: Change) -> P:
    """The place with a change to its own keys and to those of all places inside it."""
    update = change(place)
    if isinstance(place, Part) and place.unit_by:
        update["unit_by"] = changed(place.unit_by, change)
    if isinstance(place, Part) and place.scale_by:
        update["scale_by"] = [changed(each, change) for each in place.scale_by]
    lists = ("plus", "minus", "cases") if isinstance(place, Source) else ()
    for name in (*lists, *(("fallback", "when") if isinstance(place, Point) else ())):
        if inner := getattr(place, name):
            update[name] = [changed(each, change) for each in inner]
    if isinstance(place, Point) and place.gate:
        update["gate"] = changed(place.gate, change)
    return place.model_copy(update=update) if update else place


def places_in(place: Place, name: str = "") -> Iterator[tuple[str, Place]]:
    """The place and all places inside it, each with its position for error messages: empty for itself, else `fallback 1: plus 2: `."""
    yield name, place
    if isinstance(place, Part):
        yield from _deciding(place, name)
    if isinstance(place, Source):
        for key in ("plus", "minus", "cases"):
            for at, each in enumerate(getattr(place, key), 1):
                yield from places_in(each, f"{name}{key.removesuffix('s') if key == 'cases' else key} {at}: ")
    if isinstance(place, Point):
        for at, source in enumerate(place.fallback, 1):
            yield from places_in(source, f"{name}fallback {at}: ")
        for condition in place.when:
            yield f"{name}when: ", condition
        if place.gate:
            yield f"{name}gate: ", place.gate


def _deciding(part: Part, name: str) -> Iterator[tuple[str, Place]]:
    if part.unit_by:
        yield f"{name}unit_by: ", part.unit_by
    for at, scale in enumerate(part.scale_by, 1):
        yield f"{name}scale_by {at}: ", scale


def with_defaults(point: Point, limits: ModbusLimits) -> Point:
    """The point with a table, a type and an order filled in at every register."""

    def defaults(place: Place) -> dict[str, Any]:
        if place.register_ is None and not (isinstance(place, When) and place.alive):
            return {}
        return {
            "table": place.table or limits.table,
            "type": place.type or "uint16",
            "order": place.order or limits.order,
        }

    return changed(point, defaults)


def repetitions(point: Point) -> Iterator[Point]:
    """One point for each repetition; the point itself if it has no `repeat`. `repeat_faults` must have found nothing."""
    if not point.repeat:
        yield point
        return
    for at in range(len(next(iter(point.repeat.values())))):
        names = {label: names[at] for label, names in point.repeat.items()}
        if all(names.values()):
            moved = changed(point, lambda place, at=at: _moved(place, at))  # type: ignore[misc]  # mypy has no types for at=at
            yield moved.model_copy(update={"labels": point.labels | names, "repeat": {}})


def _moved(place: Place, times: int) -> dict[str, Any]:
    update: dict[str, Any] = {}
    if place.register_ is None:
        return update
    registers = (place.step or 0) * times
    if place.bit_step:
        width = bits_of(place.type)
        values, first = divmod(place.bit[0] + place.bit_step * times, width)
        registers += values * (width // REGISTER_BITS)
        update["bit"] = tuple(first + bit - place.bit[0] for bit in place.bit)
    if place.step or place.bit_step:
        update |= {"register_": place.register_ + registers, "step": None, "bit_step": None}
    if isinstance(place, Part) and place.high is not None:
        update["high"] = place.high + registers
    return update


def repeat_faults(point: Point, labels: Mapping[str, object]) -> Iterator[str]:
    """Reasons why a point cannot be repeated, as error messages."""
    steps = [(name, place) for name, place in places_in(point) if place.step or place.bit_step]
    if not point.repeat:
        yield from (f"{name}step and bit_step belong to a point with repeat" for name, _ in steps[:1])
        return
    if not steps:
        yield "repeat: nothing moves with it; give the register its step, or the bit its bit_step"
    if both := sorted(point.repeat.keys() & labels.keys()):
        yield f"repeat: {both[0]} is among the labels, too; remove it there"
    yield from _left_behind(point)
    last = max(len(next(iter(point.repeat.values()))) - 1, 0)
    for name, place in steps:
        if place.register_ is None:
            yield f"{name}step: belongs to a register"
        elif place.bit_step and (not place.bit or place.table in BIT_TABLES):
            yield f"{name}bit_step: needs bit; coils and discrete inputs have a step instead"
        elif place.bit_step and point.bits and place is point:
            yield "bit_step: does not go with bits"
        elif place.bit_step and _is_split(place, last):
            yield f"{name}bit_step: the bits {list(place.bit)} would stand in two registers in some repetition"
        elif _moved(place, last).get("register_", 0) + bits_of(place.type) // REGISTER_BITS - 1 > 65535:  # noqa: PLR2004
            yield f"{name}step: the last repetition stands behind register 65535"


def _left_behind(point: Point) -> Iterator[str]:
    for name, place in places_in(point):
        # One gate, condition or unit may apply to all repetitions. A part of the value that does not move with them is a mistake.
        adds = name.split(": ")[-2].split()[0] in {"fallback", "plus", "minus"} if name else False
        if adds and place.register_ is not None and place.step is None and place.bit_step is None:
            yield f"{name}step: is missing, so each repetition would read register {place.register_}; give it one, or step: 0"


def _is_split(place: Place, last: int) -> bool:
    width = bits_of(place.type)
    reach = max(place.bit) - place.bit[0]
    lowest = min(place.bit) - place.bit[0]
    starts = ((place.bit[0] + (place.bit_step or 0) * at) % width for at in range(last + 1))
    return any(start + reach >= width or start + lowest < 0 for start in starts)
