"""Traps and informs that net-snmp sends: which are believed, whose they are, and what they say."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.snmp.keys import master_keys
from agent.snmp.seam import SnmpCommunity, SnmpUser
from agent.snmp.traps import Accepted, Sender, Trap, TrapListener, TrapRefusal, TrapSenders
from agent.snmp.traps.listener import plain_address
from agent.snmp.traps.message import NAMES, dotted, read_plain
from tests.servers.snmptrap import of_user, send_trap
from tests.servers.waiting import eventually

COLD_START = "1.3.6.1.6.3.1.1.5.1"
ON_BATTERY = "1.3.6.1.2.1.33.2.1"
APC = "1.3.6.1.4.1.318.0.5"
TEXT = ("1.3.6.1.4.1.318.2.3.3.0", "s", "UPS: On battery power.")
MAC = ("1.3.6.1.2.1.2.2.1.6.1", "x", "00c0b7ffee01")
PUBLIC = SnmpCommunity("2c", "public")
AUTH_KEY, PRIV_KEY = "authauthauth", "privprivpriv"
USER = SnmpUser("trapper", "sha256", AUTH_KEY, "aes128", PRIV_KEY)
AUTHENTIC: dict[str, Any] = {"auth": "SHA-256", "auth_key": AUTH_KEY, "priv": "AES", "priv_key": PRIV_KEY}


def sender(device: str, *credentials: SnmpCommunity | SnmpUser, addresses: Sequence[str] = ("127.0.0.1",)) -> Sender:
    keys = {each: master_keys(each) for each in credentials if isinstance(each, SnmpUser)}
    return Sender(device, tuple(addresses), tuple(credentials), keys)


class Port:
    """A port on which these devices' traps are received."""

    def __init__(self, senders: TrapSenders, host: str = "127.0.0.1") -> None:
        self.senders = senders
        self.heard: list[Accepted | TrapRefusal] = []
        self.datagrams: list[bytes] = []
        self._listener = TrapListener(host, 0, self._received)
        self.number = self._listener.port
        self.close = self._listener.close

    def _received(self, datagram: bytes, address: str) -> bytes:
        self.datagrams.append(datagram)
        found = self.senders.judge(datagram, address, asyncio.get_running_loop().time())
        self.heard.append(found)
        return found.answer if isinstance(found, Accepted) else b""

    async def next(self) -> Accepted | TrapRefusal:
        """What was made of the next datagram."""
        await eventually(lambda: bool(self.heard), "a datagram")
        return self.heard.pop(0)


@asynccontextmanager
async def receiving(*senders: Sender, host: str = "127.0.0.1") -> AsyncIterator[Port]:
    book = TrapSenders()
    book.replace(senders)
    port = Port(book, host)
    try:
        yield port
    finally:
        port.close()


async def test_a_trap_says_what_happened_in_the_devices_own_words(tmp_path: Path) -> None:
    async with receiving(sender("ups-1", PUBLIC)) as port:
        assert await send_trap(tmp_path, port.number, APC, *TEXT, *MAC) == 0
        assert await port.next() == Accepted(("ups-1",), Trap(APC, ("UPS: On battery power.",)), b"")


@pytest.mark.parametrize(
    ("v1", "oid"),
    [
        ("1.3.6.1.4.1.318 127.0.0.1 6 5", APC),
        ("1.3.6.1.4.1.318 192.0.2.9 0 0", COLD_START),
        ("1.3.6.1.4.1.318 192.0.2.9 4 0", "1.3.6.1.6.3.1.1.5.5"),
        ("1.3.6.1.2.1.33.2 127.0.0.1 6 1", "1.3.6.1.2.1.33.2.0.1"),
    ],
)
async def test_a_trap_of_v1_has_the_name_that_rfc_3584_gives_it(tmp_path: Path, v1: str, oid: str) -> None:
    async with receiving(sender("ups-1", PUBLIC)) as port:
        await send_trap(tmp_path, port.number, v1, *TEXT, version="1")
        assert await port.next() == Accepted(("ups-1",), Trap(oid, ("UPS: On battery power.",)), b"")


async def test_an_inform_is_confirmed(tmp_path: Path) -> None:
    async with receiving(sender("ups-1", PUBLIC)) as port:
        assert await send_trap(tmp_path, port.number, ON_BATTERY, *TEXT, inform=True) == 0, "confirmed"
        found = await port.next()
        assert isinstance(found, Accepted)
        assert found.trap.is_inform
        assert found.trap.text == "upsTrapOnBattery (1.3.6.1.2.1.33.2.1): UPS: On battery power."
        assert await send_trap(tmp_path, port.number, ON_BATTERY, how=["-c", "wrong"], inform=True) != 0, "refused"


async def test_a_trap_is_taken_from_the_address_and_with_the_credential_of_its_device_only(tmp_path: Path) -> None:
    private = SnmpCommunity("1", "private")
    senders = [
        sender("ups-1", PUBLIC),
        sender("ups-2", private, addresses=["127.0.0.2", "127.0.0.1"]),
        sender("ups-3", PUBLIC, addresses=["192.0.2.3"]),
    ]
    async with receiving(*senders) as port:
        await send_trap(tmp_path, port.number, COLD_START)
        assert await port.next() == Accepted(("ups-1",), Trap(COLD_START), b"")
        await send_trap(tmp_path, port.number, COLD_START, how=["-c", "private"])
        assert await port.next() == Accepted(("ups-2",), Trap(COLD_START), b""), "v2c from a device polled with v1"
        await send_trap(tmp_path, port.number, COLD_START, how=["-c", "wrong"])
        assert await port.next() == TrapRefusal.CREDENTIAL
        port.senders.replace(senders[2:])
        await send_trap(tmp_path, port.number, COLD_START)
        assert await port.next() == TrapRefusal.SENDER


async def test_units_behind_one_address_are_all_told(tmp_path: Path) -> None:
    async with receiving(sender("pdu-1", PUBLIC), sender("pdu-2", PUBLIC)) as port:
        await send_trap(tmp_path, port.number, COLD_START)
        assert await port.next() == Accepted(("pdu-1", "pdu-2"), Trap(COLD_START), b"")


async def test_a_port_for_every_address_hears_ipv4_and_ipv6(tmp_path: Path) -> None:
    async with receiving(sender("ups-4", PUBLIC), sender("ups-6", PUBLIC, addresses=["::1"]), host="::") as port:
        await send_trap(tmp_path, port.number, COLD_START)
        await send_trap(tmp_path, port.number, COLD_START, host="::1")
        assert [await port.next(), await port.next()] == [
            Accepted(("ups-4",), Trap(COLD_START), b""),
            Accepted(("ups-6",), Trap(COLD_START), b""),
        ]


@pytest.mark.parametrize(
    ("auth", "net_snmp_auth"),
    [
        ("md5", "MD5"),
        ("sha1", "SHA"),
        ("sha224", "SHA-224"),
        ("sha256", "SHA-256"),
        ("sha384", "SHA-384"),
        ("sha512", "SHA-512"),
    ],
)
@pytest.mark.parametrize(
    ("priv", "net_snmp_priv"),
    [("", ""), ("des", "DES"), ("aes128", "AES"), ("aes192", "AES-192"), ("aes256", "AES-256")],
)
async def test_a_trap_of_v3_is_verified_and_decrypted(
    tmp_path: Path, auth: str, net_snmp_auth: str, priv: str, net_snmp_priv: str
) -> None:
    user = SnmpUser("trapper", auth, AUTH_KEY, priv, PRIV_KEY if priv else "")  # type: ignore[arg-type]
    how = of_user("trapper", auth=net_snmp_auth, auth_key=AUTH_KEY, priv=net_snmp_priv, priv_key=PRIV_KEY)
    async with receiving(sender("ups-1", user)) as port:
        await send_trap(tmp_path, port.number, APC, *TEXT, version="3", how=how)
        assert await port.next() == Accepted(("ups-1",), Trap(APC, ("UPS: On battery power.",)), b"")
        altered = port.datagrams[-1][:-1] + bytes([port.datagrams[-1][-1] ^ 1])
        assert port.senders.judge(altered, "127.0.0.1", 0.0) == TrapRefusal.DIGEST


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (of_user("trapper"), TrapRefusal.LEVEL),
        (of_user("trapper", auth="SHA-256", auth_key=AUTH_KEY), TrapRefusal.LEVEL),
        (of_user("stranger", **AUTHENTIC), TrapRefusal.CREDENTIAL),
        (of_user("trapper", **{**AUTHENTIC, "auth_key": "another-key"}), TrapRefusal.DIGEST),
        (of_user("trapper", **{**AUTHENTIC, "auth": "SHA-384"}), TrapRefusal.DIGEST),
        (of_user("trapper", **{**AUTHENTIC, "priv_key": "another-key"}), TrapRefusal.MALFORMED),
    ],
)
async def test_a_trap_of_v3_that_cannot_be_verified_is_refused(
    tmp_path: Path, how: list[str], why: TrapRefusal
) -> None:
    async with receiving(sender("ups-1", USER)) as port:
        await send_trap(tmp_path, port.number, APC, *TEXT, version="3", how=how)
        assert await port.next() == why


async def test_a_user_without_keys_is_no_way_in_for_one_with_keys(tmp_path: Path) -> None:
    weak = SnmpUser("open")
    async with receiving(sender("ups-1", USER, weak)) as port:
        await send_trap(tmp_path, port.number, COLD_START, version="3", how=of_user("open"))
        assert await port.next() == Accepted(("ups-1",), Trap(COLD_START), b"")
        await send_trap(tmp_path, port.number, COLD_START, version="3", how=of_user("trapper"))
        assert await port.next() == TrapRefusal.LEVEL


async def test_two_devices_behind_one_address_have_different_keys_for_one_user(tmp_path: Path) -> None:
    other = SnmpUser("trapper", "sha256", "otherotherother", "aes128", PRIV_KEY)
    async with receiving(sender("ups-1", USER), sender("ups-2", other)) as port:
        for device, key in (("ups-2", "otherotherother"), ("ups-1", AUTH_KEY)):
            how = of_user("trapper", **{**AUTHENTIC, "auth_key": key})
            await send_trap(tmp_path, port.number, COLD_START, version="3", how=how)
            assert await port.next() == Accepted((device,), Trap(COLD_START), b"")


async def test_a_replayed_trap_of_v3_is_refused_also_after_a_reload(tmp_path: Path) -> None:
    async with receiving(sender("ups-1", USER)) as port:
        for boots, time in ((3, 10), (3, 500)):
            how = of_user("trapper", **AUTHENTIC, boots=boots, time=time)
            await send_trap(tmp_path, port.number, COLD_START, version="3", how=how)
            assert isinstance(await port.next(), Accepted)
        old, new = port.datagrams
        now = asyncio.get_running_loop().time()
        assert port.senders.judge(old, "127.0.0.1", now) == TrapRefusal.TIME
        port.senders.replace([sender("ups-1", USER), sender("ups-2", PUBLIC)])
        assert port.senders.judge(old, "127.0.0.1", now) == TrapRefusal.TIME
        assert isinstance(port.senders.judge(new, "127.0.0.1", now), Accepted), "within the window"
        assert port.senders.judge(new, "127.0.0.1", now + 200) == TrapRefusal.TIME


async def test_an_inform_of_v3_is_refused_and_named(tmp_path: Path) -> None:
    async with receiving(sender("ups-1", USER)) as port:
        how = of_user("trapper", **AUTHENTIC)
        assert await send_trap(tmp_path, port.number, COLD_START, version="3", how=how, inform=True) != 0
        assert await port.next() == TrapRefusal.INFORM


async def test_requests_and_answers_are_no_traps(tmp_path: Path) -> None:
    async with receiving(sender("ups-1", PUBLIC)) as port:
        await send_trap(tmp_path, port.number, ON_BATTERY)
        await port.next()
        datagram = port.datagrams[0]
        for tag in (0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA8):
            other = datagram.replace(b"\x04\x06public\xa7", b"\x04\x06public" + bytes([tag]), 1)
            assert other != datagram
            assert port.senders.judge(other, "127.0.0.1", 0.0) == TrapRefusal.MALFORMED, hex(tag)


TRAP_V2C = bytes.fromhex(
    # community public, request 1, sysUpTime.0 = 7, snmpTrapOID.0 = coldStart, a text
    "3052020101040670 75626c6963a7450201010201000201"
    "00303a300d06082b06010201010300430107"
    "301706 0a2b060106030101040100 06092b0601060301010501"
    "301006 0a2b060106030101040300 0402 4f6b".replace(" ", "")
)


def test_the_example_is_a_trap() -> None:
    assert read_plain(TRAP_V2C) == (b"public", Trap(COLD_START, ("Ok",)))
    assert read_plain(TRAP_V2C)[1].text == "coldStart (1.3.6.1.6.3.1.1.5.1): Ok"
    assert NAMES[COLD_START] == "coldStart"


@given(st.binary(max_size=200))
def test_any_octets_are_accepted_or_refused(datagram: bytes) -> None:
    senders = TrapSenders()
    senders.replace([sender("ups-1", PUBLIC)])
    assert senders.judge(datagram, "127.0.0.1", 0.0) == TrapRefusal.MALFORMED


@given(st.data())
def test_a_damaged_trap_is_accepted_or_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TRAP_V2C) - 1))
    damaged = bytearray(TRAP_V2C)
    damaged[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(TRAP_V2C)))
    senders = TrapSenders()
    senders.replace([sender("ups-1", PUBLIC)])
    for datagram in (bytes(damaged), bytes(damaged)[:cut]):
        found = senders.judge(datagram, "127.0.0.1", 0.0)
        assert isinstance(found, TrapRefusal) or found.devices == ("ups-1",)


def test_object_identifiers_are_read_as_they_are_written() -> None:
    assert dotted(bytes.fromhex("2b060104018237 00")) == "1.3.6.1.4.1.311.0"
    assert dotted(bytes.fromhex("8837 8fffffff7f")) == "2.999.4294967295"


def test_addresses_are_those_of_configurations() -> None:
    assert plain_address("::ffff:192.0.2.7") == "192.0.2.7"
    assert plain_address("fe80::1%eth0") == "fe80::1"
    assert plain_address("2001:db8::ffff:1") == "2001:db8::ffff:1"
