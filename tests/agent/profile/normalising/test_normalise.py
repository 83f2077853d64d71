"""Normalising: scales, sentinels, states, gates, fallbacks; and that nothing implausible or infinite gets through."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.profile.normalising.cells import RawValue
from agent.profile.normalising.normalise import SLOTS_PER_SLICE, normalise_answers, normalise_steps
from agent.profile.normalising.slots import Decoder, GateCheck, Slot, slot_of
from rackflow.catalogue import catalogue
from rackflow.process.slices import run_through

CHARGE = catalogue()["dcim_ups_battery_charge_ratio"]
SOURCE = catalogue()["dcim_ups_output_source"]
LEAK = catalogue()["dcim_cdu_leak_detected"]
NAMED = {1: "normal", 2: "battery", 3: "bypass"}

raw_values = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.binary(max_size=12),
    st.text(max_size=12),
    st.just(10**400),
    st.just(b"1e400"),
)


def charge(*decoders: Decoder, gate: GateCheck | None = None) -> Slot:
    return slot_of("k", CHARGE, decoders or (Decoder("a", 1, 1000),), gate)


@given(
    raw_values,
    st.integers(-5, 5),
    st.integers(1, 10**6),
    st.sampled_from([CHARGE, LEAK, catalogue()["dcim_meter_energy_joules_total"]]),
)
def test_a_reading_is_finite_and_plausible_or_rejected(
    raw: RawValue, numerator: int, denominator: int, metric: object
) -> None:
    slot = slot_of("k", metric, (Decoder("a", numerator, denominator, 0.5),))  # type: ignore[arg-type]
    readings = normalise_answers([slot], {"a": raw})
    assert len(readings.values) + len(readings.bad) == 1
    for value in readings.values.values():
        assert math.isfinite(value)
        assert slot.metric.plausible(value)


def test_scales_do_not_add_rounding_dirt() -> None:
    assert normalise_answers([charge()], {"a": 202}).values == {"k": 0.202}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "null"),
        (-1, "sentinel"),
        (65535, "sentinel"),
        (1001, "range"),
        (b"n/a", "decode"),
        (b"", "decode"),
        (float("nan"), "decode"),
    ],
)
def test_what_is_no_reading_is_rejected_with_the_reason(raw: RawValue, reason: str) -> None:
    slot = charge(Decoder("a", 1, 1000, sentinels=frozenset({-1, 65535})))
    readings = normalise_answers([slot], {"a": raw})
    assert (readings.values, readings.bad) == ({}, {"k": reason})


@pytest.mark.parametrize("raw", [23.0, b"23.0", "23.1"])
def test_where_tenths_are_counted_a_decimal_point_is_another_unit(raw: RawValue) -> None:
    """The same device with other firmware: 23.0 V read as tenths would be a dead battery's 2.3 V."""
    metric = catalogue()["dcim_ups_battery_voltage_volts"]
    counting = slot_of("k", metric, (Decoder("a", 1, 10, counts_parts=True),))
    assert normalise_answers([counting], {"a": raw}).bad == {"k": "decode"}
    for whole in (230, b"230"):
        assert normalise_answers([counting], {"a": whole}).values == {"k": 23.0}


def test_a_number_before_the_unit_of_something_else_is_no_reading() -> None:
    """A humidity of 21 % in the cell of a temperature."""
    slot = slot_of("k", catalogue()["dcim_env_temperature_celsius"], (Decoder("a", text="number"),))
    assert normalise_answers([slot], {"a": "21 %"}).bad == {"k": "decode"}
    for right in ("21 C", "21"):
        assert normalise_answers([slot], {"a": right}).values == {"k": 21.0}


def test_what_was_not_answered_is_simply_absent() -> None:
    readings = normalise_answers([charge()], {})
    assert (readings.values, readings.bad) == ({}, {})


@pytest.mark.parametrize("raw", [b"85.5", b" 85.5 ", "85.5", 85.5])
def test_decimal_text_counts_as_a_number(raw: RawValue) -> None:
    assert normalise_answers([charge(Decoder("a", 1, 100))], {"a": raw}).values == {"k": 0.855}


@pytest.mark.parametrize(
    ("raw", "value", "bad"),
    [
        ({"precise": 987, "whole": 98}, 0.987, {}),
        ({"whole": 98}, 0.98, {}),
        ({"precise": -1, "whole": 98}, 0.98, {}),
        ({"precise": -1, "whole": None}, None, {"k": "sentinel"}),
    ],
)
def test_the_first_source_that_is_good_wins(raw: dict[str, RawValue], value: float | None, bad: dict[str, str]) -> None:
    slot = charge(Decoder("precise", 1, 1000, sentinels=frozenset({-1})), Decoder("whole", 1, 100))
    readings = normalise_answers([slot], raw)
    assert readings.values == ({} if value is None else {"k": value})
    assert readings.bad == bad


@pytest.mark.parametrize(
    ("status", "values", "bad"), [(2, {"k": 0.5}, {}), (1, {}, {}), (3, {}, {"k": "gated"}), (None, {}, {"k": "gated"})]
)
def test_a_gate_lets_pass_hides_or_rejects(status: int | None, values: dict[str, float], bad: dict[str, str]) -> None:
    slot = charge(gate=GateCheck("status", frozenset({2}), frozenset({1})))
    readings = normalise_answers([slot], {"a": 500, "status": status})
    assert (readings.values, readings.bad) == (values, bad)


@pytest.mark.parametrize("status", [b"2", "2", b" 2 \0", 2.0])
def test_a_gate_takes_its_code_in_another_type_than_the_profile_expects(status: RawValue) -> None:
    slot = charge(gate=GateCheck("status", frozenset({2, "on"}), frozenset({1})))
    assert normalise_answers([slot], {"a": 500, "status": status}).values == {"k": 0.5}


def test_states_come_from_codes_and_unknown_codes_are_rejected() -> None:
    slot = slot_of("s", SOURCE, (Decoder("a", states={3: "normal", 5: "battery"}),))
    assert normalise_answers([slot], {"a": 5}).states == {"s": "battery"}
    assert normalise_answers([slot], {"a": 9}).bad == {"s": "state"}


@given(raw_values | st.integers(0, 5) | st.booleans(), st.sampled_from([(), (2,), (7,)]), st.integers(0, 1))
def test_a_state_is_the_same_on_the_short_path(raw: RawValue, sentinels: tuple[int, ...], ranges: int) -> None:
    decoder = Decoder("a", states=NAMED, sentinels=frozenset(sentinels), sentinel_ranges=((3.0, 4.0),) * ranges)
    slot = slot_of("k", SOURCE, (decoder, Decoder("b", states={9: "normal"})))
    answers = {"a": raw, "b": 9}
    assert normalise_answers([slot], answers) == normalise_answers([replace(slot, states=None)], answers)


@pytest.mark.parametrize(
    "decoder",
    [
        Decoder("a", states=NAMED, words={"1": "bypass"}),
        Decoder("a", states=NAMED, bits=(1,)),
        Decoder("a", states=NAMED, sentinels=frozenset({1})),
        Decoder("a", states=NAMED, sentinel_ranges=((0, 1),)),
        Decoder("a", states=NAMED, text="flags"),
    ],
)
def test_a_state_that_may_mean_something_else_takes_no_short_path(decoder: Decoder) -> None:
    assert slot_of("k", SOURCE, (Decoder("a", states=NAMED),)).states == NAMED
    assert slot_of("k", SOURCE, (decoder,)).states is None
    assert normalise_answers([slot_of("k", SOURCE, (decoder,))], {"a": 1}).states != {"k": "normal"}


def test_a_range_of_sentinels_has_both_of_its_ends() -> None:
    slot = slot_of("k", catalogue()["dcim_pdu_input_power_watts"], (Decoder("a", sentinel_ranges=((100, 200),)),))
    for number in (99, 201):
        assert normalise_answers([slot], {"a": number}).values == {"k": number}
    for number in (100, 150, 200):
        assert normalise_answers([slot], {"a": number}).bad == {"k": "sentinel"}


def test_a_bit_is_0_or_1_and_the_opposite_where_it_is_inverted() -> None:
    slots = [
        slot_of("b0", LEAK, (Decoder("a", bits=(0,)),)),
        slot_of("b4", LEAK, (Decoder("a", bits=(4,), inverted=True),)),
    ]
    assert normalise_answers(slots, {"a": 0b10001}).values == {"b0": 1.0, "b4": 0.0}


def test_an_offset_counts_before_the_scale_or_after_it() -> None:
    temperature = catalogue()["dcim_env_temperature_celsius"]
    kelvin = slot_of("k", temperature, (Decoder("a", 1, 10, offset=-273.15),))
    assert normalise_answers([kelvin], {"a": 2982}).values["k"] == pytest.approx(25.05)
    shifted = slot_of("k", temperature, (Decoder("a", shift=-3000, denominator=10),))
    assert normalise_answers([shifted], {"a": 3251}).values["k"] == pytest.approx(25.1)


def test_a_sum_lacks_when_one_of_its_numbers_was_not_answered() -> None:
    total = charge(Decoder("a", 1, 1000, parts=((1, Decoder("b", 1, 1000)),)))
    assert normalise_answers([total], {"a": 300, "b": 200}).values == {"k": 0.5}
    for answered in ({"a": 300}, {"b": 200}):
        readings = normalise_answers([total], answered)
        assert (readings.values, readings.bad) == ({}, {})


def test_a_device_with_more_slots_than_a_slice_loses_neither_values_nor_states_nor_reasons() -> None:
    slots = [slot_of(f"k{at}", CHARGE, (Decoder(f"a{at}", 1, 1000),)) for at in range(SLOTS_PER_SLICE + 2)]
    raw: dict[str, RawValue] = {f"a{at}": 500 for at in range(SLOTS_PER_SLICE)}
    raw |= {f"a{SLOTS_PER_SLICE}": 5000, f"a{SLOTS_PER_SLICE + 1}": 3}
    slots[-1] = slot_of("s", SOURCE, (Decoder(f"a{SLOTS_PER_SLICE + 1}", states={3: "normal"}),))
    readings = run_through(normalise_steps(slots, raw))
    assert len(readings.values) == SLOTS_PER_SLICE
    assert (readings.states, readings.bad) == ({"s": "normal"}, {f"k{SLOTS_PER_SLICE}": "range"})
