"""`discover` makes entries of the agent's configuration: to begin one, or to add to one without touching what is there."""

import asyncio
import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from agent.cli import main
from agent.config_file import load_agent_config
from rackflow.recording.snmprec import Record, read_snmprec
from simulator.modbus.server import ModbusServer
from simulator.models.meter import MeterModel, meter_registers
from simulator.snmp.agent import SnmpDevice
from tests.servers.ports import free_port
from tests.terminal import screen

RECORDINGS = Path(__file__).resolve().parents[3] / "simulator" / "recordings"
NAME, SERIAL, MODEL = "1.3.6.1.2.1.1.5.0", "1.3.6.1.4.1.318.1.1.1.1.2.3.0", "1.3.6.1.4.1.318.1.1.1.1.1.1.0"


def ups(**cells: str) -> list[Record]:
    """The recorded UPS (ups-b1, serial number SIM000000002), with some of its texts changed."""
    changed = {{"name": NAME, "serial": SERIAL, "model": MODEL}[key]: text for key, text in cells.items()}
    return [
        msgspec.structs.replace(record, value=changed[record.oid].encode()) if record.oid in changed else record
        for record in read_snmprec(RECORDINGS / "apc-ups.snmprec")
    ]


class Network:
    """SNMP devices on addresses 127.0.0.x, all at one port."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        # Not one that the system chooses: a server of another test could have it on the next address, which is searched, too.
        self.port = free_port()

    async def add(self, address: str, records: Sequence[Record], community: str = "public") -> None:
        device = SnmpDevice(records, communities=[community], host=address, port=self.port)
        await device.start()
        self._stack.push_async_callback(device.stop)

    async def discover(self, *arguments: str, expected: int = 0) -> None:
        options = [
            "discover",
            "127.0.0.0/29",
            "--port",
            str(self.port),
            "--timeout",
            "1",
            "--rate",
            "300",
            *arguments,
        ]
        assert await asyncio.to_thread(main, options) == expected


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        yield Network(stack)


def config(network: Network, devices: str = "devices: []\n") -> str:
    return (
        "# the north hall\nagent: gw-1\nlabels: {site: t1} # agreed with facilities\n"
        f"credentials:\n  old: {{community: old-one}}\n  new: {{community: new-one}}\n{devices.format(port=network.port)}"
        "# nothing below\n"
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.yaml"


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def mode(path: Path, wanted: int | None = None) -> int:
    if wanted is not None:
        path.chmod(wanted)
    return path.stat().st_mode & 0o777


async def test_a_configuration_is_begun_that_the_agent_takes(
    network: Network, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await network.add("127.0.0.2", ups())
    await network.add("127.0.0.3", read_snmprec(RECORDINGS / "apc-rpdu2.snmprec"))
    await network.add("127.0.0.4", [Record("1.3.6.1.2.1.1.1.0", "4", b"Toaster\n3000")])
    await network.discover("--output", "yaml", "--site", "casablanca")
    text = capfd.readouterr().out
    write(path, text)
    made = load_agent_config(path)
    assert made.labels.site == "casablanca"
    assert [(device.id, device.host, device.profile, device.serial_number) for device in made.devices] == [
        ("ups-b1", "127.0.0.2", "apc-ups", "SIM000000002"),
        ("pdu-b07-a", "127.0.0.3", "apc-rpdu2", "SIM000000003"),
    ]
    assert {device.port for device in made.devices} == {network.port}
    assert (made.broker.host, made.broker.port) == ("127.0.0.1", 1883)
    assert (made.outbox.mode, made.outbox.path) == ("disk", Path("agent-outbox.db"))
    assert "  # APC Smart-UPS" in text
    assert re.search(r"# APC .*; score [0-9]+: answers 1\.3\.6\.1\.4\.1\.318", text)
    assert "# unrecognised: 127.0.0.4: no profile fits: Toaster 3000" in text


@pytest.mark.parametrize(
    ("given", "host", "port"),
    [
        ("broker.example.org", "broker.example.org", 1883),
        ("broker.example.org:8883", "broker.example.org", 8883),
        ("2001:db8::1", "2001:db8::1", 1883),
        ("[2001:db8::1]:8883", "2001:db8::1", 8883),
    ],
)
async def test_a_new_configuration_names_the_broker_that_is_given(
    given: str, host: str, port: int, network: Network, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await network.add("127.0.0.2", ups())
    await network.discover("--output", "yaml", "--broker", given)
    write(path, capfd.readouterr().out)
    broker = load_agent_config(path).broker
    assert (broker.host, broker.port) == (host, port)


async def test_new_devices_are_added_and_every_line_that_is_there_stays(
    network: Network, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await network.add("127.0.0.2", ups(), "new-one")
    await network.add("127.0.0.3", ups(name="ups-b2", serial="SIM9"), "old-one")
    before = config(
        network,
        "devices:\n  - id: mine # ours\n    host: 127.0.0.2\n    port: {port}\n    credential: new\n    profile: auto\n\n",
    )
    write(path, before)
    mode(path, 0o640)
    await network.discover("--config", str(path), "--merge")
    printed = capfd.readouterr()
    after = read(path)
    at = after.index("\n  # APC")
    end = after.index("\n\n# nothing below")
    assert after[:at] + after[end:] == before
    assert mode(path) == 0o640
    added = load_agent_config(path).devices[1]
    # Each credential is tried in the order of the file, and the entry names the one that was answered.
    assert (added.id, added.host, added.credential, added.serial_number) == ("ups-b2", "127.0.0.3", "old", "SIM9")
    assert printed.out.splitlines()[2:] == ["new: ups-b2 at 127.0.0.3"]
    assert f"1 device added to {path}" in printed.err

    await network.discover("--config", str(path), "--merge")
    assert read(path) == after
    assert "0 devices added" in capfd.readouterr().err


MOVING = """devices:
  - {{id: moves, host: 127.0.0.5, port: {port}, credential: new, serial_number: SIM000000002}}
  - {{id: gone, host: 127.0.0.6, port: {port}, credential: new}}
  - {{id: off, host: 127.0.0.6, port: {port}, credential: new, enabled: false}}
  - {{id: elsewhere, host: 192.0.2.7, port: {port}, credential: new}}
  - {{id: swapped, host: 127.0.0.3, port: {port}, credential: new, serial_number: BEFORE}}
  - {{id: other-port, host: 127.0.0.4, credential: new}}
"""


async def test_what_moved_was_replaced_or_is_gone_is_said_and_nothing_is_changed(
    network: Network, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await network.add("127.0.0.2", ups(), "new-one")
    await network.add("127.0.0.3", ups(name="ups-b2", serial="SIM9"), "new-one")
    before = config(network, MOVING)
    write(path, before)
    await network.discover("--config", str(path), "--merge", "--credential", "new", "--output", "json")
    rows = {row["id"]: row for row in json.loads(capfd.readouterr().out)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "moves": "moved",
        "swapped": "replaced",
        "gone": "gone",
    }
    assert rows["moves"]["host"] == "127.0.0.2"
    assert rows["moves"]["note"] == "is configured at 127.0.0.5; change its host to 127.0.0.2"
    assert "serial number SIM9, was BEFORE" in rows["swapped"]["note"]
    assert read(path) == before


HOMES = """devices:
  - {{id: moves, host: 127.0.0.20, port: {port}, credential: new, serial_number: SIM000000002}}
  - {{id: stays, host: 127.0.0.21, port: {port}, credential: new, serial_number: SIM9}}
  - {{id: beside, host: 127.0.0.22, port: {port}, credential: new}}
"""


async def test_a_device_has_moved_only_if_nothing_answers_at_the_address_of_its_entry(
    network: Network, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await network.add("127.0.0.2", ups(), "new-one")
    await network.add("127.0.0.3", ups(name="ups-b2", serial="SIM9"), "new-one")
    await network.add("127.0.0.21", ups(name="ups-b2", serial="SIM9"), "new-one")
    write(path, config(network, HOMES))
    await network.discover("--config", str(path), "--credential", "new")
    lines = capfd.readouterr().out.splitlines()
    assert lines[2:] == [
        "moved: moves at 127.0.0.2: is configured at 127.0.0.20; change its host to 127.0.0.2",
        "duplicate: 127.0.0.3: has the serial number of stays, which answers at 127.0.0.21: one device with two addresses?",
    ]


async def test_a_host_name_is_the_address_it_stands_for(
    network: Network, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await network.add("127.0.0.1", ups(), "new-one")
    write(path, config(network, "devices:\n- {{id: by-name, host: localhost, port: {port}, credential: new}}\n"))
    await network.discover("--config", str(path), "--credential", "new", "--output", "json")
    assert [(row["status"], row["id"]) for row in json.loads(capfd.readouterr().out)] == [("known", "by-name")]


async def test_devices_that_share_a_name_or_a_factory_serial_number_are_distinguished(
    network: Network, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await network.add("127.0.0.2", ups(name="apc", serial="SIM1"))
    await network.add("127.0.0.3", ups(name="apc", serial="0"))
    await network.add("127.0.0.4", ups(name="ups north / 1", serial="0"))
    await network.add("127.0.0.5", ups(name="gw-1", serial="SIM2"))
    await network.add("127.0.0.6", ups(name="other", serial="SIM2"))
    write(path, "agent: gw-1\nlabels: {site: t}\ncredentials: {c: {community: public}}\ndevices: []\n")
    await network.discover("--config", str(path), "--merge")
    assert [device.id for device in load_agent_config(path).devices] == [
        "ups-SIM1",
        "ups-127-0-0-3",
        "ups-north-1",
        "gw-1-2",
    ]
    assert (
        "duplicate: 127.0.0.6: has the serial number of gw-1-2: one device with two addresses?"
        in capfd.readouterr().out
    )


async def test_a_serial_number_that_three_devices_give_makes_no_duplicates_of_them(
    network: Network, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for address, name in (("127.0.0.2", "a"), ("127.0.0.3", "b"), ("127.0.0.4", "c")):
        await network.add(address, ups(name=name, serial="123456"))
    await network.discover("--output", "yaml")
    write(path, capfd.readouterr().out)
    assert [(each.id, each.serial_number) for each in load_agent_config(path).devices] == [
        ("a", None),
        ("b", None),
        ("c", None),
    ]


async def test_a_spreadsheet_gets_every_column_and_runs_nothing(
    network: Network, capfd: pytest.CaptureFixture[str]
) -> None:
    await network.add("127.0.0.2", ups(model='=HYPERLINK("x","y")', name="Schränke"))
    await network.discover("--output", "csv")
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert [(row["status"], row["id"], row["host"], row["profile"], row["class"]) for row in rows] == [
        ("new", "Schr-nke", "127.0.0.2", "apc-ups", "ups")
    ]
    assert rows[0]["model"] == '\'=HYPERLINK("x","y")'
    assert rows[0]["serial"] == "SIM000000002"


async def test_a_community_is_not_written_into_a_file(
    network: Network, path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await network.add("127.0.0.2", ups(), "s3cret")
    await network.discover("--output", "yaml", "--community", "s3cret")
    printed = capfd.readouterr()
    assert "s3cret" not in printed.out + printed.err
    assert "set RACKFLOW_COMMUNITY to it" in printed.err
    monkeypatch.setitem(os.environ, "RACKFLOW_COMMUNITY", "s3cret")
    write(path, printed.out)
    assert load_agent_config(path).devices[0].id == "ups-b1"
    await network.discover("--output", "yaml", "--community", "env:RACKFLOW_COMMUNITY")
    assert capfd.readouterr().out == printed.out


async def test_silence_is_explained(network: Network, capfd: pytest.CaptureFixture[str]) -> None:
    await network.add("127.0.0.2", ups(), "other")
    await network.discover()
    said = capfd.readouterr().err
    assert "0 devices answered at 6 addresses" in said
    for reason in (
        "community (v1, v2c):",
        "access list:",
        "version:",
        f"UDP port {network.port} must be open",
        "port:",
    ):
        assert reason in said


async def test_a_device_that_does_not_answer_a_reading_is_explained(
    network: Network, capfd: pytest.CaptureFixture[str]
) -> None:
    await network.add("127.0.0.2", ups(), "other")
    read_one = ["read", "127.0.0.2", "--port", str(network.port), "--timeout", "0.2"]
    assert await asyncio.to_thread(main, read_one) == 1
    said = capfd.readouterr().err.splitlines()
    assert said[0].startswith("rackflow-agent: timeout: ")
    assert said[2].startswith("  community (v1, v2c): a device drops a request with a wrong one")


async def test_units_of_modbus_become_entries(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    meter = ModbusServer({1: meter_registers(MeterModel())}, "127.0.0.2")
    number = await meter.start()
    search = ["discover", "127.0.0.2", "--port", str(number), "--protocol", "modbus", "--timeout", "0.5"]
    try:
        assert await asyncio.to_thread(main, [*search, "--output", "yaml"]) == 0
        write(path, capfd.readouterr().out)
        device = load_agent_config(path).devices[0]
        assert (device.id, device.protocol, device.unit, device.profile, device.port) == (
            "meter-240100001",
            "modbus",
            1,
            "schneider-iem3000",
            number,
        )
        # The same device under another of its unit numbers is no second one.
        write(path, read(path).replace("unit: 1", "unit: 7"))
        assert await asyncio.to_thread(main, [*search, "--config", str(path), "--merge"]) == 0
    finally:
        await meter.stop()
    assert "duplicate: 127.0.0.2: answers where meter-240100001 is configured with unit 7" in capfd.readouterr().out


async def test_a_unit_that_only_its_profile_names_is_gone_when_it_does_not_answer(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    number = free_port()
    cdu = f"{{id: cdu-1, host: 127.0.0.2, port: {number}, protocol: modbus, profile: aalc-rpu, unit: 12}}"
    write(path, f"agent: a1\nlabels: {{site: s1}}\ndevices:\n  - {cdu}\n")
    search = ["discover", "127.0.0.2", "--port", str(number), "--protocol", "modbus", "--timeout", "0.3"]
    await asyncio.to_thread(main, [*search, "--config", str(path), "--output", "json"])
    assert [(row["status"], row["id"]) for row in json.loads(capfd.readouterr().out)] == [("gone", "cdu-1")]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--merge"], "--merge: name the file to add to with --config"),
        (["--credential", "v3"], "--credential: names a credential of a configuration"),
        (["--agent", "a b", "--output", "yaml"], "arguments: agent:"),
        (["--broker", "a b", "--output", "yaml"], "arguments: broker.host:"),
        (["--community", "env:RACKFLOW_NOT_SET"], "environment variable RACKFLOW_NOT_SET is not set"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_asked(
    arguments: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["discover", "192.0.2.0/24", *arguments]) == 78
    assert fault in capsys.readouterr().err


SILENT = [sys.executable, "-m", "agent", "discover", "127.0.0.2-3", "--port", "9", "--timeout", "0.1"]


def test_progress_is_shown_on_a_terminal() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "wb") as terminal:
        status = subprocess.run(SILENT, stdout=subprocess.PIPE, stderr=terminal, timeout=60, check=False)
    shown = screen(master)
    assert (status.returncode, status.stdout) == (0, b"")
    assert "addresses" in shown
    assert "0 devices answered at 2 addresses" in shown


def test_progress_is_shown_nowhere_else() -> None:
    quiet = subprocess.run(SILENT, capture_output=True, timeout=60, check=True, text=True)
    assert quiet.stderr.startswith("0 devices answered at 2 addresses\n")
