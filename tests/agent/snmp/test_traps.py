"""Traps and informs that net-snmp sends: which are believed, whose they are, and what they say."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.snmp.credentials import master_keys
from agent.snmp.repair import element
from agent.snmp.seam import SnmpCommunity, SnmpUser
from agent.snmp.traps import Accepted, Answered, Sender, Trap, TrapListener, TrapRefusal, TrapSenders
from agent.snmp.traps.listener import MAX_OCTETS, plain_address
from agent.snmp.traps.message import MAX_OBJECTS, NAMES, TRAP, TRAP_V1, dotted, open_plain
from agent.snmp.traps.senders import MAX_REMEMBERED, REMEMBER_S
from agent.snmp.usm import PolledClocks, read_message
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
        self.heard: list[Accepted | Answered | TrapRefusal] = []
        self.datagrams: list[bytes] = []
        self._listener = TrapListener(host, 0, self._received)
        self.number = self._listener.port
        self.close = self._listener.close

    def _received(self, datagram: bytes, address: str) -> bytes:
        self.datagrams.append(datagram)
        found = self.senders.judge(datagram, address, asyncio.get_running_loop().time())
        self.heard.append(found)
        return b"" if isinstance(found, TrapRefusal) else found.answer

    async def next(self) -> Accepted | Answered | TrapRefusal:
        """What was made of the next datagram."""
        await eventually(lambda: bool(self.heard), "a datagram")
        return self.heard.pop(0)


def bind(value: bytes, name: str = "2b06010401823e02", kind: int = 4) -> bytes:
    """One object."""
    return element(0x30, element(6, bytes.fromhex(name)) + element(kind, value))


def trap_with(objects: bytes, community: bytes = b"public") -> bytes:
    """A coldStart of v2c with these objects behind its name."""
    binds = bind(bytes.fromhex("2b0601060301010501"), "2b060106030101040100", 6) + objects
    pdu = element(TRAP, bytes.fromhex("020101020100020100") + element(0x30, binds))
    return element(0x30, b"\x02\x01\x01" + element(4, community) + pdu)


def texts_of(*values: bytes) -> tuple[str, ...]:
    return open_plain(trap_with(b"".join(map(bind, values)))).trap().texts


@asynccontextmanager
async def receiving(
    *senders: Sender, host: str = "127.0.0.1", clocks: PolledClocks | None = None
) -> AsyncIterator[Port]:
    book = TrapSenders(clocks)
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
        ("1.3.6.1.4.1.318.0 127.0.0.1 6 5", APC),
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


async def test_what_one_device_at_an_address_refuses_as_old_the_other_one_learns_from(tmp_path: Path) -> None:
    """Both may have the engine. The second one has come with a reload; once the first is gone, it alone knows what is old."""
    first, second = sender("ups-1", USER), sender("ups-2", USER)
    async with receiving(first) as port:
        for boots in (2, 3, 5):
            how = of_user("trapper", **AUTHENTIC, boots=boots)
            await send_trap(tmp_path, port.number, COLD_START, version="3", how=how)
            assert isinstance(await port.next(), Accepted)
        oldest, old, _ = port.datagrams
        now = asyncio.get_running_loop().time()
        port.senders.replace([first, second])
        assert port.senders.judge(old, "127.0.0.1", now) == TrapRefusal.TIME
        port.senders.replace([second])
        assert port.senders.judge(oldest, "127.0.0.1", now) == TrapRefusal.TIME


async def test_a_recorded_trap_is_not_taken_later_however_often_it_is_sent(tmp_path: Path) -> None:
    """By the clock with which the device is polled: between two traps nothing else would show that the first one is old."""
    clocks = PolledClocks()
    polled, other = clocks.of("ups-1"), clocks.of("ups-2")
    clocks.of("ups-1")  # of a client that a reload has made, which was then refused
    devices = [sender("ups-1", USER), sender("ups-2", USER, addresses=["127.0.0.2"])]
    async with receiving(*devices, clocks=clocks) as port:
        how = of_user("trapper", **AUTHENTIC, boots=3, time=10)
        await send_trap(tmp_path, port.number, COLD_START, version="3", how=how)
        assert isinstance(await port.next(), Accepted)
        (recorded,) = port.datagrams
        now = asyncio.get_running_loop().time()
        judge = port.senders.judge
        assert polled.accept(read_message(recorded), now), "an answer with this engine and time"
        for later in (200, 400, 600, 10_000):
            assert judge(recorded, "127.0.0.1", now + later) == TrapRefusal.TIME
        assert judge(recorded, "127.0.0.2", now) == TrapRefusal.TIME, "it is the other device's engine"
        assert other.accept(read_message(recorded), now), "two cards that were copied have the same"
        assert isinstance(judge(recorded, "127.0.0.2", now), Accepted)
        # The device has lost the count of its boots. Its polls have shown that.
        polled.accept(read_message(recorded)._replace(boots=1), now + 10_000)
        assert polled.accept(read_message(recorded)._replace(boots=1), now + 10_151)
        assert isinstance(judge(recorded, "127.0.0.1", now + 10_151), Accepted)


async def test_an_inform_that_is_sent_again_counts_once_and_is_confirmed_again(tmp_path: Path) -> None:
    async with receiving(sender("ups-1", PUBLIC), sender("ups-2", PUBLIC, addresses=["127.0.0.2"])) as port:
        await send_trap(tmp_path, port.number, ON_BATTERY, *TEXT, inform=True)
        first = await port.next()
        assert isinstance(first, Accepted)
        assert first.answer
        assert not first.is_repeat
        now = asyncio.get_running_loop().time()
        assert port.senders.judge(port.datagrams[0], "127.0.0.1", now) == first._replace(is_repeat=True)
        elsewhere = port.senders.judge(port.datagrams[0], "127.0.0.2", now)
        assert elsewhere == first._replace(devices=("ups-2",))
        assert port.senders.judge(port.datagrams[0], "127.0.0.1", now + REMEMBER_S + 1) == first
        later = port.senders.judge(port.datagrams[0], "127.0.0.1", now + REMEMBER_S + 2)
        assert later == first._replace(is_repeat=True), "it is remembered from its last time on"
        # Traps may be alike: some devices number none of theirs.
        await send_trap(tmp_path, port.number, ON_BATTERY)
        assert await port.next() == port.senders.judge(port.datagrams[1], "127.0.0.1", now)


async def test_a_bounded_number_of_informs_is_remembered(tmp_path: Path) -> None:
    async with receiving(sender("ups-1", PUBLIC)) as port:
        await send_trap(tmp_path, port.number, ON_BATTERY, inform=True)
        first = await port.next()
        (inform,) = port.datagrams
        # All at one time, so that none of them is old enough to be forgotten.
        now = asyncio.get_running_loop().time()
        others = [
            trap_with(bind(each.to_bytes(4))).replace(b"public\xa7", b"public\xa6") for each in range(MAX_REMEMBERED)
        ]
        for datagram in others:
            assert isinstance(port.senders.judge(datagram, "127.0.0.1", now), Accepted)
        repeated = port.senders.judge(others[-1], "127.0.0.1", now)
        assert isinstance(repeated, Accepted)
        assert repeated.is_repeat
        assert port.senders.judge(inform, "127.0.0.1", now) == first, "forgotten"


@pytest.mark.parametrize(
    ("host", "to"),
    [
        ("0.0.0.0", "127.0.0.5"),  # noqa: S104 - the default
        ("::", "127.0.0.5"),
        ("::", "::1"),
        ("127.0.0.5", "127.0.0.5"),
    ],
)
async def test_a_confirmation_comes_from_the_address_to_which_the_inform_went(host: str, to: str) -> None:
    """The gateway has several addresses. A device takes a confirmation from the one that it has written to, and from no other."""
    inform = TRAP_V2C.replace(b"public\xa7", b"public\xa6")
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    senders = [sender("ups-1", PUBLIC, addresses=["127.0.0.1", "::1"])]
    async with receiving(*senders, host=host) as port:
        with socket.socket(family, socket.SOCK_DGRAM) as device:
            device.bind(("::1" if ":" in to else "127.0.0.1", 0))
            device.connect((to, port.number))  # takes nothing from other addresses
            device.settimeout(0)
            device.send(inform)
            async with asyncio.timeout(30):
                answer = await asyncio.get_running_loop().sock_recv(device, MAX_OCTETS)
    assert answer == TRAP_V2C.replace(b"public\xa7", b"public\xa2")


def test_texts_are_read_as_people_read_them() -> None:
    assert texts_of("Température élevée".encode("latin-1")) == ("Température élevée",)
    assert texts_of("Température élevée".encode()) == ("Température élevée",)
    assert texts_of(b"UPS:\r\n\tOn battery.\r\n\0") == ("UPS: On battery.",)
    assert texts_of(b"a" * 5000) == ("a" * 1024,)
    # A MAC address, a date (RFC 2579), and flags.
    assert texts_of(*map(bytes.fromhex, ("00c0b7ffee01", "07ea0b1e0a2d0500", "ff00"))) == ()
    # A MAC address all of whose octets are characters of Latin-1.
    assert texts_of(bytes.fromhex("d8e96d70c6f1")) == ()


def test_the_community_that_a_proxy_adds_is_not_told() -> None:
    """snmpTrapCommunity.0 (RFC 3584, 4.1.3): events are shown on pages and kept in stores."""
    secret = bind(b"secret-1", "2b0601060312010400")
    assert open_plain(trap_with(secret + bind(b"On battery."))).trap().texts == ("On battery.",)


def test_of_a_forged_trap_without_the_community_nothing_is_read() -> None:
    """So it costs microseconds, whatever it holds: whoever forges a device's address must not hold up polling."""
    senders = TrapSenders()
    senders.replace([sender("ups-1", PUBLIC)])
    for community, found in ((b"wrong", TrapRefusal.CREDENTIAL), (b"public", TrapRefusal.MALFORMED)):
        pdu = element(TRAP, b"no elements")
        datagram = element(0x30, b"\x02\x01\x01" + element(4, community) + pdu)
        assert senders.judge(datagram, "127.0.0.1", 0.0) == found


def test_a_bounded_number_of_objects_is_read() -> None:
    objects = bind(b"\x00") * (MAX_OBJECTS - 1)
    assert open_plain(trap_with(objects + b"no object")).trap() == Trap(COLD_START)
    assert open_plain(trap_with(objects + bind(b"unread"))).trap() == Trap(COLD_START)


async def test_what_is_longer_than_a_trap_is_malformed() -> None:
    async with receiving(sender("ups-1", PUBLIC)) as port:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            device.bind(("127.0.0.1", 0))
            for octets in (8000, 9000, 60_000):
                device.sendto(trap_with(bind(b"a" * octets)), ("127.0.0.1", port.number))
        assert isinstance(await port.next(), Accepted)
        assert [await port.next(), await port.next()] == [TrapRefusal.MALFORMED] * 2


@pytest.mark.parametrize("generic", [-1, 7])
def test_a_generic_trap_that_does_not_exist_is_malformed(generic: int) -> None:
    parts = bytes.fromhex("06072b060104018201 40047f000001") + element(2, generic.to_bytes(1, signed=True))
    pdu = element(TRAP_V1, parts + bytes.fromhex("020105 430107 3000"))
    senders = TrapSenders()
    senders.replace([sender("ups-1", PUBLIC)])
    datagram = element(0x30, b"\x02\x01\x00" + element(4, b"public") + pdu)
    assert senders.judge(datagram, "127.0.0.1", 0.0) == TrapRefusal.MALFORMED


async def test_without_an_engine_an_inform_of_v3_is_refused_and_named(tmp_path: Path) -> None:
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
    message = open_plain(TRAP_V2C)
    assert (message.community, message.trap()) == (b"public", Trap(COLD_START, ("Ok",)))
    assert message.trap().text == "coldStart (1.3.6.1.6.3.1.1.5.1): Ok"
    assert NAMES[COLD_START] == "coldStart"
    assert NAMES["1.3.6.1.2.1.33.2.0.1"] == NAMES[ON_BATTERY], "as a card sends it with v1"


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
        assert not isinstance(found, Accepted) or found.devices == ("ups-1",)


def test_object_identifiers_are_read_as_they_are_written() -> None:
    assert dotted(bytes.fromhex("2b060104018237 00")) == "1.3.6.1.4.1.311.0"
    assert dotted(bytes.fromhex("8837 8fffffff7f")) == "2.999.4294967295"


def test_addresses_are_those_of_configurations() -> None:
    assert plain_address("::ffff:192.0.2.7") == "192.0.2.7"
    assert plain_address("fe80::1%eth0") == "fe80::1"
    assert plain_address("2001:db8::ffff:1") == "2001:db8::ffff:1"
