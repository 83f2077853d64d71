"""Both SNMP engines against net-snmp and against peers that misbehave: the same contract."""

import time
from collections.abc import AsyncIterator, Callable

import pytest

from agent.seams import SnmpClient, SnmpCommunity, SnmpTarget, SnmpUser
from agent.snmp_gufo import GufoClient
from agent.snmp_pysnmp import PysnmpClient
from rackflow.errors import (
    DeviceAuthError,
    DeviceDecodeError,
    DeviceError,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceUnreachable,
)
from tests.agent.faulty_snmp import NO_SUCH_INSTANCE, NULL, Behaviour, Question, faulty_snmp, integer
from tests.servers.snmpd import AUTH_KEY, LOCATION, PRIV_KEY, Snmpd

Engine = Callable[[SnmpTarget], SnmpClient]

UPTIME, CONTACT, SYS_LOCATION, OBJECT_ID = (f"1.3.6.1.2.1.1.{leaf}.0" for leaf in (3, 4, 6, 2))
NOWHERE = "1.3.6.1.2.1.1.99.0"
SNMP_GROUP = "1.3.6.1.2.1.11"
V2 = SnmpCommunity("2c", "public")
CREDENTIALS = [
    SnmpCommunity("1", "public"),
    V2,
    SnmpUser("sha256", "sha256", AUTH_KEY, "aes128", PRIV_KEY),
    SnmpUser("sha1", "sha1", AUTH_KEY),
    SnmpUser("plain"),
]


@pytest.fixture(params=[GufoClient, PysnmpClient])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    made: list[SnmpClient] = []

    def make(of: SnmpTarget) -> SnmpClient:
        made.append(request.param(of))
        return made[-1]

    yield make
    for client in made:
        await client.close()


def target(
    port: int,
    credential: SnmpCommunity | SnmpUser = V2,
    *,
    timeout_s: float = 0.3,
    retries: int = 0,
    max_varbinds: int = 20,
) -> SnmpTarget:
    return SnmpTarget(
        "d", "127.0.0.1", port, credential, timeout_s=timeout_s, retries=retries, max_varbinds=max_varbinds
    )


@pytest.mark.parametrize("credential", CREDENTIALS, ids=["v1", "v2c", "authPriv", "authNoPriv", "noAuth"])
async def test_get_and_walk_of_a_real_agent(engine: Engine, snmpd: Snmpd, credential: SnmpCommunity | SnmpUser) -> None:
    client = engine(target(snmpd.port, credential, timeout_s=2.0))
    found = await client.get([UPTIME, NOWHERE, SYS_LOCATION, OBJECT_ID])
    assert found.keys() == {UPTIME, SYS_LOCATION, OBJECT_ID}
    assert isinstance(found[UPTIME], int)
    assert found[SYS_LOCATION] == LOCATION.encode()
    assert found[OBJECT_ID] == "1.3.6.1.4.1.8072.3.2.10"
    group = await client.walk(SNMP_GROUP)
    assert len(group) >= 25
    assert all(name.startswith(f"{SNMP_GROUP}.") and isinstance(value, int) for name, value in group.items())
    assert await client.walk("1.3.6.1.9") == {}
    assert len(await client.walk(SNMP_GROUP, limit=7)) == 7


async def test_many_objects_are_asked_in_portions(engine: Engine, snmpd: Snmpd) -> None:
    client = engine(target(snmpd.port, timeout_s=2.0, max_varbinds=4))
    everything = list(await client.walk(SNMP_GROUP))
    assert (await client.get([*everything, NOWHERE])).keys() == set(everything)
    assert await client.get([]) == {}


@pytest.mark.parametrize(
    ("credential", "kinds"),
    [
        (SnmpCommunity("2c", "secret"), (DeviceTimeout,)),
        (SnmpUser("nobody", "sha256", AUTH_KEY, "aes128", PRIV_KEY), (DeviceAuthError,)),
        (SnmpUser("sha256", "sha256", "wrongwrong", "aes128", PRIV_KEY), (DeviceAuthError,)),
        (SnmpUser("sha256", "sha256", AUTH_KEY, "aes128", "wrongwrong"), (DeviceTimeout, DeviceAuthError)),
    ],
    ids=["community", "user", "auth key", "priv key"],
)
async def test_wrong_credentials(
    engine: Engine, snmpd: Snmpd, credential: SnmpCommunity | SnmpUser, kinds: tuple[type[DeviceError], ...]
) -> None:
    client = engine(target(snmpd.port, credential))
    with pytest.raises(kinds) as caught:
        await client.get([UPTIME])
    assert "secret" not in str(caught.value)
    assert "wrongwrong" not in str(caught.value)


async def test_version_3_recovers_by_itself_when_the_device_reboots(engine: Engine, snmpd: Snmpd) -> None:
    client = engine(target(snmpd.port, CREDENTIALS[2], timeout_s=1.0, retries=1))
    assert await client.get([SYS_LOCATION])
    snmpd.restart()
    for _ in range(3):
        try:
            found = await client.get([SYS_LOCATION])
        except DeviceError:
            continue
        break
    assert found == {SYS_LOCATION: LOCATION.encode()}


async def test_nobody_there(engine: Engine) -> None:
    client = engine(target(1))
    with pytest.raises((DeviceTimeout, DeviceUnreachable)):
        await client.get([UPTIME])


async def test_a_name_that_does_not_resolve(engine: Engine) -> None:
    client = engine(SnmpTarget("d", "no-such-host.invalid", 161, V2, timeout_s=0.3, retries=0))
    with pytest.raises(DeviceError):
        await client.get([UPTIME])


def numbers(question: Question) -> list[bytes]:
    return [integer(at + 1) for at, _ in enumerate(question.names)]


def too_big_above(limit: int) -> Behaviour:
    def behave(question: Question) -> list[bytes]:
        if len(question.names) > limit:
            return [question.answer([], status=1)]
        return [question.answer(numbers(question))]

    return behave


async def test_too_big_is_split_until_it_fits(engine: Engine) -> None:
    oids = [f"1.3.6.1.4.1.1.{leaf}.0" for leaf in range(1, 12)]
    async with faulty_snmp(too_big_above(3)) as port:
        client = engine(target(port))
        assert (await client.get(oids)).keys() == set(oids)


async def test_absent_objects_and_nulls_are_told_apart(engine: Engine) -> None:
    def behave(question: Question) -> list[bytes]:
        values = {1: integer(5), 2: NO_SUCH_INSTANCE, 3: NULL}
        return [question.answer([values[name[-2]] for name in question.names])]

    oids = [f"1.3.6.1.4.1.1.{leaf}.0" for leaf in (1, 2, 3)]
    async with faulty_snmp(behave) as port:
        client = engine(target(port))
        for _ in range(2):
            assert await client.get(oids) == {oids[0]: 5, oids[2]: None}


async def test_an_answer_to_another_request_is_not_taken(engine: Engine) -> None:
    def behave(question: Question) -> list[bytes]:
        return [question.answer([integer(666)], request_id=b"\x12\x34"), question.answer([integer(5)])]

    async with faulty_snmp(behave) as port:
        client = engine(target(port))
        assert await client.get([UPTIME]) == {UPTIME: 5}


@pytest.mark.parametrize(
    ("behaviour", "kinds"),
    [
        (lambda _: [], (DeviceTimeout,)),
        (lambda _: [b"garbage, not SNMP"], (DeviceDecodeError, DeviceTimeout, DeviceProtocolError)),
        (
            lambda question: [question.answer(numbers(question))[:-4]],
            (DeviceDecodeError, DeviceTimeout, DeviceProtocolError),
        ),
        (lambda question: [question.empty_varbind()], (DeviceProtocolError, DeviceTimeout)),
    ],
    ids=["silence", "garbage", "truncated", "empty varbind"],
)
async def test_a_peer_that_misbehaves_fails_its_own_request_only(
    engine: Engine, behaviour: Behaviour, kinds: tuple[type[DeviceError], ...]
) -> None:
    misbehave = True

    def behave(question: Question) -> list[bytes]:
        return list(behaviour(question)) if misbehave else [question.answer(numbers(question))]

    async with faulty_snmp(behave) as port:
        client = engine(target(port))
        started = time.monotonic()
        with pytest.raises(kinds) as caught:
            await client.get([UPTIME, CONTACT])
        assert time.monotonic() - started < 3.0
        assert caught.value.device == "d"
        misbehave = False
        assert await client.get([UPTIME, CONTACT]) == {UPTIME: 1, CONTACT: 2}


async def test_a_table_that_goes_backwards_is_not_walked_for_ever(engine: Engine) -> None:
    def behave(question: Question) -> list[bytes]:
        turned = Question(
            question.head, question.request_id, [b"\x2b\x06\x01\x04\x01\x01\x05", b"\x2b\x06\x01\x04\x01\x01\x02"]
        )
        return [turned.answer([integer(1), integer(2)])]

    async with faulty_snmp(behave) as port:
        client = engine(target(port))
        assert await client.walk("1.3.6.1.4.1.1") == {"1.3.6.1.4.1.1.5": 1}
