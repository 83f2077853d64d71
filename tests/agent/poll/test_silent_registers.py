"""Registers for which a Modbus unit gives no answer at all, where others refuse: over the wire. They cost only themselves."""

import pytest

from agent.poll.not_now import BUSY_POLLS
from rackflow.errors import DeviceProtocolError, DeviceTimeout
from tests.agent.poll.faulty_units import UnitBench, unit_bench
from tests.agent.poll.test_busy_registers import FLOW, PROFILE, RETURN, SUPPLY, TWO_CLASSES, plant

TIMEOUT_S = 0.2
BOTH = pytest.mark.parametrize("address", [10, 90], ids=["that are asked for first", "that are asked for last"])


async def opened(bench: UnitBench) -> None:
    """An opening that begins with such registers fails, as that of a unit which is off; the next one begins with others."""
    try:
        await bench.poller.open()
    except DeviceTimeout:
        await bench.poller.open()


async def given(bench: UnitBench, polls: int) -> set[str]:
    """What the last of some polls gives; one that fails gives nothing."""
    found: set[str] = set()
    for _ in range(polls):
        try:
            found = (await bench.polled("safety", 1.0)).values.keys() & {SUPPLY, RETURN, FLOW}
        except DeviceTimeout:
            found = set()
    return found


@BOTH
async def test_a_register_that_is_never_answered_costs_only_itself_and_comes_back(address: int) -> None:
    others = {FLOW} if address == 10 else {SUPPLY, RETURN}
    async with unit_bench(PROFILE, plant(), timeout_s=TIMEOUT_S, retries=0) as bench:
        bench.unit.silent_at = {address}
        await opened(bench)
        assert others <= await given(bench, 2)
        await given(bench, BUSY_POLLS + 10)
        asked = 0
        for _ in range(20):
            assert others <= await given(bench, 1)
            asked += any(at <= address < at + count for at, count in bench.unit.asked)
        assert asked <= 4
        bench.unit.silent_at.clear()
        assert await given(bench, 61) == {SUPPLY, RETURN, FLOW}


@BOTH
async def test_registers_that_fall_silent_while_others_are_answered_do_not_make_the_unit_seem_down(
    address: int,
) -> None:
    others = {FLOW} if address == 10 else {SUPPLY, RETURN}
    async with unit_bench(PROFILE, plant(), timeout_s=TIMEOUT_S, retries=0) as bench:
        await bench.poller.open()
        bench.unit.silent_at = {address}
        await given(bench, 1)
        for _ in range(2 * BUSY_POLLS):
            assert others <= await given(bench, 1)
        bench.unit.silent_at.clear()
        assert await given(bench, 15) == {SUPPLY, RETURN, FLOW}


async def test_a_class_that_is_never_answered_does_not_show_the_unit_as_down() -> None:
    async with unit_bench(TWO_CLASSES, plant(), timeout_s=TIMEOUT_S, retries=0) as bench:
        await bench.poller.open()
        bench.unit.silent_at = {10, 11}
        failed = 0
        for _ in range(BUSY_POLLS + 2):
            assert (await bench.polled("safety", 1.0)).values.keys() == {FLOW}
            try:
                readings = await bench.polled("normal", 9.0)
            except (DeviceTimeout, DeviceProtocolError):
                failed += 1
            else:
                assert readings.bad.keys() == {SUPPLY, RETURN}
        assert failed == BUSY_POLLS
        bench.unit.silent_at.clear()
        await bench.polled("normal", 10.0)
        assert (await bench.polled("normal", 10.0)).values.keys() == {SUPPLY, RETURN}


async def test_a_unit_that_dies_within_a_poll_has_failed_and_is_asked_for_nothing_more() -> None:
    async with unit_bench(PROFILE, plant(), timeout_s=TIMEOUT_S, retries=0) as bench:
        await bench.poller.open()
        bench.unit.dies_after = 1
        with pytest.raises(DeviceTimeout):
            await bench.polled("safety")
        # The first block, the second one without an answer, and the first one again, to see whether it is the unit that is silent.
        assert len(bench.unit.asked) == 3
        with pytest.raises(DeviceTimeout):
            await bench.polled("safety")
        assert len(bench.unit.asked) == 1
