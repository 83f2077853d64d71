"""What breaks the contract: dead-lettered with its reason, counted, numbered for the ledger where it can be; the flow goes on."""

import base64
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from collector.clones import Clones
from collector.deadletter import DeadLetters
from collector.delivery import Delivery, Taken
from collector.derive.attendance import Polled, Who
from collector.ingest import Ingest, Terms
from collector.latest import Latest
from collector.ledger_book import HIGHEST, Entry, Key, Statement
from collector.messages import open_message
from collector.tally import Tally
from rackflow import Batch, ContractError, DeviceDocument, Event, Status, Topic, encode
from rackflow.documents import MAX_PAYLOAD_BYTES, Account, Numbers
from tests.collector.documents import PUMP, SUPPLY, agent_batch, batch, document, event, status
from tests.collector.polls import WALL_S, wall_ms
from tests.collector.running import topic_of
from tests.collector.stored import DeadLetter, dead_letters

BATCH = batch(time_ms=wall_ms(0.0), seq=7)
EVENT = msgspec.structs.replace(event(PUMP, "running", "failed"), time=wall_ms(0.0), seq=8)
DOCUMENT = msgspec.structs.replace(document(), time=wall_ms(0.0))
STATUS = status("cdu-07")
KINDS: dict[str, Batch | Event | DeviceDocument | Status] = {
    "batch": BATCH,
    "event": EVENT,
    "device": DOCUMENT,
    "status": STATUS,
}
PREFIX = "rackflow/v1/cas1/gw-3"


class Inlet:
    """An `Ingest` with all that hangs from it."""

    def __init__(self, folder: Path, sites: frozenset[str] | None = None) -> None:
        self.folder = folder
        self.latest, self.tally = Latest(1000), Tally()
        self.letters = DeadLetters(folder / "dead.jsonl", 1 << 20)
        self.late: list[tuple[str, Batch]] = []
        self.clones = Clones()
        terms = Terms("influxdb", sites, 400)
        self.ingest = Ingest(
            self.latest, self.letters, self.tally, self.clones, terms, lambda *heard: self.late.append(heard)
        )

    def takes(self, topic: str, payload: bytes, *, after_s: float = 0.0, again: bool = False) -> Taken:
        delivery = Delivery(topic, payload, len(payload), 1, 1, 1, 1000.0 + after_s, WALL_S + after_s, again)
        return self.ingest.take(delivery)

    def takes_document(self, one: Batch | Event | DeviceDocument | Status, site: str = "cas1") -> Taken:
        return self.takes(topic_of(one, site), encode(one))

    def failures(self) -> dict[str, int]:
        return {reason: count for reason, count in self.tally.failures.items() if count}

    def dead(self) -> list[DeadLetter]:
        return dead_letters(self.folder)


@pytest.fixture
def inlet(tmp_path: Path) -> Iterator[Inlet]:
    one = Inlet(tmp_path)
    yield one
    one.letters.close()


def without(one: Batch | Event | DeviceDocument | Status, name: str) -> bytes:
    data = json.loads(encode(one))
    del data[name]
    return json.dumps(data).encode()


def having(one: Batch | Event | DeviceDocument | Status, **fields: object) -> bytes:
    return json.dumps(json.loads(encode(one)) | fields).encode()


def refusals() -> Iterator[tuple[str, str, bytes, str]]:
    """A kind, what is wrong with it, its payload and the reason that it is refused for."""
    for kind, one in KINDS.items():
        yield kind, "no JSON", b"{" + encode(one), "decode"
        yield kind, "an older schema", having(one, schema=0), "schema"
        yield kind, "a later schema", having(one, schema=2), "schema"
        yield kind, "no agent", without(one, "agent"), "schema"
        yield kind, "a number for a name", having(one, agent=3), "schema"
        yield kind, "another agent", having(one, agent="gw-4"), "topic"
        yield kind, "too long", encode(one).ljust(MAX_PAYLOAD_BYTES + 1), "size"
        if kind == "status":
            yield kind, "another site", having(one, site="cas2"), "topic"
            yield kind, "neither there nor gone", having(one, status="asleep"), "schema"
            yield kind, "devices that are no list", having(one, devices="cdu-07"), "schema"
            account = {"kind": "disk", "dropped": [{"epoch": "e", "first": 1, "last": 2, "reason": "no reason"}]}
            yield kind, "an account of words that are no name", having(one, account=account), "schema"
            continue
        yield kind, "another device", having(one, device="cdu-08"), "topic"
        yield kind, "another site", having(one, labels={"site": "cas2"}), "topic"
        yield kind, "a label that is no name", having(one, labels={"site": "cas1", "row": "b 1"}), "schema"
        yield kind, "an empty label", having(one, labels={"site": "cas1", "rack": ""}), "schema"
        yield kind, "a time before 1970", having(one, time=-1), "schema"
        yield kind, "a time that no engine can hold", having(one, time=9_223_372_036_855), "schema"
        yield kind, "a time in words", having(one, time="noon"), "schema"
    for kind in ("batch", "event"):
        for name in ("epoch", "seq", "time", "device", "class", "labels"):
            yield kind, f"no {name}", without(KINDS[kind], name), "schema"
        for seq in (0, -1, HIGHEST + 1, 1.5):
            yield kind, f"number {seq}", having(KINDS[kind], seq=seq), "schema"
        yield kind, "an epoch that is no name", having(KINDS[kind], epoch="a b"), "schema"
    yield "event", "an unknown kind", having(EVENT, kind="party"), "schema"
    for name in ("device", "class", "time"):
        yield "device", f"no {name}", without(DOCUMENT, name), "schema"
    for name in ("site", "status", "epoch"):
        yield "status", f"no {name}", without(STATUS, name), "schema"
    for name in ("poll", "interval_s", "duration_s", "up"):
        yield "batch", f"no {name}", without(BATCH, name), "schema"
    yield "batch", "an unknown poll class", having(BATCH, poll="sometimes"), "schema"
    yield "batch", "a class that is no name", having(BATCH, **{"class": "a b"}), "schema"
    yield "batch", "the class that only an agent has", having(BATCH, **{"class": "agent"}), "schema"
    yield "batch", "an interval of 0", having(BATCH, interval_s=0), "schema"
    yield "batch", "a negative duration", having(BATCH, duration_s=-0.001), "schema"
    yield "batch", "a value in words", having(BATCH, values={SUPPLY: "hot"}), "schema"
    yield "batch", "a state as a number", having(BATCH, states={PUMP: 1}), "schema"


@pytest.mark.parametrize(
    ("kind", "what", "payload", "reason"), [pytest.param(*each, id=f"{each[0]}: {each[1]}") for each in refusals()]
)
def test_a_document_that_breaks_the_contract_is_kept_with_its_reason_and_the_next_one_is_taken(
    inlet: Inlet, kind: str, what: str, payload: bytes, reason: str
) -> None:
    topic = topic_of(KINDS[kind])
    taken = inlet.takes(topic, payload)
    assert (list(taken.lines), taken.placed_ms, taken.poll) == ([], None, None), what
    assert list(inlet.latest.devices()) == []
    assert list(inlet.latest.agents()) == []
    [entry] = inlet.dead()
    assert (entry["reason"], entry["topic"], entry["payload_bytes"]) == (reason, topic, len(payload))
    assert base64.b64decode(entry["payload"]) == payload[: 64 * 1024]
    assert entry["error"]
    assert inlet.failures() == {reason: 1}
    assert inlet.takes_document(BATCH).lines
    assert (inlet.tally.messages_received, inlet.failures(), len(inlet.dead())) == (2, {reason: 1}, 1)


@pytest.mark.parametrize(("kind", "seq"), [("batch", 7), ("event", 8)])
def test_a_refused_message_that_still_tells_its_number_is_accounted_for(inlet: Inlet, kind: str, seq: int) -> None:
    """The ledger has it as dead with its reason, under the agent of its topic; else it would be missing for ever."""
    key = Key("cas1", "gw-3", "01JD5Z")
    expected = Entry(key, seq, wall_ms(0.0), wall_ms(0.0), "schema")
    topic = topic_of(KINDS[kind])
    assert inlet.takes(topic, having(KINDS[kind], schema=2)).note == expected
    other = inlet.takes(topic, having(KINDS[kind], agent="gw-4")).note
    assert other == replace(expected, dead="topic")
    for payload in (having(KINDS[kind], seq=0), having(KINDS[kind], epoch=""), without(KINDS[kind], "seq"), b"[]"):
        assert inlet.takes(topic, payload).note is None


@pytest.mark.parametrize("kind", ["device", "status"])
def test_what_an_agent_does_not_number_is_in_no_account(inlet: Inlet, kind: str) -> None:
    payload = having(KINDS[kind], schema=2, epoch="e", seq=3)
    assert inlet.takes(topic_of(KINDS[kind]), payload).note is None
    assert inlet.takes("rackflow/v1/cas1", having(BATCH)).note is None
    assert inlet.failures() == {"schema": 1, "topic": 1}


def test_what_each_document_comes_to(inlet: Inlet) -> None:
    """Points and a number for batches and events; an account for a status; nothing to store for an identity."""
    key = Key("cas1", "gw-3", "01JD5Z")
    taken = inlet.takes_document(BATCH)
    assert len(taken.lines) == 2
    assert taken.note == Entry(key, 7, wall_ms(0.0), wall_ms(0.0))
    assert taken.poll == Polled(Who("cas1", "gw-3", "cdu-07"), "cdu", "safety", 1.0, WALL_S, True)  # noqa: FBT003 - up
    taken = inlet.takes_document(EVENT)
    assert ([line.partition(",")[0] for line in taken.lines], taken.poll) == (["dcim_event"], None)
    assert taken.note == Entry(key, 8, wall_ms(0.0), wall_ms(0.0))
    assert inlet.takes_document(DOCUMENT) == Taken()
    assert inlet.takes_document(STATUS) == Taken()
    account = Account(kind="disk", dropped=[Numbers(epoch="e", first=1, last=2, reason="full")])
    told = inlet.takes_document(msgspec.structs.replace(STATUS, account=account))
    assert told == Taken(note=Statement(key, account, wall_ms(0.0)))
    [device] = inlet.latest.devices()
    assert device.document == DOCUMENT
    [agent] = inlet.latest.agents()
    assert agent.status is not None
    assert agent.status.account == account
    assert inlet.failures() == {}
    assert not inlet.dead()


def test_a_cleared_document_forgets_a_device_and_a_cleared_status_its_agent(inlet: Inlet) -> None:
    inlet.takes_document(BATCH)
    inlet.takes_document(STATUS)
    assert inlet.takes(f"{PREFIX}/device/other", b"") == Taken()
    assert inlet.takes("rackflow/v1/cas1/gw-4/device/cdu-07", b"") == Taken()
    assert len(list(inlet.latest.devices())) == 1
    assert inlet.takes(f"{PREFIX}/device/cdu-07", b"") == Taken()
    assert list(inlet.latest.devices()) == []
    assert len(list(inlet.latest.agents())) == 1
    assert inlet.takes(f"{PREFIX}/status", b"") == Taken()
    assert list(inlet.latest.agents()) == []
    assert inlet.failures() == {}


def test_backfill_is_stored_counted_and_told_to_whoever_keeps_energy_and_is_not_shown(inlet: Inlet) -> None:
    old = msgspec.structs.replace(BATCH, time=wall_ms(-3600.0))
    taken = inlet.takes_document(old)
    assert all(line.endswith(f" {old.time}") for line in taken.lines)
    assert taken.placed_ms is None
    assert inlet.failures() == {"stale": 1}
    assert inlet.late == [("cas1", old)]
    assert list(inlet.latest.devices()) == []
    inlet.takes_document(BATCH)
    assert inlet.late == [("cas1", old)]


def test_a_site_that_this_collector_is_not_for_is_counted_and_left(tmp_path: Path) -> None:
    """The broker may remember a subscription from an earlier configuration."""
    inlet = Inlet(tmp_path, frozenset({"cas1"}))
    there = msgspec.structs.replace(BATCH, labels={"site": "cas2"})
    assert inlet.takes_document(there, "cas2") == Taken()
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


def test_the_time_that_messages_take_is_told_and_never_negative(inlet: Inlet) -> None:
    for late_s in (2.0, -5.0):
        inlet.takes_document(msgspec.structs.replace(BATCH, time=wall_ms(-late_s)))
    assert inlet.tally.latency.total == pytest.approx(2.0)
    assert dict(inlet.tally.latency.buckets())["+Inf"] == 2.0


def test_a_disk_that_takes_no_dead_letter_is_counted(inlet: Inlet) -> None:
    (inlet.folder / "dead.jsonl.1").mkdir()
    for _ in range(200):
        inlet.takes(f"{PREFIX}/batch/cdu-07", b"x" * 10_000)
    assert 0 < inlet.tally.write_failures["dead_letter"] < 200
    assert inlet.failures() == {"decode": 200}


def test_a_message_from_disk_is_stored_again_and_heard_by_nobody_else(inlet: Inlet) -> None:
    """It was counted and shown when it came; its time is that of the receipt that it was kept with, where its own cannot be."""
    payload = encode(msgspec.structs.replace(BATCH, time=5))
    delivery = Delivery(topic_of(BATCH), payload, len(payload), 1, 1, 1, 1000.0, WALL_S)
    taken = inlet.ingest.again(delivery)
    assert taken.placed_ms == wall_ms(0.0)
    assert all(line.endswith(f" {wall_ms(0.0)}") for line in taken.lines)
    assert inlet.ingest.again(delivery).lines == taken.lines
    assert inlet.tally.messages_received == 0
    assert list(inlet.latest.devices()) == []
    broken = having(BATCH, schema=2)
    note = inlet.ingest.again(Delivery(topic_of(BATCH), broken, len(broken), 1, 1, 1, 1000.0, WALL_S)).note
    assert note == Entry(Key("cas1", "gw-3", "01JD5Z"), 7, wall_ms(0.0), wall_ms(0.0), "schema")
    assert [entry["reason"] for entry in inlet.dead()] == ["schema"]


def test_messages_whose_time_cannot_be_get_one_each_and_their_own_beside(inlet: Inlet) -> None:
    """By device, so that no two of their points fall together."""
    for seq in (1, 2):
        taken = inlet.takes_document(msgspec.structs.replace(BATCH, seq=seq, time=5_000 + seq))
        placed_ms = wall_ms(0.0) + seq - 1
        assert taken.placed_ms == placed_ms
        assert taken.lines[-1].endswith(f"original_timestamp_seconds={5 + seq / 1000!r} {placed_ms}")
        assert len(taken.lines) == 3
        assert all(line.endswith(f" {placed_ms}") for line in taken.lines)
        assert taken.note == Entry(Key("cas1", "gw-3", "01JD5Z"), seq, placed_ms, wall_ms(0.0))
        assert taken.poll is not None
        assert taken.poll.time_s == placed_ms / 1000
    other = inlet.takes_document(msgspec.structs.replace(BATCH, device="cdu-08", time=5_000))
    assert other.placed_ms == wall_ms(0.0)
    assert inlet.failures()["time"] == 3


def opened(topic: str, one: Batch | Event | DeviceDocument | Status) -> Topic:
    payload = encode(one)
    return open_message(topic, payload, len(payload))[0]


def test_what_is_just_within_the_bounds_is_taken() -> None:
    topic = topic_of(BATCH)
    for fields in (
        {"seq": 1},
        {"seq": HIGHEST},
        {"duration_s": 0.0},
        {"time": 0},
        {"time": 9_223_372_036_854},
        {"epoch": "x" * 64},
        {"device_class": "x" * 64},
        {"labels": {"site": "cas1", "row": "x" * 64}},
        {"labels": {"site": "cas1", "comment": "anything, it is not stored"}},
        {"labels": {}},
    ):
        assert opened(topic, msgspec.structs.replace(BATCH, **fields)) == Topic("cas1", "gw-3", "batch", "cdu-07")
    for fields in (
        {"epoch": "x" * 65},
        {"device_class": "x" * 65},
        {"labels": {"row": "x" * 65}},
        {"device_class": ""},
    ):
        with pytest.raises(ContractError):
            opened(topic, msgspec.structs.replace(BATCH, **fields))


def test_only_an_agent_may_have_its_name_and_its_class() -> None:
    own = agent_batch({})
    assert opened(topic_of(own), own) == Topic("cas1", "gw-3", "batch", "gw-3")
    for one in (
        msgspec.structs.replace(own, device_class="cdu"),
        msgspec.structs.replace(BATCH, device_class="agent"),
    ):
        with pytest.raises(ContractError):
            opened(topic_of(one), one)


def test_a_payload_that_was_cut_short_is_refused_for_what_it_measured() -> None:
    payload = encode(BATCH)
    assert open_message(topic_of(BATCH), payload, MAX_PAYLOAD_BYTES)[1] == BATCH
    with pytest.raises(ContractError, match=f"{MAX_PAYLOAD_BYTES + 1} bytes"):
        open_message(topic_of(BATCH), payload, MAX_PAYLOAD_BYTES + 1)


def test_a_duration_without_end_is_refused() -> None:
    payload = encode(BATCH).replace(b'"duration_s":0.031', b'"duration_s":1e999')
    assert math.isinf(float("1e999"))
    with pytest.raises(ContractError):
        open_message(topic_of(BATCH), payload, len(payload))
