"""What a Modbus unit, or the gateway before it, says that it cannot give now or does not answer, and never gives. No I/O.

"Not now" says nothing about a register, so its block is asked again with each poll. But a unit may be busy for ever with one register, as
with that of a module which is not there, a gateway may show several devices as one unit, of which one is off, and some units give no answer
where others refuse.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.modbus import GATEWAY, Block
from agent.profile import RawValue, Slot
from agent.readings import Readings
from rackflow.errors import DeviceProtocolError

# In how many polls in a row a value may be answered with "not now", while others are read, before it counts as refused. A unit that stores
# a setting is busy for a second or so. Longer, all values that are read in one request with it would be missing, and waiting for a device
# that is off takes the time of the others. Chosen value.
BUSY_POLLS: Final = 5


@dataclass(slots=True)
class Answers:
    """The results of the requests of one poll, or of an opening, so far.

    After `until_s` (seconds of the poller's clock), a refused block is no longer read in smaller parts.
    """

    until_s: float
    raw: dict[str, RawValue] = field(default_factory=dict)
    errors: list[DeviceProtocolError] = field(default_factory=list)
    failed: dict[str, DeviceProtocolError] = field(default_factory=dict)
    """By reference of a value: the last error with which it was answered."""
    busy: set[str] = field(default_factory=set)
    """References of values for which the unit has answered "not now"."""
    are_others_read: bool = False
    """See `ModbusPoller._read_class`."""


class NotNow:
    """The values of one unit that were answered with "not now", by reference."""

    def __init__(self) -> None:
        # In how many polls of its class in a row. Polls of other classes, which do not ask for it, say nothing about it.
        self._polls: dict[str, int] = {}
        # By the first value of a block: when a gateway did not reach what is behind it, as a count of such answers.
        self._unreached: dict[str, int] = {}
        # The values of which the last request was not answered.
        self._silent: set[str] = set()

    def in_turn(self, blocks: Sequence[Block]) -> Sequence[Block]:
        """The blocks, with those at the end that a gateway did not reach, of which the one that was tried last comes last.

        The first block that a gateway does not reach ends a poll of which nothing was read yet, because a whole unit may be off. Always
        beginning with the same one would cost all readings if only one of several devices is.
        """
        if not self._unreached:
            return blocks
        return sorted(blocks, key=lambda block: self._unreached.get(block.fields[0].ref, 0))

    def take_unreached(self, blocks: Sequence[Block]) -> bool:
        """Whether a gateway did not reach one of these blocks; forgets it, so that it is told once for each time.

        Every second opening does without blocks that are not needed for it. One that always asked for them first would never succeed while
        only the device behind them is off, and one that asked for more of them would make the gateway wait several times for a unit that
        is off.
        """
        marked = [block.fields[0].ref for block in blocks if block.fields[0].ref in self._unreached]
        for ref in marked:
            del self._unreached[ref]
        return bool(marked)

    def note_refused(self, block: Block, code: int) -> None:
        """The block was refused with this exception code."""
        if code in GATEWAY:
            self._unreached[block.fields[0].ref] = max(self._unreached.values(), default=0) + 1

    def note_silent(self, block: Block) -> bool:
        """The request for the block was not answered. Returns whether the last one was not, either.

        As with one that a gateway did not reach, the whole unit may be off or not.
        """
        first = block.fields[0].ref
        was_silent = first in self._silent
        self._unreached[first] = max(self._unreached.values(), default=0) + 1
        self._silent.update(each.ref for each in block.fields)
        return was_silent

    def is_silent(self, ref: str) -> bool:
        """Whether the last request for this value was not answered."""
        return ref in self._silent

    def note_read(self, block: Block) -> None:
        """The block was read."""
        if self._unreached:
            self._unreached.pop(block.fields[0].ref, None)
        if self._silent:
            self._silent.difference_update(each.ref for each in block.fields)
        if self._polls:
            for each in block.fields:
                self._polls.pop(each.ref, None)

    def end_poll(self, busy: Collection[str], refused: Container[str]) -> Iterator[str]:
        """Yield the values that count as refused after a poll in which these were busy and others were read. `refused` do so already."""
        for ref in busy:
            polls = self._polls[ref] = self._polls.get(ref, 0) + 1
            if polls >= BUSY_POLLS or ref in refused:
                yield ref


def mark_unread(slots: Iterable[Slot], raw: Container[str], busy: Container[str], readings: Readings) -> None:
    """Put each reading without an answer into `bad`, with the reason. `busy` are the values that were answered with "not now"."""
    for slot in slots:
        groups = [decoder.refs for decoder in slot.decoders]
        if slot.gate and slot.gate.ref not in raw:
            groups = [[slot.gate.ref]]
        # A sum or a case needs all of its registers, so one that is missing is enough.
        if any(all(ref in raw for ref in refs) for refs in groups):
            continue
        if slot.key in readings.bad or slot.key in readings.values or slot.key in readings.states:
            continue
        refs = [ref for group in groups for ref in group if ref not in raw]
        if any(ref in busy for ref in refs):
            readings.bad[slot.key] = "busy"
        else:
            readings.bad[slot.key] = "refused"
