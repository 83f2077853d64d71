"""An agent that loses its network finds that out device by device: no feed is taken as lost meanwhile, and none that is lost is hidden.

Each course is played second by second by the collector's evaluation and by Prometheus.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from collector.problems.conditions import Evaluator, Subject
from collector.problems.rule_files import rules_yaml
from collector.problems.shares import Shares
from collector.problems.table import load_table
from collector.problems.tracker import Tracker
from rackflow.process.yaml import load_yaml_text
from tests.servers.process import find_program
from tests.servers.promtool import PROMTOOL_ENV

LOST, BLIND = "DcimFeedLost", "DcimAgentSeesNothing"
POLL_S = 10
LONGEST_S = 200


@dataclass(frozen=True)
class Device:
    """A device, and from when until when it does not answer."""

    name: str
    feed: str
    dark: tuple[tuple[int, int], ...] = ()

    def up(self, now: int) -> bool:
        return not any(begin <= now < end for begin, end in self.dark)


def pdus(feed: str, count: int = 10, *spans: tuple[int, int]) -> Iterator[Device]:
    """PDUs whose polls are spread over the interval: each finds the begin and the end of a span at its next poll."""
    for number in range(count):
        wait = 1 + number * POLL_S // count
        yield Device(f"{feed}{number}", feed, tuple((begin + wait, end + wait) for begin, end in spans))


FOREVER = (20, LONGEST_S + POLL_S)
COURSES = {
    "the network of the agent": ([*pdus("A", 10, FOREVER), *pdus("B", 10, FOREVER)], {40: {BLIND}, 60: {BLIND}}),
    "feed A": ([*pdus("A", 10, FOREVER), *pdus("B", 10)], {27: set(), 30: {f"{LOST} A"}, 60: {f"{LOST} A"}}),
    "both feeds, while what has batteries answers": (
        [*pdus("A", 10, FOREVER), *pdus("B", 10, FOREVER), *(Device(f"cdu-{number}", "") for number in range(8))],
        {38: {f"{LOST} A", f"{LOST} B"}, 60: {f"{LOST} A", f"{LOST} B"}},
    ),
    "feed A, while a device of feed B comes and goes": (
        [*pdus("A", 10, FOREVER), *pdus("B", 10), Device("loose", "B", tuple((at, at + 2) for at in range(5, 300, 6)))],
        {33: {f"{LOST} A"}},
    ),
    "the network of the agent, and feed A a hundred seconds after it is back": (
        [*pdus("A", 10, (20, 50), (150, FOREVER[1])), *pdus("B", 10, (20, 50))],
        {45: {BLIND}, 70: {BLIND}, 140: set(), 165: {f"{LOST} A"}},
    ),
}
# An alert goes on as long as it may explain others; the collector's problem has ended by then.
LONGER_AT_PROMETHEUS = {140: {BLIND}, 165: {BLIND, f"{LOST} A"}}


def name_of(problem: str, feed: str) -> str:
    return f"{problem} {feed}".strip()


@pytest.mark.parametrize("lost", COURSES)
def test_the_collector_tells_of_what_is_lost_and_of_nothing_else(lost: str) -> None:
    devices, expected = COURSES[lost]
    table = load_table()
    evaluator, tracker = Evaluator(table), Tracker(table)
    shares = Shares(table, evaluator)
    for now in range(max(expected) + 1):
        for device in devices:
            base = {"site": "s", "device": device.name, "feed": device.feed}
            subject = Subject(base, is_silent=not device.up(now), agent="g")
            subject.add("dcim_device_observed", {}, 1.0)
            subject.add("dcim_device_up", {}, float(device.up(now)))
            shares.note(("device", "s", device.name), subject)
        for problem, found in shares.found(partial(tracker.standing, now=now), now).items():
            values = {(problem, group): each.value for group, each in found.items()}
            tracker.update(
                ("share", problem),
                values,
                now,
                is_silent=lambda key: shares.is_open(*key),
                decides=lambda key: shares.decides(*key),
            )
        tracker.tick(now, now)
        if now in expected:
            reported = {name_of(each.problem.name, dict(each.labels).get("feed", "")) for each in tracker.active()}
            assert reported == expected[now], f"after {now} s"


def test_prometheus_tells_the_same(tmp_path: Path) -> None:
    series: list[dict[str, str]] = []
    tests: list[dict[str, object]] = []
    for number, (devices, expected) in enumerate(COURSES.values()):
        site = f"s{number}"
        for device in devices:
            labels = f'{{site="{site}",device="{device.name}",feed="{device.feed}",agent="g"}}'
            ups = " ".join(str(int(device.up(now))) for now in range(max(expected) + 1))
            series.append({"series": f"dcim_device_observed{labels}", "values": f"1x{max(expected)}"})
            series.append({"series": f"dcim_device_up{labels}", "values": ups})
        for at, names in expected.items():
            text = (
                f'group by (alertname, feed) (ALERTS{{alertstate="firing",alertname=~"{LOST}|{BLIND}",site="{site}"}})'
            )
            samples = []
            for name in sorted(LONGER_AT_PROMETHEUS.get(at, names)):
                problem, _, feed = name.partition(" ")
                more = f',feed="{feed}"' if feed else ""
                samples.append({"labels": f'{{alertname="{problem}"{more}}}', "value": 1})
            tests.append({"expr": text, "eval_time": f"{at}s", "exp_samples": samples})
    groups = cast("list[dict[str, list[dict[str, str]]]]", load_yaml_text(rules_yaml(load_table()), "rules")["groups"])
    # Every rule would be evaluated each second, which takes minutes.
    rules = [each for each in groups[0]["rules"] if each.get("alert", LOST) in (LOST, BLIND)]
    kept = {"groups": [{"name": "safety", "interval": "1s", "rules": rules}]}
    (tmp_path / "dcim.rules.yml").write_text(json.dumps(kept), encoding="utf-8")
    one = {"interval": "1s", "input_series": series, "promql_expr_test": tests}
    document = {"rule_files": ["dcim.rules.yml"], "evaluation_interval": "1s", "tests": [one]}
    file = tmp_path / "blind.test.yml"
    file.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    program = find_program("promtool", "prometheus")
    found = subprocess.run(
        [program, "test", "rules", file], env=PROMTOOL_ENV, capture_output=True, text=True, timeout=180, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
