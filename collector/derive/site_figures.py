"""The figures of one site: plans them when its devices or their series change, and computes the plan in each cycle.

The order within a cycle matters: suspects are found first, so that no figure uses them. Finding them needs rack powers, which are taken
from the previous cycle, because those of this cycle are not computed yet.
"""

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from collector.derive.cycle_state import CycleState, Watched, plan_watched
from collector.derive.energy import Accounts, EnergyRecords, Factor, Factors, plan_accounts, plan_own_power, site_power
from collector.derive.engine import (
    PART,
    Figure,
    Inputs,
    Leaf,
    Plan,
    Planner,
    StatefulFigures,
    StatefulStep,
    Values,
    compute_steps,
    explain_steps,
    figure_steps,
    inputs_of,
    value_from,
)
from collector.derive.environment import plan_rack_air
from collector.derive.explain import Explanation, slots_of
from collector.derive.limits import plan_limits
from collector.derive.liquid import Thermal, plan_cdus, plan_leaks, plan_loops, plan_plant
from collector.derive.power import (
    RackPower,
    Supplies,
    SupplySlots,
    plan_breakers,
    plan_counts,
    plan_feeds,
    plan_generators,
    plan_racks,
    plan_supplies,
    slots_of_supplies,
)
from collector.latest import DeviceState, Latest, LatestValue, Observations, has_other_series, is_other_unit
from collector.readings import Series
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import run_through
from rackflow.site import Battery, Site

if TYPE_CHECKING:
    from rackflow import DeviceDocument

T = TypeVar("T")
_SeriesByKey = dict[str, Series]
# A plan of n outputs is used for at least n / 2000 seconds, because planning takes 50 to 150 microseconds an output. While new series
# arrive in every cycle, as when a site starts, it is used three times as long: each such plan would lack the series of the next cycle, and
# the processor is needed for receiving.
_OUTPUTS_PER_S = 2000
_GROWING_TIMES = 3
# Series of one device that are remembered after they expired; twice as many as a large rack PDU has. A device whose labels change
# all the time would otherwise fill memory.
MAX_SILENT_SERIES = 1000
# Figures made from state in one slice; each takes about 10 microseconds.
_FIGURES_PER_SLICE = 100
# If planning failed in part, it is tried again after this time: the cause may be gone, and a fault costs one traceback a minute.
_PLAN_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What the configuration says; it takes precedence over the site file."""

    batteries: Mapping[str, Battery] = field(default_factory=dict)
    """By UPS."""
    pumps_required: Mapping[str, int] = field(default_factory=dict)
    """By CDU."""
    thermal: Thermal = field(default_factory=Thermal)
    hourly: dict[int, Factor] = field(default_factory=dict)
    """Carbon factors by hour since 1970. Shared with the task that fetches them, which adds new ones."""
    residual_grams_per_kwh: float | None = None
    """Applies to energy that contracts do not cover; None means the grid's factor."""


_Counters = dict[str, list[tuple[str, int, list[str]]]]
"""By device: the quantities that its counters count, each with its slot and the series it is computed from. Used for late readings."""


@dataclass(frozen=True, slots=True)
class SitePlan:
    """The result of planning. If a part could not be planned, it is absent and `complete` is False."""

    plan: Plan
    metrics_used: set[str]
    accounts: Accounts | None
    watched: Watched | None
    counters: _Counters
    stateful: tuple[StatefulStep, ...]
    learned_of: Mapping[str, list[tuple[str, str]]]
    """By device: the keys of what stateful figures learn of it, to forget it with the device. Searching all steps would take seconds."""
    supplies: SupplySlots
    complete: bool


class SiteFigures:
    """Derives the figures of one site. Without a site file `site` is None, and figures cover single devices only."""

    def __init__(self, name: str, site: Site | None, settings: Settings, failures: Failures | None = None) -> None:
        self.name = name
        self._failures = failures if failures is not None else Failures(PART)
        self._site = site
        self._settings = settings
        self._known: dict[str, _SeriesByKey] = {}
        self._places: dict[str, dict[str, str]] = {}
        self._classes: dict[str, str] = {}
        self._documents: dict[str, DeviceDocument] = {}
        """The latest document of each device."""
        self.energy_records = EnergyRecords(
            Factors(site.grid if site is not None else None, settings.hourly, settings.residual_grams_per_kwh),
            failures=self._failures,
        )
        self._accounts: Accounts | None = None
        self._counters: _Counters = {}
        self._watched: Watched | None = None
        self._state = CycleState(failures=self._failures)
        self._stateful = StatefulFigures(self._failures)
        self._stateful_steps: tuple[StatefulStep, ...] = ()
        self._learned_of: Mapping[str, list[tuple[str, str]]] = {}
        self._supplies = Supplies()
        self._last_values: Values | None = None
        self.distrusted: Mapping[tuple[str, str], str] = {}
        """Series that the figures of the last cycle did not use, by device and key, with the reason."""
        self._plan: Plan | None = None
        self._seen = -1
        self._stale = False
        self._next_plan = -math.inf
        self._next_plan_growing = -math.inf
        """The earliest times of the next plan: usually, and while devices or series are still being added."""
        self._metrics_used: set[str] = set()

    def cycle(self, latest: Latest, now: float, wall_s: float, *, may_plan: bool = True) -> list[Figure]:
        """All of `cycle_steps` at once."""
        return run_through(self.cycle_steps(latest, now, wall_s, may_plan=may_plan))

    def cycle_steps(
        self, latest: Latest, now: float, wall_s: float, *, may_plan: bool = False
    ) -> Generator[None, None, list[Figure]]:
        """All figures at `now` (monotonic seconds); `wall_s` is the same moment in seconds since 1970. Yields after each slice.

        Without `may_plan`, an outdated plan stays in use, and without a plan there are no figures: the caller plans in a thread.
        """
        if self._plan is None and not may_plan:
            return []
        plan = self._plan if self._plan is not None and not may_plan else self.plan(latest, now)
        observations = latest.observe(now, self.name)

        def readings_of(device: str) -> Mapping[str, LatestValue]:
            # Readings of a device that is not observed are not used: neither for figures nor for deciding which sensors can be trusted.
            return {} if (self.name, device) in observations.causes else latest.readings_of(self.name, device)

        yield
        distrusted: dict[tuple[str, str], str] = {}
        if self._watched is not None:
            distrusted = yield from self._state.update_steps(self._watched, readings_of, self._last_values, now)
        self.distrusted = distrusted
        silent = self._silent_devices(latest, observations)
        down = {device for device in silent if (self.name, device) not in observations.causes}
        yield from self._supplies.update_steps(readings_of, down, now)
        instead = self._supplies.values(self._last_values)
        values = yield from compute_steps(
            plan, readings_of, distrusted, now, silent=silent, failures=self._failures, instead=instead
        )
        found = yield from figure_steps(plan, values, self._failures)
        if self._watched is not None:
            for count, figure in enumerate(self._state.figures(self._watched, values, now)):
                if count % _FIGURES_PER_SLICE == 0:
                    yield
                found.append(figure)
        for count, figure in enumerate(self._stateful.figures(self._stateful_steps, values, now)):
            if count % _FIGURES_PER_SLICE == 0:
                yield
            found.append(figure)
        yield
        self._last_values = values  # frees those of the cycle before, which takes as long as a slice
        yield
        if self._accounts is not None:
            found += yield from self.energy_records.cycle_steps(self._accounts, values, wall_s)
        return found

    def _silent_devices(self, latest: Latest, observations: Observations) -> dict[str, str]:
        """Devices whose last readings must not be used, with the reason: they are not observed, or failed two polls in a row.

        Other devices may have taken over the load of such a device, and its last reading stays current for three polls, so adding it would
        count that load twice. A single failure is ignored, because single polls get lost on a healthy network; the shelf life covers it.
        """
        return {
            each.device: observations.reason(each) or "does not answer"
            for each in latest.devices_of(self.name)
            if (self.name, each.device) in observations.causes
            or (each.up is False and each.origin is not None and each.origin.time_ms != each.since_ms)
        }

    def explain_steps(self, metric: str, labels: Mapping[str, str]) -> Generator[None, None, Explanation]:
        """The inputs of the figure with exactly these labels, as of the last cycle. Yields after each slice."""
        plan, values = self._plan, self._last_values
        if plan is None or values is None:
            return Explanation("readings", Inputs())
        basis, slots = slots_of(
            metric, labels, plan, steps=self._stateful_steps, watched=self._watched, accounts=self._accounts
        )
        inputs = yield from explain_steps(plan, values, slots)
        # Values that the site file or the configuration states are published as figures, too; they come from no reading.
        return Explanation("site_file" if basis == "readings" and not inputs.total else basis, inputs)

    def refine(self, device: str, values: Mapping[str, float], at_s: float) -> bool:
        """Add counters of a device that arrived late to the hours in which they were read, `at_s` (seconds since 1970).

        Returns False if it is too early for that. Quantities summed over several devices are left out, because the readings of the other
        devices at that moment are not known.
        """
        plan, counted = self._plan, self._counters.get(device)
        if plan is None or counted is None:
            # Done if the device's energy is not accounted for; but that is only certain once a plan has been made with these series.
            return plan is not None and not self._stale and values.keys() <= self._known.get(device, {}).keys()
        totals = self.energy_records.totals
        found = [
            totals.refine(quantity, value_from(slot, plan.nodes, values), at_s)
            for quantity, slot, keys in counted
            if all(key in values for key in keys)
        ]
        return all(found)

    def plan(self, latest: Latest, now: float) -> Plan:
        """The present plan; a new one is made if it is due."""
        if self.is_plan_due(latest, now) or self._plan is None:
            return self.adopt(self.make_plan(), now)
        return self._plan

    def is_plan_due(self, latest: Latest, now: float) -> bool:
        """All of `is_due_steps` at once."""
        return run_through(self.is_due_steps(latest, now))

    def is_due_steps(self, latest: Latest, now: float) -> Generator[None, None, bool]:
        """Whether a new plan is needed: a device came, went or moved, or a series used by figures is new; see `_OUTPUTS_PER_S`.

        Yields after each device.
        """
        grows = False
        if latest.changes != self._seen:
            # Noted first, so that changes during the check are seen the next time.
            self._seen = latest.changes
            # Noted at once for each device, in case this check is abandoned half way.
            for found in self._learning(latest):
                grows = grows or found
                self._stale = self._stale or found
                yield
        return (self._plan is None or self._stale) and now >= (self._next_plan_growing if grows else self._next_plan)

    def postpone_plan(self, now: float) -> None:
        """Try to plan later: planning failed as a whole."""
        self._next_plan = self._next_plan_growing = now + _PLAN_AGAIN_S

    def adopt(self, made: SitePlan, now: float) -> Plan:
        """Use a new plan from now on."""
        self._plan, self._metrics_used = made.plan, made.metrics_used
        self._accounts, self._watched, self._counters = made.accounts, made.watched, made.counters
        self._stateful_steps, self._learned_of = made.stateful, made.learned_of
        self._supplies.slots = made.supplies
        if made.complete:
            self._stateful.keep(made.stateful)
        self._last_values = None  # its slots belong to the former plan
        self._stale = not made.complete
        pause_s = len(made.plan.outputs) / _OUTPUTS_PER_S
        self._next_plan = now + max(pause_s, 0.0 if made.complete else _PLAN_AGAIN_S)
        self._next_plan_growing = max(self._next_plan, now + pause_s * _GROWING_TIMES)
        return made.plan

    def _learning(self, latest: Latest) -> Iterator[bool]:
        """Note devices and series; yield for each device whether the plan must change because of it."""
        present = {device.device: device for device in latest.devices_of(self.name)}
        gone = self._known.keys() - present.keys()
        for name in gone:
            del self._known[name], self._classes[name], self._places[name]
            self._documents.pop(name, None)
            self._forget_learned(name)
        yield bool(gone)
        for device in present.values():
            found = self._is_made_anew(device)
            known = self._known.setdefault(device.device, {})
            if len(known) > MAX_SILENT_SERIES + 2 * len(device.series):
                # A figure over a series that has expired is unknown, not absent; but series cannot be remembered for ever.
                for key in known.keys() - device.series.keys():
                    del known[key]
                found = True
            for key in device.series.keys() - known.keys():
                series = known[key] = device.series[key].series
                found = found or series.metric.name in self._metrics_used
            as_planned = self._classes.get(device.device), self._places.get(device.device)
            if as_planned != (device.device_class, device.labels):
                self._classes[device.device] = device.device_class
                self._places[device.device] = dict(device.labels)
                found = True
            yield found

    def _is_made_anew(self, device: DeviceState) -> bool:
        """Whether the device was replaced, or is read in another way: series that it has no more would be missing for ever.

        What was learned of a unit that was replaced, such as the resistance of its clean filter, says nothing about the new one.
        """
        before, document = self._documents.get(device.device), device.stated
        if document is None or document is before:
            return False
        self._documents[device.device] = document
        if before is None or not has_other_series(before, document):
            return False
        self._known.pop(device.device, None)
        if is_other_unit(before, document):
            self._forget_learned(device.device)
        return True

    def _forget_learned(self, device: str) -> None:
        self._state.forget(device)
        self._stateful.forget(self._learned_of.get(device, ()))

    def make_plan(self) -> SitePlan:
        """Plan everything. Racks come before feeds, loops and accounts, which are computed from their slots.

        It takes seconds for a large site, and may run in a thread: it changes nothing here, and nothing it reads changes until the
        next `plan` or `is_plan_due`. What needs a part that could not be planned is left out: a sum without some of its racks would be
        a wrong number.
        """
        planner = Planner(self.name, self._known, self._places | self._described())
        site, settings = self._site, self._settings
        failed: list[str] = []

        def tried(name: str, plan: Callable[[], T]) -> T | None:
            mark = planner.mark()
            outcome = self._failures.attempt(PART, lambda: (plan(),), otherwise=None)
            if outcome is None:
                failed.append(name)
                planner.withdraw(mark)
                return None
            return outcome[0]

        tried("cdus", lambda: plan_cdus(planner, site, self._of_class("cdu"), settings.pumps_required))
        tried("air", partial(plan_rack_air, planner, site, sorted(self._classes)))
        tried("counts", partial(plan_counts, planner, sorted(self._classes)))
        racks: dict[str, RackPower] | None = {}
        accounts: Accounts | None = None
        if site is not None:
            racks = tried("racks", partial(plan_racks, planner, site))
        if racks is not None:
            tried("breakers", partial(plan_breakers, planner, site, self._of_class("pdu"), racks))
        if site is not None and racks is not None:
            batteries = {ups.id: ups.battery for ups in site.ups.values() if ups.battery} | dict(settings.batteries)
            tried("limits", partial(plan_limits, planner, site, settings.thermal))
            tried("feeds", partial(plan_feeds, planner, site, racks, batteries))
            tried("loops", partial(plan_loops, planner, site, racks, settings.thermal))
            tried("generators", lambda: plan_generators(planner, site, site_power(planner, site)))
            tried("plant", partial(plan_plant, planner, site))
            tried("leaks", partial(plan_leaks, planner, site))
            tried("own power", partial(plan_own_power, planner, site, racks))
            accounts = tried("accounts", partial(plan_accounts, planner, site, racks, self._of_class("meter")))
        watched = tried(
            "trust", lambda: plan_watched(planner, site, self._classes, racks or {}, with_racks=racks is not None)
        )
        if watched is None:
            # Without the watch list no sensor is judged, and figures must not use sensors that are not judged.
            planner.withdraw((0, 0))
            accounts = None
        plan = planner.plan()
        counters = _counters(plan, accounts) if accounts is not None else {}
        stateful = tuple(planner.stateful)
        # Not tried separately: if it fails, planning as a whole must fail, because sums would count loads twice.
        supplies = slots_of_supplies(plan_supplies(site), plan) if site is not None else SupplySlots()
        learned = _learned_of(stateful)
        return SitePlan(
            plan, planner.metrics_used, accounts, watched, counters, stateful, learned, supplies, complete=not failed
        )

    def _described(self) -> dict[str, dict[str, str]]:
        """Labels by device from the site file, which take precedence over those that agents send."""
        site = self._site
        # `site.pdus` includes power shelves: figures carry their names, although a meter in the tap-off box reports for them.
        return {device: site.labels(device) for device in (*site.devices, *site.pdus)} if site is not None else {}

    def _of_class(self, device_class: str) -> list[str]:
        return sorted(device for device, known in self._classes.items() if known == device_class)


def _learned_of(steps: Iterable[StatefulStep]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for each in steps:
        for label, value in each.outputs[0].labels:
            if label == "device":
                found.setdefault(value, []).append(each.key)
    return found


def _counters(plan: Plan, accounts: Accounts) -> _Counters:
    """The counters of single devices among the accounts' streams."""
    found: _Counters = {}
    for stream in accounts.streams:
        nodes = [plan.nodes[slot] for slot in inputs_of(stream.slot, plan.nodes)]
        leaves = [node for node in nodes if isinstance(node, Leaf)]
        if stream.is_counter and len({leaf.device for leaf in leaves}) == 1:
            found.setdefault(leaves[0].device, []).append((stream.quantity, stream.slot, [leaf.key for leaf in leaves]))
    return found
