"""Simulated SNMP devices, asked by net-snmp's tools: a recording comes back as it is, and faults look like real ones."""

import asyncio
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from rackflow.recording.snmprec import COUNTER64, INTEGER, OCTET_STRING, Record, parse_snmprec, read_snmprec
from simulator.live import RECORDINGS, vary_load
from simulator.snmp.agent import SYS_UP_TIME, SnmpDevice
from simulator.snmp.users import parse_user
from tests.servers.waiting import eventually
from tests.simulator.snmp.netsnmp import USER, V1, V2C, V3, records, run, serving

ROOT = ".1.3"
EVERY_TYPE = parse_snmprec(
    b"1.3.6.1.2.1.1.1.0|4|a device\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1\n1.3.6.1.2.1.1.3.0|67|4294967295\n"
    b"1.3.6.1.4.1.99999.1.0|2|-2147483648\n1.3.6.1.4.1.99999.2.0|4x|00ff0d0a\n1.3.6.1.4.1.99999.3.0|4|\n"
    b"1.3.6.1.4.1.99999.4.0|5|\n1.3.6.1.4.1.99999.5.0|64|192.0.2.9\n1.3.6.1.4.1.99999.6.0|65|4294967295\n"
    b"1.3.6.1.4.1.99999.7.0|66|4294967295\n1.3.6.1.4.1.99999.8.0|70|18446744073709551615\n1.3.6.1.4.1.99999.9.4294967295|2|2147483647\n",
    "memory",
)
UPS = RECORDINGS / "apc-ups.snmprec"
PDU = RECORDINGS / "apc-rpdu2.snmprec"


@pytest.mark.parametrize("access", [V1, V2C, V3], ids=["v1", "v2c", "v3"])
async def test_snmpwalk_gives_every_type_back(access: Sequence[str]) -> None:
    async with serving(SnmpDevice(EVERY_TYPE, users=[parse_user(USER)])) as address:
        walked = await records("snmpwalk", *access, address, ROOT)
    assert walked == [record for record in EVERY_TYPE if access != V1 or record.tag != COUNTER64]


@pytest.mark.parametrize("access", [V2C, V3], ids=["v2c", "v3"])
@pytest.mark.parametrize("file", [UPS, PDU, RECORDINGS / "rfc1628-ups.snmprec"], ids=lambda file: file.stem)
async def test_snmpbulkwalk_gives_a_shipped_recording_back(file: Path, access: Sequence[str]) -> None:
    recording = read_snmprec(file)
    async with serving(SnmpDevice(recording, users=[parse_user(USER)])) as address:
        assert await records("snmpbulkwalk", *access, "-Cr60", address, ROOT) == list(recording)


@pytest.mark.parametrize("name", ["ups/apc_smx750i", "ups/netvision-rfc", "pdu/apc-8932"])
async def test_captures_of_real_devices_come_back(name: str, captures: Path) -> None:
    recording = read_snmprec(captures / "snmp" / f"{name}.snmprec")
    async with serving(SnmpDevice(recording)) as address:
        assert await records("snmpwalk", *V2C, address, ROOT) == list(recording)
        assert await records("snmpbulkwalk", *V2C, address, ROOT) == list(recording)


async def test_a_wrong_community_is_not_answered_but_counted() -> None:
    device = SnmpDevice(EVERY_TYPE, communities=("first", "second"))
    async with serving(device) as address:
        for community in ("first", "second"):
            assert await records("snmpget", "-v2c", "-c", community, address, EVERY_TYPE[0].oid) == [EVERY_TYPE[0]]
        status, _, err = await run("snmpget", *V2C, "-r0", "-t0.3", address, SYS_UP_TIME)
        assert (status, device.bad_communities, device.requests) == (1, 1, 2)
    assert "Timeout" in err


async def test_absent_objects_are_answered_as_each_snmp_version_does() -> None:
    async with serving(SnmpDevice(EVERY_TYPE)) as address:
        status, out, _ = await run("snmpget", *V2C, address, "1.3.6.1.2.1.1.1.7", "1.3.6.1.9.9", "1.3.6.1.2.1.1.1.0")
        assert (status, out.count("No Such Instance"), out.count("No Such Object"), out.count("a device")) == (
            0,
            1,
            1,
            1,
        )
        status, _, err = await run("snmpget", *V1, "-Cf", address, "1.3.6.1.2.1.1.1.7")
        assert (status, "noSuchName" in err) == (2, True)
        status, out, err = await run("snmpgetnext", *V2C, address, EVERY_TYPE[-1].oid)
        assert "No more variables left" in out + err


@pytest.mark.parametrize(
    ("access", "reason"), [(V1, "noSuchName"), (V2C, "notWritable"), (V3, "notWritable")], ids=["v1", "v2c", "v3"]
)
async def test_nothing_can_be_written(access: Sequence[str], reason: str) -> None:
    device = SnmpDevice(EVERY_TYPE, users=[parse_user(USER)])
    async with serving(device) as address:
        status, _, err = await run("snmpset", *access, address, "1.3.6.1.2.1.1.1.0", "s", "changed")
    assert (status, reason in err) == (2, True)
    assert device.objects.value("1.3.6.1.2.1.1.1.0") == b"a device"


async def test_values_change_while_they_are_served() -> None:
    device = SnmpDevice(EVERY_TYPE)
    async with serving(device) as address:
        device.set("1.3.6.1.4.1.99999.1.0", 42)
        device.set("1.3.6.1.4.1.99999.1.5", lambda: 43, tag=INTEGER)
        device.remove("1.3.6.1.4.1.99999.2.0")
        walked = await records("snmpwalk", *V2C, address, "1.3.6.1.4.1.99999")
    assert walked[:3] == [
        Record("1.3.6.1.4.1.99999.1.0", INTEGER, 42),
        Record("1.3.6.1.4.1.99999.1.5", INTEGER, 43),
        Record("1.3.6.1.4.1.99999.3.0", OCTET_STRING, b""),
    ]
    with pytest.raises(KeyError, match="give its tag"):
        device.set("1.3.9", 1)


async def test_uptime_goes_on_from_the_recording_and_starts_over_with_a_reboot() -> None:
    device = SnmpDevice(read_snmprec(UPS), uptime=True)
    recorded = read_snmprec(UPS)[2].value
    async with serving(device) as address:

        async def ticks() -> int:
            (found,) = await records("snmpget", *V2C, address, SYS_UP_TIME)
            assert isinstance(found.value, int)
            return found.value

        assert isinstance(recorded, int)
        assert recorded <= await ticks() < recorded + 3000
        device.reboot()
        assert await ticks() < 3000


async def test_answers_keep_to_the_largest_message() -> None:
    """GETBULK is cut, and GET is refused with tooBig."""
    small = SnmpDevice(read_snmprec(PDU), max_message_bytes=600)
    async with serving(small) as address:
        assert await records("snmpbulkwalk", *V2C, "-Cr100", address, ROOT) == list(read_snmprec(PDU))
        many = [record.oid for record in read_snmprec(PDU)[:60]]
        status, _, err = await run("snmpget", *V2C, "-Cf", address, *many)
        assert (status, "tooBig" in err) == (2, True)
        answer = await asyncio.to_thread(
            _ask, small.port, bytes.fromhex("302002010104067075626c6963a5130201010201000201643008300606022b060500")
        )
        assert 300 < len(answer) <= 600


def _ask(port: int, message: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(5)
        peer.connect(("127.0.0.1", port))
        peer.send(message)
        return peer.recv(65535)


async def test_a_mute_device_says_nothing_and_then_goes_on() -> None:
    device = SnmpDevice(EVERY_TYPE)
    async with serving(device) as address:
        device.mute = True
        status, _, err = await run("snmpget", *V2C, "-r0", "-t0.3", address, SYS_UP_TIME)
        assert (status, "Timeout" in err) == (1, True)
        device.mute = False
        assert await records("snmpget", *V2C, address, EVERY_TYPE[0].oid) == [EVERY_TYPE[0]]


async def test_gc_pauses_does_not_stop_a_device() -> None:
    request = bytes.fromhex("302602010104067075626c6963a019020101020100020100300e300c06082b060102010101000500")
    device = SnmpDevice(EVERY_TYPE)
    async with serving(device) as address:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.connect(("127.0.0.1", device.port))
            for at in range(len(request)):
                peer.send(request[:at])
                peer.send(request[:at] + b"\xff" + request[at + 1 :])
        assert await records("snmpget", *V2C, address, EVERY_TYPE[0].oid) == [EVERY_TYPE[0]]


async def test_a_stopped_device_is_silent_and_keeps_its_port() -> None:
    device = SnmpDevice(EVERY_TYPE)
    async with serving(device) as address:
        pass
    status, _, _ = await run("snmpget", *V2C, "-r0", "-t0.3", address, SYS_UP_TIME)
    assert status == 1
    async with serving(device) as again:
        assert again == address
        assert await records("snmpget", *V2C, address, EVERY_TYPE[0].oid) == [EVERY_TYPE[0]]


async def test_a_port_in_use_is_an_error_of_the_system() -> None:
    first = SnmpDevice(EVERY_TYPE)
    async with serving(first):
        with pytest.raises(OSError, match="in use"):
            await SnmpDevice(EVERY_TYPE, port=first.port).start()


async def test_many_devices_share_one_process() -> None:
    recording = read_snmprec(UPS)
    devices = [SnmpDevice(recording, communities=(f"device-{number}",)) for number in range(20)]
    ports = [await device.start() for device in devices]
    try:
        answers = await asyncio.gather(
            *(
                records("snmpget", "-v2c", "-c", f"device-{number}", f"127.0.0.1:{port}", recording[0].oid)
                for number, port in enumerate(ports)
            )
        )
    finally:
        for device in devices:
            await device.stop()
    assert answers == [[recording[0]]] * 20
    assert len(set(ports)) == 20


async def test_a_varied_load_reaches_the_wire() -> None:
    recording = read_snmprec(PDU)
    device = SnmpDevice(recording)
    power = "1.3.6.1.4.1.318.1.1.26.4.3.1.5.1"
    assert vary_load(device, recording) > 50
    async with serving(device) as address:
        first = await records("snmpget", *V2C, address, power)
        await eventually(lambda: device.objects.value(power) != first[0].value, "the power moves")
