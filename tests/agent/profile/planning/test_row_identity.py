"""Which row of a table is which: rows of several units, indexes that count from 0, and indexes with a part more than the profile knows."""

from collections.abc import Iterable, Mapping, Sequence

import pytest

from agent.profile.normalising.cells import RawValue
from agent.profile.planning.planning_cells import columns_beside
from agent.profile.planning.row_identity import rows_of_unit, rows_with_equal_names, shifted_parts, unclear_parts
from agent.profile.planning.rows import Row
from agent.profile.schema import Table
from rackflow.process.slices import run_through

C = "1.3.6.1.4.1.9.1.1"
OTHER = "1.3.6.1.4.1.9.2.1"
LINES = {1: "L1", 2: "L2", 3: "L3"}
LINE_TWO_OF_TWO = ["1.1", "1.2", "10.1", "10.2"]


def table(labels: Mapping[str, object], **more: object) -> Table:
    """A table with one reading a row."""
    whole = {"name": "lines", "rows": f"{C}.1", "labels": labels, "points": [point({})], **more}
    return Table.model_validate(whole)


def point(labels: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"metric": "dcim_pdu_phase_voltage_volts", "oid": f"{C}.2", "unit": "volt", "labels": labels, **more}


def shifted(of: Table, indexes: Sequence[str], cells: Mapping[str, RawValue] | None = None) -> frozenset[int]:
    """What `shifted_parts` says of the table's first point."""
    return run_through(shifted_parts(of, of.points[0], indexes, cells or {}))


def equal(of: Table, indexes: Sequence[str], cells: Mapping[str, RawValue]) -> set[str]:
    """What `rows_with_equal_names` says of the table."""
    return run_through(rows_with_equal_names(of, indexes, cells))


def of_unit(
    indexes: Sequence[str], unit: int | None, unclear: Iterable[int] = (), skipped: Iterable[int] = ()
) -> list[Row]:
    return list(rows_of_unit(indexes, {}, "it", unclear=frozenset(unclear), shifted=frozenset(skipped), unit=unit))


@pytest.mark.parametrize(
    ("unit", "indexes", "kept"),
    [
        (1, LINE_TWO_OF_TWO, ["1.1", "1.2"]),  # and not those of unit 10
        (10, LINE_TWO_OF_TWO, ["10.1", "10.2"]),
        (3, LINE_TWO_OF_TWO, []),
        (None, LINE_TWO_OF_TWO, LINE_TWO_OF_TWO),
        # An agent with one unit may number it in any way.
        (1, ["7.1", "7.2"], ["7.1", "7.2"]),
        (1, ["1", "2"], ["1", "2"]),
        # Its rows are gone, as it is off: those of its neighbour are not its own.
        (2, ["1.1", "1.2"], []),
        # What stands there once is read for the first unit alone, so that it counts once.
        (2, ["1", "2"], []),
        (1, ["1", "2", "1.1", "2.1"], ["1", "2", "1.1"]),
        (2, ["1", "2", "1.1", "2.1"], ["2.1"]),
    ],
)
def test_a_unit_has_the_rows_that_begin_with_its_number(unit: int | None, indexes: list[str], kept: list[str]) -> None:
    rows = of_unit(indexes, unit)
    assert [row.index for row in rows] == kept
    assert {row.role for row in rows} <= {"it"}


def test_the_part_that_the_profile_does_not_know_is_skipped_in_the_rows_of_a_unit() -> None:
    rows = of_unit(["1.1", "1.2", "2.1", "2.2", "2.2.5"], 2, skipped=[1])
    # Rows with another number of parts belong to something else.
    assert [(row.index, row.part(1), row.role) for row in rows] == [("2.1", 1, "it"), ("2.2", 2, "it")]
    # Also where the other unit's rows are gone.
    assert [(row.index, row.part(1)) for row in of_unit(["1.1", "1.2"], 1, skipped=[1])] == [("1.1", 1), ("1.2", 2)]


@pytest.mark.parametrize(
    ("codes", "indexes", "unclear"),
    [
        (LINES, ["0", "1", "2"], {1}),  # either counted from 0, or 0 is the total and L3 is not fitted
        (LINES, ["0", "1", "2", "3"], set()),  # 0 is the total
        (LINES, ["1", "2"], set()),
        ({0: "total", **LINES}, ["0", "1", "2"], set()),  # the profile says what 0 is
        ({2: "L1", 3: "L2"}, ["0", "2"], set()),  # not counted from 1
        ({**LINES, 9: "N"}, ["0", "1", "2", "9"], {1}),  # the last of the numbers in a row counts
        (LINES, ["0"], set()),  # the only line there is
        (LINES, ["0", "0"], set()),  # the same, as the profile and its base list it
    ],
)
def test_a_line_is_unclear_where_the_device_may_count_from_0(
    codes: dict[int, str], indexes: list[str], unclear: set[int]
) -> None:
    assert unclear_parts(table({"phase": {"index": 1, "map": codes}}), indexes) == unclear


@pytest.mark.parametrize(
    ("codes", "indexes", "labels"),
    [
        (LINES, ["0"], ["L1"]),  # a card that serves the columns as scalars
        (LINES, ["0", "1", "2"], [None, "L1", "L2"]),
        ({0: "total", **LINES}, ["0"], ["total"]),
        ({2: "L1", 3: "L2"}, ["0"], [None]),
        ({}, ["0"], ["0"]),
    ],
)
def test_the_only_row_of_a_table_is_the_first_line_though_it_is_numbered_0(
    codes: dict[int, str], indexes: list[str], labels: list[str | None]
) -> None:
    label = table({"phase": {"index": 1, "map": codes}}).labels["phase"]
    assert [row.label(label) for row in of_unit(indexes, None)] == labels
    assert [row.label(label) for row in of_unit(indexes, 1)] == labels


@pytest.mark.parametrize(
    ("labels", "more", "indexes", "parts"),
    [
        # Two units behind one agent: lines 1 to 3 of the second are those of the first again.
        ({"phase": {"index": 1, "map": LINES}}, {}, ["1.1", "1.2", "2.1"], {1}),
        ({"phase": {"index": 1, "map": LINES}}, {}, ["1.1", "2.1", "3.1"], set()),
        ({"phase": {"index": 1, "map": LINES}}, {}, ["1", "2", "3"], set()),
        ({"phase": {"index": -1, "map": LINES}}, {}, ["1.1", "1.2", "2.1"], set()),
        # All parts of the index are used, be it by a condition.
        ({"phase": {"index": 1, "map": LINES}}, {"when": {"index": 2, "in": [1, 2]}}, ["1.1", "1.2", "2.1"], set()),
        # Rows that a condition leaves out, or that have another number of parts, show nothing.
        ({"phase": {"index": 1, "map": LINES}}, {"when": {"index": 1, "in": [2]}}, ["1.1", "1.2", "2.1"], set()),
        ({"phase": {"index": 1, "map": LINES}}, {}, ["1.1", "1.2.3", "2.1"], set()),
        ({"phase": {"index": 1, "map": LINES}}, {}, [], set()),
    ],
)
def test_a_part_of_the_index_that_the_profile_does_not_know_shows_in_rows_that_are_equal_without_it(
    labels: dict[str, object], more: dict[str, object], indexes: list[str], parts: set[int]
) -> None:
    assert shifted(table(labels, **more), indexes) == parts


def test_rows_that_their_names_distinguish_have_no_part_too_many() -> None:
    named = table({"phase": {"index": 1, "map": LINES}, "inlet": {"column": f"{C}.3"}})
    indexes = ["1.1", "1.2", "2.1"]
    names: dict[str, RawValue] = {f"{C}.3.{index}": index.encode() for index in indexes}
    assert shifted(named, indexes, names) == set()
    assert shifted(named, indexes, dict.fromkeys(names, b"same")) == {1}


def test_a_row_with_the_name_of_an_earlier_one_is_equal_and_the_first_is_not() -> None:
    named = table({"sensor": {"column": f"{C}.3"}})
    cells: dict[str, RawValue] = {f"{C}.3.1": b"Rear", f"{C}.3.2": b"Front", f"{C}.3.3": b"Rear", f"{C}.3.4": b"Rear"}
    assert equal(named, ["1", "2", "3", "4"], cells) == {"3", "4"}


def test_the_role_of_a_device_distinguishes_none_of_its_rows() -> None:
    by_role = table({"role": {"device": "role", "default": "other"}, "sensor": {"column": f"{C}.3"}})
    cells: dict[str, RawValue] = {f"{C}.3.1": b"Main", f"{C}.3.2": b"Main"}
    assert equal(by_role, ["1", "2"], cells) == {"2"}


def test_rows_are_sought_in_the_columns_of_readings_that_stand_beside_the_one_that_names_them() -> None:
    """Of the same entry: those of another one have indexes of their own."""
    points = [point({}), point({}, oid=f"{C}.4"), point({}, oid=f"{OTHER}.4"), point({}, oid=f"{C}.1")]
    assert columns_beside(table({"phase": {"index": 1, "map": LINES}}, points=points)) == [f"{C}.2", f"{C}.4"]
