"""What becomes of polls of meters that arrive after later ones: an agent's backlog after an outage."""

import asyncio
import time

import msgspec
import pytest

from collector.derive.deriver import MAX_LATE_COUNTERS, MAX_LATE_OF_AGENT, MAX_LATE_POLLS, Deriver
from collector.derive.energy.hourly import HOUR_S, HourlyTotals
from collector.derive.latest_figures import LatestFigures
from collector.derive.site_plan import Settings
from collector.latest.latest import Latest
from collector.readings import SeriesKeys, resolve
from rackflow import Batch
from rackflow.process.bulkhead import Failures
from rackflow.site import Site
from tests.at_once import at_once
from tests.collector.derive.hall import hall
from tests.collector.running import until

KWH = 3.6e6
ROLES = {"meter-main": "facility", "meter-lab": "other"}
HOURS = 4
"""How long the agent could not reach the broker."""


class Outage:
    """A collector that hears of a meter before and after an outage, and then gets the backlog; the agent's clock is right."""

    def __init__(self, site: Site | None = None, interval_s: float = 5.0) -> None:
        self.site, self.latest = site or hall(), Latest(10_000)
        self.failures = Failures()
        self.deriver = Deriver(
            self.latest,
            LatestFigures(60.0),
            site,
            Settings(),
            interval_s=interval_s,
            saved_records={},
            failures=self.failures,
        )
        self.now_s = time.time()
        self.hour = int(self.now_s // HOUR_S)
        self._seq, self._keys = 0, SeriesKeys()

    def batch(self, meter: str, values: dict[str, float], at_s: float) -> Batch:
        self._seq += 1
        return Batch(
            agent="gw",
            epoch="e",
            seq=self._seq,
            time=int(at_s * 1000),
            device=meter,
            device_class="meter",
            poll="slow",
            interval_s=60.0,
            duration_s=0.1,
            up=True,
            error=None,
            labels={"site": self.site.id},
            values=values,
            states={},
        )

    def power(self, meter: str, at_s: float) -> Batch:
        return self.batch(meter, {f"dcim_meter_power_watts{{role={ROLES[meter]}}}": 100e3}, at_s)

    def counter(self, meter: str, kwh: float, at_s: float) -> Batch:
        key = f"dcim_meter_energy_joules_total{{direction=import,role={ROLES[meter]}}}"
        return self.batch(meter, {key: (1000 + kwh) * KWH}, at_s)

    def live(self, batch: Batch) -> None:
        self.latest.apply_batch(self.site.id, batch, resolve(batch, self._keys), time.monotonic(), time.time())

    def backlog_of(self, meter: str) -> None:
        """A poll of the power every 5 s, one of the counter every minute, within one cycle: 100 kWh were used in the second hour."""
        began_s = self.now_s - HOURS * HOUR_S
        for at in range(5, HOURS * HOUR_S, 5):
            self.deriver.update_late(self.site.id, self.power(meter, began_s + at))
            if at % 60 == 0:
                kwh = min(max(at - HOUR_S, 0) / HOUR_S, 1.0) * 100
                self.deriver.update_late(self.site.id, self.counter(meter, kwh, began_s + at))

    def before_it(self) -> HourlyTotals:
        """The meter's last reading before the outage; returns what is counted of the site."""
        self.live(self.counter("meter-main", 0.0, self.now_s))
        self.deriver.finish()
        # The collector's clock runs on while the test cannot wait: the gap is put where four hours would have put it.
        totals = self.deriver.records()["t1"].totals
        _, value = totals.last["facility:meter-main"]
        totals.last["facility:meter-main"] = self.now_s - HOURS * HOUR_S, value
        totals.counters["facility:meter-main"].changed_s = self.now_s - HOURS * HOUR_S
        return totals

    def waiting(self) -> int:
        return len(self.deriver._late)  # noqa: SLF001 - what it has to look at in each cycle


def test_polls_of_powers_take_no_room_from_those_of_counters() -> None:
    """Four hours of one meter are 2,880 polls of its power, and an agent may have 2,000 waiting."""
    outage = Outage(hall())
    totals = outage.before_it()
    outage.live(outage.counter("meter-main", 100.0, outage.now_s + 1))
    outage.deriver.finish()
    assert HOURS * HOUR_S / 5 > MAX_LATE_OF_AGENT
    outage.backlog_of("meter-main")
    outage.deriver.finish()
    spread_s = sum(each.spread_s.get("facility:meter-main", 0.0) for each in totals.hours.values())
    assert spread_s == 0
    assert sum(each.amount["facility:meter-main"] for each in totals.hours.values()) == pytest.approx(100 * KWH)
    used = [each.amount["facility:meter-main"] / KWH for _, each in sorted(totals.hours.items())]
    assert used[-1] == pytest.approx(0.0, abs=0.01)  # in truth nothing of it was used in the last two hours


def test_a_backlog_that_comes_before_the_first_reading_of_now_waits_for_it() -> None:
    """Only that reading says over which time the energy would be spread."""
    outage = Outage(hall())
    totals = outage.before_it()
    at_once(outage.latest.expire_steps)(time.monotonic() + HOUR_S)
    outage.backlog_of("meter-main")
    outage.deriver.finish()
    assert outage.waiting() == HOURS * 60 - 1
    outage.live(outage.counter("meter-main", 100.0, outage.now_s + 1))
    outage.deriver.finish()
    assert outage.waiting() == 0
    assert sum(each.spread_s.get("facility:meter-main", 0.0) for each in totals.hours.values()) == 0
    assert sum(each.amount["facility:meter-main"] for each in totals.hours.values()) == pytest.approx(100 * KWH)


@pytest.mark.parametrize("is_described", [True, False])
def test_late_polls_of_a_meter_that_is_not_accounted_for_do_not_wait(*, is_described: bool) -> None:
    """Or those of the others would find no room for five minutes, and each cycle would look at all of them."""
    outage = Outage(hall() if is_described else None)
    for poll in (outage.power("meter-lab", outage.now_s), outage.counter("meter-lab", 0.0, outage.now_s)):
        outage.live(poll)
    outage.backlog_of("meter-lab")
    outage.deriver.finish()
    assert outage.waiting() == 0


def test_late_polls_of_a_meter_that_was_not_seen_yet_wait_for_its_reading() -> None:
    outage = Outage(hall())
    outage.deriver.finish()
    outage.deriver.update_late("t1", outage.counter("meter-main", 0.0, outage.now_s - 60))
    outage.deriver.finish()
    assert outage.waiting() == 1


def test_an_agent_may_have_as_many_late_polls_waiting_after_each_outage_as_after_the_first() -> None:
    outage = Outage(hall())
    outage.live(outage.counter("meter-lab", 0.0, outage.now_s))
    outage.deriver.finish()
    for _ in range(2):
        for at in range(MAX_LATE_OF_AGENT + 5):
            outage.deriver.update_late("t1", outage.counter("meter-lab", 0.0, outage.now_s - 3600 + at))
        assert outage.waiting() == MAX_LATE_OF_AGENT
        outage.deriver.finish()
        assert outage.waiting() == 0


def test_a_late_poll_with_one_of_the_two_registers_of_a_quantity_is_no_failure() -> None:
    """Of a roof's meter the larger of both registers counts."""
    outage = Outage(hall())
    both = {f"dcim_meter_energy_joules_total{{direction={each},role=pv}}": 1000 * KWH for each in ("import", "export")}
    outage.live(outage.batch("meter-pv", both, outage.now_s))
    outage.deriver.finish()
    outage.live(outage.batch("meter-pv", both, outage.now_s + 1))
    outage.deriver.finish()
    outage.deriver.update_late("t1", outage.batch("meter-pv", dict(list(both.items())[:1]), outage.now_s + 0.5))
    outage.deriver.finish()
    assert outage.waiting() == 0
    assert not outage.failures.counts


def test_a_late_poll_of_two_counters_waits_until_both_were_read_after_it() -> None:
    """Of a main with a roof behind it; the first message since the outage has only what comes in."""
    behind = ("{id: meter-pv, role: pv}", "{id: meter-pv, role: pv, behind: meter-main}")
    outage = Outage(hall(behind, ("contracts: [{id: pv-roof, meter: meter-pv}]", "")))

    def counters(kwh: float, *directions: str) -> dict[str, float]:
        return {
            f"dcim_meter_energy_joules_total{{direction={each},role=facility}}": (1000 + kwh) * KWH
            for each in directions
        }

    outage.live(outage.batch("meter-main", counters(0.0, "import", "export"), outage.now_s))
    outage.deriver.finish()
    totals = outage.deriver.records()["t1"].totals
    for quantity in ("facility:meter-main", "export:meter-main"):
        _, value = totals.last[quantity]
        totals.last[quantity] = outage.now_s - HOURS * HOUR_S, value
        totals.counters[quantity].changed_s = outage.now_s - HOURS * HOUR_S
    at_once(outage.latest.expire_steps)(time.monotonic() + HOUR_S)
    outage.live(outage.batch("meter-main", counters(100.0, "import"), outage.now_s + 1))
    late = outage.batch("meter-main", counters(50.0, "import", "export"), outage.now_s - HOUR_S)
    outage.deriver.update_late("t1", late)
    outage.deriver.finish()
    assert outage.waiting() == 1
    outage.live(outage.batch("meter-main", counters(100.0, "export"), outage.now_s + 2))
    outage.deriver.finish()
    assert outage.waiting() == 0
    ends = [totals.gaps[f"{role}:meter-main"][-1].start_s for role in ("facility", "export")]
    assert ends == [late.time / 1000] * 2


async def test_while_a_collector_runs_late_polls_are_added_after_each_cycle() -> None:
    outage = Outage(hall(), interval_s=0.01)
    task = asyncio.create_task(outage.deriver.run(lambda _: None, "c"))
    outage.live(outage.counter("meter-main", 0.0, outage.now_s))
    await until(lambda: "t1" in outage.deriver.records() and bool(outage.deriver.records()["t1"].totals.last), "read")
    outage.deriver.update_late("t1", outage.counter("meter-main", 0.0, outage.now_s - 60))
    assert outage.waiting() == 1
    await until(lambda: outage.waiting() == 0, "added")
    task.cancel()
    await asyncio.wait([task])
    assert not outage.failures.counts


def test_late_polls_that_wait_are_bounded_in_number_in_size_and_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many agents send theirs: meters that are read no more would keep them for ever."""
    outage = Outage(hall())
    key = "dcim_meter_energy_joules_total{direction=import,role=facility,meter=%d}"
    for counters, taken in ((MAX_LATE_COUNTERS + 1, 0), (MAX_LATE_COUNTERS, 1)):
        values = {key % at: 1e9 for at in range(counters)}
        outage.deriver.update_late("t1", outage.batch("meter-main", values, outage.now_s))
        assert outage.waiting() == taken
    late = outage.counter("meter-main", 0.0, outage.now_s)
    for agent in range(MAX_LATE_POLLS // MAX_LATE_OF_AGENT + 1):
        one = msgspec.structs.replace(late, agent=f"gw-{agent}")
        for _ in range(MAX_LATE_OF_AGENT):
            outage.deriver.update_late("t1", one)
    assert outage.waiting() == MAX_LATE_POLLS
    outage = Outage(hall())
    outage.deriver.finish()
    monkeypatch.setattr("collector.derive.deriver.LATE_WAIT_S", 0.0)
    outage.deriver.update_late("t1", late)
    outage.deriver.finish()
    assert outage.waiting() == 0, "nothing closed its gap in time"
