"""Numbers whose two registers stand so far apart that they are read in two requests, and that change in between."""

from dataclasses import dataclass, field

import pytest

from rackflow.errors import DeviceProtocolError
from rackflow.recording import RegisterTable
from tests.agent.varied_units import MAPS, VariedUnit, poller_of

HEAT = "dcim_cdu_reported_heat_removed_watts{loop=secondary}"
HIGH, LOW = 41_012, 36_881


@dataclass
class Rising(VariedUnit):
    """A unit whose number changes after each request that has one of its halves, as long as there are `steps`.

    It is too busy to answer the requests with these numbers, counted by those that have a half.
    """

    steps: list[int] = field(default_factory=list)
    busy: tuple[int, ...] = ()
    now: int = 0
    requests: int = 0
    halves: int = 0

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        high, low = divmod(self.now, 65_536)
        self.words = {("holding", HIGH): high, ("holding", LOW): low}
        self.requests += 1
        if any(address <= each < address + count for each in (HIGH, LOW)):
            self.halves += 1
            if self.halves in self.busy:
                busy = DeviceProtocolError("exception 6, device busy", device="d", operation="read")
                busy.code = 6
                raise busy
            if self.steps:
                self.now = self.steps.pop(0)
        return await super().read(unit, table, address, count)


@pytest.mark.parametrize(
    "steps", [[65_536], [65_535, 65_536], [65_536, 65_536, 65_600], [number * 67_000 for number in range(1, 6)]]
)
@pytest.mark.parametrize("name", ["aalc-rpu", "aalc-rpu-l05t"])
async def test_halves_of_two_moments_are_no_number(name: str, steps: list[int]) -> None:
    unit = Rising(MAPS[name], now=65_535)
    poller = poller_of(name, unit)
    await poller.open()
    await poller.poll("fast", 1e9)
    unit.requests = 0
    scale = (await poller.poll("fast", 1e9)).values[HEAT] / 65_535
    usual = unit.requests
    unit.steps = list(steps)
    readings = await poller.poll("fast", 1e9)
    value = readings.values.get(HEAT)
    assert value in (None, *(pytest.approx(number * scale) for number in (65_535, *steps)))
    assert value is not None or readings.bad[HEAT] == "decode"
    unit.requests = 0
    assert (await poller.poll("fast", 1e9)).values[HEAT] == pytest.approx(unit.now * scale)
    # More requests only where the high half is another one than before.
    assert unit.requests <= usual + 3
    unit.requests = 0
    await poller.poll("fast", 1e9)
    assert unit.requests <= usual


@pytest.mark.parametrize("name", ["aalc-rpu", "aalc-rpu-l05t"])
async def test_halves_are_read_once_where_no_carry_is_near(name: str) -> None:
    unit = Rising(MAPS[name], now=100_000)
    poller = poller_of(name, unit)
    await poller.open()
    await poller.poll("fast", 1e9)
    unit.halves = 0
    await poller.poll("fast", 1e9)
    assert unit.halves == 2


@pytest.mark.parametrize("name", ["aalc-rpu", "aalc-rpu-l05t"])
async def test_a_half_that_cannot_be_read_again_is_not_put_together_with_the_other(name: str) -> None:
    unit = Rising(MAPS[name], now=65_535)
    poller = poller_of(name, unit)
    await poller.open()
    await poller.poll("fast", 1e9)
    scale = (await poller.poll("fast", 1e9)).values[HEAT] / 65_535
    for late in range(2, 6):
        # It was above before, and falls and rises again.
        unit.now, unit.steps = 65_535, [65_536]
        # Busy for the rest of the poll.
        unit.halves, unit.busy = 0, tuple(range(late, 20))
        readings = await poller.poll("fast", 1e9)
        value = readings.values.get(HEAT)
        assert value in (None, pytest.approx(65_535 * scale), pytest.approx(65_536 * scale)), late
        unit.busy = ()
        await poller.poll("fast", 1e9)
