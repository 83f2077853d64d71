"""Renders devices, agents and derived figures as Prometheus text 0.0.4.

The text is written directly: building prometheus-client's sample objects for 10,000 series costs several times as much. Samples
carry no timestamps: Prometheus does not mark series with explicit timestamps as stale, and would go on showing the last value of a
silent device for five minutes. Expired readings are left out instead.
"""

from collections.abc import Container, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from collector.derive import LatestFigures
from collector.latest import CAUSES, AgentState, DeviceState, Latest, LatestValue, Observations
from collector.readings import number_texts
from rackflow import catalogue
from rackflow.catalogue import BASE_LABELS
from rackflow.escape import escape_label
from rackflow.process.bulkhead import Failures
from rackflow.process.slices import run_through

_LOCATION = tuple(label for label in BASE_LABELS if label not in ("site", "device"))
# An SNMP DisplayString has at most 255 characters (RFC 2579); a longer identity is garbage and would only swell the page.
LABEL_LIMIT = 256
"""Characters kept of free text in a label."""
METRICS_PART = "metrics"
"""Name of the bulkhead of /metrics."""
IDENTITY, SERIES = "exposition_identity", "exposition_series"
"""Keys of what is cached for a device between two scrapes (`DeviceState.cache`)."""
ENTRIES_PER_PART = 250
"""Devices per part of the page; a part has lines of one metric only. Unchanged parts are not compressed again, so small parts save work;
but each part costs 20 us and 20 bytes as a gzip member of its own."""
DEVICES_PER_SLICE = 10
"""A device takes 50 to 200 us of a whole page."""
PagePart = tuple[str, str]
"""A part of the page: a name, by which it is compared with the same part of the next page, and its text."""
DeviceKey = tuple[str, str]
"""Site and device."""


class Families(dict[str, list[str]]):
    """Lines of the page by metric. With `names`, lines of other metrics are dropped."""

    def __init__(self, names: AbstractSet[str] | None = None) -> None:
        super().__init__()
        self.names = names

    def __missing__(self, name: str) -> list[str]:
        lines: list[str] = []
        if self.wants(name):
            self[name] = lines
        return lines

    def wants(self, name: str) -> bool:
        """Whether the page has this metric."""
        return self.names is None or name in self.names


def labels_text(*pairs: tuple[str, str]) -> str:
    """Format `name="value",...` with values escaped. Empty values are left out: Prometheus treats both alike."""
    return ",".join(f'{name}="{escape_label(value[:LABEL_LIMIT])}"' for name, value in pairs if value)


def render(
    latest: Latest, now: float, figures: LatestFigures | None = None, failures: Failures | None = None
) -> tuple[str, int]:
    """All of `render_steps` at once, as one text."""
    parts, series = run_through(render_steps(latest, now, figures, failures))
    return "".join(text for _, text in parts), series


def render_steps(
    latest: Latest,
    now: float,
    figures: LatestFigures | None = None,
    failures: Failures | None = None,
    own: Mapping[str, Sequence[str]] | None = None,
) -> Generator[None, None, tuple[list[PagePart], int]]:
    """Return the parts of the text and its number of series. `now` is monotonic seconds; `figures` are the derived figures, if any.

    `own` has lines of the collector itself, by metric: of those that agents report, too, because all lines of a metric stand together.

    A device or agent that cannot be rendered, and the figures, are left out and noted in `failures`: the others stay. It yields
    after a few devices, so that the caller can do other work in between.
    """
    yield from latest.expire_steps(now)
    failures = failures if failures is not None else Failures()
    families = Families()
    observations = latest.observe(now)
    yield
    unseen = observations.causes
    # A list, because devices may come and go between two steps.
    devices = list(latest.devices())
    show = partial(_device, families, unseen, now)
    for start in range(0, len(devices), DEVICES_PER_SLICE):
        failures.attempt_each(METRICS_PART, show, devices[start : start + DEVICES_PER_SLICE])
        yield
    for agent in list(latest.agents()):
        failures.attempt(METRICS_PART, partial(add_agent, families, agent, observations), otherwise=None)
    if figures is not None:
        yield from failures.attempt_steps(METRICS_PART, figures.expose_steps(families, now), otherwise=None)
    # All lines of a metric must stand together below its HELP and TYPE, so they are collected by name first.
    for name, lines in (own or {}).items():
        families[name] += lines
    yield
    parts: list[PagePart] = []
    count = 0
    for name in sorted(families):
        head = head_of(name)
        lines = families.pop(name)
        # Never as one text: joining, copying and encoding that of 200,000 series takes 50 ms each.
        for start in range(0, len(lines) or 1, ENTRIES_PER_PART):
            text = "".join(lines[start : start + ENTRIES_PER_PART])
            parts.append((f"{name}#{start}", head + text))
            count += text.count("\n")
            head = ""
            yield
    return parts, count


def head_of(name: str) -> str:
    """The HELP and TYPE lines of a metric."""
    metric = catalogue()[name]
    kind = metric.type if metric.type in ("counter", "histogram") else "gauge"
    return f"# HELP {name} {metric.help}\n# TYPE {name} {kind}\n"


@dataclass(frozen=True, slots=True)
class Identity:
    """Cached label texts of one device, the values they were made from, and the lines made with them. All of it rarely changes."""

    source: tuple[object, ...]
    base: str
    info: str
    observed: str
    unobserved: str
    up: str
    down: str
    coolant: tuple[str, ...]


def identity_of(device: DeviceState) -> Identity:
    """The cached identity of a device, made again when a value it depends on has changed: making the text took half of a scrape."""
    source = device.labels, device.document, device.agent, device.device_class
    known = device.cache.get(IDENTITY)
    if isinstance(known, Identity) and known.source == source:
        return known
    location = ((label, device.labels.get(label, "")) for label in _LOCATION)
    base = labels_text(("site", device.site), *location, ("device", device.device))
    with_agent = f"{base},{labels_text(('agent', device.agent))}"
    document = device.document
    identity = ("vendor", "model", "serial", "firmware", "protocol", "profile")
    info = labels_text(
        ("device_class", device.device_class),
        *((name, getattr(document, name) if document else "") for name in identity),
    )
    coolants: list[str] = []
    for loop, coolant in sorted(document.coolant.items()) if document else ():
        fluid = (("fluid", coolant.fluid), ("additive", coolant.additive), ("concentration", coolant.concentration))
        coolants.append(f"dcim_cdu_coolant_info{{{base},{labels_text(('loop', loop), *fluid)}}} 1\n")
    found = device.cache[IDENTITY] = Identity(
        source=source,
        base=base,
        info=f"dcim_device_info{{{with_agent},{info}}} 1\n",
        observed=f"dcim_device_observed{{{with_agent}}} 1\n",
        unobserved=f"dcim_device_observed{{{with_agent}}} 0\n",
        up=f"dcim_device_up{{{with_agent}}} 1\n",
        down=f"dcim_device_up{{{with_agent}}} 0\n",
        coolant=tuple(coolants),
    )
    return found


def _device(families: Families, unseen: Container[DeviceKey], now: float, device: DeviceState) -> None:
    identity = identity_of(device)
    base = identity.base
    families["dcim_device_info"].append(identity.info)
    is_observed = (device.site, device.device) not in unseen
    families["dcim_device_observed"].append(identity.observed if is_observed else identity.unobserved)
    if is_observed:
        # Absent otherwise: 0 means that a working agent reports the device as down, and would raise an alarm for each device of a missing
        # agent.
        families["dcim_device_up"].append(identity.up if device.up else identity.down)
    if device.last_success_ms is not None:
        name = "dcim_device_last_success_timestamp_seconds"
        families[name].append(f"{name}{{{base}}} {device.last_success_ms / 1000!r}\n")
    if device.poll_duration_s is not None and now < device.fresh_until():
        # These values describe one poll and expire with it; the time of the last success keeps its meaning while a device is silent.
        name = "dcim_device_poll_duration_seconds"
        families[name].append(f"{name}{{{base}}} {device.poll_duration_s!r}\n")
        name = "dcim_device_rejected_readings"
        families[name].append(f"{name}{{{base}}} {device.rejected}\n")
    if identity.coolant:
        families["dcim_cdu_coolant_info"].extend(identity.coolant)
    _series(families, device, base)


@dataclass(slots=True)
class SeriesLines:
    """The lines of one metric of a device: a template with gaps for the values of `entries`, and the lines as last filled in."""

    name: str
    pieces: Sequence[str]
    """Texts and gaps in turns: joining them takes seven tenths of the time of filling one text with `%`."""
    entries: tuple[LatestValue, ...]
    flags: Mapping[float | str, tuple[str, ...]] | None
    """Of a state metric: 1 or 0 for each of its states, by the present one."""
    values: list[float | str] = field(default_factory=list)
    lines: str = ""

    def filled(self) -> str:
        """The lines with the present values. Formatting numbers takes most of the time, and many values have not changed."""
        values = [entry.value for entry in self.entries]
        if values != self.values:
            flags = self.flags
            gaps = number_texts(values) if flags is None else [flag for value in values for flag in flags[value]]
            pieces = [*self.pieces]
            pieces[1::2] = gaps
            self.values, self.lines = values, "".join(pieces)
        return self.lines


@dataclass(frozen=True, slots=True)
class _CachedLines:
    """The lines of one device or agent, and the labels that they were made with."""

    base: str
    by_metric: tuple[SeriesLines, ...]


def _lines_of(series: Iterable[LatestValue], base: str) -> tuple[SeriesLines, ...]:
    """The lines of each metric among these series, still without values. `base` are the labels that all of them have."""
    by_name: dict[str, list[LatestValue]] = {}
    for entry in series:
        by_name.setdefault(entry.series.metric.name, []).append(entry)
    made: list[SeriesLines] = []
    for name, found in by_name.items():
        states = found[0].series.metric.states
        heads = [f"{name}{{{base}{entry.series.text}" for entry in found]
        if states:
            heads = [f'{head},state="{state}"' for head in heads for state in states]
            flags: dict[float | str, tuple[str, ...]] = {
                state: tuple("1" if each == state else "0" for each in states) for state in states
            }
            made.append(SeriesLines(name, _with_gaps(heads), tuple(found), flags))
        else:
            made.append(SeriesLines(name, _with_gaps(heads), tuple(found), None))
    return tuple(made)


def _with_gaps(heads: Sequence[str]) -> tuple[str, ...]:
    """A line for each head, with a gap for its value."""
    pieces = [piece for head in heads for piece in (f"\n{head}}} ", "")]
    pieces[0] = pieces[0].removeprefix("\n")
    return (*pieces, "\n")


def series_lines(owner: DeviceState | AgentState, base: str) -> tuple[SeriesLines, ...]:
    """The lines of a device or agent, made when its set of series last changed: filling them takes a quarter of writing them again."""
    made = owner.cache.get(SERIES)
    if not isinstance(made, _CachedLines) or made.base != base:
        made = owner.cache[SERIES] = _CachedLines(base, _lines_of(owner.series.values(), base))
    return made.by_metric


def _series(families: Families, owner: DeviceState | AgentState, base: str) -> None:
    by_metric = series_lines(owner, base)
    if families.names is not None:  # lines that the page does not have are not filled in
        by_metric = tuple(each for each in by_metric if families.wants(each.name))
    for lines in by_metric:
        families[lines.name].append(lines.filled())


def add_agent(families: Families, agent: AgentState, observations: Observations) -> None:
    """Add the lines of one agent."""
    base = labels_text(("site", agent.site), ("agent", agent.agent))
    key = agent.site, agent.agent
    if (is_up := observations.agents_up.get(key)) is not None:
        families["dcim_agent_up"].append(f"dcim_agent_up{{{base}}} {1 if is_up else 0}\n")
    if agent.status is not None or observations.counts[key]:
        name = "dcim_agent_unobserved_devices"
        # All causes, also at 0: a series that appears and disappears can hardly be drawn or alerted on.
        counts = observations.counts[key]
        families[name].extend(f'{name}{{{base},reason="{cause}"}} {counts[cause]}\n' for cause in CAUSES)
    if (status := agent.status) is not None:
        details = (("version", status.version), ("python", status.python), ("hostname", status.hostname))
        more = labels_text(*details)
        families["dcim_agent_info"].append(f"dcim_agent_info{{{base}{',' if more else ''}{more}}} 1\n")
    if (offset_s := agent.clock.offset_s) is not None:
        name = "dcim_agent_clock_offset_seconds"
        families[name].append(f"{name}{{{base}}} {offset_s!r}\n")
    name = "dcim_agent_poll_duration_seconds"
    for protocol, histogram in sorted(agent.poll_duration.items()):
        own = f"{base},{labels_text(('protocol', protocol))}" if protocol else base
        buckets = histogram.buckets()
        families[name].extend(f'{name}_bucket{{{own},le="{bound}"}} {count:.0f}\n' for bound, count in buckets)
        families[name].append(f"{name}_sum{{{own}}} {histogram.total!r}\n")
        families[name].append(f"{name}_count{{{own}}} {buckets[-1][1]:.0f}\n")
    _series(families, agent, base)
