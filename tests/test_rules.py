"""The alert rules' own unit tests, one by one, so that a rule that breaks names the test that tells it.

promtool evaluates every rule of a file at every step of every test, which takes five minutes of CPU. A test needs few of
them: those that it names, and those that these rest on. No other rule can change what it sees, as long as `rests_on`
finds all that an expression reads; the first two tests hold that.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rackflow.process.yaml import load_yaml_file
from tests.servers.process import find_program
from tests.servers.promtool import PROMTOOL_ENV

RULES = Path(__file__).resolve().parents[1] / "deploy" / "prometheus" / "rules"
GROUPS: list[dict[str, Any]] = load_yaml_file(RULES / "dcim.rules.yml")["groups"]


def name_of(rule: dict[str, Any]) -> str:
    name: str = rule.get("alert") or rule["record"]
    return name


EXPRESSIONS = {name_of(rule): rule["expr"] for group in GROUPS for rule in group["rules"]}


ALERTS = {name_of(rule) for group in GROUPS for rule in group["rules"] if "alert" in rule}


def rests_on(expression: str) -> set[str]:
    """The rules that an expression names as a recorded metric, and the alerts that its ALERTS select."""
    words = set(re.findall(r"[\w:]+", expression))
    return {name for name in EXPRESSIONS if name in words}.union(
        *(alerts_of(selector) for selector in re.findall(r"\bALERTS\b(\{[^}]*\})?", expression))
    )


def alerts_of(selector: str) -> set[str]:
    """The alerts that ALERTS with these matchers has; all of them where it says nothing of their names."""
    found = ALERTS
    for sign, pattern in re.findall(r'\balertname(=~|!~|!=|=)"([^"]*)"', selector):
        found = {name for name in found if (re.fullmatch(pattern, name) is None) == sign.startswith("!")}
    return found


def needed(test: dict[str, Any]) -> set[str]:
    open_names = {check["alertname"] for check in test.get("alert_rule_test", [])}
    open_names.update(*(rests_on(check["expr"]) for check in test.get("promql_expr_test", [])))
    names = set[str]()
    while open_names:
        names.add(name := open_names.pop())
        open_names |= rests_on(EXPRESSIONS[name]) - names
    return names


def cases() -> list[Any]:
    found = []
    for file in sorted(RULES.glob("*.test.yml")):
        content = load_yaml_file(file)
        assert content["rule_files"] == ["dcim.rules.yml"]
        tests = content.pop("tests")
        found += [pytest.param(content, test, id=f"{file.name}: {test['name']}") for test in tests]
    return found


def test_no_expression_looks_for_metrics_by_a_part_of_their_names() -> None:
    """Otherwise `needed` would miss what it reads."""
    asked = [check["expr"] for case in cases() for check in case.values[1].get("promql_expr_test", [])]
    assert not [expression for expression in [*EXPRESSIONS.values(), *asked] if "__name__" in expression]


def test_an_expression_rests_on_the_alerts_that_its_matchers_select() -> None:
    low = {name for name in ALERTS if name.endswith("Low")}
    assert low
    assert alerts_of('{alertname=~"Dcim.*Low",alertstate="firing"}') == low
    assert rests_on('sum(ALERTS{alertstate="firing",alertname!~"Dcim.*Low"})') == ALERTS - low
    assert rests_on("count(ALERTS) > 0") == ALERTS


def test_the_end_and_severity_of_every_alert_are_tested() -> None:
    """An alert that ends too early sends somebody home; one without its severity calls nobody."""
    tests = [case.values[1] for case in cases() if case.id is not None and case.id.startswith("dcim-ends")]
    checked = {name for test in tests for check in test["promql_expr_test"] for name in rests_on(check["expr"])}
    assert checked == ALERTS - {"DcimWatchdog"}  # which never ends


def test_the_hour_of_silence_of_every_alert_is_tested() -> None:
    """An alert that ends with its device's last word calls nobody for a leak that cut the cable."""
    tests = [case.values[1] for case in cases() if case.id is not None and case.id.startswith("dcim-silent-hour")]
    checked = {name for test in tests for check in test["promql_expr_test"] for name in rests_on(check["expr"])}
    elsewhere = {"DcimUpsOnBattery", "DcimUpsBatteryLow", "DcimLeakDetected"}  # dcim-windows.test.yml
    assert checked | elsewhere == {name for name in ALERTS if "[1h:1m]" in EXPRESSIONS[name]}


@pytest.mark.parametrize(("settings", "test"), cases())
def test_rules_pass_their_unit_tests(settings: dict[str, Any], test: dict[str, Any], tmp_path: Path) -> None:
    found = run_promtool(settings, test, tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr


def run_promtool(settings: dict[str, Any], test: dict[str, Any], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run one test with the rules that it needs. `settings` are those of its file."""
    promtool, names = find_program("promtool", "prometheus"), needed(test)
    groups = [{**group, "rules": [rule for rule in group["rules"] if name_of(rule) in names]} for group in GROUPS]
    (folder / "dcim.rules.yml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    file = folder / "dcim.test.yml"
    file.write_text(yaml.safe_dump({**settings, "tests": [test]}), encoding="utf-8")
    return subprocess.run(
        [promtool, "test", "rules", file], env=PROMTOOL_ENV, capture_output=True, text=True, timeout=60, check=False
    )
