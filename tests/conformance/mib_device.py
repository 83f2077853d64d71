"""A device without a recording: answers written down from its MIB, and the readings that they stand for.

`published_mibs.py` has one such device of each family; tests have further ones, for what that one does not show.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from agent.lab.replay import replay_snmp
from agent.snmp.seam import SnmpValue
from rackflow.recording.snmprec import Record
from tests.agent.shipped import shipped_profiles
from tests.conformance.golden import BOOT


@dataclass(frozen=True)
class MibDevice:
    """`answers` are instances below `root`, in the MIB's units and codes; `values`, `states` and `bad` are all readings of them."""

    profile: str
    root: str
    answers: Mapping[str, SnmpValue]
    values: Mapping[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)


async def assert_read_as_expected(device: MibDevice, asked: str = "") -> None:
    """Read by its profile, the device gives these readings and no others. If `auto` is asked for, it is recognised, too."""
    records = [Record(f"{device.root}.{tail}", "", value) for tail, value in device.answers.items()]
    identified, readings = await replay_snmp(
        sorted(records, key=lambda each: each.key), shipped_profiles(), asked or device.profile, 1_790_000_000.0
    )
    readings.values.pop(BOOT, None)
    assert identified.profile == device.profile
    assert readings.values == pytest.approx(device.values)
    assert readings.states == device.states
    assert readings.bad == device.bad
