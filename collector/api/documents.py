"""The documents of the JSON API. From these types the OpenAPI document is generated, so a field here is a promise to other programs.

Everything is in base units, times are ISO 8601 in UTC, and what is not known is null: never 0, and never a state that looks good. What
changes every second is kept in mappings by id, because a JSON merge patch (RFC 7386) replaces a list as a whole.
"""

from collections.abc import Generator
from typing import Any, Literal

import msgspec

# Members that are converted in one slice: a rack takes 10 µs.
_SLICE = 200
Severity = Literal["critical", "warning", "info"]
What = dict[str, str]
"""The question that is answered: its `key`, and the names that it is about. The page words it in its language."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all documents."""


class FigureName(Document, frozen=True):
    """Names a figure, to be explained at /api/v1/figures/{metric}."""

    metric: str
    labels: dict[str, str]


class ProblemMark(Document, frozen=True):
    """The worst problem at a place. If several have that severity, one that nobody has acknowledged is chosen."""

    severity: Severity
    id: str
    care: Literal["acknowledged", "maintenance"] | None = None
    """Whether somebody has acknowledged it, or works on it."""


class Unobserved(Document, frozen=True):
    """Why the state of a device is unknown: see docs/explanation/unknown-is-not-down.md."""

    cause: Literal["broker", "agent_offline", "starting", "collector", "agent_silent", "device_silent", "never_heard"]
    agent: str


class RoomSummary(Document, frozen=True):
    """A room in the list of rooms."""

    id: str
    racks: int
    problem: Severity | None
    observed: bool
    """Whether every device in it is observed, and there is one. Panels count if they were heard of, because most have no meter."""


class Pue(Document, frozen=True):
    """Facility power over IT power, as means over the same `window_seconds`. An estimate: PUE proper is energy over a year.

    A window of 0 s is a ratio of the latest readings, in the first minute after a start.
    """

    value: float
    window_seconds: float
    estimate: Literal[True] = True


PueUnknown = Literal["no_facility", "no_it", "below_it", "no_load", "starting"]
"""Why PUE is not known: power of the facility or of IT is not; IT takes more than the facility, so that batteries give the rest or the
meters were read at different moments; IT takes nothing; or there is no sample of the last minute yet."""


class Carbon(Document, frozen=True):
    """Emissions at present power, by the grid's average (location-based)."""

    location: float


class Totals(Document, frozen=True):
    """The whole site."""

    facility_power_watts: float | None
    it_power_watts: float | None
    pue: Pue | None
    pue_unknown: PueUnknown | None
    """Why `pue` is null."""
    carbon_grams_per_hour: Carbon | None


class DeviceCounts(Document, frozen=True):
    """How many devices answer. `planned` are those of the site file, null without one; `never_heard` those of which nothing was received.

    Panels are not in `never_heard`, because most have no meter. `never_heard_ids` has the first of them.
    """

    known: int
    answering: int
    down: int
    unobserved: int
    planned: int | None
    never_heard: int
    never_heard_ids: list[str]
    oldest_age_seconds: float | None
    """Age of the oldest last batch among devices that answer, rounded up to 1, 2, 5, 10, 20, 30, 60, … so that it changes rarely."""


class UnobservedCount(Document, frozen=True):
    """Devices that are not observed for one cause, as in `Unobserved`; `never_heard` are those of the site file."""

    cause: str
    agent: str
    devices: int


class AgentCounts(Document, frozen=True):
    """`up` is null while nobody can tell, as without a connection to the broker."""

    known: int
    up: int | None


class LedgerTotals(Document, frozen=True):
    """Messages that nobody accounts for. Null while the account is not known, or where several collectors share the messages."""

    missing: int | None
    complete: bool | None


class ProblemCounts(Document, frozen=True):
    """Causes by severity, consequences left out. Nothing can be said to be well before `complete`."""

    critical: int
    warning: int
    info: int
    complete: bool
    """False until each device was looked at once after a start."""


class Blamed(Document, frozen=True):
    """What goes down, or is overloaded, if a feed is lost: why the site does not survive that.

    `single_feed`: a rack that no other feed supplies. `supply`: a rack whose other supply has no power, or cannot take over. `overload`: a
    rack, UPS (group) or panel that would carry `load_ratio` of what it may carry, on its worst phase.
    """

    kind: Literal["single_feed", "supply", "overload"]
    place: Literal["rack", "ups", "panel"]
    name: str
    phase: str | None
    load_ratio: float | None
    figure: FigureName


class Survival(Document, frozen=True):
    """Whether the site goes on if something is lost; `lost` if it is lost already, `battery` if a feed's batteries carry its load now.

    A `yes` that rests on batteries which are in use says in `detail` for how many `seconds`.
    One of a loop says how many of its CDUs are `leaking`.
    """

    id: str
    what: What
    state: Literal["yes", "no", "lost", "battery", "unknown"]
    detail: dict[str, float | None]
    figure: FigureName | None
    missing: str | None = None
    """If it is unknown: a device without whose readings it cannot be said."""
    blamed: list[Blamed] = []
    """If it does not survive the loss of a feed: the first of what goes down or is overloaded."""
    blamed_total: int = 0


class TimeLeft(Document, frozen=True):
    """How long something lasts."""

    id: str
    what: What
    seconds: float | None
    figure: FigureName | None
    device: str = ""
    """The device that says so itself, where the time is no derived figure."""


class Trust(Document, frozen=True):
    """How far what is shown can be trusted: `value` of `of`; `partial` if some can never be known, for want of sensors or of time.

    `figure` is the first of what is not as it should be, if that is a figure.
    """

    id: Literal["devices_answering", "readings_current", "figures_known", "messages_missing", "sensors_suspect"]
    value: float | None
    of: float | None
    state: Literal["good", "partial", "bad", "unknown"]
    figure: FigureName | None = None


class Answers(Document, frozen=True):
    """Whether it survives, how long it lasts, and whether what is shown can be trusted."""

    survives: list[Survival]
    time_left: list[TimeLeft]
    trust: list[Trust]


class MaintenanceWindow(Document, frozen=True):
    """A maintenance window in force: nobody is notified of problems with these labels, and these names if any are given, before `until`."""

    id: str
    until: str
    match: dict[str, list[str]]
    problems: list[str]
    why: str
    by: str


class UnreadAlertmanager(Document, frozen=True):
    """An Alertmanager that does not answer: what is shown as acknowledged there is of `since`, and may be out of date."""

    url: str
    since: str
    error: str


class SiteDocument(Document, frozen=True):
    """/api/v1/site."""

    site: str
    sites: list[str]
    rooms: list[RoomSummary]
    time: str
    timezone: str | None
    """IANA name of the time zone: of the site file, else the collector's own, if its host says."""
    utc_offset_seconds: int
    source: Literal["site_file", "labels"]
    """Where the places come from."""
    totals: Totals
    devices: DeviceCounts
    unobserved: list[UnobservedCount]
    agents: AgentCounts
    ledger: LedgerTotals
    problems: ProblemCounts
    maintenance: list[MaintenanceWindow]
    """The windows in force now, the one that ends first first."""
    unread_alertmanagers: list[UnreadAlertmanager]
    answers: Answers


class RowLayout(Document, frozen=True):
    """Racks and CDUs of a row, in the order in which they stand."""

    id: str
    room: str
    racks: list[str]
    cdus: list[str]


class RackFeed(Document, frozen=True):
    """A feed at a rack. `load_ratio` is the load of its worst phase as a share of what its breaker may carry for hours."""

    state: Literal["on", "off", "unknown"]
    load_ratio: float | None


class RackValues(Document, frozen=True):
    """The quantities by which a floor can be coloured."""

    power_watts: float | None
    power_ratio: float | None
    """Of design power."""
    loss_ratio: dict[str, float | None]
    """By feed: the load of what remains, as a share of its limit, if that feed is lost."""
    inlet_celsius: float | None
    supply_celsius: float | None
    dew_point_margin_kelvin: float | None
    age_seconds: float | None
    """Of the oldest last batch of its devices, rounded up to 1, 2, 5, 10, 20, 30, 60, …"""


class RackState(Document, frozen=True):
    """One rack. It is observed if one of its devices is."""

    id: str
    room: str
    row: str
    observed: bool
    unobserved: Unobserved | None
    problem: ProblemMark | None
    feeds: dict[str, RackFeed]
    values: RackValues
    devices: list[str]
    unseen: int
    """How many of its devices are not observed, those that were never heard of included."""
    beginning: ProblemMark | None
    """The worst condition that holds but is not reported yet; null if there is none, or if `problem` is as severe."""


class CduState(Document, frozen=True):
    """One coolant distribution unit, by its secondary side."""

    id: str
    room: str
    row: str
    loop: str
    flow_cubic_meters_per_second: float | None
    supply_celsius: float | None
    return_celsius: float | None
    heat_watts: float | None
    pumps: dict[str, Literal["on", "standby", "off", "fault", "unknown"]]
    problem: ProblemMark | None
    observed: bool
    unobserved: Unobserved | None
    beginning: ProblemMark | None


class UpsGroupState(Document, frozen=True):
    """UPSs in parallel. `seconds_left` is how long the weakest battery lasts at the present load."""

    id: str
    feed: str
    room: str
    members: list[str]
    seconds_left: float | None
    load_ratio: float | None
    on_battery: bool | None
    observed: bool
    unseen: int
    problem: ProblemMark | None
    beginning: ProblemMark | None


class FeedState(Document, frozen=True):
    """A supply of the site."""

    id: str
    state: Literal["on", "off", "unknown"]
    seconds_left: float | None
    backup_start_seconds: float | None


class LoopState(Document, frozen=True):
    """A liquid loop, and how long it lasts in each kind of failure."""

    id: str
    kind: str
    heat_watts: float | None
    cdus_spare: float | None
    ride_through: dict[str, float | None]


class FloorDocument(Document, frozen=True):
    """/api/v1/floor. Numbers have four significant digits, so that the last digits of noise are not sent every second."""

    site: str
    room: str | None
    rows: list[RowLayout]
    racks: dict[str, RackState]
    cdus: dict[str, CduState]
    ups_groups: dict[str, UpsGroupState]
    feeds: dict[str, FeedState]
    loops: dict[str, LoopState]


class Place(Document, frozen=True):
    """Where a device stands; empty where that is not known."""

    room: str
    row: str
    rack: str
    feed: str


class DeviceSummary(Document, frozen=True, rename={"device_class": "class"}):
    """A device in a list."""

    id: str
    device_class: str
    room: str
    row: str
    rack: str
    feed: str
    agent: str
    vendor: str
    model: str
    state: Literal["up", "down", "unknown"]
    unobserved: Unobserved | None
    error: str | None
    age_seconds: float | None
    problem: ProblemMark | None


class DeviceList(Document, frozen=True):
    """/api/v1/devices. Ask again with `cursor` set to `next` for more."""

    items: list[DeviceSummary]
    next: str | None
    total: int


class AgentLedger(Document, frozen=True):
    """What the ledger says of an agent's messages: produced = stored + dropped + in flight + missing."""

    produced: int
    stored: int
    duplicates: int
    in_flight: int
    missing: int
    dropped: dict[str, int]


class AgentState(Document, frozen=True):
    """One agent."""

    id: str
    state: Literal["up", "down", "unknown"]
    version: str
    hostname: str
    python: str
    started: str | None
    last_message: str | None
    devices: int
    answering: int
    """Devices that are observed and answer."""
    unobserved: dict[str, int]
    """Devices that are not observed, by cause."""
    lag_seconds: float | None
    """Delay of its least delayed message of the last minutes, clock error included."""
    backlog_messages: float | None
    backlog_seconds: float | None
    """Age of the oldest message in its outbox."""
    outbox_durable: bool | None
    clock_offset_seconds: float | None
    is_cloned: bool
    refused_topics: int
    ledger: AgentLedger | None


class AgentsDocument(Document, frozen=True):
    """/api/v1/agents, by agent."""

    site: str
    items: dict[str, AgentState]


class Faulty(Document, frozen=True):
    """The answer to a request that cannot be met: the reason."""

    error: str


Known = dict[tuple[str, str], tuple[object, Any]]
"""Members of mappings as they were converted last, by mapping and key."""


def plain_steps(document: Document, known: Known | None = None) -> Generator[None, None, dict[str, Any]]:
    """A document as dictionaries, lists and scalars, for comparing it with the next one. Yields after each slice of a mapping.

    A member that is the same object as in `known` is not converted again.
    """
    known = known if known is not None else {}
    found: dict[str, Any] = {}
    for name, written in zip(document.__struct_fields__, document.__struct_encode_fields__, strict=True):
        value = getattr(document, name)
        if not isinstance(value, dict):
            found[written] = msgspec.to_builtins(value)
            continue
        members = found[written] = {}
        for count, (key, member) in enumerate(value.items(), 1):
            before = known.get((name, key))
            if before is None or before[0] is not member:
                before = known[name, key] = member, msgspec.to_builtins(member)
            members[key] = before[1]
            if count % _SLICE == 0:
                yield
    return found
