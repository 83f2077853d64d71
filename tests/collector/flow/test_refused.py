"""What breaks the contract: dead-lettered with its reason, counted, numbered for the ledger where it can be; the flow goes on."""

import base64
import json
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from collector.ledger.epochs import Entry, EpochKey
from collector.receive.messages import open_message
from rackflow import Batch, ContractError, DeviceDocument, Event, Status, Topic, encode
from rackflow.documents import MAX_PAYLOAD_BYTES, MAX_SEQ
from tests.collector.documents import PUMP, SUPPLY, agent_batch
from tests.collector.ingest_rig import BATCH, DOCUMENT, EVENT, KINDS, STATUS, IngestRig
from tests.collector.polls import wall_ms
from tests.collector.running import topic_of


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[IngestRig]:
    one = IngestRig(tmp_path)
    yield one
    one.letters.close()


def without(one: Batch | Event | DeviceDocument | Status, name: str) -> bytes:
    data = json.loads(encode(one))
    del data[name]
    return json.dumps(data).encode()


def having(one: Batch | Event | DeviceDocument | Status, **fields: object) -> bytes:
    return json.dumps(json.loads(encode(one)) | fields).encode()


Refusal = tuple[str, str, bytes, str]


def refusals() -> Iterator[Refusal]:
    """A kind, what is wrong with it, its payload and the reason that it is refused for."""
    for kind, one in KINDS.items():
        yield from refusals_of_any(kind, one)
    yield from refusals_of_status()
    yield from refusals_of_numbered()
    for name in ("device", "class", "time"):
        yield "device", f"no {name}", without(DOCUMENT, name), "schema"
    for name in ("poll", "interval_s", "duration_s", "up"):
        yield "batch", f"no {name}", without(BATCH, name), "schema"
    yield "batch", "an unknown poll class", having(BATCH, poll="sometimes"), "schema"
    yield "batch", "a class that is no name", having(BATCH, **{"class": "a b"}), "schema"
    yield "batch", "the class that only an agent has", having(BATCH, **{"class": "agent"}), "schema"
    yield "batch", "an interval of 0", having(BATCH, interval_s=0), "schema"
    yield "batch", "a negative duration", having(BATCH, duration_s=-0.001), "schema"
    yield "batch", "a value in words", having(BATCH, values={SUPPLY: "hot"}), "schema"
    yield "batch", "a state as a number", having(BATCH, states={PUMP: 1}), "schema"


def refusals_of_any(kind: str, one: Batch | Event | DeviceDocument | Status) -> Iterator[Refusal]:
    yield kind, "no JSON", b"{" + encode(one), "decode"
    yield kind, "an older schema", having(one, schema=0), "schema"
    yield kind, "a later schema", having(one, schema=2), "schema"
    yield kind, "no agent", without(one, "agent"), "schema"
    yield kind, "a number for a name", having(one, agent=3), "schema"
    yield kind, "another agent", having(one, agent="gw-4"), "topic"
    yield kind, "too long", encode(one).ljust(MAX_PAYLOAD_BYTES + 1), "size"
    if kind == "status":
        return
    yield kind, "another device", having(one, device="cdu-08"), "topic"
    yield kind, "another site", having(one, labels={"site": "cas2"}), "topic"
    yield kind, "a label that is no name", having(one, labels={"site": "cas1", "row": "b 1"}), "schema"
    yield kind, "an empty label", having(one, labels={"site": "cas1", "rack": ""}), "schema"
    yield kind, "a time before 1970", having(one, time=-1), "schema"
    yield kind, "a time that no engine can hold", having(one, time=9_223_372_036_855), "schema"
    yield kind, "a time in words", having(one, time="noon"), "schema"


def refusals_of_status() -> Iterator[Refusal]:
    yield "status", "another site", having(STATUS, site="cas2"), "topic"
    yield "status", "neither there nor gone", having(STATUS, status="asleep"), "schema"
    yield "status", "devices that are no list", having(STATUS, devices="cdu-07"), "schema"
    account = {"kind": "disk", "dropped": [{"epoch": "e", "first": 1, "last": 2, "reason": "no reason"}]}
    yield "status", "an account of words that are no name", having(STATUS, account=account), "schema"
    for name in ("site", "status", "epoch"):
        yield "status", f"no {name}", without(STATUS, name), "schema"


def refusals_of_numbered() -> Iterator[Refusal]:
    for kind in ("batch", "event"):
        for name in ("epoch", "seq", "time", "device", "class", "labels"):
            yield kind, f"no {name}", without(KINDS[kind], name), "schema"
        for seq in (0, -1, MAX_SEQ + 1, 1.5):
            yield kind, f"number {seq}", having(KINDS[kind], seq=seq), "schema"
        yield kind, "an epoch that is no name", having(KINDS[kind], epoch="a b"), "schema"
    yield "event", "an unknown kind", having(EVENT, kind="party"), "schema"


@pytest.mark.parametrize(
    ("kind", "what", "payload", "reason"), [pytest.param(*each, id=f"{each[0]}: {each[1]}") for each in refusals()]
)
def test_a_document_that_breaks_the_contract_is_kept_and_the_next_one_is_taken(
    rig: IngestRig, kind: str, what: str, payload: bytes, reason: str
) -> None:
    topic = topic_of(KINDS[kind])
    taken = rig.process(topic, payload)
    assert (list(taken.lines), taken.substitute_ms, taken.poll) == ([], None, None), what
    assert list(rig.latest.devices()) == []
    assert list(rig.latest.agents()) == []
    [entry] = rig.dead()
    assert (entry["reason"], entry["topic"], entry["payload_bytes"]) == (reason, topic, len(payload))
    assert base64.b64decode(entry["payload"]) == payload[: 64 * 1024]
    assert entry["error"]
    assert rig.failures() == {reason: 1}
    assert rig.process_document(BATCH).lines
    assert (rig.counters.messages_received, rig.failures(), len(rig.dead())) == (2, {reason: 1}, 1)


@pytest.mark.parametrize(("kind", "seq"), [("batch", 7), ("event", 8)])
def test_a_refused_message_that_still_tells_its_number_is_accounted_for(rig: IngestRig, kind: str, seq: int) -> None:
    """The ledger has it as dead with its reason, under the agent of its topic; else it would be missing for ever."""
    key = EpochKey("cas1", "gw-3", "01JD5Z")
    expected = Entry(key, seq, wall_ms(0.0), wall_ms(0.0), "schema")
    topic = topic_of(KINDS[kind])
    assert rig.process(topic, having(KINDS[kind], schema=2)).ledger_item == expected
    other = rig.process(topic, having(KINDS[kind], agent="gw-4")).ledger_item
    assert other == replace(expected, dead="topic")
    numbers = [
        having(KINDS[kind], **{name: value}) for name, value in (("seq", 0), ("seq", MAX_SEQ + 1), ("epoch", ""))
    ]
    for payload in (*numbers, without(KINDS[kind], "seq"), b"[]"):
        assert rig.process(topic, payload).ledger_item is None


@pytest.mark.parametrize("kind", ["device", "status"])
def test_what_an_agent_does_not_number_is_in_no_account(rig: IngestRig, kind: str) -> None:
    payload = having(KINDS[kind], schema=2, epoch="e", seq=3)
    assert rig.process(topic_of(KINDS[kind]), payload).ledger_item is None
    assert rig.process("rackflow/v1/cas1", having(BATCH)).ledger_item is None
    assert rig.failures() == {"schema": 1, "topic": 1}


def opened(topic: str, one: Batch | Event | DeviceDocument | Status) -> Topic:
    payload = encode(one)
    return open_message(topic, payload, len(payload))[0]


def test_what_is_just_within_the_bounds_is_taken() -> None:
    topic = topic_of(BATCH)
    within: tuple[dict[str, object], ...] = (
        {"seq": 1},
        {"seq": MAX_SEQ},
        {"duration_s": 0.0},
        {"time": 0},
        {"time": 9_223_372_036_854},
        {"epoch": "x" * 64},
        {"device_class": "x" * 64},
        {"labels": {"site": "cas1", "row": "x" * 64}},
        {"labels": {"site": "cas1", "comment": "anything, it is not stored"}},
        {"labels": {}},
    )
    for fields in within:
        assert opened(topic, msgspec.structs.replace(BATCH, **fields)) == Topic("cas1", "gw-3", "batch", "cdu-07")
    beyond: tuple[dict[str, object], ...] = (
        {"epoch": "x" * 65},
        {"device_class": "x" * 65},
        {"labels": {"row": "x" * 65}},
        {"device_class": ""},
    )
    for outside in beyond:
        with pytest.raises(ContractError):
            opened(topic, msgspec.structs.replace(BATCH, **outside))


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
