"""Recordings that somebody has edited by hand: lines that are none are told, and the others are read."""

import json
from pathlib import Path

import pytest

from agent.cli import main
from agent.poll import BOOT_METRIC
from rackflow.errors import ConfigError
from rackflow.recording import read_mbrec, read_snmprec
from rackflow.recording.mbrec import parse_mbrec
from rackflow.recording.snmprec import parse_snmprec

RECORDING = Path(__file__).resolve().parents[3] / "simulator" / "recordings" / "apc-ups.snmprec"
LINES = [
    b"1.3.6.1.2.1.1.4.0|4x|<private>",
    b"1.3.6.1.2.1.1.5.0|4x|xx",
    b"1.3.6.1.2.1.4.20.1.1.1|64x|10.0.0.1",
    b"1.3.6.1.2.1.1.7.0|2|72 # services",
    b"1.3.6.1.2.1.1.8.0|67|",
    b"<private>",
    b"1.3.6.1.2.1.1.9.0|99|x",
    b"1.3.6.1.2.1.1.9.0|2",
    b"....|2|1",
]


@pytest.mark.parametrize("line", LINES)
def test_an_invalid_line_is_reported_and_the_others_are_read(line: bytes) -> None:
    good = RECORDING.read_bytes()
    faults: list[str] = []
    assert parse_snmprec(line + b"\n" + good, "edited", faults) == read_snmprec(RECORDING)
    assert len(faults) == 1
    assert faults[0].startswith("edited:1: ")
    with pytest.raises(ConfigError, match=r"^edited:1: "):
        parse_snmprec(line + b"\n" + good, "edited")


@pytest.mark.parametrize("line", ["1|3|5", "1|3|5|xx", "1|9|5|1", "1|3|5|7 # setpoint", "<private>", "1|3|99999|1"])
def test_a_line_of_registers_that_was_edited_wrongly_is_skipped_and_named(line: str) -> None:
    faults: list[str] = []
    assert parse_mbrec(f"1|3|1|2\n{line}\n1|3|2|3\n", "edited", faults).values == {
        (1, "holding", 1): 2,
        (1, "holding", 2): 3,
    }
    assert [fault.split(": ")[0] for fault in faults] == ["edited:2"]


def test_a_recording_without_a_good_line_is_refused_with_the_first_fault(tmp_path: Path) -> None:
    snmp, modbus = tmp_path / "a.snmprec", tmp_path / "a.mbrec"
    snmp.write_bytes(b"oops\n1.3|2|x\n")
    modbus.write_text("oops\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"a\.snmprec:1: "):
        read_snmprec(snmp, [])
    with pytest.raises(ConfigError, match=r"a\.mbrec:1: "):
        read_mbrec(modbus, [])


def test_replay_reads_an_edited_recording_and_names_the_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited = tmp_path / "edited.snmprec"
    edited.write_bytes(b"\n".join(LINES * 3) + b"\n" + RECORDING.read_bytes())
    assert main(["replay", str(RECORDING), "--output", "json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert main(["replay", str(edited), "--output", "json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    # Counted back from the clock, which goes on between the two.
    assert found["values"].pop(BOOT_METRIC) == pytest.approx(whole["values"].pop(BOOT_METRIC), abs=30)
    assert found == whole
    said = printed.err.splitlines()
    assert said[0].startswith(f"{edited}:1: ")
    # After the faults of the file comes what the device does not have.
    assert said[20] == "7 more lines are left out"
    assert said[21:] == [line for line in said if line.startswith("nothing there: ")]
