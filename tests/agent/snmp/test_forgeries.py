"""Forged SNMPv3 answers between both engines and a real net-snmp: none becomes a value, none keeps the true answer from coming."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import get_args

import pytest

from agent.lab.walk_snmp import Walker
from agent.snmp.gufo import GufoClient
from agent.snmp.pysnmp import PysnmpClient
from agent.snmp.seam import SnmpClient, SnmpUser
from agent.snmp.usm import RefusedDatagrams
from rackflow.errors import DeviceAuthError, DeviceError
from tests.agent.conftest import BASE, VALUES, Snmpd
from tests.agent.faulty_peers import RESPONSE, bind, integer
from tests.agent.snmp.forger import Forge, Forger, honest
from tests.agent.snmp.snmp_clients import target_of
from tests.agent.snmp.v3_messages import AUTH, PRIV, V3, Keys, report, request_id_of, scoped
from tests.jumping import LONG_TIMEOUT_S, after

OID = f"{BASE}.1.0"
TRUE = {OID: 42}
FALSE = integer(666)
AUTH_KEY, PRIV_KEY = "authauth1", "privpriv1"
SNMPD_NAMES = {
    "md5": "MD5",
    "sha1": "SHA",
    "sha224": "SHA-224",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "des": "DES",
    "aes128": "AES",
    "aes256": "AES-256",
}
USERS = [
    SnmpUser(f"{auth}{priv}", auth, AUTH_KEY, priv, PRIV_KEY if priv else "")
    for auth in get_args(SnmpUser.__annotations__["auth"])
    if auth
    for priv in get_args(SnmpUser.__annotations__["priv"])
    if not priv or priv in SNMPD_NAMES
]
NO_PRIV = SnmpUser("sha256", "sha256", AUTH_KEY)
WITH_PRIV = SnmpUser("sha256aes128", "sha256", AUTH_KEY, "aes128", PRIV_KEY)
OTHER_ENGINE = bytes.fromhex("80001f8880deadbeef00000001")


class ManyUsers(Snmpd):
    """A daemon with a user for each pair of protocols."""

    def command(self) -> list[str]:
        """See `Server.command`."""
        command = super().command()
        lines = ["createUser plainv3", "rouser plainv3 noauth"]
        for user in USERS:
            privacy = f" {SNMPD_NAMES[user.priv]} {PRIV_KEY}" if user.priv else ""
            lines.append(f"createUser {user.user} {SNMPD_NAMES[user.auth]} {AUTH_KEY}{privacy}")
            lines.append(f"rouser {user.user} {'priv' if user.priv else 'auth'}")
        with (self.folder / "snmpd.conf").open("a", encoding="utf-8") as config:
            config.write("\n".join([*lines, ""]))
        return command


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snmpd]:
    """The device that the forger stands in front of."""
    with ManyUsers(tmp_path_factory.mktemp("snmpd")).serving() as server:
        yield server


def keys_of(user: SnmpUser) -> Keys:
    return Keys(user.auth, user.auth_key)


class Scene:
    """A device, a forger in front of it, and a client that has read the device once."""

    def __init__(self, client: SnmpClient, forger: Forger, refused: RefusedDatagrams) -> None:
        self.client = client
        self.forger = forger
        self.refused = refused

    @property
    def reasons(self) -> set[str]:
        """Why datagrams were refused."""
        return {reason for (_, reason), _ in self.refused.counts.items()}


@asynccontextmanager
async def scene(
    engine: str, port: int, user: SnmpUser, timeout_s: float = 10.0, retries: int = 0
) -> AsyncIterator[Scene]:
    refused = RefusedDatagrams()
    async with Forger(port).serving() as forger:
        target = target_of(forger.own_port, user, timeout_s=timeout_s, retries=retries)
        client = GufoClient(target, refused=refused) if engine == "gufo" else PysnmpClient(target, refused=refused)
        try:
            yield Scene(client, forger, refused)
        finally:
            await client.close()


def false_answer(request: bytes, flags: int, **changes: object) -> V3:
    """An answer with a false value, made from nothing but what a request shows on the wire."""
    asked = V3.parse(request)
    body = scoped(asked.engine, RESPONSE, bind(OID, FALSE), request_id_of(asked))
    return replace(asked, flags=flags, mac=b"", salt=b"", body=body, **changes)  # type: ignore[arg-type]


def altered(name: str, value: Callable[[V3], object]) -> Callable[[bytes, bytes, Keys], list[bytes]]:
    """The true answer with one field changed, and not signed again."""
    return lambda _request, answer, _keys: [replace(V3.parse(answer), **{name: value(V3.parse(answer))}).encode()]  # type: ignore[arg-type]


def resigned(name: str, value: Callable[[V3], object]) -> Callable[[bytes, bytes, Keys], list[bytes]]:
    """The true answer with one field changed, and signed by somebody who has the key."""
    return lambda _request, answer, keys: [
        replace(V3.parse(answer), **{name: value(V3.parse(answer))}).signed(keys)  # type: ignore[arg-type]
    ]


def every_octet(_request: bytes, answer: bytes, _keys: Keys) -> list[bytes]:
    """The true answer with one octet changed, for each of its octets."""
    return [answer[:at] + bytes([answer[at] ^ 0x55]) + answer[at + 1 :] for at in range(len(answer))]


def every_length(_request: bytes, answer: bytes, _keys: Keys) -> list[bytes]:
    """The true answer cut after each of its octets."""
    return [answer[:size] for size in range(len(answer))]


def flipped(octets: bytes, at: int) -> bytes:
    changed = bytearray(octets)
    changed[at] ^= 1
    return bytes(changed)


FORGERIES: dict[str, tuple[Callable[[bytes, bytes, Keys], list[bytes]], set[str]]] = {
    "no authentication": (lambda request, _, __: [false_answer(request, 0).encode()], {"unauthenticated"}),
    "no authentication, another level's flag": (
        lambda request, _, __: [false_answer(request, PRIV).encode()],
        {"malformed"},
    ),
    "code of zeros": (altered("mac", lambda true: bytes(len(true.mac))), {"digest"}),
    "code with its first bit wrong": (altered("mac", lambda true: flipped(true.mac, 0)), {"digest"}),
    "code with its last bit wrong": (altered("mac", lambda true: flipped(true.mac, -1)), {"digest"}),
    "code cut": (altered("mac", lambda true: true.mac[:-1]), {"digest"}),
    "code of one octet": (altered("mac", lambda true: true.mac[:1]), {"digest"}),
    "no code": (altered("mac", lambda _: b""), {"digest"}),
    "code with an octet more": (altered("mac", lambda true: true.mac + b"\x00"), {"digest"}),
    "another number, not signed": (altered("msg_id", lambda true: true.msg_id ^ 1), {"unsolicited"}),
    "another time, not signed": (altered("time", lambda true: true.time + 1), {"digest"}),
    "another number": (resigned("msg_id", lambda true: true.msg_id ^ 1), {"unsolicited"}),
    "another engine": (resigned("engine", lambda _: OTHER_ENGINE), {"engine"}),
    "no engine": (resigned("engine", lambda _: b""), {"engine"}),
    "another user": (resigned("user", lambda _: b"sha1"), {"user"}),
    "no user": (resigned("user", lambda _: b""), {"user"}),
    "from an earlier boot": (resigned("boots", lambda true: true.boots - 1), {"time"}),
    "another security model": (resigned("model", lambda _: 2), {"malformed"}),
    "another version": (resigned("version", lambda _: 1), {"malformed"}),
    "every octet changed": (every_octet, {"digest"}),
    "every length": (every_length, {"malformed"}),
    "not SNMP": (lambda _, __, ___: [b"", b"hello", bytes(1400), b"\x30\x84\xff\xff\xff\xff"], {"malformed"}),
    **{
        f"report {number}": (
            lambda request, _, __, number=number: [  # type: ignore[misc]
                replace(V3.parse(request), flags=0, mac=b"", salt=b"", body=report(OTHER_ENGINE, number)).encode()
            ],
            {"report"},
        )
        for number in range(1, 7)
    },
}
"""What the forger sends, and the reasons that must be counted."""

PRIVACY_FORGERIES: dict[str, tuple[Callable[[bytes, bytes, Keys], list[bytes]], set[str]]] = {
    "no encryption": (lambda request, _, keys: [false_answer(request, AUTH).signed(keys)], {"unencrypted"}),
    "no encryption, no key": (
        lambda request, _, __: [replace(false_answer(request, AUTH), mac=bytes(24)).encode()],
        {"unencrypted"},
    ),
    "a plaintext called encrypted": (
        lambda request, _, keys: [replace(false_answer(request, AUTH | PRIV), salt=bytes(8)).signed(keys)],
        {"malformed"},
    ),
    "a report of the device's, not authentic": (
        lambda request, _, __: [
            replace(false_answer(request, AUTH), mac=bytes(24), body=report(V3.parse(request).engine, 2)).encode()
        ],
        {"digest"},
    ),
}


def with_keys(forge: Callable[[bytes, bytes, Keys], list[bytes]], user: SnmpUser, *, truth: bool) -> Forge:
    return lambda request, answer: [*forge(request, answer, keys_of(user)), *([answer] if truth else [])]


@pytest.mark.parametrize("name", FORGERIES)
async def test_forged_answers_are_refused_and_the_true_one_is_taken(engine: str, device: Snmpd, name: str) -> None:
    forge, reasons = FORGERIES[name]
    async with scene(engine, device.port, NO_PRIV) as stage:
        assert await stage.client.get([OID]) == TRUE
        stage.forger.on_data = with_keys(forge, NO_PRIV, truth=True)
        assert await stage.client.get([OID]) == TRUE
        assert reasons <= stage.reasons


@pytest.mark.parametrize("name", [*FORGERIES, *PRIVACY_FORGERIES])
async def test_forgeries_beside_encrypted_answers_are_dropped_and_counted(
    engine: str, device: Snmpd, name: str
) -> None:
    forge, reasons = (FORGERIES | PRIVACY_FORGERIES)[name]
    async with scene(engine, device.port, WITH_PRIV) as stage:
        assert await stage.client.get([OID]) == TRUE
        stage.forger.on_data = with_keys(forge, WITH_PRIV, truth=True)
        assert await stage.client.get([OID]) == TRUE
        assert reasons <= stage.reasons


@pytest.mark.parametrize("user", USERS, ids=lambda user: str(user.user))
async def test_each_pair_of_protocols_takes_true_answers_and_no_altered_ones(
    engine: str, device: Snmpd, user: SnmpUser
) -> None:
    """Every octet, the code, and what is inside: from the first message on, before anything is known of the engine."""
    async with scene(engine, device.port, user) as stage:
        stage.forger.on_data = with_keys(
            lambda request, answer, keys: [
                *every_octet(request, answer, keys),
                replace(V3.parse(answer), mac=bytes(len(V3.parse(answer).mac))).encode(),
                false_answer(request, 0).encode(),
            ],
            user,
            truth=True,
        )
        assert await stage.client.get([OID]) == TRUE
        assert {"digest", "unauthenticated"} <= stage.reasons
        assert (await stage.client.walk(BASE)).keys() == VALUES.keys()
        assert await stage.client.get_next(BASE) == (OID, 42)


@pytest.mark.parametrize("user", [NO_PRIV, WITH_PRIV], ids=lambda user: str(user.user))
async def test_nothing_but_forgeries_is_no_answer(engine: str, device: Snmpd, user: SnmpUser) -> None:
    """All of them at once, and none of the true answers: an error, at the deadline and not before."""
    every = {**FORGERIES, **(PRIVACY_FORGERIES if user.priv else {})}
    async with scene(engine, device.port, user, timeout_s=LONG_TIMEOUT_S) as stage:
        assert await stage.client.get([OID]) == TRUE
        stage.forger.on_data = lambda request, answer: [
            datagram for forge, _ in every.values() for datagram in forge(request, answer, keys_of(user))
        ]
        for request in (stage.client.get([OID]), stage.client.walk(BASE)):
            with pytest.raises(DeviceError):
                await after(stage.refused.counts.total, request)
        stage.forger.on_data = honest
        assert await stage.client.get([OID]) == TRUE


async def test_an_answer_is_taken_once(engine: str, device: Snmpd) -> None:
    """Its copies come before the next answer, and are not taken for it."""
    async with scene(engine, device.port, WITH_PRIV) as stage:
        stage.forger.on_data = lambda _, answer: [answer, answer, *stage.forger.answers]
        for _ in range(3):
            assert await stage.client.get([OID]) == TRUE
        assert stage.reasons == {"unsolicited"}


async def test_an_answer_from_another_port_is_none(engine: str, device: Snmpd) -> None:
    async with (
        scene(engine, device.port, NO_PRIV, timeout_s=LONG_TIMEOUT_S) as stage,
        Forger(device.port).serving() as other,
    ):
        assert await stage.client.get([OID]) == TRUE

        def from_elsewhere(_: bytes, answer: bytes) -> list[bytes]:
            other.send(answer, stage.forger.agents[-1])
            return []

        stage.forger.on_data = from_elsewhere
        with pytest.raises(DeviceError):
            await after(lambda: len(stage.forger.answers), stage.client.get([OID]))


async def test_a_forged_search_result_does_not_lock_the_device_out(engine: str, device: Snmpd) -> None:
    """Another engine is offered before the device's own. Our session tries both; pysnmp believes the first one until the next try."""
    async with scene(engine, device.port, WITH_PRIV, timeout_s=LONG_TIMEOUT_S, retries=1) as stage:

        def race(request: bytes, answer: bytes) -> list[bytes]:
            if engine == "pysnmp":
                stage.forger.on_discovery = honest
            asked = V3.parse(request)
            return [replace(asked, engine=OTHER_ENGINE, body=report(OTHER_ENGINE, 4)).encode(), answer]

        stage.forger.on_discovery = race
        if engine == "pysnmp":
            assert await after(lambda: len(stage.forger.answers), stage.client.get([OID]), jumps=1) == TRUE
        else:
            assert await stage.client.get([OID]) == TRUE


async def test_a_forged_search_result_does_not_lower_the_level(engine: str, device: Snmpd) -> None:
    """With the forger as the only engine there is, there is no value, and nothing is asked without authentication."""
    async with scene(engine, device.port, WITH_PRIV, timeout_s=LONG_TIMEOUT_S) as stage:
        stage.forger.on_discovery = lambda request, _: [
            replace(V3.parse(request), engine=OTHER_ENGINE, body=report(OTHER_ENGINE, 4)).encode()
        ]
        stage.forger.on_data = lambda request, _: [false_answer(request, 0).encode()]
        with pytest.raises(DeviceError):
            await after(stage.refused.counts.total, stage.client.get([OID]))
        levels = {
            V3.parse(request).flags & (AUTH | PRIV) for request in stage.forger.requests if V3.parse(request).engine
        }
        assert levels == {AUTH | PRIV}
        stage.forger.on_discovery = stage.forger.on_data = honest
        assert await stage.client.get([OID]) == TRUE


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "security level"), (3, "does not know the user"), (5, "authentication key"), (6, "priv_key")],
)
async def test_the_content_of_reports_is_in_the_error_at_the_deadline(
    engine: str, device: Snmpd, number: int, words: str
) -> None:
    """Nobody can say whether the device sent it; it is a hint for people, and no answer."""
    async with scene(engine, device.port, NO_PRIV, timeout_s=LONG_TIMEOUT_S) as stage:
        assert await stage.client.get([OID]) == TRUE
        forge = FORGERIES[f"report {number}"][0]
        stage.forger.on_data = with_keys(forge, NO_PRIV, truth=False)
        with pytest.raises(DeviceAuthError, match=words):
            await after(stage.refused.counts.total, stage.client.get([OID]))


async def test_without_authentication_answers_are_taken_as_before(engine: str, device: Snmpd) -> None:
    """Of another number, engine or user they are not; anything else cannot be told from the true ones."""
    async with scene(engine, device.port, SnmpUser("plainv3")) as stage:
        stage.forger.on_data = lambda request, answer: [
            replace(V3.parse(answer), msg_id=V3.parse(request).msg_id ^ 1).encode(),
            replace(V3.parse(answer), engine=OTHER_ENGINE).encode(),
            replace(V3.parse(answer), user=b"other").encode(),
            replace(V3.parse(answer), flags=AUTH, mac=bytes(12)).encode(),
            answer,
        ]
        assert await stage.client.get([OID]) == TRUE
        assert (await stage.client.walk(BASE)).keys() == VALUES.keys()
        assert stage.reasons == {"unsolicited", "engine", "user", "level"}


async def test_recording_a_device_takes_true_answers_only(device: Snmpd) -> None:
    """`rackflow-agent walk` keeps the types, which needs a client of its own."""
    refused = RefusedDatagrams()
    async with Forger(device.port).serving() as forger:
        forger.on_data = with_keys(every_octet, WITH_PRIV, truth=True)
        walker = Walker(target_of(forger.own_port, WITH_PRIV, timeout_s=LONG_TIMEOUT_S), refused=refused)
        records = await walker.records(BASE, 100)
        await walker.close()
    assert {record.oid for record in records} == VALUES.keys()
    assert Counter({reason: count for (_, reason), count in refused.counts.items()})["digest"] > 0
