"""Plans the figures of one site: which are computed, from which series, and when the plan must be made again.

To add a figure, write its `plan_…` function in `power`, `liquid` or `energy`, and call it in `plan_site`.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from collector.derive.cycle_state import Watched, plan_watched
from collector.derive.energy import Accounts, Factor, plan_accounts, plan_own_power, site_power
from collector.derive.engine import PART, Leaf, Plan, Planner, StatefulStep, inputs_of
from collector.derive.environment import plan_rack_air
from collector.derive.known_devices import KnownDevices
from collector.derive.limits import plan_limits
from collector.derive.liquid import Thermal, plan_cdus, plan_leaks, plan_loops, plan_plant
from collector.derive.power import (
    RackPower,
    SupplySlots,
    plan_breakers,
    plan_counts,
    plan_feeds,
    plan_generators,
    plan_racks,
    plan_supplies,
    slots_of_supplies,
)
from rackflow.process.bulkhead import Failures
from rackflow.site import Battery, Site

T = TypeVar("T")
# A plan of n outputs is used for at least n / 2000 seconds, because planning takes 50 to 150 microseconds an output. While new series
# arrive in every cycle, as when a site starts, it is used three times as long: each such plan would lack the series of the next cycle, and
# the processor is needed for receiving.
_OUTPUTS_PER_S = 2000
_GROWING_TIMES = 3
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


@dataclass(frozen=True, slots=True)
class MeterCounter:
    """A counter of one meter, as the energy accounts use it. Late readings are added with it."""

    quantity: str
    slot: int
    keys: tuple[str, ...]
    """The series that the slot is computed from, all of this meter."""


@dataclass(frozen=True, slots=True)
class SitePlan:
    """The result of planning. If a part could not be planned, it is absent and `is_complete` is False."""

    plan: Plan
    metrics_used: set[str]
    """A new series of any other metric cannot change the plan."""
    accounts: Accounts | None
    watched: Watched | None
    counters: Mapping[str, list[MeterCounter]]
    """By meter."""
    stateful: tuple[StatefulStep, ...]
    states_of: Mapping[str, list[tuple[str, str]]]
    """By device: the keys of the stateful figures' states that belong to it, to drop them with the device. Searching all steps would take
    seconds."""
    supplies: SupplySlots
    is_complete: bool


@dataclass(slots=True)
class PlanTimer:
    """When a site may be planned again. Times are monotonic seconds."""

    is_outdated: bool = False
    """Whether the plan lacks a device or a series, or a part of it could not be planned."""
    _next_s: float = -math.inf
    _next_growing_s: float = -math.inf
    """The earliest time while devices or series are still being added."""

    def is_due(self, now: float, *, grows: bool) -> bool:
        """Whether enough time has passed; `grows` is whether devices or series were added since the last call."""
        return now >= (self._next_growing_s if grows else self._next_s)

    def postpone(self, now: float) -> None:
        """Try later: planning failed as a whole."""
        self._next_s = self._next_growing_s = now + _PLAN_AGAIN_S

    def restart(self, made: SitePlan, now: float) -> None:
        """Begin the time for which a new plan is used; see `_OUTPUTS_PER_S`."""
        self.is_outdated = not made.is_complete
        pause_s = len(made.plan.outputs) / _OUTPUTS_PER_S
        self._next_s = now + max(pause_s, 0.0 if made.is_complete else _PLAN_AGAIN_S)
        self._next_growing_s = max(self._next_s, now + pause_s * _GROWING_TIMES)


def plan_site(name: str, site: Site | None, settings: Settings, devices: KnownDevices, failures: Failures) -> SitePlan:
    """Plan all figures of a site. Racks come before feeds, loops and accounts, which are computed from their slots.

    It takes seconds for a large site, and may run in a thread: it changes none of its arguments. What needs a part that could not be
    planned is left out: a sum without some of its racks would be a wrong number.
    """
    planner = Planner(name, devices.series, devices.labels | _described(site))
    failed: list[str] = []

    def tried(part: str, plan: Callable[[], T]) -> T | None:
        mark = planner.mark()
        outcome = failures.attempt(PART, lambda: (plan(),), otherwise=None)
        if outcome is None:
            failed.append(part)
            planner.withdraw(mark)
            return None
        return outcome[0]

    tried("cdus", lambda: plan_cdus(planner, site, devices.of_class("cdu"), settings.pumps_required))
    tried("air", partial(plan_rack_air, planner, site, sorted(devices.classes)))
    tried("counts", partial(plan_counts, planner, sorted(devices.classes)))
    racks: dict[str, RackPower] | None = {}
    accounts: Accounts | None = None
    if site is not None:
        racks = tried("racks", partial(plan_racks, planner, site))
    if racks is not None:
        tried("breakers", partial(plan_breakers, planner, site, devices.of_class("pdu"), racks))
    if site is not None and racks is not None:
        batteries = {ups.id: ups.battery for ups in site.ups.values() if ups.battery} | dict(settings.batteries)
        tried("limits", partial(plan_limits, planner, site, settings.thermal))
        tried("feeds", partial(plan_feeds, planner, site, racks, batteries))
        tried("loops", partial(plan_loops, planner, site, racks, settings.thermal))
        tried("generators", lambda: plan_generators(planner, site, site_power(planner, site)))
        tried("plant", partial(plan_plant, planner, site))
        tried("leaks", partial(plan_leaks, planner, site))
        tried("own power", partial(plan_own_power, planner, site, racks))
        accounts = tried("accounts", partial(plan_accounts, planner, site, racks, devices.of_class("meter")))
    watched = tried(
        "trust", lambda: plan_watched(planner, site, devices.classes, racks or {}, with_racks=racks is not None)
    )
    if watched is None:
        # Without the watch list no sensor is judged, and figures must not use sensors that are not judged.
        planner.withdraw((0, 0))
        accounts = None
    plan = planner.plan()
    stateful = tuple(planner.stateful)
    return SitePlan(
        plan,
        planner.metrics_used,
        accounts,
        watched,
        _counters(plan, accounts) if accounts is not None else {},
        stateful,
        _states_of(stateful),
        # Not tried separately: if it fails, planning as a whole must fail, because sums would count loads twice.
        slots_of_supplies(plan_supplies(site), plan) if site is not None else SupplySlots(),
        is_complete=not failed,
    )


def _described(site: Site | None) -> dict[str, dict[str, str]]:
    """Labels by device from the site file, which take precedence over those that agents send."""
    # `site.pdus` includes power shelves: figures carry their names, although a meter in the tap-off box reports for them.
    return {device: site.labels(device) for device in (*site.devices, *site.pdus)} if site is not None else {}


def _states_of(steps: Iterable[StatefulStep]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for each in steps:
        for label, value in each.outputs[0].labels:
            if label == "device":
                found.setdefault(value, []).append(each.key)
    return found


def _counters(plan: Plan, accounts: Accounts) -> dict[str, list[MeterCounter]]:
    """The counters of single devices among the accounts' streams."""
    found: dict[str, list[MeterCounter]] = {}
    for stream in accounts.streams:
        nodes = [plan.nodes[slot] for slot in inputs_of(stream.slot, plan.nodes)]
        leaves = [node for node in nodes if isinstance(node, Leaf)]
        if stream.is_counter and len({leaf.device for leaf in leaves}) == 1:
            keys = tuple(leaf.key for leaf in leaves)
            found.setdefault(leaves[0].device, []).append(MeterCounter(stream.quantity, stream.slot, keys))
    return found
