"""Keys of SNMPv3: the right ones, and none of the device's time is spent on them."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import get_args

import pytest

from agent.config import Credential
from agent.snmp import gufo_v3, pysnmp
from agent.snmp.credentials import check_credential, master_key
from agent.snmp.pysnmp import PysnmpClient, PysnmpEngines
from agent.snmp.seam import AuthProtocol, PrivProtocol, SnmpTarget, SnmpUser
from agent.snmp.usm import authentic, privacy
from rackflow.errors import ConfigError, DeviceError
from simulator.snmp import users
from tests.agent.conftest import BASE, Snmpd

USER = SnmpUser("sha512aes256", "sha512", "authauth1", "aes256", "privpriv1")


@pytest.mark.parametrize(
    ("digest", "key"),
    [("md5", "9faf3283884e92834ebc9847d8edd963"), ("sha1", "9fb5cc0381497b3793528939ff788d5d79145211")],
)
def test_the_examples_of_the_standard(digest: str, key: str) -> None:
    """RFC 3414, A.3.1 and A.3.2."""
    assert master_key("maplesyrup", digest).hex() == key


@pytest.mark.parametrize(
    ("user", "fault"),
    [
        (SnmpUser("u" * 33), "at most 32 octets"),
        (SnmpUser("é" * 17), "at most 32 octets"),
        (SnmpUser("u", priv="aes128", priv_key="privpriv1"), "privacy needs authentication"),
    ],
)
def test_a_credential_that_snmpv3_does_not_allow_is_refused(user: SnmpUser, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        check_credential(SnmpTarget("ups-1", "127.0.0.1", 161, user))
    check_credential(SnmpTarget("ups-1", "127.0.0.1", 161, SnmpUser("é" * 16)))


@pytest.mark.parametrize(
    ("what", "protocol", "tables"),
    [
        ("auth", AuthProtocol, (gufo_v3.AUTH, pysnmp.AUTH, authentic.MAC_OCTETS, users.AUTH)),
        ("priv", PrivProtocol, (gufo_v3.PRIV, pysnmp.PRIV, privacy.KEY_OCTETS, privacy.BLOCK_OCTETS, users.PRIV)),
    ],
)
def test_a_protocol_of_snmpv3_is_known_in_every_place_that_needs_it(
    what: str, protocol: object, tables: Iterable[Iterable[str]]
) -> None:
    assert get_args(Credential.model_fields[what].annotation) == get_args(protocol)
    for table in tables:
        assert {"", *table} == set(get_args(protocol))


class CpuClockLoop(asyncio.SelectorEventLoop):
    """Time is the CPU time of this process: deadlines take no notice of other processes' load."""

    def time(self) -> float:
        return time.process_time()


async def first_answer(port: int, timeout_s: float) -> float:
    """CPU seconds of a new client's first request, engine and keys included. Raises DeviceError."""
    began_s = time.process_time()
    client = PysnmpClient(SnmpTarget("ups-1", "127.0.0.1", port, USER, timeout_s, retries=0))
    try:
        assert await client.get([f"{BASE}.1.0"]) == {f"{BASE}.1.0": 42}
        return time.process_time() - began_s
    finally:
        await client.close()
        await asyncio.sleep(0)


def test_engine_and_keys_cost_the_device_none_of_its_time(shared_snmpd: Snmpd) -> None:
    """Of all the work of a first request, the answer itself is a tenth; a deadline of a fifth is enough for it."""
    with asyncio.Runner(loop_factory=CpuClockLoop) as runner:
        runner.run(first_answer(shared_snmpd.port, 10))  # modules are loaded by whoever comes first
        whole_s = runner.run(first_answer(shared_snmpd.port, 10))
        assert runner.run(first_answer(shared_snmpd.port, whole_s / 5)) > 0
        with pytest.raises(DeviceError):
            runner.run(first_answer(shared_snmpd.port, whole_s / 1000))


async def test_keys_are_derived_once_for_all_devices_of_a_user() -> None:
    engines = PysnmpEngines()
    assert await engines.credentials(USER) is await engines.credentials(replace(USER))
    assert await engines.credentials(USER) is not await engines.credentials(SnmpUser("plain"))
