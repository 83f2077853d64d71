"""The documents of wire contract version 1 as frozen structs, with their JSON encoding and checks.

Third parties build on these names. Unknown fields are ignored, so a new optional field is not a breaking change; a renamed one is.
"""

import math
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from rackflow.catalogue import MAX_POLL_SECONDS, MIN_POLL_SECONDS, PollClass
from rackflow.errors import ContractError
from rackflow.topics import Topic

# The version of the contract that these documents follow (ARCHITECTURE.md).
SCHEMA = 1
# Part of the contract. The largest real batch, every outlet of a large rack PDU, has about 20 kB. The limit bounds the memory
# that one publisher can claim, and with the topic stays below the broker's max_packet_size (513 KiB in deploy/mosquitto).
MAX_PAYLOAD_BYTES = 512 * 1024
# Every text, list and mapping has a length, because a receiver keeps parts of these documents for as long as the sender exists:
# without them one account could fill the memory of all receivers. Names are one topic level (see topics.py).
Name = Annotated[str, Meta(max_length=64)]
LabelName = Annotated[str, Meta(max_length=64)]
LabelValue = Annotated[str, Meta(max_length=64)]
# Free text from devices. An SNMP DisplayString has at most 255 characters (RFC 2579); agents cut what is longer.
Text = Annotated[str, Meta(max_length=255)]
# Error messages in events; Rackflow's agent cuts them at 200 characters.
LongText = Annotated[str, Meta(max_length=1024)]
# The longest metric name with all of its labels at 64 characters each has 349 characters; the rest is room for new metrics.
SeriesKey = Annotated[str, Meta(max_length=512)]
MAX_READINGS = 10_000
"""Entries of `values`, `states` and `bad` at most, each; about as many as the largest message holds. A large rack PDU has some 400."""
MAX_LABELS = 32
"""Labels of a device. A chosen value: its place takes up to six (`BASE_LABELS`), the rest is for what a site adds."""
MAX_LOOPS = 4
"""A device has at most a primary and a secondary loop today."""
MAX_DEVICES = 5_000
"""Devices that one status may name. An agent of this size does not exist; the status would have 100 kB."""
MAX_RANGES = 500
"""Ranges in each list of an account. Rackflow's agent sends at most some 200 (see outbox/account.py)."""
MAX_REFUSED_TOPICS = 100
"""Topics that one status names as refused. Rackflow's agent names at most 20 (`NAMED_IN_STATUS` in `agent/publish/`)."""
MAX_SEQ = 2**53
"""Largest message number: a double, and so JSON in many languages, cannot hold every integer above it (RFC 8259, 6)."""
MAX_TIME_MS = 9_223_372_036_854
"""Largest time, ms, that fits an engine that counts nanoseconds in 64 bits (InfluxDB): the year 2262."""
MAX_DURATION_S = 86_400.0
"""No poll lasts a day. Without a limit the sums of durations become infinite."""
Seq = Annotated[int, Meta(ge=1, le=MAX_SEQ)]
TimeMs = Annotated[int, Meta(ge=0, le=MAX_TIME_MS)]
Labels = Annotated[dict[LabelName, LabelValue], Meta(max_length=MAX_LABELS)]
# Intervals of one `stored` document, of all epochs together. With a single collector there is one for each gap, so a handful; behind a
# shared subscription every second number may begin one. 1,000 take 20 to 30 kB, and a document comes at most every 1.5 s. Chosen value.
MAX_STORED_INTERVALS = 1_000
# Far above any real poll; they keep numbers in a message within what can be calculated with.
MAX_PARTS = 100_000
MAX_REJECTED = 10_000_000
EventKind = Literal["up", "down", "state", "trap"]
"""What an event tells: the device went up or down, one of its states changed, or it sent a trap."""
DeviceFault = Literal["timeout", "unreachable", "auth", "protocol", "decode", "internal"]
"""Why a poll failed. `internal` is a fault of the agent itself, caught at the device's barrier."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What all documents share. `schema` is the version of the contract."""

    schema: Literal[1] = 1
    agent: Name


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a poll a batch is, if the poll was too large for one message: part `number`, counted from 1, of `of` parts.

    `rejected` is the number of rejected readings in all parts, so that it is known from any of them.
    """

    number: Annotated[int, msgspec.Meta(ge=1, le=MAX_PARTS)]
    of: Annotated[int, msgspec.Meta(ge=1, le=MAX_PARTS)]
    rejected: Annotated[int, msgspec.Meta(ge=0, le=MAX_REJECTED)]


class Batch(Document, frozen=True, kw_only=True, gc=False, rename={"device_class": "class"}):
    """One poll of one device. `time` is ms UTC at the end of the poll; values are in base units of the catalogue.

    `values`, `states` and `bad` are keyed by series key; a reading is in exactly one of them or absent. `part` is there if the poll was
    split over several batches of the same time, which have consecutive numbers and the same poll.
    """

    epoch: Name
    seq: Seq
    time: TimeMs
    device: Name
    device_class: Name
    poll: PollClass
    interval_s: Annotated[float, Meta(gt=0)]
    duration_s: Annotated[float, Meta(ge=0, le=MAX_DURATION_S)]
    up: bool
    error: DeviceFault | None = None
    labels: Labels
    values: Annotated[dict[SeriesKey, float], Meta(max_length=MAX_READINGS)] = {}
    states: Annotated[dict[SeriesKey, Name], Meta(max_length=MAX_READINGS)] = {}
    bad: Annotated[dict[SeriesKey, Name], Meta(max_length=MAX_READINGS)] = {}
    part: Part | msgspec.UnsetType = msgspec.UNSET

    @property
    def rejected(self) -> int:
        """Readings of the whole poll that were rejected."""
        return len(self.bad) if self.part is msgspec.UNSET else self.part.rejected

    @property
    def counts_as_poll(self) -> bool:
        """Whether it is a whole poll, or the first part of one."""
        return self.part is msgspec.UNSET or self.part.number == 1


class Event(Document, frozen=True, kw_only=True, gc=False, rename={"device_class": "class"}):
    """Something that happened to one device at one time. For kind `state`, `series` names the state, `old` and `new` are its values.

    For `down`, `text` has the error; for `trap`, the object identifier that names the trap, and the texts in it.
    """

    epoch: Name
    seq: Seq
    time: TimeMs
    device: Name
    device_class: Name
    kind: EventKind
    labels: Labels
    series: SeriesKey = ""
    old: Name = ""
    new: Name = ""
    text: LongText = ""


class Coolant(msgspec.Struct, frozen=True, kw_only=True):
    """The fluid of one loop: `water`, or a glycol by kind and percent by mass (`pg25`: 25 % propylene glycol, `eg40`)."""

    fluid: Name
    additive: Name = ""
    concentration: Name = ""


class DeviceDocument(Document, frozen=True, kw_only=True, rename={"device_class": "class"}):
    """Identity of one device, retained. `intervals` are seconds per poll class; `coolant` is per loop.

    `evidence` is what the profile rests on, as the profile says it: a recorded device, a published map, or nothing yet.
    `profile_content` is a hash of the profile: it changes when the profile is edited, and the device may then have other series.
    """

    device: Name
    device_class: Name
    time: TimeMs
    vendor: Text = ""
    model: Text = ""
    serial: Text = ""
    firmware: Text = ""
    profile: Name = ""
    evidence: Text = ""
    profile_content: Name = ""
    protocol: Literal["snmp", "modbus", ""] = ""
    intervals: Annotated[dict[PollClass, Annotated[float, Meta(gt=0)]], Meta(max_length=len(MAX_POLL_SECONDS))] = {}
    labels: Labels = {}
    coolant: Annotated[dict[LabelValue, Coolant], Meta(max_length=MAX_LOOPS)] = {}


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of one epoch, from number `first` to number `last`, both included. `reason` is why they were dropped."""

    epoch: Name
    first: Annotated[int, Meta(ge=0, le=MAX_SEQ)]
    last: Annotated[int, Meta(ge=0, le=MAX_SEQ)]
    reason: Name = ""


Ranges = Annotated[list[Numbers], Meta(max_length=MAX_RANGES)]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent knows of the messages it numbered, so that collectors can distinguish a gap, a backlog and a loss.

    `kind` is where its outbox is kept. `undelivered` (in JSON `held`) bounds what it has not delivered yet (behind what is live; of the
    present epoch everything from `first` on); `dropped` are losses it counted; `ended` are earlier epochs with their last number.
    """

    kind: Literal["memory", "disk"]
    undelivered: Ranges = msgspec.field(default=[], name="held")
    dropped: Ranges = []
    ended: Ranges = []


class Status(Document, frozen=True, kw_only=True):
    """Whether an agent is there, retained; `offline` is also its will. `devices` are all that it is configured with.

    `account` is absent from a will, which was written before what it would have to tell, and so are `devices`. `refused` are topics
    of the agent that the broker refuses, with the reason; of many, only some. `taken_over` is when another client last took this
    process's place at the broker, if it did so repeatedly, as a second agent of this name does; otherwise 0. `site_file` is a hash of the
    content of the site file that the agent has read; empty without one.
    """

    site: Name
    status: Literal["online", "offline"]
    epoch: Name
    version: Name = ""
    started: TimeMs = 0
    python: Name = ""
    hostname: Text = ""
    devices: Annotated[list[Name], Meta(max_length=MAX_DEVICES)] = []
    account: Account | None = None
    refused: Annotated[dict[Text, Text], Meta(max_length=MAX_REFUSED_TOPICS)] = {}
    taken_over: TimeMs = 0
    site_file: Text = ""


Intervals = Annotated[list[tuple[Seq, Seq]], Meta(max_length=MAX_STORED_INTERVALS)]


class Stored(Document, frozen=True, kw_only=True):
    """Which messages of an agent one collector has made durable, retained. Written by the collector `collector`, read by that agent.

    `durable` has per epoch the numbers, as intervals with both ends included, in ascending order and without overlaps: in the store,
    in the collector's own outbox, or in its dead-letter file. What is not listed may be durable, too: of many intervals only some are
    listed. `ledger` is the random name of the collector's ledger, so that a ledger that was lost shows.
    """

    collector: Name
    ledger: Name
    time: TimeMs
    durable: Annotated[dict[Name, Intervals], Meta(max_length=MAX_STORED_INTERVALS)]


class LeaseDocument(Document, frozen=True, kw_only=True):
    """Which process of an agent that runs on two machines polls, retained; written each second by it, and read by both.

    `holder` names the process; empty, the lease has been given back. The other process says each second, not retained, that it stands by:
    `standby` names it, and `holder` is whom it heard last. `hostname` and `time` are for people: nothing compares clocks.
    `unable` names the process that gave the lease back because the broker takes no message of it.
    """

    holder: Name
    standby: Name = ""
    unable: Name = ""
    hostname: Text
    time: TimeMs


DOCUMENTS: dict[str, type[Document]] = {
    "batch": Batch,
    "event": Event,
    "device": DeviceDocument,
    "status": Status,
    "stored": Stored,
    "lease": LeaseDocument,
}

D = TypeVar("D", bound=Document)
# Built once: a decoder compiles its type, which costs more than decoding one message.
_encoder = msgspec.json.Encoder()
_decoders: dict[type[Document], msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in DOCUMENTS.values()
}


def encode(document: Document) -> bytes:
    """The document as JSON. Raises ContractError if a number is not finite."""
    # JSON has no NaN or infinity, and msgspec writes null for them, which `decode` refuses: the whole batch would be lost.
    if isinstance(document, Batch) and not all(map(math.isfinite, document.values.values())):
        raise ContractError("value", f"batch of {document.device} has a value that is not a finite number")
    return _encoder.encode(document)


def decode(payload: bytes, kind: type[D]) -> D:
    """Read a document from JSON.

    Raises ContractError with reason `size` (too long), `decode` (not JSON) or `schema` (JSON, but not this contract).
    """
    # Before parsing: the limit also bounds the work that a hostile publisher can cause.
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ContractError("size", f"{len(payload)} bytes; at most {MAX_PAYLOAD_BYTES} are accepted")
    try:
        document: D = _decoders[kind].decode(payload)
    except msgspec.ValidationError as error:
        raise ContractError("schema", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # msgspec leaves invalid UTF-8 and nesting deeper than the interpreter's stack to Python's own errors.
        raise ContractError("decode", str(error)) from error
    if isinstance(document, Stored):
        _check_stored(document)
    return document


def bounded_interval(poll: PollClass, interval_s: float) -> float:
    """`interval_s` within the limits of its poll class.

    Receivers derive from it how long a reading stays current, so without a limit one message would keep a series for years; and
    rates are its inverse, so it must not be tiny.
    """
    return min(max(interval_s, MIN_POLL_SECONDS), MAX_POLL_SECONDS[poll])


def _check_stored(stored: Stored) -> None:
    # An agent deletes what is listed, so that a document with anything odd in it is not used at all.
    if sum(map(len, stored.durable.values())) > MAX_STORED_INTERVALS:
        raise ContractError("schema", f"more than {MAX_STORED_INTERVALS} intervals")
    for intervals in stored.durable.values():
        before = 0
        for first, last in intervals:
            if not before < first <= last:
                raise ContractError("schema", f"interval {first} to {last}: not ascending from 1 on")
            before = last


def check_topic(topic: Topic, document: Document) -> None:
    """Raise ContractError with reason `topic` if the topic names another site, agent or device than the document.

    The broker's access list covers topics only: without this check an account could publish readings in the name of others.
    """
    device = getattr(document, "device", "")
    site = document.site if isinstance(document, Status) else getattr(document, "labels", {}).get("site", topic.site)
    collector = document.collector if isinstance(document, Stored) else ""
    if topic.collector != collector:
        raise ContractError(
            "topic", f"topic says collector={topic.collector or '-'}, body says collector={collector or '-'}"
        )
    if (topic.agent, topic.device, topic.site) != (document.agent, device, site):
        raise ContractError(
            "topic",
            f"topic says site={topic.site} agent={topic.agent} device={topic.device or '-'}, "
            f"body says site={site} agent={document.agent} device={device or '-'}",
        )


def json_schema(kind: type[Document]) -> dict[str, Any]:
    """JSON Schema (2020-12) of one document."""
    return msgspec.json.schema(kind)
