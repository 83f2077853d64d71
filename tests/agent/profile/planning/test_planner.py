"""What a profile's words become in a plan: which slots, read from where, decoded how, asked for when."""

import pytest

from agent.profile import parse_profile
from agent.profile.normalising.cells import ENDS_OF_16_BITS, LARGE_ENDS, NINES, NINES_OF_LOADS, RawValue
from agent.profile.normalising.slots import Decoder, GateCheck, Slot, slot_of
from agent.profile.planning.plan import ClassPlan, Plan
from agent.profile.planning.planner import plan_device
from agent.profile.planning.trim import trim_steps
from agent.profile.schema import Profile
from rackflow.catalogue import PollClass
from tests.at_once import at_once

ROOT = "1.3.6.1.4.1.99999"
HEAD = """
version: 1
profile: small
class: pdu
title: A device
source: a manual
evidence: unverified
"""
SNMP = HEAD + f"protocol: snmp\nrecognise: {{subtrees: [{ROOT}]}}\nabsent: [-1]\n"
trim_plan = at_once(trim_steps)
OF_LOADS = ENDS_OF_16_BITS | LARGE_ENDS | NINES | NINES_OF_LOADS
WATTS, VOLTS = "dcim_pdu_input_power_watts", "dcim_pdu_phase_voltage_volts"


def snmp(points: str = "", tables: str = "") -> Profile:
    text = SNMP + (f"points:\n{points}" if points else "") + (f"tables:\n{tables}" if tables else "")
    return parse_profile(text.replace("R.", f"{ROOT}."), "small.yaml")


def table(*points: str, **keys: str) -> str:
    labels = "{inlet: {index: 1}, phase: {index: 2, map: {1: L1, 2: L2}}}"
    keys = {"rows": "R.1.9", "labels": labels, **keys}
    return (
        "  - name: phases\n"
        + "".join(f"    {key}: {value}\n" for key, value in keys.items())
        + "    points:\n"
        + "".join(f"      - {{{point}}}\n" for point in points)
    )


def planned(profile: Profile, *rows: str, cells: dict[str, RawValue] | None = None) -> dict[str, Slot]:
    given = {name.replace("R.", f"{ROOT}."): value for name, value in (cells or {}).items()}
    plan = plan_device(profile, {"phases": rows}, given, None)
    return {slot.key: slot for part in plan.classes.values() for slot in part.slots}


def only(profile: Profile, *rows: str, cells: dict[str, RawValue] | None = None) -> Slot:
    (slot,) = planned(profile, *rows, cells=cells).values()
    return slot


@pytest.mark.parametrize(
    ("unit", "scale", "numerator", "denominator"),
    [
        ("watt", "1", 1, 1),
        ("kilowatt", "1", 1000, 1),
        ("watt", "0.1", 1, 10),
        ("kilowatt", "0.01", 10, 1),
        ("watt", "-1/3", -1, 3),
    ],
)
def test_unit_and_scale_become_one_exact_fraction(unit: str, scale: str, numerator: int, denominator: int) -> None:
    slot = only(snmp(f"  - {{metric: {WATTS}, oid: R.2.0, unit: {unit}, scale: {scale!r}}}\n"))
    absent = frozenset({-1}) | OF_LOADS
    whole = scale.startswith("0.")
    assert slot.decoders == (Decoder(f"{ROOT}.2.0", numerator, denominator, 0.0, sentinels=absent, counts_parts=whole),)


def test_what_a_source_says_reaches_its_decoder() -> None:
    slot = only(
        snmp(
            f"  - {{metric: {WATTS}, oid: R.2.0, unit: watt, shift: -5, absent: [], expect: [1, 9], absolute: true,"
            " text: number, words: {'Off': 0},"
            " fallback: [{oid: R.3.0, unit: kilowatt, absent: [7], bit: 3, inverted: true}]}\n"
        )
    )
    flags = frozenset({2**32 - 1, -1, 2**31 - 1, 2**31, -(2**31), 0xFFFF, 0xFFFF0000, -0x10000})
    assert slot.decoders == (
        Decoder(f"{ROOT}.2.0", shift=-5, expect=((1.0, 9.0),), absolute=True, text="number", words={"off": 0.0}),
        Decoder(f"{ROOT}.3.0", 1000, sentinels=flags | {7}, bits=(3,), inverted=True),
    )
    states = "  - {metric: dcim_ups_output_source, oid: R.2.0, states: {3: normal}}\n"
    assert only(snmp(states)).decoders[0].states == {3: "normal"}
    numbers = "  - {metric: dcim_pdu_outlet_on, labels: {outlet: '1'}, oid: R.2.0, numbers: {1: 0, 2: 1}}\n"
    assert only(snmp(numbers)).decoders[0].numbers == {1: 0.0, 2: 1.0}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("unit: volt, scale: 0.1", ((0.0, 0.9), (80.0, 500.0))),
        ("unit: millivolt", ((0.0, 0.9), (80.0, 500.0))),
        ("unit: volt, scale: 0.1, expect: [300, 400]", ((300.0, 400.0),)),
        ("unit: volt, scale: 1/64", ()),  # binary fractions are no tenths that a device may forget
        ("unit: volt", ()),
    ],
)
def test_a_scaled_voltage_has_the_window_of_the_catalogue_unless_it_has_its_own(
    words: str, expected: tuple[tuple[float, float], ...]
) -> None:
    labels = "labels: {inlet: '1', phase: L1}"
    (decoder,) = only(snmp(f"  - {{metric: {VOLTS}, oid: R.2.0, {labels}, {words}}}\n")).decoders
    assert decoder.expect == expected


@pytest.mark.parametrize(
    ("point", "sentinels"),
    [
        ("dcim_pdu_input_power_watts, unit: watt", OF_LOADS | {-7}),
        ("dcim_pdu_input_power_watts, unit: watt, absent: [5]", OF_LOADS | {5}),
        ("dcim_pdu_input_power_watts, unit: watt, absent: []", set()),
        # A counter may rest on 65535 for hours.
        ("dcim_pdu_input_energy_joules_total, unit: watt_hour", LARGE_ENDS | {-7}),
        (
            "dcim_pdu_input_energy_joules_total, unit: watt_hour, absent: [65535]",
            LARGE_ENDS | set(range(65532, 65536)),
        ),
        # A part that is not fitted says 0 Hz.
        ("dcim_pdu_input_frequency_hertz, unit: hertz, absent: []", {0}),
        ("dcim_pdu_input_current_amperes, unit: ampere, absent: [5]", OF_LOADS | {5, -1}),
        ("dcim_pdu_input_reactive_power_vars, unit: var, absent: [5]", ENDS_OF_16_BITS | LARGE_ENDS | NINES | {5}),
        ("dcim_pdu_outlet_on, labels: {outlet: '1'}, numbers: {1: 0, 65535: 1}", {-7}),
        # A limit of 0 is one that is not set: whatever is switched on would be above it.
        ("dcim_pdu_input_rated_current_amperes, unit: ampere, absent: [5]", OF_LOADS | {5, -1, 0}),
        (
            "dcim_pdu_phase_warning_current_amperes, labels: {inlet: '1', phase: L1}, unit: ampere, absent: [5]",
            OF_LOADS | {5, -1, 0},
        ),
        (
            "dcim_env_temperature_high_threshold_celsius, labels: {sensor: '1'}, unit: celsius, absent: [5]",
            ENDS_OF_16_BITS | LARGE_ENDS | NINES | {5, -1, 0},
        ),
        # Batteries are discharged with -1 A; no room is without water in its air, and may be at 0 degC.
        ("dcim_ups_battery_current_amperes, unit: ampere, absent: [5]", OF_LOADS | {5}),
        (
            "dcim_env_relative_humidity_ratio, labels: {sensor: '1'}, unit: percent, absent: [5]",
            ENDS_OF_16_BITS | LARGE_ENDS | NINES | {5, 0},
        ),
        # No plant is at -0.1 kPa, and -1 without a scale may be what was measured.
        (
            "dcim_cdu_supply_pressure_pascals, labels: {loop: primary}, unit: kilopascal, scale: 0.1, absent: [5]",
            ENDS_OF_16_BITS | LARGE_ENDS | NINES | {5, -1},
        ),
        (
            "dcim_cdu_supply_pressure_pascals, labels: {loop: primary}, unit: pascal, absent: [5]",
            ENDS_OF_16_BITS | LARGE_ENDS | NINES | {5},
        ),
        (
            "dcim_env_temperature_celsius, labels: {sensor: '1'}, unit: celsius, absent: [5]",
            ENDS_OF_16_BITS | LARGE_ENDS | NINES | {5, -1},
        ),
    ],
)
def test_usual_numbers_for_no_reading_are_sentinels_besides_those_of_the_profile(
    point: str, sentinels: set[float]
) -> None:
    profile = snmp(f"  - {{metric: {point}, oid: R.2.0}}\n")
    (decoder,) = only(profile.model_copy(update={"absent": [-7]})).decoders
    assert decoder.sentinels == sentinels


@pytest.mark.parametrize(("volts", "denominator"), [(2312, 10), (0, 1), (231, 1)])
def test_a_device_that_answers_in_whole_units_is_recognised_by_its_answer(volts: int, denominator: int) -> None:
    first = f"metric: {VOLTS}, oid: R.1.9, unit: volt"
    tenths = f"{first}, scale: 0.1, when: {{alive: [R.1.9], between: [[501, 6000]]}}"
    whole = f"{first}, when: {{alive: [R.1.9], between: [[501, 6000]], never: true}}"
    slot = only(snmp(tables=table(tenths, whole)), "1.1", cells={"R.1.9.1.1": volts})
    assert slot.decoders[0].denominator == denominator


def test_a_number_in_two_registers_that_stand_apart_asks_for_both() -> None:
    point = (
        "{metric: dcim_cdu_reported_heat_removed_watts, labels: {loop: primary}, register: 17, high: 99, unit: watt}"
    )
    profile = parse_profile(HEAD + f"protocol: modbus\npoints: [{point}]\n", "small.yaml")
    plan = plan_device(profile, {}, {}, None)
    (part,) = plan.classes.values()
    (slot,) = part.slots
    assert (slot.decoders[0].ref, slot.decoders[0].high) == ("holding:17:uint16:big", "holding:99:uint16:big")
    assert [(block.address, block.count) for block in part.blocks] == [(17, 1), (99, 1)]
    # The low half alone may be 65535 or 9999 at any time.
    assert slot.decoders[0].sentinels == LARGE_ENDS
    # Half of it would be a wrong number.
    assert trim_plan(plan, lambda ref: ref == slot.decoders[0].high).classes == {}


def test_an_affine_unit_brings_its_offset() -> None:
    point = "  - {metric: dcim_env_temperature_celsius, labels: {sensor: '1'}, oid: R.2.0, unit: fahrenheit}\n"
    (decoder,) = only(snmp(point)).decoders
    assert (decoder.numerator, decoder.denominator) == (5, 9)
    assert decoder.offset == pytest.approx(-160 / 9)


def test_each_bit_is_a_series_of_its_own_labels() -> None:
    point = (
        "  - {metric: dcim_device_alarm_active, labels: {severity: warning}, oid: R.2.0,"
        " bits: {0: {alarm: overload}, 5: {alarm: on_battery}}}\n"
    )
    assert {key: slot.decoders[0].bits for key, slot in planned(snmp(point)).items()} == {
        "dcim_device_alarm_active{alarm=overload,severity=warning}": (0,),
        "dcim_device_alarm_active{alarm=on_battery,severity=warning}": (5,),
    }


def test_a_row_is_there_where_table_and_point_both_say_so() -> None:
    point = f"metric: {VOLTS}, oid: R.1.9, unit: volt, when: {{column: R.1.4, in: [1]}}"
    profile = snmp(tables=table(point, when="{column: R.1.3, in: [1]}"))
    cells: dict[str, RawValue] = {
        f"R.1.{column}.{row}": value
        for row, (three, four) in {"1.1": (1, 1), "1.2": (1, 2), "2.1": (2, 1)}.items()
        for column, value in ((3, three), (4, four))
    }
    assert list(planned(profile, "1.1", "1.2", "2.1", "2.2", cells=cells)) == [f"{VOLTS}{{inlet=1,phase=L1}}"]


def test_a_points_labels_and_gate_go_before_those_of_its_table() -> None:
    profile = snmp(
        tables=table(
            f"metric: {VOLTS}, oid: R.1.9, unit: volt",
            "metric: dcim_pdu_phase_current_amperes, oid: R.1.8, unit: ampere, labels: {phase: L3},"
            " gate: {oid: R.6.0, in: [4], missing: [5], optional: true}",
            gate="{column: R.1.7, in: [1, 2]}",
        )
    )
    slots = planned(profile, "1.1")
    assert {key: slot.gate for key, slot in slots.items()} == {
        f"{VOLTS}{{inlet=1,phase=L1}}": GateCheck(f"{ROOT}.1.7.1.1", frozenset({1, 2}), frozenset()),
        "dcim_pdu_phase_current_amperes{inlet=1,phase=L3}": GateCheck(
            f"{ROOT}.6.0", frozenset({4}), frozenset({5}), optional=True
        ),
    }
    plan = plan_device(profile, {"phases": ["1.1"]}, {}, None)
    assert plan.classes["fast"].oids == (f"{ROOT}.1.8.1.1", f"{ROOT}.6.0")


def test_the_poll_class_is_the_catalogues_unless_the_point_says_another() -> None:
    point = f"  - {{metric: {WATTS}, oid: R.2.0, unit: watt%s}}\n"
    assert plan_device(snmp(point % ""), {}, {}, None).classes.keys() == {"fast"}
    assert plan_device(snmp(point % ", poll: slow"), {}, {}, None).classes.keys() == {"slow"}


@pytest.mark.parametrize(
    ("kind", "words", "poll"), [("smoke", "", "safety"), ("door", "", "fast"), ("smoke", ", poll: slow", "slow")]
)
def test_smoke_is_asked_for_each_second_unless_the_point_says_another_class(kind: str, words: str, poll: str) -> None:
    labels = f"labels: {{sensor: '1', kind: {kind}}}"
    point = f"  - {{metric: dcim_env_contact_active, {labels}, oid: R.2.0, numbers: {{1: 0, 2: 1}}{words}}}\n"
    assert plan_device(snmp(point), {}, {}, None).classes.keys() == {poll}


@pytest.mark.parametrize("rows", [{}, {"phases": ()}])
def test_a_table_without_rows_is_named(rows: dict[str, tuple[str, ...]]) -> None:
    profile = snmp(tables=table(f"metric: {VOLTS}, oid: R.1.9, unit: volt"))
    assert plan_device(profile, rows, {}, None).nothing_there == ("phases (0 rows)",)


def test_a_series_claimed_twice_is_the_first_ones_and_reported_in_whatever_class() -> None:
    profile = snmp(
        tables=table(
            f"metric: {VOLTS}, oid: R.1.9, unit: volt, when: {{column: R.1.4, in: [1]}}",
            f"metric: {VOLTS}, oid: R.1.8, unit: volt, poll: slow, when: {{column: R.1.4, without: [x]}}",
        )
    )
    cells: dict[str, RawValue] = {f"{ROOT}.1.4.1.1": 1, f"{ROOT}.1.4.1.2": 2}
    plan = plan_device(profile, {"phases": ["1.1", "1.2"]}, cells, None)
    assert plan.duplicates == (f"{VOLTS}{{inlet=1,phase=L1}}",)
    assert {poll: part.oids for poll, part in plan.classes.items()} == {
        "normal": (f"{ROOT}.1.9.1.1",),
        "slow": (f"{ROOT}.1.8.1.2",),
    }


def test_a_fallback_whose_unit_a_row_does_not_tell_is_left_out_and_so_is_a_row_without_any() -> None:
    by_cell = "{column: R.1.5, map: {1: volt}}"
    profile = snmp(
        tables=table(
            f"metric: {VOLTS}, oid: R.1.9, unit_by: {by_cell}, fallback: [{{oid: R.1.8, unit: volt, decimals: R.1.6}}]"
        )
    )
    cells: dict[str, RawValue] = {"R.1.5.1.1": 1, "R.1.6.1.1": 1, "R.1.5.1.2": 9, "R.1.6.1.2": 2, "R.1.5.2.1": 9}
    slots = planned(profile, "1.1", "1.2", "2.1", cells=cells)
    assert {key: [(each.ref, each.denominator) for each in slot.decoders] for key, slot in slots.items()} == {
        f"{VOLTS}{{inlet=1,phase=L1}}": [(f"{ROOT}.1.9.1.1", 1), (f"{ROOT}.1.8.1.1", 10)],
        f"{VOLTS}{{inlet=1,phase=L2}}": [(f"{ROOT}.1.8.1.2", 100)],
    }


MODBUS = (
    HEAD.replace("pdu", "cdu")
    + """protocol: modbus
modbus: {table: input, order: little-swapped}
points:
  - {metric: dcim_cdu_leak_detected, labels: {detector: internal}, register: 0, bit: 3}
  - {metric: dcim_cdu_leak_detected, labels: {detector: external}, register: 0, bit: 4}
  - {metric: dcim_cdu_supply_temperature_celsius, labels: {loop: secondary}, register: 2, type: float32, unit: celsius}
  - metric: dcim_cdu_return_temperature_celsius
    labels: {loop: secondary}
    register: 4
    table: holding
    order: big
    type: int16
    unit: celsius
"""
)


def test_registers_are_asked_for_once_in_their_table_type_and_order() -> None:
    plan = plan_device(parse_profile(MODBUS, "small.yaml"), {}, {}, None)
    part = plan.classes["safety"]
    refs = ["input:0:uint16:little-swapped", "input:2:float32:little-swapped", "holding:4:int16:big"]
    assert [slot.decoders[0].ref for slot in part.slots] == [refs[0], *refs]
    assert [slot.decoders[0].bits for slot in part.slots] == [(3,), (4,), (), ()]
    blocks = [(block.table, block.address, block.count) for block in part.blocks]
    assert blocks == [("holding", 4, 1), ("input", 0, 1), ("input", 2, 2)]
    assert sorted(field.ref for block in part.blocks for field in block.fields) == sorted(refs)
    assert part.oids == ()


def gated(*refs: str, gate: GateCheck | None = None) -> Slot:
    (slot,) = planned(snmp(f"  - {{metric: {WATTS}, oid: R.2.0, unit: watt}}\n")).values()
    return slot_of(refs[0], slot.metric, tuple(Decoder(ref) for ref in refs), gate)


def less(absent: set[str], *slots: Slot, poll: PollClass = "fast") -> tuple[list[str], tuple[str, ...]]:
    """Keys of the slots that are left, and what is asked for them."""
    wanted = dict.fromkeys(
        ref
        for slot in slots
        for ref in [*(each.ref for each in slot.decoders), *([slot.gate.ref] if slot.gate else [])]
    )
    trimmed = trim_plan(Plan({poll: ClassPlan(slots, tuple(wanted))}, ("twice",)), lambda ref: ref in absent)
    assert trimmed.duplicates == ("twice",)
    part = trimmed.classes.get(poll)
    return ([slot.key for slot in part.slots], part.oids) if part else ([], ())


def test_a_plan_without_what_a_device_lacks() -> None:
    must, may = (GateCheck("g", frozenset({1}), frozenset(), optional) for optional in (False, True))
    assert less(set(), gated("a", "b"), gated("c", gate=must)) == (["a", "c"], ("a", "b", "c", "g"))
    assert less({"a"}, gated("a", "b"), gated("c")) == (["a", "c"], ("b", "c"))
    assert less({"a", "b"}, gated("a", "b"), gated("c")) == (["c"], ("c",))
    assert less({"g"}, gated("a", gate=must), gated("c")) == (["c"], ("c",))
    assert less({"g"}, gated("a", gate=may), gated("c")) == (["a", "c"], ("a", "c"))
    assert less(set(), gated("a", gate=may)) == (["a"], ("a", "g"))
    assert less({"c"}, gated("c", gate=must), gated("a", gate=must)) == (["a"], ("g", "a"))
    assert less({"a", "c"}, gated("a"), gated("c")) == ([], ())


@pytest.mark.parametrize(("code", "numerators"), [(1, [1]), (2, [1000]), (9, [])])
def test_a_sum_whose_summand_has_no_known_unit_is_left_out_as_a_whole(code: int, numerators: list[int]) -> None:
    """What the other parts give would be a wrong number."""
    by_cell = "unit_by: {oid: R.4.0, map: {1: watt, 2: kilowatt}}"
    point = f"  - {{metric: {WATTS}, oid: R.2.0, unit: watt, plus: [{{oid: R.3.0, {by_cell}}}]}}\n"
    slots = planned(snmp(point), cells={"R.4.0": code}).values()
    assert [part.numerator for slot in slots for _, part in slot.decoders[0].parts] == numerators
    assert len(slots) == len(numerators)


def test_what_is_beyond_the_most_series_of_a_device_is_counted_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.profile.planning.builder.MAX_SERIES", 2)
    plan = plan_device(
        snmp(tables=table(f"metric: {VOLTS}, oid: R.1.9, unit: volt")), {"phases": ("1.1", "1.2", "2.1")}, {}, None
    )
    (part,) = plan.classes.values()
    assert (len(part.slots), plan.left_out, part.cut) == (2, {"limit": 1}, (VOLTS,))


@pytest.mark.parametrize(("is_given", "left_out"), [(True, {}), (False, {"condition": 1})])
def test_a_series_that_another_point_gives_is_not_missing(
    is_given: bool,  # noqa: FBT001 - a case
    left_out: dict[str, int],
) -> None:
    """The row lacks the column by which the first point is there or not."""
    points = [f"metric: {VOLTS}, oid: R.1.9, unit: volt, when: {{column: R.1.7, in: [1]}}"]
    points += [f"metric: {VOLTS}, oid: R.1.8, unit: volt"] if is_given else []
    assert plan_device(snmp(tables=table(*points)), {"phases": ("1.1",)}, {}, None).left_out == left_out
