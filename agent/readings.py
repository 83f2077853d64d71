"""The result types of polling: the readings of one poll, and the identity of a device."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from rackflow.catalogue import PollClass


@dataclass(slots=True)
class Readings:
    """The readings of one poll, by series key.

    `values` are in the catalogue's base units. `bad` has the reason for each reading that is not usable. Each key is in only one of the
    three mappings. The reasons, and who gives them (docs/how-to/troubleshoot.md says what they mean, and with the wire contract has to
    name each: `tests/test_pages.py`):

    * `null`, `sentinel`, `range`, `state`, `decode`, `gated`: the answer itself, in `agent/profile/normalising/normalise.py`.
    * `range`, `state` and `sentinel` also: readings of one device contradict each other, in `agent/poll/checks/`, or a value of
      `agent/poll/derive.py`. For Modbus `decode` and `sentinel` also: `agent/poll/word_order.py` and `register_fit.py`.
    * `refused`, `busy`: Modbus exceptions for these registers, in `agent/poll/modbus.py`.
    * `replanning`, `limit`: the plan does not hold any more, in `agent/poll/planned_cells.py` and `snmp.py`; too many rows, in `snmp.py`.
    """

    values: dict[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    about: dict[str, float] = field(default_factory=dict)
    """Figures about the device's series as a whole, published with `values`."""
    reopen: str = ""
    """Why the device must be opened again: it rebooted, was replaced, or was reconfigured. Empty if it need not be."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity that a device reports; fields that it does not report are empty."""

    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""

    def may_be(self, other: "Identity") -> bool:
        """Whether both can belong to the same device. Firmware may differ, and a field that is empty on one side is not compared."""
        known = ((self.vendor, other.vendor), (self.model, other.model), (self.serial, other.serial))
        return all(not mine or not theirs or mine == theirs for mine, theirs in known)


@dataclass(frozen=True, slots=True)
class Identified:
    """What opening a device found out: its profile, class and identity, and the poll classes that have anything to read.

    `coolant` is the fluid of each loop, used to calculate heat.
    """

    profile: str
    device_class: str
    identity: Identity
    poll_classes: AbstractSet[PollClass]
    coolant: Mapping[str, str] = field(default_factory=dict)
    nothing_there: tuple[str, ...] = ()
    """In words: tables without rows, objects and registers that the profile names and the device does not have."""
    evidence: str = ""
    """What the profile rests on (`evidence` in its file)."""
    content: str = ""
    """A hash of the profile."""
