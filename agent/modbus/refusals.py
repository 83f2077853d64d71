"""Which registers a unit refuses, and when each of them is asked for again.

What a refusal means depends on its exception code. "Not now" (busy, or a gateway that cannot reach the unit) says nothing about the
register. "No such register" stays true until the device changes. Any other code, such as 4 for a sensor that cannot be read, may be
gone at the next poll.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from rackflow.errors import DeviceProtocolError

# Modbus Application Protocol V1.1b3, section 7: acknowledge, server device busy, gateway path unavailable, gateway target device failed
# to respond.
LATER: Final = frozenset({5, 6, 10, 11})
DEVICE_BUSY: Final = 6
GATEWAY: Final = frozenset({10, 11})
# Illegal function, illegal data address, illegal data value.
ABSENT: Final = frozenset({1, 2, 3})
ILLEGAL_ADDRESS: Final = 2
# First and longest pause, in seconds, before a refused register is asked for again; each refusal doubles the pause. A register that
# answered before (BACK_SOON_S) most likely belongs to a sensor that will be repaired, and its reading is missed meanwhile. One that
# never answered is most likely not in this model, or belongs to an option that is fitted once in years. Chosen values: asking again
# costs one request each time.
BACK_SOON_S: Final = (1.0, 10.0)
NEVER_READ_S: Final = (5.0, 60.0)
ABSENT_S: Final = (60.0, 3600.0)


def is_temporary(error: DeviceProtocolError) -> bool:
    """Whether the refusal says "not now" rather than anything about the registers."""
    return error.code in LATER


@dataclass(slots=True)
class _Refused:
    code: int
    pause_s: float
    next_at: float


class Refusals:
    """The refused values of one unit, by reference. `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.changes = 0
        """Rises whenever a value becomes refused or answers again."""
        self._clock = clock
        self._answered: set[str] = set()
        self._refused: dict[str, _Refused] = {}

    def __contains__(self, ref: object) -> bool:
        return ref in self._refused

    @property
    def any_refused(self) -> bool:
        """Whether any value is refused now: mostly none is."""
        return bool(self._refused)

    @property
    def any_answered(self) -> bool:
        """Whether any value that ever answered is not refused now."""
        return any(ref not in self._refused for ref in self._answered)

    @property
    def absent(self) -> set[str]:
        """Values that never answered and that the unit refuses as nonexistent (exception codes in ABSENT)."""
        return {ref for ref, each in self._refused.items() if each.code in ABSENT and ref not in self._answered}

    def is_known(self, ref: str) -> bool:
        """Whether the unit has answered or refused this value."""
        return ref in self._answered or ref in self._refused

    def note_read(self, refs: Collection[str]) -> None:
        """Note that these values were read."""
        self._answered.update(refs)
        for ref in self._refused.keys() & refs if self._refused else ():
            del self._refused[ref]
            self.changes += 1

    def note_refused(self, ref: str, code: int) -> None:
        """Note that this value was refused when it was asked for alone."""
        before = self._refused.get(ref)
        first_s, longest_s = self._pauses(ref, code)
        pause_s = first_s if before is None else min(max(first_s, before.pause_s * 2), longest_s)
        self._refused[ref] = _Refused(code, pause_s, self._clock() + pause_s)
        if before is None:
            self.changes += 1

    def due(self, refs: Iterable[str], most: int) -> list[str]:
        """Up to `most` of the given values that are refused and whose pause has passed, the longest overdue first."""
        now = self._clock()
        over = [(self._refused[ref].next_at, ref) for ref in refs if ref in self._refused]
        return [ref for next_at, ref in sorted(over)[:most] if next_at <= now]

    def ask_all_again(self) -> None:
        """Make every refused value due: the connection was lost, so the device may be another one."""
        for ref, each in self._refused.items():
            each.pause_s, each.next_at = self._pauses(ref, each.code)[0] / 2, self._clock()

    def _pauses(self, ref: str, code: int) -> tuple[float, float]:
        if ref in self._answered:
            return BACK_SOON_S
        return ABSENT_S if code in ABSENT else NEVER_READ_S
