"""Two entries of a configuration at one address: refused where they cannot both be meant, told where they can."""

import json
from pathlib import Path

import pytest

from agent.cli import main

HEAD = """agent: gw-1
labels: {site: t1}
credentials:
  lab: {community: sesame}
  same: {community: sesame}
  other: {community: rack-2}
  v3: {version: 3, user: u}
  v3-other: {version: 3, user: w}
  v3-row-b: {version: 3, user: u, context: row-b}
outbox: {mode: disk, path: FOLDER/outbox.db}
devices:
"""
WRONG = [
    # First entry, second entry, their address. Unit 12 is the profile's own.
    ("host: 192.0.2.1, credential: lab", "host: 192.0.2.1, port: 161, credential: lab", "192.0.2.1:161"),
    ("host: PDU-1, credential: lab, unit: 2", "host: pdu-1, credential: lab, unit: 2", "pdu-1:161"),
    (
        "host: a, protocol: modbus, profile: aalc-rpu",
        "host: a, protocol: modbus, profile: aalc-rpu, port: 502",
        "a:502 unit 12",
    ),
    (
        "serial: /dev/ttyS0, transport: serial, protocol: modbus, profile: aalc-rpu, unit: 3",
        "serial: /dev/ttyS0, transport: serial, protocol: modbus, profile: aalc-rpu, unit: 3",
        "/dev/ttyS0 unit 3",
    ),
    ("host: a, credential: lab", "host: a, credential: same", "a:161"),
    ("host: a, credential: v3-row-b", "host: a, credential: v3-row-b", "a:161"),
]
DOUBTFUL = [
    ("host: a, credential: lab", "host: a, credential: lab, unit: 2", "set `unit` on both"),
    ("host: a, credential: lab, profile: apc-ups", "host: a, credential: lab", "unless one agent answers for both"),
    ("host: a, credential: v3", "host: a, credential: v3-other", "unless the two credentials show different devices"),
]
MEANT = [
    ("host: a, credential: lab, unit: 1", "host: a, credential: lab, unit: 2"),
    ("host: a, credential: lab", "host: a, credential: other"),
    ("host: a, credential: lab", "host: a, port: 1161, credential: lab"),
    ("host: a, credential: lab", "host: a, credential: lab, enabled: false"),
    ("host: a, credential: lab, enabled: false", "host: a, credential: lab"),
    ("host: a, credential: lab", "host: b, credential: lab"),
    ("host: a, credential: v3", "host: a, credential: v3-row-b"),
    (
        "serial: /dev/ttyS0, transport: serial, protocol: modbus, profile: aalc-rpu, unit: 3",
        "serial: /dev/ttyS1, transport: serial, protocol: modbus, profile: aalc-rpu, unit: 3, baudrate: 9600",
    ),
    ("host: a, credential: lab", "host: a, protocol: modbus, profile: aalc-rpu, port: 161"),
    (
        "host: a, protocol: modbus, profile: aalc-rpu, unit: 1",
        "host: a, protocol: modbus, profile: aalc-rpu, unit: 2, timeout_s: 5, baudrate: 9600",
    ),
]


FIRST_LINE = HEAD.count("\n") + 1


def written(folder: Path, *entries: str) -> Path:
    path = folder / "agent.yaml"
    lines = [f"  - {{id: d{number}, {entry}}}\n" for number, entry in enumerate(entries, 1)]
    path.write_text(HEAD.replace("FOLDER", str(folder)) + "".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(("first", "second", "address"), WRONG)
def test_two_entries_of_one_device_are_refused_with_both_names_and_lines(
    first: str, second: str, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, first, second)
    assert main(["check", str(path)]) == 78
    captured = capsys.readouterr()
    [line] = captured.err.splitlines()
    assert line.startswith(
        f"{path}:{FIRST_LINE + 1}: devices[1] (d2): has the same address as 'd1' in line {FIRST_LINE}, {address}; "
    )
    assert "every reading would come twice" in line
    assert "not ok; 2 devices" in captured.out


@pytest.mark.parametrize(("first", "second", "remedy"), DOUBTFUL)
def test_two_entries_that_can_be_meant_are_a_warning(
    first: str, second: str, remedy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, first, second)
    assert main(["check", str(path)]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"{path}:{FIRST_LINE + 1}: devices[1] (d2): has the same address as 'd1' in line {FIRST_LINE}, a:161; "
    )
    assert remedy in line
    assert line.endswith(" (a warning)")


def test_a_modbus_unit_with_two_profiles_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit = "host: a, protocol: modbus, unit: 4"
    path = written(tmp_path, f"{unit}, profile: aalc-rpu", f"{unit}, profile: abb-b2x")
    assert main(["check", str(path)]) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert "a:502 unit 4; correct host, port or unit of one, unless this unit has the registers of both" in line


def test_of_several_entries_before_the_one_is_named_that_cannot_be_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = "host: a, credential: lab, unit: 2"
    path = written(tmp_path, "host: a, credential: lab", unit, unit)
    assert main(["check", str(path)]) == 78
    told = [line.split("; ")[0] for line in capsys.readouterr().err.splitlines()]
    assert told == [
        f"{path}:{FIRST_LINE + 2}: devices[2] (d3): has the same address as 'd2' in line {FIRST_LINE + 1}, a:161",
        f"{path}:{FIRST_LINE + 1}: devices[1] (d2): has the same address as 'd1' in line {FIRST_LINE}, a:161",
    ]


SERIAL = "serial: /dev/ttyS0, transport: serial, protocol: modbus, profile: aalc-rpu"
OTHER_LINES = [
    (f"{SERIAL}, unit: 3", f"{SERIAL}, unit: 4, baudrate: 9600", "/dev/ttyS0", "baudrate is 9600 here and 19200 there"),
    (
        f"{SERIAL}, unit: 3, parity: E, stopbits: 2",
        f"{SERIAL}, unit: 4",
        "/dev/ttyS0",
        "parity is N here and E there, stopbits is 1 here and 2 there",
    ),
    (
        "host: A, protocol: modbus, profile: aalc-rpu, unit: 1",
        "host: a, protocol: modbus, profile: aalc-rpu, unit: 2, transport: rtu-over-tcp",
        "a:502",
        "transport is rtu-over-tcp here and tcp there",
    ),
]


@pytest.mark.parametrize(("first", "second", "line", "differing"), OTHER_LINES)
def test_units_that_need_one_line_in_two_ways_are_told(
    first: str, second: str, line: str, differing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the settings of the first unit are used, so the other one would be polled with the wrong ones, or both in vain."""
    path = written(tmp_path, first, second)
    assert main(["check", str(path)]) == 78
    [told] = capsys.readouterr().err.splitlines()
    assert told == (
        f"{path}:{FIRST_LINE + 1}: devices[1] (d2): has the same address as 'd1' in line {FIRST_LINE}, {line};"
        f" a line is opened in one way only: {differing}; correct one of them"
    )


@pytest.mark.parametrize(("first", "second"), MEANT)
def test_two_units_communities_ports_or_protocols_are_two_devices(
    first: str, second: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(written(tmp_path, first, second))]) == 0
    assert capsys.readouterr().err == ""


def test_many_entries_at_one_address_are_named_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, *["host: a, credential: lab"] * 12)
    assert main(["check", str(path)]) == 78
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[-1] == f"{path}: 1 more entry with the address of another"


def test_as_many_entries_as_are_named_leave_none_to_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(written(tmp_path, *["host: a, credential: lab"] * 11))]) == 78
    assert len(capsys.readouterr().err.splitlines()) == 10


def test_doctor_finds_two_devices_at_one_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "host: 192.0.2.1, credential: lab", "host: 192.0.2.1, credential: lab")
    main(["doctor", str(path), "--no-devices", "--output", "json"])
    findings = json.loads(capsys.readouterr().out)
    [found] = [each for each in findings if each["check"] == "addresses"]
    assert found["status"] == "failed"
    assert f"'d1' in line {FIRST_LINE}, 192.0.2.1:161" in found["found"]
    assert "correct host or port of one" in found["remedy"]


def test_doctor_warns_of_two_entries_that_can_be_meant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, remedy = DOUBTFUL[0]
    main(["doctor", str(written(tmp_path, first, second)), "--no-devices", "--output", "json"])
    [found] = [each for each in json.loads(capsys.readouterr().out) if each["check"] == "addresses"]
    assert found["status"] == "warning"
    assert remedy in found["remedy"]
