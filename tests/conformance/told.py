"""A device as its MIB tells it: what it answers, and what must be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from agent.lab.replay import replay_snmp
from agent.snmp.seam import SnmpValue
from rackflow.recording.snmprec import Record
from tests.agent.shipped import shipped_profiles


@dataclass(frozen=True)
class Told:
    """Instances below `root`, and all readings that they give."""

    profile: str
    root: str
    answers: Mapping[str, SnmpValue]
    values: Mapping[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)


async def assert_read_as_told(one: Told) -> None:
    """These readings and no others, by this profile."""
    records = [Record(f"{one.root}.{tail}", "", value) for tail, value in one.answers.items()]
    identified, readings = await replay_snmp(
        sorted(records, key=lambda each: each.key), shipped_profiles(), one.profile, 1_790_000_000.0
    )
    assert identified.profile == one.profile
    assert readings.values == pytest.approx(one.values)
    assert readings.states == one.states
    assert readings.bad == one.bad
