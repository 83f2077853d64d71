"""Each side in turn, at each rate, several times; the table of the result."""

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.equal_rates.device import SNMPD
from benchmarks.equal_rates.sides import Place, Rackflow, Side, sides
from benchmarks.processes import cpu_seconds
from tests.servers.mosquitto import Mosquitto
from tests.servers.snmpd import Snmpd
from tests.servers.waiting import wait_until

RATES = (50, 500, 2000)
"""Devices, each asked once a second."""
# How long a side may take for its first polls, or to poll on; only a hang takes longer.
PATIENCE_S = 90.0


@dataclass(frozen=True)
class Window:
    """What a side did in one window, and what it had cost until it polled all devices."""

    polls: float
    failures: float
    cpu_s: float
    seconds: float
    start_cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        """Polls per CPU second."""
        return self.polls / self.cpu_s if self.cpu_s else 0.0


def measure(side: Side, seconds: float) -> Window:
    """One window of a side at work, after it has polled all its devices."""
    with side.serving():
        wait_until(
            lambda: side.polls >= side.devices, f"{side.name} has polled as often as there are devices", PATIENCE_S
        )
        until = side.polls + side.devices
        wait_until(lambda: side.polls >= until, f"{side.name} has polled all once more", PATIENCE_S)
        # Some report their totals once a second: both ends of the window are moments at which a total has just come.
        first = _moment(side)
        last = first
        while last.at_s < first.at_s + seconds:
            last = _moment(side)
        return Window(
            polls=last.polls - first.polls,
            failures=last.failures - first.failures,
            cpu_s=last.cpu_s - first.cpu_s,
            seconds=last.at_s - first.at_s,
            start_cpu_s=first.cpu_s,
        )


@dataclass(frozen=True)
class _Moment:
    at_s: float
    polls: float
    failures: float
    cpu_s: float


def _moment(side: Side) -> _Moment:
    polls = side.polls
    wait_until(lambda: side.polls > polls, f"{side.name} polls on", PATIENCE_S)
    return _Moment(time.monotonic(), side.polls, side.failures, cpu_seconds(side.pid))


def run(folder: Path, rounds: int, seconds: float, rates: Sequence[int] = RATES) -> Iterator[str]:
    """The lines of the table, a rate after the other."""
    columns = (
        "polls/s asked for",
        "poller",
        "polls/s done, failed",
        "polls per CPU s, median (all)",
        "CPU s to the second poll",
        "Rackflow / this",
    )
    yield f"| {' | '.join(columns)} |"
    yield "|---|---|---|---|---|---|"
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "rates-mosquitto").serving())
        snmpd = stack.enter_context(Snmpd(folder / "rates-snmpd", SNMPD).serving())
        place = Place(folder, broker.port, snmpd.port)
        for rate in rates:
            windows: dict[str, list[Window]] = {each.name: [] for each in sides()}
            for _ in range(rounds):
                for kind in sides():
                    windows[kind.name].append(measure(kind(place, rate), seconds))
            yield from (_line(rate, name, found, windows[Rackflow.name]) for name, found in windows.items())


def _line(rate: int, name: str, found: Sequence[Window], ours: Sequence[Window]) -> str:
    all_of_them = ", ".join(f"{each.per_cpu_s:.0f}" for each in found)
    done = statistics.median(each.polls / each.seconds for each in found)
    ratios = [a.per_cpu_s / b.per_cpu_s for a, b in zip(ours, found, strict=True) if b.per_cpu_s]
    ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "-"
    return (
        f"| {rate} | {name} | {done:.0f}, {sum(each.failures for each in found):.0f} "
        f"| {statistics.median(each.per_cpu_s for each in found):.0f} ({all_of_them}) "
        f"| {statistics.median(each.start_cpu_s for each in found):.2f} | {ratio} |"
    )
