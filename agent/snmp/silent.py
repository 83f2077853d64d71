"""Which objects of a device are never answered, and which may be. No I/O; `now_s` is the loop's clock.

Some cards give no answer at all to a request with one certain object, such as that of a module that hangs, or to a request that is too
large for them. Such a silence looks like that of a device that is off. The first one therefore fails the poll as any other does, so that a
device that is off is found to be down as soon as ever, and with as many requests. Only the next request differs: it is for something that
was answered before. If that is answered, the objects are asked for again, in smaller and smaller parts (`PortionedClient`).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rackflow.errors import DeviceProtocolError

# How long after it was found to be silent an object is asked for again; each further silence doubles the pause. Each costs a poll up to one
# timeout, so it must not be asked for in each. Chosen values.
FIRST_S: Final = 10.0
LONGEST_S: Final = 600.0
# The most requests without an answer while one call looks for such objects: one of 20 takes six. The next call goes on from there.
MOST_SILENCES: Final = 16
# After so many in a row the device is probably silent about everything: it is asked for two objects alone, and if these are not answered,
# nothing is looked for during PAUSE_S. A card whose UPS does not talk to it may be like that. Chosen values.
MOST_FRUITLESS: Final = 5
PAUSE_S: Final = 60.0
# How often requests of one size must be silent, and be answered in parts, with no answer to one as large in between, before smaller ones
# are made: where datagrams are lost, that happens once in a while. So much more often once a request was answered that had been silent
# before: a network that loses three datagrams of ten had a device asked for 5 objects at a time, not 20, and twice as many polls lost.
# Chosen values.
TOO_LARGE_TIMES: Final = 2
TOO_LARGE_TIMES_WITH_LOSSES: Final = 6
# How often an object that was not answered alone is asked for again before it is left out; and where datagrams are lost: of 250 polls on a
# network that loses three of ten each way, 87 lacked an object with one further try, and none with four. Chosen values.
FURTHER_TRIES: Final = 1
FURTHER_TRIES_WITH_LOSSES: Final = 4
# How often in a row requests for an object must be silent before it is doubted; and where datagrams are lost. There, the request for
# something known, which is sent in case of doubt, is lost as often, and so each lost poll made the next one fail more often. Less than
# DOWN_AFTER_FAILURES of `schedule.py`. Chosen values.
SILENT_TIMES: Final = 1
SILENT_TIMES_WITH_LOSSES: Final = 2
# So many requests within LOSSY_S that were silent and then answered, none larger than before, show that datagrams are lost. Chosen values.
LOSSES: Final = 2
LOSSY_S: Final = 900.0
# How often in a row the walk of one column must end in silence before it is made row by row, without the rows that are not answered. One
# may be that of a device that was off for a moment, and row by row a large table takes long. Chosen value.
WALKS: Final = 2
# For how long walks of the device are made so. As the longest belief in a limit (`limits.py`). Chosen value.
ROW_BY_ROW_S: Final = 86_400.0
# Rows in succession that are passed by because they are not answered. Chosen value.
MOST_ROWS: Final = 4
# Objects of which an answer is missing. More than a device has in its plan; those that are not asked for again are forgotten.
MAX_DOUBTFUL: Final = 10_000


class UnansweredError(DeviceProtocolError):
    """The device answers other requests and not this one."""


@dataclass(slots=True)
class _Doubt:
    """Requests for an object that were silent since it was last answered."""

    smallest: int
    """Objects in the smallest of these requests."""
    times: int = 0


class SilentObjects:
    """The objects of one device that are silent, each left out until its time, and those that are doubtful: their request was silent."""

    def __init__(self) -> None:
        self._doubtful: dict[str, _Doubt] = {}
        # When requests were last answered that had been silent before: they were lost, or the device was off for a moment.
        # The latest `LOSSES` of them, in a tuple: an empty deque would take 760 bytes of each device.
        self._lost_at_s: tuple[float, ...] = ()
        self._again_at_s: dict[str, float] = {}
        self._pauses_s: dict[str, float] = {}
        self._no_search_until_s = 0.0
        # By column: walks in succession that ended in silence; and until when all are made row by row.
        self._walks: dict[str, int] = {}
        self._row_by_row_until_s = 0.0
        # The smallest request that was silent and then answered in parts, since one as large was answered; and how often.
        self._too_large = 0
        self._too_large_times = 0
        self._times_needed = TOO_LARGE_TIMES

    def __bool__(self) -> bool:
        # After a request that seemed too large, too: the answer to one of that size must be noted.
        return bool(self._doubtful or self._again_at_s or self._too_large)

    def __contains__(self, oid: object) -> bool:
        return oid in self._doubtful or oid in self._again_at_s

    def note_unanswered(self, oids: Collection[str]) -> None:
        """A request for these was not answered."""
        for oid in oids:
            doubt = self._doubtful.setdefault(oid, _Doubt(len(oids)))
            doubt.smallest, doubt.times = min(len(oids), doubt.smallest), doubt.times + 1
        while len(self._doubtful) > MAX_DOUBTFUL:
            del self._doubtful[next(iter(self._doubtful))]

    def note_answered(self, oids: Collection[str], now_s: float) -> None:
        """One request for all of these was answered."""
        if self._was_silent(oids):
            self._times_needed = TOO_LARGE_TIMES_WITH_LOSSES
            self._lost_at_s = (*self._lost_at_s, now_s)[-LOSSES:]
        for known in (self._doubtful, self._again_at_s, self._pauses_s):
            for oid in known.keys() & oids if known else ():
                del known[oid]
        if len(oids) >= self._too_large:
            self._too_large = self._too_large_times = 0

    def _was_silent(self, oids: Collection[str]) -> bool:
        """Whether a request with some of these objects, and not more than there are of these, was silent."""
        return any(self._doubtful[oid].smallest <= len(oids) for oid in self._doubtful.keys() & oids)

    def _are_losses_usual(self, now_s: float) -> bool:
        return len(self._lost_at_s) == LOSSES and now_s - self._lost_at_s[0] < LOSSY_S

    def note_silent(self, oid: str, now_s: float) -> bool:
        """The object was not answered when it was asked for alone, although others are. Returns whether that is news."""
        self._doubtful.pop(oid, None)
        is_new = oid not in self._pauses_s
        self._pauses_s[oid] = pause_s = min(2 * self._pauses_s.get(oid, FIRST_S / 2), LONGEST_S)
        self._again_at_s[oid] = now_s + pause_s
        return is_new

    def are_too_large(self, objects: int) -> bool:
        """A request for so many objects was silent, and both of its halves were answered. Returns whether requests must be smaller."""
        self._too_large = min(objects, self._too_large or objects)
        self._too_large_times += 1
        if self._too_large_times < self._times_needed:
            return False
        self._too_large = self._too_large_times = 0
        self._times_needed = TOO_LARGE_TIMES
        return True

    @property
    def further_tries(self) -> int:
        """How often an object that was not answered alone is asked for again before it is left out."""
        return FURTHER_TRIES if self._times_needed == TOO_LARGE_TIMES else FURTHER_TRIES_WITH_LOSSES

    def give_up(self, now_s: float) -> None:
        """The device is silent about everything that was tried: look for nothing for a while."""
        self._no_search_until_s = now_s + PAUSE_S

    def may_search(self, now_s: float) -> bool:
        """Whether to look for silent objects."""
        return now_s >= self._no_search_until_s

    def note_walk(self, oid: str, *, was_silent: bool) -> None:
        """A walk of this column has ended, or a GETNEXT from this position."""
        if was_silent:
            self._walks[oid] = self._walks.get(oid, 0) + 1
        elif self._walks:
            self._walks.pop(oid, None)

    def is_walked_by_row(self, oid: str, now_s: float) -> bool:
        """Whether this column is walked row by row, since there may be rows that are not answered."""
        # One walk is enough where objects are known to be silent.
        walks = 1 if self._again_at_s else WALKS
        return now_s < self._row_by_row_until_s or (bool(self._walks) and self._walks.get(oid, 0) >= walks)

    def note_silent_row(self, now_s: float) -> None:
        """A row was not answered although the device answers others: a module that hangs does so in each column."""
        self._row_by_row_until_s = now_s + ROW_BY_ROW_S

    def ask_all_again(self) -> None:
        """Make all silent objects due: the device is opened or planned anew, and may be another one.

        Each call of `get` asks for one of them. So the one that was asked for longest ago is first: with an object that is never answered
        always before it, another one would be in no plan, and so be asked for by no poll.
        """
        in_turn = sorted(self._again_at_s, key=self._last_asked_s)
        self._again_at_s = {oid: float(place - len(in_turn)) for place, oid in enumerate(in_turn)}

    def _last_asked_s(self, oid: str) -> float:
        """When the object was asked for; its place, below 0, if not since `ask_all_again`."""
        again_at_s = self._again_at_s[oid]
        return again_at_s if again_at_s < 0.0 else again_at_s - self._pauses_s.get(oid, 0.0)

    def doubtful(self, oids: Sequence[str], now_s: float) -> list[str]:
        """Those of the objects whose last request was not answered; where datagrams are lost, whose last two were not."""
        if not self._doubtful:
            return []
        times = SILENT_TIMES_WITH_LOSSES if self._are_losses_usual(now_s) else SILENT_TIMES
        return [oid for oid in oids if oid in self._doubtful and self._doubtful[oid].times >= times]

    def parted(self, oids: Sequence[str], now_s: float) -> tuple[list[str], str]:
        """Those of the objects that are not silent, and one that is and is due, or ""."""
        heard = [oid for oid in oids if oid not in self._again_at_s]
        due = min(((self._again_at_s[oid], oid) for oid in oids if oid in self._again_at_s), default=(now_s + 1, ""))
        return heard, due[1] if due[0] <= now_s else ""

    def take(self, oids: Iterable[str]) -> list[str]:
        """Those of the objects that are silent, which are doubtful from now on: others of them are answered again."""
        taken = [oid for oid in oids if self._again_at_s.pop(oid, None) is not None]
        self.note_unanswered(taken)
        return taken
