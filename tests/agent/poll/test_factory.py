"""From configuration to pollers: what a profile says of its devices reaches those that are recognised, too."""

from agent.config import AgentConfig
from agent.lab.replay import read_all
from agent.poll.factory import PollerFactory
from agent.profile.load import parse_profile
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
