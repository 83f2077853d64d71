"""What the pages tell a reader to do can be done: links, files, commands, options, make targets and examples are real."""

import argparse
import json
import re
import shlex
import struct
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
import yaml

from agent.cli import main as agent_main
from agent.cli import parser as agent_parser
from collector.cli import parser as collector_parser
from rackflow.catalogue import catalogue
from rackflow.command import whole_parser
from rackflow.documents import DOCUMENTS, MAX_PAYLOAD_BYTES, Batch, DeviceFault, Event, decode, encode
from rackflow.series import parse_series_key, series_key
from rackflow.topics import ROOT
from simulator.cli import parser as simulator_parser
from simulator.demo.run import parser as demo_parser

REPOSITORY = Path(__file__).resolve().parents[1]
# Characters of a paragraph or example that no two places of a page have in common.
LONG_BLOCK = 120
PAGES = sorted(
    [
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / "deploy").rglob("*.md"),
        *(REPOSITORY / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")),
    ]
)
PROGRAMS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "rackflow": cache(whole_parser),
    "rackflow-agent": cache(agent_parser),
    "rackflow-collector": cache(collector_parser),
    "rackflow-sim": cache(simulator_parser),
    "rackflow-demo": cache(demo_parser),
}
"""Each parser is made once: a page names commands by the hundred."""
TROUBLESHOOT = (REPOSITORY / "docs/how-to/troubleshoot.md").read_text(encoding="utf-8")
LINES = {"README.md": 120, "ARCHITECTURE.md": 200, "CONTRIBUTING.md": 60}
"""Longest README, in lines, that is still read in one sitting; more belongs in docs/."""

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))


@pages
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), link


@pages
def test_commands_in_a_block_are_accepted_by_their_program(page: Path) -> None:
    for words in commands_of("\n".join(blocks(page, "sh"))):
        assert status_of(words) == 0, shlex.join(words)


@pages
def test_subcommands_and_options_named_in_a_sentence_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands_of("\n".join(inline_code(page))):
        subcommand = [word for word in words[1:2] if not word.startswith("-")]
        with pytest.raises(SystemExit) as ended:
            PROGRAMS[words[0]]().parse_args([*subcommand, "--help"])
        assert ended.value.code == 0, shlex.join(words)
        options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
        used = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
        assert used <= options, shlex.join(words)


@pages
def test_make_targets_exist(page: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    code = "\n".join([*inline_code(page), *blocks(page, "sh")])
    assert set(re.findall(r"\bmake ([a-z-]+)", code)) <= targets


@pages
def test_files_named_in_a_sentence_exist(page: Path) -> None:
    folders = "agent|benchmarks|collector|deploy|docs|grafana|rackflow|scripts|simulator|tests"
    for path in inline_code(page):
        if re.fullmatch(rf"(?:{folders})/[\w./*-]*", path) and not path.startswith(ROOT):
            assert any(REPOSITORY.glob(path.rstrip("/"))), path


@pages
def test_nothing_is_said_twice_on_a_page(page: Path) -> None:
    """A reader who follows a page would do it twice. Tables of keys that several sections share are alike on purpose."""
    blocks = [each.strip() for each in page.read_text(encoding="utf-8").split("\n\n")]
    found = [each for each in blocks if len(each) >= LONG_BLOCK and not each.startswith("|")]
    assert [each[:100] for each, times in Counter(found).items() if times > 1] == []


@pytest.mark.parametrize("page", LINES)
def test_pages_keep_to_their_length(page: str) -> None:
    assert len((REPOSITORY / page).read_text(encoding="utf-8").splitlines()) <= LINES[page]


def test_help_names_every_make_target() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)) - {"help"}
    assert targets == set(re.findall(r'echo "make ([a-z-]+)', makefile))


def test_the_examples_of_the_wire_contract_are_documents_of_it() -> None:
    """Decoding and encoding each example again loses nothing: no field of it is unknown to the contract."""
    page = REPOSITORY / "docs/reference/wire-contract.md"
    examples = [yaml.safe_load(block) for block in blocks(page, "json")]
    for example, (kind, document) in zip(examples, DOCUMENTS.items(), strict=True):
        decoded = decode(blocks(page, "json")[list(DOCUMENTS).index(kind)].encode(), document)
        again = yaml.safe_load(encode(decoded))
        assert example.keys() <= again.keys(), kind
        assert {name: again[name] for name in example if name not in {"account", "coolant"}} == {
            name: example[name] for name in example if name not in {"account", "coolant"}
        }
    batch, event = examples[0], examples[1]
    assert isinstance(decode(blocks(page, "json")[0].encode(), Batch), Batch)
    assert isinstance(decode(blocks(page, "json")[1].encode(), Event), Event)
    for key in [*batch["values"], *batch["states"], *batch["bad"], event["series"]]:
        metric, labels = parse_series_key(key)
        assert series_key(metric, labels) == key
        assert set(labels) <= set(catalogue()[metric].labels)
    assert event["new"] in catalogue()["dcim_cdu_pump_state"].states


def test_the_wire_contract_names_every_error_and_the_limit_of_the_code() -> None:
    text = (REPOSITORY / "docs/reference/wire-contract.md").read_text(encoding="utf-8")
    errors = re.search(r"`error` one of (.+)\.", text)
    assert errors
    assert re.findall(r"`(\w+)`", errors[1]) == list(get_args(DeviceFault))
    assert f"at most {MAX_PAYLOAD_BYTES // 1024} KiB" in text


def test_the_profile_in_the_recipe_for_a_new_device_is_sound_and_reads_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head, objects, registers = map(textwrap.dedent, blocks(REPOSITORY / "docs/how-to/add-a-device.md", "yaml"))
    folder = tmp_path / "my"
    folder.mkdir()
    (folder / "my-cdu.yaml").write_text(head + registers, encoding="utf-8")
    snmp = "\n".join(line for line in head.splitlines() if not line.startswith("modbus:")).replace("my-cdu", "my-pdu")
    snmp = snmp.replace("protocol: modbus", "protocol: snmp").replace("class: cdu", "class: pdu")
    snmp += "\nrecognise: {sysobjectid: [1.3.6.1.4.1.99999], probes: [1.3.6.1.4.1.99999.1.1.0]}\n"
    (folder / "my-pdu.yaml").write_text(snmp + objects, encoding="utf-8")
    assert agent_main(["profiles", "lint", str(folder)]) == 0
    assert "my-cdu.yaml: ok; 10 points" in capsys.readouterr().out
    floats = {5000: 25.5} | {5048 + 2 * fan: 60.0 for fan in range(8)}
    words = {1710: 1 << 8}
    for at, number in floats.items():
        words[at + 1], words[at] = struct.unpack(">HH", struct.pack(">f", number))
    recording = tmp_path / "device.mbrec"
    recording.write_text("".join(f"1|3|{at}|{word}\n" for at, word in words.items()), encoding="utf-8")
    replay = ["replay", str(recording), "--profiles", str(folder), "--profile", "my-cdu", "--output", "json"]
    assert agent_main(replay) == 0
    assert json.loads(capsys.readouterr().out)["values"] == {
        "dcim_cdu_supply_temperature_celsius{loop=secondary}": 25.5,
        "dcim_cdu_leak_detected{detector=main}": 1.0,
        **{f"dcim_cdu_fan_speed_ratio{{fan={fan}}}": pytest.approx(0.6) for fan in range(1, 9)},
    }


def test_the_reasons_of_a_rejected_reading_are_those_that_the_agent_gives() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "agent").rglob("*.py"))
    given = set(re.findall(r'_Rejected\("(\w+)"\)|\.bad\[[^]]+\] = "(\w+)"', code))
    reasons = {first or second for first, second in given}
    found = re.findall(
        r"^\| `(\w+)` \| ", TROUBLESHOOT.partition("## One reading")[2].partition("\n## ")[0], re.MULTILINE
    )
    assert set(found) == reasons
    contract = (REPOSITORY / "docs/reference/wire-contract.md").read_text(encoding="utf-8")
    listed = re.search(r"the reason it was rejected: ([^(]+)\(", contract)
    assert listed
    assert set(re.findall(r"`(\w+)`", listed[1])) == reasons


def test_the_kinds_of_a_failed_poll_are_those_of_the_contract() -> None:
    found = re.findall(r"^\| `(\w+)` \| ", TROUBLESHOOT.partition("## One reading")[0], re.MULTILINE)
    assert set(found) == set(get_args(DeviceFault))


@pages
def test_metrics_named_in_a_sentence_are_in_the_catalogue(page: Path) -> None:
    measurements = {metric.measurement for metric in catalogue().values()}
    for name in inline_code(page):
        if re.fullmatch(r"dcim_[a-z0-9_]*[a-z0-9]", name):
            assert name in catalogue() or name in measurements, name


def status_of(words: list[str]) -> object:
    """The exit status of the program's own argument parser for a command: 0 if it accepts it."""
    try:
        PROGRAMS[words[0]]().parse_args(words[1:])
    except SystemExit as ended:
        return ended.code
    return 0


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"^ *```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def inline_code(page: Path) -> list[str]:
    """What stands between single backticks, outside code blocks."""
    text = re.sub(r"^ *```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`]+)`", text)


def commands_of(text: str) -> Iterator[list[str]]:
    """Each command of ours, without its folder and without what the shell takes (redirections, `&`, comments)."""
    for line in text.replace("\\\n", " ").splitlines():
        start = re.match(r"\s*(?:sudo )?(?:\S*/)?(rackflow(?:-(?:agent|collector|sim|demo))?)(?= |$)", line)
        if start:
            yield shlex.split(re.split(r"\s*[>&|;#](?:\s|$)|\s>", line[start.start(1) :])[0])
