"""An agent that loses its network finds that out device by device: no feed is taken as lost meanwhile, and none that is lost is hidden.

Each course is played second by second by the collector's evaluation and by Prometheus.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
ROOM, ROW, CDU = "DcimRoomFeedLost", "DcimRowFeedLost", "DcimCoolingBlind"
NO_ROOM, NO_ROW = "DcimRoomSilent", "DcimRowSilent"
WATCHED = (LOST, BLIND, ROOM, ROW, CDU, NO_ROOM, NO_ROW)
POLL_S = 10
LONGEST_S = 200


@dataclass(frozen=True)
class Device:
    """A device, and from when until when it does not answer."""

    name: str
    feed: str
    dark: tuple[tuple[int, int], ...] = ()
    row: str = ""
    """Its row in room `r`; without one it is in no room either."""
    device_class: str = "pdu"
    ups_dark: tuple[int, int] | None = None
    """From when until when it is a UPS on battery, which answers."""
    agent: str = "g"

    @property
    def labels(self) -> dict[str, str]:
        """Those of its place."""
        return {"feed": self.feed, **({"room": "r", "row": self.row} if self.row else {})}

    def source(self, now: int) -> str:
        return "battery" if self.ups_dark is not None and self.ups_dark[0] <= now < self.ups_dark[1] else "normal"

    def up(self, now: int) -> bool:
        return not any(begin <= now < end for begin, end in self.dark)


def pdus(feed: str, count: int = 10, *spans: tuple[int, int]) -> Iterator[Device]:
    """PDUs whose polls are spread over the interval: each finds the begin and the end of a span at its next poll."""
    for number in range(count):
        wait = 1 + number * POLL_S // count
        yield Device(f"{feed}{number}", feed, tuple((begin + wait, end + wait) for begin, end in spans))


def slow(feed: str, row: str, *spans: tuple[int, int], first: int = 1) -> Iterator[Device]:
    """Five PDUs of a row that are polled each half minute, one after the other from `first` on."""
    for number in range(5):
        dark = tuple((begin + first + 3 * number, end + first + 3 * number) for begin, end in spans)
        yield Device(f"{row}-{feed}{number}", feed, dark, row)


def slow_cdus(count: int, *spans: tuple[int, int]) -> Iterator[Device]:
    """CDUs that are polled each half minute."""
    for number in range(count):
        wait = 1 + 14 * number
        dark = tuple((begin + wait, end + wait) for begin, end in spans)
        yield Device(f"cdu{number}", "", dark, "row-1", "cdu")


def close_cdus(count: int, first: int, *spans: tuple[int, int]) -> Iterator[Device]:
    """CDUs without a feed that are polled each half minute, each 5 s after the one before."""
    for number in range(count):
        wait = first + 5 * number
        yield Device(f"cdu{number}", "", tuple((begin + wait, end + wait) for begin, end in spans), "row-1", "cdu")


def switch(row: str, *spans: tuple[int, int]) -> Iterator[Device]:
    """What hangs on the switch of a row: PDUs of both feeds, polled each 10 s, and two CDUs, polled each second."""
    for number in range(5):
        for feed in "AB":
            wait = 1 + 2 * number + (feed == "B")
            dark = tuple((begin + wait, end + wait) for begin, end in spans)
            yield Device(f"{row}-{feed}{number}", feed, dark, row)
    for number in range(2):
        yield Device(f"{row}-cdu{number}", "", tuple((begin + 1, end + 1) for begin, end in spans), row, "cdu")


def falling(feed: str, first: int) -> Iterator[Device]:
    """Thirty PDUs, of which twelve stop answering, 14 s after one another."""
    for number in range(30):
        begin = first + 14 * number
        yield Device(f"{feed}{number}", feed, ((begin, FOREVER[1]),) if number < 12 else ())


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
    # Without a wait a CDU would be a page after 36 s, the room after 46 s and a row after 47 s.
    "the network of an agent that polls each half minute": (
        [
            *(each for feed in "AB" for each in slow(feed, "row-1", FOREVER)),
            *(each for feed in "AB" for each in slow(feed, "row-2", FOREVER, first=16)),
            *slow_cdus(3, FOREVER),
        ],
        {41: set(), 50: set(), 58: {BLIND, NO_ROOM, NO_ROW}},
    ),
    "one feed of a row, and a CDU, that are polled each half minute": (
        [
            *slow("A", "row-1", FOREVER),
            *slow("B", "row-1"),
            *(each for feed in "AB" for each in slow(feed, "row-2", first=16)),
            *slow_cdus(1, FOREVER),
        ],
        {33: set(), 44: {CDU}, 54: {CDU, f"{ROW} A"}},
    ),
    # Without a wait the first CDU would be a page after 36 s.
    "the network of an agent of CDUs without a feed that polls each half minute": (
        [*close_cdus(6, 1, FOREVER)],
        {40: set(), 48: set(), 58: {BLIND}},
    ),
    "the network of an agent of one feed and CDUs that polls each half minute": (
        [*list(slow("A", "row-1", FOREVER))[:3], *close_cdus(4, 11, FOREVER)],
        {48: set(), 59: {BLIND, NO_ROOM, NO_ROW}},
    ),
    # Without a wait the row would have lost its feed after 48 s: two of its five PDUs are another agent's, and answer.
    "the network of one of two agents of a row, which polls one feed and CDUs each half minute": (
        [
            *list(slow("A", "row-1", FOREVER))[:3],
            *close_cdus(4, 11, FOREVER),
            *(Device(f"other{number}", "A", row="row-1", agent="h") for number in range(2)),
            *(Device(f"far{number}", "A", row="row-2", agent="h") for number in range(4)),
        ],
        {48: set(), 59: {BLIND, NO_ROOM, NO_ROW}, 80: {BLIND, NO_ROOM, NO_ROW, CDU}},
    ),
    "feed A of a row that two agents poll": (
        [
            *(replace(each, agent="gh"[number % 2]) for number, each in enumerate(slow("A", "row-1", FOREVER))),
            *(replace(each, agent="gh"[number % 2]) for number, each in enumerate(slow("B", "row-1"))),
            *(replace(each, agent="gh"[number % 2]) for number, each in enumerate(slow("A", "row-2"))),
        ],
        {46: set(), 58: {f"{ROW} A"}},
    ),
    "two CDUs of an agent of one feed": (
        [*pdus("A", 10), *close_cdus(2, 1, FOREVER)],
        {40: set(), 49: {CDU}},
    ),
    # Each would have the CDU wait anew, for the three minutes that it takes.
    "a CDU, and then devices of both feeds one after the other": (
        [*falling("A", 29), *falling("B", 22), *close_cdus(1, 1, FOREVER)],
        {110: {CDU}},
    ),
    # Without that problem, the room would have lost both of its feeds after 34 s, and its CDUs would be pages after 48 s.
    "the switch of one of two rows": (
        [*switch("row-1", FOREVER), *list(switch("row-2"))[:8]],
        {34: set(), 40: {NO_ROW}, 46: {NO_ROW}, 100: {NO_ROW, CDU}},
    ),
    "the switch of one of two rows, and back": (
        [*switch("row-1", (20, 100)), *list(switch("row-2"))[:8]],
        {60: {NO_ROW, CDU}, 110: {NO_ROW, CDU}, 192: {CDU}},
    ),
    "the switch of a row, while UPSs show that feed A is lost": (
        [*switch("row-1", FOREVER), *switch("row-2"), *(Device(f"ups{n}", "A", ups_dark=FOREVER) for n in range(3))],
        {45: {f"{LOST} A", NO_ROW}, 60: {f"{LOST} A", NO_ROW, CDU}},
    ),
    "the switch of a room": (
        [*switch("row-1", FOREVER), *switch("row-2", FOREVER), *pdus("A", 10), *pdus("B", 10)],
        {34: set(), 37: {NO_ROOM}, 60: {NO_ROOM, NO_ROW, CDU}},
    ),
    "one feed of a row, and then the other one": (
        [
            *slow("A", "row-1", FOREVER),
            *slow("B", "row-1", (80, LONGEST_S)),
            *(each for feed in "AB" for each in slow(feed, "row-2", first=16)),
        ],
        {54: {f"{ROW} A"}, 100: {f"{ROW} A"}, 130: {f"{ROW} A", NO_ROW}},
    ),
}
# An alert goes on as long as it may explain others; the collector's problem has ended by then.
LONGER_AT_PROMETHEUS = {140: {BLIND}, 165: {BLIND, f"{LOST} A"}, 192: {NO_ROW, CDU}}


def name_of(problem: str, feed: str) -> str:
    return f"{problem} {feed}".strip()


@pytest.mark.parametrize("lost", COURSES)
def test_the_collector_tells_of_what_is_lost_and_of_nothing_else(lost: str) -> None:
    devices, expected = COURSES[lost]
    table = load_table()
    evaluator, tracker = Evaluator(table), Tracker(table)
    shares = Shares(table, evaluator)
    tracker.waits = shares.waits
    for now in range(max(expected) + 1):
        for device in devices:
            base = {"site": "s", "device": device.name, **device.labels}
            subject = Subject(base, is_silent=not device.up(now), agent=device.agent)
            agent = {"agent": device.agent}
            subject.add("dcim_device_observed", agent, 1.0)
            subject.add("dcim_device_up", agent, float(device.up(now)))
            subject.add("dcim_device_info", {**agent, "device_class": device.device_class}, 1.0)
            if device.ups_dark is not None:
                subject.add("dcim_ups_output_source", {}, device.source(now))
            key = "device", "s", device.name
            shares.note(key, subject)
            tracker.update(
                key, {(CDU, each): 0.0 for each in evaluator.evaluate(table.problems[CDU], subject, now)}, now
            )
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
            place = "".join(f',{label}="{text}"' for label, text in device.labels.items())
            labels = f'{{site="{site}",device="{device.name}",agent="{device.agent}"{place}}}'
            ups = " ".join(str(int(device.up(now))) for now in range(max(expected) + 1))
            series.append({"series": f"dcim_device_observed{labels}", "values": f"1x{max(expected)}"})
            series.append({"series": f"dcim_device_up{labels}", "values": ups})
            if device.ups_dark is not None:
                on_battery = " ".join(str(int(device.source(now) == "battery")) for now in range(max(expected) + 1))
                source = labels.replace("}", ',state="battery"}')
                series.append({"series": f"dcim_ups_output_source{source}", "values": on_battery})
            info = labels.replace("}", f',device_class="{device.device_class}"}}')
            series.append({"series": f"dcim_device_info{info}", "values": f"1x{max(expected)}"})
        for at, names in expected.items():
            text = (
                "group by (alertname, feed) "
                f'(ALERTS{{alertstate="firing",alertname=~"{"|".join(WATCHED)}",site="{site}"}})'
            )
            samples = []
            for name in sorted(LONGER_AT_PROMETHEUS.get(at, names)):
                problem, _, feed = name.partition(" ")
                more = f',feed="{feed}"' if feed else ""
                samples.append({"labels": f'{{alertname="{problem}"{more}}}', "value": 1})
            tests.append({"expr": text, "eval_time": f"{at}s", "exp_samples": samples})
    groups = cast("list[dict[str, list[dict[str, str]]]]", load_yaml_text(rules_yaml(load_table()), "rules")["groups"])
    # Every rule would be evaluated each second, which takes minutes.
    rules = [each for each in groups[0]["rules"] if each.get("alert", LOST) in (LOST, BLIND, CDU, NO_ROOM, NO_ROW)]
    # As often as prometheus.yml says.
    others = [each for group in groups[1:] for each in group["rules"] if each.get("alert") in (ROOM, ROW)]
    kept = {
        "groups": [
            {"name": "safety", "interval": "1s", "rules": rules},
            {"name": "others", "interval": "5s", "rules": others},
        ]
    }
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
