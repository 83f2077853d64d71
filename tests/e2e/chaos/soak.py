"""`make chaos ARGS=soak`: runs for hours at twenty times the real rate, with outages, and reports whether anything grows."""

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import cpu_seconds, resident_bytes
from rackflow.catalogue import POLL_SECONDS
from tests.e2e.chaos.scenarios import broker_away, database_refuses
from tests.e2e.chaos.site import DEVICES, ChaosSite

# Times the default rate: two hours then are as much work as nearly two days.
RATE = 20
SAMPLE_S = 30.0
# Outages of broker and database in turn: what they leave behind must not add up either.
OUTAGE_EVERY_S = 600.0
OUTAGE_S = 30
WARM_SHARE = 0.2
"""Share of the run that is not judged: caches fill, and files reach their size."""
GROWTH = 0.05
"""Growth that still counts as none. A chosen value: smaller ones fail by chance."""
SLACK = {"memory MB": 2.0, "descriptors": 2.0, "threads": 2.0, "disk MB": 2.0}
"""Growth that is allowed in addition to `GROWTH`: the resolution of each measurement."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Resources of one process at `at`, in seconds since the start."""

    at: float
    what: dict[str, float]


@dataclass(frozen=True, slots=True)
class Trend:
    """One quantity of one process: medians of the first and the last fifth after warming up, and the highest."""

    of: str
    what: str
    first: float
    last: float
    most: float

    @property
    def flat(self) -> bool:
        return self.last <= self.first * (1 + GROWTH) + SLACK[self.what]


def measure(pid: int, files: Iterator[Path]) -> dict[str, float]:
    """Memory, file descriptors and threads of a process, and the size of what it keeps on disk."""
    proc = Path(f"/proc/{pid}")
    return {
        "memory MB": resident_bytes(pid) / 1e6,
        "descriptors": len(os.listdir(proc / "fd")),  # noqa: PTH208 - a link may be gone before it is looked at
        "threads": len(list((proc / "task").iterdir())),
        "disk MB": sum(file.stat().st_blocks * 512 for file in files if file.is_file()) / 1e6,
    }


def trends(of: str, samples: list[Sample], length_s: float) -> list[Trend]:
    """Compare beginning and end of each quantity."""
    warm = [each for each in samples if each.at >= WARM_SHARE * length_s]
    part = max(1, len(warm) // 5)
    found = []
    for what in SLACK:
        values = [each.what[what] for each in warm]
        found.append(Trend(of, what, statistics.median(values[:part]), statistics.median(values[-part:]), max(values)))
    return found


def state_files(site: ChaosSite) -> dict[str, Callable[[], Iterator[Path]]]:
    """Size of each process's files on disk, including its log."""
    folder = site.folder
    return {
        "agent": lambda: (each for each in folder.glob("*") if each.name.startswith(("outbox", "agent-disk"))),
        "collector": lambda: (
            each for each in folder.glob("*") if each.name.startswith(("collector", "ledger", "dead"))
        ),
    }


def live(site: ChaosSite, length_s: float) -> dict[str, list[Sample]]:
    """Run with outages of broker and database in turn; returns samples of all processes, one every half minute."""
    began, chance, outages = time.monotonic(), random.Random(1), 0  # noqa: S311 - repeatable, not secret
    samples: dict[str, list[Sample]] = {"agent": [], "collector": []}
    files = state_files(site)
    while (at := time.monotonic() - began) < length_s:
        for name, process in (("agent", site.agent), ("collector", site.collector)):
            samples[name].append(Sample(at, measure(process.pid, files[name]())))
        if at > (outages + 1) * OUTAGE_EVERY_S / 2:
            outages += 1
            (broker_away if outages % 2 else database_refuses)(site, OUTAGE_S, chance)
            print(f"{at / 60:6.1f} min  " + "  ".join(_text(name, samples[name][-1]) for name in samples), flush=True)
        time.sleep(max(0.0, SAMPLE_S - (time.monotonic() - began - at)))
    print(f"{outages} outages of {OUTAGE_S} s, the broker's and the database's in turns")
    return samples


def _text(name: str, sample: Sample) -> str:
    return f"{name} " + " ".join(f"{value:.1f} {what}" for what, value in sample.what.items())


def soak(folder: Path, minutes: float) -> int:
    """Exit status: 1 if something grew, was lost or was stored twice."""
    site = ChaosSite(folder, listens=False, interval_s=POLL_SECONDS["fast"] / RATE)
    try:
        site.start()
        began, samples = time.monotonic(), live(site, minutes * 60)
        cpu = {"agent": cpu_seconds(site.agent.pid), "collector": cpu_seconds(site.collector.pid)}
        length_s = time.monotonic() - began
        site.drain()
        account, seen = site.account(), site.witnessed()
    finally:
        site.close()
    found = [trend for name, each in samples.items() for trend in trends(name, each, length_s)]
    print("| | | after warming up | at the end | at most | |\n|---|---|---|---|---|---|")
    for each in found:
        verdict = "flat" if each.flat else "GROWS"
        print(f"| {each.of} | {each.what} | {each.first:.1f} | {each.last:.1f} | {each.most:.1f} | {verdict} |")
    shares = ", ".join(f"{name} {seconds / length_s * 100:.1f} % of a core" for name, seconds in cpu.items())
    print(f"{DEVICES} devices at {RATE} times the default rate for {length_s / 60:.0f} min: {shares}")
    print(
        f"{account.produced} produced, {account.stored} stored, {seen.repeated} duplicated, "
        f"{account.dropped} dropped, {account.missing} missing without reason"
    )
    grown = [each for each in found if not each.flat]
    return 1 if grown or account.missing or account.dropped or seen.repeated else 0
