"""What is known of one site at one moment, looked up once for all documents that are made of it.

Documents of one moment must agree with each other, and with 5,000 devices a lookup for each document would cost too much. `now` is
monotonic seconds, `wall_s` is the same moment in seconds since 1970. Pure.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from collector.api.documents import Blamed, ProblemMark, Severity, Unobserved
from collector.api.layout import Layout
from collector.derive import Figure
from collector.latest import DeviceState, Latest, Observations
from collector.problems import SEVERITY_RANK, TrackedProblem, problem_id
from rackflow.site import Site

# Figures that floor and site are made of. A large site has 50,000, and only these are looked at every second.
USED = frozenset(
    {
        "dcim_rack_power_watts",
        "dcim_rack_power_utilisation_ratio",
        "dcim_rack_feed_loss_load_ratio",
        "dcim_pdu_phase_headroom_amperes",
        "dcim_cdu_dew_point_margin_celsius",
        "dcim_cdu_pumps_spare",
        "dcim_loop_heat_watts",
        "dcim_loop_cdus_spare",
        "dcim_loop_ride_through_seconds",
        "dcim_ups_modelled_runtime_seconds",
        "dcim_ups_redundancy_margin_watts",
        "dcim_site_survives_feed_loss",
        "dcim_site_racks_lost_on_feed_loss",
        "dcim_site_facility_watts",
        "dcim_site_it_watts",
        "dcim_grid_carbon_intensity_grams_per_kilowatt_hour",
        "dcim_device_reading_suspect",
    }
)
SURVIVES = "dcim_rack_survives_feed_loss"
# Loads after the loss of a feed, as shares of what UPSs, panels and shelves may carry.
_LOADS_ON_LOSS = frozenset(
    {"dcim_ups_feed_loss_load_ratio", "dcim_panel_feed_loss_load_ratio", "dcim_rack_shelf_feed_loss_load_ratio"}
)
_KEYED_BY = ("device", "rack", "loop", "group", "feed")
# Figures or problems looked at between two turns of the loop: some dictionary operations each, a millisecond or two in all.
_SLICE = 500


class FigureIndex:
    """The figures of one cycle by metric and place: the device, rack, loop, group or feed that a figure is about."""

    def __init__(self) -> None:
        self.source: Sequence[Figure] = ()
        self.known = 0
        self._by_place: dict[tuple[str, str], list[Figure]] = {}
        self._by_metric: dict[str, list[Figure]] = {}
        # Figures change every five seconds, and are asked for every second.
        self._found: dict[tuple[str, str, str, str, bool | None], float | None] = {}
        self._failing: dict[str, list[Figure]] = {}
        self.blamed: dict[str, list[Blamed]] = {}
        """By feed: what does not survive its loss, once somebody has asked (`blame.py`)."""

    @classmethod
    def index_steps(cls, source: Sequence[Figure]) -> Generator[None, None, "FigureIndex"]:
        """Index the figures of a cycle. Yields after each slice."""
        index = cls()
        yield from index.fill(source)
        return index

    def fill(self, source: Sequence[Figure]) -> Generator[None]:
        """Take the figures of a cycle, once. Yields after each slice."""
        self.source = source
        for count, figure in enumerate(source, 1):
            if count % _SLICE == 0:
                yield
            if figure.value is not None:
                self.known += 1
            name = figure.output.metric.name
            if name not in USED:
                self._note_failing(name, figure)
                continue
            self._by_metric.setdefault(name, []).append(figure)
            labels = dict(figure.output.labels)
            place = next((labels[label] for label in _KEYED_BY if label in labels), "")
            self._by_place.setdefault((name, place), []).append(figure)

    def _note_failing(self, name: str, figure: Figure) -> None:
        """Keep a figure by which something goes down, or is overloaded, when a feed is lost."""
        if figure.value is None:
            return
        if (name == SURVIVES and figure.value < 1.0) or (name in _LOADS_ON_LOSS and figure.value > 1.0):
            self._failing.setdefault(dict(figure.output.labels).get("feed", ""), []).append(figure)

    def failing(self, feed: str) -> Sequence[Figure]:
        """Figures by which racks go down, and UPSs, panels and shelves are overloaded, when this feed is lost."""
        return self._failing.get(feed, ())

    def load_on_loss(self, rack: str, feed: str, phase: str) -> float | None:
        """The load of a rack's other supply when a feed is lost, as a share of its limit; None if it is unknown or has none."""
        wanted = {("feed", feed), ("phase", phase)}
        found = [
            each.value for each in self.of("dcim_rack_feed_loss_load_ratio", rack) if wanted <= {*each.output.labels}
        ]
        return found[0] if len(found) == 1 else None

    def of(self, metric: str, place: str) -> Sequence[Figure]:
        """The figures of a metric at a place."""
        return self._by_place.get((metric, place), ())

    def all(self, metric: str) -> Sequence[Figure]:
        """All figures of a metric."""
        return self._by_metric.get(metric, ())

    def value(self, metric: str, place: str, label: str = "", wanted: str = "") -> float | None:
        """The value of the one figure of a place, with this value of a label; None if it is unknown or not there."""
        key = metric, place, label, wanted, None
        if key not in self._found:
            found = self._with(metric, place, label, wanted)
            self._found[key] = found[0].value if len(found) == 1 else None
        return self._found[key]

    def extreme(self, metric: str, place: str, *, highest: bool, label: str = "", wanted: str = "") -> float | None:
        """The highest or lowest of a place's figures, such as of its phases; None if one of them is unknown, or if there is none."""
        key = metric, place, label, wanted, highest
        if key not in self._found:
            values = [each.value for each in self._with(metric, place, label, wanted)]
            self._found[key] = max_known(values) if highest else min_known(values)
        return self._found[key]

    def _with(self, metric: str, place: str, label: str, wanted: str) -> Sequence[Figure]:
        found = self.of(metric, place)
        return [each for each in found if (label, wanted) in each.output.labels] if label else found


@dataclass(slots=True)
class Scene:
    """One site at one moment."""

    layout: Layout
    latest: Latest
    figures: FigureIndex
    observations: Observations
    problems: Sequence[TrackedProblem]
    """The problems reported now, consequences included."""
    is_complete: bool
    """Whether the problems of all devices were looked at since the start."""
    now: float
    wall_s: float
    beginning: Sequence[TrackedProblem] = ()
    """Conditions that hold, but not yet for long enough to be reported (`Tracker.beginning`)."""
    rack_marks: dict[str, ProblemMark] = field(default_factory=dict)
    device_marks: dict[str, ProblemMark] = field(default_factory=dict)
    begun: dict[str, ProblemMark] = field(default_factory=dict)
    """The worst condition in `beginning` by kind and name of the place, as in `rack a1` and `device ups-a`."""
    lost_feeds: frozenset[str] = frozenset()

    @property
    def site(self) -> str:
        """Its name."""
        return self.layout.site

    def device(self, name: str) -> DeviceState | None:
        """A device of the site; None if nothing was heard of it."""
        return self.latest.device(self.site, name)

    def unobserved(self, name: str) -> Unobserved | None:
        """Why a device is not observed; None if it is."""
        device = self.device(name)
        if device is None:
            return Unobserved(cause="never_heard", agent="")
        cause = self.observations.causes.get((self.site, name))
        return Unobserved(cause=cause, agent=device.agent) if cause is not None else None

    def is_up(self, name: str) -> bool:
        """Whether a device is observed and answers."""
        device = self.device(name)
        return device is not None and (self.site, name) not in self.observations.causes and device.up is True

    def is_here(self, labels: Iterable[tuple[str, str]]) -> bool:
        """Whether a problem with these labels is one of this site, or of the collector itself, which names no site."""
        return dict(labels).get("site", self.site) == self.site

    def beginning_at(self, kind: str, name: str) -> ProblemMark | None:
        """The worst condition at a rack or device that is not reported yet, if it is worse than the active problems there."""
        mark = self.begun.get(f"{kind} {name}")
        own = (self.rack_marks if kind == "rack" else self.device_marks).get(name)
        return (
            mark
            if mark is not None and (own is None or SEVERITY_RANK[mark.severity] < SEVERITY_RANK[own.severity])
            else None
        )

    def readings(
        self, device: str, metric: str, **labels: str
    ) -> Iterator[tuple[Mapping[str, str], float | str | None]]:
        """Labels and value of each series of a metric in `layout.READ`; None for one that has expired or is not observed."""
        is_seen = (self.site, device) not in self.observations.causes
        readings = self.latest.readings_of(self.site, device)
        for key, own in self.layout.series.get(device, {}).get(metric, ()):
            if labels and not labels.items() <= own.items():
                continue
            each = readings.get(key)
            yield own, each.value if each is not None and is_seen and self.now < each.expires_at else None

    def numbers(self, device: str, metric: str, **labels: str) -> list[float | None]:
        """The values of a numeric metric's series; None for each that is not current."""
        return [value if isinstance(value, float) else None for _, value in self.readings(device, metric, **labels)]

    def known_numbers(self, device: str, metric: str) -> list[float]:
        """The current values of a numeric metric's series. Takes half of the time of `numbers`: it is called for each PDU every second."""
        if (self.site, device) in self.observations.causes:
            return []
        readings, now = self.latest.readings_of(self.site, device), self.now
        found = []
        for key, _ in self.layout.series.get(device, {}).get(metric, ()):
            each = readings.get(key)
            if each is not None and now < each.expires_at and each.value.__class__ is float:
                found.append(each.value)
        return found

    def number(self, device: str, metric: str, **labels: str) -> float | None:
        """The value of a metric of which the device has one series."""
        found = self.numbers(device, metric, **labels)
        return found[0] if len(found) == 1 else None

    def sum_of(self, device: str, *metrics: str) -> float | None:
        """The sum of all series of the first metric that the device has and whose series are all current."""
        for metric in metrics:
            found = self.numbers(device, metric)
            known = [value for value in found if value is not None]
            if known and len(known) == len(found):
                return sum(known)
        return None

    def age_s(self, name: str) -> float | None:
        """Seconds since the last batch of a device; None if there was none."""
        device = self.device(name)
        return self.now - device.received_at if device is not None and device.up is not None else None


def is_awaited(file: Site | None, device: str) -> bool:
    """Whether a device that was never heard of counts as missing. Panels do not, because most have no meter to be polled."""
    return file is None or device not in file.panels


def mark_problems_steps(scene: Scene) -> Generator[None, None, Scene]:
    """Work out which racks and devices have problems. Yields after each slice."""
    lost: set[str] = set()
    cared = {
        each.key: _care(each) for each in scene.problems if each.window is not None or each.acknowledged is not None
    }
    severities = {each.key: each.problem.severity for each in scene.problems}
    for count, tracked in enumerate(scene.problems, 1):
        if count % _SLICE == 0:
            yield
        if not scene.is_here(tracked.labels):
            continue
        labels = dict(tracked.labels)
        problem = tracked.problem
        if problem.name == "DcimFeedLost" and not tracked.is_uncertain:
            lost.add(labels.get("feed", ""))
        # A consequence marks its rack with its cause: that is the problem to read about.
        of = tracked.cause if tracked.cause is not None else tracked.key
        # It is not worse than its cause: a UPS on battery has dead phases at its input, which are critical elsewhere.
        severity = max(problem.severity, severities.get(of, problem.severity), key=SEVERITY_RANK.__getitem__)
        mark = ProblemMark(severity=severity, id=problem_id(*of), care=cared.get(of))
        racks = tracked.affected or ((labels["rack"],) if "rack" in labels else ())
        for rack in racks:
            _worse(scene.rack_marks, rack, mark)
        for name in ("device", "group"):
            if name in labels:
                _worse(scene.device_marks, labels[name], mark)
    scene.lost_feeds = frozenset(lost)
    _note_beginning(scene)
    return scene


def _note_beginning(scene: Scene) -> None:
    for tracked in scene.beginning:
        if not scene.is_here(tracked.labels):
            continue
        labels = dict(tracked.labels)
        mark = ProblemMark(severity=tracked.problem.severity, id=problem_id(*tracked.key))
        racks = tracked.affected or ((labels["rack"],) if "rack" in labels else ())
        devices = [labels[name] for name in ("device", "group") if name in labels]
        for place in (*(f"rack {rack}" for rack in racks), *(f"device {device}" for device in devices)):
            _worse(scene.begun, place, mark)


def _worse(marks: dict[str, ProblemMark], place: str, mark: ProblemMark) -> None:
    before = marks.get(place)
    if before is None or urgency(mark) < urgency(before):
        marks[place] = mark


def urgency(mark: ProblemMark) -> tuple[int, bool, str]:
    """Sort key of marks at one place: the most severe first, and before those that somebody takes care of."""
    return SEVERITY_RANK[mark.severity], mark.care is not None, mark.id


def _care(tracked: TrackedProblem) -> Literal["acknowledged", "maintenance"]:
    return "maintenance" if tracked.window is not None else "acknowledged"


def worst(marks: Iterator[ProblemMark | None]) -> Severity | None:
    """The most severe of some marks."""
    found = {mark.severity for mark in marks if mark is not None}
    return next((severity for severity in SEVERITY_RANK if severity in found), None)


def total(values: Sequence[float | None]) -> float | None:
    """A sum; None if one of the values is not known, or if there are none."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def min_known(values: Sequence[float | None]) -> float | None:
    """The smallest of these values; None if one of them is unknown, because it might be the smallest."""
    known = [value for value in values if value is not None]
    return min(known) if known and len(known) == len(values) else None


def max_known(values: Sequence[float | None]) -> float | None:
    """The highest known value; see `min_known`."""
    known = [value for value in values if value is not None]
    return max(known) if known and len(known) == len(values) else None


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of the known values; None if none is known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
