"""What is a reading and what is rejected, at the very edges: catalogue ranges, sentinels, signs, units and fallbacks."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.profile.normalising.cells import RawValue, plain_number
from agent.profile.normalising.normalise import normalise_answers
from agent.profile.normalising.slots import Decoder, GateCheck, Slot, slot_of
from rackflow.catalogue import Metric, catalogue

TEMPERATURE = catalogue()["dcim_env_temperature_celsius"]
FREQUENCY = catalogue()["dcim_meter_frequency_hertz"]
VOLTAGE = catalogue()["dcim_ups_input_voltage_volts"]
ENERGY = catalogue()["dcim_meter_energy_joules_total"]
SERIES = catalogue()["dcim_collector_series"]
SOURCE = catalogue()["dcim_ups_output_source"]
BATTERY = catalogue()["dcim_ups_battery_voltage_volts"]
HEAT = catalogue()["dcim_cdu_reported_heat_removed_watts"]
LEAK = catalogue()["dcim_cdu_leak_detected"]
TENTHS = Decoder("a", 1, 10)


ODD: list[RawValue] = [
    b"nan",
    "NaN",
    b"inf",
    "-Infinity",
    b"1e400",
    "9" * 5000,
    "9" * 400,
    math.nan,
    math.inf,
    -math.inf,
    10**400,
    -(10**400),
    None,
    b"",
    b"\xff\xfe",
    "1_0",
]
DECODERS = [
    Decoder("a"),
    Decoder("a", 10**6, 1, 0.5, shift=3),
    Decoder("a", bits=(3,)),
    Decoder("a", bits=(0,), states={0: "normal", 1: "battery"}),
    Decoder("a", states={1: "normal"}, words={"x": "battery"}),
    Decoder("a", numbers={1: 0.0}, absolute=True),
    Decoder("a", text="number", bits=(1,)),
    Decoder("a", text="number"),
    Decoder("a", text="quantity"),
]


@pytest.mark.parametrize("metric", [TEMPERATURE, FREQUENCY, ENERGY, SERIES, SOURCE, LEAK], ids=lambda each: each.name)
@settings(deadline=None)  # what a busy machine takes says nothing
@given(st.one_of(st.sampled_from(ODD), st.floats(), st.integers(), st.text(max_size=8), st.binary(max_size=8)))
def test_whatever_a_device_answers_is_a_reading_or_rejected_and_never_an_error(metric: Metric, raw: RawValue) -> None:
    """An error would end the agent, and with it the polling of every other device."""
    for decoder in DECODERS:
        if decoder.words and metric.type != "state":
            continue  # a profile that gives a number the words of a state is refused
        found = normalise_answers([slot_of("k", metric, (decoder,))], {"a": raw})
        assert len(found.values) + len(found.states) + len(found.bad) == 1


@pytest.mark.parametrize("raw", ODD)
def test_a_number_that_no_device_can_mean_is_rejected(raw: RawValue) -> None:
    for decoder in DECODERS[:3]:
        found = normalise_answers([slot_of("k", TEMPERATURE, (decoder,))], {"a": raw})
        huge_bits = decoder.bits and isinstance(plain_number(raw), int)
        assert (len(found.values), len(found.bad)) == ((1, 0) if huge_bits else (0, 1))


def reading(slot: Slot, raw: RawValue) -> float | str:
    """The value, or the reason why there is none."""
    found = normalise_answers([slot], {"a": raw})
    assert len(found.values) + len(found.bad) == 1
    return found.values.get("k", found.bad.get("k", ""))


@pytest.mark.parametrize(
    ("tenths", "expected"),
    [(-401, "range"), (-400, -40.0), (-399, -39.9), (899, 89.9), (900, 90.0), (901, "range")],
)
@pytest.mark.parametrize("wire", [int, float, lambda number: str(number).encode()], ids=["int", "float", "text"])
def test_a_figure_counts_up_to_each_end_of_its_range_and_not_beyond(
    tenths: int, expected: float | str, wire: type[int]
) -> None:
    assert TEMPERATURE.ranges == ((-40.0, 90.0),)
    assert reading(slot_of("k", TEMPERATURE, (TENTHS,)), wire(tenths)) == expected


@pytest.mark.parametrize(
    ("tenths", "expected"),
    [(0, 0.0), (9, 0.9), (10, "range"), (230, "range"), (799, "range"), (800, 80.0), (5000, 500.0), (5001, "range")],
)
def test_a_scaled_voltage_is_that_of_the_mains_or_none(tenths: int, expected: float | str) -> None:
    """A device that says 230 where its MIB says tenths is refused, and not read as 23 V."""
    assert VOLTAGE.expect == ((0.0, 0.9), (80.0, 500.0))
    assert reading(slot_of("k", VOLTAGE, (Decoder("a", 1, 10, expect=VOLTAGE.expect),)), tenths) == expected


def test_the_sign_of_a_plant_of_minus_48_volts_is_its_polarity() -> None:
    volts = slot_of("k", BATTERY, (Decoder("a", 1, 10),))
    assert [reading(volts, raw) for raw in (552, -552, -1, -5)] == [55.2, 55.2, "range", "range"]
    # The sign of a current is its direction.
    amperes = slot_of("k", catalogue()["dcim_ups_battery_current_amperes"], (Decoder("a", 1, 10),))
    assert [reading(amperes, raw) for raw in (31, -31)] == [3.1, -3.1]


def test_high_and_low_words_that_stand_apart_are_one_number() -> None:
    slot = slot_of("k", HEAT, (Decoder("low", 1, 10, high="high"),))
    for answers, expected in (
        ({"low": 0x86A0, "high": 1}, {"k": 10_000.0}),
        ({"low": 65_535, "high": 0}, {"k": 6553.5}),
        ({"low": 5, "high": None}, {}),
        ({"low": 5}, {}),
        ({"low": 5, "high": 65_535}, {}),
    ):
        assert normalise_answers([slot], answers).values == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (0, 0.0),
        (-1, "range"),
        (2**64 - 1, float(2**64 - 1)),
        (2**64, float(2**64)),
        (10**400, "range"),
        (-(10**400), "range"),
    ],
)
def test_an_open_range_ends_where_numbers_do(raw: int, expected: float | str) -> None:
    transfers = catalogue()["dcim_ats_transfers_total"]
    assert reading(slot_of("k", transfers, (Decoder("a"),)), raw) == expected


def test_a_metric_without_a_range_takes_any_finite_number() -> None:
    slot = slot_of("k", SERIES, (Decoder("a"),))
    assert [reading(slot, raw) for raw in (-5, 0, 12)] == [-5.0, 0.0, 12.0]
    assert [reading(slot, raw) for raw in (1e301, -1e301)] == ["range", "range"]
    assert [reading(slot, raw) for raw in (math.inf, math.nan)] == ["decode", "decode"]


def test_what_is_expected_narrows_the_range_up_to_each_end() -> None:
    slot = slot_of("k", TEMPERATURE, (Decoder("a", 1, 10, expect=((10.0, 35.0),)),))
    assert [reading(slot, raw) for raw in (99, 100, 350, 351)] == ["range", 10.0, 35.0, "range"]


def test_a_sentinel_is_compared_before_scaling_as_number_text_or_float() -> None:
    slot = slot_of("k", TEMPERATURE, (Decoder("a", 1, 10, sentinels=frozenset({-1, 255})),))
    assert [reading(slot, raw) for raw in (-1, 255, 255.0, b"255", " -1 ")] == ["sentinel"] * 5
    # 25.5 degC is a reading where it is what the number means, not what it is.
    assert [reading(slot, raw) for raw in (-2, 254, 256, 0)] == [-0.2, 25.4, 25.6, 0.0]


@pytest.mark.parametrize(
    ("decoder", "raw", "expected"),
    [
        (Decoder("a", 3, 4), 10, 7.5),
        (Decoder("a", 5, 9, offset=-160 / 9), 77, 25.0),
        (Decoder("a", 5, 9, offset=-160 / 9), -40, -40.0),
        (Decoder("a", shift=-400), 412, 12.0),
        (Decoder("a", shift=-400, denominator=10), 0, -40.0),
        (Decoder("a", 1, 10, offset=1.5, shift=5), 95, 11.5),
        (Decoder("a", absolute=True), -12, 12.0),
        (Decoder("a", absolute=True), 12, 12.0),
        (Decoder("a", 1, 10), -125, -12.5),
    ],
)
def test_shift_fraction_offset_and_sign_in_their_order(decoder: Decoder, raw: int, expected: float) -> None:
    assert reading(slot_of("k", TEMPERATURE, (decoder,)), raw) == pytest.approx(expected)
    if not decoder.absolute:
        assert reading(slot_of("k", TEMPERATURE, (decoder,)), f"{raw}") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"25 C", 25.0),
        (b"77 F", 25.0),
        (b"-40F", -40.0),
        (b"90.1 C", "range"),
        (b"\x0025.5\xc2\xb0C\x00", 25.5),
        (b"77 \xb0F", 25.0),  # Latin-1
        (b"77 \xc3\x82\xc2\xb0F", 25.0),  # UTF-8, encoded twice
        (b"77 Fahrenheit", 25.0),
        (b"25 degrees C", 25.0),
        (b"25 C (77 F)", 25.0),
        (b"25", "decode"),
        (b"25 V", "decode"),
        (b"cold", "decode"),
        (25, 25.0),
        (255, "range"),
    ],
)
def test_a_quantity_brings_its_own_unit_with_it(text: RawValue, expected: float | str) -> None:
    slot = slot_of("k", TEMPERATURE, (Decoder("a", text="quantity"),))
    found = reading(slot, text)
    assert (round(found, 9) if isinstance(found, float) else found) == expected


def test_a_number_leads_its_text_only_where_the_profile_says_so() -> None:
    led, whole = Decoder("a", 1, 10, text="number"), Decoder("a", 1, 10)
    assert reading(slot_of("k", TEMPERATURE, (led,)), b"21,5 deg. C") == 21.5
    assert reading(slot_of("k", TEMPERATURE, (whole,)), b"215 tenths") == "decode"
    assert reading(slot_of("k", TEMPERATURE, (led,)), b"tenths") == "decode"
    assert reading(slot_of("k", TEMPERATURE, (led,)), b"215 tenths") == "decode"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"25", 25.0),
        (b" +25 ", 25.0),
        (b"25\0\0", 25.0),
        (b"25\r\n\0", 25.0),
        (b"\x0b0", "decode"),  # 2864 in two octets
        (b"0\x1f", "decode"),
        (b"2\n5", "decode"),
    ],
)
def test_octets_of_a_number_are_no_digits(text: bytes, expected: float | str) -> None:
    for decoder in (Decoder("a"), Decoder("a", text="number")):
        assert reading(slot_of("k", TEMPERATURE, (decoder,)), text) == expected
    assert reading(slot_of("k", TEMPERATURE, (Decoder("a"),)), b"\t0") == "decode"


@pytest.mark.parametrize(
    ("volts", "expected"), [(-54.0, 54.0), (-75.0, 75.0), (-76.0, "range"), (-128.0, "range"), (230.0, 230.0)]
)
def test_a_battery_voltage_far_below_zero_is_no_polarity(volts: float, expected: float | str) -> None:
    slot = slot_of("k", catalogue()["dcim_ups_battery_voltage_volts"], (Decoder("a"),))
    assert reading(slot, volts) == expected


@pytest.mark.parametrize("raw", [1e20, -1e20, b"3.4e38", 3.402823e38])
def test_a_count_is_no_larger_than_any_integer(raw: RawValue) -> None:
    assert reading(slot_of("k", catalogue()["dcim_ups_input_faults_total"], (Decoder("a"),)), raw) == "range"


def test_each_bit_is_its_own_flag_and_an_inverted_contact_the_opposite() -> None:
    bits = {number: reading(slot_of("k", LEAK, (Decoder("a", bits=(number,)),)), 0b0110) for number in range(5)}
    assert bits == {0: 0.0, 1: 1.0, 2: 1.0, 3: 0.0, 4: 0.0}
    inverted = [reading(slot_of("k", LEAK, (Decoder("a", bits=(0,), inverted=True),)), raw) for raw in (0, 1, 2, 3)]
    assert inverted == [1.0, 0.0, 1.0, 0.0]
    assert reading(slot_of("k", LEAK, (Decoder("a", bits=(0,), sentinels=frozenset({3})),)), 3) == "sentinel"


def test_codes_become_numbers_and_an_unknown_code_is_rejected() -> None:
    slot = slot_of("k", LEAK, (Decoder("a", numbers={1: 0.0, 2: 1.0}),))
    assert [reading(slot, raw) for raw in (1, 2, b"2", 0, 3, 1.5)] == [0.0, 1.0, 1.0, "state", "state", "state"]


@pytest.mark.parametrize(
    ("raw", "states", "bad"),
    [
        (3, "normal", None),
        (b"3", "normal", None),
        (5, "battery", None),
        (4, None, "state"),
        (-1, None, "sentinel"),
        (None, None, "null"),
        (b"On line", "normal", None),
        (b" ON LINE\x00", "normal", None),
        (b"whatever", "other", None),
        (b"none", "other", None),
    ],
)
def test_a_state_comes_from_its_code_or_its_text(raw: RawValue, states: str | None, bad: str | None) -> None:
    decoder = Decoder("a", states={3: "normal", 5: "battery"}, sentinels=frozenset({-1}))
    if isinstance(raw, bytes) and raw != b"3":
        decoder = Decoder("a", states={3: "normal"}, words={"on line": "normal", "*": "other"})
    readings = normalise_answers([slot_of("k", SOURCE, (decoder,))], {"a": raw})
    assert (readings.states.get("k"), readings.bad.get("k"), readings.values) == (states, bad, {})


def test_any_text_is_a_word_but_no_value_is_none() -> None:
    slot = slot_of("k", SOURCE, (Decoder("a", words={"*": "other"}),))
    assert normalise_answers([slot], {"a": b""}).states == {"k": "other"}
    assert normalise_answers([slot], {"a": None}).bad == {"k": "null"}


def test_a_state_in_one_bit_of_a_register() -> None:
    slot = slot_of("k", SOURCE, (Decoder("a", states={0: "normal", 1: "battery"}, bits=(2,)),))
    found = {raw: normalise_answers([slot], {"a": raw}).states["k"] for raw in (0, 0b011, 0b100, 0b111)}
    assert found == {0: "normal", 0b011: "normal", 0b100: "battery", 0b111: "battery"}


def test_a_fallback_steps_in_for_every_kind_of_rejection_and_the_first_reason_is_reported() -> None:
    decoders = (Decoder("a", 1, 10, sentinels=frozenset({-1})), Decoder("b"), Decoder("c"))
    slot = slot_of("k", TEMPERATURE, decoders)
    for first in (-1, 9999, None, b"n/a"):
        assert normalise_answers([slot], {"a": first, "b": 21}).values == {"k": 21.0}
    readings = normalise_answers([slot], {"a": -1, "b": 500, "c": b"n/a"})
    assert (readings.values, readings.bad) == ({}, {"k": "sentinel"})
    readings = normalise_answers([slot], {"b": 500, "c": b"n/a"})
    assert (readings.values, readings.bad) == ({}, {"k": "range"})
    assert normalise_answers([slot], {"a": 215, "b": 30}).values == {"k": 21.5}


def test_a_gate_holds_for_each_of_its_codes() -> None:
    gate = GateCheck("g", frozenset({1, 3}), frozenset({0, 9}))
    slot = slot_of("k", TEMPERATURE, (TENTHS,), gate)
    found = {code: normalise_answers([slot], {"a": 215, "g": code}) for code in (0, 1, 2, 3, 9)}
    assert {code: (each.values, each.bad) for code, each in found.items()} == {
        0: ({}, {}),
        1: ({"k": 21.5}, {}),
        2: ({}, {"k": "gated"}),
        3: ({"k": 21.5}, {}),
        9: ({}, {}),
    }
    unanswered = normalise_answers([slot], {"a": 215})
    assert (unanswered.values, unanswered.bad) == ({}, {})


def test_one_series_that_is_rejected_takes_no_other_with_it() -> None:
    slots = [slot_of(name, TEMPERATURE, (Decoder(name, 1, 10),)) for name in ("one", "two", "three", "four")]
    readings = normalise_answers(slots, {"one": 215, "two": 9999, "four": 220})
    assert (readings.values, readings.bad) == ({"one": 21.5, "four": 22.0}, {"two": "range"})
