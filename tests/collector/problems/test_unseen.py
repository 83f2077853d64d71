"""What is wrong with devices and agents goes on while nobody can see them: no message says that it is over, or says it anew."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from collector.problems.push import GONE_LAG_S
from collector.problems.rule_files import rules_yaml
from collector.problems.table import load_table
from tests.collector.documents import status
from tests.collector.problems.test_monitor import Site
from tests.servers.process import find_program
from tests.servers.promtool import PROMTOOL_ENV

UNREACHABLE, BLIND, DOWN = "DcimDeviceUnreachable", "DcimCoolingBlind", "DcimAgentDown"
AGENT = ("pdu-1", "pdu-2", "pdu-3", "pdu-4", "cdu-1", "cdu-2")
SILENT = ("pdu-1", "cdu-1")


class Hall(Site):
    """An agent, of whose devices two do not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.latest.apply_status(status(*AGENT), self.now)

    def run(self, seconds: int, *, silent: tuple[str, ...] = SILENT, polls: bool = True) -> set[str]:
        """What is reported then, whatever its cause; `uncertain` ones have a question mark."""
        for _ in range(0, seconds, 5):
            self.now += 5.0
            for name in AGENT if polls else ():
                self.poll(name, {"room": "r"}, error="timeout" if name in silent else None)
            self.monitor.evaluate()
        return {each.name + "?" * (each.status == "uncertain") for each in self.monitor.reports()}

    def agent(self, state: str) -> None:
        told = msgspec.structs.replace(status(*AGENT), status=state)
        self.latest.apply_status(told, self.now)


def test_a_device_that_does_not_answer_goes_on_while_its_agent_is_away_and_ends_once_it_answers() -> None:
    hall = Hall()
    assert hall.run(150) == {UNREACHABLE, BLIND}
    hall.agent("offline")
    assert hall.run(600, polls=False) == {UNREACHABLE + "?", BLIND + "?", DOWN}
    hall.agent("online")
    assert {UNREACHABLE, BLIND} <= hall.run(30)
    assert hall.run(300, silent=()) == set()


def test_an_agent_that_is_down_is_so_while_the_broker_is_away_and_ends_once_it_is_back() -> None:
    hall = Hall()
    hall.run(20, silent=())
    hall.agent("offline")
    assert hall.run(60, polls=False) == {DOWN}
    hall.latest.note_disconnected(hall.now)
    assert hall.run(600, polls=False) == {DOWN + "?"}
    hall.latest.note_connected(hall.now)
    hall.agent("offline")
    assert hall.run(30, polls=False) == {DOWN}
    hall.agent("online")
    assert hall.run(300, silent=()) == set()


def test_what_nobody_could_see_for_an_hour_is_over() -> None:
    hall = Hall()
    hall.run(150)
    hall.latest.note_disconnected(hall.now)
    hall.run(3600 + 120, polls=False)
    assert hall.run(60, polls=False) == set()


def test_a_device_that_is_taken_away_while_its_agent_is_silent_ends() -> None:
    """It is known that it is gone, and not well: Prometheus goes on with it."""
    hall = Hall()
    hall.run(150)
    hall.agent("offline")
    hall.run(60, polls=False)
    before = {each.problem.name: each for each in hall.monitor.tracker.active()}
    for name in SILENT:
        hall.latest.remove_device("cas1", "gw-3", name)
    assert hall.run(90, polls=False) == {DOWN}
    assert {name: each.is_gone for name, each in before.items()} == {UNREACHABLE: True, BLIND: True, DOWN: False}


def test_what_is_over_because_its_device_is_well_is_not_gone() -> None:
    hall = Hall()
    hall.run(150)
    before = hall.monitor.tracker.active()
    assert hall.run(300, silent=()) == set()
    assert not any(each.is_gone or each.is_active for each in before)


def test_prometheus_goes_on_with_what_is_gone_for_no_longer_than_alertmanager_waits(tmp_path: Path) -> None:
    """If the collector told its end sooner, Prometheus would begin it again, and page somebody for what was taken away."""
    whose = 'agent="gw",site="s",device="pdu-1",room="r"'
    # Both keep it for a while after it last held.
    lasts = round((GONE_LAG_S + load_table().problems[UNREACHABLE].keep_s) / STEP_S)
    series = {
        f"dcim_device_up{{{whose}}}": f"0x{BEFORE - 1} stale",
        f"dcim_device_observed{{{whose}}}": f"1x{BEFORE - 1} stale",
    }
    expected = {BEFORE - 5: {UNREACHABLE}, BEFORE + lasts - 15: {UNREACHABLE}, BEFORE + lasts + 2: set[str]()}
    play(series, expected, tmp_path)


STEP_S = 5
BEFORE, AWAY, AFTER = 60, 120, 60
"""Steps: with devices that do not answer, with nobody who can see them, and with all of them back."""


def course(before: int, after: int) -> str:
    """A value, nothing while nobody sees it, and another value."""
    return f"{before}x{BEFORE - 1} stale _x{AWAY - 2} {after}x{AFTER}"


@pytest.mark.parametrize("away", ["agent", "broker"])
def test_prometheus_goes_on_with_the_same(away: str, tmp_path: Path) -> None:
    of = 'agent="gw",site="s"'
    series = {'up{instance="c",job="dcim-collector-safety"}': f"1x{BEFORE + AWAY + AFTER}"}
    for device, kind in (("pdu-1", "pdu"), ("cdu-1", "cdu")):
        whose = f'{of},device="{device}",room="r"'
        series[f"dcim_device_up{{{whose}}}"] = course(0, 1)
        series[f"dcim_device_observed{{{whose}}}"] = f"1x{BEFORE - 1} 0x{AWAY - 1} 1x{AFTER}"
        series[f'dcim_device_info{{{whose},device_class="{kind}"}}'] = f"1x{BEFORE + AWAY + AFTER}"
    expected = {BEFORE - 5: {UNREACHABLE, BLIND}, BEFORE + AWAY - 5: {UNREACHABLE, BLIND}, BEFORE + AWAY + AFTER: set()}
    if away == "agent":
        series[f"dcim_agent_up{{{of}}}"] = f"1x{BEFORE - 1} 0x{AWAY - 1} 1x{AFTER}"
        expected[BEFORE + AWAY - 5] = {UNREACHABLE, BLIND, DOWN}
    else:
        series[f"dcim_agent_up{{{of}}}"] = course(0, 1)
        connected = 'dcim_collector_mqtt_connected{broker="b",instance="c",job="dcim-collector-safety"}'
        series[connected] = f"1x{BEFORE - 1} 0x{AWAY - 1} 1x{AFTER}"
        expected = {at: names | ({DOWN} if names else set()) for at, names in expected.items()}
    play(series, expected, tmp_path)


def play(series: dict[str, str], expected: Mapping[int, set[str]], tmp_path: Path) -> None:
    """Have promtool look at what fires after so many steps."""
    tests = [
        {
            "expr": f'group by (alertname) (ALERTS{{alertstate="firing",alertname=~"{UNREACHABLE}|{BLIND}|{DOWN}"}})',
            "eval_time": f"{at * STEP_S}s",
            "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)],
        }
        for at, names in expected.items()
    ]
    (tmp_path / "dcim.rules.yml").write_text(rules_yaml(load_table()), encoding="utf-8")
    inputs = [{"series": key, "values": values} for key, values in series.items()]
    one = {"interval": f"{STEP_S}s", "input_series": inputs, "promql_expr_test": tests}
    document = {"rule_files": ["dcim.rules.yml"], "evaluation_interval": f"{STEP_S}s", "tests": [one]}
    file = tmp_path / "unseen.test.yml"
    file.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    program = find_program("promtool", "prometheus")
    found = subprocess.run(
        [program, "test", "rules", file], env=PROMTOOL_ENV, capture_output=True, text=True, timeout=180, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
