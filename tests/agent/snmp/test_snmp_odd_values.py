"""Objects of every ASN.1 type with extreme contents, on the wire: an engine gives a value or a `DeviceError`, and nothing else."""

import contextlib

import pytest

from agent.config import Device
from agent.lab.replay import read_all
from agent.poll import SnmpPoller
from agent.profile import SYS_OBJECT_ID, SYS_UPTIME, parse_profile
from agent.snmp.gufo import GufoClient
from agent.snmp.seam import SnmpCommunity, SnmpTarget
from rackflow.errors import DeviceError, DeviceInternalError, DeviceProtocolError
from tests.agent.faulty_peers import FaultyAgent, Request, bind, integer, oid_octets, tlv
from tests.agent.odd_values import check
from tests.agent.snmp.snmp_clients import MakeClient

ROOT = "1.3.6.1.4.1.99999"
PROFILE = parse_profile(
    f"""
version: 1
profile: small
class: pdu
protocol: snmp
title: A device
source: a manual
evidence: unverified
recognise: {{probes: [{ROOT}.1.1]}}
identity: {{serial: [{{oid: {ROOT}.3.1}}]}}
tables:
  - name: outlets
    rows: {ROOT}.1
    labels: {{outlet: {{column: {ROOT}.2}}}}
    points: [{{metric: dcim_pdu_outlet_power_watts, oid: {ROOT}.1, unit: watt}}]
""",
    "small.yaml",
)
HEALTHY = {SYS_UPTIME: tlv(0x43, b"\x05"), f"{ROOT}.1.1": integer(5), f"{ROOT}.2.1": tlv(4, b"1")}
EMPTY = {f"an empty value of type {tag:#x}": tlv(tag, b"") for tag in (1, 2, 3, 4, 6, 9, *range(0x40, 0x48))}
EXTREME = {
    "an integer of 8 octets": tlv(2, b"\x7f" + b"\xff" * 7),
    "the lowest integer of 8 octets": tlv(2, b"\x80" + b"\x00" * 7),
    "an integer of 100 octets": tlv(2, b"\x7f" * 100),
    "a counter of 9 octets": tlv(0x46, b"\xff" * 9),
    "time ticks of 9 octets": tlv(0x43, b"\x7f" * 9),
    "a gauge below zero": tlv(0x42, b"\xff"),
    "an address of 16 octets": tlv(0x40, b"a" * 16),
    "text that is not UTF-8": tlv(4, b"\xff\xfe\xc0" * 300),
    "text of 60,000 digits": tlv(4, b"9" * 60_000),
    "an object identifier of 128 arcs": oid_octets("1.3" + ".4294967295" * 126),
    "an object identifier of 600 arcs": oid_octets("1.3" + ".1" * 598),
    "an arc of 70 bits": tlv(6, b"\x2b" + b"\xff" * 10 + b"\x7f"),
    "an arc of 20,000 bits": tlv(6, b"\x2b" + b"\xff" * 3000 + b"\x7f"),
    "an object identifier without its end": tlv(6, b"\x2b\x86"),
    "an opaque infinity": tlv(0x44, b"\x9fx\x04\x7f\x80\x00\x00"),
    "an opaque NaN": tlv(0x44, b"\x9fx\x04\x7f\xc0\x00\x00"),
    "an opaque double": tlv(0x44, b"\x9fy\x08\x7f\xf0" + b"\x00" * 6),
    "an infinite REAL": tlv(9, b"\x40"),
    "a REAL in decimal": tlv(9, b"\x03 1e999"),
    "a BOOLEAN": tlv(1, b"\xff"),
    "a sequence": tlv(0x30, b""),
    "a NULL with content": tlv(5, b"\x00"),
    "an unknown type": tlv(0x1E, b"abc"),
    "no value": b"",
}
# pysnmp is silent about most of them, which takes a timeout each.
FOR_PYSNMP = (
    "an arc of 20,000 bits",
    "an object identifier of 600 arcs",
    "text of 60,000 digits",
    "an integer of 100 octets",
    "a sequence",
)


@pytest.mark.parametrize("place", [f"{ROOT}.1.1", f"{ROOT}.2.1", f"{ROOT}.3.1", SYS_UPTIME])
async def test_odd_objects_are_read_or_refused(client_of: MakeClient, engine: str, place: str) -> None:
    odd = EMPTY | EXTREME if engine == "gufo" else {name: EXTREME[name] for name in FOR_PYSNMP}
    device = Device(id="d", host="h", credential="c", profile="small", outlets=True)
    async with FaultyAgent(dict(HEALTHY)).serving() as agent:
        for name, value in odd.items():
            agent.objects = HEALTHY | {place: value}
            target = SnmpTarget("d", "127.0.0.1", agent.port, SnmpCommunity("2c", "public"), timeout_s=0.1, retries=0)
            client = client_of(target)
            try:
                _, readings = await read_all(SnmpPoller(device, {"small": PROFILE}, client), 1e9)
            except DeviceInternalError:
                pytest.fail(name)
            except DeviceError:
                continue
            finally:
                await client.close()
            check(readings)


@pytest.mark.parametrize("arc", [b"\xff" * 3000 + b"\x7f", b"\x01" * 1000, b"\x86", b"\x80" * 3000 + b"\x01"], ids=len)
async def test_a_row_of_an_odd_name_is_read_or_refused(client_of: MakeClient, arc: bytes) -> None:
    name = tlv(6, oid_octets(f"{ROOT}.1")[2:] + arc)
    odd = tlv(0x30, name + integer(5))
    async with FaultyAgent({}, lambda request: [request.answer(odd * 2)]).serving() as agent:
        target = SnmpTarget("d", "127.0.0.1", agent.port, SnmpCommunity("2c", "public"), timeout_s=0.1, retries=0)
        client = client_of(target)
        for call in (client.walk(f"{ROOT}.1"), client.get_next(f"{ROOT}.1"), client.get([f"{ROOT}.1.1"])):
            with contextlib.suppress(DeviceError):  # any other exception fails the test
                await call


async def test_a_walk_that_brings_too_much_ends_with_an_error(client_of: MakeClient, engine: str) -> None:
    text = tlv(4, b"x" * (3_500 if engine == "gufo" else 60_000))  # about the largest answer that each engine takes

    def endless(request: Request) -> list[bytes]:
        (asked,) = request.oids
        row = int(asked.rpartition(".")[2]) + 1 if asked != f"{ROOT}.1" else 1
        return [request.answer(bind(f"{ROOT}.1.{row}", text))]

    async with FaultyAgent({}, endless).serving() as agent:
        client = client_of(SnmpTarget("d", "127.0.0.1", agent.port, SnmpCommunity("2c", "public")))
        with pytest.raises(DeviceProtocolError, match="more than 16 MB"):
            await client.walk(f"{ROOT}.1", 100_000)
    assert len(agent.requests) < 5_000


async def test_a_sysobjectid_without_octets_costs_nothing_but_itself() -> None:
    device = Device(id="d", host="h", credential="c", profile="auto")
    async with FaultyAgent(HEALTHY | {SYS_OBJECT_ID: tlv(6, b"")}).serving() as agent:
        client = GufoClient(SnmpTarget("d", "127.0.0.1", agent.port, SnmpCommunity("2c", "public")))
        identified = await SnmpPoller(device, {"small": PROFILE}, client).open()
        await client.close()
    assert identified.profile == "small"
