"""Whatever arrives, nothing raises: a message that did would come again after every restart."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.counters import Counters
from collector.flow.ingest import Ingest, IngestSettings, Senders
from collector.latest.latest import Latest
from collector.ledger.epochs import Entry, Retirement
from collector.ledger.file import LedgerItem
from collector.ledger.ledger import Ledger
from collector.ledger.tables import SCHEMA, begin, load_epochs, save
from collector.receive.clones import Clones
from collector.receive.dead_letters import DeadLetters
from collector.receive.delivery import Delivery
from collector.receive.owners import Owners
from collector.receive.usage import Usage
from collector.store.lines import Dialect
from collector.web.exposition import render
from collector.web.page import Moment, page_steps
from rackflow import Batch, DeviceDocument, Event, Status, encode
from rackflow.documents import MAX_SEQ, Account, Numbers
from tests.at_once import at_once
from tests.collector.documents import FLOW, LABELS, PUMP, SUPPLY, batch, document, now_ms, status
from tests.collector.ingest_rig import BATCH, BUDGETS, PREFIX, IngestRig
from tests.collector.running import topic_of

EVENT = Event(agent="gw-3", epoch="e", seq=1, time=1, device="cdu-07", device_class="cdu", kind="state", labels=LABELS)
GOOD: list[Batch | Event | DeviceDocument | Status] = [
    batch(values={SUPPLY: 1.0, FLOW: 2.0}, states={PUMP: "running"}),
    EVENT,
    document(),
    status("cdu-07"),
]
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
ANYTHING: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def taken(folder: Path, topic: str, payload: bytes, dialect: Dialect = "influxdb") -> tuple[list[str], Counters]:
    """Lines of one message, after everything that shows what is held has been shown."""
    latest, counters = Latest(1000), Counters()
    letters = DeadLetters(folder / "dead.jsonl", 1 << 20)
    ingest = Ingest(
        latest,
        letters,
        counters,
        Senders(Owners(BUDGETS), Usage(BUDGETS), Clones()),
        IngestSettings(dialect, None, 400),
    )
    wall_s = now_ms() / 1000
    came_to = ingest.process(
        Delivery(
            topic=topic,
            payload=payload,
            size_bytes=len(payload),
            qos=1,
            mid=1,
            connection=1,
            mono_s=10.0,
            wall_s=wall_s,
        )
    )
    lines = list(came_to.lines)
    letters.close()
    if came_to.ledger_item is not None:
        note_on_disk(came_to.ledger_item)
    "\n".join(lines).encode()
    render(latest, 11.0)[0].encode()
    at_once(page_steps)(latest, Moment(11.0, wall_s), {}).encode()
    return lines, counters


@pytest.mark.parametrize("kind", ["batch", "event", "device"])
def test_what_doctor_tries_at_the_broker_is_no_message_of_an_agent(kind: str, tmp_path: Path) -> None:
    lines, counters = taken(tmp_path, f"rackflow/v1/t1/gw-1/{kind}/rackflow-doctor", b"")
    assert (lines, counters.failures.total()) == ([], 0)
    assert (tmp_path / "dead.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("batch/cdu-07", b"", "decode"),
        ("event/cdu-07", b"", "decode"),
        ("stored/collector-1", b"{}", "topic"),
        ("stored/collector-1", b"", "topic"),
        ("lease", b"{}", "topic"),
        ("lease", b"", "topic"),
    ],
)
def test_a_message_that_means_nothing_there_is_refused_and_nobody_is_forgotten(
    topic: str, payload: bytes, reason: str, tmp_path: Path
) -> None:
    """An empty message forgets a device or an agent, but only on the topics of their documents."""
    rig = IngestRig(tmp_path)
    with closing(rig.letters):
        rig.process_document(BATCH)
        rig.process(f"{PREFIX}/{topic}", payload)
    assert (rig.failures(), [each["reason"] for each in rig.dead()]) == ({reason: 1}, [reason])
    assert rig.forgotten == []
    assert rig.latest.device("cas1", "cdu-07") is not None


def note_on_disk(note: LedgerItem) -> None:
    """As the ledger does it, and back as after a restart."""
    ledger = Ledger(0)
    if isinstance(note, Retirement):
        ledger.retire(note)
        return
    if isinstance(note, Entry):
        ledger.mark_stored(note)
    else:
        ledger.apply_statement(note)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(SCHEMA)
        begin(db, 0)
        save(db, ledger.changes())
        assert [book.key for book in load_epochs(db)] == [note.key]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=500, deadline=None)
@given(
    one=st.sampled_from(GOOD),
    key=st.integers(0, 100),
    value=ANYTHING,
    dialect=st.sampled_from(["influxdb", "victoriametrics"]),
)
def test_a_document_with_anything_in_one_place(
    tmp_path: Path, one: Batch | Event | DeviceDocument | Status, key: int, value: Json, dialect: Dialect
) -> None:
    """It is stored or dead-lettered."""
    data: dict[str, Json] = json.loads(encode(one))
    name = sorted(data)[key % len(data)]
    inner = data[name]
    if isinstance(inner, dict) and inner and key % 2:
        inner[min(inner)] = value
    else:
        data[name] = value
    payload = json.dumps(data).encode("utf-8", "surrogatepass")
    lines, counters = taken(tmp_path, topic_of(one), payload, dialect)
    assert counters.messages_received == 1
    assert all("\n" not in line for line in lines)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(topic=st.text(), payload=st.binary())
def test_a_topic_outside_the_contract_is_refused_whatever_its_bytes(tmp_path: Path, topic: str, payload: bytes) -> None:
    """Any topic, any bytes."""
    lines, counters = taken(tmp_path, topic, payload)
    assert not lines
    assert counters.failures["topic"] == 1


@pytest.mark.parametrize("text", ["\\ud800", "\\u0000", "a\\nb", "\\u2028", "x" * 300_000])
def test_free_text_never_breaks_a_line_of_points(tmp_path: Path, text: str) -> None:
    """In an identity and in an event."""
    for one in (document(vendor="TEXT"), msgspec.structs.replace(EVENT, text="TEXT")):
        payload = encode(one).replace(b"TEXT", text.encode())
        lines, _ = taken(tmp_path, topic_of(one), payload)
        assert all("\n" not in line for line in lines)


@pytest.mark.parametrize("seq", [-1, 0, MAX_SEQ + 1, 2**63, 2**64 - 1, 2**70])
@pytest.mark.parametrize("one", [GOOD[0], EVENT], ids=["batch", "event"])
def test_a_number_that_no_agent_counts_to_is_refused(tmp_path: Path, one: Batch | Event, seq: int) -> None:
    lines, counters = taken(tmp_path, topic_of(one), encode(msgspec.structs.replace(one, seq=seq)))
    assert (lines, counters.failures["schema"]) == ([], 1)


@pytest.mark.parametrize("epoch", ["", "a b", "x" * 65, "\n"])
@pytest.mark.parametrize("one", [GOOD[0], EVENT, status("cdu-07")], ids=["batch", "event", "status"])
def test_an_epoch_that_is_no_name_is_refused(tmp_path: Path, one: Batch | Event | Status, epoch: str) -> None:
    lines, counters = taken(tmp_path, topic_of(one), encode(msgspec.structs.replace(one, epoch=epoch)))
    assert (lines, counters.failures["schema"]) == ([], 1)


@pytest.mark.parametrize("name", ["undelivered", "dropped", "ended"])
@pytest.mark.parametrize(("first", "last"), [(0, 1), (9, 8), (1, MAX_SEQ + 1), (1, 2**63), (-5, -1)])
def test_an_account_of_impossible_numbers_is_refused(tmp_path: Path, name: str, first: int, last: int) -> None:
    account = Account(kind="disk", **{name: [Numbers(epoch="e", first=first, last=last)]})
    one = msgspec.structs.replace(status("cdu-07"), account=account)
    _, counters = taken(tmp_path, topic_of(one), encode(one))
    assert counters.failures["schema"] == 1
