"""Reads the segment files of an outbox when it is opened: waiting messages, missing messages, and damaged files."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rackflow.outbox.mark import Mark
from rackflow.outbox.rangeset import Range, RangeSet
from rackflow.outbox.record import Stamp
from rackflow.outbox.segment import NEW, Loaded, Segment, cut, load_segment
from rackflow.outbox.state import State


def folder_of(path: Path) -> Path:
    """The folder of the segments of an outbox."""
    return path.with_name(path.name + ".segments")


def set_aside(file: Path, outbox: Path) -> Path:
    """Keep a copy of a damaged file as `<outbox>.damaged`, for whoever looks into it. Raises OSError.

    Only the latest one is kept, so that a failing disk does not fill up with them.
    """
    aside = outbox.with_name(outbox.name + ".damaged")
    if file.exists():
        shutil.copyfile(file, aside)
    return aside


@dataclass(slots=True)
class Opened:
    """What was found in the files of an outbox.

    `missing` are keys of messages that should be there and are not. `damaged` are files that were readable in part, `short` files that end
    too early, `broken` files of which nothing could be read.
    """

    segments: list[Segment] = field(default_factory=list)
    state: State = field(default_factory=State)
    waiting: RangeSet = field(default_factory=RangeSet)
    highest: int = 0
    """No key up to this one is ever given again."""
    last_number: int = 0
    """The highest number of a file, also of one that is broken."""
    written: int = 0
    """The highest key that is or was in a file."""
    stamp: Stamp = field(default_factory=lambda: Stamp(0))
    missing: list[Range] = field(default_factory=list)
    damaged: list[Segment] = field(default_factory=list)
    short: list[Segment] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)


def load_folder(folder: Path, mark: Mark | None) -> Opened:
    """Read all files. Raises OSError, and ConfigError if a newer Rackflow wrote one."""
    opened = Opened()
    state = opened.state
    for left in folder.glob(f"*{NEW}"):
        left.unlink()
    found: list[tuple[Path, Loaded | None]] = []
    for path in sorted(folder.glob("*.seg")):
        if path.stem.isdecimal():
            opened.last_number = max(opened.last_number, int(path.stem))
        loaded = load_segment(path, opened.highest)
        found.append((path, loaded))
        if loaded is not None:
            _take(loaded, opened)
    holes = list(_holes(found, mark, opened))
    if mark is not None:
        state.totals.last_key = max(state.totals.last_key, mark.last)
    opened.written = opened.highest
    opened.highest = state.totals.last_key = max(state.totals.last_key, opened.highest)
    if mark is not None and (holes or not state.totals.epochs):
        known = {each.base: each for each in (*mark.epochs, *state.totals.epochs)}
        state.totals.epochs = [known[base] for base in sorted(known)]
    missing = RangeSet(holes).difference(opened.waiting).difference(_lost(state))
    for _, loaded in found:
        if loaded is not None:
            missing = missing.difference(loaded.freed)
    if mark is not None:
        # Messages below the mark's first key were already free when the mark was written.
        missing.take(0, mark.first - 1)
    opened.missing = list(missing)
    return opened


def _take(loaded: Loaded, opened: Opened) -> None:
    segment = loaded.segment
    for record in loaded.states:
        opened.state.apply(record)
    if loaded.stamp.age_ms >= opened.stamp.age_ms:
        opened.stamp = loaded.stamp
    index = segment.index
    for position in range(len(index)):
        opened.waiting.add(*index.keys(position))
    for first, last in loaded.freed:
        for low, high in opened.waiting.within(first, last):
            # A file's records of freed keys concern its own messages only.
            if len(index) and low <= index.last and high >= index.first:
                here = max(low, index.first), min(high, index.last)
                opened.waiting.take(*here)
                index.free(*here)
    opened.highest = max(opened.highest, segment.last_key, segment.head.after_key)
    opened.segments.append(segment)


def _holes(found: Sequence[tuple[Path, Loaded | None]], mark: Mark | None, opened: Opened) -> Iterable[Range]:
    """Keys that were written and are not in the files, as far as is known. They may include keys that were free.

    Also sorts the files that are not whole into `opened`: `broken` cannot be read at all, `damaged` is set aside after its readable
    messages were copied, `short` only lacks its end and is used on. The last key that a file should have is known from its own head, from
    the states in all files, from the file after it, or, for the newest file, from the mark.
    """
    last_keys = {
        number: last
        for _, loaded in found
        if loaded is not None
        for record in loaded.states
        for number, last in record.segments or ()
    }
    highest = 0
    for at, (path, loaded) in enumerate(found):
        is_newest = at == len(found) - 1
        following = found[at + 1][1] if not is_newest else None
        number = int(path.stem) if path.stem.isdecimal() else 0
        expected = last_keys.get(number, 0)
        if not expected and following is not None and following.segment.number == number + 1:
            # The file was the newest when the next one was begun.
            expected = following.segment.head.after_key
        if loaded is None:
            opened.broken.append(path)
        else:
            segment = loaded.segment
            yield from loaded.holes
            highest = max(highest, segment.head.after_key, segment.index.last if len(segment.index) else 0)
            expected = segment.head.last_key or expected
        if is_newest and mark is not None:
            expected = max(expected, mark.last)
        is_short = highest < expected
        if is_short:
            yield highest + 1, expected
        if loaded is not None:
            if loaded.damaged or (is_short and loaded.rest):
                opened.damaged.append(loaded.segment)
            else:
                if is_short:
                    opened.short.append(loaded.segment)
                cut(loaded)
        highest = max(highest, expected)
    if not found and mark is not None and mark.first <= mark.last:
        yield mark.first, mark.last


def _lost(state: State) -> RangeSet:
    """Keys of messages whose loss is known already."""
    bases = {each.epoch: each.base for each in state.totals.epochs}
    return RangeSet(
        (bases[each.epoch] + each.first, bases[each.epoch] + each.last)
        for each in state.totals.losses
        if each.epoch in bases
    )
