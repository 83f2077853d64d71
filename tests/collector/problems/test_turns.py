"""The figures of a large site are watched for problems without holding the event loop."""

import asyncio

import pytest

from collector.derive.engine import Figure, Output
from collector.latest import Latest
from collector.problems import Monitor, load_table
from rackflow.catalogue import catalogue
from rackflow.process.bulkhead import Failures
from tests.servers.waiting import eventually
from tests.turns import CALLS_OF_50_MS, Turns

# A figure that problems ask about: only those are collected.
METRIC = catalogue()["dcim_site_survives_feed_loss"]


async def test_no_turn_of_the_loop_takes_50_ms_with_60_000_figures() -> None:
    labels = (("rack", "a1"), ("site", "hall"))
    figure = Figure(Output(METRIC, labels, 0, "", "", labels, 0.0, 1e6), 5000.0, 0.0, 1.0)
    latest, failures, looked = Latest(1000), Failures(), [0]
    figures = [figure] * 60_000

    def by_site(_: float) -> dict[str, list[Figure]]:
        looked[0] += 1
        return {"hall": figures}

    monitor = Monitor(load_table(), latest, by_site, lambda: (), failures)
    assert METRIC.name in monitor.metrics
    async with Turns().counted() as turns:
        running = asyncio.ensure_future(monitor.run())
        await eventually(lambda: looked[0] > 1, "the figures were looked at twice", 60)
        running.cancel()
        await asyncio.wait([running])
    assert not failures.counts
    assert max(turns.calls) < CALLS_OF_50_MS, sorted(turns.calls)[-5:]


async def test_a_turn_that_comes_far_too_late_is_no_time_that_was_watched() -> None:
    """The collector stands still for ten minutes, and pumps that had just stopped run again when it goes on."""
    now_s = 1000.0
    monitor = Monitor(load_table(), Latest(1000), lambda _: {}, lambda: (), Failures(), clock=lambda: now_s)
    pumps = ("DcimCduAllPumpsStopped", (("device", "cdu-1"), ("site", "s")))
    monitor.tracker.update(("somewhere",), {pumps: 1.0}, now_s)
    tracked = monitor.tracker.get(pumps)
    assert tracked is not None
    running = asyncio.ensure_future(monitor.run())
    await eventually(lambda: tracked.began_to_hold_s > 0, "it is watched")
    now_s += 600.0
    await eventually(lambda: tracked.holds_since == pytest.approx(1600.0, abs=1.0), "the time is left out")
    assert not tracked.is_active
    running.cancel()
    await asyncio.wait([running])
