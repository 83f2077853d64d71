"""Numbers whose two registers stand so far apart that they are read in two requests, and that change in between."""

from dataclasses import dataclass, field

import pytest

from rackflow.recording import RegisterTable
from tests.agent.varied_units import MAPS, VariedUnit, poller_of

HEAT = "dcim_cdu_reported_heat_removed_watts{loop=secondary}"
HIGH, LOW = 41_012, 36_881


@dataclass
class Rising(VariedUnit):
    """A unit whose number changes after each request that has one of its halves, as long as there are `steps`."""

    steps: list[int] = field(default_factory=list)
    now: int = 0
    requests: int = 0

    async def read(self, unit: int, table: RegisterTable, address: int, count: int) -> list[int]:
        high, low = divmod(self.now, 65_536)
        self.words = {("holding", HIGH): high, ("holding", LOW): low}
        self.requests += 1
        if any(address <= each < address + count for each in (HIGH, LOW)) and self.steps:
            self.now = self.steps.pop(0)
        return await super().read(unit, table, address, count)


@pytest.mark.parametrize("steps", [[65_536], [65_535, 65_536], [65_536, 65_536, 65_600]])
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
    assert value in (None, pytest.approx(65_535 * scale), pytest.approx(65_536 * scale))
    assert value is not None or readings.bad[HEAT] == "decode"
    unit.requests = 0
    assert (await poller.poll("fast", 1e9)).values[HEAT] == pytest.approx(unit.now * scale)
    # More requests only where the high half is another one than before.
    assert unit.requests <= usual + 3
    unit.requests = 0
    await poller.poll("fast", 1e9)
    assert unit.requests == usual
