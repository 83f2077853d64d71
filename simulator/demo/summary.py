"""Reads the demo's collector from outside, through /metrics, for the summary line."""

import asyncio
import re
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

_SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_DEVICE = re.compile(r'(?:^|,)device="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Page:
    """Where the collector listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """Address of the status page, without a slash at its end."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Summary:
    """The last line of the demo; `complete` is whether telemetry of every device arrived."""

    line: str
    complete: bool


async def fetch(page: Page, path: str) -> str:
    """The text of one page. Raises OSError."""

    def get() -> str:
        with urllib.request.urlopen(page.url + path, timeout=10) as answer:  # noqa: S310 - http on loopback, never a file
            text: str = answer.read().decode("utf-8")
            return text

    return await asyncio.to_thread(get)


def summarise(metrics: str, devices: Sequence[str]) -> Summary:
    """What the whole path has done, read from what Prometheus would read."""
    totals: dict[str, float] = {}
    values: dict[str, int] = dict.fromkeys(devices, 0)
    for name, labels, value in _SAMPLE.findall(metrics):
        totals[name] = totals.get(name, 0.0) + float(value)
        found = _DEVICE.search(labels)
        if found and found[1] in values and not name.startswith("dcim_device_"):
            values[found[1]] += 1
    silent = [device for device, count in values.items() if not count]
    errors = sum(
        totals.get(name, 0.0) for name in ("dcim_agent_poll_failures_total", "dcim_collector_message_failures_total")
    )
    line = (
        f"{totals.get('dcim_agent_polls_total', 0):.0f} polls, "
        f"{totals.get('dcim_collector_messages_received_total', 0):.0f} batches, "
        f"{totals.get('dcim_collector_points_written_total', 0):.0f} points stored, "
        f"{totals.get('dcim_collector_series', 0):.0f} series exposed, "
        f"{errors:.0f} errors; "
        f"{len(devices) - len(silent)} of {len(devices)} devices heard"
    )
    if silent:
        line += f"; nothing from {', '.join(silent)}"
    return Summary(line, complete=not silent)
