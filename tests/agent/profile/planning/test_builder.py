"""What a plan counts as left out, and in which poll class the cells are read that the plan depends on."""

import pytest

from agent.profile import AMBIGUOUS, Plan, RawValue, Slot, normalise_answers, parse_profile, plan_device
from agent.profile.planning.builder import MAX_PLANNED_CELLS
from tests.agent.profile.planning.test_planner import HEAD, ROOT

SNMP = HEAD + f"protocol: snmp\nrecognise: {{subtrees: [{ROOT}]}}\n"
MODBUS = HEAD + "protocol: modbus\npoints:\n"


def slots_of(plan: Plan) -> list[Slot]:
    return [slot for part in plan.classes.values() for slot in part.slots]


def sensors(point: str, rows: int, cells: dict[str, RawValue], *more: str, label: str = "sensor") -> Plan:
    """The plan of a table of sensors with this point, whose rows are 1, 2 and so on."""
    labels = f"labels: {{{label}: {{column: {ROOT}.1.2}}}}"
    text = f"{SNMP}tables:\n  - name: s\n    rows: {ROOT}.1.9\n    {labels}\n    points:\n"
    text += "".join(f"      - {{{each}}}\n" for each in (point, *more))
    return plan_device(parse_profile(text, "small.yaml"), {"s": [str(at) for at in range(1, rows + 1)]}, cells, None)


TEMPERATURE = f"metric: dcim_env_temperature_celsius, oid: {ROOT}.1.3, unit: celsius"


def test_rows_that_give_a_series_again_are_counted_and_a_thousand_of_them_are_listed() -> None:
    point = TEMPERATURE + ", labels: {sensor: only}"
    plan = sensors(point, 1003, {})
    assert [slot.key for slot in slots_of(plan)] == ["dcim_env_temperature_celsius{sensor=only}"]
    assert (plan.left_out, len(plan.duplicates)) == ({"duplicate": 1002}, 1000)


def test_each_point_that_needs_a_cell_of_which_there_are_several_is_left_out_and_counted() -> None:
    unit = f"unit_by: {{oid: {ROOT}.5.0, map: {{C: celsius, F: fahrenheit}}}}"
    first = f"metric: dcim_env_temperature_celsius, oid: {ROOT}.1.3, {unit}"
    second = f"metric: dcim_env_dew_point_celsius, oid: {ROOT}.1.4, {unit}"
    cells: dict[str, RawValue] = {f"{ROOT}.5.0": AMBIGUOUS, f"{ROOT}.1.2.1": b"a", f"{ROOT}.1.2.2": b"b"}
    plan = sensors(first, 2, cells, second)
    assert (slots_of(plan), plan.left_out) == ([], {"instances": 4})


def test_a_series_that_is_left_out_because_of_several_cells_is_counted_once_and_not_where_another_point_gives_it() -> (
    None
):
    unit = f"unit_by: {{oid: {ROOT}.5.0, map: {{C: celsius, F: fahrenheit}}}}"
    sure = f"{TEMPERATURE}, when: {{column: {ROOT}.1.7, in: [1]}}"
    unsure = f"metric: dcim_env_temperature_celsius, oid: {ROOT}.1.4, {unit}"
    cells: dict[str, RawValue] = {f"{ROOT}.5.0": AMBIGUOUS, f"{ROOT}.1.7.1": 1, f"{ROOT}.1.7.2": 2}
    # Of row 1 it is sure, of row 2 it is not, and row 3 lacks the cell that tells.
    plan = sensors(sure, 3, cells, unsure)
    assert ([slot.key for slot in slots_of(plan)], plan.left_out) == (
        ["dcim_env_temperature_celsius{sensor=1}"],
        {"instances": 2},
    )
    # Rows whose names the device does not tell count as well.
    unnamed = f"{unsure}, labels: {{sensor: {{column: {ROOT}.1.8, map: {{1: inlet}}}}}}"
    assert sensors(unnamed, 3, cells | {f"{ROOT}.1.8.1": 1}).left_out == {"instances": 3}


def test_of_more_cells_than_are_watched_those_with_series_go_first() -> None:
    """A change of the others only leaves readings missing; one of these would make them wrong."""
    rows = MAX_PLANNED_CELLS + 2
    condition = f", when: {{column: {ROOT}.1.7, in: [1]}}"
    # Only the last two rows count, and depend on their names as well.
    cells: dict[str, RawValue] = {f"{ROOT}.1.7.{at}": int(at > rows - 2) for at in range(1, rows + 1)}
    cells |= {f"{ROOT}.1.2.{at}": str(at).encode() for at in range(1, rows + 1)}
    plan = sensors(TEMPERATURE + condition, rows, cells)
    assert len(plan.planned_cells) == MAX_PLANNED_CELLS
    with_series = {ref for ref, uses in plan.planned_cells.items() if uses[0].keys}
    assert with_series == {f"{ROOT}.1.{column}.{at}" for column in (2, 7) for at in (rows - 1, rows)}


def test_of_more_cells_than_are_watched_units_and_scales_go_before_names() -> None:
    """A chain of PDUs has thousands of outlets, and sensors behind them whose unit somebody may switch."""
    text = (
        f"{SNMP}tables:\n  - name: outlets\n    rows: {ROOT}.1.9\n    labels: {{outlet: {{column: {ROOT}.1.2}}}}\n    points:\n"
        f"      - {{metric: dcim_pdu_outlet_power_watts, oid: {ROOT}.1.3, unit: watt}}\n"
        f"  - name: sensors\n    rows: {ROOT}.2.9\n    labels: {{sensor: {{index: 1}}}}\n    points:\n"
        f"      - {{metric: dcim_env_temperature_celsius, oid: {ROOT}.2.3, decimals: {ROOT}.2.5,"
        f" unit_by: {{column: {ROOT}.2.4, map: {{1: celsius, 2: fahrenheit}}}}}}\n"
    )
    outlets = [str(at) for at in range(1, MAX_PLANNED_CELLS + 1)]
    cells: dict[str, RawValue] = {f"{ROOT}.1.2.{at}": f"T{at}".encode() for at in outlets}
    cells |= {f"{ROOT}.2.4.1": 1, f"{ROOT}.2.5.1": 1}
    plan = plan_device(parse_profile(text, "small.yaml"), {"outlets": outlets, "sensors": ["1"]}, cells, None)
    assert len(plan.planned_cells) == MAX_PLANNED_CELLS
    assert {f"{ROOT}.2.4.1", f"{ROOT}.2.5.1"} <= plan.planned_cells.keys()


def test_a_cell_that_is_read_in_two_ways_is_watched_in_both_also_at_the_limit() -> None:
    rows = MAX_PLANNED_CELLS
    # The name is the label of one point and the condition of both.
    cells: dict[str, RawValue] = {f"{ROOT}.1.2.{at}": f"T{at}".encode() for at in range(1, rows + 1)}
    plan = sensors(f'{TEMPERATURE}, when: {{column: {ROOT}.1.2, contains: ["T"]}}', rows, cells)
    assert [len(uses) for uses in plan.planned_cells.values()] == [2] * MAX_PLANNED_CELLS


@pytest.mark.parametrize(
    ("polls", "read_in"),
    [
        # Where the class `slow` has nothing, in the slowest that has: by its interval, not by its name.
        (("safety", "fast"), "fast"),
        (("safety", "normal"), "normal"),
        (("fast", "slow", "inventory"), "slow"),
        (("fast", "inventory"), "inventory"),
    ],
)
def test_the_registers_that_a_plan_depends_on_are_read_with_its_slow_class(
    polls: tuple[str, ...], read_in: str
) -> None:
    points = "".join(
        f"  - {{metric: dcim_pdu_outlet_power_watts, labels: {{outlet: '{at}'}}, register: {at}, unit: watt, poll: {poll},"
        f" when: {{register: 100, in: [7]}}}}\n"
        for at, poll in enumerate(polls, 1)
    )
    plan = plan_device(parse_profile(MODBUS + points, "small.yaml"), {}, {"holding:100:uint16:big": 7}, None)
    has_condition = [
        poll
        for poll, part in plan.classes.items()
        if any(field.ref.startswith("holding:100:") for block in part.blocks for field in block.fields)
    ]
    assert list(plan.classes) == list(polls)
    assert has_condition == [read_in]


@pytest.mark.parametrize(("code", "state"), [(1, "stopped"), (5, "running"), (9, None)])
def test_cases_look_at_the_cells_of_their_own_row(code: int, state: str | None) -> None:
    cases = f"[{{column: {ROOT}.1.3, in: [1], is: stopped}}, {{column: {ROOT}.1.3, between: [[4, 6]], is: running}}]"
    cells: dict[str, RawValue] = {f"{ROOT}.1.2.1": b"a", f"{ROOT}.1.2.2": b"b"}
    plan = sensors(f"metric: dcim_cdu_pump_state, cases: {cases}", 2, cells, label="pump")
    assert plan.classes["safety"].oids == (f"{ROOT}.1.3.1", f"{ROOT}.1.3.2")
    readings = normalise_answers(slots_of(plan), {f"{ROOT}.1.3.1": 1, f"{ROOT}.1.3.2": code})
    assert readings.states.get("dcim_cdu_pump_state{pump=a}") == "stopped"
    assert readings.states.get("dcim_cdu_pump_state{pump=b}") == state
