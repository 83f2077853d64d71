"""`check`, `site check`, `backup`, `restore` and `version` for programs: one document on stdout, the same exit status as for people."""

import json
from pathlib import Path

import pytest
import yaml

from agent.cli import main as agent
from collector.cli import main as collector
from rackflow.command import main as door
from rackflow.version import installed_version
from tests.servers.ports import free_port

SITE = Path(__file__).parent / "rackflow" / "site" / "site_hall.yaml"
AGENT = "agent: a\nlabels: {site: s}\nbroker: {port: 1}\ndevices: []\n"


def test_check_of_an_agents_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(f"{AGENT}outbox: {{mode: disk, path: {tmp_path}/outbox.db}}\n", encoding="utf-8")
    assert agent(["check", str(path), "--output", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["file"], said["ok"], said["faults"], said["warnings"]) == (str(path), True, [], [])
    assert (said["devices"], said["enabled"]) == (0, 0)
    assert said["notes"][0].startswith("outbox: about ")
    path.write_text(f"{AGENT}outbox: {{mode: disk, path: {tmp_path}/none/outbox.db}}\n", encoding="utf-8")
    assert agent(["check", str(path), "--output", "yaml"]) == 78
    printed = capsys.readouterr()
    assert printed.err == "", "a program reads one stream"
    said = yaml.safe_load(printed.out)
    assert (said["ok"], said["devices"]) == (False, 0)
    assert said["faults"][0].startswith(f"{path}:5: outbox.path: {tmp_path}/none: no such folder; create it")


def test_a_configuration_that_cannot_be_read_is_faults_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("agent: a\nlabels: {sit: s}\nbroker: {port: x}\ndevices: []\n", encoding="utf-8")
    assert agent(["check", str(path), "--output", "json"]) == 78
    printed = capsys.readouterr()
    assert printed.err == ""
    assert json.loads(printed.out) == {
        "file": str(path),
        "ok": False,
        "faults": [
            f"{path}:2: labels.sit: unknown key; did you mean 'site'?",
            f"{path}:3: broker.port: must be a whole number; write digits only, without a unit (it is 'x')",
        ],
        "warnings": [],
        "notes": [],
    }


def test_check_of_a_site_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert agent(["site", "check", str(SITE), "--output", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"]
    assert agent(["site", "check", str(SITE)]) == 0
    people = capsys.readouterr().out
    for each in ("racks", "feeds", "panels", "loops", "devices"):
        assert f"{said[each]} {each}" in people or f"{said[each]} {each[:-1]}" in people
    bad = tmp_path / "site.yaml"
    bad.write_text(SITE.read_text(encoding="utf-8") + "crahs: []\n", encoding="utf-8")
    assert agent(["site", "check", str(bad), "--output", "json"]) == 78
    [fault] = json.loads(capsys.readouterr().out)["faults"]
    assert fault.endswith("crahs: unknown key; use air_units")


def test_check_of_a_collectors_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "collector.yaml"
    whole = (
        f"broker: {{port: {free_port()}}}\nstore: {{kind: file, path: points}}\ndead_letter: {tmp_path}/dead.jsonl\n"
    )
    path.write_text(f"{whole}problems: {{maintenance: {tmp_path}/windows.yaml}}\n", encoding="utf-8")
    assert collector(["check", str(path), "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": str(path),
        "ok": True,
        "faults": [],
        "warnings": [],
        "notes": [f"problems.maintenance: {tmp_path}/windows.yaml is not there, so there is no maintenance window"],
    }


def test_version_says_what_else_a_report_of_a_fault_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert door(["version", "--output", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rackflow"] == installed_version()
    assert list(said) == ["rackflow", "python", "system"]
