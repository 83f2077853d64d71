"""What both SNMP engines owe the poller, against net-snmp."""

import re
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import pytest

from agent.snmp.seam import SnmpCommunity, SnmpUser
from agent.snmp.usm import RefusedDatagrams
from rackflow.errors import DeviceAuthError, DeviceIgnoresUser, DeviceTimeout, DeviceUnreachable
from tests.agent.conftest import BASE, VALUES, Snmpd
from tests.agent.snmp.forger import Forger
from tests.agent.snmp.snmp_clients import SYS_NAME, TIMEOUT_S, MakeClient, in_time, target_of
from tests.jumping import LONG_TIMEOUT_S, after
from tests.servers.ports import free_port


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_each_type_on_the_wire_arrives_as_the_type_that_the_seam_promises(
    client_of: MakeClient, shared_snmpd: Snmpd, version: Literal["1", "2c"]
) -> None:
    """Each wire type arrives as the Python type that the seam promises."""
    client = client_of(target_of(shared_snmpd.port, version=version, max_varbinds=3))
    assert await client.get(list(VALUES)) == {oid: value for oid, (_, _, value) in VALUES.items()}


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_absent_objects_are_left_out(
    client_of: MakeClient, shared_snmpd: Snmpd, version: Literal["1", "2c"]
) -> None:
    """noSuchObject, noSuchInstance, and v1's noSuchName, which spoils the whole answer."""
    client = client_of(target_of(shared_snmpd.port, version=version))
    absent = [f"{BASE}.{number}.9" for number in range(1, 10)] + ["1.3.6.1.2.1.1.5.1", "1.3.6.1.3.1.0"]
    asked = [*absent[:6], *list(VALUES)[:4], *absent[6:]]
    assert (await client.get(asked)).keys() == set(list(VALUES)[:4])
    assert await client.get(absent) == {}
    assert await client.get([absent[0]]) == {}
    assert await client.get([]) == {}


@pytest.mark.parametrize("version", ["1", "2c"])
async def test_a_walk_gives_a_subtree_up_to_the_limit_and_nothing_beyond_it(
    client_of: MakeClient, shared_snmpd: Snmpd, version: Literal["1", "2c"]
) -> None:
    """A subtree, one at the end of the MIB included; nothing beyond it; no more than the limit."""
    client = client_of(target_of(shared_snmpd.port, version=version))
    system = await client.walk("1.3.6.1.2.1.1")
    assert SYS_NAME in system
    assert all(oid.startswith("1.3.6.1.2.1.1.") for oid in system)
    assert (await client.walk(BASE)).keys() == VALUES.keys()
    assert len(await client.walk("1.3.6.1.2.1.1", limit=5)) == 5
    assert await client.walk("1.3.6.1.3") == {}


USERS = [
    SnmpUser("plain"),
    SnmpUser("md5des", "md5", "authauth1", "des", "privpriv1"),
    SnmpUser("sha1aes256", "sha1", "authauth1", "aes256", "privpriv1"),
    SnmpUser("sha256aes", "sha256", "authauth1", "aes128", "privpriv1"),
    SnmpUser("sha512aes256", "sha512", "authauth1", "aes256", "privpriv1"),
    SnmpUser("sha384", "sha384", "authauth1"),
]


@pytest.mark.parametrize("user", USERS, ids=lambda user: str(user.user))
async def test_v3_gets_and_walks_at_every_security_level(
    client_of: MakeClient, shared_snmpd: Snmpd, user: SnmpUser
) -> None:
    """GET and GETBULK at every security level."""
    client = client_of(target_of(shared_snmpd.port, user, timeout_s=LONG_TIMEOUT_S))
    assert await client.get([f"{BASE}.1.0", f"{BASE}.1.1"]) == {f"{BASE}.1.0": 42}
    assert (await client.walk(BASE)).keys() == VALUES.keys()


@pytest.mark.parametrize(
    ("user", "words"),
    [
        (SnmpUser("nobody"), "does not know the user; check `user`"),
        (SnmpUser("nobody", "sha256", "authauth1"), "does not know the user"),
        (SnmpUser("sha256aes", "sha256", "authauth2", "aes128", "privpriv1"), "key or protocol is wrong"),
        (SnmpUser("sha256aes", "sha1", "authauth1", "aes128", "privpriv1"), "key or protocol is wrong"),
        (SnmpUser("sha384", "sha384", "authauth1", "aes128", "privpriv1"), "security level"),
        (
            SnmpUser("sha256aes", "sha256", "authauth1"),
            "gives it no access at this security level; check `auth` and `priv`",
        ),
        (SnmpUser("sha256aes"), "gives it no access at this security level; check `auth` and `priv`"),
    ],
    ids=["no user", "no user with key", "wrong key", "wrong algorithm", "level too high", "level too low", "no level"],
)
async def test_v3_refusals_say_what_is_wrong_and_cost_no_other_client_anything(
    client_of: MakeClient, shared_snmpd: Snmpd, refused: RefusedDatagrams, user: SnmpUser, words: str
) -> None:
    """The device says no, which is told with its reason, and a good client beside the refused one is none the worse."""
    client = client_of(target_of(shared_snmpd.port, user, timeout_s=LONG_TIMEOUT_S))
    for _ in range(2):
        with pytest.raises(DeviceAuthError, match=words) as caught:
            await after(refused.counts.total, client.get([SYS_NAME]))
        assert caught.value.device == "ups-1"
    good = client_of(target_of(shared_snmpd.port, USERS[3], timeout_s=LONG_TIMEOUT_S))
    assert len(await good.get([SYS_NAME])) == 1


async def test_v3_wrong_privacy_key_is_told_from_a_device_that_is_down(
    engine: str, client_of: MakeClient, shared_snmpd: Snmpd
) -> None:
    """net-snmp says nothing to what it cannot decrypt, but told its engine before, and to gufo_snmp its time."""
    async with Forger(shared_snmpd.port).serving() as forger:
        user = replace(USERS[3], priv_key="privpriv2")
        client = client_of(target_of(forger.own_port, user, timeout_s=LONG_TIMEOUT_S))
        words = "check `priv` and `priv_key`" if engine == "gufo" else "no request of this user; check the credential"
        with pytest.raises(DeviceIgnoresUser, match=words):
            # After two searches, for its engine and for its time.
            await after(lambda: len(forger.requests) // 3, client.get([SYS_NAME]))


async def test_v3_engine_whose_boots_are_used_up_is_refused_by_name(
    client_of: MakeClient, own_snmpd: Snmpd, refused: RefusedDatagrams
) -> None:
    """It answers every authentic request with notInTimeWindow, for ever (RFC 3414, 2.2.2 and 3.2)."""
    own_snmpd.stop()
    state = own_snmpd.state.read_text(encoding="utf-8")
    own_snmpd.state.write_text(re.sub("engineBoots .*", f"engineBoots {2**31 - 2}", state), encoding="utf-8")
    own_snmpd.start()
    client = client_of(target_of(own_snmpd.port, USERS[3], timeout_s=LONG_TIMEOUT_S))
    with pytest.raises(DeviceAuthError, match=r"outside the time window .*; restart its SNMP service"):
        await after(refused.counts.total, client.get([SYS_NAME]))


@pytest.mark.parametrize("retries", [0, 1])
@pytest.mark.parametrize("exchanged", [False, True], ids=["restarted", "exchanged"])
async def test_v3_finds_a_device_again_that_was_restarted_or_exchanged(
    client_of: MakeClient, own_snmpd: Snmpd, retries: int, *, exchanged: bool
) -> None:
    """A new boot has a new engine time, a new device a new engine id; the client finds it by itself, with a try left."""
    client = client_of(target_of(own_snmpd.port, USERS[3], timeout_s=2.0, retries=retries))
    assert len(await client.get([SYS_NAME])) == 1
    own_snmpd.stop()
    if exchanged:
        own_snmpd.state.unlink()
    own_snmpd.start()
    if not retries:
        with suppress(DeviceTimeout):  # the only try finds out
            await client.get([SYS_NAME])
    assert len(await client.get([SYS_NAME])) == 1


async def test_wrong_community_is_silence(client_of: MakeClient, shared_snmpd: Snmpd) -> None:
    """An agent does not answer a community that it does not know."""
    client = client_of(target_of(shared_snmpd.port, SnmpCommunity("2c", "private")))
    async with in_time(DeviceTimeout, TIMEOUT_S):
        await client.get([SYS_NAME])


async def test_a_closed_port_and_an_unknown_name_fail_in_time(engine: str, client_of: MakeClient) -> None:
    """A closed port, and a name that does not exist. pysnmp's socket does not hear ICMP."""
    client = client_of(target_of(free_port()))
    async with in_time(DeviceUnreachable if engine == "gufo" else DeviceTimeout, TIMEOUT_S):
        await client.get([SYS_NAME])
    nameless = client_of(target_of(161, host="no-such-host.invalid", timeout_s=3.0))
    async with in_time(DeviceUnreachable, 3.0):
        await nameless.get([SYS_NAME])


async def test_a_host_name_is_looked_up(client_of: MakeClient, shared_snmpd: Snmpd) -> None:
    """A host name is looked up."""
    client = client_of(target_of(shared_snmpd.port, host="localhost", timeout_s=LONG_TIMEOUT_S))
    assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 42}
