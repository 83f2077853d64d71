"""From configuration to pollers: what a profile says of its devices reaches those that are recognised, too."""

from typing import Literal

import pytest

from agent.config import AgentConfig
from agent.lab.replay import read_all
from agent.poll.factory import MODBUS_TIMEOUT_S, SNMP_TIMEOUT_S, PollerFactory, modbus_target, snmp_target
from agent.profile.loading.load import parse_profile
from agent.snmp.pysnmp import PysnmpClient
from agent.snmp.seam import SnmpClient, SnmpCommunity, SnmpUser
from rackflow.errors import ConfigError
from rackflow.process.config import check_config
from tests.agent.faulty_peers import GET, FaultyAgent, tlv
from tests.agent.snmp.snmp_clients import SYS_NAME, TREE, table

OUTLETS = "\n".join(
    f"  - {{metric: dcim_pdu_outlet_power_watts, labels: {{outlet: '{row}'}}, oid: {TREE}.1.{row}, unit: watt}}"
    for row in range(1, 13)
)
PROFILE = f"""
version: 1
profile: slow-pdu
class: pdu
protocol: snmp
title: A PDU that takes little at a time
source: a manual
evidence: unverified
recognise: {{probes: [{TREE}.1.1]}}
max_varbinds: 4
points:
{OUTLETS}
"""


async def sizes(profile: str, max_varbinds: int | None = None) -> list[int]:
    """How many objects each request asks for, from planning on; all twelve outlets are read."""
    profiles = {"slow-pdu": parse_profile(PROFILE, "slow-pdu.yaml")}
    async with FaultyAgent({**table(12), SYS_NAME: tlv(4, b"pdu")}).serving() as agent:
        device = {"id": "pdu", "host": "127.0.0.1", "port": agent.port, "credential": "c", "outlets": True}
        whole = {
            "agent": "gw-1",
            "labels": {"site": "t1"},
            "credentials": {"c": {"community": "public"}},
            "devices": [device | {"profile": profile, "max_varbinds": max_varbinds}],
        }
        config = check_config(whole, AgentConfig, "test")
        poller = PollerFactory(profiles)(config, config.devices[0])
        try:
            _, readings = await read_all(poller, 1e9)
        finally:
            await poller.close()
        assert sorted(readings.values.values()) == list(range(1, 13))
        return [len(each.oids) for each in agent.requests if each.kind == GET and f"{TREE}.1.2" in each.oids]


async def test_a_device_is_asked_for_as_much_as_its_profile_says() -> None:
    assert max(await sizes("slow-pdu")) == 4
    assert max(await sizes("auto")) == 4, "recognised, not named"


async def test_the_configuration_knows_better_than_the_profile() -> None:
    assert max(await sizes("auto", 12)) == 12
    assert max(await sizes("slow-pdu", 3)) == 3


GATEWAY = """
version: 1
profile: meter
class: meter
protocol: modbus
title: A meter behind a slow gateway
source: a manual
evidence: unverified
modbus: {unit: 1, pause_s: 0.2}
points:
  - {metric: dcim_meter_frequency_hertz, labels: {role: it}, register: 20, unit: hertz}
"""
PROFILES = {"slow-pdu": parse_profile(PROFILE, "slow-pdu.yaml"), "meter": parse_profile(GATEWAY, "meter.yaml")}


def config_of(**device: object) -> AgentConfig:
    keys = {"auth": "sha256", "auth_key": "authauth1", "priv": "aes128", "priv_key": "privpriv1"}
    user = {"version": "3", "user": "u", "context": "phase-b", **keys}
    whole = {
        "agent": "gw-1",
        "labels": {"site": "t1"},
        "credentials": {"c": user},
        "devices": [{"id": "d", "host": "h", **device}],
    }
    return check_config(whole, AgentConfig, "test")


def test_what_is_configured_of_a_modbus_unit_reaches_its_link() -> None:
    plain = config_of(protocol="modbus", profile="meter").devices[0]
    found = modbus_target(plain, PROFILES)
    assert (found.host, found.port, found.timeout_s, found.pause_s) == ("h", 502, MODBUS_TIMEOUT_S, 0.2)
    assert found.accepts == frozenset()
    odd = {"port": 1502, "timeout_s": 3, "accept_answers": ["other_unit"]}
    found = modbus_target(config_of(protocol="modbus", profile="meter", **odd).devices[0], PROFILES)
    assert (found.port, found.timeout_s, found.accepts) == (1502, 3.0, frozenset({"other_unit"}))
    line = {
        "transport": "serial",
        "serial": "/dev/ttyUSB1",
        "baudrate": 9600,
        "parity": "E",
        "stopbits": 2,
        "host": None,
    }
    found = modbus_target(config_of(protocol="modbus", profile="meter", **line).devices[0], PROFILES)
    assert (found.transport, found.serial) == ("serial", "/dev/ttyUSB1")
    assert (found.baudrate, found.parity, found.stopbits) == (9600, "E", 2)


def test_what_is_configured_of_an_snmp_device_reaches_its_client() -> None:
    config = config_of(profile="slow-pdu", credential="c")
    found = snmp_target(config, config.devices[0])
    assert (found.device, found.host, found.port, found.timeout_s) == ("d", "h", 161, SNMP_TIMEOUT_S)
    assert found.credential == SnmpUser("u", "sha256", "authauth1", "aes128", "privpriv1", "phase-b")
    config = config_of(profile="slow-pdu", credential="c", port=1161, timeout_s=5, retries=3, max_varbinds=7)
    found = snmp_target(config, config.devices[0])
    assert (found.port, found.timeout_s, found.retries, found.max_varbinds) == (1161, 5.0, 3, 7)


@pytest.mark.parametrize("version", ["1", "2c"])
def test_a_device_is_asked_in_the_version_of_its_credential(version: Literal["1", "2c"]) -> None:
    """One that knows version 1 alone does not answer to another."""
    config = check_config(
        {
            "agent": "gw-1",
            "labels": {"site": "t1"},
            "credentials": {"c": {"version": version, "community": "secret"}},
            "devices": [{"id": "d", "host": "h", "profile": "slow-pdu", "credential": "c"}],
        },
        AgentConfig,
        "test",
    )
    assert snmp_target(config, config.devices[0]).credential == SnmpCommunity(version, "secret")


def test_a_device_whose_profile_speaks_another_protocol_is_refused_with_the_remedy() -> None:
    config = config_of(profile="meter", credential="c")
    with pytest.raises(ConfigError, match="'meter' speaks modbus; set `protocol: modbus`"):
        PollerFactory(PROFILES)(config, config.devices[0])


@pytest.mark.parametrize("of", ["device", "all"])
async def test_an_engine_is_that_of_the_device_or_of_all(of: str) -> None:
    clients: list[SnmpClient] = []

    def note(client: SnmpClient) -> SnmpClient:
        clients.append(client)
        return client

    config = config_of(profile="slow-pdu", credential="c", **({"engine": "pysnmp"} if of == "device" else {}))
    if of == "all":
        config = config.model_copy(update={"engine": "pysnmp"})
    await PollerFactory(PROFILES)(config, config.devices[0], wrap_snmp=note).close()
    assert [type(each) for each in clients] == [PysnmpClient]
