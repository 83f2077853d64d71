"""SNMPv3 answers that hold something no library reads: it costs its own object, in both engines, over the wire and with every cipher."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from agent.snmp.credentials import master_key
from agent.snmp.repair_v3 import V3Repair
from agent.snmp.seam import SnmpUser
from rackflow.errors import DeviceError
from tests.agent.conftest import BASE, Snmpd
from tests.agent.faulty_peers import RESPONSE, bind, elements, oid_text, tlv
from tests.agent.snmp.forger import Forger
from tests.agent.snmp.snmp_clients import MakeClient, target_of
from tests.agent.snmp.test_odd_answers import ODD
from tests.agent.snmp.v3_messages import PRIV, V3, Keys, scoped
from tests.jumping import LONG_TIMEOUT_S, after

USERS = [
    SnmpUser("plain", "", "", "", ""),
    SnmpUser("sha384", "sha384", "authauth1", "", ""),
    SnmpUser("md5des", "md5", "authauth1", "des", "privpriv1"),
    SnmpUser("sha256aes", "sha256", "authauth1", "aes128", "privpriv1"),
    SnmpUser("sha512aes256", "sha512", "authauth1", "aes256", "privpriv1"),
    SnmpUser("sha1aes256", "sha1", "authauth1", "aes256", "privpriv1"),
]
OIDS = [f"{BASE}.{number}.0" for number in (1, 2, 3)]
ODD_ONE = OIDS[1]


def cipher_of(user: SnmpUser, message: V3) -> Cipher[modes.CBC] | Cipher[CFB]:
    """As net-snmp has it, its keys longer than a digest made by hashing what there is (draft-blumenthal-aes-usm-04)."""
    keys = Keys(user.auth, user.priv_key)
    key = keys.of(message.engine)
    if user.priv == "des":
        before = bytes(a ^ b for a, b in zip(key[8:16], message.salt, strict=True))
        return Cipher(TripleDES(key[:8] * 3), modes.CBC(before))
    size = {"aes128": 16, "aes256": 32}[user.priv]
    if len(key) < size:
        key += hashlib.new(user.auth, key).digest()
    return Cipher(algorithms.AES(key[:size]), CFB(message.boots.to_bytes(4) + message.time.to_bytes(4) + message.salt))


def altered(user: SnmpUser, answer: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The answer as a device would have sent it that puts other values in, by object and true value."""
    message = V3.parse(answer)
    body = message.body
    if message.flags & PRIV:
        ((_, ciphertext),) = elements(body)
        decrypting = cipher_of(user, message).decryptor()
        body = decrypting.update(ciphertext) + decrypting.finalize()
    (_, inner), *_ = elements(body)
    (_, engine), _, (kind, pdu) = elements(inner)
    if kind != RESPONSE:
        return answer
    (_, request), _, _, (_, binds) = elements(pdu)
    pairs = []
    for _, pair in elements(binds):
        (_, name), (tag, content) = elements(pair)
        pairs.append(bind(oid_text(name), change(oid_text(name), tlv(tag, content))))
    number = int.from_bytes(request, "big", signed=True)
    body = scoped(engine, RESPONSE, b"".join(pairs), number)
    if message.flags & PRIV:
        encrypting = cipher_of(user, message).encryptor()
        padded = body + bytes(-len(body) % 8) if user.priv == "des" else body
        body = tlv(4, encrypting.update(padded) + encrypting.finalize())
    changed = replace(message, body=body)
    return changed.signed(Keys(user.auth, user.auth_key)) if user.auth else changed.encode()


def with_odd(user: SnmpUser, value: bytes) -> Callable[[bytes, bytes], list[bytes]]:
    return lambda _, answer: [altered(user, answer, lambda oid, true: value if oid == ODD_ONE else true)]


@pytest.mark.parametrize("user", USERS, ids=lambda user: str(user.user))
async def test_a_value_that_cannot_be_read_costs_its_own_object(
    client_of: MakeClient, shared_snmpd: Snmpd, user: SnmpUser
) -> None:
    async with Forger(shared_snmpd.port).serving() as forger:
        client = client_of(target_of(forger.own_port, user, timeout_s=LONG_TIMEOUT_S))
        right = await client.get(OIDS)
        assert len(right) == 3
        forger.on_data = with_odd(user, ODD["an OBJECT IDENTIFIER without octets"])
        expected = {oid: value for oid, value in right.items() if oid != ODD_ONE}
        for _ in range(2):
            found = await client.get(OIDS)
            assert {oid: value for oid, value in found.items() if value != b""} == expected
        forger.on_data = lambda _, answer: [answer]
        assert await client.get(OIDS) == right


@pytest.mark.parametrize("kind", ["a length beyond the message", "an unknown universal type", "a private type"])
async def test_a_walk_gets_past_a_value_that_cannot_be_read(
    client_of: MakeClient, shared_snmpd: Snmpd, kind: str
) -> None:
    user = USERS[3]
    async with Forger(shared_snmpd.port).serving() as forger:
        client = client_of(target_of(forger.own_port, user, timeout_s=LONG_TIMEOUT_S))
        right = await client.walk(BASE)
        assert right.keys() > set(OIDS)
        forger.on_data = with_odd(user, ODD[kind])
        for _ in range(2):
            found = await client.walk(BASE)
            assert found.keys() - {ODD_ONE} == right.keys() - {ODD_ONE}
            assert found.get(ODD_ONE, b"") in {b"", None}
            assert all(found[oid] == right[oid] for oid in right.keys() - {ODD_ONE})


async def test_what_was_not_signed_by_the_device_is_not_repaired(client_of: MakeClient, shared_snmpd: Snmpd) -> None:
    user = USERS[1]
    async with Forger(shared_snmpd.port).serving() as forger:
        client = client_of(target_of(forger.own_port, user, timeout_s=LONG_TIMEOUT_S))
        assert await client.get(OIDS)
        forger.on_data = lambda _, answer: [
            replace(V3.parse(with_odd(user, ODD["a REAL"])(b"", answer)[0]), mac=b"\0" * 32).encode()
        ]
        with pytest.raises(DeviceError):
            await after(lambda: len(forger.answers), client.get(OIDS))


async def test_octets_behind_the_message_are_ignored(client_of: MakeClient, shared_snmpd: Snmpd) -> None:
    async with Forger(shared_snmpd.port).serving() as forger:
        forger.on_data = lambda _, answer: [answer + b"\0\0zz"]
        client = client_of(target_of(forger.own_port, USERS[3], timeout_s=LONG_TIMEOUT_S))
        assert len(await client.get(OIDS)) == 3


ENGINE = b"\x80\0\x1f\x88\x04abc"
MASTER = master_key("authauth1", "sha256")
REPAIR = V3Repair("sha256", MASTER, "", None)


class KnownKeys(Keys):
    """Those of one engine, derived once."""

    def of(self, engine: bytes) -> bytes:
        """See `Keys.of`."""
        return hashlib.sha256(MASTER + engine + MASTER).digest()


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=200)), max_size=5))
def test_a_repaired_answer_has_the_same_names_and_a_right_code(values: list[tuple[int, bytes]]) -> None:
    keys = KnownKeys("sha256", "authauth1")
    binds = b"".join(bind(f"1.3.6.{number}", tlv(tag, content)) for number, (tag, content) in enumerate(values))
    message = V3(7, 1, ENGINE, 3, 4, b"u", b"", b"", scoped(ENGINE, RESPONSE, binds, 9))
    found = REPAIR.repaired(message.signed(keys))
    again = V3.parse(found)
    assert again.signed(keys) == found
    ((_, inner),) = elements(again.body)
    _, _, (_, pdu) = elements(inner)
    *_, (_, pairs) = elements(pdu)
    names = [oid_text(name) for _, pair in elements(pairs) for (_, name), _ in [tuple(elements(pair))]]
    assert names == [f"1.3.6.{number}" for number in range(len(values))]


@given(st.binary(max_size=100))
def test_a_body_that_is_no_answer_stays_as_it_is(body: bytes) -> None:
    datagram = V3(7, 3, ENGINE, 3, 4, b"u", bytes(12), bytes(8), tlv(4, body)).encode()
    assert V3Repair("md5", b"a" * 16, "aes128", b"b" * 16).repaired(datagram) == datagram
