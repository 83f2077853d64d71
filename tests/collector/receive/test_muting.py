"""Senders of which too much is refused: their messages are left unread for a while, and nobody else's are."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from collector.budgets import DEVICE_SERIES, AgentBudget, Budgets
from collector.flow.ingest import MESSAGE_BYTES
from collector.receive.muting import LEAST_LEFT_BYTES, REFUSED_BURST_BYTES, Muting
from rackflow import encode
from tests.collector.documents import PUMP
from tests.collector.ingest_rig import BATCH, PREFIX, IngestRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[IngestRig]:
    """One whose agents may have three series."""
    budgets = Budgets(AgentBudget(10, DEVICE_SERIES + 3, 1 << 20), agents=10, sites=3)
    one = IngestRig(tmp_path, budgets=budgets)
    yield one
    one.letters.close()


def test_a_sender_of_which_too_much_is_refused_is_muted_for_a_while_and_nobody_else_is(rig: IngestRig) -> None:
    rig.process_document(BATCH)
    rig.process_document(msgspec.structs.replace(BATCH, agent="gw-4", device="pdu-1"))
    namesake = msgspec.structs.replace(BATCH, labels={"site": "cas2"})
    rig.process_document(namesake, "cas2")
    rubbish = b"x" * 60_000
    sent = REFUSED_BURST_BYTES // 60_000
    for _ in range(sent):
        rig.process(f"{PREFIX}/batch/cdu-07", rubbish)
    read = rig.failures()["decode"]
    assert 0.95 * sent < read < sent
    assert not rig.process_document(msgspec.structs.replace(BATCH, seq=8)).lines
    assert rig.failures()["muted"] == 1 + sent - read
    assert rig.process_document(msgspec.structs.replace(BATCH, seq=8, agent="gw-4", device="pdu-1")).lines
    assert rig.process_document(msgspec.structs.replace(namesake, seq=8), "cas2").lines
    assert rig.process_document(msgspec.structs.replace(BATCH, seq=9), after_s=1.0).lines
    # Few of them are in the dead-letter file, and all are counted.
    assert 0 < len(rig.dead()) < 20
    assert 0 < rig.failures()["unlogged"] < read


def test_of_a_sender_that_is_nearly_muted_a_large_message_is_left_unread_and_a_small_one_is_read(
    rig: IngestRig,
) -> None:
    rig.process_document(BATCH)
    large = b"x" * 200_000
    sent = (REFUSED_BURST_BYTES - 100_000) // (len(large) + MESSAGE_BYTES)
    for _ in range(sent):
        rig.process(f"{PREFIX}/batch/cdu-07", large)
    assert rig.failures()["decode"] == sent
    rig.process(f"{PREFIX}/batch/cdu-07", large)
    assert (rig.failures()["decode"], rig.failures()["muted"]) == (sent, 1)
    assert rig.process_document(msgspec.structs.replace(BATCH, seq=8)).lines


def test_of_a_message_that_is_refused_in_part_that_part_counts_as_read_in_vain(rig: IngestRig) -> None:
    values = {f"dcim_cdu_supply_temperature_celsius{{loop={number:05d}}}": 20.0 for number in range(5)}
    partly = msgspec.structs.replace(BATCH, values=values, states={PUMP: "running"})
    rig.process_document(partly)
    assert rig.failures() == {"series": 3}  # of six readings
    left = REFUSED_BURST_BYTES - len(encode(partly)) / 2
    assert not rig.muting.is_muted("cas1/gw-3", int(left), 1000.0)
    assert rig.muting.is_muted("cas1/gw-3", int(left) + 1, 1000.0)
    # All of a message that breaks the contract, and what reading it costs besides its length.
    rig.process(f"{PREFIX}/batch/cdu-07", b"x" * 100)
    assert not rig.muting.is_muted("cas1/gw-3", int(left - MESSAGE_BYTES - 100), 1000.0)
    assert rig.muting.is_muted("cas1/gw-3", int(left - MESSAGE_BYTES - 100) + 1, 1000.0)


def test_a_sender_may_use_the_last_byte_that_it_has_left() -> None:
    muting = Muting()
    muting.note_refused("cas1/gw-3", REFUSED_BURST_BYTES - 2 * LEAST_LEFT_BYTES, 0.0)
    assert not muting.is_muted("cas1/gw-3", 2 * LEAST_LEFT_BYTES, 0.0)
    assert muting.is_muted("cas1/gw-3", 2 * LEAST_LEFT_BYTES + 1, 0.0)
    muting.note_refused("cas1/gw-3", LEAST_LEFT_BYTES, 0.0)
    assert not muting.is_muted("cas1/gw-3", 1, 0.0)
    muting.note_refused("cas1/gw-3", 1, 0.0)
    assert muting.is_muted("cas1/gw-3", 1, 0.0)
