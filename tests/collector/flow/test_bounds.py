"""What numbers and times in messages can do: nothing beyond the device that they are about, and nothing for long."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from rackflow import Batch, DeviceDocument
from rackflow.catalogue import MAX_POLL_SECONDS
from tests.collector.documents import FLOW, SUPPLY
from tests.collector.ingest_rig import BATCH, DOCUMENT, IngestRig
from tests.collector.polls import NOW_S, wall_ms


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[IngestRig]:
    one = IngestRig(tmp_path)
    yield one
    one.letters.close()


def having(one: Batch, **fields: object) -> Batch:
    return msgspec.structs.replace(one, **fields)


def test_an_interval_of_30_years_keeps_a_reading_for_three_minutes(rig: IngestRig) -> None:
    taken = rig.process_document(having(BATCH, interval_s=1e9))
    [device] = rig.latest.devices()
    assert device.series[SUPPLY].expires_at == NOW_S + 3 * MAX_POLL_SECONDS["safety"]
    assert taken.poll is not None
    assert taken.poll.interval_s == MAX_POLL_SECONDS["safety"]
    assert rig.failures() == {"interval": 1}
    # Of a description, too: polls are expected by it.
    rig.process_document(msgspec.structs.replace(DOCUMENT, intervals={"safety": 5e-324, "inventory": 1e9}))
    assert device.document is not None
    assert device.document.intervals == {"safety": 0.1, "inventory": 86_400.0}


def test_a_description_from_the_future_does_not_keep_out_the_next_one(rig: IngestRig) -> None:
    rig.process_document(BATCH)
    for after_s, model in ((0.0, "first"), (1.0, "second")):
        future = wall_ms(10 * 365 * 86_400.0) if model == "first" else wall_ms(after_s)
        rig.process_document(msgspec.structs.replace(DOCUMENT, model=model, time=future), after_s=after_s)
        [device] = rig.latest.devices()
        assert isinstance(device.document, DeviceDocument)
        assert device.document.model == model
    assert rig.failures() == {}


def test_a_value_that_cannot_be_is_in_bad_and_the_rest_of_its_batch_goes_on(rig: IngestRig) -> None:
    """Shown nowhere, stored nowhere, and counted as a rejected reading of its device."""
    taken = rig.process_document(
        having(BATCH, values={SUPPLY: 1e300, FLOW: 0.001}, bad={"dcim_cdu_approach_celsius": "sentinel"})
    )
    [device] = rig.latest.devices()
    assert list(device.series) == [FLOW]
    assert device.rejected == 2
    assert any("rejected_readings=2.0" in line for line in taken.lines)
    assert not any("1e+300" in line for line in taken.lines)
    assert rig.failures() == {"range": 1}
    assert not rig.dead()
