"""Users of simulated SNMPv3 devices, asked by net-snmp's tools: who gets in, who does not, and what a reboot changes."""

from collections.abc import Sequence

import pytest

from rackflow.errors import ConfigError
from rackflow.recording.snmprec import Record
from simulator.snmp.agent import SnmpDevice
from simulator.snmp.users import SnmpUser, parse_user
from tests.simulator.snmp.netsnmp import AUTH_KEY, PRIV_KEY, USER, V3, records, run, serving

DESCRIPTION = Record("1.3.6.1.2.1.1.1.0", "4", b"a device")


@pytest.mark.parametrize(
    ("auth", "priv", "tool_auth", "tool_priv"),
    [
        ("md5", "des", "MD5", "DES"),
        ("sha1", "aes128", "SHA", "AES"),
        ("sha512", "aes128", "SHA-512", "AES"),
        ("sha384", "", "SHA-384", ""),
    ],
)
async def test_several_users_of_snmpv3_have_their_own_protocols(
    auth: str, priv: str, tool_auth: str, tool_priv: str
) -> None:
    users = [parse_user(USER), SnmpUser("second", auth, "another-password", priv, PRIV_KEY if priv else "")]
    level = ["-l", "authPriv", "-x", tool_priv, "-X", PRIV_KEY] if priv else ["-l", "authNoPriv"]
    second = ["-v3", "-u", "second", "-a", tool_auth, "-A", "another-password", *level]
    async with serving(SnmpDevice([DESCRIPTION], users=users)) as address:
        for access in (V3, second):
            assert await records("snmpget", *access, address, DESCRIPTION.oid) == [DESCRIPTION]


@pytest.mark.parametrize(
    ("access", "complaint"),
    [
        (("-v3", "-u", "nobody", "-l", "noAuthNoPriv"), "Unknown user name"),
        (("-v3", "-u", "ops", "-l", "noAuthNoPriv"), "Unsupported security level"),
        (
            (
                "-v3",
                "-u",
                "ops",
                "-l",
                "authPriv",
                "-a",
                "SHA-256",
                "-A",
                "wrong-password",
                "-x",
                "AES",
                "-X",
                PRIV_KEY,
            ),
            "Authentication failure",
        ),
        (
            (
                "-v3",
                "-u",
                "ops",
                "-l",
                "authPriv",
                "-a",
                "SHA-256",
                "-A",
                AUTH_KEY,
                "-x",
                "AES",
                "-X",
                "wrong-password",
            ),
            "Decryption error",
        ),
    ],
)
async def test_wrong_credentials_of_snmpv3_are_reported(access: Sequence[str], complaint: str) -> None:
    async with serving(SnmpDevice([DESCRIPTION], users=[parse_user(USER)])) as address:
        status, out, err = await run("snmpget", *access, "-r0", "-t2", address, DESCRIPTION.oid)
    assert status == 1
    assert complaint in out + err or "Timeout" in err


async def test_a_reboot_shows_in_engine_boots_and_v3_users_get_in_again() -> None:
    device = SnmpDevice([DESCRIPTION], users=[parse_user(USER)])
    async with serving(device) as address:
        boots = ["-Z", "1,0"]  # what a client remembers of a device that has booted once
        assert await records("snmpget", *V3, *boots, address, DESCRIPTION.oid) == [DESCRIPTION]
        device.reboot()
        before = device.requests
        assert await records("snmpget", *V3, *boots, address, DESCRIPTION.oid) == [DESCRIPTION]
        assert device.requests == before + 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("ops:sha256", "write it as name"),
        (":sha256:authauthauth", "needs a name"),
        ("ops:sha3:authauthauth", "unknown authentication 'sha3'; known are md5, sha1"),
        ("ops:sha256:short", "the key for authentication needs at least 8 characters"),
        ("ops:sha256:authauthauth:rot13:privprivpriv", "unknown encryption 'rot13'"),
        ("ops:::aes128:privprivpriv", "encryption needs authentication"),
    ],
)
def test_a_user_that_cannot_work_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse_user(text)
