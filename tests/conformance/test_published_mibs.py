"""SNMP families that no recording is there of, read as their published MIBs say."""

import pytest

from agent.lab.replay import replay_snmp
from agent.profile.load import load_profiles
from rackflow.recording.snmprec import Record
from tests.conformance.golden import BOOT
from tests.conformance.published_mibs import MIBS


def test_each_family_that_claims_a_published_mib_is_read_by_it() -> None:
    claimed = {
        name
        for name, profile in load_profiles().items()
        if profile.protocol == "snmp" and profile.evidence == "published map"
    }
    assert claimed == MIBS.keys()


@pytest.mark.parametrize("name", MIBS)
async def test_a_published_mib_is_read_in_base_units(name: str) -> None:
    one = MIBS[name]
    records = [Record(f"{one.root}.{tail}", "", value) for tail, value in one.answers.items()]
    identified, readings = await replay_snmp(records, load_profiles(), "auto", 1_790_000_000.0)
    readings.values.pop(BOOT, None)
    assert identified.profile == name
    assert readings.values == pytest.approx(one.values)
    assert readings.states == one.states
    assert readings.bad == one.bad
