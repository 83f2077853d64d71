"""Plans of shipped profiles: every point once, requests within the device's limits, labels from index, column and configuration."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modbus.registers import NumberType, words_of
from agent.modbus.requests import RegisterValue, coalesce
from agent.profile.planning.planner import plan_device
from agent.profile.planning.planning_cells import planning_columns
from agent.profile.planning.trim import trim_steps
from tests.agent.shipped import shipped_profiles
from tests.at_once import at_once

if TYPE_CHECKING:
    from agent.profile.normalising.cells import RawValue

PROFILES = shipped_profiles()
trim_plan = at_once(trim_steps)
RPDU2 = PROFILES["apc-rpdu2"]
KINDS: tuple[NumberType, ...] = ("uint16", "int32", "float64")


@given(
    st.lists(
        st.tuples(st.integers(0, 65000), st.sampled_from(KINDS)),
        min_size=1,
        max_size=40,
        unique=True,
    ),
    st.integers(4, 125),
    st.integers(0, 40),
)
def test_registers_are_covered_once_within_limits(
    places: list[tuple[int, NumberType]], max_registers: int, max_gap: int
) -> None:
    wanted = [RegisterValue(f"{at}:{kind}", "holding", at, words_of(kind, None), kind, "big") for at, kind in places]
    blocks = list(coalesce(wanted, max_registers, max_gap))
    seen = [field.ref for block in blocks for field in block.fields]
    assert sorted(seen) == sorted(each.ref for each in wanted)
    for block in blocks:
        assert 1 <= block.count <= max_registers
        assert block.fields[0].offset == 0
        for field in block.fields:
            assert field.offset + field.words <= block.count
            assert field.ref.startswith(f"{block.address + field.offset}:")


def test_the_liquid_cooling_unit_takes_few_requests() -> None:
    plan = plan_device(PROFILES["aalc-rpu"], {}, {}, None)
    assert plan.duplicates == ()
    safety = plan.classes["safety"]
    blocks = [(block.address, block.count) for block in safety.blocks]
    assert blocks == [(36864, 5), (36873, 1), (36882, 3), (37136, 1), (37378, 1)]
    assert len(safety.slots) == 26


def test_tables_give_one_series_a_row_with_labels_from_columns() -> None:
    column = "1.3.6.1.4.1.318.1.1.26.6.3.1"
    cells: dict[str, RawValue] = {}
    for row in (1, 2, 3):
        cells |= {f"{column}.2.{row}": 1, f"{column}.3.{row}": row}
    plan = plan_device(RPDU2, {"phase": ["1", "2", "3"]}, cells, None)
    keys = [slot.key for slot in plan.classes["fast"].slots if "phase" in slot.key]
    assert keys == [f"dcim_pdu_phase_current_amperes{{inlet=1,phase=L{row}}}" for row in (1, 2, 3)]
    assert plan.classes["fast"].oids[-3:] == tuple(f"{column}.5.{row}" for row in (1, 2, 3))


def test_of_a_table_of_contacts_smoke_detectors_are_polled_each_second_and_doors_are_not() -> None:
    kinds, values = "1.3.6.1.4.1.13742.8.1.2.1.1.2", "1.3.6.1.4.1.13742.8.2.1.1.1.2"
    cells: dict[str, RawValue] = {f"{kinds}.1": 18, f"{kinds}.2": 43}
    plan = plan_device(PROFILES["raritan-emd"], {"contact": ["1", "2"]}, cells, None)
    polled = {slot.key: name for name, part in plan.classes.items() for slot in part.slots}
    assert polled == {
        "dcim_env_contact_active{kind=smoke,sensor=1}": "safety",
        "dcim_env_contact_active{kind=door,sensor=2}": "fast",
    }
    assert plan.classes["safety"].oids == (f"{values}.1",)


def test_a_row_whose_label_is_missing_is_left_out_and_a_claimed_series_is_reported() -> None:
    column = "1.3.6.1.4.1.318.1.1.26.6.3.1"
    cells: dict[str, RawValue] = {
        f"{column}.2.1": 1,
        f"{column}.2.2": 1,
        f"{column}.3.1": 1,
        f"{column}.3.2": 1,
        f"{column}.2.9": 1,
    }
    plan = plan_device(RPDU2, {"phase": ["1", "2", "9"]}, cells, None)
    keys = [slot.key for slot in plan.classes["fast"].slots if "phase" in slot.key]
    assert keys == ["dcim_pdu_phase_current_amperes{inlet=1,phase=L1}"]
    assert "dcim_pdu_phase_current_amperes{inlet=1,phase=L1}" in plan.duplicates


def test_planning_columns_are_those_that_must_be_walked() -> None:
    tables = {table.name: table for table in RPDU2.tables}
    assert planning_columns(tables["phase"]) == ["1.3.6.1.4.1.318.1.1.26.6.3.1.2", "1.3.6.1.4.1.318.1.1.26.6.3.1.3"]
    assert planning_columns(tables["supplies"]) == []


@pytest.mark.parametrize(("role", "label"), [(None, "other"), ("facility", "facility")])
def test_the_role_of_a_meter_comes_from_the_configuration(role: str | None, label: str) -> None:
    plan = plan_device(PROFILES["schneider-iem3000"], {}, {}, role)
    assert f"dcim_meter_power_watts{{role={label}}}" in [slot.key for slot in plan.classes["fast"].slots]


OWN, OF_THE_BASE = "1.3.6.1.4.1.5491.10.1.2.3.0", "1.3.6.1.2.1.33.1.2.3.0"
"""Minutes that are left, in Riello's branch and in that of the family that it extends."""


@pytest.mark.parametrize(
    ("absent", "read"), [([], [OWN]), ([OF_THE_BASE], [OWN]), ([OWN], [OF_THE_BASE]), ([OWN, OF_THE_BASE], [])]
)
def test_what_a_device_lacks_of_its_family_is_read_as_the_base_has_it(absent: list[str], read: list[str]) -> None:
    plan = trim_plan(plan_device(PROFILES["riello-netman"], {}, {}, None), lambda ref: ref in absent)
    slots = [slot for part in plan.classes.values() for slot in part.slots]
    runtimes = [slot for slot in slots if slot.key == "dcim_ups_battery_runtime_seconds"]
    assert [decoder.ref for slot in runtimes for decoder in slot.decoders] == read
    asked = [oid for part in plan.classes.values() for oid in part.oids if oid in (OWN, OF_THE_BASE)]
    assert asked == read
    assert plan.left_out == ({} if read else {"absent": 1})
    assert (OWN in plan.nothing_there) == (not read)


def test_a_plan_without_what_is_absent_keeps_fallbacks_and_shrinks_requests() -> None:
    plan = plan_device(PROFILES["apc-ups"], {}, {}, None)
    precise, whole = "1.3.6.1.4.1.318.1.1.1.2.3.1.0", "1.3.6.1.4.1.318.1.1.1.2.2.1.0"
    trimmed = trim_plan(plan, lambda ref: ref == precise)
    slot = next(slot for slot in trimmed.classes["fast"].slots if slot.key == "dcim_ups_battery_charge_ratio")
    assert [decoder.ref for decoder in slot.decoders] == [whole]
    assert precise not in trimmed.classes["fast"].oids
    assert trim_plan(plan, lambda _: True).classes == {}
    assert trim_plan(plan, lambda _: True).left_out == {
        "absent": sum(len(part.slots) for part in plan.classes.values())
    }


def test_a_block_is_cut_to_what_is_left_of_it() -> None:
    plan = plan_device(PROFILES["aalc-rpu"], {}, {}, None)
    trimmed = trim_plan(plan, lambda ref: not ref.startswith("holding:36873"))
    (block,) = trimmed.classes["safety"].blocks
    assert (block.address, block.count, block.fields[0].offset) == (36873, 1, 0)


def test_a_refused_block_no_longer_bridges_its_gaps() -> None:
    plan = plan_device(PROFILES["aalc-rpu"], {}, {}, None)
    first = plan.classes["safety"].blocks[0]
    split = trim_plan(plan, lambda _: False, [first]).classes["safety"].blocks
    assert [(block.address, block.count) for block in split] == [
        (36864, 5),
        (36873, 1),
        (36882, 3),
        (37136, 1),
        (37378, 1),
    ]
    assert sorted(field.ref for block in split for field in block.fields) == sorted(
        field.ref for block in plan.classes["safety"].blocks for field in block.fields
    )
