"""An hour of a site that is well: nothing may be reported, by the collector or by Prometheus.

The clock of the agent, the devices and the collector leaps, so that the hour takes minutes; what the collector exposes is recorded and
replayed through promtool, with the shipped rules.
"""

import asyncio
import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collector.problems.table import load_table
from collector.web.exposition import render
from tests.servers.captures import REPOSITORY
from tests.servers.process import find_program
from tests.truth.harness import TruthSite, truth_site
from tests.truth.leap import run_leaping
from tests.truth.problem_watch import ProblemWatch

RULES = REPOSITORY / "deploy" / "prometheus" / "rules" / "dcim.rules.yml"
STEP_S = 15
"""Between two recorded scrapes: the rules of promtool are evaluated as often."""
# The first readings are not recorded: some figures need a minute of them.
SETTLED_S = 60.0
DEVICES = 20
"""How many devices the rules are asked of at a time, together with all that has no device.

A query of promtool may read 10,000 samples (one of Prometheus 50 million), which rules that look at all readings of a hall exceed. What
only shows in the sum of all devices is left to the collector's own evaluation, which has them together.
"""
_DEVICE = re.compile(r'[{,]device="([^"]*)"')


HEADER = "| site | an hour of | reported by the collector | reported by Prometheus |\n|---|---|---|---|"


@dataclass(slots=True)
class Hour:
    """The problems reported in it, and what Prometheus would have scraped."""

    site: str
    problems: list[str]
    devices: int
    scrapes: int
    series: dict[str, list[str]] = field(default_factory=dict)
    """Values of each series by scrape; `_` where it was absent."""


def play(site: str, seconds: float = 3600.0, *, record: bool = True) -> Hour:
    """A healthy hour."""
    return run_leaping(_play(site, seconds, record=record))


async def _play(name: str, seconds: float, *, record: bool) -> Hour:
    async with truth_site(name) as site:
        watch = ProblemWatch(site)
        await site.run(SETTLED_S)
        hour = Hour(name, [], len(list(site.latest.devices())), 0)
        wanted = load_table().metrics()
        for _ in range(round(seconds / STEP_S)):
            await site.run(STEP_S)
            if record:
                _scrape(site, hour, wanted)
        hour.problems = watch.descriptions()
        assert not watch.failures.counts, watch.failures.counts
        return hour


def _scrape(site: TruthSite, hour: Hour, wanted: frozenset[str]) -> None:
    """What /metrics says now, of what any rule asks about, with the figures."""
    found: dict[str, str] = {}
    text, _ = render(site.latest, asyncio.get_running_loop().time())
    for line in text.splitlines():
        series, _, value = line.rpartition(" ")
        if not line.startswith("#") and series.partition("{")[0] in wanted:
            found[series] = value
    for figure in site.figures:
        if figure.value is not None and figure.output.metric.name in wanted:
            labels = ",".join(f'{name}="{text}"' for name, text in figure.output.labels)
            found[f"{figure.output.metric.name}{{{labels}}}"] = repr(figure.value)
    for series, value in found.items():
        values = hour.series.setdefault(series, [])
        values += ["_"] * (hour.scrapes - len(values))
        values.append(value)
    hour.scrapes += 1


def replay(hour: Hour, folder: Path) -> str:
    """What promtool finds wrong with the expectation that nothing fires; empty if nothing."""
    device_of = {series: match[1] if (match := _DEVICE.search(series)) else "" for series in hour.series}
    names = sorted({*device_of.values()} - {""})
    found = [
        _replayed(
            {key: values for key, values in hour.series.items() if device_of[key] in {"", *names[at : at + DEVICES]}},
            hour.scrapes,
            folder / "healthy.test.yml",
        )
        for at in range(0, len(names), DEVICES)
    ]
    return "\n".join(each for each in found if each)[:4000]


def _replayed(series: Mapping[str, list[str]], scrapes: int, file: Path) -> str:
    document = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{STEP_S}s",
        "tests": [
            {
                "interval": f"{STEP_S}s",
                "input_series": [{"series": name, "values": _shortened(values)} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        # Absent collectors are not a matter of devices: nothing is scraped here.
                        "expr": 'ALERTS{alertstate="firing",alertname!~"DcimWatchdog|DcimCollectorDown"}',
                        "eval_time": f"{step * STEP_S}s",
                        "exp_samples": [],
                    }
                    for step in range(0, scrapes, 4)
                ],
            }
        ],
    }
    file.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    promtool = find_program("promtool", "prometheus")
    found = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, check=False, timeout=3600)
    return "" if found.returncode == 0 else found.stdout + found.stderr


def _shortened(values: list[str]) -> str:
    """Runs of one value as promtool writes them: `1x5` is six of them."""
    runs: list[tuple[str, int]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1] = value, runs[-1][1] + 1
        else:
            runs.append((value, 1))
    return " ".join(value if count == 1 else f"{value}x{count - 1}" for value, count in runs)


def line(hour: Hour, replayed: str) -> str:
    """A line of the table."""
    by_name: dict[str, int] = defaultdict(int)
    for each in hour.problems:
        by_name[each.split(" ", 1)[0]] += 1
    names = ", ".join(f"{count} {name}" for name, count in by_name.items()) or "nothing"
    return (
        f"| {hour.site} | {hour.devices} devices, {hour.scrapes} scrapes of {len(hour.series)} series | {names} | "
        f"{replayed or 'nothing'} |"
    )
