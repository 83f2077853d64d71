"""The documents of wire contract version 1 as frozen structs, with their JSON encoding and checks.

Third parties build on these names. Unknown fields are ignored, so a new optional field is not a breaking change; a renamed one is.
"""

import math
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from rackflow.catalogue import PollClass
from rackflow.errors import ContractError
from rackflow.topics import Topic

SCHEMA = 1
# Part of the contract. The largest real batch, every outlet of a large rack PDU, has about 20 kB. The limit bounds the memory
# that one publisher can claim, and with the topic stays below the broker's max_packet_size (513 KiB in deploy/mosquitto).
MAX_PAYLOAD_BYTES = 512 * 1024
# Far above any real poll; they keep numbers in a message within what can be calculated with.
MAX_PARTS = 100_000
MAX_REJECTED = 10_000_000
DeviceFault = Literal["timeout", "unreachable", "auth", "protocol", "decode", "internal"]
"""Why a poll failed. `internal` is a fault of the agent itself, caught at the device's barrier."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What all documents share. `schema` is the version of the contract."""

    schema: Literal[1] = 1
    agent: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a poll a batch is, if the poll was too large for one message: `number` from 1, `of` so many.

    `rejected` is the number of rejected readings in all parts, so that it is known from any of them.
    """

    number: Annotated[int, msgspec.Meta(ge=1, le=MAX_PARTS)]
    of: Annotated[int, msgspec.Meta(ge=1, le=MAX_PARTS)]
    rejected: Annotated[int, msgspec.Meta(ge=0, le=MAX_REJECTED)]


class Batch(Document, frozen=True, kw_only=True, rename={"device_class": "class"}):
    """One poll of one device. `time` is ms UTC at the end of the poll; values are in base units of the catalogue.

    `values`, `states` and `bad` are keyed by series key; a reading is in exactly one of them or absent. `part` is there if the poll was
    split over several batches of the same time, which have consecutive numbers and the same poll.
    """

    epoch: str
    seq: int
    time: int
    device: str
    device_class: str
    poll: PollClass
    interval_s: float
    duration_s: float
    up: bool
    error: DeviceFault | None = None
    labels: dict[str, str]
    values: dict[str, float] = {}
    states: dict[str, str] = {}
    bad: dict[str, str] = {}
    part: Part | msgspec.UnsetType = msgspec.UNSET

    @property
    def rejected(self) -> int:
        """Readings of the whole poll that were rejected."""
        return len(self.bad) if self.part is msgspec.UNSET else self.part.rejected

    @property
    def counts_as_poll(self) -> bool:
        """Whether it is a whole poll, or the first part of one."""
        return self.part is msgspec.UNSET or self.part.number == 1


class Event(Document, frozen=True, kw_only=True, rename={"device_class": "class"}):
    """One edge of one device: it went up or down, or a state changed. `series` names the state for kind `state`."""

    epoch: str
    seq: int
    time: int
    device: str
    device_class: str
    kind: Literal["up", "down", "state", "trap"]
    labels: dict[str, str]
    series: str = ""
    old: str = ""
    new: str = ""
    text: str = ""


class Coolant(msgspec.Struct, frozen=True, kw_only=True):
    """The fluid of one loop: `water`, or `pg25` (25 % propylene glycol by mass)."""

    fluid: str
    additive: str = ""
    concentration: str = ""


class DeviceDocument(Document, frozen=True, kw_only=True, rename={"device_class": "class"}):
    """Identity of one device, retained. `intervals` are seconds per poll class; `coolant` is per loop."""

    device: str
    device_class: str
    time: int
    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    profile: str = ""
    protocol: Literal["snmp", "modbus", ""] = ""
    intervals: dict[PollClass, float] = {}
    labels: dict[str, str] = {}
    coolant: dict[str, Coolant] = {}


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of one epoch, from number `first` to number `last`, both included. `reason` is why they were dropped."""

    epoch: str
    first: int
    last: int
    reason: str = ""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent knows of the messages it numbered, so that a gap can be told from a backlog and from a loss.

    `kind` is where its outbox lives. `held` bounds what it has not delivered yet (behind what is live; of the present
    epoch everything from `first` on); `dropped` are losses it counted; `ended` are earlier epochs with their last number.
    """

    kind: Literal["memory", "disk"]
    held: list[Numbers] = []
    dropped: list[Numbers] = []
    ended: list[Numbers] = []


class Status(Document, frozen=True, kw_only=True):
    """Whether an agent is there, retained; `offline` is also its will. `devices` are all that it is configured with.

    `account` is absent from a will, which was written before what it would have to tell, and so are `devices`. `refused` are topics
    of the agent that the broker refuses, with the reason; of many, only some.
    """

    site: str
    status: Literal["online", "offline"]
    epoch: str
    version: str = ""
    started: int = 0
    python: str = ""
    hostname: str = ""
    devices: list[str] = []
    account: Account | None = None
    refused: dict[str, str] = {}


DOCUMENTS: dict[str, type[Document]] = {"batch": Batch, "event": Event, "device": DeviceDocument, "status": Status}

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
    if isinstance(document, Batch):
        _check_batch(document)
    return document


def _check_batch(batch: Batch) -> None:
    # Values need no check: JSON cannot express NaN or infinity, and msgspec refuses numbers too large for a float.
    # seq starts at 1, so that 0 can mean "none yet"; an interval of 0 would give a reading no lifetime.
    if batch.seq < 1 or batch.time < 0 or batch.interval_s <= 0:
        raise ContractError("schema", "seq must be at least 1, time at least 0 and interval_s above 0")


def check_topic(topic: Topic, document: Document) -> None:
    """Raise ContractError with reason `topic` if the topic names another site, agent or device than the document.

    The broker's access list covers topics only: without this check an account could publish readings in the name of others.
    """
    device = getattr(document, "device", "")
    site = document.site if isinstance(document, Status) else getattr(document, "labels", {}).get("site", topic.site)
    if (topic.agent, topic.device, topic.site) != (document.agent, device, site):
        raise ContractError(
            "topic",
            f"topic says site={topic.site} agent={topic.agent} device={topic.device or '-'}, "
            f"body says site={site} agent={document.agent} device={device or '-'}",
        )


def json_schema(kind: type[Document]) -> dict[str, Any]:
    """JSON Schema (2020-12) of one document."""
    return msgspec.json.schema(kind)
