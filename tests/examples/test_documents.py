"""Every block of the documentation that is no command is what its page says it is: each is read by the program that takes it.

Shell blocks are in `test_shell.py`. A block that nothing can execute says why in a comment of its page, and is counted here.
"""

import configparser
import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config import AgentConfig
from collector.config import CollectorConfig
from collector.problems import load_limits, load_table, load_windows
from rackflow.process.config import check_config
from rackflow.recording import read_mbrec, read_snmprec
from rackflow.site import SiteFile
from simulator.site.scenario import load_scenario
from tests.examples.blocks import REPOSITORY, Block, all_blocks
from tests.examples.world import ELSEWHERE, FILE, LONG, SECRETS
from tests.mutants.named import read_breaks
from tests.mutants.test_lists import fault_of
from tests.servers.process import find_program

AGENT, COLLECTOR = (block.text for block in all_blocks() if block.page == "README.md" and block.language == "yaml")
SITE = (REPOSITORY / "simulator/sites/edge.yaml").read_text(encoding="utf-8")
# Directives of the documentation's builder: they are no examples.
DIRECTIVES = {"{include}", "{toctree}"}


def merged(whole: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with a part of another one in it."""
    data: dict[str, Any] = yaml.safe_load(whole)
    for key, value in part.items():
        # A store of another kind has other keys.
        into = data.get(key) if key != "store" else None
        data[key] = {**into, **value} if isinstance(value, dict) and isinstance(into, dict) else value
    return data


def agent_yaml(block: Block, _: Path) -> None:
    check_config(merged(AGENT, yaml.safe_load(block.text)), AgentConfig, str(block))


def collector_yaml(block: Block, _: Path) -> None:
    check_config(merged(COLLECTOR, yaml.safe_load(block.text)), CollectorConfig, str(block))


def site_yaml(block: Block, _: Path) -> None:
    check_config(yaml.safe_load(SITE) | yaml.safe_load(block.text), SiteFile, str(block))


def broker_of_both(block: Block, folder: Path) -> None:
    agent_yaml(block, folder)
    collector_yaml(block, folder)


def limits_yaml(block: Block, folder: Path) -> None:
    load_limits(written(block, folder), load_table())


def maintenance_yaml(block: Block, folder: Path) -> None:
    assert load_windows(written(block, folder))


def scenario_yaml(block: Block, folder: Path) -> None:
    assert load_scenario(written(block, folder)).faults


def named_breaks(block: Block, folder: Path) -> None:
    """Breaks that can be made, as those of `make mutants`."""
    breaks = read_breaks([written(block, folder)])
    assert breaks
    assert [fault for each in breaks if (fault := fault_of(each))] == []


def receivers(block: Block, folder: Path) -> None:
    """Part of Alertmanager's configuration."""
    data = {"route": {"receiver": "on-call"}, **yaml.safe_load(block.text)}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(data), encoding="utf-8")
    run(find_program("amtool", "prometheus-alertmanager"), "check-config", folder / "alertmanager.yml")


def prometheus_yml(block: Block, folder: Path) -> None:
    path = written(block, folder)
    run(find_program("promtool", "prometheus"), "check", "config", "--syntax-only", path)


def scrape_job(block: Block, folder: Path) -> None:
    """Keys of one job of Prometheus."""
    job = {"job_name": "rackflow", **yaml.safe_load(block.text)}
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [job]}), encoding="utf-8")
    run(find_program("promtool", "prometheus"), "check", "config", "--syntax-only", folder / "prometheus.yml")


def promql(block: Block, folder: Path) -> None:
    """Expressions, one a line, as rules that are recorded."""
    rules = [{"record": f"example_{at}", "expr": each} for at, each in enumerate(block.text.splitlines())]
    (folder / "rules.yml").write_text(
        yaml.safe_dump({"groups": [{"name": "examples", "rules": rules}]}), encoding="utf-8"
    )
    run(find_program("promtool", "prometheus"), "check", "rules", folder / "rules.yml")


def unit(block: Block, _: Path) -> None:
    """Part of a unit of systemd."""
    parser = configparser.ConfigParser()
    parser.read_string(block.text)
    assert parser.sections() == ["Service"]


def snmprec(block: Block, folder: Path) -> None:
    faults: list[str] = []
    assert read_snmprec(written(block, folder, ".snmprec"), faults)
    assert faults == []


def mbrec(block: Block, folder: Path) -> None:
    faults: list[str] = []
    assert read_mbrec(written(block, folder, ".mbrec"), faults).units
    assert faults == []


def json_document(block: Block, _: Path) -> None:
    assert json.loads(block.text)["schema"] == 1


def python(block: Block, _: Path) -> None:
    exec(compile(block.text, str(block), "exec"), {})  # noqa: S102 - it is our own page


KINDS: Mapping[str, Callable[[Block, Path], None]] = {
    "part of agent.yaml": agent_yaml,
    "part of collector.yaml": collector_yaml,
    "part of site.yaml": site_yaml,
    "part of agent.yaml and collector.yaml": broker_of_both,
    "problems' limits": limits_yaml,
    "maintenance windows": maintenance_yaml,
    "scenario": scenario_yaml,
    "named breaks": named_breaks,
    "part of alertmanager.yml": receivers,
    "prometheus.yml": prometheus_yml,
    "job of prometheus.yml": scrape_job,
    "part of a unit": unit,
    ".snmprec": snmprec,
    ".mbrec": mbrec,
    "json": json_document,
    "promql": promql,
    "python": python,
}


def written(block: Block, folder: Path, suffix: str = ".yaml") -> Path:
    path = folder / f"block{suffix}"
    path.write_text(block.text, encoding="utf-8")
    return path


def run(*words: str | Path) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def documents() -> list[Block]:
    return [
        block
        for block in all_blocks()
        if block.language not in {"sh", *DIRECTIVES} and not block.reason and not FILE.fullmatch(block.note)
    ]


@pytest.mark.parametrize("block", documents(), ids=str)
def test_a_block_is_what_its_page_says(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SECRETS | {"LEASE_PASSWORD": "secret", "RACKFLOW_INFLUX_TOKEN": "secret"}).items():
        monkeypatch.setenv(name, value)
    kind = KINDS.get(block.note or block.language)
    assert kind, f"{block}: say what it is in a comment before it: <!-- example: KIND -->, one of {', '.join(KINDS)}"
    kind(block, tmp_path)


def test_what_is_not_executed_says_why_and_is_counted() -> None:
    """Whoever adds a block that is not executed changes a number here, and so has to think of another way first."""
    blocks = [block for block in all_blocks() if block.language not in DIRECTIVES]
    assert Counter(block.reason for block in blocks if block.reason) == NOT_EXECUTED
    assert len(blocks) - sum(NOT_EXECUTED.values()) > 140


def test_commands_that_are_left_to_other_checks_are_counted() -> None:
    lines = [line for block in all_blocks() if block.language == "sh" for line in block.text.splitlines()]
    elsewhere = [next((why for pattern, why in ELSEWHERE.items() if re.search(pattern, line)), "") for line in lines]
    assert Counter(why.split(" ")[0] for why in elsewhere if why) == LEFT_TO_OTHERS
    assert sum(bool(re.search(LONG, line)) for line in lines) == ONLY_BY_MAKE_EXAMPLES


NOT_EXECUTED = Counter(
    {
        "goes with the block above": 1,
        "goes with the blocks above": 1,
        "tests/test_pages.py puts it into a profile, as the page says": 1,
        "hashes and tokens are placeholders; tests/collector/web/test_access.py loads such a file": 1,
        "two files side by side": 1,
        "as root, at ports 161 and 502; tests/e2e/test_day_one.py has it at others": 1,
        "at ports 161 and 502; tests/e2e/test_day_one.py runs it at others": 1,
        "a comment for an editor, alone": 1,
        "the broker of these examples has no certificates; tests/test_deploy_certificates.py logs in with one": 1,
    }
)
LEFT_TO_OTHERS = Counter(
    {
        "make": 27,
        "scripts/check-wheel": 14,
        "tests/test_pages.py:": 15,
        "tests/test_deploy_broker.py": 11,
        "tests/collector/problems/test_acknowledged.py": 1,
        "tests/test_deploy.py": 5,
        "tests/test_benchmarks.py": 1,
    }
)
ONLY_BY_MAKE_EXAMPLES = 44
