"""What each document comes to: points, a number, an account; and what is counted, shown and told to others of it."""

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
from tests.collector.inlet import BATCH, DOCUMENT, EVENT, KINDS, PREFIX, STATUS, Inlet
from tests.collector.polls import WALL_S, wall_ms
from tests.collector.running import topic_of


@pytest.fixture
def inlet(tmp_path: Path) -> Iterator[Inlet]:
    one = Inlet(tmp_path)
    yield one
    one.letters.close()


def test_what_each_document_comes_to(inlet: Inlet) -> None:
    """Points and a number for batches and events; an account for a status; nothing to store for an identity."""
    key = EpochKey("cas1", "gw-3", "01JD5Z")
    taken = inlet.takes_document(BATCH)
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
    taken = inlet.takes_document(EVENT)
    assert ([line.partition(",")[0] for line in taken.lines], taken.poll) == (["dcim_event"], None)
    assert taken.ledger_item == Entry(key, 8, wall_ms(0.0), wall_ms(0.0))
    assert inlet.takes_document(DOCUMENT) == PreparedMessage()
    assert inlet.takes_document(STATUS) == PreparedMessage()
    account = Account(kind="disk", dropped=[Numbers(epoch="e", first=1, last=2, reason="full")])
    told = inlet.takes_document(msgspec.structs.replace(STATUS, account=account))
    assert told == PreparedMessage(ledger_item=Statement(key, account, wall_ms(0.0)))
    [device] = inlet.latest.devices()
    assert device.document == DOCUMENT
    [agent] = inlet.latest.agents()
    assert agent.status is not None
    assert agent.status == STATUS  # the account is the ledger's, and too long to be kept twice
    assert inlet.failures() == {}
    assert not inlet.dead()


def test_a_cleared_document_forgets_a_device_and_a_cleared_status_its_agent(inlet: Inlet) -> None:
    inlet.takes_document(BATCH)
    inlet.takes_document(STATUS)
    assert inlet.takes(f"{PREFIX}/device/other", b"") == PreparedMessage()
    assert inlet.takes("rackflow/v1/cas1/gw-4/device/cdu-07", b"") == PreparedMessage()
    assert len(list(inlet.latest.devices())) == 1
    assert inlet.takes(f"{PREFIX}/device/cdu-07", b"") == PreparedMessage()
    assert list(inlet.latest.devices()) == []
    assert len(list(inlet.latest.agents())) == 1
    gone = Retirement("cas1", "gw-3", wall_ms(0.0))
    assert inlet.takes(f"{PREFIX}/status", b"") == PreparedMessage(ledger_item=gone)
    assert list(inlet.latest.agents()) == []
    assert inlet.clones.states(0.0) == {}
    assert inlet.forgotten == [
        ("cas1", "gw-3", "other"),
        ("cas1", "gw-4", "cdu-07"),
        ("cas1", "gw-3", "cdu-07"),
        ("cas1", "gw-3", ""),
    ]
    assert inlet.failures() == {}


def test_backfill_is_stored_counted_and_passed_to_the_energy_records_and_is_not_shown(inlet: Inlet) -> None:
    old = msgspec.structs.replace(BATCH, time=wall_ms(-3600.0))
    taken = inlet.takes_document(old)
    assert all(line.endswith(f" {old.time}") for line in taken.lines)
    assert taken.substitute_ms is None
    assert inlet.failures() == {"stale": 1}
    assert inlet.late == [("cas1", old)]
    assert list(inlet.latest.devices()) == []
    inlet.takes_document(BATCH)
    assert inlet.late == [("cas1", old)]


def test_a_site_that_this_collector_is_not_for_is_counted_and_left(tmp_path: Path) -> None:
    """The broker may remember a subscription from an earlier configuration."""
    inlet = Inlet(tmp_path, frozenset({"cas1"}))
    there = msgspec.structs.replace(BATCH, labels={"site": "cas2"})
    assert inlet.takes_document(there, "cas2") == PreparedMessage()
    assert inlet.failures() == {"site": 1}
    assert not inlet.dead()
    assert list(inlet.latest.devices()) == []
    assert inlet.takes_document(BATCH).lines
    inlet.letters.close()


def test_a_hello_that_the_broker_says_again_is_no_second_process(inlet: Inlet) -> None:
    for epoch, again in (("A", False), ("B", False), ("A", True)):
        inlet.takes(f"{PREFIX}/status", encode(status(epoch=epoch)), again=again)
    assert inlet.clones.current(1000.0) == set()
    inlet.takes(f"{PREFIX}/status", encode(status(epoch="A")))
    assert inlet.clones.current(1000.0) == {("cas1", "gw-3")}


def test_who_gets_a_part_of_the_messages_stores_it_and_shows_nothing(tmp_path: Path) -> None:
    """Behind a shared subscription: what is shown of a part would call devices silent that are not."""
    inlet = Inlet(tmp_path, is_shown=False)
    with closing(inlet.letters):
        lines = [inlet.takes_document(one).lines for one in KINDS.values()]
    assert [bool(each) for each in lines] == [True, True, False, False]
    assert [*inlet.latest.devices(), *inlet.latest.agents()] == []
    assert inlet.failures() == {}


def test_the_delay_of_messages_is_reported_and_never_negative(inlet: Inlet) -> None:
    for late_s in (2.0, -5.0):
        inlet.takes_document(msgspec.structs.replace(BATCH, time=wall_ms(-late_s)))
    assert inlet.counters.latency.total == pytest.approx(2.0)
    assert dict(inlet.counters.latency.buckets())["+Inf"] == 2.0


def test_a_disk_that_takes_no_dead_letter_is_counted(inlet: Inlet) -> None:
    (inlet.folder / "dead.jsonl.1").mkdir()
    for number in range(200):
        inlet.takes(f"{PREFIX}/batch/cdu-07", b"x" * 10_000, after_s=60.0 * number)
    assert 0 < inlet.counters.write_failures["dead_letter"] < 200
    assert inlet.failures() == {"decode": 200}


def test_a_message_from_disk_is_stored_again_and_not_applied_to_latest_values_again(inlet: Inlet) -> None:
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
    taken = inlet.ingest.reprocess(delivery)
    assert taken.substitute_ms == wall_ms(0.0)
    assert all(line.endswith(f" {wall_ms(0.0)}") for line in taken.lines)
    assert inlet.ingest.reprocess(delivery).lines == taken.lines
    # What cannot be is told to the store as it was when it came.
    payload = encode(msgspec.structs.replace(BATCH, values={SUPPLY: 9_999.0, FLOW: 0.01}))
    odd = msgspec.structs.replace(delivery, payload=payload, size_bytes=len(payload))
    lines = inlet.ingest.reprocess(odd).lines
    assert inlet.counters.messages_received == 0
    assert inlet.failures() == {}
    assert list(inlet.latest.devices()) == []
    assert inlet.ingest.process(odd).lines == lines
    assert inlet.failures() == {"range": 1}
    broken = payload.replace(b'"schema":1', b'"schema":2')
    note = inlet.ingest.reprocess(msgspec.structs.replace(delivery, payload=broken, size_bytes=len(broken))).ledger_item
    assert note == Entry(EpochKey("cas1", "gw-3", "01JD5Z"), 7, wall_ms(0.0), wall_ms(0.0), "schema")
    assert [entry["reason"] for entry in inlet.dead()] == ["schema"]


def test_messages_whose_time_cannot_be_get_one_each_and_their_own_beside(inlet: Inlet) -> None:
    """By device, so that no two of their points fall together."""
    for seq in (1, 2):
        taken = inlet.takes_document(msgspec.structs.replace(BATCH, seq=seq, time=5_000 + seq))
        substitute_ms = wall_ms(0.0) + seq - 1
        assert taken.substitute_ms == substitute_ms
        assert taken.lines[-1].endswith(f"original_timestamp_seconds={5 + seq / 1000!r} {substitute_ms}")
        assert len(taken.lines) == 3
        assert all(line.endswith(f" {substitute_ms}") for line in taken.lines)
        assert taken.ledger_item == Entry(EpochKey("cas1", "gw-3", "01JD5Z"), seq, substitute_ms, wall_ms(0.0))
        assert taken.poll is not None
        assert taken.poll.time_s == substitute_ms / 1000
    other = inlet.takes_document(msgspec.structs.replace(BATCH, device="cdu-08", time=5_000))
    assert other.substitute_ms == wall_ms(0.0)
    assert inlet.failures()["time"] == 3


def test_after_a_restart_of_its_agent_a_devices_messages_count_in_the_new_run(inlet: Inlet) -> None:
    """Else the numbers of the new run would be taken for ones of the run before, which are stored already."""
    found = [
        inlet.takes_document(msgspec.structs.replace(BATCH, epoch=epoch)).ledger_item for epoch in ("01JA", "01JB")
    ]
    assert [each.key.epoch for each in found if isinstance(each, Entry)] == ["01JA", "01JB"]
