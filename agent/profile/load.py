"""Reads profiles and checks them: keys, metrics, labels, and that unit and scale give the metric's base unit.

Everything that can be wrong with a profile is refused here, so that planning and polling need not check it again.
"""

import difflib
import gc
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias, TypeVar

from agent.profile.quantity import QUANTITY_UNITS
from agent.profile.schema import FromColumn, FromIndex, LabelSource, Point, Profile, Source, Table
from rackflow.catalogue import Metric, catalogue
from rackflow.errors import ConfigError, ProfileError
from rackflow.process.config import check_config
from rackflow.process.yaml import line_of, load_yaml_text, read_text_file
from rackflow.units import WIRE_UNITS

S = TypeVar("S", bound=Source)
# Quantities whose believable values span less than a power of ten or so; a window therefore finds a wrong scale. Currents, powers and
# energies are right anywhere between nothing and the rating.
_SCALED_UNITS = {"volts": "voltage", "celsius": "temperature", "hertz": "frequency"}
YamlPath: TypeAlias = tuple[str | int, ...]
"""A place in a YAML file: keys, and positions in lists."""

# Searched in the unparsed text, because it decides the order in which files are parsed.
_EXTENDS = re.compile(r"^extends:", re.MULTILINE)


def parse_profile(text: str, where: str, bases: Mapping[str, Profile] | None = None) -> Profile:
    """A profile checked against the catalogue. Raises ProfileError naming the file and the line.

    `bases` are the profiles that it may extend. Their points and tables come after the profile's own, which take precedence.
    """
    try:
        profile = check_config(load_yaml_text(text, where), Profile, where, text)
    except ConfigError as error:
        raise ProfileError(str(error)) from error
    if profile.extends:
        profile = _extended(profile, (bases or {}).get(profile.extends), where)
    faults = [f"{where}{_line(text, path)}: {fault}" for path, fault in _faults(profile)]
    if faults:
        raise ProfileError("\n".join(faults))
    return profile


def _line(text: str, path: YamlPath) -> str:
    line = line_of(text, path)
    return f":{line}" if line else ""


def _extended(profile: Profile, base: Profile | None, where: str) -> Profile:
    if base is None or base.extends:
        raise ProfileError(f"{where}: extends: {profile.extends!r} is unknown, or extends another profile itself")
    base = base.loaded()
    if base.protocol != profile.protocol:
        raise ProfileError(f"{where}: extends: {profile.extends!r} is a profile for {base.protocol}")
    # The base's default sentinels apply to its own points only; the extending profile has its own.
    points = [_with_absent(point, base.absent) for point in base.points]
    tables = [
        table.model_copy(update={"points": [_with_absent(point, base.absent) for point in table.points]})
        for table in base.tables
    ]
    changes = {
        "marker": profile.marker or base.marker,
        "points": [*profile.points, *points],
        "tables": [*profile.tables, *tables],
    }
    return profile.model_copy(update=changes)


def _with_absent(point: Point, absent: list[int]) -> Point:
    fallback = [_own(source, absent) for source in point.fallback]
    return _own(point, absent).model_copy(update={"fallback": fallback})


def _own(source: S, absent: list[int]) -> S:
    return source.model_copy(update={"absent": absent}) if source.absent is None else source


def _faults(profile: Profile) -> Iterator[tuple[YamlPath, str]]:
    metrics = catalogue()
    if not profile.points and not profile.tables:
        yield (), "has neither points nor tables"
    rules = profile.recognise
    # A sysObjectID alone would claim every device with the same management card.
    if profile.protocol == "snmp" and not (rules.probes or rules.subtrees or (rules.sysobjectid and rules.sysdescr)):
        yield (
            ("recognise",),
            "recognise: an SNMP profile needs a probe or a subtree, or else both sysobjectid and sysdescr",
        )
    if profile.protocol == "snmp" and rules.registers:
        yield ("recognise", "registers"), "recognise: registers belong to Modbus; SNMP has probes and subtrees"
    if profile.protocol == "modbus" and profile.tables:
        yield ("tables",), "tables: belong to SNMP; a Modbus profile lists points"
    places: list[tuple[YamlPath, Table | None, Point]] = [
        (("points", at), None, point) for at, point in enumerate(profile.points)
    ]
    for at, each in enumerate(profile.tables):
        places += [(("tables", at, "points", number), each, point) for number, point in enumerate(each.points)]
    for path, table, point in places:
        place = f"{table.name}.{point.metric}" if table else point.metric
        metric = metrics.get(point.metric)
        if metric is None:
            close = difflib.get_close_matches(point.metric, metrics, n=1)
            yield path, f"{place}: is not a metric of the catalogue{f'; did you mean {close[0]}?' if close else ''}"
            continue
        labels = (table.labels if table else {}) | point.labels
        for fault in _point_faults(profile, point, metric, labels):
            yield path, f"{place}: {fault}"
    # A profile that extends another claims series of its base on purpose, to override them.
    if not profile.extends:
        yield from _overlaps(places)


def _overlaps(places: list[tuple[YamlPath, Table | None, Point]]) -> Iterator[tuple[YamlPath, str]]:
    """Points that give the same series on every device."""
    seen: set[str] = set()
    for path, table, point in places:
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


def _point_faults(profile: Profile, point: Point, metric: Metric, labels: dict[str, LabelSource]) -> Iterator[str]:
    names = set(labels).union(*point.bits.values()) if point.bits else set(labels)
    if unknown := names - set(metric.labels):
        yield f"labels {sorted(unknown)} are not among the metric's {list(metric.labels)}"
    for label, allowed in metric.label_values.items():
        if wrong := [word for word in _words(labels.get(label)) if word not in allowed]:
            yield f"label {label}: {wrong} are not among {list(allowed)}"
    for at, source in enumerate(point.fallback):
        if any(_leaves_nothing(earlier, source) for earlier in point.sources()[: at + 1]):
            yield f"fallback {at + 1} is never reached: a source before it reads the same; remove it, or give that one `expect`"
    for source in point.sources():
        if (source.oid is not None) != (profile.protocol == "snmp"):
            yield f"has an address of another protocol than the profile, {profile.protocol}"
        yield from _state_faults(source, metric) if metric.type == "state" else _number_faults(source, point, metric)


def _leaves_nothing(earlier: Source, later: Source) -> bool:
    """Whether the later source is useless: it reads the same as the earlier one and would reject the same values."""
    # Only `expect` makes it useful to read the same place twice: a value outside `expect` goes to the next source.
    fields = set(Source.model_fields) - {"expect"}
    return earlier.expect is None and all(getattr(earlier, name) == getattr(later, name) for name in fields)


def _words(source: LabelSource | None) -> list[str]:
    if isinstance(source, str):
        return [source]
    return list(source.map.values()) if isinstance(source, FromColumn | FromIndex) else []


def _state_faults(source: Source, metric: Metric) -> Iterator[str]:
    if not (source.states or source.words):
        yield "needs states, a map from codes to states, or words, one from text"
    given = {*source.states.values(), *map(str, source.words.values())}
    if wrong := sorted(given - set(metric.states)):
        yield f"states {wrong} are not among {list(metric.states)}"


def _number_faults(source: Source, point: Point, metric: Metric) -> Iterator[str]:
    if source.states:
        yield f"states belong to metrics of type state, not {metric.type}"
    if wrong := [word for word in source.words.values() if isinstance(word, str)]:
        yield f"words {wrong} must stand for numbers"
    # The profile itself maps codes and bits to numbers, without a wire unit.
    if source.numbers or source.words or source.bit is not None or point.bits:
        return
    if source.text == "quantity":
        if metric.unit not in {WIRE_UNITS[unit].base for unit in QUANTITY_UNITS.values()}:
            yield f"text: quantity knows no unit that gives {metric.unit!r}"
        return
    if metric.unit in _SCALED_UNITS and source.is_scaled() and not (source.expect or metric.expect):
        yield (
            f"scaled {_SCALED_UNITS[metric.unit]} needs `expect`, the lowest and highest believable value in {metric.unit}: "
            "a device that does not keep to the scale would be read wrong by a power of ten"
        )
    for unit in source.unit_by.map.values() if source.unit_by else (source.unit,):
        base = WIRE_UNITS[unit].base
        if base != metric.unit:
            yield f"unit {unit or '(none)'!r} gives {base or '(none)'!r}, the catalogue wants {metric.unit!r}"


def load_profiles(folder: Path | None = None, *, lazy: bool = False) -> dict[str, Profile]:
    """Shipped profiles by name, overridden by the profiles in `folder`. Raises ProfileError for the first file that is wrong.

    All files are read and checked. With `lazy`, points and tables are then discarded until `Profile.loaded` asks for them: an
    agent uses a few of the 137 families, whose models take 9 MB, and 2 MB without points and tables.
    """
    shipped = files("agent").joinpath("profiles")
    texts = [
        (0, entry.name, entry.read_text(encoding="utf-8"))
        for entry in shipped.iterdir()
        if entry.name.endswith(".yaml")
    ]
    if folder is not None:
        if not folder.is_dir():
            raise ProfileError(f"{folder}: no such folder; correct the path")
        texts += [(1, str(path), read_text_file(path)) for path in folder.glob("*.yaml")]
    found: dict[str, Profile] = {}
    # Profiles that extend none come first, so that the others can extend them. The user's come last and replace shipped ones.
    texts.sort(key=lambda each: (each[0], _EXTENDS.search(each[2]) is not None, each[1]))
    with _no_collecting():
        for _, name, text in texts:
            profile = parse_profile(text, name, found)
            # File and profile have the same name, so that a name in a configuration or message leads to the file.
            if Path(name).stem != profile.profile:
                raise ProfileError(f"{name}: profile: is {profile.profile!r}, but the file is called {Path(name).name}")
            if lazy:
                bases = {profile.extends: found[profile.extends]} if profile.extends else {}
                profile = profile.lazy_copy(partial(parse_profile, text, name, bases))
            found[profile.profile] = profile
    return dict(sorted(found.items()))


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Switch off garbage collection while profiles load: it took a third of the loading's CPU time (measured with 127 profiles).

    Loading makes no garbage, but every few hundred new objects start a search of the objects made so far. Loading all
    profiles should take 0.3 s of CPU at most.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
