"""What one plan or one site does wrong ends there: its own figures are unknown, and all others are as before. Of steps: engine/."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from collector.derive import Deriver, Figure, LatestFigures, Settings
from collector.derive.deriver import OVERDUE_S
from collector.derive.engine import (
    INTERNAL,
    PART,
)
from collector.derive.site_figures import SiteFigures
from collector.latest import Latest
from rackflow.process.bulkhead import Failures
from rackflow.site import Rack
from tests.at_once import at_once
from tests.collector.derive.hall import Readings, hall
from tests.collector.running import until


def offered(kept: list[list[str]]) -> Callable[[Callable[[], Sequence[str]]], None]:
    return lambda lines: kept.append([*lines()])


def deriver_of(readings: Readings, board: LatestFigures, failures: Failures, interval_s: float = 1.0) -> Deriver:
    return Deriver(
        readings.latest, board, hall(), Settings(), interval_s=interval_s, saved_records={}, failures=failures
    )


def shown(board: LatestFigures, name: str) -> list[Figure]:
    return [each for each in board.current(0.0) if each.output.metric.name == name]


def test_a_site_whose_cycle_fails_shows_nothing_of_the_cycle_before() -> None:
    """The second cycle meets a device of which nothing is known."""
    readings = Readings()
    readings.currents("pdu-a1-a", 10.0)
    readings.currents("pdu-a1-b", 12.0)
    board, failures = LatestFigures(1e12), Failures(PART)
    deriver = deriver_of(readings, board, failures)
    deriver.cycle("t1", offered([]), "c", may_plan=True)
    assert shown(board, "dcim_rack_power_watts")
    device = next(readings.latest.devices_of("t1"))
    device.polls = None  # type: ignore[assignment]  # as a fault of ours would leave it
    device.cached_life_s = None
    kept: list[list[str]] = []
    deriver.cycle("t1", offered(kept), "c")
    found = board.current(0.0)
    assert found
    assert all(each.value is None and each.missing == (INTERNAL,) for each in found)
    assert kept == []
    assert failures.failing() == {PART: True}
    assert sum(failures.counts.values()) == 1


async def test_a_site_that_cannot_be_planned_takes_no_figure_from_another() -> None:
    """Planning a second site fails for a series whose key is no text; the first is derived in every cycle."""
    readings = Readings()
    readings.currents("pdu-a1-a", 10.0)
    other = Latest(1000)
    broken = Readings(hall(("site: t1", "site: t0")), latest=readings.latest)
    broken.currents("pdu-a1-a", 10.0)
    assert other.size == 0
    [device] = readings.latest.devices_of("t0")
    device.series[0] = device.series["dcim_pdu_input_power_watts{inlet=1}"]  # type: ignore[index]  # as a fault of ours would make it
    failures, board = Failures(PART), LatestFigures(1e12)
    deriver = deriver_of(readings, board, failures, 0.01)
    kept: list[list[str]] = []
    task = asyncio.create_task(deriver.run(offered(kept), "c"))
    await until(lambda: len(kept) >= 3, "three cycles")
    task.cancel()
    await asyncio.wait([task])
    assert {dict(each.output.labels)["site"] for each in board.current(0.0)} == {"t1"}
    assert [key for key, count in failures.counts.items() if count == 1] == [(PART, "TypeError")]  # not in every cycle


async def test_a_plan_that_cannot_be_made_is_not_tried_again_in_every_cycle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning a campus takes seconds of CPU."""
    tried: list[SiteFigures] = []

    def fails(site_figures: SiteFigures) -> None:
        tried.append(site_figures)
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(SiteFigures, "make_plan", fails)
    kept: list[list[str]] = []
    deriver = deriver_of(Readings(), LatestFigures(1e12), Failures(PART), 0.01)
    task = asyncio.create_task(deriver.run(offered(kept), "c"))
    await until(lambda: len(kept) >= 5, "five cycles")
    task.cancel()
    await asyncio.wait([task])
    assert len(tried) == 1


async def test_figures_whose_next_cycle_does_not_begin_are_a_failing_part() -> None:
    """As when planning hangs."""
    now_s = 0.0
    failures, kept = Failures(PART, clock=lambda: now_s), list[list[str]]()
    task = asyncio.create_task(deriver_of(Readings(), LatestFigures(1e12), failures, 0.01).run(offered(kept), "c"))
    await until(lambda: len(kept) >= 2, "two cycles")
    task.cancel()
    await asyncio.wait([task])
    assert failures.failing() == {PART: False}
    now_s = 0.01 + OVERDUE_S
    assert failures.failing() == {PART: True}


def test_what_needs_a_part_that_cannot_be_planned_is_unknown_and_the_rest_is_there() -> None:
    """A site whose racks cannot be planned: sums without some racks would be wrong, coolant does not need them."""
    readings = Readings()
    readings.take("cdu-1", {"cdu_heat_removed_watts{loop=secondary}": 40_000.0}, device_class="cdu")
    site = hall()
    broken = {**site.racks, "odd": None}
    site.racks = broken  # type: ignore[assignment]  # as a fault of the site file's checks would leave it
    readings.engine = type(readings.engine)("t1", site, Settings(), failures := Failures(PART))
    found = readings.figures()
    assert found["cdu_cooling_load_ratio{device=cdu-1}"].value is not None
    assert not [
        name for name, each in found.items() if name.startswith(("rack_", "site_", "loop_")) and each.value is not None
    ]
    assert failures.counts


def test_what_a_figure_has_learned_outlasts_a_plan_that_lacks_its_part() -> None:
    """The demand of a breaker, a mean over a quarter of an hour. Breakers cannot be planned without the racks."""
    site = hall()
    readings, racks = Readings(site), site.racks
    demand = "pdu_phase_demand_load_ratio{rack=a1,feed=A,device=pdu-a1-a,phase=L2}"
    values: dict[int, float | None] = {}
    for now in range(0, 1200, 10):
        if now == 1000:
            site.racks = {**racks, "odd": None}  # type: ignore[dict-item]  # as above
            readings.currents("pdu-a1-b", 8.0, now=now)  # a new device, and so a new plan
        elif now == 1030:
            site.racks = racks
        readings.currents("pdu-a1-a", 24.0, now=now)
        figure = readings.figures(now + 1.0).get(demand)
        values[now] = figure.value if figure is not None else None
    assert values[990] == pytest.approx(24 / 32)
    assert values[1010] is None
    assert values[1080] == pytest.approx(24 / 32), "planned whole again after a minute, and nothing begins anew"


def test_what_figures_have_learned_of_series_whose_labels_change_all_the_time_is_bounded() -> None:
    """A device that names its inlets anew with each poll: 1,200 of them in twelve minutes."""
    readings = Readings(described=False)
    for step in range(12):
        now, inlets = 60.0 * step, range(100 * step, 100 * step + 100)
        currents = {f"pdu_phase_current_amperes{{inlet={at},phase=L1}}": 8.0 for at in inlets}
        ratings = {f"pdu_phase_rated_current_amperes{{inlet={at},phase=L1}}": 16.0 for at in inlets}
        readings.take("pdu-x", {**currents, **ratings}, now)
        at_once(readings.latest.expire_steps)(now)
        readings.figures(now + 1.0)
    assert len(readings.engine._stateful) <= 900  # noqa: SLF001 - what it costs cannot be seen otherwise


class Held(dict[str, Rack]):
    """Racks that can be read only once the test lets go: planning a large site takes as long."""

    def __init__(self, racks: Mapping[str, Rack]) -> None:
        super().__init__(racks)
        self.reached = threading.Event()
        self.release = threading.Event()
        self.was_released = False

    def values(self) -> Any:  # noqa: ANN401 - a view of the dictionary
        self.reached.set()
        self.was_released = self.release.wait(60)
        return super().values()


async def test_planning_holds_up_nothing_but_the_figures() -> None:
    """The loop goes on while a site is planned, and its figures come when the plan is there."""
    readings, site = Readings(), hall()
    readings.currents("pdu-a1-a", 10.0)
    readings.currents("pdu-a1-b", 12.0)
    held = site.racks = Held(site.racks)
    failures, board = Failures(PART), LatestFigures(1e12)
    deriver = Deriver(readings.latest, board, site, Settings(), interval_s=0.01, saved_records={}, failures=failures)
    task = asyncio.create_task(deriver.run(offered([]), "c"))
    await until(held.reached.is_set, "planning has begun")
    assert board.current(0.0) == []
    held.release.set()
    await until(lambda: bool(shown(board, "dcim_rack_power_watts")), "figures")
    task.cancel()
    await asyncio.wait([task])
    assert held.was_released  # by this loop, which went on meanwhile
    assert failures.counts == {}
