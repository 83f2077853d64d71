"""Checks one MQTT message: topic, document and bounds.

Whatever passes here must be storable: a message that the store or the ledger cannot write would end the writer, stay
unacknowledged, and come again after every restart.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from collector.receive.delivery import Delivery
from rackflow import Batch, ContractError, DeviceDocument, Event, Status, Topic, decode, parse_topic
from rackflow.catalogue import BASE_LABELS
from rackflow.documents import MAX_PAYLOAD_BYTES, MAX_SEQ, Name, bounded_interval, check_topic
from rackflow.topics import DOCTOR_DEVICE

# Label values that the contract allows: nothing in them needs escaping in line protocol or Prometheus text.
_VALUE = re.compile(r"[A-Za-z0-9_.:/+-]{1,64}")
# The same few names come with each message, and the contract allows none above 64 characters: 6 MB at most.
_is_name = lru_cache(maxsize=20_000)(_VALUE.fullmatch)  # of documents whose texts `decode` has limited: see `_Numbered`
# Epoch and number as `rackflow.encode` writes them: side by side, behind the version and the agent's name.
_NUMBER = re.compile(rb'"epoch":"([A-Za-z0-9_.:/+-]{1,64})","seq":([0-9]{1,16})[,}]')
# How far from the beginning the number is looked for: behind the version and two names of at most 64 characters.
_NUMBER_WITHIN_BYTES = 1024
Document = Batch | Event | DeviceDocument | Status
_KINDS: dict[str, type[Batch] | type[Event] | type[DeviceDocument] | type[Status]] = {
    "batch": Batch,
    "event": Event,
    "device": DeviceDocument,
    "status": Status,
}


# Topics that are remembered, some 400 bytes each. A device has two, and reading one takes a tenth of a message's time.
_topic = lru_cache(maxsize=20_000)(parse_topic)


def open_message(topic_text: str, payload: bytes, size_bytes: int) -> tuple[Topic, Document | None]:
    """Topic and document; the document is None for an empty payload, which clears a retained message.

    `size_bytes` is the payload's size before it was cut short. Raises ContractError with the reason.
    """
    topic = _topic(topic_text)
    if size_bytes > MAX_PAYLOAD_BYTES:
        raise ContractError("size", f"{size_bytes} bytes, at most {MAX_PAYLOAD_BYTES} are allowed")
    if not payload and (topic.kind in ("device", "status") or topic.device == DOCTOR_DEVICE):
        return topic, None
    if topic.kind not in _KINDS:
        raise ContractError("topic", f"{topic_text} is for agents; remove the subscription that a collector has to it")
    document = decode(payload, _KINDS[topic.kind])
    check_topic(topic, document)
    if isinstance(document, Batch | Event):
        _check_number(document.epoch, document.seq, document.seq)
    if isinstance(document, Status):
        _check_status(document)
    else:
        _check_labels(document.labels)
    if isinstance(document, Batch):
        _check_batch(document)
    return topic, document


class MessageNumber(NamedTuple):
    """Identifies a message for ever: its agent's site, name and epoch, and its number in that epoch."""

    site: str
    agent: str
    epoch: str
    seq: int


class _Numbered(msgspec.Struct):
    epoch: Name
    seq: int


def salvage_number(delivery: Delivery) -> MessageNumber | None:
    """The number of a message that breaks the contract, if it can still be read.

    With it the ledger can account for the message as a dead letter; without it, the number would be reported as missing. Site
    and agent are taken from the topic, which the broker's access rules protect.
    """
    try:
        topic = parse_topic(delivery.topic)
        if delivery.size_bytes > len(delivery.payload):
            found = _number_of_cut(delivery.payload)
        else:
            found = msgspec.json.decode(delivery.payload, type=_Numbered)
    except (ContractError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if found is None or topic.kind not in ("batch", "event") or not _is_valid_number(found.epoch, found.seq, found.seq):
        return None
    return MessageNumber(topic.site, topic.agent, found.epoch, found.seq)


def _number_of_cut(payload: bytes) -> _Numbered | None:
    """The number of a payload that was cut short because it is too large, and so is no JSON any more."""
    found = _NUMBER.search(payload[:_NUMBER_WITHIN_BYTES])
    return _Numbered(found[1].decode(), int(found[2])) if found else None


def _is_valid_number(epoch: str, first: int, last: int) -> bool:
    return _is_name(epoch) is not None and 1 <= first <= last <= MAX_SEQ


def _check_number(epoch: str, first: int, last: int) -> None:
    """Refuse numbers that the ledger cannot write (SQLite holds 64-bit integers), and epochs long enough to fill it."""
    if not _is_valid_number(epoch, first, last):
        raise ContractError(
            "schema", f"epoch {epoch[:80]!r} is no name, or numbers {first} to {last} are not within 1 to 2^53"
        )


def _check_status(status: Status) -> None:
    _check_number(status.epoch, 1, 1)
    account = status.account
    for each in (*account.undelivered, *account.dropped, *account.ended) if account is not None else ():
        _check_number(each.epoch, each.first, each.last)
        if each.reason and not _VALUE.fullmatch(each.reason):
            raise ContractError(
                "schema", f"reason {each.reason[:80]!r} is not a name of at most 64 letters, digits and _.:/+-"
            )


def _check_labels(labels: dict[str, str]) -> None:
    for label in BASE_LABELS:
        value = labels.get(label)
        if value is not None and not _is_name(value):
            raise ContractError(
                "schema", f"label {label}={value[:80]!r} is not a name of at most 64 letters, digits and _.:/+-"
            )


def _check_batch(batch: Batch) -> None:
    if not _is_name(batch.device_class):
        raise ContractError(
            "schema", f"class {batch.device_class[:80]!r} is not a name of at most 64 letters, digits and _.:/+-"
        )
    if batch.device_class == "agent" and batch.device != batch.agent:
        raise ContractError(
            "schema", f"device {batch.device} has the class agent, which only the agent itself may have"
        )
    if batch.device_class != "agent" and batch.device == batch.agent:
        raise ContractError("schema", f"device {batch.device} has the name of its agent, but not the class agent")


def within_bounds(document: Document, wall_ms: int) -> Document:
    """The document with its intervals within the limits of their poll classes, and a description not from the future.

    A description with a later time replaces an earlier one, so one from the year 2262 would stay for ever. Times of batches
    and events are clamped where they are stored and shown (see clocks.py and collector.latest).
    """
    if isinstance(document, Batch):
        interval_s = bounded_interval(document.poll, document.interval_s)
        return document if interval_s == document.interval_s else replace(document, interval_s=interval_s)
    if isinstance(document, DeviceDocument):
        intervals = {poll: bounded_interval(poll, interval_s) for poll, interval_s in document.intervals.items()}
        if intervals != document.intervals or document.time > wall_ms:
            return replace(document, intervals=intervals, time=min(document.time, wall_ms))
    return document
