"""Every text, list and mapping of the contract has a length, in the decoders and in the schemas that others build on."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from rackflow import Batch, ContractError, DeviceDocument, Event, Status, decode, encode
from rackflow.catalogue import MAX_POLL_SECONDS, POLL_SECONDS, PollClass
from rackflow.documents import (
    DOCUMENTS,
    MAX_DEVICES,
    MAX_DURATION_S,
    MAX_LABELS,
    MAX_LOOPS,
    MAX_RANGES,
    MAX_READINGS,
    MAX_SEQ,
    MAX_TIME_MS,
    bounded_interval,
    json_schema,
)
from tests.collector.documents import PUMP, batch, document, event, status

KINDS: dict[str, Batch | Event | DeviceDocument | Status] = {
    "batch": batch(),
    "event": event(PUMP, "running", "failed"),
    "device": document(),
    "status": status("cdu-07"),
}
RANGE = {"epoch": "e", "first": 1, "last": 1}


def texts(length: int) -> dict[str, str]:
    return {f"l{number}": "x" for number in range(length)}


LONGEST: list[tuple[str, str, object, object]] = [
    *((kind, "agent", "x" * 64, "x" * 65) for kind in KINDS),
    *((kind, field, "x" * 64, "x" * 65) for kind in ("batch", "event") for field in ("epoch", "device", "class")),
    *((kind, "labels", texts(MAX_LABELS), texts(MAX_LABELS + 1)) for kind in ("batch", "event", "device")),
    *((kind, "labels", {"x" * 64: "x" * 64}, {"x": "x" * 65}) for kind in ("batch", "event", "device")),
    *((kind, "labels", {}, {"x" * 65: "x"}) for kind in ("batch", "event", "device")),
    *((kind, "time", MAX_TIME_MS, MAX_TIME_MS + 1) for kind in ("batch", "event", "device")),
    *((kind, "seq", MAX_SEQ, MAX_SEQ + 1) for kind in ("batch", "event")),
    ("batch", "values", dict.fromkeys(texts(MAX_READINGS), 1.0), dict.fromkeys(texts(MAX_READINGS + 1), 1.0)),
    ("batch", "values", {"x" * 512: 1.0}, {"x" * 513: 1.0}),
    ("batch", "states", texts(MAX_READINGS), texts(MAX_READINGS + 1)),
    ("batch", "states", {"x" * 512: "x" * 64}, {"x": "x" * 65}),
    ("batch", "bad", texts(MAX_READINGS), texts(MAX_READINGS + 1)),
    ("batch", "bad", {"x" * 512: "x" * 64}, {"x": "x" * 65}),
    ("batch", "duration_s", MAX_DURATION_S, MAX_DURATION_S * 1.01),
    ("batch", "duration_s", 0, -1e-9),
    ("batch", "interval_s", 5e-324, 0),
    ("event", "series", "x" * 512, "x" * 513),
    *(("event", field, "x" * 64, "x" * 65) for field in ("old", "new")),
    ("event", "text", "x" * 1024, "x" * 1025),
    *(("device", field, "Ω" * 255, "Ω" * 256) for field in ("vendor", "model", "serial", "firmware")),
    ("device", "profile", "x" * 64, "x" * 65),
    ("device", "intervals", {"safety": 1e-9}, {"safety": 0}),
    (
        "device",
        "coolant",
        {name: {"fluid": "x" * 64} for name in texts(MAX_LOOPS)},
        {name: {"fluid": "x"} for name in texts(MAX_LOOPS + 1)},
    ),
    *(
        ("device", "coolant", {"x" * 64: {"fluid": "f", field: "x" * 64}}, {"x": {"fluid": "f", field: "x" * 65}})
        for field in ("additive", "concentration")
    ),
    *(("status", field, "x" * 64, "x" * 65) for field in ("site", "epoch", "version", "python")),
    ("status", "hostname", "x" * 255, "x" * 256),
    ("status", "started", MAX_TIME_MS, 10**4000),
    ("status", "devices", ["x" * 64] * MAX_DEVICES, ["x"] * (MAX_DEVICES + 1)),
    *(
        (
            "status",
            "account",
            {"kind": "disk", name: [RANGE] * MAX_RANGES},
            {"kind": "disk", name: [RANGE] * (MAX_RANGES + 1)},
        )
        for name in ("held", "dropped", "ended")
    ),
    ("status", "account", {"kind": "disk", "held": [RANGE]}, {"kind": "disk", "held": [RANGE | {"reason": "x" * 65}]}),
]


@pytest.mark.parametrize(("kind", "field", "longest", "longer"), LONGEST, ids=lambda each: str(each)[:20])
def test_a_document_longer_than_the_contract_allows_is_refused(
    kind: str, field: str, longest: object, longer: object
) -> None:
    data = json.loads(encode(KINDS[kind]))
    decode(json.dumps(data | {field: longest}, ensure_ascii=False).encode(), DOCUMENTS[kind])
    with pytest.raises(ContractError) as refused:
        decode(_json(data, field, longer), DOCUMENTS[kind])
    assert refused.value.reason == "schema"


def _json(data: Mapping[str, Any], field: str, value: object) -> bytes:
    # Python refuses to write a number of 4,001 digits as text.
    if isinstance(value, int) and value > 10**1000:
        return json.dumps({**data, field: 7777777}).replace("7777777", "1" + "0" * 4000).encode()
    return json.dumps({**data, field: value}, ensure_ascii=False).encode()


def _unbounded(schema: Mapping[str, Any], where: str) -> Iterator[str]:
    """Places of a schema that have no length."""
    kind = schema.get("type")
    if kind == "string" and "maxLength" not in schema and "enum" not in schema:
        yield where
    if kind == "array" and "maxItems" not in schema:
        yield where
    names = schema.get("propertyNames", {})
    if (
        "additionalProperties" in schema
        and "maxProperties" not in schema
        and "enum" not in names
        and "$ref" not in names
    ):
        yield where
    for name in ("items", "additionalProperties", "propertyNames"):
        if isinstance(inner := schema.get(name), Mapping):
            yield from _unbounded({"type": "string", **inner} if name == "propertyNames" else inner, f"{where}.{name}")
    for name, inner in schema.get("properties", {}).items():
        yield from _unbounded(inner, f"{where}.{name}")
    for inner in (*schema.get("anyOf", ()), *schema.get("$defs", {}).values()):
        yield from _unbounded(inner, where)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_no_text_list_or_mapping_of_a_schema_is_without_a_length(kind: str) -> None:
    """A field that is added later needs one, too."""
    assert list(_unbounded(json_schema(DOCUMENTS[kind]), kind)) == []
    assert list(_unbounded({"properties": {"a": {"type": "string"}, "b": {"type": "array", "items": {}}}}, "x")) == [
        "x.a",
        "x.b",
    ]


@pytest.mark.parametrize("poll", POLL_SECONDS)
def test_an_interval_is_within_the_limits_of_its_poll_class(poll: PollClass) -> None:
    most_s = MAX_POLL_SECONDS[poll]
    assert bounded_interval(poll, 1e9) == most_s
    assert bounded_interval(poll, 5e-324) == 0.1
    assert bounded_interval(poll, most_s) == most_s
    assert bounded_interval(poll, POLL_SECONDS[poll]) == POLL_SECONDS[poll] < most_s
