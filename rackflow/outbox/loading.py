"""Reads the segment files of an outbox when it is opened: waiting messages, missing messages, and damaged files."""

import shutil
from collections.abc import Sequence
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


def keep_damaged(file: Path, outbox: Path) -> None:
    """Keep a copy of a damaged file as `<outbox>.damaged`, for whoever looks into it. Raises OSError.

    Only the latest one is kept, so that a failing disk does not fill up with them.
    """
    if file.exists():
        shutil.copyfile(file, outbox.with_name(outbox.name + ".damaged"))


@dataclass(slots=True)
class Opened:
    """What was found in the files of an outbox.

    `missing` are keys of messages that should be there and are not. `broken` are files of which nothing could be read, `damaged` files that
    were readable in part: they are set aside after their messages were copied. `short` files only lack their end, and are used on.
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
    missing_ends = _missing_ends(found, mark)
    _sort(found, missing_ends, opened)
    holes = _holes(found, missing_ends, mark)
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


def _missing_ends(found: Sequence[tuple[Path, Loaded | None]], mark: Mark | None) -> list[Range | None]:
    """For each file, the keys at its end that were written and are not in it; None if it ends where it should, as far as is known.

    The last key that a file should have is known from its own head, from the states in all files, from the file after it, or, for the
    newest file, from the mark.
    """
    last_keys = {
        number: last
        for _, loaded in found
        if loaded is not None
        for record in loaded.states
        for number, last in record.segments or ()
    }
    ends, highest = list[Range | None](), 0
    for at, (path, loaded) in enumerate(found):
        is_newest = at == len(found) - 1
        following = found[at + 1][1] if not is_newest else None
        number = int(path.stem) if path.stem.isdecimal() else 0
        expected = last_keys.get(number, 0)
        if not expected and following is not None and following.segment.number == number + 1:
            # The file was the newest when the next one was begun.
            expected = following.segment.head.after_key
        if loaded is not None:
            segment = loaded.segment
            highest = max(highest, segment.head.after_key, segment.index.last if len(segment.index) else 0)
            expected = segment.head.last_key or expected
        if is_newest and mark is not None:
            expected = max(expected, mark.last)
        is_short = highest < expected
        ends.append((highest + 1, expected) if is_short else None)
        highest = max(highest, expected)
    return ends


def _holes(
    found: Sequence[tuple[Path, Loaded | None]], missing_ends: Sequence[Range | None], mark: Mark | None
) -> list[Range]:
    """Keys that were written and are not in the files, as far as is known. They may include keys that were free."""
    if not found:
        return [(mark.first, mark.last)] if mark is not None and mark.first <= mark.last else []
    holes = [hole for _, loaded in found if loaded is not None for hole in loaded.holes]
    return holes + [end for end in missing_ends if end is not None]


def _sort(found: Sequence[tuple[Path, Loaded | None]], missing_ends: Sequence[Range | None], opened: Opened) -> None:
    """Note in `opened` which files are not whole, and cut off what is behind the last whole record of the others. Raises OSError."""
    for (path, loaded), missing_end in zip(found, missing_ends, strict=True):
        if loaded is None:
            opened.broken.append(path)
        elif loaded.damaged or (missing_end is not None and loaded.has_rest):
            opened.damaged.append(loaded.segment)
        else:
            if missing_end is not None:
                opened.short.append(loaded.segment)
            cut(loaded)


def _lost(state: State) -> RangeSet:
    """Keys of messages whose loss is known already."""
    bases = {each.epoch: each.base for each in state.totals.epochs}
    return RangeSet(
        (bases[each.epoch] + each.first, bases[each.epoch] + each.last)
        for each in state.totals.losses
        if each.epoch in bases
    )
