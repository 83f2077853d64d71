"""Texts of devices and of accounts at the broker that would take over a terminal or a page, through the real commands."""

import csv
import io
import json
from html import unescape
from pathlib import Path

import pytest

from agent.cli import main as agent_main
from collector.cli import main as collector_main
from collector.latest.latest import Latest
from collector.ledger.epochs import Entry, EpochKey
from collector.ledger.file import LedgerFile
from collector.report.rows import Row, as_csv
from collector.web.exposition import render
from collector.web.page import Moment, page_steps
from tests.at_once import at_once
from tests.collector.documents import document, now_ms

EVIL = "x\x1b[2J\x1b]0;t\x07\r\u202egnp\u2066\x9b1m<b>\u200b"
FAULTS = "\x1b\x07\r\x9b\u202e\u2066\u200b"
OIDS = ("1.3.6.1.2.1.1.1.0", "1.3.6.1.4.1.318.1.1.1.1.1.1.0", "1.3.6.1.4.1.318.1.1.1.1.2.3.0")


def clean(text: str) -> bool:
    return not set(text) & set(FAULTS)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A UPS whose description, model and serial number are hostile."""
    text = EVIL.encode().hex()
    lines = [f"{oid}|4x|{text}" for oid in OIDS]
    lines += ["1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.318.1.3.27", "1.3.6.1.4.1.318.1.1.1.2.1.1.0|2|2"]
    lines += ["1.3.6.1.4.1.318.1.1.1.2.3.1.0|66|985", "1.3.6.1.4.1.318.1.1.1.4.1.1.0|2|2"]
    file = tmp_path / "evil.snmprec"
    file.write_text("\n".join(lines) + "\n", encoding="ascii")
    return file


@pytest.mark.parametrize("output", ["table", "json", "prom"])
def test_what_a_device_says_of_itself_is_shown_escaped(
    output: str, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent_main(["replay", str(recording), "--output", output]) == 0
    shown = capsys.readouterr()
    assert clean(shown.out + shown.err)


def test_a_draft_of_a_profile_and_a_strange_device_are_shown_escaped(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent_main(["profiles", "draft", str(recording)]) == 0
    strange = tmp_path / "strange.snmprec"
    strange.write_text(f"1.3.6.1.2.1.1.1.0|4x|{EVIL.encode().hex()}\n", encoding="ascii")
    assert agent_main(["replay", str(strange)]) == 1
    shown = capsys.readouterr()
    assert clean(shown.out + shown.err)


def test_keys_of_a_configuration_are_shown_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(json.dumps({EVIL: 1, "agent": EVIL, "log_level": EVIL, "devices": []}), encoding="utf-8")
    assert agent_main(["check", str(file)]) == 78
    assert agent_main(["check", str(tmp_path / EVIL.replace("/", ""))]) == 78
    assert clean(capsys.readouterr().err)


async def test_names_of_epochs_are_shown_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = LedgerFile(tmp_path / "ledger.db", 400, lambda: 1_795_468_800.0)
    assert await ledger.record([Entry(EpochKey("cas1", "gw-3", EVIL), 1, 1_795_468_800_000, 1_795_468_800_000, EVIL)])
    ledger.close()
    config = tmp_path / "c.yaml"
    config.write_text(
        f"store: {{kind: file, path: {tmp_path}}}\ndead_letter: {tmp_path}/dead\nledger: {tmp_path}/ledger.db\n"
    )
    for output in ("table", "json"):
        assert collector_main(["ledger", str(config), "--output", output]) == 0
        shown = capsys.readouterr().out
        assert clean(shown)
        assert "u202e" in shown


def test_the_page_and_the_metrics_hold(capsys: pytest.CaptureFixture[str]) -> None:
    latest = Latest(100)
    latest.apply_document("cas1", document(vendor=EVIL, model=EVIL))
    page = at_once(page_steps)(latest, Moment(0.0, now_ms() / 1000), {"store": EVIL})
    assert clean(page)
    assert "<b>\\u200b" not in page
    assert r"\u202egnp" in unescape(page)
    text, _ = render(latest, 0.0)
    assert len([line for line in text.split("\n") if line.startswith("dcim_device_info")]) == 1
    assert capsys.readouterr().err == ""


def test_cells_of_the_report_are_escaped_and_no_formulas() -> None:
    rows = [Row("f", text, "month", "a", "b", None, "u", None, "r") for text in (EVIL, "=1+1", "\t=1", "\r@x", "+1")]
    text = as_csv(rows)
    assert clean(text)
    places = [line["place"] for line in csv.DictReader(io.StringIO(text))]
    assert places[1:] == ["'=1+1", r"\x09=1", r"\x0d@x", "'+1"]
