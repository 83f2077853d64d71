"""A poll that came in several batches is one poll: all its readings are shown, and it is counted once."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from rackflow import Batch, encode
from rackflow.documents import Part
from tests.collector.documents import FLOW, PUMP, SUPPLY
from tests.collector.ingest_rig import BATCH, IngestRig
from tests.collector.running import topic_of


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[IngestRig]:
    one = IngestRig(tmp_path)
    yield one
    one.letters.close()


def parts() -> list[Batch]:
    """Three parts: a value, a state, and two rejected readings with a value."""
    bad = {"dcim_cdu_supply_pressure_pascals{loop=primary}": "sentinel", "dcim_cdu_pump_power_watts{pump=1}": "range"}
    readings = [({SUPPLY: 32.0}, {}, {}), ({}, {PUMP: "running"}, {}), ({FLOW: 0.002}, {}, bad)]
    return [
        msgspec.structs.replace(
            BATCH,
            seq=seq,
            values=values,
            states=states,
            bad=rejected,
            part=Part(number=seq - 6, of=3, rejected=2),
        )
        for seq, (values, states, rejected) in enumerate(readings, 7)
    ]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_all_readings_of_all_parts_are_current_and_the_poll_is_counted_once(rig: IngestRig, order: list[int]) -> None:
    taken = [rig.process_document(parts()[at]) for at in order]
    [device] = rig.latest.devices()
    assert device.series.keys() == {SUPPLY, PUMP, FLOW}
    assert (device.up, device.rejected) == (True, 2)
    assert sum(each.poll is not None for each in taken) == 1
    [agent] = rig.latest.agents()
    assert sum(histogram.buckets()[-1][1] for histogram in agent.poll_duration.values()) == 1
    lines = [line for each in taken for line in each.lines if line.startswith("dcim_device,")]
    assert len(set(lines)) == 1, "each part writes the same point about the poll"
    assert "rejected_readings=2.0" in lines[0]
    assert rig.failures() == {}


def test_each_part_has_its_own_number_in_the_ledger(rig: IngestRig) -> None:
    notes = [rig.process_document(each).ledger_item for each in parts()]
    assert [getattr(note, "seq", None) for note in notes] == [7, 8, 9]


@pytest.mark.parametrize(
    "part",
    [
        {"number": 0, "of": 3, "rejected": 0},
        {"number": 1, "of": 10**400, "rejected": 0},
        {"number": 1, "of": 3, "rejected": 10**400},
        {"number": 1, "of": 3, "rejected": -1},
        {"number": 1.5, "of": 3, "rejected": 0},
        {"number": 1},
        3,
    ],
)
def test_a_part_that_cannot_be_one_breaks_the_contract_and_nothing_else(rig: IngestRig, part: object) -> None:
    document = json.loads(encode(BATCH))
    # Python's own encoder writes integers of any size.
    payload = json.dumps(document | {"part": part}).encode()
    assert rig.process(topic_of(BATCH), payload).lines == ()
    assert rig.process_document(BATCH).lines
