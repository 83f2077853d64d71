"""Faults of what a number is said to mean: its labels, states, unit and range must be those of the catalogue's metric."""

from collections.abc import Iterable, Iterator

from agent.profile.loading.validation.places import code_faults
from agent.profile.normalising import QUANTITY_UNITS
from agent.profile.schema import FromColumn, FromDevice, FromIndex, LabelSource, Part, Point, Source, Table, label_parts
from rackflow.catalogue import Metric
from rackflow.nearest import did_you_mean
from rackflow.units import WIRE_UNITS

# Quantities whose plausible values span about a power of ten or less, so that a range finds a wrong scale. Currents, powers and energies
# may have any value between zero and the rating.
_SCALED_UNITS = {"volts": "voltage", "celsius": "temperature", "hertz": "frequency"}
_IDLE_WITH_CODES = (
    "scale",
    "shift",
    "decimals",
    "exponent",
    "varscale",
    "divisor",
    "scale_by",
    "unit",
    "unit_by",
    "expect",
)


def label_faults(table: Table | None, point: Point, metric: Metric) -> Iterator[str]:
    """Labels and label values that the metric does not have, and those that it needs."""
    labels = (table.labels if table else {}) | point.labels
    everywhere = set.intersection(*map(set, point.bits.values())) if point.bits else set[str]()
    names = set(labels).union(*point.bits.values())
    if unknown := sorted(names - set(metric.labels)):
        hint = did_you_mean(unknown[0], metric.labels)
        yield f"labels {unknown} are not among the metric's {list(metric.labels)}{hint}"
    if lacking := [label for label in metric.required if label not in set(labels) | everywhere]:
        label = lacking[0]
        values = ", ".join(metric.label_values.get(label, ()))
        yield f"needs the label {label}{f', one of {values}' if values else ''}; add it to labels"
    for label, allowed in metric.label_values.items():
        given = [*_words(labels.get(label)), *(extra[label] for extra in point.bits.values() if label in extra)]
        if wrong := [word for word in given if word not in allowed]:
            yield f"label {label}: {wrong} are not among {list(allowed)}{did_you_mean(wrong[0], allowed)}"
    if table is None:
        for name, source in labels.items():
            if any(isinstance(part, FromColumn | FromIndex) for part in label_parts(source)):
                yield f"label {name}: column and index belong to a table; a single point has fixed text"


def _words(source: LabelSource | None) -> list[str]:
    match source:
        case str():
            return [source]
        case FromColumn() | FromIndex():
            return list(source.map.values())
        case FromDevice():
            return [source.default]
        case _:
            return []


def part_faults(part: Part, point: Point, metric: Metric) -> Iterator[str]:
    """Faults of one source, or of a number that is added to one."""
    if isinstance(part, Source) and part.cases:
        yield from _case_faults(part, metric)
        return
    is_number = metric.type != "state" and not (part.is_coded() or point.bits)
    if isinstance(part, Source) and (part.plus or part.minus) and not is_number:
        yield "plus and minus: belong to numbers with a unit"
    yield from _state_faults(part, metric) if metric.type == "state" else _number_faults(part, point, metric)
    if part.inverted and (metric.type == "state" or not (len(part.bit) == 1 or point.bits)):
        yield (
            "inverted: has no effect without bit"
            if metric.type != "state"
            else "inverted: has no effect on states; swap the states"
        )
    if part.text == "flags" and not (part.bit or point.bits):
        yield "text: flags needs bit or bits, which say which of them"
    if part.bit and point.bits and part is point:
        yield "bit: does not go with bits, of which each is a series"


def _idle(part: Part, names: Iterable[str], because: str) -> Iterator[str]:
    """An error for the first of these keys that is given although it has no effect."""
    for name in names:
        if name in part.model_fields_set and getattr(part, name) not in (None, "", [], {}, ()):
            yield f"{name}: has no effect with {because}; remove it"
            return


def _case_faults(source: Source, metric: Metric) -> Iterator[str]:
    idle = ("bit", "bits", "states", "numbers", "words", "plus", "minus", "inverted", "absent", *_IDLE_WITH_CODES)
    yield from _idle(source, [name for name in idle if name in type(source).model_fields], "cases")
    for at, case in enumerate(source.cases, 1):
        if not case.place_count() and at < len(source.cases):
            yield f"case {at}: holds always, so that no later one is reached; put it last"
        if metric.type == "state":
            if case.is_ not in metric.states:
                hint = did_you_mean(str(case.is_), metric.states)
                yield f"case {at}: {case.is_!r} is not among the states {list(metric.states)}{hint}"
        elif isinstance(case.is_, str):
            yield f"case {at}: {case.is_!r} must be a number, for a metric of type {metric.type}"
        elif not metric.plausible(case.is_):
            yield f"case {at}: {case.is_:g} is outside of the metric's range"


def _state_faults(part: Part, metric: Metric) -> Iterator[str]:
    if not (part.states or part.words):
        yield "needs states, a map from codes to states, or words, one from text"
    given = {*part.states.values(), *map(str, part.words.values())}
    if wrong := sorted(given - set(metric.states)):
        yield f"states {wrong} are not among {list(metric.states)}{did_you_mean(wrong[0], metric.states)}"
    yield from code_faults(part, part.states)
    yield from _idle(part, ("numbers", *_IDLE_WITH_CODES, "absolute"), "states")


def _number_faults(part: Part, point: Point, metric: Metric) -> Iterator[str]:
    if part.states:
        yield f"states belong to metrics of type state, not {metric.type}"
        return
    if wrong := [word for word in part.words.values() if isinstance(word, str)]:
        yield f"words {wrong} must stand for numbers"
    meant = [*part.numbers.values(), *(word for word in part.words.values() if not isinstance(word, str))]
    if outside := [value for value in meant if not metric.plausible(value)]:
        yield f"value {outside[0]:g} is outside of the metric's range"
    if part.expect and not _reachable(part.expect, metric) and isinstance(part, Source):
        where = f"range, in {metric.unit}" if metric.unit else "range"
        yield f"expect {list(part.expect)} is outside of the metric's {where}; nothing would be published"
    if part.numbers:
        yield from code_faults(part, part.numbers)
        yield from _idle(part, _IDLE_WITH_CODES, "numbers")
    # The profile itself maps codes and texts to numbers, without a wire unit.
    elif not (part.words or point.bits):
        yield from _unit_faults(part, metric)


def _unit_faults(part: Part, metric: Metric) -> Iterator[str]:
    if part.text == "quantity":
        if metric.unit not in {WIRE_UNITS[unit].base for unit in QUANTITY_UNITS.values()}:
            yield f"text: quantity knows no unit that gives {metric.unit!r}"
        return
    if metric.unit in _SCALED_UNITS and part.is_scaled() and not (part.expect or metric.expect):
        yield (
            f"scaled {_SCALED_UNITS[metric.unit]} needs `expect`, the lowest and highest believable value in {metric.unit}: "
            "a device that does not keep to the scale would be read wrong by a power of ten"
        )
    wrong = next((unit for unit in part.units() if WIRE_UNITS[unit].base != metric.unit), None)
    if wrong is not None:
        fitting = ", ".join(name for name, each in WIRE_UNITS.items() if name and each.base == metric.unit)
        what = f"unit {wrong!r} gives {WIRE_UNITS[wrong].base or '(none)'!r}" if wrong else "has no unit"
        wanted = (
            f"the catalogue wants {metric.unit!r}; it takes {fitting}"
            if metric.unit
            else "the metric has none; leave unit out"
        )
        yield f"{what}, {wanted}"


def _reachable(expect: tuple[float, float], metric: Metric) -> bool:
    return not metric.ranges or any(expect[0] <= high and low <= expect[1] for low, high in metric.ranges)
