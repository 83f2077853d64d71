"""Makes every document of the API from what the collector knows, in slices, and keeps what several documents need.

Nothing here does I/O or knows HTTP: `collector/web/api.py` does. One scene (`scene.py`) serves all documents of half a second, so that
the devices are looked at once for a page with five parts.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from collector.api.agents import agents_document
from collector.api.detail import DeviceDocument, TotalDocument
from collector.api.device import device_document
from collector.api.documents import Document, FloorDocument, Known, SiteDocument, plain_steps
from collector.api.floor import RackStates, floor_steps
from collector.api.layout import Layout, make_layout
from collector.api.live import PartName
from collector.api.overview import SeriesCount, Surroundings, site_steps
from collector.api.powers import PowerMeans, site_powers
from collector.api.problem_list import causes_steps
from collector.api.requests import NotThere
from collector.api.scene import FigureIndex, Scene, mark_problems_steps
from collector.api.sparks import Sparks
from collector.api.totals import TotalName, total_document
from collector.derive import Explanation, Figure
from collector.latest import Latest
from collector.problems import Ended, Table, TrackedProblem
from rackflow.site import Site

# All documents of this time are made of one scene; readings come every second at most.
SCENE_S = 0.5
# Limits how often a layout is made while a site starts and new series come all the time: one of 5,000 devices takes 50 ms, and is made
# every 2.5 s at most.
_LAYOUT_DEVICES_PER_S = 2000
# Sites of which layouts and indexes are kept; budgets of agents bound sites to 20 by default.
_MAX_SITES = 100


@dataclass(frozen=True, slots=True)
class Sources:
    """Where documents get their data from. The functions are called in the event loop and return at once."""

    latest: Latest
    site: Callable[[], Site | None]
    figures: Callable[[str, float], Sequence[Figure]]
    """The figures of a site at a moment (monotonic seconds)."""
    problems: Callable[[], Sequence[TrackedProblem]]
    beginning: Callable[[float], Sequence[TrackedProblem]]
    """Conditions that hold at a moment (monotonic s), but not yet for long enough to be reported."""
    are_problems_complete: Callable[[], bool]
    around: Callable[[], Surroundings]
    table: Table
    ended: Callable[[float, float], Sequence[Ended]]
    """Problems that ended after a time; then the present time, both seconds since 1970."""
    explain: Callable[[str, str, Mapping[str, str]], Generator[None, None, Explanation]]
    """The inputs of a figure, by site, metric and labels."""
    distrusted: Callable[[str], Mapping[tuple[str, str], str]]
    """Series of a site that no figure uses, by device and key, with the reason."""
    runbook_base: str = ""


@dataclass(slots=True)
class _Kept:
    """What is kept of one site between two scenes."""

    layout: Layout | None = None
    next_layout: float = 0.0
    figures: FigureIndex | None = None
    scene: Scene | None = None
    means: PowerMeans | None = None
    series: dict[str, SeriesCount] = field(default_factory=dict)
    """How many readings each device had when it answered."""
    racks: RackStates = field(default_factory=RackStates)
    known: Known = field(default_factory=dict)
    """Parts of the floor's document as converted last time, to reuse those that are unchanged."""


class Api:
    """The documents of all sites of a collector. Times are arguments: `now` is monotonic, `wall_s` seconds since 1970."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.sparks = Sparks()
        self._kept: dict[str, _Kept] = {}

    def sites(self) -> list[str]:
        """All known sites; that of the site file comes first."""
        file = self.sources.site()
        own = [file.id] if file is not None else []
        return list(dict.fromkeys([*own, *self.sources.latest.sites()]))

    def site_named(self, name: str) -> str:
        """The site with this name, or the first site if the name is empty. Raises NotThere."""
        known = self.sites()
        if not name:
            return known[0] if known else ""
        if name not in known:
            raise NotThere(f"no such site; there are {', '.join(known[:20]) or 'none yet'}")
        return name

    def scene_steps(self, site: str, now: float, wall_s: float) -> Generator[None, None, Scene]:
        """The present scene of a site. Yields after each slice."""
        kept = self._kept_of(site)
        if kept.scene is not None and 0 <= now - kept.scene.now < SCENE_S:
            return kept.scene
        self._forget(site)
        sources = self.sources
        before = kept.layout
        layout = yield from self._layout_steps(kept, site, now)
        if layout is not before:
            kept.known = {}  # of racks that are gone, too
        source = sources.figures(site, now)
        if kept.figures is None or kept.figures.source is not source:
            kept.figures = yield from FigureIndex.index_steps(source)
        observations = sources.latest.observe(now, site)
        yield
        scene = Scene(
            layout=layout,
            latest=sources.latest,
            figures=kept.figures,
            observations=observations,
            problems=sources.problems(),
            is_complete=sources.are_problems_complete(),
            now=now,
            wall_s=wall_s,
            beginning=sources.beginning(now),
        )
        kept.scene = yield from mark_problems_steps(scene)
        return kept.scene

    def _kept_of(self, site: str) -> _Kept:
        return self._kept.setdefault(site, _Kept())

    def _layout_steps(self, kept: _Kept, site: str, now: float) -> Generator[None, None, Layout]:
        file = self.sources.site()
        file = file if file is not None and file.id == site else None
        layout, latest = kept.layout, self.sources.latest
        if layout is not None and (layout.version == latest.changes or now < kept.next_layout):
            return layout
        for made in make_layout(site, file, latest):
            if made is None:
                yield
            else:
                layout = kept.layout = made
        if layout is None:
            raise NotThere("no such site")
        kept.next_layout = now + len(layout.places) / _LAYOUT_DEVICES_PER_S
        return layout

    def _forget(self, present: str) -> None:
        if len(self._kept) > _MAX_SITES:
            for gone in self._kept.keys() - {*self.sites(), present}:
                del self._kept[gone]

    def part_steps(self, name: PartName, now: float, wall_s: float) -> Generator[None, None, Mapping[str, Any]]:
        """A part of a stream, as plain data. If its site, room or device does not exist (yet), it says so. Yields after each slice."""
        try:
            return (yield from self._part_steps(name, now, wall_s))
        except NotThere as error:
            return {"error": str(error)}

    def _part_steps(self, name: PartName, now: float, wall_s: float) -> Generator[None, None, Mapping[str, Any]]:
        scene = yield from self.scene_steps(name.site, now, wall_s)
        document = yield from self._document_steps(name, scene)
        known = self._kept_of(name.site).known if name.kind == "floor" else None
        return (yield from plain_steps(document, known))

    def _document_steps(self, name: PartName, scene: Scene) -> Generator[None, None, Document]:
        match name.kind:
            case "site":
                return (yield from self.site_steps(scene))
            case "floor":
                return (yield from self.floor_steps(scene, name.of))
            case "problems":
                return (yield from causes_steps(scene, self.sources.table, self.sources.runbook_base))
            case "agents":
                return agents_document(scene, self.sources.around())
            case _:
                return self.device(scene, name.of, with_sparks=False)

    def floor_steps(self, scene: Scene, room: str) -> Generator[None, None, FloorDocument]:
        """The floor of a room, or of all of them. Raises NotThere."""
        return floor_steps(scene, check_room(scene, room), self._kept_of(scene.site).racks)

    def device(self, scene: Scene, name: str, *, with_sparks: bool) -> DeviceDocument:
        """The page of a device. Sparklines change every two minutes, so that streams go without. Raises NotThere."""
        spark_of = partial(self._spark, scene, name) if with_sparks else None
        return device_document(scene, name, self.sources.distrusted(scene.site), spark_of)

    def _spark(self, scene: Scene, device: str, key: str) -> list[tuple[float, float | None]]:
        return self.sparks.of((scene.site, device), key, scene.now)

    def sample_steps(self, now: float, wall_s: float) -> Generator[None, None, None]:
        """Sample the readings of sparklines that are due, and for its PUE the power of the site in the site file. Call it every 5 s.

        It also makes the layout, so that the first request for a page need not wait for it.
        """
        if self.sparks.is_due(now):
            yield from self.sparks.sample_steps(self.sources.latest, now)
        file = self.sources.site()
        if file is not None:
            scene = yield from self.scene_steps(file.id, now, wall_s)
            powers = site_powers(scene)
            self._means(file.id).add(powers.facility_w, powers.it_w, now)

    def _means(self, site: str) -> PowerMeans:
        kept = self._kept_of(site)
        if kept.means is None:
            kept.means = PowerMeans()
        return kept.means

    def total(self, scene: Scene, name: TotalName) -> TotalDocument:
        """One total of the site with what it is computed from."""
        return total_document(scene, self._means(scene.site), name, self.sources.distrusted(scene.site))

    def site_steps(self, scene: Scene) -> Generator[None, None, SiteDocument]:
        """The document of the site."""
        return (
            yield from site_steps(
                scene, self.sources.around(), self._means(scene.site), self._kept_of(scene.site).series
            )
        )


def check_room(scene: Scene, room: str) -> str | None:
    """The room, or None (all rooms) if the name is empty. Raises NotThere if the site has no such room."""
    if not room:
        return None
    if room not in scene.layout.rooms:
        raise NotThere(f"no such room; there are {', '.join(scene.layout.rooms[:20])}")
    return room
