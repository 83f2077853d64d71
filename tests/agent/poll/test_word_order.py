"""Modbus units of every family with a published map that differ from it: other orders of words, refused registers, short answers."""

from collections.abc import Callable, Sequence

import pytest

from agent.config import Device
from agent.poll import ModbusPoller
from agent.profile import parse_profile
from agent.readings import Readings
from rackflow.catalogue import catalogue
from tests.agent.memory_peers import MemoryModbus
from tests.agent.varied_units import (
    MAPS,
    OTHER_ORDERS,
    SHIPPED,
    VariedUnit,
    long_numbers,
    numbers_of,
    poller_of,
    read,
    reordered,
    told,
    words_swapped,
)

METER = """
version: 1
profile: meter
class: meter
protocol: modbus
title: A meter
source: a manual
evidence: unverified
identity: {serial: [{register: 9, type: uint16}]}
points:
"""
WITH_LONG_NUMBERS = [name for name in MAPS if long_numbers(name)]


def silent(usual: Readings, found: Readings) -> set[str]:
    """What is lost without a reason or a count; what the agent derives is lost with what it follows from."""
    lost = told(usual).keys() - told(found).keys() - found.bad.keys()
    return {key for key in lost if not catalogue()[key.partition("{")[0]].derived and "dew_point" not in key}


def left_out(readings: Readings) -> float:
    """Series that are counted as left out."""
    return sum(count for key, count in readings.about.items() if "left_out" in key)


@pytest.mark.parametrize("order", OTHER_ORDERS)
async def test_words_in_another_order_than_the_profile_says_are_no_reading(
    order: Callable[[Sequence[int]], Sequence[int]],
) -> None:
    """231.25 V are 2.004 V with their words swapped, and 9,000,001 s 1,413,546,121 s: both could be."""
    rejected = 0
    for name in WITH_LONG_NUMBERS:
        usual, found = await read(name), await read(name, reordered(name, order))
        wrong = {key: value for key, value in told(found).items() if value != told(usual).get(key)}
        assert wrong == {}, name
        assert silent(usual, found) == set(), name
        rejected += len(found.bad.keys() & told(usual))
    assert len(WITH_LONG_NUMBERS) == 48
    assert rejected > 250


async def test_numbers_of_one_register_are_read_as_before() -> None:
    usual = await read("carlo-gavazzi-em300")
    found = await read("carlo-gavazzi-em300", reordered("carlo-gavazzi-em300", words_swapped))
    assert found.values.items() <= usual.values.items()
    assert {key.partition("{")[0] for key in found.values} == {
        "dcim_meter_frequency_hertz",
        "dcim_meter_phase_power_factor_ratio",
        "dcim_meter_power_factor_ratio",
    }


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("siemens-pac4200", "float64", [0x7FF8, 0, 0, 1]),
        ("eastron-sdm630", "float32", [0x7FC0, 1]),
    ],
)
async def test_numbers_that_stand_for_no_reading_show_no_order(name: str, kind: str, words: list[int]) -> None:
    """With their words in another order they could be numbers."""
    marks = {
        (each.table, each.address + at): word
        for each in long_numbers(name)
        if each.kind == kind
        for at, word in enumerate(words)
    }
    usual, found = await read(name), await read(name, VariedUnit(MAPS[name], marks))
    assert found.values.items() <= usual.values.items()
    assert set(found.bad.values()) == {"null"}


async def test_a_word_order_changed_during_polling_gives_no_wrong_reading_and_can_change_back() -> None:
    served = MAPS["eastron-sdm630"]
    unit = VariedUnit(served)
    poller = poller_of("eastron-sdm630", unit)
    await poller.open()
    usual = await poller.poll("normal", 1e9)
    other = reordered("eastron-sdm630", words_swapped).words
    # The first answer in the order of the profile again is only looked at.
    for words, is_read in (({}, True), (other, False), (other, False), ({}, False), ({}, True)):
        unit.words = words
        found = await poller.poll("normal", 1e9)
        assert found.values == (usual.values if is_read else {})
        assert set(found.bad.values()) == (set() if is_read else {"decode"})


@pytest.mark.parametrize("order", OTHER_ORDERS)
async def test_the_only_long_number_of_a_unit_shows_its_order_if_it_is_a_float(
    order: Callable[[Sequence[int]], Sequence[int]],
) -> None:
    """0.7 degC are 4e-8 degC with their words swapped."""
    name = "danfoss-valve"
    assert len(long_numbers(name)) == 1
    place = long_numbers(name)[0]
    words = dict(
        zip([(place.table, place.address), (place.table, place.address + 1)], order([0x3F33, 0x3333]), strict=True)
    )
    found = await read(name, VariedUnit(MAPS[name], words))
    assert (found.values, set(found.bad.values())) == ({}, {"decode"})


@pytest.mark.parametrize("number", [3 * 65_536, 2**24 + 2])
async def test_one_number_that_could_be_swapped_is_read_where_no_other_speaks_for_that(number: int) -> None:
    """A counter passes every multiple of 65,536 on its way, and an idle meter has nothing else."""
    looked_at = 0
    for name in WITH_LONG_NUMBERS:
        numbers = [each for each in long_numbers(name) if each.kind == "uint32" and each.order == "big"]
        for each in numbers[::3]:
            unit = reordered(name, lambda words: [0] * len(words))
            high, low = divmod(number, 65_536)
            words = {(each.table, each.address): high, (each.table, each.address + 1): low}
            found = await read(name, VariedUnit(unit.served, {**unit.words, **words}))
            wrong = [
                key for key, why in found.bad.items() if why == "decode" and key.partition("{")[0].endswith("_total")
            ]
            assert wrong == [], (name, each)
            looked_at += any(value > 0 and "_total" in key for key, value in found.values.items())
    assert looked_at > 2  # families whose counters are uint32


async def test_the_order_is_reported_in_the_log_once(caplog: pytest.LogCaptureFixture) -> None:
    poller = poller_of("eastron-sdm630", reordered("eastron-sdm630", words_swapped))
    await poller.open()
    for _ in range(3):
        await poller.poll("fast", 1e9)
    (message,) = [record.getMessage() for record in caplog.records if "word order" in record.getMessage()]
    assert "device=d" in message
    assert "'little-swapped', its profile says 'big'" in message


@pytest.mark.parametrize("first", range(3))
async def test_registers_refused_amid_a_block_cost_their_own_readings_and_are_counted(first: int) -> None:
    lost = 0
    # All registers of danfoss-valve and schneider-breaker, which are few, are refused. Alarms of dse-gencomm are told if their own register
    # says that they are supervised: without it they do not apply, and are not counted.
    for name in MAPS.keys() - {"danfoss-valve", "schneider-breaker", "dse-gencomm"}:
        numbers = numbers_of(SHIPPED[name].loaded())
        places = sorted({(each.table, each.address + at) for each in numbers for at in range(each.words)})
        usual, found = await read(name), await read(name, VariedUnit(MAPS[name], refused=set(places[first::9])))
        wrong = {key for key, value in told(found).items() if value != told(usual).get(key) and "dew_point" not in key}
        assert wrong == set(), name
        missing = silent(usual, found)
        assert len(missing) <= left_out(found) - left_out(usual), name
        lost += len(missing)
    assert lost > 50


@pytest.mark.parametrize("longest", [60, 10, 4])
async def test_a_unit_that_answers_shorter_blocks_loses_nothing(longest: int) -> None:
    for name in MAPS:
        assert told(await read(name, VariedUnit(MAPS[name], longest=longest))) == told(await read(name)), name


@pytest.mark.parametrize(("serial", "reason"), [(4711, "decode"), (4712, None)])
async def test_another_unit_is_not_in_doubt_for_the_one_before(serial: int, reason: str | None) -> None:
    """It has no load yet, so that its own numbers, all of them 0, show no order."""
    points = "".join(
        f"  - {{metric: dcim_meter_power_watts, labels: {{role: {role}}}, register: {at}, type: float32, unit: watt}}\n"
        for role, at in (("it", 0), ("cooling", 2))
    )
    unit = MemoryModbus({0: 0, 1: 0x44BB, 2: 0, 3: 0x44CC, 9: 4711})
    poller = ModbusPoller(
        Device(id="d", host="h", protocol="modbus", profile="meter", unit=12),
        parse_profile(METER + points, "meter.yaml"),
        unit,
    )
    await poller.open()
    assert set((await poller.poll("fast", 1e9)).bad.values()) == {"decode"}
    unit.registers = {**dict.fromkeys(range(4), 0), 9: serial}
    await poller.open()
    found = await poller.poll("fast", 1e9)
    assert [found.bad.get(f"dcim_meter_power_watts{{role={role}}}") for role in ("it", "cooling")] == [reason, reason]


COUNTER = f"""{METER}
  - metric: dcim_meter_energy_joules_total
    labels: {{direction: import, role: it}}
    register: 10
    type: uint64
    unit: joule
    scale: 36
    poll: normal
"""


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        # Low word first: the energy is impossible until the low word is small, and then 1.7e17 J would do.
        ([[40_000, 3, 0, 0], [65_535, 3, 0, 0], [17, 4, 0, 0], [900, 4, 0, 0]], [0, 0, 0, 0]),
        # As the profile says, however large, also with the numbers of which the low word looks like a high one.
        (
            [[0, 0, 4, 17], [0, 0, 256, 900], [0, 1, 0, 0], [0, 900, 0, 3]],
            [262_161, 16_778_116, 2**32, 3_865_470_566_403],
        ),
        # One garbled answer in between costs itself, and the order is believed again with the next one.
        ([[0, 0, 4, 17], [900, 4, 0, 0], [0, 0, 4, 18], [0, 0, 4, 19]], [262_161, 0, 0, 262_163]),
    ],
)
async def test_the_only_number_of_64_bits_shows_its_order_where_it_is_impossible(
    words: list[list[int]], answers: list[int]
) -> None:
    client = MemoryModbus({9: 7})
    device = Device.model_validate({"id": "d", "host": "h", "protocol": "modbus", "profile": "meter", "unit": 12})
    poller = ModbusPoller(device, parse_profile(COUNTER, "meter.yaml"), client)
    for at, (registers, expected) in enumerate(zip(words, answers, strict=True)):
        client.registers |= dict(enumerate(registers, 10))
        if not at:
            await poller.open()
        found = (await poller.poll("normal", 1e9)).values
        assert [value / 36 for key, value in found.items() if "energy" in key] == ([expected] if expected else [])
