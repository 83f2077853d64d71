"""Registers that a unit, or the gateway before it, cannot give for now, and never gives: they cost only themselves."""

import pytest

from agent.poll.not_now import BUSY_POLLS
from agent.profile import parse_profile
from rackflow.errors import DeviceProtocolError
from tests.agent.poll.faulty_units import ACKNOWLEDGE, BUSY, NO_PATH, NO_TARGET, Unit, UnitBench, unit_bench

PROFILE = parse_profile(
    """
version: 1
profile: plant
class: cdu
protocol: modbus
title: A gateway that shows two devices as one unit
source: a manual
evidence: unverified
modbus: {table: holding, max_gap: 2}
points:
  - metric: dcim_cdu_supply_temperature_celsius
    labels: {loop: secondary}
    register: 10
    type: int16
    unit: celsius
    scale: 0.1
  - metric: dcim_cdu_return_temperature_celsius
    labels: {loop: secondary}
    register: 11
    type: int16
    unit: celsius
    scale: 0.1
  - {metric: dcim_cdu_flow_cubic_meters_per_second, labels: {loop: secondary}, register: 90, unit: liter_per_minute}
""",
    "plant.yaml",
)
SUPPLY, RETURN, FLOW = (
    "dcim_cdu_supply_temperature_celsius{loop=secondary}",
    "dcim_cdu_return_temperature_celsius{loop=secondary}",
    "dcim_cdu_flow_cubic_meters_per_second{loop=secondary}",
)
HEALTHY = {10: 200, 11: 300, 90: 300}


def plant() -> Unit:
    return Unit(dict(HEALTHY))


async def given(bench: UnitBench, polls: int) -> set[str]:
    """What the last of some polls gives; one that fails gives nothing."""
    found: set[str] = set()
    for _ in range(polls):
        try:
            found = (await bench.polled("safety", 1.0)).values.keys() & {SUPPLY, RETURN, FLOW}
        except DeviceProtocolError:
            found = set()
    return found


@pytest.mark.parametrize("code", [ACKNOWLEDGE, BUSY])
async def test_a_register_that_is_busy_for_ever_costs_only_itself_and_comes_back(code: int) -> None:
    async with unit_bench(PROFILE, plant(), retries=0) as bench:
        await bench.poller.open()
        bench.unit.refused[11] = code
        assert await given(bench, 1) == {FLOW}
        assert await given(bench, BUSY_POLLS + 15) == {SUPPLY, FLOW}
        asked = 0
        for _ in range(30):
            await given(bench, 1)
            asked += bench.unit.asked.count((11, 1))
        assert asked <= 4  # ten seconds apart
        bench.unit.refused.clear()
        assert await given(bench, 15) == {SUPPLY, RETURN, FLOW}


async def test_a_unit_that_is_busy_for_a_moment_is_asked_as_before() -> None:
    async with unit_bench(PROFILE, plant(), retries=0) as bench:
        await bench.poller.open()
        for _ in range(3):
            bench.unit.refused[11] = BUSY
            await given(bench, 4)  # that is seconds, as for a setting that is stored
            bench.unit.refused.clear()
            assert await given(bench, 1) == {SUPPLY, RETURN, FLOW}
            assert len(bench.unit.asked) == 2


@pytest.mark.parametrize("code", [NO_PATH, NO_TARGET])
async def test_a_device_that_a_gateway_does_not_reach_costs_no_other_one_behind_the_same_unit(code: int) -> None:
    async with unit_bench(PROFILE, plant(), retries=0) as bench:
        await bench.poller.open()
        bench.unit.refused = {10: code, 11: code}
        assert await given(bench, 1) == set()
        assert await given(bench, 1) == {FLOW}
        # Found again by an opening, too, as after a restart of the agent.
        bench.unit.refused = dict.fromkeys(HEALTHY, code)
        with pytest.raises(DeviceProtocolError):
            await bench.poller.open()
        bench.unit.refused = {10: code, 11: code}
        for _ in range(2):
            try:
                await bench.poller.open()
                break
            except DeviceProtocolError:
                pass
        assert await given(bench, 2) == {FLOW}
        bench.unit.refused = {}
        assert await given(bench, 20) == {SUPPLY, RETURN, FLOW}


TWO_CLASSES = parse_profile(
    """
version: 1
profile: two-classes
class: cdu
protocol: modbus
title: A unit whose temperatures are read more seldom than its flow
source: a manual
evidence: unverified
modbus: {table: holding, max_gap: 2}
points:
  - metric: dcim_cdu_supply_temperature_celsius
    labels: {loop: secondary}
    register: 10
    type: int16
    unit: celsius
    scale: 0.1
    poll: normal
  - metric: dcim_cdu_return_temperature_celsius
    labels: {loop: secondary}
    register: 11
    type: int16
    unit: celsius
    scale: 0.1
    poll: normal
  - metric: dcim_cdu_flow_cubic_meters_per_second
    labels: {loop: secondary}
    register: 90
    unit: liter_per_minute
    poll: safety
""",
    "two-classes.yaml",
)


async def given_between(bench: UnitBench, rounds: int) -> set[str] | None:
    """What the last of some polls of class `normal` gives, between which others are made; None if it fails."""
    found: set[str] | None = None
    for _ in range(rounds):
        for _ in range(10):
            assert (await bench.polled("safety", 1.0)).values.keys() == {FLOW}
        try:
            found = (await bench.polled("normal")).values.keys() & {SUPPLY, RETURN}
        except DeviceProtocolError:
            found = None
    return found


async def test_polls_of_other_classes_do_not_make_a_register_less_busy() -> None:
    async with unit_bench(TWO_CLASSES, plant(), retries=0) as bench:
        await bench.poller.open()
        bench.unit.refused[11] = BUSY
        assert await given_between(bench, BUSY_POLLS + 2) == {SUPPLY}
        bench.unit.refused.clear()
        assert await given_between(bench, 3) == {SUPPLY, RETURN}


@pytest.mark.parametrize("code", [BUSY, NO_TARGET])
async def test_a_class_that_is_never_given_does_not_show_the_unit_as_down(code: int) -> None:
    async with unit_bench(TWO_CLASSES, plant(), retries=0) as bench:
        await bench.poller.open()
        bench.unit.refused = {10: code, 11: code}
        assert await given_between(bench, 1) is None
        assert await given_between(bench, BUSY_POLLS) == set()
        # But a unit of which nothing is read is down, whatever is known of this class.
        bench.unit.refused[90] = code
        for poll in ("safety", "normal", "normal", "safety"):
            with pytest.raises(DeviceProtocolError):
                await bench.polled(poll, 1.0)
        bench.unit.refused = {}
        assert await given_between(bench, 7) == {SUPPLY, RETURN}


async def test_a_unit_that_is_busy_as_a_whole_is_asked_as_before() -> None:
    async with unit_bench(TWO_CLASSES, plant(), retries=0) as bench:
        await bench.poller.open()
        bench.unit.refused = dict.fromkeys(HEALTHY, BUSY)
        for _ in range(2 * BUSY_POLLS):
            for poll in ("safety", "normal"):
                with pytest.raises(DeviceProtocolError):
                    await bench.polled(poll, 1.0)
        bench.unit.refused = {}
        assert (await bench.polled("safety", 1.0)).values.keys() == {FLOW}
        assert (await bench.polled("normal", 1.0)).values.keys() == {SUPPLY, RETURN}


CHOOSING = parse_profile(
    """
version: 1
profile: choosing
class: cdu
protocol: modbus
title: A unit whose first register says what its flow counts in
source: a manual
evidence: unverified
modbus: {table: holding, max_gap: 2}
points:
  - metric: dcim_cdu_flow_cubic_meters_per_second
    labels: {loop: secondary}
    register: 90
    unit_by: {register: 5, map: {1: liter_per_minute, 2: cubic_meter_per_hour}}
  - {metric: dcim_cdu_return_temperature_celsius, labels: {loop: secondary}, register: 11, unit: celsius}
""",
    "choosing.yaml",
)
WATCHING = parse_profile(
    """
version: 1
profile: watching
class: ups
protocol: modbus
title: A unit with lines that may not be fitted
source: a manual
evidence: unverified
modbus: {table: holding, max_gap: 2}
points:
  - {metric: dcim_ups_input_voltage_volts, labels: {phase: L1}, register: 1, unit: volt}
  - {metric: dcim_ups_input_voltage_volts, labels: {phase: L2}, register: 30, unit: volt, when: {alive: [30]}}
  - {metric: dcim_ups_input_voltage_volts, labels: {phase: L3}, register: 60, unit: volt, when: {alive: [60]}}
""",
    "watching.yaml",
)
LINES = {phase: f"dcim_ups_input_voltage_volts{{phase={phase}}}" for phase in ("L1", "L2", "L3")}


@pytest.mark.parametrize("code", [ACKNOWLEDGE, BUSY, NO_PATH, NO_TARGET])
async def test_an_opening_that_cannot_read_what_it_needs_says_so_and_asks_no_more(code: int) -> None:
    async with unit_bench(CHOOSING, Unit({5: 1, 11: 30, 90: 300}), retries=0) as bench:
        bench.unit.refused = {5: code}
        for _ in range(2):
            bench.unit.asked.clear()
            with pytest.raises(DeviceProtocolError, match=f"holding 5.*exception {code}.*profile choosing needs these"):
                await bench.poller.open()
            assert bench.unit.asked == [(5, 1)]
        bench.unit.refused = {}
        await bench.poller.open()
        assert FLOW in (await bench.polled("safety")).values


@pytest.mark.parametrize("code", [NO_PATH, NO_TARGET])
async def test_a_part_that_may_not_be_fitted_and_is_out_of_reach_does_not_prevent_an_opening(code: int) -> None:
    async with unit_bench(WATCHING, Unit({1: 230, 30: 231, 60: 232}), retries=0) as bench:
        bench.unit.refused = {30: code, 60: code}
        with pytest.raises(DeviceProtocolError, match=f"exception {code}"):
            await bench.poller.open()
        await bench.poller.open()
        assert (await bench.polled("safety")).values == {LINES["L1"]: 230.0}
        bench.unit.refused = {}
        reopen = ""
        for _ in range(15):
            reopen = reopen or (await bench.polled("safety", 5.0)).reopen
        assert reopen
        await bench.poller.open()
        assert (await bench.polled("safety")).values.keys() == set(LINES.values())


@pytest.mark.parametrize("code", [NO_PATH, NO_TARGET])
async def test_an_opening_of_a_unit_that_is_off_makes_its_gateway_wait_once(code: int) -> None:
    async with unit_bench(WATCHING, Unit({1: 230, 30: 231, 60: 232}), retries=0) as bench:
        bench.unit.refused = {1: code, 30: code, 60: code}
        for _ in range(4):
            bench.unit.asked.clear()
            with pytest.raises(DeviceProtocolError, match=f"exception {code}"):
                await bench.poller.open()
            assert len(bench.unit.asked) == 1
