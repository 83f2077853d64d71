"""What a walk takes out of a recording, object by object, and what it must leave in: recordings are passed on."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.cli import main
from agent.lab.redact_snmp import redacted
from rackflow.recording import Record, parse_snmprec, read_snmprec
from simulator.snmp.agent import SnmpDevice
from tests.servers.ports import free_port

RECORDINGS = Path(__file__).resolve().parents[3] / "simulator" / "recordings"
SERIAL = "1.3.6.1.4.1.318.1.1.1.1.2.3.0"
# Tables of a real card's mib-2 with addresses of other hosts, in their values or in their indices.
NETWORK = {
    "interfaces": "1.3.6.1.2.1.2.2.1.2.1",
    "address translation": "1.3.6.1.2.1.3.1.1.2.1.1.10.1.2.3",
    "ip": "1.3.6.1.2.1.4.22.1.2.1.10.1.2.3",
    "icmp": "1.3.6.1.2.1.5.1.0",
    "tcp": "1.3.6.1.2.1.6.13.1.1.10.1.2.3.80.10.1.2.4.4711",
    "udp": "1.3.6.1.2.1.7.5.1.1.10.1.2.3.161",
    "transmission": "1.3.6.1.2.1.10.7.2.1.2.1",
    "snmp": "1.3.6.1.2.1.11.1.0",
    "bgp": "1.3.6.1.2.1.15.3.1.7.10.1.2.3",
    "rmon": "1.3.6.1.2.1.16.4.2.1.2.1",
    "bridge": "1.3.6.1.2.1.17.4.3.1.1.0.192.183.17.34.51",
    "host": "1.3.6.1.2.1.25.4.2.1.2.1",
    "more of interfaces": "1.3.6.1.2.1.31.1.1.1.18.1",
    "ipv6": "1.3.6.1.2.1.55.1.8.1.2.1.254.128",
    "log of notifications": "1.3.6.1.2.1.92.1.3.1.1.3",
}
# Groups whose numbers begin alike, and that describe the device.
KEPT = ("1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.33.1.2.4.0", "1.3.6.1.2.1.47.1.1.1.1.2.1", "1.3.6.1.2.1.99.1.1.1.4.1")


def kept(records: Sequence[Record], *serials: str, objects: Sequence[str] = ()) -> dict[str, object]:
    return {each.oid: each.value for each in redacted(records, serials, serial_objects=objects)}


def test_what_describes_the_network_is_left_out_and_the_device_stays() -> None:
    every = [Record(oid, "4", b"text") for oid in (*NETWORK.values(), *KEPT)]
    assert sorted(kept(every)) == sorted(KEPT)


@pytest.mark.parametrize(
    "oid",
    [
        "1.3.6.1.2.1.1.4.0",  # sysContact
        "1.3.6.1.2.1.1.5.0",  # sysName
        "1.3.6.1.2.1.1.6.0",  # sysLocation
        "1.3.6.1.2.1.47.1.1.1.1.11.1",  # entPhysicalSerialNum
        "1.3.6.1.2.1.47.1.1.1.1.14.1",  # entPhysicalAlias
        "1.3.6.1.2.1.47.1.1.1.1.15.1",  # entPhysicalAssetID
        "1.3.6.1.2.1.47.1.1.1.1.18.1",  # entPhysicalUris
        "1.3.6.1.2.1.47.1.1.1.1.19.1",  # entPhysicalUUID
    ],
)
def test_who_and_where_the_device_is_is_taken_out_whatever_it_says(oid: str) -> None:
    assert kept([Record(oid, "4", b"Hall 2, row C")]) == {oid: b"<private>"}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (b"ask jane.doe+ups@example.org today", b"ask <private> today"),
        (b"MAC 00:c0:b7:11:22:33", b"MAC 00:00:00:00:00:00"),
        (b"MAC 00-C0-B7-11-22-33", b"MAC 00:00:00:00:00:00"),
        (bytes.fromhex("00c0b7112233"), bytes(6)),
        (bytes.fromhex("000623012579"), bytes(6)),  # all octets below 128
        (b"MAC 00C0B7112233", b"MAC 000000000000"),
        (b"00c0.b711.2233", b"000000000000"),
        (b"00 C0 B7 11 22 33", b"000000000000"),
        # Addresses in octets (InetAddress): 10.1.2.3 and an IPv6 address.
        (bytes([10, 1, 2, 3]), bytes(4)),
        (bytes([192, 168, 1, 20]), bytes(4)),
        (bytes([223, 1, 2, 3]), bytes(4)),
        (bytes.fromhex("20010db80000000002c0b7fffe112233"), bytes(16)),
        (b"SN: AS1234567890 MN:SRT5000", b"SN: <private> MN:SRT5000"),
        (b"S/N AS123-45", b"S/N <private>"),
        (b"Serial Number: 71A001", b"Serial Number: <private>"),
        (b"serial no. 71A001", b"serial no. <private>"),
        (b"SERIAL NUMBER: 71A001", b"SERIAL NUMBER: <private>"),
        (b"at 10.20.30.40 and 192.168.255.1:161", b"at 0.0.0.0 and 0.0.0.0:161"),
        (b"fe80::2c0:b7ff:fe11:2233", b"::"),
        (b"[2001:db8:0:1:2c0:b7ff:fe11:2233]:161, up", b"[::]:161, up"),
        (b"host 2001:DB8::17/64", b"host ::/64"),
        # Neither an address nor private.
        (b"11/29/2026 12:30:45", b"11/29/2026 12:30:45"),
        (b"07:EA:0B", b"07:EA:0B"),
        (b"202611301230 A", b"202611301230 A"),
        (b"10 20 30 40 50 60", b"10 20 30 40 50 60"),
        # Flags in octets, and a text that is filled up.
        (bytes([0, 0, 0, 1]), bytes([0, 0, 0, 1])),
        (bytes([0x80, 0, 0, 0]), bytes([0x80, 0, 0, 0])),
        (bytes([0xE0, 0x10, 0, 1]), bytes([0xE0, 0x10, 0, 1])),
        (bytes([0, 0, 0, 0, 0, 2]), bytes([0, 0, 0, 0, 0, 2])),
        (b"L1\0\0", b"L1\0\0"),
        (b"Fan 1\n", b"Fan 1\n"),
        (b"Normal", b"Normal"),
        (b"Battery", b"Battery"),
    ],
)
def test_in_any_text_what_is_private_is_taken_out_and_the_rest_stays(text: bytes, left: bytes) -> None:
    assert kept([Record("1.3.6.1.4.1.99999.1.0", "4", text)]) == {"1.3.6.1.4.1.99999.1.0": left}


def test_addresses_are_replaced_and_keep_their_type() -> None:
    (record,) = redacted([Record("1.3.6.1.4.1.99999.1.0", "64", "10.1.2.3")], [])
    assert record == Record("1.3.6.1.4.1.99999.1.0", "64", "0.0.0.0")  # noqa: S104 - the placeholder


def test_the_serial_number_is_taken_out_wherever_it_stands_and_a_short_one_spoils_no_text() -> None:
    texts = [Record("1.3.6.1.4.1.99999.1.0", "4", b"unit AS12345 of 2"), Record("1.3.6.1.4.1.99999.2.0", "4", b"17")]
    assert list(kept(texts, "AS12345", "17").values()) == [b"unit <private> of 2", b"17"]


def test_a_serial_number_that_is_a_number_is_taken_out_and_a_reading_that_looks_like_a_short_one_stays() -> None:
    numbers = [Record("1.3.6.1.4.1.99999.1.0", "66", 240100001), Record("1.3.6.1.4.1.99999.2.0", "2", 2304)]
    assert list(kept(numbers, "240100001", "2304").values()) == [0, 2304]
    assert kept(numbers, "2304", objects=["1.3.6.1.4.1.99999.2.0"])["1.3.6.1.4.1.99999.2.0"] == 0


@pytest.mark.parametrize(
    ("serial", "tag", "left"),
    [(240100001, "2", 0), (b"AS12\xff34567", "4", b"<private>"), (b"A" * 1200, "4", b"<private>"), (b"", "4", b"")],
)
async def test_the_object_that_a_profile_names_is_taken_out_of_a_walk_whatever_it_holds(
    serial: bytes | int, tag: str, left: bytes | int, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """A number, octets that are no text, and a text that is cut off where it is shown."""
    recorded = read_snmprec(RECORDINGS / "apc-ups.snmprec")
    device = SnmpDevice(
        [Record(SERIAL, tag, serial) if each.oid == SERIAL else each for each in recorded],
        host="127.0.0.2",
        port=free_port(),
    )
    port = await device.start()
    try:
        assert await asyncio.to_thread(main, ["walk", "127.0.0.2", "--port", str(port), "--timeout", "5"]) == 0
    finally:
        await device.stop()
    walked = {each.oid: each.value for each in parse_snmprec(capfdbinary.readouterr().out, "walked")}
    assert walked[SERIAL] == left
    assert walked["1.3.6.1.4.1.318.1.1.1.2.2.1.0"] == next(
        each.value for each in recorded if each.oid == "1.3.6.1.4.1.318.1.1.1.2.2.1.0"
    )


async def test_a_device_that_no_profile_matches_is_walked_with_the_type_of_each_object(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    """For such a device a recording is made most often: a profile is to be written from it."""
    recorded = (
        b"1.3.6.1.2.1.1.1.0|4|Toaster 3000\n1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.99999.1\n1.3.6.1.2.1.1.3.0|67|4711\n"
        b"1.3.6.1.4.1.99999.1.1.0|2|-5\n1.3.6.1.4.1.99999.1.2.0|64|0.0.0.0\n1.3.6.1.4.1.99999.1.3.0|65|4294967295\n"
        b"1.3.6.1.4.1.99999.1.4.0|66|4000000000\n1.3.6.1.4.1.99999.1.5.0|68x|9f78043f800000\n"
        b"1.3.6.1.4.1.99999.1.6.0|70|18446744073709551615\n1.3.6.1.4.1.99999.1.7.0|4x|00ff80\n"
    )
    device = SnmpDevice(parse_snmprec(recorded, "toaster"), host="127.0.0.2", port=free_port())
    port = await device.start()
    try:
        assert await asyncio.to_thread(main, ["walk", "127.0.0.2", "--port", str(port), "--timeout", "5"]) == 0
    finally:
        await device.stop()
    printed = capfdbinary.readouterr()
    # Its uptime goes on.
    walked = [each for each in printed.out.splitlines() if not each.startswith(b"1.3.6.1.2.1.1.3.0|67|")]
    assert walked == [each for each in recorded.splitlines() if not each.startswith(b"1.3.6.1.2.1.1.3.0|")]
    assert b"its serial number is not known and may be in the recording" in printed.err
    assert b"10 objects, redacted" in printed.err
