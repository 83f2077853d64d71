"""Collects the present series of devices, agents and figures for the evaluation. Pure; `now` is monotonic seconds."""

from collections.abc import Collection, Generator, Iterable
from typing import Final

from collector.derive import Figure, SiteLimit
from collector.latest import DeviceState, Latest, LatestValue, Observations
from collector.problems.conditions import Unit
from rackflow.catalogue import BASE_LABELS

# A site of 5,000 devices has 50,000 figures, and looking at one takes 0.3 µs.
FIGURES_PER_SLICE: Final = 5_000


def device_unit(
    device: DeviceState, latest: Latest, metrics: Collection[str], now: float, limits: Iterable[SiteLimit] = ()
) -> Unit:
    """What is known of one device, of those metrics that some problem asks about, and the limits that the site file states for it."""
    base = {**{label: device.labels[label] for label in BASE_LABELS if device.labels.get(label)}}
    base |= {"site": device.site, "device": device.device}
    up = latest.up(device, now)
    unit = Unit(base, is_silent=up is not True, agent=device.agent)
    _add(unit, device.series.values(), metrics, now)
    for limit in limits:
        unit.add(limit.metric, dict(limit.labels), limit.value)
        unit.sources[limit.metric] = limit.source
    agent = {"agent": device.agent}
    unit.add("dcim_device_observed", agent, 0.0 if up is None else 1.0)
    if up is not None:
        unit.add("dcim_device_up", agent, float(up))
    unit.add("dcim_device_info", {**agent, "device_class": device.device_class}, 1.0)
    return unit


def agent_units(latest: Latest, observations: Observations, metrics: Collection[str], now: float) -> Iterable[Unit]:
    """What is known of each agent."""
    for agent in latest.agents():
        key = agent.site, agent.agent
        unit = Unit({"site": agent.site, "agent": agent.agent})
        _add(unit, agent.series.values(), metrics, now)
        if (is_up := observations.agents_up.get(key)) is not None:
            unit.add("dcim_agent_up", {}, float(is_up))
        for reason, count in observations.counts.get(key, {}).items():
            unit.add("dcim_agent_unobserved_devices", {"reason": reason}, float(count))
        if (offset_s := agent.clock_offset_s) is not None:
            unit.add("dcim_agent_clock_offset_seconds", {}, offset_s)
        yield unit


def collect_figures(site: str, figures: Iterable[Figure], metrics: Collection[str]) -> Generator[None, None, Unit]:
    """The known figures of a site. An unknown one is no series. Yields after each slice."""
    unit = Unit({"site": site})
    for count, figure in enumerate(figures, 1):
        if count % FIGURES_PER_SLICE == 0:
            yield
        output = figure.output
        if figure.value is not None and output.metric.name in metrics:
            unit.add(output.metric.name, dict(output.labels), figure.value)
    return unit


def _add(unit: Unit, held: Iterable[LatestValue], metrics: Collection[str], now: float) -> None:
    found = unit.series
    for each in held:
        series = each.series
        name = series.metric.name
        if name in metrics and now < each.expires_at:
            if (known := found.get(name)) is None:
                known = found[name] = []
            known.append((series.by_name, each.value))
