"""What each document comes to: points, a number, an account; and what is counted, shown and handed to others of it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from collector.flow.prepared import PreparedMessage
from collector.ledger.epochs import Entry, EpochKey, Retirement, Statement
from collector.receive.delivery import Delivery
from collector.receive.poll_counts import Polled, PolledDevice
from rackflow import encode
from rackflow.documents import Account, Numbers
from tests.collector.documents import FLOW, SUPPLY, status
from tests.collector.ingest_rig import BATCH, DOCUMENT, EVENT, KINDS, PREFIX, STATUS, IngestRig
from tests.collector.polls import WALL_S, wall_ms
from tests.collector.running import topic_of


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[IngestRig]:
    one = IngestRig(tmp_path)
    yield one
    one.letters.close()


def test_batches_and_events_come_to_points_a_status_to_an_account_and_an_identity_to_nothing(rig: IngestRig) -> None:
    """Points and a number for batches and events; an account for a status; nothing to store for an identity."""
    key = EpochKey("cas1", "gw-3", "01JD5Z")
    taken = rig.process_document(BATCH)
    assert len(taken.lines) == 2
    assert taken.ledger_item == Entry(key, 7, wall_ms(0.0), wall_ms(0.0))
    assert taken.poll == Polled(
        who=PolledDevice("cas1", "gw-3", "cdu-07"),
        device_class="cdu",
        poll="safety",
        interval_s=1.0,
        time_s=WALL_S,
        up=True,
    )
    taken = rig.process_document(EVENT)
    assert ([line.partition(",")[0] for line in taken.lines], taken.poll) == (["dcim_event"], None)
    assert taken.ledger_item == Entry(key, 8, wall_ms(0.0), wall_ms(0.0))
    assert rig.process_document(DOCUMENT) == PreparedMessage()
    assert rig.process_document(STATUS) == PreparedMessage()
    account = Account(kind="disk", dropped=[Numbers(epoch="e", first=1, last=2, reason="full")])
    found = rig.process_document(msgspec.structs.replace(STATUS, account=account))
    assert found == PreparedMessage(ledger_item=Statement(key, account, wall_ms(0.0)))
    [device] = rig.latest.devices()
    assert device.document == DOCUMENT
    [agent] = rig.latest.agents()
    assert agent.status is not None
    assert agent.status == STATUS  # the account is the ledger's, and too long to be kept twice
    assert rig.failures() == {}
    assert not rig.dead()


def test_a_cleared_document_forgets_a_device_and_a_cleared_status_its_agent(rig: IngestRig) -> None:
    rig.process_document(BATCH)
    rig.process_document(STATUS)
    assert rig.process(f"{PREFIX}/device/other", b"") == PreparedMessage()
    assert rig.process("rackflow/v1/cas1/gw-4/device/cdu-07", b"") == PreparedMessage()
    assert len(list(rig.latest.devices())) == 1
    assert rig.process(f"{PREFIX}/device/cdu-07", b"") == PreparedMessage()
    assert list(rig.latest.devices()) == []
    assert len(list(rig.latest.agents())) == 1
    gone = Retirement("cas1", "gw-3", wall_ms(0.0))
    assert rig.process(f"{PREFIX}/status", b"") == PreparedMessage(ledger_item=gone)
    assert list(rig.latest.agents()) == []
    assert rig.clones.states(0.0) == {}
    assert rig.forgotten == [
        ("cas1", "gw-3", "other"),
        ("cas1", "gw-4", "cdu-07"),
        ("cas1", "gw-3", "cdu-07"),
        ("cas1", "gw-3", ""),
    ]
    assert rig.failures() == {}


def test_backfill_is_stored_counted_and_passed_to_the_energy_records_and_is_not_shown(rig: IngestRig) -> None:
    old = msgspec.structs.replace(BATCH, time=wall_ms(-3600.0))
    taken = rig.process_document(old)
    assert all(line.endswith(f" {old.time}") for line in taken.lines)
    assert taken.substitute_ms is None
    assert rig.failures() == {"stale": 1}
    assert rig.late == [("cas1", old)]
    assert list(rig.latest.devices()) == []
    rig.process_document(BATCH)
    assert rig.late == [("cas1", old)]


def test_a_site_that_this_collector_is_not_for_is_counted_and_left(tmp_path: Path) -> None:
    """The broker may remember a subscription from an earlier configuration."""
    rig = IngestRig(tmp_path, frozenset({"cas1"}))
    there = msgspec.structs.replace(BATCH, labels={"site": "cas2"})
    assert rig.process_document(there, "cas2") == PreparedMessage()
    assert rig.failures() == {"site": 1}
    assert not rig.dead()
    assert list(rig.latest.devices()) == []
    assert rig.process_document(BATCH).lines
    rig.letters.close()


def test_a_hello_that_the_broker_says_again_is_no_second_process(rig: IngestRig) -> None:
    for epoch, again in (("A", False), ("B", False), ("A", True)):
        rig.process(f"{PREFIX}/status", encode(status(epoch=epoch)), again=again)
    assert rig.clones.current(1000.0) == set()
    rig.process(f"{PREFIX}/status", encode(status(epoch="A")))
    assert rig.clones.current(1000.0) == {("cas1", "gw-3")}


def test_who_gets_a_part_of_the_messages_stores_it_and_shows_nothing(tmp_path: Path) -> None:
    """Behind a shared subscription: what is shown of a part would call devices silent that are not."""
    rig = IngestRig(tmp_path, is_shown=False)
    with closing(rig.letters):
        lines = [rig.process_document(one).lines for one in KINDS.values()]
    assert [bool(each) for each in lines] == [True, True, False, False]
    assert [*rig.latest.devices(), *rig.latest.agents()] == []
    assert rig.failures() == {}


def test_the_delay_of_messages_is_reported_and_never_negative(rig: IngestRig) -> None:
    for late_s in (2.0, -5.0):
        rig.process_document(msgspec.structs.replace(BATCH, time=wall_ms(-late_s)))
    assert rig.counters.latency.total == pytest.approx(2.0)
    assert dict(rig.counters.latency.buckets())["+Inf"] == 2.0


def test_a_disk_that_takes_no_dead_letter_is_counted(rig: IngestRig) -> None:
    (rig.folder / "dead.jsonl.1").mkdir()
    for number in range(200):
        rig.process(f"{PREFIX}/batch/cdu-07", b"x" * 10_000, after_s=60.0 * number)
    assert 0 < rig.counters.write_failures["dead_letter"] < 200
    assert rig.failures() == {"decode": 200}


def test_a_message_from_disk_is_stored_again_and_not_applied_to_latest_values_again(rig: IngestRig) -> None:
    """It was counted and shown when it came; its time is that of the receipt that it was kept with, where its own cannot be."""
    payload = encode(msgspec.structs.replace(BATCH, time=5))
    delivery = Delivery(
        topic=topic_of(BATCH),
        payload=payload,
        size_bytes=len(payload),
        qos=1,
        mid=1,
        connection=1,
        mono_s=1000.0,
        wall_s=WALL_S,
    )
    taken = rig.ingest.reprocess(delivery)
    assert taken.substitute_ms == wall_ms(0.0)
    assert all(line.endswith(f" {wall_ms(0.0)}") for line in taken.lines)
    assert rig.ingest.reprocess(delivery).lines == taken.lines
    # An impossible time is written to the store as it came.
    payload = encode(msgspec.structs.replace(BATCH, values={SUPPLY: 9_999.0, FLOW: 0.01}))
    odd = msgspec.structs.replace(delivery, payload=payload, size_bytes=len(payload))
    lines = rig.ingest.reprocess(odd).lines
    assert rig.counters.messages_received == 0
    assert rig.failures() == {}
    assert list(rig.latest.devices()) == []
    assert rig.ingest.process(odd).lines == lines
    assert rig.failures() == {"range": 1}
    broken = payload.replace(b'"schema":1', b'"schema":2')
    note = rig.ingest.reprocess(msgspec.structs.replace(delivery, payload=broken, size_bytes=len(broken))).ledger_item
    assert note == Entry(EpochKey("cas1", "gw-3", "01JD5Z"), 7, wall_ms(0.0), wall_ms(0.0), "schema")
    assert [entry["reason"] for entry in rig.dead()] == ["schema"]


def test_messages_whose_time_cannot_be_get_one_each_and_their_own_beside(rig: IngestRig) -> None:
    """By device, so that no two of their points fall together."""
    for seq in (1, 2):
        taken = rig.process_document(msgspec.structs.replace(BATCH, seq=seq, time=5_000 + seq))
        substitute_ms = wall_ms(0.0) + seq - 1
        assert taken.substitute_ms == substitute_ms
        assert taken.lines[-1].endswith(f"original_timestamp_seconds={5 + seq / 1000!r} {substitute_ms}")
        assert len(taken.lines) == 3
        assert all(line.endswith(f" {substitute_ms}") for line in taken.lines)
        assert taken.ledger_item == Entry(EpochKey("cas1", "gw-3", "01JD5Z"), seq, substitute_ms, wall_ms(0.0))
        assert taken.poll is not None
        assert taken.poll.time_s == substitute_ms / 1000
    other = rig.process_document(msgspec.structs.replace(BATCH, device="cdu-08", time=5_000))
    assert other.substitute_ms == wall_ms(0.0)
    assert rig.failures()["time"] == 3


def test_after_a_restart_of_its_agent_a_devices_messages_count_in_the_new_run(rig: IngestRig) -> None:
    """Else the numbers of the new run would be taken for ones of the run before, which are stored already."""
    found = [
        rig.process_document(msgspec.structs.replace(BATCH, epoch=epoch)).ledger_item for epoch in ("01JA", "01JB")
    ]
    assert [each.key.epoch for each in found if isinstance(each, Entry)] == ["01JA", "01JB"]


def test_a_device_that_was_moved_is_stored_in_its_new_place_from_its_next_poll_on(rig: IngestRig) -> None:
    """And in the former one if its agent's file is corrected back; its batches carry the labels."""
    found = []
    for seq, rack in enumerate(("b07", "b08", "b08", "b07"), 1):
        moved = msgspec.structs.replace(BATCH, seq=seq, labels={**BATCH.labels, "rack": rack})
        found.append({f"rack={rack}" in line.split()[0].split(",") for line in rig.process_document(moved).lines})
    assert found == [{True}] * 4
