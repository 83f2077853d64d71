"""Registers that a Modbus unit refuses, for good, for a while or because it is busy: over the wire, in both framings."""

from collections import deque
from typing import Literal

import pytest

from agent.poll.unit_identity import IDENTIFY_EVERY_S
from agent.profile import parse_profile
from agent.profile.planning.planner import plan_device
from rackflow.errors import DeviceProtocolError, DeviceTimeout
from tests.agent.poll.faulty_units import ACKNOWLEDGE, ADDRESS, BUSY, FAILURE, NO_PATH, NO_TARGET, Unit, unit_bench

PROFILE = parse_profile(
    """
version: 1
profile: metered
class: rack
protocol: modbus
title: A meter
source: a manual
evidence: unverified
identity:
  model: [{register: 90, words: 2}]
  serial: [{register: 92, words: 2}]
points:
  - {metric: dcim_meter_current_amperes, labels: {role: it, phase: L1}, register: 0, unit: ampere, poll: fast}
  - {metric: dcim_meter_current_amperes, labels: {role: it, phase: L2}, register: 1, unit: ampere, poll: fast}
  - {metric: dcim_meter_current_amperes, labels: {role: it, phase: L3}, register: 2, unit: ampere, poll: fast}
  - {metric: dcim_meter_voltage_volts, labels: {role: it, phase: L1}, register: 5, type: uint32, unit: volt, poll: fast}
  - {metric: dcim_meter_voltage_volts, labels: {role: it, phase: L2}, register: 7, type: uint32, unit: volt, poll: fast}
  - {metric: dcim_meter_voltage_volts, labels: {role: it, phase: L3}, register: 9, type: uint32, unit: volt, poll: fast}
  - {metric: dcim_meter_frequency_hertz, labels: {role: it}, register: 20, unit: hertz, poll: slow}
""",
    "metered.yaml",
)
L1, L2, L3 = (f"dcim_meter_current_amperes{{phase=L{phase},role=it}}" for phase in (1, 2, 3))
V1, V2, V3 = (f"dcim_meter_voltage_volts{{phase=L{phase},role=it}}" for phase in (1, 2, 3))
ALL = {L1: 10.0, L2: 11.0, L3: 12.0, V1: 230.0, V2: 231.0, V3: 232.0}
FREQUENCY = "dcim_meter_frequency_hertz{role=it}"
Transport = Literal["tcp", "rtu-over-tcp"]
both_framings = pytest.mark.parametrize("transport", ["tcp", "rtu-over-tcp"])


def meter(**changes: object) -> Unit:
    registers = dict.fromkeys(range(12), 0) | {0: 10, 1: 11, 2: 12, 6: 230, 8: 231, 10: 232, 20: 50}
    registers |= {90: 0x4D31, 91: 0, 92: 0x5331, 93: 0}
    return Unit(registers, **changes)  # type: ignore[arg-type] # fields of Unit


def but(*keys: str) -> dict[str, float]:
    return {key: value for key, value in ALL.items() if key not in keys}


@both_framings
@pytest.mark.parametrize("code", [1, ADDRESS, 3, FAILURE, 8, 99])
async def test_one_register_that_is_refused_costs_only_itself_and_comes_back(transport: Transport, code: int) -> None:
    async with unit_bench(PROFILE, meter(), transport) as bench:
        await bench.poller.open()
        assert (await bench.polled()).values == ALL
        bench.unit.refused = {8: code}
        first = await bench.polled()
        assert (first.values, first.bad) == (but(V2), {V2: "refused"})
        again = await bench.polled()
        assert (again.values, again.bad) == (but(V2), {V2: "refused"})
        assert bench.unit.asked == [(0, 3), (5, 2), (9, 2)]
        bench.unit.refused = {}
        back = await bench.polled(after_s=1.0)
        assert (back.values, back.bad) == (ALL, {})
        await bench.polled()
        assert bench.unit.asked == [(0, 11)]


@pytest.mark.parametrize("refused", [{0}, {10}, {0, 10}, {1, 8}, {0, 1, 2}, {0, 2, 6, 10}])
async def test_however_many_registers_are_refused_the_others_are_read(refused: set[int]) -> None:
    keys = {0: L1, 1: L2, 2: L3, 6: V1, 8: V2, 10: V3}
    async with unit_bench(PROFILE, meter()) as bench:
        await bench.poller.open()
        bench.unit.refused = dict.fromkeys(refused, FAILURE)
        readings = await bench.polled()
        assert readings.values == but(*(keys[at] for at in refused))
        assert readings.bad == {keys[at]: "refused" for at in refused}


@both_framings
async def test_a_unit_that_gives_fewer_registers_than_it_is_asked_for_is_read_in_smaller_parts(
    transport: Transport,
) -> None:
    async with unit_bench(PROFILE, meter(most=4), transport) as bench:
        await bench.poller.open()
        readings = await bench.polled()
        assert (readings.values, readings.bad) == (ALL, {})
        # One that gives not even the registers of one number gives none of it, and no half of it.
        bench.unit.most = 1
        readings = await bench.polled()
        assert (readings.values, set(readings.bad)) == (but(V1, V2, V3), {V1, V2, V3})


async def test_a_refused_register_is_asked_for_ever_less_often_but_within_ten_seconds() -> None:
    async with unit_bench(PROFILE, meter()) as bench:
        await bench.poller.open()
        bench.unit.refused = {8: FAILURE}
        asked_at = []
        for _ in range(40):
            await bench.polled(after_s=1.0)
            if (7, 2) in bench.unit.asked:
                asked_at.append(bench.clock_s - 1000.0)
        assert asked_at == [1.0, 2.0, 4.0, 8.0, 16.0, 26.0, 36.0]


async def test_a_block_that_is_refused_for_its_gaps_is_read_without_them() -> None:
    async with unit_bench(PROFILE, meter()) as bench:
        del bench.unit.registers[3], bench.unit.registers[4]
        await bench.poller.open()
        assert (await bench.polled()).values == ALL
        assert bench.unit.asked == [(0, 3), (5, 6)]


@both_framings
@pytest.mark.parametrize("code", [BUSY, ACKNOWLEDGE])
async def test_a_unit_that_is_busy_while_it_is_opened_lacks_nothing(transport: Transport, code: int) -> None:
    async with unit_bench(PROFILE, meter(), transport) as bench:
        bench.unit.next_codes = deque([code] * 2)
        await bench.poller.open()
        assert (await bench.polled()).values == ALL
        assert (await bench.polled("slow")).values == {FREQUENCY: 50.0}


@pytest.mark.parametrize("code", [BUSY, ACKNOWLEDGE, NO_PATH, NO_TARGET])
async def test_a_unit_that_stays_busy_is_not_opened_and_is_complete_afterwards(code: int) -> None:
    async with unit_bench(PROFILE, meter()) as bench:
        bench.unit.next_codes = deque([code] * 100)
        with pytest.raises(DeviceProtocolError, match=f"exception {code}"):
            await bench.poller.open()
        bench.unit.next_codes.clear()
        await bench.poller.open()
        assert (await bench.polled()).values == ALL


@both_framings
async def test_a_busy_unit_is_asked_again_within_the_poll(transport: Transport) -> None:
    async with unit_bench(PROFILE, meter(), transport) as bench:
        await bench.poller.open()
        bench.unit.next_codes = deque([BUSY])
        assert (await bench.polled()).values == ALL
        assert bench.unit.asked == [(0, 11), (0, 11)]


async def test_retries_say_how_often_a_busy_unit_and_a_silent_one_are_asked_again() -> None:
    async with unit_bench(PROFILE, meter(), retries=3, timeout_s=0.5) as bench:
        await bench.poller.open()
        bench.unit.next_codes = deque([NO_TARGET] * 3)
        assert (await bench.polled()).values == ALL
        bench.unit.silent_requests = 2
        assert (await bench.polled()).values == ALL
    async with unit_bench(PROFILE, meter(), retries=0) as bench:
        await bench.poller.open()
        bench.unit.next_codes = deque([BUSY])
        with pytest.raises(DeviceProtocolError, match="busy"):
            await bench.polled()
        assert len(bench.unit.asked) == 1


async def test_silence_is_not_repeated_where_nobody_asked_for_it() -> None:
    async with unit_bench(PROFILE, meter(), timeout_s=0.5) as bench:
        await bench.poller.open()
        bench.unit.silent = True
        with pytest.raises(DeviceTimeout):
            await bench.polled()
        assert len(bench.unit.asked) == 1


async def test_a_block_that_is_busy_is_reported_so_beside_one_that_answers() -> None:
    async with unit_bench(PROFILE, meter(), retries=0) as bench:
        del bench.unit.registers[3], bench.unit.registers[4]
        await bench.poller.open()
        bench.unit.next_codes = deque([BUSY])
        readings = await bench.polled()
        assert (readings.values, readings.bad) == (but(L1, L2, L3), dict.fromkeys([L1, L2, L3], "busy"))


async def test_what_was_absent_at_the_opening_is_asked_again_and_has_the_unit_opened_anew() -> None:
    async with unit_bench(PROFILE, meter(refused={8: ADDRESS})) as bench:
        await bench.poller.open()
        readings = await bench.polled()
        assert (readings.values, readings.bad, readings.reopen) == (but(V2), {}, "")
        assert (7, 2) not in bench.unit.asked
        asked_at = []
        for _ in range(300):
            await bench.polled(after_s=60.0)
            if (7, 2) in bench.unit.asked:
                asked_at.append((bench.clock_s - 1000.0) / 60)
        assert asked_at == [1, 3, 7, 15, 31, 63, 123, 183, 243]
        bench.unit.refused = {}
        assert "absent" in (await bench.polled(after_s=3600.0)).reopen
        await bench.poller.open()
        assert (await bench.polled()).values == ALL


async def test_what_was_absent_is_asked_again_after_every_reconnection() -> None:
    async with unit_bench(PROFILE, meter(refused={8: ADDRESS}), timeout_s=0.5) as bench:
        await bench.poller.open()
        bench.unit.silent = True
        with pytest.raises(DeviceTimeout):
            await bench.polled()
        bench.unit.silent, bench.unit.refused = False, {}
        assert "absent" in (await bench.polled()).reopen


async def test_a_class_that_is_refused_for_good_leaves_the_unit_up() -> None:
    async with unit_bench(PROFILE, meter()) as bench:
        await bench.poller.open()
        bench.unit.refused = {20: FAILURE}
        for _ in range(3):
            readings = await bench.polled("slow")
            assert (readings.values, readings.bad) == ({}, {FREQUENCY: "refused"})
            assert bench.unit.asked
        assert (await bench.polled()).values == ALL


async def test_a_unit_that_refuses_everything_has_failed() -> None:
    async with unit_bench(PROFILE, meter()) as bench:
        await bench.poller.open()
        bench.unit.refused = dict.fromkeys(range(100), FAILURE)
        await bench.polled("slow")
        with pytest.raises(DeviceProtocolError, match="device failure"):
            await bench.polled()


@pytest.mark.parametrize(("register", "words"), [(92, "serial"), (90, "model")])
async def test_another_unit_at_the_same_address_is_noticed_within_a_minute(register: int, words: str) -> None:
    async with unit_bench(PROFILE, meter()) as bench:
        assert (await bench.poller.open()).identity.serial == "S1"
        assert (await bench.polled(after_s=IDENTIFY_EVERY_S)).reopen == ""
        bench.unit.registers[register] = 0x5839
        assert (await bench.polled(after_s=IDENTIFY_EVERY_S - 1)).reopen == ""
        assert words in (await bench.polled(after_s=1.0)).reopen
        await bench.poller.open()
        assert (await bench.polled(after_s=IDENTIFY_EVERY_S)).reopen == ""


async def test_a_unit_that_hides_its_serial_number_for_a_moment_is_no_other_one() -> None:
    async with unit_bench(PROFILE, meter()) as bench:
        await bench.poller.open()
        bench.unit.refused = {92: FAILURE, 90: BUSY}
        readings = await bench.polled(after_s=IDENTIFY_EVERY_S)
        assert (readings.values, readings.reopen) == (ALL, "")


def test_blocks_of_the_safety_class_bridge_no_gap() -> None:
    text = """
version: 1
profile: leaks
class: cdu
protocol: modbus
title: A device
source: a manual
evidence: unverified
points:
  - {metric: dcim_cdu_leak_detected, labels: {detector: a}, register: 0, bit: 0}
  - {metric: dcim_cdu_leak_detected, labels: {detector: b}, register: 1, bit: 0}
  - {metric: dcim_cdu_leak_detected, labels: {detector: c}, register: 3, bit: 0}
  - {metric: dcim_cdu_pump_speed_rpm, labels: {pump: "1"}, register: 10, unit: rpm, poll: fast}
  - {metric: dcim_cdu_pump_speed_rpm, labels: {pump: "2"}, register: 12, unit: rpm, poll: fast}
"""
    plan = plan_device(parse_profile(text, "leaks.yaml"), {}, {}, None)
    assert [(block.address, block.count) for block in plan.classes["safety"].blocks] == [(0, 2), (3, 1)]
    assert [(block.address, block.count) for block in plan.classes["fast"].blocks] == [(10, 3)]
