"""What deploy/ ships: every file is loaded by the program it is for, and what files say of each other is true."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config import AgentConfig
from agent.config_file import load_agent_config
from agent.poll.factory import check_profile
from collector.config import load_collector_config
from collector.problems import inhibit_rules, load_table
from collector.problems.table import metrics_of
from rackflow.catalogue import catalogue
from rackflow.process.stopping import STOP_WITHIN_S
from rackflow.process.yaml import load_yaml_file, load_yaml_text
from tests.agent.shipped import shipped_profiles
from tests.collector.problems.examples import INCIDENTS
from tests.collector.problems.flapping_examples import FLAPPING_INCIDENTS
from tests.collector.problems.plant_examples import PLANT_INCIDENTS
from tests.collector.problems.row_examples import ROW_INCIDENTS
from tests.expressions import faults
from tests.servers.process import find_program

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
# The project's own loader knows no merge keys, which compose does.
COMPOSE = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
RULES = [
    rule for group in load_yaml_file(DEPLOY / "prometheus/rules/dcim.rules.yml")["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def uncommented(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))


def secrets_from(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what a sample of an environment file gives, and nothing else."""
    for name in [name for name in os.environ if name.startswith("RACKFLOW_")]:
        monkeypatch.delenv(name)
    for line in uncommented(file.read_text(encoding="utf-8")).split():
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)


def checked_agent_config(file: Path) -> AgentConfig:
    config = load_agent_config(file)
    for device in config.devices:
        check_profile(shipped_profiles(), device)
    return config


# --- Prometheus and Alertmanager


def test_the_safety_class_is_scraped_every_second_and_no_series_by_two_scrapes() -> None:
    prometheus = load_yaml_file(DEPLOY / "prometheus/prometheus.yml")
    jobs = {job["job_name"]: job for job in prometheus["scrape_configs"]}
    safety, whole = jobs["dcim-collector-safety"], jobs["dcim-collector"]
    assert (safety["scrape_interval"], safety["params"]) == ("1s", {"class": ["safety"]})
    (dropped,) = whole["metric_relabel_configs"]
    assert dropped["action"] == "drop"
    assert set(dropped["regex"].split("|")) == load_table().safety_metrics()
    groups = {group["name"]: group for group in load_yaml_file(DEPLOY / "prometheus/rules/dcim.rules.yml")["groups"]}
    rules = groups["dcim-safety"]["rules"]
    assert groups["dcim-safety"]["interval"] == "1s"
    assert {rule["alert"] for rule in rules if "alert" in rule} == {
        name for name, each in load_table().problems.items() if each.is_safety
    }
    # A value that another group records would be an evaluation old.
    here = [rule["record"] for rule in rules if "record" in rule]
    assert {name for name in RECORDED if any(name in rule["expr"] for rule in rules)} == set(here)
    assert rules[: len(here)] == [rule for rule in rules if "record" in rule]


def test_a_missing_tool_is_named_with_its_package(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to(find_program("dirname", "coreutils"))
    command = [find_program("bash", "bash"), str(ROOT / "scripts" / "check-rules")]
    environment = {"PATH": str(tmp_path)}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 1
    assert "apt-get install prometheus" in found.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert", rule.get("record")))
def test_rules_name_only_what_the_catalogue_has(rule: dict[str, str]) -> None:
    assert faults(uncommented(rule["expr"]), RECORDED) == []


def test_each_alert_says_what_it_is_and_has_a_section_in_the_runbook() -> None:
    runbook = (DEPLOY / "RUNBOOK.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (Dcim\w+)$", runbook, re.MULTILINE)
    assert sections == list(load_table().problems)
    assert set(sections) == set(ALERTS)
    for name, rule in ALERTS.items():
        assert set(rule["labels"]) == {"severity", "subsystem"}
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"deploy/RUNBOOK.md#{name.lower()}"
    assert set(re.findall(r"\bDcim\w+", runbook)) <= set(ALERTS)


def test_each_alert_is_seen_firing_by_a_unit_test() -> None:
    files = sorted((DEPLOY / "prometheus/rules").glob("*.test.yml"))
    tests = [test for file in files for test in load_yaml_file(file)["tests"]]
    checks = [check for test in tests for check in test.get("alert_rule_test", [])]
    by_hand = {check["alertname"] for check in checks if check["exp_alerts"]}
    # Every incident is played through promtool as well: tests/collector/problems/test_both_ways.py.
    assert by_hand | set(INCIDENTS) | set(PLANT_INCIDENTS) | set(ROW_INCIDENTS) | set(FLAPPING_INCIDENTS) == set(ALERTS)


@pytest.fixture(scope="module")
def amtool() -> str:
    return find_program("amtool", "prometheus-alertmanager")


def route_of(amtool: str, labels: dict[str, str]) -> str:
    """Who is notified of an alert with these labels."""
    config = f"--config.file={DEPLOY / 'alertmanager/alertmanager.yml'}"
    pairs = [f"{name}={value}" for name, value in labels.items()]
    found = subprocess.run(
        [amtool, "config", "routes", "test", config, *pairs], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


@pytest.mark.parametrize(
    "name", [*dict.fromkeys(rule["labels"]["severity"] for rule in ALERTS.values()), "DcimWatchdog"]
)
def test_each_severity_reaches_its_people(name: str, amtool: str) -> None:
    """Severity decides, and nothing else but the heartbeat: one alert of each subsystem stands for all of it."""
    wanted = {"critical": "on-call", "warning": "operators", "info": "journal", "DcimWatchdog": "heartbeat"}
    some = {each["labels"]["subsystem"]: each for each in ALERTS.values() if each["labels"]["severity"] == name}
    alerts = [ALERTS[name]] if name in ALERTS else [each for each in some.values() if each["alert"] != "DcimWatchdog"]
    for each in alerts or [{"alert": "Anything", "labels": {"severity": name}}]:
        assert route_of(amtool, {"alertname": each["alert"], **each["labels"], "site": "s", "row": "a"}) == wanted[name]


def test_a_new_place_is_its_own_group_and_no_group_is_checked_more_often_than_ends_repeat() -> None:
    """In a shorter interval some of the repeated ends are news, and the rest of the group is notified of for a quarter of an hour."""
    root = load_yaml_file(DEPLOY / "alertmanager/alertmanager.yml")["route"]
    seconds = {"0s": 0, "30s": 30, "1m": 60, "2m": 120, "5m": 300, "1h": 3600, "12h": 43200}
    for route in [root, *root["routes"]]:
        if route["receiver"] == "heartbeat":
            # tests/collector/problems/test_notified.py counts how often it comes.
            assert seconds[route["group_interval"]] == 60
            continue
        assert {"site", "alertname", "row"} <= set(route.get("group_by", root["group_by"]))
        assert seconds[route.get("group_interval", root["group_interval"])] > 60 + 5
    (critical,) = (each for each in root["routes"] if each["receiver"] == "on-call")
    assert critical["group_wait"] == "0s"
    for place in ("device", "feed", "agent", "rack"):
        assert place in critical["group_by"]
    # Whatever says where a critical problem is: two rooms that lose their water, or two groups of generators, are no single place.
    table = load_table()
    critical_ones = [each for each in table.problems.values() if each.severity == "critical"]
    places = {label for each in critical_ones if each.share is not None for label in each.share.by}
    for name in {
        metric for each in critical_ones for condition in each.when for metric in metrics_of(condition, table.records)
    }:
        places |= {"panel", "loop", "group"} & set(catalogue()[name].labels)
    assert places <= set(critical["group_by"]), "a second place would wait for the interval of the first"


def test_who_is_notified_how_soon_and_again_when_is_what_is_promised() -> None:
    """Critical ones at once and hourly; warnings together after half a minute, and twice a day; the heartbeat every minute."""
    root = load_yaml_file(DEPLOY / "alertmanager/alertmanager.yml")["route"]
    times = {
        route["receiver"]: [route.get(name, root[name]) for name in ("group_wait", "group_interval", "repeat_interval")]
        for route in [root, *root["routes"]]
    }
    assert times == {
        "operators": ["30s", "5m", "12h"],
        "heartbeat": ["0s", "1m", "30s"],
        "on-call": ["0s", "2m", "1h"],
        "journal": ["30s", "5m", "12h"],
    }


def test_alertmanager_has_no_inhibition_but_those_of_the_table() -> None:
    """One more could keep every alert of a site from its people."""
    text = (DEPLOY / "alertmanager/alertmanager.yml").read_text(encoding="utf-8")
    shipped, table = (load_yaml_text(each, "rules") for each in (text, inhibit_rules(load_table())))
    assert shipped["inhibit_rules"] == table["inhibit_rules"]
    assert set(shipped) == {"route", "receivers", "inhibit_rules"}
    assert not [route for route in shipped["route"]["routes"] if route.keys() & {"mute_time_intervals", "continue"}]


def test_prometheus_loads_the_rules_and_sends_what_fires() -> None:
    """Half of what is reported of a lost feed is in its rules; they hold as long as they were tested with, at 5 s."""
    prometheus = load_yaml_file(DEPLOY / "prometheus/prometheus.yml")
    assert prometheus["global"] == {"scrape_interval": "5s", "scrape_timeout": "4s", "evaluation_interval": "5s"}
    (file,) = prometheus["rule_files"]
    assert (DEPLOY / "prometheus" / file).is_file()
    managers = [each for entry in prometheus["alerting"]["alertmanagers"] for each in entry["file_sd_configs"]]
    scraped = [each for job in prometheus["scrape_configs"] for each in job["file_sd_configs"]]
    assert [each["files"] for each in managers] == [["targets/alertmanager.yml"]]
    assert [each["files"] for each in scraped] == [["targets/collector.yml"]] * 2
    for name in ("alertmanager", "collector"):
        assert load_yaml_file(DEPLOY / f"prometheus/targets/{name}.yml")[0]["targets"]


def test_inhibitions_are_about_alerts_that_exist_and_labels_that_they_have() -> None:
    rules = load_yaml_file(DEPLOY / "alertmanager/alertmanager.yml")["inhibit_rules"]
    for rule in rules:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            names = re.fullmatch(r'alertname=~?"([\w|]+)"', matcher)
            if names is None:
                # Empty equals empty as well: whoever lacks the label must be left out. A cause may explain some alarms or parts only,
                # or what has no state.
                some_alarms = matcher in rule["target_matchers"] and re.fullmatch(
                    r'(alarm|part)=~"[\w|]+"|state=~""', matcher
                )
                assert some_alarms or matcher in {f'{label}!=""' for label in rule["equal"]}
                continue
            for name in names[1].split("|"):
                # An aggregation over a label that `equal` needs would make all of them equal: empty equals empty.
                expression = ALERTS[name]["expr"]
                assert name in ALERTS
                for kept in re.findall(r"(?:sum|min|count) by \(([^)]*)\)", expression):
                    assert set(rule["equal"]) <= set(kept.split(", "))
                # What a collector counts by agent has its label, as what devices and agents say of themselves.
                of_agents = r"dcim_(device|agent)_(up|observed)(_changes:count)?\b|dcim_collector_(agent|ledger)_\w+|group:dcim_agent_\w+"
                assert "agent" not in rule["equal"] or re.search(of_agents, expression)


# --- Samples, systemd


def test_the_samples_load(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets_from(DEPLOY / "config/agent.env.example", monkeypatch)
    agent = checked_agent_config(DEPLOY / "config/agent.yaml")
    assert agent.broker.username == f"{agent.labels.site}/{agent.agent}"  # what the access list asks for
    secrets_from(DEPLOY / "config/collector.env.example", monkeypatch)
    collector = load_collector_config(DEPLOY / "config/collector.yaml")
    assert collector.broker.username == collector.client_id  # the broker knows the session by its account
    assert collector.listen in (DEPLOY / "prometheus/targets/collector.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "snippet", re.findall(r"^store: .*$", (DEPLOY / "influxdb/README.md").read_text(), re.MULTILINE)
)
def test_store_sections_of_the_notes_load(snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACKFLOW_INFLUX_TOKEN", "t")
    file = tmp_path / "collector.yaml"
    file.write_text(f"{snippet}\ndead_letter: {tmp_path}/dead\n", encoding="utf-8")
    load_collector_config(file)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_are_what_systemd_accepts(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep the case of keys
    parser.read_string(text)
    service = parser["Service"]
    program, command, config = service["ExecStart"].split()
    assert Path(program).name in scripts()
    assert command == "run"
    assert (DEPLOY / "config" / Path(config).name).exists()
    assert service["RestartPreventExitStatus"] == "78"
    assert ("ExecReload" in service) == (unit.stem == "rackflow-agent")
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return  # a container without systemd: the structure was checked
    copy = tmp_path / unit.name
    copy.write_text(text.replace(program, "/bin/true"), encoding="utf-8")
    for arguments in (["verify", "--man=no"], ["security", "--offline=yes", "--threshold=15", "--no-pager"]):
        found = subprocess.run([analyze, *arguments, copy], capture_output=True, text=True, timeout=30, check=False)
        assert found.returncode == 0, found.stdout + found.stderr


def test_the_collectors_files_lie_where_its_unit_lets_it_write(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets_from(DEPLOY / "config/collector.env.example", monkeypatch)
    collector = load_collector_config(DEPLOY / "config/collector.yaml")
    state = re.search(
        r"^StateDirectory=(.+)$", (DEPLOY / "systemd/rackflow-collector.service").read_text(), re.MULTILINE
    )
    assert state
    assert collector.dead_letter.is_relative_to(Path("/var/lib") / state[1])


# --- Compose, container


def scripts() -> set[str]:
    project: dict[str, dict[str, str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["scripts"])


def test_compose_refers_only_to_what_exists() -> None:
    variables = {
        line.partition("=")[0] for line in (DEPLOY / "compose/.env.example").read_text().splitlines() if "=" in line
    }
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", json.dumps(COMPOSE))) == variables
    for name, service in SERVICES.items():
        digest = "" if "build" in service else "@sha256:[0-9a-f]{64}"
        assert re.search(rf":v?\d+\.\d+\.\d+{digest}$", service["image"]), f"{name}: the image is not pinned"
        assert "healthcheck" in service, name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name}: {port} listens beyond this host"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            known = source in COMPOSE["volumes"] or (DEPLOY / "compose" / source).exists()
            assert known, f"{name}: {source} does not exist"
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "test" in SERVICES[needed]["healthcheck"], (
                f"{name} waits for {needed}, which never says that it is well"
            )
        if "build" in service:
            assert service["command"][0] in scripts()
            assert (DEPLOY / "compose" / service["build"]["context"] / service["build"]["dockerfile"]).exists()


def test_the_agents_health_check_looks_at_the_file_that_its_configuration_names(tmp_path: Path) -> None:
    named = load_yaml_file(DEPLOY / "compose" / "agent.yaml")["health_file"]
    program, flag, code = SERVICES["agent"]["healthcheck"]["test"][1:]
    assert (program, flag) == ("python", "-c")
    assert named in code
    alive = tmp_path / "alive"
    check = [sys.executable, "-c", code.replace(named, str(alive))]
    assert subprocess.run(check, check=False, capture_output=True).returncode != 0, "it has not started"
    alive.touch()
    assert subprocess.run(check, check=False).returncode == 0
    os.utime(alive, (0, 0))
    assert subprocess.run(check, check=False).returncode != 0, "it hangs"


def test_compose_configurations_load_and_name_its_services(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("agent", "collector"):
        secrets_from(DEPLOY / "compose/.env.example", monkeypatch)
        for inner, value in SERVICES[name]["environment"].items():
            monkeypatch.setenv(inner, os.environ[re.split(r"[{:]", value)[1]])
    agent = checked_agent_config(DEPLOY / "compose/agent.yaml")
    monkeypatch.setenv("RACKFLOW_INFLUX_TOKEN", "t")
    collector = load_collector_config(DEPLOY / "compose/collector.yaml")
    assert {agent.broker.host, collector.broker.host} == {"mosquitto"}
    assert agent.broker.username == f"{agent.labels.site}/{agent.agent}"
    assert collector.broker.username == collector.client_id
    for account in (agent.broker.username, collector.broker.username):
        assert f" {account} " in (DEPLOY / "compose/start-mosquitto.sh").read_text(encoding="utf-8")
    assert collector.store.url
    assert collector.store.url.split("/")[2] == "influxdb:8086"
    simulated = {
        int(port) for port in re.findall(r"=(\d+)$", "\n".join(SERVICES["simulator"]["command"]), re.MULTILINE)
    }
    assert {device.port for device in agent.devices} == simulated
    for target in ("collector", "alertmanager"):
        (host,) = load_yaml_file(DEPLOY / f"compose/targets/{target}.yml")[0]["targets"]
        assert host.split(":")[0] in SERVICES
    assert str(collector.address[1]) in SERVICES["collector"]["ports"][0]


def test_every_runtime_waits_longer_for_the_end_than_a_process_takes() -> None:
    """Docker kills after 10 s where the file says nothing, which is when a slow stop is just over."""
    own = {name: service for name, service in SERVICES.items() if "build" in service}
    periods = [service["stop_grace_period"].removesuffix("s") for service in own.values()]
    for folder, key in (("systemd", "TimeoutStopSec="), ("kubernetes/base", "terminationGracePeriodSeconds: ")):
        for file in sorted((DEPLOY / folder).glob("*.*")):
            periods += re.findall(rf"^ *{key}(\d+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(periods) == len(own) + len(UNITS) + 2
    assert all(float(period) > STOP_WITHIN_S for period in periods)


def test_compose_replays_recordings_that_are_shipped() -> None:
    names = [part.split("=")[0] for part in SERVICES["simulator"]["command"] if part.startswith("/recordings/")]
    assert names
    for name in names:
        assert (ROOT / "simulator" / "recordings" / Path(name).name).exists(), name


def test_the_image_is_built_from_files_that_are_there() -> None:
    text = (DEPLOY / "container/Dockerfile").read_text(encoding="utf-8")
    copied = {name for line in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE) for name in line.split()}
    ignore = (DEPLOY / "container/Dockerfile.dockerignore").read_text(encoding="utf-8")
    assert copied == set(re.findall(r"^!(.+)$", ignore, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= copied
    extras = re.search(r"^ARG EXTRAS=(.+)$", text, re.MULTILINE)
    assert extras
    assert set(extras[1].split(",")) <= set(project["project"]["optional-dependencies"])
    for name in copied:
        assert (ROOT / name).exists(), name
    assert re.search(r"^ARG BASE=\S+@sha256:[0-9a-f]{64}$", text, re.MULTILINE), "the base is not pinned by digest"
