"""The figures of one site: computes the plan (`site_plan.py`) in each cycle, and replaces it when devices or their series change.

The order within a cycle matters: suspects are found first, so that no figure uses them. Finding them needs rack powers, which are taken
from the previous cycle, because those of this cycle are not computed yet.
"""

from collections.abc import Generator, Iterable, Mapping

from collector.derive.cycle_state import CycleState
from collector.derive.energy import EnergyRecords, Factors
from collector.derive.engine import (
    PART,
    Figure,
    Inputs,
    Plan,
    StatefulFigures,
    Values,
    compute_steps,
    explain_steps,
    figure_steps,
    value_from,
)
from collector.derive.explain import Explanation, slots_of
from collector.derive.known_devices import KnownDevices
from collector.derive.power import Supplies
from collector.derive.site_plan import PlanTimer, Settings, SitePlan, plan_site
from collector.latest import Latest, LatestValue, Observations
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import run_through
from rackflow.site import Site

# Figures made from state in one slice; each takes about 10 microseconds.
_FIGURES_PER_SLICE = 100


class SiteFigures:
    """Derives the figures of one site. Without a site file `site` is None, and figures cover single devices only."""

    def __init__(self, name: str, site: Site | None, settings: Settings, failures: Failures | None = None) -> None:
        self.name = name
        self._failures = failures if failures is not None else Failures(PART)
        self._site = site
        self._settings = settings
        self._devices = KnownDevices(name)
        self.energy_records = EnergyRecords(
            Factors(site.grid if site is not None else None, settings.hourly, settings.residual_grams_per_kwh),
            failures=self._failures,
        )
        self._state = CycleState(failures=self._failures)
        self._stateful = StatefulFigures(self._failures)
        self._supplies = Supplies()
        self._plan: SitePlan | None = None
        """The present plan; None until the first one is made."""
        self._timer = PlanTimer()
        self._last_values: Values | None = None
        """Of the last cycle; None if the plan is newer than that."""
        self.distrusted: Mapping[tuple[str, str], str] = {}
        """Series that the figures of the last cycle did not use, by device and key, with the reason."""

    def cycle(self, latest: Latest, now: float, wall_s: float, *, may_plan: bool = True) -> list[Figure]:
        """All of `cycle_steps` at once."""
        return run_through(self.cycle_steps(latest, now, wall_s, may_plan=may_plan))

    def cycle_steps(
        self, latest: Latest, now: float, wall_s: float, *, may_plan: bool = False
    ) -> Generator[None, None, list[Figure]]:
        """All figures at `now` (monotonic seconds); `wall_s` is the same moment in seconds since 1970. Yields after each slice.

        Without `may_plan`, an outdated plan stays in use, and without a plan there are no figures: the caller plans in a thread.
        """
        if may_plan:
            self.plan(latest, now)
        made = self._plan
        if made is None:
            return []
        plan, watched = made.plan, made.watched
        observations = latest.observe(now, self.name)

        def readings_of(device: str) -> Mapping[str, LatestValue]:
            # Readings of a device that is not observed are not used: neither for figures nor for deciding which sensors can be trusted.
            return {} if (self.name, device) in observations.causes else latest.readings_of(self.name, device)

        yield
        distrusted: dict[tuple[str, str], str] = {}
        if watched is not None:
            distrusted = yield from self._state.update_steps(watched, readings_of, self._last_values, now)
        self.distrusted = distrusted
        silent = self._silent_devices(latest, observations)
        down = {device for device in silent if (self.name, device) not in observations.causes}
        yield from self._supplies.update_steps(readings_of, down, now)
        instead = self._supplies.values(self._last_values)
        values = yield from compute_steps(
            plan, readings_of, distrusted, now, silent=silent, failures=self._failures, instead=instead
        )
        found = yield from figure_steps(plan, values, self._failures)
        if watched is not None:
            yield from _append_steps(self._state.figures(watched, values, now), found)
        yield from _append_steps(self._stateful.figures(made.stateful, values, now), found)
        yield
        self._last_values = values  # frees those of the cycle before, which takes as long as a slice
        yield
        if made.accounts is not None:
            found += yield from self.energy_records.cycle_steps(made.accounts, values, wall_s)
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
        made, values = self._plan, self._last_values
        if made is None or values is None:
            return Explanation("readings", Inputs())
        basis, slots = slots_of(
            metric, labels, made.plan, steps=made.stateful, watched=made.watched, accounts=made.accounts
        )
        inputs = yield from explain_steps(made.plan, values, slots)
        # Values that the site file or the configuration states are published as figures, too; they come from no reading.
        return Explanation("site_file" if basis == "readings" and not inputs.total else basis, inputs)

    def refine(self, device: str, values: Mapping[str, float], at_s: float) -> bool:
        """Add counters of a device that arrived late to the hours in which they were read, `at_s` (seconds since 1970).

        Returns False if it is too early for that. Quantities summed over several devices are left out, because the readings of the other
        devices at that moment are not known.
        """
        made = self._plan
        if made is None:
            return False
        counters = made.counters.get(device)
        if counters is None:
            # Done if the device's energy is not accounted for; but that is only certain once a plan has been made with these series.
            return not self._timer.is_outdated and values.keys() <= self._devices.series.get(device, {}).keys()
        totals = self.energy_records.totals
        found = [
            totals.refine(each.quantity, value_from(each.slot, made.plan.nodes, values), at_s)
            for each in counters
            if all(key in values for key in each.keys)
        ]
        return all(found)

    def plan(self, latest: Latest, now: float) -> Plan:
        """The present plan; a new one is made if it is due."""
        if self.is_plan_due(latest, now) or self._plan is None:
            return self.adopt(self.make_plan(), now)
        return self._plan.plan

    def is_plan_due(self, latest: Latest, now: float) -> bool:
        """All of `is_due_steps` at once."""
        return run_through(self.is_due_steps(latest, now))

    def is_due_steps(self, latest: Latest, now: float) -> Generator[None, None, bool]:
        """Whether a new plan is needed: a device came, went or moved, or a series used by figures is new; see `PlanTimer`.

        Yields after each device.
        """
        grows = False
        metrics_used = self._plan.metrics_used if self._plan is not None else set()
        # Noted at once for each device, in case this check is abandoned half way.
        for change in self._devices.update_steps(latest, metrics_used):
            grows = grows or change.alters_plan
            self._timer.is_outdated = self._timer.is_outdated or change.alters_plan
            self._forget_learned(change.forgotten)
            yield
        return (self._plan is None or self._timer.is_outdated) and self._timer.is_due(now, grows=grows)

    def postpone_plan(self, now: float) -> None:
        """Try to plan later: planning failed as a whole."""
        self._timer.postpone(now)

    def make_plan(self) -> SitePlan:
        """A plan with all devices seen so far. It may run in a thread: what it reads changes only in `plan` and `is_due_steps`."""
        return plan_site(self.name, self._site, self._settings, self._devices, self._failures)

    def adopt(self, made: SitePlan, now: float) -> Plan:
        """Use a new plan from now on."""
        self._plan = made
        self._supplies.slots = made.supplies
        if made.is_complete:
            self._stateful.keep(made.stateful)
        self._last_values = None  # its slots belong to the former plan
        self._timer.restart(made, now)
        return made.plan

    def _forget_learned(self, devices: Iterable[str]) -> None:
        for device in devices:
            self._state.forget(device)
            self._stateful.forget(self._plan.states_of.get(device, ()) if self._plan is not None else ())


def _append_steps(figures: Iterable[Figure], found: list[Figure]) -> Generator[None, None, None]:
    """Compute figures and append them to `found`. Yields before each slice."""
    for count, figure in enumerate(figures):
        if count % _FIGURES_PER_SLICE == 0:
            yield
        found.append(figure)
