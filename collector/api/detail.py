"""The documents of a device's page, of a list of readings, of figures and what they rest on, and of the ledger."""

from typing import Literal

from collector.api.documents import AgentLedger, Blamed, Document, Place, ProblemMark, PueUnknown, Unobserved

Quality = Literal["good", "stale", "bad", "suspect", "unobserved"]


class Identity(Document, frozen=True):
    """What the device says it is."""

    vendor: str
    model: str
    serial: str
    firmware: str


class ProfileInUse(Document, frozen=True):
    """How it is read. `evidence` is what the profile rests on: `recorded device`, `published map`, `unverified`; empty if unknown."""

    name: str
    evidence: str
    protocol: str
    intervals: dict[str, float]
    """Seconds between polls, by poll class."""


class SeriesCount(Document, frozen=True):
    """Series of the device: planned ones are polled, present ones came with the last polls."""

    planned: float | None
    present: float | None
    left_out: dict[str, float]
    """Not polled, by reason: see `dcim_device_series`."""


class Surroundings(Document, frozen=True):
    """Where a device hangs: what supplies it, what it supplies, its liquid loop, and what is in the same rack or loop."""

    sources: list[str]
    feeds: list[str]
    loop: str | None
    neighbours: list[str]


class PollError(Document, frozen=True):
    """When polls began to fail, and why."""

    time: str
    what: str


class ReadingState(Document, frozen=True, omit_defaults=True):
    """One series. `value` is null unless it is current; `last` is the last one that was received."""

    metric: str
    labels: dict[str, str]
    unit: str
    value: float | str | None
    last: float | str | None
    age_seconds: float | None
    quality: Quality
    reason: str | None = None
    spark: list[tuple[float, float | None]] = []
    """Age in seconds and value, the oldest first; null where the reading was not current."""


class DeviceDocument(Document, frozen=True, rename={"device_class": "class"}):
    """/api/v1/devices/{id}. `series` are by series key; `more` are left out."""

    id: str
    device_class: str
    site: str
    place: Place
    agent: str
    state: Literal["up", "down", "unknown"]
    unobserved: Unobserved | None
    since: str | None
    """Since when it is up or down."""
    error: str | None
    last_success: str | None
    poll_seconds: float | None
    """Duration of its last poll."""
    age_seconds: float | None
    problem: ProblemMark | None
    identity: Identity | None
    profile: ProfileInUse | None
    coolant: dict[str, str]
    """By loop."""
    planned: SeriesCount | None
    rejected: int
    """Readings of the last poll that were rejected; some of them are in `series` with their reason."""
    topology: Surroundings
    problems: list[str]
    """Ids of its problems, consequences included."""
    errors: list[PollError]
    series: dict[str, ReadingState]
    more: int


class SeriesItem(Document, frozen=True):
    """A reading in a list."""

    device: str
    series: str
    metric: str
    labels: dict[str, str]
    unit: str
    value: float | str | None
    age_seconds: float | None
    quality: Quality
    reason: str | None


class SeriesList(Document, frozen=True):
    """/api/v1/series. Ask again with `cursor` set to `next` for more."""

    items: list[SeriesItem]
    next: str | None


class FigureItem(Document, frozen=True):
    """A figure in a list. `share` is that of its inputs that were there, 0 to 1."""

    metric: str
    labels: dict[str, str]
    unit: str
    value: float | None
    age_seconds: float
    share: float
    missing: list[str]


class FigureList(Document, frozen=True):
    """/api/v1/figures. Ask again with `cursor` set to `next` for more."""

    items: list[FigureItem]
    next: str | None
    total: int


class FigureInput(Document, frozen=True):
    """A reading that a figure rests on. `value` is null if it is missing, and `reason` says why."""

    device: str
    series: str
    metric: str
    labels: dict[str, str]
    unit: str
    value: float | str | None
    age_seconds: float | None
    reason: str | None


class FigureDocument(Document, frozen=True):
    """/api/v1/figures/{metric}: a figure and what it rests on; of many inputs the missing ones first, then the oldest."""

    metric: str
    labels: dict[str, str]
    unit: str
    value: float | None
    help: str
    formula: str
    source: str
    """The standard or the reason behind the formula."""
    basis: Literal["readings", "learned", "records", "site_file"]
    """`learned`: from what was seen over time. `records`: from energy by the hour. `site_file`: from no reading."""
    age_seconds: float
    """Of its oldest input."""
    share: float
    missing: list[str]
    inputs: list[FigureInput]
    inputs_total: int
    blamed: list[Blamed]
    """Of the loss of a feed that is not survived: what goes down or is overloaded, racks without another feed first."""
    blamed_total: int


class TotalDocument(Document, frozen=True):
    """/api/v1/totals/{total}: a total of /api/v1/site at this moment, with all digits, and what it is computed from.

    Facility power is the sum of the facility's meters and of what PV and generators behind them give; IT power that of its meters, or of
    the racks (`it_from`), less the CDUs and air units that their PDUs feed. With a site file both are figures: `dcim_site_facility_watts`
    and `dcim_site_it_watts`. PUE is the mean of one over the mean of the other, both over `window_seconds`; carbon is facility power times
    the carbon intensity of the grid. Inputs that are missing come first.
    """

    id: Literal["facility", "it", "pue", "carbon"]
    unit: str
    value: float | None
    window_seconds: float | None
    """Of PUE: 0 if it is that of the latest readings."""
    unknown: PueUnknown | None
    """Of PUE: why it is not known."""
    facility_power_watts: float | None
    it_power_watts: float | None
    it_from: Literal["meters", "racks", "pdus"]
    """What IT power is the sum of: its meters; the racks, without meters or while one is not known; rack PDUs without a site file."""
    inputs: list[FigureInput]
    inputs_total: int


class LedgerDocument(Document, frozen=True):
    """/api/v1/ledger: the account of each agent's messages. `known` is false where it could not be counted lately, or is shared."""

    site: str
    known: bool
    agents: dict[str, AgentLedger]


class TargetGroup(Document, frozen=True):
    """Targets of Prometheus' HTTP service discovery."""

    targets: list[str]
    labels: dict[str, str]


class PastProblem(Document, frozen=True):
    """A problem of the last 24 hours. `ended` is null while it goes on."""

    id: str
    name: str
    severity: Literal["critical", "warning", "info"]
    subsystem: str
    summary: str
    description: str
    labels: dict[str, str]
    since: str
    ended: str | None
    seconds: float
    peak: float
    is_cause: bool
    """False if another problem explained it."""
    is_late: bool
    """True if nobody was notified, because it was over when its readings came: the collector or the broker had been away."""
    acknowledged_by: str
    """Who has acknowledged it, or had when it ended; empty if nobody."""
    maintenance: str
    """The id of the maintenance window that it is in, or was in when it ended; empty if it was in none."""


class PastProblems(Document, frozen=True):
    """/api/v1/problems/history: what began or ended after `since`, the latest first. Ask again with `cursor` set to `next` for more."""

    since: str
    items: list[PastProblem]
    next: str | None
