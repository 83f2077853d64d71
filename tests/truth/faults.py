"""Plays faults one by one, and checks what changed, how soon, and that everything else stayed the same.

Each fault is played on a site beside a twin with the same seed and duration but no fault, so every difference is its effect.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml

from collector.derive.engine.graph import Figure
from rackflow.catalogue import PollClass
from rackflow.series import series_key
from tests.truth.harness import TruthSite, truth_site
from tests.truth.leap import run_leaping

SITE: Final = Path(__file__).with_name("faults_site.yaml")
DERIVE: Final = {
    "batteries": {ups: {"runtimes": {150_000: 420, 75_000: 1130, 40_000: 2430}} for ups in ("ups-a", "ups-b")},
    "pumps_required": {"cdu-1": 2, "cdu-2": 2, "cdu-3": 2},
}
CYCLE_S: Final = 5.0
FOLLOW: Final = (
    *(
        "pdu_phase_*_load_ratio*",
        "panel_phase_*_load_ratio*",
        "ats_source_*_load_ratio*",
        "rack_air_temperature_celsius*",
    ),
    *(
        "site_racks_lost_on_feed_loss_at_least*",
        "site_racks_unknown_on_feed_loss*",
        "loop_ride_through_margin_seconds*",
    ),
    *("cdu_loaded_approach*", "cdu_exchanger_fouling*", "cdu_return_pressure_change*", "cdu_coolant_loss*"),
)
"""Series that the comparison leaves out: each follows from a reading or figure that is compared, some with a delay of minutes, and has a
test of its own."""
ALSO: Final = ("* device_boot_timestamp_seconds", "* *_total", "* *_total{*", *FOLLOW)
"""Series that are not compared: boot times come from this machine's clock, which is not simulated; counters keep what they have counted."""
TOLERANCES: Final = (
    ("runtime_seconds", 0.03, 61.0),
    ("runtime_margin_seconds", 0.03, 61.0),
    ("optimism_ratio", 0.0, 0.06),
    ("_celsius", 0.0, 0.5),
    ("_ratio", 0.02, 0.02),
    ("_watts", 0.02, 80.0),
    ("_voltamperes", 0.02, 80.0),
    ("_amperes", 0.02, 0.3),
    ("_volts", 0.005, 1.0),
    ("_seconds", 0.03, 2.0),
    ("_pascals", 0.02, 200.0),
)
"""By the end of a metric's name: the relative and the absolute difference up to which a series counts as unchanged. Rounding (of a UPS's
runtime to minutes) and the site's losses let a fault elsewhere change it by that much."""

_CLASSES: Final[tuple[PollClass, ...]] = ("safety", "fast", "normal", "slow")
Value = float | str | None


@dataclass(frozen=True, slots=True)
class Move:
    """A change that a fault must cause: a series becomes `how` within a number of seconds.

    `unknown` (`unknown pdu-1`: naming it as missing), `= 0`, `= battery`; `> 1.2x`, `< -5`, `> 0` beside what its twin shows.
    """

    series: str
    how: str
    within_s: float
    from_s: float = 0.0
    """Seconds before which a change does not count, for figures that recover."""

    def holds(self, value: Value, twin: Value, missing: str) -> bool:
        """Whether it has changed as expected. `missing` are the missing inputs of an unknown figure."""
        sign, _, bound = self.how.partition(" ")
        if sign == "unknown":
            return value is None and twin is not None and bound in missing
        if sign == "=":
            return value == bound if isinstance(value, str) else value is not None and value == float(bound)
        if not isinstance(value, float | int):
            return False
        reference = twin if isinstance(twin, float | int) else 0.0
        limit = float(bound[:-1]) * reference if bound.endswith("x") else reference + float(bound)
        return value > limit if sign == ">" else value < limit


@dataclass(frozen=True, slots=True)
class Row:
    """One fault and its expected effects: `rackflow-sim fault` orders, series that must change, and patterns of series that may change.

    Nothing else may change.
    """

    title: str
    orders: tuple[Mapping[str, Any], ...]
    moves: tuple[Move, ...]
    may: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    """Patterns of series that must not change and are worth naming in the table; each must match something."""
    skew_s: float = 0.0
    """Seconds for which sums may be wrong, because their devices are not polled at the same moment."""
    right_or_unknown: tuple[str, ...] = ()
    """Patterns of what may become unknown, but must not be wrong once `skew_s` is over."""
    lasts_s: float = 60.0
    settled_s: float = 60.0
    """Seconds from the agent's first poll to the fault."""
    interval_s: float = 0.0
    """Interval of all polls and figures, for faults that take hours; 0 means an agent's own intervals."""
    quick: bool = False
    note: str = ""


@dataclass(slots=True)
class Played:
    """The result of one row: after how many seconds each series changed, and what else changed."""

    row: Row
    moved_s: list[float | None]
    stayed: int
    strayed: dict[str, str]
    unfounded: tuple[str, ...]
    """Patterns of `stays` that nothing was compared for."""

    @property
    def ok(self) -> bool:
        """Whether everything moved in time, and nothing else did."""
        times = zip(self.moved_s, self.row.moves, strict=True)
        return (
            not self.strayed
            and not self.unfounded
            and all(at is not None and at <= move.within_s for at, move in times)
        )


@dataclass(slots=True)
class Shot:
    """One cycle of the collector: every figure, whether each device is up, current readings, and the missing inputs of unknown figures."""

    at_s: float
    values: dict[str, float | str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def shot_of(site: TruthSite, began_s: float) -> Shot:
    """The site as its collector sees it now."""
    now = asyncio.get_running_loop().time()
    shot = Shot(site.now_s - began_s)
    for figure in site.figures:
        name = name_of(figure)
        if figure.value is None:
            shot.missing[name] = "; ".join(figure.missing)
        else:
            shot.values[name] = figure.value
    for device in site.latest.devices_of(site.engine.name):
        shot.values[f"device_up{{device={device.device}}}"] = float(site.latest.is_up(device, now))
        for key, value in site.readings(device.device).items():
            shot.values[f"{device.device} {key.removeprefix('dcim_')}"] = value
    return shot


def name_of(figure: Figure) -> str:
    """The figure's series key without the prefix `dcim_` and the labels `site`, `room` and `row`: `rack_power_watts{rack=a1}`."""
    labels = {label: value for label, value in figure.output.labels if label not in {"site", "room", "row"}}
    return series_key(figure.output.metric.name, labels).removeprefix("dcim_")


async def film(row: Row, orders: Sequence[Mapping[str, Any]]) -> list[Shot]:
    """The cycles of a site with the row's settings, from the moment on in which these faults happen."""
    shots: list[Shot] = []
    intervals = dict.fromkeys(_CLASSES, row.interval_s) if row.interval_s else {}
    derive = DERIVE | {"interval_s": max(CYCLE_S, row.interval_s)}
    data = yaml.safe_load(SITE.read_text(encoding="utf-8"))
    async with truth_site(data, derive=lambda _: derive, intervals=intervals) as site:
        await site.run(row.settled_s)
        began_s = site.now_s
        for order in orders:
            await site.begin(**order)
        site.each.append(lambda now: shots.append(shot_of(now, began_s)))
        await site.run(row.lasts_s)
    return shots


class Player:
    """Plays rows. A twin (the same site without a fault) is kept for the next row of the same duration."""

    def __init__(self) -> None:
        self._twins: dict[tuple[float, float, float], list[Shot]] = {}

    def play(self, row: Row) -> Played:
        """One row."""
        key = (row.settled_s, row.lasts_s, row.interval_s)
        if key not in self._twins:
            self._twins[key] = run_leaping(film(row, ()))
        return compare(row, run_leaping(film(row, row.orders)), self._twins[key])


def compare(row: Row, shots: Sequence[Shot], twins: Sequence[Shot]) -> Played:
    """Compare every cycle of a site with the same cycle of its twin."""
    moved: list[float | None] = [None] * len(row.moves)
    watched, strayed = set[str](), dict[str, str]()
    excused = (*(move.series for move in row.moves), *row.may, *ALSO)
    known: dict[str, bool] = {}
    # The end may fall before or after the last cycle.
    assert abs(len(shots) - len(twins)) <= 1, f"{len(shots)} cycles, and {len(twins)} of the twin"
    for shot, twin in zip(shots, twins, strict=False):
        for number, move in enumerate(row.moves):
            seen, other = shot.values.get(move.series), twin.values.get(move.series)
            if (
                moved[number] is None
                and shot.at_s >= move.from_s
                and move.holds(seen, other, shot.missing.get(move.series, ""))
            ):
                moved[number] = shot.at_s
        strayed.update({f"twin {name}": "suspect" for name in twin.values if name.startswith("device_reading_suspect")})
        for name in shot.values.keys() | twin.values.keys():
            if name not in known:
                known[name] = any(name == each or fnmatchcase(name, each) for each in excused)
            if not known[name]:
                watched.add(name)
                value, own = shot.values.get(name), twin.values.get(name)
                missed = value is None and any(fnmatchcase(name, each) for each in row.right_or_unknown)
                if shot.at_s > row.skew_s and not missed and not alike(name, value, own):
                    strayed.setdefault(name, f"{value} for {own} after {shot.at_s:.0f} s {shot.missing.get(name, '')}")
    unfounded = tuple(each for each in row.stays if not any(fnmatchcase(name, each) for name in watched))
    return Played(row, moved, len(watched) - len(strayed), strayed, unfounded)


def alike(name: str, value: Value, twin: Value) -> bool:
    """Whether both are equal except for rounding."""
    if value == twin:
        return True
    if not isinstance(value, float | int) or not isinstance(twin, float | int):
        return False
    metric = name.rpartition(" ")[2].partition("{")[0]
    relative, absolute = next((found for end, *found in TOLERANCES if metric.endswith(end)), (0.02, 0.0))
    return abs(value - twin) <= absolute + relative * abs(twin)
