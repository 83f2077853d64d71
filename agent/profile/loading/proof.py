"""Checks a profile: each key must be possible with the profile's protocol, the device's registers and the catalogue's metric.

Everything that can be wrong with a profile is refused here, so that planning and polling need not check it again. A key without effect is
a fault too, because its author believes that it does something.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from agent.modbus import NumberType, words_of
from agent.profile.loading.expand import MAX_POINTS, places_in
from agent.profile.normalising import ANY_TEXT, QUANTITY_UNITS
from agent.profile.schema import (
    BIT_TABLES,
    REGISTER_BITS,
    Case,
    Cell,
    FromColumn,
    FromDevice,
    FromIndex,
    Gate,
    IdentitySource,
    LabelSource,
    Part,
    Place,
    Point,
    Profile,
    Source,
    Table,
    UnitBy,
    When,
    bits_of,
    label_parts,
    watched_places,
)
from rackflow.catalogue import Metric, catalogue
from rackflow.fluids import fluid_hint, fluid_of
from rackflow.nearest import did_you_mean
from rackflow.units import WIRE_UNITS

YamlPath: TypeAlias = tuple[str | int, ...]
"""A place in a YAML file: keys, and positions in lists."""
Fault: TypeAlias = tuple[YamlPath, str]
PointInFile: TypeAlias = tuple[YamlPath, Table | None, Point]
"""A point, its table, and where it stands in the file. The repetitions of one point (`repeat`) all stand where that point does."""

# Quantities whose plausible values span about a power of ten or less, so that a range finds a wrong scale. Currents, powers and energies
# may have any value between zero and the rating.
_SCALED_UNITS = {"volts": "voltage", "celsius": "temperature", "hertz": "frequency"}
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "snmp": ("column", "oid", "index", "lines", "decimals", "exponent", "varscale", "divisor", "text", "words"),
    "modbus": ("register", "table", "type", "order", "high", "step", "bit_step", "repeat"),
}
"""Keys of places by the protocol that they belong to."""
_NO_BITS = ("float32", "float64", "bcd16", "bcd32")
# Register addresses have 16 bits.
_LAST_REGISTER = 0xFFFF
_DIGITS = frozenset("0123456789")
_UNSTEADY = (
    "the cell is that of {name}, which changes while the device works, and an outage would plan the device anew; "
    "name it in `alive` or `lines`, which hold once it has measured something"
)
# If a condition looked at the first word of a long number only, a unit with another word order would have 0 there, and the part would seem
# not to be fitted. With all words in the condition, the wrong order is found and reported as `decode`.
_HALF = "a number of several registers begins at {first}; name all of them, {words}, of which any may be the one that is not 0"
# Metrics that Rackflow itself produces about a device; a profile must not contain them.
_OWN = frozenset(
    f"dcim_device_{name}"
    for name in (
        "up",
        "observed",
        "series",
        "contested",
        "rejected_readings",
        "poll_duration_seconds",
        "last_success_timestamp_seconds",
        "original_timestamp_seconds",
        "reading_suspect",
    )
)
_OWN_PREFIXES = ("dcim_agent_", "dcim_collector_", "dcim_topology_", "dcim_figure_")


def faults(profile: Profile, points: list[PointInFile]) -> Iterator[Fault]:
    """Everything that is wrong with a profile, as error messages. `points` are all of its points, those of its base included."""
    yield from _head_faults(profile)
    measured = _measured_cells(points)
    widths = _long_registers(points)
    for path, table, point in points:
        if table and profile.protocol == "modbus":
            continue  # reported for the table as a whole
        metric = catalogue().get(point.metric)
        shown = f"{table.name}.{point.metric}" if table else point.metric
        if metric is None:
            yield path, f"{shown}: is not a metric of the catalogue{did_you_mean(point.metric, catalogue())}"
            continue
        for fault in _point_faults(profile, table, point, metric):
            yield path, f"{shown}: {fault}"
        for condition in (*point.when, *(table.when if table else ())):
            if name := _rests_on(condition, measured):
                yield path, f"{shown}: when: {_UNSTEADY.format(name=name)}"
            if words := _words_left_out(condition, widths):
                yield path, f"{shown}: when: alive: {_HALF.format(first=words[0], words=words)}"
    # A profile that extends another claims series of its base on purpose, to override them.
    if not profile.extends:
        yield from _overlaps(points)


def _measured_cells(points: list[PointInFile]) -> dict[str, str]:
    """Columns, instances and registers that hold measurements (not ratings and limits, which seldom change), each with its metric."""
    found: dict[str, str] = {}
    for _, _, point in points:
        metric = catalogue().get(point.metric)
        if metric is None or not metric.unit or metric.type == "state" or metric.poll == "inventory":
            continue
        parts = [part for source in point.sources() for part in source.parts()]
        found |= {place: metric.name for part in parts if (place := _written(part)) and not part.is_coded()}
    return found


def _written(place: Place) -> str:
    """The place as text: for a register its table and address, without type and bits."""
    if place.register_ is not None:
        return f"{place.table}:{place.register_}"
    return (
        (place.oid if isinstance(place, Part | Cell) else None)
        or (place.column if isinstance(place, Cell) else None)
        or ""
    )


def _rests_on(condition: When, measured: Mapping[str, str]) -> str:
    """The metric that the condition's cell measures, if the condition depends on the number itself; empty otherwise."""
    words = {*condition.contains, *condition.without}
    codes = condition.in_
    is_presence = words >= _DIGITS or ANY_TEXT in words or (codes and not any(isinstance(code, int) for code in codes))
    place = _written(condition)
    # An instance of a measured column is measured as well, so the OID's prefixes are looked up, the longest first.
    beginnings = (place.rsplit(".", parts)[0] for parts in range(min(place.count(".") + 1, 4)))
    return "" if is_presence or not place else next((measured[each] for each in beginnings if each in measured), "")


def _long_registers(points: list[PointInFile]) -> dict[str, int]:
    """The first register of each number that has several registers, and how many it has."""
    parts = (part for _, _, point in points for source in point.sources() for part in source.parts())
    long = ((part, words_of(part.type, None)) for part in parts if part.register_ is not None and part.type)
    return {_written(part): words for part, words in long if words > 1}


def _words_left_out(condition: When, widths: Mapping[str, int]) -> list[int]:
    """All registers of the first number of which `alive` names only some; empty if there is none."""
    for each in (each for each in watched_places(condition) if isinstance(each, Place)):
        first = each.register_ or 0
        words = list(range(first, first + widths.get(_written(each), 1)))
        if not set(words) <= set(condition.alive):
            return words
    return []


def _head_faults(profile: Profile) -> Iterator[Fault]:
    if not profile.points and not profile.tables:
        yield (), "has neither points nor tables"
    if len(profile.points) > MAX_POINTS:
        yield ("points",), f"points: {len(profile.points)} with repetitions, more than {MAX_POINTS}; split the profile"
    for loop, fluid in profile.coolant.items():
        if fluid_of(fluid) is None:
            yield ("coolant", loop), f"coolant: {fluid!r} is not known; {fluid_hint(fluid)}"
    yield from _snmp_head_faults(profile) if profile.protocol == "snmp" else _modbus_head_faults(profile)
    for name in ("vendor", "model", "serial", "firmware"):
        for at, source in enumerate(getattr(profile.identity, name)):
            for fault in _identity_faults(profile, source):
                yield ("identity", name, at), f"identity.{name}: {fault}"


def _snmp_head_faults(profile: Profile) -> Iterator[Fault]:
    rules = profile.recognise
    # A sysObjectID alone would claim every device with the same management card.
    if not (rules.probes or rules.subtrees or (rules.sysobjectid and rules.sysdescr)):
        yield (
            ("recognise",),
            "recognise: an SNMP profile needs a probe or a subtree, or else both sysobjectid and sysdescr",
        )
    if rules.registers:
        yield ("recognise", "registers"), "recognise: registers belong to Modbus; SNMP has probes and subtrees"
    if "modbus" in profile.model_fields_set:
        yield ("modbus",), "modbus: the profile's protocol is snmp; remove it"


def _modbus_head_faults(profile: Profile) -> Iterator[Fault]:
    if profile.tables:
        yield ("tables",), "tables: belong to SNMP; a Modbus profile lists points, with repeat for equal ones"
    for name in ("sysobjectid", "sysdescr", "probes", "subtrees", "refuse"):
        if getattr(profile.recognise, name):
            yield ("recognise", name), f"recognise: {name} belongs to SNMP; Modbus has registers"
    for name in ("marker", "max_varbinds"):
        if name in profile.model_fields_set and getattr(profile, name) not in (None, []):
            yield (name,), f"{name}: belongs to SNMP; remove it"
    for at, probe in enumerate(profile.recognise.registers):
        table = probe.table or profile.modbus.table
        for fault in _extent_faults(profile, table, probe.register_, probe.words):
            yield ("recognise", "registers", at), f"recognise: {fault}"


def _identity_faults(profile: Profile, source: IdentitySource) -> Iterator[str]:
    given = source.model_fields_set
    if profile.protocol == "snmp":
        if wrong := sorted(given & {"register_", "table", "words", "type"}):
            yield f"{wrong[0].rstrip('_')} belongs to Modbus; SNMP has oid"
    elif wrong := sorted(given & {"oid", "after"}):
        yield f"{wrong[0]} belongs to SNMP; Modbus has register"
    elif source.register_ is not None:
        table = source.table or profile.modbus.table
        yield from _extent_faults(profile, table, source.register_, words_of(source.type, source.words))


def _extent_faults(profile: Profile, table: str, register: int, words: int) -> Iterator[str]:
    if register + words - 1 > _LAST_REGISTER:
        yield f"register {register}: its {words} registers end behind {_LAST_REGISTER}"
    most = profile.modbus.max_registers
    if table not in BIT_TABLES and words > most:
        yield f"register {register}: needs {words} registers at once, more than max_registers of the profile, {most}"


def _overlaps(points: list[PointInFile]) -> Iterator[Fault]:
    """Points that give the same series on every device."""
    seen: set[str] = set()
    for path, table, point in points:
        labels = (table.labels if table else {}) | point.labels
        if point.when or (table and table.when):
            continue  # conditions may exclude each other
        for extra in point.bits.values() or [{}]:
            named = sorted((labels | extra).items(), key=lambda each: each[0])
            claim = f"{point.metric} {table.row_columns() if table else ''} {named}"
            if claim in seen:
                shown = ", ".join(f"{name}={value!r}" for name, value in named) or "no labels"
                yield (
                    path,
                    f"{point.metric}: another point has the same labels ({shown}); tell them apart, or make one a fallback",
                )
            seen.add(claim)


def _point_faults(profile: Profile, table: Table | None, point: Point, metric: Metric) -> Iterator[str]:
    own = metric.type in ("info", "histogram") or metric.name in _OWN or metric.name.startswith(_OWN_PREFIXES)
    if metric.derived or own:
        who = f"is derived by the {metric.derived}" if metric.derived else "is what Rackflow says by itself"
        yield f"{who}; devices do not report it: leave the point out"
        return
    yield from _label_faults(table, point, metric)
    for at, source in enumerate(point.fallback):
        if any(_leaves_nothing(earlier, source) for earlier in point.sources()[: at + 1]):
            yield f"fallback {at + 1} is never reached: a source before it reads the same; remove it, or give that one `expect`"
    for name, place in (*places_in(point), *_table_places(table)):
        wrong = list(_protocol_faults(profile, place))
        yield from (f"{name}{fault}" for fault in wrong)
        if wrong:
            continue
        if place.register_ is not None:
            yield from (f"{name}{fault}" for fault in _register_faults(profile, place))
        if isinstance(place, Cell):
            yield from (f"{name}{fault}" for fault in _cell_faults(place, table))
        if isinstance(place, Part):
            yield from (f"{name}{fault}" for fault in _part_faults(place, point, metric))


def _table_places(table: Table | None) -> Iterator[tuple[str, Place]]:
    if table:
        yield from ((f"table {table.name}: when: ", each) for each in table.when)
        if table.gate:
            yield f"table {table.name}: gate: ", table.gate


def _protocol_faults(profile: Profile, place: Place) -> Iterator[str]:
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


def _register_faults(profile: Profile, place: Place) -> Iterator[str]:
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
    yield from _extent_faults(profile, table, address, words_of(kind, None))
    if isinstance(place, Part) and place.high is not None and kind != "uint16":
        yield "high: belongs to a register of type uint16, which holds the low 16 bits"
    if place.bit and kind in _NO_BITS:
        yield f"bit: a {kind} has no bits; read its register as uint16"
    width = REGISTER_BITS * 2 if isinstance(place, Part) and place.high is not None else bits_of(kind)
    bits = (*place.bit, *(place.bits if isinstance(place, Point) else ()))
    if bits and max(bits) >= width and kind not in _NO_BITS:
        yield f"bit {max(bits)}: a {kind} has the bits 0 to {width - 1}; take the next register, or a wider type"


def _cell_faults(cell: Cell, table: Table | None) -> Iterator[str]:
    if table is None and (cell.column is not None or (isinstance(cell, When) and cell.index is not None)):
        yield f"{'column' if cell.column is not None else 'index'}: belongs to a table; a single point has oid"
    if isinstance(cell, Gate):
        if both := sorted(set(cell.in_) & set(cell.missing)):
            yield f"{both[0]} is both in `in` and in `missing`"
        yield from _code_faults(cell, (*cell.in_, *cell.missing))
    elif isinstance(cell, When):
        if cell.lines and table is None:
            yield "lines: belongs to a table, whose rows are the lines; a single point has alive"
        yield from _code_faults(cell, cell.in_)
    elif isinstance(cell, UnitBy):
        yield from _code_faults(cell, cell.map)
    elif isinstance(cell, Case):
        yield from _code_faults(cell, cell.in_)


def _code_faults(place: Place, codes: Iterable[int | str]) -> Iterator[str]:
    """Codes that the bits of a place cannot form."""
    is_bit = place.table in BIT_TABLES and place.register_ is not None
    most = 2 ** (len(place.bit) or 1) - 1 if place.bit or is_bit else None
    if most is None:
        return
    for code in codes:
        if not isinstance(code, int) or not 0 <= code <= most:
            what = "one bit is" if most == 1 else f"{len(place.bit)} bits form"
            yield f"code {code!r} never comes: {what} {'0 or 1' if most == 1 else f'0 to {most}'}"


def _leaves_nothing(earlier: Source, later: Source) -> bool:
    """Whether the later source is useless: it reads the same as the earlier one and would reject the same values."""
    # Reading the same place twice is useful only with `expect`: a value outside `expect` is left to the next source.
    fields = set(Source.model_fields) - {"expect"}
    return earlier.expect is None and all(getattr(earlier, name) == getattr(later, name) for name in fields)


def _label_faults(table: Table | None, point: Point, metric: Metric) -> Iterator[str]:
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


def _part_faults(part: Part, point: Point, metric: Metric) -> Iterator[str]:
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


_IDLE_WITH_CODES = ("scale", "shift", "decimals", "exponent", "varscale", "divisor", "unit", "unit_by", "expect")


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
    yield from _code_faults(part, part.states)
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
        yield from _code_faults(part, part.numbers)
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
