"""How late an event loop is, and how much of it the process itself computed."""

import asyncio
import time

from rackflow.process.loop_lag import TICK_S, WINDOW_S, LoopLag, LoopMeter
from tests.servers.waiting import eventually


class Clocks:
    """Clocks that stand still until they are moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.cpu_s = 5.0
        self.meter = LoopMeter(lambda: self.now_s, lambda: self.cpu_s)

    async def tick(self, passes_s: float, cpu_s: float) -> None:
        """A timer of the meter runs after this time, in which the process computes for `cpu_s`."""
        self.meter.start()
        self.now_s += passes_s
        self.cpu_s += cpu_s
        await asyncio.sleep(2 * TICK_S)
        self.meter.stop()


async def test_a_loop_that_is_held_is_late_by_as_much() -> None:
    meter = LoopMeter()
    meter.start()
    began = time.process_time()
    while time.process_time() - began < 0.1:
        pass
    await eventually(lambda: meter.longest != LoopLag(), "the meter's timer has run")
    meter.stop()
    assert meter.longest.lag_s >= meter.longest.hold_s >= 0.1 - TICK_S - 0.01
    assert meter.recent() == meter.longest


async def test_lateness_without_computing_is_the_machines() -> None:
    clocks = Clocks()
    await clocks.tick(TICK_S + 0.5, cpu_s=0.002)
    lag = clocks.meter.recent()
    assert round(lag.lag_s, 6) == 0.5
    assert round(lag.hold_s, 6) == 0.002


async def test_computing_on_time_is_no_hold() -> None:
    clocks = Clocks()
    await clocks.tick(TICK_S, cpu_s=0.018)
    assert clocks.meter.recent() == LoopLag()


async def test_the_worst_is_shown_for_half_a_minute_at_least_and_a_minute_at_most() -> None:
    clocks = Clocks()
    await clocks.tick(TICK_S + 0.3, cpu_s=0.3)
    await clocks.tick(WINDOW_S / 2, cpu_s=0.0)
    assert clocks.meter.recent().hold_s > 0.2
    for _ in range(3):
        await clocks.tick(WINDOW_S + 1, cpu_s=0.0)
    assert clocks.meter.recent().hold_s == 0.0
    assert clocks.meter.longest.hold_s > 0.2
