"""The commands: what they print, their exit statuses, and one clear line for every mistake."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import main
from simulator.modbus.server import ModbusServer
from simulator.models.meter import MeterModel, meter_registers
from simulator.models.registers import MappedRegisters
from tests.servers.ports import free_port
from tests.servers.snmpd import Snmpd

GOOD = """
agent: gw-1
labels: {site: cas1}
credentials: {lab: {version: 2c, community: sesame}}
devices:
  - {id: ups-a, host: 192.0.2.10, credential: lab}
  - {id: cdu-1, host: 192.0.2.11, protocol: modbus, profile: aalc-rpu, unit: 12}
"""
RECORDING = b"""1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.318.1.3.27
1.3.6.1.4.1.318.1.1.1.1.1.1.0|4|Smart-UPS X 750
1.3.6.1.4.1.318.1.1.1.4.1.1.0|2|3
1.3.6.1.4.1.318.1.1.1.2.3.1.0|66|985
1.3.6.1.4.1.318.1.1.1.2.2.3.0|67|4294967295
"""
COOLER = """
version: 1
profile: my-cooler
class: crah
protocol: modbus
title: my cooler
source: manual 1.2
evidence: unverified
modbus: {table: input}
points: [{metric: dcim_crah_fan_speed_ratio, labels: {fan: all}, register: 450, unit: percent}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "agent.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "ups.snmprec"
    path.write_bytes(RECORDING)
    return path


def test_check_says_that_a_configuration_is_good(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(config)]) == 0
    assert "ok; 2 devices, 2 enabled" in capsys.readouterr().out


def test_check_says_that_the_outbox_cannot_be_written(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = config.parent / "no-such-folder"
    text = config.read_text(encoding="utf-8")
    config.write_text(f"{text}\noutbox: {{mode: disk, path: {nowhere}/outbox.db}}\n", encoding="utf-8")
    assert main(["check", str(config)]) == 78
    said = capsys.readouterr()
    line = config.read_text(encoding="utf-8").count("\n")
    fault = f"outbox.path: {nowhere}: no such folder; create it: mkdir -p {nowhere}"
    assert said.err.startswith(f"{config}:{line}: {fault}")
    assert said.out.startswith(f"{config}: not ok; 2 devices"), "what is printed agrees with the exit status"


@pytest.mark.parametrize("command", ["check", "run", "replay"])
def test_a_file_that_is_not_there_is_named(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, str(tmp_path / "none")]) == 78
    assert capsys.readouterr().err.strip().startswith(f"{tmp_path}/none: no such file")


def test_usage_mistakes_have_status_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["replay"])
    assert caught.value.code == 2


def test_replay_prints_the_documented_json(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording), "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "profile": "apc-ups",
        "class": "ups",
        "identity": {"vendor": "APC", "model": "Smart-UPS X 750", "serial": "", "firmware": ""},
        "values": {"dcim_ups_battery_charge_ratio": 0.985},
        "states": {"dcim_ups_output_source": "battery"},
        "bad": {"dcim_ups_battery_runtime_seconds": "sentinel"},
    }


def test_replay_as_table_and_as_prometheus_lines(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(recording)]) == 0
    table = capsys.readouterr().out
    assert "apc-ups (class ups)" in table
    assert "rejected: sentinel" in table
    assert main(["replay", str(recording), "--output", "prom"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "dcim_ups_battery_charge_ratio 0.985" in lines
    assert 'dcim_ups_output_source{state="battery"} 1' in lines
    assert 'dcim_ups_output_source{state="normal"} 0' in lines


def test_replay_of_a_stranger_fails_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "toaster.snmprec"
    path.write_bytes(b"1.3.6.1.2.1.1.1.0|4|Toaster 3000\n")
    assert main(["replay", str(path)]) == 1
    assert "matches no profile; sysDescr is 'Toaster 3000'" in capsys.readouterr().err
    assert main(["replay", str(path), "--profile", "toaster"]) == 78
    said = capsys.readouterr().err
    assert "--profile: 'toaster' is not known" in said
    assert len(said) < 200


def test_read_names_the_option_that_is_missing_or_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "192.0.2.1", "--protocol", "modbus"]) == 78
    assert "--profile: is required for Modbus; `rackflow profiles` lists them" in capsys.readouterr().err
    assert main(["read", "192.0.2.1", "--profile", "apc-upps"]) == 78
    assert "--profile: 'apc-upps' is not known; the nearest are apc-ups" in capsys.readouterr().err


def test_every_device_without_a_profile_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "agent.yaml"
    device = "  - {{id: {0}, host: h, credential: c, profile: {1}}}\n"
    devices = "".join(device.format(*each) for each in (("a", "apc-upps"), ("b", "apc-ups"), ("c", "aalc-rpu")))
    path.write_text(f"agent: g\nlabels: {{site: s}}\ncredentials: {{c: {{community: p}}}}\ndevices:\n{devices}")
    assert main(["check", str(path)]) == 78
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{path}:5: device 'a': profile: 'apc-upps' is not known; the nearest are apc-ups")
    assert second == f"{path}:7: device 'c': profile: 'aalc-rpu' speaks modbus; set `protocol: modbus`"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("apc-rpdu3", "apc-rpdu2"), ("schneider-iem-3000", "schneider-iem3000"), ("APC-UPS", "apc-ups")],
)
def test_an_unknown_profile_names_the_nearest_three(
    name: str, nearest: str, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(recording), "--profile", name]) == 78
    names = re.search(r"the nearest are (.*); `rackflow profiles` lists all", capsys.readouterr().err)
    assert names
    assert nearest in names[1].split(", ")
    assert len(names[1].split(", ")) <= 3


def test_profiles_lists_every_family_with_its_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("rfc1628-ups") and "recorded device" in line for line in lines)


def test_read_of_a_live_agent_that_no_profile_fits(snmpd: Snmpd, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "127.0.0.1", "--port", str(snmpd.port)]) == 1
    printed = capsys.readouterr()
    assert "matches no profile; sysDescr is 'Linux" in printed.err
    assert "Traceback" not in printed.err


async def test_read_of_a_wrong_unit_or_family_and_of_a_name_that_nobody_has_says_what_to_look_at(
    capfd: pytest.CaptureFixture[str],
) -> None:
    meter = ModbusServer({1: meter_registers(MeterModel())}, "127.0.0.1")
    there = ["read", "127.0.0.1", "--protocol", "modbus", "--port", str(await meter.start())]
    try:
        assert await asyncio.to_thread(main, [*there, "--profile", "schneider-iem3000", "--unit", "7"]) == 1
        error, remedy = capfd.readouterr().err.splitlines()
        assert "exception 11, gateway target does not respond" in error
        assert remedy.startswith("the gateway answers, and no device behind it: check the unit (--unit)")
        assert await asyncio.to_thread(main, [*there, "--profile", "aalc-rpu", "--unit", "1"]) == 1
        (line,) = capfd.readouterr().err.splitlines()
        assert "127.0.0.1 plan: refuses every register of profile aalc-rpu; it is probably of another family" in line
    finally:
        await meter.stop()
    # It was looked for on no network, so nothing is said of a network or a port.
    for more in (["--protocol", "modbus", "--profile", "aalc-rpu"], []):
        assert await asyncio.to_thread(main, ["read", "no-such-host.invalid", *more]) == 1
        (line,) = capfd.readouterr().err.splitlines()
        assert "cannot resolve no-such-host.invalid" in line


def test_reading_a_closed_port_fails_as_unreachable_with_the_address(capsys: pytest.CaptureFixture[str]) -> None:
    port = str(free_port())
    assert main(["read", "127.0.0.1", "--protocol", "modbus", "--profile", "aalc-rpu", "--port", port]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("rackflow-agent: unreachable: ")
    assert f"127.0.0.1:{port}" in printed


async def test_read_takes_a_profile_from_a_folder_of_ones_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my-cooler.yaml").write_text(COOLER, encoding="utf-8")
    server = ModbusServer({1: MappedRegisters(lambda: {450: 64}, "input", zeros=False)})
    port = str(await server.start())
    device = ["read", "127.0.0.1", "--protocol", "modbus", "--port", port, "--profile", "my-cooler", "--output", "json"]
    try:
        assert await asyncio.to_thread(main, [*device, "--profiles", str(tmp_path)]) == 0
        assert json.loads(capfd.readouterr().out)["values"] == {"dcim_crah_fan_speed_ratio{fan=all}": 0.64}
        assert await asyncio.to_thread(main, device) == 78
        assert "profile: 'my-cooler' is not known" in capfd.readouterr().err
    finally:
        await server.stop()


def test_read_of_a_device_that_the_configuration_lacks(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "ups-z", "--config", str(config)]) == 78
    assert "devices: has none called 'ups-z'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        (["--help"], {"pydantic", "asyncio", "pymodbus", "gufo", "agent.process", "agent.run", "agent.lab"}),
        (["check", "CONFIG"], {"pysnmp", "pymodbus", "aiohttp", "rackflow.site", "agent.lab", "agent.doctor"}),
    ],
)
def test_a_command_imports_no_more_than_it_needs(config: Path, words: list[str], spared: set[str]) -> None:
    asked = [str(config) if word == "CONFIG" else word for word in words]
    script = (
        f"import sys\nfrom agent.cli import main\ntry: main({asked})\nfinally: sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout
    assert not spared & set(done.stderr.split())
