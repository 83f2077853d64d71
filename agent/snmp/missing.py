"""What is remembered of objects that a device denies, lacks or fails to read, so that not every poll has to find them again. No I/O.

A denied object (authorizationError) fails the whole request that it is in, and so does one that cannot be read (genErr), and with v1 one
that is not there (noSuchName). Finding it takes several requests: one with pysnmp, and with gufo_snmp, which hides the error-index, some
seven among 20 objects, 35 if all of them fail. So when somebody narrows the device's view while it is polled, or a sensor breaks, such
objects are left out of the requests for the others, until the next plan.

With v2c and v3 an absent object (noSuchInstance) fails nothing and stays in the requests, so that it is read as soon as it is there. But
gufo_snmp drops NULLs as well, so that further requests must tell what is missing from an answer.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from rackflow.errors import DeviceAuthError

# How long after its first failure an object is asked for again; each further one doubles the pause. So an alarm that was denied or could
# not be read in one odd moment is missing for two polls and not for a minute. As for a refused Modbus register. Chosen value.
FIRST_S: Final = 1.0
# The longest pause after denials, and how long an absent object is known to be absent. Views are changed by hand, and rarely; each object
# costs one request a minute. Chosen value.
BELIEVED_S: Final = 60.0
# The longest pause of an object that could not be read, or with v1 was not there: a card hides a branch for a moment while it starts, and
# a sensor is repaired. As for a refused Modbus register. Chosen value.
FAILED_S: Final = 10.0
# The most of them that one call asks for again, so that a poll of the safety class ends in its time on a slow card (0.2 s a request).
# Chosen value.
MOST_AGAIN: Final = 4


class DeniedError(DeviceAuthError):
    """The answer was authorizationError: the device does not let this credential read something of what was asked for."""


class FailingObjects:
    """The objects of one device that fail whole requests. `now_s` is monotonic seconds."""

    def __init__(self) -> None:
        self._again_at_s: dict[str, float] = {}
        # The last pause of each, also while it is asked for.
        self._pauses_s: dict[str, float] = {}
        # Of these, objects that the device has, and that cannot be read.
        self._nulls: dict[str, None] = {}

    def __bool__(self) -> bool:
        return bool(self._again_at_s)

    def __contains__(self, oid: object) -> bool:
        return oid in self._again_at_s

    def note_denied(self, oid: str, now_s: float) -> None:
        """The object was denied, and no other one of its request."""
        self._pause(oid, now_s, BELIEVED_S)
        self._nulls.pop(oid, None)

    def note_failed(self, oid: str, now_s: float, *, is_null: bool) -> None:
        """The object failed its request; `is_null`: it is there, and cannot be read."""
        self._pause(oid, now_s, FAILED_S)
        if is_null:
            self._nulls[oid] = None
        else:
            self._nulls.pop(oid, None)

    def take(self, oid: str) -> None:
        """The object is asked for now, as one of which nothing is known."""
        self._again_at_s.pop(oid, None)

    def forget(self, but: Collection[str] = ()) -> None:
        """Ask for all of them again, except for `but`."""
        self._again_at_s = {oid: at_s for oid, at_s in self._again_at_s.items() if oid in but}
        self._pauses_s = {oid: pause_s for oid, pause_s in self._pauses_s.items() if oid in but}
        self._nulls = {oid: None for oid in self._nulls if oid in but}

    def nulls(self, oids: Sequence[str]) -> dict[str, None]:
        """Those of the objects that are left out although the device has them."""
        return dict.fromkeys(oid for oid in oids if oid in self._again_at_s and oid in self._nulls)

    def parted(self, oids: Sequence[str], now_s: float) -> tuple[list[str], list[str]]:
        """Of these objects, those to ask for together, and failing ones to ask for again, each alone; at least one in all.

        Without any request a device that has died would seem to deny everything for ever. Where all of them fail, one shows whether the
        device reads them again.
        """
        together = [oid for oid in oids if oid not in self._again_at_s]
        failing = sorted((self._again_at_s[oid], oid) for oid in oids if oid in self._again_at_s)
        if not together:
            return [], [oid for _, oid in failing[:1]]
        return together, [oid for at_s, oid in failing[:MOST_AGAIN] if at_s <= now_s]

    def _pause(self, oid: str, now_s: float, longest_s: float) -> None:
        self._pauses_s[oid] = pause_s = min(2 * self._pauses_s.get(oid, FIRST_S / 2), longest_s)
        self._again_at_s[oid] = now_s + pause_s


class AbsentObjects:
    """Objects of one device that a request has shown to be absent, and not merely missing from an answer."""

    def __init__(self) -> None:
        self._until_s: dict[str, float] = {}

    def note(self, oids: Iterable[str], now_s: float) -> None:
        """These are absent."""
        for oid in oids:
            self._until_s[oid] = now_s + BELIEVED_S

    def has_all(self, oids: Iterable[str], now_s: float) -> bool:
        """Whether each of these was shown to be absent lately."""
        return bool(self._until_s) and all(self._until_s.get(oid, now_s) > now_s for oid in oids)

    def forget(self) -> None:
        """Find out anew."""
        self._until_s.clear()
