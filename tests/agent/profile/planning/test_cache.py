"""Plans that devices share: the same as planning would make, and another one for whatever decides."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from agent.profile import AMBIGUOUS, Plan, PlanCache, RawValue, parse_profile, plan_device
from agent.profile.planning.cache import MAX_SERIES_KEPT
from rackflow.process.slices import run_through

ROOT = "1.3.6.1.4.1.99999"
TEXT = f"""
version: 1
profile: small
class: pdu
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{subtrees: [{ROOT}]}}
points:
  - {{metric: dcim_pdu_input_power_watts, oid: {ROOT}.2.0, unit: watt, when: {{oid: {ROOT}.4.0, in: [1]}}}}
tables:
  - name: outlets
    rows: {ROOT}.1.9
    labels: {{outlet: {{column: {ROOT}.1.2}}}}
    points: [{{metric: dcim_pdu_outlet_power_watts, oid: {ROOT}.1.9, unit: watt, decimals: {ROOT}.1.3}}]
  - name: phases
    rows: {ROOT}.3.5
    labels: {{inlet: "1", phase: {{column: {ROOT}.3.5, map: {{1: L1, 2: L2}}}}}}
    points: [{{metric: dcim_pdu_phase_current_amperes, oid: {ROOT}.3.6, unit: ampere}}]
  - name: poles
    rows: {ROOT}.5.6
    labels: {{panel: {{index: 1}}, circuit: {{index: 2}}, phase: {{column: {ROOT}.6.4, parts: 2, map: {{1: L1, 2: L2}}}}}}
    points: [{{metric: dcim_circuit_current_amperes, oid: {ROOT}.5.6, unit: ampere}}]
"""
PROFILE = parse_profile(TEXT, "small.yaml")
ROWS = {"outlets": ["1", "2"], "phases": ["1"], "poles": ["7.1.9"]}
CELLS: dict[str, RawValue] = {
    f"{ROOT}.4.0": 1,
    f"{ROOT}.1.2.1": b"one",
    f"{ROOT}.1.2.2": b"two",
    f"{ROOT}.1.3.1": 1,
    f"{ROOT}.1.3.2": 1,
    f"{ROOT}.1.9.1": 400,
    f"{ROOT}.1.9.2": 500,
    f"{ROOT}.3.5.1": 1,
    # In a table with a shorter index.
    f"{ROOT}.6.4.7.1": 1,
}


def planned(
    cache: PlanCache,
    cells: Mapping[str, RawValue] = CELLS,
    rows: Mapping[str, list[str]] = ROWS,
    role: str | None = None,
) -> Plan:
    return run_through(cache.plan_steps(cache.family(PROFILE, outlets=True), rows, cells, role))[1]


def test_devices_with_the_same_rows_share_a_plan_whatever_their_readings_are() -> None:
    cache = PlanCache()
    first = planned(cache)
    assert first == plan_device(PROFILE, ROWS, CELLS, None)
    assert planned(cache, CELLS | {f"{ROOT}.1.9.1": 401}) is first
    assert planned(cache, CELLS | {f"{ROOT}.9.9": b"read by nobody"}) is first
    assert cache.made == 1


def test_whatever_decides_makes_another_plan() -> None:
    cache = PlanCache()
    plans = [
        planned(cache),
        planned(cache, CELLS | {f"{ROOT}.1.2.1": b"uno"}),
        planned(cache, CELLS | {f"{ROOT}.1.3.1": 2}),
        planned(cache, CELLS | {f"{ROOT}.1.3.1": None}),
        planned(cache, CELLS | {f"{ROOT}.4.0": 2}),
        # A column of rows that is a label, too.
        planned(cache, CELLS | {f"{ROOT}.3.5.1": 2}),
        planned(cache, CELLS | {f"{ROOT}.6.4.7.1": 2}),
        planned(cache, rows={"outlets": ["1"], "phases": ["1"]}),
        planned(cache, rows={"outlets": ["2", "1"], "phases": ["1"]}),
    ]
    assert len({id(plan) for plan in plans}) == len(plans)
    before = cache.made
    planned(cache, role="it")
    run_through(cache.plan_steps(cache.family(PROFILE, outlets=False), {"phases": ["1"]}, CELLS, None))
    run_through(cache.plan_steps(cache.family(PROFILE, outlets=True), ROWS, CELLS, None, cut=["outlets"]))
    for unit in (1, 2):
        run_through(cache.plan_steps(cache.family(PROFILE, outlets=True), ROWS, CELLS, None, unit=unit))
    assert cache.made == before + 5


SCALARS = parse_profile(
    TEXT.partition("points:")[0]
    + f"""points:
  - {{metric: dcim_pdu_input_power_watts, oid: {ROOT}.2.0, unit: watt, decimals: {ROOT}.2.1.0}}
  - {{metric: dcim_pdu_outlet_power_watts, oid: {ROOT}.2.2.0, unit: watt, labels: {{outlet: "1"}}}}
""",
    "scalars.yaml",
)


def test_devices_whose_readings_have_other_scales_have_other_plans() -> None:
    """The cell with the decimals is no column of a table."""
    cache = PlanCache()
    plans = []
    for decimals in (1, 2):
        cells: dict[str, RawValue] = {f"{ROOT}.2.0": 1234, f"{ROOT}.2.1.0": decimals, f"{ROOT}.2.2.0": 7}
        plans.append(run_through(cache.plan_steps(cache.family(SCALARS, outlets=True), {}, cells, None))[1])
        assert plans[-1] == plan_device(SCALARS, {}, cells, None)
    assert plans[0] != plans[1]


def test_rows_that_nothing_but_their_indexes_tells_apart_have_plans_of_their_own() -> None:
    text = (
        TEXT.partition("points:")[0]
        + f"""tables:
  - name: phases
    rows: {ROOT}.3.5
    labels: {{inlet: {{index: -1}}}}
    points: [{{metric: dcim_pdu_phase_current_amperes, oid: {ROOT}.3.6, unit: ampere, labels: {{phase: L1}}}}]
"""
    )
    profile, cache = parse_profile(text, "indexed.yaml"), PlanCache()
    for index in ("1", "2"):
        plan = run_through(cache.plan_steps(cache.family(profile, outlets=True), {"phases": [index]}, {}, None))[1]
        keys = [slot.key for part in plan.classes.values() for slot in part.slots]
        assert keys == [f"dcim_pdu_phase_current_amperes{{inlet={index},phase=L1}}"]


def test_a_cell_that_a_device_answers_in_two_ways_makes_another_plan() -> None:
    cache = PlanCache()
    for cell in (1, AMBIGUOUS, 1):
        cells: dict[str, RawValue] = {f"{ROOT}.2.0": 1234, f"{ROOT}.2.1.0": cell, f"{ROOT}.2.2.0": 7}
        plan = run_through(cache.plan_steps(cache.family(SCALARS, outlets=True), {}, cells, None))[1]
        assert plan == plan_device(SCALARS, {}, cells, None)


def test_with_and_without_single_outlets_are_two_plans_though_no_table_has_them() -> None:
    cache = PlanCache()
    cells: dict[str, RawValue] = {f"{ROOT}.2.0": 1234, f"{ROOT}.2.1.0": 1, f"{ROOT}.2.2.0": 7}
    counts = []
    for outlets in (True, False, True):
        plan = run_through(cache.plan_steps(cache.family(SCALARS, outlets=outlets), {}, cells, None))[1]
        counts.append(sum(len(part.slots) for part in plan.classes.values()))
    assert counts == [2, 1, 2]


def test_a_label_in_a_table_with_a_shorter_index_is_found_and_watched() -> None:
    plan = planned(PlanCache())
    keys = [slot.key for part in plan.classes.values() for slot in part.slots]
    assert "dcim_circuit_current_amperes{circuit=1,panel=7,phase=L1}" in keys
    (cell,) = plan.planned_cells[f"{ROOT}.6.4.7.1"]
    assert cell.holds(1)
    assert not cell.holds(2)


def test_what_a_device_lacks_makes_another_plan() -> None:
    cache = PlanCache()
    family = cache.family(PROFILE, outlets=True)
    key, plan = run_through(cache.plan_steps(family, ROWS, CELLS, None))
    whole = run_through(cache.trim_steps(key, plan, frozenset()))
    less = run_through(cache.trim_steps(key, plan, frozenset({f"{ROOT}.1.9.2"})))
    assert run_through(cache.trim_steps(key, plan, frozenset({f"{ROOT}.1.9.2"}))) is less
    assert [sum(len(part.slots) for part in each.classes.values()) for each in (whole, less)] == [5, 4]
    # Another device lacks the same, and has another name for its first outlet.
    other_key, other = run_through(cache.plan_steps(family, ROWS, CELLS | {f"{ROOT}.1.2.1": b"uno"}, None))
    other_less = run_through(cache.trim_steps(other_key, other, frozenset({f"{ROOT}.1.9.2"})))
    keys = [{slot.key for part in each.classes.values() for slot in part.slots} for each in (less, other_less)]
    assert {key for key in keys[0] ^ keys[1] if "outlet" in key} == {
        f"dcim_pdu_outlet_power_watts{{outlet={name}}}" for name in ("one", "uno")
    }


def test_a_device_without_its_outlets_is_planned_without_them_beside_one_with_them() -> None:
    cache = PlanCache()
    whole, without = (cache.family(PROFILE, outlets=outlets) for outlets in (True, False))
    names = [[table.name for table in each.profile.tables] for each in (whole, without)]
    assert names == [["outlets", "phases", "poles"], ["phases", "poles"]]
    assert cache.family(PROFILE, outlets=False) is without


def test_a_profile_that_was_changed_under_its_name_makes_another_plan_at_the_next_one() -> None:
    cache = PlanCache()
    planned(cache)
    changed = parse_profile(TEXT.replace("{1: L1, 2: L2}", "{1: L3, 2: L2}"), "small.yaml")
    found = run_through(cache.plan_steps(cache.family(changed, outlets=True), ROWS, CELLS, None))[1]
    assert found == plan_device(changed, ROWS, CELLS, None)
    assert found != plan_device(PROFILE, ROWS, CELLS, None)


def test_a_block_that_a_unit_refuses_is_cut_for_this_unit_alone() -> None:
    """Two registers with a gap between them; the same addresses in another table are other registers."""
    cells = [
        ("holding", 0, "power_watts", "watt"),
        ("holding", 3, "frequency_hertz", "hertz"),
        ("input", 0, "apparent_power_voltamperes", "voltampere"),
        ("input", 3, "power_factor_ratio", "ratio"),
    ]
    points = "".join(
        f"  - {{metric: dcim_meter_{name}, labels: {{role: other}}, poll: normal, type: uint16,"
        f" table: {table}, register: {at}, unit: {unit}}}\n"
        for table, at, name, unit in cells
    )
    head = "version: 1\nprofile: unit\nclass: meter\nprotocol: modbus\ntitle: A meter\nsource: a manual\nevidence: unverified\n"
    cache = PlanCache()
    family = cache.family(parse_profile(f"{head}points:\n{points}", "unit.yaml"), outlets=True)
    key, plan = run_through(cache.plan_steps(family, {}, {}, None))
    blocks = {str(block.table): block for part in plan.classes.values() for block in part.blocks}
    assert blocks.keys() == {"holding", "input"}

    def counts(*refused: str) -> dict[str, list[int]]:
        trimmed = run_through(cache.trim_steps(key, plan, frozenset(), [blocks[each] for each in refused]))
        found: dict[str, list[int]] = {"holding": [], "input": []}
        for part in trimmed.classes.values():
            for block in part.blocks:
                found[block.table].append(block.count)
        return found

    assert counts() == {"holding": [4], "input": [4]}
    assert counts("holding") == {"holding": [1, 1], "input": [4]}
    assert counts("input") == {"holding": [4], "input": [1, 1]}


# Without NaN: a plan that holds one is not equal to itself.
raw = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.integers(),
    st.sampled_from([10**5000, -(10**5000), float("inf"), 1.0, b"1", "1", b"", "\ud800"]),
    st.floats(allow_nan=False),
    st.binary(max_size=8),
    st.text(max_size=8),
)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(CELLS, raw)), min_size=2, max_size=4))
def test_a_plan_from_the_cache_is_the_one_that_planning_makes_whatever_devices_send(
    devices: list[dict[str, RawValue]],
) -> None:
    cache = PlanCache()
    for cells in devices:
        assert planned(cache, cells) == plan_device(PROFILE, ROWS, cells, None)


def test_the_cache_is_bounded_and_drops_what_was_not_used_for_longest() -> None:
    cache = PlanCache(max_series=50)
    wide = {"outlets": [str(at) for at in range(10)], "phases": []}

    def device(number: int) -> Plan:
        labels: dict[str, RawValue] = {f"{ROOT}.1.2.{at}": b"%d" % at for at in range(1, 10)}
        scales: dict[str, RawValue] = {f"{ROOT}.1.3.{at}": 1 for at in range(10)}
        return planned(cache, {**labels, **scales, f"{ROOT}.1.2.0": b"device %d" % number}, wide)

    first = device(0)
    for number in range(1, 7):
        device(number)
        assert device(0) is first
    assert cache.made == 7
    device(6)
    device(5)
    assert cache.made == 7
    device(1)
    assert cache.made == 8
    assert MAX_SERIES_KEPT == 200_000
