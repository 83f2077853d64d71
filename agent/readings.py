"""What a poll of one device yields: values, states and rejections by series key; and who the device is."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rackflow.catalogue import PollClass


@dataclass(slots=True)
class Readings:
    """One poll. `values` are in the catalogue's base units; `bad` says why a reading is missing: sentinel, range, decode, ..."""

    values: dict[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device says it is; empty where it does not say."""

    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Identified:
    """What opening a device found: its profile, its class, who it is, and the poll classes that have anything to read.

    `coolant` is the fluid of each loop that heat is computed with.
    """

    profile: str
    device_class: str
    identity: Identity
    poll_classes: frozenset[PollClass]
    coolant: Mapping[str, str] = field(default_factory=dict)
