"""Renders the status page: one self-contained HTML page without scripts.

It must work when nothing else does: it needs no script, font or network, and is rendered anew for each request.
Device names, identities and errors are free text from devices; all of it must pass through `escape`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import groupby
from string import Template
from urllib.parse import quote

from collector.derive import Figure
from collector.latest import DeviceState, Latest, LatestValue
from collector.web.alarms import alarms_of
from collector.web.figures_page import figures_card
from collector.web.humanise import duration, quantity

_PLACE = ("room", "row", "rack", "feed")
# A reading lives for three poll intervals (collector.latest). In the last interval at least one poll was missed, so it is shown as stale.
_OLD_INTERVALS = 3
# The range of a metric that is 0 or 1.
_FLAG = ((0.0, 1.0),)


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment on both clocks: monotonic seconds, for ages, and seconds since 1970, for what people read."""

    mono_s: float
    wall_s: float


def render_page(
    latest: Latest, moment: Moment, faults: Mapping[str, str], outlets_of: str = "", figures: Sequence[Figure] = ()
) -> str:
    """The page as HTML. `faults` maps a part of the collector to what is wrong with it.

    Outlets are shown only for the device `outlets_of` (`site/device`), because a rack PDU has dozens.
    """
    latest.expire(moment.mono_s)
    devices = list(latest.devices())
    up = [device for device in devices if latest.is_up(device, moment.mono_s)]
    agents = [agent for agent in latest.agents() if agent.status is not None]
    online = [agent for agent in agents if agent.status is not None and agent.status.status == "online"]
    alarms = {f"{device.site}/{device.device}": alarms_of(device, moment.mono_s) for device in devices}
    active = [(device, alarm) for device, found in alarms.items() for alarm in found]
    tiles = [
        _tile("devices up", f"{len(up)} of {len(devices)}", bad=len(up) < len(devices)),
        _tile("agents online", f"{len(online)} of {len(agents)}", bad=len(online) < len(agents)),
        _tile("active alarms", str(len(active)), bad=bool(active)),
        _tile("series", str(latest.size), bad=latest.refused > 0),
    ]
    notices = [f"<li>{escape(what)}: {escape(fault)}</li>" for what, fault in faults.items()]
    notices += [f"<li><b>{escape(device)}</b> {escape(alarm)}</li>" for device, alarm in active]
    cards = [figures_card(figures)] if figures else []
    cards += [_device(latest, device, moment, outlets_of) for device in devices]
    page = Template(files("collector.web").joinpath("page.html").read_text(encoding="utf-8"))
    return page.substitute(
        tiles="".join(tiles),
        notices=f'<ul class="notices">{"".join(notices)}</ul>' if notices else "",
        devices="".join(cards) or "<p>No message about any device has arrived yet.</p>",
        now=escape(quantity(moment.wall_s, "timestamp_seconds")),
        title_mark="" if not (active or faults or len(up) < len(devices)) else "! ",
    )


def _tile(name: str, value: str, *, bad: bool) -> str:
    return f'<div class="tile{" bad" if bad else ""}"><b>{value}</b><span>{name}</span></div>'


def _device(latest: Latest, device: DeviceState, moment: Moment, outlets_of: str) -> str:
    up = latest.is_up(device, moment.mono_s)
    document = device.document
    identity = " ".join(part for part in (document.vendor, document.model) if part) if document else ""
    place = " / ".join([device.site, *(device.labels[label] for label in _PLACE if device.labels.get(label))])
    note = " · ".join(part for part in (escape(identity), escape(place), _age(device, moment, up=up)) if part)
    alarms = "".join(f'<span class="alarm">{escape(alarm)}</span>' for alarm in alarms_of(device, moment.mono_s))
    held = [device.series[key] for key in sorted(device.series, key=_in_order)]
    tables = _tables(held, moment, f"{device.site}/{device.device}", outlets_of)
    rejected = f'<p class="note">{device.rejected} readings of the last poll rejected</p>' if device.rejected else ""
    return (
        f'<section class="{"up" if up else "down"}"><h2><span class="state">{"up" if up else "down"}</span> '
        f"{escape(device.device)} <small>{escape(device.device_class)}</small>{alarms}</h2>"
        f'<p class="note">{note}</p>'
        f"{rejected}{tables}</section>"
    )


def _tables(held: Sequence[LatestValue], moment: Moment, name: str, outlets_of: str) -> str:
    table = f"<table>{_rows([each for each in held if not _is_outlet(each)], moment)}</table>"
    outlets = [each for each in held if _is_outlet(each)]
    if not outlets:
        return table
    if name == outlets_of:
        return f'{table}<p class="note"><a href=".">hide outlets</a></p><table>{_rows(outlets, moment)}</table>'
    count = len({dict(each.series.labels).get("outlet") for each in outlets})
    return f'{table}<p class="note"><a href="?outlets={quote(name, safe="")}">show {count} outlets</a></p>'


def _is_outlet(held: LatestValue) -> bool:
    return held.series.metric.field.startswith("outlet_")


def _rows(held: Sequence[LatestValue], moment: Moment) -> str:
    """One table row per reading. Flags at 0 share one row per metric, so that a raised flag stands out."""
    rows = []
    for metric, group in groupby(held, key=lambda each: each.series.metric):
        found = list(group)
        is_flag = metric.ranges == _FLAG and not metric.unit and len(found) > 1
        quiet = sum(is_flag and each.value == 0 for each in found)
        rows += [_reading(each, moment) for each in found if not (is_flag and each.value == 0)]
        if quiet:
            others = "none" if quiet == len(found) else "none of the others"
            name = escape(metric.field.replace("_", " "))
            rows.append(f'<tr title="{escape(metric.name)}"><th>{name}</th><td>{others} ({quiet})</td></tr>')
    return "".join(rows)


def _in_order(key: str) -> list[str]:
    """Sort key of a series that puts outlet 2 before outlet 10."""
    return [part.zfill(8) for part in re.split(r"(\d+)", key)]


def _age(device: DeviceState, moment: Moment, *, up: bool) -> str:
    if device.up is None:
        return "never polled since this collector started"
    age = f"latest batch {duration(round(moment.mono_s - device.received_at))} ago"
    if up or not device.up:
        for_s = max(0, round(moment.wall_s - device.since_ms / 1000))
        reason = f" ({escape(device.error)})" if device.error else ""
        return f"{'up' if up else 'down'} for {duration(for_s)}{reason} · {age}"
    # The last poll succeeded, and then messages stopped: the agent, its network or the broker may be down.
    return f"no recent message, its agent may be down · {age}"


def _reading(held: LatestValue, moment: Moment) -> str:
    metric = held.series.metric
    name = metric.field.removesuffix("_total").removesuffix(f"_{metric.unit}") if metric.unit else metric.field
    where = " ".join(f"{value}" for _, value in held.series.labels)
    value = held.value if isinstance(held.value, str) else quantity(held.value, metric.unit)
    life_s = held.expires_at - moment.mono_s
    stale = ' class="stale"' if life_s < held.life_s / _OLD_INTERVALS else ""
    return (
        f'<tr{stale} title="{escape(metric.name)}"><th>{escape(name.replace("_", " "))} <i>{escape(where)}</i></th>'
        f"<td>{escape(value)}</td></tr>"
    )
