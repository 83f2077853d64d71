"""The shipped rules are those of the table, so that whatever changes them is seen before Prometheus runs them for minutes."""

from pathlib import Path

import msgspec
import pytest
import yaml

from collector.problems import inhibit_rules, load_table, rules_yaml
from collector.problems.promql import alert_expression

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


def test_the_shipped_rules_are_those_of_the_table() -> None:
    assert (DEPLOY / "prometheus/rules/dcim.rules.yml").read_text(encoding="utf-8") == rules_yaml(load_table())


def test_the_shipped_inhibitions_are_those_of_the_table() -> None:
    assert inhibit_rules(load_table()) in (DEPLOY / "alertmanager/alertmanager.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("sensor", ["hall 1: front", "row #4", "'front'", "front"])
def test_any_label_value_of_the_table_is_read_from_the_rules_as_it_is(sensor: str) -> None:
    """In YAML a colon or a hash with a space beside it would end the text."""
    table = load_table()
    smoke = table.problems["DcimSmoke"]
    condition = msgspec.structs.replace(smoke.when[0], where={"sensor": [sensor]})
    plain = msgspec.structs.replace(smoke, when=[condition], silent_s=0.0, outlasts_reading=False)
    changed = msgspec.structs.replace(table, problems={**table.problems, smoke.name: plain})
    groups = yaml.safe_load(rules_yaml(changed))["groups"]
    [expression] = [rule["expr"] for group in groups for rule in group["rules"] if rule.get("alert") == smoke.name]
    assert sensor in expression
    assert "\n" not in expression
    assert expression == alert_expression(plain, changed)
