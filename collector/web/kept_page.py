"""The page of the safety class, which is scraped every second: its lines are cached, and only those with changed values are rewritten.

The safety class is a seventh of a hall's page, and nearly all of it stays the same from one second to the next. So each scrape mainly
compares values with those of the last scrape, in lists of a few hundred at a time.
"""

from collections.abc import Container, Generator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from collector.derive import LatestFigures
from collector.latest import DeviceState, Latest, LatestValue, Observations
from collector.web.exposition import (
    ENTRIES_PER_PART,
    METRICS_PART,
    DeviceKey,
    Families,
    Identity,
    PagePart,
    SeriesLines,
    add_agent,
    head_of,
    identity_of,
    series_lines,
)
from rackflow.catalogue import catalogue
from rackflow.process.bulkhead import Failures

INFO, OBSERVED, UP = "dcim_device_info", "dcim_device_observed", "dcim_device_up"
# Devices whose lines are made in one slice, when one has come or gone: 10 us each, and 100 when they are made for the first time.
DEVICES_PER_SLICE = 10
# Series of one part of the page: checking whether one has changed takes 40 ns, writing it again up to 3 us.
SERIES_PER_PART = 1_000


@dataclass(slots=True)
class _Devices:
    """Some devices, with the lines about each of them as a whole."""

    devices: list[DeviceState] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    keys: list[DeviceKey] = field(default_factory=list)
    sources: tuple[list[object], ...] = field(default_factory=lambda: ([], [], []))
    """The values that identities are made from, apart from the agent, which never changes for a device."""
    shown: object = None
    """What `texts` were made of."""
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        return len(self.devices) >= ENTRIES_PER_PART

    def is_current(self) -> bool:
        """Whether names and places of all devices are unchanged."""
        return self.sources == self._present_sources()

    def add(self, device: DeviceState, identity: Identity) -> None:
        self.devices.append(device)
        self.identities.append(identity)
        self.keys.append((device.site, device.device))
        for known, source in zip(self.sources, (device.labels, device.document, device.device_class), strict=True):
            known.append(source)

    def _present_sources(self) -> tuple[list[object], ...]:
        # Three lists, not one of triples: half of the time.
        devices = self.devices
        return (
            [each.labels for each in devices],
            [each.document for each in devices],
            [each.device_class for each in devices],
        )

    def fill(self, unseen: Container[DeviceKey]) -> bool:
        """Write the lines of the present moment. `unseen` are the devices that nobody observes. Returns True, see `KeptPage._fill`."""
        seen = [key not in unseen for key in self.keys]
        shown = seen, [each.up for each in self.devices]
        if shown != self.shown:
            rows = list(zip(self.identities, *shown, strict=True))
            self.texts[INFO] = "".join([each.info for each in self.identities])
            self.texts[OBSERVED] = "".join([each.observed if is_seen else each.unobserved for each, is_seen, _ in rows])
            self.texts[UP] = "".join([each.up if is_up else each.down for each, is_seen, is_up in rows if is_seen])
            self.shown = shown
        return True


@dataclass(slots=True)
class _Series:
    """Series of one metric, of some devices."""

    lines: list[SeriesLines] = field(default_factory=list)
    """Those of each device."""
    texts: list[str] = field(default_factory=list)
    entries: list[LatestValue] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    """For each of `entries`, the index in `lines`."""
    values: list[float | str] = field(default_factory=list)
    text: str = ""

    @property
    def is_full(self) -> bool:
        return len(self.lines) >= ENTRIES_PER_PART or len(self.entries) >= SERIES_PER_PART

    def add(self, lines: SeriesLines, text: str) -> None:
        self.owners += [len(self.lines)] * len(lines.entries)
        self.lines.append(lines)
        self.texts.append(text)
        self.entries += lines.entries
        self.values += lines.values

    def fill(self) -> bool:
        """Write the lines whose values have changed. Returns True, see `KeptPage._fill`."""
        values = [each.value for each in self.entries]
        if values != self.values:
            places = zip(values, self.values, self.owners, strict=True)
            for at in {owner for value, before, owner in places if value != before}:
                self.texts[at] = self.lines[at].filled()
            self.values, self.text = values, ""
        if not self.text:
            self.text = "".join(self.texts)
        return True


class KeptPage:
    """The lines of the metrics `names`, as on the whole page. Metrics that describe one poll or a coolant are not supported."""

    def __init__(self, latest: Latest, names: AbstractSet[str], figures: LatestFigures | None = None) -> None:
        self._latest, self._names = latest, names
        self._figures = figures if any(catalogue()[name].derived == "collector" for name in names) else None
        self._shape: tuple[int, int] | None = None
        """Identifies the set of devices and series that the lines were made for."""
        self._devices: list[_Devices] = []
        self._series: dict[str, list[_Series]] = {}

    def steps(self, now: float, failures: Failures | None = None) -> Generator[None, None, list[PagePart]]:
        """Return the parts of the page; see `render_steps`."""
        failures = failures if failures is not None else Failures()
        yield from self._latest.expire_steps(now)
        observations = self._latest.observe(now)
        yield
        if not (yield from self._is_current()):
            yield from self._make(failures)
        is_filled = yield from self._fill(observations, failures)
        families = Families(self._names)
        for agent in list(self._latest.agents()):
            failures.attempt(METRICS_PART, partial(add_agent, families, agent, observations), otherwise=None)
        if self._figures is not None:
            yield from failures.attempt_steps(METRICS_PART, self._figures.expose_steps(families, now), otherwise=None)
        if not is_filled:
            self._shape = None  # makes all lines again next time, which finds the device that failed
        return list(self._parts(families))

    def _is_current(self) -> Generator[None, None, bool]:
        """Whether devices, their names and places, and series are the same as when the lines were made."""
        if self._shape != (self._latest.changes, self._latest.dropped):
            return False
        for devices in self._devices:
            if not devices.is_current():
                return False
            yield
        return True

    def _make(self, failures: Failures) -> Generator[None, None, None]:
        self._shape = self._latest.changes, self._latest.dropped
        self._devices, self._series = [], {}
        devices = list(self._latest.devices())
        for start in range(0, len(devices), DEVICES_PER_SLICE):
            failures.attempt_each(METRICS_PART, self._add, devices[start : start + DEVICES_PER_SLICE])
            yield

    def _add(self, device: DeviceState) -> None:
        identity = identity_of(device)
        # All texts first: a device whose series cannot be written is left out as a whole.
        made = [(each, each.filled()) for each in series_lines(device, identity.base) if each.name in self._names]
        if not self._devices or self._devices[-1].is_full:
            self._devices.append(_Devices())
        self._devices[-1].add(device, identity)
        for lines, text in made:
            found = self._series.setdefault(lines.name, [_Series()])
            if found[-1].is_full:
                found.append(_Series())
            found[-1].add(lines, text)

    def _fill(self, observations: Observations, failures: Failures) -> Generator[None, None, bool]:
        """Write the lines of the present moment. Returns whether nothing failed; what failed is left out of the page."""
        is_filled = True
        for devices in self._devices:
            if not failures.attempt(METRICS_PART, partial(devices.fill, observations.causes), otherwise=False):
                devices.texts, devices.shown, is_filled = {}, None, False
            yield
        for found in self._series.values():
            for series in found:
                if not failures.attempt(METRICS_PART, series.fill, otherwise=False):
                    series.text, is_filled = "", False
                yield
        return is_filled

    def _parts(self, families: Families) -> Sequence[PagePart]:
        texts = {name: [each.text for each in found] for name, found in self._series.items()}
        for name in (INFO, OBSERVED, UP):
            if name in self._names:
                texts[name] = [each.texts[name] for each in self._devices if name in each.texts]
        for name, lines in families.items():
            texts.setdefault(name, []).append("".join(lines))
        parts: list[PagePart] = []
        for name in sorted(texts):
            if any(texts[name]):
                parts.append((name, head_of(name)))
                parts += [(f"{name}#{at}", text) for at, text in enumerate(texts[name]) if text]
        return parts
