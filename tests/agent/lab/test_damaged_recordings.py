"""Recordings with holes, NULL and text where numbers belong: those cells are absent with a reason, the rest is read as before."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.config import Device
from agent.lab.replay import RecordingClient, read_all
from agent.poll.plans import SharedPlans
from agent.poll.snmp import SnmpPoller
from agent.profile.planning.planning_cells import planning_columns, planning_instances
from agent.readings import Readings
from agent.snmp.seam import SnmpValue
from rackflow.recording.snmprec import Record, read_snmprec
from tests.agent.shipped import shipped_profiles

RECORDINGS = Path(__file__).resolve().parents[3] / "simulator" / "recordings"
PROFILES = shipped_profiles()
PLANS = SharedPlans()
DERIVED = ("dcim_ups_output_current_unbalance_ratio", "dcim_pdu_current_unbalance_ratio", "dcim_env_dew_point_celsius")
"""Computed from several readings: gone without a reason of their own where one of those is bad."""


class Noting(RecordingClient):
    """Notes what is polled once the device is open."""

    def __init__(self, records: Sequence[Record]) -> None:
        super().__init__(records)
        self.asked: dict[str, None] = {}

    async def get(self, oids: Sequence[str]) -> dict[str, SnmpValue]:
        self.asked |= dict.fromkeys(oids)
        return await super().get(oids)


def first_and_last_rows(oids: set[str]) -> list[str]:
    """Of each column's cells the first and the last; the rows between are read by the same lines of the profile."""
    columns: dict[str, list[str]] = {}
    for oid in sorted(oids, key=lambda each: [int(part) for part in each.split(".")]):
        columns.setdefault(oid.rpartition(".")[0], []).append(oid)
    return [oid for cells in columns.values() for oid in dict.fromkeys((cells[0], cells[-1]))]


async def read(records: Sequence[Record], profile: str) -> tuple[Readings, list[str]]:
    client = Noting(records)
    device = Device(id="d", host="h", credential="c", profile=profile, outlets=True)
    poller = SnmpPoller(device, PROFILES, client, plans=PLANS)
    await poller.open()
    client.asked.clear()
    _, readings = await read_all(poller, 1e9)
    readings.values = {key: value for key, value in readings.values.items() if not key.startswith(DERIVED)}
    return readings, list(client.asked)


@pytest.mark.parametrize("damage", [b"oops", b"", None, "1.3.6.1", "hole"])
@pytest.mark.parametrize("name", ["apc-ups", "apc-rpdu2", "rfc1628-ups"])
async def test_a_damaged_cell_costs_its_own_reading_only(name: str, damage: SnmpValue) -> None:
    records = read_snmprec(RECORDINGS / f"{name}.snmprec")
    whole, asked = await read(records, name)
    numbers = {record.oid for record in records if isinstance(record.value, int)} & set(asked)
    assert len(numbers) > 10
    rejected = 0
    planned = {column for table in PROFILES[name].tables for column in planning_columns(table)}
    instances = planning_instances(PROFILES[name])
    for oid in first_and_last_rows(numbers):
        if oid.startswith("1.3.6.1.2.1.1.") or oid in instances:
            continue  # the latter decide which series there are
        if any(oid.startswith(f"{column}.") for column in planned):
            continue  # and what they are called
        kept = [
            Record(record.oid, record.tag, damage) if record.oid == oid else record
            for record in records
            if damage != "hole" or record.oid != oid
        ]
        readings, _ = await read(kept, name)
        everything = readings.values | readings.states
        assert everything.keys() <= (whole.values | whole.states).keys()
        for key, value in readings.values.items():
            # A coarser source may stand in for a fine one.
            assert value == pytest.approx(whole.values[key], rel=0.05, abs=1), (oid, key)
        assert {key: whole.states[key] for key in readings.states} == readings.states
        missing = (whole.values | whole.states).keys() - everything.keys()
        assert damage == "hole" or missing <= readings.bad.keys(), (oid, missing)
        rejected += len(readings.bad)
    assert rejected >= 10 or damage == "hole"
