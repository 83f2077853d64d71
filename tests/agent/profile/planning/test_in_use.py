"""Which cells have shown that a line or a part is fitted, and what planning is told of it."""

from collections.abc import Mapping

import pytest

from agent.profile import RawValue, parse_profile
from agent.profile.planning.in_use import (
    ALIVE,
    LINES,
    ROWS_PER_SLICE,
    Use,
    is_measuring,
    is_use_condition,
    note_use_steps,
    shows_another_scale,
    use_ref,
)
from agent.profile.schema import Cell, When

V = "1.3.6.1.4.1.9.1"
A = "1.3.6.1.4.1.9.2"
ALIVE_V = When.model_validate({"alive": [V]})
LINES_V = When.model_validate({"lines": [V]})
TENTHS = When.model_validate({"alive": [V], "between": [[900, 1500], [1900, 2600]]})
PROFILE = """
version: 1
profile: line-pdu
class: pdu
protocol: snmp
title: A rack PDU
source: made up
evidence: unverified
recognise: {subtrees: [1.3.6.1.4.1.9]}
tables:
  - name: lines
    rows: 1.3.6.1.4.1.9.1
    when: WHEN
    labels: {phase: {index: -1, map: {0: L1, 1: L1, 2: L2, 3: L3}}}
    points:
      - {metric: dcim_pdu_phase_voltage_volts, oid: 1.3.6.1.4.1.9.1, unit: volt}
"""


@pytest.mark.parametrize("value", [1, -3, 230, 0.5, "231 V", b"12.0", "  7 ", ".5"])
def test_a_number_other_than_0_is_a_measurement(value: RawValue) -> None:
    assert is_measuring(ALIVE_V, value)


@pytest.mark.parametrize("value", [0, 0.0, -1, None, "", "n/a", "0 V", float("nan"), float("inf")])
def test_zero_minus_one_and_what_is_no_number_are_no_measurements(value: RawValue) -> None:
    assert not is_measuring(ALIVE_V, value)


@pytest.mark.parametrize(
    ("value", "shows"),
    [(0, False), (89, False), (90, True), (230, True), ("231 V", True), (65535, False), (None, False), ("n/a", False)],
)
def test_a_number_that_a_live_line_has_in_whole_units_shows_another_scale(value: RawValue, *, shows: bool) -> None:
    assert shows_another_scale(TENTHS, value) is shows
    assert not shows_another_scale(ALIVE_V, value), "it has no scale to show"


@pytest.mark.parametrize(
    "number", [32767, 32768, -32768, 65532, 65535, 655350, 2147483647, 2147483648, -2147483648, 4294967295]
)
def test_a_number_that_stands_for_not_available_is_no_measurement(number: int) -> None:
    assert not is_measuring(ALIVE_V, number)
    assert not is_measuring(LINES_V, str(number))


def test_the_numbers_beside_those_that_stand_for_not_available_are_measurements() -> None:
    assert all(is_measuring(ALIVE_V, each) for each in (32766, 32769, 65531, 65536, 655349, 2147483646, 4294967294))


def test_a_line_is_in_use_from_ten_volts_because_it_picks_up_a_little_from_its_neighbours() -> None:
    assert [is_measuring(LINES_V, each) for each in (1, 9.9, 10, -10, 230)] == [False, False, True, True, True]


def test_with_intervals_a_number_in_one_of_them_is_a_measurement_the_ends_included() -> None:
    numbers = [230, 899, 900, 1500, 1501, 1900, 2600, 2601]
    assert [is_measuring(TENTHS, each) for each in numbers] == [False, False, True, True, False, True, True, False]


def test_only_a_condition_with_alive_or_lines_is_watched() -> None:
    assert is_use_condition(ALIVE_V)
    assert is_use_condition(LINES_V)
    assert not is_use_condition(When.model_validate({"column": V, "in": [1]}))
    assert not is_use_condition(Cell.model_validate({"oid": V}))


def test_conditions_that_ask_differently_of_one_cell_have_marks_of_their_own() -> None:
    whole = When.model_validate({"alive": [V], "between": [[90, 150]]})
    assert len({use_ref(each) for each in (ALIVE_V, LINES_V, TENTHS, whole)}) == 4
    assert Use(f"{V}.1", TENTHS, "1").key != Use(f"{V}.1", whole, "1").key
    assert use_ref(ALIVE_V) == f"{ALIVE}{V}"
    assert use_ref(LINES_V) == f"{LINES}{V}"


def marked(
    when: str, cells: Mapping[str, RawValue], rows: list[str], used: dict[str, Use] | None = None
) -> dict[str, RawValue]:
    """The marks of the table's rows after one look at these cells, by index."""
    profile = parse_profile(PROFILE.replace("WHEN", when), "line-pdu.yaml")
    found = dict(cells)
    for _ in note_use_steps(profile, {"lines": rows}, found, {} if used is None else used):
        pass
    begin = use_ref(When.model_validate({each: [V] for each in ("alive", "lines") if each in when}))
    return {key.removeprefix(f"{begin}."): value for key, value in found.items() if key.startswith(begin)}


def test_a_part_in_use_is_marked_in_its_own_row_only() -> None:
    assert marked(f"{{alive: [{V}]}}", {f"{V}.1": 5, f"{V}.2": 0}, ["1", "2"]) == {"1": 1}


def test_one_of_several_cells_that_measures_is_enough() -> None:
    profile = parse_profile(PROFILE.replace("WHEN", f"{{alive: [{V}, {A}]}}"), "line-pdu.yaml")
    cells: dict[str, RawValue] = {f"{V}.1": 0, f"{A}.1": 3, f"{V}.2": 0, f"{A}.2": 0}
    assert list(note_use_steps(profile, {"lines": ["1", "2"]}, cells, {})) == []
    assert {key: cells[key] for key in cells if key.startswith(ALIVE)} == {f"{ALIVE}{V},{A}.1": 1}


def test_what_was_in_use_stays_fitted_through_an_outage() -> None:
    used: dict[str, Use] = {}
    marked(f"{{alive: [{V}]}}", {f"{V}.1": 230}, ["1"], used)
    assert used.keys() == {f"{V}.1"}
    assert marked(f"{{alive: [{V}]}}", {f"{V}.1": 0}, ["1"], used) == {"1": 1}


def test_a_dead_line_before_a_living_one_lost_its_power_and_one_behind_is_not_fitted() -> None:
    """Three lines of which the second is in use."""
    cells = {f"{V}.1": 0, f"{V}.2": 230, f"{V}.3": 0}
    assert marked(f"{{lines: [{V}]}}", cells, ["1", "2", "3"]) == {"1": 1, "2": 1, "3": 0}


def test_while_no_line_was_in_use_nothing_is_said_of_any() -> None:
    """The device is off, or its feed is."""
    assert marked(f"{{lines: [{V}]}}", {f"{V}.1": 0, f"{V}.2": 3}, ["1", "2"]) == {}


def test_lines_are_judged_beside_those_of_their_own_supply() -> None:
    """Supply 1 has one line in use of two, supply 2 none."""
    cells = {f"{V}.1.1": 230, f"{V}.1.2": 0, f"{V}.2.1": 0, f"{V}.2.2": 0}
    assert marked(f"{{lines: [{V}]}}", cells, ["1.1", "1.2", "2.1", "2.2"]) == {"1.1": 1, "1.2": 0}


def test_a_final_zero_of_an_index_is_not_the_number_of_the_line() -> None:
    cells = {f"{V}.1.0": 0, f"{V}.2.0": 231, f"{V}.3.0": 0}
    assert marked(f"{{lines: [{V}]}}", cells, ["1.0", "2.0", "3.0"]) == {"1.0": 1, "2.0": 1, "3.0": 0}
    assert marked(f"{{lines: [{V}]}}", {f"{V}.0": 231}, ["0"]) == {"0": 1}


def test_the_last_living_line_counts_whichever_order_the_device_lists_them_in() -> None:
    cells = {f"{V}.1": 230, f"{V}.2": 230, f"{V}.3": 0}
    assert marked(f"{{lines: [{V}]}}", cells, ["3", "2", "1"]) == {"1": 1, "2": 1, "3": 0}


def test_a_faulty_device_with_thousands_of_rows_is_marked_in_slices() -> None:
    profile = parse_profile(PROFILE.replace("WHEN", f"{{alive: [{V}]}}"), "line-pdu.yaml")
    rows = [str(number) for number in range(1, 2 * ROWS_PER_SLICE + 2)]
    cells: dict[str, RawValue] = {f"{V}.{row}": 1 for row in rows}
    assert len(list(note_use_steps(profile, {"lines": rows}, cells, {}))) == 2
    assert sum(key.startswith(ALIVE) for key in cells) == len(rows)


def test_a_point_outside_of_tables_is_marked_by_its_cell_alone() -> None:
    text = PROFILE[: PROFILE.index("tables:")] + (
        "points:\n  - {metric: dcim_pdu_phase_voltage_volts, labels: {phase: L1}, oid: 1.3.6.1.4.1.9.5.0, unit: volt,"
        f" when: {{alive: [{V}.0]}}}}\n"
    )
    cells: dict[str, RawValue] = {f"{V}.0": 230}
    assert list(note_use_steps(parse_profile(text, "line-pdu.yaml"), {}, cells, {})) == []
    assert cells == {f"{V}.0": 230, f"{ALIVE}{V}.0": 1}


def test_two_tables_with_one_condition_each_have_their_rows_marked() -> None:
    """Phases and outlets of one strip, both fitted where the same column measures something."""
    phases = PROFILE.replace("WHEN", f"{{alive: [{V}]}}")
    more = (
        f"  - name: others\n    rows: {A}\n    when: {{alive: [{V}]}}\n    labels: {{outlet: {{index: -1}}}}\n"
        f"    points: [{{metric: dcim_pdu_outlet_voltage_volts, oid: {A}, unit: volt}}]\n"
    )
    cells: dict[str, RawValue] = {f"{V}.1": 230, f"{V}.7": 231}
    for _ in note_use_steps(
        parse_profile(phases + more, "line-pdu.yaml"), {"lines": ["1"], "others": ["7"]}, cells, {}
    ):
        pass
    assert {key for key in cells if key.startswith(ALIVE)} == {f"{ALIVE}{V}.1", f"{ALIVE}{V}.7"}
