"""The profile lab: recording a device without what is private, finding devices, and explaining faults of a profile."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from time import process_time

import pytest
import yaml

from agent.cli import main
from agent.lab.discover import MAX_ADDRESSES, addresses_of
from agent.lab.output import render_objects
from agent.lab.redact_snmp import redacted
from agent.profile.loading.load import parse_profile
from rackflow.errors import ConfigError, ProfileError
from rackflow.recording.snmprec import Record, parse_snmprec, read_snmprec
from simulator.snmp.agent import SnmpDevice
from tests.servers.ports import free_port

RECORDINGS = Path(__file__).resolve().parents[3] / "simulator" / "recordings"
PRIVATE = b"""1.3.6.1.2.1.1.1.0|4|Card MN:SRT5000 SN: AS1234567890 at 10.1.2.3
1.3.6.1.2.1.1.4.0|4|jane@example.org
1.3.6.1.2.1.1.5.0|4|ups-17.example.org
1.3.6.1.2.1.2.2.1.6.1|4x|00c0b7112233
1.3.6.1.2.1.4.20.1.1.10.1.2.3|64|10.1.2.3
1.3.6.1.4.1.318.1.1.1.1.2.3.0|4|AS1234567890
1.3.6.1.4.1.318.1.1.1.4.1.1.0|2|2
1.3.6.1.4.1.318.1.1.1.9.9.0|4|MAC 00:c0:b7:11:22:33, ask jane@example.org
1.3.6.1.4.1.318.1.1.1.9.10.0|64|10.1.2.3
1.3.6.1.4.1.318.1.1.1.9.11.0|4x|00c0b7112233
"""


@pytest.fixture
async def two_devices() -> AsyncIterator[int]:
    """The same UDP port on two loopback addresses; yields the port."""
    first = SnmpDevice(read_snmprec(RECORDINGS / "apc-ups.snmprec"), host="127.0.0.2", port=free_port())
    port = await first.start()
    second = SnmpDevice(parse_snmprec(b"1.3.6.1.2.1.1.1.0|4|Toaster 3000\n", "t"), host="127.0.0.3", port=port)
    await second.start()
    yield port
    await first.stop()
    await second.stop()


async def in_thread(arguments: list[str]) -> int:
    import asyncio  # noqa: PLC0415 - the command runs a loop of its own, so it needs a thread

    return await asyncio.to_thread(main, arguments)


async def test_a_walk_is_a_recording_that_replays_the_same(
    two_devices: int, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert await in_thread(["walk", "127.0.0.2", "--port", str(two_devices)]) == 0
    path = tmp_path / "walked.snmprec"
    path.write_bytes(capfdbinary.readouterr().out)
    walked = {record.oid: record for record in read_snmprec(path)}
    original = read_snmprec(RECORDINGS / "apc-ups.snmprec")
    telemetry = [record for record in original if record.oid.startswith("1.3.6.1.4.1.318.1.1.1.") and record.tag != "4"]
    assert len(telemetry) > 30
    for record in telemetry:
        assert walked[record.oid] == record
    assert walked["1.3.6.1.2.1.1.5.0"].value == b"<private>"
    assert b"SIM000000002" not in path.read_bytes()
    objects = json.loads(render_objects(walked.values(), "json"))
    assert yaml.safe_load(render_objects(walked.values(), "yaml")) == objects
    assert [each["oid"] for each in objects] == list(walked)
    assert {"oid": "1.3.6.1.2.1.1.5.0", "type": "OCTET STRING", "value": "<private>"} in objects
    assert await in_thread(["walk", "127.0.0.2", "--port", str(two_devices), "--output", "json"]) == 0
    live = json.loads(capfdbinary.readouterr().out)
    assert [each["oid"] for each in live] == list(walked)
    assert await in_thread(["replay", str(path)]) == 0
    assert b"dcim_ups_output_load_ratio{phase=L1}" in capfdbinary.readouterr().out


def test_what_is_private_is_taken_out() -> None:
    text = b"\n".join(
        str(record.value).encode() if not isinstance(record.value, bytes) else record.value
        for record in redacted(parse_snmprec(PRIVATE, "p"), ["AS1234567890"])
    )
    for word in (b"jane", b"example.org", b"10.1.2.3", b"AS1234567890", b"00:c0:b7", bytes.fromhex("00c0b7112233")):
        assert word not in text
    kept = {record.oid: record for record in redacted(parse_snmprec(PRIVATE, "p"), [])}
    assert kept["1.3.6.1.4.1.318.1.1.1.4.1.1.0"] == Record("1.3.6.1.4.1.318.1.1.1.4.1.1.0", "2", 2)
    assert not any(oid.startswith(("1.3.6.1.2.1.2.", "1.3.6.1.2.1.4.")) for oid in kept)


def test_a_name_is_taken_out_wherever_a_device_repeats_it_and_a_serial_number_also_as_a_number() -> None:
    """A UPS has its name in RFC 1628, too, and vendors repeat name, place and contact in objects of their own."""
    sent = [
        Record("1.3.6.1.2.1.1.1.0", "4", b"PX3-5190R in rack hall-2/b07"),
        Record("1.3.6.1.2.1.1.5.0", "4", b"PX3-5190R"),
        Record("1.3.6.1.2.1.1.6.0", "4", b"hall-2/b07"),
        Record("1.3.6.1.2.1.33.1.1.5.0", "4", b"ups-a1"),
        Record("1.3.6.1.4.1.99999.1.0", "4", b"hall-2/b07 "),
        Record("1.3.6.1.4.1.99999.2.0", "4", b"PX3-5190R"),
        Record("1.3.6.1.4.1.99999.3.0", "66", 40012345),
        Record("1.3.6.1.4.1.99999.4.0", "2", 400),
    ]
    found = {record.oid: record.value for record in redacted(sent, ["40012345", "400"], ["PX3-5190R"])}
    assert [found[record.oid] for record in sent] == [
        b"PX3-5190R in rack hall-2/b07",
        *[b"<private>"] * 4,
        b"PX3-5190R",
        0,
        400,
    ]


async def test_devices_are_found_where_one_looks(two_devices: int, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["discover", "127.0.0.0/29", "--port", str(two_devices), "--timeout", "3", "--rate", "200"]
    assert await in_thread(command) == 0
    printed = capfd.readouterr()
    lines = sorted(printed.out.splitlines())
    assert len(lines) == 2
    assert lines[0].split()[:3] == ["127.0.0.2", "apc-ups", "ups"]
    assert "answers 1.3.6.1.4.1.318" in lines[0]
    assert lines[1].split()[:2] == ["127.0.0.3", "(unknown)"]
    assert "Toaster 3000" in lines[1]
    assert "2 devices answered at 6 addresses" in printed.err


def test_networks_and_ranges_of_addresses_are_expanded() -> None:
    assert addresses_of(["192.0.2.0/30", "192.0.2.1/32"]) == ["192.0.2.1", "192.0.2.2"]
    assert addresses_of(["192.0.2.254-192.0.3.1", "192.0.2.9-11", "192.0.2.7"]) == [
        "192.0.2.254", "192.0.2.255", "192.0.3.0", "192.0.3.1", "192.0.2.9", "192.0.2.10", "192.0.2.11", "192.0.2.7"
    ]  # fmt: skip
    assert addresses_of(["192.0.2.4/31", "2001:db8::1/128"]) == ["192.0.2.4", "192.0.2.5", "2001:db8::1"]
    for wrong in ("192.0.2.9-3", "192.0.2.9-300", "192.0.2.1-2001:db8::1", "-", "ups-1.example.org"):
        with pytest.raises(ConfigError, match="is not a range of addresses"):
            addresses_of([wrong])
    with pytest.raises(ConfigError, match="is not a range of addresses"):
        addresses_of(["192.0.2.0/33"])
    with pytest.raises(ConfigError, match=f"more than {MAX_ADDRESSES}"):
        addresses_of(["10.0.0.0/8"])


def test_a_rate_that_would_flood_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["discover", "192.0.2.0/30", "--rate", "100000"]) == 78
    assert "--rate: 100000 is not between 0 and 1000" in capsys.readouterr().err


def test_the_families_are_listed_for_programs_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profiles"]) == 0
    table = capsys.readouterr().out
    assert main(["profiles", "list", "--output", "json"]) == 0
    families = json.loads(capsys.readouterr().out)
    assert main(["profiles", "--output", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == families
    assert [each["profile"] for each in families] == [line.split()[0] for line in table.splitlines()]
    assert next(each for each in families if each["profile"] == "apc-rpdu2")["class"] == "pdu"


def test_a_draft_loads_and_claims_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "New PDU.snmprec"
    path.write_bytes(
        b"1.3.6.1.2.1.1.1.0|4|Acme PDU\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1\n1.3.6.1.4.1.99999.1.1.0|2|2304\n"
        b"1.3.6.1.4.1.99999.2.1.3.1|2|499\n1.3.6.1.4.1.99999.2.1.3.2|2|501\n1.3.6.1.4.1.99999.2.1.4.1|4|Inlet A\n"
        b"1.3.6.1.4.1.99999.2.1.5.1|2|-1\n"
    )
    assert main(["profiles", "draft", str(path)]) == 0
    text = capsys.readouterr().out
    assert "profile: new-pdu" in text
    assert "probes: [1.3.6.1.4.1.99999.1.1.0]" in text
    assert "1.3.6.1.4.1.99999.1.1.0: 2304; might be a voltage in 0.1 volt" in text
    assert "1.3.6.1.4.1.99999.2.1.3: 499, 501; might be a frequency in 0.1 hertz" in text
    assert "1.3.6.1.4.1.99999.2.1.5: -1\n" in text
    with pytest.raises(ProfileError, match="has neither points nor tables"):
        parse_profile(text, "draft.yaml")
    point = "  - {metric: dcim_pdu_phase_voltage_volts, labels: {phase: L1}, oid: 1.3.6.1.4.1.99999.1.1.0, unit: volt, scale: 0.1}"
    assert parse_profile(text.replace("points: []", f"points:\n{point}"), "draft.yaml").evidence == "unverified"


def test_lint_of_a_file_does_not_check_every_shipped_profile_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever writes a profile checks it after each line."""
    own = tmp_path / "own-pdu.yaml"
    own.write_text(
        "version: 1\nprofile: own-pdu\nextends: apc-rpdu2\nclass: pdu\nprotocol: snmp\ntitle: t\nsource: s\nevidence: unverified\n"
        "recognise: {probes: [1.3.6.1.4.1.318.1.1.26.2.1.3.1]}\npoints: []\n",
        encoding="utf-8",
    )
    begun_s = process_time()
    assert main(["profiles", "lint", str(own)]) == 0
    of_one_s, begun_s = process_time() - begun_s, process_time()
    assert main(["profiles", "lint"]) == 0
    assert of_one_s < (process_time() - begun_s) / 2
    one, every = capsys.readouterr().out.splitlines()
    assert int(one.removeprefix(f"{own}: ok; ").split()[0]) > 10, "those of the profile that it extends are there, too"
    assert every.endswith(" profiles, no faults")


def test_lint_explains_faults_with_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(
        "version: 1\nprofile: good\nclass: ups\nprotocol: snmp\ntitle: t\nsource: s\nevidence: unverified\n"
        "recognise: {probes: [1.3.6.1.4.1.1.0]}\npoints:\n"
        "  - {metric: dcim_ups_battery_charge_ratio, oid: 1.3.6.1.4.1.1.0, unit: percent}\n",
        encoding="utf-8",
    )
    bad = tmp_path / "bad.yaml"
    bad.write_text(good.read_text(encoding="utf-8").replace("unit: percent", "unit: volt"), encoding="utf-8")
    assert main(["profiles", "lint", str(good), str(bad)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{good}: ok; 1 point"
    assert out[1].startswith(f"{bad}:10: dcim_ups_battery_charge_ratio: unit 'volt' gives 'volts'")
    assert main(["profiles", "lint", str(tmp_path / "none.yaml")]) == 78
    capsys.readouterr()
    bad.write_text("# to be written\n", encoding="utf-8")
    assert main(["profiles", "lint", str(bad)]) == 1
    assert capsys.readouterr().out == f"{bad}: the file is empty; correct the path, or write it\n"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        # A version tells what the recording is of; the same four numbers elsewhere may be somebody's address.
        (b"Firmware Version 6.8.2.1", b"Firmware Version 6.8.2.1"),
        (b"FW: 10.20.1.4 at 10.20.1.4", b"FW: 10.20.1.4 at 0.0.0.0"),
        (b"boot=1.0.0.7", b"boot=1.0.0.7"),
        (b"server 10.20.1.4", b"server 0.0.0.0"),
        (b"10.20.1.4", b"0.0.0.0"),
    ],
)
def test_a_firmware_version_behind_its_word_is_no_address(text: bytes, kept: bytes) -> None:
    (record,) = redacted([Record("1.3.6.1.4.1.99999.1", "4", text)], [])
    assert record.value == kept


@pytest.mark.parametrize(
    ("oid", "text", "kept"),
    [
        # A PDU says "3.6.0.5-45871" and nothing before it; the same number is a version wherever it stands.
        ("1.3.6.1.4.1.99999.1.0", b"3.6.0.5-45871", b"3.6.0.5-45871"),
        ("1.3.6.1.4.1.99999.2.0", b"3.6.0.5 on 10.1.2.3", b"3.6.0.5 on 0.0.0.0"),
        # Whoever made the device, these objects of RFC 1628 and RFC 6933 hold versions, and these serial numbers.
        ("1.3.6.1.2.1.33.1.1.3.0", b"1.2.3.4", b"1.2.3.4"),
        ("1.3.6.1.2.1.47.1.1.1.1.10.1", b"7.0.1.9", b"7.0.1.9"),
        ("1.3.6.1.2.1.47.1.1.1.1.11.1", b"XJ-77001", b"<private>"),
        ("1.3.6.1.2.1.47.1.1.1.1.11.2", b"", b""),
    ],
)
def test_a_device_keeps_its_firmware_and_model_and_not_its_serial_number(oid: str, text: bytes, kept: bytes) -> None:
    (record,) = redacted([Record(oid, "4", text)], [], ["3.6.0.5-45871", "PX2"])
    assert record.value == kept


async def test_a_walk_keeps_the_firmware_that_the_profile_reads(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    version = "1.3.6.1.4.1.318.1.1.1.1.2.1.0"
    original = [
        Record(version, "4", b"6.8.2.1") if record.oid == version else record
        for record in read_snmprec(RECORDINGS / "apc-ups.snmprec")
    ]
    assert b"6.8.2.1" in {record.value for record in original}, "the recording has the object"
    device = SnmpDevice(original, host="127.0.0.2", port=free_port())
    port = await device.start()
    try:
        assert await in_thread(["walk", "127.0.0.2", "--port", str(port)]) == 0
    finally:
        await device.stop()
    assert f"{version}|4|6.8.2.1\n".encode() in capfdbinary.readouterr().out
