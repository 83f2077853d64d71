"""A site as the API shows it: readings go in, documents come out, with a clock that the test holds."""

from collections.abc import Mapping
from typing import Any

from collector.api.api import Api, Sources
from collector.api.documents import Document, plain_steps
from collector.api.live import PartName
from collector.api.overview import Surroundings
from collector.api.requests import Query
from collector.api.routes import ROUTES
from collector.api.scene import Scene
from collector.derive.latest_figures import LatestFigures
from collector.latest.latest import Latest
from collector.problems.history import History
from collector.problems.table import load_table
from collector.problems.tracker import Tracker
from rackflow.process.slices import run_through
from rackflow.site import Site
from tests.collector.derive.hall import WALL_S, Readings, hall


class Shown:
    """One collector with one site file; figures and problems are those that the test puts there."""

    def __init__(self, site: Site | None = None, *, described: bool = True, latest: Latest | None = None) -> None:
        self.site = site or hall()
        self.readings = Readings(self.site, described=described, latest=latest)
        self.figures = LatestFigures(5.0)
        self.tracker = Tracker(load_table())
        self.history = History()
        self.around = Surroundings([self.site.id], "Africa/Casablanca", 3600, {})
        self.is_complete = True
        self.api = Api(
            Sources(
                self.readings.latest,
                site=lambda: self.site if described else None,
                figures=self.figures.of,
                problems=self.tracker.active,
                beginning=self.tracker.beginning,
                are_problems_complete=lambda: self.is_complete,
                around=lambda: self.around,
                table=load_table(),
                ended=self.history.since,
                explain=lambda _, metric, labels: self.readings.engine.explain_steps(metric, labels),
                distrusted=lambda _: self.readings.engine.distrusted,
                runbook_base="https://runbooks.example/",
            )
        )

    def derive(self, now: float = 101.0) -> None:
        """One cycle of figures."""
        found = self.readings.engine.cycle(self.readings.latest, now, WALL_S + now)
        self.figures.put(self.site.id, found, now)

    def problem(self, name: str, value: float = 1.0, *, now: float = 100.0, **labels: str) -> None:
        """A problem holds from now on, and is reported at once, whatever its hold time."""
        labels = {"site": self.site.id} | labels
        key = name, tuple(sorted(labels.items()))
        unit = "test", name, *sorted(labels.values())
        problem = load_table().problems[name]
        self.tracker.update(unit, {key: value}, now - problem.hold_s)
        self.tracker.update(unit, {key: value}, now)
        self.tick(now)

    def begins(self, name: str, value: float = 1.0, *, now: float = 100.0, **labels: str) -> None:
        """A problem holds from now on, for no time so far."""
        labels = {"site": self.site.id} | labels
        key = name, tuple(sorted(labels.items()))
        self.tracker.update(("test", name, *sorted(labels.values())), {key: value}, now)
        self.tick(now)

    def ended(self, name: str, now: float, **labels: str) -> None:
        """The problem holds no more, and its time of keeping is over."""
        labels = {"site": self.site.id} | labels
        unit = "test", name, *sorted(labels.values())
        self.tracker.update(unit, {}, now)
        self.tick(now + load_table().problems[name].keep_s)

    def tick(self, now: float) -> None:
        """Begin and end problems, and note them."""
        for changed in self.tracker.tick(now, WALL_S + now):
            self.history.note(changed)

    def scene(self, now: float = 101.0) -> Scene:
        """What is known at this moment."""
        return run_through(self.api.scene_steps(self.site.id, now, WALL_S + now))

    def get(self, path: str, now: float = 101.0, **query: str) -> dict[str, Any]:
        """The document at an address of the API, as plain data. `path` has `{name}` where the address has."""
        return plain_of(self.document(path, now, query))

    def document(self, path: str, now: float, query: Query) -> Document:
        """The document at an address."""
        route = next(each for each in ROUTES if each.path == path)
        return run_through(route.make(self.api, self.scene(now), query))

    def part(self, shown: str, now: float = 101.0) -> Mapping[str, Any]:
        """A part of a stream."""
        kind, _, of = shown.partition(":")
        return run_through(self.api.part_steps(PartName(self.site.id, kind, of), now, WALL_S + now))


def plain_of(document: Document) -> dict[str, Any]:
    """A document as dictionaries and lists."""
    return run_through(plain_steps(document))


def powered(shown: Shown, now: float = 100.0) -> None:
    """Every PDU, UPS and CDU of the hall answers: rack a1 takes 4.6 kW, a2 42 kW."""
    readings = shown.readings
    volts: dict[str, float | str] = {f"pdu_phase_voltage_volts{{inlet=1,phase=L{at}}}": 231.0 for at in (1, 2, 3)}
    for pdu in ("pdu-a1-a", "pdu-a1-b"):
        readings.take(
            pdu,
            {
                "pdu_phase_current_amperes{inlet=1,phase=L1}": 10.0,
                "pdu_phase_voltage_volts{inlet=1,phase=L1}": 231.0,
                "pdu_input_power_watts{inlet=1}": 2300.0,
            },
            now,
        )
    readings.take("pdu-a1-a", {"env_temperature_celsius{position=inlet,sensor=1}": 23.25}, now)
    for pdu in ("pdu-a2-a1", "pdu-a2-a2", "pdu-a2-b1", "pdu-a2-b2"):
        amperes: dict[str, float | str] = {
            f"pdu_phase_current_amperes{{inlet=1,phase=L{at}}}": 15.0 for at in (1, 2, 3)
        }
        readings.take(pdu, amperes | volts | {"pdu_input_power_watts{inlet=1}": 10_500.0}, now)
    for ups, watts in (("ups-a1", 12_000.0), ("ups-a2", 12_000.0), ("ups-b", 23_000.0)):
        readings.take(
            ups,
            {
                "ups_output_total_power_watts": watts,
                "ups_output_source": "normal",
                "ups_battery_runtime_seconds": 1234.5,
                "ups_battery_charge_ratio": 1.0,
            },
            now,
            device_class="ups",
        )
    for cdu in ("cdu-1", "cdu-2"):
        readings.take(
            cdu,
            {
                "cdu_supply_temperature_celsius{loop=secondary}": 31.8,
                "cdu_return_temperature_celsius{loop=secondary}": 40.9,
                "cdu_flow_cubic_meters_per_second{loop=secondary}": 0.0053,
                "cdu_heat_removed_watts{loop=secondary}": 18_000.0,
                "cdu_pump_state{pump=1}": "running",
                "cdu_pump_state{pump=2}": "standby",
                "cdu_dew_point_celsius": 12.0,
            },
            now,
            device_class="cdu",
        )
    readings.take("meter-main", {"meter_power_watts{role=facility}": 52_000.0}, now, device_class="meter")
    readings.take("meter-it", {"meter_power_watts{role=it}": 46_600.0}, now, device_class="meter")
    shown.derive(now + 1)
