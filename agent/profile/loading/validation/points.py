"""Faults of a whole profile: goes through its head and its points, and through the places of each point."""

from collections.abc import Iterator

from agent.profile.loading.expand import places_in
from agent.profile.loading.validation.conditions import ConditionCheck
from agent.profile.loading.validation.fault import Fault, PointInFile
from agent.profile.loading.validation.head import head_faults
from agent.profile.loading.validation.meaning import label_faults, part_faults
from agent.profile.loading.validation.places import cell_faults, protocol_faults, register_faults
from agent.profile.schema import Cell, Part, Place, Point, Profile, Source, Table
from rackflow.catalogue import Metric, catalogue
from rackflow.nearest import did_you_mean

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
    yield from head_faults(profile)
    conditions = ConditionCheck(points)
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
            for fault in conditions.faults(condition):
                yield path, f"{shown}: {fault}"
    # A profile that extends another claims series of its base on purpose, to override them.
    if not profile.extends:
        yield from _overlaps(points)


def _point_faults(profile: Profile, table: Table | None, point: Point, metric: Metric) -> Iterator[str]:
    own = metric.type in ("info", "histogram") or metric.name in _OWN or metric.name.startswith(_OWN_PREFIXES)
    if metric.derived or own:
        who = f"is derived by the {metric.derived}" if metric.derived else "is what Rackflow says by itself"
        yield f"{who}; devices do not report it: leave the point out"
        return
    yield from label_faults(table, point, metric)
    for at, source in enumerate(point.fallback):
        if any(_leaves_nothing(earlier, source) for earlier in point.sources()[: at + 1]):
            yield f"fallback {at + 1} is never reached: a source before it reads the same; remove it, or give that one `expect`"
    for name, place in (*places_in(point), *_table_places(table)):
        wrong = list(protocol_faults(profile, place))
        yield from (f"{name}{fault}" for fault in wrong)
        if wrong:
            continue
        if place.register_ is not None:
            yield from (f"{name}{fault}" for fault in register_faults(profile, place))
        if isinstance(place, Cell):
            yield from (f"{name}{fault}" for fault in cell_faults(place, table))
        if isinstance(place, Part):
            yield from (f"{name}{fault}" for fault in part_faults(place, point, metric))


def _table_places(table: Table | None) -> Iterator[tuple[str, Place]]:
    if table:
        yield from ((f"table {table.name}: when: ", each) for each in table.when)
        if table.gate:
            yield f"table {table.name}: gate: ", table.gate


def _leaves_nothing(earlier: Source, later: Source) -> bool:
    """Whether the later source is useless: it reads the same as the earlier one and would reject the same values."""
    # Reading the same place twice is useful only with `expect`: a value outside `expect` is left to the next source.
    fields = set(Source.model_fields) - {"expect"}
    return earlier.expect is None and all(getattr(earlier, name) == getattr(later, name) for name in fields)


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
