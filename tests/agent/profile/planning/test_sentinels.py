"""What devices send in place of a reading is a reading of no family: ends of integers and floats, texts without a number, hex."""

from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from agent.modbus.registers import decode
from agent.profile import normalise_answers, plan_device
from agent.profile.normalising.slots import Slot
from agent.profile.planning.sentinels import sentinels_of
from agent.profile.schema import Part
from agent.snmp.seam import SnmpValue
from rackflow.catalogue import catalogue
from tests.agent.shipped import shipped_profiles
from tests.agent.varied_devices import usual_device, usual_plan

LARGEST_FLOAT = 3.4028234663852886e38
LARGE = (
    2**31 - 1,
    2**31,
    2**32 - 1,
    -(2**31),
    2**63 - 1,
    2**63,
    2**64 - 1,
    -(2**63),
    LARGEST_FLOAT,
    -LARGEST_FLOAT,
    1e30,
)
TEXTS = (
    *(
        b"",
        b"N/A",
        b"n/a",
        b"NaN",
        b"nan",
        b"inf",
        b"-inf",
        b"--",
        b"---",
        b"-",
        b"null",
        b"None",
        b"unknown",
        b"1e400",
    ),
    *(b"0x7fffffff", b"0xFFFF", b"2147483647", b"4294967295", b"-2147483648", b"429496729.5", b"214748364.7"),
)
NINES = (-999, -9999, -99999, -999999, b"-999.9", b"-9999.0", b"-9999")
NINES_OF_LOADS = (9999, 99999, b"9999", b"9999.9")
OF_16_BITS = (32767, 32768, -32768, 65532, 65533, 65534, 65535, b"32767", b"65535")


def test_sources_with_the_same_sentinels_share_one_set_of_them() -> None:
    plan = plan_device(shipped_profiles()["schneider-pm5000"].loaded(), {}, {}, None)
    decoders = [each for part in plan.classes.values() for slot in part.slots for each in slot.decoders]
    sets = {id(each.sentinels): each.sentinels for each in decoders}
    assert len(sets) == len(set(sets.values())) < len(decoders) / 4


@cache
def numbers_of_families() -> Sequence[tuple[str, Slot, Mapping[str, SnmpValue]]]:
    """Each series of which the first source is a number of the device, with the cells of a device beside it."""
    found = []
    for name, profile in shipped_profiles().items():
        if profile.protocol == "snmp":
            plan, cells = usual_plan(name), usual_device(name).cells
        else:
            plan, cells = plan_device(profile.loaded(), {}, {}, None), {}
        for slot in (slot for part in plan.classes.values() for slot in part.slots):
            first = slot.decoders[0]
            if slot.metric.type != "state" and first.is_number and not first.words:
                found.append((name, slot, cells))
    return found


def readings(sent: SnmpValue, slot: Slot, cells: Mapping[str, SnmpValue]) -> Mapping[str, float]:
    """What is read where the source, and no other, holds this."""
    first = slot.decoders[0]
    raw = {ref: cells.get(ref) for ref in first.refs} | {first.ref: sent}
    gate = {slot.gate.ref: next(iter(slot.gate.allowed))} if slot.gate else {}
    return normalise_answers([slot], raw | gate).values


def test_there_are_thousands_of_numbers_of_families_to_try() -> None:
    assert len(numbers_of_families()) > 4000
    assert len({name for name, _, _ in numbers_of_families()}) > 150


@pytest.mark.parametrize("sent", [*LARGE, *TEXTS])
def test_what_says_that_there_is_no_reading_is_none_in_any_family(sent: SnmpValue) -> None:
    passed = [(name, slot.key) for name, slot, cells in numbers_of_families() if readings(sent, slot, cells)]
    assert passed == []


@pytest.mark.parametrize("sent", [*OF_16_BITS, *NINES, *NINES_OF_LOADS])
def test_ends_of_16_bits_and_rows_of_nines_are_readings_of_counters_only(sent: SnmpValue) -> None:
    """And where the profile says so: a register apart has the high half, or the manual gives another sentinel."""
    passed = {
        name
        for name, slot, cells in numbers_of_families()
        if slot.metric.type != "counter"
        and (sent not in NINES_OF_LOADS or slot.metric.unit in {"amperes", "watts", "voltamperes"})
        and not slot.decoders[0].high
        and slot.decoders[0].sentinels
        and readings(sent, slot, cells)
    }
    assert passed == set()


@pytest.mark.parametrize("sent", [0, b"0", b"0.0"])
def test_a_battery_of_0_degrees_has_no_sensor_in_any_family(sent: SnmpValue) -> None:
    batteries = [
        each for each in numbers_of_families() if each[1].metric.name == "dcim_ups_battery_temperature_celsius"
    ]
    assert len({name for name, _, _ in batteries}) > 20
    assert [(name, slot.key) for name, slot, cells in batteries if readings(sent, slot, cells)] == []


def test_no_family_gives_a_range_without_an_end_to_what_a_device_measures() -> None:
    """Without one, minus two in an unsigned number is four billion amperes."""
    gauges = {
        slot.metric.name: slot.metric
        for _, slot, _ in numbers_of_families()
        if slot.metric.type == "gauge" and slot.metric.unit
    }
    assert [name for name, metric in gauges.items() if metric.ranges and metric.ranges[-1][1] == float("inf")] == []


def test_registers_without_a_reading_are_no_number_of_a_float() -> None:
    assert decode([0x7F80, 0], "float32", "big") is None
    assert decode([0x7FC0, 0], "float32", "big") is None
    assert decode([0x7F7F, 0xFFFF], "float32", "big") == LARGEST_FLOAT
    assert decode([0xFFFF], "bcd16", "big") is None


@pytest.mark.parametrize(
    ("metric", "number", "is_reading"),
    [
        ("dcim_cdu_supply_temperature_celsius", -1, False),
        ("dcim_ups_input_voltage_volts", -1, False),
        ("dcim_ups_output_current_amperes", -1, False),
        ("dcim_ups_battery_current_amperes", -1, True),
        ("dcim_ups_input_power_watts", -1, True),
        ("dcim_ups_battery_temperature_celsius", 0, False),
        ("dcim_cdu_supply_temperature_celsius", 0, True),
        ("dcim_env_temperature_high_threshold_celsius", 0, False),
        ("dcim_pdu_phase_rated_current_amperes", 0, False),
        ("dcim_pdu_phase_warning_current_amperes", 0, False),
        ("dcim_pdu_phase_current_amperes", 0, True),
    ],
)
def test_minus_one_and_0_are_no_reading_where_no_plant_can_be(metric: str, number: int, *, is_reading: bool) -> None:
    profile = shipped_profiles()["rfc1628-ups"].loaded()
    sentinels, _ = sentinels_of(profile, Part(oid="1.3.6.1", absent=[12345]), catalogue()[metric], frozenset())
    assert (number not in sentinels) == is_reading
