"""A word of flags that stands for "no reading" raises no alarm and clears none, in any family."""

from collections.abc import Callable, Sequence
from functools import cache

import pytest

from agent.profile import RawValue, normalise_answers, plan_device
from agent.profile.normalising.slots import Slot
from agent.profile.planning.sentinels import sentinel_words
from agent.profile.schema import BIT_TABLES, Part
from tests.agent.profile.register_devices import read
from tests.agent.shipped import shipped_profiles
from tests.agent.varied_devices import usual_plan

LEAKS = "  - {metric: dcim_cdu_leak_detected, register: 5, bits: {0: {detector: a}, 15: {detector: b}}}\n"
LEAK_A, LEAK_B = (f"dcim_cdu_leak_detected{{detector={name}}}" for name in "ab")
PUMP = """  - metric: dcim_cdu_pump_state
    labels: {pump: "1"}
    cases: [{register: 5, bit: 2, is: failed}, {register: 5, bit: 0, is: running}, {is: stopped}]
"""


@cache
def flags_of_families() -> Sequence[tuple[str, str, Slot]]:
    """Each series that bits give, with its family and protocol."""
    found = []
    for name, profile in shipped_profiles().items():
        plan = plan_device(profile, {}, {}, None) if profile.protocol == "modbus" else usual_plan(name)
        for slot in (slot for part in plan.classes.values() for slot in part.slots):
            first = slot.decoders[0]
            bits = first.bits or any(case.bits for case in first.cases)
            # Flags in text are no word: see `test_flags_in_text_count_from_its_first_character`.
            if bits and first.text != "flags" and not first.ref.startswith(BIT_TABLES):
                found.append((name, profile.protocol, slot))
    return found


def words(protocol: str, slot: Slot, make: Callable[[int], int]) -> dict[str, RawValue]:
    """A word made from the number of its bits, in each place that the series is read from; a gate that is a code lets it pass."""
    refs = {ref for decoder in slot.decoders for ref in decoder.refs}
    codes: dict[str, RawValue] = {}
    if slot.gate and (slot.gate.bits or slot.gate.ref in refs):
        refs.add(slot.gate.ref)
    elif slot.gate:
        codes[slot.gate.ref] = min(slot.gate.allowed, key=str)
    return codes | {ref: make(32 if protocol == "snmp" or "int32" in ref else 16) for ref in refs}


def test_families_have_words_of_flags() -> None:
    assert len(flags_of_families()) > 200
    assert len({name for name, _, _ in flags_of_families()}) > 12


@pytest.mark.parametrize("highest", [0, 1])
def test_a_word_without_a_reading_is_rejected_for_each_flag_of_any_family(highest: int) -> None:
    """All bits are set, or all but the highest; a gate of bits may reject the word first."""
    taken = [
        (name, slot.key, found)
        for name, protocol, slot in flags_of_families()
        if (found := normalise_answers([slot], words(protocol, slot, lambda bits: 2 ** (bits - highest) - 1))).bad
        not in ({slot.key: "sentinel"}, {slot.key: "gated"} if slot.gate and slot.gate.bits else {})
    ]
    assert taken == []


def test_the_highest_bit_alone_is_no_reading_unless_the_family_knows_that_bit() -> None:
    """A map whose alarms end at bit 13 says nothing by 0x8000, the smallest number of 16 bits."""
    taken: dict[str, set[str]] = {}
    for name, protocol, slot in flags_of_families():
        found = normalise_answers([slot], words(protocol, slot, lambda bits: 1 << (bits - 1)))
        if found.values or found.states:
            taken.setdefault(name, set()).add(slot.decoders[0].ref.split(":")[1])
    assert taken.pop("aalc-rpu") == {"37376"}
    assert taken.pop("socomec-jbus") == {"4128", "4161", "4162"}
    assert "orv3-pmm" not in taken
    assert "apc-smart-ups-modbus" not in taken


# All bits of 32, all but the highest, the highest alone, and either half.
WORDS_OF_32_BITS = {0xFFFF_FFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF, 0xFFFF_0000}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({"register": 5}, {0xFFFF, 0x7FFF, 0x8000}),
        ({"register": 5, "type": "int16"}, {0xFFFF, 0x7FFF, 0x8000, -1, -0x8000}),
        ({"register": 5, "type": "uint32"}, WORDS_OF_32_BITS),
        ({"register": 5, "type": "int32"}, {*WORDS_OF_32_BITS, -1, -(2**31), -0x10000}),
        # SNMP does not say whether a word has a sign.
        ({"oid": "1.3.6.1"}, {*WORDS_OF_32_BITS, -1, -(2**31), -0x10000}),
        ({"register": 5, "table": "coil"}, set()),
    ],
    ids=["uint16", "int16", "uint32", "int32", "snmp", "coil"],
)
def test_words_without_a_reading_by_the_width_and_sign_of_their_place(
    place: dict[str, object], expected: set[int]
) -> None:
    part = Part.model_validate(place)
    assert sentinel_words(part, (0,), {}) == expected
    highest = 2 ** (max(expected, default=1).bit_length() - 1)
    flags = (0, highest.bit_length() - 1)
    assert sentinel_words(part, flags, {}) == expected - {highest, -highest}, "the highest bit is a flag"


async def test_all_leaks_at_once_are_no_reading() -> None:
    assert (await read(LEAKS, holding={5: 0xFFFF})).bad == {LEAK_A: "sentinel", LEAK_B: "sentinel"}
    assert (await read(LEAKS, holding={5: 0x8000})).values == {LEAK_A: 0, LEAK_B: 1}
    assert (await read(LEAKS, holding={5: 0x8001})).values == {LEAK_A: 1, LEAK_B: 1}


async def test_a_bit_that_another_point_of_the_profile_knows_is_a_flag_for_all() -> None:
    points = (
        "  - {metric: dcim_cdu_leak_detected, labels: {detector: a}, register: 5, bit: 0}\n"
        "  - {metric: dcim_cdu_leak_detected, labels: {detector: b}, register: 5, bit: 15}\n"
    )
    assert (await read(points, holding={5: 0x8000})).values == {LEAK_A: 0, LEAK_B: 1}


async def test_a_profile_can_say_that_all_flags_may_be_set() -> None:
    points = LEAKS.replace("register: 5", "register: 5, absent: []")
    assert (await read(points, holding={5: 0xFFFF})).values == {LEAK_A: 1, LEAK_B: 1}


@pytest.mark.parametrize("word", [0xFFFF, 0x7FFF, 0x8000])
async def test_cases_and_gates_conclude_nothing_from_such_a_word(word: int) -> None:
    found = await read(PUMP, holding={5: word})
    assert (found.states, list(found.bad.values())) == ({}, ["sentinel"])
    gated = (
        "  - {metric: dcim_cdu_return_temperature_celsius, labels: {loop: primary}, register: 7, unit: celsius,"
        " gate: {register: 5, bit: 1, in: [0, 1]}}\n"
    )
    found = await read(gated, holding={5: word, 7: 21})
    assert (found.values, list(found.bad.values())) == ({}, ["gated"])


@pytest.mark.parametrize(
    ("held", "result"),
    [
        ((0xFFFF, 0xFFFF), {}),
        ((0, 0xFFFF), {}),
        ((0xFFFF, 0), {}),
        ((0x8000, 0), {}),
        ((0, 0x8000), {LEAK_A: 0}),
        ((0x8000, 1), {LEAK_A: 1}),
    ],
)
async def test_of_a_long_word_one_half_may_be_missing(held: tuple[int, int], result: dict[str, float]) -> None:
    points = "  - {metric: dcim_cdu_leak_detected, labels: {detector: a}, register: 5, type: uint32, bit: 0}\n"
    assert (await read(points, holding={5: held[0], 6: held[1]})).values == result
