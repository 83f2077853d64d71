"""The document of a site: its totals, its rooms, and what is known of its devices. `answers.py` has the answers in it. No I/O."""

import math
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from collector.api.answers import answers_steps
from collector.api.documents import (
    AgentCounts,
    Carbon,
    DeviceCounts,
    LedgerTotals,
    MaintenanceWindow,
    ProblemCounts,
    RoomSummary,
    SiteDocument,
    Totals,
    UnobservedCount,
    UnreadAlertmanager,
)
from collector.api.numbers import coarse_age, iso, rounded
from collector.api.powers import PowerMeans, carbon_intensity, grams_per_hour, site_powers
from collector.api.scene import Scene, is_awaited, worst
from collector.latest import DeviceState, Latest
from collector.ledger import AgentAccount
from collector.problems import Unread, Window, values_of
from rackflow.site import Site

# How many of the devices that were never heard of are named.
MAX_NEVER_HEARD = 12


@dataclass(slots=True)
class SeriesCount:
    """How many readings a device has, as last counted; valid until it is heard of again, or until one of them expires.

    Counting is a fifth of what a site document costs, and most devices are polled every ten seconds while the document is made each second.
    """

    when_answering: int
    """Series when the device last answered."""
    present: int = 0
    received_at: float = -math.inf
    valid_until: float = -math.inf
    current: int = 0

    def update(self, device: DeviceState, now: float) -> None:
        """Count again what is current at `now` (monotonic seconds), if that can have changed."""
        if self.received_at == device.received_at and self.present == len(device.series) and now < self.valid_until:
            return
        expiries = [expires_at for each in device.series.values() if now < (expires_at := each.expires_at)]
        self.current, self.valid_until = len(expiries), min(expiries, default=math.inf)
        self.received_at, self.present = device.received_at, len(device.series)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the collector knows besides readings and figures."""

    sites: Sequence[str]
    timezone: str | None
    utc_offset_s: int
    accounts: Mapping[tuple[str, str], AgentAccount] | None
    """By site and agent; None where the account is not known, or where several collectors share the messages."""
    clones: frozenset[tuple[str, str]] = frozenset()
    windows: Sequence[Window] = ()
    """Maintenance windows, those that have not begun or are over included."""
    unread: Sequence[Unread] = ()
    """Alertmanagers that do not answer."""


def site_steps(
    scene: Scene, around: Surroundings, means: PowerMeans, series: dict[str, SeriesCount]
) -> Generator[None, None, SiteDocument]:
    """The site. `series` keeps how many readings each device has and had when it answered. Yields between its parts."""
    layout, observations = scene.layout, scene.observations
    powers = site_powers(scene)
    means.add(powers.facility_w, powers.it_w, scene.now)
    yield
    never = never_heard(layout.file, scene.latest)
    missed = frozenset(never)
    yield
    counts, unobserved, current, wanted = yield from _counting(scene, series, never)
    agents = [key for key in observations.counts if key[0] == scene.site]
    agents_up = [up for key, up in observations.agents_up.items() if key[0] == scene.site]
    missing = _missing(scene, around)
    causes: Counter[str] = Counter(
        each.problem.severity for each in scene.problems if each.cause is None and scene.is_here(each.labels)
    )
    yield
    carbon = grams_per_hour(powers.facility_w, carbon_intensity(scene))
    pue = means.pue(scene.now)
    rooms = []
    for room in layout.rooms:
        if room or layout.racks_of_room.get(""):
            rooms.append(_room(scene, room, missed))
            yield
    answers = yield from answers_steps(scene, counts, current, wanted, missing)
    return SiteDocument(
        site=scene.site,
        sites=[*around.sites],
        rooms=rooms,
        time=iso(int(scene.wall_s)),
        timezone=around.timezone,
        utc_offset_seconds=around.utc_offset_s,
        source="site_file" if layout.file is not None else "labels",
        totals=Totals(
            facility_power_watts=rounded(powers.facility_w),
            it_power_watts=rounded(powers.it_w),
            pue=pue,
            pue_unknown=means.why_unknown(powers.facility_w, powers.it_w) if pue is None else None,
            carbon_grams_per_hour=Carbon(location=carbon) if carbon is not None else None,
        ),
        devices=counts,
        unobserved=unobserved,
        agents=AgentCounts(known=len(agents), up=sum(agents_up) if agents_up else None),
        ledger=LedgerTotals(missing=missing, complete=missing == 0 if missing is not None else None),
        problems=ProblemCounts(
            critical=causes["critical"], warning=causes["warning"], info=causes["info"], complete=scene.is_complete
        ),
        maintenance=[*_in_force(scene, around.windows)],
        unread_alertmanagers=_unread(around),
        answers=answers,
    )


def _counting(
    scene: Scene, series: dict[str, SeriesCount], never: Sequence[str]
) -> Generator[None, None, tuple[DeviceCounts, list[UnobservedCount], int, int]]:
    """Counts devices, why some are not observed, and how many of the known readings are current. Yields after each device."""
    causes: Counter[tuple[str, str]] = Counter()
    known = answering = down = current = wanted = 0
    ages: list[float] = []
    for device in list(scene.latest.devices_of(scene.site)):
        known += 1
        cause = scene.observations.causes.get((scene.site, device.device))
        if cause is not None:
            causes[cause, device.agent] += 1
        elif device.up is True:
            answering += 1
            # The agent asks a device that does not answer once a minute only: its age says nothing about those that answer.
            ages.append(scene.now - device.received_at)
        elif device.up is False:
            down += 1
        size = len(device.series)
        count = series.get(device.device)
        if count is None:
            count = series[device.device] = SeriesCount(size)
        elif cause is None and device.up is True:
            # Expired readings are forgotten after a while. The number from when the device last answered shows how many are missing.
            count.when_answering = size
        wanted += max(count.when_answering, size)
        if cause is None:
            count.update(device, scene.now)
            current += count.current
        yield
    for gone in series.keys() - {device.device for device in scene.latest.devices_of(scene.site)}:
        del series[gone]
    file = scene.layout.file
    counts = DeviceCounts(
        known=known,
        answering=answering,
        down=down,
        unobserved=causes.total(),
        planned=len(file.devices) if file is not None else None,
        never_heard=len(never),
        never_heard_ids=[*never[:MAX_NEVER_HEARD]],
        oldest_age_seconds=coarse_age(max(ages)) if ages else None,
    )
    causes["never_heard", ""] += len(never)
    found = [
        UnobservedCount(cause=cause, agent=agent, devices=count)
        for (cause, agent), count in causes.most_common(12)
        if count
    ]
    return counts, found, current, wanted


def _missing(scene: Scene, around: Surroundings) -> int | None:
    """How many messages are missing by the ledger; None if that is not known."""
    if around.accounts is None:
        return None
    return sum(account.missing for (site, _), account in around.accounts.items() if site == scene.site)


def _unread(around: Surroundings) -> list[UnreadAlertmanager]:
    return [UnreadAlertmanager(url=each.url, since=iso(each.since_s), error=each.error) for each in around.unread]


def _in_force(scene: Scene, windows: Sequence[Window]) -> Iterator[MaintenanceWindow]:
    """Maintenance windows of this site that are in force now: the page shows them, because nobody is notified of their problems."""
    for window in sorted(windows, key=lambda each: each.until):
        begins_s = window.begins.timestamp() if window.begins is not None else 0.0
        if not begins_s <= scene.wall_s < window.until.timestamp():
            continue
        match = {name: [*values_of(value)] for name, value in window.match.items()}
        if scene.site in match.get("site", [scene.site]):
            yield MaintenanceWindow(
                id=window.id,
                until=iso(int(window.until.timestamp())),
                match=match,
                problems=[*window.problems],
                why=window.why,
                by=window.by,
            )


def never_heard(file: Site | None, latest: Latest) -> list[str]:
    """Devices of a site file of which nothing was received, although a message is awaited; see `is_awaited`."""
    if file is None:
        return []
    return [name for name in file.devices if is_awaited(file, name) and latest.device(file.id, name) is None]


def _room(scene: Scene, room: str, missed: AbstractSet[str]) -> RoomSummary:
    layout = scene.layout
    racks = layout.racks_of_room.get(room, ())
    devices = [name for name in layout.devices_of_room.get(room, ()) if scene.device(name) is not None]
    marks = [scene.rack_marks.get(rack) for rack in racks]
    return RoomSummary(
        id=room,
        racks=len(racks),
        problem=worst(iter([*marks, *(scene.device_marks.get(name) for name in devices)])),
        observed=bool(devices)
        and all(scene.unobserved(name) is None for name in devices)
        and missed.isdisjoint(layout.devices_of_room.get(room, ())),
    )
