"""Plans the polling of a device: the series that its rows give, and the fewest requests for each poll class.

Everything that depends on the device (rows, labels, units, scales) is worked out here once, so that polling only reads and multiplies.

The device determines how many rows there are, and a row takes some 20 µs. So that no device holds up the others, planning is a generator
that its caller resumes slice by slice, and the size of a plan is limited.
"""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence

from agent.profile.normalising import RawValue, Slot, slot_of
from agent.profile.planning.builder import PlanBuilder
from agent.profile.planning.decoders import Decoders
from agent.profile.planning.in_use import note_use_steps
from agent.profile.planning.plan import Plan
from agent.profile.planning.planning_cells import AMBIGUOUS, CellSource, cell_sources
from agent.profile.planning.row_identity import (
    ROWS_PER_SLICE,
    named_label,
    rows_of_unit,
    rows_with_equal_names,
    shifted_parts,
    unclear_parts,
)
from agent.profile.planning.rows import CellReader, Row
from agent.profile.schema import Point, Profile, Table
from rackflow.catalogue import PollClass, catalogue
from rackflow.process.slices import run_through
from rackflow.series import parse_series_key, series_key

Rows = Mapping[str, Sequence[str]]
"""Row indexes by table name. An index is dotted: it is the part of an instance's OID after the column's OID."""


def plan_device(profile: Profile, rows: Rows, cells: Mapping[str, RawValue], role: str | None) -> Plan:
    """Plan a device that was not polled before, without pauses. Where a real device sets the number of rows, use `plan_steps`."""
    with_use_cells = dict(cells)
    run_through(note_use_steps(profile, rows, with_use_cells, {}))
    return run_through(plan_steps(profile, rows, with_use_cells, role))


def plan_steps(
    profile: Profile,
    rows: Rows,
    cells: Mapping[str, RawValue],
    role: str | None,
    *,
    cut: Collection[str] = (),
    unit: int | None = None,
) -> Generator[None, None, Plan]:
    """Plan a device: yields after each slice of rows and returns the plan.

    Args:
        profile: the device's profile, with its points and tables (`Profile.loaded`).
        rows: the rows that its tables have.
        cells: the values read for planning (labels, conditions, units and scales), by instance.
        role: what a meter measures, from the device's configuration.
        cut: names of tables that have more rows than were read.
        unit: which unit to read if several stand behind one SNMP agent. Without it, rows that may belong to several units are left out.
    """
    builder = PlanBuilder(profile)
    decoders = Decoders(profile, builder.registers)
    builder.nothing_there += [f"{table.name} (0 rows)" for table in profile.tables if not rows.get(table.name)]
    rows_planned = 0
    # By table (`id`): the indexes of rows whose name an earlier row has, and the parts of an index that may be counted from 0 (see
    # `unclear_parts`).
    equal: dict[int, set[str]] = {}
    unclear: dict[int, frozenset[int]] = {}
    for table, point in profile.all_points():
        if table and id(table) not in equal:
            equal[id(table)] = yield from rows_with_equal_names(table, rows.get(table.name, ()), cells)
            unclear[id(table)] = unclear_parts(table, rows.get(table.name, ()))
        indexes = rows.get(table.name, ()) if table else ("",)
        if table and table.name in cut:
            builder.add_cut(point.poll or catalogue()[point.metric].poll, point.metric)
        sources = cell_sources(table, point)
        ambiguous = [reader for place, reader in sources if cells.get(place) == AMBIGUOUS]
        shifted = (yield from shifted_parts(table, point, indexes, cells)) if table else frozenset()
        unclear_here = unclear[id(table)] if table else frozenset()
        for row in rows_of_unit(indexes, cells, role, unclear=unclear_here, shifted=shifted, unit=unit):
            rows_planned += 1
            if rows_planned % ROWS_PER_SLICE == 0:
                yield
            unique_label = named_label(table, point) if table and row.index in equal[id(table)] else None
            if ambiguous:
                # Left out as a whole: otherwise a fallback would read Fahrenheit as Celsius.
                _reserve(builder, table, point, row, ambiguous, unique_label=unique_label)
                continue
            slots = _slots(builder, decoders, table, point, row, unique_label=unique_label)
            _add_row(builder, point, row, slots, sources)
    return builder.plan()


def _add_row(
    builder: PlanBuilder, point: Point, row: Row, slots: Iterator[Slot], sources: Sequence[CellSource]
) -> None:
    """Add the series of one point in one row, and note that they depend on the cells `sources`."""
    metric = catalogue()[point.metric]
    usual = point.poll or metric.poll
    keys: dict[PollClass, list[str]] = {usual: []}
    for slot in slots:
        # Rows of one table may have different poll classes: in a table of contacts, smoke detectors are polled each second, doors are not.
        is_by_labels = metric.urgent and not point.poll
        poll_class = metric.poll_class(dict(parse_series_key(slot.key)[1])) if is_by_labels else usual
        builder.add_slot(poll_class, slot)
        keys.setdefault(poll_class, []).append(slot.key)
    for poll_class, keys_of_class in keys.items():
        # Without any series, the row depends on its cells in its usual class: it was left out because of them.
        if keys_of_class or len(keys) == 1:
            builder.add_dependence(poll_class, row, sources, keys_of_class)


def _slots(
    builder: PlanBuilder,
    decoders: Decoders,
    table: Table | None,
    point: Point,
    row: Row,
    *,
    unique_label: str | None,
) -> Iterator[Slot]:
    """The series of one point in one row. Series that are left out are counted in the builder.

    The row's index is added to the label `unique_label`, because another row has the same name.
    """
    conditions = [*point.when, *(table.when if table else ())]
    is_decided = row.holds(conditions)
    if not is_decided and not row.lacks(conditions):
        return
    metric = catalogue()[point.metric]
    labels = _labels(table, point, row, unique_label)
    if labels is None:
        builder.left_out["label" if is_decided else "condition"] += 1
        return
    gate_model = point.gate or (table.gate if table else None)
    gate = decoders.gate(gate_model, row.index) if gate_model else None
    series = _bits(point)
    if not is_decided:
        builder.add_undecided(series_key(metric.name, labels | extra) for _, extra in series)
        return
    for bit, extra in series:
        made = (decoders.decoder(source, metric, row, bit) for source in point.sources())
        known = tuple(decoder for decoder in made if decoder is not None)
        if not known:
            builder.left_out["unit"] += 1
        else:
            yield slot_of(series_key(metric.name, labels | extra), metric, known, gate)


def _reserve(
    builder: PlanBuilder,
    table: Table | None,
    point: Point,
    row: Row,
    ambiguous: Sequence[CellReader],
    *,
    unique_label: str | None,
) -> None:
    """Reserve the series that one point may give in one row, whatever the cells of the readers `ambiguous` hold."""
    unknown = set(map(id, ambiguous))
    conditions = [each for each in (*point.when, *(table.when if table else ())) if id(each) not in unknown]
    if not row.lacks(conditions):
        return
    labels = _labels(table, point, row, unique_label)
    if labels is None:
        builder.left_out["instances"] += 1
    else:
        builder.reserve(series_key(point.metric, labels | extra) for _, extra in _bits(point))


def _labels(table: Table | None, point: Point, row: Row, unique_label: str | None) -> dict[str, str] | None:
    """The labels of a point's series in one row, or None if the row lacks one of them."""
    labels: dict[str, str] = {}
    for name, source in ((table.labels if table else {}) | point.labels).items():
        value = row.label(source)
        if value is None:
            return None
        labels[name] = row.unique_label(value) if name == unique_label else value
    return labels


def _bits(point: Point) -> list[tuple[int | None, dict[str, str]]]:
    """The bits of which each is a series, with its labels; for other points one series of the whole value."""
    return [*point.bits.items()] if point.bits else [(None, {})]
