"""Notices that two SNMP devices answer at one address in turn: it was given twice, or a spare has the settings of the one it is for.

Each is a whole and healthy device, so every reading looks right, and only serial number, model or sysObjectID tell whose it is. These are
read once a minute. That is enough for a device that was replaced, but between two that take turns, half of the readings of the other
classes would be published under the wrong name. So during a conflict they are read in every poll. Pure; times are monotonic seconds.

Two devices of one model that tell no serial number cannot be told apart. The agent's log names the devices, a reading shows the conflict.
"""

import logging
import math
from typing import Final

from agent.poll.fingerprint import Fingerprint
from agent.readings import Readings

log = logging.getLogger(__name__)

# How long a device that was replaced is remembered, and a conflict lasts after the last change. Who gives two devices one address has it
# happen every few minutes, whenever the router asks for its owner. Chosen; a device that is replaced and put back within this time is
# taken for a conflict, which costs up to three objects a poll.
CONFLICT_S: Final = 3600.0
METRIC: Final = "dcim_device_address_conflict"
# Devices that are remembered. A third one at the same address is rare.
MAX_DEVICES: Final = 4


class AddressConflict:
    """The devices that have answered at the address of one configured device."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._replaced: list[tuple[float, Fingerprint]] = []
        self._until_s = -math.inf

    def is_on(self, now_s: float) -> bool:
        """Whether two devices take turns, so that every poll must show whose answers it has."""
        return now_s < self._until_s

    def report(self, readings: Readings, now_s: float) -> None:
        """Add the reading that tells an operator. Nothing is added for the many devices that never had a conflict."""
        if self._until_s > -math.inf:
            readings.about[METRIC] = float(self.is_on(now_s))

    def note_replaced(self, before: Fingerprint, after: Fingerprint, now_s: float) -> None:
        """Another device answers than before."""
        known = [(at, each) for at, each in self._replaced if now_s - at < CONFLICT_S]
        if any(each.identifiers == after.identifiers for _, each in known):
            if not self.is_on(now_s):
                log.warning(
                    "device=%s two devices answer at its address in turn: %s and %s; give each an address of its own. Until then only "
                    "polls that show whose readings they have are published",
                    self._device,
                    _name(before),
                    _name(after),
                )
            self._until_s = now_s + CONFLICT_S
        others = [(at, each) for at, each in known if each.identifiers != before.identifiers]
        self._replaced = [*others, (now_s, before)][-MAX_DEVICES:]


def _name(of: Fingerprint) -> str:
    identity = of.identity
    return repr(identity.serial or identity.model or next((text for _, text in of.identifiers), "one without a name"))
