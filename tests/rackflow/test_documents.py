"""The documents of the wire contract: round trip, JSON Schema, and what is refused with which reason."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rackflow.documents import (
    DOCUMENTS,
    MAX_PAYLOAD_BYTES,
    Batch,
    Coolant,
    DeviceDocument,
    Document,
    Event,
    LeaseDocument,
    Status,
    Stored,
    check_topic,
    decode,
    encode,
)
from rackflow.errors import ContractError
from rackflow.topics import Topic

SCHEMAS = Path(__file__).resolve().parents[2] / "rackflow" / "schema"

BATCH: dict[str, Any] = {
    "schema": 1,
    "agent": "gw-3",
    "epoch": "01JD5Z",
    "seq": 4711,
    "time": 1795468800123,
    "device": "cdu-07",
    "class": "cdu",
    "poll": "safety",
    "interval_s": 1.0,
    "duration_s": 0.031,
    "up": True,
    "error": None,
    "labels": {"site": "cas1", "rack": "b07"},
    "values": {"dcim_cdu_supply_temperature_celsius{loop=secondary}": 32.1},
    "states": {"dcim_cdu_pump_state{pump=1}": "running"},
    "bad": {"dcim_cdu_flow_cubic_meters_per_second{loop=primary}": "sentinel"},
}
EXAMPLES: dict[str, Document] = {
    "batch": decode(json.dumps(BATCH).encode(), Batch),
    "event": Event(
        agent="g", epoch="e", seq=1, time=1, device="d", device_class="ups", kind="down", labels={"site": "s"}
    ),
    "device": DeviceDocument(
        agent="g", device="d", device_class="cdu", time=1, coolant={"secondary": Coolant(fluid="pg25")}
    ),
    "status": Status(agent="g", site="s", status="online", epoch="e", devices=["d"]),
    "stored": Stored(agent="g", collector="c", ledger="l", time=1, durable={"e": [(1, 3), (5, 5)]}),
    "lease": LeaseDocument(agent="g", holder="h", hostname="gw", time=1),
}


def changed(**changes: object) -> bytes:
    return json.dumps(BATCH | changes).encode()


@pytest.mark.parametrize(
    "intervals", [[(0, 3)], [(3, 2)], [(1, 3), (3, 4)], [(5, 6), (1, 2)], [(n, n) for n in range(1, 2003, 2)]]
)
def test_a_report_with_empty_overlapping_unordered_or_too_many_ranges_is_refused(
    intervals: list[tuple[int, int]],
) -> None:
    word = Stored(agent="g", collector="c", ledger="l", time=1, durable={"e": intervals})
    with pytest.raises(ContractError) as caught:
        decode(encode(word), Stored)
    assert caught.value.reason == "schema"


def test_a_collector_publishes_under_its_own_name_only() -> None:
    word = Stored(agent="g", collector="c", ledger="l", time=1, durable={})
    check_topic(Topic("s", "g", "stored", collector="c"), word)
    for topic in (Topic("s", "g", "stored", collector="d"), Topic("s", "h", "stored", collector="c")):
        with pytest.raises(ContractError) as caught:
            check_topic(topic, word)
        assert caught.value.reason == "topic"


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_a_document_is_read_as_it_was_written_and_fits_the_committed_schema(name: str) -> None:
    document = EXAMPLES[name]
    payload = encode(document)
    assert decode(payload, DOCUMENTS[name]) == document
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(payload), schema)


@given(
    st.dictionaries(st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False), max_size=5),
    st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5),
)
def test_any_batch_of_finite_numbers_round_trips(values: dict[str, float], states: dict[str, str]) -> None:
    batch = msgspec.structs.replace(decode(changed(), Batch), values=values, states=states)
    assert decode(encode(batch), Batch) == batch


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_a_contract_error(payload: bytes) -> None:
    for kind in DOCUMENTS.values():
        with pytest.raises(ContractError) as caught:
            decode(payload, kind)
        assert caught.value.reason in {"decode", "schema"}


def test_unknown_fields_are_ignored() -> None:
    assert decode(changed(colour="red"), Batch) == decode(changed(), Batch)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "decode"),
        (b"{", "decode"),
        (b'{"schema":1,"values":{"a":NaN}}', "decode"),
        (b"\xff\xfe", "decode"),
        (b"[" * 100_000, "schema"),
        (b"[]", "schema"),
        (changed(schema=2), "schema"),
        (changed(seq=0), "schema"),
        (changed(seq="one"), "schema"),
        (changed(time=-1), "schema"),
        (changed(interval_s=0), "schema"),
        (changed(up="yes"), "schema"),
        (changed(error="tired"), "schema"),
        (changed(poll="sometimes"), "schema"),
        (changed(values={"a": "12"}), "schema"),
        (changed(values={"a": None}), "schema"),
        (changed().replace(b"32.1", b"1e999"), "schema"),
        (changed().replace(b"32.1", b"-1e999"), "schema"),
        (changed().replace(b"32.1", b"9" * 400), "schema"),
        (changed().replace(b"32.1", b"Infinity"), "decode"),
        (changed().replace(b'"interval_s": 1.0', b'"interval_s": 1e999'), "schema"),
        (b" " * (MAX_PAYLOAD_BYTES + 1), "size"),
    ],
)
def test_what_breaks_the_contract_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        decode(payload, Batch)
    assert caught.value.reason == reason


def test_a_number_that_is_not_finite_never_leaves() -> None:
    batch = msgspec.structs.replace(decode(changed(), Batch), values={"dcim_a_b": float("nan")})
    with pytest.raises(ContractError, match="has a value that is not a finite number"):
        encode(batch)


@pytest.mark.parametrize(
    "topic",
    [
        Topic("cas1", "gw-4", "batch", "cdu-07"),
        Topic("cas1", "gw-3", "batch", "cdu-08"),
        Topic("cas2", "gw-3", "batch", "cdu-07"),
    ],
)
def test_a_topic_that_contradicts_the_body_is_refused(topic: Topic) -> None:
    check_topic(Topic("cas1", "gw-3", "batch", "cdu-07"), EXAMPLES["batch"])
    with pytest.raises(ContractError, match="topic says"):
        check_topic(topic, EXAMPLES["batch"])


def test_a_document_may_be_as_large_as_the_contract_says_and_no_larger() -> None:
    payload = changed()
    assert decode(payload + b" " * (MAX_PAYLOAD_BYTES - len(payload)), Batch).seq == 4711
    with pytest.raises(ContractError) as caught:
        decode(payload + b" " * (MAX_PAYLOAD_BYTES - len(payload) + 1), Batch)
    assert caught.value.reason == "size"


def test_numbers_and_times_of_a_batch_up_to_their_least() -> None:
    assert decode(changed(seq=1, time=0, interval_s=1e-3), Batch).seq == 1
    for change in ({"seq": 0}, {"seq": -1}, {"time": -1}, {"interval_s": 0.0}, {"interval_s": -1.0}):
        with pytest.raises(ContractError) as caught:
            decode(changed(**change), Batch)
        assert caught.value.reason == "schema"


@pytest.mark.parametrize("error", ["timeout", "unreachable", "auth", "protocol", "decode", "internal"])
def test_a_failed_batch_says_why(error: str) -> None:
    batch = decode(changed(up=False, error=error, values={}, states={}, bad={}), Batch)
    assert (batch.up, batch.error) == (False, error)


def test_each_kind_of_document_belongs_to_its_own_topic() -> None:
    check_topic(Topic("s", "g", "event", "d"), EXAMPLES["event"])
    check_topic(Topic("s", "g", "status"), EXAMPLES["status"])
    # A document without labels says nothing of its site.
    check_topic(Topic("any", "g", "device", "d"), EXAMPLES["device"])
    for topic, kind in (
        (Topic("other", "g", "event", "d"), "event"),
        (Topic("s", "g", "event", "e"), "event"),
        (Topic("other", "g", "status"), "status"),
        (Topic("s", "h", "status"), "status"),
        (Topic("s", "g", "device", "e"), "device"),
        (Topic("s", "h", "device", "d"), "device"),
    ):
        with pytest.raises(ContractError) as caught:
            check_topic(topic, EXAMPLES[kind])
        assert caught.value.reason == "topic"
