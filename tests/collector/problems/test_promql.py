"""The shipped rules are those of the table, so that whatever changes them is seen before Prometheus runs them for minutes."""

from pathlib import Path

from collector.problems import inhibit_rules, load_table, rules_yaml

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


def test_the_shipped_rules_are_those_of_the_table() -> None:
    assert (DEPLOY / "prometheus/rules/dcim.rules.yml").read_text(encoding="utf-8") == rules_yaml(load_table())


def test_the_shipped_inhibitions_are_those_of_the_table() -> None:
    assert inhibit_rules(load_table()) in (DEPLOY / "alertmanager/alertmanager.yml").read_text(encoding="utf-8")
