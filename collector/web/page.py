"""Renders what the page shows without its script: a summary in `/`, and every reading on `/plain`.

The summary must be true when nothing else works. With script it is replaced by `collector/web/static/app.js` once that has started.
Device names, identities and errors are free text from devices; all of it must pass through `escape`.
"""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from itertools import groupby
from string import Template
from urllib.parse import quote

from collector.derive import Figure
from collector.latest import DeviceState, Latest, LatestValue, Observations
from collector.problems import ProblemReport
from collector.web.alarms import alarms_of
from collector.web.figures_page import figures_card
from collector.web.humanise import duration, quantity
from collector.web.problems_page import problems_card
from collector.web.verdict import State, judge
from rackflow.escape import escape_html as escape
from rackflow.plural import count_of
from rackflow.process.bulkhead import Failures

# How often the plain page, or the summary in a browser without script, is loaded again.
REFRESH_S = 10
_PLACE = ("room", "row", "rack", "feed")
# A reading is current for three poll intervals (collector.latest). In the last interval at least one poll was missed, so it is shown as
# stale.
_OLD_INTERVALS = 3
_FAILED = '<section class="gaps"><h2>{} <small>cannot be shown, see the log of the collector</small></h2></section>'
_UNJUDGED: Sequence[str] = ("its alarms cannot be judged, see the log of the collector",)
_SERIES = "dcim_device_series"
# The range of a metric that is 0 or 1.
_FLAG = ((0.0, 1.0),)


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on both clocks: monotonic seconds, for ages, and seconds since 1970, for what people read."""

    mono_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What the collector has found out. `contested` maps site and device to another agent that publishes about the device."""

    figures: Sequence[Figure] = ()
    contested: Mapping[tuple[str, str], str] = field(default_factory=dict)
    problems: Sequence[ProblemReport] = ()
    never_heard: Sequence[str] = ()
    """Devices of the site file of which nothing was received."""


@dataclass(frozen=True, slots=True)
class Shell:
    """The frame of the page: the address of its files (`static`, ending in a slash), and the names of its script modules.

    `with_readings` makes it the plain page with every reading, which runs no script; `outlets_of` (`site/device`) names the device whose
    outlets it shows, because a rack PDU has dozens.
    """

    static: str = "static/"
    scripts: Sequence[str] = ()
    with_readings: bool = True
    outlets_of: str = ""

    def head(self) -> str:
        """Elements of the head. Browsers without script reload the page by themselves; with script, a stream updates it.

        The plain page with script is not reloaded: its reader would lose the place (WCAG 2.2.1).
        """
        refresh = f'<noscript><meta http-equiv="refresh" content="{REFRESH_S}"></noscript>'
        if self.with_readings:
            return refresh
        # Preloaded, so that all modules are fetched at once instead of one import after the other.
        preloads = [f'<link rel="modulepreload" href="{self.static}{name}">' for name in self.scripts]
        script = f'<script type="module" src="{self.static}app.js"></script>'
        return "\n".join([*preloads, script, refresh])

    def links(self) -> str:
        """Where else to go."""
        other = '<a href="./">floor</a>' if self.with_readings else '<a href="plain">all readings</a>'
        return f'{other} · <a href="metrics">metrics</a> · <a href="readyz">readiness</a>'


def page_steps(
    latest: Latest,
    moment: Moment,
    faults: Mapping[str, str],
    *,
    shell: Shell | None = None,
    findings: Findings | None = None,
    failures: Failures | None = None,
) -> Generator[None, None, str]:
    """The page as HTML. `faults` maps a part of the collector to what is wrong with it.

    A device that cannot be shown is noted in `failures`, and its card says so. It yields after each device, as `render_steps` does.
    """
    findings = findings if findings is not None else Findings()
    shell = shell if shell is not None else Shell()
    failures = failures if failures is not None else Failures()
    yield from latest.expire_steps(moment.mono_s)
    devices = list(latest.devices())
    observations = latest.observe(moment.mono_s)
    alarms = yield from _alarms_steps(devices, moment, failures)
    # Consequences of another problem are not counted: one fault would count as many.
    root_problems = [each for each in findings.problems if each.cause is None and each.status != "ended"]
    verdict = judge(
        devices, observations, len(alarms), faults, problems=len(root_problems), never_heard=findings.never_heard
    )
    notices = _notices(faults, alarms, findings.contested)
    causes = [f"<li>{escape(each)}</li>" for each in verdict.causes]
    cards = _cards(findings, moment, failures)
    for device in devices if shell.with_readings else ():
        card = partial(_device, device, observations, moment, shell.outlets_of)
        cards.append(failures.attempt("page", card, otherwise=_FAILED.format(escape(device.device))))
        yield
    page = Template(files("collector.web").joinpath("page.html").read_text(encoding="utf-8"))
    return page.substitute(
        state=verdict.state,
        headline=escape(verdict.headline),
        tiles="".join(_tiles(devices, latest, observations, len(alarms), len(findings.never_heard))),
        causes=f'<ul class="causes">{"".join(causes)}</ul>' if causes else "",
        notices=f'<ul class="notices">{"".join(notices)}</ul>' if notices else "",
        sections="".join(cards) if devices else "<p>No message about any device has arrived yet.</p>",
        static=shell.static,
        kind="plain" if shell.with_readings else "",
        head=shell.head(),
        links=shell.links(),
        now=escape(quantity(moment.wall_s, "timestamp_seconds")),
        title_mark={"ok": "", "alarms": "! ", "unknown": "? "}[verdict.state],
    )


def _alarms_steps(
    devices: Sequence[DeviceState], moment: Moment, failures: Failures
) -> Generator[None, None, list[tuple[str, str]]]:
    """The alarms of all devices: `site/device` and the words of each. Yields after each device."""
    found: list[tuple[str, str]] = []
    for device in devices:
        alarms: Sequence[str] = failures.attempt("page", partial(alarms_of, device, moment.mono_s), otherwise=_UNJUDGED)
        found += [(f"{device.site}/{device.device}", alarm) for alarm in alarms]
        yield
    return found


def _notices(
    faults: Mapping[str, str], alarms: Sequence[tuple[str, str]], contested: Mapping[tuple[str, str], str]
) -> list[str]:
    """List items: faults of the collector (that of the broker is among the causes), alarms, and contested devices."""
    found = [f"<li>{escape(what)}: {escape(fault)}</li>" for what, fault in faults.items() if what != "broker"]
    found += [f"<li><b>{escape(device)}</b> {escape(alarm)}</li>" for device, alarm in alarms]
    return found + [
        f"<li><b>{escape(site)}/{escape(device)}</b> contested: agent {escape(agent)} publishes about it as well, and is refused</li>"
        for (site, device), agent in sorted(contested.items())
    ]


def _cards(findings: Findings, moment: Moment, failures: Failures) -> list[str]:
    """The cards above those of the devices: problems and figures."""
    problems = partial(problems_card, findings.problems, moment.wall_s)
    cards = [failures.attempt("page", problems, otherwise=_FAILED.format("problems"))]
    if findings.figures:
        figures = partial(figures_card, findings.figures)
        cards.append(failures.attempt("page", figures, otherwise=_FAILED.format("figures")))
    return cards


def _tiles(
    devices: Sequence[DeviceState], latest: Latest, observations: Observations, active: int, never_heard: int
) -> Iterator[str]:
    seen = [each for each in devices if (each.site, each.device) not in observations.causes]
    up = sum(each.up is True for each in seen)
    known = len(devices) + never_heard
    is_whole = bool(devices) and len(seen) == known
    yield _tile("devices up", f"{up} of {known}", _state(bad=up < len(seen), whole=is_whole))
    agents = [each for each in latest.agents() if each.status is not None]
    online = sum(observations.agents_up.get((each.site, each.agent)) is True for each in agents)
    yield _tile("agents online", f"{online} of {len(agents)}", _state(bad=False, whole=online == len(agents)))
    # Without any observed device "0" would read as "no alarm", although nobody can know.
    count = str(active) if active or seen else "?"
    observed = "" if is_whole else f", {len(seen)} of {known} devices observed"
    yield _tile(f"active alarms{observed}", count, _state(bad=active > 0, whole=is_whole))
    yield _tile("series", str(latest.size), _state(bad=latest.refused > 0, whole=True))


def _state(*, bad: bool, whole: bool) -> State:
    """The state of a tile: a fault counts more than devices that are not observed."""
    return "alarms" if bad else "ok" if whole else "unknown"


def _tile(name: str, value: str, state: State) -> str:
    css = {"ok": "", "alarms": " bad", "unknown": " unknown"}[state]
    return f'<div class="tile{css}"><b>{value}</b><span>{name}</span></div>'


def _device(device: DeviceState, observations: Observations, moment: Moment, outlets_of: str) -> str:
    reason = observations.reason(device)
    word = "unknown" if reason else "up" if device.up else "down"
    document = device.document
    identity = " ".join(part for part in (document.vendor, document.model) if part) if document else ""
    place = " / ".join([device.site, *(device.labels[label] for label in _PLACE if device.labels.get(label))])
    note = " · ".join(part for part in (escape(identity), escape(place), _age(device, moment, reason)) if part)
    alarms = "".join(f'<span class="alarm">{escape(alarm)}</span>' for alarm in alarms_of(device, moment.mono_s))
    readings = [device.series[key] for key in sorted(device.series, key=_in_order)]
    counts = _series_counts([each for each in readings if each.series.metric.name == _SERIES])
    readings = [each for each in readings if each.series.metric.name != _SERIES]
    tables = _tables(readings, moment, f"{device.site}/{device.device}", outlets_of)
    rejected = (
        f'<p class="note">{count_of(device.rejected, "reading")} of the last poll rejected</p>'
        if device.rejected
        else ""
    )
    return (
        f'<section class="{word}"><h2><span class="state">{word}</span> '
        f"{escape(device.device)} <small>{escape(device.device_class)}</small>{alarms}</h2>"
        f'<p class="note">{note}</p>'
        f"{counts}{rejected}{tables}</section>"
    )


def _series_counts(readings: Sequence[LatestValue]) -> str:
    """How many series the device gives of those planned, and how many are left out, by reason."""
    counts = [(dict(each.series.labels), each.value) for each in readings if isinstance(each.value, float)]
    by_state = {labels.get("state", ""): value for labels, value in counts}
    if "planned" not in by_state:
        return ""
    planned, present = by_state["planned"], by_state.get("present")
    words = [
        f"{planned:.0f} series planned" if present is None else f"{present:.0f} of {planned:.0f} planned series present"
    ]
    words += [
        f"{value:.0f} left out ({escape(labels.get('reason', ''))})"
        for labels, value in counts
        if labels.get("state") == "left_out"
    ]
    css = "note less" if present is not None and present < planned else "note"
    return f'<p class="{css}" title="{_SERIES}">{", ".join(words)}</p>'


def _tables(readings: Sequence[LatestValue], moment: Moment, name: str, outlets_of: str) -> str:
    table = f"<table>{_rows([each for each in readings if not _is_outlet(each)], moment)}</table>"
    outlets = [each for each in readings if _is_outlet(each)]
    if not outlets:
        return table
    if name == outlets_of:
        return f'{table}<p class="note"><a href="plain">hide outlets</a></p><table>{_rows(outlets, moment)}</table>'
    count = len({dict(each.series.labels).get("outlet") for each in outlets})
    return f'{table}<p class="note"><a href="plain?outlets={quote(name, safe="")}">show {count} outlets</a></p>'


def _is_outlet(entry: LatestValue) -> bool:
    return entry.series.metric.field.startswith("outlet_")


def _rows(readings: Sequence[LatestValue], moment: Moment) -> str:
    """One table row per reading. Flags at 0 share one row per metric, so that a raised flag stands out."""
    rows = []
    for metric, group in groupby(readings, key=lambda each: each.series.metric):
        found = list(group)
        is_flag = metric.ranges == _FLAG and not metric.unit and len(found) > 1
        shown = [each for each in found if each.value != 0] if is_flag else found
        rows += [_reading(each, moment) for each in shown]
        if quiet := len(found) - len(shown):
            others = "none" if quiet == len(found) else "none of the others"
            name = escape(metric.field.replace("_", " "))
            rows.append(f'<tr title="{escape(metric.name)}"><th>{name}</th><td>{others} ({quiet})</td></tr>')
    return "".join(rows)


def _in_order(key: str) -> list[str]:
    """Sort key of a series that puts outlet 2 before outlet 10."""
    return [part.zfill(8) for part in re.split(r"(\d+)", key)]


def _age(device: DeviceState, moment: Moment, reason: str) -> str:
    if device.up is None:
        return f"not polled since this collector started · {escape(reason)}" if reason else "not polled yet"
    age = f"latest batch {duration(round(moment.mono_s - device.received_at))} ago"
    if reason:
        return f"{escape(reason)} · {'up' if device.up else 'down'} when last heard of · {age}"
    for_s = max(0, round(moment.wall_s - device.since_ms / 1000))
    error = f" ({escape(device.error)})" if device.error else ""
    return f"{'up' if device.up else 'down'} for {duration(for_s)}{error} · {age}"


def _reading(entry: LatestValue, moment: Moment) -> str:
    metric = entry.series.metric
    name = metric.field.removesuffix("_total").removesuffix(f"_{metric.unit}") if metric.unit else metric.field
    where = " ".join(f"{value}" for _, value in entry.series.labels)
    value = entry.value if isinstance(entry.value, str) else quantity(entry.value, metric.unit)
    life_s = entry.expires_at - moment.mono_s
    stale = ' class="stale"' if life_s < entry.life_s / _OLD_INTERVALS else ""
    return (
        f'<tr{stale} title="{escape(metric.name)}"><th>{escape(name.replace("_", " "))} <i>{escape(where)}</i></th>'
        f"<td>{escape(value)}</td></tr>"
    )
