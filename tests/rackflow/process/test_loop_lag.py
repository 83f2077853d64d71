"""How late an event loop is, and how much of it the process itself computed."""

import asyncio
import itertools
import time

from rackflow.process.loop_lag import CALM_TICKS, REST_TICK_S, TICK_S, WINDOW_S, LoopLag, LoopMeter
from tests.servers.waiting import eventually


class Clocks:
    """Clocks that stand still until they are moved."""

    def __init__(self, calm_ticks: int = CALM_TICKS) -> None:
        self.now_s = 1000.0
        self.cpu_s = 5.0
        self.meter = LoopMeter(lambda: self.now_s, lambda: self.cpu_s, calm_ticks)

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
    for passes_s in (WINDOW_S / 2 + 1, 1.0):  # into the next window
        await clocks.tick(passes_s, cpu_s=0.0)
    assert clocks.meter.recent().hold_s > 0.2
    for _ in range(3):
        await clocks.tick(WINDOW_S + 1, cpu_s=0.0)
    assert clocks.meter.recent().hold_s == 0.0
    assert clocks.meter.longest.hold_s > 0.2


async def test_a_calm_loop_is_looked_at_less_often_until_something_is_late() -> None:
    clocks = Clocks(calm_ticks=3)
    clocks.meter.start()
    await eventually(lambda: clocks.meter.tick_s == REST_TICK_S, "it rests")
    clocks.meter.note(0.009)
    assert clocks.meter.recent() == LoopLag()
    clocks.cpu_s += 0.03
    clocks.meter.note(0.05)
    lag = clocks.meter.recent()
    assert (lag.lag_s, round(lag.hold_s, 6)) == (0.05, 0.03)
    clocks.cpu_s += 0.5
    clocks.meter.note(0.06)
    assert clocks.meter.recent() == LoopLag(0.06, 0.06), "what held a timer is no longer than its lateness"
    await eventually(lambda: clocks.meter.tick_s == TICK_S, "it looks again")
    clocks.meter.stop()


async def test_a_loop_that_computes_is_not_calm() -> None:
    cpu_s = itertools.count(0.0, 0.011)
    meter = LoopMeter(lambda: 1000.0, lambda: next(cpu_s), calm_ticks=1)
    meter.start()
    await asyncio.sleep(5 * TICK_S)
    meter.stop()
    assert meter.tick_s == TICK_S


async def test_a_busy_machine_is_no_reason_to_look_more_often() -> None:
    now_s = itertools.count(0.0, 0.5)
    meter = LoopMeter(lambda: next(now_s), lambda: 1.0, calm_ticks=1)
    meter.start()
    await eventually(lambda: meter.tick_s == REST_TICK_S, "it rests although every timer is late")
    meter.stop()
    assert meter.recent().lag_s > 0.3
