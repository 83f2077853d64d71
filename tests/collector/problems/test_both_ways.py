"""Each problem is told of its incident and not of a near miss, by the collector and by Prometheus, with the same labels."""

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import cast

import pytest

from collector.problems.rule_files import rules_yaml
from collector.problems.table import Limit, load_table
from rackflow.process.yaml import load_yaml_text
from tests.collector.problems.examples import DIPS, INCIDENTS, NEAR_MISSES, TOGETHER
from tests.collector.problems.flapping_examples import FLAPPING_INCIDENTS, FLAPPING_NEAR_MISSES
from tests.collector.problems.plant_examples import PLANT_INCIDENTS, PLANT_NEAR_MISSES
from tests.collector.problems.played import (
    FEW_STEPS,
    STEP_S,
    STEPS,
    names,
    play,
    promtool_expected,
    promtool_series,
    steps_of,
)
from tests.collector.problems.row_examples import ROW_INCIDENTS, ROW_NEAR_MISSES, ROW_TOGETHER
from tests.collector.problems.things import Example, Thing, agent, feeds
from tests.servers.captures import REPOSITORY
from tests.servers.process import find_program
from tests.servers.promtool import PROMTOOL_ENV

RULES = REPOSITORY / "deploy" / "prometheus" / "rules" / "dcim.rules.yml"
OF_ROWS = ROW_INCIDENTS | ROW_TOGETHER | ROW_NEAR_MISSES
OF_DEVICES = INCIDENTS | DIPS | TOGETHER | NEAR_MISSES | OF_ROWS
OF_PLANT = PLANT_INCIDENTS | PLANT_NEAR_MISSES
OF_FLAPPING = FLAPPING_INCIDENTS | FLAPPING_NEAR_MISSES
EXAMPLES = OF_DEVICES | OF_PLANT | OF_FLAPPING
# What only Prometheus can tell, or only over a collector that runs; dcim.test.yml and the tests of a running collector have these.
ELSEWHERE = {"DcimBrokerDown", "DcimBrokerFlapping"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_collector_tells_of_an_incident_and_of_nothing_else(name: str) -> None:
    assert names(play(EXAMPLES[name], steps=steps_of(EXAMPLES[name]))) == Counter(EXAMPLES[name].problems)


def test_what_the_other_process_of_an_agents_name_still_keeps_is_its_consequence() -> None:
    missing = agent("collector_ledger_missing_messages", 1.0)
    for other, expected in (([agent("collector_agent_clones", 1.0)], "DcimAgentCloned"), ([], "")):
        example = Example([missing, *other], ())
        (reported,) = [each for each in play(example, steps=STEPS) if each.problem.name == "DcimMessagesMissing"]
        assert (reported.cause[0] if reported.cause else "") == expected


def test_a_row_explains_no_device_of_a_row_of_the_same_name_in_another_room() -> None:
    hall_1 = [*feeds(4, 0, room="hall-1", row="a"), *feeds(0, 8, room="hall-1", row="b")]
    example = Example([*hall_1, *feeds(1, 8, room="hall-2", row="a")], ())
    reported = [each for each in play(example, steps=STEPS) if each.problem.name == "DcimDeviceUnreachable"]
    causes = Counter((dict(each.labels)["room"], each.cause[0] if each.cause else "") for each in reported)
    assert causes == {("hall-1", "DcimRowFeedLost"): 4, ("hall-2", ""): 1}


def test_what_is_dark_in_no_row_explains_its_devices_and_none_of_a_row() -> None:
    things = [*feeds(4, 0, room="hall-1"), *feeds(1, 20, room="hall-1", row="b"), *feeds(1, 12, room="hall-2")]
    told = play(Example(things), steps=STEPS)
    assert names([each for each in told if each.problem.name == "DcimRowFeedLost"]) == {"DcimRowFeedLost": 1}
    causes = Counter(
        (dict(each.labels)["room"], dict(each.labels).get("row", ""), each.cause[0] if each.cause else "")
        for each in told
        if each.problem.name == "DcimDeviceUnreachable"
    )
    assert causes == {("hall-1", "", "DcimRowFeedLost"): 4, ("hall-1", "b", ""): 1, ("hall-2", "", ""): 1}


def test_a_room_that_loses_a_feed_is_one_problem_and_not_one_for_each_of_its_rows() -> None:
    dark = [each for row in "abc" for each in feeds(4, 0, room="hall-1", row=row)]
    elsewhere = [*feeds(4, 0, room="hall-2", row="a"), *feeds(0, 20, room="hall-2", row="b")]
    reported = play(Example([*dark, *feeds(0, 4, room="hall-1", row="d"), *elsewhere]), steps=STEPS)
    causes = Counter((dict(each.labels)["room"], each.problem.name) for each in reported if each.cause is None)
    assert causes == {("hall-1", "DcimRoomFeedLost"): 1, ("hall-2", "DcimRowFeedLost"): 1}


def test_an_agent_that_sees_nothing_hides_no_feed_row_or_device_of_another_agent() -> None:
    """Two halls, an agent each. The network of the second is broken when a feed, or a row of it, fails in the first."""
    blind = [each for feed in "AB" for each in feeds(10, 0, feed=feed, agent="second", room="hall-2", row="m")]
    blind += [Thing({}, device_class="cdu", is_up=False, labels={"room": "hall-2"}, agent="second")]
    lit = [*feeds(0, 8, agent="first", room="hall-1", row="b"), *feeds(0, 20, feed="B", agent="first", room="hall-1")]
    for dark, expected in (
        (20, {"DcimAgentSeesNothing": 1, "DcimFeedLost": 1}),
        (6, {"DcimAgentSeesNothing": 1, "DcimRowFeedLost": 1}),
    ):
        things = [*blind, *feeds(dark, 0, agent="first", room="hall-1", row="a"), *lit]
        reported = play(Example(things), steps=STEPS)
        assert names([each for each in reported if each.cause is None]) == expected
        (cause,) = expected.keys() - {"DcimAgentSeesNothing"}
        first = [each for each in reported if dict(each.labels).get("agent") == "first" and each.cause]
        assert {each.cause[0] for each in first if each.cause} == {cause}, "by the other agent's network, by no means"


def test_no_problem_of_the_plant_takes_longer_than_minutes() -> None:
    assert {steps_of(example) for example in OF_PLANT.values()} == {FEW_STEPS}


def test_every_problem_that_the_collector_evaluates_has_its_incident() -> None:
    evaluated = {problem.name for problem in load_table().problems.values() if problem.when or problem.share}
    incidents = INCIDENTS | PLANT_INCIDENTS | ROW_INCIDENTS | FLAPPING_INCIDENTS
    assert evaluated - ELSEWHERE == set(incidents)
    assert all(name in example.problems for name, example in incidents.items())


# One of each kind: a device or an agent that is silent, a device's own reading, a state, a share of a feed, figures of a device, a loop, a
# rack, a feed and a panel.
LASTING = (
    "DcimAgentSeesNothing",
    "DcimAgentDown",
    "DcimDeviceUnreachable",
    "DcimCoolingBlind",
    "DcimUpsOnBattery",
    "DcimMainsLost",
    "DcimFeedLost",
    "DcimCduFlowLow",
    "DcimLeakDetected",
    "DcimCduSupplyTemperatureHigh",
    "DcimCduDewPointMarginLow",
    "DcimLoopRedundancyLost",
    "DcimUpsRedundancyLost",
    "DcimLoopRideThroughShort",
    "DcimPanelOverload",
    "DcimRackInletHot",
    "DcimDeviceAlarmCritical",
)
ALIVE_STEPS, DEAD_STEPS = 60, 24
"""How long they are told of before the collector dies, and how long it is dead: longer than Prometheus looks back by itself."""


@pytest.mark.timeout(200)
def test_when_the_collector_dies_prometheus_goes_on_telling_of_what_may_still_be_wrong(tmp_path: Path) -> None:
    """Whoever was called for a leak must not be told that it is over because nobody answers any more."""
    sites = {f"ex-{number}": INCIDENTS[name] for number, name in enumerate(LASTING)}
    dead = {"series": 'up{job="dcim-collector-safety",instance="c"}', "values": f"1x{ALIVE_STEPS} 0x{DEAD_STEPS}"}
    tests = []
    for site, example in sites.items():
        before = play(example, site, ALIVE_STEPS)
        after = [each for each in before if each.problem.silent_s]
        assert after
        tests.append(promtool_expected(before, site, ALIVE_STEPS))
        tests.append(promtool_expected(after, site, ALIVE_STEPS + DEAD_STEPS))
    series = [each for site, example in sites.items() for each in promtool_series(example, site, ALIVE_STEPS)]
    for site in sites:  # the devices whose figures are told
        for device in ("c", "p"):
            observed = f'dcim_device_observed{{site="{site}",device="{device}"}}'
            series.append({"series": observed, "values": f"1x{ALIVE_STEPS} stale"})
    assert promtool(tmp_path, [dead, *series], tests) == ""


@pytest.mark.timeout(200)
@pytest.mark.parametrize("steps", [FEW_STEPS, STEPS], ids=["minutes", "an hour"])
def test_prometheus_tells_the_same_with_the_same_labels(steps: int, tmp_path: Path) -> None:
    """All examples that take so long at once, each as a site of its own: promtool evaluates every rule at each step, whatever is there."""
    examples = {name: example for name, example in EXAMPLES.items() if steps_of(example) == steps}
    # In halves: promtool loads at most 10,000 samples for one rule.
    for half in (0, 1):
        sites = {f"ex-{number}": example for number, example in enumerate(examples.values()) if number % 2 == half}
        series = [each for site, example in sites.items() for each in promtool_series(example, site, steps)]
        expected = [promtool_expected(play(example, site, steps), site, steps) for site, example in sites.items()]
        assert promtool(tmp_path, series, expected) == ""


def test_the_rules_that_are_shipped_are_those_of_the_table() -> None:
    assert RULES.read_text(encoding="utf-8") == rules_yaml(load_table())


def test_a_hold_within_a_window_starts_over_with_no_dip_and_a_limit_outlives_its_scrape() -> None:
    """`for` starts over with each dip; and a limit is polled once an hour, while Prometheus looks back for five minutes."""
    table = load_table()
    groups = cast("list[dict[str, list[dict[str, str]]]]", load_yaml_text(rules_yaml(table), "rules")["groups"])
    rules = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    for problem in table.problems.values():
        assert ("for" in rules[problem.name]) == (problem.hold_s > 0 and problem.within_s == 0)
    limits = {
        (problem.name, bound.metric)
        for problem in table.problems.values()
        for each in problem.when
        for bound in (each.above, each.below)
        if isinstance(bound, Limit) and bound.metric
    }
    assert len(limits) > 10
    without = {(name, metric) for name, metric in limits if f"(last_over_time({metric}" not in rules[name]["expr"]}
    assert without == set()


def promtool(folder: Path, series: list[dict[str, str]], tests: list[dict[str, object]]) -> str:
    """What promtool finds wrong; empty if nothing."""
    one = {"interval": f"{STEP_S}s", "input_series": series, "promql_expr_test": tests}
    # What the table generates now: were the committed file tested, a mistake of the generator would show with its next run.
    (folder / RULES.name).write_text(rules_yaml(load_table()), encoding="utf-8")
    document = {"rule_files": [RULES.name], "evaluation_interval": f"{STEP_S}s", "tests": [one]}
    file = folder / "examples.test.yml"
    file.write_text(json.dumps(document), encoding="utf-8")  # JSON is YAML
    program = find_program("promtool", "prometheus")
    found = subprocess.run(
        [program, "test", "rules", file], env=PROMTOOL_ENV, capture_output=True, text=True, timeout=180, check=False
    )
    return "" if found.returncode == 0 else found.stdout + found.stderr
