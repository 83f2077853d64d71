"""Makes the demo's summary line from the collector's /metrics, as any Prometheus would read it."""

import asyncio
import re
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rackflow.plural import count_of

_SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_DEVICE = re.compile(r'(?:^|,)device="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Page:
    """The address on which the collector listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Address of the status page, without a slash at the end."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Summary:
    """The last line that the demo prints. `complete` says whether telemetry of every device has arrived."""

    line: str
    complete: bool


async def fetch(page: Page, path: str) -> str:
    """Fetch one page as text. Raises OSError."""
    # urllib in a thread: one request at the end needs no HTTP client as a dependency. Without the proxy that the environment may name
    # (`http_proxy`): it knows nothing of this machine's loopback.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get() -> str:
        with direct.open(page.url + path, timeout=10) as answer:
            text: str = answer.read().decode("utf-8")
            return text

    return await asyncio.to_thread(get)


def summarise(metrics: str, devices: Sequence[str]) -> Summary:
    """Summarise what the whole data path has done, from the text of /metrics."""
    totals: dict[str, float] = {}
    values: dict[str, int] = dict.fromkeys(devices, 0)
    for name, labels, value in _SAMPLE.findall(metrics):
        totals[name] = totals.get(name, 0.0) + float(value)
        found = _DEVICE.search(labels)
        # dcim_device_* say that a device is known or unreachable; only other series are telemetry.
        if found and found[1] in values and not name.startswith("dcim_device_"):
            values[found[1]] += 1
    silent = [device for device, count in values.items() if not count]
    errors = sum(
        totals.get(name, 0.0) for name in ("dcim_agent_poll_failures_total", "dcim_collector_message_failures_total")
    )
    line = (
        f"{_count(totals, 'dcim_agent_polls_total', 'poll')}, "
        f"{_count(totals, 'dcim_collector_messages_received_total', 'batch')}, "
        f"{_count(totals, 'dcim_collector_points_written_total', 'point')} stored, "
        f"{totals.get('dcim_collector_series', 0):,.0f} series exposed, "
        f"{count_of(round(errors), 'error')}; "
        f"telemetry from {len(devices) - len(silent)} of {count_of(len(devices), 'device')}"
    )
    if silent:
        line += f"; none from {', '.join(silent)}"
    return Summary(line, complete=not silent)


def _count(totals: Mapping[str, float], metric: str, noun: str) -> str:
    return count_of(round(totals.get(metric, 0)), noun)
