"""Which readings a changed cell costs until the device is planned again; pure."""

from collections.abc import Sequence

import pytest

from agent.poll.per_plan import class_of_each_series
from agent.poll.planned_cells import PlannedCells
from agent.profile import RawValue, parse_profile, plan_device
from agent.readings import Readings

ROOT = "1.3.6.1.4.1.99999"
PROFILE = parse_profile(
    f"""
version: 1
profile: sensing
class: env
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{sysobjectid: [{ROOT}.1], probes: [{ROOT}.2.0]}}
tables:
  - name: sensors
    rows: {ROOT}.1.1
    labels: {{sensor: {{column: {ROOT}.1.2}}}}
    points:
      - metric: dcim_env_temperature_celsius
        oid: {ROOT}.1.1
        unit_by: &unit {{column: {ROOT}.1.3, map: {{C: celsius, F: fahrenheit}}}}
      - {{metric: dcim_env_dew_point_celsius, oid: {ROOT}.1.4, unit_by: *unit}}
""",
    "sensing.yaml",
)
UNIT = f"{ROOT}.1.3.1"
TEMPERATURE, DEW_POINT = "dcim_env_temperature_celsius{sensor=a}", "dcim_env_dew_point_celsius{sensor=a}"


def planned(sensors: int = 1) -> PlannedCells:
    found = PlannedCells()
    known: dict[str, RawValue] = {}
    for at in range(1, sensors + 1):
        name = chr(ord("a") + at - 1).encode()
        known |= {f"{ROOT}.1.1.{at}": 20, f"{ROOT}.1.2.{at}": name, f"{ROOT}.1.3.{at}": b"C", f"{ROOT}.1.4.{at}": 10}
    found.begin(plan_device(PROFILE, {"sensors": [str(at) for at in range(1, sensors + 1)]}, known, None))
    return found


def test_a_unit_that_changes_costs_every_reading_that_has_it() -> None:
    cells, readings = planned(), Readings(values={TEMPERATURE: 68.0, DEW_POINT: 50.0})
    cells.update({UNIT: b"F"})
    cells.reject(readings)
    assert (readings.values, readings.bad) == ({}, dict.fromkeys((TEMPERATURE, DEW_POINT), "replanning"))


def test_a_unit_that_changes_gives_no_reason_for_a_reading_of_another_poll() -> None:
    cells, readings = planned(), Readings(values={TEMPERATURE: 68.0})
    cells.update({UNIT: b"F"})
    cells.reject(readings)
    assert (readings.values, readings.bad) == ({}, {TEMPERATURE: "replanning"})


def test_a_cell_that_is_null_is_no_change_and_hides_none_of_another_cell() -> None:
    """The cells come in any order, so of twenty nearly always one that is NULL comes before the changed one."""
    cells = planned(20)
    nothing: dict[str, RawValue] = {f"{ROOT}.1.3.{at}": None for at in range(1, 21)}
    cells.update(nothing)
    assert cells.changed() == ""
    cells.update(nothing | {UNIT: b"F"})
    assert cells.changed() == UNIT


def test_a_cell_that_is_what_it_was_is_no_change_any_more() -> None:
    cells, readings = planned(), Readings(values={TEMPERATURE: 20.0})
    cells.update({UNIT: b"F"})
    cells.update({UNIT: b"C"})
    cells.reject(readings)
    assert (cells.changed(), readings.values) == ("", {TEMPERATURE: 20.0})


VOLTS = f"{ROOT}.9.1"
LINES = parse_profile(
    f"""
version: 1
profile: three-lines
class: pdu
protocol: snmp
title: A rack PDU
source: a manual
evidence: unverified
recognise: {{subtrees: [{ROOT}.9]}}
tables:
  - name: lines
    rows: {VOLTS}
    when: {{lines: [{VOLTS}]}}
    labels: {{phase: {{index: -1, map: {{1: L1, 2: L2, 3: L3}}}}}}
    points:
      - {{metric: dcim_pdu_phase_voltage_volts, oid: {VOLTS}, unit: volt}}
""",
    "three-lines.yaml",
)


@pytest.mark.parametrize(("volts", "changed"), [((230,), ""), ((230, 0, 230), ""), ((230, 230), f"{VOLTS}.2")])
async def test_a_line_that_was_in_use_calls_for_a_plan_although_it_has_lost_its_power_again(
    volts: tuple[int, ...], changed: str
) -> None:
    """It was fitted between two plans. One odd answer does not show that."""
    cells, rows = PlannedCells(), {"lines": ["1", "2", "3"]}
    known: dict[str, RawValue] = {f"{VOLTS}.1": 230, f"{VOLTS}.2": 0, f"{VOLTS}.3": 0}

    async def read_again(refs: Sequence[str]) -> dict[str, RawValue]:
        return {ref: known[ref] for ref in refs}

    await cells.add_use(LINES, rows, known, read_again)
    cells.begin(plan_device(LINES, rows, known, None))
    for each in (*volts, 0):
        cells.update({f"{VOLTS}.2": each})
    assert cells.changed() == changed


async def test_one_odd_answer_before_a_new_plan_and_one_behind_it_show_no_line() -> None:
    """Planning has read the cell in between, and it showed nothing."""
    cells, rows = PlannedCells(), {"lines": ["1", "2", "3"]}
    known: dict[str, RawValue] = {f"{VOLTS}.1": 230, f"{VOLTS}.2": 0, f"{VOLTS}.3": 0}

    async def read_again(refs: Sequence[str]) -> dict[str, RawValue]:
        return {ref: known[ref] for ref in refs}

    await cells.add_use(LINES, rows, known, read_again)
    for _ in range(3):
        cells.begin(plan_device(LINES, rows, known, None))
        cells.update({f"{VOLTS}.2": 230})
    assert cells.changed() == ""


@pytest.mark.parametrize(("again", "lines"), [(0, {"L1"}), (230, {"L1", "L2"}), (None, {"L1", "L2"})])
async def test_a_line_is_planned_if_it_measures_something_twice_or_cannot_be_asked_again(
    again: RawValue, lines: set[str]
) -> None:
    """One odd answer, as of a card that has just started, would report a line without power for good."""
    rows = {"lines": ["1", "2", "3"]}
    known: dict[str, RawValue] = {f"{VOLTS}.1": 230, f"{VOLTS}.2": 230, f"{VOLTS}.3": 0}

    async def read_again(refs: Sequence[str]) -> dict[str, RawValue]:
        assert set(refs) == {f"{VOLTS}.1", f"{VOLTS}.2"}
        return {f"{VOLTS}.1": 231, f"{VOLTS}.2": again}

    await PlannedCells().add_use(LINES, rows, known, read_again)
    planned = class_of_each_series(plan_device(LINES, rows, known, None))
    assert set(planned) == {f"dcim_pdu_phase_voltage_volts{{phase={line}}}" for line in lines}


def test_of_another_device_nothing_is_published_be_it_a_number_or_a_state() -> None:
    readings = Readings(values={TEMPERATURE: 20.0}, states={"dcim_env_leak_state{sensor=a}": "dry"})
    planned().reject(readings, everything=True)
    assert (readings.values, readings.states) == ({}, {})
    assert readings.bad == {TEMPERATURE: "replanning", "dcim_env_leak_state{sensor=a}": "replanning"}
